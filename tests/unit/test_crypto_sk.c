/* SK protection against RFC 3602, RFC 3686, NIST's and RFC 7634's vectors; then, for every
 * pair of algorithms, what must be refused: each flipped bit, each cut, each wrong key. */
#include "test_crypto_hex.h"

#include <errno.h>

struct vector {
	uint16_t encr, bits, integ;
	const char *e, *a, *aad, *iv, *plain, *sealed; /* sealed: without aad and iv */
};

/* The ICVs of the CBC and CTR rows are python's hmac over aad, iv and the ciphertext. */
static const struct vector vectors[] = {
	{/* RFC 3602 4, case 1 */
	 .encr = ENCR_AES_CBC, .bits = 128, .integ = AUTH_HMAC_SHA1_96,
	 .e = "06a9214036b8a15b512e03d534120006",
	 .a = "404142434445464748494a4b4c4d4e4f50515253",
	 .aad = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
	 .iv = "3dafba429d9eb430b422da802c9fac41",
	 .plain = "53696e676c6520626c6f636b206d7367",
	 .sealed = "e353779c1079aeb82708942dbe77181aeaa53b60bc4345e5407e9de4",
	},
	{/* RFC 3602 4, case 4 */
	 .encr = ENCR_AES_CBC, .bits = 128, .integ = AUTH_HMAC_SHA2_256_128,
	 .e = "56e47a38c5598974bc46903dba290349",
	 .a = "404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f",
	 .aad = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
	 .iv = "8ce82eefbea0da3c44699ed7db51b7d9",
	 .plain = "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecf"
		  "d0d1d2d3d4d5d6d7d8d9dadbdcdddedf",
	 .sealed = "c30e32ffedc0774e6aff6af0869f71aa0f3af07a9a31a9c684db207eb0ef8e4e35907aa632c3ffdf868bb7b29d3d46ad"
		  "83ce9f9a102ee99d49a53e87f4c3da55a19e575acfadddd822b30ff0cca570ea",
	},
	{/* NIST SP 800-38A F.2.3 */
	 .encr = ENCR_AES_CBC, .bits = 192, .integ = AUTH_HMAC_SHA2_384_192,
	 .e = "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
	 .a = "404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f606162636465666768696a6b6c6d6e6f",
	 .aad = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
	 .iv = "000102030405060708090a0b0c0d0e0f",
	 .plain = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52ef"
		  "f69f2445df4f9b17ad2b417be66c3710",
	 .sealed = "4f021db243bc633d7178183a9fa071e8b4d9ada9ad7dedf4e5e738763f69145a571b242012fb7ae07fa9baac3df102e0"
		  "08b0e27988598881d920a9e64f5615cdbbf1217d7a5d2d1359d1c58e8df439577fca75b97388f5af",
	},
	{/* NIST SP 800-38A F.2.5 */
	 .encr = ENCR_AES_CBC, .bits = 256, .integ = AUTH_HMAC_SHA2_512_256,
	 .e = "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
	 .a = "404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f606162636465666768696a6b6c6d6e6f"
		  "707172737475767778797a7b7c7d7e7f",
	 .aad = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
	 .iv = "000102030405060708090a0b0c0d0e0f",
	 .plain = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52ef"
		  "f69f2445df4f9b17ad2b417be66c3710",
	 .sealed = "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d39f23369a9d9bacfa530e26304231461"
		  "b2eb05e2c39be9fcda6c19078c6a9d1b02e66a41655cf3540e23e0ce8a92440021c32011149e399a3363106c244ce637",
	},
	{/* RFC 3686 6, vector 1 */
	 .encr = ENCR_AES_CTR, .bits = 128, .integ = AUTH_HMAC_SHA1_96,
	 .e = "ae6852f8121067cc4bf7a5765577f39e00000030",
	 .a = "404142434445464748494a4b4c4d4e4f50515253",
	 .aad = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
	 .iv = "0000000000000000",
	 .plain = "53696e676c6520626c6f636b206d7367",
	 .sealed = "e4095d4fb7a7b3792d6175a3261311b8ffd503d44365bcd71023ac95",
	},
	{/* RFC 3686 6, vector 2 */
	 .encr = ENCR_AES_CTR, .bits = 128, .integ = AUTH_HMAC_SHA2_256_128,
	 .e = "7e24067817fae0d743d6ce1f32539163006cb6db",
	 .a = "404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f",
	 .aad = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
	 .iv = "c0543b59da48d90b",
	 .plain = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
	 .sealed = "5104a106168a72d9790d41ee8edad388eb2e1efc46da57c8fce630df9141be2893c292bae8823427b1756ee21f938c55",
	},
	{/* RFC 3686 6, vector 3 */
	 .encr = ENCR_AES_CTR, .bits = 128, .integ = AUTH_HMAC_SHA2_384_192,
	 .e = "7691be035e5020a8ac6e618529f9a0dc00e0017b",
	 .a = "404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f606162636465666768696a6b6c6d6e6f",
	 .aad = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
	 .iv = "27777f3f4a1786f0",
	 .plain = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20212223",
	 .sealed = "c1cf48a89f2ffdd9cf4652e9efdb72d74540a42bde6d7836d59a5ceaaef3105325b2072fcee5398618f597aa121e919d"
		  "d5465fc13183746097d02e6f",
	},
	{/* RFC 3686 6, vector 4 */
	 .encr = ENCR_AES_CTR, .bits = 192, .integ = AUTH_HMAC_SHA2_512_256,
	 .e = "16af5b145fc9f579c175f93e3bfb0eed863d06ccfdb7851500000048",
	 .a = "404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f606162636465666768696a6b6c6d6e6f"
		  "707172737475767778797a7b7c7d7e7f",
	 .aad = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
	 .iv = "36733c147d6d93cb",
	 .plain = "53696e676c6520626c6f636b206d7367",
	 .sealed = "4b55384fe259c9c84e7935a003cbe92879f50d93653ceb85af909115ba4c335a9a5ddefe6316018291c69d81baa40d62",
	},
	{/* RFC 3686 6, vector 7 */
	 .encr = ENCR_AES_CTR, .bits = 256, .integ = AUTH_HMAC_SHA2_256_128,
	 .e = "776beff2851db06f4c8a0542c8696f6c6a81af1eec96b4d37fc1d689e6c1c10400000060",
	 .a = "404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f",
	 .aad = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
	 .iv = "db5672c97aa8f0b2",
	 .plain = "53696e676c6520626c6f636b206d7367",
	 .sealed = "145ad01dbf824ec7560863dc71e3e0c08b48edef76fcff2fdbe9e1d249be6424",
	},
	{/* GCM specification, test case 4 */
	 .encr = ENCR_AES_GCM_16, .bits = 128, .integ = AUTH_NONE,
	 .e = "feffe9928665731c6d6a8f9467308308cafebabe",
	 .a = "",
	 .aad = "feedfacedeadbeeffeedfacedeadbeefabaddad2",
	 .iv = "facedbaddecaf888",
	 .plain = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525"
		  "b16aedf5aa0de657ba637b39",
	 .sealed = "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa05"
		  "1ba30b396a0aac973d58e0915bc94fbc3221a5db94fae95ae7121a47",
	},
	{/* GCM specification, test case 10 */
	 .encr = ENCR_AES_GCM_16, .bits = 192, .integ = AUTH_NONE,
	 .e = "feffe9928665731c6d6a8f9467308308feffe9928665731ccafebabe",
	 .a = "",
	 .aad = "feedfacedeadbeeffeedfacedeadbeefabaddad2",
	 .iv = "facedbaddecaf888",
	 .plain = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525"
		  "b16aedf5aa0de657ba637b39",
	 .sealed = "3980ca0b3c00e841eb06fac4872a2757859e1ceaa6efd984628593b40ca1e19c7d773d00c144c525ac619d18c84a3f47"
		  "18e2448b2fe324d9ccda27102519498e80f1478f37ba55bd6d27618c",
	},
	{/* GCM specification, test case 16 */
	 .encr = ENCR_AES_GCM_16, .bits = 256, .integ = AUTH_NONE,
	 .e = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308cafebabe",
	 .a = "",
	 .aad = "feedfacedeadbeeffeedfacedeadbeefabaddad2",
	 .iv = "facedbaddecaf888",
	 .plain = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525"
		  "b16aedf5aa0de657ba637b39",
	 .sealed = "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838"
		  "c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b",
	},
	{/* GCM specification, test case 4, tag cut to 12 */
	 .encr = ENCR_AES_GCM_12, .bits = 128, .integ = AUTH_NONE,
	 .e = "feffe9928665731c6d6a8f9467308308cafebabe",
	 .a = "",
	 .aad = "feedfacedeadbeeffeedfacedeadbeefabaddad2",
	 .iv = "facedbaddecaf888",
	 .plain = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525"
		  "b16aedf5aa0de657ba637b39",
	 .sealed = "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa05"
		  "1ba30b396a0aac973d58e0915bc94fbc3221a5db94fae95a",
	},
	{/* GCM specification, test case 10, tag cut to 12 */
	 .encr = ENCR_AES_GCM_12, .bits = 192, .integ = AUTH_NONE,
	 .e = "feffe9928665731c6d6a8f9467308308feffe9928665731ccafebabe",
	 .a = "",
	 .aad = "feedfacedeadbeeffeedfacedeadbeefabaddad2",
	 .iv = "facedbaddecaf888",
	 .plain = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525"
		  "b16aedf5aa0de657ba637b39",
	 .sealed = "3980ca0b3c00e841eb06fac4872a2757859e1ceaa6efd984628593b40ca1e19c7d773d00c144c525ac619d18c84a3f47"
		  "18e2448b2fe324d9ccda27102519498e80f1478f37ba55bd",
	},
	{/* GCM specification, test case 16, tag cut to 12 */
	 .encr = ENCR_AES_GCM_12, .bits = 256, .integ = AUTH_NONE,
	 .e = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308cafebabe",
	 .a = "",
	 .aad = "feedfacedeadbeeffeedfacedeadbeefabaddad2",
	 .iv = "facedbaddecaf888",
	 .plain = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525"
		  "b16aedf5aa0de657ba637b39",
	 .sealed = "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838"
		  "c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853",
	},
	{/* GCM specification, test case 4, tag cut to 8 */
	 .encr = ENCR_AES_GCM_8, .bits = 128, .integ = AUTH_NONE,
	 .e = "feffe9928665731c6d6a8f9467308308cafebabe",
	 .a = "",
	 .aad = "feedfacedeadbeeffeedfacedeadbeefabaddad2",
	 .iv = "facedbaddecaf888",
	 .plain = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525"
		  "b16aedf5aa0de657ba637b39",
	 .sealed = "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa05"
		  "1ba30b396a0aac973d58e0915bc94fbc3221a5db",
	},
	{/* GCM specification, test case 10, tag cut to 8 */
	 .encr = ENCR_AES_GCM_8, .bits = 192, .integ = AUTH_NONE,
	 .e = "feffe9928665731c6d6a8f9467308308feffe9928665731ccafebabe",
	 .a = "",
	 .aad = "feedfacedeadbeeffeedfacedeadbeefabaddad2",
	 .iv = "facedbaddecaf888",
	 .plain = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525"
		  "b16aedf5aa0de657ba637b39",
	 .sealed = "3980ca0b3c00e841eb06fac4872a2757859e1ceaa6efd984628593b40ca1e19c7d773d00c144c525ac619d18c84a3f47"
		  "18e2448b2fe324d9ccda27102519498e80f1478f",
	},
	{/* GCM specification, test case 16, tag cut to 8 */
	 .encr = ENCR_AES_GCM_8, .bits = 256, .integ = AUTH_NONE,
	 .e = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308cafebabe",
	 .a = "",
	 .aad = "feedfacedeadbeeffeedfacedeadbeefabaddad2",
	 .iv = "facedbaddecaf888",
	 .plain = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525"
		  "b16aedf5aa0de657ba637b39",
	 .sealed = "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838"
		  "c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768",
	},
	{/* RFC 7634 B */
	 .encr = ENCR_CHACHA20_POLY1305, .bits = 0, .integ = AUTH_NONE,
	 .e = "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3",
	 .a = "",
	 .aad = "c0c1c2c3c4c5c6c7d0d1d2d3d4d5d6d72e202500000000090000004529000029",
	 .iv = "1011121314151617",
	 .plain = "0000000c000040010000000a00",
	 .sealed = "610394701f8d017f7c129248896b71bfe25236efd7cdc67066906315b2",
	},
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

static void set_key(struct secret *s, const char *hex)
{
	struct block b = unhex(hex);
	assert_true(secret_set(s, b.p, b.n));
	free(b.p);
}

static struct sk_keys vector_keys(const struct vector *v)
{
	struct sk_keys k = {.encr = v->encr, .encr_bits = v->bits, .integ = v->integ};
	set_key(&k.e, v->e);
	set_key(&k.a, v->a);
	return k;
}

/* aad | iv | ciphertext | icv */
static struct block vector_message(const struct vector *v)
{
	char hex[1024];
	struct sbuf b = SB(hex);
	sb_printf(&b, "%s%s%s", v->aad, v->iv, v->sealed);
	assert_false(b.cut);
	return unhex(hex);
}

static void test_seal_vectors(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		const struct vector *v = &vectors[i];
		struct sk_keys k = vector_keys(v);
		struct block iv = unhex(v->iv), aad = unhex(v->aad), plain = unhex(v->plain), want = vector_message(v);
		struct block buf = block_new(want.n);
		struct tape t = tape_of(iv);
		assert_int_equal(sk_iv_len(&k), iv.n);
		assert_int_equal(aad.n + iv.n + plain.n + sk_icv_len(&k), want.n);
		memcpy(buf.p, aad.p, aad.n);
		memcpy(buf.p + aad.n + iv.n, plain.p, plain.n);
		assert_int_equal(sk_seal(*state, &t.rng, &k, buf.p, aad.n, plain.n), 0);
		assert_int_equal(t.at, iv.n);
		assert_memory_equal(buf.p, want.p, want.n);
		free(iv.p);
		free(aad.p);
		free(plain.p);
		free(want.p);
		free(buf.p);
	}
}

