/* The BFD engine: its entry points, and which session a packet is for (RFC 5880 6.3; 5881 3, 5). */
#include "bfd/bfd_int.h"

#include <errno.h>

enum { MS_MIN = 10, MS_MAX = 60000, TTL_SINGLE = 255 };

struct bfd *bfd_new(struct mem *mem, struct rng *rng)
{
	struct bfd *b = mem_get(mem, sizeof *b);
	if (!b)
		return NULL;
	b->mem = mem;
	b->rng = rng;
	list_init(&b->sessions);
	heap_init(&b->timers, mem);
	if (hmap_init(&b->by_id, mem, rng_u64(rng), rng_u64(rng)) != 0) {
		mem_put(mem, b, sizeof *b);
		return NULL;
	}
	return b;
}

void bfd_free(struct bfd *b)
{
	if (!b)
		return;
	LIST_EACH (it, next, &b->sessions)
		session_free(b, LIST_ENTRY(it, struct session, link));
	hmap_fini(&b->by_id);
	heap_fini(&b->timers);
	mem_put(b->mem, b, sizeof *b);
}

static void enter(struct bfd *b, mono_t now, struct bfd_acts *acts)
{
	b->now = now;
	b->acts = acts;
}

static bool same_path(const struct session *s, const struct bfd_path *path)
{
	return (s->path.multihop && !s->turned) == path->multihop && s->path.ifindex == path->ifindex &&
	       addr_eq(&s->path.remote, &path->remote);
}

static struct session *find_path(struct bfd *b, const struct bfd_path *path)
{
	LIST_EACH (it, next, &b->sessions) {
		struct session *s = LIST_ENTRY(it, struct session, link);
		if (same_path(s, path))
			return s;
	}
	return NULL;
}

/* Whether a packet that came this way can be this session's. */
static bool fits(const struct session *s, const struct bfd_path *path, uint8_t ttl)
{
	const struct bfd_path *p = &s->path;
	if (p->multihop != path->multihop || !addr_eq(&p->remote, &path->remote))
		return false;
	if ((p->ifindex && path->ifindex && p->ifindex != path->ifindex) ||
	    (p->local.family && path->local.family && !addr_eq(&p->local, &path->local)))
		return false;
	return ttl >= (p->multihop && !s->turned ? s->min_ttl : TTL_SINGLE); /* RFC 5881 5 */
}

/* Over a point-to-point link without a network FRR speaks as if there were several hops (RFC 5883's port). Who shares the link and
 * sends with the full TTL is as near as before: a session that is down goes over to the port that the neighbour uses. */
static struct session *turn(struct bfd *b, const struct bfd_path *path, uint8_t ttl)
{
	LIST_EACH (it, next, &b->sessions) {
		struct session *s = LIST_ENTRY(it, struct session, link);
		struct bfd_path other = *path;
		other.multihop = !path->multihop;
		if (s->state != BFD_DOWN || ttl < TTL_SINGLE || !s->path.ifindex || (s->path.multihop && !s->turned) ||
		    s->leaving || !fits(s, &other, ttl))
			continue;
		s->turned = path->multihop;
		s->path.multihop = path->multihop;
		return s;
	}
	return NULL;
}

/* RFC 5880 6.3: by our discriminator once the neighbour knows it, else by how the packet came. */
static struct session *find_for(struct bfd *b, const struct bfd_packet *p, const struct bfd_path *path, uint8_t ttl)
{
	if (p->yours) {
		for (struct hnode *n = hmap_first(&b->by_id, p->yours); n; n = hmap_next(n)) {
			struct session *s = CONTAINER_OF(n, struct session, node);
			if (s->id == p->yours)
				return fits(s, path, ttl) ? s : NULL;
		}
		return NULL;
	}
	LIST_EACH (it, next, &b->sessions) {
		struct session *s = LIST_ENTRY(it, struct session, link);
		if (fits(s, path, ttl))
			return s;
	}
	return turn(b, path, ttl);
}

void bfd_input(struct bfd *b, const struct bfd_path *path, uint8_t ttl, struct span datagram, mono_t now, struct bfd_acts *acts)
{
	struct bfd_packet p;

	enter(b, now, acts);
	/* RFC 5880 6.8.6: authentication that is not in use here is no packet for us */
	struct session *s = bfd_decode(datagram, &p) && !p.authenticated ? find_for(b, &p, path, ttl) : NULL;
	if (!s || s->state == BFD_ADMIN_DOWN) {
		b->dropped++;
		return;
	}
	session_input(b, s, &p);
}

/* Nothing came for a detection time (RFC 5880 6.8.1); what it wanted then binds us no longer. */
static void forget_remote(struct session *s)
{
	s->remote_demand = false;
	s->remote_id = 0;
	s->remote_rx_us = 1;
}

/* The detection time is over. */
static void expire(struct bfd *b, struct session *s)
{
	if (s->leaving) {
		session_free(b, s);
		return;
	}
	uint8_t before = s->state;
	forget_remote(s);
	session_event(b, s, EV_EXPIRED);
	if (s->state != before)
		session_send(b, s, false);
}

