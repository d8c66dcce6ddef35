/* The books: what priv finds again after its own death, from whatever its predecessor could still write. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "privsep/books.h"
#include "test_privsep_util.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NO_TAIL SPAN(NULL, 0)

enum { FILE_MAX = 65536 };
struct file {
	struct world *w;
	size_t n;
	char calls[4096];        /* the kernel's, each behind the number of octets that had been written */
	struct sbuf seen;
	uint8_t v[FILE_MAX];
};

static void keep(void *ctx, struct span record)
{
	struct file *f = ctx;
	assert_true(f->n + record.n <= FILE_MAX);
	memcpy(f->v + f->n, record.p, record.n);
	f->n += record.n;
	sb_printf(&f->seen, "%s+\n", fake_kernel_calls(&f->w->kernel));
}

static struct file *begin(void **state)
{
	struct file *f = calloc(1, sizeof *f);
	assert_non_null(f);
	f->w = *state;
	f->seen = SB(f->calls);
	world_rebirth(f->w, keep, f);
	actor_books_write(f->w->actor, keep, f);
	return f;
}

/* Priv is killed, and started; n octets of the file had got there. */
static void again(struct file *f, size_t n, struct file *into)
{
	uint8_t *exact = malloc(n ? n : 1);
	assert_non_null(exact);
	memcpy(exact, f->v, n);
	world_rebirth(f->w, into ? keep : NULL, into);
	actor_adopt(f->w->actor, SPAN(exact, n), DUR_S(200));
	free(exact);
}

static size_t n_children(const struct world *w) { return actor_children(w->actor)->n; }

static struct m_hook_run hook(bool up, uint32_t spi_in)
{
	struct m_hook_run m;
	memset(&m, 0, sizeof m);
	snprintf(m.tunnel, sizeof m.tunnel, "net");
	m.up = up;
	m.child.spi_in = spi_in;
	m.child.child_id = 3;
	m.child.local = (struct endpoint){.addr = world_addr("10.0.0.2"), .port = 4500};
	m.child.remote = (struct endpoint){.addr = world_addr("80.251.0.33"), .port = 1};
	m.child.my_id = world_ident("121.43.117.81");
	m.child.peer_id = world_ident("80.251.0.33");
	m.child.ts_local = m.child.local.addr;
	m.child.ts_remote = m.child.remote.addr;
	return m;
}

/* A life with all that is written down: a child, its script, its interface, a tunnel that is held. */
static uint32_t live(struct world *w)
{
	uint32_t spi = world_install(w, "net");
	struct m_hook_run up = hook(true, spi);
	assert_int_equal(world_ask(w, PRIV_HOOK_RUN, &up, NO_TAIL), 0);
	actor_hook_ended(w->actor, "net", true, 7);
	w->kernel.gre = (struct gre_link){.ifindex = 5, .name = "gre1", .mtu = 1400, .up = true};
	struct m_ends ends = {.tunnel = "net", .local = world_addr("10.0.0.2"), .remote = world_addr("80.251.0.33")};
	assert_int_equal(world_ask(w, PRIV_GRE_UP, &ends, NO_TAIL), 0);
	struct m_held held = {.tunnel = "any", .held = 1};
	assert_int_equal(world_ask(w, PRIV_HELD_SET, &held, NO_TAIL), 0);
	return spi;
}

