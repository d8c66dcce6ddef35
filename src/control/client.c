/* The client: one request, its answer, with a loop of its own. Called by cli/. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "control/frame.h"

enum { CLIENT_DOC_MAX = 4 * CONTROL_DOC_MAX, READ_STEP = 65536 };

struct session {
	const struct control_call *call;
	struct control_reply *reply;
	struct loop *loop;
	struct fbuf out, in, doc;
	mono_t due;
};

static int connect_to(const char *path)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	size_t n = strlen(path);
	if (n >= sizeof to.sun_path)
		return -ENAMETOOLONG;
	memcpy(to.sun_path, path, n + 1);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	/* Waits only while the daemon's queue of new clients is full. */
	struct timeval limit = {.tv_sec = 10};
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
	if (connect(fd, (const struct sockaddr *)&to, sizeof to) < 0) {
		int err = errno == EAGAIN ? ETIMEDOUT : errno;
		close(fd);
		return -err;
	}
	return fd;
}

static bool request_build(const struct control_call *call, struct fbuf *out)
{
	json_t *args = json_array();
	for (size_t i = 0; args && i < call->n_args; i++)
		(void)json_array_append_new(args, json_string(call->arg[i]));
	/* An argument that is no UTF-8 is missing from the array: it cannot be asked for. */
	bool whole = args && json_array_size(args) == call->n_args;
	json_t *root = json_pack("{s:s, s:o*, s:O*}", "verb", call->verb, "args", args, "options", call->options);
	char *s = root && whole ? json_dumps(root, JSON_COMPACT) : NULL;
	bool done = s && strlen(s) <= CONTROL_FRAME_MAX && fbuf_add_frame(out, FRAME_REQUEST, s, strlen(s));
	free(s);
	json_decref(root);
	return done;
}

static int take_line(struct session *s, struct span p)
{
	char *text = malloc(p.n + 1);
	if (!text)
		return -ENOMEM;
	text_clean(text, (const char *)p.p, p.n);
	if (s->call->line)
		s->call->line(s->call->ctx, text);
	free(text);
	return 0;
}

static int take_piece(struct session *s, struct span p)
{
	if (fbuf_len(&s->doc) + p.n > CLIENT_DOC_MAX)
		return -EPROTO;
	return fbuf_add(&s->doc, p.p, p.n) ? 0 : -ENOMEM;
}

/* 1: that was the last word. */
static int take_end(struct session *s, struct span p)
{
	json_t *end = json_loadb((const char *)p.p, p.n, 0, NULL);
	const char *text = json_string_value(json_object_get(end, "text"));
	const json_t *code = json_object_get(end, "code");
	int result = 1;
	if (!text || !json_is_integer(code) || json_integer_value(code) < 0 || json_integer_value(code) > 255) {
		result = -EPROTO;
	} else {
		s->reply->code = (int)json_integer_value(code);
		s->reply->text = strdup(text);
		if (!s->reply->text)
			result = -ENOMEM;
	}
	json_decref(end);
	if (result == 1 && fbuf_len(&s->doc)) {
		struct span doc = fbuf_span(&s->doc);
		s->reply->doc = json_loadb((const char *)doc.p, doc.n, 0, NULL);
		/* A document that was cut says so by its code. */
		if (!s->reply->doc && s->reply->code == CONTROL_OK)
			result = -EPROTO;
	}
	return result;
}

static int take_frame(struct session *s, const struct frame *f)
{
	if (f->type == FRAME_LINE)
		return take_line(s, f->payload);
	if (f->type == FRAME_JSON)
		return take_piece(s, f->payload);
	return f->type == FRAME_END ? take_end(s, f->payload) : -EPROTO;
}

/* 0: more is to come; 1: done; -errno. */
static int session_read(struct session *s, int fd)
{
	uint8_t *room = fbuf_room(&s->in, READ_STEP);
	ssize_t n = room ? recv(fd, room, READ_STEP, MSG_DONTWAIT) : -1;
	if (!room)
		return -ENOMEM;
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (n == 0)
		return -ECONNRESET;
	fbuf_grew(&s->in, (size_t)n);
	for (;;) {
		struct frame f;
		size_t used;
		int got = frame_parse(fbuf_span(&s->in), &f, &used);
		if (got <= 0)
			return got < 0 ? -EPROTO : 0;
		got = take_frame(s, &f);
		if (got != 0)
			return got;
		fbuf_take(&s->in, used);
	}
}

/* A server that turns us away does so before it reads: that writing fails says nothing, its word is in the buffer. */
static void session_write(struct session *s, int fd)
{
	struct span all = fbuf_span(&s->out);
	ssize_t n = send(fd, all.p, all.n, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n > 0)
		fbuf_take(&s->out, (size_t)n);
	else if (n < 0 && errno != EAGAIN && errno != EINTR)
		fbuf_free(&s->out);
	if (fbuf_len(&s->out) == 0)
		(void)!loop_mod(s->loop, fd, EPOLLIN);
}

static void on_socket(void *ctx, int fd, uint32_t events, mono_t now)
{
	struct session *s = ctx;
	(void)now;
	if ((events & EPOLLOUT) && fbuf_len(&s->out))
		session_write(s, fd);
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
		int got = session_read(s, fd);
		if (got != 0)
			loop_stop(s->loop, got > 0 ? 0 : got);
	}
}

static mono_t when_due(void *ctx) { return ((const struct session *)ctx)->due; }

static void on_due(void *ctx, mono_t now)
{
	struct session *s = ctx;
	(void)now;
	loop_stop(s->loop, -ETIMEDOUT);
}

static int session_run(struct session *s, int fd)
{
	s->loop = loop_new();
	if (!s->loop)
		return -ENOMEM;
	s->due = s->call->timeout_s > 0 ? mono_add(loop_now(s->loop), DUR_S(s->call->timeout_s)) : MONO_NEVER;
	int err = loop_add(s->loop, fd, EPOLLIN | EPOLLOUT, on_socket, s);
	if (err == 0)
		err = loop_timer(s->loop, when_due, on_due, s);
	if (err == 0)
		err = loop_run(s->loop);
	loop_del(s->loop, fd);
	loop_free(s->loop);
	return err;
}

int control_call(const struct control_call *call, struct control_reply *out)
{
	struct session s = {.call = call, .reply = out};
	*out = (struct control_reply){.code = CONTROL_FAILED};
	if (!request_build(call, &s.out)) {
		fbuf_free(&s.out);
		return -EINVAL;
	}
	int fd = connect_to(call->socket);
	int err = fd < 0 ? fd : session_run(&s, fd);
	if (fd >= 0)
		close(fd);
	fbuf_free(&s.out);
	fbuf_free(&s.in);
	fbuf_free(&s.doc);
	if (err < 0)
		control_reply_fini(out);
	return err;
}

void control_reply_fini(struct control_reply *r)
{
	json_decref(r->doc);
	free(r->text);
	*r = (struct control_reply){.code = CONTROL_FAILED};
}
