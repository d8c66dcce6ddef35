/* The verbs about SAs: SPI_ALLOC, SPI_FREE, CHILD_INSTALL, CHILD_MOVE, CHILD_REMOVE, SA_QUERY; and the numbers
 * of requests (reqid), which priv gives out so that they outlive ike. */
#include <errno.h>
#include <string.h>

#include "privsep/actor_int.h"

struct spi *actor_spi_find(const struct actor *a, uint32_t spi)
{
	for (struct hnode *n = hmap_first(&a->spis, hmap_hash(&a->spis, &spi, sizeof spi)); n; n = hmap_next(n)) {
		struct spi *p = CONTAINER_OF(n, struct spi, by_spi);
		if (p->spi == spi)
			return p;
	}
	return NULL;
}

static void spi_forget(struct actor *a, struct spi *p)
{
	hmap_del(&a->spis, &p->by_spi);
	list_del(&p->node);
	a->n_spis--;
	p->owner->n_spis--;
	mem_put(a->env.mem, p, sizeof *p);
}

static void spi_release(struct actor *a, struct spi *p)
{
	a->plane->spi_free(a, p);
	if (p->early)
		actor_book_gone(a, p->spi);
	spi_forget(a, p);
}

void actor_spis_free_all(struct actor *a)
{
	while (!list_empty(&a->all_spis))
		spi_release(a, LIST_ENTRY(a->all_spis.next, struct spi, node));
}

/* --- reqid --- */

/* Whether somebody else than (tunnel, remote) has it. */
static bool reqid_taken(const struct actor *a, uint32_t reqid, const struct tstate *s, const struct addr *remote)
{
	for (struct child *k = NULL; (k = children_next(&a->children, k));) {
		if (k->sa.reqid == reqid && (strcmp(k->tunnel, s->name) != 0 || !addr_eq(&k->sa.remote, remote)))
			return true;
	}
	LIST_EACH(it, tmp, &a->all_spis) {
		struct spi *p = LIST_ENTRY(it, struct spi, node);
		if (p->reqid == reqid && (p->owner != s || !addr_eq(&p->remote, remote)))
			return true;
	}
	LIST_EACH(it, tmp, &a->tunnels) {
		struct tstate *o = LIST_ENTRY(it, struct tstate, node);
		if (o != s && ((o->t && o->t->reqid == reqid) || o->trap.reqid == reqid))
			return true;
	}
	return false;
}

/* The number that (tunnel, remote) has now; 0: none. */
static uint32_t reqid_held(const struct actor *a, const struct tstate *s, const struct addr *local,
                           const struct addr *remote)
{
	const struct child *k = children_of_tunnel(&a->children, s->name, local, remote);
	if (k)
		return k->sa.reqid;
	if (s->trap.reqid && addr_eq(&s->trap.remote, remote))
		return s->trap.reqid;
	uint32_t left = s->n_spis;
	for (struct list *it = a->all_spis.next; left && it != &a->all_spis; it = it->next) {
		struct spi *p = LIST_ENTRY(it, struct spi, node);
		left -= p->owner == s;
		if (p->owner == s && addr_eq(&p->remote, remote))
			return p->reqid;
	}
	return 0;
}

/* wish: 0 none. */
static uint32_t reqid_choose(struct actor *a, const struct tstate *s, const struct addr *local, const struct addr *remote, uint32_t wish)
{
	if (s->t->reqid)
		return actor_reqid_seen(a, s->t->reqid);
	uint32_t reqid = reqid_held(a, s, local, remote);
	if (reqid)
		return reqid;
	if (wish && !reqid_taken(a, wish, s, remote))
		return actor_reqid_seen(a, wish);
	/* Above all that was ever seen nobody has to be asked. */
	do
		reqid = ++a->last_reqid;
	while (reqid == 0 || (reqid <= a->other_reqid && reqid_taken(a, reqid, s, remote)));
	if (reqid == UINT32_MAX)
		a->other_reqid = UINT32_MAX; /* from now on any may be taken */
	return reqid;
}

uint32_t actor_reqid_seen(struct actor *a, uint32_t reqid)
{
	if (reqid > a->other_reqid)
		a->other_reqid = reqid;
	return reqid;
}

uint32_t actor_reqid(struct actor *a, const struct tstate *s, const struct addr *local, const struct addr *remote, uint32_t wish)
{
	return reqid_choose(a, s, local, remote, wish);
}

/* --- SPIs --- */

