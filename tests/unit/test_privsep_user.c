/* The actor with the data plane in user space: what esp is told and asked, what ike hears when it has answered or died, which books
 * are kept meanwhile, and the devices that stand for GRE interfaces. */
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

static char *line(const char *fmt, ...) PRINTF_LIKE(1, 2);
static char *line(const char *fmt, ...)
{
	static char text[256];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	return text;
}

/* Up to esp's yes. */
static uint32_t installed(struct world *w, const char *tunnel)
{
	struct m_child_install m;
	world_install_body(w, tunnel, &m);
	assert_int_equal(world_ask(w, PRIV_CHILD_INSTALL, &m, NO_TAIL), 0);
	assert_int_equal(world_esp_answers(w, 0, NULL), 0);
	(void)world_told(w);
	return m.sa.in.spi;
}

/* --- SPIs --- */

static void test_spi(void **state)
{
	struct world *w = *state;
	struct m_spi_alloc m = {.tunnel = "net", .min = 0xc0000000, .max = 0xc0000003};
	m.local = world_addr("10.0.0.2");
	m.remote = world_addr("80.251.0.33");
	bool seen[4] = {false};
	/* Four numbers are there, and each is given once. */
	for (int i = 0; i < 4; i++) {
		assert_int_equal(world_ask(w, PRIV_SPI_ALLOC, &m, NO_TAIL), 0);
		uint32_t n = w->out.body.spi.spi - m.min;
		assert_true(n < 4 && !seen[n]);
		seen[n] = true;
	}
	assert_int_equal(world_ask(w, PRIV_SPI_ALLOC, &m, NO_TAIL), -EAGAIN);
	struct m_spi back = {.spi = 0xc0000002};
	world_ask(w, PRIV_SPI_FREE, &back, NO_TAIL);
	assert_int_equal(world_ask(w, PRIV_SPI_ALLOC, &m, NO_TAIL), 0);
	assert_int_equal(w->out.body.spi.spi, 0xc0000002);
	/* Neither the kernel nor esp has heard of any of them. */
	assert_string_equal(fake_kernel_calls(&w->kernel), "");
	assert_string_equal(world_told(w), "");
}

static void test_spi_whole_range(void **state)
{
	struct world *w = *state;
	struct m_spi_alloc m = {.tunnel = "net", .min = 256, .max = UINT32_MAX};
	w->conf->setup.spi_min = 256;
	w->conf->setup.spi_max = UINT32_MAX;
	m.local = world_addr("10.0.0.2");
	m.remote = world_addr("80.251.0.33");
	uint32_t low = 0;
	for (int i = 0; i < 64; i++) {
		assert_int_equal(world_ask(w, PRIV_SPI_ALLOC, &m, NO_TAIL), 0);
		assert_true(w->out.body.spi.spi >= 256);
		low += w->out.body.spi.spi < 0x80000000;
	}
	assert_true(low > 10 && low < 54); /* from both halves */
}

/* --- children --- */

static void test_install(void **state)
{
	struct world *w = *state;
	struct m_child_install m;
	world_install_body(w, "net", &m);
	assert_int_equal(world_ask(w, PRIV_CHILD_INSTALL, &m, NO_TAIL), 0);
	assert_string_equal(world_told(w), line("? SA_INSTALL tunnel 1 %08x cafe0001\n", m.sa.in.spi));
	assert_int_equal(w->given.sa.in.encr.len, 16);
	assert_memory_equal(w->given.sa.in.encr.b, "0123456789abcdef", 16);
	assert_memory_equal(w->given.sa.out.encr.b, "fedcba9876543210", 16);
	/* It is in the books at once, without keys, and its SPI is no SPI without an SA any more. */
	const struct child *k = children_next(actor_children(w->actor), NULL);
	assert_non_null(k);
	assert_int_equal(k->sa.in.encr.len, 0);
	assert_int_equal(world_esp_answers(w, 0, NULL), 0);
	assert_false(w->out.has_body);
	assert_string_equal(fake_kernel_calls(&w->kernel), "");
}

