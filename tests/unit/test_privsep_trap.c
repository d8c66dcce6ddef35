/* TRAP_SET: who may have one, its number, its place beside children, reloads, lives; and whose a packet is. */
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

static struct m_ends ends(const char *tunnel)
{
	struct m_ends m;
	memset(&m, 0, sizeof m);
	snprintf(m.tunnel, sizeof m.tunnel, "%s", tunnel);
	m.local = world_addr("10.0.0.2");
	m.remote = world_addr("80.251.0.33");
	return m;
}

static int trap(struct world *w, const struct m_ends *m) { return world_ask(w, PRIV_TRAP_SET, m, NO_TAIL); }

static const char *acquired(struct world *w, uint32_t reqid, const char *to)
{
	struct kernel_event e = {.type = KERNEL_ACQUIRE, .reqid = reqid, .addr = world_addr(to)};
	return actor_acquired(w->actor, &e);
}

static struct world *route(void **state)
{
	struct world *w = *state;
	world_tunnel(w->conf, "net")->auto_mode = AUTO_ROUTE;
	return w;
}

static void test_refused(void **state)
{
	struct world *w = *state;
	struct m_ends m = ends("net");
	assert_int_equal(trap(w, &m), -EPERM); /* auto=add, no action is hold */
	m = ends("nosuch");
	assert_int_equal(trap(w, &m), -ENOENT);
	m = ends("pass");
	assert_int_equal(trap(w, &m), -ENOENT);
	(void)route(state);
	m = ends("net");
	m.remote = world_addr("80.251.0.34");
	assert_int_equal(trap(w, &m), -EACCES);
	m = ends("net");
	m.local = world_addr("10.0.0.9");
	assert_int_equal(trap(w, &m), -EADDRNOTAVAIL);
	assert_string_equal(fake_kernel_calls(&w->kernel), "");
	world_tunnel(w->conf, "net")->auto_mode = AUTO_ADD;
	world_tunnel(w->conf, "net")->dpd_action = DPD_HOLD;
	m = ends("net");
	assert_int_equal(trap(w, &m), 0);
	world_tunnel(w->conf, "net")->dpd_action = DPD_NONE;
	world_tunnel(w->conf, "net")->close_action = DPD_HOLD;
	assert_int_equal(trap(w, &m), 0);
}

/* With the interface that we make, which stays when the tunnel goes down; what it was made of has its number from the start. */
static void test_set(void **state)
{
	struct world *w = route(state);
	struct m_ends m = ends("net");
	char want[128];
	w->kernel.gre = (struct gre_link){.ifindex = 5, .name = "gre1", .mtu = 1400, .up = true};
	assert_int_equal(trap(w, &m), 0);
	assert_string_equal(fake_kernel_calls(&w->kernel), "trap 1 10.0.0.2 80.251.0.33\ngre gre1 10.0.0.2 80.251.0.33\n");
	assert_int_equal(trap(w, &m), 0);
	assert_string_equal(fake_kernel_calls(&w->kernel), "trap 1 10.0.0.2 80.251.0.33\ngre gre1 10.0.0.2 80.251.0.33\n");
	assert_string_equal(acquired(w, 1, "80.251.0.33"), "net");
	assert_null(acquired(w, 2, "80.251.0.33"));
	assert_null(acquired(w, 1, "80.251.0.34"));
	struct m_tunnel down = {.tunnel = "net"};
	assert_int_equal(world_ask(w, PRIV_GRE_DOWN, &down, NO_TAIL), 0);
	assert_string_equal(fake_kernel_calls(&w->kernel), "");
	/* Its children have the trap's number, another tunnel's have not. */
	uint32_t spi = world_install(w, "net");
	assert_int_equal(children_find(actor_children(w->actor), spi)->sa.reqid, 1);
	(void)fake_kernel_calls(&w->kernel);
	struct m_spi r = {.spi = spi};
	assert_int_equal(world_ask(w, PRIV_CHILD_REMOVE, &r, NO_TAIL), 0);
	snprintf(want, sizeof want, "remove %08x heir 00000000\ntrap 1 10.0.0.2 80.251.0.33\n", spi);
	assert_string_equal(fake_kernel_calls(&w->kernel), want);
}

