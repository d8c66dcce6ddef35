#!/bin/bash
# Proves the variants of the lab with strongSwan at both ends: both sides behind NAT, IPv6, further peers, loss.
# With GRETEL_VM_OUT the SAs' shapes are left there: that is how golden/*-double-nat.xfrm and *-v6.xfrm were made.

. "$(dirname "$0")/lab.sh"

has_sas() { [ "$(sa_count "$1")" = "$2" ]; }

# strongSwan at both ends, after the lab and the files are there: cn initiates, once.
establish() {
	on cn sed -i 's/auto=start/auto=add/' /etc/ipsec.conf
	on us sed -i 's/auto=start/auto=add/' /etc/ipsec.conf
	swan_start cn & swan_start us & wait
	on cn ipsec up tunnel >/lab/up.txt 2>&1
	check "$1: the tunnel is up" wait_for 20 has_sas us 2
	for h in cn us; do
		xfrm_shape $h >"/lab/$h-$1.xfrm"
		check "$1: the SAs and policies at $h are those of the golden file" \
			diff -u "$LAB_DIR/golden/$h-$1.xfrm" "/lab/$h-$1.xfrm"
		[ -z "${GRETEL_VM_OUT:-}" ] || cp "/lab/$h-$1.xfrm" "$GRETEL_VM_OUT/"
	done
}

lab_up_double_nat || exit
lab_seed cn
lab_seed us
on us sh -c 'echo "   leftid=80.251.215.33" >>/etc/ipsec.conf; rm /etc/strongswan/ipsec-notify.sh
	sed -i /leftupdown/d /etc/ipsec.conf'
establish double-nat
# The script names the address that us has not got here.
on us ip tunnel add gre1 mode gre local 10.9.0.2 remote 121.43.117.81
on us sh -c 'ip link set gre1 up mtu 1400; ip addr add 10.0.0.1/30 dev gre1'
check "double-nat: GRE carries a ping" ping_gre cn 10.0.0.1 3
check "double-nat: nothing in the clear" test "$(clear_gre_at_wan)" = 0
lab_down
check "lab_down leaves no process behind" test "$(pgrep -c charon)" = 0

lab_up_v6 || exit
for h in cn us; do lab_seed $h; done
on cn sed -i -e 's/right=[^ ]*/right=2001:db8:3::33/' -e '/leftid\|leftupdown/d' /etc/ipsec.conf
on us sed -i -e 's/right=[^ ]*/right=2001:db8:4::8/' -e '/leftupdown/d' /etc/ipsec.conf
on cn ip link add gre1 type ip6gre local 2001:db8:4::8 remote 2001:db8:3::33
on us ip link add gre1 type ip6gre local 2001:db8:3::33 remote 2001:db8:4::8
on cn sh -c 'ip link set gre1 up mtu 1400; ip addr add 10.0.0.2/30 dev gre1'
on us sh -c 'ip link set gre1 up mtu 1400; ip addr add 10.0.0.1/30 dev gre1'
esp_count us us-wan >/dev/null
establish v6
# Not zero: the devices have sent router solicitations before there was an SA.
clear=$(clear_gre_at_wan)
check "v6: GRE carries a ping" ping_gre cn 10.0.0.1 3
check "v6: us has received ESP" test "$(esp_count us us-wan)" -ge 3
check "v6: nothing in the clear" test "$(clear_gre_at_wan)" = "$clear"
swan_stop cn
wait_for 5 has_sas us 0
for h in cn us; do on $h ip link set gre1 down; done # it would send by itself
clear=$(clear_gre_at_wan)
raw_gre us 2001:db8:3::33 2001:db8:4::8
raw_gre us 80.251.215.33 121.43.117.81
check "GRE in the clear, one packet with each IP, counts as two" test "$(clear_gre_at_wan)" = $((clear + 2))

lab_peer p1 1 && ok "a further peer p1" || not_ok "a further peer p1"
lab_peer p2 2 && ok "and p2" || not_ok "and p2"
check "peers reach us" on p2 ping -n -c 1 -W 2 80.251.215.33
check "peers reach each other with IPv6" on p2 ping -n -c 1 -W 2 2001:db8:12:1::33

lab_loss 50
got=$(on cn ping -n -q -c 40 -i 0.05 -W 1 80.251.215.33 | sed -n 's/.*, \([0-9]*\) received.*/\1/p')
check "50 % loss each way leaves some of 40 pings ($got)" test "$got" -ge 1 -a "$got" -le 25
lab_heal
check "none is lost after lab_heal" on cn ping -n -q -c 10 -i 0.05 -W 1 80.251.215.33

lab_summary
