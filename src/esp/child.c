/* SAs, in pairs: installed, completed, moved, removed, asked. */
#include "esp/esp_int.h"

#include <errno.h>
#include <string.h>

enum { PROTO_GRE = 47, SPI_MIN = 256, RETIRE_S = 1, RIPEN_MS = 500 };

/* --- Paths --- */
static struct path *path_find(const struct esp *e, const struct addr *to)
{
	for (struct hnode *n = hmap_first(&e->paths, hmap_hash(&e->paths, to, sizeof *to)); n; n = hmap_next(n)) {
		struct path *p = CONTAINER_OF(n, struct path, node);
		if (addr_eq(&p->to, to))
			return p;
	}
	return NULL;
}

static struct path *path_hold(struct esp *e, const struct addr *to)
{
	struct path *p = path_find(e, to);
	if (!p) {
		p = mem_get(e->env.mem, sizeof *p);
		if (!p)
			return NULL;
		p->to = *to;
		hmap_add(&e->paths, &p->node, hmap_hash(&e->paths, to, sizeof *to));
	}
	p->refs++;
	return p;
}

static void path_drop(struct esp *e, struct path *p)
{
	if (!p || --p->refs)
		return;
	hmap_del(&e->paths, &p->node);
	mem_put(e->env.mem, p, sizeof *p);
}

uint32_t path_mtu(const struct path *p, mono_t now)
{
	uint32_t mtu = atomic_load_explicit(&p->mtu, memory_order_relaxed);
	return mtu && atomic_load_explicit(&p->until, memory_order_relaxed) > now ? mtu : 0;
}

void esp_path_mtu(struct esp *e, const struct endpoint *to, uint32_t mtu, mono_t now)
{
	/* Less than the kernel itself believes an ICMP message is a lie. RFC 1191 6.3: ten minutes. */
	enum { V4_MIN = 552, V6_MIN = 1280, KEEP_S = 600 };
	struct path *p = path_find(e, &to->addr);
	uint32_t min = to->addr.family == AF_V4 ? V4_MIN : V6_MIN;
	if (!p)
		return;
	atomic_store_explicit(&p->until, mono_add(now, DUR_S(KEEP_S)), memory_order_relaxed);
	atomic_store_explicit(&p->mtu, mtu < min ? min : mtu, memory_order_relaxed);
}

/* --- Where a child stands in its groups --- */
static void choose(struct group *g, size_t link)
{
	struct child *out = NULL;
	for (struct list *at = g->children.next; at != &g->children; at = at->next) {
		struct child *c = (struct child *)((char *)at - link);
		bool ripe = !atomic_load_explicit(&c->unripe, memory_order_relaxed);
		out = ripe || !out ? c : out;
		if (ripe)
			break;
	}
	atomic_store_explicit(&g->out, out, memory_order_release);
}

static void list_child(struct group *g, struct child *c, struct list *node, size_t link)
{
	struct list *at = g->children.next;
	while (at != &g->children && ((struct child *)((char *)at - link))->serial > c->serial)
		at = at->next;
	list_add_tail(at, node); /* in front of the first that is older */
	choose(g, link);
}

static void enlist(struct child *c)
{
	list_child(c->whole, c, &c->in_whole, offsetof(struct child, in_whole));
	if (c->peer != c->whole)
		list_child(c->peer, c, &c->in_peer, offsetof(struct child, in_peer));
}

static void unlist(struct child *c)
{
	list_del(&c->in_whole);
	list_del(&c->in_peer);
	choose(c->whole, offsetof(struct child, in_whole));
	if (c->peer != c->whole)
		choose(c->peer, offsetof(struct child, in_peer));
}

void child_ripe(struct esp *e, struct child *c)
{
	atomic_store_explicit(&c->unripe, false, memory_order_relaxed);
	heap_clear(&e->timers, &c->ripen);
	choose(c->whole, offsetof(struct child, in_whole));
	if (c->peer != c->whole)
		choose(c->peer, offsetof(struct child, in_peer));
}

/* --- Installing --- */
struct child *child_find(const struct esp *e, uint32_t spi_in)
{
	for (struct hnode *n = hmap_first(&e->children, hmap_hash(&e->children, &spi_in, 4)); n; n = hmap_next(n)) {
		struct child *c = CONTAINER_OF(n, struct child, node);
		if (c->spi_in == spi_in)
			return c;
	}
	return NULL;
}

