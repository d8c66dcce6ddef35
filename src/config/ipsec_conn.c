/* A conn section to a tunnel_conf: inheritance, the table of keywords, then the rules
 * that need the whole conn. What is wrong is said completely, not only the first of it. */
#include "config/ipsec_conn.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct ipsec_section *section_at(const struct ipsec_section *s, size_t i)
{
	return i == 0 ? s : i <= s->n_parents ? s->parent[i - 1] : NULL;
}

/* Whether a section nearer than `before` has the key, with or without a value. */
static bool masked(const struct ipsec_section *s, size_t before, const char *key)
{
	for (size_t i = 0; i < before; i++) {
		for (const struct ipsec_setting *it = section_at(s, i)->set; it; it = it->next) {
			if (strcmp(it->key, key) == 0)
				return true;
		}
	}
	return false;
}

struct ipsec_setting *ipsec_walk(const struct ipsec_section *s, struct ipsec_walk *it)
{
	for (const struct ipsec_section *in; (in = section_at(s, it->section)) != NULL; it->section++, it->at = NULL) {
		struct ipsec_setting *next = it->at ? it->at->next : in->set;
		for (; next; next = next->next) {
			it->at = next;
			if (next->value && !masked(s, it->section, next->key))
				return next;
		}
	}
	return NULL;
}

struct ipsec_setting *ipsec_lookup(const struct ipsec_section *s, const char *key)
{
	struct ipsec_walk it = {0};
	for (struct ipsec_setting *set; (set = ipsec_walk(s, &it)) != NULL;) {
		if (strcmp(set->key, key) == 0)
			return set;
	}
	return NULL;
}

void ipsec_bad(struct ipsec_conn *c, const struct ipsec_setting *s, const char *fmt, ...)
{
	char text[512];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	ipsec_spoil(c->doc, c->sec, s ? s->file : c->sec->file, s ? s->line : c->sec->line, s ? s->key : NULL, "%s",
	            text);
}

void ipsec_warn(struct ipsec_conn *c, struct ipsec_setting *s, enum diag_level level, const char *fmt, ...)
{
	char text[512], where[256];
	va_list ap;
	if ((s && s->told) || (level == DIAG_NOTE && c->sec->bad))
		return;
	if (s)
		s->told = true;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	ipsec_where(where, sizeof where, c->sec, s ? s->key : NULL);
	diag_add(c->doc->job->d, level, s ? s->file : c->sec->file, s ? s->line : c->sec->line, where, "%s", text);
}

static bool is_shunt(const struct ipsec_conn *c) { return c->type == IPSEC_PASS || c->type == IPSEC_DROP; }

static void check_type(struct ipsec_conn *c)
{
	static const uint8_t kind[] = {
		[IPSEC_TRANSPORT] = TUNNEL_TRANSPORT, [IPSEC_PASS] = TUNNEL_PASS, [IPSEC_DROP] = TUNNEL_DROP,
	};
	if (c->type == IPSEC_TUNNEL && !ipsec_lookup(c->sec, "type"))
		ipsec_bad(c, NULL, "add type=transport: without type= it is tunnel, which is not supported");
	c->t.kind = kind[c->type];
	if (c->keyexchange == IPSEC_IKE && !is_shunt(c) && ipsec_lookup(c->sec, "keyexchange"))
		ipsec_warn(c, ipsec_lookup(c->sec, "keyexchange"), DIAG_NOTE, "stands for ikev2 here");
}

/* leftauth and rightauth win over authby; what is left out is pubkey. */
static void check_auth(struct ipsec_conn *c)
{
	static const char *const keys[] = {"leftauth", "rightauth"};
	bool by_end = false;
	if (is_shunt(c))
		return;
	for (int i = 0; i < 2; i++)
		by_end = by_end || ipsec_lookup(c->sec, keys[i]);
	for (int i = 0; by_end && i < 2; i++) {
		if (!ipsec_lookup(c->sec, keys[i]))
			ipsec_bad(c, NULL, "add %s=psk: without it strongSwan's default is pubkey, which is not supported",
			          keys[i]);
	}
	if (by_end)
		return;
	if (c->authby == IPSEC_AUTH_NEVER)
		ipsec_bad(c, ipsec_lookup(c->sec, "authby"), "expected secret: 'never' goes with type=pass and drop only");
	else if (!ipsec_lookup(c->sec, "authby"))
		ipsec_bad(c, NULL, "add authby=secret: without it strongSwan's default is pubkey, which is not supported");
}

