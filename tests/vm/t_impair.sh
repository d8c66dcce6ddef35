#!/bin/bash
# tests/vm/boot -t 600 tests/vm/t_impair.sh: gretel at cn makes mistakes on purpose (src/ike/impair.c), strongSwan at us has to bear
# them. Whatever the mistake: nobody dies, no GRE of ours travels in the clear, and when it ends the tunnel comes up, with one pair
# of SAs, in the eyes of both. Wants a build of its own: scripts/dev-stage impair.
#
# GRETEL_LONG=1: all of the table instead of the rows with a star.
set -u
. "$(dirname "${BASH_SOURCE[0]}")/lab.sh"
. "$(dirname "${BASH_SOURCE[0]}")/lab-gretel.sh"
. "$(dirname "${BASH_SOURCE[0]}")/lab-pair.sh"
. "$(dirname "${BASH_SOURCE[0]}")/lab-years.sh"

# Who begins, and the order. rekey: gretel does, in a tunnel that is up. down: gretel ends it.
table() {
	cat <<-'END'
		* gretel omit auth request AUTH
		* gretel omit auth request IDi
		  gretel omit auth request SA
		  gretel omit auth request TSr
		* gretel corrupt auth request AUTH
		  gretel corrupt auth request SA
		* gretel double auth request AUTH
		  gretel double auth request TSi
		  gretel omit auth request N:USE_TRANSPORT_MODE
		* gretel omit sa_init request KE
		  gretel omit sa_init request No
		* gretel corrupt sa_init request KE
		  gretel corrupt sa_init request SA
		* gretel omit auth request 1
		  gretel corrupt auth request 1-2
		  gretel delay auth request 3000ms 1
		* gretel double sa_init, double auth
		* strongswan omit sa_init response KE
		  strongswan corrupt sa_init response No
		* strongswan omit auth response AUTH
		  strongswan corrupt auth response AUTH
		* strongswan omit auth response TSi
		  strongswan omit auth response SA
		  strongswan double auth response IDr
		  strongswan omit auth response 1
		* strongswan delay auth response 2500ms 1
		  strongswan corrupt auth response 1
		* rekey omit create_child request No
		  rekey omit create_child request TSi
		* rekey corrupt create_child request SA
		  rekey double create_child request No
		* rekey omit create_child request 1
		* down omit informational request D
		  down omit informational request
		* down corrupt informational request D
		  down double informational
	END
}

begun_anew() {
	gretel_stop cn
	gretel_start cn
	priv=$(gretel_pid cn priv) ike=$(gretel_pid cn ike)
}
alive() { # both daemons are those from before
	says "$priv" gretel_pid cn priv && says "$ike" gretel_pid cn ike && says "$charon" on us cat /run/charon.pid
}

suffer() { # suffer WHO ORDER
	local who=$1 order=$2
	gretel cn down tunnel >/dev/null 2>&1
	wait_for 3 us_idle || on us ipsec down tunnel >/dev/null 2>&1
	case $who in
	rekey | down) gretel cn up tunnel >/dev/null 2>&1 ;;
	strongswan) begun_anew ;; # neither held, so that it answers, nor wanted, so that it does not begin
	esac
	mark cn
	gretel cn impair "$order" || { not_ok "$order" "not understood"; return; }
	case $who in
	gretel) on cn timeout 6 gretel up tunnel ;;
	strongswan) on us timeout 6 ipsec up tunnel ;;
	rekey) gretel cn rekey tunnel child; sleep 3 ;;
	down) gretel cn --timeout 4 down tunnel ;;
	esac >/dev/null 2>&1
	wait_for 3 suffered
	gretel cn impair none
	check "$who, $order: it was done" suffered
	gretel cn up tunnel >/lab/up.txt 2>&1
	check "$who, $order: afterwards the tunnel is up" up_again
	check "$who, $order: nobody has died" alive
	check "$who, $order: nothing in the clear" says 0 clear_of_cn
}
suffered() { _since cn | grep -q 'impair: '; }
up_again() {
	wait_for 45 pinging cn 10.0.0.1 && pair_within 15 && swan_up us && gretel_up cn && return
	cat /lab/up.txt
	one_pair
	_since cn | tail -n 8
	tail -n 8 "$(swan_log us)"
	return 1
}

gretel_install && lab_up && clear_watch || exit
lab_seed cn
lab_seed us
for h in cn us; do printf "charon {\n retransmit_timeout = 1.5\n retransmit_tries = 3\n}\n" | on $h sh -c 'cat >/etc/strongswan.d/zz-impair.conf'; done
conf cn & conf us & wait
swan_start us & gretel_start cn & wait
check "up before" first_up
# An attempt whose IKE_AUTH is wrong ends with its last retransmission, and another begins.
files "keyingtries=%forever" "dpdaction=clear dpddelay=5s"
priv=$(gretel_pid cn priv) ike=$(gretel_pid cn ike) charon=$(on us cat /run/charon.pid)
while read -r who order <&5; do
	suffer "$who" "$order"
done 5< <(table | if [ -n "${GRETEL_LONG:-}" ]; then cat; else grep '^\*'; fi | sed 's/^[* ] *//')
lab_summary
