#!/bin/bash
# tests/vm/boot -t 600 tests/vm/t_years.sh: what comes to a tunnel in years, in minutes: rekeys of both kinds from both sides, at
# once too, reauthentication, a peer that falls silent, restarts, a NAT that forgets. gretel at cn behind its NAT, strongSwan at
# us, whose log must have no complaint (complaints.txt) at the end of each part. t_years_more.sh: what was negotiated besides.
#
# LAB_ONLY="part ...": only those. GRETEL_LONG=1: five minutes of load instead of half of one.
set -u
. "$(dirname "${BASH_SOURCE[0]}")/lab.sh"
. "$(dirname "${BASH_SOURCE[0]}")/lab-gretel.sh"
. "$(dirname "${BASH_SOURCE[0]}")/lab-pair.sh"
. "$(dirname "${BASH_SOURCE[0]}")/lab-years.sh"

CN=121.43.117.81 PLAIN=198.18.1.33
lives="reauth=no lifetime=9s ikelifetime=16s margintime=4s rekeyfuzz=60%"
load=30 tiny=25 reauth=20 crowd=
[ -z "${GRETEL_LONG:-}" ] || load=300 tiny=120 reauth=60 crowd=$lives

# ---- strongSwan and strongSwan: the measure of complaints.txt

_made() { echo $(($(times us 'CHILD_SA plain.*established') + $(times us 'IKE_SA plain.*rekeyed between'))); }
_more() { [ "$(_made)" -gt "$1" ]; }
_plain() { # HOST SA: rekeys it, and waits for the new one
	local n
	n=$(_made)
	on $1 ipsec stroke rekey "plain$2" >/dev/null 2>&1
	wait_for 5 _more "$n"
}
plain() {
	local sa
	mark us; mark p1
	on p1 ipsec up plain >/dev/null 2>&1
	check "two strongSwans: up" wait_for 10 swan_up p1 plain
	for sa in '{*}' '[*]'; do
		_plain p1 "$sa"
		sleep 0.5
		_plain us "$sa"
		sleep 0.5
		on p1 ipsec stroke rekey "plain$sa" >/dev/null 2>&1 &
		on us ipsec stroke rekey "plain$sa" >/dev/null 2>&1 &
		wait
		sleep 1
	done
	check "two strongSwans: $(times us 'CHILD_SA plain.*established') child SAs, $(times us 'IKE_SA plain.*rekeyed between') rekeyed IKE SAs" \
		test "$(times us 'CHILD_SA plain.*established')" -ge 4 -a "$(times us 'IKE_SA plain.*rekeyed between')" -ge 3
	[ -z "$crowd" ] || crowd
	on us ipsec down plain >/dev/null 2>&1
	on p1 ipsec up plain >/dev/null 2>&1
	on p1 ipsec down plain >/dev/null 2>&1
	check "two strongSwans: no complaint at one" no_complaints us
	check "two strongSwans: nor at the other" no_complaints p1
}

# The lifetimes of part tiny: which lines of the list two strongSwans have then, excused ones too.
crowd() {
	sleep 60
	echo "        two strongSwans with tiny lifetimes:"
	_since us | grep -Pi "$(_list '^[^#]')" | sed 's/.*\[[0-9]*\] \|.*[0-9]\[/[/; s/0x[0-9a-f]*\|[0-9]\+/N/g' | sort | uniq -c | sed 's/^/        /'
}

# ---- rekeys by command: each kind, each side, and both sides at once

us_rekeys() { on us ipsec stroke rekey "tunnel$1" >/dev/null 2>&1; }
gretel_rekeys() { gretel cn rekey tunnel "$1" >>/lab/rekey.txt 2>&1; }

