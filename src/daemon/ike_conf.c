/* A new configuration in the ike role: names keep their numbers, config_diff says what each tunnel needs. */
#include "config/config.h"
#include "daemon/ike_role.h"

#include <errno.h>
#include <string.h>

int names_init(struct ike_role *r)
{
	int err = orphans_init(r);
	return err < 0 ? err : hmap_init(&r->names_by_name, r->mem, rng_u64(crypto_rng()), rng_u64(crypto_rng()));
}

struct tun_name *name_find(struct ike_role *r, const char *name)
{
	struct hnode *n = hmap_first(&r->names_by_name, hmap_hash(&r->names_by_name, name, strlen(name)));
	for (; n; n = hmap_next(n)) {
		struct tun_name *t = CONTAINER_OF(n, struct tun_name, by_name);
		if (strcmp(t->name, name) == 0)
			return t;
	}
	return NULL;
}

struct tun_name *name_by_id(struct ike_role *r, uint32_t id) { return id && id <= r->n_names ? r->names[id - 1] : NULL; }

const struct tunnel_conf *name_conf(const struct ike_role *r, const struct tun_name *n)
{
	return n && n->configured && r->conf ? conf_tunnel(r->conf, n->conf_index) : NULL;
}

static bool room_for_name(struct ike_role *r)
{
	if (r->n_names < r->cap_names)
		return true;
	uint32_t cap = r->cap_names ? r->cap_names * 2 : 16;
	struct tun_name **v = mem_get(r->mem, sizeof *v * cap);
	if (!v)
		return false;
	if (r->n_names)
		memcpy(v, r->names, sizeof *v * r->n_names);
	mem_put(r->mem, r->names, sizeof *v * r->cap_names);
	r->names = v;
	r->cap_names = cap;
	return true;
}

static struct tun_name *name_new(struct ike_role *r, const char *name)
{
	struct tun_name *t = strlen(name) <= CONF_NAME_MAX && room_for_name(r) ? mem_get(r->mem, sizeof *t) : NULL;
	if (!t)
		return NULL;
	r->names[r->n_names++] = t;
	t->id = r->n_names;
	list_init(&t->orphans);
	memcpy(t->name, name, strlen(name) + 1);
	hmap_add(&r->names_by_name, &t->by_name, hmap_hash(&r->names_by_name, name, strlen(name)));
	return t;
}

/* A peer of %any may come from everywhere, a name may move: of many guards status shows the latest ones. */
void name_guarded(struct ike_role *r, struct tun_name *n, const struct addr *peer)
{
	enum { SHOWN = 32 };
	for (uint32_t i = 0; i < n->n_guarded; i++) {
		if (addr_eq(&n->guarded[i], peer))
			return;
	}
	if (n->n_guarded == SHOWN) {
		memmove(n->guarded, n->guarded + 1, sizeof *n->guarded * (SHOWN - 1));
		n->guarded[SHOWN - 1] = *peer;
		return;
	}
	struct addr *v = mem_get(r->mem, sizeof *v * (n->n_guarded + 1));
	if (!v)
		return;
	if (n->n_guarded)
		memcpy(v, n->guarded, sizeof *v * n->n_guarded);
	mem_put(r->mem, n->guarded, sizeof *v * n->n_guarded);
	v[n->n_guarded] = *peer;
	n->guarded = v;
	n->n_guarded++;
}

/* --- taking a configuration over --- */

static void set_tunnel(struct ike_role *r, struct tun_name *n, bool start, mono_t now)
{
	const struct tunnel_conf *t = name_conf(r, n);
	struct tun_fact f = {.type = TUN_FACT_CONF, .tunnel = n->id, .conf = r->conf, .t = t};
	struct ike_cmd cmd = {.type = IKE_CMD_TUNNEL_SET, .tunnel = n->id, .held = n->held, .start = start,
	                      .conf = r->conf, .t = t};
	act_tunnel(r, &f, now);
	ike_command(r->ike, &cmd, now, &r->acts);
	orphans_hand_over(r, n, now);
	act_run(r, now);
}

