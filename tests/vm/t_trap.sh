#!/bin/bash
# tests/vm/boot -t 600 tests/vm/t_trap.sh: auto=route, and what dpdaction and closeaction leave behind, in the kernel against strongSwan: a packet that meets
# the trap starts the tunnel; after its end the trap is there again; nothing leaves in the clear; a stop leaves the guards alone.
#
# LAB_ONLY="route actions life" runs only those parts.

. "$(dirname "$0")/lab.sh"
. "$(dirname "$0")/lab-gretel.sh"
. "$(dirname "$0")/lab-cells.sh"

part() { case " ${LAB_ONLY:-$1} " in *" $1 "*) ;; *) return 1 ;; esac; }
keys() { # KEY=VALUE...: in cn's conn
	local k
	for k; do on cn sed -i "/^ *${k%%=*}=/d; s/^conn tunnel.*/&\n   $k/" /etc/ipsec.conf; done
}
pinging() { [ "$(on cn ping -n -q -c 1 -W 1 10.0.0.1 | grep -c ' 1 received')" = 1 ]; }
trapped() { on cn ip xfrm policy | grep -q 'dir out priority 366976'; }
carried() { on cn ip xfrm policy | grep -q 'dir out priority 366975'; }
no_sas() { [ -z "$(spis cn)" ]; }
waits() { trapped && no_sas; }
begun() { grep -c 'initiating IKE_SA' "$(gretel_log cn)"; }
is_begun() { [ "$(begun)" = "$1" ]; }
up() { end_up cn && end_up us && pinging; }
begin() { # KEY=VALUE...: cn with these keys, us waits for it; gre1 as the script makes it
	cell gretel swan || { not_ok "$1" "no lab"; return 1; }
	cell_auto us add
	keys "$@"
	on cn sh /etc/strongswan.d/ipsec-notify.sh
	end_start us & end_start cn & wait
}

route() {
	part route || return 0
	begin auto=route dpdaction=clear dpddelay=4 || return
	check "route: the trap is set" wait_for 10 trapped
	check "route: status says that it waits" wait_for 5 eval 'gretel cn status tunnel | grep -q "it waits for a packet"'
	sleep 3
	check "route: nothing was begun" is_begun 0
	pinging
	check "route: a packet starts it" wait_for 20 up
	check "route: by one set-up" is_begun 1
	check "route: the child's policy is in the trap's place" eval 'carried && ! trapped'
	check "route: with what strongSwan would have there" diff -u \
		<(cat "$LAB_DIR/golden/cn.xfrm" "$LAB_DIR/golden/guard-cn.xfrm" | xfrm_canon) <(xfrm_shape cn)
	check "route: the peer closes it" on us ipsec down tunnel
	check "route: the trap is there again" wait_for 10 waits
	check "route: and nothing is begun" eval 'sleep 4; is_begun 1'
	pinging
	check "route: the next packet starts it" wait_for 20 up
	check "route: the peer dies" end_kill9 us
	check "route: dpdaction=clear: the trap is there again" wait_for 20 waits
	end_start us
	on us ip xfrm state flush
	pinging
	check "route: a packet starts it again" wait_for 40 up
	check "route: nothing in the clear" test "$(gre_at_wan $ADDR_cn)" = 0
	check "route: a stop leaves the guards alone" eval 'end_stop cn && ! trapped && ! carried && [ "$(on cn ip xfrm policy | grep -c "action block")" = 2 ]'
	pinging
	check "route: nothing in the clear, after the stop" test "$(gre_at_wan $ADDR_cn)" = 0
}

actions() {
	local action
	part actions || return 0
	begin auto=add dpdaction=clear dpddelay=4 || return
	check "actions: auto=add sets no trap" eval '! trapped'
	for action in clear hold restart; do
		keys closeaction=$action
		gretel cn reload >/dev/null
		on us timeout 20 ipsec up tunnel >/dev/null 2>&1
		check "actions: us brings it up" wait_for 20 up
		on us ipsec down tunnel >/dev/null 2>&1
		case $action in
		clear) check "actions: closeaction=clear: it stays down" eval 'wait_for 5 no_sas && sleep 4 && no_sas && ! trapped' ;;
		hold) check "actions: closeaction=hold: a trap" eval 'wait_for 5 waits && sleep 3 && waits'
			pinging
			check "actions: a packet starts it" wait_for 20 up
			on us ipsec down tunnel >/dev/null 2>&1
			wait_for 5 waits ;;
		restart) check "actions: closeaction=restart: it comes back" wait_for 20 up ;;
		esac
	done
	for action in clear hold restart; do
		keys closeaction=clear dpdaction=$action
		gretel cn reload >/dev/null
		up || on us timeout 20 ipsec up tunnel >/dev/null 2>&1
		check "actions: it is up" wait_for 20 up
		end_kill9 us
		on us ip xfrm state flush
		case $action in
		clear) check "actions: dpdaction=clear: it stays down" eval 'wait_for 15 no_sas && ! trapped' ;;
		hold) check "actions: dpdaction=hold: a trap" wait_for 15 waits ;;
		restart) check "actions: dpdaction=restart: it is tried" wait_for 15 eval 'gretel cn status tunnel | grep -q CONNECTING' ;;
		esac
		end_start us
		[ $action != restart ] || check "actions: and comes back" wait_for 60 up
	done
	check "actions: nothing in the clear" test "$(gre_at_wan $ADDR_cn)" = 0
}

# A trap outlives a crash, and is no obstacle to whoever starts next.
life() {
	part life || return 0
	begin auto=route || return
	check "life: the trap is set" wait_for 10 trapped
	gretel_kill9 cn
	check "life: it is there after a crash" trapped
	pinging
	gretel_start cn
	check "life: one after the next start" eval 'wait_for 5 trapped && [ "$(on cn ip xfrm policy | grep -c "priority 366976")" = 1 ]'
	on cn ip xfrm state flush # for the packet of before the kernel has asked nobody, and would not ask again for half a minute
	pinging
	check "life: and it works" wait_for 20 up
	keys auto=add
	gretel cn down tunnel >/dev/null
	check "life: auto=add: it is taken away" eval 'gretel cn reload >/dev/null; wait_for 5 eval "! trapped"'
	check "life: nothing in the clear" test "$(gre_at_wan $ADDR_cn)" = 0
}

gretel_install || exit
route
actions
life
lab_summary
