/* UPDATEs that are wrong: each row of RFC 7606's treatment, with its verdict, the attribute that decided, and the code that a
 * NOTIFICATION would have. Every message is in a block of exact size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bgp_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OK_ORIGIN "40010100"
#define OK_PATH "400200"
#define OK_HOP "4003040a000001"
#define OK_PREF "40050400000064"
#define OK OK_ORIGIN OK_PATH OK_HOP OK_PREF
#define NLRI "18c00002"
#define V6_HOP "fd990000000000000000000000000001"

static struct bgp_update u;
static struct span body; /* of the last one: views borrow from it */

/* withdrawn, attributes, prefixes in hex; the lengths are counted. */
static void decode(const char *coding, const char *withdrawn, const char *attrs, const char *nlri)
{
	static char text[200000];
	const struct bgp_coding c = bgp_coding_of(coding);

	snprintf(text, sizeof text, "%04zx%s%04zx%s%s", strlen(withdrawn) / 2, withdrawn, strlen(attrs) / 2, attrs, nlri);
	wire_free(body);
	body = wire_hex(text);
	memset(&u, 0xa5, sizeof u);
	bgp_update_decode(body, &c, &u);
}

struct row {
	const char *what, *coding, *withdrawn, *attrs, *nlri;
	uint8_t verdict, type, sub;
	size_t data; /* octets quoted */
};

