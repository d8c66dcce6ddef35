/* Inner packets, and an oracle for what became of them. */
#include "esp_packets.h"

#include <stdlib.h>

uint16_t plain_sum(const uint8_t *p, size_t n)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < n; i++) {
		sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return (uint16_t)sum;
}

uint8_t *exact(const void *p, size_t n)
{
	uint8_t *b = malloc(n);
	if (!b)
		abort();
	if (n)
		memcpy(b, p, n);
	return b;
}

/* The sum over pseudo header, header and payload. */
static uint16_t l4_sum(const uint8_t *p, size_t n, size_t l4, uint8_t proto)
{
	uint8_t *b = calloc(1, 40 + n - l4 + 1);
	if (!b)
		abort();
	bool v4 = p[0] >> 4 == 4;
	size_t addrs = v4 ? 8 : 32;
	memcpy(b, p + (v4 ? 12 : 8), addrs);
	b[addrs + 1] = proto;
	be16_put(b + addrs + 2, (uint16_t)(n - l4));
	memcpy(b + addrs + 4, p + l4, n - l4);
	uint16_t sum = plain_sum(b, addrs + 4 + n - l4);
	free(b);
	return sum;
}

static size_t ip_write(const struct packet *o, size_t behind, uint8_t *p)
{
	if (o->v6) {
		p[0] = (uint8_t)(0x60 | o->tos >> 4);
		p[1] = (uint8_t)(o->tos << 4);
		be16_put(p + 4, (uint16_t)(behind + o->ext));
		p[6] = o->ext ? 60 : o->udp ? IP_UDP : IP_TCP;
		p[7] = o->ttl;
		p[8] = p[24] = 0xfd;
		p[23] = o->host;
		p[39] = 2;
		if (o->ext) {
			p[40] = o->udp ? IP_UDP : IP_TCP;
			p[41] = (uint8_t)(o->ext / 8 - 1);
			p[42] = 1; /* PadN */
			p[43] = (uint8_t)(o->ext - 4);
		}
		return IP6_HDR + o->ext;
	}
	size_t l4 = IP4_HDR + o->ext;
	p[0] = (uint8_t)(0x40 | l4 / 4);
	p[1] = o->tos;
	be16_put(p + 2, (uint16_t)(l4 + behind));
	be16_put(p + 4, o->id);
	p[6] = o->df ? 0x40 : 0;
	p[8] = o->ttl;
	p[9] = o->udp ? IP_UDP : IP_TCP;
	p[12] = p[16] = 10;
	p[15] = o->host;
	p[19] = 2;
	for (size_t i = IP4_HDR; i < l4; i++)
		p[i] = 1; /* no operation */
	be16_put(p + 10, (uint16_t)~plain_sum(p, l4));
	return l4;
}

size_t packet_write(const struct packet *o, uint8_t *out)
{
	size_t head = o->udp ? UDP_HDR : (size_t)TCP_HDR + o->options;

	memset(out, 0, IP6_HDR + 64u + head);
	size_t l4 = ip_write(o, head + o->len, out), n = l4 + head + o->len;
	uint8_t *h = out + l4;
	be16_put(h, o->sport);
	be16_put(h + 2, o->dport);
	if (o->udp) {
		be16_put(h + 4, (uint16_t)(head + o->len));
	} else {
		be32_put(h + 4, o->seq);
		be32_put(h + 8, o->ack);
		h[12] = (uint8_t)(head / 4 << 4);
		h[13] = o->flags;
		be16_put(h + 14, o->window);
		for (size_t i = 0; i < o->options; i++)
			h[TCP_HDR + i] = (uint8_t)(i * 7 + 1);
	}
	for (uint32_t i = 0; i < o->len; i++)
		h[head + i] = (uint8_t)((o->fill + o->seq + i) * 2654435761u >> 24);
	uint16_t sum = (uint16_t)~l4_sum(out, n, l4, o->udp ? IP_UDP : IP_TCP);
	be16_put(h + (o->udp ? 6 : 16), o->udp && !sum ? 0xffff : sum);
	return n;
}

void packet_begin_sum(uint8_t *p, size_t n, struct esp_vnet *v)
{
	struct l4 at;

	if (!l4_find(p, n, &at))
		abort();
	v->csum = true;
	v->csum_start = at.at;
	v->csum_offset = at.proto == IP_UDP ? 6 : 16;
	uint8_t pseudo[40] = {0};
	size_t addrs = at.v4 ? 8 : 32;
	memcpy(pseudo, p + (at.v4 ? 12 : 8), addrs);
	pseudo[addrs + 1] = at.proto;
	be16_put(pseudo + addrs + 2, (uint16_t)(n - at.at));
	be16_put(p + at.at + v->csum_offset, plain_sum(pseudo, addrs + 4));
}

size_t packet_super(const struct packet *o, uint16_t gso_size, uint8_t *out, struct esp_vnet *v)
{
	size_t n = packet_write(o, out);

	*v = (struct esp_vnet){.gso = (uint8_t)(o->udp ? ESP_GSO_UDP : o->v6 ? ESP_GSO_TCP6 : ESP_GSO_TCP4), .gso_size = gso_size};
	packet_begin_sum(out, n, v);
	return n;
}

