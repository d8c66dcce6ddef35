/* The workers and what control does with them. See dataplane.h and dp_int.h. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "dataplane/dp_int.h"

enum { STACK = 256 * 1024 };

/* --- the gate --- */

struct esp *dataplane_stop(struct dataplane *d)
{
	for (unsigned i = 0; i < d->n_workers; i++) {
		struct worker *w = &d->worker[i];
		pthread_mutex_lock(&w->gate);
		atomic_store_explicit(&w->want, true, memory_order_release);
	}
	for (unsigned i = 0; i < d->n_workers; i++)
		pthread_mutex_lock(&d->worker[i].busy);
	return d->esp;
}

void dataplane_go(struct dataplane *d)
{
	for (unsigned i = 0; i < d->n_workers; i++) {
		struct worker *w = &d->worker[i];
		pthread_mutex_unlock(&w->busy);
		atomic_store_explicit(&w->want, false, memory_order_release);
		pthread_mutex_unlock(&w->gate);
	}
}

int dataplane_wake_fd(const struct dataplane *d) { return d->wake_fd; }

void dataplane_woken(struct dataplane *d)
{
	uint64_t n;
	(void)!read(d->wake_fd, &n, sizeof n);
	atomic_store(&d->told, false);
}

/* --- start and end --- */

static int watch(struct worker *w, int fd, uint64_t name)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.u64 = name};
	return epoll_ctl(w->epoll, EPOLL_CTL_ADD, fd, &ev) < 0 ? -errno : 0;
}

/* The file may be open in priv too, so epoll would go on about it. */
static void forget(struct worker *w, int *fd)
{
	if (*fd < 0)
		return;
	(void)epoll_ctl(w->epoll, EPOLL_CTL_DEL, *fd, NULL);
	close(*fd);
	*fd = -1;
}

static int worker_room(struct worker *w, struct mem *m)
{
	w->run = mem_get(m, RUNS_MAX * sizeof *w->run);
	w->out = mem_get(m, OUT_MAX * sizeof *w->out);
	w->out_msg = mem_get(m, OUT_MAX * sizeof *w->out_msg);
	w->plain_msg = mem_get(m, SEGMENTS_MAX * sizeof *w->plain_msg);
	w->plain_iov = mem_get(m, SEGMENTS_MAX * sizeof *w->plain_iov);
	w->in_msg = mem_get(m, IN_MAX * sizeof *w->in_msg);
	w->in_iov = mem_get(m, IN_MAX * sizeof *w->in_iov);
	w->in_from = mem_get(m, IN_MAX * sizeof *w->in_from);
	w->in_control = mem_get(m, IN_MAX * sizeof *w->in_control);
	w->in_room = mem_get(m, (size_t)IN_MAX * OCTETS_MAX);
	return w->run && w->out && w->out_msg && w->plain_msg && w->plain_iov && w->in_msg && w->in_iov && w->in_from && w->in_control &&
	                       w->in_room ? 0 : -ENOMEM;
}

static void put_back(struct mem *m, void *p, size_t n)
{
	if (p)
		mem_put(m, p, n);
}

static void worker_fini(struct worker *w, struct mem *m)
{
	for (size_t i = 0; i < ARRAY_LEN(w->udp); i++)
		forget(w, &w->udp[i].fd);
	if (w->epoll >= 0)
		close(w->epoll);
	if (w->wake >= 0)
		close(w->wake);
	fq_free(w->fq);
	esp_tx_free(w->tx);
	esp_rx_free(w->rx);
	put_back(m, w->run, RUNS_MAX * sizeof *w->run);
	put_back(m, w->out, OUT_MAX * sizeof *w->out);
	put_back(m, w->out_msg, OUT_MAX * sizeof *w->out_msg);
	put_back(m, w->plain_msg, SEGMENTS_MAX * sizeof *w->plain_msg);
	put_back(m, w->plain_iov, SEGMENTS_MAX * sizeof *w->plain_iov);
	put_back(m, w->in_msg, IN_MAX * sizeof *w->in_msg);
	put_back(m, w->in_iov, IN_MAX * sizeof *w->in_iov);
	put_back(m, w->in_from, IN_MAX * sizeof *w->in_from);
	put_back(m, w->in_control, IN_MAX * sizeof *w->in_control);
	put_back(m, w->in_room, (size_t)IN_MAX * OCTETS_MAX);
	pthread_mutex_destroy(&w->busy);
	pthread_mutex_destroy(&w->gate);
}

static void worker_init(struct worker *w, struct dataplane *d, unsigned index)
{
	w->d = d;
	w->index = index;
	w->epoll = w->wake = -1;
	w->n_in = IN_MIN;
	for (unsigned i = 0; i < ARRAY_LEN(w->udp); i++)
		w->udp[i] = (struct udp){.fd = -1, .family = i ? AF_V6 : AF_V4};
	list_init(&w->ready);
	(void)pthread_mutex_init(&w->busy, NULL); /* a plain one cannot fail */
	(void)pthread_mutex_init(&w->gate, NULL);
}

