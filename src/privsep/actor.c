/* The actor's frame: tunnels by name, the phase, and which function a verb goes to. The functions are in actor_sa.c
 * (SAs), actor_net.c (addresses, guards, GRE), actor_hook.c (scripts) and actor_psk.c (pre-shared keys); what is the data plane's
 * goes through a table of functions, actor_kernel.c or actor_user.c. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "privsep/actor_int.h"

static uint64_t name_hash(const struct actor *a, const char *name)
{
	return hmap_hash(&a->names, name, strlen(name));
}

struct tstate *actor_tstate(const struct actor *a, const char *name)
{
	for (struct hnode *n = hmap_first(&a->names, name_hash(a, name)); n; n = hmap_next(n)) {
		struct tstate *s = CONTAINER_OF(n, struct tstate, by_name);
		if (strcmp(s->name, name) == 0)
			return s;
	}
	return NULL;
}

struct tstate *actor_tstate_conf(const struct actor *a, const char *name, struct actor_out *out)
{
	struct tstate *s = actor_tstate(a, name);
	if (s && s->t && s->t->kind == TUNNEL_TRANSPORT)
		return s;
	actor_refuse(out, -ENOENT, "no tunnel of this name is configured");
	return NULL;
}

struct tstate *actor_tstate_new(struct actor *a, const char *name)
{
	struct tstate *s = mem_get(a->env.mem, sizeof *s);
	if (!s)
		return NULL;
	struct sbuf b = SB(s->name);
	sb_put(&b, name);
	s->hook_status = -1;
	s->id = ++a->last_tunnel;
	hmap_add(&a->names, &s->by_name, name_hash(a, s->name));
	list_add_tail(&a->tunnels, &s->node);
	return s;
}

static void tstate_free(struct actor *a, struct tstate *s)
{
	hmap_del(&a->names, &s->by_name);
	if (s->linked)
		hmap_del(&a->links, &s->by_link);
	list_del(&s->node);
	mem_put(a->env.mem, s->command, s->command_size);
	mem_put(a->env.mem, s, sizeof *s);
}

void actor_logf(struct actor *a, int8_t level, const char *fmt, ...)
{
	char text[PRIV_TEXT_MAX];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	a->env.log(a->env.log_ctx, level, text);
}

int actor_refuse(struct actor_out *out, int status, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(out->text, sizeof out->text, fmt, ap);
	va_end(ap);
	out->answer = true;
	out->has_body = false;
	out->status = status;
	return status;
}

void actor_answer(struct actor_out *out, bool has_body)
{
	out->answer = true;
	out->has_body = has_body;
	out->status = 0;
}

struct actor *actor_new(const struct actor_env *env)
{
	struct actor *a = mem_get(env->mem, sizeof *a);
	if (!a)
		return NULL;
	a->env = *env;
	a->phase = PHASE_START;
	a->plane = env->esp ? &actor_plane_user : &actor_plane_kernel;
	list_init(&a->devices);
	list_init(&a->tunnels);
	list_init(&a->all_spis);
	uint64_t k[10];
	struct hmap *maps[] = {&a->names, &a->spis, &a->links, &a->traps};
	size_t n = 0;
	rng_fill(env->rng, k, sizeof k);
	if (children_init(&a->children, env->mem, k[0], k[1]) == 0) {
		while (n < ARRAY_LEN(maps) && hmap_init(maps[n], env->mem, k[2 * n + 2], k[2 * n + 3]) == 0)
			n++;
		if (n == ARRAY_LEN(maps))
			return a;
		while (n > 0)
			hmap_fini(maps[--n]);
		children_fini(&a->children);
	}
	mem_put(env->mem, a, sizeof *a);
	return NULL;
}

void actor_crypto_set(struct actor *a, struct crypto *crypto) { a->env.crypto = crypto; }

void actor_free(struct actor *a)
{
	if (!a)
		return;
	actor_spis_free_all(a);
	actor_devices_close(a);
	children_fini(&a->children);
	LIST_EACH(it, tmp, &a->tunnels)
		tstate_free(a, LIST_ENTRY(it, struct tstate, node));
	hmap_fini(&a->names);
	hmap_fini(&a->spis);
	hmap_fini(&a->links);
	hmap_fini(&a->traps);
	for (size_t i = 0; i < ARRAY_LEN(a->command); i++)
		mem_put(a->env.mem, a->command[i], a->command_size[i]);
	mem_put(a->env.mem, a, sizeof *a);
}

/* Whether anything would be lost with s. Children name their tunnel themselves. */
static bool worth_keeping(const struct tstate *s) { return s->t || s->hook_up || s->gre.name[0] || s->n_spis || s->n_devices; }