static void test_open_vectors(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		const struct vector *v = &vectors[i];
		struct sk_keys k = vector_keys(v);
		struct block buf = vector_message(v), plain = unhex(v->plain);
		size_t aad = strlen(v->aad) / 2, n = 0;
		uint8_t *data = NULL;
		assert_int_equal(sk_open(*state, &k, buf.p, aad, buf.n, &data, &n), 0);
		assert_ptr_equal(data, buf.p + aad + sk_iv_len(&k));
		assert_int_equal(n, plain.n);
		assert_memory_equal(data, plain.p, n);
		free(buf.p);
		free(plain.p);
	}
}

/* --- every pair --- */

struct pair {
	uint16_t encr, bits, integ;
	uint8_t e_len, a_len, iv, icv, block;
};

/* Calls f for each pair of the model's tables that IKE may use, and counts them. */
static unsigned each_pair(void *state, void (*f)(struct crypto *, const struct pair *))
{
	size_t n;
	unsigned count = 0;
	const struct algo *t = algo_table(&n);
	for (size_t i = 0; i < n; i++) {
		struct pair p = {.encr = t[i].id, .bits = t[i].key_bits, .integ = AUTH_NONE, .iv = t[i].iv_len,
		                 .e_len = (uint8_t)(t[i].key_len + t[i].salt_len), .icv = t[i].icv_len,
		                 .block = t[i].block};
		if (t[i].type != T_ENCR)
			continue;
		for (size_t j = 0; j < n && !(t[i].flags & ALGO_AEAD); j++) {
			if (t[j].type != T_INTEG)
				continue;
			p.integ = t[j].id;
			p.a_len = t[j].key_len;
			p.icv = t[j].icv_len;
			f(state, &p);
			count++;
		}
		if (t[i].flags & ALGO_AEAD) {
			f(state, &p);
			count++;
		}
	}
	return count;
}

