/* What comes in and is no good: each reason, counted once where it belongs; and what looks odd but is good. The packets are made by
 * hand, so that anything can be in them. */
#include "esp_world.h"

static struct esp_key *key_of(struct world *w)
{
	struct esp_key *k;
	assert_int_equal(esp_key_new(NULL, &w->own.mem, &w->sa.suite, &w->sa.out, 1, 0, &k), 0);
	return k;
}

/* To B: SPI, number, IV, text[n] (a multiple of 4, with its trailer), ICV. */
static void seal_text(struct world *w, uint32_t seq, const uint8_t *text, size_t n, uint8_t tos)
{
	struct esp_key *k = key_of(w);
	size_t len = 8u + esp_key_iv_len(k) + n + esp_key_icv_len(k);
	uint8_t *p = malloc(len);
	be32_put(p, w->sa.out.spi);
	be32_put(p + 4, seq);
	memcpy(p + 8 + esp_key_iv_len(k), text, n);
	struct esp_job job = {.p = p, .n = (uint32_t)len};
	esp_seal_burst(k, 0, &job, 1);
	esp_key_free(k);
	arrive_from(w, B, &w->end[A].at, p, len, tos);
	free(p);
}

/* The same with a correct trailer behind payload[n]. */
static void seal_payload(struct world *w, uint32_t seq, const uint8_t *payload, size_t n, uint8_t next)
{
	uint8_t text[3000];
	uint8_t pad = (uint8_t)((0u - (n + 2)) & 3);
	memcpy(text, payload, n);
	for (uint8_t i = 0; i < pad; i++)
		text[n + i] = (uint8_t)(i + 1);
	text[n + pad] = pad;
	text[n + pad + 1] = next;
	seal_text(w, seq, text, n + pad + 2, 0);
}

/* GRE with these two words and `more` in front of a frame. */
static size_t gre(struct world *w, uint8_t *to, uint16_t flags, uint16_t proto, const void *more, size_t n_more, size_t frame)
{
	be16_put(to, flags);
	be16_put(to + 2, proto);
	if (n_more)
		memcpy(to + 4, more, n_more);
	frame_v4(w, to + 4 + n_more, frame, 0, true);
	return 4 + n_more + frame;
}

static void dropped(struct world *w, uint32_t tunnel, uint8_t drop)
{
	uint64_t n = drops(w, B, tunnel, drop), all = all_drops(w, B);
	if (tunnel == 0)
		assert_int_equal(drops(w, B, TUNNEL, drop), 0);
	if (n != 1 || all != 1)
		print_message("%s: %u, all %u\n", esp_drop_name(drop), (unsigned)n, (unsigned)all);
	assert_true(n == 1 && all == 1);
	assert_int_equal(w->end[B].frames, 0);
	world_end(w);
}

static void test_datagrams(void **state)
{
	static const uint8_t octets[64] = {0, 0, 3, 0xe9, 0, 0, 0, 1}; /* SPI 1001 */
	(void)state;
	/* too short for an SPI; keepalives and nothing at all are no drops */
	for (size_t n = 1; n < 4; n++) {
		struct world *w = world();
		arrive_from(w, B, &w->end[A].at, (const uint8_t *)"\xff", 1, 0);
		arrive_from(w, B, &w->end[A].at, octets, 0, 0);
		assert_int_equal(all_drops(w, B), 0);
		arrive_from(w, B, &w->end[A].at, octets, n, 0);
		dropped(w, 0, ESP_DROP_SHORT);
	}
	/* 8 + IV 8 + 4 of text + ICV 16 is the least */
	for (size_t n = 4; n < 36; n++) {
		struct world *w = world();
		arrive_from(w, B, &w->end[A].at, octets, n, 0);
		dropped(w, TUNNEL, ESP_DROP_SHORT);
	}
	struct world *w = world();
	arrive_from(w, B, &w->end[A].at, octets, 36, 0);
	dropped(w, TUNNEL, ESP_DROP_AUTH);
	w = world();
	arrive_from(w, B, &w->end[A].at, octets, 37, 0); /* not whole blocks */
	dropped(w, TUNNEL, ESP_DROP_SHORT);
	w = world();
	arrive_from(w, B, &w->end[A].at, octets + 1, 40, 0);
	dropped(w, 0, ESP_DROP_SPI);
	w = world();
	seal_text(w, 0, (const uint8_t *)"\0\0\0\x2f", 4, 0);
	dropped(w, TUNNEL, ESP_DROP_REPLAY_OLD);
}

