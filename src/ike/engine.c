/* The engine's entry points: from a datagram, a fact, a command or the clock to an IKE SA and an event of rules.c, and the
 * burial of what died on the way. Structure is checked here (header, chain of payloads, encryption, message IDs);
 * meaning is left to the exchanges. */
#include "ike/ike_int.h"

#include <string.h>

/* --- life of the engine --- */

static int init_maps(struct ike *e)
{
	struct hmap *maps[] = {&e->sas_by_spi, &e->sas_by_init, &e->sas_by_peer, &e->half_by_source, &e->children,
	                       &e->tuns,       &e->tuns_by_addr, &e->tuns_by_id,  &e->waits};
	struct hmap *by_our_number[] = {&e->sas_by_id, &e->kids_by_id}; /* which nobody else chooses */
	int r = 0;
	for (size_t i = 0; i < ARRAY_LEN(maps) && r == 0; i++)
		r = hmap_init(maps[i], e->mem, rng_u64(e->rng), rng_u64(e->rng));
	for (size_t i = 0; i < ARRAY_LEN(by_our_number) && r == 0; i++)
		r = hmap_init(by_our_number[i], e->mem, 0, 0);
	/* SPIs as well, of the peers' choice: the same key the other way round, which no seed of a test feels. */
	return r < 0 ? r : hmap_init(&e->children_out, e->mem, e->children.key[1], e->children.key[0]);
}

struct ike *ike_new(const struct ike_env *env)
{
	struct ike *e = mem_get(env->mem, sizeof *e);
	if (!e)
		return NULL;
	e->mem = env->mem;
	e->crypto = env->crypto;
	e->rng = env->rng;
	list_init(&e->sas);
	list_init(&e->dead);
	list_init(&e->half_proven);
	list_init(&e->half_unproven);
	list_init(&e->kids);
	list_init(&e->attempts);
	list_init(&e->any_addr);
	list_init(&e->wild_addr);
	list_init(&e->wild_id);
	heap_init(&e->timers, e->mem);
	e->note_most = NOTE_RAW;
	own_dh_forget(e);
	conf_setup_defaults(&e->setup);
	cookie_init(e, 0);
	e->clears_left = STRANGERS_A_SECOND;
	if (init_maps(e) < 0) {
		ike_free(e);
		return NULL;
	}
	return e;
}

static struct tun *any_tun(struct ike *e)
{
	for (size_t i = 0; e->tuns.bucket && i < e->tuns.n_buckets; i++) {
		if (e->tuns.bucket[i])
			return CONTAINER_OF(e->tuns.bucket[i], struct tun, by_id);
	}
	return NULL;
}

void ike_free(struct ike *e)
{
	impair_free(e);
	struct list *lists[] = {&e->sas, &e->dead};
	for (size_t i = 0; i < 2; i++) {
		while (!list_empty(lists[i])) /* one may take another along */
			sa_free(e, LIST_ENTRY(lists[i]->next, struct ike_sa, link));
	}
	for (struct tun *t; (t = any_tun(e));) {
		e->n_removed += !t->removed;
		t->removed = true;
		ike_tun_release(e, t);
	}
	struct hmap *maps[] = {&e->sas_by_id,    &e->kids_by_id, &e->sas_by_spi,   &e->sas_by_init, &e->sas_by_peer, &e->half_by_source,
	                       &e->children,     &e->children_out, &e->tuns,       &e->tuns_by_addr, &e->tuns_by_id, &e->waits};
	for (size_t i = 0; i < ARRAY_LEN(maps); i++) {
		if (maps[i]->mem)
			hmap_fini(maps[i]);
	}
	heap_fini(&e->timers);
	own_dh_forget(e);
	mem_put(e->mem, e, sizeof *e);
}

struct step step_sub(const struct step *s, struct ike_sa *sa)
{
	return (struct step){.e = s->e, .sa = sa, .acts = s->acts, .now = s->now};
}

