/* Traffic selectors of transport mode (RFC 7296 2.9, 2.23.1): one host each side, one protocol. Behind NATs each side
 * replaces the addresses by those it sees itself. */
#include "ike/ike_int.h"

static struct ike_ts host(const struct addr *a, uint8_t proto, uint16_t port)
{
	return (struct ike_ts){
		.proto = proto,
		.port_lo = port,
		.port_hi = port ? port : 65535,
		.lo = *a,
		.hi = *a,
	};
}

void ts_ours(const struct tunnel_conf *t, const struct addr *local, const struct addr *remote, struct ike_ts_list *tsi,
             struct ike_ts_list *tsr)
{
	uint8_t proto = t->local.proto ? t->local.proto : t->remote.proto;
	*tsi = (struct ike_ts_list){.n = 1, .v = {host(local, proto, t->local.port)}};
	*tsr = (struct ike_ts_list){.n = 1, .v = {host(remote, proto, t->remote.port)}};
}

void ts_reply(const struct child_sa *p, bool peer_initiates, struct ike_ts_list *tsi, struct ike_ts_list *tsr)
{
	struct ike_ts_list mine = {.n = 1, .v = {host(&p->local, p->sel.proto, p->sel.local_port)}};
	struct ike_ts_list theirs = {.n = 1, .v = {host(&p->remote, p->sel.proto, p->sel.remote_port)}};
	*tsi = peer_initiates ? theirs : mine;
	*tsr = peer_initiates ? mine : theirs;
}

/* Whether ts covers `a` (after substitution behind a NAT), protocol and port of ours. */
static bool covers(const struct ike_ts *ts, const struct addr *a, bool nat, uint8_t proto, uint16_t port)
{
	bool single = addr_eq(&ts->lo, &ts->hi);
	/* RFC 7296 2.23.1: behind a NAT the address in a selector is the other's view; only a single host
	 * can be replaced by ours. */
	bool addr_ok = nat && single && ts->lo.family == a->family
	                       ? true
	                       : addr_cmp(&ts->lo, a) <= 0 && addr_cmp(a, &ts->hi) <= 0 && ts->lo.family == a->family;
	bool proto_ok = ts->proto == 0 || ts->proto == proto;
	bool port_ok = port == 0 ? ts->port_lo == 0 && ts->port_hi == 65535 : ts->port_lo <= port && port <= ts->port_hi;
	return addr_ok && proto_ok && port_ok;
}

static bool find(const struct ike_ts_list *l, const struct addr *a, bool nat, uint8_t proto, uint16_t port)
{
	for (size_t i = 0; i < l->n; i++) {
		if (covers(&l->v[i], a, nat, proto, port))
			return true;
	}
	return false;
}

bool ts_narrow(const struct ike_sa *sa, const struct tunnel_conf *t, const struct ike_ts_list *tsi,
               const struct ike_ts_list *tsr, struct selector *out)
{
	uint8_t proto = t->local.proto ? t->local.proto : t->remote.proto;
	*out = (struct selector){.proto = proto, .local_port = t->local.port, .remote_port = t->remote.port};
	return find(tsi, &sa->remote.addr, sa->nat_there, proto, t->remote.port) &&
	       find(tsr, &sa->local.addr, sa->nat_here, proto, t->local.port);
}

bool ts_accept(const struct ike_sa *sa, const struct child_sa *p, const struct tunnel_conf *t, const struct ike_ts_list *tsi,
               const struct ike_ts_list *tsr, struct selector *out)
{
	uint8_t proto = t->local.proto ? t->local.proto : t->remote.proto;
	*out = (struct selector){.proto = proto, .local_port = t->local.port, .remote_port = t->remote.port};
	/* An answer may be narrower than our question, never another protocol. */
	for (size_t i = 0; i < tsi->n; i++) {
		if (tsi->v[i].proto != proto)
			return false;
	}
	for (size_t i = 0; i < tsr->n; i++) {
		if (tsr->v[i].proto != proto)
			return false;
	}
	return find(tsi, &p->local, sa->nat_here, proto, t->local.port) &&
	       find(tsr, &p->remote, sa->nat_there, proto, t->remote.port);
}
