/* Sends malformed messages to a route reflector and says what came of each: what session it cost, or what a second, innocent client
 * of the same reflector was told. Shares no code with src/: what is right is written here from the RFCs. Used by t_malformed.sh.
 *
 *   malformed [-l] [-k FILE] [-r ADDR] [CASE...]      all cases of malformed_cases.h, or those named; -l: lists them
 *     -r    the reflector (10.1.0.1), AS 65000; the innocent client is 10.1.0.3, case i comes from 10.1.0.(10 + i), next hops are
 *           10.1.0.2; all are addresses of this node, and clients of the reflector for IPv4 and IPv6 unicast
 *     -k    a file of cases that the program at the other end is known to treat otherwise: name, verdict, why; others must be right
 *
 * In a case the sender announces a prefix (192.0.2.0/24, 2001:db8:1::/48) that the innocent one waits for, sends the message, and
 * then announces another prefix: when the innocent one has that, the message has been dealt with. Exit status 0: all are right. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "malformed_cases.h"

enum { N_CASES = sizeof cases / sizeof cases[0], WAIT_MS = 5000, FIRST_MS = 15000, AFTER_MS = 120, MARK = 119, BUF = 1 << 17 };

/* What the innocent client knows of a prefix. */
struct seen {
	bool there, told; /* told: announced or withdrawn since the flag was cleared */
	uint32_t med, originator;
	uint8_t has[256], flags[256];
};

struct side {
	int fd;
	uint32_t id; /* its address too; host order */
	uint8_t in[BUF];
	size_t n;
	bool open, up, closed;
	int code, sub; /* of a NOTIFICATION; -1: none */
};

static struct side innocent, sender;
static struct seen victim, victim6, fence;
static uint32_t reflector = 0x0a010001;

static uint64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static uint16_t get16(const uint8_t *p) { return (uint16_t)(p[0] << 8 | p[1]); }
static uint32_t get32(const uint8_t *p) { return (uint32_t)get16(p) << 16 | get16(p + 2); }

/* --- octets from the table --- */

struct out {
	uint8_t b[8192];
	size_t n;
};

static void put_hex(struct out *o, const char *hex, size_t n)
{
	for (size_t i = 0; i + 1 < n && o->n < sizeof o->b; i += 2) {
		char two[3] = {hex[i], hex[i + 1], 0};
		o->b[o->n++] = (uint8_t)strtoul(two, NULL, 16);
	}
	if (n % 2) {
		fprintf(stderr, "malformed: half an octet in %s\n", hex);
		exit(2);
	}
}

static const char *letter(char c)
{
	switch (c) {
	case 'O': return "40010100";
	case 'A': return "400200";
	case 'N': return "4003040a010002";
	case 'M': return "80040400000077";
	case 'L': return "40050400000064";
	case 'V': return "18c00002";
	default: return NULL;
	}
}

/* The sections of an UPDATE, or of anything else the first alone. */
struct built {
	struct out part[3];
	long wlen, alen, mlen;
	bool raw;
};

static void build_word(struct built *b, unsigned part, const char *w, size_t n)
{
	struct out *o = &b->part[part];
	if (strncmp(w, "wlen=", 5) == 0)
		b->wlen = atol(w + 5);
	else if (strncmp(w, "alen=", 5) == 0)
		b->alen = atol(w + 5);
	else if (strncmp(w, "mlen=", 5) == 0)
		b->mlen = atol(w + 5);
	else if (strncmp(w, "rep=", 4) == 0) {
		const char *hex = strchr(w, ':') + 1;
		for (long i = atol(w + 4); i > 0; i--)
			put_hex(o, hex, (size_t)(w + n - hex));
	} else if (n == 1 && *w == '=')
		b->raw = true;
	else if (n == 1 && *w == 'X')
		put_hex(o, "800e1c00020110fd00000100000000000000000000000200" "3020010db80001", 62);
	else if (n == 1 && letter(*w))
		put_hex(o, letter(*w), strlen(letter(*w)));
	else if (n == 2 && strncmp(w, "ID", 2) == 0) {
		char id[9];
		snprintf(id, sizeof id, "%08x", sender.id);
		put_hex(o, id, 8);
	} else
		put_hex(o, w, n);
}

