/* Two engines and the network between them, on virtual time: the set-up of a tunnel, what NATs make of it, and how it fails.
 * tests/sim/sim.h says what the words mean. */
#include "../sim/hand.h"
#include "../sim/pair.h"

#include <errno.h>

/* --- the plain way --- */

static void establishes_in_four_packets(void **state)
{
	(void)state;
	struct pair p = pair_run(1, "auto=start", "", DUR_S(10));
	AGREE(p);
	/* I -> R: HDR, SAi1, KEi, Ni;  R -> I: HDR, SAr1, KEr, Nr;  I -> R: HDR, SK {...};  R -> I: HDR, SK {...} */
	CHECK(p, sim_sent_all(p.a) == 2 && sim_sent_all(p.b) == 2 && p.a->n_sent == 2 && p.b->n_sent == 2);
	CHECK(p, sim_sent(p.a, IKE_SA_INIT, false) == 1 && sim_sent(p.b, IKE_SA_INIT, true) == 1);
	CHECK(p, sim_sent(p.a, IKE_AUTH, false) == 1 && sim_sent(p.b, IKE_AUTH, true) == 1);
	CHECK(p, !p.a->sa[0].sa.encap && p.a->sa[0].sa.sel.proto == 47 && p.a->sa[0].sa.suite.encr == ENCR_AES_GCM_16);
	CHECK(p, p.a->sent[1].src.port == 500 && p.a->sent[1].dst.port == 500);
	CHECK(p, sim_told_n(p.a, IKE_EV_IKE_UP) == 1 && sim_told_n(p.b, IKE_EV_IKE_UP) == 1 &&
	                 sim_told_n(p.a, IKE_EV_PEER_KNOWN) >= 1 && sim_told_n(p.a, IKE_EV_FAILED) == 0);
	TEXT(p, sim_why(p.a), "");
	TEXT(p, sim_why(p.b), "");
	struct ike_counters n;
	ike_counters(p.b->ike, &n);
	CHECK(p,
	      n.packets_in == 2 && n.packets_out == 2 && n.established == 1 && n.half_open == 0 && n.dropped_auth == 0);
	/* 20 ms each way, 1 ms for each question to priv: four flights, path, SPI and signature; verdict, SPI,
	 * installation and signature; verdict and installation. */
	CHECK(p, sim_told_last(p.a, IKE_EV_CHILD_UP)->at == DUR_S(1000) + DUR_MS(4 * 20 + 3 + 4 + 2));
	pair_free(&p);
}

/* With one algorithm of each kind on offer, what the peer sends with its first breath finds its SA. */
static bool first_auth(struct sim *s, struct sim_packet *p)
{
	struct sim_node *a = s->node[0];
	if (p->from == a && p->exchange == IKE_AUTH)
		a->faults += a->n_early != (s->arg ? 0 : 1);
	return true;
}

static void inbound_is_there_before_auth(void **state)
{
	(void)state;
	for (int alternatives = 0; alternatives < 2; alternatives++) {
		struct pair p = pair_new(1);
		p.s->tap = first_auth;
		p.s->arg = alternatives ? p.s : NULL;
		pair_conf(&p, alternatives ? "auto=start\nesp=aes128gcm16-aes256gcm16!" : "auto=start", "");
		pair_start(&p);
		sim_run(p.s, DUR_S(10));
		AGREE(p);
		pair_free(&p);
	}
	/* And goes when the child is refused. */
	struct pair p = pair_run(1, "auto=start", "esp=aes256gcm16!", DUR_S(1));
	CHECK(p, p.a->n_early == 0 && p.a->n_spis == 0 && p.a->faults == 0 && p.a->n_sent >= 2);
	pair_free(&p);
}

static void seed_proposals(void **state)
{
	(void)state;
	static const char *const keys[] = {
		"ike=aes256-sha2_256-modp1024!\nesp=aes-sha2_256!\nauto=start",
		"ike=aes256-sha384-modp2048!\nesp=aes256-sha384!\nauto=start",
		"ike=aes256ctr-sha512-ecp384!\nesp=aes256ctr-sha512!\nauto=start",
		"ike=chacha20poly1305-prfsha512-x448!\nesp=chacha20poly1305!\nauto=start",
		"ike=aes128-sha1-modp1536!\nesp=aes128-sha1!\nauto=start",
		"ike=aes256gcm16-prfsha384-ecp521!\nesp=aes256gcm16!\nauto=start",
		"auto=start\nike=aes128-sha256-x25519\nesp=aes128-sha256", /* and the default proposals */
	};
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		struct pair p = pair_run(i, keys[i], keys[i], DUR_S(10));
		CHECK(p, sim_common(p.a, p.b) >= 1 && p.a->faults == 0);
		pair_free(&p);
	}
}

