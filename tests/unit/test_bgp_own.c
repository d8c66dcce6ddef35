/* bgp/: network, redistribute, default-originate, aggregates (FRR's attributes), the kernel's routes; every allocation fails once. */
#include "bgp_net.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct net *net;
static struct net_host *r, *f, *g; /* r is looked at; f and g tell it */

#define R_HEAD                                                                                                         \
	"router bgp 65000\n bgp router-id 10.0.0.9\n neighbor 10.1.0.1 remote-as 65000\n neighbor 10.2.0.1 remote-as 65000\n"
#define F_HEAD                                                                                                         \
	"router bgp 65000\n bgp router-id 10.1.0.1\n no bgp network import-check\n neighbor 10.1.0.2 remote-as 65000\n"
#define G_HEAD                                                                                                         \
	"router bgp 65000\n bgp router-id 10.2.0.1\n no bgp network import-check\n neighbor 10.2.0.2 remote-as 65000\n"

static void begin(const char *r_conf, const char *f_conf, const char *g_conf)
{
	net = net_new();
	r = net_host(net, "r");
	f = net_host(net, "f");
	g = net_host(net, "g");
	net_addr(r, "one", "10.1.0.2/24", NULL);
	net_addr(r, "two", "10.2.0.2/24", NULL);
	net_addr(f, "one", "10.1.0.1/24", NULL);
	net_addr(g, "two", "10.2.0.1/24", NULL);
	net_conf(r, r_conf);
	net_conf(f, f_conf ? f_conf : F_HEAD);
	net_conf(g, g_conf ? g_conf : G_HEAD);
	net_run(net, DUR_S(20));
}

static void fib_is(const struct net_host *h, const char *want)
{
	char text[4096];
	assert_string_equal(net_fib(h, text, sizeof text), want);
}

static void says(struct net_host *h, const char *query, const char *part, bool yes)
{
	char *got = net_show(h, query);
	if ((strstr(got, part) != NULL) != yes)
		fail_msg("%s: %s \"%s\":\n%s", query, yes ? "no" : "there is", part, got);
	free(got);
}
#define SAYS(h, query, part) says(h, query, part, true)
#define SAYS_NOT(h, query, part) says(h, query, part, false)

/* --- networks --- */
static void test_networks(void **state)
{
	(void)state;
	begin(R_HEAD
	      " network 10.1.0.0/24\n network 10.1.0.2/32\n network 192.0.2.0/24\n network 198.51.100.0/24 route-map M\n"
	      " network 203.0.113.0/24 route-map NO\nexit\n"
	      "route-map M permit 10\n set metric 77\n set community 65000:1\nexit\nroute-map NO deny 10\nexit\n",
	      NULL, NULL);
	SAYS(f, "bgp", "\"10.1.0.0/24\":[{\"valid\":true,\"bestpath\":true");
	SAYS(f, "bgp", "\"10.1.0.2/32\":[{\"valid\":true");             /* an address of this host counts */
	SAYS(r, "bgp", "\"192.0.2.0/24\":[{\"pathFrom\":\"external\""); /* there, not valid */
	SAYS_NOT(f, "bgp", "192.0.2.0/24");
	SAYS(r, "explain 192.0.2.0/24", "not valid, because the kernel has no route for exactly this prefix");
	SAYS(r, "explain 10.1.0.2/32", "exactly this prefix (an address of this host)");
	/* Of any kind, and with zebra's metric. */
	net_route(r, "192.0.2.0/24", ROUTE_STATIC, 33, "10.1.0.7", "one", false);
	net_route(r, "198.51.100.0/24", ROUTE_KERNEL, 5, "10.1.0.7", "one", false);
	net_route(r, "203.0.113.0/24", ROUTE_FOREIGN, 5, "10.1.0.7", "one", false);
	net_run(net, DUR_S(1));
	SAYS(f, "bgp 192.0.2.0/24", "\"origin\":\"IGP\",\"metric\":33,\"locPrf\":100");
	SAYS(f, "bgp 198.51.100.0/24", "\"metric\":77");
	SAYS(f, "bgp 198.51.100.0/24", "\"community\":{\"string\":\"65000:1\"");
	SAYS_NOT(r, "bgp", "203.0.113.0/24");
	net_route(r, "192.0.2.0/24", ROUTE_STATIC, 33, "10.1.0.7", "one", true);
	net_run(net, DUR_S(1));
	SAYS_NOT(f, "bgp", "192.0.2.0/24");
	/* Another configuration: one goes, the map of one changes, one needs no route of the kernel's. */
	net_conf(r, R_HEAD " no bgp network import-check\n network 192.0.2.0/24\n network 198.51.100.0/24\nexit\n");
	net_run(net, DUR_S(1));
	SAYS(f, "bgp 192.0.2.0/24", "\"metric\":0");
	SAYS(f, "bgp 198.51.100.0/24", "\"metric\":5,");
	SAYS_NOT(f, "bgp", "10.1.0.0/24");
	SAYS(r, "explain 192.0.2.0/24", "because it is not compared with the kernel's routes");
	fib_is(r, "");
	net_free(net);
}

