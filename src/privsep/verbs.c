/* The verb table and the check of a message's shape. The table says everything that can be said about a message
 * without knowing the configuration; actor.c says the rest. Called by chan.c for each message that arrives. */
#include "privsep/verbs.h"

#include <string.h>

#include "privsep/fields.h"
#include "privsep/msg.h"

static const struct priv_field f_hello[] = {
	U8(m_hello, role, PRIV_ROLE_PRIV, PRIV_ROLE_HOOK),
	I8(m_hello, log_level, -1, 4),
};
static const struct priv_field f_spi_alloc[] = {
	NAME(m_spi_alloc),    ADDR(m_spi_alloc, local), ADDR(m_spi_alloc, remote), U32(m_spi_alloc, reqid, 0),
	SPI(m_spi_alloc, min), SPI(m_spi_alloc, max),
};
static const struct priv_field f_r_spi_alloc[] = {SPI(r_spi_alloc, spi), U32(r_spi_alloc, reqid, 1)};
static const struct priv_field f_spi[] = {SPI(m_spi, spi)};
static const struct priv_field f_child_install[] = {
	NAME(m_child_install),
	IDENT(m_child_install, peer),
	CHILD_SA(m_child_install),
};
static const struct priv_field f_child_move[] = {
	SPI(m_child_move, spi_in),
	ADDR(m_child_move, local),
	ADDR(m_child_move, remote),
	BOOL(m_child_move, encap),
};
static const struct priv_field f_guard_set[] = {NAME(m_ends), ADDR_OR_NONE(m_ends, local), ADDR(m_ends, remote)};
static const struct priv_field f_ends[] = {NAME(m_ends), ADDR(m_ends, local), ADDR(m_ends, remote)};
static const struct priv_field f_tunnel[] = {NAME(m_tunnel)};
static const struct priv_field f_r_link[] = {
	U32(r_link, link.ifindex, 1),
	FIELD(r_link, link.name, CHECK_TEXT, 1, 0),
	BOOL(r_link, link.up),
	PREFIX(r_link, link.address[0]),
	PREFIX(r_link, link.address[1]),
	PREFIX(r_link, link.address[2]),
	PREFIX(r_link, link.address[3]),
	U8(r_link, link.n_addresses, 0, 4),
	ADDR_OR_NONE(r_link, link.peer),
	BOOL(r_link, link.ours),
};
static const struct priv_field f_hook_run[] = {
	NAME(m_hook_run),
	BOOL(m_hook_run, up),
	ENDPOINT(m_hook_run, child.local),
	ENDPOINT(m_hook_run, child.remote),
	IDENT(m_hook_run, child.my_id),
	IDENT(m_hook_run, child.peer_id),
	ADDR(m_hook_run, child.ts_local),
	ADDR(m_hook_run, child.ts_remote),
	BOOL(m_hook_run, child.encap),
};
static const struct priv_field f_psk_sign[] = {
	NAME(m_psk), IDENT(m_psk, me), IDENT(m_psk, peer),
	FIELD(m_psk, n_octets, CHECK_U32, 1, PRIV_OCTETS_MAX), UPTO(m_psk, n_auth, 0),
};
static const struct priv_field f_psk_verify[] = {
	FIELD(m_psk, tunnel, CHECK_TEXT, 0, 0), IDENT(m_psk, me), IDENT(m_psk, peer),
	FIELD(m_psk, n_octets, CHECK_U32, 1, PRIV_OCTETS_MAX), UPTO(m_psk, n_auth, PRIV_AUTH_MAX),
};
static const struct priv_field f_ppk_mix[] = {NAME(m_ppk_mix), FIELD(m_ppk_mix, id, CHECK_TEXT, 1, 0)};
static const struct priv_field f_path[] = {
	NAME(m_path), ADDR_OR_NONE(m_path, local), ADDR_OR_NONE(m_path, remote), BOOL(m_path, look),
};
static const struct priv_field f_r_path[] = {ENDPOINT(r_path, local), ENDPOINT(r_path, remote)};
static const struct priv_field f_probe[] = {NAME(m_probe), U32(m_probe, ifindex, 1), ADDR(m_probe, inner)};
static const struct priv_field f_held[] = {NAME(m_held), BOOL(m_held, held)};
static const struct priv_field f_reload[] = {BOOL(m_reload, check_only)};
static const struct priv_field f_log[] = {I8(m_log, level, -1, 4)};
static const struct priv_field f_conf[] = {BOOL(e_conf, reloaded)};
static const struct priv_field f_sockets[] = {
	BOOL(e_sockets, have[0]), BOOL(e_sockets, have[1]), BOOL(e_sockets, have[2]),
	BOOL(e_sockets, have[3]), BOOL(e_sockets, have[4]), BOOL(e_sockets, restarted),
	U8(e_sockets, n_listen, 0, PRIV_LISTEN_MAX),
};
static const struct priv_field f_kernel[] = {
	U8(e_kernel, event.type, KERNEL_EXPIRE, KERNEL_ACQUIRE),
	BOOL(e_kernel, event.hard),
	ENDPOINT_OR_NONE(e_kernel, event.source),
	FIELD(e_kernel, event.name, CHECK_TEXT, 0, 0),
	BOOL(e_kernel, event.up),
	BOOL(e_kernel, event.gone),
	ADDR_OR_NONE(e_kernel, event.addr),
	PREFIX(e_kernel, event.dst),
	BOOL(e_kernel, event.inner),
};
static const struct priv_field f_wanted[] = {NAME(e_wanted)};
static const struct priv_field f_hook_line[] = {NAME(e_hook_line), BOOL(e_hook_line, up)};
static const struct priv_field f_diag[] = {I8(e_diag, level, -1, 4), U8(e_diag, kind, 0, PRIV_DIAG_LOG)};
static const struct priv_field f_child[] = {
	NAME(e_child),
	IDENT(e_child, peer),
	CHILD_SA(e_child),
	BOOL(e_child, hook_up),
};

