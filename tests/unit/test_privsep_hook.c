/* The books of scripts (each up has one down, over crashes of ike and changes of the configuration), and what a new
 * configuration sets at once: guards, shunts. */
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

static struct m_hook_run hook(const char *tunnel, bool up, uint32_t spi_in)
{
	struct m_hook_run m;
	memset(&m, 0, sizeof m);
	snprintf(m.tunnel, sizeof m.tunnel, "%s", tunnel);
	m.up = up;
	struct tun_child *c = &m.child;
	c->child_id = 3;
	c->ike_id = 4;
	c->spi_in = spi_in;
	c->local = (struct endpoint){.addr = world_addr("10.0.0.2"), .port = 4500};
	c->remote = (struct endpoint){.addr = world_addr("80.251.0.33"), .port = 1};
	c->my_id = world_ident("121.43.117.81");
	c->peer_id = world_ident("liar.example");
	c->ts_local = c->local.addr;
	c->ts_remote = c->remote.addr;
	c->reqid = 99;
	return m;
}

static int ask(struct world *w, const struct m_hook_run *m) { return world_ask(w, PRIV_HOOK_RUN, m, NO_TAIL); }

static void test_up_down(void **state)
{
	struct world *w = *state;
	uint32_t spi = world_install(w, "net");
	struct m_hook_run m = hook("net", true, spi);
	assert_int_equal(ask(w, &m), 0);
	assert_int_equal(w->out.todo, TODO_HOOK);
	assert_false(w->out.answer);
	assert_false(w->out.down_first);
	const struct actor_hook *h = &w->out.hook;
	assert_string_equal(h->command, "/etc/updown net");
	assert_string_equal(h->interface, "eth2");
	/* what the kernel has is what the script is told */
	const struct child *k = children_find(actor_children(w->actor), spi);
	assert_int_equal(h->child.reqid, k->sa.reqid);
	assert_int_equal(h->child.spi_out, k->sa.out.spi);
	assert_int_equal(h->child.remote.port, 46376);
	assert_true(ident_eq(&h->child.peer_id, &k->peer));
	assert_true(h->child.encap);
	assert_int_equal(h->child.ike_id, 4);
	m = hook("net", false, spi);
	assert_int_equal(ask(w, &m), 0);
	assert_int_equal(w->out.todo, TODO_HOOK);
	assert_false(w->out.hook.up);
	assert_string_equal(w->out.hook.command, "/etc/updown net");
	assert_int_equal(ask(w, &m), -ENOTCONN); /* one down for one up */
}

static void test_up_refused(void **state)
{
	struct world *w = *state;
	uint32_t spi = world_install(w, "net");
	struct m_hook_run m = hook("net", true, spi + 1);
	assert_int_equal(ask(w, &m), -ENOTCONN);
	m = hook("any", true, spi);
	assert_int_equal(ask(w, &m), -ENOTCONN); /* another tunnel's SA */
	m = hook("off", true, spi);
	assert_int_equal(ask(w, &m), -ENOENT); /* no script */
	m = hook("nosuch", true, spi);
	assert_int_equal(ask(w, &m), -ENOENT);
	m = hook("net", false, spi);
	assert_int_equal(ask(w, &m), -ENOTCONN);
	actor_phase_set(w->actor, PHASE_STOP);
	m = hook("net", true, spi);
	assert_int_equal(ask(w, &m), -ESHUTDOWN);
}

/* ike died and came back: its up for what is up already is answered, not run. */
static void test_crash(void **state)
{
	struct world *w = *state;
	uint32_t spi = world_install(w, "net");
	struct m_hook_run m = hook("net", true, spi);
	assert_int_equal(ask(w, &m), 0);
	actor_hook_ended(w->actor, "net", true, 3);
	actor_ike_gone(w->actor);
	const struct child *k = children_find(actor_children(w->actor), spi);
	assert_true(k && k->old);
	struct e_child e;
	actor_child_event(w->actor, k, 0, &e);
	assert_true(e.hook_up);
	assert_string_equal(e.tunnel, "net");
	actor_phase_set(w->actor, PHASE_RUN);
	uint32_t second = world_install(w, "net");
	m = hook("net", true, second);
	assert_int_equal(ask(w, &m), 3);
	assert_true(w->out.answer);
	assert_int_equal(w->out.todo, TODO_NOTHING);
	/* the down is about the child that is there now */
	m = hook("net", false, second);
	assert_int_equal(ask(w, &m), 0);
	assert_int_equal(w->out.hook.child.spi_in, second);
}

