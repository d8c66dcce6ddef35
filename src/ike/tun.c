/* Tunnels: their configuration, their indexes, and the supervision that never gives up on a wanted one; and which tunnel a
 * peer that knocks may mean. */
#include "ike/ike_int.h"

#include <string.h>

enum { BACKOFF_FIRST_S = 2, BACKOFF_MAX_S = 60 };

/* --- indexes --- */

static uint64_t hash_addr(const struct ike *e, const struct addr *a)
{
	return hmap_hash(&e->tuns_by_addr, a, sizeof *a);
}

static uint64_t hash_id(const struct ike *e, const struct ident *id)
{
	uint8_t key[IDENT_KEY];
	return hmap_hash(&e->tuns_by_id, key, ident_key(id, key));
}

static bool pattern_id(const struct ident *id)
{
	return id->type == ID_ANY || id->type == ID_IPV4_ADDR_SUBNET || id->type == ID_IPV6_ADDR_SUBNET ||
	       (id->len && id->data[0] == '*');
}

struct ident ike_tun_peer_id(const struct tun *t)
{
	const struct conf_end *r = &t->t->remote;
	struct ident id = {.type = ID_ANY};
	if (r->id_set)
		return r->id;
	if (r->n_hosts && r->host[0].kind == HOST_ADDR)
		return ident_from_addr(&r->host[0].lo);
	if (r->n_hosts && r->host[0].kind == HOST_NAME) {
		const char *name = conf_str(t->conf, r->host[0].name);
		if (!ident_set(&id, ID_FQDN, name, strlen(name)))
			id.type = ID_ANY;
	}
	return id;
}

struct ident ike_tun_my_id(const struct tun *t, const struct addr *local)
{
	return t->t->local.id_set ? t->t->local.id : ident_from_addr(local);
}

/* Whether its peer is elsewhere than in the configuration. */
static bool moved(const struct tun *t, const struct addr *remote)
{
	const struct conf_end *r = &t->t->remote;
	return r->n_hosts == 1 && r->host[0].kind == HOST_ADDR && !addr_eq(&r->host[0].lo, remote);
}

static void index_addr(struct ike *e, struct tun *t)
{
	if (!list_empty(&t->wild_addr))
		list_del(&t->wild_addr);
	if (t->in_by_addr)
		hmap_del(&e->tuns_by_addr, &t->by_addr);
	const struct conf_end *r = &t->t->remote;
	/* One that has moved may come from where it is as well as from where the configuration has it. */
	t->in_by_addr = !t->many && t->remote.family != AF_NONE && r->n_hosts == 1 && !r->allow_any && !moved(t, &t->remote);
	bool any = r->n_hosts == 0 || r->host[0].kind == HOST_ANY;
	if (t->in_by_addr)
		hmap_add(&e->tuns_by_addr, &t->by_addr, hash_addr(e, &t->remote));
	else
		list_add_tail(any ? &e->any_addr : &e->wild_addr, &t->wild_addr);
}

static void index_id(struct ike *e, struct tun *t)
{
	struct ident id = ike_tun_peer_id(t);
	if (!list_empty(&t->wild_id))
		list_del(&t->wild_id);
	if (t->in_by_id)
		hmap_del(&e->tuns_by_id, &t->by_peer_id);
	t->in_by_id = !pattern_id(&id);
	if (t->in_by_id)
		hmap_add(&e->tuns_by_id, &t->by_peer_id, hash_id(e, &id));
	else
		list_add_tail(&e->wild_id, &t->wild_id);
}

static void unindex(struct ike *e, struct tun *t)
{
	list_del(&t->wild_addr);
	list_del(&t->wild_id);
	if (t->in_by_addr)
		hmap_del(&e->tuns_by_addr, &t->by_addr);
	if (t->in_by_id)
		hmap_del(&e->tuns_by_id, &t->by_peer_id);
	t->in_by_addr = t->in_by_id = false;
}

