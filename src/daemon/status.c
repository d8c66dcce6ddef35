/* What is, as JSON. One walk over the SAs: each is put to its tunnel, so that the cost does not multiply with the
 * tunnels. */
#include "daemon/status.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/status_parts.h"

/* --- Values --- */
void doc_put(struct doc *d, json_t *object, const char *key, json_t *v)
{
	if (json_object_set_new(object, key, v) < 0)
		d->bad = true;
}

void doc_add(struct doc *d, json_t *array, json_t *v)
{
	if (json_array_append_new(array, v) < 0)
		d->bad = true;
}

json_t *doc_done(struct doc *d, json_t *root)
{
	if (!d->bad)
		return root;
	json_decref(root);
	return NULL;
}

json_t *js_text(const char *s)
{
	char text[4096];
	struct sbuf b = SB(text);
	if (!s)
		return json_null();
	json_t *v = json_string(s);
	if (v)
		return v;
	sb_escape(&b, s, strlen(s));
	return json_string(text);
}

json_t *js_addr(const struct addr *a)
{
	char text[ADDR_TEXT];
	return a->family == AF_NONE ? json_null() : json_string(addr_str(a, text));
}

json_t *js_prefix(const struct prefix *p)
{
	char text[PREFIX_TEXT];
	struct sbuf b = SB(text);
	sb_prefix(&b, p);
	return json_string(text);
}

json_t *js_ident(const struct ident *id)
{
	char text[IDENT_TEXT];
	struct sbuf b = SB(text);
	sb_ident(&b, id);
	return js_text(text);
}

json_t *js_until(const struct doc *d, mono_t at)
{
	if (at == MONO_NEVER)
		return json_null();
	return json_integer(at > d->src->now ? dur_to_s(at - d->src->now) : 0);
}

json_t *js_age(const struct doc *d, mono_t since)
{
	return json_integer(since < d->src->now ? dur_to_s(d->src->now - since) : 0);
}

static json_t *js_hex(uint64_t v, int digits)
{
	char text[17];
	snprintf(text, sizeof text, "%0*" PRIx64, digits, v);
	return json_string(text);
}

static json_t *js_count(uint64_t n) { return json_integer(n > INT64_MAX ? INT64_MAX : (json_int_t)n); }

/* Wall clock seconds since; null: never. A clock that was set back makes it 0. */
static json_t *js_ago(const struct doc *d, int64_t wall_s)
{
	if (wall_s <= 0)
		return json_null();
	return json_integer(d->src->wall_s > wall_s ? d->src->wall_s - wall_s : 0);
}

static json_t *js_suite(const struct suite *s, uint8_t proto)
{
	char text[256];
	struct sbuf b = SB(text);
	sb_suite(&b, s, proto);
	return json_string(text);
}

/* --- SAs --- */
static const char *ike_state_name(uint8_t state)
{
	static const char *const names[] = {
		[IKE_S_CREATED] = "CREATED", [IKE_S_CONNECTING] = "CONNECTING", [IKE_S_ESTABLISHED] = "ESTABLISHED",
		[IKE_S_REKEYED] = "REKEYED", [IKE_S_DELETING] = "DELETING",
	};
	return state < ARRAY_LEN(names) ? names[state] : "?";
}

static json_t *ike_object(struct doc *d, const struct ike_sa_view *v)
{
	json_t *o = json_object(), *weak = json_array();
	weak_of_suite(d, weak, &v->suite);
	doc_put(d, o, "id", json_integer(v->ike_id));
	doc_put(d, o, "state", json_string(ike_state_name(v->state)));
	doc_put(d, o, "local", js_addr(&v->local.addr));
	doc_put(d, o, "local_port", json_integer(v->local.port));
	doc_put(d, o, "remote", js_addr(&v->remote.addr));
	doc_put(d, o, "remote_port", json_integer(v->remote.port));
	doc_put(d, o, "my_id", js_ident(&v->my_id));
	doc_put(d, o, "peer_id", js_ident(&v->peer_id));
	doc_put(d, o, "spi_i", js_hex(v->spi_i, 16));
	doc_put(d, o, "spi_r", js_hex(v->spi_r, 16));
	doc_put(d, o, "initiator", json_boolean(v->initiator));
	doc_put(d, o, "proposal", js_suite(&v->suite, PROTO_IKE));
	doc_put(d, o, "weak", weak);
	doc_put(d, o, "ppk", json_boolean(v->ppk));
	doc_put(d, o, "nat_here", json_boolean(v->nat_here));
	doc_put(d, o, "nat_there", json_boolean(v->nat_there));
	if (v->mobike)
		doc_put(d, o, "mobike", json_true());
	doc_put(d, o, "since_s", js_age(d, v->since));
	doc_put(d, o, "reauth_in_s", js_until(d, v->reauth_at));
	doc_put(d, o, "rekey_in_s", js_until(d, v->rekey_at));
	doc_put(d, o, "last_in_s", v->last_in ? js_age(d, v->last_in) : json_null());
	doc_put(d, o, "retransmits", json_integer(v->retransmits));
	return o;
}

