/* Two engines, steered by octets. See storm.h. */
#include "storm.h"

#include "hand.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TAPE = 24, EDITS = 8 };

struct taped {
	struct sim_node *to;
	struct endpoint src, dst; /* inner */
	uint8_t p[2048];
	size_t n;
	struct hand plain; /* n == 0 and first == 0: could not be opened */
	bool open;
};

struct storm {
	struct sim *s;
	struct sim_node *a, *b;
	struct rd rd;
	struct taped *tape;
	unsigned n_tape;
	bool taping;
	struct storm_count *count;
};

static void broken(struct storm *m, const char *what)
{
	sim_dump(m->s);
	fprintf(stderr, "storm: %s\n", what);
	abort();
}

/* What a handshake and a liveness check said, with what was inside. */
static bool tape(struct sim *s, struct sim_packet *p)
{
	struct storm *m = s->arg;
	struct ike_hdr h;
	if (!m->taping || m->n_tape == TAPE || p->n > sizeof m->tape[0].p || p->n < IKE_HDR_LEN)
		return true;
	struct taped *t = &m->tape[m->n_tape++];
	t->to = sim_route(s, &p->dst, &t->dst);
	t->src = p->src;
	t->n = p->n;
	memcpy(t->p, p->p, p->n);
	if (ike_hdr_decode(SPAN(p->p, p->n), &h) != WIRE_OK || h.exchange == IKE_SA_INIT)
		return true;
	struct ike_sa *sa = hand_sa_by_spi(p->from, h.spi_i);
	t->open = sa && hand_open(s, &sa->tx, p->p, p->n, &t->plain);
	return true;
}

static void edit(struct rd *rd, uint8_t *p, size_t n)
{
	unsigned edits = rd_u8(rd) % EDITS;
	for (unsigned i = 0; i < edits && n; i++) {
		size_t at = rd_u16(rd) % n;
		uint8_t how = rd_u8(rd), v = rd_u8(rd);
		unsigned now = p[at];
		p[at] = (uint8_t)(how % 3 == 0 ? v : how % 3 == 1 ? now ^ 1u << v % 8 : now + v % 16u - 8u);
	}
}

/* A taped message, changed, shortened, with the SPIs of an SA that lives or not. */
static void throw_clear(struct storm *m)
{
	const struct taped *t = &m->tape[rd_u8(&m->rd) % m->n_tape];
	uint8_t p[sizeof t->p], how = rd_u8(&m->rd);
	size_t n = t->n;
	memcpy(p, t->p, n);
	struct wr w = {.base = p, .len = n, .cap = n};
	struct ike_sa *sa = hand_sa(t->to, ST_ESTABLISHED);
	edit(&m->rd, p, n);
	if (how & 1)
		n = IKE_HDR_LEN + rd_u16(&m->rd) % (n - IKE_HDR_LEN + 1);
	if (how & 2)
		wr_put_u32(&w, 24, n);
	if ((how & 4) && sa) {
		struct wr spi = wr_init(p, 16);
		wr_u64(&spi, sa->spi_i);
		wr_u64(&spi, sa->spi_r);
		wr_put_u32(&w, 20, how & 8 ? sa->rx_id : sa->tx_id);
	}
	sim_inject(t->to, &t->src, &t->dst, t->dst.port == 4500, p, n);
	m->count->clear++;
}

/* An update, a list of addresses, or both; with the right hashes and a cookie. */
static void put_mobike(struct storm *m, struct ike_enc *enc, const struct ike_sa *sa, uint8_t which)
{
	struct step s = {.e = (which & 16 ? m->a : m->b)->ike, .sa = (struct ike_sa *)sa};
	if (which & 32)
		ike_enc_notify(enc, PROTO_NONE, SPAN(NULL, 0), N_UPDATE_SA_ADDRESSES, SPAN(NULL, 0));
	if (which & 64)
		natd_encode(&s, enc, sa->spi_i, sa->spi_r, &sa->remote, &sa->local);
	if (which & 128)
		ike_enc_notify(enc, PROTO_NONE, SPAN(NULL, 0), N_ADDITIONAL_IP4_ADDRESS, SPAN(sa->local.addr.b, 4));
	ike_enc_notify(enc, PROTO_NONE, SPAN(NULL, 0), N_COOKIE2, SPAN(sa->ways.cookie2, COOKIE2_LEN));
}