static void test_trailer(void **state)
{
	(void)state;
	uint8_t text[300] = {0};
	struct world *w = world();
	memcpy(text, "\1\2\3\4\5\6\x07\x2f", 8); /* padding that reaches beyond the text: 7 and two octets of 8 */
	seal_text(w, 1, text, 8, 0);
	dropped(w, TUNNEL, ESP_DROP_PADDING);
	w = world();
	memcpy(text, "\1\2\3\4\5\6\xff\x2f", 8);
	seal_text(w, 1, text, 8, 0);
	dropped(w, TUNNEL, ESP_DROP_PADDING);
	for (size_t i = 0; i < 6; i++) { /* each octet of the padding */
		w = world();
		memcpy(text, "\1\2\3\4\5\6\x06\x2f", 8);
		text[i] ^= 0x10;
		seal_text(w, 1, text, 8, 0);
		dropped(w, TUNNEL, ESP_DROP_PADDING);
	}
	w = world(); /* nothing but padding: no GRE header */
	memcpy(text, "\1\2\3\4\5\6\x06\x2f", 8);
	seal_text(w, 1, text, 8, 0);
	dropped(w, TUNNEL, ESP_DROP_SHORT);
	w = world();
	seal_payload(w, 1, text, 40, 4);
	dropped(w, TUNNEL, ESP_DROP_NEXT);
	/* as much padding as there can be is good, and so is traffic flow padding behind the packet */
	w = world();
	size_t n = gre(w, text, 0, ETHERTYPE_V4, NULL, 0, 37);
	for (unsigned i = 0; i < 249; i++)
		text[n + i] = (uint8_t)(i + 1);
	text[n + 249] = 249;
	text[n + 250] = 47;
	assert_int_equal((n + 251) % 4, 0);
	seal_text(w, 1, text, n + 251, 0);
	assert_int_equal(w->end[B].last_n, 37);
	n = gre(w, text, 0, ETHERTYPE_V4, NULL, 0, 37);
	memset(text + n, 0, 100);
	seal_payload(w, 2, text, n + 100, 47);
	assert_int_equal(w->end[B].last_n, 37);
	assert_int_equal(w->end[B].frames, 2);
	/* RFC 4303 2.6: a dummy is counted as a packet, and says nothing else */
	seal_payload(w, 3, text, 50, 59);
	seal_payload(w, 4, text, 0, 59);
	assert_int_equal(all_drops(w, B), 0);
	assert_int_equal(w->end[B].frames, 2);
	struct sa_counters c;
	assert_int_equal(esp_sa_query(w->end[B].e, 1001, w->now, 1, &c), 0);
	assert_int_equal(c.packets_in, 4);
	world_end(w);
}

