/* PSK_SIGN, PSK_VERIFY and PPK_MIX: AUTH values (RFC 7296 2.15) as computed by another implementation of HMAC, the order of
 * keys, handles, and what happens for those who are not known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test_privsep_util.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* prf(prf(key, "Key Pad for IKEv2"), octets), octets = 0x00 .. 0xc7, by Python's hmac. */
static const struct { uint16_t prf; const char *key, *auth; } vectors[] = {
	{PRF_HMAC_SHA1, "3vN9 gretel \xc3\xa9 key", "1caf11bd42f30b9910e6d3a8817a578cb85a9771"},
	{PRF_HMAC_SHA2_256, "3vN9 gretel \xc3\xa9 key",
	 "3f765e32f922ab9fed4667fa829240d363679460442d45ae924c50fdb61798b5"},
	{PRF_HMAC_SHA2_384, "3vN9 gretel \xc3\xa9 key",
	 "4d913bf3e0e1165f7fad4e30d3b223b0393b90f874ce5973c2ba1d951ae95d71aece070cdfa16c72a67d069738c19687"},
	{PRF_HMAC_SHA2_512, "3vN9 gretel \xc3\xa9 key",
	 "feb3eed008a165a26b6cb2f1f2339621cbcabb08eca841206bec10d50c796c52"
	 "189aa42b70031f6621c5e0afc416a564a6f3d00ac6c787efed2cfa7ecdaa9585"},
	{PRF_HMAC_SHA1, "", "e1589e289ccd919307a06b7c7cd2546af930e400"},
	{PRF_HMAC_SHA2_256, "", "1e18d6c78eee0370d31f322636191da11bfc108e2e34d72db24db7efcb95be6a"},
};

static uint8_t octets[200];

static size_t unhex(const char *s, uint8_t *out)
{
	size_t n = strlen(s) / 2;
	for (size_t i = 0; i < n; i++) {
		unsigned v;
		assert_int_equal(sscanf(s + 2 * i, "%2x", &v), 1);
		out[i] = (uint8_t)v;
	}
	return n;
}

static void key_add(struct world *w, const char *key, const char *a, const char *b)
{
	struct ident sel[2] = {{.type = ID_ANY}};
	size_t n = 0;
	if (a)
		sel[n++] = world_ident(a);
	if (b)
		sel[n++] = world_ident(b);
	assert_int_equal(psk_set_add(&w->psks, "ipsec.secrets:1", sel, n, key, strlen(key)), 0);
}

static struct m_psk body(const char *tunnel, uint16_t prf)
{
	struct m_psk m = {.prf = prf, .n_octets = sizeof octets};
	snprintf(m.tunnel, sizeof m.tunnel, "%s", tunnel);
	m.me = world_ident("121.43.117.81");
	m.peer = world_ident("80.251.0.33");
	return m;
}

static int sign(struct world *w, struct m_psk *m)
{
	return world_ask(w, PRIV_PSK_SIGN, m, SPAN(octets, sizeof octets));
}

static int verify(struct world *w, struct m_psk *m, const char *auth)
{
	uint8_t tail[sizeof octets + PRIV_AUTH_MAX];
	memcpy(tail, octets, sizeof octets);
	m->n_auth = (uint32_t)unhex(auth, tail + sizeof octets);
	return world_ask(w, PRIV_PSK_VERIFY, m, SPAN(tail, sizeof octets + m->n_auth));
}

static int setup(void **state)
{
	for (size_t i = 0; i < sizeof octets; i++)
		octets[i] = (uint8_t)i;
	return world_setup(state);
}

static void test_values(void **state)
{
	struct world *w = *state;
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		uint8_t want[PRIV_AUTH_MAX];
		size_t n = unhex(vectors[i].auth, want);
		psk_set_fini(&w->psks);
		key_add(w, vectors[i].key, "80.251.0.33", NULL);
		struct m_psk m = body("net", vectors[i].prf);
		assert_int_equal(sign(w, &m), 0);
		assert_true(w->out.has_body && w->out.body.psk.key != 0);
		assert_int_equal(w->out.n_octets, n);
		assert_memory_equal(w->out.octets, want, n);
		uint32_t key = w->out.body.psk.key;
		assert_int_equal(verify(w, &m, vectors[i].auth), 0);
		assert_int_equal(w->out.body.psk.key, key);
		assert_int_equal(w->out.body.psk.n_tried, 1);
	}
}

