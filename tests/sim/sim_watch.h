/* The invariants of a world, held against it after each event. Besides what the make-believe kernel counts as faults:
 *
 *   - an SA is installed, and an attempt begun, only when the guard of its peer stands (no GRE in the clear, whatever follows);
 *   - a key of a child SA is new: one SPI, one host that receives with it, one that sends; those two are who they say they are;
 *   - of one message ID, and of one IV of an IKE SA, there are only copies (sim_trace.c);
 *   - CHILD_UP comes once for a child, with its SAs in the kernel, CHILD_DOWN once and after it; in between the SAs are there;
 *   - scripts, as src/tunnel runs them on these events, come in turn: up, down, up;
 *   - where nothing is deleted, ESP that is sent in the newest SA arrives where that SA is known (no packet is lost at a switch).
 *
 * And once all is quiet (watch_quiet) and has ended (watch_end) what watch_quiet and watch_end say. */
#ifndef SIM_SIM_WATCH_H
#define SIM_SIM_WATCH_H

#include "sim_trace.h"

#include "tunnel/tunnel.h"

enum { WATCH_SAS = 32, WATCH_GUARDS = 32, WATCH_TUNNELS = 32, WATCH_ANSWERS = 64 };

/* One key of a child SA, from its birth. */
struct watch_key {
	uint64_t hash;
	uint32_t spi;
	int in, out;                 /* the hosts, -1 nobody yet */
	uint64_t in_child, out_child; /* life and child ID */
	struct ident in_peer, out_peer;
	mono_t in_since, in_gone;    /* when it could be received with; MONO_NEVER */
	mono_t sel_from, sel_to;     /* when it was the newest to send with; MONO_NEVER */
};

struct watch_sa {
	uint64_t child;
	uint32_t spi_in;
	size_t key_in, key_out; /* 1 + index, key_out 0: inbound alone */
};

struct watch_host {
	struct tunnels *ts;
	struct sim_mem mem;
	struct addr guard[WATCH_GUARDS];
	uint32_t n_guards;
	struct watch_sa sa[WATCH_SAS]; /* oldest first */
	uint32_t n_sas;
	size_t selected; /* 1 + index of the key that is sent with, 0 none */
	uint32_t n_children;
	uint64_t child[WATCH_SAS]; /* announced */
	bool script_up[WATCH_TUNNELS];
	uint32_t scripts; /* how often one ran */
	struct {
		mono_t at;
		uint32_t tunnel, ticket;
		uint8_t fact;
	} answer[WATCH_ANSWERS];
	uint32_t n_answers;
};

struct watch {
	struct sim *s;
	struct trace trace;
	struct watch_host host[SIM_NODES];
	struct watch_key *key;
	size_t n_keys, cap_keys;
	struct trace_map keys; /* hash -> 1 + index */
	bool lossless;         /* from here on no packet may be lost */
	unsigned losses;
	char broken[400]; /* the first invariant that did not hold; "" */
	struct tun_acts *acts;
};

/* Before the first sim_start. */
void watch_begin(struct watch *w, struct sim *s, bool tell);
void watch_free(struct watch *w);
void watch_broken(struct watch *w, const struct sim_node *n, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Two hosts with one tunnel between them. up: one IKE SA, one child SA at each end, and they agree; else: none, or they agree on
 * what is left of it. False when it is not so; with why, what is wrong. */
bool watch_quiet(struct watch *w, const struct sim_node *a, const struct sim_node *b, bool up, char *why, size_t n);
/* Nothing is left of a host that has stopped: no SA, SPI, script, memory. Frees its engine. */
void watch_end(struct watch *w, struct sim_node *n);

#endif
