/* Re-validation: what priv refuses although the message is well formed. Each row of a verb starts from a message that
 * is accepted and spoils one thing; a refused message reaches no call of the kernel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test_privsep_util.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NO_TAIL SPAN(NULL, 0)

static void name_set(char out[PRIV_NAME], const char *name) { snprintf(out, PRIV_NAME, "%s", name); }

/* --- SPI_ALLOC --- */

static struct m_spi_alloc spi_body(const char *tunnel, const char *remote)
{
	struct m_spi_alloc m = {.min = 0xc0000000, .max = 0xcfffffff};
	name_set(m.tunnel, tunnel);
	m.local = world_addr("10.0.0.2");
	m.remote = world_addr(remote);
	return m;
}

static int spi_ask(struct world *w, const struct m_spi_alloc *m) { return world_ask(w, PRIV_SPI_ALLOC, m, NO_TAIL); }

static void test_spi_alloc(void **state)
{
	struct world *w = *state;
	struct m_spi_alloc m = spi_body("net", "80.251.0.33");
	assert_int_equal(spi_ask(w, &m), 0);
	assert_string_equal(fake_kernel_calls(&w->kernel), "spi_alloc 10.0.0.2 80.251.0.33\n");
	assert_int_equal(w->out.body.spi.spi, 0xc0000001);

	m = spi_body("nosuch", "80.251.0.33");
	assert_int_equal(spi_ask(w, &m), -ENOENT);
	m = spi_body("pass", "80.251.0.33");
	assert_int_equal(spi_ask(w, &m), -ENOENT);
	m = spi_body("net", "80.251.0.34");
	assert_int_equal(spi_ask(w, &m), -EACCES);
	m = spi_body("net", "80.251.0.33");
	m.local = world_addr("10.0.0.3");
	assert_int_equal(spi_ask(w, &m), -EADDRNOTAVAIL);
	m.local = world_addr("2001:db8::1");
	assert_int_equal(spi_ask(w, &m), -EAFNOSUPPORT);
	m = spi_body("net", "80.251.0.33");
	m.min = 0x100;
	assert_int_equal(spi_ask(w, &m), -ERANGE);
	m.min = 0xcfffffff;
	m.max = 0xc0000000;
	assert_int_equal(spi_ask(w, &m), -ERANGE);
	m.min = 0xc0000000;
	m.max = 0xd0000000;
	assert_int_equal(spi_ask(w, &m), -ERANGE);
	assert_string_equal(fake_kernel_calls(&w->kernel), "");

	w->kernel.fail = "spi_alloc";
	w->kernel.fail_with = -ENOMEM;
	m = spi_body("net", "80.251.0.33");
	assert_int_equal(spi_ask(w, &m), -ENOMEM);
}

static void test_remotes(void **state)
{
	struct world *w = *state;
	static const struct { const char *tunnel, *remote; int status; } rows[] = {
		{"any", "1.2.3.4", 0},           {"any", "224.0.0.1", -EACCES},     {"any", "255.255.255.255", -EACCES},
		{"any", "0.1.2.3", -EACCES},     {"range", "198.51.100.0", 0},      {"range", "198.51.100.255", 0},
		{"range", "198.51.101.0", -EACCES}, {"range", "198.51.99.255", -EACCES}, {"name", "192.0.2.7", 0},
		{"name", "192.0.2.8", -EACCES},  {"off", "203.0.113.9", 0},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct m_spi_alloc m = spi_body(rows[i].tunnel, rows[i].remote);
		assert_int_equal(spi_ask(w, &m), rows[i].status);
	}
	struct m_spi_alloc m = spi_body("any", "1.2.3.4");
	m.local = world_addr("2001:db8::1");
	m.remote = world_addr("ff02::1");
	assert_int_equal(spi_ask(w, &m), -EACCES);
	m.remote = world_addr("2001:db8::2");
	assert_int_equal(spi_ask(w, &m), 0);
}

/* (tunnel, peer) keeps its number; nobody else gets it; a wish is granted when it is free. */
static void test_reqid(void **state)
{
	struct world *w = *state;
	struct m_spi_alloc m = spi_body("net", "80.251.0.33");
	m.reqid = 7;
	assert_int_equal(spi_ask(w, &m), 0);
	assert_int_equal(w->out.body.spi.reqid, 7);
	m.reqid = 8;
	assert_int_equal(spi_ask(w, &m), 0);
	assert_int_equal(w->out.body.spi.reqid, 7);
	m = spi_body("twin", "80.251.0.33"); /* the same address, another tunnel */
	m.reqid = 7;
	assert_int_equal(spi_ask(w, &m), 0);
	assert_int_not_equal(w->out.body.spi.reqid, 7);
	m = spi_body("any", "1.2.3.4");
	m.reqid = 7;
	assert_int_equal(spi_ask(w, &m), 0);
	uint32_t first = w->out.body.spi.reqid;
	assert_int_not_equal(first, 7);
	m = spi_body("any", "1.2.3.5");
	m.reqid = first;
	assert_int_equal(spi_ask(w, &m), 0);
	assert_int_not_equal(w->out.body.spi.reqid, first);
	/* what the configuration says is for its tunnel alone */
	world_tunnel(w->conf, "off")->reqid = 42;
	m = spi_body("range", "198.51.100.1");
	m.reqid = 42;
	assert_int_equal(spi_ask(w, &m), 0);
	assert_int_not_equal(w->out.body.spi.reqid, 42);
	m = spi_body("off", "203.0.113.9");
	assert_int_equal(spi_ask(w, &m), 0);
	assert_int_equal(w->out.body.spi.reqid, 42);
}

