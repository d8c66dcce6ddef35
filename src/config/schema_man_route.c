/* The part of gretel.conf(5) on routing: an essay, the keys from their table, the statements of FRR from theirs. See
 * schema_man.h. */
#include <string.h>

#include "config/frr.h"
#include "config/schema_man.h"

const char man_hub[] =
	"routing = {\n"
	"\tas = 65000;\n"
	"\thub = true;\n"
	"\tneighbors = (\n"
	"\t\t{ tunnel = \"tunnel\"; route_reflector_client = true; },\n"
	"\t\t{ range = \"10.0.9.0/24\"; route_reflector_client = true; prefix_list_out = \"home\"; }\n"
	"\t);\n"
	"\tnetworks = [\"10.0.0.0/30\", \"10.0.9.0/24\"];\n"
	"\tprefix_lists = { home = [\"deny 10.0.0.0/30\", \"permit 0.0.0.0/0 le 32\"]; };\n"
	"};\n";

const char man_spoke[] =
	"routing = {\n"
	"\tas = 65000;\n"
	"\tneighbors = ( { tunnel = \"tunnel\"; } );\n"
	"\tnetworks = [\"192.168.1.0/24\", \"192.168.50.0/24\"];\n"
	"};\n";

static const char from_frr[] =
	"routing = { frr_conf = \"/etc/frr/frr.conf\"; };\n";

static const char map[] =
	"route_maps = {\n"
	"\tfrom-home = (\n"
	"\t\t{ match = [\"ip address prefix-list lans\", \"community trusted\"];\n"
	"\t\t  set = [\"local-preference 200\", \"community 65000:7 additive\"]; },\n"
	"\t\t{ action = \"deny\"; }\n"
	"\t);\n"
	"};\n";

/* One subsection: a title, what it is, its rows. */
static void sub(struct cfg_buf *o, const char *title, const char *text, const struct cfg_section *rows)
{
	cfg_buf_printf(o, ".Ss %s\n", title);
	man_para(o, text);
	if (rows)
		man_rows(o, rows);
}

/* A pattern of words.h as the manual of FRR would have it. */
static void put_pattern(struct cfg_buf *o, const char *lead, const char *p)
{
	cfg_buf_printf(o, "%s", lead);
	for (; *p; p++) {
		/* A single alternative is a word that is only kept. */
		if (*p == '|' && (p[1] == ']' || p[1] == '\0'))
			continue;
		if (*p == '\\' || *p == '-')
			cfg_buf_put(o, "\\");
		cfg_buf_bytes(o, p, 1);
	}
	cfg_buf_put(o, "\n");
}

static void put_statements(struct cfg_buf *o, uint8_t node, const char *title)
{
	const struct frr_table *t;
	cfg_buf_printf(o, ".It %s\n.Bd -literal -compact\n", title);
	for (size_t i = 0; (t = frr_table(i)) != NULL; i++) {
		/* A table stands where it is meant first. */
		if (t->silent || !(t->nodes & 1u << node) || (node != FRR_BGP && node != FRR_AF6 && (t->nodes & 1u << FRR_BGP)) ||
		    (node == FRR_AF6 && (t->nodes & (1u << FRR_BGP | 1u << FRR_AF4))))
			continue;
		for (size_t k = 0; k < t->n; k++) {
			uint8_t act = t->row[k].act;
			if (act != FRR_QUIET && act != FRR_WARN && act != FRR_REFUSE && act != FRR_BLOCK)
				put_pattern(o, t->neighbor ? "neighbor X " : "", t->row[k].words);
		}
	}
	cfg_buf_put(o, ".Ed\n");
}

