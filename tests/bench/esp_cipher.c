/* What a packet costs to seal and to open: nanoseconds of processor time for each suite of ESP, by each backend, in bursts as the
 * data plane has them. The best of many short rounds counts, since others disturb.
 *
 *   esp_cipher [-b BURST] [-n ROUNDS] [SUITE...]      default 32, 40, all; SUITE: a part of its name, as GCM_16_256 */
#include "crypto/crypto.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { TEXT_MAX = 1408, AROUND = 8 + 16 + 32, PACKETS = 2048 };

static void *get(struct mem *m, size_t n) { (void)m; return calloc(1, n); }
static void put(struct mem *m, void *p, size_t n) { (void)m, (void)n; free(p); }

struct bench {
	struct crypto *c;
	struct mem mem;
	unsigned burst, rounds;
	struct esp_job v[ESP_BURST];
	uint8_t *ram; /* ESP_BURST packets, and their sealed copies */
};

struct cost {
	double seal, open;
};

static double now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static uint8_t *packet(struct bench *b, unsigned i, bool copy)
{
	return b->ram + (size_t)(i + (copy ? ESP_BURST : 0)) * (TEXT_MAX + AROUND);
}

/* Opening destroys the packet: each burst is copied back, and what that costs is taken off. */
static double open_round(struct bench *b, struct esp_key *k, size_t n, bool work)
{
	double t = now_ns();
	for (unsigned done = 0; done < PACKETS; done += b->burst) {
		for (unsigned i = 0; i < b->burst; i++) {
			memcpy(b->v[i].p, packet(b, i, true), n);
			__asm__ volatile("" : : "r"(b->v[i].p) : "memory");
		}
		if (work)
			esp_open_burst(k, 0, b->v, b->burst);
	}
	t = now_ns() - t;
	for (unsigned i = 0; work && i < b->burst; i++) {
		if (!b->v[i].ok)
			exit(1);
	}
	return t / PACKETS;
}

static struct cost measure(struct bench *b, struct esp_key *k, size_t text)
{
	struct cost best = {1e9, 1e9};
	double copy = 1e9;
	size_t n = 8 + (size_t)esp_key_iv_len(k) + text + esp_key_icv_len(k);
	uint32_t seq = 1;
	for (unsigned r = 0; r < b->rounds; r++) {
		double t = now_ns();
		for (unsigned done = 0; done < PACKETS; done += b->burst) {
			for (unsigned i = 0; i < b->burst; i++, seq++) {
				b->v[i] = (struct esp_job){.p = packet(b, i, false), .n = (uint32_t)n};
				for (int o = 0; o < 4; o++)
					b->v[i].p[4 + o] = (uint8_t)(seq >> (24 - 8 * o));
			}
			esp_seal_burst(k, 0, b->v, b->burst);
		}
		t = (now_ns() - t) / PACKETS;
		best.seal = t < best.seal ? t : best.seal;
		for (unsigned i = 0; i < b->burst; i++)
			memcpy(packet(b, i, true), packet(b, i, false), n);
		t = open_round(b, k, n, false);
		copy = t < copy ? t : copy;
		t = open_round(b, k, n, true);
		best.open = t < best.open ? t : best.open;
	}
	best.open -= copy;
	return best;
}

static void suite(struct bench *b, const struct suite *s, const char *name)
{
	static const char *const names[] = {[ESP_BACKEND_OPENSSL] = "openssl", [ESP_BACKEND_IPSEC_MB] = "ipsec-mb"};
	struct esp_sa sa = {.spi = 1};
	sa.encr.len = (uint8_t)suite_encr_key_len(s);
	sa.integ.len = (uint8_t)suite_integ_key_len(s);
	for (uint8_t id = ESP_BACKEND_OPENSSL; id <= ESP_BACKEND_IPSEC_MB; id++) {
		struct esp_key *k;
		if (!esp_backend_usable(id) || esp_key_new(b->c, &b->mem, s, &sa, 1, id, &k) != 0)
			continue;
		struct cost small = measure(b, k, 64), large = measure(b, k, 1400U / esp_key_align(k) * esp_key_align(k));
		printf("%-36s %-9s %7.0f %7.0f %7.0f %7.0f\n", name, names[id], small.seal, small.open, large.seal, large.open);
		esp_key_free(k);
	}
}

static bool wanted(const char *name, int argc, char **argv)
{
	for (int i = optind; i < argc; i++) {
		if (strstr(name, argv[i]))
			return true;
	}
	return optind >= argc;
}

static void run(struct bench *b, int argc, char **argv)
{
	size_t n;
	const struct algo *t = algo_table(&n);
	for (size_t e = 0; e < n; e++) {
		if (t[e].type != T_ENCR)
			continue;
		for (size_t a = 0; a < n; a++) {
			bool aead = t[e].flags & ALGO_AEAD;
			char name[80];
			struct suite s = {.encr = t[e].id, .encr_bits = t[e].key_bits, .integ = aead ? AUTH_NONE : t[a].id};
			if (aead ? a > 0 : t[a].type != T_INTEG)
				continue;
			snprintf(name, sizeof name, "%s%s%s", t[e].log_name, aead ? "" : "/", aead ? "" : t[a].log_name);
			if (wanted(name, argc, argv))
				suite(b, &s, name);
		}
	}
}

int main(int argc, char **argv)
{
	struct bench *b = calloc(1, sizeof *b);
	if (!b)
		return 1;
	*b = (struct bench){.c = crypto_new(), .mem = {.get = get, .put = put}, .burst = 32, .rounds = 40};
	for (int o; (o = getopt(argc, argv, "b:n:")) != -1;) {
		if (o == 'b')
			b->burst = (unsigned)min_z((size_t)atoi(optarg), ESP_BURST);
		else if (o == 'n')
			b->rounds = (unsigned)atoi(optarg);
		else
			return 2;
	}
	b->ram = calloc(2 * ESP_BURST, TEXT_MAX + AROUND);
	if (!b->c || !b->ram || b->burst == 0)
		return 1;
	printf("%-36s %-9s %15s %15s\n%46s %7s %7s %7s %7s\n", "ns a packet", "", "64 octets", "1,400 octets", "", "seal", "open",
	       "seal", "open");
	run(b, argc, argv);
	free(b->ram);
	crypto_free(b->c);
	free(b);
	return 0;
}
