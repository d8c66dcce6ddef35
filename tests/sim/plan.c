/* Runs a scenario and holds the invariants against it. See plan.h. */
#include "plan.h"

#include "hand.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* Peace has to last: longer than any SA lives on after its successor or its DELETE. */
#define HOLDS DUR_S(45)
#define HOLDS_DOWN DUR_S(200)
#define LATE_MAX DUR_S(3)
#define SETUP_MAX DUR_S(60)
enum { LOOK_S = 60 };
#define STOPPING DUR_S(60)

struct run {
	const struct plan *p;
	struct plan_result *r;
	struct sim *s;
	struct watch *w;
	struct sim_node *host[PLAN_HOSTS];
	bool armed, healed;
	unsigned seen[PLAN_FAULTS];
};

/* --- the network --- */

static bool matches(const struct plan_fault *f, const struct sim_packet *p, uint8_t kind)
{
	return (f->from < 0 || f->from == (int)p->from->index) && (f->kind == TK_N || f->kind == kind) &&
	       (f->response < 0 || f->response == p->response);
}

static uint8_t planned(struct run *r, const struct sim_packet *p, uint8_t kind, dur_t *by)
{
	uint8_t fate = FATE_NONE;
	for (uint32_t i = 0; i < r->p->n_faults; i++) {
		const struct plan_fault *f = &r->p->fault[i];
		if (!matches(f, p, kind) || ++r->seen[i] != f->nth)
			continue;
		fate = f->fate;
		*by = f->by;
	}
	return fate;
}

static uint8_t by_chance(struct run *r, dur_t *by)
{
	struct rng *rng = &r->s->rng.rng;
	for (uint8_t f = FATE_LOST; f < FATE_N; f++) {
		if (!r->p->chance[f] || rng_below(rng, 1000) >= r->p->chance[f])
			continue;
		*by = (dur_t)rng_below(rng, (uint64_t)LATE_MAX) >> rng_below(rng, 8);
		return f;
	}
	return FATE_NONE;
}

static void corrupt(struct run *r, struct sim_packet *p)
{
	struct rng *rng = &r->s->rng.rng;
	for (uint64_t n = 1 + rng_below(rng, 3); n > 0; n--)
		p->p[rng_below(rng, p->n)] ^= (uint8_t)(1u << rng_below(rng, 8));
}

static bool tap(struct sim *s, struct sim_packet *p)
{
	struct run *r = s->arg;
	char text[1000] = "", how[40];
	uint8_t kind, fate = FATE_NONE;
	dur_t by = 0;
	const char *wrong = trace_packet(&r->w->trace, p, &kind, text, r->r->tell ? sizeof text : 0);
	if (wrong)
		watch_broken(r->w, p->from, "%s", wrong);
	if (p->n > 1 && r->armed)
		fate = planned(r, p, kind, &by);
	if (p->n > 1 && r->armed && !fate && !r->healed)
		fate = by_chance(r, &by);
	r->r->datagrams += r->armed;
	if (r->r->count)
		r->r->count->n[fate][kind][p->response]++;
	if (by)
		snprintf(how, sizeof how, "%s %lld ms", trace_fate_name(fate), (long long)dur_to_ms(by));
	else
		snprintf(how, sizeof how, "%s", trace_fate_name(fate));
	trace_step(&r->w->trace, p, text, fate, how);
	p->copies = fate == FATE_DOUBLED ? 2 : 1;
	p->late = by;
	if (fate == FATE_CORRUPTED)
		corrupt(r, p);
	return fate != FATE_LOST;
}

/* --- hosts --- */

static const char suites[] = "\tleftprotoport=47\n\trightprotoport=47\n\tauthby=secret\n\tkeyexchange=ikev2\n\ttype=transport\n"
                             "\tike=aes128gcm16-prfsha256-x25519!\n\tesp=aes128gcm16!\n\tdpdaction=none\n\tauto=add\n"
                             "\tleftupdown=/etc/updown\n\tlifetime=100h\n\tikelifetime=100h\n\tmargintime=1h\n";

