# shellcheck shell=bash
# The whole of the article: tunnel, OpenVPN, and BGP at cn, us and home. To be sourced after lab.sh, lab-gretel.sh,
# lab-cells.sh.
#
#   routing_lab CN US HOME      a new lab with the seed's files; each is gretel (tunnel and routes in one program) or frr
#                               (strongSwan for the tunnel, zebra and bgpd for the routes). Nothing runs yet
#   routing_start | routing_stop     all three hosts, and OpenVPN between cn and home
#   router_start HOST | router_stop HOST
#   vpn_start HOST | vpn_stop HOST   its OpenVPN
#   bgp_table HOST              the BGP table, as the host's program prints it, with the table's version masked
#   routes HOST                 `ip route` with proto and nhid masked, without what the kernel makes by itself
#   has_route HOST PREFIX       succeeds when the main table has it
#   golden_routing WHAT         a section of the seed's golden-routing.txt: "us ip route", "cn show ip bgp", ...
#   same_table HOST             succeeds when the table is that of golden-routing.txt, else prints the difference
#   same_routes HOST            the same of `ip route`
#   us_has_lans | us_lacks_lans the three LANs of home, which us has through the tunnel alone: all of them | none
#   lan_ping                    a ping from a LAN at home to us, through OpenVPN and the tunnel
#   within MILLISECONDS CMD...  repeats CMD until it succeeds; how long that took is in /lab/took
#   in_user_space HOST          its greteld carries ESP and GRE itself
#   frr HOST COMMAND            vtysh -c
#   liveness SECONDS            the same dpddelay at both ends of the tunnel, dpdaction=restart (before routing_start)

declare -A router

routing_lab() {
	local h
	lab_down
	prog[cn]=swan prog[us]=swan
	router[cn]=$1 router[us]=$2 router[home]=$3
	[ "$1" = frr ] || prog[cn]=gretel
	[ "$2" = frr ] || prog[us]=gretel
	lab_up || return
	openvpn --genkey secret /lab/openvpn.key || return
	for h in cn us home; do
		lab_seed $h
		on $h sh -c 'echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6
			mkdir -p /etc/frr /etc/openvpn; cp "$1/frr.conf" /etc/frr/frr.conf
			[ ! -e "$1/openvpn.conf" ] || cp "$1/openvpn.conf" /lab/openvpn.key /etc/openvpn/' sh "$LAB_DIR/seed/$h"
		[ "${router[$h]}" != gretel ] || on $h sh -c 'umask 077; mkdir -p /etc/gretel; cat >/etc/gretel/gretel.conf' <<-END
			$([ $h = home ] || echo 'ipsec = { conf = "/etc/ipsec.conf"; secrets = "/etc/ipsec.secrets";
				strongswan = "/etc/strongswan.conf"; };')
			routing = { module = "bgp"; frr_conf = "/etc/frr/frr.conf"; };
		END
	done
}

liveness() {
	local h
	for h in cn us; do
		on $h sed -i "s/^ *type=transport.*/&\n   dpdaction=restart\n   dpddelay=$1/" /etc/ipsec.conf
	done
}

vpn_start() {
	on "$1" sh -c 'cd /etc/openvpn; setsid openvpn --config openvpn.conf --daemon --writepid /run/openvpn.pid --log /lab/$1/openvpn.log 2>/dev/null' \
		sh "$1"
}
vpn_stop() {
	on "$1" sh -c 'kill "$(cat /run/openvpn.pid)"'
	wait_for 10 _vpn_gone "$1"
}
_vpn_gone() { ! on "$1" pgrep openvpn >/dev/null; }

_frr_start() {
	on "$1" sh -c 'mkdir -p /run/frr; cd /
		grep -q "^frrvty:.*root" /etc/group || sed -i "s/^frrvty:.*:/&root,/" /etc/group
		: >/run/frr/empty.conf; : >/etc/frr/vtysh.conf
		d=/usr/lib/frr
		$d/zebra -d -u root -g root -f /run/frr/empty.conf -i /run/frr/zebra.pid --vty_socket /run/frr -z /run/frr/zserv.api
		$d/bgpd -d -u root -g root -f /run/frr/empty.conf -i /run/frr/bgpd.pid --vty_socket /run/frr -z /run/frr/zserv.api
		vtysh --vty_socket /run/frr -b' >"/lab/$1/frr.out" 2>&1
}
frr() { on "$1" vtysh --vty_socket /run/frr -c "$2" 2>/dev/null; }

