/* Messages under SK, whole or in fragments (RFC 7383): sealed on their way out, opened on their way in. A message that was sent is
 * kept as the run of its datagrams, each of which says its own length, so retransmission and the response cache need not know of
 * fragments. What is smaller than it was is cut out of that run: it is opened with our own keys once more.
 *
 * Of what comes in nothing is kept that is not authentic, and of that at most 64 fragments, 32 KiB and 15 seconds for each direction
 * of an IKE SA, and 4 MiB in all, half of it for those who have not proven who they are. Called by window.c and engine.c. */
#include "ike/ike_int.h"

#include <string.h>

enum {
	HEADERS_V4 = 20 + 8, HEADERS_V6 = 40 + 8, MARKER = 4, /* IP, UDP; the non-ESP marker */
	SAFE_V4 = 576, SAFE_V6 = 1280, FLOOR = 200,           /* sizes of IP packets */
	LENGTH_AT = 24, SKF_NUMBERS = 4,
	HELD_MAX = 4 << 20, MESSAGE_MAX = 32768, KEEP_S = 15
};

/* --- out --- */

struct span frag_next(struct rd *run)
{
	struct rd head = *run;
	rd_skip(&head, LENGTH_AT);
	size_t n = rd_u32(&head);
	if (!rd_ok(&head) || n < IKE_HDR_LEN || n > rd_left(run))
		n = rd_left(run);
	return SPAN(rd_take(run, n), n);
}

unsigned frag_count(const struct blob *msg)
{
	unsigned n = 0;
	for (struct rd run = rd_init(msg->p, msg->n); rd_left(&run); n++)
		(void)frag_next(&run);
	return n;
}

/* Whether we cut: the peer takes it, and we are to. */
static bool allowed(const struct ike_sa *sa)
{
	return sa->frag_peer && sa->keyed && sa->tun && sa->tun->t->fragmentation && !sa->tun->t->frag_accept_only;
}

/* RFC 7383 2.5.1: what gets through everywhere. */
static size_t safe_size(const struct ike_sa *sa) { return sa->remote.addr.family == AF_V6 ? SAFE_V6 : SAFE_V4; }

static size_t packet_size(const struct step *s)
{
	size_t n = s->e->setup.fragment_size ? s->e->setup.fragment_size : safe_size(s->sa);
	if (s->sa->frag_size)
		n = min_z(n, s->sa->frag_size);
	return max_z(n, FLOOR);
}

/* What an IP packet of that size leaves for IKE. */
static size_t room_in(const struct ike_sa *sa, size_t packet)
{
	return packet - (sa->remote.addr.family == AF_V6 ? HEADERS_V6 : HEADERS_V4) - (sa->natt_port ? MARKER : 0);
}

static size_t whole_len(const struct sk_keys *k, size_t inner)
{
	size_t block = max_z(sk_block(k), 1);
	return IKE_HDR_LEN + IKE_GENERIC_LEN + sk_iv_len(k) + (inner / block + 1) * block + sk_icv_len(k);
}

/* Plaintext of one fragment; more than fits where there would be too many of them. */
static size_t piece_len(const struct sk_keys *k, size_t inner, size_t room)
{
	size_t block = max_z(sk_block(k), 1), least = inner / FRAGS_MAX + 1;
	size_t over = IKE_HDR_LEN + IKE_GENERIC_LEN + SKF_NUMBERS + sk_iv_len(k) + sk_icv_len(k);
	size_t fits = room > over + block ? (room - over) / block * block - 1 : 1;
	return max_z(fits, (least / block + 1) * block - 1);
}

static size_t pieces(size_t n, size_t piece) { return (n + piece - 1) / piece; }

/* RFC 7383 2.5: writes the fragments one behind the other into e->cut. Their length in all, 0: it does not work out. */
static size_t cut(struct step *s, const struct ike_hdr *h, uint8_t first, struct span inner, size_t piece)
{
	struct ike *e = s->e;
	const struct sk_keys *k = &s->sa->tx;
	size_t total = pieces(inner.n, piece);
	struct rd in = rd_init(inner.p, inner.n);
	struct wr w = wr_init(e->cut, sizeof e->cut);
	for (uint16_t i = 1; i <= total; i++) {
		size_t n = min_z(piece, rd_left(&in)), at = w.len, aad, data;
		struct ike_enc enc;
		ike_enc_begin(&enc, &w, h);
		ike_enc_skf_begin(&enc, i == 1 ? first : P_NONE, i, (uint16_t)total, sk_iv_len(k));
		ike_enc_octets(&enc, SPAN(rd_take(&in, n), n));
		ike_enc_sk_end(&enc, sk_block(k), sk_icv_len(k), &aad, &data);
		if (!wr_ok(&w) || sk_seal(e->crypto, e->rng, k, e->cut + at, aad, data) != 0)
			return 0;
	}
	return w.len;
}

