/* The world's clock, its queue of events, its hosts. See sim.h. */
#include "sim.h"

#include "../config/mem_files.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim_int.h"

enum { STEPS_MAX = 2000000, SAME_TIME_MAX = 20000 };

/* --- handles --- */

/* splitmix64 (Steele, Lea, Flood 2014). */
static void rng_fill_sim(struct rng *r, void *p, size_t n)
{
	struct sim_rng *g = CONTAINER_OF(r, struct sim_rng, rng);
	uint8_t *out = p;
	for (size_t i = 0; i < n; i += 8) {
		uint64_t z = g->state += 0x9e3779b97f4a7c15u;
		z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
		z = (z ^ z >> 27) * 0x94d049bb133111ebu;
		z ^= z >> 31;
		memcpy(out + i, &z, min_z(8, n - i));
	}
}

static void rng_init(struct sim_rng *g, uint64_t seed)
{
	*g = (struct sim_rng){.rng = {.fill = rng_fill_sim}, .state = seed * 0x2545f4914f6cdd1du + 1};
}

static void *mem_get_sim(struct mem *m, size_t size)
{
	struct sim_mem *s = CONTAINER_OF(m, struct sim_mem, mem);
	s->asked++;
	if (s->asked == s->fail_at || (s->fail_from && s->asked >= s->fail_from))
		return NULL;
	s->blocks++;
	return calloc(1, size ? size : 1);
}

static void mem_put_sim(struct mem *m, void *p, size_t size)
{
	struct sim_mem *s = CONTAINER_OF(m, struct sim_mem, mem);
	(void)size;
	s->blocks--;
	free(p);
}

static void mem_init(struct sim_mem *m) { *m = (struct sim_mem){.mem = {.get = mem_get_sim, .put = mem_put_sim}}; }

/* --- the queue --- */

void sim_event_add(struct sim *s, dur_t in, struct sim_event e)
{
	struct sim_event *n = malloc(sizeof *n), **at = &s->events;
	*n = e;
	n->at = s->now + in;
	n->seq = s->seq++;
	while (*at && (*at)->at <= n->at)
		at = &(*at)->next;
	n->next = *at;
	*at = n;
}

static void event_free(struct sim_event *e)
{
	free(e->packet.p);
	free(e->octets);
	free(e);
}

void sim_at(struct sim *s, dur_t in, void (*fn)(struct sim_node *n), struct sim_node *n)
{
	sim_event_add(s, in, (struct sim_event){.kind = SIM_CALL, .node = n, .fn = fn});
}

static void deliver(struct sim_node *n, const struct sim_event *e)
{
	const struct sim_packet *p = &e->packet;
	struct ike_datagram d = {
		.local = p->dst,
		.remote = p->src,
		.natt_port = p->dst.port == 4500,
		.data = SPAN(p->p, p->n),
	};
	/* What the NAT-T socket would not take for IKE: ESP, keep-alives. */
	if (!n->ike || n->cut || n->frozen > n->sim->now || d.natt_port != p->marker || (d.natt_port && p->n == 1))
		return;
	ike_input(n->ike, &d, n->sim->now, n->acts);
	sim_after(n);
}

static void fact(struct sim *s, struct sim_event *e)
{
	if (!e->node->ike || e->life != e->node->n_lives)
		return;
	if (e->node->frozen > s->now) { /* it is read on waking */
		sim_event_add(s, e->node->frozen - s->now, *e);
		e->octets = NULL;
		return;
	}
	sim_report(e->node, &e->fact);
}

static void run_event(struct sim *s, struct sim_event *e)
{
	switch (e->kind) {
	case SIM_PACKET:
		deliver(e->node, e);
		break;
	case SIM_FACT:
		fact(s, e);
		break;
	case SIM_CALL:
		e->fn(e->node);
		break;
	}
}

static mono_t due(const struct sim *s, struct sim_node **who)
{
	mono_t first = MONO_NEVER;
	*who = NULL;
	for (uint32_t i = 0; i < s->n_nodes; i++) {
		mono_t d = s->node[i]->ike ? ike_due(s->node[i]->ike) : MONO_NEVER;
		if (d < s->node[i]->frozen)
			d = s->node[i]->frozen;
		if (d < first) {
			first = d;
			*who = s->node[i];
		}
	}
	if (s->eyes && s->eyes->due && s->eyes->due(s) < first) {
		first = s->eyes->due(s);
		*who = NULL;
	}
	return first;
}