static void test_spi_free(void **state)
{
	struct world *w = *state;
	struct m_spi_alloc m = spi_body("net", "80.251.0.33");
	assert_int_equal(spi_ask(w, &m), 0);
	(void)fake_kernel_calls(&w->kernel);
	struct m_spi f = {.spi = 0xc0000002};
	(void)world_ask(w, PRIV_SPI_FREE, &f, NO_TAIL);
	assert_string_equal(fake_kernel_calls(&w->kernel), ""); /* not ours */
	f.spi = 0xc0000001;
	(void)world_ask(w, PRIV_SPI_FREE, &f, NO_TAIL);
	assert_false(w->out.answer);
	assert_string_equal(fake_kernel_calls(&w->kernel), "spi_free c0000001\n");
	(void)world_ask(w, PRIV_SPI_FREE, &f, NO_TAIL);
	assert_string_equal(fake_kernel_calls(&w->kernel), "");
	/* an SPI in use is no SPI to give back */
	uint32_t used = world_install(w, "net");
	(void)fake_kernel_calls(&w->kernel);
	f.spi = used;
	(void)world_ask(w, PRIV_SPI_FREE, &f, NO_TAIL);
	assert_string_equal(fake_kernel_calls(&w->kernel), "");
}

/* --- CHILD_INSTALL: one spoiler per property --- */

static void s_tunnel(struct m_child_install *m) { name_set(m->tunnel, "nosuch"); }
static void s_pass(struct m_child_install *m) { name_set(m->tunnel, "pass"); }
static void s_local(struct m_child_install *m) { m->sa.local = world_addr("10.0.0.9"); }
static void s_remote(struct m_child_install *m) { m->sa.remote = world_addr("80.251.0.34"); }
static void s_family(struct m_child_install *m) { m->sa.remote = world_addr("2001:db8::5"); }
static void s_peer(struct m_child_install *m) { m->peer = world_ident("evil.example"); }
static void s_proto(struct m_child_install *m) { m->sa.sel.proto = 6; }
static void s_proto_any(struct m_child_install *m) { m->sa.sel.proto = 0; }
static void s_encr(struct m_child_install *m) { m->sa.suite.encr = ENCR_3DES; }
static void s_null(struct m_child_install *m) { m->sa.suite.encr = ENCR_NULL; }
static void s_bits(struct m_child_install *m) { m->sa.suite.encr_bits = 192; }
static void s_integ(struct m_child_install *m) { m->sa.suite.integ = AUTH_HMAC_SHA1_96; }
static void s_no_integ(struct m_child_install *m) { m->sa.suite.integ = AUTH_NONE; }
static void s_esn(struct m_child_install *m) { m->sa.suite.esn = ESN_YES; }
static void s_key_in(struct m_child_install *m) { m->sa.in.encr.len--; }
static void s_key_out(struct m_child_install *m) { m->sa.out.encr.len++; }
static void s_integ_in(struct m_child_install *m) { m->sa.in.integ.len = 0; }
static void s_integ_out(struct m_child_install *m) { m->sa.out.integ.len = 20; }
static void s_hard(struct m_child_install *m) { m->sa.life.hard_s = 3601; }
static void s_for_ever(struct m_child_install *m) { m->sa.life = (struct lifetime){.soft_s = 0}; }
static void s_soft(struct m_child_install *m) { m->sa.life.soft_s = 3601; }
static void s_mark(struct m_child_install *m) { m->sa.mark_in = 1; }
static void s_mark_mask(struct m_child_install *m) { m->sa.mark_out_mask = 1; }
static void s_window(struct m_child_install *m) { m->sa.replay_window = 0; }
static void s_policy(struct m_child_install *m) { m->sa.install_policy = false; }
static void s_sport(struct m_child_install *m) { m->sa.encap_sport = 4501; }
static void s_dport(struct m_child_install *m) { m->sa.encap_dport = 0; }
static void s_spi(struct m_child_install *m) { m->sa.in.spi++; }
static void s_reqid(struct m_child_install *m) { m->sa.reqid++; }
static void s_other_local(struct m_child_install *m) { m->sa.local = world_addr("10.9.0.1"); }

static const struct { const char *what; void (*spoil)(struct m_child_install *m); int status; } spoilers[] = {
	{"tunnel", s_tunnel, -ENOENT},         {"kind", s_pass, -ENOENT},           {"local", s_local, -EADDRNOTAVAIL},
	{"remote", s_remote, -EACCES},         {"family", s_family, -EAFNOSUPPORT}, {"peer", s_peer, -EACCES},
	{"protocol", s_proto, -EPERM},         {"any protocol", s_proto_any, -EPERM}, {"encr", s_encr, -EPERM},
	{"no encryption", s_null, -EPERM},     {"key bits", s_bits, -EPERM},        {"integ", s_integ, -EPERM},
	{"no integ", s_no_integ, -EPERM},      {"esn", s_esn, -EPERM},              
	{"key in", s_key_in, -EINVAL},         {"key out", s_key_out, -EINVAL},     {"integ in", s_integ_in, -EINVAL},
	{"integ out", s_integ_out, -EINVAL},   {"hard", s_hard, -ERANGE},           {"for ever", s_for_ever, -ERANGE},
	{"soft", s_soft, -ERANGE},             {"mark", s_mark, -EPERM},            {"mask", s_mark_mask, -EPERM},
	{"replay window", s_window, -EPERM},   {"policy", s_policy, -EPERM},        {"our port", s_sport, -EPERM},
	{"peer's port", s_dport, -EPERM},      {"spi", s_spi, -ENOENT},             {"reqid", s_reqid, -EEXIST},
	{"spi of another address", s_other_local, -ENOENT},
};

