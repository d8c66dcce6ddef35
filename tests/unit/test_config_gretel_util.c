/* See test_config_gretel_util.h. */
#include "test_config_gretel_util.h"

#include "../config/route_same.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *test_get(struct mem *mem, size_t size)
{
	struct test_mem *m = (struct test_mem *)mem;
	return ++m->n == m->fail ? NULL : calloc(1, size);
}

static void test_put(struct mem *mem, void *p, size_t size)
{
	(void)mem, (void)size;
	free(p);
}

void test_mem_init(struct test_mem *m) { *m = (struct test_mem){.mem = {.get = test_get, .put = test_put}}; }

char *read_whole(const char *path, size_t *n)
{
	FILE *f = fopen(path, "rb");
	char *s = f ? calloc(1, 1 << 20) : NULL;
	if (!s)
		return NULL;
	*n = fread(s, 1, (1 << 20) - 1, f);
	fclose(f);
	char *exact = malloc(*n + 1);
	memcpy(exact, s, *n + 1);
	free(s);
	return exact;
}

const char *src_path(const char *path, char out[512])
{
	const char *srcdir = getenv("srcdir");
	snprintf(out, 512, "%s/%s", srcdir ? srcdir : ".", path);
	return out;
}

static int files_read(struct config_files *io, const char *path, struct config_text *out)
{
	struct test_files *f = (struct test_files *)io;
	char full[1024];
	*out = (struct config_text){.mode = f->mode};
	if (f->name && strcmp(path, f->name) == 0) {
		out->s = malloc(f->n + 1);
		memcpy(out->s, f->text, f->n);
		out->s[f->n] = '\0';
		out->n = f->n;
		return 0;
	}
	snprintf(full, sizeof full, "%s/%s", f->dir ? f->dir : "", path);
	/* What stands in for files of other modes than the rest, and for one that cannot be read. */
	if (strstr(path, "open-"))
		out->mode = 0644;
	if (strstr(path, "denied"))
		return -EACCES;
	out->s = f->dir ? read_whole(full, &out->n) : NULL;
	return out->s ? 0 : -ENOENT;
}

static int files_glob(struct config_files *io, const char *pattern, void (*found)(void *arg, const char *path),
                      void *arg)
{
	struct test_files *f = (struct test_files *)io;
	char full[1024];
	glob_t g;
	if (!f->dir)
		return 0;
	snprintf(full, sizeof full, "%s/%s", f->dir, pattern);
	if (glob(full, 0, NULL, &g) == 0) {
		for (size_t i = 0; i < g.gl_pathc; i++)
			found(arg, g.gl_pathv[i] + strlen(f->dir) + 1);
	}
	globfree(&g);
	return 0;
}

void test_files_init(struct test_files *f, const char *dir, const char *name, const char *text, size_t n)
{
	*f = (struct test_files){
		.io = {.read = files_read, .glob = files_glob}, .dir = dir, .name = name, .text = text, .n = n, .mode = 0600};
}

void load_file(struct loaded *l, struct test_mem *m, struct test_files *f, const char *name)
{
	*l = (struct loaded){.mem = m};
	struct config_paths where = {.file = name};
	psk_set_init(&l->psks, &m->mem);
	diags_init(&l->d, &m->mem);
	l->rc = config_load(&where, &f->io, &l->conf, &l->psks, &l->d);
}

void load_text(struct loaded *l, struct test_mem *m, const char *text)
{
	struct test_files f;
	test_files_init(&f, NULL, "g.conf", text, strlen(text));
	load_file(l, m, &f, "g.conf");
}

void loaded_fini(struct loaded *l)
{
	config_free(l->conf);
	psk_set_fini(&l->psks);
	diags_fini(&l->d);
}

char *diags_text(const struct diags *d)
{
	char *s = NULL;
	size_t n;
	FILE *f = open_memstream(&s, &n);
	for (const struct diag *it = d->first; it; it = it->next) {
		char line[2048];
		struct sbuf b = SB(line);
		sb_diag(&b, it);
		fprintf(f, "%s\n", line);
	}
	fclose(f);
	return s;
}

/* libconfig 1.5 loses the texts before a syntax error; with one, nothing is loaded. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) { return "leak:libconfig\n"; }

/* Field by field, apart from schema and printer: what these leave out must show here. */
#define SAME(member)                                                                                         \
	do {                                                                                                 \
		if (memcmp(&x->member, &y->member, sizeof x->member) != 0)                                   \
			return #member;                                                                      \
	} while (0)
#define SAME_TEXT(member)                                                                                    \
	do {                                                                                                 \
		if (strcmp(conf_str(a, x->member), conf_str(b, y->member)) != 0)                             \
			return #member;                                                                      \
	} while (0)

/* Lists with commas; blanks behind these mean nothing. */
static bool same_names(const char *x, const char *y)
{
	while (*x && *x == *y) {
		bool comma = *x == ',';
		x++;
		y++;
		x += comma ? strspn(x, " ") : 0;
		y += comma ? strspn(y, " ") : 0;
	}
	return *x == *y;
}

static const char *end_differs(const struct conf *a, const struct conf_end *x, const struct conf *b,
                               const struct conf_end *y)
{
	SAME(n_hosts);
	SAME(allow_any);
	SAME(ikeport);
	SAME(id_set);
	SAME(id_loose);
	SAME(id.type);
	SAME(id.len);
	SAME(id.data);
	SAME(proto);
	SAME(port);
	SAME(host_access);
	for (size_t i = 0; i < CONF_HOSTS_MAX; i++) {
		SAME(host[i].kind);
		SAME(host[i].family);
		if (!addr_eq(&x->host[i].lo, &y->host[i].lo) ||
		    (x->host[i].kind == HOST_RANGE && !addr_eq(&x->host[i].hi, &y->host[i].hi)))
			return "host[i] address";
		SAME_TEXT(host[i].name);
	}
	return NULL;
}

