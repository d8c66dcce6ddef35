/* Diffie-Hellman: published vectors, agreement with the library's own high-level
 * interface (a path that dh.c does not use), and every public value that must be refused. */
#include "test_crypto_hex.h"

#include <errno.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/dh.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/param_build.h>

static const struct group {
	uint16_t id;
	const char *type, *name; /* the library's */
	size_t pub, shared, priv;
} groups[] = {
	{DH_MODP_1024, "DH", NULL, 128, 128, 32},         {DH_MODP_1536, "DH", "modp_1536", 192, 192, 32},
	{DH_MODP_2048, "DH", "modp_2048", 256, 256, 32},  {DH_MODP_3072, "DH", "modp_3072", 384, 384, 40},
	{DH_MODP_4096, "DH", "modp_4096", 512, 512, 48},  {DH_MODP_6144, "DH", "modp_6144", 768, 768, 56},
	{DH_MODP_8192, "DH", "modp_8192", 1024, 1024, 64}, {DH_MODP_2048_256, "DH", "dh_2048_256", 256, 256, 32},
	{DH_ECP_256, "EC", "P-256", 64, 32, 32},          {DH_ECP_384, "EC", "P-384", 96, 48, 48},
	{DH_ECP_521, "EC", "P-521", 132, 66, 66},         {DH_CURVE25519, "X25519", NULL, 32, 32, 32},
	{DH_CURVE448, "X448", NULL, 56, 56, 56},
};

