/* The verb table: one row per verb, and what makes a field of a message good. */
#ifndef PRIVSEP_VERBS_H
#define PRIVSEP_VERBS_H

#include "base/base.h"

enum priv_verb_id {
	PRIV_HELLO = 1,
	/* ike to priv */
	PRIV_SPI_ALLOC, PRIV_SPI_FREE, PRIV_CHILD_INSTALL, PRIV_CHILD_MOVE, PRIV_CHILD_REMOVE, PRIV_SA_QUERY,
	PRIV_GUARD_SET, PRIV_GRE_UP, PRIV_GRE_DOWN, PRIV_GRE_FIND, PRIV_HOOK_RUN, PRIV_PSK_SIGN, PRIV_PSK_VERIFY,
	PRIV_PATH, PRIV_PROBE, PRIV_HELD_SET, PRIV_RELOAD, PRIV_LOG, PRIV_READY, PRIV_STOPPED,
	PRIV_GRE_ADD, PRIV_GRE_DEL, PRIV_DP_STATS, PRIV_PPK_MIX, PRIV_TRAP_SET,
	/* priv to ike */
	PRIV_CONF, PRIV_SOCKETS, PRIV_KERNEL_EVENT, PRIV_HOOK_LINE, PRIV_DIAG, PRIV_STOP, PRIV_CHILD,
	PRIV_ROUTE_LINK, PRIV_ESP_LINK, PRIV_DATAPLANE, PRIV_WANTED,
	PRIV_VERB_N,
};

enum priv_role { /* bits: who may send */
	PRIV_ROLE_PRIV = 1, PRIV_ROLE_IKE = 2, PRIV_ROLE_HOOK = 4, PRIV_ROLE_ROUTE = 8, PRIV_ROLE_ESP = 16,
};
/* When priv takes a verb: before HELLO was good, afterwards, after it said STOP. */
enum priv_phase { PHASE_START = 1, PHASE_RUN = 2, PHASE_STOP = 4 };

/* What a field must be. lo, hi bound numbers, of U64 as signed ones; the size of arrays is `size`. */
enum priv_check {
	CHECK_BOOL, CHECK_U8, CHECK_I8, CHECK_U16, CHECK_U32, CHECK_U64,
	CHECK_TEXT,              /* ends with NUL inside; lo = 1: not empty */
	CHECK_ADDR,              /* family known, octets behind it zero; lo = 1: set and not any */
	CHECK_PREFIX,
	CHECK_ENDPOINT,          /* lo as for ADDR */
	CHECK_IDENT,             /* length in range */
	CHECK_SECRET,            /* length in range */
};

struct priv_field {
	const char *name;
	uint16_t at, size;
	uint8_t check;           /* enum priv_check */
	int64_t lo, hi;
};

enum priv_tail { TAIL_NONE, TAIL_TEXT, TAIL_OCTETS };

struct priv_shape {
	uint16_t body;           /* sizeof the struct */
	uint8_t tail;            /* enum priv_tail */
	uint32_t max_tail;
	const struct priv_field *field;
	size_t n_fields;
	uint8_t min_fds, max_fds;
};

struct priv_verb {
	uint8_t verb;
	const char *name;
	uint8_t from;            /* enum priv_role bits */
	uint8_t phases;          /* enum priv_phase bits */
	bool answered;
	struct priv_shape request, reply;
};

struct priv_table {
	const struct priv_verb *row;
	size_t n;
};
extern const struct priv_table PRIV_VERBS;  /* priv and ike: verbs.c */
extern const struct priv_table ESP_VERBS;   /* priv and esp: esp_verbs.c */
extern const struct priv_table ROUTE_VERBS; /* priv and route: route_verbs.c */
extern const struct priv_table LINK_VERBS;  /* ike and route */

/* NULL: no such verb. */
const struct priv_verb *priv_verb_find(const struct priv_table *t, uint8_t verb);
/* NULL: good; else the name of the first field that is not. body: octets of the row's struct, of any alignment. */
const char *priv_shape_check(const struct priv_shape *s, const void *body, struct span tail);
/* A hash over version, rows, fields. */
uint64_t priv_table_id(const struct priv_table *t);

#endif
