/* kernel/route.c by hand, for tests/netns/t_route.sh: sets, deletes, lists and watches routes, and times many.
 *
 *   route_probe set|own|del PREFIX [via ADDR] [dev N] [weight W] [, via ...] [blackhole] [metric M] [table T] [src A]
 *   route_probe list            links, addresses, routes
 *   route_probe watch SECONDS   what changes
 *   route_probe many N GATEWAY  N /24s set, replaced, deleted: milliseconds each */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kernel/kernel.h"

static double clock_ms(clockid_t id)
{
	struct timespec t;
	clock_gettime(id, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void show(void *ctx, const struct kernel_fact *f)
{
	static const char *const sources[] = {"connected", "local", "kernel", "static", "foreign", "ours"};
	char text[1024];
	struct sbuf b = SB(text);
	(void)ctx;
	sb_put(&b, f->gone ? "gone " : "");
	switch (f->type) {
	case KFACT_LINK:
		sb_printf(&b, "link %u %s mtu %u%s%s%s%s", f->link.ifindex, f->link.name, f->link.mtu,
		          f->enabled ? " enabled" : "", f->link.up ? " up" : "", f->link.loopback ? " loopback" : "",
		          f->link.point_to_point ? " p2p" : "");
		break;
	case KFACT_ADDR:
		sb_printf(&b, "address %u ", f->address.ifindex);
		sb_prefix(&b, &f->address.local);
		if (f->address.peer.family) {
			sb_put(&b, " peer ");
			sb_addr(&b, &f->address.peer);
		}
		sb_put(&b, f->address.secondary ? " secondary" : "");
		sb_put(&b, f->address.link_local ? " link-local" : "");
		break;
	case KFACT_ROUTE:
		sb_printf(&b, "route %s ", sources[f->route.source]);
		sb_route(&b, &f->route);
		break;
	default: sb_put(&b, "overrun");
	}
	puts(text);
	fflush(stdout);
}

static int watch(struct kernel_routes *r, double seconds)
{
	struct pollfd p = {.fd = kernel_routes_fd(r), .events = POLLIN};
	struct kernel_fact f;
	for (double end = clock_ms(CLOCK_MONOTONIC) + seconds * 1e3, left; (left = end - clock_ms(CLOCK_MONOTONIC)) > 0;) {
		if (poll(&p, 1, (int)left + 1) > 0)
			while (kernel_routes_next(r, &f) == 1)
				show(NULL, &f);
	}
	return 0;
}

static int pass(struct kernel_routes *r, struct kernel_route_op *op, size_t n, int *status, const char *what)
{
	double t = clock_ms(CLOCK_MONOTONIC), cpu = clock_ms(CLOCK_PROCESS_CPUTIME_ID);
	int rc = kernel_routes_apply(r, op, n, status);
	size_t bad = 0;
	for (size_t i = 0; i < n; i++)
		bad += status[i] != 0;
	printf("%s %.0f ms (%.0f of the processor), %zu failed\n", what, clock_ms(CLOCK_MONOTONIC) - t,
	       clock_ms(CLOCK_PROCESS_CPUTIME_ID) - cpu, bad);
	return rc;
}

static int many(struct kernel_routes *r, size_t n, const char *via)
{
	struct kernel_route_op *op = calloc(n, sizeof *op);
	int *status = calloc(n, sizeof *status);
	struct addr gateway;
	if (!op || !status || !addr_parse(via, &gateway))
		return 1;
	for (size_t i = 0; i < n; i++) {
		struct route *x = &op[i].route;
		*x = (struct route){.n_hops = 1, .table = ROUTE_TABLE_MAIN, .metric = ROUTE_METRIC_BGP};
		const uint8_t b[4] = {(uint8_t)(20 + (i >> 16)), (uint8_t)(i >> 8), (uint8_t)i, 0};
		x->dst = (struct prefix){.addr = addr_from(b, 4), .len = 24};
		x->hop[0] = (struct route_hop){.gateway = gateway, .weight = 1};
	}
	int rc = pass(r, op, n, status, "set");
	for (size_t i = 0; i < n; i++)
		op[i].ours = true;
	if (rc == 0)
		rc = pass(r, op, n, status, "replace");
	for (size_t i = 0; i < n; i++)
		op[i].del = true;
	if (rc == 0)
		rc = pass(r, op, n, status, "delete");
	free(op);
	free(status);
	return rc < 0;
}

/* The words behind the prefix. */
static void words(struct route *r, char **w, int n)
{
	struct route_hop *hop = r->hop;
	for (int i = 0; i < n; i++) {
		const char *v = i + 1 < n ? w[i + 1] : "";
		if (strcmp(w[i], "blackhole") == 0)
			r->kind = ROUTE_BLACKHOLE;
		else if (strcmp(w[i], ",") == 0)
			hop++;
		else if (strcmp(w[i], "metric") == 0)
			r->metric = (uint32_t)atoi(v);
		else if (strcmp(w[i], "table") == 0)
			r->table = (uint32_t)atoi(v);
		else if (strcmp(w[i], "src") == 0)
			(void)!addr_parse(v, &r->src);
		else if (strcmp(w[i], "dev") == 0)
			hop->ifindex = (uint32_t)atoi(v);
		else if (strcmp(w[i], "weight") == 0)
			hop->weight = (uint8_t)atoi(v);
		else if (strcmp(w[i], "via") == 0)
			(void)!addr_parse(v, &hop->gateway);
	}
	if (r->kind == ROUTE_UNICAST)
		r->n_hops = (uint8_t)(hop - r->hop + 1);
}

static int change(struct kernel_routes *r, const char *verb, int n, char **w)
{
	struct kernel_route_op op = {.del = strcmp(verb, "del") == 0, .ours = strcmp(verb, "own") == 0};
	int status;
	op.route.table = ROUTE_TABLE_MAIN;
	op.route.metric = ROUTE_METRIC_BGP;
	if (n < 1 || !prefix_parse(w[0], &op.route.dst))
		return 2;
	words(&op.route, w + 1, n - 1);
	int rc = kernel_routes_apply(r, &op, 1, &status);
	if (rc < 0 || status < 0)
		printf("error: %s\n", strerrorname_np(rc < 0 ? -rc : -status));
	return rc < 0 || status < 0;
}

int main(int argc, char **argv)
{
	struct kernel_routes *r;
	const char *verb = argc > 1 ? argv[1] : "";
	int rc = kernel_routes_open(&r);
	if (rc < 0) {
		printf("error: %s\n", strerrorname_np(-rc));
		return 1;
	}
	if (strcmp(verb, "list") == 0)
		rc = kernel_routes_dump(r, show, NULL);
	else if (strcmp(verb, "watch") == 0 && argc == 3)
		rc = watch(r, atof(argv[2]));
	else if (strcmp(verb, "many") == 0 && argc == 4)
		rc = many(r, (size_t)atol(argv[2]), argv[3]);
	else
		rc = change(r, verb, argc - 2, argv + 2);
	kernel_routes_close(r);
	return rc;
}
