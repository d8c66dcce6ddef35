/* Text printers of BGP's sessions: FRR's summary; of FRR's neighbor page what people look at. */
#include <string.h>

#include "cli/cli.h"

static const struct {
	const char *key, *name;
} family[] = {{"ipv4Unicast", "IPv4 Unicast"}, {"ipv6Unicast", "IPv6 Unicast"}};

/* --- Summary --- */
static void summary_row(FILE *f, const char *address, const json_t *o, int width)
{
	bool up = strcmp(js_str(o, "state"), "Established") == 0;
	fprintf(f, "%s%-*s", js_true(o, "dynamicPeer") ? "*" : "", width - js_true(o, "dynamicPeer"), address);
	fprintf(f, "%lld %10lld %9lld %9lld %8lld %4lld %4lld %8s", (long long)js_int(o, "version"),
	        (long long)js_int(o, "remoteAs"), (long long)js_int(o, "msgRcvd"), (long long)js_int(o, "msgSent"),
	        (long long)js_int(o, "tableVersion"), (long long)js_int(o, "inq"), (long long)js_int(o, "outq"),
	        js_str(o, "peerUptime"));
	if (up)
		fprintf(f, " %12lld %8lld", (long long)js_int(o, "pfxRcd"), (long long)js_int(o, "pfxSnt"));
	else
		fprintf(f, " %12s %8d", js_str(o, "state"), 0);
	fprintf(f, " %s\n",
	        js_has(o, "desc")              ? js_str(o, "desc")
	        : js_has(o, "softwareVersion") ? js_str(o, "softwareVersion")
	                                       : "N/A");
}

static void summary_family(FILE *f, const char *name, const json_t *doc)
{
	json_t *peers = json_object_get(doc, "peers"), *o;
	const char *address;
	int width = 16;
	fprintf(f, "\n%s Summary:\nBGP router identifier %s, local AS number %lld VRF default vrf-id 0\n", name,
	        js_str(doc, "routerId"), (long long)js_int(doc, "as"));
	fprintf(f, "BGP table version %lld\nRIB entries %lld, using %lld bytes of memory\n",
	        (long long)js_int(doc, "tableVersion"), (long long)js_int(doc, "ribCount"),
	        (long long)js_int(doc, "ribMemory"));
	fprintf(f, "Peers %lld, using %lld KiB of memory\n", (long long)js_int(doc, "peerCount"),
	        (long long)((js_int(doc, "peerMemory") + 1023) / 1024));
	if (json_object_size(peers) == 0) {
		fputs("No neighbors are configured\n", f);
		return;
	}
	json_object_foreach(peers, address, o)
	{
		if ((int)strlen(address) + js_true(o, "dynamicPeer") >= width)
			width = (int)strlen(address) + js_true(o, "dynamicPeer") + 1;
	}
	fprintf(f, "\n%-*sV         AS   MsgRcvd   MsgSent   TblVer  InQ OutQ  Up/Down State/PfxRcd   PfxSnt Desc\n",
	        width, "Neighbor");
	json_object_foreach(peers, address, o) summary_row(f, address, o, width);
	fprintf(f, "\nTotal number of neighbors %lld\n", (long long)js_int(doc, "totalPeers"));
	if (js_int(doc, "dynamicPeers"))
		fprintf(f, "* - dynamic neighbor\n%lld dynamic neighbor(s)\n", (long long)js_int(doc, "dynamicPeers"));
}

void text_bgp_summary(FILE *f, const json_t *doc, const void *opts)
{
	(void)opts;
	for (size_t i = 0; i < ARRAY_LEN(family); i++) {
		if (json_is_object(json_object_get(doc, family[i].key)))
			summary_family(f, family[i].name, json_object_get(doc, family[i].key));
	}
}

/* --- Neighbor --- */
static const char *both(const char *v)
{
	return strcmp(v, "advertisedAndReceived") == 0 ? "advertised and received" : v;
}

