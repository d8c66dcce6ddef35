/* The table: every key of gretel.conf, a row each. See schema.h for what drives what.
 * The defaults are the native ones; where they differ from strongSwan's, the sentence says so. */
#include "config/schema.h"

#include "crypto/crypto.h"

#define SEC(n) DUR_S(n)
#define DAY DUR_S(86400)
#define FIELD(type, member) .size = (uint16_t)sizeof(((type *)0)->member), .off = (uint16_t)offsetof(type, member)
#define D(member) FIELD(struct conf_setup, member)
#define F(member) FIELD(struct conf_filelog, member)
#define T(member) FIELD(struct tunnel_conf, member)
#define T2(member) .off2 = (uint16_t)offsetof(struct tunnel_conf, member)
#define N(type, member) FIELD(struct type, member)

static const struct cfg_word log_words[] = {
	{"silent", -1}, {"audit", 0}, {"info", 1}, {"debug", 2}, {"raw", 3}, {"private", 4}, {NULL, 0},
};
static const struct cfg_word unique_words[] = {
	{"replace", UNIQUE_YES}, {"yes", UNIQUE_YES}, {"no", UNIQUE_NO}, {"never", UNIQUE_NEVER}, {"keep", UNIQUE_KEEP},
	{NULL, 0},
};
static const struct cfg_word auto_words[] = {
	{"add", AUTO_ADD}, {"route", AUTO_ROUTE}, {"start", AUTO_START}, {NULL, 0},
};
static const struct cfg_word kind_words[] = {
	{"transport", TUNNEL_TRANSPORT}, {"pass", TUNNEL_PASS}, {"drop", TUNNEL_DROP}, {NULL, 0},
};
static const struct cfg_word dpd_words[] = {
	{"none", DPD_NONE}, {"clear", DPD_CLEAR}, {"hold", DPD_HOLD}, {"restart", DPD_RESTART}, {NULL, 0},
};
static const struct cfg_word guard_words[] = {
	{"on", GUARD_ON}, {"strict", GUARD_STRICT}, {"off", GUARD_OFF}, {NULL, 0},
};
static const struct cfg_word dataplane_words[] = {
	{"auto", DATAPLANE_AUTO}, {"kernel", DATAPLANE_KERNEL}, {"user", DATAPLANE_USER}, {NULL, 0},
};
static const struct cfg_word backend_words[] = {
	{"auto", ESP_BACKEND_AUTO}, {"openssl", ESP_BACKEND_OPENSSL}, {"ipsec-mb", ESP_BACKEND_IPSEC_MB}, {NULL, 0},
};
static const struct cfg_word proto_words[] = {
	{"any", 0}, {"icmp", 1}, {"tcp", 6}, {"udp", 17}, {"gre", 47}, {"icmpv6", 58}, {"sctp", 132}, {NULL, 0},
};
static const struct cfg_word any_words[] = {{"any", 0}, {NULL, 0}};
static const struct cfg_word forever_words[] = {{"forever", 0}, {NULL, 0}};
static const struct cfg_word ttl_words[] = {{"inherit", 0}, {NULL, 0}};
static const struct cfg_word tos_words[] = {{"inherit", CFG_TOS_INHERIT}, {NULL, 0}};

