/* The ike role as priv sees it: started, greeted with sockets, children and configuration; its requests, which the
 * actor answers; its death, after which it is started again while the kernel forwards on. */
#include <errno.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>

#include "daemon/priv_role.h"
#include "daemon/spawn.h"

enum { RESTART_MAX_S = 10, LOG_LINES_PER_S = 500 };

int ike_start(struct priv *p, mono_t now)
{
	struct role_start start = {.role = ROLE_IKE, .log_level = log_level(p->log), .uid = p->opt->uid, .gid = p->opt->gid};
	int fd;
	p->ike.restart = MONO_NEVER;
	p->ike.stuck_since = MONO_NEVER;
	int rc = spawn_role(p->opt->self_fd, p->stderr_write, &start, &p->ike.pid, &fd);
	if (rc < 0)
		return rc;
	p->ike.epoch++;
	p->ike.started = now;
	p->ike.greeted = p->ike.ready = false;
	actor_phase_set(p->actor, PHASE_START);
	p->ike.chan = privsep_new(fd, PRIV_ROLE_PRIV, &PRIV_VERBS);
	if (!p->ike.chan || loop_add(p->loop, fd, EPOLLIN, ike_on_channel, p) < 0 ||
	    privsep_hello(p->ike.chan, start.log_level) < 0)
		return -ENOMEM;
	privsep_gather(p->ike.chan);
	return 0;
}

static void channel_close(struct priv *p)
{
	if (!p->ike.chan)
		return;
	loop_del(p->loop, privsep_fd(p->ike.chan));
	privsep_free(p->ike.chan);
	p->ike.chan = NULL;
	p->ike.greeted = false;
}

void ike_kill(struct priv *p, const char *why)
{
	priv_logf(p, -1, "ike is ended: %s", why);
	if (p->ike.pid)
		kill(p->ike.pid, SIGKILL);
	channel_close(p);
}

void ike_event(struct priv *p, uint8_t verb, uint32_t ticket, const void *body, struct span tail, const int *fds,
               size_t n_fds)
{
	if (!p->ike.chan || !p->ike.greeted)
		return;
	int rc = privsep_send(p->ike.chan, verb, ticket, body, tail, fds, n_fds);
	if (rc == -ENOBUFS)
		ike_kill(p, "it does not read what it is sent");
	else if (rc < 0 && rc != -EPIPE)
		priv_logf(p, -1, "a message to ike was not sent: %s", strerror(-rc));
}

void ike_flush(struct priv *p)
{
	int rc = p->ike.chan ? privsep_flush(p->ike.chan) : 0;
	if (rc == -ENOBUFS)
		ike_kill(p, "it does not read what it is sent");
	if (p->ike.chan)
		peer_watch(p, &p->ike);
}

void ike_reply(struct priv *p, uint8_t verb, uint32_t ticket, struct actor_out *out)
{
	if (!p->ike.chan || !out->answer)
		return;
	struct span tail = SPAN(out->octets, out->n_octets);
	if (out->status < 0)
		tail = SPAN(out->text, strlen(out->text) + 1);
	int rc = privsep_reply(p->ike.chan, verb, ticket, out->status, out->has_body ? &out->body : NULL, tail);
	wipe(out->octets, sizeof out->octets); /* keys, of PPK_MIX */
	if (rc == -ENOBUFS)
		ike_kill(p, "it does not read what it is sent");
	else if (rc < 0 && rc != -EPIPE)
		priv_logf(p, -1, "an answer to ike was not sent: %s", strerror(-rc));
}

bool ike_crypto(struct priv *p)
{
	if (!p->crypto)
		p->crypto = crypto_new();
	if (!p->crypto)
		priv_logf(p, -1, "the start failed: the library for cryptography cannot be used");
	actor_crypto_set(p->actor, p->crypto);
	return p->crypto != NULL;
}

void ike_greet(struct priv *p)
{
	const struct children *all = actor_children(p->actor);
	uint32_t left = (uint32_t)all->n;
	struct e_child e;
	p->esp.ike_waits = false;
	p->ike.greeted = true;
	actor_phase_set(p->actor, PHASE_RUN);
	sockets_send(p);
	plane_tell_ike(p);
	for (const struct child *k = NULL; (k = children_next(all, k));) {
		actor_child_event(p->actor, k, --left, &e);
		ike_event(p, PRIV_CHILD, 0, &e, SPAN(NULL, 0), NULL, 0);
	}
	conf_send(p, false);
	route_link(p);
	plane_link(p);
	if (p->ike_told_stop) {
		actor_phase_set(p->actor, PHASE_STOP);
		ike_event(p, PRIV_STOP, 0, NULL, SPAN(NULL, 0), NULL, 0);
	}
}

/* ike's own lines, not believed and not without limit. A ticket is the number of a system call (sandbox_filter.c). */
static void on_log(struct priv *p, const struct priv_msg *m, int8_t level, mono_t now)
{
	if (m->ticket) {
		char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, (int)m->ticket);
		priv_logf(p, -1, "ike made the system call %u (%s), which it must not", m->ticket, name ? name : "?");
		free(name);
		return;
	}
	if (now - p->log_window >= DUR_S(1)) {
		if (p->log_lines > LOG_LINES_PER_S)
			priv_logf(p, 0, "%u lines of ike were left out", p->log_lines - LOG_LINES_PER_S);
		p->log_window = now;
		p->log_lines = 0;
	}
	if (++p->log_lines <= LOG_LINES_PER_S)
		log_line(p->log, "ike", level, priv_msg_text(m));
}

