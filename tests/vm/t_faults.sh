#!/bin/bash
# tests/vm/boot -t 600 tests/vm/t_faults.sh: what goes wrong in a tunnel's life, and what gretel says and does about it.
# gretel at cn behind its NAT and strongSwan at us; home has a tunnel to us that must never notice; gretel at p1 and p2
# rekey between themselves all the while.
set -u
. "$(dirname "${BASH_SOURCE[0]}")/lab.sh"
. "$(dirname "${BASH_SOURCE[0]}")/lab-gretel.sh"
. "$(dirname "${BASH_SOURCE[0]}")/lab-pair.sh"

US=80.251.215.33 CN=121.43.117.81 HOME4=123.186.228.22
# Seconds of ping, new SAs that must be seen in them, the same for IKE SAs, what a user's script sleeps, runs with loss.
life=40 renewals=1 ike_life=30 ike_renewals=1 nap=20 runs=3
[ -z "${GRETEL_LONG:-}" ] || life=300 renewals=6 ike_life=50 ike_renewals=2 nap=60 runs=20

# ---- helpers

log_mark() { mark[$1]=$(wc -l <"$(gretel_log "$1")"); }
declare -A mark
log_since() { tail -n "+$((mark[$1] + 1))" "$(gretel_log "$1")"; }
logged() { log_since "$1" | grep -Fq -- "$2" || { log_since "$1"; return 1; }; }
swan_idle() { # no SA of the conn tunnel, nothing half open
	local got
	got=$(on us ipsec status tunnel)
	case $got in *ESTABLISHED* | *CONNECTING* | *INSTALLED*) echo "$got"; return 1 ;; esac
}
bystander() { # what home and us have between them is what they had before
	says "$home_spis" home_sas && pinging home 10.0.5.1
}
home_sas() { on us ip xfrm state | grep -A1 "$HOME4" | grep -o 'spi 0x[0-9a-f]*' | sort; }

# files CN_KEYS US_KEYS [WORD]: both ends read them; cn's secret is WORD.
files() {
	# shellcheck disable=SC2086
	{ conf cn $1 && secret cn "${3:-password}" && gretel_reload cn >/lab/reload.txt; } &
	# shellcheck disable=SC2086
	{ conf us $2 && swan_reload us; } &
	wait
}
# base [KEY=VALUE...]: good files at both ends, with these keys, and nothing up.
base() {
	gretel cn down tunnel >/dev/null 2>&1
	files "$*" "$*"
	wait_for 5 swan_idle || on us ipsec down tunnel >/dev/null 2>&1
}

# ---- gretel answers what strongSwan begins

# refused NAME SENTENCE: strongSwan cannot come in, and gretel knows why: in its log and in its status.
refused() {
	local began
	log_mark cn
	began=$(now_ms)
	on us timeout 15 ipsec up tunnel >/lab/swan-up.txt 2>&1
	check "responder, $1: the log says why" wait_for 5 logged cn "$2"
	check "responder, $1: status says it ($(($(now_ms) - began)) ms)" wait_for 5 has "why: $2" gretel cn status tunnel
	check "responder, $1: nothing is left at us" wait_for 10 swan_idle
	check "responder, $1: nor at cn" wait_for 5 no_sas cn
}