static void test_all_is_found_again(void **state)
{
	struct file *f = begin(state), *g = calloc(1, sizeof *g);
	struct world *w = f->w;
	uint32_t spi = live(w);
	const struct child_sa was = children_find(actor_children(w->actor), spi)->sa;
	assert_non_null(g);
	g->w = w;
	g->seen = SB(g->calls);
	again(f, f->n, g);
	assert_int_equal(n_children(w), 1);
	const struct child *k = children_find(actor_children(w->actor), spi);
	assert_non_null(k);
	assert_true(k->old);
	assert_string_equal(k->tunnel, "net");
	assert_int_equal(k->since, DUR_S(100));
	assert_memory_equal(&k->sa, &was, sizeof was);
	assert_true(actor_held(w->actor, "any"));
	assert_false(actor_held(w->actor, "net"));
	assert_non_null(strstr(w->log, "1 child SA(s) forward on"));
	/* ike is told of it, and that its script has run */
	struct e_child e;
	actor_child_event(w->actor, k, 0, &e);
	assert_true(e.hook_up);
	/* a new child has its number, and its up is none */
	struct m_child_install m;
	world_install_body(w, "net", &m);
	assert_int_equal(m.sa.reqid, was.reqid);
	assert_int_equal(world_ask(w, PRIV_CHILD_INSTALL, &m, NO_TAIL), 0);
	struct m_hook_run h = hook(true, m.sa.in.spi);
	assert_int_equal(world_ask(w, PRIV_HOOK_RUN, &h, NO_TAIL), 7);
	assert_int_equal(w->out.todo, TODO_NOTHING);
	h = hook(false, m.sa.in.spi);
	assert_int_equal(world_ask(w, PRIV_HOOK_RUN, &h, NO_TAIL), 0);
	assert_int_equal(w->out.todo, TODO_HOOK);
	assert_string_equal(w->out.hook.command, "/etc/updown net");
	assert_string_equal(w->out.hook.interface, "eth2");
	assert_true(ident_eq(&w->out.hook.child.my_id, &h.child.my_id));
	/* the interface is known as ours */
	g->seen = SB(g->calls);
	struct m_tunnel down = {.tunnel = "net"};
	assert_int_equal(world_ask(w, PRIV_GRE_DOWN, &down, NO_TAIL), 0);
	assert_non_null(strstr(g->calls, "gre_down gre1 remove\n"));
	free(f);
	free(g);
}

/* Nothing is ever in the kernel that is in no record: written before it is made, struck out after it is removed. */
static void test_order(void **state)
{
	struct file *f = begin(state);
	struct world *w = f->w;
	struct m_child_install m;
	world_install_body(w, "net", &m);
	struct child_sa whole = m.sa;
	m.sa.out = (struct esp_sa){.spi = 0};
	m.sa.out.encr = whole.out.encr;
	m.sa.out.integ = whole.out.integ;
	f->seen = SB(f->calls);
	assert_int_equal(world_ask(w, PRIV_CHILD_INSTALL, &m, NO_TAIL), 0);
	m.sa = whole;
	assert_int_equal(world_ask(w, PRIV_CHILD_INSTALL, &m, NO_TAIL), 0);
	struct m_spi r = {.spi = m.sa.in.spi};
	assert_int_equal(world_ask(w, PRIV_CHILD_REMOVE, &r, NO_TAIL), 0);
	char want[256];
	snprintf(want, sizeof want, "spi_alloc 10.0.0.2 80.251.0.33\n+\nearly %08x\n+\ncomplete %08x cafe0001\nremove %08x heir 00000000\n+\n",
	         r.spi, r.spi, r.spi);
	assert_string_equal(f->calls, want);
	again(f, f->n, f);
	assert_int_equal(n_children(w), 0);
	free(f);
}

static void test_what_the_kernel_refused(void **state)
{
	struct file *f = begin(state);
	struct world *w = f->w;
	struct m_child_install m;
	world_install_body(w, "net", &m);
	w->kernel.fail = "install";
	w->kernel.fail_with = -ENOSYS;
	assert_int_equal(world_ask(w, PRIV_CHILD_INSTALL, &m, NO_TAIL), -ENOSYS);
	w->kernel.fail = NULL;
	again(f, f->n, f);
	assert_int_equal(n_children(w), 0);
	free(f);
}

