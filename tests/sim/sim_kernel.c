/* The make-believe priv and kernel of a host: does what the actions say, keeps the books, answers with facts. */
#include "sim_int.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void answer(struct sim_node *n, const struct ike_act *a, struct ike_fact f, const void *octets, size_t len)
{
	struct sim_event e = {.kind = SIM_FACT, .node = n, .fact = f, .life = n->n_lives};
	e.fact.ticket = a->ticket;
	if (len) {
		e.octets = malloc(len);
		memcpy(e.octets, octets, len);
		e.fact.octets = SPAN(e.octets, len);
	}
	struct sim *s = n->sim;
	dur_t more = s->priv_delay_more ? (dur_t)rng_below(&s->rng.rng, (uint64_t)s->priv_delay_more) : 0;
	/* The channel keeps the order. */
	mono_t at = s->now + s->priv_delay + more;
	n->answered = at < n->answered ? n->answered : at;
	sim_event_add(s, n->answered - s->now, e);
}

/* What the host is to answer with: as it is set, else perhaps at random. */
static int failure(struct sim_node *n, int set)
{
	struct sim *s = n->sim;
	if (!set && s->priv_fail && rng_below(&s->rng.rng, 1000) < s->priv_fail)
		return -EAGAIN;
	return set;
}

static void fault(struct sim_node *n, const char *what, uint32_t spi)
{
	n->faults++;
	sim_log(n, "FAULT: %s %08x", what, spi);
}

/* --- PATH --- */

static void act_path(struct sim_node *n, const struct ike_act *a)
{
	const struct tunnel_conf *t = conf_tunnel(n->conf, a->tunnel - 1);
	struct ike_fact f = {.type = IKE_FACT_PATH, .status = failure(n, n->fail_path), .local = {.addr = n->addr}};
	if (a->path.remote.family)
		f.remote.addr = a->path.remote;
	else if (t->remote.n_hosts && t->remote.host[0].kind == HOST_ADDR)
		f.remote.addr = t->remote.host[0].lo;
	else if (n->dns.family)
		f.remote.addr = n->dns;
	else if (!f.status)
		f.status = -ENOENT;
	if (a->path.remote.family && addr_eq(&n->inside, &a->path.remote))
		f.status = -ENETUNREACH;
	f.text = f.status ? "no route to the peer" : NULL;
	n->paths++;
	answer(n, a, f, NULL, 0);
}

/* --- PSK --- */

static int auth_value(struct sim_node *n, uint16_t id, const struct psk *k, struct span octets, uint8_t *out)
{
	static const char pad_text[] = "Key Pad for IKEv2";
	uint8_t padded[64];
	struct span pad = SPAN(pad_text, sizeof pad_text - 1);
	int r = prf(n->sim->crypto, id, SPAN(k->key, k->key_len), &pad, 1, padded);
	return r ? r : prf(n->sim->crypto, id, SPAN(padded, prf_len(id)), &octets, 1, out);
}

int sim_auth(struct sim_node *n, uint16_t prf_id, uint32_t key, const struct ident *me, const struct ident *peer,
             struct span octets, uint8_t *out)
{
	size_t v[16], c = psk_candidates(&n->psks, me, peer, v, ARRAY_LEN(v));
	if (key)
		v[0] = key - 1;
	else if (!c)
		return -ENOKEY;
	return auth_value(n, prf_id, &n->psks.v[v[0]], octets, out);
}

static void act_sign(struct sim_node *n, const struct ike_act *a)
{
	uint8_t out[64] = {0};
	struct ike_fact f = {.type = IKE_FACT_SIGNED, .status = failure(n, n->fail_sign)};
	if (a->sign.octets.n == 0)
		fault(n, "asked to sign nothing", 0);
	if (!f.status)
		f.status = sim_auth(n, a->sign.prf, a->sign.key, &a->sign.me, &a->sign.peer, a->sign.octets, out);
	answer(n, a, f, out, f.status ? 0 : prf_len(a->sign.prf));
}

