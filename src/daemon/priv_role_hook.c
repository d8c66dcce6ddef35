/* The hook role as priv sees it: started with root's rights, told what to run, asked what came of it. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/priv_role.h"
#include "daemon/spawn.h"
#include "daemon/spawner.h"

static int small_program(const struct priv *p) { return p->opt->small_fd >= 0 ? p->opt->small_fd : p->opt->self_fd; }

/* Before the rights are given up. Should it end, hook runs on; but another hook would have priv's rights only. */
int spawner_start(struct priv *p)
{
	const struct role_start start = {.role = ROLE_SPAWNER, .log_level = log_level(p->log)};
	return spawn_role(small_program(p), p->stderr_write, &start, &p->spawner_pid, &p->spawner);
}

void spawner_reap(struct priv *p)
{
	int status;
	if (!p->spawner_pid || waitpid(p->spawner_pid, &status, WNOHANG) != p->spawner_pid)
		return;
	p->spawner_pid = 0;
	close(p->spawner);
	p->spawner = -1;
	if (!p->stopping)
		priv_logf(p, 0, "the spawner has ended: should hook end too, scripts would have priv's capabilities only "
		                "until greteld is restarted");
}

static int spawn_hook(struct priv *p, const struct role_start *start, int *fd)
{
	int rc = -EPIPE;
	if (p->spawner >= 0)
		rc = spawner_ask(p->spawner, start, &p->hook.pid, fd);
	return rc == -EPIPE ? spawn_role(small_program(p), p->stderr_write, start, &p->hook.pid, fd) : rc;
}

static struct hook_run *run_find(struct priv *p, uint32_t run)
{
	LIST_EACH(it, tmp, &p->runs) {
		if (LIST_ENTRY(it, struct hook_run, node)->run == run)
			return LIST_ENTRY(it, struct hook_run, node);
	}
	return NULL;
}

static void run_ended(struct priv *p, struct hook_run *r, int status)
{
	struct actor_out out = {.answer = true, .status = status};
	struct sbuf b = SB(out.text);
	actor_hook_ended(p->actor, r->state, r->up, status);
	if (status == -ETIME)
		sb_put(&b, "the script was ended by its time limit");
	else if (status < 0)
		sb_printf(&b, "the script was not run: %s", strerror(-status));
	if (status)
		priv_logf(p, 0, "%s: the %s script ended with status %d%s%s", r->tunnel, r->up ? "up" : "down", status,
		          status < 0 ? ": " : "", out.text);
	if (r->asked && r->epoch == p->ike.epoch)
		ike_reply(p, PRIV_HOOK_RUN, r->ticket, &out);
	list_del(&r->node);
	free(r);
	priv_stop_step(p);
}

static void run_line(struct priv *p, const struct hook_run *r, const struct priv_msg *m)
{
	struct e_hook_line e = {.up = r->up};
	memcpy(e.tunnel, r->tunnel, sizeof e.tunnel);
	priv_logf(p, 1, "%s: updown: %s", r->tunnel, priv_msg_text(m));
	if (p->ike.greeted && r->epoch == p->ike.epoch)
		ike_event(p, PRIV_HOOK_LINE, r->ticket, &e, m->tail, NULL, 0);
}

/* hook's words about what it ran; status codes outside of what it may say become a plain failure. */
static void on_message(struct priv *p, const struct priv_msg *m, mono_t now)
{
	(void)now;
	if (m->verb == PRIV_HELLO) {
		p->hook.greeted = p->hook.ready = privsep_hello_ok(p->hook.chan, m);
		if (!p->hook.greeted) {
			priv_logf(p, -1, "hook is of another build: greteld was replaced while it ran; restart it");
			kill(p->hook.pid, SIGKILL);
		}
		return;
	}
	struct hook_run *r = run_find(p, m->ticket);
	if (!r) {
		(void)tool_message(p, m);
		return;
	}
	if (m->verb == HOOKV_LINE) {
		run_line(p, r, m);
	} else if (m->verb == HOOKV_ENDED) {
		int status = ((const struct m_ended *)m->body)->status;
		run_ended(p, r, status >= -4095 && status <= 255 ? status : -EPROTO);
	}
}

static void refuse(struct priv *p, struct peer *x, const struct priv_msg *m)
{
	(void)m;
	peer_kill(p, x, "its messages are not ours");
}

