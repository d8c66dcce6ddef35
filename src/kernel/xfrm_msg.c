/* XFRM states and events as messages. See xfrm_msg.h. RFC 4303, RFC 3948; the key material of each
 * algorithm is laid out as RFC 7296 2.17 derives it: the cipher's key, then its salt. */
#include "kernel/xfrm_msg.h"

#include <errno.h>
#include <linux/udp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

/* ---- shared with policy_msg.c ---- */

uint16_t xfrm_family(const struct addr *a)
{
	return a->family == AF_V4 ? AF_INET : a->family == AF_V6 ? AF_INET6 : AF_UNSPEC;
}

void xfrm_put_addr(xfrm_address_t *out, const struct addr *a)
{
	memset(out, 0, sizeof *out);
	memcpy(out, a->b, addr_len(a));
}

struct addr xfrm_get_addr(const xfrm_address_t *a, uint16_t family)
{
	return addr_from(a, family == AF_INET ? 4 : family == AF_INET6 ? 16 : 0);
}

void xfrm_put_mark(struct nlw *w, uint32_t value, uint32_t mask)
{
	struct xfrm_mark mark = {.v = value, .m = mask};
	if (value || mask)
		nlw_attr(w, XFRMA_MARK, &mark, sizeof mark);
}

void xfrm_no_limits(struct xfrm_lifetime_cfg *l)
{
	*l = (struct xfrm_lifetime_cfg){
		.soft_byte_limit = XFRM_INF, .hard_byte_limit = XFRM_INF,
		.soft_packet_limit = XFRM_INF, .hard_packet_limit = XFRM_INF,
	};
}

/* ---- building ---- */

struct sa_id xfrm_sa_id(const struct child_sa *sa, enum xfrm_dir dir)
{
	/* As strongSwan's default: mark_in marks the policy only, or plain ESP from the network would never match. */
	if (dir == DIR_IN)
		return (struct sa_id){.src = sa->remote, .dst = sa->local, .spi = sa->in.spi};
	return (struct sa_id){.src = sa->local, .dst = sa->remote, .spi = sa->out.spi,
	                      .mark = sa->mark_out, .mark_mask = sa->mark_out_mask};
}

void xfrm_msg_alloc_spi(struct nlw *w, const struct addr *local, const struct addr *remote, uint32_t reqid,
                        uint32_t min, uint32_t max)
{
	struct xfrm_userspi_info i;
	memset(&i, 0, sizeof i);
	i.min = min;
	i.max = max;
	xfrm_put_addr(&i.info.saddr, remote);
	xfrm_put_addr(&i.info.id.daddr, local);
	i.info.id.proto = IPPROTO_ESP;
	i.info.mode = XFRM_MODE_TRANSPORT;
	i.info.reqid = reqid;
	i.info.family = xfrm_family(local);
	nlw_start(w, XFRM_MSG_ALLOCSPI, 0, &i, sizeof i);
}

static uint64_t limit(uint64_t v) { return v ? v : XFRM_INF; }

static void put_lifetime(struct xfrm_lifetime_cfg *out, const struct lifetime *l)
{
	*out = (struct xfrm_lifetime_cfg){
		.soft_byte_limit = limit(l->soft_bytes), .hard_byte_limit = limit(l->hard_bytes),
		.soft_packet_limit = limit(l->soft_packets), .hard_packet_limit = limit(l->hard_packets),
		.soft_add_expires_seconds = l->soft_s, .hard_add_expires_seconds = l->hard_s,
	};
}

/* An algorithm is a head with its name and sizes in bits, then the key. */
static void put_keyed(struct nlw *w, uint16_t type, const void *head, size_t n, const struct secret *key)
{
	uint8_t x[sizeof(struct xfrm_algo_auth) + SECRET_MAX];
	memcpy(x, head, n);
	memcpy(x + n, key->b, key->len);
	nlw_attr(w, type, x, n + key->len);
	wipe(x, sizeof x);
}

static void put_aead(struct nlw *w, const struct algo *a, const struct secret *key)
{
	struct xfrm_algo_aead x = {.alg_key_len = key->len * 8u, .alg_icv_len = a->icv_len * 8u};
	memcpy(x.alg_name, a->kernel, strlen(a->kernel));
	put_keyed(w, XFRMA_ALG_AEAD, &x, sizeof x, key);
}

static void put_crypt(struct nlw *w, const struct algo *a, const struct secret *key)
{
	struct xfrm_algo x = {.alg_key_len = key->len * 8u};
	memcpy(x.alg_name, a->kernel, strlen(a->kernel));
	put_keyed(w, XFRMA_ALG_CRYPT, &x, sizeof x, key);
}

