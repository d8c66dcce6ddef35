/* The configuration in priv: the first load, reloads, and the copy without keys that ike gets as a sealed memfd. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "daemon/priv_role.h"

enum { LOCALS = 256, SAID_MAX = 1024 };

/* What a load is asked and what came of it. */
struct load {
	struct conf *conf;
	struct psk_set psks;
	struct diags diags;
	int rc;
};

/* kernel NULL: this host's addresses are not known. */
static void load(const struct greteld_options *opt, struct kernel *kernel, const struct conf *running,
                 const struct psk_set *running_psks, struct load *l)
{
	struct config_files io;
	struct addr local[LOCALS];
	struct config_paths where = {.file = opt->file, .running = running, .running_psks = running_psks};
	size_t n = 0;
	if (kernel && kernel_addr_list(kernel, local, LOCALS, &n) >= 0) {
		where.local = local;
		where.n_local = min_z(n, LOCALS);
	}
	config_files_os(&io);
	psk_set_init(&l->psks, mem_os());
	diags_init(&l->diags, mem_os());
	l->conf = NULL;
	l->rc = config_load(&where, &io, &l->conf, &l->psks, &l->diags);
}

static void load_drop(struct load *l)
{
	config_free(l->conf);
	psk_set_fini(&l->psks);
	diags_fini(&l->diags);
}

static int8_t note_of(uint8_t diag) { return diag == DIAG_NOTE ? 1 : diag == DIAG_WARNING ? 0 : -1; }

/* On the log, and to an ike that waits for the outcome. */
static void say(struct priv *p, const struct diags *d, bool tell_ike, uint32_t ticket)
{
	size_t n = 0;
	for (const struct diag *x = d->first; x && n < SAID_MAX; x = x->next, n++) {
		char text[PRIV_TEXT_MAX];
		struct sbuf b = SB(text);
		struct e_diag e = {.level = (int8_t)x->level, .kind = PRIV_DIAG_RELOAD};
		sb_diag(&b, x);
		priv_logf(p, note_of((uint8_t)x->level), "%s", text);
		if (tell_ike)
			ike_event(p, PRIV_DIAG, ticket, &e, SPAN(text, b.len + 1), NULL, 0);
	}
}

static const char *failure(int rc)
{
	return rc == -ENOENT ? "there is no configuration file" : rc == -EINVAL ? "it has errors" : strerror(-rc);
}

int conf_start(struct priv *p)
{
	struct load l;
	load(p->opt, p->kernel, NULL, NULL, &l);
	say(p, &l.diags, false, 0);
	if (l.rc < 0) {
		priv_logf(p, -1, "the configuration cannot be used: %s", failure(l.rc));
		int rc = l.rc;
		load_drop(&l);
		return rc;
	}
	diags_fini(&l.diags);
	l.conf->generation = 1;
	p->conf = l.conf;
	p->psks = l.psks;
	log_conf(p->log, p->conf, p->opt->level);
	return 0;
}

/* The answer to RELOAD. */
static void reload_answer(struct priv *p, uint32_t ticket, bool asked, int status, const char *why)
{
	struct actor_out out = {.answer = true, .status = status};
	struct sbuf b = SB(out.text);
	sb_put(&b, why);
	if (asked)
		ike_reply(p, PRIV_RELOAD, ticket, &out);
}

/* For the log, and for an ike that waits for the outcome. */
static void warn(struct priv *p, bool tell_ike, uint32_t ticket, const char *text)
{
	struct e_diag e = {.level = DIAG_WARNING, .kind = PRIV_DIAG_RELOAD};
	priv_logf(p, 0, "%s", text);
	if (tell_ike)
		ike_event(p, PRIV_DIAG, ticket, &e, SPAN(text, strlen(text) + 1), NULL, 0);
}

