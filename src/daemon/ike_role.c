/* The ike role: start, loop, and the messages of priv. See ike_role.h for its parts. */
#include "daemon/ike_role.h"
#include "daemon/role_read.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <sys/epoll.h>


/* --- deadlines --- */

static mono_t ike_when(void *ctx) { return ike_due(((struct ike_role *)ctx)->ike); }

static void ike_is_due(void *ctx, mono_t now)
{
	struct ike_role *r = ctx;
	ike_timer(r->ike, now, &r->acts);
	act_run(r, now);
}

static mono_t tunnels_when(void *ctx) { return tunnels_due(((struct ike_role *)ctx)->tunnels); }

static void tunnels_are_due(void *ctx, mono_t now)
{
	struct ike_role *r = ctx;
	tunnels_timer(r->tunnels, now, &r->tun_acts);
	act_tunnel_run(r, now);
}

/* --- messages of priv --- */

static void stop(struct ike_role *r, mono_t now)
{
	struct ike_cmd cmd = {.type = IKE_CMD_STOP};
	r->stopping = true;
	ike_command(r->ike, &cmd, now, &r->acts);
	act_run(r, now);
}

static void dataplane_is(struct ike_role *r, const struct priv_msg *m)
{
	struct sbuf why = SB(r->dataplane_why);
	r->dataplane = *(const struct e_dataplane *)m->body;
	sb_put(&why, priv_msg_text(m));
}

static void handle(void *ctx, struct priv_msg *m, mono_t now)
{
	struct ike_role *r = ctx;
	if (m->reply) {
		act_reply(r, m, now);
		return;
	}
	act_run(r, now); /* what the answers before it brought */
	switch (m->verb) {
	case PRIV_HELLO:
		if (!privsep_hello_ok(r->priv, m)) {
			role_logf(r, NOTE_ERROR, "priv is of another build");
			loop_stop(r->loop, 1);
		}
		break;
	case PRIV_SOCKETS:
		if (net_adopt(r, m) < 0)
			loop_stop(r->loop, 1);
		else
			m->n_fds = 0; /* kept */
		break;
	case PRIV_CHILD:
		orphan_add(r, m);
		break;
	case PRIV_CONF:
		conf_apply(r, m, now);
		route_tell_all(r);
		if (!((const struct e_conf *)m->body)->reloaded && priv_ready(r->priv) < 0)
			loop_stop(r->loop, 1);
		break;
	case PRIV_KERNEL_EVENT:
	case PRIV_WANTED:
	case PRIV_HOOK_LINE:
		act_event(r, m, now);
		break;
	case PRIV_ROUTE_LINK:
		route_adopt(r, m);
		break;
	case PRIV_ESP_LINK:
		net_esp(r, m);
		break;
	case PRIV_DATAPLANE:
		dataplane_is(r, m);
		break;
	case PRIV_DIAG:
		ctl_diag(r, m);
		break;
	case PRIV_STOP:
		stop(r, now);
		break;
	}
}

static void on_priv(void *ctx, int fd, uint32_t events, mono_t now)
{
	struct ike_role *r = ctx;
	(void)fd;
	if (role_read(r->loop, r->priv, events, now, handle, NULL, r))
		act_run(r, now);
}

/* A turn's messages go out before the next wait; what the socket does not take, when it is writable. */
static mono_t flush_when(void *ctx)
{
	struct ike_role *r = ctx;
	if (privsep_flush(r->priv) < 0)
		loop_stop(r->loop, 0);
	ctl_note_level(r);
	uint32_t events = EPOLLIN | (privsep_pending(r->priv) ? EPOLLOUT : 0u);
	if (events != r->priv_events && loop_mod(r->loop, privsep_fd(r->priv), events) == 0)
		r->priv_events = events;
	return r->settle;
}

static void flush_due(void *ctx, mono_t now)
{
	struct ike_role *r = ctx;
	if (r->settle > now)
		return;
	r->settle = MONO_NEVER;
	role_settle();
}

/* --- start --- */

static int open_role(struct ike_role *r, struct role_start *start)
{
	r->mem = mem_os();
	for (size_t i = 0; i < ARRAY_LEN(r->udp); i++)
		r->udp[i] = -1;
	r->esp = -1;
	r->log_level = start->log_level;
	json_object_seed(0); /* opens /dev/urandom, which the sandbox ends: not at the first question then, but now */
	r->loop = loop_new();
	r->crypto = crypto_new();
	r->priv = privsep_new(start->chan, PRIV_ROLE_IKE, &PRIV_VERBS);
	if (!r->loop || !r->crypto || !r->priv || names_init(r) < 0)
		return -ENOMEM;
	struct ike_env env = {.mem = r->mem, .crypto = r->crypto, .rng = crypto_rng_drawn(r->crypto)};
	r->ike = ike_new(&env);
	r->tunnels = tunnels_new(r->mem);
	r->started = loop_now(r->loop);
	r->settle = mono_add(r->started, DUR_S(ROLE_SETTLE_S));
	if (!r->ike || !r->tunnels)
		return -ENOMEM;
	r->priv_events = EPOLLIN;
	int err = loop_add(r->loop, privsep_fd(r->priv), EPOLLIN, on_priv, r);
	if (err == 0)
		err = loop_timer(r->loop, ike_when, ike_is_due, r);
	if (err == 0)
		err = loop_timer(r->loop, tunnels_when, tunnels_are_due, r);
	if (err == 0)
		err = loop_timer(r->loop, orphans_when, orphans_are_due, r);
	if (err == 0)
		err = loop_timer(r->loop, flush_when, flush_due, r);
	return err;
}

int ike_role_run(struct role_start *start)
{
	struct ike_role *r = mem_get(mem_os(), sizeof *r);
	if (!r || open_role(r, start) < 0 || sandbox_enter(ROLE_IKE) < 0)
		return 1;
	if (privsep_hello(r->priv, r->log_level) < 0)
		return 1;
	privsep_gather(r->priv);
	int rc = loop_run(r->loop);
	(void)!privsep_flush(r->priv); /* last words */
	return rc;
}
