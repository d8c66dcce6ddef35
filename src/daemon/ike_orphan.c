/* Child SAs that an earlier life of this role, or of the whole daemon, left in the kernel. They forward on as data only: nobody has their IKE SA. Each
 * goes when a new child of its tunnel to the same peer is up; or when the daemon has tried for long enough and there is none; or at once
 * when nobody wants its tunnel any more. The peer of a tunnel of %any, which nobody can call in general, is called where its SA has it,
 * a few at a time.
 *
 * As long as one is there, its tunnel's script and interface stay as that life left them; they go down with the last. */
#include "daemon/ike_role.h"

#include <errno.h>
#include <string.h>

enum { CALLS = 4, CALL_EVERY_MS = 20 };

int orphans_init(struct ike_role *r)
{
	list_init(&r->orphans);
	r->orphan_call = r->orphan_end = MONO_NEVER;
	int err = hmap_init(&r->orphans_by_spi, r->mem, rng_u64(crypto_rng()), rng_u64(crypto_rng()));
	return err < 0 ? err : hmap_init(&r->orphans_by_end, r->mem, rng_u64(crypto_rng()), rng_u64(crypto_rng()));
}

static uint64_t spi_hash(const struct ike_role *r, uint32_t spi) { return hmap_hash(&r->orphans_by_spi, &spi, sizeof spi); }

static uint64_t end_hash(const struct ike_role *r, const char *tunnel, const struct addr *remote)
{
	struct {
		char tunnel[CONF_NAME_MAX + 1];
		struct addr remote;
	} key;
	memset(&key, 0, sizeof key);
	memcpy(key.tunnel, tunnel, strnlen(tunnel, CONF_NAME_MAX));
	key.remote = *remote;
	return hmap_hash(&r->orphans_by_end, &key, sizeof key);
}

void orphan_add(struct ike_role *r, const struct priv_msg *m)
{
	const struct e_child *e = m->body;
	struct orphan *o = mem_get(r->mem, sizeof *o);
	if (!o)
		return;
	memcpy(o->tunnel, e->tunnel, sizeof o->tunnel);
	o->peer = e->peer;
	o->sa = e->sa;
	o->since = e->since;
	o->hook_up = e->hook_up;
	list_init(&o->of_name);
	list_add_tail(&r->orphans, &o->link);
	hmap_add(&r->orphans_by_spi, &o->by_spi, spi_hash(r, o->sa.in.spi));
	hmap_add(&r->orphans_by_end, &o->by_end, end_hash(r, o->tunnel, &o->sa.remote));
	role_logf(r, NOTE_CONTROL, "%s: the child SA %08x_i %08x_o of an earlier life forwards on", o->tunnel, o->sa.in.spi,
	          o->sa.out.spi);
}

static void orphan_free(struct ike_role *r, struct orphan *o)
{
	hmap_del(&r->orphans_by_spi, &o->by_spi);
	hmap_del(&r->orphans_by_end, &o->by_end);
	list_del(&o->of_name);
	list_del(&o->link);
	mem_put(r->mem, o, sizeof *o);
}

void orphan_settle(struct ike_role *r, const struct tun_name *n, const struct addr *remote)
{
	if (!n || list_empty(&r->orphans))
		return;
	struct hnode *at = hmap_first(&r->orphans_by_end, end_hash(r, n->name, remote)), *next;
	for (; at; at = next) {
		struct orphan *o = CONTAINER_OF(at, struct orphan, by_end);
		next = hmap_next(at);
		if (strcmp(o->tunnel, n->name) != 0 || !addr_eq(&o->sa.remote, remote))
			continue;
		/* Those that were handed over are removed by the engine, which also tells the peer. */
		if (!o->handed_over && priv_child_remove(r->priv, 0, o->sa.in.spi) < 0)
			role_logf(r, NOTE_ERROR, "%s: the old child SA %08x cannot be removed", o->tunnel, o->sa.in.spi);
		orphan_free(r, o);
	}
}