static void put_counters(struct doc *d, json_t *o, const struct sa_counters *c)
{
	doc_put(d, o, "bytes_in", c ? js_count(c->bytes_in) : json_null());
	doc_put(d, o, "packets_in", c ? js_count(c->packets_in) : json_null());
	doc_put(d, o, "last_in_s", c ? js_ago(d, c->last_in_s) : json_null());
	doc_put(d, o, "bytes_out", c ? js_count(c->bytes_out) : json_null());
	doc_put(d, o, "packets_out", c ? js_count(c->packets_out) : json_null());
	doc_put(d, o, "last_out_s", c ? js_ago(d, c->last_out_s) : json_null());
	doc_put(d, o, "replay_drops", c ? json_integer(c->replay_drops) : json_null());
	doc_put(d, o, "replay_window_drops", c ? json_integer(c->replay_window_drops) : json_null());
	doc_put(d, o, "integrity_drops", c ? json_integer(c->integrity_drops) : json_null());
}

static json_t *js_ts(const struct addr *a, uint8_t proto, uint16_t port)
{
	char text[PREFIX_TEXT + 32];
	struct sbuf b = SB(text);
	struct prefix host = {.addr = *a, .len = (uint8_t)(addr_len(a) * 8)};
	sb_prefix(&b, &host);
	sb_proto_port(&b, proto, port);
	return json_string(text);
}

/* What the kernel knows of a child SA, with an IKE SA or without. */
static void put_child(struct doc *d, json_t *o, const struct child_sa *sa, const struct sa_counters *c)
{
	json_t *weak = json_array();
	weak_of_suite(d, weak, &sa->suite);
	doc_put(d, o, "mode", json_string("TRANSPORT"));
	doc_put(d, o, "reqid", json_integer(sa->reqid));
	doc_put(d, o, "encap", json_boolean(sa->encap));
	doc_put(d, o, "spi_in", js_hex(sa->in.spi, 8));
	doc_put(d, o, "spi_out", js_hex(sa->out.spi, 8));
	doc_put(d, o, "proposal", js_suite(&sa->suite, PROTO_ESP));
	doc_put(d, o, "weak", weak);
	doc_put(d, o, "local_ts", js_ts(&sa->local, sa->sel.proto, sa->sel.local_port));
	doc_put(d, o, "remote_ts", js_ts(&sa->remote, sa->sel.proto, sa->sel.remote_port));
	doc_put(d, o, "local", js_addr(&sa->local));
	doc_put(d, o, "remote", js_addr(&sa->remote));
	doc_put(d, o, "sport", sa->encap ? json_integer(sa->encap_sport) : json_null());
	doc_put(d, o, "dport", sa->encap ? json_integer(sa->encap_dport) : json_null());
	doc_put(d, o, "replay_window", json_integer(sa->replay_window));
	put_counters(d, o, c);
}

static json_t *child_object(struct doc *d, const struct ike_child_view *v)
{
	const struct status_src *s = d->src;
	struct sa_counters c;
	bool known = v->installed && s->counters && s->counters(s->ctx, v->sa->in.spi, &c);
	mono_t end = v->sa->life.hard_s ? mono_add(v->since, DUR_S(v->sa->life.hard_s)) : MONO_NEVER;
	json_t *o = json_object();
	doc_put(d, o, "id", json_integer(v->child_id));
	doc_put(d, o, "ike_id", json_integer(v->ike_id));
	doc_put(d, o, "state", json_string(!v->installed ? "INSTALLING" : v->rekeyed ? "REKEYED" : "INSTALLED"));
	put_child(d, o, v->sa, known ? &c : NULL);
	doc_put(d, o, "since_s", js_age(d, v->since));
	doc_put(d, o, "rekey_in_s", js_until(d, v->rekey_at));
	doc_put(d, o, "expires_in_s", js_until(d, end));
	return o;
}

