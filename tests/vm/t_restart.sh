#!/bin/bash
# Deaths, restarts, reloads, and both ends at once: the tunnel comes back or never goes, with one SA pair, and no GRE travels in
# the clear meanwhile. On the seed's files; gretel at cn unless a check says otherwise.
#
# LAB_ONLY="roles ..." runs only those parts: roles priv upgrade orphan ends once (once-gretel-swan ...) reach takeover guard reload. GRETEL_LONG=1: fifty runs of both
# ends at once against each kind of peer, restarts in all three cells.

. "$(dirname "$0")/lab.sh"
. "$(dirname "$0")/lab-gretel.sh"
. "$(dirname "$0")/lab-cells.sh"

part() { case " ${LAB_ONLY:-$1} " in *" $1 "*) ;; *) return 1 ;; esac; }
long=${GRETEL_LONG:-}
nl=$'\n'

# ---- helpers

# Both ends begin at once here. What may come of that has a part of its own (once): another attempt when it has not settled.
begin() { # CN US: a cell with its tunnel up and one SA pair
	_begin "$@" && return
	echo "        $1-$2, once more:" $(settles 0 | head -n 20)
	_begin "$@" || { not_ok "$1-$2: it comes up" "$(settles 1)"; return 1; }
}
_begin() {
	cell "$1" "$2" || { not_ok "$1-$2" "no lab"; return 1; }
	# Two strongSwans that both begin have two SA pairs for ever after.
	[ "$1-$2" != swan-swan ] || cell_auto us add
	end_start cn & end_start us & wait
	# On a busy machine strongSwan's starter now and then adds a conn and forgets to begin it.
	[ "$1" != swan ] || wait_for 20 end_up cn || on cn timeout 30 ipsec up tunnel >/dev/null 2>&1
	wait_for 60 end_up cn && wait_for 30 settled || return
	# strongSwan ends what it takes for a duplicate ten seconds later, also when we have ended the other one meanwhile.
	[ "$1-$2" = gretel-gretel ] || { sleep 12; wait_for 30 settled; } && wait_for 10 pinging
}
# The second of two that began at once may still be under way: strongSwan sends with its SAs before it answers, which it does when its
# script has ended.
settled() { one_pair && none_connecting cn && none_connecting us; }
none_connecting() { if [ "${prog[$1]}" = gretel ]; then gretel "$1" status; else on "$1" ipsec status; fi 2>&1 | grep -q ' 0 connecting'; }

pinging() { [ "$(on cn ping -n -q -c 1 -W 1 10.0.0.1 | grep -c ' 1 received')" = 1 ]; }
back() { wait_for "$1" _back || { settles 1; return 1; }; } # SECONDS
# The SAs of an earlier life may carry pings again as soon as there is a socket: both must say that they are up.
_back() { end_up cn && end_up us && pinging; }
has_no_sas() { [ -z "$(spis "$1")" ]; }

# Pings in the background: 20 a second, for so many seconds.
pings_start() {
	on cn ping -n -q -i 0.05 -c $(($1 * 20)) -W 2 10.0.0.1 >/lab/ping.txt 2>&1 &
	ping_pid=$!
}
pings_end() { wait "$ping_pid"; } # (not in a subshell)
none_lost() {
	[ "$(ping_lost /lab/ping.txt)" = 0 ] || { cat /lab/ping.txt; return 1; }
}

# The SPI that the policy at HOST sends with, and whether pings travel on that SA.
out_spi() { on "$1" ip xfrm policy | awk '/dir out priority 366975/ { f = 1 } f && /proto esp spi/ { sub(/0x/, "", $4); print $4; exit }'; }
sa_of() { # HOST SPI: its packets
	on "$1" ip -s xfrm state | awk -v spi="0x$2(" '
		/proto esp/ { mine = index($4, spi) == 1 }
		mine && /bytes\),.*packets\)/ && !/limit/ { sub(/\(.*/, "", $2); print $2; exit }'
}
carries() { # what HOST sends goes out on one SA, and comes in at the other end on it
	local h=$1 o spi a b
	o=$(other "$h")
	spi=$(out_spi "$h")
	a=$(sa_of "$o" "$spi") b=$(sa_of "$h" "$spi")
	ping_gre "$h" "$(inner "$o")" 3 || return
	[ $(($(sa_of "$h" "$spi") - b)) = 3 ] && [ $(($(sa_of "$o" "$spi") - a)) = 3 ] ||
		{ echo "SPI $spi: $b then $(sa_of "$h" "$spi") here, $a then $(sa_of "$o" "$spi") there"; return 1; }
}

