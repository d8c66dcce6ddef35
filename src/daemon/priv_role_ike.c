/* The ike role as priv sees it: started, greeted with sockets, children and configuration; its requests, which the
 * actor answers; its death, after which it is started again while the kernel forwards on. */
#include <errno.h>
#include <string.h>

#include "daemon/priv_role.h"
#include "daemon/spawn.h"

void ike_event(struct priv *p, uint8_t verb, uint32_t ticket, const void *body, struct span tail, const int *fds,
               size_t n_fds)
{
	(void)!peer_send(p, &p->ike, verb, ticket, body, tail, fds, n_fds);
}

void ike_flush(struct priv *p)
{
	int rc = p->ike.chan ? privsep_flush(p->ike.chan) : 0;
	if (rc == -ENOBUFS)
		peer_kill(p, &p->ike, "it does not read what it is sent");
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
		peer_kill(p, &p->ike, "it does not read what it is sent");
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
			peer_kill(p, &p->ike, "it is of another build: greteld was replaced while it ran; restart it");
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
		peer_log(p, &p->ike, m, now);
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

static void on_malformed(struct priv *p, struct peer *x, const struct priv_msg *m)
{
	struct actor_out out = {.answer = m->row->answered && !m->reply, .status = -EINVAL};
	struct sbuf b = SB(out.text);
	(void)x;
	sb_printf(&b, "%s: malformed field %s", m->row->name, m->bad);
	priv_logf(p, -1, "ike sent a malformed message: %s", out.text);
	ike_reply(p, m->verb, m->ticket, &out);
}

static void on_channel(void *ctx, int fd, uint32_t events, mono_t now)
{
	struct priv *p = ctx;
	(void)fd;
	peer_read(p, &p->ike, events, now, on_message, on_malformed);
}

/* --- its life --- */

int ike_start(struct priv *p, mono_t now)
{
	struct role_start start = {.role = ROLE_IKE, .log_level = log_level(p->log), .uid = p->opt->uid, .gid = p->opt->gid};
	int fd;
	int rc = spawn_role(p->opt->self_fd, p->stderr_write, &start, &p->ike.pid, &fd);
	if (rc < 0)
		return rc;
	actor_phase_set(p->actor, PHASE_START);
	rc = peer_open(p, &p->ike, fd, &PRIV_VERBS, on_channel, now);
	if (rc == 0)
		privsep_gather(p->ike.chan);
	return rc;
}

bool ike_reap(struct priv *p, mono_t now)
{
	int status;
	if (!peer_has_ended(&p->ike, &status))
		return false;
	peer_last_words(p, &p->ike, NULL, now);
	bool early = !p->told_ready;
	peer_died(p, &p->ike, status, now);
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