static void build(struct built *b, const char *text)
{
	unsigned part = 0;
	memset(b, 0, sizeof *b);
	b->wlen = b->alen = b->mlen = -1;
	while (*text) {
		size_t n = strcspn(text, " ");
		if (n == 1 && *text == '/' && part < 2)
			part++;
		else if (n)
			build_word(b, part, text, n);
		text += n;
		text += strspn(text, " ");
	}
}

static void finish(struct out *o, const struct built *b, bool update)
{
	memset(o, 0, sizeof *o);
	if (b->raw) {
		*o = b->part[0];
		return;
	}
	memset(o->b, 0xff, 16);
	o->n = 18;
	if (update)
		o->b[o->n++] = 2;
	for (unsigned i = 0; i < (update ? 3 : 1); i++) {
		long given = i == 0 ? b->wlen : b->alen;
		size_t len = given >= 0 ? (size_t)given : b->part[i].n;
		if (update && i < 2) {
			o->b[o->n++] = (uint8_t)(len >> 8);
			o->b[o->n++] = (uint8_t)len;
		}
		memcpy(o->b + o->n, b->part[i].b, b->part[i].n);
		o->n += b->part[i].n;
	}
	size_t len = b->mlen >= 0 ? (size_t)b->mlen : o->n;
	o->b[16] = (uint8_t)(len >> 8);
	o->b[17] = (uint8_t)len;
}

static void say(struct side *s, const char *text, bool update)
{
	static struct built b;
	static struct out o;
	build(&b, text);
	finish(&o, &b, update);
	if (s->fd >= 0 && send(s->fd, o.b, o.n, MSG_NOSIGNAL) < 0)
		s->closed = true;
}

/* --- what the innocent client is told --- */

static struct seen *which(unsigned family, const uint8_t *prefix, unsigned bits)
{
	static const uint8_t v4[] = {192, 0, 2}, f4[] = {198, 51, 100}, v6[] = {0x20, 1, 0xd, 0xb8, 0, 1};
	if (family == 4 && bits == 24)
		return memcmp(prefix, v4, 3) == 0 ? &victim : memcmp(prefix, f4, 3) == 0 ? &fence : NULL;
	return family == 6 && bits == 48 && memcmp(prefix, v6, 6) == 0 ? &victim6 : NULL;
}

static void told(unsigned family, const uint8_t *p, size_t n, const struct seen *attrs)
{
	while (n && (size_t)(p[0] + 7) / 8 < n) {
		size_t octets = (size_t)(p[0] + 7) / 8;
		struct seen *s = which(family, p + 1, p[0]);
		if (s) {
			if (attrs)
				*s = *attrs;
			s->there = attrs != NULL;
			s->told = true;
		}
		p += 1 + octets;
		n -= 1 + octets;
	}
}

static void read_update(const uint8_t *m, size_t n)
{
	size_t wlen = get16(m + 19), alen = get16(m + 21 + wlen);
	const uint8_t *a = m + 23 + wlen, *end = a + alen, *mp[2] = {NULL, NULL};
	size_t mp_n[2] = {0, 0};
	struct seen s = {0};

	while (end - a >= 3) {
		bool wide = a[0] & 0x10;
		size_t len = wide ? get16(a + 2) : a[2];
		const uint8_t *v = a + (wide ? 4 : 3);
		s.has[a[1]] = 1;
		s.flags[a[1]] = a[0];
		if (a[1] == 4)
			s.med = get32(v);
		if (a[1] == 9)
			s.originator = get32(v);
		if (a[1] == 14 || a[1] == 15) {
			mp[a[1] - 14] = v;
			mp_n[a[1] - 14] = len;
		}
		a = v + len;
	}
	told(4, m + 21, wlen, NULL);
	told(4, end, (size_t)(m + n - end), &s);
	if (mp[0] && get16(mp[0]) == 2)
		told(6, mp[0] + 5 + mp[0][3], mp_n[0] - 5 - mp[0][3], &s);
	if (mp[1] && get16(mp[1]) == 2)
		told(6, mp[1] + 3, mp_n[1] - 3, NULL);
}

/* --- sessions --- */

static void take(struct side *s, const uint8_t *m, size_t n)
{
	switch (m[18]) {
	case 1:
		s->open = true;
		break;
	case 2:
		if (s == &innocent)
			read_update(m, n);
		break;
	case 3:
		s->code = m[19];
		s->sub = m[20];
		break;
	case 4:
		s->up = true;
		break;
	default:
		break;
	}
}