static void test_install_refused_by_esp(void **state)
{
	struct world *w = *state;
	struct m_child_install m;
	world_install_body(w, "net", &m);
	assert_int_equal(world_ask(w, PRIV_CHILD_INSTALL, &m, NO_TAIL), 0);
	(void)world_told(w);
	assert_int_equal(world_esp_answers(w, -ENOTSUP, NULL), -ENOTSUP);
	assert_non_null(strstr(w->out.text, "did not take the SA"));
	assert_null(children_next(actor_children(w->actor), NULL));
	assert_string_equal(world_told(w), line("SA_REMOVE %x\n", m.sa.in.spi));
	/* The same number is not given to the next. */
	assert_int_equal(world_ask(w, PRIV_CHILD_INSTALL, &m, NO_TAIL), -ENOENT);
}

static void test_early(void **state)
{
	struct world *w = *state;
	struct m_child_install m;
	world_install_body(w, "net", &m);
	uint32_t out = m.sa.out.spi;
	m.sa.out.spi = 0;
	assert_int_equal(world_ask(w, PRIV_CHILD_INSTALL, &m, NO_TAIL), 0);
	assert_string_equal(world_told(w), line("? SA_INSTALL tunnel 1 %08x 00000000\n", m.sa.in.spi));
	struct actor_esp first = w->out.esp;
	/* Twice is once too often; the rest may come before esp has answered. */
	assert_int_equal(world_ask(w, PRIV_CHILD_INSTALL, &m, NO_TAIL), -EEXIST);
	m.sa.out.spi = out;
	assert_int_equal(world_ask(w, PRIV_CHILD_INSTALL, &m, NO_TAIL), 0);
	assert_string_equal(world_told(w), line("? SA_INSTALL tunnel 1 %08x cafe0001\n", m.sa.in.spi));
	struct actor_out late;
	actor_esp_answered(w->actor, &first, 0, NULL, "", &late);
	assert_true(late.answer && late.status == 0);
	assert_int_equal(world_esp_answers(w, 0, NULL), 0);
	assert_non_null(children_find(actor_children(w->actor), m.sa.in.spi));
}

/* A half that was never made whole goes with its SPI: by word of ike, by a failure, with ike. */
static void test_early_given_up(void **state)
{
	struct world *w = *state;
	struct m_child_install m[3];
	for (int i = 0; i < 3; i++) {
		world_install_body(w, "net", &m[i]);
		m[i].sa.out.spi = 0;
		assert_int_equal(world_ask(w, PRIV_CHILD_INSTALL, &m[i], NO_TAIL), 0);
		(void)world_told(w);
		if (i == 1) {
			assert_int_equal(world_esp_answers(w, -ENOMEM, NULL), -ENOMEM);
			assert_string_equal(world_told(w), line("SA_REMOVE %x\n", m[1].sa.in.spi));
		}
	}
	struct m_spi s = {.spi = m[0].sa.in.spi};
	world_ask(w, PRIV_SPI_FREE, &s, NO_TAIL);
	assert_string_equal(world_told(w), line("SA_REMOVE %x\n", m[0].sa.in.spi));
	s.spi = m[1].sa.in.spi; /* of which esp has nothing */
	world_ask(w, PRIV_SPI_FREE, &s, NO_TAIL);
	assert_string_equal(world_told(w), "");
	actor_ike_gone(w->actor);
	assert_string_equal(world_told(w), line("SA_REMOVE %x\n", m[2].sa.in.spi));
}

static void test_only_gre_in_udp(void **state)
{
	struct world *w = *state;
	struct m_child_install m;
	struct tunnel_conf *t = world_tunnel(w->conf, "net");
	world_install_body(w, "net", &m);
	m.sa.encap = false;
	assert_int_equal(world_ask(w, PRIV_CHILD_INSTALL, &m, NO_TAIL), -EOPNOTSUPP);
	m.sa.encap = true;
	t->local.proto = t->remote.proto = 0;
	m.sa.sel.proto = 0;
	assert_int_equal(world_ask(w, PRIV_CHILD_INSTALL, &m, NO_TAIL), -EPROTONOSUPPORT);
	assert_non_null(strstr(w->out.text, "carries GRE only"));
	m.sa.sel.proto = 17;
	assert_int_equal(world_ask(w, PRIV_CHILD_INSTALL, &m, NO_TAIL), -EPROTONOSUPPORT);
	m.sa.sel.proto = 47;
	assert_int_equal(world_ask(w, PRIV_CHILD_INSTALL, &m, NO_TAIL), 0);
}