responder() {
	# Neither held nor wanted: just started.
	gretel_stop cn
	conf cn; conf us
	secret cn wrong
	swan_reload us
	gretel_start cn
	refused "PSK" "the PSK of '$CN' - '$US' differs: its MAC does not fit any of ours"
	files "" leftid=us.example.org
	refused "the peer's identity" "no tunnel is configured for identity 'us.example.org' from $US (rightid)"
	files "" "rightid=cn.example.org"
	refused "our identity" "$US asks for identity 'cn.example.org', ours is '$CN' (leftid)"
	files "" "ike=aes128-sha1-modp2048!"
	refused "IKE proposal" "no proposal in common with $US: it offers IKE:AES_CBC_128/HMAC_SHA1_96/PRF_HMAC_SHA1/MODP_2048"
	files "" "esp=aes256gcm16!"
	refused "ESP proposal" "no ESP proposal in common: the peer offers ESP:AES_GCM_16_256/NO_EXT_SEQ"
	files "" "type=tunnel rightsubnet=172.19.42.8/32"
	refused "tunnel mode" "the peer wants tunnel mode, this tunnel is for transport mode"
	files "" ""
	on us ipsec up tunnel >/lab/swan-up.txt 2>&1
	check "responder: with good files it comes up" up_within 10 cn
	check "responder: status has no complaint left" lacks why: gretel cn status tunnel
	check "responder: home's tunnel has not noticed" bystander
}

# ---- gretel begins

# fails NAME SENTENCE: `up` fails within 10 s and says why, and so does status afterwards.
fails() {
	local began took code
	began=$(now_ms)
	gretel cn up tunnel >/lab/up.txt 2>&1
	code=$?
	took=$(($(now_ms) - began))
	check "initiator, $1: up fails (status $code, $took ms)" test $code = 1 -a $took -lt 10500
	check "initiator, $1: and says why" has "gretel: $2" tail -n 1 /lab/up.txt
	check "initiator, $1: status says it" has "why: $2" gretel cn status tunnel
	gretel cn down tunnel >/dev/null 2>&1
	check "initiator, $1: nothing is left at us" wait_for 10 swan_idle
	check "initiator, $1: nor at cn" wait_for 5 no_sas cn
}
initiator() {
	gretel cn down tunnel >/dev/null 2>&1
	files "" "" wrong
	fails "PSK" "the peer refused identity $CN with our PSK: one of the two differs"
	files leftid=cn.example.org ""
	fails "our identity" "the peer refused identity cn.example.org with our PSK: one of the two differs"
	files "" leftid=us.example.org
	fails "the peer's identity" "the peer refused identity $CN with our PSK: one of the two differs"
	files rightid=%198.51.100.1 leftid=us.example.org
	fails "the peer's identity, not asked for" "the peer is 'us.example.org', we expect '198.51.100.1'"
	files "" ike=aes128-sha1-modp2048!
	fails "IKE proposal" "no proposal in common: we offered IKE:AES_CBC_256/HMAC_SHA2_256_128/PRF_HMAC_SHA2_256/MODP_1024"
	files "" esp=aes256gcm16!
	fails "ESP proposal" "no ESP proposal in common: we offered ESP:AES_CBC_128/HMAC_SHA2_256_128/NO_EXT_SEQ"
	files "" type=tunnel
	fails "tunnel mode, other selectors" "the peer refuses the selectors 172.19.42.8, $US (TS_UNACCEPTABLE): has it type=transport, and gre?"
	files "" "type=tunnel rightsubnet=0.0.0.0/0"
	fails "tunnel mode" "the peer wants tunnel mode, this tunnel is for transport mode (type=transport there)"
	files "" ""
	check "initiator: with good files it comes up" gretel cn up tunnel
	check "initiator: and carries pings" ping_gre cn 10.0.0.1 3
	check "initiator: home's tunnel has not noticed" bystander
}

# ---- silence