static bool weak(const struct proposals *p, char *name, size_t cap)
{
	for (size_t i = 0; i < p->n; i++) {
		for (size_t k = 0; k < p->p[i].n; k++) {
			const struct transform *t = &p->p[i].t[k];
			const struct algo *a = algo_find(t->type, t->id, t->key_bits);
			if (a && (a->flags & ALGO_WEAK)) {
				snprintf(name, cap, "%s", a->log_name);
				return true;
			}
		}
	}
	return false;
}

static void read_proposals(struct ipsec_conn *c, const struct ipsec_setting *set, uint8_t proto, conf_ref *out,
                           conf_ref *text)
{
	struct proposals p;
	struct conf_builder *b = c->doc->job->build;
	char why[384], name[32];
	struct sbuf err = SB(why);
	if (!proposals_parse(set ? set->value : NULL, proto, &p, &err)) {
		ipsec_bad(c, set, "%s", why);
		return;
	}
	*out = conf_builder_proposals(b, &p);
	*text = conf_builder_str(b, set ? set->value : NULL);
	if (set && weak(&p, name, sizeof name)) {
		c->t.weak = true;
		ipsec_warn(c, ipsec_lookup(c->sec, set->key), DIAG_WARNING,
		           "%s is weak and used because it is asked for", name);
	}
}

static bool eats_all(const struct conf_life *l)
{
	return l->life > 0 && (double)l->margin * (1 + l->fuzz_percent / 100.0) >= (double)l->life;
}

/* Two keywords for one thing: which counts is a matter of the alphabet and of inheritance. */
static void check_alias(struct ipsec_conn *c, const char *a, const char *b, const struct ipsec_setting *counts)
{
	if (counts && ipsec_lookup(c->sec, a) && ipsec_lookup(c->sec, b))
		ipsec_warn(c, NULL, DIAG_WARNING, "%s and %s are the same: %s=%s of line %u counts", a, b, counts->key,
		           counts->value, counts->line);
}

/* The times of both SAs. A rekey happens at life - margin - rand(0..margin * fuzz). */
static void set_lives(struct ipsec_conn *c)
{
	struct tunnel_conf *t = &c->t;
	t->child_life = c->life;
	t->ike_life.margin = c->life.margin;
	t->ike_life.fuzz_percent = c->life.fuzz_percent;
	if (!t->rekey) { /* strongSwan then sends charon no lifetimes at all, hard ones included */
		t->child_life = (struct conf_life){.fuzz_percent = c->life.fuzz_percent};
		t->ike_life = t->child_life;
		t->reauth = false;
		return;
	}
	check_alias(c, "lifetime", "keylife", c->life_set);
	check_alias(c, "rekeymargin", "margintime", c->margin_set);
	if (eats_all(&t->child_life))
		ipsec_warn(c, c->life_set, DIAG_WARNING, "rekeymargin with rekeyfuzz (%lld s and "
		           "%u%%) reaches lifetime (%lld s): the SA may never be rekeyed, or at once",
		           (long long)dur_to_s(t->child_life.margin), t->child_life.fuzz_percent,
		           (long long)dur_to_s(t->child_life.life));
	if (eats_all(&t->ike_life))
		ipsec_warn(c, c->ikelife_set, DIAG_WARNING, "rekeymargin with rekeyfuzz (%lld s "
		           "and %u%%) reaches ikelifetime (%lld s)", (long long)dur_to_s(t->ike_life.margin),
		           t->ike_life.fuzz_percent, (long long)dur_to_s(t->ike_life.life));
}

static void set_rest(struct ipsec_conn *c)
{
	static const uint8_t mode[] = {
		[IPSEC_IGNORE] = AUTO_ADD, [IPSEC_ADD] = AUTO_ADD, [IPSEC_ROUTE] = AUTO_ROUTE, [IPSEC_START] = AUTO_START,
	};
	struct tunnel_conf *t = &c->t;
	t->auto_mode = mode[c->auto_mode];
	t->fragmentation = c->frag != IPSEC_FRAG_NO;
	t->frag_accept_only = c->frag == IPSEC_FRAG_ACCEPT;
	if (c->ppk_id)
		t->ppk_id = conf_builder_str(c->doc->job->build, c->ppk_id->value);
	t->replay_window = c->window < 0 ? c->doc->job->build->setup.replay_window : (uint32_t)c->window;
	t->mark_in = c->mark_in[0], t->mark_in_mask = c->mark_in[1];
	t->mark_out = c->mark_out[0], t->mark_out_mask = c->mark_out[1];
}

