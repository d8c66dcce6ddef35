/* Choosing a suite out of two lists of proposals (RFC 7296 2.7, 3.3), and checking the other side's choice. */
#include "ike/ike_int.h"

#include <string.h>

static void suite_set(struct suite *s, const struct transform *t)
{
	switch (t->type) {
	case T_ENCR:
		s->encr = t->id;
		s->encr_bits = t->key_bits;
		break;
	case T_PRF:
		s->prf = t->id;
		break;
	case T_INTEG:
		s->integ = t->id;
		break;
	case T_DH:
		s->dh = t->id;
		break;
	case T_ESN:
		s->esn = (uint8_t)t->id;
		break;
	}
}

/* The first transform of `type` in first that second has as well. A side that has none of a type is
 * content with "none" (id 0) of the other, where that exists. */
static bool pick(const struct proposal *first, const struct proposal *second, uint8_t type, struct suite *out)
{
	bool a = proposal_has_type(first, type), b = proposal_has_type(second, type);
	if (!a && !b)
		return true;
	const struct transform none = {.type = type};
	if (!a || !b)
		return type != T_ENCR && type != T_PRF && proposal_has(a ? first : second, &none);
	for (size_t i = 0; i < first->n; i++) {
		if (first->t[i].type == type && proposal_has(second, &first->t[i])) {
			suite_set(out, &first->t[i]);
			return true;
		}
	}
	return false;
}

/* RFC 7296 2.9.2 leaves PFS to policy: ours without a group takes any sound group that the peer insists on. */
static bool pick_pfs(const struct proposal *mine, const struct proposal *theirs, struct suite *out)
{
	if (proposal_has_type(mine, T_DH))
		return false;
	for (size_t i = 0; i < theirs->n; i++) {
		const struct transform *t = &theirs->t[i];
		if (t->type == T_DH && t->id != DH_NONE && dh_supported(t->id)) {
			suite_set(out, t);
			return true;
		}
	}
	return false;
}

static bool match(const struct proposal *mine, const struct proposal *theirs, bool prefer_mine, unsigned flags,
                  struct suite *out)
{
	const struct proposal *first = prefer_mine ? mine : theirs, *second = prefer_mine ? theirs : mine;
	*out = (struct suite){0};
	for (uint8_t type = T_ENCR; type <= T_ESN; type++) {
		if (type == T_DH && !(flags & NEG_DH))
			continue;
		if (pick(first, second, type, out))
			continue;
		if (type == T_DH && (flags & NEG_ACCEPT_PFS) && pick_pfs(mine, theirs, out))
			continue;
		return false;
	}
	const struct algo *encr = suite_algo(out, T_ENCR);
	/* RFC 5282 8: an AEAD comes without integrity, anything else needs it. */
	return encr && (encr->flags & ALGO_AEAD ? out->integ == AUTH_NONE : out->integ != AUTH_NONE);
}

bool negotiate(const struct proposals *mine, const struct proposals *theirs, bool prefer_mine, unsigned flags,
               struct suite *out, uint8_t *number, uint64_t *spi)
{
	const struct proposals *first = prefer_mine ? mine : theirs, *second = prefer_mine ? theirs : mine;
	for (size_t i = 0; i < first->n; i++) {
		for (size_t j = 0; j < second->n; j++) {
			const struct proposal *m = prefer_mine ? &first->p[i] : &second->p[j];
			const struct proposal *t = prefer_mine ? &second->p[j] : &first->p[i];
			if (m->proto != t->proto || !match(m, t, prefer_mine, flags, out))
				continue;
			*number = t->number;
			*spi = t->spi;
			return true;
		}
	}
	return false;
}

bool negotiate_check(const struct proposals *offered, const struct proposals *chosen, unsigned flags, struct suite *out,
                     uint64_t *spi)
{
	if (chosen->n != 1)
		return false;
	const struct proposal *c = &chosen->p[0];
	for (size_t i = 0; i < c->n; i++) {
		for (size_t j = i + 1; j < c->n; j++) {
			if (c->t[i].type == c->t[j].type)
				return false;
		}
	}
	for (size_t i = 0; i < offered->n; i++) {
		const struct proposal *o = &offered->p[i];
		if (o->number != c->number || o->proto != c->proto || !match(o, c, true, flags, out))
			continue;
		for (size_t j = 0; j < c->n; j++) {
			bool none = c->t[j].id == 0 && c->t[j].key_bits == 0;
			bool ignored = c->t[j].type == T_DH && !(flags & NEG_DH);
			if (!ignored && !none && !proposal_has(o, &c->t[j]))
				return false;
		}
		*spi = c->spi;
		return true;
	}
	return false;
}

static void add(struct proposal *p, uint8_t type, uint16_t id, uint16_t bits)
{
	p->t[p->n++] = (struct transform){.type = type, .id = id, .key_bits = bits};
}

void suite_to_proposal(const struct suite *s, uint8_t proto, uint8_t number, uint64_t spi, uint8_t spi_len, bool dh,
                       struct proposals *out)
{
	*out = (struct proposals){.n = 1};
	struct proposal *p = &out->p[0];
	p->number = number;
	p->proto = proto;
	p->spi = spi;
	p->spi_len = spi_len;
	add(p, T_ENCR, s->encr, s->encr_bits);
	if (proto == PROTO_IKE)
		add(p, T_PRF, s->prf, 0);
	if (s->integ != AUTH_NONE)
		add(p, T_INTEG, s->integ, 0);
	if (dh && s->dh != DH_NONE)
		add(p, T_DH, s->dh, 0);
	if (proto == PROTO_ESP)
		add(p, T_ESN, s->esn, 0);
}

void proposals_prepare(const struct proposals *conf, uint8_t proto, uint64_t spi, uint8_t spi_len, bool dh,
                       struct proposals *out)
{
	*out = (struct proposals){0};
	for (size_t i = 0; conf && i < conf->n; i++) {
		struct proposal *p = &out->p[out->n++];
		p->number = out->n;
		p->proto = proto;
		p->spi = spi;
		p->spi_len = spi_len;
		for (size_t j = 0; j < conf->p[i].n; j++) {
			if (conf->p[i].t[j].type != T_DH || dh)
				p->t[p->n++] = conf->p[i].t[j];
		}
		/* RFC 7296 3.3.3: ESN is mandatory for ESP. */
		if (proto == PROTO_ESP && !proposal_has_type(p, T_ESN) && p->n < TRANSFORMS_MAX)
			add(p, T_ESN, ESN_NO, 0);
	}
}

uint16_t proposals_first_group(const struct proposals *p)
{
	for (size_t i = 0; p->n && i < p->p[0].n; i++) {
		if (p->p[0].t[i].type == T_DH)
			return p->p[0].t[i].id;
	}
	return DH_NONE;
}

bool proposals_has_group(const struct proposals *p, uint16_t group)
{
	const struct transform want = {.type = T_DH, .id = group};
	for (size_t i = 0; i < p->n; i++) {
		if (proposal_has(&p->p[i], &want))
			return true;
	}
	return false;
}