silence() {
	base
	on wan nft 'add table inet cut; add chain inet cut f { type filter hook forward priority 0; }; add rule inet cut f ip saddr '$CN' udp dport { 500, 4500 } drop'
	fails "silence" "no answer from $US:500, filtered or down"
	on wan nft 'flush chain inet cut f; add rule inet cut f ip saddr '$CN' udp dport 500 reject with icmp admin-prohibited'
	fails "ICMP, prohibited" "no answer from $US:500: administratively prohibited (ICMP), filtered"
	on wan nft 'flush chain inet cut f; add rule inet cut f ip saddr '$CN' udp dport 500 reject with icmp host-unreachable'
	fails "ICMP, host" "no answer from $US:500: host unreachable (ICMP)"
	on wan nft 'flush chain inet cut f; add rule inet cut f ip saddr '$CN' udp dport 500 reject with icmp port-unreachable'
	fails "ICMP, port" "no answer from $US:500: port unreachable (ICMP), nothing listens there"
	on wan nft 'flush chain inet cut f; add rule inet cut f ip saddr '$CN' udp dport 4500 drop'
	fails "silence at 4500" "$US answers on port 500 but not IKE_AUTH on 4500: is UDP 4500 open?"
	# An ICMP error is a hint, not the end: the same attempt goes on.
	on wan nft 'flush chain inet cut f; add rule inet cut f ip saddr '$CN' udp dport 500 reject with icmp host-unreachable'
	gretel cn up tunnel >/lab/up.txt 2>&1 &
	sleep 1
	on wan nft delete table inet cut
	check "an ICMP error does not end the attempt" up_within 15 cn
	wait $!
}

# ---- port 500

port_taken() {
	local code
	on us timeout 10 greteld -n >/lab/taken.txt 2>&1
	code=$?
	check "port 500 taken: greteld ends (status $code)" test $code = 1
	check "port 500 taken: it names who and the remedy" grep -Eq \
		'UDP port 500 is taken by charon \(pid [0-9]+\): stop it with `systemctl stop strongswan-starter`$' /lab/taken.txt
	check "port 500 taken: in one line, the last" has "UDP port 500" tail -n 1 /lab/taken.txt
	check "port 500 taken: charon goes on" bystander
	check "port 500 taken: no guard was set" lacks "priority 6779402" on us ip xfrm policy
}

# ---- bad text beside good

bad_conn() {
	local before
	base
	gretel cn up tunnel >/dev/null 2>&1
	before=$(spis cn)
	more[cn]=$'conn bad\n   right=192.0.2.1\n   type=transport\n   authby=secret\n   ike=aes257-sha9!\n   auto=start'
	conf cn
	more[cn]=
	gretel_reload cn >/lab/reload.txt
	check "a bad conn: reload names file, line and key" grep -Eq '/etc/ipsec.conf:[0-9]+:.*bad.*ike' /lab/reload.txt
	check "a bad conn: status says that it is left out" has "bad is left out" gretel cn status
	check "a bad conn: the good one is up as it was" says "$before" spis cn
	conf cn lifetime=nonsense
	gretel_reload cn >/lab/reload.txt
	check "a bad value in the tunnel that is up: reload says it" grep -Eq '/etc/ipsec.conf:[0-9]+:.*lifetime' /lab/reload.txt
	check "a bad value in the tunnel that is up: it stays up" says "$before" spis cn
	check "a bad value in the tunnel that is up: status says so" has "cannot be used" gretel cn status tunnel
	check "a bad value in the tunnel that is up: pings" ping_gre cn 10.0.0.1 2
	conf cn
	gretel_reload cn >/lab/reload.txt
	check "mended: status is quiet" lacks "cannot be used" gretel cn status tunnel
	check "mended: nothing was set up anew" says "$before" spis cn
}

# ---- scripts

script() { # script TEXT: what cn's conn runs on up and down, after the seed's script
	{ echo '#!/bin/sh'; echo '/etc/strongswan.d/ipsec-notify.sh'; echo "$1"; } |
		on cn sh -c 'cat >/etc/strongswan.d/user.sh; chmod 755 /etc/strongswan.d/user.sh'
}

