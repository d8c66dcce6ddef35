/* What a packet costs from a device to the datagrams and back, ciphers included and system calls not: nanoseconds, the best of many
 * short turns, since others use the machine too.
 *
 *   esp_pipe [openssl|ipsec-mb]
 *
 * Columns: packets of 1,400 octets in super-packets of TCP, and single ones of 64 and 1,400 octets; put, seal (and making runs), rx put,
 * open (and taking frames). */
#include "../unit/esp_packets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TURNS = 2000, SUPERS = 4, SINGLES = 128, A = 0, B = 1, ROOM = 1 << 20 };

static void *get(struct mem *m, size_t size) { (void)m; return calloc(1, size); }
static void put(struct mem *m, void *p, size_t size) { (void)m; (void)size; free(p); }
static struct mem mem = {.get = get, .put = put};

static double ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static struct end { struct esp *e; struct esp_tx *tx; struct esp_rx *rx; } end[2];
static const struct endpoint at[2] = {
	{.addr = {.family = AF_V4, .b = {192, 0, 2, 1}}, .port = 4500}, {.addr = {.family = AF_V4, .b = {192, 0, 2, 2}}, .port = 4500},
};

static void begin(struct crypto *c, const struct suite *suite, uint8_t backend)
{
	struct esp_env env = {.mem = &mem, .crypto = c, .rng = crypto_rng(), .workers = 1, .backend = backend};
	struct esp_device d = {.id = 1, .tunnel = 1, .ttl = 64, .pmtudisc = true, .mtu = 1440};
	struct child_sa s = {.local = at[A].addr, .remote = at[B].addr, .sel = {.proto = 47}, .suite = *suite, .encap = true,
	                     .encap_sport = 4500, .encap_dport = 4500, .replay_window = 64};
	s.in.spi = 1000, s.out.spi = 2000;
	s.in.encr.len = s.out.encr.len = (uint8_t)suite_encr_key_len(suite);
	s.in.integ.len = s.out.integ.len = (uint8_t)suite_integ_key_len(suite);
	for (int i = 0; i < 2; i++) {
		end[i].e = esp_new(&env);
		end[i].tx = end[i].e ? esp_tx_new(end[i].e, 0) : NULL;
		end[i].rx = end[i].e ? esp_rx_new(end[i].e, 0) : NULL;
		if (!end[i].tx || !end[i].rx || esp_device_set(end[i].e, &d) || esp_sa_install(end[i].e, 1, &s, 1))
			exit(1);
		struct esp_sa in = s.in;
		s.in = s.out, s.out = in;
		s.local = at[B].addr, s.remote = at[A].addr;
	}
}

static void finish(void)
{
	for (int i = 0; i < 2; i++) {
		esp_tx_free(end[i].tx);
		esp_rx_free(end[i].rx);
		esp_free(end[i].e);
	}
}

/* frames times the packet through both ends; adds what each step took to step[4]. */
static void turn(const uint8_t *p, size_t n, const struct esp_vnet *v, int frames, double step[4], uint32_t *packets, uint32_t *out)
{
	static uint8_t wire[ROOM];
	static struct { size_t at, n, seg; } run[4 * SINGLES];
	const struct esp_dgrams *d;
	const struct esp_frame *f;
	size_t used = 0, runs = 0;
	double t[5];

	t[0] = ns();
	for (int i = 0; i < frames; i++) {
		static uint8_t frame[ESP_FRAME_MAX];
		memcpy(frame, p, n);
		esp_tx_put(end[A].tx, 1, v, frame, n, 1);
	}
	t[1] = ns();
	esp_tx_seal(end[A].tx, 1);
	t[2] = ns();
	while ((d = esp_tx_next(end[A].tx))) {
		memcpy(wire + used, d->p, d->n);
		run[runs].at = used, run[runs].n = d->n, run[runs++].seg = d->seg;
		used += d->n;
	}
	double copied = ns();
	for (size_t i = 0; i < runs; i++) {
		if (!esp_rx_put(end[B].rx, wire + run[i].at, run[i].n, run[i].seg, &at[A], &at[B].addr, 0))
			exit(1);
	}
	t[3] = ns();
	esp_rx_open(end[B].rx, 1);
	*packets = *out = 0;
	while ((f = esp_rx_next(end[B].rx))) {
		*packets += f->packets;
		++*out;
	}
	t[4] = ns();
	step[0] = t[1] - t[0], step[1] = t[2] - t[1], step[2] = t[3] - copied, step[3] = t[4] - t[3];
}

static void measure(const char *name, const uint8_t *p, size_t n, const struct esp_vnet *v, int frames)
{
	double least[4] = {1e9, 1e9, 1e9, 1e9}, step[4];
	uint32_t packets, out;
	for (int i = 0; i < TURNS; i++) {
		turn(p, n, v, frames, step, &packets, &out);
		for (int k = 0; k < 4; k++)
			least[k] = step[k] < least[k] ? step[k] : least[k];
	}
	if (!packets)
		exit(1);
	printf("  %-12s put %5.0f  seal %5.0f  rx put %5.0f  open %5.0f  (%u packets, %u frames)\n", name, least[0] / packets,
	       least[1] / packets, least[2] / packets, least[3] / packets, packets, out);
}

static void all(struct crypto *c, const char *name, const struct suite *s, uint8_t backend)
{
	static uint8_t p[PACKET_MAX];
	struct packet o = {.ttl = 64, .df = true, .host = 1, .sport = 4000, .dport = 443, .flags = 0x10, .options = 12};
	struct esp_vnet v = {0}, none = {0};

	printf("%s\n", name);
	begin(c, s, backend);
	o.len = 1348 * 45;
	size_t n = packet_super(&o, 1348, p, &v);
	measure("tcp super", p, n, &v, SUPERS);
	o.udp = true, o.options = 0;
	for (uint32_t len = 64; len <= 1400; len += 1336) {
		o.len = len - 28;
		n = packet_write(&o, p);
		measure(len == 64 ? "udp 64" : "udp 1400", p, n, &none, SINGLES);
	}
	finish();
}

int main(int argc, char **argv)
{
	uint8_t backend = argc > 1 && !strcmp(argv[1], "ipsec-mb") ? ESP_BACKEND_IPSEC_MB : ESP_BACKEND_OPENSSL;
	struct crypto *c = crypto_new();
	if (!c || !esp_backend_usable(backend))
		return 1;
	all(c, "aes256gcm16", &(struct suite){.encr = ENCR_AES_GCM_16, .encr_bits = 256}, backend);
	all(c, "aes128-sha256", &(struct suite){.encr = ENCR_AES_CBC, .encr_bits = 128, .integ = AUTH_HMAC_SHA2_256_128}, backend);
	crypto_free(c);
	return 0;
}
