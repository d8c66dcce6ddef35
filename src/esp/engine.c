/* The engine as a whole: its tables, groups and devices, and the count of drops. What packets need is found by hash or by pointer,
 * however many tunnels there are. */
#include "esp/esp_int.h"

#include <errno.h>
#include <string.h>

struct esp *esp_new(const struct esp_env *env)
{
	struct esp *e = mem_get(env->mem, sizeof *e);
	if (!e)
		return NULL;
	e->env = *env;
	e->env.workers = env->workers < 1 ? 1 : env->workers > ESP_WORKERS_MAX ? ESP_WORKERS_MAX : env->workers;
	list_init(&e->news);
	list_init(&e->wants);
	heap_init(&e->timers, env->mem);
	struct hmap *maps[] = {&e->groups, &e->devices, &e->children, &e->paths};
	for (size_t i = 0; i < ARRAY_LEN(maps); i++) {
		uint64_t key[2];
		rng_fill(env->rng, key, sizeof key);
		if (hmap_init(maps[i], env->mem, key[0], key[1]) == 0)
			continue;
		while (i--)
			hmap_fini(maps[i]);
		mem_put(env->mem, e, sizeof *e);
		return NULL;
	}
	e->tally = tally_new(e);
	if (!e->tally) {
		esp_free(e);
		return NULL;
	}
	return e;
}

static void device_free(struct esp *e, struct device *d)
{
	hmap_del(&e->devices, &d->node);
	list_del(&d->link);
	group_drop(e, d->group);
	mem_put(e->env.mem, d, sizeof *d);
}

void esp_free(struct esp *e)
{
	if (!e)
		return;
	for (size_t i = 0; i < e->children.n_buckets; i++) {
		while (e->children.bucket[i])
			esp_child_free(e, CONTAINER_OF(e->children.bucket[i], struct child, node));
	}
	for (size_t i = 0; i < e->devices.n_buckets; i++) {
		while (e->devices.bucket[i])
			device_free(e, CONTAINER_OF(e->devices.bucket[i], struct device, node));
	}
	hmap_fini(&e->groups);
	hmap_fini(&e->devices);
	hmap_fini(&e->children);
	hmap_fini(&e->paths);
	heap_fini(&e->timers);
	tally_free(e, e->tally);
	mem_put(e->env.mem, e, sizeof *e);
}

/* --- Groups --- */
static uint64_t group_hash(const struct esp *e, uint32_t tunnel, const struct addr *remote)
{
	uint8_t key[4 + sizeof *remote];
	memcpy(key, &tunnel, 4);
	memcpy(key + 4, remote, sizeof *remote);
	return hmap_hash(&e->groups, key, sizeof key);
}

static struct group *group_find(const struct esp *e, uint32_t tunnel, const struct addr *remote)
{
	for (struct hnode *n = hmap_first(&e->groups, group_hash(e, tunnel, remote)); n; n = hmap_next(n)) {
		struct group *g = CONTAINER_OF(n, struct group, node);
		if (g->tunnel == tunnel && addr_eq(&g->remote, remote))
			return g;
	}
	return NULL;
}

static struct group *group_new(struct esp *e, uint32_t tunnel, const struct addr *remote)
{
	static const struct addr none;
	struct group *g = mem_get(e->env.mem, sizeof *g);
	if (!g)
		return NULL;
	g->tunnel = tunnel;
	g->remote = *remote;
	if (remote->family == AF_NONE) {
		g->whole = g;
		g->tally = tally_new(e);
	} else {
		g->whole = group_hold(e, tunnel, &none);
		g->tally = g->whole ? g->whole->tally : NULL;
	}
	if (!g->tally) {
		mem_put(e->env.mem, g, sizeof *g);
		return NULL;
	}
	list_init(&g->children);
	list_init(&g->devices);
	list_init(&g->want);
	hmap_add(&e->groups, &g->node, group_hash(e, tunnel, remote));
	return g;
}

struct group *group_hold(struct esp *e, uint32_t tunnel, const struct addr *remote)
{
	struct addr key = addr_is_any(remote) ? (struct addr){0} : *remote;
	struct group *g = group_find(e, tunnel, &key);
	if (!g)
		g = group_new(e, tunnel, &key);
	if (g)
		g->refs++;
	return g;
}

void group_drop(struct esp *e, struct group *g)
{
	if (!g || --g->refs)
		return;
	hmap_del(&e->groups, &g->node);
	news_unwanted(e, g);
	if (g->whole != g) {
		group_drop(e, g->whole);
	} else {
		for (unsigned w = 0; w < e->env.workers; w++) { /* what was counted stays so */
			for (unsigned i = 0; i < ESP_DROP_N; i++)
				tally_add(e->tally, w, (uint8_t)i, atomic_load_explicit(&g->tally[w].n[i], memory_order_relaxed));
		}
		tally_free(e, g->tally);
	}
	mem_put(e->env.mem, g, sizeof *g);
}

/* --- Devices --- */
static uint64_t device_hash(const struct esp *e, uint32_t id) { return hmap_hash(&e->devices, &id, sizeof id); }

