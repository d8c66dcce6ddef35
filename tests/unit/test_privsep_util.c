/* See test_privsep_util.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test_privsep_util.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct crypto *world_crypto;

static void *heap_get(struct mem *m, size_t n)
{
	struct world *w = CONTAINER_OF(m, struct world, mem);
	if (w->fail_at && --w->fail_at == 0)
		return NULL;
	return calloc(1, n ? n : 1);
}

static void heap_put(struct mem *m, void *p, size_t n)
{
	(void)m;
	(void)n;
	free(p);
}

static void fill(struct rng *r, void *p, size_t n)
{
	struct world *w = CONTAINER_OF(r, struct world, rng);
	for (size_t i = 0; i < n; i++) {
		w->seed = w->seed * 6364136223846793005u + 1442695040888963407u;
		((uint8_t *)p)[i] = (uint8_t)(w->seed >> 56);
	}
}

static void say(void *ctx, int8_t level, const char *text)
{
	struct world *w = ctx;
	sb_printf(&w->said, "%d %s\n", level, text);
}

/* A message to esp has the shape that its table wants. */
static void esp_check(uint8_t verb, const void *body, size_t n_fds)
{
	const struct priv_verb *row = priv_verb_find(&ESP_VERBS, verb);
	assert_non_null(row);
	assert_true(row->from & PRIV_ROLE_PRIV);
	uint8_t *b = malloc(max_z(row->request.body, 1));
	assert_non_null(b);
	memcpy(b, body, row->request.body);
	assert_null(priv_shape_check(&row->request, b, SPAN(NULL, 0)));
	assert_true(n_fds >= row->request.min_fds && n_fds <= row->request.max_fds);
	free(b);
}

static void esp_note(struct world *w, uint8_t verb, const void *body, size_t n_fds)
{
	const struct x_device *d = body;
	const struct x_install *i = body;
	const struct x_move *m = body;
	const struct x_spi *s = body;
	sb_printf(&w->told, "%s", priv_verb_find(&ESP_VERBS, verb)->name);
	if (verb == EV_DEVICE) {
		sb_printf(&w->told, " %u tunnel %u mtu %u fds %zu remote ", d->device.id, d->device.tunnel, d->device.mtu, n_fds);
		sb_addr(&w->told, &d->device.remote);
		if (d->device.key_set)
			sb_printf(&w->told, " key %u", d->device.key);
	} else if (verb == EV_SA_INSTALL) {
		sb_printf(&w->told, " tunnel %u %08x %08x", i->tunnel, i->sa.in.spi, i->sa.out.spi);
		w->given = *i;
	} else if (verb == EV_SA_MOVE) {
		sb_printf(&w->told, " %08x ", m->spi_in);
		sb_addr(&w->told, &m->local);
		sb_putc(&w->told, ' ');
		sb_endpoint(&w->told, &m->remote);
	} else {
		sb_printf(&w->told, " %x", s->spi); /* the one number that the others are */
	}
	sb_putc(&w->told, '\n');
}

static void esp_say(void *ctx, uint8_t verb, const void *body, const int *fds, size_t n_fds)
{
	assert_true(!n_fds || fds[0] >= 1000);
	esp_check(verb, body, n_fds);
	esp_note(ctx, verb, body, n_fds);
}

const char *world_told(struct world *w)
{
	static char copy[sizeof w->esp_log];
	memcpy(copy, w->esp_log, sizeof copy);
	w->told = SB(w->esp_log);
	return copy;
}

int world_esp_answers(struct world *w, int status, const void *body)
{
	struct actor_esp what = w->out.esp;
	assert_int_equal(w->out.todo, TODO_ESP);
	memset(&what.body, 0xee, sizeof what.body); /* it must not be needed */
	actor_esp_answered(w->actor, &what, status, body, "", &w->out);
	assert_true(w->out.answer);
	return w->out.status;
}

struct addr world_addr(const char *text)
{
	struct addr a;
	assert_true(addr_parse(text, &a));
	return a;
}

struct ident world_ident(const char *text)
{
	struct ident id;
	assert_true(ident_parse(text, &id));
	return id;
}

/* --- The configuration: laid out by hand, so that these tests do not need config/ --- */

enum { BLOB = 96 * 1024 };

static conf_ref room(struct conf *c, size_t n)
{
	c->size = (c->size + 7) & ~7u;
	conf_ref r = c->size;
	c->size += (uint32_t)n;
	assert_true(c->size <= BLOB);
	return r;
}

static conf_ref text(struct conf *c, const char *s)
{
	conf_ref r = room(c, strlen(s) + 1);
	memcpy((char *)c + r, s, strlen(s) + 1);
	return r;
}

static conf_ref proposals(struct conf *c, const char *s, uint8_t proto)
{
	conf_ref r = room(c, sizeof(struct proposals));
	char err[128];
	struct sbuf b = SB(err);
	assert_true(proposals_parse(s, proto, (struct proposals *)(void *)((char *)c + r), &b));
	return r;
}