# strongSwan keeps what it had with the ike that died for another ten seconds, and then for as long as nobody answers its DELETE.
pair_here() {
	local s
	[ "$(spis cn | wc -l)" = 2 ] || return
	for s in $(spis cn); do spis us | grep -q "$s" || return; done
}

new_spis() { # OLD: not one of them is left at cn
	local s
	for s in $(spis cn); do [ "${1/$s/}" = "$1" ] || { echo "$s is still there"; return 1; }; done
}

# One pair between two ends of which one (HOST) has crashed: the other has just its own; what HOST sends goes there. A crash of
# strongSwan leaves SAs in the kernel that nobody takes away before their lifetime ends. gretel finds its own and has one pair soon; then it is the
# peer that keeps what it had, for as long as nobody answers its DELETE.
clean_after_crash() {
	local o n s
	o=$(other "$1")
	if [ "${prog[$1]}" = gretel ]; then
		[ "$(spis "$1" | wc -l)" = 2 ] || { echo "$1 has $(spis "$1" | wc -l) SAs"; settles 1; return 1; }
		for s in $(spis "$1"); do spis "$o" | grep -q "$s" || { echo "$o has no $s"; return 1; }; done
		return
	fi
	n=$(spis "$o" | wc -l)
	[ "$n" = 2 ] || { echo "$o has $n SAs"; settles 1; return 1; }
}
recovers() { # SECONDS HOST: one SA pair, leaving aside what HOST's crash has left
	wait_for "$1" clean_after_crash "$2" && return
	clean_after_crash "$2"
}

# ---- the death of one role

roles() { # US
	local old c="gretel-$1" pid
	part roles || return 0
	begin gretel "$1" || return
	old=$(spis cn)
	pings_start 14
	sleep 2
	check "$c: ike is killed" gretel_kill9 cn ike
	pings_end
	check "$c: no ping of 280 is lost" none_lost
	check "$c: there is one SA pair here then" wait_for 15 pair_here
	check "$c: a new one" new_spis "$old"
	check "$c: and it carries what cn sends" carries cn
	check "$c: and what us sends" carries us
	check "$c: status agrees" wait_for 5 end_up cn
	old=$(spis cn)
	pid=$(gretel_pid cn hook)
	pings_start 4
	gretel_kill9 cn hook
	pings_end
	check "$c: after the death of hook no ping is lost" none_lost
	check "$c: nor an SA" test "$(spis cn)" = "$old"
	check "$c: hook was started again" wait_for 10 _new_role cn hook "$pid"
	check "$c: and runs scripts: down and up" eval 'gretel cn down tunnel && gretel cn up tunnel && back 5'
	gretel_kill9 cn priv
	check "$c: with priv all die" wait_for 10 _gretel_gone cn
	no_clear_gre "$c, after the death of priv" cn
	gretel_start cn
	check "$c: after a new start the tunnel is back" back 30
	check "$c: one SA pair, leaving aside what the crash left" recovers 15 cn
	check "$c: which carries" carries cn
	check "$c: nothing in the clear all the while" test "$(gre_at_wan $ADDR_cn)" = 0
}
_new_role() { local p; p=$(gretel_pid "$1" "$2") && [ "$p" != "$3" ]; }

# ---- the death of priv, and an upgrade: fd_store plays systemd, which keeps the sockets

