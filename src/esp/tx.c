/* Packets out. A batch is a run of octets in which datagrams lie side by side, as UDP_SEGMENT wants them, and a record for each. */
#include "esp/esp_int.h"
#include "esp/offload.h"

#include <string.h>

enum {
	TX_SEGS = 1366,          /* of a super-packet with segments of 48 octets, the least that TCP has here */
	TX_RECS = 2 * TX_SEGS,
	TX_GROWTH = 85 + 120,    /* what a segment has more than its payload: ESP and GRE; IP and TCP */
	TX_FRAME = ESP_FRAME_MAX + TX_SEGS * TX_GROWTH,
	TX_OCTETS = 2 * TX_FRAME,
	TX_REPLIES = 8,
	TX_RUN = 64, TX_RUN_OCTETS = 65507,
	PROTO_GRE = 47, UDP_HEAD = 8, V4_HEAD = 20, V6_HEAD = 40, V6_MTU_MIN = 1280,
};

struct tx_rec {
	struct child *c;
	uint32_t device, at, n;
	uint16_t next;
	uint8_t over;            /* octets beyond the GRE packet */
	uint8_t tos, ttl;
	bool df, dead;
};
struct esp_tx {
	struct esp *e;
	unsigned worker;
	bool taken;              /* all runs were */
	uint16_t n, n_lots, at;
	uint16_t n_replies, reply_at;
	uint32_t used;
	const struct device *d;  /* of the frame before in this batch */
	struct esp_dgrams run;
	struct lot lot[TX_RECS];
	struct tx_rec rec[TX_RECS];
	struct { uint32_t device; size_t n; uint8_t b[ESP_ICMP_MAX]; } reply[TX_REPLIES];
	uint8_t buf[TX_OCTETS];
};

/* A frame on its way. */
struct put {
	const struct device *d;
	struct child *c;
	struct inner in;
	uint32_t head, align, icv;
	bool df;
};

struct esp_tx *esp_tx_new(struct esp *e, unsigned worker)
{
	struct esp_tx *tx = mem_get(e->env.mem, sizeof *tx);
	if (tx) {
		tx->e = e;
		tx->worker = worker;
		tx->taken = true;
	}
	return tx;
}

void esp_tx_free(struct esp_tx *tx)
{
	if (tx)
		mem_put(tx->e->env.mem, tx, sizeof *tx);
}

bool esp_tx_room(struct esp_tx *tx)
{
	if (tx->taken) {
		tx->n = tx->n_lots = tx->at = tx->n_replies = tx->reply_at = 0;
		tx->used = 0;
		tx->taken = false;
		tx->d = NULL; /* devices and SAs may have changed */
	}
	return tx->n <= TX_RECS - TX_SEGS && tx->used <= TX_OCTETS - TX_FRAME;
}

/* The longest inner packet that fits into datagrams of `octets`. */
static uint32_t inner_max(const struct put *p, uint32_t octets)
{
	uint32_t head = p->head - p->d->gre_len;
	uint32_t text = (octets - head - p->icv) / p->align * p->align;
	return text - 2 - p->d->gre_len;
}

static void answer(struct esp_tx *tx, const struct put *p, const uint8_t *frame, size_t n, uint32_t mtu)
{
	if (tx->n_replies == TX_REPLIES)
		return;
	size_t len = esp_icmp_too_big(tx->reply[tx->n_replies].b, frame, n, mtu, NULL);
	if (!len)
		return;
	tx->reply[tx->n_replies].device = p->d->c.id;
	tx->reply[tx->n_replies++].n = len;
}

/* Whether packets of up to `most` octets fit, and the outer DF: ip_tunnel_xmit() and tnl_update_pmtu() of Linux. Where no one else could
 * be told to send less, the outer packet may be fragmented. */
static uint8_t fit(struct esp_tx *tx, struct put *p, const uint8_t *frame, size_t n, uint32_t most, mono_t now)
{
	uint32_t mtu = path_mtu(p->c->path, now), max = inner_max(p, TX_RUN_OCTETS);

	p->df = p->d->c.pmtudisc || p->in.df;
	if (mtu && p->df) {
		uint32_t ip = p->c->remote.addr.family == AF_V4 ? V4_HEAD : V6_HEAD, fits = inner_max(p, mtu - UDP_HEAD - ip);
		if (most > fits && ((p->in.version == 4 && !p->in.df) || (p->in.version == 6 && most <= V6_MTU_MIN)))
			p->df = false;
		else
			max = fits < max ? fits : max;
	}
	if (most <= max)
		return ESP_DROP_N;
	answer(tx, p, frame, n, max);
	return ESP_DROP_TOO_BIG;
}

