/* Names of BGP's numbers, and the text of AS paths and communities, as FRR prints them. */
#include "wire/bgp_int.h"

#include <stdlib.h>
#include <string.h>

/* Rows by number; a hole is "". */
static const char *name_at(const char *const *names, size_t n, uint8_t i) { return i < n && names[i] ? names[i] : ""; }
#define NAME(table, i) name_at(table, ARRAY_LEN(table), i)

const char *bgp_msg_name(uint8_t type)
{
	static const char *const names[] = {
		[BGP_OPEN] = "OPEN", [BGP_UPDATE] = "UPDATE", [BGP_NOTIFICATION] = "NOTIFICATION",
		[BGP_KEEPALIVE] = "KEEPALIVE", [BGP_REFRESH] = "ROUTE-REFRESH",
	};
	return NAME(names, type);
}

const char *bgp_code_name(uint8_t code)
{
	static const char *const names[] = {
		[BGP_E_HEADER] = "Message Header Error", [BGP_E_OPEN] = "OPEN Message Error",
		[BGP_E_UPDATE] = "UPDATE Message Error", [BGP_E_HOLD] = "Hold Timer Expired",
		[BGP_E_FSM] = "Neighbor Events Error", [BGP_E_CEASE] = "Cease",
		[BGP_E_REFRESH] = "ROUTE-REFRESH Message Error", [BGP_E_SEND_HOLD] = "Send Hold Timer Expired",
	};
	return NAME(names, code);
}

static const char *const header_names[] = {
	[BGP_E_SYNC] = "/Connection Not Synchronized", [BGP_E_LENGTH] = "/Bad Message Length", [BGP_E_TYPE] = "/Bad Message Type",
};
static const char *const open_names[] = {
	[0] = "/Unspecific", [BGP_E_VERSION] = "/Unsupported Version Number", [BGP_E_PEER_AS] = "/Bad Peer AS",
	[BGP_E_ID] = "/Bad BGP Identifier", [BGP_E_PARAM] = "/Unsupported Optional Parameter", [5] = "/Authentication Failure",
	[BGP_E_HOLD_TIME] = "/Unacceptable Hold Time", [BGP_E_CAPABILITY] = "/Unsupported Capability", [11] = "/Role Mismatch",
};
static const char *const update_names[] = {
	[0] = "/Unspecific", [BGP_E_ATTR_LIST] = "/Malformed Attribute List",
	[BGP_E_WELL_KNOWN] = "/Unrecognized Well-known Attribute", [BGP_E_MISSING] = "/Missing Well-known Attribute",
	[BGP_E_FLAGS] = "/Attribute Flags Error", [BGP_E_ATTR_LEN] = "/Attribute Length Error",
	[BGP_E_ORIGIN] = "/Invalid ORIGIN Attribute", [7] = "/AS Routing Loop",
	[BGP_E_NEXT_HOP] = "/Invalid NEXT_HOP Attribute", [BGP_E_OPTIONAL] = "/Optional Attribute Error",
	[BGP_E_NETWORK] = "/Invalid Network Field", [BGP_E_AS_PATH] = "/Malformed AS_PATH",
};
static const char *const fsm_names[] = { /* RFC 6608 */
	[0] = "/Unspecific", [1] = "/Receive Unexpected Message in OpenSent State",
	[2] = "/Receive Unexpected Message in OpenConfirm State", [3] = "/Receive Unexpected Message in Established State",
};
static const char *const cease_names[] = {
	[0] = "/Unspecific", [BGP_E_MAX_PREFIX] = "/Maximum Number of Prefixes Reached",
	[BGP_E_SHUTDOWN] = "/Administrative Shutdown", [BGP_E_DECONFIGURED] = "/Peer Unconfigured",
	[BGP_E_RESET] = "/Administrative Reset", [BGP_E_REJECTED] = "/Connection Rejected",
	[BGP_E_OTHER_CHANGE] = "/Other Configuration Change", [BGP_E_COLLISION] = "/Connection collision resolution",
	[BGP_E_RESOURCES] = "/Out of Resource", [BGP_E_HARD_RESET] = "/Hard Reset", [BGP_E_BFD_DOWN] = "/BFD Down",
};
static const char *const refresh_names[] = {[0] = "/Unspecific", [1] = "/Invalid Message Length"};

