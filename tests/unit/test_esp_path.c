/* Frames through two ends: what arrives is what was sent, for all shapes of devices and suites; each drop, once; what is told about drops. */
#include "esp_world.h"

static const struct suite suites[] = {
	{.encr = ENCR_AES_GCM_16, .encr_bits = 256}, {.encr = ENCR_AES_GCM_8, .encr_bits = 128}, {.encr = ENCR_CHACHA20_POLY1305},
	{.encr = ENCR_AES_CBC, .encr_bits = 128, .integ = AUTH_HMAC_SHA2_256_128},
	{.encr = ENCR_AES_CBC, .encr_bits = 256, .integ = AUTH_HMAC_SHA2_512_256},
	{.encr = ENCR_AES_CTR, .encr_bits = 128, .integ = AUTH_HMAC_SHA1_96, .esn = ESN_YES},
	{.encr = ENCR_NULL, .integ = AUTH_HMAC_SHA1_96},
};

static void pass(struct world *w, int from, const uint8_t *p, size_t n)
{
	struct end *to = &w->end[!from];
	uint32_t frames = to->frames;
	put_octets(w, from, GRE1, p, n);
	flush(w, from);
	assert_int_equal(w->n_wire, 1);
	deliver(w, !from);
	assert_int_equal(to->frames, frames + 1);
	assert_int_equal(to->device, GRE1);
	assert_int_equal(to->last_n, n);
	assert_memory_equal(to->last, p, n);
}

static void test_round_trip(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(suites); i++) {
		struct child_sa s = child_sa(1000);
		s.suite = suites[i];
		if (!suite_algo(&s.suite, T_ENCR))
			continue;
		for (unsigned shape = 0; shape < 4; shape++) {
			struct world *w = world_empty();
			w->device.key_set = shape & 1;
			w->device.key = 0xdeadbeef;
			w->device.csum = shape & 2;
			assert_true(world_begin(w));
			install_both(w, &s);
			for (size_t n = 28; n < 100; n++) {
				uint8_t p[100];
				frame_v4(w, p, n, 0, n & 1);
				pass(w, A, p, n);
				if (n >= 40)
					frame_v6(w, p, n, 0);
				pass(w, B, p, n);
			}
			uint8_t *big = malloc(9000);
			frame_v4(w, big, 9000, 0, true);
			pass(w, A, big, 9000);
			free(big);
			assert_int_equal(all_drops(w, A) + all_drops(w, B), 0);
			world_end(w);
		}
	}
}

/* RFC 4303 2: SPI, number from 1, IV, text, padding 1, 2, 3, its length, 47, ICV; RFC 2890: flags, protocol, checksum, key. */
static void test_layout(void **state)
{
	(void)state;
	struct world *w = world_empty();
	w->device.key_set = w->device.csum = true;
	w->device.key = 0x01020304;
	assert_true(world_begin(w));
	struct child_sa s = child_sa(1000);
	install_both(w, &s);
	uint8_t p[61], clear[200];
	frame_v4(w, p, sizeof p, 0, true);
	put_octets(w, A, GRE1, p, sizeof p);
	flush(w, A);
	/* 8 + 8 + 12 + 61 + padding to 4 + 2 + 16 */
	const struct wire *x = &w->wire[0];
	assert_int_equal(x->n, 8 + 8 + 12 + 61 + 1 + 2 + 16);
	assert_int_equal(be32(x->p), 1001);
	assert_int_equal(be32(x->p + 4), 1);
	memcpy(clear, x->p, x->n);
	struct esp_key *k;
	struct esp_sa half = s.out;
	assert_int_equal(esp_key_new(NULL, &w->own.mem, &s.suite, &half, 1, 0, &k), 0);
	struct esp_job job = {.p = clear, .n = (uint32_t)x->n};
	esp_open_burst(k, 0, &job, 1);
	assert_true(job.ok);
	esp_key_free(k);
	assert_memory_equal(clear + 16, ((uint8_t[]){0xa0, 0, 8, 0}), 4);
	assert_memory_equal(clear + 22, ((uint8_t[]){0, 0, 1, 2, 3, 4}), 6);
	assert_int_equal(csum_fold(csum_add(0, clear + 16, 73)), 0xffff);
	assert_memory_equal(clear + 28, p, sizeof p);
	assert_memory_equal(clear + 28 + 61, ((uint8_t[]){1, 1, 47}), 3);
	assert_int_equal(w->run.ttl, 64);
	assert_true(w->run.df);
	assert_int_equal(w->run.sport, 4500);
	assert_true(addr_eq(&w->run.from, &s.local) && addr_eq(&w->run.to.addr, &s.remote) && w->run.to.port == 4500);
	world_end(w);
}

