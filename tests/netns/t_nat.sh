#!/bin/sh
# Two peers behind one NAT address, as root in name spaces of this host, with the data plane in user space: each has its tunnel, which no kernel could
# keep apart; the NAT forgets and gives other ports; and what is not authenticated leads nobody astray.
#
#     tests/netns/t_nat.sh BUILD_DIRECTORY
#
#   cn 10.9.0.2 --+
#                 +-- nat 10.9.0.1, 192.0.2.3 --- us 192.0.2.1
#   dn 10.9.0.3 --+
set -eu
build=${1:-.}
if [ "${T_NAT_INSIDE:-}" = "" ]; then
	[ "$(id -u)" = 0 ] || { echo "t_nat: needs root"; exit 77; }
	[ -c /dev/net/tun ] || { echo "t_nat: needs /dev/net/tun"; exit 77; }
	exec env T_NAT_INSIDE=1 unshare --net --mount --pid --fork --mount-proc "$0" "$(realpath "$build")"
fi
. "$(dirname "$0")/hosts.sh"

for h in us nat cn dn; do host $h; done
trap 'kill "$us" "$nat" "$cn" "$dn" 2> /dev/null; [ -n "${KEEP:-}" ] || rm -rf "$tmp"' EXIT
sleep 0.3
ip link add v0 netns "$us" type veth peer name out netns "$nat"
ip link add v0 netns "$cn" type veth peer name to-cn netns "$nat"
ip link add v0 netns "$dn" type veth peer name to-dn netns "$nat"
on nat ip link add in type bridge
for l in to-cn to-dn; do on nat ip link set dev $l master in up; done
address() { # HOST LINK ADDRESS
	on "$1" ip link set lo up
	on "$1" ip addr add "$3/24" dev "$2"
	on "$1" ip link set "$2" up
}
address us v0 192.0.2.1
address nat out 192.0.2.3
on nat ip addr add 192.0.2.4/24 dev out
address nat in 10.9.0.1
on nat sysctl -qw net.ipv4.ip_forward=0
address cn v0 10.9.0.2
address dn v0 10.9.0.3
# The NAT sees single datagrams, not what is handed over in one to be segmented later.
for h in cn dn; do
	on $h ip link set dev v0 gso_max_segs 1
	on $h ip route add default via 10.9.0.1
done

# A NAT for UDP: for each inner endpoint a socket of its own, and with it a port; SIGUSR1 makes it forget all of them, SIGUSR2 take another address as well. No kernel of this
# machine need know how.
cat > "$tmp/nat.py" <<'PY'
import select, signal, socket, struct
US = "192.0.2.1"
public = ["192.0.2.3", "192.0.2.4"]
inside = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
inside.bind(("in", 0))
back = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
out, forget = {}, []
signal.signal(signal.SIGUSR1, lambda *_: forget.append(1))
signal.signal(signal.SIGUSR2, lambda *_: (public.reverse(), forget.append(1)))
def send_back(sport, inner, data):
    udp = struct.pack("!HHHH", sport, inner[1], 8 + len(data), 0) + data
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, socket.inet_aton(US), socket.inet_aton(inner[0]))
    back.sendto(ip + udp, (inner[0], 0))
while True:
    while forget:
        forget.pop()
        for s in out.values():
            s.close()
        out.clear()
        print("forgotten", flush=True)
    for s in select.select([inside] + list(out.values()), [], [], 0.1)[0]:
        if s is not inside:
            try:
                data, (_, sport) = s.recvfrom(65535)
            except OSError:
                continue
            send_back(sport, next(k for k, v in out.items() if v is s), data)
            continue
        b, at = inside.recvfrom(65535)
        ihl = (b[0] & 15) * 4
        if at[2] == socket.PACKET_OUTGOING or b[9] != 17 or socket.inet_ntoa(b[16:20]) != US:
            continue
        sport, dport, n = struct.unpack("!HHH", b[ihl:ihl + 6])
        inner = (socket.inet_ntoa(b[12:16]), sport)
        if inner not in out:
            out[inner] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            out[inner].bind((public[0], 0))
        out[inner].sendto(b[ihl + 8:ihl + n], (US, dport))
PY
on nat python3 "$tmp/nat.py" > "$tmp/nat.log" 2>&1 &
router=$!