under_store() { # US: the cell with gretel at cn under the store, and what is somebody else's
	GRETEL_UNDER=$GRETEL_BUILD/tests/vm/fd_store begin gretel "$1" || return
	foreign
	before=$(foreign_there)
	old=$(own_spis)
	link=$(on cn cat /sys/class/net/gre1/ifindex)
	check "$c: the SAs are encapsulated" test "$(on cn ip xfrm state | grep -c espinudp)" = 2
	check "$c: four sockets are kept" test "$(grep -c 'is kept' "$(gretel_log cn)")" = 4
}
own_spis() { spis cn | grep -v '^00002001$'; } # without the foreign one
pair_beside() {
	local s
	[ "$(own_spis | wc -l)" = 2 ] || return
	for s in $(own_spis); do spis us | grep -q "$s" || return; done
}
none_of() { # OLD: not one of them is left
	local s
	for s in $(own_spis); do [ "${1/$s/}" = "$1" ] || { echo "$s is still there"; return 1; }; done
}
lives() { [ "$(grep -c ' is running' "$(gretel_log cn)")" = "$1" ]; }
goes_on() { # what must be true after each new life
	check "$c: no ping is lost" none_lost
	check "$c: the SAs were adopted" grep -q 'of an earlier life 1 child SA(s) forward on' "$(gretel_log cn)"
	check "$c: there is one SA pair then" wait_for 20 pair_beside
	check "$c: a new one" none_of "$old"
	check "$c: which carries what cn sends" carries cn
	check "$c: and what us sends" carries us
	check "$c: status agrees" wait_for 5 end_up cn
	check "$c: the script's interface is the one that it was" test "$(on cn cat /sys/class/net/gre1/ifindex)" = "$link"
	check "$c: foreign SAs and policies are as they were" diff <(echo "$before") <(foreign_there)
	old=$(own_spis)
}
killed_and_restarted() { # US
	local c="priv-$1" old link before
	part priv || return 0
	under_store "$1" || return
	pings_start 16
	sleep 2
	check "$c: priv is killed" gretel_kill9 cn priv
	check "$c: it is started again" wait_for 15 lives 2
	pings_end
	goes_on
	# Again, while the first new life is young.
	pings_start 14
	sleep 1
	check "$c, again: all roles are killed" eval 'on cn pkill -KILL "^greteld"'
	check "$c, again: it is started again" wait_for 15 lives 3
	pings_end
	c="$c, again" goes_on
	check "$c: nothing in the clear" test "$(gre_at_wan $ADDR_cn)" = 0
	check "$c: it stops, and leaves nothing" eval 'gretel_stop cn && [ -z "$(own_spis)" ] && ! on cn test -e /run/gretel/books'
	on cn ip xfrm state flush
	on cn ip xfrm policy flush
}
upgraded() { # US
	local c="upgrade-$1" old link before
	part upgrade || return 0
	under_store "$1" || return
	pings_start 14
	sleep 2
	# Another file under the same name, as a package manager leaves it.
	cp /usr/sbin/greteld /usr/sbin/greteld.new && mv /usr/sbin/greteld.new /usr/sbin/greteld
	check "$c: it is restarted" eval 'on cn pkill -HUP fd_store && wait_for 15 lives 2'
	pings_end
	goes_on
	check "$c: nothing in the clear" test "$(gre_at_wan $ADDR_cn)" = 0
	on cn pkill -TERM fd_store
	check "$c: the end is the end" eval 'wait_for 20 _gretel_gone cn && [ -z "$(own_spis)" ]'
	on cn ip xfrm state flush
	on cn ip xfrm policy flush
}

# The peer never answers again: what an earlier life left goes after a while, with the script's work; the guard stays.
orphaned() {
	local c=orphan
	part orphan || return 0
	cell gretel swan || { not_ok "$c" "no lab"; return; }
	on cn sh -c 'printf "charon {\n retransmit_timeout = 1\n retransmit_tries = 2\n}\n" >>/etc/strongswan.conf'
	end_start cn & end_start us & wait
	wait_for 60 end_up cn && wait_for 30 one_pair || { not_ok "$c: it comes up" "$(settles 1)"; return; }
	lab_cut
	gretel_kill9 cn
	gretel_start cn
	check "$c: the SAs are there, and no others" test "$(spis cn | wc -l)" = 2
	check "$c: status shows them" eval 'gretel cn status | grep -q "of an earlier run"'
	check "$c: in time they go" wait_for 30 has_no_sas cn
	check "$c: and the log says why" grep -q 'is removed: it has found no successor' "$(gretel_log cn)"
	no_clear_gre_out "$c" cn
	lab_heal
	check "$c: the peer is there again, and so is the tunnel" back 90
}

# ---- the death and the restart of one end

