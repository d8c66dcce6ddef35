/* BGP-4 messages, part of wire/'s front door (wire.h includes it): octets to views and back (RFC 4271, 4760, 5492, 6793, 2918,
 * 7313, 4724, 8538, 9494, 8654, 7911, 8950, 9072, 4486, 9003), and RFC 7606's verdict on each attribute. No
 * policy, no state. Views borrow from the message.
 *
 *   octets of a connection -> bgp_frame -> bgp_open_decode | bgp_update_decode | bgp_notification_decode | bgp_refresh_decode
 *
 * This header has frames, OPEN and the small messages, bgp_update.h UPDATE, attributes and their text.
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
	struct span whole;       /* with the header */
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
/* The whole message, one capability per parameter, as FRR sends them. as2 and version are not looked at; host, domain and
 * software are cut to 64, 32 and 48 octets, so that all of it fits without RFC 9072. */
void bgp_open_encode(struct wr *w, const struct bgp_open *o);

/* --- The others; UPDATE is in bgp_update.h --- */
void bgp_keepalive_encode(struct wr *w);
struct bgp_notification { uint8_t code, sub; struct span data; bool hard; /* was inside a Hard Reset (RFC 8538) */ };
bool bgp_notification_decode(struct span body, struct bgp_notification *out) MUST_USE;
/* hard: wrapped into Cease/Hard Reset. */
void bgp_notification_encode(struct wr *w, const struct bgp_error *e, bool hard);
/* The shutdown communication of a Cease (RFC 9003); empty when there is none or it is no UTF-8. */
struct span bgp_shutdown_text(const struct bgp_notification *n);
enum { BGP_SHUTDOWN_MAX = 256 };
/* The data of a Cease with this text, in `out`: what does not fit into 255 octets is cut, between characters. Empty for an
 * empty text. */
struct span bgp_shutdown_data(const char *text, uint8_t out[BGP_SHUTDOWN_MAX]);
enum bgp_refresh_kind { BGP_REFRESH_ASK = 0, BGP_REFRESH_BEGIN = 1, BGP_REFRESH_END = 2 };
struct bgp_refresh { uint16_t afi; uint8_t safi, kind; int8_t af; /* enum bgp_af, -1 another */ };
/* 0; -1 with *e (RFC 7313 5); 1: to be ignored (unknown kind). */
int bgp_refresh_decode(struct bgp_frame f, struct bgp_refresh *out, struct bgp_error *e);
void bgp_refresh_encode(struct wr *w, uint8_t af, uint8_t kind);

/* As FRR prints them: "Cease" and "/Administrative Shutdown", one behind the other; "" unknown. */
const char *bgp_code_name(uint8_t code);
const char *bgp_sub_name(uint8_t code, uint8_t sub);
const char *bgp_msg_name(uint8_t type); /* "UPDATE" */

#endif
