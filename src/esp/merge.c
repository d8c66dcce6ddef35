/* Packets that came for a device -> super-packets, by the rules of the kernel's GRO, so that what the host would split again is what
 * came. A run is what becomes one frame: packets of one flow, each the continuation of the one before. Up to 16 runs
 * are open; what a run's flow brings that does not continue it closes it, so that nothing overtakes within a flow.
 *
 * The frame says that its checksum is only begun, and the host believes it: so each packet's checksums are verified before it is
 * merged, the first one's when there is a second. */
#include "esp/offload.h"

enum { RUNS = 16, NONE = 0xffff };
enum { IP4_SUM = 10, TCP_SEQ = 4, TCP_ACK = 8, TCP_FLAGS = 12, TCP_WINDOW = 14, TCP_SUM = 16, TCP_URGENT = 18, UDP_LEN = 4, UDP_SUM = 6 };

/* What a packet of a flow says about itself. */
struct look {
	uint8_t *p;
	uint32_t n, len;         /* all of it; its payload */
	uint16_t l4, hdr;
	uint16_t key;            /* addresses and ports, side by side in either version */
	uint16_t flags;          /* TCP, with the header's length */
	uint32_t hash;
	bool v4, tcp;
	bool may;                /* be merged */
};

struct run {
	uint8_t *p;              /* the first packet */
	uint32_t device, octets, seg, seq; /* seq: that continues it */
	uint16_t l4, hdr, id, flags;
	uint16_t packets, first, last;
	bool v4, tcp, id_fixed, verified;
};

struct esp_merge {
	uint32_t n_open, n_runs, n_packets, n_pieces, taken, evict;
	uint32_t hash[RUNS];
	uint16_t open[RUNS];     /* which runs */
	struct run run[ESP_MERGE_PACKETS];
	struct span packet[ESP_MERGE_PACKETS]; /* what of it goes into the frame */
	uint16_t next[ESP_MERGE_PACKETS];
	struct span piece[ESP_MERGE_PACKETS];
	struct esp_frame frame;
};

struct esp_merge *esp_merge_new(struct mem *mem) { return mem_get(mem, sizeof(struct esp_merge)); }

void esp_merge_free(struct mem *mem, struct esp_merge *m)
{
	if (m)
		mem_put(mem, m, sizeof *m);
}

/* --- One packet --- */

enum kind { ALONE, STRANGE, FLOW }; /* STRANGE: may belong to any flow; ALONE: to none that has runs */

static uint64_t load64(const uint8_t *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof v);
	return v;
}

static uint32_t hash_of(const struct look *k, uint32_t device)
{
	const uint8_t *p = k->p + k->key;
	uint64_t h = load64(p) ^ device;

	if (!k->v4)
		h ^= load64(p + 8) * 3 ^ load64(p + 16) * 5 ^ load64(p + 24) * 7;
	h = (h ^ (h >> 32) ^ be32(k->p + k->l4)) * 0x9e3779b97f4a7c15u;
	return (uint32_t)(h >> 32);
}

static enum kind look_tcp(struct look *k)
{
	const uint8_t *h = k->p + k->l4;
	uint32_t left = k->n - k->l4;

	if (left < TCP_HDR)
		return STRANGE;
	k->flags = be16(h + TCP_FLAGS);
	unsigned len = (k->flags >> 12) * 4u;
	if (len < TCP_HDR || len > left)
		return STRANGE;
	k->tcp = true;
	k->hdr = (uint16_t)(k->l4 + len);
	k->len = left - len;
	k->may = k->len && !(k->flags & (TCP_SYN | TCP_RST | TCP_URG | TCP_CWR));
	return FLOW;
}

static enum kind look_udp(struct look *k, bool uso)
{
	const uint8_t *h = k->p + k->l4;
	uint32_t left = k->n - k->l4;

	if (!uso)
		return ALONE; /* no UDP has runs */
	if (left < UDP_HDR || be16(h + UDP_LEN) != left)
		return STRANGE;
	k->hdr = (uint16_t)(k->l4 + UDP_HDR);
	k->len = left - UDP_HDR;
	k->may = k->len && be16(h + UDP_SUM) != 0; /* RFC 768: without a checksum */
	return FLOW;
}

/* No options, extension headers, fragments: nobody sends those fast. */
static enum kind look_at(struct look *k, uint8_t *p, size_t n, bool uso)
{
	uint8_t proto;

