/* The article's three hosts with their three frr.conf files, as engines: the golden tables and routes, and what becomes of them when
 * the tunnel or OpenVPN goes and comes. tests/vm/seed/golden-routing.txt is what FRR has there. */
#include "bgp_lab.h"

enum { WAN = 2, LINK = 5, DUM1 = 7, DUM2 = 8, DUM3 = 9, TUN = 10 };

struct article { struct lab *l; struct lab_host *us, *cn, *home; };

static struct lab_host *seed_host(struct lab *l, const char *name)
{
	char dir[512], path[64];
	snprintf(path, sizeof path, "tests/vm/seed/%s", name);
	return lab_host(l, name, src_path(path, dir), "frr.conf");
}

static struct article begun(void)
{
	struct lab *l = lab_new();
	struct article a = {.l = l, .us = seed_host(l, "us"), .cn = seed_host(l, "cn"), .home = seed_host(l, "home")};
	lab_link(l, a.us, WAN, "us-wan", true);
	lab_addr(l, a.us, WAN, "80.251.215.33/24", "", true);
	lab_link(l, a.us, LINK, "gre1", true);
	lab_addr(l, a.us, LINK, "10.0.0.1/30", "", true);
	lab_link(l, a.cn, WAN, "cn-lan", true);
	lab_addr(l, a.cn, WAN, "172.19.42.8/18", "", true);
	lab_link(l, a.cn, LINK, "gre1", true);
	lab_addr(l, a.cn, LINK, "10.0.0.2/30", "", true);
	lab_link(l, a.cn, TUN, "tun0", true);
	lab_addr(l, a.cn, TUN, "10.0.9.2/32", "10.0.9.1", true);
	lab_link(l, a.home, LINK, "vtun0", true);
	lab_addr(l, a.home, LINK, "10.0.9.1/32", "10.0.9.2", true);
	static const char *const lan[] = {"192.168.1.1/24", "192.168.50.1/24", "192.168.100.1/24"};
	for (uint32_t i = 0; i < 3; i++) {
		char name[16];
		snprintf(name, sizeof name, "dum%u", i + 1);
		lab_link(l, a.home, DUM1 + i, name, true);
		lab_addr(l, a.home, DUM1 + i, lan[i], "", true);
	}
	lab_synced(l, a.us);
	lab_synced(l, a.cn);
	lab_synced(l, a.home);
	return a;
}

static void kernel_is(struct lab_host *h, const char *expected)
{
	char text[4096];
	assert_string_equal(lab_kernel(h, text), expected);
}

static void table_is(const struct article *a, struct lab_host *h, const char *expected)
{
	char text[4096];
	assert_string_equal(lab_table(a->l, h, text), expected);
}

static const char us_kernel[] = "10.0.9.0/30 via 10.0.0.2 dev 5 metric 20\n"
                                "192.168.1.0/24 via 10.0.0.2 dev 5 metric 20\n"
                                "192.168.100.0/24 via 10.0.0.2 dev 5 metric 20\n"
                                "192.168.50.0/24 via 10.0.0.2 dev 5 metric 20\n";

static void golden(const struct article *a)
{
	kernel_is(a->us, us_kernel);
	kernel_is(a->home, "10.0.0.0/30 via 10.0.9.2 dev 5 metric 20\n"
	                   "10.0.9.0/30 via 10.0.9.2 dev 5 metric 20\n");
	table_is(a, a->us, "*>i10.0.0.0/30 10.0.0.2 0 100 0 i\n"
	                   "*>i10.0.9.0/30 10.0.0.2 0 100 0 i\n"
	                   "*>i192.168.1.0/24 10.0.9.1 0 100 0 i\n"
	                   "*>i192.168.50.0/24 10.0.9.1 0 100 0 i\n"
	                   "*>i192.168.100.0/24 10.0.9.1 0 100 0 i\n");
	table_is(a, a->home, "*>i10.0.0.0/30 10.0.9.2 0 100 0 i\n"
	                     "*>i10.0.9.0/30 10.0.9.2 0 100 0 i\n"
	                     "*> 192.168.1.0/24 0.0.0.0 0 - 32768 i\n"
	                     "*> 192.168.50.0/24 0.0.0.0 0 - 32768 i\n"
	                     "*> 192.168.100.0/24 0.0.0.0 0 - 32768 i\n");
}

