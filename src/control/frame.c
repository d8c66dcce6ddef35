/* Frames: 4 octets of length, a type, the payload. Reading is by the cursor; nothing here knows a socket. */
#include "control/frame.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool type_known(uint8_t type)
{
	return type == FRAME_REQUEST || type == FRAME_LINE || type == FRAME_JSON || type == FRAME_END;
}

int frame_parse(struct span data, struct frame *out, size_t *used)
{
	struct rd r = rd_init(data.p, data.n);
	uint32_t n = rd_u32(&r);
	if (!rd_ok(&r))
		return 0;
	if (n > CONTROL_FRAME_MAX)
		return -EMSGSIZE;
	uint8_t type = rd_u8(&r);
	if (!rd_ok(&r))
		return 0;
	if (!type_known(type))
		return -EPROTO;
	const uint8_t *p = rd_take(&r, n);
	if (!rd_ok(&r))
		return 0;
	*out = (struct frame){.type = type, .payload = SPAN(p, n)};
	*used = FRAME_HEAD + (size_t)n;
	return 1;
}

uint8_t *fbuf_room(struct fbuf *b, size_t n)
{
	if (n > b->cap - b->n && b->at > b->n / 2) {
		memmove(b->p, b->p + b->at, b->n - b->at);
		b->n -= b->at;
		b->at = 0;
	}
	if (n > b->cap - b->n) {
		size_t cap = max_z(b->cap * 2, max_z(b->n + n, 256));
		uint8_t *p = realloc(b->p, cap);
		if (!p)
			return NULL;
		b->p = p;
		b->cap = cap;
	}
	return b->p + b->n;
}

void fbuf_grew(struct fbuf *b, size_t n) { b->n += n; }

void fbuf_take(struct fbuf *b, size_t n)
{
	b->at += n;
	if (b->at == b->n)
		b->at = b->n = 0;
}

void fbuf_free(struct fbuf *b)
{
	free(b->p);
	*b = (struct fbuf){.p = NULL};
}

bool fbuf_add(struct fbuf *b, const void *p, size_t n)
{
	uint8_t *room = fbuf_room(b, n);
	if (!room)
		return false;
	if (n)
		memcpy(room, p, n);
	b->n += n;
	return true;
}

bool fbuf_add_frame(struct fbuf *b, uint8_t type, const void *p, size_t n)
{
	if (BUG(n > CONTROL_FRAME_MAX))
		return false;
	uint8_t *room = fbuf_room(b, FRAME_HEAD + n);
	if (!room)
		return false;
	struct wr w = wr_init(room, FRAME_HEAD + n);
	wr_u32(&w, (uint32_t)n);
	wr_u8(&w, type);
	wr_bytes(&w, p, n);
	b->n += w.len;
	return true;
}

bool fbuf_add_frames(struct fbuf *b, uint8_t type, const void *p, size_t n)
{
	struct rd r = rd_init(p, n);
	if (!fbuf_room(b, n + (n / CONTROL_FRAME_MAX + 1) * FRAME_HEAD))
		return false;
	while (rd_left(&r)) {
		size_t part = min_z(rd_left(&r), CONTROL_FRAME_MAX);
		if (!fbuf_add_frame(b, type, rd_take(&r, part), part))
			return false;
	}
	return true;
}

bool fbuf_add_end(struct fbuf *b, int code, const char *text)
{
	size_t len = min_z(strlen(text), CONTROL_FRAME_MAX / 8);
	char *clean = malloc(len + 1);
	bool done = false;
	if (clean) {
		text_clean(clean, text, len);
		json_t *end = json_pack("{s:i, s:s}", "code", code, "text", clean);
		char *s = end ? json_dumps(end, JSON_COMPACT) : NULL;
		done = s && fbuf_add_frame(b, FRAME_END, s, strlen(s));
		free(s);
		json_decref(end);
	}
	free(clean);
	return done;
}

/* Octets of the UTF-8 character at p that may be shown as it is; 0: none. RFC 3629 4, without C1 controls. */
static size_t utf8_len(const uint8_t *p, size_t n)
{
	static const struct {
		uint8_t lo, hi, second_lo, second_hi, len;
	} row[] = {
		{0xc2, 0xc2, 0xa0, 0xbf, 2}, {0xc3, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
		{0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
		{0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
	};
	if (p[0] < 0x80)
		return (p[0] >= 0x20 && p[0] != 0x7f) || p[0] == '\t';
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		if (p[0] < row[i].lo || p[0] > row[i].hi || n < row[i].len)
			continue;
		if (p[1] < row[i].second_lo || p[1] > row[i].second_hi)
			return 0;
		for (size_t k = 2; k < row[i].len; k++) {
			if ((p[k] & 0xc0) != 0x80)
				return 0;
		}
		return row[i].len;
	}
	return 0;
}

void text_clean(char *out, const char *in, size_t n)
{
	const uint8_t *p = (const uint8_t *)in;
	for (size_t i = 0; i < n;) {
		size_t len = utf8_len(p + i, n - i);
		if (len)
			memcpy(out + i, in + i, len);
		else
			out[i] = '?';
		i += len ? len : 1;
	}
	out[n] = '\0';
}
