/* The article's three hosts with the article's three frr.conf files, whole engines: the tables of the recording octet for octet (through
 * the command line's printers), the kernel's routes, what goes with the OpenVPN link and comes back, the article's closing wish. */
#include "bgp_net.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/cli.h"

static const char CN[] =
	"router bgp 65000\n    no bgp default ipv4-unicast\n    neighbor 10.0.0.1 remote-as 65000\n    neighbor 10.0.9.1 remote-as 65000\n    !\n"
	"    address-family ipv4 unicast\n        neighbor 10.0.0.1 activate\n        neighbor 10.0.0.1 route-reflector-client\n"
	"        neighbor 10.0.0.1 soft-reconfiguration inbound\n        neighbor 10.0.9.1 activate\n        neighbor 10.0.9.1 route-reflector-client\n"
	"        neighbor 10.0.9.1 soft-reconfiguration inbound\n        network 10.0.0.0/30\n        network 10.0.9.1/32\n"
	"        aggregate-address 10.0.9.0/30 as-set summary-only\n    exit-address-family\n!\n";
static const char US[] =
	"router bgp 65000\n    no bgp default ipv4-unicast\n    neighbor 10.0.0.2 remote-as 65000\n    !\n"
	"    address-family ipv4 unicast\n        neighbor 10.0.0.2 activate\n        neighbor 10.0.0.2 soft-reconfiguration inbound\n    exit-address-family\n!\n";
static const char HOME[] =
	"router bgp 65000\n    no bgp default ipv4-unicast\n    neighbor 10.0.9.2 remote-as 65000\n    !\n"
	"    address-family ipv4 unicast\n        neighbor 10.0.9.2 activate\n        neighbor 10.0.9.2 soft-reconfiguration inbound\n"
	"        network 192.168.1.0/24\n        network 192.168.50.0/24\n        network 192.168.100.0/24\n    exit-address-family\n!\n";

static struct net *net;
static struct net_host *cn, *us, *home;

static void begin(const char *cn_conf)
{
	net = net_new();
	cn = net_host(net, "cn");
	us = net_host(net, "us");
	home = net_host(net, "home");
	net_addr(cn, "cn-wan", "172.19.42.8/18", NULL);
	net_addr(cn, "gre1", "10.0.0.2/30", NULL);
	net_addr(cn, "vtun0", "10.0.9.2/32", "10.0.9.1");
	net_addr(us, "us-wan", "80.251.215.33/24", NULL);
	net_route(us, "0.0.0.0/0", ROUTE_KERNEL, 0, "80.251.215.1", "us-wan", false);
	net_addr(us, "gre1", "10.0.0.1/30", NULL);
	net_addr(home, "dum1", "192.168.1.1/24", NULL);
	net_addr(home, "dum2", "192.168.50.1/24", NULL);
	net_addr(home, "dum3", "192.168.100.1/24", NULL);
	net_addr(home, "vtun0", "10.0.9.1/32", "10.0.9.2");
	net_conf(cn, cn_conf);
	net_conf(us, US);
	net_conf(home, HOME);
	net_run(net, DUR_S(20));
}

static char *printed(struct net_host *h, const char *query, cli_printer *print, const char *opts)
{
	char *json = net_show(h, query), *text = NULL;
	json_error_t e;
	json_t *doc = json_loads(json, 0, &e);
	size_t n;
	if (!doc)
		fail_msg("%s: %s: %s", query, e.text, json);
	FILE *f = open_memstream(&text, &n);
	print(f, doc, opts);
	fclose(f);
	json_decref(doc);
	free(json);
	return text;
}

static void forget(char *text) { free(text); }

/* Without the table's version, which counts changes in an order of their own. */
static void table_is(struct net_host *h, const char *golden)
{
	char path[512], want[8192] = "", *got = printed(h, "bgp", text_bgp_table, NULL);
	snprintf(path, sizeof path, "%s/%s", GOLDEN_DIR, golden);
	FILE *f = fopen(path, "rb");
	assert_non_null(f);
	assert_true(fread(want, 1, sizeof want - 1, f) > 100);
	fclose(f);
	assert_string_equal(strchr(got, ','), strchr(want, ','));
	forget(got);
}

static void fib_is(const struct net_host *h, const char *want)
{
	char text[2048];
	assert_string_equal(net_fib(h, text, sizeof text), want);
}

#define US_FIB                                                                                                         \
	"10.0.9.0/30 via 10.0.0.2 dev 2 metric 20\n192.168.1.0/24 via 10.0.0.2 dev 2 metric 20\n"                      \
	"192.168.50.0/24 via 10.0.0.2 dev 2 metric 20\n192.168.100.0/24 via 10.0.0.2 dev 2 metric 20\n"
#define HOME_FIB "10.0.0.0/30 via 10.0.9.2 dev 4 metric 20\n10.0.9.0/30 via 10.0.9.2 dev 4 metric 20\n"
#define CN_FIB                                                                                                         \
	"blackhole 10.0.9.0/30 metric 20\n192.168.1.0/24 via 10.0.9.1 dev 3 metric 20\n"                               \
	"192.168.50.0/24 via 10.0.9.1 dev 3 metric 20\n192.168.100.0/24 via 10.0.9.1 dev 3 metric 20\n"

