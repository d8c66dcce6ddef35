#!/bin/bash
# What a reflector between FRRs is asked in daily life, beyond features/*.cases: no route holds itself up, a reload says nothing that has
# not changed, interfaces and addresses that go by hand, a speaker that is killed while packets pass, BFD with bfdd, an own route
# beside others' in the kernel, wrong configurations.
#
# tests/interop/bgp/t_more.sh [BUILD_DIRECTORY] [PART...]      PART: wire holes hand reload bad gr bfd kernel
#
#   us (FRR) -- gre1 -- cn (gretel) -- vtun0 -- home (FRR), vtun0 point-to-point as OpenVPN's; the seed's three frr.conf files.
set -u
here=$(dirname "$(readlink -f "$0")")
[ ! -d "${1:-}" ] || { GRETEL_BUILD=$1; shift; }
. "$here/lab.sh"
greteld_path >/dev/null || { echo "no greteld with a BGP speaker in GRETEL_STAGE or GRETEL_BUILD"; exit 77; }
seed=$LAB_TOP/tests/vm/seed
parts=$*
part() { [ -z "$parts" ] || [[ " $parts " == *" $1 "* ]]; }

# ---- words
fails() { ! "$@"; }
is() { [ "$("${@:2}")" = "$1" ]; }
has() { net_of "$1" ip ${4:--4} route show "$2" | grep -q -- "${3:-.}"; }
lacks() { [ -z "$(net_of "$1" ip ${3:--4} route show "$2")" ]; }
within() { # within MILLISECONDS NAME CMD...: the time is said
	local limit=$1 name=$2 from=0 now
	shift 2
	from=$(date +%s%N)
	until "$@" >/dev/null 2>&1; do
		now=$((($(date +%s%N) - from) / 1000000))
		[ $now -lt "$limit" ] || { not_ok "$name" "not within $limit ms"; return 1; }
	done
	ok "$name: $((($(date +%s%N) - from) / 1000000)) ms"
}
explains() { gretel_cmd cn explain route $1 | grep -qE -- "$2"; }
up_with() { is Established session cn gretel "$1"; }
uptime_of() { gretel_cmd cn show bgp neighbor "$1" --json | jq -r ".\"$1\".connectionsEstablished"; }
lab() { # lab [CN-CONF [HOME-CONF [US-CONF]]]
	local n
	for n in cn us home; do lab_stop $n; done
	links
	lab_speaker us frr us "${3:-$seed/us/frr.conf}" && lab_speaker home frr home "${2:-$seed/home/frr.conf}" &&
		lab_speaker cn gretel cn "${1:-$seed/cn/frr.conf}" || { not_ok lab "a speaker does not start"; return 1; }
	soon 20 has us 192.168.1.0/24 via || { not_ok lab "us has no routes"; return 1; }
}
links() {
	net_of cn ip link del vtun0 2>/dev/null
	net_of cn ip link del gre1 2>/dev/null
	node_link cn gre1 10.0.0.2/30 us gre1 10.0.0.1/30
	ip link add vtun0 netns "${NODE[cn]}" type veth peer name vtun0 netns "${NODE[home]}"
	net_of cn ip addr add 10.0.9.2 peer 10.0.9.1/32 dev vtun0
	net_of home ip addr add 10.0.9.1 peer 10.0.9.2/32 dev vtun0
	net_of cn ip link set vtun0 up
	net_of home ip link set vtun0 up
}
for n in cn us home; do node_new $n; done
for i in 1 50 100; do
	net_of home ip link add dum$i type veth peer name x$i
	net_of home ip addr add 192.168.$i.1/24 dev dum$i
	net_of home ip link set x$i up
	net_of home ip link set dum$i up
done
conf() { cat >"$NODE_TMP/$1.conf"; }

