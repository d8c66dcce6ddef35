/* The timers of an established IKE SA: liveness checks (RFC 7296 2.4), NAT keep-alives (RFC 3948 2.3), the end of its life;
 * and the ways an IKE SA ends. */
#include "ike/ike_int.h"

#include <string.h>

enum { DELETE_GRACE_S = 30 };

static bool checks_liveness(const struct ike_sa *sa)
{
	return sa->tun && sa->tun->t->dpd_action != DPD_NONE && sa->tun->t->dpd_delay > 0;
}

void sa_established(struct step *s)
{
	struct ike_sa *sa = s->sa;
	const struct tunnel_conf *t = sa->tun->t;
	char a[ADDR_TEXT], b[ADDR_TEXT], me[80], peer[80];
	sa->established = s->now;
	sa_half_open_end(s->e, sa);
	list_del(&sa->of_mine);
	list_del(&sa->of_attempts);
	s->e->n.established++;
	note(s, sa->tun, NOTE_CONTROL, "IKE_SA %s[%u] established between %s[%s]...%s[%s]", ike_tun_name(sa->tun), sa->id,
	     addr_str(&sa->local.addr, a), id_str(&sa->my_id, me, sizeof me), addr_str(&sa->remote.addr, b),
	     id_str(&sa->peer_id, peer, sizeof peer));
	sa_due(s->e, sa, T_REPORT, MONO_NEVER);
	sa_due(s->e, sa, T_EXPIRE, MONO_NEVER);
	if (checks_liveness(sa))
		sa_due(s->e, sa, T_LIVENESS, mono_add(s->now, t->dpd_delay / 2));
	if (sa->nat_here && s->e->setup.keep_alive > 0)
		sa_due(s->e, sa, T_KEEPALIVE, mono_add(s->now, s->e->setup.keep_alive));
	if (t->rekey && t->ike_life.life > 0) {
		dur_t margin = t->ike_life.margin;
		dur_t spread = margin / 100 * (dur_t)t->ike_life.fuzz_percent;
		dur_t soft = t->ike_life.life - margin - (dur_t)rng_below(s->e->rng, (uint64_t)spread + 1);
		if (soft > 0) {
			sa_due(s->e, sa, T_REAUTH, mono_add(s->now, soft));
			note(s, sa->tun, NOTE_CONTROL, "scheduling %s in %lds", t->reauth ? "reauthentication" : "rekeying",
			     (long)dur_to_s(soft));
			note(s, sa->tun, NOTE_CONTROL, "maximum IKE_SA lifetime %lds", (long)dur_to_s(soft + margin));
			sa_due(s->e, sa, T_EXPIRE, mono_add(s->now, soft + margin));
		}
	}
	tell_tunnel(s, sa->tun, IKE_EV_IKE_UP, sa, NULL, false, NULL);
	collide_left(s);
}

/* --- ends --- */

static void run_other(struct step *s, struct ike_sa *sa, uint8_t event, const char *why)
{
	struct step sub = step_sub(s, sa);
	if (why)
		because(&sub, "%s", why);
	step_run(&sub, event);
}

void sa_delete(struct step *s, struct ike_sa *sa, const char *why) { run_other(s, sa, EV_DELETE, why); }

void sa_delete_soon(struct step *s, struct ike_sa *sa, const char *why)
{
	enum { ROOM = 64 };
	if (sa->state == ST_NEW) /* it goes with what it was to succeed */
		return;
	if (s->acts->n < IKE_ACTS_MAX - ROOM && s->acts->used < IKE_ARENA / 2) {
		sa_delete(s, sa, why);
		return;
	}
	struct step sub = step_sub(s, sa);
	because(&sub, "%s", why);
	sa_due(s->e, sa, T_EXPIRE, s->now);
}

void sa_drop(struct step *s, struct ike_sa *sa, const char *why) { run_other(s, sa, EV_DROP, why); }

enum verdict x_drop(struct step *s)
{
	(void)s;
	return V_DONE;
}

void sa_send_delete(struct step *s)
{
	struct ike_sa *sa = s->sa;
	struct out o;
	out_begin(s, &o, INFORMATIONAL, false, sa->tx_id);
	ike_enc_delete_ike(&o.enc);
	if (!out_request(s, &o)) {
		sa_due(s->e, sa, T_EXPIRE, s->now);
		return;
	}
	sa->req.is_delete = true;
	note(s, sa->tun, NOTE_CONTROL, "sending DELETE for IKE_SA %s[%u]", ike_tun_name(sa->tun), sa->id);
}