struct tun *ike_tun_find(const struct ike *e, uint32_t id)
{
	struct hnode *n = hmap_first(&e->tuns, hmap_hash(&e->tuns, &id, sizeof id));
	for (; n; n = hmap_next(n)) {
		struct tun *t = CONTAINER_OF(n, struct tun, by_id);
		if (t->id == id)
			return t;
	}
	return NULL;
}

/* --- configuration --- */

static struct tun *ike_tun_new(struct ike *e, uint32_t id)
{
	if (heap_reserve(&e->timers, e->n_sas + e->n_children + e->n_tuns + 1) < 0)
		return NULL;
	struct tun *t = mem_get(e->mem, sizeof *t);
	if (!t)
		return NULL;
	t->id = id;
	t->why = t->way_why = "";
	t->looked_at = &e->n.looked_at;
	t->wait.kind = WAIT_TUN;
	t->timer.tag = TIMER_TUN;
	t->timer.due = MONO_NEVER;
	list_init(&t->sas);
	list_init(&t->mine);
	list_init(&t->wild_addr);
	list_init(&t->wild_id);
	hmap_add(&e->tuns, &t->by_id, hmap_hash(&e->tuns, &id, sizeof id));
	e->n_tuns++;
	return t;
}

static void ike_tun_free(struct ike *e, struct tun *t)
{
	unindex(e, t);
	wait_end(e, &t->wait);
	heap_clear(&e->timers, &t->timer);
	hmap_del(&e->tuns, &t->by_id);
	e->n_tuns--;
	e->n_removed -= t->removed;
	why_free(e, &t->why);
	why_free(e, &t->way_why);
	mem_put(e->mem, t, sizeof *t);
}

void ike_tun_release(struct ike *e, struct tun *t)
{
	if (t->removed && list_empty(&t->sas))
		ike_tun_free(e, t);
}

/* A trap that is to be there, and is not, or not known to be. */
static bool needs_trap(const struct tun *t)
{
	return (t->t->auto_mode == AUTO_ROUTE || t->hold) && !t->many && !t->removed && t->trap.family == AF_NONE;
}

void ike_tun_command_set(struct step *s, const struct ike_cmd *cmd)
{
	struct ike *e = s->e;
	struct tun *t = ike_tun_find(e, cmd->tunnel);
	bool fresh = !t;
	if (cmd->t->kind != TUNNEL_TRANSPORT) {
		ike_tun_command_del(s, cmd->tunnel); /* it became a shunt */
		return;
	}
	if (!t && !(t = ike_tun_new(e, cmd->tunnel)))
		return;
	t->conf = cmd->conf;
	t->t = cmd->t;
	e->n_removed -= t->removed;
	t->removed = false;
	t->held = cmd->held;
	t->many = conf_many_peers(&cmd->t->remote);
	const struct conf_end *r = &cmd->t->remote;
	if (r->n_hosts == 1 && r->host[0].kind == HOST_ADDR)
		t->remote = r->host[0].lo;
	index_addr(e, t);
	index_id(e, t);
	if (cmd->start)
		t->wanted = cmd->t->auto_mode == AUTO_START || (t->wanted && !fresh);
	if (t->held)
		t->wanted = t->called = false;
	t->trap = (struct addr){0}; /* set again: whatever it was made of may have changed */
	if (t->remote.family && !t->many)
		tell_peer_known(s, t, &(struct addr){0}, &t->remote);
	if (fresh && !t->many)
		ike_tun_start(s, t); /* learns the path, also of tunnels that are not wanted: the guard needs the address */
	else if (!t->many && ((t->wanted && !ike_tun_has_sa(t, NULL)) || needs_trap(t)))
		ike_tun_start(s, t);
}

void ike_tun_command_del(struct step *s, uint32_t id)
{
	struct tun *t = ike_tun_find(s->e, id);
	if (!t)
		return;
	ike_tun_down(s, t, "it left the configuration");
	unindex(s->e, t);
	s->e->n_removed += !t->removed;
	t->removed = true;
	ike_tun_release(s->e, t);
}

