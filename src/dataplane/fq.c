/* What was read of devices and waits for its turn: fair queueing with CoDel in each flow (RFC 8290, RFC 8289). The kernel's TUN queue knows
 * neither: it counts packets, 64 KiB or 64 octets alike, and forgets that TCP waits for them (it cuts them loose from their
 * sockets, so TCP's own limits do not hold). So it is emptied as it fills, and this is the place where a stream that is faster than the
 * ciphers has its queue: a short one, and beside it a ping overtakes.
 *
 * Frames are read to slots of 64 KiB, and small ones moved on to small slots, of which there are many. The last one that became free is
 * used first: what is not in use is not touched, and what is stays in the cache. */
#include "dataplane/fq.h"

#include <netinet/in.h>
#include <string.h>

enum {
	FLOWS = 256, NONE = 0xffff,
	QUANTUM = 8192,          /* octets of credit a turn */
	TARGET_MS = 5, INTERVAL_MS = 100, /* RFC 8289 4.3, 4.4 */
	AGAIN = 16,              /* intervals: how long a rate of drops is remembered */
	OVERFLOW_DROPS = 32,     /* frames of the longest flow that go when all slots of a kind are in use */
	SLOTS = FQ_LARGE + FQ_SMALL,
};

struct flow {
	struct list node;        /* in fresh or seen; linked to itself: idle */
	uint16_t first, last;    /* of its frames */
	int32_t credit;
	uint32_t octets;
	/* RFC 8289 5.3 */
	bool dropping;
	mono_t above;            /* since when plus an interval the queue stands; 0: it does not */
	mono_t drop_next;
	uint32_t count, count_before;
};

struct fq {
	struct mem *mem;
	uint64_t key;            /* so that nobody aims at a bucket */
	dur_t round;             /* what the worker's rounds take, the longer ones of late */
	struct list fresh, seen; /* flows: that have just begun to have frames; that had their turn */
	struct { uint16_t v[FQ_SMALL]; unsigned n; } spare[2]; /* large, small */
	void (*on_drop)(void *ctx, uint32_t device, uint32_t packets);
	void *ctx;
	struct flow flow[FLOWS];
	struct waiting slot[SLOTS]; /* the large ones first */
	uint8_t *octets;
};

_Static_assert(FQ_SMALL >= FQ_LARGE && SLOTS < NONE, "spare, next");
static const size_t OCTETS = (size_t)FQ_LARGE * OCTETS_MAX + (size_t)FQ_SMALL * FQ_SMALL_OCTETS;

static void give_back(struct fq *q, uint16_t i)
{
	unsigned kind = i >= FQ_LARGE;
	q->spare[kind].v[q->spare[kind].n++] = i;
}

struct fq *fq_new(struct mem *mem, uint64_t key, void (*on_drop)(void *ctx, uint32_t device, uint32_t packets), void *ctx)
{
	struct fq *q = mem_get(mem, sizeof *q);
	if (!q)
		return NULL;
	q->mem = mem;
	q->key = key;
	q->on_drop = on_drop;
	q->ctx = ctx;
	q->octets = mem_get(mem, OCTETS);
	if (!q->octets) {
		fq_free(q);
		return NULL;
	}
	list_init(&q->fresh);
	list_init(&q->seen);
	for (unsigned i = 0; i < FLOWS; i++) {
		list_init(&q->flow[i].node);
		q->flow[i].first = q->flow[i].last = NONE;
	}
	uint8_t *p = q->octets;
	for (uint16_t i = 0; i < SLOTS; i++) {
		q->slot[i].p = p;
		p += i < FQ_LARGE ? OCTETS_MAX : FQ_SMALL_OCTETS;
		give_back(q, i);
	}
	return q;
}

void fq_free(struct fq *q)
{
	if (!q)
		return;
	if (q->octets)
		mem_put(q->mem, q->octets, OCTETS);
	mem_put(q->mem, q, sizeof *q);
}

bool fq_empty(const struct fq *q) { return list_empty(&q->fresh) && list_empty(&q->seen); }

/* There is always one, see fq_put. */
uint8_t *fq_room(struct fq *q) { return q->slot[q->spare[0].v[q->spare[0].n - 1]].p; }

/* --- flows --- */

static uint64_t mix(uint64_t h, const uint8_t *p, size_t n)
{
	uint64_t v;
	for (; n >= sizeof v; p += sizeof v, n -= sizeof v) {
		memcpy(&v, p, sizeof v);
		h = (h ^ v) * 0x9e3779b97f4a7c15u;
		h ^= h >> 32;
	}
	v = 0;
	memcpy(&v, p, n);
	h = (h ^ v) * 0x9e3779b97f4a7c15u;
	return h ^ h >> 32;
}

/* Addresses, protocol, and the ports of TCP and UDP where they are (not in a fragment, nor behind options and extension headers: those
 * packets go by their addresses). */
static unsigned bucket(const struct fq *q, uint32_t device, const uint8_t *p, size_t n)
{
	uint64_t h = q->key ^ device;
	if (n >= 24 && p[0] == 0x45) {
		bool ports = (p[9] == IPPROTO_TCP || p[9] == IPPROTO_UDP) && !(p[6] & 0x3f) && !p[7];
		h = mix(h ^ p[9], p + 12, ports ? 12 : 8);
	} else if (n >= 44 && p[0] >> 4 == 6) {
		bool ports = p[6] == IPPROTO_TCP || p[6] == IPPROTO_UDP;
		h = mix(h ^ p[6], p + 8, ports ? 36 : 32);
	}
	return (unsigned)(h % FLOWS);
}