bool actor_spi_taken(const struct actor *a, uint32_t spi)
{
	return actor_spi_find(a, spi) || children_find(&a->children, spi);
}

void act_spi_alloc(struct actor *a, const struct m_spi_alloc *m, struct actor_out *out)
{
	struct tstate *s = actor_tstate_conf(a, m->tunnel, out);
	const struct conf_setup *c = &a->conf->setup;
	if (!s || actor_check_ends(a, s, &m->local, &m->remote, out) < 0)
		return;
	if (m->min > m->max || m->min < c->spi_min || m->max > c->spi_max) {
		actor_refuse(out, -ERANGE, "SPIs are taken from 0x%08x to 0x%08x only", c->spi_min, c->spi_max);
		return;
	}
	struct spi *p = a->n_spis < SPIS_MAX ? mem_get(a->env.mem, sizeof *p) : NULL;
	if (!p) {
		actor_refuse(out, -ENOBUFS, "too many SPIs are allocated and not used");
		return;
	}
	*p = (struct spi){.owner = s, .local = m->local, .remote = m->remote, .reqid = reqid_choose(a, s, &m->local, &m->remote, m->reqid)};
	int rc = a->plane->spi_alloc(a, m, p->reqid, &p->spi);
	if (rc < 0) {
		mem_put(a->env.mem, p, sizeof *p);
		actor_refuse(out, rc, "there is no SPI: %s", strerror(-rc));
		return;
	}
	hmap_add(&a->spis, &p->by_spi, hmap_hash(&a->spis, &p->spi, sizeof p->spi));
	list_add_tail(&a->all_spis, &p->node);
	a->n_spis++;
	s->n_spis++;
	out->body.spi = (struct r_spi_alloc){.spi = p->spi, .reqid = p->reqid};
	actor_answer(out, true);
}

void act_spi_free(struct actor *a, const struct m_spi *m)
{
	struct spi *p = actor_spi_find(a, m->spi);
	if (p)
		spi_release(a, p);
}

/* --- Children --- */

/* An initiator knows the keys before the peer has answered: what the peer sends with its first breath is let in. */
static void install_early(struct actor *a, struct spi *p, const struct child_sa *sa, struct actor_out *out)
{
	int rc = -EEXIST;
	if (!p->early) {
		actor_book_early(a, p);
		rc = a->plane->install(a, p->owner, sa, HALF_EARLY, out);
		if (rc < 0)
			actor_book_gone(a, p->spi);
	}
	if (rc < 0) {
		actor_refuse(out, rc, "the kernel did not take the inbound SA: %s", strerror(-rc));
		return;
	}
	p->early = true;
	if (rc == 0)
		actor_answer(out, false);
}

void act_child_install(struct actor *a, const struct m_child_install *m, mono_t now, struct actor_out *out)
{
	struct tstate *s = actor_tstate_conf(a, m->tunnel, out);
	if (!s || actor_check_child(a, s, m, out) < 0)
		return;
	struct spi *p = actor_spi_find(a, m->sa.in.spi);
	if (!p || p->owner != s || !addr_eq(&p->local, &m->sa.local)) {
		actor_refuse(out, -ENOENT, "the inbound SPI was not allocated for this tunnel");
		return;
	}
	if (p->reqid != m->sa.reqid) {
		actor_refuse(out, -EEXIST, "the reqid of this tunnel is %u", p->reqid);
		return;
	}
	if (m->sa.out.spi > 0 && m->sa.out.spi < 256) {
		actor_refuse(out, -EINVAL, "the peer's SPI %u is reserved", m->sa.out.spi); /* RFC 4303 2.1 */
		return;
	}
	if (m->sa.out.spi == 0) {
		install_early(a, p, &m->sa, out);
		return;
	}
	struct child *k = children_new(&a->children, s->name, m->child_id, &m->peer, &m->sa, now);
	if (k)
		actor_book_child(a, k);
	int rc = k ? a->plane->install(a, s, &m->sa, p->early ? HALF_LATER : HALF_BOTH, out) : -ENOMEM;
	if (rc < 0) {
		actor_book_gone(a, m->sa.in.spi);
		if (k)
			children_free(&a->children, k);
		actor_refuse(out, rc, "the kernel did not take the SA: %s", strerror(-rc));
		return;
	}
	spi_forget(a, p);
	children_link(&a->children, k);
	if (rc == 0)
		actor_answer(out, false);
}