const char *bgp_sub_name(uint8_t code, uint8_t sub)
{
	switch (code) {
	case BGP_E_HEADER: return NAME(header_names, sub);
	case BGP_E_OPEN: return NAME(open_names, sub);
	case BGP_E_UPDATE: return NAME(update_names, sub);
	case BGP_E_FSM: return NAME(fsm_names, sub);
	case BGP_E_CEASE: return NAME(cease_names, sub);
	case BGP_E_REFRESH: return NAME(refresh_names, sub);
	default: return "";
	}
}

const char *bgp_attr_name(uint8_t type)
{
	static const char *const names[] = {
		[BGP_A_ORIGIN] = "ORIGIN", [BGP_A_AS_PATH] = "AS_PATH", [BGP_A_NEXT_HOP] = "NEXT_HOP",
		[BGP_A_MED] = "MULTI_EXIT_DISC", [BGP_A_LOCAL_PREF] = "LOCAL_PREF", [BGP_A_ATOMIC] = "ATOMIC_AGGREGATE",
		[BGP_A_AGGREGATOR] = "AGGREGATOR", [BGP_A_COMMUNITIES] = "COMMUNITY", [BGP_A_ORIGINATOR_ID] = "ORIGINATOR_ID",
		[BGP_A_CLUSTER_LIST] = "CLUSTER_LIST", [BGP_A_MP_REACH] = "MP_REACH_NLRI", [BGP_A_MP_UNREACH] = "MP_UNREACH_NLRI",
		[BGP_A_EXT_COMMUNITIES] = "EXT_COMMUNITIES", [BGP_A_AS4_PATH] = "AS4_PATH",
		[BGP_A_AS4_AGGREGATOR] = "AS4_AGGREGATOR", [BGP_A_V6_EXT_COMMUNITIES] = "IPV6_EXT_COMMUNITIES",
		[BGP_A_AIGP] = "AIGP", [BGP_A_LARGE_COMMUNITIES] = "LARGE_COMMUNITY", [BGP_A_OTC] = "OTC",
	};
	return NAME(names, type);
}

/* --- AS paths --- */
void sb_as_path(struct sbuf *b, struct span as_path)
{
	static const struct { char open, between, close; } marks[] = {
		[BGP_AS_SET] = {'{', ',', '}'}, [BGP_AS_SEQUENCE] = {0, ' ', 0},
		[BGP_CONFED_SEQUENCE] = {'(', ' ', ')'}, [BGP_CONFED_SET] = {'[', ',', ']'},
	};
	struct rd r = rd_init(as_path.p, as_path.n);
	struct bgp_segment_view s;

	for (bool first = true; bgp_segment_next(&r, 4, &s) && s.type < ARRAY_LEN(marks); first = false) {
		struct rd in = rd_init(s.numbers.p, s.numbers.n);
		if (!first)
			sb_putc(b, ' ');
		if (marks[s.type].open)
			sb_putc(b, marks[s.type].open);
		for (unsigned i = 0; i < s.count; i++) {
			if (i)
				sb_putc(b, marks[s.type].between);
			sb_printf(b, "%u", rd_u32(&in));
		}
		if (marks[s.type].close)
			sb_putc(b, marks[s.type].close);
	}
}

/* --- Communities --- */
bool bgp_communities_have(struct span communities, uint32_t value)
{
	struct rd r = rd_init(communities.p, communities.n);

	while (rd_left(&r))
		if (rd_u32(&r) == value)
			return rd_ok(&r);
	return false;
}

static void sb_standard(struct sbuf *b, uint32_t v)
{
	static const struct { uint32_t value; const char *name; } known[] = {
		{BGP_GRACEFUL_SHUTDOWN, "graceful-shutdown"}, {0xffff0001u, "accept-own"},
		{0xffff0002u, "route-filter-translated-v4"}, {0xffff0003u, "route-filter-v4"},
		{0xffff0004u, "route-filter-translated-v6"}, {0xffff0005u, "route-filter-v6"},
		{BGP_LLGR_STALE, "llgr-stale"}, {BGP_NO_LLGR, "no-llgr"}, {0xffff0008u, "accept-own-nexthop"},
		{BGP_BLACKHOLE, "blackhole"}, {BGP_NO_EXPORT, "no-export"}, {BGP_NO_ADVERTISE, "no-advertise"},
		{BGP_NO_EXPORT_SUBCONFED, "local-AS"}, {BGP_NO_PEER, "no-peer"},
	};
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (known[i].value == v) {
			sb_put(b, known[i].name);
			return;
		}
	}
	sb_printf(b, "%u:%u", v >> 16, v & 0xffff);
}

