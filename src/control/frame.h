/* Frames of the control socket, and a buffer of octets that grows: shared by both ends. Not outside control/. */
#ifndef CONTROL_FRAME_H
#define CONTROL_FRAME_H

#include "control/control.h"

enum { FRAME_HEAD = 5 };
enum frame_type { FRAME_REQUEST = 'R', FRAME_LINE = 'L', FRAME_JSON = 'J', FRAME_END = 'E' };

struct frame {
	uint8_t type; /* enum frame_type */
	struct span payload;
};

/* The frame at the start of data. 1: whole, *used octets long; 0: more octets are needed; -EMSGSIZE: its length is over
 * CONTROL_FRAME_MAX; -EPROTO: no such type. Errors are seen as soon as the octet that is wrong has come. */
int frame_parse(struct span data, struct frame *out, size_t *used) MUST_USE;

/* Octets in order: appended behind, taken in front. */
struct fbuf {
	uint8_t *p;
	size_t at, n, cap; /* the octets at..n are in use */
};
static inline size_t fbuf_len(const struct fbuf *b) { return b->n - b->at; }
static inline struct span fbuf_span(const struct fbuf *b)
{
	return b->p ? SPAN(b->p + b->at, b->n - b->at) : SPAN(NULL, 0);
}
/* n octets of room behind, NULL: no memory. fbuf_grew says how many were filled. */
uint8_t *fbuf_room(struct fbuf *b, size_t n);
void fbuf_grew(struct fbuf *b, size_t n);
void fbuf_take(struct fbuf *b, size_t n);
void fbuf_free(struct fbuf *b);
bool fbuf_add(struct fbuf *b, const void *p, size_t n) MUST_USE;
/* A whole frame, n at most CONTROL_FRAME_MAX. All of it or, without memory, nothing and false. */
bool fbuf_add_frame(struct fbuf *b, uint8_t type, const void *p, size_t n) MUST_USE;
/* n octets cut into as many frames of one type as it takes; none for 0. */
bool fbuf_add_frames(struct fbuf *b, uint8_t type, const void *p, size_t n) MUST_USE;
/* The E frame. */
bool fbuf_add_end(struct fbuf *b, int code, const char *text) MUST_USE;

/* out gets n octets and a NUL: control characters, and octets that are no UTF-8, are question marks. */
void text_clean(char *out, const char *in, size_t n);

#endif