/* One key for each two ends, so that nobody can be taken for another one. */
static void put_secret(struct sbuf *b, const struct plan_host *x, const struct plan_host *y)
{
	bool turn = strcmp(x->name, y->name) > 0;
	sb_printf(b, "@%s @%s : PSK \"a secret of %s and %s\"\n", x->name, y->name, turn ? y->name : x->name,
	          turn ? x->name : y->name);
}

static void put_conn(struct sbuf *b, const struct plan_host *x, const struct plan_host *y, bool any)
{
	sb_printf(b, "conn %s\n\tright=%s\n\tleftid=@%s\n\trightid=@%s\n", y->name,
	          any ? "%any" : y->nat[0] ? y->nat : y->addr, x->name, y->name);
	sb_put(b, suites);
	sb_putc(b, '\t');
	for (const char *c = x->keys; *c; c++) {
		sb_putc(b, *c);
		if (*c == '\n')
			sb_putc(b, '\t');
	}
	sb_putc(b, '\n');
}

static bool configure(struct run *r, uint32_t i)
{
	const struct plan *p = r->p;
	const struct plan_host *h = &p->host[i];
	char text[8192], secrets[2048];
	struct sbuf b = SB(text), k = SB(secrets);
	if (h->peer >= 0) {
		put_conn(&b, h, &p->host[h->peer], false);
		put_secret(&k, h, &p->host[h->peer]);
	}
	for (uint32_t j = 0; h->peer < 0 && j < p->n_hosts; j++) {
		if (p->host[j].peer != (int)i)
			continue;
		put_conn(&b, h, &p->host[j], true);
		put_secret(&k, h, &p->host[j]);
	}
	return !b.cut && !k.cut && sim_conf_text(r->host[i], text, secrets, h->charon);
}

static bool build(struct run *r)
{
	const struct plan *p = r->p;
	r->s->delay_min = p->delay_min;
	r->s->delay_max = p->delay_max;
	r->s->priv_delay = p->priv;
	r->s->priv_delay_more = p->priv_more;
	r->s->mute = !r->r->tell;
	for (uint32_t i = 0; i < p->n_hosts; i++) {
		r->host[i] = sim_host(r->s, p->host[i].name, p->host[i].addr);
		if (p->host[i].nat[0])
			sim_behind(r->host[i], p->host[i].nat, p->host[i].ports);
	}
	for (uint32_t i = 0; i < p->n_hosts; i++) {
		if (!configure(r, i))
			return false;
	}
	r->s->tap = tap;
	r->s->arg = r;
	watch_begin(r->w, r->s, r->r->tell);
	/* Hubs and those who wait are there first. */
	for (uint32_t i = p->n_hosts; i-- > 0;) {
		if (!sim_start(r->host[i]))
			return false;
	}
	return true;
}

/* --- what is done --- */

/* In use, one way at least. */
static uint32_t newest_child(struct sim_node *n, uint32_t *spi)
{
	const struct child *c = hand_child(n, CH_UP);
	*spi = c ? c->p.in.spi : 0;
	return c ? c->id : 0;
}

static uint32_t newest_ike(const struct sim_node *n)
{
	struct ike_sa_view v;
	uint32_t id = 0;
	for (uint32_t at = 0; ike_next_sa(n->ike, &at, &v);)
		id = v.state == IKE_S_ESTABLISHED && v.ike_id > id ? v.ike_id : id;
	return id;
}

static void command_tunnels(struct sim_node *n, uint8_t type)
{
	for (uint32_t t = 1; t <= n->conf->n_tunnels; t++) {
		struct ike_cmd cmd = {.type = type, .tunnel = t, .conf = n->conf};
		ike_command(n->ike, &cmd, n->sim->now, n->acts);
		sim_after(n);
	}
}

