/* bgp_load: load for a BGP route reflector, and what came of it (load.h). Used by tests/bench/bgp/run.
 *
 *   bgp_load [OPTION...] PHASE...        sessions from this namespace, then the phases in their order, a line for each
 *     -r ADDR     the reflector (10.99.0.1)        -f ADDR   the feeder's address (10.99.0.2); clients have the next ones
 *     -c N        clients (1)                      -p N      prefixes (10000)         -s N   attribute sets (500)
 *     -i N        interleaved: the feed in UPDATEs of at most N prefixes, round robin over the sets; else packed
 *     -P PID,...  the reflector's processes: their CPU time and memory are measured
 *     -t S        how long to wait in a phase (120)
 *   Phases: converge (the table, from established sessions on) late (one more client, at the full table) change (the table again
 *   with other attributes) silence (the same in small UPDATEs, and then no message any more: must all have come in) latency
 *   (one route, to and fro) withdraw (the table) idle (two seconds of nothing) settle (waits until nothing comes any more)
 *
 *   bgp_load -C PID -n ROUTES [-r ...] -- COMMAND... [-- COMMAND...]    starts a speaker in the namespaces of PID, feeds it that
 *     many routes, prints the time from exec to the last of them in the kernel's table, and stops it (load_cold.c)
 *
 * Exit status: 0 all came and all was right, 1 not so, 2 the sessions did not come up. */
#include <arpa/inet.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "load.h"

#define MS UINT64_C(1000000)
#define S (1000 * MS)

enum { PIDS_MAX = 32, ROUNDS = 21 };

static struct load load = {.expect.generation = 1};
static struct feed feed = {.prefixes = 10000, .sets = 500, .small = 0};
static int pids[PIDS_MAX];
static unsigned n_pids, n_clients = 1;
static uint64_t patience = 120 * S;
static bool failed;

/* --- the reflector's processes --- */

static uint64_t number_after(const char *path, const char *key)
{
	char line[256];
	uint64_t sum = 0;
	FILE *f = fopen(path, "r");
	while (f && fgets(line, sizeof line, f))
		if (strncmp(line, key, strlen(key)) == 0)
			sum += strtoull(line + strlen(key), NULL, 10);
	if (f)
		fclose(f);
	return sum;
}

static uint64_t sum_of(const char *file, const char *key)
{
	uint64_t sum = 0;
	char path[64];
	for (unsigned i = 0; i < n_pids; i++) {
		snprintf(path, sizeof path, "/proc/%d/%s", pids[i], file);
		sum += number_after(path, key);
	}
	return sum;
}

/* The peak of the one process that has grown most since the sessions came up: the one that holds the routes. Of several processes the sum
 * counts the pages that they share several times. */
static uint64_t speaker_kib(bool begin)
{
	static uint64_t was[PIDS_MAX];
	int64_t grown = 0;
	uint64_t peak = 0;
	char path[64];
	for (unsigned i = 0; i < n_pids; i++) {
		snprintf(path, sizeof path, "/proc/%d/status", pids[i]);
		uint64_t now = number_after(path, "VmHWM:");
		if (begin)
			was[i] = now;
		/* The kernel's figure may go down a little. */
		if ((int64_t)(now - was[i]) >= grown) {
			grown = (int64_t)(now - was[i]);
			peak = now;
		}
	}
	return peak;
}

/* User and system time of all processes: in nanoseconds where the kernel keeps them (schedstat, a thread at a time), else in
 * clock ticks. */
static uint64_t cpu_ns(void)
{
	uint64_t sum = 0, fine, user, system;
	char path[300], text[512], *at;
	for (unsigned i = 0; i < n_pids; i++) {
		struct dirent *d;
		DIR *dir;
		fine = 0;
		snprintf(path, sizeof path, "/proc/%d/task", pids[i]);
		dir = opendir(path);
		while (dir && (d = readdir(dir))) {
			if (d->d_name[0] == '.')
				continue;
			snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat", pids[i], d->d_name);
			fine += number_after(path, "");
		}
		if (dir)
			closedir(dir);
		sum += fine;
		snprintf(path, sizeof path, "/proc/%d/stat", pids[i]);
		FILE *f = fine ? NULL : fopen(path, "r");
		if (f && fgets(text, sizeof text, f) && (at = strrchr(text, ')')) &&
		    sscanf(at + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) == 2)
			sum += (user + system) * (S / (uint64_t)sysconf(_SC_CLK_TCK));
		if (f)
			fclose(f);
	}
	return sum;
}

