/* XFRM requests against what iproute2 sends for the same (tests/golden/kernel/requests), each algorithm's layout, what
 * is refused, priorities, and answers with lies in their lengths. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test_kernel_util.h"

/* ---- requests ---- */

static struct addr A(const char *s)
{
	struct addr a;
	assert_true(addr_parse(s, &a));
	return a;
}

static struct prefix P(const char *s)
{
	struct prefix p;
	assert_true(prefix_parse(s, &p));
	return p;
}

static void key(struct secret *s, size_t n, uint32_t spi, unsigned salt)
{
	s->len = (uint8_t)n;
	for (size_t i = 0; i < n; i++)
		s->b[i] = (uint8_t)(spi * 7 + i * 13 + salt);
}

static struct child_sa child(void)
{
	struct child_sa sa = {
		.reqid = 1, .local = A("172.19.42.8"), .remote = A("80.251.215.33"), .sel.proto = 47, .replay_window = 32,
		.suite = {.encr = ENCR_AES_CBC, .encr_bits = 128, .integ = AUTH_HMAC_SHA2_256_128},
		.in.spi = 0xc0000a01, .out.spi = 0xc0000b01, .install_policy = true,
	};
	key(&sa.in.encr, 16, sa.in.spi, 1);
	key(&sa.in.integ, 32, sa.in.spi, 2);
	sa.out.encr = sa.in.encr;
	sa.out.integ = sa.in.integ;
	return sa;
}

static struct child_sa child_v6(void)
{
	struct child_sa sa = child();
	sa.reqid = 7;
	sa.local = A("2001:db8:4::8");
	sa.remote = A("2001:db8:3::33");
	sa.suite = (struct suite){.encr = ENCR_AES_GCM_12, .encr_bits = 256, .esn = ESN_YES};
	key(&sa.in.encr, 36, sa.in.spi, 1);
	sa.in.integ.len = 0;
	sa.replay_window = 64;
	sa.mark_out = 5;
	sa.mark_out_mask = 0xff;
	sa.mark_in = 9; /* marks no SA */
	return sa;
}

static void sa_cbc(struct nlw *w)
{
	struct child_sa sa = child();
	sa.encap = true;
	sa.encap_sport = 4501;
	sa.encap_dport = 4500;
	sa.life = (struct lifetime){.soft_s = 2694, .hard_s = 3600};
	assert_int_equal(xfrm_msg_sa(w, XFRM_MSG_NEWSA, &sa, DIR_IN, NULL), 0);
}

static void sa_gcm_esn(struct nlw *w)
{
	struct child_sa sa = child_v6();
	assert_int_equal(xfrm_msg_sa(w, XFRM_MSG_NEWSA, &sa, DIR_IN, NULL), 0);
}

static void sa_ctr_1024(struct nlw *w)
{
	struct child_sa sa = child();
	sa.suite = (struct suite){.encr = ENCR_AES_CTR, .encr_bits = 128, .integ = AUTH_HMAC_SHA1_96};
	key(&sa.in.encr, 20, sa.in.spi, 1);
	sa.in.integ.len = 20;
	sa.replay_window = 1024;
	sa.life = (struct lifetime){.soft_bytes = 1000, .hard_bytes = 2000, .soft_packets = 10, .hard_packets = 20};
	assert_int_equal(xfrm_msg_sa(w, XFRM_MSG_NEWSA, &sa, DIR_IN, NULL), 0);
}

static void sa_delete(struct nlw *w)
{
	struct child_sa sa = child();
	struct sa_id id = xfrm_sa_id(&sa, DIR_IN);
	xfrm_msg_sa_id(w, XFRM_MSG_DELSA, &id);
}

static void sa_get_mark(struct nlw *w)
{
	struct child_sa sa = child();
	struct sa_id id = xfrm_sa_id(&sa, DIR_IN);
	id.mark = 5;
	id.mark_mask = 255;
	xfrm_msg_sa_id(w, XFRM_MSG_GETSA, &id);
}

static void sa_alloc(struct nlw *w)
{
	struct addr local = A("172.19.42.8"), remote = A("80.251.215.33");
	xfrm_msg_alloc_spi(w, &local, &remote, 9, 0xc0000000, 0xcfffffff);
}

static void policy_out_v6(struct nlw *w)
{
	struct child_sa sa = child_v6();
	struct policy p = policy_of_child(&sa, DIR_OUT);
	xfrm_msg_policy(w, XFRM_MSG_UPDPOLICY, &p);
}

