/* BGP-4 messages, part of wire/'s front door (wire.h includes it): octets to views and back (RFC 4271, 4760, 5492, 6793, 2918,
 * 7313, 4724, 8538, 9494, 8654, 7911, 8950, 9072, 4486, 9003), and RFC 7606's verdict on each attribute. No
 * policy, no state. Views borrow from the message.
 *
 *   octets of a connection -> bgp_frame -> bgp_open_decode | bgp_update_decode | bgp_notification_decode | bgp_refresh_decode
 *
 * What is wrong with a message is a value: struct bgp_error is exactly what a NOTIFICATION about it would carry. An
 * UPDATE has a verdict besides, the strongest that one of its attributes asks for. NLRI of a decoded UPDATE has been
 * walked once: bgp_nlri_next() over it cannot fail. */
#ifndef WIRE_BGP_H
#define WIRE_BGP_H

#include "model/model.h"

enum { BGP_HDR_LEN = 19, BGP_MSG_MAX = 4096, BGP_MSG_EXT_MAX = 65535, BGP_VERSION = 4, BGP_AS_TRANS = 23456,
       BGP_HOST_MAX = 255, BGP_PORT = 179 };

enum bgp_msg_type { BGP_OPEN = 1, BGP_UPDATE = 2, BGP_NOTIFICATION = 3, BGP_KEEPALIVE = 4, BGP_REFRESH = 5 };

/* NOTIFICATION codes and subcodes (RFC 4271 4.5, 6; 4486; 6608; 7313; 8538; 9003). */
enum bgp_code {
	BGP_E_NONE = 0, BGP_E_HEADER = 1, BGP_E_OPEN = 2, BGP_E_UPDATE = 3, BGP_E_HOLD = 4, BGP_E_FSM = 5, BGP_E_CEASE = 6,
	BGP_E_REFRESH = 7, BGP_E_SEND_HOLD = 8,
};
enum bgp_sub_header { BGP_E_SYNC = 1, BGP_E_LENGTH = 2, BGP_E_TYPE = 3 };
enum bgp_sub_open {
	BGP_E_VERSION = 1, BGP_E_PEER_AS = 2, BGP_E_ID = 3, BGP_E_PARAM = 4, BGP_E_HOLD_TIME = 6, BGP_E_CAPABILITY = 7,
};
enum bgp_sub_update {
	BGP_E_ATTR_LIST = 1, BGP_E_WELL_KNOWN = 2, BGP_E_MISSING = 3, BGP_E_FLAGS = 4, BGP_E_ATTR_LEN = 5, BGP_E_ORIGIN = 6,
	BGP_E_NEXT_HOP = 8, BGP_E_OPTIONAL = 9, BGP_E_NETWORK = 10, BGP_E_AS_PATH = 11,
};
enum bgp_sub_cease {
	BGP_E_MAX_PREFIX = 1, BGP_E_SHUTDOWN = 2, BGP_E_DECONFIGURED = 3, BGP_E_RESET = 4, BGP_E_REJECTED = 5,
	BGP_E_OTHER_CHANGE = 6, BGP_E_COLLISION = 7, BGP_E_RESOURCES = 8, BGP_E_HARD_RESET = 9, BGP_E_BFD_DOWN = 10,
};
struct bgp_error {
	uint8_t code, sub;       /* code 0: nothing is wrong */
	struct span data;        /* borrowed: what a NOTIFICATION quotes */
};

/* --- Frames --- */
struct bgp_frame {
	uint8_t type;
	uint32_t len;            /* of the whole message */
	struct span body;        /* behind the header */
};
/* The message at the start of `in`: 1, or 0 when it is not there in full yet, or -1 with *e. max: BGP_MSG_MAX, or
 * BGP_MSG_EXT_MAX once both ends have the capability (OPEN and KEEPALIVE stay at 4096, RFC 8654 4). The length is checked
 * against the type's minimum too (RFC 4271 6.1). An error is found as soon as the header is there. */
int bgp_frame(struct span in, uint32_t max, struct bgp_frame *out, struct bgp_error *e);

