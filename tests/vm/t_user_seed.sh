#!/bin/bash
# tests/vm/boot -t 900 tests/vm/t_user_seed.sh: the seed's files and scripts, unchanged, where one end has its data plane in user space and
# the other the kernel's XFRM and ip_gre, under strongSwan or gretel; both ways round, and both in user space. What dies, and comes back.
#
# LAB_ONLY="cells ..." runs only those parts: cells deaths.
set -u
. "$(dirname "${BASH_SOURCE[0]}")/lab.sh"
. "$(dirname "${BASH_SOURCE[0]}")/lab-gretel.sh"
. "$(dirname "${BASH_SOURCE[0]}")/lab-pair.sh"

US=80.251.215.33
declare -A INNER=([us]=10.0.0.1 [cn]=10.0.0.2)

other() { if [ "$1" = cn ]; then echo us; else echo cn; fi; }

# user HOST: gretel there has its own data plane; kernel HOST: that of the kernel. Both with the files of ipsec.
user() {
	on "$1" sh -c 'mkdir -p /etc/gretel; cat >/etc/gretel/gretel.conf' <<-'END'
		daemon = { dataplane = "user"; };
		ipsec = { conf = "/etc/ipsec.conf"; secrets = "/etc/ipsec.secrets"; };
	END
}
kernel() { on "$1" rm -f /etc/gretel/gretel.conf; }
begin() { # begin HOST user|kernel|swan
	case $2 in
	swan) swan_start "$1" ;;
	*) "$2" "$1"; gretel_start "$1" ;;
	esac
}
end() { if [ "$2" = swan ]; then swan_stop "$1"; else gretel_stop "$1"; fi; }
no_gre1() { on "$1" ip link del gre1 2>/dev/null; on "$1" ip tunnel del gre1 2>/dev/null; true; }
# Packets of ESP that the kernel at HOST has taken off.
esp_in() {
	on "$1" ip -s xfrm state | awk -v own="$2" '
		/^src/ { mine = $4 == own }
		/bytes\),.*packets\)/ && !/limit/ && mine { sub(/\(.*/, "", $2); n += $2 }
		END { print n + 0 }'
}
own() { if [ "$1" = cn ]; then echo 172.19.42.8; else echo $US; fi; }

# ---- the seed's files

cell() { # cell CN US: user, kernel or swan
	local what="$1 at cn, $2 at us" u h before
	u=cn
	[ "$1" = user ] || u=us
	for h in cn us; do
		no_gre1 $h
		lab_seed $h
	done
	begin us "$2" & begin cn "$1" & wait
	check "$what: up, and pings pass gre1" wait_for 30 pinging cn 10.0.0.1
	check "$what: the script's gre1 at $u is a TUN device" has "tun " on $u ip -d link show gre1
	check "$what: its MTU is the script's" has "mtu 1400" on $u ip link show gre1
	check "$what: the kernel at $u has no SA" says 0 sa_count $u
	check "$what: status says where the packets go" has "user space" gretel $u status
	h=$(other $u)
	if [ "$1" != "$2" ]; then
		check "$what: $h sees ESP in UDP" has "encap type espinudp" on "$h" ip xfrm state
		# Both ends have begun: with the SA that loses its counts would go.
		wait_for 15 says 2 sa_count "$h"
		before=$(esp_in "$h" "$(own "$h")")
		ping_gre $u "${INNER[$h]}" 10 >/dev/null
		check "$what: ten pings, ten packets of ESP" test $(($(esp_in "$h" "$(own "$h")") - before)) -ge 10
	fi
	check "$what: large pings, in fragments" on cn ping -n -q -c 3 -i 0.2 -s 4000 10.0.0.1
	check "$what: a full packet" on us ping -n -q -c 3 -i 0.2 -M "do" -s 1372 10.0.0.2
	check "$what: TCP both ways" streams
	check "$what: nothing in the clear" says 0 clear_gre_at_wan
	gretel $u down tunnel >/lab/down.txt 2>&1
	check "$what: down: it ends" wait_for 5 lacks INSTALLED gretel $u status tunnel
	[ "$h" = us ] && raw_gre cn 172.19.42.8 $US 2>/dev/null
	check "$what: down: nothing in the clear" says 0 clear_gre_at_wan
	gretel $u up tunnel >/lab/up.txt 2>&1
	check "$what: up again" wait_for 15 pinging cn 10.0.0.1
	if [ "$2" = swan ]; then on us ipsec down tunnel >/dev/null 2>&1; elif [ "$1" = swan ]; then on cn ipsec down tunnel >/dev/null 2>&1; fi
	check "$what: there after a delete by the peer" wait_for 20 pinging cn 10.0.0.1
	end us "$2" & end cn "$1" & wait
	check "$what: stopped: no SA stays" test "$(sa_count cn)$(sa_count us)" = 00
}
# A megabyte each way, through TCP, unchanged.
streams() {
	local from to
	on cn sh -c 'head -c 1000000 /dev/urandom >/tmp/data'
	for from in cn us; do
		to=$(other $from)
		on cn cat /tmp/data | on $from sh -c 'cat >/tmp/sent'
		on "$to" sh -c 'rm -f /tmp/got; timeout 20 socat -u TCP-LISTEN:7777,reuseaddr OPEN:/tmp/got,creat' &
		wait_for 5 has :7777 on "$to" ss -tln
		on $from timeout 20 socat -u OPEN:/tmp/sent TCP:"${INNER[$to]}":7777 || return
		wait $!
		[ "$(on "$to" md5sum </dev/null /tmp/got | cut -d' ' -f1)" = "$(on cn md5sum /tmp/data | cut -d' ' -f1)" ] ||
			{ echo "$from to $to: something else arrived"; return 1; }
	done
}
cells() {
	cell user swan
	cell swan user
	cell user kernel
	cell kernel user
	cell user user
}

# ---- deaths beside a kernel peer

deaths() {
	local lost
	no_gre1 cn; no_gre1 us
	lab_seed cn; lab_seed us
	begin us swan & begin cn user & wait
	check "deaths: up" wait_for 30 pinging cn 10.0.0.1
	wait_for 15 says 2 sa_count us
	pings_start ike cn 10.0.0.1 5
	sleep 1
	gretel_kill9 cn ike
	lost=$(pings_lost ike)
	check "ike is killed: $lost of 25 pings lost" test "$lost" = 0
	gretel_kill9 cn esp
	check "esp is killed: new keys, and pings again" wait_for 15 pinging cn 10.0.0.1
	check "esp is killed: gre1 is there as it was" has "10.0.0.2/30" on cn ip addr show gre1
	gretel_kill9 cn
	raw_gre cn 172.19.42.8 $US 2>/dev/null
	check "all of gretel is killed: nothing in the clear" says 0 clear_gre_at_wan
	gretel_start cn
	check "all of gretel is killed: it comes back" wait_for 30 pinging cn 10.0.0.1
	end us swan & end cn user & wait
}

modprobe -a tun dummy
gretel_install && lab_up || exit
lab_seed cn
lab_seed us
for t in ${LAB_ONLY:-cells deaths}; do
	echo "-- $t ($SECONDS s)"
	$t
done
lab_summary
