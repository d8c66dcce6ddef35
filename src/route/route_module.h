/* gretel/route_module.h: the interface between the role `route` of greteld and a routing module. gretel-route-module(7) is its
 * manual. Self-contained: a module includes nothing else of gretel.
 *
 * A module is a pure machine. It is given octets, the time and facts, and returns actions; it opens no file and no socket,
 * starts no process and no thread, and never blocks: the process that it lives in may do none of that. All calls come
 * from one thread. `now` is CLOCK_MONOTONIC in nanoseconds.
 *
 *      facts    --report-->  +--------+ --actions-->  routes, sessions, tools, notes
 *      octets   --input-->   | module |
 *      clock    --timer-->   |        | <--output--   the octets of a session are pulled
 *      admin    --command->  +--------+
 *
 * A shared object $libdir/gretel/NAME.so exports
 *
 *      const struct gretel_route_module *gretel_route_module(void);
 *
 * Versions: `major` must be the daemon's. New members are only appended to structures and numbers to enumerations, and
 * raise `minor`; struct_size says how much of a structure the module knows. A module ignores facts and commands of a type that it
 * does not know; the daemon refuses actions that it does not know. */
#ifndef GRETEL_ROUTE_MODULE_H
#define GRETEL_ROUTE_MODULE_H

#include <stddef.h>
#include <stdint.h>

enum { GRETEL_ROUTE_MAJOR = 1, GRETEL_ROUTE_MINOR = 0 };

#define GRETEL_NEVER INT64_MAX

/* --- nouns; octets of addresses in network order, numbers in host order --- */
enum { GRETEL_AF_NONE = 0, GRETEL_AF_V4 = 4, GRETEL_AF_V6 = 6 };
struct gretel_addr { uint8_t family; uint8_t b[16]; };
struct gretel_prefix { struct gretel_addr addr; uint8_t len; };
struct gretel_hop { struct gretel_addr gateway; uint32_t ifindex; uint8_t weight; uint8_t onlink; };
enum { GRETEL_HOPS_MAX = 16 };
enum gretel_source { GRETEL_CONNECTED, GRETEL_LOCAL, GRETEL_KERNEL, GRETEL_STATIC, GRETEL_FOREIGN, GRETEL_OURS };
enum gretel_kind { GRETEL_UNICAST, GRETEL_BLACKHOLE, GRETEL_UNREACHABLE, GRETEL_PROHIBIT };
struct gretel_route {
	struct gretel_prefix dst;
	uint8_t source, kind, n_hops;   /* enum gretel_source, gretel_kind */
	uint32_t table, metric;         /* 254 is main */
	struct gretel_addr src;
	struct gretel_hop hop[GRETEL_HOPS_MAX];
};
struct gretel_span { const uint8_t *p; size_t n; };

/* --- what the daemon gives a module --- */
struct gretel_host {
	uint32_t struct_size;
	void *ctx;
	void *(*get)(void *ctx, size_t n);               /* zeroed memory, or NULL */
	void (*put)(void *ctx, void *p, size_t n);
	void (*random)(void *ctx, void *p, size_t n);
	const char *host, *software;                     /* host name, "gretel/VERSION" */
};

/* --- facts --- */
enum gretel_fact_type {
	GRETEL_FACT_TUNNEL = 1,  /* name, up; ifname, ifindex, mtu, local, remote: its interface and inner addresses */
	GRETEL_FACT_LINK,        /* ifname, ifindex, mtu, up, gone, loopback, point_to_point */
	GRETEL_FACT_ADDRESS,     /* ifindex, prefix, remote (of a point-to-point address), gone, link_local, secondary */
	GRETEL_FACT_ROUTE,       /* route (not one of ours), gone */
	GRETEL_FACT_SYNCED,      /* all that the kernel has was reported */
	GRETEL_FACT_CONNECTED,   /* conn, local, remote, ports: a session that was asked for is up */
	GRETEL_FACT_ACCEPTED,    /* the same for one that came in; close it to refuse it */
	GRETEL_FACT_CLOSED,      /* conn, status: it ended, or could not be opened */
	GRETEL_FACT_ROUTE_FAILED,/* ticket, status: a route was refused */
	GRETEL_FACT_BFD,         /* remote, ifindex, up */
	GRETEL_FACT_TOOL_OUTPUT, /* ticket, octets */
	GRETEL_FACT_TOOL_ENDED,  /* ticket, status: exit code, 128 + signal, -errno */
	GRETEL_FACT_EXEC_STARTED,/* octets go by conn from now on */
	GRETEL_FACT_EXEC_ENDED,  /* status */
};
struct gretel_fact {
	uint32_t type;
	uint32_t conn, ticket, ifindex, mtu;
	int32_t status;
	uint8_t up, gone, loopback, point_to_point, link_local, secondary;
	uint16_t local_port, remote_port;
	const char *name, *ifname;
	struct gretel_addr local, remote;
	struct gretel_prefix prefix;
	const struct gretel_route *route;
	struct gretel_span octets;
};
#define GRETEL_CONN_IN 0x80000000u /* set in the numbers of sessions that came in; those of a module have it clear */

