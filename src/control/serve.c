/* The server: accepts, decides who may, reads one request, queues answers, ends. Called through control.h by the ike
 * role; the loop calls back on_listen, on_client and on_due. See control.h for the life of a client and its limits
 * (security.md 2.7).
 *
 * Only three places write `state`: client_new, client_ending, client_close. Answers only queue; ops.gone is called
 * from the loop alone, so the role is never entered while it calls us. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/frame.h"
#include "control/request.h"

enum { ACCEPT_BATCH = 16, READ_STEP = 4096, WRITE_BATCH = 256 * 1024, ERROR_TEXT = 1024 };
enum state { FREE, READING, ANSWERING, ENDING };

static const dur_t REQUEST_TIME = DUR_S(5), STALL_TIME = DUR_S(30), PAUSE_TIME = DUR_MS(200);

struct client {
	struct control *owner;
	uint64_t id;
	int fd;
	uint8_t state; /* enum state */
	bool owed;     /* the role was called and has not said the end */
	bool doc_given;
	uint32_t events; /* what the loop watches */
	struct control_peer peer;
	struct fbuf in, out;
	size_t doc;   /* octets of the document in `out`, until all is out */
	mono_t since; /* READING: accepted; then: progress, or the first octet of what waits */
};

struct control {
	struct loop *loop;
	int listen_fd;
	const struct control_ops *ops;
	void *ctx;
	gid_t group;
	uint64_t last_id;
	size_t n, docs; /* clients; octets of documents over all */
	mono_t paused;  /* not accepting until then, 0 = accepting */
	struct client v[CONTROL_CLIENTS];
};

static void on_client(void *ctx, int fd, uint32_t events, mono_t now);

/* --- Clients --- */
static struct client *client_by_id(struct control *s, uint64_t id)
{
	struct client *c = &s->v[id % CONTROL_CLIENTS];
	return c->state != FREE && c->id == id ? c : NULL;
}

static void doc_done(struct client *c)
{
	c->owner->docs -= c->doc;
	c->doc = 0;
}

static void client_close(struct client *c)
{
	struct control *s = c->owner;
	bool tell = c->owed && s->ops->gone;
	uint64_t id = c->id;
	loop_del(s->loop, c->fd);
	close(c->fd);
	doc_done(c);
	fbuf_free(&c->in);
	fbuf_free(&c->out);
	*c = (struct client){.owner = s, .fd = -1, .state = FREE};
	s->n--;
	if (tell)
		s->ops->gone(s->ctx, id);
}

/* What the loop should watch: a hang-up is always told, reading ends with the request. */
static void client_watch(struct client *c)
{
	uint32_t want = (c->state == READING ? EPOLLIN : 0) | (fbuf_len(&c->out) ? EPOLLOUT : 0);
	if (c->state == ENDING)
		want |= EPOLLOUT; /* closes it when nothing is left to write */
	if (want != c->events && loop_mod(c->owner->loop, c->fd, want) == 0)
		c->events = want;
}

/* The stall clock starts with the first octet that waits. */
static void client_queued(struct client *c)
{
	if (!(c->events & EPOLLOUT))
		c->since = loop_now(c->owner->loop);
	client_watch(c);
}

/* Without memory for the last word the client is closed without it; it knows how to read that. */
static void client_ending(struct client *c, int code, const char *text)
{
	if (c->state == ENDING)
		return;
	(void)!fbuf_add_end(&c->out, code, text);
	c->state = ENDING;
	fbuf_free(&c->in);
	client_queued(c);
}

static struct client *client_new(struct control *s, int fd, const struct control_peer *peer, mono_t now)
{
	size_t slot = 0;
	while (slot < CONTROL_CLIENTS && s->v[slot].state != FREE)
		slot++;
	if (slot == CONTROL_CLIENTS || loop_add(s->loop, fd, EPOLLIN, on_client, &s->v[slot]) < 0)
		return NULL;
	s->v[slot] = (struct client){
		.owner = s,
		.id = ++s->last_id * CONTROL_CLIENTS + slot,
		.fd = fd,
		.state = READING,
		.events = EPOLLIN,
		.peer = *peer,
		.since = now,
	};
	s->n++;
	return &s->v[slot];
}