struct device *device_find(const struct esp *e, uint32_t id)
{
	for (struct hnode *n = hmap_first(&e->devices, device_hash(e, id)); n; n = hmap_next(n)) {
		struct device *d = CONTAINER_OF(n, struct device, node);
		if (d->c.id == id)
			return d;
	}
	return NULL;
}

int esp_device_set(struct esp *e, const struct esp_device *c)
{
	struct device *d = device_find(e, c->id);
	struct group *g = group_hold(e, c->tunnel, &c->remote);
	if (!g)
		return -ENOMEM;
	if (!d) {
		d = mem_get(e->env.mem, sizeof *d);
		if (!d) {
			group_drop(e, g);
			return -ENOMEM;
		}
		hmap_add(&e->devices, &d->node, device_hash(e, c->id));
	} else {
		list_del(&d->link);
		group_drop(e, d->group);
	}
	d->c = *c;
	d->group = g;
	d->gre_len = gre_len(c);
	list_add_tail(&g->devices, &d->link);
	return 0;
}

void esp_device_del(struct esp *e, uint32_t id)
{
	struct device *d = device_find(e, id);
	if (d)
		device_free(e, d);
}

static struct device *with_key(struct group *g, bool key_set, uint32_t key, uint8_t *drop)
{
	LIST_EACH (it, next, &g->devices) {
		struct device *d = LIST_ENTRY(it, struct device, link);
		if (d->c.key_set == key_set && (!key_set || d->c.key == key))
			return d;
		*drop = ESP_DROP_GRE_KEY;
	}
	return NULL;
}

struct device *device_for(const struct child *c, bool key_set, uint32_t key, uint8_t *drop)
{
	*drop = ESP_DROP_NO_DEVICE;
	struct device *d = with_key(c->peer, key_set, key, drop);
	return d || c->peer == c->whole ? d : with_key(c->whole, key_set, key, drop);
}

/* --- Drops --- */
static const char *const drop_names[ESP_DROP_N] = {
	[ESP_DROP_SHORT] = "short", [ESP_DROP_SPI] = "spi", [ESP_DROP_REPLAY_OLD] = "replay-old", [ESP_DROP_REPLAY_DUP] = "replay-dup",
	[ESP_DROP_AUTH] = "auth", [ESP_DROP_PADDING] = "padding", [ESP_DROP_NEXT] = "next-header", [ESP_DROP_GRE_FLAGS] = "gre-flags",
	[ESP_DROP_GRE_SUM] = "gre-sum", [ESP_DROP_GRE_KEY] = "gre-key", [ESP_DROP_GRE_PROTO] = "gre-proto", [ESP_DROP_INNER] = "inner",
	[ESP_DROP_ECN] = "ecn", [ESP_DROP_NO_DEVICE] = "no-device", [ESP_DROP_NO_SA] = "no-sa", [ESP_DROP_TOO_BIG] = "too-big",
	[ESP_DROP_SEQUENCE] = "sequence", [ESP_DROP_EXPIRED] = "expired", [ESP_DROP_GSO] = "gso", [ESP_DROP_QUEUE] = "queue",
	[ESP_DROP_SEND] = "send",
	[ESP_DROP_DEVICE] = "device",
};

const char *esp_drop_name(uint8_t drop) { return drop < ESP_DROP_N ? drop_names[drop] : "unknown"; }

struct tally *tally_new(struct esp *e) { return mem_get(e->env.mem, e->env.workers * sizeof(struct tally)); }
void tally_free(struct esp *e, struct tally *t)
{
	if (t)
		mem_put(e->env.mem, t, e->env.workers * sizeof *t);
}

static void add_up(const struct esp *e, const struct tally *t, uint64_t out[ESP_DROP_N])
{
	for (unsigned w = 0; w < e->env.workers; w++) {
		for (unsigned i = 0; i < ESP_DROP_N; i++)
			out[i] += atomic_load_explicit(&t[w].n[i], memory_order_relaxed);
	}
}

void esp_drops(const struct esp *e, uint32_t tunnel, uint64_t out[ESP_DROP_N])
{
	static const struct addr none;
	const struct group *g = tunnel ? group_find(e, tunnel, &none) : NULL;

	memset(out, 0, ESP_DROP_N * sizeof *out);
	if (g)
		add_up(e, g->tally, out);
	if (tunnel)
		return;
	add_up(e, e->tally, out);
	for (size_t i = 0; i < e->groups.n_buckets; i++) {
		for (const struct hnode *n = e->groups.bucket[i]; n; n = n->next) {
			g = CONTAINER_OF(n, struct group, node);
			if (g->whole == g)
				add_up(e, g->tally, out);
		}
	}
}

void esp_count(struct esp *e, unsigned worker, uint32_t device, uint8_t drop, uint64_t n)
{
	const struct device *d = device_find(e, device);
	if (drop < ESP_DROP_N && worker < e->env.workers)
		tally_add(d ? d->group->tally : e->tally, worker, drop, n);
}