/* --- burial --- */

/* What the end of an SA means for its tunnel. */
static void bury_tunnel(struct step *s, struct ike_sa *sa, struct tun *t)
{
	if (sa->established)
		tell_tunnel(s, t, IKE_EV_IKE_DOWN, sa, NULL, false, sa->why);
	if (!t->wanted && t->n_orphans == 0 && !ike_tun_has_sa(t, NULL))
		t->renew = false;
	if (t->removed)
		return;
	if (!sa->initiator && !sa->had_child && sa->why[0] && !ike_tun_has_sa(t, NULL))
		why_set(s->e, &t->why, sa->why); /* as responder: the exact cause, for status */
	if (sa->replaced) {
		/* Its successor may have ended before it did. */
		if (t->wanted && sa->established)
			ike_tun_lost(s, t, DUR_S(2));
		return;
	}
	t->silences = sa->silent ? t->silences + 1 : sa->established ? 0 : t->silences;
	if (!sa->had_child && (sa->initiator || sa->established)) {
		if (sa->initiator && t->many)
			ike_tun_renew_later(s, sa);
		else if (sa->initiator)
			ike_tun_failed(s, t, sa->why);
		if (sa->restart)
			ike_tun_hurry(s, t, mono_add(s->now, DUR_MS(200)));
		return;
	}
	if (!sa->established || ike_tun_has_sa(t, sa))
		return;
	why_set(s->e, &t->why, sa->why);
	/* A peer that deletes for a reauthentication comes back by itself in a moment. */
	if (t->wanted || sa->restart) {
		t->called = !t->wanted;
		ike_tun_lost(s, t, sa->peer_told_gone ? DUR_S(2) : 0);
	} else if (sa->hold || t->t->auto_mode == AUTO_ROUTE) {
		ike_tun_hold(s, t, sa);
	}
}

static void bury(struct step *s)
{
	while (!list_empty(&s->e->dead)) {
		struct ike_sa *sa = LIST_ENTRY(s->e->dead.next, struct ike_sa, link);
		struct tun *t = sa->tun;
		struct step sub = step_sub(s, sa);
		sa_half_open_end(s->e, sa);
		LIST_EACH(it, tmp, &sa->children)
			child_remove(&sub, LIST_ENTRY(it, struct child, link), sa->why);
		collide_heir_ends(&sub);
		list_del(&sa->of_tun); /* it does not count any more */
		list_del(&sa->of_mine);
		if (t && !t->held)
			bury_tunnel(&sub, sa, t);
		sa_free(s->e, sa);
	}
}

/* Deferred wishes of handlers, then the dead. */
static void finish(struct step *s)
{
	if (s->sa && s->sa->state != ST_DEAD)
		sa_pump(s, s->sa);
	bury(s);
	impair_messages(s);
	s->e->n.half_open = s->e->half_open;
}

static struct step step_new(struct ike *e, mono_t now, struct ike_acts *acts)
{
	impair_begin(e, acts);
	return (struct step){.e = e, .now = now, .acts = acts};
}

/* --- datagrams --- */

static struct ike_sa *find_sa(const struct ike *e, uint64_t our_spi)
{
	struct hnode *n = hmap_first(&e->sas_by_spi, hmap_hash(&e->sas_by_spi, &our_spi, sizeof our_spi));
	for (; n; n = hmap_next(n)) {
		struct ike_sa *sa = CONTAINER_OF(n, struct ike_sa, by_spi);
		if ((sa->initiator ? sa->spi_i : sa->spi_r) == our_spi)
			return sa;
	}
	return NULL;
}

/* The SA that this IKE_SA_INIT began, whatever has become of it since: a copy that the network kept back begins no other. */
static struct ike_sa *find_begun(struct ike *e, uint64_t spi_i, const struct endpoint *remote)
{
	uint64_t hash = sa_init_hash(e, spi_i, remote);
	struct hnode *n = hmap_first(&e->sas_by_init, hash);
	for (; n; n = hmap_next(n)) {
		struct ike_sa *sa = CONTAINER_OF(n, struct ike_sa, by_init);
		if (sa->spi_i == spi_i && endpoint_eq(&sa->init_remote, remote))
			return sa;
	}
	return NULL;
}

