/* TRAP_SET: the first packet of a tunnel starts it. In the kernel that is a policy without an SA (kernel.h), which a child's policy replaces and
 * which is set again when that has gone; in user space the device, whose packets esp reports when they find no SA. An interface that we make
 * ourselves is made now, because without one there would be no packet. The guard stays what it is: a trap lets nothing out in the clear. */
#include <errno.h>
#include <string.h>

#include "privsep/actor_int.h"

static bool trap_allowed(const struct tunnel_conf *t)
{
	return t && t->kind == TUNNEL_TRANSPORT &&
	       (t->auto_mode == AUTO_ROUTE || t->dpd_action == DPD_HOLD || t->close_action == DPD_HOLD);
}

/* As the children of the tunnel will have it. */
static struct child_sa shape(const struct tstate *s)
{
	const struct tunnel_conf *t = s->t;
	struct child_sa sa = {.local = s->trap.local, .remote = s->trap.remote, .reqid = s->trap.reqid};
	sa.sel.proto = s->trap.proto;
	sa.mark_out = s->trap.mark;
	sa.mark_out_mask = s->trap.mark_mask;
	if (t) {
		sa.sel.local_port = t->local.port;
		sa.sel.remote_port = t->remote.port;
	}
	return sa;
}

static uint64_t trap_hash(const struct actor *a, const struct tstate *s)
{
	/* esp names a tunnel by its number, the kernel by where the packet was to go. */
	return a->env.esp ? hmap_hash(&a->traps, &s->id, sizeof s->id)
	                  : hmap_hash(&a->traps, s->trap.remote.b, sizeof s->trap.remote.b);
}

static int policy_set(struct actor *a, const struct tstate *s)
{
	struct child_sa sa = shape(s);
	return a->env.esp || !s->t->install_policy ? 0 : kernel_trap_set(a->env.kernel, &sa);
}

void actor_trap_drop(struct actor *a, struct tstate *s)
{
	if (s->trap.remote.family == AF_NONE)
		return;
	struct child_sa sa = shape(s);
	if (!a->env.esp)
		(void)kernel_trap_del(a->env.kernel, &sa);
	hmap_del(&a->traps, &s->by_trap);
	memset(&s->trap, 0, sizeof s->trap);
	actor_book_tunnel(a, s);
}

void actor_trap_link(struct actor *a, struct tstate *s) { hmap_add(&a->traps, &s->by_trap, trap_hash(a, s)); }

void actor_trap_again(struct actor *a, const struct child *gone)
{
	struct tstate *s = actor_tstate(a, gone->tunnel);
	if (!s || !s->t || !addr_eq(&s->trap.remote, &gone->sa.remote) || !addr_eq(&s->trap.local, &gone->sa.local))
		return;
	int rc = policy_set(a, s);
	if (rc < 0)
		actor_logf(a, -1, "%s: the trap could not be set again: %s", s->name, strerror(-rc));
}

void actor_traps_check(struct actor *a)
{
	LIST_EACH(it, tmp, &a->tunnels) {
		struct tstate *s = LIST_ENTRY(it, struct tstate, node);
		if (!trap_allowed(s->t))
			actor_trap_drop(a, s);
	}
}

void actor_traps_remove(struct actor *a)
{
	LIST_EACH(it, tmp, &a->tunnels)
		actor_trap_drop(a, LIST_ENTRY(it, struct tstate, node));
}

static int interface_up(struct actor *a, struct tstate *s, const struct m_ends *m, struct actor_out *out)
{
	struct gre_link g;
	if (!s->t->gre.name[0])
		return 0;
	int rc = a->plane->gre_up(a, s, m, &g);
	if (rc < 0)
		return actor_refuse(out, rc, "the interface %s could not be made: %s", s->t->gre.name, strerror(-rc));
	s->gre = s->t->gre;
	actor_link_of(&s->link, &g, &s->gre);
	return 0;
}

void act_trap_set(struct actor *a, const struct m_ends *m, struct actor_out *out)
{
	struct tstate *s = actor_tstate_conf(a, m->tunnel, out);
	char text[ADDR_TEXT];
	if (!s || actor_check_ends(a, s, &m->local, &m->remote, out) < 0)
		return;
	if (!trap_allowed(s->t)) {
		actor_refuse(out, -EPERM, "neither auto nor an action of this tunnel is route or hold");
		return;
	}
	uint32_t was = addr_eq(&s->trap.remote, &m->remote) ? s->trap.reqid : 0;
	if (!was || !addr_eq(&s->trap.local, &m->local))
		actor_trap_drop(a, s);
	bool fresh = s->trap.remote.family == AF_NONE;
	s->trap.local = m->local;
	s->trap.remote = m->remote;
	s->trap.proto = s->t->local.proto ? s->t->local.proto : s->t->remote.proto;
	s->trap.mark = s->t->mark_out;
	s->trap.mark_mask = s->t->mark_out_mask;
	s->trap.reqid = actor_reqid(a, s, &m->local, &m->remote, was);
	if (fresh)
		actor_trap_link(a, s);
	actor_book_tunnel(a, s);
	int rc = policy_set(a, s);
	if (rc < 0) {
		actor_trap_drop(a, s);
		actor_refuse(out, rc, "the trap for %s could not be set: %s", addr_str(&m->remote, text), strerror(-rc));
	} else if (interface_up(a, s, m, out) == 0) {
		actor_answer(out, false);
	}
}

const char *actor_acquired(const struct actor *a, const struct kernel_event *ev)
{
	for (struct hnode *n = hmap_first(&a->traps, hmap_hash(&a->traps, ev->addr.b, sizeof ev->addr.b)); n; n = hmap_next(n)) {
		const struct tstate *s = CONTAINER_OF(n, struct tstate, by_trap);
		if (s->t && s->trap.reqid == ev->reqid && addr_eq(&s->trap.remote, &ev->addr))
			return s->name;
	}
	return NULL;
}

const char *actor_wanted(const struct actor *a, uint32_t id)
{
	for (struct hnode *n = hmap_first(&a->traps, hmap_hash(&a->traps, &id, sizeof id)); n; n = hmap_next(n)) {
		const struct tstate *s = CONTAINER_OF(n, struct tstate, by_trap);
		if (s->t && s->id == id)
			return s->name;
	}
	return NULL;
}
