/* Making, indexing and freeing IKE SAs and child SAs; tickets. */
#include "ike/ike_int.h"

#include <string.h>

bool blob_set(struct ike *e, struct blob *b, const void *p, size_t n)
{
	blob_free(e, b);
	if (n == 0)
		return true;
	b->p = mem_get(e->mem, n);
	if (!b->p)
		return false;
	memcpy(b->p, p, n);
	b->n = n;
	return true;
}

void blob_free(struct ike *e, struct blob *b)
{
	mem_put(e->mem, b->p, b->n);
	*b = (struct blob){0};
}

void why_free(struct ike *e, const char **why)
{
	if (*why && **why)
		mem_put(e->mem, (void *)(uintptr_t)*why, strlen(*why) + 1);
	*why = "";
}

void why_set(struct ike *e, const char **why, const char *text)
{
	size_t n = strlen(text);
	char *copy = n ? mem_get(e->mem, n + 1) : NULL;
	if (copy)
		memcpy(copy, text, n + 1);
	why_free(e, why); /* text may be the old one */
	if (copy)
		*why = copy;
}

/* --- tickets --- */

void wait_for(struct ike *e, struct wait *w, uint8_t fact)
{
	wait_end(e, w);
	if (++e->next_ticket == 0)
		e->next_ticket = 1;
	w->ticket = e->next_ticket;
	w->fact = fact;
	hmap_add(&e->waits, &w->node, w->ticket);
}

void wait_end(struct ike *e, struct wait *w)
{
	if (w->ticket)
		hmap_del(&e->waits, &w->node);
	w->ticket = 0;
}

/* --- IKE SAs --- */

static bool spi_taken(struct ike *e, uint64_t spi)
{
	return hmap_first(&e->sas_by_spi, hmap_hash(&e->sas_by_spi, &spi, sizeof spi)) != NULL;
}

struct ike_sa *sa_new(struct ike *e, bool initiator, const struct endpoint *local, const struct endpoint *remote,
                      mono_t now)
{
	if (heap_reserve(&e->timers, e->n_sas + e->n_children + e->n_tuns + 1) < 0)
		return NULL;
	struct ike_sa *sa = mem_get(e->mem, sizeof *sa);
	if (!sa)
		return NULL;
	uint64_t spi;
	do
		spi = rng_u64(e->rng);
	while (spi == 0 || spi_taken(e, spi));
	*(initiator ? &sa->spi_i : &sa->spi_r) = spi;
	sa->initiator = initiator;
	sa->state = ST_NEW;
	sa->why = "";
	sa->local = sa->rx_local = *local;
	sa->remote = sa->rx_remote = *remote;
	sa->ways.decides = initiator;
	sa->way.kind = WAIT_WAY;
	sa->created = sa->last_in = sa->last_out = now;
	if (++e->next_ike_id == 0)
		e->next_ike_id = 1;
	sa->id = e->next_ike_id;
	sa->wait.kind = WAIT_SA;
	sa->timer.tag = TIMER_SA;
	sa->timer.due = MONO_NEVER;
	for (size_t i = 0; i < T_N; i++)
		sa->due[i] = MONO_NEVER;
	list_init(&sa->children);
	list_init(&sa->of_tun);
	list_init(&sa->half);
	list_init(&sa->of_mine);
	list_init(&sa->of_attempts);
	list_add_tail(&e->sas, &sa->link);
	hmap_add(&e->sas_by_id, &sa->by_id, sa->id);
	hmap_add(&e->sas_by_spi, &sa->by_spi, hmap_hash(&e->sas_by_spi, &spi, sizeof spi));
	e->n_sas++;
	return sa;
}

struct ike_sa *sa_by_id(const struct ike *e, uint32_t id)
{
	for (struct hnode *n = hmap_first(&e->sas_by_id, id); n; n = hmap_next(n)) {
		struct ike_sa *sa = CONTAINER_OF(n, struct ike_sa, by_id);
		if (sa->id == id)
			return sa;
	}
	return NULL;
}

struct handshake *sa_handshake(struct ike *e, struct ike_sa *sa)
{
	sa->hs = mem_get(e->mem, sizeof *sa->hs);
	return sa->hs;
}

