/* `status`: from the engines' views (fakes here, of the same shape) through daemon/status.c to the text of cli/,
 * compared with files. tests/golden/cli/strongswan-statusall.txt is what a real strongSwan printed for the same
 * tunnel (5.9.8, from its listening addresses on): our lines must be the same octets. With the argument `make` the
 * golden files are written anew. */
#include "cli/cli.h"
#include "config/config.h"
#include "daemon/status.h"

#include <errno.h>
#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* --- the engines' views --- */
static struct ike_sa_view sas[4];
static struct ike_child_view children[4];
static size_t n_sas, n_children;
static struct {
	const char *why, *way;
	mono_t next_try;
	struct tun_view view;
	bool known;
} tuns[8];

static const mono_t NOW = DUR_S(5000);

bool ike_next_sa(const struct ike *e, uint32_t *cursor, struct ike_sa_view *out)
{
	(void)e;
	for (size_t i = 0; i < n_sas; i++) {
		if (sas[i].ike_id > *cursor) {
			*cursor = sas[i].ike_id;
			*out = sas[i];
			return true;
		}
	}
	return false;
}

bool ike_next_child(const struct ike *e, uint32_t *cursor, struct ike_child_view *out)
{
	(void)e;
	for (size_t i = 0; i < n_children; i++) {
		if (children[i].child_id > *cursor) {
			*cursor = children[i].child_id;
			*out = children[i];
			return true;
		}
	}
	return false;
}

bool ike_next_sa_of(const struct ike *e, uint32_t tunnel, uint32_t *cursor, struct ike_sa_view *out)
{
	while (ike_next_sa(e, cursor, out)) {
		if (out->tunnel == tunnel)
			return true;
	}
	return false;
}

bool ike_next_child_of(const struct ike *e, uint32_t tunnel, uint32_t *cursor, struct ike_child_view *out)
{
	while (ike_next_child(e, cursor, out)) {
		if (out->tunnel == tunnel)
			return true;
	}
	return false;
}

void ike_count(const struct ike *e, uint32_t *up, uint32_t *connecting)
{
	struct ike_sa_view v;
	*up = *connecting = 0;
	for (uint32_t at = 0; ike_next_sa(e, &at, &v);)
		*(v.state == IKE_S_CONNECTING ? connecting : up) += 1;
}

const char *ike_why(const struct ike *e, uint32_t tunnel)
{
	(void)e;
	return tuns[tunnel].why ? tuns[tunnel].why : "";
}

const char *ike_way(const struct ike *e, uint32_t tunnel)
{
	(void)e;
	return tuns[tunnel].way ? tuns[tunnel].way : "";
}

mono_t ike_next_try(const struct ike *e, uint32_t tunnel)
{
	(void)e;
	return tuns[tunnel].next_try ? tuns[tunnel].next_try : MONO_NEVER;
}

void ike_counters(const struct ike *e, struct ike_counters *out)
{
	(void)e;
	*out = (struct ike_counters){.packets_in = 4, .packets_out = 5, .dropped_auth = 6, .half_open = 1};
}

bool tunnels_view(const struct tunnels *t, uint32_t tunnel, struct tun_view *out)
{
	(void)t;
	if (tuns[tunnel].known)
		*out = tuns[tunnel].view;
	return tuns[tunnel].known;
}

const char *tun_state_name(uint8_t state)
{
	static const char *const names[] = {"down", "sa-up", "gre", "hook", "probe", "up", "going-down"};
	return state < ARRAY_LEN(names) ? names[state] : "?";
}

/* --- a configuration --- */
static const char *conf_text;

static int file_read(struct config_files *io, const char *path, struct config_text *out)
{
	(void)io;
	const char *s = strcmp(path, "/t/ipsec.conf") == 0      ? conf_text
	                : strcmp(path, "/t/ipsec.secrets") == 0 ? ": PSK \"secret\"\n"
	                                                        : NULL;
	if (!s)
		return -ENOENT;
	*out = (struct config_text){.s = strdup(s), .n = strlen(s), .mode = 0600};
	return out->s ? 0 : -ENOMEM;
}