static void up_and_down_by_command(void **state)
{
	(void)state;
	struct pair p = pair_run(2, "", "", DUR_S(60));
	CHECK(p, p.a->n_sent == 0 && p.b->n_sent == 0 && !ike_wanted(p.a->ike, 1)); /* auto=add: not a packet */
	sim_cmd(p.a, IKE_CMD_UP, 0);
	sim_run(p.s, DUR_S(1));
	AGREE(p);
	sim_cmd(p.a, IKE_CMD_DOWN, 0);
	sim_run(p.s, DUR_S(1));
	CHECK(p, ike_idle(p.a->ike) && ike_idle(p.b->ike) && p.a->n_sas == 0 && p.b->n_sas == 0);
	CHECK(p, p.a->ups == 1 && p.a->downs == 1 && p.b->ups == 1 && p.b->downs == 1);
	CHECK(p, sim_sent_all(p.a) == 3 && sim_sent_all(p.b) == 3);
	TEXT(p, sim_why(p.a), "an administrator took it down (gretel up brings it back)");
	TEXT(p, sim_told_last(p.b, IKE_EV_CHILD_DOWN)->reason, "the peer deleted the tunnel");
	TEXT(p, sim_why(p.b), "the peer deleted the tunnel");
	sim_run(p.s, DUR_S(3600));
	CHECK(p, sim_sent_all(p.a) == 3 && sim_sent_all(p.b) == 3);
	pair_free(&p);
}

/* --- NAT --- */

struct nat_case {
	const char *a, *b; /* public addresses, NULL = none */
	bool ports_a, ports_b;
};

static void nat_run(const struct nat_case *c)
{
	struct pair p = pair_new(3);
	if (c->a)
		sim_behind(p.a, PUBLIC_A, c->ports_a);
	if (c->b)
		sim_behind(p.b, PUBLIC_B, c->ports_b);
	pair_conf(&p, "auto=start\nleftid=@a\nrightid=@b", "leftid=@b\nrightid=@a");
	pair_start(&p);
	sim_run(p.s, DUR_S(59));
	AGREE(p);
	/* RFC 7296 2.23: everything after IKE_SA_INIT goes over port 4500, and who is behind the NAT keeps it open. */
	CHECK(p, p.a->sa[0].sa.encap && sim_sent_all(p.a) == 2 && sim_sent_all(p.b) == 2);
	CHECK(p,
	      p.a->sent[1].dst.port == 4500 && p.a->sa[0].sa.encap_sport == 4500 && p.a->sa[0].sa.encap_dport == 4500);
	CHECK(p, p.b->sa[0].sa.encap_dport == (c->ports_a ? 30002 : 4500));
	CHECK(p, sim_sent(p.a, 0, false) == (c->a ? 2 : 0) && sim_sent(p.b, 0, false) == (c->b ? 2 : 0));
	struct ike_sa_view v;
	uint32_t at = 0;
	CHECK(p, ike_next_sa(p.a->ike, &at, &v) && v.nat_here == (c->a != NULL) && v.nat_there == (c->b != NULL));
	at = 0;
	CHECK(p, ike_next_sa(p.b->ike, &at, &v) && v.nat_here == (c->b != NULL) && v.nat_there == (c->a != NULL));
	pair_free(&p);
}