rekeys() {
	local i=0 until children ikes
	begin "reauth=no dpdaction=restart dpddelay=5s" "reauth=no"
	: >/lab/rekey.txt
	check "rekeys: up" gretel cn up tunnel
	load_start
	until=$((SECONDS + load))
	# Each order comes at least once, however long they take.
	while [ $SECONDS -lt $until ] || [ $i -lt 7 ]; do
		case $((i % 6)) in
		0) gretel_rekeys child ;;
		1) us_rekeys '{*}' ;;
		2) gretel_rekeys ike ;;
		3) us_rekeys '[*]' ;;
		4) gretel_rekeys child & us_rekeys '{*}' & wait $! ;;
		5) gretel_rekeys ike & us_rekeys '[*]' & wait $! ;;
		esac
		i=$((i + 1))
		sleep 1.5
	done
	load_end
	children=$(times us 'CHILD_SA tunnel.*established') ikes=$(times us 'IKE_SA tunnel.*(rekeyed between|established between)')
	check "rekeys: of $i orders came $children child SAs and $ikes IKE SAs" test "$children" -ge $((i / 3)) -a "$ikes" -ge $((i / 3))
	check "rekeys: nothing is lost ($loss)" lossless
	check "rekeys: each order was taken" lacks gretel: cat /lab/rekey.txt
	check "rekeys: one pair of SAs is left" pair_within 15
	check "rekeys: and one IKE SA at each end" one_ike
	check "rekeys: it carries" ping_gre cn 10.0.0.1 3
	check "rekeys: no complaint of strongSwan" no_complaints us
}
one_ike() {
	says 1 sh -c "nsenter -t ${LAB_PID[cn]} -n -m -u -p -- gretel status tunnel | grep -c ESTABLISHED" &&
		says 1 sh -c "nsenter -t ${LAB_PID[us]} -n -m -u -p -- ipsec status tunnel | grep -c ESTABLISHED"
}

# ---- rekeys by the clock: tiny lifetimes at both ends, so that they fall together now and then

tiny() {
	local children ikes
	begin "$lives" "$lives"
	check "tiny lifetimes: up" gretel cn up tunnel
	load_start
	sleep $tiny
	load_end
	children=$(times us 'CHILD_SA tunnel.*established') ikes=$(times us 'IKE_SA tunnel.*(rekeyed between|established between)')
	check "tiny lifetimes: $children child SAs and $ikes IKE SAs in $tiny s" test "$children" -ge $((tiny / 10)) -a "$ikes" -ge $((tiny / 20))
	check "tiny lifetimes: nothing is lost ($loss)" lossless
	check "tiny lifetimes: no complaint of strongSwan" no_complaints us
	gretel cn down tunnel >/dev/null 2>&1
	check "tiny lifetimes: nothing is left at cn" wait_for 10 no_sas cn
	check "tiny lifetimes: nor at us" wait_for 10 no_sas us $CN
}

# ---- reauthentication

reauth() {
	local keys="reauth=yes ikelifetime=18s margintime=9s rekeyfuzz=0%" n
	begin "$keys" "reauth=no"
	check "reauthentication by gretel: up" gretel cn up tunnel
	load_start
	sleep $reauth
	load_end
	n=$(times us 'IKE_SA tunnel.*established between')
	check "reauthentication by gretel: $n IKE SAs in $reauth s" test "$n" -ge 3
	check "reauthentication by gretel: nothing is lost ($loss)" lossless
	check "reauthentication by gretel: no complaint of strongSwan" no_complaints us
	# Make before break at strongSwan too.
	printf 'charon {\n make_before_break = yes\n}\n' | on us sh -c 'cat >/etc/strongswan.d/zz-years.conf'
	us_reads
	begin "reauth=no" "$keys"
	check "reauthentication by strongSwan: up" gretel cn up tunnel
	load_start
	sleep $reauth
	load_end
	n=$(times us 'IKE_SA tunnel.*established between')
	check "reauthentication by strongSwan: $n IKE SAs in $reauth s" test "$n" -ge 3
	check "reauthentication by strongSwan: nothing is lost ($loss)" lossless
	check "reauthentication by strongSwan: no complaint" no_complaints us
	on us rm /etc/strongswan.d/zz-years.conf
	us_reads
}

# ---- a peer that falls silent