static struct conf_host host(const char *s)
{
	struct conf_host h = {.kind = HOST_ADDR};
	h.lo = world_addr(s);
	return h;
}

static void tunnel(struct conf *c, struct tunnel_conf *t, const char *name)
{
	tunnel_conf_defaults(t);
	t->name = text(c, name);
	t->origin = text(c, "ipsec.conf:7");
	t->ike = proposals(c, "aes256-sha256-modp2048!", PROTO_IKE);
	t->esp = proposals(c, "aes128-sha256,aes256gcm16-noesn-modp2048!", PROTO_ESP);
	t->local.proto = t->remote.proto = 47;
	t->rekey = true;
	t->install_policy = true;
	t->replay_window = 32;
	t->child_life = (struct conf_life){.life = DUR_S(3600)};
}

static void hosts(struct tunnel_conf *t)
{
	t[0].local.host[0] = t[1].local.host[0] = host("10.0.0.2");
	t[0].remote.host[0] = t[1].remote.host[0] = host("80.251.0.33");
	t[0].local.n_hosts = t[1].local.n_hosts = t[0].remote.n_hosts = t[1].remote.n_hosts = 1;
	for (int i = 0; i < 2; i++) {
		t[i].local.id_set = t[i].remote.id_set = true;
		t[i].local.id = world_ident("121.43.117.81");
	}
	t[0].remote.id = world_ident("80.251.0.33");
	t[1].remote.id = world_ident("other.example.org");
	t[2].remote.n_hosts = 2;
	t[2].remote.host[1] = host("192.0.2.7");
	t[4].remote.n_hosts = 1;
	t[4].remote.host[0] = (struct conf_host){.kind = HOST_RANGE};
	t[4].remote.host[0].lo = world_addr("198.51.100.0");
	t[4].remote.host[0].hi = world_addr("198.51.100.255");
	t[5].remote.n_hosts = 1;
	t[5].remote.host[0] = host("203.0.113.9");
	t[5].guard = GUARD_OFF;
	t[6].kind = TUNNEL_PASS;
	t[6].local.n_hosts = 1;
	t[6].local.host[0] = (struct conf_host){.kind = HOST_RANGE};
	t[6].local.host[0].lo = world_addr("10.0.0.0");
	t[6].local.host[0].hi = world_addr("10.255.255.255");
}

struct conf *world_conf(void)
{
	static const char *const names[] = {"net", "twin", "name", "any", "range", "off", "pass"};
	struct conf *c = calloc(1, BLOB);
	assert_non_null(c);
	*c = (struct conf){.magic = CONF_MAGIC, .size = sizeof *c, .generation = 1, .n_tunnels = ARRAY_LEN(names)};
	conf_setup_defaults(&c->setup);
	c->tunnels = room(c, sizeof(struct tunnel_conf) * ARRAY_LEN(names));
	struct tunnel_conf *t = (struct tunnel_conf *)(void *)((char *)c + c->tunnels);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		tunnel(c, &t[i], names[i]);
	hosts(t);
	t[0].updown = text(c, "/etc/updown net");
	snprintf(t[0].gre.name, sizeof t[0].gre.name, "gre1");
	t[2].remote.host[0] = (struct conf_host){.kind = HOST_NAME, .name = text(c, "peer.example.org")};
	t[3].updown = text(c, "/etc/updown any");
	t[0].ppk_id = text(c, "ppk");
	t[3].ppk_id = text(c, CONF_PPK_ANY);
	assert_true(conf_check(c, c->size));
	return c;
}

struct tunnel_conf *world_tunnel(struct conf *c, const char *name)
{
	int i = conf_find(c, name);
	assert_true(i >= 0);
	return (struct tunnel_conf *)(uintptr_t)conf_tunnel(c, (uint32_t)i);
}

/* --- The world --- */

static int setup(void **state, bool user)
{
	struct world *w = calloc(1, sizeof *w);
	assert_non_null(w);
	*w = (struct world){.mem = {.get = heap_get, .put = heap_put}, .rng = {.fill = fill}, .seed = 7};
	w->said = SB(w->log);
	w->told = SB(w->esp_log);
	fake_kernel_init(&w->kernel);
	w->kernel.local[0] = world_addr("10.0.0.2");
	w->kernel.local[1] = world_addr("10.9.0.1");
	w->kernel.local[2] = world_addr("2001:db8::1");
	w->kernel.n_local = 3;
	w->crypto = world_crypto ? world_crypto : crypto_new();
	assert_non_null(w->crypto);
	psk_set_init(&w->psks, &w->mem);
	w->conf = world_conf();
	struct actor_env env = {.mem = &w->mem, .kernel = &w->kernel, .crypto = w->crypto, .rng = &w->rng, .log = say,
	                        .log_ctx = w};
	if (user) {
		env.esp = esp_say;
		env.esp_ctx = w;
		env.queues = 2;
	}
	w->actor = actor_new(&env);
	assert_non_null(w->actor);
	assert_int_equal(actor_conf_set(w->actor, w->conf, &w->psks), 0);
	actor_phase_set(w->actor, PHASE_RUN);
	(void)fake_kernel_calls(&w->kernel);
	*state = w;
	return 0;
}