static uint16_t pop(struct fq *q, struct flow *f)
{
	uint16_t i = f->first;
	f->first = q->slot[i].next;
	if (f->first == NONE)
		f->last = NONE;
	f->octets -= q->slot[i].n;
	return i;
}

static uint32_t packets(const struct waiting *w)
{
	return w->vnet.gso == ESP_GSO_NONE || !w->vnet.gso_size ? 1 : (w->n + w->vnet.gso_size - 1u) / w->vnet.gso_size;
}

static void drop(struct fq *q, uint16_t i)
{
	q->on_drop(q->ctx, q->slot[i].device, packets(&q->slot[i]));
	give_back(q, i);
}

/* All slots of a kind are in use: the longest flow pays. */
static void overflow(struct fq *q)
{
	struct flow *most = &q->flow[0];
	for (unsigned i = 1; i < FLOWS; i++) {
		if (q->flow[i].octets > most->octets)
			most = &q->flow[i];
	}
	for (unsigned n = 0; n < OVERFLOW_DROPS && most->first != NONE; n++)
		drop(q, pop(q, most));
}

void fq_put(struct fq *q, uint32_t device, const struct esp_vnet *v, size_t n, mono_t now)
{
	const uint8_t *frame = fq_room(q);
	unsigned kind = n <= FQ_SMALL_OCTETS;
	uint16_t i = q->spare[kind].v[--q->spare[kind].n];
	struct waiting *w = &q->slot[i];
	if (kind)
		memcpy(w->p, frame, n);
	struct flow *f = &q->flow[bucket(q, device, w->p, n)];
	w->device = device;
	w->vnet = *v;
	w->n = (uint32_t)n;
	w->since = now;
	w->next = NONE;
	if (f->first == NONE)
		f->first = i;
	else
		q->slot[f->last].next = i;
	f->last = i;
	f->octets += w->n;
	if (list_empty(&f->node)) {
		f->credit = QUANTUM;
		list_add_tail(&q->fresh, &f->node);
	}
	while (!q->spare[kind].n)
		overflow(q);
}

/* --- CoDel --- */

void fq_round(struct fq *q, dur_t took) { q->round = took > q->round ? took : q->round - q->round / 16; }

/* The interval over the root of the count. */
static dur_t pause_of(uint32_t count)
{
	uint64_t scaled = (uint64_t)count << 20, root = 1024;
	for (unsigned i = 0; i < 24; i++)
		root = (root + scaled / root) / 2;
	return DUR_MS(INTERVAL_MS) * 1024 / (dur_t)root;
}

/* The next frame of a flow, NONE; and whether the queue has stood for an interval. */
static uint16_t codel_pop(struct fq *q, struct flow *f, mono_t now, bool *stands)
{
	*stands = false;
	if (f->first == NONE) {
		f->above = 0;
		return NONE;
	}
	uint16_t i = pop(q, f);
	if (now - q->slot[i].since < DUR_MS(TARGET_MS) + q->round || f->first == NONE)
		f->above = 0;
	else if (!f->above)
		f->above = mono_add(now, DUR_MS(INTERVAL_MS));
	else
		*stands = now >= f->above;
	return i;
}

static uint16_t codel(struct fq *q, struct flow *f, mono_t now)
{
	bool stands;
	uint16_t i = codel_pop(q, f, now, &stands);
	if (i == NONE || !stands) {
		f->dropping = false;
		return i;
	}
	if (!f->dropping) {
		drop(q, i);
		i = codel_pop(q, f, now, &stands);
		uint32_t more = f->count - f->count_before;
		f->dropping = true;
		f->count = more > 1 && now - f->drop_next < AGAIN * DUR_MS(INTERVAL_MS) ? more : 1;
		f->count_before = f->count;
		f->drop_next = mono_add(now, pause_of(f->count));
		return i;
	}
	while (i != NONE && f->dropping && now >= f->drop_next) {
		drop(q, i);
		f->count++;
		i = codel_pop(q, f, now, &stands);
		f->dropping = stands;
		f->drop_next = mono_add(f->drop_next, pause_of(f->count));
	}
	return i;
}

/* RFC 8290 4.2: new flows first, each for a quantum. */
struct waiting *fq_next(struct fq *q, mono_t now)
{
	while (!fq_empty(q)) {
		bool is_fresh = !list_empty(&q->fresh);
		struct flow *f = LIST_ENTRY(is_fresh ? q->fresh.next : q->seen.next, struct flow, node);
		if (f->credit <= 0) {
			f->credit += QUANTUM;
			list_del(&f->node);
			list_add_tail(&q->seen, &f->node);
			continue;
		}
		uint16_t i = codel(q, f, now);
		if (i != NONE) {
			f->credit -= (int32_t)q->slot[i].n;
			return &q->slot[i];
		}
		list_del(&f->node);
		/* A new one that is empty waits among the others for a turn, or it would come before them again and again. */
		if (is_fresh && !list_empty(&q->seen))
			list_add_tail(&q->seen, &f->node);
	}
	return NULL;
}

void fq_done(struct fq *q, struct waiting *w) { give_back(q, (uint16_t)(w - q->slot)); }
