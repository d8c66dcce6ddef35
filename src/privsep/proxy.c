/* The requests as functions, for ike: each fills a body and sends it. */
#include <errno.h>
#include <string.h>

#include "privsep/privsep.h"

static const struct span NO_TAIL;

static void name_set(char out[PRIV_NAME], const char *name)
{
	struct sbuf b = sb_init(out, PRIV_NAME);
	sb_put(&b, name);
}

static int plain(struct privsep *p, uint8_t verb, uint32_t ticket, const void *body)
{
	return privsep_send(p, verb, ticket, body, NO_TAIL, NULL, 0);
}

int priv_spi_alloc(struct privsep *p, uint32_t ticket, const char *tunnel, const struct addr *local,
                   const struct addr *remote, uint32_t reqid, uint32_t min, uint32_t max)
{
	struct m_spi_alloc m = {.local = *local, .remote = *remote, .reqid = reqid, .min = min, .max = max};
	name_set(m.tunnel, tunnel);
	return plain(p, PRIV_SPI_ALLOC, ticket, &m);
}

static int spi_verb(struct privsep *p, uint8_t verb, uint32_t ticket, uint32_t spi)
{
	return plain(p, verb, ticket, &(struct m_spi){.spi = spi});
}

int priv_spi_free(struct privsep *p, uint32_t spi) { return spi_verb(p, PRIV_SPI_FREE, 0, spi); }

int priv_child_remove(struct privsep *p, uint32_t ticket, uint32_t spi_in)
{
	return spi_verb(p, PRIV_CHILD_REMOVE, ticket, spi_in);
}

int priv_sa_query(struct privsep *p, uint32_t ticket, uint32_t spi_in)
{
	return spi_verb(p, PRIV_SA_QUERY, ticket, spi_in);
}

int priv_child_install(struct privsep *p, uint32_t ticket, const char *tunnel, uint32_t child_id,
                       const struct ident *peer, const struct child_sa *sa)
{
	struct m_child_install m = {.child_id = child_id, .peer = *peer, .sa = *sa};
	name_set(m.tunnel, tunnel);
	int rc = plain(p, PRIV_CHILD_INSTALL, ticket, &m);
	child_sa_wipe(&m.sa);
	return rc;
}

int priv_child_move(struct privsep *p, uint32_t ticket, const struct child_sa *now)
{
	struct m_child_move m = {
		.spi_in = now->in.spi,
		.local = now->local,
		.remote = now->remote,
		.encap = now->encap,
		.encap_sport = now->encap_sport,
		.encap_dport = now->encap_dport,
	};
	return plain(p, PRIV_CHILD_MOVE, ticket, &m);
}

static int ends_verb(struct privsep *p, uint8_t verb, uint32_t ticket, const char *tunnel, const struct addr *local,
                     const struct addr *remote)
{
	struct m_ends m = {.remote = *remote};
	if (local)
		m.local = *local;
	name_set(m.tunnel, tunnel);
	return plain(p, verb, ticket, &m);
}

int priv_guard_set(struct privsep *p, uint32_t ticket, const char *tunnel, const struct addr *remote)
{
	return ends_verb(p, PRIV_GUARD_SET, ticket, tunnel, NULL, remote);
}

int priv_trap_set(struct privsep *p, uint32_t ticket, const char *tunnel, const struct addr *local,
                  const struct addr *remote)
{
	return ends_verb(p, PRIV_TRAP_SET, ticket, tunnel, local, remote);
}

int priv_gre_up(struct privsep *p, uint32_t ticket, const char *tunnel, const struct addr *local,
                const struct addr *remote)
{
	return ends_verb(p, PRIV_GRE_UP, ticket, tunnel, local, remote);
}

int priv_gre_find(struct privsep *p, uint32_t ticket, const char *tunnel, const struct addr *local,
                  const struct addr *remote)
{
	return ends_verb(p, PRIV_GRE_FIND, ticket, tunnel, local, remote);
}

int priv_gre_down(struct privsep *p, uint32_t ticket, const char *tunnel)
{
	struct m_tunnel m = {.tunnel = ""};
	name_set(m.tunnel, tunnel);
	return plain(p, PRIV_GRE_DOWN, ticket, &m);
}

