/* The bodies of the messages between priv and ike: plain data, the same build on both ends. m_ = request,
 * r_ = reply, e_ = event of priv. Names and texts end with NUL inside their arrays; flags are octets 0 or 1.
 * Which field must hold what stands in verbs.c, line by line in the same order. */
#ifndef PRIVSEP_MSG_H
#define PRIVSEP_MSG_H

#include "esp/esp.h"
#include "kernel/kernel.h"
#include "model/model.h"
#include "tunnel/tunnel.h"

enum { PRIV_NAME = CONF_NAME_MAX + 1, PRIV_TEXT_MAX = 1024, PRIV_OCTETS_MAX = 4096 + 512, PRIV_AUTH_MAX = 64 };

/* In front of each message. */
struct priv_head {
	uint8_t verb;
	uint8_t reply;           /* 0 request or event, 1 reply */
	uint16_t body;           /* octets of the struct */
	uint32_t ticket;
	int32_t status;
	uint32_t tail;           /* octets behind the struct */
};

struct m_hello { uint8_t build[8]; uint8_t role; int8_t log_level; };
/* r_none: no body. */

/* --- ike to priv --- */
/* reqid: a wish, 0 = none. */
struct m_spi_alloc { char tunnel[PRIV_NAME]; struct addr local, remote; uint32_t reqid, min, max; };
struct r_spi_alloc { uint32_t spi, reqid; };
struct m_spi { uint32_t spi; };                       /* SPI_FREE, CHILD_REMOVE, SA_QUERY: an inbound SPI of ours */
/* sa.out.spi 0: only the inbound SA, early; a second message brings the rest. */
struct m_child_install { char tunnel[PRIV_NAME]; uint32_t child_id; struct ident peer; struct child_sa sa; };
struct m_child_move { uint32_t spi_in; struct addr local, remote; uint8_t encap; uint16_t encap_sport, encap_dport; };
struct r_sa_query { struct sa_counters counters; };
struct m_ends { char tunnel[PRIV_NAME]; struct addr local, remote; }; /* GUARD_SET (local unset), GRE_UP, GRE_FIND, TRAP_SET */
struct m_tunnel { char tunnel[PRIV_NAME]; };          /* GRE_DOWN */
struct r_link { struct tun_link link; };
struct m_hook_run { char tunnel[PRIV_NAME]; uint8_t up; struct tun_child child; };
/* tail: n_octets to sign, then n_auth octets to verify (0 for PSK_SIGN). key: 0 or a handle from PSK_VERIFY. */
struct m_psk { char tunnel[PRIV_NAME]; uint16_t prf; uint32_t key; struct ident me, peer; uint32_t n_octets, n_auth; };
/* PSK_SIGN: tail = AUTH. PSK_VERIFY: key = the handle of the key that fits. Status -ENOKEY: no key for this pair;
 * -EBADMSG: none of n_tried fits (this refusal has its body, and a sentence as its tail). */
struct r_psk { uint32_t key, n_tried; };
/* tail: SK_d, SK_pi, SK_pr (RFC 8784 3), each as long as the PRF's output; the reply's: the same with the PPK `id` mixed in. -ENOKEY:
 * that tunnel has no such PPK. */
struct m_ppk_mix { char tunnel[PRIV_NAME]; char id[PPK_ID_MAX + 1]; uint16_t prf; };
/* remote: where the peer is, AF_NONE: as the configuration says, at this attempt. local: our address towards it until now, or AF_NONE. */
struct m_path { char tunnel[PRIV_NAME]; uint32_t attempt; struct addr local, remote; bool look; /* nothing is to go there yet */ };
struct r_path { struct endpoint local, remote; };     /* ports: ours, and the peer's first IKE port */
struct m_probe { char tunnel[PRIV_NAME]; uint32_t ifindex; struct addr inner; };
struct m_held { char tunnel[PRIV_NAME]; uint8_t held; };
struct m_reload { uint8_t check_only; };
/* The GRE interface `name` for the tunnel ("": the one between these ends), as `ip tunnel add` or, with change, `ip tunnel change` asks for it; only with the data
 * plane in user space. remote unset or any: whoever the tunnel talks to; local likewise. tos 1: of the inner packet; ttl 0: the same. */
struct m_gre {
	char tunnel[PRIV_NAME];
	char name[16];
	struct addr local, remote;
	uint32_t key;
	uint8_t change, key_set, ttl, tos, csum, pmtudisc;
};
struct m_gre_del { char name[16]; };                  /* GRE_DEL: -ENODEV, none of ours has this name */
struct m_dp_stats { char tunnel[PRIV_NAME]; };        /* "": only all */
struct r_dp_stats { uint64_t drops[ESP_DROP_N], all[ESP_DROP_N]; }; /* by enum esp_drop: of the tunnel, of everything */
struct m_log { int8_t level; };                       /* tail: text */

/* --- priv to ike --- */
/* One descriptor: the sealed memfd. tail: a bit per tunnel (of octet i/8, bit i%8): held. */
struct e_conf { uint64_t generation; uint64_t size; uint32_t n_tunnels; uint8_t reloaded; };
enum priv_socket { PRIV_UDP4, PRIV_UDP4_NATT, PRIV_UDP6, PRIV_UDP6_NATT, PRIV_CONTROL, PRIV_SOCKETS_N };
/* Descriptors: those that are there, in the order above. */
/* control_gid: whose members may look over the control socket, -1 = only root. */
enum { PRIV_LISTEN_MAX = 32 };
struct e_sockets {
	uint8_t have[PRIV_SOCKETS_N];
	uint16_t port, port_nat_t;
	int64_t control_gid;
	uint8_t restarted;       /* this is not the first ike */
	uint8_t n_listen;        /* the host's addresses at this moment, for status */
	struct addr listen[PRIV_LISTEN_MAX];
};
struct e_route_peer { uint8_t have; }; /* ROUTE_LINK: one descriptor, the end of a new channel to route (LINK_VERBS) */
/* Which data plane there is. tail: why, as one sentence. backend: enum esp_backend; AUTO while it is not known. */
struct e_dataplane { uint8_t user, workers, backend; };
struct e_kernel { struct kernel_event event; };
struct e_wanted { char tunnel[PRIV_NAME]; };         /* a packet was to go through this tunnel, for which there is a trap */
/* The run's ticket; tail: one line of the script, escaped. */
struct e_hook_line { char tunnel[PRIV_NAME]; uint8_t up; };
enum priv_diag { PRIV_DIAG_RELOAD, PRIV_DIAG_LOG };   /* the RELOAD with this ticket; a line of priv's own log */
struct e_diag { int8_t level; uint8_t kind; };        /* enum note_level or enum diag_level by kind; tail: text */
struct e_child {
	char tunnel[PRIV_NAME];
	uint32_t left;           /* how many more CHILD follow */
	struct ident peer;
	struct child_sa sa;      /* no keys */
	mono_t since;
	uint8_t hook_up;         /* the tunnel's up script has run, its down has not */
};

#endif
