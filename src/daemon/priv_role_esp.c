/* The role esp as priv sees it: whether there is one, its sockets and devices, what ike asks of it, what it reports, its death. Sockets
 * and devices outlive it; SAs do not, since nobody else has their keys and counters: ike hears that all have expired. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/priv_role.h"
#include "daemon/spawn.h"

void plane_init(struct priv *p)
{
	peer_init(&p->esp.peer, "esp");
	list_init(&p->esp.asked);
	for (size_t i = 0; i < ESP_WORKERS_MAX; i++)
		p->esp.socket[0][i] = p->esp.socket[1][i] = -1;
}

/* --- which data plane --- */

int plane_choose(struct priv *p)
{
	struct esp_side *e = &p->esp;
	const struct conf_setup *c = &p->conf->setup;
	struct sbuf why = SB(e->why);
	int rc = kernel_dataplane(p->kernel, c->dataplane, &why);
	if (rc < 0) {
		priv_logf(p, -1, "the data plane is to be in user space %s", e->why);
		return rc;
	}
	e->user = rc == 1;
	e->workers = c->dataplane_workers;
	e->wanted = c->esp_backend;
	priv_logf(p, 1, "the data plane is %s: %s", e->user ? "in user space" : "the kernel's", e->why);
	plane_conf(p, p->conf);
	return 0;
}

/* Only ESP in UDP comes to a socket: NAT detection is forced for every tunnel. */
void plane_conf(const struct priv *p, struct conf *c)
{
	for (uint32_t i = 0; p->esp.user && i < c->n_tunnels; i++)
		((struct tunnel_conf *)(uintptr_t)conf_tunnel(c, i))->forceencaps = true;
}

bool plane_wanted(const struct priv *p) { return p->esp.user && p->conf->n_tunnels > 0; }

bool plane_there(const struct priv *p) { return !plane_wanted(p) || p->esp.peer.ready; }

void plane_tell_ike(struct priv *p)
{
	struct e_dataplane e;
	memset(&e, 0, sizeof e);
	e.user = p->esp.user;
	e.workers = p->esp.user ? (uint8_t)p->esp.workers : 0;
	e.backend = p->esp.backend;
	ike_event(p, PRIV_DATAPLANE, 0, &e, SPAN(p->esp.why, strlen(p->esp.why) + 1), NULL, 0);
}

/* --- out --- */

static int event(struct priv *p, uint8_t verb, uint32_t ticket, const void *body, const int *fds, size_t n_fds)
{
	struct peer *x = &p->esp.peer;
	int rc = peer_send(p, x, verb, ticket, body, SPAN(NULL, 0), fds, n_fds);
	peer_watch(p, x);
	return rc;
}

static void ask_end(struct priv *p, struct esp_ask *q, int status, const void *body, const char *text)
{
	struct actor_out out;
	list_del(&q->node);
	if (q->for_ike && q->epoch == p->ike.epoch) {
		actor_esp_answered(p->actor, &q->what, status, body, text, &out);
		if (out.status < 0)
			priv_logf(p, 2, "a request of ike failed: %s", out.text);
		ike_reply(p, q->verb, q->ike_ticket, &out);
	} else if (q->what.verb == EV_STATS && status >= 0) {
		p->esp.backend = ((const struct x_stats *)body)->backend;
		plane_tell_ike(p);
	} else if (status < 0 && q->what.verb != EV_SA_REMOVE && status != -EPIPE) {
		priv_logf(p, -1, "esp did not do as it was told (%u): %s", q->what.verb, *text ? text : strerror(-status));
	}
	free(q);
}

/* Sends a request whose answer is waited for; it ends in any case. */
static void ask(struct priv *p, struct esp_ask *q, const void *body, const int *fds, size_t n_fds)
{
	q->ticket = ++p->esp.next_ticket;
	list_add_tail(&p->esp.asked, &q->node);
	int rc = event(p, q->what.verb, q->ticket, body, fds, n_fds);
	if (rc < 0)
		ask_end(p, q, rc, NULL, "the data plane is being started");
}