# dpdaction at cn, and at us; the short form takes those with a star.
dpd_table() {
	cat <<-'END'
		* restart clear
		  clear restart
		* clear clear
		  hold clear
	END
}
dpd() {
	local cn us began took
	# strongSwan gives up after some seconds instead of three minutes.
	printf 'charon {\n retransmit_timeout = 1\n retransmit_tries = 2\n}\n' | on us sh -c 'cat >/etc/strongswan.d/zz-years.conf'
	us_reads
	while read -r cn us <&5; do
		begin "dpdaction=$cn dpddelay=4s" "dpdaction=$us dpddelay=4s"
		gretel cn up tunnel >/dev/null 2>&1 # which keeps it up, dpdaction or not
		check "dpd, $cn here and $us there: up" ping_gre cn 10.0.0.1 2
		lab_cut
		began=$(now_ms)
		check "dpd, $cn: the silence is noticed" wait_for 12 lacks ESTABLISHED gretel cn status tunnel
		took=$(($(now_ms) - began))
		check "dpd, $cn: within dpddelay ($took ms)" test $took -lt 6500
		check "dpd, $cn: no SA stays" wait_for 5 no_sas cn
		check "dpd, $us: nor with strongSwan" wait_for 20 no_sas us $CN
		lab_heal
		check "dpd, $cn and $us: it is back" wait_for 30 pinging cn 10.0.0.1
		check "dpd, $cn and $us: with one pair" pair_within 15
		check "dpd, $cn and $us: no other complaint of strongSwan" quiet < <(_since us | grep -v 'giving up after 2 retransmits')
	done 5< <(dpd_table | if [ -n "${GRETEL_LONG:-}" ]; then cat; else grep '^\*'; fi | sed 's/^[* ] *//')
	on us rm /etc/strongswan.d/zz-years.conf
	us_reads
}

# ---- restarts of either side

restart() {
	local old
	begin "auto=start dpdaction=restart dpddelay=4s" ""
	gretel cn up tunnel >/dev/null 2>&1
	check "restart: up" ping_gre cn 10.0.0.1 2
	swan_kill9 us
	on us sh -c 'ip xfrm state flush; ip xfrm policy flush'
	swan_start us
	mark us
	check "strongSwan has died: the tunnel is back" wait_for 40 pinging cn 10.0.0.1
	check "strongSwan has died: one pair" pair_within 15
	check "strongSwan has died: no complaint" no_complaints us
	mark us
	gretel_kill9 cn
	gretel_start cn
	check "gretel has died: the tunnel is back" wait_for 20 pinging cn 10.0.0.1
	check "gretel has died: one pair of its own, and strongSwan has it" wait_for 15 pair_of_cn
	check "gretel has died: no complaint" no_complaints us
	mark us
	old=$(_spis cn)
	gretel_stop cn
	# shellcheck disable=SC2086
	check "gretel stops: us knows" wait_for 5 none_at_us $old
	gretel_start cn
	check "gretel starts: the tunnel is back" wait_for 20 pinging cn 10.0.0.1
	check "gretel starts: no complaint" no_complaints us
}

# ---- the NAT before us forgets

nat() {
	local before
	begin "reauth=no dpdaction=restart dpddelay=40s" "reauth=no"
	gretel cn up tunnel >/dev/null 2>&1
	check "NAT: up" ping_gre cn 10.0.0.1 2
	before=$(spis us)
	lab_remap
	check "NAT: the port is another, pings go on" wait_for 15 pinging cn 10.0.0.1
	check "NAT: us sends there" wait_for 10 has "sport 4500 dport 14500" on us ip xfrm state
	check "NAT: in the SAs from before" says "$before" spis us
	us_rekeys '{*}'
	check "NAT: a rekey by strongSwan finds us" wait_for 10 changed "$before"
	gretel_rekeys ike
	check "NAT: a rekey by gretel finds strongSwan" wait_for 10 said us "rekeyed between"
	check "NAT: it carries" ping_gre cn 10.0.0.1 3
	lab_remap_back
	check "NAT: back at the old port" wait_for 20 pinging cn 10.0.0.1
	check "NAT: no complaint of strongSwan" no_complaints us
}
changed() { [ "$(spis us)" != "$1" ]; }

# ---- the run

gretel_install && lab_up && lab_peer p1 1 && clear_watch || exit
lab_seed cn
lab_seed us
# shellcheck disable=SC2086
conn plain left=$PLAIN right=80.251.215.33 auto=add reauth=no $crowd | on p1 sh -c 'cat >/etc/ipsec.conf'
secret p1 password
# shellcheck disable=SC2086
more[us]=$(conn plain left=80.251.215.33 right=$PLAIN auto=add reauth=no $crowd)
wide_window
conf cn & conf us & wait
swan_start us & gretel_start cn & swan_start p1 & wait
check "up before" first_up
for t in ${LAB_ONLY:-plain rekeys tiny reauth dpd nat restart}; do
	echo "-- $t ($SECONDS s)"
	$t
done
check "nothing of ours was in the clear all the while" says 0 clear_of_cn
echo "-- end ($SECONDS s)"
[ -z "${GRETEL_VM_OUT:-}" ] || cp "$(swan_log us)" "$(gretel_log cn)" "$GRETEL_VM_OUT"
lab_summary
