/* bgp/: prefix lists, AS path and community lists, every match and set clause of route maps, how entries lead on,
 * what explain
 * hears of it; no memory. The configurations are lines of an frr.conf. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bgp_policy_util.h"
#include "config/config.h"

/* --- what filter.c and edit.c call --- */
static char note[256];
void act_note(struct bgp *b, int level, const char *fmt, ...)
{
	(void)b, (void)level;
	snprintf(note, sizeof note, "%s", fmt);
}

static uint8_t committed[8192];
static size_t n_committed;
static struct bgp_attr interned;
struct bgp_attr *attr_get(struct bgp *b, struct span canon, const struct addr *next_hop, const struct addr *next_hop_ll,
                          uint32_t weight, uint32_t tag, bool track)
{
	(void)b, (void)next_hop_ll, (void)track;
	assert_true(canon.n <= sizeof committed);
	memcpy(committed, canon.p, canon.n);
	n_committed = canon.n;
	interned = (struct bgp_attr){.weight = weight, .tag = tag, .next_hop = *next_hop};
	return &interned;
}

/* --- the world --- */
static struct policy_mem heap;
static struct bgp b;
static struct conf *conf;
static struct bgp_peer peer;

#define BGP "router bgp 65000\n bgp router-id 10.9.9.9\n neighbor 10.0.0.2 remote-as 65000\nexit\n"

static void begin(const char *text)
{
	policy_mem_init(&heap);
	conf = policy_conf(text);
	b = (struct bgp){.env = {.mem = &heap.mem}, .conf = conf, .cb = conf_bgp(conf)};
	peer = (struct bgp_peer){.index = 1, .address = policy_addr("10.0.0.2")};
	assert_int_equal(filter_init(&b), 0);
	assert_int_equal(filter_compile(&b), 0);
}

static void end(void)
{
	filter_fini(&b);
	config_free(conf);
	assert_int_equal(heap.mem.in_use, 0);
}

static uint32_t index_of(struct conf_array a, size_t size, const char *name)
{
	for (uint32_t i = 0; i < a.n; i++) {
		const conf_ref *ref = conf_at(conf, a, size, i); /* the name is every list's first member */
		if (strcmp(conf_str(conf, *ref), name) == 0)
			return i + 1;
	}
	fail_msg("no %s", name);
	return 0;
}
#define PREFIX_LIST(name) index_of(b.cb->prefix_lists, sizeof(struct conf_prefix_list), name)
#define ASPATH_LIST(name) index_of(b.cb->aspath_lists, sizeof(struct conf_aspath_list), name)
#define MAP(name) index_of(b.cb->route_maps, sizeof(struct conf_route_map), name)

