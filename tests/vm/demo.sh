#!/bin/bash
# What a user wants to see, on the article's network with its files as they are: gretel at cn behind NAT, strongSwan at us.
# scripts/demo runs it in the guest. The last line counts what must hold.

. "$(dirname "$0")/lab.sh"
. "$(dirname "$0")/lab-gretel.sh"
. "$(dirname "$0")/lab-demo.sh"

gretel_install && lab_up || exit
lab_seed cn
lab_seed us

cat <<-'END'

	   cn 172.19.42.8 --- NAT 121.43.117.81 --- internet (wan) --- 80.251.215.33 us
	   gretel                                                      strongSwan
	   /etc/ipsec.conf, ipsec.secrets and the updown script are strongSwan's, unchanged.
END
show cn cat /etc/ipsec.conf

say "strongSwan is started at us, gretel at cn"
wait_for 60 test -e /run/lab-warm
swan_start us
demo_watch
show cn gretel check
gretel_start cn || exit

say "The tunnel is brought up"
show cn gretel up tunnel
check "the tunnel is up" gretel_up cn
show cn gretel status
show us ipsec status

say "Pings through GRE"
show cn ping -n -c 3 -i 0.3 10.0.0.1
check "GRE carries pings" ping_gre cn 10.0.0.1 3
show cn gretel status tunnel

say "What the internet saw between the two: IKE, and ESP in UDP"
demo_seen 12

say "ike, the process that reads the network, is killed: the tunnel forwards on"
demo_kill_ike

say "The tunnel is taken down: the guard keeps GRE from leaving in the clear"
show cn gretel down tunnel
show cn gretel guard
printf '\ncn# ping -c 2 10.0.0.1\n'
on cn ping -n -q -c 2 -i 0.3 -W 1 10.0.0.1 2>&1 | grep transmitted
raw_gre cn 172.19.42.8 80.251.215.33 2>/dev/null
check "no GRE in the clear while it is down" test "$(clear_gre_at_wan)" = 0
gretel_stop cn
raw_gre cn 172.19.42.8 80.251.215.33 2>/dev/null
check "nor after greteld was stopped" test "$(clear_gre_at_wan)" = 0
on us ip xfrm state flush
on us ip xfrm policy flush

echo
lab_summary