bool frag_seal(struct step *s, struct out *o, struct blob *to)
{
	struct ike *e = s->e;
	const struct sk_keys *k = &s->sa->tx;
	uint8_t first;
	struct span inner = ike_enc_inner(&o->enc, &first);
	size_t aad, data, whole = whole_len(k, inner.n), room = room_in(s->sa, packet_size(s));
	if (wr_ok(&o->w) && whole > room && allowed(s->sa)) {
		size_t n = cut(s, &o->hdr, first, inner, piece_len(k, inner.n, room));
		if (n == 0 || !blob_set(e, to, e->cut, n))
			return false;
		note(s, s->sa->tun, NOTE_CONTROL, "splitting IKE message (%zu bytes) into %u fragments", whole, frag_count(to));
		return true;
	}
	ike_enc_sk_end(&o->enc, sk_block(k), sk_icv_len(k), &aad, &data);
	return wr_ok(&o->w) && sk_seal(e->crypto, e->rng, k, e->buf, aad, data) == 0 && blob_set(e, to, e->buf, o->w.len);
}

/* --- opening a datagram --- */

/* Opens d, of the peer or of our own, in buf. False: not authentic. m->err tells about its padding. */
static bool open_one(struct ike *e, const struct sk_keys *k, struct span d, const struct ike_payloads *outer, uint8_t *buf,
                     size_t cap, struct opened *m)
{
	const struct ike_payload *skf = ike_payload_find(outer, P_SKF), *p = skf ? skf : ike_payload_find(outer, P_SK);
	struct ike_skf f = {1, 1};
	/* RFC 7383 2.5: the fragment is all that there is in its message. */
	if (!p || d.n > cap || (skf && (outer->n != 1 || ike_skf_decode(skf->body, &f) != WIRE_OK)))
		return false;
	size_t aad = (size_t)(p->body.p - d.p) + (skf ? SKF_NUMBERS : 0), len, plain = 0;
	uint8_t *data;
	memcpy(buf, d.p, d.n);
	if (sk_open(e->crypto, k, buf, aad, d.n, &data, &len) != 0)
		return false;
	m->err = ike_sk_unpad(data, len, &plain);
	m->plain = SPAN(data, plain);
	m->first = outer->sk_next;
	m->number = f.number;
	m->total = f.total;
	return true;
}

/* --- smaller, when there is no answer (RFC 7383 2.5.2) --- */

/* The plaintext of a message of ours into e->buf. */
static bool own_plaintext(struct step *s, const struct blob *msg, struct ike_hdr *h, struct opened *whole)
{
	struct ike *e = s->e;
	struct wr w = wr_init(e->buf, sizeof e->buf);
	*whole = (struct opened){0};
	for (struct rd run = rd_init(msg->p, msg->n); rd_left(&run);) {
		struct span d = frag_next(&run);
		struct ike_payloads outer;
		struct opened m;
		if (ike_hdr_decode(d, h) != WIRE_OK ||
		    ike_payloads_decode(h->next, span_behind(d, IKE_HDR_LEN), &outer) != WIRE_OK ||
		    !open_one(e, &s->sa->tx, d, &outer, e->cut, sizeof e->cut, &m) || m.err != WIRE_OK)
			return false;
		wr_bytes(&w, m.plain.p, m.plain.n);
		if (m.number == 1)
			whole->first = m.first;
		whole->total = m.total;
	}
	whole->plain = SPAN(e->buf, w.len);
	return wr_ok(&w) && whole->total > 0;
}

