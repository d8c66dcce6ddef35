/* What a datagram on the NAT-T port carries (RFC 3948 2.1-2.3). Called by the socket code of the daemon and of the
 * userspace data plane, for each datagram; nothing is decoded here. */
#include "wire/wire.h"

enum { MARKER_LEN = 4, ESP_HEAD_LEN = 8, KEEPALIVE = 0xff };

enum udp_kind udp_encap_classify(struct span datagram, struct span *ike)
{
	struct rd r = rd_init(datagram.p, datagram.n);

	*ike = SPAN(NULL, 0);
	if (datagram.n == 1 && rd_u8(&r) == KEEPALIVE)
		return UDP_KEEPALIVE;
	if (datagram.n < MARKER_LEN)
		return UDP_JUNK;
	if (rd_u32(&r) == 0) { /* RFC 3948 2.2: where ESP has its SPI, which is never zero */
		size_t n = rd_left(&r);
		*ike = SPAN(rd_take(&r, n), n);
		return UDP_IKE;
	}
	return datagram.n >= ESP_HEAD_LEN ? UDP_ESP : UDP_JUNK;
}
