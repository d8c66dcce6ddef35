/* A peer that knows the key and means no good, over real UDP: for the guest (t_mutations.sh), against greteld as it is shipped,
 * seccomp and all. It sets up an IKE SA with our own engine, then throws COUNT messages at the other end: half of them recorded ones
 * with octets turned, in the clear; half of them payloads put together at random, octets turned, and sealed with the live SA's keys,
 * SPIs and message IDs. Afterwards a fresh handshake must work.
 *
 *   hostile_peer LOCAL REMOTE COUNT SEED PACKET_FILE     (its configuration is /etc/ipsec.conf, as a daemon's here would be)
 *
 * PACKET_FILE: recorded messages, one per line in hex. Exit status 0: the other end still shakes hands. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "config/config.h"
#include "ike/ike_int.h"

enum { RECORDED_MAX = 200, WAIT_MS = 40, ANSWER_MS = 8, SETTLE_S = 20 };

static void *os_get(struct mem *m, size_t n)
{
	(void)m;
	return calloc(1, n);
}

static void os_put(struct mem *m, void *p, size_t n)
{
	(void)m;
	(void)n;
	free(p);
}

struct peer {
	struct mem mem;
	struct crypto *crypto;
	struct ike *ike;
	struct conf *conf;
	struct psk_set psks;
	struct addr local, remote;
	int fd[2];               /* 500, 4500 */
	uint32_t spi;
	unsigned ups;
	bool awaits, answered;   /* the answer to a message of ours */
	uint32_t awaited;
	struct ike_acts acts;
	uint8_t buf[65536];
};

static struct span recorded[RECORDED_MAX];
static size_t n_recorded;

static mono_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (mono_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static size_t pick(size_t n) { return n ? (size_t)random() % n : 0; }

/* --- sockets --- */

static struct sockaddr_in to_sock(const struct addr *a, uint16_t port)
{
	struct sockaddr_in s = {.sin_family = AF_INET, .sin_port = htons(port)};
	memcpy(&s.sin_addr, a->b, 4);
	return s;
}

static void send_to(struct peer *p, bool natt, uint16_t port, struct span data)
{
	static uint8_t out[65536];
	struct sockaddr_in to = to_sock(&p->remote, port);
	size_t marker = natt && data.n != 1 ? 4 : 0;
	if (data.n + marker > sizeof out)
		return;
	memset(out, 0, marker);
	if (data.n)
		memcpy(out + marker, data.p, data.n);
	(void)sendto(p->fd[natt], out, data.n + marker, 0, (struct sockaddr *)&to, sizeof to);
}

static int bind_port(const struct addr *a, uint16_t port)
{
	struct sockaddr_in s = to_sock(a, port);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&s, sizeof s) < 0) {
		perror("bind");
		exit(2);
	}
	return fd;
}

/* --- what priv does, without a kernel --- */

static int auth_value(struct peer *p, uint16_t id, const struct ident *me, const struct ident *peer, struct span octets,
                      uint8_t *out)
{
	static const char pad[] = "Key Pad for IKEv2"; /* RFC 7296 2.15 */
	size_t v[4];
	uint8_t inner[64];
	struct span text = SPAN(pad, sizeof pad - 1);
	if (psk_candidates(&p->psks, me, peer, v, 4) == 0)
		return -ENOKEY;
	const struct psk *k = &p->psks.v[v[0]];
	int rc = prf(p->crypto, id, SPAN(k->key, k->key_len), &text, 1, inner);
	return rc ? rc : prf(p->crypto, id, SPAN(inner, prf_len(id)), &octets, 1, out);
}

static void run(struct peer *p);

static void report(struct peer *p, struct ike_fact f)
{
	ike_report(p->ike, &f, now(), &p->acts);
}

