/* See test_control_util.h. */
#include "test_control_util.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* --- the loop --- */
static size_t source_of(struct loop *l, int fd)
{
	size_t i = 0;
	while (i < SOURCES && (!l->s[i].fn || l->s[i].fd != fd))
		i++;
	return i;
}

mono_t loop_now(struct loop *l) { return l->now; }

int loop_add(struct loop *l, int fd, uint32_t events, loop_fd_fn *fn, void *ctx)
{
	assert_int_equal(source_of(l, fd), SOURCES);
	for (size_t i = 0; i < SOURCES && !l->refuse_add; i++) {
		if (l->s[i].fn)
			continue;
		l->s[i].fd = fd;
		l->s[i].events = events;
		l->s[i].fn = fn;
		l->s[i].ctx = ctx;
		return 0;
	}
	return -ENOMEM;
}

int loop_mod(struct loop *l, int fd, uint32_t events)
{
	size_t i = source_of(l, fd);
	assert_true(i < SOURCES);
	l->s[i].events = events;
	return 0;
}

void loop_del(struct loop *l, int fd)
{
	size_t i = source_of(l, fd);
	assert_true(i < SOURCES);
	l->s[i].fn = NULL;
}

int loop_timer(struct loop *l, loop_when_fn *when, loop_due_fn *fn, void *ctx)
{
	l->when = when;
	l->due = fn;
	l->due_ctx = ctx;
	return 0;
}

size_t turn(struct loop *l)
{
	size_t ran = 0;
	if (l->when && l->when(l->due_ctx) <= l->now) {
		l->due(l->due_ctx, l->now);
		ran++;
	}
	for (size_t i = 0; i < SOURCES; i++) {
		struct pollfd p = {.fd = l->s[i].fd, .events = (short)l->s[i].events};
		if (l->s[i].fn && poll(&p, 1, 0) == 1) {
			l->s[i].fn(l->s[i].ctx, p.fd, (uint32_t)p.revents, l->now);
			ran++;
		}
	}
	return ran;
}

void settle(struct loop *l)
{
	for (int i = 0; turn(l); i++)
		assert_true(i < 100000); /* a handler that is called for ever */
}

/* --- the role --- */
static void on_request(void *ctx, uint64_t client, enum control_verb v, const struct control_args *a)
{
	struct world *w = ctx;
	w->requests++;
	w->client = client;
	w->verb = v;
	w->target = a->target;
	snprintf(w->arg, sizeof w->arg, "%s", a->n ? a->v[0] : "");
	assert_int_equal(a->row->verb, v);
	assert_int_equal(a->peer.uid, w->peer.uid);
	if (w->answer)
		w->answer(w, a);
}

static void on_gone(void *ctx, uint64_t client)
{
	struct world *w = ctx;
	w->gone++;
	w->gone_client = client;
	assert_false(control_line(w->server, client, "too late"));
	control_end(w->server, client, 0, "too late");
}

static const char *tunnel_name(void *ctx, size_t i) { return ((struct world *)ctx)->names[i]; }

static const char *refused(void *ctx, const char *name)
{
	(void)ctx;
	return strcmp(name, "broken") == 0 ? "/etc/ipsec.conf:7: no such keyword" : NULL;
}

static int peer_hook(void *ctx, int fd, gid_t group, struct control_peer *out)
{
	struct world *w = ctx;
	assert_true(fd >= 0 && group == 4711);
	*out = w->peer;
	return w->peer_err;
}

const struct control_ops OPS = {on_request, on_gone, tunnel_name, refused, peer_hook, NULL};
const struct control_ops OPS_REAL_PEER = {on_request, on_gone, tunnel_name, refused, NULL, NULL};
static const char *const NAMES[] = {"tunnel", "cn[1]", NULL};

