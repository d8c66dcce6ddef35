# shellcheck shell=bash
# The test network, to be sourced by a bash script that tests/vm/boot runs in the guest, or on a host after
# tests/netns/lab-host.sh.
#
#     home --- wan --- us          home 123.186.228.22   us 80.251.215.33   wan is the .1 of each link
#               |                  cnrt 121.43.117.2 outside, 172.19.0.1/18 inside,
#              cnrt --- cn              static NAT 121.43.117.81 <-> 172.19.42.8 (cn)
#
# Every host is a set of namespaces (net, mount, uts, pid) with its own /run, /tmp-like /lab/HOST, and
# private overlays on /etc and /var. Interfaces: HOST-wan, cn-lan, and at the far end wan-HOST, cnrt-lan.
# /lab is a tmpfs that all hosts and the script itself see.
#
#   lab_up                      modules, namespaces, links, addresses, routes, NAT, the count of clear GRE
#   lab_up_double_nat           the same, with us as 10.9.0.2 behind usrt, static NAT 80.251.215.33 <-> 10.9.0.2
#   lab_up_v6                   the same as lab_up, plus IPv6 everywhere, without NAT: cn is 2001:db8:4::8,
#                               us 2001:db8:3::33, home 2001:db8:1::22, cnrt and wan route
#   lab_add_v6                  adds that to a lab that is up
#   lab_peer NAME N             (not in a subshell) one more host NAME on wan: 198.18.N.33 (2001:db8:12:N::33), interface NAME-wan
#   lab_down                    kills all that runs in the hosts, and removes them
#   lab_loss PERCENT            netem loss on wan's links to cnrt and us, both directions; 0 heals
#   lab_cut | lab_heal          100 % loss there | none
#   lab_remap | lab_remap_back  the NAT forgets cn's flows, and gives those of UDP 4500 the port 14500 (a tunnel with gre1 must be
#                               up) | as before
#
#   on HOST CMD...              runs CMD in HOST (working directory: /)
#   lab_seed HOST               puts the seed's files where the article has them (and where Debian's strongSwan
#                               reads them)
#   wait_for SECONDS CMD...     repeats CMD every 0.2 s until it succeeds; fails after SECONDS
#
#   cap_start NAME HOST IFACE [FILTER]   tcpdump into /lab/NAME.pcap; returns when it captures
#   cap_stop NAME
#   cap_count NAME [FILTER]     how many packets of the capture match the filter
#   esp_count HOST IFACE        ESP packets, plain or in UDP 4500, seen on the interface since the first call for
#                               it (which prints 0)
#   clear_gre_at_wan            GRE packets not in ESP that have reached wan since lab_up, IPv4 and IPv6
#   raw_gre HOST SRC DST        sends one GRE packet (an empty IPv4 header inside) through a raw socket
#   ping_gre HOST ADDR COUNT    prints the number of replies; succeeds when all came
#
#   ok NAME | not_ok NAME REASON         count and print one check
#   check NAME CMD...           ok when CMD succeeds, else not_ok with the end of its output
#   lab_summary                 prints "N passed, N failed"; fails when any failed. Last in a script.
#
# Sourced from here: lab-net.sh (the hosts and links), lab-swan.sh (strongSwan, the shape of the kernel's SAs).

LAB_DIR=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
lab_passed=0
lab_failed=0

# To start a program is most of what a lab costs under emulation, and busybox, which is linked statically, starts in a quarter of
# the time. It must be told where a program lies, or takes its own of that name.
on() {
	local h=$1 c=$2
	shift 2
	[ -n "${LAB_PROGRAM[$c]:-}" ] || _lab_program "$c"
	busybox nsenter -t "${LAB_PID[$h]}" -n -m -u -p -- "${LAB_PROGRAM[$c]}" "$@"
}
declare -A LAB_PROGRAM
_lab_program() {
	local d
	LAB_PROGRAM[$1]=$1
	[ "${1##*/}" = "$1" ] || return
	for d in ${PATH//:/ }; do [ ! -x "$d/$1" ] || { LAB_PROGRAM[$1]=$d/$1; return; }; done
}

# A pipe that nobody writes to: who reads it with a time limit sleeps without another process.
exec {LAB_TICK}<> <(:)
tick() { read -rt "${1:-0.2}" -u "$LAB_TICK" || :; }

wait_for() {
	local until=$((SECONDS + $1 + 1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $until ] || return 1
		tick
	done
}

# ---- packets

cap_start() {
	local name=$1 host=$2 iface=$3
	shift 3
	# Of frames of 256 KiB, which -s 0 is, the usual buffer holds eight, and a burst has more.
	on "$host" sh -c 'n=$1 i=$2; shift 2
		tcpdump -Z root -U --immediate-mode -s 65535 -B 8192 -n -i "$i" -w "/lab/$n.pcap" "$@" </dev/null >/dev/null 2>"/lab/$n.err" &
		echo $! >"/lab/$n.pid"' sh "$name" "$iface" "$@"
	echo "$host" >"/lab/$name.host"
	wait_for 10 grep -q 'listening on' "/lab/$name.err" || { cat "/lab/$name.err" >&2; return 1; }
}

cap_stop() {
	on "$(cat "/lab/$1.host")" kill "$(cat "/lab/$1.pid")"
	wait_for 10 grep -q 'dropped by kernel' "/lab/$1.err"
	! grep '^[1-9].* dropped by kernel' "/lab/$1.err"
}

cap_count() { tcpdump -Z root -n -r "/lab/$1.pcap" ${2:+"$2"} 2>/dev/null | wc -l; }

esp_count() {
	local c="count_$2"
	if ! on "$1" nft list table netdev "$c" >/dev/null 2>&1; then
		on "$1" nft -f - <<-END
			table netdev $c {
				counter seen { }
				chain in {
					type filter hook ingress device "$2" priority 0;
					meta l4proto 50 counter name seen
					udp dport 4500 @th,64,32 != 0 udp length > 9 counter name seen
				}
			}
		END
	fi
	on "$1" nft list counter netdev "$c" seen | sed -n 's/.*packets \([0-9]*\) .*/\1/p'
}

clear_gre_at_wan() { on wan nft list counter inet lab clear | sed -n 's/.*packets \([0-9]*\) .*/\1/p'; }

raw_gre() {
	local family=4 src=$2 dst=$3
	case $3 in *:*) family=6 src="[$2]" dst="[$3]" ;; esac
	# GRE without options, then an IPv4 header with the protocol "no next header".
	printf '\0\0\010\0\105\0\0\024\0\0\0\0\100\073\146\255\012\0\0\001\012\0\0\002' |
		on "$1" socat -u STDIN "IP$family-SENDTO:$dst:47,bind=$src"
}

ping_gre() {
	local n
	n=$(on "$1" ping -n -q -c "$3" -i 0.2 -W 2 "$2" | sed -n 's/.*, \([0-9]*\) received.*/\1/p')
	echo "${n:-0}"
	[ "${n:-0}" = "$3" ]
}

# ---- checks

ok() {
	lab_passed=$((lab_passed + 1))
	echo "ok      $1"
}

not_ok() {
	lab_failed=$((lab_failed + 1))
	echo "NOT OK  $1: ${2:-}"
}

check() {
	local name=$1 out
	shift
	if out=$("$@" 2>&1); then ok "$name"; else not_ok "$name" "$(tail -n 20 <<<"$out")"; fi
}

lab_summary() {
	echo "$lab_passed passed, $lab_failed failed"
	[ $lab_failed -eq 0 ]
}

. "$LAB_DIR/lab-net.sh"
. "$LAB_DIR/lab-swan.sh"
