/* The channel: what one end sends is what the other gets; what is not a message of the other end's is refused; nothing
 * blocks, is lost or overtaken when the other end does not read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test_privsep_util.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

struct pair {
	struct privsep *priv, *ike;
	int raw; /* ike's end without a channel in front */
};

static int setup(void **state)
{
	struct pair *p = calloc(1, sizeof *p);
	int fd[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fd), 0);
	p->priv = privsep_new(fd[0], PRIV_ROLE_PRIV, &PRIV_VERBS);
	p->ike = privsep_new(fd[1], PRIV_ROLE_IKE, &PRIV_VERBS);
	p->raw = fd[1];
	assert_true(p->priv && p->ike);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct pair *p = *state;
	privsep_free(p->priv);
	privsep_free(p->ike);
	free(p);
	return 0;
}

static struct priv_msg get(struct privsep *p)
{
	struct priv_msg m;
	assert_int_equal(privsep_recv(p, &m), 1);
	return m;
}

static void test_requests(void **state)
{
	struct pair *p = *state;
	struct addr l = world_addr("10.0.0.2"), r = world_addr("80.251.0.33");
	struct ident id = world_ident("peer.example");
	assert_int_equal(priv_spi_alloc(p->ike, 5, "net", &l, &r, 3, 256, 300), 0);
	struct priv_msg m = get(p->priv);
	const struct m_spi_alloc *sa = m.body;
	assert_int_equal(m.verb, PRIV_SPI_ALLOC);
	assert_int_equal(m.ticket, 5);
	assert_string_equal(sa->tunnel, "net");
	assert_true(addr_eq(&sa->remote, &r) && sa->reqid == 3 && sa->min == 256 && sa->max == 300);
	struct span octets = SPAN("octets", 6), auth = SPAN("auth", 4);
	assert_int_equal(priv_psk_verify(p->ike, 6, "", PRF_HMAC_SHA1, &id, &id, octets, auth), 0);
	m = get(p->priv);
	const struct m_psk *psk = m.body;
	assert_true(psk->n_octets == 6 && psk->n_auth == 4 && psk->tunnel[0] == 0);
	assert_memory_equal(m.tail.p, "octetsauth", 10);
	assert_int_equal(priv_psk_sign(p->ike, 7, "net", PRF_HMAC_SHA1, 9, &id, &id, octets), 0);
	m = get(p->priv);
	assert_int_equal(((const struct m_psk *)m.body)->key, 9);
	struct child_sa now = {.in.spi = 0x1234, .local = l, .remote = r, .encap = true};
	now.encap_sport = 1;
	now.encap_dport = 2;
	assert_int_equal(priv_child_move(p->ike, 8, &now), 0);
	m = get(p->priv);
	const struct m_child_move *mv = m.body;
	assert_true(mv->spi_in == 0x1234 && mv->encap == 1 && mv->encap_sport == 1 && mv->encap_dport == 2);
	struct tun_child c = {.local = {.addr = l}, .remote = {.addr = r}, .ts_local = l, .ts_remote = r, .spi_in = 77};
	assert_int_equal(priv_hook_run(p->ike, 9, "net", true, &c), 0);
	m = get(p->priv);
	assert_int_equal(((const struct m_hook_run *)m.body)->child.spi_in, 77);
	struct { int rc; uint8_t verb; } simple[] = {
		{priv_spi_free(p->ike, 0x1000), PRIV_SPI_FREE},
		{priv_child_remove(p->ike, 1, 0x1000), PRIV_CHILD_REMOVE},
		{priv_sa_query(p->ike, 1, 0x1000), PRIV_SA_QUERY},
		{priv_guard_set(p->ike, 1, "net", &r), PRIV_GUARD_SET},
		{priv_gre_up(p->ike, 1, "net", &l, &r), PRIV_GRE_UP},
		{priv_gre_find(p->ike, 1, "net", &l, &r), PRIV_GRE_FIND},
		{priv_gre_down(p->ike, 1, "net"), PRIV_GRE_DOWN},
		{priv_path(p->ike, 1, "net", 2, &l, &r, true), PRIV_PATH},
		{priv_probe(p->ike, 1, "net", 3, &l), PRIV_PROBE},
		{priv_held_set(p->ike, 1, "net", true), PRIV_HELD_SET},
		{priv_reload(p->ike, 1, false), PRIV_RELOAD},
		{priv_log(p->ike, 1, "text"), PRIV_LOG},
		{priv_ready(p->ike), PRIV_READY},
		{priv_stopped(p->ike), PRIV_STOPPED},
	};
	for (size_t i = 0; i < ARRAY_LEN(simple); i++) {
		assert_int_equal(simple[i].rc, 0);
		m = get(p->priv);
		assert_int_equal(m.verb, simple[i].verb);
	}
	assert_int_equal(privsep_recv(p->priv, &m), 0);
}

