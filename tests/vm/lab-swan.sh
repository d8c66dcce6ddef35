# shellcheck shell=bash
# Part of lab.sh: strongSwan as one of the ends, and the shape of what a daemon puts into the kernel.
#
#   swan_start HOST [LEVEL...]  ipsec start, with a log at the given levels ("ike=4" "knl=2"; default 1);
#                               returns when charon has read ipsec.conf. Start two hosts at a time:
#                               swan_start cn & swan_start us & wait
#                               LAB_SWAN_PLUGINS replaces the list of plugins: all of Debian's take longer to
#                               start in the guest than the 10 s after which starter gives up
#   swan_stop HOST              ipsec stop: deletes its SAs and tells the peer
#   swan_kill9 HOST             kills starter and charon, as a crash would: the kernel keeps the SAs
#   swan_log HOST               prints the path of the log (it begins anew with each start)
#   swan_up HOST [CONN]         succeeds when an IKE SA of CONN (tunnel) is up with a child that is installed
#
#   xfrm_shape HOST             states and policies: SPIs, keys, reqids, counters and replay state masked, those
#                               of sockets left out, each kind once, sorted: compare with tests/vm/golden/*.xfrm
#   xfrm_canon <TEXT            the same of what ip xfrm has printed before
#   sa_count HOST               the number of ESP SAs in the kernel, both directions

LAB_SWAN_PLUGINS=${LAB_SWAN_PLUGINS:-random nonce aes sha1 sha2 hmac kdf gmp kernel-netlink socket-default stroke updown}

lab_seed() {
	local places
	case $1 in
	cn) places="/etc/strongswan.d/ipsec-notify.sh" ;;
	us) places="/etc/strongswan/ipsec-notify.sh /etc/strongswan/ipsec.conf /etc/strongswan/ipsec.secrets
		/etc/strongswan/strongswan.d/charon.conf" ;; # Red Hat's, as in the article
	*) return 0 ;; # home has no IPsec
	esac
	on "$1" busybox sh -ec 'seed=$1
		shift
		umask 077
		for f in "$@" /etc/ipsec.conf /etc/ipsec.secrets /etc/strongswan.d/charon.conf; do
			mkdir -p -m 755 "${f%/*}"
			cp "$seed/${f##*/}" "$f"
			case $f in *.sh) chmod 755 "$f" ;; *.conf) chmod 644 "$f" ;; esac
		done
		# The package brings it along, and what an admin has lies in the directory; here strongSwan may never have been.
		[ -e /etc/strongswan.conf ] || echo "include strongswan.d/*.conf" >/etc/strongswan.conf' seed "$LAB_DIR/seed/$1" $places
}

swan_log() { echo "/lab/$1/charon.log"; }

swan_start() {
	local host=$1 level
	shift
	rm -f "$(swan_log "$host")"
	{
		echo "charon { load_modular = no"
		echo load = $LAB_SWAN_PLUGINS
		echo "filelog { lab {"
		echo "path = $(swan_log "$host")"
		echo "time_format = %T"
		echo "flush_line = yes"
		echo "default = 1"
		for level; do echo "${level%%=*} = ${level#*=}"; done
		echo "} } }"
	} | on "$host" sh -c 'cat >/etc/strongswan.d/zz-lab-log.conf'
	on "$host" ipsec start >/dev/null 2>&1
	# starter gives the connections to charon in one go, and those with auto=start are initiated there.
	wait_for 60 _swan_loaded "$host" || { echo "lab: strongSwan at $host did not start" >&2; return 1; }
}

_swan_loaded() {
	on "$1" ipsec status | grep -q '^Security Associations' || return
	[ "$(grep -c '\[CFG\] added configuration' "$(swan_log "$1")")" -ge \
		"$(on "$1" grep -Ec '^conn +[^%]' /etc/ipsec.conf)" ]
}

swan_stop() { on "$1" ipsec stop >/dev/null 2>&1; }

swan_kill9() { # starter first: it would start charon anew
	on "$1" sh -c 'kill -9 $(cat /run/starter.charon.pid) $(cat /run/charon.pid); sleep 0.2
		rm -f /run/starter.charon.pid /run/charon.pid /run/charon.ctl'
}

swan_up() { on "$1" ipsec status "${2:-tunnel}" | grep -q INSTALLED; }

xfrm_shape() { { on "$1" ip -d xfrm state; on "$1" ip -d xfrm policy; } | xfrm_canon; }

# A block is a line without a leading blank and those after it with one. One block per line (joined with tabs),
# masked, sorted, and taken apart again.
xfrm_canon() {
	awk '
		function flush() { if (block != "" && block !~ /\tsocket /) print block; block = "" }
		/^==/ { next }
		/^[^ \t]/ { flush() }
		/^[ \t]*(anti-replay|lastused)/ { next }
		{
			gsub(/ +$/, "")
			gsub(/spi 0x[0-9a-f]+/, "spi SPI")
			gsub(/ 0x[0-9a-f]+/, " KEY")
			gsub(/reqid [0-9]+/, "reqid N")
			sub(/^[ \t]+/, "")
			block = block == "" ? $0 : block "\t" $0
		}
		END { flush() }' | LC_ALL=C sort -u | sed 's/\t/\n    /g'
}

sa_count() { on "$1" ip xfrm state | grep -c 'proto esp'; }
