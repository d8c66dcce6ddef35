# shellcheck shell=bash
# Nodes for tests in name spaces of this host, to be sourced by a bash script that runs as root: machines of which each is a set of
# namespaces (net, mount, pid, uts) with its own /run, a copy of /etc that it may change, and nothing else of its own. The programs
# that run in them are those of the cache (scripts/fetch-lab), which are not installed. Nothing of the host is configured, no
# service is started, and whatever runs in a node ends with it.
#
#   node_new NAME                                a node with a loopback interface; its first process is ${NODE[NAME]}
#   node_link A IFACE ADDR B IFACE ADDR          a veth pair; ADDR: address/length, several with commas between them
#   on NAME CMD...                               runs CMD in the node
#   net_of NAME CMD...                           runs CMD in the node's network only
#   node_gone NAME | nodes_down                  ends it | all of them
#   node_pids NAME                               the processes in it, as this host numbers them, without the first
#   soon SECONDS CMD...                          repeats CMD every 0.05 s until it succeeds; fails after SECONDS
#
#   $NODE_TMP       a directory that all nodes and the script see, and that goes with the script
#   $CACHE_ROOT     the unpacked packages, $CACHE_ENV: an array to put before a command from them

declare -A NODE NODE_OUTER
CACHE_ROOT=${GRETEL_CACHE:-/var/cache/gretel-lab}/root
CACHE_LIBS=$CACHE_ROOT/usr/lib/x86_64-linux-gnu
CACHE_ENV=(env "LD_LIBRARY_PATH=$CACHE_LIBS:$CACHE_LIBS/frr")
# What this host has is not in the cache.
tool() {
	local d
	for d in usr/bin usr/sbin usr/lib/frr; do
		[ ! -x "$CACHE_ROOT/$d/$1" ] || { echo "$CACHE_ROOT/$d/$1"; return; }
	done
	command -v "$1"
}

[ "$(id -u)" = 0 ] || { echo "needs root"; exit 77; }
unshare --net true 2>/dev/null || { echo "cannot make name spaces here"; exit 77; }
[ -x "$CACHE_ROOT/usr/lib/frr/bgpd" ] && [ -x "$CACHE_ROOT/usr/sbin/bird" ] ||
	{ echo "no FRR or BIRD in $CACHE_ROOT: scripts/fetch-lab"; exit 77; }

NODE_TMP=$(mktemp -d "${TMPDIR:-/tmp}/gretel-bgp.XXXXXX")
chmod 755 "$NODE_TMP"
trap 'nodes_down; rm -rf "$NODE_TMP"' EXIT
trap 'exit 130' INT TERM

# The first process of a node: its files, then it only waits for others' children.
node_init='
	mount --make-rprivate /
	mount -t tmpfs -o mode=755 tmpfs /run
	mkdir -p /run/etc/upper /run/etc/work
	mount -t overlay -o "lowerdir=$1/etc:/etc,upperdir=/run/etc/upper,workdir=/run/etc/work" overlay /etc || exit 1
	grep -q ^frr: /etc/passwd || echo "frr:x:990:990::/nonexistent:/usr/sbin/nologin" >>/etc/passwd
	grep -q ^frr: /etc/group || echo "frr:x:990:" >>/etc/group
	grep -q ^gretel: /etc/passwd || echo "gretel:x:992:992::/nonexistent:/usr/sbin/nologin" >>/etc/passwd
	grep -q ^gretel: /etc/group || echo "gretel:x:992:" >>/etc/group
	grep -q ^frrvty: /etc/group || echo "frrvty:x:991:frr,root" >>/etc/group
	: >/etc/frr/vtysh.conf
	rm -f /etc/frr/frr.conf
	mkdir -p /run/frr /run/bird /run/gretel
	chown frr:frr /run/frr
	mount -t sysfs sysfs /sys
	ip link set lo up
	hostname "$2"
	echo ready >"$3"
	while :; do sleep 5; done'

soon() {
	local until=$((${EPOCHREALTIME/[.,]/} + $1 * 1000000))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "${EPOCHREALTIME/[.,]/}" -lt $until ] || return 1
		sleep 0.1
	done
}

node_new() {
	local ready=$NODE_TMP/$1.ready
	unshare --net --mount --uts --pid --fork --kill-child --mount-proc sh -c "$node_init" sh "$CACHE_ROOT" "$1" "$ready" \
		</dev/null >"$NODE_TMP/$1.node" 2>&1 &
	NODE_OUTER[$1]=$!
	soon 5 test -e "$ready" || { cat "$NODE_TMP/$1.node"; echo "no node $1"; exit 1; }
	rm -f "$ready"
	NODE[$1]=$(pgrep -P "${NODE_OUTER[$1]}")
	# The order of settings that new interfaces and addresses need: no duplicate address detection, forwarding.
	on "$1" sh -c 'for f in all default; do echo 0 >/proc/sys/net/ipv6/conf/$f/accept_dad; done
		echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding' 2>/dev/null
	return 0
}

on() {
	local n=$1
	shift
	nsenter -t "${NODE[$n]}" -n -m -p -u -- "$@"
}

net_of() {
	local n=$1
	shift
	nsenter -t "${NODE[$n]}" -n -- "$@"
}

node_link() {
	local a
	ip link add "$2" netns "${NODE[$1]}" type veth peer name "$5" netns "${NODE[$4]}" || return 1
	for a in ${3//,/ }; do net_of "$1" ip addr add "$a" dev "$2" $([[ $a != *:* ]] || echo nodad); done
	for a in ${6//,/ }; do net_of "$4" ip addr add "$a" dev "$5" $([[ $a != *:* ]] || echo nodad); done
	net_of "$1" ip link set "$2" up
	net_of "$4" ip link set "$5" up
}

node_pids() {
	# The first process waits in a sleep.
	pgrep --ns "${NODE[$1]}" --nslist pid -l . | awk -v first="${NODE[$1]}" '$1 != first && $2 != "sleep" { print $1 }'
}

node_gone() {
	[ -n "${NODE_OUTER[$1]:-}" ] || return 0
	kill -KILL "${NODE[$1]}" 2>/dev/null
	wait "${NODE_OUTER[$1]}" 2>/dev/null
	unset "NODE[$1]" "NODE_OUTER[$1]"
	return 0
}

nodes_down() {
	local n
	for n in "${!NODE_OUTER[@]}"; do node_gone "$n"; done
}
