# shellcheck shell=bash
# Two ends whose files change while they run, to be sourced after lab.sh and lab-gretel.sh. The base of cn's and us's
# ipsec.conf is the seed's, with auto=add.
#
#   conf HOST [KEY=VALUE...]    writes ipsec.conf of cn or us: the seed's with these keys in its conn ("KEY=": without
#                               it), then the text of more[HOST]
#   conn NAME KEY=VALUE...      prints a conn for GRE with the seed's algorithms, for more[] or a file
#   secret HOST WORD            ipsec.secrets: one PSK for everybody
#   swan_reload HOST            strongSwan reads both again
#   gretel_reload HOST          gretel does; prints what it says
#
#   spis HOST                   the SPIs of the ESP SAs in the kernel, sorted
#   up_within SECONDS HOST [NAME]    waits until gretel's tunnel is up
#   no_sas HOST [ADDRESS]       succeeds when the kernel has no ESP SA (with that address)
#   pinging HOST ADDRESS        one ping is answered within 1 s
#   pings_start NAME HOST ADDRESS SECONDS    five pings a second in the background
#   pings_lost NAME             waits for their end, and prints how many were lost
#   now_ms                      the time in milliseconds
#   has TEXT CMD...             succeeds when the output of CMD contains TEXT; lacks: when it does not; says: when it is TEXT
#   json HOST FILTER ARGS...    a line of `gretel ARGS --json` that FILTER (an extended regular expression) finds

declare -A more

has() {
	local want=$1 got
	shift
	got=$("$@" 2>&1)
	case $got in *"$want"*) ;; *) echo "expected: $want"; echo "found: $got"; return 1 ;; esac
}
lacks() { ! has "$@" >/dev/null; }
says() {
	local want=$1 got
	shift
	got=$("$@" 2>&1)
	[ "$got" = "$want" ] || { echo "expected: $want"; echo "found: $got"; return 1; }
}

conf() {
	local host=$1
	shift
	{
		awk -v set="$(printf '%s\n' auto=add keyingtries=1 "$@")" '
			BEGIN {
				n = split(set, pair, "\n")
				for (i = 1; i <= n; i++) {
					at = index(pair[i], "=")
					key = substr(pair[i], 1, at - 1)
					if (!(key in value)) order[++keys] = key
					value[key] = substr(pair[i], at + 1)
				}
			}
			{ key = $1; sub(/=.*/, "", key) }
			!(key in value)
			END { for (i = 1; i <= keys; i++) if (value[order[i]] != "") print "   " order[i] "=" value[order[i]] }
		' "$LAB_DIR/seed/$host/ipsec.conf"
		printf '%s\n' "${more[$host]:-}"
	} | on "$host" sh -c 'cat >/etc/ipsec.conf'
}

conn() {
	echo "conn $1"
	shift
	printf '   %s\n' leftprotoport=47 rightprotoport=47 'ike=aes256-sha2_256-modp1024!' 'esp=aes-sha2_256!' authby=secret \
		keyexchange=ikev2 type=transport "$@"
}

secret() { echo ": PSK '$2'" | on "$1" sh -c 'umask 077; cat >/etc/ipsec.secrets'; }

_added() { [ "$(grep -c '\[CFG\] added configuration' "$(swan_log "$1")")" -ge "$2" ]; }

swan_reload() {
	local n
	n=$(($(grep -c '\[CFG\] added configuration' "$(swan_log "$1")") + $(on "$1" grep -Ec '^conn +[^%]' /etc/ipsec.conf)))
	on "$1" sh -c 'ipsec rereadsecrets; ipsec reload' >/dev/null 2>&1
	wait_for 20 _added "$1" "$n" || echo "lab: strongSwan at $1 does not reload" >&2
}

gretel_reload() { gretel "$1" reload 2>&1; }

spis() { on "$1" ip xfrm state | grep -o 'proto esp spi 0x[0-9a-f]*' | sort; }
up_within() { wait_for "$1" gretel_up "$2" "${3:-tunnel}"; }
no_sas() {
	local found
	found=$(on "$1" ip xfrm state | grep -A1 "^src.*${2:-}" | grep 'proto esp spi 0x[0-9a-f]*[1-9a-f]')
	[ -z "$found" ] || { echo "$found"; return 1; }
}
pinging() { on "$1" ping -n -q -c 1 -W 1 "$2" >/dev/null; }
pings_start() {
	on "$2" ping -n -D -c $(($4 * 5)) -i 0.2 -W 2 "$3" >"/lab/$1.ping" 2>&1 &
	disown # so that a plain `wait` is not for it
}
pings_lost() {
	wait_for 600 grep -q 'packets transmitted' "/lab/$1.ping"
	sed -n 's/^\([0-9]*\) packets transmitted, \([0-9]*\) received.*/\1 \2/p' "/lab/$1.ping" | awk '{ print $1 - $2 }'
}
now_ms() { echo $((${EPOCHREALTIME/[.,]/} / 1000)); }
json() {
	local host=$1 filter=$2
	shift 2
	gretel "$host" --json "$@" | grep -Eo "$filter"
}
