#!/bin/bash
# tests/vm/boot -t 1200 tests/vm/t_esp_diff.sh: our ESP and GRE against the kernel's with the same keys (esp_peer.c): what one side
# seals the other opens, and what one refuses the other refuses. GRETEL_LONG=1: ten times as many packets. GRETEL_VM_CPU=max: with intel-ipsec-mb, where gretel has it.
set -u
. "$(dirname "$0")/lab.sh"
P=$GRETEL_BUILD/tests/vm/esp_peer
PACKETS=1500
[ -z "${GRETEL_LONG:-}" ] || PACKETS=30000

# k: the kernel's end, u: ours. The link carries large packets whole.
ends() {
	mkdir -p /lab
	mountpoint -q /lab || mount -t tmpfs -o mode=755 tmpfs /lab
	_lab_hosts k u && _lab_link k k-u u u-k | ip -batch - || return
	_lab_set k 'ip link set k-u mtu 9000; addr 198.18.0.1/24 k-u; ip route add 198.18.1.0/24 via 198.18.0.2'
	_lab_set u 'ip link set u-k mtu 9000; addr 198.18.0.2/24 u-k; ip route add local 198.18.1.0/24 dev lo'
	# What the kernel says on its own account would be mistaken for answers.
	on k nft -f - <<-END
		table ip6 quiet {
			chain out { type filter hook output priority 0; icmpv6 type { 131, 132, 143, 133, 135, 136 } drop; }
		}
	END
	wait_for 10 on u ping -n -c 1 -W 1 198.18.0.1
}
socket() {
	on k "$GRETEL_BUILD/tests/vm/kernel_probe" udp 4 4500 natt 3000 >/lab/k/udp 2>&1 &
	wait_for 5 grep -q open /lab/k/udp
}
sas() { on u "$P" batch $PACKETS >/lab/batch && on k ip -batch /lab/batch; }
xstat() { on k awk -v n="$1" '$1 == n { print $2 }' /proc/net/xfrm_stat; }
is() { [ "$1" -eq "$2" ] || { echo "$1, not $2"; return 1; }; }

modprobe -a xfrm_user esp4 ip_gre nf_tables
ends || exit 1
check "a socket that unpacks ESP from UDP" socket
check "the kernel takes all SAs" sas
while read -r word rest; do
	case $word in
	--) echo "-- $rest" ;;
	ok) ok "$rest" ;;
	NOT) not_ok "${rest#OK }" ;;
	replayed)
		set -- $rest
		check "the kernel has counted $1 replays" is "$(xstat XfrmInStateSeqError)" "$1"
		check "and $3 forgeries" is "$(xstat XfrmInStateProtoError)" "$3"
		;;
	*) not_ok "esp_peer" "$word $rest" ;;
	esac
done < <(on u "$P" run $PACKETS ${LAB_ONLY:-} 2>&1 || echo "exit $?")
lab_summary
