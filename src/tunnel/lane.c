/* The lane of a tunnel's hooks: up and down in turn, one at a time, and no more of them than it takes.
 *
 * The tunnel never orders a hook; it asks the lane to follow its state (lane_sync), and is told when the lane is at
 * rest. What the tunnel wants may change any number of times while a script runs: only the latest wish counts when the
 * script has ended, so a tunnel that fell and rose again meanwhile costs no further script.
 *
 * Called by life.c and tunnel.c. */
#include "tunnel/state.h"

#include <errno.h>

/* The hook role ends a script at its limit. Should its word not come at all (it was killed, its answer was lost), the
 * lane goes on after this long; it is generous because a run may wait for others before it starts. */
#define OVERDUE_GRACE DUR_S(600)
#define RETRY_EMIT DUR_S(1)

bool lane_fits(const struct tunnel *t)
{
	const struct tun_child *told = t->lane.told;
	return told && addr_eq(&told->local.addr, &tun_current(t)->local.addr) &&
	       addr_eq(&told->remote.addr, &tun_current(t)->remote.addr);
}

static bool emit(struct tunnel *t, struct step *s, bool up)
{
	struct tun_act *a = tun_push(t, s, TUN_ACT_HOOK);
	if (!a)
		return false;
	t->lane.ticket = tun_ticket(s->ts, t);
	a->ticket = t->lane.ticket;
	a->hook_up = up;
	a->child = *t->lane.told;
	a->local = t->lane.told->local.addr;
	a->remote = t->lane.told->remote.addr;
	tun_set_timer(t, s, TIMER_LANE, t->hook_limit + OVERDUE_GRACE);
	return true;
}

bool lane_up(struct tunnel *t, struct step *s)
{
	if (!t->lane.told && !(t->lane.told = mem_get(t->mem, sizeof *t->lane.told)))
		return false; /* again in a second, as when there is no room */
	*t->lane.told = *tun_current(t);
	return emit(t, s, true);
}

bool lane_down(struct tunnel *t, struct step *s) { return emit(t, s, false); }

/* An exit code is for the log and for status: strongSwan ignores it, and scripts count on that. */
bool lane_rest(struct tunnel *t, struct step *s)
{
	const char *verb = t->lane.state == LANE_RAISING ? "up" : "down";
	int status = s->f->status;
	t->lane.status = status;
	t->lane.ticket = 0;
	tun_clear_timer(t, s, TIMER_LANE);
	if (status == -ETIME)
		tun_note(t, s, NOTE_BAD, "updown script (%s) was ended by its time limit of %lld s", verb,
		         (long long)dur_to_s(t->hook_limit));
	else if (status < 0)
		tun_note(t, s, NOTE_BAD, "updown script (%s) could not be run: %s (error %d)", verb,
		         tun_fact_text(s, "no reason known"), -status);
	else if (status > 0)
		tun_note(t, s, NOTE_PLAIN, "updown script (%s) ended with exit code %d, which changes nothing", verb,
		         status);
	return true;
}

bool lane_lost(struct tunnel *t, struct step *s)
{
	t->lane.status = -ETIME;
	t->lane.ticket = 0;
	tun_clear_timer(t, s, TIMER_LANE);
	tun_note(t, s, NOTE_BAD, "no word about the end of the updown script (%s); going on without",
	         t->lane.state == LANE_RAISING ? "up" : "down");
	return true;
}

bool lane_step(struct tunnel *t, enum lane_event ev, struct step *s)
{
	const struct lane_row *row = lane_row_find(t->lane.state, (uint8_t)ev);
	if (!row || !row->fn(t, s))
		return false;
	t->lane.state = row->to;
	return true;
}

/* The wish of the moment. Scripts are raised only when the interface was dealt with (TUN_HOOK); they stay up as long
 * as there is a child SA between the ends that they were told. */
static enum lane_event wish(const struct tunnel *t)
{
	bool alive = t->n > 0 && t->has_updown;
	if (t->lane.state == LANE_UP && !(alive && lane_fits(t)))
		return LANE_WANT_DOWN;
	if (t->lane.state == LANE_DOWN && alive && t->state == TUN_HOOK)
		return LANE_WANT_UP;
	return LANE_NONE;
}

enum tun_event lane_sync(struct tunnel *t, struct step *s)
{
	enum lane_event ev = wish(t);
	if (ev != LANE_NONE) {
		if (!lane_step(t, ev, s))
			tun_set_timer(t, s, TIMER_LANE, RETRY_EMIT);
		return EV_NONE;
	}
	return t->lane.state == LANE_DOWN || t->lane.state == LANE_UP ? EV_LANE : EV_NONE;
}
