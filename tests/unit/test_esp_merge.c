/* esp/: packets of one flow into super-packets, and which are not merged. */
#include "esp_packets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct packet base = {.ttl = 64, .tos = 2, .id = 0xfffe, .df = true, .host = 1, .sport = 4000, .dport = 443,
                                   .seq = 0xfffffa00, .ack = 77, .window = 500, .flags = 0x10, .options = 12, .len = 1400};

static void *get(struct mem *m, size_t size) { (void)m; return calloc(1, size); }
static void *get_none(struct mem *m, size_t size) { (void)m; (void)size; return NULL; }
static void put(struct mem *m, void *p, size_t size) { (void)m; (void)size; free(p); }
static struct mem mem = {.get = get, .put = put};
static struct esp_merge *m;

static int setup(void **state)
{
	(void)state;
	m = esp_merge_new(&mem);
	return m ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	esp_merge_free(&mem, m);
	return 0;
}

static void add(struct batch *b, const struct packet *o)
{
	static uint8_t room[PACKET_MAX];
	size_t n = packet_write(o, room);
	batch_add(b, 5, room, n, true);
}

/* The one that continues it. */
static struct packet after(const struct packet *o)
{
	struct packet n = *o;
	n.seq += o->len;
	n.id++;
	n.fill += o->udp ? o->len : 0;
	return n;
}

/* How many frames the batch becomes, of the same packets. */
static uint32_t frames(struct batch *b)
{
	const char *why = batch_check(b, m);
	if (why)
		fail_msg("%s", why);
	uint32_t n = b->frames;
	batch_free(b);
	return n;
}

static struct packet kind_of(unsigned kind)
{
	struct packet o = base;
	o.v6 = kind & 1;
	o.udp = kind & 2;
	return o;
}

static void test_run(void **state)
{
	(void)state;
	static const uint32_t lens[] = {1, 2, 77, 1000};
	for (unsigned kind = 0; kind < 4; kind++)
		for (size_t l = 0; l < ARRAY_LEN(lens); l++)
			for (unsigned n = 1; n <= ESP_MERGE_PIECES; n++) {
				struct batch b = {0};
				struct packet o = kind_of(kind);
				o.len = lens[l];
				for (unsigned i = 0; i < n; i++, o = after(&o))
					add(&b, &o);
				assert_int_equal(frames(&b), 1);
			}
}

/* The frame itself: what the device is told. */
static void test_frame(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < 4; kind++) {
		uint8_t room[3][2000];
		struct packet o = kind_of(kind);
		size_t n[3];
		for (int i = 0; i < 3; i++, o = after(&o)) {
			if (i == 2)
				o.len = 99, o.flags = 0x19;
			n[i] = packet_write(&o, room[i]);
			assert_true(esp_merge_put(m, 9, room[i], n[i], true));
		}
		const struct esp_frame *f = esp_merge_next(m);
		assert_non_null(f);
		size_t l4 = o.v6 ? IP6_HDR : IP4_HDR, hdr = l4 + (o.udp ? UDP_HDR : TCP_HDR + 12);
		assert_int_equal(f->device, 9);
		assert_int_equal(f->packets, 3);
		assert_int_equal(f->n_v, 3);
		assert_ptr_equal(f->v[0].p, room[0]);
		assert_ptr_equal(f->v[2].p, room[2] + hdr);
		assert_int_equal(f->v[2].n, 99);
		assert_int_equal(f->vnet.gso, o.udp ? ESP_GSO_UDP : o.v6 ? ESP_GSO_TCP6 : ESP_GSO_TCP4);
		assert_true(f->vnet.csum);
		assert_int_equal(f->vnet.hdr_len, hdr);
		assert_int_equal(f->vnet.gso_size, 1400);
		assert_int_equal(f->vnet.csum_start, l4);
		assert_int_equal(f->vnet.csum_offset, o.udp ? 6 : 16);
		assert_int_equal(be16(room[0] + (o.v6 ? 4 : 2)), hdr + 2899 - (o.v6 ? 40 : 0));
		if (!o.v6)
			assert_int_equal(plain_sum(room[0], 20), 0xffff);
		if (!o.udp)
			assert_int_equal(room[0][l4 + 13], 0x19);
		else
			assert_int_equal(be16(room[0] + l4 + 4), 2899 + 8);
		/* completing the checksum, as the host would, gives a whole packet */
		uint8_t whole[5000];
		size_t all = 0;
		for (uint32_t i = 0; i < f->n_v; i++) {
			memcpy(whole + all, f->v[i].p, f->v[i].n);
			all += f->v[i].n;
		}
		assert_int_equal(esp_sum_complete(whole, all, &f->vnet), ESP_DROP_N);
		assert_null(packet_wrong(whole, all));
		assert_null(esp_merge_next(m));
		assert_null(esp_merge_next(m));
	}
}

