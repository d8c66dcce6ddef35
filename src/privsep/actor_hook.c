/* HOOK_RUN: the user's script. Priv keeps the books of it: each up gets exactly one down, with the command that the
 * up had, also when ike dies in between or the tunnel has left the configuration. What the script is told about
 * addresses and SPIs comes from the table of installed children, not from the message.
 *
 * A tunnel of %any has a script's up for each of its peers. The first is in the tunnel's own state, each further one in a state that is
 * named after both, "TUNNEL<US>HASH OF THE PEER", belongs to no configuration and goes with its down. A name that leaves no room for
 * that (more than 47 octets) has one up for all. */
#include <errno.h>
#include <string.h>

#include "privsep/actor_int.h"

static bool same_ends(const struct tun_child *x, const struct tun_child *y)
{
	return addr_eq(&x->local.addr, &y->local.addr) && addr_eq(&x->remote.addr, &y->remote.addr);
}

/* Takes what the kernel has over what the message says. */
static void correct(struct tun_child *c, const struct child *k)
{
	c->reqid = k->sa.reqid;
	c->spi_in = k->sa.in.spi;
	c->spi_out = k->sa.out.spi;
	c->local.addr = k->sa.local;
	c->remote.addr = k->sa.remote;
	if (k->sa.encap)
		c->remote.port = k->sa.encap_dport;
	c->peer_id = k->peer;
	c->sel = k->sa.sel;
	c->encap = k->sa.encap;
	c->mark_in = k->sa.mark_in;
	c->mark_in_mask = k->sa.mark_in_mask;
	c->mark_out = k->sa.mark_out;
	c->mark_out_mask = k->sa.mark_out_mask;
}

static bool text_set(struct actor *a, char **at, size_t *size, const char *text)
{
	size_t n = strlen(text) + 1;
	char *copy = mem_get(a->env.mem, n);
	if (!copy)
		return false;
	memcpy(copy, text, n);
	mem_put(a->env.mem, *at, *size);
	*at = copy;
	*size = n;
	return true;
}

/* --- whose state --- */

static const char BETWEEN = '\x1f'; /* in no name of a configuration */

static bool peer_name(const char *tunnel, const struct ident *peer, char out[PRIV_NAME])
{
	static const struct hmap fixed; /* the name has to be the same in the next life */
	uint8_t key[IDENT_KEY];
	uint64_t hash = hmap_hash(&fixed, key, ident_key(peer, key));
	struct sbuf b = sb_init(out, PRIV_NAME);
	sb_printf(&b, "%s%c%08x%08x", tunnel, BETWEEN, (unsigned)(hash >> 32), (unsigned)hash);
	return strlen(tunnel) + 1 + 16 < PRIV_NAME;
}

struct tstate *actor_hook_state(const struct actor *a, const char *tunnel, const struct ident *peer)
{
	char name[PRIV_NAME];
	struct tstate *s = peer_name(tunnel, peer, name) ? actor_tstate(a, name) : NULL;
	return s ? s : actor_tstate(a, tunnel);
}

/* Its own, unless a script is up there for another peer. NULL: no memory. */
static struct tstate *state_for_up(struct actor *a, struct tstate *s, const struct ident *peer)
{
	char name[PRIV_NAME];
	struct tstate *at = actor_hook_state(a, s->name, peer);
	if (at != s || !s->hook_up || !conf_many_peers(&s->t->remote) || ident_eq(&s->hook_child.peer_id, peer))
		return at;
	return peer_name(s->name, peer, name) ? actor_tstate_new(a, name) : s;
}

bool actor_hook_is_up(const struct actor *a, const struct child *k)
{
	const struct tstate *s = actor_hook_state(a, k->tunnel, &k->peer);
	bool many = s && s->t && conf_many_peers(&s->t->remote);
	return s && s->hook_up && (!many || ident_eq(&s->hook_child.peer_id, &k->peer));
}

/* --- runs --- */

void actor_hook_fill(struct actor *a, const struct tstate *s, bool up, struct actor_hook *h)
{
	*h = (struct actor_hook){.up = up, .child = s->hook_child, .command = s->command};
	h->host_access = s->host_access;
	memcpy(h->state, s->name, sizeof h->state);
	memcpy(h->tunnel, s->name, strcspn(s->name, (const char[]){BETWEEN, 0}));
	memcpy(h->interface, s->interface, sizeof h->interface);
	/* The command may be replaced before the daemon is done with this run. */
	if (text_set(a, &a->command[up], &a->command_size[up], s->command))
		h->command = a->command[up];
}

