/* The modules that are built in, and what makes one acceptable. See route.h. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "route/route.h"

static const struct gretel_route_module *const built_in[] = {
	&route_mod_bgp, &route_mod_static, &route_mod_frr, &route_mod_bird, &route_mod_exec, &route_mod_none,
};

const struct gretel_route_module *route_module_at(size_t i) { return i < ARRAY_LEN(built_in) ? built_in[i] : NULL; }

const struct gretel_route_module *route_module_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(built_in); i++) {
		if (strcmp(built_in[i]->name, name) == 0)
			return built_in[i];
	}
	return NULL;
}

bool route_module_name_ok(const char *name)
{
	static const char chars[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
	size_t n = strlen(name);
	return n > 0 && n < 32 && name[0] >= 'a' && name[0] <= 'z' && strspn(name, chars) == n;
}

const char *route_module_bad(const struct gretel_route_module *m, const char *name)
{
	if (!m)
		return "it exports no module";
	if (m->major != GRETEL_ROUTE_MAJOR)
		return "it was made for another version of the interface";
	/* What version 1.0 has; a later module may have more, and is called as one of ours. */
	if (m->struct_size < offsetof(struct gretel_route_module, show) + sizeof m->show)
		return "its structure is smaller than the interface's";
	if (!m->name || !route_module_name_ok(m->name) || strcmp(m->name, name) != 0)
		return "it has another name than its file";
	if (!m->open || !m->close || !m->timer || !m->due || !m->command || !m->report || !m->idle || !m->show)
		return "a function that every module has is missing";
	if ((m->output == NULL) != (m->sent == NULL) || (m->output && !m->input))
		return "of input, output and sent it has only some";
	return NULL;
}

struct gretel_act *route_act(struct gretel_acts *acts, uint32_t type)
{
	if (acts->n >= acts->max)
		return NULL;
	struct gretel_act *a = &acts->v[acts->n++];
	a->type = type;
	a->conn = a->ticket = 0;
	return a;
}

void route_note(struct gretel_acts *acts, int level, const char *fmt, ...)
{
	struct gretel_act *a = route_act(acts, GRETEL_ACT_NOTE);
	va_list ap;
	if (!a)
		return;
	a->u.note.level = level;
	va_start(ap, fmt);
	vsnprintf(a->u.note.text, sizeof a->u.note.text, fmt, ap);
	va_end(ap);
}

/* --- nouns --- */

struct gretel_addr route_addr_out(const struct addr *a)
{
	struct gretel_addr out = {.family = a->family};
	memcpy(out.b, a->b, sizeof out.b);
	return out;
}

/* What a module of others fills in is cut to what our nouns promise. */
struct addr route_addr_in(const struct gretel_addr *a)
{
	return addr_from(a->b, a->family == GRETEL_AF_V4 ? 4 : a->family == GRETEL_AF_V6 ? 16 : 0);
}

void route_out(const struct route *r, struct gretel_route *out)
{
	*out = (struct gretel_route){.source = r->source, .kind = r->kind, .table = r->table, .metric = r->metric};
	out->dst.addr = route_addr_out(&r->dst.addr);
	out->dst.len = r->dst.len;
	out->src = route_addr_out(&r->src);
	for (; out->n_hops < r->n_hops && out->n_hops < GRETEL_HOPS_MAX; out->n_hops++) {
		const struct route_hop *h = &r->hop[out->n_hops];
		out->hop[out->n_hops] = (struct gretel_hop){.gateway = route_addr_out(&h->gateway), .ifindex = h->ifindex,
		                                            .weight = h->weight, .onlink = h->onlink};
	}
}

void route_in(const struct gretel_route *r, struct route *out)
{
	*out = (struct route){.source = ROUTE_OURS, .kind = r->kind, .table = r->table, .metric = r->metric};
	out->dst.addr = route_addr_in(&r->dst.addr);
	out->dst.len = r->dst.len;
	out->src = route_addr_in(&r->src);
	for (; out->n_hops < r->n_hops && out->n_hops < ROUTE_HOPS_MAX; out->n_hops++) {
		const struct gretel_hop *h = &r->hop[out->n_hops];
		out->hop[out->n_hops] = (struct route_hop){.gateway = route_addr_in(&h->gateway), .ifindex = h->ifindex,
		                                           .weight = h->weight, .onlink = h->onlink != 0};
	}
}