/* Where the answer goes to. */
static void came_from(struct step *s)
{
	s->sa->rx_local = s->d->local;
	s->sa->rx_remote = s->d->remote;
	s->sa->rx_natt = s->d->natt_port;
}

/* Copies of a request come in any number, from anybody who has seen it. */
static bool resend_allowed(struct ike_sa *sa, mono_t now)
{
	if (now - sa->resend_second >= DUR_S(1)) {
		sa->resend_second = now;
		sa->resends_left = RESENDS_A_SECOND;
	}
	return sa->resends_left > 0 && sa->resends_left--;
}

static void resend_response(struct step *s)
{
	struct ike_sa *sa = s->sa;
	/* A copy may be anybody's; where addresses change it is the peer's, which waits elsewhere by now. */
	if (sa->ways.mobike || sa->nat_there)
		came_from(s);
	s->e->n.retransmits_in++;
	if (!resend_allowed(sa, s->now))
		return;
	/* One fragment that is played back must not bring all of the answer's again and again. */
	if (sa->resent > 0 && s->now - sa->resent_at < DUR_MS(500) && frag_count(&sa->response) > 1)
		return;
	note(s, sa->tun, NOTE_MORE, "received retransmit of request with ID %u, retransmitting response", s->hdr.msg_id);
	sa->resent_at = s->now;
	if (++sa->resent == FRAG_PATIENCE) /* the peer has the answer not yet: RFC 7383 2.5.2 */
		(void)frag_smaller(s, &sa->response);
	window_send(s, &sa->response);
}

static void input_init_request(struct step *s, struct ike_payloads *pl)
{
	s->sa = find_begun(s->e, s->hdr.spi_i, &s->d->remote);
	if (s->sa) {
		uint64_t hash = hmap_hash(&s->e->sas_by_init, s->d->data.p, s->d->data.n);
		if (s->sa->response.p && s->sa->response_to == hash && s->sa->state == ST_R_INIT)
			resend_response(s);
		return;
	}
	enum wire_err r = ike_payloads_decode(s->hdr.next, span_behind(s->d->data, IKE_HDR_LEN), pl);
	if (r != WIRE_OK || s->hdr.spi_r != 0) {
		s->e->n.dropped_malformed++;
		return;
	}
	s->pl = pl;
	step_run(s, EV_REQ_SA_INIT);
}

static void input_init_response(struct step *s, struct ike_payloads *pl)
{
	s->sa = find_sa(s->e, s->hdr.spi_i);
	if (!s->sa || !s->sa->initiator || s->sa->state != ST_I_INIT || s->hdr.msg_id != 0 ||
	    !addr_eq(&s->sa->remote.addr, &s->d->remote.addr)) {
		s->e->n.dropped_unknown_sa++;
		return;
	}
	if (s->d->data.n > INIT_MSG_MAX) { /* more than the AUTH value may have to cover */
		s->e->n.dropped_malformed++;
		return;
	}
	if (ike_payloads_decode(s->hdr.next, span_behind(s->d->data, IKE_HDR_LEN), pl) != WIRE_OK) {
		s->e->n.dropped_malformed++;
		return;
	}
	s->pl = pl;
	step_run(s, EV_RSP_SA_INIT);
}

static uint8_t event_of(const struct ike_hdr *h)
{
	static const uint8_t events[2][3] = {
		{EV_REQ_AUTH, EV_REQ_CREATE_CHILD, EV_REQ_INFO},
		{EV_RSP_AUTH, EV_RSP_CREATE_CHILD, EV_RSP_INFO},
	};
	if (h->exchange < IKE_AUTH || h->exchange > INFORMATIONAL)
		return EV_NONE;
	return events[h->flags & IKE_F_RESPONSE ? 1 : 0][h->exchange - IKE_AUTH];
}