static bool carries_gre(const struct child_sa *sa)
{
	return sa->encap && (sa->sel.proto == PROTO_GRE || sa->sel.proto == 0) && sa->sel.local_port == 0 && sa->sel.remote_port == 0;
}

/* Its groups and path at a remote address; the old ones are let go. */
static int place(struct esp *e, struct child *c, uint32_t tunnel, const struct addr *remote)
{
	struct group *peer = group_hold(e, tunnel, remote);
	struct path *path = path_hold(e, remote);
	if (!peer || !path) {
		group_drop(e, peer);
		path_drop(e, path);
		return -ENOMEM;
	}
	if (c->serial)
		unlist(c);
	group_drop(e, c->peer);
	path_drop(e, c->path);
	c->peer = peer;
	c->whole = peer->whole;
	c->path = path;
	if (c->serial)
		enlist(c);
	return 0;
}

static void point(struct esp *e, struct child *c, const struct child_sa *sa)
{
	c->local = sa->local;
	c->sport = sa->encap_sport;
	news_settle(e, c, &(struct endpoint){.addr = sa->remote, .port = sa->encap_dport});
	c->life = sa->life;
}

/* RFC 4303 3.3.3: a number is never used twice under one key. The soft end comes with an eighth of them left. */
static void number(struct child *c, bool esn)
{
	c->esn = esn;
	c->seq_max = esn ? UINT64_MAX - UINT32_MAX : UINT32_MAX;
	c->seq_soft = c->seq_max - c->seq_max / 8;
}

static int child_new(struct esp *e, uint32_t tunnel, const struct child_sa *sa, mono_t now, struct child **out)
{
	const struct esp_env *env = &e->env;
	struct child *c = mem_get(env->mem, sizeof *c);
	if (!c)
		return -ENOMEM;
	list_init(&c->in_whole);
	list_init(&c->in_peer);
	list_init(&c->news);
	c->spi_in = sa->in.spi;
	c->since = now;
	number(c, sa->suite.esn == ESN_YES);
	hmap_add(&e->children, &c->node, hmap_hash(&e->children, &c->spi_in, 4));
	int rc = esp_key_new(env->crypto, env->mem, &sa->suite, &sa->in, env->workers, env->backend, &c->key_in);
	if (rc == 0)
		rc = replay_init(&c->replay, env->mem, sa->replay_window, c->esn);
	if (rc == 0)
		rc = heap_reserve(&e->timers, 2 * (uint32_t)e->children.n);
	if (rc == 0)
		rc = place(e, c, tunnel, &sa->remote);
	if (rc < 0) {
		esp_child_free(e, c);
		return rc;
	}
	point(e, c, sa);
	child_arm(e, c);
	*out = c;
	return 0;
}

/* The outbound half. Whoever had the inbound one early is the initiator, and has the responder's word that it is ready. A responder cannot know:
 * RFC 7296 2.8 lets it send on the old one until something comes on the new. */
static int complete(struct esp *e, struct child *c, const struct child_sa *sa, bool whole, mono_t now)
{
	const struct esp_env *env = &e->env;
	int rc = addr_eq(&sa->remote, &c->path->to) ? 0 : place(e, c, c->whole->tunnel, &sa->remote);
	if (rc == 0)
		rc = esp_key_new(env->crypto, env->mem, &sa->suite, &sa->out, env->workers, env->backend, &c->key_out);
	if (rc < 0)
		return rc;
	c->spi_out = sa->out.spi;
	c->serial = ++e->serial;
	point(e, c, sa);
	child_arm(e, c);
	if (whole && !list_empty(&c->peer->children)) {
		atomic_store_explicit(&c->unripe, true, memory_order_relaxed);
		c->ripen.tag = NEWS_RIPE;
		heap_set(&e->timers, &c->ripen, mono_add(now, DUR_MS(RIPEN_MS)));
	}
	enlist(c);
	return 0;
}

