/* What the configuration of a tunnel allows: the re-validation that makes ike's word worth nothing by itself.
 * One function per noun; each refusal is a sentence. */
#include <errno.h>
#include <string.h>

#include "privsep/actor_int.h"

/* --- Addresses --- */

static bool in_locals(const struct actor *a, const struct addr *local)
{
	for (size_t i = 0; i < a->n_local; i++) {
		if (addr_eq(&a->local[i], local))
			return true;
	}
	return false;
}

/* The list is read again when the kernel said that it changed, and before a no: the event may still be under way. */
bool actor_local_ours(struct actor *a, const struct addr *local)
{
	if (a->locals_fresh && in_locals(a, local))
		return true;
	size_t n = 0;
	int rc = kernel_addr_list(a->env.kernel, a->local, LOCALS_MAX, &n);
	if (rc < 0 && rc != -ENOSPC) /* more than there is room for: the first ones count */
		return false;
	a->n_local = min_z(n, LOCALS_MAX);
	a->locals_fresh = true;
	return in_locals(a, local);
}

/* No host can have these: unspecified, multicast, limited broadcast (RFC 1122 3.2.1.3, RFC 4291 2.7). */
static bool host_possible(const struct addr *x)
{
	if (addr_is_any(x))
		return false;
	if (x->family == AF_V4)
		return x->b[0] > 0 && x->b[0] < 224;
	return x->b[0] != 0xff;
}

static bool host_allows(const struct tstate *s, const struct conf_host *h, const struct addr *x)
{
	switch (h->kind) {
	case HOST_ANY:
		return h->family == AF_NONE || h->family == x->family;
	case HOST_ADDR:
		return addr_eq(&h->lo, x);
	case HOST_RANGE:
		return h->lo.family == x->family && addr_cmp(&h->lo, x) <= 0 && addr_cmp(x, &h->hi) <= 0;
	case HOST_NAME:
		for (size_t i = 0; i < s->n_known; i++) {
			if (addr_eq(&s->known[i].addr, x))
				return true;
		}
		return false;
	default:
		return false;
	}
}

/* A peer whose name has moved on keeps what it has: an address with a live child of this tunnel stays allowed. */
bool actor_remote_allowed(struct actor *a, const struct tstate *s, const struct addr *remote)
{
	const struct conf_end *e = &s->t->remote;
	if (!host_possible(remote))
		return false;
	if (e->n_hosts == 0 || e->allow_any)
		return true;
	for (uint8_t i = 0; i < e->n_hosts && i < CONF_HOSTS_MAX; i++) {
		if (host_allows(s, &e->host[i], remote))
			return true;
	}
	return children_of_tunnel(&a->children, s->name, &(struct addr){.family = AF_NONE}, remote);
}

bool actor_move_allowed(struct actor *a, const struct tstate *s, const struct addr *remote)
{
	return (s->t->mobike && host_possible(remote)) || actor_remote_allowed(a, s, remote);
}

int actor_check_ends(struct actor *a, const struct tstate *s, const struct addr *local, const struct addr *remote,
               struct actor_out *out)
{
	char text[ADDR_TEXT];
	if (local->family != remote->family)
		return actor_refuse(out, -EAFNOSUPPORT, "the two addresses are of different families");
	if (!actor_local_ours(a, local))
		return actor_refuse(out, -EADDRNOTAVAIL, "%s is not an address of this host", addr_str(local, text));
	/* First what is found at once: a hub's peers that have moved renew where they are. */
	if (!children_of_tunnel(&a->children, s->name, local, remote) && !actor_remote_allowed(a, s, remote))
		return actor_refuse(out, -EACCES, "%s is not an address of the peer of this tunnel",
		                    addr_str(remote, text));
	return 0;
}

/* --- Identities --- */

/* An end without an id is known by its address, which behind NAT can be any. */
static bool end_is(const struct conf_end *e, const struct ident *id)
{
	if (e->id_set)
		return ident_match(id, &e->id) != IDENT_NO;
	return e->n_hosts == 0 || e->allow_any || e->host[0].kind == HOST_NAME || e->host[0].kind == HOST_ANY ||
	       id->type == ID_IPV4_ADDR || id->type == ID_IPV6_ADDR;
}

bool actor_identities_fit(const struct tunnel_conf *t, const struct ident *me, const struct ident *peer)
{
	return end_is(&t->local, me) && end_is(&t->remote, peer);
}

/* --- A child SA --- */

static bool has(const struct proposal *p, uint8_t type, uint16_t id, uint16_t bits)
{
	return proposal_has(p, &(struct transform){.type = type, .id = id, .key_bits = bits});
}

/* id 0 stands for the absence of the whole type. */
static bool fits(const struct proposal *p, uint8_t type, uint16_t id)
{
	return has(p, type, id, 0) || (id == 0 && !proposal_has_type(p, type));
}

/* A child that comes with the IKE SA has no key exchange of its own, whatever the proposal says (RFC 7296 1.2). A peer
 * that insists on one has its way. */
static bool suite_allowed(const struct proposals *v, const struct suite *s)
{
	for (size_t i = 0; i < v->n; i++) {
		const struct proposal *p = &v->p[i];
		if (has(p, T_ENCR, s->encr, s->encr_bits) && fits(p, T_INTEG, s->integ) && fits(p, T_ESN, s->esn) &&
		    (s->dh == DH_NONE || has(p, T_DH, s->dh, 0) || !proposal_has_type(p, T_DH)))
			return true;
	}
	return false;
}

