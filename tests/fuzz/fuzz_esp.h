/* For the fuzz targets of esp/: an engine with devices and SAs of several shapes, made once; keys are those of the tests, without
 * cryptography, since it is what stands around it that is fuzzed. */
#ifndef FUZZ_FUZZ_ESP_H
#define FUZZ_FUZZ_ESP_H

#include "esp/esp.h"
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

enum { SHAPES = 8, SPI = 0x100 };

struct fuzz_esp {
	struct esp *e;
	struct esp_tx *tx;
	struct esp_rx *rx;
};

static void *fuzz_get(struct mem *m, size_t size) { (void)m; return calloc(1, size); }
static void fuzz_put(struct mem *m, void *p, size_t size) { (void)m; (void)size; free(p); }
static void fuzz_fill(struct rng *r, void *p, size_t n) { (void)r; memset(p, 7, n); }
static struct mem fuzz_mem = {.get = fuzz_get, .put = fuzz_put};
static struct rng fuzz_rng = {.fill = fuzz_fill};
static const struct endpoint fuzz_peer = {.addr = {.family = AF_V4, .b = {192, 0, 2, 1}}, .port = 4500};
static const struct addr fuzz_here = {.family = AF_V4, .b = {192, 0, 2, 2}};

/* SA i: bit 0 GRE key 5, bit 1 GRE checksum, bit 2 CBC and ESN in place of GCM; its device has the number i + 1, its tunnel too. Both
 * directions have the same SPI and key, so that what goes out can come in. The window is off: one input must not spoil the next. */
static struct child_sa fuzz_sa(uint32_t i)
{
	struct child_sa s = {.local = fuzz_here, .remote = fuzz_peer.addr, .sel = {.proto = 47}, .encap = true, .encap_sport = 4500,
	                     .encap_dport = 4500};
	s.suite = i & 4 ? (struct suite){.encr = ENCR_AES_CBC, .encr_bits = 128, .integ = AUTH_HMAC_SHA2_256_128}
	                : (struct suite){.encr = ENCR_AES_GCM_16, .encr_bits = 128};
	s.in.spi = s.out.spi = SPI + i;
	return s;
}

static struct fuzz_esp fuzz_esp(void)
{
	struct esp_env env = {.mem = &fuzz_mem, .rng = &fuzz_rng, .workers = 1};
	struct fuzz_esp f = {.e = esp_new(&env)};
	f.tx = esp_tx_new(f.e, 0);
	f.rx = esp_rx_new(f.e, 0);
	for (uint32_t i = 0; i < SHAPES; i++) {
		struct child_sa s = fuzz_sa(i);
		struct esp_device d = {.id = i + 1, .tunnel = i + 1, .key_set = i & 1, .key = 5, .csum = i & 2, .ttl = i & 4 ? 0 : 64,
		                       .tos = i & 1, .pmtudisc = i & 2, .mtu = 1400, .uso = i & 4};
		if (esp_device_set(f.e, &d) || esp_sa_install(f.e, i + 1, &s, 1))
			abort();
	}
	return f;
}

/* Takes all frames and reads each octet of them. What they say about themselves must hold. */
static uint32_t fuzz_frames(struct fuzz_esp *f)
{
	const struct esp_frame *frame;
	uint32_t packets = 0;
	while ((frame = esp_rx_next(f->rx))) {
		size_t n = 0;
		volatile uint8_t sum = 0;
		for (uint32_t i = 0; i < frame->n_v; i++) {
			for (size_t k = 0; k < frame->v[i].n; k++)
				sum = (uint8_t)(sum + frame->v[i].p[k]);
			n += frame->v[i].n;
		}
		if (n < 20 || n > 65535 + 40 || frame->packets == 0 || frame->device == 0 || frame->device > SHAPES ||
		    (frame->vnet.csum && frame->vnet.csum_start + frame->vnet.csum_offset + 2u > n) ||
		    (frame->vnet.gso && (!frame->vnet.csum || frame->vnet.hdr_len > n || frame->packets < 2)))
			abort();
		packets += frame->packets;
	}
	return packets;
}

#endif
