/* A hostile ike: frames of any octets, and messages that were good before some of their octets were changed, against
 * the channel and the actor over a fake kernel. Besides not crashing: the configured key never comes out, and whatever
 * reaches the kernel is what the configuration allows. Each input twice: with the data plane of the kernel, and with the one in
 * user space, where esp is told only what its table allows, and answers each request at once, well or not.
 *
 * Input: a sequence of steps. Step: kind (even: raw frame, odd: changed message), verb, n, then n octets (the
 * frame's), or n pairs of (16-bit offset, octet). */
#include <setjmp.h>
#include <stdarg.h>

#include "fuzz.h"

#include <cmocka.h>

#include "../unit/test_privsep_util.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char KEY[] = "the key that must not come out";

static void check(bool fine)
{
	if (!fine)
		abort();
}

/* --- Good messages, to be spoilt --- */

static void fill_field(const struct priv_field *f, uint8_t *p)
{
	struct addr local = world_addr("10.0.0.2"), remote = world_addr("80.251.0.33");
	bool ours = strstr(f->name, "local") != NULL;
	struct endpoint e = {.addr = ours ? local : remote, .port = 4500};
	struct ident id = world_ident(strstr(f->name, "peer") ? "80.251.0.33" : "121.43.117.81");
	uint32_t v = (uint32_t)f->lo;
	if (f->check == CHECK_TEXT)
		memcpy(p, "net", 4);
	else if (f->check == CHECK_ADDR)
		memcpy(p, ours ? &local : &remote, sizeof local);
	else if (f->check == CHECK_ENDPOINT)
		memcpy(p, &e, sizeof e);
	else if (f->check == CHECK_IDENT)
		memcpy(p, &id, sizeof id);
	else if (f->check == CHECK_U32)
		memcpy(p, &v, sizeof v);
	else if (f->check == CHECK_U8 || f->check == CHECK_I8)
		*p = (uint8_t)f->lo;
}

/* Verbs about one SA get the SPI of the newest child, if there is one. */
static void fill_spi(const struct world *w, uint8_t verb, uint8_t *body)
{
	const struct child *k = NULL;
	for (const struct child *n = NULL; (n = children_next(actor_children(w->actor), n));)
		k = n;
	if (!k)
		return;
	if (verb == PRIV_CHILD_REMOVE || verb == PRIV_SA_QUERY)
		memcpy(body + offsetof(struct m_spi, spi), &k->sa.in.spi, 4);
	if (verb == PRIV_CHILD_MOVE)
		memcpy(body + offsetof(struct m_child_move, spi_in), &k->sa.in.spi, 4);
	if (verb == PRIV_HOOK_RUN)
		memcpy(body + offsetof(struct m_hook_run, child.spi_in), &k->sa.in.spi, 4);
}

static size_t good(struct world *w, uint8_t verb, uint8_t *out)
{
	const struct priv_verb *row = priv_verb_find(&PRIV_VERBS, verb);
	const struct priv_shape *s = &row->request;
	struct priv_head h = {.verb = verb, .ticket = 1, .body = s->body};
	uint8_t *body = out + sizeof h;
	memset(body, 0, s->body);
	for (size_t i = 0; i < s->n_fields; i++)
		fill_field(&s->field[i], body + s->field[i].at);
	if (verb == PRIV_CHILD_INSTALL && actor_children(w->actor)->n < 100)
		world_install_body(w, "net", (struct m_child_install *)(void *)body);
	if (verb == PRIV_SPI_ALLOC) {
		struct m_spi_alloc *m = (struct m_spi_alloc *)(void *)body;
		m->min = 0xc0000000;
		m->max = 0xcfffffff;
	}
	if (verb == PRIV_PSK_SIGN || verb == PRIV_PSK_VERIFY) {
		struct m_psk *m = (struct m_psk *)(void *)body;
		m->prf = PRF_HMAC_SHA2_256;
		m->n_octets = 64;
		h.tail = 64;
		memset(body + s->body, 7, 64);
	}
	if (verb == PRIV_PPK_MIX) {
		struct m_ppk_mix *m = (struct m_ppk_mix *)(void *)body;
		m->prf = PRF_HMAC_SHA2_256;
		memcpy(m->id, "ppk", sizeof "ppk");
		h.tail = 96;
		memset(body + s->body, 7, 96);
	}
	fill_spi(w, verb, body);
	memcpy(out, &h, sizeof h);
	return sizeof h + s->body + h.tail;
}

/* --- What must hold --- */

