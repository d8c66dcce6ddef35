# shellcheck shell=bash
# BGP speakers in nodes of this host (node.sh), to be sourced by a bash script that runs as root.
#
#   lab_speaker NAME KIND NODE CONF      starts a speaker and returns when it listens. KIND: frr (zebra, bgpd, and bfdd when the
#                                        file speaks of bfd), bird, gretel. CONF: a frr.conf, for bird a bird.conf. The files of the
#                                        instance are in $NODE_TMP/NAME
#   lab_stop NODE                        ends all that runs in the node, in an orderly way, and removes BGP's routes from its kernel
#   lab_kill NODE [NAME...]              kill -9 for all, or for processes of these names
#   vty NODE CMD...                      vtysh: each argument a command
#   bird_cmd NODE CMD...                 birdc
#   gretel_cmd NODE ARG...               gretel
#   session NODE KIND PEER               the state of the session with PEER, as "Established", from either kind
#   route NODE KIND PREFIX               what the best route is, a line each: nexthop, origin, path, locpref, med, community, ext, large,
#                                        originator, cluster, aggregator, in the same form from every kind; nothing: there is none
#   paths NODE KIND PREFIX               how many paths there are
#   cap_start NAME NODE IFACE [FILTER]   tcpdump into $NODE_TMP/NAME.pcap; returns when it captures
#   cap_stop NAME
#   cap_errors NAME [FILTER]             what tshark calls malformed or an error in BGP; FILTER: more of a display filter, such as
#                                        'ip.src == 10.0.0.1'. Succeeds when there is nothing
#   cap_count NAME FILTER                packets that match a display filter of tshark
#   ok NAME | not_ok NAME REASON | check NAME CMD... | skip NAME REASON | lab_summary       as in tests/vm/lab.sh

LAB_HERE=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
LAB_TOP=$(cd "$LAB_HERE/../../.." && pwd)
. "$LAB_HERE/node.sh"
lab_passed=0 lab_failed=0
BIRD=$(tool bird) BIRDC=$(tool birdc) VTYSH=$(tool vtysh) JQ=$(tool jq) TCPDUMP=$(tool tcpdump) TSHARK=$(tool tshark)

# A daemon that reads no frr.conf has no speaker.
greteld_path() {
	local p
	for p in "${GRETEL_STAGE:-$LAB_TOP/build/stage}/usr/sbin/greteld" "${GRETEL_BUILD:-$LAB_TOP/build/release}/greteld"; do
		[ ! -x "$p" ] || ! grep -q frr_conf "$p" || { echo "$p"; return; }
	done
	return 1
}

# ---- speakers

lab_start() { # lab_start NAME NODE CMD...
	local name=$1 node=$2
	shift 2
	on "$node" "$@" >>"$NODE_TMP/$name/log" 2>&1 </dev/null &
	disown
}

listens() { net_of "$1" ss -Hltn 'sport = 179' | grep -q .; }

lab_speaker() {
	local name=$1 kind=$2 node=$3 conf=$4 dir=$NODE_TMP/$1
	mkdir -p "$dir"
	: >"$dir/log"
	case $kind in
	frr)
		cp "$conf" "$dir/frr.conf"
		chmod 644 "$dir/frr.conf"
		on "$node" sh -c 'rm -rf /run/frr/*'
		lab_start "$name" "$node" "${CACHE_ENV[@]}" "$(tool zebra)" -f "$dir/frr.conf"
		soon 5 on "$node" test -e /run/frr/zserv.api || { cat "$dir/log"; return 1; }
		if grep -q bfd "$conf"; then
			lab_start "$name" "$node" "${CACHE_ENV[@]}" "$(tool bfdd)" -f "$dir/frr.conf" --bfdctl /run/frr/bfdd.sock
			soon 5 on "$node" test -e /run/frr/bfdd.vty
		fi
		lab_start "$name" "$node" "${CACHE_ENV[@]}" "$(tool bgpd)" -f "$dir/frr.conf"
		;;
	bird)
		cp "$conf" "$dir/bird.conf"
		lab_start "$name" "$node" "${CACHE_ENV[@]}" "$BIRD" -f -c "$dir/bird.conf" -s /run/bird/ctl
		;;
	gretel)
		cp "$conf" "$dir/frr.conf"
		chmod 644 "$dir/frr.conf"
		echo "routing = { module = \"bgp\"; frr_conf = \"$dir/frr.conf\"; };" >"$dir/gretel.conf"
		chmod 600 "$dir/gretel.conf"
		lab_start "$name" "$node" "$(greteld_path)" -n -c "$dir/gretel.conf"
		;;
	esac
	soon 8 listens "$node" || { echo "$name ($kind) does not listen"; tail -n 20 "$dir/log"; return 1; }
}

