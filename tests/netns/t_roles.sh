#!/bin/sh
# The roles of greteld, as root, in private network, mount and pid name spaces: what each process may, what happens when ike
# dies in each way, start and end in the background, a taken port, reloads, names. No kernel ESP is needed.
#
#     tests/netns/t_roles.sh BUILD_DIRECTORY
#
# greteld_fake is greteld with an ike role that misbehaves on request (fake_ike_role.c).
set -eu
build=${1:-.}
if [ "${T_ROLES_INSIDE:-}" = "" ]; then
	[ "$(id -u)" = 0 ] || { echo "t_roles: needs root"; exit 77; }
	exec env T_ROLES_INSIDE=1 unshare --net --mount --pid --fork --mount-proc "$0" "$(realpath "$build")"
fi

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
mount -t tmpfs none /run
mkdir /run/gretel
daemon=$build/tests/netns/greteld_fake
log=$tmp/log
failed=0

ip link set lo up
ip link add v0 type veth peer name v1
ip addr add 10.0.0.2/24 dev v0
ip link set v0 up
ip link set v1 up
echo '10.0.0.7 peer.test' > "$tmp/hosts"
mount --bind "$tmp/hosts" /etc/hosts

cat > "$tmp/ipsec.conf" <<CONF
conn net
	left=10.0.0.2
	right=10.0.0.1
	authby=secret
	keyexchange=ikev2
	type=transport
	leftprotoport=gre
	rightprotoport=gre
	auto=add
conn name
	also=net
	right=peer.test
	auto=add
conn nowhere
	also=net
	right=nowhere.invalid
	auto=add
CONF
echo ': PSK "a secret that no other role may have"' > "$tmp/ipsec.secrets"
chmod 600 "$tmp/ipsec.secrets"