static void act_verify(struct sim_node *n, const struct ike_act *a)
{
	size_t v[16], c = psk_candidates(&n->psks, &a->verify.me, &a->verify.peer, v, ARRAY_LEN(v));
	uint8_t want[64];
	struct ike_fact f = {.type = IKE_FACT_VERIFIED, .status = failure(n, n->fail_verify)};
	if (a->verify.octets.n == 0)
		fault(n, "asked to verify nothing", 0);
	f.n_tried = (uint32_t)c;
	for (size_t i = 0; i < c && !f.key; i++) {
		if (auth_value(n, a->verify.prf, &n->psks.v[v[i]], a->verify.octets, want) == 0 &&
		    a->verify.auth.n == prf_len(a->verify.prf) &&
		    crypto_equal(want, a->verify.auth.p, a->verify.auth.n))
			f.key = (uint32_t)v[i] + 1;
	}
	if (!f.status && !f.key)
		f.status = c ? -EBADMSG : -ENOKEY;
	answer(n, a, f, NULL, 0);
}

static void act_mix(struct sim_node *n, const struct ike_act *a)
{
	uint8_t out[3 * 64] = {0};
	struct ike_fact f = {.type = IKE_FACT_MIXED, .status = n->fail_mix};
	const char *want = conf_ppk(n->conf, conf_tunnel(n->conf, a->tunnel - 1));
	bool ours = strcmp(want, a->mix.id) == 0 || strcmp(want, CONF_PPK_ANY) == 0;
	const struct ppk *k = ours ? psk_ppk(&n->psks, a->mix.id) : NULL;
	size_t len = prf_len(a->mix.prf);
	if (a->mix.keys.n != 3 * len)
		fault(n, "asked to mix what are no keys", 0);
	if (!f.status && !k)
		f.status = -ENOKEY;
	for (size_t i = 0; i < 3 && !f.status; i++) {
		struct span key = SPAN(a->mix.keys.p + i * len, len);
		f.status = prf_plus(n->sim->crypto, a->mix.prf, SPAN(k->key, k->key_len), &key, 1, out + i * len, len);
	}
	answer(n, a, f, out, 3 * len); /* octets that are no keys, when it is refused */
}

/* --- SPIs and SAs --- */

static bool spi_take(struct sim_node *n, uint32_t spi)
{
	for (uint32_t i = 0; i < n->n_spis; i++) {
		if (n->spi[i] == spi) {
			n->spi[i] = n->spi[--n->n_spis];
			n->spi_local[i] = n->spi_local[n->n_spis];
			return true;
		}
	}
	return false;
}

static void act_spi_alloc(struct sim_node *n, const struct ike_act *a)
{
	struct ike_fact f = {.type = IKE_FACT_SPI, .status = failure(n, n->fail_spi)};
	if (!f.status && !addr_eq(&a->spi.local, &n->addr))
		f.status = -EADDRNOTAVAIL;
	if (!f.status && n->n_spis == SIM_SPIS)
		f.status = -ENOSPC;
	if (!f.status) {
		f.spi = n->next_spi++;
		f.reqid = a->spi.reqid ? a->spi.reqid : a->tunnel;
		n->spi_local[n->n_spis] = a->spi.local;
		n->spi[n->n_spis++] = f.spi;
		if (f.spi < a->spi.min || f.spi > a->spi.max)
			fault(n, "SPI range is odd", f.spi);
	}
	answer(n, a, f, NULL, 0);
}

static struct sim_sa *sa_find(struct sim_node *n, uint32_t spi_in)
{
	for (uint32_t i = 0; i < n->n_sas; i++) {
		if (n->sa[i].sa.in.spi == spi_in)
			return &n->sa[i];
	}
	return NULL;
}

static struct esp_sa *early_find(struct sim_node *n, uint32_t spi)
{
	for (uint32_t i = 0; i < n->n_early; i++) {
		if (n->early[i].spi == spi)
			return &n->early[i];
	}
	return NULL;
}

