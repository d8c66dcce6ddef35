/* The tables, groups, next hops and kernel of bgp/, made up: what sessions ask of them is written down, what they answer is set
 * by the test. So tests of sessions see every call, and nothing else. */
#include "bgp_hand.h"

static struct hand *of(const struct bgp *b) { return CONTAINER_OF(b->env.mem, struct hand, mem); }

/* --- attributes, tables --- */

int attr_init(struct bgp *b) { (void)b; return 0; }
void attr_fini(struct bgp *b) { (void)b; }

struct bgp_attr *attr_get(struct bgp *b, struct span canon, const struct addr *next_hop, const struct addr *next_hop_ll, uint32_t weight,
                          uint32_t tag, bool track)
{
	(void)next_hop_ll, (void)weight, (void)tag, (void)track;
	struct bgp_attr *a = mem_get(b->env.mem, sizeof *a + canon.n);
	if (!a)
		return NULL;
	a->refs = 1;
	a->next_hop = *next_hop;
	a->canon_len = (uint32_t)canon.n;
	return a;
}
bool attr_idle(const struct bgp *b) { (void)b; return false; }
bool attr_work(struct bgp *b) { (void)b; return false; }
void attr_unref(struct bgp *b, struct bgp_attr *a)
{
	if (--a->refs == 0)
		mem_put(b->env.mem, a, sizeof *a + a->canon_len);
}

int rib_init(struct bgp *b) { (void)b; return 0; }
void rib_fini(struct bgp *b) { (void)b; }
void rib_update(struct bgp *b, struct bgp_peer *p, uint8_t af, const struct prefix *pfx, uint32_t path_id, struct bgp_attr *raw, mono_t now)
{
	char text[PREFIX_TEXT];
	struct sbuf t = SB(text);
	(void)path_id, (void)raw, (void)now;
	sb_prefix(&t, pfx);
	p->af[af].accepted++;
	p->af[af].received++;
	hand_log(of(b), "update %s", text);
}
void rib_withdraw(struct bgp *b, struct bgp_peer *p, uint8_t af, const struct prefix *pfx, uint32_t path_id, mono_t now)
{
	char text[PREFIX_TEXT];
	struct sbuf t = SB(text);
	(void)p, (void)af, (void)path_id, (void)now;
	sb_prefix(&t, pfx);
	hand_log(of(b), "withdraw %s", text);
}
void rib_withdraw_ahead(struct bgp *b, struct bgp_peer *p, uint8_t af, const struct rib_ahead *a, const struct prefix *pfx,
                        const uint32_t *path_id, size_t n, mono_t now)
{
	(void)a;
	for (size_t i = 0; i < n; i++)
		rib_withdraw(b, p, af, &pfx[i], path_id[i], now);
}
void rib_ahead_far(const struct bgp *b, uint8_t af, struct rib_ahead *a, const struct prefix *pfx, size_t n)
{
	(void)b, (void)af, (void)a, (void)pfx, (void)n;
}
void rib_ahead_near(const struct bgp *b, uint8_t af, struct rib_ahead *a) { (void)b, (void)af, (void)a; }
void rib_ahead_last(const struct bgp *b, uint8_t af, struct rib_ahead *a) { (void)b, (void)af, (void)a; }
void rib_purge(struct bgp *b, struct bgp_peer *p, uint8_t af, uint8_t what)
{
	static const char *const name[] = {"all", "mark-stale", "stale", "mark-refresh", "refresh", "refilter", "llgr"};
	if (what == PURGE_ALL)
		p->af[af].accepted = p->af[af].received = 0;
	/* A family that was never there is not worth a word. */
	if (what != PURGE_ALL || af == BGP_V4)
		hand_log(of(b), "purge %s %s", af == BGP_V4 ? "v4" : "v6", name[what]);
}
void rib_decide_all(struct bgp *b) { hand_log(of(b), "decide"); }
bool rib_work(struct bgp *b, mono_t now) { (void)b, (void)now; return false; }

/* --- groups --- */