/* Datagrams side by side are one run while they are as long as the first; the last may be shorter; 64 at most. */
static void test_runs(void **state)
{
	static const size_t sizes[] = {100, 100, 100, 60, 100, 100, 140, 140, 28};
	(void)state;
	struct world *w = world();
	uint8_t p[200];
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		frame_v4(w, p, sizes[i], 0, true);
		put_octets(w, A, GRE1, p, sizes[i]);
	}
	flush(w, A);
	assert_int_equal(w->runs, 3);
	assert_int_equal(w->n_wire, ARRAY_LEN(sizes));
	for (uint32_t i = 0; i < w->n_wire; i++)
		assert_int_equal(be32(w->wire[i].p + 4), i + 1);
	deliver(w, B);
	assert_int_equal(w->end[B].packets, ARRAY_LEN(sizes));
	for (int i = 0; i < 130; i++) {
		frame_v4(w, p, 100, 0, true);
		put_octets(w, A, GRE1, p, 100);
	}
	flush(w, A);
	assert_int_equal(w->runs, 3);
	deliver(w, B);
	/* another outer header is another run */
	for (int i = 0; i < 4; i++) {
		frame_v4(w, p, 100, (uint8_t)(i / 2), true);
		put_octets(w, A, GRE1, p, 100);
	}
	flush(w, A);
	assert_int_equal(w->runs, 2);
	deliver(w, B);
	assert_int_equal(w->end[B].packets, ARRAY_LEN(sizes) + 134);
	assert_int_equal(all_drops(w, A) + all_drops(w, B), 0);
	world_end(w);
}

/* A batch is full before its room is, and empty again when all was taken. */
static void test_full(void **state)
{
	(void)state;
	struct world *w = world();
	uint8_t *p = malloc(60000);
	for (int round = 0; round < 2; round++) {
		unsigned n = 0;
		while (esp_tx_room(w->end[A].tx)) {
			frame_v4(w, p, 60000, 0, true);
			put_octets(w, A, GRE1, p, 60000);
			n++;
		}
		assert_true(n >= 4);
		flush(w, A);
		assert_int_equal(w->n_wire, n);
		for (unsigned i = 0; i < n; i++)
			arrive(w, &w->wire[i]);
		lose_wire(w);
		unsigned small = 0;
		while (esp_tx_room(w->end[A].tx)) {
			frame_v4(w, p, 28, 0, true);
			put_octets(w, A, GRE1, p, 28);
			small++;
		}
		assert_true(small > 600);
		flush(w, A);
		assert_int_equal(w->n_wire, small);
		deliver(w, B);
	}
	free(p);
	assert_int_equal(all_drops(w, A) + all_drops(w, B), 0);
	assert_int_equal(drops(w, A, 999, ESP_DROP_SPI), 0);
	world_end(w);
}

/* --- Outer and inner headers --- */
static uint8_t tos_out(uint8_t device, uint8_t inner, bool six)
{
	struct world *w = world_empty();
	w->device.tos = device;
	assert_true(world_begin(w));
	struct child_sa s = child_sa(1000);
	install_both(w, &s);
	uint8_t p[60];
	if (six)
		frame_v6(w, p, sizeof p, inner);
	else
		frame_v4(w, p, sizeof p, inner, false);
	put_octets(w, A, GRE1, p, sizeof p);
	flush(w, A);
	uint8_t tos = w->run.tos;
	world_end(w);
	return tos;
}

static void test_tos(void **state)
{
	(void)state;
	for (int six = 0; six < 2; six++) {
		assert_int_equal(tos_out(0, 0xb8, six), 0);
		assert_int_equal(tos_out(0, 0xb9, six), 1);
		assert_int_equal(tos_out(0, 0xba, six), 2);
		assert_int_equal(tos_out(0, 0xbb, six), 2); /* CE: RFC 3168 9.1.1 */
		assert_int_equal(tos_out(1, 0xb8, six), 0xb8);
		assert_int_equal(tos_out(1, 0xb9, six), 0xb9);
		assert_int_equal(tos_out(1, 0xbb, six), 0xba);
		assert_int_equal(tos_out(0x40, 0xba, six), 0x42);
		assert_int_equal(tos_out(0x40, 0x00, six), 0x40);
	}
}

