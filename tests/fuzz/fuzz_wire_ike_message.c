/* A datagram as an IKE message: header, chain, every body, the text; and what decodes must encode and decode to the
 * same. Each input is tried as it is, then with a header that says what the decoder wants to hear, then, from its
 * second octet on, as the plaintext of an SK payload whose first payload has the type of the first octet. */
#include "fuzz.h"

#include "../unit/test_wire_util.h"

#include <stdlib.h>

static char text[1 << 20];

static void run(struct span datagram, uint8_t first, struct span inner)
{
	struct sbuf b = SB(text);

	(void)sb_wire_message(&b, datagram, first, inner);
	if (!wire_again_message(datagram, first, inner))
		abort();
}

/* Sets SPIi, the version and the length. */
static void mend_header(struct span datagram)
{
	struct wr w = {.base = (uint8_t *)(uintptr_t)datagram.p, .len = datagram.n, .cap = datagram.n};

	if (datagram.n < IKE_HDR_LEN)
		return;
	wr_put_u8(&w, 0, 1);
	wr_put_u8(&w, 17, 0x20);
	wr_put_u32(&w, 24, datagram.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t empty_sk[] = {0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 46, 0x20, 35, 8, 0, 0, 0, 1,
	                                   0, 0, 0, 32, 0, 0, 0, 4};

	run(SPAN(data, size), 0, SPAN(NULL, 0));
	struct span mended = wire_copy(SPAN(data, size));
	mend_header(mended);
	run(mended, 0, SPAN(NULL, 0));
	wire_free(mended);
	if (size > 0) {
		struct rd r = rd_init(data, size);
		uint8_t first = rd_u8(&r);
		size_t n = rd_left(&r);
		struct span inner = wire_copy(SPAN(rd_take(&r, n), n));
		run(SPAN(empty_sk, sizeof empty_sk), first, inner);
		wire_free(inner);
	}
	return 0;
}
