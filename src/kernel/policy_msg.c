/* XFRM policies as messages, and the kinds that gretel makes: a child's, a trap's, a guard's, a
 * shunt's. See xfrm_msg.h. RFC 4301 4.4.1. */
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "kernel/xfrm_msg.h"

/* ---- the kinds ---- */

/* The fields, from the finest: trap or not (1 bit), interface, port bits (times 4), protocol, prefix bits. */
uint32_t policy_priority(const struct policy *p, enum policy_base base)
{
	uint32_t prio = (uint32_t)base - 512u * ((uint32_t)p->src.len + p->dst.len);
	if (p->proto)
		prio -= 256;
	prio -= 4u * ((p->sport ? 16u : 0u) + (p->dport ? 16u : 0u));
	return prio - 1; /* a trap is one worse */
}

static struct prefix host(const struct addr *a)
{
	return (struct prefix){.addr = *a, .len = (uint8_t)(addr_len(a) * 8)};
}

struct policy policy_of_child(const struct child_sa *sa, enum xfrm_dir dir)
{
	struct policy p = {.dir = dir, .proto = sa->sel.proto, .n_templates = 1, .reqid = sa->reqid};
	if (dir == DIR_OUT) {
		p.src = host(&sa->local);
		p.dst = host(&sa->remote);
		p.sport = sa->sel.local_port;
		p.dport = sa->sel.remote_port;
		p.spi = sa->out.spi;
		p.mark = sa->mark_out;
		p.mark_mask = sa->mark_out_mask;
	} else {
		/* Without an SPI: while a child is replaced, packets of the old and of the new SA are welcome. */
		p.src = host(&sa->remote);
		p.dst = host(&sa->local);
		p.sport = sa->sel.remote_port;
		p.dport = sa->sel.local_port;
		p.mark = sa->mark_in;
		p.mark_mask = sa->mark_in_mask;
	}
	p.priority = policy_priority(&p, POLICY_BASE_SA);
	return p;
}

struct policy policy_of_trap(const struct child_sa *sa)
{
	struct policy p = policy_of_child(sa, DIR_OUT);
	p.spi = 0;
	p.priority++;
	return p;
}

struct policy policy_of_guard(const struct prefix *src, const struct prefix *dst, enum xfrm_dir dir)
{
	return (struct policy){.dir = dir, .src = *src, .dst = *dst, .proto = IPPROTO_GRE, .block = true,
	                       .priority = KERNEL_GUARD_PRIORITY};
}

bool policy_is_guard(const struct policy *p)
{
	return p->priority == KERNEL_GUARD_PRIORITY && p->proto == IPPROTO_GRE && p->block && p->n_templates == 0 &&
	       p->mark == 0 && p->mark_mask == 0 && (p->dir == DIR_IN || p->dir == DIR_OUT);
}

/* The kernel compares selectors octet by octet, host bits included. */
static struct prefix masked(const struct prefix *p)
{
	struct prefix out = *p;
	for (size_t bit = p->len; bit < addr_len(&p->addr) * 8; bit++)
		out.addr.b[bit / 8] &= (uint8_t)~(0x80u >> bit % 8);
	return out;
}

struct policy policy_of_shunt(const struct prefix *local, const struct prefix *remote, uint8_t proto, bool pass,
                              enum xfrm_dir dir)
{
	struct policy p = {.dir = dir, .proto = proto, .block = !pass};
	p.src = masked(dir == DIR_OUT ? local : remote);
	p.dst = masked(dir == DIR_OUT ? remote : local);
	p.priority = policy_priority(&p, pass ? POLICY_BASE_PASS : POLICY_BASE_FALLBACK);
	return p;
}

/* ---- building ---- */

/* These structures have padding, which an initializer need not clear: memset, so that no octet of our stack goes
 * out. */
static void put_selector(struct xfrm_selector *s, const struct policy *p)
{
	s->family = xfrm_family(&p->src.addr);
	s->prefixlen_s = p->src.len;
	s->prefixlen_d = p->dst.len;
	s->proto = p->proto;
	s->sport = htons(p->sport);
	s->sport_mask = p->sport ? 0xffff : 0;
	s->dport = htons(p->dport);
	s->dport_mask = p->dport ? 0xffff : 0;
	xfrm_put_addr(&s->saddr, &p->src.addr);
	xfrm_put_addr(&s->daddr, &p->dst.addr);
}