/* Other addresses: the down of what was comes first, with its command. */
static void test_other_addresses(void **state)
{
	struct world *w = *state;
	uint32_t spi = world_install(w, "net");
	struct m_hook_run m = hook("net", true, spi);
	assert_int_equal(ask(w, &m), 0);
	struct m_child_move mv = {.spi_in = spi, .remote = world_addr("80.251.0.33")};
	mv.local = world_addr("10.9.0.1");
	assert_int_equal(world_ask(w, PRIV_CHILD_MOVE, &mv, NO_TAIL), 0);
	world_tunnel(w->conf, "net")->updown = world_tunnel(w->conf, "any")->updown;
	assert_int_equal(ask(w, &m), 0);
	assert_true(w->out.down_first);
	assert_false(w->out.before.up);
	assert_true(w->out.hook.up);
	assert_string_equal(w->out.before.command, "/etc/updown net");
	assert_string_equal(w->out.hook.command, "/etc/updown any");
	char text[ADDR_TEXT];
	assert_string_equal(addr_str(&w->out.before.child.local.addr, text), "10.0.0.2");
	assert_string_equal(addr_str(&w->out.hook.child.local.addr, text), "10.9.0.1");
}

/* The tunnel leaves the configuration: what is up still gets its down, its interface is taken down, its children go. */
static void test_left_configuration(void **state)
{
	struct world *w = *state;
	w->kernel.gre = (struct gre_link){.ifindex = 9, .name = "gre1"};
	uint32_t spi = world_install(w, "net");
	struct m_hook_run m = hook("net", true, spi);
	assert_int_equal(ask(w, &m), 0);
	struct m_ends e;
	memset(&e, 0, sizeof e);
	snprintf(e.tunnel, sizeof e.tunnel, "net");
	e.local = world_addr("10.0.0.2");
	e.remote = world_addr("80.251.0.33");
	assert_int_equal(world_ask(w, PRIV_GRE_UP, &e, NO_TAIL), 0);

	struct conf *next = world_conf();
	memcpy((char *)next + world_tunnel(next, "net")->name, "ten", 4);
	assert_int_equal(actor_conf_set(w->actor, next, &w->psks), 0);
	free(w->conf);
	w->conf = next;
	(void)fake_kernel_calls(&w->kernel);
	m = hook("net", true, spi);
	assert_int_equal(ask(w, &m), -ENOENT);
	m = hook("net", false, spi);
	assert_int_equal(ask(w, &m), 0);
	assert_string_equal(w->out.hook.command, "/etc/updown net");
	struct m_tunnel d = {.tunnel = "net"};
	assert_int_equal(world_ask(w, PRIV_GRE_DOWN, &d, NO_TAIL), 0);
	struct m_spi r = {.spi = spi};
	assert_int_equal(world_ask(w, PRIV_CHILD_REMOVE, &r, NO_TAIL), 0);
	assert_int_equal(world_ask(w, PRIV_GRE_DOWN, &d, NO_TAIL), -ENOENT);
}

