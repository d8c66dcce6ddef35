#!/bin/sh
# Floods against greteld's responder, as root, in network name spaces of this host: strangers at the end of one veth pair (ike_flood),
# peers at the end of another (ike_load), who go on setting up tunnels meanwhile; and strongSwan, where scripts/fetch-lab has put
# it, at the end of a third. The data plane is the one in user space.
#
#     tests/netns/t_flood.sh BUILD_DIRECTORY
#
# GRETEL_LONG=1: 50,000 a second for 60 s beside 100 handshakes a second; otherwise half of that for 6 s. FLOOD_RATE, PEER_RATE,
# FLOOD_S override. KEEP=DIRECTORY keeps the logs. Each has a session of its own with the priority -10, because the
# scheduler divides the processors by sessions first: whatever else runs here is no part of this.
set -eu
build=${1:-.}
if [ "${T_FLOOD_INSIDE:-}" = "" ]; then
	[ "$(id -u)" = 0 ] || { echo "t_flood: needs root"; exit 77; }
	[ -c /dev/net/tun ] || { echo "t_flood: needs /dev/net/tun"; exit 77; }
	exec env T_FLOOD_INSIDE=1 unshare --net --mount --pid --fork --mount-proc "$0" "$(realpath "$build")"
fi

. "$(dirname "$0")/hosts.sh"
cat > "$tmp/first" <<'SH'
#!/bin/sh
printf %s -10 > /proc/$$/autogroup || true
exec nice -n -10 "$@"
SH
chmod +x "$tmp/first"
as_if="setsid -w $tmp/first"
if [ -n "${GRETEL_LONG:-}" ]; then
	rate=${FLOOD_RATE:-50000} peers=${PEER_RATE:-100} seconds=${FLOOD_S:-60} garbage=${GARBAGE_RATE:-100000}
else
	rate=${FLOOD_RATE:-25000} peers=${PEER_RATE:-50} seconds=${FLOOD_S:-6} garbage=${GARBAGE_RATE:-50000}
fi

host hub
host spokes
host crowd
host swan
trap 'kill "$hub" "$spokes" "$crowd" "$swan" 2> /dev/null; [ -n "${KEEP:-}" ] || rm -rf "$tmp"' EXIT
sleep 0.3
for h in hub spokes crowd swan; do
	on $h ip link set lo up
done
# The hub's address is on none of its links; each link leads to its own part of the world.
on hub ip addr add 10.9.0.1/32 dev lo
wire() { # NAME DEVICE HUB OTHER NETWORK
	ip link add "$2" netns "$hub" type veth peer name "$2" netns "$(eval echo "\$$1")"
	on hub ip addr add "$3/24" dev "$2"
	on hub ip link set "$2" up
	on "$1" ip addr add "$4/24" dev "$2"
	on "$1" ip link set "$2" up
	on hub ip neigh add "$4" lladdr "$(mac "$1" "$2")" dev "$2" nud permanent
	on hub ip route add "$5" via "$4" src 10.9.0.1
}
mac() { on "$1" ip -o link show "$2" | sed 's|.*link/ether \([^ ]*\).*|\1|'; }
wire spokes vs 10.9.1.1 10.9.1.2 10.2.0.0/16
wire crowd vc 10.9.2.1 10.9.2.2 10.128.0.0/9
# An impostor's datagrams come by another way than the peers' whose names they bear.
for d in all vc; do
	on hub sysctl -qw net.ipv4.conf.$d.rp_filter=0
done
wire swan vw 10.9.3.1 10.9.3.2 10.3.0.0/16
on spokes ip route add local 10.2.0.0/16 dev lo
on spokes ip route add 10.9.0.1/32 via 10.9.1.1
on swan ip addr add 10.3.0.1/32 dev lo
on swan ip route add 10.9.0.1/32 via 10.9.3.1 src 10.3.0.1

common='authby=secret
	keyexchange=ikev2
	type=transport
	leftprotoport=47
	rightprotoport=47
	ike=aes256-sha256-curve25519!
	esp=aes128gcm16!
	auto=add'
mkdir -p "$tmp/hub" "$tmp/spokes"
cat > "$tmp/hub/ipsec.conf" <<CONF
conn peers
	left=10.9.0.1
	leftid=@hub.test
	right=%any
	$common
