/* An ike role that misbehaves on request, for t_roles.sh: in greteld_fake it takes the place of the real one. It reads
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

struct fake {
	struct loop *loop;
	struct privsep *chan;
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
		(void)!priv_path(f->chan, 1, word + 5, 0);
	} else if (strncmp(word, "hold ", 5) == 0) {
		(void)!priv_held_set(f->chan, 2, word + 5, true);
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
