/* Whether the tunnels of a configuration have the keys that they need, and whether these are good ones. */
#include "config/parts.h"

#include <stdio.h>
#include <string.h>

/* Whether it stands in an ipsec.conf; only such are kept when the file has an error. */
static bool is_conn(const struct config_job *j, size_t i) { return i < j->build->n_conns || j->build->tunnel[i].kept; }

/* A warning about a tunnel, by the words of the file that it stands in. keyword, key: what of it, in an ipsec.conf and in a gretel.conf. */
static void tell_tunnel(struct config_job *j, size_t i, const char *keyword, const char *key, const char *text)
{
	const struct tunnel_conf *t = &j->build->tunnel[i];
	bool conn = is_conn(j, i);
	char path[CONF_NAME_MAX + 48];
	struct sbuf b = SB(path);
	sb_printf(&b, "%s%s", conn ? "conn " : "tunnels.", conf_builder_text(j->build, t->name));
	if (key)
		sb_printf(&b, "%s%s", conn ? ": " : ".", conn ? keyword : key);
	diag_add(j->d, DIAG_WARNING, conf_builder_text(j->build, t->origin), 0, path, "%s", text);
}

static void check_ppk(struct config_job *j, size_t i)
{
	const struct tunnel_conf *t = &j->build->tunnel[i];
	const char *id = conf_builder_text(j->build, t->ppk_id);
	char text[2 * PPK_ID_MAX + 128];
	if (t->ppk_required && !id[0]) {
		tell_tunnel(j, i, "x-ppk-required", "ppk_required", "without the name of a key no peer will be let in");
		return;
	}
	if (strlen(id) > PPK_ID_MAX)
		snprintf(text, sizeof text, "longer than %d octets: there is no such key", PPK_ID_MAX);
	else if (id[0] && strcmp(id, CONF_PPK_ANY) != 0 && !psk_ppk(j->psks, id + (id[0] == '@')))
		snprintf(text, sizeof text, "no post-quantum key (PPK) is named %s", id);
	else
		return;
	tell_tunnel(j, i, "x-ppk-id", "ppk_id", text);
}

bool config_weak_key(size_t n, bool post_quantum, char why[WEAK_KEY_TEXT])
{
	const char *s = n == 1 ? "" : "s";
	size_t least = post_quantum ? PPK_SHORT : PSK_SHORT;
	if (n >= least)
		return false;
	if (n == 0)
		snprintf(why, WEAK_KEY_TEXT, "the secret is empty");
	else if (post_quantum)
		snprintf(why, WEAK_KEY_TEXT, "a post-quantum key of %zu octet%s is short: at least %zu random ones", n, s, least);
	else
		snprintf(why, WEAK_KEY_TEXT, "a key of %zu octet%s can be guessed: at least %zu random ones (gretel genpsk makes one)", n, s,
		         least);
	return true;
}

static struct ident end_ident(const struct conf_end *e)
{
	if (e->id_set)
		return e->id;
	if (e->n_hosts == 1 && e->host[0].kind == HOST_ADDR)
		return ident_from_addr(&e->host[0].lo);
	return (struct ident){.type = ID_ANY};
}

/* Whether the key that comes first for this tunnel is a short one, as far as the file tells who its ends are. */
static bool has_short_key(const struct config_job *j, const struct tunnel_conf *t)
{
	struct ident me = end_ident(&t->local), peer = end_ident(&t->remote);
	size_t one;
	return psk_candidates(j->psks, &me, &peer, &one, 1) && j->psks->v[one].key_len < PSK_SHORT;
}

/* A tunnel without a key will fail at the first packet; better to say it now. Where the file does not tell who we are a key could be ours alone,
 * which nobody does in a gretel.conf. */
static void check_psk(struct config_job *j, size_t i)
{
	const struct tunnel_conf *t = &j->build->tunnel[i];
	struct ident me = end_ident(&t->local), peer = end_ident(&t->remote);
	char text[2 * IDENT_TEXT + 96];
	struct sbuf s = SB(text);
	size_t one;
	bool told = t->local.id_set && t->remote.id_set;
	if (t->kind != TUNNEL_TRANSPORT || peer.type == ID_ANY || (!told && is_conn(j, i)) ||
	    psk_candidates(j->psks, &me, &peer, &one, 1))
		return;
	sb_put(&s, "no pre-shared key is for ");
	if (me.type != ID_ANY) {
		sb_ident(&s, &me);
		sb_put(&s, " or ");
	}
	sb_ident(&s, &peer);
	if (!is_conn(j, i))
		sb_put(&s, ": expected psk or psk_file here, or a key in secrets");
	tell_tunnel(j, i, NULL, NULL, text);
}

void config_check_keys(struct config_job *j)
{
	struct conf_builder *b = j->build;
	bool none = b->source == CONF_IPSEC && j->psks->n == 0; /* said already */
	for (size_t i = 0; i < b->n_tunnels; i++) {
		check_ppk(j, i);
		b->tunnel[i].short_psk = has_short_key(j, &b->tunnel[i]);
		if (!none)
			check_psk(j, i);
	}
}
