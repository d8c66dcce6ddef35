/* The control socket's input: a stream of frames, however it is cut into reads, and a request behind the first R. The
 * stream must mean the same in one piece and octet by octet; what is accepted must be inside its bounds. */
#include "fuzz.h"

#include "control/frame.h"
#include "control/request.h"

#include <stdlib.h>
#include <string.h>

static const char *name_at(void *ctx, size_t i)
{
	(void)ctx;
	return i == 0 ? "tunnel" : i == 1 ? "cn[1]" : NULL;
}

static void request(struct span json)
{
	struct request r;
	char text[256];
	struct sbuf err = SB(text);
	int code = request_parse(json, &r, &err);
	if (code != CONTROL_OK) {
		if (code != CONTROL_USAGE || !text[0] || r.root)
			abort();
		return;
	}
	const struct control_verb_row *row = r.args.row;
	if (r.args.n < row->min_args || r.args.n > row->max_args)
		abort();
	for (size_t i = 0; i < r.args.n; i++) {
		if (!r.args.v[i][0] || strlen(r.args.v[i]) > CONTROL_ARG_MAX)
			abort();
	}
	if (r.args.n && row->arg != CONTROL_ARG_TEXT) {
		if (strlen(r.args.target.name) > CONF_NAME_MAX)
			abort();
		control_no_such(&err, r.args.target.name, name_at, NULL);
	}
	(void)control_option(&r.args, "follow");
	(void)control_option_int(&r.args, "lines", 0);
	if (strlen(control_option_text(&r.args, "tunnel")) > CONTROL_ARG_MAX)
		abort();
	request_fini(&r);
}

/* How far a stream is understood: whole frames, and the result that ended it. */
static size_t frames(struct span all, int *end)
{
	size_t n = 0, used;
	struct frame f;
	while ((*end = frame_parse(all, &f, &used)) == 1) {
		if (used > all.n || f.payload.n > CONTROL_FRAME_MAX || used != f.payload.n + FRAME_HEAD)
			abort();
		all = SPAN(all.p + used, all.n - used);
		n++;
	}
	return n;
}

static void octet_by_octet(struct span all, size_t expected, int end)
{
	struct fbuf b = {.p = NULL};
	struct frame f;
	size_t n = 0, used;
	int got = 0;
	for (size_t i = 0; i < all.n && got >= 0; i++) {
		if (!fbuf_add(&b, all.p + i, 1))
			abort();
		while ((got = frame_parse(fbuf_span(&b), &f, &used)) == 1) {
			fbuf_take(&b, used);
			n++;
		}
	}
	if (n != expected || got != end)
		abort();
	fbuf_free(&b);
}

static void clean(struct span all)
{
	char *out = malloc(all.n + 1);
	if (!out)
		return;
	text_clean(out, (const char *)all.p, all.n);
	json_t *s = json_string(out); /* proves UTF-8 */
	if (!s || strlen(out) != all.n)
		abort();
	json_decref(s);
	free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span all = SPAN(data, size);
	struct frame f;
	size_t used;
	int end;
	size_t n = frames(all, &end);
	octet_by_octet(all, n, end);
	if (size)
		clean(all);
	if (n && frame_parse(all, &f, &used) == 1 && f.type == FRAME_REQUEST)
		request(f.payload);
	return 0;
}
