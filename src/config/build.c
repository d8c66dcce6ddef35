/* The builder of struct conf. See build.h; the shape it makes is model/conf.h's. */
#include "config/build.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_POOL = 16384, FIRST_SLOTS = 256 };

struct conf_slot {
	conf_ref at; /* 0 = free */
	uint32_t n;
	uint32_t tunnel; /* index + 1 of the tunnel that has this as its name, 0 = none */
};

/* Room for one more of n elements of an array: the array, moved or not, or NULL and b->bad. */
static void *grow(struct conf_builder *b, void *array, size_t *cap, size_t n, size_t size)
{
	if (b->bad || n < *cap)
		return b->bad ? NULL : array;
	size_t want = *cap ? *cap * 2 : 8;
	void *p = mem_get(b->mem, want * size);
	if (!p) {
		b->bad = true;
		return NULL;
	}
	if (*cap)
		memcpy(p, array, *cap * size);
	mem_put(b->mem, array, *cap * size);
	*cap = want;
	return p;
}

static bool pool_room(struct conf_builder *b, size_t n)
{
	if (b->bad || n > UINT32_MAX / 2 - b->len) {
		b->bad = true;
		return false;
	}
	size_t want = b->cap ? b->cap : FIRST_POOL;
	while (want - b->len < n)
		want *= 2;
	if (want == b->cap)
		return true;
	uint8_t *p = mem_get(b->mem, want);
	if (!p) {
		b->bad = true;
		return false;
	}
	if (b->len)
		memcpy(p, b->pool, b->len);
	mem_put(b->mem, b->pool, b->cap);
	b->pool = p;
	b->cap = want;
	return true;
}

/* Appends n octets at a multiple of 8; NULL octets append zeros. */
static conf_ref pool_add(struct conf_builder *b, const void *octets, size_t n)
{
	size_t pad = (8 - b->len % 8) % 8;
	if (!pool_room(b, n + pad))
		return 0;
	memset(b->pool + b->len, 0, n + pad);
	size_t at = b->len + pad;
	if (octets)
		memcpy(b->pool + at, octets, n);
	b->len = at + n;
	return (conf_ref)at;
}

static uint64_t content_hash(const uint8_t *p, size_t n)
{
	uint64_t h = 0xcbf29ce484222325u; /* FNV-1a: the files are the administrator's own */
	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * 0x100000001b3u;
	return h;
}

/* The slot of these octets, or the free slot where they belong. */
static struct conf_slot *slot_find(const struct conf_builder *b, const void *octets, size_t n)
{
	for (size_t i = content_hash(octets, n);; i++) {
		struct conf_slot *s = &b->slot[i & (b->cap_slots - 1)];
		if (s->at == 0 || (s->n == n && memcmp(b->pool + s->at, octets, n) == 0))
			return s;
	}
}

static bool slots_room(struct conf_builder *b)
{
	if (b->n_slots * 2 < b->cap_slots)
		return true;
	size_t was = b->cap_slots, want = was ? was * 2 : FIRST_SLOTS;
	struct conf_slot *old = b->slot, *p = b->bad ? NULL : mem_get(b->mem, want * sizeof *p);
	if (!p) {
		b->bad = true;
		return false;
	}
	b->slot = p;
	b->cap_slots = want;
	for (size_t i = 0; i < was; i++) {
		if (old[i].at)
			*slot_find(b, b->pool + old[i].at, old[i].n) = old[i];
	}
	mem_put(b->mem, old, was * sizeof *old);
	return true;
}

static conf_ref intern(struct conf_builder *b, const void *octets, size_t n)
{
	if (b->bad || !slots_room(b))
		return 0;
	struct conf_slot *s = slot_find(b, octets, n);
	if (s->at == 0) {
		conf_ref r = pool_add(b, octets, n);
		if (r == 0)
			return 0;
		*s = (struct conf_slot){.at = r, .n = (uint32_t)n};
		b->n_slots++;
	}
	return s->at;
}

void conf_builder_init(struct conf_builder *b, struct mem *mem, uint8_t source)
{
	*b = (struct conf_builder){.mem = mem, .source = source};
	conf_setup_defaults(&b->setup);
	pool_add(b, NULL, sizeof(struct conf));
}

void conf_builder_fini(struct conf_builder *b)
{
	mem_put(b->mem, b->pool, b->cap);
	mem_put(b->mem, b->slot, b->cap_slots * sizeof *b->slot);
	mem_put(b->mem, b->tunnel, b->cap_tunnels * sizeof *b->tunnel);
	mem_put(b->mem, b->refused, b->cap_refused * sizeof *b->refused);
	mem_put(b->mem, b->files, b->cap_files);
	*b = (struct conf_builder){.mem = b->mem, .bad = true};
}

conf_ref conf_builder_str(struct conf_builder *b, const char *s)
{
	return s && *s ? intern(b, s, strlen(s) + 1) : 0;
}

const char *conf_builder_text(const struct conf_builder *b, conf_ref r)
{
	return r ? (const char *)b->pool + r : "";
}

conf_ref conf_builder_proposals(struct conf_builder *b, const struct proposals *p)
{
	return intern(b, p, sizeof *p);
}

void conf_builder_tunnel(struct conf_builder *b, const struct tunnel_conf *t)
{
	struct tunnel_conf *v = grow(b, b->tunnel, &b->cap_tunnels, b->n_tunnels, sizeof *t);
	if (!v)
		return;
	b->tunnel = v;
	v[b->n_tunnels++] = *t;
	const char *name = conf_builder_text(b, t->name);
	struct conf_slot *s = t->name ? slot_find(b, name, strlen(name) + 1) : NULL;
	if (s && !s->tunnel)
		s->tunnel = (uint32_t)b->n_tunnels;
}