/* Only the inbound half had been made. */
static void test_early_half(void **state)
{
	struct file *f = begin(state);
	struct world *w = f->w;
	struct m_child_install m;
	char want[64];
	world_install_body(w, "net", &m);
	m.sa.out.spi = 0;
	assert_int_equal(world_ask(w, PRIV_CHILD_INSTALL, &m, NO_TAIL), 0);
	again(f, f->n, NULL);
	assert_int_equal(n_children(w), 0);
	snprintf(want, sizeof want, "spi_free %08x\n", m.sa.in.spi);
	assert_string_equal(fake_kernel_calls(&w->kernel), want);
	free(f);
}

/* The SAs have ended meanwhile: the script hears of it, once; nothing foreign is touched. */
static void test_the_kernel_has_the_last_word(void **state)
{
	struct file *f = begin(state);
	struct world *w = f->w;
	struct actor_hook h;
	uint32_t spi = live(w);
	char want[64];
	w->kernel.fail = "counters";
	w->kernel.fail_with = -ESRCH;
	again(f, f->n, NULL);
	assert_int_equal(n_children(w), 0);
	snprintf(want, sizeof want, "remove %08x heir 00000000\n", spi);
	assert_string_equal(fake_kernel_calls(&w->kernel), want);
	assert_true(actor_next_stray(w->actor, &h));
	assert_false(h.up);
	assert_string_equal(h.tunnel, "net");
	assert_string_equal(h.command, "/etc/updown net");
	assert_false(actor_next_stray(w->actor, &h));
	free(f);
}

static bool is_up(const struct world *w, uint32_t spi)
{
	struct e_child e;
	actor_child_event(w->actor, children_find(actor_children(w->actor), spi), 0, &e);
	return e.hook_up;
}

/* Of a tunnel for any number of peers: whose script is up is known of each, and the down of one is its own. */
static void test_of_each_peer(void **state)
{
	static const char *const from[] = {"192.0.2.1", "192.0.2.2", "192.0.2.3"};
	struct file *f = begin(state), *g = calloc(1, sizeof *g);
	struct world *w = f->w;
	struct actor_hook h;
	struct m_hook_run m;
	uint32_t spi[3];
	assert_non_null(g);
	for (int i = 0; i < 3; i++) {
		struct m_child_install c;
		world_install_body_of(w, "any", from[i], &c);
		assert_int_equal(world_ask(w, PRIV_CHILD_INSTALL, &c, NO_TAIL), 0);
		spi[i] = c.sa.in.spi;
		m = hook(true, spi[i]);
		memcpy(m.tunnel, "any", 4);
		assert_int_equal(world_ask(w, PRIV_HOOK_RUN, &m, NO_TAIL), 0);
	}
	m.up = false;
	m.child.spi_in = spi[1];
	assert_int_equal(world_ask(w, PRIV_HOOK_RUN, &m, NO_TAIL), 0);
	g->w = w;
	g->seen = SB(g->calls);
	again(f, f->n, g);
	assert_true(is_up(w, spi[0]) && !is_up(w, spi[1]) && is_up(w, spi[2]));
	assert_false(actor_next_stray(w->actor, &h));
	/* the SAs of the last one end with another life */
	struct m_spi r = {.spi = spi[2]};
	assert_int_equal(world_ask(w, PRIV_CHILD_REMOVE, &r, NO_TAIL), 0);
	g->n = 0;
	actor_books_write(w->actor, keep, g);
	again(g, g->n, NULL);
	assert_true(actor_next_stray(w->actor, &h));
	assert_string_equal(h.tunnel, "any");
	assert_int_equal(h.child.spi_in, spi[2]);
	assert_false(actor_next_stray(w->actor, &h));
	assert_true(is_up(w, spi[0]));
	free(f);
	free(g);
}

static void test_alive_is_not_stray(void **state)
{
	struct file *f = begin(state);
	struct actor_hook h;
	(void)live(f->w);
	again(f, f->n, f);
	assert_false(actor_next_stray(f->w->actor, &h));
	assert_true(actor_next_hook(f->w->actor, &h)); /* but it is still to come */
	free(f);
}