void sa_handshake_free(struct ike *e, struct ike_sa *sa)
{
	struct handshake *hs = sa->hs;
	if (!hs)
		return;
	blob_free(e, &hs->init_req);
	blob_free(e, &hs->init_rsp);
	blob_free(e, &hs->cookie);
	blob_free(e, &hs->auth);
	mem_put(e->mem, hs, sizeof *hs);
	sa->hs = NULL;
}

/* Two SAs that know of each other, one of which goes. */
static void unlink_rekeys(struct ike *e, struct ike_sa *sa)
{
	struct ike_sa *ours = sa->ours;
	if (sa->before && sa->before->ours == sa)
		sa->before->ours = NULL;
	if (sa->before && sa->before->theirs == sa)
		sa->before->theirs = NULL;
	if (sa->theirs)
		sa->theirs->before = NULL;
	sa->before = sa->ours = sa->theirs = NULL;
	if (ours) {
		ours->before = NULL;
		sa_free(e, ours); /* it never was one for anybody else */
	}
}

static bool connecting(uint8_t state) { return state > ST_NEW && state < ST_ESTABLISHED; }
static bool up(uint8_t state) { return state >= ST_ESTABLISHED && state < ST_DEAD; }

void sa_count_state(struct ike *e, uint8_t from, uint8_t to)
{
	e->n_connecting = e->n_connecting + connecting(to) - connecting(from);
	e->n_up = e->n_up + up(to) - up(from);
}

void sa_free(struct ike *e, struct ike_sa *sa)
{
	unlink_rekeys(e, sa);
	LIST_EACH(it, tmp, &sa->children)
		child_free(e, LIST_ENTRY(it, struct child, link));
	sa_handshake_free(e, sa);
	wait_end(e, &sa->wait);
	wait_end(e, &sa->way);
	heap_clear(&e->timers, &sa->timer);
	hmap_del(&e->sas_by_id, &sa->by_id);
	hmap_del(&e->sas_by_spi, &sa->by_spi);
	sa_half_open_end(e, sa);
	if (sa->in_by_init)
		hmap_del(&e->sas_by_init, &sa->by_init);
	if (sa->in_by_peer)
		hmap_del(&e->sas_by_peer, &sa->by_peer);
	list_del(&sa->link);
	list_del(&sa->of_tun);
	list_del(&sa->of_mine);
	list_del(&sa->of_attempts);
	blob_free(e, &sa->req.msg);
	blob_free(e, &sa->response);
	why_free(e, &sa->why);
	frag_drop(e, sa, false);
	frag_drop(e, sa, true);
	e->n_sas--;
	sa_count_state(e, sa->state, ST_DEAD);
	struct tun *t = sa->tun;
	mem_put(e->mem, sa, sizeof *sa);
	if (t)
		ike_tun_release(e, t);
}

/* --- half open --- */

uint64_t sa_init_hash(const struct ike *e, uint64_t spi_i, const struct endpoint *remote)
{
	struct {
		uint64_t spi;
		struct endpoint ep;
	} key;
	memset(&key, 0, sizeof key);
	key.spi = spi_i;
	key.ep.addr = remote->addr;
	key.ep.port = remote->port;
	return hmap_hash(&e->sas_by_init, &key, sizeof key);
}

/* What counts as one source: an address, of IPv6 a /64, which is the least that a subscriber gets. */
static struct addr source_of(const struct addr *a)
{
	struct addr s = *a;
	if (s.family == AF_V6)
		memset(s.b + 8, 0, 8);
	return s;
}

static uint64_t source_hash(const struct ike *e, const struct addr *a)
{
	struct addr s = source_of(a);
	return hmap_hash(&e->half_by_source, &s, sizeof s);
}

void sa_half_open_begin(struct ike *e, struct ike_sa *sa, bool proven)
{
	sa->proven = proven;
	list_add_tail(proven ? &e->half_proven : &e->half_unproven, &sa->half);
	sa->init_remote = sa->remote;
	hmap_add(&e->sas_by_init, &sa->by_init, sa_init_hash(e, sa->spi_i, &sa->remote));
	hmap_add(&e->half_by_source, &sa->by_source, source_hash(e, &sa->remote.addr));
	sa->in_by_init = sa->half_open = true;
	e->half_open++;
}

void sa_half_open_heard(struct ike_sa *sa) { list_del(&sa->half); }

