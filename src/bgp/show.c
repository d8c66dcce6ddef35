/* Views: the queries, and what all documents are made with. */
#include <stdio.h>
#include <string.h>

#include "bgp/show_int.h"

/* --- Order --- */
static int dest_cmp(const struct bgp_table *t, uint32_t x, uint32_t y)
{
	const struct bgp_dest *p = rib_dest(t, x), *q = rib_dest(t, y);
	int c = memcmp(p->addr, q->addr, t->af == BGP_V4 ? 4 : 16);
	return c ? c : (int)p->len - (int)q->len;
}

static void sift(const struct bgp_table *t, uint32_t *v, uint32_t at, uint32_t n)
{
	for (;;) {
		uint32_t child = at * 2 + 1, top = v[at];
		if (child >= n)
			return;
		if (child + 1 < n && dest_cmp(t, v[child], v[child + 1]) < 0)
			child++;
		if (dest_cmp(t, top, v[child]) >= 0)
			return;
		v[at] = v[child];
		v[child] = top;
		at = child;
	}
}

/* In place, and never slow: the order of a table is its peers' choice. */
static void heapsort_ids(const struct bgp_table *t, uint32_t *v, uint32_t n)
{
	for (uint32_t i = n / 2; i-- > 0;)
		sift(t, v, i, n);
	for (uint32_t i = n; i-- > 1;) {
		uint32_t last = v[i];
		v[i] = v[0];
		v[0] = last;
		sift(t, v, 0, i);
	}
}

uint32_t *show_sorted(struct bgp *b, const struct bgp_table *t, uint32_t *n)
{
	uint32_t count = 0, *v;
	for (uint32_t i = 0; i < t->n_buckets; i++) {
		for (uint32_t id = t->bucket[i]; id; id = rib_dest(t, id)->chain)
			count++;
	}
	v = count ? mem_get(b->env.mem, sizeof *v * count) : NULL;
	*n = 0;
	for (uint32_t i = 0; v && i < t->n_buckets; i++) {
		for (uint32_t id = t->bucket[i]; id; id = rib_dest(t, id)->chain)
			v[(*n)++] = id;
	}
	if (v)
		heapsort_ids(t, v, *n);
	return v;
}

void show_sorted_free(struct bgp *b, uint32_t *ids, uint32_t n)
{
	if (ids)
		mem_put(b->env.mem, ids, sizeof *ids * n);
}

bool show_next_path(const struct bgp_table *t, const struct bgp_dest *d, uint32_t *cursor, uint32_t *id)
{
	uint32_t next = *cursor == 0         ? (d->best ? d->best : d->first)
	                : *cursor == d->best ? d->first
	                                     : rib_path(t, *cursor)->next;
	if (*cursor && next && next == d->best)
		next = rib_path(t, next)->next;
	*cursor = *id = next;
	return next != 0;
}

const char *show_reason(const struct bgp *b, const struct bgp_table *t, const struct bgp_dest *d)
{
	const char *reason = "First path received";
	const struct bgp_path *second = NULL, *best = d->best ? rib_path(t, d->best) : NULL;
	for (uint32_t id = d->first; id && best; id = rib_path(t, id)->next) {
		const struct bgp_path *p = rib_path(t, id);
		const char *unused;
		if (p != best && p->attr && p->flags & PATH_VALID &&
		    (!second || decide_cmp(b, t, p, second, &unused) > 0))
			second = p;
	}
	if (second)
		(void)decide_cmp(b, t, best, second, &reason);
	return reason;
}

/* --- Values --- */
void show_addr(struct show *s, const char *key, const struct addr *a)
{
	char text[ADDR_TEXT];
	jw_str(&s->w, key, addr_str(a, text));
}

void show_id(struct show *s, const char *key, uint32_t id)
{
	char text[16];
	struct sbuf sb = SB(text);
	sb_printf(&sb, "%u.%u.%u.%u", id >> 24, id >> 16 & 255, id >> 8 & 255, id & 255);
	jw_str(&s->w, key, text);
}

void show_prefix(struct show *s, const char *key, const struct prefix *p)
{
	char text[PREFIX_TEXT];
	struct sbuf sb = SB(text);
	sb_prefix(&sb, p);
	jw_str(&s->w, key, text);
}

int64_t show_epoch(const struct show *s, mono_t at) { return s->wall_s - dur_to_s(s->now - at); }

