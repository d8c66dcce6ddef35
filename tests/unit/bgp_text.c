/* See bgp_text.h. */
#include "bgp_text.h"

#include <stdlib.h>
#include <string.h>

struct bgp_coding bgp_coding_of(const char *words)
{
	struct bgp_coding c = {.max = BGP_MSG_MAX};

	c.as4 = strstr(words, "as4");
	c.external = strstr(words, "external");
	c.ext_nexthop = strstr(words, "ext-nexthop");
	c.addpath_rx[BGP_V4] = c.addpath_tx[BGP_V4] = strstr(words, "addpath-v4");
	c.addpath_rx[BGP_V6] = c.addpath_tx[BGP_V6] = strstr(words, "addpath-v6");
	c.mp[BGP_V4] = strstr(words, " v4");
	c.mp[BGP_V6] = strstr(words, " v6");
	if (strstr(words, "ext-message"))
		c.max = BGP_MSG_EXT_MAX;
	return c;
}

static void sb_error(struct sbuf *b, const struct bgp_error *e)
{
	sb_printf(b, " %u/%u", e->code, e->sub);
	if (e->code)
		sb_printf(b, " (%s%s)", bgp_code_name(e->code), bgp_sub_name(e->code, e->sub));
	if (e->data.n) {
		sb_put(b, " data ");
		sb_hex(b, e->data.p, e->data.n);
	}
}

static void sb_id(struct sbuf *b, uint32_t id)
{
	sb_printf(b, "%u.%u.%u.%u", id >> 24, id >> 16 & 255, id >> 8 & 255, id & 255);
}

static void sb_quoted(struct sbuf *b, const char *name, struct span text)
{
	sb_printf(b, "  %s \"", name);
	sb_escape(b, text.p, text.n);
	sb_put(b, "\"\n");
}

static void sb_caps(struct sbuf *b, const struct bgp_caps *c)
{
	static const char *const af[BGP_AF_N] = {"IPv4", "IPv6"};

	for (size_t i = 0; i < BGP_AF_N; i++) {
		if (c->mp[i])
			sb_printf(b, "  multiprotocol %s\n", af[i]);
		if (c->addpath[i])
			sb_printf(b, "  add-path %s %u\n", af[i], c->addpath[i]);
	}
	sb_printf(b, "  flags%s%s%s%s%s%s\n", c->any ? " any" : "", c->mp_other ? " mp-other" : "", c->refresh ? " refresh" : "",
	          c->enhanced_refresh ? " enhanced-refresh" : "", c->ext_message ? " ext-message" : "",
	          c->ext_nexthop ? " ext-nexthop" : "");
	if (c->as4)
		sb_printf(b, "  as4 %u\n", c->as);
	if (c->gr)
		sb_printf(b, "  graceful-restart %u s%s%s\n", c->gr_time_s, c->gr_restarted ? " restarted" : "",
		          c->gr_notification ? " notification" : "");
	for (size_t i = 0; i < BGP_AF_N; i++) {
		if (c->gr_af[i])
			sb_printf(b, "    %s%s\n", af[i], c->gr_forwarding[i] ? " forwarding" : "");
		if (c->llgr_af[i])
			sb_printf(b, "    long-lived %s %u s%s\n", af[i], c->llgr_time_s[i], c->llgr_forwarding[i] ? " forwarding" : "");
	}
	if (c->llgr)
		sb_put(b, "  long-lived\n");
	if (c->fqdn) {
		sb_quoted(b, "host", c->host);
		sb_quoted(b, "domain", c->domain);
	}
	if (c->software.n)
		sb_quoted(b, "software", c->software);
}

static void sb_open(struct sbuf *b, struct span body)
{
	struct bgp_open o;
	struct bgp_error e;

	if (!bgp_open_decode(body, &o, &e)) {
		sb_put(b, "refused");
		sb_error(b, &e);
		sb_put(b, "\n");
		return;
	}
	sb_printf(b, "version %u as %u (%u) hold %u id ", o.version, o.as, o.as2, o.hold_s);
	sb_id(b, o.id);
	sb_put(b, "\n");
	sb_caps(b, &o.caps);
}

static void sb_run(struct sbuf *b, const char *name, struct bgp_nlri run)
{
	struct prefix p;
	uint32_t id;

	if (!run.octets.n)
		return;
	sb_printf(b, "%s (%zu)", name, bgp_nlri_count(run));
	while (bgp_nlri_next(&run, &p, &id)) {
		sb_putc(b, ' ');
		sb_prefix(b, &p);
		if (run.addpath)
			sb_printf(b, "#%u", id);
	}
	sb_put(b, "\n");
}