void actor_tstate_done(struct actor *a, struct tstate *s)
{
	if (!worth_keeping(s))
		tstate_free(a, s);
}

void actor_tstates_sweep(struct actor *a)
{
	LIST_EACH(it, tmp, &a->tunnels)
		actor_tstate_done(a, LIST_ENTRY(it, struct tstate, node));
}

/* Whether the peer's names are the same and in the same places. */
static bool same_names(const struct conf *ca, const struct tunnel_conf *a, const struct conf *cb,
                       const struct tunnel_conf *b)
{
	for (uint8_t i = 0; i < CONF_HOSTS_MAX; i++) {
		const struct conf_host *x = &a->remote.host[i], *y = &b->remote.host[i];
		if ((x->kind == HOST_NAME || y->kind == HOST_NAME) &&
		    (x->kind != y->kind || strcmp(conf_str(ca, x->name), conf_str(cb, y->name)) != 0))
			return false;
	}
	return a->remote.n_hosts == b->remote.n_hosts;
}

int actor_conf_set(struct actor *a, const struct conf *conf, const struct psk_set *psks)
{
	/* First what can fail: a state for each name. */
	for (uint32_t i = 0; i < conf->n_tunnels; i++) {
		const char *name = conf_str(conf, conf_tunnel(conf, i)->name);
		if (!actor_tstate(a, name) && !actor_tstate_new(a, name))
			return -ENOMEM;
	}
	const struct conf *was = a->conf;
	a->conf = conf;
	a->psks = psks;
	for (uint32_t i = 0; i < conf->n_tunnels; i++) {
		const struct tunnel_conf *t = conf_tunnel(conf, i);
		actor_tstate(a, conf_str(conf, t->name))->next = t;
	}
	LIST_EACH(it, tmp, &a->tunnels) {
		struct tstate *s = LIST_ENTRY(it, struct tstate, node);
		if (!s->t || !s->next || !same_names(was, s->t, conf, s->next))
			s->n_known = 0; /* addresses of other names */
		s->t = s->next;
		(void)actor_reqid_seen(a, s->t ? s->t->reqid : 0);
		s->next = NULL;
	}
	actor_traps_check(a);
	actor_shunts_apply(a, was);
	actor_guards_apply(a);
	actor_tstates_sweep(a);
	return 0;
}

void actor_phase_set(struct actor *a, uint8_t phase) { a->phase = phase; }
const struct children *actor_children(const struct actor *a) { return &a->children; }

bool actor_held(const struct actor *a, const char *tunnel)
{
	struct tstate *s = actor_tstate(a, tunnel);
	return s && s->held;
}

static void act_held_set(struct actor *a, const struct m_held *m, struct actor_out *out)
{
	struct tstate *s = actor_tstate_conf(a, m->tunnel, out);
	if (!s)
		return;
	s->held = m->held;
	actor_book_tunnel(a, s);
	actor_answer(out, false);
}

/* The octets and the AUTH value of a PSK verb must fill the tail exactly. */
static void act_psk(struct actor *a, const struct priv_msg *msg, struct actor_out *out)
{
	const struct m_psk *m = msg->body;
	if ((size_t)m->n_octets + m->n_auth != msg->tail.n) {
		actor_refuse(out, -EINVAL, "the lengths of the message disagree");
		return;
	}
	struct span octets = SPAN(msg->tail.p, m->n_octets), auth = SPAN(msg->tail.p + m->n_octets, m->n_auth);
	if (msg->verb == PRIV_PSK_SIGN)
		act_psk_sign(a, m, octets, out);
	else
		act_psk_verify(a, m, octets, auth, out);
}