static void nat_at_either_end_and_both(void **state)
{
	(void)state;
	static const struct nat_case cases[] = {
		{PUBLIC_A, NULL, false, false},     {PUBLIC_A, NULL, true, false},     {NULL, PUBLIC_B, false, false},
		{PUBLIC_A, PUBLIC_B, false, false}, {PUBLIC_A, PUBLIC_B, true, false},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		nat_run(&cases[i]);
}

/* Without leftid, who is behind a NAT 1:1 is known by the address that the peer dialled. */
static void nat_responder_without_leftid(void **state)
{
	(void)state;
	struct pair p = pair_new(4);
	sim_behind(p.b, PUBLIC_B, false);
	pair_conf(&p, "auto=start", "");
	pair_start(&p);
	sim_run(p.s, DUR_S(5));
	AGREE(p);
	struct ike_sa_view v;
	uint32_t at = 0;
	char text[IDENT_TEXT];
	struct sbuf b = SB(text);
	CHECK(p, ike_next_sa(p.b->ike, &at, &v));
	sb_ident(&b, &v.my_id);
	TEXT(p, text, PUBLIC_B);
	pair_free(&p);
}

static void forceencaps(void **state)
{
	(void)state;
	for (int who = 0; who < 2; who++) {
		struct pair p = pair_run(5, who ? "auto=start" : "auto=start\nforceencaps=yes",
		                         who ? "forceencaps=yes" : "", DUR_S(30));
		AGREE(p);
		CHECK(p, p.a->sa[0].sa.encap && p.b->sa[0].sa.encap && p.a->sent[1].dst.port == 4500);
		pair_free(&p);
	}
}

/* The NAT gives another port to the IKE of an established SA: the peer follows, and its ESP with it. */
static void nat_changes_its_mapping(void **state)
{
	(void)state;
	struct pair p = pair_new(6);
	struct sim_nat *nat = sim_behind(p.a, PUBLIC_A, true);
	pair_conf(&p, "auto=start\nleftid=@a\nrightid=@b\ndpdaction=restart\ndpddelay=30", "leftid=@b\nrightid=@a");
	pair_start(&p);
	sim_run(p.s, DUR_S(5));
	AGREE(p);
	CHECK(p, p.b->sa[0].sa.encap_dport == 30002);
	sim_nat_forget(nat);
	sim_run(p.s, DUR_S(60));
	AGREE(p);
	CHECK(p, p.b->sa[0].sa.encap_dport == 30003 && p.b->moves == 1 && p.a->ups == 1);
	/* And the kernel says that ESP alone got another mapping. */
	struct ike_fact f = {
		.type = IKE_FACT_MAPPING,
		.spi = p.b->sa[0].sa.in.spi,
		.remote = {.addr = sim_public(p.a), .port = 40000},
	};
	sim_report(p.b, &f);
	CHECK(p, p.b->sa[0].sa.encap_dport == 40000 && p.b->moves == 2);
	f.remote = (struct endpoint){.addr = p.b->addr, .port = 41000}; /* another address: no mapping of this NAT's */
	sim_report(p.b, &f);
	f.spi ^= 1; /* an SPI of nobody */
	sim_report(p.b, &f);
	CHECK(p, p.b->sa[0].sa.encap_dport == 40000 && p.b->moves == 2);
	/* From now on IKE's mapping says nothing about that of ESP. */
	sim_nat_forget(nat);
	sim_run(p.s, DUR_S(60));
	CHECK(p, hand_sa(p.b, ST_ESTABLISHED)->remote.port == 30004 && p.b->sa[0].sa.encap_dport == 40000 &&
	                 p.b->moves == 2);
	pair_free(&p);
}

/* An authentic request from elsewhere moves nobody but a peer behind a NAT (RFC 7296 2.23), and from behind another one only to another
 * port. Its answer goes to where it came from (2.11). */
static void who_is_followed(void **state)
{
	(void)state;
	static const struct {
		bool nat, nat_here, other_addr, follows;
	} cases[] = {{false, false, false, false}, {false, false, true, false}, {true, false, true, true},
	             {true, false, false, true},   {true, true, false, true},   {true, true, true, true}};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct pair p = pair_new(6);
		if (cases[i].nat)
			sim_behind(p.a, PUBLIC_A, false);
		if (cases[i].nat_here)
			sim_behind(p.b, PUBLIC_B, false);
		pair_conf(&p, "auto=start\nleftid=@a\nrightid=@b", "leftid=@b\nrightid=@a");
		pair_start(&p);
		sim_run(p.s, DUR_S(5));
		AGREE(p);
		struct ike_sa *at_a = hand_sa(p.a, ST_ESTABLISHED), *at_b = hand_sa(p.b, ST_ESTABLISHED);
		struct endpoint was = at_b->remote, from = was;
		struct sk_keys tx = at_a->tx, rx = at_a->rx;
		struct hand ask = {.h = hand_request(at_a, INFORMATIONAL)}, answer;
		from.port++;
		if (cases[i].other_addr)
			assert_true(addr_parse("203.0.113.99", &from.addr));
		CHECK(p, hand_ask_with(p.a, &from, &at_a->remote, &tx, &rx, &ask, &answer));
		CHECK(p, endpoint_eq(&at_b->remote, cases[i].follows ? &from : &was));
		CHECK(p, p.b->moves == cases[i].follows && endpoint_eq(&p.b->sent[p.b->n_sent - 1].dst, &from));
		pair_free(&p);
	}
}

