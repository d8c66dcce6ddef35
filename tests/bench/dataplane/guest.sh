#!/bin/bash
# The kernel's own ESP and GRE between two name spaces of the guest, for tests/bench/dataplane/run --guest: prints its figures, a line each:
# subject, key, value. The guest's processor is emulated, AES included: no ratio to anything else means a thing.
set -eu
seconds=${GRETEL_BENCH_SECONDS:-4}
for m in esp4 xfrm_user ip_gre veth; do modprobe $m; done
key=0x$(printf '%072d' 1)
for n in a b; do ip netns add $n; done
ip link add va netns a type veth peer name vb netns b
end() { # end NODE DEVICE OWN OTHER INNER
	ip -n "$1" addr add "$3/24" dev "$2"
	ip -n "$1" link set lo up
	ip -n "$1" link set "$2" up
	for way in out in; do
		if [ $way = out ]; then set -- "$1" "$2" "$3" "$4" "$5" "$3" "$4"; else set -- "$1" "$2" "$3" "$4" "$5" "$4" "$3"; fi
		ip -n "$1" xfrm state add src "$6" dst "$7" proto esp spi "0x1000${6##*.}" mode transport reqid 1 replay-window 32 \
			aead 'rfc4106(gcm(aes))' "$key" 128 sel src "$6" dst "$7" proto gre
		ip -n "$1" xfrm policy add src "$6" dst "$7" proto gre dir $way tmpl src "$6" dst "$7" proto esp mode transport reqid 1
	done
	ip -n "$1" link add gre1 type gre local "$3" remote "$4"
	ip -n "$1" link set gre1 up mtu 1400
	ip -n "$1" addr add "$5/30" dev gre1
}
end a va 10.99.0.1 10.99.0.2 10.98.0.1
end b vb 10.99.0.2 10.99.0.1 10.98.0.2
ip netns exec a ping -c 1 -W 2 10.98.0.2 >/dev/null || { echo "nothing comes through" >&2; exit 1; }
ip netns exec b iperf3 -s >/dev/null &
sleep 1
figure() { # figure KEY OPTION...
	local key=$1
	shift
	printf 'kernel-guest\t%s\t%s\n' "$key" "$(ip netns exec a iperf3 -J -c 10.98.0.2 -t "$seconds" "$@" |
		jq '.end.sum_received.bits_per_second / 1e9')"
}
figure 1
figure 4 -P 4
figure 1r -R
figure 4r -R -P 4
kill %1