# ---- wire: what is passed on, octet for octet
wire() {
	node_new b
	node_link cn b0 10.6.0.2/24 b cn0 10.6.0.1/24
	cat >"$NODE_TMP/b.conf" <<-'END'
		log stderr all;
		router id 10.6.0.1;
		protocol device {}
		protocol static { ipv4; route 192.168.7.0/24 blackhole; }
		protocol bgp cn { local 10.6.0.1 as 65000; neighbor 10.6.0.2 as 65000; direct; connect delay time 1; connect retry time 2;
			error wait time 1, 2; ipv4 { import all; export where source = RTS_STATIC; next hop self; }; }
	END
	sed 's/^    neighbor 10.0.9.1 remote-as 65000/&\n    neighbor 10.6.0.1 remote-as 65000/
		s/^ *neighbor 10.0.9.1 activate/&\n        neighbor 10.6.0.1 activate\n        neighbor 10.6.0.1 route-reflector-client/' \
		"$seed/cn/frr.conf" >"$NODE_TMP/wire-cn.conf"
	cap_start wire cn any tcp port 179
	lab "$NODE_TMP/wire-cn.conf" || { cap_stop wire; return; }
	# Last, so that its route is in a packet of its own.
	sleep 1
	lab_speaker b bird b "$NODE_TMP/b.conf"
	check "wire: a route of BIRD's is reflected" soon 8 has_path us 192.168.7.0/24
	soon 4 has_path home 192.168.7.0/24
	# On a busy machine the capture is behind.
	soon 8 is yes some sent 10.0.9.2 192.168.7.0
	sleep 0.5
	cap_stop wire
	check "wire: BIRD has sent it without MED" is yes some sent 10.6.0.1 '192.168.7.0 && !bgp.update.path_attribute.multi_exit_disc'
	check "wire: and none was added" is yes some sent 10.0.9.2 '192.168.7.0 && !bgp.update.path_attribute.multi_exit_disc'
	check "wire: nor sent beside" is 0 sent 10.0.9.2 '192.168.7.0 && bgp.update.path_attribute.multi_exit_disc'
	check "wire: the MED of FRR stays" is yes some sent 10.0.0.2 '192.168.1.0 && bgp.update.path_attribute.multi_exit_disc'
	check "wire: home's routes are not sent back to it" is 0 sent 10.0.9.2 192.168.1.0
	check "wire: nor BIRD's to BIRD" is 0 sent 10.6.0.2 192.168.7.0
	check "wire: ORIGINATOR_ID is there" is yes some sent 10.0.9.2 '192.168.7.0 && bgp.update.path_attribute.originator_id == 10.6.0.1'
	check "wire: the host route that is suppressed is not sent" is 0 cap_count wire 'bgp.type == 2 && ip.src != 10.6.0.1 && bgp.prefix_length == 32'
	check "wire: tshark finds nothing wrong" cap_errors wire
	node_gone b
	net_of cn ip link del b0 2>/dev/null
}
# UPDATEs of this sender with this prefix, and more of a display filter
sent() { cap_count wire "bgp.type == 2 && ip.src == $1 && bgp.nlri_prefix == $2"; }
has_path() { vty "$1" "show bgp ipv4 unicast $2 json" | grep -q '"paths"'; }

# ---- holes: nothing resolves through itself, nor through our own discard route
holes() {
	# A second way between cn and home, so that the session lives on when vtun0 goes; routes have their next hop behind vtun0.
	sed '/^exit-address-family\|^ *exit-address-family/i\        network 10.0.9.1/32' "$seed/home/frr.conf" |
		sed 's/10\.0\.9\.2/10.8.0.2/; s/neighbor 10\.0\.9\.2/neighbor 10.8.0.2/g' >"$NODE_TMP/home.conf"
	cat >>"$NODE_TMP/home.conf" <<-'END'
		route-map tun permit 10
		 set ip next-hop 10.0.9.1
		router bgp 65000
		 address-family ipv4 unicast
		  neighbor 10.8.0.2 route-map tun out
	END
	sed 's/neighbor 10\.0\.9\.1 /neighbor 10.8.0.1 /' "$seed/cn/frr.conf" >"$NODE_TMP/cn.conf"
	sed 's/^    no bgp default/    no bgp network import-check\n&/' "$NODE_TMP/cn.conf" >"$NODE_TMP/cn-nocheck.conf"
	# FRR has "no bgp network import-check" in 8.x only as a default of its own; home's host route is its own address.
	sed -i 's/^    no bgp default/    no bgp network import-check\n&/' "$NODE_TMP/home.conf"
	node_link cn side 10.8.0.2/24 home side 10.8.0.1/24
	local c
	for c in cn cn-nocheck; do
		lab "$NODE_TMP/$c.conf" "$NODE_TMP/home.conf" || return
		check "holes ($c): the host route of the tunnel's end is heard" soon 8 is 1 heard_host
		net_of cn ip link set vtun0 down
		within 1000 "holes ($c): vtun0 goes, the session stays: us loses what is behind it" lacks us 192.168.1.0/24
		check "holes ($c): cn's kernel too" soon 1 lacks cn 192.168.1.0/24
		check "holes ($c): the session has stayed" up_with 10.8.0.1
		check "holes ($c): explain says that the next hop is not reached" explains 192.168.1.0/24 'not reached|no path is usable|not accessible|unreachable|next hop 10\.0\.9\.1.*(not|no)'
		sleep 1
		check "holes ($c): and it stays so" lacks us 192.168.1.0/24
		net_of cn ip link set vtun0 up
		within 3000 "holes ($c): back" has us 192.168.1.0/24 via
	done
	net_of cn ip link del side
}
heard_host() { gretel_cmd cn show bgp 10.0.9.1/32 --json | jq '[.paths[]? | select(.peer.peerId == "10.8.0.1")] | length'; }

