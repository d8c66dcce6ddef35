# shellcheck shell=bash
# gretel as one of the ends, to be sourced after lab.sh. It is taken from $GRETEL_STAGE, a tree that `make install
# DESTDIR=` has filled (scripts/dev-stage).
#
#   gretel_install              (before lab_up) lays the staged tree over the guest's files, and makes the user and the
#                               group gretel; fails when there is no greteld in it
#   gretel_start HOST [OPTION...]   greteld -n OPTION... (default: -d 2), with a log that begins anew; returns when it is up;
#                               GRETEL_UNDER: a program that runs it
#   gretel_stop HOST            asks it to end, and waits for that
#   gretel_kill9 HOST [ROLE...] kills these roles as a crash would (priv ike hook); none named: all of them
#   gretel_pid HOST ROLE        the process's number in HOST
#   gretel_log HOST             prints the path of the log
#   gretel HOST ARGS...         the command gretel in HOST
#   gretel_up HOST [NAME]       succeeds when the tunnel NAME (tunnel) is up, as `gretel status` sees it

gretel_install() {
	[ -x "${GRETEL_STAGE:-}/usr/sbin/greteld" ] ||
		{ echo "lab: no greteld in GRETEL_STAGE=${GRETEL_STAGE:-}: scripts/dev-stage" >&2; return 1; }
	[ -n "${LAB_ON_HOST:-}" ] || cp -a "$GRETEL_STAGE"/. / || return
	grep -q '^gretel:' /etc/group || echo 'gretel:x:980:' >>/etc/group
	grep -q '^gretel:' /etc/passwd || echo 'gretel:x:980:980::/nonexistent:/usr/sbin/nologin' >>/etc/passwd
	# On a host gretel lies in place already, and there is nothing to warm.
	if [ -n "${LAB_ON_HOST:-}" ]; then : >/run/lab-warm; else _gretel_warm >/dev/null 2>&1 & fi
}

# The kernel's first SA takes ten seconds under emulation: modules, and a random generator that measures jitter. Not part
# of what is tested, so it is done while the lab is being built; gretel_start waits for it.
_gretel_warm() {
	local key=00000000000000000000000000000000
	modprobe -a xfrm_user esp4 esp6 ip_gre ip6_gre
	ip xfrm state add src 192.0.2.1 dst 192.0.2.2 proto esp spi 0x100 mode transport \
		auth-trunc 'hmac(sha256)' 0x$key$key 128 enc 'cbc(aes)' 0x$key
	ip xfrm state del src 192.0.2.1 dst 192.0.2.2 proto esp spi 0x100
	: >/run/lab-warm
}

gretel_log() { echo "/lab/$1/greteld.log"; }

gretel_start() {
	local host=$1
	shift
	[ $# -gt 0 ] || set -- -d 2
	rm -f "$(gretel_log "$host")"
	wait_for 60 test -e /run/lab-warm
	on "$host" sh -c 'log=$1; shift; setsid ${GRETEL_UNDER:-} greteld -n "$@" >"$log" 2>&1 </dev/null &' sh "$(gretel_log "$host")" "$@"
	wait_for 20 grep -q ' is running' "$(gretel_log "$host")" ||
		{ echo "lab: greteld at $host did not start:" >&2; tail -n 20 "$(gretel_log "$host")" >&2; return 1; }
}

gretel_pid() {
	case $2 in
	priv) on "$1" cat /run/gretel/greteld.pid ;;
	*) on "$1" pgrep -o -f "^greteld: $2 " ;;
	esac
}

_gretel_gone() { ! on "$1" pgrep '^greteld' >/dev/null; }

gretel_stop() {
	on "$1" sh -c 'kill -TERM $(cat /run/gretel/greteld.pid)' && wait_for 10 _gretel_gone "$1"
}

gretel_kill9() {
	local host=$1 role pids
	shift
	if [ $# -eq 0 ]; then
		# In one call, so that priv does not live to start another.
		on "$host" pkill -KILL '^greteld'
		wait_for 5 _gretel_gone "$host"
		return
	fi
	for role; do pids="${pids:-} $(gretel_pid "$host" "$role")" || return; done
	# shellcheck disable=SC2086
	on "$host" kill -KILL $pids
}

gretel() {
	local host=$1
	shift
	on "$host" gretel "$@"
}

gretel_up() { gretel "$1" status "${2:-tunnel}" | grep -q ESTABLISHED; }