/* The next smaller size, and pieces that make more fragments than there are: RFC 7383 2.5.2 tells sets apart by that. */
static size_t smaller(const struct step *s, const struct opened *m, size_t *piece)
{
	static const size_t steps[] = {SAFE_V6, SAFE_V4};
	const struct sk_keys *k = &s->sa->tx;
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		size_t room = room_in(s->sa, steps[i]);
		if (steps[i] >= packet_size(s) || whole_len(k, m->plain.n) <= room)
			continue;
		*piece = piece_len(k, m->plain.n, room);
		if (pieces(m->plain.n, *piece) <= m->total)
			*piece = m->plain.n / (m->total + 1u) + 1;
		size_t n = pieces(m->plain.n, *piece);
		return n > m->total && n <= FRAGS_MAX ? steps[i] : 0;
	}
	return 0;
}

bool frag_smaller(struct step *s, struct blob *msg)
{
	struct ike *e = s->e;
	struct opened m;
	struct ike_hdr h;
	struct blob b = {0};
	size_t piece = 0, size = 0, n = 0;
	/* So with IPv6 there is no step below 1280. */
	if (!allowed(s->sa) || packet_size(s) <= safe_size(s->sa) || msg->n + HEADERS_V4 <= safe_size(s->sa))
		return false;
	if (own_plaintext(s, msg, &h, &m))
		size = smaller(s, &m, &piece);
	if (size)
		n = cut(s, &h, m.first, m.plain, piece);
	wipe(e->buf, sizeof e->buf);
	if (n == 0 || !blob_set(e, &b, e->cut, n))
		return false;
	blob_free(e, msg);
	*msg = b;
	s->sa->frag_size = (uint16_t)size;
	note(s, s->sa->tun, NOTE_CONTROL, "no answer: trying packets of %zu bytes, %u fragments", size, frag_count(msg));
	return true;
}

/* --- in --- */

void frag_drop(struct ike *e, struct ike_sa *sa, bool response)
{
	struct frag_queue *q = sa->frags[response];
	if (!q)
		return;
	for (size_t i = 0; i < FRAGS_MAX; i++)
		blob_free(e, &q->piece[i]);
	e->frags_held -= q->size + sizeof *q;
	mem_put(e->mem, q, sizeof *q);
	sa->frags[response] = NULL;
}

void frag_on_timer(struct step *s)
{
	struct ike_sa *sa = s->sa;
	mono_t next = MONO_NEVER;
	for (int i = 0; i < 2; i++) {
		if (!sa->frags[i])
			continue;
		mono_t end = mono_add(sa->frags[i]->since, DUR_S(KEEP_S));
		if (s->now >= end) {
			note(s, sa->tun, NOTE_MORE, "a message of %u fragments did not become whole", sa->frags[i]->total);
			frag_drop(s->e, sa, i);
		} else {
			next = mono_min(next, end);
		}
	}
	sa_due(s->e, sa, T_FRAGS, next);
}

static uint64_t bit(unsigned number) { return 1ull << (number - 1); }

/* RFC 7383 2.6: of a queue's message, and worth a look. */
static bool known(const struct frag_queue *q, const struct ike_skf *f)
{
	return f->total < q->total || (f->total == q->total && (q->have & bit(f->number)));
}

/* Whoever has done a Diffie-Hellman with us may send fragments; only who is somebody may fill the log with them, and all the room. */
static bool heard(struct step *s) { return !s->sa->half_open || note_allowed(s); }

static bool fits(const struct step *s, size_t n)
{
	return s->e->frags_held + n <= (s->sa->half_open ? HELD_MAX / 2 : HELD_MAX);
}

static bool is_of(const struct frag_queue *q, const struct ike_hdr *h)
{
	return q && q->msg_id == h->msg_id && q->exchange == h->exchange;
}

/* An empty queue for the set that begins with m. NULL: no memory, or too much is held already. */
static struct frag_queue *begin(struct step *s, bool response, const struct opened *m)
{
	struct ike *e = s->e;
	struct ike_sa *sa = s->sa;
	frag_drop(e, sa, response);
	struct frag_queue *q = fits(s, sizeof *q) ? mem_get(e->mem, sizeof *q) : NULL;
	if (!q)
		return NULL;
	e->frags_held += sizeof *q;
	q->since = s->now;
	q->msg_id = s->hdr.msg_id;
	q->exchange = s->hdr.exchange;
	q->total = m->total;
	sa->frags[response] = q;
	sa_due(e, sa, T_FRAGS, mono_min(sa->due[T_FRAGS], mono_add(s->now, DUR_S(KEEP_S))));
	return q;
}

