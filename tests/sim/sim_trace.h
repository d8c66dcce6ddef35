/* What goes over the wire, understood: each datagram is opened with the keys of its sender's IKE SAs, put into a class, held against all
 * that was sent before, and told as a step of a ladder in the notation of RFC 7296. */
#ifndef SIM_SIM_TRACE_H
#define SIM_SIM_TRACE_H

#include "sim.h"

/* Classes of exchanges, as the histogram has them. */
enum trace_kind { TK_INIT, TK_AUTH, TK_CHILD, TK_IKE, TK_DELETE, TK_LIVENESS, TK_OTHER, TK_N };
/* What the network did to a datagram. */
enum trace_fate { FATE_NONE, FATE_LOST, FATE_DOUBLED, FATE_DELAYED, FATE_CORRUPTED, FATE_N };

/* How often what happened to which: [fate][kind][response]. */
struct trace_count {
	uint64_t n[FATE_N][TK_N][2];
};

/* A set of pairs of numbers, open addressing; key 0 is none. */
struct trace_map {
	uint64_t *slot; /* key, value, ... */
	size_t cap, n;
};
uint64_t *trace_map_at(struct trace_map *m, uint64_t key, bool *fresh); /* the value, 0 when it is new */
uint64_t trace_hash(uint64_t seed, const void *p, size_t n);

struct trace_key {
	uint64_t spi_i, spi_r;
	bool initiator; /* the sender's */
	struct sk_keys k;
};

struct trace {
	struct sim *s;
	struct trace_key *key;
	size_t n_keys, cap_keys;
	struct trace_map keys;     /* SPIs and direction -> 1 + index in key */
	struct trace_map messages; /* SPIs, direction, message ID, fragment -> hash of the datagram */
	struct trace_map ivs;      /* key and IV -> the same */
	struct trace_map requests; /* SPIs, direction, message ID -> 1 + class of the request */
	bool tell;                 /* keep the story */
	char *story;
	size_t n_story, cap_story;
	mono_t zero; /* what the story's time counts from */
};

void trace_init(struct trace *t, struct sim *s, bool tell);
void trace_fini(struct trace *t);
/* Learns the keys of a host's IKE SAs; after each event, for an SA may die in the event that uses it. */
void trace_learn(struct trace *t, struct sim_node *n);
/* A datagram leaves its host. The class in *kind; with tell, its text for trace_step. NULL, or what it breaks: a message ID or
 * an IV used twice for different octets. */
const char *trace_packet(struct trace *t, const struct sim_packet *p, uint8_t *kind, char *text, size_t n);
/* A step of the ladder. */
void trace_step(struct trace *t, const struct sim_packet *p, const char *text, uint8_t fate, const char *how);
void trace_say(struct trace *t, const char *fmt, ...) PRINTF_LIKE(2, 3);

const char *trace_kind_name(uint8_t kind);
const char *trace_fate_name(uint8_t fate);
/* The histogram to stdout. Returns the number of cells of fate x exchange that are empty. */
unsigned trace_print(const struct trace_count *c, bool corrupted);

#endif
