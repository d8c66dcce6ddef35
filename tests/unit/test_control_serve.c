/* control/: the server over real local sockets. Every time limit is reached at once, by moving the clock of the
 * test's own loop; nothing sleeps. */
#include "test_control_util.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

static void answer_all(struct world *w, const struct control_args *a)
{
	(void)a;
	assert_true(control_line(w->server, w->client, "first\nsecond\n"));
	assert_true(control_line(w->server, w->client, "bad \x1b octets \xff"));
	assert_true(control_json(w->server, w->client, json_pack("{s:s}", "name", "tunnel")));
	control_end(w->server, w->client, CONTROL_OK, "done");
	assert_false(control_line(w->server, w->client, "behind the end"));
	control_end(w->server, w->client, CONTROL_FAILED, "a second end");
}

static void test_answer(void **state)
{
	struct world *w = *state;
	struct answer a;
	w->answer = answer_all;
	int fd = dial(w);
	put_request(fd, "{\"verb\":\"status\",\"args\":[\"tunnel\"]}");
	collect(w, fd, &a);
	assert_int_equal(w->requests, 1);
	assert_int_equal(w->verb, CONTROL_STATUS);
	assert_string_equal(w->arg, "tunnel");
	assert_int_equal(a.lines, 3);
	assert_string_equal(a.last_line, "bad ? octets ?");
	assert_int_equal(a.pieces, 1);
	assert_int_equal(fbuf_len(&a.doc), 17);
	assert_memory_equal(a.doc.p, "{\"name\":\"tunnel\"}", 17);
	assert_true(a.end && a.eof);
	assert_int_equal(a.code, 0);
	assert_string_equal(a.text, "done");
	assert_int_equal(w->gone, 0);
	assert_int_equal(control_clients(w->server), 0);
	fbuf_free(&a.doc);
	close(fd);
}

static void test_octet_by_octet(void **state)
{
	struct world *w = *state;
	static const char request[] = "\0\0\0\20R{\"verb\":\"list\"} ";
	int fd = dial(w);
	for (size_t i = 0; i < sizeof request - 1; i++) {
		assert_int_equal(w->requests, 0);
		put(fd, request + i, 1);
		settle(&w->loop);
	}
	assert_int_equal(w->requests, 1);
	assert_int_equal(w->verb, CONTROL_LIST);
	control_end(w->server, w->client, 0, "");
	expect_end(w, fd, 0, "");
}

/* A client that has said all it has to say may close its half. */
static void test_half_closed(void **state)
{
	struct world *w = *state;
	int fd = dial(w);
	put_request(fd, "{\"verb\":\"list\"}");
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	settle(&w->loop);
	assert_int_equal(w->requests, 1);
	assert_int_equal(w->gone, 0);
	control_end(w->server, w->client, 0, "still there");
	expect_end(w, fd, 0, "still there");
}

static void test_bad_frames(void **state)
{
	static const struct {
		const char *octets;
		size_t n;
		const char *says;
	} row[] = {
		{"\0\1\0\1", 4, "too long"},
		{"\377\377\377\377R{}", 7, "too long"},
		{"\0\0\0\2L{}", 7, "not a request"},
		{"\0\0\0\2X", 5, "not a request"},
		{"GET / HTTP/1.0\r\n\r\n", 18, "too long"},
		{"\0\0\0\0R", 5, "no JSON object"},
		{"\0\0\0\2R{}", 7, "no verb"},
		{"\0\0\0\17R{\"verb\":\"list\"}\0", 21, "one request per connection"},
		{"\0\0\0\17R{\"verb\":\"list\"}\0\0\0\17R{\"verb\":\"list\"}", 40, "one request per connection"},
	};
	struct world *w = *state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		int fd = dial(w);
		put(fd, row[i].octets, row[i].n);
		expect_end(w, fd, CONTROL_USAGE, row[i].says);
	}
	assert_int_equal(w->requests, 0);
	assert_int_equal(w->gone, 0);
}