static void do_act(struct peer *p, const struct ike_act *a)
{
	uint8_t mac[64];
	struct ike_fact f = {.ticket = a->ticket};
	switch (a->type) {
	case IKE_ACT_SEND:
		send_to(p, a->send.natt_port, a->send.remote.port, a->send.data);
		return;
	case IKE_ACT_PATH:
		f.type = IKE_FACT_PATH;
		f.local = (struct endpoint){p->local, 500};
		f.remote = (struct endpoint){p->remote, 500};
		break;
	case IKE_ACT_PSK_SIGN:
		f.type = IKE_FACT_SIGNED;
		f.status = auth_value(p, a->sign.prf, &a->sign.me, &a->sign.peer, a->sign.octets, mac);
		f.octets = SPAN(mac, prf_len(a->sign.prf));
		break;
	case IKE_ACT_PSK_VERIFY:
		f.type = IKE_FACT_VERIFIED; /* whoever answers is who we want to hurt */
		f.n_tried = 1;
		f.key = 1;
		break;
	case IKE_ACT_SPI_ALLOC:
		f.type = IKE_FACT_SPI;
		f.spi = ++p->spi;
		f.reqid = 1;
		break;
	case IKE_ACT_CHILD_INSTALL:
		if (!a->ticket)
			return;
		f.type = IKE_FACT_INSTALLED;
		break;
	case IKE_ACT_TUNNEL:
		p->ups += a->tunnel_event.event == IKE_EV_CHILD_UP;
		return;
	default:
		return;
	}
	report(p, f);
}

static void run(struct peer *p)
{
	for (uint32_t i = 0; i < p->acts.n; i++)
		do_act(p, &p->acts.v[i]);
	ike_acts_reset(&p->acts);
}

static void take(struct peer *p, bool natt, size_t n, uint16_t port)
{
	struct ike_datagram d = {.local = {p->local, natt ? 4500 : 500}, .remote = {p->remote, port}, .natt_port = natt,
	                         .data = SPAN(p->buf, n)};
	struct span ike;
	struct ike_hdr h;
	if (natt) {
		if (udp_encap_classify(d.data, &ike) != UDP_IKE)
			return;
		d.data = ike;
	}
	if (p->awaits && ike_hdr_decode(d.data, &h) == WIRE_OK && h.flags & IKE_F_RESPONSE && h.msg_id == p->awaited) {
		p->answered = true;
		return; /* the engine has not asked, so it need not know */
	}
	ike_input(p->ike, &d, now(), &p->acts);
	run(p);
}

/* Serves the sockets and the clock for a while, or until the awaited answer is here. */
static void serve(struct peer *p, int ms)
{
	mono_t until = now() + DUR_MS(ms);
	while (!(p->awaits && p->answered)) {
		int64_t left = dur_to_ms(until - now());
		if (left <= 0)
			break;
		struct pollfd f[2] = {{.fd = p->fd[0], .events = POLLIN}, {.fd = p->fd[1], .events = POLLIN}};
		(void)poll(f, 2, (int)left < 5 ? (int)left : 5);
		for (int i = 0; i < 2; i++) {
			struct sockaddr_in from;
			socklen_t len = sizeof from;
			ssize_t n;
			while ((n = recvfrom(p->fd[i], p->buf, sizeof p->buf, MSG_DONTWAIT, (struct sockaddr *)&from, &len)) >= 0)
				take(p, i == 1, (size_t)n, ntohs(from.sin_port));
		}
		if (ike_due(p->ike) <= now()) {
			ike_timer(p->ike, now(), &p->acts);
			run(p);
		}
	}
}

static struct ike_sa *live(struct peer *p)
{
	LIST_EACH(it, tmp, &p->ike->sas) {
		struct ike_sa *sa = LIST_ENTRY(it, struct ike_sa, link);
		if (sa->state == ST_ESTABLISHED && window_free(sa) && sa->had_child)
			return sa;
	}
	return NULL;
}

/* A life of the peer: an engine that sets up the tunnel. False: no handshake in time. */
static bool begin(struct peer *p)
{
	struct ike_env env = {.mem = &p->mem, .crypto = p->crypto, .rng = crypto_rng()};
	p->ike = ike_new(&env);
	struct ike_cmd setup = {.type = IKE_CMD_SETUP, .conf = p->conf};
	struct ike_cmd set = {.type = IKE_CMD_TUNNEL_SET, .tunnel = 1, .start = true, .conf = p->conf,
	                      .t = conf_tunnel(p->conf, 0)};
	ike_command(p->ike, &setup, now(), &p->acts);
	run(p);
	ike_command(p->ike, &set, now(), &p->acts);
	run(p);
	for (mono_t until = now() + DUR_S(SETTLE_S); !live(p) && now() < until;)
		serve(p, WAIT_MS);
	return live(p) != NULL;
}

