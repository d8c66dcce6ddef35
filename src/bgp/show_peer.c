/* Views: sessions. Key names and the order of FRR's `show bgp summary json` and `show bgp neighbors X json`; what
 * has no
 * counterpart here (window sizes, threads, MTU discovery) is left out rather than invented. */
#include <string.h>

#include "bgp/parts.h"
#include "bgp/show_int.h"

static uint64_t total(const uint64_t v[C_N])
{
	uint64_t n = 0;
	for (size_t i = 0; i < C_N; i++)
		n += v[i];
	return n;
}

static const char *state_name(const struct bgp_peer *p)
{
	static const char *const name[] = {"Idle", "Connect", "Active", "OpenSent", "OpenConfirm", "Established"};
	if (p->state == BGP_IDLE && p->session->hindrance == HINDER_ADMIN)
		return "Idle (Admin)";
	if (p->state == BGP_IDLE && p->session->hindrance == HINDER_MAX_PREFIX)
		return "Idle (PfxCt)";
	return p->state < ARRAY_LEN(name) ? name[p->state] : "";
}

/* Since when the session is as it is; 0: since it was configured, which FRR calls never. */
static mono_t since(const struct bgp_peer *p)
{
	return p->state == BGP_ESTABLISHED ? p->session->up_at : p->session->down_at;
}

static void uptime(struct show *s, const struct bgp_peer *p)
{
	char text[24];
	mono_t at = since(p);
	int64_t sec = dur_to_s(s->now - at);
	if (!p->session->established && p->state != BGP_ESTABLISHED) {
		jw_str(&s->w, "peerUptime", "never");
		jw_int(&s->w, "peerUptimeMsec", 0);
		return;
	}
	show_uptime(text, sec);
	jw_str(&s->w, "peerUptime", text);
	jw_int(&s->w, "peerUptimeMsec", sec * 1000);
	if (p->state == BGP_ESTABLISHED)
		jw_int(&s->w, "peerUptimeEstablishedEpoch", show_epoch(s, at));
}

static uint32_t remote_as(const struct bgp_peer *p) { return p->as ? p->as : p->conf->remote_as; }

static void summary_peer(struct show *s, const struct bgp_peer *p, uint8_t af)
{
	const struct bgp_session *x = p->session;
	char key[ADDR_TEXT];
	jw_object(&s->w, addr_str(&p->address, key));
	if (p->host[0])
		jw_str(&s->w, "hostname", p->host);
	jw_int(&s->w, "remoteAs", remote_as(p));
	jw_int(&s->w, "localAs", peer_local_as(s->b, p));
	jw_int(&s->w, "version", BGP_VERSION);
	jw_int(&s->w, "msgRcvd", (int64_t)total(x->in));
	jw_int(&s->w, "msgSent", (int64_t)total(x->out));
	jw_int(&s->w, "tableVersion", p->state == BGP_ESTABLISHED ? s->b->table[af].version : 0);
	jw_int(&s->w, "outq", 0);
	jw_int(&s->w, "inq", 0);
	jw_flag(&s->w, "dynamicPeer", p->dynamic);
	uptime(s, p);
	jw_int(&s->w, "pfxRcd", p->af[af].accepted);
	jw_int(&s->w, "pfxSnt", p->af[af].sent);
	jw_str(&s->w, "state", state_name(p));
	jw_str(&s->w, "peerState",
	       x->hindrance == HINDER_ADMIN        ? "Admin"
	       : x->hindrance == HINDER_MAX_PREFIX ? "PfxCt"
	                                           : "OK");
	jw_int(&s->w, "connectionsEstablished", x->established);
	jw_int(&s->w, "connectionsDropped", x->dropped);
	if (p->conf->description)
		jw_str(&s->w, "desc", conf_str(s->b->conf, p->conf->description));
	jw_str(&s->w, "idType", p->address.family == AF_V4 ? "ipv4" : "ipv6");
	jw_end(&s->w);
}

static bool active(const struct bgp_peer *p, uint8_t af) { return p->conf->af[af].active; }

