#!/bin/bash
# tests/vm/boot -t 900 tests/vm/t_user.sh: the data plane in user space against kernels. One end has it, the other the kernel's XFRM and
# ip_gre, under strongSwan or gretel; both ways round. The seed's files and scripts, every algorithm, renewals, a NAT that
# changes ports, peers behind one address.
#
# LAB_ONLY="cells ..." runs only those parts: cells algorithms renew remap one_address deaths. GRETEL_LONG=1: five minutes of renewals.
set -u
. "$(dirname "${BASH_SOURCE[0]}")/lab.sh"
. "$(dirname "${BASH_SOURCE[0]}")/lab-gretel.sh"
. "$(dirname "${BASH_SOURCE[0]}")/lab-pair.sh"

US=80.251.215.33 CN=121.43.117.81
declare -A INNER=([us]=10.0.0.1 [cn]=10.0.0.2)
life=60 renewals=2
[ -z "${GRETEL_LONG:-}" ] || life=300 renewals=6

has() { # has TEXT CMD...: the output of CMD contains TEXT
	local want=$1 got
	shift
	got=$("$@" 2>&1)
	case $got in *"$want"*) ;; *) echo "expected: $want"; echo "found: $got"; return 1 ;; esac
}
lacks() { ! has "$@" >/dev/null; }
says() { # says TEXT CMD...: the output of CMD is TEXT
	local want=$1 got
	shift
	got=$("$@" 2>&1)
	[ "$got" = "$want" ] || { echo "expected: $want"; echo "found: $got"; return 1; }
}
other() { if [ "$1" = cn ]; then echo us; else echo cn; fi; }
file() { on "$1" sh -c 'cat >/etc/ipsec.conf'; }

# user HOST: gretel there has its own data plane; kernel HOST: that of the kernel. Both with the files of ipsec.
user() {
	on "$1" sh -c 'mkdir -p /etc/gretel; cat >/etc/gretel/gretel.conf' <<-'END'
		daemon = { dataplane = "user"; };
		ipsec = { conf = "/etc/ipsec.conf"; secrets = "/etc/ipsec.secrets"; };
	END
}
kernel() { on "$1" rm -f /etc/gretel/gretel.conf; }
begin() { # begin HOST user|kernel|swan
	case $2 in
	swan) swan_start "$1" ;;
	*) "$2" "$1"; gretel_start "$1" ;;
	esac
}
end() { if [ "$2" = swan ]; then swan_stop "$1"; else gretel_stop "$1"; fi; }
no_gre1() { on "$1" ip link del gre1 2>/dev/null; on "$1" ip tunnel del gre1 2>/dev/null; true; }
# Packets of ESP that the kernel at HOST has taken off.
esp_in() {
	on "$1" ip -s xfrm state | awk -v own="$2" '
		/^src/ { mine = $4 == own }
		/bytes\),.*packets\)/ && !/limit/ && mine { sub(/\(.*/, "", $2); n += $2 }
		END { print n + 0 }'
}
own() { if [ "$1" = cn ]; then echo 172.19.42.8; else echo $US; fi; }

# ---- the seed's files