static uint64_t own_cpu_ns(void)
{
	struct rusage r;
	getrusage(RUSAGE_SELF, &r);
	return (uint64_t)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) * S +
	       (uint64_t)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) * 1000;
}

/* --- waiting --- */

static unsigned up_count(void)
{
	unsigned n = 0;
	for (unsigned i = 0; i <= n_clients; i++)
		n += load.peers[i].state == PEER_UP;
	return n;
}

static bool all_have(unsigned from, unsigned to, uint32_t n)
{
	for (unsigned i = from; i <= to; i++)
		if (load.peers[i].count.have < n)
			return false;
	return true;
}

static uint64_t messages(void)
{
	uint64_t n = 0;
	for (unsigned i = 1; i < load.n_peers; i++)
		n += load.peers[i].count.updates + load.peers[i].count.eors;
	return n;
}

/* Until nothing has come for a while; what comes late counts. */
static void settle(uint64_t quiet)
{
	uint64_t seen = messages(), since = now_ns(), end = since + patience;
	while (now_ns() - since < quiet && now_ns() < end) {
		load_turn(&load, 20 * MS);
		if (messages() != seen) {
			seen = messages();
			since = now_ns();
		}
	}
}

/* True: the peers from..to have n prefixes. */
static bool wait_have(unsigned from, unsigned to, uint32_t n, uint64_t most)
{
	uint64_t end = now_ns() + most;
	while (!all_have(from, to, n) && now_ns() < end)
		load_turn(&load, 50 * MS);
	return all_have(from, to, n);
}

/* --- phases --- */

/* The clients from..to, from t0 on: prints what all phases have in common. */
static void result(const char *phase, unsigned from, unsigned to, uint64_t t0, uint32_t wanted, uint64_t cpu, uint64_t own)
{
	uint64_t last = t0, first = UINT64_MAX, updates = 0, octets = 0, perfect = 0, wrong = 0, again = 0;
	uint32_t missing = 0;
	unsigned n = to - from + 1;
	const char *why = "";

	for (unsigned i = from; i <= to; i++) {
		struct count *c = &load.peers[i].count;
		last = c->last > last ? c->last : last;
		first = c->first && c->first < first ? c->first : first;
		updates = c->updates > updates ? c->updates : updates;
		octets = c->octets > octets ? c->octets : octets;
		again += c->again;
		wrong += c->wrong;
		why = why[0] ? why : c->why;
		missing += wanted > c->have ? wanted - c->have : 0;
		uint64_t p = msg_perfect(c, &load.expect);
		perfect = p > perfect ? p : perfect;
	}
	printf("phase=%s prefixes=%u clients=%u ms=%.3f first_ms=%.3f sent_ms=%.3f updates=%lu perfect=%lu octets=%lu again=%lu "
	       "missing=%u wrong=%lu cpu_ms=%.1f load_cpu_ms=%.1f speaker_kib=%lu hwm_kib=%lu rss_kib=%lu pss_kib=%lu%s%s%s\n",
	       phase, feed.prefixes, n, (double)(last - t0) / 1e6, first == UINT64_MAX ? 0 : (double)(first - t0) / 1e6,
	       load.sent > t0 ? (double)(load.sent - t0) / 1e6 : 0, updates, perfect, octets, again / n, missing, wrong,
	       (double)(cpu_ns() - cpu) / 1e6, (double)(own_cpu_ns() - own) / 1e6, speaker_kib(false), sum_of("status", "VmHWM:"),
	       sum_of("status", "VmRSS:"), sum_of("smaps_rollup", "Pss:"), why[0] ? " why=\"" : "", why, why[0] ? "\"" : "");
	fflush(stdout);
	if (missing || wrong)
		failed = true;
}