static void on_channel(void *ctx, int fd, uint32_t events, mono_t now)
{
	struct priv *p = ctx;
	(void)fd;
	peer_read(p, &p->hook, events, now, on_message, refuse);
	if (!p->hook.chan && p->hook.pid)
		kill(p->hook.pid, SIGKILL); /* it is reaped by its SIGCHLD */
	peer_watch(p, &p->hook);
}

int hook_start(struct priv *p, mono_t now)
{
	const struct conf_setup *s = &p->conf->setup;
	struct role_start start = {.role = ROLE_HOOK, .log_level = log_level(p->log)};
	int fd;
	if (s->hook_user)
		start.user = conf_str(p->conf, s->hook_user);
	if (s->hook_capabilities)
		start.caps = conf_str(p->conf, s->hook_capabilities);
	int rc = spawn_hook(p, &start, &fd);
	return rc < 0 ? rc : peer_open(p, &p->hook, fd, &HOOK_VERBS, on_channel, now);
}

bool hook_reap(struct priv *p, mono_t now)
{
	int status;
	if (!peer_has_ended(&p->hook, &status))
		return false;
	/* What it said before it died counts. */
	peer_last_words(p, &p->hook, on_message, now);
	peer_died(p, &p->hook, status, now);
	tools_drop(p, -EPIPE);
	LIST_EACH(it, tmp, &p->runs)
		run_ended(p, LIST_ENTRY(it, struct hook_run, node), -EPIPE);
	return true;
}

/* The values of the variables (ike.md 4.3): the port of PLUTO_UDP_ENC is the peer's. */
static void event_fill(const struct priv *p, const struct actor_hook *h, struct hook_event *e)
{
	const struct tun_child *c = &h->child;
	e->up = h->up;
	memcpy(e->connection, h->tunnel, sizeof e->connection);
	memcpy(e->interface, h->interface, sizeof e->interface);
	e->reqid = c->reqid;
	e->unique_id = c->ike_id;
	e->child_id = c->child_id;
	e->spi_in = c->spi_in;
	e->spi_out = c->spi_out;
	e->me = c->local;
	e->peer = c->remote;
	e->my_id = c->my_id;
	e->peer_id = c->peer_id;
	e->my_client = c->ts_local;
	e->peer_client = c->ts_remote;
	e->sel = c->sel;
	e->encap = c->encap;
	e->host_access = h->host_access;
	e->mark_in = c->mark_in;
	e->mark_in_mask = c->mark_in_mask;
	e->mark_out = c->mark_out;
	e->mark_out_mask = c->mark_out_mask;
	e->limit = p->conf->setup.hook_timeout;
	e->user = p->esp.user;
}

static void run_one(struct priv *p, const struct actor_hook *h, bool asked, uint32_t ticket)
{
	struct m_run m;
	struct hook_run *r = calloc(1, sizeof *r);
	memset(&m, 0, sizeof m);
	event_fill(p, h, &m.event);
	if (!r) {
		priv_logf(p, -1, "%s: no memory to run the script", h->tunnel);
		if (asked)
			ike_reply(p, PRIV_HOOK_RUN, ticket, &(struct actor_out){.answer = true, .status = -ENOMEM});
		return;
	}
	*r = (struct hook_run){.run = ++p->next_run, .asked = asked, .ticket = ticket, .epoch = p->ike.epoch};
	r->up = h->up;
	memcpy(r->tunnel, h->tunnel, sizeof r->tunnel);
	memcpy(r->state, h->state, sizeof r->state);
	list_add_tail(&p->runs, &r->node);
	size_t n = strlen(h->command) + 1;
	int rc = !p->hook.chan ? -EPIPE : n > HOOK_COMMAND_MAX ? -E2BIG : 0;
	if (rc == 0)
		rc = privsep_send(p->hook.chan, HOOKV_RUN, r->run, &m, SPAN(h->command, n), NULL, 0);
	if (rc < 0)
		run_ended(p, r, rc);
	else
		peer_watch(p, &p->hook);
}

void hook_run(struct priv *p, const struct actor_out *out, uint32_t ticket)
{
	if (out->down_first)
		hook_down(p, &out->before);
	run_one(p, &out->hook, true, ticket);
}

void hook_down(struct priv *p, const struct actor_hook *h) { run_one(p, h, false, 0); }
