/* A small world on virtual time: hosts that each have an IKE engine and a make-believe priv and kernel, NAT boxes, and a network
 * that delays, loses, doubles and reorders. For tests of ike/ only.
 *
 *      struct sim *s = sim_new(seed);
 *      struct sim_node *a = sim_host(s, "a", "192.0.2.1"), *b = sim_host(s, "b", "198.51.100.1");
 *      sim_conf(a, b, "auto=start", NULL);      ipsec.conf keywords on top of sim_conf's own
 *      sim_conf(b, a, "", NULL);
 *      sim_start(a); sim_start(b);
 *      sim_run(s, DUR_S(5));
 *      assert_int_equal(sim_common(a, b), 1);
 *      sim_free(s);
 *
 * Everything that happens is an event in one queue, ordered by time, then by the order of its making; every random number comes
 * from the seed. Nothing here asserts: what a host does wrong against its kernel is counted in `faults` and told in its log. */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include "config/config.h"
#include "ike/ike.h"

enum {
	SIM_NODES = 24,
	SIM_SAS = 2048,
	SIM_SPIS = 2048,
	SIM_TOLD = 512,
	SIM_SENT = 4096,
	SIM_LOG = 1 << 17,
	SIM_PORTS = 64
};

struct sim;
struct sim_node;

/* --- Handles that the engine gets --- */
struct sim_rng {
	struct rng rng;
	uint64_t state;
};
struct sim_mem {
	struct mem mem;
	size_t blocks;      /* handed out now */
	uint64_t asked;     /* requests so far */
	uint64_t fail_at;   /* this request yields NULL; 0 = none */
	uint64_t fail_from; /* and so does every one from this on; 0 = none */
};

/* --- The network --- */
/* Without a port map all ports stay as they are, both ways (1:1). With one, each inner port gets an outer port of its own
 * when it first sends, and nothing comes in but to those. */
struct sim_nat {
	struct addr public;
	bool ports;
	struct {
		uint32_t host;
		uint16_t inner, outer;
	} map[SIM_PORTS];
	uint32_t n;
	uint16_t next;
};

struct sim_packet {
	struct sim_node *from;
	struct endpoint src, dst; /* as they are on the wire between the NATs */
	bool marker;              /* the non-ESP marker stood in front */
	uint8_t *p;               /* exact size, on the heap */
	size_t n;
	uint8_t exchange; /* 0 for a keep-alive */
	bool response;
	uint32_t msg_id;
	/* For a tap to set: how many of it arrive, and how much later the last of them than the network would have it. */
	unsigned copies;
	dur_t late;
};

/* What a host sent, in order. */
struct sim_sent {
	mono_t at;
	uint8_t exchange;
	bool response;
	uint32_t msg_id;
	size_t n;
	struct endpoint src, dst;
};

/* --- What the engine told tunnel/ --- */
struct sim_told {
	mono_t at;
	uint8_t event; /* enum ike_event */
	uint32_t tunnel, child_id;
	bool retry;
	char reason[256];
};

/* --- The make-believe kernel --- */
struct sim_sa {
	uint32_t child_id;
	struct child_sa sa; /* with keys */
	mono_t since;
};

