/* See bgp_oracle.h. RFC 4271 9.1, RFC 4456, for routes of one AS that differ in nothing but where they come from. */
#include "bgp_oracle.h"

#include <string.h>

static uint32_t addr_u32(const struct addr *a)
{
	return (uint32_t)a->b[0] << 24 | (uint32_t)a->b[1] << 16 | (uint32_t)a->b[2] << 8 | a->b[3];
}

static void collect(const struct world *w, struct oracle *o)
{
	for (int s = 0; s < w->n_speakers; s++)
		for (size_t i = 0; i < w->s[s].n_networks; i++) {
			uint32_t a = addr_u32(&w->s[s].network[i].addr);
			uint8_t len = w->s[s].network[i].len;
			size_t k = 0;

			while (k < o->n && (o->addr[k] != a || o->len[k] != len))
				k++;
			if (k == o->n && o->n < WORLD_PREFIXES) {
				o->addr[k] = a;
				o->len[k] = len;
				o->n++;
			}
		}
}

static bool announces(const struct world *w, const struct oracle *o, int s, size_t k)
{
	if (!w->s[s].running)
		return false;
	for (size_t i = 0; i < w->s[s].n_networks; i++)
		if (w->s[s].on[i] && w->s[s].network[i].len == o->len[k] && addr_u32(&w->s[s].network[i].addr) == o->addr[k])
			return true;
	return false;
}

int oracle_distance(const struct world *w, int s, int target)
{
	const struct world_link *t = &w->link[target];

	if (t->end[0] == s || t->end[1] == s)
		return t->up ? 0 : -1;
	for (int l = 0; l < w->n_links; l++) {
		const struct world_link *k = &w->link[l];

		if (!k->up || (k->end[0] != s && k->end[1] != s))
			continue;
		int far = k->end[0] == s ? k->end[1] : k->end[0];

		if (far == t->end[0] || far == t->end[1])
			return 10 + l;
	}
	return -1;
}

/* Whether a is better than b, both as seen at s. */
static bool better(const struct world *w, int s, const struct oracle_best *a, const struct oracle_best *b)
{
	if (!b->have)
		return true;
	if (a->local != b->local)
		return a->local;
	if (!a->local && oracle_distance(w, s, a->next_link) != oracle_distance(w, s, b->next_link))
		return oracle_distance(w, s, a->next_link) < oracle_distance(w, s, b->next_link);
	/* RFC 4456 9: the originator stands for the router that the route came from; then the shorter list of clusters. */
	if (a->origin != b->origin)
		return w->s[a->origin].id < w->s[b->origin].id;
	if (a->n_cluster != b->n_cluster)
		return a->n_cluster < b->n_cluster;
	const struct world_link *ka = &w->link[a->link], *kb = &w->link[b->link];

	return addr_u32(&ka->addr[ka->end[0] == a->from ? 0 : 1]) < addr_u32(&kb->addr[kb->end[0] == b->from ? 0 : 1]);
}

/* What `from` tells `to` over link l about prefix k; false: nothing, or nothing that `to` may use. */
static bool offer(const struct world *w, const struct oracle *o, int from, int to, int l, size_t k, struct oracle_best *out)
{
	const struct oracle_best *b = &o->best[from][k];
	const struct world_link *link = &w->link[l];
	int e = link->end[0] == from ? 0 : 1;

	if (!b->have)
		return false;
	*out = *b;
	out->local = false;
	out->from = from;
	out->link = l;
	if (b->local) {
		out->next_link = l;
		out->next_end = e;
		out->origin = from;
		out->n_cluster = 0;
	} else {
		const struct world_link *in = &w->link[b->link];
		bool from_client = in->flags[in->end[0] == from ? 0 : 1] & WORLD_CLIENT;

		if (b->from == to && b->link == l)
			return false;
		if (!from_client && !(link->flags[e] & WORLD_CLIENT))
			return false;
		if (out->n_cluster == WORLD_SPEAKERS)
			return false;
		out->cluster[out->n_cluster++] = from;
	}
	if (out->origin == to)
		return false;
	for (int i = 0; i < out->n_cluster; i++)
		if (out->cluster[i] == to)
			return false;
	return oracle_distance(w, to, out->next_link) >= 0;
}

static bool same(const struct oracle_best *a, const struct oracle_best *b)
{
	return a->have == b->have && (!a->have || (a->local == b->local && a->from == b->from && a->link == b->link &&
	       a->origin == b->origin && a->next_link == b->next_link && a->next_end == b->next_end &&
	       a->n_cluster == b->n_cluster && !memcmp(a->cluster, b->cluster, (size_t)a->n_cluster * sizeof a->cluster[0])));
}

void oracle_run(const struct world *w, struct oracle *o)
{
	memset(o, 0, sizeof *o);
	collect(w, o);
	for (int round = 0; round < 100 && !o->stable; round++) {
		o->stable = true;
		for (int s = 0; s < w->n_speakers; s++)
			for (size_t k = 0; k < o->n && w->s[s].running; k++) {
				struct oracle_best now = {0}, one;

				if (announces(w, o, s, k))
					now = (struct oracle_best){.have = true, .local = true, .from = -1, .origin = s};
				for (int l = 0; l < w->n_links; l++) {
					const struct world_link *link = &w->link[l];

					if (!world_connected(w, l) || (link->end[0] != s && link->end[1] != s))
						continue;
					int from = link->end[0] == s ? link->end[1] : link->end[0];

					if (offer(w, o, from, s, l, k, &one) && better(w, s, &one, &now))
						now = one;
				}
				if (!same(&now, &o->best[s][k]))
					o->stable = false;
				o->best[s][k] = now;
			}
	}
}