static const struct cfg_row daemon_rows[] = {
	{"log", CT_INT, D(log_level), CFG_LIVE, CFG_SIGNED, .min = -1, .max = 4, .words = log_words, .dflt = "\"info\"",
	 .swan = "charondebug, charon.filelog.*.default",
	 .doc = "How much is logged: audit is errors and tunnels going up and down, info each step of an exchange, debug "
	        "each decision, raw and private whole messages; keys never."},
	{"filelog", CT_FILELOGS, D(filelog), CFG_LIVE, .off2 = (uint16_t)offsetof(struct conf_setup, n_filelogs),
	 .dflt = "()", .swan = "charon.filelog",
	 .doc = "Files that the log goes to besides syslog or the journal, each a group of path, level, append and "
	        "flush_line."},
	{"port", CT_INT, D(port), CFG_RESTART, CFG_ZERO, .min = 1, .max = 65535, .dflt = "500", .swan = "charon.port",
	 .doc = "The UDP port of IKE; 0 lets the kernel choose one."},
	{"nat_t_port", CT_INT, D(port_nat_t), CFG_RESTART, CFG_ZERO, .min = 1, .max = 65535, .dflt = "4500",
	 .swan = "charon.port_nat_t",
	 .doc = "The UDP port of IKE and ESP behind NAT; 0 lets the kernel choose one."},
	{"interfaces_use", CT_NAMES, D(interfaces_use), CFG_RESTART, .dflt = "[]", .swan = "charon.interfaces_use",
	 .doc = "Only these interfaces carry IKE and ESP; empty means all."},
	{"interfaces_ignore", CT_NAMES, D(interfaces_ignore), CFG_RESTART, .dflt = "[]",
	 .swan = "charon.interfaces_ignore", .doc = "Interfaces that never carry IKE and ESP."},
	{"uniqueids", CT_ENUM, D(uniqueids), CFG_LIVE, .words = unique_words, .dflt = "\"replace\"", .swan = "uniqueids",
	 .doc = "What happens when a peer comes a second time: replace the first, no (only when it says INITIAL_CONTACT), "
	        "never (not even then), or keep the first and refuse one that comes from another address."},
	{"keep_alive", CT_TIME, D(keep_alive), CFG_LIVE, .min = 0, .max = SEC(3600), .dflt = "\"20s\"",
	 .swan = "charon.keep_alive",
	 .doc = "How often a NAT mapping is refreshed while nothing is sent; 0 is never."},
	{"keep_alive_dpd_margin", CT_TIME, D(keep_alive_dpd_margin), CFG_LIVE, .min = 0, .max = SEC(3600), .dflt = "\"0s\"",
	 .swan = "charon.keep_alive_dpd_margin",
	 .doc = "A keep-alive that is late by more than this becomes a liveness check; 0 is never."},
	{"retransmit.tries", CT_INT, D(retransmit.tries), CFG_LIVE, .min = 1, .max = 100, .dflt = "7",
	 .swan = "charon.retransmit_tries", .doc = "How often a request without an answer is sent again."},
	{"retransmit.timeout", CT_TIME, D(retransmit.timeout), CFG_LIVE, .min = DUR_MS(100), .max = SEC(3600),
	 .dflt = "\"1s\"", .swan = "charon.retransmit_timeout", .doc = "How long the first answer is waited for."},
	{"retransmit.base", CT_REAL, D(retransmit.base), CFG_LIVE, .min = 1000, .max = 10000, .dflt = "1.8",
	 .swan = "charon.retransmit_base", .doc = "By what each further wait is longer than the one before."},
	{"retransmit.jitter", CT_PERCENT, D(retransmit.jitter_percent), CFG_LIVE, .min = 0, .max = 100, .dflt = "\"0%\"",
	 .swan = "charon.retransmit_jitter", .doc = "By how much a wait is shortened at random."},
	{"retransmit.limit", CT_TIME, D(retransmit.limit), CFG_LIVE, .min = 0, .max = SEC(3600), .dflt = "\"0s\"",
	 .swan = "charon.retransmit_limit", .doc = "The longest wait; 0 is no limit."},
	{"retry_initiate_interval", CT_TIME, D(retry_initiate_interval), CFG_LIVE, .min = 0, .max = SEC(3600),
	 .dflt = "\"10s\"", .swan = "charon.retry_initiate_interval",
	 .doc = "The pause before a set-up that failed is tried again (strongSwan: 0, a name that is not resolved once "
	        "is never tried again)."},
	{"half_open_timeout", CT_TIME, D(half_open_timeout), CFG_LIVE, .min = SEC(1), .max = SEC(3600), .dflt = "\"30s\"",
	 .swan = "charon.half_open_timeout", .doc = "How long a set-up that a peer began may take."},
	{"dos_protection", CT_BOOL, D(dos_protection), CFG_LIVE, .dflt = "true", .swan = "charon.dos_protection",
	 .doc = "Whether the three thresholds below are applied."},
	{"cookie_threshold", CT_INT, D(cookie_threshold), CFG_LIVE, .min = 0, .max = 1000000, .dflt = "30",
	 .swan = "charon.cookie_threshold",
	 .doc = "With so many half-open IKE SAs a new peer must return a cookie first; 0 is never."},
	{"cookie_threshold_ip", CT_INT, D(cookie_threshold_ip), CFG_LIVE, .min = 0, .max = 1000000, .dflt = "3",
	 .swan = "charon.cookie_threshold_ip", .doc = "The same, counted for one address."},
	{"block_threshold", CT_INT, D(block_threshold), CFG_LIVE, .min = 0, .max = 1000000, .dflt = "5",
	 .swan = "charon.block_threshold",
	 .doc = "With so many half-open IKE SAs from one address (of IPv6: one /64) that has returned a cookie for each of them further "
	        "ones are ignored; who has not is asked for one. 0 is never."},
	{"init_limit_half_open", CT_INT, D(init_limit_half_open), CFG_LIVE, .min = 0, .max = 1000000, .dflt = "0",
	 .swan = "charon.init_limit_half_open",
	 .doc = "With so many half-open IKE SAs new ones are ignored. 0 is no limit but one of memory: of more than 1024 the oldest go, "
	        "those first that have returned no cookie; a higher number puts that limit up."},
	{"ikesa_limit", CT_INT, D(ikesa_limit), CFG_LIVE, .min = 0, .max = 1000000, .dflt = "0",
	 .swan = "charon.ikesa_limit", .doc = "With so many IKE SAs what a peer begins is ignored; 0 is no limit."},
	{"initiator_only", CT_BOOL, D(initiator_only), CFG_LIVE, .dflt = "false", .swan = "charon.initiator_only",
	 .doc = "Whether set-ups that a peer begins are ignored."},
	{"prefer_configured_proposals", CT_BOOL, D(prefer_configured_proposals), CFG_LIVE, .dflt = "true",
	 .swan = "charon.prefer_configured_proposals",
	 .doc = "Whether, of the proposals that both sides know, our first counts or the peer's."},
	{"make_before_break", CT_BOOL, D(make_before_break), CFG_LIVE, .dflt = "true", .swan = "charon.make_before_break",
	 .doc = "Whether a reauthentication sets the new SAs up before it deletes the old (strongSwan before 6.0: no)."},
	{"delete_rekeyed_delay", CT_TIME, D(delete_rekeyed_delay), CFG_LIVE, .min = 0, .max = SEC(300), .dflt = "\"5s\"",
	 .swan = "charon.delete_rekeyed_delay",
	 .doc = "How long the old inbound SA stays after a rekey, for packets on their way."},
	{"replay_window", CT_INT, D(replay_window), CFG_LIVE, .min = 0, .max = 4096, .dflt = "1024",
	 .swan = "charon.replay_window",
	 .doc = "How many packets may come late before a packet counts as replayed, for tunnels that say nothing else; "
	        "0 turns the check off (strongSwan: 32)."},
	{"spi_min", CT_INT, D(spi_min), CFG_LIVE, CFG_HEX, .min = 0x100, .max = UINT32_MAX, .dflt = "0xc0000000L",
	 .swan = "charon.spi_min", .doc = "The lowest SPI for ESP that is given out."},
	{"spi_max", CT_INT, D(spi_max), CFG_LIVE, CFG_HEX, .min = 0x100, .max = UINT32_MAX, .dflt = "0xcfffffffL",
	 .swan = "charon.spi_max", .doc = "The highest SPI for ESP that is given out."},
	{"fragment_size", CT_SIZE, D(fragment_size), CFG_LIVE, CFG_ZERO, .min = 512, .max = 65535, .dflt = "1280",
	 .swan = "charon.fragment_size",
	 .doc = "The largest IP packet that carries a fragment of an IKE message; 0 is 576 for IPv4 and 1280 for IPv6."},
	{"max_packet", CT_SIZE, D(max_packet), CFG_LIVE, .min = 1280, .max = 65535, .dflt = "10000",
	 .swan = "charon.max_packet", .doc = "The largest IKE message that is taken, whole or put together."},
	{"control.socket", CT_TEXT, D(control_socket), CFG_RESTART, .dflt = "\"\"", .swan = "charon.plugins.stroke.socket",
	 .doc = "The path of the control socket; empty is the one that gretel(8) looks for."},
	{"control.group", CT_TEXT, D(control_group), CFG_RESTART, .dflt = "\"\"", .swan = "charon.group",
	 .doc = "The group whose members may ask for the status; empty is the group gretel."},
	{"hook.user", CT_TEXT, D(hook_user), CFG_RESTART, .dflt = "\"\"", .swan = "charon.user",
	 .doc = "The user that updown scripts run as; empty is root, as under strongSwan."},
	{"hook.capabilities", CT_NAMES, D(hook_capabilities), CFG_RESTART, .dflt = "[]",
	 .doc = "The capabilities that updown scripts keep, such as [\"net_admin\"]; empty is all that the user has."},
	{"hook.timeout", CT_TIME, D(hook_timeout), CFG_LIVE, .min = SEC(1), .max = SEC(3600), .dflt = "\"1m\"",
	 .doc = "How long an updown script may run before it is ended (strongSwan: for ever, and everything waits)."},
	{"dataplane", CT_ENUM, D(dataplane), CFG_RESTART, .words = dataplane_words, .dflt = "\"auto\"",
	 .doc = "Who carries ESP and GRE: the kernel, or greteld itself in user space; auto is the kernel where it has ESP and "
	        "GRE, else user space."},
	{"dataplane_workers", CT_INT, D(dataplane_workers), CFG_RESTART, .min = 1, .max = 8, .dflt = "1",
	 .doc = "How many threads, and so processors, the data plane in user space has. Several change the order of packets "
	        "within one SA: its receiver's replay window should be 1024 or more then."},
	{"esp_backend", CT_ENUM, D(esp_backend), CFG_RESTART, .words = backend_words, .dflt = "\"auto\"",
	 .doc = "The library that encrypts in user space. ipsec-mb is there only when gretel was built with it, auto is the "
	        "faster one of those that there are."},
};