static void sb_numbers(struct sbuf *b, const struct bgp_attrs *a)
{
	static const char *const origins[] = {"IGP", "EGP", "incomplete"};
	const uint64_t one = 1;

	if (a->has & one << BGP_A_ORIGIN)
		sb_printf(b, "  origin %s\n", origins[a->origin]);
	if (a->has & one << BGP_A_AS_PATH) {
		sb_put(b, "  as-path \"");
		sb_as_path(b, a->as_path);
		sb_printf(b, "\" length %u first %u%s\n", bgp_as_path_length(a->as_path), bgp_as_path_first(a->as_path),
		          a->as_set ? " with a set" : "");
	}
	if (a->has & one << BGP_A_MED)
		sb_printf(b, "  med %u\n", a->med);
	if (a->has & one << BGP_A_LOCAL_PREF)
		sb_printf(b, "  local-pref %u\n", a->local_pref);
	if (a->has & one << BGP_A_ATOMIC)
		sb_put(b, "  atomic-aggregate\n");
	if (a->has & one << BGP_A_AGGREGATOR) {
		sb_printf(b, "  aggregator %u ", a->aggregator_as);
		sb_id(b, a->aggregator_id);
		sb_put(b, "\n");
	}
	if (a->has & one << BGP_A_ORIGINATOR_ID) {
		sb_put(b, "  originator ");
		sb_id(b, a->originator_id);
		sb_put(b, "\n");
	}
	if (a->has & one << BGP_A_OTC)
		sb_printf(b, "  otc %u\n", a->otc);
}

static void sb_lists(struct sbuf *b, const struct bgp_attrs *a)
{
	static const char *const names[] = {"communities", "ext-communities", "large-communities"};
	const struct span values[] = {a->communities, a->ext_communities, a->large_communities};
	struct rd r = rd_init(a->cluster_list.p, a->cluster_list.n);

	for (uint8_t i = 0; i < ARRAY_LEN(names); i++) {
		if (!values[i].n)
			continue;
		sb_printf(b, "  %s ", names[i]);
		sb_communities(b, i, values[i]);
		sb_put(b, "\n");
	}
	if (rd_left(&r))
		sb_put(b, "  cluster-list");
	while (rd_left(&r)) {
		sb_putc(b, ' ');
		sb_id(b, rd_u32(&r));
	}
	if (a->cluster_list.n)
		sb_put(b, "\n");
	if (a->partial)
		sb_printf(b, "  partial %llx\n", (unsigned long long)a->partial);
	if (a->unknown)
		sb_put(b, "  unknown ones\n");
}

static void sb_hops(struct sbuf *b, const struct bgp_update *u)
{
	for (size_t i = 0; i < 2; i++) {
		if (!u->next_hop[i].family)
			continue;
		sb_printf(b, "  next-hop[%zu] ", i);
		sb_addr(b, &u->next_hop[i]);
		if (u->next_hop_ll[i].family) {
			sb_putc(b, ' ');
			sb_addr(b, &u->next_hop_ll[i]);
		}
		sb_put(b, "\n");
	}
}

static void sb_update(struct sbuf *b, struct span body, const struct bgp_coding *c)
{
	static const char *const verdicts[] = {"ok", "discard", "withdraw", "reset"};
	static uint8_t octets[BGP_MSG_EXT_MAX * 2];
	static struct bgp_update u;

	bgp_update_decode(body, c, &u);
	sb_printf(b, "verdict %s", verdicts[u.verdict]);
	if (u.verdict) {
		sb_printf(b, " by %u %s", u.bad_attr, bgp_attr_name(u.bad_attr));
		sb_error(b, &u.error);
	}
	if (u.discarded)
		sb_printf(b, " discarded %llx", (unsigned long long)u.discarded);
	sb_put(b, "\n");
	if (u.verdict == BGP_V_RESET)
		return;
	if (u.eor >= 0)
		sb_printf(b, "end-of-rib %s\n", u.eor == BGP_V4 ? "IPv4" : "IPv6");
	sb_run(b, "withdrawn", u.withdrawn[0]);
	sb_run(b, "mp-withdrawn", u.withdrawn[1]);
	sb_run(b, "reach", u.reach[0]);
	sb_run(b, "mp-reach", u.reach[1]);
	sb_hops(b, &u);
	sb_numbers(b, &u.attrs);
	sb_lists(b, &u.attrs);
	struct wr w = wr_init(octets, sizeof octets);
	bgp_attrs_canon(&w, &u);
	sb_put(b, "  canonical ");
	sb_hex(b, octets, w.len);
	sb_put(b, "\n");
}