static void policy_in(struct nlw *w)
{
	struct child_sa sa = child();
	struct policy p = policy_of_child(&sa, DIR_IN);
	xfrm_msg_policy(w, XFRM_MSG_NEWPOLICY, &p);
}

static void policy_ports(struct nlw *w)
{
	struct child_sa sa = child();
	sa.sel = (struct selector){.proto = 17, .local_port = 4000, .remote_port = 1701};
	struct policy p = policy_of_child(&sa, DIR_IN);
	xfrm_msg_policy(w, XFRM_MSG_NEWPOLICY, &p);
}

static struct policy guard_policy(void)
{
	struct prefix peer = P("80.251.215.33"), all = P("0.0.0.0/0");
	return policy_of_guard(&peer, &all, DIR_IN);
}

static void guard_in(struct nlw *w)
{
	struct policy p = guard_policy();
	xfrm_msg_policy(w, XFRM_MSG_NEWPOLICY, &p);
}

static void guard_get(struct nlw *w)
{
	struct policy p = guard_policy();
	xfrm_msg_policy_id(w, XFRM_MSG_GETPOLICY, &p);
}

static void guard_delete(struct nlw *w)
{
	struct policy p = guard_policy();
	xfrm_msg_policy_id(w, XFRM_MSG_DELPOLICY, &p);
}

static void shunt_fwd(struct nlw *w)
{
	struct prefix local = P("10.1.2.3/8"), remote = P("172.19.42.8/16"); /* host bits are cut */
	struct policy p = policy_of_shunt(&local, &remote, 6, true, DIR_FWD);
	xfrm_msg_policy(w, XFRM_MSG_NEWPOLICY, &p);
}

static void address(struct nlw *w)
{
	struct prefix p = P("10.0.0.2/30");
	struct addr none = addr_any(AF_NONE);
	addr_msg(w, RTM_NEWADDR, 1, &p, &none);
}

static void address_peer(struct nlw *w)
{
	struct prefix p = P("10.0.0.2/32");
	struct addr peer = A("10.9.0.1");
	addr_msg(w, RTM_NEWADDR, 1, &p, &peer);
}

static void route_get(struct nlw *w)
{
	struct addr dst = A("10.2.3.4"), from = A("10.0.0.2");
	route_msg_get(w, &dst, &from);
}

struct request {
	const char *name;
	void (*build)(struct nlw *w);
	size_t body; /* octets of the fixed structure */
};

static const struct request REQUESTS[] = {
	{"sa-cbc", sa_cbc, sizeof(struct xfrm_usersa_info)},
	{"sa-gcm-esn", sa_gcm_esn, sizeof(struct xfrm_usersa_info)},
	{"sa-ctr-1024", sa_ctr_1024, sizeof(struct xfrm_usersa_info)},
	{"sa-delete", sa_delete, sizeof(struct xfrm_usersa_id)},
	{"sa-get-mark", sa_get_mark, sizeof(struct xfrm_usersa_id)},
	{"sa-alloc", sa_alloc, sizeof(struct xfrm_userspi_info)},
	{"policy-out-v6", policy_out_v6, sizeof(struct xfrm_userpolicy_info)},
	{"policy-in", policy_in, sizeof(struct xfrm_userpolicy_info)},
	{"policy-ports", policy_ports, sizeof(struct xfrm_userpolicy_info)},
	{"guard-in", guard_in, sizeof(struct xfrm_userpolicy_info)},
	{"guard-get", guard_get, sizeof(struct xfrm_userpolicy_id)},
	{"guard-delete", guard_delete, sizeof(struct xfrm_userpolicy_id)},
	{"shunt-fwd", shunt_fwd, sizeof(struct xfrm_userpolicy_info)},
	{"addr", address, 8},
	{"addr-peer", address_peer, 8},
	{"route-get", route_get, sizeof(struct rtmsg)},
};

/* The octets under a name in the file of requests. */
static struct span recorded(const char *name)
{
	char path[512], hex[8192] = "", line[512];
	const char *top = getenv("srcdir");
	bool in = false;
	snprintf(path, sizeof path, "%s/tests/golden/kernel/requests", top ? top : ".");
	FILE *f = fopen(path, "r");
	if (!f)
		fail_msg("%s is not there", path);
	while (fgets(line, sizeof line, f)) {
		size_t n = strcspn(line, "\n");
		if (line[0] == '#')
			in = false;
		else if (n == strlen(name) && strncmp(line, name, n) == 0)
			in = true;
		else if (in)
			strncat(hex, line, sizeof hex - strlen(hex) - 1);
	}
	fclose(f);
	if (hex[0] == '\0')
		fail_msg("no request %s", name);
	return kernel_hex(hex);
}

