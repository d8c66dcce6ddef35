/* The command line of iproute2, as far as it is about GRE interfaces. Commands may be abbreviated as there: a prefix of a
 * word of the table, the first that fits. Words behind them may not. Whatever is not understood to be about GRE is left to the
 * real ip, which knows better what is wrong with it. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/ip.h"

/* iproute2 ends with -1 where it finds a word wrong, with 1 where an address. */
enum { EXIT_WORD = 255, EXIT_ADDRESS = 1, EXIT_REFUSED = 2 };

struct words {
	char **v;
	int n;
};

static char *next(struct words *w)
{
	if (w->n == 0)
		return NULL;
	w->n--;
	return *w->v++;
}

PRINTF_LIKE(3, 4) static void wrong(struct ip_gre *g, int code, const char *fmt, ...)
{
	va_list ap;
	if (g->op == IP_WRONG)
		return;
	g->op = IP_WRONG;
	g->code = code;
	va_start(ap, fmt);
	vsnprintf(g->why, sizeof g->why, fmt, ap);
	va_end(ap);
}

static bool is(const char *a, const char *b) { return strcmp(a, b) == 0; }

/* The first of the words (blank separated) that begins with a; -1 none. */
static int prefix_of(const char *a, const char *words)
{
	size_t n = strlen(a);
	int i = 0;
	for (const char *w = words; n > 0 && *w; w += strcspn(w, " "), w += strspn(w, " "), i++) {
		if (strncmp(w, a, n) == 0 && strcspn(w, " ") >= n)
			return i;
	}
	return -1;
}

static bool one_of(const char *a, const char *words)
{
	size_t n = strlen(a);
	for (const char *w = words; *w; w += strcspn(w, " "), w += strspn(w, " ")) {
		if (strcspn(w, " ") == n && strncmp(w, a, n) == 0)
			return true;
	}
	return false;
}

/* --- options of ip itself --- */

/* False: one that leads elsewhere (another name space, a batch, help). What changes only the output is passed over. */
static bool global_options(struct words *w, bool *v6)
{
	static const char order[] = "loops family 4 6 0 M B human-readable iec stats statistics details resolve oneline timestamp "
				    "tshort Version force batch brief json pretty rcvbuf color help netns Numeric all echo";
	static const char passed[] = "4 6 human-readable iec stats statistics details resolve oneline timestamp tshort brief json "
				     "pretty color Numeric";
	while (w->n > 0 && w->v[0][0] == '-') {
		const char *o = next(w) + 1;
		o += *o == '-';
		int at = prefix_of(o, order);
		const char *name = order;
		for (int i = 0; i < at; i++)
			name += strcspn(name, " ") + 1;
		char full[20];
		if (at < 0)
			return false;
		snprintf(full, sizeof full, "%.*s", (int)strcspn(name, " "), name);
		if (is(full, "6"))
			*v6 = true;
		else if (is(full, "family")) {
			const char *f = next(w);
			if (!f || (!is(f, "inet") && !is(f, "inet6")))
				return false;
			*v6 = is(f, "inet6");
		} else if (!one_of(full, passed)) {
			return false;
		}
	}
	return true;
}

/* --- values --- */

static void take_addr(struct ip_gre *g, bool v6, const char *s, struct addr *out)
{
	if (one_of(s, "any all default")) {
		*out = addr_any(v6 ? AF_V6 : AF_V4);
		return;
	}
	if (addr_parse(s, out) && (out->family == AF_V6) == v6)
		return;
	if (g->link)
		wrong(g, EXIT_ADDRESS, "Error: %s address is expected rather than \"%s\".", v6 ? "inet6" : "inet", s);
	else
		wrong(g, EXIT_ADDRESS, "Error: an IP address is expected rather than \"%s\"", s);
}

static bool number(const char *s, int base, unsigned long max, unsigned long *out)
{
	char *end;
	errno = 0;
	*out = strtoul(s, &end, base);
	return end != s && *end == '\0' && *s != '-' && errno == 0 && *out <= max;
}

/* A number, or four octets with dots. */
static void take_key(struct ip_gre *g, const char *word, const char *s)
{
	unsigned long v;
	struct addr a;
	if (strchr(s, '.') && addr_parse(s, &a))
		v = (unsigned long)a.b[0] << 24 | (unsigned long)a.b[1] << 16 | (unsigned long)a.b[2] << 8 | a.b[3];
	else if (!number(s, 0, UINT32_MAX, &v))
		wrong(g, EXIT_WORD, "invalid value for \"%s\": \"%s\"; it should be an unsigned integer", word, s);
	g->key_set = true;
	g->key = (uint32_t)v;
}

static void take_ttl(struct ip_gre *g, const char *s)
{
	unsigned long v = 0;
	if (!is(s, "inherit") && !number(s, 0, 255, &v))
		wrong(g, EXIT_WORD, "Error: argument \"%s\" is wrong: invalid TTL", s);
	g->ttl = (uint8_t)v;
}

