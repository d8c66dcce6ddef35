/* The modules static, exec, frr and bird, fact by fact; and the reader of JSON. The daemon is a list of actions here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "route/json.h"
#include "route/route.h"

static long left = -1, in_use;

static void *get(void *ctx, size_t n)
{
	(void)ctx;
	if (left-- == 0)
		return NULL;
	in_use += (long)n;
	return calloc(1, n ? n : 1);
}
static void put(void *ctx, void *p, size_t n)
{
	(void)ctx;
	in_use -= p ? (long)n : 0;
	free(p);
}
static void fill(void *ctx, void *p, size_t n)
{
	(void)ctx;
	memset(p, 7, n);
}
static const struct gretel_host host = {.struct_size = sizeof host, .get = get, .put = put, .random = fill, .host = "", .software = ""};

static struct gretel_act room[64];
static struct gretel_acts acts = {.max = 64, .v = room};
static const struct gretel_route_module *m;
static void *self;
static char said[16384];

/* What the module wants, a word each; and nothing is left. */
static const char *wants(void)
{
	struct sbuf b = SB(said);
	for (uint32_t i = 0; i < acts.n; i++) {
		const struct gretel_act *a = &acts.v[i];
		struct route r;
		sb_put(&b, i ? "; " : "");
		switch (a->type) {
		case GRETEL_ACT_ROUTE_SET:
		case GRETEL_ACT_ROUTE_DEL:
			route_in(&a->u.route, &r);
			sb_put(&b, a->type == GRETEL_ACT_ROUTE_SET ? "set " : "del ");
			sb_route(&b, &r);
			break;
		case GRETEL_ACT_ROUTES_KEPT: sb_put(&b, "kept"); break;
		case GRETEL_ACT_EXEC: sb_printf(&b, "exec %u", a->conn); break;
		case GRETEL_ACT_CLOSE: sb_printf(&b, "close %u", a->conn); break;
		case GRETEL_ACT_OUTPUT: sb_put(&b, "output"); break;
		case GRETEL_ACT_NOTE: sb_put(&b, "note"); break;
		case GRETEL_ACT_TOOL: {
			const char *w = a->u.tool.words;
			sb_put(&b, "tool");
			for (uint8_t k = 0; k < a->u.tool.n_words; k++, w += strlen(w) + 1)
				sb_printf(&b, "|%s", w);
			break;
		}
		default: sb_printf(&b, "%u", a->type);
		}
	}
	acts.n = 0;
	return said;
}

static void load(const struct gretel_route_module *which)
{
	m = which;
	left = -1;
	acts.n = 0;
	self = m->open(&host);
	assert_non_null(self);
}
static void unload(void)
{
	left = -1;
	m->close(self);
	assert_int_equal(in_use, 0);
}

static struct gretel_addr ip(const char *s)
{
	struct addr a;
	assert_true(addr_parse(s, &a));
	return route_addr_out(&a);
}

static void tunnel(const char *name, uint32_t ifindex, bool up, const char *remote)
{
	struct gretel_fact f = {.type = GRETEL_FACT_TUNNEL, .name = name, .ifname = "gre1", .ifindex = ifindex, .up = up};
	if (remote)
		f.remote = ip(remote);
	m->report(self, &f, 0, &acts);
}
static void link_is(const char *name, uint32_t ifindex, bool up)
{
	struct gretel_fact f = {.type = GRETEL_FACT_LINK, .ifname = name, .ifindex = ifindex, .up = up};
	m->report(self, &f, 0, &acts);
}
static void synced(void) { m->report(self, &(struct gretel_fact){.type = GRETEL_FACT_SYNCED}, 0, &acts); }

