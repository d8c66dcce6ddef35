/* NAT detection and its consequences (RFC 7296 2.23): hashes, the float to the NAT-T port, following a peer whose
 * mapping changed; and how child SAs follow their IKE SA to other endpoints, for whatever reason. */
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

void natd_encode(struct step *s, struct ike_enc *enc, uint64_t spi_i, uint64_t spi_r, const struct endpoint *local,
                 const struct endpoint *remote)
{
	uint8_t hash[20];
	natd_hash(s->e, spi_i, spi_r, local, hash);
	if (s->sa->force_encap)
		rng_fill(s->e->rng, hash, sizeof hash); /* a source that no one has: both sides see a NAT */
	ike_enc_notify(enc, PROTO_NONE, SPAN(NULL, 0), N_NAT_DETECTION_SOURCE_IP, SPAN(hash, sizeof hash));
	natd_hash(s->e, spi_i, spi_r, remote, hash);
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

/* --- to other endpoints --- */

static void child_to(struct step *s, struct child *c, const struct endpoint *local, const struct endpoint *remote, bool encap)
{
	uint16_t sport = encap ? local->port : 0, dport = encap ? remote->port : 0;
	bool elsewhere = !addr_eq(&local->addr, &c->p.local) || !addr_eq(&remote->addr, &c->p.remote);
	if (!elsewhere && c->p.encap == encap && c->p.encap_sport == sport && c->p.encap_dport == dport)
		return;
	if (c->half && elsewhere) /* it follows when it is whole */
		return;
	c->p.local = local->addr;
	c->p.remote = remote->addr;
	c->p.encap = encap;
	c->p.encap_sport = sport;
	c->p.encap_dport = dport;
	if (c->half) /* its outbound SA is made with it */
		return;
	if (!c->wait.ticket) /* else another answer is awaited, and tells as much */
		wait_for(s->e, &c->wait, IKE_FACT_MOVED);
	struct ike_act *a = act_add(s, IKE_ACT_CHILD_MOVE, c->tun);
	a->ticket = c->wait.fact == IKE_FACT_MOVED ? c->wait.ticket : 0;
	a->move.child_id = c->id;
	a->move.sa = c->p;
	child_sa_wipe(&a->move.sa);
	if (elsewhere && c->state == CH_UP)
		tell_tunnel(s, c->tun, IKE_EV_CHILD_MOVED, c->sa, c, false, NULL);
}

void natd_child(struct step *s, struct child *c)
{
	const struct ike_sa *sa = c->sa;
	child_to(s, c, &sa->local, &sa->remote, natd_float_needed(sa) && sa->natt_port);
}

void natd_keep_alive(struct step *s)
{
	dur_t pause = s->e->setup.keep_alive;
	bool on = s->sa->nat_here && pause > 0;
	sa_due(s->e, s->sa, T_KEEPALIVE, on ? mono_add(s->now, pause) : MONO_NEVER);
}

void natd_settle(struct step *s)
{
	struct ike_sa *sa = s->sa;
	LIST_EACH(it, tmp, &sa->children) {
		struct child *c = LIST_ENTRY(it, struct child, link);
		if (c->state >= CH_UP)
			natd_child(s, c);
	}
	natd_keep_alive(s);
	sa->ways.moved_at = s->now;
	/* priv has set the guard before it moved a child there. */
	tell_peer_known(s, sa->tun, &sa->local.addr, &sa->remote.addr);
	ike_tun_peer_at(s->e, sa->tun, &sa->remote.addr);
}

/* Whether an authenticated message from elsewhere moves an established SA. */
static bool follows(const struct ike_sa *sa, const struct endpoint *local, const struct endpoint *remote)
{
	/* RFC 4555 3.8: with MOBIKE nothing moves that does not ask for it. */
	if (sa->ways.mobike || !sa->nat_there || !addr_eq(&sa->local.addr, &local->addr))
		return false;
	/* RFC 7296 2.23: who is behind a NAT itself should not follow, an attacker could move it: another port is as far as it goes. */
	return addr_eq(&sa->remote.addr, &remote->addr) || !sa->nat_here || !sa->initiator;
}

/* RFC 4555 has no word for the end that may say nothing and whose NAT has given it another port: the one that decides sees it, and moves. */
static bool remapped(const struct step *s)
{
	const struct ike_sa *sa = s->sa;
	return sa->state == ST_ESTABLISHED && sa->ways.mobike && sa->ways.decides && sa->nat_there &&
	       endpoint_eq(&sa->local, &s->d->local) && addr_eq(&sa->remote.addr, &s->d->remote.addr);
}

void natd_follow(struct step *s)
{
	struct ike_sa *sa = s->sa;
	struct endpoint was = sa->remote;
	if (endpoint_eq(&was, &s->d->remote) && endpoint_eq(&sa->local, &s->d->local))
		return;
	if (!(s->hdr.flags & IKE_F_RESPONSE) && remapped(s)) { /* mobike_answer() looks at answers */
		roam_use(s, &sa->local.addr, &s->d->remote);
		return;
	}
	if (sa->state >= ST_ESTABLISHED && !follows(sa, &s->d->local, &s->d->remote))
		return;
	sa->local = s->d->local;
	sa->remote = s->d->remote;
	sa->natt_port = s->d->natt_port;
	if (sa->state < ST_ESTABLISHED)
		return;
	if (!addr_eq(&was.addr, &sa->remote.addr)) {
		natd_settle(s);
		return;
	}
	LIST_EACH(it, tmp, &sa->children) {
		struct child *c = LIST_ENTRY(it, struct child, link);
		/* A NAT may map ESP in UDP apart from IKE: only a child that went along before goes along now. */
		if (c->p.encap && c->state >= CH_UP && c->p.encap_dport == was.port)
			natd_child(s, c);
	}
}

/* ESP that was authentic: of c, from source. */
void natd_mapping(struct step *s, struct child *c, const struct endpoint *source)
{
	struct ike_sa *sa = c->sa;
	char a[ADDR_TEXT];
	bool same = addr_eq(&source->addr, &c->p.remote);
	if (!c->p.encap || c->state < CH_UP || (same && source->port == c->p.encap_dport))
		return;
	note(s, c->tun, NOTE_CONTROL, "ESP of %s{%u} comes from %s, port %u", ike_tun_name(c->tun), c->id,
	     addr_str(&source->addr, a), source->port);
	if (same) {
		child_to(s, c, &(struct endpoint){.addr = c->p.local, .port = c->p.encap_sport}, source, true);
		/* IKE may have kept its mapping, or not: natd_way() asks at both in turn, and what waits for an answer now here. */
		struct step sub = step_sub(s, sa);
		if (!window_free(sa) && sa->state >= ST_ESTABLISHED) {
			sa->req.tries |= 1;
			window_send(&sub, &sa->req.msg);
		}
		return;
	}
	if (!sa->nat_there || (sa->nat_here && sa->initiator) || addr_eq(&source->addr, &c->p.local))
		return;
	struct step sub = step_sub(s, sa);
	sa->remote = *source;
	natd_settle(&sub);
}

struct natd_way natd_way(const struct ike_sa *sa, bool response)
{
	struct natd_way w = {.local = sa->local, .remote = sa->remote, .natt = sa->natt_port};
	uint32_t again = sa->req.tries;
	if (response)
		return (struct natd_way){.local = sa->rx_local, .remote = sa->rx_remote, .natt = sa->rx_natt};
	if (sa->state < ST_ESTABLISHED || again == 0)
		return w;
	if (again % 2 == 0) {
		if (sa->ways.other_ok)
			w.remote.addr = *roam_other(sa, again);
		return w;
	}
	LIST_EACH(it, tmp, &sa->children) {
		const struct child *c = LIST_ENTRY(it, struct child, link);
		if (c->p.encap && c->state == CH_UP && addr_eq(&c->p.remote, &sa->remote.addr))
			w.remote.port = c->p.encap_dport;
	}
	return w;
}
