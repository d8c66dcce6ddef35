/* A BGP message: the first octet says how the session codes, the second its type; what follows is the body, or with type 0
 * whole messages, one behind the other. What decodes must survive encoding: attributes -> canonical form -> view -> the
 * same form, and whole messages read again to the same. */
#include "fuzz.h"

#include "../unit/bgp_text.h"

#include <stdlib.h>

enum { BODY_MAX = 20000 };

static struct bgp_coding coding(uint8_t bits)
{
	bool path4 = bits & 4, path6 = bits & 8;
	return (struct bgp_coding){
		.as4 = bits & 1,
		.external = bits & 2,
		.addpath_rx = {path4, path6},
		.addpath_tx = {path4, path6},
		.mp = {!(bits & 16), !(bits & 32)},
		.ext_nexthop = bits & 64,
		.max = bits & 128 ? BGP_MSG_EXT_MAX : BGP_MSG_MAX,
	};
}

static void one(struct span message, const struct bgp_coding *c)
{
	static char text[1 << 20];
	struct sbuf b = SB(text);

	sb_bgp_message(&b, message, c); /* everything that a decoder yields is looked at */
	if (!bgp_again(message, c))
		abort();
}

static void framed(uint8_t type, struct span body, const struct bgp_coding *c)
{
	uint8_t *m = malloc(BGP_HDR_LEN + body.n);
	struct wr w = wr_init(m, BGP_HDR_LEN + body.n);

	for (int i = 0; i < 16; i++)
		wr_u8(&w, 0xff);
	wr_u16(&w, (unsigned)(BGP_HDR_LEN + body.n));
	wr_u8(&w, type);
	wr_bytes(&w, body.p, body.n);
	one(SPAN(m, w.len), c);
	free(m);
}

static void stream(struct span all, const struct bgp_coding *c)
{
	struct bgp_frame f;
	struct bgp_error e;

	while (bgp_frame(all, c->max, &f, &e) == 1) {
		struct span exact = wire_copy(f.whole);
		one(exact, c);
		wire_free(exact);
		all = span_behind(all, f.len);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2 || size > BODY_MAX)
		return 0;
	const struct bgp_coding c = coding(data[0]);
	struct span rest = span_behind(SPAN(data, size), 2);
	if (data[1])
		framed(data[1], rest, &c);
	else
		stream(rest, &c);
	return 0;
}