static void summary_af(struct show *s, uint8_t af)
{
	const struct bgp_table *t = &s->b->table[af];
	uint32_t cursor = 0, n = 0, failed = 0, dynamic = 0;
	struct bgp_peer *p;
	jw_object(&s->w, show_af(af));
	show_id(s, "routerId", s->b->router_id);
	jw_int(&s->w, "as", s->b->cb->as);
	jw_int(&s->w, "vrfId", 0);
	jw_str(&s->w, "vrfName", "default");
	jw_int(&s->w, "tableVersion", t->version);
	jw_int(&s->w, "ribCount", t->n_dests);
	jw_int(&s->w, "ribMemory", (int64_t)t->n_dests * t->dest.size + (int64_t)t->n_paths * t->path.size);
	while (peer_next(s->b, &cursor, &p))
		n += active(p, af);
	jw_int(&s->w, "peerCount", n);
	jw_int(&s->w, "peerMemory", (int64_t)(n * (sizeof *p + sizeof *p->session)));
	jw_object(&s->w, "peers");
	for (cursor = 0; peer_next(s->b, &cursor, &p);) {
		if (!active(p, af))
			continue;
		summary_peer(s, p, af);
		failed += p->state != BGP_ESTABLISHED;
		dynamic += p->dynamic;
	}
	jw_end(&s->w);
	jw_int(&s->w, "failedPeers", failed);
	jw_int(&s->w, "displayedPeers", n);
	jw_int(&s->w, "totalPeers", n);
	jw_int(&s->w, "dynamicPeers", dynamic);
	jw_object(&s->w, "bestPath");
	jw_str(&s->w, "multiPathRelax", s->b->cb->aspath_multipath_relax ? "true" : "false");
	jw_end(&s->w);
	jw_end(&s->w);
}

void show_summary(struct show *s)
{
	for (uint8_t af = 0; af < BGP_AF_N; af++) {
		uint32_t cursor = 0;
		struct bgp_peer *p;
		bool any = af == BGP_V4;
		while (!any && peer_next(s->b, &cursor, &p))
			any = active(p, af);
		if (any)
			summary_af(s, af);
	}
}

/* --- Neighbors --- */
static void both(struct show *s, const char *key, bool sent, bool rcvd)
{
	if (sent || rcvd)
		jw_str(&s->w, key, sent && rcvd ? "advertisedAndReceived" : sent ? "advertised" : "received");
}

static void add_path(struct show *s, const struct bgp_caps *us, const struct bgp_caps *them)
{
	bool any = false;
	for (uint8_t af = 0; af < BGP_AF_N; af++) {
		uint8_t o = us->addpath[af], i = them->addpath[af];
		if (!(o | i))
			continue;
		if (!any)
			jw_object(&s->w, "addPath");
		any = true;
		jw_object(&s->w, show_af(af));
		jw_flag(&s->w, "txAdvertisedAndReceived", o & i & BGP_ADDPATH_TX);
		jw_flag(&s->w, "txAdvertised", o & BGP_ADDPATH_TX);
		jw_flag(&s->w, "txReceived", i & BGP_ADDPATH_TX);
		jw_flag(&s->w, "rxAdvertisedAndReceived", o & i & BGP_ADDPATH_RX);
		jw_flag(&s->w, "rxAdvertised", o & BGP_ADDPATH_RX);
		jw_flag(&s->w, "rxReceived", i & BGP_ADDPATH_RX);
		jw_end(&s->w);
	}
	if (any)
		jw_end(&s->w);
}

static void families(struct show *s, const struct bgp_caps *us, const struct bgp_caps *them)
{
	jw_object(&s->w, "multiprotocolExtensions");
	for (uint8_t af = 0; af < BGP_AF_N; af++) {
		if (!us->mp[af] && !them->mp[af])
			continue;
		jw_object(&s->w, show_af(af));
		jw_bool(&s->w,
		        us->mp[af] && them->mp[af] ? "advertisedAndReceived"
		        : us->mp[af]               ? "advertised"
		                                   : "received",
		        true);
		jw_end(&s->w);
	}
	jw_end(&s->w);
}

static void host_names(struct show *s, const struct bgp_peer *p)
{
	jw_object(&s->w, "hostName");
	jw_str(&s->w, "advHostName", s->b->env.host && s->b->env.host[0] ? s->b->env.host : "n/a");
	jw_str(&s->w, "advDomainName", "n/a");
	jw_str(&s->w, "rcvHostName", p->host[0] ? p->host : "n/a");
	jw_str(&s->w, "rcvDomainName", "n/a");
	jw_end(&s->w);
}

