/* Scenarios as text: read, and written down again. See plan.h. */
#include "plan.h"

#include <stdlib.h>
#include <string.h>

static const char *const verbs[PV_N] = {
	"rekey-child", "rekey-ike", "delete-child", "delete-ike", "check",  "up",     "down",   "unwant",
	"reload",      "restart",   "adopt",        "cut",        "join",   "freeze", "rebind", "expire",
};
static const char *const ends[] = {"up", "down", "agree"};

const char *plan_verb_name(uint8_t verb) { return verbs[verb]; }

void plan_init(struct plan *p)
{
	*p = (struct plan){
		.seed = 1,
		.delay_min = DUR_MS(20),
		.delay_max = DUR_MS(20),
		.priv = DUR_MS(1),
		.setup = DUR_S(1),
		.quiet = DUR_S(600),
	};
}

bool plan_time(const char *text, dur_t *out)
{
	char *end;
	double v = strtod(text, &end);
	double unit = strcmp(end, "ms") == 0 ? 1e6 : strcmp(end, "s") == 0 ? 1e9 : strcmp(end, "m") == 0 ? 6e10 : 0;
	if (end == text || v < 0 || (unit == 0 && (v != 0 || *end)))
		return false;
	*out = (dur_t)(v * unit + 0.5);
	return true;
}

/* --- reading --- */

struct words {
	char *v[24];
	size_t n;
};

struct reader {
	struct plan *p;
	struct words w;
	char *why;
	size_t why_n;
	unsigned line;
};

static bool bad(struct reader *r, const char *what, const char *got)
{
	snprintf(r->why, r->why_n, "line %u: %s%s%s", r->line, what, got ? ", got " : "", got ? got : "");
	return false;
}

static const char *word(const struct reader *r, size_t i) { return i < r->w.n ? r->w.v[i] : ""; }

static int host_index(const struct plan *p, const char *name)
{
	for (uint32_t i = 0; i < p->n_hosts; i++) {
		if (strcmp(p->host[i].name, name) == 0)
			return (int)i;
	}
	return -1;
}

static bool take_time(struct reader *r, size_t i, dur_t *out)
{
	return plan_time(word(r, i), out) || bad(r, "expected a time like 20ms, 1.5s or 2m", word(r, i));
}

static bool take_host(struct reader *r, size_t i, int *out)
{
	*out = host_index(r->p, word(r, i));
	return *out >= 0 || bad(r, "expected the name of a host", word(r, i));
}

/* The words from i on, one per line, on top of what there is. */
static bool take_lines(struct reader *r, size_t i, char *out, size_t n)
{
	for (; i < r->w.n; i++) {
		if (!strchr(r->w.v[i], '='))
			return bad(r, "expected KEY=VALUE", r->w.v[i]);
		size_t len = strlen(out);
		if (len + strlen(r->w.v[i]) + 2 > n)
			return bad(r, "more keys than fit", NULL);
		snprintf(out + len, n - len, "%s%s", len ? "\n" : "", r->w.v[i]);
	}
	return true;
}

static bool line_host(struct reader *r)
{
	struct plan *p = r->p;
	struct addr a;
	if (r->w.n < 3 || !addr_parse(word(r, 2), &a))
		return bad(r, "expected: host NAME ADDRESS [nat ADDRESS [ports]]", NULL);
	if (p->n_hosts == PLAN_HOSTS || host_index(p, word(r, 1)) >= 0)
		return bad(r, "too many hosts, or one name twice", word(r, 1));
	struct plan_host *h = &p->host[p->n_hosts++];
	h->peer = -2;
	snprintf(h->name, sizeof h->name, "%s", word(r, 1));
	snprintf(h->addr, sizeof h->addr, "%s", word(r, 2));
	if (r->w.n == 3)
		return true;
	if (strcmp(word(r, 3), "nat") != 0 || !addr_parse(word(r, 4), &a) || (r->w.n > 5 && strcmp(word(r, 5), "ports") != 0))
		return bad(r, "expected: nat ADDRESS [ports]", word(r, 3));
	snprintf(h->nat, sizeof h->nat, "%s", word(r, 4));
	h->ports = r->w.n > 5;
	return true;
}

static bool line_peer(struct reader *r)
{
	int h, peer = -1;
	if (!take_host(r, 1, &h) || (strcmp(word(r, 2), "any") != 0 && !take_host(r, 2, &peer)))
		return false;
	r->p->host[h].peer = peer;
	return take_lines(r, 3, r->p->host[h].keys, sizeof r->p->host[h].keys);
}

static bool line_charon(struct reader *r)
{
	int h;
	return take_host(r, 1, &h) && take_lines(r, 2, r->p->host[h].charon, sizeof r->p->host[h].charon);
}