enum { SORTED_MAX = 512 };

static int by_value(const void *x, const void *y)
{
	uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;
	return (a > b) - (a < b);
}

/* FRR keeps them in order and once each. More than one would ever look at stay as they came. */
static void sb_standards(struct sbuf *b, struct rd r)
{
	uint32_t v[SORTED_MAX];
	size_t n = 0;
	bool first = true;

	for (; rd_left(&r) > 4 * SORTED_MAX; first = false) {
		if (!first)
			sb_putc(b, ' ');
		sb_standard(b, rd_u32(&r));
	}
	while (rd_left(&r) >= 4)
		v[n++] = rd_u32(&r);
	qsort(v, n, sizeof v[0], by_value);
	for (size_t i = 0; i < n; i++) {
		if (i && v[i] == v[i - 1])
			continue;
		if (!first)
			sb_putc(b, ' ');
		sb_standard(b, v[i]);
		first = false;
	}
}

/* RFC 4360: a type, a subtype, six octets. */
enum { EXT_AS2 = 0, EXT_IP = 1, EXT_AS4 = 2, EXT_NON_TRANSITIVE = 0x40, EXT_TARGET = 2, EXT_ORIGIN = 3, EXT_BANDWIDTH = 4 };

static void sb_bandwidth(struct sbuf *b, uint16_t as, uint32_t ieee)
{
	float octets_per_s;
	memcpy(&octets_per_s, &ieee, sizeof octets_per_s);
	double v = octets_per_s >= 0 && octets_per_s < 1e15F ? (double)octets_per_s : 0;
	double bits = v * 8;
	sb_printf(b, "LB:%u:%llu", as, (unsigned long long)v);
	if (bits >= 1e9)
		sb_printf(b, " (%.3f Gbps)", bits / 1e9);
	else if (bits >= 1e6)
		sb_printf(b, " (%.3f Mbps)", bits / 1e6);
	else if (bits >= 1e3)
		sb_printf(b, " (%.3f Kbps)", bits / 1e3);
	else
		sb_printf(b, " (%.0f bps)", bits);
}

static void sb_extended(struct sbuf *b, struct rd r)
{
	uint8_t type = rd_u8(&r), sub = rd_u8(&r);
	bool named = sub == EXT_TARGET || sub == EXT_ORIGIN;
	struct rd low = r;
	uint16_t as2 = rd_u16(&low);
	uint32_t low4 = rd_u32(&low), high4 = rd_u32(&r);
	uint16_t low2 = rd_u16(&r);
	const char *name = sub == EXT_TARGET ? "RT" : "SoO";

	if (named && type == EXT_AS2)
		sb_printf(b, "%s:%u:%u", name, as2, low4);
	else if (named && type == EXT_AS4)
		sb_printf(b, "%s:%u:%u", name, high4, low2);
	else if (named && type == EXT_IP)
		sb_printf(b, "%s:%u.%u.%u.%u:%u", name, high4 >> 24, high4 >> 16 & 255, high4 >> 8 & 255, high4 & 255, low2);
	else if (sub == EXT_BANDWIDTH && (type & ~EXT_NON_TRANSITIVE) == EXT_AS2)
		sb_bandwidth(b, as2, low4);
	else
		sb_printf(b, "UNK:%u, %u", type, sub);
}

static void sb_large(struct sbuf *b, struct rd r)
{
	uint32_t global = rd_u32(&r), one = rd_u32(&r), two = rd_u32(&r);
	sb_printf(b, "%u:%u:%u", global, one, two);
}

void sb_communities(struct sbuf *b, uint8_t kind, struct span values)
{
	struct rd r = rd_init(values.p, values.n);
	size_t size = kind == COMM_EXTENDED ? 8 : 12;

	if (kind == COMM_STANDARD) {
		sb_standards(b, r);
		return;
	}
	for (bool first = true; rd_left(&r) >= size; first = false) {
		if (!first)
			sb_putc(b, ' ');
		struct rd one = rd_sub(&r, size);
		if (kind == COMM_EXTENDED)
			sb_extended(b, one);
		else
			sb_large(b, one);
	}
}