/* A tunnel of %any: the script is up for each of its peers, and down for the one that goes. */
static void test_many_peers(void **state)
{
	struct world *w = *state;
	static const char *const from[] = {"192.0.2.1", "192.0.2.2", "192.0.2.3"};
	uint32_t spi[3];
	char state_of[3][PRIV_NAME];
	for (int i = 0; i < 3; i++) {
		struct m_child_install c;
		world_install_body_of(w, "any", from[i], &c);
		assert_int_equal(world_ask(w, PRIV_CHILD_INSTALL, &c, NO_TAIL), 0);
		spi[i] = c.sa.in.spi;
		struct m_hook_run m = hook("any", true, spi[i]);
		assert_int_equal(ask(w, &m), 0);
		assert_int_equal(w->out.todo, TODO_HOOK);
		assert_false(w->out.down_first);
		assert_string_equal(w->out.hook.tunnel, "any");
		memcpy(state_of[i], w->out.hook.state, sizeof state_of[i]);
		assert_true(i == 0 || strcmp(state_of[i], state_of[i - 1]) != 0);
	}
	actor_hook_ended(w->actor, state_of[1], true, 7);
	/* ike died: each is known to be up, an up for it is none */
	actor_ike_gone(w->actor);
	actor_phase_set(w->actor, PHASE_RUN);
	for (int i = 0; i < 3; i++) {
		struct e_child e;
		actor_child_event(w->actor, children_find(actor_children(w->actor), spi[i]), 0, &e);
		assert_true(e.hook_up);
		struct m_hook_run m = hook("any", true, spi[i]);
		assert_int_equal(ask(w, &m), i == 1 ? 7 : 0);
		assert_int_equal(w->out.todo, TODO_NOTHING);
	}
	/* one goes: nobody else's down, and no second one */
	struct m_hook_run m = hook("any", false, spi[1]);
	assert_int_equal(ask(w, &m), 0);
	assert_string_equal(w->out.hook.tunnel, "any");
	assert_int_equal(w->out.hook.child.spi_in, spi[1]);
	assert_int_equal(ask(w, &m), -ENOTCONN);
	m = hook("any", false, spi[0]);
	assert_int_equal(ask(w, &m), 0);
	assert_int_equal(w->out.hook.child.spi_in, spi[0]);
	assert_int_equal(ask(w, &m), -ENOTCONN);
	/* the last is still to have its own at the end */
	struct actor_hook h;
	assert_true(actor_next_hook(w->actor, &h));
	assert_string_equal(h.tunnel, "any");
	assert_int_equal(h.child.spi_in, spi[2]);
	assert_false(actor_next_hook(w->actor, &h));
}

/* The end without ike. */
static void test_end(void **state)
{
	struct world *w = *state;
	uint32_t spi = world_install(w, "net");
	struct m_hook_run m = hook("net", true, spi);
	assert_int_equal(ask(w, &m), 0);
	actor_ike_gone(w->actor);
	struct actor_hook h;
	assert_true(actor_next_hook(w->actor, &h));
	assert_false(h.up);
	assert_string_equal(h.tunnel, "net");
	assert_int_equal(h.child.spi_in, spi);
	assert_false(actor_next_hook(w->actor, &h));
	(void)fake_kernel_calls(&w->kernel);
	actor_remove_children(w->actor);
	assert_int_equal(actor_children(w->actor)->n, 0);
	assert_non_null(strstr(fake_kernel_calls(&w->kernel), "remove"));
}

/* ike is gone: SPIs that never became SAs are given back, SAs stay. */
static void test_gone(void **state)
{
	struct world *w = *state;
	(void)world_install(w, "net");
	struct m_child_install m;
	world_install_body(w, "net", &m);
	(void)fake_kernel_calls(&w->kernel);
	actor_ike_gone(w->actor);
	char want[32];
	snprintf(want, sizeof want, "spi_free %08x\n", m.sa.in.spi);
	assert_string_equal(fake_kernel_calls(&w->kernel), want);
	actor_phase_set(w->actor, PHASE_RUN);
	assert_int_equal(world_ask(w, PRIV_CHILD_INSTALL, &m, NO_TAIL), -ENOENT);
	assert_int_equal(actor_children(w->actor)->n, 1);
}

/* --- A configuration --- */

static void test_load(void **state)
{
	struct world *w = *state;
	assert_int_equal(actor_conf_set(w->actor, w->conf, &w->psks), 0);
	assert_string_equal(fake_kernel_calls(&w->kernel),
	                    "shunt pass 47 10.0.0.0/8 0.0.0.0/0\n"
	                    "guard 80.251.0.33\nguard 80.251.0.33\nguard 192.0.2.7\n");
	/* strict, and what is no GRE */
	world_tunnel(w->conf, "any")->guard = GUARD_STRICT;
	world_tunnel(w->conf, "twin")->guard = GUARD_STRICT;
	world_tunnel(w->conf, "net")->local.proto = 6;
	world_tunnel(w->conf, "name")->guard = GUARD_OFF;
	w->kernel.fail = "strict";
	w->kernel.fail_with = -EPERM;
	assert_int_equal(actor_conf_set(w->actor, w->conf, &w->psks), 0);
	assert_string_equal(fake_kernel_calls(&w->kernel),
	                    "shunt pass 47 10.0.0.0/8 0.0.0.0/0\n"
	                    "strict 10.0.0.2\nguard 80.251.0.33\nguard_del 192.0.2.7\nstrict %any\n");
	assert_non_null(strstr(w->log, "-1 any: the strict guard could not be set: "));
}