void plane_tell(void *ctx, uint8_t verb, const void *body, const int *fds, size_t n_fds)
{
	struct priv *p = ctx;
	const struct priv_verb *row = priv_verb_find(&ESP_VERBS, verb);
	struct esp_ask *q = row->answered && p->esp.peer.greeted ? calloc(1, sizeof *q) : NULL;
	if (!q) {
		(void)event(p, verb, 0, body, fds, n_fds); /* an esp that is not there is told all when it comes */
		return;
	}
	q->what.verb = verb;
	ask(p, q, body, fds, n_fds);
}

void plane_ask(struct priv *p, const struct actor_esp *what, uint8_t verb, uint32_t ike_ticket)
{
	struct esp_ask *q = calloc(1, sizeof *q);
	struct actor_out out;
	if (!q) {
		actor_esp_answered(p->actor, what, -ENOMEM, NULL, "", &out);
		ike_reply(p, verb, ike_ticket, &out);
		return;
	}
	*q = (struct esp_ask){.for_ike = true, .verb = verb, .ike_ticket = ike_ticket, .epoch = p->ike.epoch};
	q->what.verb = what->verb;
	q->what.early = what->early;
	q->what.spi = what->spi;
	ask(p, q, &what->body, NULL, 0);
}

static void asks_fail(struct priv *p)
{
	LIST_EACH(it, tmp, &p->esp.asked)
		ask_end(p, LIST_ENTRY(it, struct esp_ask, node), -EPIPE, NULL, "the data plane has died");
}

/* --- its start --- */

void plane_link(struct priv *p)
{
	int pair[2];
	if (!p->esp.user || !p->ike.greeted || !p->esp.peer.greeted || !peer_pair(p, &p->esp.peer, pair))
		return;
	(void)event(p, EV_IKE, 0, NULL, &pair[0], 1);
	ike_event(p, PRIV_ESP_LINK, 0, NULL, SPAN(NULL, 0), &pair[1], 1);
	close(pair[0]);
	close(pair[1]);
}

static void sockets_tell(struct priv *p)
{
	for (unsigned i = 0; i < p->esp.workers; i++) {
		struct x_sockets x = {.worker = (uint8_t)i};
		int fds[2];
		size_t n = 0;
		x.have4 = p->esp.socket[0][i] >= 0;
		x.have6 = p->esp.socket[1][i] >= 0;
		if (x.have4)
			fds[n++] = p->esp.socket[0][i];
		if (x.have6)
			fds[n++] = p->esp.socket[1][i];
		(void)event(p, EV_SOCKETS, 0, &x, fds, n);
	}
}

static void greet(struct priv *p, const struct priv_msg *m)
{
	struct peer *x = &p->esp.peer;
	if (!privsep_hello_ok(x->chan, m)) {
		peer_kill(p, x, "it is of another build: greteld was replaced while it ran; restart it");
		priv_fail(p);
		return;
	}
	x->greeted = true;
	sockets_tell(p);
	actor_devices_tell(p->actor);
	plane_link(p);
}

/* What the one before carried is lost: ike negotiates anew. */
static void all_expired(struct priv *p, mono_t now)
{
	const struct children *all = actor_children(p->actor);
	struct e_kernel e;
	for (const struct child *k = NULL; (k = children_next(all, k));) {
		memset(&e, 0, sizeof e);
		e.event.type = KERNEL_EXPIRE;
		e.event.hard = true;
		e.event.spi = k->sa.in.spi;
		e.event.addr = k->sa.local;
		if (actor_event(p->actor, &e.event, now))
			ike_event(p, PRIV_KERNEL_EVENT, 0, &e, SPAN(NULL, 0), NULL, 0);
	}
}

static void ready(struct priv *p, mono_t now)
{
	struct x_id none = {.id = 0};
	p->esp.peer.ready = true;
	plane_tell(p, EV_STATS, &none, NULL, 0); /* which backend it has */
	if (p->esp.lost)
		all_expired(p, now);
	p->esp.lost = false;
	if (p->esp.ike_waits)
		ike_greet(p);
}