static void end(struct peer *p)
{
	struct ike_cmd stop = {.type = IKE_CMD_STOP};
	ike_command(p->ike, &stop, now(), &p->acts);
	run(p);
	serve(p, WAIT_MS);
	ike_free(p->ike);
	p->ike = NULL;
}

/* --- malice --- */

static void turn(uint8_t *b, size_t n)
{
	for (size_t k = pick(6) + 1; n && k > 0; k--) {
		size_t at = pick(n);
		switch (pick(4)) {
		case 0:
			b[at] ^= (uint8_t)(1u << pick(8));
			break;
		case 1:
			b[at] = (uint8_t)random();
			break;
		case 2:
			b[at] = pick(2) ? 0xff : 0;
			break;
		default: /* lengths live in pairs */
			b[at] = 0;
			b[(at + 1) % n] = (uint8_t)pick(40);
		}
	}
}

static void throw_clear(struct peer *p)
{
	uint8_t b[8192];
	struct span r = recorded[pick(n_recorded)];
	size_t n = min_z(r.n, sizeof b);
	memcpy(b, r.p, n);
	turn(b, n);
	if (pick(5) == 0)
		n = pick(n + 1);
	bool natt = pick(2);
	send_to(p, natt, natt ? 4500 : 500, SPAN(b, n));
}

static void random_payload(struct peer *p, struct ike_enc *e)
{
	uint8_t junk[300];
	uint32_t spis[3] = {(uint32_t)random(), p->spi, (uint32_t)random()};
	struct proposals offer;
	struct ike_ts_list ts;
	struct ike_ts_list tsr;
	struct ident id = {.type = ID_FQDN, .len = (uint8_t)pick(IDENT_MAX)};
	static const uint16_t notifies[] = {N_REKEY_SA, N_USE_TRANSPORT_MODE, N_AUTHENTICATION_FAILED + 1, N_COOKIE, N_INVALID_SPI,
	                                    N_NAT_DETECTION_SOURCE_IP, N_INITIAL_CONTACT, 40000, N_UPDATE_SA_ADDRESSES};
	rng_fill(crypto_rng(), junk, sizeof junk);
	switch (pick(9)) {
	case 0:
	case 1:
		proposals_prepare(conf_proposals(p->conf, conf_tunnel(p->conf, 0)->esp), PROTO_ESP, (uint32_t)random() | 0x1000, 4,
		                  pick(2), &offer);
		ike_enc_sa(e, &offer);
		break;
	case 2:
		ike_enc_nonce(e, SPAN(junk, 16 + pick(200)));
		break;
	case 3:
		ike_enc_ke(e, (uint16_t)pick(40), SPAN(junk, pick(sizeof junk)));
		break;
	case 4:
	case 5:
		ts_ours(conf_tunnel(p->conf, 0), &p->local, &p->remote, &ts, &tsr);
		ike_enc_ts(e, P_TSI, &ts);
		ike_enc_ts(e, P_TSR, &tsr);
		break;
	case 6:
		ike_enc_delete_esp(e, spis, (uint16_t)pick(3));
		break;
	case 7:
		ike_enc_id(e, pick(2) ? P_IDI : P_IDR, &id);
		break;
	default:
		ike_enc_notify(e, pick(2) ? PROTO_NONE : PROTO_ESP, SPAN(junk, pick(2) * 4), notifies[pick(ARRAY_LEN(notifies))],
		               SPAN(junk, pick(64)));
	}
}