struct tunnel_conf *conf_builder_find(const struct conf_builder *b, const char *name)
{
	const struct conf_slot *s = b->cap_slots && *name ? slot_find(b, name, strlen(name) + 1) : NULL;
	return s && s->tunnel ? &b->tunnel[s->tunnel - 1] : NULL;
}

static void carry_end(struct conf_builder *b, const struct conf *from, struct conf_end *e)
{
	for (size_t i = 0; i < e->n_hosts; i++)
		e->host[i].name = conf_builder_str(b, conf_str(from, e->host[i].name));
}

void conf_builder_carry(struct conf_builder *b, const struct conf *from, const struct tunnel_conf *t)
{
	struct tunnel_conf n = *t;
	conf_ref *const text[] = {&n.name, &n.origin, &n.ike_text, &n.esp_text, &n.updown, &n.ppk_id};
	for (size_t i = 0; i < ARRAY_LEN(text); i++)
		*text[i] = conf_builder_str(b, conf_str(from, *text[i]));
	carry_end(b, from, &n.local);
	carry_end(b, from, &n.remote);
	n.ike = conf_builder_proposals(b, conf_proposals(from, t->ike));
	n.esp = conf_builder_proposals(b, conf_proposals(from, t->esp));
	conf_builder_tunnel(b, &n);
}

void conf_builder_refuse(struct conf_builder *b, const char *name, const char *origin, const char *reason)
{
	struct conf_refused r = {
		.name = conf_builder_str(b, name),
		.origin = conf_builder_str(b, origin),
		.reason = conf_builder_str(b, reason),
	};
	struct conf_refused *v = grow(b, b->refused, &b->cap_refused, b->n_refused, sizeof r);
	if (!v)
		return;
	b->refused = v;
	v[b->n_refused++] = r;
}

struct conf_array conf_builder_array(struct conf_builder *b, const void *elements, uint32_t n, size_t size)
{
	conf_ref at = n ? pool_add(b, elements, n * size) : 0;
	return (struct conf_array){.at = at, .n = at ? n : 0};
}

conf_ref conf_builder_struct(struct conf_builder *b, const void *p, size_t size) { return pool_add(b, p, size); }

void conf_builder_routing(struct conf_builder *b, const struct conf_routing *r) { b->routing = pool_add(b, r, sizeof *r); }

static struct conf_array carry_array(struct conf_builder *b, const struct conf *from, uint8_t shape, struct conf_array a);

/* Turns the references of the struct at `to` in the pool from from's into ours. It is found by its place, for the
 * pool moves. */
static void carry_parts(struct conf_builder *b, const struct conf *from, uint8_t shape, conf_ref to)
{
	const struct conf_shape *s = conf_shape(shape);
	for (size_t i = 0; i < s->n && !b->bad; i++) {
		conf_ref at = to + s->part[i].off;
		struct conf_array a = {.n = 1};
		memcpy(&a, b->pool + at, s->part[i].kind == PART_ARRAY ? sizeof a : sizeof a.at);
		if (s->part[i].kind == PART_TEXT)
			a.at = conf_builder_str(b, conf_str(from, a.at));
		else if (a.at)
			a = carry_array(b, from, s->part[i].shape, a);
		if (!b->bad)
			memcpy(b->pool + at, &a, s->part[i].kind == PART_ARRAY ? sizeof a : sizeof a.at);
	}
}

static struct conf_array carry_array(struct conf_builder *b, const struct conf *from, uint8_t shape, struct conf_array a)
{
	size_t size = conf_shape(shape)->size;
	struct conf_array out = conf_builder_array(b, conf_at(from, a, size, 0), a.n, size);
	for (uint32_t i = 0; shape != SHAPE_OCTETS && i < out.n; i++)
		carry_parts(b, from, shape, out.at + (conf_ref)(i * size));
	return out;
}

void conf_builder_carry_routing(struct conf_builder *b, const struct conf *from, const struct conf_routing *r)
{
	conf_builder_routing(b, r);
	if (b->routing)
		carry_parts(b, from, SHAPE_ROUTING, b->routing);
}

void conf_builder_file(struct conf_builder *b, const char *path)
{
	for (const char *c = b->files_len ? "\n" : "", *next = path; c; c = next, next = NULL) {
		for (; *c; c++) {
			char *v = grow(b, b->files, &b->cap_files, b->files_len + 1, 1);
			if (!v)
				return;
			b->files = v;
			v[b->files_len++] = *c;
			v[b->files_len] = '\0';
		}
	}
}

int conf_builder_finish(struct conf_builder *b, struct conf **out)
{
	*out = NULL;
	conf_ref files = conf_builder_str(b, b->files), tunnels = 0, refused = 0;
	if (b->n_tunnels)
		tunnels = pool_add(b, b->tunnel, b->n_tunnels * sizeof *b->tunnel);
	if (b->n_refused)
		refused = pool_add(b, b->refused, b->n_refused * sizeof *b->refused);
	struct conf *c = b->bad ? NULL : malloc(b->len);
	if (!c)
		return -ENOMEM;
	memcpy(c, b->pool, b->len);
	/* Field by field: the padding stays zero, and equal files make equal octets. */
	c->magic = CONF_MAGIC;
	c->size = (uint32_t)b->len;
	c->source = b->source;
	c->files = files;
	memcpy(&c->setup, &b->setup, sizeof c->setup);
	c->n_tunnels = (uint32_t)b->n_tunnels;
	c->tunnels = tunnels;
	c->n_refused = (uint32_t)b->n_refused;
	c->refused = refused;
	c->routing = b->routing;
	if (BUG(!conf_check(c, b->len))) {
		free(c);
		return -ENOMEM;
	}
	*out = c;
	return 0;
}