static void test_install_refused(void **state)
{
	struct world *w = *state;
	struct m_child_install good, m;
	world_install_body(w, "net", &good);
	(void)fake_kernel_calls(&w->kernel);
	for (size_t i = 0; i < ARRAY_LEN(spoilers); i++) {
		m = good;
		spoilers[i].spoil(&m);
		int status = world_ask(w, PRIV_CHILD_INSTALL, &m, NO_TAIL);
		if (status != spoilers[i].status)
			fail_msg("%s: %d, %s", spoilers[i].what, status, w->out.text);
		assert_true(w->out.answer && w->out.text[0]);
		assert_string_equal(fake_kernel_calls(&w->kernel), "");
		assert_int_equal(actor_children(w->actor)->n, 0);
	}
	/* another tunnel that allows all of it: the SPI is not its own */
	m = good;
	name_set(m.tunnel, "any");
	assert_int_equal(world_ask(w, PRIV_CHILD_INSTALL, &m, NO_TAIL), -ENOENT);
	assert_int_equal(world_ask(w, PRIV_CHILD_INSTALL, &good, NO_TAIL), 0);
	assert_memory_equal(&w->kernel.installed, &good.sa, sizeof good.sa);
	/* an SPI serves once */
	assert_int_equal(world_ask(w, PRIV_CHILD_INSTALL, &good, NO_TAIL), -ENOENT);
	/* the table keeps no keys */
	const struct child *k = children_next(actor_children(w->actor), NULL);
	static const uint8_t zero[SECRET_MAX];
	assert_memory_equal(k->sa.in.encr.b, zero, SECRET_MAX);
	assert_memory_equal(k->sa.out.integ.b, zero, SECRET_MAX);
	assert_int_equal(k->sa.in.encr.len, 0);
}

static void test_install_suites(void **state)
{
	struct world *w = *state;
	struct m_child_install m;
	/* the second proposal: AEAD, its salt behind the key, with and without its group */
	for (uint16_t dh = 0; dh <= DH_MODP_2048; dh = (uint16_t)(dh + DH_MODP_2048)) {
		world_install_body(w, "net", &m);
		m.sa.out.spi += dh;
		m.sa.suite = (struct suite){.encr = ENCR_AES_GCM_16, .encr_bits = 256, .dh = dh};
		assert_int_equal(world_ask(w, PRIV_CHILD_INSTALL, &m, NO_TAIL), -EINVAL);
		m.sa.in.integ.len = m.sa.out.integ.len = 0;
		m.sa.in.encr.len = m.sa.out.encr.len = 36;
		assert_int_equal(world_ask(w, PRIV_CHILD_INSTALL, &m, NO_TAIL), 0);
	}
	/* another group than its own */
	world_install_body(w, "net", &m);
	m.sa.suite = (struct suite){.encr = ENCR_AES_GCM_16, .encr_bits = 256, .dh = DH_MODP_1024};
	m.sa.in.integ.len = m.sa.out.integ.len = 0;
	m.sa.in.encr.len = m.sa.out.encr.len = 36;
	assert_int_equal(world_ask(w, PRIV_CHILD_INSTALL, &m, NO_TAIL), -EPERM);
	/* the first proposal has none: whichever the peer insists on */
	world_install_body(w, "net", &m);
	m.sa.out.spi = 0x77777777;
	m.sa.suite.dh = DH_MODP_2048;
	assert_int_equal(world_ask(w, PRIV_CHILD_INSTALL, &m, NO_TAIL), 0);
}

static void test_install_limits(void **state)
{
	struct world *w = *state;
	struct m_child_install m;
	struct tunnel_conf *t = world_tunnel(w->conf, "net");
	t->child_life.bytes = 1000;
	t->child_life.packets = 10;
	world_install_body(w, "net", &m);
	assert_int_equal(world_ask(w, PRIV_CHILD_INSTALL, &m, NO_TAIL), -ERANGE);
	m.sa.life.hard_bytes = 1000;
	m.sa.life.hard_packets = 11;
	assert_int_equal(world_ask(w, PRIV_CHILD_INSTALL, &m, NO_TAIL), -ERANGE);
	m.sa.life.hard_packets = 10;
	assert_int_equal(world_ask(w, PRIV_CHILD_INSTALL, &m, NO_TAIL), 0);
	/* without rekeying there may be no end */
	t->rekey = false;
	world_install_body(w, "net", &m);
	m.sa.life = (struct lifetime){.soft_s = 0};
	assert_int_equal(world_ask(w, PRIV_CHILD_INSTALL, &m, NO_TAIL), 0);
	/* marks and ports as configured */
	t->mark_in = 5;
	t->mark_in_mask = 0xff;
	t->remote.port = 9;
	world_install_body(w, "net", &m);
	m.sa.mark_in = 5;
	m.sa.mark_in_mask = 0xff;
	assert_int_equal(world_ask(w, PRIV_CHILD_INSTALL, &m, NO_TAIL), -EPERM);
	m.sa.sel.remote_port = 9;
	assert_int_equal(world_ask(w, PRIV_CHILD_INSTALL, &m, NO_TAIL), 0);
}

