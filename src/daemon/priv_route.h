/* Inside the priv role, the part of it that is about route: its state, and what the files ask of each other. priv_role.h includes
 * it. */
#ifndef DAEMON_PRIV_ROUTE_H
#define DAEMON_PRIV_ROUTE_H

struct priv;

/* A program that hook runs for route. */
struct tool_run {
	struct list node;
	uint32_t run, ticket, epoch; /* between us and hook; of route's request; which route asked */
	bool program;
	size_t n;                /* octets of output that route was told */
	bool cut;
};

/* The role route, and what priv keeps for it. */
struct route_side {
	struct peer peer;
	bool wanted;             /* the configuration has a routing module */
	char module[32];         /* of the process that runs */
	struct kernel_routes *kernel; /* NULL: never wanted so far */
	struct actor_routes *actor;
	int listen[ROUTE_LISTEN_MAX];
	uint8_t n_listen;
	uint16_t port;           /* of the listeners */
	int bfd[4];              /* -1: none */
	mono_t grace;            /* when stale routes go; MONO_NEVER */
	mono_t stop_due;         /* the goodbye is waited for until then */
	bool stopping, stopped;
	struct list tools;
	struct wr facts;         /* under construction, for one message */
	uint32_t n_facts;
	bool no_forward4, no_forward6; /* as route was told last */
	uint8_t *room;
};

/* priv_role_route.c */
void route_init(struct priv *p);
void route_fini(struct priv *p);
/* What a configuration wants of route: started, told, stopped. was: keys of the one before, NULL at first. 0 or -errno, said. */
int route_conf(struct priv *p, const struct psk_set *was, mono_t now);
int route_start(struct priv *p, mono_t now);
bool route_reap(struct priv *p, mono_t now);
void route_event(struct priv *p, uint8_t verb, uint32_t ticket, const void *body, struct span tail, const int *fds,
                 size_t n_fds);
void route_link(struct priv *p);                    /* a channel between ike and route, when both are greeted */
/* The end of the daemon: true while its goodbye is waited for. */
bool route_stop(struct priv *p, mono_t now);
mono_t route_due(const struct priv *p);
void route_is_due(struct priv *p, mono_t now);

/* priv_role_tool.c */
void tool_start(struct priv *p, const struct priv_msg *m);
void program_start(struct priv *p, uint32_t ticket);
bool tool_message(struct priv *p, const struct priv_msg *m); /* of hook; false: not about one of these */
void tools_drop(struct priv *p, int status);        /* hook is dead: they have ended */
void programs_kill(struct priv *p);                 /* route is dead */

/* priv_role_listen.c */
int listeners_set(struct priv *p, const struct psk_set *was); /* as the configuration says; said on the log */
void listeners_send(struct priv *p);
void listeners_close(struct priv *p);

#endif
