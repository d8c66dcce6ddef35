/* Inside of the control part of the ike role: ike_ctl.c (requests, waiting clients, log), ike_ctl_status.c (documents) and
 * ike_ctl_gre.c (interfaces for scripts). */
#ifndef DAEMON_IKE_CTL_H
#define DAEMON_IKE_CTL_H

#include "control/control.h"
#include "daemon/ike_role.h"

enum { WAITERS = CONTROL_CLIENTS, LOG_RING = 200, LOG_TEXT = 240 };

enum waiter_kind { W_FREE, W_UP, W_DOWN, W_STATUS, W_RELOAD, W_LOG, W_ROUTE, W_GRE, W_REKEY };

/* A client whose answer is not ready. */
struct waiter {
	uint8_t kind;              /* enum waiter_kind */
	uint64_t client;
	uint32_t tunnel;           /* UP, DOWN, REKEY by name; 0 = not by name */
	uint32_t ike_id, child_id; /* DOWN of one SA, REKEY */
	mono_t limit;
	bool late;                 /* UP: the SAs are in, a slow script is waited for */
	uint32_t ticket;           /* RELOAD, ROUTE, GRE */
	bool order;                /* ROUTE: no document is expected */
	uint32_t pending;          /* STATUS: counters that are still to come */
	char name[CONF_NAME_MAX + 1]; /* STATUS: "" = all */
	bool all;
};

/* Counters of one child SA as priv told them last. */
struct counted {
	uint32_t ticket;           /* of the question; those of a round follow each other */
	uint32_t spi_in;
	bool answered, known;
	struct sa_counters c;
};

/* What the data plane in user space dropped of one tunnel's; the first entry asks for no tunnel, only for all. */
struct dropped {
	uint32_t ticket;           /* as above */
	uint32_t tunnel;           /* its number here */
	bool answered, known;
	uint64_t n[ESP_DROP_N];
};

struct role_ctl {
	struct control *server;
	struct control_ops ops;
	struct waiter waiter[WAITERS];
	struct counted *counted;
	uint32_t n_counted, cap_counted, counted_at;
	struct dropped *dropped;
	uint32_t n_dropped, cap_dropped, dropped_at;
	uint32_t n_unanswered;     /* of both */
	bool drops_known;          /* of all together: */
	uint64_t drops[ESP_DROP_N];
	uint32_t next_ticket;
	char *answer;              /* of route, as far as it has come */
	size_t n_answer, cap_answer;
	uint32_t routing_ticket;   /* of the question for status */
	bool routing_asked;        /* it is under way */
	json_t *routing;           /* what route said about itself last; NULL nothing */
	char ring[LOG_RING][LOG_TEXT];
	uint32_t ring_at, ring_n;
};

uint32_t ctl_ticket(struct role_ctl *c); /* a fresh one of the role's own */
struct waiter *waiter_new(struct ike_role *r, uint8_t kind, uint64_t client);
void waiter_end(struct ike_role *r, struct waiter *w, int code, const char *text);

/* --- ike_ctl_status.c --- */
void status_ask(struct ike_role *r, uint64_t client, const char *name, bool all); /* answers when the counters are in */
void status_answer(struct ike_role *r, struct waiter *w); /* with what is known by now */
void status_counted(struct ike_role *r, const struct priv_msg *m);
void status_dropped(struct ike_role *r, const struct priv_msg *m);
/* What route answered for status; n 0: nothing. */
void status_routing(struct ike_role *r, const char *text, size_t n);
void status_simple(struct ike_role *r, uint64_t client, enum control_verb v);

/* --- ike_route.c --- */
void route_request(struct ike_role *r, uint64_t client, enum control_verb v, const char *text);

/* --- ike_ctl_gre.c --- */
enum { GRE_LIMIT_S = 10 };
void gre_request(struct ike_role *r, uint64_t client, enum control_verb v, const struct control_args *a, mono_t now);
void gre_answer(struct ike_role *r, struct waiter *w, const struct priv_msg *m);

#endif
