/* Two ways to one prefix in the kernel, and what becomes of them when one changes or goes, whichever of the two is the best. */
#include "bgp_lab.h"

enum { TO_P = 2, TO_Q = 3, LAN = 4 };

struct three { struct lab *l; struct lab_host *p, *s, *q; };

static void client(struct lab *l, struct lab_host *h, const char *own, const char *hub, const char *more)
{
	char conf[600];
	snprintf(conf, sizeof conf, "router bgp 65000\n bgp router-id %s\n neighbor %s remote-as 65000\n address-family ipv4 unicast\n"
	         "  network 192.168.9.0/24\n  neighbor %s route-map out out\n exit-address-family\n!\nroute-map out permit 10\n%s", own, hub, hub, more);
	lab_conf(l, h, conf);
}

static void lan(struct three *t, struct lab_host *h, bool there) { lab_addr(t->l, h, LAN, "192.168.9.1/24", "", there); }

static struct three begun(void)
{
	struct lab *l = lab_new();
	struct three t = {.l = l, .p = lab_host(l, "p", NULL, NULL), .s = lab_host(l, "s", NULL, NULL), .q = lab_host(l, "q", NULL, NULL)};
	client(l, t.p, "10.1.0.2", "10.1.0.1", "");
	client(l, t.q, "10.2.0.2", "10.2.0.1", "");
	lab_conf(l, t.s, "router bgp 65000\n bgp router-id 10.1.0.1\n neighbor 10.1.0.2 remote-as 65000\n"
	                 " neighbor 10.2.0.2 remote-as 65000\n address-family ipv4 unicast\n  maximum-paths ibgp 2\n");
	lab_link(l, t.p, TO_P, "s0", true);
	lab_addr(l, t.p, TO_P, "10.1.0.2/24", "", true);
	lab_link(l, t.p, LAN, "lan", true);
	lab_link(l, t.s, TO_P, "p0", true);
	lab_addr(l, t.s, TO_P, "10.1.0.1/24", "", true);
	lab_link(l, t.s, TO_Q, "q0", true);
	lab_addr(l, t.s, TO_Q, "10.2.0.1/24", "", true);
	lab_link(l, t.q, TO_Q, "s0", true);
	lab_addr(l, t.q, TO_Q, "10.2.0.2/24", "", true);
	lab_link(l, t.q, LAN, "lan", true);
	lan(&t, t.p, true);
	lan(&t, t.q, true);
	lab_synced(l, t.p);
	lab_synced(l, t.s);
	lab_synced(l, t.q);
	lab_settle(l);
	lab_run(l, DUR_S(5));
	return t;
}

static void kernel_is(const struct three *t, bool p, bool q)
{
	char text[4096];
	lab_kernel(t->s, text);
	assert_int_equal(t->s->n_kernel, p || q);
	if (!strstr(text, "10.1.0.2") == p || !strstr(text, "10.2.0.2") == q)
		fail_msg("%s", text);
}

static void test_goes(void **state)
{
	(void)state;
	struct three t = begun();
	struct lab_host *const both[2] = {t.p, t.q};
	kernel_is(&t, true, true);
	for (int i = 0; i < 2; i++) {
		lan(&t, both[i], false);
		lab_run(t.l, DUR_S(1));
		kernel_is(&t, i == 1, i == 0);
		lan(&t, both[i], true);
		lab_run(t.l, DUR_S(1));
		kernel_is(&t, true, true);
	}
	lab_free(t.l);
}

/* It stays, but is not as good as the other one any more. */
static void test_worse(void **state)
{
	(void)state;
	struct three t = begun();
	client(t.l, t.q, "10.2.0.2", "10.2.0.1", " set local-preference 50\n");
	lab_run(t.l, DUR_S(1));
	kernel_is(&t, true, false);
	client(t.l, t.q, "10.2.0.2", "10.2.0.1", "");
	lab_run(t.l, DUR_S(1));
	kernel_is(&t, true, true);
	client(t.l, t.p, "10.1.0.2", "10.1.0.1", " set local-preference 50\n");
	lab_run(t.l, DUR_S(1));
	kernel_is(&t, false, true);
	lab_free(t.l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_goes), cmocka_unit_test(test_worse)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