/* RFC 6040 4.2, figure 4, with ECT(1) as Linux has it. -1: dropped. */
static void test_ecn(void **state)
{
	static const int want[4][4] = {{0, 0, 0, -1}, {1, 1, 1, 3}, {2, 1, 2, 3}, {3, 3, 3, 3}};
	(void)state;
	for (int six = 0; six < 2; six++) {
		for (uint8_t inner = 0; inner < 4; inner++) {
			for (uint8_t outer = 0; outer < 4; outer++) {
				struct world *w = world();
				uint8_t p[60], n = sizeof p, ds = 0xa8;
				if (six)
					frame_v6(w, p, n, ds | inner);
				else
					frame_v4(w, p, n, ds | inner, false);
				put_octets(w, A, GRE1, p, n);
				flush(w, A);
				w->wire[0].tos = 0x10 | outer;
				arrive(w, &w->wire[0]);
				int to = want[inner][outer];
				assert_int_equal(w->end[B].frames, to >= 0);
				assert_int_equal(drops(w, B, TUNNEL, ESP_DROP_ECN), to < 0);
				if (to >= 0) {
					const uint8_t *q = w->end[B].last;
					assert_int_equal(six ? (be32(q) >> 20 & 0xff) : q[1], ds | to);
					if (six)
						assert_int_equal(be32(q) & 0xf00fffff, be32(p) & 0xf00fffff);
					else
						assert_int_equal(csum_fold(csum_add(0, q, 20)), 0xffff);
				}
				world_end(w);
			}
		}
	}
}

static void test_ttl_df(void **state)
{
	(void)state;
	for (unsigned bits = 0; bits < 8; bits++) {
		bool six = bits & 1, disc = bits & 2, inherit = bits & 4;
		struct world *w = world_empty();
		w->device.pmtudisc = disc;
		w->device.ttl = inherit ? 0 : 77;
		assert_true(world_begin(w));
		struct child_sa s = child_sa(1000);
		install_both(w, &s);
		for (int df = 0; df < 2; df++) {
			uint8_t p[60];
			if (six)
				frame_v6(w, p, sizeof p, 0);
			else
				frame_v4(w, p, sizeof p, 0, df);
			put_octets(w, A, GRE1, p, sizeof p);
			flush(w, A);
			assert_int_equal(w->run.df, disc || (!six && df));
			assert_int_equal(w->run.ttl, !inherit ? 77 : six ? 44 : 33);
			p[six ? 7 : 8] = 0; /* no packet leaves with a TTL of 0 */
			put_octets(w, A, GRE1, p, sizeof p);
			flush(w, A);
			assert_int_equal(w->run.ttl, inherit ? 1 : 77);
		}
		world_end(w);
	}
}

/* --- Path MTU --- */
static bool reply(struct world *w, int of, uint32_t *mtu)
{
	uint32_t device;
	struct span f;
	if (!esp_tx_reply(w->end[of].tx, &device, &f))
		return false;
	assert_int_equal(device, GRE1);
	assert_true(f.n > 28);
	if (f.p[0] >> 4 == 4) {
		assert_int_equal(f.p[20], 3);
		assert_int_equal(f.p[21], 4);
		*mtu = be16(f.p + 26);
	} else {
		assert_int_equal(f.p[40], 2);
		*mtu = be32(f.p + 44);
	}
	return true;
}

static void sent(struct world *w, const uint8_t *p, size_t n, unsigned runs)
{
	put_octets(w, A, GRE1, p, n);
	flush(w, A);
	assert_int_equal(w->runs, runs);
	lose_wire(w);
}

