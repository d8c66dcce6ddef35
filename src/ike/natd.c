/* NAT detection and its consequences (RFC 7296 2.23): hashes, the float to the NAT-T port, following a peer whose
 * mapping changed. */
#include "ike/ike_int.h"

#include <string.h>

void natd_hash(struct ike *e, uint64_t spi_i, uint64_t spi_r, const struct endpoint *ep, uint8_t out[20])
{
	uint8_t in[8 + 8 + 16 + 2];
	struct wr w = wr_init(in, sizeof in);
	wr_u64(&w, spi_i);
	wr_u64(&w, spi_r);
	wr_bytes(&w, ep->addr.b, addr_len(&ep->addr));
	wr_u16(&w, ep->port);
	struct span v = SPAN(in, w.len);
	if (crypto_sha1(e->crypto, &v, 1, out) != 0)
		memset(out, 0, 20);
}

void natd_encode(struct step *s, struct ike_enc *enc, uint64_t spi_i, uint64_t spi_r)
{
	uint8_t hash[20];
	natd_hash(s->e, spi_i, spi_r, &s->sa->local, hash);
	if (s->sa->force_encap)
		rng_fill(s->e->rng, hash, sizeof hash); /* a source that no one has: both sides see a NAT */
	ike_enc_notify(enc, PROTO_NONE, SPAN(NULL, 0), N_NAT_DETECTION_SOURCE_IP, SPAN(hash, sizeof hash));
	natd_hash(s->e, spi_i, spi_r, &s->sa->remote, hash);
	ike_enc_notify(enc, PROTO_NONE, SPAN(NULL, 0), N_NAT_DETECTION_DESTINATION_IP, SPAN(hash, sizeof hash));
}

void natd_detect(struct step *s)
{
	uint8_t here[20], there[20];
	bool src_seen = false, src_match = false, dst_seen = false, dst_match = false;
	natd_hash(s->e, s->hdr.spi_i, s->hdr.spi_r, &s->d->local, here);
	natd_hash(s->e, s->hdr.spi_i, s->hdr.spi_r, &s->d->remote, there);
	for (size_t i = 0; i < s->pl->n; i++) {
		struct ike_notify n;
		if (s->pl->v[i].type != P_N || ike_notify_decode(s->pl->v[i].body, &n) != WIRE_OK || n.data.n != 20)
			continue;
		/* Several source hashes may come: one per address the peer may send from. */
		if (n.type == N_NAT_DETECTION_SOURCE_IP) {
			src_seen = true;
			src_match |= memcmp(n.data.p, there, 20) == 0;
		} else if (n.type == N_NAT_DETECTION_DESTINATION_IP) {
			dst_seen = true;
			dst_match |= memcmp(n.data.p, here, 20) == 0;
		}
	}
	s->sa->nat_there = src_seen && !src_match;
	s->sa->nat_here = dst_seen && !dst_match;
}

bool natd_float_needed(const struct ike_sa *sa) { return sa->nat_here || sa->nat_there || sa->force_encap; }

/* The endpoint of a peer behind a NAT follows its newest authenticated request. */
void natd_follow(struct step *s)
{
	struct ike_sa *sa = s->sa;
	if (endpoint_eq(&sa->remote, &s->d->remote) && endpoint_eq(&sa->local, &s->d->local))
		return;
	/* RFC 7296 2.23: the one that is behind a NAT itself should not follow, an attacker could move it. */
	bool same_addr = addr_eq(&sa->remote.addr, &s->d->remote.addr) && addr_eq(&sa->local.addr, &s->d->local.addr);
	if (sa->state >= ST_ESTABLISHED && (!sa->nat_there || !same_addr))
		return;
	uint16_t old_port = sa->remote.port;
	sa->local = s->d->local;
	sa->remote = s->d->remote;
	sa->natt_port = s->d->natt_port;
	LIST_EACH(it, tmp, &sa->children) {
		struct child *c = LIST_ENTRY(it, struct child, link);
		/* A NAT may map ESP in UDP apart from IKE: only a child that went along before goes along now. */
		if (c->p.encap && c->state >= CH_UP && c->p.encap_dport == old_port) {
			struct endpoint ep = {.addr = c->p.remote, .port = sa->remote.port};
			natd_mapping(s, c, &ep);
		}
	}
}

void natd_mapping(struct step *s, struct child *c, const struct endpoint *source)
{
	if (!addr_eq(&source->addr, &c->p.remote) || source->port == c->p.encap_dport || !c->p.encap)
		return;
	c->p.encap_dport = source->port;
	if (c->half) /* its outbound SA is made with it */
		return;
	struct ike_act *a = act_add(s, IKE_ACT_CHILD_MOVE, c->tun);
	a->move.child_id = c->id;
	a->move.sa = c->p;
	child_sa_wipe(&a->move.sa);
	note(s, c->tun, NOTE_CONTROL, "NAT mapping of ESP from %s{%u} changed to port %u", ike_tun_name(c->tun), c->id,
	     source->port);
}