enum { ATTRS_MAX = 16 };

struct parts {
	struct nl_msg m;
	uint8_t body[512];
	struct nl_attr a[ATTRS_MAX];
	size_t n;
};

static void take_apart(struct span s, size_t body, struct parts *out)
{
	struct rd r = rd_init(s.p, s.n);
	memset(out, 0, sizeof *out);
	assert_true(nl_next(&r, &out->m));
	assert_true(rd_done(&r));
	assert_true(nl_body(&out->m, out->body, body));
	while (nl_attr_next(&out->m.body, &out->a[out->n]))
		out->n++;
	assert_true(rd_ok(&out->m.body));
}

static const struct nl_attr *attr_of(const struct parts *p, uint16_t type)
{
	for (size_t i = 0; i < p->n; i++) {
		if (p->a[i].type == type)
			return &p->a[i];
	}
	return NULL;
}

static void check_request(const struct request *q)
{
	struct nlw w;
	struct parts want, got;
	struct span s = recorded(q->name);
	q->build(&w);
	assert_false(w.bad);
	take_apart(s, q->body, &want);
	take_apart(SPAN(w.buf, w.h->nlmsg_len), q->body, &got);
	if (want.m.type == RTM_GETROUTE) /* iproute2 also wants to know the table */
		memset(want.body + offsetof(struct rtmsg, rtm_flags), 0, sizeof(unsigned));
	if (got.m.type != want.m.type || got.m.flags != (want.m.flags & ~NLM_F_ACK) || got.n != want.n ||
	    memcmp(got.body, want.body, q->body) != 0)
		fail_msg("%s: type %u %u flags %x %x, %zu %zu attributes, body %d", q->name, got.m.type, want.m.type,
		         got.m.flags, want.m.flags, got.n, want.n, memcmp(got.body, want.body, q->body));
	for (size_t i = 0; i < want.n; i++) {
		const struct nl_attr *a = attr_of(&got, want.a[i].type);
		size_t n = rd_left(&want.a[i].v);
		/* iproute2 leaves the bitmap out, which the kernel lets pass; strongSwan and we send one of zeroes. */
		bool window = want.a[i].type == XFRMA_REPLAY_ESN_VAL;
		if (!a || (window ? rd_left(&a->v) < n : rd_left(&a->v) != n) || memcmp(a->v.p, want.a[i].v.p, n) != 0)
			fail_msg("%s: attribute %u differs", q->name, want.a[i].type);
	}
	kernel_put(s);
}

static void test_requests(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(REQUESTS); i++)
		check_request(&REQUESTS[i]);
}

/* The octets of an SA that we build are those of one that we read. */
static void test_sa_again(void **state)
{
	struct nlw w;
	struct parts p;
	struct sa_info i;
	struct nl_msg m;
	(void)state;
	sa_cbc(&w);
	take_apart(SPAN(w.buf, w.h->nlmsg_len), sizeof(struct xfrm_usersa_info), &p);
	struct rd r = rd_init(w.buf, w.h->nlmsg_len);
	assert_true(nl_next(&r, &m));
	assert_true(xfrm_parse_sa(&m, &i));
	assert_int_equal(i.id.spi, 0xc0000a01);
	assert_int_equal(i.sport, 4500);
	assert_int_equal(i.dport, 4501);
	assert_int_equal(i.encr.len, 16);
	assert_int_equal(i.integ.len, 32);
	assert_false(i.larval);
	sa_info_wipe(&i);
	assert_int_equal(i.encr.len, 0);
	assert_int_equal(i.integ.len, 0);
}

/* ---- each algorithm, and what is refused ---- */

static int build(const struct suite *s, size_t encr_len, size_t integ_len)
{
	struct nlw w;
	struct child_sa sa = child();
	sa.suite = *s;
	sa.in.encr.len = (uint8_t)encr_len;
	sa.in.integ.len = (uint8_t)integ_len;
	int rc = xfrm_msg_sa(&w, XFRM_MSG_NEWSA, &sa, DIR_IN, NULL);
	assert_false(w.bad);
	return rc;
}