/* --- What does not continue a run --- */

static void tos(struct packet *o) { o->tos ^= 1; }
static void ttl(struct packet *o) { o->ttl--; }
static void df(struct packet *o) { o->df = !o->df; }
static void id_jump(struct packet *o) { o->id++; }
static void sport(struct packet *o) { o->sport++; }
static void dport(struct packet *o) { o->dport ^= 0x100; }
static void host(struct packet *o) { o->host++; }
static void seq(struct packet *o) { o->seq++; }
static void seq_back(struct packet *o) { o->seq -= o->len; }
static void ack(struct packet *o) { o->ack++; }
static void window(struct packet *o) { o->window++; }
static void longer(struct packet *o) { o->len++; }
static void empty(struct packet *o) { o->len = 0; }
static void syn(struct packet *o) { o->flags |= TCP_SYN; }
static void rst(struct packet *o) { o->flags |= TCP_RST; }
static void urg(struct packet *o) { o->flags |= TCP_URG; }
static void cwr(struct packet *o) { o->flags |= TCP_CWR; }
static void ece(struct packet *o) { o->flags |= 0x40; }
static void options(struct packet *o) { o->options += 4; }
static void extension(struct packet *o) { o->ext = 8; }

static const struct rule { const char *name; void (*change)(struct packet *o); bool v4, v6, udp; } rules[] = {
	{"tos", tos, true, true, true},
	{"ttl", ttl, true, true, true},
	{"df", df, true, false, true},
	{"id", id_jump, true, false, true},
	{"source port", sport, true, true, true},
	{"destination port", dport, true, true, true},
	{"source", host, true, true, true},
	{"a gap", seq, true, true, false},
	{"again", seq_back, true, true, false},
	{"acknowledgment", ack, true, true, false},
	{"window", window, true, true, false},
	{"longer", longer, true, true, true},
	{"empty", empty, true, true, true},
	{"SYN", syn, true, true, false},
	{"RST", rst, true, true, false},
	{"URG", urg, true, true, false},
	{"CWR", cwr, true, true, false},
	{"ECE", ece, true, true, false},
	{"options", options, true, true, false},
	{"extension", extension, true, true, true},
};

static void test_rules(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rules); i++)
		for (unsigned kind = 0; kind < 4; kind++) {
			struct packet a = kind_of(kind), c = after(&a), d;
			struct batch b = {0};
			if (!(a.v6 ? rules[i].v6 : rules[i].v4) || (a.udp && !rules[i].udp))
				continue;
			add(&b, &a);
			rules[i].change(&c);
			add(&b, &c);
			uint32_t n = frames(&b);
			if (n != 2)
				fail_msg("%s, kind %u: %u frames", rules[i].name, kind, n);
			/* all three again, and one that continues the first: it must not go past the second */
			a = kind_of(kind);
			d = after(&a);
			add(&b, &a);
			add(&b, &c);
			add(&b, &d);
			n = frames(&b);
			/* of another flow; or it begins where the third goes on */
			bool two = rules[i].change == host || rules[i].change == sport || rules[i].change == dport || rules[i].change == seq_back ||
			           (a.udp && rules[i].change == longer);
			if (n != (two ? 2u : 3u))
				fail_msg("%s, kind %u, between: %u frames", rules[i].name, kind, n);
		}
}

