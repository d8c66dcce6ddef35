/* struct conf: the whole configuration of one generation, immutable, in one run
 * of octets without pointers (references are offsets), so that priv can hand it
 * to the other roles as a sealed memfd. It holds no secret.
 *
 * config/ builds it (config/build.h), conf_check() proves every reference before a
 * role uses a blob that it received. Names of fields follow strongSwan's keywords
 * where there is one; times are dur_t, sizes octets. */
#ifndef MODEL_CONF_H
#define MODEL_CONF_H

#include "model/conf_routing.h"
#include "model/ident.h"
#include "model/proposal.h"

enum { CONF_MAGIC = 0x67726331, CONF_NAME_MAX = 64, CONF_HOSTS_MAX = 8, CONF_FILELOG_MAX = 4 };

enum auto_mode { AUTO_ADD, AUTO_ROUTE, AUTO_START };
enum tunnel_kind { TUNNEL_TRANSPORT, TUNNEL_PASS, TUNNEL_DROP };
enum dpd_action { DPD_NONE, DPD_CLEAR, DPD_HOLD, DPD_RESTART };
enum uniqueids { UNIQUE_YES, UNIQUE_NO, UNIQUE_NEVER, UNIQUE_KEEP }; /* yes = replace */
enum yes_no_auto { ENCAP_AUTO, ENCAP_YES, ENCAP_NO };
enum guard_mode { GUARD_ON, GUARD_STRICT, GUARD_OFF };
enum dataplane_mode { DATAPLANE_AUTO, DATAPLANE_KERNEL, DATAPLANE_USER };
enum conf_source { CONF_GRETEL, CONF_IPSEC };
#define CONF_PPK_ANY "%any"

/* One entry of left= or right=. */
enum host_kind { HOST_ANY, HOST_ADDR, HOST_RANGE, HOST_NAME };
struct conf_host {
	uint8_t kind;        /* enum host_kind */
	uint8_t family;      /* for HOST_ANY: 0, 4 (%any4), 6 (%any6) */
	struct addr lo, hi;  /* HOST_ADDR: lo; HOST_RANGE: both, CIDR included */
	conf_ref name;       /* HOST_NAME */
};

/* One side, already swapped so that `local` is ours. */
struct conf_end {
	struct conf_host host[CONF_HOSTS_MAX];
	uint8_t n_hosts;     /* 0 means %any */
	bool allow_any;      /* leftallowany, %name */
	uint16_t ikeport;    /* 0 = the daemon's */
	bool id_set;         /* false: the address itself (local: the source address in use) */
	bool id_loose;       /* rightid=%ID: match it, but send no IDr */
	struct ident id;
	uint8_t proto;       /* protoport: IP protocol, 0 any */
	uint16_t port;       /* 0 any */
	bool host_access;
};

/* Native GRE; present when name is not empty. */
struct conf_gre {
	char name[16];           /* interface name, "" = none */
	struct prefix address[4];
	uint8_t n_addresses;
	struct addr peer;        /* the peer's inner address; AF_NONE: from a /30 or /31, else unknown */
	uint16_t mtu;            /* 0 = 1400 */
	uint8_t ttl;             /* 0 = inherit */
	uint8_t tos;             /* 1 = inherit */
	bool key_set;
	uint32_t key;
	bool csum, seq;
	bool mss_clamp;
	bool keep;               /* leave the interface in place when the tunnel goes down; the guard stops its packets */
};

/* Rekey arithmetic inputs of one SA kind; 0 = off. */
struct conf_life {
	dur_t life, margin;
	uint32_t fuzz_percent;
	uint64_t bytes, margin_bytes, packets, margin_packets;
};

struct tunnel_conf {
	conf_ref name;
	conf_ref origin;         /* "file:line" */
	uint8_t kind;            /* enum tunnel_kind */
	uint8_t auto_mode;       /* enum auto_mode */
	struct conf_end local, remote;
	conf_ref ike, esp;       /* struct proposals */
	conf_ref ike_text, esp_text; /* as written, for `list` and the printer */
	struct conf_life ike_life, child_life; /* ike_life: life = ikelifetime */
	bool rekey, reauth, mobike, forceencaps, fragmentation, install_policy;
	bool frag_accept_only;   /* fragmentation=accept: announced and taken, never sent */
	bool weak;               /* an ALGO_WEAK algorithm is allowed: shown in status */
	bool short_psk;          /* its pre-shared key can be guessed: shown in status */
	uint32_t keyingtries;    /* 0 = for ever; informative for auto=start, which never gives up */
	uint8_t dpd_action, close_action; /* enum dpd_action */
	dur_t dpd_delay;         /* 0 = no liveness checks */
	dur_t inactivity;
	uint32_t reqid;          /* 0 = allocated */
	uint32_t replay_window;
	uint8_t ikedscp;
	uint32_t mark_in, mark_in_mask, mark_out, mark_out_mask;
	uint8_t guard;           /* enum guard_mode */
	conf_ref updown;         /* shell command line, 0 = none */
	conf_ref ppk_id;         /* of the post-quantum key (RFC 8784), at most PPK_ID_MAX octets; 0 = none, CONF_PPK_ANY: as the peer says */
	bool ppk_required;
	bool swapped;            /* the file's left and right were exchanged */
	bool kept;               /* the file's version is unusable (conf.refused): the one that ran before */
	struct conf_gre gre;
};

