/* A BFD control packet: what decodes must encode and decode to the same, and obeys the rules of RFC 5880 6.8.6. */
#include "fuzz.h"

#include "wire/wire.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t octets[BFD_LEN];
	struct wr w = wr_init(octets, sizeof octets);
	struct bfd_packet p, q;

	if (!bfd_decode(SPAN(data, size), &p))
		return 0;
	if (size < BFD_LEN || p.multiplier == 0 || p.mine == 0 || (p.yours == 0 && p.state > BFD_DOWN))
		abort();
	p.authenticated = false; /* not ours to write */
	bfd_encode(&w, &p);
	if (!wr_ok(&w) || w.len != BFD_LEN || !bfd_decode(SPAN(octets, w.len), &q) || memcmp(&p, &q, sizeof p) != 0)
		abort();
	return 0;
}