static void test_tables(void **state)
{
	(void)state;
	begin(CN);
	table_is(us, "golden-us.txt");
	table_is(cn, "golden-cn.txt");
	table_is(home, "golden-home.txt");
	fib_is(us, US_FIB);
	fib_is(home, HOME_FIB);
	fib_is(cn, CN_FIB);
	assert_int_equal(us->kept + cn->kept + home->kept, 3);
	char *got = printed(cn, "bgp 10.0.9.0/30", text_bgp_path, NULL);
	char *at = strstr(got, "Paths:"), *end = strstr(got, "      Last update");
	*end = '\0';
	assert_string_equal(
		at,
		"Paths: (1 available, best #1, table default)\n  Advertised to non peer-group peers:\n  10.0.0.1 10.0.9.1\n"
		"  Local, (aggregated by 65000 172.19.42.8)\n    :: from :: (172.19.42.8)\n"
		"      Origin IGP, metric 0, weight 32768, valid, aggregated, local, best (First path received)\n");
	forget(got);
	net_free(net);
}

/* OpenVPN stops: the network statement, the aggregate and home's networks go at once, and come back. */
static void test_link(void **state)
{
	(void)state;
	begin(CN);
	net_link(cn, "vtun0", false);
	net_link(home, "vtun0", false);
	net_run(net, DUR_S(1));
	fib_is(cn, "");
	fib_is(us, "");
	char *got = net_show(cn, "explain 10.0.9.1/32");
	assert_non_null(strstr(got, "not valid, because the kernel has no route for exactly this prefix"));
	forget(got);
	got = net_show(cn, "explain 10.0.9.0/30");
	assert_non_null(strstr(got, "nothing below it is usable"));
	forget(got);
	net_link(home, "vtun0", true);
	net_link(cn, "vtun0", true);
	net_run(net, DUR_S(2));
	fib_is(us, US_FIB);
	fib_is(cn, CN_FIB);
	fib_is(home, HOME_FIB);
	net_free(net);
}

/* The article's closing wish: 10.0.9.0/30 is kept from home. */
static void test_wish(void **state)
{
	static char conf[4096];
	(void)state;
	snprintf(
		conf, sizeof conf,
		"ip prefix-list nohome deny 10.0.9.0/30\nip prefix-list nohome permit any\n%s"
		"router bgp 65000\n address-family ipv4 unicast\n  neighbor 10.0.9.1 prefix-list nohome out\n exit-address-family\n",
		CN);
	begin(conf);
	fib_is(home, "10.0.0.0/30 via 10.0.9.2 dev 4 metric 20\n");
	fib_is(us, US_FIB);
	char *got = net_show(cn, "explain 10.0.9.0/30 to 10.0.9.1");
	assert_non_null(strstr(got, "\"10.0.9.1\":{\"hostname\":\"home\",\"announced\":false,\"permitted\":false"));
	assert_non_null(strstr(got, "prefix-list nohome: rule 5 denies"));
	assert_null(strstr(got, "\"10.0.0.1\":{\"hostname\""));
	forget(got);
	net_free(net);
}

