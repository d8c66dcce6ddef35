/* A role as priv sees it, whichever it is: its channel, its lines in the log, deadlines, its end. What is different from role to role is in
 * the priv_role_*.c that call this. */
#include <errno.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "daemon/priv_role.h"

enum { START_S = 60, STUCK_S = 30, RESTART_MAX_S = 10, LOG_LINES_PER_S = 500, MESSAGES_A_TURN = 64 };

void peer_init(struct peer *x, const char *name)
{
	*x = (struct peer){.name = name, .stuck_since = MONO_NEVER, .restart = MONO_NEVER};
}

int peer_open(struct priv *p, struct peer *x, int fd, const struct priv_table *verbs, loop_fd_fn *on_channel, mono_t now)
{
	x->restart = x->stuck_since = MONO_NEVER;
	x->epoch++;
	x->started = now;
	x->greeted = x->ready = false;
	x->chan = privsep_new(fd, PRIV_ROLE_PRIV, verbs);
	if (!x->chan || loop_add(p->loop, fd, EPOLLIN, on_channel, p) < 0 || privsep_hello(x->chan, log_level(p->log)) < 0)
		return -ENOMEM;
	return 0;
}

void peer_close(struct priv *p, struct peer *x)
{
	if (!x->chan)
		return;
	loop_del(p->loop, privsep_fd(x->chan));
	privsep_free(x->chan);
	x->chan = NULL;
	x->greeted = x->ready = false;
}

void peer_kill(struct priv *p, struct peer *x, const char *why)
{
	priv_logf(p, -1, "%s is ended: %s", x->name, why);
	if (x->pid)
		kill(x->pid, SIGKILL);
	peer_close(p, x);
}

void peer_watch(struct priv *p, struct peer *x)
{
	if (!x->chan)
		return;
	bool pending = privsep_pending(x->chan);
	if (!pending && x->stuck_since == MONO_NEVER)
		return; /* nothing was pending before either */
	(void)!loop_mod(p->loop, privsep_fd(x->chan), pending ? EPOLLIN | EPOLLOUT : EPOLLIN);
	if (!pending)
		x->stuck_since = MONO_NEVER;
	else if (x->stuck_since == MONO_NEVER)
		x->stuck_since = loop_now(p->loop);
}

/* --- messages --- */

int peer_send(struct priv *p, struct peer *x, uint8_t verb, uint32_t ticket, const void *body, struct span tail, const int *fds,
              size_t n_fds)
{
	if (!x->chan || !x->greeted)
		return -EPIPE;
	int rc = privsep_send(x->chan, verb, ticket, body, tail, fds, n_fds);
	if (rc == -ENOBUFS)
		peer_kill(p, x, "it does not read what it is sent");
	else if (rc < 0 && rc != -EPIPE)
		priv_logf(p, -1, "a message to %s was not sent: %s", x->name, strerror(-rc));
	return rc;
}

void peer_refused(struct priv *p, struct peer *x, const struct priv_msg *m)
{
	priv_logf(p, 0, "a message of %s is refused: %s", x->name, m->bad ? m->bad : "?");
}

void peer_read(struct priv *p, struct peer *x, uint32_t events, mono_t now, peer_message_fn *take, peer_refused_fn *refuse)
{
	struct priv_msg m;
	int rc = 0;
	if (events & EPOLLOUT)
		rc = privsep_flush(x->chan);
	/* The descriptor says nothing of messages that were in the same packet. */
	for (int n = 0; rc >= 0 && x->chan && (n < MESSAGES_A_TURN || privsep_buffered(x->chan)); n++) {
		rc = privsep_recv(x->chan, &m);
		if (rc == 0)
			break;
		if (rc == 1)
			take(p, &m, now);
		else if (rc == -EBADMSG)
			refuse(p, x, &m);
		else
			break;
		rc = 0;
		priv_msg_close(&m);
	}
	if (rc == -EPROTO)
		peer_kill(p, x, "its messages are not ours");
	else if (rc < 0)
		peer_close(p, x); /* its SIGCHLD follows */
}