/* Whether o is all that its peer has in the tunnel. */
static bool last_of_peer(struct ike_role *r, const struct orphan *o, const struct tun_name *n)
{
	for (struct hnode *at = hmap_first(&r->orphans_by_end, end_hash(r, o->tunnel, &o->sa.remote)); at; at = hmap_next(at)) {
		const struct orphan *x = CONTAINER_OF(at, struct orphan, by_end);
		if (x != o && ident_eq(&x->peer, &o->peer) && strcmp(x->tunnel, o->tunnel) == 0)
			return false;
	}
	return !tunnels_have_peer(r->tunnels, n->id, &o->peer);
}

/* The last one of a tunnel, or of one of its many peers, without a new child: what was built on it goes, as when a tunnel goes down. */
static void tunnel_ends(struct ike_role *r, const struct orphan *o, struct tun_name *n)
{
	struct tun_view v;
	const struct tunnel_conf *t = name_conf(r, n);
	bool last = !n || (list_empty(&n->orphans) && !(tunnels_view(r->tunnels, n->id, &v) && v.n_children > 0));
	if (!last && !(t && conf_many_peers(&t->remote) && last_of_peer(r, o, n)))
		return;
	struct tun_child c = {.spi_in = o->sa.in.spi, .spi_out = o->sa.out.spi, .reqid = o->sa.reqid, .peer_id = o->peer,
	                      .local.addr = o->sa.local, .remote.addr = o->sa.remote, .sel = o->sa.sel,
	                      .ts_local = o->sa.local, .ts_remote = o->sa.remote};
	if (o->hook_up && priv_hook_run(r->priv, 0, o->tunnel, false, &c) < 0)
		role_logf(r, NOTE_ERROR, "%s: the script cannot be run for down", o->tunnel);
	if (last && !(t && (t->gre.keep || !t->gre.name[0])) && priv_gre_down(r->priv, 0, o->tunnel) < 0)
		role_logf(r, NOTE_ERROR, "%s: the interface cannot be taken away", o->tunnel);
}

/* It has had its time: removed, and nothing comes in its place for now. */
static void orphan_end(struct ike_role *r, struct orphan *o, const char *why, mono_t now)
{
	struct tun_name *n = name_find(r, o->tunnel);
	struct ike_cmd cmd = {.type = IKE_CMD_ORPHAN_GONE, .tunnel = n ? n->id : 0, .id = o->sa.in.spi};
	role_logf(r, NOTE_CONTROL, "%s: the child SA %08x of an earlier life is removed: %s", o->tunnel, o->sa.in.spi, why);
	list_del(&o->of_name);
	tunnel_ends(r, o, n);
	if (priv_child_remove(r->priv, 0, o->sa.in.spi) < 0)
		role_logf(r, NOTE_ERROR, "%s: the old child SA %08x cannot be removed", o->tunnel, o->sa.in.spi);
	if (o->handed_over) {
		ike_command(r->ike, &cmd, now, &r->acts);
		act_run(r, now);
	}
	orphan_free(r, o);
}

void orphan_expired(struct ike_role *r, uint32_t spi_in, mono_t now)
{
	for (struct hnode *at = hmap_first(&r->orphans_by_spi, spi_hash(r, spi_in)); at; at = hmap_next(at)) {
		struct orphan *o = CONTAINER_OF(at, struct orphan, by_spi);
		if (o->sa.in.spi != spi_in)
			continue;
		orphan_end(r, o, "its lifetime ended", now);
		return;
	}
}

/* --- a configuration is there: whose they are --- */

static bool callable(const struct tunnel_conf *t)
{
	for (uint8_t i = 0; i < t->remote.n_hosts && i < CONF_HOSTS_MAX; i++) {
		if (t->remote.host[i].kind == HOST_ADDR || t->remote.host[i].kind == HOST_NAME)
			return true;
	}
	return false;
}