static void restart_tunnel(struct ike_role *r, struct tun_name *n, mono_t now)
{
	struct ike_cmd down = {.type = IKE_CMD_DOWN, .tunnel = n->id}, up = {.type = IKE_CMD_UP, .tunnel = n->id};
	bool wanted = !n->held && ike_wanted(r->ike, n->id);
	if (!wanted)
		return;
	ike_command(r->ike, &down, now, &r->acts);
	act_run(r, now);
	ike_command(r->ike, &up, now, &r->acts);
	act_run(r, now);
}

static void drop_tunnel(struct ike_role *r, struct tun_name *n, mono_t now)
{
	struct ike_cmd cmd = {.type = IKE_CMD_TUNNEL_DEL, .tunnel = n->id};
	struct tun_fact f = {.type = TUN_FACT_GONE, .tunnel = n->id};
	n->configured = n->held = false;
	ike_command(r->ike, &cmd, now, &r->acts);
	act_run(r, now);
	act_tunnel(r, &f, now);
}

static void apply_change(struct ike_role *r, const struct config_change *c, mono_t now)
{
	struct tun_name *n = name_find(r, c->name);
	if (c->type == CONFIG_REMOVED) {
		if (n)
			drop_tunnel(r, n, now);
		return;
	}
	bool fresh = !n || !n->configured;
	if (!n && !(n = name_new(r, c->name))) {
		role_logf(r, NOTE_ERROR, "%s: no memory", c->name);
		return;
	}
	n->configured = true;
	n->conf_index = (uint32_t)c->now;
	if (c->type == CONFIG_CHANGED)
		role_logf(r, NOTE_CONTROL, "%s: configuration changed%s", c->name,
		          c->needs & (CONFIG_NEEDS_IKE | CONFIG_NEEDS_CHILD) ? ", it is set up anew" : "");
	set_tunnel(r, n, fresh || c->type == CONFIG_CHANGED, now);
	if (c->type == CONFIG_CHANGED && c->needs & (CONFIG_NEEDS_IKE | CONFIG_NEEDS_CHILD))
		restart_tunnel(r, n, now);
}

static void take_held(struct ike_role *r, const struct conf *conf, const struct priv_msg *m)
{
	for (uint32_t i = 0; i < conf->n_tunnels; i++) {
		const char *name = conf_str(conf, conf_tunnel(conf, i)->name);
		struct tun_name *n = name_find(r, name);
		if (!n)
			n = name_new(r, name);
		if (n)
			n->held = privsep_conf_held(m, i);
	}
}

void conf_let_go(struct ike_role *r)
{
	if (ike_holds_removed(r->ike))
		return;
	while (r->n_old > 0)
		privsep_conf_unmap(r->old[--r->n_old]);
}

static void keep_old(struct ike_role *r, const struct conf *old)
{
	if (!old)
		return;
	/* With no room it is mapped for ever: reloads that fast, each with a removal, are not worth more. */
	if (r->n_old < OLD_CONFS)
		r->old[r->n_old++] = old;
}

void conf_apply(struct ike_role *r, const struct priv_msg *m, mono_t now)
{
	const struct e_conf *e = m->body;
	const struct conf *conf = privsep_conf_map(m);
	struct config_diff diff;
	if (!conf) {
		role_logf(r, NOTE_ERROR, "the configuration that priv sent is not sound");
		return;
	}
	if (config_diff(r->conf, conf, &diff) < 0) {
		privsep_conf_unmap(conf);
		return;
	}
	take_held(r, conf, m);
	orphans_sort(r);
	const struct conf *old = r->conf;
	r->conf = conf;
	struct ike_cmd setup = {.type = IKE_CMD_SETUP, .conf = conf};
	ike_command(r->ike, &setup, now, &r->acts);
	act_run(r, now);
	/* Unchanged tunnels too: the engines must let go of the old blob. */
	for (size_t i = 0; i < diff.n; i++)
		apply_change(r, &diff.change[i], now);
	orphans_settle_conf(r, now);
	if (e->reloaded)
		role_logf(r, NOTE_CONTROL, diff.same ? "configuration reloaded, nothing changed" : "configuration reloaded");
	config_diff_fini(&diff);
	keep_old(r, old);
	conf_let_go(r);
}
