/* What the files of esp/ share. engine.c: entry points, groups, devices; child.c: SAs; news.c: lifetimes, events; gre.c: headers;
 * tx.c, rx.c: batches; replay.c; offload.h: what knows TCP and UDP. Internal. */
#ifndef ESP_ESP_INT_H
#define ESP_ESP_INT_H

#include <stdatomic.h>

#include "esp/esp.h"
#include "esp/replay.h"

/* For a few instructions, between workers. */
struct spin { atomic_flag held; };
static inline void spin_lock(struct spin *s)
{
	while (atomic_flag_test_and_set_explicit(&s->held, memory_order_acquire))
		;
}
static inline void spin_unlock(struct spin *s) { atomic_flag_clear_explicit(&s->held, memory_order_release); }

/* Drops of one worker, further apart than a cache line is long. */
enum { TALLY_STRIDE = 32 };
_Static_assert(ESP_DROP_N + 8 <= TALLY_STRIDE, "workers would share a cache line");
struct tally { _Atomic uint64_t n[TALLY_STRIDE]; };

/* What belongs together: the SAs and devices of a tunnel (remote: AF_NONE) and those of a tunnel with one peer. */
struct group {
	struct hnode node;
	uint32_t tunnel, refs;
	struct addr remote;
	struct list children;    /* complete ones, the newest first */
	struct child *_Atomic out; /* the first of them that is ripe, else the first */
	struct list devices;
	struct group *whole;     /* the tunnel's; its own when it is that */
	struct tally *tally;     /* a row per worker; the tunnel's */
	struct list want;        /* in the engine's, under its lock: a packet found no SA */
	_Atomic mono_t quiet;    /* until then it is not told again */
};

struct device {
	struct hnode node;       /* by id */
	struct list link;        /* in its group */
	struct group *group;
	struct esp_device c;
	uint8_t gre_len;
};

/* What is known of the way to an address. */
struct path {
	struct hnode node;
	uint32_t refs;
	struct addr to;
	_Atomic uint32_t mtu;
	_Atomic mono_t until;    /* RFC 1191 6.3: after that it may have grown */
};

/* Packets of one direction. */
struct flow {
	_Atomic uint64_t packets, bytes; /* bytes: of GRE */
	_Atomic mono_t last;     /* 0: never */
};

enum news { NEWS_SOFT = 1, NEWS_HARD = 2, NEWS_MAPPING = 4, NEWS_RIPE = 8, /* for us */ NEWS_GONE = 16 /* no news: the timer of one that retires */ };
struct child {
	struct hnode node;       /* by spi_in */
	struct group *whole, *peer;
	struct list in_whole, in_peer;
	struct path *path;
	uint64_t serial;         /* in which order they became complete; 0: not yet */
	uint32_t spi_in, spi_out;
	struct esp_key *key_in, *key_out;
	struct addr local;
	struct endpoint remote;
	uint16_t sport;
	bool esn;
	struct lifetime life;
	mono_t since;
	struct timer timer, ripen;
	_Atomic bool unripe;     /* the peer may not have it yet: sent on only when there is nothing else */
	bool soft_over;          /* the timer's next is the hard end */
	bool retired;            /* nothing goes out on it, nobody knows it, and its time is short */
	uint64_t seq_soft, seq_max;

	struct list news;
	uint8_t untold;          /* enum news; under the engine's lock, as the next */
	struct endpoint source;  /* last told, or where it is sent to */
	_Atomic bool strayed;    /* the two differ */
	_Atomic bool soft_told;
	_Atomic bool dead;       /* hard lifetime, or numbers used up */

	_Atomic uint64_t seq;    /* given out last */
	struct flow out;
	struct flow in;
	struct spin lock;        /* of the window */
	struct replay replay;
	_Atomic uint32_t old, dup, forged;
};

struct esp {
	struct esp_env env;
	struct hmap groups, devices, children, paths;
	struct heap timers;
	uint64_t serial;
	struct tally *tally;     /* of no tunnel, and of those that are gone */
	struct spin news_lock;
	struct list news, wants;
	atomic_bool news_waiting;
};

