# shellcheck shell=bash
# What both demonstrations are told with (tests/vm/demo.sh in the guest, tests/netns/demo.sh on this host); to be sourced behind lab.sh.

say() { printf '\n=== %s\n' "$*"; }
show() { # show HOST CMD...: as if typed there
	local h=$1
	shift
	printf '\n%s# %s\n' "$h" "$*"
	on "$h" "$@" 2>&1
}

# What the internet sees on the way to us; in the background until the lab ends.
demo_watch() {
	on wan tcpdump -Z root -U --immediate-mode -l -n -tttt -i wan-us \
		'(udp port 500 or udp port 4500) or ip proto 47 or ip proto 50' >/lab/wan.txt 2>/dev/null &
}
# The first and the last of it, and that nothing else was there but at least this many packets of ESP.
demo_seen() { # demo_seen LEAST
	local n
	wait_for 5 grep -q ESP /lab/wan.txt
	sleep 1
	n=$(grep -c ESP /lab/wan.txt)
	cut -c12-19,27-150 /lab/wan.txt | head -n 4
	echo ...
	tail -n 4 /lab/wan.txt | cut -c12-19,27-150
	check "nothing but IKE and ESP in UDP ($n packets of ESP)" \
		eval "[ $n -ge $1 ]"' && ! grep -vE "isakmp|NONESP|UDP-encap: ESP" /lab/wan.txt'
	check "no GRE in the clear" test "$(clear_gre_at_wan)" = 0
}

# Kills ike at cn under ping.
demo_kill_ike() {
	local ping
	on cn ping -n -q -c 15 -i 0.2 10.0.0.1 >/lab/ping.txt &
	ping=$!
	sleep 0.7
	printf '\ncn# kill -9 %s   # greteld: ike\n' "$(gretel_pid cn ike)"
	gretel_kill9 cn ike
	wait $ping
	sed -n '/transmitted/p' /lab/ping.txt
	check "no ping was lost" grep -q ' 0% packet loss' /lab/ping.txt
	wait_for 15 gretel_up cn
}