/* --- a configuration with static routes, laid out by hand --- */
struct blob {
	struct conf conf;
	struct conf_routing routing;
	struct conf_static_route s[3];
	char names[64];
};
static struct blob *blob_new(void)
{
	struct blob *x = calloc(1, sizeof *x);
	x->conf.size = sizeof *x;
	x->conf.routing = offsetof(struct blob, routing);
	x->routing.statics = (struct conf_array){.at = offsetof(struct blob, s), .n = 3};
	x->routing.grace = DUR_S(5);
	assert_true(prefix_parse("10.1.0.0/16", &x->s[0].route.dst));
	x->s[0].route.n_hops = 1;
	assert_true(addr_parse("10.0.0.2", &x->s[0].route.hop[0].gateway));
	assert_true(prefix_parse("10.2.0.0/16", &x->s[1].route.dst));
	x->s[1].via_tunnel = offsetof(struct blob, names);
	memcpy(x->names, "us\0eth7", 8);
	assert_true(prefix_parse("10.3.0.0/16", &x->s[2].route.dst));
	x->s[2].dev = offsetof(struct blob, names) + 3;
	return x;
}
static int configure(const struct blob *x, const char *options, const char *command)
{
	struct gretel_cmd c = {.type = GRETEL_CMD_CONF, .options = options, .command = command, .conf = x ? &x->conf : NULL};
	return m->command(self, &c, 0, &acts);
}
static int stop(bool graceful)
{
	struct gretel_cmd c = {.type = GRETEL_CMD_STOP, .options = "", .command = "", .graceful = graceful};
	return m->command(self, &c, 0, &acts);
}

static void test_static(void **state)
{
	struct blob *x = blob_new();
	(void)state;
	load(&route_mod_static);
	assert_int_equal(configure(x, "", ""), 0);
	assert_string_equal(wants(), "");
	synced();
	assert_string_equal(wants(), "set 10.1.0.0/16 via 10.0.0.2; kept");
	tunnel("us", 7, true, NULL);
	assert_string_equal(wants(), "set 10.2.0.0/16 dev 7");
	tunnel("other", 8, true, NULL);
	tunnel("us", 7, true, NULL);
	assert_string_equal(wants(), "");
	tunnel("us", 9, true, NULL); /* another interface */
	assert_string_equal(wants(), "set 10.2.0.0/16 dev 9");
	tunnel("us", 0, false, NULL);
	assert_string_equal(wants(), "del 10.2.0.0/16 dev 9");
	link_is("eth7", 5, true);
	assert_string_equal(wants(), "set 10.3.0.0/16 dev 5");
	link_is("eth7", 5, false);
	assert_string_equal(wants(), "del 10.3.0.0/16 dev 5");
	/* The same configuration is no news; another one replaces in place, and takes away what has left. */
	assert_int_equal(configure(x, "", ""), 0);
	assert_string_equal(wants(), "");
	x->s[0].route.hop[0].gateway.b[3] = 9;
	x->routing.statics.n = 1;
	assert_int_equal(configure(x, "", ""), 0);
	assert_string_equal(wants(), "set 10.1.0.0/16 via 10.0.0.9");
	assert_int_equal(stop(false), 0);
	assert_string_equal(wants(), "del 10.1.0.0/16 via 10.0.0.9");
	assert_true(m->idle(self));
	unload();
	free(x);
}

/* A route that is refused is tried again; one at the end that is to be kept is. */
static void test_static_refused(void **state)
{
	struct blob *x = blob_new();
	struct gretel_fact f = {.type = GRETEL_FACT_ROUTE_FAILED, .ticket = 1, .status = -EEXIST};
	(void)state;
	load(&route_mod_static);
	assert_int_equal(configure(x, "", ""), 0);
	synced();
	(void)wants();
	m->report(self, &f, DUR_S(10), &acts);
	assert_string_equal(wants(), "");
	assert_int_equal(m->due(self), DUR_S(15));
	m->timer(self, DUR_S(15), &acts);
	assert_string_equal(wants(), "set 10.1.0.0/16 via 10.0.0.2");
	assert_int_equal(m->due(self), MONO_NEVER);
	assert_int_equal(stop(true), 0);
	assert_string_equal(wants(), "");
	unload();
	free(x);
}

/* An array that is full: it goes on when there is room. */
static void test_static_room(void **state)
{
	struct blob *x = blob_new();
	(void)state;
	load(&route_mod_static);
	assert_int_equal(configure(x, "", ""), 0);
	tunnel("us", 7, true, NULL);
	acts.n = acts.max - 1;
	synced();
	assert_int_equal(acts.n, acts.max);
	assert_int_equal(m->due(self), 0);
	acts.n = 0;
	m->timer(self, 0, &acts);
	assert_string_equal(wants(), "set 10.2.0.0/16 dev 7; kept");
	unload();
	free(x);
}

/* --- exec --- */

