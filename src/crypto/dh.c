/* Diffie-Hellman: the MODP groups (RFC 2409 6.2, RFC 3526, RFC 5114 2.3), the NIST
 * curves (RFC 5903) and X25519 and X448 (RFC 8031). A table row names a group, three
 * kinds do the work. Peer's values are checked as RFC 6989 asks and no further: the
 * library's own check of a MODP value costs a full exponentiation.
 *
 * Constant time in the secret: BN_mod_exp_mont_consttime, EC_POINT_mul with a scalar
 * below the order (the same path as the library's ECDH), the library's X25519 and X448.
 * Each call has its own BN_CTX, whose numbers are wiped with it. */
#include "crypto/crypto_int.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/obj_mac.h>
#include <openssl/params.h>
#include <string.h>

/* RFC 5114 2.3: a subgroup of order q, 256 bits, in a prime without other structure. */
static const char rfc5114_p[] =
	"87A8E61DB4B6663CFFBBD19C651959998CEEF608660DD0F25D2CEED4435E3B00E00DF8F1D61957D4FAF7DF4561B2AA30"
	"16C3D91134096FAA3BF4296D830E9A7C209E0C6497517ABD5A8A9D306BCF67ED91F9E6725B4758C022E0B1EF4275BF7B"
	"6C5BFC11D45F9088B941F54EB1E59BB8BC39A0BF12307F5C4FDB70C581B23F76B63ACAE1CAA6B7902D52526735488A0E"
	"F13C6D9A51BFA4AB3AD8347796524D8EF6A167B5A41825D967E144E5140564251CCACB83E6B486F6B3CA3F7971506026"
	"C0B857F689962856DED4010ABD0BE621C3A3960A54E710C375F26375D7014103A4B54330C198AF126116D2276E11715F"
	"693877FAD7EF09CADB094AE91E1A1597";
static const char rfc5114_g[] =
	"3FB32C9B73134D0B2E77506660EDBD484CA7B18F21EF205407F4793A1A0BA12510DBC15077BE463FFF4FED4AAC0BB555"
	"BE3A6C1B0C6B47B1BC3773BF7E8C6F62901228F8C28CBB18A55AE31341000A650196F931C77A57F2DDF463E5E9EC144B"
	"777DE62AAAB8A8628AC376D282D6ED3864E67982428EBC831D14348F6F2F9193B5045AF2767164E1DFC967C1FB3F2E55"
	"A4BD1BFFE83B9C80D052B985D182EA0ADB2A3B7313D3FE14C8484B1E052588B9B7D2BBD2DF016199ECD06E1557CD0915"
	"B3353BBB64E0EC377FD028370DF92B52C7891428CDC67EB6184B523D1DB246C32F63078490F00EF8D647D148D4795451"
	"5E2327CFEF98C582664B4C0F6CC41659";
static const char rfc5114_q[] = "8CF83642A709A097B447997640129DA299B1A47D1EB3750BA308B0FE64F5FBD3";

static BIGNUM *hex_number(const char *hex)
{
	BIGNUM *n = NULL;
	return BN_hex2bn(&n, hex) ? n : NULL;
}

static BIGNUM *prime_rfc5114(BIGNUM *unused)
{
	(void)unused;
	return hex_number(rfc5114_p);
}

enum kind { KIND_MODP, KIND_ECP, KIND_CURVE };

struct row {
	uint16_t group;
	uint8_t kind;
	uint8_t priv_len;
	BIGNUM *(*prime)(BIGNUM *); /* MODP */
	int nid;                    /* ECP */
	const char *name;           /* curves */
};