static void put_auth(struct nlw *w, const struct algo *a, const struct secret *key)
{
	struct xfrm_algo_auth x = {.alg_key_len = key->len * 8u, .alg_trunc_len = a->icv_len * 8u};
	memcpy(x.alg_name, a->kernel, strlen(a->kernel));
	put_keyed(w, XFRMA_ALG_AUTH_TRUNC, &x, sizeof x, key);
}

static bool key_fits(const struct algo *a, const struct secret *key)
{
	return a && a->kernel && strlen(a->kernel) < sizeof(((struct xfrm_algo *)0)->alg_name) &&
	       key->len == a->key_len + a->salt_len && key->len <= SECRET_MAX;
}

static int put_algorithms(struct nlw *w, const struct suite *s, const struct esp_sa *e)
{
	const struct algo *encr = algo_find(T_ENCR, s->encr, s->encr_bits);
	if (!key_fits(encr, &e->encr))
		return -EINVAL;
	if (encr->flags & ALGO_AEAD) {
		put_aead(w, encr, &e->encr);
		return 0;
	}
	const struct algo *integ = algo_find(T_INTEG, s->integ, 0);
	if (!key_fits(integ, &e->integ))
		return -EINVAL;
	put_auth(w, integ, &e->integ);
	put_crypt(w, encr, &e->encr);
	return 0;
}

static void put_encap(struct nlw *w, const struct child_sa *sa, enum xfrm_dir dir)
{
	struct xfrm_encap_tmpl t = {.encap_type = UDP_ENCAP_ESPINUDP};
	if (!sa->encap)
		return;
	t.encap_sport = htons(dir == DIR_IN ? sa->encap_dport : sa->encap_sport);
	t.encap_dport = htons(dir == DIR_IN ? sa->encap_sport : sa->encap_dport);
	nlw_attr(w, XFRMA_ENCAP, &t, sizeof t);
}

/* The window that an SA has: the outbound one has none, but ESN (RFC 4303 2.2.1) needs the state. */
static uint32_t window_of(const struct child_sa *sa, enum xfrm_dir dir)
{
	uint32_t w = dir == DIR_IN ? sa->replay_window : 0;
	if (sa->suite.esn == ESN_YES && w == 0)
		w = 1;
	return w < REPLAY_MAX ? w : REPLAY_MAX;
}

static bool window_is_bitmap(const struct child_sa *sa, uint32_t window)
{
	return sa->suite.esn == ESN_YES || window > REPLAY_PLAIN_MAX;
}

static void put_replay(struct nlw *w, const struct child_sa *sa, uint32_t window, const struct sa_carry *carry)
{
	if (carry && carry->esn_len) {
		nlw_attr(w, XFRMA_REPLAY_ESN_VAL, carry->esn, carry->esn_len);
	} else if (window_is_bitmap(sa, window)) {
		struct xfrm_replay_state_esn head = {.bmp_len = (window + 31) / 32, .replay_window = window};
		uint8_t x[sizeof head + REPLAY_MAX / 8] = {0};
		memcpy(x, &head, sizeof head);
		nlw_attr(w, XFRMA_REPLAY_ESN_VAL, x, sizeof head + head.bmp_len * 4u);
	} else if (carry && carry->plain_set) {
		nlw_attr(w, XFRMA_REPLAY_VAL, &carry->plain, sizeof carry->plain);
	}
	if (carry)
		nlw_attr(w, XFRMA_LTIME_VAL, &carry->age, sizeof carry->age);
}

int xfrm_msg_sa(struct nlw *w, uint16_t type, const struct child_sa *sa, enum xfrm_dir dir,
                const struct sa_carry *carry)
{
	struct sa_id id = xfrm_sa_id(sa, dir);
	uint32_t window = window_of(sa, dir);
	struct xfrm_usersa_info i;
	memset(&i, 0, sizeof i); /* its padding too: no octet of our stack goes out */
	i.family = i.sel.family = xfrm_family(&id.src);
	xfrm_put_addr(&i.saddr, &id.src);
	xfrm_put_addr(&i.id.daddr, &id.dst);
	i.sel.saddr = i.saddr;
	i.sel.daddr = i.id.daddr;
	i.sel.prefixlen_s = i.sel.prefixlen_d = (uint8_t)(addr_len(&id.src) * 8);
	i.id.spi = htonl(id.spi);
	i.id.proto = IPPROTO_ESP;
	i.mode = XFRM_MODE_TRANSPORT;
	i.reqid = sa->reqid;
	i.flags = sa->suite.esn == ESN_YES ? XFRM_STATE_ESN : 0;
	i.replay_window = window_is_bitmap(sa, window) ? 0 : (uint8_t)window;
	put_lifetime(&i.lft, &sa->life);
	nlw_start(w, type, 0, &i, sizeof i);
	if (i.family == AF_UNSPEC || id.src.family != id.dst.family)
		return -EINVAL;
	int rc = put_algorithms(w, &sa->suite, dir == DIR_IN ? &sa->in : &sa->out);
	put_encap(w, sa, dir);
	xfrm_put_mark(w, id.mark, id.mark_mask);
	put_replay(w, sa, window, carry);
	return rc;
}