/* --- actions --- */
enum gretel_act_type {
	GRETEL_ACT_ROUTE_SET = 1,/* ticket, route: add or replace (same dst, metric, table) */
	GRETEL_ACT_ROUTE_DEL,    /* route: dst, metric, table */
	GRETEL_ACT_ROUTES_KEPT,  /* what an earlier life left and was not set again may go */
	GRETEL_ACT_CONNECT,      /* conn, connect */
	GRETEL_ACT_CLOSE,        /* conn: what is queued goes out first */
	GRETEL_ACT_OUTPUT,       /* conn has octets */
	GRETEL_ACT_BFD,          /* bfd */
	GRETEL_ACT_TOOL,         /* ticket, tool: run frr's or bird's command */
	GRETEL_ACT_EXEC,         /* conn: run routing.command; its standard input and output are this session */
	GRETEL_ACT_NOTE,         /* level (-1 error, 0 audit, 1 control, 2 more), text */
};
struct gretel_connect {
	struct gretel_addr remote, local; /* local family 0: the kernel chooses */
	uint32_t ifindex, peer;  /* bound to it, 0 = not; peer: index of the neighbour in the configuration */
	uint16_t port;
	uint8_t ttl, min_ttl, md5;
};
struct gretel_bfd {
	struct gretel_addr remote, local;
	uint32_t ifindex, rx_ms, tx_ms;
	uint8_t start, multihop, multiplier;
};
enum { GRETEL_TOOL_FRR, GRETEL_TOOL_BIRD };
struct gretel_tool { uint8_t tool, n_words; char words[250]; }; /* each word ends with NUL */
struct gretel_act {
	uint32_t type, conn, ticket;
	union {
		struct gretel_route route;
		struct gretel_connect connect;
		struct gretel_bfd bfd;
		struct gretel_tool tool;
		struct { int32_t level; char text[256]; } note;
		uint8_t room[1024];  /* nothing of the union grows beyond this */
	} u;
};
/* Owned by the caller. A module that finds no room goes on when it is due again. At least half of it is empty. */
struct gretel_acts { uint32_t n, max; struct gretel_act *v; };

/* --- commands --- */
enum gretel_cmd_type { GRETEL_CMD_CONF = 1, GRETEL_CMD_CLEAR, GRETEL_CMD_STOP };
struct gretel_cmd {
	uint32_t type;
	const char *options;     /* CONF: the group `options` of the configuration, a JSON object in text; "" none */
	const char *command;     /* CONF: routing.command, "" none */
	const void *conf;        /* CONF: of use to modules of the same build only */
	struct gretel_addr peer; /* CLEAR: family 0 all */
	uint8_t soft_in, soft_out;
	uint8_t graceful;        /* STOP: the next one takes over: keep routes, say nothing */
};

/* Text goes out through it. */
struct gretel_writer { void (*put)(struct gretel_writer *w, const char *text, size_t n); };

struct gretel_route_module {
	uint16_t major, minor;
	uint32_t struct_size;
	const char *name;        /* [a-z][a-z0-9-]*, at most 31 octets */
	void *(*open)(const struct gretel_host *h); /* NULL: no memory */
	void (*close)(void *self);
	void (*input)(void *self, uint32_t conn, const uint8_t *p, size_t n, int64_t now, struct gretel_acts *acts);
	void (*timer)(void *self, int64_t now, struct gretel_acts *acts);
	int64_t (*due)(const void *self);
	/* 0, or -errno: -ENOENT CLEAR names nothing, -EINVAL CONF is not usable. */
	int (*command)(void *self, const struct gretel_cmd *c, int64_t now, struct gretel_acts *acts);
	void (*report)(void *self, const struct gretel_fact *f, int64_t now, struct gretel_acts *acts);
	/* What conn may write now, as at most max runs that stay valid until the next call; and how much of it went. May be
	 * NULL both: a module without sessions. */
	size_t (*output)(void *self, uint32_t conn, struct gretel_span *out, size_t max);
	void (*sent)(void *self, uint32_t conn, size_t n, int64_t now, struct gretel_acts *acts);
	int (*idle)(const void *self);              /* after STOP: nothing is left to say or undo */
	/* Whether options can be used, before they are; a sentence in why otherwise. May be NULL. */
	int (*check)(const char *options, const char *command, char *why, size_t size);
	/* JSON about query ("summary", "routes", ...). False with a sentence in why: it is not understood. */
	int (*show)(void *self, const char *query, int64_t now, int64_t wall_s, struct gretel_writer *w, char *why, size_t size);
};

#endif