/* Payloads that no handshake has: a rekey of a child, of the IKE SA, deletes. */
static void template(struct storm *m, struct sim_node *to, struct ike_sa *sa, struct hand *h, uint8_t which)
{
	struct hand_enc e;
	struct proposals p;
	struct ike_ts_list tsi, tsr;
	struct child *c = hand_child(to, CH_UP);
	uint32_t spi = c ? c->p.out.spi : 1;
	uint8_t octets[4], ni[32], pub[32];
	struct wr w = wr_init(octets, 4);
	const struct tunnel_conf *t = conf_tunnel(to->conf, 0);
	wr_u32(&w, spi);
	rng_fill(&m->s->rng.rng, ni, sizeof ni);
	memset(pub, 9, sizeof pub);
	hand_begin(&e, h);
	switch (which % 5) {
	case 0:
		h->h.exchange = CREATE_CHILD_SA;
		proposals_prepare(conf_proposals(to->conf, t->esp), PROTO_ESP, 0xd0000000u + which, 4, false, &p);
		ts_ours(t, &sa->remote.addr, &sa->local.addr, &tsi, &tsr);
		ike_enc_notify(&e.enc, PROTO_ESP, SPAN(octets, 4), N_REKEY_SA, SPAN(NULL, 0));
		ike_enc_notify(&e.enc, PROTO_NONE, SPAN(NULL, 0), N_USE_TRANSPORT_MODE, SPAN(NULL, 0));
		ike_enc_sa(&e.enc, &p);
		ike_enc_nonce(&e.enc, SPAN(ni, sizeof ni));
		ike_enc_ts(&e.enc, P_TSI, &tsi);
		ike_enc_ts(&e.enc, P_TSR, &tsr);
		break;
	case 1:
		h->h.exchange = CREATE_CHILD_SA;
		proposals_prepare(conf_proposals(to->conf, t->ike), PROTO_IKE, 0xabcdef, 8, true, &p);
		ike_enc_sa(&e.enc, &p);
		ike_enc_nonce(&e.enc, SPAN(ni, sizeof ni));
		ike_enc_ke(&e.enc, DH_CURVE25519, SPAN(pub, sizeof pub));
		break;
	case 2:
		h->h.exchange = INFORMATIONAL;
		ike_enc_delete_esp(&e.enc, &spi, 1);
		break;
	case 3:
		h->h.exchange = INFORMATIONAL;
		ike_enc_delete_ike(&e.enc);
		break;
	default:
		h->h.exchange = INFORMATIONAL;
		if (sa->ways.mobike)
			put_mobike(m, &e.enc, sa, which);
	}
	if (!hand_end(&e))
		broken(m, "a template does not encode");
}

static unsigned sent_responses(const struct sim_node *n)
{
	unsigned r = 0;
	for (uint32_t i = 0; i < n->n_sent; i++)
		r += n->sent[i].response;
	return r;
}