static const struct row rows[] = {
	/* What is right, to begin with. */
	{"good", " as4 v4 v6", "", OK, NLRI, BGP_V_OK, 0, 0, 0},
	{"withdrawn only", " as4 v4 v6", NLRI, "", "", BGP_V_OK, 0, 0, 0},
	{"external: no LOCAL_PREF", " as4 v4 external", "", OK_ORIGIN OK_PATH OK_HOP, NLRI, BGP_V_OK, 0, 0, 0},
	{"extended length of a short one", " as4 v4", "", "5001000100" OK_PATH OK_HOP OK_PREF, NLRI, BGP_V_OK, 0, 0, 0},
	{"next hop of class A", " as4 v4", "", OK_ORIGIN OK_PATH "4003047e000001" OK_PREF, NLRI, BGP_V_OK, 0, 0, 0},
	{"next hop 223", " as4 v4", "", OK_ORIGIN OK_PATH "400304dfffffff" OK_PREF, NLRI, BGP_V_OK, 0, 0, 0},
	{"ORIGIN incomplete", " as4 v4", "", "40010102" OK_PATH OK_HOP OK_PREF, NLRI, BGP_V_OK, 0, 0, 0},
	{"/32 and /0", " as4 v4", "", OK, "20c000020100", BGP_V_OK, 0, 0, 0},
	{"/128", " as4 v4 v6", "", OK "800e26" "00020110" V6_HOP "00" "80" V6_HOP OK_HOP, "", BGP_V_OK, 0, 0, 0},
	{"confederation inside", " as4 v4", "", OK_ORIGIN "4002060301000000074003040a000001" OK_PREF, NLRI, BGP_V_OK, 0, 0, 0},
	{"AS4_PATH from a new speaker", " as4 v4", "", OK "c01106020100000001", NLRI, BGP_V_OK, 0, 0, 0},
	{"martian NEXT_HOP beside MP_REACH alone", " as4 v4 v6", "",
	 OK_ORIGIN OK_PATH "4003047f000001" OK_PREF "800e1a" "00020110" V6_HOP "00" "2020010db8", "", BGP_V_OK, 0, 0, 0},

	/* Frame of the message. */
	{"withdrawn run over", " as4 v4", "21c000020100", "", "", BGP_V_RESET, 0, BGP_E_NETWORK, 0},
	{"withdrawn cut", " as4 v4", "18c000", "", "", BGP_V_RESET, 0, BGP_E_NETWORK, 0},
	{"prefix of 33", " as4 v4", "", OK, "21c000020100", BGP_V_RESET, 0, BGP_E_NETWORK, 0},
	{"prefix cut", " as4 v4", "", OK, "18c000", BGP_V_RESET, 0, BGP_E_NETWORK, 0},
	{"prefix of 255", " as4 v4", "", OK, "ff", BGP_V_RESET, 0, BGP_E_NETWORK, 0},
	{"path identifier cut", " as4 v4 addpath-v4", "", OK, "000000", BGP_V_RESET, 0, BGP_E_NETWORK, 0},
	{"path identifier alone", " as4 v4 addpath-v4", "", OK, "00000001", BGP_V_RESET, 0, BGP_E_NETWORK, 0},

	/* Attributes that overrun (RFC 7606 4). */
	{"two octets left", " as4 v4", "", OK "4001", NLRI, BGP_V_WITHDRAW, 1, BGP_E_ATTR_LEN, 2},
	{"one octet left", " as4 v4", "", OK "40", NLRI, BGP_V_WITHDRAW, 0, BGP_E_ATTR_LIST, 1},
	{"three octets left of an extended one", " as4 v4", "", OK "500100", NLRI, BGP_V_WITHDRAW, 1, BGP_E_ATTR_LEN, 3},
	{"value over the end", " as4 v4", "", OK "c00808fde80001", NLRI, BGP_V_WITHDRAW, 8, BGP_E_ATTR_LEN, 7},
	{"unknown over the end", " as4 v4", "", OK "c0c8ff00", NLRI, BGP_V_WITHDRAW, 200, BGP_E_ATTR_LEN, 4},
	{"MP_REACH over the end", " as4 v4 v6", "", OK "800e20" "000201", NLRI, BGP_V_RESET, 14, BGP_E_OPTIONAL, 6},
	{"MP_UNREACH over the end", " as4 v4 v6", "", OK "800f20" "000201", NLRI, BGP_V_RESET, 15, BGP_E_OPTIONAL, 6},

	/* Flags (3 c). */
	{"ORIGIN optional", " as4 v4", "", "c0010100" OK_PATH OK_HOP OK_PREF, NLRI, BGP_V_WITHDRAW, 1, BGP_E_FLAGS, 4},
	{"AS_PATH not transitive", " as4 v4", "", OK_ORIGIN "000200" OK_HOP OK_PREF, NLRI, BGP_V_WITHDRAW, 2, BGP_E_FLAGS, 3},
	{"NEXT_HOP optional", " as4 v4", "", OK_ORIGIN OK_PATH "8003040a000001" OK_PREF, NLRI, BGP_V_WITHDRAW, 3, BGP_E_FLAGS, 7},
	{"MED transitive", " as4 v4", "", OK "c0040400000001", NLRI, BGP_V_WITHDRAW, 4, BGP_E_FLAGS, 7},
	{"LOCAL_PREF optional", " as4 v4", "", OK_ORIGIN OK_PATH OK_HOP "c0050400000064", NLRI, BGP_V_WITHDRAW, 5, BGP_E_FLAGS, 7},
	{"ATOMIC_AGGREGATE optional", " as4 v4", "", OK "c00600", NLRI, BGP_V_DISCARD, 6, BGP_E_FLAGS, 3},
	{"AGGREGATOR well-known", " as4 v4", "", OK "4007080000fde80a000001", NLRI, BGP_V_DISCARD, 7, BGP_E_FLAGS, 11},
	{"COMMUNITIES not transitive", " as4 v4", "", OK "800804fde80001", NLRI, BGP_V_WITHDRAW, 8, BGP_E_FLAGS, 7},
	{"ORIGINATOR_ID transitive", " as4 v4", "", OK "c009040a000001", NLRI, BGP_V_WITHDRAW, 9, BGP_E_FLAGS, 7},
	{"CLUSTER_LIST well-known", " as4 v4", "", OK "400a040a000001", NLRI, BGP_V_WITHDRAW, 10, BGP_E_FLAGS, 7},
	{"AS4_AGGREGATOR not transitive", " v4", "", OK "8012080000fde80a000001", NLRI, BGP_V_DISCARD, 18, BGP_E_FLAGS, 11},
	{"MP_REACH transitive", " as4 v4 v6", "", OK "c00e1a" "00020110" V6_HOP "00" "2020010db8", "", BGP_V_WITHDRAW, 14, BGP_E_FLAGS, 29},
	{"MP_UNREACH transitive", " as4 v4 v6", "", "c00f08" "000201" "2020010db8", "", BGP_V_WITHDRAW, 15, BGP_E_FLAGS, 11},
	{"large ones not optional", " as4 v4", "", OK "40200c" "0000fde80000000100000002", NLRI, BGP_V_WITHDRAW, 32, BGP_E_FLAGS, 15},

	/* Duplicates (3 g). */
	{"second ORIGIN is wrong", " as4 v4", "", OK "400101ff", NLRI, BGP_V_OK, 0, 0, 0},
	{"first ORIGIN is wrong", " as4 v4", "", "400101ff" OK, NLRI, BGP_V_WITHDRAW, 1, BGP_E_ORIGIN, 4},
	{"MP_REACH twice", " as4 v4 v6", "", OK "800e1a" "00020110" V6_HOP "00" "2020010db8" "800e1a" "00020110" V6_HOP "00" "2020010db8", "",
	 BGP_V_RESET, 14, BGP_E_ATTR_LIST, 0},
	{"MP_UNREACH twice, not ours", " as4 v4", "", "800f03000180" "800f03000180", "", BGP_V_RESET, 15, BGP_E_ATTR_LIST, 0},

	/* Mandatory ones (3 d). */
	{"no attributes", " as4 v4", "", "", NLRI, BGP_V_WITHDRAW, 1, BGP_E_MISSING, 1},
	{"no attributes, withdrawn too", " as4 v4", "18c00003", "", NLRI, BGP_V_WITHDRAW, 1, BGP_E_MISSING, 1},
	{"no ORIGIN", " as4 v4", "", OK_PATH OK_HOP OK_PREF, NLRI, BGP_V_WITHDRAW, 1, BGP_E_MISSING, 1},
	{"no AS_PATH", " as4 v4", "", OK_ORIGIN OK_HOP OK_PREF, NLRI, BGP_V_WITHDRAW, 2, BGP_E_MISSING, 1},
	{"no NEXT_HOP", " as4 v4", "", OK_ORIGIN OK_PATH OK_PREF, NLRI, BGP_V_WITHDRAW, 3, BGP_E_MISSING, 1},
	{"no LOCAL_PREF", " as4 v4", "", OK_ORIGIN OK_PATH OK_HOP, NLRI, BGP_V_WITHDRAW, 5, BGP_E_MISSING, 1},
	{"MP_REACH alone", " as4 v4 v6", "", "800e1a" "00020110" V6_HOP "00" "2020010db8", "", BGP_V_WITHDRAW, 1, BGP_E_MISSING, 1},
	{"MP_UNREACH and NLRI", " as4 v4 v6", "", "800f08" "000201" "2020010db8", NLRI, BGP_V_WITHDRAW, 1, BGP_E_MISSING, 1},
	{"an unknown one and NLRI", " as4 v4", "", "c0c80100", NLRI, BGP_V_WITHDRAW, 1, BGP_E_MISSING, 1},
	{"an unknown one alone", " as4 v4", "", "c0c80100", "", BGP_V_OK, 0, 0, 0},

	/* ORIGIN, AS_PATH (7.1, 7.2), AS 0 (7607). */
	{"ORIGIN 3", " as4 v4", "", "40010103" OK_PATH OK_HOP OK_PREF, NLRI, BGP_V_WITHDRAW, 1, BGP_E_ORIGIN, 4},
	{"ORIGIN of 0", " as4 v4", "", "400100" OK_PATH OK_HOP OK_PREF, NLRI, BGP_V_WITHDRAW, 1, BGP_E_ATTR_LEN, 3},
	{"ORIGIN of 2", " as4 v4", "", "4001020000" OK_PATH OK_HOP OK_PREF, NLRI, BGP_V_WITHDRAW, 1, BGP_E_ATTR_LEN, 5},
	{"segment type 0", " as4 v4", "", OK_ORIGIN "400206000100000001" OK_HOP OK_PREF, NLRI, BGP_V_WITHDRAW, 2, BGP_E_AS_PATH, 9},
	{"segment type 5", " as4 v4", "", OK_ORIGIN "400206050100000001" OK_HOP OK_PREF, NLRI, BGP_V_WITHDRAW, 2, BGP_E_AS_PATH, 9},
	{"empty segment", " as4 v4", "", OK_ORIGIN "4002020200" OK_HOP OK_PREF, NLRI, BGP_V_WITHDRAW, 2, BGP_E_AS_PATH, 5},
	{"segment cut", " as4 v4", "", OK_ORIGIN "400206020200000001" OK_HOP OK_PREF, NLRI, BGP_V_WITHDRAW, 2, BGP_E_AS_PATH, 9},
	{"segment of one octet", " as4 v4", "", OK_ORIGIN "40020102" OK_HOP OK_PREF, NLRI, BGP_V_WITHDRAW, 2, BGP_E_AS_PATH, 4},
	{"two octets read as four", " as4 v4", "", OK_ORIGIN "4002040201fde8" OK_HOP OK_PREF, NLRI, BGP_V_WITHDRAW, 2, BGP_E_AS_PATH, 7},
	{"AS 0", " as4 v4", "", OK_ORIGIN "40020a02020000fde800000000" OK_HOP OK_PREF, NLRI, BGP_V_WITHDRAW, 2, BGP_E_AS_PATH, 13},
	{"AS 0 in a set", " as4 v4", "", OK_ORIGIN "400206010100000000" OK_HOP OK_PREF, NLRI, BGP_V_WITHDRAW, 2, BGP_E_AS_PATH, 9},
	{"AS 0 of two octets", " v4", "", OK_ORIGIN "40020402010000" OK_HOP OK_PREF, NLRI, BGP_V_WITHDRAW, 2, BGP_E_AS_PATH, 7},
	{"confederation from outside", " as4 v4 external", "", OK_ORIGIN "400206030100000007" OK_HOP, NLRI, BGP_V_WITHDRAW, 2, BGP_E_AS_PATH, 9},

	/* NEXT_HOP (7.3; 4271 6.3). */
	{"NEXT_HOP of 3", " as4 v4", "", OK_ORIGIN OK_PATH "4003030a0000" OK_PREF, NLRI, BGP_V_WITHDRAW, 3, BGP_E_ATTR_LEN, 6},
	{"NEXT_HOP of 16", " as4 v4", "", OK_ORIGIN OK_PATH "400310" V6_HOP OK_PREF, NLRI, BGP_V_WITHDRAW, 3, BGP_E_ATTR_LEN, 19},
	{"NEXT_HOP of 0", " as4 v4", "", OK_ORIGIN OK_PATH "400300" OK_PREF, NLRI, BGP_V_WITHDRAW, 3, BGP_E_ATTR_LEN, 3},
	{"0/8", " as4 v4", "", OK_ORIGIN OK_PATH "40030400ffffff" OK_PREF, NLRI, BGP_V_WITHDRAW, 3, BGP_E_NEXT_HOP, 0},
	{"127/8", " as4 v4", "", OK_ORIGIN OK_PATH "4003047f000001" OK_PREF, NLRI, BGP_V_WITHDRAW, 3, BGP_E_NEXT_HOP, 0},
	{"224/4", " as4 v4", "", OK_ORIGIN OK_PATH "400304e0000001" OK_PREF, NLRI, BGP_V_WITHDRAW, 3, BGP_E_NEXT_HOP, 0},
	{"broadcast", " as4 v4", "", OK_ORIGIN OK_PATH "400304ffffffff" OK_PREF, NLRI, BGP_V_WITHDRAW, 3, BGP_E_NEXT_HOP, 0},

	/* Lengths of numbers and lists (7.4 to 7.16). */
	{"MED of 3", " as4 v4", "", OK "800403000000", NLRI, BGP_V_WITHDRAW, 4, BGP_E_ATTR_LEN, 6},
	{"LOCAL_PREF of 5", " as4 v4", "", OK_ORIGIN OK_PATH OK_HOP "4005050000000000", NLRI, BGP_V_WITHDRAW, 5, BGP_E_ATTR_LEN, 8},
	{"LOCAL_PREF from outside", " as4 v4 external", "", OK, NLRI, BGP_V_DISCARD, 5, BGP_E_OPTIONAL, 7},
	{"ATOMIC_AGGREGATE of 1", " as4 v4", "", OK "40060100", NLRI, BGP_V_DISCARD, 6, BGP_E_ATTR_LEN, 4},
	{"AGGREGATOR of 6", " as4 v4", "", OK "c00706fde80a000001", NLRI, BGP_V_DISCARD, 7, BGP_E_ATTR_LEN, 9},
	{"AGGREGATOR of 8 from an old one", " v4", "", OK "c007080000fde80a000001", NLRI, BGP_V_DISCARD, 7, BGP_E_ATTR_LEN, 11},
	{"AGGREGATOR AS 0", " as4 v4", "", OK "c00708000000000a000001", NLRI, BGP_V_DISCARD, 7, BGP_E_OPTIONAL, 11},
	{"AGGREGATOR AS 0 from an old one", " v4", "", OK "c0070600000a000001", NLRI, BGP_V_DISCARD, 7, BGP_E_OPTIONAL, 9},
	{"COMMUNITIES of 0", " as4 v4", "", OK "c00800", NLRI, BGP_V_WITHDRAW, 8, BGP_E_ATTR_LEN, 3},
	{"COMMUNITIES of 6", " as4 v4", "", OK "c00806fde800010000", NLRI, BGP_V_WITHDRAW, 8, BGP_E_ATTR_LEN, 9},
	{"ORIGINATOR_ID of 3", " as4 v4", "", OK "8009030a0000", NLRI, BGP_V_WITHDRAW, 9, BGP_E_ATTR_LEN, 6},
	{"ORIGINATOR_ID from outside", " as4 v4 external", "", OK_ORIGIN OK_PATH OK_HOP "8009030a0000", NLRI, BGP_V_DISCARD, 9, BGP_E_OPTIONAL, 6},
	{"CLUSTER_LIST of 0", " as4 v4", "", OK "800a00", NLRI, BGP_V_WITHDRAW, 10, BGP_E_ATTR_LEN, 3},
	{"CLUSTER_LIST of 7", " as4 v4", "", OK "800a070a0000010a0000", NLRI, BGP_V_WITHDRAW, 10, BGP_E_ATTR_LEN, 10},
	{"CLUSTER_LIST from outside", " as4 v4 external", "", OK_ORIGIN OK_PATH OK_HOP "800a040a000001", NLRI, BGP_V_DISCARD, 10, BGP_E_OPTIONAL, 7},
	{"EXT_COMMUNITIES of 0", " as4 v4", "", OK "c01000", NLRI, BGP_V_WITHDRAW, 16, BGP_E_ATTR_LEN, 3},
	{"EXT_COMMUNITIES of 7", " as4 v4", "", OK "c010070002fde8000000", NLRI, BGP_V_WITHDRAW, 16, BGP_E_ATTR_LEN, 10},
	{"IPv6 ones of 8", " as4 v4", "", OK "c019080002fde800000064", NLRI, BGP_V_WITHDRAW, 25, BGP_E_ATTR_LEN, 11},
	{"LARGE_COMMUNITIES of 0", " as4 v4", "", OK "c02000", NLRI, BGP_V_WITHDRAW, 32, BGP_E_ATTR_LEN, 3},
	{"LARGE_COMMUNITIES of 16", " as4 v4", "", OK "c0201000000001000000010000000100000001", NLRI, BGP_V_WITHDRAW, 32, BGP_E_ATTR_LEN, 19},
	{"OTC of 3", " as4 v4", "", OK "c023030000fd", NLRI, BGP_V_WITHDRAW, 35, BGP_E_ATTR_LEN, 6},
	{"AS4_AGGREGATOR of 6", " v4", "", OK "c01206fde80a000001", NLRI, BGP_V_DISCARD, 18, BGP_E_ATTR_LEN, 9},
	{"AS4_AGGREGATOR AS 0", " v4", "", OK "c01208000000000a000001", NLRI, BGP_V_DISCARD, 18, BGP_E_OPTIONAL, 11},
	{"AS4_PATH cut", " v4", "", OK "c01106020200000001", NLRI, BGP_V_DISCARD, 17, BGP_E_OPTIONAL, 9},
	{"AS4_PATH of 0", " v4", "", OK "c01100", NLRI, BGP_V_DISCARD, 17, BGP_E_OPTIONAL, 3},
	{"AS4_PATH with AS 0", " v4", "", OK "c01106020100000000", NLRI, BGP_V_DISCARD, 17, BGP_E_OPTIONAL, 9},
	{"AS4_PATH cut, from a new one", " as4 v4", "", OK "c01106020200000001", NLRI, BGP_V_DISCARD, 17, BGP_E_OPTIONAL, 9},

	/* MP_REACH, MP_UNREACH (5.3, 7.11, 7.12). */
	{"next hop of 15", " as4 v4 v6", "", OK "800e14" "0002010f" "fd9900000000000000000000000000" "00", "", BGP_V_RESET, 14, BGP_E_OPTIONAL, 23},
	{"next hop of 4 for IPv6", " as4 v4 v6", "", OK "800e0e" "00020104" "0a000001" "00" "2020010db8", "", BGP_V_RESET, 14, BGP_E_OPTIONAL, 17},
	{"next hop over the end", " as4 v4 v6", "", OK "800e08" "00020120" "0a000001", "", BGP_V_RESET, 14, BGP_E_OPTIONAL, 11},
	{"no reserved octet", " as4 v4 v6", "", OK "800e14" "00020110" V6_HOP, "", BGP_V_RESET, 14, BGP_E_OPTIONAL, 23},
	{"prefix of 129", " as4 v4 v6", "", OK "800e27" "00020110" V6_HOP "00" "81" V6_HOP "00", "", BGP_V_RESET, 14, BGP_E_OPTIONAL, 42},
	{"prefix cut in MP_REACH", " as4 v4 v6", "", OK "800e19" "00020110" V6_HOP "00" "2020010d", "", BGP_V_RESET, 14, BGP_E_OPTIONAL, 28},
	{"MP_REACH of 2", " as4 v4 v6", "", OK "800e02" "0002", "", BGP_V_RESET, 14, BGP_E_OPTIONAL, 5},
	{"IPv4 behind IPv6, not agreed", " as4 v4 v6", "", OK "800e19" "00010110" V6_HOP "00" "18c00002", "", BGP_V_RESET, 14, BGP_E_OPTIONAL, 28},
	{"MP_UNREACH of 2", " as4 v4 v6", "", "800f020002", "", BGP_V_RESET, 15, BGP_E_OPTIONAL, 5},
	{"prefix cut in MP_UNREACH", " as4 v4 v6", "", "800f060002012020", "", BGP_V_RESET, 15, BGP_E_OPTIONAL, 8},
	{"unspecified next hop", " as4 v4 v6", "", OK "800e1a" "00020110" "00000000000000000000000000000000" "00" "2020010db8", "",
	 BGP_V_WITHDRAW, 14, BGP_E_NEXT_HOP, 0},
	{"loopback next hop", " as4 v4 v6", "", OK "800e1a" "00020110" "00000000000000000000000000000001" "00" "2020010db8", "",
	 BGP_V_WITHDRAW, 14, BGP_E_NEXT_HOP, 0},
	{"multicast next hop", " as4 v4 v6", "", OK "800e1a" "00020110" "ff020000000000000000000000000001" "00" "2020010db8", "",
	 BGP_V_WITHDRAW, 14, BGP_E_NEXT_HOP, 0},
	{"127/8 in MP_REACH", " as4 v4 v6", "", OK "800e0d" "00010104" "7f000001" "00" "18c00002", "", BGP_V_WITHDRAW, 14, BGP_E_NEXT_HOP, 0},
	{"damaged, but not ours", " as4 v4", "", OK "800e08" "0002010300000000" , NLRI, BGP_V_OK, 0, 0, 0},

	/* Unknown ones. */
	{"unknown well-known", " as4 v4", "", OK "40c80100", NLRI, BGP_V_RESET, 200, BGP_E_WELL_KNOWN, 4},
	{"unknown with nothing but Partial", " as4 v4", "", OK "20c80100", NLRI, BGP_V_RESET, 200, BGP_E_WELL_KNOWN, 4},
	{"type 0", " as4 v4", "", OK "40000100", NLRI, BGP_V_RESET, 0, BGP_E_WELL_KNOWN, 4},
	{"unknown not transitive", " as4 v4", "", OK "80c80100", NLRI, BGP_V_OK, 0, 0, 0},

	/* Several: the strongest wins, of equals the first (3 h). */
	{"D, then W", " as4 v4", "", OK "40060100" "c00800", NLRI, BGP_V_WITHDRAW, 8, BGP_E_ATTR_LEN, 3},
	{"W, then D", " as4 v4", "", OK "c00800" "40060100", NLRI, BGP_V_WITHDRAW, 8, BGP_E_ATTR_LEN, 3},
	{"W, then W", " as4 v4", "", OK "c00800" "c01000", NLRI, BGP_V_WITHDRAW, 8, BGP_E_ATTR_LEN, 3},
	{"W, then R", " as4 v4 v6", "", OK "c00800" "800f020002", NLRI, BGP_V_RESET, 15, BGP_E_OPTIONAL, 5},
	{"D, then missing", " as4 v4", "", OK_ORIGIN OK_PATH OK_HOP "40060100", NLRI, BGP_V_WITHDRAW, 5, BGP_E_MISSING, 1},
	{"W, and something unknown and well-known", " as4 v4", "", "c00800" OK "00c800", NLRI, BGP_V_RESET, 200, BGP_E_WELL_KNOWN, 3},
	{"malformed in an End-of-RIB", " as4 v4 v6", "", "800f03000201" "c00800", "", BGP_V_WITHDRAW, 8, BGP_E_ATTR_LEN, 3},
};