/* Makes the transport checksum right again. */
static void resum(struct batch_packet *k)
{
	struct esp_vnet v = {0};
	packet_begin_sum(k->p, k->n, &v);
	assert_int_equal(esp_sum_complete(k->p, k->n, &v), ESP_DROP_N);
}

/* Any octet of the headers but checksum and sequence number: the TCP options, the flow label, reserved bits. */
static void test_octets(void **state)
{
	(void)state;
	for (unsigned at = 0; at < IP6_HDR + TCP_HDR + 12; at++) {
		struct packet a = kind_of(1), c = after(&a);
		struct batch b = {0};
		if (at >= IP6_HDR + 16 && at < IP6_HDR + 18)
			continue;
		add(&b, &a);
		add(&b, &c);
		b.v[1].p[at] ^= 0x10;
		if (at > 7)
			resum(&b.v[1]);
		assert_null(batch_check(&b, m));
		assert_int_equal(b.frames, 2);
		batch_free(&b);
	}
}

static void test_ids(void **state)
{
	(void)state;
	static const struct { bool df; uint16_t id[4]; uint32_t frames; } rows[] = {
		{true, {5, 6, 7, 8}, 1}, {false, {5, 6, 7, 8}, 1}, {false, {65534, 65535, 0, 1}, 1},
		{true, {5, 5, 5, 5}, 1}, {true, {0, 0, 0, 0}, 1}, {false, {5, 5, 5, 5}, 4},
		{true, {5, 5, 6, 7}, 2}, {true, {5, 6, 6, 6}, 2}, {true, {5, 6, 8, 9}, 2}, {true, {5, 4, 3, 2}, 4},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct batch b = {0};
		struct packet o = base;
		o.df = rows[i].df;
		for (int k = 0; k < 4; k++, o = after(&o)) {
			o.id = rows[i].id[k];
			add(&b, &o);
		}
		assert_int_equal(frames(&b), rows[i].frames);
	}
}

/* PSH, FIN and a shorter one are the end of a run; the first of them may be no more than itself. */
static void test_ends(void **state)
{
	(void)state;
	for (int end = 0; end < 3; end++)
		for (int at = 0; at < 4; at++) {
			struct batch b = {0};
			struct packet o = base;
			for (int i = 0; i < 4; i++, o = after(&o)) {
				o.flags = i != at ? 0x10 : end == 0 ? 0x18 : end == 1 ? 0x11 : 0x10;
				o.len = i == at && end == 2 ? 1000 : 1400;
				add(&b, &o);
			}
			/* a short first one is a run of its own size, and what follows is longer */
			assert_int_equal(frames(&b), at == 3 ? 1 : 2);
		}
}

/* Whole runs of what begins or ends a connection, or is urgent. */
static void test_flags(void **state)
{
	(void)state;
	for (unsigned flags = 0; flags < 256; flags++) {
		struct batch b = {0};
		struct packet o = base;
		o.flags = (uint8_t)flags;
		for (int i = 0; i < 3; i++, o = after(&o))
			add(&b, &o);
		bool alone = flags & (TCP_SYN | TCP_RST | TCP_URG | TCP_CWR | TCP_FIN | TCP_PSH);
		assert_int_equal(frames(&b), alone ? 3 : 1);
	}
}