/* --- attempts --- */

bool ike_tun_has_sa(const struct tun *t, const struct ike_sa *but)
{
	if (t->n_up == (but && sa_is_up(but->state) && but->tun == t))
		return false; /* a hub has thousands that are on their way out */
	LIST_EACH(it, tmp, &t->sas) {
		const struct ike_sa *sa = LIST_ENTRY(it, struct ike_sa, of_tun);
		++*t->looked_at;
		/* One that both ends rekey at once has its children until the answer to ours has come. */
		bool heir_comes = sa->state == ST_REKEYED && sa->ours;
		if (sa != but && (sa->state == ST_ESTABLISHED || heir_comes) && !sa->want_delete)
			return true;
	}
	return false;
}

bool ike_tun_busy(const struct tun *t)
{
	if (t->wait.ticket)
		return true;
	LIST_EACH(it, tmp, &t->mine) {
		++*t->looked_at;
		if (LIST_ENTRY(it, struct ike_sa, of_mine)->state < ST_ESTABLISHED)
			return true;
	}
	return false;
}

void ike_tun_start(struct step *s, struct tun *t)
{
	if (ike_tun_busy(t) || s->e->stopping)
		return;
	heap_clear(&s->e->timers, &t->timer);
	wait_for(s->e, &t->wait, IKE_FACT_PATH);
	struct ike_act *a = act_add(s, IKE_ACT_PATH, t);
	a->ticket = t->wait.ticket;
	a->path.attempt = t->attempt;
}

/* Whether an SA of ours with this peer is being set up. */
static bool busy_with(struct ike *e, const struct tun *t, const struct ident *peer)
{
	for (struct ike_sa *sa = NULL; (sa = sa_of_peer(e, t, peer, sa));) {
		if (sa->initiator && sa->state < ST_ESTABLISHED)
			return true;
	}
	return false;
}

static void attempt(struct step *s, struct tun *t, const struct endpoint *local, const struct endpoint *remote,
                    const struct ident *peer, bool natt);

static void renew(struct step *s, struct ike_sa *old, const struct endpoint *from)
{
	struct tun *t = old->tun;
	if (old->replaced || s->e->stopping || (t->many ? busy_with(s->e, t, &old->peer_id) : ike_tun_busy(t)))
		return;
	note(s, t, NOTE_CONTROL, "IKE_SA %s[%u] or its child is due, setting up a successor", ike_tun_name(t), old->id);
	t->renew = !t->many;
	/* Nobody can say where such a peer is, or it has moved, or a NAT lets in only what is in use; but it is known where this one is. */
	if (t->many || old->nat_there || moved(t, &old->remote.addr))
		attempt(s, t, from, &old->remote, &old->peer_id, old->natt_port);
	else
		ike_tun_start(s, t);
}

void ike_tun_renew(struct step *s, struct ike_sa *old) { renew(s, old, &old->local); }

void ike_tun_renew_from(struct step *s, struct ike_sa *old, const struct addr *local)
{
	renew(s, old, &(struct endpoint){.addr = *local, .port = old->local.port});
}

/* What is up and has no successor yet; NULL: nothing. */
static struct ike_sa *to_renew(const struct tun *t)
{
	LIST_EACH(it, tmp, &t->sas) {
		struct ike_sa *sa = LIST_ENTRY(it, struct ike_sa, of_tun);
		if (sa->state == ST_ESTABLISHED && !sa->replaced && !sa->want_delete)
			return sa;
	}
	return NULL;
}

void ike_tun_call(struct step *s, struct tun *t, const struct ike_cmd *cmd)
{
	if (!t->many || t->held || t->removed || s->e->stopping || busy_with(s->e, t, cmd->peer))
		return;
	attempt(s, t, &cmd->local, &cmd->remote, cmd->peer, cmd->natt);
}