static void test_every_algorithm(void **state)
{
	size_t n, encrs = 0, integs = 0;
	const struct algo *t = algo_table(&n);
	(void)state;
	for (size_t i = 0; i < n; i++) {
		size_t len = (size_t)t[i].key_len + t[i].salt_len;
		if (!(t[i].flags & ALGO_ESP))
			continue;
		if (t[i].type == T_ENCR) {
			bool aead = t[i].flags & ALGO_AEAD;
			struct suite s = {.encr = t[i].id, .encr_bits = t[i].key_bits, .integ = aead ? 0 : AUTH_HMAC_SHA1_96};
			assert_int_equal(build(&s, len, aead ? 0 : 20), 0);
			assert_int_equal(build(&s, len - 1, aead ? 0 : 20), -EINVAL);
			assert_int_equal(build(&s, len + 1, aead ? 0 : 20), -EINVAL);
			encrs++;
		} else if (t[i].type == T_INTEG) {
			struct suite s = {.encr = ENCR_AES_CBC, .encr_bits = 128, .integ = t[i].id};
			assert_int_equal(build(&s, 16, len), 0);
			assert_int_equal(build(&s, 16, len + 1), -EINVAL);
			assert_int_equal(build(&s, 16, 0), -EINVAL);
			integs++;
		}
	}
	assert_true(encrs >= 16);
	assert_true(integs >= 4);
}

static void test_refused(void **state)
{
	struct nlw w;
	struct child_sa sa = child();
	struct suite none = {.encr = ENCR_AES_CBC, .encr_bits = 128}, what = {.encr = 99, .encr_bits = 128};
	(void)state;
	assert_int_equal(build(&none, 16, 0), -EINVAL); /* a cipher without integrity */
	assert_int_equal(build(&what, 16, 0), -EINVAL);
	sa.remote = A("::1");
	assert_int_equal(xfrm_msg_sa(&w, XFRM_MSG_NEWSA, &sa, DIR_OUT, NULL), -EINVAL);
	sa.local = sa.remote = addr_any(AF_NONE);
	assert_int_equal(xfrm_msg_sa(&w, XFRM_MSG_NEWSA, &sa, DIR_OUT, NULL), -EINVAL);
}

/* ---- windows, carrying on ---- */

static struct parts sa_parts(struct nlw *w, const struct child_sa *sa, enum xfrm_dir dir, const struct sa_carry *carry)
{
	struct parts p;
	assert_int_equal(xfrm_msg_sa(w, XFRM_MSG_NEWSA, sa, dir, carry), 0);
	take_apart(SPAN(w->buf, w->h->nlmsg_len), sizeof(struct xfrm_usersa_info), &p);
	return p;
}

static uint8_t window_octet(const struct parts *p)
{
	struct xfrm_usersa_info i;
	memcpy(&i, p->body, sizeof i);
	return i.replay_window;
}

struct window_row {
	uint32_t want;
	bool esn;
	enum xfrm_dir dir;
	uint8_t octet;
	uint32_t bitmap, words; /* of the attribute; 0 = none */
};

static void test_windows(void **state)
{
	static const struct window_row ROWS[] = {
		{0, false, DIR_IN, 0, 0, 0},          {1, false, DIR_IN, 1, 0, 0},
		{32, false, DIR_IN, 32, 0, 0},        {33, false, DIR_IN, 0, 33, 2},
		{4096, false, DIR_IN, 0, 4096, 128},  {100000, false, DIR_IN, 0, 4096, 128},
		{1024, false, DIR_OUT, 0, 0, 0},      {0, true, DIR_IN, 0, 1, 1},
		{32, true, DIR_IN, 0, 32, 1},         {1024, true, DIR_OUT, 0, 1, 1},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
		struct nlw w;
		struct xfrm_replay_state_esn x = {0};
		struct child_sa sa = child();
		sa.replay_window = ROWS[i].want;
		sa.suite.esn = ROWS[i].esn;
		struct parts p = sa_parts(&w, &sa, ROWS[i].dir, NULL);
		const struct nl_attr *a = attr_of(&p, XFRMA_REPLAY_ESN_VAL);
		assert_int_equal(window_octet(&p), ROWS[i].octet);
		assert_int_equal(a != NULL, ROWS[i].bitmap != 0);
		if (a)
			assert_true(nl_get(a, &x, sizeof x));
		assert_int_equal(x.replay_window, ROWS[i].bitmap);
		assert_int_equal(x.bmp_len, ROWS[i].words);
		assert_null(attr_of(&p, XFRMA_REPLAY_VAL));
		assert_null(attr_of(&p, XFRMA_LTIME_VAL));
	}
}

