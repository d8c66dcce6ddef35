/* Packets in. Datagrams stay in the caller's buffers: a record for each, ciphers over all of one SA, then GRE off, and what is left goes to
 * merging in the order in which it came. */
#include "esp/esp_int.h"
#include "esp/offload.h"

#include <string.h>

enum {
	RX_RECS = ESP_MERGE_PACKETS,
	MARKER = 4,              /* RFC 3948 2.2 */
	KEEPALIVE = 0xff,        /* RFC 3948 2.3 */
	PROTO_GRE = 47, PROTO_DUMMY = 59, TRAILER = 2,
};

/* Datagrams that came together. */
struct source {
	struct endpoint from;
	struct addr to;
	uint8_t tos;
};
struct rx_rec {
	struct child *c;
	uint8_t *p;
	uint32_t n;
	uint64_t seq;
	uint16_t next, source;
	bool good;               /* authentic and not seen before */
};
struct esp_rx {
	struct esp *e;
	unsigned worker;
	uint16_t n, n_lots, n_sources, n_ike, ike_at;
	bool opened;
	struct child *last;      /* of the datagram before in this batch */
	const struct device *d;  /* of the packet before, which had c and the key */
	const struct child *c;
	bool key_set;
	uint32_t key;
	struct esp_merge *merge;
	struct rx_rec rec[RX_RECS];
	struct lot lot[RX_RECS];
	struct source source[RX_RECS];
	struct esp_ike ike[RX_RECS];
};

struct esp_rx *esp_rx_new(struct esp *e, unsigned worker)
{
	struct esp_rx *rx = mem_get(e->env.mem, sizeof *rx);
	if (!rx)
		return NULL;
	rx->e = e;
	rx->worker = worker;
	rx->merge = esp_merge_new(e->env.mem);
	if (!rx->merge) {
		mem_put(e->env.mem, rx, sizeof *rx);
		return NULL;
	}
	return rx;
}

void esp_rx_free(struct esp_rx *rx)
{
	if (!rx)
		return;
	esp_merge_free(rx->e->env.mem, rx->merge);
	mem_put(rx->e->env.mem, rx, sizeof *rx);
}

static void count(const struct esp_rx *rx, const struct child *c, uint8_t drop)
{
	tally_add(c ? c->whole->tally : rx->e->tally, rx->worker, drop, 1);
}

static void count_replay(const struct esp_rx *rx, struct child *c, uint8_t verdict)
{
	atomic_fetch_add_explicit(verdict == REPLAY_DUP ? &c->dup : &c->old, 1, memory_order_relaxed);
	count(rx, c, verdict == REPLAY_DUP ? ESP_DROP_REPLAY_DUP : ESP_DROP_REPLAY_OLD);
}

/* RFC 4303 3.4.3: a copy of what was accepted already need not be decrypted to be known. */
static bool fresh(const struct esp_rx *rx, struct child *c, uint32_t low, uint64_t *seq)
{
	spin_lock(&c->lock);
	*seq = replay_infer(&c->replay, low);
	uint8_t verdict = replay_check(&c->replay, *seq);
	spin_unlock(&c->lock);
	if (verdict == REPLAY_FRESH)
		return true;
	count_replay(rx, c, verdict);
	return false;
}

static void put_esp(struct esp_rx *rx, struct child *c, uint8_t *p, uint32_t n)
{
	uint64_t seq;
	uint32_t head = ESP_HEAD + esp_key_iv_len(c->key_in), icv = esp_key_icv_len(c->key_in);

	if (n < head + TRAILER + icv || (n - head - icv) % esp_key_align(c->key_in)) {
		count(rx, c, ESP_DROP_SHORT);
		return;
	}
	if (atomic_load_explicit(&c->dead, memory_order_relaxed)) {
		count(rx, c, ESP_DROP_EXPIRED);
		return;
	}
	if (!fresh(rx, c, be32(p + 4), &seq))
		return;
	struct lot *l = lot_of(rx->lot, &rx->n_lots, c);
	rx->rec[rx->n] = (struct rx_rec){.c = c, .p = p, .n = n, .seq = seq, .next = BATCH_NONE, .source = rx->n_sources};
	if (l->n++)
		rx->rec[l->last].next = rx->n;
	else
		l->first = rx->n;
	l->last = rx->n++;
}