static void line(const char *text)
{
	size_t n = strlen(text);
	uint8_t *copy = malloc(n + 1);
	memcpy(copy, text, n);
	copy[n] = '\n';
	for (size_t i = 0; i <= n; i += 7) /* in pieces */
		m->input(self, 1, copy + i, n + 1 - i < 7 ? n + 1 - i : 7, 0, &acts);
	free(copy);
}
static const char *heard(void)
{
	struct gretel_span s;
	if (m->output(self, 1, &s, 1) == 0)
		return "";
	snprintf(said, sizeof said, "%.*s", (int)s.n, (const char *)s.p);
	m->sent(self, 1, s.n, 0, &acts);
	acts.n = 0;
	return said;
}

static void exec_start(struct blob *x)
{
	load(&route_mod_exec);
	assert_int_equal(configure(x, "", "prog"), 0);
	assert_string_equal(wants(), "exec 1");
	m->report(self, &(struct gretel_fact){.type = GRETEL_FACT_EXEC_STARTED, .conn = 1}, 0, &acts);
	acts.n = 0;
}

static void test_exec(void **state)
{
	struct blob *x = blob_new();
	(void)state;
	exec_start(x);
	tunnel("us \"x\"", 7, true, "10.0.0.2");
	assert_string_equal(heard(), "{\"fact\":\"tunnel\",\"up\":true,\"ifindex\":7,\"mtu\":0,\"name\":\"us \\\"x\\\"\",\"ifname\":\"gre1\","
	                             "\"remote\":\"10.0.0.2\"}\n");
	synced();
	assert_string_equal(heard(), "{\"fact\":\"synced\"}\n");
	assert_string_equal(heard(), "");
	line("{\"action\":\"route-set\",\"prefix\":\"10.1.0.0/16\",\"via\":\"10.0.0.2\",\"ifindex\":3}");
	assert_string_equal(wants(), "set 10.1.0.0/16 via 10.0.0.2 dev 3 metric 20");
	line(" { \"action\" : \"route-set\", \"prefix\":\"2001:db8::/32\", \"metric\": 5, \"table\":100, \"nexthops\":[ {\"via\":\"fe80::1\","
	     "\"ifindex\":3}, {\"via\":\"fe80::2\",\"ifindex\":4,\"weight\":9} ] } ");
	assert_string_equal(wants(), "set 2001:db8::/32 metric 5 table 100 nexthop via fe80::1 dev 3 weight 1 nexthop via fe80::2 dev 4 weight 9");
	line("{\"action\":\"route-set\",\"prefix\":\"10.3.0.0/16\",\"kind\":\"blackhole\"}");
	assert_string_equal(wants(), "set blackhole 10.3.0.0/16 metric 20");
	line("{\"action\":\"route-del\",\"prefix\":\"10.3.0.0/16\"}");
	assert_string_equal(wants(), "del 10.3.0.0/16 metric 20");
	line("{\"action\":\"route-del\",\"prefix\":\"10.4.0.0/16\"}"); /* it never set that */
	assert_string_equal(wants(), "");
	line("{\"action\":\"note\",\"text\":\"hello\",\"level\":99}");
	assert_string_equal(wants(), "note");
	static const char *const junk[] = {"", "x", "{}", "{\"action\":\"fly\"}", "{\"action\":\"route-set\"}", "[",
	                                   "{\"action\":\"route-set\",\"prefix\":\"10.1.0.0/99\"}", "{\"action\":\"route-set\",\"prefix\":",
	                                   "{\"action\":\"route-set\",\"prefix\":\"10.1.0.0/16\",\"colour\":\"red\"}"};
	for (size_t i = 1; i < ARRAY_LEN(junk); i++) {
		line(junk[i]);
		assert_string_equal(wants(), "note");
	}
	unload();
	free(x);
}