/* --- prefix lists --- */
static void test_prefix_lists(void **state)
{
	static const struct {
		const char *list, *prefix;
		bool permit;
		const char *trace;
	} row[] = {
		{"exact", "10.0.9.0/30", true, "prefix-list exact: rule 5 permits\n"},
		{"exact", "10.0.9.0/29", false, "prefix-list exact: no rule matches, denied\n"},
		{"exact", "10.0.9.1/32", false, "no rule matches"},
		{"exact", "10.0.9.4/30", false, "no rule matches"},
		{"ge", "10.0.0.0/8", false, NULL},
		{"ge", "10.1.0.0/16", true, NULL},
		{"ge", "10.1.1.1/32", true, NULL},
		{"le", "10.0.0.0/8", true, NULL},
		{"le", "10.1.0.0/16", true, NULL},
		{"le", "10.1.0.0/17", false, NULL},
		{"both", "10.1.0.0/15", false, NULL},
		{"both", "10.1.0.0/16", true, NULL},
		{"both", "10.1.1.0/24", true, NULL},
		{"both", "10.1.1.0/25", false, NULL},
		{"both", "11.1.0.0/16", false, NULL},
		{"order", "10.0.9.0/30", false, "prefix-list order: rule 5 denies\n"},
		{"order", "10.0.8.0/30", true, "prefix-list order: rule 10 permits\n"},
		{"order", "2001:db8::/32", true, NULL}, /* any is any */
		{"six", "2001:db8:1::/48", true, NULL},
		{"six", "2001:db9::/48", false, NULL},
		{"six", "10.0.0.0/8", false, NULL},
	};
	(void)state;
	begin("ip prefix-list exact permit 10.0.9.0/30\n"
	      "ip prefix-list ge permit 10.0.0.0/8 ge 16\n"
	      "ip prefix-list le permit 10.0.0.0/8 le 16\n"
	      "ip prefix-list both permit 10.0.0.0/8 ge 16 le 24\n"
	      "ip prefix-list order seq 10 permit any\nip prefix-list order seq 5 deny 10.0.9.0/30\n"
	      "ipv6 prefix-list six permit 2001:db8::/32 le 48\n" BGP);
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		char text[256];
		struct sbuf trace = SB(text);
		struct prefix p = policy_prefix(row[i].prefix);
		if (filter_prefix_list(&b, PREFIX_LIST(row[i].list), &p, &trace) != row[i].permit)
			fail_msg("%s on %s", row[i].list, row[i].prefix);
		if (row[i].trace && !strstr(text, row[i].trace))
			fail_msg("%s on %s says %s", row[i].list, row[i].prefix, text);
	}
	struct prefix p = policy_prefix("10.0.0.0/8");
	assert_true(filter_prefix_list(&b, 0, &p, NULL));
	assert_false(filter_prefix_list(&b, 99, &p, NULL)); /* there is none: nothing passes */
	end();
}

/* --- attributes in text --- */
static uint8_t path_octets[1024], com_octets[256], ext_octets[64], large_octets[64];

static struct span numbers(uint8_t *out, size_t cap, const char *text)
{
	struct wr w = wr_init(out, cap);
	char *at = (char *)text;
	while (*at)
		wr_u32(&w, (uint32_t)strtoul(at, &at, 10));
	assert_true(wr_ok(&w));
	return SPAN(out, w.len);
}

/* A sequence of these numbers. */
static struct span sequence(const char *text)
{
	struct span s = numbers(path_octets + 2, sizeof path_octets - 2, text);
	path_octets[0] = BGP_AS_SEQUENCE;
	path_octets[1] = (uint8_t)(s.n / 4);
	return s.n ? SPAN(path_octets, s.n + 2) : (struct span){0};
}

static struct span community(uint8_t *out, size_t cap, const char *text)
{
	struct wr w = wr_init(out, cap);
	char *at = (char *)text;
	while (*at) {
		wr_u16(&w, (unsigned)strtoul(at, &at, 10));
		at++;
		wr_u16(&w, (unsigned)strtoul(at, &at, 10));
	}
	return SPAN(out, w.len);
}

static struct bgp_edit e;

/* What a peer sent: origin IGP, 10.0.0.2, local preference 100, MED 5, path 65001 65002, some communities. */
static void fresh(void)
{
	memset(&e, 0, sizeof e);
	e.v.has = HAS(BGP_A_ORIGIN) | HAS(BGP_A_AS_PATH) | HAS(BGP_A_LOCAL_PREF) | HAS(BGP_A_MED) |
	          HAS(BGP_A_COMMUNITIES) | HAS(BGP_A_EXT_COMMUNITIES) | HAS(BGP_A_LARGE_COMMUNITIES);
	e.v.local_pref = 100;
	e.v.med = 5;
	e.v.next_hop = policy_addr("10.0.0.2");
	e.v.as_path = sequence("65001 65002");
	e.v.communities = community(com_octets, sizeof com_octets, "65000:2 65000:1");
	static const uint8_t rt[8] = {0, 2, 0xfd, 0xe8, 0, 0, 0, 1};
	memcpy(ext_octets, rt, 8);
	e.v.ext_communities = SPAN(ext_octets, 8);
	e.v.large_communities = numbers(large_octets, sizeof large_octets, "65000 1 2");
}