# ---- hand: what administrators and other programs do to interfaces
us_kept() { has us 10.0.0.0/30; }
# FRR takes its time when its interface has gone and come; and now and then zebra looks at the LANs before it has the aggregate that leads
# to their next hop, and never again ("inactive", while bgpd says "valid"), until bgpd takes them away and brings them anew.
us_again() {
	local i
	for i in 1 2 3; do
		soon 10 has us 192.168.1.0/24 via && return
		vty us 'clear bgp ipv4 unicast *'
	done
	net_of us ip route
	vty us 'show bgp ipv4 unicast' 'show ip route' 'show interface brief' 'show bgp nexthop'
	return 1
}
hand() {
	lab || return
	check "hand: a network is valid by a connected host route, and explain says so" explains 10.0.9.1/32 'network 10.0.9.1/32 .*valid, .*connected'
	check "hand: explain: suppressed by the aggregate" explains '10.0.9.1/32 to 10.0.0.1' 'suppressed by an aggregate'
	check "hand: explain: a client's own route does not go back to it" explains '192.168.1.0/24 to 10.0.9.1' "the peer's own"
	check "hand: explain names the interface" explains 192.168.1.0/24 'via 10.0.9.1 dev vtun0 metric 20'
	net_of cn ip addr del 10.0.9.2 peer 10.0.9.1/32 dev vtun0
	within 1000 "hand: the address is removed: us loses the LANs" lacks us 192.168.1.0/24
	check "hand: and the aggregate, without its part" soon 1 lacks us 10.0.9.0/30
	check "hand: explain: the network is not valid, and why" explains 10.0.9.1/32 'not valid, because the kernel has no route for exactly'
	check "hand: explain: nor is the aggregate" explains 10.0.9.0/30 'not active'
	net_of cn ip addr add 10.0.9.2 peer 10.0.9.1/32 dev vtun0
	within 8000 "hand: it is back, and all with it" has us 192.168.1.0/24 via
	check "hand: the aggregate too" soon 2 has us 10.0.9.0/30 via
	net_of cn ip link del gre1
	within 500 "hand: the interface is deleted: its session is over" fails up_with 10.0.0.1
	check "hand: the other one is not" up_with 10.0.9.1
	node_link cn gre1 10.0.0.2/30 us gre1 10.0.0.1/30
	within 8000 "hand: a new one of the same name: the session is back" up_with 10.0.0.1
	check "hand: and the routes" us_again
	# The address moves to another interface, the new one first.
	net_of cn ip link add spare type veth peer name spare0
	net_of cn ip link set spare up
	net_of cn ip link set spare0 up
	net_of cn ip addr add 172.30.0.1/24 dev spare
	check "hand: an address" soon 2 explains 172.30.0.0/24 "kernel's own: 172.30.0.0/24 dev spare"
	net_of cn ip addr add 172.30.0.2/24 dev spare0
	net_of cn ip addr del 172.30.0.1/24 dev spare
	sleep 0.2
	check "hand: it moves to another interface: the network is still there" explains 172.30.0.0/24 "kernel's own: 172.30.0.0/24 dev spare0"
	net_of cn ip link del spare
	# Forwarding, which a router needs.
	on cn sh -c 'echo 0 >/proc/sys/net/ipv4/ip_forward'
	check "hand: status says that nothing is forwarded" soon 5 sh_status 'ip_forward'
	on cn sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
	check "hand: and does not when it is" soon 5 fails sh_status 'ip_forward'
	check "hand: status has the sessions" sh_status '10.0.9.1 Established since .* 3 prefixes'
}
sh_status() { gretel_cmd cn status | grep -qE -- "$1"; }