/* An empty acknowledgment is alone, and between two runs; those of one direction do not end the other's. */
static void test_acks(void **state)
{
	(void)state;
	struct batch b = {0};
	struct packet o = base, back = base;
	back.host = 9;
	back.len = 0;
	back.options = 0;
	for (int i = 0; i < 6; i++, o = after(&o)) {
		add(&b, &o);
		add(&b, &back);
	}
	assert_int_equal(frames(&b), 7);
	back.udp = true;
	for (int i = 0; i < 6; i++, o = after(&o)) {
		add(&b, &o);
		add(&b, &back);
	}
	assert_int_equal(frames(&b), 7);
	for (int i = 0; i < 6; i++, o = after(&o)) {
		o.len = i == 3 ? 0 : 1400;
		add(&b, &o);
	}
	assert_int_equal(frames(&b), 3);
}

/* A wrong checksum, of either header, in any of them: that packet passes as it came, the others as well. */
static void test_sums(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < 4; kind++)
		for (unsigned wrong = 0; wrong < 3; wrong++)
			for (int ip = 0; ip < 2; ip++) {
				struct batch b = {0};
				struct packet o = kind_of(kind);
				if (ip && o.v6)
					continue;
				for (int i = 0; i < 3; i++, o = after(&o))
					add(&b, &o);
				b.v[wrong].p[ip ? 10 : b.v[wrong].n - 1] ^= 1;
				/* wrong in the middle: three; else the two others are one */
				assert_int_equal(frames(&b), wrong == 1 ? 3 : 2);
			}
	/* UDP without a checksum, which nobody could complete; also where zero happens to be right */
	for (int right = 0; right < 2; right++) {
		struct batch b = {0};
		struct packet o = kind_of(2);
		for (int i = 0; i < 3; i++, o = after(&o)) {
			add(&b, &o);
			uint8_t *p = b.v[i].p, *field = p + IP4_HDR + 6, *last = p + b.v[i].n - 2;
			/* what the field had goes to the end */
			if (right)
				be16_put(last, csum_fold(be16(last) + (uint32_t)be16(field)));
			be16_put(field, 0);
		}
		assert_int_equal(frames(&b), 3);
	}
}

/* A sum of all ones stands for zero, and is right; what is split again would have zero. */
static void test_all_ones(void **state)
{
	(void)state;
	for (int tcp = 0; tcp < 2; tcp++)
		for (int second = 0; second < 2; second++)
			for (int ones = 0; ones < 2; ones++) {
				static uint8_t room[PACKET_MAX];
				const size_t at = tcp ? IP4_HDR + 16 : 10;
				struct batch b = {0};
				struct packet o = base;
				o.len = 100;
				o.df = false;
				for (packet_write(&o, room); be16(room + at) != 0; packet_write(&o, room)) {
					o.ack += (uint32_t)tcp;
					o.id = (uint16_t)(o.id + !tcp);
				}
				if (second) {
					o.seq -= o.len;
					o.id--;
				}
				add(&b, &o);
				o = after(&o);
				add(&b, &o);
				uint8_t *sum = b.v[second].p + at;
				assert_int_equal(be16(sum), 0);
				be16_put(sum, ones ? 0xffff : 0);
				assert_int_equal(frames(&b), ones ? 2 : 1);
			}
}

static void test_flows(void **state)
{
	(void)state;
	for (unsigned flows = 1; flows <= 24; flows++) {
		struct batch b = {0};
		struct packet o[24];
		for (unsigned f = 0; f < flows; f++) {
			o[f] = kind_of(f);
			o[f].sport = (uint16_t)(f * 256);
			o[f].len = 1000 + f;
		}
		for (int i = 0; i < 5; i++)
			for (unsigned f = 0; f < flows; f++) {
				add(&b, &o[f]);
				o[f] = after(&o[f]);
			}
		uint32_t n = frames(&b);
		assert_true(flows <= 16 ? n == flows : n > flows && n <= 5 * flows);
	}
	/* the same flow for two devices, and UDP for one that does not take super-packets */
	struct batch b = {0};
	static uint8_t room[PACKET_MAX];
	struct packet o = base;
	for (int i = 0; i < 4; i++, o = after(&o))
		for (uint32_t device = 1; device <= 2; device++)
			batch_add(&b, device, room, packet_write(&o, room), false);
	assert_int_equal(frames(&b), 2);
	o = kind_of(2);
	for (int i = 0; i < 4; i++, o = after(&o))
		batch_add(&b, 1, room, packet_write(&o, room), false);
	assert_int_equal(frames(&b), 4);
}

