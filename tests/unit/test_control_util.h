/* What the tests of the control server share: a loop of their own in place of loop/, which polls without waiting and
 * whose clock stands still until the test moves it; a role that notes what it is asked; clients. */
#ifndef TEST_CONTROL_UTIL_H
#define TEST_CONTROL_UTIL_H

#include "control/frame.h"

#include <sys/socket.h>
#include <sys/un.h>

enum { SOURCES = 128 };
struct loop {
	struct {
		int fd;
		uint32_t events;
		loop_fd_fn *fn;
		void *ctx;
	} s[SOURCES];
	loop_when_fn *when;
	loop_due_fn *due;
	void *due_ctx;
	mono_t now;
	bool refuse_add;
};

/* One turn: what is due, then each descriptor that is ready once. How many handlers ran. */
size_t turn(struct loop *l);
/* Turns until nothing happens any more. */
void settle(struct loop *l);

struct world {
	struct loop loop;
	struct control *server;
	struct sockaddr_un addr;
	socklen_t addr_len;
	struct control_peer peer; /* what the hook says */
	int peer_err;
	size_t requests, gone;
	uint64_t client, gone_client;
	enum control_verb verb;
	char arg[CONTROL_ARG_MAX + 1];
	struct control_target target;
	void (*answer)(struct world *w, const struct control_args *a);
	const char *const *names;
};

/* The second lets the server ask the kernel who is there. */
extern const struct control_ops OPS, OPS_REAL_PEER;
void start(struct world *w, const struct control_ops *ops);
int setup(void **state);
int teardown(void **state);

int dial(struct world *w);
void put(int fd, const void *p, size_t n);
void put_request(int fd, const char *json);
/* A client whose request is never ended by the role. Its number. */
uint64_t open_stream(struct world *w, int *fd);

struct answer {
	size_t lines, pieces, octets;
	char last_line[256];
	struct fbuf doc;
	bool end, eof;
	int code;
	char text[512];
};

/* Reads all that comes while the server has its turns, to the end of the stream or until nothing comes. */
void collect(struct world *w, int fd, struct answer *a);
/* The last word and nothing else; then nobody is left. */
void expect_end(struct world *w, int fd, int code, const char *says);

#endif