/* --- how it fails, and what is said --- */

struct failure {
	const char *a, *b; /* keywords */
	const char *secret_a, *secret_b;
	const char *why_a, *why_b; /* why_b: a line of its log */
};

static const struct failure failures[] = {
	{"", "", NULL, ": PSK \"other\"", "the peer refused identity 192.0.2.1 with our PSK: one of the two differs",
         "the PSK of '198.51.100.1' - '192.0.2.1' differs: its MAC does not fit any of ours"},
	{"", "", NULL, "@nobody @else : PSK \"secret\"",
         "the peer refused identity 192.0.2.1 with our PSK: one of the two differs",
         "no shared key found for '198.51.100.1' - '192.0.2.1'"},
	{"", "", "@nobody @else : PSK \"secret\"", NULL, "no pre-shared key for '192.0.2.1' and '198.51.100.1'", NULL},
	{"leftid=@a", "", NULL, NULL, "the peer refused identity a with our PSK: one of the two differs",
         "no tunnel is configured for identity 'a' from 192.0.2.1 (rightid)"},
	{"rightid=@x", "leftid=@y", NULL, NULL,
         "the peer refused identity 192.0.2.1 with our PSK: one of the two differs",
         "192.0.2.1 asks for identity 'x', ours is 'y' (leftid)"},
	{"ike=aes256-sha256-modp2048!", "", NULL, NULL,
         "no proposal in common: we offered IKE:AES_CBC_256/HMAC_SHA2_256_128/PRF_HMAC_SHA2_256/MODP_2048",
         "no proposal in common with 192.0.2.1: it offers IKE:AES_CBC_256/HMAC_SHA2_256_128/PRF_HMAC_SHA2_256/MODP_2048"},
	{"esp=aes256-sha256!", "", NULL, NULL,
         "no ESP proposal in common: we offered ESP:AES_CBC_256/HMAC_SHA2_256_128/NO_EXT_SEQ",
         "no ESP proposal in common: the peer offers ESP:AES_CBC_256/HMAC_SHA2_256_128/NO_EXT_SEQ"},
	{"", "leftprotoport=17\nrightprotoport=17", NULL, NULL,
         "the peer refuses the selectors 192.0.2.1, 198.51.100.1 (TS_UNACCEPTABLE): has it type=transport, and gre?",
         "the peer's traffic selectors do not cover this tunnel"},
	{"rightid=%@x", "leftid=@y", NULL, NULL, "the peer is 'y', we expect 'x'", NULL},
};

static void fails(const struct failure *f)
{
	struct pair p = pair_new(7);
	char keys[256];
	struct sbuf b = SB(keys);
	sb_printf(&b, "auto=start\n%s", f->a);
	assert_true(sim_conf(p.a, p.b, keys, f->secret_a));
	assert_true(sim_conf(p.b, p.a, f->b, f->secret_b));
	pair_start(&p);
	sim_run(p.s, DUR_MS(3900)); /* an error in the clear is believed after three seconds */
	TEXT(p, sim_why(p.a), f->why_a);
	CHECK(p, sim_told_last(p.a, IKE_EV_FAILED) && sim_told_last(p.a, IKE_EV_FAILED)->retry);
	TEXT(p, sim_told_last(p.a, IKE_EV_FAILED)->reason, f->why_a);
	CHECK(p, !f->why_b || sim_noted(p.b, f->why_b));
	CHECK(p, p.a->ups == 0 && p.b->ups == p.b->downs && p.a->n_sas == 0 && p.b->n_sas == 0);
	CHECK(p, sim_ikes(p.a, IKE_S_ESTABLISHED) == 0 && sim_ikes(p.b, IKE_S_ESTABLISHED) == 0);
	/* It is tried again for ever, and nothing heaps up. */
	sim_run(p.s, DUR_S(3600));
	CHECK(p, sim_told_n(p.a, IKE_EV_FAILED) > 40 && sim_all_ikes(p.a) <= 1 && sim_all_ikes(p.b) <= 2);
	CHECK(p, p.a->faults == 0 && p.b->faults == 0 && p.a->n_spis <= 1 && p.b->n_spis <= 1 && !p.s->stuck);
	pair_free(&p);
}