idle_node() { [ -z "$(node_pids "$1")" ]; }

# 71 is gretel's protocol number.
routes_gone() {
	local p
	for p in bgp 71; do
		net_of "$1" ip route flush proto $p
		net_of "$1" ip -6 route flush proto $p
	done
	net_of "$1" ip nexthop flush
} >/dev/null 2>&1

lab_stop() {
	local pids
	pids=$(node_pids "$1")
	# shellcheck disable=SC2086
	[ -z "$pids" ] || kill $pids 2>/dev/null
	# shellcheck disable=SC2046
	soon 4 idle_node "$1" || kill -KILL $(node_pids "$1") 2>/dev/null
	routes_gone "$1"
	return 0
}

process_over() { [ ! -e "/proc/$1" ] || grep -q '^State:.*Z' "/proc/$1/status"; }

lab_kill() {
	local node=$1 p n killed=()
	shift
	for p in $(node_pids "$node"); do
		n=$(cat "/proc/$p/comm" 2>/dev/null)
		[[ $# -gt 0 && " $* " != *" $n "* ]] || { kill -KILL "$p" 2>/dev/null && killed+=("$p"); }
	done
	# A successor finds no socket of theirs.
	for p in "${killed[@]}"; do soon 5 process_over "$p"; done
	return 0
}

vty() {
	local node=$1 c args=()
	shift
	for c; do args+=(-c "$c"); done
	on "$node" "${CACHE_ENV[@]}" "$VTYSH" --vty_socket /run/frr "${args[@]}"
}
bird_cmd() { local node=$1; shift; on "$node" "${CACHE_ENV[@]}" "$BIRDC" -s /run/bird/ctl "$@"; }
gretel_cmd() { local node=$1; shift; on "$node" "$(dirname "$(greteld_path)")/../bin/gretel" "$@"; }
jq() { "${CACHE_ENV[@]}" "$JQ" "$@"; }

# ---- the same question to either kind

family() { case $1 in *:*) echo ipv6 ;; *) echo ipv4 ;; esac; }

# What FRR's commands answer in JSON; gretel has their key names.
bgp_json() { # bgp_json NODE KIND CMD
	if [ "$2" = frr ]; then vty "$1" "show bgp $3 json"; else gretel_cmd "$1" show bgp $3 --json; fi
}

session() {
	if [ "$2" = bird ]; then
		bird_cmd "$1" show protocols all | awk -v peer="$3" '/^[a-z]/ { up = $6 } $1 == "Neighbor" && $2 == "address:" && $3 == peer { print up }'
	elif [ "$2" = frr ]; then
		vty "$1" "show bgp neighbors $3 json" | jq -r ".\"$3\".bgpState // empty"
	else
		gretel_cmd "$1" show bgp neighbor "$3" --json | jq -r ".\"$3\".bgpState // empty"
	fi
}

bird_route() { bird_cmd "$1" show route "${2}" all | sed 1d; }