static bool keys_fit(const struct esp_sa *e, const struct suite *s)
{
	return e->encr.len == suite_encr_key_len(s) && e->integ.len == suite_integ_key_len(s);
}

static bool selector_allowed(const struct tunnel_conf *t, const struct selector *s)
{
	uint8_t proto = t->local.proto ? t->local.proto : t->remote.proto;
	return (proto == 0 || s->proto == proto) && (t->remote.proto == 0 || s->proto == t->remote.proto) &&
	       (t->local.port == 0 || s->local_port == t->local.port) &&
	       (t->remote.port == 0 || s->remote_port == t->remote.port);
}

/* conf 0: no limit. A tunnel that does not rekey may have SAs without limits. */
static bool limit_allowed(uint64_t conf, bool rekey, uint64_t soft, uint64_t hard)
{
	if (hard && soft > hard)
		return false;
	if (conf == 0)
		return true;
	return hard ? hard <= conf : !rekey;
}

static bool life_allowed(const struct tunnel_conf *t, const struct lifetime *l)
{
	const struct conf_life *c = &t->child_life;
	return limit_allowed((uint64_t)dur_to_s(c->life), t->rekey, l->soft_s, l->hard_s) &&
	       limit_allowed(c->bytes, t->rekey, l->soft_bytes, l->hard_bytes) &&
	       limit_allowed(c->packets, t->rekey, l->soft_packets, l->hard_packets);
}

static bool marks_allowed(const struct tunnel_conf *t, const struct child_sa *sa)
{
	return sa->mark_in == t->mark_in && sa->mark_in_mask == t->mark_in_mask && sa->mark_out == t->mark_out &&
	       sa->mark_out_mask == t->mark_out_mask;
}

static int check_peer(struct actor *a, const struct tstate *s, const struct m_child_install *m, struct actor_out *out)
{
	char who[IDENT_TEXT], text[ADDR_TEXT];
	struct sbuf b = SB(who);
	if (!end_is(&s->t->remote, &m->peer)) {
		sb_ident(&b, &m->peer);
		return actor_refuse(out, -EACCES, "%s is not the peer of this tunnel", who);
	}
	if (a->env.esp)
		return 0; /* an SA is known by its SPI, and a device by its tunnel */
	/* Two peers behind one NAT address would share one policy: the kernel could not tell their packets apart. */
	const struct child *k = children_of_pair(&a->children, &m->sa, NULL);
	if (!k || (ident_eq(&k->peer, &m->peer) && strcmp(k->tunnel, s->name) == 0))
		return 0;
	sb_ident(&b, &k->peer);
	return actor_refuse(out, -EADDRINUSE,
	                    "%s already carries the tunnel %s of the peer %s; a second peer behind the same address "
	                    "cannot be told apart from it",
	                    addr_str(&m->sa.remote, text), k->tunnel, who);
}

/* The addresses of an SA were right when its SPI was given out. With MOBIKE they may have changed since: then it is moved next. */
static bool ends_known(const struct actor *a, const struct tstate *s, const struct child_sa *sa)
{
	const struct spi *p = actor_spi_find(a, sa->in.spi);
	return p && p->owner == s && s->t->mobike && addr_eq(&p->local, &sa->local) && addr_eq(&p->remote, &sa->remote);
}

int actor_check_child(struct actor *a, const struct tstate *s, const struct m_child_install *m, struct actor_out *out)
{
	const struct tunnel_conf *t = s->t;
	const struct child_sa *sa = &m->sa;
	if (!ends_known(a, s, sa) && actor_check_ends(a, s, &sa->local, &sa->remote, out) < 0)
		return out->status;
	if (!selector_allowed(t, &sa->sel))
		return actor_refuse(out, -EPERM, "protocol %u or its ports are not what this tunnel carries",
		                    sa->sel.proto);
	if (!suite_allowed(conf_proposals(a->conf, t->esp), &sa->suite))
		return actor_refuse(out, -EPERM, "the algorithms are in none of this tunnel's esp proposals");
	if (!keys_fit(&sa->in, &sa->suite) || !keys_fit(&sa->out, &sa->suite))
		return actor_refuse(out, -EINVAL, "the keys do not have the length of the algorithms");
	if (!life_allowed(t, &sa->life))
		return actor_refuse(out, -ERANGE, "the lifetime is longer than this tunnel's");
	if (!marks_allowed(t, sa) || sa->replay_window != t->replay_window || sa->install_policy != t->install_policy)
		return actor_refuse(out, -EPERM, "marks, replay window or installpolicy are not this tunnel's");
	if (a->env.esp && sa->sel.proto != 47)
		return actor_refuse(out, -EPROTONOSUPPORT, "the data plane in user space carries GRE only, and this tunnel "
		                    "is for more: protocol = \"gre\", or dataplane = \"kernel\"");
	if (a->env.esp && !sa->encap)
		return actor_refuse(out, -EOPNOTSUPP, "the data plane in user space carries ESP in UDP only");
	if (sa->encap && (sa->encap_sport != a->conf->setup.port_nat_t || sa->encap_dport == 0))
		return actor_refuse(out, -EPERM, "ESP in UDP goes through our port %u only", a->conf->setup.port_nat_t);
	return check_peer(a, s, m, out);
}
