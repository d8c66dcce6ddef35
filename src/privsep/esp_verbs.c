/* The verb table of the role `esp`, with priv. See verbs.c. */
#include "privsep/esp_msg.h"
#include "privsep/fields.h"
#include "privsep/privsep.h"

static const struct priv_field f_hello[] = {
	U8(m_hello, role, PRIV_ROLE_PRIV, PRIV_ROLE_ESP),
	I8(m_hello, log_level, -1, 4),
};
static const struct priv_field f_log[] = {I8(m_log, level, -1, 4)};
static const struct priv_field f_sockets[] = {
	U8(x_sockets, worker, 0, ESP_WORKERS_MAX - 1), BOOL(x_sockets, have4), BOOL(x_sockets, have6),
};
static const struct priv_field f_device[] = {
	U32(x_device, device.id, 1), U32(x_device, device.tunnel, 1), ADDR_OR_NONE(x_device, device.remote),
	BOOL(x_device, device.key_set), BOOL(x_device, device.csum), BOOL(x_device, device.pmtudisc),
	FIELD(x_device, device.mtu, CHECK_U32, 1, 65535),
};
static const struct priv_field f_id[] = {U32(x_id, id, 1)};
static const struct priv_field f_which[] = {U32(x_id, id, 0)};
static const struct priv_field f_install[] = {U32(x_install, tunnel, 1), CHILD_SA(x_install)};
static const struct priv_field f_move[] = {SPI(x_move, spi_in), ADDR(x_move, local), ENDPOINT(x_move, remote)};
static const struct priv_field f_spi[] = {SPI(x_spi, spi)};
static const struct priv_field f_stats[] = {U8(x_stats, backend, 0, ESP_BACKEND_IPSEC_MB)};
static const struct priv_field f_event[] = {
	U8(x_event, event.type, KERNEL_EXPIRE, KERNEL_MAPPING), SPI(x_event, event.spi), BOOL(x_event, event.hard),
	ENDPOINT_OR_NONE(x_event, event.source), FIELD(x_event, event.name, CHECK_TEXT, 0, 0), BOOL(x_event, event.up),
	BOOL(x_event, event.gone), ADDR_OR_NONE(x_event, event.addr), PREFIX(x_event, event.dst), BOOL(x_event, event.inner),
};

#define ESP PRIV_ROLE_ESP
#define PRIV PRIV_ROLE_PRIV
#define RUNNING PHASE_RUN
#define ENDING (PHASE_RUN | PHASE_STOP)

static const struct priv_verb rows[] = {
	{PRIV_HELLO, "HELLO", PRIV | ESP, PHASE_START, false, {BODY(m_hello, f_hello)}, NOTHING},
	{EV_SOCKETS, "SOCKETS", PRIV, RUNNING, false, {BODY(x_sockets, f_sockets), .max_fds = 2}, NOTHING},
	{EV_DEVICE, "DEVICE", PRIV, RUNNING, true, {BODY(x_device, f_device), .max_fds = PRIV_FDS_MAX}, DONE},
	{EV_DEVICE_DEL, "DEVICE_DEL", PRIV, RUNNING, false, {BODY(x_id, f_id)}, NOTHING},
	{EV_SA_INSTALL, "SA_INSTALL", PRIV, RUNNING, true, {BODY(x_install, f_install)}, DONE},
	{EV_SA_MOVE, "SA_MOVE", PRIV, RUNNING, true, {BODY(x_move, f_move)}, DONE},
	{EV_SA_REMOVE, "SA_REMOVE", PRIV, RUNNING, true, {BODY(x_spi, f_spi)}, DONE},
	{EV_SA_QUERY, "SA_QUERY", PRIV, RUNNING, true, {BODY(x_spi, f_spi)},
	 {.body = sizeof(struct r_sa_query), REFUSAL}},
	{EV_STATS, "STATS", PRIV, RUNNING, true, {BODY(x_id, f_which)}, {BODY(x_stats, f_stats), REFUSAL}},
	{EV_IKE, "IKE", PRIV, RUNNING, false, {.min_fds = 1, .max_fds = 1}, NOTHING},
	{EV_EVENT, "EVENT", ESP, ENDING, false, {BODY(x_event, f_event)}, NOTHING},
	{EV_WANTED, "WANTED", ESP, RUNNING, false, {BODY(x_id, f_id)}, NOTHING},
	{PRIV_LOG, "LOG", ESP, PHASE_START | ENDING, false,
	 {BODY(m_log, f_log), .tail = TAIL_TEXT, .max_tail = PRIV_TEXT_MAX}, NOTHING},
	{PRIV_READY, "READY", ESP, RUNNING, false, NOTHING, NOTHING},
	{PRIV_STOPPED, "STOPPED", ESP, PHASE_STOP, false, NOTHING, NOTHING},
	{PRIV_STOP, "STOP", PRIV, RUNNING, false, NOTHING, NOTHING},
};
const struct priv_table ESP_VERBS = {.row = rows, .n = ARRAY_LEN(rows)};