static void test_carry(void **state)
{
	struct nlw w;
	struct child_sa sa = child();
	struct sa_carry c = {.age = {.bytes = 7, .packets = 3, .add_time = 100}, .plain_set = true, .plain = {.oseq = 41}};
	(void)state;
	sa_carry_skip(&c, 256);
	struct parts p = sa_parts(&w, &sa, DIR_OUT, &c);
	struct xfrm_replay_state plain;
	struct xfrm_lifetime_cur age;
	assert_true(nl_get(attr_of(&p, XFRMA_REPLAY_VAL), &plain, sizeof plain));
	assert_int_equal(plain.oseq, 297);
	assert_true(nl_get(attr_of(&p, XFRMA_LTIME_VAL), &age, sizeof age));
	assert_int_equal(age.packets, 3);
	assert_int_equal(age.add_time, 100);
	c.plain.oseq = UINT32_MAX - 5;
	sa_carry_skip(&c, 256);
	assert_int_equal(c.plain.oseq, UINT32_MAX); /* RFC 4303 3.3.3: the counter never cycles */
}

static void test_carry_esn(void **state)
{
	struct nlw w;
	struct child_sa sa = child();
	struct xfrm_replay_state_esn x = {.bmp_len = 1, .oseq = UINT32_MAX - 5, .oseq_hi = 2, .replay_window = 1};
	struct sa_carry c = {.esn_len = sizeof x + 4};
	(void)state;
	sa.suite.esn = ESN_YES;
	memcpy(c.esn, &x, sizeof x);
	c.esn[sizeof x] = 0x55;
	sa_carry_skip(&c, 256);
	struct parts p = sa_parts(&w, &sa, DIR_OUT, &c);
	const struct nl_attr *a = attr_of(&p, XFRMA_REPLAY_ESN_VAL);
	assert_int_equal(rd_left(&a->v), sizeof x + 4);
	assert_true(nl_get(a, &x, sizeof x));
	assert_int_equal(x.oseq, 250);
	assert_int_equal(x.oseq_hi, 3);
	assert_int_equal(a->v.p[sizeof x], 0x55);
	assert_null(attr_of(&p, XFRMA_REPLAY_VAL));
}

/* ---- priorities and kinds ---- */

static void test_priorities(void **state)
{
	struct child_sa sa = child(), sa6 = child_v6();
	struct prefix net = P("10.0.0.0/8"), one = P("10.9.9.9");
	(void)state;
	assert_int_equal(policy_of_child(&sa, DIR_OUT).priority, 366975);
	assert_int_equal(policy_of_child(&sa, DIR_IN).priority, 366975);
	assert_int_equal(policy_of_child(&sa6, DIR_OUT).priority, 268671);
	sa.sel.proto = 0;
	assert_int_equal(policy_of_child(&sa, DIR_OUT).priority, 367231);
	sa.sel = (struct selector){.proto = 17, .local_port = 1701};
	assert_int_equal(policy_of_child(&sa, DIR_OUT).priority, 366911);
	assert_int_equal(policy_of_shunt(&net, &one, 0, true, DIR_OUT).priority, 179519);
	assert_int_equal(policy_of_shunt(&net, &one, 0, false, DIR_OUT).priority, 579519);
	assert_true(policy_of_shunt(&net, &one, 0, false, DIR_OUT).block);
	/* RFC 4301 4.4.1: the guard is asked last. */
	assert_true(guard_policy().priority > 400000 + 200000);
}

static void test_host_bits(void **state)
{
	struct prefix a = P("10.255.255.255/9"), b = P("2001:db8:ffff:ffff::ffff/35"), c = P("255.255.255.255/0");
	struct prefix want_a = P("10.128.0.0/9"), want_b = P("2001:db8:e000::/35");
	(void)state;
	struct policy first = policy_of_shunt(&a, &b, 0, true, DIR_OUT), all = policy_of_shunt(&c, &a, 0, true, DIR_IN);
	assert_memory_equal(&first.src, &want_a, sizeof want_a);
	assert_memory_equal(&first.dst, &want_b, sizeof want_b);
	assert_true(addr_is_any(&all.dst.addr));
	assert_memory_equal(&all.src, &want_a, sizeof want_a);
}

static void test_template(void **state)
{
	struct child_sa sa = child();
	sa.mark_in = 1;
	sa.mark_out = 2;
	(void)state;
	assert_int_equal(policy_of_child(&sa, DIR_OUT).spi, 0xc0000b01);
	assert_int_equal(policy_of_child(&sa, DIR_IN).spi, 0);
	assert_int_equal(policy_of_child(&sa, DIR_IN).mark, 1);
	assert_int_equal(policy_of_child(&sa, DIR_OUT).mark, 2);
	assert_int_equal(xfrm_sa_id(&sa, DIR_IN).mark, 0);
	assert_int_equal(xfrm_sa_id(&sa, DIR_OUT).mark, 2);
}

