# shellcheck shell=bash
# Part of lab.sh, which documents the functions: the hosts, their links and addresses.

LAB_HOSTS=
declare -A LAB_PID # of the process that keeps the host's namespaces

# Under emulation each program that is started costs 50 ms, but those inside the static busybox only 10: what
# sets the network up runs in busybox's shell, in few pieces, several at a time.

# Runs in the new namespaces of host $1 as their process 1, and reaps what its daemons leave behind.
_lab_holder='
	set -e
	mount -t proc proc /proc
	mount -t sysfs sys /sys
	mount -t tmpfs -o mode=755 tmpfs /run
	mkdir /run/lock
	for d in etc var; do
		mkdir -p /lab/$1/.rw/$d /lab/$1/.rw/$d.work
		mount -t overlay -o lowerdir=/$d,upperdir=/lab/$1/.rw/$d,workdir=/lab/$1/.rw/$d.work,index=off overlay /$d
	done
	hostname $1
	ip link set lo up
	cd /proc/sys/net
	echo 1 >ipv4/ip_forward; echo 1 >ipv6/conf/all/forwarding
	echo 0 >ipv6/conf/default/accept_dad
	cd /
	: >/lab/$1/.ready
	while :; do sleep 3600 & wait $!; done'

_lab_hosts() { # _lab_hosts HOST...: create them, all at once
	local h
	for h; do
		mkdir -p "/lab/$h"
		unshare --net --mount --uts --pid --fork --kill-child --propagation private \
			busybox sh -c "$_lab_holder" holder "$h" </dev/null >"/lab/$h/.err" 2>&1 &
		LAB_PID[$h]=$!
		disown
	done
	for h; do
		wait_for 30 test -e "/lab/$h/.ready" || { echo "lab: no host $h: $(cat "/lab/$h/.err")" >&2; return 1; }
		read -r "LAB_PID[$h]" <"/proc/${LAB_PID[$h]}/task/${LAB_PID[$h]}/children"
		LAB_HOSTS="$LAB_HOSTS $h"
	done
}

_lab_link() { # _lab_link HOST IFACE HOST IFACE: a line for ip -batch
	echo "link add $2 netns ${LAB_PID[$1]} type veth peer name $4 netns ${LAB_PID[$3]}"
}

# Not every kernel has dummy interfaces.
_lab_set() {
	on "$1" busybox sh -c "addr() { ip addr add \$1 dev \$2; ip link set \$2 up; }
		lan() { ip link add \$1 type dummy 2>/dev/null || { /sbin/ip link add \$1 type veth peer name \$1-far; ip link set \$1-far up; }; }
		$2"
}

_lab_nat() { # _lab_nat HOST OUTSIDE_IFACE PUBLIC PRIVATE
	on "$1" nft -f - <<-END
		table ip nat {
			chain pre { type nat hook prerouting priority dstnat; ip daddr $3 dnat to $4; }
			chain post { type nat hook postrouting priority srcnat; ip saddr $4 oifname "$2" snat to $3; }
		}
	END
}

_lab_count() {
	# Before any reassembly, so that each packet that arrives counts, and counts once. "meta l4proto" looks behind
	# IPv6 extension headers: GRE over IPv6 has one (the encapsulation limit).
	on wan nft -f - <<-END
		table inet lab {
			counter clear { }
			chain pre {
				type filter hook prerouting priority -450;
				meta l4proto 47 counter name clear
			}
		}
	END
}

_lab_up() { # _lab_up nat|no
	local us_nat=$1
	set -- wan cnrt cn us home
	[ "$us_nat" = no ] || set -- "$@" usrt
	mkdir -p /lab
	mountpoint -q /lab || mount -t tmpfs -o mode=755 tmpfs /lab
	_lab_hosts "$@" || return
	{
		_lab_link home home-wan wan wan-home
		_lab_link cnrt cnrt-wan wan wan-cnrt
		_lab_link cn cn-lan cnrt cnrt-lan
		if [ "$us_nat" = no ]; then
			_lab_link us us-wan wan wan-us
		else
			_lab_link usrt usrt-wan wan wan-us
			_lab_link us us-wan usrt usrt-lan
		fi
	} | ip -batch - || return
	_lab_set wan 'addr 123.186.228.1/24 wan-home; addr 121.43.117.1/24 wan-cnrt; addr 80.251.215.1/24 wan-us
		ip route add 121.43.117.81 via 121.43.117.2' &
	_lab_set cnrt 'addr 121.43.117.2/24 cnrt-wan; addr 172.19.0.1/18 cnrt-lan; ip route add default via 121.43.117.1' &
	_lab_set cn 'addr 172.19.42.8/18 cn-lan; ip route add default via 172.19.0.1' &
	_lab_set home 'addr 123.186.228.22/24 home-wan; ip route add default via 123.186.228.1
		lan dum1; addr 192.168.1.1/24 dum1
		lan dum2; addr 192.168.50.1/24 dum2
		lan dum3; addr 192.168.100.1/24 dum3' &
	if [ "$us_nat" = no ]; then
		_lab_set us 'addr 80.251.215.33/24 us-wan; ip route add default via 80.251.215.1' &
	else
		_lab_set us 'addr 10.9.0.2/24 us-wan; ip route add default via 10.9.0.1' &
		_lab_set usrt 'addr 80.251.215.2/24 usrt-wan; addr 10.9.0.1/24 usrt-lan; ip route add default via 80.251.215.1' &
		_lab_nat usrt usrt-wan 80.251.215.33 10.9.0.2 &
	fi
	_lab_nat cnrt cnrt-wan 121.43.117.81 172.19.42.8 &
	_lab_count &
	wait
	[ "$us_nat" = no ] || on wan ip route add 80.251.215.33 via 80.251.215.2
	# Proves the whole way; the first packets also fill the neighbour tables.
	wait_for 10 on cn ping -n -c 1 -W 1 80.251.215.33 && wait_for 10 on us ping -n -c 1 -W 1 121.43.117.81 ||
		{ echo "lab: cn and us do not reach each other" >&2; return 1; }
}