static const struct cfg_row filelog_rows[] = {
	{"path", CT_TEXT, F(path), CFG_LIVE, CFG_REQUIRED, .swan = "path", .doc = "The file."},
	{"level", CT_INT, F(level), CFG_LIVE, CFG_SIGNED, .min = -1, .max = 4, .words = log_words, .dflt = "\"info\"",
	 .swan = "default", .doc = "How much goes there, as in daemon.log."},
	{"append", CT_BOOL, F(append), CFG_LIVE, .dflt = "true", .swan = "append",
	 .doc = "Whether a file that exists is continued or begun anew."},
	{"flush_line", CT_BOOL, F(flush_line), CFG_LIVE, .dflt = "false", .swan = "flush_line",
	 .doc = "Whether each line is written out at once."},
};

static const struct cfg_row tunnel_rows[] = {
	{"name", CT_NODE, N(cfg_tunnel, name), CFG_LIVE,
	 .doc = "The tunnel's name, where it is to have one that libconfig does not take (it wants letters, digits, - and "
	        "_, a letter first)."},
	{"local", CT_HOSTS, T(local), CFG_IKE, .dflt = "\"%any\"", .swan = "left",
	 .doc = "Our address; \"%any\" is the one that the route to the peer leads to."},
	{"remote", CT_HOSTS, T(remote), CFG_IKE, CFG_REQUIRED, .swan = "right",
	 .doc = "The peer's address or name; names are resolved again at every try; \"%any\" waits for a peer with the right "
	        "identity."},
	{"local_id", CT_IDENT, T(local), CFG_IKE, .dflt = "\"\"", .swan = "leftid",
	 .doc = "Who we say we are, for instance the public address when we are behind NAT; empty is the address in use."},
	{"remote_id", CT_IDENT, T(remote), CFG_IKE, .dflt = "\"\"", .swan = "rightid",
	 .doc = "Who the peer must prove to be; empty is its address or name as given in remote, and a leading % does not "
	        "ask for it in so many words."},
	{"psk", CT_NODE, N(cfg_tunnel, psk), CFG_LIVE, CFG_ADDABLE,
	 .doc = "The pre-shared key for remote_id: text, 0x and hexadecimal digits, or 0s and base64."},
	{"psk_file", CT_NODE, N(cfg_tunnel, psk_file), CFG_LIVE, CFG_ADDABLE,
	 .doc = "A file whose first line is the key, in the same forms; relative to the file that names it."},
	{"ppk_id", CT_TEXT, T(ppk_id), CFG_IKE, CFG_ADDABLE, .dflt = "\"\"", .swan = "ppk_id",
	 .doc = "The name of a post-quantum pre-shared key, RFC 8784, that is mixed into the keys besides psk; the section secrets "
	        "has it. \"%any\" begins without one and takes whichever of ours the peer names; empty is none."},
	{"ppk_required", CT_BOOL, T(ppk_required), CFG_IKE, CFG_ADDABLE, .dflt = "false", .swan = "ppk_required",
	 .doc = "Whether a peer that does not have that key is refused, rather than let in with psk alone."},
	{"ike", CT_PROPOSAL, T(ike), CFG_IKE, .off2 = (uint16_t)offsetof(struct tunnel_conf, ike_text), .min = PROTO_IKE,
	 .dflt = "\"\"", .swan = "ike",
	 .doc = "Proposals for the IKE SA in strongSwan's notation, commas between them; without a ! at the end the "
	        "defaults follow; empty is the defaults."},
	{"esp", CT_PROPOSAL, T(esp), CFG_CHILD, .off2 = (uint16_t)offsetof(struct tunnel_conf, esp_text),
	 .min = PROTO_ESP, .dflt = "\"\"", .swan = "esp", .doc = "Proposals for the ESP SAs, likewise."},
	{"type", CT_ENUM, T(kind), CFG_IKE, .words = kind_words, .dflt = "\"transport\"", .swan = "type",
	 .doc = "transport protects what goes between the two hosts; pass and drop let it through or drop it instead "
	        "(strongSwan: tunnel, which gretel does not have)."},
	{"auto", CT_ENUM, T(auto_mode), CFG_LIVE, .words = auto_words, .dflt = "\"start\"", .swan = "auto",
	 .doc = "start sets the tunnel up and never gives up, route waits for the first packet, add for a command or the "
	        "peer (strongSwan: ignore)."},
	{"protocol", CT_INT, T(local.proto), CFG_CHILD, CFG_BOTH, T2(remote.proto), .min = 0, .max = 255, .words = proto_words, .dflt = "\"gre\"",
	 .swan = "leftprotoport", .doc = "The IP protocol that is protected (strongSwan: any)."},
	{"remote_protocol", CT_INT, T(remote.proto), CFG_CHILD, CFG_PREV, .min = 0, .max = 255, .words = proto_words,
	 .swan = "rightprotoport", .doc = "The same on the peer's side, where that differs; its default is protocol."},
	{"local_port", CT_INT, T(local.port), CFG_CHILD, .min = 0, .max = 65535, .words = any_words, .dflt = "\"any\"",
	 .swan = "leftprotoport", .doc = "Our port, for protocols that have ports."},
	{"remote_port", CT_INT, T(remote.port), CFG_CHILD, .min = 0, .max = 65535, .words = any_words, .dflt = "\"any\"",
	 .swan = "rightprotoport", .doc = "The peer's port, likewise."},
	{"mobike", CT_BOOL, T(mobike), CFG_IKE, .dflt = "false", .swan = "mobike",
	 .doc = "Whether the addresses may change while the SAs stay, RFC 4555 (strongSwan: yes)."},
	{"forceencaps", CT_BOOL, T(forceencaps), CFG_IKE, .dflt = "false", .swan = "forceencaps",
	 .doc = "Whether ESP goes in UDP even without NAT."},
	{"fragmentation", CT_FRAG, T(fragmentation), CFG_IKE, T2(frag_accept_only), .dflt = "true",
	 .swan = "fragmentation",
	 .doc = "Whether large IKE messages go in fragments, RFC 7383; accept takes fragments and sends none."},
	{"dpd.delay", CT_TIME, T(dpd_delay), CFG_IKE, .min = 0, .max = DAY, .dflt = "\"30s\"", .swan = "dpddelay",
	 .doc = "After how long without a sign of life the peer is asked for one; 0 is never."},
	{"dpd.action", CT_ENUM, T(dpd_action), CFG_CHILD, .words = dpd_words, .dflt = "\"restart\"", .swan = "dpdaction",
	 .doc = "What happens when it gives none: restart, hold (wait for the first packet), clear, or none, which does "
	        "not ask at all (strongSwan: none)."},
	{"close_action", CT_ENUM, T(close_action), CFG_CHILD, .words = dpd_words, .dflt = "\"restart\"",
	 .swan = "closeaction", .doc = "What happens when the peer deletes the SAs (strongSwan: none)."},
	{"keyingtries", CT_INT, T(keyingtries), CFG_LIVE, .min = 0, .max = 1000000, .words = forever_words,
	 .dflt = "\"forever\"", .swan = "keyingtries",
	 .doc = "After how many set-ups in a row that nobody answers a tunnel stays down; start and route never give up (strongSwan: 3)."},
	{"rekey", CT_BOOL, T(rekey), CFG_IKE, .dflt = "true", .swan = "rekey",
	 .doc = "Whether we renew keys before they expire."},
	{"reauth", CT_BOOL, T(reauth), CFG_IKE, .dflt = "false", .swan = "reauth",
	 .doc = "Whether the IKE SA is renewed by a whole new set-up instead of a rekey (strongSwan: yes)."},
	{"ikelifetime", CT_TIME, T(ike_life.life), CFG_IKE, .min = 0, .max = 365 * DAY, .dflt = "\"3h\"",
	 .swan = "ikelifetime", .doc = "How long the IKE SA's keys are used; 0 is for ever."},
	{"lifetime", CT_TIME, T(child_life.life), CFG_CHILD, .min = 0, .max = 365 * DAY, .dflt = "\"1h\"",
	 .swan = "lifetime, keylife", .doc = "How long the ESP SAs' keys are used; 0 is for ever."},
	{"margintime", CT_TIME, T(child_life.margin), CFG_CHILD, CFG_BOTH, T2(ike_life.margin), .min = 0, .max = 365 * DAY,
	 .dflt = "\"9m\"", .swan = "margintime, rekeymargin",
	 .doc = "How long before the end of either lifetime the renewal begins."},
	{"rekeyfuzz", CT_PERCENT, T(child_life.fuzz_percent), CFG_CHILD, CFG_BOTH, T2(ike_life.fuzz_percent), .min = 0,
	 .max = 100000, .dflt = "\"100%\"", .swan = "rekeyfuzz",
	 .doc = "By how much of itself the margin is lengthened at random, so that not all renew at once."},
	{"lifebytes", CT_SIZE, T(child_life.bytes), CFG_CHILD, .min = 0, .max = INT64_MAX, .dflt = "0", .swan = "lifebytes",
	 .doc = "How many octets the ESP SAs carry; 0 is no limit."},
	{"marginbytes", CT_SIZE, T(child_life.margin_bytes), CFG_CHILD, .min = 0, .max = INT64_MAX, .dflt = "0",
	 .swan = "marginbytes", .doc = "How many octets before that the renewal begins."},
	{"lifepackets", CT_INT, T(child_life.packets), CFG_CHILD, .min = 0, .max = INT64_MAX, .dflt = "0",
	 .swan = "lifepackets", .doc = "How many packets the ESP SAs carry; 0 is no limit."},
	{"marginpackets", CT_INT, T(child_life.margin_packets), CFG_CHILD, .min = 0, .max = INT64_MAX, .dflt = "0",
	 .swan = "marginpackets", .doc = "How many packets before that the renewal begins."},
	{"inactivity", CT_TIME, T(inactivity), CFG_CHILD, .min = 0, .max = 365 * DAY, .dflt = "\"0s\"",
	 .swan = "inactivity", .doc = "After how long without a packet the ESP SAs are closed; 0 is never."},
	{"updown", CT_TEXT, T(updown), CFG_LIVE, .dflt = "\"\"", .swan = "leftupdown",
	 .doc = "A shell command that is run when the tunnel goes up and down, with strongSwan's variables."},
	{"guard", CT_ENUM, T(guard), CFG_LIVE, CFG_ADDABLE, .words = guard_words, .dflt = "\"on\"",
	 .doc = "Whether GRE between the two ends is blocked unless it is encrypted; strict blocks all clear GRE to and "
	        "from our address, also before the peer's is known."},
	{"gre.name", CT_IFNAME, T(gre.name), CFG_LIVE, CFG_ADDABLE, .dflt = "\"\"",
	 .doc = "The GRE interface that gretel makes, adopts or repairs; empty is none."},
	{"gre.address", CT_PREFIXES, T(gre.address), CFG_LIVE, CFG_ADDABLE, T2(gre.n_addresses), .dflt = "[]",
	 .doc = "Its addresses, at most four."},
	{"gre.peer", CT_ADDR, T(gre.peer), CFG_LIVE, CFG_ADDABLE, .dflt = "\"\"",
	 .doc = "The peer's inner address, which is probed when the tunnel goes up; empty is the other one of a /30 or /31."},
	{"gre.mtu", CT_INT, T(gre.mtu), CFG_LIVE, CFG_ADDABLE | CFG_ZERO, .min = 68, .max = 65535, .dflt = "1400",
	 .doc = "Its MTU; 0 is 1400 too."},
	{"gre.ttl", CT_INT, T(gre.ttl), CFG_LIVE, CFG_ADDABLE, .min = 0, .max = 255, .words = ttl_words, .dflt = "64",
	 .doc = "The TTL of the outer packets, or \"inherit\" from the inner."},
	{"gre.tos", CT_INT, T(gre.tos), CFG_LIVE, CFG_ADDABLE, .min = 0, .max = 255, .words = tos_words,
	 .dflt = "\"inherit\"", .doc = "The TOS octet of the outer packets, or \"inherit\" from the inner."},
	{"gre.key", CT_KEY, T(gre.key), CFG_LIVE, CFG_ADDABLE, T2(gre.key_set), .dflt = "\"none\"",
	 .doc = "The GRE key, RFC 2890; the same at the peer."},
	{"gre.csum", CT_BOOL, T(gre.csum), CFG_LIVE, CFG_ADDABLE, .dflt = "false",
	 .doc = "Whether GRE packets carry a checksum, which ESP makes needless."},
	{"gre.seq", CT_BOOL, T(gre.seq), CFG_LIVE, CFG_ADDABLE, .dflt = "false",
	 .doc = "Whether GRE packets carry a sequence number; late ones are lost then."},
	{"gre.mss_clamp", CT_BOOL, T(gre.mss_clamp), CFG_LIVE, CFG_ADDABLE, .dflt = "false",
	 .doc = "Whether the MSS of TCP connections through the interface is lowered to what fits."},
	{"gre.keep", CT_BOOL, T(gre.keep), CFG_LIVE, CFG_ADDABLE, .dflt = "false",
	 .doc = "Whether the interface stays, administratively down, when the tunnel goes down."},
	{"local_allow_any", CT_BOOL, T(local.allow_any), CFG_IKE, .dflt = "false", .swan = "leftallowany",
	 .doc = "Whether we may be at other addresses than local, too."},
	{"remote_allow_any", CT_BOOL, T(remote.allow_any), CFG_IKE, .dflt = "false", .swan = "rightallowany",
	 .doc = "Whether the peer may come from other addresses than remote, too."},
	{"local_ikeport", CT_INT, T(local.ikeport), CFG_IKE, .min = 0, .max = 65535, .dflt = "0", .swan = "leftikeport",
	 .doc = "Our IKE port for this tunnel; 0 is daemon.port."},
	{"remote_ikeport", CT_INT, T(remote.ikeport), CFG_IKE, .min = 0, .max = 65535, .dflt = "0",
	 .swan = "rightikeport", .doc = "The peer's IKE port; 0 is 500."},
	{"local_host_access", CT_BOOL, T(local.host_access), CFG_LIVE, .dflt = "false", .swan = "lefthostaccess",
	 .doc = "Whether the updown script is given PLUTO_HOST_ACCESS=1."},
	{"remote_host_access", CT_BOOL, T(remote.host_access), CFG_LIVE, .dflt = "false", .swan = "righthostaccess",
	 .doc = "What strongSwan has as well, without an effect."},
	{"install_policy", CT_BOOL, T(install_policy), CFG_CHILD, .dflt = "true", .swan = "installpolicy",
	 .doc = "Whether policies go into the kernel with the SAs; somebody else has to do so otherwise."},
	{"reqid", CT_INT, T(reqid), CFG_CHILD, .min = 0, .max = UINT32_MAX, .dflt = "0", .swan = "reqid",
	 .doc = "The kernel's request id of the SAs; 0 has one chosen."},
	{"replay_window", CT_INT, T(replay_window), CFG_CHILD, CFG_SETUP, .min = 0, .max = 4096, .swan = "replay_window",
	 .doc = "As daemon.replay_window, which is its default, for this tunnel."},
	{"ikedscp", CT_INT, T(ikedscp), CFG_IKE, .min = 0, .max = 63, .dflt = "0", .swan = "ikedscp",
	 .doc = "The DSCP of IKE packets, as a number (strongSwan: six binary digits)."},
	{"mark_in", CT_MARK, T(mark_in), CFG_CHILD, T2(mark_in_mask), .dflt = "\"\"", .swan = "mark_in, mark",
	 .doc = "The mark of packets that come in, with an optional mask; empty is none."},
	{"mark_out", CT_MARK, T(mark_out), CFG_CHILD, T2(mark_out_mask), .dflt = "\"\"", .swan = "mark_out, mark",
	 .doc = "The mark that packets must have to go out through this tunnel, likewise."},
};

