#!/bin/bash
# Proves the lab: strongSwan at both ends, on the seed's files as they are.
# With GRETEL_VM_OUT the SAs' shapes are left there: that is how golden/*.xfrm were made.

. "$(dirname "$0")/lab.sh"

has_sas() { [ "$(sa_count "$1")" = "$2" ]; }

lab_up || exit
lab_seed cn
lab_seed us
cap_start outside cnrt cnrt-wan
esp_count us us-wan >/dev/null

swan_start cn & swan_start us & wait
check "cn has a child SA" wait_for 20 swan_up cn
check "us has a child SA" wait_for 20 swan_up us
# Both have auto=start: an exchange of the other's making may still be under way.
wait_for 5 has_sas cn 4 || :

for h in cn us; do
	xfrm_shape $h >/lab/$h.xfrm
	check "the SAs and policies at $h are those of golden/$h.xfrm" diff -u "$LAB_DIR/golden/$h.xfrm" /lab/$h.xfrm
	[ -z "${GRETEL_VM_OUT:-}" ] || cp /lab/$h.xfrm "$GRETEL_VM_OUT/"
done
check "golden/cn.xfrm is what the author saw" \
	diff -u <(xfrm_canon <"$LAB_DIR/seed/golden-xfrm.txt") "$LAB_DIR/golden/cn.xfrm"

check "GRE carries a ping from cn to us" ping_gre cn 10.0.0.1 3
check "GRE carries a ping from us to cn" ping_gre us 10.0.0.2 3
sent=$(esp_count us us-wan)
check "us has received it as ESP ($sent packets)" test "$sent" -ge 6
check "no GRE in the clear" test "$(clear_gre_at_wan)" = 0

sleep 0.5
cap_stop outside
check "IKE begins at port 500" test "$(cap_count outside 'udp port 500')" -ge 2
check "NAT was seen: IKE goes on at port 4500" test "$(cap_count outside 'udp port 4500 and udp[8:4] = 0')" -ge 2
check "ESP is in UDP" test "$(cap_count outside 'udp port 4500 and udp[8:4] != 0 and udp[4:2] > 9')" -ge 12
check "and only there" test "$(cap_count outside 'ip proto 50')" = 0
check "the log says so too" grep -q 'local host is behind NAT' "$(swan_log cn)"

# What strongSwan leaves open, and what gretel has to close. It also shows that the count counts.
swan_stop cn
check "us has no SA left" wait_for 5 has_sas us 0
raw_gre us 80.251.215.33 121.43.117.81
check "without SAs GRE leaves in the clear, and is counted" test "$(clear_gre_at_wan)" -ge 1

swan_start cn
check "a new start brings the tunnel back" wait_for 20 swan_up cn

lab_cut
check "a cut stops everything" test "$(ping_gre cn 10.0.0.1 1)" = 0
lab_heal
check "and heals" ping_gre cn 10.0.0.1 1

before=$(sa_count us)
swan_kill9 us
check "after a crash the kernel keeps the SAs" test "$before" -ge 2 -a "$(sa_count us)" = "$before"
# The socket that unpacks ESP from UDP has died with charon.
check "but they carry nothing" test "$(ping_gre cn 10.0.0.1 1)" = 0

lab_summary