/* Written anew, the books say the same. */
static void test_anew(void **state)
{
	struct file *f = begin(state), *g = calloc(1, sizeof *g);
	struct world *w = f->w;
	assert_non_null(g);
	g->w = w;
	g->seen = SB(g->calls);
	for (int i = 0; i < 3; i++) {
		struct m_spi r = {.spi = world_install(w, "net")};
		assert_int_equal(world_ask(w, PRIV_CHILD_REMOVE, &r, NO_TAIL), 0);
	}
	uint32_t spi = live(w);
	actor_books_write(w->actor, keep, g);
	assert_true(g->n < f->n);
	again(g, g->n, f);
	assert_int_equal(n_children(w), 1);
	assert_non_null(children_find(actor_children(w->actor), spi));
	assert_true(actor_held(w->actor, "any"));
	free(f);
	free(g);
}

/* Killed while it wrote: what was whole counts. A changed octet ends the books, and harms nobody. */
static void test_cut_and_changed(void **state)
{
	struct file *f = begin(state), *g = calloc(1, sizeof *g);
	struct world *w = f->w;
	assert_non_null(g);
	(void)live(w);
	size_t seen = 0;
	for (size_t n = 0; n <= f->n; n++) {
		g->w = w;
		g->n = 0;
		g->seen = SB(g->calls);
		again(f, n, g);
		assert_true(n_children(w) >= seen);
		seen = n_children(w);
	}
	assert_int_equal(seen, 1);
	for (size_t i = 0; i < f->n; i++) {
		f->v[i] ^= 0x41;
		g->n = 0;
		g->seen = SB(g->calls);
		again(f, f->n, g);
		assert_true(n_children(w) <= 1);
		assert_false(i < BOOKS_HEAD && n_children(w));
		f->v[i] ^= 0x41;
	}
	free(f);
	free(g);
}

static void test_no_memory(void **state)
{
	struct file *f = begin(state), *g = calloc(1, sizeof *g);
	struct world *w = f->w;
	assert_non_null(g);
	(void)live(w);
	for (unsigned n = 1; n < 12; n++) {
		g->w = w;
		g->n = 0;
		g->seen = SB(g->calls);
		world_rebirth(w, keep, g);
		w->fail_at = n;
		actor_adopt(w->actor, SPAN(f->v, f->n), DUR_S(200));
		w->fail_at = 0;
		assert_true(n_children(w) <= 1);
	}
	assert_int_equal(n_children(w), 1);
	free(f);
	free(g);
}

/* A later version: longer records, unknown ones. */
static void test_later_version(void **state)
{
	struct file *f = begin(state);
	struct world *w = f->w;
	static const uint8_t unknown[] = {0, 0, 0, 1, 0, 0, 0, 0, 99, 5};
	(void)live(w);
	struct wr s = wr_init(f->v + f->n, FILE_MAX - f->n);
	books_put_gone(&s, 0x12345678);
	uint32_t sum = 0;
	/* The checksum of the unknown record is found as a reader would: by trying it. */
	memmove(f->v + f->n + sizeof unknown, f->v + f->n, s.len);
	memcpy(f->v + f->n, unknown, sizeof unknown);
	uint32_t h = (0x811c9dc5u ^ 99u) * 0x01000193u;
	sum = (h ^ 5u) * 0x01000193u;
	for (int i = 0; i < 4; i++)
		f->v[f->n + 4 + (size_t)i] = (uint8_t)(sum >> (24 - 8 * i));
	struct rd r = rd_init(f->v + f->n, sizeof unknown + s.len);
	struct book b;
	assert_true(books_next(&r, &b));
	assert_int_equal(b.type, BOOK_CHILD_GONE);
	assert_int_equal(b.gone, 0x12345678);
	assert_true(rd_done(&r));
	f->v[BOOKS_HEAD - 1]++; /* the version */
	again(f, f->n, f);
	assert_int_equal(n_children(w), 0);
	assert_non_null(strstr(w->log, "of another kind"));
	free(f);
}

