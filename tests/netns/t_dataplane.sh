#!/bin/sh
# The data plane in user space, as root: two hosts in name spaces of this one, each with greteld, an ipsec.conf of the usual shape and a
# gretel.conf that adds a native GRE interface. What is on the wire between them, what is up and down, and who may die.
#
#     tests/netns/t_dataplane.sh BUILD_DIRECTORY
#
# KEEP=DIRECTORY keeps the logs.
set -eu
build=${1:-.}
if [ "${T_DATAPLANE_INSIDE:-}" = "" ]; then
	[ "$(id -u)" = 0 ] || { echo "t_dataplane: needs root"; exit 77; }
	[ -c /dev/net/tun ] || { echo "t_dataplane: needs /dev/net/tun"; exit 77; }
	exec env T_DATAPLANE_INSIDE=1 unshare --net --mount --pid --fork --mount-proc "$0" "$(realpath "$build")"
fi

. "$(dirname "$0")/hosts.sh"

host us
host cn
trap 'kill "$us" "$cn" 2> /dev/null; [ -n "${KEEP:-}" ] || rm -rf "$tmp"' EXIT
sleep 0.3
ip link add v0 netns "$us" type veth peer name v0 netns "$cn"
wire() { # NAME ADDRESS
	on "$1" ip link set lo up
	on "$1" ip addr add "$2/24" dev v0
	on "$1" ip -6 addr add "fd00::${2##*.}/64" dev v0 nodad
	on "$1" ip link set v0 up
}
wire us 192.0.2.1
wire cn 192.0.2.2

conf() { # NAME OWN PEER INNER
	mkdir -p "$tmp/$1"
	cat > "$tmp/$1/ipsec.conf" <<CONF
conn tunnel
	left=$2
	leftprotoport=47
	right=$3
	rightprotoport=47
	ike=aes256-sha2_256-modp1024!
	esp=${esp:-aes-sha2_256}!
	lifetime=${lifetime:-1h}
	margintime=${margin:-9m}
	rekeyfuzz=0%
	authby=secret
	auto=start
	keyexchange=ikev2
	type=transport
CONF
	echo "$3 : PSK \"a secret of many letters and some digits 12345\"" > "$tmp/$1/ipsec.secrets"
	chmod 600 "$tmp/$1/ipsec.secrets"
	cat > "$tmp/$1/gretel.conf" <<CONF
daemon = { dataplane = "user"; ${workers:+dataplane_workers = $workers;} };
ipsec = { conf = "ipsec.conf"; secrets = "ipsec.secrets"; };
tunnels = { tunnel = { gre = { name = "gre1"; address = ["$4/30"]; }; }; };
CONF
}
pings() { ping_from us 10.0.0.2 "$@"; }
# What passes on the wire until the file is there, by protocol and port, as PROTOCOL[:PORT], each once.
cat > "$tmp/wire.py" <<'PY'
import os, socket, struct, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
s.bind(("v0", 0))
s.settimeout(0.1)
print("ready", file=sys.stderr, flush=True)
seen = set()
while not os.path.exists(sys.argv[1]):
    try:
        b = s.recv(65535)
    except TimeoutError:
        continue
    ihl = (b[0] & 15) * 4
    udp = b[ihl:]
    if b[9] != 17:
        seen.add(str(b[9]))
    else:
        sport, dport = struct.unpack("!HH", udp[:4])
        ike = sport == 500 or udp[8:12] == bytes(4) or len(udp) == 9
        seen.add("ike" if ike else "esp-in-udp" if 4500 in (sport, dport) else "udp:%d" % dport)
print(" ".join(sorted(seen)))
PY
wire_shows() { # WHAT: while pings pass; IKE may have something to say
	: > "$tmp/wire.ready"
	rm -f "$tmp/enough"
	on cn python3 "$tmp/wire.py" "$tmp/enough" > "$tmp/wire" 2> "$tmp/wire.ready" &
	sniffer=$!
	soon 5 grep -q ready "$tmp/wire.ready"
	pings 20 || return 1
	: > "$tmp/enough"
	wait "$sniffer"
	[ "$(sed 's/ ike//' "$tmp/wire")" = "$1" ] || { cat "$tmp/wire"; return 1; }
}

