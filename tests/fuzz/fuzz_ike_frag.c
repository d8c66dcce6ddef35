/* Fragments (RFC 7383) at an engine with a living IKE SA: authentic ones with whatever numbers, sizes, order and message IDs the input
 * asks for, forged ones, and time. Whatever comes: what is held stays below its limits and is gone when it is quiet, and the SA
 * answers its peer afterwards. */
#include "fuzz.h"

#include "../sim/hand.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE_MAX = 4096, PIECES_MAX = 400, HELD_MOST = 32768 + 65536 };

struct world {
	struct sim *s;
	struct sim_node *a, *b;
};

static void broken(struct world *w, const char *what)
{
	sim_dump(w->s);
	fprintf(stderr, "fuzz_ike_frag: %s\n", what);
	abort();
}

static void begin(struct world *w)
{
	w->s = sim_new(1);
	w->a = sim_host(w->s, "a", "192.0.2.1");
	w->b = sim_host(w->s, "b", "198.51.100.1");
	if (!sim_conf(w->a, w->b, "auto=start", NULL) || !sim_conf(w->b, w->a, "", NULL) || !sim_start(w->b) || !sim_start(w->a))
		broken(w, "the world does not begin");
	sim_run(w->s, DUR_S(1));
	if (!sim_agree(w->a, w->b))
		broken(w, "no tunnel to begin with");
}

static void look(struct world *w)
{
	struct ike_sa *sa = hand_sa(w->b, ST_ESTABLISHED);
	if (w->b->ike->frags_held > HELD_MOST)
		broken(w, "too much is held");
	for (int i = 0; sa && i < 2; i++) {
		const struct frag_queue *q = sa->frags[i];
		size_t sum = 0;
		for (size_t k = 0; q && k < FRAGS_MAX; k++) {
			if (q->piece[k].n && !(q->have & 1ull << k))
				broken(w, "a piece that is not there");
			sum += q->piece[k].n;
		}
		if (q && (sum != q->size || q->total == 0 || q->total > FRAGS_MAX || q->size > HELD_MOST ||
		          q->have == UINT64_MAX >> (FRAGS_MAX - q->total)))
			broken(w, "a queue whose books are wrong");
	}
}

/* One fragment: what it is called, how long it is, what stands in it, which bit of it is turned. */
static void throw(struct world *w, struct rd *rd)
{
	static uint8_t plain[PIECE_MAX];
	uint8_t out[HAND_MAX + 256], how = rd_u8(rd);
	struct ike_sa *sa = hand_sa(w->a, ST_ESTABLISHED), *peer = hand_sa(w->b, ST_ESTABLISHED);
	if (!sa || !peer)
		return;
	struct ike_hdr h = hand_request(sa, (uint8_t)(IKE_AUTH + rd_u8(rd) % 3));
	h.msg_id = peer->rx_id + (how & 3 ? 0 : rd_u8(rd) % 4u - 1u);
	if (how & 4) {
		h.flags |= IKE_F_RESPONSE;
		h.msg_id = peer->tx_id;
	}
	uint16_t total = (uint16_t)(1 + rd_u8(rd) % 72), number = (uint16_t)(1 + rd_u8(rd) % total);
	size_t n = how & 8 ? rd_u16(rd) % PIECE_MAX : rd_u8(rd) % 64u;
	for (size_t i = 0; i < min_z(n, 16); i++)
		plain[i] = rd_u8(rd);
	size_t len = hand_seal_skf(w->s, &sa->tx, &h, rd_u8(rd) % 8 ? P_N : P_D, number, total, SPAN(plain, n), out);
	if ((how & 0x30) == 0x30)
		out[rd_u16(rd) % len] ^= (uint8_t)(1u << rd_u8(rd) % 8);
	sim_inject(w->b, &sa->local, &sa->remote, false, out, len);
	sim_run(w->s, how & 0x40 ? DUR_MS(rd_u8(rd) * 100u) : DUR_MS(1));
	look(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world w;
	struct rd rd = rd_init(data, size);
	begin(&w);
	for (unsigned i = 0; i < PIECES_MAX && rd_left(&rd); i++)
		throw(&w, &rd);
	sim_run(w.s, DUR_S(20));
	if (w.b->ike->frags_held != 0)
		broken(&w, "something is held for ever");
	/* A may have been asked by its peer to end it; what lives must work. */
	sim_cmd(w.b, IKE_CMD_DOWN, 0);
	sim_cmd(w.a, IKE_CMD_DOWN, 0);
	sim_run(w.s, DUR_S(200));
	if (!ike_idle(w.b->ike) || w.b->n_sas || w.a->n_sas)
		broken(&w, "something is left");
	sim_cmd(w.b, IKE_CMD_UP, 0);
	sim_cmd(w.a, IKE_CMD_UP, 0);
	sim_run(w.s, DUR_S(60));
	if (!sim_agree(w.a, w.b))
		broken(&w, "no tunnel any more");
	sim_stop(w.a);
	sim_stop(w.b);
	if (w.a->mem.blocks || w.b->mem.blocks)
		broken(&w, "memory is left");
	sim_free(w.s);
	return 0;
}