const char *packet_wrong(const uint8_t *p, size_t n)
{
	struct l4 at;

	if (!l4_find(p, n, &at) || at.total != n)
		return "lengths";
	if (at.v4 && plain_sum(p, at.at) != 0xffff)
		return "the header's checksum";
	if (at.proto == IP_UDP && be16(p + at.at + 6) == 0)
		return at.v4 ? NULL : "UDP without a checksum";
	if (at.proto == IP_UDP && be16(p + at.at + 4) != n - at.at)
		return "UDP's length";
	if (l4_sum(p, n, at.at, at.proto) != 0xffff)
		return "the transport checksum";
	return NULL;
}

/* --- The oracle --- */

void batch_add(struct batch *b, uint32_t device, const uint8_t *p, size_t n, bool uso)
{
	if (b->n < BATCH_MAX)
		b->v[b->n++] = (struct batch_packet){.device = device, .p = exact(p, n), .n = n, .uso = uso};
}

void batch_free(struct batch *b)
{
	for (uint32_t i = 0; i < b->n; i++)
		free(b->v[i].p);
	*b = (struct batch){0};
}

/* Whether one must not overtake the other. What has no ports goes with all of its addresses and protocol. */
static bool related(const struct batch_packet *a, const struct batch_packet *b)
{
	struct l4 x, y;

	if (a->device != b->device || !l4_find(a->p, a->n, &x) || !l4_find(b->p, b->n, &y) || x.v4 != y.v4 || x.proto != y.proto)
		return false;
	if (memcmp(a->p + (x.v4 ? 12 : 8), b->p + (x.v4 ? 12 : 8), x.v4 ? 8 : 32) != 0)
		return false;
	bool ports = (x.proto == IP_TCP || x.proto == IP_UDP) && !x.fragment && !y.fragment && x.at + 4u <= a->n && y.at + 4u <= b->n;
	return !ports || memcmp(a->p + x.at, b->p + y.at, 4) == 0;
}

/* Equal, but for the ID of a packet that is never fragmented, and with it the header's checksum. */
static bool same(const struct batch_packet *o, const uint8_t *p, size_t n, bool merged)
{
	if (o->n != n)
		return false;
	if (!merged || o->p[0] >> 4 != 4 || !(o->p[6] & 0x40))
		return memcmp(o->p, p, n) == 0;
	return memcmp(o->p, p, 4) == 0 && memcmp(o->p + 6, p + 6, 4) == 0 && memcmp(o->p + 12, p + 12, n - 12) == 0;
}

static const char *match(struct batch *b, uint32_t device, const uint8_t *p, size_t n, bool merged)
{
	uint32_t i = 0;

	if (merged && packet_wrong(p, n))
		return packet_wrong(p, n);
	while (i < b->n && (b->v[i].seen || b->v[i].device != device || !same(&b->v[i], p, n, merged)))
		i++;
	if (i == b->n)
		return "a packet that did not come";
	b->v[i].seen = true;
	for (uint32_t j = 0; j < i; j++)
		if (!b->v[j].seen && related(&b->v[j], &b->v[i]))
			return "a packet overtook one of its flow";
	return NULL;
}

static const char *take_apart(struct batch *b, const struct esp_frame *f)
{
	static uint8_t room[PACKET_MAX], out[PACKET_MAX];
	size_t n = 0;
	struct esp_split s;
	const char *why = NULL;

	if (f->n_v != f->packets || f->n_v == 0 || f->n_v > ESP_MERGE_PIECES)
		return "number of pieces";
	for (uint32_t i = 0; i < f->n_v; i++) {
		if (f->v[i].n == 0 || f->v[i].n > sizeof room - n)
			return "length of a piece";
		memcpy(room + n, f->v[i].p, f->v[i].n);
		n += f->v[i].n;
	}
	if (f->packets == 1)
		return f->vnet.csum || f->vnet.gso ? "a vnet header for nothing" : match(b, f->device, room, n, false);
	b->merged += f->packets;
	if (n > ESP_MERGE_OCTETS || !f->vnet.csum || esp_split_begin(&s, room, n, &f->vnet) != ESP_DROP_N)
		return "a frame that cannot be split";
	if (s.packets != f->packets || f->vnet.hdr_len != s.hdr)
		return "another number of packets";
	for (uint32_t i = 0; !why && i < s.packets; i++) {
		uint32_t len = esp_split_packet(&s, i, out);
		why = match(b, f->device, out, len, true);
	}
	return why;
}

const char *batch_check(struct batch *b, struct esp_merge *m)
{
	uint8_t *copy[BATCH_MAX];
	const char *why = NULL;
	const struct esp_frame *f;

	for (uint32_t i = 0; i < b->n; i++) {
		copy[i] = exact(b->v[i].p, b->v[i].n);
		b->v[i].seen = false;
		if (!esp_merge_put(m, b->v[i].device, copy[i], b->v[i].n, b->v[i].uso))
			why = "no room";
	}
	b->frames = b->merged = 0;
	for (; (f = esp_merge_next(m)) != NULL; b->frames++)
		if (!why)
			why = take_apart(b, f);
	for (uint32_t i = 0; i < b->n; i++) {
		if (!why && !b->v[i].seen)
			why = "a packet that was lost";
		free(copy[i]);
	}
	return why;
}
