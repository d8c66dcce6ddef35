/* BGP UPDATE: attributes and prefixes, part of wire/'s front door (wire.h includes it, bgp.h is the other half).
 *
 *   octets -> bgp_update_decode -> runs of prefixes: bgp_nlri_next
 *                               -> attributes: bgp_attrs_canon, what is interned; bgp_attrs_view reads it back
 *   attributes and prefixes -> bgp_reach_begin | bgp_unreach_begin, bgp_nlri_put ..., bgp_update_end -> octets */
#ifndef WIRE_BGP_UPDATE_H
#define WIRE_BGP_UPDATE_H

#include "wire/bgp.h"

enum bgp_attr_type {
	BGP_A_ORIGIN = 1, BGP_A_AS_PATH = 2, BGP_A_NEXT_HOP = 3, BGP_A_MED = 4, BGP_A_LOCAL_PREF = 5, BGP_A_ATOMIC = 6,
	BGP_A_AGGREGATOR = 7, BGP_A_COMMUNITIES = 8, BGP_A_ORIGINATOR_ID = 9, BGP_A_CLUSTER_LIST = 10, BGP_A_MP_REACH = 14,
	BGP_A_MP_UNREACH = 15, BGP_A_EXT_COMMUNITIES = 16, BGP_A_AS4_PATH = 17, BGP_A_AS4_AGGREGATOR = 18,
	BGP_A_V6_EXT_COMMUNITIES = 25, BGP_A_AIGP = 26,
	BGP_A_LARGE_COMMUNITIES = 32, BGP_A_OTC = 35,
};
enum bgp_attr_flag { BGP_F_OPTIONAL = 0x80, BGP_F_TRANSITIVE = 0x40, BGP_F_PARTIAL = 0x20, BGP_F_EXTENDED = 0x10 };
enum bgp_origin { BGP_IGP, BGP_EGP, BGP_INCOMPLETE };
enum bgp_segment { BGP_AS_SET = 1, BGP_AS_SEQUENCE = 2, BGP_CONFED_SEQUENCE = 3, BGP_CONFED_SET = 4 };

/* How a session codes what follows its OPENs: negotiated, needed to decode and to encode. */
struct bgp_coding {
	bool as4;
	bool external;                   /* the peer is in another AS: other rules for LOCAL_PREF, ORIGINATOR_ID, CLUSTER_LIST */
	bool addpath_rx[BGP_AF_N], addpath_tx[BGP_AF_N];
	bool mp[BGP_AF_N];               /* families that both ends have */
	bool ext_nexthop;
	uint32_t max;                    /* octets of a message */
};

/* Attributes as read: a bit of `has` per type below 64 that was there and was good. AS numbers inside spans are four
 * octets wide always: a path of two-octet numbers, and AS4_PATH with it, are merged into `scratch` (RFC 6793 4.2.3). */
struct bgp_attrs {
	uint64_t has;
	uint64_t partial;                /* those that came with the Partial bit; it stays (RFC 4271 5) */
	uint8_t origin;
	struct addr next_hop;            /* struct bgp_update.next_hop[0], or [1] when reach[0] is empty; not in canonical form */
	struct addr next_hop_ll;
	uint32_t med, local_pref, originator_id, aggregator_as, aggregator_id, otc;
	struct span as_path;             /* segments: type, count, count * 4 octets */
	struct span communities, ext_communities, v6_ext_communities, large_communities, cluster_list;
	struct span raw;                 /* all attributes: as received, or in canonical form */
	bool unknown;                    /* raw has optional transitive ones that we do not know: they are kept */
	bool as_set;                     /* the path has an AS_SET or AS_CONFED_SET (RFC 9774 leaves it to policy) */
};
enum { BGP_SCRATCH = 8192 };

enum bgp_verdict {                       /* RFC 7606, weakest first */
	BGP_V_OK, BGP_V_DISCARD /* some attributes were left out */, BGP_V_WITHDRAW, BGP_V_RESET,
};
struct bgp_nlri {                        /* a run of prefixes */
	uint8_t af;                      /* enum bgp_af */
	bool addpath;
	struct span octets;
};
struct bgp_update {
	uint8_t verdict;
	uint8_t bad_attr;                /* the attribute type that decided the verdict, 0 = none */
	uint64_t discarded;              /* bits, as in has */
	struct bgp_error error;          /* for RESET; for the others what it would have been */
	struct bgp_nlri withdrawn[2], reach[2]; /* the IPv4 fields of the message, and those of MP_UNREACH / MP_REACH; empty spans when not there */
	struct addr next_hop[2];         /* of reach[0] and reach[1] */
	struct addr next_hop_ll[2];      /* link-local beside a global one (RFC 2545); AF_NONE */
	struct bgp_attrs attrs;
	int8_t eor;                      /* enum bgp_af of an End-of-RIB marker (RFC 4724 2), else -1 */
	uint8_t scratch[BGP_SCRATCH];
};
/* Always fills *out but for the unused part of scratch; with BGP_V_RESET only verdict, bad_attr and error count. With
 * WITHDRAW the reach runs are good and are to be taken as withdrawn. Families that were not negotiated are skipped (RFC 4760
 * 7). A next hop that bgp_next_hop_martian() knows is WITHDRAW; our own addresses are the caller's to compare. */
