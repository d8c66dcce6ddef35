/* What is inside, after decryption, from a peer with the right keys: trailer, GRE, IP, and the merging of what came together. Input: one
 * octet of shape (fuzz_esp.h), one of DS field, then packets: two octets of length, and as much text. Each is sealed with its SA. */
#include "fuzz_esp.h"

enum { PACKETS = 64, OVER = 8 + ESP_IV_MAX + 16 + 32 };

static struct esp_key *key(uint32_t i)
{
	static struct esp_key *k[SHAPES];
	struct child_sa s = fuzz_sa(i);
	if (!k[i] && esp_key_new(NULL, &fuzz_mem, &s.suite, &s.in, 1, ESP_BACKEND_AUTO, &k[i]) != 0)
		abort();
	return k[i];
}

/* A datagram in a block of exact size. */
static uint8_t *seal(uint32_t shape, uint32_t seq, const uint8_t *text, size_t n, size_t *len)
{
	struct esp_key *k = key(shape);
	size_t head = 8u + esp_key_iv_len(k), align = esp_key_align(k), padded = (n + align - 1) / align * align;
	padded = padded ? padded : align;
	*len = head + padded + esp_key_icv_len(k);
	uint8_t *p = calloc(1, *len);
	be32_put(p, SPI + shape);
	be32_put(p + 4, seq);
	if (n) /* at the end, where the trailer is */
		memcpy(p + head + padded - n, text, n);
	struct esp_job job = {.p = p, .n = (uint32_t)*len};
	esp_seal_burst(k, 0, &job, 1);
	return p;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fuzz_esp f;
	uint8_t *kept[PACKETS];
	uint32_t n = 0;
	struct rd r = rd_init(data, size);

	if (!f.e)
		f = fuzz_esp();
	uint32_t shape = rd_u8(&r) % SHAPES;
	uint8_t tos = rd_u8(&r);
	while (rd_left(&r) >= 2 && n < PACKETS) {
		size_t want = rd_u16(&r), len;
		want = min_z(want, rd_left(&r));
		kept[n] = seal(shape, n + 1, rd_take(&r, want), want, &len);
		if (!esp_rx_put(f.rx, kept[n], len, 0, &fuzz_peer, &fuzz_here, tos))
			abort();
		n++;
	}
	esp_rx_open(f.rx, 1);
	uint32_t packets = fuzz_frames(&f);
	if (packets > n)
		abort();
	uint64_t drops[ESP_DROP_N];
	esp_drops(f.e, shape + 1, drops);
	if (drops[ESP_DROP_AUTH] || drops[ESP_DROP_REPLAY_DUP] || drops[ESP_DROP_REPLAY_OLD])
		abort();
	while (n)
		free(kept[--n]);
	return 0;
}