/* Peers behind one address: a device is a tunnel's, and an SA is its SPI. */
static void test_peers_behind_one_address(void **state)
{
	struct world *w = *state;
	uint32_t a = installed(w, "net"), b = installed(w, "twin");
	assert_int_not_equal(a, b);
	assert_int_equal(actor_children(w->actor)->n, 2);
	assert_int_equal(w->given.tunnel, 2);
}

static void test_move(void **state)
{
	struct world *w = *state;
	world_tunnel(w->conf, "net")->mobike = false;
	uint32_t spi = installed(w, "net");
	(void)installed(w, "twin");
	struct m_child_move m = {.spi_in = spi, .encap = true, .encap_sport = 4500, .encap_dport = 999};
	m.local = world_addr("10.9.0.1");
	m.remote = world_addr("80.251.0.33");
	assert_int_equal(world_ask(w, PRIV_CHILD_MOVE, &m, NO_TAIL), 0);
	assert_string_equal(world_told(w), line("? SA_MOVE %08x 10.9.0.1 80.251.0.33[999]\n", spi));
	assert_int_equal(children_find(actor_children(w->actor), spi)->sa.encap_dport, 999);
	assert_int_equal(world_esp_answers(w, 0, NULL), 0);
	m.encap = false;
	m.encap_sport = m.encap_dport = 0;
	assert_int_equal(world_ask(w, PRIV_CHILD_MOVE, &m, NO_TAIL), -EOPNOTSUPP);
	/* To where nobody knows the peer, unless its ESP was heard from there. */
	m.encap = true;
	m.encap_sport = 4500;
	m.encap_dport = 1;
	m.remote = world_addr("192.0.2.99");
	assert_int_equal(world_ask(w, PRIV_CHILD_MOVE, &m, NO_TAIL), -EACCES);
	struct kernel_event ev = {.type = KERNEL_MAPPING, .spi = spi, .source = {.port = 1}};
	ev.source.addr = m.remote;
	assert_true(actor_event(w->actor, &ev, DUR_S(100)));
	assert_int_equal(world_ask(w, PRIV_CHILD_MOVE, &m, NO_TAIL), 0);
	assert_int_equal(world_esp_answers(w, -ENOENT, NULL), -ENOENT);
	assert_non_null(strstr(w->out.text, "did not move the SA"));
}

static void test_remove_query_stats(void **state)
{
	struct world *w = *state;
	uint32_t spi = installed(w, "net");
	struct m_spi s = {.spi = spi};
	assert_int_equal(world_ask(w, PRIV_SA_QUERY, &s, NO_TAIL), 0);
	assert_string_equal(world_told(w), line("? SA_QUERY %x\n", spi));
	struct r_sa_query q = {.counters = {.bytes_in = 5, .packets_out = 7}};
	assert_int_equal(world_esp_answers(w, 0, &q), 0);
	assert_true(w->out.has_body);
	assert_int_equal(w->out.body.query.counters.bytes_in, 5);
	assert_int_equal(w->out.body.query.counters.packets_out, 7);
	assert_int_equal(world_ask(w, PRIV_SA_QUERY, &s, NO_TAIL), 0);
	assert_int_equal(world_esp_answers(w, -EPIPE, NULL), -EPIPE);
	assert_false(w->out.has_body);
	(void)world_told(w);

	struct m_dp_stats d = {.tunnel = "twin"};
	assert_int_equal(world_ask(w, PRIV_DP_STATS, &d, NO_TAIL), 0);
	assert_string_equal(world_told(w), "? STATS 2\n");
	struct x_stats x = {.drops = {[ESP_DROP_AUTH] = 3}, .all = {[ESP_DROP_SPI] = 4}};
	assert_int_equal(world_esp_answers(w, 0, &x), 0);
	assert_int_equal(w->out.body.stats.drops[ESP_DROP_AUTH], 3);
	assert_int_equal(w->out.body.stats.all[ESP_DROP_SPI], 4);
	d.tunnel[0] = '\0';
	assert_int_equal(world_ask(w, PRIV_DP_STATS, &d, NO_TAIL), 0);
	assert_string_equal(world_told(w), "? STATS 0\n");
	snprintf(d.tunnel, sizeof d.tunnel, "nosuch");
	assert_int_equal(world_ask(w, PRIV_DP_STATS, &d, NO_TAIL), -ENOENT);

	assert_int_equal(world_ask(w, PRIV_CHILD_REMOVE, &s, NO_TAIL), 0);
	assert_true(w->out.answer);
	assert_string_equal(world_told(w), line("SA_REMOVE %x\n", spi));
	assert_int_equal(world_ask(w, PRIV_CHILD_REMOVE, &s, NO_TAIL), -ENOENT);
	uint32_t again = installed(w, "net");
	actor_remove_children(w->actor);
	assert_string_equal(world_told(w), line("SA_REMOVE %x\n", again));
}