static void render(struct sbuf *s)
{
	static const char *const origin[] = {"IGP", "EGP", "?"};
	sb_printf(s, "%s", origin[e.v.origin]);
	if (e.v.has & HAS(BGP_A_MED))
		sb_printf(s, " med %u", e.v.med);
	if (e.v.has & HAS(BGP_A_LOCAL_PREF))
		sb_printf(s, " pref %u", e.v.local_pref);
	if (e.weight)
		sb_printf(s, " weight %u", e.weight);
	if (e.tag)
		sb_printf(s, " tag %u", e.tag);
	sb_put(s, " nh ");
	sb_addr(s, &e.v.next_hop);
	sb_put(s, e.next_hop_self ? " self" : "");
	sb_put(s, e.next_hop_unchanged ? " unchanged" : "");
	sb_put(s, " path [");
	sb_as_path(s, e.v.as_path);
	sb_put(s, "]");
	if (e.v.has & HAS(BGP_A_COMMUNITIES)) {
		sb_put(s, " com ");
		sb_communities(s, COMM_STANDARD, e.v.communities);
	}
	if (e.v.has & HAS(BGP_A_EXT_COMMUNITIES)) {
		sb_put(s, " ext ");
		sb_communities(s, COMM_EXTENDED, e.v.ext_communities);
	}
	if (e.v.has & HAS(BGP_A_LARGE_COMMUNITIES)) {
		sb_put(s, " large ");
		sb_communities(s, COMM_LARGE, e.v.large_communities);
	}
	sb_put(s, e.v.has & HAS(BGP_A_ATOMIC) ? " atomic" : "");
	if (e.v.has & HAS(BGP_A_AGGREGATOR))
		sb_printf(s, " aggregator %u %08x", e.v.aggregator_as, e.v.aggregator_id);
	if (e.v.has & HAS(BGP_A_ORIGINATOR_ID))
		sb_printf(s, " originator %08x", e.v.originator_id);
}
#define PLAIN "IGP med 5 pref 100 nh 10.0.0.2 path [65001 65002]"
#define COMS " com 65000:1 65000:2 ext RT:65000:1 large 65000:1:2"

static char trace_text[2048];
static bool run(const char *map, const char *prefix, const struct bgp_peer *from)
{
	struct sbuf trace = SB(trace_text);
	struct prefix p = policy_prefix(prefix);
	struct bgp_filter_in in = {.prefix = &p, .peer = from, .source = ROUTE_STATIC, .trace = &trace};
	bool with = filter_map(&b, MAP(map), &in, &e);
	/* The trace changes nothing. */
	struct bgp_edit kept = e;
	fresh();
	in.trace = NULL;
	assert_int_equal(filter_map(&b, MAP(map), &in, &e), with);
	e = kept;
	return with;
}

/* --- AS path lists, community lists --- */
static void test_aspath_lists(void **state)
{
	(void)state;
	begin("bgp as-path access-list local permit ^$\n"
	      "bgp as-path access-list via deny _65009_\nbgp as-path access-list via permit _65002$\n" BGP);
	assert_true(filter_aspath_list(&b, 0, sequence("1"), NULL));
	assert_true(filter_aspath_list(&b, ASPATH_LIST("local"), (struct span){0}, NULL));
	assert_false(filter_aspath_list(&b, ASPATH_LIST("local"), sequence("1"), NULL));
	char text[128];
	struct sbuf trace = SB(text);
	assert_true(filter_aspath_list(&b, ASPATH_LIST("via"), sequence("65001 65002"), &trace));
	assert_string_equal(text, "as-path access-list via: rule 2 permits\n");
	trace = SB(text);
	assert_false(filter_aspath_list(&b, ASPATH_LIST("via"), sequence("65009 65002"), &trace));
	assert_string_equal(text, "as-path access-list via: rule 1 denies\n");
	assert_false(filter_aspath_list(&b, ASPATH_LIST("via"), sequence("65001"), NULL));
	assert_false(filter_aspath_list(&b, 77, sequence("65001"), NULL));
	/* A path whose text has no room is not read, and not let through: here every rule would permit it. */
	size_t n = 16000 * 4, segments = (n / 4 + 254) / 255;
	uint8_t *octets = malloc(n + segments * 2);
	struct wr w = wr_init(octets, n + segments * 2);
	for (size_t i = 0; i < n / 4; i++) {
		if (i % 255 == 0) {
			wr_u8(&w, BGP_AS_SEQUENCE);
			wr_u8(&w, (unsigned)min_z(255, n / 4 - i));
		}
		wr_u32(&w, i + 1 == n / 4 ? 65002 : 4200000000u);
	}
	assert_true(wr_ok(&w));
	assert_false(filter_aspath_list(&b, ASPATH_LIST("via"), SPAN(octets, w.len), NULL));
	free(octets);
	end();
}

