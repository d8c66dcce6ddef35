/* Filters: a pattern, a text, and an UPDATE's body, a line end between them. Must hold: a pattern means the same within parentheses;
 * attributes that any route map has changed are canonical, read back as what was committed, and the same set when they are committed again;
 * every list and map gives the same answer with a trace as without. */
#include "fuzz.h"

#include "../config/mem_files.h"
#include "bgp/policy_int.h"
#include "bgp/regex.h"
#include "config/config.h"

#include <stdlib.h>
#include <string.h>

#define MUST(x)                                                                                                        \
	do {                                                                                                           \
		if (!(x))                                                                                              \
			__builtin_trap();                                                                              \
	} while (0)

static const char MAIN[] = "routing = { module = \"bgp\"; frr_conf = \"/f.conf\"; };\n";
static const char FRR[] =
	"ip prefix-list p permit 10.0.0.0/8 le 24\nbgp as-path access-list a deny _65009_\nbgp as-path access-list a permit ^6500[1-5](_.*)?$\n"
	"bgp community-list standard c permit 65000:1\nbgp community-list expanded x permit _65000:[0-9]+_\n"
	"bgp extcommunity-list standard e permit rt 65000:1\nbgp large-community-list expanded l permit 1:.:3\n"
	"router bgp 65000\n neighbor 10.0.0.2 remote-as 65000\nexit\n"
	"route-map M permit 10\n match ip address prefix-list p\n match as-path a\n set as-path prepend 65000 65000\n set metric +7\n on-match next\n"
	"route-map M permit 20\n match community x\n set comm-list c delete\n set community 65000:9 65000:8 additive\n continue\n"
	"route-map M permit 30\n match community c exact-match\n set community none\n on-match goto 60\n"
	"route-map M permit 40\n match extcommunity e\n set extcommunity none\n call N\n continue\n"
	"route-map M permit 50\n match large-community l\n set large-comm-list l delete\n set large-community 7:8:9 additive\n continue\n"
	"route-map M permit 60\n set as-path exclude 65001 65002\n set local-preference 7\n set origin egp\n set atomic-aggregate\n continue\n"
	"route-map M permit 70\n set aggregator as 65005 192.0.2.1\n set originator-id 192.0.2.2\n set ip next-hop 192.0.2.3\n set weight 3\n set tag 4\nexit\n"
	"route-map N permit 10\n match metric 0\nexit\nroute-map N permit 20\n match local-preference 100\n set metric -100\nexit\n"
	"route-map O permit 10\n match origin igp\n set community 65000:1 no-export\n set large-community 1:2:3\n set extcommunity rt 1:2 3:4\nexit\n"
	"route-map P permit 10\n set as-path exclude 1\n set comm-list x delete\n set large-comm-list l delete\nexit\n";

static struct mem heap;
static struct rng rng;
static struct conf *conf;

static void fill(struct rng *r, void *p, size_t n)
{
	(void)r;
	memset(p, 7, n);
}

static void load(void)
{
	struct mem_files files;
	struct diags d;
	struct psk_set psks;
	struct config_paths where = {.file = "/g.conf"};
	if (conf)
		return;
	mem_files_heap(&heap);
	rng.fill = fill;
	mem_files_init(&files);
	mem_files_add(&files, "/g.conf", MAIN, sizeof MAIN - 1, 0600);
	mem_files_add(&files, "/f.conf", FRR, sizeof FRR - 1, 0600);
	diags_init(&d, &heap);
	psk_set_init(&psks, &heap);
	MUST(config_load(&where, &files.io, &conf, &psks, &d) == 0 && d.errors == 0);
	diags_fini(&d);
	psk_set_fini(&psks);
}

/* --- patterns --- */
static void pattern(const char *p, const uint8_t *text, size_t n)
{
	struct regex *r = NULL, *same = NULL;
	char wrapped[RX_PATTERN_MAX + 3];
	struct sbuf sb = SB(wrapped);
	bool good = bgp_regex_check(p, NULL);
	MUST((rx_new(&heap, p, &r, NULL) == 0) == good);
	sb_printf(&sb, "(%s)", p);
	if (good && !sb.cut && rx_new(&heap, wrapped, &same, NULL) == 0 && !strchr(p, ')')) /* a ) alone is a character outside */
		MUST(rx_match(r, (const char *)text, n) == rx_match(same, (const char *)text, n));
	rx_free(&heap, r);
	rx_free(&heap, same);
}

