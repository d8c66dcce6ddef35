/* A configuration as text for comparison in tests. See conf_dump.h. */
#include "conf_dump.h"

#include <stdio.h>
#include <string.h>

static void dump_time(struct sbuf *b, const char *name, dur_t v, dur_t dflt)
{
	if (v == dflt)
		return;
	if (v % DUR_S(1) == 0)
		sb_printf(b, "\t%s %llds\n", name, (long long)dur_to_s(v));
	else
		sb_printf(b, "\t%s %lldms\n", name, (long long)dur_to_ms(v));
}

static void dump_num(struct sbuf *b, const char *name, uint64_t v, uint64_t dflt)
{
	if (v != dflt)
		sb_printf(b, "\t%s %llu\n", name, (unsigned long long)v);
}

static void dump_hex(struct sbuf *b, const char *name, uint64_t v, uint64_t dflt)
{
	if (v != dflt)
		sb_printf(b, "\t%s 0x%llx\n", name, (unsigned long long)v);
}

static void dump_bool(struct sbuf *b, const char *name, bool v, bool dflt)
{
	if (v != dflt)
		sb_printf(b, "\t%s %s\n", name, v ? "yes" : "no");
}

static void dump_str(struct sbuf *b, const struct conf *c, const char *name, conf_ref r)
{
	if (r)
		sb_printf(b, "\t%s %s\n", name, conf_str(c, r));
}

static void dump_word(struct sbuf *b, const char *name, unsigned v, unsigned dflt, const char *const *words)
{
	if (v != dflt)
		sb_printf(b, "\t%s %s\n", name, words[v]);
}

static void dump_host(struct sbuf *b, const struct conf *c, const struct conf_host *h)
{
	switch (h->kind) {
	case HOST_ANY:
		sb_put(b, h->family == AF_V4 ? "%any4" : h->family == AF_V6 ? "%any6" : "%any");
		return;
	case HOST_ADDR:
		sb_addr(b, &h->lo);
		return;
	case HOST_RANGE:
		sb_addr(b, &h->lo);
		sb_putc(b, '-');
		sb_addr(b, &h->hi);
		return;
	default:
		sb_printf(b, "name:%s", conf_str(c, h->name));
	}
}

static void dump_end(struct sbuf *b, const struct conf *c, const char *side, const struct conf_end *e)
{
	sb_printf(b, "\t%s", side);
	for (size_t i = 0; i < e->n_hosts; i++) {
		sb_putc(b, i ? ',' : ' ');
		dump_host(b, c, &e->host[i]);
	}
	if (e->n_hosts == 0)
		sb_put(b, " %any");
	if (e->allow_any)
		sb_put(b, " allowany");
	if (e->ikeport)
		sb_printf(b, " ikeport %u", e->ikeport);
	if (e->id_set) {
		sb_printf(b, " id %u:", e->id.type);
		sb_ident(b, &e->id);
	}
	if (e->id_loose)
		sb_put(b, " loose");
	if (e->proto)
		sb_printf(b, " proto %u", e->proto);
	if (e->port)
		sb_printf(b, " port %u", e->port);
	if (e->host_access)
		sb_put(b, " hostaccess");
	sb_putc(b, '\n');
}

static void dump_gre(struct sbuf *b, const struct conf_gre *g)
{
	char text[ADDR_TEXT];
	if (!g->name[0])
		return;
	sb_printf(b, "\tgre %s", g->name);
	for (size_t i = 0; i < g->n_addresses; i++) {
		sb_put(b, " address ");
		sb_prefix(b, &g->address[i]);
	}
	if (g->peer.family)
		sb_printf(b, " peer %s", addr_str(&g->peer, text));
	if (g->mtu)
		sb_printf(b, " mtu %u", g->mtu);
	if (g->ttl)
		sb_printf(b, " ttl %u", g->ttl);
	if (g->tos)
		sb_printf(b, " tos %u", g->tos);
	if (g->key_set)
		sb_printf(b, " key %u", g->key);
	sb_printf(b, "%s%s%s%s\n", g->csum ? " csum" : "", g->seq ? " seq" : "", g->mss_clamp ? " mss-clamp" : "",
	          g->keep ? " keep" : "");
}

static void dump_life(struct sbuf *b, const char *name, const struct conf_life *l, const struct conf_life *d)
{
	if (memcmp(l, d, sizeof *l) == 0)
		return;
	sb_printf(b, "\t%s life %llds margin %llds fuzz %u%%", name, (long long)dur_to_s(l->life),
	          (long long)dur_to_s(l->margin), l->fuzz_percent);
	if (l->bytes || l->margin_bytes)
		sb_printf(b, " bytes %llu-%llu", (unsigned long long)l->bytes, (unsigned long long)l->margin_bytes);
	if (l->packets || l->margin_packets)
		sb_printf(b, " packets %llu-%llu", (unsigned long long)l->packets, (unsigned long long)l->margin_packets);
	sb_putc(b, '\n');
}