/* It ends: started again after a pause that grows; its routes stay, the next one confirms them, the rest goes. */
static void test_exec_dies(void **state)
{
	struct blob *x = blob_new();
	struct gretel_fact ended = {.type = GRETEL_FACT_EXEC_ENDED, .conn = 1, .status = 1};
	(void)state;
	exec_start(x);
	line("{\"action\":\"route-set\",\"prefix\":\"10.1.0.0/16\",\"via\":\"10.0.0.2\"}");
	line("{\"action\":\"route-set\",\"prefix\":\"10.2.0.0/16\",\"via\":\"10.0.0.2\"}");
	acts.n = 0;
	m->report(self, &ended, DUR_S(1), &acts);
	assert_string_equal(wants(), "note");
	assert_int_equal(m->due(self), DUR_S(2));
	m->timer(self, DUR_S(2), &acts);
	assert_string_equal(wants(), "exec 2");
	ended.conn = 2;
	m->report(self, &ended, DUR_S(2), &acts);
	acts.n = 0;
	assert_int_equal(m->due(self), DUR_S(4)); /* two seconds now */
	m->timer(self, DUR_S(4), &acts);
	assert_string_equal(wants(), "exec 3");
	m->report(self, &(struct gretel_fact){.type = GRETEL_FACT_EXEC_STARTED, .conn = 3}, DUR_S(4), &acts);
	const char again[] = "{\"action\":\"route-set\",\"prefix\":\"10.2.0.0/16\",\"via\":\"10.0.0.2\"}\n";
	m->input(self, 3, (const uint8_t *)again, sizeof again - 1, DUR_S(4), &acts);
	assert_string_equal(wants(), "set 10.2.0.0/16 via 10.0.0.2 metric 20");
	assert_int_equal(m->due(self), DUR_S(6)); /* the grace time, since the first death */
	m->timer(self, DUR_S(6), &acts);
	assert_string_equal(wants(), "del 10.1.0.0/16 via 10.0.0.2 metric 20");
	assert_int_equal(stop(false), 0);
	assert_string_equal(wants(), "output; close 3; del 10.2.0.0/16 via 10.0.0.2 metric 20");
	unload();
	free(x);
}

static void test_exec_no_memory(void **state)
{
	(void)state;
	for (long n = 0; n < 12; n++) {
		struct blob *x = blob_new();
		m = &route_mod_exec;
		acts.n = 0;
		left = n;
		self = m->open(&host);
		if (self) {
			(void)configure(x, "", "prog");
			m->report(self, &(struct gretel_fact){.type = GRETEL_FACT_EXEC_STARTED, .conn = 1}, 0, &acts);
			line("{\"action\":\"route-set\",\"prefix\":\"10.1.0.0/16\",\"via\":\"10.0.0.2\"}");
			synced();
			left = -1;
			m->close(self);
		}
		assert_int_equal(in_use, 0);
		free(x);
	}
	left = -1;
}

/* --- frr and bird --- */

static void tool_says(uint32_t ticket, int32_t status, const char *text)
{
	size_t n = strlen(text);
	uint8_t *copy = malloc(n + 1);
	memcpy(copy, text, n);
	struct gretel_fact out = {.type = GRETEL_FACT_TOOL_OUTPUT, .ticket = ticket, .octets = {.p = copy, .n = n}};
	m->report(self, &out, 0, &acts);
	free(copy);
	m->report(self, &(struct gretel_fact){.type = GRETEL_FACT_TOOL_ENDED, .ticket = ticket, .status = status}, 0, &acts);
}

#define FRR_CHECK "tool|-c|show running-config bgpd|-c|show bgp neighbors json"
#define FRR_MARKED "Building configuration...\n\nrouter bgp 65000\n neighbor 10.0.0.2 remote-as 65000\n" \
	" neighbor 10.0.0.2 shutdown message gretel: the tunnel is down\n neighbor 10.0.0.2 shutdown\n"

static void test_frr(void **state)
{
	(void)state;
	load(&route_mod_frr);
	assert_int_equal(configure(NULL, "", ""), 0);
	assert_string_equal(wants(), "kept");
	tunnel("us", 7, true, "10.0.0.2");
	assert_string_equal(wants(), FRR_CHECK);
	tool_says(1, 0, "{\"10.0.0.2\":{\"remoteAs\":65000,\"x\":[1,2]},\"10.0.0.20\":{\"adminShutDown\":true}}");
	assert_string_equal(wants(), ""); /* nothing differs */
	tunnel("us", 7, false, "10.0.0.2");
	assert_string_equal(wants(), FRR_CHECK);
	tool_says(2, 0, "{\"10.0.0.2\":{\"remoteAs\":65000}}");
	assert_string_equal(wants(), "tool|-c|configure terminal|-c|router bgp|-c|neighbor 10.0.0.2 shutdown message gretel: the tunnel is down");
	tool_says(3, 0, "");
	assert_string_equal(wants(), "note");
	tunnel("us", 7, true, "10.0.0.2");
	(void)wants();
	tool_says(4, 0, FRR_MARKED "{\"10.0.0.2\":{\"adminShutDown\":true}}");
	assert_string_equal(wants(), "tool|-c|configure terminal|-c|router bgp|-c|no neighbor 10.0.0.2 shutdown");
	tool_says(5, 0, "");
	(void)wants();
	/* Somebody else has shut it down: not ours to enable. */
	tunnel("us", 7, false, NULL);
	(void)wants();
	tool_says(6, 0, "{\"10.0.0.2\":{\"adminShutDown\":true}}");
	assert_string_equal(wants(), "");
	tunnel("us", 7, true, "10.0.0.2");
	(void)wants();
	tool_says(7, 0, "{\"10.0.0.2\":{\"adminShutDown\":true}}");
	assert_string_equal(wants(), "");
	assert_int_equal(stop(false), 0);
	assert_string_equal(wants(), "");
	assert_true(m->idle(self));
	unload();
}