static void test_log_is_cut(void **state)
{
	struct pair *p = *state;
	char text[3 * PRIV_TEXT_MAX];
	memset(text, 'x', sizeof text);
	text[sizeof text - 1] = 0;
	assert_int_equal(priv_log(p->ike, 1, text), 0);
	struct priv_msg m = get(p->priv);
	assert_int_equal(strlen(priv_msg_text(&m)), PRIV_TEXT_MAX - 1);
}

static void test_octets_limit(void **state)
{
	struct pair *p = *state;
	static uint8_t octets[PRIV_OCTETS_MAX + 1];
	struct ident id = world_ident("peer.example");
	assert_int_equal(priv_psk_sign(p->ike, 1, "net", 5, 0, &id, &id, SPAN(octets, PRIV_OCTETS_MAX)), 0);
	struct priv_msg m = get(p->priv);
	assert_int_equal(m.tail.n, PRIV_OCTETS_MAX);
	assert_int_equal(priv_psk_sign(p->ike, 1, "net", 5, 0, &id, &id, SPAN(octets, PRIV_OCTETS_MAX + 1)), -EINVAL);
	assert_int_equal(priv_psk_sign(p->ike, 1, "net", 5, 0, &id, &id, SPAN(octets, 0)), -EINVAL);
}

static void test_replies(void **state)
{
	struct pair *p = *state;
	struct r_psk body = {.key = 4, .n_tried = 2};
	uint8_t auth[20] = {1};
	assert_int_equal(privsep_reply(p->priv, PRIV_PSK_SIGN, 1, 0, &body, SPAN(auth, sizeof auth)), 0);
	struct priv_msg m = get(p->ike);
	assert_true(m.reply && m.status == 0 && m.tail.n == 20);
	assert_int_equal(((const struct r_psk *)m.body)->key, 4);
	/* a refusal: a sentence, with and without a body */
	assert_int_equal(privsep_reply(p->priv, PRIV_PSK_VERIFY, 2, -EBADMSG, &body, SPAN("no", 3)), 0);
	m = get(p->ike);
	assert_int_equal(m.status, -EBADMSG);
	assert_int_equal(((const struct r_psk *)m.body)->n_tried, 2);
	assert_string_equal(priv_msg_text(&m), "no");
	assert_int_equal(privsep_reply(p->priv, PRIV_PSK_VERIFY, 2, -ENOKEY, NULL, SPAN(NULL, 0)), 0);
	m = get(p->ike);
	assert_null(m.body);
	assert_string_equal(priv_msg_text(&m), "");
	/* a script's exit code */
	assert_int_equal(privsep_reply(p->priv, PRIV_HOOK_RUN, 3, 126, NULL, SPAN(NULL, 0)), 0);
	m = get(p->ike);
	assert_int_equal(m.status, 126);
	/* what must not be answered so */
	assert_int_equal(privsep_reply(p->priv, PRIV_PSK_SIGN, 1, 0, NULL, SPAN(NULL, 0)), -EINVAL);
	assert_int_equal(privsep_reply(p->priv, PRIV_LOG, 1, 0, NULL, SPAN(NULL, 0)), -EINVAL);
	assert_int_equal(privsep_reply(p->priv, 200, 1, 0, NULL, SPAN(NULL, 0)), -EINVAL);
}