conf us 192.0.2.1 192.0.2.2 10.0.0.1
conf cn 192.0.2.2 192.0.2.1 10.0.0.2
begin us
begin cn
check "both are up, and a ping passes, within 5 s" soon 5 pings
check "the role esp is there" [ -n "$(role us esp)" ]
of_esp() { sed -n "s/^$1:[[:space:]]*//p" "/proc/$(role us esp)/status"; }
check "it is not root" [ "$(of_esp Uid | cut -f1)" != 0 ]
check "it has no capabilities" [ "$(of_esp CapEff) $(of_esp CapPrm) $(of_esp CapBnd)" = \
	"0000000000000000 0000000000000000 0000000000000000" ]
check "it cannot gain privileges" [ "$(of_esp NoNewPrivs)" = 1 ]
if ! nm "$daemon" 2> /dev/null | grep -q __asan_init; then
	check "all its threads are filtered" [ "$(cat "/proc/$(role us esp)"/task/*/status | sed -n 's/^Seccomp:[[:space:]]*//p' | sort -u)" = 2 ]
fi
check "on the wire: ESP in UDP, and nothing else" wire_shows "esp-in-udp"
check "a hundred pings of all sizes" pings 100 0.01 1300
check "larger than the interface" pings 20 0.01 4000
check "the interface has its name, address and MTU" sh -c "$(command -v nsenter) -t $us -n ip addr show gre1 | grep -q 10.0.0.1/30 &&
	$(command -v nsenter) -t $us -n ip link show gre1 | grep -q 'mtu 1400'"
check "status says which data plane there is, and how" sh -c "$(command -v nsenter) -t $us -n -m $cli status |
	grep -q 'the data plane is in user space, 1 worker, [a-z-]*, as configured'"
say us status --json > "$tmp/status.json"
check "--json too" python3 -c 'import json, sys
d = json.load(open(sys.argv[1]))["daemon"]["dataplane"]
assert d["mode"] == "user" and d["workers"] == 1 and d["backend"] and d["drops"] is not None, d' "$tmp/status.json"

# --- batches in which IKE and ESP are mixed, as UDP_GRO makes them: each gets to whom it belongs ---
cat > "$tmp/mixed.py" <<'PY'
import socket, struct, sys
ike = bytes(4) + bytes(range(8)) + bytes(range(8, 16)) + struct.pack("!BBBBII", 46, 0x20, 37, 8, 7, 56) + bytes(28)
esp = struct.pack("!II", 0xdeadbeef, 1) + bytes(52)
assert len(ike) == len(esp) == 60
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_UDP, 103, 60) # UDP_SEGMENT
s.sendto(ike + esp if sys.argv[1] == "ike" else esp + ike, ("192.0.2.1", 4500))
PY
unknown() { say us counters --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["ike"]["dropped_unknown_sa"])'; }
spi() { say us status --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["daemon"]["dataplane"]["drops"].get("spi", 0))'; }
for first in ike esp; do
	was="$(unknown) $(spi)"
	want="$((${was% *} + 1)) $((${was#* } + 1))"
	on cn python3 "$tmp/mixed.py" $first
	arrived() { [ "$(unknown) $(spi)" = "$want" ]; }
	check "a batch that begins with $first" soon 3 arrived
done
say us down tunnel > /dev/null
check "down: no ping" not pings
check "down: the interface is gone" not on us ip link show gre1
say us up tunnel > /dev/null
check "up: pings" soon 5 pings

