/* The further peers of a tunnel of %any. strongSwan runs the script for each of them, so each has a life and a lane of its own, in a record
 * as a tunnel has one: made when its first child SA is up while the tunnel's own record has somebody else's, dropped when it is down.
 * With one peer at a time there is none. Nobody looks for their interfaces. Their actions carry the tunnel's number, their outcomes
 * come by ticket. Called by tunnel.c. */
#include "tunnel/state.h"

#include <string.h>

enum { OTHERS_FROM = 1u << 31 }; /* numbers that no tunnel of a configuration has */

static uint64_t peer_hash(const struct tunnels *ts, const struct tunnel *of, const struct ident *peer)
{
	uint8_t key[IDENT_KEY + sizeof of->id];
	size_t n = ident_key(peer, key);
	memcpy(key + n, &of->id, sizeof of->id);
	return hmap_hash(&ts->by_peer, key, n + sizeof of->id);
}

/* Also of one whose children have gone: the last is still to be seen. */
static bool is_peers(const struct tunnel *t, const struct ident *peer) { return ident_eq(&tun_current(t)->peer_id, peer); }

static struct tunnel *find_other(const struct tunnels *ts, const struct tunnel *of, const struct ident *peer)
{
	for (struct hnode *n = hmap_first(&ts->by_peer, peer_hash(ts, of, peer)); n; n = hmap_next(n)) {
		struct tunnel *o = CONTAINER_OF(n, struct tunnel, by_peer);
		if (o->of == of && is_peers(o, peer))
			return o;
	}
	return NULL;
}

static struct tunnel *make_other(struct tunnels *ts, struct tunnel *of, const struct ident *peer)
{
	uint32_t id;
	/* The keys are identities that have been proven. */
	if (!ts->by_peer.mem && hmap_init(&ts->by_peer, ts->mem, 0, 0) < 0) {
		ts->by_peer.mem = NULL;
		return NULL;
	}
	do
		id = OTHERS_FROM | ts->last_other++;
	while (tun_by_id(ts, id));
	struct tunnel *o = tun_make(ts, id);
	if (!o)
		return NULL;
	o->of = of;
	o->kind = of->kind;
	o->guard = of->guard;
	o->has_updown = of->has_updown;
	o->hook_limit = of->hook_limit;
	o->first.peer_id = *peer;
	list_add_tail(&of->others, &o->of_others);
	hmap_add(&ts->by_peer, &o->by_peer, peer_hash(ts, of, peer));
	return o;
}

struct tunnel *tun_of_peer(struct tunnels *ts, struct tunnel *t, const struct ident *peer, bool up)
{
	struct tunnel *o = list_empty(&t->others) ? NULL : find_other(ts, t, peer);
	if (o || !up || !t->many || t->n == 0 || is_peers(t, peer))
		return o ? o : t;
	o = make_other(ts, t, peer);
	return o ? o : t; /* without memory it is as with a tunnel for one: the script follows whoever came last */
}

bool tunnels_have_peer(struct tunnels *ts, uint32_t tunnel, const struct ident *peer)
{
	struct tunnel *t = tun_by_id(ts, tunnel);
	if (t)
		t = tun_of_peer(ts, t, peer, false);
	return t && t->n > 0 && is_peers(t, peer);
}

void tun_other_forget(struct tunnels *ts, struct tunnel *o)
{
	hmap_del(&ts->by_peer, &o->by_peer);
	list_del(&o->of_others);
}