static void input(struct side *s)
{
	ssize_t r = recv(s->fd, s->in + s->n, BUF - s->n, 0);
	size_t at = 0;
	if (r <= 0) {
		s->closed = true;
		return;
	}
	s->n += (size_t)r;
	while (s->n - at >= 19 && s->n - at >= get16(s->in + at + 16) && get16(s->in + at + 16) >= 19) {
		take(s, s->in + at, get16(s->in + at + 16));
		at += get16(s->in + at + 16);
	}
	memmove(s->in, s->in + at, s->n - at);
	s->n -= at;
}

static void turn(int ms)
{
	struct pollfd p[2] = {{innocent.closed ? -1 : innocent.fd, POLLIN, 0}, {sender.closed ? -1 : sender.fd, POLLIN, 0}};
	static uint64_t beat;
	poll(p, 2, ms);
	if (p[0].revents)
		input(&innocent);
	if (p[1].revents)
		input(&sender);
	if (innocent.up && now_ms() > beat + 20000) {
		beat = now_ms();
		say(&innocent, "04", false);
	}
}

#define UNTIL(condition, ms) \
	for (uint64_t end_ = now_ms() + (ms); !(condition) && now_ms() < end_;) \
		turn(10)

static bool call(struct side *s, uint32_t from)
{
	struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(from)};
	struct sockaddr_in there = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(reflector), .sin_port = htons(179)};
	s->n = 0;
	s->open = s->up = s->closed = false;
	s->code = s->sub = -1;
	s->id = from;
	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(s->fd, (struct sockaddr *)&here, sizeof here) == 0 && connect(s->fd, (struct sockaddr *)&there, sizeof there) == 0)
		return true;
	s->closed = true;
	return false;
}

static void hang_up(struct side *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	s->closed = true;
	s->up = false;
}

/* IPv4 and IPv6 unicast, route refresh, enhanced route refresh, four-octet AS numbers. */
static bool establish(struct side *s, uint32_t from)
{
	char open[200];
	for (unsigned i = 0; i < 100; i++) {
		if (call(s, from)) {
			snprintf(open, sizeof open,
			         "01 04 fde8 00b4 %08x 18 02 16 0104 00010001 0104 00020001 0200 4600 4104 0000fde8", from);
			say(s, open, false);
			say(s, "04", false);
			UNTIL(s->up || s->closed, WAIT_MS);
			if (s->up)
				return true;
		}
		hang_up(s);
		usleep(100000);
	}
	return false;
}

/* --- a case --- */

static void ended(char *verdict, size_t n)
{
	if (sender.code >= 0)
		snprintf(verdict, n, "R%d/%d", sender.code, sender.sub);
	else
		snprintf(verdict, n, "C");
}

static bool ours(const struct seen *s) { return s->there && s->originator == sender.id; }

static void run_update(const struct bad_case *c, char *verdict, size_t n)
{
	struct seen *v = c->kind == IN_UPDATE6 ? &victim6 : &victim;
	bool update = c->kind != IN_SESSION;
	char text[64];

	say(&sender, "/ O A N L / V", true);
	say(&sender, "/ X O A L /", true);
	UNTIL(sender.closed || (ours(&victim) && ours(&victim6)), FIRST_MS);
	if (!ours(&victim) || !ours(&victim6)) {
		snprintf(verdict, n, "the prefixes did not come through before (%d %d)", ours(&victim), ours(&victim6));
		return;
	}
	victim.told = victim6.told = fence.told = false;
	say(&sender, c->bytes, update);
	snprintf(text, sizeof text, "/ O A N 800404 %08x L / 18c63364", sender.id);
	say(&sender, text, true);
	UNTIL(sender.closed || (fence.told && ours(&fence)), WAIT_MS);
	for (uint64_t end = now_ms() + AFTER_MS; now_ms() < end;)
		turn(20);
	if (sender.closed || sender.code >= 0) {
		UNTIL(sender.closed, 1000);
		ended(verdict, n);
	} else if (!ours(&fence)) {
		snprintf(verdict, n, "nothing comes through any more");
	} else if (!v->there) {
		snprintf(verdict, n, "W");
	} else if (c->kind == IN_SESSION) {
		snprintf(verdict, n, "K");
	} else if (!v->told || (strchr(c->bytes, 'M') && v->med != MARK)) {
		snprintf(verdict, n, "I");
	} else if (!v->has[c->type]) {
		snprintf(verdict, n, "D");
	} else {
		snprintf(verdict, n, "%s", v->flags[c->type] & 0x20 ? "P" : "K");
	}
}