for h in us cn dn; do mkdir -p "$tmp/$h"; done
cat > "$tmp/us/gretel.conf" <<'CONF'
daemon = { dataplane = "user"; };
tunnels = {
	cn = { remote = "%any"; remote_id = "@cn"; local_id = "@us"; auto = "add"; psk = "a secret of many letters and some digits 12345";
		gre = { name = "gre1"; address = ["10.0.0.1/30"]; }; };
	dn = { remote = "%any"; remote_id = "@dn"; local_id = "@us"; auto = "add"; psk = "another secret of many letters and digits 678";
		gre = { name = "gre2"; address = ["10.0.0.5/30"]; }; };
};
CONF
peer() { # NAME ADDRESS SECRET
	cat > "$tmp/$1/gretel.conf" <<CONF
daemon = { dataplane = "user"; };
tunnels = {
	us = { remote = "192.0.2.1"; remote_id = "@us"; local_id = "@$1"; psk = "$3"; dpd = { delay = "4s"; };
		gre = { name = "gre1"; address = ["$2/30"]; }; };
};
CONF
}
peer cn 10.0.0.2 "a secret of many letters and some digits 12345"
peer dn 10.0.0.6 "another secret of many letters and digits 678"
for h in us cn dn; do begin $h; done

cn() { ping_from us 10.0.0.2 "$@"; }
dn() { ping_from us 10.0.0.6 "$@"; }
seen() { say us statusall "$1" --json | python3 -c 'import json, sys
c = json.load(sys.stdin)["tunnels"][0]["child_sas"][0]
print(c["remote"], c["dport"], c["spi_in"])'; }
check "the first peer: up" soon 10 cn
check "the second peer: up, too" soon 10 dn
cn 50 0.02 > "$tmp/a" &
a=$!
check "the second carries beside the first" dn 50 0.02
check "and the first beside the second" wait "$a"
check "both are at the NAT's address" [ "$(seen cn | cut -d' ' -f1) $(seen dn | cut -d' ' -f1)" = "192.0.2.3 192.0.2.3" ]
check "at ports of their own" [ "$(seen cn | cut -d' ' -f2)" != "$(seen dn | cut -d' ' -f2)" ]

# --- what a stranger sends from elsewhere changes nothing ---
was=$(seen cn)
on nat python3 -c '
import socket, struct, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("192.0.2.3", 0))
for seq in range(1, 50):
    s.sendto(struct.pack("!II", int(sys.argv[1], 16), 1000 + seq) + bytes(96), ("192.0.2.1", 4500))' "${was##* }"
check "forged packets: still there" cn 10
check "forged packets: nobody was followed" [ "$(seen cn)" = "$was" ]
check "forged packets: counted" sh -c "nsenter -t $us -n -m $cli status cn | grep -q 'dropped, .*auth 49'"

# --- the NAT forgets ---
kill -USR1 "$(pgrep -f "$tmp/nat.py" | tail -n 1)"
check "the NAT forgets" soon 2 grep -q forgotten "$tmp/nat.log"
# The first packet from inside opens a new port, and us follows it.
on cn python3 "$tmp/ping.py" 10.0.0.1 3 0.2 > "$tmp/a" || true
check "the peer's packets come from another port, and are followed" soon 5 cn
check "the SA is the same one" [ "$(seen cn | cut -d' ' -f3)" = "${was##* }" ]
check "at another port" [ "$(seen cn | cut -d' ' -f2)" != "$(echo "$was" | cut -d' ' -f2)" ]
check "without a loss" cn 50 0.02
check "the second peer comes back by its liveness checks or keep-alives" soon 25 dn

# --- it takes another address ---
was=$(seen cn)
kill -USR2 "$(pgrep -f "$tmp/nat.py" | tail -n 1)"
check "the NAT takes another address" soon 2 sh -c "[ \$(grep -c forgotten '$tmp/nat.log') = 2 ]"
on cn python3 "$tmp/ping.py" 10.0.0.1 3 0.2 > "$tmp/a" || true
check "the peer's packets come from there, and are followed" soon 5 cn
check "at this address" [ "$(seen cn | cut -d' ' -f1)" = 192.0.2.4 ]
check "the SA is the same one still" [ "$(seen cn | cut -d' ' -f3)" = "${was##* }" ]
check "without a loss there" cn 50 0.02
check "and the second peer, which says nothing by itself" soon 25 dn
check "its SA is the same, too" [ "$(seen dn | cut -d' ' -f1)" = 192.0.2.4 ]
kill "$router" 2> /dev/null || true

[ "$failed" = 0 ] && echo "t_nat: all ok"
exit "$failed"
