/* The cases of malformed.c: what is sent, and what must come of it. After RFC 4271 6, 4760 7, 6793 6, 7606, 7607, 2918, 7313, for a
 * route reflector and an iBGP session, and after what has brought speakers down.
 *
 * An UPDATE is "withdrawn / attributes / NLRI" in hex, where letters stand for what is right:
 *   O A N L  ORIGIN, AS_PATH, NEXT_HOP, LOCAL_PREF       M  MED 119: a mark by which the route is known again
 *   V        the prefix that the sender has announced    X  MP_REACH_NLRI for the IPv6 prefix that it has announced
 *   wlen=N alen=N mlen=N    another length of withdrawn routes, of attributes, of the message
 *   rep=N:HEX               the octets N times
 * A message of another kind is hex from the header's length on; `=` before it: from the marker on. mlen as above.
 *
 * Verdicts: R c/s   the session ends with this NOTIFICATION      C  it ends without one
 *           W       the prefix is withdrawn, the session stays   D  it is there with its new attributes, without the one at fault
 *           P       the same with the attribute, Partial set     K  the same with the attribute as it was sent
 *           I       the UPDATE had no effect                     ok (OPEN) the session is established
 * Several, with a blank between them: each is right. */
#ifndef MALFORMED_CASES_H
#define MALFORMED_CASES_H

enum kind { IN_UPDATE, IN_UPDATE6, IN_SESSION, IN_OPEN };

struct bad_case {
	const char *name;
	enum kind kind;
	int type; /* the attribute in question */
	const char *bytes, *verdict;
};