static void test_rows(void **state)
{
	(void)state;
	unsigned wrong = 0;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct row *r = &rows[i];
		decode(r->coding, r->withdrawn, r->attrs, r->nlri);
		if (u.verdict != r->verdict || u.bad_attr != r->type || u.error.sub != r->sub || u.error.data.n != r->data ||
		    u.error.code != (r->verdict ? BGP_E_UPDATE : 0)) {
			wrong++;
			print_error("%s: verdict %u, attribute %u, %u/%u, %zu octets quoted\n", r->what, u.verdict, u.bad_attr,
			            u.error.code, u.error.sub, u.error.data.n);
			continue;
		}
		if (r->verdict == BGP_V_DISCARD) /* what is discarded is not in `has`, and said */
			assert_true(u.discarded == UINT64_C(1) << r->type && !(u.attrs.has & u.discarded));
		else if (r->verdict == BGP_V_OK)
			assert_true(u.discarded == 0);
	}
	assert_int_equal(wrong, 0);
}

/* RFC 4271 6.3: lengths that do not add up. */
static void test_lengths(void **state)
{
	(void)state;
	static const char *const bodies[] = {"", "00", "0000", "000000", "0001", "ffff0000", "00000001", "0000ffff00", "000418c00002"};
	const struct bgp_coding c = bgp_coding_of(" as4 v4 v6");

	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		struct span b = wire_hex(bodies[i]);
		bgp_update_decode(b, &c, &u);
		assert_int_equal(u.verdict, BGP_V_RESET);
		assert_int_equal(u.error.code, BGP_E_UPDATE);
		assert_int_equal(u.error.sub, BGP_E_ATTR_LIST);
		assert_int_equal(u.eor, -1);
		wire_free(b);
	}
}

