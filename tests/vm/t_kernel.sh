#!/bin/bash
# tests/vm/boot -t 600 tests/vm/t_kernel.sh: kernel/ against a real kernel with ESP and GRE. Two probes
# (kernel_probe.c) play the daemons of cn and us: SAs in strongSwan's shape, each algorithm, moves, rekeys, takeover,
# the guard, GRE interfaces, events.
set -u
. "$(dirname "$0")/lab.sh"
P=$GRETEL_BUILD/tests/vm/kernel_probe
modprobe -a xfrm_user esp4 esp6 ip_gre ip6_gre

p() { # p HOST COMMAND...: what the probe says
	local h=$1
	shift
	on "$h" "$P" "$@"
}
says() { # says TEXT CMD...: the output of CMD is TEXT
	local want=$1 got
	shift
	got=$("$@" 2>&1)
	[ "$got" = "$want" ] || { echo "expected: $want"; echo "found: $got"; return 1; }
}
has() { # has TEXT CMD...: the output of CMD contains TEXT
	local want=$1 got
	shift
	got=$("$@" 2>&1)
	case $got in *"$want"*) ;; *) echo "expected: $want"; echo "found: $got"; return 1 ;; esac
}
lacks() { ! has "$@" >/dev/null; }
fails() { # fails TEXT CMD...: CMD fails and says TEXT
	local want=$1
	shift
	if "$@" >/dev/null 2>&1; then echo "no failure"; return 1; fi
	has "$want" "$@"
}
no_reply() { ! ping_gre "$@" >/dev/null; }
xstat() { on "$1" awk -v n="$2" '$1 == n { print $2 }' /proc/net/xfrm_stat; }
gre_rx() { on "$1" cat /sys/class/net/gre1/statistics/rx_packets; }
ifindex() { on "$1" cat "/sys/class/net/$2/ifindex"; }
guards() { p "$1" guard list | wc -l; }
states() { on "$1" ip -s xfrm state; }
policies() { on "$1" ip xfrm policy | awk '/^src/ { head = $0; getline; if (!/socket/) print head } '; }
# The SA with an SPI, as ip -s xfrm state shows it.
sa() { states "$1" | awk -v spi="spi $2(" '/^src/ { head = $0; on = 0; next } index($0, spi) { on = 1; print head } on'; }
same_shape() { diff "$LAB_DIR/golden/$1.xfrm" <(xfrm_shape "$1"); }
nothing() { says "" xfrm_shape "$1"; }
packets() { sa "$1" "$2" | sed -n 's/.*(bytes), \([0-9]*\)(packets)$/\1/p'; }
added() { sa "$1" "$2" | grep -o 'add 2.* use'; }
oseq() { echo $(($(sa "$1" "$2" | grep -o 'oseq 0x[0-9a-f]*' | cut -d' ' -f2))); }
pinged() { wait_for 5 ping_gre "$@"; }

CN=172.19.42.8 NAT=121.43.117.81 US=80.251.215.33 HOME4=123.186.228.22
CN6=2001:db8:4::8 US6=2001:db8:3::33
A=0xc0000a01 B=0xc0000b01 # inbound SPIs of cn and us
cn_sa="local=$CN remote=$US in=$A out=$B sport=4500 dport=4500"
us_sa="local=$US remote=$NAT in=$B out=$A sport=4500 dport=4500"
both() { # both install|remove OPTION...: at cn and us
	local verb=$1
	shift
	p cn "$verb" $cn_sa "$@" && p us "$verb" $us_sa "$@"
}
hold() { # hold HOST FAMILY PORT
	p "$1" udp "$2" "$3" natt 900 >"/lab/$1/udp.$2.$3" 2>&1 &
	wait_for 5 grep -q open "/lab/$1/udp.$2.$3"
}

lab_up_v6 || exit 1

