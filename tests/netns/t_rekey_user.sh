#!/bin/bash
# Rekeys with the data plane in user space, on this host: gretel at both ends, child SAs and IKE SAs, by either end and by both at once,
# under a ping every hundredth of a second, and by what has passed. No ping is lost, and nothing is left over.
#
#     tests/netns/t_rekey_user.sh     takes gretel from $GRETEL_STAGE (scripts/dev-stage); GRETEL_LONG: for five minutes
# shellcheck disable=SC1091
here=$(dirname "$(readlink -f "$0")")
. "$here/lab-host.sh"
. "$here/../vm/lab.sh"
. "$here/../vm/lab-gretel.sh"
. "$here/../vm/lab-pair.sh"
lab_programs ping nft tcpdump

rounds=4
[ -z "${GRETEL_LONG:-}" ] || rounds=60

user_end() { # user_end HOST N KEY=VALUE...: 198.18.N.33, 10.0.8.N inside
	local host=$1 n=$2
	shift 2
	on "$host" sh -c 'umask 077; mkdir -p /etc/gretel; cat >/etc/gretel/gretel.conf' <<-END
		daemon = { dataplane = "user"; };
		ipsec = { conf = "/etc/ipsec.conf"; secrets = "/etc/ipsec.secrets"; strongswan = "/etc/strongswan.conf"; };
	END
	conn pair left=198.18.$n.33 right=198.18.$((3 - n)).33 auto=start reauth=no dpdaction=restart dpddelay=10s \
		x-gre-name=gre1 x-gre-address=10.0.8.$n/30 "$@" | on "$host" sh -c 'cat >/etc/ipsec.conf'
	secret "$host" pair
}
one_of_each() {
	local text
	text=$(gretel "$1" status pair)
	[ "$(grep -c ESTABLISHED <<<"$text")" = 1 ] && [ "$(grep -c INSTALLED <<<"$text")" = 1 ]
}
news() { grep -c "$2" "$(gretel_log "$1")"; }
rekey() { gretel "$@" >/lab/rekey.txt 2>&1 || { failed=$((failed + 1)); cat /lab/rekey.txt; }; }

gretel_install && lab_up || exit
lab_peer p1 1 && lab_peer p2 2 || exit
user_end p1 1
user_end p2 2
gretel_start p1 & gretel_start p2 & wait
check "up" wait_for 30 ping_gre p1 10.0.8.2 1
check "one IKE SA and one child to begin with" wait_for 20 one_of_each p1
ping_fast() {
	on p1 ping -n -i 0.01 -W 2 10.0.8.2 >/lab/fast.ping 2>&1 &
	disown
}
ping_lost() { # sets lost to "N of M"
	on p1 pkill -INT ping
	wait_for 5 grep -q 'packets transmitted' /lab/fast.ping
	# The last one may be on its way.
	lost=$(sed -n 's/.*icmp_seq=\([0-9]*\) ttl.*/\1/p' /lab/fast.ping | sort -n | awk '{ last = $1 } END { print last - NR, "of", last }')
}
ping_fast
failed=0
began=$(news p1 'CHILD_SA pair.*established with')
for ((i = 0; i < rounds; i++)); do
	for what in child ike; do
		rekey p1 rekey pair $what
		sleep 0.5
		rekey p2 rekey pair $what
		sleep 0.5
		rekey p1 rekey pair $what &
		rekey p2 rekey pair $what &
		wait
		sleep 1
	done
done
check "each rekey was a success" test $failed = 0
check "one IKE SA and one child are left at p1" wait_for 15 one_of_each p1
check "and at p2" wait_for 15 one_of_each p2
ping_lost
check "$(($(news p1 'CHILD_SA pair.*established with') - began)) child SAs, $(news p1 'rekeyed, now') IKE SAs later: $lost pings are lost" \
	test "${lost%% *}" = 0
check "no whole new IKE SA" test "$(news p1 'initiating IKE_SA')" -le 1
# By what has passed: the soft limit, in either direction, comes before the hard one.
for keys in "lifepackets=600 marginpackets=200" "lifebytes=60000 marginbytes=20000"; do
	# shellcheck disable=SC2086
	user_end p1 1 rekeyfuzz=50% $keys
	gretel p1 reload >/dev/null
	check "$keys: up" wait_for 30 ping_gre p1 10.0.8.2 1
	began=$(news p1 'CHILD_SA pair.*established with')
	ended=$(news p1 'reached its lifetime')
	ping_fast
	wait_for 90 sh -c '[ "$(wc -l </lab/fast.ping)" -ge 1700 ]'
	ping_lost
	n=$(($(news p1 'CHILD_SA pair.*established with') - began))
	check "$keys: $n child SAs later $lost pings are lost, no hard end was met" \
		test "${lost%% *}" = 0 -a $n -ge 3 -a "$(news p1 'reached its lifetime')" = "$ended"
done
check "no GRE in the clear" test "$(clear_gre_at_wan)" = 0
lab_summary
