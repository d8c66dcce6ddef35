# shellcheck shell=bash
# The tunnels that tests/bench/dataplane/run measures; sourced by it. For each subject NAME
#
#   have_NAME      prints its version on one line; fails when it is not there
#   up_NAME        sets it up between the nodes a and b, which have 10.99.0.1 and 10.99.0.2 on veth0
#
# and $far is the address of b inside: 10.98.0.2 but where said. Whatever runs in the nodes once up_NAME has returned, and is not a
# child of a shell of the script, counts as the tunnel's. A dash in a name is an underscore in the functions.

# The inner MTU of the article's script, for all that do not choose their own.
MTU=1400
# Each end in a session of its own, as daemons are: the scheduler divides by sessions first (autogroup).
runs() { local n=$1; shift; on "$n" setsid "$@"; }
cached() { local n=$1 program=$2; shift 2; on "$n" "${CACHE_ENV[@]}" "$(tool "$program")" "$@"; }
version_of() { "${CACHE_ENV[@]}" "$(tool "$1")" --version 2>&1 | head -n 1; }
address() { # address NODE DEVICE ADDRESS [MTU]
	soon 5 net_of "$1" ip link show "$2" || return
	net_of "$1" ip link set "$2" up ${4:+mtu "$4"}
	net_of "$1" ip addr add "$3" dev "$2"
}

# --- the path itself
have_veth() { uname -r; }
up_veth() { far=10.99.0.2; }
# Segments of one packet, as they would pass a network card.
have_veth_segmented() { version_of ethtool; }
up_veth_segmented() {
	far=10.99.0.2
	for n in a b; do cached $n ethtool -K veth0 tso off gso off gro off >/dev/null || return; done
}

# --- the bare forwarder
have_forward() { case $1 in mb) "$forward" x 0 0 0 "$1" 2>&1 | grep -q 'built in' && return 1 ;; esac; echo "forward.c, $1"; }
up_forward() {
	runs a "$forward" bench0 10.99.0.1 10.99.0.2 0 "$1" >"$dir/a.log" 2>&1 &
	runs b "$forward" bench0 10.99.0.2 10.99.0.1 1 "$1" >"$dir/b.log" 2>&1 &
	address a bench0 10.98.0.1/30 $MTU && address b bench0 10.98.0.2/30 $MTU
}
have_forward_plain() { have_forward plain; }
have_forward_evp() { have_forward evp; }
have_forward_mb() { have_forward mb; }
up_forward_plain() { up_forward plain; }
up_forward_evp() { up_forward evp; }
up_forward_mb() { up_forward mb; }

# --- gretel, with a liveness exchange each second: two whole daemons, or only src/dataplane with SAs from the command line (dp_pair)
BUILD=$(readlink -m "${GRETEL_BUILD:-$here/../../../build/release}")
have_gretel() { # have_gretel BACKEND
	[ -x "$BUILD/src/daemon/greteld" ] && "$BUILD/src/daemon/greteld" -V || return
	[ "$1" != ipsec-mb ] || ldd "$BUILD/src/daemon/greteld" | grep -q IPSec_MB
}
gretel() { # gretel BACKEND ESP
	local n i=0
	for n in a b; do
		i=$((i + 1))
		cat >"$dir/$n.conf" <<-END
			daemon = { dataplane = "user"; esp_backend = "$1"; };
			tunnels = { bench = { remote = "10.99.0.$((3 - i))"; psk = "as good as any other for a benchmark"; ike = "aes256-sha256-x25519!";
				auto = "$([ $n = a ] && echo start || echo add)"; dpd = { delay = "2s"; }; esp = "$2!"; gre = { name = "gre1"; address = ["10.98.0.$i/30"]; mtu = $MTU; }; }; };
		END
		chmod 600 "$dir/$n.conf"
		runs $n "$BUILD/src/daemon/greteld" -n -c "$dir/$n.conf" >"$dir/$n.log" 2>&1 &
	done
}
# What became of the SAs: their SPIs, and how long ago the peer last answered.
gretel_sas() { on a "$BUILD/src/cli/gretel" status --json | jq -r '.tunnels[0] | "\([.child_sas[].spi_in] | sort | join(",")) \([.ike_sas[].last_in_s] | max)"'; }
have_gretel_evp() { have_gretel openssl; }
have_gretel_mb() { have_gretel ipsec-mb; }
have_gretel_sha256() { have_gretel openssl; }
have_gretel_sha256_mb() { have_gretel ipsec-mb; }
up_gretel_sha256_mb() { gretel ipsec-mb aes128-sha256; }
up_gretel_evp() { gretel openssl aes256gcm16; }
up_gretel_mb() { gretel ipsec-mb aes256gcm16; }
up_gretel_sha256() { gretel openssl aes128-sha256; }

pair() { # pair BACKEND SUITE
	local n i=0
	for n in a b; do
		i=$((i + 1))
		runs $n "$BUILD/tests/bench/dataplane/dp_pair" -l 10.99.0.$i -r 10.99.0.$((3 - i)) -i 0xc000000$i -o 0xc000000$((3 - i)) -s "$2" -b "$1" \
			-d bench0 >"$dir/$n.log" 2>&1 &
		address $n bench0 10.98.0.$i/30 $MTU || return
	done
}
have_pair_evp() { [ -x "$BUILD/tests/bench/dataplane/dp_pair" ] && echo dp_pair; }
have_pair_mb() { have_gretel ipsec-mb >/dev/null && have_pair_evp; }
up_pair_evp() { pair openssl aes256gcm16; }
up_pair_mb() { pair ipsec-mb aes256gcm16; }