/* auto=start and route need somebody to send to. */
static void check_peer(struct ipsec_conn *c)
{
	bool concrete = false;
	if (is_shunt(c))
		return;
	for (size_t i = 0; i < c->t.remote.n_hosts; i++)
		concrete = concrete || c->t.remote.host[i].kind == HOST_ADDR || c->t.remote.host[i].kind == HOST_NAME;
	if (!concrete && c->t.auto_mode != AUTO_ADD)
		ipsec_warn(c, ipsec_lookup(c->sec, "auto"), DIAG_WARNING, "the peer has no address or name to start with: "
		           "the tunnel waits for it, as with auto=add");
	if (c->t.gre.n_addresses && !c->t.gre.name[0])
		ipsec_bad(c, ipsec_lookup(c->sec, "x-gre-address"), "expected x-gre-name beside it");
	if (c->t.gre.name[0] && c->t.local.proto != 47 && c->t.local.proto != 0)
		ipsec_bad(c, ipsec_lookup(c->sec, "x-gre-name"), "needs leftprotoport=gre, or none");
}

static void init(struct ipsec_conn *c, struct ipsec_doc *doc, struct ipsec_section *sec)
{
	memset(c, 0, sizeof *c);
	c->doc = doc;
	c->sec = sec;
	tunnel_conf_defaults(&c->t);
	c->life = c->t.child_life;
	c->type = IPSEC_TUNNEL;
	c->frag = IPSEC_FRAG_YES;
	c->window = -1;
}

/* The whole of a conn; the section is spoilt when it cannot be used. */
static void evaluate(struct ipsec_conn *c)
{
	struct ipsec_walk it = {0};
	for (struct ipsec_setting *s; (s = ipsec_walk(c->sec, &it)) != NULL;)
		ipsec_apply(c, s);
	read_proposals(c, c->ike, PROTO_IKE, &c->t.ike, &c->t.ike_text);
	read_proposals(c, c->esp, PROTO_ESP, &c->t.esp, &c->t.esp_text);
	/* A value that is bad already would only draw wrong conclusions. */
	if (c->sec->bad)
		return;
	check_type(c);
	check_auth(c);
	ipsec_ends(c);
	set_lives(c);
	set_rest(c);
	check_peer(c);
}

static bool good_name(const char *name)
{
	size_t n = strlen(name);
	for (size_t i = 0; i < n; i++) {
		if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f)
			return false;
	}
	return n > 0 && n < CONF_NAME_MAX;
}

/* Two native interfaces of one name cannot be. */
static void check_twins(struct ipsec_conn *c)
{
	const struct conf_builder *b = c->doc->job->build;
	for (size_t i = 0; c->t.gre.name[0] && i < b->n_tunnels; i++) {
		if (strcmp(b->tunnel[i].gre.name, c->t.gre.name) == 0) {
			ipsec_bad(c, ipsec_lookup(c->sec, "x-gre-name"), "interface %s is conn %s's already", c->t.gre.name,
			          conf_builder_text(b, b->tunnel[i].name));
			return;
		}
	}
}

void ipsec_conn_load(struct ipsec_doc *doc, struct ipsec_section *sec)
{
	struct conf_builder *b = doc->job->build;
	const struct ipsec_setting *mode = ipsec_lookup(sec, "auto");
	struct ipsec_conn c;
	char origin[512];
	if (!good_name(sec->name)) {
		ipsec_spoil(doc, sec, sec->file, sec->line, NULL, "the name of a conn has at most %d octets and no control "
		            "characters", CONF_NAME_MAX - 1);
		return;
	}
	/* Not loaded at all, by itself or as a template of others. */
	if (!sec->bad && (!mode || strcmp(mode->value, "ignore") == 0))
		return;
	init(&c, doc, sec);
	if (!sec->bad)
		evaluate(&c);
	if (!sec->bad)
		check_twins(&c);
	if (sec->bad) {
		snprintf(origin, sizeof origin, "%s:%u", sec->bad_file, sec->bad_line);
		conf_builder_refuse(b, sec->name, origin, sec->bad);
		return;
	}
	c.t.name = conf_builder_str(b, sec->name);
	snprintf(origin, sizeof origin, "%s:%u", sec->file, sec->line);
	c.t.origin = conf_builder_str(b, origin);
	conf_builder_tunnel(b, &c.t);
}
