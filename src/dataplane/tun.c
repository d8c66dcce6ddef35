/* Frames from and to devices: a vnet header and an IP packet a call, as TUN with IFF_VNET_HDR has it. A super-packet of up to 64 KiB
 * is one call, both ways. */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "dataplane/dp_int.h"

/* The device is gone, and says so at every look. Control hears of it from priv. */
static void gone(struct worker *w, struct queue *q)
{
	(void)epoll_ctl(w->epoll, EPOLL_CTL_DEL, q->fd, NULL);
	q->gone = true;
}

bool tun_read(struct worker *w, struct queue *q, int64_t *octets, mono_t now)
{
	for (unsigned i = 0; i < TURN_FRAMES && *octets > 0; i++) {
		uint8_t h[VNET_LEN];
		struct iovec iov[] = {{h, sizeof h}, {fq_room(w->fq), OCTETS_MAX}};
		ssize_t n = readv(q->fd, iov, ARRAY_LEN(iov));
		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0 || (n < 0 && errno != EAGAIN))
			gone(w, q);
		if (n <= 0)
			return false;
		struct esp_vnet v;
		w->stats.reads++;
		*octets -= n;
		if (n < VNET_LEN || !vnet_get(h, &v))
			esp_count(w->d->esp, w->index, q->device->id, ESP_DROP_GSO, 1);
		else
			fq_put(w->fq, q->device->id, &v, (size_t)n - VNET_LEN, now);
	}
	return true;
}

static struct device *device_of(struct worker *w, uint32_t id)
{
	if (!w->last || w->last->id != id)
		w->last = plane_device(w->d, id);
	return w->last;
}

static void put(struct worker *w, uint32_t device, const struct iovec *iov, size_t n, uint32_t packets)
{
	struct device *d = device_of(w, device);
	ssize_t rc = -1;
	errno = ENODEV;
	if (d && d->queue[w->index].fd >= 0) {
		do
			rc = writev(d->queue[w->index].fd, iov, (int)n);
		while (rc < 0 && errno == EINTR);
	}
	if (rc >= 0) {
		w->stats.writes++;
		return;
	}
	w->stats.device_full += errno == EAGAIN || errno == ENOBUFS;
	esp_count(w->d->esp, w->index, device, ESP_DROP_DEVICE, packets);
}

void tun_write(struct worker *w, const struct esp_frame *f)
{
	uint8_t h[VNET_LEN];
	struct iovec iov[1 + PIECES_MAX];
	if (BUG(f->n_v > PIECES_MAX)) {
		esp_count(w->d->esp, w->index, f->device, ESP_DROP_DEVICE, f->packets);
		return;
	}
	vnet_put(&f->vnet, h);
	iov[0] = (struct iovec){h, sizeof h};
	for (uint32_t i = 0; i < f->n_v; i++)
		iov[1 + i] = (struct iovec){(void *)(uintptr_t)f->v[i].p, f->v[i].n};
	put(w, f->device, iov, 1 + f->n_v, f->packets);
}

void tun_reply(struct worker *w, uint32_t device, struct span frame)
{
	uint8_t h[VNET_LEN] = {0};
	struct iovec iov[] = {{h, sizeof h}, {(void *)(uintptr_t)frame.p, frame.n}};
	put(w, device, iov, ARRAY_LEN(iov), 1);
}