/* --- Accepting --- */
/* One frame into the empty buffer of a new connection: no slot, no waiting. */
static void turn_away(int fd, int code, const char *text)
{
	struct fbuf b = {.p = NULL};
	if (fbuf_add_end(&b, code, text))
		(void)!send(fd, b.p, b.n, MSG_NOSIGNAL | MSG_DONTWAIT);
	fbuf_free(&b);
	close(fd);
}

static bool has_room(const struct control *s, const struct control_peer *peer)
{
	size_t same = 0;
	for (size_t i = 0; i < CONTROL_CLIENTS; i++)
		same += s->v[i].state != FREE && s->v[i].peer.uid == peer->uid;
	if (peer->root)
		return s->n < CONTROL_CLIENTS;
	return s->n < CONTROL_CLIENTS - CONTROL_CLIENTS_ROOT && same < CONTROL_CLIENTS_UID;
}

static void take_in(struct control *s, int fd, mono_t now)
{
	struct control_peer peer;
	int err = s->ops->peer ? s->ops->peer(s->ctx, fd, s->group, &peer) : control_peer_of(NULL, fd, s->group, &peer);
	if (err < 0 || (!peer.root && !peer.member))
		turn_away(fd, CONTROL_DENIED, "permission denied");
	else if (!has_room(s, &peer) || !client_new(s, fd, &peer, now))
		turn_away(fd, CONTROL_BUSY, "too many clients, try again later");
}

/* Out of descriptors or memory: a level-triggered listener would spin. */
static void pause_listening(struct control *s, mono_t now)
{
	if (loop_mod(s->loop, s->listen_fd, 0) == 0)
		s->paused = mono_add(now, PAUSE_TIME);
}

static void on_listen(void *ctx, int fd, uint32_t events, mono_t now)
{
	struct control *s = ctx;
	(void)events;
	for (int i = 0; i < ACCEPT_BATCH; i++) {
		int client = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (client >= 0)
			take_in(s, client, now);
		else if (errno == EAGAIN || errno == EWOULDBLOCK)
			return;
		else if (errno != EINTR && errno != ECONNABORTED) {
			pause_listening(s, now);
			return;
		}
	}
}

/* --- Requests --- */
static bool there(struct control *s, const char *name)
{
	const char *at;
	if (s->ops->tunnel_there)
		return s->ops->tunnel_there(s->ctx, name);
	for (size_t i = 0; (at = s->ops->tunnel_name(s->ctx, i)) != NULL; i++) {
		if (strcmp(at, name) == 0)
			return true;
	}
	return false;
}

/* Whether the name that a request gives exists; else the sentence. */
static bool name_known(struct control *s, struct control_args *a, struct sbuf *err)
{
	const char *reason;
	if (a->row->arg == CONTROL_ARG_TEXT || a->n == 0 || !s->ops->tunnel_name)
		return true;
	if (strlen(a->v[0]) <= CONF_NAME_MAX && there(s, a->v[0])) {
		/* A name may look like NAME[1] and still be a name. */
		a->target = (struct control_target){.kind = CONTROL_TARGET_TUNNEL};
		snprintf(a->target.name, sizeof a->target.name, "%s", a->v[0]);
		return true;
	}
	if (a->target.name[0] == '\0' || (a->target.kind != CONTROL_TARGET_TUNNEL && there(s, a->target.name)))
		return true;
	reason = s->ops->refused ? s->ops->refused(s->ctx, a->target.name) : NULL;
	if (reason)
		sb_printf(err, "'%s' was left out of the configuration: %s", a->target.name, reason);
	else
		control_no_such(err, a->target.name, s->ops->tunnel_name, s->ctx);
	return false;
}