/* Addresses zero: those of the packet. Not optional: without an SA nothing passes. */
static void put_template(struct nlw *w, const struct policy *p)
{
	struct xfrm_user_tmpl t;
	memset(&t, 0, sizeof t);
	t.id.spi = htonl(p->spi);
	t.id.proto = IPPROTO_ESP;
	t.family = xfrm_family(&p->src.addr);
	t.reqid = p->reqid;
	t.mode = XFRM_MODE_TRANSPORT;
	t.aalgos = t.ealgos = t.calgos = ~0u;
	nlw_attr(w, XFRMA_TMPL, &t, sizeof t);
}

void xfrm_msg_policy(struct nlw *w, uint16_t type, const struct policy *p)
{
	struct xfrm_userpolicy_info i;
	memset(&i, 0, sizeof i);
	put_selector(&i.sel, p);
	i.priority = p->priority;
	i.dir = (uint8_t)p->dir;
	i.action = p->block ? XFRM_POLICY_BLOCK : XFRM_POLICY_ALLOW;
	i.share = XFRM_SHARE_ANY;
	xfrm_no_limits(&i.lft);
	nlw_start(w, type, 0, &i, sizeof i);
	if (p->n_templates)
		put_template(w, p);
	xfrm_put_mark(w, p->mark, p->mark_mask);
}

void xfrm_msg_policy_id(struct nlw *w, uint16_t type, const struct policy *p)
{
	struct xfrm_userpolicy_id i;
	memset(&i, 0, sizeof i);
	put_selector(&i.sel, p);
	i.dir = (uint8_t)p->dir;
	nlw_start(w, type, 0, &i, sizeof i);
	xfrm_put_mark(w, p->mark, p->mark_mask);
}

void xfrm_msg_policy_dump(struct nlw *w)
{
	struct xfrm_userpolicy_id i = {0};
	nlw_start(w, XFRM_MSG_GETPOLICY, NLM_F_DUMP, &i, sizeof i);
}

/* ---- reading ---- */

/* As in the kernel. */
enum { TEMPLATES_MAX = 6 };

static bool get_templates(const struct nl_attr *a, struct policy *out)
{
	struct xfrm_user_tmpl t;
	size_t n = rd_left(&a->v) / sizeof t;
	if (rd_left(&a->v) % sizeof t != 0 || n > TEMPLATES_MAX)
		return false;
	out->n_templates = (uint8_t)n;
	if (n && nl_get(a, &t, sizeof t)) {
		out->reqid = t.reqid;
		out->spi = ntohl(t.id.spi);
	}
	return true;
}

static bool get_policy_attr(const struct nl_attr *a, struct policy *out)
{
	struct xfrm_mark mark;
	struct xfrm_userpolicy_type type;
	switch (a->type) {
	case XFRMA_TMPL:
		return get_templates(a, out);
	case XFRMA_MARK:
		if (!nl_get(a, &mark, sizeof mark))
			return false;
		out->mark = mark.v;
		out->mark_mask = mark.m;
		return true;
	case XFRMA_POLICY_TYPE:
		return nl_get(a, &type, sizeof type) && type.type == XFRM_POLICY_TYPE_MAIN;
	case XFRMA_IF_ID:
		return nl_u32(a) == 0;
	default:
		return true;
	}
}

bool xfrm_parse_policy(const struct nl_msg *msg, struct policy *out)
{
	struct nl_msg m = *msg;
	struct xfrm_userpolicy_info i;
	*out = (struct policy){0};
	/* Policies of sockets come with directions of their own. */
	if (m.type != XFRM_MSG_NEWPOLICY || !nl_body(&m, &i, sizeof i) || i.dir > DIR_FWD)
		return false;
	out->dir = (enum xfrm_dir)i.dir;
	out->src = (struct prefix){xfrm_get_addr(&i.sel.saddr, i.sel.family), i.sel.prefixlen_s};
	out->dst = (struct prefix){xfrm_get_addr(&i.sel.daddr, i.sel.family), i.sel.prefixlen_d};
	out->proto = i.sel.proto;
	out->sport = ntohs(i.sel.sport);
	out->dport = ntohs(i.sel.dport);
	out->priority = i.priority;
	out->block = i.action == XFRM_POLICY_BLOCK;
	size_t bits = addr_len(&out->src.addr) * 8;
	if (bits == 0 || out->src.len > bits || out->dst.len > bits)
		return false;
	for (struct nl_attr a; nl_attr_next(&m.body, &a);) {
		if (!get_policy_attr(&a, out))
			return false;
	}
	return rd_ok(&m.body);
}
