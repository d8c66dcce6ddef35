/* What our `ip` asks on behalf of a script (cli/ip.h): GRE interfaces of the data plane in user space. The control socket has checked that
 * root asks; priv checks whether this tunnel may have such an interface, and makes it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/ike_ctl.h"

/* A number in 0..max; -1: there is none, or another. */
static int64_t number(const struct control_args *a, const char *name, int64_t max)
{
	int64_t v = control_option_int(a, name, -1);
	return v <= max ? v : -1;
}

static bool addr_option(const struct control_args *a, const char *name, struct addr *out)
{
	const char *text = control_option_text(a, name);
	return !*text || addr_parse(text, out);
}

static bool fill(const struct control_args *a, struct m_gre *m)
{
	struct sbuf tunnel = SB(m->tunnel), name = SB(m->name);
	int64_t key = number(a, "key", UINT32_MAX), ttl = number(a, "ttl", UINT8_MAX), tos = number(a, "tos", UINT8_MAX);
	sb_put(&tunnel, control_option_text(a, "tunnel"));
	sb_put(&name, a->v[0]);
	m->local = addr_any(AF_V4);
	if (!addr_option(a, "local", &m->local) || !addr_option(a, "remote", &m->remote))
		return false;
	m->key_set = key >= 0;
	m->key = m->key_set ? (uint32_t)key : 0;
	m->ttl = ttl > 0 ? (uint8_t)ttl : 0;
	m->tos = tos > 0 ? (uint8_t)tos : 0;
	m->csum = control_option(a, "csum");
	m->pmtudisc = control_option(a, "pmtudisc");
	m->change = control_option(a, "change");
	return !tunnel.cut && !name.cut;
}

void gre_request(struct ike_role *r, uint64_t client, enum control_verb v, const struct control_args *a, mono_t now)
{
	struct m_gre add;
	struct m_gre_del del;
	memset(&add, 0, sizeof add);
	memset(&del, 0, sizeof del);
	struct sbuf name = SB(del.name);
	sb_put(&name, a->v[0]);
	if (v == CONTROL_GRE_ADD ? !fill(a, &add) : name.cut) {
		control_end(r->ctl->server, client, CONTROL_USAGE, "no interface can be like that");
		return;
	}
	struct waiter *w = waiter_new(r, W_GRE, client);
	if (!w)
		return;
	w->ticket = ctl_ticket(r->ctl);
	w->limit = mono_add(now, DUR_S(GRE_LIMIT_S));
	int rc = v == CONTROL_GRE_ADD ? privsep_send(r->priv, PRIV_GRE_ADD, w->ticket, &add, SPAN(NULL, 0), NULL, 0)
	                              : privsep_send(r->priv, PRIV_GRE_DEL, w->ticket, &del, SPAN(NULL, 0), NULL, 0);
	if (rc < 0)
		waiter_end(r, w, CONTROL_FAILED, "priv cannot be asked");
}

/* A document {"errno": N} with a failure, so that `ip` can use the system's words. */
void gre_answer(struct ike_role *r, struct waiter *w, const struct priv_msg *m)
{
	if (m->status < 0 && !control_json(r->ctl->server, w->client, json_pack("{s:i}", "errno", -m->status)))
		w->kind = W_FREE;
	else
		waiter_end(r, w, m->status < 0 ? CONTROL_FAILED : CONTROL_OK, m->status < 0 ? priv_msg_text(m) : "");
}