static const struct priv_field f_gre_add[] = {
	FIELD(m_gre, tunnel, CHECK_TEXT, 0, 0),
	FIELD(m_gre, name, CHECK_TEXT, 1, 0),
	ADDR_OR_NONE(m_gre, local),
	ADDR_OR_NONE(m_gre, remote),
	BOOL(m_gre, change),
	BOOL(m_gre, key_set),
	BOOL(m_gre, csum),
	BOOL(m_gre, pmtudisc),
};
static const struct priv_field f_gre_del[] = {FIELD(m_gre_del, name, CHECK_TEXT, 1, 0)};
static const struct priv_field f_dp_stats[] = {FIELD(m_dp_stats, tunnel, CHECK_TEXT, 0, 0)};
static const struct priv_field f_dataplane[] = {
	BOOL(e_dataplane, user), U8(e_dataplane, workers, 0, ESP_WORKERS_MAX), U8(e_dataplane, backend, 0, ESP_BACKEND_IPSEC_MB),
};
static const struct priv_field f_route_peer[] = {BOOL(e_route_peer, have)};

#define IKE PRIV_ROLE_IKE
#define PRIV PRIV_ROLE_PRIV
#define RUNNING PHASE_RUN
#define ENDING (PHASE_RUN | PHASE_STOP)