hooks() {
	local began took up code
	base
	on cn ip link del gre1 2>/dev/null
	script 'case $PLUTO_VERB in up-*) sleep '$nap' ;; esac'
	more[cn]=$(conn home right=$HOME4 leftid=$CN auto=add x-gre-name=gre7 x-gre-address=10.0.7.1/30)
	conf cn leftupdown=/etc/strongswan.d/user.sh
	more[cn]=
	gretel_reload cn >/dev/null
	gretel cn up tunnel >/lab/up.txt 2>&1 &
	up=$!
	check "a script that sleeps: the tunnel carries pings meanwhile" wait_for 10 pinging cn 10.0.0.1
	began=$(now_ms)
	check "a script that sleeps: status says that it runs" has "its script runs" gretel cn status tunnel
	took=$(($(now_ms) - began))
	check "a script that sleeps: and is not kept waiting ($took ms)" test $took -lt 3000
	check "a script that sleeps: another tunnel comes up" gretel cn up home
	check "a script that sleeps: with its interface" wait_for 5 pinging cn 10.0.7.2
	wait $up
	code=$?
	check "a script that sleeps: up says so" grep -q 'the script still runs' /lab/up.txt
	check "a script that sleeps: up has waited for its end (status $code)" test $code = 0
	began=$(now_ms)
	gretel cn down tunnel >/lab/down.txt 2>&1
	took=$(($(now_ms) - began))
	check "a script that sleeps: down does not wait for it ($took ms)" test $took -lt 5000
	check "a script that sleeps: the peer knows" wait_for 5 swan_idle
	check "a script that sleeps: the other tunnel goes on" ping_gre cn 10.0.7.2 2
	# The one that sleeps is ended or ends; the next begins with a script of its own.
	script 'sleep 300 & echo "left a child behind"'
	wait_for 70 sh -c "! nsenter -t ${LAB_PID[cn]} -n -m -u -p -- pgrep -f 'sleep $nap'"
	began=$(now_ms)
	check "a script that leaves a child: up ends" gretel cn up tunnel
	took=$(($(now_ms) - began))
	check "a script that leaves a child: without waiting for the child ($took ms)" test $took -lt 8000
	check "a script that leaves a child: its words are in the log" grep -q 'updown: left a child behind' "$(gretel_log cn)"
	gretel cn down tunnel >/dev/null 2>&1
	script 'exit 3'
	check "a script that fails: the tunnel comes up all the same" gretel cn up tunnel
	check "a script that fails: status says it" has "its script ended with status 3" gretel cn status tunnel
	check "a script that fails: pings" ping_gre cn 10.0.0.1 2
	gretel cn down home >/dev/null 2>&1
	on cn sh -c 'pkill -f "sleep 300"; ip link del gre1; ip link del gre7' 2>/dev/null
}

# ---- lifetimes

# Counts what the log of us says since a mark.
us_own=0
swan_count() { tail -n "+$((swan_mark + 1))" "$(swan_log us)" | grep -c "$1"; }

# unbroken LOST NEW WANTED: nothing was lost, and there was a reason for it to be; else what the kernels dropped and why.
# What us could not send because strongSwan takes an SA away before the policy that names it (its child_sa_t.destroy) is
# not counted: two strongSwans lose it as well.
xfrm_own() { on us awk '$1 ~ /XfrmAcquireError|XfrmOutNoStates/ { n += $2 } END { print n + 0 }' /proc/net/xfrm_stat; }
count_own() {
	local own
	own=$(xfrm_own)
	[ "$own" = "$us_own" ] || echo "        $((own - us_own)) packets found no SA at us"
	us_own=$own
}
unbroken() {
	local own
	own=$(xfrm_own)
	[ "$1" -le $((own - us_own)) ] && [ "$2" -ge "$3" ] && return
	on cn awk '$2 { print "cn", $0 }' /proc/net/xfrm_stat
	on us awk '$2 { print "us", $0 }' /proc/net/xfrm_stat
	return 1
}

