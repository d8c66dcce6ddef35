/* HOOK_RUN: the user's script. Priv keeps the books of it: each up gets exactly one down, with the command that the
 * up had, also when ike dies in between or the tunnel has left the configuration. What the script is told about
 * addresses and SPIs comes from the table of installed children, not from the message. */
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

void actor_hook_fill(struct actor *a, const struct tstate *s, bool up, struct actor_hook *h)
{
	*h = (struct actor_hook){.up = up, .child = s->hook_child, .command = s->command};
	h->host_access = s->host_access;
	memcpy(h->tunnel, s->name, sizeof h->tunnel);
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
	correct(&c, k);
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
	s->host_access = s->t->local.host_access;
	actor_book_tunnel(a, s);
	out->todo = TODO_HOOK;
	actor_hook_fill(a, s, true, &out->hook);
}

static void hook_down(struct actor *a, const struct m_hook_run *m, struct actor_out *out)
{
	struct tstate *s = actor_tstate(a, m->tunnel);
	if (!s || !s->hook_up) {
		actor_refuse(out, -ENOTCONN, "the script of this tunnel was not run for an up");
		return;
	}
	/* strongSwan tells a down about the SA that goes; the addresses are those of the up. */
	const struct child *k = children_find(&a->children, m->child.spi_in);
	struct tun_child c = m->child;
	if (k && strcmp(k->tunnel, s->name) == 0)
		correct(&c, k);
	if (same_ends(&s->hook_child, &c) && ident_eq(&s->hook_child.peer_id, &c.peer_id)) {
		s->hook_child.child_id = c.child_id;
		s->hook_child.ike_id = c.ike_id;
	}
	s->hook_up = false;
	actor_book_tunnel(a, s);
	out->todo = TODO_HOOK;
	actor_hook_fill(a, s, false, &out->hook);
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

void actor_hook_ended(struct actor *a, const char *tunnel, bool up, int status)
{
	struct tstate *s = actor_tstate(a, tunnel);
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