/* The longest request that is allowed, and one octet more. */
static void test_longest(void **state)
{
	struct world *w = *state;
	for (size_t extra = 0; extra < 2; extra++) {
		size_t n = CONTROL_FRAME_MAX + extra;
		uint8_t *p = malloc(FRAME_HEAD + n);
		struct wr wr = wr_init(p, FRAME_HEAD + n);
		assert_non_null(p);
		wr_u32(&wr, (uint32_t)n);
		wr_u8(&wr, FRAME_REQUEST);
		wr_bytes(&wr, "{\"verb\":\"list\"}", 15);
		memset(p + wr.len, ' ', FRAME_HEAD + n - wr.len);
		int fd = dial(w);
		for (size_t at = 0; at < FRAME_HEAD + n; at += 4096) {
			/* the server has given up on the longer one after its head */
			(void)!send(fd, p + at, min_z(4096, FRAME_HEAD + n - at), MSG_NOSIGNAL | MSG_DONTWAIT);
			settle(&w->loop);
		}
		assert_int_equal(w->requests, 1); /* only the first */
		if (extra) {
			expect_end(w, fd, CONTROL_USAGE, "too long");
		} else {
			control_end(w->server, w->client, 0, "");
			expect_end(w, fd, 0, "");
		}
		free(p);
	}
}

static void test_no_request(void **state)
{
	struct world *w = *state;
	int silent = dial(w), half = dial(w), gone = dial(w);
	put(half, "\0\0\0\17R{\"ver", 10);
	put(gone, "\0\0\0", 3);
	settle(&w->loop);
	assert_int_equal(control_clients(w->server), 3);
	close(gone);
	settle(&w->loop);
	assert_int_equal(control_clients(w->server), 2);
	w->loop.now += DUR_S(3);
	put(half, "b", 1); /* an octet now and then does not prolong it */
	settle(&w->loop);
	w->loop.now += DUR_S(2) - 1;
	settle(&w->loop);
	assert_int_equal(control_clients(w->server), 2);
	w->loop.now += 1;
	settle(&w->loop);
	assert_int_equal(control_clients(w->server), 0);
	expect_end(w, silent, CONTROL_CUT, "in time");
	expect_end(w, half, CONTROL_CUT, "in time");
	assert_int_equal(w->gone, 0);
}

static void test_unauthorised(void **state)
{
	struct world *w = *state;
	w->peer = (struct control_peer){.pid = 2, .uid = 1000};
	int fd = dial(w);
	put_request(fd, "{\"verb\":\"status\"}");
	expect_end(w, fd, CONTROL_DENIED, "permission denied");
	w->peer_err = -ENOTCONN;
	w->peer.root = true; /* what came with an error counts for nothing */
	fd = dial(w);
	expect_end(w, fd, CONTROL_DENIED, "permission denied");
	assert_int_equal(w->requests, 0);
}

static void test_member(void **state)
{
	static const char *const roots[] = {"{\"verb\":\"up\",\"args\":[\"tunnel\"]}",
	                                    "{\"verb\":\"down\",\"args\":[\"tunnel\"]}", "{\"verb\":\"reload\"}",
	                                    "{\"verb\":\"log-level\",\"args\":[\"2\"]}", "{\"verb\":\"guard-clear\"}",
	                                    "{\"verb\":\"gre-add\",\"args\":[\"gre1\"]}", "{\"verb\":\"gre-del\",\"args\":[\"gre1\"]}"};
	struct world *w = *state;
	w->peer = (struct control_peer){.pid = 2, .uid = 1000, .member = true};
	for (size_t i = 0; i < ARRAY_LEN(roots); i++) {
		int fd = dial(w);
		put_request(fd, roots[i]);
		expect_end(w, fd, CONTROL_DENIED, "is for root");
	}
	assert_int_equal(w->requests, 0);
	int fd = dial(w);
	put_request(fd, "{\"verb\":\"guard\"}");
	settle(&w->loop);
	assert_int_equal(w->requests, 1);
	control_end(w->server, w->client, 0, "");
	expect_end(w, fd, 0, "");
}

