#!/bin/sh
# auto=route with the data plane in user space, as root: two hosts in name spaces of this one. The first packet at the interface starts the
# tunnel; when the peer ends it, or is silent, it waits for the next packet; nothing ever leaves in the clear. And what a death of priv
# loses with this data plane.
#
#     tests/netns/t_trap.sh BUILD_DIRECTORY
#
# KEEP=DIRECTORY keeps the logs.
set -eu
build=${1:-.}
if [ "${T_TRAP_INSIDE:-}" = "" ]; then
	[ "$(id -u)" = 0 ] || { echo "t_trap: needs root"; exit 77; }
	[ -c /dev/net/tun ] || { echo "t_trap: needs /dev/net/tun"; exit 77; }
	exec env T_TRAP_INSIDE=1 unshare --net --mount --pid --fork --mount-proc "$0" "$(realpath "$build")"
fi

. "$(dirname "$0")/hosts.sh"

host us
host cn
trap 'kill "$us" "$cn" 2> /dev/null; [ -n "${KEEP:-}" ] || rm -rf "$tmp"' EXIT
sleep 0.3
ip link add v0 netns "$us" type veth peer name v0 netns "$cn"
wire() { # NAME ADDRESS
	on "$1" ip link set lo up
	on "$1" ip addr add "$2/24" dev v0
	on "$1" ip link set v0 up
}
wire us 192.0.2.1
wire cn 192.0.2.2

conf() { # NAME PEER INNER AUTO
	mkdir -p "$tmp/$1"
	cat > "$tmp/$1/gretel.conf" <<CONF
daemon = { dataplane = "user"; };
tunnels = { t = {
	remote = "$2"; psk = "a secret of many letters and some digits 12345"; auto = "$4";
	dpd = { delay = "4s"; action = "${action:-clear}"; }; close_action = "${action:-clear}";
	gre = { name = "gre1"; address = ["$3/30"]; };
}; };
CONF
	chmod 600 "$tmp/$1/gretel.conf"
}
pings() { ping_from us 10.0.0.2 "$@"; }
up() { say "$1" status t | grep -q INSTALLED; }
waits() { say us status t | grep -q "it waits for a packet"; }
ikes() { grep -c "initiating IKE_SA" "$tmp/us.log" || :; }
initiated() { [ "$(ikes)" = "$1" ]; }

conf us 192.0.2.2 10.0.0.1 route
conf cn 192.0.2.1 10.0.0.2 add
begin us
begin cn
check "the daemons are up" soon 10 grep -q "is running" "$tmp/us.log"
check "the tunnel waits for a packet, and says so" soon 5 waits
check "its interface is there" soon 5 on us ip link show up gre1
sleep 1
check "nothing was begun" initiated 0
pings 1 || :
check "a packet starts it" soon 5 up us
check "pings pass" soon 3 pings 20
check "by one set-up" initiated 1
say cn down t > /dev/null
check "the peer takes it down: it waits again" soon 3 waits
check "its interface stays" on us ip link show up gre1
say cn up t > /dev/null 2>&1 &
check "the peer brings it up" soon 10 pings 3
wait $! || :

# The peer is silent.
on us ip link set v0 down
on us ip link set v0 up
kill -KILL "$(of cn)"
soon 5 not up us || :
check "the peer is silent: it waits again" soon 15 waits
begins=$(ikes)
sleep 2
check "and begins nothing by itself" initiated "$begins"
pings 1 || :
check "a packet begins, and it is tried on" soon 5 eval '! initiated $begins'
begin cn
check "the peer is there again: it comes up by itself" soon 40 up us
check "pings pass, again" soon 5 pings 20

# down holds it, packets or not.
say us down t > /dev/null
begins=$(ikes)
pings 3 || :
sleep 1
check "held down, no packet begins it" initiated "$begins"
say us up t > /dev/null
check "up lets it come" soon 5 pings 3

# hold, of a tunnel that nobody keeps up: after its end it waits for a packet.
kill "$(of us)"
soon 10 not pgrep -f "$tmp/us/gretel.conf" || :
action=hold conf us 192.0.2.2 10.0.0.1 add
begin us
check "auto = add: nothing waits" soon 10 grep -q "is running" "$tmp/us.log"
sleep 1
say cn up t > /dev/null 2>&1 || :
check "the peer brings it up" soon 10 up us
say cn down t > /dev/null
check "and closes it: close_action = hold waits for a packet" soon 5 waits
say cn up t > /dev/null 2>&1 || : # held no longer

# The death of priv: the keys and the interface are gone with it; a new life makes both again.
kill "$(of us)"
sleep 1
conf us 192.0.2.2 10.0.0.1 start
conf cn 192.0.2.1 10.0.0.2 add
kill -HUP "$(of cn)"
begin us
check "before the death of priv: pings pass" soon 10 pings 3
kill -KILL "$(of us)"
check "with priv all roles end" soon 5 not on us ip link show gre1
begin us
check "a new life has the tunnel again at once" soon 5 pings 20
kill "$(of us)" "$(of cn)"
sleep 1
if grep -hE 'runtime error|Sanitizer|was killed by signal' "$tmp"/*.log; then
	check "nothing that a sanitizer says" false
fi
exit $failed