lifetimes() {
	local lost n
	base lifetime=40s margintime=10s
	check "short lifetimes: up" gretel cn up tunnel
	swan_mark=$(wc -l <"$(swan_log us)")
	pings_start life cn 10.0.0.1 $life
	lost=$(pings_lost life)
	n=$(swan_count 'CHILD_SA tunnel.*established')
	check "short lifetimes, gretel and strongSwan: $lost pings of $((life * 5)) are lost, $n new child SAs" \
		unbroken "$lost" "$n" $renewals
	count_own
	check "short lifetimes: at most two pairs of SAs at a time" test "$(sa_count cn)" -le 6
	# Only strongSwan's run out: it rekeys, we answer.
	gretel cn down tunnel >/dev/null 2>&1
	files "" "lifetime=40s margintime=15s rekeyfuzz=0%"
	check "strongSwan rekeys: up" gretel cn up tunnel
	swan_mark=$(wc -l <"$(swan_log us)")
	pings_start life cn 10.0.0.1 $((life * 3 / 4))
	lost=$(pings_lost life)
	n=$(swan_count 'CHILD_SA tunnel.*established')
	check "strongSwan rekeys: $lost pings of $((life * 15 / 4)) are lost, $n new child SAs" unbroken "$lost" "$n" 1
	count_own
	check "strongSwan rekeys: in the IKE SA that was there" test "$(swan_count 'IKE_SA tunnel.*established')" = 0
}

ike_lifetimes() {
	local lost n
	gretel cn down tunnel >/dev/null 2>&1
	files "" "ikelifetime=30s margintime=10s rekeyfuzz=0% reauth=no"
	check "IKE rekey by strongSwan: up" gretel cn up tunnel
	swan_mark=$(wc -l <"$(swan_log us)")
	pings_start life cn 10.0.0.1 $ike_life
	lost=$(pings_lost life)
	n=$(swan_count 'IKE_SA tunnel.*rekeyed between')
	check "IKE rekey by strongSwan: $lost pings of $((ike_life * 5)) are lost, $n new IKE SAs" unbroken "$lost" "$n" $ike_renewals
	count_own
	check "IKE rekey by strongSwan: the child SA was inherited" test "$(swan_count 'CHILD_SA tunnel.*established')" = 0
	check "IKE rekey by strongSwan: one IKE SA is there" says 1 sh -c "nsenter -t ${LAB_PID[cn]} -n -m -u -p -- gretel status tunnel | grep -c ESTABLISHED"
	# strongSwan breaks before it makes: what is lost is its doing, but it must come back.
	gretel cn down tunnel >/dev/null 2>&1
	files "" "ikelifetime=30s margintime=10s rekeyfuzz=0% reauth=yes"
	check "reauthentication by strongSwan: up" gretel cn up tunnel
	swan_mark=$(wc -l <"$(swan_log us)")
	pings_start life cn 10.0.0.1 30
	lost=$(pings_lost life)
	n=$(swan_count 'IKE_SA tunnel.*established')
	check "reauthentication by strongSwan: $n new IKE SAs, $lost of 150 pings lost" test "$lost" -le 25 -a "$n" -ge 1
	check "reauthentication by strongSwan: it is up" ping_gre cn 10.0.0.1 3
}