/* --- native GRE --- */

static struct m_ends ends(const char *tunnel)
{
	struct m_ends m = {.tunnel = ""};
	snprintf(m.tunnel, sizeof m.tunnel, "%s", tunnel);
	m.local = world_addr("10.0.0.2");
	m.remote = world_addr("80.251.0.33");
	return m;
}

static void test_gre_up_down(void **state)
{
	struct world *w = *state;
	struct m_ends m = ends("net");
	struct m_tunnel t = {.tunnel = "net"};
	assert_int_equal(world_ask(w, PRIV_GRE_UP, &m, NO_TAIL), -ENOTCONN);
	(void)installed(w, "net");
	(void)fake_kernel_calls(&w->kernel);
	assert_int_equal(world_ask(w, PRIV_GRE_UP, &m, NO_TAIL), 0);
	assert_string_equal(fake_kernel_calls(&w->kernel), "tun_open gre1 2\ntun_ensure gre1\n");
	assert_string_equal(world_told(w), "DEVICE 1 tunnel 1 mtu 1400 fds 2 remote 80.251.0.33\n");
	assert_string_equal(w->out.body.link.link.name, "gre1");
	assert_true(w->out.body.link.link.ours);
	assert_int_equal(w->out.body.link.link.mtu, 1400);
	/* Again: what is there is used, and its descriptors are there already. */
	world_tunnel(w->conf, "net")->gre.key_set = true;
	world_tunnel(w->conf, "net")->gre.key = 77;
	assert_int_equal(world_ask(w, PRIV_GRE_UP, &m, NO_TAIL), 0);
	assert_string_equal(fake_kernel_calls(&w->kernel), "tun_ensure gre1\n");
	assert_string_equal(world_told(w), "DEVICE 1 tunnel 1 mtu 1400 fds 0 remote 80.251.0.33 key 77\n");
	assert_int_equal(world_ask(w, PRIV_GRE_FIND, &m, NO_TAIL), 0);
	assert_true(addr_eq(&w->out.body.link.link.peer, &world_tunnel(w->conf, "net")->gre.peer));
	(void)fake_kernel_calls(&w->kernel);
	assert_int_equal(world_ask(w, PRIV_GRE_DOWN, &t, NO_TAIL), 0);
	assert_string_equal(world_told(w), "DEVICE_DEL 1\n");
	assert_string_equal(fake_kernel_calls(&w->kernel), "tun_close gre1\n");
	assert_int_equal(world_ask(w, PRIV_GRE_FIND, &m, NO_TAIL), -ENODEV);
	assert_int_equal(world_ask(w, PRIV_GRE_DOWN, &t, NO_TAIL), -ENOENT);
}

static void test_gre_keep_and_seq(void **state)
{
	struct world *w = *state;
	struct m_ends m = ends("net");
	struct m_tunnel t = {.tunnel = "net"};
	struct conf_gre *g = &world_tunnel(w->conf, "net")->gre;
	(void)installed(w, "net");
	(void)fake_kernel_calls(&w->kernel);
	g->seq = true;
	assert_int_equal(world_ask(w, PRIV_GRE_UP, &m, NO_TAIL), -EOPNOTSUPP);
	assert_non_null(strstr(w->out.text, "gre.seq"));
	assert_string_equal(fake_kernel_calls(&w->kernel), "");
	g->seq = false;
	g->keep = true;
	assert_int_equal(world_ask(w, PRIV_GRE_UP, &m, NO_TAIL), 0);
	(void)fake_kernel_calls(&w->kernel);
	(void)world_told(w);
	assert_int_equal(world_ask(w, PRIV_GRE_DOWN, &t, NO_TAIL), 0);
	assert_string_equal(fake_kernel_calls(&w->kernel), "tun_set gre1 0 down\n");
	assert_string_equal(world_told(w), "");
	assert_int_equal(world_ask(w, PRIV_GRE_UP, &m, NO_TAIL), 0);
	assert_string_equal(fake_kernel_calls(&w->kernel), "tun_ensure gre1\n");
}