void xfrm_msg_sa_id(struct nlw *w, uint16_t type, const struct sa_id *id)
{
	struct xfrm_usersa_id i = {.spi = htonl(id->spi), .family = xfrm_family(&id->dst), .proto = IPPROTO_ESP};
	xfrm_address_t src;
	xfrm_put_addr(&i.daddr, &id->dst);
	xfrm_put_addr(&src, &id->src);
	nlw_start(w, type, 0, &i, sizeof i);
	nlw_attr(w, XFRMA_SRCADDR, &src, sizeof src);
	xfrm_put_mark(w, id->mark, id->mark_mask);
}

/* ---- reading ---- */

void sa_info_wipe(struct sa_info *s)
{
	secret_wipe(&s->encr);
	secret_wipe(&s->integ);
}

void sa_carry_skip(struct sa_carry *c, uint32_t n)
{
	struct xfrm_replay_state_esn x;
	if (c->esn_len < sizeof x) {
		c->plain.oseq = c->plain.oseq < UINT32_MAX - n ? c->plain.oseq + n : UINT32_MAX;
		return;
	}
	/* An outbound SA has no window, so it has this form with ESN only. */
	memcpy(&x, c->esn, sizeof x);
	uint64_t seq = (uint64_t)x.oseq_hi << 32 | x.oseq;
	seq += n;
	x.oseq = (uint32_t)seq;
	x.oseq_hi = (uint32_t)(seq >> 32);
	memcpy(c->esn, &x, sizeof x);
}

/* The key behind an algorithm's head: bits as the head says, octets as there are. */
static bool get_key(const struct nl_attr *a, size_t head, uint32_t bits, struct secret *out)
{
	struct rd v = a->v;
	size_t n = (bits + 7u) / 8u;
	rd_skip(&v, head);
	const uint8_t *key = bits <= SECRET_MAX * 8 ? rd_take(&v, n) : NULL;
	return key && secret_set(out, key, n);
}

static bool get_crypt(const struct nl_attr *a, struct sa_info *out)
{
	struct xfrm_algo x;
	return nl_get(a, &x, sizeof x) && get_key(a, sizeof x, x.alg_key_len, &out->encr);
}

static bool get_aead(const struct nl_attr *a, struct sa_info *out)
{
	struct xfrm_algo_aead x;
	return nl_get(a, &x, sizeof x) && get_key(a, sizeof x, x.alg_key_len, &out->encr);
}

static bool get_auth(const struct nl_attr *a, struct sa_info *out)
{
	struct xfrm_algo_auth x;
	return nl_get(a, &x, sizeof x) && get_key(a, sizeof x, x.alg_key_len, &out->integ);
}

static bool get_encap(const struct nl_attr *a, struct sa_info *out)
{
	struct xfrm_encap_tmpl t;
	if (!nl_get(a, &t, sizeof t))
		return false;
	out->encap = t.encap_type == UDP_ENCAP_ESPINUDP;
	out->sport = ntohs(t.encap_sport);
	out->dport = ntohs(t.encap_dport);
	return true;
}

static bool get_mark(const struct nl_attr *a, struct sa_info *out)
{
	struct xfrm_mark mark;
	if (!nl_get(a, &mark, sizeof mark))
		return false;
	out->id.mark = mark.v;
	out->id.mark_mask = mark.m;
	return true;
}

/* The bitmap's length is told twice, by the attribute and inside it: they must agree (CVE-2017-7184 was that). */
static bool get_esn(const struct nl_attr *a, struct sa_info *out)
{
	struct xfrm_replay_state_esn x;
	size_t n = rd_left(&a->v);
	if (!nl_get(a, &x, sizeof x) || x.bmp_len > REPLAY_MAX / 32 || n != sizeof x + x.bmp_len * 4u ||
	    x.replay_window > x.bmp_len * 32u)
		return false;
	out->carry.esn_len = n;
	return nl_get(a, out->carry.esn, n);
}

