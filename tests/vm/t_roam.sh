#!/bin/bash
# tests/vm/boot -t 600 tests/vm/t_roam.sh: addresses that change under a tunnel with strongSwan at the other end: ours as initiator and as
# responder, strongSwan's likewise, with MOBIKE and without. us is strongSwan, home is gretel.
#
# LAB_ONLY="ours ..." runs only those parts: ours theirs without.
set -u
. "$(dirname "${BASH_SOURCE[0]}")/lab.sh"
. "$(dirname "${BASH_SOURCE[0]}")/lab-gretel.sh"
. "$(dirname "${BASH_SOURCE[0]}")/lab-pair.sh"

US=80.251.215.33 HOME4=123.186.228.22

part() { case " ${LAB_ONLY:-$1} " in *" $1 "*) echo "-- $1 ($SECONDS s)" ;; *) return 1 ;; esac; }
file() { on "$1" sh -c 'cat >/etc/ipsec.conf'; }
gre_at() { # HOST NAME LOCAL REMOTE ADDRESS
	on "$1" sh -c 'ip link add "$1" type gre local "$2" remote "$3"; ip link set "$1" up mtu 1400; ip addr add "$4" dev "$1"' \
		sh "$2" "$3" "$4" "$5"
}
readdress() { # HOST IFACE OLD NEW GATEWAY: as a DHCP client does it
	on "$1" sh -c 'ip addr del $2/24 dev $1; ip addr add $3/24 dev $1; ip route replace default via $4' sh "$2" "$3" "$4" "$5"
}
sas() { on "$1" ip xfrm state | awk -v a="$2" '/^src/ { keep = index($0, a) } keep && /^src/'; }
policies() { on "$1" ip xfrm policy | awk -v a="$2" '/^src/ { keep = index($0, a) } keep && /priority 366975/ { n++ } END { print n + 0 }'; }
moved() { [ "$(sas us "$1" | wc -l)" = 2 ] && [ "$(sas home "$1" | wc -l)" = 2 ] && [ "$(policies us "$1")" = 2 ]; }
# What strongSwan's side has made by hand has to be told; gretel's follows.
far_gre() { on us ip tunnel change gre2 local "$1" remote "$2"; }
took() { # SECONDS COMMAND...: how long until it succeeds
	local since until=$1
	since=$(now_ms)
	shift
	wait_for "$until" "$@" || return
	echo "        after $(($(now_ms) - since)) ms" >&3
}
exec 3>&1
ends() { # MOBIKE HOME_AUTO US_AUTO
	conn us right=$US rightid=@us leftid=@home auto="$2" mobike="$1" dpdaction=restart dpddelay=10s \
		x-gre-name=gre2 x-gre-address=10.0.5.2/30 | file home
	{ conn home left=%any leftid=@us right="$([ "$3" = start ] && echo $HOME4 || echo %any)" rightid=@home auto="$3" mobike="$1" \
		dpdaction=clear dpddelay=10s; } | file us
}

begin() { # MOBIKE HOME_AUTO US_AUTO
	on us ip link del gre2 2>/dev/null
	gre_at us gre2 $US $HOME4 10.0.5.1/30
	ends "$@"
	cap_start clear home home-wan ip proto 47 and src net 123.186.228.0/24
	swan_start us ike=2 knl=2 & gretel_start home & wait
	[ "$2" = start ] || on us timeout 30 ipsec up home >/dev/null 2>&1
	check "it is up" wait_for 30 pinging home 10.0.5.1
}
end() {
	cap_stop clear
	check "nothing has left here in the clear" says 0 cap_count clear
	swan_stop us
	gretel_stop home
	on us sh -c 'ip addr flush dev us-wan scope global; ip addr add 80.251.215.33/24 dev us-wan; ip route replace default via 80.251.215.1'
	on home sh -c 'ip addr flush dev home-wan scope global; ip addr add 123.186.228.22/24 dev home-wan; ip route replace default via 123.186.228.1'
}
no_complaint() { ! grep -E 'invalid|unable|failed|error|closing IKE_SA|not found' "$(swan_log us)"; }

gretel_install && lab_up || exit
secret home password
secret us password

if part ours; then
	begin yes start add
	check "both speak MOBIKE" has '"mobike": true' gretel home --json statusall us
	spis_before=$(spis home)
	readdress home home-wan $HOME4 123.186.228.77 123.186.228.1
	check "our address changes: the SAs follow at both ends" took 20 moved 123.186.228.77
	far_gre $US 123.186.228.77
	check "our address changes: pings" took 10 pinging home 10.0.5.1
	check "our address changes: the SAs are those from before" says "$spis_before" spis home
	check "our address changes: the interface has followed" has "local 123.186.228.77" on home ip -d link show gre2
	check "our address changes: both ways carry" ping_gre home 10.0.5.1 10
	readdress home home-wan 123.186.228.77 $HOME4 123.186.228.1
	check "and back" took 20 moved $HOME4
	far_gre $US $HOME4
	check "and back: pings" took 10 pinging home 10.0.5.1
	check "strongSwan does not complain" no_complaint

	# strongSwan, which is the responder here, says that it has moved.
	readdress us us-wan $US 80.251.215.77 80.251.215.1
	check "the responder's address changes: the SAs follow" took 20 moved 80.251.215.77
	far_gre 80.251.215.77 $HOME4
	check "the responder's address changes: pings" took 10 pinging home 10.0.5.1
	check "the responder's address changes: guarded" has 80.251.215.77 gretel home guard
	check "the responder's address changes: the SAs are those from before" says "$spis_before" spis home
	end
fi

if part theirs; then
	begin yes add start
	spis_before=$(spis home)
	readdress us us-wan $US 80.251.215.77 80.251.215.1
	check "strongSwan initiates and moves: the SAs follow" took 20 moved 80.251.215.77
	far_gre 80.251.215.77 $HOME4
	check "strongSwan initiates and moves: pings" took 10 pinging home 10.0.5.1
	check "strongSwan initiates and moves: the interface has followed" has "remote 80.251.215.77" on home ip -d link show gre2
	check "strongSwan initiates and moves: the SAs are those from before" says "$spis_before" spis home
	# And we, who are the responder.
	readdress home home-wan $HOME4 123.186.228.77 123.186.228.1
	check "we are the responder and move: the SAs follow" took 20 moved 123.186.228.77
	far_gre 80.251.215.77 123.186.228.77
	check "we are the responder and move: pings" took 10 pinging home 10.0.5.1
	check "strongSwan does not complain" no_complaint
	end
fi

if part without; then
	begin no start add
	spis_before=$(spis home)
	readdress home home-wan $HOME4 123.186.228.77 123.186.228.1
	check "without MOBIKE: a successor from the new address" took 20 moved 123.186.228.77
	far_gre $US 123.186.228.77
	check "without MOBIKE: pings" took 10 pinging home 10.0.5.1
	check "without MOBIKE: one pair is left" wait_for 20 says 2 sa_count home
	check "without MOBIKE: and at strongSwan" wait_for 20 says 2 sa_count us
	check "without MOBIKE: others than before" test "$spis_before" != "$(spis home)"
	end
fi
lab_summary