/* False: the SA is not there any more. */
static bool throw_sealed(struct peer *p)
{
	struct ike_sa *sa = live(p);
	uint8_t b[8192];
	struct wr w = wr_init(b, sizeof b);
	struct ike_enc e;
	size_t aad, data;
	if (!sa)
		return false;
	static const uint8_t exchanges[] = {IKE_AUTH, CREATE_CHILD_SA, CREATE_CHILD_SA, INFORMATIONAL, INFORMATIONAL, 38};
	struct ike_hdr h = {.spi_i = sa->spi_i, .spi_r = sa->spi_r, .major = 2, .flags = sa->initiator ? IKE_F_INITIATOR : 0,
	                    .exchange = exchanges[pick(ARRAY_LEN(exchanges))], .msg_id = sa->tx_id + (pick(20) == 0)};
	ike_enc_begin(&e, &w, &h);
	ike_enc_sk_begin(&e, sk_iv_len(&sa->tx));
	for (size_t n = pick(6); n > 0; n--)
		random_payload(p, &e);
	ike_enc_sk_end(&e, sk_block(&sa->tx), sk_icv_len(&sa->tx), &aad, &data);
	if (!wr_ok(&w))
		return true;
	if (pick(4))
		turn(b + aad + sk_iv_len(&sa->tx), data);
	if (sk_seal(p->crypto, crypto_rng(), &sa->tx, b, aad, data) != 0)
		return true;
	p->awaits = true;
	p->answered = false;
	p->awaited = h.msg_id;
	send_to(p, sa->natt_port, sa->remote.port, SPAN(b, w.len));
	serve(p, ANSWER_MS);
	p->awaits = false;
	if (p->answered && (sa = live(p)))
		sa->tx_id++;
	return true;
}

/* --- start --- */

static void read_packets(const char *path)
{
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;
	FILE *f = fopen(path, "r");
	while (f && n_recorded < RECORDED_MAX && (n = getline(&line, &cap, f)) > 2) {
		uint8_t *b = malloc((size_t)n / 2 + 1);
		size_t len = 0;
		unsigned v;
		for (const char *c = line; sscanf(c, "%2x", &v) == 1 && len < (size_t)n / 2; c += 2)
			b[len++] = (uint8_t)v;
		recorded[n_recorded++] = SPAN(b, len);
	}
	free(line);
	if (f)
		fclose(f);
}

static bool open_peer(struct peer *p, char **v)
{
	struct config_files io;
	struct config_paths where = {0};
	struct diags d;
	p->mem = (struct mem){.get = os_get, .put = os_put};
	config_files_os(&io);
	if (!addr_parse(v[1], &p->local) || !addr_parse(v[2], &p->remote))
		return false;
	where.local = &p->local;
	where.n_local = 1;
	psk_set_init(&p->psks, &p->mem);
	diags_init(&d, &p->mem);
	p->crypto = crypto_new();
	p->spi = 0xc1000000;
	p->fd[0] = bind_port(&p->local, 500);
	p->fd[1] = bind_port(&p->local, 4500);
	return p->crypto && config_load(&where, &io, &p->conf, &p->psks, &d) == 0 && p->conf->n_tunnels > 0;
}

int main(int argc, char **argv)
{
	static struct peer p;
	unsigned clear = 0, sealed = 0, lives = 0;
	if (argc != 6)
		return 2;
	srandom((unsigned)atoi(argv[4]));
	read_packets(argv[5]);
	if (!open_peer(&p, argv) || n_recorded == 0) {
		fprintf(stderr, "hostile_peer: wrong arguments, configuration or packets\n");
		return 2;
	}
	for (unsigned left = (unsigned)atoi(argv[3]); left > 0;) {
		if (!begin(&p)) {
			printf("no handshake after %u clear, %u sealed\n", clear, sealed);
			return 1;
		}
		lives++;
		while (left > 0) {
			if (left % 2 == 0 && !throw_sealed(&p))
				break; /* it ended the SA: a new life */
			sealed += left % 2 == 0;
			if (left % 2) {
				throw_clear(&p);
				clear++;
			}
			left--;
		}
		end(&p);
	}
	bool well = begin(&p);
	if (well)
		end(&p);
	printf("%u in the clear, %u sealed, in %u lives; afterwards %s\n", clear, sealed, lives,
	       well ? "a handshake works" : "NO handshake");
	return well ? 0 : 1;
}
