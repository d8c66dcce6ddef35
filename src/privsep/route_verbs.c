/* The verb tables of the role `route`: with priv, and with ike. See verbs.c. */
#include "privsep/fields.h"
#include "privsep/privsep.h"

static const struct priv_field f_hello[] = {
	U8(m_hello, role, PRIV_ROLE_PRIV, PRIV_ROLE_ROUTE),
	I8(m_hello, log_level, -1, 4),
};
static const struct priv_field f_log[] = {I8(m_log, level, -1, 4)};
static const struct priv_field f_conf[] = {BOOL(e_conf, reloaded)};
static const struct priv_field f_batch[] = {FIELD(m_route_batch, n, CHECK_U32, 1, ROUTE_BATCH_MAX)};
static const struct priv_field f_socket[] = {
	U8(m_route_socket, kind, ROUTE_SOCK_BGP, ROUTE_SOCK_BFD), ADDR(m_route_socket, remote),
	ADDR_OR_NONE(m_route_socket, local), BOOL(m_route_socket, md5), BOOL(m_route_socket, multihop),
};
static const struct priv_field f_tool[] = {
	U8(m_route_tool, tool, ROUTE_TOOL_FRR, ROUTE_TOOL_BIRD), U8(m_route_tool, n_words, 1, 32),
};
static const struct priv_field f_facts[] = {
	U8(e_route_facts, phase, 0, FACTS_BEGIN | FACTS_END), BOOL(e_route_facts, no_forward4),
	BOOL(e_route_facts, no_forward6),
};
static const struct priv_field f_listen[] = {
	U8(e_route_listen, n, 0, ROUTE_LISTEN_MAX), BOOL(e_route_listen, bfd[0]), BOOL(e_route_listen, bfd[1]),
	BOOL(e_route_listen, bfd[2]), BOOL(e_route_listen, bfd[3]),
};
static const struct priv_field f_link[] = {BOOL(e_route_link, have)};
static const struct priv_field f_ended[] = {BOOL(e_route_ended, cut)};
static const struct priv_field f_tunnel[] = {
	NAME(l_tunnel), BOOL(l_tunnel, up), FIELD(l_tunnel, name, CHECK_TEXT, 0, 0), ADDR_OR_NONE(l_tunnel, local),
	ADDR_OR_NONE(l_tunnel, remote),
};
static const struct priv_field f_query[] = {
	U8(l_query, kind, LINK_SHOW, LINK_STATUS), BOOL(l_query, soft_in), BOOL(l_query, soft_out),
};
static const struct priv_field f_piece[] = {BOOL(l_piece, last)};

#define ROUTE PRIV_ROLE_ROUTE
#define PRIV PRIV_ROLE_PRIV
#define IKE PRIV_ROLE_IKE
#define RUNNING PHASE_RUN
#define ENDING (PHASE_RUN | PHASE_STOP)
#define OCTETS(max) .tail = TAIL_OCTETS, .max_tail = (max)

static const struct priv_verb rows[] = {
	{PRIV_HELLO, "HELLO", PRIV | ROUTE, PHASE_START, false, {BODY(m_hello, f_hello)}, NOTHING},
	{RV_BATCH, "ROUTE_BATCH", ROUTE, ENDING, true, {BODY(m_route_batch, f_batch), OCTETS(ROUTE_TAIL_MAX)},
	 {.body = sizeof(struct r_route_batch), OCTETS(4 * ROUTE_BATCH_MAX)}},
	{RV_KEPT, "ROUTES_KEPT", ROUTE, RUNNING, false, NOTHING, NOTHING},
	{RV_SOCKET, "SOCKET", ROUTE, RUNNING, false, {BODY(m_route_socket, f_socket)}, NOTHING},
	{RV_TOOL, "TOOL_RUN", ROUTE, ENDING, false,
	 {BODY(m_route_tool, f_tool), OCTETS(ROUTE_TOOL_INPUT_MAX)}, NOTHING},
	{RV_EXEC, "EXEC", ROUTE, RUNNING, false, NOTHING, NOTHING},
	{PRIV_LOG, "LOG", ROUTE, PHASE_START | ENDING, false,
	 {BODY(m_log, f_log), .tail = TAIL_TEXT, .max_tail = PRIV_TEXT_MAX}, NOTHING},
	{PRIV_READY, "READY", ROUTE, RUNNING, false, NOTHING, NOTHING},
	{PRIV_STOPPED, "STOPPED", ROUTE, PHASE_STOP, false, NOTHING, NOTHING},
	{PRIV_CONF, "CONF", PRIV, RUNNING, false,
	 {BODY(e_conf, f_conf), OCTETS(32768), .min_fds = 1, .max_fds = 1}, NOTHING},
	{RV_FACTS, "FACTS", PRIV, RUNNING, false, {BODY(e_route_facts, f_facts), OCTETS(ROUTE_TAIL_MAX)}, NOTHING},
	{RV_LISTEN, "LISTEN", PRIV, RUNNING, false,
	 {BODY(e_route_listen, f_listen), .max_fds = PRIV_FDS_MAX}, NOTHING},
	{RV_FD, "FD", PRIV, RUNNING, false,
	 {.body = sizeof(struct e_route_fd), REFUSAL, .max_fds = 1}, NOTHING},
	{RV_LINK, "LINK", PRIV, RUNNING, false, {BODY(e_route_link, f_link), .max_fds = 1}, NOTHING},
	{RV_TOOL_OUT, "TOOL_OUT", PRIV, RUNNING, false, {OCTETS(ROUTE_TAIL_MAX)}, NOTHING},
	{RV_TOOL_END, "TOOL_END", PRIV, RUNNING, false, {BODY(e_route_ended, f_ended)}, NOTHING},
	{RV_EXEC_END, "EXEC_END", PRIV, RUNNING, false, {BODY(e_route_ended, f_ended)}, NOTHING},
	{PRIV_STOP, "STOP", PRIV, RUNNING, false, NOTHING, NOTHING},
};
const struct priv_table ROUTE_VERBS = {.row = rows, .n = ARRAY_LEN(rows)};

static const struct priv_verb link_rows[] = {
	{PRIV_HELLO, "HELLO", IKE | ROUTE, PHASE_START, false, {BODY(m_hello, f_hello)}, NOTHING},
	{LV_TUNNEL, "TUNNEL", IKE, RUNNING, false, {BODY(l_tunnel, f_tunnel)}, NOTHING},
	{LV_QUERY, "QUERY", IKE, RUNNING, false,
	 {BODY(l_query, f_query), .tail = TAIL_TEXT, .max_tail = ROUTE_QUERY_MAX}, NOTHING},
	{LV_PIECE, "PIECE", ROUTE, RUNNING, false, {BODY(l_piece, f_piece), OCTETS(ROUTE_TAIL_MAX)}, NOTHING},
};
const struct priv_table LINK_VERBS = {.row = link_rows, .n = ARRAY_LEN(link_rows)};
