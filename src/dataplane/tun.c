/* Frames from and to devices: a vnet header and an IP packet a call, as TUN with IFF_VNET_HDR has it. A super-packet of up to 64 KiB
 * is one call, both ways. */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "dataplane/dp_int.h"

/* The device is gone, and says so at every look. Control hears of it from priv. */
static void gone(struct worker *w, struct queue *q)
{
	(void)epoll_ctl(w->epoll, EPOLL_CTL_DEL, q->fd, NULL);
	close(q->fd);
	q->fd = -1;
}

bool batch_full(struct worker *w)
{
	return w->batch_octets >= BATCH_OCTETS || w->batch_frames >= BATCH_FRAMES || !esp_tx_room(w->tx).n;
}

bool tun_read(struct worker *w, struct queue *q, mono_t now)
{
	for (unsigned i = 0; i < TURN_FRAMES; i++) {
		if (batch_full(w))
			return true;
		struct span_rw room = esp_tx_room(w->tx);
		uint8_t h[VNET_LEN];
		struct iovec iov[] = {{h, sizeof h}, {room.p, room.n}};
		ssize_t n = readv(q->fd, iov, ARRAY_LEN(iov));
		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0 || (n < 0 && errno != EAGAIN))
			gone(w, q);
		if (n <= 0)
			return false;
		struct esp_vnet v;
		w->stats.reads++;
		w->batch_frames++;
		w->batch_octets += (uint32_t)n;
		if (n < VNET_LEN || !vnet_get(h, &v))
			esp_count(w->d->esp, w->index, q->device->id, ESP_DROP_GSO, 1);
		else
			esp_tx_put(w->tx, q->device->id, &v, (size_t)n - VNET_LEN, now);
	}
	return true;
}

static struct device *device_of(struct worker *w, uint32_t id)
{
	if (!w->last || w->last->id != id)
		w->last = plane_device(w->d, id);
	return w->last;
}

/* By addresses, protocol and ports, as far as each packet of the flow tells them. */
unsigned tun_spread(const uint8_t *p, size_t len, unsigned n)
{
	bool v6 = len > 0 && p[0] >> 4 == 6;
	size_t at = v6 ? 8 : 12, end = v6 ? 40 : 20, header = v6 ? 40 : len > 0 ? (p[0] & 15u) * 4 : 0;
	if (n <= 1 || len < end)
		return 0;
	uint8_t proto = p[v6 ? 6 : 9];
	bool ports = (proto == IPPROTO_TCP || proto == IPPROTO_UDP) && (v6 || (be16(p + 6) & 0x3fff) == 0) && len >= header + 4;
	uint32_t h = proto;
	for (; at < end; at += 4)
		h = h * 31 + be32(p + at);
	h = h * 31 + (ports ? be32(p + header) : 0);
	h *= UINT32_C(2654435761); /* 2^32 over the golden ratio: the upper bits depend on all */
	return (unsigned)((uint64_t)h * n >> 32);
}

static void put(struct worker *w, uint32_t device, const struct iovec *iov, size_t n, uint32_t packets)
{
	struct device *d = device_of(w, device);
	struct queue *q = d ? &d->queue[w->index + w->d->n_workers * tun_spread(iov[1].iov_base, iov[1].iov_len, d->n_queues)] : NULL;
	ssize_t rc = -1;
	errno = ENODEV;
	if (q && q->fd >= 0) {
		do
			rc = writev(q->fd, iov, (int)n);
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
	if (BUG(!f->n_v || f->n_v > PIECES_MAX)) {
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