/* --- Tunnels --- */
/* A tunnel while its SAs are being found. */
struct slot {
	uint32_t id; /* 0 = not asked for */
	json_t *tunnel, *ike_sas, *child_sas, *weak_used;
};

static json_t *gre_object(struct doc *d, const struct tun_link *l)
{
	if (l->ifindex == 0)
		return json_null();
	json_t *o = json_object(), *addresses = json_array();
	for (uint8_t i = 0; i < l->n_addresses; i++)
		doc_add(d, addresses, js_prefix(&l->address[i]));
	doc_put(d, o, "name", js_text(l->name));
	doc_put(d, o, "ifindex", json_integer(l->ifindex));
	doc_put(d, o, "mtu", json_integer(l->mtu));
	doc_put(d, o, "up", json_boolean(l->up));
	doc_put(d, o, "address", addresses);
	doc_put(d, o, "peer", js_addr(&l->peer));
	doc_put(d, o, "ours", json_boolean(l->ours));
	return o;
}

static json_t *guard_object(struct doc *d, const struct tunnel_conf *t, uint32_t id)
{
	const struct status_src *s = d->src;
	json_t *o = json_object(), *peers = json_array();
	size_t n = 0;
	const struct addr *v = id && s->guarded ? s->guarded(s->ctx, id, &n) : NULL;
	for (size_t i = 0; i < n; i++)
		doc_add(d, peers, js_addr(&v[i]));
	doc_put(d, o, "mode", json_string(conf_guard_name(t->guard)));
	doc_put(d, o, "peers", peers);
	return o;
}

static void put_life(struct doc *d, json_t *o, uint32_t id)
{
	const struct status_src *s = d->src;
	struct tun_view v = {.state = TUN_DOWN, .hook_status = -1, .why = ""};
	if (id)
		(void)tunnels_view(s->tunnels, id, &v);
	const char *why = id ? ike_why(s->ike, id) : "";
	doc_put(d, o, "state", js_text(tun_state_name(v.state)));
	doc_put(d, o, "why", js_text(*why ? why : v.why));
	const char *way = id ? ike_way(s->ike, id) : "";
	if (*way)
		doc_put(d, o, "way", js_text(way));
	doc_put(d, o, "next_try_s", js_until(d, id ? ike_next_try(s->ike, id) : MONO_NEVER));
	doc_put(d, o, "gre", gre_object(d, &v.link));
	doc_put(d, o, "received", json_boolean(v.received));
	doc_put(d, o, "hook_status", v.hook_status < 0 ? json_null() : json_integer(v.hook_status));
}

/* {"replay-old":2}: what was dropped, and why; reasons that never came are left out. */
static json_t *drops_object(struct doc *d, const uint64_t *n)
{
	json_t *o = n ? json_object() : json_null();
	for (uint8_t i = 0; n && i < ESP_DROP_N; i++) {
		if (n[i])
			doc_put(d, o, esp_drop_name(i), js_count(n[i]));
	}
	return o;
}

static json_t *tunnel_object(struct doc *d, const struct tunnel_conf *t, bool all, struct slot *slot)
{
	const struct status_src *s = d->src;
	const char *name = conf_str(s->conf, t->name);
	json_t *o = json_object();
	*slot = (struct slot){.id = s->id_of ? s->id_of(s->ctx, name) : 0,
	                      .tunnel = o,
	                      .ike_sas = json_array(),
	                      .child_sas = json_array(),
	                      .weak_used = json_array()};
	doc_put(d, o, "name", js_text(name));
	doc_put(d, o, "origin", js_text(conf_str(s->conf, t->origin)));
	doc_put(d, o, "kind", json_string(conf_kind_name(t->kind)));
	doc_put(d, o, "auto", json_string(conf_auto_name(t->auto_mode)));
	doc_put(d, o, "held", json_boolean(slot->id && s->held && s->held(s->ctx, slot->id)));
	doc_put(d, o, "kept", json_boolean(t->kept));
	put_life(d, o, slot->id);
	doc_put(d, o, "guard", guard_object(d, t, slot->id));
	doc_put(d, o, "drops", drops_object(d, s->drops ? s->drops(s->ctx, name) : NULL));
	doc_put(d, o, "weak", conf_weak(d, t));
	doc_put(d, o, "weak_used", slot->weak_used);
	doc_put(d, o, "short_psk", json_boolean(t->short_psk));
	doc_put(d, o, "ike_sas", slot->ike_sas);
	doc_put(d, o, "child_sas", slot->child_sas);
	if (all || t->kind != TUNNEL_TRANSPORT) /* a shunt is nothing but its selectors */
		doc_put(d, o, "conf", conf_object(d, t));
	return o;
}

