/* control/: the client, against a server of canned octets and against the real one, each in a process of its own.
 * Nobody sleeps: the processes wait for each other's octets. */
#include "control/frame.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* Only for tests that fail: nobody waits for a child for ever. */
enum { CHILD_LIMIT_S = 20 };

struct world {
	char dir[64], path[96];
	int listen_fd;
	pid_t child;
	char lines[1024];
	size_t n_lines;
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	assert_non_null(w);
	snprintf(w->dir, sizeof w->dir, "/tmp/gretel-control-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->path, sizeof w->path, "%s/control", w->dir);
	snprintf(a.sun_path, sizeof a.sun_path, "%s", w->path);
	w->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0); /* the server makes it non-blocking */
	assert_true(w->listen_fd >= 0);
	assert_int_equal(bind(w->listen_fd, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(listen(w->listen_fd, 8), 0);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	int status = 0;
	if (w->listen_fd >= 0)
		close(w->listen_fd);
	if (w->child > 0)
		assert_int_equal(waitpid(w->child, &status, 0), w->child);
	assert_int_equal(status, 0);
	unlink(w->path);
	rmdir(w->dir);
	free(w);
	return 0;
}

static void on_line(void *ctx, const char *text)
{
	struct world *w = ctx;
	size_t at = strlen(w->lines);
	snprintf(w->lines + at, sizeof w->lines - at, "%s|", text);
	w->n_lines++;
}

static int call(struct world *w, const char *verb, const char *arg, int timeout_s, struct control_reply *r)
{
	const struct control_call c = {.socket = w->path,
	                               .verb = verb,
	                               .arg = &arg,
	                               .n_args = arg != NULL,
	                               .timeout_s = timeout_s,
	                               .line = on_line,
	                               .ctx = w};
	return control_call(&c, r);
}

/* The child takes one client, reads a whole request unless deaf, writes the octets one by one, and closes. */
static void canned(struct world *w, bool deaf, const void *octets, size_t n)
{
	w->child = fork();
	assert_true(w->child >= 0);
	if (w->child > 0)
		return;
	alarm(CHILD_LIMIT_S);
	int fd = accept(w->listen_fd, NULL, NULL);
	uint8_t in[4096];
	struct frame f;
	size_t got = 0, used;
	while (!deaf && frame_parse(SPAN(in, got), &f, &used) != 1) {
		ssize_t k = recv(fd, in + got, sizeof in - got, 0);
		if (k <= 0)
			_exit(1);
		got += (size_t)k;
	}
	for (size_t i = 0; i < n; i++) {
		if (send(fd, (const uint8_t *)octets + i, 1, MSG_NOSIGNAL) != 1)
			break; /* the client has heard enough */
	}
	_exit(0);
}

static void test_answer(void **state)
{
	static const char octets[] = "\0\0\0\3Lone\0\0\0\5Ltw\x1bo!\0\0\0\4J{\"a\"\0\0\0\3J:1}"
				     "\0\0\0\32E{\"code\":1,\"text\":\"failed\"}";
	struct world *w = *state;
	struct control_reply r;
	canned(w, false, octets, sizeof octets - 1);
	assert_int_equal(call(w, "up", "tunnel", 0, &r), 0);
	assert_string_equal(w->lines, "one|tw?o!|");
	assert_int_equal(r.code, 1);
	assert_string_equal(r.text, "failed");
	assert_int_equal(json_integer_value(json_object_get(r.doc, "a")), 1);
	control_reply_fini(&r);
}

/* Turned away before anything was read. */
static void test_turned_away(void **state)
{
	static const char octets[] = "\0\0\0\33E{\"code\":13,\"text\":\"denied\"}";
	struct world *w = *state;
	struct control_reply r;
	canned(w, true, octets, sizeof octets - 1);
	assert_int_equal(call(w, "status", NULL, 0, &r), 0);
	assert_int_equal(r.code, 13);
	assert_null(r.doc);
	control_reply_fini(&r);
}

static void bad_answer(struct world *w, const char *octets, size_t n, int result)
{
	struct control_reply r;
	canned(w, false, octets, n);
	assert_int_equal(call(w, "status", NULL, 0, &r), result);
	assert_null(r.doc);
	assert_null(r.text);
}

#define BAD(name, octets, result)                                                                                      \
	static void name(void **state) { bad_answer(*state, octets, sizeof octets - 1, result); }
BAD(test_cut_before, "", -ECONNRESET)
BAD(test_cut_in_frame, "\0\0\0\3Lon", -ECONNRESET)
BAD(test_cut_before_end, "\0\0\0\3Lone", -ECONNRESET)
BAD(test_oversized, "\0\1\0\1L", -EPROTO)
BAD(test_unknown_frame, "\0\0\0\0X", -EPROTO)
BAD(test_request_back, "\0\0\0\2R{}", -EPROTO)
BAD(test_end_no_json, "\0\0\0\1E{", -EPROTO)
BAD(test_end_no_code, "\0\0\0\14E{\"text\":\"x\"}", -EPROTO)
BAD(test_end_no_text, "\0\0\0\12E{\"code\":0}", -EPROTO)
BAD(test_end_wild_code, "\0\0\0\26E{\"code\":256,\"text\":\"\"}", -EPROTO)
BAD(test_doc_no_json, "\0\0\0\2J{x\0\0\0\24E{\"code\":0,\"text\":\"\"}", -EPROTO)

static void test_nobody(void **state)
{
	struct world *w = *state;
	struct control_reply r;
	close(w->listen_fd);
	assert_int_equal(call(w, "status", NULL, 0, &r), -ECONNREFUSED);
	unlink(w->path);
	assert_int_equal(call(w, "status", NULL, 0, &r), -ENOENT);
	memset(w->path, 'x', sizeof w->path - 1);
	struct control_call c = {.socket = w->path, .verb = "status"};
	assert_true(control_call(&c, &r) < 0);
	char longer[200];
	memset(longer, 'x', sizeof longer - 1);
	longer[sizeof longer - 1] = '\0';
	c.socket = longer;
	assert_int_equal(control_call(&c, &r), -ENAMETOOLONG);
	w->listen_fd = -1;
	snprintf(w->path, sizeof w->path, "%s/control", w->dir);
}

static void test_cannot_be_asked(void **state)
{
	struct world *w = *state;
	struct control_reply r;
	assert_int_equal(call(w, "up", "\xff\xfe", 0, &r), -EINVAL);
}

/* --- the real server in the child --- */
struct role {
	struct loop *loop;
	struct control *server;
};

static void on_request(void *ctx, uint64_t client, enum control_verb v, const struct control_args *a)
{
	struct role *r = ctx;
	json_t *doc = json_array();
	for (int i = 0; v == CONTROL_STATUSALL && i < 100000; i++)
		(void)json_array_append_new(doc, json_integer(i));
	(void)a;
	(void)control_line(r->server, client, "here it comes");
	(void)control_json(r->server, client, doc);
	control_end(r->server, client, 0, "that was it");
	if (v == CONTROL_VERSION)
		loop_stop(r->loop, 0);
}

static int peer_root(void *ctx, int fd, gid_t group, struct control_peer *out)
{
	(void)ctx;
	(void)fd;
	(void)group;
	*out = (struct control_peer){.root = true};
	return 0;
}

static void real_server(struct world *w)
{
	static const struct control_ops ops = {.request = on_request, .peer = peer_root};
	struct role r = {.loop = NULL};
	w->child = fork();
	assert_true(w->child >= 0);
	if (w->child > 0)
		return;
	alarm(CHILD_LIMIT_S);
	r.loop = loop_new();
	r.server = !r.loop ? NULL : control_new(r.loop, w->listen_fd, &ops, &r, (gid_t)-1);
	if (!r.server || loop_run(r.loop) != 0)
		_exit(1);
	control_free(r.server);
	loop_free(r.loop);
	free(w);
	_exit(0);
}

static void test_both_ends(void **state)
{
	struct world *w = *state;
	struct control_reply r;
	real_server(w);
	assert_int_equal(call(w, "statusall", NULL, 20, &r), 0);
	assert_int_equal(r.code, 0);
	assert_string_equal(r.text, "that was it");
	assert_string_equal(w->lines, "here it comes|");
	assert_int_equal(json_array_size(r.doc), 100000);
	assert_int_equal(json_integer_value(json_array_get(r.doc, 99999)), 99999);
	control_reply_fini(&r);
	assert_int_equal(call(w, "fly", NULL, 20, &r), 0);
	assert_int_equal(r.code, CONTROL_USAGE);
	control_reply_fini(&r);
	assert_int_equal(call(w, "version", NULL, 20, &r), 0);
	assert_string_equal(r.text, "that was it"); /* queued when the loop stopped, sent by control_free */
	control_reply_fini(&r);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_answer),         T(test_turned_away), T(test_cut_before),      T(test_cut_in_frame),
		T(test_cut_before_end), T(test_oversized),   T(test_unknown_frame),   T(test_request_back),
		T(test_end_no_json),    T(test_end_no_code), T(test_end_no_text),     T(test_end_wild_code),
		T(test_doc_no_json),    T(test_nobody),      T(test_cannot_be_asked), T(test_both_ends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
