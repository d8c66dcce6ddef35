/* Carries out what the pure engines want, and carries a fact from one to the next: the one place that knows ike/, tunnel/
 * and privsep/. Nothing is decided here. */
#include "daemon/ike_role.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { ROOM = 64 }; /* for the actions of one datagram, or of one answer */

/* --- log --- */

void role_log(struct ike_role *r, uint32_t tunnel, int8_t level, bool progress, const char *text)
{
	if (level <= r->log_level) {
		int err = priv_log(r->priv, level, text);
		(void)err; /* a log line that finds no room is lost, by design */
		ctl_log(r, level, text);
	}
	if (progress && tunnel)
		ctl_progress(r, tunnel, text);
}

void role_logf(struct ike_role *r, int8_t level, const char *fmt, ...)
{
	char text[PRIV_TEXT_MAX];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	role_log(r, 0, level, false, text);
}

/* --- tunnel/ --- */

static struct tun_child to_tun_child(const struct ike_child_info *i)
{
	return (struct tun_child){
		.child_id = i->child_id,
		.ike_id = i->ike_id,
		.reqid = i->reqid,
		.spi_in = i->spi_in,
		.spi_out = i->spi_out,
		.local = i->local,
		.remote = i->remote,
		.my_id = i->my_id,
		.peer_id = i->peer_id,
		.sel = i->sel,
		.ts_local = i->ts_local,
		.ts_remote = i->ts_remote,
		.encap = i->encap,
		.mark_in = i->mark_in,
		.mark_in_mask = i->mark_in_mask,
		.mark_out = i->mark_out,
		.mark_out_mask = i->mark_out_mask,
	};
}

static void run_tun_act(struct ike_role *r, const struct tun_act *a, mono_t now)
{
	struct tun_name *n = name_by_id(r, a->tunnel);
	const char *name = n ? n->name : "";
	uint32_t ticket = a->ticket | TICKET_TUNNEL;
	int err = 0;
	switch (a->type) {
	case TUN_ACT_GUARD_SET:
		err = priv_guard_set(r->priv, 0, name, &a->remote);
		if (n)
			name_guarded(r, n, &a->remote);
		break;
	case TUN_ACT_GRE_UP:
		err = priv_gre_up(r->priv, ticket, name, &a->local, &a->remote);
		break;
	case TUN_ACT_GRE_DOWN:
		err = priv_gre_down(r->priv, 0, name);
		break;
	case TUN_ACT_GRE_FIND:
		err = priv_gre_find(r->priv, ticket, name, &a->local, &a->remote);
		break;
	case TUN_ACT_HOOK:
		err = priv_hook_run(r->priv, ticket, name, a->hook_up, &a->child);
		break;
	case TUN_ACT_PROBE:
		err = priv_probe(r->priv, ticket, name, a->ifindex, &a->inner);
		break;
	case TUN_ACT_NOTE:
		role_log(r, a->tunnel, a->level, true, a->text);
		break;
	case TUN_ACT_ROUTE_UP:
	case TUN_ACT_ROUTE_DOWN:
		if (n)
			route_tunnel(r, n, &a->link, a->type == TUN_ACT_ROUTE_UP);
		break;
	case TUN_ACT_DONE:
		ctl_done(r, a->tunnel, a->ok, a->text);
		break;
	}
	if (err >= 0)
		return;
	role_logf(r, NOTE_ERROR, "%s: priv cannot be asked: %s", name, strerror(-err));
	static const uint8_t fact[] = {[TUN_ACT_GRE_UP] = TUN_FACT_GRE, [TUN_ACT_GRE_FIND] = TUN_FACT_GRE,
	                               [TUN_ACT_HOOK] = TUN_FACT_HOOK_ENDED, [TUN_ACT_PROBE] = TUN_FACT_PROBE};
	if (a->type < ARRAY_LEN(fact) && fact[a->type]) {
		struct tun_fact f = {.type = fact[a->type], .tunnel = a->tunnel, .ticket = a->ticket, .status = err, .text = ""};
		tunnels_report(r->tunnels, &f, now, &r->tun_acts);
	}
}

void act_tunnel_run(struct ike_role *r, mono_t now)
{
	for (uint32_t i = 0; i < r->tun_acts.n; i++)
		run_tun_act(r, &r->tun_acts.v[i], now);
	r->tun_acts.n = r->tun_acts.dropped = 0;
}

void act_tunnel(struct ike_role *r, const struct tun_fact *f, mono_t now)
{
	tunnels_report(r->tunnels, f, now, &r->tun_acts);
	act_tunnel_run(r, now);
}