/* Every candidate is tried, and the one that fits signs, not the one that would be chosen. */
static void test_handle(void **state)
{
	struct world *w = *state;
	key_add(w, "wrong one", "80.251.0.33", "121.43.117.81");
	key_add(w, "3vN9 gretel \xc3\xa9 key", NULL, NULL);
	key_add(w, "wrong two", "80.251.0.33", NULL);
	struct m_psk m = body("net", PRF_HMAC_SHA1);
	assert_int_equal(verify(w, &m, vectors[0].auth), 0);
	assert_int_equal(w->out.body.psk.n_tried, 3);
	uint32_t key = w->out.body.psk.key;

	uint8_t want[PRIV_AUTH_MAX];
	size_t n = unhex(vectors[0].auth, want);
	m.n_auth = 0;
	assert_int_equal(sign(w, &m), 0);
	assert_memory_not_equal(w->out.octets, want, n);
	m.key = key;
	assert_int_equal(sign(w, &m), 0);
	assert_memory_equal(w->out.octets, want, n);
	assert_int_equal(w->out.body.psk.key, key);
	/* a handle of another generation, or made up: the order decides */
	w->conf->generation++;
	assert_int_equal(sign(w, &m), 0);
	assert_memory_not_equal(w->out.octets, want, n);
	w->conf->generation--;
	m.key = key ^ 1u << 20;
	assert_int_equal(sign(w, &m), 0);
	assert_memory_not_equal(w->out.octets, want, n);
}

/* Of equal keys the first one counts: the one that a signature without a handle takes too. */
static void test_equal_keys(void **state)
{
	struct world *w = *state;
	key_add(w, "3vN9 gretel \xc3\xa9 key", "80.251.0.33", NULL);
	key_add(w, "3vN9 gretel \xc3\xa9 key", "80.251.0.33", "121.43.117.81");
	key_add(w, "3vN9 gretel \xc3\xa9 key", NULL, NULL);
	struct m_psk m = body("net", PRF_HMAC_SHA1);
	assert_int_equal(sign(w, &m), 0);
	uint32_t key = w->out.body.psk.key;
	assert_int_equal(verify(w, &m, vectors[0].auth), 0);
	assert_int_equal(w->out.body.psk.key, key);
}

static void test_refusals(void **state)
{
	struct world *w = *state;
	struct m_psk m = body("net", PRF_HMAC_SHA1);
	assert_int_equal(sign(w, &m), -ENOKEY);
	assert_string_equal(w->out.text, "no shared key found for '121.43.117.81' - '80.251.0.33'");
	assert_int_equal(w->out.n_octets, 0);
	assert_int_equal(verify(w, &m, vectors[0].auth), -ENOKEY);

	key_add(w, "wrong one", "80.251.0.33", NULL);
	assert_int_equal(verify(w, &m, vectors[0].auth), -EBADMSG);
	assert_true(w->out.has_body);
	assert_int_equal(w->out.body.psk.n_tried, 1);
	assert_int_equal(w->out.body.psk.key, 0);
	assert_string_equal(w->out.text, "tried 1 shared key for '121.43.117.81' - '80.251.0.33', but none fits");
	/* too short, too long, nothing */
	key_add(w, "3vN9 gretel \xc3\xa9 key", "80.251.0.33", NULL);
	assert_int_equal(verify(w, &m, vectors[0].auth), 0);
	assert_int_equal(verify(w, &m, "1caf11bd42f30b9910e6d3a8817a578cb85a97"), -EBADMSG);
	assert_int_equal(verify(w, &m, "1caf11bd42f30b9910e6d3a8817a578cb85a977100"), -EBADMSG);
	assert_int_equal(verify(w, &m, ""), -EBADMSG);
	/* an unknown PRF */
	m.prf = 1;
	assert_int_equal(verify(w, &m, vectors[0].auth), -EINVAL);
	m.n_auth = 0;
	assert_int_equal(sign(w, &m), -EINVAL);
}