/* Exponents have twice the bits of the group's strength, or a little more. */
static const struct row rows[DH_ROWS] = {
	{DH_MODP_1024, KIND_MODP, 32, .prime = BN_get_rfc2409_prime_1024},
	{DH_MODP_1536, KIND_MODP, 32, .prime = BN_get_rfc3526_prime_1536},
	{DH_MODP_2048, KIND_MODP, 32, .prime = BN_get_rfc3526_prime_2048},
	{DH_MODP_3072, KIND_MODP, 40, .prime = BN_get_rfc3526_prime_3072},
	{DH_MODP_4096, KIND_MODP, 48, .prime = BN_get_rfc3526_prime_4096},
	{DH_MODP_6144, KIND_MODP, 56, .prime = BN_get_rfc3526_prime_6144},
	{DH_MODP_8192, KIND_MODP, 64, .prime = BN_get_rfc3526_prime_8192},
	{DH_MODP_2048_256, KIND_MODP, 32, .prime = prime_rfc5114},
	{DH_ECP_256, KIND_ECP, 32, .nid = NID_X9_62_prime256v1},
	{DH_ECP_384, KIND_ECP, 48, .nid = NID_secp384r1},
	{DH_ECP_521, KIND_ECP, 66, .nid = NID_secp521r1},
	{DH_CURVE25519, KIND_CURVE, 32, .name = "X25519"},
	{DH_CURVE448, KIND_CURVE, 56, .name = "X448"},
};

enum { ECP_POINT_MAX = 1 + 2 * 66, CURVE_MAX = 56 };

static bool init_modp(const struct row *w, struct dh_state *st)
{
	BN_CTX *ctx = BN_CTX_new();
	bool small_subgroups = w->group == DH_MODP_2048_256;
	st->p = w->prime(NULL);
	st->p_1 = st->p ? BN_dup(st->p) : NULL;
	st->g = small_subgroups ? hex_number(rfc5114_g) : BN_new();
	st->q = small_subgroups ? hex_number(rfc5114_q) : NULL;
	st->mont = BN_MONT_CTX_new();
	bool ok = ctx && st->p_1 && st->g && (st->q || !small_subgroups) && st->mont && BN_sub_word(st->p_1, 1) == 1 &&
	          (small_subgroups || BN_set_word(st->g, 2) == 1) && BN_MONT_CTX_set(st->mont, st->p, ctx) == 1;
	BN_CTX_free(ctx);
	return ok;
}

static bool init_curve(const struct row *w, struct dh_state *st)
{
	uint8_t base[CURVE_MAX] = {9};
	OSSL_PARAM set[] = {
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, base, w->priv_len),
		OSSL_PARAM_construct_end(),
	};
	st->import = EVP_PKEY_CTX_new_from_name(NULL, w->name, NULL);
	return st->import && EVP_PKEY_fromdata_init(st->import) == 1 &&
	       EVP_PKEY_fromdata(st->import, &st->peer, EVP_PKEY_PUBLIC_KEY, set) == 1;
}

int crypto_init_dh(struct crypto *c)
{
	for (size_t i = 0; i < DH_ROWS; i++) {
		struct dh_state *st = &c->dh[i];
		bool ok;
		if (rows[i].kind == KIND_MODP)
			ok = init_modp(&rows[i], st);
		else if (rows[i].kind == KIND_ECP)
			ok = (st->ec = EC_GROUP_new_by_curve_name(rows[i].nid)) != NULL;
		else
			ok = init_curve(&rows[i], st);
		if (!ok)
			return -EIO;
	}
	return 0;
}

void crypto_fini_dh(struct crypto *c)
{
	dh_keep(c, NULL);
	for (size_t i = 0; i < DH_ROWS; i++) {
		struct dh_state *st = &c->dh[i];
		BN_free(st->p);
		BN_free(st->p_1);
		BN_free(st->g);
		BN_free(st->q);
		BN_MONT_CTX_free(st->mont);
		EC_GROUP_free(st->ec);
		EVP_PKEY_CTX_free(st->import);
		EVP_PKEY_free(st->peer);
	}
}

static const struct row *row_find(uint16_t group)
{
	for (size_t i = 0; i < DH_ROWS; i++) {
		if (rows[i].group == group)
			return &rows[i];
	}
	return NULL;
}

size_t dh_public_len(uint16_t group)
{
	const struct algo *a = algo_find(T_DH, group, 0);
	return a && row_find(group) ? a->dh_len : 0;
}

bool dh_supported(uint16_t group) { return dh_public_len(group) != 0; }

static size_t shared_len(const struct row *w)
{
	size_t n = dh_public_len(w->group);
	return w->kind == KIND_ECP ? n / 2 : n; /* RFC 5903 7: x only */
}