static void failures_have_their_texts(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(failures); i++)
		fails(&failures[i]);
}

/* What priv and the kernel refuse. */
static void local_failures(void **state)
{
	(void)state;
	struct pair p = pair_new(8);
	pair_conf(&p, "auto=start", "");
	p.a->fail_path = -ENETUNREACH;
	pair_start(&p);
	sim_run(p.s, DUR_S(1));
	TEXT(p, sim_why(p.a), "no route to the peer");
	CHECK(p, p.a->n_sent == 0);
	p.a->fail_path = 0;
	p.a->fail_spi = -ENOSPC;
	sim_run(p.s, DUR_S(4));
	TEXT(p, sim_why(p.a), "the kernel gives no SPI: No space left on device");
	p.a->fail_spi = 0;
	p.a->fail_install = -ENOMEM;
	sim_run(p.s, DUR_S(8));
	TEXT(p, sim_why(p.a), "the kernel refuses the child SA: Cannot allocate memory");
	p.a->fail_install = 0;
	p.b->fail_install = -EADDRINUSE;
	sim_run(p.s, DUR_S(16));
	TEXT(p, sim_why(p.a), "the peer accepts us, but refuses the child SA with NO_ADDITIONAL_SAS");
	CHECK(p, sim_noted(p.b, "another peer behind the same NAT address holds this tunnel's selectors; it goes on"));
	/* Both ends delete what has no child, and both know why afterwards. */
	sim_run(p.s, DUR_S(1));
	TEXT(p, sim_why(p.b), "another peer behind the same NAT address holds this tunnel's selectors; it goes on");
	TEXT(p, sim_why(p.a), "the peer accepts us, but refuses the child SA with NO_ADDITIONAL_SAS");
	p.b->fail_install = 0;
	p.b->fail_spi = -ENOSPC;
	sim_run(p.s, DUR_S(32));
	CHECK(p, sim_noted(p.b, "the kernel gives no SPI: No space left on device"));
	p.b->fail_spi = 0;
	p.b->fail_sign = -ENOKEY;
	sim_run(p.s, DUR_S(240));
	CHECK(p, sim_noted(p.b, "no pre-shared key to authenticate ourselves with"));
	p.b->fail_sign = 0;
	sim_run(p.s, DUR_S(300));
	AGREE(p);
	pair_free(&p);
}

/* --- COOKIE and INVALID_KE_PAYLOAD --- */

/* One half-open IKE SA at B, from A's address, so that a threshold of one is reached. */
static void half_open(struct pair *p)
{
	struct endpoint src = {.addr = p->a->addr, .port = 501};
	hand_init(p->b, &src, conf_proposals(p->b->conf, conf_tunnel(p->b->conf, 0)->ike), 77, 1, NULL, true);
}

static void cookies(void **state)
{
	(void)state;
	struct pair p = pair_new(9);
	assert_true(sim_conf(p.a, p.b, "auto=start", NULL));
	assert_true(sim_conf_charon(p.b, p.a, "", NULL, "cookie_threshold = 1"));
	assert_true(sim_start(p.b));
	half_open(&p);
	assert_true(sim_start(p.a));
	sim_run(p.s, DUR_S(5));
	CHECK(p, sim_common(p.a, p.b) == 1);
	CHECK(p, sim_sent(p.a, IKE_SA_INIT, false) == 2 && sim_sent(p.b, IKE_SA_INIT, true) == 3 &&
	                 sim_sent_all(p.a) == 3);
	CHECK(p, sim_noted(p.a, "received COOKIE notify, sending it back"));
	CHECK(p, p.a->sent[1].n == p.a->sent[0].n + 8 + 33 && p.b->sent[1].n == 28 + 8 + 33);
	sim_run(p.s, DUR_S(31));
	AGREE(p);
	pair_free(&p);
}