static const struct cfg_row secret_rows[] = {
	{"ppk_id", CT_NODE, N(cfg_secret, ppk_id), CFG_LIVE,
	 .doc = "The name of a post-quantum key; with it the key below is no key of ids, but that of tunnels with this ppk_id."},
	{"ids", CT_NODE_TEXTS, N(cfg_secret, ids), CFG_LIVE,
	 .doc = "The identities that the key belongs to, the peers' and ours; none means everybody."},
	{"psk", CT_NODE, N(cfg_secret, psk), CFG_LIVE, .doc = "The key, as in a tunnel."},
	{"psk_file", CT_NODE, N(cfg_secret, psk_file), CFG_LIVE, .doc = "A file with the key, as in a tunnel."},
};

static const struct cfg_row ipsec_rows[] = {
	{"conf", CT_NODE, N(cfg_ipsec, conf), CFG_LIVE, .doc = "An ipsec.conf, whose conns become tunnels."},
	{"secrets", CT_NODE, N(cfg_ipsec, secrets), CFG_LIVE, .doc = "An ipsec.secrets, whose keys are added."},
	{"strongswan", CT_NODE, N(cfg_ipsec, strongswan), CFG_LIVE,
	 .doc = "A strongswan.conf, whose settings stand in for the defaults of the section daemon."},
};

CFG_SECTION(cfg_daemon, daemon_rows, "daemon");
CFG_SECTION(cfg_filelog, filelog_rows, "daemon.filelog");
CFG_SECTION(cfg_tunnels, tunnel_rows, "tunnels");
CFG_SECTION(cfg_secrets, secret_rows, "secrets");
CFG_SECTION(cfg_ipsec, ipsec_rows, "ipsec");