static inline void tally_add(struct tally *t, unsigned worker, uint8_t drop, uint64_t n)
{
	_Atomic uint64_t *at = &t[worker].n[drop]; /* only this worker writes it */
	atomic_store_explicit(at, atomic_load_explicit(at, memory_order_relaxed) + n, memory_order_relaxed);
}
struct tally *tally_new(struct esp *e); /* NULL: no memory */
void tally_free(struct esp *e, struct tally *t);

/* engine.c */
struct group *group_hold(struct esp *e, uint32_t tunnel, const struct addr *remote); /* NULL: no memory */
void group_drop(struct esp *e, struct group *g);
struct device *device_find(const struct esp *e, uint32_t id);
/* For a packet that came by this child. NULL and why in *drop: none of the child's devices has this key. */
struct device *device_for(const struct child *c, bool key_set, uint32_t key, uint8_t *drop);

/* child.c */
struct child *child_find(const struct esp *e, uint32_t spi_in);
void esp_child_free(struct esp *e, struct child *c);
void child_ripe(struct esp *e, struct child *c); /* its peer has it */
/* What the path carries at `now`, IP header included; 0: not known. */
uint32_t path_mtu(const struct path *p, mono_t now);

/* news.c */
void news_soft(struct esp *e, struct child *c);
void news_hard(struct esp *e, struct child *c);
/* An authenticated packet, newer than all before, came from elsewhere than from where the child sends to; or the first from there again. */
void news_source(struct esp *e, struct child *c, const struct endpoint *source);
void news_settle(struct esp *e, struct child *c, const struct endpoint *remote); /* that is where it sends to from now on */
void news_ripe(struct esp *e, struct child *c); /* an authenticated packet came on it */
void news_wanted(struct esp *e, struct group *g, mono_t now); /* a packet found no SA */
void news_unwanted(struct esp *e, struct group *g);           /* it goes */
void news_forget(struct esp *e, struct child *c);
void child_arm(struct esp *e, struct child *c); /* its timer */
/* Packets have passed: counts, and compares with the limits. */
void child_passed(struct esp *e, struct child *c, struct flow *f, uint64_t packets, uint64_t bytes, mono_t now);

/* gre.c */
enum { GRE_FLAG_CSUM = 0x8000, GRE_FLAG_KEY = 0x2000, GRE_FLAG_SEQ = 0x1000, GRE_LEN_MAX = 12 };
enum { ETHERTYPE_V4 = 0x0800, ETHERTYPE_V6 = 0x86dd };
uint8_t gre_len(const struct esp_device *d); /* octets of the header */
/* The header in front of payload[n]: writes gre_len() octets there. */
void gre_write(const struct esp_device *d, uint8_t version, uint8_t *payload, size_t n);
struct gre {
	uint16_t proto;
	bool csum, key_set;
	uint32_t key;
	uint8_t len;
};
/* ESP_DROP_N: good; the checksum is checked when there is one. */
uint8_t gre_read(const uint8_t *p, size_t n, struct gre *out);

struct inner { uint8_t version, tos, ttl; bool df; /* IPv4 */ uint32_t n; /* by its own word */ };
/* An IP header and what it says about its packet; false: it is none, or longer than n. */
bool inner_read(const uint8_t *p, size_t n, struct inner *out);
/* The outer fields for an inner packet, as ip_gre has them. */
uint8_t outer_tos(const struct esp_device *d, const struct inner *in);
/* RFC 6040 4.2: congestion that the outer header saw; false: the packet must be dropped. */
bool ecn_leave(uint8_t *p, const struct inner *in, uint8_t outer);

/* Packets of a batch that one SA has, in order: a chain by index. */
enum { BATCH_NONE = 0xffff, LOT_LOOK = 16, ESP_HEAD = 8, ESP_ICV_MAX = 32 };
struct lot { struct child *c; uint16_t first, last, n; };
/* The child's among the latest of n lots, or a new one. A child may so have several; their order is that of its packets. */
static inline struct lot *lot_of(struct lot *v, uint16_t *n, struct child *c)
{
	for (unsigned i = *n; i > 0 && *n - i < LOT_LOOK; i--) {
		if (v[i - 1].c == c)
			return &v[i - 1];
	}
	v[*n] = (struct lot){.c = c, .first = BATCH_NONE, .last = BATCH_NONE};
	return &v[(*n)++];
}

#endif
