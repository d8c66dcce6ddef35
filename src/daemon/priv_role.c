/* The priv role: the process that was started. It loads the configuration, opens what needs privileges, starts hook,
 * gives up what it does not need, starts ike, and from then on answers ike, watches both, and ends in order.
 *
 *      start:  log, kernel, pid file, configuration, sockets, hook, [drop], actor, esp where it is needed, ike -> READY
 *      end:    STOP to ike -> STOPPED, downs of scripts that are still up, what is left of the SAs; 5 s at most.
 *              Guards stay.
 *      end by SIGUSR2, for another life that comes at once: nobody says goodbye and nothing is taken away. */
#include "daemon/priv_role.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STOP_S = 5, IKE_LATER_MS = 10 };

void priv_logf(struct priv *p, int8_t level, const char *fmt, ...)
{
	char text[PRIV_TEXT_MAX];
	struct e_diag e = {.level = level, .kind = PRIV_DIAG_LOG};
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	log_line(p->log, "priv", level, text);
	/* For `gretel log`. A failure is not logged: that would be another line. */
	if (p->ike.chan && p->ike.greeted && n >= 0 && level <= log_level(p->log))
		(void)!privsep_send(p->ike.chan, PRIV_DIAG, 0, &e, SPAN(text, strlen(text) + 1), NULL, 0);
}

static void on_actor_log(void *ctx, int8_t level, const char *text) { priv_logf(ctx, level, "%s", text); }

void priv_fail(struct priv *p)
{
	p->result = 1;
	loop_stop(p->loop, 1);
}

/* The starter waits for one octet: the daemon is up. */
void priv_ready_now(struct priv *p)
{
	if (p->told_ready)
		return;
	p->told_ready = true;
	p->settle = mono_add(loop_now(p->loop), DUR_S(ROLE_SETTLE_S));
	notify("READY=1\nSTATUS=running");
	priv_logf(p, 1, "gretel " GRETEL_VERSION " is running");
	if (p->opt->ready_fd < 0)
		return;
	(void)!write(p->opt->ready_fd, "", 1);
	close(p->opt->ready_fd);
	p->opt->ready_fd = -1;
	log_detach(p->log);
	(void)!dup2(STDOUT_FILENO, STDERR_FILENO); /* /dev/null: the starter's terminal is let go */
}

/* In the background the roles' standard error is a pipe to the log: they must not keep the starter's terminal. */
static void on_stderr(void *ctx, int fd, uint32_t events, mono_t now)
{
	struct priv *p = ctx;
	char text[PRIV_TEXT_MAX], *next;
	ssize_t n = read(fd, text, sizeof text - 1);
	(void)events;
	(void)now;
	if (n <= 0)
		return;
	text[n] = '\0';
	for (char *at = text; *at; at = next) {
		next = at + strcspn(at, "\n");
		if (*next)
			*next++ = '\0';
		if (*at)
			log_line(p->log, "stderr", -1, at);
	}
}

