#!/bin/bash
# The article as a whole with the data plane in user space, on this host: its files and scripts as they are, golden routes and
# tables; tunnels, OpenVPN and interfaces that go and come back; what else a script may do with `ip`; two hosts behind one address,
# which the kernel's data plane cannot tell apart.
#
#     tests/netns/t_seed_user.sh      takes gretel from $GRETEL_STAGE (scripts/dev-stage)
# shellcheck disable=SC1091
here=$(dirname "$(readlink -f "$0")")
. "$here/lab-host.sh"
. "$here/../vm/lab.sh"
. "$here/../vm/lab-gretel.sh"
. "$here/../vm/lab-cells.sh"
. "$here/../vm/lab-routing.sh"
lab_programs openvpn busybox nft tcpdump ping

says() { [ "$("${@:2}" 2>/dev/null)" = "$1" ]; }
has() { "${@:2}" 2>/dev/null | grep -qF -- "$1"; }
lacks() { ! has "$@"; }
pinging() { on "$1" ping -n -c 1 -W 1 "$2"; }
logged() { has "$2" cat "$(gretel_log "$1")"; }
link() { on "$1" ip link show "$2"; }
no_script() { ! on "$1" pgrep -f ipsec-notify.sh; }
# With sanitizers in the build: nothing that they would say.
sound() {
	local found
	found=$(grep -hE 'runtime error|Sanitizer|was killed by signal' /lab/*/greteld.log)
	[ -z "$found" ] || { echo "$found"; return 1; }
}
no_link() { ! link "$@"; }

# ---- the article

article() {
	local h before
	routing_lab gretel gretel gretel || { not_ok "the article" "no lab"; return; }
	liveness 3
	esp_count us us-wan >/dev/null
	routing_start 2>/dev/null || { not_ok "the article" "no start"; return; }
	check "pings from a LAN at home to us" wait_for 30 lan_ping
	for h in cn us; do
		check "the data plane of $h is in user space" in_user_space $h
		check "gre1 of $h is the script's, with its MTU" has "mtu 1400" link $h gre1
		check "gre1 of $h is a TUN device" has "tun type tun" on $h ip -d link show gre1
	done
	for h in us home; do check "the routes of $h are the golden ones" wait_for 20 same_routes $h; done
	for h in cn us home; do check "the table of $h is the golden one" wait_for 20 same_table $h; done
	before=$(esp_count us us-wan)
	check "pings through gre1" ping_gre cn 10.0.0.1 5
	check "and us has received ESP in UDP for them" test "$(esp_count us us-wan)" -ge $((before + 5))
	check "and back" ping_gre us 10.0.0.2 5
	check "1400 octets pass" on cn ping -n -c 1 -W 1 -M do -s 1372 10.0.0.1
	check "1401 do not" has "message too long" eval 'on cn ping -n -c 1 -W 1 -M do -s 1373 10.0.0.1 2>&1'
	check "in fragments they do" on cn ping -n -c 1 -W 1 -M dont -s 3000 10.0.0.1
	check "no GRE in the clear" says 0 clear_gre_at_wan
	gretel cn log >/lab/cn.log
	check "no script failed" lacks "script ended with status" cat /lab/cn.log
}

falls() {
	gretel cn down tunnel >/dev/null 2>&1 &
	check "the tunnel is deleted: us has lost its routes within 1 s" within 1000 us_lacks_lans
	wait $!
	# The article's script makes the interface on every event, also when it is there.
	check "the script was run again, and says what ip says" wait_for 5 logged cn 'add tunnel "gre0" failed: File exists'
	gretel cn up tunnel >/dev/null 2>&1
	check "it is up again: us has its routes back within 2 s" within 2000 us_has_lans
	check "and pings go" wait_for 10 lan_ping
	check "the routes of us are the golden ones again" wait_for 5 same_routes us
	vpn_stop cn
	check "OpenVPN stopped: the aggregate goes at us" within 1500 lacks_route us 10.0.9.0/30
	check "and the LANs" within 1500 us_lacks_lans
	vpn_start cn
	check "OpenVPN back: the aggregate too" wait_for 60 has_route us 10.0.9.0/30
	check "and the LANs, and pings" wait_for 60 lan_ping
	lab_remap
	check "the NAT changes the port: pings go on" wait_for 10 pinging cn 10.0.0.1
	check "the NAT changes the port: us sends there" wait_for 5 has '"dport": 14500' gretel us --json statusall tunnel
	check "the NAT changes the port: IKE follows" wait_for 10 has '"remote_port": 14500' gretel us --json statusall tunnel
	lab_remap_back
	lab_cut
	check "packets are dropped in silence: routes gone within the liveness time" within 4500 us_lacks_lans
	lab_heal
	check "healed: pings again" wait_for 60 lan_ping
}

# ---- what a script does

script() { # script HOST LINE...: a script that tells up from down
	local h=$1
	shift
	on "$h" sh -c 'f=$(sed -n "s/.*leftupdown=\([^ ]*\).*/\1/p" /etc/ipsec.conf); { echo "#!/bin/sh"; cat; } >"$f"; chmod 755 "$f"' sh <<-END
		case \$PLUTO_VERB in
		up-host)
			$1
			ip link set gre1 up
			ip addr add ${INNER[$h]}/30 dev gre1
			$3
			;;
		down-host)
			$2
			;;
		esac
	END
}
declare -A INNER=([cn]=10.0.0.2 [us]=10.0.0.1) FROM=([cn]=172.19.42.8 [us]=80.251.215.33) TO=([cn]=80.251.215.33 [us]=121.43.117.81)

