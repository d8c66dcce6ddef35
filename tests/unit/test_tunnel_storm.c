/* tunnel/: storms. Random facts at random moments for several tunnels, with a small world that carries actions out
 * after random delays, or loses them. Checked all the while: scripts run one at a time, up and down strictly in turn,
 * down with the ends that up was told, and never while child SAs stay between these ends; routes in turn. Checked when
 * the storm is over: everything paired, at rest and quiet, everybody who waited was told. A failing seed is printed;
 * give it as the argument. */
#include "tunnel/tunnel.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { TUNNELS = 4, PENDING = 256, KIDS = 8, SEEDS = 1500, EVENTS = 120 };

struct pending {
	mono_t at; /* MONO_NEVER = free */
	struct tun_fact f;
	struct tun_link link;
};

struct peer {
	uint32_t kid[KIDS];
	struct tun_child info[KIDS];
	size_t n;
	bool known, script, native, keep;
	bool script_up, ever_told, routed, made;
	uint32_t running; /* ticket of the hook under way */
	struct tun_child told;
	uint32_t ifindex; /* of gre1 in this world, 0 = none */
	unsigned wanted;
};

struct storm {
	struct mem mem;
	uint64_t seed, rnd;
	struct tunnels *ts;
	mono_t now;
	struct tun_acts acts;
	struct conf conf;
	struct peer p[TUNNELS];
	struct pending pend[PENDING];
	uint32_t next_kid, next_ifindex;
	size_t n_acts;
	bool calm; /* nothing is lost any more */
};