void orphans_sort(struct ike_role *r)
{
	LIST_EACH(it, tmp, &r->orphans) {
		struct orphan *o = LIST_ENTRY(it, struct orphan, link);
		struct tun_name *n = name_find(r, o->tunnel);
		if (n && list_empty(&o->of_name))
			list_add_tail(&n->orphans, &o->of_name);
	}
}

void orphans_hand_over(struct ike_role *r, struct tun_name *n, mono_t now)
{
	const struct tunnel_conf *t = name_conf(r, n);
	uint32_t handed = 0;
	if (list_empty(&n->orphans) || !callable(t))
		return;
	LIST_EACH(it, tmp, &n->orphans) {
		struct orphan *o = LIST_ENTRY(it, struct orphan, of_name);
		struct ike_cmd cmd = {.type = IKE_CMD_ORPHAN, .tunnel = n->id, .id = o->sa.in.spi};
		if (o->handed_over || handed++ == IKE_ORPHANS_MAX)
			continue;
		ike_command(r->ike, &cmd, now, &r->acts);
		o->handed_over = true;
	}
}

void orphans_settle_conf(struct ike_role *r, mono_t now)
{
	if (list_empty(&r->orphans))
		return;
	if (r->orphan_end == MONO_NEVER) {
		r->orphan_end = mono_add(now, 2 * ike_patience(&r->conf->setup));
		r->orphan_call = now;
	}
	LIST_EACH(it, tmp, &r->orphans) {
		struct orphan *o = LIST_ENTRY(it, struct orphan, link);
		struct tun_name *n = name_find(r, o->tunnel);
		if (!n || !n->configured || n->held)
			orphan_end(r, o, "nobody wants its tunnel any more", now);
	}
}

/* --- the clock --- */

static void call(struct ike_role *r, struct orphan *o, struct tun_name *n, mono_t now)
{
	struct ike_cmd cmd = {.type = IKE_CMD_CALL, .tunnel = n->id, .peer = &o->peer};
	cmd.local = (struct endpoint){o->sa.local, o->sa.encap ? o->sa.encap_sport : r->port};
	cmd.remote = (struct endpoint){o->sa.remote, o->sa.encap ? o->sa.encap_dport : 500};
	cmd.natt = o->sa.encap;
	ike_command(r->ike, &cmd, now, &r->acts);
	act_run(r, now);
}

/* Peers that only their SA tells us where to find: a few, until the next time. */
static void call_some(struct ike_role *r, mono_t now)
{
	uint32_t left = CALLS;
	r->orphan_call = MONO_NEVER;
	LIST_EACH(it, tmp, &r->orphans) {
		struct orphan *o = LIST_ENTRY(it, struct orphan, link);
		struct tun_name *n = name_find(r, o->tunnel);
		if (o->called || !n || !n->configured)
			continue;
		if (left-- == 0) {
			r->orphan_call = mono_add(now, DUR_MS(CALL_EVERY_MS));
			return;
		}
		o->called = true;
		/* Behind those that are still to be called. */
		list_del(&o->link);
		list_add_tail(&r->orphans, &o->link);
		if (!callable(name_conf(r, n)))
			call(r, o, n, now);
	}
}

mono_t orphans_when(void *ctx)
{
	const struct ike_role *r = ctx;
	return list_empty(&r->orphans) ? MONO_NEVER : mono_min(r->orphan_call, r->orphan_end);
}

void orphans_are_due(void *ctx, mono_t now)
{
	struct ike_role *r = ctx;
	if (r->orphan_call <= now)
		call_some(r, now);
	if (r->orphan_end > now)
		return;
	r->orphan_end = MONO_NEVER;
	LIST_EACH(it, tmp, &r->orphans)
		orphan_end(r, LIST_ENTRY(it, struct orphan, link), "it has found no successor", now);
}