/* --- in --- */

static void on_event(struct priv *p, const struct priv_msg *m, mono_t now)
{
	struct e_kernel e;
	memset(&e, 0, sizeof e);
	e.event = ((const struct x_event *)m->body)->event;
	if (actor_event(p->actor, &e.event, now))
		ike_event(p, PRIV_KERNEL_EVENT, 0, &e, SPAN(NULL, 0), NULL, 0);
}

static void on_reply(struct priv *p, const struct priv_msg *m)
{
	LIST_EACH(it, tmp, &p->esp.asked) {
		struct esp_ask *q = LIST_ENTRY(it, struct esp_ask, node);
		if (q->ticket != m->ticket || q->what.verb != m->verb)
			continue;
		ask_end(p, q, m->status, m->body, m->status < 0 ? priv_msg_text(m) : "");
		return;
	}
}

static void on_message(struct priv *p, const struct priv_msg *m, mono_t now)
{
	uint8_t phase = p->esp.peer.greeted ? PHASE_RUN : PHASE_START;
	if (m->reply) {
		on_reply(p, m);
		return;
	}
	if (!(m->row->phases & phase))
		return;
	switch (m->verb) {
	case PRIV_HELLO: greet(p, m); break;
	case PRIV_READY: ready(p, now); break;
	case EV_EVENT: on_event(p, m, now); break;
	case EV_WANTED: wanted_tell(p, actor_wanted(p->actor, ((const struct x_id *)m->body)->id)); break;
	case PRIV_LOG: peer_log(p, &p->esp.peer, m, now); break;
	default: break;
	}
}

static void on_channel(void *ctx, int fd, uint32_t events, mono_t now)
{
	struct priv *p = ctx;
	(void)fd;
	peer_read(p, &p->esp.peer, events, now, on_message, peer_refused);
	peer_watch(p, &p->esp.peer);
}

/* --- its life --- */

int plane_start(struct priv *p, mono_t now)
{
	struct role_start start = {.role = ROLE_ESP, .log_level = log_level(p->log), .uid = p->opt->uid, .gid = p->opt->gid};
	struct peer *x = &p->esp.peer;
	char how[24];
	int fd;
	snprintf(how, sizeof how, "%u %u", p->esp.workers, p->esp.wanted);
	start.name = how;
	int rc = spawn_role(p->opt->self_fd, p->stderr_write, &start, &x->pid, &fd);
	return rc < 0 ? rc : peer_open(p, x, fd, &ESP_VERBS, on_channel, now);
}

void plane_wake(struct priv *p, mono_t now)
{
	if (plane_wanted(p) && !p->esp.peer.pid)
		p->esp.peer.restart = now;
	plane_is_due(p, now);
}

bool plane_reap(struct priv *p, mono_t now)
{
	struct peer *x = &p->esp.peer;
	int status;
	if (!peer_has_ended(x, &status))
		return false;
	peer_last_words(p, x, NULL, now);
	peer_died(p, x, status, now);
	asks_fail(p);
	p->esp.lost = true;
	if (!p->told_ready && !p->stopping) {
		priv_logf(p, -1, "esp did not start");
		priv_fail(p);
	}
	return true;
}

mono_t plane_due(const struct priv *p) { return peer_due(&p->esp.peer); }

void plane_is_due(struct priv *p, mono_t now) { peer_is_due(p, &p->esp.peer, plane_start, now); }

void plane_fini(struct priv *p)
{
	peer_end(p, &p->esp.peer);
	LIST_EACH(it, tmp, &p->esp.asked) {
		list_del(it);
		free(LIST_ENTRY(it, struct esp_ask, node));
	}
	for (size_t i = 0; i < ESP_WORKERS_MAX; i++) {
		for (size_t f = 0; f < 2; f++) {
			if (p->esp.socket[f][i] >= 0)
				close(p->esp.socket[f][i]);
		}
	}
}