# --- WireGuard in user space
have_wireguard_go() { version_of wireguard-go | grep -o 'wireguard-go.*'; }
up_wireguard_go() {
	local n i=0 o
	umask 077
	for n in a b; do
		cached $n wg genkey >"$dir/$n.key"
		cached $n wg pubkey <"$dir/$n.key" >"$dir/$n.pub"
		runs $n "${CACHE_ENV[@]}" "$(tool wireguard-go)" -f wg0 >"$dir/$n.log" 2>&1 &
	done
	umask 022
	for n in a b; do
		i=$((i + 1))
		o=$([ $n = a ] && echo b || echo a)
		soon 5 on $n test -S /run/wireguard/wg0.sock || return
		cached $n wg set wg0 listen-port 7001 private-key "$dir/$n.key" \
			peer "$(cat "$dir/$o.pub")" endpoint 10.99.0.$((3 - i)):7001 allowed-ips 10.98.0.0/30 || return
		address $n wg0 10.98.0.$i/30 || return
	done
}

# --- OpenVPN: as in the seed (static key, AES-256-CBC, SHA-256), and as one would have it today
have_openvpn_seed() { version_of openvpn | cut -d' ' -f1-2; }
openvpn_seed() { # openvpn_seed NODE OWN OTHER
	runs "$1" "${CACHE_ENV[@]}" "$(tool openvpn)" --dev tun0 --dev-type tun --persist-tun --persist-key --cipher AES-256-CBC --auth SHA256 \
		--proto udp4 --lport 1194 --remote "10.99.0.$3" 1194 --ifconfig "10.98.0.$2" "10.98.0.$3" --secret "$dir/key" >"$dir/$1.log" 2>&1 &
}
up_openvpn_seed() {
	cached a openvpn --genkey secret "$dir/key" || return
	openvpn_seed a 1 2
	openvpn_seed b 2 1
}
have_openvpn_gcm() { have_openvpn_seed; }
openvpn_gcm() { # openvpn_gcm NODE OWN OTHER OTHER-NODE --tls-server|--tls-client
	runs "$1" "${CACHE_ENV[@]}" "$(tool openvpn)" --dev tun0 --dev-type tun --proto udp4 --lport 1194 --remote "10.99.0.$3" 1194 \
		--ifconfig "10.98.0.$2" "10.98.0.$3" "$5" --dh none --cert "$dir/$1.crt" --key "$dir/$1.key" --disable-dco \
		--data-ciphers AES-256-GCM --peer-fingerprint "$(cat "$dir/$4.print")" >"$dir/$1.log" 2>&1 &
}
up_openvpn_gcm() {
	local n
	for n in a b; do
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=$n -keyout "$dir/$n.key" \
			-out "$dir/$n.crt" 2>/dev/null || return
		openssl x509 -in "$dir/$n.crt" -noout -fingerprint -sha256 | sed 's/.*=//' >"$dir/$n.print"
	done
	openvpn_gcm a 1 2 b --tls-server
	openvpn_gcm b 2 1 a --tls-client
}

# --- strongSwan's own ESP in user space: tunnel mode is all it has
have_libipsec_gcm() {
	[ -e "$CACHE_ROOT/usr/lib/ipsec/plugins/libstrongswan-kernel-libipsec.so" ] && version_of ipsec | sed 's/^Linux //; s,/K.*,,'
}
libipsec_start() { # libipsec_start NODE OWN OTHER ESP
	on "$1" sh -c 'mount -t overlay -o "lowerdir=$1/usr/lib:/usr/lib" overlay /usr/lib
		mount -t overlay -o "lowerdir=$1/usr/share:/usr/share" overlay /usr/share' sh "$CACHE_ROOT"
	on "$1" ip addr add "10.98.$2.1/32" dev lo
	{
		echo 'charon { load_modular = no'
		echo 'plugins { kernel-libipsec { load = yes } }'
		echo 'load = aesni openssl random nonce aes gcm sha1 sha2 hmac kdf gmp kernel-libipsec kernel-netlink socket-default stroke updown'
		printf "filelog { log {\npath = %s\nflush_line = yes\n} } }\n" "$dir/$1.log"
	} | on "$1" sh -c 'cat >/etc/strongswan.d/zz-bench.conf'
	on "$1" sh -c 'cat >/etc/ipsec.conf; echo ": PSK bench" >/etc/ipsec.secrets' <<-END
		conn bench
		 left=10.99.0.$2
		 right=10.99.0.$3
		 leftsubnet=10.98.$2.0/24
		 rightsubnet=10.98.$3.0/24
		 type=tunnel
		 forceencaps=yes
		 authby=secret
		 keyexchange=ikev2
		 ike=aes256-sha256-modp2048!
		 esp=$4!
		 auto=$([ "$1" = a ] && echo start || echo add)
	END
	runs "$1" "${CACHE_ENV[@]}" /usr/lib/ipsec/starter --nofork >"$dir/$1.starter" 2>&1 &
}
libipsec() {
	far=10.98.2.1
	libipsec_start b 2 1 "$1"
	soon 10 on b test -S /run/charon.ctl || return
	libipsec_start a 1 2 "$1"
}
up_libipsec_gcm() { libipsec aes256gcm16; }
have_libipsec_cbc() { have_libipsec_gcm; }
up_libipsec_cbc() { libipsec aes128-sha256; }