/* --- secret numbers --- */

/* a < b without a branch on them; both len octets, big-endian. */
static bool below(const uint8_t *a, const uint8_t *b, size_t len)
{
	unsigned borrow = 0;
	for (size_t i = len; i-- > 0;)
		borrow = ((unsigned)a[i] - b[i] - borrow) >> 31;
	return borrow;
}

static bool is_zero(const uint8_t *a, size_t len)
{
	unsigned any = 0;
	for (size_t i = 0; i < len; i++)
		any |= a[i];
	return any == 0;
}

/* Uniform in [1, n - 1], by rejection: never more than about two draws, 200 when the
 * generator is broken. */
static bool draw_scalar(struct rng *r, const BIGNUM *n, uint8_t *out, size_t len)
{
	uint8_t top[DH_PRIVATE_MAX];
	int spare = (int)len * 8 - BN_num_bits(n);
	if (len > sizeof top || spare < 0 || spare > 7 || BN_bn2binpad(n, top, (int)len) < 0)
		return false;
	for (int i = 0; i < 200; i++) {
		rng_fill(r, out, len);
		out[0] = (uint8_t)(out[0] & (0xff >> spare));
		if (below(out, top, len) && !is_zero(out, len))
			return true;
	}
	return false;
}

static BIGNUM *secret_number(const uint8_t *p, size_t n)
{
	BIGNUM *x = BN_bin2bn(p, (int)n, NULL);
	if (x)
		BN_set_flags(x, BN_FLG_CONSTTIME);
	return x;
}

/* --- MODP --- */

/* base^priv mod p into out, padded to the prime (RFC 7296 2.14). */
static int modp_power(const struct dh_state *st, const BIGNUM *base, const struct dh_private *priv, uint8_t *out,
                      size_t len)
{
	BN_CTX *ctx = BN_CTX_new();
	BIGNUM *x = secret_number(priv->b, priv->len), *y = BN_new();
	bool ok = ctx && x && y && BN_mod_exp_mont_consttime(y, base, x, st->p, ctx, st->mont) == 1 &&
	          BN_bn2binpad(y, out, (int)len) == (int)len;
	BN_clear_free(x);
	BN_clear_free(y);
	BN_CTX_free(ctx);
	return ok ? 0 : -EIO;
}

static int modp_generate(const struct dh_state *st, struct rng *r, struct dh_private *priv, uint8_t *pub, size_t len)
{
	if (st->q) {
		if (!draw_scalar(r, st->q, priv->b, priv->len))
			return -EIO;
	} else {
		rng_fill(r, priv->b, priv->len);
		priv->b[0] |= 0x80; /* every exponent of the same length */
	}
	return modp_power(st, st->g, priv, pub, len);
}

/* 0, -EINVAL: refuse it, or -EIO. */
static int modp_check(const struct dh_state *st, const BIGNUM *y)
{
	/* RFC 6989 2.1: 1 < y < p - 1 suffices where (p - 1) / 2 is prime */
	if (BN_cmp(y, BN_value_one()) <= 0 || BN_cmp(y, st->p_1) >= 0)
		return -EINVAL;
	if (!st->q)
		return 0;
	/* RFC 6989 2.2: small subgroups: y^q = 1. All of it is public. */
	BN_CTX *ctx = BN_CTX_new();
	BIGNUM *t = BN_new();
	int rc = -EIO;
	if (ctx && t && BN_mod_exp_mont(t, y, st->q, st->p, ctx, st->mont) == 1)
		rc = BN_is_one(t) ? 0 : -EINVAL;
	BN_free(t);
	BN_CTX_free(ctx);
	return rc;
}

static int modp_shared(const struct dh_state *st, const struct dh_private *priv, struct span peer, uint8_t *out,
                       size_t len)
{
	BIGNUM *y = BN_bin2bn(peer.p, (int)peer.n, NULL);
	int rc = y ? modp_check(st, y) : -EIO;
	if (rc == 0)
		rc = modp_power(st, y, priv, out, len);
	BN_free(y);
	return rc;
}

/* --- ECP --- */