static bool line_delay(struct reader *r)
{
	struct plan *p = r->p;
	if (!take_time(r, 1, &p->delay_min))
		return false;
	p->delay_max = p->delay_min;
	return r->w.n < 3 || take_time(r, 2, &p->delay_max);
}

static bool line_priv(struct reader *r)
{
	return take_time(r, 1, &r->p->priv) && (r->w.n < 3 || take_time(r, 2, &r->p->priv_more));
}

static uint8_t fate_of(const char *name)
{
	for (uint8_t f = FATE_LOST; f < FATE_N; f++) {
		if (strcmp(name, trace_fate_name(f)) == 0)
			return f;
	}
	return FATE_NONE;
}

static bool line_chance(struct reader *r)
{
	uint8_t f = fate_of(word(r, 1));
	unsigned n = (unsigned)strtoul(word(r, 2), NULL, 10);
	if (n == 0 || n > 1000 || (!f && strcmp(word(r, 1), "refused") != 0))
		return bad(r, "expected: chance lost|doubled|delayed|corrupted|refused N", word(r, 1));
	*(f ? &r->p->chance[f] : &r->p->refused) = n;
	return true;
}

static bool line_at(struct reader *r)
{
	struct plan *p = r->p;
	struct plan_event e = {0};
	int h;
	if (!take_time(r, 1, &e.at) || !take_host(r, 2, &h))
		return false;
	while (e.verb < PV_N && strcmp(verbs[e.verb], word(r, 3)) != 0)
		e.verb++;
	if (e.verb == PV_N)
		return bad(r, "expected something to do", word(r, 3));
	if (p->n_ev == PLAN_EVENTS || (p->n_ev && p->ev[p->n_ev - 1].at > e.at))
		return bad(r, "too many events, or not in the order of their times", NULL);
	if (r->w.n > 4 && !take_time(r, 4, &e.arg))
		return false;
	e.host = (uint8_t)h;
	p->ev[p->n_ev++] = e;
	return true;
}

/* What stands behind a fault: a time, by NAME, a class, request or response. */
static bool fault_words(struct reader *r, struct plan_fault *f)
{
	for (size_t i = 2; i < r->w.n; i++) {
		int h;
		uint8_t k = 0;
		while (k < TK_OTHER && strcmp(trace_kind_name(k), r->w.v[i]) != 0)
			k++;
		if (k < TK_OTHER) {
			f->kind = k;
		} else if (strcmp(r->w.v[i], "request") == 0 || strcmp(r->w.v[i], "response") == 0) {
			f->response = r->w.v[i][2] == 's';
		} else if (strcmp(r->w.v[i], "by") == 0) {
			if (!take_host(r, ++i, &h))
				return false;
			f->from = (int8_t)h;
		} else if (!take_time(r, i, &f->by))
			return false;
	}
	return true;
}

static bool line_fault(struct reader *r, uint8_t fate)
{
	struct plan *p = r->p;
	struct plan_fault f = {.fate = fate, .from = -1, .kind = TK_N, .response = -1};
	f.nth = (uint32_t)strtoul(word(r, 1), NULL, 10);
	if (f.nth == 0 || p->n_faults == PLAN_FAULTS)
		return bad(r, "expected the number of a datagram, from 1; not more than eight such lines", word(r, 1));
	if (!fault_words(r, &f))
		return false;
	p->fault[p->n_faults++] = f;
	return true;
}

static bool line_expect(struct reader *r)
{
	for (uint8_t i = 0; i < ARRAY_LEN(ends); i++) {
		if (strcmp(word(r, 1), ends[i]) != 0)
			continue;
		r->p->end = i;
		return true;
	}
	return bad(r, "expected: expect up|down|agree", word(r, 1));
}

static bool line(struct reader *r)
{
	static const struct {
		const char *name;
		bool (*fn)(struct reader *r);
	} rows[] = {
		{"host", line_host},     {"peer", line_peer},     {"charon", line_charon}, {"delay", line_delay},
		{"priv", line_priv},     {"chance", line_chance}, {"at", line_at},         {"expect", line_expect},
	};
	struct plan *p = r->p;
	const char *first = word(r, 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (strcmp(first, rows[i].name) == 0)
			return rows[i].fn(r);
	}
	if (fate_of(first))
		return line_fault(r, fate_of(first));
	if (strcmp(first, "setup") == 0)
		return take_time(r, 1, &p->setup);
	if (strcmp(first, "heal") == 0)
		return take_time(r, 1, &p->heal);
	if (strcmp(first, "quiet") == 0)
		return take_time(r, 1, &p->quiet);
	if (strcmp(first, "seed") == 0)
		return (p->seed = strtoull(word(r, 1), NULL, 10)) != 0 || bad(r, "expected a number", word(r, 1));
	if (strcmp(first, "lossless") == 0)
		return p->lossless = true;
	return bad(r, "expected one of the words that tests/sim/plan.h lists", first);
}

