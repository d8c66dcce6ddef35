#!/bin/sh
# FRR itself takes each frr.conf of tests/config/frr that we take (NN.in with a NN.ok): vtysh knows every statement, and
# bgpd has no complaint about those files that are for it alone. FRR comes from the cache (scripts/fetch-lab); no daemon is
# left running, nothing is opened but what bgpd opens in a network name space of its own.
#
#     tests/interop/bgp/t_frr_conf.sh [BUILD_DIRECTORY]
set -u
top=$(cd "$(dirname "$0")/../../.." && pwd)
root=${GRETEL_LAB:-/var/cache/gretel-lab}/root
[ -x "$root/usr/lib/frr/bgpd" ] || { echo "t_frr_conf: there is no FRR in $root: scripts/fetch-lab"; exit 77; }
[ "$(id -u)" = 0 ] || { echo "t_frr_conf: needs root, for a network name space"; exit 77; }
lib=$root/usr/lib/x86_64-linux-gnu
export LD_LIBRARY_PATH="$lib:$lib/frr"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
: >"$tmp/vtysh.conf"
failed=0 checked=0

result() { # result WHAT COMPLAINTS
	checked=$((checked + 1))
	if [ -z "$2" ]; then
		echo "ok      $1"
	else
		failed=$((failed + 1))
		printf 'NOT OK  %s\n%s\n' "$1" "$2"
	fi
}

# A line that is no statement must be noticed, or nothing here means anything.
printf 'router bgp 65000\n foo\n' >"$tmp/bad.conf"
vtysh() { unshare -n "$root/usr/bin/vtysh" --config_dir "$tmp" -C -f "$1" 2>&1; }
bgpd() { unshare -n "$root/usr/lib/frr/bgpd" -S -C -z "$tmp/zserv" --vty_socket "$tmp" -f "$1" 2>&1 |
	grep -E 'No such command|Command returned|^%'; }
result "vtysh complains about what it does not know" "$(vtysh "$tmp/bad.conf" | grep -q 'line 2.*foo' || echo silence)"
result "bgpd complains about what it does not know" "$(bgpd "$tmp/bad.conf" | grep -q 'line 2: *foo' || echo silence)"

for ok in "$top"/tests/config/frr/*.ok; do
	in=${ok%.ok}.in
	name=$(basename "$in")
	# The cache has FRR 8.
	! head -n 1 "$in" | grep -q '^! since FRR' || continue
	result "$name: vtysh" "$(vtysh "$in")"
	# What only other daemons know.
	! grep -qE '^(ip router-id|bfd$|interface )' "$in" || continue
	result "$name: bgpd" "$(bgpd "$in")"
done
[ $checked -ge 20 ] || result "20 checks at least" "$checked"
echo "$((checked - failed)) passed, $failed failed"
[ $failed -eq 0 ]