static void test_gre_flags(void **state)
{
	(void)state;
	uint8_t p[100];
	for (int bit = 0; bit < 16; bit++) {
		uint16_t flag = (uint16_t)(1 << bit);
		if (flag == GRE_FLAG_CSUM || flag == GRE_FLAG_KEY || flag == GRE_FLAG_SEQ)
			continue;
		struct world *w = world();
		seal_payload(w, 1, p, gre(w, p, flag, ETHERTYPE_V4, NULL, 0, 40), 47);
		dropped(w, TUNNEL, ESP_DROP_GRE_FLAGS);
	}
	static const struct { uint16_t flags; size_t n; } cut[] = {
		{0, 0}, {0, 3}, {0xffff, 2}, {GRE_FLAG_CSUM, 7}, {GRE_FLAG_KEY, 7}, {GRE_FLAG_SEQ, 7}, {GRE_FLAG_CSUM | GRE_FLAG_KEY, 11},
		{GRE_FLAG_CSUM | GRE_FLAG_KEY | GRE_FLAG_SEQ, 15},
	};
	for (size_t i = 0; i < ARRAY_LEN(cut); i++) {
		struct world *w = world();
		gre(w, p, cut[i].flags, ETHERTYPE_V4, NULL, 0, 40);
		seal_payload(w, 1, p, cut[i].n, 47);
		dropped(w, TUNNEL, ESP_DROP_SHORT);
	}
	static const uint16_t protos[] = {0, 0x6558, 0x0801, 0x86dc, 0x0806};
	for (size_t i = 0; i < ARRAY_LEN(protos); i++) {
		struct world *w = world();
		seal_payload(w, 1, p, gre(w, p, 0, protos[i], NULL, 0, 40), 47);
		dropped(w, TUNNEL, ESP_DROP_GRE_PROTO);
	}
	struct world *w = world(); /* RFC 2890: a number is allowed, and not looked at */
	seal_payload(w, 1, p, gre(w, p, GRE_FLAG_SEQ, ETHERTYPE_V4, "\0\0\0\7", 4, 40), 47);
	assert_int_equal(w->end[B].frames, 1);
	assert_int_equal(w->end[B].last_n, 40);
	world_end(w);
}

/* Checksum and key are the device's: who has them wants them, who has not does not. */
static void test_gre_options(void **state)
{
	(void)state;
	uint8_t p[100];
	for (int wrong = 0; wrong < 2; wrong++) {
		for (int wanted = 0; wanted < 2; wanted++) {
			for (int sent = 0; sent < 2; sent++) {
				struct world *w = world_empty();
				w->device.csum = wanted;
				assert_true(world_begin(w));
				struct child_sa s = child_sa(1000);
				install_both(w, &s);
				size_t n = sent ? gre(w, p, GRE_FLAG_CSUM, ETHERTYPE_V4, "\0\0\0\0", 4, 41)
				                : gre(w, p, 0, ETHERTYPE_V4, NULL, 0, 41);
				if (sent) {
					be16_put(p + 4, csum_end(csum_add(0, p, n)));
					p[20] = (uint8_t)(p[20] ^ wrong);
				}
				seal_payload(w, 1, p, n, 47);
				if (sent == wanted && !(sent && wrong)) {
					assert_int_equal(w->end[B].frames, 1);
					assert_int_equal(all_drops(w, B), 0);
					world_end(w);
				} else {
					dropped(w, TUNNEL, ESP_DROP_GRE_SUM);
				}
			}
		}
	}
	for (int wanted = 0; wanted < 3; wanted++) {
		for (int sent = 0; sent < 3; sent++) { /* no key, 0, 9 */
			struct world *w = world_empty();
			w->device.key_set = wanted;
			w->device.key = wanted == 2 ? 9 : 0;
			assert_true(world_begin(w));
			struct child_sa s = child_sa(1000);
			install_both(w, &s);
			uint8_t key[4] = {0, 0, 0, sent == 2 ? 9 : 0};
			size_t n = gre(w, p, sent ? GRE_FLAG_KEY : 0, ETHERTYPE_V4, key, sent ? 4 : 0, 40);
			seal_payload(w, 1, p, n, 47);
			if (sent == wanted) {
				assert_int_equal(w->end[B].frames, 1);
				world_end(w);
			} else {
				dropped(w, TUNNEL, ESP_DROP_GRE_KEY);
			}
		}
	}
}