static void test_send_refused(void **state)
{
	struct pair *p = *state;
	struct m_spi spi = {.spi = 300};
	int fd = 0;
	/* the other's verb, an unknown one, a bad field, a tail or descriptors where none go, none where one must */
	assert_int_equal(privsep_send(p->priv, PRIV_SPI_FREE, 0, &spi, SPAN(NULL, 0), NULL, 0), -EINVAL);
	assert_int_equal(privsep_send(p->ike, 99, 0, &spi, SPAN(NULL, 0), NULL, 0), -EINVAL);
	assert_int_equal(privsep_send(p->ike, PRIV_SPI_FREE, 0, NULL, SPAN(NULL, 0), NULL, 0), -EINVAL);
	assert_int_equal(privsep_send(p->ike, PRIV_SPI_FREE, 0, &spi, SPAN("x", 1), NULL, 0), -EINVAL);
	assert_int_equal(privsep_send(p->ike, PRIV_SPI_FREE, 0, &spi, SPAN(NULL, 0), &fd, 1), -EINVAL);
	struct e_conf e = {.size = 1};
	assert_int_equal(privsep_send(p->priv, PRIV_CONF, 0, &e, SPAN(NULL, 0), NULL, 0), -EINVAL);
	spi.spi = 255;
	assert_int_equal(privsep_send(p->ike, PRIV_SPI_FREE, 0, &spi, SPAN(NULL, 0), NULL, 0), -EINVAL);
	struct priv_msg m;
	assert_int_equal(privsep_recv(p->priv, &m), 0);
}

/* --- Hostile frames --- */

static void frame(struct pair *p, struct priv_head h, const void *rest, size_t n)
{
	uint8_t b[8192];
	memcpy(b, &h, sizeof h);
	if (n)
		memcpy(b + sizeof h, rest, n);
	assert_int_equal(send(p->raw, b, sizeof h + n, 0), (ssize_t)(sizeof h + n));
}

static void refused(struct pair *p, struct priv_head h, size_t n, int rc)
{
	static uint8_t rest[4096];
	struct priv_msg m;
	memset(rest, 1, sizeof rest);
	frame(p, h, rest, n);
	assert_int_equal(privsep_recv(p->priv, &m), rc);
	assert_int_equal(privsep_recv(p->priv, &m), 0);
}

static void test_frames(void **state)
{
	struct pair *p = *state;
	struct priv_head good = {.verb = PRIV_SPI_FREE, .body = sizeof(struct m_spi)}, h;
	refused(p, good, sizeof(struct m_spi), 1);
	h = good, h.verb = 0;
	refused(p, h, sizeof(struct m_spi), -EPROTO);
	h = good, h.verb = PRIV_STOP, h.body = 0; /* priv's own */
	refused(p, h, 0, -EPROTO);
	h = good, h.reply = 1; /* ike answers nothing */
	refused(p, h, sizeof(struct m_spi), -EPROTO);
	h = good, h.reply = 2;
	refused(p, h, sizeof(struct m_spi), -EPROTO);
	h = good, h.status = -1;
	refused(p, h, sizeof(struct m_spi), -EPROTO);
	refused(p, good, sizeof(struct m_spi) - 1, -EPROTO);
	refused(p, good, sizeof(struct m_spi) + 1, -EPROTO);
	refused(p, good, 0, -EPROTO);
	h = good, h.body = 0;
	refused(p, h, 0, -EPROTO);
	h = good, h.body = 3, h.tail = 1;
	refused(p, h, sizeof(struct m_spi), -EPROTO);
	h = good, h.tail = UINT32_MAX; /* body + tail would wrap in 32 bits */
	refused(p, h, sizeof(struct m_spi) - 1, -EPROTO);
	h = good, h.tail = 1;
	refused(p, h, sizeof(struct m_spi) + 1, -EBADMSG);
	/* not even a head; nothing at all looks like the end of the other side and is taken for it */
	struct priv_msg m;
	assert_int_equal(send(p->raw, "x", 1, 0), 1);
	assert_int_equal(privsep_recv(p->priv, &m), -EPROTO);
}

