/* dataplane/dataplane.c, worker.c, tun.c: workers begin and end, control stops them, devices come and go; a pair of local sockets stands for
 * a device. Datagrams need a network: tests/netns/t_esp_pair.sh. */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "dataplane/dp_int.h"

enum { TRIES = 10000000 };

/* --- handles --- */

static unsigned left; /* allocations until one fails */

static void *heap_get(struct mem *m, size_t n)
{
	(void)m;
	return left && left-- ? calloc(1, n) : NULL;
}
static void heap_put(struct mem *m, void *p, size_t n)
{
	(void)m;
	(void)n;
	free(p);
}
static void fill(struct rng *r, void *p, size_t n)
{
	(void)r;
	memset(p, 7, n);
}
static struct mem heap = {.get = heap_get, .put = heap_put};
static struct rng rng = {.fill = fill};

static struct crypto *crypto;

static struct dataplane *plane(unsigned workers)
{
	struct esp_env env = {.mem = &heap, .crypto = crypto, .rng = &rng, .workers = workers};
	struct dataplane *d;
	left = UINT32_MAX;
	assert_int_equal(dataplane_new(&env, &d), 0);
	return d;
}

static void end(struct dataplane *d)
{
	dataplane_free(d);
	assert_int_equal(heap.in_use, 0);
}

/* --- devices --- */

static const struct esp_device conf = {.id = 9, .tunnel = 1, .mtu = 1400};

/* ours: the ends that the host would have. */
static void device(struct dataplane *d, int *ours, unsigned n)
{
	int theirs[ESP_WORKERS_MAX];
	for (unsigned i = 0; i < n; i++) {
		int pair[2];
		assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
		ours[i] = pair[0];
		theirs[i] = pair[1];
	}
	assert_int_equal(dataplane_device(d, &conf, theirs, n), 0);
}

static struct dataplane_stats stats(struct dataplane *d)
{
	struct dataplane_stats s;
	dataplane_stats(d, &s);
	return s;
}

/* Whether the other end was closed. */
static bool closed(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	return poll(&p, 1, 0) == 1 && p.revents & POLLHUP;
}

static uint64_t drops(struct dataplane *d, uint32_t tunnel, uint8_t why)
{
	uint64_t v[ESP_DROP_N];
	esp_drops(dataplane_stop(d), tunnel, v);
	dataplane_go(d);
	return v[why];
}

static void until_drops(struct dataplane *d, uint32_t tunnel, uint8_t why, uint64_t n)
{
	for (unsigned i = 0; i < TRIES && drops(d, tunnel, why) < n; i++)
		sched_yield();
	assert_int_equal(drops(d, tunnel, why), n);
}

/* a vnet header, and IPv4 with UDP */
static const uint8_t frame[10 + 28] = {[10] = 0x45, [13] = 28, [18] = 64, 17, [22] = 10, 0, 0, 1, 10, 0, 0, 2, [35] = 8};

static void frames_are_read(void **state)
{
	struct dataplane *d = plane(2);
	int ours[2];
	(void)state;
	device(d, ours, 2);
	assert_int_equal(write(ours[0], frame, sizeof frame), sizeof frame);
	until_drops(d, 1, ESP_DROP_NO_SA, 1);
	assert_int_equal(write(ours[1], frame, sizeof frame), sizeof frame);
	until_drops(d, 1, ESP_DROP_NO_SA, 2);
	/* less than a header, a kind that nobody asked for, many */
	assert_int_equal(write(ours[0], frame, 9), 9);
	assert_int_equal(write(ours[0], "\0\x03\0\0\0\0\0\0\0\0", 10), 10);
	until_drops(d, 1, ESP_DROP_GSO, 2);
	for (unsigned i = 0; i < 200; i++)
		assert_int_equal(write(ours[0], frame, sizeof frame), sizeof frame);
	until_drops(d, 1, ESP_DROP_NO_SA, 202);
	assert_int_equal(stats(d).reads, 204);
	close(ours[0]);
	close(ours[1]);
	end(d);
}

