/* Frames from a device, with whatever their vnet header says, and back in at the other end. Input: one octet of shape, 8 of path MTU and
 * vnet header, then the frame. What goes in whole and comes out whole is the same. */
#include "fuzz_esp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fuzz_esp f;
	static uint8_t wire[1 << 20];
	const struct esp_dgrams *d;
	struct rd r = rd_init(data, size);
	uint32_t device, datagrams = 0;
	struct span reply;

	if (!f.e)
		f = fuzz_esp();
	uint32_t shape = rd_u8(&r) % SHAPES;
	uint8_t mtu = rd_u8(&r), flags = rd_u8(&r);
	struct esp_vnet v = {.gso = flags & 3, .csum = flags & 4, .gso_size = rd_u16(&r), .csum_start = rd_u16(&r), .csum_offset = rd_u8(&r)};
	size_t n = rd_left(&r);
	if (!rd_ok(&r) || n > ESP_FRAME_MAX)
		return 0;
	esp_path_mtu(f.e, &fuzz_peer, mtu ? mtu * 16 : 65535, 1);
	if (!esp_tx_room(f.tx))
		abort();
	uint8_t *frame = malloc(n + !n); /* exact size: over-reads are seen */
	if (!frame)
		abort();
	rd_copy(&r, frame, n);
	esp_tx_put(f.tx, shape + 1, &v, frame, n, 1);
	free(frame);
	esp_tx_seal(f.tx, 1);
	size_t used = 0;
	while ((d = esp_tx_next(f.tx))) {
		uint32_t packets = (d->n + d->seg - 1) / d->seg;
		if (d->n > 65507 || packets > 64 || used + d->n > sizeof wire || d->device != shape + 1 || d->ttl == 0)
			abort();
		memcpy(wire + used, d->p, d->n);
		if (!esp_rx_put(f.rx, wire + used, d->n, d->seg, &fuzz_peer, &fuzz_here, d->tos)) {
			esp_rx_open(f.rx, 1);
			(void)fuzz_frames(&f);
			if (!esp_rx_put(f.rx, wire + used, d->n, d->seg, &fuzz_peer, &fuzz_here, d->tos))
				abort();
		}
		used += d->n;
		datagrams += packets;
	}
	while (esp_tx_reply(f.tx, &device, &reply)) {
		if (datagrams || reply.n > 1280 || reply.n < 48)
			abort();
	}
	esp_rx_open(f.rx, 1);
	if (fuzz_frames(&f) > datagrams)
		abort();
	uint64_t drops[ESP_DROP_N];
	esp_drops(f.e, shape + 1, drops);
	if (drops[ESP_DROP_AUTH] || drops[ESP_DROP_PADDING] || drops[ESP_DROP_GRE_SUM] || drops[ESP_DROP_GRE_KEY])
		abort();
	return 0;
}