/* While priv has said STOP only what takes down is left. */
static const struct priv_verb rows[] = {
	{PRIV_HELLO, "HELLO", PRIV | IKE | PRIV_ROLE_HOOK, PHASE_START, false, {BODY(m_hello, f_hello)}, NOTHING},
	{PRIV_SPI_ALLOC, "SPI_ALLOC", IKE, RUNNING, true, {BODY(m_spi_alloc, f_spi_alloc)},
	 {BODY(r_spi_alloc, f_r_spi_alloc), REFUSAL}},
	{PRIV_SPI_FREE, "SPI_FREE", IKE, ENDING, false, {BODY(m_spi, f_spi)}, NOTHING},
	{PRIV_CHILD_INSTALL, "CHILD_INSTALL", IKE, RUNNING, true, {BODY(m_child_install, f_child_install)}, DONE},
	{PRIV_CHILD_MOVE, "CHILD_MOVE", IKE, RUNNING, true, {BODY(m_child_move, f_child_move)}, DONE},
	{PRIV_CHILD_REMOVE, "CHILD_REMOVE", IKE, ENDING, true, {BODY(m_spi, f_spi)}, DONE},
	{PRIV_SA_QUERY, "SA_QUERY", IKE, ENDING, true, {BODY(m_spi, f_spi)},
	 {.body = sizeof(struct r_sa_query), REFUSAL}},
	{PRIV_GUARD_SET, "GUARD_SET", IKE, RUNNING, true, {BODY(m_ends, f_guard_set)}, DONE},
	{PRIV_TRAP_SET, "TRAP_SET", IKE, RUNNING, true, {BODY(m_ends, f_ends)}, DONE},
	{PRIV_GRE_UP, "GRE_UP", IKE, RUNNING, true, {BODY(m_ends, f_ends)}, {BODY(r_link, f_r_link), REFUSAL}},
	{PRIV_GRE_DOWN, "GRE_DOWN", IKE, ENDING, true, {BODY(m_tunnel, f_tunnel)}, DONE},
	{PRIV_GRE_FIND, "GRE_FIND", IKE, RUNNING, true, {BODY(m_ends, f_ends)}, {BODY(r_link, f_r_link), REFUSAL}},
	{PRIV_HOOK_RUN, "HOOK_RUN", IKE, ENDING, true, {BODY(m_hook_run, f_hook_run)}, DONE},
	{PRIV_PSK_SIGN, "PSK_SIGN", IKE, RUNNING, true,
	 {BODY(m_psk, f_psk_sign), .tail = TAIL_OCTETS, .max_tail = PRIV_OCTETS_MAX},
	 {.body = sizeof(struct r_psk), .tail = TAIL_OCTETS, .max_tail = PRIV_TEXT_MAX}},
	{PRIV_PSK_VERIFY, "PSK_VERIFY", IKE, RUNNING, true,
	 {BODY(m_psk, f_psk_verify), .tail = TAIL_OCTETS, .max_tail = PRIV_OCTETS_MAX + PRIV_AUTH_MAX},
	 {.body = sizeof(struct r_psk), REFUSAL}},
	{PRIV_PPK_MIX, "PPK_MIX", IKE, RUNNING, true,
	 {BODY(m_ppk_mix, f_ppk_mix), .tail = TAIL_OCTETS, .max_tail = 3 * PRIV_AUTH_MAX},
	 {.tail = TAIL_OCTETS, .max_tail = PRIV_TEXT_MAX}},
	{PRIV_PATH, "PATH", IKE, RUNNING, true, {BODY(m_path, f_path)}, {BODY(r_path, f_r_path), REFUSAL}},
	{PRIV_PROBE, "PROBE", IKE, RUNNING, true, {BODY(m_probe, f_probe)}, DONE},
	{PRIV_HELD_SET, "HELD_SET", IKE, RUNNING, true, {BODY(m_held, f_held)}, DONE},
	{PRIV_RELOAD, "RELOAD", IKE, RUNNING, true, {BODY(m_reload, f_reload)}, DONE},
	{PRIV_GRE_ADD, "GRE_ADD", IKE, RUNNING, true, {BODY(m_gre, f_gre_add)}, {BODY(r_link, f_r_link), REFUSAL}},
	{PRIV_GRE_DEL, "GRE_DEL", IKE, ENDING, true, {BODY(m_gre_del, f_gre_del)}, DONE},
	{PRIV_DP_STATS, "DP_STATS", IKE, RUNNING, true, {BODY(m_dp_stats, f_dp_stats)},
	 {.body = sizeof(struct r_dp_stats), REFUSAL}},
	{PRIV_LOG, "LOG", IKE | PRIV_ROLE_HOOK, PHASE_START | ENDING, false,
	 {BODY(m_log, f_log), .tail = TAIL_TEXT, .max_tail = PRIV_TEXT_MAX}, NOTHING},
	{PRIV_READY, "READY", IKE, RUNNING, false, NOTHING, NOTHING},
	{PRIV_STOPPED, "STOPPED", IKE, PHASE_STOP, false, NOTHING, NOTHING},
	{PRIV_CONF, "CONF", PRIV, RUNNING, false,
	 {BODY(e_conf, f_conf), .tail = TAIL_OCTETS, .max_tail = 32768, .min_fds = 1, .max_fds = 1}, NOTHING},
	{PRIV_SOCKETS, "SOCKETS", PRIV, RUNNING, false,
	 {BODY(e_sockets, f_sockets), .max_fds = PRIV_SOCKETS_N}, NOTHING},
	{PRIV_KERNEL_EVENT, "KERNEL_EVENT", PRIV, RUNNING, false, {BODY(e_kernel, f_kernel)}, NOTHING},
	{PRIV_WANTED, "WANTED", PRIV, RUNNING, false, {BODY(e_wanted, f_wanted)}, NOTHING},
	{PRIV_HOOK_LINE, "HOOK_LINE", PRIV, RUNNING, false,
	 {BODY(e_hook_line, f_hook_line), .tail = TAIL_TEXT, .max_tail = PRIV_TEXT_MAX}, NOTHING},
	{PRIV_DIAG, "DIAG", PRIV, RUNNING, false,
	 {BODY(e_diag, f_diag), .tail = TAIL_TEXT, .max_tail = PRIV_TEXT_MAX}, NOTHING},
	{PRIV_STOP, "STOP", PRIV, RUNNING, false, NOTHING, NOTHING},
	{PRIV_ROUTE_LINK, "ROUTE_LINK", PRIV, RUNNING, false, {BODY(e_route_peer, f_route_peer), .max_fds = 1}, NOTHING},
	{PRIV_ESP_LINK, "ESP_LINK", PRIV, RUNNING, false, {.min_fds = 1, .max_fds = 1}, NOTHING},
	{PRIV_DATAPLANE, "DATAPLANE", PRIV, RUNNING, false,
	 {BODY(e_dataplane, f_dataplane), .tail = TAIL_TEXT, .max_tail = PRIV_TEXT_MAX}, NOTHING},
	{PRIV_CHILD, "CHILD", PRIV, RUNNING, false, {BODY(e_child, f_child)}, NOTHING},
};
const struct priv_table PRIV_VERBS = {.row = rows, .n = ARRAY_LEN(rows)};