static void command_id(struct sim_node *n, uint8_t type, uint32_t id)
{
	struct ike_cmd cmd = {.type = type, .id = id, .conf = n->conf};
	if (!id)
		return;
	ike_command(n->ike, &cmd, n->sim->now, n->acts);
	sim_after(n);
}

static void unwant(struct sim_node *n)
{
	for (uint32_t t = 1; t <= n->conf->n_tunnels; t++)
		ike_tun_find(n->ike, t)->wanted = false;
}

static void soft_end(struct sim_node *n)
{
	struct ike_fact f = {.type = IKE_FACT_EXPIRE};
	if (newest_child(n, &f.spi))
		sim_report(n, &f);
}

static void life(struct sim_node *n, uint8_t verb, dur_t arg)
{
	switch (verb) {
	case PV_RELOAD: sim_reload(n, false); break;
	case PV_RESTART: (void)sim_start(n); break;
	case PV_ADOPT: (void)sim_restart(n); break;
	case PV_CUT: n->cut = true; break;
	case PV_JOIN: n->cut = false; break;
	case PV_FREEZE: sim_freeze(n, arg); break;
	case PV_REBIND:
		if (n->nat)
			sim_nat_forget(n->nat);
		break;
	default: break;
	}
}

static void act(struct run *r, const struct plan_event *e)
{
	struct sim_node *n = r->host[e->host];
	uint32_t spi;
	trace_say(&r->w->trace, "%s: %s%s", n->name, plan_verb_name(e->verb), n->frozen > r->s->now ? " (suspended: not done)" : "");
	if (n->frozen > r->s->now)
		return;
	switch (e->verb) {
	case PV_REKEY_CHILD: command_id(n, IKE_CMD_REKEY_CHILD, newest_child(n, &spi)); break;
	case PV_REKEY_IKE: command_id(n, IKE_CMD_REKEY_IKE, newest_ike(n)); break;
	case PV_DELETE_CHILD: command_id(n, IKE_CMD_DOWN_CHILD, newest_child(n, &spi)); break;
	case PV_DELETE_IKE: command_id(n, IKE_CMD_DOWN_IKE, newest_ike(n)); break;
	case PV_CHECK: command_id(n, IKE_CMD_CHECK, newest_ike(n)); break;
	case PV_UP: command_tunnels(n, IKE_CMD_UP); break;
	case PV_DOWN: command_tunnels(n, IKE_CMD_DOWN); break;
	case PV_UNWANT: unwant(n); break;
	case PV_EXPIRE: soft_end(n); break;
	default: life(n, e->verb, e->arg);
	}
	if (r->s->watch)
		r->s->watch(r->s);
}

/* Not everybody looks for himself whether his peer lives. */
static void look(struct run *r)
{
	for (uint32_t i = 0; i < r->p->n_hosts; i++) {
		struct ike_sa_view v;
		uint32_t id[SIM_SAS], n = 0;
		for (uint32_t at = 0; n < SIM_SAS && ike_next_sa(r->host[i]->ike, &at, &v);)
			id[n++] = v.ike_id;
		for (uint32_t k = 0; k < n; k++)
			command_id(r->host[i], IKE_CMD_CHECK, id[k]);
	}
}

static void heal(struct run *r)
{
	trace_say(&r->w->trace, "everything works from here on");
	r->healed = true;
	r->s->priv_fail = 0;
	for (uint32_t i = 0; i < r->p->n_hosts; i++) {
		r->host[i]->cut = false;
		r->host[i]->frozen = 0;
	}
	for (uint32_t i = 0; i < r->p->n_hosts; i++)
		command_tunnels(r->host[i], IKE_CMD_UP);
}

/* --- what has come of it --- */