ends() { # CN US
	local c="$1-$2" h
	part ends || return 0
	begin "$1" "$2" || return
	for h in cn us; do
		end_stop $h
		end_start $h
		check "$c: $h (${prog[$h]}) is restarted, the tunnel is back" back 30
		check "$c: with one SA pair" settles 20
		check "$c: which carries" carries cn
	done
	for h in cn us; do
		end_kill9 $h
		end_start $h
		check "$c: $h (${prog[$h]}) is killed and started, the tunnel is back" back 40
		check "$c: with one SA pair, leaving aside what the crash left" recovers 20 $h
		check "$c: which carries, from cn" carries cn
		check "$c: and from us" carries us
		on $h ip xfrm state flush # what the crash left; the tunnel is taken down for the next one
		end_stop $h
		wait_for 5 has_no_sas "$(other $h)" || :
		end_start $h
		back 30 >/dev/null && wait_for 20 one_pair || :
	done
	for h in cn us; do
		[ "${prog[$h]}" != gretel ] || check "$c: $h has sent nothing in the clear" test "$(gre_at_wan "$(addr $h)")" = 0
	done
}

# ---- both at once

once() { # CN US
	local c="$1-$2" i runs=1 ups=1 good=0 bad= from
	part once || part "once-$c" || return 0
	[ -z "$long" ] || runs=10 ups=40
	cell "$1" "$2" || { not_ok "$c" "no lab"; return; }
	for ((i = 1; i <= runs; i++)); do
		end_start cn & end_start us & wait
		from=$SECONDS
		_once_ends "$c" "start $i"
		end_stop cn & end_stop us & wait
		wait_for 5 has_no_sas cn || :
		for h in cn us; do on $h ip xfrm state flush; done
	done
	cell_auto cn add
	cell_auto us add
	end_start cn & end_start us & wait
	for ((i = 1; i <= ups; i++)); do
		end_begin cn & end_begin us & wait
		from=$SECONDS
		_once_ends "$c" "up $i"
		for h in cn us; do
			if [ "${prog[$h]}" = gretel ]; then gretel $h down tunnel; else on $h ipsec down tunnel; fi >/dev/null 2>&1
		done
		wait_for 5 has_no_sas cn && wait_for 5 has_no_sas us || :
	done
	if [ $good = $((runs + ups)) ]; then ok "$c: both at once: $good of $good runs end with one SA pair"; else
		not_ok "$c: both at once: one SA pair in $good of $((runs + ups)) runs" "$bad"
	fi
}
end_begin() { if [ "${prog[$1]}" = gretel ]; then gretel "$1" up tunnel; else on "$1" timeout 15 ipsec up tunnel; fi >/dev/null 2>&1; }
_once_ends() {
	while [ $((SECONDS - from)) -lt 15 ]; do sleep 0.5; done
	if one_pair && pinging; then good=$((good + 1)); else bad="$bad$nl$2: $(settles 0)"; fi
}

# ---- a peer that is not there yet

reach() {
	local c="reach"
	part reach || return 0
	cell gretel swan || { not_ok "$c" "no lab"; return; }
	cell_auto us add
	end_start us
	lab_cut
	end_start cn
	check "$c: status says that nobody answers" wait_for 15 _says 'no answer from 80.251.215.33:500'
	no_clear_gre_out "$c, while the peer is away" cn
	sleep 10
	lab_heal
	check "$c: the peer appears, and the tunnel comes up by itself" back 45
	check "$c: with one SA pair" settles 15
	# And away again for a while, with the SAs up.
	lab_cut
	sleep 5
	lab_heal
	check "$c: five seconds of a cut do no harm" back 5
	check "$c: nothing in the clear" test "$(gre_at_wan $ADDR_cn)" = 0
}
_says() { gretel cn status tunnel | grep -q "$1"; }
no_clear_gre_out() {
	raw_gre "$2" "$(own "$2")" "$(addr "$(other "$2")")" 2>/dev/null
	check "$1: no GRE leaves in the clear" test "$(gre_at_wan "$(addr "$2")")" = 0
}

# ---- taking over from strongSwan