/* An event of the IKE engine becomes a fact for tunnel/. */
static void tunnel_event(struct ike_role *r, const struct ike_act *a, mono_t now)
{
	static const uint8_t fact[] = {
		[IKE_EV_PEER_KNOWN] = TUN_FACT_PEER_KNOWN,
		[IKE_EV_CHILD_UP] = TUN_FACT_CHILD_UP,
		[IKE_EV_CHILD_DOWN] = TUN_FACT_CHILD_DOWN,
		[IKE_EV_CHILD_MOVED] = TUN_FACT_CHILD_MOVED,
		[IKE_EV_FAILED] = TUN_FACT_FAILED,
	};
	const struct ike_child_info *info = &a->tunnel_event.info;
	struct tun_child c = to_tun_child(info);
	if (a->tunnel_event.event == IKE_EV_CHILD_UP) {
		orphan_settle(r, name_by_id(r, a->tunnel), &info->ts_remote);
		r->settle = mono_add(now, DUR_S(KEYS_SETTLE_S));
	}
	if (a->tunnel_event.event <= IKE_EV_FAILED) {
		struct tun_fact f = {.type = fact[a->tunnel_event.event], .tunnel = a->tunnel, .child = &c,
		                     .text = a->tunnel_event.reason};
		act_tunnel(r, &f, now);
	}
}

/* --- ike/ --- */

static int run_ike_act(struct ike_role *r, struct ike_act *a, mono_t now)
{
	struct tun_name *n = name_by_id(r, a->tunnel);
	const char *name = n ? n->name : "";
	uint32_t ticket = a->ticket | TICKET_IKE;
	switch (a->type) {
	case IKE_ACT_SEND:
		net_send(r, a);
		/* Memory is given back when nothing more is said; a keep-alive is nothing. */
		if (r->settle != MONO_NEVER && a->send.data.n > 1)
			r->settle = mono_add(now, DUR_S(KEYS_SETTLE_S));
		return 0;
	case IKE_ACT_PATH:
		return priv_path(r->priv, ticket, name, a->path.attempt, &a->path.local, &a->path.remote, a->path.look);
	case IKE_ACT_PSK_SIGN:
		return priv_psk_sign(r->priv, ticket, name, a->sign.prf, a->sign.key, &a->sign.me, &a->sign.peer,
		                     a->sign.octets);
	case IKE_ACT_PSK_VERIFY:
		return priv_psk_verify(r->priv, ticket, name, a->verify.prf, &a->verify.me, &a->verify.peer,
		                       a->verify.octets, a->verify.auth);
	case IKE_ACT_PPK_MIX:
		return priv_ppk_mix(r->priv, ticket, name, a->mix.prf, a->mix.id, a->mix.keys);
	case IKE_ACT_SPI_ALLOC:
		return priv_spi_alloc(r->priv, ticket, name, &a->spi.local, &a->spi.remote, a->spi.reqid, a->spi.min,
		                      a->spi.max);
	case IKE_ACT_SPI_FREE:
		return priv_spi_free(r->priv, a->spi_free.spi);
	case IKE_ACT_CHILD_INSTALL:
		return priv_child_install(r->priv, ticket, name, a->install.child_id, &a->install.peer, &a->install.sa);
	case IKE_ACT_CHILD_QUERY:
		return priv_sa_query(r->priv, ticket, a->query.spi_in);
	case IKE_ACT_TRAP:
		return priv_trap_set(r->priv, 0, name, &a->trap.local, &a->trap.remote);
	case IKE_ACT_CHILD_MOVE:
		return priv_child_move(r->priv, ticket, &a->move.sa);
	case IKE_ACT_CHILD_REMOVE:
		return priv_child_remove(r->priv, 0, a->remove.spi_in);
	case IKE_ACT_NOTE:
		role_log(r, a->tunnel, a->note.level, a->note.progress, a->note.text);
		return 0;
	case IKE_ACT_TUNNEL:
		tunnel_event(r, a, now);
		return 0;
	}
	return 0;
}