bool sim_until(struct sim *s, dur_t d, bool (*cond)(struct sim *s))
{
	mono_t end = s->now + d;
	unsigned same = 0;
	while (!cond || !cond(s)) {
		struct sim_node *who;
		mono_t timer = due(s, &who), next = s->events ? mono_min(s->events->at, timer) : timer;
		if (next > end) {
			s->now = end;
			break;
		}
		same = next > s->now ? 0 : same + 1;
		if (same > SAME_TIME_MAX || ++s->steps > STEPS_MAX) {
			s->stuck = true;
			break;
		}
		if (next > s->now)
			s->now = next;
		if (s->events && s->events->at <= s->now) {
			struct sim_event *e = s->events;
			s->events = e->next;
			run_event(s, e);
			event_free(e);
		} else if (who) {
			ike_timer(who->ike, s->now, who->acts);
			sim_after(who);
		} else {
			s->eyes->timer(s);
		}
		if (s->watch)
			s->watch(s);
	}
	return cond && cond(s);
}

void sim_run(struct sim *s, dur_t d) { (void)sim_until(s, d, NULL); }

/* --- hosts --- */

static struct crypto *the_crypto;

static void free_crypto(void) { crypto_free(the_crypto); }

/* To look its algorithms up takes longer than a whole tunnel: one for all worlds of the program. It holds no state of theirs. */
static struct crypto *shared_crypto(void)
{
	if (!the_crypto) {
		the_crypto = crypto_new();
		atexit(free_crypto);
	}
	return the_crypto;
}

struct sim *sim_new(uint64_t seed)
{
	struct sim *s = calloc(1, sizeof *s);
	s->crypto = shared_crypto();
	s->now = DUR_S(1000);
	s->delay_min = s->delay_max = DUR_MS(20);
	s->priv_delay = DUR_MS(1);
	rng_init(&s->rng, seed);
	mem_init(&s->plain);
	return s;
}

static struct ike_acts *acts_new(void)
{
	struct ike_acts *a = malloc(sizeof *a);
	memset(a, 0, offsetof(struct ike_acts, v));
	return a;
}

static void node_free(struct sim_node *n)
{
	sim_stop(n);
	config_free(n->conf);
	psk_set_fini(&n->psks);
	free(n->acts);
	free(n);
}

void sim_free(struct sim *s)
{
	for (uint32_t i = 0; i < s->n_nodes; i++)
		node_free(s->node[i]);
	while (s->events) {
		struct sim_event *e = s->events;
		s->events = e->next;
		event_free(e);
	}
	free(s);
}

struct sim_node *sim_host(struct sim *s, const char *name, const char *addr)
{
	struct sim_node *n = malloc(sizeof *n);
	memset(n, 0, offsetof(struct sim_node, sa));
	n->sim = s;
	n->name = name;
	n->acts = acts_new();
	if (!addr_parse(addr, &n->addr))
		abort();
	mem_init(&n->mem);
	rng_init(&n->rng, s->rng.state + 77 * (s->n_nodes + 1));
	psk_set_init(&n->psks, &s->plain.mem);
	n->log_b = SB(n->log);
	n->index = s->n_nodes;
	n->next_spi = 0xc0000000u + (s->n_nodes + 1) * 0x10000u;
	s->node[s->n_nodes++] = n;
	return n;
}

struct addr sim_public(const struct sim_node *n) { return n->nat ? n->nat->public : n->addr; }

bool sim_conf_text(struct sim_node *n, const char *text, const char *secrets, const char *charon)
{
	struct mem_files files;
	struct diags d;
	char strongswan[1024], line[512];
	struct config_paths where = {.local = &n->addr, .n_local = 1, .file = "/etc/ipsec.conf"};
	if (!secrets)
		secrets = ": PSK \"secret\"\n";
	snprintf(strongswan, sizeof strongswan, "charon {\n%s\n}\n", charon ? charon : "");
	mem_files_init(&files);
	mem_files_add(&files, "/etc/ipsec.conf", text, strlen(text), 0600);
	mem_files_add(&files, "/etc/ipsec.secrets", secrets, strlen(secrets), 0600);
	mem_files_add(&files, "/etc/strongswan.conf", strongswan, strlen(strongswan), 0600);
	diags_init(&d, &n->sim->plain.mem);
	config_free(n->conf);
	int r = config_load(&where, &files.io, &n->conf, &n->psks, &d);
	bool ok = r == 0 && n->conf->n_refused == 0;
	for (const struct diag *i = ok ? NULL : d.first; i; i = i->next) {
		struct sbuf b = SB(line);
		sb_diag(&b, i);
		fprintf(stderr, "%s: %s\n", n->name, line);
	}
	diags_fini(&d);
	return ok;
}

bool sim_conf_charon(struct sim_node *n, const struct sim_node *peer, const char *keys, const char *secrets,
                     const char *charon)
{
	char text[4096], right[ADDR_TEXT];
	struct addr remote = peer ? sim_public(peer) : n->addr;
	struct sbuf b = SB(text);
	sb_printf(&b,
	          "conn %%default\n\tright=%s\n\tleftprotoport=47\n\trightprotoport=47\n"
	          "\tike=aes128gcm16-prfsha256-x25519!\n\tesp=aes128gcm16!\n\tauthby=secret\n\tkeyexchange=ikev2\n"
	          "\ttype=transport\n\tauto=add\n\tdpdaction=none\n\tmobike=no\nconn t\n",
	          peer ? addr_str(&remote, right) : "%any");
	for (bool fresh = true; *keys; keys++) {
		if (fresh)
			sb_putc(&b, '\t');
		sb_putc(&b, *keys);
		fresh = *keys == '\n';
	}
	sb_putc(&b, '\n');
	return !b.cut && sim_conf_text(n, text, secrets, charon);
}

