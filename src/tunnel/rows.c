/* The tables of tunnel/: the life of a tunnel, and the lane of its hooks. Nothing else is in here but their search and
 * their printing. A row: in this state, at this event, go there and do that. An event without a row changes nothing.
 *
 * Handlers are in life.c and lane.c. tests/golden/tunnel/matrix.txt is this file once more, printed. */
#include "tunnel/state.h"

#define ROW(from, event, to, fn) {from, event, to, fn, #fn}

static const struct tun_row life[] = {
	ROW(TUN_DOWN, EV_CHILD_UP, TUN_SA_UP, tun_start),
	ROW(TUN_DOWN, EV_FAILED, TUN_DOWN, tun_failed),
	ROW(TUN_DOWN, EV_WANT, TUN_DOWN, tun_wait_sa),
	ROW(TUN_DOWN, EV_WAITED, TUN_DOWN, tun_tired),

	/* SAs are there; hooks of an earlier life, or of other ends, come to rest first. */
	ROW(TUN_SA_UP, EV_LANE, TUN_GRE, tun_gre),
	ROW(TUN_SA_UP, EV_MOVED, TUN_SA_UP, tun_start),
	ROW(TUN_SA_UP, EV_CONF, TUN_SA_UP, tun_start),
	ROW(TUN_SA_UP, EV_CHILD_GONE, TUN_GOING_DOWN, tun_down),
	ROW(TUN_SA_UP, EV_WANT, TUN_SA_UP, tun_wait),

	ROW(TUN_GRE, EV_GRE_OK, TUN_HOOK, tun_hooks),
	ROW(TUN_GRE, EV_GRE_BAD, TUN_GRE, tun_gre_bad),
	ROW(TUN_GRE, EV_TIMEOUT, TUN_GRE, tun_gre),
	ROW(TUN_GRE, EV_MOVED, TUN_SA_UP, tun_start),
	ROW(TUN_GRE, EV_CONF, TUN_SA_UP, tun_start),
	ROW(TUN_GRE, EV_CHILD_GONE, TUN_GOING_DOWN, tun_down),
	ROW(TUN_GRE, EV_WANT, TUN_GRE, tun_wait_gre),

	ROW(TUN_HOOK, EV_LANE, TUN_PROBE, tun_find),
	ROW(TUN_HOOK, EV_MOVED, TUN_SA_UP, tun_start),
	ROW(TUN_HOOK, EV_CONF, TUN_SA_UP, tun_start),
	ROW(TUN_HOOK, EV_CHILD_GONE, TUN_GOING_DOWN, tun_down),
	ROW(TUN_HOOK, EV_WANT, TUN_HOOK, tun_wait),

	ROW(TUN_PROBE, EV_FOUND, TUN_PROBE, tun_found),
	ROW(TUN_PROBE, EV_LINKED, TUN_PROBE, tun_probe),
	ROW(TUN_PROBE, EV_PROBED, TUN_UP, tun_settle),
	ROW(TUN_PROBE, EV_TIMEOUT, TUN_UP, tun_settle),
	ROW(TUN_PROBE, EV_MOVED, TUN_SA_UP, tun_start),
	ROW(TUN_PROBE, EV_CONF, TUN_SA_UP, tun_start),
	ROW(TUN_PROBE, EV_CHILD_GONE, TUN_GOING_DOWN, tun_down),
	ROW(TUN_PROBE, EV_WANT, TUN_PROBE, tun_wait),

	ROW(TUN_UP, EV_LINK, TUN_UP, tun_look),
	ROW(TUN_UP, EV_TIMEOUT, TUN_UP, tun_poke),
	ROW(TUN_UP, EV_FOUND, TUN_UP, tun_seen),
	ROW(TUN_UP, EV_LINKED, TUN_PROBE, tun_probe),
	ROW(TUN_UP, EV_LINK_GONE, TUN_UP, tun_link_gone),
	ROW(TUN_UP, EV_OURS_GONE, TUN_GRE, tun_repair),
	ROW(TUN_UP, EV_RELOAD, TUN_UP, tun_mend),
	ROW(TUN_UP, EV_GRE_BAD, TUN_GRE, tun_gre_bad),
	ROW(TUN_UP, EV_PROBED, TUN_UP, tun_heard),
	ROW(TUN_UP, EV_MOVED, TUN_SA_UP, tun_start),
	ROW(TUN_UP, EV_CONF, TUN_SA_UP, tun_start),
	ROW(TUN_UP, EV_CHILD_GONE, TUN_GOING_DOWN, tun_down),
	ROW(TUN_UP, EV_WANT, TUN_UP, tun_tell),
	ROW(TUN_UP, EV_WAITED, TUN_UP, tun_tell),

	ROW(TUN_GOING_DOWN, EV_LANE, TUN_DOWN, tun_gone),
	ROW(TUN_GOING_DOWN, EV_CHILD_UP, TUN_SA_UP, tun_start),
	ROW(TUN_GOING_DOWN, EV_FAILED, TUN_GOING_DOWN, tun_failed),
	ROW(TUN_GOING_DOWN, EV_WANT, TUN_GOING_DOWN, tun_wait_sa),
	ROW(TUN_GOING_DOWN, EV_WAITED, TUN_GOING_DOWN, tun_tired),
};