int esp_sa_install(struct esp *e, uint32_t tunnel, const struct child_sa *sa, mono_t now)
{
	struct child *c = child_find(e, sa->in.spi), *fresh = NULL;
	if (sa->in.spi < SPI_MIN) /* RFC 4303 2.1 */
		return -EINVAL;
	if (c && (c->serial || c->retired || sa->out.spi == 0 || c->whole->tunnel != tunnel))
		return -EEXIST;
	if (!carries_gre(sa))
		return -ENOTSUP;
	if (!c) {
		int rc = child_new(e, tunnel, sa, now, &fresh);
		if (rc < 0 || sa->out.spi == 0)
			return rc;
		c = fresh;
	}
	int rc = complete(e, c, sa, fresh != NULL, now);
	if (rc < 0 && fresh)
		esp_child_free(e, fresh);
	return rc;
}

void esp_child_free(struct esp *e, struct child *c)
{
	struct mem *mem = e->env.mem;
	if (c->serial)
		unlist(c);
	news_forget(e, c);
	heap_clear(&e->timers, &c->timer);
	heap_clear(&e->timers, &c->ripen);
	hmap_del(&e->children, &c->node);
	group_drop(e, c->peer);
	path_drop(e, c->path);
	esp_key_free(c->key_in);
	esp_key_free(c->key_out);
	replay_fini(&c->replay, mem);
	mem_put(mem, c, sizeof *c);
}

int esp_sa_move(struct esp *e, uint32_t spi_in, const struct addr *local, const struct endpoint *remote)
{
	struct child *c = child_find(e, spi_in);
	if (!c)
		return -ENOENT;
	if (!addr_eq(&remote->addr, &c->path->to)) {
		int rc = place(e, c, c->whole->tunnel, &remote->addr);
		if (rc < 0)
			return rc;
	}
	c->local = *local;
	news_settle(e, c, remote);
	return 0;
}

int esp_sa_remove(struct esp *e, uint32_t spi_in)
{
	struct child *c = child_find(e, spi_in);
	if (!c)
		return -ENOENT;
	esp_child_free(e, c);
	return 0;
}

/* The peer removes its half when it hears that ours goes, and a queue may hold what it sent before: RFC 7296 1.4.1 has the two ends close
 * their halves one after the other. Only where something else carries on; a tunnel that is taken down is down. */
int esp_sa_retire(struct esp *e, uint32_t spi_in, mono_t now)
{
	struct child *c = child_find(e, spi_in);
	if (!c || c->retired)
		return -ENOENT;
	if (!c->serial || c->whole->children.next->next == &c->whole->children)
		return esp_sa_remove(e, spi_in);
	mono_t end = mono_add(now, DUR_S(RETIRE_S));
	if (c->life.hard_s)
		end = mono_min(end, mono_add(c->since, DUR_S(c->life.hard_s)));
	unlist(c);
	heap_clear(&e->timers, &c->ripen);
	c->serial = 0;
	c->retired = true;
	esp_key_free(c->key_out);
	c->key_out = NULL;
	c->life = (struct lifetime){.soft_s = 0};
	news_forget(e, c);
	c->timer.tag = NEWS_GONE;
	heap_set(&e->timers, &c->timer, end);
	return 0;
}

/* --- Asking --- */
static int64_t wall_s(const struct flow *f, mono_t now, int64_t now_wall_s)
{
	mono_t last = atomic_load_explicit(&f->last, memory_order_relaxed);
	return atomic_load_explicit(&f->packets, memory_order_relaxed) ? now_wall_s - dur_to_s(now - last) : 0;
}

int esp_sa_query(const struct esp *e, uint32_t spi_in, mono_t now, int64_t now_wall_s, struct sa_counters *out)
{
	struct child *c = child_find(e, spi_in);
	*out = (struct sa_counters){0};
	if (!c)
		return -ENOENT;
	out->bytes_in = atomic_load_explicit(&c->in.bytes, memory_order_relaxed);
	out->packets_in = atomic_load_explicit(&c->in.packets, memory_order_relaxed);
	out->bytes_out = atomic_load_explicit(&c->out.bytes, memory_order_relaxed);
	out->packets_out = atomic_load_explicit(&c->out.packets, memory_order_relaxed);
	out->last_in_s = wall_s(&c->in, now, now_wall_s);
	out->last_out_s = wall_s(&c->out, now, now_wall_s);
	out->replay_drops = atomic_load_explicit(&c->dup, memory_order_relaxed);
	out->replay_window_drops = atomic_load_explicit(&c->old, memory_order_relaxed);
	out->integrity_drops = atomic_load_explicit(&c->forged, memory_order_relaxed);
	return 0;
}
