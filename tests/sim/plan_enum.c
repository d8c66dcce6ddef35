/* The enumeration: two ends that do one of five things each, at every place of two round trips relative to one another, with each
 * of the first twelve datagrams lost, doubled or delayed by more than a round trip or a retransmission; with the tunnel wanted by
 * one end, by both, by nobody. See plan.h. */
#include "plan.h"

#include <string.h>

enum { DATAGRAMS = 12, FATES = 4, FAULTS = 1 + DATAGRAMS * FATES };
enum wants { ONE_WANTS, BOTH_WANT, NOBODY_WANTS, WANTS };

static const uint8_t does[] = {PV_REKEY_CHILD, PV_REKEY_IKE, PV_DELETE_CHILD, PV_DELETE_IKE, PV_CHECK};
enum { DOES = sizeof does };

/* When the second one begins, in tenths of a millisecond after the first. One way takes 20 ms, a verb of priv 1 ms: before, between
 * and after each of what the first one's exchange, and the exchange that it leads to, makes happen. */
static const int16_t after[] = {0, 50, 150, 199, 205, 215, 225, 300, 399, 405, 415, 425, 500, 605, 625, 700, 805, 825};
enum { AFTER = sizeof after / sizeof after[0], PLACES = 2 * AFTER - 1, PAIRS = DOES * DOES * PLACES, ALONE = 2 * DOES };

uint64_t plan_enum_size(void) { return (uint64_t)(PAIRS + ALONE) * FAULTS * WANTS; }

static void add_event(struct plan *p, dur_t at, uint8_t host, uint8_t verb)
{
	p->ev[p->n_ev++] = (struct plan_event){.at = at, .host = host, .verb = verb};
}

static void add_pair(struct plan *p, uint64_t i)
{
	uint64_t place = i % PLACES;
	bool a_first = place < AFTER;
	uint8_t a = does[i / PLACES % DOES], b = does[i / PLACES / DOES];
	dur_t gap = DUR_NS(100000) * after[a_first ? place : place - AFTER + 1];
	add_event(p, 0, a_first ? 0 : 1, a_first ? a : b);
	add_event(p, gap, a_first ? 1 : 0, a_first ? b : a);
}

static void ends(struct plan *p, bool wanted)
{
	p->end = END_UP;
	p->lossless = true;
	for (uint32_t i = 0; i < p->n_ev; i++) {
		bool deletes = p->ev[i].verb == PV_DELETE_CHILD || p->ev[i].verb == PV_DELETE_IKE;
		if (deletes && !wanted)
			p->end = END_DOWN;
		p->lossless &= !deletes;
	}
}

bool plan_enum(struct plan *p, uint64_t i)
{
	static const char *const addr[] = {"192.0.2.1", "198.51.100.1"};
	if (i >= plan_enum_size())
		return false;
	plan_init(p);
	p->seed = i + 1;
	for (uint32_t h = 0; h < 2; h++) {
		p->host[h].name[0] = (char)('a' + h);
		memcpy(p->host[h].addr, addr[h], strlen(addr[h]) + 1);
		p->host[h].peer = h ? 0 : 1;
	}
	p->n_hosts = 2;
	memcpy(p->host[0].keys, "auto=start", sizeof "auto=start");
	uint64_t fault = i % FAULTS, wants = i / FAULTS % WANTS, what = i / FAULTS / WANTS;
	if (wants == BOTH_WANT)
		memcpy(p->host[1].keys, "auto=start", sizeof "auto=start");
	if (wants == NOBODY_WANTS)
		add_event(p, 0, 0, PV_UNWANT);
	if (what < PAIRS)
		add_pair(p, what);
	else
		add_event(p, 0, (uint8_t)((what - PAIRS) % 2), does[(what - PAIRS) / 2]);
	ends(p, wants != NOBODY_WANTS);
	if (fault > 0) {
		static const struct {
			uint8_t fate;
			dur_t by;
		} fates[FATES] = {{FATE_LOST, 0}, {FATE_DOUBLED, DUR_MS(50)}, {FATE_DELAYED, DUR_MS(50)}, {FATE_DELAYED, DUR_S(5)}};
		struct plan_fault *f = &p->fault[p->n_faults++];
		*f = (struct plan_fault){.from = -1, .kind = TK_N, .response = -1};
		f->nth = (uint32_t)((fault - 1) / FATES + 1);
		f->fate = fates[(fault - 1) % FATES].fate;
		f->by = fates[(fault - 1) % FATES].by;
	}
	return true;
}