/* --- OPEN --- */
enum bgp_cap_code {
	BGP_CAP_MP = 1, BGP_CAP_REFRESH = 2, BGP_CAP_EXT_NEXTHOP = 5, BGP_CAP_EXT_MESSAGE = 6, BGP_CAP_GR = 64, BGP_CAP_AS4 = 65,
	BGP_CAP_ADD_PATH = 69, BGP_CAP_ENHANCED_REFRESH = 70, BGP_CAP_LLGR = 71, BGP_CAP_FQDN = 73, BGP_CAP_SOFTWARE = 75,
};
enum bgp_addpath { BGP_ADDPATH_RX = 1, BGP_ADDPATH_TX = 2 };

/* What one end said it can do. All zero: a plain BGP-4 speaker (IPv4 unicast without having said so: `any` false). */
struct bgp_caps {
	bool any;                        /* at least one capability parameter was there */
	bool mp[BGP_AF_N];
	bool mp_other;                   /* some family that we do not know */
	bool refresh, enhanced_refresh, ext_message, as4, ext_nexthop /* IPv4 unicast with an IPv6 next hop */;
	uint32_t as;                     /* of the AS4 capability */
	uint8_t addpath[BGP_AF_N];       /* enum bgp_addpath bits */
	bool gr, gr_restarted, gr_notification; /* the capability; R and N bits */
	uint16_t gr_time_s;
	bool gr_af[BGP_AF_N], gr_forwarding[BGP_AF_N];
	bool llgr, llgr_af[BGP_AF_N], llgr_forwarding[BGP_AF_N];
	uint32_t llgr_time_s[BGP_AF_N];
	bool fqdn;
	struct span host, domain, software; /* borrowed text of a peer: escape it */
};
struct bgp_open {
	uint8_t version;
	uint32_t as;                     /* AS4 when given, else the two octets */
	uint16_t as2;
	uint16_t hold_s;
	uint32_t id;                     /* host order */
	struct bgp_caps caps;
};
/* RFC 4271 4.2, 6.2; 5492; 9072. Checks what needs no configuration: version, hold time 1 and 2, id 0, lengths. Unknown
 * capabilities are skipped, those of a bad length too unless RFC says otherwise. False: *e. */
bool bgp_open_decode(struct span body, struct bgp_open *out, struct bgp_error *e) MUST_USE;
/* The whole message, one capability per parameter, as FRR sends them. */
void bgp_open_encode(struct wr *w, const struct bgp_open *o);

/* --- UPDATE --- */
enum bgp_attr_type {
	BGP_A_ORIGIN = 1, BGP_A_AS_PATH = 2, BGP_A_NEXT_HOP = 3, BGP_A_MED = 4, BGP_A_LOCAL_PREF = 5, BGP_A_ATOMIC = 6,
	BGP_A_AGGREGATOR = 7, BGP_A_COMMUNITIES = 8, BGP_A_ORIGINATOR_ID = 9, BGP_A_CLUSTER_LIST = 10, BGP_A_MP_REACH = 14,
	BGP_A_MP_UNREACH = 15, BGP_A_EXT_COMMUNITIES = 16, BGP_A_AS4_PATH = 17, BGP_A_AS4_AGGREGATOR = 18, BGP_A_AIGP = 26,
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
	uint8_t origin;
	struct addr next_hop;            /* NEXT_HOP, or that of MP_REACH */
	struct addr next_hop_ll;         /* link-local beside a global one (RFC 2545) */
	uint32_t med, local_pref, originator_id, aggregator_as, aggregator_id, otc;
	struct span as_path;             /* segments: type, count, count * 4 octets */
	struct span communities, ext_communities, large_communities, cluster_list;
	struct span raw;                 /* all attributes as received */
	bool unknown;                    /* there are optional transitive ones that we do not know: bgp_attrs_canon() keeps them */
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
	struct bgp_attrs attrs;
	int8_t eor;                      /* enum bgp_af of an End-of-RIB marker (RFC 4724 2), else -1 */
	uint8_t scratch[BGP_SCRATCH];
};
/* Always fills *out; with BGP_V_RESET only verdict and error count. With WITHDRAW the reach runs are good and are to be
 * taken as withdrawn. Families that were not negotiated are skipped (RFC 4760 7). */
void bgp_update_decode(struct span body, const struct bgp_coding *c, struct bgp_update *out);

/* The next prefix of a run, which shrinks; false at its end. path_id 0 without add-path. Host bits are cleared. */
bool bgp_nlri_next(struct bgp_nlri *n, struct prefix *out, uint32_t *path_id);
size_t bgp_nlri_count(struct bgp_nlri n);
void bgp_nlri_put(struct wr *w, const struct prefix *p, bool addpath, uint32_t path_id);