/* With treat-as-withdraw the prefixes are found by the total attribute length, and MP ones too. */
static void test_withdraw_has_prefixes(void **state)
{
	(void)state;
	decode(" as4 v4 v6", "18c00003", "c00800" "800e1a" "00020110" V6_HOP "00" "2020010db8" OK "4001", NLRI "00");
	assert_int_equal(u.verdict, BGP_V_WITHDRAW);
	assert_int_equal(bgp_nlri_count(u.withdrawn[0]), 1);
	assert_int_equal(bgp_nlri_count(u.reach[0]), 2);
	assert_int_equal(bgp_nlri_count(u.reach[1]), 1);
	assert_int_equal(u.reach[1].af, BGP_V6);
	/* flags wrong, prefixes right */
	decode(" as4 v4 v6", "", "c00f08" "000201" "2020010db8", "");
	assert_int_equal(bgp_nlri_count(u.withdrawn[1]), 1);
}

/* RFC 4760 7: a family that was not negotiated says nothing, and neither does the IPv4 part of a message. */
static void test_families(void **state)
{
	(void)state;
	decode(" as4 v6", NLRI, OK, NLRI);
	assert_int_equal(u.verdict, BGP_V_OK);
	assert_int_equal(u.withdrawn[0].octets.n + u.reach[0].octets.n, 0);
	decode(" as4 v6", "", "", "");
	assert_int_equal(u.eor, -1);
	decode(" as4 v4", "", "", "");
	assert_int_equal(u.eor, BGP_V4);
	decode(" as4 v4 v6", "", "800f03000201", "");
	assert_int_equal(u.eor, BGP_V6);
	/* no End-of-RIB: */
	static const char *const not[] = {("800f03000201" OK_ORIGIN), "c00f03000201", "800f03000280", OK_ORIGIN, "800f0400020100"};
	for (size_t i = 0; i < ARRAY_LEN(not); i++) {
		decode(" as4 v4 v6", "", not[i], "");
		assert_int_equal(u.eor, -1);
	}
	decode(" as4 v4 v6", NLRI, "800f03000201", "");
	assert_int_equal(u.eor, -1);
	decode(" as4 v4 v6", "", OK "800f03000201", NLRI);
	assert_int_equal(u.eor, -1);
}