static void on_todo(struct priv *p, const struct priv_msg *m, const struct actor_out *out, mono_t now)
{
	switch (out->todo) {
	case TODO_HELLO:
		if (privsep_hello_ok(p->ike.chan, m)) {
			if (!ike_crypto(p))
				priv_fail(p);
			else if (plane_there(p))
				ike_greet(p);
			else
				p->esp.ike_waits = true;
		} else {
			ike_kill(p, "it is of another build: greteld was replaced while it ran; restart it");
			priv_fail(p);
		}
		break;
	case TODO_READY:
		p->ike.ready = true;
		priv_ready_now(p);
		break;
	case TODO_RESOLVE:
		job_resolve(p, &out->resolve, m->ticket, now);
		break;
	case TODO_HOOK:
		hook_run(p, out, m->ticket);
		break;
	case TODO_PROBE:
		job_probe(p, out->ifindex, &out->inner, m->ticket, now);
		break;
	case TODO_RELOAD:
		conf_reload(p, m->ticket, true, out->check_only);
		break;
	case TODO_ESP:
		plane_ask(p, &out->esp, m->verb, m->ticket);
		break;
	case TODO_LOG:
		on_log(p, m, out->level, now);
		break;
	case TODO_STOPPED:
		p->ike.ready = false;
		priv_stop_step(p);
		break;
	default:
		break;
	}
}

static void on_message(struct priv *p, const struct priv_msg *m, mono_t now)
{
	struct actor_out out;
	actor_handle(p->actor, m, now, &out);
	if (out.answer && out.status < 0)
		priv_logf(p, 2, "%s is refused: %s", m->row->name, out.text);
	ike_reply(p, m->verb, m->ticket, &out);
	if (out.answer && p->told_ready)
		p->settle = mono_add(now, DUR_S(KEYS_SETTLE_S));
	on_todo(p, m, &out, now);
	books_tidy(p);
	wipe(out.octets, out.n_octets);
	if (out.todo == TODO_ESP)
		wipe(&out.esp, sizeof out.esp);
}

static void on_malformed(struct priv *p, const struct priv_msg *m)
{
	struct actor_out out = {.answer = m->row->answered && !m->reply, .status = -EINVAL};
	struct sbuf b = SB(out.text);
	sb_printf(&b, "%s: malformed field %s", m->row->name, m->bad);
	priv_logf(p, -1, "ike sent a malformed message: %s", out.text);
	ike_reply(p, m->verb, m->ticket, &out);
}

void ike_on_channel(void *ctx, int fd, uint32_t events, mono_t now)
{
	struct priv *p = ctx;
	struct priv_msg m;
	int rc = 0;
	(void)fd;
	if (events & EPOLLOUT)
		rc = privsep_flush(p->ike.chan);
	while (rc >= 0 && p->ike.chan) {
		rc = privsep_recv(p->ike.chan, &m);
		if (rc == 0)
			break;
		if (rc == 1)
			on_message(p, &m, now);
		else if (rc == -EBADMSG)
			rc = (on_malformed(p, &m), 0);
	}
	if (rc == -EPROTO)
		ike_kill(p, "its messages are not ours");
	else if (rc < 0)
		channel_close(p); /* its SIGCHLD follows */
}

/* --- The end of a role, and when it starts again --- */

static void say_how(struct priv *p, const char *who, int status)
{
	if (WIFSIGNALED(status))
		priv_logf(p, -1, "%s was killed by signal %d (%s)%s", who, WTERMSIG(status),
		          strsignal(WTERMSIG(status)), WTERMSIG(status) == SIGSYS ? ", for a system call" : "");
	else
		priv_logf(p, -1, "%s ended with status %d", who, WEXITSTATUS(status));
}

/* At once, but every 10 s after five crashes within a minute. */
static mono_t restart_at(struct peer *x, mono_t now)
{
	mono_t oldest = x->crash[x->crashes % CRASHES_MAX];
	bool storm = x->crashes >= CRASHES_MAX && now - oldest < DUR_S(60);
	x->crash[x->crashes++ % CRASHES_MAX] = now;
	return storm ? mono_add(now, DUR_S(RESTART_MAX_S)) : now;
}

void role_died(struct priv *p, struct peer *x, const char *who, int status, mono_t now)
{
	if (!p->stopping || WIFSIGNALED(status))
		say_how(p, who, status);
	if (x->chan) {
		loop_del(p->loop, privsep_fd(x->chan));
		privsep_free(x->chan);
		x->chan = NULL;
	}
	x->pid = 0;
	x->greeted = x->ready = false;
	x->stuck_since = MONO_NEVER;
	x->restart = p->stopping ? MONO_NEVER : restart_at(x, now);
	if (x->restart > now && x->restart != MONO_NEVER)
		priv_logf(p, 0, "%s is started again in %d s", who, RESTART_MAX_S);
}

bool ike_reap(struct priv *p, mono_t now)
{
	int status;
	if (!p->ike.pid || waitpid(p->ike.pid, &status, WNOHANG) != p->ike.pid)
		return false;
	/* Its last words: what killed it may be among them. Requests are not acted on for a dead ike. */
	struct priv_msg m;
	int rc = 0;
	while (p->ike.chan && (rc = privsep_recv(p->ike.chan, &m)) != 0 && rc != -EPIPE && rc != -EPROTO) {
		if (rc == 1 && m.verb == PRIV_LOG)
			on_log(p, &m, ((const struct m_log *)m.body)->level, now);
	}
	bool early = !p->told_ready;
	role_died(p, &p->ike, "ike", status, now);
	p->esp.ike_waits = false;
	actor_ike_gone(p->actor);
	if (early && !p->stopping) {
		priv_logf(p, -1, "ike did not start");
		priv_fail(p);
	}
	if (p->stopping)
		priv_stop_step(p);
	return true;
}