/* The attributes of a good UPDATE in one canonical form: ascending types, shortest flags and lengths, four-octet AS numbers; without MP_REACH,
 * MP_UNREACH, NEXT_HOP, AS4_*, and without what was discarded or is optional, unknown and non-transitive; unknown
 * transitive ones with the Partial bit. Equal routes have equal octets: this is what is interned. The values
 * themselves are copied verbatim. */
void bgp_attrs_canon(struct wr *w, const struct bgp_update *u);
/* Reads canonical attributes back; cannot fail on what bgp_attrs_canon or bgp_attr_put wrote (BUG otherwise). */
void bgp_attrs_view(struct span canon, struct bgp_attrs *out);
/* One attribute: flags by its type's rule, extended length when needed. Call in ascending order of types. */
void bgp_attr_put(struct wr *w, uint8_t type, const void *value, size_t n);
void bgp_attr_put_u32(struct wr *w, uint8_t type, uint32_t v);
/* Attribute by attribute over canonical octets. */
bool bgp_attr_next(struct rd *r, uint8_t *flags, uint8_t *type, struct span *value);

/* An UPDATE is written in three steps: begin, prefixes by bgp_nlri_put, end (patches lengths). For reach of IPv4 with an
 * IPv4 next hop: attributes with NEXT_HOP, prefixes at the end of the message; else MP_REACH, which is written last so that it can grow. canon: canonical
 * attributes; to a peer without AS4 the path is narrowed and AS4_PATH added. nh_at: where the next hop's octets lie in the message
 * (several peers share a message and differ there), nh_len how many. */
struct bgp_update_wr {
	struct wr *w;
	size_t start, at_len, at_mp;     /* of the message; of the total attribute length; of MP_REACH's or MP_UNREACH's length */
	size_t nh_at, nh_len;
};
void bgp_reach_begin(struct bgp_update_wr *u, struct wr *w, uint8_t af, const struct bgp_coding *c, struct span canon,
                     const struct addr *next_hop, const struct addr *next_hop_ll);
void bgp_unreach_begin(struct bgp_update_wr *u, struct wr *w, uint8_t af, const struct bgp_coding *c);
void bgp_update_end(struct bgp_update_wr *u);
void bgp_eor_encode(struct wr *w, uint8_t af);

/* --- The others --- */
void bgp_keepalive_encode(struct wr *w);
struct bgp_notification { uint8_t code, sub; struct span data; bool hard; /* was inside a Hard Reset (RFC 8538) */ };
bool bgp_notification_decode(struct span body, struct bgp_notification *out) MUST_USE;
/* hard: wrapped into Cease/Hard Reset. */
void bgp_notification_encode(struct wr *w, const struct bgp_error *e, bool hard);
/* The shutdown communication of a Cease (RFC 9003); empty when there is none or it is no text. */
struct span bgp_shutdown_text(const struct bgp_notification *n);
enum bgp_refresh_kind { BGP_REFRESH_ASK = 0, BGP_REFRESH_BEGIN = 1, BGP_REFRESH_END = 2 };
struct bgp_refresh { uint16_t afi; uint8_t safi, kind; int8_t af; /* enum bgp_af, -1 another */ };
/* 0; -1 with *e (RFC 7313 5); 1: to be ignored (unknown kind). */
int bgp_refresh_decode(struct bgp_frame f, struct bgp_refresh *out, struct bgp_error *e);
void bgp_refresh_encode(struct wr *w, uint8_t af, uint8_t kind);

/* "Hold Timer Expired", "Cease/Peer Unshutdown"-style names as FRR prints them; "" unknown. */
const char *bgp_code_name(uint8_t code);
const char *bgp_sub_name(uint8_t code, uint8_t sub);
const char *bgp_attr_name(uint8_t type);
/* "65001 65002 {65003,65004}" as FRR prints it; "" for an empty path. */
void sb_as_path(struct sbuf *b, struct span as_path);
/* RFC 4271 9.1.2.2 a: a set counts 1, confederation segments 0. */
uint32_t bgp_as_path_length(struct span as_path);
uint32_t bgp_as_path_first(struct span as_path); /* the neighbouring AS: first of a leading sequence; 0 = none */
bool bgp_as_path_has(struct span as_path, uint32_t as);
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
