/* The table of a BFD session's states (RFC 5880 6.2, 6.8.6, 6.8.16). What is not here changes nothing. */
#include "bfd/bfd_int.h"

static const struct bfd_row rows[] = {
	/* from           event             to              diagnostic           section */
	{BFD_DOWN,       EV_RX_DOWN,       BFD_INIT,       DIAG_KEEP,           "5880 6.8.6"},
	{BFD_DOWN,       EV_RX_INIT,       BFD_UP,         BFD_DIAG_NONE,       "5880 6.8.6"},
	{BFD_DOWN,       EV_STOP,          BFD_ADMIN_DOWN, BFD_DIAG_ADMIN,      "5880 6.8.16"},
	{BFD_INIT,       EV_RX_ADMIN_DOWN, BFD_DOWN,       BFD_DIAG_NEIGHBOUR,  "5880 6.8.6"},
	{BFD_INIT,       EV_RX_INIT,       BFD_UP,         BFD_DIAG_NONE,       "5880 6.8.6"},
	{BFD_INIT,       EV_RX_UP,         BFD_UP,         BFD_DIAG_NONE,       "5880 6.8.6"},
	{BFD_INIT,       EV_EXPIRED,       BFD_DOWN,       BFD_DIAG_EXPIRED,    "5880 6.8.4"},
	{BFD_INIT,       EV_PATH,          BFD_DOWN,       BFD_DIAG_PATH,       "5880 6.8.15"},
	{BFD_INIT,       EV_STOP,          BFD_ADMIN_DOWN, BFD_DIAG_ADMIN,      "5880 6.8.16"},
	{BFD_UP,         EV_RX_ADMIN_DOWN, BFD_DOWN,       BFD_DIAG_NEIGHBOUR,  "5880 6.8.6"},
	{BFD_UP,         EV_RX_DOWN,       BFD_DOWN,       BFD_DIAG_NEIGHBOUR,  "5880 6.8.6"},
	{BFD_UP,         EV_EXPIRED,       BFD_DOWN,       BFD_DIAG_EXPIRED,    "5880 6.8.4"},
	{BFD_UP,         EV_PATH,          BFD_DOWN,       BFD_DIAG_PATH,       "5880 6.8.15"},
	{BFD_UP,         EV_STOP,          BFD_ADMIN_DOWN, BFD_DIAG_ADMIN,      "5880 6.8.16"},
	{BFD_ADMIN_DOWN, EV_START,         BFD_DOWN,       BFD_DIAG_NONE,       "5880 6.8.16"},
};

const struct bfd_row *row_find(uint8_t state, uint8_t event)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].from == state && rows[i].event == event)
			return &rows[i];
	return NULL;
}

bool bfd_row(size_t i, struct bfd_row_view *out)
{
	static const char *const events[EV_N] = {
		[EV_RX_ADMIN_DOWN] = "rx AdminDown", [EV_RX_DOWN] = "rx Down", [EV_RX_INIT] = "rx Init", [EV_RX_UP] = "rx Up",
		[EV_EXPIRED] = "expired", [EV_PATH] = "path", [EV_STOP] = "stop", [EV_START] = "start",
	};
	if (i >= ARRAY_LEN(rows))
		return false;
	*out = (struct bfd_row_view){
		.from = bfd_state_name(rows[i].from),
		.event = events[rows[i].event],
		.to = bfd_state_name(rows[i].to),
		.diag = bfd_diag_name(rows[i].diag),
		.rfc = rows[i].rfc,
	};
	return true;
}