/* The datagram behind the last one, whose inner packet of n octets is in its place. */
static void finish(struct esp_tx *tx, const struct put *p, uint32_t n)
{
	uint8_t *at = tx->buf + tx->used, *end = at + p->head + n;
	uint32_t text = p->d->gre_len + n, pad = (0u - (text + 2)) & (p->align - 1);

	gre_write(&p->d->c, p->in.version, at + p->head, n);
	for (uint32_t i = 0; i < pad; i++) /* RFC 4303 2.4 */
		end[i] = (uint8_t)(i + 1);
	end[pad] = (uint8_t)pad;
	end[pad + 1] = PROTO_GRE;

	struct lot *l = lot_of(tx->lot, &tx->n_lots, p->c);
	uint32_t total = p->head + n + pad + 2 + p->icv;
	tx->rec[tx->n] = (struct tx_rec){
		.c = p->c, .device = p->d->c.id, .at = tx->used, .n = total, .next = BATCH_NONE, .over = (uint8_t)(total - text),
		.tos = outer_tos(&p->d->c, &p->in), .ttl = p->d->c.ttl ? p->d->c.ttl : p->in.ttl ? p->in.ttl : 1, .df = p->df,
	};
	if (l->n++)
		tx->rec[l->last].next = tx->n;
	else
		l->first = tx->n;
	l->last = tx->n++;
	tx->used += total;
}

static uint8_t put_gso(struct esp_tx *tx, struct put *p, const struct esp_vnet *v, const uint8_t *frame, size_t n, mono_t now)
{
	struct esp_split s;

	uint8_t drop = esp_split_begin(&s, frame, n, v);
	if (drop != ESP_DROP_N)
		return drop;
	drop = fit(tx, p, frame, n, s.most, now);
	if (drop != ESP_DROP_N)
		return drop;
	uint64_t each = (uint64_t)s.most + p->head + p->align + 2 + p->icv;
	if (s.packets > TX_SEGS || s.packets * each > TX_OCTETS - tx->used)
		return ESP_DROP_GSO;
	for (uint32_t i = 0; i < s.packets; i++)
		finish(tx, p, esp_split_packet(&s, i, tx->buf + tx->used + p->head));
	return ESP_DROP_N;
}

static uint8_t put_plain(struct esp_tx *tx, struct put *p, const struct esp_vnet *v, uint8_t *frame, size_t n, mono_t now)
{
	if (v->csum) {
		uint8_t drop = esp_sum_complete(frame, n, v);
		if (drop != ESP_DROP_N)
			return drop;
	}
	uint8_t drop = fit(tx, p, frame, n, (uint32_t)n, now);
	if (drop != ESP_DROP_N)
		return drop;
	memcpy(tx->buf + tx->used + p->head, frame, n);
	finish(tx, p, (uint32_t)n);
	return ESP_DROP_N;
}

/* What a host says by itself to an interface that has come up (RFC 4861 6.3.7, RFC 3810 6) is no reason for a tunnel. */
static bool housekeeping(const uint8_t *frame, const struct inner *in)
{
	return in->version == 6 && frame[24] == 0xff && frame[25] == 0x02; /* to all on the link, RFC 4291 2.7 */
}

static uint8_t put(struct esp_tx *tx, const struct device *d, const struct esp_vnet *v, uint8_t *frame, size_t n, mono_t now)
{
	struct put p = {.d = d, .c = atomic_load_explicit(&d->group->out, memory_order_acquire)};

	if (!inner_read(frame, n, &p.in))
		return ESP_DROP_INNER;
	if (!p.c) {
		if (!housekeeping(frame, &p.in))
			news_wanted(tx->e, d->group, now);
		return ESP_DROP_NO_SA;
	}
	if (atomic_load_explicit(&p.c->dead, memory_order_relaxed))
		return atomic_load_explicit(&p.c->seq, memory_order_relaxed) < p.c->seq_max ? ESP_DROP_EXPIRED : ESP_DROP_SEQUENCE;
	p.head = (uint32_t)ESP_HEAD + esp_key_iv_len(p.c->key_out) + d->gre_len;
	p.align = esp_key_align(p.c->key_out);
	p.icv = esp_key_icv_len(p.c->key_out);
	return v->gso == ESP_GSO_NONE ? put_plain(tx, &p, v, frame, p.in.n, now) : put_gso(tx, &p, v, frame, n, now);
}