failures() { grep -c 'script ended with status' "$(gretel_log cn)"; }
both() { # both WHAT DOWN UP [AFTER]: the script at both ends; @A, @B: its outer addresses
	local h before
	for h in cn us; do
		gretel $h down tunnel >/dev/null 2>&1
		# The article's script makes the interface also for down.
		sleep 0.5
		wait_for 10 no_script $h
		on $h ip link del gre1 2>/dev/null
		set -- "$1" "$2" "$3" "${4:-}"
		local up=${3//@A/${FROM[$h]}}
		script $h "${up//@B/${TO[$h]}}" "$2" "$4"
	done
	before=$(failures)
	for h in cn us; do gretel $h up tunnel >/lab/$h.up 2>&1; done
	check "$1: pings" wait_for 10 pinging cn 10.0.0.1
	check "$1: the script of cn ended well" says "$before" failures
}

scripts() {
	both "ip tunnel" "ip tunnel del gre1" "ip tunnel add gre1 mode gre local @A remote @B ttl 64"
	check "ip tunnel: an MTU of a GRE over Ethernet" has "mtu 1476" link cn gre1
	gretel cn down tunnel >/dev/null 2>&1
	check "ip tunnel del in the script for down: gone at cn" wait_for 5 no_link cn gre1
	check "and at us" wait_for 5 no_link us gre1
	gretel us up tunnel >/dev/null 2>&1
	gretel cn up tunnel >/dev/null 2>&1
	check "and back with the tunnel" wait_for 10 pinging cn 10.0.0.1
	both "ip link" "ip link del gre1" "ip link add gre1 mtu 1380 type gre local @A remote @B key 7 csum"
	check "ip link: the MTU that it asked for" has "mtu 1380" link cn gre1
	gretel cn down tunnel >/dev/null 2>&1
	check "ip link del in the script for down: gone" wait_for 5 no_link cn gre1
	gretel cn up tunnel >/dev/null 2>&1
	check "ip link: and back" wait_for 10 pinging cn 10.0.0.1
	both "a change" "ip tun del gre1" "ip tun add gre1 mode gre local @A remote @B key 1" \
		"ip tunnel change gre1 mode gre local \$PLUTO_ME remote \$PLUTO_PEER key 0.0.0.9"
	both "other words" "/usr/bin/env ip l d dev gre1" "ip -4 l a name gre1 type gre remote @B local @A tos inherit"
	both "without addresses" "ip tunnel del gre1" "ip tunnel add gre1 mode gre"
	# Away by hand, with the real ip.
	on cn ip link del gre1
	check "deleted by hand: status says so" wait_for 5 has "no GRE interface lies between its ends" gretel cn status tunnel
	gretel cn down tunnel >/dev/null 2>&1
	gretel cn up tunnel >/dev/null 2>&1
	check "down and up: it is there again" wait_for 10 pinging cn 10.0.0.1
	# What must not be.
	script cn "ip tunnel add gre1 mode gre local @A remote 198.51.100.1" "true" "" # a remote that is no peer
	gretel cn down tunnel >/dev/null 2>&1
	on cn ip link del gre1 2>/dev/null
	gretel cn up tunnel >/dev/null 2>&1
	check "another's address is refused, and the log has the sentence" wait_for 5 logged cn 'add tunnel "gre0" failed'
	check "and no interface is made" no_link cn gre1
}

# ---- two hosts behind one address

conf() { # conf HOST: ipsec.conf from standard input, a native interface
	on "$1" sh -c 'umask 077; cat >/etc/ipsec.conf; printf ": PSK \"password\"\n" >/etc/ipsec.secrets; rm -rf /etc/gretel'
}
conn() { # conn NAME WORD...
	printf 'conn %s\n\tauthby=secret\n\tkeyexchange=ikev2\n\ttype=transport\n\tleftprotoport=47\n\trightprotoport=47\n' "$1"
	printf '\tike=aes256-sha2_256-modp1024!\n\tesp=aes-sha2_256!\n'
	shift
	printf '\t%s\n' "$@"
}

one_address() {
	local us=80.251.215.33 nat=121.43.117.81
	lab_down
	lab_up && _lab_hosts cn2 && _lab_link cn2 cn2-lan cnrt cnrt-lan2 | ip -batch - || return
	_lab_set cnrt 'addr 172.20.0.1/24 cnrt-lan2'
	_lab_set cn2 'addr 172.20.0.8/24 cn2-lan; ip route add default via 172.20.0.1'
	on cnrt nft add rule ip nat post ip saddr 172.20.0.8 oifname cnrt-wan snat to $nat
	conn hub right=$us leftid=@one.example.org auto=add x-gre-name=gre1 x-gre-address=10.0.1.2/30 | conf cn
	conn hub right=$us leftid=@two.example.org auto=add x-gre-name=gre1 x-gre-address=10.0.2.2/30 | conf cn2
	{
		conn one left=$us right=%any rightid=@one.example.org auto=add x-gre-name=gre1 x-gre-address=10.0.1.1/30
		conn two left=$us right=%any rightid=@two.example.org auto=add x-gre-name=gre2 x-gre-address=10.0.2.1/30
	} | conf us
	gretel_start us & local a=$!
	gretel_start cn & local b=$!
	gretel_start cn2 & local c=$!
	wait $a $b $c
	check "two behind one address: the first is up" gretel cn up hub
	check "two behind one address: the second too" gretel cn2 up hub
	on cn2 ping -n -q -c 15 -i 0.2 10.0.2.1 >/lab/ping2.txt &
	a=$!
	on cn ping -n -q -c 15 -i 0.2 10.0.1.1 >/lab/ping1.txt
	wait $a
	check "two behind one address: no ping of the first is lost" grep -q '15 received' /lab/ping1.txt
	check "two behind one address: nor of the second, at the same time" grep -q '15 received' /lab/ping2.txt
	check "two behind one address: both are of one address" says "2" \
		eval "gretel us status | grep -c 'ESTABLISHED.*$us\[.*\.\.\.$nat\['"
	check "two behind one address: the hub calls both back" eval 'ping_gre us 10.0.1.2 3 && ping_gre us 10.0.2.2 3'
	gretel cn down hub >/dev/null 2>&1
	check "two behind one address: the first leaves, the second stays" ping_gre cn2 10.0.2.1 3
}

gretel_install || exit
article
falls
scripts
check "no process of gretel had to say more than its log" sound
one_address
check "nor with two behind one address" sound
lab_summary