static void test_install_kernel_says_no(void **state)
{
	struct world *w = *state;
	struct m_child_install m;
	world_install_body(w, "net", &m);
	w->kernel.fail = "install";
	w->kernel.fail_with = -EEXIST;
	assert_int_equal(world_ask(w, PRIV_CHILD_INSTALL, &m, NO_TAIL), -EEXIST);
	assert_int_equal(actor_children(w->actor)->n, 0);
	w->kernel.fail = NULL; /* the SPI is still there for another try */
	assert_int_equal(world_ask(w, PRIV_CHILD_INSTALL, &m, NO_TAIL), 0);
}

/* The address goes between the SPI and its SA: what is installed moves next, with MOBIKE. */
static void test_install_moved_meanwhile(void **state)
{
	struct world *w = *state;
	struct m_child_install m;
	struct addr was = w->kernel.local[0];
	for (int mobike = 0; mobike <= 1; mobike++) {
		world_tunnel(w->conf, "net")->mobike = mobike;
		w->kernel.local[0] = was;
		world_install_body(w, "net", &m);
		m.sa.out.spi += (uint32_t)mobike;
		assert_true(addr_eq(&m.sa.local, &was));
		w->kernel.local[0] = world_addr("10.9.0.9");
		struct kernel_event ev = {.type = KERNEL_ADDR};
		assert_true(actor_event(w->actor, &ev, DUR_S(1)));
		assert_int_equal(world_ask(w, PRIV_CHILD_INSTALL, &m, NO_TAIL), mobike ? 0 : -EADDRNOTAVAIL);
	}
	/* Only for what it was given out. */
	w->kernel.local[0] = was;
	world_install_body(w, "net", &m);
	m.sa.local = world_addr("10.0.0.9");
	assert_int_equal(world_ask(w, PRIV_CHILD_INSTALL, &m, NO_TAIL), -EADDRNOTAVAIL);
}

/* Two peers behind one NAT address have the same selectors: the second is refused, the first goes on. */
static void test_two_peers(void **state)
{
	struct world *w = *state;
	struct m_child_install m;
	(void)world_install(w, "net");
	world_install_body(w, "twin", &m);
	(void)fake_kernel_calls(&w->kernel);
	assert_int_equal(world_ask(w, PRIV_CHILD_INSTALL, &m, NO_TAIL), -EADDRINUSE);
	assert_non_null(strstr(w->out.text, "80.251.0.33 already carries the tunnel net of the peer 80.251.0.33"));
	assert_string_equal(fake_kernel_calls(&w->kernel), "");
	/* one tunnel for all comers: another identity is refused, the same one replaces */
	struct m_child_install a;
	world_install_body(w, "any", &a);
	assert_int_equal(world_ask(w, PRIV_CHILD_INSTALL, &a, NO_TAIL), -EADDRINUSE);
	world_install_body(w, "net", &m);
	m.sa.out.spi++;
	assert_int_equal(world_ask(w, PRIV_CHILD_INSTALL, &m, NO_TAIL), 0);
	assert_int_equal(actor_children(w->actor)->n, 2);
}

static void test_two_peers_of_any(void **state)
{
	struct world *w = *state;
	struct m_child_install m;
	world_install_body(w, "any", &m);
	assert_int_equal(world_ask(w, PRIV_CHILD_INSTALL, &m, NO_TAIL), 0);
	uint32_t first = m.sa.in.spi;
	world_install_body(w, "any", &m);
	m.peer = world_ident("second.example");
	assert_int_equal(world_ask(w, PRIV_CHILD_INSTALL, &m, NO_TAIL), -EADDRINUSE);
	struct m_spi r = {.spi = first};
	assert_int_equal(world_ask(w, PRIV_CHILD_REMOVE, &r, NO_TAIL), 0);
	assert_int_equal(world_ask(w, PRIV_CHILD_INSTALL, &m, NO_TAIL), 0);
}

/* --- CHILD_REMOVE, CHILD_MOVE, SA_QUERY --- */

static void test_remove(void **state)
{
	struct world *w = *state;
	char want[64];
	uint32_t a = world_install(w, "net"), b = world_install(w, "net");
	(void)fake_kernel_calls(&w->kernel);
	struct m_spi m = {.spi = 0xc0ffee00};
	assert_int_equal(world_ask(w, PRIV_CHILD_REMOVE, &m, NO_TAIL), -ENOENT);
	m.spi = a;
	assert_int_equal(world_ask(w, PRIV_CHILD_REMOVE, &m, NO_TAIL), 0);
	snprintf(want, sizeof want, "remove %08x heir %08x\n", a, b);
	assert_string_equal(fake_kernel_calls(&w->kernel), want);
	m.spi = b;
	assert_int_equal(world_ask(w, PRIV_CHILD_REMOVE, &m, NO_TAIL), 0);
	snprintf(want, sizeof want, "remove %08x heir 00000000\n", b);
	assert_string_equal(fake_kernel_calls(&w->kernel), want);
	assert_int_equal(world_ask(w, PRIV_CHILD_REMOVE, &m, NO_TAIL), -ENOENT);
}

static void test_query(void **state)
{
	struct world *w = *state;
	struct m_spi m = {.spi = world_install(w, "net")};
	w->kernel.counters = (struct sa_counters){.bytes_in = 84, .packets_in = 1};
	assert_int_equal(world_ask(w, PRIV_SA_QUERY, &m, NO_TAIL), 0);
	assert_true(w->out.has_body);
	assert_int_equal(w->out.body.query.counters.bytes_in, 84);
	w->kernel.fail = "counters";
	w->kernel.fail_with = -ESRCH;
	assert_int_equal(world_ask(w, PRIV_SA_QUERY, &m, NO_TAIL), -ESRCH);
	m.spi++;
	assert_int_equal(world_ask(w, PRIV_SA_QUERY, &m, NO_TAIL), -ENOENT);
}