static void test_redistribute(void **state)
{
	(void)state;
	begin(R_HEAD
	      " redistribute connected\n redistribute static route-map M\n redistribute kernel metric 9\nexit\n"
	      "ip prefix-list P permit 192.0.2.0/24\nroute-map M permit 10\n match ip address prefix-list P\n set tag 5\nexit\n",
	      NULL, NULL);
	net_route(r, "192.0.2.0/24", ROUTE_STATIC, 33, "10.1.0.7", "one", false);
	net_route(r, "192.0.3.0/24", ROUTE_STATIC, 33, "10.1.0.7", "one", false);
	net_route(r, "198.51.100.0/24", ROUTE_KERNEL, 44, "10.1.0.7", "one", false);
	net_route(r, "127.1.0.0/16", ROUTE_KERNEL, 44, "10.1.0.7", "one", false);
	net_route(r, "203.0.113.0/24", ROUTE_FOREIGN, 44, "10.1.0.7", "one", false);
	net_run(net, DUR_S(1));
	SAYS(g, "bgp 10.1.0.0/24", "\"origin\":\"incomplete\",\"metric\":0,\"locPrf\":100");
	SAYS(g, "bgp 192.0.2.0/24", "\"metric\":33");
	SAYS(r, "bgp 192.0.2.0/24", "\"tag\":5,\"valid\":true");
	SAYS(r, "bgp 192.0.2.0/24", "\"ip\":\"10.1.0.7\""); /* FRR keeps the gateway */
	SAYS(r, "bgp 192.0.2.0/24", "\"sourced\":true,\"bestpath\"");
	SAYS(g, "bgp 198.51.100.0/24", "\"metric\":9");
	SAYS_NOT(r, "bgp", "192.0.3.0/24");
	SAYS_NOT(r, "bgp", "127.1.0.0/16");
	SAYS_NOT(r, "bgp", "203.0.113.0/24");
	net_route(r, "198.51.100.0/24", ROUTE_KERNEL, 44, "10.1.0.7", "one", true);
	net_run(net, DUR_S(1));
	SAYS_NOT(g, "bgp", "198.51.100.0/24");
	/* What was there before the statement is found, what the statement no longer asks for goes. */
	net_conf(r, R_HEAD " redistribute static\nexit\n");
	net_run(net, DUR_S(1));
	SAYS(g, "bgp", "192.0.3.0/24");
	SAYS_NOT(g, "bgp", "10.1.0.0/24");
	net_free(net);
}

static void test_default(void **state)
{
	(void)state;
	begin(R_HEAD " neighbor 10.1.0.1 default-originate\nexit\n", NULL, NULL);
	SAYS(f, "bgp 0.0.0.0/0", "\"origin\":\"IGP\"");
	SAYS_NOT(g, "bgp", "0.0.0.0/0");
	fib_is(f, "0.0.0.0/0 via 10.1.0.2 dev 1 metric 20\n");
	fib_is(r, "");
	net_conf(r, R_HEAD "exit\n");
	net_run(net, DUR_S(1));
	fib_is(f, "");
	net_free(net);
}

/* --- aggregates --- */
/* What g is told of 192.0.2.0/24, r's aggregate, of parts that f tells with these statements. */
struct agg_case {
	const char *options, *parts, *maps;
	const char *has[4], *not ;
};