static void test_names(void **state)
{
	static const struct {
		const char *json, *says; /* NULL: reaches the role */
		const char *name;
		uint8_t kind;
	} row[] = {
		{"{\"verb\":\"up\",\"args\":[\"tunel\"]}", "did you mean 'tunnel'?", "", 0},
		{"{\"verb\":\"status\",\"args\":[\"x\"]}", "no tunnel named 'x'", "", 0},
		{"{\"verb\":\"up\",\"args\":[\"broken\"]}", "left out of the configuration: /etc/ipsec.conf:7", "", 0},
		{"{\"verb\":\"down\",\"args\":[\"x[1]\"]}", "no tunnel named 'x'", "", 0},
		{"{\"verb\":\"up\",\"args\":[\"tunnel[1]\"]}", "no tunnel named 'tunnel[1]'", "", 0},
		{"{\"verb\":\"up\",\"args\":[\"tunnel\"]}", NULL, "tunnel", CONTROL_TARGET_TUNNEL},
		{"{\"verb\":\"down\",\"args\":[\"tunnel{2}\"]}", NULL, "tunnel", CONTROL_TARGET_CHILD},
		{"{\"verb\":\"down\",\"args\":[\"[9]\"]}", NULL, "", CONTROL_TARGET_IKE},
		{"{\"verb\":\"down\",\"args\":[\"cn[1]\"]}", NULL, "cn[1]", CONTROL_TARGET_TUNNEL},
	};
	struct world *w = *state;
	size_t reached = 0;
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		int fd = dial(w);
		put_request(fd, row[i].json);
		settle(&w->loop);
		if (row[i].says) {
			expect_end(w, fd, CONTROL_USAGE, row[i].says);
			continue;
		}
		assert_int_equal(w->requests, ++reached);
		assert_string_equal(w->target.name, row[i].name);
		assert_int_equal(w->target.kind, row[i].kind);
		control_end(w->server, w->client, 0, "");
		expect_end(w, fd, 0, "");
	}
}

/* 8 of one uid; 56 of all but root; 64 with root; the next is turned away without disturbing anybody. */
static void test_limits(void **state)
{
	struct world *w = *state;
	int fd[CONTROL_CLIENTS];
	struct answer a;
	size_t n = 0;
	for (uid_t uid = 1; n < CONTROL_CLIENTS - CONTROL_CLIENTS_ROOT; uid++) {
		w->peer = (struct control_peer){.uid = uid, .member = true};
		for (size_t i = 0; i < CONTROL_CLIENTS_UID; i++, n++) {
			fd[n] = dial(w);
			settle(&w->loop);
		}
		assert_int_equal(control_clients(w->server), n);
		int more = dial(w);
		collect(w, more, &a);
		assert_true(a.end && a.code == CONTROL_BUSY);
		close(more);
	}
	w->peer = (struct control_peer){.uid = 99, .member = true};
	int more = dial(w);
	collect(w, more, &a);
	assert_true(a.end && a.code == CONTROL_BUSY);
	close(more);
	w->peer = (struct control_peer){.uid = 0, .root = true};
	for (; n < CONTROL_CLIENTS; n++) {
		fd[n] = dial(w);
		settle(&w->loop);
		assert_int_equal(control_clients(w->server), n + 1);
	}
	more = dial(w);
	collect(w, more, &a);
	assert_true(a.end && a.code == CONTROL_BUSY);
	close(more);
	close(fd[20]);
	settle(&w->loop);
	fd[20] = dial(w);
	settle(&w->loop);
	assert_int_equal(control_clients(w->server), CONTROL_CLIENTS);
	for (size_t i = 0; i < n; i++)
		close(fd[i]);
	settle(&w->loop);
	assert_int_equal(control_clients(w->server), 0);
}