static void test_move(void **state)
{
	struct world *w = *state;
	struct m_child_move good = {.encap = 1, .encap_sport = 4500, .encap_dport = 1024}, m;
	world_tunnel(w->conf, "net")->mobike = false;
	good.spi_in = world_install(w, "net");
	good.local = world_addr("10.9.0.1");
	good.remote = world_addr("80.251.0.33");
	(void)fake_kernel_calls(&w->kernel);
	m = good;
	m.spi_in++;
	assert_int_equal(world_ask(w, PRIV_CHILD_MOVE, &m, NO_TAIL), -ENOENT);
	m = good;
	m.local = world_addr("10.9.0.2");
	assert_int_equal(world_ask(w, PRIV_CHILD_MOVE, &m, NO_TAIL), -EADDRNOTAVAIL);
	m = good;
	m.local = world_addr("2001:db8::1");
	assert_int_equal(world_ask(w, PRIV_CHILD_MOVE, &m, NO_TAIL), -EAFNOSUPPORT);
	m = good;
	m.encap_sport = 500;
	assert_int_equal(world_ask(w, PRIV_CHILD_MOVE, &m, NO_TAIL), -EPERM);
	m = good;
	m.remote = world_addr("192.0.2.99");
	assert_int_equal(world_ask(w, PRIV_CHILD_MOVE, &m, NO_TAIL), -EACCES);
	assert_string_equal(fake_kernel_calls(&w->kernel), "");
	/* the kernel itself has heard authentic ESP from there */
	struct kernel_event ev = {.type = KERNEL_MAPPING, .spi = good.spi_in};
	ev.source.addr = world_addr("192.0.2.99");
	assert_true(actor_event(w->actor, &ev, DUR_S(1)));
	/* said again with each packet until the SA is moved: ike hears of it once a second, of another port at once */
	assert_false(actor_event(w->actor, &ev, DUR_S(1) + DUR_MS(999)));
	assert_true(actor_event(w->actor, &ev, DUR_S(2)));
	assert_false(actor_event(w->actor, &ev, DUR_S(2)));
	ev.source.port = 4501;
	assert_true(actor_event(w->actor, &ev, DUR_S(2)));
	assert_int_equal(world_ask(w, PRIV_CHILD_MOVE, &m, NO_TAIL), 0);
	const char *calls = fake_kernel_calls(&w->kernel); /* GRE to there is guarded first */
	assert_true(strncmp(calls, "guard 192.0.2.99\nmove ", 22) == 0);
	assert_int_equal(world_ask(w, PRIV_CHILD_MOVE, &good, NO_TAIL), 0);
	/* with mobike a peer may move as it likes, to what a host may have; the guard comes first */
	world_tunnel(w->conf, "net")->mobike = true;
	m.remote = world_addr("192.0.2.98");
	w->kernel.fail = "guard";
	w->kernel.fail_with = -EPERM;
	assert_int_equal(world_ask(w, PRIV_CHILD_MOVE, &m, NO_TAIL), -EPERM);
	w->kernel.fail = NULL;
	assert_int_equal(world_ask(w, PRIV_CHILD_MOVE, &m, NO_TAIL), 0);
	m.remote = world_addr("255.255.255.255");
	assert_int_equal(world_ask(w, PRIV_CHILD_MOVE, &m, NO_TAIL), -EACCES);
	assert_int_equal(world_ask(w, PRIV_CHILD_MOVE, &good, NO_TAIL), 0);
	const struct child *k = children_find(actor_children(w->actor), good.spi_in);
	assert_true(addr_eq(&k->sa.local, &good.local) && k->sa.encap_dport == 1024);
	/* not onto another peer's selectors */
	struct m_child_install a;
	world_install_body(w, "any", &a);
	assert_int_equal(world_ask(w, PRIV_CHILD_INSTALL, &a, NO_TAIL), 0);
	m = good;
	m.local = world_addr("10.0.0.2");
	assert_int_equal(world_ask(w, PRIV_CHILD_MOVE, &m, NO_TAIL), -EADDRINUSE);
}

/* --- PATH and names --- */

static int path(struct world *w, const char *tunnel, uint32_t attempt)
{
	struct m_path m = {.attempt = attempt};
	name_set(m.tunnel, tunnel);
	return world_ask(w, PRIV_PATH, &m, NO_TAIL);
}

static void test_path(void **state)
{
	struct world *w = *state;
	char text[ADDR_TEXT];
	assert_int_equal(path(w, "net", 0), 0);
	assert_string_equal(addr_str(&w->out.body.path.local.addr, text), "10.0.0.2");
	assert_int_equal(w->out.body.path.local.port, 500);
	assert_int_equal(w->out.body.path.remote.port, 500);
	assert_string_equal(fake_kernel_calls(&w->kernel), "guard 80.251.0.33\n");
	assert_int_equal(path(w, "any", 0), -EDESTADDRREQ);
	assert_int_equal(path(w, "range", 0), -EDESTADDRREQ);
	assert_int_equal(path(w, "pass", 0), -ENOENT);
	assert_int_equal(path(w, "off", 0), 0);
	assert_string_equal(fake_kernel_calls(&w->kernel), ""); /* guard = off */
	/* the address that the configuration wants, when it is ours; another port of the peer */
	struct tunnel_conf *t = world_tunnel(w->conf, "net");
	t->local.host[0].lo = world_addr("10.9.0.1");
	t->remote.ikeport = 501;
	assert_int_equal(path(w, "net", 0), 0);
	assert_string_equal(addr_str(&w->out.body.path.local.addr, text), "10.9.0.1");
	assert_int_equal(w->out.body.path.remote.port, 501);
	t->local.host[0].lo = world_addr("121.43.117.81");
	assert_int_equal(path(w, "net", 0), 0);
	assert_string_equal(addr_str(&w->out.body.path.local.addr, text), "10.0.0.2");
	w->kernel.n_local = 0;
	assert_int_equal(path(w, "net", 0), -ENETUNREACH);
}