int adj_init(struct bgp *b) { (void)b; return 0; }
void adj_fini(struct bgp *b) { (void)b; }
void adj_join(struct bgp *b, struct bgp_peer *p, uint8_t af, mono_t now)
{
	(void)now;
	p->af[af].group = (struct bgp_group *)p; /* only looked at for NULL here */
	hand_log(of(b), "join %s", af == BGP_V4 ? "v4" : "v6");
}
void adj_leave(struct bgp *b, struct bgp_peer *p, uint8_t af)
{
	p->af[af].group = NULL;
	hand_log(of(b), "leave %s", af == BGP_V4 ? "v4" : "v6");
}
void adj_resend(struct bgp *b, struct bgp_peer *p, uint8_t af, bool enhanced, mono_t now)
{
	(void)p, (void)now;
	hand_log(of(b), "resend %s%s", af == BGP_V4 ? "v4" : "v6", enhanced ? " enhanced" : "");
}
void adj_regroup(struct bgp *b, struct bgp_peer *p, uint8_t af, mono_t now)
{
	(void)p, (void)now;
	hand_log(of(b), "regroup %s", af == BGP_V4 ? "v4" : "v6");
}
mono_t adj_due(const struct bgp *b) { (void)b; return MONO_NEVER; }
mono_t adj_rest(const struct bgp *b) { (void)b; return MONO_NEVER; }
void adj_tick(struct bgp *b, mono_t now) { (void)b, (void)now; }
void adj_renumber(struct bgp *b, const struct bgp_peer *p, uint8_t af) { (void)b, (void)p, (void)af; }
void adj_flush(struct bgp *b, mono_t now) { (void)b, (void)now; }
size_t adj_output(struct bgp *b, struct bgp_peer *p, struct span *out, size_t max)
{
	struct hand *h = of(b);
	size_t n = 0, at = h->adj_at;
	(void)p;
	/* Runs of 23 octets at least, so that a header is whole and a message is several. */
	while (n < max && at < h->adj.len) {
		size_t run = min_z(h->adj.len - at, 23);
		out[n++] = SPAN(h->adj_data + at, run);
		at += run;
	}
	return n;
}
size_t adj_sent(struct bgp *b, struct bgp_peer *p, size_t octets)
{
	struct hand *h = of(b);
	size_t n = min_z(octets, h->adj.len - h->adj_at);
	(void)p;
	h->adj_at += n;
	return octets - n;
}
bool adj_pending(const struct bgp_peer *p) { return p->af[0].pos != NULL; }

/* --- next hops --- */

int nht_init(struct bgp *b) { (void)b; return 0; }
void nht_fini(struct bgp *b) { (void)b; }
void nht_link(struct bgp *b, const struct route_link *l, bool gone) { of(b)->link_up = l->up && !gone; }
void nht_addr(struct bgp *b, const struct route_addr *a, bool gone) { (void)a; of(b)->addr_there = !gone; }
void nht_route(struct bgp *b, const struct route *r, bool gone) { (void)b, (void)r, (void)gone; }
void nht_tunnel(struct bgp *b, const char *name, uint32_t ifindex, bool up)
{
	(void)name, (void)ifindex;
	of(b)->tunnel_down = !up;
}
const struct route_link *nht_link_by_name(const struct bgp *b, const char *name)
{
	struct hand *h = of(b);
	return strcmp(h->link.name, name) == 0 ? &h->link : NULL;
}
const struct route_link *nht_link_at(const struct bgp *b, uint32_t ifindex)
{
	return ifindex == of(b)->link.ifindex ? &of(b)->link : NULL;
}
bool nht_is_local(const struct bgp *b, const struct addr *a) { return of(b)->addr_there && addr_eq(a, &of(b)->local); }
bool nht_if_address(const struct bgp *b, uint32_t ifindex, const struct addr *peer, struct addr *out)
{
	(void)peer;
	*out = of(b)->local;
	out->b[3] = 77;
	return ifindex == of(b)->link.ifindex;
}
bool nht_connected(const struct bgp *b, const struct addr *peer, uint32_t *ifindex, struct addr *local)
{
	struct hand *h = of(b);
	/* All peers of 10.0.0.0/16 are on the one link. */
	if (!h->link_up || !h->addr_there || h->tunnel_down || peer->b[0] != 10)
		return false;
	*ifindex = h->link.ifindex;
	*local = h->local;
	return true;
}
bool nht_if_usable(const struct bgp *b, uint32_t ifindex) { return ifindex == of(b)->link.ifindex && of(b)->link_up && !of(b)->tunnel_down; }
uint32_t nht_router_id(const struct bgp *b) { return of(b)->addr_there ? 0x0a000001 : 0; }

/* --- own routes, the kernel --- */

int local_init(struct bgp *b) { (void)b; return 0; }
void local_fini(struct bgp *b) { (void)b; }
void local_conf(struct bgp *b, mono_t now) { (void)b, (void)now; }
void local_kernel_route(struct bgp *b, const struct prefix *p, mono_t now)
{
	char text[PREFIX_TEXT];
	struct sbuf t = SB(text);
	(void)now;
	sb_prefix(&t, p);
	hand_log(of(b), "kernel %s", text);
}
bool local_work(struct bgp *b, mono_t now) { (void)b, (void)now; return false; }
int aggregate_init(struct bgp *b) { (void)b; return 0; }
void aggregate_fini(struct bgp *b) { (void)b; }
void aggregate_conf(struct bgp *b, mono_t now) { (void)b, (void)now; }
bool aggregate_work(struct bgp *b, mono_t now) { (void)b, (void)now; return false; }
int fib_init(struct bgp *b) { (void)b; return 0; }
void fib_fini(struct bgp *b) { (void)b; }
bool fib_work(struct bgp *b, mono_t now, struct bgp_acts *acts) { (void)now, (void)acts; of(b)->fib_calls++; return false; }
void fib_failed(struct bgp *b, uint32_t ticket, int status) { hand_log(of(b), "fib-failed %u %d", ticket, status); }
void fib_conf(struct bgp *b, mono_t now) { (void)now; if (of(b)->b) hand_log(of(b), "fib-conf"); }
void fib_converged(struct bgp *b) { hand_log(of(b), "converged"); }
void fib_stop(struct bgp *b, bool graceful) { hand_log(of(b), "fib-stop%s", graceful ? " graceful" : ""); }