/* i, g^i, r, g^r, g^ir. */
static const struct {
	uint16_t id;
	const char *i, *gi, *r, *gr, *gir;
} vectors[] = {
	/* RFC 5903 8.1 */
	{DH_ECP_256, "c88f01f510d9ac3f70a292daa2316de544e9aab8afe84049c62a9c57862d1433",
	 "dad0b65394221cf9b051e1feca5787d098dfe637fc90b9ef945d0c3772581180"
	 "5271a0461cdb8252d61f1c456fa3e59ab1f45b33accf5f58389e0577b8990bb3",
	 "c6ef9c5d78ae012a011164acb397ce2088685d8f06bf9be0b283ab46476bee53",
	 "d12dfb5289c8d4f81208b70270398c342296970a0bccb74c736fc7554494bf63"
	 "56fbf3ca366cc23e8157854c13c58d6aac23f046ada30f8353e74f33039872ab",
	 "d6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de"},
	/* RFC 5903 8.2 */
	{DH_ECP_384, "099f3c7034d4a2c699884d73a375a67f7624ef7c6b3c0f160647b67414dce655e35b538041e649ee3faef896783ab194",
	 "667842d7d180ac2cde6f74f37551f55755c7645c20ef73e31634fe72b4c55ee6de3ac808acb4bdb4c88732aee95f41aa"
	 "9482ed1fc0eeb9cafc4984625ccfc23f65032149e0e144ada024181535a0f38eeb9fcff3c2c947dae69b4c634573a81c",
	 "41cb0779b4bdb85d47846725fbec3c9430fab46cc8dc5060855cc9bda0aa2942e0308312916b8ed2960e4bd55a7448fc",
	 "e558dbef53eecde3d3fccfc1aea08a89a987475d12fd950d83cfa41732bc509d0d1ac43a0336def96fda41d0774a3571"
	 "dcfbec7aacf3196472169e838430367f66eebe3c6e70c416dd5f0c68759dd1fff83fa40142209dff5eaad96db9e6386c",
	 "11187331c279962d93d604243fd592cb9d0a926f422e47187521287e7156c5c4d603135569b9e9d09cf5d4a270f59746"},
	/* RFC 5903 8.3 */
	{DH_ECP_521,
	 "0037ade9319a89f4dabdb3ef411aaccca5123c61acab57b5393dce47608172a095aa85a30fe1c2952c6771d937ba9777"
	 "f5957b2639bab072462f68c27a57382d4a52",
	 "0015417e84dbf28c0ad3c278713349dc7df153c897a1891bd98bab4357c9ecbee1e3bf42e00b8e380aeae57c2d107564"
	 "941885942af5a7f4601723c4195d176ced3e"
	 "017cae20b6641d2eeb695786d8c946146239d099e18e1d5a514c739d7cb4a10ad8a788015ac405d7799dc75e7b7d5b6c"
	 "f2261a6a7f1507438bf01beb6ca3926f9582",
	 "0145ba99a847af43793fdd0e872e7cdfa16be30fdc780f97bccc3f078380201e9c677d600b343757a3bdbf2a3163e4c2"
	 "f869cca7458aa4a4effc311f5cb151685eb9",
	 "00d0b3975ac4b799f5bea16d5e13e9af971d5e9b984c9f39728b5e5739735a219b97c356436adc6e95bb0352f6be64a6"
	 "c2912d4ef2d0433ced2b6171640012d9460f"
	 "015c68226383956e3bd066e797b623c27ce0eac2f551a10c2c724d9852077b87220b6536c5c408a1d2aebb8e86d678ae"
	 "49cb57091f4732296579ab44fcd17f0fc56a",
	 "01144c7d79ae6956bc8edb8e7c787c4521cb086fa64407f97894e5e6b2d79b04d1427e73ca4baa240a34786859810c06"
	 "b3c715a3a8cc3151f2bee417996d19f3ddea"},
	/* RFC 7748 6.1 */
	{DH_CURVE25519, "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
	 "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
	 "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
	 "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
	 "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"},
	/* RFC 7748 6.2 */
	{DH_CURVE448,
	 "9a8f4925d1519f5775cf46b04b5800d4ee9ee8bae8bc5565d498c28dd9c9baf574a9419744897391006382a6f127ab1d"
	 "9ac2d8c0a598726b",
	 "9b08f7cc31b7e3e67d22d5aea121074a273bd2b83de09c63faa73d2c22c5d9bbc836647241d953d40c5b12da88120d53"
	 "177f80e532c41fa0",
	 "1c306a7ac2a0e2e0990b294470cba339e6453772b075811d8fad0d1d6927c120bb5ee8972b0d3e21374c9c921b09d1b0"
	 "366f10b65173992d",
	 "3eb7a829b0cd20f5bcfc0b599b6feccf6da4627107bdb0d4f345b43027d8b972fc3e34fb4232a13ca706dcb57aec3dae"
	 "07bdc1c67bf33609",
	 "07fff4181ac6cc95ec1c16a94a0f74d12da232ce40a77552281d282bb60c0b56fd2464c335543936521c24403085d59a"
	 "449a5037514a879d"},
	/* Exponents whose g^i and g^ir begin with a zero octet (RFC 7296 2.14: padded); python's pow. */
	{DH_MODP_1024, "8d0c73da9f11e2feb54b5ad8a29ab4b1447ee77c1da44c6f7a2bfe73d2350ab8",
	 "00b820b0e09cd66c1315048d5c8ce39132414d151b1d5f5a96b857c7e0548eacad10f0fc3ea27bfd036c68cb6c709c7a"
	 "b7f9578457499709c25096bb69ba9ae840180d61b953e8b9143d9c595618c418c0d178f75f15e08d893901cb95359d6c"
	 "7d12cef42b49867a93fcf3bbae55896b452b095409c2b54ab11dea12ce97c456",
	 "be483936665e63a76064be63746d9d1e8ce76ed188e383cf19000801ab6c0dd4",
	 "9be24709646ef0a50e847c1b623ec5fde49c95a90fdcf94847a567af9c366b7dbae3335b8666e47b040c4ed3733a04e6"
	 "92c7c4139696479fe5667584597e6212e48b9082149a638867771447a4503e63ff55d7bd33d1711aec77f56b0d17bb21"
	 "1b3134eb3c7f17d957f073c216ead01667429e057e30cbceeea53c27a16dd766",
	 "0040dd478c1dad374e2aa54e9d63ded5674e4929988111851e8338811ce6ce8e434e72bc5bd073114df782f509b3fc37"
	 "f8dc86af7bb6e0f28782e8e37bc062208f5d4044b4071862e0e3e99860fae8dbcaea066ffddaae761654e2b2f4d8d9e7"
	 "935108f2b7d234bd8be7a3141117b2910bcb13f5e7c7e72b5c0578e3c6fff60f"},
};

