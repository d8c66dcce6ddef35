/* A hostile route: its batches of routes and its tool runs. Whatever it says, the kernel is only asked for what the configuration
 * allows. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "privsep/actor_route.h"

static void *get(struct mem *m, size_t n)
{
	(void)m;
	return calloc(1, n ? n : 1);
}
static void put(struct mem *m, void *p, size_t n)
{
	(void)m;
	(void)n;
	free(p);
}
static void fill(struct rng *r, void *p, size_t n)
{
	(void)r;
	memset(p, 7, n);
}
static void say(void *ctx, int8_t level, const char *text)
{
	(void)ctx;
	(void)level;
	(void)text;
}

int kernel_routes_apply(struct kernel_routes *k, const struct kernel_route_op *op, size_t n, int *status)
{
	(void)k;
	for (size_t i = 0; i < n; i++) {
		const struct route *r = &op[i].route;
		status[i] = 0;
		if (op[i].del ? !op[i].ours : r->table != 254 || r->metric != 20 || r->dst.len == 0 || r->n_hops > ROUTE_HOPS_MAX)
			abort();
	}
	return 0;
}
int kernel_tcp_open(const struct kernel_tcp *t)
{
	(void)t;
	return -1;
}
int kernel_bfd_open(const struct addr *remote, const struct addr *local, uint32_t ifindex, bool multihop, uint16_t hint)
{
	(void)remote;
	(void)local;
	(void)ifindex;
	(void)multihop;
	(void)hint;
	return -1;
}
int kernel_tcp_md5(int fd, const struct prefix *peer, const void *key, size_t n)
{
	(void)fd;
	(void)peer;
	(void)key;
	(void)n;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct actor_batch out;
	struct { struct conf conf; struct conf_routing routing; } blob;
	struct mem mem = {.get = get, .put = put};
	struct rng rng = {.fill = fill};
	struct psk_set keys;
	struct actor_routes_env env = {.mem = &mem, .rng = &rng, .log = say};
	if (size < 2)
		return 0;
	memset(&blob, 0, sizeof blob);
	blob.conf.size = sizeof blob;
	blob.conf.routing = offsetof(__typeof__(blob), routing);
	psk_set_init(&keys, &mem);
	struct actor_routes *a = actor_routes_new(&env);
	actor_routes_conf(a, &blob.conf, &keys);
	if (data[0] & 1) {
		struct m_route_tool t = {.tool = data[0] >> 1 & 1, .n_words = data[1] % 32};
		struct priv_msg m = {.body = &t, .tail = SPAN(data + 2, size - 2)};
		const char *argv[16];
		char why[100];
		struct sbuf b = SB(why);
		int n = actor_routes_tool(a, &m, argv, 16, &b);
		if (n > 15 || (n >= 0 && argv[n]))
			abort();
	} else {
		struct m_route_batch b = {.n = data[1]};
		struct priv_msg m = {.body = &b, .tail = SPAN(data + 2, size - 2)};
		actor_routes_batch(a, &m, &out);
		actor_routes_batch(a, &m, &out); /* once more: all of it is known by now */
		(void)actor_routes_sweep(a);
	}
	actor_routes_free(a);
	return 0;
}