static void test_path_guard_fails(void **state)
{
	struct world *w = *state;
	/* no guard, no handshake: a packet of GRE could leave in the clear */
	w->kernel.fail = "guard";
	w->kernel.fail_with = -ENOMEM;
	assert_int_equal(path(w, "net", 0), -ENOMEM);
}

static void test_names(void **state)
{
	struct world *w = *state;
	char text[ADDR_TEXT];
	assert_int_equal(path(w, "name", 0), 0);
	assert_false(w->out.answer);
	assert_int_equal(w->out.todo, TODO_RESOLVE);
	assert_string_equal(w->out.resolve.name, "peer.example.org");
	struct actor_resolve r = w->out.resolve;
	struct addr v[2] = {world_addr("192.0.2.100"), world_addr("192.0.2.101")};
	struct m_spi_alloc m = spi_body("name", "192.0.2.101");
	assert_int_equal(spi_ask(w, &m), -EACCES);
	actor_resolved(w->actor, &r, v, 2, "", &w->out);
	assert_true(w->out.answer);
	assert_int_equal(w->out.status, 0);
	assert_string_equal(addr_str(&w->out.body.path.remote.addr, text), "192.0.2.100");
	assert_string_equal(fake_kernel_calls(&w->kernel), "guard 192.0.2.100\n");
	assert_int_equal(spi_ask(w, &m), 0);
	/* the second entry, then the name's second address */
	assert_int_equal(path(w, "name", 1), 0);
	assert_string_equal(addr_str(&w->out.body.path.remote.addr, text), "192.0.2.7");
	assert_int_equal(path(w, "name", 2), 0);
	r = w->out.resolve;
	actor_resolved(w->actor, &r, v, 2, "", &w->out);
	assert_string_equal(addr_str(&w->out.body.path.remote.addr, text), "192.0.2.101");
	/* no answer keeps what was known; another answer replaces it */
	actor_resolved(w->actor, &r, NULL, 0, "Name or service not known", &w->out);
	assert_int_equal(w->out.status, -EHOSTUNREACH);
	assert_string_equal(w->out.text, "the name peer.example.org could not be resolved: Name or service not known");
	assert_int_equal(spi_ask(w, &m), 0);
	actor_resolved(w->actor, &r, v, 1, "", &w->out);
	assert_int_equal(spi_ask(w, &m), -EACCES);
	/* an answer that a reload has overtaken */
	snprintf(r.name, sizeof r.name, "old.example.org");
	actor_resolved(w->actor, &r, v, 1, "", &w->out);
	assert_int_equal(w->out.status, -EAGAIN);
	snprintf(r.tunnel, sizeof r.tunnel, "gone");
	actor_resolved(w->actor, &r, v, 1, "", &w->out);
	assert_int_equal(w->out.status, -ENOENT);
}

/* A peer whose name has moved on keeps the address of a live child. */
static void test_name_moved(void **state)
{
	struct world *w = *state;
	struct m_child_install m;
	struct addr v = world_addr("80.251.0.33");
	(void)path(w, "name", 0);
	struct actor_resolve r = w->out.resolve;
	actor_resolved(w->actor, &r, &v, 1, "", &w->out);
	world_install_body(w, "name", &m);
	assert_int_equal(world_ask(w, PRIV_CHILD_INSTALL, &m, NO_TAIL), 0);
	v = world_addr("80.251.0.44");
	actor_resolved(w->actor, &r, &v, 1, "", &w->out);
	struct m_spi_alloc s = spi_body("name", "80.251.0.33");
	assert_int_equal(spi_ask(w, &s), 0);
	struct m_spi f = {.spi = m.sa.in.spi};
	assert_int_equal(world_ask(w, PRIV_CHILD_REMOVE, &f, NO_TAIL), 0);
	assert_int_equal(spi_ask(w, &s), -EACCES);
}

/* Over a reload what is known of a name stays with that name. */
static void test_names_reload(void **state)
{
	struct world *w = *state;
	struct addr v = world_addr("192.0.2.100");
	(void)path(w, "name", 0);
	struct actor_resolve r = w->out.resolve;
	actor_resolved(w->actor, &r, &v, 1, "", &w->out);
	struct m_spi_alloc m = spi_body("name", "192.0.2.100");
	struct conf *next = world_conf(), *last = world_conf();
	assert_int_equal(actor_conf_set(w->actor, next, &w->psks), 0);
	assert_int_equal(spi_ask(w, &m), 0);
	((char *)last)[world_tunnel(last, "name")->remote.host[0].name] = 'q';
	assert_int_equal(actor_conf_set(w->actor, last, &w->psks), 0);
	assert_int_equal(spi_ask(w, &m), -EACCES);
	free(w->conf);
	free(next);
	w->conf = last;
}

