#!/bin/bash
# What a user wants to see, natively: the five hosts of the article as name spaces of this host, with its files as they are, gretel at
# cn, us and home, the data plane in user space, OpenVPN between cn and home. scripts/demo runs it as root.
# The last line counts what must hold.
# shellcheck disable=SC1091
here=$(dirname "$(readlink -f "$0")")
. "$here/lab-host.sh"
. "$here/../vm/lab.sh"
. "$here/../vm/lab-gretel.sh"
. "$here/../vm/lab-cells.sh"
. "$here/../vm/lab-routing.sh"
. "$here/../vm/lab-demo.sh"
lab_programs openvpn busybox nft tcpdump ping

# $EPOCHREALTIME in milliseconds.
now_ms() { echo $((${EPOCHREALTIME/[.,]/} / 1000)); }
started=$(now_ms)

gretel_install && routing_lab gretel gretel gretel || exit
cat <<'END'

   home 123.186.228.22 --- internet (wan) --- 80.251.215.33 us
   192.168.{1,50,100}.0/24    |
                        NAT 121.43.117.81 (cnrt)       OpenVPN: home - cn
                              |                        GRE over IPsec: cn - us
                       cn 172.19.42.8                  iBGP over both, cn reflects

   ipsec.conf, ipsec.secrets, the updown scripts, openvpn.conf and the frr.conf of each host are the article's, unchanged.
   No strongSwan and no FRR runs anywhere.
END
show cn cat /etc/ipsec.conf
show cn cat /etc/strongswan.d/ipsec-notify.sh
show cn gretel check

say "OpenVPN is started at home and cn, then gretel at all three"
demo_watch
routing_start 2>/dev/null || { tail -n 5 /lab/*/greteld.log; exit 1; }
wait_for 10 gretel_up cn
wait_for 10 lan_ping
show cn gretel status
check "the tunnel is up" gretel_up cn
check "the data plane is in user space" in_user_space cn

say "The interface that the script has made with \`ip tunnel add\`"
show cn ip addr show gre1
show cn ping -n -c 3 -i 0.2 10.0.0.1
check "GRE carries pings" ping_gre cn 10.0.0.1 3

say "Routes, as the article's three frr.conf say"
for h in cn us home; do
	wait_for 10 same_table $h
	show $h gretel show bgp
	check "the table of $h is the one that FRR had" same_table $h
done
show us ip route
show home ip route
check "the routes of us are those that FRR had" wait_for 5 same_routes us
check "the routes of home too" wait_for 5 same_routes home
show home ping -n -c 3 -i 0.2 -I 192.168.1.1 10.0.0.1
check "the LAN at home reaches us, through OpenVPN and the tunnel" lan_ping
printf '\n(%d ms since the first name space was made)\n' $(($(now_ms) - started))

say "What the internet saw on the way to us: IKE, and ESP in UDP"
demo_seen 8

say "ike, the process that reads IKE, is killed: the tunnel forwards on"
demo_kill_ike

say "esp, which carries the packets, is killed: new keys are negotiated"
printf '\ncn# kill -9 %s   # greteld: esp\n' "$(gretel_pid cn esp)"
killed=$(now_ms)
gretel_kill9 cn esp
check "pings go again within 5 s" wait_for 4 on cn ping -n -c 1 -W 1 10.0.0.1
printf '(after %d ms)\n' $(($(now_ms) - killed))

printf '\nAll of it took %d ms. What ran in the name spaces ends with them.\n' $(($(now_ms) - started))
lab_summary