static void test_golden(void **state)
{
	(void)state;
	struct article a = begun();
	lab_settle(a.l);
	lab_run(a.l, DUR_S(2));
	golden(&a);
	table_is(&a, a.cn, "*> 10.0.0.0/30 0.0.0.0 0 - 32768 i\n"
	                   "*> 10.0.9.0/30 0.0.0.0 0 - 32768 i\n"
	                   "s> 10.0.9.1/32 0.0.0.0 0 - 32768 i\n"
	                   "*>i192.168.1.0/24 10.0.9.1 0 100 0 i\n"
	                   "*>i192.168.50.0/24 10.0.9.1 0 100 0 i\n"
	                   "*>i192.168.100.0/24 10.0.9.1 0 100 0 i\n");
	kernel_is(a.cn, "192.168.1.0/24 via 10.0.9.1 dev 10 metric 20\n"
	                "192.168.100.0/24 via 10.0.9.1 dev 10 metric 20\n"
	                "192.168.50.0/24 via 10.0.9.1 dev 10 metric 20\n"
	                "blackhole 10.0.9.0/30 metric 20\n");
	/* In peace nothing is said but keepalives. */
	unsigned updates = a.us->updates + a.cn->updates + a.home->updates;
	lab_run(a.l, DUR_S(600));
	assert_int_equal(a.us->updates + a.cn->updates + a.home->updates, updates);
	golden(&a);
	assert_true(a.us->kept && a.cn->kept && a.home->kept);
	assert_int_equal(a.us->sets, 4);
	lab_free(a.l);
}

static void tunnel(const struct article *a, struct lab_host *h, bool up)
{
	struct bgp_fact f = {.type = BGP_FACT_TUNNEL, .name = "tunnel", .ifindex = LINK, .up = up};
	lab_fact(a->l, h, &f);
}

/* Down: routes fall in the same turn, at both ends; up: they are back at once. */
static void test_tunnel(void **state)
{
	(void)state;
	struct article a = begun();
	tunnel(&a, a.us, true);
	tunnel(&a, a.cn, true);
	lab_run(a.l, DUR_S(5));
	golden(&a);
	assert_true(addr_parse("10.0.0.1", &a.l->dead));
	tunnel(&a, a.us, false);
	kernel_is(a.us, ""); /* nothing had to pass, no time, no octet */
	tunnel(&a, a.cn, false);
	a.l->dead = (struct addr){0};
	lab_settle(a.l);
	table_is(&a, a.us, "");
	char text[4096];
	assert_non_null(strstr(lab_kernel(a.home, text), "10.0.9.0/30 via 10.0.9.2 dev 5 metric 20\n"));
	lab_run(a.l, DUR_S(30));
	tunnel(&a, a.cn, true);
	tunnel(&a, a.us, true);
	mono_t before = a.l->now;
	lab_run(a.l, DUR_MS(200));
	assert_true(a.l->now - before <= DUR_MS(200));
	golden(&a);
	lab_free(a.l);
}

/* OpenVPN stops at cn: 10.0.9.1/32 goes, the aggregate with it, and the home LANs; and all comes back. */
static void test_openvpn(void **state)
{
	(void)state;
	struct article a = begun();
	lab_run(a.l, DUR_S(5));
	lab_addr(a.l, a.cn, TUN, "10.0.9.2/32", "10.0.9.1", false);
	lab_link(a.l, a.cn, TUN, "tun0", false);
	lab_settle(a.l);
	kernel_is(a.us, "");
	kernel_is(a.cn, "");
	table_is(&a, a.us, "*>i10.0.0.0/30 10.0.0.2 0 100 0 i\n");
	lab_addr(a.l, a.home, LINK, "10.0.9.1/32", "10.0.9.2", false);
	lab_link(a.l, a.home, LINK, "vtun0", false);
	lab_run(a.l, DUR_S(30));
	kernel_is(a.home, "");
	lab_link(a.l, a.home, LINK, "vtun0", true);
	lab_addr(a.l, a.home, LINK, "10.0.9.1/32", "10.0.9.2", true);
	lab_link(a.l, a.cn, TUN, "tun0", true);
	lab_addr(a.l, a.cn, TUN, "10.0.9.2/32", "10.0.9.1", true);
	lab_run(a.l, DUR_S(2));
	golden(&a);
	lab_free(a.l);
}