static int by_id(const void *a, const void *b)
{
	uint32_t x = ((const struct slot *)a)->id, y = ((const struct slot *)b)->id;
	return (x > y) - (x < y);
}

/* slots are in the order of their numbers. */
static struct slot *slot_of(struct slot *slots, size_t n, uint32_t tunnel)
{
	struct slot key = {.id = tunnel};
	return tunnel && n ? bsearch(&key, slots, n, sizeof key, by_id) : NULL;
}

/* SAs of nobody known, or of a tunnel that left the configuration and whose peer has not taken leave yet. */
static json_t *other_of(struct doc *d, json_t *others, uint32_t tunnel)
{
	const struct status_src *s = d->src;
	const char *name = tunnel && s->name_of ? s->name_of(s->ctx, tunnel) : NULL;
	json_t *o = NULL;
	size_t i;
	json_array_foreach(others, i, o)
	{
		if (json_integer_value(json_object_get(o, "tunnel")) == tunnel)
			return o;
	}
	o = json_object();
	doc_put(d, o, "tunnel", json_integer(tunnel));
	doc_put(d, o, "name", js_text(name));
	doc_put(d, o, "ike_sas", json_array());
	doc_put(d, o, "child_sas", json_array());
	doc_add(d, others, o);
	return o;
}

/* A probe that came too early is not the last word: what the SA has counted was authenticated. */
static void add_child(struct doc *d, struct slot *slot, json_t *children, const struct ike_child_view *v)
{
	json_t *o = child_object(d, v);
	if (slot && json_integer_value(json_object_get(o, "packets_in")) > 0)
		doc_put(d, slot->tunnel, "received", json_true());
	doc_add(d, children, o);
}

static void place_ike(struct doc *d, struct slot *slot, json_t *other, const struct ike_sa_view *sa)
{
	if (slot)
		weak_of_suite(d, slot->weak_used, &sa->suite);
	if (slot || other)
		doc_add(d, slot ? slot->ike_sas : json_object_get(other, "ike_sas"), ike_object(d, sa));
}

static void place_child(struct doc *d, struct slot *slot, json_t *other, const struct ike_child_view *child)
{
	if (slot)
		weak_of_suite(d, slot->weak_used, &child->sa->suite);
	if (slot || other)
		add_child(d, slot, slot ? slot->child_sas : json_object_get(other, "child_sas"), child);
}

/* Of all tunnels; a walk over the SAs. */
static void place_sas(struct doc *d, struct slot *slots, size_t n, json_t *others)
{
	struct ike_sa_view sa;
	struct ike_child_view child;
	for (uint32_t at = 0; ike_next_sa(d->src->ike, &at, &sa);) {
		struct slot *slot = slot_of(slots, n, sa.tunnel);
		place_ike(d, slot, slot ? NULL : other_of(d, others, sa.tunnel), &sa);
	}
	for (uint32_t at = 0; ike_next_child(d->src->ike, &at, &child);) {
		struct slot *slot = slot_of(slots, n, child.tunnel);
		place_child(d, slot, slot ? NULL : other_of(d, others, child.tunnel), &child);
	}
}

/* Of one tunnel; how many others there are costs nothing. */
static void place_sas_of(struct doc *d, struct slot *slot)
{
	struct ike_sa_view sa;
	struct ike_child_view child;
	for (uint32_t at = 0; slot->id && ike_next_sa_of(d->src->ike, slot->id, &at, &sa);)
		place_ike(d, slot, NULL, &sa);
	for (uint32_t at = 0; slot->id && ike_next_child_of(d->src->ike, slot->id, &at, &child);)
		place_child(d, slot, NULL, &child);
}