void bgp_update_decode(struct span body, const struct bgp_coding *c, struct bgp_update *out);
/* 0/8, 127/8, 224/4 and above; ::, ::1, ff00::/8, ::ffff:0:0/96: nobody's next hop. AF_NONE: true. */
bool bgp_next_hop_martian(const struct addr *a);

/* The next prefix of a run, which shrinks; false at its end. path_id 0 without add-path. Host bits are cleared. */
bool bgp_nlri_next(struct bgp_nlri *n, struct prefix *out, uint32_t *path_id);
size_t bgp_nlri_count(struct bgp_nlri n);
void bgp_nlri_put(struct wr *w, const struct prefix *p, bool addpath, uint32_t path_id);

/* The attributes of a good UPDATE in one canonical form: ascending types, shortest flags and lengths, four-octet AS numbers; without MP_REACH,
 * MP_UNREACH, NEXT_HOP, AS4_*, and without what was discarded or is optional, unknown and non-transitive; unknown
 * transitive ones with the Partial bit. Equal routes have equal octets: this is what is interned. The values
 * themselves are copied verbatim. */
void bgp_attrs_canon(struct wr *w, const struct bgp_update *u);
/* The same from a view that may have been changed: each attribute in `has`, and of raw the unknown transitive ones when
 * `unknown` says that there are some. */
void bgp_attrs_put(struct wr *w, const struct bgp_attrs *a);
/* Reads canonical attributes back; cannot fail on what these or bgp_attr_put wrote (BUG otherwise). */
void bgp_attrs_view(struct span canon, struct bgp_attrs *out);
/* One attribute: flags by its type's rule, extended length when needed. Call in ascending order of types. */
void bgp_attr_put(struct wr *w, uint8_t type, const void *value, size_t n);
void bgp_attr_put_u32(struct wr *w, uint8_t type, uint32_t v);
/* Attribute by attribute; false at the end, and (r->bad) where the octets are damaged. */
bool bgp_attr_next(struct rd *r, uint8_t *flags, uint8_t *type, struct span *value);

/* An UPDATE is written in three steps: begin, prefixes by bgp_nlri_put, end (patches lengths). For reach of IPv4 with an
 * IPv4 next hop: attributes with NEXT_HOP, prefixes at the end of the message; else MP_REACH, which is written last so that it can grow. canon: canonical
 * attributes; to a peer without AS4 the path is narrowed and AS4_PATH added. nh_at: where the next hop's octets lie in the message
 * (several peers share a message and differ there), nh_len how many. */
struct bgp_update_wr {
	struct wr *w;
	size_t start, at_len, at_mp;     /* in w: the message; its total attribute length, or withdrawn length; MP_REACH's or MP_UNREACH's length, 0 = none */
	size_t nh_at, nh_len;            /* nh_at: from the start of the message */
	size_t max, tail;                /* octets of the message; what bgp_update_end adds behind the prefixes */
	bool unreach;
};
void bgp_reach_begin(struct bgp_update_wr *u, struct wr *w, uint8_t af, const struct bgp_coding *c, struct span canon,
                     const struct addr *next_hop, const struct addr *next_hop_ll);
void bgp_unreach_begin(struct bgp_update_wr *u, struct wr *w, uint8_t af, const struct bgp_coding *c);
void bgp_update_end(struct bgp_update_wr *u); /* fails the writer when the message is longer than c->max */
/* How many octets of prefixes still fit; a prefix takes bgp_nlri_size(). */
static inline size_t bgp_update_room(const struct bgp_update_wr *u)
{
	size_t used = u->w->len - u->start + u->tail, cap = u->w->cap - u->start;
	size_t max = u->max < cap ? u->max : cap;
	return u->w->bad || used > max ? 0 : max - used;
}
static inline size_t bgp_nlri_size(uint8_t len, bool addpath) { return 1u + (len + 7u) / 8u + (addpath ? 4u : 0u); }
void bgp_eor_encode(struct wr *w, uint8_t af);

/* --- Values, and their text --- */
const char *bgp_attr_name(uint8_t type);  /* "AS_PATH"; "" unknown */
/* "65001 65002 {65003,65004}" as FRR prints it; "" for an empty path. */
void sb_as_path(struct sbuf *b, struct span as_path);
/* RFC 4271 9.1.2.2 a: a set counts 1, confederation segments 0. */
uint32_t bgp_as_path_length(struct span as_path);
uint32_t bgp_as_path_first(struct span as_path); /* the neighbouring AS: first of a leading sequence; 0 = none */
bool bgp_as_path_has(struct span as_path, uint32_t as);
bool bgp_as_path_has_set(struct span as_path); /* an AS_SET or AS_CONFED_SET */
void sb_communities(struct sbuf *b, uint8_t kind /* enum conf_community_kind */, struct span values);
/* Well-known communities (RFC 1997, 8326, 9494, 7999). */
#define BGP_GRACEFUL_SHUTDOWN 0xffff0000u
#define BGP_LLGR_STALE 0xffff0006u
#define BGP_NO_LLGR 0xffff0007u
#define BGP_BLACKHOLE 0xffff029au
#define BGP_NO_EXPORT 0xffffff01u
#define BGP_NO_ADVERTISE 0xffffff02u
#define BGP_NO_EXPORT_SUBCONFED 0xffffff03u
#define BGP_NO_PEER 0xffffff04u
bool bgp_communities_have(struct span communities, uint32_t value);

#endif
