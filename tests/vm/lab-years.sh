# shellcheck shell=bash
# What t_years*.sh and t_impair.sh share, to be sourced after lab.sh, lab-gretel.sh and lab-pair.sh.
#
#   mark HOST                   from here on HOST's log counts, strongSwan's or gretel's, whichever there is
#   said HOST TEXT              succeeds when the log has TEXT since then; times HOST REGEX: prints in how many lines it has that
#   no_complaints HOST          succeeds when no line of strongSwan's log since then is in complaints.txt; else says which are
#   us_reads                    strongSwan at us reads strongswan.conf and its neighbours again
#   first_up                    the tunnel comes up with the scripts of the seed, which make gre1; later there are none: strongSwan
#                               waits for them, and under emulation for so long that SAs end meanwhile
#   files CN_KEYS US_KEYS       both ends read them
#   begin CN_KEYS US_KEYS       the same, with nothing up before
#   us_idle                     succeeds when us has no SA of the conn tunnel, nothing half open
#   one_pair                    succeeds when each end has two ESP SAs, and they are the same two
#   pair_within SECONDS         waits for that; and at the end says what is there
#
#   clear_watch | clear_of_cn   counts GRE in the clear that comes to wan from cn | prints how many packets there were
#
#   wide_window                 a replay window of 1024 at both ends: a processor that the host stops between a packet's number and
#                               its way out makes it late by more than 32
#   load_start                  a hundred pings a second from cn to us, and a paced stream of UDP beside them
#   load_end                    ends both; sets pings and lost (of them), missing (packets that one gre1 has sent and the other has
#                               not got, or could not send; what a busy program does not take from its socket is not among them),
#                               own (packets that us had no SA for, because strongSwan takes an SA away before the policy that
#                               names it), refused (all that IPsec refused, at both ends, but those)
#   lossless                    succeeds when nothing was lost but for those; else says what was

declare -A marks

_log_of() { if [ -e "$(swan_log "$1")" ]; then swan_log "$1"; else gretel_log "$1"; fi; }
mark() { marks[$1]=$(wc -l <"$(_log_of "$1")"); }
_since() { tail -n "+$((${marks[$1]:-0} + 1))" "$(_log_of "$1")"; }
said() { _since "$1" | grep -Fq -- "$2" || { _since "$1" | tail -n 15; return 1; }; }
times() { _since "$1" | grep -Ec -- "$2"; }
_list() { grep "$1" "$LAB_DIR/complaints.txt" | sed 's/^!//' | paste -sd'|'; }
quiet() { ! grep -Piv "$(_list '^!')" | grep -Pi "$(_list '^[^!#]')"; } # no complaint in the standard input
no_complaints() { _since "$1" | quiet; }
us_reads() { on us sh -c 'kill -HUP $(cat /run/charon.pid)'; sleep 0.5; }

us_idle() {
	local got
	got=$(on us ipsec status tunnel)
	case $got in *ESTABLISHED* | *CONNECTING* | *INSTALLED*) echo "$got"; return 1 ;; esac
}
first_up() {
	gretel cn up tunnel >/dev/null 2>&1
	wait_for 15 pinging cn 10.0.0.1
}
files() {
	# shellcheck disable=SC2086
	{ conf cn leftupdown= $1 && gretel_reload cn >/lab/reload.txt; } &
	# shellcheck disable=SC2086
	{ conf us leftupdown= $2 && swan_reload us; } &
	wait
}
begin() {
	gretel cn down tunnel >/dev/null 2>&1
	wait_for 3 us_idle || on us ipsec down tunnel >/dev/null 2>&1
	files "$1" "$2"
	mark us
}