static json_t *orphan_list(struct doc *d, const char *name)
{
	const struct status_src *s = d->src;
	json_t *list = json_array();
	for (size_t i = 0; i < s->n_orphans; i++) {
		const struct status_orphan *x = &s->orphan[i];
		struct sa_counters c;
		if (name && strcmp(x->tunnel, name) != 0)
			continue;
		bool known = s->orphan_counters && s->orphan_counters(s->ctx, x->sa->in.spi, &c);
		json_t *o = json_object();
		doc_put(d, o, "tunnel", js_text(x->tunnel));
		put_child(d, o, x->sa, known ? &c : NULL);
		doc_put(d, o, "since_s", js_age(d, x->since));
		doc_add(d, list, o);
	}
	return list;
}

/* --- The daemon --- */
static json_t *guard_list(struct doc *d)
{
	json_t *list = json_array();
	for (size_t i = 0; i < d->src->n_guards; i++) {
		const struct status_guard *g = &d->src->guard[i];
		json_t *o = json_object();
		doc_put(d, o, "peer", js_addr(&g->peer));
		doc_put(d, o, "tunnel", g->tunnel[0] ? js_text(g->tunnel) : json_null());
		doc_put(d, o, "strict", json_boolean(g->peer.family == AF_NONE));
		doc_add(d, list, o);
	}
	return list;
}

static json_t *counters_object(struct doc *d)
{
	struct ike_counters c;
	json_t *o = json_object();
	ike_counters(d->src->ike, &c);
	doc_put(d, o, "packets_in", js_count(c.packets_in));
	doc_put(d, o, "packets_out", js_count(c.packets_out));
	doc_put(d, o, "dropped_malformed", js_count(c.dropped_malformed));
	doc_put(d, o, "dropped_unknown_sa", js_count(c.dropped_unknown_sa));
	doc_put(d, o, "dropped_auth", js_count(c.dropped_auth));
	doc_put(d, o, "retransmits_in", js_count(c.retransmits_in));
	doc_put(d, o, "retransmits_out", js_count(c.retransmits_out));
	doc_put(d, o, "established", js_count(c.established));
	doc_put(d, o, "half_open", js_count(c.half_open));
	doc_put(d, o, "cookies_out", js_count(c.cookies_out));
	doc_put(d, o, "cookies_bad", js_count(c.cookies_bad));
	doc_put(d, o, "refused", js_count(c.refused));
	doc_put(d, o, "evicted", js_count(c.evicted));
	doc_put(d, o, "notes_left_out", js_count(c.notes_left_out));
	return o;
}

static void put_version(struct doc *d, json_t *o)
{
	const struct status_src *s = d->src;
	mono_t up = s->now - s->started;
	doc_put(d, o, "version", js_text(s->version ? s->version : "?"));
	doc_put(d, o, "pid", json_integer(s->pid));
	doc_put(d, o, "uptime_s", json_integer(dur_to_s(up)));
	doc_put(d, o, "since", json_integer(s->wall_s - dur_to_s(up)));
	doc_put(d, o, "restarted", json_boolean(s->restarted));
}

static json_t *kernel_object(struct doc *d, const struct kernel_caps *k)
{
	json_t *o = json_object();
	doc_put(d, o, "xfrm", json_boolean(k->xfrm));
	doc_put(d, o, "esp4", json_boolean(k->esp4));
	doc_put(d, o, "esp6", json_boolean(k->esp6));
	doc_put(d, o, "gre4", json_boolean(k->gre4));
	doc_put(d, o, "gre6", json_boolean(k->gre6));
	return o;
}

static json_t *plane_object(struct doc *d, const struct status_plane *p)
{
	static const char *const backends[] = {
		[ESP_BACKEND_OPENSSL] = "openssl", [ESP_BACKEND_IPSEC_MB] = "ipsec-mb",
	};
	if (!p)
		return json_null();
	json_t *o = json_object();
	doc_put(d, o, "mode", json_string(p->user ? "user" : "kernel"));
	doc_put(d, o, "why", js_text(p->why));
	if (!p->user)
		return o;
	doc_put(d, o, "workers", json_integer(p->workers));
	doc_put(d, o, "backend", js_text(p->backend < ARRAY_LEN(backends) ? backends[p->backend] : NULL));
	doc_put(d, o, "drops", drops_object(d, p->drops));
	return o;
}

