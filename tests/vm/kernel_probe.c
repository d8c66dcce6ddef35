/* Exercises kernel/ from a shell: one call of the front door per command line. The tests run it in the guest
 * (tests/vm/t_kernel.sh) and in network namespaces of the host (tests/netns/t_kernel.sh). It prints what the call
 * returned, or "error: NAME (the kernel's sentence)", and exits 0 or 1.
 *
 * A child SA is a run of KEY=VALUE: local= remote= in=SPI out=SPI encr=TOKEN integ=TOKEN reqid= window= esn=1
 * sport= dport= (in UDP) soft= hard= (seconds) mark_in=V/M mark_out=V/M proto= nopolicy=1 nokeys=1. Its keys follow
 * from the SPIs, so that two probes agree on them. "--" separates two. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel/kernel.h"

static struct kernel *k;

static int usage(const char *what)
{
	fprintf(stderr, "kernel_probe: %s\n", what);
	exit(2);
}

static int result(int rc)
{
	const char *why = k ? kernel_reason(k) : "";
	if (rc >= 0)
		return 0;
	printf("error: %s%s%s%s\n", strerrorname_np(-rc), *why ? " (" : "", why, *why ? ")" : "");
	return 1;
}

static struct addr address(const char *s)
{
	struct addr a = {0};
	if (!s || !addr_parse(s, &a))
		usage("an address is expected");
	return a;
}

static struct prefix prefix(const char *s)
{
	struct prefix p = {0};
	if (!s || !prefix_parse(s, &p))
		usage("a prefix is expected");
	return p;
}

static uint32_t number(const char *s) { return s ? (uint32_t)strtoul(s, NULL, 0) : 0; }

/* The value of KEY=VALUE; NULL when the argument is another one. */
static const char *value(const char *arg, const char *key)
{
	size_t n = strlen(key);
	return strncmp(arg, key, n) == 0 && arg[n] == '=' ? arg + n + 1 : NULL;
}

/* ---- children ---- */

static void set_key(struct secret *s, size_t n, uint32_t spi, uint8_t salt)
{
	s->len = (uint8_t)n;
	for (size_t i = 0; i < n; i++)
		s->b[i] = (uint8_t)(spi * 7 + i * 13 + salt);
}

static void set_mark(const char *s, uint32_t *v, uint32_t *mask)
{
	char *end;
	*v = (uint32_t)strtoul(s, &end, 0);
	*mask = *end == '/' ? number(end + 1) : UINT32_MAX;
}

static void child_option(struct child_sa *sa, const char *arg)
{
	const char *v;
	if ((v = value(arg, "local")))
		sa->local = address(v);
	else if ((v = value(arg, "remote")))
		sa->remote = address(v);
	else if ((v = value(arg, "in")))
		sa->in.spi = number(v);
	else if ((v = value(arg, "out")))
		sa->out.spi = number(v);
	else if ((v = value(arg, "reqid")))
		sa->reqid = number(v);
	else if ((v = value(arg, "window")))
		sa->replay_window = number(v);
	else if ((v = value(arg, "esn")))
		sa->suite.esn = ESN_YES;
	else if ((v = value(arg, "proto")))
		sa->sel.proto = (uint8_t)number(v);
	else if ((v = value(arg, "soft")))
		sa->life.soft_s = number(v);
	else if ((v = value(arg, "hard")))
		sa->life.hard_s = number(v);
	else if ((v = value(arg, "mark_in")))
		set_mark(v, &sa->mark_in, &sa->mark_in_mask);
	else if ((v = value(arg, "mark_out")))
		set_mark(v, &sa->mark_out, &sa->mark_out_mask);
	else if ((v = value(arg, "nopolicy")))
		sa->install_policy = false;
	else
		usage(arg);
}

static const struct algo *token(const char *s)
{
	const struct algo *a = algo_by_token(s, strlen(s));
	if (!a)
		usage(s);
	return a;
}

