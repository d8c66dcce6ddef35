/* Mistakes on purpose, see impair.h. An order is a few words, in any sequence:
 *
 *      omit | double | corrupt | delay     what is done; delay wants a time, 300ms, and is for messages
 *      sa_init auth create_child informational; request response     what it is done to; left out: any
 *      SA KE IDi IDr AUTH No N D TSi TSr, N:COOKIE     a payload of these; left out: the message as a datagram
 *      3, 2-4, 2-     which of those that fit, counted from 1; left out: all
 *
 * Orders are separated by commas; "none" ends all. A payload counts once per message that is made, a message each time that it
 * is sent. What was done is a note. IKE_SA_INIT is signed as it was sent, so what is wrong with it is a peer's mistake, not a
 * thief's. */
#include "ike/impair.h"

#include "ike/ike_int.h"

#include <stdlib.h>
#include <string.h>

enum { RULES_MAX = 8, HELD_MAX = 16, WORD_MAX = 40, BYTE_BIT = 0x10 };
enum verb { NO_VERB, OMIT, DOUBLE, CORRUPT, DELAY };
enum side { EITHER, REQUEST, RESPONSE };

struct impairment {
	uint8_t verb, exchange, side, payload; /* 0: any, any, the message */
	uint16_t notify;                       /* 0: any */
	uint32_t from, to, seen;               /* occurrences, from 1 */
	dur_t wait;
};

struct held {
	mono_t due;
	struct blob msg; /* NULL: free */
	struct ike_act send;
};

struct impair {
	uint32_t n, first_act;
	struct impairment v[RULES_MAX];
	struct held held[HELD_MAX];
};

struct word {
	const char *name;
	uint8_t value;
};
static const struct word verbs[] = {{"omit", OMIT}, {"double", DOUBLE}, {"corrupt", CORRUPT}, {"delay", DELAY}, {0}};
static const struct word exchanges[] = {{"sa_init", IKE_SA_INIT}, {"auth", IKE_AUTH}, {"create_child", CREATE_CHILD_SA},
                                        {"informational", INFORMATIONAL}, {0}};
static const struct word sides[] = {{"request", REQUEST}, {"response", RESPONSE}, {0}};
static const struct word payloads[] = {{"SA", P_SA}, {"KE", P_KE}, {"IDi", P_IDI}, {"IDr", P_IDR}, {"AUTH", P_AUTH},
                                       {"No", P_NONCE}, {"N", P_N}, {"D", P_D}, {"TSi", P_TSI}, {"TSr", P_TSR}, {0}};
static const char *const done[] = {"", "left out", "doubled", "spoilt", "held back"};

/* --- orders --- */

static bool find(const struct word *table, const char *text, uint8_t *out)
{
	for (; table->name; table++) {
		if (strcmp(table->name, text) == 0) {
			*out = table->value;
			return true;
		}
	}
	return false;
}

static const char *name_of(const struct word *table, uint8_t value)
{
	for (; table->name; table++)
		if (table->value == value)
			return table->name;
	return "?";
}

static bool find_notify(const char *text, uint16_t *out)
{
	for (uint32_t type = 1; type <= UINT16_MAX; type++) {
		const char *name = ike_notify_name((uint16_t)type);
		if (name && strcmp(name, text) == 0) {
			*out = (uint16_t)type;
			return true;
		}
	}
	return false;
}

/* 3, 2-4, 2-, 300ms */
static bool number(const char *text, struct impairment *r)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);
	if (end == text || v == 0 || v > 1000000)
		return false;
	if (strcmp(end, "ms") == 0) {
		r->wait = DUR_MS((dur_t)v);
		return true;
	}
	r->from = r->to = (uint32_t)v;
	if (*end != '-')
		return *end == '\0';
	if (end[1] == '\0') {
		r->to = UINT32_MAX;
		return true;
	}
	const char *last = end + 1;
	v = strtoul(last, &end, 10);
	r->to = (uint32_t)v;
	return end != last && *end == '\0' && v >= r->from && v <= 1000000;
}

static bool take_word(struct impairment *r, const char *w)
{
	if (strncmp(w, "N:", 2) == 0) {
		r->payload = P_N;
		return find_notify(w + 2, &r->notify);
	}
	return find(verbs, w, &r->verb) || find(exchanges, w, &r->exchange) || find(sides, w, &r->side) ||
	       find(payloads, w, &r->payload) || number(w, r);
}