foreign() { # what somebody else has in the kernel at cn
	on cn ip xfrm state add src 172.19.42.8 dst 192.0.2.7 proto esp spi 0x2001 reqid 77 mode tunnel \
		enc 'cbc(aes)' 0x00112233445566778899aabbccddeeff auth-trunc 'hmac(sha256)' 0x00112233445566778899aabbccddeeff 128
	on cn ip xfrm policy add src 10.99.0.0/16 dst 10.98.0.0/16 dir out priority 1000 \
		tmpl src 172.19.42.8 dst 192.0.2.7 proto esp reqid 77 mode tunnel
	on cn ip xfrm policy add src 172.19.42.8/32 dst 192.0.2.7/32 proto gre dir out priority 366975 \
		tmpl src 0.0.0.0 dst 0.0.0.0 proto esp reqid 78 mode transport
	on cn ip xfrm policy add src 198.51.100.0/24 dst 0.0.0.0/0 proto gre dir in action block priority 5000
}
foreign_there() {
	{ on cn ip xfrm state; on cn ip xfrm policy; } | awk '
		/^[^ \t]/ { f = /192\.0\.2\.7|10\.98\.0\.0|198\.51\.100\.0/ }
		f'
}

two_at_us() { [ "$(spis us | wc -l)" = 2 ]; }
becomes() { # HOST PROGRAM
	prog[$1]=$2
	end_start "$1"
}

takeover() {
	local how c before
	part takeover || return 0
	for how in stopped killed; do
		c="takeover, strongSwan $how"
		begin swan swan || continue
		foreign
		before=$(foreign_there)
		if [ $how = stopped ]; then
			swan_stop cn
		else
			swan_kill9 cn
			check "$c: its SAs and gre1 are there" eval '[ $(sa_count cn) -ge 2 ] && on cn ip link show gre1'
		fi
		becomes cn gretel
		check "$c: gretel comes up" eval 'wait_for 30 end_up cn && back 10'
		check "$c: up says so" gretel cn up tunnel
		check "$c: one SA pair, leaving aside what was there" wait_for 20 two_at_us
		check "$c: and the pings travel on it, from cn" carries cn
		check "$c: and from us" carries us
		check "$c: status shows the gre1 that was there" _says 'GRE interface gre1, 10.0.0.2/30, MTU 1400, up'
		check "$c: foreign SAs and policies are as they were" diff <(echo "$before") <(foreign_there)
		on cn ip xfrm policy delete src 10.99.0.0/16 dst 10.98.0.0/16 dir out
		on cn ip xfrm policy delete src 172.19.42.8/32 dst 192.0.2.7/32 proto gre dir out
		on cn ip xfrm policy delete src 198.51.100.0/24 dst 0.0.0.0/0 proto gre dir in
		on cn ip xfrm state delete src 172.19.42.8 dst 192.0.2.7 proto esp spi 0x2001
		check "$c: the rest is the golden shape" \
			diff -u <(cat "$LAB_DIR/golden/cn.xfrm" "$LAB_DIR/golden/guard-cn.xfrm" | xfrm_canon) <(xfrm_shape cn)
		no_clear_gre "$c" cn
		check "$c: gretel stops, and its SAs go" eval 'gretel_stop cn && wait_for 5 has_no_sas us'
	done
	# And back: strongSwan finds its place free.
	becomes cn swan
	check "takeover, and back: strongSwan comes up after gretel" eval 'wait_for 30 swan_up cn && back 10'
}

# ---- the guards outlive the daemon

guards() {
	local c=guard
	part guard || return 0
	begin gretel swan || return
	on cn ip xfrm policy add src 198.51.100.0/24 dst 0.0.0.0/0 proto gre dir in action block priority 5000
	gretel_stop cn
	check "$c: after a stop no SA is left here" has_no_sas cn
	check "$c: nor at the peer" wait_for 5 has_no_sas us
	check "$c: no policy but the guards and the foreign one" test "$(on cn ip xfrm policy | grep -c '^src.*proto gre')" = 3
	check "$c: gretel guard shows both" eval '[ "$(gretel cn guard | grep -c 80.251.215.33)" = 2 ]'
	no_clear_gre "$c, after a stop" cn
	check "$c: guard clear removes two" grep -q '^2 guard' <(gretel cn guard clear)
	check "$c: and just these" eval '[ "$(on cn ip xfrm policy | grep -c "^src.*proto gre")" = 1 ]'
	check "$c: there are none to show" eval '! gretel cn guard | grep -q 80.251.215.33'
	check "$c: again, it removes none" grep -q '^0 guard' <(gretel cn guard clear)
	raw_gre cn 172.19.42.8 80.251.215.33
	check "$c: without them GRE leaves, as it does under strongSwan" wait_for 3 _left_one
	gretel_start cn
	check "$c: a new start sets them" wait_for 10 _guarded cn 3
}
_left_one() { [ "$(gre_at_wan $ADDR_cn)" = 1 ]; }
_guarded() { [ "$(on "$1" ip xfrm policy | grep -c 'action block')" = "$2" ]; }