/* Takes arguments up to the end or "--". */
static int child(char **arg, struct child_sa *sa)
{
	const struct algo *encr = token("aes128"), *integ = token("sha256");
	const char *v;
	bool keys = true;
	int n = 0;
	*sa = (struct child_sa){.reqid = 1, .sel.proto = 47, .replay_window = 32, .install_policy = true};
	for (; arg[n] && strcmp(arg[n], "--") != 0; n++) {
		if ((v = value(arg[n], "encr")))
			encr = token(v);
		else if ((v = value(arg[n], "integ")))
			integ = token(v);
		else if ((v = value(arg[n], "sport")))
			sa->encap = true, sa->encap_sport = (uint16_t)number(v);
		else if ((v = value(arg[n], "dport")))
			sa->encap = true, sa->encap_dport = (uint16_t)number(v);
		else if (value(arg[n], "nokeys"))
			keys = false;
		else
			child_option(sa, arg[n]);
	}
	sa->suite.encr = encr->id;
	sa->suite.encr_bits = encr->key_bits;
	sa->suite.integ = encr->flags & ALGO_AEAD ? AUTH_NONE : integ->id;
	struct esp_sa *each[] = {&sa->in, &sa->out};
	for (size_t i = 0; i < 2 && keys; i++) {
		set_key(&each[i]->encr, encr->key_len + encr->salt_len, each[i]->spi, 1);
		set_key(&each[i]->integ, encr->flags & ALGO_AEAD ? 0 : integ->key_len, each[i]->spi, 2);
	}
	return arg[n] ? n + 1 : n;
}

static int do_install(char **arg)
{
	struct child_sa sa;
	child(arg, &sa);
	return result(kernel_child_install(k, &sa));
}

static int do_move(char **arg)
{
	struct child_sa was, now;
	arg += child(arg, &was);
	child(arg, &now);
	return result(kernel_child_move(k, &was, &now));
}

static int do_remove(char **arg)
{
	struct child_sa sa, heir;
	arg += child(arg, &sa);
	child(arg, &heir);
	return result(kernel_child_remove(k, &sa, *arg ? &heir : NULL));
}

static int do_counters(char **arg)
{
	struct child_sa sa;
	struct sa_counters c;
	child(arg, &sa);
	int rc = kernel_child_counters(k, &sa, &c);
	printf("in %llu bytes %llu packets %s, out %llu bytes %llu packets %s, drops %u %u %u\n",
	       (unsigned long long)c.bytes_in, (unsigned long long)c.packets_in, c.last_in_s ? "used" : "never",
	       (unsigned long long)c.bytes_out, (unsigned long long)c.packets_out, c.last_out_s ? "used" : "never",
	       c.replay_drops, c.replay_window_drops, c.integrity_drops);
	return result(rc);
}

/* spi LOCAL REMOTE MIN MAX | spi-free LOCAL REMOTE SPI */
static int do_spi(char **arg)
{
	uint32_t spi;
	struct addr local = address(arg[0]), remote = address(arg[1]);
	int rc = kernel_spi_alloc(k, &local, &remote, 1, number(arg[2]), number(arg[3]), &spi);
	if (rc == 0)
		printf("0x%08x\n", spi);
	return result(rc);
}

static int do_spi_free(char **arg)
{
	struct addr local = address(arg[0]), remote = address(arg[1]);
	return result(kernel_spi_free(k, &local, &remote, number(arg[2])));
}

/* ---- guards and shunts ---- */

static int guard_list(void)
{
	struct kernel_guard g[32];
	size_t n;
	int rc = kernel_guard_list(k, g, ARRAY_LEN(g), &n);
	for (size_t i = 0; i < n; i++) {
		char text[2 * PREFIX_TEXT + 16];
		struct sbuf b = SB(text);
		sb_put(&b, g[i].dir ? "out " : "in ");
		sb_prefix(&b, &g[i].src);
		sb_put(&b, " -> ");
		sb_prefix(&b, &g[i].dst);
		puts(text);
	}
	return result(rc);
}

/* guard set|del|strict ADDRESS | guard strict | guard list | guard clear */
static int do_guard(char **arg)
{
	size_t n;
	const char *verb = arg[0] ? arg[0] : "";
	struct addr a = arg[0] && arg[1] ? address(arg[1]) : addr_any(AF_NONE);
	if (strcmp(verb, "set") == 0)
		return result(kernel_guard_set(k, &a));
	if (strcmp(verb, "del") == 0)
		return result(kernel_guard_del(k, &a));
	if (strcmp(verb, "strict") == 0)
		return result(kernel_guard_set_strict(k, &a));
	if (strcmp(verb, "list") == 0)
		return guard_list();
	int rc = kernel_guard_clear(k, &n);
	printf("%zu removed\n", n);
	return result(rc);
}