static int setup(void **state)
{
	*state = crypto_new();
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	crypto_free(*state);
	return 0;
}

/* One side of a vector: draws x, must publish gx, and must agree on gir with the peer. */
static void check_side(struct crypto *c, uint16_t id, const char *x, const char *gx, const char *peer, const char *gir)
{
	struct block xb = unhex(x), pub = block_new(dh_public_len(id)), peer_b = unhex(peer);
	struct block out = block_new(strlen(gir) / 2);
	struct tape t = tape_of(xb);
	struct dh_private priv;
	size_t n;
	assert_int_equal(dh_generate(c, &t.rng, id, &priv, pub.p), 0);
	assert_int_equal(t.draws, 1);
	assert_int_equal(priv.len, xb.n);
	assert_hex(pub.p, pub.n, gx);
	assert_int_equal(dh_shared(c, &priv, block_span(peer_b), out.p, &n), 0);
	assert_hex(out.p, n, gir);
	free(xb.p);
	free(pub.p);
	free(peer_b.p);
	free(out.p);
}

static void test_vectors(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		check_side(*state, vectors[i].id, vectors[i].i, vectors[i].gi, vectors[i].gr, vectors[i].gir);
		check_side(*state, vectors[i].id, vectors[i].r, vectors[i].gr, vectors[i].gi, vectors[i].gir);
	}
}

/* --- against the library's high-level interface --- */

static EVP_PKEY *modp1024_parameters(void)
{
	BIGNUM *p = BN_get_rfc2409_prime_1024(NULL), *g = BN_new();
	OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "DH", NULL);
	EVP_PKEY *k = NULL;
	assert_true(BN_set_word(g, 2) && OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_FFC_P, p) &&
	            OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_FFC_G, g));
	OSSL_PARAM *set = OSSL_PARAM_BLD_to_param(b);
	assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
	assert_int_equal(EVP_PKEY_fromdata(ctx, &k, EVP_PKEY_KEY_PARAMETERS, set), 1);
	OSSL_PARAM_free(set);
	OSSL_PARAM_BLD_free(b);
	EVP_PKEY_CTX_free(ctx);
	BN_free(p);
	BN_free(g);
	return k;
}

static EVP_PKEY *library_key(const struct group *g)
{
	EVP_PKEY *params = g->id == DH_MODP_1024 ? modp1024_parameters() : NULL, *k = NULL;
	EVP_PKEY_CTX *ctx = params ? EVP_PKEY_CTX_new_from_pkey(NULL, params, NULL)
	                           : EVP_PKEY_CTX_new_from_name(NULL, g->type, NULL);
	assert_int_equal(EVP_PKEY_keygen_init(ctx), 1);
	if (g->name)
		assert_int_equal(EVP_PKEY_CTX_set_group_name(ctx, g->name), 1);
	assert_int_equal(EVP_PKEY_generate(ctx, &k), 1);
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(params);
	return k;
}

/* As on IKE's wire: without the 4 in front of a point. */
static struct block library_public(EVP_PKEY *k, const struct group *g)
{
	uint8_t *p = NULL;
	size_t n = EVP_PKEY_get1_encoded_public_key(k, &p), skip = g->type[0] == 'E';
	struct block b = block_new(g->pub);
	assert_int_equal(n, g->pub + skip);
	memcpy(b.p, p + skip, b.n);
	OPENSSL_free(p);
	return b;
}