/* priv times the peer's point, or times the generator when peer is NULL; both coordinates,
 * behind the octet 4 that IKE leaves out, into xy. */
static int ecp_multiply(const struct dh_state *st, const struct dh_private *priv, const EC_POINT *peer, uint8_t *xy,
                        size_t len)
{
	BN_CTX *ctx = BN_CTX_new();
	BIGNUM *k = secret_number(priv->b, priv->len);
	EC_POINT *q = EC_POINT_new(st->ec);
	bool ok = ctx && k && q;
	if (ok && peer)
		ok = EC_POINT_mul(st->ec, q, NULL, peer, k, ctx) == 1;
	else if (ok)
		ok = EC_POINT_mul(st->ec, q, k, NULL, NULL, ctx) == 1;
	ok = ok && EC_POINT_point2oct(st->ec, q, POINT_CONVERSION_UNCOMPRESSED, xy, len, ctx) == len;
	EC_POINT_clear_free(q);
	BN_clear_free(k);
	BN_CTX_free(ctx);
	return ok ? 0 : -EIO;
}

static int ecp_generate(const struct dh_state *st, struct rng *r, struct dh_private *priv, uint8_t *pub, size_t len)
{
	uint8_t xy[ECP_POINT_MAX];
	if (!draw_scalar(r, EC_GROUP_get0_order(st->ec), priv->b, priv->len))
		return -EIO;
	int rc = ecp_multiply(st, priv, NULL, xy, 1 + len);
	if (rc == 0)
		memcpy(pub, xy + 1, len);
	return rc;
}

static int ecp_shared(const struct dh_state *st, const struct dh_private *priv, struct span peer, uint8_t *out,
                      size_t len)
{
	uint8_t xy[ECP_POINT_MAX];
	EC_POINT *p = EC_POINT_new(st->ec);
	BN_CTX *ctx = BN_CTX_new();
	int rc = p && ctx ? 0 : -EIO;
	xy[0] = 4;
	memcpy(xy + 1, peer.p, peer.n);
	/* RFC 6989 2.3: coordinates below p and on the curve, which the library checks. The
	 * cofactor is 1, so that no point of the curve is in a small subgroup. */
	if (rc == 0 && EC_POINT_oct2point(st->ec, p, xy, 1 + peer.n, ctx) != 1)
		rc = -EINVAL;
	if (rc == 0)
		rc = ecp_multiply(st, priv, p, xy, 1 + peer.n);
	if (rc == 0)
		memcpy(out, xy + 1, len);
	wipe(xy, sizeof xy);
	EC_POINT_free(p);
	BN_CTX_free(ctx);
	return rc;
}

/* --- X25519 and X448 --- */

/* Making a key of the library from octets takes a tenth of what is done with it: peers' have one place, ours may be kept (dh_keep). */
static EVP_PKEY *curve_own(const struct dh_state *st, const struct dh_private *priv)
{
	/* Our public value takes no part in what follows; any octets save computing it. */
	uint8_t b[CURVE_MAX], any[CURVE_MAX] = {9};
	OSSL_PARAM set[] = {
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PRIV_KEY, b, priv->len),
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, any, priv->len),
		OSSL_PARAM_construct_end(),
	};
	EVP_PKEY *k = NULL;
	memcpy(b, priv->b, priv->len);
	if (EVP_PKEY_fromdata(st->import, &k, EVP_PKEY_KEYPAIR, set) != 1)
		k = NULL;
	wipe(b, sizeof b);
	return k;
}

/* What derives secrets from this private value; NULL: the library has failed. */
static EVP_PKEY_CTX *curve_deriver(const struct dh_state *st, const struct dh_private *priv)
{
	EVP_PKEY *own = curve_own(st, priv);
	EVP_PKEY_CTX *d = own ? EVP_PKEY_CTX_new_from_pkey(NULL, own, NULL) : NULL;
	EVP_PKEY_free(own); /* d has a reference */
	if (d && EVP_PKEY_derive_init(d) != 1) {
		EVP_PKEY_CTX_free(d);
		return NULL;
	}
	return d;
}