static const char *life_differs(const struct conf_life *x, const struct conf_life *y)
{
	SAME(life);
	SAME(margin);
	SAME(fuzz_percent);
	SAME(bytes);
	SAME(margin_bytes);
	SAME(packets);
	SAME(margin_packets);
	return NULL;
}

static const char *gre_differs(const struct conf_gre *x, const struct conf_gre *y)
{
	if (!x->name[0] && !y->name[0])
		return NULL;
	if (strcmp(x->name, y->name) != 0)
		return "gre.name";
	SAME(n_addresses);
	for (size_t i = 0; i < x->n_addresses; i++)
		SAME(address[i]);
	SAME(peer);
	SAME(mtu);
	SAME(ttl);
	SAME(tos);
	SAME(key_set);
	SAME(key);
	SAME(csum);
	SAME(seq);
	SAME(mss_clamp);
	SAME(keep);
	return NULL;
}

static const char *tunnel_differs(const struct conf *a, const struct tunnel_conf *x, const struct conf *b,
                                  const struct tunnel_conf *y)
{
	if (memcmp(conf_proposals(a, x->ike), conf_proposals(b, y->ike), sizeof(struct proposals)) != 0 ||
	    memcmp(conf_proposals(a, x->esp), conf_proposals(b, y->esp), sizeof(struct proposals)) != 0)
		return "ike or esp";
	SAME_TEXT(name);
	SAME_TEXT(ike_text);
	SAME_TEXT(esp_text);
	SAME_TEXT(updown);
	SAME_TEXT(ppk_id);
	SAME(ppk_required);
	SAME(kind);
	SAME(auto_mode);
	SAME(rekey);
	SAME(reauth);
	SAME(mobike);
	SAME(forceencaps);
	SAME(fragmentation);
	SAME(install_policy);
	SAME(frag_accept_only);
	SAME(weak);
	SAME(keyingtries);
	SAME(dpd_action);
	SAME(close_action);
	SAME(dpd_delay);
	SAME(inactivity);
	SAME(reqid);
	SAME(replay_window);
	SAME(ikedscp);
	SAME(mark_in);
	SAME(mark_in_mask);
	SAME(mark_out);
	SAME(mark_out_mask);
	SAME(guard);
	const char *d = end_differs(a, &x->local, b, &y->local);
	d = d ? d : end_differs(a, &x->remote, b, &y->remote);
	d = d ? d : life_differs(&x->ike_life, &y->ike_life);
	d = d ? d : life_differs(&x->child_life, &y->child_life);
	return d ? d : gre_differs(&x->gre, &y->gre);
}

static const char *limits_differ(const struct conf_setup *x, const struct conf_setup *y)
{
	SAME(retransmit.tries);
	SAME(retransmit.timeout);
	SAME(retransmit.base);
	SAME(retransmit.jitter_percent);
	SAME(retransmit.limit);
	SAME(keep_alive);
	SAME(half_open_timeout);
	SAME(retry_initiate_interval);
	SAME(delete_rekeyed_delay);
	SAME(cookie_threshold);
	SAME(cookie_threshold_ip);
	SAME(block_threshold);
	SAME(init_limit_half_open);
	SAME(replay_window);
	SAME(spi_min);
	SAME(spi_max);
	SAME(fragment_size);
	SAME(max_packet);
	SAME(ikesa_limit);
	SAME(keep_alive_dpd_margin);
	return NULL;
}

static const char *setup_differs(const struct conf *a, const struct conf_setup *x, const struct conf *b,
                                 const struct conf_setup *y)
{
	SAME(uniqueids);
	SAME(port);
	SAME(port_nat_t);
	SAME(dos_protection);
	SAME(make_before_break);
	SAME(prefer_configured_proposals);
	SAME(initiator_only);
	if (!same_names(conf_str(a, x->interfaces_use), conf_str(b, y->interfaces_use)) ||
	    !same_names(conf_str(a, x->interfaces_ignore), conf_str(b, y->interfaces_ignore)))
		return "interfaces_use or interfaces_ignore";
	SAME(log_level);
	SAME(n_filelogs);
	for (size_t i = 0; i < x->n_filelogs; i++) {
		SAME_TEXT(filelog[i].path);
		SAME(filelog[i].level);
		SAME(filelog[i].append);
		SAME(filelog[i].flush_line);
	}
	SAME_TEXT(hook_user);
	SAME_TEXT(hook_capabilities);
	SAME(hook_timeout);
	SAME(dataplane);
	SAME(dataplane_workers);
	SAME(esp_backend);
	SAME_TEXT(control_socket);
	SAME_TEXT(control_group);
	return limits_differ(x, y);
}

bool conf_same(const struct conf *a, const struct conf *b, const char **what)
{
	*what = setup_differs(a, &a->setup, b, &b->setup);
	if (!*what && a->n_tunnels != b->n_tunnels)
		*what = "n_tunnels";
	for (uint32_t i = 0; !*what && i < a->n_tunnels; i++)
		*what = tunnel_differs(a, conf_tunnel(a, i), b, conf_tunnel(b, i));
	return !*what && route_same(a, b, what);
}