# ---- reload
reload() {
	lab || return
	local f=$NODE_TMP/cn/frr.conf n=0
	sleep 1
	cap_start quiet cn any tcp port 179
	check "reload: of an equal file" gretel_cmd cn reload
	sleep 1.2
	cap_stop quiet
	check "reload: nothing was sent" is 0 cap_count quiet 'tcp.port == 179'
	cap_start diff cn any tcp port 179
	sed -i 's/^    exit-address-family/        neighbor 10.0.0.1 prefix-list wish out\n&/' "$f"
	printf 'ip prefix-list wish deny 192.168.50.0/24\nip prefix-list wish permit any\n' >>"$f"
	check "reload: a filter towards us" gretel_cmd cn reload
	within 2000 "reload: us loses the one prefix" lacks us 192.168.50.0/24
	check "reload: and keeps the others" has us 192.168.1.0/24 via
	sed -i 's/ deny 192.168.50.0/ deny 192.168.100.0/' "$f"
	gretel_cmd cn reload
	within 2000 "reload: the filter changes: one comes" has us 192.168.50.0/24 via
	check "reload: one goes" soon 1 lacks us 192.168.100.0/24
	sed -i 's/neighbor 10.0.9.1 activate/&\n        neighbor 10.0.9.1 prefix-list in9 in/' "$f"
	printf 'ip prefix-list in9 permit 192.168.1.0/24\n' >>"$f"
	gretel_cmd cn reload
	within 2000 "reload: a filter from home, applied to what was kept" lacks cn 192.168.50.0/24
	check "reload: filtered routes are still seen as received" is 3 received_of 10.0.9.1
	sed -i '/in9/d; /wish/d' "$f"
	gretel_cmd cn reload
	within 2000 "reload: without filters all is as it was" has us 192.168.100.0/24 via
	check "reload: a new neighbour, another timer" sh -c "sed -i 's/^    neighbor 10.0.9.1 remote-as 65000/&\\n    neighbor 10.7.7.7 remote-as 65000\\n    timers bgp 5 15/; s/^ *neighbor 10.0.0.1 activate/&\\n        neighbor 10.7.7.7 activate/' $f"
	check "reload: is taken" gretel_cmd cn reload
	check "reload: the neighbour is there" soon 2 sh_status '10.7.7.7'
	cap_stop diff
	check "reload: no session was reset by all that" is "1 1" both_uptimes
	check "reload: no connection was closed" is 0 cap_count diff '(ip.addr == 10.0.0.1 || ip.addr == 10.0.9.1) && (tcp.flags.fin == 1 || tcp.flags.reset == 1)'
	check "reload: nobody asked home again for what was kept" is 0 cap_count diff 'bgp.type == 5'
	check "reload: tshark finds nothing wrong" cap_errors diff
	# Soft.
	cap_start soft cn any tcp port 179
	check "soft in" gretel_cmd cn clear bgp 10.0.9.1 soft in
	check "soft out" gretel_cmd cn clear bgp 10.0.0.1 soft out
	sleep 1
	cap_stop soft
	check "soft in replays what was kept, and asks nobody" is 0 cap_count soft 'bgp.type == 5'
	check "soft out says it all again" is yes some cap_count soft 'bgp.type == 2 && ip.src == 10.0.0.2'
	check "soft: no session was reset" is "1 1" both_uptimes
	# An error: what runs goes on.
	echo ' neighbour 10.0.0.1 nonsense' >>"$f"
	sed -i 's/network 10.0.0.0\/30/network 10.0.0.0\/33/' "$f"
	n=$(grep -n 'network 10.0.0.0/33' "$f" | cut -d: -f1)
	gretel_cmd cn reload >"$NODE_TMP/reload" 2>&1
	check "reload with an error: it is said with file and line" grep -q "frr.conf:$n" "$NODE_TMP/reload"
	cat "$NODE_TMP/reload" | sed 's/^/        /'
	sleep 0.5
	check "reload with an error: what runs goes on" is "1 1" both_uptimes
	check "reload with an error: routes too" has us 10.0.9.0/30 via
}
received_of() { gretel_cmd cn show bgp neighbor "$1" received --json | jq '.receivedRoutes | length'; }
both_uptimes() { echo "$(uptime_of 10.0.0.1) $(uptime_of 10.0.9.1)"; }
some() { [ "$("$@")" -gt 0 ] && echo yes; }

