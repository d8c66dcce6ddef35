/* Traffic selectors of transport mode (RFC 7296 2.9, 2.23.1): what covers, what is narrowed, what a NAT changes. */
#include "../sim/hand.h"
#include "../sim/pair.h"

static struct addr addr(const char *s)
{
	struct addr a;
	assert_true(addr_parse(s, &a));
	return a;
}

static struct ike_ts ts(uint8_t proto, uint16_t lo, uint16_t hi, const char *from, const char *to)
{
	return (struct ike_ts){.proto = proto, .port_lo = lo, .port_hi = hi, .lo = addr(from), .hi = addr(to)};
}

#define A "192.0.2.1"
#define B "198.51.100.1"
#define NAT "203.0.113.1"

struct narrow_case {
	struct {
		uint8_t proto;
		uint16_t lo, hi;
		const char *from, *to;
	} i, r; /* as the peer, who begins, sends them */
	bool nat_here, nat_there;
	uint8_t proto;
	uint16_t port; /* of both ends of ours */
	bool ok;
};

static const struct narrow_case narrow[] = {
	{{47, 0, 65535, A, A}, {47, 0, 65535, B, B}, false, false, 47, 0, true},
	{{0, 0, 65535, A, A}, {0, 0, 65535, B, B}, false, false, 47, 0, true}, /* wider: narrowed */
	{{0, 0, 65535, "0.0.0.0", "255.255.255.255"},
         {0, 0, 65535, "0.0.0.0", "255.255.255.255"},
         false,
         false,
         47,
         0,
         true},
	{{47, 0, 65535, "192.0.2.0", "192.0.2.255"}, {47, 0, 65535, B, B}, false, false, 47, 0, true},
	{{47, 0, 65535, "192.0.2.2", "192.0.2.255"}, {47, 0, 65535, B, B}, false, false, 47, 0, false}, /* without A */
	{{47, 0, 65535, "192.0.1.0", "192.0.2.0"}, {47, 0, 65535, B, B}, false, false, 47, 0, false},
	{{47, 0, 65535, A, A}, {47, 0, 65535, A, A}, false, false, 47, 0, false},
	{{47, 0, 65535, B, B}, {47, 0, 65535, A, A}, false, false, 47, 0, false}, /* the wrong way round */
	{{17, 0, 65535, A, A}, {47, 0, 65535, B, B}, false, false, 47, 0, false},
	{{47, 0, 65535, A, A}, {17, 0, 65535, B, B}, false, false, 47, 0, false},
	{{47, 0, 65535, A, A},
         {47, 0, 65535, B, B},
         false,
         false,
         0,
         0,
         false}, /* ours is all, theirs GRE: never wider */
	{{0, 0, 65535, A, A}, {0, 0, 65535, B, B}, false, false, 0, 0, true},
	{{47, 5, 5, A, A}, {47, 0, 65535, B, B}, false, false, 47, 0, false}, /* ports narrower than ours */
	{{47, 0, 65534, A, A}, {47, 0, 65535, B, B}, false, false, 47, 0, false},
	{{47, 1, 65535, A, A}, {47, 0, 65535, B, B}, false, false, 47, 0, false},
	{{17, 1701, 1701, A, A}, {17, 1701, 1701, B, B}, false, false, 17, 1701, true},
	{{17, 0, 65535, A, A}, {17, 1000, 1701, B, B}, false, false, 17, 1701, true},
	{{17, 1702, 65535, A, A}, {17, 0, 65535, B, B}, false, false, 17, 1701, false},
	{{17, 0, 65535, A, A}, {17, 0, 1700, B, B}, false, false, 17, 1701, false},
	{{47, 65535, 0, A, A}, {47, 65535, 0, B, B}, false, false, 47, 0, false}, /* OPAQUE */
	/* 2.23.1: A is behind a NAT and knows itself as 10.0.0.1; B dialled as NAT and known to itself as B. */
	{{47, 0, 65535, "10.0.0.1", "10.0.0.1"}, {47, 0, 65535, B, B}, false, true, 47, 0, true},
	{{47, 0, 65535, "10.0.0.1", "10.0.0.1"}, {47, 0, 65535, B, B}, false, false, 47, 0, false},
	{{47, 0, 65535, A, A}, {47, 0, 65535, NAT, NAT}, true, false, 47, 0, true},
	{{47, 0, 65535, A, A}, {47, 0, 65535, NAT, NAT}, false, true, 47, 0, false}, /* the NAT is at the other end */
	{{47, 0, 65535, "10.0.0.1", "10.0.0.1"}, {47, 0, 65535, NAT, NAT}, true, true, 47, 0, true},
	{{47, 0, 65535, "10.0.0.1", "10.0.0.9"}, {47, 0, 65535, B, B}, false, true, 47, 0, false}, /* not one host */
	{{17, 0, 65535, "10.0.0.1", "10.0.0.1"}, {17, 0, 65535, B, B}, false, true, 47, 0, false},
	{{47, 0, 65535, "2001:db8::1", "2001:db8::1"},
         {47, 0, 65535, B, B},
         false,
         true,
         47,
         0,
         false}, /* another family */
	{{47, 0, 65535, "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
         {47, 0, 65535, B, B},
         false,
         false,
         47,
         0,
         false},
};

static void narrowing(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(narrow); i++) {
		const struct narrow_case *c = &narrow[i];
		struct ike_sa sa = {.nat_here = c->nat_here, .nat_there = c->nat_there};
		struct tunnel_conf t = {.local = {.proto = c->proto, .port = c->port},
		                        .remote = {.proto = c->proto, .port = c->port}};
		struct ike_ts_list tsi = {.n = 1, .v = {ts(c->i.proto, c->i.lo, c->i.hi, c->i.from, c->i.to)}};
		struct ike_ts_list tsr = {.n = 1, .v = {ts(c->r.proto, c->r.lo, c->r.hi, c->r.from, c->r.to)}};
		struct selector sel;
		sa.local.addr = addr(B);
		sa.remote.addr = addr(A);
		if (ts_narrow(&sa, &t, &tsi, &tsr, &sel) != c->ok)
			fail_msg("case %zu should be %s", i, c->ok ? "taken" : "refused");
		if (c->ok)
			assert_true(sel.proto == c->proto && sel.local_port == c->port && sel.remote_port == c->port);
		/* One selector of several is enough, at any place; none is not. */
		tsi.n = tsr.n = 3;
		tsi.v[2] = tsi.v[0];
		tsr.v[1] = tsr.v[0];
		tsi.v[0] = tsi.v[1] = tsr.v[0] = tsr.v[2] = ts(1, 0, 65535, "1.1.1.1", "1.1.1.1");
		assert_int_equal(ts_narrow(&sa, &t, &tsi, &tsr, &sel), c->ok);
		tsi.n = 0;
		assert_false(ts_narrow(&sa, &t, &tsi, &tsr, &sel));
	}
}