static void capabilities(struct show *s, const struct bgp_peer *p)
{
	const struct bgp_caps *us = &p->open_sent.caps, *them = &p->open_rcvd.caps;
	jw_object(&s->w, "neighborCapabilities");
	both(s, "4byteAs", us->as4, them->as4);
	both(s, "extendedMessage", us->ext_message, them->ext_message);
	add_path(s, us, them);
	both(s, "longLivedGracefulRestart", us->llgr, them->llgr);
	both(s, "routeRefresh", us->refresh, them->refresh);
	both(s, "enhancedRouteRefresh", us->enhanced_refresh, them->enhanced_refresh);
	both(s, "extendedNexthop", us->ext_nexthop, them->ext_nexthop);
	families(s, us, them);
	host_names(s, p);
	both(s, "gracefulRestart", us->gr, them->gr);
	if (them->gr)
		jw_int(&s->w, "gracefulRestartRemoteTimerMsecs", them->gr_time_s * 1000);
	jw_end(&s->w);
}

static void restart(struct show *s, const struct bgp_peer *p)
{
	static const char *const mode[] = {"Helper*", "Disable", "Helper", "Restart"};
	const struct bgp_caps *them = &p->open_rcvd.caps;
	bool forwards = them->gr_af[BGP_V4] || them->gr_af[BGP_V6];
	uint8_t ours = peer_gr_mode(s->b, p);
	jw_object(&s->w, "gracefulRestartInfo");
	for (int way = 0; way < 2; way++) {
		jw_object(&s->w, way ? "endOfRibRecv" : "endOfRibSend");
		for (uint8_t af = 0; af < BGP_AF_N; af++)
			jw_flag(&s->w, show_af(af), way ? p->af[af].eor_in : p->af[af].eor_out);
		jw_end(&s->w);
	}
	jw_str(&s->w, "localGrMode", ours < ARRAY_LEN(mode) ? mode[ours] : "");
	jw_str(&s->w, "remoteGrMode", !them->gr ? "Disable" : forwards ? "Restart" : "Helper");
	jw_bool(&s->w, "rBit", them->gr_restarted);
	jw_bool(&s->w, "nBit", them->gr_notification);
	jw_object(&s->w, "timers");
	jw_int(&s->w, "configuredRestartTimer", dur_to_s(s->b->cb->gr_restart));
	jw_int(&s->w, "configuredLlgrStaleTime", dur_to_s(s->b->cb->llgr_stale));
	jw_int(&s->w, "receivedRestartTimer", them->gr ? them->gr_time_s : 0);
	jw_end(&s->w);
	for (uint8_t af = 0; af < BGP_AF_N; af++) {
		if (!p->af[af].negotiated)
			continue;
		jw_object(&s->w, show_af(af));
		jw_bool(&s->w, "fBit", them->gr_forwarding[af]);
		jw_object(&s->w, "endOfRibStatus");
		jw_bool(&s->w, "endOfRibSend", p->af[af].eor_out);
		jw_bool(&s->w, "endOfRibRecv", p->af[af].eor_in);
		jw_end(&s->w);
		jw_object(&s->w, "timers");
		jw_int(&s->w, "stalePathTimer", dur_to_s(s->b->cb->gr_stale));
		jw_end(&s->w);
		jw_end(&s->w);
	}
	jw_end(&s->w);
}

static void messages(struct show *s, const struct bgp_session *x)
{
	static const struct {
		const char *out, *in;
		uint8_t what;
	} row[] = {
		{"opensSent", "opensRecv", C_OPEN},
		{"notificationsSent", "notificationsRecv", C_NOTIFICATION},
		{"updatesSent", "updatesRecv", C_UPDATE},
		{"keepalivesSent", "keepalivesRecv", C_KEEPALIVE},
		{"routeRefreshSent", "routeRefreshRecv", C_REFRESH},
	};
	jw_object(&s->w, "messageStats");
	jw_int(&s->w, "depthInq", 0);
	jw_int(&s->w, "depthOutq", 0);
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		jw_int(&s->w, row[i].out, (int64_t)x->out[row[i].what]);
		jw_int(&s->w, row[i].in, (int64_t)x->in[row[i].what]);
	}
	jw_int(&s->w, "totalSent", (int64_t)total(x->out));
	jw_int(&s->w, "totalRecv", (int64_t)total(x->in));
	jw_end(&s->w);
}

static void prefixes(struct show *s, const struct bgp_peer *p)
{
	const struct bgp_session *x = p->session;
	jw_object(&s->w, "prefixStats");
	jw_int(&s->w, "inboundFiltered", p->af[BGP_V4].filtered + p->af[BGP_V6].filtered);
	jw_int(&s->w, "aspathLoop", p->af[BGP_V4].as_loop + p->af[BGP_V6].as_loop);
	jw_int(&s->w, "originatorLoop", p->af[BGP_V4].originator_loop + p->af[BGP_V6].originator_loop);
	jw_int(&s->w, "clusterLoop", p->af[BGP_V4].cluster_loop + p->af[BGP_V6].cluster_loop);
	jw_int(&s->w, "withdrawn", (int64_t)x->withdrawn_errors);
	jw_int(&s->w, "attributesDiscarded", (int64_t)x->discarded_attrs);
	jw_end(&s->w);
}