enum verdict x_delete(struct step *s)
{
	struct ike_sa *sa = s->sa;
	char a[ADDR_TEXT], b[ADDR_TEXT], me[80], peer[80];
	note(s, sa->tun, NOTE_CONTROL, "deleting IKE_SA %s[%u] between %s[%s]...%s[%s]", ike_tun_name(sa->tun), sa->id,
	     addr_str(&sa->local.addr, a), id_str(&sa->my_id, me, sizeof me), addr_str(&sa->remote.addr, b),
	     id_str(&sa->peer_id, peer, sizeof peer));
	/* Where there is a successor, the peer may send in the old SAs until it has read our DELETE: they go with its answer. */
	LIST_EACH(it, tmp, &sa->children)
		if (!sa->replaced || s->e->stopping)
			child_remove(s, LIST_ENTRY(it, struct child, link), sa->why);
	sa->want_delete = false;
	sa_due(s->e, sa, T_LIVENESS, MONO_NEVER);
	sa_due(s->e, sa, T_REAUTH, MONO_NEVER);
	sa_due(s->e, sa, T_DUPLICATE, MONO_NEVER);
	sa_due(s->e, sa, T_EXPIRE, mono_add(s->now, DUR_S(DELETE_GRACE_S)));
	if (window_free(sa)) /* else when the request under way is answered */
		sa_send_delete(s);
	collide_heir_ends(s);
	return V_DONE;
}

enum verdict x_info_i_dying(struct step *s)
{
	bool deleted = s->sa->req.is_delete;
	window_answered(s);
	if (deleted)
		return x_expired_dying(s);
	sa_send_delete(s);
	return V_WAIT;
}

enum verdict x_expired_dying(struct step *s)
{
	note(s, s->sa->tun, NOTE_CONTROL, "IKE_SA deleted");
	return V_DONE;
}

/* A half-open SA whose peer went on with nothing, or a fact that never came. */
enum verdict x_expired(struct step *s)
{
	struct ike_sa *sa = s->sa;
	char a[ADDR_TEXT];
	addr_str(&sa->remote.addr, a);
	if (sa->state == ST_R_INIT)
		because(s, "%s began a handshake and did not go on", a);
	else
		because(s, "the handshake with %s stopped in state %s", a, rules_state_name(sa->state));
	note(s, sa->tun, NOTE_MORE, "%s", sa->why);
	return V_DONE;
}

enum verdict x_give_up_init(struct step *s)
{
	struct ike_sa *sa = s->sa;
	char a[ADDR_TEXT];
	if (sa->hs && sa->hs->hint[0])
		because(s, "%s", sa->hs->hint);
	else
		because(s, "no answer from %s:%u, filtered or down", addr_str(&sa->remote.addr, a), sa->remote.port);
	sa->silent = !(sa->hs && sa->hs->hint[0]);
	note(s, sa->tun, NOTE_CONTROL, "establishing IKE_SA failed: %s", sa->why);
	return V_DONE;
}

void sa_end_action(struct ike_sa *sa, uint8_t action)
{
	sa->restart = action == DPD_RESTART;
	sa->hold = action == DPD_HOLD;
}

enum verdict x_give_up(struct step *s)
{
	struct ike_sa *sa = s->sa;
	char a[ADDR_TEXT];
	addr_str(&sa->remote.addr, a);
	note(s, sa->tun, NOTE_CONTROL, "giving up after %u retransmits", sa->req.tries);
	if (sa->state == ST_I_AUTH) {
		sa->silent = true;
		because(s, "%s:%u answers no IKE_AUTH: is UDP %u open, does it let our PSK and identity in?", a, sa->remote.port,
		        sa->remote.port);
	} else {
		because(s, "no answer from %s:%u for %ld s", a, sa->remote.port, (long)dur_to_s(s->now - sa->last_in));
		sa_end_action(sa, sa->tun->t->dpd_action);
		sa->restart |= sa->req.is_update;
	}
	note(s, sa->tun, NOTE_CONTROL, "%s", sa->why);
	return V_DONE;
}

/* --- what waits for the window --- */