/* shunt pass|drop|del LOCAL REMOTE PROTO */
static int do_shunt(char **arg)
{
	struct prefix local = prefix(arg[1]), remote = prefix(arg[2]);
	uint8_t proto = (uint8_t)number(arg[3]);
	if (strcmp(arg[0], "del") == 0)
		return result(kernel_shunt_del(k, &local, &remote, proto));
	return result(kernel_shunt_set(k, &local, &remote, proto, strcmp(arg[0], "pass") == 0));
}

/* ---- links, addresses, routes ---- */

static void show_gre(const struct gre_link *g)
{
	char text[512];
	struct sbuf b = SB(text);
	sb_printf(&b, "%s ", g->name);
	sb_addr(&b, &g->local);
	sb_put(&b, " -> ");
	sb_addr(&b, &g->remote);
	sb_printf(&b, " mtu %u ttl %u tos %u %s", g->mtu, g->ttl, g->tos, g->up ? "up" : "down");
	if (g->key_set)
		sb_printf(&b, " key %u", g->key);
	for (size_t i = 0; i < g->n_addresses; i++) {
		sb_put(&b, " ");
		sb_prefix(&b, &g->address[i]);
	}
	sb_put(&b, " peer ");
	sb_addr(&b, &g->peer);
	puts(text);
}

static int gre_ensure(char **arg)
{
	struct conf_gre want = {0};
	struct gre_link out;
	struct addr local = address(arg[1]), remote = address(arg[2]);
	const char *v;
	strncpy(want.name, arg[0], sizeof want.name - 1);
	for (arg += 3; *arg; arg++) {
		if ((v = value(*arg, "address")))
			want.address[want.n_addresses++] = prefix(v);
		else if ((v = value(*arg, "peer")))
			want.peer = address(v);
		else if ((v = value(*arg, "mtu")))
			want.mtu = (uint16_t)number(v);
		else if ((v = value(*arg, "ttl")))
			want.ttl = (uint8_t)number(v);
		else if ((v = value(*arg, "tos")))
			want.tos = (uint8_t)number(v);
		else if ((v = value(*arg, "key")))
			want.key_set = true, want.key = number(v);
		else if (value(*arg, "csum"))
			want.csum = true;
		else
			usage(*arg);
	}
	int rc = kernel_gre_ensure(k, &want, &local, &remote, &out);
	if (rc == 0)
		show_gre(&out);
	return result(rc);
}

/* gre ensure NAME LOCAL REMOTE KEY=VALUE... | find LOCAL REMOTE | get NAME | down NAME | del NAME */
static int do_gre(char **arg)
{
	struct gre_link g;
	int rc;
	if (strcmp(arg[0], "ensure") == 0)
		return gre_ensure(arg + 1);
	if (strcmp(arg[0], "down") == 0 || strcmp(arg[0], "del") == 0)
		return result(kernel_gre_down(k, arg[1], strcmp(arg[0], "del") == 0));
	if (strcmp(arg[0], "find") == 0) {
		struct addr local = address(arg[1]), remote = address(arg[2]);
		rc = kernel_gre_find(k, &local, &remote, &g);
	} else {
		rc = kernel_gre_get(k, arg[1], &g);
	}
	if (rc == 0)
		show_gre(&g);
	return result(rc);
}

static int do_addrs(char **arg)
{
	struct addr v[64];
	size_t n;
	int rc = kernel_addr_list(k, v, *arg ? number(*arg) : ARRAY_LEN(v), &n);
	for (size_t i = 0; i < n; i++) {
		char text[ADDR_TEXT];
		puts(addr_str(&v[i], text));
	}
	return result(rc);
}

