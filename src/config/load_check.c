/* What no single value of a gretel.conf can say: required keys, contradictions, doubles. See load.h. */
#include "config/load.h"

#include <stdio.h>
#include <string.h>

/* Keys that are read and kept, but have no effect so far. */
static void check_idle(struct cfg_load *l, const struct cfg_section *sec, const struct cfg_given *g, const char *prefix,
                       const char *const *keys, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct cfg_node *at = cfg_given_at(sec, g, keys[i]);
		char path[CFG_PATH_MAX];
		struct sbuf b = SB(path);
		sb_printf(&b, "%s.%s", prefix, keys[i]);
		if (at)
			cfg_tell(l, DIAG_NOTE, at, path, "has no effect yet");
	}
}

void cfg_check_setup(struct cfg_load *l, const struct cfg_given *g)
{
	const struct conf_setup *s = &l->job->build->setup;
	const struct cfg_node *port = cfg_given_at(&cfg_daemon, g, "nat_t_port");
	const struct cfg_node *spi = cfg_given_at(&cfg_daemon, g, "spi_max");
	if (s->port && s->port == s->port_nat_t)
		cfg_tell(l, DIAG_ERROR, port ? port : cfg_given_at(&cfg_daemon, g, "port"), "daemon.nat_t_port",
		         "expected another port than daemon.port, found %u for both", s->port);
	if (s->spi_min > s->spi_max)
		cfg_tell(l, DIAG_ERROR, spi ? spi : cfg_given_at(&cfg_daemon, g, "spi_min"), "daemon.spi_max",
		         "expected at least daemon.spi_min (0x%x), found 0x%x", s->spi_min, s->spi_max);
	if (s->initiator_only && s->init_limit_half_open)
		cfg_tell(l, DIAG_NOTE, cfg_given_at(&cfg_daemon, g, "init_limit_half_open"), "daemon.init_limit_half_open",
		         "has no effect with initiator_only");
	static const char *const idle[] = {"keep_alive_dpd_margin", "make_before_break", "retry_initiate_interval"};
	check_idle(l, &cfg_daemon, g, "daemon", idle, ARRAY_LEN(idle));
}

/* The first algorithm in use that is weak, or NULL. */
static const struct algo *weak_algo(const struct proposals *p)
{
	for (size_t i = 0; i < p->n; i++) {
		for (size_t k = 0; k < p->p[i].n; k++) {
			const struct transform *t = &p->p[i].t[k];
			const struct algo *a = algo_find(t->type, t->id, t->key_bits);
			if (a && (a->flags & ALGO_WEAK))
				return a;
		}
	}
	return NULL;
}

static void check_weak(struct cfg_load *l, struct tunnel_conf *t, const struct cfg_given *g, const struct cfg_node *at,
                       const char *path)
{
	const struct { const char *key; conf_ref p, text; } prop[] = {
		{"ike", t->ike, t->ike_text}, {"esp", t->esp, t->esp_text},
	};
	t->weak = false;
	for (size_t i = 0; i < ARRAY_LEN(prop); i++) {
		struct proposals p;
		if (!prop[i].p || !prop[i].text)
			continue;
		memcpy(&p, l->job->build->pool + prop[i].p, sizeof p);
		const struct algo *a = weak_algo(&p);
		const struct cfg_node *v = cfg_given_at(&cfg_tunnels, g, prop[i].key);
		char full[CFG_PATH_MAX];
		struct sbuf b = SB(full);
		sb_printf(&b, "%s.%s", path, prop[i].key);
		if (a)
			cfg_tell(l, DIAG_WARNING, v ? v : at, full, "%s is weak and used because it is asked for",
			         a->log_name);
		t->weak = t->weak || a;
	}
}

static bool eats_all(const struct conf_life *life)
{
	return life->life > 0 && (double)life->margin * (1 + life->fuzz_percent / 100.0) >= (double)life->life;
}