static void send_child_deletes(struct step *s)
{
	struct ike_sa *sa = s->sa;
	struct out o;
	out_begin(s, &o, INFORMATIONAL, false, sa->tx_id);
	ike_enc_delete_esp(&o.enc, sa->del_queue, sa->n_del);
	if (!out_request(s, &o))
		return;
	sa->n_asked = sa->n_del;
	for (uint8_t i = 0; i < sa->n_del; i++) {
		struct child *c = child_by_spi_in(s->e, sa->del_queue[i]);
		if (c && c->sa == sa)
			c->delete_sent = true;
	}
}

void sa_pump(struct step *s, struct ike_sa *sa)
{
	struct step sub = step_sub(s, sa);
	if (sa->state != ST_ESTABLISHED && sa->state != ST_REKEYED)
		return;
	if (window_free(sa) && !sa->want_delete && !sa->n_del && !mobike_waits(sa))
		rekey_pump(&sub); /* what comes of it may be something to delete */
	if (!window_free(sa))
		return;
	if (sa->want_delete)
		step_run(&sub, EV_DELETE);
	else if (mobike_waits(sa))
		mobike_send(&sub);
	else if (sa->n_del)
		send_child_deletes(&sub);
}

/* --- timers --- */

void sa_check(struct step *s)
{
	struct ike_sa *sa = s->sa;
	struct out o;
	if (!window_free(sa)) /* a request is out: its answer will say as much */
		return;
	note(s, sa->tun, NOTE_MORE, "sending DPD request");
	out_begin(s, &o, INFORMATIONAL, false, sa->tx_id);
	mobike_ask_mapping(s, &o.enc);
	if (!out_request(s, &o) || !checks_liveness(sa))
		return;
	sa->req.is_liveness = true;
	sa_due(s->e, sa, T_RETRANSMIT, mono_add(s->now, sa->tun->t->dpd_delay / 30));
}

/* ESP that the peer sends is a sign of its life, too: asked for before a check, unless there was none lately. False: nobody can be asked. */
static bool ask_traffic(struct step *s)
{
	struct ike_sa *sa = s->sa;
	if (sa->idle > 0) {
		sa->idle--;
		return false;
	}
	for (struct list *it = sa->children.prev; it != &sa->children; it = it->prev) {
		struct child *c = LIST_ENTRY(it, struct child, link);
		if (c->state != CH_UP || c->wait.ticket)
			continue;
		wait_for(s->e, &c->wait, IKE_FACT_USED);
		struct ike_act *a = act_add(s, IKE_ACT_CHILD_QUERY, sa->tun);
		a->ticket = c->wait.ticket;
		a->query.spi_in = c->p.in.spi;
		return true;
	}
	return false;
}

void liveness_used(struct step *s, const struct child *c)
{
	enum { IDLE_CHECKS = 3 };
	struct ike_sa *sa = s->sa;
	(void)c;
	if (!checks_liveness(sa) || sa->state != ST_ESTABLISHED)
		return;
	/* Told in whole seconds. */
	mono_t seen = s->fact->status == 0 && s->fact->ago >= 0 ? s->now - s->fact->ago - DUR_S(1) : 0;
	if (seen > sa->last_in)
		sa->last_in = seen;
	else
		sa->idle = IDLE_CHECKS;
	mono_t next = mono_add(sa->last_in, sa->tun->t->dpd_delay / 2);
	if (s->now < next)
		sa_due(s->e, sa, T_LIVENESS, next);
	else
		sa_check(s);
}

static void check_liveness(struct step *s)
{
	struct ike_sa *sa = s->sa;
	mono_t next = mono_add(sa->last_in, sa->tun->t->dpd_delay / 2);
	if (!checks_liveness(sa) || sa->state != ST_ESTABLISHED) {
		sa_due(s->e, sa, T_LIVENESS, MONO_NEVER);
		return;
	}
	if (s->now < next) {
		sa_due(s->e, sa, T_LIVENESS, next);
		return;
	}
	sa_due(s->e, sa, T_LIVENESS, mono_add(s->now, sa->tun->t->dpd_delay / 2));
	if (!window_free(sa)) {
		/* Another request is as good a question, and its silence as good an answer. */
		if (!sa->req.is_liveness && sa->req.tries > 0 && s->now >= mono_add(sa->last_in, sa->tun->t->dpd_delay))
			step_run(s, EV_GIVE_UP);
		return;
	}
	if (!ask_traffic(s))
		sa_check(s);
}