sockets() {
	local h
	for h in cn us; do
		check "$h: a socket that unpacks ESP from UDP" hold $h 4 4500
		check "$h: and one with IPv6" hold $h 6 4500
	done
	check "who holds a port is known" fails "port 4500 is held by kernel_probe (pid " p cn udp 4 4500 natt 1
	check "and the error says the same" fails EADDRINUSE p cn udp 4 4500 natt 1
	on us ip xfrm policy add src 0.0.0.0/0 dst 0.0.0.0/0 dir in action block priority 1
	on us ip xfrm policy add src ::/0 dst ::/0 dir in action block priority 1
	on cn sh -c "printf '\0\0\0\0IKE' | socat -u STDIN UDP4-SENDTO:$US:4500; printf '\0\0\0\0IKE6' | socat -u STDIN UDP6-SENDTO:[$US6]:4500"
	check "no policy keeps IKE out" wait_for 3 grep -q 'got 7 octets' /lab/us/udp.4.4500
	check "nor with IPv6" wait_for 3 grep -q 'got 8 octets' /lab/us/udp.6.4500
	on us ip xfrm policy flush
}

gre_new() {
	local cn="gre1 $CN -> $US mtu 1400 ttl 0 tos 0 up 10.0.0.2/30 peer 10.0.0.1"
	check "gre1 is made at cn" says "$cn" p cn gre ensure gre1 $CN $US address=10.0.0.2/30
	check "gre1 is made at us" says "gre1 $US -> $NAT mtu 1400 ttl 0 tos 0 up 10.0.0.1/30 peer 10.0.0.2" \
		p us gre ensure gre1 $US $NAT address=10.0.0.1/30
	check "a second time changes nothing" says "$cn" p cn gre ensure gre1 $CN $US address=10.0.0.2/30
	check "it is found by its ends" says "$cn" p cn gre find $CN $US
	check "other ends find none" fails ENODEV p cn gre find $CN $HOME4
	check "nor does the catch-all gre0" fails ENODEV p cn gre find 0.0.0.0 0.0.0.0
}

guard() {
	local before
	raw_gre us $US $NAT
	check "without a guard GRE comes in" wait_for 3 says 1 gre_rx cn
	check "and goes out" raw_gre cn $CN $US
	before=$(clear_gre_at_wan)
	check "the wan has seen it" test "$before" -ge 2
	check "cn is guarded" p cn guard set $US
	check "twice is once" p cn guard set $US
	check "a guard for IPv6" p cn guard set $US6
	check "four policies" says 4 guards cn
	check "nothing goes out" fails "not permitted" raw_gre cn $CN $US
	check "nothing goes out with IPv6" fails "not permitted" raw_gre cn $CN6 $US6
	check "no ping either" no_reply cn 10.0.0.1 1
	check "the wan has seen none" says "$before" clear_gre_at_wan
	check "what goes to others does" raw_gre cn $CN $HOME4
	before=$(gre_rx cn)
	raw_gre us $US $NAT
	check "what comes is dropped by policy" wait_for 3 says 1 xstat cn XfrmInPolBlock
	check "and gre1 sees nothing of it" says "$before" gre_rx cn
	raw_gre us $US6 $CN6
	check "the same with IPv6" wait_for 3 says 2 xstat cn XfrmInPolBlock
	check "us is guarded" p us guard set $NAT
}

golden() {
	check "without guards" p cn guard clear && p us guard clear >/dev/null
	check "an SPI is kept" says $A p cn spi $CN $US $A $A
	check "SAs at both ends" both install soft=2694 hard=3600
	check "cn has strongSwan's shape" same_shape cn
	check "us has strongSwan's shape" same_shape us
	check "GRE runs" pinged cn 10.0.0.1 5
	check "the kernel counts" says 5 packets us $A
	check "we tell what it counts" has "packets used, out" p cn counters $cn_sa
	check "both directions" has " 5 packets used, drops 0 0 0" p us counters $us_sa
	check "no drops" says 0 xstat cn XfrmInStateProtoError
	local l
	for l in 'limit: soft (INF)(bytes), hard (INF)(bytes)' 'limit: soft (INF)(packets), hard (INF)(packets)' \
		'expire add: soft 2694(sec), hard 3600(sec)' 'expire use: soft 0(sec), hard 0(sec)' 'flag  (0x00000000)'; do
		check "in: $l" has "$l" sa cn $A
		check "out: $l" has "$l" sa cn $B
	done
	check "the in template has no SPI, the out template has" says "proto esp reqid 1 mode transport
proto esp spi $B reqid 1 mode transport" sh -c "nsenter -t ${LAB_PID[cn]} -n ip xfrm policy | grep -o 'proto esp.*transport' | sort"
	check "templates are as strongSwan's" says 2 sh -c "nsenter -t ${LAB_PID[cn]} -n ip -s xfrm policy |
		grep -c 'enc-mask ffffffff auth-mask ffffffff comp-mask ffffffff'"
	check "level required" says 2 sh -c "nsenter -t ${LAB_PID[cn]} -n ip -s xfrm policy | grep -c 'level required share any'"
	# With both policies and the guard: what matches the SAs' policies passes, all else does not.
	p cn guard set $US
	p us guard set $NAT
	check "with the guard GRE runs as before" pinged cn 10.0.0.1 2
	on cn ip addr add 172.19.42.9/32 dev lo
	check "from another address it does not leave" fails "not permitted" raw_gre cn 172.19.42.9 $US
	on us ip xfrm policy flush
	local before=$(gre_rx cn) blocked=$(xstat cn XfrmInTmplMismatch)
	raw_gre us $US $NAT
	check "clear GRE is dropped with SAs up" wait_for 3 says $((blocked + 1)) xstat cn XfrmInTmplMismatch
	check "gre1 sees nothing of it" says "$before" gre_rx cn
	check "SAs go" both remove
	check "cn has nothing but its guard" says 2 sh -c "nsenter -t ${LAB_PID[cn]} -n ip xfrm policy | grep -c block"
	check "no SA is left" says "" states cn
	p us guard set $NAT
}

