#!/bin/bash
# tests/vm/boot -t 600 tests/vm/t_user.sh: gretel with its data plane in user space, against the kernel's ESP and GRE at the other end,
# where strongSwan or gretel is: either end begins, algorithms (the long form has all of them), TCP both ways, rekeys, a NAT that
# changes its mind. t_user_seed.sh has the seed's files in all combinations, t_esp_diff.sh the ciphers without IKE.
#
# LAB_ONLY="swan_us ..." runs only those parts.
set -u
. "$(dirname "${BASH_SOURCE[0]}")/lab.sh"
. "$(dirname "${BASH_SOURCE[0]}")/lab-gretel.sh"
. "$(dirname "${BASH_SOURCE[0]}")/lab-pair.sh"

US=80.251.215.33 CN=121.43.117.81


user_space() { # user_space HOST: from its next start on
	on "$1" sh -c 'umask 077; mkdir -p /etc/gretel; cat >/etc/gretel/gretel.conf' <<-END
		daemon = { dataplane = "user"; };
		ipsec = { conf = "/etc/ipsec.conf"; secrets = "/etc/ipsec.secrets"; strongswan = "/etc/strongswan.conf"; };
	END
}

# sends FROM TO ADDRESS: 3 MB through the tunnel in one TCP connection.
sends() {
	on "$2" timeout 60 socat -u TCP-LISTEN:5001,reuseaddr "CREATE:/lab/got" &
	local pid=$!
	wait_for 5 on "$2" sh -c 'grep -q ":1389 .* 0A " /proc/net/tcp /proc/net/tcp6'
	on "$1" timeout 60 socat -u FILE:/lab/sent "TCP:$3:5001" && wait $pid && cmp /lab/sent /lab/got
}

# What every pair has: WHO is the end in user space.
pair() { # pair WHAT WHO
	check "$1: pings from cn" ping_gre cn 10.0.0.1 3
	check "$1: pings from us" ping_gre us 10.0.0.2 3
	check "$1: $2 has no SA in its kernel" no_sas "$2"
	check "$1: its gre1 is a TUN device" has "tun type tun" on "$2" ip -d link show gre1
	check "$1: and says so" has "the data plane is in user space" gretel "$2" status
	check "$1: 1400 octets pass" on cn ping -n -q -c 1 -W 2 -M do -s 1372 10.0.0.1
	check "$1: fragments too" on us ping -n -q -c 1 -W 2 -M dont -s 4000 10.0.0.2
	check "$1: TCP from cn" sends cn us 10.0.0.1
	check "$1: TCP from us" sends us cn 10.0.0.2
}

esp_algorithms="aes128-sha1 aes256-sha384 aes256ctr-sha512 aes256gcm16 aes128gcm8 chacha20poly1305 aes128-sha256-esn"
[ -z "${GRETEL_LONG:-}" ] || esp_algorithms="$esp_algorithms aes192-sha1 aes256-sha1 aes128-sha256 aes192-sha256 aes256-sha256
	aes128-sha384 aes192-sha384 aes128-sha512 aes192-sha512 aes256-sha512 aes128ctr-sha256 aes192ctr-sha384 aes128gcm16 aes192gcm16
	aes128gcm12 aes192gcm12 aes256gcm12 aes192gcm8 aes256gcm8 aes256gcm16-esn"

algorithms() { # strongSwan at us
	local a
	for a in $esp_algorithms; do
		{ conf cn ike=aes128-sha256-ecp256! "esp=$a!" && gretel_reload cn >/dev/null; } &
		local at_cn=$!
		{ conf us ike=aes128-sha256-ecp256! "esp=$a!" && swan_reload us; } &
		local at_us=$!
		wait $at_cn $at_us
		gretel cn up tunnel >/lab/up.txt 2>&1
		check "algorithms: $a" eval 'wait_for 30 pinging cn 10.0.0.1 && on cn ping -n -q -c 1 -W 2 -s 1300 10.0.0.1'
		gretel cn down tunnel >/dev/null 2>&1
	done
}

rekeys() { # rekeys WHAT SECONDS
	local lost n
	on us ping -n -q -c 1 -W 1 10.0.0.2 >/dev/null
	pings_start rekeys cn 10.0.0.1 "$2"
	lost=$(pings_lost rekeys)
	n=$(grep -c 'CHILD_SA tunnel{.*established' "$(gretel_log cn)")
	check "$1: $lost of $(($2 * 5)) pings lost, $n child SAs" test "$lost" = 0 -a "$n" -ge 2
}