/* What a running daemon cannot change. */
static void warn_unchanged(struct priv *p, const struct conf *was, bool tell_ike, uint32_t ticket)
{
	const struct conf_setup *a = &was->setup, *b = &p->conf->setup;
	const struct { bool changed; const char *text; } rows[] = {
		{b->port != p->port || b->port_nat_t != p->port_nat_t, "another port takes effect when greteld is restarted"},
		{strcmp(conf_str(was, a->hook_user), conf_str(p->conf, b->hook_user)) != 0 ||
		         strcmp(conf_str(was, a->hook_capabilities), conf_str(p->conf, b->hook_capabilities)) != 0,
		 "hook_user and hook_capabilities take effect when greteld is restarted"},
		{b->dataplane != a->dataplane || b->dataplane_workers != a->dataplane_workers || b->esp_backend != a->esp_backend,
		 "dataplane, dataplane_workers and esp_backend take effect when greteld is restarted"},
		{strcmp(conf_str(was, a->control_socket), conf_str(p->conf, b->control_socket)) != 0,
		 "another control socket takes effect when greteld is restarted"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (rows[i].changed)
			warn(p, tell_ike, ticket, rows[i].text);
	}
}

static int take(struct priv *p, struct load *l, bool tell_ike, uint32_t ticket)
{
	struct conf *was = p->conf;
	struct psk_set was_psks = p->psks;
	l->conf->generation = was->generation + 1;
	plane_conf(p, l->conf);
	p->conf = l->conf;
	p->psks = l->psks;
	int rc = actor_conf_set(p->actor, p->conf, &p->psks);
	if (rc < 0) {
		p->conf = was;
		p->psks = was_psks;
		return rc;
	}
	warn_unchanged(p, was, tell_ike, ticket);
	log_conf(p->log, p->conf, p->opt->level);
	plane_wake(p, loop_now(p->loop));
	conf_send(p, true);
	(void)route_conf(p, &was_psks, loop_now(p->loop));
	l->conf = was;
	l->psks = was_psks;
	return 0;
}

void conf_reload(struct priv *p, uint32_t ticket, bool asked_by_ike, bool check_only)
{
	struct load l;
	char state[64];
	long long usec = (long long)(loop_now(p->loop) / 1000);
	if (!check_only) {
		snprintf(state, sizeof state, "RELOADING=1\nMONOTONIC_USEC=%lld", usec);
		notify(state);
	}
	load(p->opt, p->kernel, p->conf, &p->psks, &l);
	say(p, &l.diags, asked_by_ike, ticket);
	int rc = l.rc;
	if (rc == 0 && !check_only)
		rc = take(p, &l, asked_by_ike, ticket);
	if (!check_only) {
		if (rc < 0)
			priv_logf(p, -1, "the configuration stays as it was: %s", failure(rc));
		else
			priv_logf(p, 1, "the configuration was loaded, generation %llu",
			          (unsigned long long)p->conf->generation);
		notify("READY=1");
	}
	reload_answer(p, ticket, asked_by_ike, rc, rc < 0 ? failure(rc) : "");
	load_drop(&l);
}

int conf_check_only(struct greteld_options *opt)
{
	struct kernel *k = NULL;
	struct load l;
	if (kernel_open(&k) < 0) /* without rights we look all the same */
		k = NULL;
	load(opt, k, NULL, NULL, &l);
	for (const struct diag *x = l.diags.first; x; x = x->next) {
		char text[PRIV_TEXT_MAX];
		struct sbuf b = SB(text);
		sb_diag(&b, x);
		fprintf(stderr, "%s\n", text);
	}
	if (l.rc < 0)
		fprintf(stderr, "greteld: the configuration cannot be used: %s\n", failure(l.rc));
	int rc = l.rc < 0 || l.diags.errors ? 1 : 0;
	load_drop(&l);
	kernel_close(k);
	return rc;
}

/* --- The copy for ike --- */

int conf_memfd(const struct conf *c)
{
	int fd = memfd_create("gretel-conf", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;
	const char *at = (const char *)c;
	for (size_t left = c->size; left;) {
		ssize_t n = write(fd, at, left);
		if (n <= 0) {
			close(fd);
			return -EIO;
		}
		at += n;
		left -= (size_t)n;
	}
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0) {
		int rc = -errno;
		close(fd);
		return rc;
	}
	return fd;
}

void conf_send(struct priv *p, bool reloaded)
{
	uint8_t held[32768] = {0};
	const struct conf *c = p->conf;
	struct e_conf e;
	memset(&e, 0, sizeof e);
	e.generation = c->generation;
	e.size = c->size;
	e.n_tunnels = c->n_tunnels;
	e.reloaded = reloaded;
	size_t n = 0;
	for (uint32_t i = 0; i < c->n_tunnels && i / 8 < sizeof held; i++) {
		if (actor_held(p->actor, conf_str(c, conf_tunnel(c, i)->name)))
			held[i / 8] |= (uint8_t)(1u << (i % 8));
		n = i / 8 + 1;
	}
	int fd = conf_memfd(c);
	if (fd < 0) {
		priv_logf(p, -1, "the configuration cannot be handed over: %s", strerror(-fd));
		return;
	}
	ike_event(p, PRIV_CONF, 0, &e, SPAN(held, n), &fd, 1);
	close(fd);
}