static void filter_name(struct show *s, const char *key, const char *name)
{
	if (name)
		jw_str(&s->w, key, name);
}

static void family(struct show *s, const struct bgp_peer *p, uint8_t af)
{
	const struct conf_bgp_af *c = peer_af_conf(p, af);
	const struct bgp *b = s->b;
	jw_object(&s->w, show_af(af));
	jw_flag(&s->w, "routeReflectorClient", c->rr_client);
	jw_flag(&s->w, "inboundSoftConfigPermit", c->soft_in);
	jw_flag(&s->w, "nexthopSelf", c->next_hop_self);
	jw_flag(&s->w, "nexthopSelfForce", c->next_hop_self_force);
	jw_flag(&s->w, "defaultSent", c->default_originate);
	if (c->send_community || c->send_extended)
		jw_str(&s->w, "commAttriSentToNbr",
		       c->send_community && c->send_extended ? "extendedAndStandard"
		       : c->send_community                   ? "standard"
		                                             : "extended");
	filter_name(s, "routeMapForIncomingAdvertisements", c->map_in ? filter_map_name(b, c->map_in) : NULL);
	filter_name(s, "routeMapForOutgoingAdvertisements", c->map_out ? filter_map_name(b, c->map_out) : NULL);
	filter_name(s, "incomingUpdatePrefixFilterList",
	            c->prefix_list_in ? filter_prefix_list_name(b, c->prefix_list_in) : NULL);
	filter_name(s, "outgoingUpdatePrefixFilterList",
	            c->prefix_list_out ? filter_prefix_list_name(b, c->prefix_list_out) : NULL);
	jw_int(&s->w, "acceptedPrefixCounter", p->af[af].accepted);
	jw_int(&s->w, "sentPrefixCounter", p->af[af].sent);
	if (c->max_prefix) {
		jw_int(&s->w, "prefixAllowedMax", c->max_prefix);
		jw_flag(&s->w, "prefixAllowedMaxWarning", c->max_prefix_warn);
		jw_int(&s->w, "prefixAllowedWarningThresh", c->max_prefix_threshold);
	}
	jw_end(&s->w);
}

static void last_reset(struct show *s, const struct bgp_peer *p)
{
	const struct bgp_session *x = p->session;
	if (!x->dropped && !x->last_why[0] && !x->last_code && x->hindrance == HINDER_NONE)
		return;
	jw_int(&s->w, "lastResetTimerMsecs", dur_to_s(s->now - x->down_at) * 1000);
	jw_str(&s->w, "lastResetDueTo", x->last_why[0] ? x->last_why : session_hindrance_text(x->hindrance));
	if (x->last_code) {
		char text[128];
		struct sbuf sb = SB(text);
		sb_printf(&sb, "%s%s", bgp_code_name(x->last_code), bgp_sub_name(x->last_code, x->last_sub));
		jw_str(&s->w, "lastNotificationReason", text);
		jw_str(&s->w, "lastNotificationWay", x->last_rcvd ? "received" : "sent");
	}
}

/* As FRR names it. What was not given is the engine's default (bfd/bfd.h). */
static void bfd_info(struct show *s, const struct bgp_session *x)
{
	enum { MS = 300, MULTIPLIER = 3 };
	jw_object(&s->w, "peerBfdInfo");
	jw_str(&s->w, "type", x->bfd.multihop ? "multi hop" : "single hop");
	jw_int(&s->w, "detectMultiplier", x->bfd.multiplier ? x->bfd.multiplier : MULTIPLIER);
	jw_int(&s->w, "rxMinInterval", x->bfd.rx_ms ? x->bfd.rx_ms : MS);
	jw_int(&s->w, "txMinInterval", x->bfd.tx_ms ? x->bfd.tx_ms : MS);
	jw_str(&s->w, "status", x->bfd_seen ? "Up" : "Down");
	jw_end(&s->w);
}

