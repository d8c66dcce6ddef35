/* Long-lived graceful restart (RFC 9494) among whole engines: p - s - q, where s reflects, and p goes away without a word. */
#include "bgp_lab.h"

enum { TO_P = 2, TO_Q = 3, LAN = 4 };

#define P_HEAD "router bgp 65000\n bgp router-id 10.1.0.2\n neighbor 10.1.0.1 remote-as 65000\n bgp graceful-restart\n" \
	" bgp graceful-restart preserve-fw-state\n bgp graceful-restart restart-time 2\n"
#define LONG " bgp long-lived-graceful-restart stale-time 6\n"
#define S_CONF "router bgp 65000\n bgp router-id 10.1.0.1\n neighbor 10.1.0.2 remote-as 65000\n neighbor 10.2.0.2 remote-as 65000\n" \
	" bgp graceful-restart\n" LONG " address-family ipv4 unicast\n  neighbor 10.1.0.2 route-reflector-client\n"
#define Q_HEAD "router bgp 65000\n bgp router-id 10.2.0.2\n neighbor 10.2.0.1 remote-as 65000\n"

struct three { struct lab *l; struct lab_host *p, *s, *q; };

static struct three begun(const char *p_conf, const char *q_conf)
{
	struct lab *l = lab_new();
	struct three t = {.l = l, .p = lab_host(l, "p", NULL, NULL), .s = lab_host(l, "s", NULL, NULL), .q = lab_host(l, "q", NULL, NULL)};
	lab_conf(l, t.p, p_conf);
	lab_conf(l, t.s, S_CONF);
	lab_conf(l, t.q, q_conf);
	lab_link(l, t.p, TO_P, "s0", true);
	lab_addr(l, t.p, TO_P, "10.1.0.2/24", "", true);
	lab_link(l, t.p, LAN, "lan", true);
	lab_addr(l, t.p, LAN, "192.168.1.1/24", "", true);
	lab_link(l, t.s, TO_P, "p0", true);
	lab_addr(l, t.s, TO_P, "10.1.0.1/24", "", true);
	lab_link(l, t.s, TO_Q, "q0", true);
	lab_addr(l, t.s, TO_Q, "10.2.0.1/24", "", true);
	lab_link(l, t.q, TO_Q, "s0", true);
	lab_addr(l, t.q, TO_Q, "10.2.0.2/24", "", true);
	lab_synced(l, t.p);
	lab_synced(l, t.s);
	lab_synced(l, t.q);
	lab_settle(l);
	lab_run(l, DUR_S(400));
	return t;
}

/* p's process has gone: its connections end, and nobody answers new ones. */
static void kill_p(struct three *t)
{
	t->l->dead = (struct addr){.family = AF_V4, .b = {10, 1, 0, 2}};
	for (int i = 0; i < LAB_CONNS; i++) {
		struct lab_conn *c = &t->l->conn[i];
		for (int k = 0; c->used && k < 2; k++) {
			if (c->end[k] == t->s && c->end[!k] == t->p)
				lab_fact(t->l, t->s, &(struct bgp_fact){.type = BGP_FACT_CLOSED, .conn = c->id[k], .status = -ECONNRESET});
		}
	}
	lab_settle(t->l);
}

struct json_text { struct bgp_writer w; char s[8192]; size_t n; };

static void put(struct bgp_writer *w, const char *text, size_t n)
{
	struct json_text *t = (struct json_text *)w;
	assert_true(t->n + n < sizeof t->s);
	memcpy(t->s + t->n, text, n);
	t->s[t->n += n] = 0;
}

static bool says(const struct three *t, struct lab_host *h, const char *text)
{
	struct json_text j = {.w.put = put};
	char why[200];
	struct sbuf w = SB(why);
	assert_true(bgp_show(h->b, "bgp 192.168.1.0/24", t->l->now, 1700000000, &j.w, &w));
	return strstr(j.s, text) != NULL;
}

static void kernel_is(struct lab_host *h, const char *expected)
{
	char text[4096];
	assert_string_equal(lab_kernel(h, text), expected);
}

#define P_CONF(more) P_HEAD more " address-family ipv4 unicast\n  network 192.168.1.0/24\n"
#define S_ROUTE "192.168.1.0/24 via 10.1.0.2 dev 2 metric 20\n"

static void test_kept(void **state)
{
	(void)state;
	struct three t = begun(P_CONF(LONG), Q_HEAD " bgp graceful-restart\n" LONG);
	kernel_is(t.s, S_ROUTE);
	assert_true(says(&t, t.q, "192.168.1.0/24") && !says(&t, t.q, "llgr-stale"));
	kill_p(&t);
	lab_run(t.l, DUR_S(1));
	kernel_is(t.s, S_ROUTE);
	assert_true(says(&t, t.q, "192.168.1.0/24") && !says(&t, t.q, "llgr-stale"));
	/* RFC 9494 4.3: after the restart time it is kept on, marked for others */
	unsigned updates = t.s->updates;
	lab_run(t.l, DUR_S(2));
	kernel_is(t.s, S_ROUTE);
	assert_true(says(&t, t.q, "llgr-stale"));
	assert_int_equal(t.s->updates, updates + 1);
	lab_run(t.l, DUR_S(4));
	kernel_is(t.s, S_ROUTE);
	assert_int_equal(t.s->updates, updates + 1);
	lab_run(t.l, DUR_S(2));
	kernel_is(t.s, "");
	assert_false(says(&t, t.q, "10.1.0.2"));
	lab_free(t.l);
}

/* RFC 9494 4.3: not to one who does not know what the mark means. */
static void test_not_told(void **state)
{
	(void)state;
	struct three t = begun(P_CONF(LONG), Q_HEAD);
	assert_true(says(&t, t.q, "10.1.0.2"));
	kill_p(&t);
	lab_run(t.l, DUR_S(4));
	kernel_is(t.s, S_ROUTE);
	assert_false(says(&t, t.q, "10.1.0.2"));
	lab_free(t.l);
}

static void test_not_offered(void **state)
{
	(void)state;
	struct three t = begun(P_CONF(), Q_HEAD);
	kill_p(&t);
	lab_run(t.l, DUR_S(1));
	kernel_is(t.s, S_ROUTE);
	lab_run(t.l, DUR_S(2));
	kernel_is(t.s, "");
	assert_false(says(&t, t.q, "10.1.0.2"));
	lab_free(t.l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_kept), cmocka_unit_test(test_not_told), cmocka_unit_test(test_not_offered)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
