/* What splitting and merging cost: nanoseconds a packet, copies and checksums included, the best of many short turns, since others
 * use the machine too.
 *
 *   esp_offload [OCTETS...]      of a packet; default 64 576 1400 8900 */
#include "../unit/esp_packets.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { TURNS = 3000, PACKETS = 44, ROOM = 9216 };

static double ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double best(double a, double b) { return a < b ? a : b; }

static void *get(struct mem *m, size_t size) { (void)m; return calloc(1, size); }
static void put(struct mem *m, void *p, size_t size) { (void)m; (void)size; free(p); }

static uint8_t in[PACKET_MAX], out[PACKETS][ROOM], flat[PACKETS * (size_t)ROOM];
static struct packet o = {.ttl = 64, .df = true, .host = 1, .sport = 4000, .dport = 443, .flags = 0x10, .options = 12};

/* The sum alone, for comparison. */
static double sum(uint32_t octets)
{
	double least = 1e9;
	volatile uint32_t sink = 0;
	for (int turn = 0; turn < TURNS; turn++) {
		double t = ns();
		for (int i = 0; i < PACKETS; i++)
			sink = sink + csum_add(0, out[i], octets);
		least = best(least, (ns() - t) / PACKETS);
	}
	return least;
}

static double split(uint32_t octets, uint32_t packets)
{
	struct esp_vnet v;
	struct esp_split s;
	double least = 1e9;

	o.len = octets * packets;
	size_t n = packet_super(&o, (uint16_t)octets, in, &v);
	for (int turn = 0; turn < TURNS; turn++) {
		double t = ns();
		if (esp_split_begin(&s, in, n, &v) != ESP_DROP_N)
			abort();
		for (uint32_t i = 0; i < s.packets; i++)
			(void)esp_split_packet(&s, i, out[i]);
		least = best(least, (ns() - t) / packets);
	}
	return least;
}

/* `frames` is for what came of it. */
static double merge(struct esp_merge *m, uint32_t packets, uint32_t flows, bool may, uint32_t *frames)
{
	double least = 1e9;

	for (int turn = 0; turn < TURNS; turn++) {
		/* what a run was given is taken back, outside of the time */
		for (uint32_t i = 0; i < packets; i++) {
			struct packet k = o;
			k.sport = (uint16_t)(i % flows);
			k.seq = i / flows * k.len;
			k.id = (uint16_t)(i / flows);
			k.flags = may ? 0x10 : 0x18;
			static size_t n[PACKETS];
			if (turn == 0)
				n[i] = packet_write(&k, flat + i * ROOM);
			memcpy(out[i], flat + i * ROOM, n[i]);
		}
		size_t n = be16(out[0] + 2), all = 0;
		double t = ns();
		for (uint32_t i = 0; i < packets; i++)
			if (!esp_merge_put(m, 1, out[i], n, true))
				abort();
		*frames = 0;
		for (const struct esp_frame *f; (f = esp_merge_next(m)) != NULL; ++*frames)
			all += f->n_v;
		least = best(least, (ns() - t) / packets);
		if (all != packets)
			abort();
	}
	return least;
}

int main(int argc, char **argv)
{
	static const uint32_t defaults[] = {64, 576, 1400, 8900};
	int n = argc > 1 ? argc - 1 : (int)ARRAY_LEN(defaults);
	struct mem mem = {.get = get, .put = put};
	struct esp_merge *m = esp_merge_new(&mem);

	if (!m)
		return EXIT_FAILURE;
	printf("%7s %8s %8s %8s %8s %8s %8s  nanoseconds a packet\n", "octets", "sum", "split 4", "split 6", "merge", "4 flows", "single");
	for (int i = 0; i < n; i++) {
		uint32_t octets = argc > 1 ? (uint32_t)atoi(argv[i + 1]) : defaults[i], frames[3];
		uint32_t packets = octets ? (uint32_t)min_z(PACKETS, 65000 / octets) : 0;
		if (!packets || octets > 9000)
			return EXIT_FAILURE;
		o.v6 = true;
		double six = split(octets, packets);
		o.v6 = false;
		double four = split(octets, packets);
		o.len = octets;
		double one = merge(m, packets, 1, true, &frames[0]), flows = merge(m, packets, 4, true, &frames[1]),
		       single = merge(m, packets, 1, false, &frames[2]);
		printf("%7u %8.1f %8.1f %8.1f %8.1f %8.1f %8.1f  frames %u %u %u\n", octets, sum(octets), four, six, one, flows, single, frames[0],
		       frames[1], frames[2]);
	}
	esp_merge_free(&mem, m);
	return EXIT_SUCCESS;
}
