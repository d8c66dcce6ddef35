/* What is configured, as JSON: the `conf` of each tunnel in statusall, and `list`. */
#include "daemon/status_parts.h"

#include <stdio.h>
#include <string.h>

static const char *name_in(const char *const *names, size_t n, size_t i) { return i < n ? names[i] : "?"; }

const char *conf_auto_name(uint8_t mode)
{
	static const char *const names[] = {[AUTO_ADD] = "add", [AUTO_ROUTE] = "route", [AUTO_START] = "start"};
	return name_in(names, ARRAY_LEN(names), mode);
}

const char *conf_kind_name(uint8_t kind)
{
	static const char *const names[] = {
		[TUNNEL_TRANSPORT] = "transport", [TUNNEL_PASS] = "pass", [TUNNEL_DROP] = "drop"};
	return name_in(names, ARRAY_LEN(names), kind);
}

const char *conf_guard_name(uint8_t mode)
{
	static const char *const names[] = {[GUARD_ON] = "on", [GUARD_STRICT] = "strict", [GUARD_OFF] = "off"};
	return name_in(names, ARRAY_LEN(names), mode);
}

/* In strongSwan's newer words (ike.md 5.2). */
static const char *dpd_name(uint8_t action)
{
	static const char *const names[] = {
		[DPD_NONE] = "none", [DPD_CLEAR] = "clear", [DPD_HOLD] = "trap", [DPD_RESTART] = "start"};
	return name_in(names, ARRAY_LEN(names), action);
}

void sb_proto_port(struct sbuf *b, uint8_t proto, uint16_t port)
{
	/* /etc/protocols need not be there. */
	static const struct {
		uint8_t proto;
		const char *name;
	} known[] = {{1, "icmp"}, {4, "ipencap"},    {6, "tcp"},   {17, "udp"},   {47, "gre"},  {50, "esp"},
	             {51, "ah"},  {58, "ipv6-icmp"}, {89, "ospf"}, {115, "l2tp"}, {132, "sctp"}};
	const char *name = NULL;
	if (proto == 0 && port == 0)
		return;
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (known[i].proto == proto)
			name = known[i].name;
	}
	sb_putc(b, '[');
	if (name)
		sb_put(b, name);
	else
		sb_printf(b, "%u", proto);
	if (port)
		sb_printf(b, "/%u", port);
	sb_putc(b, ']');
}

static void add_name(struct doc *d, json_t *names, const char *name)
{
	size_t i;
	json_t *v;
	json_array_foreach(names, i, v)
	{
		if (strcmp(json_string_value(v), name) == 0)
			return;
	}
	doc_add(d, names, js_text(name));
}

static void weak_of(struct doc *d, json_t *names, uint8_t type, uint16_t id, uint16_t bits)
{
	const struct algo *a = algo_find(type, id, bits);
	if (a && (a->flags & ALGO_WEAK))
		add_name(d, names, a->log_name);
}

void weak_of_suite(struct doc *d, json_t *names, const struct suite *s)
{
	weak_of(d, names, T_ENCR, s->encr, s->encr_bits);
	weak_of(d, names, T_INTEG, s->integ, 0);
	weak_of(d, names, T_PRF, s->prf, 0);
	weak_of(d, names, T_DH, s->dh, 0);
}

json_t *conf_weak(struct doc *d, const struct tunnel_conf *t)
{
	const conf_ref ref[] = {t->ike, t->esp};
	json_t *names = json_array();
	for (size_t k = 0; k < ARRAY_LEN(ref); k++) {
		const struct proposals *all = ref[k] ? conf_proposals(d->src->conf, ref[k]) : NULL;
		for (size_t i = 0; all && i < all->n; i++) {
			for (size_t j = 0; j < all->p[i].n; j++) {
				const struct transform *x = &all->p[i].t[j];
				weak_of(d, names, x->type, x->id, x->key_bits);
			}
		}
	}
	return names;
}

static json_t *js_hosts(const struct conf *c, const struct conf_end *e)
{
	char text[1024];
	struct sbuf b = SB(text);
	for (uint8_t i = 0; i < e->n_hosts; i++) {
		if (i)
			sb_putc(&b, ',');
		sb_conf_host(&b, c, &e->host[i]);
	}
	return js_text(e->n_hosts ? text : "%any");
}

/* Without an id of its own an end goes by its address or name; by nothing when it has none. */
static json_t *js_end_id(const struct conf *c, const struct conf_end *e)
{
	const struct conf_host *h = &e->host[0];
	if (e->id_set)
		return e->id.type == ID_ANY ? json_null() : js_ident(&e->id);
	if (e->n_hosts == 1 && h->kind == HOST_ADDR)
		return js_addr(&h->lo);
	if (e->n_hosts == 1 && h->kind == HOST_NAME)
		return js_text(conf_str(c, h->name));
	return json_null();
}