struct conf_filelog {
	conf_ref path;
	int8_t level;            /* -1..4 */
	bool append, flush_line;
};

struct conf_setup {
	uint8_t uniqueids;       /* enum uniqueids */
	uint16_t port, port_nat_t;
	struct { uint32_t tries; dur_t timeout; double base; uint32_t jitter_percent; dur_t limit; } retransmit;
	dur_t keep_alive, half_open_timeout, retry_initiate_interval, delete_rekeyed_delay;
	uint32_t cookie_threshold, cookie_threshold_ip, block_threshold, init_limit_half_open;
	uint32_t replay_window, spi_min, spi_max, fragment_size, max_packet;
	uint32_t ikesa_limit;    /* 0 = none */
	dur_t keep_alive_dpd_margin; /* 0 = off */
	bool dos_protection, make_before_break, prefer_configured_proposals, allow_swap;
	bool initiator_only;     /* IKE_SA_INIT requests are ignored */
	conf_ref interfaces_use, interfaces_ignore; /* comma lists */
	int8_t log_level;        /* highest of charondebug and *.default, our default 1 */
	struct conf_filelog filelog[CONF_FILELOG_MAX];
	uint8_t n_filelogs;
	conf_ref hook_user, hook_capabilities; /* 0 = root, all */
	dur_t hook_timeout;
	conf_ref control_socket, control_group;
	uint8_t dataplane;       /* enum dataplane_mode */
	uint8_t esp_backend;     /* enum esp_backend (crypto/); of the data plane in user space, as its threads */
	uint32_t dataplane_workers; /* 1 to 8 */
};

/* A conn that stands in the file but cannot be used, and why. */
struct conf_refused {
	conf_ref name, origin, reason; /* origin: "file:line" of the reason */
};

struct conf {
	uint32_t magic;
	uint32_t size;           /* octets of the whole blob */
	uint64_t generation;     /* set by priv at each load */
	uint8_t source;          /* enum conf_source */
	conf_ref files;          /* the files read, newline separated */
	struct conf_setup setup;
	uint32_t n_tunnels;
	conf_ref tunnels;        /* struct tunnel_conf[n_tunnels] */
	uint32_t n_refused;
	conf_ref refused;        /* struct conf_refused[n_refused] */
	conf_ref routing;        /* struct conf_routing; 0 = none */
};

/* Whether every reference stays inside, strings end, counts are in range. */
bool conf_check(const void *blob, size_t size) MUST_USE;
const struct tunnel_conf *conf_tunnel(const struct conf *c, uint32_t i);
const struct conf_refused *conf_refused(const struct conf *c, uint32_t i);
/* NULL when there is none. */
const struct conf_routing *conf_routing(const struct conf *c);
const struct conf_bgp *conf_bgp(const struct conf *c);
/* The i-th element of an array of elements of `size` octets; NULL beyond its end. */
const void *conf_at(const struct conf *c, struct conf_array a, size_t size, uint32_t i);
/* -1 when there is none of this name. */
int conf_find(const struct conf *c, const char *name);
/* "" for 0. */
const char *conf_str(const struct conf *c, conf_ref r);
void sb_conf_host(struct sbuf *b, const struct conf *c, const struct conf_host *h); /* as in gretel.conf */
/* The name of a tunnel's post-quantum key, "" for none, CONF_PPK_ANY. */
const char *conf_ppk(const struct conf *c, const struct tunnel_conf *t);
const struct proposals *conf_proposals(const struct conf *c, conf_ref r);
/* strongSwan's defaults: what a conn without any keyword has. */
void conf_setup_defaults(struct conf_setup *s);
void tunnel_conf_defaults(struct tunnel_conf *t);
bool conf_many_peers(const struct conf_end *remote); /* %any and ranges alone: any number of peers may come at once */

#endif