static void test_guard_is_known(void **state)
{
	struct policy p = guard_policy(), q;
	(void)state;
	assert_true(policy_is_guard(&p));
	q = p, q.priority--;
	assert_false(policy_is_guard(&q));
	q = p, q.proto = 4;
	assert_false(policy_is_guard(&q));
	q = p, q.block = false;
	assert_false(policy_is_guard(&q));
	q = p, q.n_templates = 1;
	assert_false(policy_is_guard(&q));
	q = p, q.mark_mask = 1;
	assert_false(policy_is_guard(&q));
	q = p, q.dir = DIR_FWD;
	assert_false(policy_is_guard(&q));
}

/* ---- answers ---- */

/* A message of one attribute, as the kernel would send it. */
static bool parse_with(uint16_t type, const void *body, size_t n, uint16_t attr, const void *value, size_t value_len)
{
	struct nlw w;
	struct nl_msg m;
	struct sa_info i;
	struct policy p;
	nlw_start(&w, type, 0, body, n);
	nlw_attr(&w, attr, value, value_len);
	assert_false(w.bad);
	struct span s = kernel_copy(SPAN(w.buf, w.h->nlmsg_len));
	struct rd r = rd_init(s.p, s.n);
	assert_true(nl_next(&r, &m));
	bool ok = type == XFRM_MSG_NEWSA ? xfrm_parse_sa(&m, &i) : xfrm_parse_policy(&m, &p);
	kernel_put(s);
	return ok;
}

static const struct xfrm_usersa_info SA = {.family = AF_INET, .id.proto = IPPROTO_ESP};

static bool sa_with(uint16_t attr, const void *value, size_t n)
{
	return parse_with(XFRM_MSG_NEWSA, &SA, sizeof SA, attr, value, n);
}

static void test_key_length_lies(void **state)
{
	union { struct xfrm_algo head; uint8_t room[sizeof(struct xfrm_algo) + 16]; } x = {.head.alg_key_len = 128};
	(void)state;
	assert_true(sa_with(XFRMA_ALG_CRYPT, &x, sizeof x));
	x.head.alg_key_len = 129;
	assert_false(sa_with(XFRMA_ALG_CRYPT, &x, sizeof x));
	x.head.alg_key_len = UINT32_MAX;
	assert_false(sa_with(XFRMA_ALG_CRYPT, &x, sizeof x));
	x.head.alg_key_len = UINT32_MAX - 7;
	assert_false(sa_with(XFRMA_ALG_AUTH_TRUNC, &x, sizeof x));
	x.head.alg_key_len = SECRET_MAX * 8 + 1;
	assert_false(sa_with(XFRMA_ALG_AEAD, &x, sizeof x));
	x.head.alg_key_len = 0;
	assert_true(sa_with(XFRMA_ALG_CRYPT, &x, sizeof x));
	assert_false(sa_with(XFRMA_ALG_CRYPT, &x, sizeof x.head - 1));
	assert_false(sa_with(XFRMA_ALG_AEAD, &x, sizeof x.head));
	assert_false(sa_with(XFRMA_ALG_AUTH_TRUNC, &x, 0));
}

static void test_replay_length_lies(void **state)
{
	union {
		struct xfrm_replay_state_esn head;
		uint8_t room[sizeof(struct xfrm_replay_state_esn) + REPLAY_MAX / 8 + 4];
	} x = {.head = {.bmp_len = 2}};
	(void)state;
	size_t n = sizeof x.head + 8;
	assert_true(sa_with(XFRMA_REPLAY_ESN_VAL, &x, n));
	assert_false(sa_with(XFRMA_REPLAY_ESN_VAL, &x, n - 1));
	assert_false(sa_with(XFRMA_REPLAY_ESN_VAL, &x, n + 4));
	x.head.replay_window = 64;
	assert_true(sa_with(XFRMA_REPLAY_ESN_VAL, &x, n));
	x.head.replay_window = 65;
	assert_false(sa_with(XFRMA_REPLAY_ESN_VAL, &x, n));
	x.head.bmp_len = 0x40000002; /* times four it is 8 again */
	assert_false(sa_with(XFRMA_REPLAY_ESN_VAL, &x, n));
	x.head.bmp_len = REPLAY_MAX / 32 + 1;
	assert_false(sa_with(XFRMA_REPLAY_ESN_VAL, &x, sizeof x));
	x.head.bmp_len = REPLAY_MAX / 32;
	x.head.replay_window = REPLAY_MAX;
	assert_true(sa_with(XFRMA_REPLAY_ESN_VAL, &x, sizeof x - 4));
	assert_false(sa_with(XFRMA_REPLAY_ESN_VAL, &x, sizeof x.head - 4));
}