static void devices_come_and_go(void **state)
{
	struct dataplane *d = plane(1);
	struct esp_device other = conf;
	int a, b, fds[ESP_WORKERS_MAX + 1];
	(void)state;
	assert_int_equal(dataplane_device(d, &conf, NULL, 0), -EINVAL); /* it has no queue yet */
	device(d, &a, 1);
	other.mtu = 1300;
	assert_int_equal(dataplane_device(d, &other, NULL, 0), 0);
	assert_false(closed(a));
	device(d, &b, 1); /* again, with another queue */
	assert_true(closed(a));
	assert_false(closed(b));
	dataplane_device_del(d, conf.id);
	assert_true(closed(b));
	dataplane_device_del(d, conf.id);
	close(a);
	close(b);
	/* one queue too many: it is closed all the same */
	for (unsigned i = 0; i < 2; i++) {
		int pair[2];
		assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
		*(i ? &b : &a) = pair[0];
		fds[i] = pair[1];
	}
	assert_int_equal(dataplane_device(d, &conf, fds, 2), -EINVAL);
	assert_true(closed(a) && closed(b));
	close(a);
	close(b);
	end(d);
}

/* What priv has open too must not keep a worker awake, nor a device that the host has taken away. */
static void a_device_that_ends(void **state)
{
	struct dataplane *d = plane(1);
	int ours;
	(void)state;
	device(d, &ours, 1);
	close(ours);
	for (unsigned i = 0; i < TRIES && d->devices.n; i++) {
		struct device *v = plane_device((dataplane_stop(d), d), conf.id);
		bool gone = v->queue[0].gone;
		dataplane_go(d);
		if (gone)
			break;
		sched_yield();
	}
	(void)dataplane_stop(d);
	assert_true(plane_device(d, conf.id)->queue[0].gone);
	dataplane_go(d);
	dataplane_device_del(d, conf.id);
	end(d);
}

static void sockets_are_checked(void **state)
{
	struct dataplane *d = plane(1);
	int pair[2];
	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), 0);
	assert_int_equal(dataplane_socket(d, 1, AF_V4, dup(pair[0])), -EINVAL);
	assert_int_equal(dataplane_socket(d, 0, AF_NONE, dup(pair[0])), -EINVAL);
	assert_true(dataplane_socket(d, 0, AF_V4, pair[0]) < 0); /* it is no UDP socket */
	assert_int_equal(write(pair[1], "", 1), -1);             /* and was closed */
	close(pair[1]);
	end(d);
}

/* What ike's end says that is no message does no harm; another pair takes the place of one that ended. */
static void the_pair(void **state)
{
	struct dataplane *d = plane(1);
	struct { struct dataplane_note note; uint8_t esp[40]; } m = {.esp = {1, 2, 3, 4}};
	int pair[2];
	(void)state;
	for (unsigned round = 1; round <= 2; round++) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
		dataplane_ike(d, pair[0]);
		memset(&m.note, 0, sizeof m.note);
		assert_int_equal(write(pair[1], "short", 5), 5);
		assert_int_equal(write(pair[1], &m, sizeof m), sizeof m); /* from nowhere */
		m.note.from = (struct endpoint){addr_from("\x0a\0\0\x01", 4), 4500};
		m.note.to = addr_from("\x0a\0\0\x02", 4);
		assert_int_equal(write(pair[1], &m, sizeof m), sizeof m);
		for (unsigned i = 0; i < TRIES && stats(d).from_ike < round; i++)
			sched_yield();
		until_drops(d, 0, ESP_DROP_SPI, round);
		close(pair[1]);
	}
	dataplane_ike(d, -1);
	end(d);
}