static struct block library_shared(EVP_PKEY *own, const struct group *g, const uint8_t *pub)
{
	uint8_t wire[1 + DH_PUBLIC_MAX] = {4};
	size_t skip = g->type[0] == 'E';
	memcpy(wire + skip, pub, g->pub);
	EVP_PKEY *peer = EVP_PKEY_new();
	assert_int_equal(EVP_PKEY_copy_parameters(peer, own), 1);
	assert_int_equal(EVP_PKEY_set1_encoded_public_key(peer, wire, g->pub + skip), 1);

	EVP_PKEY_CTX *d = EVP_PKEY_CTX_new_from_pkey(NULL, own, NULL);
	struct block b = block_new(g->shared);
	assert_int_equal(EVP_PKEY_derive_init(d), 1);
	if (g->type[0] == 'D')
		assert_int_equal(EVP_PKEY_CTX_set_dh_pad(d, 1), 1);
	assert_int_equal(EVP_PKEY_derive_set_peer(d, peer), 1);
	assert_int_equal(EVP_PKEY_derive(d, b.p, &b.n), 1);
	assert_int_equal(b.n, g->shared);
	EVP_PKEY_CTX_free(d);
	EVP_PKEY_free(peer);
	return b;
}

static EVP_PKEY *library_curve_key(const struct group *g, struct block *pub)
{
	EVP_PKEY *k = EVP_PKEY_Q_keygen(NULL, NULL, g->type);
	size_t n = g->pub;
	*pub = block_new(g->pub);
	assert_int_equal(EVP_PKEY_get_raw_public_key(k, pub->p, &n), 1);
	return k;
}

static struct block library_curve_shared(EVP_PKEY *own, const struct group *g, const uint8_t *pub)
{
	EVP_PKEY *peer = EVP_PKEY_new_raw_public_key_ex(NULL, g->type, NULL, pub, g->pub);
	EVP_PKEY_CTX *d = EVP_PKEY_CTX_new_from_pkey(NULL, own, NULL);
	struct block b = block_new(g->shared);
	assert_int_equal(EVP_PKEY_derive_init(d), 1);
	assert_int_equal(EVP_PKEY_derive_set_peer(d, peer), 1);
	assert_int_equal(EVP_PKEY_derive(d, b.p, &b.n), 1);
	EVP_PKEY_CTX_free(d);
	EVP_PKEY_free(peer);
	return b;
}

static void test_against_library(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
		const struct group *g = &groups[i];
		bool curve = g->type[0] == 'X';
		struct block theirs, ours = block_new(g->pub), out = block_new(g->shared), want;
		EVP_PKEY *k = curve ? library_curve_key(g, &theirs) : library_key(g);
		if (!curve)
			theirs = library_public(k, g);
		struct dh_private priv;
		size_t n = 0;
		assert_int_equal(dh_generate(*state, crypto_rng(), g->id, &priv, ours.p), 0);
		assert_int_equal(dh_shared(*state, &priv, block_span(theirs), out.p, &n), 0);
		assert_int_equal(n, g->shared);
		want = curve ? library_curve_shared(k, g, ours.p) : library_shared(k, g, ours.p);
		assert_memory_equal(out.p, want.p, n);
		free(theirs.p);
		free(ours.p);
		free(out.p);
		free(want.p);
		EVP_PKEY_free(k);
	}
}

/* --- the rules --- */

static void test_table(void **state)
{
	(void)state;
	unsigned count = 0;
	for (unsigned id = 0; id <= 65535; id++) {
		count += dh_supported((uint16_t)id);
		assert_int_equal(dh_supported((uint16_t)id), dh_public_len((uint16_t)id) != 0);
	}
	assert_int_equal(count, ARRAY_LEN(groups));
	for (size_t i = 0; i < ARRAY_LEN(groups); i++)
		assert_int_equal(dh_public_len(groups[i].id), groups[i].pub);

	/* All that the model offers, and nothing else. */
	size_t n, model = 0;
	const struct algo *t = algo_table(&n);
	for (size_t i = 0; i < n; i++)
		model += t[i].type == T_DH && t[i].id != DH_NONE && dh_supported(t[i].id);
	assert_int_equal(model, count);
}