static int file_glob(struct config_files *io, const char *pattern, void (*found)(void *arg, const char *path),
                     void *arg)
{
	(void)io;
	(void)pattern;
	(void)found;
	(void)arg;
	return 0;
}

static void *heap_get(struct mem *m, size_t n)
{
	(void)m;
	return calloc(1, n ? n : 1);
}

static void heap_put(struct mem *m, void *p, size_t n)
{
	(void)m;
	(void)n;
	free(p);
}

static struct mem heap = {.get = heap_get, .put = heap_put};

static struct conf *load(const char *text)
{
	struct config_files io = {.read = file_read, .glob = file_glob};
	struct addr local;
	struct config_paths where = {.file = "/t/ipsec.conf", .local = &local, .n_local = 1};
	struct psk_set psks;
	struct diags d;
	struct conf *c;
	assert_true(addr_parse("172.19.42.8", &local));
	psk_set_init(&psks, &heap);
	diags_init(&d, &heap);
	conf_text = text;
	assert_int_equal(config_load(&where, &io, &c, &psks, &d), 0);
	psk_set_fini(&psks);
	diags_fini(&d);
	return c;
}

static struct addr addr(const char *s)
{
	struct addr a;
	assert_true(addr_parse(s, &a));
	return a;
}

static struct ident ident(const char *s)
{
	struct ident id;
	assert_true(ident_parse(s, &id));
	return id;
}

/* --- the role's side --- */
static const struct conf *the_conf;

static uint32_t id_of(void *ctx, const char *name)
{
	(void)ctx;
	return (uint32_t)(conf_find(the_conf, name) + 1);
}

static const char *name_of(void *ctx, uint32_t tunnel)
{
	(void)ctx;
	return tunnel == 7                     ? "leaving"
	       : tunnel <= the_conf->n_tunnels ? conf_str(the_conf, conf_tunnel(the_conf, tunnel - 1)->name)
	                                       : NULL;
}

static bool held(void *ctx, uint32_t tunnel)
{
	(void)ctx;
	return strcmp(name_of(NULL, tunnel), "resting") == 0;
}

static bool counted;

static bool counters(void *ctx, uint32_t spi_in, struct sa_counters *out)
{
	(void)ctx;
	*out = (struct sa_counters){.bytes_in = 1572,
	                            .packets_in = 20,
	                            .bytes_out = 1895,
	                            .packets_out = 22,
	                            .last_in_s = 1795369923,
	                            .last_out_s = 1795369913,
	                            .replay_drops = 1};
	return counted && spi_in == 0xc68f7b81;
}

static const struct addr *guarded(void *ctx, uint32_t tunnel, size_t *n)
{
	static struct addr peer;
	(void)ctx;
	peer = addr(strcmp(name_of(NULL, tunnel), "tunnel") == 0 ? "80.251.215.33" : "192.0.2.7");
	*n = strcmp(name_of(NULL, tunnel), "tunnel") == 0 || strcmp(name_of(NULL, tunnel), "far") == 0;
	return &peer;
}

static struct status_src source(const struct conf *c)
{
	static struct addr listen[3];
	listen[0] = addr("172.19.42.8");
	listen[1] = addr("10.0.9.2");
	listen[2] = addr("10.0.0.2");
	the_conf = c;
	return (struct status_src){
		.conf = c,
		.id_of = id_of,
		.name_of = name_of,
		.held = held,
		.counters = counters,
		.guarded = guarded,
		.orphan_counters = NULL,
		.now = NOW,
		.wall_s = 1795369924,
		.started = NOW - DUR_S(28),
		.version = "0.1",
		.pid = 77,
		.log_level = 1,
		.listen = listen,
		.n_listen = 3,
		.port = 500,
		.port_nat_t = 4500,
	};
}

/* The lab's tunnel at cn, as it was when strongSwan was asked. */
static const char SEED[] = "conn tunnel\n leftupdown=/x\n leftprotoport=47\n right=80.251.215.33\n rightprotoport=47\n"
			   " leftid=121.43.117.81\n ike=aes256-sha2_256-modp1024!\n esp=aes-sha2_256!\n authby=secret\n"
			   " auto=start\n keyexchange=ikev2\n type=transport\n";