static bool parse(const char *text, struct impair *out)
{
	struct impairment r = {.from = 1, .to = UINT32_MAX};
	char w[WORD_MAX];
	for (;; text++) {
		size_t n = strcspn(text, " ,");
		if (n >= sizeof w)
			return false;
		memcpy(w, text, n);
		w[n] = '\0';
		text += n;
		if (n && !take_word(&r, w))
			return false;
		if (*text == ' ')
			continue;
		if (r.verb == NO_VERB || out->n == RULES_MAX || (r.verb == DELAY) != (r.wait > 0) || (r.wait && r.payload))
			return false;
		out->v[out->n++] = r;
		if (*text == '\0')
			return true;
		r = (struct impairment){.from = 1, .to = UINT32_MAX};
	}
}

bool ike_impair(struct ike *e, const char *text)
{
	struct impair new = {0};
	if (strcmp(text, "none") != 0 && !parse(text, &new))
		return false;
	if (!e->impair) {
		e->impair = mem_get(e->mem, sizeof *e->impair);
		if (!e->impair)
			return false;
	}
	e->impair->n = new.n;
	memcpy(e->impair->v, new.v, sizeof new.v);
	return true;
}

void impair_free(struct ike *e)
{
	for (size_t i = 0; e->impair && i < HELD_MAX; i++)
		blob_free(e, &e->impair->held[i].msg);
	if (e->impair)
		mem_put(e->mem, e->impair, sizeof *e->impair);
	e->impair = NULL;
}

/* --- which, and when --- */

static bool fits(const struct impairment *r, uint8_t exchange, bool response)
{
	return (!r->exchange || r->exchange == exchange) && (!r->side || (r->side == RESPONSE) == response);
}

static bool turn_of(struct impairment *r)
{
	r->seen++;
	return r->seen >= r->from && r->seen <= r->to;
}

static void told(struct step *s, const struct impairment *r, uint8_t exchange, bool response)
{
	const char *name = ike_exchange_name(exchange);
	note(s, s->sa ? s->sa->tun : NULL, NOTE_CONTROL, "impair: %s%s of %s %s %s", r->payload ? "payload " : "the message",
	     r->payload ? name_of(payloads, r->payload) : "", name ? name : "?", response ? "response" : "request",
	     done[r->verb]);
}

/* --- payloads --- */

static bool is_it(const struct impairment *r, uint8_t type, struct span body)
{
	struct ike_notify n;
	if (r->payload != type)
		return false;
	return !r->notify || (ike_notify_decode(body, &n) == WIRE_OK && n.type == r->notify);
}

static bool chain_has(const struct impairment *r, uint8_t type, struct span chain)
{
	struct ike_payloads pl;
	if (ike_payloads_decode(type, chain, &pl) != WIRE_OK)
		return false;
	for (uint8_t i = 0; i < pl.n; i++)
		if (is_it(r, pl.v[i].type, pl.v[i].body))
			return true;
	return false;
}

static void put_payload(struct wr *w, size_t *next_at, const struct ike_payload *p, bool spoil)
{
	wr_put_u8(w, *next_at, p->type);
	*next_at = w->len;
	wr_u8(w, P_NONE);
	wr_u8(w, 0);
	wr_u16(w, (unsigned)(p->body.n + IKE_GENERIC_LEN));
	struct rd body = rd_init(p->body.p, p->body.n);
	for (size_t i = 0; i < p->body.n; i++)
		wr_u8(w, rd_u8(&body) ^ (spoil && i == p->body.n / 2 ? BYTE_BIT : 0u));
}

static void rewrite(const struct impairment *r, struct wr *w, size_t at, size_t next_at, uint8_t type, struct span chain)
{
	struct ike_payloads pl;
	if (ike_payloads_decode(type, chain, &pl) != WIRE_OK)
		return;
	w->len = at;
	wr_put_u8(w, next_at, P_NONE);
	for (uint8_t i = 0; i < pl.n; i++) {
		bool it = is_it(r, pl.v[i].type, pl.v[i].body);
		unsigned copies = !it ? 1 : r->verb == OMIT ? 0 : r->verb == DOUBLE ? 2 : 1;
		while (copies--)
			put_payload(w, &next_at, &pl.v[i], it && r->verb == CORRUPT);
	}
}

