/* BFD control packets (RFC 5880 4.1). */
#include "wire/wire.h"

enum { BFD_VERSION = 1, AUTH_MIN = 2 };
enum { F_POLL = 0x20, F_FINAL = 0x10, F_INDEPENDENT = 0x08, F_AUTH = 0x04, F_DEMAND = 0x02, F_MULTIPOINT = 0x01 };

bool bfd_decode(struct span datagram, struct bfd_packet *out)
{
	struct rd r = rd_init(datagram.p, datagram.n);
	uint8_t first = rd_u8(&r), second = rd_u8(&r);

	*out = (struct bfd_packet){
		.diag = first & 0x1f,
		.state = second >> 6,
		.poll = second & F_POLL,
		.final = second & F_FINAL,
		.independent = second & F_INDEPENDENT,
		.authenticated = second & F_AUTH,
		.demand = second & F_DEMAND,
	};
	out->multiplier = rd_u8(&r);
	size_t len = rd_u8(&r);
	out->mine = rd_u32(&r);
	out->yours = rd_u32(&r);
	out->tx_us = rd_u32(&r);
	out->rx_us = rd_u32(&r);
	out->echo_us = rd_u32(&r);
	/* RFC 5880 6.8.6, in its order */
	if (!rd_ok(&r) || first >> 5 != BFD_VERSION || len < BFD_LEN + (out->authenticated ? AUTH_MIN : 0u) || len > datagram.n)
		return false;
	if (out->multiplier == 0 || second & F_MULTIPOINT || out->mine == 0)
		return false;
	return out->yours != 0 || out->state == BFD_DOWN || out->state == BFD_ADMIN_DOWN;
}

void bfd_encode(struct wr *w, const struct bfd_packet *p)
{
	wr_u8(w, (unsigned)BFD_VERSION << 5 | (p->diag & 0x1fu));
	wr_u8(w, (unsigned)(p->state & 3) << 6 | (p->poll ? F_POLL : 0u) | (p->final ? F_FINAL : 0u) |
	                 (p->independent ? F_INDEPENDENT : 0u) | (p->demand ? F_DEMAND : 0u));
	wr_u8(w, p->multiplier);
	wr_u8(w, BFD_LEN);
	wr_u32(w, p->mine);
	wr_u32(w, p->yours);
	wr_u32(w, p->tx_us);
	wr_u32(w, p->rx_us);
	wr_u32(w, p->echo_us);
}

const char *bfd_state_name(uint8_t state)
{
	static const char *const names[] = {"shutdown", "down", "init", "up"};
	return state < ARRAY_LEN(names) ? names[state] : "";
}

const char *bfd_diag_name(uint8_t diag)
{
	static const char *const names[BFD_DIAG_N] = {
		[BFD_DIAG_NONE] = "ok",
		[BFD_DIAG_EXPIRED] = "control detection time expired",
		[BFD_DIAG_ECHO] = "echo function failed",
		[BFD_DIAG_NEIGHBOUR] = "neighbor signaled session down",
		[BFD_DIAG_RESET] = "forwarding plane reset",
		[BFD_DIAG_PATH] = "path down",
		[BFD_DIAG_CONCATENATED] = "concatenated path down",
		[BFD_DIAG_ADMIN] = "administratively down",
		[BFD_DIAG_REVERSE] = "reverse concatenated path down",
	};
	return diag < ARRAY_LEN(names) ? names[diag] : "";
}