static struct child_sa seed_child(void)
{
	return (struct child_sa){
		.reqid = 1,
		.local = addr("172.19.42.8"),
		.remote = addr("80.251.215.33"),
		.sel = {.proto = 47},
		.suite = {.encr = ENCR_AES_CBC, .encr_bits = 128, .integ = AUTH_HMAC_SHA2_256_128},
		.in = {.spi = 0xc68f7b81},
		.out = {.spi = 0xcfdd38f9},
		.encap = true,
		.encap_sport = 4500,
		.encap_dport = 4500,
		.replay_window = 32,
		.life = {.soft_s = 3000, .hard_s = 3600},
		.install_policy = true,
	};
}

static struct ike_sa_view seed_sa(void)
{
	return (struct ike_sa_view){
		.ike_id = 2,
		.tunnel = 1,
		.state = IKE_S_ESTABLISHED,
		.spi_i = 0x26ee99aa96ff5fbc,
		.spi_r = 0x0cfed5d0c60db977,
		.local = {addr("172.19.42.8"), 4500},
		.remote = {addr("80.251.215.33"), 4500},
		.my_id = ident("121.43.117.81"),
		.peer_id = ident("80.251.215.33"),
		.suite = {ENCR_AES_CBC, 256, AUTH_HMAC_SHA2_256_128, PRF_HMAC_SHA2_256, DH_MODP_1024, 0},
		.nat_here = true,
		.since = NOW - DUR_S(25) - 1,
		.reauth_at = NOW + DUR_S(9700),
		.rekey_at = MONO_NEVER,
		.last_in = NOW - DUR_S(3),
	};
}

static void seed_world(struct child_sa *child)
{
	*child = seed_child();
	memset(tuns, 0, sizeof tuns);
	sas[0] = seed_sa();
	children[0] = (struct ike_child_view){.child_id = 2,
	                                      .ike_id = 2,
	                                      .tunnel = 1,
	                                      .sa = child,
	                                      .installed = true,
	                                      .since = NOW - DUR_S(25),
	                                      .rekey_at = NOW + DUR_S(2975)};
	n_sas = n_children = 1;
	counted = true;
	tuns[1].known = true;
	tuns[1].view = (struct tun_view){.state = TUN_UP,
	                                 .n_children = 1,
	                                 .received = true,
	                                 .hook_status = 0,
	                                 .why = "",
	                                 .link = {.ifindex = 9,
	                                          .name = "gre1",
	                                          .mtu = 1400,
	                                          .up = true,
	                                          .n_addresses = 1,
	                                          .peer = addr("10.0.0.1")}};
	assert_true(prefix_parse("10.0.0.2/30", &tuns[1].view.link.address[0]));
}

/* --- comparison --- */
static bool make;

static char *slurp(const char *name)
{
	char path[512];
	snprintf(path, sizeof path, "%s/%s", GOLDEN_DIR, name);
	FILE *f = fopen(path, "r");
	char *text = calloc(1, 65536);
	if (!f || !text || fread(text, 1, 65535, f) == 0)
		fail_msg("%s cannot be read", path);
	fclose(f);
	return text;
}

static void compare(const char *name, const char *got)
{
	if (make) {
		char path[512];
		snprintf(path, sizeof path, "%s/%s", GOLDEN_DIR, name);
		FILE *f = fopen(path, "w");
		assert_non_null(f);
		fputs(got, f);
		fclose(f);
		return;
	}
	char *golden = slurp(name);
	assert_string_equal(got, golden);
	free(golden);
}

static char *text_of(json_t *doc, const struct text_status *opt)
{
	char *s = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&s, &n);
	struct cli c = {.out = f, .err = f};
	cli_show(&c, doc, text_status, opt);
	fclose(f);
	return s;
}

static void compare_text(const char *name, json_t *doc, const struct text_status *opt)
{
	char *s = text_of(doc, opt);
	compare(name, s);
	free(s);
}

static void compare_json(const char *name, const json_t *doc)
{
	char *s = json_dumps(doc, JSON_INDENT(2));
	char *line = malloc(strlen(s) + 2);
	sprintf(line, "%s\n", s);
	compare(name, line);
	free(line);
	free(s);
}