/* The octets of records are what another version finds in the file: they stay as they are. */
static void test_format(void **state)
{
	static struct book_child c;
	static struct book_tunnel t;
	static const char want[] = "67726574656c626b00000001"
		"0000008af1ff7d2201036e657401020304010450fb0021000000050607080900000007040a0000020620010db800000000000000"
		"00000000012f11121314000c010000050006000e01c0000001c00000020111941195000000400000000100000002010203040506"
		"0708000000000000000400000000000000050000000000000006000000210000002200000023000000240100000004a96f224202"
		"c00000010000008245cf604003036e65740104677265310001040a000002040a0000020000003100000032000000332f0101ffff"
		"fffe04657468320000000100000002000000030000000400000005040a00000211940450fb002100010209612e6578616d706c65"
		"010450fb00212f00060007040a000002000100000008000000000000000000000009000372756e";
	uint8_t v[1024];
	char hex[2 * sizeof v + 1];
	struct wr w = wr_init(v, sizeof v);
	(void)state;
	snprintf(c.tunnel, sizeof c.tunnel, "net");
	c.child_id = 0x01020304;
	c.peer = world_ident("80.251.0.33");
	c.since = 0x0506070809;
	c.sa = (struct child_sa){
		.reqid = 7, .local = world_addr("10.0.0.2"), .remote = world_addr("2001:db8::1"), .sel = {47, 0x1112, 0x1314},
		.suite = {12, 256, 5, 6, 14, 1}, .in.spi = 0xc0000001, .out.spi = 0xc0000002, .encap = true, .encap_sport = 4500,
		.encap_dport = 4501, .replay_window = 64, .life = {1, 2, 0x0102030405060708, 4, 5, 6}, .mark_in = 0x21, .mark_in_mask = 0x22,
		.mark_out = 0x23, .mark_out_mask = 0x24, .install_policy = true,
	};
	books_put_head(&w);
	books_put_child(&w, &c);
	books_put_gone(&w, 0xc0000001);
	snprintf(t.name, sizeof t.name, "net");
	snprintf(t.gre, sizeof t.gre, "gre1");
	snprintf(t.interface, sizeof t.interface, "eth2");
	t.held = t.gre_mss_clamp = t.hook_up = t.host_access = true;
	t.trap_local = t.trap_remote = world_addr("10.0.0.2");
	t.trap_reqid = 0x31;
	t.trap_mark = 0x32;
	t.trap_mark_mask = 0x33;
	t.trap_proto = 47;
	t.hook_status = -2;
	t.child = (struct tun_child){
		.child_id = 1, .ike_id = 2, .reqid = 3, .spi_in = 4, .spi_out = 5, .local = {world_addr("10.0.0.2"), 4500},
		.remote = {world_addr("80.251.0.33"), 1}, .my_id = world_ident("a.example"), .peer_id = world_ident("80.251.0.33"),
		.sel = {47, 6, 7}, .ts_local = world_addr("10.0.0.2"), .encap = true, .mark_in = 8, .mark_out_mask = 9,
	};
	t.command = SPAN("run", 3);
	books_put_tunnel(&w, &t);
	assert_true(wr_ok(&w));
	for (size_t i = 0; i < w.len; i++)
		snprintf(hex + 2 * i, 3, "%02x", v[i]);
	assert_string_equal(hex, want);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_all_is_found_again), TEST(test_of_each_peer), TEST(test_order), TEST(test_what_the_kernel_refused), TEST(test_early_half),
		TEST(test_the_kernel_has_the_last_word), TEST(test_alive_is_not_stray), TEST(test_anew), TEST(test_cut_and_changed),
		TEST(test_no_memory), TEST(test_later_version), TEST(test_format),
	};
	world_crypto = crypto_new();
	assert_non_null(world_crypto);
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	crypto_free(world_crypto);
	return rc;
}