# Either end rekeys every few seconds, a child SA or the IKE SA; no packet is lost, and nobody complains.
rekeys() {
	local lost n i who what
	base reauth=no dpdaction=clear dpddelay=10s
	check "rekeys on command: up" gretel cn up tunnel
	swan_mark=$(wc -l <"$(swan_log us)")
	log_mark cn
	pings_start life cn 10.0.0.1 $life
	for i in $(seq 1 $((life / 10))); do
		for what in child ike; do
			gretel cn rekey tunnel $what >/lab/rekey.txt 2>&1 || echo "        $(cat /lab/rekey.txt)"
			sleep 1
			[ $what = child ] && who='tunnel{*}' || who='tunnel[*]'
			on us ipsec stroke rekey "$who" >/dev/null 2>&1
			sleep 1
		done
	done
	lost=$(pings_lost life)
	n=$(swan_count 'CHILD_SA tunnel.*established')
	check "rekeys on command: $lost pings of $((life * 5)) are lost, $n new child SAs at us" unbroken "$lost" "$n" $((life / 10))
	count_own
	n=$(swan_count 'IKE_SA tunnel.*rekeyed between')
	check "rekeys on command: $n new IKE SAs, and never a whole new one" \
		test "$n" -ge $((life / 10)) -a "$(swan_count 'IKE_SA tunnel.*established between')" = 0
	check "rekeys on command: one IKE SA and one child are left" wait_for 15 one_of_each
	check "rekeys on command: nothing was refused" test "$(log_since cn | grep -c 'notify error\|failed')" = 0
	# Both at once, and one kind against the other.
	log_mark cn
	pings_start life cn 10.0.0.1 20
	for what in child ike; do
		for who in 'tunnel{*}' 'tunnel[*]'; do
			gretel cn rekey tunnel $what >/dev/null 2>&1 & on us ipsec stroke rekey "$who" >/dev/null 2>&1 & wait
			sleep 3
		done
	done
	lost=$(pings_lost life)
	check "rekeys by both at once: $lost of 100 pings are lost, $(log_since cn | grep -c 'collision') collisions" unbroken "$lost" 1 1
	count_own
	check "rekeys by both at once: one IKE SA and one child are left" wait_for 25 one_of_each
	check "rekeys by both at once: us says the same" test "$(on us ipsec status tunnel | grep -c 'ESTABLISHED\|INSTALLED')" = 2
}
one_of_each() {
	local text
	text=$(gretel cn status tunnel)
	[ "$(grep -c ESTABLISHED <<<"$text")" = 1 ] && [ "$(grep -c INSTALLED <<<"$text")" = 1 ]
}

# ---- loss

lossy() { # lossy PERCENT
	local i began up=0 longest=0 took packets
	for i in $(seq 1 $runs); do
		gretel cn down tunnel >/dev/null 2>&1
		wait_for 10 swan_idle || on us ipsec down tunnel >/dev/null 2>&1
		packets=$(ike_seen)
		lab_loss "$1"
		began=$(now_ms)
		gretel cn up tunnel >/dev/null 2>&1
		if up_within 60 cn && wait_for 5 swan_up us; then up=$((up + 1)); fi
		took=$(($(now_ms) - began))
		lab_heal
		packets=$(($(ike_seen) - packets))
		echo "        $1 %, run $i: $took ms, $packets IKE packets"
		[ $took -le $longest ] || longest=$took
	done
	check "$1 % loss: $up of $runs runs are up within 60 s, the slowest in $longest ms" test $up = $runs -a $longest -le 60000
}
# IKE packets that cn has sent or received.
ike_seen() { on cn nft list counter inet ikes seen | sed -n 's/.*packets \([0-9]*\) .*/\1/p'; }

loss() {
	base
	# When us has its GRE interface for the first time, strongSwan tells its peers the new address.
	gretel cn up tunnel >/dev/null 2>&1
	base
	on cn nft -f - <<-'END'
		table inet ikes {
			counter seen { }
			chain in { type filter hook input priority 0; udp dport 500 counter name seen
				udp dport 4500 @th,64,32 0 counter name seen; }
			chain out { type filter hook output priority 0; udp sport 500 counter name seen
				udp sport 4500 @th,64,32 0 udp length > 12 counter name seen; }
		}
	END
	packets=$(ike_seen)
	# The guest's processors are emulated: patience, or a retransmission would tell of their speed.
	printf 'charon {\n retransmit_timeout = 8\n}\n' | on cn sh -c 'cat >/etc/strongswan.d/zz-slow.conf'
	gretel_reload cn >/dev/null
	gretel cn up tunnel >/dev/null 2>&1
	check "no loss: an establishment is four IKE packets" says $((packets + 4)) ike_seen
	on cn rm /etc/strongswan.d/zz-slow.conf
	gretel_reload cn >/dev/null
	lossy 1
	lossy 20
	on cn nft delete table inet ikes
}