cell() { # cell CN US: user, kernel or swan
	local what="$1 at cn, $2 at us" u h before
	u=cn
	[ "$1" = user ] || u=us
	for h in cn us; do
		no_gre1 $h
		lab_seed $h
	done
	begin us "$2" & begin cn "$1" & wait
	check "$what: up, and pings pass gre1" wait_for 30 pinging cn 10.0.0.1
	check "$what: the script's gre1 at $u is a TUN device" has "tun " on $u ip -d link show gre1
	check "$what: its MTU is the script's" has "mtu 1400" on $u ip link show gre1
	check "$what: the kernel at $u has no SA" says 0 sa_count $u
	check "$what: status says where the packets go" has "user space" gretel $u status
	h=$(other $u)
	if [ "$1" != "$2" ]; then
		check "$what: $h sees ESP in UDP" has "encap type espinudp" on "$h" ip xfrm state
		before=$(esp_in "$h" "$(own "$h")")
		ping_gre $u "${INNER[$h]}" 10 >/dev/null
		check "$what: ten pings, ten packets of ESP" test $(($(esp_in "$h" "$(own "$h")") - before)) -ge 10
	fi
	check "$what: large pings, in fragments" on cn ping -n -q -c 3 -i 0.2 -s 4000 10.0.0.1
	check "$what: a full packet" on us ping -n -q -c 3 -i 0.2 -M "do" -s 1372 10.0.0.2
	check "$what: TCP both ways" streams
	check "$what: nothing in the clear" says 0 clear_gre_at_wan
	gretel $u down tunnel >/lab/down.txt 2>&1
	check "$what: down: it ends" wait_for 5 lacks INSTALLED gretel $u status tunnel
	[ "$h" = us ] && raw_gre cn 172.19.42.8 $US 2>/dev/null
	check "$what: down: nothing in the clear" says 0 clear_gre_at_wan
	gretel $u up tunnel >/lab/up.txt 2>&1
	check "$what: up again" wait_for 15 pinging cn 10.0.0.1
	if [ "$2" = swan ]; then on us ipsec down tunnel >/dev/null 2>&1; elif [ "$1" = swan ]; then on cn ipsec down tunnel >/dev/null 2>&1; fi
	check "$what: there after a delete by the peer" wait_for 20 pinging cn 10.0.0.1
	end us "$2" & end cn "$1" & wait
	check "$what: stopped: no SA stays" test "$(sa_count cn)$(sa_count us)" = 00
}
# A megabyte each way, through TCP, unchanged.
streams() {
	local from to
	on cn sh -c 'head -c 1000000 /dev/urandom >/tmp/data'
	for from in cn us; do
		to=$(other $from)
		on cn cat /tmp/data | on $from sh -c 'cat >/tmp/sent'
		on "$to" sh -c 'rm -f /tmp/got; timeout 20 socat -u TCP-LISTEN:7777,reuseaddr OPEN:/tmp/got,creat' &
		wait_for 5 has :7777 on "$to" ss -tln
		on $from timeout 20 socat -u OPEN:/tmp/sent TCP:"${INNER[$to]}":7777 || return
		wait $!
		[ "$(on "$to" md5sum </dev/null /tmp/got | cut -d' ' -f1)" = "$(on cn md5sum /tmp/data | cut -d' ' -f1)" ] ||
			{ echo "$from to $to: something else arrived"; return 1; }
	done
}
cells() {
	cell user swan
	cell swan user
	cell user kernel
	cell kernel user
	cell user user
}

# ---- every algorithm of ESP, the peer's kernel beside it

algorithms_table() {
	cat <<-'END'
		aes128-sha1 cbc(aes)/128,hmac(sha1)/160/96
		aes192-sha1 cbc(aes)/192,hmac(sha1)/160/96
		aes256-sha1 cbc(aes)/256,hmac(sha1)/160/96
		aes128-sha256 cbc(aes)/128,hmac(sha256)/256/128
		aes256-sha256 cbc(aes)/256,hmac(sha256)/256/128
		aes192-sha384 cbc(aes)/192,hmac(sha384)/384/192
		aes256-sha512 cbc(aes)/256,hmac(sha512)/512/256
		aes128ctr-sha256 rfc3686(ctr(aes))/160,hmac(sha256)/256/128
		aes192ctr-sha384 rfc3686(ctr(aes))/224,hmac(sha384)/384/192
		aes256ctr-sha512 rfc3686(ctr(aes))/288,hmac(sha512)/512/256
		aes128gcm16 rfc4106(gcm(aes))/160/128
		aes192gcm16 rfc4106(gcm(aes))/224/128
		aes256gcm16 rfc4106(gcm(aes))/288/128
		aes128gcm12 rfc4106(gcm(aes))/160/96
		aes192gcm12 rfc4106(gcm(aes))/224/96
		aes256gcm12 rfc4106(gcm(aes))/288/96
		aes128gcm8 rfc4106(gcm(aes))/160/64
		aes192gcm8 rfc4106(gcm(aes))/224/64
		aes256gcm8 rfc4106(gcm(aes))/288/64
		chacha20poly1305 rfc7539esp(chacha20,poly1305)/288/128
		aes128-sha256-esn cbc(aes)/128,hmac(sha256)/256/128,esn
		aes256gcm16-esn rfc4106(gcm(aes))/288/128,esn
		chacha20poly1305-esn rfc7539esp(chacha20,poly1305)/288/128,esn
	END
}
# What a host's SAs have, in the words of the table: a line for each kind.
keyed() {
	on "$1" ip xfrm state | awk '
		function bits(hex) { return (length(hex) - 2) * 4 }
		function flush() { if (enc != "") print enc auth esn; enc = auth = esn = "" }
		/^src/ { flush() }
		/flag .*esn/ { esn = ",esn" }
		$1 == "enc" { enc = $2 "/" bits($3) }
		$1 == "auth-trunc" { auth = "," $2 "/" bits($3) "/" $4 }
		$1 == "aead" { enc = $2 "/" bits($3) "/" $4 }
		END { flush() }' | sort -u
}
# gretel is at cn with its own data plane, strongSwan at us; each begins every other one.
algorithms() {
	local esp shape n=0 who
	no_gre1 cn; no_gre1 us
	LAB_SWAN_PLUGINS="random nonce openssl aes sha1 sha2 hmac gcm ctr chapoly curve25519 kdf gmp kernel-netlink socket-default stroke updown"
	conf us; conf cn
	begin us swan & begin cn user & wait
	while read -r esp shape <&5; do
		{ conf cn "ike=aes256-sha256-x25519!" "esp=$esp!" && gretel_reload cn >/lab/reload.txt; } &
		{ conf us "ike=aes256-sha256-x25519!" "esp=$esp!" && swan_reload us; } &
		wait
		n=$((n + 1))
		who=gretel
		if [ $((n % 2)) = 0 ] && [ $n -gt 1 ]; then
			# What was taken down by hand does not let the peer in: begin anew.
			who=strongSwan
			gretel_stop cn; gretel_start cn
			on us timeout 20 ipsec up tunnel >/lab/up.txt 2>&1
		else
			gretel cn up tunnel >/lab/up.txt 2>&1
		fi
		check "$who begins, $esp" algorithm_runs "$shape"
		if [ $who = gretel ]; then gretel cn down tunnel >/dev/null 2>&1; else on us ipsec down tunnel >/dev/null 2>&1; fi
	done 5< <(algorithms_table)
	end us swan & end cn user & wait
	unset LAB_SWAN_PLUGINS
}
algorithm_runs() {
	wait_for 10 pinging cn 10.0.0.1 || { cat /lab/up.txt /lab/reload.txt; tail -n 5 "$(swan_log us)"; return 1; }
	says "$1" keyed us || return
	on cn ping -n -q -c 5 -i 0.05 -s 1372 10.0.0.1 >/lab/ping.txt && on us ping -n -q -c 5 -i 0.05 -s 1 10.0.0.2 >>/lab/ping.txt ||
		{ cat /lab/ping.txt; return 1; }
}

