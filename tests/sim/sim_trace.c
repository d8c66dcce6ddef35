/* Classes, uniqueness and the ladder. See sim_trace.h. */
#include "sim_trace.h"

#include "hand.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- numbers --- */

static uint64_t mix(uint64_t z)
{
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

uint64_t trace_hash(uint64_t seed, const void *p, size_t n)
{
	const uint8_t *b = p;
	uint64_t h = mix(seed + 0x9e3779b97f4a7c15u), part;
	for (; n > 0; b += min_z(8, n), n -= min_z(8, n)) {
		part = 0;
		memcpy(&part, b, min_z(8, n));
		h = mix(h ^ part) + n;
	}
	return h ? h : 1;
}

static void map_grow(struct trace_map *m)
{
	struct trace_map old = *m;
	m->cap = old.cap ? old.cap * 2 : 64;
	m->slot = calloc(m->cap * 2, sizeof *m->slot);
	m->n = 0;
	for (size_t i = 0; i < old.cap; i++) {
		if (old.slot[2 * i])
			*trace_map_at(m, old.slot[2 * i], &(bool){false}) = old.slot[2 * i + 1];
	}
	free(old.slot);
}

uint64_t *trace_map_at(struct trace_map *m, uint64_t key, bool *fresh)
{
	if (m->n * 2 >= m->cap)
		map_grow(m);
	size_t i = key & (m->cap - 1);
	while (m->slot[2 * i] && m->slot[2 * i] != key)
		i = (i + 1) & (m->cap - 1);
	*fresh = !m->slot[2 * i];
	m->n += *fresh;
	m->slot[2 * i] = key;
	return &m->slot[2 * i + 1];
}

static uint64_t sa_hash(uint64_t spi_i, uint64_t spi_r, bool initiator)
{
	return trace_hash(initiator, (const uint64_t[]){spi_i, spi_r}, 16);
}

/* --- keys --- */

void trace_init(struct trace *t, struct sim *s, bool tell) { *t = (struct trace){.s = s, .tell = tell, .zero = s->now}; }

void trace_fini(struct trace *t)
{
	free(t->key);
	free(t->keys.slot);
	free(t->messages.slot);
	free(t->ivs.slot);
	free(t->requests.slot);
	free(t->story);
}

void trace_learn(struct trace *t, struct sim_node *n)
{
	if (!n->ike)
		return;
	LIST_EACH (it, tmp, &n->ike->sas) {
		const struct ike_sa *sa = LIST_ENTRY(it, struct ike_sa, link);
		bool fresh;
		if (!sa->keyed)
			continue;
		uint64_t *at = trace_map_at(&t->keys, sa_hash(sa->spi_i, sa->spi_r, sa->initiator), &fresh);
		if (!fresh)
			continue;
		if (t->n_keys == t->cap_keys)
			t->key = realloc(t->key, (t->cap_keys = 2 * t->cap_keys + 16) * sizeof *t->key);
		t->key[t->n_keys++] = (struct trace_key){sa->spi_i, sa->spi_r, sa->initiator, sa->tx};
		*at = t->n_keys;
	}
}

/* The key that a header's sender seals with; NULL: unknown. */
static const struct trace_key *key_of(struct trace *t, const struct ike_hdr *h)
{
	bool fresh;
	uint64_t *at = trace_map_at(&t->keys, sa_hash(h->spi_i, h->spi_r, h->flags & IKE_F_INITIATOR), &fresh);
	return *at ? &t->key[*at - 1] : NULL;
}

/* --- text, RFC 7296 1.2 --- */

static void put_notify(struct sbuf *b, struct span body)
{
	struct ike_notify n;
	if (ike_notify_decode(body, &n) != WIRE_OK)
		return sb_put(b, "N(?)");
	const char *name = ike_notify_name(n.type);
	sb_put(b, "N(");
	if (name)
		sb_put(b, name);
	else
		sb_printf(b, "%u", n.type);
	if (n.spi.n) {
		sb_putc(b, ' ');
		sb_hex(b, n.spi.p, n.spi.n);
	}
	sb_putc(b, ')');
}

static void put_delete(struct sbuf *b, struct span body)
{
	struct ike_delete d;
	if (ike_delete_decode(body, &d) != WIRE_OK)
		return sb_put(b, "D(?)");
	sb_put(b, d.proto == PROTO_IKE ? "D(IKE" : "D(ESP");
	for (uint16_t i = 0; i < d.n && d.proto != PROTO_IKE; i++)
		sb_printf(b, " %08x", ike_delete_spi(&d, i));
	sb_putc(b, ')');
}

static void put_payloads(struct sbuf *b, const struct ike_hdr *h, const struct ike_payloads *pl)
{
	bool response = h->flags & IKE_F_RESPONSE;
	char side = response ? 'r' : 'i';
	for (size_t i = 0; i < pl->n; i++) {
		const struct ike_payload *p = &pl->v[i];
		if (i)
			sb_put(b, ", ");
		switch (p->type) {
		case P_SA:
			sb_put(b, "SA");
			if (h->exchange == IKE_SA_INIT || h->exchange == IKE_AUTH)
				sb_printf(b, "%c%c", side, h->exchange == IKE_SA_INIT ? '1' : '2');
			break;
		case P_KE: sb_printf(b, "KE%c", side); break;
		case P_NONCE: sb_printf(b, "N%c", side); break;
		case P_IDI: sb_put(b, "IDi"); break;
		case P_IDR: sb_put(b, "IDr"); break;
		case P_AUTH: sb_put(b, "AUTH"); break;
		case P_TSI: sb_put(b, "TSi"); break;
		case P_TSR: sb_put(b, "TSr"); break;
		case P_V: sb_put(b, "V"); break;
		case P_SK: sb_put(b, "SK {?}"); break;
		case P_SKF: sb_put(b, "SKF {...}"); break;
		case P_N: put_notify(b, p->body); break;
		case P_D: put_delete(b, p->body); break;
		default: sb_printf(b, "(%u)", p->type);
		}
	}
}

static void put_message(struct sbuf *b, const struct ike_hdr *h, const struct ike_payloads *outer,
                        const struct ike_payloads *inner)
{
	const char *name = ike_exchange_name(h->exchange);
	sb_printf(b, "%s %s %u: HDR, ", name ? name : "?", h->flags & IKE_F_RESPONSE ? "response" : "request", h->msg_id);
	if (inner) {
		sb_put(b, "SK {");
		put_payloads(b, h, inner);
		sb_putc(b, '}');
	} else
		put_payloads(b, h, outer);
}

/* --- classes --- */

static uint8_t kind_of_request(const struct ike_hdr *h, const struct ike_payloads *inner)
{
	if (h->exchange == IKE_SA_INIT)
		return TK_INIT;
	if (h->exchange == IKE_AUTH)
		return TK_AUTH;
	if (!inner)
		return TK_OTHER;
	if (h->exchange == CREATE_CHILD_SA)
		return ike_payload_find(inner, P_TSI) ? TK_CHILD : TK_IKE;
	if (ike_payload_find(inner, P_D))
		return TK_DELETE;
	return inner->n == 0 ? TK_LIVENESS : TK_OTHER;
}

/* Of one message ID, and of one IV, there are only copies. */
static const char *unique(struct trace *t, const struct ike_hdr *h, const struct ike_payload *sk, uint8_t type,
                          const struct sim_packet *p)
{
	const struct trace_key *k = key_of(t, h);
	uint64_t content = trace_hash(7, p->p, p->n), sa = sa_hash(h->spi_i, h->spi_r, h->flags & IKE_F_INITIATOR);
	struct ike_skf f = {0};
	size_t skip = type == P_SKF ? 4 : 0;
	bool fresh;
	if (type == P_SKF && ike_skf_decode(sk->body, &f) != WIRE_OK)
		return "a fragment without numbers";
	uint64_t what[] = {sa, h->msg_id, (uint64_t)h->flags << 32 | (uint64_t)f.number << 16 | f.total};
	uint64_t *at = trace_map_at(&t->messages, trace_hash(1, what, sizeof what), &fresh);
	if (!fresh && *at != content)
		return "a message ID is used twice";
	*at = content;
	if (!k)
		return NULL;
	size_t iv = sk_iv_len(&k->k);
	if (sk->body.n < skip + iv)
		return "an SK payload without its IV";
	at = trace_map_at(&t->ivs, trace_hash(trace_hash(2, k->k.e.b, k->k.e.len), sk->body.p + skip, iv), &fresh);
	if (!fresh && *at != content)
		return "an IV is used twice with one key";
	*at = content;
	return NULL;
}

const char *trace_packet(struct trace *t, const struct sim_packet *p, uint8_t *kind, char *text, size_t n)
{
	struct ike_hdr h;
	struct ike_payloads outer, inner;
	struct hand plain;
	struct sbuf b = sb_init(text, n);
	bool fresh, open = false;
	const char *wrong = NULL;
	*kind = TK_OTHER;
	if (p->n == 1) {
		sb_put(&b, "NAT keep-alive");
		return NULL;
	}
	if (ike_hdr_decode(SPAN(p->p, p->n), &h) != WIRE_OK ||
	    ike_payloads_decode(h.next, SPAN(p->p + IKE_HDR_LEN, p->n - IKE_HDR_LEN), &outer) != WIRE_OK)
		return "what is sent cannot be read";
	const struct ike_payload *sk = ike_payload_find(&outer, h.next == P_SKF ? P_SKF : P_SK);
	bool request = !(h.flags & IKE_F_RESPONSE);
	if (sk) {
		trace_learn(t, p->from);
		const struct trace_key *k = key_of(t, &h);
		wrong = unique(t, &h, sk, h.next, p);
		if ((request || t->tell) && k && h.next == P_SK)
			open = hand_open(t->s, &k->k, p->p, p->n, &plain) && hand_payloads(&plain, &inner);
	}
	/* A response is of its request's class. */
	uint64_t of = trace_hash(h.msg_id, (const uint64_t[]){h.spi_i, h.spi_r, request == !!(h.flags & IKE_F_INITIATOR)}, 24);
	uint64_t *at = trace_map_at(&t->requests, of, &fresh);
	if (request)
		*at = kind_of_request(&h, open ? &inner : NULL) + 1u;
	else if (h.exchange == IKE_SA_INIT)
		*at = TK_INIT + 1;
	*kind = (uint8_t)(*at ? *at - 1 : TK_OTHER);
	if (n)
		put_message(&b, &h, &outer, open ? &inner : NULL);
	return wrong;
}

/* --- the story --- */

static void story_add(struct trace *t, const char *line)
{
	size_t n = strlen(line);
	if (t->n_story + n + 1 > t->cap_story)
		t->story = realloc(t->story, t->cap_story = 2 * t->cap_story + n + 4096);
	memcpy(t->story + t->n_story, line, n + 1);
	t->n_story += n;
}

static double seconds(const struct trace *t) { return (double)(t->s->now - t->zero) / 1e9; }

void trace_say(struct trace *t, const char *fmt, ...)
{
	char line[1400], text[1200];
	va_list ap;
	if (!t->tell)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	snprintf(line, sizeof line, "%+9.3f  %s\n", seconds(t), text);
	story_add(t, line);
}

void trace_step(struct trace *t, const struct sim_packet *p, const char *text, uint8_t fate, const char *how)
{
	static const char *const right[FATE_N] = {"---->", "--X  ", "====>", "-~~~>", "-%%%>"};
	static const char *const left[FATE_N] = {"<----", "  X--", "<====", "<~~~-", "<%%%-"};
	struct endpoint inner;
	const struct sim_node *to = sim_route(t->s, &p->dst, &inner);
	char line[1400];
	if (!t->tell)
		return;
	bool rightward = !to || p->from->index < to->index;
	const char *a = rightward ? p->from->name : to->name, *b = rightward ? (to ? to->name : "?") : p->from->name;
	snprintf(line, sizeof line, "%+9.3f  %-4s %s %4s  %s%s%s%s\n", seconds(t), a, (rightward ? right : left)[fate], b, text,
	         fate ? "  [" : "", fate ? how : "", fate ? "]" : "");
	story_add(t, line);
}

/* --- the histogram --- */

const char *trace_kind_name(uint8_t kind)
{
	static const char *const names[TK_N] = {"SA_INIT", "AUTH", "CHILD", "IKE", "DELETE", "LIVENESS", "other"};
	return names[kind];
}

const char *trace_fate_name(uint8_t fate)
{
	static const char *const names[FATE_N] = {"untouched", "lost", "doubled", "delayed", "corrupted"};
	return names[fate];
}

unsigned trace_print(const struct trace_count *c, bool corrupted)
{
	unsigned empty = 0;
	printf("%-10s", "");
	for (uint8_t k = 0; k < TK_OTHER; k++)
		printf(" %8s? %8s!", trace_kind_name(k), trace_kind_name(k));
	printf("    (? request, ! response)\n");
	for (uint8_t f = FATE_NONE; f < FATE_N - !corrupted; f++) {
		printf("%-10s", trace_fate_name(f));
		for (uint8_t k = 0; k < TK_OTHER; k++) {
			for (int r = 0; r < 2; r++) {
				printf(" %9llu", (unsigned long long)c->n[f][k][r]);
				empty += c->n[f][k][r] == 0;
			}
		}
		printf("\n");
	}
	return empty;
}