static json_t *daemon_object(struct doc *d, bool all)
{
	const struct status_src *s = d->src;
	uint32_t up, connecting;
	json_t *o = json_object(), *listen = json_array();
	put_version(d, o);
	ike_count(s->ike, &up, &connecting);
	doc_put(d, o, "ike_up", json_integer(up));
	doc_put(d, o, "ike_connecting", json_integer(connecting));
	for (size_t i = 0; i < s->n_listen; i++)
		doc_add(d, listen, js_addr(&s->listen[i]));
	doc_put(d, o, "listen", listen);
	doc_put(d, o, "port", json_integer(s->port));
	doc_put(d, o, "port_nat_t", json_integer(s->port_nat_t));
	doc_put(d, o, "dataplane", plane_object(d, s->plane));
	if (!all)
		return o;
	doc_put(d, o, "log_level", json_integer(s->log_level));
	doc_put(d, o, "generation", s->conf ? js_count(s->conf->generation) : json_null());
	doc_put(d, o, "source",
	        json_string(!s->conf                         ? "none"
	                    : s->conf->source == CONF_GRETEL ? "gretel.conf"
	                                                     : "ipsec.conf"));
	doc_put(d, o, "files", conf_files(d));
	doc_put(d, o, "kernel", s->caps ? kernel_object(d, s->caps) : json_null());
	doc_put(d, o, "guards", guard_list(d));
	doc_put(d, o, "counters", counters_object(d));
	return o;
}

/* --- Documents --- */
static void put_one(struct doc *d, json_t *list, const char *name, bool all)
{
	const struct status_src *s = d->src;
	struct slot slot;
	int at = !s->conf ? -1 : s->conf_index ? s->conf_index(s->ctx, name) : conf_find(s->conf, name);
	if (at < 0)
		return;
	doc_add(d, list, tunnel_object(d, conf_tunnel(s->conf, (uint32_t)at), all, &slot));
	place_sas_of(d, &slot);
}

static void put_all(struct doc *d, json_t *list, json_t *others, bool all)
{
	const struct conf *c = d->src->conf;
	size_t n = c ? c->n_tunnels : 0;
	struct slot *slots = calloc(n + 1, sizeof *slots);
	if (!slots) {
		d->bad = true;
		return;
	}
	for (uint32_t i = 0; i < n; i++)
		doc_add(d, list, tunnel_object(d, conf_tunnel(c, i), all, &slots[i]));
	qsort(slots, n, sizeof *slots, by_id);
	place_sas(d, slots, n, others);
	free(slots);
}

static void put_tunnels(struct doc *d, json_t *root, const char *name, bool all)
{
	json_t *list = json_array(), *others = json_array();
	if (name)
		put_one(d, list, name, all);
	else
		put_all(d, list, others, all);
	doc_put(d, root, "tunnels", list);
	doc_put(d, root, "others", others);
}

json_t *status_build(const struct status_src *src, const char *name, bool all)
{
	struct doc d = {.src = src};
	json_t *root = json_object();
	put_tunnels(&d, root, name, all);
	doc_put(&d, root, "orphans", orphan_list(&d, name));
	doc_put(&d, root, "refused", conf_refused_list(&d, name));
	doc_put(&d, root, "daemon", daemon_object(&d, all));
	if (src->conf && conf_routing(src->conf) && !name) {
		const struct conf_routing *r = conf_routing(src->conf);
		json_t *o = json_object();
		doc_put(&d, o, "module", js_text(conf_str(src->conf, r->module)));
		doc_put(&d, o, "refused", js_text(r->refused ? conf_str(src->conf, r->refused) : NULL));
		doc_put(&d, o, "role", src->routing ? json_incref(src->routing) : json_null());
		doc_put(&d, root, "routing", o);
	}
	return doc_done(&d, root);
}

json_t *status_guards(const struct status_src *src)
{
	struct doc d = {.src = src};
	json_t *root = json_object();
	doc_put(&d, root, "guards", guard_list(&d));
	return doc_done(&d, root);
}

json_t *status_counters(const struct status_src *src)
{
	struct doc d = {.src = src};
	json_t *root = json_object();
	doc_put(&d, root, "ike", counters_object(&d));
	return doc_done(&d, root);
}

json_t *status_version(const struct status_src *src)
{
	struct doc d = {.src = src};
	json_t *root = json_object();
	put_version(&d, root);
	return doc_done(&d, root);
}