check() { # text, then a command
	what=$1
	shift
	if "$@" > /dev/null 2>&1; then
		echo "ok: $what"
	else
		echo "FAILED: $what"
		failed=1
	fi
}
# Waits for a command to be true, at most 5 s.
soon() {
	for _ in $(seq 100); do
		"$@" > /dev/null 2>&1 && return 0
		sleep 0.05
	done
	return 1
}
ask() { python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.settimeout(8)
s.connect("/run/gretel/control")
s.send(sys.argv[1].encode())
print(s.recv(2000).decode(), end="")' "$1" 2> /dev/null || true; }
role() { pgrep -f "^greteld: $1" | head -1; }
is() { [ "$(eval "$1")" = "$2" ]; }
status() { sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status"; }
said() { grep -q -- "$1" "$log"; }
answers() { ask state | grep -q "sockets"; }

# --- the foreground ---
"$daemon" -n -c "$tmp/ipsec.conf" > /dev/null 2>> "$log" &
pid=$!
check "it starts" soon said "is running"
check "ike answers on the control socket" soon answers
ike=$(role ike)
hook=$(role hook)
check "pid file" is "cat /run/gretel/greteld.pid" "$pid"
check "the control socket is 0660" is "stat -c %a /run/gretel/control" 660
check "three tunnels, generation 1, sockets" sh -c "[ -n '$(ask state | grep 'confs 1 generation 1 tunnels 3 held 0')' ]"

# --- what each may ---
check "ike is not root" [ "$(status "$ike" Uid | cut -f1)" != 0 ]
check "ike has no capabilities" is "status $ike CapEff; status $ike CapPrm; status $ike CapBnd; status $ike CapInh" \
	"$(printf '%s\n' 0000000000000000 0000000000000000 0000000000000000 0000000000000000)"
check "ike has no groups" is "status $ike Groups" ""
check "ike cannot gain privileges" is "status $ike NoNewPrivs" 1
sanitized=$(nm "$daemon" 2> /dev/null | grep -c __asan_init || true)
if [ "$sanitized" = 0 ]; then # sanitizers need more system calls, and take SIGSEGV for themselves
	check "ike's system calls are filtered" is "status $ike Seccomp" 2
fi
check "ike has no file open but the log" sh -c "! ls -l /proc/$ike/fd | grep -v '$log' | grep -q '$tmp\|/etc/'"
check "priv has its capabilities and no others" is "status $pid CapEff" 00000000000035e4
check "priv's bounding set is as small" is "status $pid CapBnd" 00000000000035e4
check "priv cannot gain privileges" is "status $pid NoNewPrivs" 1
check "hook is root, whole, and may gain" is "status $hook Uid | cut -f1; status $hook NoNewPrivs" "$(printf '0\n0')"
rights() { for k in Uid Gid CapEff CapPrm CapBnd NoNewPrivs; do status "$1" $k; done; }
hook_rights=$(rights "$hook")
spawner=$(role spawner)
check "the spawner is there" [ -n "$spawner" ]
check "the spawner holds nothing but its channel and the program" is \
	"ls -l /proc/$spawner/fd | sed -n 's/.* -> //p' | grep -v '^/dev\|socket:\|greteld_fake$' | grep -v '$log'" ""
check "nobody leaves core files" is "for p in $pid $ike $hook $spawner; do sed -n 's/^Max core file size *//p' /proc/\$p/limits |
	cut -d' ' -f1; done | sort -u" 0
cat > "$tmp/scan" <<'PY'
import sys
pid = sys.argv[1]
with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as mem:
    for line in maps:
        lo, hi = (int(x, 16) for x in line.split()[0].split("-"))
        if "r" not in line.split()[1] or "[v" in line or hi - lo > 1 << 30:
            continue
        try:
            mem.seek(lo)
            if b"a secret that no other role" in mem.read(hi - lo):
                sys.exit(0)
        except OSError:
            pass
sys.exit(1)
PY
check "the PSK is in priv" python3 "$tmp/scan" "$pid"
check "the PSK is not in ike" sh -c "! python3 '$tmp/scan' $ike"
check "the PSK is not in hook" sh -c "! python3 '$tmp/scan' $hook"
check "nor in the spawner" sh -c "! python3 '$tmp/scan' $spawner"

# --- names, held, reload ---
check "a name is resolved" is "ask 'path name'" "path 10.0.0.2 10.0.0.7"
check "an address needs no look-up" is "ask 'path net'" "path 10.0.0.2 10.0.0.1"
check "a name that is none is said so" sh -c "[ -n '$(ask 'path nowhere' | grep 'PATH -113 the name nowhere.invalid')' ]"
check "no look-up is left over" sh -c '! pgrep -f "^greteld: names"'
check "hold" is "ask 'hold name'" "HELD_SET 0 "
kill -HUP "$pid"
check "SIGHUP loads again" soon said "generation 2"
check "generation 2, one held" is "ask state | sed 's/.*generation/generation/'" "generation 2 tunnels 3 held 1"
sed -i 's/authby=secret/authby=pubkey/' "$tmp/ipsec.conf"
check "a reload on request" is "ask reload | cut -c1-8" "RELOAD 0"
check "conns that became bad keep their running version" is "ask state | sed 's/.*tunnels/tunnels/'" "tunnels 3 held 1"
check "and are named" said "net: warning: goes on as it was before"
sed -i 's/authby=pubkey/authby=secret/' "$tmp/ipsec.conf"

# --- ike dies ---
sockets() { grep -c ":01F4\|:1194" /proc/net/udp; }
dies() { # word, what the log says
	was=$(role ike)
	: > "$log"
	ask "$1" > /dev/null
	check "$1: $2" soon said "$2"
	check "$1: ike is there again" soon sh -c "p=\$(pgrep -f '^greteld: ike'); [ -n \"\$p\" ] && [ \"\$p\" != $was ]"
	check "$1: it answers" soon answers
}
want=$([ -z "$(role esp)" ] && echo 2 || echo 3)
check "two UDP sockets, and one more where there is a data plane in user space" is sockets "$want"
dies segv "ike was killed by signal 11\|ike ended with status"
check "the sockets stayed" is sockets "$want"
check "what is held is still held" is "ask state | sed 's/.*held/held/'" "held 1"
if [ "$sanitized" = 0 ]; then
	dies socket "ike made the system call 41 (socket), which it must not\|system call .* (socket)"
	check "socket: by SIGSYS" said "killed by signal 31"
	dies exec "ike was killed by signal 31"
fi
dies garbage "its messages are not ours"
: > "$log"
ask malformed > /dev/null
check "a malformed message is refused by its field" soon said "HELD_SET: malformed field"
check "and ike lives" soon answers
dies exit "ike ended with status 7"
: > "$log"
for _ in 1 2 3 4; do
	said "started again in 10 s" || { kill -9 "$(role ike)" || true; soon answers; }
done 2> /dev/null
check "after five crashes in a minute it waits" soon said "started again in 10 s"
check "priv answers meanwhile" kill -0 "$pid"
: > "$log"
kill -9 "$(role hook)"
check "hook is started again" soon sh -c "p=\$(pgrep -f '^greteld: hook'); [ -n \"\$p\" ] && [ \"\$p\" != $hook ]"
check "hook: said" soon said "hook was killed by signal 9"
again=$(role hook)
check "hook has the rights that the first one had" is "rights $again" "$hook_rights"
check "which are all that there are" is "status $again CapEff" "$(status $$ CapEff)"
check "it is priv's own child" is "status $again PPid" "$pid"
kill -9 "$again"
check "and once more" soon sh -c "p=\$(pgrep -f '^greteld: hook'); [ -n \"\$p\" ] && [ \"\$p\" != $again ]"
again=$(role hook)
check "with the same rights" is "rights $again" "$hook_rights"
kill -9 "$(role spawner)"
check "the spawner's end is said" soon said "the spawner has ended"
check "hook runs on" kill -0 "$again"
kill -9 "$again"
check "without it, hook is started with priv's rights, and this is said" soon said "scripts have priv's capabilities only"
check "it is there" soon sh -c "p=\$(pgrep -f '^greteld: hook'); [ -n \"\$p\" ] && [ \"\$p\" != $again ]"
check "with priv's rights" is "status \$(role hook) CapEff" 00000000000035e4

# --- another one, a taken port ---
check "a second greteld is refused" sh -c "! '$daemon' -n -c '$tmp/ipsec.conf' 2> '$tmp/second'"
check "it names the first" grep -q "runs already (pid $pid)" "$tmp/second"
unshare --mount sh -c "mount -t tmpfs none /run; '$daemon' -n -c '$tmp/ipsec.conf'" 2> "$tmp/third" && rc=0 || rc=$?
check "a taken port ends it with 1" [ "$rc" = 1 ]
check "the holder of the port is named" grep -q "UDP port 500 is taken by greteld.*(pid $pid)" "$tmp/third"

# --- the end ---
kill -TERM "$pid"
wait "$pid" && rc=0 || rc=$?
check "SIGTERM ends it with 0" [ "$rc" = 0 ]
check "nothing is left" sh -c '! pgrep -f "^greteld: "'
check "the pid file and the control socket are gone" sh -c '[ ! -e /run/gretel/greteld.pid ] && [ ! -e /run/gretel/control ]'

# --- the background ---
check "in the background the starter returns when it is up" "$daemon" -c "$tmp/ipsec.conf"
pid=$(cat /run/gretel/greteld.pid)
check "and the daemon answers" answers
check "it keeps no terminal of the starter" is "readlink /proc/$pid/fd/0 /proc/$pid/fd/1 /proc/$pid/fd/2 | sort -u" /dev/null
ike=$(role ike)
kill -9 "$pid"
check "priv killed: ike goes too" soon sh -c "! kill -0 $ike"
check "and hook" soon sh -c '! pgrep -f "^greteld: "'
check "started again over what is left" "$daemon" -c "$tmp/ipsec.conf"
kill -TERM "$(cat /run/gretel/greteld.pid)"
soon sh -c '! pgrep -f "^greteld: "'
echo 'conn broken' > "$tmp/none.conf"
check "a file that is not there: 1, and why" sh -c "! '$daemon' -c '$tmp/nosuch.conf' 2> '$tmp/fourth'"
check "why" grep -q "nosuch.conf\|no configuration file" "$tmp/fourth"

[ "$failed" = 0 ] && echo "t_roles: all ok"
exit "$failed"
