/* The world as sessions see it: links, addresses, tunnels, BFD, our identifier. A session lives no longer than the interface that
 * carries it, and begins as soon as that is there. */
#include "bgp/parts.h"

#include <string.h>

static struct bgp_tunnel *tunnel_named(const struct bgp *b, const char *name)
{
	LIST_EACH (it, tmp, &b->peers->tunnels) {
		struct bgp_tunnel *t = LIST_ENTRY(it, struct bgp_tunnel, link);
		if (strncmp(t->name, name, sizeof t->name) == 0)
			return t;
	}
	return NULL;
}

void world_fini(struct bgp *b)
{
	LIST_EACH (it, tmp, &b->peers->tunnels)
		mem_put(b->env.mem, LIST_ENTRY(it, struct bgp_tunnel, link), sizeof(struct bgp_tunnel));
	list_init(&b->peers->tunnels);
}

/* Whether the tunnel carries this peer: as configured, by its far end, or by the interface that the peer was met on. */
static bool carries(const struct bgp *b, const struct bgp_tunnel *t, const struct bgp_peer *p)
{
	if (p->conf->tunnel)
		return strncmp(conf_str(b->conf, p->conf->tunnel), t->name, sizeof t->name) == 0;
	if (t->remote.family != AF_NONE && addr_eq(&t->remote, &p->address))
		return true;
	return t->ifindex && p->ifindex == t->ifindex;
}

/* Its tunnel is down, and no other interface leads to it. */
static bool tunnel_down(const struct bgp *b, const struct bgp_peer *p)
{
	if (p->conf->tunnel && !tunnel_named(b, conf_str(b->conf, p->conf->tunnel)))
		return true; /* nobody has said yet that it is up */
	LIST_EACH (it, tmp, &b->peers->tunnels) {
		const struct bgp_tunnel *t = LIST_ENTRY(it, struct bgp_tunnel, link);
		if (!t->up && carries(b, t, p) && (p->conf->tunnel || !p->session->connected))
			return true;
	}
	return false;
}

static void look_at(struct bgp *b, struct bgp_peer *p)
{
	struct bgp_session *s = p->session;
	struct addr local;
	uint32_t ifindex;
	bool was = s->connected;
	s->connected = nht_connected(b, &p->address, &ifindex, &local);
	s->tunnel_down = tunnel_down(b, p);
	session_settle(b, p);
	if (s->connected && !was)
		session_poke(b, p);
}

void world_look(struct bgp *b)
{
	LIST_EACH (it, tmp, &b->peers->all) {
		struct bgp_session *s = LIST_ENTRY(it, struct bgp_session, link);
		if (!s->gone)
			look_at(b, s->fsm[0].peer);
	}
}

static void tunnel_moved(struct bgp *b, const struct bgp_tunnel *t)
{
	LIST_EACH (it, tmp, &b->peers->all) {
		struct bgp_session *s = LIST_ENTRY(it, struct bgp_session, link);
		struct bgp_peer *p = s->fsm[0].peer;
		if (s->gone || !carries(b, t, p))
			continue;
		look_at(b, p);
		if (t->up)
			session_poke(b, p);
	}
}

void world_tunnel(struct bgp *b, const struct bgp_fact *f)
{
	const char *name = f->name ? f->name : "";
	struct bgp_tunnel *t = tunnel_named(b, name);
	if (!t) {
		t = mem_get(b->env.mem, sizeof *t);
		if (!t) {
			act_note(b, -1, "no memory for the state of tunnel %s", name);
			return;
		}
		struct sbuf n = SB(t->name);
		sb_put(&n, name);
		list_add_tail(&b->peers->tunnels, &t->link);
	}
	bool same = t->up == f->up && t->ifindex == f->ifindex;
	if (f->up || f->ifindex)
		t->ifindex = f->ifindex;
	if (f->up || f->remote.addr.family != AF_NONE) {
		t->local = f->local.addr;
		t->remote = f->remote.addr;
	}
	t->up = f->up;
	nht_tunnel(b, t->name, t->ifindex, t->up);
	if (b->conf && !same)
		tunnel_moved(b, t);
	b->peers->look = true;
	if (!t->up)
		engine_walk(b); /* routes over it fall in this call */
}

void world_bfd(struct bgp *b, const struct bgp_fact *f)
{
	struct bgp_peer *p = peer_find(b, &f->remote.addr);
	if (!p || !p->session->bfd_on || !p->conf->bfd)
		return;
	if (f->up) {
		p->session->bfd_seen = true;
		session_poke(b, p);
		return;
	}
	/* RFC 5882 4.3: a peer that never spoke BFD is none that failed. RFC 9384. */
	if (!p->session->bfd_seen || !p->session->up)
		return;
	p->session->bfd_seen = false;
	session_end(b, p, EV_AUTO_STOP, &(struct bgp_error){.code = BGP_E_CEASE, .sub = BGP_E_BFD_DOWN}, "BFD down received", true, true);
}

void world_router_id(struct bgp *b)
{
	uint32_t id = b->cb->router_id;
	if (!id)
		id = b->router_id_chosen ? b->router_id_chosen : b->synced ? nht_router_id(b) : 0;
	if (!b->cb->router_id)
		b->router_id_chosen = id; /* kept: sessions do not go because an address does */
	b->router_id = id;
	b->cluster_id = b->cb->cluster_id ? b->cb->cluster_id : id;
}
