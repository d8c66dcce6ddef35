#!/bin/bash
# The data plane in user space without IKE (tests/bench/dataplane/dp_pair), as root, in name spaces of its own: two ends over a veth pair;
# both families inside and outside, sizes around the MTU, a narrow path and a slow one, streams both ways, keys and checksums of GRE, several
# workers, suites, messages of IKE in a batch of ESP, devices that go away.
#
#     tests/netns/t_esp_pair.sh BUILD_DIRECTORY
set -u
build=${1:-.}
if [ "${T_ESP_PAIR_INSIDE:-}" = "" ]; then
	[ "$(id -u)" = 0 ] || { echo "t_esp_pair: needs root"; exit 77; }
	[ -c /dev/net/tun ] || { echo "t_esp_pair: no /dev/net/tun"; exit 77; }
	exec env T_ESP_PAIR_INSIDE=1 unshare --net --mount --pid --fork --mount-proc "$0" "$(realpath "$build")"
fi
root=${GRETEL_CACHE:-/var/cache/gretel-lab}/root
[ -x "$root/usr/bin/iperf3" ] || { echo "t_esp_pair: no iperf3 in $root: scripts/fetch-lab"; exit 77; }

tmp=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$tmp"' EXIT
mount -t tmpfs none /run
mkdir -p /run/netns
dp=$build/tests/bench/dataplane/dp_pair
failed=0

check() { # check WHAT CMD...
	what=$1
	shift
	if "$@" >"$tmp/out" 2>&1; then
		echo "ok      $what"
	else
		failed=$((failed + 1))
		echo "NOT OK  $what"
		sed 's/^/        /' "$tmp/out" "$tmp/a.log" "$tmp/b.log"
	fi
}
not() { ! "$@"; }
soon() { # soon CMD...: within five seconds
	for ((n = 100; n > 0; n--)); do
		"$@" >/dev/null 2>&1 && return 0
		sleep 0.05
	done
	return 1
}
TOOLS=(env "LD_LIBRARY_PATH=$root/usr/lib/x86_64-linux-gnu" "PATH=$root/usr/bin:$PATH")
echoes() { ip netns exec a "${TOOLS[@]}" ping -q -c 2 -i 0.1 -W 2 "$@"; } # from a; every one comes back
stream() { # stream MBIT SERVER ARGUMENT...: iperf3 from a to b carries at least so much
	local least=$1 to=$2 try server rc=1
	shift 2
	(exec ip netns exec b "${TOOLS[@]}" iperf3 -s) >/dev/null 2>&1 &
	server=$!
	for try in 1 2 3 4 5; do
		sleep 0.2
		timeout 8 ip netns exec a "${TOOLS[@]}" iperf3 -c "$to" -t 1 -J "$@" >"$tmp/stream" 2>&1 && rc=0 && break
	done
	kill $server
	wait $server
	[ $rc -eq 0 ] || { cat "$tmp/stream"; return 1; }
	sed -n '/"sum_received"\|"sum":/,/}/s/.*"bits_per_second":[[:space:]]*\([0-9]*\).*/\1/p' "$tmp/stream" | tail -1 |
		awk -v least="$least" '{ print $1 / 1e6 " Mbit/s" } $1 >= least * 1e6 { good = 1 } END { exit !good }'
}
says() { grep -q -- "$2" "$tmp/$1.log"; }

up() { # up FAMILY ARGUMENT...: two ends that have devices gre1, and gre2 when an argument names it
	local l=10.9.0.1 r=10.9.0.2
	[ "$1" = 4 ] || { l=fd09::1 r=fd09::2; }
	shift
	rm -f "$tmp/a.log" "$tmp/b.log"
	ip netns exec a "$dp" -l $l -r $r -i 0x1001 -o 0x2001 "$@" >"$tmp/a.log" 2>&1 &
	pid_a=$!
	ip netns exec b "$dp" -l $r -r $l -i 0x2001 -o 0x1001 "$@" >"$tmp/b.log" 2>&1 &
	pid_b=$!
	soon says a ready && soon says b ready || { cat "$tmp/a.log" "$tmp/b.log"; return 1; }
	for d in 1 2; do
		for s in a b; do
			ip -n $s link show "gre$d" >/dev/null 2>&1 || continue
			n=$([ $s = a ] && echo 1 || echo 2)
			ip -n $s addr add "10.8.$d.$n/24" dev "gre$d"
			ip -n $s addr add "fd08:$d::$n/64" dev "gre$d" nodad
		done
	done
}
down() {
	kill $pid_a $pid_b
	wait $pid_a $pid_b
	grep -h '^drop' "$tmp/a.log" "$tmp/b.log" | sed 's/^/        /'
}

