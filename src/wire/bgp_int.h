/* What the files of the BGP codec share. Internal to wire/.
 *
 *   bgp_message.c  frames and small messages      bgp_attr.c   the table of attributes, their octets, canonical form
 *   bgp_open.c     OPEN                           bgp_path.c   AS paths
 *   bgp_update.c   UPDATE, decoded                bgp_nlri.c   prefixes
 *   bgp_write.c    UPDATE, encoded                bgp_names.c  names and text */
#ifndef WIRE_BGP_INT_H
#define WIRE_BGP_INT_H

#include "wire/wire.h"

enum { BGP_AFI_V4 = 1, BGP_AFI_V6 = 2, BGP_SAFI_UNICAST = 1 };
/* enum bgp_af of a family, -1: one that we do not have. */
int bgp_af_of(uint16_t afi, uint8_t safi);
uint16_t bgp_afi(uint8_t af);

/* Marker, room for the length, type; where the message starts. bgp_msg_end sets the length. */
size_t bgp_msg_begin(struct wr *w, uint8_t type);
void bgp_msg_end(struct wr *w, size_t start);

/* Every length in range and nothing left over. */
bool bgp_nlri_good(const struct bgp_nlri *n) MUST_USE;

/* What is fixed about an attribute that we know. */
enum bgp_attr_shape {
	SHAPE_EXACT,             /* n octets */
	SHAPE_LIST,              /* n octets each, one or more */
	SHAPE_FREE,
};
struct bgp_attr_rule {
	uint8_t flags;           /* the Optional and Transitive bits that it must have; 0: a type that we do not know */
	uint8_t shape, n;
	uint8_t verdict;         /* enum bgp_verdict: what a fault in it comes to (RFC 7606 7) */
	bool internal;           /* from external peers it is left out (RFC 7606 7.5, 7.9, 7.10) */
	bool canonical;          /* is part of the canonical form */
};
extern const struct bgp_attr_rule bgp_attr_rules[64];
static inline const struct bgp_attr_rule *bgp_attr_rule(uint8_t type)
{
	return &bgp_attr_rules[type < ARRAY_LEN(bgp_attr_rules) ? type : 0];
}
static inline uint64_t bgp_attr_bit(uint8_t type) { return type < 64 ? UINT64_C(1) << type : 0; }
/* One attribute with these flags; the extended length bit is chosen here. */
void bgp_attr_write(struct wr *w, uint8_t flags, uint8_t type, const void *value, size_t n);
/* The value of a canonical attribute (numbers as they are, spans borrowed) into the view. */
void bgp_attr_store(struct bgp_attrs *a, uint8_t type, struct span value);

/* AS paths. width: 2 or 4 octets each number. */
struct bgp_segment_view { uint8_t type, count; struct span numbers; };
bool bgp_segment_next(struct rd *r, size_t width, struct bgp_segment_view *out);
/* Segment types 1 to 4, none empty, no overrun (RFC 7606 7.2), no AS 0 (RFC 7607); confederation segments only if allowed. */
bool bgp_path_good(struct span path, size_t width, bool confed_allowed) MUST_USE;
/* Two octets to four, joined with AS4_PATH (RFC 6793 4.2.3; empty span: none). False: it does not fit into out. */
bool bgp_path_widen(struct span path2, struct span path4, uint8_t *out, size_t room, size_t *n) MUST_USE;
/* Four octets to two; *lost: a number did not fit and is AS_TRANS. */
void bgp_path_narrow(struct wr *w, struct span path, bool *lost);
/* The value of AS4_PATH: the path without its confederation segments (RFC 6793 3). */
void bgp_path_plain(struct wr *w, struct span path);

#endif