static void check_kernel(struct world *w)
{
	const struct child_sa *sa = &w->kernel.installed;
	for (const struct child *k = NULL; (k = children_next(actor_children(w->actor), k));) {
		check(addr_eq(&k->sa.local, &w->kernel.local[0]) || addr_eq(&k->sa.local, &w->kernel.local[1]) ||
		      addr_eq(&k->sa.local, &w->kernel.local[2]));
		check(k->sa.sel.proto == 47 && k->sa.in.spi >= 256);
		check(strcmp(k->tunnel, "pass") != 0 && conf_find(w->conf, k->tunnel) >= 0);
	}
	if (sa->in.spi) {
		check(sa->in.encr.len == suite_encr_key_len(&sa->suite) && sa->in.encr.len > 0);
		check(sa->life.hard_s > 0 && sa->life.hard_s <= 3600);
	}
	const char *calls = fake_kernel_calls(&w->kernel);
	check(!strstr(calls, "shunt") && !strstr(calls, "strict") && !strstr(calls, "guard_del"));
	const char *tun = strstr(calls, "tun_open ");
	check(!tun || (tun[9] != ' ' && strncmp(tun + 9, ". ", 2) != 0 && strncmp(tun + 9, ".. ", 3) != 0 &&
	               strcspn(tun + 9, "/ :%") == strcspn(tun + 9, " ")));
	const char *gre = strstr(calls, "gre ");
	check(!gre || strncmp(gre, "gre gre1 10.", 12) == 0);
}

static void check_out(const struct actor_out *out)
{
	const uint8_t *p = (const uint8_t *)out;
	for (size_t i = 0; i + sizeof KEY - 1 <= sizeof *out; i++)
		check(memcmp(p + i, KEY, sizeof KEY - 1) != 0);
	check(!out->has_body || out->answer);
	check(memchr(out->text, 0, sizeof out->text) != NULL);
}

/* What esp is asked to take is what the configuration allows; and its answer, by chance a failure. */
static void answer(struct world *w, struct actor_out *out)
{
	static const struct x_stats stats;
	static const struct r_sa_query query;
	const struct priv_verb *row = priv_verb_find(&ESP_VERBS, out->esp.verb);
	const struct child_sa *sa = &out->esp.body.install.sa;
	struct actor_out told;
	check(row && row->answered && !out->answer && !priv_shape_check(&row->request, &out->esp.body, SPAN(NULL, 0)));
	if (out->esp.verb == EV_SA_INSTALL)
		check(sa->sel.proto == 47 && sa->encap && sa->in.encr.len == suite_encr_key_len(&sa->suite) &&
		      sa->life.hard_s > 0 && sa->life.hard_s <= 3600);
	int status = w->kernel.next_spi++ % 3 == 0 ? -ENOMEM : 0;
	const void *body = out->esp.verb == EV_STATS ? (const void *)&stats : &query;
	actor_esp_answered(w->actor, &out->esp, status, body, "", &told);
	check(told.answer && told.status == status);
}

static void receive(struct world *w, struct privsep *priv)
{
	struct priv_msg m;
	struct actor_out out;
	int rc = privsep_recv(priv, &m);
	check(rc == 1 || rc == -EPROTO || rc == -EBADMSG);
	if (rc != 1)
		return;
	actor_handle(w->actor, &m, DUR_S(1), &out);
	check_out(&out);
	if (out.todo == TODO_ESP)
		answer(w, &out);
	check_kernel(w);
	(void)world_told(w);
}

static void step(struct world *w, struct privsep *priv, int raw, struct rd *r)
{
	static uint8_t room[64 * 1024];
	uint8_t kind = rd_u8(r), verb = rd_u8(r);
	size_t n = rd_u8(r), len = 0;
	if (kind % 2 == 0 || !priv_verb_find(&PRIV_VERBS, (uint8_t)(verb % PRIV_VERB_N))) {
		struct priv_head h = {.verb = verb, .body = (uint16_t)n};
		memcpy(room, &h, sizeof h);
		len = min_z(n, rd_left(r));
		rd_copy(r, room + (kind & 2 ? sizeof h : 0), len);
		len += kind & 2 ? sizeof h : 0;
		if (len == 0)
			return; /* nothing is what the end of the other side looks like */
	} else {
		len = good(w, (uint8_t)(verb % PRIV_VERB_N), room);
		for (size_t i = 0; i < n && rd_left(r) >= 3; i++) {
			uint16_t at = rd_u16(r);
			room[at % len] = rd_u8(r);
		}
	}
	if (send(raw, room, len, MSG_DONTWAIT) == (ssize_t)len)
		receive(w, priv);
}

static void run(const uint8_t *data, size_t size, int (*setup)(void **state))
{
	void *state;
	int fd[2];
	check(setup(&state) == 0);
	struct world *w = state;
	check(psk_set_add(&w->psks, "s:1", NULL, 0, KEY, sizeof KEY - 1) == 0);
	check(psk_set_add_ppk(&w->psks, "ppk", KEY, sizeof KEY - 1) == 0);
	w->kernel.gre = (struct gre_link){.ifindex = 9, .name = "gre1"};
	check(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fd) == 0);
	struct privsep *priv = privsep_new(fd[0], PRIV_ROLE_PRIV, &PRIV_VERBS);
	check(priv != NULL);
	struct rd r = rd_init(data, size);
	for (int i = 0; i < 64 && rd_left(&r) >= 3; i++)
		step(w, priv, fd[1], &r);
	privsep_free(priv);
	close(fd[1]);
	check(world_teardown(&state) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!world_crypto)
		world_crypto = crypto_new();
	run(data, size, world_setup);
	run(data, size, world_setup_user);
	return 0;
}
