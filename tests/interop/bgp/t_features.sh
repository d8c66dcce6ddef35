#!/bin/bash
# Every feature of the BGP speaker against FRR and BIRD: features/*.cases; the first of them says how a case is written.
#
# tests/interop/bgp/t_features.sh [BUILD_DIRECTORY] [CASE...]
#
#   SUBJECT=gretel (the default) or frr: who is tested; FRR in gretel's place proves that a case is right
#   OTHERS="frr bird"                    against whom
#   JOBS=6                               runs side by side: most of the time of a case is waiting
#   KEEP=DIRECTORY                       captures, configurations and logs go there
#
# p -- s -- q: s is the subject, 10.1.0.1 and fd00:1::1 towards p (10.1.0.2), 10.2.0.1 and fd00:2::1 towards q (10.2.0.2), which is FRR.
# Each has a connected network: p 192.168.1.0/24 and fd00:a::/64, q .2 and fd00:b::, s .3 and fd00:c::.
set -u
here=$(dirname "$(readlink -f "$0")")
[ ! -d "${1:-}" ] || { export GRETEL_BUILD=$1; shift; }
. "$here/lab.sh"
subject=${SUBJECT:-gretel} others=${OTHERS:-frr bird}
[ "$subject" != gretel ] || greteld_path >/dev/null || { echo "no greteld with a BGP speaker in GRETEL_STAGE or GRETEL_BUILD"; exit 77; }
cases=$NODE_TMP/cases
cat "$here"/features/*.cases >"$cases"

# ---- Side by side: the list of runs, and workers that take the next one each. A worker is this script with RUNS, the list.
next_run() { # the line of the list that nobody has taken yet
	flock "$RUNS" sh -c 'n=$(cat "$1.next"); echo $((n + 1)) >"$1.next"; sed -n "${n}p" "$1"' sh "$RUNS"
}
if [ -z "${RUNS:-}" ]; then
	RUNS=$NODE_TMP/runs
	for name in $(sed -n 's/^== //p' "$cases"); do
		[ $# -eq 0 ] || [[ " $* " == *" $name "* ]] || continue
		for other in $others; do
			awk -v c="$name" -v s="[$other]" '/^== / { in_case = $2 == c } in_case && $0 == s { exit 1 }' "$cases" || echo "$name $other"
		done
	done >"$RUNS"
	echo 1 >"$RUNS.next"
	export RUNS
	{
		for ((i = 0; i < ${JOBS:-6}; i++)); do "$0" "$@" & done
		wait
	} | tee "$RUNS.out"
	[ "$(grep -c ': tshark finds nothing wrong' "$RUNS.out")" -eq "$(wc -l <"$RUNS")" ] || echo "NOT OK  runs that have not come to their end" | tee -a "$RUNS.out"
	lab_passed=$(grep -c '^ok' "$RUNS.out") lab_failed=$(grep -c '^NOT OK' "$RUNS.out")
	lab_summary
	exit
fi

# ---- the nodes, for all cases of a worker
for n in p s q; do node_new $n; done
node_link p s0 10.1.0.2/24,fd00:1::2/64 s p0 10.1.0.1/24,fd00:1::1/64
node_link q s0 10.2.0.2/24,fd00:2::2/64 s q0 10.2.0.1/24,fd00:2::1/64
node_link p d0 192.168.1.1/24,fd00:a::1/64 p d1 ''
node_link q d0 192.168.2.1/24,fd00:b::1/64 q d1 ''
node_link s d0 192.168.3.1/24,fd00:c::1/64 s d1 ''
net_of p ip route add 10.2.0.0/24 via 10.1.0.1
net_of q ip route add 10.1.0.0/24 via 10.2.0.1

# ---- what a case may say
says() { "${@:2}" | grep -qxF -- "$1"; }
grep_in() { "${@:2}" | grep -qE -- "$1"; }
is() { [ "$("${@:2}")" = "$1" ]; }
fails() { ! "$@"; }
is_up() { is Established session p "$kind" "${1:-10.1.0.1}"; }
up() { check "$id: the session comes up" soon 12 is_up "${1:-10.1.0.1}"; }
q_up() { check "$id: q's session comes up" soon 12 is Established session q frr "${1:-10.2.0.1}"; }
never_up() { sleep 3; check "$id: the session does not come up" fails is_up "${1:-10.1.0.1}"; }
down() { check "$id: the session ends within $1 s" soon "$1" fails is_up "${2:-10.1.0.1}"; }
# p_has PREFIX [LINE...], q_has: the other one's best route has these lines.
has_all() {
	local line
	route "$1" "$2" "$3" >"$NODE_TMP/route"
	[ -s "$NODE_TMP/route" ] || return
	for line in "${@:4}"; do grep -qxF -- "$line" "$NODE_TMP/route" || return; done
}
has() {
	local node=$1 k=$2 prefix=$3 line
	shift 3
	soon 8 has_all "$node" "$k" "$prefix" "$@"
	check "$id: $node has $prefix" grep -q . "$NODE_TMP/route"
	for line; do check "$id: $node has $prefix with $line" says "$line" cat "$NODE_TMP/route"; done
}
p_has() { has p "$kind" "$@"; }
q_has() { has q frr "$@"; }
p_lacks() { check "$id: p has no $1" soon "${2:-6}" is '' route p "$kind" "$1"; }
q_lacks() { check "$id: q has no $1" soon "${2:-6}" is '' route q frr "$1"; }
p_never() { sleep 1.5; check "$id: p never has $1" is '' route p "$kind" "$1"; }
q_never() { sleep 1.5; check "$id: q never has $1" is '' route q frr "$1"; }
p_paths() { check "$id: p has $2 paths of $1" soon 8 is "$2" paths p "$kind" "$1"; }
# Our routes have a protocol number of their own; all else is compared.
in_kernel() {
	local r
	r=$(net_of s ip "${3:--4}" route show "$1" | sed -E 's/proto (71|gretel) /proto bgp /')
	echo "$r"
	grep -qE -- "$2" <<<"$r"
}
# s_kernel PREFIX TEXT: the subject's kernel has the route, by this expression
s_kernel() { soon 8 in_kernel "$@"; check "$id: s has $1 ($2) in its kernel" in_kernel "$@"; }
s_kernel_not() { check "$id: s has no $1 in its kernel" soon "${2:-6}" fails in_kernel "$1" .; }
# p_knows JQ TEXT: what the other one says about the neighbour: an expression of jq for FRR, a regular one for BIRD
p_knows() {
	if [ "$kind" = frr ]; then
		check "$id: FRR knows: $1" soon 4 frr_knows "$1" "${3:-10.1.0.1}"
	else
		check "$id: BIRD knows: $2" soon 4 grep_in "$2" bird_neighbour
	fi
}
frr_knows() { [ "$(vty p "show bgp neighbors $2 json" | jq ".\"$2\" | $1")" = true ]; }
# Without what BIRD offers itself.
bird_neighbour() { bird_cmd p show protocols all subject | sed '/Local capabilities/,/Neighbor capabilities/d'; cat "$NODE_TMP/p/log"; }
# s_add LINE...: the subject's frr.conf gets these lines, while it runs
s_add() {
	local l
	if [ "$subject" = frr ]; then
		vty s 'configure terminal' "$@"
	else
		for l; do echo "$l"; done >>"$NODE_TMP/s/frr.conf"
		gretel_cmd s reload
	fi
}
s_clear() { if [ "$subject" = frr ]; then vty s "clear bgp $*"; else gretel_cmd s clear bgp "$@"; fi; }
# s_sent "-ge N" FILTER, p_sent: so many packets with a message like this, by a filter of tshark
s_sent() { check "$id: s has sent $1: $2" soon 10 test_sent "(ip.src == 10.1.0.1 || ipv6.src == fd00:1::1)" "$@"; }
p_sent() { check "$id: p has sent $1: $2" soon 10 test_sent "(ip.src == 10.1.0.2 || ipv6.src == fd00:1::2)" "$@"; }
test_sent() { local n; n=$(tshark_read bgp -Y "$1 && ($3)" | wc -l); [ "$n" "${2% *}" "${2#* }" ]; }
start_s() { lab_speaker s "$subject" s "$NODE_TMP/s.conf"; }
start_p() { lab_speaker p "$kind" p "$NODE_TMP/p.conf"; }
# nsenter stops when its child does, and has to be woken too, or it never takes the child's end.
freeze() {
	local x
	for x in $(node_pids s); do
		kill "-$1" "$x" 2>/dev/null
		# shellcheck disable=SC2046
		[ "$1" != CONT ] || kill -CONT $(ps -o ppid= -p "$x") 2>/dev/null
	done
}

# ---- a case
section() { # section CASE NAME: its text, with what the words that begin with @ stand for
	awk -v c="$1" -v s="$2" '
		/^== / { in_case = $2 == c; part = ""; next }
		in_case && /^\[.*\]$/ { part = substr($0, 2, length($0) - 2); next }
		in_case && part == s' "$cases" | awk -v s="$2" '
		function router(id, peer) {
			print "router bgp 65000\n bgp router-id " id "\n neighbor " peer " remote-as 65000"
			print " neighbor " peer " timers connect 1"
		}
		$1 == "@router" { router(s == "subject" ? "10.1.0.1" : s == "q" ? "10.2.0.2" : "10.1.0.2",
			s == "subject" ? "10.1.0.2" : s == "q" ? "10.2.0.1" : "10.1.0.1"); next }
		$1 == "@q" { print " neighbor 10.2.0.2 remote-as 65000\n neighbor 10.2.0.2 timers connect 1"; next }
		$1 == "@head" { print "log stderr all;\nrouter id 10.1.0.2;\nprotocol device {}"; next }
		$1 == "@networks" { for (i = 0; i < 1124; i++) print "  network " $2 "." int(i / 256) "." i % 256 ".0/24"; next }
		$1 == "@routes" { for (i = 0; i < 1124; i++) print "route " $2 "." int(i / 256) "." i % 256 ".0/24 blackhole;"; next }
		$1 == "@static" { print "protocol static { ipv4; route 192.168.1.0/24 blackhole; }"; next }
		{ sub(/@common/, "local 10.1.0.2 as 65000; neighbor 10.1.0.1 as 65000; direct; connect delay time 1; connect retry time 2; error wait time 1, 2;")
		  sub(/@ipv4/, "ipv4 { import all; export where source = RTS_STATIC; next hop self; };"); print }'
}

run_case() {
	local name=$1
	kind=$2 id="$name ($2)" tshark_but=
	section "$name" subject >"$NODE_TMP/s.conf"
	section "$name" "$kind" >"$NODE_TMP/p.conf"
	section "$name" q >"$NODE_TMP/q.conf"
	lab_stop s
	for n in p q; do lab_kill $n; routes_gone $n; done
	cap_start bgp s p0 tcp port 179 || return
	start_p || { not_ok "$id" "p does not start"; cap_stop bgp; return; }
	[ ! -s "$NODE_TMP/q.conf" ] || lab_speaker q frr q "$NODE_TMP/q.conf" || not_ok "$id" "q does not start"
	if start_s >"$NODE_TMP/start" 2>&1; then
		eval "$(section "$name" do)"
	else
		not_ok "$id: $subject starts" "$(cat "$NODE_TMP/start")"
	fi
	cap_stop bgp
	[ -z "${KEEP:-}" ] || { mkdir -p "$KEEP/$name-$kind" && cp -r "$NODE_TMP"/{bgp.pcap,[spq],[spq].conf} "$KEEP/$name-$kind"; } 2>/dev/null
	check "$id: tshark finds nothing wrong" cap_errors bgp "(ip.src == 10.1.0.1 || ipv6.src == fd00:1::1)${tshark_but:+ && !($tshark_but)}"
}

while read -r name other < <(next_run); do
	run_case "$name" "$other" >"$NODE_TMP/result" 2>&1
	flock "$RUNS" cat "$NODE_TMP/result"
done