void esp_tx_put(struct esp_tx *tx, uint32_t device, const struct esp_vnet *v, uint8_t *frame, size_t n, mono_t now)
{
	bool bad = BUG(!esp_tx_room(tx) || n > ESP_FRAME_MAX);
	const struct device *d = tx->d && tx->d->c.id == device ? tx->d : device_find(tx->e, device);
	uint8_t drop = bad ? ESP_DROP_INNER : d ? put(tx, d, v, frame, n, now) : ESP_DROP_NO_DEVICE;

	tx->d = d;
	if (drop != ESP_DROP_N)
		tally_add(d ? d->group->tally : tx->e->tally, tx->worker, drop, 1);
}

/* --- Sealing --- */
static bool beyond(uint64_t n, uint64_t limit) { return limit && n >= limit; }

/* One SA's: numbers are given out for all at once, so that several workers may send on it. */
static void seal(struct esp_tx *tx, const struct lot *l, mono_t now)
{
	struct child *c = l->c;
	struct esp_job job[ESP_BURST];
	uint64_t seq = atomic_fetch_add_explicit(&c->seq, l->n, memory_order_relaxed), packets = 0, bytes = 0;
	uint64_t packets0 = atomic_load_explicit(&c->out.packets, memory_order_relaxed);
	uint64_t bytes0 = atomic_load_explicit(&c->out.bytes, memory_order_relaxed);
	size_t n = 0;

	for (uint16_t i = l->first; i != BATCH_NONE; i = tx->rec[i].next) {
		struct tx_rec *r = &tx->rec[i];
		bool used_up = ++seq > c->seq_max;
		if (used_up || beyond(packets0 + packets, c->life.hard_packets) || beyond(bytes0 + bytes, c->life.hard_bytes)) {
			r->dead = true;
			tally_add(c->whole->tally, tx->worker, used_up ? ESP_DROP_SEQUENCE : ESP_DROP_EXPIRED, 1);
			continue;
		}
		uint8_t *p = tx->buf + r->at;
		be32_put(p, c->spi_out);
		be32_put(p + 4, (uint32_t)seq);
		job[n++] = (struct esp_job){.p = p, .n = r->n, .seq_hi = (uint32_t)(seq >> 32)};
		packets++;
		bytes += r->n - r->over;
		if (n == ESP_BURST) {
			esp_seal_burst(c->key_out, tx->worker, job, n);
			n = 0;
		}
	}
	if (n)
		esp_seal_burst(c->key_out, tx->worker, job, n);
	if (packets)
		child_passed(tx->e, c, &c->out, packets, bytes, now);
	if (seq >= c->seq_soft)
		news_soft(tx->e, c);
	if (seq >= c->seq_max)
		news_hard(tx->e, c);
}

void esp_tx_seal(struct esp_tx *tx, mono_t now)
{
	for (uint16_t i = 0; i < tx->n_lots; i++)
		seal(tx, &tx->lot[i], now);
	tx->n_lots = 0;
}

/* --- Runs --- */
static bool same_way(const struct tx_rec *a, const struct tx_rec *b)
{
	return !b->dead && a->c == b->c && a->device == b->device && a->at + a->n == b->at && a->tos == b->tos && a->ttl == b->ttl &&
	       a->df == b->df;
}

const struct esp_dgrams *esp_tx_next(struct esp_tx *tx)
{
	while (tx->at < tx->n && tx->rec[tx->at].dead)
		tx->at++;
	if (tx->at == tx->n) {
		tx->taken = true;
		return NULL;
	}
	const struct tx_rec *r = &tx->rec[tx->at++];
	struct esp_dgrams *run = &tx->run;
	*run = (struct esp_dgrams){
		.p = tx->buf + r->at, .n = r->n, .seg = (uint16_t)r->n, .device = r->device, .from = r->c->local, .to = r->c->remote,
		.sport = r->c->sport, .tos = r->tos, .ttl = r->ttl, .df = r->df,
	};
	/* UDP_SEGMENT: the last may be shorter, none longer */
	for (unsigned n = 1; tx->at < tx->n && n < TX_RUN && r->n == run->seg; n++) {
		const struct tx_rec *next = &tx->rec[tx->at];
		if (!same_way(r, next) || next->n > run->seg || run->n + next->n > TX_RUN_OCTETS)
			break;
		run->n += next->n;
		r = next;
		tx->at++;
	}
	return run;
}

bool esp_tx_reply(struct esp_tx *tx, uint32_t *device, struct span *frame)
{
	if (tx->reply_at == tx->n_replies)
		return false;
	*device = tx->reply[tx->reply_at].device;
	*frame = SPAN(tx->reply[tx->reply_at].b, tx->reply[tx->reply_at].n);
	tx->reply_at++;
	return true;
}