static void capabilities(FILE *f, const json_t *caps)
{
	static const struct {
		const char *key, *text;
	} row[] = {
		{"4byteAs", "4 Byte AS"},
		{"extendedMessage", "Extended Message"},
		{"longLivedGracefulRestart", "Long-lived Graceful Restart"},
		{"routeRefresh", "Route refresh"},
		{"enhancedRouteRefresh", "Enhanced Route Refresh"},
		{"extendedNexthop", "Extended nexthop"},
		{"gracefulRestart", "Graceful Restart Capability"},
	};
	if (!json_is_object(caps))
		return;
	fputs("  Neighbor capabilities:\n", f);
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		if (js_has(caps, row[i].key))
			fprintf(f, "    %s: %s\n", row[i].text, both(js_str(caps, row[i].key)));
	}
	for (size_t i = 0; i < ARRAY_LEN(family); i++) {
		const json_t *mp = json_object_get(json_object_get(caps, "multiprotocolExtensions"), family[i].key);
		if (mp)
			fprintf(f, "    Address Family %s: %s\n", family[i].name,
			        js_true(mp, "advertisedAndReceived") ? "advertised and received"
			        : js_true(mp, "advertised")          ? "advertised"
			                                             : "received");
	}
}

static void messages(FILE *f, const json_t *o)
{
	static const struct {
		const char *text, *out, *in;
	} row[] = {
		{"Opens:", "opensSent", "opensRecv"},
		{"Notifications:", "notificationsSent", "notificationsRecv"},
		{"Updates:", "updatesSent", "updatesRecv"},
		{"Keepalives:", "keepalivesSent", "keepalivesRecv"},
		{"Route Refresh:", "routeRefreshSent", "routeRefreshRecv"},
		{"Total:", "totalSent", "totalRecv"},
	};
	fputs("  Message statistics:\n                         Sent       Rcvd\n", f);
	for (size_t i = 0; i < ARRAY_LEN(row); i++)
		fprintf(f, "    %-15s %9lld %10lld\n", row[i].text, (long long)js_int(o, row[i].out),
		        (long long)js_int(o, row[i].in));
}

static void neighbor_family(FILE *f, const char *name, const json_t *o)
{
	static const struct {
		const char *key, *text;
	} names[] = {
		{"incomingUpdatePrefixFilterList", "Incoming update prefix filter list is"},
		{"outgoingUpdatePrefixFilterList", "Outgoing update prefix filter list is"},
		{"routeMapForIncomingAdvertisements", "Route map for incoming advertisements is"},
		{"routeMapForOutgoingAdvertisements", "Route map for outgoing advertisements is"},
	};
	fprintf(f, "\n For address family: %s\n", name);
	if (js_true(o, "routeReflectorClient"))
		fputs("  Route-Reflector Client\n", f);
	if (js_true(o, "inboundSoftConfigPermit"))
		fputs("  Inbound soft reconfiguration allowed\n", f);
	if (js_true(o, "nexthopSelf") || js_true(o, "nexthopSelfForce"))
		fprintf(f, "  NEXT_HOP is always this router%s\n",
		        js_true(o, "nexthopSelfForce") ? " (also of reflected routes)" : "");
	if (js_true(o, "defaultSent"))
		fputs("  Default information originate\n", f);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (js_has(o, names[i].key))
			fprintf(f, "  %s %s\n", names[i].text, js_str(o, names[i].key));
	}
	fprintf(f, "  %lld accepted prefixes\n", (long long)js_int(o, "acceptedPrefixCounter"));
	if (js_has(o, "prefixAllowedMax"))
		fprintf(f, "  Maximum prefixes allowed %lld%s\n", (long long)js_int(o, "prefixAllowedMax"),
		        js_true(o, "prefixAllowedMaxWarning") ? " (warning-only)" : "");
}