static void test_short_attributes(void **state)
{
	static const uint8_t zero[64];
	(void)state;
	assert_false(sa_with(XFRMA_ENCAP, zero, sizeof(struct xfrm_encap_tmpl) - 4));
	assert_false(sa_with(XFRMA_MARK, zero, 4));
	assert_false(sa_with(XFRMA_REPLAY_VAL, zero, 8));
	assert_false(sa_with(XFRMA_LASTUSED, zero, 4));
	assert_true(sa_with(XFRMA_LASTUSED, zero, 8));
	assert_true(sa_with(4711, zero, 8)); /* what a newer kernel tells */
}

static void test_policy_lies(void **state)
{
	struct xfrm_userpolicy_info i = {.sel.family = AF_INET, .dir = DIR_IN};
	struct xfrm_user_tmpl t[7] = {0};
	struct xfrm_userpolicy_type sub = {.type = XFRM_POLICY_TYPE_SUB};
	uint32_t if_id = 1;
	(void)state;
	assert_true(parse_with(XFRM_MSG_NEWPOLICY, &i, sizeof i, XFRMA_TMPL, t, sizeof t[0] * 6));
	assert_false(parse_with(XFRM_MSG_NEWPOLICY, &i, sizeof i, XFRMA_TMPL, t, sizeof t));
	assert_false(parse_with(XFRM_MSG_NEWPOLICY, &i, sizeof i, XFRMA_TMPL, t, sizeof t[0] - 4));
	assert_false(parse_with(XFRM_MSG_NEWPOLICY, &i, sizeof i, XFRMA_POLICY_TYPE, &sub, sizeof sub));
	assert_false(parse_with(XFRM_MSG_NEWPOLICY, &i, sizeof i, XFRMA_IF_ID, &if_id, 4));
	assert_false(parse_with(XFRM_MSG_NEWPOLICY, &i, sizeof i, XFRMA_MARK, &if_id, 4));
	i.sel.prefixlen_s = 33;
	assert_false(parse_with(XFRM_MSG_NEWPOLICY, &i, sizeof i, XFRMA_TMPL, t, 0));
	i.sel.family = AF_INET6;
	assert_true(parse_with(XFRM_MSG_NEWPOLICY, &i, sizeof i, XFRMA_TMPL, t, 0));
	i.sel.family = 0;
	assert_false(parse_with(XFRM_MSG_NEWPOLICY, &i, sizeof i, XFRMA_TMPL, t, 0));
	i.sel.family = AF_INET;
	i.sel.prefixlen_s = 0;
	i.dir = 3; /* a socket's */
	assert_false(parse_with(XFRM_MSG_NEWPOLICY, &i, sizeof i, XFRMA_TMPL, t, 0));
}

static bool event_of(uint16_t type, const void *body, size_t n, struct kernel_event *e)
{
	struct nlw w;
	struct nl_msg m;
	nlw_start(&w, type, 0, body, n);
	struct span s = kernel_copy(SPAN(w.buf, w.h->nlmsg_len));
	struct rd r = rd_init(s.p, s.n);
	assert_true(nl_next(&r, &m));
	bool ok = xfrm_parse_event(&m, e);
	kernel_put(s);
	return ok;
}

static void test_mapping(void **state)
{
	struct xfrm_user_mapping x = {.new_sport = htons(6000), .old_sport = htons(4500), .reqid = 1};
	struct kernel_event e;
	struct addr us = A("80.251.215.33"), nat = A("121.43.117.81");
	(void)state;
	x.id.family = AF_INET;
	x.id.proto = IPPROTO_ESP;
	x.id.spi = htonl(0xc0000b01);
	xfrm_put_addr(&x.id.daddr, &us);
	xfrm_put_addr(&x.new_saddr, &nat);
	assert_true(event_of(XFRM_MSG_MAPPING, &x, sizeof x, &e));
	assert_int_equal(e.type, KERNEL_MAPPING);
	assert_int_equal(e.spi, 0xc0000b01);
	assert_int_equal(e.source.port, 6000);
	assert_true(addr_eq(&e.source.addr, &nat));
	assert_true(addr_eq(&e.addr, &us));
	assert_false(event_of(XFRM_MSG_MAPPING, &x, sizeof x - 4, &e));
	assert_false(event_of(XFRM_MSG_NEWSA, &x, sizeof x, &e));
	x.id.proto = IPPROTO_AH;
	assert_false(event_of(XFRM_MSG_MAPPING, &x, sizeof x, &e));
	x.id.proto = IPPROTO_ESP;
	x.id.family = 77;
	assert_false(event_of(XFRM_MSG_MAPPING, &x, sizeof x, &e));
}