/* A renewal failed where there is no supervisor to try again: what is to be renewed does, until its own end. */
void ike_tun_renew_later(struct step *s, const struct ike_sa *failed)
{
	enum { AGAIN_S = 5 };
	for (struct ike_sa *sa = NULL; (sa = sa_of_peer(s->e, failed->tun, &failed->peer_id, sa));) {
		if (sa->state == ST_ESTABLISHED && !sa->replaced)
			sa_due(s->e, sa, T_REAUTH, mono_add(s->now, DUR_S(AGAIN_S)));
	}
}

/* Whether an attempt is called for: the peer may have come by itself meanwhile. */
static bool needs_attempt(const struct step *s, const struct tun *t)
{
	if (t->held || t->removed || t->many || s->e->stopping)
		return false;
	return t->renew || ((t->wanted || t->called) && !ike_tun_has_sa(t, NULL));
}

/* Nobody may want it now; its guard and a responder still need to know where the peer is. */
static bool unknown_peer(const struct tun *t)
{
	return !t->many && !t->removed && t->remote.family == AF_NONE;
}

/* The supervisor: 2, 4, 8, ... 60 s, each with a fifth of jitter, for ever. */
static void retry_later(struct step *s, struct tun *t)
{
	uint32_t n = t->attempt < 6 ? t->attempt : 5;
	dur_t d = DUR_S(BACKOFF_FIRST_S << n);
	if (d > DUR_S(BACKOFF_MAX_S))
		d = DUR_S(BACKOFF_MAX_S);
	d += (dur_t)rng_below(s->e->rng, (uint64_t)d / 5);
	t->attempt++;
	heap_set(&s->e->timers, &t->timer, mono_add(s->now, d));
}

/* keyingtries: of auto=add alone. auto=start never gives up, and what waits for packets goes on for them. */
static bool gives_up(const struct tun *t)
{
	return t->t->auto_mode == AUTO_ADD && !t->renew && t->t->keyingtries > 0 && t->silences >= t->t->keyingtries && t->n_orphans == 0;
}

void ike_tun_failed(struct step *s, struct tun *t, const char *reason)
{
	why_set(s->e, &t->why, reason);
	if (needs_attempt(s, t) && gives_up(t)) {
		note(s, t, NOTE_CONTROL, "%s: giving up after %u attempts without an answer (keyingtries)", ike_tun_name(t), t->silences);
		t->wanted = t->called = false;
		t->silences = 0;
	}
	bool again = needs_attempt(s, t);
	if (again || unknown_peer(t) || needs_trap(t))
		retry_later(s, t);
	tell_tunnel(s, t, IKE_EV_FAILED, NULL, NULL, again, reason);
}

void ike_tun_lost(struct step *s, struct tun *t, dur_t wait_first)
{
	if (t->held || t->removed || t->many || s->e->stopping || ike_tun_has_sa(t, NULL) || ike_tun_busy(t))
		return;
	if (wait_first == 0)
		ike_tun_start(s, t);
	else
		heap_set(&s->e->timers, &t->timer, mono_add(s->now, wait_first));
}

/* peer: who it must be where the peer is known by an earlier SA alone (%any), else NULL; natt: it is called on its NAT-T port. */
static void attempt(struct step *s, struct tun *t, const struct endpoint *local, const struct endpoint *remote,
                    const struct ident *peer, bool natt)
{
	struct ike_sa *sa = sa_new(s->e, true, local, remote, s->now);
	if (!sa || !sa_handshake(s->e, sa)) {
		if (sa)
			sa_free(s->e, sa);
		ike_tun_failed(s, t, "no memory");
		return;
	}
	sa_set_tun(sa, t);
	list_add_tail(&t->mine, &sa->of_mine);
	list_add_tail(&s->e->attempts, &sa->of_attempts);
	sa->force_encap = t->t->forceencaps;
	if (peer) {
		sa->peer_id = *peer;
		sa_peer_index(s->e, sa);
	}
	sa->natt_port = natt;
	struct step sub = step_sub(s, sa);
	step_run(&sub, EV_PATH);
}