static void test_interfaces(void **state)
{
	struct world *w = *state;
	/* a configuration string of the blob: the name of the first tunnel serves as the list */
	world_tunnel(w->conf, "net")->origin = world_tunnel(w->conf, "net")->name;
	char *list = (char *)w->conf + world_tunnel(w->conf, "twin")->name;
	w->conf->setup.interfaces_ignore = world_tunnel(w->conf, "twin")->name;
	assert_int_equal(path(w, "net", 0), 0);
	memcpy(list, "eth2", 5);
	assert_int_equal(path(w, "net", 0), -ENETUNREACH);
	w->conf->setup.interfaces_use = w->conf->setup.interfaces_ignore;
	assert_int_equal(path(w, "net", 0), 0);
	memcpy(list, "eth1", 5);
	assert_int_equal(path(w, "net", 0), -ENETUNREACH);
	memcpy(list, "twin", 5);
}

/* --- Guard, GRE, probe --- */

static struct m_ends ends(const char *tunnel, const char *local, const char *remote)
{
	struct m_ends m;
	memset(&m, 0, sizeof m);
	name_set(m.tunnel, tunnel);
	if (local)
		m.local = world_addr(local);
	m.remote = world_addr(remote);
	return m;
}

static void test_guard(void **state)
{
	struct world *w = *state;
	struct m_ends m = ends("any", NULL, "1.2.3.4");
	assert_int_equal(world_ask(w, PRIV_GUARD_SET, &m, NO_TAIL), 0);
	assert_string_equal(fake_kernel_calls(&w->kernel), "guard 1.2.3.4\n");
	m = ends("net", NULL, "1.2.3.4");
	assert_int_equal(world_ask(w, PRIV_GUARD_SET, &m, NO_TAIL), -EACCES);
	m = ends("off", NULL, "203.0.113.9");
	assert_int_equal(world_ask(w, PRIV_GUARD_SET, &m, NO_TAIL), 0);
	assert_string_equal(fake_kernel_calls(&w->kernel), "");
	m = ends("nosuch", NULL, "1.2.3.4");
	assert_int_equal(world_ask(w, PRIV_GUARD_SET, &m, NO_TAIL), -ENOENT);
	w->kernel.fail = "guard";
	w->kernel.fail_with = -EPERM;
	m = ends("any", NULL, "1.2.3.4");
	assert_int_equal(world_ask(w, PRIV_GUARD_SET, &m, NO_TAIL), -EPERM);
}

static void test_gre(void **state)
{
	struct world *w = *state;
	w->kernel.gre = (struct gre_link){.ifindex = 9, .name = "gre1", .mtu = 1400, .up = true};
	w->kernel.gre.peer = world_addr("10.0.0.1");
	struct m_ends m = ends("net", "10.0.0.2", "80.251.0.33");
	assert_int_equal(world_ask(w, PRIV_GRE_UP, &m, NO_TAIL), -ENOTCONN); /* nothing would encrypt it */
	assert_string_equal(fake_kernel_calls(&w->kernel), "");
	(void)world_install(w, "net");
	(void)fake_kernel_calls(&w->kernel);
	m = ends("net", "10.9.0.1", "80.251.0.33");
	assert_int_equal(world_ask(w, PRIV_GRE_UP, &m, NO_TAIL), -ENOTCONN);
	m = ends("any", "10.0.0.2", "80.251.0.33");
	assert_int_equal(world_ask(w, PRIV_GRE_UP, &m, NO_TAIL), -ENOENT); /* no gre section */
	m = ends("net", "10.0.0.2", "80.251.0.33");
	assert_int_equal(world_ask(w, PRIV_GRE_UP, &m, NO_TAIL), 0);
	assert_string_equal(fake_kernel_calls(&w->kernel), "gre gre1 10.0.0.2 80.251.0.33\n");
	assert_true(w->out.body.link.link.ours && w->out.body.link.link.ifindex == 9);
	struct m_tunnel d = {.tunnel = "net"};
	assert_int_equal(world_ask(w, PRIV_GRE_DOWN, &d, NO_TAIL), 0);
	assert_string_equal(fake_kernel_calls(&w->kernel), "gre_down gre1 remove\n");
	assert_int_equal(world_ask(w, PRIV_GRE_DOWN, &d, NO_TAIL), -ENOENT);
	w->kernel.fail = "gre";
	w->kernel.fail_with = -EEXIST;
	assert_int_equal(world_ask(w, PRIV_GRE_UP, &m, NO_TAIL), -EEXIST);
	assert_non_null(strstr(w->out.text, "gre1 could not be made: there is one of this name that is no GRE"));
}

static void test_gre_keep(void **state)
{
	struct world *w = *state;
	world_tunnel(w->conf, "net")->gre.keep = true;
	w->kernel.gre = (struct gre_link){.ifindex = 9, .name = "gre1"};
	(void)world_install(w, "net");
	struct m_ends m = ends("net", "10.0.0.2", "80.251.0.33");
	assert_int_equal(world_ask(w, PRIV_GRE_UP, &m, NO_TAIL), 0);
	(void)fake_kernel_calls(&w->kernel);
	struct m_tunnel d = {.tunnel = "net"};
	assert_int_equal(world_ask(w, PRIV_GRE_DOWN, &d, NO_TAIL), 0);
	assert_string_equal(fake_kernel_calls(&w->kernel), "gre_down gre1 keep\n");
}