/* --- maps --- */
static void committed(struct bgp *b, const struct bgp_edit *e)
{
	struct bgp_attr *a = edit_commit(b, e, false);
	struct bgp_edit again;
	MUST(a);
	MUST(a->v.has == (e->v.has & a->v.has)); /* nothing that was not asked for; empty ones are left out */
	MUST(a->v.communities.n == (e->v.has & HAS(BGP_A_COMMUNITIES) ? e->v.communities.n : 0));
	MUST(a->v.as_path.n == e->v.as_path.n);
	edit_init(&again, a);
	struct bgp_attr *b2 = edit_commit(b, &again, false);
	MUST(b2 == a);
	attr_unref(b, b2);
	attr_unref(b, a);
}

static void maps(struct bgp *b, struct bgp_attr *a, const struct prefix *p)
{
	static char text[65536];
	const struct bgp_peer peer = {.address = {.family = AF_V4, .b = {10, 0, 0, 2}}};
	for (uint32_t m = 1; m <= b->cb->route_maps.n; m++) {
		struct sbuf trace = SB(text);
		struct bgp_filter_in in = {.prefix = p, .peer = m & 1 ? &peer : NULL, .source = ROUTE_STATIC, .trace = &trace};
		struct bgp_edit e, quiet;
		edit_init(&e, a);
		edit_init(&quiet, a);
		bool permitted = filter_map(b, m, &in, &e);
		in.trace = NULL;
		MUST(filter_map(b, m, &in, &quiet) == permitted);
		MUST(e.used <= sizeof e.buf && e.used == quiet.used);
		if (permitted)
			committed(b, &e);
	}
}

static void update(const uint8_t *data, size_t size)
{
	static const struct bgp_coding coding = {.as4 = true, .mp = {true, true}, .max = BGP_MSG_EXT_MAX};
	static struct bgp_update u;
	static uint8_t canon[BGP_MSG_EXT_MAX + BGP_SCRATCH];
	const struct bgp_env env = {.mem = &heap, .rng = &rng, .host = "", .software = ""};
	struct wr w = wr_init(canon, sizeof canon);
	bgp_update_decode(SPAN(data, size), &coding, &u);
	if (u.verdict != BGP_V_OK || !(u.attrs.has & HAS(BGP_A_AS_PATH)))
		return;
	struct bgp *b = bgp_new(&env);
	MUST(b);
	b->conf = conf;
	b->cb = conf_bgp(conf);
	MUST(filter_compile(b) == 0);
	bgp_attrs_canon(&w, &u);
	MUST(wr_ok(&w));
	struct bgp_attr *a = attr_get(b, SPAN(canon, w.len), &u.attrs.next_hop, &u.attrs.next_hop_ll, 0, 0, false);
	MUST(a);
	struct prefix p = {.addr = {.family = AF_V4, .b = {10}}, .len = 8};
	for (size_t i = 0; i < ARRAY_LEN(u.reach); i++) {
		uint32_t id;
		if (u.reach[i].octets.n)
			(void)bgp_nlri_next(&u.reach[i], &p, &id);
	}
	maps(b, a, &p);
	attr_unref(b, a);
	bgp_free(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *first = size ? memchr(data, '\n', size) : NULL;
	size_t n = first ? (size_t)(first - data) : size;
	load();
	size_t used = heap.in_use;
	char *p = malloc(n + 1);
	if (n)
		memcpy(p, data, n);
	p[n] = '\0';
	struct span rest = first ? span_behind(SPAN(data, size), n + 1) : (struct span){0};
	const uint8_t *second = rest.n ? memchr(rest.p, '\n', rest.n) : NULL;
	size_t n_text = second ? (size_t)(second - rest.p) : rest.n;
	uint8_t *text = malloc(n_text + 1);
	if (n_text)
		memcpy(text, rest.p, n_text);
	pattern(p, text, n_text);
	free(text);
	free(p);
	if (second) {
		struct span body = span_behind(rest, n_text + 1);
		uint8_t *exact = malloc(body.n + 1);
		if (body.n)
			memcpy(exact, body.p, body.n);
		update(exact, body.n);
		free(exact);
	}
	MUST(heap.in_use == used);
	return 0;
}