void impair_payloads(struct step *s, struct out *o)
{
	enum { HDR_NEXT = 16 };
	struct wr *w = &o->w;
	uint8_t old[MSG_BUF];
	size_t at = o->sealed ? o->enc.sk_first : o->enc.start + IKE_HDR_LEN;
	size_t next_at = o->sealed ? o->enc.sk_at : o->enc.start + HDR_NEXT;
	for (uint32_t i = 0; s->e->impair && i < s->e->impair->n; i++) {
		struct impairment *r = &s->e->impair->v[i];
		if (!r->payload || !wr_ok(w) || w->len < at || !fits(r, o->exchange, o->response))
			continue;
		struct span chain = SPAN(old, w->len - at);
		uint8_t type = w->base[next_at];
		memcpy(old, w->base + at, chain.n);
		if (!chain_has(r, type, chain) || !turn_of(r))
			continue;
		rewrite(r, w, at, next_at, type, chain);
		told(s, r, o->exchange, o->response);
	}
}

/* --- messages --- */

void impair_begin(struct ike *e, const struct ike_acts *acts)
{
	if (e->impair)
		e->impair->first_act = acts->n;
}

static void hold(struct step *s, struct ike_act *a, dur_t wait)
{
	for (size_t i = 0; i < HELD_MAX; i++) {
		struct held *h = &s->e->impair->held[i];
		if (h->msg.p || !blob_set(s->e, &h->msg, a->send.data.p, a->send.data.n))
			continue;
		h->send = *a;
		h->due = mono_add(s->now, wait);
		return;
	}
}

/* An action that is to do nothing. */
static void silence(struct ike_act *a)
{
	*a = (struct ike_act){.type = IKE_ACT_NOTE, .tunnel = a->tunnel};
	a->note.level = NOTE_RAW;
	a->note.text = "impair: nothing is sent";
}

/* Behind the header, which finds the SA. */
static void spoil(struct step *s, struct ike_act *a)
{
	size_t n = a->send.data.n;
	if (n > sizeof s->e->buf)
		return;
	memcpy(s->e->buf, a->send.data.p, n);
	s->e->buf[IKE_HDR_LEN + (n - IKE_HDR_LEN) / 2] ^= BYTE_BIT;
	const void *spoilt = act_copy(s, s->e->buf, n);
	if (spoilt)
		a->send.data.p = spoilt;
}

static void apply(struct step *s, const struct impairment *r, struct ike_act *a)
{
	if (r->verb == DOUBLE) {
		*act_add(s, IKE_ACT_SEND, NULL) = *a;
	} else if (r->verb == CORRUPT) {
		spoil(s, a);
	} else {
		if (r->verb == DELAY)
			hold(s, a, r->wait);
		silence(a);
	}
}

void impair_messages(struct step *s)
{
	struct impair *im = s->e->impair;
	struct step sub = step_sub(s, NULL);
	uint32_t n = s->acts->n;
	for (uint32_t i = im ? im->first_act : n; i < n; i++) {
		struct ike_act *a = &s->acts->v[i];
		struct ike_hdr h;
		for (uint32_t k = 0; k < im->n; k++) {
			struct impairment *r = &im->v[k];
			if (a->type != IKE_ACT_SEND || ike_hdr_decode(a->send.data, &h) != WIRE_OK)
				break;
			bool response = h.flags & IKE_F_RESPONSE;
			if (r->payload || !fits(r, h.exchange, response) || !turn_of(r))
				continue;
			told(&sub, r, h.exchange, response);
			apply(&sub, r, a);
		}
	}
	impair_begin(s->e, s->acts);
}

mono_t impair_due(const struct ike *e)
{
	mono_t due = MONO_NEVER;
	for (size_t i = 0; e->impair && i < HELD_MAX; i++)
		if (e->impair->held[i].msg.p)
			due = mono_min(due, e->impair->held[i].due);
	return due;
}

void impair_release(struct step *s)
{
	for (size_t i = 0; s->e->impair && i < HELD_MAX; i++) {
		struct held *h = &s->e->impair->held[i];
		if (!h->msg.p || h->due > s->now)
			continue;
		const void *copy = act_copy(s, h->msg.p, h->msg.n);
		if (copy) {
			struct ike_act *a = act_add(s, IKE_ACT_SEND, NULL);
			*a = h->send;
			a->send.data = SPAN(copy, h->msg.n);
		}
		blob_free(s->e, &h->msg);
	}
}
