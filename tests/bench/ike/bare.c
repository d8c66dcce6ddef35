/* What a responder's handshake cannot do without: a fresh key pair of the group and the shared secret, by OpenSSL, with contexts made once.
 * In the safe-prime groups exponents of 256 bits and 1 < y < p - 1, which is all that RFC 6989 asks for; on the curves as the library
 * generates and derives. ecp256-own is P-256 without the library's check that a peer's point has the order of the curve, which with a
 * cofactor of 1 every point of the curve has: that is how gretel does it.
 *
 *      bare GROUP MILLISECONDS     modp1024, modp2048, ecp256, ecp256-own or x25519; prints the microseconds of processor for one */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/rand.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { EXPONENT = 32 };

static void must(int ok)
{
	if (ok)
		return;
	fprintf(stderr, "bare: the library failed\n");
	exit(2);
}

static BN_CTX *ctx;

/* --- MODP --- */
static BIGNUM *p, *p_1, *g, *x, *y, *peer;
static BN_MONT_CTX *mont;

static void exponent(void)
{
	uint8_t b[EXPONENT];
	must(RAND_bytes(b, sizeof b));
	b[0] |= 0x80;
	must(BN_bin2bn(b, sizeof b, x) != NULL);
	BN_set_flags(x, BN_FLG_CONSTTIME);
}

static void modp_init(BIGNUM *prime)
{
	p = prime;
	p_1 = BN_dup(p);
	g = BN_new(), x = BN_new(), y = BN_new(), peer = BN_new();
	mont = BN_MONT_CTX_new();
	must(BN_sub_word(p_1, 1) && BN_set_word(g, 2) && BN_MONT_CTX_set(mont, p, ctx));
	exponent();
	must(BN_mod_exp_mont_consttime(peer, g, x, p, ctx, mont));
}

static void modp(void)
{
	uint8_t out[512];
	exponent();
	must(BN_mod_exp_mont_consttime(y, g, x, p, ctx, mont) && BN_bn2binpad(y, out, BN_num_bytes(p)) > 0);
	must(BN_cmp(peer, BN_value_one()) > 0 && BN_cmp(peer, p_1) < 0);
	must(BN_mod_exp_mont_consttime(y, peer, x, p, ctx, mont) && BN_bn2binpad(y, out, BN_num_bytes(p)) > 0);
}

/* --- P-256 --- */
static EC_GROUP *curve;
static EC_POINT *q, *other;
static uint8_t wire[65];

static void ecp_init(void)
{
	curve = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	q = EC_POINT_new(curve), other = EC_POINT_new(curve), x = BN_new();
	exponent();
	must(EC_POINT_mul(curve, q, x, NULL, NULL, ctx) &&
	     EC_POINT_point2oct(curve, q, POINT_CONVERSION_UNCOMPRESSED, wire, sizeof wire, ctx) == sizeof wire);
}

static void ecp(void)
{
	uint8_t out[65];
	exponent();
	must(EC_POINT_mul(curve, q, x, NULL, NULL, ctx) &&
	     EC_POINT_point2oct(curve, q, POINT_CONVERSION_UNCOMPRESSED, out, sizeof out, ctx) == sizeof out);
	must(EC_POINT_oct2point(curve, other, wire, sizeof wire, ctx) && EC_POINT_mul(curve, q, NULL, other, x, ctx) &&
	     EC_POINT_point2oct(curve, q, POINT_CONVERSION_UNCOMPRESSED, out, sizeof out, ctx) == sizeof out);
}

/* --- as the library does it --- */
static EVP_PKEY_CTX *make;
static EVP_PKEY *there;

static void curve_init(const char *name)
{
	make = EVP_PKEY_CTX_new_from_name(NULL, name, NULL);
	must(make && EVP_PKEY_keygen_init(make) == 1);
	must(strcmp(name, "EC") != 0 || EVP_PKEY_CTX_set_group_name(make, "P-256") == 1);
	must(EVP_PKEY_generate(make, &there) == 1);
}

static void by_library(void)
{
	EVP_PKEY *own = NULL;
	uint8_t out[32];
	size_t n = sizeof out;
	must(EVP_PKEY_generate(make, &own) == 1);
	EVP_PKEY_CTX *d = EVP_PKEY_CTX_new_from_pkey(NULL, own, NULL);
	must(d && EVP_PKEY_derive_init(d) == 1 && EVP_PKEY_derive_set_peer(d, there) == 1 && EVP_PKEY_derive(d, out, &n) == 1);
	EVP_PKEY_CTX_free(d);
	EVP_PKEY_free(own);
}

static double cpu(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

int main(int argc, char **argv)
{
	void (*one)(void);
	if (argc != 3)
		return 2;
	ctx = BN_CTX_new();
	if (strcmp(argv[1], "modp1024") == 0)
		modp_init(BN_get_rfc2409_prime_1024(NULL)), one = modp;
	else if (strcmp(argv[1], "modp2048") == 0)
		modp_init(BN_get_rfc3526_prime_2048(NULL)), one = modp;
	else if (strcmp(argv[1], "ecp256-own") == 0)
		ecp_init(), one = ecp;
	else if (strcmp(argv[1], "ecp256") == 0)
		curve_init("EC"), one = by_library;
	else if (strcmp(argv[1], "x25519") == 0)
		curve_init("X25519"), one = by_library;
	else
		return 2;
	for (int i = 0; i < 20; i++)
		one();
	double began = cpu(), until = began + strtod(argv[2], NULL) * 1000;
	unsigned n = 0;
	do
		one();
	while (++n % 16 || cpu() < until);
	printf("%.3f\n", (cpu() - began) / n);
	return 0;
}
