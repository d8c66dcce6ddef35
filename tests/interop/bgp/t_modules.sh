#!/bin/bash
# Routing modules in a running greteld: frr and bird drive a real FRR and BIRD while a tunnel goes up and down; a shared object of an
# administrator's is loaded by its name, one that does not fit is refused in a sentence; a module that crashes or hangs is started
# again. No kernel ESP is needed: an ike role that does what it is told (tests/netns/fake_ike_role.c) says how the tunnel is.
#
# tests/interop/bgp/t_modules.sh [BUILD_DIRECTORY] [PART...]     PART: frr bird bgp object life
set -u
here=$(dirname "$(readlink -f "$0")")
. "$here/lab.sh"
build=${1:-${GRETEL_BUILD:-$LAB_TOP/build/release}}
[ $# -eq 0 ] || shift
[ -x "$build/tests/netns/greteld_fake" ] || { echo "no greteld_fake in $build"; exit 77; }
part() { [ -z "$parts" ] || [[ " $parts " == *" $1 "* ]]; }
parts=$*

# greteld looks for greteld-route beside itself.
mkdir -p "$NODE_TMP/bin"
cp "$build/tests/netns/greteld_fake" "$build/src/daemon/greteld-route" "$NODE_TMP/bin"
node_new g
node_new p
node_link g t0 10.0.0.2/30 p t0 10.0.0.1/30
index=$(net_of g cat /sys/class/net/t0/ifindex 2>/dev/null || net_of g ip -o link show t0 | cut -d: -f1)

word() { on g python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.settimeout(8)
s.connect("/run/gretel/control")
s.send(sys.argv[1].encode())
while True:
    b = s.recv(65536)
    if not b:
        break
    sys.stdout.write(b.decode())' "$1"; }
tunnel() { word "tunnel office $1 t0 $index 10.0.0.2 10.0.0.1" >/dev/null; }
answers() { [ -n "$(word 'ask summary' 2>/dev/null | grep -v 'no route')" ]; }
start() { # start CONF-TEXT
	rm -f "$NODE_TMP/gretel.conf"
	echo "$1" >"$NODE_TMP/gretel.conf"
	chmod 600 "$NODE_TMP/gretel.conf"
	on g "$NODE_TMP/bin/greteld_fake" -n -d 2 -c "$NODE_TMP/gretel.conf" >>"$NODE_TMP/log" 2>&1 </dev/null &
	disown
	${2:-soon 8 answers}
}
stop() {
	local pid
	pid=$(pgrep --ns "${NODE[g]}" --nslist pid -f '^[^ ]*greteld_fake -n')
	[ -z "$pid" ] || kill "$pid"
	soon 5 gone
}
gone() { ! pgrep --ns "${NODE[g]}" --nslist pid -f '^(greteld:|[^ ]*greteld_fake)' >/dev/null; }
role() { pgrep --ns "${NODE[g]}" --nslist pid -f '^greteld: route ' -n; }
said() { grep -q -- "$1" "$NODE_TMP/log"; }
fails() { ! "$@"; }
is() { [ "$("${@:2}")" = "$1" ]; }
calls() { wc -l <"$NODE_TMP/calls"; }
ms() { # ms NAME LIMIT CMD...: CMD succeeds within LIMIT milliseconds; says when
	local name=$1 limit=$2 from took
	shift 2
	from=$(date +%s%N)
	until "$@" >/dev/null 2>&1; do
		took=$((($(date +%s%N) - from) / 1000000))
		[ $took -lt "$limit" ] || { not_ok "$name" "not within $limit ms"; return 1; }
		sleep 0.01
	done
	ok "$name: $((($(date +%s%N) - from) / 1000000)) ms"
}
# The tools, as an administrator has them in PATH, which says what they were called with.
for t in vtysh birdc; do
	bin=$(tool $t)
	where='--vty_socket /run/frr'
	[ $t = vtysh ] || where='-s /run/bird/ctl'
	cat >"$NODE_TMP/$t" <<-END
		#!/bin/sh
		echo "\$*" >>$NODE_TMP/calls
		exec env LD_LIBRARY_PATH=$CACHE_LIBS:$CACHE_LIBS/frr $bin $where "\$@"
	END
	chmod 755 "$NODE_TMP/$t"
done
tunnels='tunnels = { office = { local = "10.0.0.2"; remote = "10.0.0.1"; guard = "off"; auto = "add"; }; };
secrets = ( { psk = "something that nobody else may know, ever"; } );'

cat >"$NODE_TMP/p.conf" <<'END'
router bgp 65000
 bgp router-id 10.0.0.1
 neighbor 10.0.0.2 remote-as 65000
 neighbor 10.0.0.2 timers connect 1
END
sed 's/10\.0\.0\.2/X/g; s/10\.0\.0\.1/10.0.0.2/g; s/X/10.0.0.1/g' "$NODE_TMP/p.conf" >"$NODE_TMP/g.frr"
cat >"$NODE_TMP/g.bird" <<'END'
log "/dev/stderr" all;
router id 10.0.0.2;
protocol device {}
protocol bgp elsewhere { local 10.0.0.2 as 65000; neighbor 10.0.9.9 as 65000; multihop; ipv4; }
protocol bgp office { local 10.0.0.2 as 65000; neighbor 10.0.0.1 as 65000; direct; connect delay time 1; connect retry time 2;
	error wait time 1, 2; ipv4; }
END

# ---- frr, bird: the same for both
up() { [ "$(session g "$1" 10.0.0.1)" = Established ]; }
shut() { if [ "$1" = frr ]; then vty g 'show bgp neighbors 10.0.0.1 json' | grep -q adminShutDown; else bird_cmd g show protocols office | grep -q ' down '; fi; }
disable() { if [ "$1" = frr ]; then vty g 'configure terminal' 'router bgp' 'neighbor 10.0.0.1 shutdown'; else bird_cmd g disable office; fi >/dev/null; }
enable() { if [ "$1" = frr ]; then vty g 'configure terminal' 'router bgp' 'no neighbor 10.0.0.1 shutdown'; else bird_cmd g enable office; fi >/dev/null; }
drives() { # drives KIND TOOL
	local k=$1 n r
	: >"$NODE_TMP/calls"
	lab_speaker g "$k" g "$NODE_TMP/g.$k" || { not_ok "$k" "does not start"; return; }
	check "$k: its session is up" soon 20 up "$k"
	check "$k: the module starts" start "$tunnels
routing = { module = \"$k\"; command = \"$NODE_TMP/$2\"; };"
	tunnel up
	sleep 0.5
	check "$k: a tunnel that is up: the daemon is asked, and told nothing" is 1 calls
	n=$(calls)
	tunnel up
	sleep 0.3
	check "$k: up again is no news: not even asked" is "$n" calls
	check "$k: the session is untouched" up "$k"
	tunnel down
	ms "$k: the tunnel is down: the neighbour is shut down" 1000 shut "$k"
	check "$k: the session is gone" fails up "$k"
	tunnel up
	ms "$k: it is up: the session is back" 4000 up "$k"
	# Its death while the tunnel is down: the next life must know whose the shutdown is.
	tunnel down
	soon 2 shut "$k"
	r=$(role)
	kill -9 "$r"
	check "$k: the module is started again" soon 5 answers
	tunnel down
	sleep 0.3
	tunnel up
	check "$k: what an earlier life has shut down is enabled" soon 4 up "$k"
	# An administrator's own wish.
	disable "$k"
	tunnel down
	sleep 0.4
	tunnel up
	sleep 0.6
	check "$k: what somebody else has shut down stays so" shut "$k"
	enable "$k"
	soon 10 up "$k"
	tunnel down
	soon 2 shut "$k"
	check "$k: greteld stops" stop
	check "$k: and has undone what it did" fails shut "$k"
	check "$k: the session is back" soon 10 up "$k"
	# Nothing answers: the tunnel does not care, and it is tried again.
	lab_kill g bgpd zebra bird
	check "$k: the daemon is dead: the module runs" start "$tunnels
routing = { module = \"$k\"; command = \"$NODE_TMP/$2\"; };"
	tunnel down
	check "$k: and says what is wrong" soon 3 said "$k could not be asked"
	check "$k: it ends all the same" stop
	lab_stop g
}
# The other end, for all.
lab_speaker p frr p "$NODE_TMP/p.conf" || exit 1
part frr && drives frr vtysh
part bird && drives bird birdc

# ---- bgp: a session and its tunnel are one
speaker() {
	lab_stop p
	net_of p ip link add lan type veth peer name lan0
	net_of p ip addr add 192.168.1.1/24 dev lan
	net_of p ip link set lan0 up
	net_of p ip link set lan up
	sed 's/timers connect 1/&\n address-family ipv4 unicast\n  network 192.168.1.0\/24/' "$NODE_TMP/p.conf" >"$NODE_TMP/p-net.conf"
	lab_speaker p frr p "$NODE_TMP/p-net.conf" || return
	check "bgp: greteld starts" start "$tunnels
routing = { as = 65000; router_id = \"10.0.0.2\"; neighbors = ( { address = \"10.0.0.1\"; tunnel = \"office\"; } ); };"
	sleep 1.5
	check "bgp: no session without its tunnel" fails has_lan
	tunnel up
	ms "bgp: the tunnel is up: the session and its routes are there" 3000 has_lan
	tunnel down
	ms "bgp: the tunnel is down: the routes have left the kernel" 500 fails has_lan
	check "bgp: and the peer was told" soon 1 fails is Established session p frr 10.0.0.2
	tunnel up
	ms "bgp: up again: they are back" 2000 has_lan
	stop
	check "bgp: nothing is left" fails has_lan
}
has_lan() { net_of g ip route show 192.168.1.0/24 | grep -q 'via 10.0.0.1 dev t0'; }
part bgp && speaker

# ---- a shared object
compile() { # compile NAME OPTION...: $libdir/gretel/NAME.so of the node
	${CC:-cc} -std=gnu11 -Wall -Wextra -Werror -shared -fPIC -O1 -I"$NODE_TMP/include" -o "$NODE_TMP/$1.so" "$here/module.c" "${@:2}" &&
		on g cp "$NODE_TMP/$1.so" /usr/lib/gretel/
}
routing() { printf '%s\nrouting = { module = "%s"; grace = "%s"; %s };\n' "$tunnels" "$1" "${2:-1m}" "${3:-}"; }
has_77() { net_of g ip route show 10.77.0.0/16 | grep -q 'via 10.0.0.1 dev t0 .*metric 20'; }
lacks_77() { [ -z "$(net_of g ip route show 10.77.0.0/16)" ]; }
refused() { # refused WHAT NAME SENTENCE
	: >"$NODE_TMP/log"
	start "$(routing "$2")" true
	check "$1: refused in a sentence" soon 5 said "the routing module $2 cannot be used: $3"
	check "$1: tunnels are served all the same" soon 5 is '?' word nothing
	stop
}
objects() {
	mkdir -p "$NODE_TMP/include/gretel"
	cp "$LAB_TOP/src/route/route_module.h" "$NODE_TMP/include/gretel"
	on g sh -c 'mkdir -p /run/lib/upper /run/lib/work &&
		mount -t overlay -o lowerdir=/usr/lib,upperdir=/run/lib/upper,workdir=/run/lib/work overlay /usr/lib && mkdir -p /usr/lib/gretel'
	check "object: it needs the installed header only" compile example
	check "object: greteld takes it by its name" start "$(routing example)"
	tunnel up
	ms "object: its route is in the kernel" 500 has_77
	check "object: it is asked" is '{"example":true}' word 'ask summary'
	tunnel down
	ms "object: the tunnel is down: it is gone" 500 lacks_77
	tunnel up
	soon 2 has_77
	stop
	check "object: and gone when greteld ends" lacks_77
	compile newer -DMODULE_NAME='"newer"' -DMODULE_MAJOR=GRETEL_ROUTE_MAJOR+1
	refused "object of another ABI" newer "it was made for another version"
	compile small -DMODULE_NAME='"small"' -DMODULE_SIZE=40
	refused "object with a small structure" small "its structure is smaller"
	compile other
	refused "object with another name" other "it has another name"
	refused "object that is not there" nothere ".*cannot open shared object"
}

# ---- what goes wrong in it
another() { local r; r=$(role) && [ -n "$r" ] && [ "$r" != "$1" ] && answers; }
wrong() { # wrong MODE SECONDS WORDS-OF-THE-LOG
	local r
	: >"$NODE_TMP/log"
	start "$(routing example 3s "options = { mode = \"$1\"; };")" || { not_ok "$1" "no start"; return; }
	tunnel up
	soon 2 has_77
	r=$(role)
	tunnel down
	check "$1: the module is started again within $2 s" soon "$2" another "$r"
	check "$1: and the log says why: $3" soon 2 said "$3"
	check "$1: ike did not notice" is '?' word nothing
	tunnel up
	check "$1: and works" soon 3 has_77
	stop
}
part object && objects
part life && {
	part object || objects
	wrong crash 8 "route was killed by signal 11"
	wrong sleep 8 "route made the system call .*nanosleep"
	wrong open 8 "route made the system call .*openat"
	wrong hang 60 "route was killed by signal 27"
}

[ $lab_failed -eq 0 ] || { echo "--- log"; tail -n 40 "$NODE_TMP/log"; }
lab_summary