static bool get_sa_attr(const struct nl_attr *a, struct sa_info *out)
{
	switch (a->type) {
	case XFRMA_ALG_CRYPT: return get_crypt(a, out);
	case XFRMA_ALG_AEAD: return get_aead(a, out);
	case XFRMA_ALG_AUTH_TRUNC: return get_auth(a, out);
	case XFRMA_ENCAP: return get_encap(a, out);
	case XFRMA_MARK: return get_mark(a, out);
	case XFRMA_REPLAY_ESN_VAL: return get_esn(a, out);
	case XFRMA_REPLAY_VAL:
		out->carry.plain_set = true;
		return nl_get(a, &out->carry.plain, sizeof out->carry.plain);
	case XFRMA_LASTUSED:
		out->last_used_s = (int64_t)nl_u64(a);
		return rd_left(&a->v) == 8;
	default: return true;
	}
}

bool xfrm_parse_sa(const struct nl_msg *msg, struct sa_info *out)
{
	struct nl_msg m = *msg;
	struct xfrm_usersa_info i;
	*out = (struct sa_info){.larval = true};
	if (m.type != XFRM_MSG_NEWSA || !nl_body(&m, &i, sizeof i))
		return false;
	out->id = (struct sa_id){.src = xfrm_get_addr(&i.saddr, i.family), .dst = xfrm_get_addr(&i.id.daddr, i.family),
	                         .spi = ntohl(i.id.spi)};
	out->proto = i.id.proto;
	out->reqid = i.reqid;
	out->stats = i.stats;
	out->carry.age = i.curlft;
	for (struct nl_attr a; nl_attr_next(&m.body, &a);) {
		if (!get_sa_attr(&a, out)) {
			sa_info_wipe(out);
			return false;
		}
	}
	out->larval = out->encr.len == 0 && out->integ.len == 0;
	if (!rd_ok(&m.body) || out->id.src.family == AF_NONE) {
		sa_info_wipe(out);
		return false;
	}
	return true;
}

static bool parse_expire(struct nl_msg *m, struct kernel_event *out)
{
	struct xfrm_user_expire x;
	if (!nl_body(m, &x, sizeof x) || x.state.id.proto != IPPROTO_ESP)
		return false;
	out->type = KERNEL_EXPIRE;
	out->spi = ntohl(x.state.id.spi);
	out->hard = x.hard != 0;
	out->addr = xfrm_get_addr(&x.state.id.daddr, x.state.family);
	return out->addr.family != AF_NONE;
}

static bool parse_mapping(struct nl_msg *m, struct kernel_event *out)
{
	struct xfrm_user_mapping x;
	if (!nl_body(m, &x, sizeof x) || x.id.proto != IPPROTO_ESP)
		return false;
	out->type = KERNEL_MAPPING;
	out->spi = ntohl(x.id.spi);
	out->addr = xfrm_get_addr(&x.id.daddr, x.id.family);
	out->source.addr = xfrm_get_addr(&x.new_saddr, x.id.family);
	out->source.port = ntohs(x.new_sport);
	return out->addr.family != AF_NONE && out->source.port != 0;
}

static bool parse_acquire(struct nl_msg *m, struct kernel_event *out)
{
	struct xfrm_user_acquire x;
	struct xfrm_user_tmpl t;
	if (!nl_body(m, &x, sizeof x) || x.id.proto != IPPROTO_ESP)
		return false;
	for (struct nl_attr a; nl_attr_next(&m->body, &a);) {
		if (a.type == XFRMA_TMPL && nl_get(&a, &t, sizeof t))
			out->reqid = t.reqid;
	}
	out->type = KERNEL_ACQUIRE;
	out->addr = xfrm_get_addr(&x.id.daddr, x.sel.family);
	out->source.addr = xfrm_get_addr(&x.saddr, x.sel.family);
	return rd_ok(&m->body) && out->reqid && out->addr.family != AF_NONE;
}

bool xfrm_parse_event(const struct nl_msg *msg, struct kernel_event *out)
{
	struct nl_msg m = *msg;
	*out = (struct kernel_event){0};
	if (m.type == XFRM_MSG_EXPIRE)
		return parse_expire(&m, out);
	if (m.type == XFRM_MSG_ACQUIRE)
		return parse_acquire(&m, out);
	return m.type == XFRM_MSG_MAPPING && parse_mapping(&m, out);
}
