#!/bin/bash
# The matrix: {gretel, strongSwan} at cn and at us, on the seed's files as they are. What the kernel holds, what status says of
# it, and that GRE never travels in the clear where gretel plays.
#
# LAB_ONLY="gretel-swan ..." runs only those cells; also: four, codes.

. "$(dirname "$0")/lab.sh"
. "$(dirname "$0")/lab-gretel.sh"
. "$(dirname "$0")/lab-cells.sh"

part() { case " ${LAB_ONLY:-$1} " in *" $1 "*) ;; *) return 1 ;; esac; }
pings=5
[ -z "${GRETEL_LONG:-}" ] || pings=100

# ---- what is there, from three mouths, one line for each direction

# spi, addresses, reqid, window, ports, algorithms, bytes, packets, drops: replay-window, replay, failed
kernel_sas() {
	on "$1" ip -s xfrm state | awk -v own="$(own "$1")" '
		function flush() {
			if (spi != "") print dir, "spi=" spi, "src=" src, "dst=" dst, "reqid=" reqid, "window=" window, \
				"sport=" sport, "dport=" dport, enc "/" integ, "bytes=" bytes, "packets=" packets, drops
			spi = ""
		}
		/^src/ { flush(); src = $2; dst = $4; dir = dst == own ? "in" : "out"; sport = dport = "null" }
		/proto esp/ { split($4, v, "[x(]"); spi = v[2]; split($6, v, "[(]"); reqid = v[1] }
		/^\treplay-window/ { window = $2 }
		/auth-trunc hmac.sha256/ && $NF == 128 { integ = "HMAC_SHA2_256_128" }
		/enc cbc.aes/ { sub(/.*\(/, ""); enc = "AES_CBC_" $1 }
		/encap type espinudp/ { sport = $5; dport = $7 }
		/bytes\),.*packets\)/ && !/limit/ { bytes = $1 + 0; packets = $2 + 0 }
		/replay-window.*failed/ { drops = "drops=" $2 "," $4 "," $6 }
		END { flush() }' | sed 's/^out \(.*\) window=0 \(.*\) drops=0,0,0$/out \1 \2/' | sort
}

status_sas() {
	gretel "$1" --json statusall | awk -v host="$1" '
		function value(s) { sub(/^[^:]*: /, "", s); gsub(/[",]/, "", s); return s }
		/"child_sas": \[/ { on = 1 }
		/^      \]/ { on = 0 }
		on && /": / { split($0, k, "\""); v[k[2]] = value($0) }
		on && /^        }/ {
			ports = " sport=" v["sport"] " dport=" v["dport"] " " v["proposal"]
			back = " sport=" v["dport"] " dport=" v["sport"] " " v["proposal"]
			print "in spi=" v["spi_in"] " src=" v["remote"] " dst=" v["local"] " reqid=" v["reqid"] \
				" window=" v["replay_window"] back " bytes=" v["bytes_in"] " packets=" v["packets_in"] \
				" drops=" v["replay_window_drops"] "," v["replay_drops"] "," v["integrity_drops"]
			print "out spi=" v["spi_out"] " src=" v["local"] " dst=" v["remote"] " reqid=" v["reqid"] ports \
				" bytes=" v["bytes_out"] " packets=" v["packets_out"]
		}' | sort
}