#define OPEN_HEAD "01 04"
static const struct bad_case cases[] = {
	/* What is right, so that the rest proves something. */
	{"right", IN_UPDATE, 4, "/ O A N M L / V", "K"},
	{"right-ipv6", IN_UPDATE6, 14, "/ X O A M L /", "K"},
	{"right-withdraw", IN_UPDATE, 0, "V / /", "W"},
	{"right-communities", IN_UPDATE, 8, "/ O A N M L c008 08 fde80001 fde80002 / V", "K"},
	/* The header: RFC 4271 6.1. */
	{"marker", IN_SESSION, 0, "= fffffffffffffffffffffffffffffffe 0013 04", "R1/1"},
	{"length-18", IN_SESSION, 0, "mlen=18 04", "R1/2"},
	{"length-0", IN_SESSION, 0, "mlen=0 04", "R1/2"},
	{"length-4097", IN_SESSION, 0, "mlen=4097 02 rep=4078:00", "R1/2"},
	{"length-65535", IN_SESSION, 0, "mlen=65535 02 rep=4078:00", "R1/2"},
	{"type-0", IN_SESSION, 0, "00", "R1/3"},
	{"type-6", IN_SESSION, 0, "06", "R1/3"},
	{"type-255", IN_SESSION, 0, "ff", "R1/3"},
	{"keepalive-20", IN_SESSION, 0, "04 00", "R1/2"},
	{"update-22", IN_SESSION, 0, "02 000000", "R1/2"},
	{"notification-20", IN_SESSION, 0, "03 06", "C R1/2"},
	{"open-in-session", IN_SESSION, 0, OPEN_HEAD " fde8 00b4 0a010003 00", "R5/3 R5/0"},
	{"refresh-22", IN_SESSION, 0, "05 000100", "R1/2 R7/1"},
	/* RFC 7313 5 gives the markers a length, RFC 5291 lets a request be longer: what follows it may be passed over. */
	{"refresh-24", IN_SESSION, 0, "05 00010001 00", "K R7/1 R1/2"},
	{"refresh-24-begin", IN_SESSION, 0, "05 00010101 00", "R7/1 R1/2"},
	{"refresh-24-end", IN_SESSION, 0, "05 00010201 00", "R7/1 R1/2"},
	{"refresh-bad-subtype", IN_SESSION, 0, "05 0001 09 01", "K"},
	{"refresh-unknown-family", IN_SESSION, 0, "05 4004 00 47", "K"},
	{"notification-hard-reset", IN_SESSION, 0, "03 06 09 06 04", "C"},
	{"notification-unknown", IN_SESSION, 0, "03 c8 c8 0000", "C"},
	/* OPEN: RFC 4271 6.2, 5492, 9072. */
	{"open-version-3", IN_OPEN, 0, "01 03 fde8 00b4 ID 00", "R2/1"},
	{"open-version-5", IN_OPEN, 0, "01 05 fde8 00b4 ID 00", "R2/1"},
	{"open-as", IN_OPEN, 0, OPEN_HEAD " fde9 00b4 ID 00", "R2/2"},
	{"open-as-in-capability", IN_OPEN, 0, OPEN_HEAD " fde8 00b4 ID 10 02 06 01 04 00010001 02 06 41 04 0000fde9",
	 "R2/2"},
	{"open-as-0", IN_OPEN, 0, OPEN_HEAD " 0000 00b4 ID 10 02 06 01 04 00010001 02 06 41 04 00000000", "R2/2"},
	{"open-id-0", IN_OPEN, 0, OPEN_HEAD " fde8 00b4 00000000 00", "R2/3"},
	{"open-id-own", IN_OPEN, 0, OPEN_HEAD " fde8 00b4 0a010001 00", "R2/3"},
	{"open-hold-1", IN_OPEN, 0, OPEN_HEAD " fde8 0001 ID 00", "R2/6"},
	{"open-hold-2", IN_OPEN, 0, OPEN_HEAD " fde8 0002 ID 00", "R2/6"},
	{"open-hold-3", IN_OPEN, 0, OPEN_HEAD " fde8 0003 ID 00", "ok"},
	{"open-hold-0", IN_OPEN, 0, OPEN_HEAD " fde8 0000 ID 00", "ok"},
	{"open-parameter-1", IN_OPEN, 0, OPEN_HEAD " fde8 00b4 ID 03 01 01 00", "R2/4 R2/5"},
	{"open-parameter-7", IN_OPEN, 0, OPEN_HEAD " fde8 00b4 ID 03 07 01 00", "R2/4"},
	{"open-parameters-too-long", IN_OPEN, 0, OPEN_HEAD " fde8 00b4 ID 0a 02 06 41 04 0000fde8", "R2/0"},
	{"open-parameters-too-short", IN_OPEN, 0, OPEN_HEAD " fde8 00b4 ID 06 02 06 41 04 0000fde8", "R2/0"},
	{"open-parameter-cut", IN_OPEN, 0, OPEN_HEAD " fde8 00b4 ID 01 02", "R2/0"},
	{"open-capability-too-long", IN_OPEN, 0, OPEN_HEAD " fde8 00b4 ID 08 02 06 41 09 0000fde8", "R2/0"},
	{"open-capability-as4-length", IN_OPEN, 0, OPEN_HEAD " fde8 00b4 ID 07 02 05 41 03 00fde8", "R2/0"},
	{"open-capability-mp-length", IN_OPEN, 0, OPEN_HEAD " fde8 00b4 ID 07 02 05 01 03 000100", "R2/0 ok"},
	{"open-capability-gr-length", IN_OPEN, 0, OPEN_HEAD " fde8 00b4 ID 07 02 05 40 03 000000", "R2/0 ok"},
	{"open-capability-llgr-length", IN_OPEN, 0, OPEN_HEAD " fde8 00b4 ID 07 02 05 47 03 000000", "R2/0 ok"},
	{"open-capability-fqdn-lies", IN_OPEN, 0, OPEN_HEAD " fde8 00b4 ID 07 02 05 49 03 ff6100", "R2/0 ok"},
	{"open-capability-addpath-length", IN_OPEN, 0, OPEN_HEAD " fde8 00b4 ID 07 02 05 45 03 000101", "R2/0 ok"},
	{"open-capability-software-lies", IN_OPEN, 0, OPEN_HEAD " fde8 00b4 ID 0e 02 06 01 04 00010001 02 04 4b 02 ff61",
	 "R2/0 ok"},
	{"open-capability-unknown", IN_OPEN, 0, OPEN_HEAD " fde8 00b4 ID 0f 02 06 01 04 00010001 02 05 c8 03 010203",
	 "ok"},
	{"open-extended-right", IN_OPEN, 0, OPEN_HEAD " fde8 00b4 ID ff ff 0012 02 0006 01 04 00010001 02 0006 41 04 0000fde8",
	 "ok"},
	{"open-extended-cut", IN_OPEN, 0, OPEN_HEAD " fde8 00b4 ID ff ff 00", "R2/0"},
	{"open-extended-nothing", IN_OPEN, 0, OPEN_HEAD " fde8 00b4 ID ff ff", "R2/0"},
	{"open-extended-too-long", IN_OPEN, 0, OPEN_HEAD " fde8 00b4 ID ff ff ffff 02 0006 41 04 0000fde8", "R2/0"},
	{"open-28", IN_OPEN, 0, OPEN_HEAD " fde8 00b4 ID", "R1/2"},
	{"open-keepalive-first", IN_OPEN, 0, "04", "R5/1 R5/0"},
	{"open-update-first", IN_OPEN, 0, "02 0000 0000", "R5/1 R5/0"},
	/* The frame of an UPDATE: RFC 4271 6.3, 7606 4 and 5. */
	{"withdrawn-too-long", IN_UPDATE, 0, "wlen=200 / O A N L / V", "R3/1"},
	{"attributes-too-long", IN_UPDATE, 0, "alen=300 / O A N L / V", "R3/1"},
	{"withdrawn-prefix-33", IN_UPDATE, 0, "21c000020000 / /", "R3/10 R3/1"},
	{"withdrawn-cut", IN_UPDATE, 0, "18c000 / /", "R3/10 R3/1"},
	{"nlri-33", IN_UPDATE, 0, "/ O A N L / 21c000020000", "R3/10 R3/1"},
	{"nlri-255", IN_UPDATE, 0, "/ O A N L / ffc00002", "R3/10 R3/1"},
	{"nlri-cut", IN_UPDATE, 0, "/ O A N L / 18c000", "R3/10 R3/1"},
	{"nlri-without-attributes", IN_UPDATE, 0, "/ / V", "W"},
	{"attribute-overruns", IN_UPDATE, 0, "/ O A N L c0080c fde80001 / V", "W"},
	{"attribute-one-octet", IN_UPDATE, 0, "/ O A N L c0 / V", "W"},
	{"attribute-two-octets", IN_UPDATE, 0, "/ O A N L c008 / V", "W"},
	{"attribute-extended-cut", IN_UPDATE, 0, "/ O A N L d00800 / V", "W"},
	{"attribute-extended-overruns", IN_UPDATE, 0, "/ O A N L d008ffff fde80001 / V", "W"},
	/* Attributes that must be there: RFC 7606 3 d. */
	{"no-origin", IN_UPDATE, 1, "/ A N L / V", "W"},
	{"no-as-path", IN_UPDATE, 2, "/ O N L / V", "W"},
	{"no-next-hop", IN_UPDATE, 3, "/ O A L / V", "W"},
	{"no-local-pref", IN_UPDATE, 5, "/ O A N / V", "W"},
	{"only-unknown", IN_UPDATE, 0, "/ c0630101 / V", "W"},
	/* Flags: RFC 7606 3 c. */
	{"origin-flags", IN_UPDATE, 1, "/ c0010100 A N L / V", "W"},
	{"as-path-flags", IN_UPDATE, 2, "/ O c00200 N L / V", "W"},
	{"next-hop-flags", IN_UPDATE, 3, "/ O A 800304 0a010002 L / V", "W"},
	{"med-flags", IN_UPDATE, 4, "/ O A N 400404 00000001 L / V", "W"},
	{"local-pref-flags", IN_UPDATE, 5, "/ O A N c00504 00000064 / V", "W"},
	{"atomic-flags", IN_UPDATE, 6, "/ O A N M L c00600 / V", "D W"},
	{"aggregator-flags", IN_UPDATE, 7, "/ O A N M L 400708 0000fde8 0a010002 / V", "D W"},
	{"communities-flags", IN_UPDATE, 8, "/ O A N L 400804 fde80001 / V", "W"},
	{"originator-flags", IN_UPDATE, 9, "/ O A N L c00904 0a010009 / V", "W"},
	{"cluster-list-flags", IN_UPDATE, 10, "/ O A N L c00a04 0a010009 / V", "W"},
	/* Twice the same: RFC 7606 3 g. */
	{"duplicate-origin", IN_UPDATE, 1, "/ O A N M L 40010101 / V", "K"},
	{"duplicate-communities", IN_UPDATE, 8, "/ O A N M L c00804 fde80001 c00804 fde80002 / V", "K"},
	{"duplicate-mp-reach", IN_UPDATE6, 14, "/ X X O A L /", "R3/1"},
	{"duplicate-mp-unreach", IN_UPDATE6, 15, "/ 800f03000201 800f03000201 O A L /", "R3/1"},
	/* Each attribute: RFC 7606 7. */
	{"origin-length-0", IN_UPDATE, 1, "/ 400100 A N L / V", "W"},
	{"origin-length-2", IN_UPDATE, 1, "/ 4001020000 A N L / V", "W"},
	{"origin-value-3", IN_UPDATE, 1, "/ 40010103 A N L / V", "W"},
	{"as-path-segment-type-0", IN_UPDATE, 2, "/ O 400206 0001 0000fde9 N L / V", "W"},
	{"as-path-segment-type-5", IN_UPDATE, 2, "/ O 400206 0501 0000fde9 N L / V", "W"},
	{"as-path-segment-empty", IN_UPDATE, 2, "/ O 400202 0200 N L / V", "W"},
	{"as-path-overrun", IN_UPDATE, 2, "/ O 400206 0202 0000fde9 N L / V", "W"},
	{"as-path-underrun", IN_UPDATE, 2, "/ O 400207 0201 0000fde9 00 N L / V", "W"},
	{"as-path-as-0", IN_UPDATE, 2, "/ O 400206 0201 00000000 N L / V", "W"},
	{"as-path-own-as", IN_UPDATE, 2, "/ O 400206 0201 0000fde8 N L / V", "W"},
	/* RFC 5065 5: an error from a neighbour outside the confederation, which an internal one never is. */
	{"as-path-confed", IN_UPDATE, 2, "/ O 400206 0301 0000fde9 N M L / V", "K W"},
	{"as-path-long", IN_UPDATE, 2, "/ O 5002 03fe 02ff rep=255:0000fde9 N M L / V", "K"},
	{"next-hop-length-3", IN_UPDATE, 3, "/ O A 4003030a0100 L / V", "W"},
	{"next-hop-length-5", IN_UPDATE, 3, "/ O A 4003050a01000200 L / V", "W"},
	{"next-hop-0", IN_UPDATE, 3, "/ O A 40030400000000 L / V", "W I"},
	{"next-hop-127", IN_UPDATE, 3, "/ O A 4003047f000001 L / V", "W I"},
	{"next-hop-224", IN_UPDATE, 3, "/ O A 400304e0000005 L / V", "W I"},
	{"next-hop-own", IN_UPDATE, 3, "/ O A 4003040a010001 L / V", "W I"},
	{"med-length-3", IN_UPDATE, 4, "/ O A N 800403000001 L / V", "W"},
	{"local-pref-length-5", IN_UPDATE, 5, "/ O A N 4005050000006400 / V", "W"},
	{"atomic-length-1", IN_UPDATE, 6, "/ O A N M L 40060100 / V", "D"},
	{"aggregator-length-7", IN_UPDATE, 7, "/ O A N M L c00707 0000fde8 0a0100 / V", "D"},
	{"aggregator-length-6", IN_UPDATE, 7, "/ O A N M L c00706 fde8 0a010002 / V", "D"},
	{"aggregator-as-0", IN_UPDATE, 7, "/ O A N M L c00708 00000000 0a010002 / V", "D"},
	{"communities-length-0", IN_UPDATE, 8, "/ O A N L c00800 / V", "W"},
	{"communities-length-5", IN_UPDATE, 8, "/ O A N L c00805 fde8000100 / V", "W"},
	{"originator-length-3", IN_UPDATE, 9, "/ O A N L 8009030a0100 / V", "W"},
	{"originator-own", IN_UPDATE, 9, "/ O A N L 8009040a010001 / V", "W"},
	{"cluster-list-length-0", IN_UPDATE, 10, "/ O A N L 800a00 / V", "W"},
	{"cluster-list-length-5", IN_UPDATE, 10, "/ O A N L 800a050a01000900 / V", "W"},
	{"cluster-list-own", IN_UPDATE, 10, "/ O A N L 800a040a010001 / V", "W"},
	{"extended-length-0", IN_UPDATE, 16, "/ O A N L c01000 / V", "W"},
	{"extended-length-9", IN_UPDATE, 16, "/ O A N L c01009 0002fde80000000100 / V", "W"},
	{"extended6-length-19", IN_UPDATE, 25, "/ O A N L c01913 rep=19:00 / V", "W"},
	{"large-length-0", IN_UPDATE, 32, "/ O A N L c02000 / V", "W"},
	{"large-length-13", IN_UPDATE, 32, "/ O A N L c0200d 0000fde800000001000000 0200 / V", "W"},
	{"as4-path", IN_UPDATE, 17, "/ O A N M L c01106 0201 0000fde9 / V", "D"},
	{"as4-path-malformed", IN_UPDATE, 17, "/ O A N M L c01106 0209 0000fde9 / V", "D"},
	{"as4-path-first", IN_UPDATE, 17, "/ c01106 0209 0000fde9 O A N M L / V", "D"},
	{"as4-aggregator-length", IN_UPDATE, 18, "/ O A N M L c01207 0000fde80a0100 / V", "D"},
	{"unknown-well-known", IN_UPDATE, 99, "/ O A N M L 406301aa / V", "R3/2"},
	{"unknown-transitive", IN_UPDATE, 99, "/ O A N M L c06301aa / V", "P"},
	{"unknown-non-transitive", IN_UPDATE, 99, "/ O A N M L 806301aa / V", "D"},
	{"tunnel-encap-malformed", IN_UPDATE, 23, "/ O A N M L c01705 000dffff00 / V", "P W D"},
	{"aigp-length-2", IN_UPDATE, 26, "/ O A N M L 801a020100 / V", "D"},
	{"prefix-sid-malformed", IN_UPDATE, 40, "/ O A N M L c02803 01ffff / V", "P D W"},
	{"otc-long", IN_UPDATE, 35, "/ O A N M L d0230400 rep=1024:00 / V", "P W"},
	{"two-faults", IN_UPDATE, 1, "/ 40010103 A N L c00705 0000000000 c00800 / V", "W"},
	/* More than one address family: RFC 4760 7, 7606 5.3 and 7.11. */
	{"mp-reach-length-0", IN_UPDATE6, 14, "/ 800e00 O A L /", "R3/1 R3/9"},
	{"mp-reach-4", IN_UPDATE6, 14, "/ 800e0400020110 O A L /", "R3/1 R3/9"},
	{"mp-reach-next-hop-15", IN_UPDATE6, 14, "/ 800e1b 0002010f fd0001000000000000000000000000 00 30 20010db80001 O A L /",
	 "R3/1 R3/9"},
	{"mp-reach-next-hop-overrun", IN_UPDATE6, 14, "/ 800e09 00020110fd00010000 O A L /", "R3/1 R3/9"},
	{"mp-reach-nlri-129", IN_UPDATE6, 14, "/ 800e1c 00020110 fd000001000000000000000000000002 00 81 20010db80001 O A L /",
	 "R3/1 R3/9 R3/10"},
	{"mp-reach-nlri-cut", IN_UPDATE6, 14, "/ 800e1a 00020110 fd000001000000000000000000000002 00 30 20010db8 O A L /",
	 "R3/1 R3/9 R3/10"},
	{"mp-unreach-length-2", IN_UPDATE6, 15, "/ 800f020002 O A L /", "R3/1 R3/9"},
	{"mp-unreach-nlri-cut", IN_UPDATE6, 15, "/ 800f0600020130 2001 O A L /", "R3/1 R3/9 R3/10"},
	{"mp-reach-origin-3", IN_UPDATE6, 14, "/ X 40010103 A L /", "W"},
	{"mp-reach-no-origin", IN_UPDATE6, 14, "/ X A L /", "W"},
	{"mp-reach-flags", IN_UPDATE6, 14, "/ c00e1c 00020110 fd000001000000000000000000000002 00 30 20010db80001 O A L /",
	 "W R3/4 R3/9"},
	{"mp-reach-next-hop-loopback", IN_UPDATE6, 14, "/ 800e1c 00020110 00000000000000000000000000000001 00 30 20010db80001 O A L /",
	 "W I"},
	{"mp-reach-next-hop-multicast", IN_UPDATE6, 14, "/ 800e1c 00020110 ff020000000000000000000000000001 00 30 20010db80001 O A L /",
	 "W I"},
	{"mp-family-not-negotiated", IN_UPDATE6, 14, "/ 800e0a 001946 04 0a010002 00 00 O A L /", "I R3/9"},
	{"mp-unreach-and-nlri", IN_UPDATE, 0, "/ 800f03000201 / V", "W"},
	{"mp-unreach-withdraws", IN_UPDATE6, 15, "/ 800f0a 000201 30 20010db80001 /", "W"},
};

#endif