router_start() {
	if [ "${router[$1]}" = gretel ]; then
		gretel_start "$1"
	else
		[ "$1" = home ] || swan_start "$1" || return
		_frr_start "$1"
	fi
}
router_stop() {
	if [ "${router[$1]}" = gretel ]; then
		gretel_stop "$1"
	else
		[ "$1" = home ] || swan_stop "$1"
		on "$1" sh -c 'kill $(cat /run/frr/bgpd.pid /run/frr/zebra.pid)'
	fi
}

routing_start() {
	vpn_start home && vpn_start cn || return
	wait_for 20 on cn ping -n -c 1 -W 1 10.0.9.1 || { tail -n 5 /lab/*/openvpn.log; return 1; }
	# An end that waits for nobody's answer comes up at once: us first.
	local at_cn at_home
	router_start us
	router_start cn &
	at_cn=$!
	router_start home &
	at_home=$!
	wait $at_cn && wait $at_home
}
routing_stop() {
	local h
	for h in cn us home; do router_stop $h; done
	vpn_stop cn
	vpn_stop home
}

bgp_table() {
	{ if [ "${router[$1]}" = gretel ]; then gretel "$1" show bgp; else frr "$1" "show ip bgp"; fi } |
		sed 's/table version is [0-9]*/table version is N/; s/ *$//'
}
routes() { on "$1" ip route | _mask_routes; }
_mask_routes() { sed 's/ nhid [0-9]*//; s/ proto \(bgp\|gretel\|71\)/ proto P/; s/ *$//' | LC_ALL=C sort; }
has_route() { on "$1" ip route show exact "$2" | grep -q .; }
lacks_route() { ! has_route "$1" "$2"; }

golden_routing() {
	awk -v want="== $1" '/^== / { on = $0 == want; next } /^(BGP routing table entry|Status of IKE)/ { on = 0 } on' \
		"$LAB_DIR/seed/golden-routing.txt" |
		case $1 in
		*route) _mask_routes ;;
		*) sed 's/table version is [0-9]*/table version is N/; s/ *$//' ;;
		esac
}

same_table() { diff <(golden_routing "$1 show ip bgp") <(bgp_table "$1"); }
same_routes() { diff <(golden_routing "$1 ip route") <(routes "$1"); }
us_has_lans() { has_route us 192.168.1.0/24 && has_route us 192.168.50.0/24 && has_route us 192.168.100.0/24; }
us_lacks_lans() { lacks_route us 192.168.1.0/24 && lacks_route us 192.168.50.0/24 && lacks_route us 192.168.100.0/24; }
lan_ping() { on home ping -n -c 1 -W 1 -I 192.168.1.1 10.0.0.1; }
in_user_space() { gretel "$1" status | grep -q 'user space'; }

# within MILLISECONDS CMD...: CMD succeeds by then; how long that took is in /lab/took. When the kernel at us has said what it did to
# the routes through the tunnel, its time counts (watch_routes), else that of the first question with the right answer: on a busy
# machine asking takes longer than what is asked for.
within() {
	local limit=$1 from took event
	shift
	from=$(date +%s%3N)
	while :; do
		took=$(($(date +%s%3N) - from))
		"$@" >/dev/null 2>&1 && break
		[ $took -lt $((limit + 20000)) ] || { echo "not within $took ms: $*"; return 1; }
		sleep 0.02
	done
	event=$(grep -E '(192\.168\.(1|50|100)\.0/24|10\.0\.9\.0/30)' /lab/us/routes.log 2>/dev/null | sed -n '$s/^\[\([^]]*\)\].*/\1/p')
	[ -z "$event" ] || event=$(($(date -d "$event" +%s%3N) - from))
	[ "${event:-0}" -le 0 ] || took=$event
	echo "$took" >/lab/took
	[ "$took" -le "$limit" ] || { echo "after $took ms: $*"; return 1; }
}