static json_t *js_end_ts(const struct conf_end *e)
{
	char text[64];
	struct sbuf b = SB(text);
	sb_put(&b, "dynamic");
	sb_proto_port(&b, e->proto, e->port);
	return js_text(text);
}

static json_t *js_proposals(const struct conf *c, conf_ref ref)
{
	char text[4096];
	struct sbuf b = SB(text);
	if (!ref)
		return json_null();
	sb_proposals(&b, conf_proposals(c, ref));
	return js_text(text);
}

json_t *conf_object(struct doc *d, const struct tunnel_conf *t)
{
	const struct conf *c = d->src->conf;
	json_t *o = json_object();
	doc_put(d, o, "local", js_hosts(c, &t->local));
	doc_put(d, o, "remote", js_hosts(c, &t->remote));
	doc_put(d, o, "local_id", js_end_id(c, &t->local));
	doc_put(d, o, "remote_id", js_end_id(c, &t->remote));
	doc_put(d, o, "local_ts", js_end_ts(&t->local));
	doc_put(d, o, "remote_ts", js_end_ts(&t->remote));
	doc_put(d, o, "ike", js_proposals(c, t->ike));
	doc_put(d, o, "esp", js_proposals(c, t->esp));
	doc_put(d, o, "dpd_delay_s", json_integer(dur_to_s(t->dpd_delay)));
	doc_put(d, o, "dpd_action", js_text(dpd_name(t->dpd_action)));
	doc_put(d, o, "updown", t->updown ? js_text(conf_str(c, t->updown)) : json_null());
	doc_put(d, o, "gre", t->gre.name[0] ? js_text(t->gre.name) : json_null());
	return o;
}

json_t *conf_refused_list(struct doc *d, const char *name)
{
	const struct conf *c = d->src->conf;
	json_t *list = json_array();
	for (uint32_t i = 0; c && i < c->n_refused; i++) {
		const struct conf_refused *r = conf_refused(c, i);
		if (name && strcmp(conf_str(c, r->name), name) != 0)
			continue;
		json_t *o = json_object();
		doc_put(d, o, "name", js_text(conf_str(c, r->name)));
		doc_put(d, o, "origin", js_text(conf_str(c, r->origin)));
		doc_put(d, o, "reason", js_text(conf_str(c, r->reason)));
		doc_add(d, list, o);
	}
	return list;
}

json_t *conf_files(struct doc *d)
{
	const struct conf *c = d->src->conf;
	const char *s = c ? conf_str(c, c->files) : "";
	json_t *list = json_array();
	while (*s) {
		char path[4096];
		size_t n = strcspn(s, "\n");
		snprintf(path, sizeof path, "%.*s", (int)min_z(n, sizeof path - 1), s);
		if (n)
			doc_add(d, list, js_text(path));
		s += n + (s[n] == '\n');
	}
	return list;
}

json_t *status_list(const struct status_src *src)
{
	struct doc d = {.src = src};
	json_t *root = json_object(), *list = json_array();
	for (uint32_t i = 0; src->conf && i < src->conf->n_tunnels; i++) {
		const struct tunnel_conf *t = conf_tunnel(src->conf, i);
		uint32_t id = src->id_of ? src->id_of(src->ctx, conf_str(src->conf, t->name)) : 0;
		json_t *o = json_object();
		doc_put(&d, o, "name", js_text(conf_str(src->conf, t->name)));
		doc_put(&d, o, "origin", js_text(conf_str(src->conf, t->origin)));
		doc_put(&d, o, "kind", js_text(conf_kind_name(t->kind)));
		doc_put(&d, o, "auto", js_text(conf_auto_name(t->auto_mode)));
		doc_put(&d, o, "held", json_boolean(id && src->held && src->held(src->ctx, id)));
		doc_put(&d, o, "kept", json_boolean(t->kept));
		doc_put(&d, o, "guard", js_text(conf_guard_name(t->guard)));
		doc_put(&d, o, "weak", conf_weak(&d, t));
		doc_put(&d, o, "conf", conf_object(&d, t));
		doc_add(&d, list, o);
	}
	doc_put(&d, root, "tunnels", list);
	doc_put(&d, root, "refused", conf_refused_list(&d, NULL));
	doc_put(&d, root, "files", conf_files(&d));
	return doc_done(&d, root);
}