/* The verbs that act at once. */
static void act(struct actor *a, const struct priv_msg *m, mono_t now, struct actor_out *out)
{
	switch (m->verb) {
	case PRIV_SPI_ALLOC: act_spi_alloc(a, m->body, out); break;
	case PRIV_SPI_FREE: act_spi_free(a, m->body); break;
	case PRIV_CHILD_INSTALL: act_child_install(a, m->body, now, out); break;
	case PRIV_CHILD_MOVE: act_child_move(a, m->body, out); break;
	case PRIV_CHILD_REMOVE: act_child_remove(a, m->body, out); break;
	case PRIV_SA_QUERY: act_sa_query(a, m->body, out); break;
	case PRIV_GUARD_SET: act_guard_set(a, m->body, out); break;
	case PRIV_TRAP_SET: act_trap_set(a, m->body, out); break;
	case PRIV_GRE_UP: act_gre_up(a, m->body, out); break;
	case PRIV_GRE_DOWN: act_gre_down(a, m->body, out); break;
	case PRIV_GRE_FIND: act_gre_find(a, m->body, out); break;
	case PRIV_HOOK_RUN: act_hook_run(a, m->body, out); break;
	case PRIV_PSK_SIGN:
	case PRIV_PSK_VERIFY: act_psk(a, m, out); break;
	case PRIV_PPK_MIX: act_ppk_mix(a, m->body, m->tail, out); break;
	case PRIV_PATH: act_path(a, m->body, out); break;
	case PRIV_PROBE: act_probe(a, m->body, out); break;
	case PRIV_HELD_SET: act_held_set(a, m->body, out); break;
	case PRIV_GRE_ADD: act_gre_add(a, m->body, out); break;
	case PRIV_GRE_DEL: act_gre_del(a, m->body, out); break;
	case PRIV_DP_STATS: act_dp_stats(a, m->body, out); break;
	default: actor_refuse(out, -EOPNOTSUPP, "%s is not a request", m->row->name);
	}
}

/* What only some verbs fill in, and fill in as a whole, is left alone: it is most of the struct. */
static void out_init(const struct actor *a, struct actor_out *out)
{
	memset(out, 0, offsetof(struct actor_out, text));
	out->text[0] = '\0';
	out->todo = TODO_NOTHING;
	out->down_first = out->check_only = false;
	out->ifindex = 0;
	out->inner = (struct addr){.family = AF_NONE};
	out->level = 0;
	if (a->env.esp)
		memset(&out->esp, 0, sizeof out->esp);
}

void actor_handle(struct actor *a, const struct priv_msg *m, mono_t now, struct actor_out *out)
{
	out_init(a, out);
	if (!(m->row->phases & a->phase) || (!a->conf && m->verb != PRIV_HELLO && m->verb != PRIV_LOG)) {
		actor_refuse(out, a->phase == PHASE_STOP ? -ESHUTDOWN : -EPERM, "%s is not for now", m->row->name);
		out->answer = m->row->answered;
		return;
	}
	switch (m->verb) {
	case PRIV_HELLO: out->todo = TODO_HELLO; return;
	case PRIV_READY: out->todo = TODO_READY; return;
	case PRIV_STOPPED: out->todo = TODO_STOPPED; return;
	case PRIV_LOG:
		out->todo = TODO_LOG;
		out->level = ((const struct m_log *)m->body)->level;
		return;
	case PRIV_RELOAD:
		out->todo = TODO_RELOAD;
		out->check_only = ((const struct m_reload *)m->body)->check_only;
		return;
	default:
		act(a, m, now, out);
		out->answer = out->answer && m->row->answered;
	}
}

bool actor_event(struct actor *a, struct kernel_event *ev, mono_t now)
{
	if (ev->type == KERNEL_ADDR)
		ev->inner = !actor_address_outside(a, ev->ifindex);
	if (ev->type == KERNEL_ADDR || ev->type == KERNEL_OVERRUN)
		a->locals_fresh = false;
	if (ev->type == KERNEL_LINK || ev->type == KERNEL_OVERRUN)
		actor_devices_event(a, ev);
	struct child *k = ev->type == KERNEL_MAPPING ? children_find(&a->children, ev->spi) : NULL;
	if (!k)
		return true;
	/* The kernel says it with every packet until the SA is moved. Once a second is enough, should a move have failed. */
	if (endpoint_eq(&k->heard, &ev->source) && mono_add(k->heard_at, DUR_S(1)) > now)
		return false;
	k->heard = ev->source;
	k->heard_at = now;
	return true;
}

void actor_ike_gone(struct actor *a)
{
	a->phase = PHASE_START;
	actor_spis_free_all(a);
	for (struct child *k = NULL; (k = children_next(&a->children, k));)
		k->old = true;
}

void actor_child_event(const struct actor *a, const struct child *k, uint32_t left, struct e_child *out)
{
	memset(out, 0, sizeof *out);
	struct sbuf b = SB(out->tunnel);
	sb_put(&b, k->tunnel);
	out->left = left;
	out->peer = k->peer;
	out->sa = k->sa;
	out->since = k->since;
	out->hook_up = actor_hook_is_up(a, k);
}

void actor_remove_children(struct actor *a)
{
	actor_traps_remove(a);
	for (struct child *k; (k = children_next(&a->children, NULL));)
		actor_child_remove(a, k);
}