/* All signals are for control but the one that a forbidden system call raises. */
static int thread_start(struct worker *w)
{
	pthread_attr_t a;
	sigset_t all, before;
	int rc = pthread_attr_init(&a);
	if (rc)
		return -rc;
	(void)pthread_attr_setstacksize(&a, STACK);
	sigfillset(&all);
	sigdelset(&all, SIGSYS);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&w->thread, &a, worker_run, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&a);
	w->started = rc == 0;
	return -rc;
}

static void on_queue_drop(void *worker, uint32_t device, uint32_t packets)
{
	struct worker *w = worker;
	esp_count(w->d->esp, w->index, device, ESP_DROP_QUEUE, packets);
}

static int worker_start(struct worker *w)
{
	struct dataplane *d = w->d;
	w->epoll = epoll_create1(EPOLL_CLOEXEC);
	w->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (w->epoll < 0 || w->wake < 0)
		return -errno;
	w->tx = esp_tx_new(d->esp, w->index);
	w->rx = esp_rx_new(d->esp, w->index);
	w->fq = fq_new(d->mem, d->devices.key[0], on_queue_drop, w);
	int rc = w->tx && w->rx && w->fq ? worker_room(w, d->mem) : -ENOMEM;
	if (rc == 0)
		rc = watch(w, w->wake, event_name(EV_QUIT, 0));
	if (rc == 0)
		rc = thread_start(w);
	/* What a thread asks of the system while it starts is not in the sandbox: it has to be behind that. */
	while (rc == 0 && sem_wait(&d->started) < 0)
		;
	return rc;
}

int dataplane_new(const struct esp_env *env, struct dataplane **out)
{
	struct dataplane *d = mem_get(env->mem, sizeof *d);
	*out = NULL;
	if (!d)
		return -ENOMEM;
	*d = (struct dataplane){.mem = env->mem, .n_workers = env->workers, .wake_fd = -1, .pair = -1};
	(void)sem_init(&d->started, 0, 0);
	d->worker = mem_get(env->mem, env->workers * sizeof *d->worker);
	for (unsigned i = 0; d->worker && i < env->workers; i++)
		worker_init(&d->worker[i], d, i);
	int rc = hmap_init(&d->devices, env->mem, rng_u64(env->rng), rng_u64(env->rng));
	if (rc == 0) {
		d->esp = esp_new(env);
		d->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		rc = !d->worker || !d->esp ? -ENOMEM : d->wake_fd < 0 ? -errno : 0;
	}
	for (unsigned i = 0; rc == 0 && i < env->workers; i++)
		rc = worker_start(&d->worker[i]);
	if (rc < 0)
		dataplane_free(d);
	else
		*out = d;
	return rc;
}

static void workers_end(struct dataplane *d)
{
	for (unsigned i = 0; i < d->n_workers; i++) {
		struct worker *w = &d->worker[i];
		if (!w->started)
			continue;
		pthread_mutex_lock(&w->busy);
		w->quit = true;
		pthread_mutex_unlock(&w->busy);
		(void)!write(w->wake, &(uint64_t){1}, sizeof(uint64_t));
		pthread_join(w->thread, NULL);
	}
}

static void device_drop(struct dataplane *d, struct device *v)
{
	for (unsigned i = 0; i < d->n_workers; i++) {
		list_del(&v->queue[i].ready);
		forget(v->owner, &v->queue[i].fd);
		if (d->worker[i].last == v)
			d->worker[i].last = NULL;
	}
	hmap_del(&d->devices, &v->by_id);
	mem_put(d->mem, v, sizeof *v);
}

void dataplane_free(struct dataplane *d)
{
	if (!d)
		return;
	if (d->worker)
		workers_end(d);
	for (size_t i = 0; d->devices.bucket && i < d->devices.n_buckets; i++) {
		while (d->devices.bucket[i])
			device_drop(d, CONTAINER_OF(d->devices.bucket[i], struct device, by_id));
	}
	for (unsigned i = 0; d->worker && i < d->n_workers; i++)
		worker_fini(&d->worker[i], d->mem);
	put_back(d->mem, d->worker, d->n_workers * sizeof *d->worker);
	if (d->devices.bucket)
		hmap_fini(&d->devices);
	esp_free(d->esp);
	if (d->wake_fd >= 0)
		close(d->wake_fd);
	if (d->pair >= 0)
		close(d->pair);
	sem_destroy(&d->started);
	mem_put(d->mem, d, sizeof *d);
}

/* --- devices and sockets --- */

struct device *plane_device(struct dataplane *d, uint32_t id)
{
	for (struct hnode *n = hmap_first(&d->devices, hmap_hash(&d->devices, &id, sizeof id)); n; n = hmap_next(n)) {
		struct device *v = CONTAINER_OF(n, struct device, by_id);
		if (v->id == id)
			return v;
	}
	return NULL;
}

