#!/bin/bash
# The article as a whole: {gretel, FRR} at cn, us and home on the seed's files, the golden routes and tables, pings from a LAN at
# home to us; what happens to the routes when the tunnel or OpenVPN goes, and when they come back.
#
# LAB_ONLY="frr-frr-frr gretel-frr-gretel ..." runs only those cells; also: falls. The short form takes three of the eight.

. "$(dirname "$0")/lab.sh"
. "$(dirname "$0")/lab-gretel.sh"
. "$(dirname "$0")/lab-cells.sh"
. "$(dirname "$0")/lab-routing.sh"

part() { case " ${LAB_ONLY:-$1} " in *" $1 "*) ;; *) return 1 ;; esac; }
no_frr() { ! on "$1" pgrep -l 'bgpd|zebra|charon|starter'; }

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
	tunnel $h down >/dev/null 2>&1 &
	if [ $h = us ] || [ "${prog[us]}" = gretel ]; then
		check "$c: the tunnel is deleted: us has lost its routes within 1 s" within 1000 us_lacks_lans
		echo "        after $(cat /lab/took) ms"
	fi
	wait
	tunnel $h up >/dev/null 2>&1
	check "$c: it is up again: us has its routes back within 2 s" within 2000 us_has_lans
	echo "        after $(cat /lab/took) ms"
	check "$c: and pings go" wait_for 10 lan_ping
	lab_cut
	check "$c: packets are dropped in silence: routes gone within the liveness time" within 4500 us_lacks_lans
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
cell_routes gretel gretel gretel
cell_routes frr gretel gretel
cell_routes gretel frr frr
if [ -n "${GRETEL_LONG:-}${LAB_ONLY:-}" ]; then
	cell_routes gretel frr gretel
	cell_routes gretel gretel frr
	cell_routes frr frr gretel
	cell_routes frr gretel frr
	cell_routes frr frr frr
fi
falls gretel gretel gretel
[ -z "${GRETEL_LONG:-}" ] || { falls gretel frr frr; falls frr gretel gretel; }
lab_summary
