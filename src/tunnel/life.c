/* What happens in the rows of a tunnel's life: the handlers, and the driver that alone writes the state.
 *
 * A handler emits actions, sets the timer of its state and may name an event that follows at once; it never fails, and
 * what it asks for may get lost without the tunnel standing still: every state that waits has a timer of its own, or
 * waits for the lane, which has one. Called through rows.c only. */
#include "tunnel/state.h"

#include <errno.h>
#include <string.h>

#define GRE_WAIT DUR_S(10)
#define GRE_RETRY DUR_S(5)
#define GRE_RETRY_MAX DUR_S(60)
#define FIND_WAIT DUR_S(5)
#define PROBE_WAIT DUR_S(5) /* the probe itself takes 3 s */
#define SA_WAIT DUR_S(10)   /* so long an `up` waits for a first SA */

#define NOTHING_YET "SAs up, nothing received yet"

void tun_step(struct tunnel *t, enum tun_event ev, struct step *s)
{
	for (unsigned n = 0; ev != EV_NONE; n++) {
		const struct tun_row *row = tun_row_find(t->state, (uint8_t)ev);
		if (!row || BUG(n > EV_END))
			return;
		t->state = row->to;
		ev = row->fn(t, s);
	}
}

/* --- those who wait --- */

static void done(struct tunnel *t, struct step *s, bool ok, const char *text)
{
	if (!t->waiting)
		return;
	struct tun_act *a = tun_push(t, s, TUN_ACT_DONE);
	if (!a) {
		tun_set_timer(t, s, TIMER_WAIT, 0);
		return;
	}
	a->ok = ok;
	struct sbuf b = SB(a->text);
	sb_put(&b, text);
	t->waiting = false;
	tun_clear_timer(t, s, TIMER_WAIT);
}

enum tun_event tun_wait(struct tunnel *t, struct step *s)
{
	(void)s;
	t->waiting = true;
	return EV_NONE;
}

enum tun_event tun_wait_sa(struct tunnel *t, struct step *s)
{
	t->waiting = true;
	if (t->why_ended)
		tun_set_why(t, ""); /* how it ended is no answer to whoever wants it now */
	tun_set_timer(t, s, TIMER_WAIT, SA_WAIT);
	return EV_NONE;
}

/* The interface could not be made and is tried again later: say so now. */
enum tun_event tun_wait_gre(struct tunnel *t, struct step *s)
{
	t->waiting = true;
	if (t->gre_failures > 0)
		done(t, s, false, t->why);
	return EV_NONE;
}

enum tun_event tun_tired(struct tunnel *t, struct step *s)
{
	done(t, s, false, t->why[0] ? t->why : "no SAs yet; going on trying");
	return EV_NONE;
}

enum tun_event tun_tell(struct tunnel *t, struct step *s)
{
	t->waiting = true;
	done(t, s, true, t->received ? "up" : NOTHING_YET);
	return EV_NONE;
}

enum tun_event tun_failed(struct tunnel *t, struct step *s)
{
	tun_set_why(t, tun_fact_text(s, "the attempt failed"));
	t->why_ended = false;
	done(t, s, false, t->why);
	return EV_NONE;
}

/* --- routing --- */

static void route(struct tunnel *t, struct step *s, bool up)
{
	/* The routing module knows a tunnel by its name, and one interface of it. */
	if (t->routed == up || (up && t->link.ifindex == 0) || t->of)
		return;
	struct tun_act *a = tun_push(t, s, up ? TUN_ACT_ROUTE_UP : TUN_ACT_ROUTE_DOWN);
	if (!a)
		return;
	t->routed = up;
	a->child = *tun_current(t);
	a->link = t->link;
	a->ifindex = t->link.ifindex;
	a->local = t->local;
	a->remote = t->remote;
}

/* Routes name an interface by its index: another one is another route. */
void tun_take_link(struct tunnel *t, struct step *s, const struct tun_link *link)
{
	if (t->link.ifindex != link->ifindex)
		route(t, s, false);
	t->link = *link;
	t->lost = t->lost && link->ifindex == 0;
	t->link.ours = tun_native(t) && strcmp(t->link.name, t->gre.name) == 0;
}

void tun_drop_link(struct tunnel *t, struct step *s)
{
	static const struct tun_link none;
	tun_take_link(t, s, &none);
}

/* --- up --- */

/* SAs are there, or are there between other ends, or shall be used differently. */
enum tun_event tun_start(struct tunnel *t, struct step *s)
{
	t->local = tun_current(t)->local.addr;
	t->remote = tun_current(t)->remote.addr;
	t->received = t->look_again = t->lost = false;
	t->gre_ticket = t->find_ticket = t->probe_ticket = t->gre_failures = 0;
	tun_set_why(t, "");
	tun_clear_timer(t, s, TIMER_STATE);
	tun_clear_timer(t, s, TIMER_WAIT);
	/* A script takes its interface away and makes another; native GRE is moved in place, under its routes. */
	if (t->lane.state != LANE_DOWN && !(t->lane.state == LANE_UP && lane_fits(t) && t->has_updown))
		route(t, s, false);
	return lane_sync(t, s);
}