static int do_route(char **arg)
{
	struct addr dst = address(arg[0]), from = arg[1] ? address(arg[1]) : addr_any(AF_NONE), src;
	uint32_t ifindex;
	char name[16], text[ADDR_TEXT];
	bool gre;
	int rc = kernel_route_get(k, &dst, &from, &src, &ifindex);
	if (rc == 0)
		rc = kernel_link_name(k, ifindex, name, &gre);
	if (rc == 0)
		printf("%s %s\n", addr_str(&src, text), name);
	return result(rc);
}

/* ---- sockets, events ---- */

/* udp 4|6 PORT natt|plain SECONDS: holds the socket for so long, and says how much came. */
static int do_udp(char **arg)
{
	char text[128], drop[2048];
	struct sbuf b = SB(text);
	uint16_t port = (uint16_t)number(arg[1]);
	int fd = kernel_udp_open((uint8_t)number(arg[0]), port, strcmp(arg[2], "natt") == 0);
	if (fd == -EADDRINUSE && kernel_port_holder(port, &b))
		printf("port %u is held by %s\n", port, text);
	if (fd < 0)
		return result(fd);
	printf("open\n");
	fflush(stdout);
	struct pollfd p = {.fd = fd, .events = POLLIN};
	alarm(number(arg[3]));
	while (poll(&p, 1, -1) >= 0) {
		printf("got %zd octets\n", read(fd, drop, sizeof drop));
		fflush(stdout);
	}
	return 0;
}

/* shared 4|6 PORT WORKERS: the sockets of a data plane in user space; sends datagrams of three kinds to itself and says which socket
 * each came to. SPIs of 256 and above, so that each worker gets some. */
static int do_shared(char **arg)
{
	uint8_t family = (uint8_t)number(arg[0]);
	uint16_t port = (uint16_t)number(arg[1]);
	unsigned workers = number(arg[2]);
	int fds[1 + KERNEL_TUN_QUEUES];
	if (workers < 1 || workers > KERNEL_TUN_QUEUES)
		return usage("1 to 8 workers are expected");
	int rc = kernel_udp_open_shared(family, port, workers, fds);
	if (rc < 0)
		return result(rc);
	struct sockaddr_in a4 = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_in6 a6 = {.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	const struct sockaddr *to = family == AF_V6 ? (const void *)&a6 : (const void *)&a4;
	static const struct { const char *what; uint8_t b[8]; size_t n; } kinds[] = {
		{"keep-alive", {0xff}, 1}, {"short", {1, 2, 3}, 3},    {"empty", {0}, 0},         {"ike", {0, 0, 0, 0, 9}, 8},
		{"spi 256", {0, 0, 1, 0}, 8}, {"spi 257", {0, 0, 1, 1}, 8}, {"spi 258", {0, 0, 1, 2}, 8},
		{"spi ffffffff", {255, 255, 255, 255}, 4},
	};
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		char drop[64];
		if (sendto(fds[0], kinds[i].b, kinds[i].n, 0, to, family == AF_V6 ? sizeof a6 : sizeof a4) < 0)
			return result(-errno);
		printf("%s:", kinds[i].what);
		for (unsigned at = 0; at <= workers; at++) {
			if (recv(fds[at], drop, sizeof drop, MSG_DONTWAIT) >= 0)
				printf(" %u", at);
		}
		puts("");
	}
	return 0;
}

/* tun NAME QUEUES [MTU ADDRESS [SECONDS]]: makes it, shows it, keeps it for so long. */
static int do_tun(char **arg)
{
	struct kernel_tun *t;
	struct conf_gre want = {.mtu = 0};
	struct gre_link l;
	int rc = kernel_tun_open(k, arg[0], number(arg[1]), &t);
	if (rc < 0)
		return result(rc);
	bool ensured = arg[2] != NULL;
	if (ensured) {
		want.mtu = (uint16_t)number(arg[2]);
		want.address[want.n_addresses++] = prefix(arg[3]);
	}
	rc = kernel_tun_ensure(k, t, ensured ? &want : NULL, &l);
	if (rc == 0)
		show_gre(&l);
	fflush(stdout);
	if (rc == 0 && ensured && arg[4])
		sleep(number(arg[4]));
	kernel_tun_close(k, t);
	return result(rc);
}