static void test_inner(void **state)
{
	static const struct { uint8_t at, value; } v4_bad[] = {{0, 0x44}, {0, 0x4f}, {0, 0x65}, {0, 0x05}, {2, 1}, {3, 41}, {3, 19}};
	(void)state;
	uint8_t p[100];
	for (size_t i = 0; i < ARRAY_LEN(v4_bad); i++) {
		struct world *w = world();
		size_t n = gre(w, p, 0, ETHERTYPE_V4, NULL, 0, 40);
		p[4 + v4_bad[i].at] = v4_bad[i].value;
		seal_payload(w, 1, p, n, 47);
		dropped(w, TUNNEL, ESP_DROP_INNER);
	}
	for (size_t len = 0; len < 20; len++) {
		struct world *w = world();
		gre(w, p, 0, ETHERTYPE_V4, NULL, 0, 40);
		seal_payload(w, 1, p, 4 + len, 47);
		dropped(w, TUNNEL, ESP_DROP_INNER);
	}
	struct world *w = world(); /* the protocol says one, the packet another */
	gre(w, p, 0, ETHERTYPE_V6, NULL, 0, 60);
	seal_payload(w, 1, p, 64, 47);
	dropped(w, TUNNEL, ESP_DROP_INNER);
	w = world();
	gre(w, p, 0, ETHERTYPE_V4, NULL, 0, 60);
	frame_v6(w, p + 4, 60, 0);
	seal_payload(w, 1, p, 64, 47);
	dropped(w, TUNNEL, ESP_DROP_INNER);
	for (size_t len = 39; len < 61; len += 20) { /* v6 shorter than its header, and than it says */
		w = world();
		gre(w, p, 0, ETHERTYPE_V6, NULL, 0, 60);
		frame_v6(w, p + 4, 60, 0);
		seal_payload(w, 1, p, 4 + len, 47);
		dropped(w, TUNNEL, ESP_DROP_INNER);
	}
	w = world();
	gre(w, p, 0, ETHERTYPE_V6, NULL, 0, 60);
	frame_v6(w, p + 4, 60, 0);
	seal_payload(w, 1, p, 64, 47);
	assert_int_equal(w->end[B].frames, 1);
	world_end(w);
}

/* --- Outwards --- */
static void test_out(void **state)
{
	(void)state;
	struct world *w = world();
	uint8_t p[60];
	frame_v4(w, p, sizeof p, 0, true);
	put_octets(w, A, 999, p, sizeof p);
	assert_int_equal(drops(w, A, 0, ESP_DROP_NO_DEVICE), 1);
	put_octets(w, A, GRE1, p, 19);
	put_octets(w, A, GRE1, p, 0);
	put_octets(w, A, GRE1, p, 59);
	p[0] = 0x25;
	put_octets(w, A, GRE1, p, sizeof p);
	frame_v6(w, p, sizeof p, 0);
	put_octets(w, A, GRE1, p, 59);
	assert_int_equal(drops(w, A, TUNNEL, ESP_DROP_INNER), 5);
	flush(w, A);
	assert_int_equal(w->n_wire, 0);
	/* what stands behind the packet is not sent */
	frame_v4(w, p, 40, 0, true);
	put_octets(w, A, GRE1, p, sizeof p);
	flush(w, A);
	assert_int_equal(w->wire[0].n, 8 + 8 + 4 + 40 + 2 + 2 + 16);
	deliver(w, B);
	assert_int_equal(w->end[B].last_n, 40);
	assert_int_equal(all_drops(w, A), 6);
	world_end(w);
}

