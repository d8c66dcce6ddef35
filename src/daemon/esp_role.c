/* The esp role: the data plane in user space. This is its control thread, which talks with priv: sockets and devices come as
 * descriptors, SAs with their keys as messages, and what becomes of them goes back as events of the shape that the kernel's have. The
 * packets are for the workers in dataplane/.
 *
 * The workers are started when the process has no privileges any more, and before its system calls are closed, for all of them. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "crypto/crypto.h"
#include "daemon/daemon.h"
#include "daemon/role_read.h"
#include "dataplane/dataplane.h"
#include "loop/loop.h"
#include "privsep/privsep.h"


struct esp_role {
	struct loop *loop;
	struct privsep *priv;
	struct crypto *crypto;
	struct dataplane *plane;
	struct esp *esp;         /* plane's */
	uint32_t priv_events;
	int8_t log_level;
	uint8_t backend;
	unsigned workers;
	mono_t settle;           /* when memory is given back (role_settle); MONO_NEVER: it was */
};

static void role_log(struct esp_role *r, int8_t level, const char *fmt, ...) PRINTF_LIKE(3, 4);
static void role_log(struct esp_role *r, int8_t level, const char *fmt, ...)
{
	char text[PRIV_TEXT_MAX];
	va_list ap;
	if (level > r->log_level)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	(void)!privsep_send(r->priv, PRIV_LOG, 0, &(struct m_log){.level = level}, SPAN(text, strlen(text) + 1), NULL, 0);
}

/* --- what priv wants --- */

static void answer(struct esp_role *r, const struct priv_msg *m, int status, const void *body)
{
	const char *why = status < 0 ? strerror(-status) : "";
	if (privsep_reply(r->priv, m->verb, m->ticket, status, body, status < 0 ? SPAN(why, strlen(why) + 1) : SPAN(NULL, 0)) < 0)
		loop_stop(r->loop, 1);
}

/* Descriptor i of the message is taken over. */
static int take(struct priv_msg *m, unsigned i)
{
	int fd = i < m->n_fds ? m->fd[i] : -1;
	if (fd >= 0)
		m->fd[i] = -1;
	return fd;
}

static void sockets_in(struct esp_role *r, struct priv_msg *m)
{
	const struct x_sockets *x = m->body;
	const uint8_t have[] = {x->have4, x->have6};
	unsigned n = 0;
	for (size_t i = 0; i < ARRAY_LEN(have); i++) {
		int fd = have[i] ? take(m, n++) : -1;
		int rc = fd < 0 ? 0 : dataplane_socket(r->plane, x->worker, i ? AF_V6 : AF_V4, fd);
		if (rc < 0)
			role_log(r, -1, "a socket of the NAT-T port cannot be used: %s", strerror(-rc));
	}
}

static int device_in(struct esp_role *r, struct priv_msg *m)
{
	const struct x_device *x = m->body;
	int fds[PRIV_FDS_MAX];
	unsigned n = m->n_fds;
	for (unsigned i = 0; i < n; i++)
		fds[i] = take(m, i);
	return dataplane_device(r->plane, &x->device, fds, n);
}

/* What only changes the engine, between two batches. */
static int change(struct esp_role *r, const struct priv_msg *m, mono_t now)
{
	const struct x_install *install = m->body;
	const struct x_move *move = m->body;
	const struct x_spi *spi = m->body;
	struct esp *e = dataplane_stop(r->plane);
	int rc = m->verb == EV_SA_INSTALL ? esp_sa_install(e, install->tunnel, &install->sa, now)
	         : m->verb == EV_SA_MOVE  ? esp_sa_move(e, move->spi_in, &move->local, &move->remote)
	                                  : esp_sa_retire(e, spi->spi, now);
	dataplane_go(r->plane);
	return rc;
}

static void query_in(struct esp_role *r, const struct priv_msg *m, mono_t now)
{
	const struct x_spi *x = m->body;
	struct r_sa_query q;
	memset(&q, 0, sizeof q);
	int rc = esp_sa_query(r->esp, x->spi, now, loop_wall_s(), &q.counters);
	answer(r, m, rc, rc < 0 ? NULL : &q);
}

static void stats_in(struct esp_role *r, const struct priv_msg *m)
{
	const struct x_id *x = m->body;
	struct x_stats s;
	memset(&s, 0, sizeof s);
	s.backend = r->backend;
	esp_drops(r->esp, 0, s.all);
	if (x->id)
		esp_drops(r->esp, x->id, s.drops);
	answer(r, m, 0, &s);
}

static void handle(void *ctx, struct priv_msg *m, mono_t now)
{
	struct esp_role *r = ctx;
	switch (m->verb) {
	case PRIV_HELLO:
		if (!privsep_hello_ok(r->priv, m) || privsep_send(r->priv, PRIV_READY, 0, NULL, SPAN(NULL, 0), NULL, 0) < 0)
			loop_stop(r->loop, 1);
		break;
	case EV_SOCKETS: sockets_in(r, m); break;
	case EV_DEVICE: answer(r, m, device_in(r, m), NULL); break;
	case EV_DEVICE_DEL: dataplane_device_del(r->plane, ((const struct x_id *)m->body)->id); break;
	case EV_SA_INSTALL:
	case EV_SA_MOVE:
	case EV_SA_REMOVE: answer(r, m, change(r, m, now), NULL); break;
	case EV_SA_QUERY: query_in(r, m, now); break;
	case EV_STATS: stats_in(r, m); break;
	case EV_IKE: dataplane_ike(r->plane, take(m, 0)); break;
	case PRIV_STOP: /* nothing of it outlives the process */
		(void)!privsep_send(r->priv, PRIV_STOPPED, 0, NULL, SPAN(NULL, 0), NULL, 0);
		loop_stop(r->loop, 0);
		break;
	default: break;
	}
}