bool plan_read(struct plan *p, const char *text, char *why, size_t n)
{
	struct reader r = {.p = p, .why = why, .why_n = n};
	plan_init(p);
	while (*text) {
		char buf[1024];
		size_t len = strcspn(text, "\n");
		r.line++;
		if (len >= sizeof buf)
			return bad(&r, "longer than 1000 characters", NULL);
		memcpy(buf, text, len);
		buf[len] = '\0';
		buf[strcspn(buf, "#")] = '\0';
		text += len + (text[len] == '\n');
		r.w.n = 0;
		char *rest = NULL;
		for (char *t = strtok_r(buf, " \t\r", &rest); t && r.w.n < ARRAY_LEN(r.w.v); t = strtok_r(NULL, " \t\r", &rest))
			r.w.v[r.w.n++] = t;
		if (r.w.n && !line(&r))
			return false;
	}
	if (p->n_hosts < 2)
		return bad(&r, "expected two hosts at least", NULL);
	for (uint32_t i = 0; i < p->n_hosts; i++) {
		if (p->host[i].peer == -2)
			return bad(&r, "a host without a peer", p->host[i].name);
	}
	return true;
}

/* --- writing --- */

static void print_time(FILE *f, dur_t d)
{
	if (d % DUR_MS(1))
		fprintf(f, " %.10gms", (double)d / 1e6);
	else if (d % DUR_S(1))
		fprintf(f, " %lldms", (long long)dur_to_ms(d));
	else
		fprintf(f, " %llds", (long long)dur_to_s(d));
}

static void print_lines(FILE *f, const char *text)
{
	for (const char *c = text; *c; c++)
		fputc(*c == '\n' ? ' ' : *c, f);
	fputc('\n', f);
}

static void print_hosts(const struct plan *p, FILE *f)
{
	for (uint32_t i = 0; i < p->n_hosts; i++) {
		const struct plan_host *h = &p->host[i];
		fprintf(f, "host %s %s%s%s%s\n", h->name, h->addr, h->nat[0] ? " nat " : "", h->nat, h->ports ? " ports" : "");
	}
	for (uint32_t i = 0; i < p->n_hosts; i++) {
		const struct plan_host *h = &p->host[i];
		fprintf(f, "peer %s %s ", h->name, h->peer < 0 ? "any" : p->host[h->peer].name);
		print_lines(f, h->keys);
		if (!h->charon[0])
			continue;
		fprintf(f, "charon %s ", h->name);
		print_lines(f, h->charon);
	}
}

static void print_faults(const struct plan *p, FILE *f)
{
	for (uint32_t i = 0; i < p->n_faults; i++) {
		const struct plan_fault *x = &p->fault[i];
		fprintf(f, "%s %u", trace_fate_name(x->fate), x->nth);
		if (x->by)
			print_time(f, x->by);
		if (x->from >= 0)
			fprintf(f, " by %s", p->host[x->from].name);
		if (x->kind < TK_N)
			fprintf(f, " %s", trace_kind_name(x->kind));
		if (x->response >= 0)
			fprintf(f, " %s", x->response ? "response" : "request");
		fputc('\n', f);
	}
}

void plan_print(const struct plan *p, FILE *f)
{
	fprintf(f, "seed %llu\n", (unsigned long long)p->seed);
	print_hosts(p, f);
	fprintf(f, "delay");
	print_time(f, p->delay_min);
	print_time(f, p->delay_max);
	fprintf(f, "\npriv");
	print_time(f, p->priv);
	print_time(f, p->priv_more);
	fputc('\n', f);
	for (uint8_t i = FATE_LOST; i < FATE_N; i++) {
		if (p->chance[i])
			fprintf(f, "chance %s %u\n", trace_fate_name(i), p->chance[i]);
	}
	if (p->refused)
		fprintf(f, "chance refused %u\n", p->refused);
	fprintf(f, "setup");
	print_time(f, p->setup);
	fputc('\n', f);
	for (uint32_t i = 0; i < p->n_ev; i++) {
		fprintf(f, "at");
		print_time(f, p->ev[i].at);
		fprintf(f, " %s %s", p->host[p->ev[i].host].name, verbs[p->ev[i].verb]);
		if (p->ev[i].arg)
			print_time(f, p->ev[i].arg);
		fputc('\n', f);
	}
	print_faults(p, f);
	if (p->heal) {
		fprintf(f, "heal");
		print_time(f, p->heal);
		fputc('\n', f);
	}
	fprintf(f, "quiet");
	print_time(f, p->quiet);
	fprintf(f, "\nexpect %s\n%s", ends[p->end], p->lossless ? "lossless\n" : "");
}