static void ask_gre(struct tunnel *t, struct step *s)
{
	struct tun_act *a = tun_push(t, s, TUN_ACT_GRE_UP);
	if (!a)
		return;
	t->made = true;
	t->gre_ticket = tun_ticket(s->ts, t);
	a->ticket = t->gre_ticket;
	a->local = t->local;
	a->remote = t->remote;
}

enum tun_event tun_gre(struct tunnel *t, struct step *s)
{
	if (!tun_native(t))
		return EV_GRE_OK;
	tun_set_timer(t, s, TIMER_STATE, GRE_WAIT);
	ask_gre(t, s);
	return EV_NONE;
}

enum tun_event tun_gre_bad(struct tunnel *t, struct step *s)
{
	char text[256];
	struct sbuf b = SB(text);
	sb_printf(&b, "GRE interface %s: %s (error %d)", t->gre.name, tun_fact_text(s, "could not be made"),
	          -s->f->status);
	if (strcmp(text, t->why) != 0)
		tun_note(t, s, NOTE_BAD, "%s", text);
	tun_set_why(t, text);
	done(t, s, false, t->why);
	dur_t again = GRE_RETRY << (t->gre_failures < 4 ? t->gre_failures : 4);
	t->gre_failures++;
	tun_set_timer(t, s, TIMER_STATE, again < GRE_RETRY_MAX ? again : GRE_RETRY_MAX);
	return EV_NONE;
}

enum tun_event tun_hooks(struct tunnel *t, struct step *s)
{
	t->gre_failures = 0;
	tun_set_why(t, "");
	tun_clear_timer(t, s, TIMER_STATE);
	return lane_sync(t, s);
}

static void note_link(struct tunnel *t, struct step *s)
{
	char text[128];
	struct sbuf b = SB(text);
	for (size_t i = 0; i < t->link.n_addresses && i < ARRAY_LEN(t->link.address); i++) {
		sb_put(&b, i ? " " : ", ");
		sb_prefix(&b, &t->link.address[i]);
	}
	tun_note(t, s, NOTE_PLAIN, "GRE interface %s: mtu %u%s%s", t->link.name, t->link.mtu, text,
	         t->link.up ? "" : ", is down");
}

static void ask_find(struct tunnel *t, struct step *s)
{
	tun_set_timer(t, s, TIMER_STATE, FIND_WAIT);
	struct tun_act *a = tun_push(t, s, TUN_ACT_GRE_FIND);
	if (!a)
		return;
	t->find_ticket = tun_ticket(s->ts, t);
	a->ticket = t->find_ticket;
	a->local = t->local;
	a->remote = t->remote;
}

/* GRE_UP told all there is to know, unless a script had its hands on the interface since. */
enum tun_event tun_find(struct tunnel *t, struct step *s)
{
	if (t->of) /* routes and probes go by the first peer's; to look for those of thousands whenever a link changes would cost */
		return EV_LINKED;
	if (!tun_native(t) || t->has_updown || !t->link.ifindex) {
		ask_find(t, s);
		return EV_NONE;
	}
	note_link(t, s);
	return EV_LINKED;
}

static bool fact_has_link(const struct step *s) { return s->f->status == 0 && s->f->link && s->f->link->ifindex; }

enum tun_event tun_found(struct tunnel *t, struct step *s)
{
	char local[ADDR_TEXT], remote[ADDR_TEXT];
	if (fact_has_link(s)) {
		tun_take_link(t, s, s->f->link);
		note_link(t, s);
	} else {
		tun_drop_link(t, s);
		tun_note(t, s, NOTE_PLAIN, "no GRE interface between %s and %s yet", addr_str(&t->local, local),
		         addr_str(&t->remote, remote));
	}
	return EV_LINKED;
}

/* The other host of a /30, /31, /126 or /127. */
static bool other_host(const struct prefix *p, struct addr *out)
{
	size_t n = addr_len(&p->addr), bits = n * 8;
	if (n == 0 || p->len < bits - 2 || p->len == bits)
		return false;
	*out = p->addr;
	uint8_t *last = &out->b[n - 1];
	if (p->len == bits - 1)
		*last ^= 1;
	else if ((*last & 3) == 1 || (*last & 3) == 2)
		*last ^= 3;
	else
		return false;
	return true;
}