/* Hexadecimal with and without 0x, as in iproute2; names of rt_dsfield are not known. */
static void take_tos(struct ip_gre *g, const char *s)
{
	unsigned long v = 1;
	if (!is(s, "inherit") && !number(s, 16, 255, &v))
		wrong(g, EXIT_WORD, "Error: argument \"%s\" is wrong: bad TOS value", s);
	g->tos = (uint8_t)v;
}

static bool name_ok(const char *s)
{
	size_t n = strlen(s);
	return n > 0 && n < IP_NAME && !strpbrk(s, "/: \t\n%") && !is(s, ".") && !is(s, "..");
}

static void take_name(struct ip_gre *g, const char *s)
{
	if (!name_ok(s)) {
		wrong(g, EXIT_WORD, g->link ? "Error: argument \"%s\" is wrong: \"dev\" not a valid ifname"
		                            : "Error: argument \"%s\" is wrong: \"name\" not a valid ifname", s);
		return;
	}
	snprintf(g->name, sizeof g->name, "%s", s);
}

/* --- the parameters of GRE --- */

struct halves {
	bool ikey, okey, icsum, ocsum;
	uint32_t in, out;
};

static void take_valued(struct ip_gre *g, bool v6, const char *word, const char *s, struct halves *h)
{
	if (is(word, "local"))
		take_addr(g, v6, s, &g->local);
	else if (is(word, "remote"))
		take_addr(g, v6, s, &g->remote);
	else if (one_of(word, "ttl hoplimit hlim"))
		take_ttl(g, s);
	else if (one_of(word, "tos tclass dsfield"))
		take_tos(g, s);
	else if (one_of(word, "key ikey okey")) {
		take_key(g, word, s);
		h->ikey |= *word != 'o';
		h->okey |= *word != 'i';
		h->in = *word != 'o' ? g->key : h->in;
		h->out = *word != 'i' ? g->key : h->out;
	}
	/* dev: the datagrams of IKE and ESP go where the route to the peer goes. */
}

/* False: no word of ours. */
static bool take_param(struct ip_gre *g, bool v6, const char *word, struct words *w, struct halves *h)
{
	if (one_of(word, "local remote ttl hoplimit hlim tos tclass dsfield key ikey okey dev")) {
		const char *s = next(w);
		if (!s)
			wrong(g, EXIT_WORD, "Command line is not complete. Try option \"help\"");
		else
			take_valued(g, v6, word, s, h);
	} else if (one_of(word, "csum icsum ocsum")) {
		h->icsum |= *word != 'o';
		h->ocsum |= *word != 'i';
	} else if (one_of(word, "pmtudisc nopmtudisc")) {
		g->pmtudisc = *word == 'p';
	} else if (one_of(word, "seq iseq oseq encap external fwmark ignore-df erspan_ver encaplimit flowlabel")) {
		wrong(g, EXIT_REFUSED, "%s: the data plane in user space has no \"%s\"", g->name, word);
	} else {
		return one_of(word, "nokey noikey nookey nocsum noicsum noocsum noseq noiseq nooseq noencap noignore-df");
	}
	return true;
}

static void settle(struct ip_gre *g, bool v6, const struct halves *h, uint8_t op)
{
	if (g->local.family == AF_NONE)
		g->local = addr_any(v6 ? AF_V6 : AF_V4);
	if (g->remote.family == AF_NONE)
		g->remote = addr_any(v6 ? AF_V6 : AF_V4);
	g->csum = h->icsum && h->ocsum;
	if (h->icsum != h->ocsum)
		wrong(g, EXIT_REFUSED, "%s: the data plane in user space has checksums in both directions or none", g->name);
	if (h->ikey != h->okey || h->in != h->out)
		wrong(g, EXIT_REFUSED, "%s: the data plane in user space has one key for both directions", g->name);
	if (!g->link && g->ttl && !g->pmtudisc)
		wrong(g, EXIT_ADDRESS, "ttl != 0 and nopmtudisc are incompatible");
	if (!*g->name)
		wrong(g, EXIT_WORD, "the data plane in user space wants a name for the interface");
	/* Only the name counts then; a command that is not understood is about something else. */
	if (op == IP_DEL && g->op == IP_WRONG)
		g->op = IP_OTHER;
}

/* --- ip tunnel --- */

/* gre or ip6gre: 4 or 6; anything else is somebody else's: 0. Without a mode the name says it, as in iproute2. */
static int tunnel_mode(struct words w, bool v6)
{
	const char *name = NULL;
	for (int i = 0; i < w.n; i++) {
		if (is(w.v[i], "mode") && i + 1 < w.n) {
			const char *m = w.v[i + 1];
			return one_of(m, "gre gre/ip") ? 4 : one_of(m, "ip6gre gre/ipv6") ? 6 : 0;
		}
		if (i == 0)
			name = is(w.v[0], "name") && w.n > 1 ? w.v[1] : w.v[0];
	}
	return name && !v6 && strncmp(name, "gre", 3) == 0 ? 4 : 0;
}