/* What we offer, and what may come back. */
static void offering_and_accepting(void **state)
{
	(void)state;
	struct tunnel_conf t = {.local = {.proto = 47}};
	struct ike_sa sa = {.initiator = true}; /* wherever it is by now */
	struct child_sa p = {.local = addr(A), .remote = addr(B)};
	struct ike_ts_list tsi, tsr;
	struct selector sel;
	ts_ours(&t, &p.local, &p.remote, &tsi, &tsr);
	assert_true(tsi.n == 1 && tsr.n == 1 && tsi.v[0].proto == 47 && tsr.v[0].proto == 47);
	assert_true(addr_eq(&tsi.v[0].lo, &p.local) && addr_eq(&tsi.v[0].hi, &p.local) &&
	            addr_eq(&tsr.v[0].lo, &p.remote) && tsi.v[0].port_lo == 0 && tsi.v[0].port_hi == 65535);
	assert_true(ts_accept(&sa, &p, &t, &tsi, &tsr, &sel) && sel.proto == 47);
	/* RFC 7296 2.9: the answer may be less than the question, not more, and not something else. */
	struct ike_ts_list x = tsi;
	x.v[0].proto = 0;
	assert_false(ts_accept(&sa, &p, &t, &x, &tsr, &sel));
	x.v[0].proto = 17;
	assert_false(ts_accept(&sa, &p, &t, &x, &tsr, &sel));
	x = tsr;
	x.v[0].proto = 0;
	assert_false(ts_accept(&sa, &p, &t, &tsi, &x, &sel));
	x = tsi;
	x.v[x.n++] = ts(17, 0, 65535, A, A); /* GRE, and something on top */
	assert_false(ts_accept(&sa, &p, &t, &x, &tsr, &sel));
	x = tsi;
	x.v[0].lo = x.v[0].hi = addr("192.0.2.9");
	assert_false(ts_accept(&sa, &p, &t, &x, &tsr, &sel));
	assert_false(ts_accept(&sa, &p, &t, &tsr, &tsi, &sel));
	/* Behind a NAT the answer may name us as the peer sees us (2.23.1). */
	sa.nat_here = true;
	assert_true(ts_accept(&sa, &p, &t, &x, &tsr, &sel));
	sa.nat_here = false;
	sa.nat_there = true;
	x = tsr;
	x.v[0].lo = x.v[0].hi = addr("10.0.0.1");
	assert_true(ts_accept(&sa, &p, &t, &tsi, &x, &sel));
	assert_false(ts_accept(&sa, &p, &t, &x, &tsr, &sel));
	/* The protocol may stand on either side of the configuration. */
	t = (struct tunnel_conf){.remote = {.proto = 47, .port = 9}};
	ts_ours(&t, &p.local, &p.remote, &tsi, &tsr);
	assert_true(tsi.v[0].proto == 47 && tsr.v[0].proto == 47 && tsr.v[0].port_lo == 9 && tsr.v[0].port_hi == 9 &&
	            tsi.v[0].port_lo == 0);
}

static void replying(void **state)
{
	(void)state;
	struct child_sa p = {.local = addr(B), .remote = addr(A), .sel = {.proto = 17, .local_port = 1, .remote_port = 2}};
	struct ike_ts_list tsi, tsr;
	ts_reply(&p, true, &tsi, &tsr);
	assert_true(tsi.n == 1 && addr_eq(&tsi.v[0].lo, &p.remote) && tsi.v[0].port_lo == 2 && tsi.v[0].port_hi == 2);
	assert_true(tsr.n == 1 && addr_eq(&tsr.v[0].hi, &p.local) && tsr.v[0].port_lo == 1 && tsr.v[0].proto == 17);
	ts_reply(&p, false, &tsi, &tsr);
	assert_true(addr_eq(&tsi.v[0].lo, &p.local) && addr_eq(&tsr.v[0].lo, &p.remote));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(narrowing),
		cmocka_unit_test(offering_and_accepting),
		cmocka_unit_test(replying),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
