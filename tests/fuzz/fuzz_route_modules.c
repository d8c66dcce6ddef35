/* What others say to a routing module: the lines of a program (exec), the output of vtysh and of birdc. The first octet says to
 * whom. A route that an exec program asks for is one that the nouns allow. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "route/route.h"

static void *get(void *ctx, size_t n)
{
	(void)ctx;
	return calloc(1, n ? n : 1);
}
static void put(void *ctx, void *p, size_t n)
{
	(void)ctx;
	(void)n;
	free(p);
}
static void fill(void *ctx, void *p, size_t n)
{
	(void)ctx;
	memset(p, 7, n);
}
static const struct gretel_host host = {.struct_size = sizeof host, .get = get, .put = put, .random = fill, .host = "", .software = ""};

static void check(struct gretel_acts *acts)
{
	for (uint32_t i = 0; i < acts->n; i++) {
		const struct gretel_act *a = &acts->v[i];
		bool route = a->type == GRETEL_ACT_ROUTE_SET || a->type == GRETEL_ACT_ROUTE_DEL;
		if (route && (a->u.route.n_hops > GRETEL_HOPS_MAX || a->u.route.kind > GRETEL_PROHIBIT ||
		              a->u.route.dst.addr.family == GRETEL_AF_NONE))
			abort();
		if (a->type == GRETEL_ACT_TOOL && a->u.tool.n_words > sizeof a->u.tool.words)
			abort();
	}
	acts->n = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct gretel_route_module *const modules[] = {&route_mod_exec, &route_mod_frr, &route_mod_bird};
	static struct gretel_act room[64];
	struct gretel_acts acts = {.max = 64, .v = room};
	if (size == 0)
		return 0;
	const struct gretel_route_module *m = modules[data[0] % 3];
	void *self = m->open(&host);
	struct gretel_cmd conf = {.type = GRETEL_CMD_CONF, .options = "", .command = "x"};
	struct gretel_fact up = {.type = GRETEL_FACT_TUNNEL, .name = "us", .ifname = "gre1", .ifindex = 7,
	                         .remote = {.family = GRETEL_AF_V4, .b = {10, 0, 0, 2}}};
	if (!self)
		abort();
	(void)m->command(self, &conf, 0, &acts);
	m->report(self, &(struct gretel_fact){.type = GRETEL_FACT_EXEC_STARTED, .conn = 1}, 0, &acts);
	m->report(self, &up, 0, &acts);
	acts.n = 0;
	if (m->input) {
		m->input(self, 1, data + 1, size - 1, 0, &acts);
	} else {
		struct gretel_fact out = {.type = GRETEL_FACT_TOOL_OUTPUT, .ticket = 1, .octets = {.p = data + 1, .n = size - 1}};
		m->report(self, &out, 0, &acts);
		m->report(self, &(struct gretel_fact){.type = GRETEL_FACT_TOOL_ENDED, .ticket = 1}, 0, &acts);
	}
	check(&acts);
	m->close(self);
	return 0;
}