static void table_phase(const char *phase, bool interleaved, bool withdraw)
{
	struct octets o = {0};
	uint64_t t0, cpu, own;

	load.expect.withdraw = withdraw;
	if (withdraw)
		msg_withdraw_table(&o, &feed);
	else
		msg_table(&o, &feed, load.expect.generation, interleaved);
	if (strcmp(phase, "converge") == 0)
		msg_eor(&o);
	load_clear(&load);
	cpu = cpu_ns();
	own = own_cpu_ns();
	t0 = now_ns();
	peer_send(&load, &load.peers[0], &o);
	wait_have(1, n_clients, feed.prefixes, strcmp(phase, "silence") == 0 ? 15 * S : patience);
	settle(300 * MS);
	result(phase, 1, n_clients, t0, feed.prefixes, cpu, own);
	free(o.p);
}

static void late_phase(void)
{
	struct peer *p = &load.peers[n_clients + 1];
	uint64_t t0, cpu = cpu_ns(), own = own_cpu_ns();
	load_clear(&load);
	load.expect.withdraw = false;
	t0 = now_ns();
	peer_call(&load, p);
	wait_have(n_clients + 1, n_clients + 1, feed.prefixes, patience);
	settle(300 * MS);
	result("late", n_clients + 1, n_clients + 1, t0, feed.prefixes, cpu, own);
	/* From the established session on: what the reflector does, without what TCP and OPEN take. */
	printf("phase=late_up prefixes=%u ms=%.3f\n", feed.prefixes, (double)(p->count.last - p->up) / 1e6);
	peer_close(&load, p, false);
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

static void latency_phase(void)
{
	uint64_t took[2][ROUNDS], t0;
	struct octets o = {0};
	bool all = true;

	for (unsigned i = 0; i < 2 * ROUNDS; i++) {
		load.expect.withdraw = i & 1;
		load_clear(&load);
		o.n = 0;
		msg_one(&o, &feed, feed.prefixes + 1, load.expect.generation, i & 1);
		t0 = now_ns();
		peer_send(&load, &load.peers[0], &o);
		all = wait_have(1, n_clients, 1, 10 * S) && all;
		took[i & 1][i / 2] = 0;
		for (unsigned k = 1; k <= n_clients; k++)
			if (load.peers[k].count.last > t0 + took[i & 1][i / 2])
				took[i & 1][i / 2] = load.peers[k].count.last - t0;
		settle(30 * MS);
	}
	for (unsigned i = 0; i < 2; i++) {
		qsort(took[i], ROUNDS, sizeof **took, by_value);
		printf("phase=%s clients=%u ms=%.3f max_ms=%.3f\n", i ? "latency_withdraw" : "latency", n_clients,
		       (double)took[i][ROUNDS / 2] / 1e6, (double)took[i][ROUNDS - 1] / 1e6);
	}
	failed = failed || !all;
	load.expect.withdraw = false;
	free(o.p);
}

static void idle_phase(void)
{
	uint64_t end = now_ns() + 2 * S, cpu = cpu_ns();
	while (now_ns() < end)
		load_turn(&load, 100 * MS);
	printf("phase=idle sessions=%u pss_kib=%lu rss_kib=%lu cpu_ms=%.1f processes=%u\n", up_count(),
	       sum_of("smaps_rollup", "Pss:"), sum_of("status", "VmRSS:"), (double)(cpu_ns() - cpu) / 1e6, n_pids);
}

static void phase(const char *name)
{
	if (strcmp(name, "converge") == 0) {
		table_phase(name, feed.small > 0, false);
	} else if (strcmp(name, "change") == 0) {
		load.expect.generation++;
		table_phase(name, feed.small > 0, false);
	} else if (strcmp(name, "silence") == 0) {
		load.expect.generation++;
		feed.small = feed.small ? feed.small : 13;
		table_phase(name, true, false);
	} else if (strcmp(name, "withdraw") == 0) {
		table_phase(name, false, true);
	} else if (strcmp(name, "late") == 0) {
		late_phase();
	} else if (strcmp(name, "latency") == 0) {
		latency_phase();
	} else if (strcmp(name, "idle") == 0) {
		idle_phase();
	} else if (strcmp(name, "settle") == 0) {
		settle(S);
	} else {
		fprintf(stderr, "bgp_load: no phase %s\n", name);
		exit(2);
	}
}

/* --- start --- */

static void make_peers(struct in_addr reflector, struct in_addr first)
{
	load.epoll = epoll_create1(EPOLL_CLOEXEC);
	load.n_peers = n_clients + 2;
	load.peers = calloc(load.n_peers, sizeof *load.peers);
	for (unsigned i = 0; i < load.n_peers; i++) {
		struct peer *p = &load.peers[i];
		char name[32];
		snprintf(name, sizeof name, i == 0 ? "feeder" : i > n_clients ? "late client" : "client %u", i);
		p->fd = -1;
		p->name = strdup(name);
		p->remote = reflector;
		p->local.s_addr = htonl(ntohl(first.s_addr) + i);
		p->count.seen = calloc(1, ((size_t)feed.prefixes + SPARE) / 8 + 8);
		p->count.sets = calloc(feed.sets, sizeof *p->count.sets);
	}
	feed.next_hop = load.expect.originator = first;
	load.expect.feed = &feed;
	load_clear(&load);
}

static bool sessions_up(void)
{
	uint64_t t0 = now_ns(), eors = 0;
	for (unsigned i = 0; i <= n_clients; i++)
		peer_call(&load, &load.peers[i]);
	while (up_count() < n_clients + 1 && now_ns() - t0 < 60 * S)
		load_turn(&load, 5 * MS);
	printf("phase=up sessions=%u ms=%.3f\n", up_count(), (double)(now_ns() - t0) / 1e6);
	if (up_count() < n_clients + 1)
		return false;
	/* A speaker that waits before its first UPDATE has done so when it has sent End-of-RIB. */
	while (eors < n_clients && now_ns() - t0 < 15 * S) {
		load_turn(&load, 20 * MS);
		eors = 0;
		for (unsigned i = 1; i <= n_clients; i++)
			eors += load.peers[i].count.eors > 0;
	}
	settle(300 * MS);
	(void)speaker_kib(true);
	return true;
}

static struct in_addr address(const char *text)
{
	struct in_addr a;
	if (inet_pton(AF_INET, text, &a) == 1)
		return a;
	fprintf(stderr, "bgp_load: %s is no IPv4 address\n", text);
	exit(2);
}

int main(int argc, char **argv)
{
	struct in_addr reflector = address("10.99.0.1"), first = address("10.99.0.2");
	unsigned routes = 5;
	int c, node = 0;

	while ((c = getopt(argc, argv, "r:f:c:p:s:i:P:t:C:n:")) != -1) {
		switch (c) {
		case 'r': reflector = address(optarg); break;
		case 'f': first = address(optarg); break;
		case 'c': n_clients = (unsigned)atoi(optarg); break;
		case 'p': feed.prefixes = (uint32_t)atoi(optarg); break;
		case 's': feed.sets = (uint32_t)atoi(optarg); break;
		case 'i': feed.small = (uint32_t)atoi(optarg); break;
		case 't': patience = (uint64_t)atoi(optarg) * S; break;
		case 'C': node = atoi(optarg); break;
		case 'n': routes = (unsigned)atoi(optarg); break;
		case 'P':
			for (char *at = strtok(optarg, ","); at && n_pids < PIDS_MAX; at = strtok(NULL, ","))
				pids[n_pids++] = atoi(at);
			break;
		default: return 2;
		}
	}
	if (node)
		n_clients = 0;
	make_peers(reflector, first);
	if (node)
		return cold_run(&load, node, routes, argv + optind);
	if (!sessions_up())
		return 2;
	for (int i = optind; i < argc; i++)
		phase(argv[i]);
	for (unsigned i = 0; i < load.n_peers; i++)
		if (load.peers[i].lost) {
			printf("phase=lost peer=\"%s\" sessions=%u\n", load.peers[i].name, load.peers[i].lost);
			failed = true;
		}
	for (unsigned i = 0; i < load.n_peers; i++)
		if (load.peers[i].state == PEER_UP) {
			struct octets o = {0};
			msg_cease(&o);
			peer_send(&load, &load.peers[i], &o);
		}
	return failed;
}