void world_rebirth(struct world *w, actor_book_fn *book, void *ctx)
{
	struct actor_env env = {.mem = &w->mem, .kernel = &w->kernel, .crypto = w->crypto, .rng = &w->rng, .log = say,
	                        .log_ctx = w, .book = book, .book_ctx = ctx};
	actor_free(w->actor);
	w->actor = actor_new(&env);
	assert_non_null(w->actor);
	assert_int_equal(actor_conf_set(w->actor, w->conf, &w->psks), 0);
	actor_phase_set(w->actor, PHASE_RUN);
	(void)fake_kernel_calls(&w->kernel);
}

int world_setup(void **state) { return setup(state, false); }
int world_setup_user(void **state) { return setup(state, true); }

int world_teardown(void **state)
{
	struct world *w = *state;
	actor_free(w->actor);
	psk_set_fini(&w->psks);
	if (w->crypto != world_crypto)
		crypto_free(w->crypto);
	assert_int_equal(w->mem.in_use, 0);
	free(w->conf);
	free(w);
	return 0;
}

int world_ask(struct world *w, uint8_t verb, const void *body, struct span tail)
{
	const struct priv_verb *row = priv_verb_find(&PRIV_VERBS, verb);
	assert_non_null(row);
	uint8_t *b = malloc(max_z(row->request.body, 1)), *t = malloc(max_z(tail.n, 1));
	assert_true(b && t);
	if (row->request.body)
		memcpy(b, body, row->request.body);
	if (tail.n)
		memcpy(t, tail.p, tail.n);
	struct priv_msg m = {.row = row, .verb = verb, .ticket = 1, .body = row->request.body ? b : NULL,
	                     .tail = SPAN(t, tail.n)};
	assert_null(priv_shape_check(&row->request, m.body, m.tail));
	actor_handle(w->actor, &m, DUR_S(100), &w->out);
	free(b);
	free(t);
	assert_true(w->out.text[0] == 0 || w->out.status < 0);
	if (w->out.todo == TODO_ESP) {
		assert_false(w->out.answer);
		esp_check(w->out.esp.verb, &w->out.esp.body, 0);
		sb_put(&w->told, "? ");
		esp_note(w, w->out.esp.verb, &w->out.esp.body, 0);
	}
	return w->out.status;
}

static uint32_t spi(struct world *w, const char *tunnel, const struct addr *local, const struct addr *remote,
                    uint32_t *reqid)
{
	struct m_spi_alloc m = {.local = *local, .remote = *remote, .min = 0xc0000000, .max = 0xcfffffff};
	snprintf(m.tunnel, sizeof m.tunnel, "%s", tunnel);
	assert_int_equal(world_ask(w, PRIV_SPI_ALLOC, &m, SPAN(NULL, 0)), 0);
	*reqid = w->out.body.spi.reqid;
	return w->out.body.spi.spi;
}

void world_install_body(struct world *w, const char *tunnel, struct m_child_install *m)
{
	world_install_body_of(w, tunnel, "80.251.0.33", m);
}

void world_install_body_of(struct world *w, const char *tunnel, const char *remote, struct m_child_install *m)
{
	memset(m, 0, sizeof *m);
	snprintf(m->tunnel, sizeof m->tunnel, "%s", tunnel);
	m->child_id = 1;
	m->peer = world_ident(strcmp(tunnel, "twin") == 0 ? "other.example.org" : remote);
	struct child_sa *sa = &m->sa;
	sa->local = world_addr("10.0.0.2");
	sa->remote = world_addr(remote);
	sa->sel.proto = 47;
	sa->suite = (struct suite){.encr = ENCR_AES_CBC, .encr_bits = 128, .integ = AUTH_HMAC_SHA2_256_128};
	assert_true(secret_set(&sa->in.encr, "0123456789abcdef", 16));
	assert_true(secret_set(&sa->out.encr, "fedcba9876543210", 16));
	assert_true(secret_set(&sa->in.integ, "0123456789abcdef0123456789abcdef", 32));
	assert_true(secret_set(&sa->out.integ, "fedcba9876543210fedcba9876543210", 32));
	sa->encap = true;
	sa->encap_sport = 4500;
	sa->encap_dport = 46376;
	sa->replay_window = 32;
	sa->life = (struct lifetime){.soft_s = 2800, .hard_s = 3600};
	sa->install_policy = true;
	sa->out.spi = 0xcafe0001;
	sa->in.spi = spi(w, tunnel, &sa->local, &sa->remote, &sa->reqid);
}

uint32_t world_install(struct world *w, const char *tunnel)
{
	struct m_child_install m;
	world_install_body(w, tunnel, &m);
	assert_int_equal(world_ask(w, PRIV_CHILD_INSTALL, &m, SPAN(NULL, 0)), 0);
	return m.sa.in.spi;
}