static void test_next_hops(void **state)
{
	(void)state;
	char text[ADDR_TEXT];
	/* Both families in one message: each run has its own. */
	decode(" as4 v4 v6", "", OK "800e1a" "00020110" V6_HOP "00" "2020010db8", NLRI);
	assert_string_equal(addr_str(&u.next_hop[0], text), "10.0.0.1");
	assert_string_equal(addr_str(&u.next_hop[1], text), "fd99::1");
	assert_string_equal(addr_str(&u.attrs.next_hop, text), "10.0.0.1");
	decode(" as4 v4 v6", "", OK "800e1a" "00020110" V6_HOP "00" "2020010db8", "");
	assert_string_equal(addr_str(&u.attrs.next_hop, text), "fd99::1");
	/* The second address is link-local, or nothing. */
	decode(" as4 v4 v6", "", OK "800e2a" "00020120" V6_HOP "fe800000000000000000000000000009" "00" "2020010db8", "");
	assert_string_equal(addr_str(&u.attrs.next_hop_ll, text), "fe80::9");
	decode(" as4 v4 v6", "", OK "800e2a" "00020120" V6_HOP V6_HOP "00" "2020010db8", "");
	assert_int_equal(u.attrs.next_hop_ll.family, AF_NONE);
	const struct addr none = {0};
	assert_true(bgp_next_hop_martian(&none));
}

