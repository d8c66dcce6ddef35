#!/bin/sh
# What of kernel/ works on a kernel without ESP and GRE, as root, in a network and pid name space of its own: policies
# (guards, shunts), sockets, addresses, routes, events. The rest needs the guest: tests/vm/t_kernel.sh.
#
#     tests/netns/t_kernel.sh BUILD_DIRECTORY
set -u
build=${1:-.}
if [ "${T_KERNEL_INSIDE:-}" = "" ]; then
	[ "$(id -u)" = 0 ] || { echo "t_kernel: needs root"; exit 77; }
	exec env T_KERNEL_INSIDE=1 unshare --net --mount --pid --fork --mount-proc "$0" "$(realpath "$build")"
fi

p=$build/tests/vm/kernel_probe
tmp=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$tmp"' EXIT
failed=0

says() { # says WHAT TEXT CMD...: the output of CMD is TEXT
	what=$1 want=$2
	shift 2
	got=$("$@" 2>&1)
	if [ "$got" = "$want" ]; then
		echo "ok      $what"
	else
		failed=$((failed + 1))
		printf 'NOT OK  %s\nexpected: %s\nfound:    %s\n' "$what" "$want" "$got"
	fi
}
soon() { # soon WHAT FILE LINE: the line appears in the file
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		grep -qx "$3" "$2" && break
		sleep 0.2
	done
	says "$1" "$3" grep -x -m 1 "$3" "$2"
}
policies() { ip xfrm policy | awk '/^src/ { printf "%s%s", sep, $0; sep = "\n"; next } { printf " %s", $0 }' | tr -s ' \t' ' ' | sed 's/ $//' | grep -v socket; }

ip link set lo up
ip link add v0 type veth peer name v1
ip link set v0 up
ip link set v1 up
ip addr add 10.1.0.2/24 dev v0
ip -6 addr add 2001:db8::2/64 dev v0 nodad
ip route add default via 10.1.0.1

says "policies can be had" "xfrm 1" sh -c "$p caps | cut -d' ' -f1-2"

says "a guard" "" $p guard set 80.251.215.33
says "twice" "" $p guard set 80.251.215.33
says "is two policies" "src 80.251.215.33/32 dst 0.0.0.0/0 proto gre dir in action block priority 6779402 ptype main
src 0.0.0.0/0 dst 80.251.215.33/32 proto gre dir out action block priority 6779402 ptype main" policies
says "with IPv6" "" $p guard set 2001:db8::9
says "strict" "" $p guard strict 10.1.0.2
says "are listed" "in 0.0.0.0/0 -> 10.1.0.2/32
out 10.1.0.2/32 -> 0.0.0.0/0
in 2001:db8::9/128 -> ::/0
out ::/0 -> 2001:db8::9/128
in 80.251.215.33/32 -> 0.0.0.0/0
out 0.0.0.0/0 -> 80.251.215.33/32" $p guard list
says "one goes" "" $p guard del 80.251.215.33
ip xfrm policy add src 0.0.0.0/0 dst 9.9.9.9/32 proto 47 dir out action block priority 6779401
says "all go" "4 removed" $p guard clear
says "but what is not ours" "src 0.0.0.0/0 dst 9.9.9.9/32 proto gre dir out action block priority 6779401 ptype main" policies
says "whose place is not taken" "error: EEXIST" $p guard set 9.9.9.9
$p guard clear >"$tmp/cleared"
ip xfrm policy flush

says "a pass" "" $p shunt pass 10.1.0.2/24 9.9.9.0/24 17
says "is three policies" 3 sh -c "ip xfrm policy | grep -c 'priority 175167 ptype main'"
says "a drop in its place" "" $p shunt drop 10.1.0.2/24 9.9.9.0/24 17
says "is three others" 3 sh -c "ip xfrm policy | grep -c 'action block priority 575167'"
says "goes" "" $p shunt del 10.1.0.2/24 9.9.9.0/24 17
says "in full" "" policies

says "an SPI" 0xc0000001 $p spi 10.1.0.2 80.251.215.33 0xc0000001 0xc0000001
says "is given back" "" $p spi-free 10.1.0.2 80.251.215.33 0xc0000001
says "and can be had again" 0xc0000001 $p spi 10.1.0.2 80.251.215.33 0xc0000001 0xc0000001