static const struct text_status ALL = {.all = true, .own = true, .release = "6.1.0-56-amd64", .machine = "x86_64"};
static const struct text_status SHORT = {.own = true};

/* --- the tests --- */
static void test_as_strongswan(void **state)
{
	struct child_sa child;
	struct conf *c = load(SEED);
	struct status_src src = source(c);
	struct text_status opt = ALL;
	static const char head[] = "Status of IKE charon daemon (gretel 0.1, Linux 6.1.0-56-amd64, x86_64):\n"
				   "  uptime: 28 seconds, since Nov 22 17:51:36 2026\nListening";
	(void)state;
	seed_world(&child);
	opt.own = false;
	json_t *doc = status_build(&src, NULL, true);
	assert_non_null(doc);
	char *ours = text_of(doc, &opt), *real = slurp("strongswan-statusall.txt");
	const char *from = strstr(ours, "Listening IP addresses:\n");
	assert_non_null(from);
	assert_string_equal(from, real);
	assert_int_equal(strncmp(ours, head, sizeof head - 1), 0);
	free(ours);
	free(real);
	json_decref(doc);
	config_free(c);
}

static void test_seed(void **state)
{
	struct child_sa child;
	struct conf *c = load(SEED);
	struct status_src src = source(c);
	struct kernel_caps caps = {true, true, true, true, false};
	struct status_guard guard = {"tunnel", addr("80.251.215.33")};
	(void)state;
	seed_world(&child);
	src.caps = &caps;
	src.plane = &(struct status_plane){.why = "the kernel has ESP and GRE"};
	src.guard = &guard;
	src.n_guards = 1;
	json_t *doc = status_build(&src, NULL, true);
	compare_json("statusall.json", doc);
	compare_text("statusall.txt", doc, &ALL);
	json_decref(doc);
	doc = status_build(&src, "tunnel", false);
	compare_text("status.txt", doc, &SHORT);
	json_decref(doc);
	config_free(c);
}

/* All that can be wrong at once. */
static const char TROUBLE[] =
	"conn %default\n leftprotoport=gre\n rightprotoport=gre\n type=transport\n authby=secret\n keyexchange=ikev2\n"
	"conn far\n right=192.0.2.7\n auto=start\n dpdaction=restart\n dpddelay=30s\n esp=aes128-sha256!\n"
	"conn resting\n right=vpn.example.org\n auto=start\n ike=aes128-sha1-modp1536!\n"
	"conn waiting\n right=192.0.2.9\n rightid=@peer\n auto=add\n"
	"conn a-name-longer-than-twelve\n right=192.0.2.10\n auto=start\n"
	"conn local\n type=pass\n left=172.19.42.8\n right=192.0.2.11\n auto=route\n"
	"conn broken\n right=192.0.2.12\n ike=nonsense!\n auto=start\n";

static void trouble_world(struct child_sa child[2])
{
	memset(tuns, 0, sizeof tuns);
	counted = false;
	child[0] = child[1] = seed_child();
	child[1].in.spi = 0x0000abcd;
	child[1].encap = false;
	for (size_t i = 0; i < 3; i++) {
		sas[i] = seed_sa();
		sas[i].ike_id = (uint32_t)(i + 1);
		sas[i].initiator = true;
	}
	sas[0].tunnel = 1;
	sas[0].state = IKE_S_CONNECTING;
	sas[0].spi_r = 0;
	sas[0].peer_id = (struct ident){.type = ID_ANY};
	sas[0].suite = (struct suite){0};
	sas[0].retransmits = 2;
	sas[0].last_in = 0;
	sas[1].tunnel = 4;
	sas[1].reauth_at = MONO_NEVER;
	sas[1].rekey_at = NOW + DUR_S(5400);
	sas[1].ppk = true;
	sas[2].tunnel = 7;
	sas[2].state = IKE_S_DELETING;
	sas[3] = sas[0];
	sas[3].ike_id = 4;
	sas[3].tunnel = 0;
	n_sas = 4;
	children[0] = (struct ike_child_view){.child_id = 5,
	                                      .ike_id = 2,
	                                      .tunnel = 4,
	                                      .sa = &child[0],
	                                      .installed = true,
	                                      .rekeyed = true,
	                                      .since = NOW - DUR_S(3540),
	                                      .rekey_at = MONO_NEVER};
	children[1] = (struct ike_child_view){.child_id = 6,
	                                      .ike_id = 2,
	                                      .tunnel = 4,
	                                      .sa = &child[1],
	                                      .installed = true,
	                                      .since = NOW,
	                                      .rekey_at = MONO_NEVER};
	children[2] = (struct ike_child_view){
		.child_id = 7, .ike_id = 2, .tunnel = 4, .sa = &child[1], .since = NOW, .rekey_at = NOW - 1};
	n_children = 3;
	for (size_t i = 1; i <= 5; i++) {
		tuns[i].known = true;
		tuns[i].view = (struct tun_view){.state = TUN_DOWN, .hook_status = -1, .why = ""};
	}
	tuns[1].why = "no answer from 192.0.2.7:500: filtered or down";
	tuns[1].next_try = NOW + DUR_S(12);
	tuns[3].view.why = "the script ended with status 3";
	tuns[3].view.hook_status = 3;
	tuns[4].view.state = TUN_HOOK;
	tuns[4].view.hook_status = 1;
}