void sa_half_open_end(struct ike *e, struct ike_sa *sa)
{
	if (!sa->half_open)
		return;
	hmap_del(&e->half_by_source, &sa->by_source);
	list_del(&sa->half);
	sa->half_open = false;
	e->half_open--;
}

struct half_open_of sa_half_open_from(const struct ike *e, const struct addr *source)
{
	struct half_open_of found = {0};
	struct addr want = source_of(source);
	for (struct hnode *n = hmap_first(&e->half_by_source, source_hash(e, source)); n; n = hmap_next(n)) {
		struct ike_sa *sa = CONTAINER_OF(n, struct ike_sa, by_source);
		struct addr has = source_of(&sa->init_remote.addr);
		if (!addr_eq(&has, &want))
			continue;
		found.all++;
		found.proven += sa->proven;
	}
	return found;
}

void sa_set_tun(struct ike_sa *sa, struct tun *t)
{
	if (sa->tun == t)
		return;
	list_del(&sa->of_tun);
	if (sa_is_up(sa->state)) {
		t->n_up++;
		if (sa->tun)
			sa->tun->n_up--;
	}
	sa->tun = t;
	list_add_tail(&t->sas, &sa->of_tun);
}

void sa_due(struct ike *e, struct ike_sa *sa, enum sa_timer which, mono_t due)
{
	mono_t first = MONO_NEVER;
	sa->due[which] = due;
	for (size_t i = 0; i < T_N; i++)
		first = mono_min(first, sa->due[i]);
	heap_set(&e->timers, &sa->timer, first);
}

static uint64_t peer_hash(const struct ike *e, const struct tun *t, const struct ident *id)
{
	uint8_t key[IDENT_KEY + sizeof t->id];
	size_t n = ident_key(id, key);
	memcpy(key + n, &t->id, sizeof t->id);
	return hmap_hash(&e->sas_by_peer, key, n + sizeof t->id);
}

void sa_peer_index(struct ike *e, struct ike_sa *sa)
{
	if (sa->in_by_peer)
		hmap_del(&e->sas_by_peer, &sa->by_peer);
	hmap_add(&e->sas_by_peer, &sa->by_peer, peer_hash(e, sa->tun, &sa->peer_id));
	sa->in_by_peer = true;
}

struct ike_sa *sa_of_peer(struct ike *e, const struct tun *t, const struct ident *peer, struct ike_sa *prev)
{
	struct hnode *n = prev ? hmap_next(&prev->by_peer) : hmap_first(&e->sas_by_peer, peer_hash(e, t, peer));
	for (; n; n = hmap_next(n)) {
		struct ike_sa *o = CONTAINER_OF(n, struct ike_sa, by_peer);
		e->n.looked_at++;
		if (o->tun == t && ident_eq(&o->peer_id, peer))
			return o;
	}
	return NULL;
}

struct ike_sa *sa_next_same_peer(struct ike *e, const struct ike_sa *sa, struct ike_sa *prev)
{
	if (!sa->in_by_peer)
		return NULL;
	do
		prev = sa_of_peer(e, sa->tun, &sa->peer_id, prev);
	while (prev == sa);
	return prev;
}

/* --- child SAs --- */

struct child *child_new(struct ike *e, struct ike_sa *sa, uint8_t origin, mono_t now)
{
	if (sa->n_children >= CHILDREN_MAX ||
	    heap_reserve(&e->timers, e->n_sas + e->n_children + e->n_tuns + 1) < 0)
		return NULL;
	struct child *c = mem_get(e->mem, sizeof *c);
	if (!c)
		return NULL;
	c->ni = mem_get(e->mem, sizeof *c->ni);
	c->nr = mem_get(e->mem, sizeof *c->nr);
	if (!c->ni || !c->nr) {
		mem_put(e->mem, c->ni, sizeof *c->ni);
		mem_put(e->mem, c->nr, sizeof *c->nr);
		mem_put(e->mem, c, sizeof *c);
		return NULL;
	}
	c->sa = sa;
	c->tun = sa->tun;
	c->origin = origin;
	c->since = now;
	c->soft = c->hard = c->gone_at = c->whole_at = c->timer.due = MONO_NEVER;
	c->wait.kind = WAIT_CHILD;
	c->timer.tag = TIMER_CHILD;
	if (++e->next_child_id == 0)
		e->next_child_id = 1;
	c->id = e->next_child_id;
	list_add_tail(&sa->children, &c->link);
	list_add_tail(&e->kids, &c->of_all);
	hmap_add(&e->kids_by_id, &c->by_id, c->id);
	sa->n_children++;
	e->n_children++;
	return c;
}