# ---- a cut, and ends

severed() {
	local began took
	base dpdaction=restart dpddelay=6s
	gretel cn up tunnel >/dev/null 2>&1
	check "a cut: up before" ping_gre cn 10.0.0.1 2
	lab_cut
	began=$(now_ms)
	check "a cut is noticed" wait_for 15 lacks ESTABLISHED gretel cn status tunnel
	took=$(($(now_ms) - began))
	check "a cut is noticed within dpddelay ($took ms)" test $took -lt 7500
	check "a cut: status says why" has "why: no answer from $US" gretel cn status tunnel
	check "a cut: no SA stays" wait_for 5 no_sas cn
	sleep 5
	lab_heal
	began=$(now_ms)
	check "a cut: back after healing" wait_for 30 pinging cn 10.0.0.1
	took=$(($(now_ms) - began))
	check "a cut: back within seconds ($took ms)" test $took -lt 10000
}

ends() {
	gretel cn down tunnel >/dev/null 2>&1
	files auto=start ""
	gretel cn up tunnel >/dev/null 2>&1
	check "ends: up" ping_gre cn 10.0.0.1 2
	log_mark cn
	on us ipsec down tunnel >/dev/null 2>&1
	check "the peer deletes: gretel says so" wait_for 5 logged cn "received DELETE for IKE_SA tunnel"
	check "the peer deletes: and a wanted tunnel comes back" wait_for 15 pinging cn 10.0.0.1
	log_mark cn
	on us ipsec down 'tunnel{*}' >/dev/null 2>&1
	check "the peer deletes the child: it comes back" wait_for 15 pinging cn 10.0.0.1
	check "gretel down: it ends" gretel cn down tunnel
	check "gretel down: the peer has been told" wait_for 3 swan_idle
	check "gretel down: no SA stays" no_sas cn
	check "gretel down: status says held" has "held until" gretel cn status tunnel
	gretel_reload cn >/dev/null
	sleep 2
	check "gretel down: it holds over a reload" no_sas cn
	on us timeout 10 ipsec up tunnel >/dev/null 2>&1
	check "gretel down: the peer does not get in" no_sas cn
	check "gretel up ends the hold" gretel cn up tunnel
	on us ipsec stop >/dev/null 2>&1
	check "the peer stops: no SA stays" wait_for 5 no_sas cn
	swan_start us
	check "the peer starts anew: the tunnel comes back" wait_for 40 pinging cn 10.0.0.1
	home_up
}

# ---- what a peer may ask for first

