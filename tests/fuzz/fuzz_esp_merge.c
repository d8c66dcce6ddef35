/* A batch of packets of several flows with accidents, as decrypted: merged, taken apart again, compared. The input is records of 8 octets:
 * flow, TCP flags, length, accident, an offset and what is changed there. */
#include "../unit/esp_packets.h"
#include "fuzz.h"

#include <stdlib.h>

enum { FLOWS = 20 };

static void *get(struct mem *m, size_t size) { (void)m; return calloc(1, size); }
static void put(struct mem *m, void *p, size_t size) { (void)m; (void)size; free(p); }

static void accident(struct packet *o, uint8_t which)
{
	switch (which & 15) {
	case 1: o->seq++; break;
	case 2: o->seq -= o->len; break;
	case 3: o->ack++; break;
	case 4: o->window++; break;
	case 5: o->tos++; break;
	case 6: o->ttl--; break;
	case 7: o->id++; break;
	case 8: o->id--; break;
	case 9: o->df = !o->df; break;
	case 10: o->options = (uint8_t)((o->options + 4) % 44); break;
	case 11: o->ext = o->ext ? 0 : o->v6 ? 16 : 8; break;
	default: break;
	}
}

static void record(struct batch *b, struct packet *flow, const uint8_t *r)
{
	static uint8_t room[PACKET_MAX];
	struct packet *o = &flow[r[0] % FLOWS];

	o->flags = r[1];
	o->len = be16(r + 2) % 1480;
	accident(o, r[4]);
	size_t n = packet_write(o, room);
	if (r[7]) {
		size_t at = be16(r + 5) % n;
		room[at] ^= r[7];
		struct esp_vnet v = {0};
		struct l4 in;
		/* the checksum follows some of the changes */
		if ((r[4] & 16) && l4_find(room, n, &in) && in.total == n && in.at + 20u < n && (in.proto == IP_TCP || in.proto == IP_UDP)) {
			packet_begin_sum(room, n, &v);
			if (esp_sum_complete(room, n, &v) != ESP_DROP_N)
				abort();
		}
	}
	if (r[4] & 32)
		n = be16(r + 5) % n + 1;
	batch_add(b, r[0] >> 6, room, n, r[0] >> 6 != 3);
	o->seq += o->len;
	o->id++;
	o->fill += o->udp ? o->len : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mem mem = {.get = get, .put = put};
	struct esp_merge *m = esp_merge_new(&mem);
	struct packet flow[FLOWS];
	static struct batch b;
	struct rd r = rd_init(data, size);

	if (!m)
		abort();
	for (unsigned i = 0; i < FLOWS; i++)
		flow[i] = (struct packet){.v6 = i & 1, .udp = i % 4 == 3, .df = i % 3 > 0, .ttl = 64, .host = (uint8_t)(i / 2), .sport = 99,
		                          .id = 0xfff0, .seq = 0xffffff00, .options = (uint8_t)(i % 4 * 4), .fill = i};
	for (const uint8_t *p; b.n < BATCH_MAX && (p = rd_take(&r, 8)) != NULL;)
		record(&b, flow, p);
	if (batch_check(&b, m))
		abort();
	/* it is empty again: the same once more */
	if (batch_check(&b, m))
		abort();
	batch_free(&b);
	esp_merge_free(&mem, m);
	return 0;
}