static void test_moves(void **state)
{
	struct world *w = route(state);
	struct m_ends m = ends("net");
	w->kernel.gre = (struct gre_link){.ifindex = 5, .name = "gre1", .mtu = 1400, .up = true};
	assert_int_equal(trap(w, &m), 0);
	(void)fake_kernel_calls(&w->kernel);
	m.local = world_addr("10.9.0.1");
	assert_int_equal(trap(w, &m), 0);
	assert_string_equal(fake_kernel_calls(&w->kernel),
	                    "trap_del 1 10.0.0.2 80.251.0.33\ntrap 1 10.9.0.1 80.251.0.33\ngre gre1 10.9.0.1 80.251.0.33\n");
	assert_string_equal(acquired(w, 1, "80.251.0.33"), "net");
	w->kernel.fail = "trap";
	w->kernel.fail_with = -EEXIST;
	assert_int_equal(trap(w, &m), -EEXIST);
	assert_null(acquired(w, 1, "80.251.0.33"));
}

static void test_ends(void **state)
{
	struct world *w = route(state);
	struct m_ends m = ends("net");
	w->kernel.gre = (struct gre_link){.ifindex = 5, .name = "gre1", .mtu = 1400, .up = true};
	assert_int_equal(trap(w, &m), 0);
	struct conf *was = w->conf;
	w->conf = world_conf(); /* auto=add there */
	(void)fake_kernel_calls(&w->kernel);
	assert_int_equal(actor_conf_set(w->actor, w->conf, &w->psks), 0);
	assert_non_null(strstr(fake_kernel_calls(&w->kernel), "trap_del 1 10.0.0.2 80.251.0.33\n"));
	assert_null(acquired(w, 1, "80.251.0.33"));
	free(was);
	world_tunnel(w->conf, "net")->auto_mode = AUTO_ROUTE;
	assert_int_equal(trap(w, &m), 0);
	(void)fake_kernel_calls(&w->kernel);
	actor_remove_children(w->actor);
	assert_string_equal(fake_kernel_calls(&w->kernel), "trap_del 2 10.0.0.2 80.251.0.33\n");
}

static void test_user(void **state)
{
	struct world *w = route(state);
	struct m_ends m = ends("net");
	assert_int_equal(trap(w, &m), 0);
	assert_null(strstr(fake_kernel_calls(&w->kernel), "trap"));
	assert_non_null(strstr(world_told(w), "DEVICE 1 tunnel 1 "));
	assert_string_equal(actor_wanted(w->actor, 1), "net");
	assert_null(actor_wanted(w->actor, 2));
}

struct file { size_t n; uint8_t v[65536]; };
static void keep(void *ctx, struct span record)
{
	struct file *f = ctx;
	assert_true(f->n + record.n <= sizeof f->v);
	memcpy(f->v + f->n, record.p, record.n);
	f->n += record.n;
}

/* It outlives priv, and what the configuration does not want any more then is taken away. */
static void test_another_life(void **state)
{
	struct file *f = calloc(1, sizeof *f);
	struct world *w = route(state);
	struct m_ends m = ends("net");
	assert_non_null(f);
	world_rebirth(w, keep, f);
	actor_books_write(w->actor, keep, f);
	w->kernel.gre = (struct gre_link){.ifindex = 5, .name = "gre1", .mtu = 1400, .up = true};
	assert_int_equal(trap(w, &m), 0);
	world_rebirth(w, NULL, NULL);
	actor_adopt(w->actor, SPAN(f->v, f->n), DUR_S(200));
	assert_string_equal(fake_kernel_calls(&w->kernel), "");
	assert_string_equal(acquired(w, 1, "80.251.0.33"), "net");
	world_tunnel(w->conf, "net")->auto_mode = AUTO_ADD;
	world_rebirth(w, NULL, NULL);
	actor_adopt(w->actor, SPAN(f->v, f->n), DUR_S(200));
	assert_string_equal(fake_kernel_calls(&w->kernel), "trap_del 1 10.0.0.2 80.251.0.33\n");
	assert_null(acquired(w, 1, "80.251.0.33"));
	free(f);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_refused), TEST(test_set), TEST(test_moves), TEST(test_ends), TEST(test_another_life),
		cmocka_unit_test_setup_teardown(test_user, world_setup_user, world_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
