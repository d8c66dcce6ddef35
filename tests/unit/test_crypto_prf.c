/* prf and prf+ against RFC 2202, RFC 4231 and python's hmac; their limits. */
#include "test_crypto_hex.h"

#include <errno.h>

struct vector {
	uint16_t prf;
	const char *key, *data, *out;
};

/* RFC 2202 3 (SHA-1), RFC 4231 4.2 to 4.8 without the truncated 4.6, and an empty key (python). */
static const struct vector prf_vectors[] = {
	{PRF_HMAC_SHA1,
	 "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
	 "4869205468657265",
	 "b617318655057264e28bc0b6fb378c8ef146be00"},
	{PRF_HMAC_SHA1,
	 "4a656665",
	 "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
	 "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"},
	{PRF_HMAC_SHA1,
	 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	 "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"
	 "dddd",
	 "125d7342b9ac11cd91a39af48aa17b4f63f175d3"},
	{PRF_HMAC_SHA1,
	 "0102030405060708090a0b0c0d0e0f10111213141516171819",
	 "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"
	 "cdcd",
	 "4c9007f4026250c6bc8414f9bf50c86c2d7235da"},
	{PRF_HMAC_SHA1,
	 "0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c",
	 "546573742057697468205472756e636174696f6e",
	 "4c1a03424b55e07fe7f27be1d58bb9324a9a5a04"},
	{PRF_HMAC_SHA1,
	 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	 "54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a65204b6579202d2048617368204b6579"
	 "204669727374",
	 "aa4ae5e15272d00e95705637ce8a3b55ed402112"},
	{PRF_HMAC_SHA1,
	 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	 "54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a65204b657920616e64204c6172676572"
	 "205468616e204f6e6520426c6f636b2d53697a652044617461",
	 "e8e99d0f45237d786d6bbaa7965c7808bbff1a91"},
	{PRF_HMAC_SHA1, "", "6b6579206f66206e6f206f6374657473",
	 "164b2c643f7e6dcd0c01a20f3ee8a6de72d848aa"},
	{PRF_HMAC_SHA2_256,
	 "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
	 "4869205468657265",
	 "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
	{PRF_HMAC_SHA2_256,
	 "4a656665",
	 "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
	 "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
	{PRF_HMAC_SHA2_256,
	 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	 "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"
	 "dddd",
	 "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
	{PRF_HMAC_SHA2_256,
	 "0102030405060708090a0b0c0d0e0f10111213141516171819",
	 "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"
	 "cdcd",
	 "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
	{PRF_HMAC_SHA2_256,
	 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	 "54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a65204b6579202d2048617368204b6579"
	 "204669727374",
	 "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
	{PRF_HMAC_SHA2_256,
	 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	 "5468697320697320612074657374207573696e672061206c6172676572207468616e20626c6f636b2d73697a65206b65"
	 "7920616e642061206c6172676572207468616e20626c6f636b2d73697a6520646174612e20546865206b6579206e6565"
	 "647320746f20626520686173686564206265666f7265206265696e6720757365642062792074686520484d414320616c"
	 "676f726974686d2e",
	 "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
	{PRF_HMAC_SHA2_256, "", "6b6579206f66206e6f206f6374657473",
	 "4d2ca3f45266847e9abbe7975bfef2e340ba8546ee211fe86ac729da6891585a"},
	{PRF_HMAC_SHA2_384,
	 "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
	 "4869205468657265",
	 "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076ede7f4af152e8b2fa9cb6"},
	{PRF_HMAC_SHA2_384,
	 "4a656665",
	 "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
	 "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649"},
	{PRF_HMAC_SHA2_384,
	 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	 "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"
	 "dddd",
	 "88062608d3e6ad8a0aa2ace014c8a86f0aa635d947ac9febe83ef4e55966144b2a5ab39dc13814b94e3ab6e101a34f27"},
	{PRF_HMAC_SHA2_384,
	 "0102030405060708090a0b0c0d0e0f10111213141516171819",
	 "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"
	 "cdcd",
	 "3e8a69b7783c25851933ab6290af6ca77a9981480850009cc5577c6e1f573b4e6801dd23c4a7d679ccf8a386c674cffb"},
	{PRF_HMAC_SHA2_384,
	 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	 "54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a65204b6579202d2048617368204b6579"
	 "204669727374",
	 "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c60c2ef6ab4030fe8296248df163f44952"},
	{PRF_HMAC_SHA2_384,
	 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	 "5468697320697320612074657374207573696e672061206c6172676572207468616e20626c6f636b2d73697a65206b65"
	 "7920616e642061206c6172676572207468616e20626c6f636b2d73697a6520646174612e20546865206b6579206e6565"
	 "647320746f20626520686173686564206265666f7265206265696e6720757365642062792074686520484d414320616c"
	 "676f726974686d2e",
	 "6617178e941f020d351e2f254e8fd32c602420feb0b8fb9adccebb82461e99c5a678cc31e799176d3860e6110c46523e"},
	{PRF_HMAC_SHA2_384, "", "6b6579206f66206e6f206f6374657473",
	 "00d176ca9fb1bb5034af9f328ef31cc927ce173c6eb403985fc0c55eabd150fa9c64ae50ff20bcc53c9f3660023f8f59"},
	{PRF_HMAC_SHA2_512,
	 "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
	 "4869205468657265",
	 "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702038b274eaea3f4e4"
	 "be9d914eeb61f1702e696c203a126854"},
	{PRF_HMAC_SHA2_512,
	 "4a656665",
	 "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
	 "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fd"
	 "caeab1a34d4a6b4b636e070a38bce737"},
	{PRF_HMAC_SHA2_512,
	 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	 "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"
	 "dddd",
	 "fa73b0089d56a284efb0f0756c890be9b1b5dbdd8ee81a3655f83e33b2279d39bf3e848279a722c806b485a47e67c807"
	 "b946a337bee8942674278859e13292fb"},
	{PRF_HMAC_SHA2_512,
	 "0102030405060708090a0b0c0d0e0f10111213141516171819",
	 "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"
	 "cdcd",
	 "b0ba465637458c6990e5a8c5f61d4af7e576d97ff94b872de76f8050361ee3dba91ca5c11aa25eb4d679275cc5788063"
	 "a5f19741120c4f2de2adebeb10a298dd"},
	{PRF_HMAC_SHA2_512,
	 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	 "54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a65204b6579202d2048617368204b6579"
	 "204669727374",
	 "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f3526b56d037e05f2598bd0fd2215d6a1e52"
	 "95e64f73f63f0aec8b915a985d786598"},
	{PRF_HMAC_SHA2_512,
	 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	 "5468697320697320612074657374207573696e672061206c6172676572207468616e20626c6f636b2d73697a65206b65"
	 "7920616e642061206c6172676572207468616e20626c6f636b2d73697a6520646174612e20546865206b6579206e6565"
	 "647320746f20626520686173686564206265666f7265206265696e6720757365642062792074686520484d414320616c"
	 "676f726974686d2e",
	 "e37b6a775dc87dbaa4dfa9f96e5e3ffddebd71f8867289865df5a32d20cdc944b6022cac3c4982b10d5eeb55c3e4de15"
	 "134676fb6de0446065c97440fa8c6a58"},
	{PRF_HMAC_SHA2_512, "", "6b6579206f66206e6f206f6374657473",
	 "396bfaa3df0ca7ae582582899b56faecfe314cf1e48c9198914a59627aa26cd9085a95fcb4f14fcb5d1a2f3d4c221401"
	 "9ba56ca655fe5f5eebd22f2b01f5ea17"},
};

/* key: 11 12 13 ... (32 octets), seed: a0 a1 a2 ... (80 octets); python's hmac. */
static const struct {
	uint16_t prf;
	const char *out; /* 150 octets */
	const char *whole; /* SHA-1 of 255 blocks */
} plus_vectors[] = {
	{PRF_HMAC_SHA1,
	 "7230fef33ce493dfba3f7533b993fbe8332601b125725f1e164fa5e3c30308b2a7cb129e48129e654bb0b5b43c5b2da0"
	 "4cd04b8a86adf9de33f9e91099696e5269f160ca2eb1ad3ad5c40f40ba05961c2b149811ebce853b28f2d6a9299bdc37"
	 "07f946c22365314c1804b14dce3e6281d9b9a96ac7f95ab474ce840850fc4b5b47ada41a8c0efd196f933957211292c6"
	 "e31c743f3b97",
	 "2c3cf1034081d7f683d8db12448438a3ff829960"},
	{PRF_HMAC_SHA2_256,
	 "3abdec92dbdf6e765220dceeb1d1cef6699b7dfb0a7cb15acf0899af1b95dd713dbafc8b5e3c6eb23fdf89d4119e7a01"
	 "3fdfd8c8412d6192dff3d7ab7b75e415eb082218ef036475d04acfaa154d62fd6942495a56ff67303c0ecd51f7f8aba6"
	 "402c176e27a1dc3377e5bbf05b12e34b4d325908b1ed3c13f3df7b66f6bcf23821130c5334d3a1cd88589d2924394f0c"
	 "1d144248866a",
	 "77dc5142ceb55ccceeffc81a7365fc207686873d"},
	{PRF_HMAC_SHA2_384,
	 "ed9987d48db561b1d714190d29c604c85254627d0090d55fbcfc61410e44d58f9cc69535d489089184932c1f49042203"
	 "ada106a8e6f769dbb132839310c0f6fafb83a041e49b2ba4b42212be3d881f5f6246a3c7eef734296f0a4c4bc1ba4e2e"
	 "531e7e935c8a2ef50a1344c05f189b05eb4f62b799a5aa744872a22aba043a4a0c42a7c039c1d83e2a911f482d819e19"
	 "30b81b26f2a4",
	 "26ffc0400dbd9c5dd6210e8ecf0414411d3b6d00"},
	{PRF_HMAC_SHA2_512,
	 "06d5c3c61f5308df523d2c1a9f66dad97a077b42943a5065ea1ba67664b55e0963f0cb00357b8b858733f9f0f38974ef"
	 "449809edc726b5461a49d650184b02bc829be8ec900ba39aa3866d371283673285ec29728e6c899d3a3f3147b39c3202"
	 "772d50a147e6fa3667435975d524df0faae8782aa0bb8db4ad971c9b8f7fbbf28ea9fabf8d82c8caced1f2de687c55ac"
	 "fcbf0a85add8",
	 "3e6284bca48fd32d72de0a4132263ca3a3558ab1"},
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

static void test_prf_vectors(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(prf_vectors); i++) {
		const struct vector *v = &prf_vectors[i];
		struct block key = unhex(v->key), data = unhex(v->data), out = block_new(prf_len(v->prf));
		struct span s = block_span(data);
		assert_int_equal(prf(*state, v->prf, block_span(key), &s, 1, out.p), 0);
		assert_hex(out.p, out.n, v->out);
		free(key.p);
		free(data.p);
		free(out.p);
	}
}

/* Where the data is cut, and empty spans between, make no difference. */
static void test_prf_spans(void **state)
{
	const struct vector *v = &prf_vectors[ARRAY_LEN(prf_vectors) - 2];
	struct block key = unhex(v->key), data = unhex(v->data), out = block_new(prf_len(v->prf));
	for (size_t cut = 0; cut <= data.n; cut++) {
		struct span s[4] = {SPAN(data.p, cut), SPAN(NULL, 0), SPAN(data.p + cut, data.n - cut), SPAN(NULL, 0)};
		assert_int_equal(prf(*state, v->prf, block_span(key), s, 4, out.p), 0);
		assert_hex(out.p, out.n, v->out);
	}
	free(key.p);
	free(data.p);
	free(out.p);
}

static void test_prf_no_data(void **state)
{
	uint8_t out[64];
	/* HMAC-SHA-1 of nothing under no key: a constant. */
	assert_int_equal(prf(*state, PRF_HMAC_SHA1, SPAN(NULL, 0), NULL, 0, out), 0);
	assert_hex(out, 20, "fbdb1d1b18aa6c08324b7d64b71fb76370690e1d");
}

static void test_prf_unknown(void **state)
{
	static const uint16_t bad[] = {0, 1, 3, 4, 8, 9, 65535};
	uint8_t out[64];
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(prf_len(bad[i]), 0);
		assert_int_equal(prf(*state, bad[i], SPAN("k", 1), &SPAN("d", 1), 1, out), -EINVAL);
		memset(out, 0xee, sizeof out);
		assert_int_equal(prf_plus(*state, bad[i], SPAN("k", 1), &SPAN("d", 1), 1, out, 20), -EINVAL);
		assert_true(all_zero(out, 20));
		assert_int_equal(out[20], 0xee);
	}
	assert_int_equal(prf_len(PRF_HMAC_SHA1), 20);
	assert_int_equal(prf_len(PRF_HMAC_SHA2_256), 32);
	assert_int_equal(prf_len(PRF_HMAC_SHA2_384), 48);
	assert_int_equal(prf_len(PRF_HMAC_SHA2_512), 64);
}

static void count_up(uint8_t *p, size_t n, unsigned from)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(from + i);
}

static void test_plus_vectors(void **state)
{
	uint8_t key[32], seed[80], sum[20];
	count_up(key, sizeof key, 0x11);
	count_up(seed, sizeof seed, 0xa0);
	struct span s[3] = {SPAN(seed, 32), SPAN(seed + 32, 32), SPAN(seed + 64, 16)}; /* Ni, Nr, SPIs */

	for (size_t i = 0; i < ARRAY_LEN(plus_vectors); i++) {
		uint16_t id = plus_vectors[i].prf;
		struct block want = unhex(plus_vectors[i].out);
		for (size_t n = 0; n <= want.n; n++) { /* all lengths, so all edges of a block */
			struct block out = block_new(n);
			assert_int_equal(prf_plus(*state, id, SPAN(key, 32), s, 3, out.p, n), 0);
			assert_memory_equal(out.p, want.p, n);
			free(out.p);
		}
		free(want.p);

		struct block whole = block_new(255 * prf_len(id) + 1);
		assert_int_equal(prf_plus(*state, id, SPAN(key, 32), s, 3, whole.p, whole.n - 1), 0);
		assert_int_equal(crypto_sha1(*state, &SPAN(whole.p, whole.n - 1), 1, sum), 0);
		assert_hex(sum, sizeof sum, plus_vectors[i].whole);
		/* RFC 7296 2.13: no 256th block */
		assert_int_equal(prf_plus(*state, id, SPAN(key, 32), s, 3, whole.p, whole.n), -EINVAL);
		assert_true(all_zero(whole.p, whole.n));
		free(whole.p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_prf_vectors),  cmocka_unit_test(test_prf_spans),
		cmocka_unit_test(test_prf_no_data),  cmocka_unit_test(test_prf_unknown),
		cmocka_unit_test(test_plus_vectors),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