# --- ike dies ---
was=$(role us ike)
pings 150 0.02 > "$tmp/lost" &
pinger=$!
sleep 0.5
kill -9 "$was"
check "ike killed: it is there again" soon 5 sh -c "p=\$(pgrep -f '^greteld: ike' -P $(of us)); [ -n \"\$p\" ] && [ \"\$p\" != $was ]"
wait "$pinger" || true
check "ike killed: no ping was lost" [ "$(cat "$tmp/lost")" = 0 ]
sleep 2
check "ike killed: the tunnel is up" pings 10

# --- esp dies ---
was=$(role us esp)
kill -9 "$was"
check "esp killed: another one" soon 5 sh -c "p=\$(pgrep -f '^greteld: esp' -P $(of us)); [ -n \"\$p\" ] && [ \"\$p\" != $was ]"
check "esp killed: the tunnel is back within 5 s" soon 5 pings
check "esp killed: the interface stayed" on us ip link show gre1
check "esp killed: pings" pings 20

# --- priv dies ---
was=$(of us)
kill -9 "$was"
check "priv killed: nobody is left" soon 5 sh -c "! pgrep -P $was"
check "priv killed: the interface went" soon 2 not on us ip link show gre1
begin us
check "started again: the tunnel is back within 10 s" soon 10 pings

# --- other outer addresses, another cipher, two workers, keys that are used for seconds ---
finish() {
	kill "$(of "$1")"
	soon 10 not on "$1" test -e /run/gretel/greteld.pid
}
finish us
finish cn
check "the end: the interface went" not on us ip link show gre1
esp=aes256gcm16 lifetime=9s margin=5s workers=2
conf us fd00::1 fd00::2 10.0.0.1
conf cn fd00::2 fd00::1 10.0.0.2
begin us
begin cn
check "over IPv6, with two workers: up" soon 5 pings
spis() { say us status tunnel | sed -n 's/.*SPIs: //p' | sort -u; }
spis > "$tmp/spis"
pings 900 0.01 > "$tmp/lost" &
pinger=$!
check "the keys change within 9 s" soon 9 sh -c "[ \"\$(nsenter -t $us -n -m $cli status tunnel | sed -n 's/.*SPIs: //p')\" != \"\$(cat $tmp/spis)\" ]"
wait "$pinger" || true
none_lost() { # or where
	[ "$(cat "$tmp/lost")" != 0 ] || return 0
	cat "$tmp/lost"
	{ say us status; say cn status; } | grep 'dropped'
	return 1
}
check "no ping was lost meanwhile" none_lost
check "two queues, two threads" sh -c "[ \$(ls /proc/$(role us esp)/task | wc -l) = 3 ]"

sed -i 's/dataplane_workers = 2/dataplane_workers = 3/' "$tmp/us/gretel.conf"
check "a reload says what it cannot change" sh -c "nsenter -t $us -n -m $cli reload | grep 'take effect when greteld is restarted'"

# --- a kernel wholly without IPsec, and nothing said about the data plane ---
finish us
sed -i '/^daemon = /d' "$tmp/us/gretel.conf"
: > "$tmp/us.log"
as_if=$build/tests/netns/no_xfrm begin us
check "without IPsec in the kernel: up" soon 10 pings
check "auto took user space, and says why" grep -q 'the data plane is in user space: the kernel has no IPsec' "$tmp/us.log"
check "that there are no guards is said once" [ "$(grep -c 'no IPsec policies' "$tmp/us.log")" = 1 ]

# --- a port that another program shares ---
finish us
on us python3 -c '
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
s.bind(("0.0.0.0", 4500))
time.sleep(60)' &
thief=$!
soon 5 on us grep -q ":1194 " /proc/net/udp
check "a taken port is said, SO_REUSEPORT or not" sh -c "! timeout 20 nsenter -t $us -n -m $daemon -n -c $tmp/us/gretel.conf 2> $tmp/third &&
	grep -q 'UDP port 4500 is taken by python' $tmp/third"
kill "$thief"

[ "$failed" = 0 ] && echo "t_dataplane: all ok"
exit "$failed"