static void test_gre_failures(void **state)
{
	struct world *w = *state;
	struct m_ends m = ends("net");
	(void)installed(w, "net");
	static const char *const calls[] = {"tun_open", "tun_ensure"};
	for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
		w->kernel.fail = calls[i];
		w->kernel.fail_with = i ? -EPERM : -EEXIST;
		assert_int_equal(world_ask(w, PRIV_GRE_UP, &m, NO_TAIL), w->kernel.fail_with);
		assert_true(w->out.text[0]);
		assert_true(!w->kernel.tun[0].t); /* nothing is left */
	}
	w->kernel.fail = NULL;
	(void)world_told(w);
	assert_int_equal(world_ask(w, PRIV_GRE_UP, &m, NO_TAIL), 0);
	(void)world_told(w);
	/* Somebody has removed it, and we are asked before the kernel's word has come. */
	w->kernel.tun[0].gone = true;
	assert_int_equal(world_ask(w, PRIV_GRE_UP, &m, NO_TAIL), 0);
	assert_string_equal(world_told(w), "DEVICE_DEL 2\nDEVICE 3 tunnel 1 mtu 1400 fds 2 remote 80.251.0.33\n");
	/* Another tunnel with the same interface. */
	(void)installed(w, "twin");
	world_tunnel(w->conf, "twin")->gre = world_tunnel(w->conf, "net")->gre;
	m = ends("twin");
	assert_int_equal(world_ask(w, PRIV_GRE_UP, &m, NO_TAIL), -EEXIST);
	assert_non_null(strstr(w->out.text, "another one of this name"));
}

static void test_device_events(void **state)
{
	struct world *w = *state;
	struct m_ends m = ends("net");
	(void)installed(w, "net");
	assert_int_equal(world_ask(w, PRIV_GRE_UP, &m, NO_TAIL), 0);
	(void)world_told(w);
	struct kernel_event ev = {.type = KERNEL_LINK, .ifindex = 100, .name = "gre1", .mtu = 1300, .up = true};
	assert_true(actor_event(w->actor, &ev, DUR_S(1)));
	assert_string_equal(world_told(w), ""); /* what is there now counts, not what the event was about */
	w->kernel.tun[0].link.mtu = 1300;
	assert_true(actor_event(w->actor, &ev, DUR_S(1)));
	assert_string_equal(world_told(w), "DEVICE 1 tunnel 1 mtu 1300 fds 0 remote 80.251.0.33\n");
	assert_true(actor_event(w->actor, &ev, DUR_S(1)));
	assert_string_equal(world_told(w), "");
	ev.ifindex = 7;
	w->kernel.tun[0].gone = true;
	assert_true(actor_event(w->actor, &ev, DUR_S(1)));
	assert_string_equal(world_told(w), "");
	ev = (struct kernel_event){.type = KERNEL_OVERRUN};
	assert_true(actor_event(w->actor, &ev, DUR_S(1)));
	assert_string_equal(world_told(w), "DEVICE_DEL 1\n");
	assert_true(!w->kernel.tun[0].t);
}

/* An esp that is new is told of all devices, with their descriptors. */
static void test_devices_told_again(void **state)
{
	struct world *w = *state;
	struct m_ends m = ends("net");
	(void)installed(w, "net");
	assert_int_equal(world_ask(w, PRIV_GRE_UP, &m, NO_TAIL), 0);
	(void)world_told(w);
	actor_devices_tell(w->actor);
	assert_string_equal(world_told(w), "DEVICE 1 tunnel 1 mtu 1400 fds 2 remote 80.251.0.33\n");
}

/* --- GRE for scripts --- */

static struct m_gre gre(const char *tunnel, const char *name)
{
	struct m_gre m = {.ttl = 64, .pmtudisc = 1};
	snprintf(m.tunnel, sizeof m.tunnel, "%s", tunnel);
	snprintf(m.name, sizeof m.name, "%s", name);
	m.local = world_addr("10.0.0.2");
	m.remote = world_addr("80.251.0.33");
	return m;
}