static int stderr_start(struct priv *p)
{
	int pair[2];
	if (p->opt->foreground)
		return 0;
	if (pipe2(pair, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	p->stderr_read = pair[0];
	p->stderr_write = pair[1];
	return loop_add(p->loop, pair[0], EPOLLIN, on_stderr, p);
}

/* --- The end --- */

static void stop_finish(struct priv *p)
{
	if (!p->handover) {
		actor_remove_children(p->actor);
		p->clean = true;
	}
	loop_stop(p->loop, p->result);
}

/* Routing says goodbye while its sessions still have their tunnels; then ike is told. ike is done or dead: what it left undone, then
 * the end. */
void priv_stop_step(struct priv *p)
{
	struct actor_hook h;
	if (p->handover && list_empty(&p->runs))
		stop_finish(p);
	if (!p->stopping || p->handover || route_stop(p, loop_now(p->loop)))
		return;
	if (p->ike.greeted && !p->ike_told_stop) {
		actor_phase_set(p->actor, PHASE_STOP);
		p->ike_told_stop = true;
		ike_event(p, PRIV_STOP, 0, NULL, SPAN(NULL, 0), NULL, 0);
	}
	if (p->ike.chan && p->ike.ready)
		return;
	while (actor_next_hook(p->actor, &h))
		hook_down(p, &h);
	if (list_empty(&p->runs))
		stop_finish(p);
}

static void stop_start(struct priv *p, mono_t now)
{
	if (p->stopping) {
		loop_stop(p->loop, p->result); /* asked twice: now */
		return;
	}
	p->stopping = true;
	p->stop_due = mono_add(now, DUR_S(STOP_S));
	notify("STOPPING=1");
	priv_logf(p, 1, "stopping");
	priv_stop_step(p);
}

/* The peers hear nothing, so that they keep what they have: with the next life's new SAs the old ones go. Only scripts that run are waited for. */
static void handover_start(struct priv *p, mono_t now)
{
	if (p->esp.user || p->stopping) { /* in user space the SAs end with the process */
		stop_start(p, now);
		return;
	}
	p->stopping = p->handover = true;
	p->stop_due = mono_add(now, DUR_S(STOP_S));
	notify("STOPPING=1");
	priv_logf(p, 1, "stopping for another life: SAs, interfaces and routes stay%s",
	          notify_has_store() ? "" : "; nobody keeps the sockets, so ESP in UDP is lost until it is there");
	peer_end(p, &p->ike);
	priv_stop_step(p);
}

/* --- Signals and deadlines --- */

static void on_signal(void *ctx, int signo, mono_t now)
{
	struct priv *p = ctx;
	switch (signo) {
	case SIGCHLD:
		(void)ike_reap(p, now);
		(void)hook_reap(p, now);
		spawner_reap(p);
		(void)route_reap(p, now);
		(void)plane_reap(p, now);
		break;
	case SIGHUP:
		conf_reload(p, 0, false, false);
		break;
	case SIGUSR1:
		log_reopen(p->log);
		break;
	case SIGUSR2:
		handover_start(p, now);
		break;
	default:
		stop_start(p, now);
	}
}

void wanted_tell(struct priv *p, const char *tunnel)
{
	struct e_wanted e;
	if (!tunnel)
		return;
	memset(&e, 0, sizeof e);
	memcpy(e.tunnel, tunnel, strnlen(tunnel, sizeof e.tunnel - 1));
	ike_event(p, PRIV_WANTED, 0, &e, SPAN(NULL, 0), NULL, 0);
}

static void on_kernel(void *ctx, int fd, uint32_t events, mono_t now)
{
	struct priv *p = ctx;
	struct e_kernel e;
	(void)fd;
	(void)events;
	for (;;) {
		memset(&e, 0, sizeof e);
		if (kernel_event_next(p->kernel, &e.event) != 1)
			return;
		if (e.event.type == KERNEL_ACQUIRE)
			wanted_tell(p, actor_acquired(p->actor, &e.event));
		else if (actor_event(p->actor, &e.event, now))
			ike_event(p, PRIV_KERNEL_EVENT, 0, &e, SPAN(NULL, 0), NULL, 0);
	}
}

static mono_t when(void *ctx)
{
	struct priv *p = ctx;
	ike_flush(p); /* before every wait */
	mono_t t = mono_min(mono_min(jobs_due(p), p->watchdog), mono_min(route_due(p), p->settle));
	t = mono_min(t, plane_due(p));
	if (p->stopping)
		return mono_min(t, p->stop_due);
	return mono_min(t, mono_min(peer_due(&p->ike), peer_due(&p->hook)));
}

static void on_due(void *ctx, mono_t now)
{
	struct priv *p = ctx;
	jobs_expire(p, now);
	route_is_due(p, now);
	plane_is_due(p, now);
	if (p->settle <= now) {
		p->settle = MONO_NEVER;
		role_settle();
	}
	if (p->watchdog <= now) {
		notify("WATCHDOG=1");
		p->watchdog = mono_add(now, notify_watchdog());
	}
	if (p->stopping && p->stop_due <= now) {
		priv_logf(p, 0, p->handover ? "a script still runs" : "not all was taken down in time");
		stop_finish(p);
		return;
	}
	if (p->stopping)
		return;
	peer_is_due(p, &p->ike, ike_start, now);
	if (p->hook.restart <= now)
		priv_logf(p, 0, "hook is started again%s",
		          p->spawner >= 0 ? "" : ": until greteld is restarted, scripts have priv's capabilities only");
	peer_is_due(p, &p->hook, hook_start, now);
}

/* --- The start --- */

static int fail(struct priv *p, const char *what, int rc)
{
	priv_logf(p, -1, "%s: %s", what, strerror(-rc));
	return rc;
}

static int privileged_start(struct priv *p)
{
	int rc = kernel_open(&p->kernel);
	if (rc < 0)
		return fail(p, geteuid() ? "greteld is started by root" : "the kernel's IPsec cannot be reached", rc);
	rc = conf_start(p);
	if (rc == 0)
		rc = pid_file_take(p);
	if (rc == 0)
		rc = plane_choose(p);
	(void)sandbox_user(&p->opt->uid, &p->opt->gid);
	/* First, so that it starts while the rest is made ready: its routes are wanted soonest. Without routing there is still a tunnel. */
	if (rc == 0)
		(void)route_conf(p, NULL, loop_now(p->loop));
	if (rc < 0)
		return rc;
	rc = spawner_start(p);
	if (rc < 0)
		return fail(p, "the spawner cannot be started", rc);
	rc = sockets_open(p); /* meanwhile the spawner gets ready */
	if (rc < 0)
		return rc;
	rc = hook_start(p, loop_now(p->loop));
	return rc < 0 ? fail(p, "hook cannot be started", rc) : 0;
}

static int loop_start(struct priv *p)
{
	const int signals[] = {SIGCHLD, SIGHUP, SIGUSR1, SIGUSR2, SIGTERM, SIGINT};
	int rc = loop_signals(p->loop, signals, ARRAY_LEN(signals), on_signal, p);
	if (rc == 0)
		rc = loop_timer(p->loop, when, on_due, p);
	return rc < 0 ? rc : stderr_start(p);
}

static int unprivileged_start(struct priv *p)
{
	int rc = sandbox_enter(ROLE_PRIV);
	if (rc < 0)
		return rc;
	struct actor_env env = {.mem = mem_os(), .kernel = p->kernel, .rng = rng_os(), .log = on_actor_log, .log_ctx = p};
	if (p->esp.user) {
		env.esp = plane_tell;
		env.esp_ctx = p;
		env.queues = p->esp.workers;
	} else {
		env.book = books_write;
		env.book_ctx = p;
	}
	p->actor = actor_new(&env);
	rc = p->actor ? actor_conf_set(p->actor, p->conf, &p->psks) : -ENOMEM;
	if (rc == 0)
		books_open(p, loop_now(p->loop));
	if (rc == 0)
		rc = loop_add(p->loop, kernel_event_fd(p->kernel), EPOLLIN, on_kernel, p);
	if (rc == 0 && plane_wanted(p))
		rc = plane_start(p, loop_now(p->loop));
	/* ike takes longest to start, all of it in processor time, and needs the network to be of use: beside it the start of route would
	 * take twice as long. */
	if (rc == 0 && p->route.peer.pid)
		p->ike.restart = mono_add(loop_now(p->loop), DUR_MS(IKE_LATER_MS));
	else if (rc == 0)
		rc = ike_start(p, loop_now(p->loop));
	if (rc == 0 && !p->route.peer.pid && !ike_crypto(p))
		return -EIO;
	return rc < 0 ? fail(p, "the start failed", rc) : 0;
}

static void finish(struct priv *p)
{
	jobs_drop(p);
	route_fini(p);
	peer_end(p, &p->ike);
	peer_end(p, &p->hook);
	if (p->spawner >= 0)
		close(p->spawner); /* the sign to end */
	while (p->spawner_pid && waitpid(p->spawner_pid, NULL, 0) < 0 && errno == EINTR)
		;
	LIST_EACH(it, tmp, &p->runs) {
		list_del(it);
		free(LIST_ENTRY(it, struct hook_run, node));
	}
	actor_free(p->actor);
	books_close(p, !p->clean);
	plane_fini(p);
	sockets_close(p);
	crypto_free(p->crypto);
	kernel_close(p->kernel);
	config_free(p->conf);
	psk_set_fini(&p->psks);
	pid_file_drop(p);
	if (p->stderr_read >= 0) {
		on_stderr(p, p->stderr_read, 0, 0); /* why a role did not start */
		close(p->stderr_read);
		close(p->stderr_write);
	}
	loop_free(p->loop);
	log_free(p->log);
}

int priv_role_run(struct greteld_options *opt)
{
	struct priv p = {.opt = opt, .pid_file = -1, .spawner = -1, .stderr_read = -1, .stderr_write = -1, .books.fd = -1};
	p.watchdog = p.stop_due = p.settle = MONO_NEVER;
	for (size_t i = 0; i < PRIV_SOCKETS_N; i++)
		p.socket[i] = -1;
	peer_init(&p.ike, "ike");
	peer_init(&p.hook, "hook");
	route_init(&p);
	plane_init(&p);
	list_init(&p.jobs);
	list_init(&p.runs);
	psk_set_init(&p.psks, mem_os());
	p.n_kept = notify_kept(p.kept, ARRAY_LEN(p.kept)); /* before another process is made */
	p.log = log_new(opt->foreground);
	p.loop = loop_new();
	int rc = p.log && p.loop ? 0 : -ENOMEM;
	if (rc < 0) {
		fprintf(stderr, "greteld: no memory\n");
		loop_free(p.loop);
		log_free(p.log);
		return 1;
	}
	if (loop_start(&p) < 0 || privileged_start(&p) < 0 || unprivileged_start(&p) < 0) {
		finish(&p);
		return 1;
	}
	if (notify_watchdog())
		p.watchdog = loop_now(p.loop);
	rc = loop_run(p.loop);
	if (p.told_ready)
		priv_logf(&p, 1, "stopped");
	finish(&p);
	return rc == 0 ? 0 : 1;
}