static void test_matches(void **state)
{
	static const struct {
		const char *match;
		bool yes;
	} row[] = {
		{"ip address prefix-list here", true},
		{"ip address prefix-list there", false},
		{"ip next-hop prefix-list gate", true},
		{"ip next-hop prefix-list there", false},
		{"ip next-hop address 10.0.0.2", true},
		{"ip next-hop address 10.0.0.3", false},
		{"community one", true},
		{"community one exact-match", false},
		{"community two exact-match", true},
		{"community three", false},
		{"community all", true},
		{"community text", true},
		{"community notext", false},
		{"extcommunity rt", true},
		{"extcommunity rt2", false},
		{"large-community l", true},
		{"large-community l exact-match", true},
		{"large-community l2", false},
		{"as-path via", true},
		{"as-path notvia", false},
		{"local-preference 100", true},
		{"local-preference 101", false},
		{"metric 5", true},
		{"metric 6", false},
		{"origin igp", true},
		{"origin egp", false},
		{"tag 7", false},
		{"peer 10.0.0.2", true},
		{"peer 10.0.0.3", false},
		{"source-protocol static", false},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		char text[2048], want[64];
		struct sbuf s = SB(text);
		sb_put(&s,
		       "ip prefix-list here permit 192.0.2.0/24\nip prefix-list there permit 198.51.100.0/24\n"
		       "ip prefix-list gate permit 10.0.0.0/30 le 32\n"
		       "bgp community-list standard one permit 65000:1\nbgp community-list standard two permit 65000:1 65000:2\n"
		       "bgp community-list standard three permit 65000:1 65000:3\nbgp community-list standard all permit internet\n"
		       "bgp community-list expanded text permit _65000:[12]_\nbgp community-list expanded notext permit ^65000:1$\n"
		       "bgp extcommunity-list standard rt permit rt 65000:1\nbgp extcommunity-list standard rt2 permit rt 65000:2\n"
		       "bgp large-community-list standard l permit 65000:1:2\nbgp large-community-list standard l2 permit 65000:1:3\n"
		       "bgp as-path access-list via permit ^65001_\nbgp as-path access-list notvia permit ^65002_\n" BGP
		       "route-map M permit 10\n match ");
		sb_put(&s, row[i].match);
		sb_put(&s, "\nexit\n");
		begin(text);
		fresh();
		if (run("M", "192.0.2.0/24", &peer) != row[i].yes)
			fail_msg("match %s: not %d\n%s", row[i].match, row[i].yes, trace_text);
		snprintf(want, sizeof want, "route-map M: rule 10 %s", row[i].yes ? "permits\n" : "does not match (");
		assert_non_null(strstr(trace_text, want));
		assert_int_equal(filter_map_by_prefix(&b, MAP("M")), strstr(row[i].match, "ip address") != NULL);
		end();
	}
}

/* What a route lacks, and what is a route of our own. */
static void test_matches_absent(void **state)
{
	static const struct {
		const char *match;
		bool yes;
	} row[] = {
		{"metric 0", true},
		{"local-preference 100", true},
		{"peer 10.0.0.2", false},
		{"source-protocol static", true},
		{"source-protocol connected", false},
		{"community one", false},
		{"community text", true},
		{"ip next-hop prefix-list gate", false},
		{"tag 7", true},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		char text[1024];
		struct sbuf s = SB(text);
		sb_put(&s,
		       "bgp community-list standard one permit 65000:1\nbgp community-list expanded text permit ^$\n"
		       "ip prefix-list gate permit any\n" BGP "route-map M permit 10\n match ");
		sb_put(&s, row[i].match);
		sb_put(&s, "\nexit\n");
		begin(text);
		memset(&e, 0, sizeof e);
		e.tag = 7;
		struct prefix p = policy_prefix("192.0.2.0/24");
		struct bgp_filter_in in = {.prefix = &p, .source = ROUTE_STATIC};
		if (filter_map(&b, MAP("M"), &in, &e) != row[i].yes)
			fail_msg("match %s: not %d", row[i].match, row[i].yes);
		end();
	}
}