static void connection(struct show *s, const struct bgp_peer *p)
{
	const struct bgp_conn *c = p->session->up ? p->session->up->conn : NULL;
	const struct route_link *l = nht_link_at(s->b, p->ifindex);
	if (c) {
		show_addr(s, "hostLocal", &c->local.addr);
		jw_int(&s->w, "portLocal", c->local.port);
		show_addr(s, "hostForeign", &c->remote.addr);
		jw_int(&s->w, "portForeign", c->remote.port);
		show_addr(s, "nexthop", &p->local);
	}
	if (l)
		jw_str(&s->w, "interface", l->name);
	if (p->conf->tunnel)
		jw_str(&s->w, "tunnel", conf_str(s->b->conf, p->conf->tunnel));
	if (p->session->bfd_on)
		bfd_info(s, p->session);
	jw_str(&s->w, "bgpConnection", p->session->connected ? "sharedNetwork" : "nonSharedNetwork");
}

static void timers(struct show *s, const struct bgp_peer *p)
{
	const struct bgp_session *x = p->session;
	const struct bgp_conn *c = x->up ? x->up->conn : NULL;
	char text[24];
	if (p->state == BGP_ESTABLISHED) {
		int64_t sec = dur_to_s(s->now - x->up_at);
		show_uptime(text, sec);
		jw_int(&s->w, "bgpTimerUpMsec", sec * 1000);
		jw_str(&s->w, "bgpTimerUpString", text);
		jw_int(&s->w, "bgpTimerUpEstablishedEpoch", show_epoch(s, x->up_at));
	}
	if (c) {
		jw_int(&s->w, "bgpTimerLastRead", dur_to_s(s->now - c->last_rx) * 1000);
		jw_int(&s->w, "bgpTimerLastWrite", dur_to_s(s->now - c->last_tx) * 1000);
	}
	if (x->up && x->update_at)
		jw_int(&s->w, "bgpInUpdateElapsedTimeMsecs", dur_to_s(s->now - x->update_at) * 1000);
	jw_int(&s->w, "bgpTimerConfiguredHoldTimeMsecs", dur_to_ms(peer_hold(s->b, p)));
	if (x->up) {
		jw_int(&s->w, "bgpTimerHoldTimeMsecs", dur_to_ms(x->up->hold));
		jw_int(&s->w, "bgpTimerKeepAliveIntervalMsecs", dur_to_ms(x->up->keepalive));
	}
}

static void neighbor(struct show *s, const struct bgp_peer *p)
{
	const struct bgp_session *x = p->session;
	char key[ADDR_TEXT];
	jw_object(&s->w, addr_str(&p->address, key));
	jw_int(&s->w, "remoteAs", remote_as(p));
	jw_int(&s->w, "localAs", peer_local_as(s->b, p));
	jw_flag(&s->w, p->external ? "nbrExternalLink" : "nbrInternalLink", true);
	if (p->conf->description)
		jw_str(&s->w, "nbrDesc", conf_str(s->b->conf, p->conf->description));
	if (p->host[0])
		jw_str(&s->w, "hostname", p->host);
	if (p->conf->group)
		jw_str(&s->w, "peerGroup", conf_str(s->b->conf, p->conf->group));
	jw_flag(&s->w, "dynamicPeer", p->dynamic);
	jw_flag(&s->w, "adminShutDown", x->hindrance == HINDER_ADMIN);
	jw_int(&s->w, "bgpVersion", BGP_VERSION);
	show_id(s, "remoteRouterId", p->router_id);
	show_id(s, "localRouterId", s->b->router_id);
	jw_str(&s->w, "bgpState", p->state == BGP_IDLE ? "Idle" : state_name(p));
	if (p->state != BGP_ESTABLISHED && x->hindrance != HINDER_NONE)
		jw_str(&s->w, "why", session_hindrance_text(x->hindrance));
	timers(s, p);
	if (p->state == BGP_ESTABLISHED) {
		capabilities(s, p);
		restart(s, p);
	}
	messages(s, x);
	prefixes(s, p);
	jw_object(&s->w, "addressFamilyInfo");
	for (uint8_t af = 0; af < BGP_AF_N; af++) {
		if (active(p, af))
			family(s, p, af);
	}
	jw_end(&s->w);
	jw_int(&s->w, "connectionsEstablished", x->established);
	jw_int(&s->w, "connectionsDropped", x->dropped);
	last_reset(s, p);
	connection(s, p);
	jw_int(&s->w, "connectRetryTimer",
	       dur_to_s(p->conf->connect_retry >= 0 ? p->conf->connect_retry : s->b->cb->connect_retry));
	jw_end(&s->w);
}

void show_neighbors(struct show *s, const struct bgp_peer *only)
{
	uint32_t cursor = 0;
	struct bgp_peer *p;
	while (peer_next(s->b, &cursor, &p)) {
		if (!only || only == p)
			neighbor(s, p);
	}
}