void child_free(struct ike *e, struct child *c)
{
	if (c->sa->hs && c->sa->hs->child == c)
		c->sa->hs->child = NULL;
	wait_end(e, &c->wait);
	heap_clear(&e->timers, &c->timer);
	if (c->p.in.spi)
		hmap_del(&e->children, &c->by_spi);
	if (c->in_by_spi_out)
		hmap_del(&e->children_out, &c->by_spi_out);
	list_del(&c->link);
	list_del(&c->of_all);
	hmap_del(&e->kids_by_id, &c->by_id);
	c->sa->n_children--;
	e->n_children--;
	mem_put(e->mem, c->ni, sizeof *c->ni);
	mem_put(e->mem, c->nr, sizeof *c->nr);
	mem_put(e->mem, c->dh, sizeof *c->dh);
	blob_free(e, &c->shared);
	blob_free(e, &c->public);
	mem_put(e->mem, c, sizeof *c);
}

struct child *child_by_id(struct ike_sa *sa, uint32_t id)
{
	LIST_EACH(it, tmp, &sa->children) {
		struct child *c = LIST_ENTRY(it, struct child, link);
		if (c->id == id)
			return c;
	}
	return NULL;
}

struct child *child_by_id_any(const struct ike *e, uint32_t id)
{
	for (struct hnode *n = hmap_first(&e->kids_by_id, id); n; n = hmap_next(n)) {
		struct child *c = CONTAINER_OF(n, struct child, by_id);
		if (c->id == id)
			return c;
	}
	return NULL;
}

void child_index(struct ike *e, struct child *c)
{
	hmap_add(&e->children, &c->by_spi, hmap_hash(&e->children, &c->p.in.spi, sizeof c->p.in.spi));
}

static uint64_t out_hash(const struct ike *e, uint32_t spi) { return hmap_hash(&e->children_out, &spi, sizeof spi); }

void child_index_out(struct ike *e, struct child *c)
{
	if (c->in_by_spi_out)
		hmap_del(&e->children_out, &c->by_spi_out);
	hmap_add(&e->children_out, &c->by_spi_out, out_hash(e, c->p.out.spi));
	c->in_by_spi_out = true;
}

struct child *child_by_spi_in(struct ike *e, uint32_t spi)
{
	struct hnode *n = hmap_first(&e->children, hmap_hash(&e->children, &spi, sizeof spi));
	for (; n; n = hmap_next(n)) {
		struct child *c = CONTAINER_OF(n, struct child, by_spi);
		if (c->p.in.spi == spi)
			return c;
	}
	return NULL;
}

struct child *child_by_spi_out(struct ike_sa *sa, uint32_t spi)
{
	LIST_EACH(it, tmp, &sa->children) {
		struct child *c = LIST_ENTRY(it, struct child, link);
		if (c->p.out.spi == spi)
			return c;
	}
	return NULL;
}

/* The peers choose them: several may have the same. The kernel's word that one has expired is right for one of them, and no harm to another. */
struct child *child_by_spi_out_any(struct ike *e, uint32_t spi)
{
	for (struct hnode *n = hmap_first(&e->children_out, out_hash(e, spi)); n; n = hmap_next(n)) {
		struct child *c = CONTAINER_OF(n, struct child, by_spi_out);
		if (c->p.out.spi == spi)
			return c;
	}
	return NULL;
}

void sa_children_move(struct ike_sa *from, struct ike_sa *to)
{
	LIST_EACH(it, tmp, &from->children) {
		struct child *c = LIST_ENTRY(it, struct child, link);
		list_del(&c->link);
		c->sa = to;
		list_add_tail(&to->children, &c->link);
	}
	to->n_children += from->n_children;
	from->n_children = 0;
	for (uint8_t i = 0; i < from->n_del && to->n_del < ARRAY_LEN(to->del_queue); i++)
		to->del_queue[to->n_del++] = from->del_queue[i];
	from->n_del = from->n_asked = 0;
}