static void keep_alive(struct step *s)
{
	static const uint8_t octet = 0xff;
	struct ike_sa *sa = s->sa;
	natd_keep_alive(s); /* a reload may have turned them off */
	/* The mapping of an SA that is going is its successor's to keep. */
	if (sa->replaced || sa->state > ST_ESTABLISHED)
		sa_due(s->e, sa, T_KEEPALIVE, MONO_NEVER);
	if (sa->due[T_KEEPALIVE] == MONO_NEVER)
		return;
	const void *copy = act_copy(s, &octet, 1);
	if (!copy)
		return;
	struct ike_act *a = act_add(s, IKE_ACT_SEND, sa->tun);
	a->send.local = sa->local;
	a->send.remote = sa->remote;
	a->send.natt_port = true;
	a->send.data = SPAN(copy, 1);
}

/* Eight seconds without success: whoever waits for `up` is told why, the attempt goes on. */
static void report_silence(struct step *s)
{
	struct ike_sa *sa = s->sa;
	char a[ADDR_TEXT], text[160];
	struct sbuf b = SB(text);
	sa_due(s->e, sa, T_REPORT, MONO_NEVER);
	if (sa->state >= ST_ESTABLISHED || !sa->tun || ike_tun_has_sa(sa->tun, sa))
		return;
	addr_str(&sa->remote.addr, a);
	if (sa->hs && sa->hs->hint[0])
		sb_put(&b, sa->hs->hint);
	else if (sa->state == ST_I_AUTH)
		sb_printf(&b, "%s answers on port 500 but not IKE_AUTH on %u: is UDP %u open?", a, sa->remote.port,
		          sa->remote.port);
	else
		sb_printf(&b, "no answer from %s:%u, filtered or down", a, sa->remote.port);
	why_set(s->e, &sa->tun->why, text);
	tell_tunnel(s, sa->tun, IKE_EV_FAILED, sa, NULL, true, text);
}

/* A duplicate or a replaced SA had its time. */
static void end_duplicate(struct step *s)
{
	struct ike_sa *sa = s->sa;
	sa_due(s->e, sa, T_DUPLICATE, MONO_NEVER);
	if (sa->peer_told_gone) {
		sa_drop(s, sa, "the peer lost it");
		return;
	}
	/* A peer that adopted our children into the new IKE SA wants to hear of them there. */
	struct ike_sa *heir = sa_next_same_peer(s->e, sa, NULL);
	while (heir && heir->state != ST_ESTABLISHED)
		heir = sa_next_same_peer(s->e, sa, heir);
	if (heir) {
		LIST_EACH(it, tmp, &sa->children)
			child_delete_request(s, heir, LIST_ENTRY(it, struct child, link)->p.in.spi);
	}
	sa_delete(s, sa, "replaced");
}

void sa_on_timer(struct step *s)
{
	struct ike_sa *sa = s->sa;
	/* Each may end the SA; what is left is looked at by the next call. */
	if (s->now >= sa->due[T_EXPIRE]) {
		sa_due(s->e, sa, T_EXPIRE, MONO_NEVER);
		if (sa->state == ST_ESTABLISHED && !sa->why[0])
			because(s, "its lifetime ended");
		step_run(s, EV_EXPIRED);
	}
	if (sa->state != ST_DEAD && s->now >= sa->due[T_RETRANSMIT])
		window_retransmit(s);
	if (sa->state != ST_DEAD && s->now >= sa->due[T_REPORT])
		report_silence(s);
	if (sa->state != ST_DEAD && s->now >= sa->due[T_DUPLICATE])
		end_duplicate(s);
	if (sa->state != ST_DEAD && s->now >= sa->due[T_LIVENESS])
		check_liveness(s);
	if (sa->state != ST_DEAD && s->now >= sa->due[T_FRAGS])
		frag_on_timer(s);
	if (sa->state != ST_DEAD && s->now >= sa->due[T_KEEPALIVE])
		keep_alive(s);
	if (sa->state != ST_DEAD && s->now >= sa->due[T_WAY])
		roam_on_timer(s);
	if (sa->state != ST_DEAD && s->now >= sa->due[T_REAUTH]) {
		sa_due(s->e, sa, T_REAUTH, MONO_NEVER);
		rekey_ike_due(s);
	}
	if (sa->state != ST_DEAD)
		sa_due(s->e, sa, T_EXPIRE, sa->due[T_EXPIRE]); /* puts the timer back into the heap */
}