$p udp 4 4500 natt 60 >"$tmp/udp4" 2>&1 &
pid=$!
soon "a socket for ESP in UDP" "$tmp/udp4" open
$p udp 6 4500 natt 60 >"$tmp/udp6" 2>&1 &
soon "one with IPv6 beside it" "$tmp/udp6" open
$p udp 4 500 plain 60 >"$tmp/udp500" 2>&1 &
soon "one for port 500" "$tmp/udp500" open
says "policies pass them by" 6 sh -c "ip xfrm policy | grep -c 'socket \(in\|out\)'"
says "a second one says who has the port" "port 4500 is held by kernel_probe (pid $pid)
error: EADDRINUSE" $p udp 4 4500 natt 1
says "nobody has another" nobody $p holder 4501

says "a port shared by ike and three workers: by the marker, and by SPI" "keep-alive: 0
short: 0
empty: 0
ike: 0
spi 256: 2
spi 257: 3
spi 258: 1
spi ffffffff: 1" $p shared 4 4600 3
says "by one worker, with IPv6" "keep-alive: 0
short: 0
empty: 0
ike: 0
spi 256: 1
spi 257: 1
spi 258: 1
spi ffffffff: 1" $p shared 6 4600 1
says "not with a stranger" "error: EADDRINUSE" $p shared 4 4500 1

if [ -c /dev/net/tun ]; then
	says "a TUN device" "gre8 %any -> %any mtu 1500 ttl 0 tos 0 down peer %any" $p tun gre8 1
	says "goes when it is let go" "" sh -c "ip link show gre8 2>/dev/null"
	$p tun gre8 2 1400 10.3.0.1/30 60 >"$tmp/tun" 2>&1 &
	pid=$!
	soon "one with two queues, address and MTU" "$tmp/tun" "gre8 %any -> %any mtu 1400 ttl 0 tos 0 up 10.3.0.1/30 peer 10.3.0.2"
	says "which is no persistent one" 1 sh -c "ip -d link show gre8 | grep -c 'multi_queue.*persist off'"
	says "its name is taken" "error: EEXIST" $p tun gre8 2
	kill "$pid"
	wait "$pid" 2>/dev/null
	says "it goes with its maker" "" sh -c "ip link show gre8 2>/dev/null"
	says "a name that another interface has" "error: EEXIST" $p tun v0 1
	says "too many queues" "error: EINVAL" $p tun gre9 9
fi

says "local addresses" "10.1.0.2
2001:db8::2" $p addrs
says "no room for them" "10.1.0.2
error: ENOSPC" $p addrs 1
says "the way to a peer" "10.1.0.2 v0" $p route 80.251.215.33
says "with a wish" "10.1.0.2 v0" $p route 80.251.215.33 10.1.0.2
says "with a wrong one" "error: ENETUNREACH" $p route 80.251.215.33 10.1.0.3
says "to nobody" "error: EINVAL" $p route 0.0.0.0
says "with IPv6" "2001:db8::2 v0" $p route 2001:db8::1
says "an answer" reply $p ping 10.1.0.2
says "an answer with IPv6" reply $p ping 2001:db8::2
says "no such interface" "error: ENODEV" $p gre get gre1
says "no GRE" "error: EEXIST" $p gre get v0
says "no GRE with these ends" "error: ENODEV" $p gre find 10.1.0.2 80.251.215.33

$p events 60 >"$tmp/events" 2>&1 &
soon "events" "$tmp/events" ready
ip link set v0 mtu 1300
ip addr add 10.2.0.1/32 dev v0
ip addr del 10.2.0.1/32 dev v0
ip link set v1 down
soon "a new MTU" "$tmp/events" 'link v0 up mtu 1300'
soon "a new address" "$tmp/events" 'addr 10.2.0.1'
soon "an address gone" "$tmp/events" 'addr 10.2.0.1 gone'
soon "a link that lost its other end" "$tmp/events" 'link v0 down mtu 1300'
ip link del v0
soon "a link gone" "$tmp/events" 'link v0 down gone mtu 1300'

[ $failed = 0 ] && echo "all passed"
exit $failed