static void test_duplicates_and_sets(void **state)
{
	(void)state;
	decode(" as4 v4", "", OK "40010102" "80040400000001" "80040400000002", NLRI);
	assert_int_equal(u.attrs.origin, BGP_IGP);
	assert_int_equal(u.attrs.med, 1);
	assert_false(u.attrs.as_set);
	decode(" as4 v4", "", OK_ORIGIN "400206010100000001" OK_HOP OK_PREF, NLRI);
	assert_true(u.attrs.as_set);
	decode(" v4", "", OK_ORIGIN "40020401010001" OK_HOP OK_PREF, NLRI);
	assert_true(u.attrs.as_set);
}

/* A path of two-octet numbers that is too wide for scratch, from a peer with extended messages: that route only. */
static void test_too_wide(void **state)
{
	(void)state;
	enum { SEGMENTS = 10 };
	static char attrs[40000];
	struct sbuf b = SB(attrs);

	sb_printf(&b, OK_ORIGIN OK_HOP OK_PREF "5002%04x", SEGMENTS * (2 + 2 * 255));
	for (int i = 0; i < SEGMENTS; i++) {
		sb_put(&b, "02ff");
		for (int k = 0; k < 255; k++)
			sb_put(&b, "fde8");
	}
	decode(" v4 ext-message", "", attrs, NLRI);
	assert_int_equal(u.verdict, BGP_V_WITHDRAW);
	assert_int_equal(u.bad_attr, BGP_A_AS_PATH);
	assert_int_equal(u.attrs.as_path.n, 0);
	assert_int_equal(bgp_nlri_count(u.reach[0]), 1);
}

