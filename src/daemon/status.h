/* The documents that `gretel` shows: what is, as JSON, built from the engines' views, the configuration, and a few
 * facts of the role. Called by the ike role when a control client asks; it fetches counters from priv before. Nothing
 * is kept. */
#ifndef DAEMON_STATUS_H
#define DAEMON_STATUS_H

#include <jansson.h>

#include "esp/esp.h"
#include "ike/ike.h"
#include "kernel/kernel.h"
#include "tunnel/tunnel.h"

/* A guard that priv has set. */
struct status_guard {
	const char *tunnel; /* "" = none in particular */
	struct addr peer;   /* AF_NONE: strict, all GRE of this host's end */
};

/* A child SA of an earlier life of this role: it forwards in the kernel, nobody holds its IKE SA. */
struct status_orphan {
	const char *tunnel;
	const struct child_sa *sa;
	mono_t since;
};

/* The data plane as priv told of it. */
struct status_plane {
	bool user;
	unsigned workers;
	uint8_t backend;       /* enum esp_backend; AUTO: not known yet */
	const char *why;
	const uint64_t *drops; /* by enum esp_drop, of everything; NULL: not known */
};

struct status_src {
	const struct ike *ike;
	const struct tunnels *tunnels;
	const struct conf *conf; /* NULL: none yet */

	void *ctx;                                        /* of the callbacks, each of which may be NULL */
	uint32_t (*id_of)(void *ctx, const char *tunnel); /* 0: none of this name */
	/* NULL: none; also for SAs whose tunnel left the configuration. */
	const char *(*name_of)(void *ctx, uint32_t tunnel);
	bool (*held)(void *ctx, uint32_t tunnel); /* `down` was asked for */
	int (*conf_index)(void *ctx, const char *tunnel); /* in conf; -1: none of this name */
	bool (*counters)(void *ctx, uint32_t spi_in, struct sa_counters *out); /* of a child SA; false: not known */
	bool (*orphan_counters)(void *ctx, uint32_t spi_in, struct sa_counters *out);
	const struct addr *(*guarded)(void *ctx, uint32_t tunnel, size_t *n); /* the peers that a tunnel has set guards for */
	const uint64_t *(*drops)(void *ctx, const char *tunnel); /* by enum esp_drop; NULL: not known */

	mono_t now;
	int64_t wall_s;
	mono_t started; /* this role */
	bool restarted; /* it is not the first ike role of this daemon */
	const char *version;
	pid_t pid;
	int8_t log_level;
	const struct kernel_caps *caps; /* NULL: not known here */
	const struct status_plane *plane; /* likewise */
	const struct addr *listen;      /* local addresses that IKE is reached at */
	size_t n_listen;
	uint16_t port, port_nat_t;
	const struct status_guard *guard; /* all of them, for those documents that list them */
	size_t n_guards;
	const struct status_orphan *orphan;
	size_t n_orphans;
	json_t *routing;                /* what the role route says about itself; NULL: nothing */
};

/* All return a new reference, NULL: no memory. */

/* `status`, `statusall`: {"tunnels":[...], "others":[SAs of no configured tunnel], "orphans":[...], "refused":[...],
 * "daemon":{...}}. name: only this tunnel, NULL = all. all: with the configuration of each tunnel, and the daemon in
 * full. Addresses are texts, SPIs hexadecimal texts as strongSwan prints them, *_s seconds; null = not known, never,
 * off. */
json_t *status_build(const struct status_src *src, const char *name, bool all) MUST_USE;
json_t *status_list(const struct status_src *src) MUST_USE;     /* {"tunnels":[...], "refused":[...], "files":[...]} */
json_t *status_guards(const struct status_src *src) MUST_USE;   /* {"guards":[{"peer","tunnel","strict"}]} */
json_t *status_counters(const struct status_src *src) MUST_USE; /* {"ike":{...}} */
json_t *status_version(const struct status_src *src) MUST_USE;  /* {"version","uptime_s","pid",...} */

#endif