static void test_path_mtu(void **state)
{
	(void)state;
	struct world *w = world();
	struct endpoint elsewhere = {.addr = v4(1, 2, 3, 4), .port = 4500}, to = w->end[B].at;
	uint8_t p[2000];
	uint32_t mtu, fits = 1500 - 20 - 8 - 8 - 8 - 16 - 2 - 4; /* 1434: a multiple of 4 with GRE and trailer */
	frame_v4(w, p, fits + 1, 0, true);
	esp_path_mtu(w->end[A].e, &elsewhere, 1500, w->now);
	sent(w, p, fits + 1, 1);
	assert_false(reply(w, A, &mtu));
	esp_path_mtu(w->end[A].e, &to, 1500, w->now);
	sent(w, p, fits + 1, 0);
	assert_true(reply(w, A, &mtu));
	assert_int_equal(mtu, fits);
	assert_false(reply(w, A, &mtu));
	assert_int_equal(drops(w, A, TUNNEL, ESP_DROP_TOO_BIG), 1);
	frame_v4(w, p, fits, 0, true);
	put_octets(w, A, GRE1, p, fits);
	flush(w, A);
	assert_true(w->wire[0].n + 28 <= 1500 && w->wire[0].n + 28 + 4 > 1500);
	lose_wire(w);
	/* who may be fragmented is, outside */
	frame_v4(w, p, fits + 1, 0, false);
	sent(w, p, fits + 1, 1);
	assert_false(w->run.df);
	frame_v6(w, p, fits + 1, 0);
	sent(w, p, fits + 1, 0);
	assert_true(reply(w, A, &mtu));
	assert_int_equal(mtu, fits);
	/* below IPv6's minimum nobody can be asked to go */
	esp_path_mtu(w->end[A].e, &to, 1000, w->now);
	frame_v6(w, p, 1280, 0);
	sent(w, p, 1280, 1);
	assert_false(w->run.df);
	frame_v6(w, p, 1281, 0);
	sent(w, p, 1281, 0);
	assert_true(reply(w, A, &mtu));
	assert_int_equal(mtu, 1280);
	/* a lie: less than any path has */
	esp_path_mtu(w->end[A].e, &to, 100, w->now);
	frame_v4(w, p, 552 - 66, 0, true);
	sent(w, p, 552 - 66, 1);
	frame_v4(w, p, 552 - 66 + 1, 0, true);
	sent(w, p, 552 - 66 + 1, 0);
	/* forgotten after ten minutes */
	frame_v4(w, p, 1400, 0, true);
	w->now += DUR_S(599);
	sent(w, p, 1400, 0);
	w->now += DUR_S(1);
	sent(w, p, 1400, 1);
	world_end(w);
}

/* With pmtudisc off the inner DF alone decides. */
static void test_no_pmtudisc(void **state)
{
	(void)state;
	struct world *w = world_empty();
	w->device.pmtudisc = false;
	assert_true(world_begin(w));
	struct child_sa s = child_sa(1000);
	install_both(w, &s);
	uint8_t p[1500];
	uint32_t mtu;
	esp_path_mtu(w->end[A].e, &w->end[B].at, 1400, w->now);
	frame_v6(w, p, 1400, 0);
	sent(w, p, 1400, 1);
	frame_v4(w, p, 1400, 0, false);
	sent(w, p, 1400, 1);
	frame_v4(w, p, 1400, 0, true);
	sent(w, p, 1400, 0);
	assert_true(reply(w, A, &mtu));
	world_end(w);
}

/* More than a datagram can be goes nowhere; answers in one batch have an end. */
static void test_beyond_udp(void **state)
{
	(void)state;
	struct world *w = world();
	uint8_t *p = malloc(65535);
	uint32_t mtu;
	unsigned n = 0;
	frame_v4(w, p, 65535, 0, true);
	for (int i = 0; i < 3; i++) {
		put_octets(w, A, GRE1, p, 65535);
	}
	flush(w, A);
	assert_int_equal(w->runs, 0);
	assert_int_equal(drops(w, A, TUNNEL, ESP_DROP_TOO_BIG), 3);
	while (reply(w, A, &mtu))
		n++;
	assert_int_equal(n, 3);
	enum { MOST = (65507 - 8 - 8 - 16) / 4 * 4 - 2 - 4 };
	frame_v4(w, p, MOST + 1, 0, true);
	put_octets(w, A, GRE1, p, MOST + 1);
	flush(w, A);
	assert_int_equal(w->runs, 0);
	frame_v4(w, p, MOST, 0, true);
	put_octets(w, A, GRE1, p, MOST);
	flush(w, A);
	assert_int_equal(w->runs, 1);
	assert_true(w->run.n <= 65507 && w->run.n > 65500);
	esp_path_mtu(w->end[A].e, &w->end[B].at, 1400, w->now);
	frame_v4(w, p, 1500, 0, true);
	for (int i = 0; i < 20; i++)
		put_octets(w, A, GRE1, p, 1500);
	flush(w, A);
	for (n = 0; reply(w, A, &mtu);)
		n++;
	assert_int_equal(n, 8);
	free(p);
	world_end(w);
}