/* A run that ends leaves the others open, whichever place it had. */
static void test_close(void **state)
{
	(void)state;
	for (unsigned ends = 0; ends < 5; ends++) {
		struct batch b = {0};
		struct packet o[5];
		for (unsigned f = 0; f < 5; f++) {
			o[f] = base;
			o[f].host = (uint8_t)f;
		}
		for (int i = 0; i < 4; i++)
			for (unsigned f = 0; f < 5; f++) {
				o[f].flags = i == 1 && f == ends ? 0x18 : 0x10;
				add(&b, &o[f]);
				o[f] = after(&o[f]);
			}
		assert_int_equal(frames(&b), 6);
	}
}

/* What is no plain packet of a flow passes as it came, and holds back what might be its flow. */
static void test_strange(void **state)
{
	(void)state;
	static const struct { const char *name; int at; uint8_t value; uint32_t frames; } rows[] = {
		{"fragment", 6, 0x20, 3}, {"later fragment", 7, 5, 3}, {"reserved bit", 6, 0x80, 3}, {"too short by its header", 3, 100, 3},
		{"longer than its octets", 2, 0xff, 3}, {"version", 0, 0x25, 3}, {"options", 0, 0x46, 3}, {"another protocol", 9, 50, 3},
		{"TCP header too short", 32, 0x40, 3}, {"TCP header beyond the end", 32, 0xf0, 3}, {"ICMP", 9, 1, 2}, {"ICMP of version 6", 9, 58, 2},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct batch b = {0};
		struct packet a = base, odd = base, c;
		a.len = odd.len = 10;
		c = after(&a);
		odd.host = 7;
		odd.options = 0;
		add(&b, &a);
		add(&b, &odd);
		add(&b, &c);
		b.v[1].p[rows[i].at] = rows[i].value;
		uint32_t n = frames(&b);
		if (n != rows[i].frames)
			fail_msg("%s: %u frames", rows[i].name, n);
	}
	/* UDP that is shorter or longer than its own header says, down to less than that header */
	struct batch b = {0};
	for (uint32_t cut = 0; cut < 14; cut++) {
		struct packet a = kind_of(2), odd = a, c;
		a.len = odd.len = 10;
		c = after(&a);
		add(&b, &a);
		add(&b, &odd);
		add(&b, &c);
		struct batch_packet *k = &b.v[1];
		uint8_t *p = exact(k->p, k->n - cut);
		free(k->p);
		k->p = p;
		k->n -= cut;
		p[15] ^= 9; /* another source */
		be16_put(p + 2, (uint16_t)k->n);
		if (cut == 0)
			p[IP4_HDR + 5]++;
		assert_int_equal(frames(&b), 3);
	}
	/* octets that are no packet at all */
	for (size_t n = 0; n < 60; n++) {
		uint8_t p[60];
		memset(p, n & 1 ? 0x45 : 0x60, sizeof p);
		if (n)
			batch_add(&b, 1, p, n, true);
	}
	assert_int_equal(frames(&b), 59);
}