static void test_private_values(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
		const struct group *g = &groups[i];
		struct dh_private a, b;
		struct block pa = block_new(g->pub), pb = block_new(g->pub);
		assert_int_equal(dh_generate(*state, crypto_rng(), g->id, &a, pa.p), 0);
		assert_int_equal(dh_generate(*state, crypto_rng(), g->id, &b, pb.p), 0);
		assert_int_equal(a.group, g->id);
		assert_int_equal(a.len, g->priv);
		assert_memory_not_equal(a.b, b.b, a.len);
		assert_memory_not_equal(pa.p, pb.p, pa.n);
		assert_true(all_zero(a.b + a.len, sizeof a.b - a.len));
		if (g->type[0] == 'D' && g->id != DH_MODP_2048_256)
			assert_true(a.b[0] & 0x80);
		free(pa.p);
		free(pb.p);
	}
}

/* A value that is kept gives what it gave before, any other one what it gives anyway. */
static void test_kept(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
		const struct group *g = &groups[i];
		struct dh_private own[2], peer;
		struct block pub = block_new(g->pub), theirs = block_new(g->pub);
		uint8_t want[2][DH_SHARED_MAX], got[DH_SHARED_MAX];
		size_t n[2], len;
		assert_int_equal(dh_generate(*state, crypto_rng(), g->id, &peer, theirs.p), 0);
		for (int k = 0; k < 2; k++) {
			assert_int_equal(dh_generate(*state, crypto_rng(), g->id, &own[k], pub.p), 0);
			assert_int_equal(dh_shared(*state, &own[k], block_span(theirs), want[k], &n[k]), 0);
		}
		for (int kept = 0; kept < 3; kept++) { /* the last time: none */
			dh_keep(*state, kept < 2 ? &own[kept] : NULL);
			for (int k = 0; k < 4; k++) {
				assert_int_equal(dh_shared(*state, &own[k % 2], block_span(theirs), got, &len), 0);
				assert_int_equal(len, n[k % 2]);
				assert_memory_equal(got, want[k % 2], len);
			}
		}
		free(pub.p);
		free(theirs.p);
	}
}

static void test_unknown_group(void **state)
{
	static const uint16_t bad[] = {0, 1, 3, 4, 6, 13, 22, 23, 25, 26, 27, 30, 33, 35, 65535};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct dh_private priv;
		uint8_t pub[DH_PUBLIC_MAX], out[DH_SHARED_MAX];
		size_t n = 7;
		memset(&priv, 0xee, sizeof priv);
		assert_int_equal(dh_generate(*state, crypto_rng(), bad[i], &priv, pub), -EINVAL);
		assert_true(all_zero((uint8_t *)&priv, sizeof priv));
		priv.group = bad[i];
		assert_int_equal(dh_shared(*state, &priv, SPAN(pub, 128), out, &n), -EINVAL);
		assert_int_equal(n, 0);
	}
}

/* The error for a peer's value, with every output wiped. */
static void assert_shared(struct crypto *c, const struct group *g, const uint8_t *peer, size_t n, int want)
{
	struct dh_private priv;
	struct block pub = block_new(g->pub), out = block_new(g->shared), exact = block_new(n);
	size_t got = 99;
	assert_int_equal(dh_generate(c, crypto_rng(), g->id, &priv, pub.p), 0);
	memset(out.p, 0xee, out.n);
	if (n)
		memcpy(exact.p, peer, n);
	assert_int_equal(dh_shared(c, &priv, block_span(exact), out.p, &got), want);
	assert_int_equal(got, want ? 0 : g->shared);
	if (want)
		assert_true(all_zero(out.p, out.n));
	free(pub.p);
	free(out.p);
	free(exact.p);
}

