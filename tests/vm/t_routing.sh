#!/bin/bash
# The article as a whole: {gretel, FRR} at cn, us and home on the seed's files, the golden routes and tables, pings from a LAN at
# home to us; what happens to the routes when the tunnel or OpenVPN goes, and when they come back.
#
# LAB_ONLY="frr-frr-frr gretel-frr-gretel ..." runs only those cells; also: falls.

. "$(dirname "$0")/lab.sh"
. "$(dirname "$0")/lab-gretel.sh"
. "$(dirname "$0")/lab-cells.sh"
. "$(dirname "$0")/lab-routing.sh"

part() { case " ${LAB_ONLY:-$1} " in *" $1 "*) ;; *) return 1 ;; esac; }
watch_routes() { on us sh -c 'exec setsid ip -ts monitor route >/lab/us/routes.log 2>&1' & }
# In KiB, what gretel's processes on a host take; text that hosts share is counted in parts, so only where one host plays gretel.
pss() {
	on "$1" sh -c 'for p in /proc/[0-9]*; do grep -qs ^greteld $p/comm && cat $p/smaps_rollup; done' | awk '/^Pss:/ { n += $2 } END { print n + 0 }'
}
small() {
	local n
	n=$(pss "$1")
	echo "$n" >/lab/took
	[ "$n" -gt 0 ] && [ "$n" -lt 5120 ] || { echo "$n KiB"; return 1; }
}
no_frr() { ! on "$1" pgrep -l 'bgpd|zebra|charon|starter'; }

cn_lost_us() { ! gretel cn show bgp neighbor 10.0.0.1 | grep -q 'BGP state = Established'; }

# The end of the tunnel that an administrator takes down and up: gretel's, where there is one.
tunnel() { # tunnel HOST up|down
	if [ "${prog[$1]}" = gretel ]; then gretel "$1" "$2" tunnel; else on "$1" ipsec "$2" tunnel; fi
}

cell_routes() { # cell_routes CN US HOME
	local c="$1-$2-$3" h
	part "$c" || return 0
	echo "-- $c ($SECONDS s)"
	routing_lab "$@" && routing_start || { not_ok "$c" "no lab"; return; }
	check "$c: pings from a LAN at home to us" wait_for 60 lan_ping
	for h in us home; do check "$c: the routes of $h are the golden ones" wait_for 20 same_routes $h; done
	for h in cn us home; do
		check "$c: the table of $h is the golden one" wait_for 20 same_table $h
		same_table $h
		[ "${router[$h]}" != gretel ] || check "$c: neither FRR nor strongSwan runs at $h" no_frr $h
	done
	[ "$c" = gretel-frr-frr ] || return 0
	sleep 12 # memory is given back ten seconds after the last exchange
	check "$c: with a tunnel and two sessions the daemon takes less than 5 MiB" wait_for 45 small cn
	echo "        $(cat /lab/took) KiB"
}

# The tunnel goes and comes back: gretel at both of its ends, and one of them beside strongSwan and FRR.
falls() { # falls CN US HOME
	local c="falls, $1-$2-$3" h=cn o=us
	part falls || return 0
	echo "-- $c ($SECONDS s)"
	routing_lab "$@" || { not_ok "$c" "no lab"; return; }
	liveness 3
	routing_start || { not_ok "$c" "no lab"; return; }
	[ "${prog[cn]}" = gretel ] || h=us o=cn
	check "$c: up" wait_for 60 lan_ping
	wait_for 20 us_has_lans
	watch_routes
	tunnel $h down >/dev/null 2>&1 &
	if [ $h = us ] || [ "${prog[us]}" = gretel ]; then
		check "$c: the tunnel is deleted: us has lost its routes within 1 s" within 1000 us_lacks_lans
		echo "        after $(cat /lab/took) ms"
	fi
	wait $!
	tunnel $h up >/dev/null 2>&1
	check "$c: it is up again: us has its routes back within 2 s" within 2000 us_has_lans
	echo "        after $(cat /lab/took) ms"
	check "$c: and pings go" wait_for 10 lan_ping
	lab_cut
	# strongSwan and FRR at us notice after minutes.
	if [ "${prog[us]}" = gretel ]; then
		check "$c: packets are dropped in silence: routes gone within the liveness time" within 4500 us_lacks_lans
	else
		check "$c: packets are dropped in silence: cn ends the session within the liveness time" within 4500 cn_lost_us
	fi
	echo "        after $(cat /lab/took) ms"
	lab_heal
	wait_for 90 end_up us
	check "$c: healed, and the tunnel is up: routes are back within 2 s" within 2000 us_has_lans
	echo "        after $(cat /lab/took) ms"
	# OpenVPN.
	wait_for 10 lan_ping
	vpn_stop cn
	check "$c: OpenVPN stopped: the aggregate goes at us" within 1500 lacks_route us 10.0.9.0/30
	check "$c: and the LANs" within 1500 us_lacks_lans
	vpn_start cn
	check "$c: OpenVPN back: the aggregate too" wait_for 60 has_route us 10.0.9.0/30
	check "$c: and the LANs, and pings" wait_for 60 lan_ping
}

gretel_install || exit
modprobe -a tun dummy
for cn in gretel frr; do
	for us in gretel frr; do
		for home in gretel frr; do cell_routes $cn $us $home; done
	done
done
falls gretel gretel gretel
[ -z "${GRETEL_LONG:-}" ] || { falls gretel frr frr; falls frr gretel gretel; }
lab_summary
