#!/bin/bash
# Makes the recordings of tests/recordings: strongSwan at cn (initiator) and at us (responder), in the guest.
#
#   GRETEL_VM_OUT=tests/recordings tests/vm/boot -t 900 tests/vm/record.sh [NAME...]
#
# Without names it makes all of them. The addresses, the identities and the secret are those of the seed.

. "$(dirname "$0")/lab.sh"
OUT=${GRETEL_VM_OUT:-/out}
ONLY=$*
LAB_SWAN_PLUGINS="random nonce aes sha1 sha2 hmac kdf gmp curve25519 chapoly ctr gcm openssl
 kernel-netlink socket-default stroke updown"
LEVELS="ike=4 enc=3 knl=4 chd=4"

stroke() { on "$1" /usr/lib/ipsec/stroke "${@:2}"; }

log() { wait_for 30 grep -q "$2" "$(swan_log "$1")"; } # log HOST TEXT: waits for it

wanted() { [ -z "$ONLY" ] || [[ " $ONLY " = *" $1 "* ]]; }

# conf HOST IKE ESP [LINE...]: the seed's connection without the script and the start, with these changes
conf() {
	local host=$1 ike=$2 esp=$3 line
	shift 3
	lab_seed "$host"
	on "$host" sed -i -e '/leftupdown/d' -e 's/auto=start/auto=add/' \
		-e "s/ike=[^ ]*/ike=$ike/" -e "s/esp=[^ ]*/esp=$esp/" /etc/ipsec.conf
	# Without MOBIKE the exchanges are those that the recording asks for, and no others.
	for line in mobike=no reauth=no "$@"; do echo "   $line"; done | on "$host" sh -c 'cat >>/etc/ipsec.conf'
}

# record NAME "COMMENT" [PACKETS [EXCHANGE TYPES]]: starts both, runs before(), initiates, runs during(), writes
# NAME.rec; the packets must be that many
record() {
	local name=$1 comment=$2
	# shellcheck disable=SC2086
	swan_start us & swan_start cn $LEVELS & wait
	before
	cap_start rec cn cn-lan udp port 500 or udp port 4500
	stroke cn up tunnel >/dev/null
	if wait_for 20 swan_up cn && during; then
		sleep 0.5
		cap_stop rec
		tcpdump -Z root -n -x -r /lab/rec.pcap >/lab/rec.txt 2>/dev/null
		{
			echo "# $comment"
			echo "# strongSwan 5.9.8 at both ends; made by tests/vm/record.sh; format: README"
			echo "key addr_i $ADDR_I"
			echo "key addr_i_nat $ADDR_I_NAT"
			echo "key addr_r $ADDR_R"
			awk -f "$LAB_DIR/record.awk" -v only="${4-34 35}" "$(swan_log cn)" /lab/rec.txt
		} >"$OUT/$name.rec"
		check "$name has ${3:-4} packets" test "$(grep -c ^packet "$OUT/$name.rec")" = "${3:-4}"
	else
		not_ok "$name" "$(grep -v -e '\[ENC\]' -e '\[KNL\]' "$(swan_log cn)" | tail -n 20)"
		cap_stop rec
	fi
	swan_stop cn
	swan_stop us
	before() { :; }
	during() { :; }
}
before() { :; }
during() { :; }

# suite NAME IKE ESP: establishment only
suite() {
	wanted "$1" || return 0
	conf cn "$2!" "$3!"
	conf us "$2!" "$3!"
	record "$1" "establishment with ike=$2 esp=$3"
}

# The address that cn has, that us sees cn have, and that us has
ADDR_I=ac132a08 ADDR_I_NAT=792b7551 ADDR_R=50fbd721
SEED_IKE=aes256-sha2_256-modp1024 SEED_ESP=aes-sha2_256

lab_up || exit

if wanted seed-establish; then
	lab_seed cn
	lab_seed us
	# With auto=start at both ends there would be two IKE SAs.
	on us sed -i 's/auto=start/auto=add/' /etc/ipsec.conf
	on cn sed -i 's/auto=start/auto=add/' /etc/ipsec.conf
	record seed-establish "establishment with the seed's files (auto=add): ike=$SEED_IKE esp=$SEED_ESP, through NAT"
fi

