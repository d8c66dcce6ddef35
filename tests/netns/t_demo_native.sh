#!/bin/bash
# What scripts/demo shows: all that must hold does, in time; the host is afterwards as it was before, also when the demo is interrupted.
#
#     tests/netns/t_demo_native.sh      takes gretel from $GRETEL_STAGE (scripts/dev-stage)
set -u
demo=$(dirname "$(readlink -f "$0")")/demo.sh
[ "$(id -u)" = 0 ] || { echo "needs root"; exit 77; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
failed=0
check() {
	local what=$1
	shift
	if "$@" >"$tmp/out" 2>&1; then
		echo "ok      $what"
	else
		failed=1
		echo "NOT OK  $what: $(tail -n 5 "$tmp/out")"
	fi
}

# Interfaces, mounts, rules, and the names at the places where something could have been left. Named network name spaces are
# other tests'.
host() {
	ip -o link | cut -d: -f2
	cut -d' ' -f2- /proc/self/mounts | grep -v /netns
	ip xfrm policy
	ls / /run /etc /etc/gretel /lab 2>&1
}
same_host() { host | diff "$tmp/before" -; }
somebody_in() { find /proc -maxdepth 3 -path '/proc/[0-9]*/ns/pid' -lname "pid:?$1?" 2>/dev/null | grep .; }
nobody_in() { ! somebody_in "$1"; }
soon() { for _ in {1..50}; do "$@" >/dev/null 2>&1 && return; sleep 0.1; done; "$@"; }
host >"$tmp/before"

start=$SECONDS
timeout 100 "$demo" >"$tmp/demo"
status=$?
took=$((SECONDS - start))
[ $status -ne 77 ] || { tail -n 1 "$tmp/demo"; exit 77; }
grep -E '^(ok|NOT OK) ' "$tmp/demo"
grep -q '^NOT OK' "$tmp/demo" && failed=1
check "the demo ends well" test $status = 0
check "from nothing to the tables in less than 30 s: $(grep -o '[0-9]* ms since' "$tmp/demo")" \
	test "$(sed -n 's/^(\([0-9]*\) ms since.*/\1/p' "$tmp/demo")" -lt 30000
check "all of it in less than 60 s ($took)" test $took -lt 60
check "nothing of it is left" soon same_host

# ^C goes to the whole group.
env --default-signal setsid "$demo" >"$tmp/demo" 2>&1 &
pid=$!
soon grep -q 'gretel at all three' "$tmp/demo"
sleep 1
inner=$(readlink "/proc/$pid/ns/pid_for_children" | tr -dc 0-9)
check "it runs in a pid name space of its own" test -n "$inner" -a "$inner" != "$(readlink /proc/self/ns/pid | tr -dc 0-9)"
check "with processes in it" somebody_in "$inner"
kill -INT -- -$pid
wait $pid
check "interrupted, it ends as such" test $? = 130
check "and so does everything that it has started" soon nobody_in "$inner"
check "and nothing is left" soon same_host
exit $failed
