/* An ike role that does what it is told, for t_roles.sh and t_modules.sh: in greteld_fake it takes the place of the real one. It
 * misbehaves on request, or says to route that a tunnel is up, of which no kernel needs to know more than an interface. It reads
 * words from the control socket, one connection and one line each, and answers in text. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/daemon.h"
#include "loop/loop.h"
#include "privsep/privsep.h"
#include "privsep/route_msg.h"

struct fake {
	struct loop *loop;
	struct privsep *chan, *route;
	int raw, control, client;
	unsigned n_sockets, n_confs, n_held;
	const struct conf *conf;
};

static void say(struct fake *f, const char *text)
{
	if (f->client >= 0) {
		(void)!send(f->client, text, strlen(text), MSG_NOSIGNAL);
		close(f->client);
	}
	f->client = -1;
}

static void crash(const char *word)
{
	char *const none[] = {NULL};
	static volatile int *volatile nowhere;
	if (strcmp(word, "segv") == 0)
		*nowhere = 1;
	if (strcmp(word, "socket") == 0)
		(void)socket(AF_INET, SOCK_DGRAM, 0);
	if (strcmp(word, "open") == 0)
		(void)open("/etc/passwd", O_RDONLY);
	if (strcmp(word, "exec") == 0)
		execve("/bin/true", none, none);
	if (strcmp(word, "exit") == 0)
		_exit(7);
}

/* "tunnel NAME up|down IFNAME IFINDEX LOCAL REMOTE": route hears of it in this turn. */
static void tunnel(struct fake *f, const char *words)
{
	struct l_tunnel t;
	char up[8], local[ADDR_TEXT], remote[ADDR_TEXT];
	memset(&t, 0, sizeof t);
	if (sscanf(words, "%31s %7s %15s %u %45s %45s", t.tunnel, up, t.name, &t.ifindex, local, remote) != 6 ||
	    !addr_parse(local, &t.local) || !addr_parse(remote, &t.remote)) {
		say(f, "?\n");
		return;
	}
	t.up = strcmp(up, "up") == 0;
	t.mtu = 1400;
	say(f, f->route && privsep_send(f->route, LV_TUNNEL, 0, &t, SPAN(NULL, 0), NULL, 0) == 0 ? "told\n" : "no route\n");
}

/* "ask QUERY", "status": what route answers to a question of an administrator. */
static void ask(struct fake *f, uint8_t kind, const char *query)
{
	struct l_query q = {.kind = kind};
	if (!f->route || privsep_send(f->route, LV_QUERY, 9, &q, SPAN(query, strlen(query) + 1), NULL, 0) < 0)
		say(f, "no route\n");
}

static void on_word(struct fake *f, char *word)
{
	char text[256];
	word[strcspn(word, "\n")] = '\0';
	crash(word);
	if (strcmp(word, "state") == 0) {
		const struct conf *c = f->conf;
		snprintf(text, sizeof text, "sockets %u confs %u generation %llu tunnels %u held %u\n", f->n_sockets,
		         f->n_confs, c ? (unsigned long long)c->generation : 0, c ? c->n_tunnels : 0, f->n_held);
		say(f, text);
	} else if (strncmp(word, "path ", 5) == 0) {
		(void)!priv_path(f->chan, 1, word + 5, 0, &(struct addr){0}, &(struct addr){0}, false);
	} else if (strncmp(word, "hold ", 5) == 0) {
		(void)!priv_held_set(f->chan, 2, word + 5, true);
	} else if (strncmp(word, "tunnel ", 7) == 0) {
		tunnel(f, word + 7);
	} else if (strncmp(word, "ask ", 4) == 0) {
		ask(f, LINK_SHOW, word + 4);
	} else if (strcmp(word, "status") == 0) {
		ask(f, LINK_STATUS, "");
	} else if (strncmp(word, "clear ", 6) == 0) {
		ask(f, LINK_CLEAR, word + 6);
	} else if (strcmp(word, "reload") == 0) {
		(void)!priv_reload(f->chan, 3, false);
	} else if (strcmp(word, "garbage") == 0) {
		(void)!send(f->raw, "garbage that is no frame", 24, 0);
	} else if (strcmp(word, "malformed") == 0) {
		struct { struct priv_head h; struct m_held b; } m = {.h = {.verb = PRIV_HELD_SET, .body = sizeof m.b}};
		m.b.held = 2;
		(void)!send(f->raw, &m, sizeof m.h + sizeof m.b, 0);
	} else {
		say(f, "?\n");
	}
}

static void on_control(void *ctx, int fd, uint32_t events, mono_t now)
{
	struct fake *f = ctx;
	char word[128];
	(void)events;
	(void)now;
	int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	ssize_t n = client < 0 ? -1 : recv(client, word, sizeof word - 1, 0);
	if (f->client >= 0)
		close(f->client);
	f->client = client;
	if (n <= 0)
		return;
	word[n] = '\0';
	on_word(f, word);
}