const struct priv_verb *priv_verb_find(const struct priv_table *t, uint8_t verb)
{
	for (size_t i = 0; i < t->n; i++) {
		if (t->row[i].verb == verb)
			return &t->row[i];
	}
	return NULL;
}

static bool good_addr(const uint8_t *p, bool must)
{
	struct addr a;
	memcpy(&a, p, sizeof a);
	size_t n = addr_len(&a);
	if (n == 0 && a.family != AF_NONE)
		return false;
	for (size_t i = n; i < sizeof a.b; i++) {
		if (a.b[i])
			return false;
	}
	return !must || !addr_is_any(&a);
}

static bool good_prefix(const uint8_t *p)
{
	struct prefix x;
	memcpy(&x, p, sizeof x);
	return good_addr(p + offsetof(struct prefix, addr), false) && x.len <= 8 * addr_len(&x.addr);
}

static int64_t number(const struct priv_field *f, const uint8_t *p)
{
	uint16_t v16;
	uint32_t v32;
	int64_t v64;
	switch (f->check) {
	case CHECK_I8:
		return (int8_t)*p;
	case CHECK_U16:
		memcpy(&v16, p, sizeof v16);
		return v16;
	case CHECK_U32:
		memcpy(&v32, p, sizeof v32);
		return v32;
	case CHECK_U64:
		memcpy(&v64, p, sizeof v64);
		return v64;
	default:
		return *p;
	}
}

/* p: the octets of the field. They are looked at as octets: a bool that is neither 0 nor 1 must not be read as one. */
static bool good_field(const struct priv_field *f, const uint8_t *p)
{
	switch (f->check) {
	case CHECK_TEXT:
		return memchr(p, 0, f->size) && (f->lo == 0 || *p);
	case CHECK_ADDR:
		return good_addr(p, f->lo);
	case CHECK_PREFIX:
		return good_prefix(p);
	case CHECK_ENDPOINT:
		return good_addr(p + offsetof(struct endpoint, addr), f->lo);
	case CHECK_IDENT:
		return p[offsetof(struct ident, len)] <= IDENT_MAX;
	case CHECK_SECRET:
		return p[offsetof(struct secret, len)] <= SECRET_MAX;
	default:
		return number(f, p) >= f->lo && number(f, p) <= f->hi;
	}
}

const char *priv_shape_check(const struct priv_shape *s, const void *body, struct span tail)
{
	for (size_t i = 0; body && i < s->n_fields; i++) {
		if (!good_field(&s->field[i], (const uint8_t *)body + s->field[i].at))
			return s->field[i].name;
	}
	if (tail.n > s->max_tail || (s->tail == TAIL_NONE && tail.n))
		return "tail";
	/* A text is there to its NUL and no further; none at all is the empty text. */
	if (s->tail == TAIL_TEXT && tail.n && memchr(tail.p, 0, tail.n) != tail.p + tail.n - 1)
		return "tail";
	return NULL;
}

/* FNV-1a: names a build, guards nothing. */
static uint64_t mix(uint64_t h, const void *p, size_t n)
{
	const uint8_t *b = p;
	for (size_t i = 0; i < n; i++)
		h = (h ^ b[i]) * 0x100000001b3u;
	return h;
}

static uint64_t mix_shape(uint64_t h, const struct priv_shape *s)
{
	h = mix(h, &s->body, sizeof s->body);
	h = mix(h, &s->max_tail, sizeof s->max_tail);
	for (size_t i = 0; i < s->n_fields; i++) {
		h = mix(h, s->field[i].name, strlen(s->field[i].name));
		h = mix(h, &s->field[i].at, sizeof s->field[i].at);
		h = mix(h, &s->field[i].size, sizeof s->field[i].size);
	}
	return h;
}

uint64_t priv_table_id(const struct priv_table *t)
{
	uint64_t h = mix(0xcbf29ce484222325u, GRETEL_VERSION, sizeof GRETEL_VERSION);
	for (size_t i = 0; i < t->n; i++) {
		h = mix(h, &t->row[i].verb, 1);
		h = mix(h, t->row[i].name, strlen(t->row[i].name));
		h = mix_shape(mix_shape(h, &t->row[i].request), &t->row[i].reply);
	}
	return h;
}