static struct sk_keys pair_keys(const struct pair *p)
{
	struct sk_keys k = {.encr = p->encr, .encr_bits = p->bits, .integ = p->integ};
	k.e.len = p->e_len;
	k.a.len = p->a_len;
	rng_fill(crypto_rng(), k.e.b, k.e.len);
	rng_fill(crypto_rng(), k.a.b, k.a.len);
	return k;
}

enum { AAD = 32 };

static struct block pair_sealed(struct crypto *c, const struct pair *p, const struct sk_keys *k, size_t n)
{
	struct block b = block_new(AAD + p->iv + n + p->icv);
	for (size_t i = 0; i < b.n; i++)
		b.p[i] = (uint8_t)i;
	assert_int_equal(sk_seal(c, crypto_rng(), k, b.p, AAD, n), 0);
	return b;
}

/* Refused, nothing handed out, and not an octet changed. */
static void assert_refused(struct crypto *c, const struct sk_keys *k, struct block b, size_t aad)
{
	uint8_t *data = b.p;
	size_t n = 1;
	struct block was = block_new(b.n);
	memcpy(was.p, b.p, b.n);
	assert_int_equal(sk_open(c, k, b.p, aad, b.n, &data, &n), -EBADMSG);
	assert_null(data);
	assert_int_equal(n, 0);
	assert_memory_equal(b.p, was.p, b.n);
	free(was.p);
}