static void tell_rest(struct bfd *b)
{
	if (!b->untold)
		return;
	b->untold = false;
	LIST_EACH (it, next, &b->sessions)
		session_tell(b, LIST_ENTRY(it, struct session, link));
}

void bfd_timer(struct bfd *b, mono_t now, struct bfd_acts *acts)
{
	struct timer *t;

	enter(b, now, acts);
	tell_rest(b);
	/* Each makes two actions at most; what finds no room stays due. */
	while (acts->n + 2 <= BFD_ACTS_MAX && (t = heap_pop(&b->timers, now))) {
		if (t->tag == TAG_TX)
			session_send(b, CONTAINER_OF(t, struct session, tx), false);
		else
			expire(b, CONTAINER_OF(t, struct session, detect));
	}
}

mono_t bfd_due(const struct bfd *b) { return b->untold ? 0 : heap_due(&b->timers); }

static uint32_t wish_us(uint32_t ms)
{
	uint32_t n = ms == 0 ? BFD_MS_DEFAULT : ms < MS_MIN ? MS_MIN : ms > MS_MAX ? MS_MAX : ms;
	return n * 1000;
}

static int start(struct bfd *b, const struct bfd_cmd *cmd)
{
	struct session *s = find_path(b, &cmd->path);
	bool fresh = !s;

	if (fresh) {
		s = session_new(b, &cmd->path);
		if (!s)
			return -ENOMEM;
	}
	s->path.local = cmd->path.local;
	s->multiplier = cmd->multiplier ? cmd->multiplier : BFD_MULTIPLIER_DEFAULT;
	s->min_ttl = cmd->min_ttl ? cmd->min_ttl : BFD_MIN_TTL_DEFAULT;
	s->want_tx_us = wish_us(cmd->tx_ms);
	s->want_rx_us = wish_us(cmd->rx_ms);
	if (s->leaving) { /* it was on its way out, and begins anew */
		s->leaving = false;
		forget_remote(s);
		heap_clear(&b->timers, &s->detect);
		session_event(b, s, EV_START);
		fresh = true;
	}
	bool polled = s->poll;
	session_wish(b, s);
	if (fresh || (s->poll && !polled))
		session_send(b, s, false);
	return 0;
}

/* RFC 5880 6.8.16: AdminDown is said for a detection time, so that the neighbour need not find out by silence. */
static void stop(struct bfd *b, struct session *s)
{
	if (s->leaving)
		return;
	s->told_up = false; /* who stops it knows */
	session_event(b, s, EV_STOP);
	s->leaving = true;
	if (!s->remote_id) { /* nobody to tell */
		session_free(b, s);
		return;
	}
	session_send(b, s, false);
	dur_t interval = session_interval(s);
	heap_set(&b->timers, &s->detect, mono_add(b->now, interval ? s->multiplier * interval : 0));
}

int bfd_command(struct bfd *b, const struct bfd_cmd *cmd, mono_t now, struct bfd_acts *acts)
{
	enter(b, now, acts);
	if (cmd->type == BFD_CMD_START)
		return start(b, cmd);
	if (cmd->type == BFD_CMD_STOP_ALL) {
		LIST_EACH (it, next, &b->sessions)
			stop(b, LIST_ENTRY(it, struct session, link));
		return 0;
	}
	struct session *s = find_path(b, &cmd->path);
	if (!s || s->leaving)
		return -ENOENT;
	stop(b, s);
	return 0;
}

void bfd_report(struct bfd *b, const struct bfd_fact *fact, mono_t now, struct bfd_acts *acts)
{
	enter(b, now, acts);
	if (fact->up)
		return;
	LIST_EACH (it, next, &b->sessions) {
		struct session *s = LIST_ENTRY(it, struct session, link);
		if (s->path.ifindex == 0 || s->path.ifindex != fact->ifindex)
			continue;
		session_event(b, s, EV_PATH);
	}
}

bool bfd_idle(const struct bfd *b) { return list_empty(&b->sessions); }
uint64_t bfd_dropped(const struct bfd *b) { return b->dropped; }

bool bfd_next(const struct bfd *b, uint32_t *cursor, struct bfd_view *out)
{
	uint32_t i = 0;

	LIST_EACH (it, next, &b->sessions) {
		if (i++ != *cursor)
			continue;
		const struct session *s = LIST_ENTRY(it, struct session, link);
		*out = (struct bfd_view){
			.id = s->id, .remote_id = s->remote_id, .path = s->path, .state = s->state, .diag = s->diag,
			.remote_state = s->remote_state, .remote_diag = s->remote_diag, .multiplier = s->multiplier,
			.remote_multiplier = s->remote_multiplier, .tx_us = s->tx_us, .rx_us = s->rx_us,
			.remote_tx_us = s->remote_tx_us, .remote_rx_us = s->remote_rx_us, .interval = session_interval(s),
			.detection = session_detection(s), .received = s->received, .sent = s->sent, .ups = s->ups,
			.downs = s->downs, .since = s->since,
		};
		++*cursor;
		return true;
	}
	return false;
}