/* RFC 7296 2.2, 2.3: what the message ID says. True: it is to be looked into. */
static bool window_admits(struct step *s)
{
	struct ike_sa *sa = s->sa;
	if (s->hdr.flags & IKE_F_RESPONSE)
		return !window_free(sa) && s->hdr.msg_id == sa->tx_id && s->hdr.exchange == sa->req.exchange;
	if (sa->rx_id > 0 && s->hdr.msg_id == sa->rx_id - 1 && sa->response.p) {
		if (hmap_hash(&s->e->sas_by_init, s->d->data.p, s->d->data.n) == sa->response_to ||
		    (s->hdr.next == P_SKF && frag_again(s)))
			resend_response(s);
		return false;
	}
	return s->hdr.msg_id == sa->rx_id && !sa->rx_busy;
}

static void input_protected(struct step *s, struct ike_payloads *outer, struct ike_payloads *inner)
{
	bool from_initiator = s->hdr.flags & IKE_F_INITIATOR;
	s->sa = find_sa(s->e, from_initiator ? s->hdr.spi_r : s->hdr.spi_i);
	if (!s->sa || s->sa->initiator == from_initiator || !s->sa->keyed || s->sa->spi_i != s->hdr.spi_i ||
	    s->sa->spi_r != s->hdr.spi_r) {
		s->e->n.dropped_unknown_sa++;
		s->sa = NULL;
		return;
	}
	uint8_t event = event_of(&s->hdr);
	if (event == EV_NONE || !window_admits(s))
		return;
	struct opened m;
	enum frag_got got = FRAG_BAD;
	if (ike_payloads_decode(s->hdr.next, span_behind(s->d->data, IKE_HDR_LEN), outer) == WIRE_OK)
		got = frag_open(s, outer, &m);
	if (got != FRAG_WHOLE) {
		s->e->n.dropped_auth += got == FRAG_BAD;
		return;
	}
	*inner = (struct ike_payloads){0};
	enum wire_err r = m.err == WIRE_OK ? ike_payloads_decode(m.first, m.plain, inner) : m.err;
	bool request = !(s->hdr.flags & IKE_F_RESPONSE);
	s->sa->last_in = s->now;
	s->pl = inner;
	if (request) {
		s->sa->rx_hash = m.hash;
		s->sa->rx_total = m.total;
		s->sa->rx_exchange = s->hdr.exchange;
		s->sa->rx_busy = true;
		came_from(s);
	}
	if (s->sa->state >= ST_ESTABLISHED)
		natd_follow(s);
	if (r != WIRE_OK) {
		/* Authentic, but not readable: RFC 7296 2.5, 2.21.3 */
		s->e->n.dropped_malformed++;
		if (request)
			respond_error(s, r == WIRE_CRITICAL ? N_UNSUPPORTED_CRITICAL_PAYLOAD : N_INVALID_SYNTAX);
		return;
	}
	step_run(s, event);
}

bool ike_knows(const struct ike *e, struct span data)
{
	struct ike_hdr h;
	return ike_hdr_decode(data, &h) == WIRE_OK && find_sa(e, h.flags & IKE_F_INITIATOR ? h.spi_r : h.spi_i);
}

void ike_input(struct ike *e, const struct ike_datagram *d, mono_t now, struct ike_acts *acts)
{
	struct step s = step_new(e, now, acts);
	struct ike_payloads outer, inner;
	s.d = d;
	e->n.packets_in++;
	if (d->data.n > e->setup.max_packet) {
		e->n.dropped_malformed++;
		return;
	}
	enum wire_err r = ike_hdr_decode(d->data, &s.hdr);
	if (r != WIRE_OK) {
		e->n.dropped_malformed++;
		if (r == WIRE_VERSION && !(s.hdr.flags & IKE_F_RESPONSE)) /* RFC 7296 2.5 */
			respond_clear(&s, N_INVALID_MAJOR_VERSION, SPAN(NULL, 0));
		return;
	}
	if (s.hdr.exchange != IKE_SA_INIT)
		input_protected(&s, &outer, &inner);
	else if (s.hdr.flags & IKE_F_RESPONSE)
		input_init_response(&s, &outer);
	else if (s.hdr.flags & IKE_F_INITIATOR)
		input_init_request(&s, &outer);
	else
		e->n.dropped_malformed++;
	finish(&s);
}