static void test_each_its_answer(void **state)
{
	struct world *w = *state;
	int fd[CONTROL_CLIENTS];
	uint64_t client[CONTROL_CLIENTS];
	for (size_t i = 0; i < CONTROL_CLIENTS; i++) {
		fd[i] = dial(w);
		put_request(fd[i], "{\"verb\":\"list\"}");
		settle(&w->loop);
		assert_int_equal(w->requests, i + 1);
		client[i] = w->client;
	}
	for (size_t i = CONTROL_CLIENTS; i-- > 0;) {
		char tag[24];
		snprintf(tag, sizeof tag, "%zu", i);
		assert_true(control_line(w->server, client[i], tag));
		control_end(w->server, client[i], 0, tag);
	}
	for (size_t i = 0; i < CONTROL_CLIENTS; i++) {
		struct answer a;
		char tag[24];
		snprintf(tag, sizeof tag, "%zu", i);
		collect(w, fd[i], &a);
		assert_int_equal(a.lines, 1);
		assert_string_equal(a.last_line, tag);
		assert_string_equal(a.text, tag);
		close(fd[i]);
	}
	assert_int_equal(control_clients(w->server), 0);
}

static void test_slow_reader(void **state)
{
	struct world *w = *state;
	char line[1001];
	struct answer a;
	size_t n = 0;
	int fd;
	uint64_t client = open_stream(w, &fd);
	memset(line, 'x', 1000);
	line[1000] = '\0';
	while (control_line(w->server, client, line))
		n++;
	/* 1 MiB of frames, less than one more. */
	assert_int_equal(n, CONTROL_OUT_MAX / (1000 + FRAME_HEAD));
	assert_int_equal(w->gone, 0); /* not out of control_line() */
	assert_false(control_json(w->server, client, json_object()));
	collect(w, fd, &a);
	assert_int_equal(a.lines, n);
	assert_true(a.end && a.eof);
	assert_int_equal(a.code, CONTROL_CUT);
	assert_string_equal(a.text, "truncated");
	assert_int_equal(w->gone, 1);
	assert_true(w->gone_client == client);
	close(fd);
}

/* It reads, but slowly: what it has taken makes room. */
static void test_patient_stream(void **state)
{
	struct world *w = *state;
	char line[1001];
	struct answer a;
	size_t n = 0;
	int fd;
	uint64_t client = open_stream(w, &fd);
	memset(line, 'x', 1000);
	line[1000] = '\0';
	for (int round = 0; round < 5; round++) {
		for (int i = 0; i < 900; i++)
			assert_true(control_line(w->server, client, line));
		collect(w, fd, &a);
		n += a.lines;
		assert_false(a.end || a.eof);
	}
	assert_int_equal(n, 4500);
	control_end(w->server, client, 0, "");
	expect_end(w, fd, 0, "");
	assert_int_equal(w->gone, 0);
}

static void test_never_reading(void **state)
{
	struct world *w = *state;
	char line[1001];
	int fd, other;
	uint64_t client = open_stream(w, &fd), second = open_stream(w, &other);
	memset(line, 'x', 1000);
	line[1000] = '\0';
	while (control_line(w->server, client, line))
		;
	settle(&w->loop); /* what the socket takes */
	w->loop.now += DUR_S(30) - 1;
	settle(&w->loop);
	assert_int_equal(control_clients(w->server), 2);
	w->loop.now += 1;
	settle(&w->loop);
	assert_int_equal(control_clients(w->server), 1);
	assert_int_equal(w->gone, 1);
	/* A stream on which nothing happens has no limit. */
	w->loop.now += DUR_S(100000);
	settle(&w->loop);
	assert_int_equal(control_clients(w->server), 1);
	control_end(w->server, second, 0, "");
	expect_end(w, other, 0, "");
	close(fd);
}

/* The stall clock begins with what waits, not with the request. */
static void test_stall_begins_late(void **state)
{
	struct world *w = *state;
	char big[60001];
	int fd;
	uint64_t client = open_stream(w, &fd);
	memset(big, 'x', 60000);
	big[60000] = '\0';
	w->loop.now += DUR_S(29);
	for (int i = 0; i < 17; i++)
		assert_true(control_line(w->server, client, big));
	settle(&w->loop);
	w->loop.now += DUR_S(29);
	settle(&w->loop);
	assert_int_equal(control_clients(w->server), 1);
	w->loop.now += DUR_S(1);
	settle(&w->loop);
	assert_int_equal(control_clients(w->server), 0);
	close(fd);
}