static void refuse(void *ctx, struct priv_msg *m, mono_t now)
{
	(void)now;
	if (m->row && m->row->answered)
		answer(ctx, m, -EINVAL, NULL);
}

static void on_priv(void *ctx, int fd, uint32_t events, mono_t now)
{
	struct esp_role *r = ctx;
	(void)fd;
	(void)role_read(r->loop, r->priv, events, now, handle, refuse, r);
}

/* --- what happens to SAs --- */

static void tell_one(struct esp_role *r, const struct esp_event *e)
{
	struct x_event x;
	memset(&x, 0, sizeof x);
	if (e->type == ESP_EV_WANTED) {
		struct x_id id = {.id = e->tunnel};
		if (privsep_send(r->priv, EV_WANTED, 0, &id, SPAN(NULL, 0), NULL, 0) < 0)
			loop_stop(r->loop, 1);
		return;
	}
	x.event.type = e->type == ESP_EV_EXPIRE ? KERNEL_EXPIRE : KERNEL_MAPPING;
	x.event.spi = e->spi_in;
	x.event.hard = e->hard;
	x.event.source = e->source;
	if (privsep_send(r->priv, EV_EVENT, 0, &x, SPAN(NULL, 0), NULL, 0) < 0)
		loop_stop(r->loop, 1);
}

static void tell(struct esp_role *r)
{
	struct esp_event e;
	while (esp_event_next(r->esp, &e))
		tell_one(r, &e);
}

static void on_news(void *ctx, int fd, uint32_t events, mono_t now)
{
	struct esp_role *r = ctx;
	(void)fd;
	(void)events;
	(void)now;
	dataplane_woken(r->plane);
	tell(r);
}

/* --- deadlines --- */

static mono_t when(void *ctx)
{
	struct esp_role *r = ctx;
	uint32_t events = EPOLLIN | (privsep_pending(r->priv) ? EPOLLOUT : 0u);
	if (events != r->priv_events && loop_mod(r->loop, privsep_fd(r->priv), events) == 0)
		r->priv_events = events;
	return mono_min(r->settle, esp_due(r->esp));
}

static void on_due(void *ctx, mono_t now)
{
	struct esp_role *r = ctx;
	if (r->settle <= now) {
		r->settle = MONO_NEVER;
		role_settle();
	}
	if (esp_due(r->esp) > now)
		return;
	esp_timer(dataplane_stop(r->plane), now);
	dataplane_go(r->plane);
	tell(r);
}

/* --- start --- */

/* "WORKERS BACKEND", as priv puts it. */
static bool options(struct esp_role *r, const char *text)
{
	char *end = NULL;
	unsigned long workers = text ? strtoul(text, &end, 10) : 0, backend = end && *end == ' ' ? strtoul(end + 1, NULL, 10) : 0;
	r->workers = (unsigned)workers;
	r->backend = (uint8_t)backend;
	return workers >= 1 && workers <= ESP_WORKERS_MAX && backend <= ESP_BACKEND_IPSEC_MB;
}

static int open_role(struct esp_role *r, struct role_start *start)
{
	r->log_level = start->log_level;
	if (!options(r, start->name))
		return -EINVAL;
	r->crypto = crypto_new();
	if (r->backend == ESP_BACKEND_AUTO || !esp_backend_usable(r->backend))
		r->backend = esp_backend_best();
	r->loop = loop_new();
	r->priv = privsep_new(start->chan, PRIV_ROLE_ESP, &ESP_VERBS);
	if (!r->crypto || !r->loop || !r->priv)
		return -ENOMEM;
	r->settle = mono_add(loop_now(r->loop), DUR_S(ROLE_SETTLE_S));
	r->priv_events = EPOLLIN;
	return loop_add(r->loop, privsep_fd(r->priv), EPOLLIN, on_priv, r);
}

static int start_workers(struct esp_role *r)
{
	const struct esp_env env = {.mem = mem_os(), .crypto = r->crypto, .rng = crypto_rng(), .workers = r->workers,
	                            .backend = r->backend};
	int rc = dataplane_new(&env, &r->plane);
	if (rc < 0)
		return rc;
	r->esp = dataplane_stop(r->plane);
	dataplane_go(r->plane);
	rc = loop_add(r->loop, dataplane_wake_fd(r->plane), EPOLLIN, on_news, r);
	return rc < 0 ? rc : loop_timer(r->loop, when, on_due, r);
}

int esp_role_run(struct role_start *start)
{
	struct esp_role *r = calloc(1, sizeof *r);
	int rc = r ? open_role(r, start) : -ENOMEM;
	if (rc == 0)
		rc = sandbox_drop(ROLE_ESP);
	if (rc == 0)
		rc = start_workers(r);
	if (rc == 0)
		rc = sandbox_close(ROLE_ESP);
	if (rc < 0) {
		fprintf(stderr, "greteld: the role esp cannot start: %s\n", strerror(-rc));
		return 1;
	}
	if (privsep_hello(r->priv, r->log_level) < 0)
		return 1;
	return loop_run(r->loop);
}