CONF
cat > "$tmp/hub/gretel.conf" <<CONF
daemon = { dataplane = "user"; };
ipsec = { conf = "ipsec.conf"; secrets = "ipsec.secrets"; };
CONF
{
	printf 'conn %%default\n\t%s\n\tright=10.9.0.1\n\trightid=@hub.test\n' "$common"
	for i in $(seq 2000); do
		printf 'conn p%d\n\tleft=10.2.%d.%d\n\tleftid=@p%d.test\n' "$i" $((i / 250)) $((i % 250 + 1)) "$i"
	done
} > "$tmp/spokes/ipsec.conf"
for h in hub spokes; do
	echo ': PSK "a secret of many letters and some digits 12345"' > "$tmp/$h/ipsec.secrets"
	chmod 600 "$tmp/$h/ipsec.secrets"
done

# --- strongSwan as a peer: this kernel refuses its child SA, the IKE SA before it is whole ---
cache=${GRETEL_CACHE:-/var/cache/gretel-lab}/root
swan_begin() {
	on swan sh -c 'mkdir -p /run/etc/upper /run/etc/work
		for d in lib share; do mount -t overlay -o "lowerdir=$1/usr/$d:/usr/$d" overlay /usr/$d; done
		mount -t overlay -o "lowerdir=$1/etc:/etc,upperdir=/run/etc/upper,workdir=/run/etc/work" overlay /etc
		cp "$2" /etc/ipsec.secrets' sh "$cache" "$tmp/spokes/ipsec.secrets"
	on swan sh -c 'cat > /etc/strongswan.conf' <<-CONF
		charon { load_modular = no
		load = openssl random nonce aes sha1 sha2 hmac kdf gmp curve25519 kernel-netlink socket-default stroke
		install_routes = no
		filelog { log {
		path = $tmp/charon.log
		flush_line = yes
		} }
		syslog { daemon { default = -1
		}
		auth { default = -1
		} } }
	CONF
	on swan sh -c 'cat > /etc/ipsec.conf' <<-CONF
		conn hub
		 $common
		 left=10.3.0.1
		 leftid=@swan.test
		 right=10.9.0.1
		 rightid=@hub.test
		 keyingtries=1
	CONF
	on swan $as_if env "LD_LIBRARY_PATH=$cache/usr/lib/x86_64-linux-gnu" /usr/lib/ipsec/starter --nofork > "$tmp/starter.log" 2>&1 &
	soon 15 grep -q 'added configuration' "$tmp/charon.log"
}
swan_ups() { # how often strongSwan came in, of 5 times
	for _ in 1 2 3 4 5; do
		on swan env "LD_LIBRARY_PATH=$cache/usr/lib/x86_64-linux-gnu" timeout 5 /usr/lib/ipsec/stroke up hub || true
		on swan env "LD_LIBRARY_PATH=$cache/usr/lib/x86_64-linux-gnu" timeout 5 /usr/lib/ipsec/stroke down 'hub[*]' || true
	done > "$tmp/stroke.log" 2>&1
}
swan_in() { grep -c 'IKE_SA hub\[[0-9]*\] established' "$tmp/charon.log" || true; }

load() { on spokes $as_if "$build/tests/netns/ike_load" "$tmp/spokes/ipsec.conf" "$@"; }
flood() { on crowd $as_if "$build/tests/netns/ike_flood" vc "$(mac hub vc)" 10.9.0.1 "$@"; }
counter() { say hub counters | awk -v k="$1" '$1 == k { print $2 }'; }
octets() { # in or out, on all links of the hub
	on hub awk -F'[: ]+' -v k="$1" '{ sub(/^ */, "") } $1 ~ /^v/ { n += k == "in" ? $2 : $10 } END { print n }' /proc/net/dev
}
memory() { sed -n "s/^$2:[^0-9]*\([0-9]*\) kB/\1/p" "/proc/$1/status"; }
ticks() { awk '{ print $14 + $15 }' "/proc/$1/stat"; }
lost() { on hub awk 'NR > 1 { n += $NF } END { print n + 0 }' /proc/net/udp; } # datagrams that found no room in a socket
lines() { wc -l < "$tmp/hub.log"; }
field() { echo "$2" | sed -n "s/.*\b$1 \([0-9.]*\).*/\1/p"; }
is_true() { awk "BEGIN { exit !($1) }"; }

begin hub
check "the hub runs" soon 10 say hub status
for p in $(pgrep -P "$(of hub)"); do # its roles have their own sessions
	printf %s -10 > "/proc/$p/autogroup" || true
done
load 50 1 > "$tmp/warm"
check "peers come in while it is quiet" is_true "$(field failed "$(cat "$tmp/warm")") == 0"
echo "        $(cat "$tmp/warm")"
ike=$(role hub ike)
has_swan=
if [ -x "$cache/usr/lib/ipsec/charon" ]; then
	check "strongSwan runs" swan_begin
	has_swan=yes