static void pair_round_trip(struct crypto *c, const struct pair *p)
{
	struct sk_keys k = pair_keys(p);
	assert_true(sk_supported(p->encr, p->bits, p->integ));
	assert_int_equal(sk_block(&k), p->block);
	assert_int_equal(sk_iv_len(&k), p->iv);
	assert_int_equal(sk_icv_len(&k), p->icv);
	for (size_t n = p->block; n <= 80; n += p->block) {
		struct block b = pair_sealed(c, p, &k, n);
		uint8_t *data;
		size_t got;
		assert_int_equal(sk_open(c, &k, b.p, AAD, b.n, &data, &got), 0);
		assert_int_equal(got, n);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(data[i], (uint8_t)(AAD + p->iv + i));
		free(b.p);
	}
}

static void pair_bit_flips(struct crypto *c, const struct pair *p)
{
	struct sk_keys k = pair_keys(p);
	struct block b = pair_sealed(c, p, &k, 48);
	uint8_t *data;
	size_t n;
	for (size_t bit = 0; bit < b.n * 8; bit++) {
		b.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_refused(c, &k, b, AAD);
		b.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_int_equal(sk_open(c, &k, b.p, AAD, b.n, &data, &n), 0);
	free(b.p);
}

static void pair_cuts(struct crypto *c, const struct pair *p)
{
	struct sk_keys k = pair_keys(p);
	struct block b = pair_sealed(c, p, &k, 48);
	for (size_t n = 0; n < b.n; n++) {
		struct block cut = block_new(n);
		memcpy(cut.p, b.p, n);
		assert_refused(c, &k, cut, AAD);
		assert_refused(c, &k, cut, n);
		free(cut.p);
	}
	struct block more = block_new(b.n + 1);
	memcpy(more.p, b.p, b.n);
	assert_refused(c, &k, more, AAD);
	assert_refused(c, &k, b, SIZE_MAX);
	/* Where the header ends is part of what an AEAD protects; an HMAC covers the octets alone. */
	if (p->a_len == 0) {
		assert_refused(c, &k, b, AAD - 1);
		assert_refused(c, &k, b, AAD + 8);
	}
	free(more.p);
	free(b.p);
}

static void pair_keys_wrong(struct crypto *c, const struct pair *p)
{
	struct sk_keys k = pair_keys(p);
	struct block b = pair_sealed(c, p, &k, 48);
	/* A bit of the integrity key, or for an AEAD of key and salt. */
	struct secret *s = p->a_len ? &k.a : &k.e;
	for (size_t i = 0; i < s->len; i++) {
		s->b[i] ^= 0x20;
		assert_refused(c, &k, b, AAD);
		s->b[i] ^= 0x20;
	}
	/* Lengths that are not the algorithms'. */
	static const int off[] = {-4, -1, 1, 4};
	for (size_t i = 0; i < ARRAY_LEN(off); i++) {
		struct sk_keys e = k, a = k;
		e.e.len = (uint8_t)(e.e.len + off[i]);
		a.a.len = (uint8_t)(a.a.len + off[i]);
		assert_refused(c, &e, b, AAD);
		assert_refused(c, &a, b, AAD);
		assert_int_equal(sk_seal(c, crypto_rng(), &e, b.p, AAD, 48), -EINVAL);
		assert_int_equal(sk_seal(c, crypto_rng(), &a, b.p, AAD, 48), -EINVAL);
	}
	free(b.p);
}

static void pair_data_lengths(struct crypto *c, const struct pair *p)
{
	struct sk_keys k = pair_keys(p);
	struct block b = block_new(AAD + 16 + 64 + 32);
	assert_int_equal(sk_seal(c, crypto_rng(), &k, b.p, AAD, 0), -EINVAL);
	assert_int_equal(sk_seal(c, crypto_rng(), &k, b.p, AAD, SIZE_MAX - 15), -EINVAL);
	assert_int_equal(sk_seal(c, crypto_rng(), &k, b.p, SIZE_MAX, 16), -EINVAL);
	for (size_t n = 1; n <= 64; n++)
		assert_int_equal(sk_seal(c, crypto_rng(), &k, b.p, AAD, n), n % p->block ? -EINVAL : 0);
	free(b.p);
}

/* Authentic, but without even a Pad Length octet (RFC 7296 3.14). */
static void pair_nothing_inside(struct crypto *c, const struct pair *p)
{
	struct sk_keys k = pair_keys(p);
	struct block b = block_new((size_t)AAD + p->iv + p->icv);
	uint8_t full[64];
	const char *tag = p->encr == ENCR_CHACHA20_POLY1305
	                          ? "9d672f53f0ad3e94a3c0b953c96de80e"
	                          : "2c98a296178376ebbec1525fee2693ac";
	for (size_t i = 0; i < AAD; i++)
		b.p[i] = (uint8_t)i;
	for (size_t i = 0; i < p->iv; i++)
		b.p[AAD + i] = (uint8_t)i;
	if (p->a_len) {
		uint16_t id = p->a_len == 20 ? PRF_HMAC_SHA1 : p->a_len == 32 ? PRF_HMAC_SHA2_256
		              : p->a_len == 48 ? PRF_HMAC_SHA2_384 : PRF_HMAC_SHA2_512;
		assert_int_equal(prf(c, id, SPAN(k.a.b, k.a.len), &SPAN(b.p, AAD + p->iv), 1, full), 0);
	} else { /* python: the tag over nothing, for a key of 256 bits, salt and IV that count from 0 */
		struct block t = unhex(tag);
		memcpy(full, t.p, t.n);
		free(t.p);
		for (size_t i = 0; i < k.e.len; i++)
			k.e.b[i] = (uint8_t)i;
	}
	memcpy(b.p + AAD + p->iv, full, p->icv);
	assert_refused(c, &k, b, AAD);
	free(b.p);
}

/* Two seals of the same octets differ in their IV, and so everywhere behind it. */
static void pair_fresh_iv(struct crypto *c, const struct pair *p)
{
	struct sk_keys k = pair_keys(p);
	struct block a = pair_sealed(c, p, &k, 48), b = pair_sealed(c, p, &k, 48);
	assert_memory_equal(a.p, b.p, AAD);
	assert_memory_not_equal(a.p + AAD, b.p + AAD, p->iv);
	assert_memory_not_equal(a.p + AAD + p->iv, b.p + AAD + p->iv, 16);
	free(a.p);
	free(b.p);
}

enum { PAIRS = 6 * 4 + 10 };

static void test_round_trip(void **state) { assert_int_equal(each_pair(*state, pair_round_trip), PAIRS); }
static void test_bit_flips(void **state) { assert_int_equal(each_pair(*state, pair_bit_flips), PAIRS); }
static void test_cuts(void **state) { assert_int_equal(each_pair(*state, pair_cuts), PAIRS); }
static void test_keys_wrong(void **state) { assert_int_equal(each_pair(*state, pair_keys_wrong), PAIRS); }
static void test_data_lengths(void **state) { assert_int_equal(each_pair(*state, pair_data_lengths), PAIRS); }
static void test_nothing_inside(void **state) { assert_int_equal(each_pair(*state, pair_nothing_inside), PAIRS); }
static void test_fresh_iv(void **state) { assert_int_equal(each_pair(*state, pair_fresh_iv), PAIRS); }

/* All transform IDs and key lengths that could be meant: exactly the pairs above are taken. */
static void test_supported(void **state)
{
	static const uint16_t bits[] = {0, 64, 128, 160, 192, 256, 512, 65535};
	unsigned count = 0;
	for (unsigned encr = 0; encr < 300; encr++) {
		for (unsigned integ = 0; integ < 300; integ++) {
			for (size_t b = 0; b < ARRAY_LEN(bits); b++)
				count += sk_supported((uint16_t)encr, bits[b], (uint16_t)integ);
		}
	}
	assert_int_equal(count, PAIRS);

	struct sk_keys k = {.encr = ENCR_3DES, .integ = AUTH_HMAC_SHA1_96};
	struct block buf = block_new(128);
	assert_int_equal(sk_iv_len(&k), 0);
	assert_int_equal(sk_icv_len(&k), 0);
	assert_int_equal(sk_block(&k), 1);
	assert_int_equal(sk_seal(*state, crypto_rng(), &k, buf.p, 32, 32), -EINVAL);
	assert_refused(*state, &k, buf, 32);
	free(buf.p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_seal_vectors), cmocka_unit_test(test_open_vectors),
		cmocka_unit_test(test_round_trip),   cmocka_unit_test(test_bit_flips),
		cmocka_unit_test(test_cuts),         cmocka_unit_test(test_keys_wrong),
		cmocka_unit_test(test_data_lengths), cmocka_unit_test(test_fresh_iv),
		cmocka_unit_test(test_supported),    cmocka_unit_test(test_nothing_inside),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