/* Keeps an authentic fragment. False: it may not be kept. */
static bool keep(struct step *s, struct frag_queue *q, bool response, const struct opened *m)
{
	struct ike *e = s->e;
	size_t most = min_z(MESSAGE_MAX, e->setup.max_packet);
	if (q->size + m->plain.n > most) {
		if (heard(s))
			note(s, s->sa->tun, NOTE_CONTROL, "a message in fragments is longer than the %zu bytes allowed", most);
		frag_drop(e, s->sa, response);
		return false;
	}
	if (!fits(s, m->plain.n) || !blob_set(e, &q->piece[m->number - 1], m->plain.p, m->plain.n))
		return false;
	e->frags_held += m->plain.n;
	q->size += m->plain.n;
	q->have |= bit(m->number);
	if (m->number == 1) {
		q->first = m->first;
		q->first_hash = m->hash;
	}
	return true;
}

/* All are there: the message into e->open. */
static void put_together(struct step *s, const struct frag_queue *q, struct opened *m)
{
	struct wr w = wr_init(s->e->open, sizeof s->e->open);
	for (size_t i = 0; i < q->total; i++)
		wr_bytes(&w, q->piece[i].p, q->piece[i].n);
	m->plain = SPAN(s->e->open, w.len);
	m->first = q->first;
	m->hash = q->first_hash;
	m->total = q->total;
}

/* RFC 7383 2.6 */
static enum frag_got take_fragment(struct step *s, const struct ike_payloads *outer, struct opened *m)
{
	struct ike *e = s->e;
	bool response = s->hdr.flags & IKE_F_RESPONSE;
	struct frag_queue *q = s->sa->frags[response];
	struct ike_skf f;
	if (ike_skf_decode(ike_payload_find(outer, P_SKF)->body, &f) != WIRE_OK || f.total > FRAGS_MAX)
		return FRAG_BAD;
	if (is_of(q, &s->hdr) && known(q, &f))
		return FRAG_WAIT;
	if (!open_one(e, &s->sa->rx, s->d->data, outer, e->open, sizeof e->open, m) || m->err != WIRE_OK)
		return FRAG_BAD;
	/* From here on it is authentic; a larger total is another set of the same message. */
	if (!is_of(q, &s->hdr) || m->total > q->total)
		q = begin(s, response, m);
	if (!q || !keep(s, q, response, m))
		return FRAG_WAIT;
	if (q->have != UINT64_MAX >> (FRAGS_MAX - q->total)) {
		if (heard(s))
			note(s, s->sa->tun, NOTE_CONTROL, "received fragment #%u of %u, waiting for complete IKE message", m->number,
			     m->total);
		return FRAG_WAIT;
	}
	put_together(s, q, m);
	if (heard(s))
		note(s, s->sa->tun, NOTE_CONTROL, "received fragment #%u of %u, reassembled fragmented IKE message (%zu bytes)",
		     m->number, m->total, m->plain.n);
	frag_drop(e, s->sa, response);
	return FRAG_WHOLE;
}

enum frag_got frag_open(struct step *s, const struct ike_payloads *outer, struct opened *m)
{
	struct ike *e = s->e;
	m->hash = hmap_hash(&e->sas_by_init, s->d->data.p, s->d->data.n);
	if (ike_payload_find(outer, P_SKF))
		return take_fragment(s, outer, m);
	if (!open_one(e, &s->sa->rx, s->d->data, outer, e->open, sizeof e->open, m))
		return FRAG_BAD;
	frag_drop(e, s->sa, s->hdr.flags & IKE_F_RESPONSE); /* of this message, or of one before it */
	return FRAG_WHOLE;
}

bool frag_again(struct step *s)
{
	struct ike_sa *sa = s->sa;
	struct ike_payloads outer;
	struct opened m;
	if (ike_payloads_decode(s->hdr.next, span_behind(s->d->data, IKE_HDR_LEN), &outer) != WIRE_OK ||
	    !ike_payload_find(&outer, P_SKF) ||
	    !open_one(s->e, &sa->rx, s->d->data, &outer, s->e->open, sizeof s->e->open, &m))
		return false;
	/* RFC 7383 2.6.1: the first fragment alone asks for the response; 2.5.2: and only of a set that is new. */
	if (m.number != 1 || m.total <= sa->rx_total)
		return false;
	sa->rx_total = m.total;
	sa->response_to = hmap_hash(&s->e->sas_by_init, s->d->data.p, s->d->data.n);
	(void)frag_smaller(s, &sa->response);
	return true;
}