static void test_late_answer(void **state)
{
	struct world *w = *state;
	struct answer a;
	int fd, next;
	uint64_t client = open_stream(w, &fd);
	close(fd);
	settle(&w->loop);
	assert_int_equal(w->gone, 1);
	assert_true(w->gone_client == client);
	uint64_t second = open_stream(w, &next); /* in the same place */
	assert_true(second != client && second % CONTROL_CLIENTS == client % CONTROL_CLIENTS);
	assert_false(control_line(w->server, client, "for the first"));
	assert_false(control_json(w->server, client, json_pack("{s:i}", "for", 1)));
	control_end(w->server, client, CONTROL_FAILED, "for the first");
	collect(w, next, &a);
	assert_int_equal(a.octets, 0);
	control_end(w->server, second, 0, "for the second");
	expect_end(w, next, 0, "for the second");
	assert_int_equal(w->gone, 1);
}

/* Killed with half of the answer in its buffer. */
static void test_killed_in_the_middle(void **state)
{
	struct world *w = *state;
	char big[60001];
	int fd;
	uint64_t client = open_stream(w, &fd);
	memset(big, 'x', 60000);
	big[60000] = '\0';
	for (int i = 0; i < 17; i++)
		assert_true(control_line(w->server, client, big));
	turn(&w->loop);
	close(fd);
	settle(&w->loop);
	assert_int_equal(control_clients(w->server), 0);
	assert_int_equal(w->gone, 1);
}

/* A fire-and-forget client: its request counts, then it is gone. */
static void test_gone_at_once(void **state)
{
	struct world *w = *state;
	int fd = dial(w);
	put_request(fd, "{\"verb\":\"up\",\"args\":[\"tunnel\"]}");
	close(fd);
	settle(&w->loop);
	assert_int_equal(w->requests, 1);
	assert_int_equal(w->gone, 1);
	assert_int_equal(control_clients(w->server), 0);
}

static json_t *big_doc(size_t n)
{
	char *s = malloc(n + 1);
	assert_non_null(s);
	memset(s, 'y', n);
	s[n] = '\0';
	json_t *doc = json_pack("[s]", s);
	free(s);
	return doc;
}

static void test_documents(void **state)
{
	struct world *w = *state;
	struct answer a;
	int fd, other;
	uint64_t client = open_stream(w, &fd);
	assert_true(control_json(w->server, client, big_doc(10 << 20)));
	assert_true(control_line(w->server, client, "lines have their own room"));
	uint64_t second = open_stream(w, &other);
	assert_false(control_json(w->server, second, big_doc(7 << 20))); /* 16 MiB over all */
	collect(w, other, &a);
	assert_true(a.end && a.code == CONTROL_CUT);
	assert_int_equal(w->gone, 1);
	close(other);
	control_end(w->server, client, 0, "");
	collect(w, fd, &a);
	assert_true(a.end && a.code == 0 && a.eof);
	assert_int_equal(fbuf_len(&a.doc), (10 << 20) + 4);
	assert_int_equal(a.pieces, ((10 << 20) + 4 + CONTROL_FRAME_MAX - 1) / CONTROL_FRAME_MAX);
	assert_int_equal(a.lines, 1);
	fbuf_free(&a.doc);
	close(fd);
	client = open_stream(w, &fd); /* what was sent makes room */
	assert_true(control_json(w->server, client, big_doc(7 << 20)));
	close(fd);
	settle(&w->loop);
	client = open_stream(w, &fd);
	assert_true(control_json(w->server, client, big_doc(15 << 20)));
	close(fd);
	settle(&w->loop);
}