# life NAME HOST WHO: HOST begins every exchange after the establishment
life() {
	wanted "$1" || return 0
	local who=$2
	for h in cn us; do
		conf $h $SEED_IKE! $SEED_ESP! $([ $h != "$who" ] || echo dpdaction=restart dpddelay=4)
	done
	during() {
		# The log of who has the levels of cn only at cn; these lines are in both.
		log "$who" 'parsed INFORMATIONAL response [02] ' || return
		stroke "$who" rekey 'tunnel{1}' >/dev/null
		log "$who" 'CHILD_SA closed' || return
		stroke "$who" rekey 'tunnel[1]' >/dev/null
		log "$who" 'IKE_SA deleted' || return
		stroke "$who" rekey 'tunnel{2}' >/dev/null
		log "$who" 'tunnel{3} established' || return
		sleep 1
		stroke "$who" down 'tunnel{3}' >/dev/null
		stroke "$who" down 'tunnel[2]' >/dev/null
	}
	record "$1" "ike=$SEED_IKE esp=$SEED_ESP: establishment, liveness, and, all begun by the $3: rekeying
# the child, rekeying the IKE SA, rekeying the child again, deleting the child, deleting the IKE SA" 22 ""
}
life seed-life cn initiator
life seed-life-responder us responder

suite aes128gcm16-ecp256 aes128gcm16-prfsha256-ecp256 aes128gcm16
suite chacha20poly1305-x25519 chacha20poly1305-prfsha256-curve25519 chacha20poly1305
suite aes256ctr-modp2048 aes256ctr-sha256-modp2048 aes256ctr-sha256
suite aes256-sha384-modp2048 aes256-sha384-modp2048 aes256-sha384
suite aes256-sha512-modp4096 aes256-sha512-modp4096 aes256-sha512
suite aes128-sha1-modp1536 aes128-sha1-modp1536 aes128-sha1

if wanted pfs-rekey; then
	conf cn aes256-sha256-modp2048! aes256-sha256-modp2048!
	conf us aes256-sha256-modp2048! aes256-sha256-modp2048!
	during() {
		stroke cn rekey 'tunnel{1}' >/dev/null
		log cn 'CHILD_SA closed'
	}
	record pfs-rekey "ike=aes256-sha256-modp2048 esp=aes256-sha256-modp2048: establishment, and rekeying the child
# with a DH exchange" 6 "34 35 36"
fi

if wanted invalid-ke; then
	conf cn aes256-sha256-modp2048-modp3072! aes256-sha256!
	conf us aes256-sha256-modp3072! aes256-sha256!
	record invalid-ke "establishment: the initiator offers MODP-2048 and 3072 with a KE of the first,
# the responder wants the other (INVALID_KE_PAYLOAD)" 6
fi

if wanted cookie; then
	conf cn $SEED_IKE! $SEED_ESP!
	conf us $SEED_IKE! $SEED_ESP!
	on us sh -c 'echo "charon { cookie_threshold = 1 }" >/etc/strongswan.d/zz-lab-cookie.conf'
	# A request of another run that nobody follows up leaves us with one half-open SA.
	before() {
		local old=$OUT/seed-establish.rec
		[ -e "$old" ] || old=$GRETEL_REPO/tests/recordings/seed-establish.rec
		sed -n 's/^packet I 500 //p' "$old" | head -n 1 | busybox xxd -r -p |
			on cn socat -u STDIN UDP4-SENDTO:80.251.215.33:500
		sleep 1
	}
	during() { log cn 'N(COOKIE)'; }
	# At times charon refuses its own fresh cookie once and sends another: then make it again.
	record cookie "establishment: the responder asks for a cookie" 6
	on us rm /etc/strongswan.d/zz-lab-cookie.conf
fi

if wanted ipv6; then
	lab_add_v6 || exit
	ADDR_I=20010db8000400000000000000000008 ADDR_I_NAT=$ADDR_I ADDR_R=20010db8000300000000000000000033
	for h in cn us; do conf $h $SEED_IKE! $SEED_ESP!; done
	on cn sed -i -e 's/right=[^ ]*/right=2001:db8:3::33/' -e '/leftid/d' /etc/ipsec.conf
	on us sed -i 's/right=[^ ]*/right=2001:db8:4::8/' /etc/ipsec.conf
	record ipv6 "establishment over IPv6, without NAT: ike=$SEED_IKE esp=$SEED_ESP"
fi

lab_summary