static struct child *child_find(struct actor *a, uint32_t spi, struct actor_out *out)
{
	struct child *k = children_find(&a->children, spi);
	if (!k)
		actor_refuse(out, -ENOENT, "there is no child SA with this SPI");
	return k;
}

/* A peer may turn up at another address when the configuration lets it (mobike does), or when its ESP, which the kernel has
 * authenticated, comes from there. GRE to there is guarded before the first packet. */
static int check_move(struct actor *a, const struct child *k, const struct child_sa *to, struct actor_out *out)
{
	char text[ADDR_TEXT];
	struct tstate *s = actor_tstate_conf(a, k->tunnel, out);
	if (!s)
		return out->status;
	if (to->local.family != to->remote.family)
		return actor_refuse(out, -EAFNOSUPPORT, "the two addresses are of different families");
	if (!actor_local_ours(a, &to->local))
		return actor_refuse(out, -EADDRNOTAVAIL, "%s is not an address of this host",
		                    addr_str(&to->local, text));
	if (!actor_move_allowed(a, s, &to->remote) && !addr_eq(&to->remote, &k->heard.addr))
		return actor_refuse(out, -EACCES, "%s is not an address of the peer of this tunnel",
		                    addr_str(&to->remote, text));
	if (to->encap && (to->encap_sport != a->conf->setup.port_nat_t || to->encap_dport == 0))
		return actor_refuse(out, -EPERM, "ESP in UDP goes through our port %u only", a->conf->setup.port_nat_t);
	if (a->env.esp && !to->encap)
		return actor_refuse(out, -EOPNOTSUPP, "the data plane in user space carries ESP in UDP only");
	const struct child *other = a->env.esp ? NULL : children_of_pair(&a->children, to, k);
	if (other && (!ident_eq(&other->peer, &k->peer) || strcmp(other->tunnel, k->tunnel) != 0))
		return actor_refuse(out, -EADDRINUSE, "%s already carries the tunnel %s", addr_str(&to->remote, text),
		                    other->tunnel);
	int rc = addr_eq(&to->remote, &k->sa.remote) ? 0 : actor_guard(a, s, &to->remote);
	if (rc < 0)
		return actor_refuse(out, rc, "the guard for %s could not be set: %s", addr_str(&to->remote, text), strerror(-rc));
	return 0;
}

void act_child_move(struct actor *a, const struct m_child_move *m, struct actor_out *out)
{
	struct child *k = child_find(a, m->spi_in, out);
	if (!k)
		return;
	struct child_sa to = k->sa;
	to.local = m->local;
	to.remote = m->remote;
	to.encap = m->encap;
	to.encap_sport = m->encap_sport;
	to.encap_dport = m->encap_dport;
	if (check_move(a, k, &to, out) < 0)
		return;
	int rc = a->plane->move(a, k, &to, out);
	if (rc < 0) {
		actor_refuse(out, rc, "the kernel did not move the SA: %s", strerror(-rc));
		return;
	}
	children_move(&a->children, k, &to);
	actor_book_child(a, k);
	if (rc == 0)
		actor_answer(out, false);
}

void actor_child_remove(struct actor *a, struct child *k)
{
	int rc = a->plane->remove(a, k);
	if (rc < 0 && rc != -ESRCH && rc != -ENOENT)
		actor_logf(a, -1, "%s: the kernel did not remove the SA %08x: %s", k->tunnel, k->sa.in.spi,
		           strerror(-rc));
	actor_book_gone(a, k->sa.in.spi);
	actor_trap_again(a, k);
	children_free(&a->children, k);
}

/* Who removes a child may not have read yet that it was refused: then its SPI goes. */
void act_child_remove(struct actor *a, const struct m_spi *m, struct actor_out *out)
{
	struct spi *p = actor_spi_find(a, m->spi);
	struct child *k = p ? NULL : child_find(a, m->spi, out);
	if (p) {
		spi_release(a, p);
		actor_answer(out, false);
		return;
	}
	if (!k)
		return;
	actor_child_remove(a, k);
	actor_answer(out, false);
}

void act_sa_query(struct actor *a, const struct m_spi *m, struct actor_out *out)
{
	struct child *k = child_find(a, m->spi, out);
	if (!k)
		return;
	int rc = a->plane->query(a, k, out);
	if (rc < 0)
		actor_refuse(out, rc, "the kernel does not know this SA: %s", strerror(-rc));
	else if (rc == 0)
		actor_answer(out, true);
}
