/* Our ESP against the kernel's, same keys on both sides: for t_esp_diff.sh. The kernel has 198.18.0.1, SAs by `ip xfrm` with ESP in UDP,
 * and a GRE interface for each case; here are 198.18.1.0/24 and esp/ with crypto/ on a plain socket, without TUN. What we seal the
 * kernel opens, or it would not answer the echo in it; its answer is sealed by the kernel and opened here.
 *
 *   esp_peer batch [PACKETS]            for ip -batch, at the kernel's end
 *   esp_peer run [PACKETS [PART...]]    all cases, or those with PART in their name: "ok NAME" or "NOT OK NAME: WHY" for each;
 *                                       last "replayed N forged N": what the kernel should have counted
 *
 * All ciphers and integrities of ESP, without and with ESN, windows of 32 to 4,096 in turn, GRE plain, with a key, with a checksum in
 * turn. With ESN the numbers begin where the lower half overflows on the way. */
#include "esp_peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KERNEL_SPI = 0xb0000000, OUR_SPI = 0xa0000000, PACKETS = 3000 };

static const uint32_t windows[] = {32, 64, 256, 1024, 4096};

/* Keys that both commands know. */
static void fill(struct secret *s, size_t n, unsigned seed)
{
	s->len = (uint8_t)n;
	for (size_t i = 0; i < n; i++)
		s->b[i] = (uint8_t)(seed * 31 + i * 7 + 1);
}

void peer_sa(const struct peer_case *c, struct child_sa *sa)
{
	size_t encr = suite_encr_key_len(&c->suite), integ = suite_integ_key_len(&c->suite);
	*sa = (struct child_sa){
		.reqid = c->n, .local = {.family = AF_V4, .b = {198, 18, 1, (uint8_t)c->n}},
		.remote = {.family = AF_V4, .b = {198, 18, 0, 1}}, .sel = {.proto = 47}, .suite = c->suite,
		.in = {.spi = OUR_SPI + c->n}, .out = {.spi = KERNEL_SPI + c->n}, .encap = true, .encap_sport = 4500,
		.encap_dport = 4500, .replay_window = c->window};
	fill(&sa->in.encr, encr, 4 * c->n);
	fill(&sa->in.integ, integ, 4 * c->n + 1);
	fill(&sa->out.encr, encr, 4 * c->n + 2);
	fill(&sa->out.integ, integ, 4 * c->n + 3);
}

static void case_add(struct peer_case *v, unsigned *n, const struct algo *e, const struct algo *a, bool esn, unsigned packets)
{
	struct peer_case *c = &v[*n];
	*c = (struct peer_case){
		.n = ++*n, .encr = e, .integ = a, .window = windows[*n % ARRAY_LEN(windows)],
		.start = esn ? (UINT64_C(1) << 32) - packets / 2 : 0, .key = *n % 3 == 1, .csum = *n % 3 == 2,
		.suite = {.encr = e->id, .encr_bits = e->key_bits, .integ = a ? a->id : AUTH_NONE, .esn = esn}};
	snprintf(c->name, sizeof c->name, "%s%s%s%s, window %u%s", e->log_name, a ? "/" : "", a ? a->log_name : "",
	         esn ? "/ESN" : "", c->window, c->key ? ", GRE key" : c->csum ? ", GRE checksum" : "");
}

static unsigned cases(struct peer_case v[CASES_MAX], unsigned packets)
{
	size_t n_algos;
	unsigned n = 0;
	const struct algo *t = algo_table(&n_algos);
	for (size_t e = 0; e < n_algos; e++) {
		if (t[e].type != T_ENCR || !(t[e].flags & ALGO_ESP))
			continue;
		for (size_t a = 0; a < n_algos; a++) {
			bool aead = t[e].flags & ALGO_AEAD;
			if (aead ? a > 0 : t[a].type != T_INTEG || !(t[a].flags & ALGO_ESP))
				continue;
			for (int esn = 0; esn < 2 && n < CASES_MAX; esn++)
				case_add(v, &n, &t[e], aead ? NULL : &t[a], esn, packets);
		}
	}
	return n;
}

/* --- For the kernel --- */

static void print_key(const struct secret *s)
{
	printf(" 0x");
	for (size_t i = 0; i < s->len; i++)
		printf("%02x", s->b[i]);
}

