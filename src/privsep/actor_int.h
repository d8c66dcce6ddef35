/* Inside the actor: its state, and the verbs that its files share out among them. Not for others. */
#ifndef PRIVSEP_ACTOR_INT_H
#define PRIVSEP_ACTOR_INT_H

#include "privsep/actor.h"

enum { KNOWN_MAX = 16, LOCALS_MAX = 1024, SPIS_MAX = 8192 };

/* What is remembered about a tunnel beyond its configuration. It stays as long as it has something to remember. */
struct tstate {
	struct hnode by_name, by_link;
	struct list node;
	char name[PRIV_NAME];
	const struct tunnel_conf *t; /* NULL: not configured (any more) */
	const struct tunnel_conf *next; /* while a configuration is taken over */
	bool held;
	struct { struct addr addr; uint8_t host; } known[KNOWN_MAX]; /* what its names resolved to last */
	uint8_t n_known;
	struct addr guarded;     /* the last address that was guarded */
	char interface[16];      /* towards the peer, "" unknown */
	uint32_t id;             /* its number for esp; not 0 */
	uint32_t n_spis;         /* struct spi that name it */
	uint32_t n_devices;      /* struct device likewise */
	struct hnode by_trap;
	struct { struct addr local, remote; uint32_t reqid, mark, mark_mask; uint8_t proto; } trap; /* remote AF_NONE: none */
	uint32_t n_adopted;      /* children of an earlier priv that were found in the kernel */
	/* the script: whether its up ran, with what, and the down that belongs to it */
	bool hook_up;
	int hook_status;
	struct tun_child hook_child;
	char *command;
	size_t command_size;
	bool host_access;
	/* the GRE interface as we last told ike */
	struct tun_link link;
	uint32_t linked;         /* its number, as it stands in actor.links; 0: not there */
	struct addr outer;       /* the peer that it leads to */
	struct conf_gre gre;     /* name "" = we made none */
};

/* An SPI of ours without an SA yet. */
struct spi {
	struct hnode by_spi;
	struct list node;
	struct tstate *owner;
	struct addr local, remote;
	uint32_t spi, reqid;
	bool early;              /* its inbound SA is in the kernel, the rest of the child is not */
};

/* A TUN device that stands for a GRE interface; only with the data plane in user space. */
struct device {
	struct list node;
	struct tstate *owner;
	char name[16];           /* as it was made; another program may rename it */
	struct kernel_tun *tun;
	struct addr local;       /* any: not said */
	struct esp_device conf;
};

enum half { HALF_BOTH, HALF_EARLY, HALF_LATER };

/* A data plane. 0: it is done; -errno; 1: out->todo says what else is to be done, and the answer comes later. */
struct actor_plane {
	int (*spi_alloc)(struct actor *a, const struct m_spi_alloc *m, uint32_t reqid, uint32_t *spi);
	void (*spi_free)(struct actor *a, const struct spi *p);
	int (*install)(struct actor *a, const struct tstate *s, const struct child_sa *sa, uint8_t half, struct actor_out *out);
	int (*move)(struct actor *a, const struct child *k, const struct child_sa *to, struct actor_out *out);
	int (*remove)(struct actor *a, const struct child *k);
	int (*query)(struct actor *a, const struct child *k, struct actor_out *out);
	int (*gre_up)(struct actor *a, struct tstate *s, const struct m_ends *m, struct gre_link *g);
	int (*gre_down)(struct actor *a, struct tstate *s);
	int (*gre_find)(struct actor *a, const struct tstate *s, const struct m_ends *m, struct gre_link *g);
};
extern const struct actor_plane actor_plane_kernel, actor_plane_user;

struct actor {
	struct actor_env env;
	const struct actor_plane *plane;
	bool told_no_policies;
	struct list devices;
	uint32_t last_device, last_tunnel;
	uint8_t phase;
	const struct conf *conf;
	const struct psk_set *psks;
	struct children children;
	struct hmap names, spis, links, traps;
	struct list tunnels, all_spis;
	size_t n_spis;
	uint32_t last_reqid;     /* the last one that we chose; we count upwards */
	uint32_t other_reqid;    /* the highest that we did not: configured, or of an earlier life */
	struct addr local[LOCALS_MAX];
	size_t n_local;
	bool locals_fresh;
	char *command[2];        /* of the hooks that were handed out last: down, up */
	size_t command_size[2];
};