/* Reading the same files again sends nothing. */
static void test_reload(void **state)
{
	(void)state;
	struct article a = begun();
	lab_run(a.l, DUR_S(5));
	unsigned updates = a.cn->updates, sets = a.cn->sets;
	static const char text[] = "router bgp 65000\n no bgp default ipv4-unicast\n"
		" neighbor 10.0.0.1 remote-as 65000\n neighbor 10.0.9.1 remote-as 65000\n !\n address-family ipv4 unicast\n"
		"  neighbor 10.0.0.1 activate\n  neighbor 10.0.0.1 route-reflector-client\n  neighbor 10.0.0.1 soft-reconfiguration inbound\n"
		"  neighbor 10.0.9.1 activate\n  neighbor 10.0.9.1 route-reflector-client\n  neighbor 10.0.9.1 soft-reconfiguration inbound\n"
		"%s  network 10.0.0.0/30\n  network 10.0.9.1/32\n  aggregate-address 10.0.9.0/30 as-set summary-only\n exit-address-family\n%s";
	char conf[2048];
	snprintf(conf, sizeof conf, text, "", "");
	lab_conf(a.l, a.cn, conf);
	lab_run(a.l, DUR_S(5));
	golden(&a);
	assert_int_equal(a.cn->updates, updates);
	assert_int_equal(a.cn->sets, sets);
	/* The article's closing wish: 10.0.9.0/30 kept from home. */
	snprintf(conf, sizeof conf, text, "  neighbor 10.0.9.1 prefix-list HOME out\n",
	         "ip prefix-list HOME seq 5 deny 10.0.9.0/30\nip prefix-list HOME seq 10 permit any\n");
	lab_conf(a.l, a.cn, conf);
	lab_run(a.l, DUR_S(1));
	kernel_is(a.home, "10.0.0.0/30 via 10.0.9.2 dev 5 metric 20\n");
	kernel_is(a.us, us_kernel);
	assert_int_equal(a.cn->updates, updates + 1); /* one withdrawal */
	snprintf(conf, sizeof conf, text, "", "");
	lab_conf(a.l, a.cn, conf);
	lab_run(a.l, DUR_S(1));
	golden(&a);
	assert_null(strstr(a.cn->notes, "Down"));
	lab_free(a.l);
}

/* reference: home announces its tunnel address as well, and the far end dies without a word. A route must not keep itself
 * alive through its own host route. */
static void test_no_black_hole(void **state)
{
	(void)state;
	struct article a = begun();
	lab_conf(a.l, a.home, "router bgp 65000\n no bgp default ipv4-unicast\n no bgp network import-check\n neighbor 10.0.9.2 remote-as 65000\n"
	                      " address-family ipv4 unicast\n  neighbor 10.0.9.2 activate\n  network 192.168.1.0/24\n  network 10.0.9.1/32\n"
	                      " exit-address-family\n");
	lab_run(a.l, DUR_S(5));
	char text[4096];
	assert_non_null(strstr(lab_kernel(a.us, text), "192.168.1.0/24"));
	/* The link's address goes; the session is left standing by the lab (no FIN). */
	assert_true(addr_parse("10.0.9.1", &a.l->dead));
	lab_addr(a.l, a.cn, TUN, "10.0.9.2/32", "10.0.9.1", false);
	lab_link(a.l, a.cn, TUN, "tun0", false);
	lab_settle(a.l);
	kernel_is(a.cn, "");
	lab_free(a.l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden), cmocka_unit_test(test_tunnel), cmocka_unit_test(test_openvpn), cmocka_unit_test(test_reload),
		cmocka_unit_test(test_no_black_hole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