#define HOLDS(s, cond)                                                                                                 \
	do {                                                                                                           \
		if (!(cond)) {                                                                                         \
			print_error("seed %llu: %s\n", (unsigned long long)(s)->seed, #cond);                          \
			fail();                                                                                        \
		}                                                                                                      \
	} while (0)

static void *get(struct mem *m, size_t size)
{
	(void)m;
	return calloc(1, size);
}

static void put(struct mem *m, void *p, size_t size)
{
	(void)m;
	(void)size;
	free(p);
}

/* splitmix64 */
static uint64_t rnd(struct storm *s, uint64_t below)
{
	uint64_t z = (s->rnd += 0x9e3779b97f4a7c15);
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return (z ^ (z >> 31)) % below;
}

static bool same_ends(const struct tun_child *a, const struct tun_child *b)
{
	return addr_eq(&a->local.addr, &b->local.addr) && addr_eq(&a->remote.addr, &b->remote.addr);
}

/* The answer to an action comes some time later; one in sixty never comes. */
static void answer(struct storm *s, const struct tun_act *a, uint8_t type, int status, uint32_t ifindex)
{
	if (!s->calm && rnd(s, 60) == 0)
		return;
	for (size_t i = 0; i < PENDING; i++) {
		struct pending *p = &s->pend[i];
		if (p->at != MONO_NEVER)
			continue;
		p->at = s->now + DUR_MS(rnd(s, rnd(s, 4) ? 50 : 20000));
		p->f = (struct tun_fact){.type = type, .tunnel = a->tunnel, .ticket = a->ticket, .status = status};
		p->link = (struct tun_link){.ifindex = ifindex, .name = "gre1", .mtu = 1400, .n_addresses = 1};
		assert_true(prefix_parse("10.0.0.2/30", &p->link.address[0]));
		return;
	}
	fail();
}

static void on_hook(struct storm *s, struct peer *p, const struct tun_act *a)
{
	HOLDS(s, p->running == 0);
	HOLDS(s, p->script_up != a->hook_up);
	if (a->hook_up) {
		HOLDS(s, p->n > 0 && same_ends(&a->child, &p->info[p->n - 1]));
		p->told = a->child;
		p->ifindex = p->native ? p->ifindex : ++s->next_ifindex;
	} else {
		HOLDS(s, same_ends(&a->child, &p->told));
		HOLDS(s, !p->known || !p->script || p->n == 0 || !same_ends(&p->told, &p->info[p->n - 1]));
		p->ifindex = p->native ? p->ifindex : 0;
	}
	p->script_up = a->hook_up;
	p->running = a->ticket;
	static const int status[] = {0, 0, 0, 1, -ETIME, -ENOENT};
	answer(s, a, TUN_FACT_HOOK_ENDED, status[rnd(s, ARRAY_LEN(status))], 0);
}

static void carry_out(struct storm *s, const struct tun_act *a)
{
	struct peer *p = &s->p[a->tunnel - 1];
	s->n_acts++;
	switch (a->type) {
	case TUN_ACT_GRE_UP:
		HOLDS(s, p->native && p->n > 0);
		p->made = true;
		if (!s->calm && rnd(s, 8) == 0) {
			answer(s, a, TUN_FACT_GRE, -EEXIST, 0);
			break;
		}
		p->ifindex = p->ifindex ? p->ifindex : ++s->next_ifindex;
		answer(s, a, TUN_FACT_GRE, 0, p->ifindex);
		break;
	case TUN_ACT_GRE_DOWN:
		HOLDS(s, p->made && !p->routed);
		p->made = false;
		p->ifindex = 0;
		break;
	case TUN_ACT_GRE_FIND:
		answer(s, a, TUN_FACT_GRE, p->ifindex ? 0 : -ENODEV, p->ifindex);
		break;
	case TUN_ACT_HOOK:
		on_hook(s, p, a);
		break;
	case TUN_ACT_PROBE:
		HOLDS(s, a->ifindex != 0);
		answer(s, a, TUN_FACT_PROBE, rnd(s, 2) ? 0 : -ETIMEDOUT, 0);
		break;
	case TUN_ACT_ROUTE_UP:
	case TUN_ACT_ROUTE_DOWN:
		HOLDS(s, p->routed == (a->type == TUN_ACT_ROUTE_DOWN));
		HOLDS(s, a->link.ifindex != 0);
		p->routed = !p->routed;
		break;
	case TUN_ACT_DONE:
		HOLDS(s, p->wanted > 0);
		HOLDS(s, a->text[0] != '\0');
		p->wanted = 0;
		break;
	default:
		HOLDS(s, a->type == TUN_ACT_NOTE || a->type == TUN_ACT_GUARD_SET);
	}
}

/* Actions in order; carrying one out never brings another at once. */
static void carry_out_all(struct storm *s)
{
	HOLDS(s, s->acts.dropped == 0);
	for (uint32_t i = 0; i < s->acts.n; i++)
		carry_out(s, &s->acts.v[i]);
	s->acts.n = 0;
}

static void say(struct storm *s, struct tun_fact f)
{
	tunnels_report(s->ts, &f, s->now, &s->acts);
	carry_out_all(s);
}

static void say_pending(struct storm *s, struct pending *p)
{
	struct peer *peer = &s->p[p->f.tunnel - 1];
	p->at = MONO_NEVER;
	p->f.link = p->link.ifindex ? &p->link : NULL;
	if (p->f.type == TUN_FACT_HOOK_ENDED && p->f.ticket == peer->running)
		peer->running = 0;
	say(s, p->f);
}

/* Runs the world up to a moment, deadlines and answers in order of time. */
static void run_until(struct storm *s, mono_t end)
{
	for (;;) {
		struct pending *first = NULL;
		for (size_t i = 0; i < PENDING; i++) {
			if (s->pend[i].at != MONO_NEVER && (!first || s->pend[i].at < first->at))
				first = &s->pend[i];
		}
		mono_t due = tunnels_due(s->ts), next = mono_min(due, first ? first->at : MONO_NEVER);
		if (next > end || next == MONO_NEVER)
			break;
		s->now = next > s->now ? next : s->now;
		if (first && first->at == next) {
			say_pending(s, first);
			continue;
		}
		/* A hook whose end was lost is given up by the lane: it does not run any more in this world either. */
		for (size_t i = 0; i < TUNNELS; i++) {
			bool coming = false;
			for (size_t k = 0; k < PENDING; k++)
				coming |= s->pend[k].at != MONO_NEVER && s->pend[k].f.ticket == s->p[i].running;
			s->p[i].running = coming ? s->p[i].running : 0;
		}
		tunnels_timer(s->ts, s->now, &s->acts);
		carry_out_all(s);
	}
	s->now = end == MONO_NEVER ? s->now : end;
}

static void set_conf(struct storm *s, size_t i)
{
	struct peer *p = &s->p[i];
	struct tunnel_conf c = {.kind = TUNNEL_TRANSPORT, .updown = p->script ? 4096 : 0};
	c.gre.keep = p->keep;
	if (p->native)
		strcpy(c.gre.name, "gre1");
	p->known = true;
	say(s, (struct tun_fact){.type = TUN_FACT_CONF, .tunnel = (uint32_t)i + 1, .conf = &s->conf, .t = &c});
}

static struct tun_child random_child(struct storm *s, uint32_t id)
{
	static const char *const here[] = {"10.1.0.1", "10.1.0.2"};
	struct tun_child c = {.child_id = id};
	assert_true(addr_parse(here[rnd(s, 8) == 0], &c.local.addr));
	assert_true(addr_parse("192.0.2.1", &c.remote.addr));
	c.remote.port = (uint16_t)(4500 + rnd(s, 3));
	return c;
}

static void child_up(struct storm *s, size_t i)
{
	struct peer *p = &s->p[i];
	if (p->n == 4 || !p->known)
		return;
	struct tun_child c = random_child(s, ++s->next_kid);
	p->info[p->n] = c;
	p->kid[p->n++] = c.child_id;
	say(s, (struct tun_fact){.type = TUN_FACT_CHILD_UP, .tunnel = (uint32_t)i + 1, .child = &c});
}

static void child_down(struct storm *s, size_t i, size_t k)
{
	struct peer *p = &s->p[i];
	if (k >= p->n)
		return;
	struct tun_child c = p->info[k];
	p->n--;
	for (; k < p->n; k++) {
		p->info[k] = p->info[k + 1];
		p->kid[k] = p->kid[k + 1];
	}
	say(s, (struct tun_fact){.type = TUN_FACT_CHILD_DOWN, .tunnel = (uint32_t)i + 1, .child = &c});
}

static void child_moved(struct storm *s, size_t i, size_t k)
{
	struct peer *p = &s->p[i];
	if (k >= p->n)
		return;
	p->info[k] = random_child(s, p->kid[k]);
	struct tun_child c = p->info[k];
	say(s, (struct tun_fact){.type = TUN_FACT_CHILD_MOVED, .tunnel = (uint32_t)i + 1, .child = &c});
}

/* Outcomes and events come over one ordered road: what was answered before an interface went is heard before. */
static void link_event(struct storm *s, size_t i, bool gone)
{
	struct tun_link l = {.name = "gre1"};
	for (size_t k = 0; k < PENDING; k++) {
		if (s->pend[k].at != MONO_NEVER && s->pend[k].f.tunnel == i + 1 && s->pend[k].f.type == TUN_FACT_GRE) {
			say_pending(s, &s->pend[k]);
			k = (size_t)-1; /* it may have brought another question */
		}
	}
	if (gone)
		s->p[i].ifindex = 0;
	l.ifindex = s->p[i].ifindex;
	say(s, (struct tun_fact){.type = TUN_FACT_LINK, .tunnel = rnd(s, 2) ? (uint32_t)i + 1 : 0, .link = &l});
}

static void conf_event(struct storm *s, size_t i)
{
	struct peer *p = &s->p[i];
	if (rnd(s, 2)) {
		p->script = !p->script;
		set_conf(s, i);
		return;
	}
	/* Out, and in again at some other time (see any_event). */
	p->n = 0;
	p->known = false;
	say(s, (struct tun_fact){.type = TUN_FACT_GONE, .tunnel = (uint32_t)i + 1});
}

static void any_event(struct storm *s)
{
	size_t i = rnd(s, TUNNELS), k = rnd(s, 4);
	uint64_t what = rnd(s, 100);
	if (!s->p[i].known && what < 50)
		set_conf(s, i);
	else if (what < 30)
		child_up(s, i);
	else if (what < 55)
		child_down(s, i, k);
	else if (what < 65)
		child_moved(s, i, k);
	else if (what < 75) {
		s->p[i].wanted++;
		say(s, (struct tun_fact){.type = TUN_FACT_WANT_DONE, .tunnel = (uint32_t)i + 1});
	} else if (what < 85)
		say(s, (struct tun_fact){.type = TUN_FACT_FAILED, .tunnel = (uint32_t)i + 1, .text = "refused"});
	else if (what < 93)
		link_event(s, i, rnd(s, 2));
	else if (what < 96)
		conf_event(s, i);
	else
		say(s,
		    (struct tun_fact){.type = (uint8_t)(1 + rnd(s, TUN_FACT_HOOK_ENDED)), .tunnel = 99, .ticket = 1});
}

static void check_rest(struct storm *s, size_t i)
{
	struct peer *p = &s->p[i];
	struct tun_view v;
	bool there = tunnels_view(s->ts, (uint32_t)i + 1, &v);
	HOLDS(s, there == p->known);
	HOLDS(s, p->running == 0 && p->wanted == 0);
	if (!there || p->n == 0) {
		HOLDS(s, !p->script_up && !p->routed);
		HOLDS(s, !p->made || p->keep);
		HOLDS(s, !there || v.state == TUN_DOWN);
		return;
	}
	HOLDS(s, v.state == TUN_UP && v.n_children == p->n);
	HOLDS(s, p->script_up == p->script);
	HOLDS(s, !p->script || same_ends(&p->told, &p->info[p->n - 1]));
	HOLDS(s, p->routed == (v.link.ifindex != 0));
	HOLDS(s, !p->native || v.link.ifindex == p->ifindex);
}

static void storm(uint64_t seed)
{
	struct storm *s = calloc(1, sizeof *s);
	assert_non_null(s);
	s->seed = s->rnd = seed;
	s->mem = (struct mem){.get = get, .put = put};
	s->conf.setup.hook_timeout = DUR_S(60);
	s->now = DUR_S(5);
	s->ts = tunnels_new(&s->mem);
	assert_non_null(s->ts);
	for (size_t i = 0; i < PENDING; i++)
		s->pend[i].at = MONO_NEVER;
	for (size_t i = 0; i < TUNNELS; i++) {
		s->p[i].script = i & 1;
		s->p[i].native = i & 2;
		s->p[i].keep = rnd(s, 4) == 0;
		set_conf(s, i);
	}
	for (size_t i = 0; i < EVENTS; i++) {
		any_event(s);
		run_until(s, s->now + DUR_MS(rnd(s, rnd(s, 3) ? 20 : 15000)));
	}
	s->calm = true;
	for (size_t i = 0; i < TUNNELS && seed % 2; i++) {
		while (s->p[i].n > 0)
			child_down(s, i, 0);
	}
	run_until(s, MONO_NEVER);
	for (size_t i = 0; i < TUNNELS; i++)
		check_rest(s, i);
	tunnels_free(s->ts);
	assert_int_equal(s->mem.in_use, 0);
	free(s);
}

static void test_storms(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++)
		storm(seed);
}

int main(int argc, char **argv)
{
	if (argc > 1) {
		storm(strtoull(argv[1], NULL, 10));
		return 0;
	}
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_storms)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