/* Days since 1970 as a date (proleptic Gregorian; years begin in March while it is computed). */
static void date_of(int64_t days, int64_t *year, int *month, int *day)
{
	int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097, doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365,
		doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int mp = (int)((5 * doy + 2) / 153);
	*day = (int)(doy - (153 * mp + 2) / 5) + 1;
	*month = mp < 10 ? mp + 3 : mp - 9;
	*year = yoe + era * 400 + (*month <= 2);
}

void show_time(struct show *s, const char *key, int64_t epoch)
{
	static const char day_name[] = "ThuFriSatSunMonTueWed", month_name[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	int64_t days = epoch / 86400, rest = epoch % 86400, year;
	int month, day;
	char text[40];
	struct sbuf sb = SB(text);
	if (rest < 0) {
		rest += 86400;
		days--;
	}
	date_of(days, &year, &month, &day);
	int64_t weekday = ((days % 7) + 7) % 7;
	sb_printf(&sb, "%.3s %.3s %2d %02d:%02d:%02d %lld", &day_name[weekday * 3], &month_name[(month - 1) * 3], day,
	          (int)(rest / 3600), (int)(rest / 60 % 60), (int)(rest % 60), (long long)year);
	jw_object(&s->w, key);
	jw_int(&s->w, "epoch", epoch);
	jw_str(&s->w, "string", text);
	jw_end(&s->w);
}

void show_lines(struct show *s, const char *key, const struct sbuf *b)
{
	const char *p = b->s;
	jw_array(&s->w, key);
	while (p && *p) {
		const char *end = strchrnul(p, '\n');
		if (end > p)
			jw_text(&s->w, NULL, p, (size_t)(end - p));
		p = *end ? end + 1 : end;
	}
	if (b->cut && b->cap)
		jw_str(&s->w, NULL, "...");
	jw_end(&s->w);
}

void show_uptime(char out[24], int64_t t)
{
	if (t < 86400)
		snprintf(out, 24, "%02d:%02d:%02d", (int)(t / 3600), (int)(t / 60 % 60), (int)(t % 60));
	else if (t < 7 * 86400)
		snprintf(out, 24, "%dd%02dh%02dm", (int)(t / 86400), (int)(t / 3600 % 24), (int)(t / 60 % 60));
	else
		snprintf(out, 24, "%02lldw%dd%02dh", (long long)(t / (7 * 86400)), (int)(t / 86400 % 7),
		         (int)(t / 3600 % 24));
}

const char *show_origin(uint8_t origin) { return origin == BGP_IGP ? "IGP" : origin == BGP_EGP ? "EGP" : "incomplete"; }

const char *show_af(uint8_t af) { return af == BGP_V4 ? "ipv4Unicast" : "ipv6Unicast"; }

struct addr show_next_hop(const struct bgp_attr *a, uint8_t af)
{
	return a->next_hop.family != AF_NONE ? a->next_hop : addr_any(af == BGP_V4 ? AF_V4 : AF_V6);
}

const char *show_host(const struct bgp *b, const struct bgp_path *p)
{
	const struct bgp_peer *peer = p->peer ? peer_at(b, p->peer) : NULL;
	return peer ? peer->host : p->peer == 0 && b->env.host ? b->env.host : "";
}

/* --- Queries --- */
enum { WORDS_MAX = 6, QUERY_MAX = 256 };
struct query {
	char text[QUERY_MAX];
	const char *word[WORDS_MAX];
	size_t n;
	struct sbuf *why;
};

static bool is(const struct query *q, size_t i, const char *word) { return i < q->n && strcmp(q->word[i], word) == 0; }

static bool bad(const struct query *q, const char *what, const char *found)
{
	if (q->why)
		sb_printf(q->why, "%s%s%s", what, found ? ": " : "", found ? found : "");
	return false;
}

static bool split(struct query *q, const char *text)
{
	size_t len = strlen(text);
	q->n = 0;
	if (len >= sizeof q->text)
		return bad(q, "the question is too long", NULL);
	memcpy(q->text, text, len + 1);
	for (char *p = q->text; *p;) {
		if (*p == ' ') {
			*p++ = '\0';
			continue;
		}
		if (q->n == WORDS_MAX)
			return bad(q, "too many words", NULL);
		q->word[q->n++] = p;
		while (*p && *p != ' ')
			p++;
	}
	return true;
}

static const struct bgp_peer *find_peer(const struct show *s, const struct query *q, size_t i)
{
	struct addr a;
	const struct bgp_peer *p;
	if (!addr_parse(q->word[i], &a)) {
		bad(q, "an address is expected", q->word[i]);
		return NULL;
	}
	p = peer_find(s->b, &a);
	if (!p)
		bad(q, "there is no such neighbor", q->word[i]);
	return p;
}

static void flush(struct show *s)
{
	jw_end(&s->w);
	jw_flush(&s->w);
}

/* bgp [ipv4|ipv6] [PREFIX|ADDRESS] */
static bool query_bgp(struct show *s, const struct query *q)
{
	size_t i = 1;
	struct prefix p;
	uint8_t af = BGP_V4;
	if (is(q, i, "ipv4") || is(q, i, "ipv6"))
		af = is(q, i++, "ipv6") ? BGP_V6 : BGP_V4;
	if (i == q->n) {
		jw_object(&s->w, NULL);
		show_table(s, af);
		flush(s);
		return true;
	}
	if (i + 1 != q->n || !prefix_parse(q->word[i], &p))
		return bad(q, "a prefix or an address is expected", q->word[i]);
	jw_object(&s->w, NULL);
	(void)show_dest(s, &p, !strchr(q->word[i], '/'));
	flush(s);
	return true;
}

/* neighbors [X [received|advertised|filtered|routes [ipv4|ipv6]]] */
static bool query_neighbors(struct show *s, const struct query *q)
{
	static const char *const which[] = {"received", "advertised", "filtered", "routes"};
	const struct bgp_peer *p = q->n > 1 ? find_peer(s, q, 1) : NULL;
	size_t w = 0;
	if (q->n > 1 && !p)
		return false;
	if (q->n <= 2) {
		jw_object(&s->w, NULL);
		show_neighbors(s, p);
		flush(s);
		return true;
	}
	while (w < ARRAY_LEN(which) && !is(q, 2, which[w]))
		w++;
	if (w == ARRAY_LEN(which))
		return bad(q, "received, advertised, filtered or routes is expected", q->word[2]);
	if (q->n > 4 || (q->n == 4 && !is(q, 3, "ipv4") && !is(q, 3, "ipv6")))
		return bad(q, "ipv4 or ipv6 is expected", q->word[3]);
	bool v6 = q->n == 4 ? is(q, 3, "ipv6") : !p->af[BGP_V4].negotiated && p->af[BGP_V6].negotiated;
	jw_object(&s->w, NULL);
	show_adj(s, p, v6 ? BGP_V6 : BGP_V4, (uint8_t)w);
	flush(s);
	return true;
}

/* explain PREFIX [to PEER] */
static bool query_explain(struct show *s, const struct query *q)
{
	const struct bgp_peer *to = NULL;
	struct prefix p;
	if (q->n < 2 || !prefix_parse(q->word[1], &p))
		return bad(q, "a prefix or an address is expected", q->n < 2 ? NULL : q->word[1]);
	if (q->n != 2 && !(q->n == 4 && is(q, 2, "to")))
		return bad(q, "`to PEER` is expected behind the prefix", NULL);
	if (q->n == 4 && !(to = find_peer(s, q, 3)))
		return false;
	jw_object(&s->w, NULL);
	show_explain(s, &p, to);
	flush(s);
	return true;
}

static bool query_plain(struct show *s, const struct query *q, void (*fn)(struct show *s))
{
	if (q->n > 1)
		return bad(q, "nothing is expected behind it", q->word[0]);
	jw_object(&s->w, NULL);
	fn(s);
	flush(s);
	return true;
}

static void put(void *ctx, const char *text, size_t n)
{
	struct bgp_writer *w = ctx;
	w->put(w, text, n);
}

bool bgp_show(struct bgp *b, const char *query, mono_t now, int64_t wall_s, struct bgp_writer *out, struct sbuf *why)
{
	struct query q = {.why = why};
	struct show s = {.b = b, .now = now, .wall_s = wall_s};
	jw_init(&s.w, put, out);
	if (!split(&q, query))
		return false;
	if (!b->cb)
		return bad(&q, "BGP is not configured", NULL);
	if (is(&q, 0, "bgp"))
		return query_bgp(&s, &q);
	if (is(&q, 0, "summary"))
		return query_plain(&s, &q, show_summary);
	if (is(&q, 0, "neighbors"))
		return query_neighbors(&s, &q);
	if (is(&q, 0, "nexthop"))
		return query_plain(&s, &q, show_nexthops);
	if (is(&q, 0, "routes"))
		return query_plain(&s, &q, show_routes);
	if (is(&q, 0, "explain"))
		return query_explain(&s, &q);
	return bad(&q, "bgp, summary, neighbors, nexthop, routes or explain is expected", q.n ? q.word[0] : NULL);
}