struct sim_node {
	struct sim *sim;
	uint32_t index;
	const char *name;
	struct addr addr;    /* AF_NONE: it has none now */
	struct addr lost[8]; /* that it had before: what is sent from there goes nowhere */
	uint32_t n_lost;
	struct sim_nat *nat;
	bool cut; /* nothing goes out, nothing comes in */
	mono_t frozen; /* suspended until then: its clock stands still, what is sent to it is lost */
	struct ike *ike;
	uint32_t n_lives; /* how often it was started */
	struct ike_acts *acts;
	struct sim_mem mem;
	struct sim_rng rng;
	struct conf *conf;
	struct psk_set psks;
	/* The kernel. */
	uint32_t n_sas, n_spis, next_spi, n_early, n_orphans;
	mono_t answered; /* when the last answer of priv comes: they come in order */
	int fail_path, fail_spi, fail_sign, fail_verify, fail_mix, fail_install, fail_move; /* -errno to answer with, 0 */
	uint32_t moves;                                                /* CHILD_MOVE actions */
	mono_t heard;                                                  /* when ESP came in last; 0: never */
	uint32_t queries, traps, paths;                                /* CHILD_QUERY, TRAP, PATH actions */
	struct addr inside;                                            /* reached through a tunnel: no PATH leads there */
	struct addr dns;                                               /* what the peer's name resolves to; AF_NONE: nothing */
	unsigned faults; /* what a kernel would have refused, actions lost, datagrams out of the wrong socket */
	/* What happened. */
	uint32_t n_told, n_sent;
	uint32_t ups, downs; /* CHILD_UP, CHILD_DOWN */
	struct sbuf log_b;
	/* The books themselves, which hold what is counted above: to clear them would take as long as all that happens to two hosts. */
	struct sim_sa sa[SIM_SAS];
	uint32_t spi[SIM_SPIS]; /* given out, not installed yet */
	struct addr spi_local[SIM_SPIS]; /* for which address */
	struct esp_sa early[SIM_SPIS]; /* inbound SAs that wait for their other half */
	uint32_t orphan[SIM_SAS]; /* inbound SPIs of an earlier life */
	struct sim_told told[SIM_TOLD];
	struct sim_sent sent[SIM_SENT];
	char log[SIM_LOG];   /* notes of every level, one per line */
};

/* Whoever looks at everything; see sim_watch.h. Any of them may be NULL. */
struct sim_eyes {
	void (*act)(struct sim_node *n, const struct ike_act *a);      /* after it was carried out */
	void (*conf)(struct sim_node *n, uint32_t tunnel);             /* before the engine gets it */
	void (*born)(struct sim_node *n);                              /* an engine begins its life */
	void (*said)(struct sim_node *n, const char *text);            /* a line of the log */
	mono_t (*due)(const struct sim *s);                                /* timers of what is not an engine */
	void (*timer)(struct sim *s);
};

struct sim {
	mono_t now;
	struct crypto *crypto;
	struct sim_rng rng;   /* the network's */
	struct sim_mem plain; /* for what is not the engine's */
	struct sim_node *node[SIM_NODES];
	uint32_t n_nodes;
	struct sim_nat nats[SIM_NODES];
	uint32_t n_nats;
	/* The network: a delay between the two, chances in a thousand. */
	dur_t delay_min, delay_max, priv_delay;
	unsigned loss, dup;
	/* priv: more delay, at random up to this; chance in a thousand that it cannot. */
	dur_t priv_delay_more;
	unsigned priv_fail;
	bool mute; /* no log, no record of what was sent: for storms */
	/* Sees each datagram when it leaves a host, may change it; false: it is lost. NULL: none. */
	bool (*tap)(struct sim *s, struct sim_packet *p);
	/* Called after each event. NULL: none. */
	void (*watch)(struct sim *s);
	void *arg; /* for both */
	const struct sim_eyes *eyes;
	void *eyes_arg;
	struct sim_event *events;
	uint64_t seq;
	uint64_t steps;
	bool stuck; /* too many events at one time: the engines run in a circle */
};

/* --- sim.c --- */
struct sim *sim_new(uint64_t seed);
void sim_free(struct sim *s);
struct sim_node *sim_host(struct sim *s, const char *name, const char *addr);
/* The address under which others see n: its NAT's, else its own. */
struct addr sim_public(const struct sim_node *n);
/* n's configuration: one conn "t" between n and the public address of peer (NULL: right=%any), transport mode, GRE, x25519 and
 * AES-GCM, auto=add, no liveness checks, PSK "secret"; keys: newline-separated keywords that go on top. secrets: ipsec.secrets, NULL
 * for ": PSK secret". False, and the diagnostics on stderr, when it does not load. strongswan: lines of "charon { }". */
bool sim_conf(struct sim_node *n, const struct sim_node *peer, const char *keys, const char *secrets);
bool sim_conf_charon(struct sim_node *n, const struct sim_node *peer, const char *keys, const char *secrets,
                     const char *charon);
