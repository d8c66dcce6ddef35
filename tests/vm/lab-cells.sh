# shellcheck shell=bash
# A cell of the matrix: which program plays cn, and which us. To be sourced after lab.sh and lab-gretel.sh.
#
#   cell CN US                  a new lab with the seed's files as they are; CN and US are gretel or swan. Where gretel plays
#                               us, only the files at Red Hat's places are there. IPv6 is off at both ends, so that nothing but
#                               the pings travels in gre1
#   cell_auto HOST add|start    changes that one word of HOST's ipsec.conf
#   end_start HOST | end_stop HOST | end_kill9 HOST     whatever plays HOST
#   end_up HOST                 succeeds when its tunnel is up in its own eyes
#   one_pair                    succeeds when each end has two ESP SAs, in and out, and they are the same two
#   settles SECONDS             waits until one_pair holds; and at the end says what is there
#   spis HOST                   the SPIs of HOST's ESP SAs, sorted, with SAs that are still being set up left out
#   sa_packets HOST in|out      packets through its SA in this direction
#   gre_rx HOST                 packets that gre1 has received
#   xfrm_in_drops HOST          packets that IPsec has refused on the way in
#   gre_at_wan SRC              packets of GRE in the clear that wan has seen from this address since `cell`
#   gre_from_wan SRC DST        sends one packet of GRE, as if from SRC
#   ping_lost FILE              of the output of ping -q: how many were lost
#   no_clear_gre POINT HOST     (a check) raw GRE is sent from HOST, and to it from wan: nothing of it passes

declare -A prog
ADDR_us=80.251.215.33 ADDR_cn=121.43.117.81 OWN_us=80.251.215.33 OWN_cn=172.19.42.8 INNER_us=10.0.0.1 INNER_cn=10.0.0.2

other() { if [ "$1" = cn ]; then echo us; else echo cn; fi; }
addr() { local v="ADDR_$1"; echo "${!v}"; }
own() { local v="OWN_$1"; echo "${!v}"; }
inner() { local v="INNER_$1"; echo "${!v}"; }

cell() {
	local h
	prog[cn]=$1 prog[us]=$2
	lab_down
	lab_up || return
	for h in cn us; do
		lab_seed $h
		on $h sh -c 'echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6'
	done
	[ "$2" != gretel ] || on us rm /etc/ipsec.conf /etc/ipsec.secrets /etc/strongswan.d/charon.conf
	on wan nft -f - <<-END
		table ip by_source {
			counter cn { }
			counter us { }
			chain pre {
				type filter hook prerouting priority -450;
				meta l4proto 47 ip saddr $ADDR_cn counter name cn
				meta l4proto 47 ip saddr $ADDR_us counter name us
			}
		}
	END
}

cell_auto() {
	on "$1" sh -c 'for f in /etc/ipsec.conf /etc/strongswan/ipsec.conf; do
		[ ! -e $f ] || sed -i "s/auto=[a-z]*/auto=$1/" $f; done' sh "$2"
}

end_start() { if [ "${prog[$1]}" = gretel ]; then gretel_start "$1"; else swan_start "$1"; fi; }
end_stop() { if [ "${prog[$1]}" = gretel ]; then gretel_stop "$1"; else swan_stop "$1"; fi; }
end_kill9() { if [ "${prog[$1]}" = gretel ]; then gretel_kill9 "$1"; else swan_kill9 "$1"; fi; }
end_up() { if [ "${prog[$1]}" = gretel ]; then gretel "$1" status tunnel | grep -q INSTALLED; else swan_up "$1"; fi; }

# An SPI that is allocated and no SA yet has no algorithms.
spis() {
	on "$1" ip xfrm state | awk '/proto esp spi/ { split($4, v, "[x(]"); spi = v[2] }
		/^\t(enc|aead) / { print spi }' | sort
}

one_pair() {
	local cn us
	cn=$(spis cn) us=$(spis us)
	[ "$cn" = "$us" ] && [ "$(wc -l <<<"$cn")" = 2 ]
}

settles() {
	wait_for "$1" one_pair && return
	for h in cn us; do
		echo "$h:" $(spis $h)
		if [ "${prog[$h]}" = gretel ]; then tail -n 12 "$(gretel_log $h)"; else tail -n 12 "$(swan_log $h)"; fi
	done
	return 1
}

sa_packets() {
	on "$1" ip -s xfrm state | awk -v dir="$2" -v own="$(own "$1")" '
		/^src/ { mine = (dir == "in") == ($4 == own) }
		/bytes\),.*packets\)/ && !/limit/ && mine { sub(/\(.*/, "", $2); n += $2 }
		END { print n + 0 }'
}

gre_rx() { on "$1" cat /sys/class/net/gre1/statistics/rx_packets; }
xfrm_in_drops() { on "$1" awk '/^XfrmIn/ { n += $2 } END { print n + 0 }' /proc/net/xfrm_stat; }
gre_at_wan() {
	local h=us
	[ "$1" = $ADDR_us ] || h=cn
	on wan nft list counter ip by_source $h | sed -n 's/.*packets \([0-9]*\) .*/\1/p'
}

gre_from_wan() {
	printf '\0\0\010\0\105\0\0\024\0\0\0\0\100\073\146\255\012\0\0\001\012\0\0\002' |
		on wan socat -u STDIN "IP4-SENDTO:$2:47,bind=$1,ip-transparent"
}

ping_lost() { sed -n 's/^\([0-9]*\) packets transmitted, \([0-9]*\) received.*/\1 \2/p' "$1" | awk '{ print $1 - $2 }'; }

no_clear_gre() { check "$1: no GRE in the clear leaves or enters $2" _no_clear_gre "$2"; }
_no_clear_gre() {
	local h=$1 o rx drops n=3 i
	o=$(other "$h")
	for ((i = 0; i < n; i++)); do raw_gre "$h" "$(own "$h")" "$(addr "$o")" 2>/dev/null; done
	# With an SA they have travelled in ESP, and the peer may have had an answer to what is in them.
	[ "$(spis "$h" | wc -l)" = 0 ] || sleep 0.3
	rx=$(gre_rx "$h" 2>/dev/null) drops=$(xfrm_in_drops "$h")
	for ((i = 0; i < n; i++)); do gre_from_wan "$(addr "$o")" "$(addr "$h")" || return; done
	wait_for 5 _dropped "$h" $((drops + n)) || { echo "IPsec refused $(($(xfrm_in_drops "$h") - drops)) of $n"; return 1; }
	[ "$(gre_rx "$h" 2>/dev/null)" = "$rx" ] || { echo "gre1 has received $(($(gre_rx "$h") - rx))"; return 1; }
	[ "$(gre_at_wan "$(addr "$h")")" = 0 ] || { echo "$(gre_at_wan "$(addr "$h")") packets left"; return 1; }
}
_dropped() { [ "$(xfrm_in_drops "$1")" -ge "$2" ]; }
