/* Every recorded packet, opened with the recorded keys, decoded and printed as tests/golden/ike/NAME.txt; sealed again and
 * opened again it is the same. GRETEL_GOLDEN_UPDATE=1 writes the golden files: read the diff before a commit. */
#include "../sim/hand.h"
#include "../sim/pair.h"
#include "../sim/rec.h"

#include "test_wire_util.h"

#include <stdio.h>
#include <stdlib.h>

enum { TEXT = 1 << 18 };

static char is[TEXT], want[TEXT];

static bool keys_of(const struct rec *r, const struct suite *suite, const struct ike_hdr *h, struct sk_keys *out)
{
	static const char *const prefix[] = {"", "ike2_"};
	bool from_initiator = h->flags & IKE_F_INITIATOR;
	for (size_t i = 0; i < ARRAY_LEN(prefix); i++) {
		struct span spi = rec_key2(r, prefix[i], "spi_i");
		if (!spi.p || rec_u64(spi) != h->spi_i)
			continue;
		struct span e = rec_key2(r, prefix[i], from_initiator ? "sk_ei" : "sk_er"),
			    a = rec_key2(r, prefix[i], from_initiator ? "sk_ai" : "sk_ar");
		*out = (struct sk_keys){.encr = suite->encr, .encr_bits = suite->encr_bits, .integ = suite->integ};
		return secret_set(&out->e, e.p, e.n) && secret_set(&out->a, a.p, a.n);
	}
	return false;
}

static void open_and_print(struct sim *s, const struct rec *r, const struct suite *suite, const struct rec_packet *p,
                           struct sbuf *b)
{
	struct ike_hdr h;
	struct hand in = {.n = 0}, again;
	uint8_t out[HAND_MAX + 256];
	assert_int_equal(ike_hdr_decode(p->data, &h), WIRE_OK);
	sb_printf(b, "--- %c from port %u: %s\n", p->from, p->port, p->name);
	if (h.exchange == IKE_SA_INIT) {
		assert_int_equal(sb_wire_message(b, p->data, 0, SPAN(NULL, 0)), WIRE_OK);
		return;
	}
	struct sk_keys k, wrong;
	assert_true(keys_of(r, suite, &h, &k));
	assert_true(hand_open(s, &k, p->data.p, p->data.n, &in));
	struct span plain = wire_copy(SPAN(in.plain, in.n));
	assert_int_equal(sb_wire_message(b, p->data, in.first, plain), WIRE_OK);
	wire_free(plain);
	/* Ours is as long as theirs where the padding is ours to choose, too. */
	size_t n = hand_seal(s, &k, &in, out);
	assert_true(n <= p->data.n && p->data.n - n < 256);
	assert_true(hand_open(s, &k, out, n, &again));
	assert_true(again.n == in.n && memcmp(again.plain, in.plain, in.n) == 0 && again.first == in.first);
	wrong = k;
	wrong.e.b[0] ^= 1;
	if (wrong.a.len)
		wrong.a.b[0] ^= 1;
	assert_false(hand_open(s, &wrong, p->data.p, p->data.n, &again));
}

static void check_golden(const char *name)
{
	char path[600];
	snprintf(path, sizeof path, "%s/golden/ike/rec-%s.txt", TESTS_DIR, name);
	FILE *f = fopen(path, getenv("GRETEL_GOLDEN_UPDATE") ? "w" : "r");
	if (!f)
		fail_msg("%s: cannot be opened", path);
	if (getenv("GRETEL_GOLDEN_UPDATE")) {
		fputs(is, f);
		fclose(f);
		return;
	}
	size_t n = fread(want, 1, sizeof want - 1, f);
	want[n] = '\0';
	fclose(f);
	if (strcmp(is, want) != 0)
		fail_msg("%s: this is not what is written there:\n%s", path, is);
}

static void recordings_open_and_print(void **state)
{
	(void)state;
	struct sim *s = sim_new(1);
	for (size_t i = 0; rec_names[i]; i++) {
		struct rec *r = rec_load(TESTS_DIR "/recordings", rec_names[i]);
		struct span rsp = rec_init(r, 'R');
		struct ike_hdr h;
		struct ike_payloads pl;
		struct sbuf b = SB(is);
		assert_int_equal(ike_hdr_decode(rsp, &h), WIRE_OK);
		assert_int_equal(ike_payloads_decode(h.next, SPAN(rsp.p + IKE_HDR_LEN, rsp.n - IKE_HDR_LEN), &pl),
		                 WIRE_OK);
		const struct ike_payload *sa = ike_payload_find(&pl, P_SA);
		if (!sa) {
			print_message("%s has no SA payload in its last answer\n", rec_names[i]);
			rec_free(r);
			continue;
		}
		struct suite suite = rec_suite(sa->body);
		for (size_t k = 0; k < r->n_packets; k++)
			open_and_print(s, r, &suite, &r->packet[k], &b);
		assert_false(b.cut);
		check_golden(rec_names[i]);
		rec_free(r);
	}
	sim_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(recordings_open_and_print),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