static bool early_take(struct sim_node *n, uint32_t spi)
{
	struct esp_sa *e = early_find(n, spi);
	if (e)
		*e = n->early[--n->n_early];
	return e != NULL;
}

/* An SA is for the address that its SPI was given out for. */
static bool other_address(const struct sim_node *n, const struct child_sa *sa)
{
	for (uint32_t i = 0; i < n->n_spis; i++) {
		if (n->spi[i] == sa->in.spi)
			return !addr_eq(&n->spi_local[i], &sa->local);
	}
	return false;
}

/* The inbound SA alone, before the peer has answered: its SPI stays one that was given out. */
static void install_early(struct sim_node *n, const struct child_sa *sa)
{
	bool given = false;
	for (uint32_t i = 0; i < n->n_spis; i++)
		given |= n->spi[i] == sa->in.spi;
	if (!given || early_find(n, sa->in.spi) || n->n_early == SIM_SPIS || sa->in.encr.len == 0)
		fault(n, "installs early what it may not:", sa->in.spi);
	else
		n->early[n->n_early++] = sa->in;
}

static void act_install(struct sim_node *n, const struct ike_act *a)
{
	const struct child_sa *sa = &a->install.sa;
	struct ike_fact f = {.type = IKE_FACT_INSTALLED, .status = failure(n, n->fail_install)};
	if (other_address(n, sa))
		fault(n, "installs for another address than its SPI's:", sa->in.spi);
	if (sa->out.spi == 0) {
		if (!f.status || !a->ticket)
			install_early(n, sa);
		if (a->ticket)
			answer(n, a, f, NULL, 0);
		return;
	}
	const struct esp_sa *e = early_find(n, sa->in.spi);
	if (e && (memcmp(e->encr.b, sa->in.encr.b, e->encr.len) != 0 ||
	          memcmp(e->integ.b, sa->in.integ.b, e->integ.len) != 0))
		fault(n, "installs other keys than early:", sa->in.spi);
	if (!f.status)
		(void)early_take(n, sa->in.spi);
	if (!f.status && !spi_take(n, sa->in.spi))
		fault(n, "installs an SPI that was not given out:", sa->in.spi);
	if (!f.status && n->n_sas < SIM_SAS)
		n->sa[n->n_sas++] = (struct sim_sa){.child_id = a->install.child_id, .sa = *sa, .since = n->sim->now};
	answer(n, a, f, NULL, 0);
}

bool sim_orphan_take(struct sim_node *n, uint32_t spi)
{
	for (uint32_t i = 0; i < n->n_orphans; i++) {
		if (n->orphan[i] == spi) {
			n->orphan[i] = n->orphan[--n->n_orphans];
			return true;
		}
	}
	return false;
}

/* A new child ends the orphans of its peer that the engine was not told of. */
static void end_orphans(struct sim_node *n, const struct addr *peer)
{
	for (uint32_t i = 0; n->n_orphans && i < n->n_sas;) {
		if (addr_eq(&n->sa[i].sa.remote, peer) && sim_orphan_take(n, n->sa[i].sa.in.spi))
			n->sa[i] = n->sa[--n->n_sas];
		else
			i++;
	}
}

static void act_remove(struct sim_node *n, const struct ike_act *a)
{
	struct sim_sa *sa = sa_find(n, a->remove.spi_in);
	/* Refused, and who removes it does not know it yet: its SPI goes. */
	if (!sa && spi_take(n, a->remove.spi_in)) {
		(void)early_take(n, a->remove.spi_in);
		return;
	}
	if (!sa) {
		fault(n, "removes an SA that is not there:", a->remove.spi_in);
		return;
	}
	*sa = n->sa[--n->n_sas];
}