/* The same prefix with and without octets behind it, as it lies in the middle of a run and at its end: read alike, without the bits
 * that are no part of it. */
static void test_prefix_in_a_run(void **state)
{
	(void)state;
	for (uint8_t len = 0; len <= 33; len++) {
		uint8_t octets[16] = {len, 0xff, 0xff, 0xff, 0xff}, behind = (uint8_t)((len + 7) / 8 + 1);
		struct prefix end, middle, next;
		uint32_t id = 1;
		memcpy(octets + behind, "\x20\x0a\x09\x08\x07", 5);
		struct bgp_nlri alone = {.af = BGP_V4, .octets = SPAN(octets, behind)};
		struct bgp_nlri run = {.af = BGP_V4, .octets = SPAN(octets, behind + 5u)};
		assert_int_equal(bgp_nlri_next(&alone, &end, &id), len <= 32);
		assert_int_equal(bgp_nlri_next(&run, &middle, &id), len <= 32);
		assert_int_equal(alone.octets.n, 0);
		if (len > 32) {
			assert_int_equal(run.octets.n, 0);
			continue;
		}
		uint32_t all = len ? UINT32_MAX << (32 - len) : 0;
		uint8_t want[4] = {(uint8_t)(all >> 24), (uint8_t)(all >> 16), (uint8_t)(all >> 8), (uint8_t)all};
		assert_int_equal(end.len, len);
		assert_int_equal(middle.len, len);
		assert_memory_equal(end.addr.b, want, 4);
		assert_true(addr_eq(&end.addr, &middle.addr));
		assert_int_equal(id, 0);
		assert_true(bgp_nlri_next(&run, &next, &id));
		assert_int_equal(next.len, 32);
		assert_memory_equal(next.addr.b, "\x0a\x09\x08\x07", 4);
		assert_false(bgp_nlri_next(&run, &next, &id));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),           cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_withdraw_has_prefixes), cmocka_unit_test(test_families),
		cmocka_unit_test(test_next_hops),      cmocka_unit_test(test_duplicates_and_sets),
		cmocka_unit_test(test_prefix_in_a_run),
		cmocka_unit_test(test_too_wide),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	wire_free(body);
	return failed;
}
