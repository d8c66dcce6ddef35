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
up() { end_up cn && end_up us && pinging || { settles 0; gretel us status 2>&1 | tail -n 12; tail -n 12 "$(gretel_log us)"; tail -n 12 "$(swan_log cn)"; return 1; }; } 2>/dev/null
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

# gretel at us, which answers; strongSwan at cn comes and goes.
at_us() { # KEY=VALUE...
	local k f=/etc/strongswan/ipsec.conf
	for k; do on us sed -i "/^ *${k%%=*}=/d; s/^conn tunnel.*/&\n   $k/" $f; done
}
trapped_us() { on us ip xfrm policy | grep -q 'dir out priority 366976'; }
no_sas_us() { [ -z "$(spis us)" ]; }
waits_us() { trapped_us && no_sas_us; }
begun_us() { grep -c 'initiating IKE_SA' "$(gretel_log us)"; }
begins_us() { [ "$(begun_us)" -gt "$1" ]; }
comes() { # cn brings it up
	on cn timeout 20 ipsec up tunnel >/dev/null 2>&1
	check "$1: cn brings it up" eval 'wait_for 20 up || up'
	n=$(begun_us)
}

actions() {
	local action n
	part actions || return 0
	cell swan gretel || { not_ok actions "no lab"; return; }
	cell_auto cn add
	cell_auto us add
	at_us dpdaction=clear dpddelay=4
	end_start us & end_start cn & wait
	check "actions: auto=add sets no trap" eval 'wait_for 5 on us ip xfrm policy && ! trapped_us'
	for action in clear hold restart; do
		at_us closeaction=$action
		gretel us reload >/dev/null
		comes "closeaction=$action"
		on cn ipsec down tunnel >/dev/null 2>&1
		case $action in
		clear) check "closeaction=clear: it stays down" eval 'wait_for 5 no_sas_us && sleep 4 && no_sas_us && ! trapped_us && ! begins_us $n' ;;
		hold) check "closeaction=hold: a trap" eval 'wait_for 5 waits_us && sleep 3 && waits_us && ! begins_us $n'
			on us ping -n -q -c 1 -W 1 10.0.0.2 >/dev/null
			check "closeaction=hold: a packet begins" wait_for 10 begins_us "$n" ;;
		restart) check "closeaction=restart: it begins" wait_for 10 begins_us "$n" ;;
		esac
		end_stop us || tail -n 5 "$(gretel_log us)"
		end_start us # nothing is under way any more
	done
	# strongSwan at cn has what us began last, and us has lost it.
	end_kill9 cn
	on cn ip xfrm state flush
	end_start cn
	for action in clear hold restart; do
		at_us closeaction=clear dpdaction=$action
		gretel us reload >/dev/null
		comes "dpdaction=$action"
		end_kill9 cn
		case $action in
		clear) check "dpdaction=clear: it stays down" eval 'wait_for 15 no_sas_us && ! trapped_us && ! begins_us $n' ;;
		hold) check "dpdaction=hold: a trap" eval 'wait_for 15 waits_us && ! begins_us $n' ;;
		restart) check "dpdaction=restart: it begins" wait_for 15 begins_us "$n" ;;
		esac
		on cn ip xfrm state flush
		end_start cn
	done
	check "actions: nothing in the clear" test "$(gre_at_wan $ADDR_us)" = 0
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