/* A whole ipsec.conf. */
bool sim_conf_text(struct sim_node *n, const char *text, const char *secrets, const char *charon);
/* Makes the engine, hands it its configuration and starts what is auto=start. A second time: the host lost everything and
 * comes back. False: no memory. */
bool sim_start(struct sim_node *n);
/* The process comes back, the kernel's SAs have stayed: they are handed to it as orphans. */
bool sim_restart(struct sim_node *n);
/* Suspends n: it comes back d later, with its clock that much ahead. */
void sim_freeze(struct sim_node *n, dur_t d);
/* Hands the configuration in n->conf over (again), as a reload does. */
void sim_reload(struct sim_node *n, bool start);
/* By type and tunnel 1, or by id. */
void sim_cmd(struct sim_node *n, uint8_t type, uint32_t id);
void sim_stop(struct sim_node *n); /* ike_free, at once; the kernel's SAs stay */
void sim_run(struct sim *s, dur_t d);
/* Until cond(arg) or d is over; what cond said last. */
bool sim_until(struct sim *s, dur_t d, bool (*cond)(struct sim *s));
/* At a time from now. */
void sim_at(struct sim *s, dur_t in, void (*fn)(struct sim_node *n), struct sim_node *n);
void sim_after(struct sim_node *n); /* carries the actions in n->acts out; after own calls into n->ike */
void sim_report(struct sim_node *n, const struct ike_fact *f); /* a fact, now */
/* Puts a datagram on the wire (copied), or straight into a host. */
void sim_inject(struct sim_node *to, const struct endpoint *src, const struct endpoint *dst, bool marker, const void *p,
                size_t n);
void sim_log(struct sim_node *n, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* --- sim_net.c --- */
struct sim_nat *sim_behind(struct sim_node *n, const char *public_addr, bool ports);
/* n's address becomes another one, and its engine is told: gone, then new; "": gone, and none comes. */
void sim_readdress(struct sim_node *n, const char *addr);
void sim_nat_forget(struct sim_nat *nat); /* every mapping; new ones get other ports */
void sim_send(struct sim_node *n, const struct ike_act *a);
/* The host and inner endpoint that a public endpoint leads to; NULL: nowhere. */
struct sim_node *sim_route(struct sim *s, const struct endpoint *dst, struct endpoint *inner);

/* --- sim_kernel.c --- */
void sim_act(struct sim_node *n, const struct ike_act *a);
/* AUTH by RFC 7296 2.15 with the key of n for (me, peer), or with a given one. 0 or -ENOKEY. */
int sim_auth(struct sim_node *n, uint16_t prf_id, uint32_t key, const struct ident *me, const struct ident *peer,
             struct span octets, uint8_t *out);

/* --- sim_check.c --- */
/* Pairs of SAs, one at each host, that fit: SPIs, keys, algorithms, encapsulation and ports. */
unsigned sim_common(const struct sim_node *a, const struct sim_node *b);
/* IKE SAs in a state; children installed. */
unsigned sim_ikes(const struct sim_node *n, uint8_t state);
unsigned sim_children(const struct sim_node *n);
unsigned sim_all_ikes(const struct sim_node *n);                              /* of every state */
unsigned sim_sent(const struct sim_node *n, uint8_t exchange, bool response); /* exchange 0: keep-alives */
unsigned sim_sent_all(const struct sim_node *n);                              /* without keep-alives */
unsigned sim_told_n(const struct sim_node *n, uint8_t event);
const struct sim_told *sim_told_last(const struct sim_node *n, uint8_t event); /* NULL: never */
bool sim_noted(const struct sim_node *n, const char *text);
const char *sim_why(struct sim_node *n); /* ike_why of tunnel 1 */
/* One IKE SA, one child at each host, and they agree; nothing went wrong on the way. */
bool sim_agree(const struct sim_node *a, const struct sim_node *b);
void sim_dump(const struct sim *s); /* to stderr: what was sent and noted */

#endif