/* The tool fails: later again. The end undoes what was done, and waits for it. */
static void test_frr_fails(void **state)
{
	(void)state;
	load(&route_mod_frr);
	assert_int_equal(configure(NULL, "{\"neighbors\":{\"us\":[\"10.0.0.2\"]}}", ""), 0);
	(void)wants();
	tunnel("us", 0, false, NULL);
	(void)wants();
	tool_says(1, 127, "");
	assert_string_equal(wants(), "note");
	assert_int_equal(m->due(self), DUR_S(5));
	m->timer(self, DUR_S(5), &acts);
	assert_string_equal(wants(), FRR_CHECK);
	tool_says(2, 0, "{\"10.0.0.2\":{}, \"10.0.0.2\":{\"a\":1}}");
	assert_string_equal(wants(), "tool|-c|configure terminal|-c|router bgp|-c|neighbor 10.0.0.2 shutdown message gretel: the tunnel is down");
	tool_says(3, 0, "");
	(void)wants();
	assert_int_equal(stop(false), 0);
	assert_false(m->idle(self));
	assert_string_equal(wants(), "tool|-c|configure terminal|-c|router bgp|-c|no neighbor 10.0.0.2 shutdown");
	tool_says(4, 0, "");
	assert_true(m->idle(self));
	(void)wants();
	assert_int_equal(configure(NULL, "{\"neighbors\":3}", ""), -EINVAL);
	char why[100];
	assert_false(m->check("{\"x\":\"y\"}", "", why, sizeof why));
	assert_true(m->check("{\"neighbors\":{\"us\":[\"10.0.0.2\"]}}", "", why, sizeof why));
	unload();
}

/* A module that was started again: the mark tells whose the shutdown is, also when the neighbour has left the options meanwhile. */
static void test_frr_again(void **state)
{
	(void)state;
	load(&route_mod_frr);
	assert_int_equal(configure(NULL, "{\"neighbors\":{\"us\":[\"10.0.0.2\",\"10.0.0.20\"]}}", ""), 0);
	(void)wants();
	tunnel("us", 0, true, NULL);
	(void)wants();
	tool_says(1, 0, FRR_MARKED "{\"10.0.0.2\":{\"adminShutDown\":true},\"10.0.0.20\":{\"adminShutDown\":true}}");
	assert_string_equal(wants(), "tool|-c|configure terminal|-c|router bgp|-c|no neighbor 10.0.0.2 shutdown");
	tool_says(2, 0, "");
	assert_string_equal(wants(), "note");
	tunnel("us", 0, false, NULL);
	(void)wants();
	tool_says(3, 0, "{\"10.0.0.2\":{\"x\":1},\"10.0.0.20\":{\"adminShutDown\":true}}");
	assert_string_equal(wants(), "tool|-c|configure terminal|-c|router bgp|-c|neighbor 10.0.0.2 shutdown message gretel: the tunnel is down");
	tool_says(4, 0, "");
	(void)wants();
	assert_int_equal(configure(NULL, "{\"neighbors\":{\"us\":[\"10.0.0.20\"]}}", ""), 0);
	assert_string_equal(wants(), FRR_CHECK);
	tool_says(5, 0, FRR_MARKED "{\"10.0.0.2\":{\"adminShutDown\":true},\"10.0.0.20\":{\"adminShutDown\":true}}");
	assert_string_equal(wants(), "tool|-c|configure terminal|-c|router bgp|-c|no neighbor 10.0.0.2 shutdown");
	tool_says(6, 0, "");
	(void)wants();
	tunnel("us", 0, true, NULL);
	assert_string_equal(wants(), FRR_CHECK);
	tool_says(7, 0, "{\"10.0.0.2\":{\"adminShutDown\":true},\"10.0.0.20\":{\"x\":1}}");
	assert_string_equal(wants(), ""); /* not ours any more */
	unload();
}