lab_up() { _lab_up no; }
lab_up_double_nat() { _lab_up nat; }

lab_up_v6() { lab_up && lab_add_v6; }

lab_add_v6() {
	on wan ip -6 -batch - <<-END
		addr add 2001:db8:1::1/64 dev wan-home nodad
		addr add 2001:db8:2::1/64 dev wan-cnrt nodad
		addr add 2001:db8:3::1/64 dev wan-us nodad
		route add 2001:db8:4::/64 via 2001:db8:2::2
	END
	on cnrt ip -6 -batch - <<-END
		addr add 2001:db8:2::2/64 dev cnrt-wan nodad
		addr add 2001:db8:4::1/64 dev cnrt-lan nodad
		route add default via 2001:db8:2::1
	END
	_lab_v6 cn cn-lan 2001:db8:4::8/64 2001:db8:4::1
	_lab_v6 us us-wan 2001:db8:3::33/64 2001:db8:3::1
	_lab_v6 home home-wan 2001:db8:1::22/64 2001:db8:1::1
	wait_for 10 on cn ping -n -c 1 -W 1 2001:db8:3::33 ||
		{ echo "lab: cn and us do not reach each other with IPv6" >&2; return 1; }
}

_lab_v6() { # _lab_v6 HOST IFACE ADDR/LEN GATEWAY
	printf 'addr add %s dev %s nodad\nroute add default via %s\n' "$3" "$2" "$4" | on "$1" ip -6 -batch -
}

lab_peer() {
	_lab_hosts "$1" || return
	_lab_link "$1" "$1-wan" wan "wan-$1" | ip -batch - || return
	_lab_set wan "addr 198.18.$2.1/24 wan-$1; addr 2001:db8:12:$2::1/64 wan-$1"
	_lab_set "$1" "addr 198.18.$2.33/24 $1-wan; ip route add default via 198.18.$2.1"
	_lab_v6 "$1" "$1-wan" "2001:db8:12:$2::33/64" "2001:db8:12:$2::1"
	wait_for 10 on "$1" ping -n -c 1 -W 1 121.43.117.81
}

lab_down() {
	local h
	for h in $LAB_HOSTS; do
		# The end of a pid namespace's first process ends all the others in it.
		kill -9 "${LAB_PID[$h]}" 2>/dev/null
		unset "LAB_PID[$h]"
	done
	LAB_HOSTS=
	umount -l /lab 2>/dev/null
}

lab_loss() {
	local l
	# A host's kernel may have no netem: there it is all or nothing.
	if [ -n "${LAB_ON_HOST:-}" ]; then
		on wan nft delete table inet cut 2>/dev/null
		[ "$1" = 0 ] || on wan nft -f - <<-END
			table inet cut {
				chain forward { type filter hook forward priority 10; oifname { "wan-cnrt", "wan-us" } drop; }
			}
		END
		return
	fi
	for l in wan-cnrt wan-us; do
		if [ "$1" = 0 ]; then
			on wan tc qdisc del dev $l root 2>/dev/null
		else
			on wan tc qdisc replace dev $l root netem loss "$1%"
		fi
	done
	return 0
}
lab_cut() { lab_loss 100; }
lab_heal() { lab_loss 0; }

lab_remap() {
	on cnrt sh -c 'echo 1 >/proc/sys/net/netfilter/nf_conntrack_udp_timeout; echo 1 >/proc/sys/net/netfilter/nf_conntrack_udp_timeout_stream'
	on cn ping -n -q -c 1 -W 1 10.0.0.1 >/dev/null # through the tunnel: the entry takes its new time limit
	on cnrt nft -f - <<-END
		table ip stop {
			chain pre {
				type filter hook prerouting priority -400;
				udp dport 4500 drop
				udp sport 4500 drop
			}
		}
	END
	sleep 4
	on cnrt nft -f - <<-END
		flush chain ip nat pre
		flush chain ip nat post
		add rule ip nat pre ip daddr 121.43.117.81 udp dport 14500 dnat to 172.19.42.8:4500
		add rule ip nat post ip saddr 172.19.42.8 udp sport 4500 oifname "cnrt-wan" snat to 121.43.117.81:14500
		add rule ip nat post ip saddr 172.19.42.8 oifname "cnrt-wan" snat to 121.43.117.81
		delete table ip stop
	END
	on cnrt sh -c 'echo 120 >/proc/sys/net/netfilter/nf_conntrack_udp_timeout; echo 120 >/proc/sys/net/netfilter/nf_conntrack_udp_timeout_stream'
}

lab_remap_back() {
	on cnrt nft -f - <<-END
		flush chain ip nat pre
		flush chain ip nat post
		add rule ip nat pre ip daddr 121.43.117.81 dnat to 172.19.42.8
		add rule ip nat post ip saddr 172.19.42.8 oifname "cnrt-wan" snat to 121.43.117.81
	END
}