static void set_trap(struct step *s, struct tun *t, const struct addr *local, const struct addr *remote)
{
	if (t->held)
		return;
	struct ike_act *a = act_add(s, IKE_ACT_TRAP, t);
	a->trap.local = *local;
	a->trap.remote = *remote;
	t->trap = *local;
	if (!t->wanted && !t->called && !ike_tun_has_sa(t, NULL))
		why_set(s->e, &t->why, "it waits for a packet");
}

void ike_tun_hold(struct step *s, struct tun *t, const struct ike_sa *sa)
{
	if (t->many)
		return;
	note(s, t, NOTE_CONTROL, "%s waits for a packet now", ike_tun_name(t));
	t->hold = true;
	set_trap(s, t, &sa->local.addr, &sa->remote.addr);
}

void ike_tun_acquire(struct step *s, struct tun *t)
{
	if (t->held || t->removed || t->many || s->e->stopping || t->called || ike_tun_has_sa(t, NULL))
		return;
	note(s, t, NOTE_CONTROL, "a packet is to go through %s, setting it up", ike_tun_name(t));
	t->called = true;
	t->attempt = t->silences = 0;
	ike_tun_start(s, t);
}

/* RFC 4301 has no word for it: the policy names our address, and without it no packet meets the policy. */
void ike_tun_address_gone(struct step *s, const struct addr *local)
{
	for (size_t i = 0; i < s->e->tuns.n_buckets; i++) {
		for (struct hnode *n = s->e->tuns.bucket[i]; n; n = n->next) {
			struct tun *t = CONTAINER_OF(n, struct tun, by_id);
			if (!addr_eq(&t->trap, local))
				continue;
			t->trap = (struct addr){0};
			heap_set(&s->e->timers, &t->timer, mono_add(s->now, DUR_S(1)));
		}
	}
}

void ike_tun_on_path(struct step *s, struct tun *t)
{
	const struct ike_fact *f = s->fact;
	if (f->status != 0) {
		char text[200];
		struct sbuf b = SB(text);
		sb_put(&b, f->text && f->text[0] ? f->text : "there is no way to the peer");
		note(s, t, NOTE_CONTROL, "%s: %s", ike_tun_name(t), text);
		ike_tun_failed(s, t, text);
		return;
	}
	if (!addr_eq(&t->remote, &f->remote.addr)) {
		t->remote = f->remote.addr;
		index_addr(s->e, t);
	}
	tell_peer_known(s, t, &f->local.addr, &f->remote.addr);
	if (t->t->auto_mode == AUTO_ROUTE || t->hold)
		set_trap(s, t, &f->local.addr, &f->remote.addr);
	if (!needs_attempt(s, t))
		return;
	struct endpoint local = f->local, remote = f->remote;
	local.port = s->e->setup.port;
	remote.port = t->t->remote.ikeport ? t->t->remote.ikeport : 500;
	attempt(s, t, &local, &remote, NULL, false);
}

void ike_tun_peer_at(struct ike *e, struct tun *t, const struct addr *remote)
{
	if (t->many || addr_eq(&t->remote, remote) || t->t->remote.host[0].kind != HOST_ADDR)
		return; /* a name is asked again */
	t->remote = *remote;
	index_addr(e, t);
}

void ike_tun_hurry(struct step *s, struct tun *t, mono_t at)
{
	if (t->timer.due == MONO_NEVER || t->timer.due <= at || !needs_attempt(s, t))
		return;
	t->attempt = 0;
	heap_set(&s->e->timers, &t->timer, at);
}

