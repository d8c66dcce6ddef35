/* Access to the configuration blob, its proof, and the defaults (ike.md 1.3, 1b). */
#include "model/conf.h"

#include <string.h>

static const void *at(const struct conf *c, conf_ref r) { return (const char *)c + r; }

const struct tunnel_conf *conf_tunnel(const struct conf *c, uint32_t i)
{
	return i < c->n_tunnels ? (const struct tunnel_conf *)at(c, c->tunnels) + i : NULL;
}

const char *conf_str(const struct conf *c, conf_ref r) { return r ? at(c, r) : ""; }

const char *conf_ppk(const struct conf *c, const struct tunnel_conf *t)
{
	const char *s = conf_str(c, t->ppk_id);
	return *s == '@' ? s + 1 : s; /* as identities are written */
}

const struct proposals *conf_proposals(const struct conf *c, conf_ref r) { return r ? at(c, r) : NULL; }

const struct conf_refused *conf_refused(const struct conf *c, uint32_t i)
{
	return i < c->n_refused ? (const struct conf_refused *)at(c, c->refused) + i : NULL;
}

const void *conf_at(const struct conf *c, struct conf_array a, size_t size, uint32_t i)
{
	return i < a.n ? (const char *)at(c, a.at) + (size_t)i * size : NULL;
}

void sb_conf_host(struct sbuf *b, const struct conf *c, const struct conf_host *h)
{
	switch (h->kind) {
	case HOST_ADDR:
		sb_addr(b, &h->lo);
		break;
	case HOST_RANGE:
		sb_addr(b, &h->lo);
		sb_putc(b, '-');
		sb_addr(b, &h->hi);
		break;
	case HOST_NAME:
		sb_put(b, conf_str(c, h->name));
		break;
	default:
		sb_put(b, h->family == AF_V4 ? "%any4" : h->family == AF_V6 ? "%any6" : "%any");
	}
}

const struct conf_routing *conf_routing(const struct conf *c) { return c->routing ? at(c, c->routing) : NULL; }

const struct conf_bgp *conf_bgp(const struct conf *c)
{
	const struct conf_routing *r = conf_routing(c);
	return r && r->bgp ? at(c, r->bgp) : NULL;
}

int conf_find(const struct conf *c, const char *name)
{
	for (uint32_t i = 0; i < c->n_tunnels; i++) {
		if (strcmp(conf_str(c, conf_tunnel(c, i)->name), name) == 0)
			return (int)i;
	}
	return -1;
}

static bool room(const struct conf *c, conf_ref r, size_t n)
{
	return r >= sizeof *c && r % 8 == 0 && r <= c->size && c->size - r >= n;
}

static bool good_array(const struct conf *c, conf_ref r, uint32_t n, size_t size)
{
	return n == 0 || (room(c, r, 0) && (c->size - r) / size >= n);
}

static bool good_str(const struct conf *c, conf_ref r)
{
	return r == 0 || (r >= sizeof *c && r < c->size && memchr(at(c, r), 0, c->size - r));
}

static bool good_proposals(const struct conf *c, conf_ref r)
{
	if (!room(c, r, sizeof(struct proposals)))
		return false;
	const struct proposals *p = at(c, r);
	if (p->n > PROPOSALS_MAX)
		return false;
	for (size_t i = 0; i < p->n; i++) {
		if (p->p[i].n > TRANSFORMS_MAX)
			return false;
	}
	return true;
}

static bool good_end(const struct conf *c, const struct conf_end *e)
{
	if (e->n_hosts > CONF_HOSTS_MAX || e->id.len > IDENT_MAX)
		return false;
	for (size_t i = 0; i < e->n_hosts; i++) {
		if (!good_str(c, e->host[i].name))
			return false;
	}
	return true;
}