swan_us() {
	user_space cn
	conf cn & conf us & wait
	LAB_SWAN_PLUGINS="random nonce openssl aes sha1 sha2 hmac gcm ctr chapoly curve25519 kdf gmp kernel-netlink socket-default stroke updown"
	swan_start us & gretel_start cn & wait
	gretel cn up tunnel >/lab/up.txt 2>&1
	check "strongSwan at us: up" wait_for 40 pinging cn 10.0.0.1
	pair "strongSwan at us" cn
	check "strongSwan at us: its SAs are in UDP" has "encap type espinudp sport 4500 dport 4500" on us ip xfrm state
	gretel cn down tunnel >/dev/null 2>&1
	algorithms
	gretel_stop cn
	gretel_start cn
	conf cn & conf us lifetime=25s margintime=15s rekeyfuzz=0% & wait
	gretel_reload cn >/dev/null & swan_reload us & wait
	on us timeout 30 ipsec up tunnel >/dev/null 2>&1
	check "strongSwan begins: pings" wait_for 10 pinging cn 10.0.0.1
	rekeys "strongSwan rekeys child SAs" 25
	conf us ikelifetime=30s lifetime=20m margintime=18s rekeyfuzz=0% reauth=no
	swan_reload us
	on us ipsec down tunnel >/dev/null 2>&1
	gretel_stop cn
	gretel_start cn
	on us timeout 30 ipsec up tunnel >/dev/null 2>&1
	check "strongSwan rekeys the IKE SA: pings" wait_for 10 pinging cn 10.0.0.1
	pings_start ike cn 10.0.0.1 18
	check "strongSwan rekeys the IKE SA: no ping is lost" says 0 pings_lost ike
	on us ipsec down tunnel >/dev/null 2>&1
	swan_stop us
	gretel_stop cn
}

# The kernel's end is behind the NAT here, and moves.
swan_cn() {
	user_space us
	conf cn & conf us & wait
	on us ip link del gre1 2>/dev/null
	on cn ip link del gre1 2>/dev/null
	swan_start cn & gretel_start us & wait
	on cn timeout 30 ipsec up tunnel >/dev/null 2>&1
	check "strongSwan at cn begins: pings" wait_for 10 pinging cn 10.0.0.1
	pair "strongSwan at cn" us
	on cn ipsec down tunnel >/dev/null 2>&1
	gretel us up tunnel >/lab/up.txt 2>&1
	check "strongSwan at cn, gretel begins: pings" wait_for 10 pinging us 10.0.0.2
	swan_stop cn
	gretel_stop us
}

gretel_cn() { # the kernel's data plane at cn
	user_space us
	on cn rm -f /etc/gretel/gretel.conf
	# Requests of cn: what IKE follows.
	conf cn dpddelay=4s dpdaction=restart & conf us & wait
	on us ip link del gre1 2>/dev/null
	on cn ip link del gre1 2>/dev/null
	gretel_start us & gretel_start cn & wait
	check "gretel at cn: its data plane is the kernel's" lacks "in user space" gretel cn status
	gretel cn up tunnel >/lab/up.txt 2>&1
	check "gretel at cn: up" wait_for 40 pinging cn 10.0.0.1
	pair "gretel at cn" us
	lab_remap
	check "a NAT changes the port: pings go on" wait_for 10 pinging cn 10.0.0.1
	check "a NAT changes the port: us sends there" has '"dport": 14500' gretel us --json statusall tunnel
	check "a NAT changes the port: IKE follows" wait_for 20 has '"remote_port": 14500' gretel us --json statusall tunnel
	check "a NAT changes the port: cn hears of a delete" eval 'gretel us down tunnel >/dev/null 2>&1; wait_for 10 no_sas cn'
	lab_remap_back
	conf cn lifetime=25s margintime=10s rekeyfuzz=0%
	gretel_reload cn >/dev/null
	gretel us up tunnel >/dev/null 2>&1
	gretel cn up tunnel >/dev/null 2>&1
	check "gretel at cn, again: pings" wait_for 10 pinging cn 10.0.0.1
	rekeys "gretel at cn renews SAs" 25
	gretel_kill9 us esp
	check "esp of us is killed: pings again" wait_for 8 pinging cn 10.0.0.1
}

part() {
	local t
	for t; do
		case " ${LAB_ONLY:-$t} " in *" $t "*) ;; *) continue ;; esac
		echo "-- $t ($SECONDS s)"
		"$t"
	done
}

gretel_install && lab_up || exit
modprobe tun
lab_seed cn
lab_seed us
head -c 3000000 /dev/urandom >/lab/sent
part swan_us swan_cn gretel_cn
check "nothing in the clear" says 0 clear_gre_at_wan
lab_summary