static void dump_proposals(struct sbuf *b, const struct conf *c, const char *name, conf_ref text, conf_ref r,
                           uint8_t proto)
{
	static const struct proposals none;
	const struct proposals *p = conf_proposals(c, r);
	char why[64];
	struct sbuf err = SB(why);
	struct proposals d;
	if (text)
		dump_str(b, c, name, text);
	if (proposals_parse(NULL, proto, &d, &err) && memcmp(p ? p : &none, &d, sizeof d) == 0)
		return;
	sb_put(b, "\t\t");
	sb_proposals(b, p ? p : &none);
	sb_putc(b, '\n');
}

static void dump_tunnel(struct sbuf *b, const struct conf *c, const struct tunnel_conf *t)
{
	static const char *const kind[] = {"transport", "pass", "drop"};
	static const char *const mode[] = {"add", "route", "start"};
	static const char *const action[] = {"none", "clear", "hold", "restart"};
	static const char *const guard[] = {"on", "strict", "off"};
	struct tunnel_conf d;
	tunnel_conf_defaults(&d);
	sb_printf(b, "%s %s (%s) auto=%s\n", kind[t->kind], conf_str(c, t->name), conf_str(c, t->origin),
	          mode[t->auto_mode]);
	dump_end(b, c, "local", &t->local);
	dump_end(b, c, "remote", &t->remote);
	dump_proposals(b, c, "ike", t->ike_text, t->ike, PROTO_IKE);
	dump_proposals(b, c, "esp", t->esp_text, t->esp, PROTO_ESP);
	dump_life(b, "ike_life", &t->ike_life, &d.ike_life);
	dump_life(b, "child_life", &t->child_life, &d.child_life);
	dump_bool(b, "rekey", t->rekey, d.rekey);
	dump_bool(b, "reauth", t->reauth, d.reauth);
	dump_bool(b, "mobike", t->mobike, d.mobike);
	dump_bool(b, "forceencaps", t->forceencaps, d.forceencaps);
	dump_bool(b, "fragmentation", t->fragmentation, d.fragmentation);
	dump_bool(b, "frag_accept_only", t->frag_accept_only, d.frag_accept_only);
	dump_bool(b, "install_policy", t->install_policy, d.install_policy);
	dump_bool(b, "weak", t->weak, d.weak);
	dump_num(b, "keyingtries", t->keyingtries, d.keyingtries);
	dump_word(b, "dpd_action", t->dpd_action, d.dpd_action, action);
	dump_word(b, "close_action", t->close_action, d.close_action, action);
	dump_time(b, "dpd_delay", t->dpd_delay, d.dpd_delay);
	dump_time(b, "inactivity", t->inactivity, d.inactivity);
	dump_num(b, "reqid", t->reqid, d.reqid);
	dump_num(b, "replay_window", t->replay_window, d.replay_window);
	dump_num(b, "ikedscp", t->ikedscp, d.ikedscp);
	dump_hex(b, "mark_in", t->mark_in, d.mark_in);
	dump_hex(b, "mark_in_mask", t->mark_in_mask, d.mark_in_mask);
	dump_hex(b, "mark_out", t->mark_out, d.mark_out);
	dump_hex(b, "mark_out_mask", t->mark_out_mask, d.mark_out_mask);
	dump_word(b, "guard", t->guard, d.guard, guard);
	dump_str(b, c, "updown", t->updown);
	dump_str(b, c, "ppk_id", t->ppk_id);
	dump_bool(b, "ppk_required", t->ppk_required, d.ppk_required);
	dump_bool(b, "swapped", t->swapped, false);
	dump_bool(b, "kept", t->kept, false);
	dump_gre(b, &t->gre);
}