static struct device *device_add(struct dataplane *d, uint32_t id, uint32_t tunnel)
{
	struct device *v = mem_get(d->mem, sizeof *v);
	if (!v)
		return NULL;
	v->id = id;
	v->owner = &d->worker[tunnel % d->n_workers];
	for (unsigned i = 0; i < ARRAY_LEN(v->queue); i++) {
		v->queue[i] = (struct queue){.device = v, .fd = -1};
		list_init(&v->queue[i].ready);
	}
	hmap_add(&d->devices, &v->by_id, hmap_hash(&d->devices, &id, sizeof id));
	return v;
}

static int non_blocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);
	return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? -errno : 0;
}

/* The queues of a device, in place of those that it had. */
static int queues_set(struct dataplane *d, struct device *v, int *fds)
{
	int rc = 0;
	for (unsigned i = 0; rc == 0 && i < d->n_workers; i++) {
		struct queue *q = &v->queue[i];
		list_del(&q->ready);
		forget(v->owner, &q->fd);
		rc = non_blocking(fds[i]);
		if (rc == 0)
			rc = watch(v->owner, fds[i], event_name(EV_TUN + i, v->id));
		if (rc < 0)
			break;
		q->fd = fds[i];
		q->gone = false;
		fds[i] = -1;
	}
	return rc;
}

static int device_set(struct dataplane *d, const struct esp_device *conf, int *fds, unsigned n)
{
	struct device *v = plane_device(d, conf->id);
	if (n ? n != d->n_workers : !v)
		return -EINVAL;
	bool is_new = !v;
	int rc = esp_device_set(d->esp, conf);
	if (rc == 0 && is_new) {
		v = device_add(d, conf->id, conf->tunnel);
		rc = v ? 0 : -ENOMEM;
	}
	if (rc == 0 && n)
		rc = queues_set(d, v, fds);
	if (rc < 0 && is_new) {
		if (v)
			device_drop(d, v);
		esp_device_del(d->esp, conf->id);
	}
	return rc;
}

int dataplane_device(struct dataplane *d, const struct esp_device *conf, const int *fds, unsigned n)
{
	int own[ESP_WORKERS_MAX], rc;
	for (unsigned i = 0; i < ARRAY_LEN(own); i++)
		own[i] = i < n ? fds[i] : -1;
	(void)dataplane_stop(d);
	rc = device_set(d, conf, own, n);
	dataplane_go(d);
	for (unsigned i = 0; rc < 0 && i < ARRAY_LEN(own); i++) {
		if (own[i] >= 0)
			close(own[i]);
	}
	return rc;
}

void dataplane_device_del(struct dataplane *d, uint32_t id)
{
	struct esp *e = dataplane_stop(d);
	struct device *v = plane_device(d, id);
	if (v)
		device_drop(d, v);
	esp_device_del(e, id);
	dataplane_go(d);
}

static int socket_set(struct worker *w, struct udp *u, int fd)
{
	forget(w, &u->fd);
	if (w->blocked == u)
		w->blocked = NULL;
	*u = (struct udp){.fd = -1, .family = u->family, .df = true};
	int rc = udp_setup(fd, u->family);
	if (rc == 0)
		rc = watch(w, fd, event_name(EV_UDP, u->family == AF_V6));
	if (rc == 0)
		u->fd = fd;
	return rc;
}

int dataplane_socket(struct dataplane *d, unsigned worker, uint8_t family, int fd)
{
	int rc = -EINVAL;
	if (worker < d->n_workers && (family == AF_V4 || family == AF_V6)) {
		struct worker *w = &d->worker[worker];
		(void)dataplane_stop(d);
		rc = socket_set(w, &w->udp[family == AF_V6], fd);
		dataplane_go(d);
	}
	if (rc < 0)
		close(fd);
	return rc;
}

void dataplane_ike(struct dataplane *d, int fd)
{
	(void)dataplane_stop(d);
	forget(&d->worker[0], &d->pair);
	if (fd >= 0 && watch(&d->worker[0], fd, event_name(EV_PAIR, 0)) < 0) {
		close(fd);
		fd = -1;
	}
	d->pair = fd;
	dataplane_go(d);
}

/* --- statistics --- */

void dataplane_stats(struct dataplane *d, struct dataplane_stats *out)
{
	uint64_t sum[sizeof *out / sizeof(uint64_t)] = {0}, one[ARRAY_LEN(sum)];
	(void)dataplane_stop(d);
	for (unsigned i = 0; i < d->n_workers; i++) {
		memcpy(one, &d->worker[i].stats, sizeof one);
		for (size_t k = 0; k < ARRAY_LEN(sum); k++)
			sum[k] += one[k];
	}
	dataplane_go(d);
	memcpy(out, sum, sizeof sum);
}
