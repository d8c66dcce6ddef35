/* A scenario: hosts, what the network does to which packets, what is done when, and what must have come of it. Read from a file of
 * a dozen lines (tests/sim/scenarios), drawn from a seed (plan_storm.c) or one of an enumeration (plan_enum.c); whichever it was, it
 * runs the same way and can be written down again.
 *
 *      host NAME ADDRESS [nat ADDRESS [ports]]
 *      peer NAME NAME|any [KEY=VALUE ...]        a tunnel (sim.h: sim_conf); any: the hub of all who name it
 *      charon NAME KEY=VALUE ...                 lines of strongswan.conf
 *      delay MIN [MAX]    priv DELAY [MORE]      of the network; of privileged verbs
 *      chance lost|doubled|delayed|corrupted|refused N   in a thousand, until `heal`
 *      setup TIME         before anything else; what follows counts from its end
 *      at TIME NAME VERB [TIME]                  rekey-child rekey-ike delete-child delete-ike check up down unwant reload
 *                                                restart adopt cut join freeze rebind expire
 *      lost|doubled|delayed|corrupted N [TIME] [by NAME] [KIND [request|response]]
 *                                                the N-th datagram after the set-up, of those that are named
 *      heal TIME          everything works and every tunnel is wanted from then on (not named: nothing changes)
 *      quiet TIME         how long peace may take to come
 *      expect up|down|agree                      what the tunnels are then; agree: both ends say the same
 *      lossless           nothing may be lost at any switch of SAs
 *
 * Times are 20ms, 1.5s or 2m. */
#ifndef SIM_PLAN_H
#define SIM_PLAN_H

#include "sim_watch.h"

#include <stdio.h>

enum { PLAN_EVENTS = 64, PLAN_FAULTS = 8, PLAN_HOSTS = 12 };

enum plan_verb {
	PV_REKEY_CHILD, PV_REKEY_IKE, PV_DELETE_CHILD, PV_DELETE_IKE, PV_CHECK, PV_UP, PV_DOWN, PV_UNWANT, PV_RELOAD, PV_RESTART,
	PV_ADOPT, PV_CUT, PV_JOIN, PV_FREEZE, PV_REBIND, PV_EXPIRE, PV_N
};

enum plan_end { END_UP, END_DOWN, END_AGREE };

struct plan_host {
	char name[16];
	char addr[48], nat[48]; /* nat: "" none */
	bool ports;
	int peer; /* index; -1: a hub, for all whose peer it is; -2: no tunnel */
	char keys[512], charon[512];
};

struct plan_event {
	dur_t at;
	uint8_t host, verb;
	dur_t arg; /* freeze: how long */
};

struct plan_fault {
	uint8_t fate;
	uint32_t nth;  /* from 1 */
	dur_t by;      /* delayed: by so much; doubled: the copy comes so much later */
	int8_t from;   /* -1 anybody */
	uint8_t kind;  /* TK_N: any */
	int8_t response; /* -1 either */
};

struct plan {
	uint64_t seed;
	struct plan_host host[PLAN_HOSTS];
	uint32_t n_hosts;
	struct plan_event ev[PLAN_EVENTS];
	uint32_t n_ev;
	struct plan_fault fault[PLAN_FAULTS];
	uint32_t n_faults;
	dur_t delay_min, delay_max, priv, priv_more;
	unsigned chance[FATE_N], refused;
	dur_t setup, heal, quiet; /* heal 0: none */
	uint8_t end;
	bool lossless;
};

struct plan_result {
	char broken[600]; /* "" when all went well */
	bool tell;        /* in: keep the story */
	char *story;      /* out, with tell; to be freed */
	unsigned datagrams; /* since the set-up */
	struct trace_count *count; /* NULL: nobody counts */
	uint64_t events;
};

void plan_init(struct plan *p);
/* True: the file is a plan; else *why says what is wrong in which line. */
bool plan_read(struct plan *p, const char *text, char *why, size_t n);
void plan_print(const struct plan *p, FILE *f);
/* False: something did not hold; r->broken. */
bool plan_run(const struct plan *p, struct plan_result *r);

const char *plan_verb_name(uint8_t verb);
/* 0 when it is no time. */
bool plan_time(const char *text, dur_t *out);

/* plan_storm.c: what seed makes. */
void plan_storm(struct plan *p, uint64_t seed);

/* plan_enum.c: the i-th case of the enumeration; false beyond the last. */
bool plan_enum(struct plan *p, uint64_t i);
uint64_t plan_enum_size(void);

#endif