	*k = (struct look){.p = p, .n = (uint32_t)n};
	if (n >= IP4_HDR && p[0] == 0x45) {
		if (be16(p + 2) != n || (be16(p + 6) & 0xbfff))
			return STRANGE;
		k->v4 = true;
		proto = p[9];
		k->l4 = IP4_HDR;
		k->key = 12;
	} else if (n >= IP6_HDR && p[0] >> 4 == 6) {
		if (be16(p + 4) + (size_t)IP6_HDR != n)
			return STRANGE;
		proto = p[6];
		k->l4 = IP6_HDR;
		k->key = 8;
	} else {
		return STRANGE;
	}
	switch (proto) {
	case IP_TCP: return look_tcp(k);
	case IP_UDP: return look_udp(k, uso);
	case IP_ICMP:
	case IP_ICMP6: return ALONE;
	default: return STRANGE;
	}
}

static uint32_t pseudo(const uint8_t *p, bool v4, bool tcp, uint32_t len)
{
	uint32_t sum = (tcp ? IP_TCP : IP_UDP) + len;
	return v4 ? csum_add(sum, p + 12, 8) : csum_add(sum, p + 8, 32);
}

/* Right, and what splitting writes: a sum of all ones stands for the same as zero (RFC 1624 3), which is written but in UDP. Addresses and
 * what is behind them are side by side: one pass. */
static bool sums_right(const uint8_t *p, size_t n, bool v4, bool tcp)
{
	size_t l4 = v4 ? IP4_HDR : IP6_HDR, from = v4 ? 12 : 8;

	if ((v4 && be16(p + IP4_SUM) == 0xffff) || (tcp && be16(p + l4 + TCP_SUM) == 0xffff))
		return false;
	if (v4 && csum_fold(csum_add(0, p, IP4_HDR)) != 0xffff)
		return false;
	return csum_fold(csum_add((tcp ? IP_TCP : IP_UDP) + (uint32_t)(n - l4), p + from, n - from)) == 0xffff;
}

/* --- Runs --- */

static bool same_flow(const struct run *r, const struct look *k, uint32_t device)
{
	const uint8_t *a = r->p + k->key, *b = k->p + k->key;

	if (r->device != device || r->v4 != k->v4 || r->tcp != k->tcp)
		return false;
	return k->v4 ? memcmp(a, b, 12) == 0 : memcmp(a, b, 36) == 0; /* of a length that is known: no call */
}

/* The slot of the flow's open run; RUNS: it has none. */
static uint32_t find(const struct esp_merge *m, const struct look *k, uint32_t device)
{
	for (uint32_t i = 0; i < m->n_open; i++)
		if (m->hash[i] == k->hash && same_flow(&m->run[m->open[i]], k, device))
			return i;
	return RUNS;
}

static void close_run(struct esp_merge *m, uint32_t slot)
{
	m->n_open--;
	m->hash[slot] = m->hash[m->n_open];
	m->open[slot] = m->open[m->n_open];
}

static void open_run(struct esp_merge *m, uint16_t run, uint32_t hash)
{
	uint32_t slot = m->n_open < RUNS ? m->n_open++ : m->evict++ % RUNS;
	m->hash[slot] = hash;
	m->open[slot] = run;
}

/* The packet becomes a run of its own. */
static uint16_t alone(struct esp_merge *m, const struct look *k, uint32_t device)
{
	uint16_t at = (uint16_t)m->n_packets++, run = (uint16_t)m->n_runs++;

	m->packet[at] = SPAN(k->p, k->n);
	m->next[at] = NONE;
	m->run[run] = (struct run){.p = k->p, .device = device, .octets = k->n, .packets = 1, .first = at, .last = at};
	return run;
}

static void begin(struct esp_merge *m, const struct look *k, uint32_t device)
{
	uint16_t i = alone(m, k, device);
	struct run *r = &m->run[i];

	if (!k->may || (k->tcp && (k->flags & (TCP_FIN | TCP_PSH))))
		return; /* nothing may follow it */
	r->seg = k->len;
	r->l4 = k->l4;
	r->hdr = k->hdr;
	r->v4 = k->v4;
	r->tcp = k->tcp;
	r->flags = k->flags;
	r->id = k->v4 ? be16(k->p + 4) : 0;
	r->seq = k->tcp ? be32(k->p + k->l4 + TCP_SEQ) + k->len : 0;
	open_run(m, i, k->hash);
}

/* ID: counting up, as splitting makes it; of packets that are never fragmented it may stay as well (RFC 6864 4.1). */
static bool ip_fits(struct run *r, const struct look *k)
{
	const uint8_t *a = r->p, *b = k->p;

	if (!k->v4)
		return memcmp(a, b, 4) == 0 && a[7] == b[7]; /* traffic class, flow label; hop limit */
	if (a[1] != b[1] || a[6] != b[6] || a[8] != b[8]) /* TOS; DF; TTL */
		return false;
	uint16_t ahead = (uint16_t)(be16(b + 4) - r->id);
	if (r->packets == 1)
		r->id_fixed = ahead == 0 && (b[6] & 0x40);
	return ahead == (r->id_fixed ? 0 : r->packets);
}