void ike_tun_hurry_all(struct step *s, mono_t at, const struct prefix *to)
{
	const struct hmap *m = &s->e->tuns;
	for (size_t i = 0; i < m->n_buckets; i++) {
		for (struct hnode *n = m->bucket[i]; n; n = n->next) {
			struct tun *t = CONTAINER_OF(n, struct tun, by_id);
			if (to->addr.family == AF_NONE || t->remote.family == AF_NONE || addr_in(&t->remote, to))
				ike_tun_hurry(s, t, at);
		}
	}
}

void ike_tun_on_timer(struct step *s, struct tun *t)
{
	struct ike_sa *old = t->renew && needs_attempt(s, t) ? to_renew(t) : NULL;
	if (old)
		ike_tun_renew(s, old);
	else if (needs_attempt(s, t) || unknown_peer(t) || needs_trap(t))
		ike_tun_start(s, t);
}

void ike_tun_down(struct step *s, struct tun *t, const char *why)
{
	t->wanted = t->called = t->renew = t->hold = false;
	wait_end(s->e, &t->wait);
	heap_clear(&s->e->timers, &t->timer);
	LIST_EACH(it, tmp, &t->sas)
		sa_delete_soon(s, LIST_ENTRY(it, struct ike_sa, of_tun), why);
	why_set(s->e, &t->why, why);
}

/* --- which tunnel a peer means --- */

static bool host_fits(const struct conf_host *h, const struct addr *a)
{
	switch (h->kind) {
	case HOST_ANY:
		return h->family == 0 || h->family == a->family;
	case HOST_ADDR:
		return addr_eq(&h->lo, a);
	case HOST_RANGE:
		return a->family == h->lo.family && addr_cmp(&h->lo, a) <= 0 && addr_cmp(a, &h->hi) <= 0;
	default:
		return false; /* names: by the address they had at the last resolution */
	}
}

static bool end_fits(const struct conf_end *end, const struct addr *a)
{
	if (end->n_hosts == 0 || end->allow_any)
		return true;
	for (size_t i = 0; i < end->n_hosts; i++) {
		if (host_fits(&end->host[i], a))
			return true;
	}
	return false;
}

static bool ends_fit(const struct tun *t, const struct addr *local, const struct addr *remote)
{
	bool local_name = t->t->local.n_hosts && t->t->local.host[0].kind == HOST_NAME;
	return (local_name || end_fits(&t->t->local, local)) &&
	       (addr_eq(&t->remote, remote) || end_fits(&t->t->remote, remote));
}

static bool suite_fits(struct ike *e, const struct tun *t, const struct proposals *offered, struct suite *suite,
                       uint8_t *number)
{
	struct proposals mine;
	uint64_t spi;
	e->n.looked_at++;
	proposals_prepare(conf_proposals(t->conf, t->t->ike), PROTO_IKE, 0, 0, true, &mine);
	return negotiate(&mine, offered, e->setup.prefer_configured_proposals, NEG_DH, suite, number, &spi);
}

struct tun *ike_tun_match_init(struct ike *e, const struct addr *local, const struct addr *remote,
                           const struct proposals *offered, struct suite *suite, uint8_t *number)
{
	struct hnode *n = hmap_first(&e->tuns_by_addr, hash_addr(e, remote));
	for (; n; n = hmap_next(n)) {
		struct tun *t = CONTAINER_OF(n, struct tun, by_addr);
		if (ends_fit(t, local, remote) && suite_fits(e, t, offered, suite, number))
			return t;
	}
	/* Ranges and names before %any. Thousands of these have the same proposals: what does not fit once does not fit. */
	const struct proposals *bad = NULL;
	for (int any = 0; any <= 1; any++) {
		LIST_EACH(it, tmp, any ? &e->any_addr : &e->wild_addr) {
			struct tun *t = LIST_ENTRY(it, struct tun, wild_addr);
			const struct proposals *its = conf_proposals(t->conf, t->t->ike);
			if (its == bad || !ends_fit(t, local, remote))
				continue;
			if (suite_fits(e, t, offered, suite, number))
				return t;
			bad = its;
		}
	}
	return NULL;
}