static void on_reply(struct fake *f, const struct priv_msg *m)
{
	char text[PRIV_TEXT_MAX + 200], local[ADDR_TEXT], remote[ADDR_TEXT];
	const struct r_path *p = m->body;
	if (m->verb == PRIV_PATH && m->status == 0)
		snprintf(text, sizeof text, "path %s %s\n", addr_str(&p->local.addr, local),
		         addr_str(&p->remote.addr, remote));
	else
		snprintf(text, sizeof text, "%s %d %s\n", m->row->name, m->status, priv_msg_text(m));
	say(f, text);
}

static void on_conf(struct fake *f, const struct priv_msg *m)
{
	privsep_conf_unmap(f->conf);
	f->conf = privsep_conf_map(m);
	f->n_confs++;
	f->n_held = 0;
	for (uint32_t i = 0; f->conf && i < f->conf->n_tunnels; i++)
		f->n_held += privsep_conf_held(m, i);
	if (!f->conf || priv_ready(f->chan) < 0)
		loop_stop(f->loop, 1);
}

static void on_route(void *ctx, int fd, uint32_t events, mono_t now)
{
	struct fake *f = ctx;
	struct priv_msg m;
	int rc = 0;
	(void)events;
	(void)now;
	while (f->route && (rc = privsep_recv(f->route, &m)) == 1) {
		if (m.verb == PRIV_HELLO && !privsep_hello_ok(f->route, &m)) {
			rc = -EPROTO;
		} else if (m.verb == LV_PIECE) {
			const struct l_piece *p = m.body;
			if (f->client >= 0)
				(void)!send(f->client, m.tail.p, m.tail.n, MSG_NOSIGNAL);
			if (p->last)
				say(f, p->status < 0 ? "failed\n" : "\n");
		}
		priv_msg_close(&m);
		if (rc < 0)
			break;
	}
	if (rc < 0) {
		loop_del(f->loop, fd);
		privsep_free(f->route);
		f->route = NULL;
	}
}

/* The other end of route's channel; a new one when route was started again. */
static void on_link(struct fake *f, struct priv_msg *m)
{
	if (f->route) {
		loop_del(f->loop, privsep_fd(f->route));
		privsep_free(f->route);
	}
	f->route = m->n_fds == 1 ? privsep_adopt(m->fd[0], PRIV_ROLE_IKE, &LINK_VERBS) : NULL;
	if (!f->route)
		return;
	m->fd[0] = -1;
	if (loop_add(f->loop, privsep_fd(f->route), EPOLLIN, on_route, f) < 0 || privsep_hello(f->route, 0) < 0)
		loop_stop(f->loop, 1);
}

static void on_message(struct fake *f, struct priv_msg *m)
{
	if (m->reply) {
		on_reply(f, m);
	} else if (m->verb == PRIV_HELLO && !privsep_hello_ok(f->chan, m)) {
		loop_stop(f->loop, 1);
	} else if (m->verb == PRIV_SOCKETS) {
		f->n_sockets = m->n_fds;
		f->control = m->fd[m->n_fds - 1];
		m->fd[--m->n_fds] = -1;
		if (loop_add(f->loop, f->control, EPOLLIN, on_control, f) < 0)
			loop_stop(f->loop, 1);
	} else if (m->verb == PRIV_ROUTE_LINK) {
		on_link(f, m);
	} else if (m->verb == PRIV_CONF) {
		on_conf(f, m);
	} else if (m->verb == PRIV_STOP) {
		(void)!priv_stopped(f->chan);
	}
	priv_msg_close(m);
}

static void on_channel(void *ctx, int fd, uint32_t events, mono_t now)
{
	struct fake *f = ctx;
	struct priv_msg m;
	int rc;
	(void)fd;
	(void)events;
	(void)now;
	while ((rc = privsep_recv(f->chan, &m)) == 1)
		on_message(f, &m);
	if (rc < 0)
		loop_stop(f->loop, rc == -EPIPE ? 0 : 1);
}

int ike_role_run(struct role_start *start)
{
	struct fake f = {.raw = start->chan, .client = -1};
	f.loop = loop_new();
	f.chan = privsep_new(start->chan, PRIV_ROLE_IKE, &PRIV_VERBS);
	if (!f.loop || !f.chan || sandbox_enter(ROLE_IKE) < 0 || privsep_hello(f.chan, start->log_level) < 0 ||
	    loop_add(f.loop, start->chan, EPOLLIN, on_channel, &f) < 0)
		return 1;
	return loop_run(f.loop);
}
