/* A datagram on the NAT-T port: its kind, and when it is IKE, the header behind the marker. */
#include "fuzz.h"

#include "wire/wire.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span ike;
	struct ike_hdr h;
	enum udp_kind kind = udp_encap_classify(SPAN(data, size), &ike);

	if (kind == UDP_IKE ? ike.n + 4 != size : ike.n != 0)
		abort();
	if ((kind == UDP_ESP && size < 8) || (kind == UDP_KEEPALIVE && size != 1))
		abort();
	if (kind == UDP_IKE && ike_hdr_decode(ike, &h) == WIRE_OK && h.length != ike.n)
		abort();
	return 0;
}
