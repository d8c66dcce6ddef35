#!/bin/bash
# Ten thousand (short form: two thousand) messages with octets turned, half recorded ones in the clear, half sealed with the keys of
# a live IKE SA, against greteld as it is installed: release build, seccomp, privileges dropped. No role may die, and a
# handshake must work afterwards. hostile_peer.c at us throws, gretel at cn answers.
. "$(dirname "$0")/lab.sh"
. "$(dirname "$0")/lab-gretel.sh"
P=$GRETEL_BUILD/tests/vm/hostile_peer
N=2000
[ -z "${GRETEL_LONG:-}" ] || N=10000

gretel_install || exit 1
lab_up
lab_seed cn
lab_seed us
# hostile_peer reads what a gretel at us would: Red Hat's place.
on us rm -f /etc/ipsec.conf /etc/ipsec.secrets
sed -n 's/^packet [IR] [0-9]* //p' "$GRETEL_REPO"/tests/recordings/*.rec >/lab/packets.hex
on cn sed -i 's/auto=start/auto=add/' /etc/ipsec.conf
gretel_start cn -d 1
before=$(gretel_pid cn ike) priv=$(gretel_pid cn priv)

on us timeout 900 "$P" 80.251.215.33 121.43.117.81 "$N" 20261122 /lab/packets.hex >/lab/hostile.log 2>&1
status=$?
cat /lab/hostile.log
check "$N mutated messages, then a handshake" test $status = 0
check "the ike role is the same process" test "$(gretel_pid cn ike)" = "$before"
check "the priv role is the same process" test "$(gretel_pid cn priv)" = "$priv"
died() { grep -E 'killed|died|signal|system call' "$(gretel_log cn)"; }
check "no role died" test -z "$(died)"
lines() { wc -l <"$(gretel_log cn)"; }
echo "log lines at cn: $(lines)"
rss() { on cn sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$(gretel_pid cn ike)/status"; }
check "the ike role holds less than 24 MiB" test "$(rss)" -lt 24576
lab_summary