/* The payload is copied out of the way: the role may end the client, and its buffers, within the call. */
static void client_request(struct client *c, struct span payload)
{
	struct control *s = c->owner;
	struct request r;
	char text[ERROR_TEXT];
	struct sbuf err = SB(text);
	int code = request_parse(payload, &r, &err);
	if (code == CONTROL_OK && r.args.row->root_only && !c->peer.root) {
		sb_printf(&err, "permission denied: '%s' is for root", r.args.row->name);
		code = CONTROL_DENIED;
	}
	if (code == CONTROL_OK && !name_known(s, &r.args, &err))
		code = CONTROL_USAGE;
	fbuf_free(&c->in);
	if (code != CONTROL_OK) {
		client_ending(c, code, text);
	} else {
		c->state = ANSWERING;
		c->owed = true;
		client_watch(c);
		r.args.peer = c->peer;
		s->ops->request(s->ctx, c->id, (enum control_verb)r.args.row->verb, &r.args);
	}
	request_fini(&r);
}

static void client_frame(struct client *c)
{
	struct frame f;
	size_t used;
	int got = frame_parse(fbuf_span(&c->in), &f, &used);
	if (got == 0)
		return;
	if (got == -EMSGSIZE)
		client_ending(c, CONTROL_USAGE, "the request is too long");
	else if (got < 0 || f.type != FRAME_REQUEST)
		client_ending(c, CONTROL_USAGE, "that is not a request");
	else if (used != fbuf_len(&c->in))
		client_ending(c, CONTROL_USAGE, "one request per connection");
	else
		client_request(c, f.payload);
}