/* --- the clock --- */

void ike_timer(struct ike *e, mono_t now, struct ike_acts *acts)
{
	/* Leave room for what one timer may do; the rest comes with the next call, which is due at once. */
	enum { ROOM = FRAGS_MAX + 32 };
	struct timer *t;
	if (now >= e->own_dh.until)
		own_dh_forget(e);
	while (acts->n < IKE_ACTS_MAX - ROOM && acts->used < IKE_ARENA / 2 && (t = heap_pop(&e->timers, now))) {
		struct step s = step_new(e, now, acts);
		if (t->tag == TIMER_TUN) {
			ike_tun_on_timer(&s, CONTAINER_OF(t, struct tun, timer));
		} else if (t->tag == TIMER_SA) {
			s.sa = CONTAINER_OF(t, struct ike_sa, timer);
			sa_on_timer(&s);
		} else {
			child_on_timer(&s, CONTAINER_OF(t, struct child, timer));
		}
		finish(&s);
	}
	struct step s = step_new(e, now, acts);
	impair_release(&s);
}

mono_t ike_due(const struct ike *e) { return mono_min(mono_min(heap_due(&e->timers), e->own_dh.until), impair_due(e)); }

/* --- facts --- */

static struct wait *find_wait(struct ike *e, uint32_t ticket, uint8_t fact)
{
	for (struct hnode *n = hmap_first(&e->waits, ticket); n; n = hmap_next(n)) {
		struct wait *w = CONTAINER_OF(n, struct wait, node);
		if (w->ticket == ticket && w->fact == fact)
			return w;
	}
	return NULL;
}

/* Who asked for it is gone. */
static void free_late_spi(struct step *s)
{
	if (s->fact->type != IKE_FACT_SPI || s->fact->status != 0)
		return;
	struct ike_act *a = act_add(s, IKE_ACT_SPI_FREE, NULL);
	a->spi_free.local = s->fact->local.addr;
	a->spi_free.remote = s->fact->remote.addr;
	a->spi_free.spi = s->fact->spi;
}

static void report_ticket(struct step *s, uint8_t event)
{
	struct wait *w = find_wait(s->e, s->fact->ticket, s->fact->type);
	if (!w) {
		free_late_spi(s);
		return;
	}
	wait_end(s->e, w);
	if (s->fact->type == IKE_FACT_USED) {
		const struct child *c = CONTAINER_OF(w, struct child, wait);
		s->sa = c->sa;
		liveness_used(s, c);
		return;
	}
	switch (w->kind) {
	case WAIT_TUN:
		ike_tun_on_path(s, CONTAINER_OF(w, struct tun, wait));
		return;
	case WAIT_WAY:
		s->sa = CONTAINER_OF(w, struct ike_sa, way);
		roam_on_path(s);
		return;
	case WAIT_CHILD:
		s->child = CONTAINER_OF(w, struct child, wait);
		s->sa = s->child->sa;
		break;
	default:
		s->sa = CONTAINER_OF(w, struct ike_sa, wait);
	}
	step_run(s, event);
}

static void report_expire(struct step *s)
{
	struct child *c = child_by_spi_in(s->e, s->fact->spi);
	if (!c)
		c = child_by_spi_out_any(s->e, s->fact->spi);
	if (!c || c->state < CH_UP || (c->state > CH_UP && !s->fact->hard))
		return;
	*(s->fact->hard ? &c->hard : &c->soft) = s->now;
	child_rearm(s, c);
}