static void test_too_long(void **state)
{
	struct pair *p = *state;
	size_t n = 256 * 1024;
	uint8_t *b = calloc(1, n);
	struct priv_head h = {.verb = PRIV_LOG, .body = 1, .tail = (uint32_t)(n - sizeof h - 1)};
	memcpy(b, &h, sizeof h);
	assert_int_equal(send(p->raw, b, n, 0), (ssize_t)n);
	struct priv_msg m;
	assert_int_equal(privsep_recv(p->priv, &m), -EPROTO);
	free(b);
}

static void test_bad_field(void **state)
{
	struct pair *p = *state;
	struct m_held body = {.tunnel = "net", .held = 2};
	struct priv_msg m;
	frame(p, (struct priv_head){.verb = PRIV_HELD_SET, .ticket = 7, .body = sizeof body}, &body, sizeof body);
	assert_int_equal(privsep_recv(p->priv, &m), -EBADMSG);
	assert_int_equal(m.verb, PRIV_HELD_SET);
	assert_int_equal(m.ticket, 7);
	assert_string_equal(m.bad, "held");
}

static size_t open_fds(void)
{
	size_t n = 0;
	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* Descriptors that come with a message that takes none, or too many of them, do not stay open. */
static void test_unwanted_fds(void **state)
{
	struct pair *p = *state;
	struct m_spi body = {.spi = 300};
	size_t before = open_fds();
	for (size_t n_fds = 1; n_fds <= 40; n_fds += 13) {
		int fds[40];
		union { struct cmsghdr align; char room[CMSG_SPACE(sizeof fds)]; } c = {.room = {0}};
		struct priv_head h = {.verb = PRIV_SPI_FREE, .body = sizeof body};
		struct iovec iov[] = {{&h, sizeof h}, {&body, sizeof body}};
		struct msghdr mh = {.msg_iov = iov, .msg_iovlen = 2, .msg_control = c.room};
		mh.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		for (size_t i = 0; i < n_fds; i++)
			fds[i] = 0;
		struct cmsghdr *cm = CMSG_FIRSTHDR(&mh);
		cm->cmsg_level = SOL_SOCKET;
		cm->cmsg_type = SCM_RIGHTS;
		cm->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(cm), fds, n_fds * sizeof(int));
		assert_true(sendmsg(p->raw, &mh, 0) > 0);
		struct priv_msg m;
		assert_int_equal(privsep_recv(p->priv, &m), -EPROTO);
		assert_int_equal(open_fds(), before);
	}
}

/* --- Gathered --- */

/* What was gathered is nowhere until it is flushed, and then in one packet, in order; descriptors go by themselves, behind what was said
 * before. */
static void test_gather(void **state)
{
	struct pair *p = *state;
	struct addr l = world_addr("10.0.0.2"), r = world_addr("80.251.0.33");
	static const uint8_t verbs[] = {PRIV_LOG, PRIV_SPI_ALLOC, PRIV_READY, PRIV_SA_QUERY};
	struct priv_msg m;
	privsep_gather(p->ike);
	assert_int_equal(priv_log(p->ike, 1, "odd number of octets"), 0);
	assert_int_equal(priv_spi_alloc(p->ike, 5, "net", &l, &r, 3, 256, 300), 0);
	assert_int_equal(priv_ready(p->ike), 0);
	assert_int_equal(priv_sa_query(p->ike, 6, 0x1000), 0);
	assert_int_equal(privsep_recv(p->priv, &m), 0);
	assert_false(privsep_buffered(p->priv));
	assert_int_equal(privsep_flush(p->ike), 0);
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
		m = get(p->priv);
		assert_int_equal(m.verb, verbs[i]);
		assert_true(!m.body || (uintptr_t)m.body % 16 == 0);
		assert_int_equal(privsep_buffered(p->priv), i + 1 < ARRAY_LEN(verbs));
		if (i == 0)
			assert_string_equal(priv_msg_text(&m), "odd number of octets");
		if (i == 1)
			assert_int_equal(((const struct m_spi_alloc *)m.body)->max, 300);
	}
	assert_int_equal(privsep_recv(p->priv, &m), 0);
}

