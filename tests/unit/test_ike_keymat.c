/* SKEYSEED, SK_*, KEYMAT and AUTH against what strongSwan derived (tests/recordings), and the order of nonces. */
#include "../sim/hand.h"
#include "../sim/pair.h"
#include "../sim/rec.h"

#include <stdlib.h>

static struct sim *s;
static struct ike *e;
static struct sim_node *n;

static struct suite suite_of(const struct rec *r)
{
	struct span rsp = rec_init(r, 'R');
	struct ike_hdr h;
	struct ike_payloads pl;
	assert_int_equal(ike_hdr_decode(rsp, &h), WIRE_OK);
	assert_int_equal(ike_payloads_decode(h.next, SPAN(rsp.p + IKE_HDR_LEN, rsp.n - IKE_HDR_LEN), &pl), WIRE_OK);
	const struct ike_payload *sa = ike_payload_find(&pl, P_SA);
	return sa ? rec_suite(sa->body) : (struct suite){0};
}

static struct nonce nonce_of(const struct rec *r, const char *prefix, const char *name)
{
	struct span v = rec_key2(r, prefix, name);
	struct nonce out = {.n = (uint16_t)v.n};
	assert_true(v.n >= 16 && v.n <= sizeof out.b);
	memcpy(out.b, v.p, v.n);
	return out;
}

static void same(const struct secret *is, struct span want)
{
	assert_int_equal(is->len, want.n);
	if (want.n)
		assert_memory_equal(is->b, want.p, want.n);
}

static void derive(struct ike_sa *sa, const struct rec *r, const char *prefix, const struct ike_sa *old)
{
	struct nonce ni = nonce_of(r, prefix, "ni"), nr = nonce_of(r, prefix, "nr");
	sa->spi_i = rec_u64(rec_key2(r, prefix, "spi_i"));
	sa->spi_r = rec_u64(rec_key2(r, prefix, "spi_r"));
	assert_int_equal(keymat_ike(e, sa, &ni, &nr, rec_key2(r, prefix, "g_ir"), old ? &old->sk_d : NULL,
	                            old ? old->suite.prf : 0),
	                 0);
	assert_true(sa->keyed);
	const struct sk_keys *i = sa->initiator ? &sa->tx : &sa->rx, *rr = sa->initiator ? &sa->rx : &sa->tx;
	same(&sa->sk_d, rec_key2(r, prefix, "sk_d"));
	same(&i->a, rec_key2(r, prefix, "sk_ai"));
	same(&rr->a, rec_key2(r, prefix, "sk_ar"));
	same(&i->e, rec_key2(r, prefix, "sk_ei"));
	same(&rr->e, rec_key2(r, prefix, "sk_er"));
	same(&sa->sk_pi, rec_key2(r, prefix, "sk_pi"));
	same(&sa->sk_pr, rec_key2(r, prefix, "sk_pr"));
	assert_true(i->encr == sa->suite.encr && rr->integ == sa->suite.integ && i->encr_bits == sa->suite.encr_bits);
	const struct nonce *low = memcmp(ni.b, nr.b, NONCE_KEEP) < 0 ? &ni : &nr;
	assert_memory_equal(sa->lowest_nonce, low->b, NONCE_KEEP);
}

/* The ESP algorithms are in the comment of each recording; what the keys are long tells enough. */
static struct suite child_suite(const struct rec *r, const char *prefix)
{
	size_t encr = rec_key2(r, prefix, "ei").n, integ = rec_key2(r, prefix, "ai").n;
	struct suite c = {.encr = ENCR_AES_CBC, .encr_bits = (uint16_t)(encr * 8)};
	if (integ == 0) {
		c.encr = encr == 36 && rec_key(r, "sk_ei").n == 36 && suite_of(r).encr == ENCR_CHACHA20_POLY1305
		                 ? ENCR_CHACHA20_POLY1305
		                 : ENCR_AES_GCM_16;
		c.encr_bits = c.encr == ENCR_AES_GCM_16 ? (uint16_t)((encr - 4) * 8) : 0;
	} else if (encr == 36) {
		c.encr = ENCR_AES_CTR;
		c.encr_bits = 256;
	}
	c.integ = integ == 0    ? AUTH_NONE
	          : integ == 20 ? AUTH_HMAC_SHA1_96
	          : integ == 32 ? AUTH_HMAC_SHA2_256_128
	          : integ == 48 ? AUTH_HMAC_SHA2_384_192
	                        : AUTH_HMAC_SHA2_512_256;
	return c;
}

static void check_child(const struct rec *r, const struct ike_sa *sa, const char *prefix)
{
	struct nonce ni, nr;
	if (!rec_key2(r, prefix, "ni").p)
		return;
	ni = nonce_of(r, prefix, "ni");
	nr = nonce_of(r, prefix, "nr");
	struct span g = rec_key2(r, prefix, "g_ir");
	struct child c = {.ni = &ni, .nr = &nr, .shared = {.p = (uint8_t *)(uintptr_t)g.p, .n = g.n}};
	c.p.suite = child_suite(r, prefix);
	for (int initiate = 0; initiate < 2; initiate++) {
		assert_int_equal(keymat_child(e, sa, &c, initiate), 0);
		const struct esp_sa *i = initiate ? &c.p.out : &c.p.in, *rr = initiate ? &c.p.in : &c.p.out;
		same(&i->encr, rec_key2(r, prefix, "ei"));
		same(&i->integ, rec_key2(r, prefix, "ai"));
		same(&rr->encr, rec_key2(r, prefix, "er"));
		same(&rr->integ, rec_key2(r, prefix, "ar"));
	}
}

