/* XFRM messages about states and policies (linux/xfrm.h) as values, both ways.
 * Pure: octets in, octets out. sad.c and spd.c decide what to send, socket.c sends.
 *
 * The shape is strongSwan's (what `ip xfrm state` and `ip xfrm policy` show): a
 * transport-mode ESP state has the two host addresses as its selector and neither
 * protocol nor ports; the policy carries those. RFC 4301 4.4, RFC 4303, RFC 3948. */
#ifndef KERNEL_XFRM_MSG_H
#define KERNEL_XFRM_MSG_H

#include <linux/xfrm.h>

#include "kernel/kernel.h"
#include "kernel/nl.h"

/* The numbers of XFRM_POLICY_IN, _OUT, _FWD. */
enum xfrm_dir { DIR_IN = 0, DIR_OUT = 1, DIR_FWD = 2 };

/* A number of packets that needs the bitmap attribute (more than a word), and the kernel's limit. */
enum { REPLAY_PLAIN_MAX = 32, REPLAY_MAX = 4096 };

/* --- States --- */

/* Names a state: what the kernel finds it by. */
struct sa_id {
	struct addr src, dst;
	uint32_t spi;
	uint32_t mark, mark_mask;
};

/* The replay state and age of an SA, to be carried into the one that replaces it. */
struct sa_carry {
	struct xfrm_lifetime_cur age;
	bool plain_set;
	struct xfrm_replay_state plain;
	size_t esn_len; /* octets of `esn`; 0 = none */
	uint8_t esn[sizeof(struct xfrm_replay_state_esn) + REPLAY_MAX / 8];
};

/* An SA as the kernel tells it. */
struct sa_info {
	struct sa_id id;
	uint32_t reqid;
	uint8_t proto; /* IPPROTO_ESP */
	bool larval;   /* an SPI kept for an SA to come, or an acquire: there are no keys */
	bool encap;
	uint16_t sport, dport;
	int64_t last_used_s; /* wall clock, 0 = never */
	struct xfrm_stats stats;
	struct sa_carry carry;
	struct secret encr, integ; /* wipe with sa_info_wipe */
};

void sa_info_wipe(struct sa_info *s); /* the keys */
/* Leaves n outbound sequence numbers out; stops at the last one that there is (RFC 4303 3.3.3: it never cycles). */
void sa_carry_skip(struct sa_carry *c, uint32_t n);

/* The name of one of a child's two SAs. */
struct sa_id xfrm_sa_id(const struct child_sa *sa, enum xfrm_dir dir);
/* XFRM_MSG_ALLOCSPI: an SPI for an inbound SA from remote to local. */
void xfrm_msg_alloc_spi(struct nlw *w, const struct addr *local, const struct addr *remote, uint32_t reqid,
                        uint32_t min, uint32_t max);
/* XFRM_MSG_NEWSA or XFRM_MSG_UPDSA for one direction of a child. carry: NULL, or what to go on from. -EINVAL: the
 * suite is unknown or the keys have not its sizes, or the addresses are of two families. Wipe w after use. */
int xfrm_msg_sa(struct nlw *w, uint16_t type, const struct child_sa *sa, enum xfrm_dir dir,
                const struct sa_carry *carry) MUST_USE;
/* XFRM_MSG_GETSA or XFRM_MSG_DELSA. */
void xfrm_msg_sa_id(struct nlw *w, uint16_t type, const struct sa_id *id);
/* From XFRM_MSG_NEWSA. False: malformed. */
bool xfrm_parse_sa(const struct nl_msg *m, struct sa_info *out) MUST_USE;
/* From XFRM_MSG_EXPIRE, XFRM_MSG_MAPPING or XFRM_MSG_ACQUIRE about ESP. False: something else, or malformed. */
bool xfrm_parse_event(const struct nl_msg *m, struct kernel_event *out) MUST_USE;

/* --- Policies (policy_msg.c) --- */

enum policy_base { POLICY_BASE_PASS = 200000, POLICY_BASE_SA = 400000, POLICY_BASE_FALLBACK = 600000 };

/* A policy, as far as gretel makes and recognizes any. */
struct policy {
	enum xfrm_dir dir;
	struct prefix src, dst;
	uint8_t proto;         /* 0 = any */
	uint16_t sport, dport; /* 0 = any */
	uint32_t priority;
	bool block;
	uint32_t mark, mark_mask;
	uint8_t n_templates;   /* 0 or 1 of ours; parsed: as many as there are */
	uint32_t reqid, spi;   /* of the first template */
};

/* strongSwan's priority: the narrower the selector the better. Better is a lower number. */
uint32_t policy_priority(const struct policy *p, enum policy_base base);
/* The policy of one direction of a child. */
struct policy policy_of_child(const struct child_sa *sa, enum xfrm_dir dir);
/* The policy of a trap, which stands where the child's will be. */
struct policy policy_of_trap(const struct child_sa *sa);
/* The policy of a guard, and whether one is: priority, protocol and action say so. */
struct policy policy_of_guard(const struct prefix *src, const struct prefix *dst, enum xfrm_dir dir);
bool policy_is_guard(const struct policy *p);
/* The policy of a type=pass or type=drop conn. */
struct policy policy_of_shunt(const struct prefix *local, const struct prefix *remote, uint8_t proto, bool pass,
                              enum xfrm_dir dir);
/* XFRM_MSG_NEWPOLICY (-EEXIST when there is one with the selector) or XFRM_MSG_UPDPOLICY (whatever is there). */
void xfrm_msg_policy(struct nlw *w, uint16_t type, const struct policy *p);
/* XFRM_MSG_GETPOLICY or XFRM_MSG_DELPOLICY by direction, selector and mark. */
void xfrm_msg_policy_id(struct nlw *w, uint16_t type, const struct policy *p);
void xfrm_msg_policy_dump(struct nlw *w);
/* From XFRM_MSG_NEWPOLICY. False: malformed, or of a kind that we never make: a socket's, a sub policy, one with an
 * interface ID. */
bool xfrm_parse_policy(const struct nl_msg *m, struct policy *out) MUST_USE;

/* --- Both --- */

void xfrm_put_addr(xfrm_address_t *out, const struct addr *a);
struct addr xfrm_get_addr(const xfrm_address_t *a, uint16_t family);
uint16_t xfrm_family(const struct addr *a); /* AF_INET, AF_INET6, 0 */
void xfrm_put_mark(struct nlw *w, uint32_t value, uint32_t mask); /* nothing when both are 0 */
void xfrm_no_limits(struct xfrm_lifetime_cfg *l);

#endif