algorithm() { # algorithm LINES OPTION...: LINES are patterns for ip xfrm state
	local lines=$1 name="${*:2}" l n=0
	shift
	both install "$@" || { not_ok "$name" "install"; return; }
	for l in ${lines//;/ }; do
		l=${l//_/ }
		n=$(states cn | grep -Ec "^	$l\$")
		[ "$n" = 2 ] || not_ok "$name: $l" "$(states cn | grep -E 'enc|aead|auth')"
	done
	check "$name" pinged cn 10.0.0.1 1
	both remove "$@"
}
algorithms() {
	local bits icv integ hash key trunc mode head
	# Name of the proposal token, hash, octets of key, bits of ICV.
	for integ in sha1:sha1:20:96 sha256:sha256:32:128 sha384:sha384:48:192 sha512:sha512:64:256; do
		IFS=: read -r integ hash key trunc <<<"$integ"
		head="auth-trunc_hmac\\($hash\\)_0x[0-9a-f]{$((key * 2))}_\\([0-9]+_bits\\)_$trunc"
		for bits in 128 192 256; do
			algorithm "$head;enc_cbc\\(aes\\)_0x[0-9a-f]{$((bits / 4))}_\\($bits""_bits\\)" encr=aes$bits integ=$integ
			algorithm "$head;enc_rfc3686\\(ctr\\(aes\\)\\)_0x[0-9a-f]{$((bits / 4 + 8))}_\\($((bits + 32))_bits\\)" \
				encr=aes${bits}ctr integ=$integ
		done
	done
	for bits in 128 192 256; do
		for icv in 8 12 16; do
			algorithm "aead_rfc4106\\(gcm\\(aes\\)\\)_0x[0-9a-f]{$((bits / 4 + 8))}_\\($((bits + 32))_bits\\)_$((icv * 8))" \
				encr=aes${bits}gcm$icv
		done
	done
	algorithm "aead_rfc7539esp\\(chacha20,poly1305\\)_0x[0-9a-f]{72}_\\(288_bits\\)_128" encr=chacha20poly1305
}

windows() {
	check "a window of 1024" both install window=1024
	check "shows as replay_window 1024" has "replay_window 1024, bitmap-length 32" sa cn $A
	check "the outbound SA has none" has "replay-window 0 " sa cn $B
	check "and runs" pinged cn 10.0.0.1 2
	both remove
	check "a window of 0" both install window=0
	check "and runs" pinged cn 10.0.0.1 2
	both remove
	check "ESN" both install window=64 esn=1
	check "ESN: the flag, inbound" has "flag esn" sa cn $A
	check "ESN: the flag, outbound" has "flag esn" sa cn $B
	check "ESN: a window of 1 outbound" has "replay_window 1, bitmap-length 1" sa cn $B
	check "ESN runs" pinged cn 10.0.0.1 2
	both remove esn=1
	check "a window beyond the kernel's limit is cut" both install window=100000
	check "at 4096" has "replay_window 4096" sa cn $A
	both remove
}

marks() {
	check "marks" p cn install $cn_sa mark_in=5/0xff mark_out=6/0xf
	check "the outbound SA is marked" has "mark 0x6/0xf" sa cn $B
	check "the inbound one is not" lacks "mark" sa cn $A
	check "both policies are" says "	mark 0x5/0xff 
	mark 0x6/0xf " sh -c "nsenter -t ${LAB_PID[cn]} -n ip xfrm policy | grep mark | sort"
	check "counters find it" has "never, out 0 bytes" p cn counters $cn_sa mark_out=6/0xf
	check "all goes" p cn remove $cn_sa mark_in=5/0xff mark_out=6/0xf
	check "SAs" says "" states cn
	check "policies" says "" sh -c "nsenter -t ${LAB_PID[cn]} -n ip xfrm policy | grep mark"
}

ports() {
	local n seq since
	both install
	pinged cn 10.0.0.1 3
	check "the socket for a new port" hold cn 4 6000
	p us events 20 >/lab/us/events &
	wait_for 5 grep -q ready /lab/us/events
	n=$(packets cn $B) seq=$(oseq cn $B) since=$(added cn $B)
	check "cn's port changes in place" p cn move $cn_sa -- ${cn_sa/sport=4500/sport=6000}
	check "counters stay" says "$n" packets cn $B
	check "the sequence stays" says "$seq" oseq cn $B
	check "the age stays" says "$since" added cn $B
	check "the port is new" has "sport 6000 dport 4500" sa cn $B
	check "in both" has "sport 4500 dport 6000" sa cn $A
	ping_gre cn 10.0.0.1 1 >/dev/null
	check "us hears where ESP comes from now" wait_for 5 grep -qx "mapping $B $NAT\[6000\]" /lab/us/events
	check "us follows" p us move $us_sa nokeys=1 -- ${us_sa/dport=4500/dport=6000} nokeys=1
	check "GRE runs on" pinged cn 10.0.0.1 2
	check "no move is no move" p us move ${us_sa/dport=4500/dport=6000} -- ${us_sa/dport=4500/dport=6000}
	cn_sa=${cn_sa/sport=4500/sport=6000} us_sa=${us_sa/dport=4500/dport=6000} both remove
	check "what is gone cannot move" fails ESRCH p us move $us_sa -- ${us_sa/dport=4500/dport=6000}
}

addresses() {
	local h="local=$HOME4 remote=$US in=0xc0000c01 out=0xc0000d01 reqid=7" u="local=$US remote=$HOME4 in=0xc0000d01 out=0xc0000c01 reqid=7"
	local h2=${h/$HOME4/123.186.228.23} u2=${u/$HOME4/123.186.228.23} opt n seq index
	hold home 4 4500
	for opt in "window=32" "window=256 esn=1 encr=aes256gcm16"; do
		on home ip addr add 123.186.228.23/24 dev home-wan 2>/dev/null
		p home gre ensure gre2 $HOME4 $US address=10.7.0.1/30 >/dev/null
		p us gre ensure gre2 $US $HOME4 address=10.7.0.2/30 >/dev/null
		check "home and us, $opt" p home install $h $opt
		p us install $u $opt
		check "GRE runs without UDP" pinged home 10.7.0.2 3
		n=$(packets home 0xc0000d01) seq=$(oseq home 0xc0000d01) index=$(ifindex home gre2)
		check "home moves" p home move $h $opt -- $h2 $opt
		check "us follows, without keys" p us move $u $opt nokeys=1 -- $u2 $opt nokeys=1
		check "counters stay" says "$n" packets home 0xc0000d01
		check "the sequence goes on a bit further" says $((seq + 256)) oseq home 0xc0000d01
		check "the old policies are gone" says 0 sh -c "nsenter -t ${LAB_PID[home]} -n ip xfrm policy | grep -c '$HOME4/32'"
		p home gre ensure gre2 123.186.228.23 $US address=10.7.0.1/30 >/dev/null
		p us gre ensure gre2 $US 123.186.228.23 address=10.7.0.2/30 >/dev/null
		check "gre2 has moved in place" says "$index" ifindex home gre2
		check "GRE runs on" pinged home 10.7.0.2 2
		check "nothing was dropped as replayed" has "drops 0 0 0" p home counters $h2 $opt
		check "the peer found out a NAT: into UDP" p home move $h2 $opt -- $h2 $opt sport=4500 dport=4500
		p us move $u2 $opt -- $u2 $opt sport=4500 dport=4500
		check "it has the encapsulation" has "encap type espinudp sport 4500 dport 4500" sa home 0xc0000c01
		check "GRE runs on in UDP" pinged home 10.7.0.2 2
		p home remove $h2 $opt
		p us remove $u2 $opt
		check "all is gone" says "" states home
		check "policies too" says 0 sh -c "nsenter -t ${LAB_PID[home]} -n ip xfrm policy | grep -c 'proto gre'"
	done
}

rekey() {
	local a2=0xc0000a02 b2=0xc0000b02 cn2 us2
	cn2=${cn_sa/$A/$a2} cn2=${cn2/$B/$b2} us2=${us_sa/$A/$a2} us2=${us2/$B/$b2}
	out_spi() { on "$1" ip xfrm policy | grep -o 'proto esp spi 0x[0-9a-f]*' | cut -d' ' -f4; }
	p cn guard clear >/dev/null
	p us guard clear >/dev/null
	both install
	check "the new SAs" p cn install $cn2
	p us install $us2
	check "take the policy over" says $b2 out_spi cn
	check "GRE runs" pinged cn 10.0.0.1 1
	check "in them" says 1 packets us $b2
	check "the old ones go to their heir" p cn remove $cn_sa -- $cn2
	p us remove $us_sa -- $us2
	check "which keeps the policy" says $b2 out_spi cn
	check "the shape is one child's" same_shape cn
	check "GRE runs on" pinged cn 10.0.0.1 1
	check "the older may inherit as well" p cn install $cn_sa
	p us install $us_sa
	p cn remove $cn_sa -- $cn2
	p us remove $us_sa -- $us2
	check "the policy is back" says $b2 out_spi cn
	check "GRE runs on" pinged cn 10.0.0.1 1
	check "the last one goes" p cn remove $cn2
	p us remove $us2
	check "nothing is left at cn" nothing cn
	check "nothing is left at us" nothing us
}

takeover() {
	local before foreign
	foreign="src $CN/32 dst $US/32 proto 47 dir out priority 366975 tmpl src 0.0.0.0 dst 0.0.0.0 proto esp spi 0xc1111111 reqid 9 mode transport"
	on cn ip xfrm state add src $CN dst $US proto esp spi 0xc1111111 reqid 9 mode transport enc 'cbc(aes)' \
		0x00112233445566778899aabbccddeeff auth-trunc 'hmac(sha256)' 0x00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff 128
	on cn ip xfrm policy add $foreign
	on cn ip xfrm policy add src $US/32 dst $CN/32 proto 47 dir in priority 366975 tmpl src 0.0.0.0 dst 0.0.0.0 proto esp reqid 9 mode transport
	before=$(on cn ip xfrm policy)
	check "an SPI that another has for this peer" fails "EEXIST" p cn install ${cn_sa/$B/0xc1111111}
	check "undoes everything: policies" says "$before" on cn ip xfrm policy
	check "undoes everything: SAs" says 1 sa_count cn
	check "the foreign SA lives" has "reqid 9" sa cn 0xc1111111
	check "a policy left by another daemon" both install
	check "is ours now" says 0 sh -c "nsenter -t ${LAB_PID[cn]} -n ip xfrm policy | grep -c 'reqid 9'"
	check "GRE runs" pinged cn 10.0.0.1 1
	check "we go" both remove
	check "the foreign SA lives on" says 1 sa_count cn
	on cn ip xfrm state flush
	check "nothing else" nothing cn
	both install
	on cn ip xfrm policy update $foreign
	check "a policy that another took from us" both remove
	check "stays" has "spi 0xc1111111 reqid 9" on cn ip xfrm policy
	on cn ip xfrm policy flush
	# What a packet leaves that finds a policy without an SA: in the way of the SA, and not foreign.
	both install
	on cn ip xfrm state flush
	on cn ip xfrm monitor acquire >/dev/null &
	sleep 1
	ping_gre cn 10.0.0.1 1 >/dev/null
	check "a packet without an SA leaves a larval state" has "spi $B" sa cn $B
	check "which gives way" p cn install $cn_sa
	check "GRE runs" pinged cn 10.0.0.1 1
	both remove
	on cn sh -c 'kill $(pgrep -f "ip xfrm monitor acquire")'
	check "nothing is left" nothing cn
}

guard_names() {
	on cn ip xfrm policy add src 0.0.0.0/0 dst 9.9.9.9/32 proto 47 dir out action block priority 6779401
	on cn ip xfrm policy add src 0.0.0.0/0 dst 9.9.9.9/32 proto 6 dir out action block priority 6779402
	on cn ip xfrm policy add src 0.0.0.0/0 dst 9.9.9.8/32 proto 47 dir out priority 6779402
	on cn ip xfrm policy add src 0.0.0.0/0 dst 9.9.9.7/32 proto 47 dir out action block priority 6779402 mark 1 mask 1
	local before=$(on cn ip xfrm policy) i
	check "a foreign policy in the guard's place" fails EEXIST p cn guard set 9.9.9.8
	check "an address that is none" fails EINVAL p cn guard set 0.0.0.0
	for i in $(seq 1 50); do p cn guard set 198.51.100.$i; done
	p cn guard strict $CN
	# The failed one has left its other half, which is more than none.
	check "103 guards" says 103 sh -c "nsenter -t ${LAB_PID[cn]} -n ip xfrm policy | grep -c 'action block priority 6779402' | awk '{ print \$1 - 2 }'"
	check "one goes" p cn guard del 198.51.100.7
	check "it may go again" p cn guard del 198.51.100.7
	check "all go" says "101 removed" p cn guard clear
	check "others' stay" says "$before" on cn ip xfrm policy
	on cn ip xfrm policy flush
	check "strict without an address" p cn guard strict
	check "is for all" says "in ::/0 -> ::/0
out ::/0 -> ::/0
in 0.0.0.0/0 -> 0.0.0.0/0
out 0.0.0.0/0 -> 0.0.0.0/0" p cn guard list
	check "nothing goes out" fails "not permitted" raw_gre cn $CN $HOME4
	check "nothing goes out with IPv6" fails "not permitted" raw_gre cn $CN6 $US6
	both install
	check "but through the SAs" pinged cn 10.0.0.1 1
	both remove
	p cn guard clear >/dev/null
	check "nothing is left" nothing cn
}

shunts() {
	check "a pass" p cn shunt pass $CN/24 $HOME4/32 17
	check "as strongSwan makes it" says "src $HOME4/32 dst 172.19.42.0/24 proto udp 
	dir fwd priority 171071 ptype main 
src $HOME4/32 dst 172.19.42.0/24 proto udp 
	dir in priority 171071 ptype main 
src 172.19.42.0/24 dst $HOME4/32 proto udp 
	dir out priority 171071 ptype main " sh -c "nsenter -t ${LAB_PID[cn]} -n ip xfrm policy | paste - - | grep -v socket | sort | tr '\t' '\n' | sed 's/^dir/\tdir/; /^\$/d'"
	check "becomes a drop" p cn shunt drop $CN/24 $HOME4/32 17
	check "of its priority" says 3 sh -c "nsenter -t ${LAB_PID[cn]} -n ip xfrm policy | grep -c 'action block priority 571071'"
	check "and goes" p cn shunt del $CN/24 $HOME4/32 17
	check "entirely" nothing cn
}

adopt() {
	local index want="gre1 $CN -> $US mtu 1400 ttl 0 tos 0 up 10.0.0.2/30 peer 10.0.0.1"
	p cn gre del gre1
	on cn sh "$LAB_DIR/seed/cn/ipsec-notify.sh"
	index=$(ifindex cn gre1)
	check "the user's script made one: it is found" says "$want" p cn gre find $CN $US
	check "and adopted" says "$want" p cn gre ensure gre1 $CN $US address=10.0.0.2/30
	check "as it is" says "$index" ifindex cn gre1
	on cn ip link set gre1 mtu 1300 down
	on cn ip addr del 10.0.0.2/30 dev gre1
	on cn ip addr add 10.0.0.2/24 dev gre1
	on cn ip addr add 192.0.2.77/32 dev gre1
	check "MTU, address, state are repaired" says "${want/10.0.0.2\/30/192.0.2.77\/32 10.0.0.2\/30}" \
		p cn gre ensure gre1 $CN $US address=10.0.0.2/30
	on cn ip addr del 192.0.2.77/32 dev gre1
	check "ttl, tos and key are set" says "gre1 $CN -> $US mtu 1380 ttl 64 tos 16 up key 42 10.0.0.2/30 peer 10.0.0.1" \
		p cn gre ensure gre1 $CN $US address=10.0.0.2/30 ttl=64 tos=16 key=42 mtu=1380
	check "and taken back" says "$want" p cn gre ensure gre1 $CN $US address=10.0.0.2/30
	check "all in place" says "$index" ifindex cn gre1
	check "other ends" has "gre1 172.19.42.9 -> $HOME4 " p cn gre ensure gre1 172.19.42.9 $HOME4 address=10.0.0.2/30
	check "in place, too" says "$index" ifindex cn gre1
	check "a checksum" has "mtu 1400" p cn gre ensure gre1 172.19.42.9 $HOME4 address=10.0.0.2/30 csum=1
	check "is set" has "csum" on cn ip -d link show gre1
	check "IPv6 outside" has "gre1 $CN6 -> $US6 mtu 1400" p cn gre ensure gre1 $CN6 $US6 address=10.0.0.2/30
	check "is of another kind" has ip6gre on cn ip -d link show gre1
	check "without an encapsulation limit" has "encaplimit none" on cn ip -d link show gre1
	check "ttl and tos" has "ttl 64 tos 16" p cn gre ensure gre1 $CN6 $US6 address=10.0.0.2/30 ttl=64 tos=16
	check "tos inherited" has "ttl 0 tos 1" p cn gre ensure gre1 $CN6 $US6 address=10.0.0.2/30 tos=1
	check "and back" says "$want" p cn gre ensure gre1 $CN $US address=10.0.0.2/30
	check "ends that another one has" fails EEXIST p cn gre ensure gre9 $CN $US
	on cn ip link add gre8 type dummy
	check "a name that is no GRE" fails EEXIST p cn gre ensure gre8 $CN $HOME4
	check "it is not told" fails EEXIST p cn gre get gre8
	check "it is not removed" fails EEXIST p cn gre del gre8
	on cn ip link del gre8
	check "there is none with a name that is too long" fails ENODEV p cn gre get gre1234567890123
	check "a far peer" says "gre7 $CN -> $HOME4 mtu 1400 ttl 0 tos 0 up 10.5.0.1/32 fd00::1/64 peer 10.6.0.2" \
		p cn gre ensure gre7 $CN $HOME4 address=10.5.0.1/32 peer=10.6.0.2 address=fd00::1/64
	check "is the address's other end" has "inet 10.5.0.1 peer 10.6.0.2/32" on cn ip addr show gre7
	check "again" says "gre7 $CN -> $HOME4 mtu 1400 ttl 0 tos 0 up 10.5.0.1/32 fd00::1/64 peer 10.6.0.2" \
		p cn gre ensure gre7 $CN $HOME4 address=10.5.0.1/32 peer=10.6.0.2 address=fd00::1/64
	check "down" p cn gre down gre7
	check "it is down" has " down " p cn gre get gre7
	check "away" p cn gre del gre7
	check "twice" p cn gre del gre7
	check "the source to a peer" says "$CN cn-lan" p cn route $US
	check "a local address" says "$CN lo" p cn route $CN
	check "the source to a peer, IPv6" says "$CN6 cn-lan" p cn route $US6
	check "a wish" says "172.19.42.9 cn-lan" p cn route $US 172.19.42.9
	check "a wish that cannot be" fails error p cn route $US 1.2.3.4
	check "the name of a link" has cn-lan p cn route 172.19.0.1
	check "the addresses" says "172.19.42.9
$CN
10.0.0.2
$CN6" p cn addrs
	check "no room for all" fails ENOSPC p cn addrs 2
}

v6() {
	local c="local=$CN6 remote=$US6 in=0xc0000a06 out=0xc0000b06" u="local=$US6 remote=$CN6 in=0xc0000b06 out=0xc0000a06" opt
	p cn gre ensure gre6 $CN6 $US6 address=10.9.0.1/30 >/dev/null
	p us gre ensure gre6 $US6 $CN6 address=10.9.0.2/30 >/dev/null
	p cn guard set $US6
	p us guard set $CN6
	check "guarded" no_reply cn 10.9.0.2 1
	for opt in "" "encr=aes256gcm16 sport=4500 dport=4500"; do
		check "IPv6 outside $opt" p cn install $c $opt
		p us install $u $opt
		check "GRE runs" pinged cn 10.9.0.2 3
		check "in the SAs" says 3 packets us 0xc0000a06
		check "counters" has "out " p cn counters $c $opt
		p cn guard clear >/dev/null
		check "the policies" says "src $US6/128 dst $CN6/128 proto gre
    dir in priority 268671 ptype main
    tmpl src :: dst ::
    proto esp reqid N mode transport
src $CN6/128 dst $US6/128 proto gre
    dir out priority 268671 ptype main
    tmpl src :: dst ::
    proto esp spi SPI reqid N mode transport" sh -c "$(declare -f xfrm_canon); nsenter -t ${LAB_PID[cn]} -n ip -d xfrm policy | xfrm_canon"
		check "the selector" has "sel src $CN6/128 dst $US6/128 " sa cn 0xc0000b06
		p cn guard set $US6
		p cn remove $c $opt
		p us remove $u $opt
	done
	check "no SA is left" says "" states cn
	p cn guard clear >/dev/null
	p us guard clear >/dev/null
}

events() {
	local e=/lab/home/events
	p home events 60 >$e &
	wait_for 5 grep -q ready $e
	p home install local=$HOME4 remote=198.51.100.1 in=0xc0000e01 out=0xc0000e02 soft=2 hard=5 nopolicy=1
	on home ip link add dum9 mtu 1334 type dummy
	on home ip addr add 198.51.100.77/32 dev dum9
	on home ip link set dum9 up
	on home ip addr add 2001:db8:77::1/64 dev dum9
	check "an address" wait_for 3 grep -qx 'addr 198.51.100.77' $e
	check "an IPv6 address after its check" wait_for 5 grep -qx 'addr 2001:db8:77::1' $e
	check "a link up" wait_for 3 grep -qx 'link dum9 up mtu 1334' $e
	on home ip addr del 198.51.100.77/32 dev dum9
	check "an address gone" wait_for 3 grep -qx 'addr 198.51.100.77 gone' $e
	on home ip link del dum9
	check "a link gone" wait_for 3 grep -qx 'link dum9 down gone mtu 1334' $e
	check "soft, inbound" wait_for 6 grep -qx "expire 0xc0000e01 soft $HOME4" $e
	check "soft, outbound" wait_for 6 grep -qx 'expire 0xc0000e02 soft 198.51.100.1' $e
	check "hard, inbound" wait_for 6 grep -qx "expire 0xc0000e01 hard $HOME4" $e
	check "hard, outbound" wait_for 6 grep -qx 'expire 0xc0000e02 hard 198.51.100.1' $e
	check "then they are gone" says "" states home
	check "an SPI is kept" says 0xc0000e05 p home spi $HOME4 $US 0xc0000e05 0xc0000e05
	check "it is taken" fails ENOENT p home spi $HOME4 $US 0xc0000e05 0xc0000e05
	check "it is given back" p home spi-free $HOME4 $US 0xc0000e05
	check "twice" p home spi-free $HOME4 $US 0xc0000e05
	p home events 60 20 >$e.late &
	wait_for 5 grep -q ready $e.late
	on home sh -c 'for i in $(seq 1 40); do for j in $(seq 1 100); do echo "addr add 198.51.$i.$j/32 dev lo"; echo "addr del 198.51.$i.$j/32 dev lo"; done; done | ip -batch -'
	check "a listener that sleeps is told so" wait_for 30 grep -qx overrun $e.late
	check "an address that answers" says reply p cn ping 10.0.0.2
	check "one with IPv6" says reply p cn ping $US6
	check "one that does not" fails silence p cn ping 198.51.100.9
}

for t in ${LAB_ONLY:-sockets gre_new guard golden algorithms windows marks ports addresses rekey takeover guard_names shunts \
	adopt v6 events}; do
	echo "-- $t"
	$t
done
lab_summary