# The kernel's values in the words of strongSwan's status.
status_text() {
	kernel_sas "$1" | awk '
		{ for (i = 2; i <= NF; i++) { split($i, kv, "="); v[$1 kv[1]] = kv[2]; if ($i ~ /\//) alg = $i } }
		function pkts(n) { return n " pkt" (n == 1 ? "" : "s") }
		END {
			print "INSTALLED, TRANSPORT, reqid " v["inreqid"] ", ESP" (v["insport"] == "null" ? "" : " in UDP") \
				" SPIs: " v["inspi"] "_i " v["outspi"] "_o"
			print alg ", " v["inbytes"] " bytes_i (" pkts(v["inpackets"]) ", "
			print ", " v["outbytes"] " bytes_o (" pkts(v["outpackets"]) ", "
			print v["outsrc"] "/32[gre] === " v["outdst"] "/32[gre]"
		}'
}

has_lines() { # each line of FILE is found in what CMD prints
	local file=$1 out line
	shift
	out=$("$@")
	while read -r line; do
		grep -Fq -- "$line" <<<"$out" || { echo "not found: $line"; echo "$out"; return 1; }
	done <"$file"
}

# The golden shape, and where gretel plays its two guards besides.
golden() {
	cat "$LAB_DIR/golden/$1.xfrm"
	[ "${prog[$1]}" != gretel ] || cat "$LAB_DIR/golden/guard-$1.xfrm"
}

# ---- the checks of one cell

pings_count() { # the pings of h to the other end, and nothing else, are in the counters of both ends' SAs
	local h=$1 o k before after
	o=$(other "$h")
	before="$(sa_packets "$h" out) $(sa_packets "$h" in) $(sa_packets "$o" out) $(sa_packets "$o" in)"
	ping_gre "$h" "$(inner "$o")" $pings || return
	after="$(sa_packets "$h" out) $(sa_packets "$h" in) $(sa_packets "$o" out) $(sa_packets "$o" in)"
	set -- $before
	for k in $after; do
		[ $((k - $1)) = $pings ] || { echo "before: $before; after: $after"; return 1; }
		shift
	done
}

no_charon() { ! on "$1" pgrep -l 'charon|starter'; }

status_shows() { # HOST REGEX...
	local h=$1 out re
	shift
	out=$(gretel "$h" status tunnel)
	for re; do grep -Eq -- "$re" <<<"$out" || { echo "no '$re' in:"; echo "$out"; return 1; }; done
}

same_fields() { diff <(kernel_sas "$1") <(status_sas "$1"); }

# The last bytes of a ping may still be under way to a counter: two looks.
check_status() {
	local h=$1
	check "$c: status at $h is ip xfrm field by field" same_fields "$h"
	status_text "$h" >"/lab/$h.words"
	check "$c: and as text" has_lines "/lab/$h.words" gretel "$h" statusall tunnel
	check "$c: status at $h shows gre1, its address, its MTU, and the weak group" status_shows "$h" \
		"GRE interface gre1, $(inner "$h")/30, MTU 1400, up" 'warning, weak algorithm in use, MODP_1024' \
		'tunnel is up$' 'ESTABLISHED'
}

down_prints() { # HOST: the words of `gretel down`
	local out
	out=$(gretel "$1" down tunnel) || { echo "exit code $?"; echo "$out"; return 1; }
	grep -q 'deleting IKE_SA tunnel\[' <<<"$out" && [ "$(tail -n 1 <<<"$out")" = 'tunnel is down' ] || { echo "$out"; return 1; }
}

up_prints() {
	local out
	out=$(gretel "$1" up tunnel) || { echo "exit code $?"; echo "$out"; return 1; }
	grep -q 'initiating IKE_SA tunnel\[' <<<"$out" && grep -q 'CHILD_SA tunnel{[0-9]*} established with SPIs' <<<"$out" &&
		grep -q "^connection 'tunnel' established successfully" <<<"$out" || { echo "$out"; return 1; }
}

has_no_sas() { [ -z "$(spis "$1")" ]; }

# gretel at h is alone: it asks, and nobody answers.
alone() {
	local h=$1
	end_start "$h"
	check "$c: the guards at $h are there before the peer is" wait_for 10 _guarded "$h"
	no_clear_gre "$c, before up" "$h"
}
_guarded() { [ "$(on "$1" ip xfrm policy | grep -c 'action block')" = 2 ]; }

matrix() {
	local h c="$1-$2"
	part "$c" || return 0
	cell "$1" "$2" || { not_ok "$c" "no lab"; return; }
	esp_count us us-wan >/dev/null
	if [ "$2" = gretel ]; then
		alone us
		[ "$1" = swan ] || end_stop us
	fi
	if [ "$1" = gretel ]; then
		alone cn
		end_start us
	else
		[ "$2" = gretel ] || end_start us
		end_start cn
	fi
	for h in cn us; do check "$c: $h is up" wait_for 30 end_up $h; done
	check "$c: one SA pair" settles 15
	for h in cn us; do
		check "$c: the SAs and policies at $h are the golden shape" diff -u <(golden $h | xfrm_canon) <(xfrm_shape $h)
	done
	wait_for 5 _pinged
	check "$c: $pings pings from cn are $pings ESP packets at both ends, each way" pings_count cn
	check "$c: and so from us" pings_count us
	check "$c: ESP was seen outside" test "$(esp_count us us-wan)" -ge $((2 * pings))
	for h in cn us; do
		[ "${prog[$h]}" = gretel ] || continue
		check "$c: no charon at $h" no_charon $h
		check_status $h
		no_clear_gre "$c, while up" $h
	done
	# Down and up again, at the end that gretel plays.
	for h in cn us; do
		[ "${prog[$h]}" = gretel ] || continue
		check "$c: gretel down at $h" down_prints $h
		check "$c: no SA is left at either end" eval 'wait_for 5 has_no_sas cn && wait_for 5 has_no_sas us'
		no_clear_gre "$c, after down" $h
		check "$c: gretel up at $h" up_prints $h
		check "$c: the first ping after it is answered" ping_gre $h "$(inner "$(other $h)")" 1
		check "$c: one SA pair again" settles 15
	done
	for h in cn us; do
		[ "${prog[$h]}" = gretel ] || continue
		end_kill9 $h
		no_clear_gre "$c, after kill -9" $h
		on $h ip xfrm state flush proto esp
		no_clear_gre "$c, and without its SAs" $h
	done
	if [ "$1$2" != swanswan ]; then
		[ "$1" != gretel ] || check "$c: cn has sent no GRE in the clear, ever" test "$(gre_at_wan $ADDR_cn)" = 0
		[ "$2" != gretel ] || check "$c: us has sent no GRE in the clear, ever" test "$(gre_at_wan $ADDR_us)" = 0
	fi
}
_pinged() { ping_gre cn 10.0.0.1 1; }

# ---- economy: zero loss, one side waits: an establishment is four packets

four() { # INITIATOR; the other end has auto=add, and so has this one: `up` begins
	local i=$1 o n
	o=$(other "$i")
	cap_start four cnrt cnrt-wan udp port 500 or '(udp port 4500 and udp[8:4] = 0)'
	if [ "${prog[$i]}" = gretel ]; then gretel "$i" up tunnel >/dev/null; else on "$i" ipsec up tunnel >/dev/null; fi
	check "four, ${prog[cn]}-${prog[us]}: up, begun by $i" wait_for 10 end_up "$o"
	# The end that was asked has answered before its script has run: it takes pings from then on.
	check "four: and gre1 is there at $o" wait_for 10 eval "on $o ip -4 route show dev gre1 2>/dev/null | grep -q ."
	check "four: and its first ping" ping_gre "$i" "$(inner "$o")" 1
	sleep 2
	cap_stop four
	n=$(cap_count four)
	if [ "$n" = 4 ]; then ok "four: exactly four IKE packets"; else
		not_ok "four: $n IKE packets instead of four" "$(tcpdump -Z root -n -r /lab/four.pcap 2>/dev/null | cut -c1-110)"
	fi
}

# Nothing sleeps or polls between `up` and the first ping: whenever a role of greteld waits, it is for an event, never for the
# clock. In a trace a wait that the clock ended returns 0, and a sleep has a line of its own.
ROLES="priv ike hook"
trace_start() {
	local r p
	for r in $ROLES; do
		p=$(gretel_pid "$1" $r) || return
		on "$1" sh -c 'exec strace -qq -o "/lab/$1.trace" -p "$2" \
			-e trace=epoll_wait,epoll_pwait,epoll_pwait2,poll,ppoll,select,pselect6,nanosleep,clock_nanosleep,pause \
			</dev/null >/lab/strace.err 2>&1 &' sh "$1.$r" "$p"
		wait_for 10 _traced "$1" "$p" || { cat /lab/strace.err >&2; return 1; }
	done
}
_traced() { on "$1" grep -q '^TracerPid:.*[1-9]' "/proc/$2/status"; }
trace_stop() { on "$1" pkill strace && wait_for 10 _untraced "$1"; }
_untraced() { ! on "$1" pgrep strace >/dev/null; }
events_only() { # HOST
	local r n
	for r in $ROLES; do
		if grep -v '^epoll_p*wait2*(.*) = [1-9]' "/lab/$1.$r.trace" | grep -Ev '<(unfinished|detached) \.\.\.>$|^strace: '; then
			echo "$r has waited for the clock"
			return 1
		fi
		n=$(grep -c '= [1-9]' "/lab/$1.$r.trace")
		echo "        $r was woken $n times, each time by an event" >>/lab/events
		[ "$n" -ge 1 ] || { echo "$r has done nothing at all"; return 1; }
	done
}
no_clock() { # INITIATOR
	local i=$1 o h
	o=$(other "$i")
	gretel "$i" down tunnel >/dev/null
	wait_for 10 has_no_sas "$o"
	sleep 12 # what is done ten seconds after the last exchange of keys (memory is given back) is over
	for h in cn us; do
		[ "${prog[$h]}" != gretel ] || trace_start $h || { not_ok "no clock: a trace at $h" ""; return; }
	done
	: >/lab/events
	check "no clock, ${prog[cn]}-${prog[us]}: up, begun by $i" gretel "$i" up tunnel
	check "no clock: and its first ping" ping_gre "$i" "$(inner "$o")" 1
	for h in cn us; do
		[ "${prog[$h]}" = gretel ] || continue
		trace_stop $h
		check "no clock: nothing at $h sleeps or polls from up to the first ping" events_only $h
	done
	cat /lab/events
}

economy() { # CN US INITIATOR
	local h
	part four || return 0
	cell "$1" "$2" || { not_ok "four" "no lab"; return; }
	cell_auto cn add
	cell_auto us add
	# The guest's processors are emulated: patience, or a fifth packet would tell of their speed. And strongSwan, which takes the address
	# inside of the tunnel for one that its peer should know (MOBIKE), is not to tell of it.
	for h in cn us; do
		printf 'charon {\n retransmit_timeout = 8\n interfaces_ignore = gre1\n}\n' | on $h sh -c 'for d in /etc/strongswan.d /etc/strongswan/strongswan.d; do
			[ ! -d $d ] || tee $d/zz-slow.conf; done' >/dev/null
	done
	end_start cn & end_start us & wait
	four "$3"
	[ "${prog[$3]}" != gretel ] || no_clock "$3"
}

# ---- exit codes

code() { # CODE CMD...
	local want=$1 got=0
	shift
	"$@" >/lab/code.out 2>&1 || got=$?
	[ $got = "$want" ] || { echo "exit code $got, expected $want"; cat /lab/code.out; return 1; }
}
in_time() { # SECONDS CMD...
	local limit=$1 from=$SECONDS
	shift
	"$@" || return
	[ $((SECONDS - from)) -le "$limit" ] || { echo "it took $((SECONDS - from)) s"; return 1; }
}

codes() {
	part codes || return 0
	cell gretel swan || { not_ok "codes" "no lab"; return; }
	check "codes: up without a daemon is 7" code 7 gretel cn up tunnel
	end_start cn
	check "codes: up of what nobody answers is 1, within 11 s" in_time 11 code 1 gretel cn up tunnel
	check "codes: and its sentence says who does not answer" grep -q 'no answer from 80.251.215.33\|80.251.215.33.*refused' /lab/code.out
	check "codes: up of a name that is none is 2" code 2 gretel cn up nobody
	check "codes: down of a name that is none is 2" code 2 gretel cn down nobody
	check "codes: up without a name is 2" code 2 gretel cn up
	check "codes: status of what is down is 0" code 0 gretel cn status tunnel
	check "codes: with --strict it is 1" code 1 gretel cn --strict status tunnel
	check "codes: down of what is down is 0" code 0 gretel cn down tunnel
	end_start us
	check "codes: up is 0" code 0 gretel cn up tunnel
	check "codes: --strict status is 0 then" code 0 gretel cn --strict status tunnel
	check "codes: up of what is up is 0" code 0 gretel cn up tunnel
	check "codes: reload is 0" code 0 gretel cn reload
	check "codes: guard clear is 1 while the daemon runs" code 1 gretel cn guard clear
}

gretel_install || exit
matrix gretel swan
matrix swan gretel
matrix gretel gretel
[ -z "${GRETEL_LONG:-}${LAB_ONLY:-}" ] || matrix swan swan
economy gretel swan cn
economy swan gretel cn
economy gretel gretel us
codes
lab_summary