static bool tcp_fits(const struct run *r, const struct look *k)
{
	const uint8_t *a = r->p + r->l4, *b = k->p + k->l4;
	unsigned len = r->hdr - r->l4;

	if (be32(b + TCP_SEQ) != r->seq || be32(a + TCP_ACK) != be32(b + TCP_ACK) || be16(a + TCP_WINDOW) != be16(b + TCP_WINDOW) ||
	    be16(a + TCP_URGENT) != be16(b + TCP_URGENT)) /* without URG it says nothing, and arrives */
		return false;
	if (k->hdr != r->hdr || ((r->flags ^ k->flags) & ~(unsigned)(TCP_FIN | TCP_PSH)))
		return false;
	for (unsigned i = TCP_HDR; i < len; i += 4) {
		if (be32(a + i) != be32(b + i))
			return false;
	}
	return true;
}

static bool fits(struct run *r, const struct look *k)
{
	if (!k->may || k->len > r->seg || r->packets >= ESP_MERGE_PIECES || r->octets + k->len > ESP_MERGE_OCTETS)
		return false;
	if (!ip_fits(r, k) || (k->tcp && !tcp_fits(r, k)))
		return false;
	if (!r->verified && !sums_right(r->p, r->octets, r->v4, r->tcp))
		return false;
	r->verified = true;
	return sums_right(k->p, k->n, k->v4, k->tcp);
}

/* Adds the packet's payload. False: nothing may follow. */
static bool append(struct esp_merge *m, struct run *r, const struct look *k)
{
	uint16_t at = (uint16_t)m->n_packets++;

	m->packet[at] = SPAN(k->p + k->hdr, k->len);
	m->next[at] = NONE;
	m->next[r->last] = at;
	r->last = at;
	r->packets++;
	r->octets += k->len;
	r->seq += k->len;
	if (!k->tcp)
		return k->len == r->seg;
	r->flags |= k->flags & (TCP_FIN | TCP_PSH);
	return k->len == r->seg && !(k->flags & (TCP_FIN | TCP_PSH));
}

bool esp_merge_put(struct esp_merge *m, uint32_t device, uint8_t *p, size_t n, bool uso)
{
	struct look k;

	if (m->n_packets == ESP_MERGE_PACKETS)
		return false;
	enum kind kind = look_at(&k, p, n, uso);
	if (kind == STRANGE)
		m->n_open = 0;
	if (kind != FLOW) {
		(void)alone(m, &k, device);
		return true;
	}
	k.hash = hash_of(&k, device);
	uint32_t slot = find(m, &k, device);
	if (slot == RUNS) {
		begin(m, &k, device);
		return true;
	}
	struct run *r = &m->run[m->open[slot]];
	if (fits(r, &k)) {
		if (!append(m, r, &k))
			close_run(m, slot);
		return true;
	}
	close_run(m, slot);
	begin(m, &k, device);
	return true;
}

/* --- Frames --- */

/* The first packet's headers become those of the whole. */
static void headers(const struct run *r, struct esp_vnet *v)
{
	uint8_t *p = r->p, *h = r->p + r->l4;
	uint32_t len = r->octets - r->l4;

	if (r->v4) {
		be16_put(p + 2, (uint16_t)r->octets);
		be16_put(p + IP4_SUM, 0);
		be16_put(p + IP4_SUM, csum_end(csum_add(0, p, IP4_HDR)));
	} else {
		be16_put(p + 4, (uint16_t)len);
	}
	if (r->tcp)
		be16_put(h + TCP_FLAGS, r->flags);
	else
		be16_put(h + UDP_LEN, (uint16_t)len);
	be16_put(h + (r->tcp ? TCP_SUM : UDP_SUM), csum_fold(pseudo(p, r->v4, r->tcp, len)));
	*v = (struct esp_vnet){
		.gso = (uint8_t)(!r->tcp ? ESP_GSO_UDP : r->v4 ? ESP_GSO_TCP4 : ESP_GSO_TCP6),
		.csum = true,
		.hdr_len = r->hdr,
		.gso_size = (uint16_t)r->seg,
		.csum_start = r->l4,
		.csum_offset = r->tcp ? TCP_SUM : UDP_SUM,
	};
}

const struct esp_frame *esp_merge_next(struct esp_merge *m)
{
	if (m->taken == m->n_runs) {
		m->n_runs = m->n_packets = m->n_pieces = m->taken = m->n_open = 0;
		return NULL;
	}
	const struct run *r = &m->run[m->taken++];
	m->frame = (struct esp_frame){.device = r->device, .v = &m->piece[m->n_pieces], .n_v = r->packets, .packets = r->packets};
	for (uint16_t at = r->first; at != NONE; at = m->next[at])
		m->piece[m->n_pieces++] = m->packet[at];
	if (r->packets > 1)
		headers(r, &m->frame.vnet);
	return &m->frame;
}
