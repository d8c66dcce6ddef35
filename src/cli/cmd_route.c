/* Commands about routing: show, explain, clear. Their words are put together to one question, which the routing
 * module reads; the
 * document that comes back has FRR's keys, and a printer of text_bgp*.c gives it FRR's columns. */
#include <string.h>

#include "cli/cli.h"

static bool is(int n, char **args, int i, const char *word) { return i < n && strcmp(args[i], word) == 0; }

static int usage(struct cli *c, const char *text)
{
	cli_complain(c, "usage: gretel %s", text);
	return CONTROL_USAGE;
}

static int ask_routing(struct cli *c, const char *verb, const char *question, cli_printer *print, const void *opts)
{
	struct ask a = {.verb = verb, .arg = question};
	struct control_reply r;
	int err = cli_ask(c, &a, &r);
	json_decref(a.kept);
	if (err < 0)
		return cli_failure(err);
	int code = cli_answer(c, &r, print, opts);
	control_reply_fini(&r);
	return code;
}

/* "received" and FRR's "received-routes"; NULL: neither. */
static const char *adj_word(const char *word)
{
	static const char *const words[] = {"received", "advertised", "filtered", "routes"};
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		size_t n = strlen(words[i]);
		if (strncmp(word, words[i], n) == 0 && (word[n] == '\0' || strcmp(word + n, "-routes") == 0))
			return words[i];
	}
	return NULL;
}

/* X [received|advertised|filtered|routes [ipv4|ipv6]] */
static int show_neighbor(struct cli *c, int n, char **args)
{
	char question[CONTROL_ARG_MAX + 1];
	struct sbuf q = SB(question);
	const char *adj = n > 1 ? adj_word(args[1]) : NULL;
	sb_put(&q, "neighbors");
	if (n > 3 || (n > 1 && !adj))
		return usage(c, "show bgp neighbor X [received|advertised|filtered|routes [ipv4|ipv6]]");
	if (n > 0)
		sb_printf(&q, " %s", args[0]);
	if (adj)
		sb_printf(&q, " %s", adj);
	if (n > 2)
		sb_printf(&q, " %s", args[2]);
	return ask_routing(c, "show", question, adj ? text_bgp_adj : text_bgp_neighbors, NULL);
}

static int show_bgp(struct cli *c, int n, char **args)
{
	char question[CONTROL_ARG_MAX + 1];
	struct sbuf q = SB(question);
	int family = is(n, args, 0, "ipv4") || is(n, args, 0, "ipv6");
	if (n == 1 && is(n, args, 0, "summary"))
		return ask_routing(c, "show", "summary", text_bgp_summary, NULL);
	if (n == 1 && is(n, args, 0, "nexthop"))
		return ask_routing(c, "show", "nexthop", text_bgp_nexthop, NULL);
	if (is(n, args, 0, "neighbor") || is(n, args, 0, "neighbors"))
		return show_neighbor(c, n - 1, args + 1);
	if (n > 1 + family)
		return usage(c, "show bgp [[ipv4|ipv6] [PREFIX] | summary | neighbor [X] | nexthop]");
	sb_put(&q, "bgp");
	for (int i = 0; i < n; i++)
		sb_printf(&q, " %s", args[i]);
	return ask_routing(c, "show", question, n > family ? text_bgp_path : text_bgp_table,
	                   n > family ? args[n - 1] : NULL);
}

int cli_show_routing(struct cli *c, int n, char **args)
{
	if (n == 1 && is(n, args, 0, "routes"))
		return ask_routing(c, "show", "routes", text_routes, NULL);
	if (is(n, args, 0, "bgp"))
		return show_bgp(c, n - 1, args + 1);
	return usage(c, "show bgp ... | show routes");
}

/* route PREFIX [to PEER] */
int cli_explain(struct cli *c, int n, char **args)
{
	char question[CONTROL_ARG_MAX + 1];
	struct sbuf q = SB(question);
	if (!is(n, args, 0, "route") || (n != 2 && !(n == 4 && is(n, args, 2, "to"))))
		return usage(c, "explain route PREFIX [to PEER]");
	sb_put(&q, args[1]);
	if (n == 4)
		sb_printf(&q, " to %s", args[3]);
	return ask_routing(c, "explain", question, text_explain, NULL);
}

/* bgp X|* [soft [in|out]] */
int cli_clear(struct cli *c, int n, char **args)
{
	char order[CONTROL_ARG_MAX + 1];
	struct sbuf q = SB(order);
	bool way = is(n, args, 3, "in") || is(n, args, 3, "out");
	if (!is(n, args, 0, "bgp") || n < 2 || (n > 2 && !is(n, args, 2, "soft")) || (n > 3 && !way))
		return usage(c, "clear bgp X|* [soft [in|out]]");
	sb_put(&q, args[1]);
	for (int i = 2; i < n; i++)
		sb_printf(&q, " %s", args[i]);
	return cli_do(c, &(struct ask){.verb = "clear", .arg = order});
}