static struct child_sa child(uint32_t spi)
{
	struct child_sa sa = {
		.reqid = 1, .local = addr_from("\x0a\0\0\x02", 4), .remote = addr_from("\x0a\0\0\x01", 4), .sel.proto = 47,
		.suite = {.encr = ENCR_AES_GCM_16, .encr_bits = 128, .integ = AUTH_NONE}, .encap = true, .encap_sport = 4500,
		.encap_dport = 4500, .replay_window = 64, .in = {.spi = spi, .encr.len = 20}, .out = {.spi = spi, .encr.len = 20},
	};
	return sa;
}

/* SAs and devices change while frames come: each frame ends in one way, and nobody is inside when something goes. */
static void changes_beside_packets(void **state)
{
	enum { FRAMES = 3000 };
	struct dataplane *d = plane(2);
	struct sa_counters c;
	uint64_t ended = 0;
	uint32_t spi = 256, written = 0;
	int ours[2];
	(void)state;
	device(d, ours, 2);
	for (unsigned i = 0; i < FRAMES; i++) {
		written += write(ours[i % 2], frame, sizeof frame) == sizeof frame;
		if (i % 10)
			continue;
		struct child_sa sa = child(++spi);
		struct esp *e = dataplane_stop(d);
		assert_int_equal(esp_sa_install(e, conf.tunnel, &sa, 1), 0);
		if (spi > 258)
			assert_int_equal(esp_sa_remove(e, spi - 2), 0);
		dataplane_go(d);
		assert_int_equal(esp_sa_query(e, spi, 1, 0, &c), 0);
		struct esp_device other = conf;
		other.ttl = (uint8_t)i;
		assert_int_equal(dataplane_device(d, &other, NULL, 0), 0);
	}
	assert_int_equal(written, FRAMES);
	for (unsigned i = 0; i < TRIES && ended < FRAMES; i++) {
		/* there is no socket to send to */
		ended = drops(d, 1, ESP_DROP_NO_SA) + drops(d, 1, ESP_DROP_SEND);
		sched_yield();
	}
	assert_int_equal(ended, FRAMES);
	assert_in_range(drops(d, 1, ESP_DROP_SEND), FRAMES - 10, FRAMES);
	close(ours[0]);
	close(ours[1]);
	end(d);
}

static void memory_runs_out(void **state)
{
	struct esp_env env = {.mem = &heap, .rng = &rng, .workers = 2};
	struct dataplane *d = NULL;
	unsigned n = 0;
	int rc;
	(void)state;
	do {
		left = n++;
		rc = dataplane_new(&env, &d);
		if (rc < 0) {
			assert_int_equal(rc, -ENOMEM);
			assert_null(d);
			assert_int_equal(heap.in_use, 0);
		}
	} while (rc < 0 && n < 200);
	assert_int_equal(rc, 0);
	assert_true(n > 20);
	for (n = 0; n < 50; n++) {
		int pair[2][2], fds[2];
		for (unsigned i = 0; i < 2; i++) {
			assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair[i]), 0);
			fds[i] = pair[i][1];
		}
		left = n;
		rc = dataplane_device(d, &conf, fds, 2);
		assert_true(rc == 0 || rc == -ENOMEM);
		assert_int_equal(closed(pair[0][0]), rc < 0);
		assert_int_equal(closed(pair[1][0]), rc < 0);
		close(pair[0][0]);
		close(pair[1][0]);
		if (rc == 0)
			break;
	}
	assert_int_equal(rc, 0);
	assert_true(n > 0);
	end(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_are_read),     cmocka_unit_test(devices_come_and_go), cmocka_unit_test(a_device_that_ends),
		cmocka_unit_test(sockets_are_checked), cmocka_unit_test(the_pair),            cmocka_unit_test(changes_beside_packets),
		cmocka_unit_test(memory_runs_out),
	};
	crypto = crypto_new();
	int rc = crypto ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
	crypto_free(crypto);
	return rc;
}