asks() {
	base
	on us ipsec stop >/dev/null 2>&1
	printf 'charon {\n dos_protection = yes\n cookie_threshold = 1\n}\n' | on us sh -c 'cat >/etc/strongswan.d/zz-cookie.conf'
	swan_start us
	# A request that leads to nothing stays half open.
	on wan nft 'add table inet cut; add chain inet cut f { type filter hook forward priority 0; }; add rule inet cut f ip saddr '$HOME4' udp dport 4500 drop; add rule inet cut f ip daddr '$HOME4' udp sport 500 drop'
	gretel home down us >/dev/null 2>&1
	gretel home up us >/dev/null 2>&1 &
	check "COOKIE: a half-open IKE SA" wait_for 10 has "1 connecting" on us ipsec status
	log_mark cn
	check "COOKIE: up" gretel cn up tunnel
	check "COOKIE: it was asked for" logged cn "received COOKIE notify, sending it back"
	wait $!
	on wan nft delete table inet cut
	on us rm /etc/strongswan.d/zz-cookie.conf
	gretel cn down tunnel >/dev/null 2>&1
	files ike=aes256-sha2_256-modp2048-modp1024! ""
	log_mark cn
	check "INVALID_KE_PAYLOAD: up" gretel cn up tunnel
	check "INVALID_KE_PAYLOAD: it was asked for" logged cn "peer didn't accept DH group, it requested MODP_1024"
	gretel cn down tunnel >/dev/null 2>&1
	# And we ask, while home's request leads to nothing.
	gretel_stop cn
	more[cn]=$(conn home right=$HOME4 leftid=$CN auto=add)
	conf cn
	more[cn]=
	conf us ike=aes256-sha2_256-modp2048-modp1024!
	printf 'charon {\n cookie_threshold = 1\n}\n' | on cn sh -c 'cat >/etc/strongswan.d/zz-cookie.conf'
	on wan nft 'add table inet cut; add chain inet cut f { type filter hook forward priority 0; }; add rule inet cut f ip saddr '$HOME4' ip daddr '$CN' udp dport 4500 drop'
	gretel_start cn
	log_mark cn
	gretel home up cn >/dev/null 2>&1 &
	check "a half-open IKE SA at cn" wait_for 10 logged cn "$HOME4 is initiating an IKE_SA"
	swan_reload us
	swan_mark=$(wc -l <"$(swan_log us)")
	on us ipsec up tunnel >/dev/null 2>&1
	check "we ask strongSwan for a COOKIE and another group: up" up_within 10 cn
	check "we ask strongSwan for another group: it heard" test "$(swan_count 'requested MODP_1024')" -ge 1
	check "we ask strongSwan for a COOKIE: it heard" test "$(swan_count 'N(COOKIE)')" -ge 1
	wait $!
	on wan nft delete table inet cut
	gretel home down cn >/dev/null 2>&1
	on cn rm /etc/strongswan.d/zz-cookie.conf
	gretel_reload cn >/dev/null
}

# ---- gretel and gretel

pair_start() {
	local h n=1
	for h in p1 p2; do
		{
			conn pair left=198.18.$n.33 right=198.18.$((3 - n)).33 auto=start lifetime=40s margintime=10s rekeyfuzz=0% \
				x-gre-name=gre1 x-gre-address=10.0.8.$n/30
		} | on $h sh -c 'cat >/etc/ipsec.conf'
		secret $h pair
		n=2
	done
	gretel_start p1 & gretel_start p2 & wait
	wait_for 20 pinging p1 10.0.8.2
	pings_start pair p1 10.0.8.2 $life
}
pair() {
	local lost n
	lost=$(pings_lost pair)
	n=$(grep -c 'CHILD_SA pair.*established with' "$(gretel_log p1)")
	check "short lifetimes, gretel and gretel: $lost pings of $((life * 5)) are lost, $n child SAs" \
		test "$lost" = 0 -a "$n" -ge $((renewals + 1))
}

home_up() {
	gretel home up us >/dev/null 2>&1
	wait_for 20 pinging home 10.0.5.1
	home_spis=$(home_sas)
}

# ---- the run

gretel_install && lab_up || exit
lab_peer p1 1 && lab_peer p2 2 || exit
lab_seed cn
lab_seed us
secret home password
{
	conn us right=$US auto=start x-gre-name=gre2 x-gre-address=10.0.5.2/30
	conn cn right=$CN auto=add x-gre-name=gre7 x-gre-address=10.0.7.2/30
} | on home sh -c 'cat >/etc/ipsec.conf'
more[us]=$(conn home right=$HOME4 auto=add)
on us ip tunnel add gre2 mode gre local $US remote $HOME4
on us sh -c 'ip link set gre2 up mtu 1400; ip addr add 10.0.5.1/30 dev gre2'
conf cn & conf us & wait
swan_start us & gretel_start cn & gretel_start home & wait
home_up
check "home's tunnel is up" bystander
pair_start
for t in ${LAB_ONLY:-responder initiator silence port_taken bad_conn hooks severed lifetimes ike_lifetimes rekeys loss ends asks pair}; do
	echo "-- $t ($SECONDS s)"
	$t
done
lab_summary
