#!/bin/sh
# The role route, as root, in private network, mount and pid name spaces: kernel routes set, replaced, deleted, foreign ones untouched, many at
# once; what the process may; its death, the grace of its routes; the modules static, exec, frr and bird; two gretels that exchange
# routes by BGP, with MD5 signatures, over a link that fails.
#
#     tests/netns/t_route.sh BUILD_DIRECTORY
set -u
build=${1:-.}
if [ "${T_ROUTE_INSIDE:-}" = "" ]; then
	[ "$(id -u)" = 0 ] || { echo "t_route: needs root"; exit 77; }
	exec env T_ROUTE_INSIDE=1 unshare --net --mount --pid --fork --mount-proc "$0" "$(realpath "$build")"
fi

tmp=$(mktemp -d)
mount -t tmpfs none /run
mkdir -p /run/gretel /run/netns
failed=0
trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$tmp"' EXIT
probe=$build/tests/netns/route_probe
greteld=$build/src/daemon/greteld
gretel=$build/src/cli/gretel

says() { # says WHAT TEXT CMD...: the output of CMD is TEXT
	what=$1 want=$2
	shift 2
	got=$("$@" 2>&1 | sed 's/ *$//')
	if [ "$got" = "$want" ]; then
		echo "ok      $what"
	else
		failed=$((failed + 1))
		printf 'NOT OK  %s\nexpected: %s\nfound:    %s\n' "$what" "$want" "$got"
	fi
}
check() { # check WHAT CMD...
	what=$1
	shift
	if "$@" >/dev/null 2>&1; then
		echo "ok      $what"
	else
		failed=$((failed + 1))
		echo "NOT OK  $what"
	fi
}
soon() { # soon SECONDS CMD...
	n=$(($1 * 20))
	shift
	while [ $n -gt 0 ]; do
		"$@" >/dev/null 2>&1 && return 0
		sleep 0.05
		n=$((n - 1))
	done
	return 1
}
not() { ! "$@"; }
ours() { { ip -4 route show table all proto 71; ip -6 route show proto 71; } | sed 's/ pref medium//'; }
has() { ip route show "$1" | grep -q -- "$2"; }
lacks() { [ -z "$(ip route show "$1")" ]; }
role() { pgrep -f "^greteld: $1 " | head -1; }
status() { sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status"; }
below() { [ "$1" -lt "$2" ]; }

ip link set lo up
ip link add v0 type veth peer name v1
ip link set v0 up
ip link set v1 up
ip addr add 10.0.0.1/30 dev v0
ip addr add 10.0.9.2 peer 10.0.9.1/32 dev v1
ip -6 addr add 2001:db8::1/64 dev v0 nodad
dev0=$(ip -o link show v0 | cut -d: -f1) dev1=$(ip -o link show v1 | cut -d: -f1)

# --- kernel/route.c ---
ip route add 192.168.7.0/24 via 10.0.0.2 metric 20
says "a route" "" "$probe" set 192.168.1.0/24 via 10.0.0.2
says "is there" "192.168.1.0/24 via 10.0.0.2 dev v0 metric 20" ours
says "a second one to the same is refused" "error: EEXIST" "$probe" set 192.168.1.0/24 via 10.0.0.2
says "unless it is known to be ours" "" "$probe" own 192.168.1.0/24 via 10.0.9.1 dev "$dev1"
says "then it is replaced" "192.168.1.0/24 via 10.0.9.1 dev v1 metric 20" ours
says "another program's is not touched" "error: EEXIST" "$probe" set 192.168.7.0/24 via 10.0.9.1 dev "$dev1"
says "nor deleted" "error: ESRCH" "$probe" del 192.168.7.0/24
says "and is there still" "192.168.7.0/24 via 10.0.0.2 dev v0 metric 20" ip route show 192.168.7.0/24
"$probe" set 10.0.9.0/30 blackhole
"$probe" set 10.4.0.0/16 via 10.0.0.2 dev "$dev0" , via 10.0.9.1 dev "$dev1" weight 3
"$probe" set 10.5.0.0/16 via 2001:db8::2 dev "$dev0"
"$probe" set 10.6.0.0/16 dev "$dev0" table 100
"$probe" set 2001:db8:1::/48 via 2001:db8::2
says "a discard route, two next hops, RFC 8950, another table, IPv6" "10.6.0.0/16 dev v0 table 100 scope link metric 20
blackhole 10.0.9.0/30 metric 20
10.4.0.0/16 metric 20
	nexthop via 10.0.0.2 dev v0 weight 1
	nexthop via 10.0.9.1 dev v1 weight 3
10.5.0.0/16 via inet6 2001:db8::2 dev v0 metric 20
192.168.1.0/24 via 10.0.9.1 dev v1 metric 20
2001:db8:1::/48 via 2001:db8::2 dev v0 metric 20" ours
for r in 192.168.1.0/24 10.0.9.0/30 10.4.0.0/16 10.5.0.0/16 2001:db8:1::/48; do "$probe" del $r; done
"$probe" del 10.6.0.0/16 table 100
says "all gone" "" ours
"$probe" list >"$tmp/list"
check "the list has the point-to-point address" grep -qx "address $dev1 10.0.9.2/32 peer 10.0.9.1" "$tmp/list"
check "and its route" grep -qx "route connected 10.0.9.1/32 dev $dev1 src 10.0.9.2" "$tmp/list"
"$probe" watch 1 >"$tmp/watch" &
sleep 0.3
ip route add 10.9.0.0/16 via 10.0.0.2 proto static
ip route del 10.9.0.0/16
sleep 1
check "a change is told" grep -qx "route static 10.9.0.0/16 via 10.0.0.2 dev $dev0" "$tmp/watch"
check "and taken back" grep -qx "gone route static 10.9.0.0/16 via 10.0.0.2 dev $dev0" "$tmp/watch"
"$probe" many 100000 10.0.0.2 >"$tmp/many"
sed 's/^/        100,000 routes: /' "$tmp/many"
check "100,000 routes are set without a failure" grep -q "^set .* 0 failed" "$tmp/many"
check "in less than a second of the processor" below "$(sed -n 's/^set .*(\([0-9]*\) of.*/\1/p' "$tmp/many")" 1000
check "replaced" grep -q "^replace .* 0 failed" "$tmp/many"
check "and deleted" grep -q "^delete .* 0 failed" "$tmp/many"
ip route del 192.168.7.0/24

start() { # start CONF: a greteld whose pid is $pid
	chmod 600 "$1"
	"$greteld" -n -d 2 -c "$1" >>"$tmp/log" 2>&1 &
	pid=$!
	soon 8 grep -q "is running" "$tmp/log"
}
stop() {
	kill $pid
	wait $pid
	: >"$tmp/log"
}
: >"$tmp/log"

# --- static ---
cat >"$tmp/static.conf" <<'CONF'
routing = {
	module = "static";
	grace = "1s";
	statics = ( { prefix = "10.50.0.0/16"; via = "10.0.0.2"; }, { prefix = "10.51.0.0/16"; dev = "v1"; },
	            { prefix = "10.52.0.0/16"; kind = "blackhole"; }, { prefix = "10.53.0.0/16"; via = "10.0.0.2"; } );
};
CONF
ip route add 10.53.0.0/16 via 10.0.9.1
ip route add 10.99.0.0/16 via 10.0.0.2 proto 71 metric 77
start "$tmp/static.conf"
check "static routes come" soon 3 has 10.50.0.0/16 "via 10.0.0.2 dev v0"
check "with an interface" has 10.51.0.0/16 "dev v1"
check "and discard" has 10.52.0.0/16 "blackhole"
check "one of another program stays" has 10.53.0.0/16 "via 10.0.9.1 dev v1"
check "and the log says so" soon 2 grep -q "10.53.0.0/16.*another program" "$tmp/log"
check "what an earlier life left goes" soon 2 lacks 10.99.0.0/16
ip link set v1 down
check "the interface goes, its route goes" soon 2 lacks 10.51.0.0/16
ip link set v1 up
check "it comes, so does the route" soon 2 has 10.51.0.0/16 "dev v1"
check "status names the module" sh -c "$gretel status | grep -q 'module static'"
check "status says that nothing is forwarded" sh -c "$gretel status | grep -q 'ip_forward is off'"

r=$(role route)
says "route runs as nobody or gretel" 1 sh -c "ps -o user= -p $r | grep -cE '^(nobody|gretel)'"
says "without capabilities" 0000000000000000 status "$r" CapEff
says "none of them can come back" 0000000000000000 status "$r" CapBnd
says "with seccomp" 2 status "$r" Seccomp
says "without new privileges" 1 status "$r" NoNewPrivs
check "without a library for cryptography" not grep -q libcrypto "/proc/$r/maps"
check "nor has hook one" not grep -q libcrypto "/proc/$(role hook)/maps"
sleep 2
total=0
for p in $pid $(pgrep -f '^greteld: '); do
	total=$((total + $(sed -n 's/^Pss: *\([0-9]*\) kB/\1/p' "/proc/$p/smaps_rollup")))
done
echo "        all roles: $total KiB (PSS)"
case $build in
*asan* | *tsan* | *cov*) ;;
*) check "all roles below 5 MiB" below $total 5120 ;;
esac