static void test_sets(void **state)
{
	static const struct {
		const char *set, *result;
	} row[] = {
		{"local-preference 250", "IGP med 5 pref 250 nh 10.0.0.2 path [65001 65002]" COMS},
		{"metric 9", "IGP med 9 pref 100 nh 10.0.0.2 path [65001 65002]" COMS},
		{"metric +9", "IGP med 14 pref 100 nh 10.0.0.2 path [65001 65002]" COMS},
		{"metric -3", "IGP med 2 pref 100 nh 10.0.0.2 path [65001 65002]" COMS},
		{"metric -9", "IGP med 0 pref 100 nh 10.0.0.2 path [65001 65002]" COMS},
		{"metric +4294967295", "IGP med 4294967295 pref 100 nh 10.0.0.2 path [65001 65002]" COMS},
		{"weight 7", "IGP med 5 pref 100 weight 7 nh 10.0.0.2 path [65001 65002]" COMS},
		{"origin egp", "EGP med 5 pref 100 nh 10.0.0.2 path [65001 65002]" COMS},
		{"origin incomplete", "? med 5 pref 100 nh 10.0.0.2 path [65001 65002]" COMS},
		{"tag 3", "IGP med 5 pref 100 tag 3 nh 10.0.0.2 path [65001 65002]" COMS},
		{"community 65000:9 65000:3", PLAIN " com 65000:3 65000:9 ext RT:65000:1 large 65000:1:2"},
		{"community 65000:1 65000:0 additive",
	         PLAIN " com 65000:0 65000:1 65000:2 ext RT:65000:1 large 65000:1:2"},
		{"community none", PLAIN " ext RT:65000:1 large 65000:1:2"},
		{"comm-list one delete", PLAIN " com 65000:2 ext RT:65000:1 large 65000:1:2"},
		{"comm-list any delete", PLAIN " ext RT:65000:1 large 65000:1:2"},
		{"comm-list text delete", PLAIN " com 65000:1 ext RT:65000:1 large 65000:1:2"},
		{"extcommunity rt 65000:0", PLAIN " com 65000:1 65000:2 ext RT:65000:0 RT:65000:1 large 65000:1:2"},
		{"extcommunity none", PLAIN " com 65000:1 65000:2 large 65000:1:2"},
		{"large-community 1:2:3", PLAIN " com 65000:1 65000:2 ext RT:65000:1 large 1:2:3"},
		{"large-community 1:2:3 additive", PLAIN " com 65000:1 65000:2 ext RT:65000:1 large 1:2:3 65000:1:2"},
		{"large-community none", PLAIN " com 65000:1 65000:2 ext RT:65000:1"},
		{"large-comm-list l delete", PLAIN " com 65000:1 65000:2 ext RT:65000:1"},
		{"ip next-hop 10.0.0.9", "IGP med 5 pref 100 nh 10.0.0.9 unchanged path [65001 65002]" COMS},
		{"ip next-hop peer-address", "IGP med 5 pref 100 nh 10.0.0.2 self path [65001 65002]" COMS},
		{"ip next-hop unchanged", "IGP med 5 pref 100 nh 10.0.0.2 unchanged path [65001 65002]" COMS},
		{"ipv6 next-hop global 2001:db8::1", PLAIN COMS},
		{"as-path prepend 65000 65000", "IGP med 5 pref 100 nh 10.0.0.2 path [65000 65000 65001 65002]" COMS},
		{"as-path exclude 65001", "IGP med 5 pref 100 nh 10.0.0.2 path [65002]" COMS},
		{"as-path exclude 65001 65002", "IGP med 5 pref 100 nh 10.0.0.2 path []" COMS},
		{"atomic-aggregate", PLAIN COMS " atomic"},
		{"aggregator as 65005 192.0.2.1", PLAIN COMS " aggregator 65005 c0000201"},
		{"originator-id 192.0.2.2", PLAIN COMS " originator c0000202"},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		char text[1024], got[512];
		struct sbuf s = SB(text), g = SB(got);
		sb_put(&s,
		       "bgp community-list standard one permit 65000:1\nbgp community-list standard any permit internet\n"
		       "bgp community-list expanded text deny :1$\nbgp community-list expanded text permit .*\n"
		       "bgp large-community-list standard l permit 65000:1:2\n" BGP "route-map M permit 10\n set ");
		sb_put(&s, row[i].set);
		sb_put(&s, "\nexit\n");
		begin(text);
		fresh();
		assert_true(run("M", "192.0.2.0/24", &peer));
		assert_true(e.changed);
		render(&g);
		if (strcmp(got, row[i].result) != 0)
			fail_msg("set %s:\n  got  %s\n  want %s", row[i].set, got, row[i].result);
		end();
	}
}

