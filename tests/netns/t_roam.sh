#!/bin/sh
# Addresses, ways and NATs that change under a tunnel, as root in name spaces of this host, with the data plane in user space: by MOBIKE,
# and without it by a successor. Two uplinks of cn lead to us, whose address is on neither of them.
#
#     tests/netns/t_roam.sh BUILD_DIRECTORY
#
#   cn 10.1.0.2 --- 10.1.0.1 us 192.0.2.1
#      10.2.0.2 --- 10.2.0.1
set -eu
build=${1:-.}
if [ "${T_ROAM_INSIDE:-}" = "" ]; then
	[ "$(id -u)" = 0 ] || { echo "t_roam: needs root"; exit 77; }
	[ -c /dev/net/tun ] || { echo "t_roam: needs /dev/net/tun"; exit 77; }
	exec env T_ROAM_INSIDE=1 unshare --net --mount --pid --fork --mount-proc "$0" "$(realpath "$build")"
fi
. "$(dirname "$0")/hosts.sh"

for h in us cn; do host $h; done
trap 'kill "$us" "$cn" 2> /dev/null; [ -n "${KEEP:-}" ] || rm -rf "$tmp"' EXIT
sleep 0.3
for i in 1 2; do
	ip link add v$i netns "$us" type veth peer name v$i netns "$cn"
	on us ip addr add 10.$i.0.1/24 dev v$i
	on cn ip addr add 10.$i.0.2/24 dev v$i
	on us ip link set v$i up
	on cn ip link set v$i up
done
on us ip link set lo up
on us ip addr add 192.0.2.1/32 dev lo
on cn ip link set lo up
way() { on cn ip route replace default via 10."$1".0.1 dev v"$1"; }
way 1

for h in us cn; do mkdir -p "$tmp/$h"; done
conf() { # MOBIKE
	cat > "$tmp/us/gretel.conf" <<CONF
daemon = { dataplane = "user"; };
tunnels = {
	cn = { remote = "%any"; remote_id = "@cn"; local_id = "@us"; auto = "add"; psk = "a secret of many letters and some digits 12345";
		mobike = $1; gre = { name = "gre1"; address = ["10.0.0.1/30"]; }; };
};
CONF
	cat > "$tmp/cn/gretel.conf" <<CONF
daemon = { dataplane = "user"; };
tunnels = {
	us = { remote = "192.0.2.1"; remote_id = "@us"; local_id = "@cn"; psk = "a secret of many letters and some digits 12345";
		mobike = $1; dpd = { delay = "4s"; }; gre = { name = "gre1"; address = ["10.0.0.2/30"]; }; };
};
CONF
}

carries() { ping_from us 10.0.0.2 "$@"; }
state() { say cn statusall us --json | python3 -c 'import json, sys
c = json.load(sys.stdin)["tunnels"][0]["child_sas"][0]
print(c["local"], c["spi_in"])'; }
at() { [ "$(state | cut -d' ' -f1)" = "$1" ]; }
same() { [ "$(state | cut -d' ' -f2)" = "$spi" ]; }
# How long it takes until packets go through again, in milliseconds; they are asked for every 50.
gap() {
	begun=$(date +%s%N)
	soon 20 ping_from us 10.0.0.2 || return 1
	echo "        carries again after $((($(date +%s%N) - begun) / 1000000)) ms"
}
gap_after() { "$@" && gap > "$tmp/gap" && cat "$tmp/gap" >&3; }
exec 3>&1

# --- inside and outside ---
conf true
for h in us cn; do begin $h; done
check "up" soon 10 carries
spi=$(state | cut -d' ' -f2)
check "from the first uplink" at 10.1.0.2
listening() { say "$1" statusall --json | python3 -c 'import json, sys; print(*json.load(sys.stdin)["daemon"]["listen"])'; }
check "the address inside is not one for IKE" sh -c "! nsenter -t $cn -n -m $cli statusall | grep -A9 'Listening' | grep -q 10.0.0.2"

# --- MOBIKE ---
check "the default route goes over the second uplink" gap_after way 2
check "from there" soon 3 at 10.2.0.2
check "in the same SA" same
check "without a loss from then on" carries 50 0.02
check "and back" gap_after way 1
check "from the first" soon 3 at 10.1.0.2
check "in the same SA still" same
readdress() { on cn ip addr del "$1/24" dev v1; on cn ip addr add "$2/24" dev v1; way 1; }
check "another address on the same link" gap_after readdress 10.1.0.2 10.1.0.77
check "from there" soon 3 at 10.1.0.77
check "in the same SA" same
check "the peer has moved it" grep -q "the peer has moved IKE_SA" "$tmp/us.log"
flap() { readdress 10.1.0.77 10.1.0.78; readdress 10.1.0.78 10.1.0.77; }
moves=$(grep -c "telling the peer" "$tmp/cn.log")
check "an address that comes back at once" flap
sleep 1
check "is no change" [ "$(grep -c "telling the peer" "$tmp/cn.log")" = "$moves" ]
off() { on cn ip link set v1 down; way 2; }
check "the link goes, the other one takes over" gap_after off
check "from the second uplink" soon 3 at 10.2.0.2
check "in the same SA" same

# --- a route into the tunnel that covers its own peer ---
on cn ip route add 192.0.2.1/32 dev gre1
check "a route to the peer through its own tunnel is not used" soon 3 sh -c \
	"nsenter -t $cn -n -m $cli status us | grep -q 'IKE has no way to the peer: the route to 192.0.2.1 leads through gre1, which is a tunnel'"
on cn ip route del 192.0.2.1/32 dev gre1
check "it goes, and the tunnel carries" soon 10 carries
check "nothing else is the matter" soon 10 sh -c "! nsenter -t $cn -n -m $cli status us | grep -q 'IKE has no way'"

# --- without MOBIKE ---
conf false
for h in us cn; do say $h reload > /dev/null; done
say cn down us > /dev/null
say cn up us > /dev/null
check "without MOBIKE: up" soon 10 carries
spi=$(state | cut -d' ' -f2)
on cn ip link set v1 up
on cn ip addr add 10.1.0.2/24 dev v1 2> /dev/null || true
check "the default route goes over the other uplink" gap_after way 1
check "from there" soon 5 sh -c ":" 
check "by a successor" soon 5 not same
check "without a loss from then on" carries 50 0.02

[ "$failed" = 0 ] && echo "t_roam: all ok"
exit "$failed"