kill -9 "$r"
check "route is started again" soon 3 sh -c "p=\$(pgrep -f '^greteld: route ' | head -1); [ -n \"\$p\" ] && [ \"\$p\" != $r ]"
check "its routes stayed" has 10.50.0.0/16 "via 10.0.0.2"
sleep 1.5
check "and are kept by the next one" has 10.50.0.0/16 "via 10.0.0.2"
sed -i 's/10.50.0.0/10.60.0.0/' "$tmp/static.conf"
kill -HUP $pid
check "a reload brings the new one" soon 3 has 10.60.0.0/16 "via 10.0.0.2"
check "and takes the old one" soon 2 lacks 10.50.0.0/16
stop
says "at the end nothing of ours is left" "" ours
ip route del 10.53.0.0/16 2>/dev/null # it may have gone with its interface

# --- exec ---
cat >"$tmp/program" <<END
#!/bin/sh
while read -r line; do
	echo "\$line" >>"$tmp/heard"
	case \$line in
	*'"synced"'*)
		echo '{"action":"route-set","prefix":"10.60.0.0/16","nexthops":[{"via":"10.0.0.2"}],"ticket":5}'
		echo '{"action":"route-set","prefix":"127.0.0.0/8","via":"10.0.0.2","ticket":6}'
		echo '{"action":"route-set","prefix":"0.0.0.0/0","via":"10.0.0.2","ticket":7}'
		echo '{"action":"routes-kept"}'
		;;
	esac