static void test_flow(void **state)
{
	static const struct {
		const char *map, *result;
	} row[] = {
		{"route-map M deny 10\n", "deny"},
		{"route-map M permit 10\n match tag 1\n", "deny"},
		{"route-map M permit 10\n set tag 1\nroute-map M permit 20\n set weight 9\n", "tag 1"},
		{"route-map M permit 10\n set tag 1\n on-match next\nroute-map M permit 20\n set weight 9\n",
	         "weight 9 tag 1"},
		{"route-map M permit 10\n set tag 1\n on-match next\nroute-map M permit 20\n match tag 2\n set weight 9\n",
	         "tag 1"},
		{"route-map M permit 10\n set tag 1\n on-match next\nroute-map M permit 20\n match tag 1\n set weight 9\n",
	         "weight 9 tag 1"},
		{"route-map M permit 10\n set tag 1\n continue\nroute-map M deny 20\n", "deny"},
		{"route-map M permit 10\n set tag 1\n on-match goto 30\nroute-map M deny 20\nroute-map M permit 30\n set weight 3\n",
	         "weight 3 tag 1"},
		{"route-map M permit 10\n set tag 1\n continue 25\nroute-map M deny 20\nroute-map M permit 30\n set weight 3\n",
	         "weight 3 tag 1"},
		{"route-map M permit 10\n set tag 1\n continue 99\nroute-map M deny 20\n", "tag 1"},
		{"route-map M permit 10\n call N\n set tag 1\nroute-map N permit 5\n match tag 1\n set weight 4\n",
	         "weight 4 tag 1"},
		{"route-map M permit 10\n call N\n on-match next\nroute-map M permit 20\n set tag 1\nroute-map N deny 5\n",
	         "deny"},
		{"route-map M permit 10\n call N\n on-match next\nroute-map M permit 20\n set tag 1\nroute-map N permit 5\n",
	         "tag 1"},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		char text[1024], got[256] = "";
		struct sbuf s = SB(text), g = SB(got);
		sb_put(&s, BGP);
		sb_put(&s, row[i].map);
		sb_put(&s, "exit\n");
		begin(text);
		fresh();
		if (!run("M", "192.0.2.0/24", &peer))
			sb_put(&g, "deny");
		else if (e.weight)
			sb_printf(&g, "weight %u%s", e.weight, e.tag ? " " : "");
		if (e.tag && strcmp(got, "deny") != 0)
			sb_printf(&g, "tag %u", e.tag);
		if (strcmp(got, row[i].result) != 0)
			fail_msg("%s gives %s, not %s\n%s", row[i].map, got, row[i].result, trace_text);
		end();
	}
}