/* Of "far" two packets came late; together with nobody's there are more. */
static const uint64_t *drops_of(void *ctx, const char *tunnel)
{
	static const uint64_t far[ESP_DROP_N] = {[ESP_DROP_REPLAY_OLD] = 2}, none[ESP_DROP_N];
	(void)ctx;
	return strcmp(tunnel, "far") == 0 ? far : strcmp(tunnel, "resting") == 0 ? none : NULL;
}
static const uint64_t ALL_DROPS[ESP_DROP_N] = {[ESP_DROP_SHORT] = 1, [ESP_DROP_SPI] = UINT64_MAX, [ESP_DROP_REPLAY_OLD] = 2};

static void test_trouble(void **state)
{
	struct child_sa child[2], orphan = seed_child();
	struct conf *c = load(TROUBLE);
	struct status_src src = source(c);
	struct status_guard guard[2] = {{"far", addr("192.0.2.7")}, {"", {.family = AF_NONE}}};
	struct status_orphan left = {"far", &orphan, NOW - DUR_S(100)};
	(void)state;
	trouble_world(child);
	src.drops = drops_of;
	src.plane = &(struct status_plane){.user = true, .workers = 2, .backend = ESP_BACKEND_OPENSSL, .drops = ALL_DROPS,
	                                   .why = "the kernel has no ESP and no GRE"};
	src.guard = guard;
	src.n_guards = 2;
	src.orphan = &left;
	src.n_orphans = 1;
	src.restarted = true;
	json_t *doc = status_build(&src, NULL, true);
	compare_json("trouble.json", doc);
	compare_text("trouble-all.txt", doc, &ALL);
	compare_text("trouble.txt", doc, &SHORT);
	json_decref(doc);
	doc = status_list(&src);
	compare_json("list.json", doc);
	json_decref(doc);
	doc = status_guards(&src);
	compare_json("guards.json", doc);
	json_decref(doc);
	config_free(c);
}

static void test_one_tunnel(void **state)
{
	struct child_sa child[2];
	struct conf *c = load(TROUBLE);
	struct status_src src = source(c);
	struct text_status opt = SHORT;
	(void)state;
	trouble_world(child);
	opt.name = "waiting";
	json_t *doc = status_build(&src, "waiting", false);
	assert_int_equal(json_array_size(json_object_get(doc, "tunnels")), 1);
	assert_int_equal(json_array_size(json_object_get(doc, "others")), 0);
	assert_int_equal(json_array_size(json_object_get(doc, "refused")), 0);
	char *s = text_of(doc, &opt);
	assert_non_null(strstr(s, "Security Associations (2 up, 2 connecting):\n  no match\n"));
	free(s);
	json_decref(doc);
	config_free(c);
}

static void test_nothing(void **state)
{
	struct status_src src = source(NULL);
	(void)state;
	n_sas = n_children = 0;
	src.n_listen = 0;
	json_t *doc = status_build(&src, NULL, false);
	char *s = text_of(doc, &SHORT);
	assert_string_equal(s, "Security Associations (0 up, 0 connecting):\n  none\nTunnels:\n");
	free(s);
	json_decref(doc);
	doc = status_counters(&src);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(doc, "ike"), "dropped_auth")), 6);
	json_decref(doc);
	doc = status_version(&src);
	assert_int_equal(json_integer_value(json_object_get(doc, "uptime_s")), 28);
	json_decref(doc);
}