done
END
chmod +x "$tmp/program"
cat >"$tmp/exec.conf" <<CONF
routing = { module = "exec"; command = "$tmp/program"; grace = "2s"; };
CONF
start "$tmp/exec.conf"
check "the program's route comes" soon 3 has 10.60.0.0/16 "via 10.0.0.2 dev v0 proto 71 metric 20"
check "it heard of links" grep -q '"fact":"link".*"ifname":"v0"' "$tmp/heard"
check "of addresses" grep -q '"fact":"address".*"prefix":"10.0.0.1/30"' "$tmp/heard"
check "and of routes" grep -q '"fact":"route","prefix":"10.0.0.0/30","source":"connected"' "$tmp/heard"
check "a loopback route is refused" soon 2 grep -q '"fact":"route-failed","ticket":6,"status":-1' "$tmp/heard"
check "a default route too" soon 2 grep -q '"fact":"route-failed","ticket":7,"status":-1' "$tmp/heard"
: >"$tmp/heard"
pkill -f "^/bin/sh $tmp/program"
check "it dies and is started again" soon 4 grep -q synced "$tmp/heard"
check "its route was there all the time" has 10.60.0.0/16 "via 10.0.0.2"
stop
says "at the end it is gone" "" ours

# --- frr and bird: tools that pretend ---
cat >"$tmp/vtysh" <<END
#!/bin/sh
echo "\$*" >>"$tmp/vty"
case "\$*" in
*"show bgp neighbors json") [ ! -e "$tmp/shut" ] || echo " neighbor 10.0.0.2 shutdown message gretel: the tunnel is down"
	if [ -e "$tmp/shut" ]; then echo '{"10.0.0.2":{"adminShutDown":true}}'; else echo '{"10.0.0.2":{"remoteAs":65000}}'; fi ;;
