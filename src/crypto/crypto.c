/* The context, the generator, the constant-time comparison and SHA-1. What the
 * context caches for the PRFs, the ciphers and the groups is made in prf.c, sk.c and
 * dh.c. crypto_new runs each code path of the library that loads something at its
 * first use, because the roles lose the file system afterwards. */
#include "crypto/crypto_int.h"

#include <errno.h>
#include <malloc.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

int crypto_fail(int err)
{
	ERR_clear_error();
	return err;
}

/* --- the library's heap ---
 * Most of the library wipes what it frees, but not all: its P-256 and P-521 code leaves
 * the octets of the private scalar behind (3.0). So every block is wiped when it is freed. */

void crypto_wipe_block(void *p)
{
	if (p)
		wipe(p, malloc_usable_size(p));
}

static void *heap_get(size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return n ? malloc(n) : NULL;
}

static void heap_put(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	crypto_wipe_block(p);
	free(p);
}

static void *heap_resize(void *p, size_t n, const char *file, int line)
{
	void *q = heap_get(n, file, line);
	if (p && q)
		memcpy(q, p, min_z(n, malloc_usable_size(p)));
	if (q || n == 0)
		heap_put(p, file, line);
	return q;
}

/* Possible only before the library's first allocation, and not over another's choice. */
static void take_heap(void)
{
	CRYPTO_malloc_fn get;
	CRYPTO_realloc_fn resize;
	CRYPTO_free_fn put;
	CRYPTO_get_mem_functions(&get, &resize, &put);
	if (get == CRYPTO_malloc)
		(void)CRYPTO_set_mem_functions(heap_get, heap_resize, heap_put);
}

/* --- the context --- */

/* Draws from both generators of the library (its elliptic curve code blinds with the
 * private one) and from X25519 and X448, whose methods are found at their first use. */
static int touch(struct crypto *c)
{
	static const uint16_t groups[] = {DH_CURVE25519, DH_CURVE448, DH_ECP_384};
	struct dh_private priv;
	uint8_t pub[DH_PUBLIC_MAX], out[DH_SHARED_MAX];
	size_t n;
	int rc = RAND_bytes(out, 1) == 1 && RAND_priv_bytes(out, 1) == 1 ? 0 : -EIO;

	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(groups); i++) {
		rc = dh_generate(c, crypto_rng(), groups[i], &priv, pub);
		if (rc == 0)
			rc = dh_shared(c, &priv, SPAN(pub, dh_public_len(groups[i])), out, &n);
	}
	wipe(&priv, sizeof priv);
	wipe(out, sizeof out);
	return rc;
}

static int open_all(struct crypto *c)
{
	c->sha1 = EVP_MD_fetch(NULL, "SHA1", NULL);
	c->md = EVP_MD_CTX_new();
	c->ecb = EVP_CIPHER_fetch(NULL, "AES-128-ECB", NULL);
	if (!c->sha1 || !c->md || !c->ecb)
		return -EIO;
	int rc = crypto_init_sk(c);
	if (rc == 0)
		rc = crypto_init_dh(c);
	return rc ? rc : touch(c);
}

static void drawn_fill(struct rng *r, void *p, size_t n);

struct crypto *crypto_new(void)
{
	/* The system's openssl.cnf may name modules and files: not ours to load. */
	uint64_t opts = OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_LOAD_CRYPTO_STRINGS | OPENSSL_INIT_ADD_ALL_CIPHERS |
	                OPENSSL_INIT_ADD_ALL_DIGESTS;
	take_heap();
	if (OPENSSL_init_crypto(opts, NULL) != 1)
		return NULL;

	struct crypto *c = calloc(1, sizeof *c);
	if (!c)
		return NULL;
	c->drawn.fill = drawn_fill;
	if (open_all(c) != 0) {
		crypto_free(c);
		crypto_fail(0);
		return NULL;
	}
	return c;
}

void crypto_free(struct crypto *c)
{
	if (!c)
		return;
	crypto_fini_esp(c);
	crypto_fini_dh(c);
	crypto_fini_sk(c);
	EVP_MD_CTX_free(c->md);
	EVP_MD_free(c->sha1);
	EVP_CIPHER_free(c->ecb);
	wipe(c->pool, sizeof c->pool);
	free(c);
}

static void os_fill(struct rng *r, void *p, size_t n)
{
	uint8_t *b = p;
	(void)r;
	while (n) {
		size_t part = min_z(n, 1U << 20);
		/* Nothing that follows would be safe without randomness. */
		if (RAND_bytes(b, (int)part) != 1)
			abort();
		b += part;
		n -= part;
	}
}

struct rng *crypto_rng(void)
{
	/* A handle without state, so that one serves everybody. */
	static const struct rng os = {.fill = os_fill};
	return (struct rng *)&os;
}

static void drawn_fill(struct rng *r, void *p, size_t n)
{
	struct crypto *c = CONTAINER_OF(r, struct crypto, drawn);
	if (n > sizeof c->pool) {
		os_fill(r, p, n);
		return;
	}
	if (c->left < n) { /* what is left over is not worth the trouble */
		os_fill(r, c->pool, sizeof c->pool);
		c->left = sizeof c->pool;
	}
	c->left -= n;
	memcpy(p, c->pool + c->left, n);
	wipe(c->pool + c->left, n);
}

struct rng *crypto_rng_drawn(struct crypto *c) { return &c->drawn; }

bool crypto_equal(const void *a, const void *b, size_t n) { return n == 0 || CRYPTO_memcmp(a, b, n) == 0; }

int crypto_sha1(struct crypto *c, const struct span *v, size_t n, uint8_t out[20])
{
	unsigned len = 0;
	bool ok = EVP_DigestInit_ex2(c->md, c->sha1, NULL) == 1;
	for (size_t i = 0; ok && i < n; i++)
		ok = v[i].n == 0 || EVP_DigestUpdate(c->md, v[i].p, v[i].n) == 1;
	if (ok && EVP_DigestFinal_ex(c->md, out, &len) == 1 && len == 20)
		return 0;
	wipe(out, 20);
	return crypto_fail(-EIO);
}