static void test_wrong_lengths(void **state)
{
	static const size_t other[] = {0, 1, 2, 31, 512, 513, 4096, 65531};
	uint8_t *p = malloc(65536);
	assert_non_null(p);
	memset(p, 0x55, 65536);
	for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
		const struct group *g = &groups[i];
		assert_shared(*state, g, p, g->pub - 1, -EINVAL);
		assert_shared(*state, g, p, g->pub + 1, -EINVAL);
		for (size_t j = 0; j < ARRAY_LEN(other); j++) {
			if (other[j] != g->pub)
				assert_shared(*state, g, p, other[j], -EINVAL);
		}
	}
	free(p);
}

static void test_private_of_wrong_length(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
		const struct group *g = &groups[i];
		struct dh_private priv;
		struct block pub = block_new(g->pub), out = block_new(g->shared);
		size_t n;
		assert_int_equal(dh_generate(*state, crypto_rng(), g->id, &priv, pub.p), 0);
		priv.len--;
		assert_int_equal(dh_shared(*state, &priv, block_span(pub), out.p, &n), -EINVAL);
		free(pub.p);
		free(out.p);
	}
}

/* 0, 1, p - 1, p, p + 1 and all ones; and 2 and p - 2 are taken. */
static void check_modp_edges(struct crypto *c, const struct group *g, const BIGNUM *p)
{
	static const struct {
		int times_p, plus, want;
	} edges[] = {
		{0, 0, -EINVAL}, {0, 1, -EINVAL},  {0, 2, 0},      {1, -2, 0},
		{1, -1, -EINVAL}, {1, 0, -EINVAL}, {1, 1, -EINVAL}, {1, 2, -EINVAL},
	};
	uint8_t y[DH_PUBLIC_MAX];
	for (size_t i = 0; i < ARRAY_LEN(edges); i++) {
		BIGNUM *n = edges[i].times_p ? BN_dup(p) : BN_new();
		if (edges[i].plus < 0)
			assert_int_equal(BN_sub_word(n, (BN_ULONG)-edges[i].plus), 1);
		else
			assert_int_equal(BN_add_word(n, (BN_ULONG)edges[i].plus), 1);
		assert_int_equal(BN_bn2binpad(n, y, (int)g->pub), g->pub);
		/* In group 24 neither 2 nor p - 2 is in the subgroup. */
		assert_shared(c, g, y, g->pub, g->id == DH_MODP_2048_256 ? -EINVAL : edges[i].want);
		BN_free(n);
	}
	memset(y, 0xff, sizeof y);
	assert_shared(c, g, y, g->pub, -EINVAL);
}

static BIGNUM *library_number(const struct group *g, const char *which)
{
	EVP_PKEY *k = library_key(g);
	BIGNUM *n = NULL;
	assert_int_equal(EVP_PKEY_get_bn_param(k, which, &n), 1);
	EVP_PKEY_free(k);
	return n;
}

static void test_modp_edges(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
		if (groups[i].type[0] != 'D')
			continue;
		BIGNUM *p = library_number(&groups[i], OSSL_PKEY_PARAM_FFC_P);
		check_modp_edges(*state, &groups[i], p);
		BN_free(p);
	}
}

/* RFC 6989 2.2: the generator is in the subgroup of group 24, its negative is not. */
static void test_modp_subgroup(void **state)
{
	const struct group *g = &groups[7];
	uint8_t y[256];
	assert_int_equal(g->id, DH_MODP_2048_256);
	BIGNUM *p = library_number(g, OSSL_PKEY_PARAM_FFC_P), *gen = library_number(g, OSSL_PKEY_PARAM_FFC_G);
	assert_int_equal(BN_bn2binpad(gen, y, 256), 256);
	assert_shared(*state, g, y, 256, 0);
	assert_int_equal(BN_sub(gen, p, gen), 1);
	assert_int_equal(BN_bn2binpad(gen, y, 256), 256);
	assert_shared(*state, g, y, 256, -EINVAL);
	BN_free(p);
	BN_free(gen);
}

static void encode(const BIGNUM *x, const BIGNUM *y, const struct group *g, uint8_t *out)
{
	int half = (int)g->pub / 2;
	assert_int_equal(BN_bn2binpad(x, out, half), half);
	assert_int_equal(BN_bn2binpad(y, out + half, half), half);
}