bool sim_conf(struct sim_node *n, const struct sim_node *peer, const char *keys, const char *secrets)
{
	return sim_conf_charon(n, peer, keys, secrets, NULL);
}

static void hand_over_orphans(struct sim_node *n, uint32_t tunnel)
{
	const struct tunnel_conf *t = conf_tunnel(n->conf, tunnel);
	if (t->remote.n_hosts != 1 || t->remote.host[0].kind != HOST_ADDR)
		return;
	for (uint32_t i = 0; i < n->n_sas && n->n_orphans; i++) {
		uint32_t spi = n->sa[i].sa.in.spi;
		if (!addr_eq(&n->sa[i].sa.remote, &t->remote.host[0].lo) || !sim_orphan_take(n, spi))
			continue;
		struct ike_cmd cmd = {.type = IKE_CMD_ORPHAN, .tunnel = tunnel + 1, .id = spi};
		ike_command(n->ike, &cmd, n->sim->now, n->acts);
	}
}

void sim_reload(struct sim_node *n, bool start)
{
	struct ike_cmd cmd = {.type = IKE_CMD_SETUP, .conf = n->conf};
	ike_command(n->ike, &cmd, n->sim->now, n->acts);
	sim_after(n);
	for (uint32_t i = 0; i < n->conf->n_tunnels; i++) {
		cmd = (struct ike_cmd){
			.type = IKE_CMD_TUNNEL_SET,
			.tunnel = i + 1,
			.start = start,
			.conf = n->conf,
			.t = conf_tunnel(n->conf, i),
		};
		if (n->sim->eyes && n->sim->eyes->conf)
			n->sim->eyes->conf(n, i + 1);
		ike_command(n->ike, &cmd, n->sim->now, n->acts);
		hand_over_orphans(n, i);
		sim_after(n);
	}
}

static bool engine_new(struct sim_node *n)
{
	struct ike_env env = {.mem = &n->mem.mem, .crypto = n->sim->crypto, .rng = &n->rng.rng};
	sim_stop(n);
	n->n_lives++;
	n->n_spis = n->n_early = 0;
	n->ike = ike_new(&env);
	if (n->ike && n->sim->eyes && n->sim->eyes->born)
		n->sim->eyes->born(n);
	return n->ike != NULL;
}

bool sim_start(struct sim_node *n)
{
	n->n_sas = n->n_orphans = 0;
	if (!engine_new(n))
		return false;
	struct ike_fact f = {.type = IKE_FACT_ADDRESS, .local = {.addr = n->addr}};
	sim_report(n, &f);
	sim_reload(n, true);
	return true;
}

/* As the daemon does it: orphans of a tunnel that can be called are the engine's, others go with the first new child of the
 * same peer (sim_kernel.c). */
bool sim_restart(struct sim_node *n)
{
	n->n_orphans = 0;
	for (uint32_t i = 0; i < n->n_sas; i++)
		n->orphan[n->n_orphans++] = n->sa[i].sa.in.spi;
	if (!engine_new(n))
		return false;
	sim_reload(n, true);
	return true;
}

void sim_freeze(struct sim_node *n, dur_t d) { n->frozen = mono_add(n->sim->now, d); }

void sim_stop(struct sim_node *n)
{
	if (n->ike)
		ike_free(n->ike);
	n->ike = NULL;
}

void sim_cmd(struct sim_node *n, uint8_t type, uint32_t id)
{
	struct ike_cmd cmd = {.type = type, .tunnel = 1, .id = id, .conf = n->conf};
	ike_command(n->ike, &cmd, n->sim->now, n->acts);
	sim_after(n);
}

void sim_report(struct sim_node *n, const struct ike_fact *f)
{
	ike_report(n->ike, f, n->sim->now, n->acts);
	sim_after(n);
}

void sim_after(struct sim_node *n)
{
	if (n->acts->dropped) {
		n->faults++;
		sim_log(n, "FAULT: %u actions found no room", n->acts->dropped);
	}
	for (uint32_t i = 0; i < n->acts->n; i++)
		sim_act(n, &n->acts->v[i]);
	ike_acts_reset(n->acts);
}

void sim_log(struct sim_node *n, const char *fmt, ...)
{
	char text[1200];
	va_list ap;
	if (n->sim->mute)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (n->sim->eyes && n->sim->eyes->said)
		n->sim->eyes->said(n, text);
	sb_printf(&n->log_b, "%9.3f %s ", (double)n->sim->now / 1e9, n->name);
	sb_put(&n->log_b, text);
	sb_putc(&n->log_b, '\n');
}