/* The lengths in the body must fill the tail exactly. */
static void test_lengths(void **state)
{
	struct world *w = *state;
	key_add(w, "3vN9 gretel \xc3\xa9 key", NULL, NULL);
	struct m_psk m = body("net", PRF_HMAC_SHA1);
	m.n_octets = sizeof octets + 1;
	assert_int_equal(sign(w, &m), -EINVAL);
	m.n_octets = sizeof octets - 1;
	assert_int_equal(sign(w, &m), -EINVAL);
	m.n_octets = sizeof octets;
	m.n_auth = 1;
	assert_int_equal(world_ask(w, PRIV_PSK_VERIFY, &m, SPAN(octets, sizeof octets)), -EINVAL);
}

/* A key for everybody does not make ike an oracle for identities that no tunnel has. */
static void test_identities(void **state)
{
	struct world *w = *state;
	key_add(w, "3vN9 gretel \xc3\xa9 key", NULL, NULL);
	struct m_psk m = body("net", PRF_HMAC_SHA1);
	m.me = world_ident("evil.example");
	assert_int_equal(sign(w, &m), -ENOKEY);
	m = body("net", PRF_HMAC_SHA1);
	m.peer = world_ident("evil.example");
	assert_int_equal(sign(w, &m), -ENOKEY);
	m = body("gone", PRF_HMAC_SHA1);
	assert_int_equal(sign(w, &m), -ENOKEY);
	/* any tunnel of this pair will do while the tunnel is not known */
	m = body("", PRF_HMAC_SHA1);
	assert_int_equal(verify(w, &m, vectors[0].auth), 0);
	world_tunnel(w->conf, "any")->remote.id_set = true; /* nobody is welcome to any identity */
	for (const char *const *t = (const char *const[]){"name", "range", "off", NULL}; *t; t++)
		world_tunnel(w->conf, *t)->local.id_set = true;
	world_tunnel(w->conf, "any")->remote.id = world_ident("roadwarrior");
	m.peer = world_ident("evil.example");
	world_tunnel(w->conf, "pass")->local.id_set = true;
	for (const char *const *t = (const char *const[]){"name", "range", "off", "pass", NULL}; *t; t++)
		world_tunnel(w->conf, *t)->local.id = world_ident("nobody.example");
	assert_int_equal(verify(w, &m, vectors[0].auth), -ENOKEY);
}

/* prf+(PPK, key), one block: HMAC(PPK, key | 0x01) by Python's hmac, of three keys that count up from 0, 64 and 128. */
static const char PPK[] = "a post-quantum key of 32 octets!";
static const struct { uint16_t prf; const char *keys; } mixes[] = {
	{PRF_HMAC_SHA1,
	 "3e7d5f98f66e911fbf99dd0fde336ad14cf451aea24e5a41a9ec48e2d04545fd886cf3d7bb1c3adbfe645376a468a513"
	 "329cc16c27ee7448ecf6e232"},
	{PRF_HMAC_SHA2_256,
	 "f30156d0ad040d2449d131ad24285c92b775f555440d6fea065ef7d9a59cc70699b4c9c3170b6f500b0a85512e0e0a69"
	 "2f6c03e732fd758a18568866bb10710fece042c63cccc617e1fe9dc9db5ec61dcd30f80323522fd0925f0713daa4d6a0"},
	{PRF_HMAC_SHA2_384,
	 "71d9a5144fd5f0ffe1a61e6fdf1862e49537777d8cd9210c869296fa04c76a1532ee5c2c07d392414527f133635b47eb"
	 "24f88cf4f231c84f04ed9b2501ea80f38d2370dc1afa8ab005c9e82f559be1adf7040c352d8b338bc2a36f56f0dabc07"
	 "7b6f1e5c4628cf9451a9631eaff275b321f779e0ad11a956db30e6d05cf6a43fc378be048f92c268db79719452ee7ef9"},
	{PRF_HMAC_SHA2_512,
	 "c18c8411c05796f022a8f49e181e3aeefd00ed9ef0623d52067aa1976bbb2f254c81260d56ad4cc15820bdcef3b26a0f"
	 "47ad58b1cd8a0781aabefe19cc0dd8eb601d59c7fb7dc79cc9f298225661d80efdc7d8b714bdec080f2e545905926f7c"
	 "9d606951608c08d856dc976418582e89d1eecebd1e314d950d4188ab1796228cc2fe40358c061bc50779ce1273522ea6"
	 "d8c795babc7c7363a19a3524fdc323897271ae4fd0829107ac66a79d3a04c1fce761f7412b7f544e2b1c4ad2668635dc"},
};