# One that is only allocated, or waits for a peer, has no algorithms.
_spis() {
	on "$1" ip xfrm state | awk '/proto esp spi/ { split($4, v, "[x(]"); spi = v[2] }
		/^\t(enc|aead) / { print spi }' | sort
}
one_pair() {
	local cn us
	cn=$(_spis cn) us=$(_spis us)
	[ "$cn" = "$us" ] && [ "$(wc -l <<<"$cn")" = 2 ] || { echo "cn:" $cn "us:" $us; return 1; }
}
pair_of_cn() { # cn has one pair, and us has it too; beside it, us may keep what its peer has lost until its own DELETE is given up
	local s
	[ "$(_spis cn | wc -l)" = 2 ] || { echo "cn:" $(_spis cn); return 1; }
	for s in $(_spis cn); do _spis us | grep -q "$s" || { echo "us has no $s"; return 1; }; done
}
none_at_us() { # SPI...
	local s
	for s; do ! _spis us | grep -q "$s" || { echo "us has $s"; return 1; }; done
}
pair_within() { # SECONDS
	wait_for "$1" one_pair && return
	# strongSwan may forget to take from the kernel what it calls DELETED itself, when its IKE SA is rekeyed just then.
	pair_of_cn >/dev/null && [ "$(_spis us | wc -l)" -le $((2 + $(on us ipsec statusall tunnel | grep -c '}: *DELETED'))) ] && return
	one_pair
	on us ipsec statusall tunnel | grep -A5 '^ *tunnel[[{]'
	gretel cn statusall tunnel | grep -A5 '^ *tunnel[[{]'
	return 1
}

clear_watch() {
	on wan nft -f - <<-'END'
		table ip years {
			counter cn { }
			chain pre {
				type filter hook prerouting priority -450;
				meta l4proto 47 ip saddr { 121.43.117.81, 172.19.42.8 } counter name cn
			}
		}
	END
}
clear_of_cn() { on wan nft list counter ip years cn | sed -n 's/.*packets \([0-9]*\) .*/\1/p'; }

_own() { on us awk '$1 ~ /XfrmAcquireError|XfrmOutNoStates/ { n += $2 } END { print n + 0 }' /proc/net/xfrm_stat; }
_refused() { { on cn cat /proc/net/xfrm_stat; on us cat /proc/net/xfrm_stat; } | awk '{ n += $2 } END { print n + 0 }'; }

# What HOST has sent or could not send, less what it has received.
_balance() {
	on "$1" sh -c 'cd /sys/class/net/gre1/statistics; cat tx_packets tx_errors tx_dropped rx_packets' | paste -sd' ' |
		awk '{ print $1 + $2 + $3 - $4 }'
}
wide_window() {
	local h
	for h in cn us; do printf 'charon {\n replay_window = 1024\n}\n' | on $h sh -c 'cat >/etc/strongswan.d/zz-window.conf'; done
}
load_start() {
	load_own=$(_own) load_refused=$(_refused) load_balance=$(($(_balance cn) + $(_balance us)))
	on us sh -c 'iperf3 -s -1 -i 0 >/lab/stream.us 2>&1 </dev/null &'
	wait_for 10 on us sh -c 'ss -ltn | grep -q :5201'
	on cn sh -c 'ping -n -i 0.01 10.0.0.1 >/lab/load.ping 2>&1 </dev/null & echo $! >/lab/load.pid
		iperf3 -c 10.0.0.1 -u -b 600K -l 1000 -t 3600 -i 0 >/lab/load.stream 2>&1 </dev/null & echo $! >>/lab/load.pid'
}
# A ping counts as lost when a later one has come back: those under way at the end do not.
load_end() {
	on cn sh -c 'kill -INT $(cat /lab/load.pid)'
	wait_for 10 grep -q 'packets transmitted' /lab/load.ping
	sleep 1.5
	read -r pings lost < <(sed -n 's/.*icmp_seq=\([0-9]*\) .*time=.*/\1/p' /lab/load.ping |
		awk '!seen[$1]++ { n++ } $1 + 0 > last { last = $1 + 0 } END { print last + 0, last - n }')
	missing=$(($(_balance cn) + $(_balance us) - load_balance))
	own=$(($(_own) - load_own))
	refused=$(($(_refused) - load_refused - own))
	on us pkill -x iperf3
	loss="$lost of $pings pings, $missing of all packets, $own by us"
}
lossless() {
	[ "$lost" -le "$own" ] && [ "$missing" -le "$own" ] && [ "$refused" = 0 ] && [ "$pings" -gt 500 ] && return
	echo "$lost of $pings pings lost, $missing packets missing, $own without an SA at us, $refused refused"
	for h in cn us; do on $h ip -s link show gre1; done
	on cn awk '$2 { print "cn", $0 }' /proc/net/xfrm_stat
	on us awk '$2 { print "us", $0 }' /proc/net/xfrm_stat
	tail -n 2 /lab/load.ping
	return 1
}
