/* What the modules frr and bird share: a list of neighbours of another routing daemon, each bound to a tunnel; they are to be
 * enabled while it is up and disabled while it is not. First the daemon is asked how it is (check), then only what differs is
 * changed, one command at a time; what we disabled is enabled again at the end. What we disable bears a mark in the daemon's own
 * words, so that a module that was started again knows it from what an administrator disabled. Internal to route/. */
#ifndef ROUTE_FOLLOW_H
#define ROUTE_FOLLOW_H

#include "route/host.h"

/* The mark. It goes to the peer, too, as the reason (RFC 9003). actor_tool.c has it in its shapes. */
#define FOLLOW_MARK "gretel: the tunnel is down"

struct neighbour {
	struct list node;
	char tunnel[CONF_NAME_MAX + 1];
	struct addr addr;
	char name[64];           /* what the daemon calls it; "" not known */
	bool given;              /* by the options; else the tunnel's inner peer */
	bool listed;             /* while options are read: they have it */
	bool leaves;             /* the options do not have it any more */
	bool known;              /* we know whether its tunnel is up */
	bool up;                 /* its tunnel */
	bool settled;            /* the daemon is as the tunnel is */
	bool exists, enabled;    /* as the daemon said last */
	bool ours;               /* disabled by us: it bears our mark */
};

/* How a daemon is spoken to. */
struct follow_daemon {
	uint8_t tool;
	const char *name, *check_words; /* words separated by | */
	/* Fills exists, enabled, ours and name of each neighbour from the tool's output. False: it is not understood. */
	bool (*read)(struct list *neighbours, const char *text, size_t n);
	/* The words that switch one, separated by |. */
	void (*change)(struct sbuf *b, const struct neighbour *x, bool enable);
};

void *follow_open(const struct gretel_host *h, const struct follow_daemon *d);
void follow_close(void *self);
void follow_timer(void *self, int64_t now, struct gretel_acts *acts);
int64_t follow_due(const void *self);
int follow_command(void *self, const struct gretel_cmd *c, int64_t now, struct gretel_acts *acts);
void follow_report(void *self, const struct gretel_fact *f, int64_t now, struct gretel_acts *acts);
int follow_idle(const void *self);
int follow_check(const char *options, const char *command, char *why, size_t size);
int follow_show(void *self, const char *query, int64_t now, int64_t wall_s, struct gretel_writer *w, char *why, size_t size);

#endif
