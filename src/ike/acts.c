/* Actions: how the engine says what is to be done. They are values in the caller's array;
 * texts and octets are copied into its arena. */
#include "ike/ike_int.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void ike_acts_reset(struct ike_acts *a)
{
	wipe(a->v, sizeof a->v[0] * a->n);
	wipe(&a->spill, sizeof a->spill);
	wipe(a->arena, a->used);
	a->n = a->dropped = 0;
	a->used = 0;
}

struct ike_act *act_add(struct step *s, uint8_t type, const struct tun *t)
{
	/* An action without room is thrown away by the caller; what mattered is sent again by
	 * a retransmission or told again by status. */
	struct ike_act *a = &s->acts->spill;
	if (s->acts->n < IKE_ACTS_MAX)
		a = &s->acts->v[s->acts->n++];
	else
		s->acts->dropped++;
	memset(a, 0, sizeof *a);
	a->type = type;
	a->tunnel = t ? t->id : 0;
	return a;
}

const void *act_copy(struct step *s, const void *p, size_t n)
{
	struct ike_acts *a = s->acts;
	if (n > sizeof a->arena - a->used)
		return NULL;
	uint8_t *out = a->arena + a->used;
	memcpy(out, p, n);
	a->used += n;
	return out;
}

const char *ike_tun_name(const struct tun *t) { return t ? conf_str(t->conf, t->t->name) : "(unnamed)"; }

static void add_note(struct step *s, const struct tun *t, int level, const char *text)
{
	const char *copy = act_copy(s, text, strlen(text) + 1);
	if (!copy)
		return;
	struct ike_act *a = act_add(s, IKE_ACT_NOTE, t);
	a->note.level = (int8_t)level;
	a->note.text = copy;
	a->note.progress = t != NULL && level <= NOTE_CONTROL;
}

void note(struct step *s, const struct tun *t, int level, const char *fmt, ...)
{
	char text[1024];
	va_list ap;
	if (level > s->e->note_most)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	add_note(s, t, level, text);
}

void ike_note_level(struct ike *e, int8_t most) { e->note_most = most; }

bool note_allowed(struct step *s)
{
	enum { A_SECOND = 10 };
	if (s->now - s->e->note_second >= DUR_S(1)) {
		s->e->note_second = s->now;
		s->e->notes_left = A_SECOND;
	}
	if (s->e->notes_left > 0)
		return s->e->notes_left--;
	s->e->n.notes_left_out++;
	return false;
}

void note_limited(struct step *s, const char *fmt, ...)
{
	if (!note_allowed(s))
		return;
	char text[1024];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	add_note(s, NULL, NOTE_CONTROL, text);
}

static void fill_info(struct ike_child_info *i, const struct ike_sa *sa, const struct child *c)
{
	i->ike_id = sa->id;
	i->local = sa->local;
	i->remote = sa->remote;
	i->my_id = sa->my_id;
	i->peer_id = sa->peer_id;
	if (!c)
		return;
	i->child_id = c->id;
	i->reqid = c->p.reqid;
	i->spi_in = c->p.in.spi;
	i->spi_out = c->p.out.spi;
	i->sel = c->p.sel;
	i->ts_local = c->p.local;
	i->ts_remote = c->p.remote;
	i->encap = c->p.encap;
	i->mark_in = c->p.mark_in;
	i->mark_in_mask = c->p.mark_in_mask;
	i->mark_out = c->p.mark_out;
	i->mark_out_mask = c->p.mark_out_mask;
}

void tell_tunnel(struct step *s, struct tun *t, uint8_t event, const struct ike_sa *sa, const struct child *c,
                 bool retry, const char *reason)
{
	const char *copy = reason ? act_copy(s, reason, strlen(reason) + 1) : NULL;
	struct ike_act *a = act_add(s, IKE_ACT_TUNNEL, t);
	a->tunnel_event.event = event;
	a->tunnel_event.retry = retry;
	a->tunnel_event.reason = copy ? copy : "";
	if (sa)
		fill_info(&a->tunnel_event.info, sa, c);
}

void tell_peer_known(struct step *s, struct tun *t, const struct addr *local, const struct addr *remote)
{
	struct ike_act *a = act_add(s, IKE_ACT_TUNNEL, t);
	a->tunnel_event.event = IKE_EV_PEER_KNOWN;
	a->tunnel_event.reason = "";
	a->tunnel_event.info.local.addr = *local;
	a->tunnel_event.info.remote.addr = *remote;
}

static void set_why(struct step *s, const char *fmt, va_list ap)
{
	char text[160];
	vsnprintf(text, sizeof text, fmt, ap);
	if (s->sa)
		why_set(s->e, &s->sa->why, text);
}

void because(struct step *s, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	set_why(s, fmt, ap);
	va_end(ap);
}

enum verdict fail(struct step *s, uint16_t notify, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	set_why(s, fmt, ap);
	va_end(ap);
	s->fail = notify;
	/* Who is not authenticated may be anybody. */
	if (s->sa && (!s->sa->half_open || note_allowed(s)))
		note(s, s->sa->tun, NOTE_CONTROL, "%s", s->sa->why);
	return V_FAIL;
}

const char *id_str(const struct ident *id, char *out, size_t n)
{
	struct sbuf b = sb_init(out, n);
	sb_ident(&b, id);
	return out;
}
