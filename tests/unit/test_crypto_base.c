/* The context, the generator, the comparison, SHA-1, the start-up test, and that nothing
 * is loaded once crypto_new has returned. Looks into the context to break it. */
#include "test_crypto_hex.h"

#include "crypto/crypto_int.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

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

static void test_new_free(void **state)
{
	(void)state;
	struct crypto *a = crypto_new(), *b = crypto_new();
	assert_non_null(a);
	assert_non_null(b);
	crypto_free(a);
	crypto_free(b);
	crypto_free(NULL);
}

/* The library frees through us, and what it frees is wiped. */
static void test_heap_wipes(void **state)
{
	CRYPTO_malloc_fn get;
	CRYPTO_realloc_fn resize;
	CRYPTO_free_fn put;
	(void)state;
	CRYPTO_get_mem_functions(&get, &resize, &put);
	assert_ptr_not_equal(get, CRYPTO_malloc);
	assert_ptr_not_equal(put, CRYPTO_free);

	uint8_t *p = malloc(1000);
	assert_non_null(p);
	memset(p, 0x77, 1000);
	crypto_wipe_block(p);
	assert_true(all_zero(p, 1000));
	free(p);
	crypto_wipe_block(NULL);

	/* Resizing keeps the octets; to nothing, it frees. */
	p = OPENSSL_malloc(10);
	assert_non_null(p);
	memcpy(p, "0123456789", 10);
	p = OPENSSL_realloc(p, 5000);
	assert_non_null(p);
	assert_memory_equal(p, "0123456789", 10);
	p = OPENSSL_realloc(p, 4);
	assert_non_null(p);
	assert_memory_equal(p, "0123", 4);
	assert_null(OPENSSL_realloc(p, 0));
	p = OPENSSL_realloc(NULL, 8);
	assert_non_null(p);
	OPENSSL_free(p);
}