/* --- actor.c --- */
struct tstate *actor_tstate(const struct actor *a, const char *name);
/* The tunnel of a request; NULL, and -ENOENT in out, when it is not configured. */
struct tstate *actor_tstate_conf(const struct actor *a, const char *name, struct actor_out *out);
void actor_logf(struct actor *a, int8_t level, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Fills in a refusal; returns status. */
int actor_refuse(struct actor_out *out, int status, const char *fmt, ...) PRINTF_LIKE(3, 4);
void actor_answer(struct actor_out *out, bool has_body);

struct tstate *actor_tstate_new(struct actor *a, const char *name); /* NULL: no memory */
void actor_tstates_sweep(struct actor *a);       /* forgets those that have nothing to remember */
void actor_tstate_done(struct actor *a, struct tstate *s); /* the same, of one */

/* --- actor_books.c: each writes one record, before the kernel is asked to make something, and after it was asked to remove it --- */
void actor_book_child(const struct actor *a, const struct child *k);
void actor_book_early(const struct actor *a, const struct spi *p);
void actor_book_gone(const struct actor *a, uint32_t spi_in);
void actor_book_tunnel(const struct actor *a, const struct tstate *s);

/* --- actor_check.c: what a tunnel's configuration allows. 0 or a refusal in out. --- */
bool actor_local_ours(struct actor *a, const struct addr *local);
bool actor_remote_allowed(struct actor *a, const struct tstate *s, const struct addr *remote);
/* Where a peer that has proved who it is may have moved to: with mobike to anywhere. */
bool actor_move_allowed(struct actor *a, const struct tstate *s, const struct addr *remote);
int actor_check_ends(struct actor *a, const struct tstate *s, const struct addr *local, const struct addr *remote,
               struct actor_out *out);
int actor_check_child(struct actor *a, const struct tstate *s, const struct m_child_install *m, struct actor_out *out);
bool actor_identities_fit(const struct tunnel_conf *t, const struct ident *me, const struct ident *peer);

/* --- actor_sa.c --- */
uint32_t actor_reqid_seen(struct actor *a, uint32_t reqid); /* it is somebody's; returns it */
/* The number of requests that (tunnel, remote) has or gets; wish: 0 none. */
uint32_t actor_reqid(struct actor *a, const struct tstate *s, const struct addr *local, const struct addr *remote, uint32_t wish);
void act_spi_alloc(struct actor *a, const struct m_spi_alloc *m, struct actor_out *out);
void act_spi_free(struct actor *a, const struct m_spi *m);
void act_child_install(struct actor *a, const struct m_child_install *m, mono_t now, struct actor_out *out);
void act_child_move(struct actor *a, const struct m_child_move *m, struct actor_out *out);
void act_child_remove(struct actor *a, const struct m_spi *m, struct actor_out *out);
void act_sa_query(struct actor *a, const struct m_spi *m, struct actor_out *out);
void actor_child_remove(struct actor *a, struct child *k);
void actor_spis_free_all(struct actor *a);
struct spi *actor_spi_find(const struct actor *a, uint32_t spi);
bool actor_spi_taken(const struct actor *a, uint32_t spi); /* allocated, or of a child */

/* --- actor_net.c --- */
void act_path(struct actor *a, const struct m_path *m, struct actor_out *out);
void actor_link_set(struct actor *a, struct tstate *s, const struct addr *outer); /* s->link is new; NULL: there is none */
bool actor_link_inner(struct actor *a, uint32_t ifindex); /* a GRE interface or a device of ours: the inside of a tunnel */
void act_guard_set(struct actor *a, const struct m_ends *m, struct actor_out *out);
void act_gre_up(struct actor *a, const struct m_ends *m, struct actor_out *out);
void act_gre_down(struct actor *a, const struct m_tunnel *m, struct actor_out *out);
void act_gre_find(struct actor *a, const struct m_ends *m, struct actor_out *out);
void act_probe(struct actor *a, const struct m_probe *m, struct actor_out *out);
void actor_guards_apply(struct actor *a);
void actor_shunts_apply(struct actor *a, const struct conf *was);
int actor_guard(struct actor *a, struct tstate *s, const struct addr *remote);
void actor_link_of(struct tun_link *l, const struct gre_link *g, const struct conf_gre *want);

/* --- actor_trap.c --- */
void act_trap_set(struct actor *a, const struct m_ends *m, struct actor_out *out);
void actor_trap_drop(struct actor *a, struct tstate *s);
void actor_trap_link(struct actor *a, struct tstate *s);
void actor_trap_again(struct actor *a, const struct child *gone); /* its policy is away: the trap's comes back */
void actor_traps_check(struct actor *a);                          /* against a new configuration */
void actor_traps_remove(struct actor *a);

/* --- actor_user.c --- */
void act_dp_stats(struct actor *a, const struct m_dp_stats *m, struct actor_out *out);
void act_gre_add(struct actor *a, const struct m_gre *m, struct actor_out *out);
void act_gre_del(struct actor *a, const struct m_gre_del *m, struct actor_out *out);
void actor_devices_close(struct actor *a);
void actor_devices_event(struct actor *a, const struct kernel_event *ev); /* LINK, OVERRUN: another MTU, or gone */

/* --- actor_hook.c --- */
void actor_hook_fill(struct actor *a, const struct tstate *s, bool up, struct actor_hook *h);
/* Where the script of a tunnel is remembered for this peer; NULL: nowhere. */
struct tstate *actor_hook_state(const struct actor *a, const char *tunnel, const struct ident *peer);
bool actor_hook_is_up(const struct actor *a, const struct child *k); /* the script's up has run for k's peer, and no down since */
void act_hook_run(struct actor *a, const struct m_hook_run *m, struct actor_out *out);

/* --- actor_psk.c --- */
void act_psk_sign(struct actor *a, const struct m_psk *m, struct span octets, struct actor_out *out);
/* keys: SK_d, SK_pi, SK_pr. */
void act_ppk_mix(struct actor *a, const struct m_ppk_mix *m, struct span keys, struct actor_out *out);
void act_psk_verify(struct actor *a, const struct m_psk *m, struct span octets, struct span auth, struct actor_out *out);

#endif