#define THREE                                                                                                          \
	"route-map A permit 10\n set as-path prepend 65001 65002\nexit\n"                                              \
	"route-map B permit 10\n set as-path prepend 65001 65003\nexit\n"                                              \
	"route-map C permit 10\n set as-path prepend 65001 65002 65004\nexit\n"

static const struct agg_case agg_cases[] = {
	/* Without as-set: nothing of the parts but the worst origin; ATOMIC_AGGREGATE. */
	{"",
         " network 192.0.2.0/25 route-map A\n network 192.0.2.128/25\n",
         "route-map A permit 10\n set origin egp\n set community 65000:1\n set metric 9\n set as-path prepend 65001\nexit\n",
         {"\"aspath\":{\"string\":\"Local\"", "\"origin\":\"EGP\",\"metric\":0,\"locPrf\":100",
          "\"atomicAggregate\":true", "\"aggregatorAs\":65000,\"aggregatorId\":\"10.0.0.9\""},
         "community"},
	/* as-set: communities of all kinds, each once; nothing atomic; AS_PATH empty when all are. */
	{"as-set",
         " network 192.0.2.0/25 route-map A\n network 192.0.2.128/25 route-map B\n",
         "route-map A permit 10\n set community 65000:2 65000:1 graceful-shutdown\n set extcommunity rt 65000:7\nexit\n"
         "route-map B permit 10\n set community 65000:1 65000:3\n set large-community 1:2:3\nexit\n",
         {"\"community\":{\"string\":\"65000:1 65000:2 65000:3\"", "\"extendedCommunity\":{\"string\":\"RT:65000:7\"}",
          "\"largeCommunity\":{\"string\":\"1:2:3\"", "\"aspath\":{\"string\":\"Local\""},
         "atomicAggregate"},
	/* A part that is atomic makes it so. */
	{"as-set",
         " network 192.0.2.0/25 route-map A\n",
         "route-map A permit 10\n set atomic-aggregate\nexit\n",
         {"\"atomicAggregate\":true", "\"origin\":\"IGP\""},
         "community"},
	/* Paths: what is common, then an AS_SET, sorted; when those may be. */
	{"as-set",
         " network 192.0.2.0/25 route-map A\n network 192.0.2.128/25 route-map B\n",
         "route-map A permit 10\n set as-path prepend 65001 65003\nexit\nroute-map B permit 10\n set as-path prepend 65001 65002\nexit\n",
         {"\"string\":\"65001 {65002,65003}\"", "\"type\":\"as-set\",\"list\":[65002,65003]"},
         "atomicAggregate"},
	{"as-set reject",
         " network 192.0.2.0/25 route-map A\n network 192.0.2.128/25 route-map B\n",
         "route-map A permit 10\n set as-path prepend 65001 65003\nexit\nroute-map B permit 10\n set as-path prepend 65001 65002\nexit\n",
         {"\"string\":\"65001\"", "\"atomicAggregate\":true"},
         "as-set"},
	{"as-set",
         " network 192.0.2.0/25 route-map A\n network 192.0.2.128/25 route-map A\n",
         "route-map A permit 10\n set as-path prepend 65001 65002\nexit\n",
         {"\"string\":\"65001 65002\""},
         "as-set"},
	/* Three paths, of which the first and the last have more in common than all: in either order. */
	{"as-set",
         " network 192.0.2.0/25 route-map A\n network 192.0.2.128/26 route-map B\n network 192.0.2.192/26 route-map C\n",
         THREE,
         {"\"string\":\"65001 {65002,65003,65004}\""},
         "atomicAggregate"},
	{"as-set",
         " network 192.0.2.0/25 route-map C\n network 192.0.2.128/26 route-map A\n network 192.0.2.192/26 route-map B\n",
         THREE,
         {"\"string\":\"65001 {65002,65003,65004}\""},
         "atomicAggregate"},
	{"as-set",
         " network 192.0.2.0/25 route-map B\n network 192.0.2.128/26 route-map C\n network 192.0.2.192/26 route-map A\n",
         THREE,
         {"\"string\":\"65001 {65002,65003,65004}\""},
         "atomicAggregate"},
	{"origin incomplete", " network 192.0.2.0/25\n", "", {"\"origin\":\"incomplete\""}, "community"},
	{"origin igp",
         " network 192.0.2.0/25 route-map A\n",
         "route-map A permit 10\n set origin incomplete\nexit\n",
         {"\"origin\":\"IGP\""},
         "community"},
	{"route-map AGG",
         " network 192.0.2.0/25\n",
         "",
         {"\"metric\":55", "\"community\":{\"string\":\"65000:5\""},
         "as-set"},
	{"matching-MED-only",
         " network 192.0.2.0/25 route-map A\n network 192.0.2.128/25 route-map A\n",
         "route-map A permit 10\n set metric 4\nexit\n",
         {"\"metric\":0"},
         "as-set"},
};