static void state_lines(FILE *f, const json_t *o)
{
	fprintf(f, "  BGP version 4, remote router ID %s, local router ID %s\n", js_str(o, "remoteRouterId"),
	        js_str(o, "localRouterId"));
	fprintf(f, "  BGP state = %s", js_str(o, "bgpState"));
	if (js_has(o, "bgpTimerUpString"))
		fprintf(f, ", up for %s", js_str(o, "bgpTimerUpString"));
	if (js_has(o, "why"))
		fprintf(f, " (%s)", js_str(o, "why"));
	fputc('\n', f);
	if (js_has(o, "bgpTimerHoldTimeMsecs"))
		fprintf(f, "  Hold time is %lld seconds, keepalive interval is %lld seconds\n",
		        (long long)js_int(o, "bgpTimerHoldTimeMsecs") / 1000,
		        (long long)js_int(o, "bgpTimerKeepAliveIntervalMsecs") / 1000);
	fprintf(f, "  Configured hold time is %lld seconds\n",
	        (long long)js_int(o, "bgpTimerConfiguredHoldTimeMsecs") / 1000);
}

static void connection(FILE *f, const json_t *o)
{
	const json_t *bfd = json_object_get(o, "peerBfdInfo");
	if (bfd)
		fprintf(f, "\n  BFD: Type: %s, Detect Multiplier: %lld, Min Rx interval: %lld, Min Tx interval: %lld, Status: %s\n",
		        js_str(bfd, "type"), (long long)js_int(bfd, "detectMultiplier"), (long long)js_int(bfd, "rxMinInterval"),
		        (long long)js_int(bfd, "txMinInterval"), js_str(bfd, "status"));
	fprintf(f, "\n  Connections established %lld; dropped %lld\n", (long long)js_int(o, "connectionsEstablished"),
	        (long long)js_int(o, "connectionsDropped"));
	if (js_has(o, "lastResetDueTo"))
		fprintf(f, "  Last reset %lld seconds ago, %s\n", (long long)js_int(o, "lastResetTimerMsecs") / 1000,
		        js_str(o, "lastResetDueTo"));
	if (js_has(o, "lastNotificationReason"))
		fprintf(f, "  Last notification %s: %s\n", js_str(o, "lastNotificationWay"),
		        js_str(o, "lastNotificationReason"));
	if (js_has(o, "hostLocal"))
		fprintf(f, "Local host: %s, Local port: %lld\nForeign host: %s, Foreign port: %lld\nNexthop: %s\n",
		        js_str(o, "hostLocal"), (long long)js_int(o, "portLocal"), js_str(o, "hostForeign"),
		        (long long)js_int(o, "portForeign"), js_str(o, "nexthop"));
	if (js_has(o, "interface"))
		fprintf(f, "Interface: %s%s%s\n", js_str(o, "interface"), js_has(o, "tunnel") ? ", tunnel " : "",
		        js_str(o, "tunnel"));
}

static void neighbor(FILE *f, const char *address, const json_t *o)
{
	fprintf(f, "BGP neighbor is %s, remote AS %lld, local AS %lld, %s link\n", address,
	        (long long)js_int(o, "remoteAs"), (long long)js_int(o, "localAs"),
	        js_true(o, "nbrInternalLink") ? "internal" : "external");
	if (js_has(o, "nbrDesc"))
		fprintf(f, " Description: %s\n", js_str(o, "nbrDesc"));
	if (js_has(o, "hostname"))
		fprintf(f, "Hostname: %s\n", js_str(o, "hostname"));
	if (js_has(o, "peerGroup"))
		fprintf(f, " Member of peer-group %s for session parameters\n", js_str(o, "peerGroup"));
	if (js_true(o, "adminShutDown"))
		fputs(" Administratively shut down\n", f);
	state_lines(f, o);
	capabilities(f, json_object_get(o, "neighborCapabilities"));
	messages(f, json_object_get(o, "messageStats"));
	for (size_t i = 0; i < ARRAY_LEN(family); i++) {
		const json_t *af = json_object_get(json_object_get(o, "addressFamilyInfo"), family[i].key);
		if (af)
			neighbor_family(f, family[i].name, af);
	}
	connection(f, o);
	fputc('\n', f);
}

void text_bgp_neighbors(FILE *f, const json_t *doc, const void *opts)
{
	const char *address;
	json_t *o;
	(void)opts;
	json_object_foreach((json_t *)doc, address, o) neighbor(f, address, o);
	if (json_object_size(doc) == 0)
		fputs("no neighbor is configured\n", f);
}