# ---- renewals

renewal() { # renewal CN US
	local what="$1 at cn, $2 at us, lifetime=40s" lost n u=cn drops
	[ "$1" = user ] || u=us
	no_gre1 cn; no_gre1 us
	conf cn auto=start lifetime=40s margintime=10s rekeyfuzz=0%; conf us lifetime=40s margintime=10s rekeyfuzz=0%
	begin us "$2" & begin cn "$1" & wait
	wait_for 30 pinging cn 10.0.0.1
	pings_start life cn 10.0.0.1 "$life"
	lost=$(pings_lost life)
	n=$(grep -c 'CHILD_SA tunnel{.*established' "$(gretel_log $u)")
	check "$what: $lost of $((life * 5)) pings lost, $n child SAs" test "$lost" = 0 -a "$n" -ge "$renewals"
	end us "$2" & end cn "$1" & wait
}
renew() {
	renewal user swan
	renewal user kernel
	renewal kernel user
}

# ---- a NAT that gives cn another port

remapped() { # remapped CN US
	local what="$1 at cn, $2 at us: a NAT changes the port"
	no_gre1 cn; no_gre1 us
	conf cn auto=start; conf us
	begin us "$2" & begin cn "$1" & wait
	check "$what: pings before" wait_for 30 pinging cn 10.0.0.1
	on cnrt sh -c 'echo 1 >/proc/sys/net/netfilter/nf_conntrack_udp_timeout; echo 1 >/proc/sys/net/netfilter/nf_conntrack_udp_timeout_stream'
	ping_gre cn 10.0.0.1 1 >/dev/null # the entry takes its new time limit
	on cnrt nft -f - <<-END
		table ip stop {
			chain pre {
				type filter hook prerouting priority -400;
				udp dport 4500 drop
				udp sport 4500 drop
			}
		}
	END
	sleep 4
	on cnrt nft -f - <<-END
		flush chain ip nat pre
		flush chain ip nat post
		add rule ip nat pre ip daddr $CN udp dport 14500 dnat to 172.19.42.8:4500
		add rule ip nat post ip saddr 172.19.42.8 udp sport 4500 oifname "cnrt-wan" snat to $CN:14500
		add rule ip nat post ip saddr 172.19.42.8 oifname "cnrt-wan" snat to $CN
		delete table ip stop
	END
	on cnrt sh -c 'echo 120 >/proc/sys/net/netfilter/nf_conntrack_udp_timeout; echo 120 >/proc/sys/net/netfilter/nf_conntrack_udp_timeout_stream'
	check "$what: pings go on" wait_for 10 pinging cn 10.0.0.1
	cap_start ports us us-wan "udp port 14500"
	ping_gre us 10.0.0.2 3 >/lab/ping.txt
	cap_stop ports
	check "$what: us sends to it" test "$(cap_count ports "udp dst port 14500")" -ge 3
	if [ "$2" = user ]; then
		check "$what: status knows" has '"dport": 14500' gretel us --json statusall tunnel
		on us sh -c 'kill -9 $(pgrep -o -f "^greteld: ike ")'
		check "$what: and stays with it when ike is killed" ping_gre us 10.0.0.2 3
	fi
	on cnrt nft -f - <<-END
		flush chain ip nat pre
		flush chain ip nat post
		add rule ip nat pre ip daddr $CN dnat to 172.19.42.8
		add rule ip nat post ip saddr 172.19.42.8 oifname "cnrt-wan" snat to $CN
	END
	end us "$2" & end cn "$1" & wait
}
remap() {
	remapped kernel user
	remapped swan user
	remapped user swan
	remapped user kernel
}