static void man_frr(struct cfg_buf *o)
{
	sub(o, "An frr.conf",
	    "With frr_conf the speaker is what the part router bgp of that file says, with its prefix lists, community lists, AS "
	    "path lists, route maps and BFD profiles. The file is read as FRR reads it: indentation is free, words may be "
	    "abbreviated, defaults are those of its lines frr defaults and frr version. What belongs to other daemons is left out "
	    "with a warning. A statement of BGP that is not known here, or that would make routes differ, is an error: then "
	    "routing is left out as a whole and tunnels are loaded all the same; at a reload the speaker goes on as it was. FRR's "
	    "own daemons should not run beside this one.", NULL);
	man_code(o, from_frr);
	cfg_buf_put(o, ".Pp\n");
	man_para(o, "gretel check --print shows what the file means as a section routing. These are the statements that are read; no "
	            "may stand before them:");
	cfg_buf_put(o, ".Bl -tag -width Ds\n");
	put_statements(o, FRR_TOP, "at the top");
	put_statements(o, FRR_BGP, "below router bgp, those of an address family also in it");
	put_statements(o, FRR_AF6, "below address\\-family ipv6 unicast");
	put_statements(o, FRR_MAP, "below route\\-map");
	put_statements(o, FRR_BFD_PROFILE, "below bfd, profile");
	cfg_buf_put(o, ".El\n.Pp\n");
	man_para(o, "Clauses of route maps are listed above.");
}

static void put_clauses(struct cfg_buf *o, bool set)
{
	const char *words;
	cfg_buf_put(o, ".Bd -literal -offset indent\n");
	for (size_t i = 0; (words = clause_words(set, i)) != NULL; i++)
		put_pattern(o, "", words);
	cfg_buf_put(o, ".Ed\n");
}

static void man_clauses(struct cfg_buf *o)
{
	cfg_buf_put(o, ".Pp\n");
	man_para(o, "match takes:");
	put_clauses(o, false);
	cfg_buf_put(o, ".Pp\n");
	man_para(o, "and set:");
	put_clauses(o, true);
}

void man_routing(struct cfg_buf *o)
{
	man_section(o, "SECTION routing",
	            "What is done with tunnels that are up. A module is told of tunnels, interfaces, addresses and routes, and says "
	            "which routes the kernel shall have. Without this section there is none. The module bgp is a BGP speaker "
	            "and route reflector; a file with this section and no tunnel is valid, for a speaker over other interfaces. Keys "
	            "from as on are the speaker's.");
	cfg_buf_put(o, ".Pp\n");
	man_para(o, "A session belongs to the tunnel that carries it: the tunnel that neighbors names, or that whose network the "
	            "neighbor's address is in. It begins when the tunnel comes up and ends, with all its routes, when that goes down.");
	cfg_buf_put(o, ".Pp\n");
	man_para(o, "maximum_paths and maximum_paths_ibgp may stand in a group ipv6 too, for IPv6.");
	man_rows(o, &cfg_routing);
	sub(o, "neighbors",
	    "Each group is a peer, or with range a kind of peers. The keys from active on are for IPv4; in a group ipv6 they are for "
	    "IPv6, where active is false unless it is given. Other defaults are the same.", &cfg_neighbor);
	sub(o, "networks", "A text is a prefix. A group has these keys:", &cfg_network);
	sub(o, "aggregates", "A text is a prefix. A group has these keys:", &cfg_aggregate);
	sub(o, "redistribute", "A text is a source. A group has these keys:", &cfg_redistribute);
	sub(o, "Lists",
	    "prefix_lists, ipv6_prefix_lists, community_lists, extcommunity_lists, large_community_lists and as_path_lists are "
	    "groups of lists of texts. A text is a rule as FRR has it behind the name of the list: [seq N] permit or deny, and "
	    "what it fits. Of communities all must be there; a rule that begins with expanded has a regular expression instead. "
	    "A list that no rule of fits denies. A name that cannot be a key of libconfig stands in a group with any key: "
	    "x = { name = \"10\"; rules = [ ... ]; }.", NULL);
	sub(o, "route_maps",
	    "A group of lists of groups. Each of these is an entry: a route that matches is permitted or denied by it, and changed by "
	    "what it sets; one that no entry matches is denied.", &cfg_map_entry);
	man_clauses(o);
	man_code(o, map);
	sub(o, "statics", "Each group is a route of the module static:", &cfg_static);
	man_frr(o);
}
