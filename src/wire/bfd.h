/* BFD control packets (RFC 5880 4.1), part of wire/'s front door. Intervals are microseconds, as on the wire. */
#ifndef WIRE_BFD_H
#define WIRE_BFD_H

#include "model/model.h"

enum { BFD_LEN = 24, BFD_PORT_SINGLE = 3784, BFD_PORT_MULTIHOP = 4784 };
enum bfd_state { BFD_ADMIN_DOWN, BFD_DOWN, BFD_INIT, BFD_UP };
enum bfd_diag {
	BFD_DIAG_NONE, BFD_DIAG_EXPIRED, BFD_DIAG_ECHO, BFD_DIAG_NEIGHBOUR, BFD_DIAG_RESET, BFD_DIAG_PATH, BFD_DIAG_CONCATENATED,
	BFD_DIAG_ADMIN, BFD_DIAG_REVERSE, BFD_DIAG_N,
};
struct bfd_packet {
	uint8_t diag, state;             /* enum bfd_diag (unknown ones are kept), enum bfd_state */
	bool poll, final, independent, authenticated, demand;
	uint8_t multiplier;
	uint32_t mine, yours;            /* discriminators, the sender's view */
	uint32_t tx_us, rx_us, echo_us;  /* Desired Min TX, Required Min RX, Required Min Echo RX */
};
/* The checks of RFC 5880 6.8.6 that need no session: version, lengths, multiplier, multipoint, my discriminator, and your
 * discriminator 0 only in Down and AdminDown. What an authenticated packet has behind the 24 octets is not looked at. */
bool bfd_decode(struct span datagram, struct bfd_packet *out) MUST_USE;
/* 24 octets; authenticated is not for us to set. */
void bfd_encode(struct wr *w, const struct bfd_packet *p);
const char *bfd_state_name(uint8_t state); /* "up", as FRR prints; "" unknown */
const char *bfd_diag_name(uint8_t diag);   /* "control detection time expired"; "" unknown */

#endif