static void test_gather_fds(void **state)
{
	struct pair *p = *state;
	struct e_conf e = {.size = 1};
	struct priv_msg m;
	uint8_t raw[1024];
	int fd = 0;
	privsep_gather(p->priv);
	assert_int_equal(privsep_reply(p->priv, PRIV_SPI_ALLOC, 5, -ENOENT, NULL, SPAN("no", 3)), 0);
	assert_int_equal(privsep_send(p->priv, PRIV_CONF, 0, &e, SPAN("x", 1), &fd, 1), 0);
	assert_int_equal(privsep_send(p->priv, PRIV_STOP, 0, NULL, SPAN(NULL, 0), NULL, 0), 0);
	m = get(p->ike);
	assert_true(m.reply && m.status == -ENOENT && !m.body);
	m = get(p->ike);
	assert_int_equal(m.verb, PRIV_CONF);
	assert_int_equal(m.n_fds, 1);
	priv_msg_close(&m);
	assert_int_equal(privsep_recv(p->ike, &m), 0);
	assert_int_equal(privsep_flush(p->priv), 0);
	assert_int_equal(recv(p->raw, raw, sizeof raw, MSG_PEEK), sizeof(struct priv_head));
	assert_int_equal(get(p->ike).verb, PRIV_STOP);
}

/* More than fits into one packet: none is lost, none overtakes. */
static void test_gather_many(void **state)
{
	struct pair *p = *state;
	uint32_t got = 0;
	privsep_gather(p->ike);
	for (uint32_t i = 0; i < 3000; i++)
		assert_int_equal(priv_sa_query(p->ike, i, 0x1000), 0);
	assert_int_equal(privsep_flush(p->ike), 0);
	for (struct priv_msg m; privsep_recv(p->priv, &m) == 1; got++)
		assert_int_equal(m.ticket, got);
	assert_int_equal(got, 3000);
}

struct two {
	struct priv_head head;
	struct m_spi spi;
	uint8_t pad[12];
	struct priv_head next;
	struct m_spi last;
};

/* A packet whose second message is none: the first one counts when there was room for another, the rest is refused. */
static void test_gather_hostile(void **state)
{
	struct pair *p = *state;
	struct priv_msg m;
	struct two two = {
		.head = {.verb = PRIV_SPI_FREE, .body = sizeof(struct m_spi)},
		.spi = {300},
		.next = {.verb = PRIV_SPI_FREE, .body = sizeof(struct m_spi)},
		.last = {301},
	};
	assert_int_equal(send(p->raw, &two, sizeof two, 0), (ssize_t)sizeof two);
	assert_int_equal(((const struct m_spi *)get(p->priv).body)->spi, 300);
	assert_int_equal(((const struct m_spi *)get(p->priv).body)->spi, 301);
	/* the second one is cut off, then its head is, then there is only padding behind the first */
	static const struct { size_t n; int first; } cuts[] = {
		{sizeof two - 1, 1}, {offsetof(struct two, last) - 1, -EPROTO}, {offsetof(struct two, next), -EPROTO},
	};
	for (size_t i = 0; i < ARRAY_LEN(cuts); i++) {
		assert_int_equal(send(p->raw, &two, cuts[i].n, 0), (ssize_t)cuts[i].n);
		assert_int_equal(privsep_recv(p->priv, &m), cuts[i].first);
		if (cuts[i].first == 1)
			assert_int_equal(privsep_recv(p->priv, &m), -EPROTO);
		assert_false(privsep_buffered(p->priv));
		assert_int_equal(privsep_recv(p->priv, &m), 0);
	}
	two.next.verb = 0;
	assert_int_equal(send(p->raw, &two, sizeof two, 0), (ssize_t)sizeof two);
	assert_int_equal(privsep_recv(p->priv, &m), 1);
	assert_int_equal(privsep_recv(p->priv, &m), -EPROTO);
	assert_int_equal(privsep_recv(p->priv, &m), 0);
}

/* --- An end that does not read, or is gone --- */