/* The responder never asked for a path. */
static void interface_find(struct actor *a, struct tstate *s, const struct tun_child *c)
{
	struct addr src;
	uint32_t ifindex;
	bool gre;
	if (kernel_route_get(a->env.kernel, &c->remote.addr, &c->local.addr, &src, &ifindex) < 0 ||
	    kernel_link_name(a->env.kernel, ifindex, s->interface, &gre) < 0)
		s->interface[0] = '\0';
}

static void hook_up(struct actor *a, const struct m_hook_run *m, struct actor_out *out)
{
	struct tstate *s = actor_tstate_conf(a, m->tunnel, out);
	if (!s)
		return;
	const char *command = conf_str(a->conf, s->t->updown);
	const struct child *k = children_find(&a->children, m->child.spi_in);
	if (!*command) {
		actor_refuse(out, -ENOENT, "this tunnel has no script");
		return;
	}
	if (!k || strcmp(k->tunnel, s->name) != 0) {
		actor_refuse(out, -ENOTCONN, "no SA of this tunnel has this SPI");
		return;
	}
	struct tun_child c = m->child;
	const struct tunnel_conf *t = s->t;
	correct(&c, k);
	s = state_for_up(a, s, &k->peer);
	if (!s) {
		actor_refuse(out, -ENOMEM, "no memory");
		return;
	}
	/* An up before a crash of ike counts; after a change of addresses its down comes first. */
	if (s->hook_up && same_ends(&s->hook_child, &c)) {
		s->hook_child = c;
		actor_book_tunnel(a, s);
		out->status = s->hook_status;
		out->answer = true;
		if (s->hook_status < 0)
			actor_refuse(out, s->hook_status, "the script was run before, and did not end well");
		return;
	}
	if (s->hook_up) {
		out->down_first = true;
		actor_hook_fill(a, s, false, &out->before);
	}
	if (!text_set(a, &s->command, &s->command_size, command)) {
		actor_refuse(out, -ENOMEM, "no memory");
		return;
	}
	interface_find(a, s, &c);
	s->hook_up = true;
	s->hook_status = 0;
	s->hook_child = c;
	s->host_access = t->local.host_access;
	actor_book_tunnel(a, s);
	out->todo = TODO_HOOK;
	actor_hook_fill(a, s, true, &out->hook);
}

static void hook_down(struct actor *a, const struct m_hook_run *m, struct actor_out *out)
{
	/* strongSwan tells a down about the SA that goes; the addresses are those of the up. */
	const struct child *k = children_find(&a->children, m->child.spi_in);
	struct tun_child c = m->child;
	if (k && strcmp(k->tunnel, m->tunnel) == 0)
		correct(&c, k);
	struct tstate *s = actor_hook_state(a, m->tunnel, &c.peer_id);
	bool other = s && s->t && conf_many_peers(&s->t->remote) && !ident_eq(&s->hook_child.peer_id, &c.peer_id);
	if (!s || !s->hook_up || other) {
		actor_refuse(out, -ENOTCONN, "the script of this tunnel was not run for an up");
		return;
	}
	if (same_ends(&s->hook_child, &c) && ident_eq(&s->hook_child.peer_id, &c.peer_id)) {
		s->hook_child.child_id = c.child_id;
		s->hook_child.ike_id = c.ike_id;
	}
	s->hook_up = false;
	actor_book_tunnel(a, s);
	out->todo = TODO_HOOK;
	actor_hook_fill(a, s, false, &out->hook);
	actor_tstate_done(a, s);
}

void act_hook_run(struct actor *a, const struct m_hook_run *m, struct actor_out *out)
{
	if (!m->up)
		hook_down(a, m, out);
	else if (a->phase == PHASE_STOP)
		actor_refuse(out, -ESHUTDOWN, "stopping");
	else
		hook_up(a, m, out);
}

void actor_hook_ended(struct actor *a, const char *state, bool up, int status)
{
	struct tstate *s = actor_tstate(a, state);
	if (!s || !up || !s->hook_up)
		return;
	s->hook_status = status;
	actor_book_tunnel(a, s);
}

bool actor_next_hook(struct actor *a, struct actor_hook *out)
{
	LIST_EACH(it, tmp, &a->tunnels) {
		struct tstate *s = LIST_ENTRY(it, struct tstate, node);
		if (!s->hook_up)
			continue;
		s->hook_up = false;
		actor_book_tunnel(a, s);
		actor_hook_fill(a, s, false, out);
		return true;
	}
	return false;
}