static void test_find_and_probe(void **state)
{
	struct world *w = *state;
	struct m_ends m = ends("net", "10.0.0.2", "80.251.0.33");
	assert_int_equal(world_ask(w, PRIV_GRE_FIND, &m, NO_TAIL), -ENODEV);
	struct m_probe p = {.ifindex = 9, .inner = world_addr("10.0.0.1")};
	name_set(p.tunnel, "net");
	assert_int_equal(world_ask(w, PRIV_PROBE, &p, NO_TAIL), -EPERM);
	w->kernel.gre = (struct gre_link){.ifindex = 9, .name = "gre0", .up = true};
	w->kernel.gre.peer = world_addr("10.0.0.1");
	assert_int_equal(world_ask(w, PRIV_GRE_FIND, &m, NO_TAIL), 0);
	assert_false(w->out.body.link.link.ours); /* the script's */
	assert_int_equal(world_ask(w, PRIV_PROBE, &p, NO_TAIL), 0);
	assert_int_equal(w->out.todo, TODO_PROBE);
	assert_false(w->out.answer);
	p.ifindex = 8;
	assert_int_equal(world_ask(w, PRIV_PROBE, &p, NO_TAIL), -EPERM);
	p.ifindex = 9;
	p.inner = world_addr("10.0.0.9");
	assert_int_equal(world_ask(w, PRIV_PROBE, &p, NO_TAIL), -EPERM);
	m = ends("net", "10.0.0.2", "80.251.0.34");
	assert_int_equal(world_ask(w, PRIV_GRE_FIND, &m, NO_TAIL), -EACCES);
}

/* --- Held, phases, what is handed on --- */

static void test_held(void **state)
{
	struct world *w = *state;
	struct m_held m = {.held = 1};
	name_set(m.tunnel, "net");
	assert_false(actor_held(w->actor, "net"));
	assert_int_equal(world_ask(w, PRIV_HELD_SET, &m, NO_TAIL), 0);
	assert_true(actor_held(w->actor, "net"));
	actor_ike_gone(w->actor);
	assert_int_equal(actor_conf_set(w->actor, w->conf, &w->psks), 0);
	assert_true(actor_held(w->actor, "net"));
	actor_phase_set(w->actor, PHASE_RUN);
	m.held = 0;
	assert_int_equal(world_ask(w, PRIV_HELD_SET, &m, NO_TAIL), 0);
	assert_false(actor_held(w->actor, "net"));
	name_set(m.tunnel, "nosuch");
	assert_int_equal(world_ask(w, PRIV_HELD_SET, &m, NO_TAIL), -ENOENT);
}

static void test_phases(void **state)
{
	struct world *w = *state;
	struct m_spi_alloc m = spi_body("net", "80.251.0.33");
	actor_phase_set(w->actor, PHASE_START);
	assert_int_equal(spi_ask(w, &m), -EPERM);
	assert_int_equal(world_ask(w, PRIV_READY, NULL, NO_TAIL), -EPERM);
	assert_false(w->out.answer);
	assert_int_equal(w->out.todo, TODO_NOTHING);
	struct m_hello h = {.role = PRIV_ROLE_IKE};
	(void)world_ask(w, PRIV_HELLO, &h, NO_TAIL);
	assert_int_equal(w->out.todo, TODO_HELLO);
	actor_phase_set(w->actor, PHASE_RUN);
	(void)world_ask(w, PRIV_HELLO, &h, NO_TAIL); /* once is enough */
	assert_int_equal(w->out.todo, TODO_NOTHING);
	uint32_t spi = world_install(w, "net");
	actor_phase_set(w->actor, PHASE_STOP);
	(void)fake_kernel_calls(&w->kernel);
	assert_int_equal(spi_ask(w, &m), -ESHUTDOWN);
	assert_string_equal(fake_kernel_calls(&w->kernel), "");
	struct m_spi r = {.spi = spi};
	assert_int_equal(world_ask(w, PRIV_CHILD_REMOVE, &r, NO_TAIL), 0);
	(void)world_ask(w, PRIV_STOPPED, NULL, NO_TAIL);
	assert_int_equal(w->out.todo, TODO_STOPPED);
}

static void test_handed_on(void **state)
{
	struct world *w = *state;
	struct m_log l = {.level = 2};
	(void)world_ask(w, PRIV_LOG, &l, SPAN("line", 5));
	assert_int_equal(w->out.todo, TODO_LOG);
	assert_int_equal(w->out.level, 2);
	struct m_reload r = {.check_only = 1};
	(void)world_ask(w, PRIV_RELOAD, &r, NO_TAIL);
	assert_int_equal(w->out.todo, TODO_RELOAD);
	assert_true(w->out.check_only);
	(void)world_ask(w, PRIV_READY, NULL, NO_TAIL);
	assert_int_equal(w->out.todo, TODO_READY);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_spi_alloc), TEST(test_remotes), TEST(test_reqid), TEST(test_spi_free),
		TEST(test_install_refused), TEST(test_install_suites), TEST(test_install_limits),
		TEST(test_install_kernel_says_no),
		TEST(test_install_moved_meanwhile), TEST(test_two_peers), TEST(test_two_peers_of_any), TEST(test_remove),
		TEST(test_query), TEST(test_move), TEST(test_path), TEST(test_path_guard_fails), TEST(test_names),
		TEST(test_name_moved), TEST(test_names_reload), TEST(test_interfaces), TEST(test_guard), TEST(test_gre),
		TEST(test_gre_keep),
		TEST(test_find_and_probe), TEST(test_held), TEST(test_phases), TEST(test_handed_on),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