static void test_attributes(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(agg_cases); i++) {
		char rc[1024], fc[1024], options[64];
		bool reject = strstr(agg_cases[i].options, "reject") != NULL;
		snprintf(options, sizeof options, "%s", agg_cases[i].options);
		if (reject)
			*strstr(options, " reject") = '\0';
		snprintf(
			rc, sizeof rc,
			R_HEAD
			" neighbor 10.1.0.1 route-reflector-client\n %sbgp reject-as-sets\n aggregate-address 192.0.2.0/24 %s\nexit\n"
			"route-map AGG permit 10\n set metric 55\n set community 65000:5\nexit\n",
			reject ? "" : "no ", options);
		snprintf(fc, sizeof fc, "%s" F_HEAD "%sexit\n", agg_cases[i].maps, agg_cases[i].parts);
		begin(rc, fc, G_HEAD " no bgp reject-as-sets\nexit\n");
		for (size_t k = 0; k < ARRAY_LEN(agg_cases[i].has) && agg_cases[i].has[k]; k++)
			SAYS(g, "bgp 192.0.2.0/24", agg_cases[i].has[k]);
		SAYS_NOT(g, "bgp 192.0.2.0/24", agg_cases[i].not );
		SAYS(r, "bgp 192.0.2.0/24", "\"weight\":32768");
		net_free(net);
	}
}

#define AGG(options)                                                                                                   \
	R_HEAD " neighbor 10.1.0.1 route-reflector-client\n aggregate-address 192.0.2.0/24 " options "\nexit\n"
#define PARTS F_HEAD " network 192.0.2.0/25\n network 192.0.2.128/26\nexit\n"

static void test_summary(void **state)
{
	(void)state;
	begin(AGG("summary-only"), PARTS, NULL);
	SAYS(r, "bgp", "\"192.0.2.0/25\":[{\"suppressed\":true,\"valid\":true,\"bestpath\":true");
	SAYS(g, "bgp", "192.0.2.0/24");
	SAYS_NOT(g, "bgp", "192.0.2.0/25");
	fib_is(r,
	       "blackhole 192.0.2.0/24 metric 20\n192.0.2.0/25 via 10.1.0.1 dev 1 metric 20\n192.0.2.128/26 via 10.1.0.1 dev 1 metric 20\n");
	fib_is(g, "192.0.2.0/24 via 10.2.0.2 dev 1 metric 20\n");
	SAYS(r, "explain 192.0.2.0/25",
	     "\"aggregates\":[{\"prefix\":\"192.0.2.0/24\",\"active\":true,\"parts\":2,\"suppressed\":2}]");
	SAYS(r, "explain 192.0.2.0/25", "\"suppressed\":\"by an aggregate");
	/* Less of it; nothing of it; again. */
	net_conf(f, F_HEAD " network 192.0.2.0/25\nexit\n");
	net_run(net, DUR_S(1));
	SAYS(r, "explain 192.0.2.0/24", "\"active\":true,\"parts\":1,\"suppressed\":1");
	net_conf(f, F_HEAD "exit\n");
	net_run(net, DUR_S(1));
	fib_is(r, "");
	fib_is(g, "");
	net_conf(f, PARTS);
	net_run(net, DUR_S(1));
	fib_is(g, "192.0.2.0/24 via 10.2.0.2 dev 1 metric 20\n");
	/* The statement changes, and goes: what it hid comes out. */
	net_conf(r, AGG(""));
	net_run(net, DUR_S(1));
	SAYS(g, "bgp", "192.0.2.0/25");
	net_conf(r, AGG("summary-only"));
	net_run(net, DUR_S(1));
	SAYS_NOT(g, "bgp", "192.0.2.0/25");
	net_conf(r, R_HEAD " neighbor 10.1.0.1 route-reflector-client\nexit\n");
	net_run(net, DUR_S(1));
	SAYS_NOT(g, "bgp", "192.0.2.0/24\"");
	SAYS(g, "bgp", "192.0.2.0/25");
	SAYS(g, "bgp", "192.0.2.128/26");
	SAYS_NOT(r, "bgp", "suppressed");
	net_free(net);
}