/* RFC 7296 2.4: never more than a hint. */
static void report_icmp(struct step *s)
{
	LIST_EACH(it, tmp, &s->e->attempts) {
		struct ike_sa *sa = LIST_ENTRY(it, struct ike_sa, of_attempts);
		if (!sa->hs || sa->state >= ST_ESTABLISHED || !endpoint_eq(&sa->remote, &s->fact->remote))
			continue;
		char a[ADDR_TEXT];
		struct sbuf b = SB(sa->hs->hint);
		sb_printf(&b, "no answer from %s:%u: %s", addr_str(&sa->remote.addr, a), sa->remote.port, s->fact->text);
		if (sa->due[T_REPORT] != MONO_NEVER)
			sa_due(s->e, sa, T_REPORT, mono_min(sa->due[T_REPORT], mono_add(s->now, DUR_S(2))));
	}
}

/* A child SA that could not go where its IKE SA went carries nothing any more. */
static void report_moved(struct step *s)
{
	struct wait *w = find_wait(s->e, s->fact->ticket, IKE_FACT_MOVED);
	if (!w)
		return;
	wait_end(s->e, w);
	if (s->fact->status == 0)
		return;
	s->sa = CONTAINER_OF(w, struct child, wait)->sa;
	s->sa->restart = true;
	sa_delete(s, s->sa, "its child SA could not be moved to the new addresses");
}

void ike_report(struct ike *e, const struct ike_fact *fact, mono_t now, struct ike_acts *acts)
{
	struct step s = step_new(e, now, acts);
	s.fact = fact;
	switch (fact->type) {
	case IKE_FACT_PATH:
	case IKE_FACT_USED:
		report_ticket(&s, EV_NONE);
		break;
	case IKE_FACT_SIGNED:
		report_ticket(&s, EV_SIGNED);
		break;
	case IKE_FACT_VERIFIED:
		report_ticket(&s, EV_VERIFIED);
		break;
	case IKE_FACT_MIXED:
		report_ticket(&s, EV_MIXED);
		break;
	case IKE_FACT_SPI:
		report_ticket(&s, EV_SPI);
		break;
	case IKE_FACT_INSTALLED:
		report_ticket(&s, EV_INSTALLED);
		break;
	case IKE_FACT_EXPIRE:
		report_expire(&s);
		break;
	case IKE_FACT_MAPPING:
		if ((s.child = child_by_spi_in(e, fact->spi)))
			natd_mapping(&s, s.child, &fact->remote);
		break;
	case IKE_FACT_ICMP:
		report_icmp(&s);
		break;
	case IKE_FACT_ADDRESS:
		roam_on_address(&s);
		break;
	case IKE_FACT_ROUTE:
		roam_on_route(&s);
		break;
	case IKE_FACT_MOVED:
		report_moved(&s);
		break;
	case IKE_FACT_ACQUIRE: {
		struct tun *t = ike_tun_find(e, fact->tunnel);
		if (t)
			ike_tun_acquire(&s, t);
		break;
	}
	}
	finish(&s);
}

/* --- commands --- */

static void command_up(struct step *s, struct tun *t)
{
	t->wanted = true;
	t->held = false;
	t->attempt = t->silences = 0;
	why_free(s->e, &t->why); /* of what was before somebody asked */
	if (t->many) {
		tell_tunnel(s, t, IKE_EV_FAILED, NULL, NULL, false,
		            "right is %any: this tunnel waits for its peers, it cannot begin");
		return;
	}
	/* An IKE SA whose child the peer has closed while nobody wanted the tunnel. */
	LIST_EACH(it, tmp, &t->sas)
		rekey_none_left(s, LIST_ENTRY(it, struct ike_sa, of_tun), DPD_NONE);
	if (ike_tun_has_sa(t, NULL))
		return;
	/* An attempt that waits for its next retransmission begins anew: somebody is looking. */
	LIST_EACH(it, tmp, &t->sas) {
		struct ike_sa *sa = LIST_ENTRY(it, struct ike_sa, of_tun);
		if (sa->initiator && (sa->state == ST_I_INIT || sa->state == ST_I_AUTH) && sa->req.tries > 0) {
			sa->replaced = true;
			sa_delete(s, sa, "begun anew");
		}
	}
	ike_tun_start(s, t);
}