static void invalid_ke(void **state)
{
	(void)state;
	for (int cookie = 0; cookie < 2; cookie++) {
		struct pair p = pair_new(10);
		assert_true(sim_conf(p.a, p.b, "auto=start\nike=aes128gcm16-prfsha256-x25519-ecp256!", NULL));
		assert_true(sim_conf_charon(p.b, p.a, "ike=aes128gcm16-prfsha256-ecp256!", NULL,
		                            cookie ? "cookie_threshold = 1" : ""));
		assert_true(sim_start(p.b));
		if (cookie)
			half_open(&p);
		assert_true(sim_start(p.a));
		sim_run(p.s, DUR_S(5));
		CHECK(p, sim_common(p.a, p.b) == 1);
		CHECK(p, sim_sent(p.a, IKE_SA_INIT, false) == 2u + (unsigned)cookie);
		CHECK(p, sim_noted(p.a, "peer didn't accept DH group, it requested ECP_256"));
		pair_free(&p);
	}
}

static void error_in_the_clear_is_not_believed_at_once(void **state)
{
	(void)state;
	struct pair p = pair_new(11);
	pair_conf(&p, "auto=start", "");
	assert_true(sim_start(p.a));
	sim_run(p.s, DUR_MS(2)); /* B is not there yet, and somebody answers in its place */
	struct ike_sa_view v;
	uint32_t at = 0;
	CHECK(p, ike_next_sa(p.a->ike, &at, &v));
	uint8_t buf[64];
	struct wr w = wr_init(buf, sizeof buf);
	struct ike_enc enc;
	struct ike_hdr h = {.spi_i = v.spi_i, .major = 2, .exchange = IKE_SA_INIT, .flags = IKE_F_RESPONSE};
	ike_enc_begin(&enc, &w, &h);
	ike_enc_notify(&enc, PROTO_NONE, SPAN(NULL, 0), N_NO_PROPOSAL_CHOSEN, SPAN(NULL, 0));
	ike_enc_finish(&enc);
	sim_inject(p.a, &v.remote, &v.local, false, buf, w.len);
	assert_true(sim_start(p.b));
	sim_run(p.s, DUR_S(2));
	AGREE(p); /* RFC 7296 2.21.1: the true answer came in time */
	pair_free(&p);
}

/* --- silence --- */

static bool nothing(struct sim *s, struct sim_packet *p)
{
	(void)s;
	(void)p;
	return false;
}

static bool no_auth(struct sim *s, struct sim_packet *p)
{
	(void)s;
	return p->exchange != IKE_AUTH;
}

/* When each copy of one request goes out, and when it is given up; milliseconds from the first. */
struct patience {
	const char *charon;
	int64_t ms[9], end;
	unsigned n;
};

static const struct patience patience[] = {
	/* 1 s, times 1.8 each, seven times. */
	{NULL, {0, 1000, 2800, 6040, 11872, 22369, 41265, 75277}, 136499, 8},
	/* strongSwan's own: 4 s, five times. */
	{"retransmit_timeout = 4.0\nretransmit_base = 1.8\nretransmit_tries = 5",
         {0, 4000, 11200, 24160, 47488, 89478},
         165061,
         6},
	{"retransmit_timeout = 2.0\nretransmit_base = 2.0\nretransmit_tries = 3\nretransmit_limit = 5",
         {0, 2000, 6000, 11000},
         16000,
         4},
};

static void check_times(struct pair *p, uint8_t exchange, const struct patience *want)
{
	mono_t first = 0;
	unsigned n = 0;
	for (uint32_t i = 0; i < p->a->n_sent; i++) {
		if (p->a->sent[i].exchange != exchange)
			continue;
		if (!first)
			first = p->a->sent[i].at;
		CHECK(*p, n < want->n && dur_to_ms(p->a->sent[i].at - first) == want->ms[n]);
		n++;
	}
	CHECK(*p, n == want->n && dur_to_ms(sim_told_last(p->a, IKE_EV_FAILED)->at - first) == want->end);
}