static void test_suppress_map(void **state)
{
	(void)state;
	begin("ip prefix-list P permit 192.0.2.0/25\nroute-map S permit 10\n match ip address prefix-list P\nexit\n" AGG(
		      "suppress-map S"),
	      PARTS, NULL);
	SAYS_NOT(g, "bgp", "192.0.2.0/25");
	SAYS(g, "bgp", "192.0.2.128/26");
	SAYS(r, "explain 192.0.2.0/24", "\"parts\":2,\"suppressed\":1");
	net_free(net);
}

static void test_med(void **state)
{
	(void)state;
	begin(AGG("summary-only matching-MED-only"),
	      "route-map A permit 10\n set metric 4\nexit\n" F_HEAD
	      " network 192.0.2.0/25\n network 192.0.2.128/26 route-map A\nexit\n",
	      NULL);
	SAYS_NOT(g, "bgp", "192.0.2.0/24\"");
	SAYS(g, "bgp", "192.0.2.0/25"); /* nor does it hide anything */
	SAYS(r, "explain 192.0.2.0/24", "different metrics");
	net_conf(f, PARTS);
	net_run(net, DUR_S(1));
	SAYS(g, "bgp", "192.0.2.0/24\"");
	SAYS_NOT(g, "bgp", "192.0.2.0/25");
	net_free(net);
}

/* One inside the other: neither counts as a part of the other, nor is it hidden. */
static void test_nested(void **state)
{
	(void)state;
	begin(R_HEAD " neighbor 10.1.0.1 route-reflector-client\n aggregate-address 192.0.0.0/16 as-set summary-only\n"
	             " aggregate-address 192.0.2.0/24 summary-only\nexit\n",
	      PARTS, NULL);
	SAYS(g, "bgp", "192.0.0.0/16");
	SAYS(g, "bgp", "192.0.2.0/24\"");
	SAYS_NOT(g, "bgp", "192.0.2.0/25");
	SAYS(g, "bgp 192.0.0.0/16", "\"atomicAggregate\":true"); /* of the one below */
	SAYS(r, "explain 192.0.2.0/25",
	     "{\"prefix\":\"192.0.0.0/16\",\"active\":true,\"parts\":3,\"suppressed\":2},{\"prefix\":\"192.0.2.0/24\"");
	/* A path of somebody else's beside the inner aggregate, which stays the best: it is not hidden for that. */
	net_conf(g, G_HEAD " network 192.0.2.0/24\nexit\n");
	net_run(net, DUR_S(1));
	SAYS(r, "bgp", "\"192.0.2.0/24\":[{\"valid\":true,\"bestpath\":true,\"selectionReason\":\"Weight\"");
	SAYS(f, "bgp", "192.0.2.0/24\"");
	SAYS(r, "explain 192.0.2.0/24", "\"announced\":true");
	net_conf(g, G_HEAD "exit\n");
	net_run(net, DUR_S(1));
	net_conf(f, F_HEAD "exit\n");
	net_run(net, DUR_S(1));
	fib_is(r, "");
	net_free(net);
}

static void test_denied(void **state)
{
	(void)state;
	begin("route-map NO deny 10\nexit\n" AGG("route-map NO"), PARTS, NULL);
	SAYS_NOT(g, "bgp", "192.0.2.0/24\"");
	SAYS(r, "explain 192.0.2.0/24", "its route map denies it");
	net_free(net);
}