static void sb_notification(struct sbuf *b, struct span body)
{
	struct bgp_notification n;

	if (!bgp_notification_decode(body, &n)) {
		sb_put(b, "short\n");
		return;
	}
	const struct bgp_error e = {n.code, n.sub, n.data};
	sb_put(b, n.hard ? "hard" : "soft");
	sb_error(b, &e);
	struct span text = bgp_shutdown_text(&n);
	if (text.n) {
		sb_put(b, " \"");
		sb_escape(b, text.p, text.n);
		sb_put(b, "\"");
	}
	sb_put(b, "\n");
}

static void sb_refresh(struct sbuf *b, struct bgp_frame f)
{
	struct bgp_refresh r;
	struct bgp_error e;
	int answer = bgp_refresh_decode(f, &r, &e);

	if (answer < 0)
		sb_error(b, &e);
	else
		sb_printf(b, "%s afi %u safi %u kind %u af %d", answer ? "ignored" : "refresh", r.afi, r.safi, r.kind, r.af);
	sb_put(b, "\n");
}

void sb_bgp_message(struct sbuf *b, struct span message, const struct bgp_coding *c)
{
	struct bgp_frame f;
	struct bgp_error e;
	int answer = bgp_frame(message, c->max, &f, &e);

	if (answer <= 0) {
		sb_put(b, answer ? "no frame" : "more octets\n");
		if (answer) {
			sb_error(b, &e);
			sb_put(b, "\n");
		}
		return;
	}
	sb_printf(b, "%s %u\n", bgp_msg_name(f.type), f.len);
	switch (f.type) {
	case BGP_OPEN: sb_open(b, f.body); break;
	case BGP_UPDATE: sb_update(b, f.body, c); break;
	case BGP_NOTIFICATION: sb_notification(b, f.body); break;
	case BGP_REFRESH: sb_refresh(b, f); break;
	default: break;
	}
}

/* --- Again --- */
enum { ROOM = 1 << 18 };

static bool same(struct span a, struct span b) { return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0); }

static struct span body_of(const struct wr *w) { return span_behind(SPAN(w->base, w->len), BGP_HDR_LEN); }

static bool open_again(struct span body)
{
	static uint8_t first[BGP_MSG_MAX], second[BGP_MSG_MAX];
	struct wr w1 = wr_init(first, sizeof first), w2 = wr_init(second, sizeof second);
	struct bgp_open o, p;
	struct bgp_error e;
	struct bgp_frame f;

	if (!bgp_open_decode(body, &o, &e))
		return e.code == BGP_E_OPEN;
	bgp_open_encode(&w1, &o);
	if (!wr_ok(&w1) || bgp_frame(SPAN(first, w1.len), BGP_MSG_MAX, &f, &e) != 1 || !bgp_open_decode(f.body, &p, &e))
		return false;
	bgp_open_encode(&w2, &p);
	return same(SPAN(first, w1.len), SPAN(second, w2.len)) && p.hold_s == o.hold_s && p.id == o.id &&
	       (p.as == o.as || !o.caps.as4) && memcmp(p.caps.mp, o.caps.mp, sizeof p.caps.mp) == 0 &&
	       memcmp(p.caps.addpath, o.caps.addpath, sizeof p.caps.addpath) == 0 && p.caps.gr == o.caps.gr &&
	       p.caps.gr_time_s == o.caps.gr_time_s && p.caps.llgr == o.caps.llgr && p.caps.refresh == o.caps.refresh;
}

static bool notification_again(struct span body)
{
	static uint8_t octets[BGP_MSG_MAX];
	struct bgp_notification n, m;

	if (!bgp_notification_decode(body, &n))
		return body.n < 2;
	for (int hard = 0; hard < 2; hard++) {
		struct wr w = wr_init(octets, sizeof octets);
		bgp_notification_encode(&w, &(struct bgp_error){n.code, n.sub, n.data}, hard);
		if (!wr_ok(&w) || !bgp_notification_decode(body_of(&w), &m))
			return false;
		bool wrapped = n.code == BGP_E_CEASE && n.sub == BGP_E_HARD_RESET;
		if (m.code != n.code && !wrapped)
			return false;
		if (!wrapped && (m.sub != n.sub || m.hard != (hard != 0) || (n.data.n < 4000 && !same(m.data, n.data))))
			return false;
	}
	return true;
}