static int curve_derive(const struct dh_state *st, EVP_PKEY_CTX *d, struct span peer, uint8_t *out, size_t len)
{
	size_t got = len;
	if (!d || EVP_PKEY_set1_encoded_public_key(st->peer, peer.p, peer.n) != 1 || EVP_PKEY_derive_set_peer_ex(d, st->peer, 0) != 1)
		return -EIO;
	/* RFC 8031 2.4: an all-zero result is refused. The library does so too, or fails. */
	return EVP_PKEY_derive(d, out, &got) == 1 && got == len && !is_zero(out, len) ? 0 : -EINVAL;
}

static int curve_shared(const struct dh_state *st, const struct dh_private *priv, struct span peer, uint8_t *out,
                        size_t len)
{
	EVP_PKEY_CTX *d = curve_deriver(st, priv);
	int rc = curve_derive(st, d, peer, out, len);
	EVP_PKEY_CTX_free(d);
	return rc;
}

/* RFC 7748 6: the public value is what the function makes of the base point, 9 or 5. The library's ladder is faster than its own way
 * of making a key, at least for X25519. */
static int curve_generate(const struct dh_state *st, struct rng *r, struct dh_private *priv, uint8_t *pub, size_t len)
{
	uint8_t base[CURVE_MAX] = {priv->group == DH_CURVE25519 ? 9 : 5};
	rng_fill(r, priv->b, priv->len);
	return curve_shared(st, priv, SPAN(base, len), pub, len);
}

/* --- all kinds --- */

int dh_generate(struct crypto *c, struct rng *r, uint16_t group, struct dh_private *priv, uint8_t *pub)
{
	const struct row *w = row_find(group);
	size_t len = dh_public_len(group);
	wipe(priv, sizeof *priv);
	if (!w || len == 0)
		return -EINVAL;

	const struct dh_state *st = &c->dh[w - rows];
	int rc;
	priv->group = group;
	priv->len = w->priv_len;
	if (w->kind == KIND_MODP)
		rc = modp_generate(st, r, priv, pub, len);
	else if (w->kind == KIND_ECP)
		rc = ecp_generate(st, r, priv, pub, len);
	else
		rc = curve_generate(st, r, priv, pub, len);
	if (rc == 0)
		return 0;
	wipe(priv, sizeof *priv);
	wipe(pub, len);
	return crypto_fail(rc);
}

void dh_keep(struct crypto *c, const struct dh_private *priv)
{
	const struct row *w = priv ? row_find(priv->group) : NULL;
	EVP_PKEY_CTX_free(c->kept.d);
	wipe(&c->kept, sizeof c->kept);
	if (!w || w->kind != KIND_CURVE || priv->len != w->priv_len)
		return;
	c->kept.d = curve_deriver(&c->dh[w - rows], priv);
	if (c->kept.d)
		c->kept.priv = *priv;
	else
		(void)crypto_fail(-EIO);
}

static bool is_kept(const struct crypto *c, const struct dh_private *priv)
{
	return c->kept.d && c->kept.priv.group == priv->group && CRYPTO_memcmp(c->kept.priv.b, priv->b, priv->len) == 0;
}

int dh_shared(struct crypto *c, const struct dh_private *priv, struct span peer, uint8_t *out, size_t *out_len)
{
	const struct row *w = row_find(priv->group);
	*out_len = 0;
	if (!w || priv->len != w->priv_len)
		return -EINVAL;

	const struct dh_state *st = &c->dh[w - rows];
	size_t len = shared_len(w);
	int rc = -EINVAL;
	/* RFC 7296 3.4: a public value has the length of its group, leading zeros included */
	if (peer.n == dh_public_len(w->group)) {
		if (w->kind == KIND_MODP)
			rc = modp_shared(st, priv, peer, out, len);
		else if (w->kind == KIND_ECP)
			rc = ecp_shared(st, priv, peer, out, len);
		else if (is_kept(c, priv))
			rc = curve_derive(st, c->kept.d, peer, out, len);
		else
			rc = curve_shared(st, priv, peer, out, len);
	}
	if (rc == 0) {
		*out_len = len;
		return 0;
	}
	wipe(out, len);
	return crypto_fail(rc);
}