/* --- the kernel --- */
static void test_fib(void **state)
{
	(void)state;
	begin(R_HEAD " maximum-paths ibgp 2\nexit\n", F_HEAD " network 192.0.2.0/24\nexit\n",
	      G_HEAD " network 192.0.2.0/24\nexit\n");
	fib_is(r, "192.0.2.0/24 metric 20 nexthop via 10.1.0.1 dev 1 weight 1 nexthop via 10.2.0.1 dev 2 weight 1\n");
	assert_int_equal(r->kept, 1);
	SAYS(r, "bgp", "\"multipath\":true");
	/* One way less: replaced in place. */
	uint32_t set = r->n_set, del = r->n_del;
	net_link(r, "two", false);
	net_run(net, DUR_S(1));
	fib_is(r, "192.0.2.0/24 via 10.1.0.1 dev 1 metric 20\n");
	assert_int_equal(r->n_set, set + 1);
	assert_int_equal(r->n_del, del);
	/* The kernel's own route for the prefix is left alone, and ours is not there beside it. */
	net_route(r, "192.0.2.0/24", ROUTE_STATIC, 100, "10.1.0.7", "one", false);
	net_run(net, DUR_S(1));
	fib_is(r, "");
	SAYS(r, "explain 192.0.2.0/24", "the kernel has a route of its own for this prefix");
	SAYS(r, "explain 192.0.2.0/24", "\"kernelOwn\":\"192.0.2.0/24 via 10.1.0.7 dev one metric 100\"");
	net_route(r, "192.0.2.0/24", ROUTE_STATIC, 100, "10.1.0.7", "one", true);
	net_run(net, DUR_S(1));
	fib_is(r, "192.0.2.0/24 via 10.1.0.1 dev 1 metric 20\n");
	assert_int_equal(r->kept, 1);
	net_free(net);
}

/* A route to its own next hop: 10.1.0.0/25 through 10.1.0.1 would be looked at before the link that leads there. */
static void test_itself(void **state)
{
	(void)state;
	begin(R_HEAD "exit\n", F_HEAD " network 10.1.0.0/25\n network 10.1.0.1/32\n network 10.1.0.0/16\nexit\n", NULL);
	char text[1024];
	assert_null(strstr(net_fib(r, text, sizeof text), "10.1.0.0/25"));
	assert_null(strstr(text, "10.1.0.1/32"));
	assert_non_null(strstr(text, "10.1.0.0/16 via 10.1.0.1"));
	SAYS(r, "explain 10.1.0.0/25", "\"installed\":false");
	net_free(net);
}

static void test_refused(void **state)
{
	(void)state;
	begin(R_HEAD "exit\n", F_HEAD " network 192.0.2.0/24\nexit\n", NULL);
	struct bgp_fact x = {.type = BGP_FACT_ROUTE_FAILED, .ticket = r->last_ticket, .status = -101};
	struct bgp_fact strange = {
		.type = BGP_FACT_ROUTE_FAILED, .ticket = r->last_ticket + (1u << 25), .status = -101};
	net_report(r, &strange); /* about an earlier request */
	strange.ticket = 0xffffffff;
	net_report(r, &strange);
	net_run(net, DUR_S(1));
	fib_is(r, "192.0.2.0/24 via 10.1.0.1 dev 1 metric 20\n");
	net_report(r, &x);
	net_run(net, DUR_S(1));
	fib_is(r, ""); /* whatever was there before */
	SAYS(r, "explain 192.0.2.0/24", "the kernel refused it");
	assert_non_null(strstr(r->notes, "the kernel refused the route to 192.0.2.0/24: error -101"));
	/* Tried again when the way to it changes. */
	net_link(r, "one", false);
	net_link(r, "one", true);
	net_run(net, DUR_S(20));
	fib_is(r, "192.0.2.0/24 via 10.1.0.1 dev 1 metric 20\n");
	net_free(net);
}

static void test_stop(void **state)
{
	(void)state;
	for (int graceful = 0; graceful < 2; graceful++) {
		begin(R_HEAD "exit\n", F_HEAD " network 192.0.2.0/24\n network 192.0.3.0/24\nexit\n", NULL);
		struct bgp_cmd stop = {.type = BGP_CMD_STOP, .graceful = graceful != 0};
		assert_int_equal(bgp_command(r->b, &stop, net->now, &r->acts), 0);
		net_run(net, DUR_S(1));
		struct bgp_fact nothing = {.type = BGP_FACT_ROUTE_FAILED};
		net_report(r, &nothing); /* brings out what is still to be said */
		net_run(net, DUR_S(1));
		assert_int_equal(r->n_fib, graceful ? 2 : 0);
		net_free(net);
	}
}