static void test_bird(void **state)
{
	static const char up[] = "BIRD 2.0.12 ready.\nName       Proto      Table      State  Since         Info\n"
	                         "device1    Device     ---        up     12:00:00.000  \n"
	                         "cn1        BGP        ---        up     12:00:01.000  Established   \n"
	                         "  BGP state:          Established\n    Neighbor address: 10.0.0.2\n    Neighbor AS:      65000\n";
	(void)state;
	load(&route_mod_bird);
	assert_int_equal(configure(NULL, "", ""), 0);
	(void)wants();
	tunnel("us", 7, false, "10.0.0.2");
	assert_string_equal(wants(), "tool|-r|show protocols all");
	tool_says(1, 0, up);
	assert_string_equal(wants(), "tool|disable cn1 \"gretel: the tunnel is down\"");
	tool_says(2, 0, "cn1: disabled\n");
	(void)wants();
	tunnel("us", 7, true, "10.0.0.2");
	(void)wants();
	tool_says(3, 0, "Name x\ncn1        BGP        ---        down   12:00:01.000\n"
	                "  Message:        gretel: the tunnel is down\n    Neighbor address: 10.0.0.2\n");
	assert_string_equal(wants(), "tool|enable cn1");
	tool_says(4, 0, "cn1: enabled\n");
	(void)wants();
	/* Disabled by somebody else, who says why, and beside one that we have disabled. */
	tunnel("us", 7, false, "10.0.0.2");
	(void)wants();
	tool_says(5, 0, "Name x\nother      BGP        ---        down   12:00:01.000\n  Message:        gretel: the tunnel is down\n"
	                "cn1        BGP        ---        down   12:00:01.000\n  Message:        gretel\n    Neighbor address: 10.0.0.2\n");
	assert_string_equal(wants(), "");
	tunnel("us", 7, true, "10.0.0.2");
	(void)wants();
	tool_says(6, 0, "Name x\ncn1        BGP        ---        down   12:00:01.000\n    Neighbor address: 10.0.0.2\n");
	assert_string_equal(wants(), "");
	tunnel("us", 7, false, "10.0.0.2");
	(void)wants();
	tool_says(7, 0, "Unable to connect to server\n"); /* no table at all */
	assert_string_equal(wants(), "note");
	unload();
}

/* --- JSON --- */

static bool on_word(void *ctx, const char *path, const char *value, bool string)
{
	sb_printf(ctx, "%s=%s%s ", path, string ? "'" : "", value);
	return true;
}
static const char *walk(const char *text)
{
	struct sbuf b = SB(said);
	size_t n = strlen(text);
	char *copy = malloc(n ? n : 1);
	memcpy(copy, text, n);
	bool ok = json_walk(copy, n, on_word, &b);
	free(copy);
	return ok ? said : "no";
}

static void test_json(void **state)
{
	char deep[64], quoted[64];
	struct sbuf b = SB(quoted);
	(void)state;
	assert_string_equal(walk("{\"a\":1,\"b\":[true,null,\"x\\n\\u0041\\u20ac\"],\"c\":{\"d\":-1.5e3}}"),
	                    "a=1 b.0=true b.1=null b.2='x\nA? c.d=-1.5e3 ");
	assert_string_equal(walk(" [ ] "), "");
	static const char *const wrong[] = {"", "{", "{\"a\"}", "{\"a\":}", "[1,]", "[1", "\"a", "tru", "{\"a\":1}x", "{a:1}", "\"\\q\"",
	                                    "\"\\u00g0\"", "+", "\"\x01\""};
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		if (strcmp(wrong[i], "+") != 0)
			assert_string_equal(walk(wrong[i]), "no");
	}
	memset(deep, '[', sizeof deep);
	deep[sizeof deep - 1] = '\0';
	assert_string_equal(walk(deep), "no");
	sb_json(&b, "a\"b\\c\n");
	assert_string_equal(quoted, "\"a\\\"b\\\\c\\u000a\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_static),    cmocka_unit_test(test_static_refused), cmocka_unit_test(test_static_room),
		cmocka_unit_test(test_exec),      cmocka_unit_test(test_exec_dies),      cmocka_unit_test(test_exec_no_memory),
		cmocka_unit_test(test_frr),       cmocka_unit_test(test_frr_again),
		     cmocka_unit_test(test_frr_fails),      cmocka_unit_test(test_bird),
		cmocka_unit_test(test_json),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
