/* Inside the priv role, the part of it that is about the data plane: which one there is, and the role esp. priv_role.h includes it. */
#ifndef DAEMON_PRIV_ESP_H
#define DAEMON_PRIV_ESP_H

struct priv;

/* A request to esp without an answer so far. */
struct esp_ask {
	struct list node;
	uint32_t ticket;         /* between us and esp */
	bool for_ike;            /* ike's request `verb` with `ike_ticket` waits for it */
	uint8_t verb;
	uint32_t ike_ticket, epoch;
	struct actor_esp what;   /* without keys */
};

struct esp_side {
	struct peer peer;
	bool user;               /* this daemon's data plane is esp; else nothing here has a meaning but `why` */
	char why[160];
	unsigned workers;
	uint8_t wanted, backend; /* enum esp_backend: as configured, as in use */
	int socket[2][ESP_WORKERS_MAX]; /* of the NAT-T port, for IPv4 and IPv6; -1: none */
	struct list asked;
	uint32_t next_ticket;
	bool ike_waits;          /* ike is there before esp, and is greeted when esp is */
	bool lost;               /* one that had SAs has died: ike hears so when there is another */
};

/* priv_role_esp.c */
void plane_init(struct priv *p);
void plane_fini(struct priv *p);
/* Which data plane there is; forces UDP for all tunnels of the configuration when it is ours. 0 or -errno, said. */
int plane_choose(struct priv *p) MUST_USE;
void plane_conf(const struct priv *p, struct conf *c); /* what a configuration that is taken must say */
int plane_start(struct priv *p, mono_t now) MUST_USE;
bool plane_wanted(const struct priv *p);              /* a daemon that only speaks BGP has none: it would be a third of its memory */
void plane_wake(struct priv *p, mono_t now);          /* a configuration is taken: the first tunnel needs esp */
bool plane_reap(struct priv *p, mono_t now);
mono_t plane_due(const struct priv *p);
void plane_is_due(struct priv *p, mono_t now);
/* The actor's words for esp (actor_esp_fn), and a request of ike that waits for the answer. */
void plane_tell(void *ctx, uint8_t verb, const void *body, const int *fds, size_t n_fds);
void plane_ask(struct priv *p, const struct actor_esp *what, uint8_t verb, uint32_t ike_ticket);
bool plane_there(const struct priv *p);               /* ike may come: esp is there, or is not needed */
void plane_link(struct priv *p);                      /* a channel between ike and esp, when both are greeted */
void plane_tell_ike(struct priv *p);                  /* DATAPLANE */

#endif