static void act_move(struct sim_node *n, const struct ike_act *a)
{
	struct sim_sa *sa = sa_find(n, a->move.sa.in.spi);
	struct ike_fact f = {.type = IKE_FACT_MOVED, .status = n->fail_move};
	n->moves++;
	answer(n, a, f, NULL, 0);
	if (f.status)
		return;
	if (!sa) {
		fault(n, "moves an SA that is not there:", a->move.sa.in.spi);
		return;
	}
	sa->sa.local = a->move.sa.local;
	sa->sa.remote = a->move.sa.remote;
	sa->sa.encap = a->move.sa.encap;
	sa->sa.encap_sport = a->move.sa.encap_sport;
	sa->sa.encap_dport = a->move.sa.encap_dport;
	if (!addr_eq(&sa->sa.local, &n->addr))
		fault(n, "moves to an address that is not ours:", a->move.sa.in.spi);
}

static void act_query(struct sim_node *n, const struct ike_act *a)
{
	struct ike_fact f = {.type = IKE_FACT_USED, .ago = n->heard ? n->sim->now - n->heard : -1};
	f.status = sa_find(n, a->query.spi_in) ? 0 : -ESRCH;
	n->queries++;
	answer(n, a, f, NULL, 0);
}

/* --- what is told --- */

static void told(struct sim_node *n, const struct ike_act *a)
{
	static const char *const names[] = {"PEER_KNOWN", "CHILD_UP", "CHILD_DOWN", "CHILD_MOVED",
	                                    "FAILED",     "IKE_UP",   "IKE_DOWN"};
	uint8_t event = a->tunnel_event.event;
	n->ups += event == IKE_EV_CHILD_UP;
	n->downs += event == IKE_EV_CHILD_DOWN;
	if (event == IKE_EV_CHILD_UP)
		end_orphans(n, &a->tunnel_event.info.remote.addr);
	if (n->sim->mute)
		return;
	sim_log(n, "<%s> ike %u child %u %s%s", names[event], a->tunnel_event.info.ike_id,
	        a->tunnel_event.info.child_id, a->tunnel_event.reason, a->tunnel_event.retry ? " (again)" : "");
	if (n->n_told == SIM_TOLD)
		return;
	struct sim_told *t = &n->told[n->n_told++];
	t->at = n->sim->now;
	t->event = event;
	t->tunnel = a->tunnel;
	t->child_id = a->tunnel_event.info.child_id;
	t->retry = a->tunnel_event.retry;
	snprintf(t->reason, sizeof t->reason, "%s", a->tunnel_event.reason);
}

static void carry_out(struct sim_node *n, const struct ike_act *a)
{
	switch (a->type) {
	case IKE_ACT_SEND:
		sim_send(n, a);
		break;
	case IKE_ACT_PATH:
		act_path(n, a);
		break;
	case IKE_ACT_PSK_SIGN:
		act_sign(n, a);
		break;
	case IKE_ACT_PSK_VERIFY:
		act_verify(n, a);
		break;
	case IKE_ACT_PPK_MIX:
		act_mix(n, a);
		break;
	case IKE_ACT_SPI_ALLOC:
		act_spi_alloc(n, a);
		break;
	case IKE_ACT_SPI_FREE:
		(void)early_take(n, a->spi_free.spi);
		if (!spi_take(n, a->spi_free.spi))
			fault(n, "gives back an SPI that it has not:", a->spi_free.spi);
		break;
	case IKE_ACT_CHILD_INSTALL:
		act_install(n, a);
		break;
	case IKE_ACT_CHILD_MOVE:
		act_move(n, a);
		break;
	case IKE_ACT_CHILD_REMOVE:
		act_remove(n, a);
		break;
	case IKE_ACT_CHILD_QUERY:
		act_query(n, a);
		break;
	case IKE_ACT_TRAP:
		n->traps++;
		break;
	case IKE_ACT_NOTE:
		sim_log(n, "%s", a->note.text);
		break;
	case IKE_ACT_TUNNEL:
		told(n, a);
		break;
	default:
		fault(n, "an action of unknown type", a->type);
	}
}

void sim_act(struct sim_node *n, const struct ike_act *a)
{
	carry_out(n, a);
	if (n->sim->eyes && n->sim->eyes->act)
		n->sim->eyes->act(n, a);
}