static void set_conf(struct net_host *h, void (*change)(struct conf_bgp *c), const char *frr)
{
	struct conf *old = h->conf;
	struct bgp_cmd c = {.type = BGP_CMD_CONF, .conf = h->conf = policy_conf(frr)};
	change((struct conf_bgp *)conf_bgp(h->conf));
	assert_int_equal(bgp_command(h->b, &c, net->now, &h->acts), 0);
	struct bgp_fact nothing = {.type = BGP_FACT_ROUTE_FAILED};
	net_report(h, &nothing);
	net_run(net, DUR_S(1));
	free(old);
}

static void not_installed(struct conf_bgp *c) { c->install = false; }
static void elsewhere(struct conf_bgp *c)
{
	c->metric = 50;
	c->table = 100;
}

/* Options that no frr.conf has. */
static void test_options(void **state)
{
	(void)state;
	begin(R_HEAD "exit\n", F_HEAD " network 192.0.2.0/24\nexit\n", NULL);
	set_conf(r, not_installed, R_HEAD "exit\n");
	fib_is(r, "");
	SAYS(r, "explain 192.0.2.0/24", "routes are not installed");
	set_conf(r, elsewhere, R_HEAD "exit\n");
	assert_int_equal(r->n_fib, 1);
	assert_int_equal(r->fib[0].metric, 50);
	assert_int_equal(r->fib[0].table, 100);
	net_conf(r, R_HEAD "exit\n");
	net_run(net, DUR_S(1));
	fib_is(r, "192.0.2.0/24 via 10.1.0.1 dev 1 metric 20\n"); /* the one elsewhere is gone */
	net_free(net);
}

/* --- no memory --- */
/* A small life of r in which its n-th allocation fails. True: it was reached. */
static bool life(unsigned n)
{
	net = net_new();
	r = net_host(net, "r");
	f = net_host(net, "f");
	net_addr(f, "one", "10.1.0.1/24", NULL);
	net_conf(f, "route-map A permit 10\n set community 65000:1\n set as-path prepend 65001 65002\nexit\n" F_HEAD
	            " network 192.0.2.0/25\n network 192.0.2.128/25 route-map A\nexit\n");
	r->heap.n = 0;
	r->heap.fail = n;
	net_addr(r, "one", "10.1.0.2/24", NULL);
	struct bgp_cmd c = {.type = BGP_CMD_CONF};
	r->conf = policy_conf(
		"route-map M permit 10\n match as-path a\n set community 65000:7 additive\nexit\nbgp as-path access-list a permit 65001\n" R_HEAD
		" network 10.1.0.0/24\n redistribute kernel\n aggregate-address 192.0.2.0/24 as-set summary-only\n neighbor 10.1.0.1 route-map M in\nexit\n");
	c.conf = r->conf;
	for (int tries = 0; tries < 3 && bgp_command(r->b, &c, net->now, &r->acts) != 0; tries++)
		;
	struct bgp_fact synced = {.type = BGP_FACT_SYNCED};
	net_report(r, &synced);
	net_route(r, "198.51.100.0/24", ROUTE_KERNEL, 0, NULL, "one", false);
	net_run(net, DUR_S(30));
	free(net_show(r, "bgp"));
	free(net_show(r, "explain 192.0.2.0/24"));
	bool reached = r->heap.n >= n;
	r->heap.fail = 0;
	/* With memory again it recovers by what happens next. */
	net_link(r, "one", false);
	net_link(f, "one", false);
	net_link(f, "one", true);
	net_link(r, "one", true);
	net_run(net, DUR_S(60));
	net_free(net); /* and nothing is lost */
	return reached;
}

static void test_memory(void **state)
{
	unsigned n = 1;
	(void)state;
	while (life(n))
		n++;
	assert_true(n > 60);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_networks), cmocka_unit_test(test_redistribute),
		cmocka_unit_test(test_default),  cmocka_unit_test(test_attributes),
		cmocka_unit_test(test_summary),  cmocka_unit_test(test_suppress_map),
		cmocka_unit_test(test_med),      cmocka_unit_test(test_nested),
		cmocka_unit_test(test_denied),   cmocka_unit_test(test_fib),
		cmocka_unit_test(test_itself),   cmocka_unit_test(test_refused),
		cmocka_unit_test(test_stop),     cmocka_unit_test(test_options),
		cmocka_unit_test(test_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