/* What priv could not even be asked has failed. */
static void ike_refused(struct ike_role *r, const struct ike_act *a, int err, mono_t now)
{
	static const uint8_t fact[] = {[IKE_ACT_PATH] = IKE_FACT_PATH + 1, [IKE_ACT_PSK_SIGN] = IKE_FACT_SIGNED + 1,
	                               [IKE_ACT_PSK_VERIFY] = IKE_FACT_VERIFIED + 1, [IKE_ACT_SPI_ALLOC] = IKE_FACT_SPI + 1,
	                               [IKE_ACT_CHILD_INSTALL] = IKE_FACT_INSTALLED + 1, [IKE_ACT_PPK_MIX] = IKE_FACT_MIXED + 1,
	                               [IKE_ACT_CHILD_QUERY] = IKE_FACT_USED + 1, [IKE_ACT_CHILD_MOVE] = IKE_FACT_MOVED + 1};
	role_logf(r, NOTE_ERROR, "priv cannot be asked: %s", strerror(-err));
	if (a->type >= ARRAY_LEN(fact) || !fact[a->type] || !a->ticket)
		return;
	struct ike_fact f = {.type = (uint8_t)(fact[a->type] - 1), .ticket = a->ticket, .status = err, .text = "priv is busy"};
	ike_report(r->ike, &f, now, &r->acts);
}

void act_run(struct ike_role *r, mono_t now)
{
	for (uint32_t i = 0; i < r->acts.n; i++) {
		int err = run_ike_act(r, &r->acts.v[i], now);
		if (err < 0)
			ike_refused(r, &r->acts.v[i], err, now);
	}
	net_flush(r);
	if (r->acts.dropped)
		role_logf(r, NOTE_ERROR, "%u actions found no room", r->acts.dropped);
	ike_acts_reset(&r->acts);
	if (r->n_old)
		conf_let_go(r);
	ctl_down(r, now);
	if (r->stopping && !r->stopped_told && ike_idle(r->ike)) {
		r->stopped_told = true;
		int err = priv_stopped(r->priv);
		if (err < 0)
			loop_stop(r->loop, 1);
	}
}

void act_gather(struct ike_role *r, mono_t now)
{
	if (r->acts.n > IKE_ACTS_MAX - ROOM || r->acts.used > IKE_ARENA / 2)
		act_run(r, now);
}

/* --- answers of priv --- */

/* From the wall clock, which may have been set meanwhile: < 0 is no answer. */
static dur_t ago(int64_t last_s)
{
	int64_t s = loop_wall_s() - last_s;
	return last_s > 0 && s >= 0 && s < 86400 ? DUR_S(s) : -1;
}

static void ike_answer(struct ike_role *r, const struct priv_msg *m, mono_t now)
{
	struct ike_fact f = {.ticket = m->ticket & ~(uint32_t)TICKET_MASK, .status = m->status < 0 ? m->status : 0,
	                     .text = priv_msg_text(m)};
	switch (m->verb) {
	case PRIV_PATH:
		f.type = IKE_FACT_PATH;
		if (m->body) {
			const struct r_path *p = m->body;
			f.local = p->local;
			f.remote = p->remote;
		}
		break;
	case PRIV_PSK_SIGN:
		f.type = IKE_FACT_SIGNED;
		f.octets = m->tail;
		break;
	case PRIV_PSK_VERIFY:
		f.type = IKE_FACT_VERIFIED;
		if (m->body) {
			const struct r_psk *p = m->body;
			f.key = p->key;
			f.n_tried = p->n_tried;
		}
		break;
	case PRIV_PPK_MIX:
		f.type = IKE_FACT_MIXED;
		f.octets = m->tail;
		break;
	case PRIV_SPI_ALLOC:
		f.type = IKE_FACT_SPI;
		if (m->body) {
			const struct r_spi_alloc *p = m->body;
			f.spi = p->spi;
			f.reqid = p->reqid;
		}
		break;
	case PRIV_CHILD_INSTALL:
		f.type = IKE_FACT_INSTALLED;
		break;
	case PRIV_CHILD_MOVE:
		f.type = IKE_FACT_MOVED;
		if (m->status < 0)
			role_logf(r, NOTE_CONTROL, "%s: %s", m->row->name, f.text);
		break;
	case PRIV_SA_QUERY:
		f.type = IKE_FACT_USED;
		f.ago = m->body ? ago(((const struct r_sa_query *)m->body)->counters.last_in_s) : -1;
		break;
	default:
		if (m->status < 0)
			role_logf(r, NOTE_CONTROL, "%s: %s", m->row->name, priv_msg_text(m));
		return;
	}
	ike_report(r->ike, &f, now, &r->acts);
	act_gather(r, now);
}