static bool good_tunnel(const struct conf *c, const struct tunnel_conf *t)
{
	return t->name && good_str(c, t->name) && good_str(c, t->origin) && good_end(c, &t->local) &&
	       good_end(c, &t->remote) && good_proposals(c, t->ike) && good_proposals(c, t->esp) &&
	       good_str(c, t->ike_text) && good_str(c, t->esp_text) && good_str(c, t->updown) && good_str(c, t->ppk_id) &&
	       t->gre.n_addresses <= ARRAY_LEN(t->gre.address) &&
	       memchr(t->gre.name, 0, sizeof t->gre.name);
}

bool conf_check(const void *blob, size_t size)
{
	const struct conf *c = blob;
	if (size < sizeof *c || c->magic != CONF_MAGIC || c->size != size)
		return false;
	const struct conf_setup *s = &c->setup;
	if (s->n_filelogs > CONF_FILELOG_MAX || !good_str(c, s->interfaces_use) ||
	    !good_str(c, s->interfaces_ignore) || !good_str(c, s->hook_user) ||
	    !good_str(c, s->hook_capabilities) || !good_str(c, s->control_socket) ||
	    !good_str(c, s->control_group) || !good_str(c, c->files))
		return false;
	for (size_t i = 0; i < s->n_filelogs; i++) {
		if (!good_str(c, s->filelog[i].path))
			return false;
	}
	if (!good_array(c, c->tunnels, c->n_tunnels, sizeof(struct tunnel_conf)) ||
	    !good_array(c, c->refused, c->n_refused, sizeof(struct conf_refused)))
		return false;
	for (uint32_t i = 0; i < c->n_tunnels; i++) {
		if (!good_tunnel(c, conf_tunnel(c, i)))
			return false;
	}
	for (uint32_t i = 0; i < c->n_refused; i++) {
		const struct conf_refused *r = conf_refused(c, i);
		if (!r->name || !good_str(c, r->name) || !good_str(c, r->origin) || !good_str(c, r->reason))
			return false;
	}
	return c->routing == 0 || conf_routing_check(blob, size, c->routing);
}

void conf_setup_defaults(struct conf_setup *s)
{
	/* Copied from static storage: its padding is zero, so that equal configurations are equal octets. */
	static const struct conf_setup defaults = {
		.uniqueids = UNIQUE_YES,
		.port = 500,
		.port_nat_t = 4500,
		.retransmit = {.tries = 7, .timeout = DUR_S(1), .base = 1.8},
		.keep_alive = DUR_S(20),
		.half_open_timeout = DUR_S(30),
		.retry_initiate_interval = DUR_S(10),
		.delete_rekeyed_delay = DUR_S(5),
		.cookie_threshold = 30,
		.cookie_threshold_ip = 3,
		.block_threshold = 5,
		.replay_window = 32,
		.spi_min = 0xc0000000,
		.spi_max = 0xcfffffff,
		.fragment_size = 1280,
		.max_packet = 10000,
		.dos_protection = true,
		.make_before_break = true,
		.prefer_configured_proposals = true,
		.allow_swap = true,
		.log_level = 1,
		.hook_timeout = DUR_S(60),
		.dataplane_workers = 1,
	};
	memcpy(s, &defaults, sizeof *s);
}

void tunnel_conf_defaults(struct tunnel_conf *t)
{
	static const struct tunnel_conf defaults = {
		.auto_mode = AUTO_ADD,
		.ike_life = {.life = DUR_S(10800), .margin = DUR_S(540), .fuzz_percent = 100},
		.child_life = {.life = DUR_S(3600), .margin = DUR_S(540), .fuzz_percent = 100},
		.rekey = true,
		.reauth = true,
		.mobike = true,
		.fragmentation = true,
		.install_policy = true,
		.keyingtries = 3,
		.dpd_delay = DUR_S(30),
		.replay_window = 32,
	};
	memcpy(t, &defaults, sizeof *t);
}

bool conf_many_peers(const struct conf_end *remote)
{
	for (size_t i = 0; i < remote->n_hosts; i++) {
		if (remote->host[i].kind == HOST_ADDR || remote->host[i].kind == HOST_NAME)
			return false;
	}
	return true;
}