static void command_down_id(struct step *s, const struct ike_cmd *cmd)
{
	struct ike_sa *sa = cmd->type == IKE_CMD_DOWN_IKE ? sa_by_id(s->e, cmd->id) : NULL;
	struct child *c = cmd->type == IKE_CMD_DOWN_CHILD ? child_by_id_any(s->e, cmd->id) : NULL;
	if (sa && sa->state != ST_NEW)
		sa_delete(s, sa, "an administrator closed it");
	if (c && c->state >= CH_UP)
		rekey_close(s, c, "an administrator closed it");
}

static void command_orphan(struct tun *t, uint32_t spi)
{
	if (t->n_orphans < ARRAY_LEN(t->orphan))
		t->orphan[t->n_orphans++] = spi;
	t->renew = !t->held; /* what forwards on gets a successor, wanted or not */
}

static void command_orphan_gone(struct tun *t, uint32_t spi)
{
	for (uint8_t i = 0; i < t->n_orphans; i++) {
		if (t->orphan[i] == spi)
			t->orphan[i--] = t->orphan[--t->n_orphans];
	}
	if (t->n_orphans == 0 && list_empty(&t->sas))
		t->renew = false; /* nothing is left to be succeeded */
}

static void command_stop(struct step *s)
{
	s->e->stopping = true;
	LIST_EACH(it, tmp, &s->e->sas) {
		struct ike_sa *sa = LIST_ENTRY(it, struct ike_sa, link);
		sa->replaced = true;
		sa_delete_soon(s, sa, "gretel is stopping");
	}
}

void ike_command(struct ike *e, const struct ike_cmd *cmd, mono_t now, struct ike_acts *acts)
{
	struct step s = step_new(e, now, acts);
	struct tun *t = ike_tun_find(e, cmd->tunnel);
	switch (cmd->type) {
	case IKE_CMD_SETUP:
		e->setup = cmd->conf->setup;
		break;
	case IKE_CMD_TUNNEL_SET:
		e->has_ppk |= cmd->t->ppk_id != 0;
		ike_tun_command_set(&s, cmd);
		break;
	case IKE_CMD_TUNNEL_DEL:
		ike_tun_command_del(&s, cmd->tunnel);
		break;
	case IKE_CMD_UP:
		if (t)
			command_up(&s, t);
		break;
	case IKE_CMD_DOWN:
		if (t) {
			t->held = true;
			ike_tun_down(&s, t, "an administrator took it down (gretel up brings it back)");
		}
		break;
	case IKE_CMD_DOWN_IKE:
	case IKE_CMD_DOWN_CHILD:
		command_down_id(&s, cmd);
		break;
	case IKE_CMD_REKEY_CHILD:
	case IKE_CMD_REKEY_IKE:
	case IKE_CMD_CHECK:
		rekey_command(&s, cmd);
		break;
	case IKE_CMD_ORPHAN:
		if (t)
			command_orphan(t, cmd->id);
		break;
	case IKE_CMD_ORPHAN_GONE:
		if (t)
			command_orphan_gone(t, cmd->id);
		break;
	case IKE_CMD_CALL:
		if (t)
			ike_tun_call(&s, t, cmd);
		break;
	case IKE_CMD_STOP:
		command_stop(&s);
		break;
	}
	finish(&s);
}

bool ike_idle(const struct ike *e) { return e->n_sas == 0; }

bool ike_holds_removed(const struct ike *e) { return e->n_removed > 0; }