/* Sealed with the keys of the living SA, as its peer would: whatever is inside is authentic. */
static void throw_inner(struct storm *m)
{
	struct sim_node *to = rd_u8(&m->rd) % 2 ? m->a : m->b;
	uint8_t how = rd_u8(&m->rd), which = rd_u8(&m->rd), out[HAND_MAX + 256];
	struct ike_sa *sa = hand_sa(to, ST_ESTABLISHED);
	if (how % 8 == 7)
		sa = hand_sa(to, how & 8 ? ST_DELETING : how & 16 ? ST_REKEYED : ST_R_INIT);
	if (!sa || !sa->keyed)
		return;
	const struct taped *t = &m->tape[which % m->n_tape];
	struct hand h = {.n = 0};
	h.h = (struct ike_hdr){.spi_i = sa->spi_i, .spi_r = sa->spi_r, .major = 2};
	bool response = (how & 32) && !window_free(sa);
	if (t->open && how % 2) {
		h = t->plain;
		h.h.spi_i = sa->spi_i;
		h.h.spi_r = sa->spi_r;
	} else {
		template(m, to, sa, &h, which);
	}
	h.h.flags = (uint8_t)((sa->initiator ? 0 : IKE_F_INITIATOR) | (response ? IKE_F_RESPONSE : 0));
	h.h.msg_id = response ? sa->tx_id : sa->rx_id;
	if (how & 64)
		h.h.exchange = (uint8_t)(IKE_AUTH + rd_u8(&m->rd) % 3);
	if (response)
		h.h.exchange = sa->req.exchange;
	edit(&m->rd, h.plain, h.n);
	if ((how & 128) && h.n)
		h.n = rd_u16(&m->rd) % h.n;
	if (rd_u8(&m->rd) % 8 == 0)
		h.first = rd_u8(&m->rd);
	/* A full log of what was sent is no log. */
	to->n_sent = 0;
	size_t n = hand_seal(m->s, &sa->rx, &h, out);
	unsigned before = sent_responses(to);
	struct endpoint src = sa->remote, dst = sa->local;
	src.addr.b[3] ^= sa->ways.mobike && (which & 8) ? 9 : 0;
	sim_inject(to, &src, &dst, sa->natt_port, out, n);
	sim_run(m->s, DUR_MS(20));
	m->count->inner++;
	m->count->requests += !response;
	m->count->answered += !response && sent_responses(to) > before;
}

static void fact(struct storm *m)
{
	struct sim_node *n = rd_u8(&m->rd) % 2 ? m->a : m->b;
	struct child *c = hand_child(n, CH_UP);
	struct ike_fact f = {
		.type = rd_u8(&m->rd) % (IKE_FACT_MOVED + 1), .status = (int8_t)rd_u8(&m->rd) % 2, .text = "x"};
	/* Tickets that are not ours to answer; none of those that wait. */
	f.ticket = 0xf0000000u + rd_u8(&m->rd);
	f.spi = c && rd_u8(&m->rd) % 2 ? c->p.in.spi : rd_u32(&m->rd);
	if (f.type == IKE_FACT_SPI || f.type == IKE_FACT_ADDRESS)
		return; /* an SPI that the kernel did not give would be a fault of ours; addresses are the next case */
	f.hard = rd_u8(&m->rd) % 4 == 0;
	f.local.addr = n->addr;
	f.remote = (struct endpoint){.addr = n == m->a ? m->b->addr : m->a->addr, .port = rd_u16(&m->rd)};
	sim_report(n, &f);
}

static void command(struct storm *m)
{
	static const uint8_t types[] = {IKE_CMD_UP,       IKE_CMD_UP,         IKE_CMD_DOWN,
	                                IKE_CMD_DOWN_IKE, IKE_CMD_DOWN_CHILD, IKE_CMD_UP};
	struct sim_node *n = rd_u8(&m->rd) % 2 ? m->a : m->b;
	uint8_t t = types[rd_u8(&m->rd) % ARRAY_LEN(types)];
	sim_cmd(n, t, rd_u8(&m->rd));
	if (t == IKE_CMD_DOWN)
		sim_cmd(n, IKE_CMD_UP, 0);
}