static void check_lives(struct cfg_load *l, const struct tunnel_conf *t, const struct cfg_given *g,
                        const struct cfg_node *at, const char *path)
{
	const struct { const char *key; const struct conf_life *life; } lives[] = {
		{"ikelifetime", &t->ike_life}, {"lifetime", &t->child_life},
	};
	for (size_t i = 0; i < ARRAY_LEN(lives) && t->rekey; i++) {
		const struct cfg_node *v = cfg_given_at(&cfg_tunnels, g, lives[i].key);
		char full[CFG_PATH_MAX], margin[32];
		struct sbuf b = SB(full), m = SB(margin);
		sb_printf(&b, "%s.%s", path, lives[i].key);
		cfg_time_print(&m, lives[i].life->margin);
		if (eats_all(lives[i].life))
			cfg_tell(l, DIAG_WARNING, v ? v : at, full,
			         "margintime (%s) with rekeyfuzz (%u%%) reaches all of it: keys may be renewed at once, "
			         "or never", margin, lives[i].life->fuzz_percent);
	}
}

static bool concrete(const struct conf_end *e)
{
	for (size_t i = 0; i < e->n_hosts; i++) {
		if (e->host[i].kind == HOST_ADDR || e->host[i].kind == HOST_NAME)
			return true;
	}
	return false;
}

/* One key of a tunnel in a diagnostic: the line where it was given, else that of the tunnel. */
static void tell_key(struct cfg_load *l, enum diag_level level, const struct cfg_given *g, const struct cfg_node *at,
                     const char *path, const char *key, const char *text)
{
	char full[CFG_PATH_MAX];
	struct sbuf b = SB(full);
	const struct cfg_node *v = cfg_given_at(&cfg_tunnels, g, key);
	sb_printf(&b, "%s.%s", path, key);
	cfg_tell(l, level, v ? v : at, full, "%s", text);
}

static bool gre_given(const struct cfg_given *g)
{
	for (size_t i = 0; i < cfg_tunnels.n; i++) {
		if (g->at[i] && strncmp(cfg_tunnels.row[i].path, "gre.", 4) == 0)
			return true;
	}
	return false;
}

void cfg_check_gre(struct cfg_load *l, struct tunnel_conf *t, const struct cfg_given *g, const struct cfg_node *at,
                   const char *path)
{
	const struct conf_builder *b = l->job->build;
	if (!t->gre.name[0]) {
		if (gre_given(g) && !cfg_given_at(&cfg_tunnels, g, "gre.name"))
			tell_key(l, DIAG_ERROR, g, at, path, "gre.name", "expected an interface name, found none");
		memset(&t->gre, 0, sizeof t->gre);
		return;
	}
	if (t->kind != TUNNEL_TRANSPORT || (t->local.proto != 47 && t->local.proto != 0))
		tell_key(l, DIAG_ERROR, g, at, path, "gre.name",
		         "needs type = \"transport\" and protocol = \"gre\" (or \"any\")");
	for (size_t i = 0; i < t->gre.n_addresses; i++) {
		if (t->gre.address[i].addr.family == AF_V6 && t->gre.mtu && t->gre.mtu < 1280)
			tell_key(l, DIAG_ERROR, g, at, path, "gre.mtu", "expected at least 1280 with an IPv6 address inside");
	}
	for (size_t i = 0; i < b->n_tunnels; i++) {
		const struct tunnel_conf *o = &b->tunnel[i];
		if (o->name != t->name && strcmp(o->gre.name, t->gre.name) == 0) {
			char text[CFG_PATH_MAX];
			struct sbuf s = SB(text);
			sb_printf(&s, "interface %s is tunnel %s's already", t->gre.name,
			          conf_builder_text(b, o->name));
			tell_key(l, DIAG_ERROR, g, at, path, "gre.name", text);
			return;
		}
	}
}

void cfg_check_sense(struct cfg_load *l, struct tunnel_conf *t, const struct cfg_given *g, const struct cfg_node *at,
                     const char *path)
{
	check_weak(l, t, g, at, path);
	check_lives(l, t, g, at, path);
	if (!concrete(&t->remote) && t->auto_mode != AUTO_ADD && t->kind == TUNNEL_TRANSPORT)
		tell_key(l, DIAG_WARNING, g, at, path, "auto",
		         "the peer has no address or name to start with: the tunnel waits for it, as with \"add\"");
	if (t->dpd_delay == 0 && t->dpd_action != DPD_NONE && cfg_given_at(&cfg_tunnels, g, "dpd.action"))
		tell_key(l, DIAG_NOTE, g, at, path, "dpd.action", "has no effect with dpd.delay = 0");
	static const char *const idle[] = {"ikedscp", "inactivity"};
	check_idle(l, &cfg_tunnels, g, path, idle, ARRAY_LEN(idle));
}
