/* The types of the section routing: prefixes, numbers of ASes, router IDs, names of filters. See schema.h. */
#include <ctype.h>
#include <string.h>

#include "config/schema.h"

static void *at(void *base, uint16_t off) { return (char *)base + off; }
static const void *cat(const void *base, uint16_t off) { return (const char *)base + off; }

static uint32_t fetch32(const struct cfg_row *row, const void *base)
{
	uint32_t v;
	memcpy(&v, cat(base, row->off), sizeof v);
	return v;
}

static bool not_parse(struct conf_builder *b, const struct cfg_row *row, const struct cfg_node *v, void *base,
                      struct sbuf *why)
{
	bool on;
	if (!cfg_ops_bool.parse(b, row, v, base, why))
		return false;
	memcpy(&on, at(base, row->off), sizeof on);
	on = !on;
	memcpy(at(base, row->off), &on, sizeof on);
	return true;
}

static void not_print(struct cfg_buf *o, const struct conf *c, const struct cfg_row *row, const void *base)
{
	bool on;
	(void)c;
	memcpy(&on, cat(base, row->off), sizeof on);
	cfg_buf_put(o, on ? "false" : "true");
}

/* "" is none. */
static bool prefix_read(struct conf_builder *b, const struct cfg_row *row, const struct cfg_node *v, void *base,
                        struct sbuf *why)
{
	struct prefix p;
	(void)b, (void)why;
	memset(&p, 0, sizeof p);
	if (v->kind != NODE_TEXT || (v->text[0] && (!strchr(v->text, '/') || !prefix_parse(v->text, &p))))
		return false;
	for (size_t bit = p.len; bit < addr_len(&p.addr) * 8; bit++)
		p.addr.b[bit / 8] &= (uint8_t)~(0x80 >> bit % 8);
	memcpy(at(base, row->off), &p, sizeof p);
	return true;
}

static void prefix_print(struct cfg_buf *o, const struct conf *c, const struct cfg_row *row, const void *base)
{
	const struct prefix *p = cat(base, row->off);
	char text[PREFIX_TEXT] = "";
	struct sbuf b = SB(text);
	(void)c;
	if (p->addr.family)
		sb_prefix(&b, p);
	cfg_buf_quote(o, text);
}

static bool id4_parse(struct conf_builder *b, const struct cfg_row *row, const struct cfg_node *v, void *base,
                      struct sbuf *why)
{
	struct addr a = {.family = AF_V4};
	uint32_t id = 0;
	(void)b, (void)why;
	if (v->kind == NODE_INT && v->i > 0 && v->i <= UINT32_MAX)
		id = (uint32_t)v->i;
	else if (v->kind != NODE_TEXT || (v->text[0] && (!addr_parse(v->text, &a) || a.family != AF_V4)))
		return false;
	else
		id = (uint32_t)a.b[0] << 24 | (uint32_t)a.b[1] << 16 | (uint32_t)a.b[2] << 8 | a.b[3];
	memcpy(at(base, row->off), &id, sizeof id);
	return true;
}

static void id4_print(struct cfg_buf *o, const struct conf *c, const struct cfg_row *row, const void *base)
{
	uint32_t id = fetch32(row, base);
	(void)c;
	if (id)
		cfg_buf_printf(o, "\"%u.%u.%u.%u\"", id >> 24, id >> 16 & 255, id >> 8 & 255, id & 255);
	else
		cfg_buf_put(o, "\"\"");
}

static bool as_parse(struct conf_builder *b, const struct cfg_row *row, const struct cfg_node *v, void *base,
                     struct sbuf *why)
{
	uint32_t as = 0;
	bool external = v->kind == NODE_TEXT && strcmp(v->text, "external") == 0;
	(void)b, (void)why;
	if (v->kind == NODE_INT && v->i > 0 && v->i <= UINT32_MAX)
		as = (uint32_t)v->i;
	else if (!external && (v->kind != NODE_TEXT || strcmp(v->text, "internal") != 0))
		return false;
	memcpy(at(base, row->off), &as, sizeof as);
	memcpy(at(base, row->off2), &external, sizeof external);
	return true;
}

static void as_print(struct cfg_buf *o, const struct conf *c, const struct cfg_row *row, const void *base)
{
	uint32_t as = fetch32(row, base);
	bool external;
	(void)c;
	memcpy(&external, cat(base, row->off2), sizeof external);
	if (as)
		cfg_buf_printf(o, "%u%s", as, as > INT32_MAX ? "L" : "");
	else
		cfg_buf_put(o, external ? "\"external\"" : "\"internal\"");
}

static bool filter_parse(struct conf_builder *b, const struct cfg_row *row, const struct cfg_node *v, void *base,
                         struct sbuf *why)
{
	(void)why;
	if (v->kind != NODE_TEXT)
		return false;
	conf_ref name = conf_builder_str(b, v->text);
	memcpy(at(base, row->off), &name, sizeof name);
	return true;
}

static void filter_print(struct cfg_buf *o, const struct conf *c, const struct cfg_row *row, const void *base)
{
	const struct conf_bgp *g = conf_bgp(c);
	uint32_t i = fetch32(row, base);
	conf_ref name = 0;
	if (i && g && row->min == LIST_PREFIX)
		name = ((const struct conf_prefix_list *)conf_at(c, g->prefix_lists, sizeof(struct conf_prefix_list), i - 1))->name;
	else if (i && g && row->min == LIST_ASPATH)
		name = ((const struct conf_aspath_list *)conf_at(c, g->aspath_lists, sizeof(struct conf_aspath_list), i - 1))->name;
	else if (i && g)
		name = ((const struct conf_route_map *)conf_at(c, g->route_maps, sizeof(struct conf_route_map), i - 1))->name;
	cfg_buf_quote(o, conf_str(c, name));
}

const struct cfg_ops cfg_ops_not = {"boolean", "true or false", not_parse, not_print};
const struct cfg_ops cfg_ops_prefix = {
	"prefix", "a prefix with its length such as \"10.0.0.0/24\", or \"\"", prefix_read, prefix_print};
const struct cfg_ops cfg_ops_id4 = {"router id", "four numbers such as \"192.0.2.1\", or \"\"", id4_parse, id4_print};
const struct cfg_ops cfg_ops_as = {
	"AS", "the number of an AS, \"internal\" or \"external\"", as_parse, as_print};
const struct cfg_ops cfg_ops_filter = {"filter", "the name of a list in quotes, or \"\"", filter_parse, filter_print};