static void check_ecp(struct crypto *c, const struct group *g, int nid)
{
	EC_GROUP *ec = EC_GROUP_new_by_curve_name(nid);
	EC_POINT *pt = EC_POINT_new(ec);
	BIGNUM *x = BN_new(), *y = BN_new(), *p = BN_new();
	uint8_t wire[132];
	assert_int_equal(EC_GROUP_get_curve(ec, p, NULL, NULL, NULL), 1);
	/* The point with the smallest x: x + p still has room, and names the same residue. */
	for (BN_ULONG v = 1; BN_set_word(x, v) == 1; v++) {
		if (EC_POINT_set_compressed_coordinates(ec, pt, x, 0, NULL) == 1)
			break;
	}
	assert_int_equal(EC_POINT_get_affine_coordinates(ec, pt, x, y, NULL), 1);
	encode(x, y, g, wire);
	assert_shared(c, g, wire, g->pub, 0);

	assert_int_equal(BN_add(x, x, p), 1);
	encode(x, y, g, wire);
	assert_shared(c, g, wire, g->pub, -EINVAL);
	assert_int_equal(BN_sub(x, x, p), 1);
	if (nid == NID_secp521r1) {
		assert_int_equal(BN_add(y, y, p), 1);
		encode(x, y, g, wire);
		assert_shared(c, g, wire, g->pub, -EINVAL);
		assert_int_equal(BN_sub(y, y, p), 1);
	}
	/* Off the curve: y + 1; x and y exchanged. */
	assert_int_equal(BN_add_word(y, 1), 1);
	encode(x, y, g, wire);
	assert_shared(c, g, wire, g->pub, -EINVAL);
	assert_int_equal(BN_sub_word(y, 1), 1);
	encode(y, x, g, wire);
	assert_shared(c, g, wire, g->pub, -EINVAL);
	memset(wire, 0, sizeof wire);
	assert_shared(c, g, wire, g->pub, -EINVAL);
	memset(wire, 0xff, sizeof wire);
	assert_shared(c, g, wire, g->pub, -EINVAL);
	BN_free(x);
	BN_free(y);
	BN_free(p);
	EC_POINT_free(pt);
	EC_GROUP_free(ec);
}

static void test_ecp_points(void **state)
{
	check_ecp(*state, &groups[8], NID_X9_62_prime256v1);
	check_ecp(*state, &groups[9], NID_secp384r1);
	check_ecp(*state, &groups[10], NID_secp521r1);
}