static void test_documents(void **state)
{
	(void)state;
	begin(CN);
	static const char *const has[][2] = {
		{"summary", "\"10.0.9.1\":{\"hostname\":\"home\",\"remoteAs\":65000,\"localAs\":65000,\"version\":4"},
		{"summary", "\"pfxRcd\":3,\"pfxSnt\":2,\"state\":\"Established\",\"peerState\":\"OK\""},
		{"bgp",
	         "{\"suppressed\":true,\"valid\":true,\"bestpath\":true,\"selectionReason\":\"First path received\",\"pathFrom\":\"external\","
	         "\"prefix\":\"10.0.9.1\",\"prefixLen\":32,\"network\":\"10.0.9.1/32\""},
		{"bgp 192.168.1.7", "\"prefix\":\"192.168.1.0/24\""},
		{"bgp 192.168.1.0/24",
	         "\"aspath\":{\"string\":\"Local\",\"segments\":[],\"length\":0},\"rxedFromRrClient\":true,\"origin\":\"IGP\",\"metric\":0,"
	         "\"locPrf\":100,\"valid\":true"},
		{"bgp 192.168.1.0/24",
	         "\"nexthops\":[{\"ip\":\"10.0.9.1\",\"hostname\":\"home\",\"afi\":\"ipv4\",\"metric\":0,\"accessible\":true,\"used\":true}],"
	         "\"peer\":{\"peerId\":\"10.0.9.1\",\"routerId\":\"192.168.100.1\",\"hostname\":\"home\",\"type\":\"internal\"}"},
		{"bgp 10.0.9.0/30",
	         "\"advertisedTo\":{\"10.0.0.1\":{\"hostname\":\"us\"},\"10.0.9.1\":{\"hostname\":\"home\"}}"},
		{"bgp 10.0.9.0/30",
	         "\"aggregatorAs\":65000,\"aggregatorId\":\"172.19.42.8\",\"origin\":\"IGP\",\"metric\":0,\"weight\":32768,\"valid\":true"},
		{"bgp 10.0.9.0/30",
	         "\"aggregated\":true,\"local\":true,\"bestpath\":{\"overall\":true,\"selectionReason\":\"First path received\"},\"lastUpdate\":"},
		{"neighbors 10.0.9.1", "\"bgpState\":\"Established\""},
		{"neighbors 10.0.9.1", "\"routeReflectorClient\":true,\"inboundSoftConfigPermit\":true"},
		{"neighbors 10.0.9.1 received",
	         "\"receivedRoutes\":{\"192.168.1.0/24\":{\"addrPrefix\":\"192.168.1.0\",\"prefixLen\":24,\"network\":"
	         "\"192.168.1.0/24\",\"nextHop\":\"10.0.9.1\",\"metric\":0,\"locPrf\":100,\"weight\":0,\"path\":\"\",\"origin\":"
	         "\"IGP\",\"valid\":true,\"best\":true}"},
		{"neighbors 10.0.9.1 received", "\"totalPrefixCounter\":3,\"filteredPrefixCounter\":0"},
		{"neighbors 10.0.0.1 advertised", "\"totalPrefixCounter\":5"},
		{"neighbors 10.0.0.1 filtered", "\"filteredRoutes\":{},\"totalPrefixCounter\":0"},
		{"nexthop",
	         "\"10.0.9.1\":{\"valid\":true,\"complete\":true,\"igpMetric\":0,\"pathCount\":3,\"peer\":\"10.0.9.1\",\"resolvedPrefix\":"
	         "\"10.0.9.1/32\",\"nexthops\":[{\"interfaceName\":\"vtun0\",\"ifindex\":3}]}"},
		{"routes",
	         "\"10.0.9.0/30\":[{\"prefix\":\"10.0.9.0/30\",\"prefixLen\":30,\"protocol\":\"bgp\",\"vrfId\":0,\"vrfName\":\"default\","
	         "\"selected\":true,\"destSelected\":true,\"distance\":200,\"metric\":0,\"installed\":true,\"table\":254"},
		{"routes", "\"10.0.9.1/32\":[{\"prefix\":\"10.0.9.1/32\",\"prefixLen\":32,\"protocol\":\"connected\""},
		{"explain 192.168.1.0/24",
	         "\"kernel\":{\"installed\":true,\"route\":\"192.168.1.0/24 via 10.0.9.1 dev vtun0 metric 20\"}"},
		{"explain 10.0.9.1/32", "\"why\":\"it is this host's own\""},
		{"explain 10.0.9.1/32",
	         "\"aggregates\":[{\"prefix\":\"10.0.9.0/30\",\"active\":true,\"parts\":1,\"suppressed\":1}]"},
		{"explain 10.1.0.0/16", "\"candidates\":[]"},
		{"explain 192.168.1.128/25", "\"coveredBy\":\"192.168.1.0/24\""},
	};
	for (size_t i = 0; i < ARRAY_LEN(has); i++) {
		json_error_t e;
		char *got = net_show(cn, has[i][0]);
		json_t *doc = json_loads(got, JSON_REJECT_DUPLICATES, &e);
		if (!doc)
			fail_msg("%s is no document: %s\n%s", has[i][0], e.text, got);
		if (!strstr(got, has[i][1]))
			fail_msg("%s does not say %s:\n%s", has[i][0], has[i][1], got);
		json_decref(doc);
		forget(got);
	}
	net_free(net);
}

static void test_questions(void **state)
{
	static const char *const row[][2] = {
		{"", "expected"},
		{"tea", "expected: tea"},
		{"bgp x", "a prefix or an address is expected: x"},
		{"bgp 10.0.0.0/8 y", "expected"},
		{"summary x", "nothing is expected"},
		{"neighbors x", "an address is expected: x"},
		{"neighbors 10.7.7.7", "no such neighbor: 10.7.7.7"},
		{"neighbors 10.0.0.1 sent", "received, advertised"},
		{"neighbors 10.0.0.1 received tea", "ipv4 or ipv6"},
		{"explain", "a prefix"},
		{"explain 10.0.0.0/8 from 10.0.0.1", "to PEER"},
		{"explain 10.0.0.0/8 to", "to PEER"},
		{"explain 10.0.0.0/8 to 10.7.7.7", "no such neighbor"},
		{"bgp ipv4 10.0.0.0/8 a b c d e", "too many words"},
	};
	(void)state;
	begin(CN);
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		char *got = net_show(cn, row[i][0]);
		if (!strstr(got, row[i][1]))
			fail_msg("%s: %s", row[i][0], got);
		forget(got);
	}
	char *got = net_show(cn, "bgp 203.0.113.0/24");
	assert_string_equal(got, "{}");
	forget(got);
	got = net_show(cn, "bgp   ipv6 ");
	assert_non_null(strstr(got, "\"routes\":{},\"totalRoutes\":0"));
	forget(got);
	net_free(net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tables),    cmocka_unit_test(test_link),      cmocka_unit_test(test_wish),
		cmocka_unit_test(test_documents), cmocka_unit_test(test_questions),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