static void test_calls(void **state)
{
	(void)state;
	begin(BGP
	      "route-map M permit 10\n call N\nexit\nroute-map N permit 10\n set tag 1\nexit\n"
	      "ip prefix-list p permit any\nroute-map deep permit 10\n call inner\nexit\nroute-map inner permit 10\n match ip address prefix-list p\nexit\n");
	/* The loader refuses maps that call each other; a blob from somewhere else may have them. */
	const struct conf_route_map *m = conf_at(conf, b.cb->route_maps, sizeof *m, MAP("N") - 1);
	((struct conf_map_entry *)conf_at(conf, m->entries, sizeof(struct conf_map_entry), 0))->call = MAP("M");
	fresh();
	assert_false(run("M", "192.0.2.0/24", &peer));
	assert_non_null(strstr(trace_text, "call each other too deeply"));
	assert_true(filter_map_by_prefix(&b, MAP("deep")));
	assert_false(filter_map_by_prefix(&b, MAP("M")));
	assert_false(filter_map_by_prefix(&b, 0));
	assert_true(filter_map_by_prefix(&b, 99));
	assert_string_equal(filter_map_name(&b, MAP("deep")), "deep");
	assert_string_equal(filter_map_name(&b, 99), "?");
	end();
}

/* Attributes that become too long: the route is denied, nothing is written over. */
static void test_too_long(void **state)
{
	static uint8_t many[8000];
	char text[4096];
	struct sbuf s = SB(text);
	(void)state;
	sb_put(&s, BGP
	       "route-map M permit 10\n set community 65000:1 65000:2 additive\n set as-path prepend 65000\n on-match next\n"
	       "route-map M permit 20\n set community 65000:4 additive\nexit\n");
	begin(text);
	fresh();
	struct wr w = wr_init(many, sizeof many);
	for (uint32_t i = 0; i < sizeof many / 4; i++)
		wr_u32(&w, 0x10000 + i);
	e.v.communities = SPAN(many, sizeof many);
	struct prefix p = policy_prefix("192.0.2.0/24");
	struct sbuf trace = SB(trace_text);
	struct bgp_filter_in in = {.prefix = &p, .peer = &peer, .trace = &trace};
	assert_false(filter_map(&b, MAP("M"), &in, &e));
	assert_non_null(strstr(trace_text, "too long"));
	assert_true(e.used <= sizeof e.buf);
	end();
}

/* --- edit_commit --- */
static void test_commit(void **state)
{
	/* Communities that came with the Partial bit, an unknown attribute between known ones and one behind, communities of IPv6. */
#define TAIL                                                                                                          \
	0xe0, 8, 4, 0xfd, 0xe8, 0, 1, 0xe0, 12, 1, 0xaa, 0xc0, 16, 8, 0, 2, 0xfd, 0xe8, 0, 0, 0, 1, 0xc0, 25, 20, 0, 2, \
		0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 5, 0xe0, 99, 2, 1, 2
	static const uint8_t in[] = {0x40, 1, 1, 0, 0x40, 2, 6, 2, 1, 0, 0, 0xfd, 0xe9, TAIL};
	static const uint8_t want[] = {0x40, 1, 1,    2,    0x40, 2, 10,   2,    2, 0, 0, 0xfd, 0xe8,
	                               0,    0, 0xfd, 0xe9, 0x80, 4, 4,    0,    0, 0, 9, TAIL};
#undef TAIL
	uint32_t as = 65000;
	struct bgp_attr *a = calloc(1, sizeof *a + sizeof in);
	(void)state;
	begin(BGP);
	memcpy(a->canon, in, sizeof in);
	a->canon_len = sizeof in;
	a->next_hop = policy_addr("10.0.0.2");
	a->weight = 3;
	bgp_attrs_view(SPAN(a->canon, a->canon_len), &a->v);
	assert_true(a->v.unknown);
	edit_init(&e, a);
	assert_false(e.changed);
	assert_ptr_equal(edit_commit(&b, &e, false), &interned);
	assert_int_equal(n_committed, sizeof in);
	assert_memory_equal(committed, in, sizeof in);
	assert_int_equal(interned.weight, 3);
	assert_true(addr_eq(&interned.next_hop, &a->next_hop));
	assert_true(edit_prepend(&e, &as, 1));
	e.v.origin = BGP_INCOMPLETE;
	e.v.med = 9;
	e.v.has |= HAS(BGP_A_MED);
	assert_ptr_equal(edit_commit(&b, &e, false), &interned);
	assert_int_equal(n_committed, sizeof want);
	assert_memory_equal(committed, want, sizeof want);
	free(a);
	end();
}