void start(struct world *w, const struct control_ops *ops)
{
	struct sockaddr_un any = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&any, sizeof any.sun_family), 0); /* the kernel finds a name */
	assert_int_equal(listen(fd, 128), 0);
	w->addr_len = sizeof w->addr;
	assert_int_equal(getsockname(fd, (struct sockaddr *)&w->addr, &w->addr_len), 0);
	w->server = control_new(&w->loop, fd, ops, w, 4711);
	assert_non_null(w->server);
}

int setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	assert_non_null(w);
	w->loop.now = DUR_S(1000);
	w->peer = (struct control_peer){.pid = 1, .uid = 0, .root = true};
	w->names = NAMES;
	start(w, &OPS);
	*state = w;
	return 0;
}

int teardown(void **state)
{
	struct world *w = *state;
	control_free(w->server);
	for (size_t i = 0; i < SOURCES; i++)
		assert_null(w->loop.s[i].fn); /* nothing is watched any more */
	free(w);
	return 0;
}

/* --- clients --- */
int dial(struct world *w)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&w->addr, w->addr_len), 0);
	return fd;
}

void put(int fd, const void *p, size_t n) { assert_int_equal(send(fd, p, n, MSG_NOSIGNAL), n); }

void put_request(int fd, const char *json)
{
	struct fbuf b = {.p = NULL};
	assert_true(fbuf_add_frame(&b, FRAME_REQUEST, json, strlen(json)));
	put(fd, b.p, b.n);
	fbuf_free(&b);
}

static void take(struct answer *a, const struct frame *f)
{
	assert_false(a->end); /* nothing comes behind the last word */
	if (f->type == FRAME_LINE) {
		a->lines++;
		snprintf(a->last_line, sizeof a->last_line, "%.*s", (int)f->payload.n, (const char *)f->payload.p);
	} else if (f->type == FRAME_JSON) {
		a->pieces++;
		assert_true(fbuf_add(&a->doc, f->payload.p, f->payload.n));
	} else {
		assert_int_equal(f->type, FRAME_END);
		json_t *o = json_loadb((const char *)f->payload.p, f->payload.n, 0, NULL);
		a->end = true;
		a->code = (int)json_integer_value(json_object_get(o, "code"));
		snprintf(a->text, sizeof a->text, "%s", json_string_value(json_object_get(o, "text")));
		json_decref(o);
	}
}

void collect(struct world *w, int fd, struct answer *a)
{
	struct fbuf in = {.p = NULL};
	memset(a, 0, sizeof *a);
	for (bool idle = false; !a->eof;) {
		size_t ran = turn(&w->loop), used;
		struct frame f;
		uint8_t *room = fbuf_room(&in, 65536);
		ssize_t n = recv(fd, room, 65536, MSG_DONTWAIT);
		if (n < 0 && ran == 0) {
			if (idle)
				break;
			idle = true;
			continue;
		}
		idle = false;
		a->eof = n == 0 || (n < 0 && errno != EAGAIN);
		if (n > 0) {
			fbuf_grew(&in, (size_t)n);
			a->octets += (size_t)n;
		}
		int got;
		while ((got = frame_parse(fbuf_span(&in), &f, &used)) == 1) {
			take(a, &f);
			fbuf_take(&in, used);
		}
		assert_int_equal(got, 0);
	}
	if (a->eof)
		assert_int_equal(fbuf_len(&in), 0); /* no half frame */
	fbuf_free(&in);
}

void expect_end(struct world *w, int fd, int code, const char *says)
{
	struct answer a;
	collect(w, fd, &a);
	assert_true(a.end && a.eof);
	assert_int_equal(a.code, code);
	if (!strstr(a.text, says))
		fail_msg("'%s' does not say '%s'", a.text, says);
	assert_int_equal(a.lines + a.pieces, 0);
	close(fd);
	assert_int_equal(control_clients(w->server), 0);
}

uint64_t open_stream(struct world *w, int *fd)
{
	size_t before = w->requests;
	*fd = dial(w);
	put_request(*fd, "{\"verb\":\"log\",\"options\":{\"follow\":true}}");
	settle(&w->loop);
	assert_int_equal(w->requests, before + 1);
	return w->client;
}