/* No descriptors left: listening rests instead of spinning, and goes on. */
static void test_no_descriptors(void **state)
{
	struct world *w = *state;
	struct rlimit was, none;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	int fd = dial(w), top = dup(fd);
	assert_true(top >= 0);
	close(top);
	none = was;
	none.rlim_cur = (rlim_t)top; /* the next descriptor would be this one */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	settle(&w->loop);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	assert_int_equal(control_clients(w->server), 0);
	settle(&w->loop);
	assert_int_equal(control_clients(w->server), 0); /* resting */
	w->loop.now += DUR_MS(200);
	settle(&w->loop);
	assert_int_equal(control_clients(w->server), 1);
	close(fd);
}

static void test_loop_refuses(void **state)
{
	struct world *w = *state;
	w->loop.refuse_add = true;
	int fd = dial(w);
	expect_end(w, fd, CONTROL_BUSY, "too many clients");
	w->loop.refuse_add = false;
	struct loop other = {.refuse_add = true};
	assert_null(control_new(&other, dup(0), &OPS, w, 4711));
}

/* What is queued when the daemon ends still goes out; the role is not called. */
static void test_free_sends(void **state)
{
	struct world *w = *state;
	struct answer a;
	int fd, other;
	uint64_t client = open_stream(w, &fd);
	(void)open_stream(w, &other);
	control_end(w->server, client, 3, "bye");
	control_free(w->server);
	w->server = NULL;
	w->loop.when = NULL;
	collect(w, fd, &a);
	assert_true(a.end && a.eof);
	assert_int_equal(a.code, 3);
	collect(w, other, &a);
	assert_true(a.eof && !a.end);
	assert_int_equal(w->gone, 0);
	close(fd);
	close(other);
}

/* The kernel's word about ourselves. */
static void test_real_peer(void **state)
{
	int pair[2];
	gid_t gid[256], absent = 54321;
	struct control_peer p;
	int n = getgroups((int)ARRAY_LEN(gid), gid);
	(void)state;
	assert_true(n >= 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(control_peer_of(NULL, pair[0], getegid(), &p), 0);
	assert_int_equal(p.uid, geteuid());
	assert_int_equal(p.pid, getpid());
	assert_int_equal(p.root, geteuid() == 0);
	assert_true(p.member);
	for (int i = 0; i < n; i++) {
		assert_int_equal(control_peer_of(NULL, pair[0], gid[i], &p), 0);
		assert_true(p.member);
		absent = gid[i] == absent ? absent + 1 : absent;
	}
	assert_int_equal(control_peer_of(NULL, pair[0], absent, &p), 0);
	assert_false(p.member);
	assert_int_equal(control_peer_of(NULL, pair[0], (gid_t)-1, &p), 0);
	assert_false(p.member);
	close(pair[0]);
	close(pair[1]);
	assert_int_equal(control_peer_of(NULL, pair[0], 0, &p), -EBADF);
	assert_false(p.root || p.member);
}

static void test_real_peer_serves(void **state)
{
	struct world *w = *state;
	control_free(w->server);
	w->peer = (struct control_peer){.uid = geteuid()};
	start(w, &OPS_REAL_PEER);
	int fd = dial(w);
	put_request(fd, "{\"verb\":\"list\"}");
	settle(&w->loop);
	if (geteuid() == 0) {
		assert_int_equal(w->requests, 1);
		control_end(w->server, w->client, 0, "");
		expect_end(w, fd, 0, "");
	} else {
		assert_int_equal(w->requests, 0);
		expect_end(w, fd, CONTROL_DENIED, "permission denied");
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_answer),
		T(test_octet_by_octet),
		T(test_half_closed),
		T(test_bad_frames),
		T(test_longest),
		T(test_no_request),
		T(test_unauthorised),
		T(test_member),
		T(test_names),
		T(test_limits),
		T(test_each_its_answer),
		T(test_slow_reader),
		T(test_patient_stream),
		T(test_never_reading),
		T(test_stall_begins_late),
		T(test_late_answer),
		T(test_killed_in_the_middle),
		T(test_gone_at_once),
		T(test_documents),
		T(test_no_descriptors),
		T(test_loop_refuses),
		T(test_free_sends),
		cmocka_unit_test(test_real_peer),
		T(test_real_peer_serves),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
