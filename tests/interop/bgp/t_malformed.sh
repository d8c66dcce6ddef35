#!/bin/bash
# Malformed messages on iBGP sessions with a route reflector, and what comes of each: malformed.c, malformed_cases.h.
#
# tests/interop/bgp/t_malformed.sh [BUILD_DIRECTORY] [CASE...]       SUBJECT=gretel (the default, strict), frr or bird
#
# Where FRR and BIRD are known to differ is in malformed.known.frr and malformed.known.bird.
set -u
here=$(dirname "$(readlink -f "$0")")
[ ! -d "${1:-}" ] || { GRETEL_BUILD=$1; shift; }
. "$here/lab.sh"
subject=${SUBJECT:-gretel}
[ "$subject" != gretel ] || greteld_path >/dev/null || { echo "no greteld with a BGP speaker in GRETEL_STAGE or GRETEL_BUILD"; exit 77; }

gcc -std=gnu11 -D_GNU_SOURCE -O1 -g -Wall -o "$NODE_TMP/malformed" "$here/malformed.c" || exit 2
n=$("$NODE_TMP/malformed" -l | wc -l)
node_new s
node_new t
own=10.1.0.2/24,10.1.0.3/24,fd00:1::2/64
for ((i = 0; i < n; i++)); do own=$own,10.1.0.$((10 + i))/24; done
node_link s t0 10.1.0.1/24,fd00:1::1/64 t s0 "$own"

if [ "$subject" = bird ]; then
	{
		echo 'router id 10.1.0.1; protocol device {}'
		echo 'template bgp spoke { local 10.1.0.1 as 65000; passive on; rr client; rr cluster id 10.1.0.1; direct; error wait time 1, 1;'
		echo '	enable extended messages off; ipv4 { import all; export all; }; ipv6 { import all; export all; }; }'
		for a in 3 $(seq 10 $((9 + n))); do echo "protocol bgp p$a from spoke { neighbor 10.1.0.$a as 65000; }"; done
	} >"$NODE_TMP/conf"
else
	{
		echo 'router bgp 65000'
		echo ' bgp router-id 10.1.0.1'
		echo ' neighbor spoke peer-group'
		echo ' neighbor spoke remote-as 65000'
		echo ' neighbor spoke passive'
		for a in 3 $(seq 10 $((9 + n))); do echo " neighbor 10.1.0.$a peer-group spoke"; done
		for f in ipv4 ipv6; do
			echo " address-family $f unicast"
			echo '  neighbor spoke activate'
			echo '  neighbor spoke route-reflector-client'
			echo ' exit-address-family'
		done
	} >"$NODE_TMP/conf"
fi
lab_speaker s "$subject" s "$NODE_TMP/conf" || { echo "0 passed, 1 failed"; exit 1; }
known=$here/malformed.known.$subject
# Those that are there now; others may still be on their way.
before=$(node_pids s)
net_of t "$NODE_TMP/malformed" $([ ! -e "$known" ] || echo -k "$known") "$@" | tee "$NODE_TMP/out"
status=${PIPESTATUS[0]}
for p in $before; do
	[ -e "/proc/$p" ] || { echo "NOT OK  a process of $subject has died"; status=1; }
done
! grep 'was killed by' "$NODE_TMP/s/log" || { echo "NOT OK  a process of $subject was killed"; status=1; }
exit "$status"