static void run_open(const struct bad_case *c, uint32_t from, char *verdict, size_t n)
{
	if (!call(&sender, from)) {
		snprintf(verdict, n, "no connection: %s", strerror(errno));
		return;
	}
	say(&sender, c->bytes, false);
	/* Enough to see a session come up when OPEN was right, not enough to hide a message that ends early. */
	UNTIL(sender.closed || sender.code >= 0 || sender.up, 700);
	if (sender.up && sender.code < 0) {
		say(&sender, "04", false);
		UNTIL(sender.closed || sender.code >= 0, 300);
	}
	if (sender.closed || sender.code >= 0)
		ended(verdict, n);
	else
		snprintf(verdict, n, "%s", sender.up ? "ok" : "no answer");
}

static bool is_one_of(const char *verdict, const char *list)
{
	size_t n = strlen(verdict);
	for (const char *at = list; *at; at += strspn(at, " ")) {
		size_t len = strcspn(at, " ");
		if (len == n && strncmp(at, verdict, n) == 0)
			return true;
		at += len;
	}
	return false;
}

/* The verdict that the file says is known for this case, "" when it says none; and why. */
static void known_verdict(FILE *f, const char *name, char *verdict, size_t n, char *why, size_t why_n)
{
	char line[300], word[80], its[40];
	int at;
	*verdict = *why = 0;
	if (f)
		rewind(f);
	while (f && fgets(line, sizeof line, f))
		if (sscanf(line, "%79s %39s %n", word, its, &at) >= 2 && strcmp(word, name) == 0) {
			line[strcspn(line, "\n")] = 0;
			snprintf(verdict, n, "%s", its);
			snprintf(why, why_n, "%s", line + at);
		}
}

static bool run_case(unsigned i, FILE *known)
{
	const struct bad_case *c = &cases[i];
	char verdict[100] = "", expected[40], why[300];
	uint32_t from = (reflector & 0xffffff00) + 10 + i;

	known_verdict(known, c->name, expected, sizeof expected, why, sizeof why);
	if (innocent.closed && !establish(&innocent, (reflector & 0xffffff00) + 3)) {
		printf("NOT OK  %s: the innocent session does not come up any more\n", c->name);
		return false;
	}
	if (c->kind == IN_OPEN)
		run_open(c, from, verdict, sizeof verdict);
	else if (establish(&sender, from))
		run_update(c, verdict, sizeof verdict);
	else
		snprintf(verdict, sizeof verdict, "no session");
	hang_up(&sender);
	UNTIL(innocent.closed, 30);
	if (innocent.closed) {
		printf("NOT OK  %s: the innocent session has ended: %d/%d\n", c->name, innocent.code, innocent.sub);
		return false;
	}
	if (is_one_of(verdict, c->verdict)) {
		printf("ok      %s: %s%s\n", c->name, verdict, *expected ? " (no longer as known)" : "");
		return true;
	}
	if (*expected && strcmp(verdict, expected) == 0) {
		printf("known   %s: %s, right is %s: %s\n", c->name, verdict, c->verdict, why);
		return true;
	}
	printf("NOT OK  %s: %s, right is %s\n", c->name, verdict, c->verdict);
	return false;
}

int main(int argc, char **argv)
{
	FILE *known = NULL;
	unsigned bad = 0, good = 0;
	int o;
	bool list = false;

	while ((o = getopt(argc, argv, "lk:r:")) != -1) {
		if (o == 'l')
			list = true;
		else if (o == 'k' && !(known = fopen(optarg, "r")))
			perror(optarg);
		else if (o == 'r')
			reflector = ntohl(inet_addr(optarg));
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	innocent.fd = sender.fd = -1;
	innocent.closed = sender.closed = true;
	for (unsigned i = 0; i < N_CASES; i++) {
		bool wanted = optind == argc;
		for (int k = optind; k < argc; k++)
			wanted = wanted || strcmp(argv[k], cases[i].name) == 0;
		if (list)
			printf("%-36s %s\n", cases[i].name, cases[i].verdict);
		else if (wanted)
			*(run_case(i, known) ? &good : &bad) += 1;
	}
	if (!list)
		printf("%u passed, %u failed\n", good, bad);
	return bad > 0;
}