static void tunnel_answer(struct ike_role *r, const struct priv_msg *m, mono_t now)
{
	struct tun_fact f = {.ticket = m->ticket & ~(uint32_t)TICKET_MASK, .status = m->status, .text = priv_msg_text(m)};
	switch (m->verb) {
	case PRIV_GRE_UP:
	case PRIV_GRE_FIND:
		f.type = TUN_FACT_GRE;
		f.link = m->body ? &((const struct r_link *)m->body)->link : NULL;
		break;
	case PRIV_HOOK_RUN:
		f.type = TUN_FACT_HOOK_ENDED;
		break;
	case PRIV_PROBE:
		f.type = TUN_FACT_PROBE;
		break;
	default:
		return;
	}
	act_tunnel(r, &f, now);
}

void act_reply(struct ike_role *r, const struct priv_msg *m, mono_t now)
{
	if (m->ticket && (m->ticket & TICKET_MASK) == TICKET_IKE) {
		ike_answer(r, m, now);
		return;
	}
	act_run(r, now);
	if (m->ticket == 0) {
		if (m->status < 0 && m->status != -ENOENT)
			role_logf(r, NOTE_CONTROL, "%s: %s", m->row->name,
			          *priv_msg_text(m) ? priv_msg_text(m) : strerror(-m->status));
		return;
	}
	if ((m->ticket & TICKET_MASK) == TICKET_TUNNEL)
		tunnel_answer(r, m, now);
	else
		ctl_reply(r, m, now);
}

static void listen_change(struct ike_role *r, const struct addr *a, bool gone)
{
	uint32_t i = 0;
	while (i < r->n_listen && !addr_eq(&r->listen[i], a))
		i++;
	if (gone && i < r->n_listen)
		r->listen[i] = r->listen[--r->n_listen];
	else if (!gone && i == r->n_listen && i < PRIV_LISTEN_MAX)
		r->listen[r->n_listen++] = *a;
}

static void kernel_event(struct ike_role *r, const struct kernel_event *e, mono_t now)
{
	struct ike_fact f = {0};
	struct tun_link link = {.ifindex = e->gone ? 0 : e->ifindex, .mtu = e->mtu, .up = e->up};
	struct tun_fact t = {.type = TUN_FACT_LINK, .link = &link};
	switch (e->type) {
	case KERNEL_EXPIRE:
		if (e->hard)
			orphan_expired(r, e->spi, now);
		f = (struct ike_fact){.type = IKE_FACT_EXPIRE, .spi = e->spi, .hard = e->hard};
		break;
	case KERNEL_MAPPING:
		f = (struct ike_fact){.type = IKE_FACT_MAPPING, .spi = e->spi, .remote = e->source};
		break;
	case KERNEL_ADDR:
		link = (struct tun_link){.ifindex = e->ifindex};
		act_tunnel(r, &t, now); /* an interface of a tunnel may have got its address only now */
		if (e->inner) /* addresses inside tunnels are not for IKE */
			return;
		listen_change(r, &e->addr, e->gone);
		f = (struct ike_fact){.type = IKE_FACT_ADDRESS, .status = e->gone ? -EADDRNOTAVAIL : 0, .local = {.addr = e->addr}};
		break;
	case KERNEL_LINK:
		memcpy(link.name, e->name, sizeof link.name);
		act_tunnel(r, &t, now);
		if (e->inner)
			return;
		f = (struct ike_fact){.type = IKE_FACT_ROUTE}; /* IPv4 routes go with their link without a word */
		break;
	case KERNEL_ROUTE:
	case KERNEL_OVERRUN:
		f = (struct ike_fact){.type = IKE_FACT_ROUTE, .prefix = e->dst};
		break;
	default:
		return;
	}
	ike_report(r->ike, &f, now, &r->acts);
	act_run(r, now);
}

void act_event(struct ike_role *r, const struct priv_msg *m, mono_t now)
{
	if (m->verb == PRIV_KERNEL_EVENT) {
		kernel_event(r, &((const struct e_kernel *)m->body)->event, now);
	} else if (m->verb == PRIV_WANTED) {
		struct tun_name *n = name_find(r, ((const struct e_wanted *)m->body)->tunnel);
		struct ike_fact f = {.type = IKE_FACT_ACQUIRE, .tunnel = n ? n->id : 0};
		ike_report(r->ike, &f, now, &r->acts);
		act_run(r, now);
	} else if (m->verb == PRIV_HOOK_LINE) {
		const struct e_hook_line *e = m->body;
		struct tun_name *n = name_find(r, e->tunnel);
		char text[PRIV_TEXT_MAX];
		snprintf(text, sizeof text, "updown: %s", priv_msg_text(m));
		if (n) /* priv has logged it */
			ctl_progress(r, n->id, text);
	}
}