static void put_one(struct esp_rx *rx, uint8_t *p, uint32_t n)
{
	const struct source *from = &rx->source[rx->n_sources];

	if (n == 1 && p[0] == KEEPALIVE)
		return;
	if (n < MARKER) {
		count(rx, NULL, ESP_DROP_SHORT);
		return;
	}
	uint32_t spi = be32(p);
	if (spi == 0) {
		rx->ike[rx->n_ike++] = (struct esp_ike){.data = SPAN(p + MARKER, n - MARKER), .from = from->from, .to = from->to};
		return;
	}
	if (!rx->last || rx->last->spi_in != spi)
		rx->last = child_find(rx->e, spi);
	if (!rx->last)
		count(rx, NULL, ESP_DROP_SPI);
	else
		put_esp(rx, rx->last, p, n);
}

bool esp_rx_put(struct esp_rx *rx, uint8_t *p, size_t n, size_t seg, const struct endpoint *from, const struct addr *to, uint8_t tos)
{
	if (rx->opened) {
		rx->last = NULL; /* SAs may have changed */
		rx->n_ike = rx->ike_at = 0;
		rx->opened = false;
	}
	if (n == 0)
		return true;
	if (seg == 0 || seg > n)
		seg = n;
	/* Each datagram is at most one record or one of IKE; no kernel delivers more at once than an empty rx has. */
	size_t packets = (n + seg - 1) / seg, used = max_z(max_z(rx->n, rx->n_ike), rx->n_sources);
	if (used && packets > RX_RECS - used)
		return false;
	rx->source[rx->n_sources] = (struct source){.from = *from, .to = *to, .tos = tos};
	for (size_t i = 0; i < packets; i++) {
		if (i < RX_RECS)
			put_one(rx, p + i * seg, (uint32_t)min_z(seg, n - i * seg));
		else
			count(rx, NULL, ESP_DROP_SHORT);
	}
	rx->n_sources++;
	return true;
}

/* --- Opening --- */
static bool stray(const struct child *c, const struct source *s)
{
	return !endpoint_eq(&c->remote, &s->from) || atomic_load_explicit(&c->strayed, memory_order_relaxed);
}

/* Octets of GRE, as they are counted; 0 with a wrong trailer. */
static uint32_t text_len(const struct rx_rec *r)
{
	uint32_t icv = esp_key_icv_len(r->c->key_in), over = r->p[r->n - icv - TRAILER];

	over += ESP_HEAD + esp_key_iv_len(r->c->key_in) + icv + TRAILER;
	return r->n < over ? 0 : r->n - over;
}

/* What a burst of one SA became: the window is moved by what is authentic, and nothing else (RFC 4303 3.4.3). */
static uint64_t judge(struct esp_rx *rx, struct child *c, const struct esp_job *job, struct rx_rec *const *r, size_t n, uint64_t *bytes)
{
	uint8_t verdict[ESP_BURST];
	const struct source *moved = NULL;
	uint64_t packets = 0;

	spin_lock(&c->lock);
	for (size_t i = 0; i < n; i++) {
		if (!job[i].ok)
			continue;
		bool newest = r[i]->seq > c->replay.top;
		verdict[i] = replay_mark(&c->replay, r[i]->seq);
		if (newest)
			moved = &rx->source[r[i]->source];
	}
	spin_unlock(&c->lock);
	for (size_t i = 0; i < n; i++) {
		if (!job[i].ok) {
			atomic_fetch_add_explicit(&c->forged, 1, memory_order_relaxed);
			count(rx, c, ESP_DROP_AUTH);
		} else if (verdict[i] != REPLAY_FRESH) {
			count_replay(rx, c, verdict[i]);
		} else {
			r[i]->good = true;
			packets++;
			*bytes += text_len(r[i]);
		}
	}
	/* Only the newest packet says where the peer is: one that was held back on the way does not lead us back. */
	if (moved && stray(c, moved))
		news_source(rx->e, c, &moved->from);
	return packets;
}