static void retransmits_into_the_void(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(patience); i++) {
		const struct patience *want = &patience[i];
		struct pair p = pair_new(12);
		p.s->tap = nothing;
		assert_true(sim_conf_charon(p.a, p.b, "auto=start", NULL, want->charon));
		assert_true(sim_start(p.a));
		sim_run(p.s, DUR_S(9));
		TEXT(p, sim_why(p.a), "no answer from 198.51.100.1:500, filtered or down");
		CHECK(p, sim_told_n(p.a, IKE_EV_FAILED) == 1 &&
		                 sim_told_last(p.a, IKE_EV_FAILED)->at == DUR_S(1008) + DUR_MS(1));
		sim_run(p.s, DUR_MS(want->end - 8900));
		check_times(&p, IKE_SA_INIT, want);
		CHECK(p, sim_told_n(p.a, IKE_EV_FAILED) == 2 && sim_all_ikes(p.a) == 0);
		mono_t again = ike_next_try(p.a->ike, 1) - sim_told_last(p.a, IKE_EV_FAILED)->at;
		CHECK(p, again >= DUR_S(2) && again <= DUR_S(2) + DUR_MS(400));
		/* For ever, at most a minute and a fifth between two attempts. */
		p.a->n_sent = 0;
		sim_run(p.s, DUR_S(24 * 3600));
		unsigned tries = p.a->n_sent / want->n;
		CHECK(p, tries >= 86400 / (want->end / 1000 + 73) && tries <= 86400 / (want->end / 1000 + 60) + 3);
		p.s->tap = NULL;
		assert_true(sim_conf(p.b, p.a, "", NULL));
		assert_true(sim_start(p.b));
		sim_run(p.s, DUR_S(240));
		AGREE(p);
		pair_free(&p);
	}
}

static void auth_into_the_void(void **state)
{
	(void)state;
	struct pair p = pair_new(13);
	p.s->tap = no_auth;
	pair_conf(&p, "auto=start", "");
	pair_start(&p);
	sim_run(p.s, DUR_S(9));
	TEXT(p, sim_why(p.a), "198.51.100.1 answers on port 500 but not IKE_AUTH on 500: is UDP 500 open?");
	sim_run(p.s, DUR_S(129));
	check_times(&p, IKE_AUTH, &patience[0]);
	TEXT(p, sim_told_last(p.a, IKE_EV_FAILED)->reason,
	     "198.51.100.1:500 answers no IKE_AUTH: is UDP 500 open, does it let our PSK and identity in?");
	CHECK(p, sim_all_ikes(p.b) == 0 && sim_noted(p.b, "192.0.2.1 began a handshake and did not go on"));
	CHECK(p, p.b->n_sent == 1); /* a responder never sends of itself */
	pair_free(&p);
}

/* An ICMP error is a hint for the reason, and no reason to stop (RFC 7296 2.4). */
static void icmp_is_a_hint(void **state)
{
	(void)state;
	struct pair p = pair_new(14);
	p.s->tap = nothing;
	pair_conf(&p, "auto=start", "");
	pair_start(&p);
	sim_run(p.s, DUR_S(1));
	struct ike_fact f = {
		.type = IKE_FACT_ICMP, .remote = {.addr = p.b->addr, .port = 500}, .text = "port unreachable"};
	sim_report(p.a, &f);
	sim_run(p.s, DUR_MS(2100));
	TEXT(p, sim_why(p.a), "no answer from 198.51.100.1:500: port unreachable");
	p.s->tap = NULL;
	sim_run(p.s, DUR_S(5));
	AGREE(p);
	sim_report(p.a, &f);
	AGREE(p);
	pair_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(establishes_in_four_packets),
		cmocka_unit_test(inbound_is_there_before_auth),
		cmocka_unit_test(seed_proposals),
		cmocka_unit_test(up_and_down_by_command),
		cmocka_unit_test(nat_at_either_end_and_both),
		cmocka_unit_test(nat_responder_without_leftid),
		cmocka_unit_test(forceencaps),
		cmocka_unit_test(nat_changes_its_mapping),
		cmocka_unit_test(who_is_followed),
		cmocka_unit_test(failures_have_their_texts),
		cmocka_unit_test(local_failures),
		cmocka_unit_test(cookies),
		cmocka_unit_test(invalid_ke),
		cmocka_unit_test(error_in_the_clear_is_not_believed_at_once),
		cmocka_unit_test(retransmits_into_the_void),
		cmocka_unit_test(auth_into_the_void),
		cmocka_unit_test(icmp_is_a_hint),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