# ---- reload

quiet() { # NAME CMD...: during CMD and two seconds after it no IKE packet is seen, no ping lost, and the SAs stay
	local name=$1 old n
	shift
	old=$(spis cn)
	cap_start quiet cnrt cnrt-wan udp port 500 or '(udp port 4500 and udp[8:4] = 0)'
	pings_start 5
	sleep 0.5
	check "$name" "$@"
	pings_end
	check "$name: no ping is lost" none_lost
	cap_stop quiet
	n=$(cap_count quiet)
	check "$name: nothing is sent to the peer" test "$n" = 0
	check "$name: the SAs stay" test "$(spis cn)" = "$old"
}
reload_says() { # CODE TEXT...
	local want=$1 got=0 out
	shift
	out=$(gretel cn reload 2>&1) || got=$?
	[ $got = "$want" ] || { echo "exit code $got: $out"; return 1; }
	for t; do grep -q -- "$t" <<<"$out" || { echo "no '$t' in: $out"; return 1; }; done
}
hup() {
	on cn sh -c 'kill -HUP $(cat /run/gretel/greteld.pid)'
	wait_for 5 _reloaded "$1"
}
_reloaded() { [ "$(grep -c 'configuration reloaded' "$(gretel_log cn)")" -ge "$1" ]; }

reloads() {
	local c=reload
	part reload || return 0
	begin gretel swan || return
	quiet "$c: of equal files" reload_says 0
	check "$c: the log says that nothing changed" grep -q 'configuration reloaded, nothing changed' "$(gretel_log cn)"
	quiet "$c: by SIGHUP" hup 2
	on cn cp /etc/ipsec.conf /etc/ipsec.conf.good
	on cn sed -i 's/ike=.*/ike=aes256-nonsense-modp1024!/' /etc/ipsec.conf
	quiet "$c: of a conn that is broken" reload_says 0 '/etc/ipsec.conf:9' 'nonsense'
	check "$c: status says that the version before it runs" _says 'the version before it runs on'
	check "$c: SIGHUP keeps it too" hup 4
	check "$c: and the tunnel" pinging
	on cn sh -c 'printf "conn other\n  right=198.51.100.9\n  auto=add\n" >>/etc/ipsec.conf'
	quiet "$c: another conn beside the broken one" reload_says 0
	check "$c: which is there" eval 'gretel cn list | grep -q other'
	on cn cp /etc/ipsec.conf.good /etc/ipsec.conf
	quiet "$c: of the good file again" reload_says 0
	check "$c: status has nothing to say" eval '! _says "the version before it"'
	on cn sed -i 's/esp=.*/esp=aes256-sha2_256!/' /etc/ipsec.conf
	on us sed -i 's/esp=.*/esp=aes256-sha2_256!/' /etc/ipsec.conf
	on us ipsec reload >/dev/null 2>&1
	sleep 1
	check "$c: of another proposal, at both ends" reload_says 0
	check "$c: is a new SA with it" wait_for 15 _long_key
	check "$c: which carries" eval 'back 5 && carries cn'
	gretel cn down tunnel >/dev/null
	check "$c: down holds over a reload" eval 'reload_says 0 && sleep 3 && has_no_sas cn'
	on cn rm /etc/ipsec.conf
	check "$c: without a file it fails, and says so" reload_says 1 'no configuration file'
}
_long_key() { on cn ip xfrm state | grep -Eq 'enc cbc\(aes\) 0x[0-9a-f]{64}'; }

gretel_install || exit
roles swan
[ -z "$long" ] || roles gretel
killed_and_restarted swan
upgraded swan
orphaned
[ -z "$long" ] || killed_and_restarted gretel
ends gretel swan
if [ -n "$long" ]; then
	ends swan gretel
	ends gretel gretel
fi
once gretel swan
once gretel gretel
[ -z "$long" ] || once swan gretel
reach
takeover
guards
reloads
lab_summary