static void open_lot(struct esp_rx *rx, const struct lot *l, mono_t now)
{
	struct child *c = l->c;
	struct esp_job job[ESP_BURST];
	struct rx_rec *r[ESP_BURST];
	uint64_t packets = 0, bytes = 0;
	uint16_t at = l->first;

	while (at != BATCH_NONE) {
		size_t n = 0;
		for (; at != BATCH_NONE && n < ESP_BURST; at = rx->rec[at].next, n++) {
			r[n] = &rx->rec[at];
			job[n] = (struct esp_job){.p = r[n]->p, .n = r[n]->n, .seq_hi = (uint32_t)(r[n]->seq >> 32)};
		}
		esp_open_burst(c->key_in, rx->worker, job, n);
		packets += judge(rx, c, job, r, n, &bytes);
	}
	if (packets == 0)
		return;
	child_passed(rx->e, c, &c->in, packets, bytes, now);
	if (atomic_load_explicit(&c->unripe, memory_order_relaxed))
		news_ripe(rx->e, c);
}

/* RFC 4303 2.4, 2.6: the trailer; what is in front of it in *text. */
static uint8_t strip(uint8_t *p, uint32_t n, uint8_t **text, uint32_t *len)
{
	uint32_t pad = p[n - 2];

	if (pad + TRAILER > n)
		return ESP_DROP_PADDING;
	*text = p;
	*len = n - TRAILER - pad;
	for (uint32_t i = 0; i < pad; i++) {
		if (p[*len + i] != i + 1)
			return ESP_DROP_PADDING;
	}
	return p[n - 1] == PROTO_GRE ? ESP_DROP_N : ESP_DROP_NEXT;
}

static const struct device *device_of(struct esp_rx *rx, const struct child *c, const struct gre *g, uint8_t *drop)
{
	if (rx->d && rx->c == c && rx->key_set == g->key_set && rx->key == g->key)
		return rx->d;
	rx->d = device_for(c, g->key_set, g->key, drop);
	rx->c = c;
	rx->key_set = g->key_set;
	rx->key = g->key;
	return rx->d;
}

/* A packet that is authentic, up to its device. */
static uint8_t unpack(struct esp_rx *rx, const struct rx_rec *r)
{
	uint32_t head = ESP_HEAD + esp_key_iv_len(r->c->key_in), n;
	struct gre g;
	struct inner in;
	uint8_t *p, drop;

	drop = strip(r->p + head, r->n - head - esp_key_icv_len(r->c->key_in), &p, &n);
	if (drop != ESP_DROP_N)
		return drop;
	drop = gre_read(p, n, &g);
	if (drop != ESP_DROP_N)
		return drop;
	const struct device *d = device_of(rx, r->c, &g, &drop);
	if (!d)
		return drop;
	if (d->c.csum != g.csum) /* as ip_gre: both ends agree on it */
		return ESP_DROP_GRE_SUM;
	p += g.len;
	if (!inner_read(p, n - g.len, &in) || (in.version == 4) != (g.proto == ETHERTYPE_V4))
		return ESP_DROP_INNER;
	if (!ecn_leave(p, &in, rx->source[r->source].tos))
		return ESP_DROP_ECN;
	/* What lies behind the packet is padding against traffic analysis (RFC 4303 2.7). */
	return esp_merge_put(rx->merge, d->c.id, p, in.n, d->c.uso) ? ESP_DROP_N : ESP_DROP_DEVICE;
}

static bool is_dummy(const struct rx_rec *r) { return r->p[r->n - esp_key_icv_len(r->c->key_in) - 1] == PROTO_DUMMY; }

void esp_rx_open(struct esp_rx *rx, mono_t now)
{
	for (uint16_t i = 0; i < rx->n_lots; i++)
		open_lot(rx, &rx->lot[i], now);
	rx->d = NULL;
	for (uint16_t i = 0; i < rx->n; i++) {
		const struct rx_rec *r = &rx->rec[i];
		if (!r->good || is_dummy(r)) /* RFC 4303 2.6: 59 is made to be thrown away */
			continue;
		uint8_t drop = unpack(rx, r);
		if (drop != ESP_DROP_N)
			count(rx, r->c, drop);
	}
	rx->n = rx->n_lots = rx->n_sources = 0; /* frames are in merge's hands; IKE stays until the next put */
	rx->opened = true;
}

const struct esp_frame *esp_rx_next(struct esp_rx *rx) { return esp_merge_next(rx->merge); }

const struct esp_ike *esp_rx_ike(struct esp_rx *rx) { return rx->ike_at < rx->n_ike ? &rx->ike[rx->ike_at++] : NULL; }