static void test_equal(void **state)
{
	(void)state;
	struct block a = block_new(33), b = block_new(33);
	assert_true(crypto_equal(a.p, b.p, 33));
	for (size_t bit = 0; bit < 33 * 8; bit++) {
		b.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(crypto_equal(a.p, b.p, 33));
		assert_true(crypto_equal(a.p, b.p, bit / 8));
		b.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_true(crypto_equal(NULL, NULL, 0));
	free(a.p);
	free(b.p);
}

/* FIPS 180: the examples, cut in every place. */
static void test_sha1(void **state)
{
	static const char *const text = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
	uint8_t out[20];
	assert_int_equal(crypto_sha1(*state, NULL, 0, out), 0);
	assert_hex(out, 20, "da39a3ee5e6b4b0d3255bfef95601890afd80709");
	assert_int_equal(crypto_sha1(*state, &SPAN("abc", 3), 1, out), 0);
	assert_hex(out, 20, "a9993e364706816aba3e25717850c26c9cd0d89d");
	for (size_t cut = 0; cut <= strlen(text); cut++) {
		struct span v[3] = {SPAN(text, cut), SPAN(NULL, 0), SPAN(text + cut, strlen(text) - cut)};
		assert_int_equal(crypto_sha1(*state, v, 3, out), 0);
		assert_hex(out, 20, "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
	}
}

/* Across the ends of what is drawn at a time, and beyond it at once: no octets come twice. */
static void test_rng_drawn(void **state)
{
	struct rng *r = crypto_rng_drawn(*state);
	static const size_t sizes[] = {1, 8, 16, 32, 500, 512, 513, 3, 32};
	uint8_t seen[64][16];
	size_t n = 0;
	for (size_t i = 0; n < ARRAY_LEN(seen); i++) {
		struct block b = block_new(sizes[i % ARRAY_LEN(sizes)]);
		rng_fill(r, b.p, b.n);
		if (b.n >= 16) {
			for (size_t k = 0; k < n; k++)
				assert_memory_not_equal(seen[k], b.p + b.n - 16, 16);
			memcpy(seen[n++], b.p + b.n - 16, 16);
		}
		free(b.p);
	}
}

static void test_rng(void **state)
{
	(void)state;
	struct block a = block_new(64), b = block_new(64), big = block_new((3U << 20) + 5);
	rng_fill(crypto_rng(), a.p, a.n);
	rng_fill(crypto_rng(), b.p, b.n);
	assert_memory_not_equal(a.p, b.p, 64);
	/* More than one piece: the last octets are filled too. */
	rng_fill(crypto_rng(), big.p, big.n);
	for (size_t at = 0; at + 64 <= big.n; at += 1U << 18)
		assert_false(all_zero(big.p + at, 64));
	assert_false(all_zero(big.p + big.n - 64, 64));
	rng_fill(crypto_rng(), a.p, 0);
	free(a.p);
	free(b.p);
	free(big.p);
}

static void test_self_test(void **state)
{
	const char *what = "";
	assert_int_equal(crypto_self_test(*state, &what), 0);
	assert_null(what);
	assert_int_equal(crypto_self_test(*state, &what), 0);
}

static void expect_failure(struct crypto *c, const char *name)
{
	const char *what = NULL;
	assert_int_equal(crypto_self_test(c, &what), -EIO);
	assert_string_equal(what, name);
}

/* Whatever algorithm stands in the place of another, the test says which one is wrong. */
static void test_self_test_fails(void **state)
{
	static const char *const ciphers[CIPHER_ROWS] = {
		"AES_CBC_128",    "AES_CBC_192",    "AES_CBC_256",
		"AES_CTR_128",    "AES_CTR_192",    "AES_CTR_256",
		"AES_GCM_8_128",  "AES_GCM_8_192",  "AES_GCM_8_256",
		"AES_GCM_12_128", "AES_GCM_12_192", "AES_GCM_12_256",
		"AES_GCM_16_128", "AES_GCM_16_192", "AES_GCM_16_256",
		"CHACHA20_POLY1305",
	};
	static const char *const groups[DH_ROWS] = {
		"MODP_1024", "MODP_1536", "MODP_2048", "MODP_3072", "MODP_4096", "MODP_6144",  "MODP_8192",
		"MODP_2048_256", "ECP_256", "ECP_384", "ECP_521", "CURVE_25519", "CURVE_448",
	};
	struct crypto *c = *state;
	for (size_t i = 0; i < CIPHER_ROWS; i++) {
		/* The same mode with another key length; AES-256-GCM for ChaCha20-Poly1305. */
		EVP_CIPHER *own = c->cipher[i];
		c->cipher[i] = c->cipher[i == 15 ? 14 : i / 3 * 3 + (i + 1) % 3];
		expect_failure(c, ciphers[i]);
		c->cipher[i] = own;
	}
	for (size_t i = 0; i < DH_ROWS; i++) {
		/* A neighbour of the same kind. */
		size_t other = i < 8 ? (i + 1) % 8 : i < 11 ? 8 + (i - 7) % 3 : 23 - i;
		struct dh_state own = c->dh[i];
		c->dh[i] = c->dh[other];
		expect_failure(c, groups[i]);
		c->dh[i] = own;
	}
	EVP_MD *sha1 = c->sha1;
	c->sha1 = EVP_MD_fetch(NULL, "MD5", NULL);
	expect_failure(c, "SHA1");
	EVP_MD_free(c->sha1);
	c->sha1 = sha1;
	const char *what;
	assert_int_equal(crypto_self_test(c, &what), 0);
}

/* Each call that opens, looks up or connects ends the process. */
static bool close_files(void)
{
	static const unsigned calls[] = {
		SYS_openat, SYS_readlinkat, SYS_faccessat, SYS_newfstatat, SYS_statx, SYS_socket, SYS_execve,
#ifdef SYS_open
		SYS_open, SYS_stat, SYS_lstat, SYS_access, SYS_readlink,
#endif
	};
	struct sock_filter f[2 * ARRAY_LEN(calls) + 2] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	};
	unsigned short n = 1;
	for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
		f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, calls[i], 0, 1);
		f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	}
	f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog prog = {.len = n, .filter = f};
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) == 0;
}

/* What a role does behind its filter, errors included. */
static int work_without_files(struct crypto *c)
{
	const char *what;
	uint8_t b[4096], *data;
	size_t n;
	struct sk_keys k = {.encr = ENCR_AES_GCM_16, .encr_bits = 256};
	struct dh_private priv = {.group = DH_CURVE25519, .len = 32};
	k.e.len = 36;
	if (crypto_self_test(c, &what) != 0)
		return 1;
	rng_fill(crypto_rng(), b, sizeof b);
	if (sk_open(c, &k, b, 32, 200, &data, &n) != -EBADMSG)
		return 2;
	memset(b, 0, 32);
	if (dh_shared(c, &priv, SPAN(b, 32), b + 64, &n) != -EINVAL)
		return 3;
	priv = (struct dh_private){.group = DH_ECP_256, .len = 32};
	return dh_shared(c, &priv, SPAN(b, 64), b + 64, &n) == -EINVAL ? 0 : 4;
}

static void test_no_files_later(void **state)
{
	int status;
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		signal(SIGSEGV, SIG_DFL); /* not cmocka's */
		_exit(close_files() ? work_without_files(*state) : 99);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* The filter above does bite. */
static void test_no_files_bites(void **state)
{
	int status;
	(void)state;
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (!close_files())
			_exit(99);
		_exit(access("/", F_OK) == 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_new_free),        cmocka_unit_test(test_heap_wipes),
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_sha1),            cmocka_unit_test(test_rng), cmocka_unit_test(test_rng_drawn),
		cmocka_unit_test(test_self_test),       cmocka_unit_test(test_self_test_fails),
		cmocka_unit_test(test_no_files_later),  cmocka_unit_test(test_no_files_bites),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