static void print_state(const struct peer_case *c, const struct esp_sa *sa, const char *ends, bool out)
{
	printf("xfrm state add %s proto esp spi 0x%08x reqid %u mode transport replay-window %u", ends, sa->spi, c->n, c->window);
	if (c->suite.esn)
		printf(" replay-%s 0x%08x flag esn", out ? "oseq" : "seq", (uint32_t)c->start);
	if (c->integ) {
		printf(" enc %s", c->encr->kernel);
		print_key(&sa->encr);
		printf(" auth-trunc %s", c->integ->kernel);
		print_key(&sa->integ);
		printf(" %u", 8 * c->integ->icv_len);
	} else {
		printf(" aead %s", c->encr->kernel);
		print_key(&sa->encr);
		printf(" %u", 8 * c->encr->icv_len);
	}
	printf(" encap espinudp 4500 4500 0.0.0.0\n");
}

static void batch(const struct peer_case *c)
{
	struct child_sa sa;
	char out[64], in[64];
	unsigned n = c->n;
	peer_sa(c, &sa);
	snprintf(out, sizeof out, "src 198.18.0.1 dst 198.18.1.%u", n);
	snprintf(in, sizeof in, "src 198.18.1.%u dst 198.18.0.1", n);
	print_state(c, &sa.in, out, true);
	print_state(c, &sa.out, in, false);
	printf("xfrm policy add %s proto gre dir out tmpl %s proto esp reqid %u mode transport\n", out, out, n);
	printf("xfrm policy add %s proto gre dir in tmpl %s proto esp reqid %u mode transport\n", in, in, n);
	printf("tunnel add g%u mode gre local 198.18.0.1 remote 198.18.1.%u ttl 64%s", n, n, c->csum ? " csum" : "");
	printf(c->key ? " key %u\n" : "\n", n);
	printf("link set g%u mtu %u up\naddr add 10.1.%u.1/30 dev g%u\naddr add 2001:db8:%x::1/64 dev g%u nodad\n", n, FRAME_MAX, n, n, n,
	       n);
}

/* --- For us --- */

static void *get(struct mem *m, size_t n) { (void)m; return calloc(1, n); }
static void put(struct mem *m, void *p, size_t n) { (void)m, (void)n; free(p); }

static bool wanted(const char *name, char **part)
{
	for (char **p = part; *p; p++) {
		if (strstr(name, *p))
			return true;
	}
	return !*part;
}

static int run(const struct peer_case *v, unsigned n, unsigned packets, char **part)
{
	struct peer t = {.mem = {.get = get, .put = put}, .crypto = crypto_new()};
	int failed = 0;
	struct esp_env env = {.mem = &t.mem, .crypto = t.crypto, .rng = crypto_rng(), .workers = 1};
	t.esp = esp_new(&env);
	t.tx = esp_tx_new(t.esp, 0);
	t.rx = esp_rx_new(t.esp, 0);
	if (!talk_open(&t)) {
		printf("NOT OK a socket: %s\n", t.why);
		return 1;
	}
	printf("-- ciphers by %s\n", esp_backend_best() == ESP_BACKEND_IPSEC_MB ? "ipsec-mb" : "OpenSSL");
	for (unsigned i = 0; i < n; i++) {
		/* Long windows cost as many packets: for two of each length. */
		if (!wanted(v[i].name, part))
			continue;
		bool good = talk_case(&t, &v[i], packets, v[i].window <= 64 || i < 2 * ARRAY_LEN(windows));
		printf(good ? "ok %s\n" : "NOT OK %s: %s\n", v[i].name, t.why);
		fflush(stdout);
		failed += !good;
	}
	printf("replayed %llu forged %llu\n", (unsigned long long)t.replayed, (unsigned long long)t.forged);
	esp_tx_free(t.tx);
	esp_rx_free(t.rx);
	esp_free(t.esp);
	crypto_free(t.crypto);
	return failed != 0;
}

int main(int argc, char **argv)
{
	static struct peer_case v[CASES_MAX];
	unsigned packets = argc > 2 ? (unsigned)atoi(argv[2]) : PACKETS, n = cases(v, packets);
	if (argc > 1 && strcmp(argv[1], "run") == 0)
		return run(v, n, packets, argv + (argc > 2 ? 3 : 2));
	if (argc < 2 || strcmp(argv[1], "batch") != 0)
		return 2;
	for (unsigned i = 0; i < n; i++)
		batch(&v[i]);
	return 0;
}