static bool quiet(struct run *r, char *why, size_t n)
{
	bool good = true;
	for (uint32_t i = 0; i < r->p->n_hosts && good; i++) {
		int peer = r->p->host[i].peer;
		if (peer >= 0 && (uint32_t)peer < i && r->p->host[peer].peer == (int)i)
			continue; /* seen from the other end */
		if (peer >= 0)
			good = watch_quiet(r->w, r->host[i], r->host[peer], r->p->end == END_UP, why, n);
		if (good && peer >= 0 && r->p->end == END_DOWN && (r->host[i]->n_sas || r->host[peer]->n_sas)) {
			snprintf(why, n, "the tunnel is up, which nobody wants");
			good = false;
		}
	}
	return good;
}

static void wait_for_peace(struct run *r)
{
	mono_t last = r->s->now + r->p->quiet;
	char why[400] = "";
	dur_t holds = r->p->end == END_UP ? HOLDS : HOLDS_DOWN;
	for (unsigned n = 0; !r->w->broken[0] && r->s->now < last; n++) {
		if (r->healed && n % LOOK_S == 0)
			look(r);
		sim_run(r->s, DUR_S(1));
		if (r->s->stuck)
			watch_broken(r->w, NULL, "the engines run in a circle");
		if (!quiet(r, why, sizeof why))
			continue;
		sim_run(r->s, holds);
		if (quiet(r, why, sizeof why))
			return;
	}
	watch_broken(r->w, NULL, "no peace after %lld s: %s", (long long)dur_to_s(r->p->quiet), why);
}

static void stop(struct run *r)
{
	struct ike_cmd cmd = {.type = IKE_CMD_STOP};
	r->w->lossless = false;
	for (uint32_t i = 0; i < r->p->n_hosts; i++) {
		cmd.conf = r->host[i]->conf;
		ike_command(r->host[i]->ike, &cmd, r->s->now, r->host[i]->acts);
		sim_after(r->host[i]);
	}
	sim_run(r->s, STOPPING);
	for (uint32_t i = 0; i < r->p->n_hosts; i++)
		watch_end(r->w, r->host[i]);
}

static void play(struct run *r)
{
	const struct plan *p = r->p;
	char why[400] = "";
	sim_run(r->s, p->setup);
	for (dur_t t = 0; p->setup && t < SETUP_MAX && !r->w->broken[0] && !quiet(r, why, sizeof why); t += DUR_S(1))
		sim_run(r->s, DUR_S(1));
	if (p->setup && !r->w->broken[0] && !quiet(r, why, sizeof why) && p->end != END_DOWN)
		watch_broken(r->w, NULL, "there is no tunnel to begin with: %s", why);
	r->armed = true;
	r->w->lossless = p->lossless;
	r->w->trace.zero = r->s->now;
	r->s->priv_fail = p->refused;
	mono_t zero = r->s->now;
	for (uint32_t i = 0; i < p->n_ev && !r->w->broken[0]; i++) {
		if (zero + p->ev[i].at > r->s->now)
			sim_run(r->s, zero + p->ev[i].at - r->s->now);
		act(r, &p->ev[i]);
	}
	if (p->heal && !r->w->broken[0]) {
		if (zero + p->heal > r->s->now)
			sim_run(r->s, zero + p->heal - r->s->now);
		heal(r);
	}
	wait_for_peace(r);
	if (!r->w->broken[0])
		stop(r);
}

bool plan_run(const struct plan *p, struct plan_result *r)
{
	struct run run = {.p = p, .r = r, .s = sim_new(p->seed), .w = malloc(sizeof *run.w)};
	r->broken[0] = '\0';
	r->datagrams = 0;
	r->story = NULL;
	if (!build(&run))
		snprintf(r->broken, sizeof r->broken, "the scenario's configuration does not load");
	else
		play(&run);
	if (run.s->eyes && run.w->broken[0])
		snprintf(r->broken, sizeof r->broken, "%s", run.w->broken);
	r->events = run.s->steps;
	if (run.s->eyes && r->tell) {
		r->story = run.w->trace.story;
		run.w->trace.story = NULL;
	}
	if (run.s->eyes)
		watch_free(run.w);
	sim_free(run.s);
	free(run.w);
	return !r->broken[0];
}