static void test_queue(void **state)
{
	struct pair *p = *state;
	uint32_t sent = 0, got = 0;
	struct priv_msg m;
	while (!privsep_pending(p->ike) || sent % 500)
		assert_int_equal(priv_sa_query(p->ike, sent++, 0x1000), 0);
	assert_int_equal(privsep_flush(p->ike), 1);
	int rc;
	while ((rc = privsep_recv(p->priv, &m)) == 1 || privsep_pending(p->ike)) {
		if (rc == 1)
			assert_int_equal(m.ticket, got++);
		assert_true(privsep_flush(p->ike) >= 0);
	}
	assert_int_equal(got, sent);
}

/* Room in the socket does not let a later message pass the queue. */
static void test_queue_order(void **state)
{
	struct pair *p = *state;
	uint32_t sent = 0, got = 0;
	struct priv_msg m;
	while (!privsep_pending(p->ike) || sent % 100)
		assert_int_equal(priv_sa_query(p->ike, sent++, 0x1000), 0);
	for (; got < 50; got++)
		assert_int_equal(get(p->priv).ticket, got);
	assert_int_equal(priv_sa_query(p->ike, sent++, 0x1000), 0);
	while (got < sent) {
		int rc = privsep_recv(p->priv, &m);
		if (rc == 1)
			assert_int_equal(m.ticket, got++);
		assert_true(privsep_flush(p->ike) >= 0);
	}
}

/* Keys do not stay in the buffer. */
static void test_wiped(void **state)
{
	struct pair *p = *state;
	struct child_sa sa = {.reqid = 1, .in.spi = 300, .out.spi = 301};
	static const uint8_t zero[16];
	struct ident id = world_ident("peer.example");
	struct priv_msg m;
	sa.local = sa.remote = world_addr("10.0.0.2");
	assert_true(secret_set(&sa.in.encr, "0123456789abcdef", 16));
	assert_int_equal(priv_child_install(p->ike, 1, "net", 1, &id, &sa), 0);
	m = get(p->priv);
	const uint8_t *key = ((const struct m_child_install *)m.body)->sa.in.encr.b;
	assert_memory_equal(key, "0123456789abcdef", 16);
	assert_int_equal(privsep_recv(p->priv, &m), 0);
	assert_memory_equal(key, zero, 16);
}

static void test_queue_keeps_fds(void **state)
{
	struct pair *p = *state;
	struct e_sockets e = {.have = {1}};
	struct e_hook_line l = {.tunnel = "net"};
	struct priv_msg m;
	while (!privsep_pending(p->priv))
		assert_int_equal(privsep_send(p->priv, PRIV_HOOK_LINE, 0, &l, SPAN("x", 2), NULL, 0), 0);
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(privsep_send(p->priv, PRIV_SOCKETS, 0, &e, SPAN(NULL, 0), &fd, 1), 0);
	close(fd);
	for (;;) {
		int rc = privsep_recv(p->ike, &m);
		if (rc == 1 && m.verb == PRIV_SOCKETS)
			break;
		assert_true(privsep_flush(p->priv) >= 0);
	}
	assert_int_equal(m.n_fds, 1);
	assert_true(fcntl(m.fd[0], F_GETFD) & FD_CLOEXEC);
	priv_msg_close(&m);
}

static void test_queue_full(void **state)
{
	struct pair *p = *state;
	static uint8_t octets[PRIV_OCTETS_MAX];
	struct ident id = world_ident("peer.example");
	int rc = 0;
	unsigned n = 0;
	for (; rc == 0 && n < 10000; n++)
		rc = priv_psk_sign(p->ike, n, "net", 5, 0, &id, &id, SPAN(octets, sizeof octets));
	assert_int_equal(rc, -ENOBUFS);
	assert_true(n > 1000 && n < 3000);
}

static void test_gone(void **state)
{
	struct pair *p = *state;
	struct priv_msg m;
	assert_int_equal(priv_ready(p->ike), 0);
	privsep_free(p->ike);
	p->ike = NULL;
	assert_int_equal(privsep_recv(p->priv, &m), 1); /* last words */
	assert_int_equal(privsep_recv(p->priv, &m), -EPIPE);
	assert_int_equal(privsep_send(p->priv, PRIV_STOP, 0, NULL, SPAN(NULL, 0), NULL, 0), -EPIPE);
}