/* --- What UDP_GRO delivers --- */
static void test_gro_batch(void **state)
{
	(void)state;
	struct world *w = world();
	uint8_t all[1000], *exact;
	size_t n = 0, seg;
	for (int i = 0; i < 5; i++)
		send_one(w, A, i == 4 ? 60 : 100);
	seg = w->wire[0].n;
	for (int i = 0; i < 5; i++) {
		memcpy(all + n, w->wire[i].p, w->wire[i].n);
		n += w->wire[i].n;
		if (i == 1) { /* IKE in between: the marker, and something as long as the others */
			memset(all + n, 0, seg);
			memset(all + n + 4, 0x77, seg - 4);
			n += seg;
		}
	}
	exact = malloc(n);
	memcpy(exact, all, n);
	struct esp_rx *rx = w->end[B].rx;
	assert_true(esp_rx_put(rx, exact, n, seg, &w->end[A].at, &w->end[B].at.addr, 0));
	assert_true(esp_rx_put(rx, (uint8_t[]){0, 0, 0, 0}, 4, 0, &w->end[A].at, &w->end[B].at.addr, 0));
	esp_rx_open(rx, w->now);
	take_frames(&w->end[B]);
	assert_int_equal(w->end[B].packets, 5);
	const struct esp_ike *ike = esp_rx_ike(rx);
	assert_non_null(ike);
	assert_int_equal(ike->data.n, seg - 4);
	assert_int_equal(ike->data.p[0], 0x77);
	assert_true(endpoint_eq(&ike->from, &w->end[A].at) && addr_eq(&ike->to, &w->end[B].at.addr));
	ike = esp_rx_ike(rx);
	assert_true(ike && ike->data.n == 0);
	assert_null(esp_rx_ike(rx));
	assert_int_equal(all_drops(w, B), 0);
	free(exact);
	/* the next batch begins empty */
	lose_wire(w);
	send_one(w, A, 100);
	deliver(w, B);
	assert_null(esp_rx_ike(rx));
	assert_int_equal(w->end[B].packets, 6);
	/* and opening nothing opens nothing */
	esp_rx_open(rx, w->now);
	take_frames(&w->end[B]);
	assert_int_equal(w->end[B].packets, 6);
	assert_int_equal(all_drops(w, B), 0);
	world_end(w);
}

/* More datagrams than there is room for: refused while something else waits, else taken as far as they go. */
static void test_rx_full(void **state)
{
	enum { MANY = 600 };
	(void)state;
	struct world *w = world();
	struct esp_rx *rx = w->end[B].rx;
	uint8_t *p = calloc(4, MANY), one[8] = {1, 1, 1, 1};
	assert_true(esp_rx_put(rx, one, sizeof one, 0, &w->end[A].at, &w->end[B].at.addr, 0));
	unsigned n = 1;
	while (esp_rx_put(rx, one, sizeof one, 0, &w->end[A].at, &w->end[B].at.addr, 0))
		n++;
	assert_int_equal(n, 512);
	assert_int_equal(drops(w, B, 0, ESP_DROP_SPI), 512);
	esp_rx_open(rx, w->now);
	take_frames(&w->end[B]);
	assert_true(esp_rx_put(rx, p, 4 * 500, 4, &w->end[A].at, &w->end[B].at.addr, 0));
	assert_false(esp_rx_put(rx, p, 4 * 13, 4, &w->end[A].at, &w->end[B].at.addr, 0));
	assert_true(esp_rx_put(rx, p, 4 * 12, 4, &w->end[A].at, &w->end[B].at.addr, 0));
	esp_rx_open(rx, w->now);
	for (n = 0; esp_rx_ike(rx); n++)
		;
	assert_int_equal(n, 512);
	assert_true(esp_rx_put(rx, p, 4 * MANY, 4, &w->end[A].at, &w->end[B].at.addr, 0));
	esp_rx_open(rx, w->now);
	for (n = 0; esp_rx_ike(rx); n++)
		;
	assert_int_equal(n, 512);
	assert_int_equal(drops(w, B, 0, ESP_DROP_SHORT), MANY - 512);
	free(p);
	world_end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_datagrams), cmocka_unit_test(test_trailer), cmocka_unit_test(test_gre_flags),
		cmocka_unit_test(test_gre_options), cmocka_unit_test(test_inner), cmocka_unit_test(test_out), cmocka_unit_test(test_gro_batch),
		cmocka_unit_test(test_rx_full),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