*" no neighbor 10.0.0.2 shutdown") rm -f "$tmp/shut" ;;
*" neighbor 10.0.0.2 shutdown message gretel: the tunnel is down") touch "$tmp/shut" ;;
esac
END
chmod +x "$tmp/vtysh"
cat >"$tmp/frr.conf" <<CONF
tunnels = { home = { local = "10.0.0.1"; remote = "10.0.0.2"; guard = "off"; auto = "add"; }; };
secrets = ( { psk = "something that nobody else may know, ever"; } );
routing = { module = "frr"; command = "$tmp/vtysh"; options = { neighbors = { home = ["10.0.0.2"]; }; }; };
CONF
start "$tmp/frr.conf"
check "frr is asked first" soon 3 grep -q "show bgp neighbors json" "$tmp/vty"
check "the tunnel is down: the neighbour is shut down" soon 3 test -e "$tmp/shut"
stop
check "at the end it is enabled again" not test -e "$tmp/shut"

# --- BGP between two gretels ---
ip link del v0
ip netns add a
ip netns add b
ip -n a link add v0 type veth peer name v0 netns b
for n in a b; do
	ip -n $n link set lo up
	ip -n $n link set v0 up
	ip -n $n link add lan type veth peer name lan0
	ip -n $n link set lan up
	ip -n $n link set lan0 up
	mkdir -p "$tmp/run.$n"
done
ip -n a addr add 10.0.0.1/30 dev v0
ip -n b addr add 10.0.0.2/30 dev v0
ip -n a addr add 192.168.1.1/24 dev lan
ip -n b addr add 192.168.2.1/24 dev lan
conf() { # conf NAME ROUTER-ID PEER NETWORK
	cat >"$tmp/$1.conf" <<CONF
routing = { as = 65000; router_id = "$2"; grace = "2s";
	neighbors = ( { address = "$3"; password = "secret"; ttl_security_hops = 1; } );
	networks = ( { prefix = "$4"; }, { prefix = "10.7$5.0.0/16"; check = false; } ); };
CONF
	chmod 600 "$tmp/$1.conf"
}
conf a 10.0.0.1 10.0.0.2 192.168.1.0/24 1
conf b 10.0.0.2 10.0.0.1 192.168.2.0/24 2
speaker() {
	ip netns exec "$1" unshare --mount sh -c "mount --bind $tmp/run.$1 /run/gretel && exec $greteld -n -d 2 -c $tmp/$1.conf" >"$tmp/log.$1" 2>&1 &
}
has_in() { ip -n "$1" route show "$2" | grep -q -- "$3"; }
lacks_in() { [ -z "$(ip -n "$1" route show "$2")" ]; }
speaker a
pa=$!
speaker b
pb=$!
check "a session with MD5 and GTSM, and its routes" soon 8 has_in a 192.168.2.0/24 "via 10.0.0.2 dev v0 proto 71 metric 20"
check "both ways" soon 3 has_in b 192.168.1.0/24 "via 10.0.0.1 dev v0 proto 71 metric 20"
check "and the others" soon 3 has_in b 10.71.0.0/16 "via 10.0.0.1"
check "show bgp summary" sh -c "$gretel --socket $tmp/run.a/control show bgp summary | grep -qE '^10.0.0.2 .* 2 +2 '"
check "status has a line for the session" sh -c "$gretel --socket $tmp/run.a/control status | grep -q '10.0.0.2 Established since'"
ip -n a link set v0 down
check "the link goes down: routes gone within a second" soon 1 lacks_in a 192.168.2.0/24
ip -n a link set v0 up
check "it is back: routes back within two seconds" soon 2 has_in a 192.168.2.0/24 "via 10.0.0.2"
check "at the other end too" soon 2 has_in b 192.168.1.0/24 "via 10.0.0.1"
r=$(pgrep -f '^greteld: route ' -n)
kill -9 "$r"
sleep 0.2
check "route dies: its routes stay" sh -c "ip -n b route show proto 71 | grep -q 10.71 || ip -n a route show proto 71 | grep -q 10.72"
check "the session comes back" soon 8 sh -c "$gretel --socket $tmp/run.a/control show bgp summary | grep -qE '^10.0.0.2 .* 2 +2 '"
sleep 2.5
check "routes are there after the grace time" has_in b 192.168.1.0/24 "via 10.0.0.1"
check "at both" has_in a 192.168.2.0/24 "via 10.0.0.2"
kill $pa
wait $pa
check "one says goodbye: the other's routes go at once" soon 1 lacks_in b 192.168.1.0/24
says "its own are gone" "" ip -n a route show proto 71
kill $pb
wait $pb
[ $failed -eq 0 ] || { echo "--- log"; tail -n 40 "$tmp/log" "$tmp/log.a" "$tmp/log.b"; }
echo "$failed failed"
exit $((failed > 0))