/* AUTH = prf(prf(psk, "Key Pad for IKEv2"), octets) */
static void check_auth(const struct ike_sa *sa, const struct rec *r, bool of_initiator)
{
	uint8_t octets[8192], padded[64], auth[64];
	size_t len = auth_octets(e, sa, of_initiator, octets, sizeof octets), mac = prf_len(sa->suite.prf);
	struct span pad = SPAN("Key Pad for IKEv2", 17), v = SPAN(octets, len),
		    want = rec_key(r, of_initiator ? "auth_i" : "auth_r");
	assert_true(len > 0 && want.n == mac);
	assert_int_equal(prf(s->crypto, sa->suite.prf, rec_key(r, "psk"), &pad, 1, padded), 0);
	assert_int_equal(prf(s->crypto, sa->suite.prf, SPAN(padded, mac), &v, 1, auth), 0);
	assert_memory_equal(auth, want.p, mac);
	assert_int_equal(auth_octets(e, sa, of_initiator, octets, len - 1), 0); /* no room */
}

static void fill_handshake(struct handshake *hs, const struct rec *r, bool initiator)
{
	struct span req = rec_init(r, 'I'), rsp = rec_init(r, 'R'), idi = rec_key(r, "idi"), idr = rec_key(r, "idr");
	struct span mine = initiator ? idi : idr, peer = initiator ? idr : idi;
	hs->init_req = (struct blob){.p = (uint8_t *)(uintptr_t)req.p, .n = req.n};
	hs->init_rsp = (struct blob){.p = (uint8_t *)(uintptr_t)rsp.p, .n = rsp.n};
	hs->ni = nonce_of(r, "", "ni");
	hs->nr = nonce_of(r, "", "nr");
	memcpy(hs->id_mine, mine.p, mine.n);
	memcpy(hs->id_peer, peer.p, peer.n);
	hs->id_mine_len = mine.n;
	hs->id_peer_len = peer.n;
}

static void as_strongswan_derives(void **state)
{
	(void)state;
	size_t checked = 0;
	for (size_t i = 0; rec_names[i]; i++) {
		struct rec *r = rec_load(TESTS_DIR "/recordings", rec_names[i]);
		struct suite suite = suite_of(r);
		for (int initiator = 0; suite.prf && initiator < 2; initiator++) {
			struct handshake *hs = calloc(1, sizeof *hs);
			struct ike_sa sa = {.initiator = initiator, .suite = suite, .hs = hs};
			struct ike_sa second = {.initiator = initiator, .suite = suite};
			fill_handshake(hs, r, initiator);
			derive(&sa, r, "", NULL);
			check_auth(&sa, r, true);
			check_auth(&sa, r, false);
			check_child(r, &sa, "child_");
			bool life = rec_key(r, "ike2_ni").p != NULL;
			check_child(r, &sa, "child2_");
			if (life) {
				derive(&second, r, "ike2_", &sa);
				check_child(r, &second, "child3_");
			}
			free(hs);
			checked++;
		}
		rec_free(r);
	}
	assert_true(checked >= 24);
}

/* Which nonce is lower is seen in the first octet that differs; a shorter one counts as followed by zeros. */
static void lowest_nonce(void **state)
{
	(void)state;
	struct ike_sa sa = {.suite = {.encr = ENCR_AES_CBC,
	                              .encr_bits = 128,
	                              .integ = AUTH_HMAC_SHA2_256_128,
	                              .prf = PRF_HMAC_SHA2_256}};
	struct nonce a = {.n = 32}, b = {.n = 32};
	a.b[31] = 1;
	assert_int_equal(keymat_ike(e, &sa, &a, &b, SPAN("xxxxxxxx", 8), NULL, 0), 0);
	assert_memory_equal(sa.lowest_nonce, b.b, NONCE_KEEP);
	assert_int_equal(keymat_ike(e, &sa, &b, &a, SPAN("xxxxxxxx", 8), NULL, 0), 0);
	assert_memory_equal(sa.lowest_nonce, b.b, NONCE_KEEP);
	b.n = 16;
	b.b[0] = 1;
	assert_int_equal(keymat_ike(e, &sa, &a, &b, SPAN("xxxxxxxx", 8), NULL, 0), 0);
	assert_memory_equal(sa.lowest_nonce, a.b, NONCE_KEEP);
	sa.suite.prf = 99;
	assert_int_not_equal(keymat_ike(e, &sa, &a, &b, SPAN("xxxxxxxx", 8), NULL, 0), 0);
	struct child c = {.ni = &a, .nr = &b};
	sa.suite.prf = PRF_HMAC_SHA2_256;
	assert_int_not_equal(keymat_child(e, &sa, &c, true), 0); /* no algorithm, no keys */
}

static void id_octets(void **state)
{
	(void)state;
	struct ident id;
	uint8_t out[4 + IDENT_MAX];
	size_t len;
	assert_true(ident_set(&id, ID_FQDN, "a.b", 3));
	memset(out, 0xff, sizeof out);
	auth_id_octets(&id, out, &len);
	assert_int_equal(len, 7);
	assert_memory_equal(out, "\x02\0\0\0a.b", 7);
}

static int begin(void **state)
{
	(void)state;
	s = sim_new(1);
	n = sim_host(s, "a", "192.0.2.1");
	struct ike_env env = {.mem = &n->mem.mem, .crypto = s->crypto, .rng = &n->rng.rng};
	e = n->ike = ike_new(&env);
	return e ? 0 : -1;
}

static int end(void **state)
{
	(void)state;
	sim_free(s);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_strongswan_derives),
		cmocka_unit_test(lowest_nonce),
		cmocka_unit_test(id_octets),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