/* Up and down are issued in two rows only, each of which starts where the other one's run has ended: strictly in turn,
 * one at a time. */
static const struct lane_row lane[] = {
	ROW(LANE_DOWN, LANE_WANT_UP, LANE_RAISING, lane_up),
	ROW(LANE_RAISING, LANE_ENDED, LANE_UP, lane_rest),
	ROW(LANE_RAISING, LANE_OVERDUE, LANE_UP, lane_lost),
	ROW(LANE_UP, LANE_WANT_DOWN, LANE_LOWERING, lane_down),
	ROW(LANE_LOWERING, LANE_ENDED, LANE_DOWN, lane_rest),
	ROW(LANE_LOWERING, LANE_OVERDUE, LANE_DOWN, lane_lost),
};

static const char *const life_state_name[] = {
	[TUN_DOWN] = "down", [TUN_SA_UP] = "sa-up", [TUN_GRE] = "gre", [TUN_HOOK] = "hook", [TUN_PROBE] = "probe",
	[TUN_UP] = "up", [TUN_GOING_DOWN] = "going-down",
};

static const char *const life_event_name[EV_END] = {
	[EV_NONE] = "none", [EV_CHILD_UP] = "child-up", [EV_CHILD_GONE] = "child-gone", [EV_MOVED] = "moved",
	[EV_CONF] = "conf", [EV_LANE] = "hooks-rest", [EV_GRE_OK] = "gre-ok", [EV_GRE_BAD] = "gre-bad",
	[EV_FOUND] = "found", [EV_LINKED] = "linked", [EV_PROBED] = "probed", [EV_LINK] = "link",
	[EV_LINK_GONE] = "link-gone", [EV_OURS_GONE] = "ours-gone", [EV_RELOAD] = "reload", [EV_FAILED] = "failed", [EV_WANT] = "want",
	[EV_WAITED] = "waited", [EV_TIMEOUT] = "timeout",
};

static const char *const lane_state_name[LANE_STATES] = {
	[LANE_DOWN] = "down", [LANE_RAISING] = "raising", [LANE_UP] = "up", [LANE_LOWERING] = "lowering",
};

static const char *const lane_event_name[LANE_END] = {
	[LANE_NONE] = "none", [LANE_WANT_UP] = "want-up", [LANE_WANT_DOWN] = "want-down", [LANE_ENDED] = "ended",
	[LANE_OVERDUE] = "overdue",
};

const struct tun_row *tun_row_find(uint8_t from, uint8_t event)
{
	for (size_t i = 0; i < ARRAY_LEN(life); i++) {
		if (life[i].from == from && life[i].event == event)
			return &life[i];
	}
	return NULL;
}

const struct lane_row *lane_row_find(uint8_t from, uint8_t event)
{
	for (size_t i = 0; i < ARRAY_LEN(lane); i++) {
		if (lane[i].from == from && lane[i].event == event)
			return &lane[i];
	}
	return NULL;
}

const char *tun_state_name(uint8_t state)
{
	return state < ARRAY_LEN(life_state_name) ? life_state_name[state] : "?";
}

bool tunnels_row(size_t i, struct tun_row_view *out)
{
	if (i < ARRAY_LEN(life)) {
		const struct tun_row *r = &life[i];
		*out = (struct tun_row_view){"life", life_state_name[r->from], life_event_name[r->event],
		                             life_state_name[r->to], r->fn_name};
		return true;
	}
	i -= ARRAY_LEN(life);
	if (i >= ARRAY_LEN(lane))
		return false;
	const struct lane_row *r = &lane[i];
	*out = (struct tun_row_view){"lane", lane_state_name[r->from], lane_event_name[r->event],
	                             lane_state_name[r->to], r->fn_name};
	return true;
}