void ike_tun_blame(struct ike *e, const struct addr *remote, const char *why)
{
	struct hnode *n = hmap_first(&e->tuns_by_addr, hash_addr(e, remote));
	for (; n; n = hmap_next(n)) {
		struct tun *t = CONTAINER_OF(n, struct tun, by_addr);
		if (addr_eq(&t->remote, remote) && !ike_tun_has_sa(t, NULL))
			why_set(e, &t->why, why);
	}
}

/* Candidates of IKE_AUTH compete by the grade of the peer's identity, then by how exact their address is. */
struct best {
	struct tun *tun;
	int grade;
	bool id_seen, addr_seen, local_seen;
	struct tun *other_id; /* fits but for IDr */
};

static bool local_id_fits(const struct tun *t, const struct ike_sa *sa, const struct ident *idr)
{
	struct ident me = ike_tun_my_id(t, &sa->local.addr);
	if (idr->type == ID_ANY || ident_eq(&me, idr))
		return true;
	/* Without leftid and behind a NAT, the peer asks for the address that it dialled. */
	return !t->t->local.id_set && sa->nat_here && (idr->type == ID_IPV4_ADDR || idr->type == ID_IPV6_ADDR);
}

static void consider(struct ike *e, struct best *b, struct tun *t, const struct ike_sa *sa, const struct ident *idi,
                     const struct ident *idr)
{
	e->n.looked_at++;
	struct ident want = ike_tun_peer_id(t);
	int grade = ident_match(idi, &want) * 2;
	struct proposals sealed;
	struct suite suite;
	uint8_t number;
	if (!grade)
		return;
	b->id_seen = true;
	if (!ends_fit(t, &sa->local.addr, &sa->remote.addr))
		return;
	b->addr_seen = true;
	if (!local_id_fits(t, sa, idr)) {
		b->other_id = t;
		return;
	}
	/* RFC 7296 does not say it, prudence does: the suite that protects this must be one of the tunnel's own. */
	suite_to_proposal(&sa->suite, PROTO_IKE, 1, 0, 0, true, &sealed);
	if (!suite_fits(e, t, &sealed, &suite, &number))
		return;
	grade += t->in_by_addr;
	if (grade > b->grade) {
		b->grade = grade;
		b->tun = t;
	}
}

static void explain(const struct best *b, const struct ike_sa *sa, const struct ident *idi, const struct ident *idr,
                    char *why, size_t n)
{
	char a[ADDR_TEXT], i[80], r[80], m[80];
	struct sbuf t = sb_init(why, n);
	id_str(idi, i, sizeof i);
	addr_str(&sa->remote.addr, a);
	if (b->other_id) {
		struct ident me = ike_tun_my_id(b->other_id, &sa->local.addr);
		sb_printf(&t, "%s asks for identity '%s', ours is '%s' (leftid)", a, id_str(idr, r, sizeof r),
		          id_str(&me, m, sizeof m));
	} else if (b->addr_seen)
		sb_printf(&t, "the tunnel of '%s' does not allow the proposal in use", i);
	else if (b->id_seen)
		sb_printf(&t, "'%s' comes from %s, no tunnel has it there", i, a);
	else
		sb_printf(&t, "no tunnel is configured for identity '%s' from %s (rightid)", i, a);
}

struct tun *ike_tun_match_auth(struct ike *e, const struct ike_sa *sa, const struct ident *idi, const struct ident *idr,
                           char *why, size_t why_len)
{
	struct best b = {0};
	struct hnode *n = hmap_first(&e->tuns_by_id, hash_id(e, idi));
	for (; n; n = hmap_next(n))
		consider(e, &b, CONTAINER_OF(n, struct tun, by_peer_id), sa, idi, idr);
	LIST_EACH(it, tmp, &e->wild_id)
		consider(e, &b, LIST_ENTRY(it, struct tun, wild_id), sa, idi, idr);
	if (!b.tun)
		explain(&b, sa, idi, idr, why, why_len);
	return b.tun;
}