static void show_event(const struct kernel_event *e)
{
	static const char *const NAMES[] = {[KERNEL_EXPIRE] = "expire", [KERNEL_MAPPING] = "mapping", [KERNEL_LINK] = "link", [KERNEL_ADDR] = "addr",
	                                    [KERNEL_ROUTE] = "route", [KERNEL_OVERRUN] = "overrun", [KERNEL_ACQUIRE] = "acquire"};
	char text[256], a[ADDR_TEXT];
	struct sbuf b = SB(text);
	sb_put(&b, NAMES[e->type]);
	if (e->type == KERNEL_EXPIRE) {
		sb_printf(&b, " 0x%08x %s %s", e->spi, e->hard ? "hard" : "soft", addr_str(&e->addr, a));
	} else if (e->type == KERNEL_MAPPING) {
		sb_printf(&b, " 0x%08x ", e->spi);
		sb_endpoint(&b, &e->source);
	} else if (e->type == KERNEL_LINK) {
		sb_printf(&b, " %s %s%s mtu %u", e->name, e->up ? "up" : "down", e->gone ? " gone" : "", e->mtu);
	} else if (e->type == KERNEL_ADDR) {
		sb_printf(&b, " %s%s", addr_str(&e->addr, a), e->gone ? " gone" : "");
	}
	puts(text);
	fflush(stdout);
}

/* events SECONDS [DELAY]: says "ready", then prints them as they come, the first after DELAY seconds. */
static int do_events(char **arg)
{
	struct pollfd p = {.fd = kernel_event_fd(k), .events = POLLIN};
	struct kernel_event e;
	int rc = 0;
	alarm(number(arg[0]));
	puts("ready");
	fflush(stdout);
	sleep(number(arg[1]));
	while (rc >= 0 && poll(&p, 1, -1) >= 0) {
		while ((rc = kernel_event_next(k, &e)) == 1)
			show_event(&e);
	}
	return result(rc);
}

/* ping ADDRESS [IFINDEX] */
static int do_ping(char **arg)
{
	struct addr dst = address(arg[0]);
	int fd = kernel_probe_open(number(arg[1]), &dst, 0x4711), rc = 0;
	if (fd < 0)
		return result(fd);
	struct pollfd p = {.fd = fd, .events = POLLIN};
	while (rc == 0 && poll(&p, 1, 3000) == 1)
		rc = kernel_probe_read(fd, &dst, 0x4711);
	if (rc >= 0)
		puts(rc == 1 ? "reply" : "silence");
	return rc == 1 ? 0 : result(rc < 0 ? rc : -ETIMEDOUT);
}

static int do_caps(char **arg)
{
	struct kernel_caps c;
	(void)arg;
	kernel_caps(k, &c);
	printf("xfrm %d esp4 %d esp6 %d gre4 %d gre6 %d\n", c.xfrm, c.esp4, c.esp6, c.gre4, c.gre6);
	return 0;
}

static int do_holder(char **arg)
{
	char text[128];
	struct sbuf b = SB(text);
	bool found = kernel_port_holder((uint16_t)number(arg[0]), &b);
	puts(found ? text : "nobody");
	return !found;
}

static const struct command {
	const char *name;
	int args; /* at least */
	int (*run)(char **arg);
} COMMANDS[] = {
	{"caps", 0, do_caps},         {"install", 1, do_install},   {"move", 1, do_move},
	{"remove", 1, do_remove},     {"counters", 1, do_counters}, {"spi", 4, do_spi},
	{"spi-free", 3, do_spi_free}, {"guard", 1, do_guard},       {"shunt", 4, do_shunt},
	{"gre", 2, do_gre},           {"addrs", 0, do_addrs},       {"route", 1, do_route},
	{"udp", 4, do_udp},           {"events", 1, do_events},     {"ping", 1, do_ping},
	{"holder", 1, do_holder},     {"shared", 3, do_shared},     {"tun", 2, do_tun},
};

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";
	for (size_t i = 0; i < ARRAY_LEN(COMMANDS); i++) {
		if (strcmp(name, COMMANDS[i].name) != 0)
			continue;
		if (argc - 2 < COMMANDS[i].args)
			return usage("too few arguments");
		int rc = kernel_open(&k);
		if (rc < 0)
			return result(rc);
		rc = COMMANDS[i].run(argv + 2);
		kernel_close(k);
		return rc;
	}
	return usage("no such command");
}