route() {
	if [ "$2" = bird ]; then
		bird_route "$1" "$3" | awk '
			/\[.*\]/ && / \* /  { best = 1 } /\[.*\]/ && !/ \* / { best = 0 }
			!best { next }
			{ v = $0; sub(/^[^:]*: */, "", v) }
			/BGP.origin:/ { sub(/Incomplete/, "incomplete", v); print "origin " v } /BGP.as_path:/ { print "path " v }
			/BGP.next_hop:/ { split(v, a, " "); print "nexthop " a[1] }
			/BGP.med:/ { print "med " v } /BGP.local_pref:/ { print "locpref " v }
			/BGP.(community|large_community):/ { gsub(/[(]/, "", v); gsub(/[)]/, "", v); gsub(/, /, ":", v); gsub(/,/, ":", v)
				print ($0 ~ /large/ ? "large " : "community ") v }
			/BGP.ext_community:/ { gsub(/[()]/, "", v); gsub(/, /, ":", v); print "ext " v }
			/BGP.originator_id:/ { print "originator " v } /BGP.cluster_list:/ { print "cluster " v }
			/BGP.aggregator:/ { split(v, a, " "); sub(/AS/, "", a[2]); print "aggregator " a[2] " " a[1] }
			/BGP.atomic_aggr:/ { print "atomic" }'
		return
	fi
	bgp_json "$1" "$2" "$(family "$3") unicast $3" | jq -r '
		[.paths[]? | select(.bestpath.overall)][0] // empty |
		"origin " + .origin, "path " + (.aspath.string | sub("Local"; "")), "nexthop " + .nexthops[0].ip,
		(if .metric != null then "med \(.metric)" else empty end),
		(if .locPrf != null then "locpref \(.locPrf)" else empty end),
		(if .community then "community " + .community.string else empty end),
		(if .extendedCommunity then "ext " + (.extendedCommunity.string | ascii_downcase) else empty end),
		(if .largeCommunity then "large " + .largeCommunity.string else empty end),
		(if .originatorId then "originator " + .originatorId else empty end),
		(if .clusterList then "cluster " + (.clusterList.list | join(" ")) else empty end),
		(if .aggregatorAs then "aggregator \(.aggregatorAs) " + .aggregatorId else empty end),
		(if .atomicAggregate then "atomic" else empty end),
		(if .stale then "stale" else empty end)'
}

paths() {
	if [ "$2" = bird ]; then
		bird_route "$1" "$3" | grep -c '\[.*\].*('
	else
		bgp_json "$1" "$2" "$(family "$3") unicast $3" | jq '.paths | length'
	fi
}

# ---- packets

cap_start() {
	local name=$1 node=$2 iface=$3
	shift 3
	# A function in the background would be a shell between us and tcpdump. Of frames of 256 KiB, which -s 0 is, the usual
	# buffer holds eight, and a burst has more.
	nsenter -t "${NODE[$node]}" -n -- "${CACHE_ENV[@]}" "$TCPDUMP" -Z root -U --immediate-mode -s 65535 -B 16384 -n -i "$iface" -w "$NODE_TMP/$name.pcap" "$@" \
		</dev/null >/dev/null 2>"$NODE_TMP/$name.err" &
	echo $! >"$NODE_TMP/$name.pid"
	disown
	soon 5 grep -q 'listening on' "$NODE_TMP/$name.err" || { cat "$NODE_TMP/$name.err"; return 1; }
}

cap_stop() {
	kill "$(cat "$NODE_TMP/$1.pid")"
	soon 5 grep -q 'dropped by kernel' "$NODE_TMP/$1.err"
	! grep '^[1-9].* dropped by kernel' "$NODE_TMP/$1.err"
}

tshark_read() { "${CACHE_ENV[@]}" "$TSHARK" -n -r "$NODE_TMP/$1.pcap" "${@:2}" 2>/dev/null; }

cap_errors() {
	local bad
	bad=$(tshark_read "$1" -Y "bgp && (_ws.malformed || _ws.expert.severity == error)${2:+ && ($2)}" \
		-T fields -e frame.number -e _ws.col.Info -e _ws.expert.message)
	[ -z "$bad" ] || { echo "$bad"; return 1; }
}
cap_count() { tshark_read "$1" -Y "$2" | wc -l; }

# ---- checks

ok() {
	lab_passed=$((lab_passed + 1))
	echo "ok      $1"
}
not_ok() {
	lab_failed=$((lab_failed + 1))
	echo "NOT OK  $1: ${2:-}"
}
skip() { echo "skipped $1: $2"; }
check() {
	local name=$1 out
	shift
	if out=$("$@" 2>&1); then ok "$name"; else not_ok "$name" "$(tail -n 20 <<<"$out")"; fi
}
lab_summary() {
	echo "$lab_passed passed, $lab_failed failed"
	[ $lab_failed -eq 0 ]
}