static void test_limits(void **state)
{
	(void)state;
	struct batch b = {0};
	struct packet o = base;
	/* pieces */
	o.len = 100;
	for (int i = 0; i < 2 * ESP_MERGE_PIECES + 1; i++, o = after(&o))
		add(&b, &o);
	assert_int_equal(frames(&b), 3);
	/* octets: as many as fit in 65,535 with the first one's headers */
	for (unsigned kind = 0; kind < 2; kind++) {
		o = kind_of(kind);
		o.len = 8000;
		for (int i = 0; i < 9; i++, o = after(&o))
			add(&b, &o);
		assert_int_equal(frames(&b), 2);
		o = kind_of(kind);
		size_t hdr = (kind ? (size_t)IP6_HDR : (size_t)IP4_HDR) + TCP_HDR + 12u;
		o.len = (uint32_t)(ESP_MERGE_OCTETS - hdr + 1) / 2;
		add(&b, &o);
		o = after(&o);
		o.len = (uint32_t)(ESP_MERGE_OCTETS - hdr) - o.len;
		add(&b, &o);
		assert_int_equal(frames(&b), 1);
		o = kind_of(kind);
		o.len = (uint32_t)(ESP_MERGE_OCTETS - hdr) / 2 + 1;
		add(&b, &o);
		o = after(&o);
		o.len = (uint32_t)(ESP_MERGE_OCTETS - hdr) - o.len + 1;
		add(&b, &o);
		assert_int_equal(frames(&b), 2);
	}
	/* packets of a batch; and a full one can be emptied and used again */
	o.len = 1;
	static uint8_t room[ESP_MERGE_PACKETS][256];
	for (int again = 0; again < 2; again++) {
		for (int i = 0; i < ESP_MERGE_PACKETS; i++, o = after(&o))
			assert_true(esp_merge_put(m, 1, room[i], packet_write(&o, room[i]), true));
		assert_false(esp_merge_put(m, 1, room[0], 41, true));
		for (int i = 0; i < ESP_MERGE_PACKETS / ESP_MERGE_PIECES; i++)
			assert_int_equal(esp_merge_next(m)->packets, ESP_MERGE_PIECES);
		assert_null(esp_merge_next(m));
	}
}

static void test_memory(void **state)
{
	(void)state;
	struct mem none = {.get = get_none, .put = put};
	assert_null(esp_merge_new(&none));
	esp_merge_free(&none, NULL);
	size_t before = mem.in_use;
	struct esp_merge *other = esp_merge_new(&mem);
	assert_non_null(other);
	assert_true(mem.in_use > before);
	esp_merge_free(&mem, other);
	assert_int_equal(mem.in_use, before);
}

/* Many flows at random, each with accidents: lost, repeated, changed, cut packets. */
static void test_random(void **state)
{
	(void)state;
	uint64_t seed = 1, merged = 0, all = 0;
	for (int round = 0; round < 300; round++) {
		struct batch b = {0};
		struct packet flow[6];
		for (unsigned f = 0; f < ARRAY_LEN(flow); f++) {
			flow[f] = kind_of(f);
			flow[f].sport = (uint16_t)f;
			flow[f].df = f < 4;
			flow[f].len = 40 + 30 * f;
		}
		while (b.n < 200) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			uint32_t r = (uint32_t)(seed >> 33);
			struct packet *o = &flow[r % 6];
			unsigned accident = r / 6 % 40, change = r / 240;
			for (unsigned run = r % 4; run > 0; run--, *o = after(o))
				add(&b, o);
			struct packet odd = *o;
			if (accident < ARRAY_LEN(rules))
				rules[accident].change(&odd);
			add(&b, &odd);
			if (accident >= 36)
				b.v[b.n - 1].p[change % b.v[b.n - 1].n] ^= (uint8_t)(1u << change % 8);
			if (accident != 35)
				*o = after(accident < 30 ? &odd : o);
			o->flags = 0x10;
			o->len = o->len ? o->len : 50;
		}
		all += b.n;
		const char *why = batch_check(&b, m);
		if (why)
			fail_msg("round %d: %s", round, why);
		merged += b.merged;
		batch_free(&b);
	}
	assert_true(merged > all / 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_run),
		cmocka_unit_test(test_frame),
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_octets),
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_acks),
		cmocka_unit_test(test_sums),
		cmocka_unit_test(test_all_ones),
		cmocka_unit_test(test_flows),
		cmocka_unit_test(test_close),
		cmocka_unit_test(test_strange),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_random),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