/* The peer's inner address: as configured, as the interface says, or as its prefix implies. AF_NONE: not known. */
static struct addr inner_address(const struct tunnel *t)
{
	struct addr inner;
	if (tun_native(t) && t->gre.peer.family != AF_NONE)
		return t->gre.peer;
	if (t->link.peer.family != AF_NONE)
		return t->link.peer;
	for (size_t i = 0; i < t->link.n_addresses && i < ARRAY_LEN(t->link.address); i++) {
		if (other_host(&t->link.address[i], &inner))
			return inner;
	}
	return (struct addr){.family = AF_NONE};
}

enum tun_event tun_probe(struct tunnel *t, struct step *s)
{
	struct addr inner = inner_address(t);
	if (t->link.ifindex == 0 || inner.family == AF_NONE)
		return EV_PROBED;
	tun_set_timer(t, s, TIMER_STATE, PROBE_WAIT);
	struct tun_act *a = tun_push(t, s, TUN_ACT_PROBE);
	if (!a)
		return EV_NONE;
	t->probe_ticket = tun_ticket(s->ts, t);
	a->ticket = t->probe_ticket;
	a->inner = inner;
	a->ifindex = t->link.ifindex;
	return EV_NONE;
}

enum tun_event tun_settle(struct tunnel *t, struct step *s)
{
	t->find_ticket = 0; /* the probe's answer may still come and is welcome */
	tun_clear_timer(t, s, TIMER_STATE);
	if (t->lost)
		return EV_OURS_GONE;
	tun_set_why(t, t->received ? "" : NOTHING_YET);
	route(t, s, true);
	done(t, s, true, t->received ? "up" : NOTHING_YET);
	return EV_NONE;
}

/* --- while up --- */

enum tun_event tun_heard(struct tunnel *t, struct step *s)
{
	(void)s;
	if (t->received)
		tun_set_why(t, "");
	return EV_NONE;
}

enum tun_event tun_look(struct tunnel *t, struct step *s)
{
	if (t->find_ticket)
		t->look_again = true;
	else
		ask_find(t, s);
	return EV_NONE;
}

/* Either the answer did not come, or there was no room to ask. */
enum tun_event tun_poke(struct tunnel *t, struct step *s)
{
	if (t->find_ticket) {
		t->find_ticket = 0;
		t->look_again = false;
		return EV_NONE;
	}
	return tun_look(t, s);
}

enum tun_event tun_seen(struct tunnel *t, struct step *s)
{
	bool had = t->link.ifindex != 0;
	tun_clear_timer(t, s, TIMER_STATE);
	if (t->look_again) {
		t->look_again = false;
		ask_find(t, s);
		return EV_NONE;
	}
	if (fact_has_link(s)) {
		bool other = t->link.ifindex != s->f->link->ifindex;
		tun_take_link(t, s, s->f->link);
		if (!other)
			return EV_NONE;
		note_link(t, s);
		return EV_LINKED;
	}
	if (!had || (s->f->status != 0 && s->f->status != -ENODEV && s->f->status != -ENOENT))
		return EV_NONE;
	return t->link.ours ? EV_OURS_GONE : EV_LINK_GONE;
}

/* A script's interface is not ours to make again; its next up is. */
enum tun_event tun_link_gone(struct tunnel *t, struct step *s)
{
	tun_note(t, s, NOTE_BAD, "GRE interface %s vanished; it was not made by us, so it is left to who made it",
	         t->link.name);
	tun_drop_link(t, s);
	return EV_NONE;
}

enum tun_event tun_repair(struct tunnel *t, struct step *s)
{
	tun_note(t, s, NOTE_BAD, "GRE interface %s vanished; making it again", t->gre.name);
	tun_drop_link(t, s);
	t->find_ticket = t->probe_ticket = 0;
	t->look_again = t->lost = false;
	return tun_gre(t, s);
}

/* Somebody may have set it down, or taken its address or MTU: whoever says reload wants what the file says. */
enum tun_event tun_mend(struct tunnel *t, struct step *s)
{
	if (tun_native(t))
		ask_gre(t, s);
	return EV_NONE;
}

/* --- down --- */

enum tun_event tun_down(struct tunnel *t, struct step *s)
{
	char text[256];
	struct sbuf b = SB(text);
	const char *why = t->gone ? "left the configuration" : tun_fact_text(s, "");
	route(t, s, false);
	tun_set_why(t, why);
	t->why_ended = true;
	sb_printf(&b, "the SAs went down again%s%s", *why ? ": " : "", why);
	done(t, s, false, text);
	t->received = t->look_again = t->lost = false;
	t->gre_ticket = t->find_ticket = t->probe_ticket = t->gre_failures = 0;
	tun_clear_timer(t, s, TIMER_STATE);
	return lane_sync(t, s);
}

enum tun_event tun_gone(struct tunnel *t, struct step *s)
{
	if (!t->gre.keep)
		tun_gre_down(t, s);
	return EV_NONE;
}