static int add(struct world *w, const struct m_gre *m) { return world_ask(w, PRIV_GRE_ADD, m, NO_TAIL); }

static void test_script_gre(void **state)
{
	struct world *w = *state;
	struct m_gre m = gre("twin", "tun0");
	(void)fake_kernel_calls(&w->kernel);
	assert_int_equal(add(w, &m), 0); /* before the tunnel is up: an interface carries nothing by itself */
	assert_string_equal(fake_kernel_calls(&w->kernel), "tun_open tun0 2\ntun_set tun0 1476 down\n");
	assert_string_equal(world_told(w), "DEVICE 1 tunnel 2 mtu 1476 fds 2 remote 80.251.0.33\n");
	assert_string_equal(w->out.body.link.link.name, "tun0");
	assert_false(w->out.body.link.link.ours);
	assert_int_equal(add(w, &m), -EEXIST);
	m.change = 1;
	m.key_set = 1;
	m.key = 9;
	m.remote = (struct addr){.family = AF_NONE};
	assert_int_equal(add(w, &m), 0);
	assert_string_equal(world_told(w), "DEVICE 1 tunnel 2 mtu 1476 fds 0 remote %any key 9\n");
	struct m_ends e = ends("twin");
	assert_int_equal(world_ask(w, PRIV_GRE_FIND, &e, NO_TAIL), 0);
	assert_string_equal(w->out.body.link.link.name, "tun0");
	e = ends("net");
	assert_int_equal(world_ask(w, PRIV_GRE_FIND, &e, NO_TAIL), -ENODEV);
	struct m_gre_del d = {.name = "tun1"};
	assert_int_equal(world_ask(w, PRIV_GRE_DEL, &d, NO_TAIL), -ENODEV);
	d.name[3] = '0';
	assert_int_equal(world_ask(w, PRIV_GRE_DEL, &d, NO_TAIL), 0);
	assert_string_equal(world_told(w), "DEVICE_DEL 1\n");
	m.change = 1;
	assert_int_equal(add(w, &m), -ENODEV);
}

/* Without a name: the tunnel between the ends; the one that is up before one that may be. */
static void test_script_without_name(void **state)
{
	struct world *w = *state;
	struct m_gre m = gre("", "tun0");
	assert_int_equal(add(w, &m), 0);
	assert_non_null(strstr(world_told(w), "tunnel 1 ")); /* net, the first that fits */
	(void)installed(w, "twin");
	m = gre("", "tun1");
	m.key_set = m.csum = 1;
	assert_int_equal(add(w, &m), 0);
	assert_non_null(strstr(world_told(w), "tunnel 2 mtu 1468 "));
	m = gre("", "tun2");
	m.remote = (struct addr){.family = AF_NONE};
	assert_int_equal(add(w, &m), -ENOENT);
}

static void test_script_refusals(void **state)
{
	struct world *w = *state;
	static const char *const names[] = {".", "..", "a/b", "a b", "all", "default", "a:1", "x%d", "a\tb", "\x7f"};
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct m_gre m = gre("net", names[i]);
		assert_int_equal(add(w, &m), -EINVAL);
	}
	struct m_gre m = gre("nosuch", "tun0");
	assert_int_equal(add(w, &m), -ENOENT);
	m = gre("pass", "tun0");
	assert_int_equal(add(w, &m), -ENOENT);
	m = gre("net", "tun0");
	m.local = world_addr("10.0.0.3");
	assert_int_equal(add(w, &m), -EADDRNOTAVAIL);
	m = gre("net", "tun0");
	m.remote = world_addr("80.251.0.34");
	assert_int_equal(add(w, &m), -EACCES);
	m = gre("net", "tun0");
	w->kernel.fail = "tun_open";
	w->kernel.fail_with = -EEXIST;
	assert_int_equal(add(w, &m), -EEXIST);
	w->kernel.fail = "tun_set";
	w->kernel.fail_with = -EPERM;
	assert_int_equal(add(w, &m), -EPERM);
	assert_true(!w->kernel.tun[0].t);
}

static void test_kernel_plane_has_none(void **state)
{
	struct world *w = *state;
	struct m_gre m = gre("net", "tun0");
	struct m_gre_del d = {.name = "tun0"};
	struct m_dp_stats s = {.tunnel = "net"};
	assert_int_equal(add(w, &m), -EOPNOTSUPP);
	assert_int_equal(world_ask(w, PRIV_GRE_DEL, &d, NO_TAIL), -ENODEV);
	assert_int_equal(world_ask(w, PRIV_DP_STATS, &s, NO_TAIL), -EOPNOTSUPP);
}

