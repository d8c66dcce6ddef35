/* Inside of the ike role: the one structure that its files share. The role runs two pure engines (ike/, tunnel/) and the
 * control server, and is the only one that reads untrusted datagrams.
 *
 *   ike_role.c  start, the loop, messages of priv
 *   act.c       carries out the engines' actions, brings priv's answers back as facts: the one place that knows both
 *   net_ike.c   the UDP sockets
 *   ike_conf.c  a new configuration: what changes for which tunnel; names and numbers
 *   ike_orphan.c  child SAs of an earlier life, until they have successors
 *   ike_ctl.c   what administrators ask for
 *   ike_route.c the channel to the role route
 *
 * Tickets on the channel: the two upper bits say whose they are, so that each engine counts for itself. */
#ifndef DAEMON_IKE_ROLE_H
#define DAEMON_IKE_ROLE_H

#include "daemon/daemon.h"
#include "ike/ike.h"
#include "loop/loop.h"
#include "privsep/privsep.h"
#include "tunnel/tunnel.h"

#include <sys/types.h>

enum ticket_owner { TICKET_IKE = 0u << 30, TICKET_TUNNEL = 1u << 30, TICKET_ROLE = 2u << 30, TICKET_MASK = 3u << 30 };

/* A tunnel's number for the engines; a name keeps it over reloads. */
struct tun_name {
	struct hnode by_name;
	uint32_t id;             /* index + 1 in ike_role.names */
	char name[CONF_NAME_MAX + 1];
	bool configured, held;
	struct addr *guarded;    /* the peers that it has set guards for; none is ever taken away */
	uint32_t n_guarded;
	uint32_t conf_index;
	bool routed;             /* the routing module was told that it is up */
	struct tun_link link;    /* as it was told */
	struct list orphans;     /* of this name */
};

/* A child SA that an earlier life of this role left in the kernel. */
struct orphan {
	struct list link, of_name;
	struct hnode by_spi, by_end; /* of the tunnel at this peer address */
	char tunnel[CONF_NAME_MAX + 1];
	struct ident peer;
	struct child_sa sa;
	mono_t since;
	bool hook_up;            /* the tunnel's script has run for up */
	bool handed_over;        /* the engine removes it with the tunnel's next child */
	bool called;             /* its peer was, or need not be */
};

enum { OLD_CONFS = 16 };

struct role_ctl; /* ike_ctl.c */
struct net;      /* net_ike.c */

struct ike_role {
	struct loop *loop;
	struct mem *mem;
	struct crypto *crypto;
	struct privsep *priv;
	struct privsep *route;   /* NULL: there is none now */
	uint32_t priv_events;    /* what the loop waits for on its descriptor */
	struct ike *ike;
	struct tunnels *tunnels;
	int8_t log_level;
	/* configuration */
	const struct conf *conf;
	const struct conf *old[OLD_CONFS]; /* still named by SAs of tunnels that left the configuration */
	uint32_t n_old;
	struct hmap names_by_name;
	struct tun_name **names;
	uint32_t n_names, cap_names;
	struct list orphans;
	struct hmap orphans_by_spi, orphans_by_end;
	mono_t orphan_call, orphan_end; /* MONO_NEVER: nobody is to be called, all have gone */
	/* sockets, by enum priv_socket; -1 = none */
	int udp[4];
	uint16_t port, port_nat_t;
	struct net *net;         /* batches on their way in and out; NULL before the sockets came */
	int esp;                 /* the pair with the role esp; -1: none */
	struct e_dataplane dataplane;
	char dataplane_why[160]; /* half a sentence */
	bool restarted;          /* an earlier ike of this daemon died */
	uint32_t n_listen;
	struct addr listen[PRIV_LISTEN_MAX]; /* addresses of this host */
	gid_t control_group;     /* whose members may look; (gid_t)-1 nobody's */
	bool stopping, stopped_told;
	uint64_t send_errors;
	mono_t started;
	mono_t settle;           /* when memory is given back (role_settle); MONO_NEVER: it was */
	struct role_ctl *ctl;
	struct ike_acts acts;
	struct tun_acts tun_acts;
	uint8_t datagram[65536];
};