static bool refresh_again(struct bgp_frame f)
{
	uint8_t octets[BGP_HDR_LEN + 4];
	struct wr w = wr_init(octets, sizeof octets);
	struct bgp_refresh r, s;
	struct bgp_error e;

	if (bgp_refresh_decode(f, &r, &e) != 0)
		return true;
	if (r.af < 0)
		return true;
	bgp_refresh_encode(&w, (uint8_t)r.af, r.kind);
	return wr_ok(&w) && bgp_frame(SPAN(octets, w.len), BGP_MSG_MAX, &f, &e) == 1 && bgp_refresh_decode(f, &s, &e) == 0 &&
	       s.af == r.af && s.kind == r.kind;
}

/* Writes a run with these attributes, reads it, and compares prefixes, next hop and canonical attributes. stable: what comes
 * back is to be the same; else it is put into `canon`. */
static bool run_again(const struct bgp_update *u, size_t of, const struct bgp_coding *c, struct span *canon, bool stable)
{
	static uint8_t message[ROOM], octets[2][ROOM];
	static struct bgp_update v;
	static unsigned turn;
	struct bgp_nlri run = u->reach[of], back;
	struct wr w = wr_init(message, sizeof message), again = wr_init(octets[turn ^= 1], ROOM);
	struct bgp_update_wr up;
	struct bgp_error e;
	struct bgp_frame f;
	struct prefix p, q;
	uint32_t id, id2;

	bgp_reach_begin(&up, &w, run.af, c, *canon, &u->next_hop[of], &u->next_hop_ll[of]);
	for (back = run; bgp_nlri_next(&back, &p, &id);)
		bgp_nlri_put(&w, &p, run.addpath, id);
	bgp_update_end(&up);
	if (!wr_ok(&w))
		return w.len > BGP_MSG_EXT_MAX - 8;
	if (up.nh_len != addr_len(&u->next_hop[of]) + addr_len(&u->next_hop_ll[of]))
		return false;
	if (memcmp(message + up.nh_at, u->next_hop[of].b, addr_len(&u->next_hop[of])) != 0)
		return false;
	if (bgp_frame(SPAN(message, w.len), BGP_MSG_EXT_MAX, &f, &e) != 1)
		return false;
	bgp_update_decode(f.body, c, &v);
	if (v.verdict != BGP_V_OK)
		return !c->as4 && v.bad_attr == BGP_A_AS_PATH; /* wider than scratch */
	back = v.reach[v.reach[0].octets.n ? 0 : 1];
	while (bgp_nlri_next(&run, &p, &id))
		if (!bgp_nlri_next(&back, &q, &id2) || p.len != q.len || !addr_eq(&p.addr, &q.addr) || id != id2)
			return false;
	bgp_attrs_canon(&again, &v);
	if (bgp_nlri_next(&back, &q, &id2) || !wr_ok(&again))
		return false;
	if (stable && !same(*canon, SPAN(again.base, again.len)))
		return false;
	*canon = SPAN(again.base, again.len);
	return true;
}

static bool update_again(struct span body, const struct bgp_coding *c)
{
	static uint8_t first[ROOM], second[ROOM];
	static struct bgp_update u;
	struct wr w1 = wr_init(first, sizeof first), w2 = wr_init(second, sizeof second);
	struct bgp_attrs view;

	bgp_update_decode(body, c, &u);
	if (u.verdict >= BGP_V_WITHDRAW)
		return u.error.code == BGP_E_UPDATE;
	bgp_attrs_canon(&w1, &u);
	if (!wr_ok(&w1))
		return false;
	bgp_attrs_view(SPAN(first, w1.len), &view);
	bgp_attrs_put(&w2, &view);
	if (!same(SPAN(first, w1.len), SPAN(second, w2.len)))
		return false;
	for (size_t i = 0; i < 2; i++) {
		if (!u.reach[i].octets.n)
			continue;
		struct span canon = SPAN(first, w1.len);
		struct bgp_coding new = *c, old = *c;
		new.as4 = true;
		old.as4 = false;
		new.max = old.max = BGP_MSG_EXT_MAX;
		if (!run_again(&u, i, &new, &canon, true))
			return false;
		/* What two octets cannot keep (how sequences are cut, inner confederation segments) goes the first time. */
		if (!run_again(&u, i, &old, &canon, false) || !run_again(&u, i, &old, &canon, true))
			return false;
	}
	return true;
}

bool bgp_again(struct span message, const struct bgp_coding *c)
{
	struct bgp_frame f;
	struct bgp_error e;

	if (bgp_frame(message, c->max, &f, &e) != 1)
		return true;
	switch (f.type) {
	case BGP_OPEN: return open_again(f.body);
	case BGP_UPDATE: return update_again(f.body, c);
	case BGP_NOTIFICATION: return notification_again(f.body);
	case BGP_REFRESH: return refresh_again(f);
	default: return true;
	}
}