/* --- no memory: each request whose n-th allocation fails is refused and leaves nothing, and the next one is served --- */

static void test_no_memory(void **state)
{
	struct world *w = *state;
	struct m_spi_alloc a = {.tunnel = "net", .min = 0xc0000000, .max = 0xcfffffff};
	a.local = world_addr("10.0.0.2");
	a.remote = world_addr("80.251.0.33");
	w->fail_at = 1;
	assert_int_equal(world_ask(w, PRIV_SPI_ALLOC, &a, NO_TAIL), -ENOBUFS);
	struct m_child_install m;
	world_install_body(w, "net", &m);
	w->fail_at = 1;
	assert_int_equal(world_ask(w, PRIV_CHILD_INSTALL, &m, NO_TAIL), -ENOMEM);
	assert_string_equal(world_told(w), "");
	assert_int_equal(actor_children(w->actor)->n, 0);
	assert_int_equal(world_ask(w, PRIV_CHILD_INSTALL, &m, NO_TAIL), 0); /* its SPI is still there */
	assert_int_equal(world_esp_answers(w, 0, NULL), 0);
	(void)world_told(w);
	struct m_ends e = ends("net");
	w->fail_at = 1;
	assert_int_equal(world_ask(w, PRIV_GRE_UP, &e, NO_TAIL), -ENOMEM);
	struct m_gre g = gre("net", "tun0");
	w->fail_at = 1;
	assert_int_equal(add(w, &g), -ENOMEM);
	assert_int_equal(w->fail_at, 0);
	assert_string_equal(world_told(w), "");
	assert_true(!w->kernel.tun[0].t);
	assert_int_equal(world_ask(w, PRIV_GRE_UP, &e, NO_TAIL), 0);
	assert_int_equal(add(w, &g), 0);
}

/* --- what a kernel wholly without IPsec lacks --- */

static void test_no_policies(void **state)
{
	struct world *w = *state;
	struct m_ends m = ends("net");
	m.local = (struct addr){.family = AF_NONE};
	w->kernel.fail = "guard";
	w->kernel.fail_with = -EPROTONOSUPPORT;
	w->said = SB(w->log);
	assert_int_equal(world_ask(w, PRIV_GUARD_SET, &m, NO_TAIL), 0);
	assert_int_equal(world_ask(w, PRIV_GUARD_SET, &m, NO_TAIL), 0);
	char *first = strstr(w->log, "no IPsec policies");
	assert_non_null(first);
	assert_null(strstr(first + 1, "no IPsec policies"));
	w->kernel.fail_with = -EPERM; /* another failure is one */
	assert_int_equal(world_ask(w, PRIV_GUARD_SET, &m, NO_TAIL), -EPERM);
}

static void test_no_policies_kernel(void **state)
{
	struct world *w = *state;
	struct m_ends m = ends("net");
	m.local = (struct addr){.family = AF_NONE};
	w->kernel.fail = "guard";
	w->kernel.fail_with = -EPROTONOSUPPORT;
	assert_int_equal(world_ask(w, PRIV_GUARD_SET, &m, NO_TAIL), -EPROTONOSUPPORT);
}

#define USER(t) cmocka_unit_test_setup_teardown(t, world_setup_user, world_teardown)
#define KERNEL(t) cmocka_unit_test_setup_teardown(t, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		USER(test_spi), USER(test_spi_whole_range), USER(test_install), USER(test_install_refused_by_esp),
		USER(test_early), USER(test_early_given_up), USER(test_only_gre_in_udp), USER(test_peers_behind_one_address),
		USER(test_move), USER(test_remove_query_stats), USER(test_gre_up_down), USER(test_gre_keep_and_seq),
		USER(test_gre_failures), USER(test_device_events), USER(test_devices_told_again), USER(test_script_gre),
		USER(test_script_without_name), USER(test_no_memory), USER(test_script_refusals), KERNEL(test_kernel_plane_has_none),
		USER(test_no_policies), KERNEL(test_no_policies_kernel),
	};
	world_crypto = crypto_new();
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	crypto_free(world_crypto);
	return rc;
}