/* --- Offloads, as far as they are the engine's --- */
static void test_gso(void **state)
{
	enum { MSS = 1000, SEGS = 10, HEAD = 40, N = HEAD + MSS * SEGS - 300 };
	(void)state;
	struct world *w = world();
	uint8_t *p = malloc(N);
	for (int i = 0; i < N; i++)
		p[i] = (uint8_t)fakes_random(&w->own);
	memcpy(p, (uint8_t[]){0x45, 0, 0, 0, 0, 1, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2}, 20);
	be16_put(p + 2, N);
	be16_put(p + 10, csum_end(csum_add(0, p, 20)));
	memcpy(p + 20, (uint8_t[]){0x10, 0, 0x20, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x18, 0x10, 0, 0, 0, 0, 0}, 20);
	be16_put(p + 36, csum_fold(6 + csum_add(N - 20, p + 12, 8)));
	struct esp_vnet v = {.gso = ESP_GSO_TCP4, .csum = true, .hdr_len = HEAD, .gso_size = MSS, .csum_start = 20, .csum_offset = 16};
	for (int round = 0; round < 3; round++) {
		put_vnet(w, A, GRE1, &v, p, N);
		if (round == 1) { /* a plain frame behind it, where one with gso was expected */
			uint8_t q[80];
			frame_v4(w, q, sizeof q, 0, true);
			put_octets(w, A, GRE1, q, sizeof q);
		}
		flush(w, A);
		assert_int_equal(w->runs, round == 1 ? 2 : 1);
		assert_int_equal(w->n_wire, SEGS + (round == 1));
		uint32_t frames = w->end[B].frames;
		deliver(w, B);
		assert_int_equal(w->end[B].frames, frames + 1 + (round == 1));
		if (round != 1) {
			assert_int_equal(w->end[B].last_n, N);
			assert_int_equal(w->end[B].vnet.gso, ESP_GSO_TCP4);
			assert_int_equal(w->end[B].vnet.gso_size, MSS);
			assert_memory_equal(w->end[B].last + HEAD, p + HEAD, N - HEAD);
		}
	}
	/* too big for the path as packets, not as a frame */
	uint32_t mtu;
	esp_path_mtu(w->end[A].e, &w->end[B].at, 1000, w->now);
	put_vnet(w, A, GRE1, &v, p, N);
	flush(w, A);
	assert_int_equal(w->runs, 0);
	assert_true(reply(w, A, &mtu));
	assert_int_equal(mtu, 1000 - 66);
	/* nonsense */
	v.gso_size = 0;
	put_vnet(w, A, GRE1, &v, p, N);
	v.gso_size = 1; /* more packets than a batch has */
	put_vnet(w, A, GRE1, &v, p, N);
	flush(w, A);
	assert_int_equal(w->runs, 0);
	assert_int_equal(drops(w, A, TUNNEL, ESP_DROP_GSO), 2);
	free(p);
	world_end(w);
}

/* A checksum that is only begun is whole on the way. */
static void test_partial_sum(void **state)
{
	(void)state;
	struct world *w = world();
	uint8_t p[101];
	frame_v4(w, p, sizeof p, 0, true);
	be16_put(p + 26, csum_fold(17 + csum_add(sizeof p - 20, p + 12, 8)));
	put_vnet(w, A, GRE1, &(struct esp_vnet){.csum = true, .csum_start = 20, .csum_offset = 6}, p, sizeof p);
	put_vnet(w, A, GRE1, &(struct esp_vnet){.csum = true, .csum_start = 200, .csum_offset = 6}, p, sizeof p);
	flush(w, A);
	assert_int_equal(w->n_wire, 1);
	assert_int_equal(all_drops(w, A), 1);
	deliver(w, B);
	const uint8_t *q = w->end[B].last;
	assert_int_equal(csum_fold(17 + csum_add(csum_add(sizeof p - 20, q + 12, 8), q + 20, sizeof p - 20)), 0xffff);
	world_end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip), cmocka_unit_test(test_layout), cmocka_unit_test(test_runs), cmocka_unit_test(test_full),
		cmocka_unit_test(test_tos), cmocka_unit_test(test_ecn), cmocka_unit_test(test_ttl_df), cmocka_unit_test(test_path_mtu),
		cmocka_unit_test(test_no_pmtudisc), cmocka_unit_test(test_beyond_udp), cmocka_unit_test(test_gso),
		cmocka_unit_test(test_partial_sum),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