/* --- HELLO, CONF --- */

static void test_hello(void **state)
{
	struct pair *p = *state;
	assert_int_equal(privsep_hello(p->ike, 1), 0);
	struct priv_msg m = get(p->priv);
	assert_true(privsep_hello_ok(p->priv, &m));
	struct m_hello h = *(const struct m_hello *)m.body;
	m.body = &h;
	h.build[7] ^= 1;
	assert_false(privsep_hello_ok(p->priv, &m));
	h.build[7] ^= 1;
	h.role = PRIV_ROLE_PRIV;
	assert_false(privsep_hello_ok(p->priv, &m));
	assert_int_equal(priv_ready(p->ike), 0);
	m = get(p->priv);
	assert_false(privsep_hello_ok(p->priv, &(struct priv_msg){.verb = PRIV_READY, .body = &h}));
}

static int memfd(const void *p, size_t n, int seals)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, p, n), (ssize_t)n);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

static const struct conf *send_conf(struct pair *p, int fd, const struct conf *c, uint64_t size, uint64_t generation)
{
	struct e_conf e = {.generation = generation, .size = size, .n_tunnels = c->n_tunnels};
	uint8_t held = 0x05;
	assert_int_equal(privsep_send(p->priv, PRIV_CONF, 0, &e, SPAN(&held, 1), &fd, 1), 0);
	close(fd);
	struct priv_msg m = get(p->ike);
	const struct conf *out = privsep_conf_map(&m);
	assert_true(privsep_conf_held(&m, 0) && !privsep_conf_held(&m, 1) && privsep_conf_held(&m, 2));
	assert_false(privsep_conf_held(&m, 8)); /* behind the tail */
	priv_msg_close(&m);
	return out;
}

static void test_conf(void **state)
{
	struct pair *p = *state;
	const int all = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
	struct conf *c = world_conf();
	const struct conf *got = send_conf(p, memfd(c, c->size, all), c, c->size, c->generation);
	assert_non_null(got);
	assert_memory_equal(got, c, c->size);
	privsep_conf_unmap(got);
	/* each seal matters; so do size, generation and the blob itself */
	assert_null(send_conf(p, memfd(c, c->size, all & ~F_SEAL_WRITE), c, c->size, c->generation));
	assert_null(send_conf(p, memfd(c, c->size, all & ~F_SEAL_SHRINK), c, c->size, c->generation));
	assert_null(send_conf(p, memfd(c, c->size, all & ~F_SEAL_GROW), c, c->size, c->generation));
	assert_null(send_conf(p, memfd(c, c->size - 8, all), c, c->size, c->generation));
	assert_null(send_conf(p, memfd(c, c->size, all), c, c->size - 8, c->generation));
	assert_null(send_conf(p, memfd(c, c->size, all), c, 8, c->generation));
	assert_null(send_conf(p, memfd(c, c->size, all), c, UINT64_MAX, c->generation));
	assert_null(send_conf(p, memfd(c, c->size, all), c, c->size, c->generation + 1));
	int null = open("/dev/null", O_RDONLY);
	assert_null(send_conf(p, null, c, c->size, c->generation));
	c->tunnels = c->size;
	assert_null(send_conf(p, memfd(c, c->size, all), c, c->size, c->generation));
	free(c);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_requests), TEST(test_log_is_cut), TEST(test_octets_limit), TEST(test_replies),
		TEST(test_send_refused), TEST(test_frames), TEST(test_too_long), TEST(test_bad_field),
		TEST(test_unwanted_fds), TEST(test_gather), TEST(test_gather_fds), TEST(test_gather_many), TEST(test_gather_hostile),
		TEST(test_queue),
		TEST(test_queue_order), TEST(test_queue_keeps_fds), TEST(test_wiped),
		TEST(test_queue_full), TEST(test_gone), TEST(test_hello), TEST(test_conf),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