/* A bit flipped anywhere leaves the curve (or the field). */
static void test_ecp_bit_flips(void **state)
{
	const struct group *g = &groups[8];
	struct block pub = unhex(vectors[0].gr);
	for (size_t bit = 0; bit < g->pub * 8; bit++) {
		pub.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_shared(*state, g, pub.p, g->pub, -EINVAL);
		pub.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	free(pub.p);
}

/* Points of low order: the result would be all zero (RFC 7748 6, RFC 8031 2.4). */
static void test_low_order(void **state)
{
	static const struct {
		size_t group;
		const char *point;
	} bad[] = {
		{11, "0000000000000000000000000000000000000000000000000000000000000000"},
		{11, "0000000000000000000000000000000000000000000000000000000000000080"},
		{11, "0100000000000000000000000000000000000000000000000000000000000000"},
		{11, "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"},
		{11, "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"},
		{11, "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"},
		{11, "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"},
		{11, "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"},
		{12, "0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
		     "000000000000000000"},
		{12, "0100000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
		     "000000000000000000"},
		{12, "fefffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffffffffffffffffffffffffffffffff"
		     "ffffffffffffffffff"},
		{12, "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffffffffffffffffffffffffffffffff"
		     "ffffffffffffffffff"},
		{12, "00000000000000000000000000000000000000000000000000000000ffffffffffffffffffffffffffffffffffffff"
		     "ffffffffffffffffff"},
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct block b = unhex(bad[i].point);
		assert_int_equal(b.n, groups[bad[i].group].pub);
		assert_shared(*state, &groups[bad[i].group], b.p, b.n, -EINVAL);
		free(b.p);
	}
}

/* RFC 8031 2.3, RFC 7748 5: the highest bit of an X25519 value does not count. */
static void test_high_bit(void **state)
{
	struct block x = unhex(vectors[3].i), peer = unhex(vectors[3].gr), pub = block_new(32), out = block_new(32);
	struct tape t = tape_of(x);
	struct dh_private priv;
	size_t n;
	assert_int_equal(dh_generate(*state, &t.rng, DH_CURVE25519, &priv, pub.p), 0);
	peer.p[31] |= 0x80;
	assert_int_equal(dh_shared(*state, &priv, block_span(peer), out.p, &n), 0);
	assert_hex(out.p, n, vectors[3].gir);
	free(x.p);
	free(peer.p);
	free(pub.p);
	free(out.p);
}

/* --- the draw of scalars --- */

/* The order itself and zero are thrown away, the order - 1 is taken. */
static void test_draw_rejects(void **state)
{
	struct block draws = unhex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"
	                           "0000000000000000000000000000000000000000000000000000000000000000"
	                           "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
	                           "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550");
	struct tape t = tape_of(draws);
	struct dh_private priv;
	uint8_t pub[64];
	assert_int_equal(dh_generate(*state, &t.rng, DH_ECP_256, &priv, pub), 0);
	assert_int_equal(t.draws, 4);
	assert_memory_equal(priv.b, draws.p + 96, 32);
	/* (n - 1) G = -G has the generator's x. */
	assert_hex(pub, 32, "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296");
	free(draws.p);
}

/* P-521 has 521 bits in 66 octets: the upper seven are not drawn. */
static void test_draw_masks(void **state)
{
	struct block draw = block_new(66);
	memset(draw.p, 0xfe, draw.n);
	struct tape t = tape_of(draw);
	struct dh_private priv;
	uint8_t pub[132];
	assert_int_equal(dh_generate(*state, &t.rng, DH_ECP_521, &priv, pub), 0);
	assert_int_equal(priv.b[0], 0);
	assert_int_equal(priv.b[1], 0xfe);
	free(draw.p);
}

/* A generator that yields nothing usable ends in an error, not in a loop. */
static void test_broken_rng(void **state)
{
	static const uint16_t ids[] = {DH_ECP_256, DH_ECP_384, DH_ECP_521, DH_MODP_2048_256};
	static const uint8_t fill[] = {0x00, 0xff};
	for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
		for (size_t f = 0; f < ARRAY_LEN(fill); f++) {
			struct block draw = block_new(1), pub = block_new(dh_public_len(ids[i]));
			struct dh_private priv;
			draw.p[0] = fill[f];
			memset(pub.p, 0xee, pub.n);
			struct tape t = tape_of(draw);
			assert_int_equal(dh_generate(*state, &t.rng, ids[i], &priv, pub.p), -EIO);
			assert_true(all_zero((uint8_t *)&priv, sizeof priv));
			assert_true(all_zero(pub.p, pub.n));
			free(draw.p);
			free(pub.p);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),       cmocka_unit_test(test_against_library),
		cmocka_unit_test(test_table),         cmocka_unit_test(test_private_values),
		cmocka_unit_test(test_kept),
		cmocka_unit_test(test_unknown_group), cmocka_unit_test(test_wrong_lengths),
		cmocka_unit_test(test_private_of_wrong_length),
		cmocka_unit_test(test_modp_edges),    cmocka_unit_test(test_modp_subgroup),
		cmocka_unit_test(test_ecp_points),    cmocka_unit_test(test_ecp_bit_flips),
		cmocka_unit_test(test_low_order),     cmocka_unit_test(test_high_bit),
		cmocka_unit_test(test_draw_rejects),  cmocka_unit_test(test_draw_masks),
		cmocka_unit_test(test_broken_rng),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