/* False: the client is gone. */
static bool client_read(struct client *c)
{
	uint8_t *room = fbuf_room(&c->in, READ_STEP);
	ssize_t n = room ? recv(c->fd, room, READ_STEP, MSG_DONTWAIT) : 0;
	if (n > 0) {
		fbuf_grew(&c->in, (size_t)n);
		client_frame(c);
		return true;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	client_close(c);
	return false;
}

/* False: the client is gone. */
static bool client_write(struct client *c, mono_t now)
{
	for (size_t done = 0; fbuf_len(&c->out) && done < WRITE_BATCH;) {
		struct span all = fbuf_span(&c->out);
		ssize_t n = send(c->fd, all.p, min_z(all.n, WRITE_BATCH), MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (n <= 0) {
			client_close(c);
			return false;
		}
		fbuf_take(&c->out, (size_t)n);
		done += (size_t)n;
		c->since = now;
	}
	if (fbuf_len(&c->out) == 0) {
		doc_done(c);
		fbuf_free(&c->out);
		if (c->state == ENDING) {
			client_close(c);
			return false;
		}
	}
	client_watch(c);
	return true;
}

static void on_client(void *ctx, int fd, uint32_t events, mono_t now)
{
	struct client *c = ctx;
	(void)fd;
	if (c->state == READING) {
		/* What was sent before a hang-up still counts; the end of the stream comes with a later turn. */
		if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
			(void)client_read(c);
		return;
	}
	if (events & (EPOLLHUP | EPOLLERR))
		client_close(c);
	else if (events & EPOLLOUT)
		(void)client_write(c, now);
}

/* --- Deadlines --- */
static mono_t client_due(const struct client *c)
{
	if (c->state == READING)
		return mono_add(c->since, REQUEST_TIME);
	return c->state != FREE && (c->events & EPOLLOUT) ? mono_add(c->since, STALL_TIME) : MONO_NEVER;
}

static mono_t when_due(void *ctx)
{
	const struct control *s = ctx;
	mono_t due = s->paused ? s->paused : MONO_NEVER;
	for (size_t i = 0; i < CONTROL_CLIENTS && s->n; i++)
		due = mono_min(due, client_due(&s->v[i]));
	return due;
}

static void on_due(void *ctx, mono_t now)
{
	struct control *s = ctx;
	if (s->paused && s->paused <= now && loop_mod(s->loop, s->listen_fd, EPOLLIN) == 0)
		s->paused = 0;
	for (size_t i = 0; i < CONTROL_CLIENTS; i++) {
		struct client *c = &s->v[i];
		if (client_due(c) > now)
			continue;
		if (c->state == READING)
			client_ending(c, CONTROL_CUT, "no request came in time");
		else
			client_close(c);
	}
}

/* --- The front door --- */
struct control *control_new(struct loop *l, int listen_fd, const struct control_ops *ops, void *ctx, gid_t group)
{
	struct control *s = calloc(1, sizeof *s);
	if (!s) {
		close(listen_fd);
		return NULL;
	}
	*s = (struct control){.loop = l, .listen_fd = listen_fd, .ops = ops, .ctx = ctx, .group = group};
	for (size_t i = 0; i < CONTROL_CLIENTS; i++)
		s->v[i] = (struct client){.owner = s, .fd = -1};
	/* accept4() is called until there is nobody left. */
	int flags = fcntl(listen_fd, F_GETFL);
	bool good = flags >= 0 && fcntl(listen_fd, F_SETFL, flags | O_NONBLOCK) == 0;
	if (good && loop_add(l, listen_fd, EPOLLIN, on_listen, s) == 0) {
		if (loop_timer(l, when_due, on_due, s) == 0)
			return s;
		loop_del(l, listen_fd);
	}
	close(listen_fd);
	free(s);
	return NULL;
}

void control_free(struct control *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < CONTROL_CLIENTS; i++) {
		struct client *c = &s->v[i];
		c->owed = false;
		if (c->state == FREE || !client_write(c, 0))
			continue;
		client_close(c);
	}
	loop_del(s->loop, s->listen_fd);
	close(s->listen_fd);
	free(s);
}

size_t control_clients(const struct control *s) { return s->n; }

static bool line_add(struct client *c, const char *line, size_t n)
{
	char *clean = malloc(n + 1);
	bool added = false;
	if (clean) {
		text_clean(clean, line, n);
		added = fbuf_add_frame(&c->out, FRAME_LINE, clean, n);
	}
	free(clean);
	return added;
}

bool control_line(struct control *s, uint64_t client, const char *text)
{
	struct client *c = client_by_id(s, client);
	if (!c || c->state != ANSWERING)
		return false;
	for (;;) {
		size_t len = strcspn(text, "\n"), n = min_z(len, CONTROL_FRAME_MAX);
		bool room = fbuf_len(&c->out) + FRAME_HEAD + n <= CONTROL_OUT_MAX + c->doc;
		if (!room || !line_add(c, text, n)) {
			client_ending(c, CONTROL_CUT, "truncated");
			return false;
		}
		text += len;
		if (*text == '\0' || *++text == '\0')
			break;
	}
	client_queued(c);
	return true;
}

bool control_json(struct control *s, uint64_t client, json_t *doc)
{
	struct client *c = client_by_id(s, client);
	char *text = c && c->state == ANSWERING && !c->doc_given ? json_dumps(doc, JSON_COMPACT) : NULL;
	size_t n = text ? strlen(text) : 0, before = c ? fbuf_len(&c->out) : 0;
	json_decref(doc);
	if (!c || c->state != ANSWERING || BUG(c->doc_given))
		return false;
	if (!text || s->docs + n > CONTROL_DOC_MAX || !fbuf_add_frames(&c->out, FRAME_JSON, text, n)) {
		free(text);
		client_ending(c, CONTROL_CUT, "truncated");
		return false;
	}
	free(text);
	c->doc_given = true;
	c->doc = fbuf_len(&c->out) - before;
	s->docs += c->doc;
	client_queued(c);
	return true;
}

void control_end(struct control *s, uint64_t client, int code, const char *text)
{
	struct client *c = client_by_id(s, client);
	if (!c)
		return;
	c->owed = false;
	client_ending(c, code, text);
}
