#!/bin/bash
# tests/vm/boot -t 600 tests/vm/t_years_more.sh: what strongSwan and gretel agree on besides, and what begins a tunnel anew: IKE
# fragments, a post-quantum key, an address that changes, the first packet; and rekeys by octets and packets. gretel at cn behind its NAT and at home without one,
# strongSwan at us, whose log must have no complaint (complaints.txt) at the end of each part.
#
# LAB_ONLY="part ...": only those.
set -u
. "$(dirname "${BASH_SOURCE[0]}")/lab.sh"
. "$(dirname "${BASH_SOURCE[0]}")/lab-gretel.sh"
. "$(dirname "${BASH_SOURCE[0]}")/lab-pair.sh"
. "$(dirname "${BASH_SOURCE[0]}")/lab-years.sh"
LAB_SWAN_PLUGINS="$LAB_SWAN_PLUGINS vici"

US=80.251.215.33 CN=121.43.117.81 HOME4=123.186.228.22 HOME5=123.186.228.23

us_rekeys() { on us ipsec stroke rekey "tunnel$1" >/dev/null 2>&1; }

# ---- IKE fragments (RFC 7383)

frag() {
	local h size=200
	for h in cn us; do printf 'charon {\n fragment_size = %d\n}\n' $size | on $h sh -c 'cat >/etc/strongswan.d/zz-frag.conf'; done
	us_reads
	begin "reauth=no fragmentation=yes" "reauth=no fragmentation=yes"
	cap_start frags cnrt cnrt-wan udp port 4500
	check "fragments: up" gretel cn up tunnel
	check "fragments: strongSwan cuts" said us "splitting IKE message"
	check "fragments: and puts ours together" said us "reassembled fragmented IKE message"
	mark us
	gretel cn rekey tunnel ike >/dev/null 2>&1
	check "fragments: an IKE rekey by gretel" wait_for 10 said us "rekeyed between"
	mark us
	us_rekeys '[*]'
	check "fragments: an IKE rekey by strongSwan" wait_for 10 said us "rekeyed between"
	check "fragments: it carries" ping_gre cn 10.0.0.1 3
	cap_stop frags
	# udp[8:4]: the marker of IKE; udp[28]: the first payload, SKF.
	check "fragments: both sides send them" test "$(cap_count frags "src host $US and udp[8:4] = 0 and udp[28] = 53")" -ge 2 -a \
		"$(cap_count frags "dst host $US and udp[8:4] = 0 and udp[28] = 53")" -ge 2
	check "fragments: no IKE packet is longer than $size" says 0 cap_count frags "udp[8:4] = 0 and ip[2:2] > $size"
	check "fragments: no complaint of strongSwan" no_complaints us
	gretel cn down tunnel >/dev/null 2>&1
	# strongSwan begins.
	gretel_stop cn
	gretel_start cn
	mark us
	on us timeout 20 ipsec up tunnel >/dev/null 2>&1
	check "fragments: up, when strongSwan begins" up_within 10 cn
	check "fragments: it had to cut" said us "splitting IKE message"
	check "fragments: no complaint" no_complaints us
	# One that does not want them.
	begin "fragmentation=no" "fragmentation=yes"
	check "fragmentation=no: up" gretel cn up tunnel
	check "fragmentation=no: nothing is cut" lacks "splitting IKE message" _since us
	for h in cn us; do on $h rm /etc/strongswan.d/zz-frag.conf; done
	us_reads
}

# ---- a post-quantum key (RFC 8784), which strongSwan has with swanctl only