static void parse_tunnel(struct ip_gre *g, struct words w, bool v6)
{
	static const char commands[] = "add change delete show lst list prl 6rd help";
	static const uint8_t ops[] = {IP_ADD, IP_CHANGE, IP_DEL};
	struct halves h = {.in = 0};
	const char *s = next(&w);
	int at = s ? prefix_of(s, commands) : -1, mode;
	if (at < 0 || at > 2)
		return;
	g->op = ops[at];
	mode = tunnel_mode(w, v6);
	if (g->op != IP_DEL && mode == 0) {
		g->op = IP_OTHER;
		return;
	}
	while ((s = next(&w)) && g->op != IP_WRONG) {
		if (is(s, "mode")) {
			(void)next(&w);
		} else if (!take_param(g, mode == 6, s, &w, &h)) {
			if (is(s, "name") && w.n > 0)
				s = next(&w);
			if (*g->name)
				wrong(g, EXIT_WORD, "Error: either \"name\" is duplicate, or \"%s\" is a garbage.", s);
			else
				take_name(g, s);
		}
	}
	settle(g, mode == 6, &h, ops[at]);
}

/* --- ip link --- */

static int type_at(struct words w)
{
	for (int i = 0; i + 1 < w.n; i++) {
		if (is(w.v[i], "type"))
			return i;
	}
	return -1;
}

static void keep(struct ip_gre *g, char *word)
{
	if (g->n_rest < IP_REST)
		g->rest[g->n_rest++] = word;
	else
		wrong(g, EXIT_WORD, "Error: argument \"%s\" is wrong: too many of them", word);
}

/* What stands before `type`. */
static void parse_device(struct ip_gre *g, struct words w)
{
	char *s;
	while ((s = next(&w)) && g->op != IP_WRONG) {
		if (one_of(s, "up down")) {
			keep(g, s);
		} else if (one_of(s, "mtu txqueuelen txqlen qlen alias group master multicast allmulticast promisc") && w.n > 0) {
			keep(g, s);
			keep(g, next(&w));
		} else if (one_of(s, "numtxqueues numrxqueues gso_max_size gso_max_segs") && w.n > 0) {
			(void)next(&w);
		} else if (one_of(s, "netns index link address broadcast")) {
			wrong(g, EXIT_REFUSED, "the data plane in user space has no \"%s\" for a GRE interface", s);
		} else {
			if (one_of(s, "name dev") && w.n > 0)
				s = next(&w);
			if (*g->name)
				wrong(g, EXIT_WORD, "Error: either \"dev\" is duplicate, or \"%s\" is a garbage.", s);
			else
				take_name(g, s);
		}
	}
}

static void parse_link(struct ip_gre *g, struct words w)
{
	static const char commands[] = "add set change replace delete show";
	static const uint8_t ops[] = {IP_ADD, IP_CHANGE, IP_CHANGE, IP_OTHER, IP_DEL, IP_OTHER};
	struct halves h = {.in = 0};
	const char *s = next(&w);
	int at = s ? prefix_of(s, commands) : -1, type = type_at(w);
	bool ours = type >= 0 && one_of(w.v[type + 1], "gre ip6gre"), v6 = ours && is(w.v[type + 1], "ip6gre");
	if (at < 0 || ops[at] == IP_OTHER || !(ours || (ops[at] == IP_DEL && type < 0)))
		return;
	g->op = ops[at];
	g->link = true;
	parse_device(g, (struct words){w.v, type < 0 ? w.n : type});
	if (type >= 0)
		w = (struct words){w.v + type + 2, w.n - type - 2};
	while (type >= 0 && (s = next(&w)) && g->op != IP_WRONG) {
		if (!take_param(g, v6, s, &w, &h))
			wrong(g, EXIT_WORD, "gre: unknown option \"%s\"?", s);
	}
	settle(g, v6, &h, ops[at]);
}

void ip_parse(int argc, char **argv, struct ip_gre *g)
{
	/* The objects of iproute2 in the order in which it looks, as far as a prefix could mean one of ours. */
	static const char objects[] = "address addrlabel maddress route rule neighbor neighbour ntable ntbl link l2tp fou ila macsec "
				      "tunnel tunl";
	struct words w = {argv + 1, argc - 1};
	bool v6 = false;
	*g = (struct ip_gre){.op = IP_OTHER, .pmtudisc = true};
	if (argc < 2 || !global_options(&w, &v6))
		return;
	const char *s = next(&w);
	int at = s ? prefix_of(s, objects) : -1;
	if (at == 9)
		parse_link(g, w);
	else if (at >= 14)
		parse_tunnel(g, w, v6);
}