static void starts(struct world *w, const char *want)
{
	const char *calls = fake_kernel_calls(&w->kernel);
	if (strncmp(calls, want, strlen(want)) != 0)
		fail_msg("calls: %s", calls);
}

/* type=drop instead of pass, then for another peer: the new policy first, then the old one goes. */
static void test_shunts(void **state)
{
	struct world *w = *state;
	world_tunnel(w->conf, "pass")->kind = TUNNEL_DROP;
	assert_int_equal(actor_conf_set(w->actor, w->conf, &w->psks), 0);
	starts(w, "shunt drop 47 10.0.0.0/8 0.0.0.0/0\nguard");
	struct conf *next = world_conf();
	world_tunnel(next, "pass")->remote.n_hosts = 1;
	world_tunnel(next, "pass")->remote.host[0] = (struct conf_host){.kind = HOST_ADDR, .lo = world_addr("1.2.3.4")};
	assert_int_equal(actor_conf_set(w->actor, next, &w->psks), 0);
	starts(w, "shunt pass 47 10.0.0.0/8 1.2.3.4/32\nshunt_del  47 10.0.0.0/8 0.0.0.0/0\nguard");
	free(w->conf);
	w->conf = next;
}

/* A guard that another tunnel needs as well stays. */
static void test_guard_shared(void **state)
{
	struct world *w = *state;
	world_tunnel(w->conf, "net")->guard = GUARD_OFF;
	assert_int_equal(actor_conf_set(w->actor, w->conf, &w->psks), 0);
	assert_null(strstr(fake_kernel_calls(&w->kernel), "guard_del"));
	world_tunnel(w->conf, "twin")->guard = GUARD_OFF;
	assert_int_equal(actor_conf_set(w->actor, w->conf, &w->psks), 0);
	assert_non_null(strstr(fake_kernel_calls(&w->kernel), "guard_del 80.251.0.33\n"));
}

static void *no_memory(struct mem *m, size_t n)
{
	(void)m;
	(void)n;
	return NULL;
}

static void test_no_memory(void **state)
{
	struct world *w = *state;
	struct conf *next = world_conf();
	void *(*get)(struct mem *, size_t) = w->mem.get;
	memcpy((char *)next + world_tunnel(next, "net")->name, "ten", 4);
	w->mem.get = no_memory;
	assert_int_equal(actor_conf_set(w->actor, next, &w->psks), -ENOMEM);
	/* the old configuration is in force */
	struct m_held m = {.tunnel = "net", .held = 1};
	assert_int_equal(world_ask(w, PRIV_HELD_SET, &m, NO_TAIL), 0);
	struct m_spi_alloc s = {.tunnel = "net", .min = 0xc0000000, .max = 0xcfffffff};
	s.local = world_addr("10.0.0.2");
	s.remote = world_addr("80.251.0.33");
	assert_int_equal(world_ask(w, PRIV_SPI_ALLOC, &s, NO_TAIL), -ENOBUFS);
	w->mem.get = get;
	struct m_child_install c;
	world_install_body(w, "net", &c);
	w->mem.get = no_memory;
	assert_int_equal(world_ask(w, PRIV_CHILD_INSTALL, &c, NO_TAIL), -ENOMEM);
	w->mem.get = get;
	uint32_t spi = world_install(w, "net");
	w->mem.get = no_memory;
	struct m_hook_run h = hook("net", true, spi);
	assert_int_equal(ask(w, &h), -ENOMEM);
	w->mem.get = get;
	free(next);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_up_down), TEST(test_up_refused), TEST(test_crash), TEST(test_other_addresses),
		TEST(test_left_configuration), TEST(test_many_peers), TEST(test_end), TEST(test_gone), TEST(test_load), TEST(test_shunts),
		TEST(test_guard_shared), TEST(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