# ppk_us REQUIRED SECRET
ppk_us() {
	on us sh -c 'umask 077; mkdir -p /etc/swanctl/conf.d; cat >/etc/swanctl/swanctl.conf' <<-END
		connections {
			tunnel {
				version = 2
				local_addrs = $US
				remote_addrs = $CN
				proposals = aes256-sha256-modp1024
				reauth_time = 0
				ppk_id = post.example.org
				ppk_required = $1
				local {
					auth = psk
					id = $US
				}
				remote {
					auth = psk
					id = $CN
				}
				children {
					tunnel {
						mode = transport
						local_ts = dynamic[gre]
						remote_ts = dynamic[gre]
						esp_proposals = aes128-sha256
					}
				}
			}
		}
		secrets {
			ike-one {
				secret = password
			}
			ppk-one {
				secret = $2
				id = post.example.org
			}
		}
	END
	on us swanctl --load-all >/lab/swanctl.txt 2>&1 || cat /lab/swanctl.txt
}
# ppk_cn REQUIRED SECRET; none: without
ppk_cn() {
	printf ": PSK 'password'\n@post.example.org : PPK %s\n" "$2" | on cn sh -c 'umask 077; cat >/etc/ipsec.secrets'
	if [ "$1" = none ]; then conf cn reauth=no; else conf cn reauth=no "x-ppk-id=@post.example.org" "x-ppk-required=$1"; fi
	gretel_reload cn >/lab/reload.txt
}
ppk() {
	local there here
	gretel cn down tunnel >/dev/null 2>&1
	echo | on us sh -c 'cat >/etc/ipsec.conf'
	on us sh -c 'ipsec reload; ipsec rereadsecrets' >/dev/null 2>&1
	sleep 1
	for there in yes no; do
		for here in yes no; do
			ppk_us $there 0x00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff
			ppk_cn $here 0x00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff
			mark us
			check "PPK, required here: $here, there: $there: up" gretel cn up tunnel
			check "PPK, $here, $there: strongSwan uses it" said us "using PPK for PPK_ID 'post.example.org'"
			check "PPK, $here, $there: it carries" wait_for 5 pinging cn 10.0.0.1
			check "PPK, $here, $there: no complaint of strongSwan" no_complaints us
			gretel cn down tunnel >/dev/null 2>&1
		done
	done
	on us swanctl --initiate --child tunnel --timeout 10 >/dev/null 2>&1
	check "PPK: held" no_sas cn
	gretel_stop cn
	gretel_start cn
	mark us
	on us swanctl --initiate --child tunnel --timeout 10 >/dev/null 2>&1
	check "PPK, strongSwan begins: up" up_within 10 cn
	check "PPK, strongSwan begins: it uses it" said us "using PPK for PPK_ID 'post.example.org'"
	check "PPK, strongSwan begins: no complaint" no_complaints us
	gretel cn down tunnel >/dev/null 2>&1
	ppk_cn yes 0x0000
	gretel cn up tunnel >/lab/up.txt 2>&1
	check "PPK, another: not up" lacks INSTALLED gretel cn status tunnel
	gretel cn down tunnel >/dev/null 2>&1
	ppk_us yes 0x0011
	ppk_cn none 0x0011
	gretel cn up tunnel >/lab/up.txt 2>&1
	check "PPK, required there and none here: not up" lacks INSTALLED gretel cn status tunnel
	gretel cn down tunnel >/dev/null 2>&1
	ppk_us no 0x0011
	check "PPK, optional there and none here: up" gretel cn up tunnel
	gretel cn down tunnel >/dev/null 2>&1
	secret cn password
	on us sh -c 'echo >/etc/swanctl/swanctl.conf; swanctl --load-all' >/dev/null 2>&1
}

# ---- an address of ours changes, as with DHCP