# ---- two peers behind one address, which the kernel's data plane cannot have

one_address() {
	_lab_hosts cn2 && _lab_link cn2 cn2-lan cnrt cnrt-lan2 | ip -batch - || return
	_lab_set cnrt 'addr 172.20.0.1/24 cnrt-lan2'
	_lab_set cn2 'addr 172.20.0.8/24 cn2-lan; ip route add default via 172.20.0.1'
	on cnrt nft add rule ip nat post ip saddr 172.20.0.8 oifname cnrt-wan snat to $CN
	no_gre1 cn; no_gre1 us
	secret cn password; secret cn2 password; secret us password
	conn hub right=$US leftid=@one.example.org auto=add x-gre-name=gre1 x-gre-address=10.1.1.2/30 | file cn
	conn hub right=$US leftid=@two.example.org auto=add x-gre-name=gre1 x-gre-address=10.1.2.2/30 | file cn2
	{
		conn one left=$US right=%any rightid=@one.example.org auto=add x-gre-name=gre1 x-gre-address=10.1.1.1/30
		conn two left=$US right=%any rightid=@two.example.org auto=add x-gre-name=gre2 x-gre-address=10.1.2.1/30
	} | file us
	begin us user & begin cn kernel & begin cn2 kernel & wait
	check "two behind one NAT address: the first is up" gretel cn up hub
	check "two behind one NAT address: so is the second" gretel cn2 up hub
	on cn ping -n -q -c 20 -i 0.1 10.1.1.1 >/lab/p1.txt & on cn2 ping -n -q -c 20 -i 0.1 10.1.2.1 >/lab/p2.txt & wait
	check "two behind one NAT address: both carry pings at once" sh -c 'grep " 0% packet loss" /lab/p1.txt && grep " 0% packet loss" /lab/p2.txt'
	gretel cn2 down hub >/dev/null 2>&1
	check "two behind one NAT address: one goes, the other stays" ping_gre cn 10.1.1.1 3
	gretel_stop cn2 & gretel_stop cn & gretel_stop us & wait
}

# ---- deaths beside a kernel peer

deaths() {
	local lost
	no_gre1 cn; no_gre1 us
	lab_seed cn; lab_seed us
	begin us swan & begin cn user & wait
	check "deaths: up" wait_for 30 pinging cn 10.0.0.1
	pings_start ike cn 10.0.0.1 5
	sleep 1
	gretel_kill9 cn ike
	lost=$(pings_lost ike)
	check "ike is killed: $lost of 25 pings lost" test "$lost" = 0
	gretel_kill9 cn esp
	check "esp is killed: new keys, and pings again" wait_for 15 pinging cn 10.0.0.1
	check "esp is killed: gre1 is there as it was" has "10.0.0.2/30" on cn ip addr show gre1
	gretel_kill9 cn
	raw_gre cn 172.19.42.8 $US 2>/dev/null
	check "all of gretel is killed: nothing in the clear" says 0 clear_gre_at_wan
	gretel_start cn
	check "all of gretel is killed: it comes back" wait_for 30 pinging cn 10.0.0.1
	end us swan & end cn user & wait
}

modprobe -a tun dummy
gretel_install && lab_up || exit
lab_seed cn
lab_seed us
for t in ${LAB_ONLY:-cells algorithms renew remap one_address deaths}; do
	echo "-- $t ($SECONDS s)"
	$t
done
lab_summary