/* A role's own lines, not believed and not without limit. A ticket is the number of a system call (sandbox_filter.c). */
void peer_log(struct priv *p, struct peer *x, const struct priv_msg *m, mono_t now)
{
	if (m->ticket) {
		char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, (int)m->ticket);
		priv_logf(p, -1, "%s made the system call %u (%s), which it must not", x->name, m->ticket, name ? name : "?");
		free(name);
		return;
	}
	if (now - x->log_window >= DUR_S(1)) {
		if (x->log_lines > LOG_LINES_PER_S)
			priv_logf(p, 0, "%u lines of %s were left out", x->log_lines - LOG_LINES_PER_S, x->name);
		x->log_window = now;
		x->log_lines = 0;
	}
	if (++x->log_lines <= LOG_LINES_PER_S)
		log_line(p->log, x->name, ((const struct m_log *)m->body)->level, priv_msg_text(m));
}

bool peer_pair(struct priv *p, const struct peer *x, int pair[2])
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0) {
		priv_logf(p, -1, "no channel between ike and %s: %s", x->name, strerror(errno));
		return false;
	}
	privsep_widen(pair[0]);
	privsep_widen(pair[1]);
	return true;
}

/* --- the end of a role, and when it starts again --- */

static void say_how(struct priv *p, const struct peer *x, int status)
{
	if (WIFSIGNALED(status))
		priv_logf(p, -1, "%s was killed by signal %d (%s)%s", x->name, WTERMSIG(status),
		          strsignal(WTERMSIG(status)), WTERMSIG(status) == SIGSYS ? ", for a system call" : "");
	else
		priv_logf(p, -1, "%s ended with status %d", x->name, WEXITSTATUS(status));
}

/* At once, but every 10 s after five crashes within a minute. */
static mono_t restart_at(struct peer *x, mono_t now)
{
	mono_t oldest = x->crash[x->crashes % CRASHES_MAX];
	bool storm = x->crashes >= CRASHES_MAX && now - oldest < DUR_S(60);
	x->crash[x->crashes++ % CRASHES_MAX] = now;
	return storm ? mono_add(now, DUR_S(RESTART_MAX_S)) : now;
}

bool peer_has_ended(const struct peer *x, int *status) { return x->pid && waitpid(x->pid, status, WNOHANG) == x->pid; }

void peer_last_words(struct priv *p, struct peer *x, peer_message_fn *take, mono_t now)
{
	struct priv_msg m;
	int rc;
	while (x->chan && (rc = privsep_recv(x->chan, &m)) != 0 && rc != -EPIPE && rc != -EPROTO) {
		if (rc == 1 && take)
			take(p, &m, now);
		else if (rc == 1 && m.verb == PRIV_LOG)
			peer_log(p, x, &m, now);
		priv_msg_close(&m);
	}
}

void peer_died(struct priv *p, struct peer *x, int status, mono_t now)
{
	if (!p->stopping || WIFSIGNALED(status))
		say_how(p, x, status);
	peer_close(p, x);
	x->pid = 0;
	x->stuck_since = MONO_NEVER;
	x->restart = p->stopping ? MONO_NEVER : restart_at(x, now);
	if (x->restart > now && x->restart != MONO_NEVER)
		priv_logf(p, 0, "%s is started again in %d s", x->name, RESTART_MAX_S);
}

void peer_end(struct priv *p, struct peer *x)
{
	peer_close(p, x); /* hook takes the end of its channel as the sign to end */
	if (!x->pid)
		return;
	if (x != &p->hook)
		kill(x->pid, SIGKILL);
	while (waitpid(x->pid, NULL, 0) < 0 && errno == EINTR)
		;
	x->pid = 0;
}

/* --- deadlines --- */

static mono_t stuck_due(const struct peer *x)
{
	return x->stuck_since == MONO_NEVER ? MONO_NEVER : mono_add(x->stuck_since, DUR_S(STUCK_S));
}

static mono_t start_due(const struct peer *x)
{
	return x->pid && x->chan && !x->ready ? mono_add(x->started, DUR_S(START_S)) : MONO_NEVER;
}

mono_t peer_due(const struct peer *x) { return mono_min(x->restart, mono_min(stuck_due(x), start_due(x))); }

void peer_is_due(struct priv *p, struct peer *x, int (*start)(struct priv *p, mono_t now), mono_t now)
{
	if (x->restart <= now) {
		x->restart = MONO_NEVER;
		int rc = p->stopping ? 0 : start(p, now);
		if (rc < 0) {
			priv_logf(p, -1, "%s cannot be started: %s", x->name, strerror(-rc));
			x->restart = mono_add(now, DUR_S(1));
		}
	}
	if (stuck_due(x) <= now) {
		x->stuck_since = MONO_NEVER;
		peer_kill(p, x, "it does not read what it is sent");
	} else if (start_due(x) <= now) {
		x->started = now;
		peer_kill(p, x, "it did not become ready");
	}
}