static void dump_setup(struct sbuf *b, const struct conf *c)
{
	static const char *const unique[] = {"yes", "no", "never", "keep"};
	const struct conf_setup *s = &c->setup;
	struct conf_setup d;
	conf_setup_defaults(&d);
	size_t at = b->len;
	sb_put(b, "setup\n");
	size_t head = b->len;
	dump_word(b, "uniqueids", s->uniqueids, d.uniqueids, unique);
	dump_num(b, "port", s->port, d.port);
	dump_num(b, "port_nat_t", s->port_nat_t, d.port_nat_t);
	dump_num(b, "retransmit.tries", s->retransmit.tries, d.retransmit.tries);
	dump_time(b, "retransmit.timeout", s->retransmit.timeout, d.retransmit.timeout);
	dump_num(b, "retransmit.base*1000", (uint64_t)(s->retransmit.base * 1000), (uint64_t)(d.retransmit.base * 1000));
	dump_num(b, "retransmit.jitter", s->retransmit.jitter_percent, d.retransmit.jitter_percent);
	dump_time(b, "retransmit.limit", s->retransmit.limit, d.retransmit.limit);
	dump_time(b, "keep_alive", s->keep_alive, d.keep_alive);
	dump_time(b, "keep_alive_dpd_margin", s->keep_alive_dpd_margin, d.keep_alive_dpd_margin);
	dump_time(b, "half_open_timeout", s->half_open_timeout, d.half_open_timeout);
	dump_time(b, "retry_initiate_interval", s->retry_initiate_interval, d.retry_initiate_interval);
	dump_time(b, "delete_rekeyed_delay", s->delete_rekeyed_delay, d.delete_rekeyed_delay);
	dump_num(b, "cookie_threshold", s->cookie_threshold, d.cookie_threshold);
	dump_num(b, "cookie_threshold_ip", s->cookie_threshold_ip, d.cookie_threshold_ip);
	dump_num(b, "block_threshold", s->block_threshold, d.block_threshold);
	dump_num(b, "init_limit_half_open", s->init_limit_half_open, d.init_limit_half_open);
	dump_num(b, "ikesa_limit", s->ikesa_limit, d.ikesa_limit);
	dump_num(b, "replay_window", s->replay_window, d.replay_window);
	dump_hex(b, "spi_min", s->spi_min, d.spi_min);
	dump_hex(b, "spi_max", s->spi_max, d.spi_max);
	dump_num(b, "fragment_size", s->fragment_size, d.fragment_size);
	dump_num(b, "max_packet", s->max_packet, d.max_packet);
	dump_bool(b, "dos_protection", s->dos_protection, d.dos_protection);
	dump_bool(b, "make_before_break", s->make_before_break, d.make_before_break);
	dump_bool(b, "prefer_configured_proposals", s->prefer_configured_proposals, d.prefer_configured_proposals);
	dump_bool(b, "allow_swap", s->allow_swap, d.allow_swap);
	dump_bool(b, "initiator_only", s->initiator_only, d.initiator_only);
	dump_str(b, c, "interfaces_use", s->interfaces_use);
	dump_str(b, c, "interfaces_ignore", s->interfaces_ignore);
	if (s->log_level != d.log_level)
		sb_printf(b, "\tlog_level %d\n", s->log_level);
	for (size_t i = 0; i < s->n_filelogs; i++)
		sb_printf(b, "\tfilelog %s level %d%s%s\n", conf_str(c, s->filelog[i].path), s->filelog[i].level,
		          s->filelog[i].append ? "" : " truncate", s->filelog[i].flush_line ? " flush" : "");
	dump_str(b, c, "hook_user", s->hook_user);
	dump_str(b, c, "hook_capabilities", s->hook_capabilities);
	dump_time(b, "hook_timeout", s->hook_timeout, d.hook_timeout);
	dump_str(b, c, "control_socket", s->control_socket);
	dump_str(b, c, "control_group", s->control_group);
	if (s->dataplane != d.dataplane || s->dataplane_workers != d.dataplane_workers || s->esp_backend != d.esp_backend)
		sb_printf(b, "\tdataplane %u workers %u backend %u\n", s->dataplane, s->dataplane_workers, s->esp_backend);
	if (b->len == head) {
		b->len = at;
		b->s[at] = '\0';
	}
}

void dump_conf(struct sbuf *b, const struct conf *c)
{
	sb_put(b, "files");
	for (const char *s = conf_str(c, c->files); *s; s++)
		sb_put(b, s == conf_str(c, c->files) ? " " : ""), sb_putc(b, *s == '\n' ? ' ' : *s);
	sb_putc(b, '\n');
	dump_setup(b, c);
	for (uint32_t i = 0; i < c->n_tunnels; i++)
		dump_tunnel(b, c, conf_tunnel(c, i));
	for (uint32_t i = 0; i < c->n_refused; i++) {
		const struct conf_refused *r = conf_refused(c, i);
		sb_printf(b, "refused %s (%s) %s\n", conf_str(c, r->name), conf_str(c, r->origin), conf_str(c, r->reason));
	}
}

void dump_psks(struct sbuf *b, const struct psk_set *s)
{
	for (size_t i = 0; i < s->n; i++) {
		sb_printf(b, "psk (%s)", s->v[i].origin);
		for (size_t k = 0; k < s->v[i].n_selectors; k++) {
			sb_printf(b, " %u:", s->v[i].selectors[k].type);
			sb_ident(b, &s->v[i].selectors[k]);
		}
		sb_put(b, " = ");
		sb_hex(b, s->v[i].key, s->v[i].key_len);
		sb_putc(b, '\n');
	}
	for (size_t i = 0; i < s->n_ppk; i++) {
		sb_printf(b, "ppk %s = ", s->ppk[i].id);
		sb_hex(b, s->ppk[i].key, s->ppk[i].key_len);
		sb_putc(b, '\n');
	}
}

void dump_diags(struct sbuf *b, const struct diags *d)
{
	for (const struct diag *it = d->first; it; it = it->next) {
		sb_diag(b, it);
		sb_putc(b, '\n');
	}
}
