/* One BFD session: intervals, Poll Sequences, what is sent and what a packet changes (RFC 5880 6.8). */
#include "bfd/bfd_int.h"

enum { SLOW_US = 1000000 }; /* RFC 5880 6.8.3: not faster than once a second until up */

static uint32_t max_u32(uint32_t a, uint32_t b) { return a > b ? a : b; }
static dur_t us(uint32_t n) { return DUR_NS((int64_t)n * 1000); }

dur_t session_interval(const struct session *s)
{
	/* RFC 5880 6.8.7: the neighbour may want none at all, or only answers */
	if (s->remote_rx_us == 0)
		return 0;
	if (s->remote_demand && s->state == BFD_UP && s->remote_state == BFD_UP && !s->poll)
		return 0;
	return us(max_u32(s->use_tx_us, s->remote_rx_us));
}

dur_t session_detection(const struct session *s)
{
	/* RFC 5880 6.8.4 */
	return s->remote_multiplier * us(max_u32(s->use_rx_us, s->remote_tx_us));
}

/* When the next periodic packet goes: the interval less 0 to 25 %; of a multiplier of 1 less 10 to 25 (RFC 5880 6.8.7). */
static void schedule(struct bfd *b, struct session *s)
{
	dur_t interval = session_interval(s);
	if (!interval) {
		heap_clear(&b->timers, &s->tx);
		return;
	}
	dur_t most = s->multiplier == 1 ? interval / 10 * 9 : interval, least = interval / 4 * 3;
	dur_t wait = least + (dur_t)rng_below(b->rng, (uint64_t)(most - least) + 1);
	heap_set(&b->timers, &s->tx, mono_add(s->sent_at, wait));
}

static struct bfd_act *act(struct bfd *b, uint8_t type, const struct session *s)
{
	if (b->acts->n >= BFD_ACTS_MAX)
		return NULL;
	struct bfd_act *a = &b->acts->v[b->acts->n++];
	*a = (struct bfd_act){.type = type, .id = s->id, .path = s->path};
	return a;
}

void session_tell(struct bfd *b, struct session *s)
{
	bool up = s->state == BFD_UP;
	if (up == s->told_up)
		return;
	struct bfd_act *a = act(b, BFD_ACT_STATE, s);
	if (!a) {
		b->untold = true;
		return;
	}
	a->up = up;
	a->admin = s->remote_state == BFD_ADMIN_DOWN;
	a->diag = s->diag;
	s->told_up = up;
}

void session_send(struct bfd *b, struct session *s, bool final)
{
	const struct bfd_packet p = {
		.diag = s->diag,
		.state = s->state,
		.poll = s->poll && !final, /* RFC 5880 6.5: not both */
		.final = final,
		.multiplier = s->multiplier,
		.mine = s->id,
		.yours = s->remote_id,
		.tx_us = s->tx_us,
		.rx_us = s->rx_us,
	};
	struct bfd_act *a = act(b, BFD_ACT_SEND, s);

	s->sent_at = b->now;
	schedule(b, s);
	if (!a)
		return; /* as if it were lost on the way */
	struct wr w = wr_init(a->octets, sizeof a->octets);
	bfd_encode(&w, &p);
	s->sent++;
}

static void end_poll(struct session *s)
{
	s->poll = false;
	s->use_tx_us = s->tx_us;
	s->use_rx_us = s->rx_us;
}

void session_wish(struct bfd *b, struct session *s)
{
	bool up = s->state == BFD_UP;
	uint32_t tx = up ? s->want_tx_us : max_u32(s->want_tx_us, SLOW_US), rx = s->want_rx_us;

	if (tx == s->tx_us && rx == s->rx_us)
		return;
	s->tx_us = tx;
	s->rx_us = rx;
	if (!up) {
		end_poll(s);
		schedule(b, s);
		return;
	}
	/* RFC 5880 6.8.3: sending more slowly, or expecting more, waits until the neighbour knows */
	s->poll = true;
	if (tx < s->use_tx_us)
		s->use_tx_us = tx;
	if (rx > s->use_rx_us)
		s->use_rx_us = rx;
	schedule(b, s);
}

static void restart_detection(struct bfd *b, struct session *s)
{
	dur_t d = session_detection(s);
	if (!s->leaving)
		heap_set(&b->timers, &s->detect, d ? mono_add(b->now, d) : MONO_NEVER);
}

void session_event(struct bfd *b, struct session *s, uint8_t event)
{
	const struct bfd_row *row = row_find(s->state, event);
	if (!row)
		return;
	s->ups += row->to == BFD_UP;
	s->downs += s->state == BFD_UP;
	s->state = row->to;
	if (row->diag != DIAG_KEEP)
		s->diag = row->diag;
	s->since = b->now;
	session_wish(b, s);
	session_tell(b, s);
}

/* RFC 5880 6.8.6, behind what bfd_decode and the search for the session have checked. */
void session_input(struct bfd *b, struct session *s, const struct bfd_packet *p)
{
	static const uint8_t events[] = {
		[BFD_ADMIN_DOWN] = EV_RX_ADMIN_DOWN, [BFD_DOWN] = EV_RX_DOWN, [BFD_INIT] = EV_RX_INIT, [BFD_UP] = EV_RX_UP,
	};
	dur_t interval = session_interval(s);
	uint8_t before = s->state;
	bool polled_before = s->poll;

	s->received++;
	s->remote_id = p->mine;
	s->remote_state = p->state;
	s->remote_diag = p->diag;
	s->remote_demand = p->demand;
	s->remote_rx_us = p->rx_us;
	s->remote_tx_us = p->tx_us;
	s->remote_multiplier = p->multiplier;
	if (p->final && s->poll)
		end_poll(s);
	session_event(b, s, events[p->state]);
	restart_detection(b, s);
	/* RFC 5880 6.8.7: a Poll is answered, and a change said, without waiting for the timer */
	if (p->poll || s->state != before || (s->poll && !polled_before))
		session_send(b, s, p->poll);
	else if (session_interval(s) != interval)
		schedule(b, s);
}

struct session *session_new(struct bfd *b, const struct bfd_path *path)
{
	struct session *s = mem_get(b->mem, sizeof *s);
	if (!s)
		return NULL;
	if (heap_reserve(&b->timers, 2 * ((uint32_t)b->by_id.n + 1)) != 0) {
		mem_put(b->mem, s, sizeof *s);
		return NULL;
	}
	/* RFC 5880 6.3, 6.8.1: unique, not 0; random, so that one who does not see packets cannot speak into a session */
	do
		s->id = (uint32_t)rng_u64(b->rng);
	while (s->id == 0 || hmap_first(&b->by_id, s->id));
	s->path = *path;
	s->state = s->remote_state = BFD_DOWN;
	s->remote_rx_us = 1;
	s->tx.tag = TAG_TX;
	s->detect.tag = TAG_DETECT;
	s->since = b->now;
	hmap_add(&b->by_id, &s->node, s->id);
	list_add_tail(&b->sessions, &s->link);
	return s;
}

void session_free(struct bfd *b, struct session *s)
{
	heap_clear(&b->timers, &s->tx);
	heap_clear(&b->timers, &s->detect);
	hmap_del(&b->by_id, &s->node);
	list_del(&s->link);
	mem_put(b->mem, s, sizeof *s);
}