# ---- bad: wrong configurations, with file, line, what was expected and found
wrong() { # wrong NAME PATTERN, the text comes from stdin
	conf bad
	chmod 600 "$NODE_TMP/bad.conf"
	on cn "$(dirname "$(greteld_path)")/../bin/gretel" -c "$NODE_TMP/bad.conf" check >"$NODE_TMP/said" 2>&1 && not_ok "bad: $1" "it is taken"
	sed -n '2s/^/        /p' "$NODE_TMP/said"
	check "bad: $1" grep -qE -- "$2" "$NODE_TMP/said"
}
bad() {
	wrong "an AS that is none" 'bad.conf:1: .*expected as = ' <<-'END'
		routing = {
			as = 0;
			neighbors = ( { address = "10.0.0.1"; } );
		};
	END
	wrong "a key that is unknown" 'bad.conf:2: .*neighbours' <<-'END'
		routing = { as = 65000;
			neighbours = ( );
		};
	END
	wrong "an address that is none" 'bad.conf:2: .*address.*10\.0\.0\.300' <<-'END'
		routing = { as = 65000;
			neighbors = ( { address = "10.0.0.300"; } );
		};
	END
	wrong "a list that nobody has defined" 'bad.conf:2: .*nolist' <<-'END'
		routing = { as = 65000;
			neighbors = ( { address = "10.0.0.1"; prefix_list_in = "nolist"; } );
		};
	END
	wrong "a hold time below 3 s" 'bad.conf:1: .*hold' <<-'END'
		routing = { as = 65000; hold = "2s"; };
	END
	wrong "a prefix that is none" 'bad.conf:1: .*10\.0\.0\.0/40' <<-'END'
		routing = { as = 65000; networks = ["10.0.0.0/40"]; };
	END
	wrong "a module's name that is none" 'bad.conf:1: .*module' <<-'END'
		routing = { module = "../x"; };
	END
	wrong "exec without a command" 'bad.conf:1: .*command' <<-'END'
		routing = { module = "exec"; };
	END
}

# ---- gr: the speaker is killed while packets pass
gr() {
	local conf
	for n in cn us home; do
		sed 's/^    no bgp default/    bgp graceful-restart\n&/' "$seed/$n/frr.conf" >"$NODE_TMP/gr-$n.conf"
	done
	lab "$NODE_TMP/gr-cn.conf" "$NODE_TMP/gr-home.conf" "$NODE_TMP/gr-us.conf" || return
	sleep 1.5
	check "gr: a ping passes" on us "${CACHE_ENV[@]}" "$(tool ping)" -n -c 1 -W 1 192.168.1.1
	on us "${CACHE_ENV[@]}" "$(tool ping)" -n -i 0.02 -c 250 -q 192.168.1.1 >"$NODE_TMP/ping" 2>&1 &
	local ping=$!
	sleep 0.5
	lab_kill_role route
	sleep 0.1
	check "gr: route is killed: its kernel routes stay" has cn 192.168.1.0/24 via
	check "gr: us keeps the routes" has us 192.168.1.0/24 via
	check "gr: the session is back" soon 10 up_with 10.0.0.1
	check "gr: the other too" soon 10 up_with 10.0.9.1
	wait $ping
	sed -n 's/^/        /; /transmitted/p' "$NODE_TMP/ping" | tail -1
	check "gr: not a packet was lost" grep -q ' 0% packet loss' "$NODE_TMP/ping"
	# What is not there any more after the restart is swept.
	net_of cn ip route add 10.123.0.0/16 via 10.0.9.1 proto 71 metric 20
	lab_kill_role route
	sleep 0.2
	check "gr: killed again: stale routes are there" has cn 10.123.0.0/16 via
	check "gr: and swept when all have said what they have" soon 30 lacks cn 10.123.0.0/16
	check "gr: the others stayed" has cn 192.168.1.0/24 via
}
lab_kill_role() { local p; p=$(pgrep --ns "${NODE[cn]}" --nslist pid -f "^greteld: $1 " -n) && kill -9 "$p"; }

