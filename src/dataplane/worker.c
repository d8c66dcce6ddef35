/* A worker's round. What epoll has reported is ready, until a read finds nothing; a round takes a bounded piece of each that is
 * ready, both directions and all devices in turn, so that nobody waits long: not the echo of a ping behind a stream, and not
 * control. A worker with nothing to do sleeps in epoll.
 *
 * Datagrams that a socket does not take stay in the batch, and no device is read until it does. */
#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "dataplane/dp_int.h"
#include "loop/loop.h"

enum { EVENTS = 64 };

/* --- the gate --- */

static void enter(struct worker *w)
{
	if (atomic_load_explicit(&w->want, memory_order_acquire)) {
		pthread_mutex_lock(&w->gate);
		pthread_mutex_unlock(&w->gate);
	}
	pthread_mutex_lock(&w->busy);
}

static void leave(struct worker *w)
{
	struct dataplane *d = w->d;
	bool news = esp_event_pending(d->esp);
	pthread_mutex_unlock(&w->busy);
	/* Control has not looked yet when it was told already. */
	if (news && !atomic_exchange(&d->told, true))
		(void)!write(d->wake_fd, &(uint64_t){1}, sizeof(uint64_t));
}

/* --- what is ready --- */

static void on_tun(struct worker *w, uint32_t id, unsigned queue)
{
	struct device *d = plane_device(w->d, id);
	struct queue *q = d && d->owner == w ? &d->queue[queue % ESP_WORKERS_MAX] : NULL;
	if (q && q->fd >= 0 && !q->gone && list_empty(&q->ready))
		list_add_tail(&w->ready, &q->ready);
}

static void on_udp(struct worker *w, struct udp *u, uint32_t events, mono_t now)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.u64 = event_name(EV_UDP, u->family == AF_V6)};
	if (u->fd < 0)
		return;
	if (events & EPOLLERR)
		udp_errors(w, u, now);
	/* An error that found no room in its queue is told by the next call. */
	if (events & (EPOLLIN | EPOLLERR))
		u->readable = true;
	if (events & EPOLLOUT && w->blocked == u) {
		w->blocked = NULL;
		(void)epoll_ctl(w->epoll, EPOLL_CTL_MOD, u->fd, &ev);
	}
}

static void on_event(struct worker *w, const struct epoll_event *e, mono_t now)
{
	uint32_t n = (uint32_t)e->data.u64;
	unsigned kind = (unsigned)(e->data.u64 >> 32);
	switch (kind) {
	case EV_UDP: on_udp(w, &w->udp[n & 1], e->events, now); break;
	case EV_PAIR: pair_receive(w, now); break;
	case EV_QUIT: break; /* w->quit */
	default: on_tun(w, n, kind - EV_TUN); break;
	}
}

/* --- a round --- */

/* Empties the devices that are ready, each in its turn, as far as a round goes. */
static void collect(struct worker *w, mono_t now)
{
	int64_t octets = TURN_OCTETS;
	while (!list_empty(&w->ready) && octets > 0) {
		struct queue *q = LIST_ENTRY(w->ready.next, struct queue, ready);
		list_del(&q->ready);
		if (tun_read(w, q, &octets, now))
			list_add_tail(&w->ready, &q->ready);
	}
}

/* A batch of what waits. */
static void transmit(struct worker *w, mono_t now)
{
	struct waiting *f;
	uint32_t device, octets = 0, frames = 0;
	struct span answer;
	while (octets < BATCH_OCTETS && frames < BATCH_FRAMES && esp_tx_room(w->tx) && (f = fq_next(w->fq, now))) {
		esp_tx_put(w->tx, f->device, &f->vnet, f->p, f->n, now);
		octets += f->n;
		frames++;
		fq_done(w->fq, f);
	}
	esp_tx_seal(w->tx, now);
	while (esp_tx_reply(w->tx, &device, &answer))
		tun_reply(w, device, answer);
	udp_take(w);
	(void)udp_send(w, now);
}

/* True: there is more to do at once. */
static bool turn(struct worker *w, mono_t now)
{
	bool more = false;
	for (size_t i = 0; i < ARRAY_LEN(w->udp); i++) {
		struct udp *u = &w->udp[i];
		if (u->readable)
			u->readable = udp_receive(w, u, now);
		more = more || u->readable;
	}
	if (w->blocked && now - w->blocked_since >= DUR_MS(BLOCKED_MS)) {
		udp_give_up(w);
		w->blocked_since = now;
	}
	/* What was left when the socket was full goes first; an empty batch costs nothing. */
	if (!w->blocked && udp_send(w, now)) {
		collect(w, now);
		if (!fq_empty(w->fq))
			transmit(w, now);
	}
	return more || (!w->blocked && !(list_empty(&w->ready) && fq_empty(w->fq)));
}

void *worker_run(void *worker)
{
	struct worker *w = worker;
	struct epoll_event ev[EVENTS];
	bool more = false, quit = false;
	mono_t before = 0;
	sem_post(&w->d->started);
	while (!quit) {
		int n = epoll_wait(w->epoll, ev, EVENTS, more ? 0 : w->blocked ? BLOCKED_MS : -1);
		enter(w);
		mono_t now = loop_now(NULL);
		if (more)
			fq_round(w->fq, now - before);
		before = now;
		for (int i = 0; i < n; i++)
			on_event(w, &ev[i], now);
		more = turn(w, now);
		quit = w->quit;
		leave(w);
	}
	return NULL;
}