int priv_hook_run(struct privsep *p, uint32_t ticket, const char *tunnel, bool up, const struct tun_child *child)
{
	struct m_hook_run m = {.up = up, .child = *child};
	name_set(m.tunnel, tunnel);
	return plain(p, PRIV_HOOK_RUN, ticket, &m);
}

static int psk_verb(struct privsep *p, uint8_t verb, uint32_t ticket, const char *tunnel, struct m_psk *m,
                    const struct ident *me, const struct ident *peer, struct span octets, struct span auth)
{
	uint8_t tail[PRIV_OCTETS_MAX + PRIV_AUTH_MAX];
	struct wr w = wr_init(tail, sizeof tail);
	wr_bytes(&w, octets.p, octets.n);
	wr_bytes(&w, auth.p, auth.n);
	if (!wr_ok(&w))
		return -EMSGSIZE;
	m->me = *me;
	m->peer = *peer;
	m->n_octets = (uint32_t)octets.n;
	m->n_auth = (uint32_t)auth.n;
	name_set(m->tunnel, tunnel);
	return privsep_send(p, verb, ticket, m, SPAN(tail, w.len), NULL, 0);
}

int priv_psk_sign(struct privsep *p, uint32_t ticket, const char *tunnel, uint16_t prf, uint32_t key,
                  const struct ident *me, const struct ident *peer, struct span octets)
{
	struct m_psk m = {.prf = prf, .key = key};
	return psk_verb(p, PRIV_PSK_SIGN, ticket, tunnel, &m, me, peer, octets, NO_TAIL);
}

int priv_psk_verify(struct privsep *p, uint32_t ticket, const char *tunnel, uint16_t prf, const struct ident *me,
                    const struct ident *peer, struct span octets, struct span auth)
{
	struct m_psk m = {.prf = prf};
	return psk_verb(p, PRIV_PSK_VERIFY, ticket, tunnel, &m, me, peer, octets, auth);
}

int priv_ppk_mix(struct privsep *p, uint32_t ticket, const char *tunnel, uint16_t prf, const char *id, struct span keys)
{
	struct m_ppk_mix m = {.prf = prf};
	struct sbuf b = SB(m.id);
	sb_put(&b, id);
	name_set(m.tunnel, tunnel);
	return privsep_send(p, PRIV_PPK_MIX, ticket, &m, keys, NULL, 0);
}

int priv_path(struct privsep *p, uint32_t ticket, const char *tunnel, uint32_t attempt, const struct addr *local,
              const struct addr *remote, bool look)
{
	struct m_path m = {.attempt = attempt, .local = *local, .remote = *remote, .look = look};
	name_set(m.tunnel, tunnel);
	return plain(p, PRIV_PATH, ticket, &m);
}

int priv_probe(struct privsep *p, uint32_t ticket, const char *tunnel, uint32_t ifindex, const struct addr *inner)
{
	struct m_probe m = {.ifindex = ifindex, .inner = *inner};
	name_set(m.tunnel, tunnel);
	return plain(p, PRIV_PROBE, ticket, &m);
}

int priv_held_set(struct privsep *p, uint32_t ticket, const char *tunnel, bool held)
{
	struct m_held m = {.held = held};
	name_set(m.tunnel, tunnel);
	return plain(p, PRIV_HELD_SET, ticket, &m);
}

int priv_reload(struct privsep *p, uint32_t ticket, bool check_only)
{
	return plain(p, PRIV_RELOAD, ticket, &(struct m_reload){.check_only = check_only});
}

int priv_dp_stats(struct privsep *p, uint32_t ticket, const char *tunnel)
{
	struct m_dp_stats m = {.tunnel = ""};
	name_set(m.tunnel, tunnel);
	return plain(p, PRIV_DP_STATS, ticket, &m);
}

int priv_log(struct privsep *p, int8_t level, const char *text)
{
	char cut[PRIV_TEXT_MAX];
	struct sbuf b = SB(cut);
	sb_put(&b, text);
	int rc = privsep_send(p, PRIV_LOG, 0, &(struct m_log){.level = level}, SPAN(cut, b.len + 1), NULL, 0);
	/* An error may be the last that we can say. */
	if (rc == 0 && level < 0)
		rc = privsep_flush(p);
	return rc < 0 ? rc : 0;
}

int priv_ready(struct privsep *p) { return plain(p, PRIV_READY, 0, NULL); }
int priv_stopped(struct privsep *p) { return plain(p, PRIV_STOPPED, 0, NULL); }