home_has() { # home_has ADDRESS: instead of what it has
	on home busybox sh -c 'ip addr flush dev home-wan scope global; ip addr add $1/24 dev home-wan; ip route add default via 123.186.228.1' sh "$1"
	on us ip tunnel change gre2 mode gre local $US remote "$1"
}
address() {
	local word began took before
	more[us]=$(conn home right=%any rightid=$HOME4 auto=add mobike=yes)
	on us sh -c "ip tunnel add gre2 mode gre local $US remote $HOME4; ip link set gre2 up mtu 1400; ip addr add 10.0.5.1/30 dev gre2"
	for word in yes no; do
		more[us]=$(conn home right=%any rightid=$HOME4 auto=add mobike=$word)
		conf us
		swan_reload us
		conn us right=$US leftid=$HOME4 mobike=$word auto=start dpdaction=restart dpddelay=10s x-gre-name=gre2 x-gre-address=10.0.5.2/30 |
			on home sh -c 'cat >/etc/ipsec.conf'
		if [ -e "$(gretel_log home)" ]; then gretel_reload home >/dev/null; else gretel_start home; fi
		gretel home down us >/dev/null 2>&1
		gretel home up us >/dev/null 2>&1
		check "an address changes, mobike=$word: up" wait_for 10 pinging home 10.0.5.1
		before=$(spis us)
		mark us
		home_has $HOME5
		began=$(now_ms)
		check "an address changes, mobike=$word: it carries again" wait_for 20 pinging home 10.0.5.1
		took=$(($(now_ms) - began))
		check "an address changes, mobike=$word: soon ($took ms)" test $took -lt 10000
		echo "        $([ "$before" = "$(spis us)" ] && echo "in the same SAs" || echo "in other SAs")"
		check "an address changes, mobike=$word: nothing for the old one is left" wait_for 20 lacks $HOME4 on us ip xfrm state
		check "an address changes, mobike=$word: no complaint of strongSwan" no_complaints us
		home_has $HOME4
		check "an address changes back, mobike=$word" wait_for 20 pinging home 10.0.5.1
		check "an address changes back, mobike=$word: no complaint" no_complaints us
	done
	gretel home down us >/dev/null 2>&1
	more[us]=
	conf us
	swan_reload us
}

# ---- the first packet begins

trap_() {
	begin "auto=route" ""
	gretel_stop cn
	gretel_start cn
	sleep 1
	check "trap: nothing is up before there is something to send" no_sas cn
	check "trap: the first packet sets it up" wait_for 10 pinging cn 10.0.0.1
	on us ipsec down tunnel >/dev/null 2>&1
	sleep 2
	check "trap: the peer has ended it, and it waits" no_sas cn
	check "trap: the next packet sets it up" wait_for 10 pinging cn 10.0.0.1
	check "trap: one pair" pair_within 10
	check "trap: no complaint of strongSwan" no_complaints us
	begin "" "auto=route"
	gretel_stop cn
	gretel_start cn
	check "trap of strongSwan: its first packet sets it up" wait_for 10 pinging us 10.0.0.2
	check "trap of strongSwan: one pair" pair_within 10
	check "trap of strongSwan: no complaint" no_complaints us
}

# ---- rekeys by what has passed

# The kernel says when the soft limit is met, in either direction; strongSwan's too. Under a hundred pings a second.
volume() {
	local who keys n
	wide_window
	us_reads
	while read -r -u3 who keys; do
		if [ "$who" = cn ]; then begin "reauth=no rekeyfuzz=50% $keys" reauth=no; else begin reauth=no "reauth=no rekeyfuzz=50% $keys"; fi
		gretel cn up tunnel >/dev/null 2>&1
		check "$keys at $who: up" wait_for 15 pinging cn 10.0.0.1
		mark us
		mark cn
		load_start
		sleep 15
		load_end
		n=$(times cn 'CHILD_SA tunnel.* is rekeyed by')
		check "$keys at $who: $n rekeys, $pings pings" test "$n" -ge 2
		check "$keys at $who: nothing is lost" lossless
		check "$keys at $who: no hard end was met" says 0 times cn 'reached its lifetime'
		check "$keys at $who: one pair" pair_within 15
		check "$keys at $who: no complaint of strongSwan" no_complaints us
	done 3<<-END
		cn lifepackets=900 marginpackets=400
		cn lifebytes=900000 marginbytes=500000
		us lifepackets=900 marginpackets=400
	END
	for who in cn us; do on $who rm -f /etc/strongswan.d/zz-window.conf; done
	us_reads
}

# ---- the run

gretel_install && lab_up && clear_watch || exit
lab_seed cn
lab_seed us
secret home password
conf cn & conf us & wait
swan_start us & gretel_start cn & wait
check "up before" first_up
for t in ${LAB_ONLY:-frag address trap_ ppk volume}; do
	echo "-- $t ($SECONDS s)"
	$t
done
check "nothing of ours was in the clear all the while" says 0 clear_of_cn
echo "-- end ($SECONDS s)"
[ -z "${GRETEL_VM_OUT:-}" ] || cp "$(swan_log us)" "$(gretel_log cn)" "$GRETEL_VM_OUT"
lab_summary