else
	echo "skipped strongSwan: it is not in $cache (scripts/fetch-lab)"
fi
hz=$(getconf CLK_TCK)

# --- a flood of IKE_SA_INIT, without cookies, with cookies that do not fit, in the name of the peers ---
flooded() { # KIND
	before=$(memory "$ike" VmRSS)
	echo 5 > "/proc/$ike/clear_refs" # the highest mark begins anew
	in=$(octets in) out=$(octets out) cpu=$(ticks "$ike") packets=$(counter packets_in) bad=$(counter cookies_bad) gone=$(lost)
	flood "$rate" "$((seconds * 1000 + 1000))" "$1" > "$tmp/rate" &
	sender=$!
	sleep 0.5
	ups=$(swan_in)
	[ -z "$has_swan" ] || swan_ups &
	swans=$!
	got=$(load "$peers" "$seconds")
	wait "$sender" "$swans"
	in=$(($(octets in) - in)) out=$(($(octets out) - out)) cpu=$(($(ticks "$ike") - cpu))
	packets=$(($(counter packets_in) - packets)) bad=$(($(counter cookies_bad) - bad))
	echo "        $1: sent $(cat "$tmp/rate") a second; peers: $got"
	echo "        octets in $in, out $out; ike: $packets datagrams, $((cpu * 1000000 / hz / (packets / 1000 + 1))) ns each," \
		"RSS $before kB, at most $(memory "$ike" VmHWM) kB; cookies that did not fit: $bad; no room for $(($(lost) - gone))"
	check "$1: it was one, however busy this machine is" is_true "$(cat "$tmp/rate") >= 0.2 * $rate"
	check "$1: 99.9 % of the peers' handshakes succeed" is_true "$(field established "$got") >= 0.999 * $(field begun "$got")"
	check "$1: 99 % of them within a second" is_true "$(field p99_ms "$got") < 1000"
	[ -z "$has_swan" ] || check "$1: strongSwan comes in five times" [ "$(($(swan_in) - ups))" = 5 ]
	check "$1: fewer octets out than in" [ "$out" -lt "$in" ]
	check "$1: memory of ike grows by 16 MiB at most" [ "$(($(memory "$ike" VmHWM) - before))" -le 16384 ]
}
flooded init
check "init: cookies were asked for" is_true "$(counter cookies_out) > $(cat "$tmp/rate")"
# Now the addresses exist, but nobody is at the port: an ICMP error for each answer, as far as the system makes them.
on crowd sysctl -qw net.ipv4.icmp_ratelimit=0
on crowd ip route add local 10.128.0.0/9 dev lo
seconds=$(((seconds + 2) / 3))
flooded forged
check "forged: they were looked at" is_true "$bad > $(cat "$tmp/rate")"
flooded impostor
check "no half-open SA of a peer was given up" [ "$(counter evicted)" = 0 ]

# --- noise for SAs that are half open, ESP that belongs to nobody ---
load 100 1 9 "$tmp/held" > "$tmp/waited" &
waiting=$!
check "a hundred handshakes wait" soon 5 sh -c "[ \$(wc -l < '$tmp/held') = 100 ]"
sleep 0.2
was=$(lines) half=$(counter half_open) refused=$(counter dropped_auth)
flood "$garbage" 4000 garbage "$tmp/held" > "$tmp/rate"
said=$(($(lines) - was))
echo "        garbage: sent $(cat "$tmp/rate") a second; log lines $said; messages that were not authentic:" \
	"$(($(counter dropped_auth) - refused)); half open $half, then $(counter half_open)"
check "garbage: the noise was looked at" is_true "$(counter dropped_auth) - $refused > $(cat "$tmp/rate")"
check "garbage: at most ten log lines a second" [ "$said" -le 40 ]
check "garbage: no half-open SA is gone" [ "$(counter half_open)" -ge 100 ]
wait "$waiting"
echo "        $(cat "$tmp/waited")"
check "garbage: and each of them gets on" is_true "$(field established "$(cat "$tmp/waited")") == 100"
check "ike is the one that was" [ "$(role hub ike)" = "$ike" ]
none_waits() { [ "$(counter half_open)" = 0 ]; }
check "nothing is left half open" soon 35 none_waits

kill "$(of hub)"
check "the hub ends" soon 15 not pgrep -f '^greteld: '
[ -z "${KEEP:-}" ] || cp "$tmp"/*.log "$KEEP" 2> /dev/null || true
exit $failed
