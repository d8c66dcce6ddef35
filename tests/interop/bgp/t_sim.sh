#!/bin/bash
# The simulation's outcomes once more, by FRR: what a storm of our engines has come to and the oracle has computed (tests/sim/
# bgp_storm -f) is set up as name spaces with FRR on the same links, sessions and networks; each of its tables must have the same
# best paths, from the same neighbor and with the same next hop.
#
# tests/interop/bgp/t_sim.sh [BUILD_DIRECTORY] [SEED...]      default: 5 at whose ends much is announced; 20 with GRETEL_LONG
set -u
here=$(dirname "$(readlink -f "$0")")
[ ! -d "${1:-}" ] || { GRETEL_BUILD=$1; shift; }
. "$here/lab.sh"
storm=${GRETEL_BUILD:-$LAB_TOP/build/release}/tests/sim/bgp_storm
[ -x "$storm" ] || { echo "no $storm: make check builds it"; exit 77; }
seeds=$*
[ -n "$seeds" ] || seeds="74 75 99 155 230"
[ $# -gt 0 ] || [ -z "${GRETEL_LONG:-}" ] || seeds+=" 47 67 87 128 147 175 187 203 212 234 264 274 280 294 295"

# frr_conf NAME: of $NODE_TMP/world.
frr_conf() {
	awk -v me="$1" '
		$1 == "speaker" && $2 == me { print "router bgp " $4; as = $4
			print " bgp router-id " $3 "\n no bgp network import-check\n no bgp ebgp-requires-policy\n bgp log-neighbor-changes" }
		$1 == "peer" && $2 == me { print " neighbor " $3 " remote-as " as "\n neighbor " $3 " timers connect 1"
			print " neighbor " $3 " advertisement-interval 0"
			if ($4 == "client") client[$3] }
		$1 == "network" && $2 == me { net[$3] }
		END { print " address-family ipv4 unicast"
			for (p in client) print "  neighbor " p " route-reflector-client"
			for (p in net) print "  network " p
			print " exit-address-family" }' "$NODE_TMP/world"
}

links_up() {
	local word a aa b bb i=0
	while read -r word a aa b bb; do
		[ "$word" != link ] || node_link "$a" l$i "$aa/30" "$b" l$i "$bb/30"
		i=$((i + 1))
	done <"$NODE_TMP/world"
	while read -r word a aa b bb; do
		[ "$word" != way ] || net_of "$a" ip route add "$aa" via "$b" metric "$bb"
	done <"$NODE_TMP/world"
}

# Lines PREFIX PEER NEXT-HOP, sorted.
wanted() { awk -v me="$1" '$1 == "best" && $2 == me { print $3, $4, $5 }' "$NODE_TMP/world" | sort; }
found() {
	vty "$1" "show ip bgp json" | jq -r '.routes | to_entries[] | .key as $p | .value[] | select(.bestpath) |
		"\($p) \(.peerId) \(.nexthops[0].ip)"' | sort
}
agrees() { diff <(wanted "$1") <(found "$1"); }
all_agree() {
	local s
	for s in $speakers; do agrees $s || return; done
}

# The world of $NODE_TMP/world, with FRR everywhere. On a busy machine one may not have begun in time.
set_up() {
	local n s good=true starts=()
	for n in r1 r2 c1 c2 c3; do node_new $n; done
	links_up
	for s in $speakers; do
		frr_conf $s >"$NODE_TMP/$s.conf"
		lab_speaker $s frr $s "$NODE_TMP/$s.conf" >/dev/null 2>&1 &
		starts+=($!)
	done
	for s in "${starts[@]}"; do wait "$s" || good=false; done
	$good
}
take_down() {
	local n
	for n in r1 r2 c1 c2 c3; do node_gone $n; done
}

seed() {
	local s
	"$storm" -f "$1" >"$NODE_TMP/world" || { not_ok "seed $1" "the storm itself fails"; return; }
	speakers=$(awk '$1 == "speaker" { print $2 }' "$NODE_TMP/world")
	[ -n "$speakers" ] || { not_ok "seed $1" "nobody runs at its end"; return; }
	set_up || { take_down; set_up; } || { take_down; not_ok "seed $1" "FRR does not start"; return; }
	soon 40 all_agree
	for s in $speakers; do check "seed $1: $s has what the simulation has, $(wanted $s | wc -l) prefixes" agrees $s; done
	take_down
}

for s in $seeds; do seed $s; done
lab_summary
