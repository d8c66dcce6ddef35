#!/bin/bash
# The lab proves itself: FRR and BIRD, without gretel, have a session, routes with their attributes, and messages that tshark likes;
# and tshark does find a message that is wrong.
set -u
here=$(dirname "$(readlink -f "$0")")
. "$here/lab.sh"

node_new a
node_new b
node_link a b0 10.1.0.1/24,fd00:1::1/64 b a0 10.1.0.2/24,fd00:1::2/64
net_of a ip addr add 192.168.1.1/24 dev lo
cat >"$NODE_TMP/frr.conf" <<'END'
router bgp 65000
 bgp router-id 10.1.0.1
 neighbor 10.1.0.2 remote-as 65000
 address-family ipv4 unicast
  network 192.168.1.0/24 route-map out
 exit-address-family
!
route-map out permit 10
 set metric 7
 set community 65000:1
 set large-community 65000:1:2
 set extcommunity rt 65000:3
END
cat >"$NODE_TMP/bird.conf" <<'END'
router id 10.1.0.2;
protocol device {}
protocol static { ipv4; route 192.168.2.0/24 blackhole { bgp_community.add((65000,9)); }; }
protocol kernel { ipv4 { import none; export where source = RTS_BGP; }; }
protocol bgp a { local 10.1.0.2 as 65000; neighbor 10.1.0.1 as 65000; passive on; direct;
	ipv4 { import all; export where source = RTS_STATIC; next hop self; }; }
END
cap_start bgp a b0 tcp port 179
check "FRR starts" lab_speaker a frr a "$NODE_TMP/frr.conf"
check "BIRD starts" lab_speaker b bird b "$NODE_TMP/bird.conf"
is() { [ "$("${@:2}")" = "$1" ]; }
says() { "${@:2}" | grep -qxF -- "$1"; }
check "FRR says that the session is established" soon 15 is Established session a frr 10.1.0.2
check "BIRD says so too" soon 5 is Established session b bird 10.1.0.1
check "FRR has BIRD's route" soon 5 says "nexthop 10.1.0.2" route a frr 192.168.2.0/24
check "with its community" says "community 65000:9" route a frr 192.168.2.0/24
check "BIRD has FRR's route" soon 5 says "nexthop 10.1.0.1" route b bird 192.168.1.0/24
for line in "med 7" "locpref 100" "community 65000:1" "large 65000:1:2" "ext rt:65000:3"; do
	check "with its $line" says "$line" route b bird 192.168.1.0/24
done
check "and puts it into the kernel" soon 3 sh -c "nsenter -t ${NODE[b]} -n ip route show proto bird | grep -q '192.168.1.0/24 via 10.1.0.1'"
check "a prefix that nobody announces has no route" is "" route a frr 192.168.9.0/24
cap_stop bgp
check "the capture has OPENs of both" is 2 cap_count bgp 'bgp.type == 1'
check "tshark finds nothing wrong" cap_errors bgp

# An UPDATE with an ORIGIN of two octets, from a listener that is no speaker.
cap_start bad a b0 tcp port 179
lab_stop b
soon 3 idle_node b
printf '%b' "$(printf '\\xff%.0s' {1..16})\\x00\\x25\\x02\\x00\\x00\\x00\\x0a\\x40\\x01\\x02\\x00\\x00\\x40\\x02\\x00\\x20\\x0a\\x0a\\x00\\x01\\x00" >"$NODE_TMP/bad"
net_of b "${CACHE_ENV[@]}" "$(tool socat)" -u "FILE:$NODE_TMP/bad" TCP:10.1.0.1:179,bind=10.1.0.2 2>/dev/null
sleep 0.3
cap_stop bad
fails() { ! "$@"; }
check "tshark finds a message that is wrong" fails cap_errors bad 'ip.src == 10.1.0.2'
lab_summary