/* --- act.c --- */
void act_run(struct ike_role *r, mono_t now);      /* carries out r->acts, and what follows from it, until nothing is left */
void act_gather(struct ike_role *r, mono_t now);   /* r->acts may wait until the end of the turn, unless room grows scarce */
void act_tunnel(struct ike_role *r, const struct tun_fact *f, mono_t now);
void act_tunnel_run(struct ike_role *r, mono_t now);          /* carries out r->tun_acts */
void act_reply(struct ike_role *r, const struct priv_msg *m, mono_t now);   /* a reply of priv to an engine's ticket */
void act_event(struct ike_role *r, const struct priv_msg *m, mono_t now);   /* KERNEL_EVENT, WANTED, HOOK_LINE */
void role_log(struct ike_role *r, uint32_t tunnel, int8_t level, bool progress, const char *text);
void role_logf(struct ike_role *r, int8_t level, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* --- net_ike.c --- */
int net_adopt(struct ike_role *r, const struct priv_msg *m) MUST_USE; /* the descriptors of SOCKETS */
void net_send(struct ike_role *r, const struct ike_act *a); /* a datagram goes out with net_flush; its octets must live on till then */
void net_flush(struct ike_role *r);
void net_esp(struct ike_role *r, struct priv_msg *m); /* ESP_LINK: takes the descriptor over */

/* --- ike_conf.c --- */
int names_init(struct ike_role *r) MUST_USE;
struct tun_name *name_find(struct ike_role *r, const char *name);
struct tun_name *name_by_id(struct ike_role *r, uint32_t id); /* NULL for 0 */
const struct tunnel_conf *name_conf(const struct ike_role *r, const struct tun_name *n); /* NULL: not configured */
void name_guarded(struct ike_role *r, struct tun_name *n, const struct addr *peer); /* remembers it for status */
void conf_apply(struct ike_role *r, const struct priv_msg *m, mono_t now);
void conf_let_go(struct ike_role *r); /* unmaps what nobody names any more */

/* --- ike_orphan.c --- */
int orphans_init(struct ike_role *r) MUST_USE;
void orphan_add(struct ike_role *r, const struct priv_msg *m);
void orphan_expired(struct ike_role *r, uint32_t spi_in, mono_t now);
void orphan_settle(struct ike_role *r, const struct tun_name *n, const struct addr *remote); /* a child to remote is up */
void orphans_sort(struct ike_role *r); /* when all names are there */
void orphans_hand_over(struct ike_role *r, struct tun_name *n, mono_t now); /* to the engine, which knows the tunnel */
void orphans_settle_conf(struct ike_role *r, mono_t now); /* the configuration is in force: some are not wanted any more */
mono_t orphans_when(void *ctx);
void orphans_are_due(void *ctx, mono_t now);

/* --- ike_route.c --- */
void route_adopt(struct ike_role *r, struct priv_msg *m); /* ROUTE_LINK: takes the descriptor over */
void route_tunnel(struct ike_role *r, struct tun_name *n, const struct tun_link *link, bool up);
void route_tell_all(struct ike_role *r);
bool route_ask_status(struct ike_role *r); /* false: there is nobody to ask */

/* --- ike_ctl.c --- */
int ctl_open(struct ike_role *r, int listen_fd) MUST_USE;
void ctl_progress(struct ike_role *r, uint32_t tunnel, const char *text);  /* to those who wait for this tunnel */
void ctl_note_level(struct ike_role *r);                                   /* tells the engine which notes somebody reads */
void ctl_log(struct ike_role *r, int8_t level, const char *text);          /* to those who follow the log */
void ctl_done(struct ike_role *r, uint32_t tunnel, bool ok, const char *text); /* an `up` has ended */
void ctl_down(struct ike_role *r, mono_t now);                             /* looks whether a `down` has ended */
void ctl_reply(struct ike_role *r, const struct priv_msg *m, mono_t now);  /* a reply to a ticket of the role's own */
void ctl_diag(struct ike_role *r, const struct priv_msg *m);

#endif