/* A packet met a policy without an SA: whose is known by the number in its template. */
static void test_acquire(void **state)
{
	struct message { struct xfrm_user_acquire x; struct nlattr a; struct xfrm_user_tmpl t; } m;
	enum { N = offsetof(struct message, t) + sizeof m.t };
	struct kernel_event e;
	struct addr here = A("10.0.0.2"), there = A("80.251.215.33");
	(void)state;
	memset(&m, 0, sizeof m);
	m.x.id.proto = IPPROTO_ESP;
	m.x.sel.family = AF_INET;
	xfrm_put_addr(&m.x.id.daddr, &there);
	xfrm_put_addr(&m.x.saddr, &here);
	m.a = (struct nlattr){.nla_len = sizeof m.a + sizeof m.t, .nla_type = XFRMA_TMPL};
	m.t.reqid = 7;
	assert_true(event_of(XFRM_MSG_ACQUIRE, &m, N, &e));
	assert_int_equal(e.type, KERNEL_ACQUIRE);
	assert_int_equal(e.reqid, 7);
	assert_true(addr_eq(&e.addr, &there) && addr_eq(&e.source.addr, &here));
	assert_false(event_of(XFRM_MSG_ACQUIRE, &m.x, sizeof m.x, &e)); /* no template */
	assert_false(event_of(XFRM_MSG_ACQUIRE, &m.x, sizeof m.x - 4, &e));
	m.t.reqid = 0;
	assert_false(event_of(XFRM_MSG_ACQUIRE, &m, N, &e));
	m.t.reqid = 7;
	m.x.id.proto = IPPROTO_AH;
	assert_false(event_of(XFRM_MSG_ACQUIRE, &m, N, &e));
}

/* The trap has the place of the child's policy, and is one worse than that. */
static void test_trap(void **state)
{
	struct child_sa sa = {.reqid = 7, .local = A("10.0.0.2"), .remote = A("80.251.215.33"), .sel.proto = 47};
	struct nlw w;
	struct nl_msg m;
	struct policy p;
	(void)state;
	sa.out.spi = 0xc1c1c1c1;
	struct policy child = policy_of_child(&sa, DIR_OUT), trap = policy_of_trap(&sa);
	xfrm_msg_policy(&w, XFRM_MSG_NEWPOLICY, &trap);
	struct span s = kernel_copy(SPAN(w.buf, w.h->nlmsg_len));
	struct rd r = rd_init(s.p, s.n);
	assert_true(nl_next(&r, &m) && xfrm_parse_policy(&m, &p));
	assert_int_equal(p.dir, DIR_OUT);
	assert_int_equal(p.n_templates, 1);
	assert_int_equal(p.spi, 0);
	assert_int_equal(p.reqid, 7);
	assert_int_equal(p.priority, 366976);
	assert_int_equal(child.priority, 366975);
	assert_false(p.block || policy_is_guard(&p));
	assert_true(addr_eq(&p.dst.addr, &sa.remote) && p.dst.len == 32 && addr_eq(&p.src.addr, &sa.local) && p.proto == 47);
	kernel_put(s);
}

int main(void)
{
	if (__BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__)
		return 77;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests),         cmocka_unit_test(test_sa_again),
		cmocka_unit_test(test_every_algorithm),  cmocka_unit_test(test_refused),
		cmocka_unit_test(test_windows),          cmocka_unit_test(test_carry),
		cmocka_unit_test(test_carry_esn),        cmocka_unit_test(test_priorities),
		cmocka_unit_test(test_template),         cmocka_unit_test(test_guard_is_known),
		cmocka_unit_test(test_key_length_lies),  cmocka_unit_test(test_replay_length_lies),
		cmocka_unit_test(test_short_attributes), cmocka_unit_test(test_policy_lies),
		cmocka_unit_test(test_acquire),           cmocka_unit_test(test_trap),
		cmocka_unit_test(test_mapping),           cmocka_unit_test(test_host_bits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