# ---- bfd, over an interface that is no tunnel, with a path that dies in silence
bfd() {
	local n peer
	for n in cn us home; do
		sed 's/^    !/    !\n/; s/^    neighbor \([0-9.]*\) remote-as 65000/&\n    neighbor \1 bfd 3 100 100/' "$seed/$n/frr.conf" >"$NODE_TMP/bfd-$n.conf"
	done
	lab "$NODE_TMP/bfd-cn.conf" "$NODE_TMP/bfd-home.conf" "$NODE_TMP/bfd-us.conf" || return
	check "bfd: bfdd says that it is up" soon 10 bfdd_up us 10.0.0.2
	check "bfd: at home too" soon 10 bfdd_up home 10.0.9.2
	check "bfd: gretel says so" soon 5 gretel_bfd 10.0.0.1 Up
	check "bfd: over the point-to-point link too" soon 5 gretel_bfd 10.0.9.1 Up
	sleep 1
	check "bfd: the sessions have not been touched" is "1 1" both_uptimes
	# The path dies, the links stay up: home hears and says nothing any more.
	net_of home "${CACHE_ENV[@]}" "$(tool tc)" qdisc add dev vtun0 root netem loss 100% 2>/dev/null ||
		net_of home "$(command -v nft || tool nft)" -f - <<<'table ip cut { chain o { type filter hook output priority 0; oifname "vtun0" drop; }; }' 2>/dev/null ||
		on home sh -c 'for p in $(ip -o neigh show dev vtun0 | cut -d" " -f1) 10.0.9.2; do ip neigh replace $p lladdr 02:00:00:00:00:99 dev vtun0 nud permanent; done'
	within 900 "bfd: the path dies in silence: cn has lost the session" fails up_with 10.0.9.1
	within 300 "bfd: and the routes" lacks cn 192.168.1.0/24
	within 300 "bfd: at us too" lacks us 192.168.1.0/24
	check "bfd: the reason is said" session_says 10.0.9.1 BFD
}
bfdd_up() { vty "$1" 'show bfd peers json' | jq -e ".[] | select(.peer == \"$2\" and .status == \"up\")"; }
gretel_bfd() { gretel_cmd cn show bgp neighbor "$1" | grep -q "^  BFD: .*Status: $2"; }
session_says() { gretel_cmd cn show bgp neighbor "$1" | grep -q -- "$2"; }

# ---- kernel: what is others' stays others'
kernel() {
	for n in cn us home; do lab_stop $n; done
	links
	net_of cn ip route add 192.168.50.0/24 via 10.0.0.1 metric 20 proto static
	net_of cn ip route add 192.168.99.0/24 via 10.0.0.1 metric 20 proto 71
	conf home <<-'END'
		router bgp 65000
		 bgp router-id 10.0.9.1
		 neighbor 10.0.9.2 remote-as 65000
		 address-family ipv4 unicast
		  network 192.168.1.0/24
		  network 192.168.50.0/24
		  network 192.168.100.0/24
	END
	lab_speaker us frr us "$seed/us/frr.conf"
	lab_speaker home frr home "$NODE_TMP/home.conf"
	lab_speaker cn gretel cn "$seed/cn/frr.conf"
	check "kernel: a route" soon 15 has cn 192.168.1.0/24 "via 10.0.9.1 dev vtun0 proto 71 metric 20"
	check "kernel: another program's is not replaced" is "192.168.50.0/24 via 10.0.0.1 dev gre1 proto static metric 20" trimmed 192.168.50.0/24
	check "kernel: explain says why" explains 192.168.50.0/24 'kernel: not installed: the kernel has a route of its own'
	check "kernel: what an earlier run left is swept" soon 10 lacks cn 192.168.99.0/24
	check "kernel: the aggregate discards" has cn 10.0.9.0/30 blackhole
	lab_stop_gently cn
	check "kernel: at the end nothing of ours is left" is "" ours_of cn
	check "kernel: and the other program's is" has cn 192.168.50.0/24 "proto static"
	net_of cn ip route del 192.168.50.0/24
}
trimmed() { net_of cn ip route show "$1" | sed 's/ *$//'; }
ours_of() { net_of "$1" ip route show proto 71; net_of "$1" ip -6 route show proto 71; }
lab_stop_gently() {
	local p
	p=$(pgrep --ns "${NODE[$1]}" --nslist pid -f 'greteld -n') && kill "$p"
	soon 5 idle_node "$1"
}

for p in wire holes hand reload bad gr bfd kernel; do
	part $p || continue
	echo "-- $p ($SECONDS s)"
	$p
done
[ $lab_failed -eq 0 ] || { echo "--- cn's log"; tail -n 30 "$NODE_TMP/cn/log"; }
lab_summary
