/* Front door of route/: routing modules behind one interface (route_module.h), the register of those that are built in, and the
 * book of what the kernel has, from which a module is told. Pure: sockets, netlink and dlopen() are the daemon's.
 *
 *      kernel, tunnels -> facts.c -> a module (mod_*.c, or a shared object) -> actions -> daemon
 *
 *   registry.c  names to modules; the checks that every module passes, linked in or not
 *   facts.c     links, addresses, routes, tunnels as last heard: tells only what is new, knows what goes silently with a link
 *   mod_bgp.c   the engine of bgp/        mod_static.c  routes of the configuration, bound to tunnels
 *   mod_exec.c  a program, JSON lines     mod_frr.c, mod_bird.c  their neighbours follow the tunnels     mod_none.c  nothing */
#ifndef ROUTE_ROUTE_H
#define ROUTE_ROUTE_H

#include "model/model.h"
#include "route/route_module.h"

/* --- The register --- */
/* The i-th built-in module; NULL beyond the last. */
const struct gretel_route_module *route_module_at(size_t i);
const struct gretel_route_module *route_module_find(const char *name); /* a built-in one, or NULL */
/* Whether a module, known as `name`, fits this build: version, size, name, functions. NULL: it does; else why not. */
const char *route_module_bad(const struct gretel_route_module *m, const char *name);
bool route_module_name_ok(const char *name);

/* --- Facts --- */
struct route_facts;
enum route_fact_type { RFACT_LINK, RFACT_ADDR, RFACT_ROUTE, RFACT_TUNNEL };
struct route_fact {
	uint8_t type;
	bool gone;
	bool enabled;            /* LINK: administratively up */
	struct route_link link;
	struct route_addr address;
	struct route route;
	/* TUNNEL: link.name, ifindex and mtu are its interface's */
	char tunnel[CONF_NAME_MAX + 1];
	bool up;
	struct addr local, remote;
};
typedef void route_fact_fn(void *ctx, const struct route_fact *f);

struct route_facts *route_facts_new(struct mem *mem, uint64_t k0, uint64_t k1); /* NULL: no memory */
void route_facts_free(struct route_facts *b);
/* Takes a fact in; fn gets those that are news: none for what is known already, several when a link takes routes along. */
void route_facts_put(struct route_facts *b, const struct route_fact *f, route_fact_fn *fn, void *ctx);
/* A dump begins; at its end what was not reported again is gone. */
void route_facts_begin(struct route_facts *b);
void route_facts_end(struct route_facts *b, route_fact_fn *fn, void *ctx);
/* Everything, for a module that starts: links, addresses, tunnels, routes. */
void route_facts_all(struct route_facts *b, route_fact_fn *fn, void *ctx);
size_t route_facts_count(const struct route_facts *b, uint8_t type);

/* --- Between the model's nouns and the interface's --- */
struct gretel_addr route_addr_out(const struct addr *a);
struct addr route_addr_in(const struct gretel_addr *a);
void route_out(const struct route *r, struct gretel_route *out);
void route_in(const struct gretel_route *r, struct route *out);

/* An action to be filled in: counted already, zeroed; NULL: no room. */
struct gretel_act *route_act(struct gretel_acts *acts, uint32_t type);
void route_note(struct gretel_acts *acts, int level, const char *fmt, ...) PRINTF_LIKE(3, 4);

extern const struct gretel_route_module route_mod_bgp, route_mod_static, route_mod_none, route_mod_exec, route_mod_frr,
	route_mod_bird;

#endif