static void check_books(struct storm *m)
{
	struct sim_node *both[] = {m->a, m->b};
	for (size_t i = 0; i < 2; i++) {
		struct sim_node *n = both[i];
		if (n->faults)
			broken(m, "the kernel was asked for the impossible");
		if (n->ups - n->downs > n->n_sas || n->ups < n->downs)
			broken(m, "a child is said to be up that is not there");
	}
	if (m->s->stuck)
		broken(m, "the engines run in a circle");
}

static bool both_idle(struct sim *s) { return ike_idle(s->node[0]->ike) && ike_idle(s->node[1]->ike); }
static bool one_pair(struct sim *s) { return sim_common(s->node[0], s->node[1]) == 1; }

/* All goes when it is told to, and comes when it is told to. */
static void settle(struct storm *m)
{
	check_books(m);
	sim_cmd(m->a, IKE_CMD_DOWN, 0);
	sim_cmd(m->b, IKE_CMD_DOWN, 0);
	if (!sim_until(m->s, DUR_S(400), both_idle))
		broken(m, "something lives on");
	sim_run(m->s, DUR_S(1));
	check_books(m);
	if (m->a->n_sas || m->b->n_sas || m->a->ups != m->a->downs || m->b->ups != m->b->downs || m->a->n_spis ||
	    m->b->n_spis)
		broken(m, "something is left in the kernel");
	sim_cmd(m->b, IKE_CMD_UP, 0);
	sim_cmd(m->a, IKE_CMD_UP, 0);
	if (!sim_until(m->s, DUR_S(200), one_pair))
		broken(m, "no tunnel can be set up any more");
	check_books(m);
	sim_stop(m->a);
	sim_stop(m->b);
	if (m->a->mem.blocks || m->b->mem.blocks)
		broken(m, "memory is left behind");
}

static const char keys[] = "ike=aes128-sha256-x25519!\nesp=aes128-sha256!\ndpdaction=restart\ndpddelay=30\n";

static void begin(struct storm *m, uint64_t seed)
{
	m->s = sim_new(seed);
	m->a = sim_host(m->s, "a", "192.0.2.1");
	m->b = sim_host(m->s, "b", "198.51.100.1");
	m->s->tap = tape;
	m->s->arg = m;
	m->s->delay_min = m->s->delay_max = DUR_MS(2);
	if (seed % 2)
		(void)sim_behind(m->a, "203.0.113.1", seed % 4 == 1);
	char a[sizeof keys + 64], b[sizeof keys + 64];
	const char *mobike = seed & 32 ? "yes" : "no";
	snprintf(a, sizeof a, "%sleftid=@a\nrightid=@b\nauto=start\nmobike=%s", keys, mobike);
	snprintf(b, sizeof b, "%sleftid=@b\nrightid=@a\nmobike=%s", keys, mobike);
	if (!sim_conf(m->a, m->b, a, NULL) || !sim_conf(m->b, m->a, b, NULL) || !sim_start(m->b) || !sim_start(m->a))
		broken(m, "no configuration");
	m->taping = true;
	sim_run(m->s, DUR_S(16));
	m->taping = false;
	if (sim_common(m->a, m->b) != 1 || m->n_tape < 4)
		broken(m, "no tunnel to begin with");
}

void storm_run(const uint8_t *data, size_t n, struct storm_count *count)
{
	struct storm m = {.rd = rd_init(data, n), .count = count};
	m.tape = calloc(TAPE, sizeof *m.tape);
	begin(&m, rd_u8(&m.rd));
	while (rd_left(&m.rd) > 0) {
		uint8_t op = rd_u8(&m.rd) % 16;
		if (op < 6)
			throw_clear(&m);
		else if (op < 12)
			throw_inner(&m);
		else if (op < 14)
			sim_run(m.s, DUR_MS(1) << rd_u8(&m.rd) % 16);
		else if (op == 14)
			command(&m);
		else
			fact(&m);
		m.a->n_sent = m.b->n_sent = 0;
		check_books(&m);
	}
	settle(&m);
	count->sessions++;
	sim_free(m.s);
	free(m.tape);
}