ip netns add a
ip netns add b
ip link add va netns a type veth peer name vb netns b
for s in a b; do
	n=$([ $s = a ] && echo 1 || echo 2)
	ip -n $s link set lo up
	ip -n $s link set v$s up
	ip -n $s addr add 10.9.0.$n/24 dev v$s
	ip -n $s addr add fd09::$n/64 dev v$s nodad
done

# --- one device, one worker ---
check "two ends" up 4 -d gre1
check "IPv4 inside" echoes 10.8.1.2
check "IPv6 inside" echoes fd08:1::2
for n in 1371 1372; do
	check "an echo of $n octets" echoes -M do -s $n 10.8.1.2
done
check "one more does not fit" not echoes -M do -s 1373 10.8.1.2
check "fragments" echoes -s 9000 10.8.1.2
check "a stream" stream 50 10.8.1.2
check "a stream the other way" stream 50 10.8.1.2 -R
check "four streams of IPv6" stream 50 fd08:1::2 -P 4
check "datagrams of 64 octets" stream 1 10.8.1.2 -u -b 4M -l 64
check "datagrams of 1300 octets" stream 5 10.8.1.2 -u -b 10M -l 1300
# RFC 3948 2.2, and UDP_GRO, which does not look at it
check "a batch of ESP with IKE behind it" ip netns exec a "$dp" -l 10.9.0.1 -r 10.9.0.2 -x esp-ike
check "its message comes to ike" soon says b '^ike 10.9.0.1\[[0-9]*\] a message of IKE$'
check "a batch of IKE with ESP behind it" ip netns exec a "$dp" -l 10.9.0.1 -r 10.9.0.2 -x ike-esp
check "its message comes to ike's port" soon says b '^port 10.9.0.1\[[0-9]*\] a message of IKE'
check "still" echoes 10.8.1.2
path() { ip -n a link set va mtu "$1" && ip -n b link set vb mtu "$1"; }
check "the device goes down" ip -n a link set gre1 down
check "nothing passes" not echoes 10.8.1.2
check "and up again" ip -n a link set gre1 up
check "echoes" soon echoes 10.8.1.2
check "the path becomes narrow" path 1300
refused() { ip netns exec a "${TOOLS[@]}" ping -c 1 -W 1 -M do -s 1372 10.8.1.2 | grep -q "Frag needed\|message too long"; }
check "what is too long is answered" soon refused
check "what is not passes" echoes -M do -s 1200 10.8.1.2
check "a stream adapts" stream 20 10.8.1.2
check "a stream adapts the other way" stream 20 10.8.1.2 -R
check "the path becomes wide" path 1500
check "an interface that is deleted" ip -n a link del gre1
down
check "ESP of no SA was counted, of both batches" says b '^drop spi 4$'
check "ESP that came with IKE was handed over" says b ' from_ike 2 '
check "nobody turned in circles" sh -c "awk '/^cpu/ && \$2 > 15 { exit 1 }' $tmp/a.log"

# --- an interface that is slower than the ciphers ---
check "two ends" up 4 -d gre1
if tc -n a qdisc add dev va root tbf rate 100mbit burst 128k limit 20M 2>/dev/null; then
	check "a slow interface is filled" stream 50 10.8.1.2
	beside() { # the echoes of a ping beside a stream
		stream 20 10.8.1.2 >/dev/null 2>&1 &
		sleep 0.5
		ip netns exec a "${TOOLS[@]}" ping -q -c 20 -i 0.02 -W 2 10.8.1.2
		local rc=$?
		wait $!
		return $rc
	}
	check "a ping beside a stream" beside
	tc -n a qdisc del dev va root
	down
	check "the socket made it wait" not says a ' socket_full 0$'
else
	echo "        no tbf in this kernel"
	down
fi

# --- without DF outside: what is too long is cut outside ---
check "two ends without DF" up 4 -f -d gre1
check "a narrow path" path 1300
check "is no obstacle" echoes -M dont -s 1372 10.8.1.2
check "to a stream either" stream 20 10.8.1.2
path 1500
down

# --- two devices of one tunnel, two workers ---
check "two ends with two workers" up 4 -w 2 -d gre1,key=5 -d gre2,key=6,csum
check "a device with a key" echoes 10.8.1.2
check "another with a key and checksums" echoes 10.8.2.2
check "four streams" stream 50 10.8.1.2 -P 4
check "four streams the other way" stream 50 10.8.2.2 -P 4 -R
down
check "none of them came to the wrong device" not says b '^drop gre'

# --- suites, IPv6 outside ---
for suite in aes128-sha256! aes256ctr-sha512! chacha20poly1305! aes128gcm8-esn!; do
	check "$suite over IPv6" up 6 -s $suite -d gre1
	check "echoes" echoes -s 1300 10.8.1.2
	check "a stream" stream 20 10.8.1.2
	down
	check "nothing was refused" not says b '^drop \(auth\|replay\|padding\)'
done
[ $failed -eq 0 ] || { echo "$failed failed"; exit 1; }