static int mix(struct world *w, const char *tunnel, const char *id, uint16_t prf, size_t n)
{
	struct m_ppk_mix m = {.prf = prf};
	uint8_t tail[3 * PRIV_AUTH_MAX + 1] = {0};
	snprintf(m.tunnel, sizeof m.tunnel, "%s", tunnel);
	snprintf(m.id, sizeof m.id, "%s", id);
	for (size_t i = 0; n % 3 == 0 && i < 3; i++) {
		for (size_t k = 0; k < n / 3; k++)
			tail[i * (n / 3) + k] = (uint8_t)(i * 64 + k);
	}
	return world_ask(w, PRIV_PPK_MIX, &m, SPAN(tail, n));
}

static void test_mix(void **state)
{
	struct world *w = *state;
	assert_int_equal(psk_set_add_ppk(&w->psks, "other", "another key", 11), 0);
	assert_int_equal(psk_set_add_ppk(&w->psks, "ppk", "it is replaced", 14), 0);
	assert_int_equal(psk_set_add_ppk(&w->psks, "ppk", PPK, sizeof PPK - 1), 0);
	for (size_t i = 0; i < ARRAY_LEN(mixes); i++) {
		uint8_t want[3 * PRIV_AUTH_MAX];
		size_t n = unhex(mixes[i].keys, want);
		assert_int_equal(mix(w, "net", "ppk", mixes[i].prf, n), 0);
		assert_true(w->out.answer && !w->out.has_body && w->out.n_octets == n);
		assert_memory_equal(w->out.octets, want, n);
	}
	/* With %any whichever the peer names. */
	assert_int_equal(mix(w, "any", "ppk", PRF_HMAC_SHA2_256, 96), 0);
	assert_int_equal(mix(w, "any", "other", PRF_HMAC_SHA2_256, 96), 0);
	static const struct { const char *tunnel, *id; uint16_t prf; size_t n; int status; } bad[] = {
		{"net", "other", PRF_HMAC_SHA2_256, 96, -ENOKEY}, /* there, but for others */
		{"net", "%any", PRF_HMAC_SHA2_256, 96, -ENOKEY},
		{"any", "none", PRF_HMAC_SHA2_256, 96, -ENOKEY},
		{"twin", "ppk", PRF_HMAC_SHA2_256, 96, -ENOKEY}, /* a tunnel without */
		{"pass", "ppk", PRF_HMAC_SHA2_256, 96, -ENOENT},
		{"nobody", "ppk", PRF_HMAC_SHA2_256, 96, -ENOENT},
		{"net", "ppk", PRF_HMAC_SHA2_256, 95, -EINVAL},
		{"net", "ppk", PRF_HMAC_SHA2_256, 60, -EINVAL},
		{"net", "ppk", PRF_HMAC_SHA2_256, 0, -EINVAL},
		{"net", "ppk", 99, 96, -EINVAL},
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(mix(w, bad[i].tunnel, bad[i].id, bad[i].prf, bad[i].n), bad[i].status);
		assert_int_equal(w->out.n_octets, 0);
	}
	/* A name must be one: no empty text, and an end. */
	assert_int_equal(psk_set_add_ppk(&w->psks, "", PPK, 32), -EINVAL);
	assert_int_equal(psk_set_add_ppk(&w->psks, "x", PPK, 0), -EINVAL);
	char id[PPK_ID_MAX + 2];
	memset(id, 'x', sizeof id);
	id[PPK_ID_MAX + 1] = 0;
	assert_int_equal(psk_set_add_ppk(&w->psks, id, PPK, 32), -EINVAL);
	id[PPK_ID_MAX] = 0;
	assert_int_equal(psk_set_add_ppk(&w->psks, id, PPK, 32), 0);
	assert_non_null(psk_ppk(&w->psks, id));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_values, setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_handle, setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_equal_keys, setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_refusals, setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_mix, setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_lengths, setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_identities, setup, world_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
