/* See test_kernel_util.h. */
#include "test_kernel_util.h"

#include <ctype.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct span kernel_copy(struct span s)
{
	uint8_t *p = malloc(s.n ? s.n : 1);
	if (!p)
		abort();
	if (s.n)
		memcpy(p, s.p, s.n);
	return SPAN(p, s.n);
}

void kernel_put(struct span s)
{
	union { const uint8_t *from; void *to; } u = {.from = s.p};
	free(u.to);
}

struct span kernel_hex(const char *text)
{
	uint8_t *room = malloc(strlen(text) / 2 + 1);
	size_t n = 0;
	if (!room)
		abort();
	while (*text) {
		unsigned v;
		if (*text == '#') {
			text += strcspn(text, "\n");
		} else if (isspace((unsigned char)*text)) {
			text++;
		} else if (sscanf(text, "%2x", &v) == 1 && isxdigit((unsigned char)text[1])) {
			room[n++] = (uint8_t)v;
			text += 2;
		} else {
			abort();
		}
	}
	struct span out = kernel_copy(SPAN(room, n));
	free(room);
	return out;
}

static void sb_sa(struct sbuf *b, const struct sa_info *s)
{
	const struct xfrm_lifetime_cur *age = &s->carry.age;
	sb_put(b, "sa ");
	sb_addr(b, &s->id.src);
	sb_put(b, " -> ");
	sb_addr(b, &s->id.dst);
	sb_printf(b, " spi 0x%08x reqid %u proto %u%s", s->id.spi, s->reqid, s->proto, s->larval ? " larval" : "");
	if (s->encap)
		sb_printf(b, " udp %u %u", s->sport, s->dport);
	if (s->id.mark || s->id.mark_mask)
		sb_printf(b, " mark %u/%u", s->id.mark, s->id.mark_mask);
	sb_put(b, " encr ");
	sb_hex(b, s->encr.b, s->encr.len);
	sb_put(b, " integ ");
	sb_hex(b, s->integ.b, s->integ.len);
	if (s->carry.plain_set)
		sb_printf(b, " seq %u oseq %u", s->carry.plain.seq, s->carry.plain.oseq);
	if (s->carry.esn_len)
		sb_printf(b, " esn of %zu", s->carry.esn_len);
	sb_printf(b, " %llu bytes %llu packets, used %lld\n", (unsigned long long)age->bytes,
	          (unsigned long long)age->packets, (long long)s->last_used_s);
}

static void sb_policy(struct sbuf *b, const struct policy *p)
{
	static const char *const DIRS[] = {"in", "out", "fwd"};
	sb_printf(b, "policy %s ", DIRS[p->dir]);
	sb_prefix(b, &p->src);
	sb_printf(b, "[%u] -> ", p->sport);
	sb_prefix(b, &p->dst);
	sb_printf(b, "[%u] proto %u priority %u %s", p->dport, p->proto, p->priority, p->block ? "block" : "allow");
	if (p->mark || p->mark_mask)
		sb_printf(b, " mark %u/%u", p->mark, p->mark_mask);
	sb_printf(b, " templates %u reqid %u spi 0x%08x%s\n", p->n_templates, p->reqid, p->spi,
	          policy_is_guard(p) ? " guard" : "");
}

static void sb_event(struct sbuf *b, const struct kernel_event *e)
{
	static const char *const NAMES[] = {"expire", "mapping", "link", "addr", "route", "overrun"};
	sb_printf(b, "event %s", NAMES[e->type]);
	if (e->type == KERNEL_EXPIRE || e->type == KERNEL_MAPPING)
		sb_printf(b, " 0x%08x%s", e->spi, e->hard ? " hard" : "");
	if (e->type == KERNEL_MAPPING) {
		sb_put(b, " from ");
		sb_endpoint(b, &e->source);
	}
	if (e->type == KERNEL_LINK) {
		sb_printf(b, " %u %s %s mtu %u%s", e->ifindex, e->name, e->up ? "up" : "down", e->mtu, e->inner ? " inner" : "");
	} else if (e->type == KERNEL_ROUTE) {
		sb_put(b, " ");
		sb_prefix(b, &e->dst);
	} else {
		sb_put(b, " ");
		sb_addr(b, &e->addr);
	}
	sb_put(b, e->gone ? " gone\n" : "\n");
}

static void sb_link(struct sbuf *b, const struct link_info *l)
{
	const struct gre_link *g = &l->link;
	sb_printf(b, "link %u %s mtu %u %s", g->ifindex, g->name, g->mtu, g->up ? "up" : "down");
	if (l->gre) {
		sb_printf(b, " gre%u ", l->outer);
		sb_addr(b, &g->local);
		sb_put(b, " -> ");
		sb_addr(b, &g->remote);
		sb_printf(b, " ttl %u tos %u flags %04x %04x keys %u %u%s%s", g->ttl, g->tos, l->iflags, l->oflags, l->ikey,
		          l->okey, l->external ? " external" : "", l->plain ? " plain" : "");
		sb_printf(b, " key %d %u", g->key_set, g->key);
	}
	sb_put(b, "\n");
}

static void sb_address(struct sbuf *b, const struct addr_info *a)
{
	sb_printf(b, "addr %u ", a->ifindex);
	sb_prefix(b, &a->local);
	sb_put(b, " peer ");
	sb_addr(b, &a->peer);
	sb_printf(b, " scope %u %s\n", a->scope, a->usable ? "usable" : "tentative");
}

static void sb_xfrm_message(struct sbuf *b, const struct nl_msg *m)
{
	struct sa_info sa;
	struct policy p;
	struct kernel_event e;
	if (xfrm_parse_sa(m, &sa))
		sb_sa(b, &sa);
	else if (xfrm_parse_policy(m, &p))
		sb_policy(b, &p);
	else if (xfrm_parse_event(m, &e))
		sb_event(b, &e);
	else
		sb_put(b, "refused\n");
}

static void sb_route_message(struct sbuf *b, const struct nl_msg *m)
{
	struct link_info l;
	struct addr_info a;
	struct kernel_event e;
	struct addr src;
	uint32_t ifindex;
	bool told = true;
	if (link_parse(m, &l)) {
		sb_link(b, &l);
	} else if (addr_parse_msg(m, &a)) {
		sb_address(b, &a);
	} else if (route_parse(m, &src, &ifindex)) {
		sb_put(b, "route from ");
		sb_addr(b, &src);
		sb_printf(b, " by %u\n", ifindex);
	} else {
		told = false;
	}
	if (link_parse_event(m, &e))
		sb_event(b, &e);
	else if (!told)
		sb_put(b, "refused\n");
}

void sb_kernel_datagram(struct sbuf *b, struct span datagram, bool xfrm)
{
	char text[64];
	struct rd r = rd_init(datagram.p, datagram.n);
	for (struct nl_msg m; nl_next(&r, &m);) {
		if (m.type == NLMSG_ERROR || m.type == NLMSG_DONE) {
			int rc = nl_result(&m, text, sizeof text);
			sb_printf(b, "result %d %s\n", rc, text);
		} else if (xfrm) {
			sb_xfrm_message(b, &m);
		} else {
			sb_route_message(b, &m);
		}
	}
	if (!rd_ok(&r))
		sb_put(b, "malformed\n");
}