/* Expressions of the kind that exporters use on strongSwan's lines: none may match a line of ours. */
static void test_own_lines_apart(void **state)
{
	static const char *const pattern[] = {
		"^ *[^ ]+\\[[0-9]+\\]:",
		"^ *[^ ]+\\{[0-9]+\\}:",
		"^ +[^ ]+: ",
		"ESTABLISHED|INSTALLED|CONNECTING|ROUTED|REKEY",
		"\\([0-9]+ up, [0-9]+ connecting\\)",
		"bytes_[io]",
		"===",
		"\\.\\.\\.",
		"^  uptime:",
		"^[A-Z][a-z]+ [A-Z]",
	};
	struct child_sa child[2], orphan = seed_child();
	struct conf *c = load(TROUBLE);
	struct status_src src = source(c);
	struct status_orphan left = {"far", &orphan, NOW};
	char *text = NULL, *save = NULL;
	size_t n = 0, lines = 0;
	(void)state;
	trouble_world(child);
	src.orphan = &left;
	src.n_orphans = 1;
	json_t *doc = status_build(&src, NULL, false);
	FILE *f = open_memstream(&text, &n);
	text_own(f, doc, NULL);
	fclose(f);
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save), lines++) {
		for (size_t i = 0; i < ARRAY_LEN(pattern); i++) {
			regex_t re;
			assert_int_equal(regcomp(&re, pattern[i], REG_EXTENDED | REG_NOSUB), 0);
			if (regexec(&re, line, 0, NULL, 0) == 0)
				fail_msg("'%s' matches '%s'", pattern[i], line);
			regfree(&re);
		}
	}
	assert_true(lines > 10);
	free(text);
	json_decref(doc);
	config_free(c);
}

static void test_durations(void **state)
{
	static const struct {
		int64_t s;
		const char *text;
	} row[] = {
		{0, "0 seconds"},     {1, "1 second"},       {120, "120 seconds"},
		{121, "2 minutes"},   {7200, "120 minutes"}, {7201, "2 hours"},
		{172800, "48 hours"}, {172801, "2 days"},    {863999, "9 days"},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		char *s = NULL;
		size_t n = 0;
		FILE *f = open_memstream(&s, &n);
		text_duration(f, row[i].s);
		fclose(f);
		assert_string_equal(s, row[i].text);
		free(s);
	}
}

/* Want of memory anywhere gives no document rather than half of one. */
static size_t allowed;

static void *scarce(size_t n) { return allowed-- == 0 ? (allowed = 0, NULL) : malloc(n); }

static void test_no_memory(void **state)
{
	struct child_sa child;
	struct conf *c = load(SEED);
	struct status_src src = source(c);
	json_malloc_t get;
	json_free_t put;
	json_t *doc = NULL;
	size_t tries = 0;
	(void)state;
	seed_world(&child);
	doc = status_build(&src, NULL, true);
	char *whole = json_dumps(doc, 0);
	json_decref(doc);
	json_get_alloc_funcs(&get, &put);
	for (doc = NULL; !doc; tries++) {
		allowed = tries;
		json_set_alloc_funcs(scarce, free);
		doc = status_build(&src, NULL, true);
		json_set_alloc_funcs(get, put);
	}
	assert_true(tries > 300);
	char *again = json_dumps(doc, 0);
	assert_string_equal(again, whole);
	free(again);
	free(whole);
	json_decref(doc);
	config_free(c);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_strongswan), cmocka_unit_test(test_seed),
		cmocka_unit_test(test_trouble),       cmocka_unit_test(test_one_tunnel),
		cmocka_unit_test(test_nothing),       cmocka_unit_test(test_own_lines_apart),
		cmocka_unit_test(test_durations),     cmocka_unit_test(test_no_memory),
	};
	make = argc > 1 && strcmp(argv[1], "make") == 0;
	setenv("TZ", "UTC", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