static void test_prepend_full(void **state)
{
	uint8_t *octets = malloc(2 + 255 * 4);
	struct wr w = wr_init(octets, 2 + 255 * 4);
	uint32_t as[2] = {1, 2};
	(void)state;
	wr_u8(&w, BGP_AS_SEQUENCE);
	wr_u8(&w, 255);
	for (unsigned i = 0; i < 255; i++)
		wr_u32(&w, 1000 + i);
	fresh();
	e.v.as_path = SPAN(octets, w.len);
	assert_true(edit_prepend(&e, as, 2)); /* RFC 4271 5.1.2 b 1: a new segment when the first is full */
	assert_int_equal(e.v.as_path.n, w.len + 10);
	assert_int_equal(e.v.as_path.p[1], 2);
	assert_int_equal(e.v.as_path.p[11], 255);
	assert_int_equal(bgp_as_path_length(e.v.as_path), 257);
	octets[0] = BGP_AS_SET;
	e.v.as_path = SPAN(octets, w.len);
	assert_true(edit_prepend(&e, as, 1)); /* and in front of a set */
	assert_int_equal(bgp_as_path_length(e.v.as_path), 2);
	assert_true(edit_exclude(&e, (uint32_t[]){1}, 1)); /* a segment that becomes empty goes */
	assert_int_equal(e.v.as_path.n, w.len);
	free(octets);
}

/* --- memory, bad patterns --- */
static void test_memory(void **state)
{
	static const char text[] = "bgp as-path access-list a permit ^1\nbgp as-path access-list a permit ^2\n"
				   "bgp community-list expanded c permit 1:2\n" BGP
				   "route-map M permit 10\n match community c\nexit\n";
	(void)state;
	for (unsigned n = 1;; n++) {
		begin(text);
		heap.n = 0;
		heap.fail = n;
		int err = filter_compile(&b);
		bool failed = heap.n >= n;
		heap.fail = 0;
		assert_int_equal(err, failed ? -ENOMEM : 0);
		if (failed) { /* nothing passes until there is a configuration again */
			fresh();
			assert_false(filter_aspath_list(&b, 1, sequence("1"), NULL));
			assert_false(filter_community_list(&b, 1, (struct span){0}, false, NULL));
			assert_int_equal(filter_compile(&b), 0);
			assert_true(filter_aspath_list(&b, 1, sequence("1"), NULL));
		}
		end();
		if (!failed) {
			assert_true(n > 5);
			break;
		}
	}
	struct bgp none = {.env = {.mem = &heap.mem}};
	policy_mem_init(&heap);
	heap.fail = 1;
	assert_int_equal(filter_init(&none), -ENOMEM);
	filter_fini(&none);
}

/* The configuration's loader refuses such a pattern; a blob from somewhere else may have it. */
static void test_bad_pattern(void **state)
{
	(void)state;
	begin("bgp as-path access-list a permit ^(1)\n" BGP);
	const struct conf_aspath_list *l = conf_at(conf, b.cb->aspath_lists, sizeof *l, 0);
	const struct conf_aspath_rule *r = conf_at(conf, l->rules, sizeof *r, 0);
	((char *)conf_str(conf, r->regex))[3] = '*';
	((char *)conf_str(conf, r->regex))[1] = '*';
	note[0] = '\0';
	assert_int_equal(filter_compile(&b), 0);
	assert_non_null(strstr(note, "it matches nothing"));
	assert_false(filter_aspath_list(&b, 1, sequence("1"), NULL));
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_prefix_lists), cmocka_unit_test(test_aspath_lists),
		cmocka_unit_test(test_matches),      cmocka_unit_test(test_matches_absent),
		cmocka_unit_test(test_sets),         cmocka_unit_test(test_flow),
		cmocka_unit_test(test_calls),        cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_commit),       cmocka_unit_test(test_prepend_full),
		cmocka_unit_test(test_memory),       cmocka_unit_test(test_bad_pattern),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
