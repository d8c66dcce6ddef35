/* What adj_out.c (groups and their members), adj_dest.c (what has been sent, and what a change asks for), export.c (policy),
 * pack.c (messages) and log.c (how members get them) share. Internal.
 *
 *   a best path changes -> adj_dest.c: for each group, what it should have (export.c) against what it was sent
 *     -> pack.c: the prefix goes into the open message of its attributes
 *        -> when that is full, or input pauses, log.c: the end of the group's log; each member has a place in it
 *
 * A message is encoded once for all members. What differs between them: our own address as next hop (a hole in the message),
 * and the one member whose route it is (bgp_chunk.except, .only).
 *
 * Order: within one generation of open messages a destination is in at most one message per member. When it changes again
 * before they are closed, it is only noted (OUT_AGAIN), and looked at when they are: so a route that flaps within a burst is
 * sent once, and messages may be closed in any order. But one: a destination that has been withdrawn is free at once, and
 * may come again under another number; so open withdrawals are closed before any message that announces something. */
#ifndef BGP_ADJ_INT_H
#define BGP_ADJ_INT_H

#include "bgp/rib_int.h"

/* What makes peers equal. Compared as octets, so it is made of zeroes. */
struct group_key {
	struct conf_bgp_af conf;         /* only what concerns what is sent */
	const struct conf *filters_of;   /* whose filters the numbers in conf mean; NULL: there are none */
	uint8_t af;
	bool external, as4, addpath, ext_nexthop;
	bool no_llgr;            /* RFC 9494 4.3: we have it, and they would not know what the mark means */
	uint8_t self_len;                /* of our own address as a next hop: 4, 16; 0 = we have none */
	uint32_t max;                    /* octets of a message */
	uint32_t local_as, as;           /* as: of external ones */
	uint16_t lone;                   /* a peer's index when its filters ask who it is; else 0 */
};

/* What all members have been sent of a destination, but the one (src) whose route it is. */
enum { OUT_AGAIN = 0x8000, OUT_GEN = 0x7fff };
struct out_entry {
	uint32_t attr;                   /* 0 = nothing; with add-path: number of the first struct out_path */
	uint16_t src;                    /* peer index; 0 = local */
	uint16_t gen;                    /* the generation of open messages that it was last put into, | OUT_AGAIN */
};
struct out_path {
	uint32_t next;
	uint32_t tx_id;                  /* the path's number in the table, which is its path identifier too */
	uint32_t attr;
	uint16_t src;
	bool seen;
};
enum { OUT_PAGE_LOG2 = 10, OUT_PAGE = 1 << OUT_PAGE_LOG2 };

/* A message that prefixes are still being added to. */
struct open_msg {
	struct hnode node;
	struct list link;
	struct bgp_chunk *c;
	struct bgp_update_wr u;
	uint32_t attr;                   /* 0: withdrawals */
	uint16_t except, only;
};
/* Messages, a run of them: the private queue of a member, a table for late joiners. Holds a reference to each. */
struct chunk_list {
	struct bgp_chunk **v;
	uint32_t n, cap;
};
struct packer {
	struct bgp_group *g;
	struct chunk_list *to;           /* where complete ones go; NULL: the group's log */
	struct hmap open;
	struct list all, gone;           /* those that announce, those that withdraw */
	struct open_msg *last;
	size_t octets;                   /* in open messages */
};

struct export_entry {
	uint32_t attr, out;              /* out 0: not announced */
	uint16_t src;
	bool used;
};
enum { EXPORT_CACHE = 1024 };

/* Members that were let off (slow.c): which destinations they have not heard of. */
struct slow {
	uint64_t *bits;                  /* by number */
	uint32_t n_words, n_members;
	bool broken;                     /* no memory: not all are noted */
};

struct bgp_group {
	struct list link;                /* of all groups of the family */
	struct group_key key;
	struct bgp_coding coding;
	struct list members;
	uint32_t n_members, n_idle;      /* idle: have sent all of the log */
	struct out_entry **page;
	uint32_t n_pages;
	struct bgp_pool paths;           /* struct out_path; add-path only */
	uint32_t n_out;                  /* announced destinations (paths) */
	uint16_t gen;
	bool by_prefix;                  /* filters look at the prefix: nothing is kept from one to the next */
	bool resync;                     /* something was not done for lack of memory, or filters changed: look at all again */
	struct bag again;                /* destinations with OUT_AGAIN */
	struct packer pk;
	struct bgp_chunk *tail;          /* of the log; a reference */
	uint64_t appended, looked;       /* octets, ever; when members were last looked at */
	struct slow slow;
	uint64_t change;                 /* counts changes of what has been sent */
	struct export_entry *cache;
	uint32_t n_cached;
	struct chunk_list table;         /* all of it, as of table_change */
	uint64_t table_change;
};

struct bgp_group_member {
	struct list link;
	struct bgp_group *g;
	struct bgp_peer *peer;
	struct addr self;                /* what stands in the hole */
	struct chunk_list queue;         /* before the log */
	uint32_t q_at;
	uint32_t off;                    /* octets of the first message that are out */
	size_t offered;                  /* octets that adj_output gave out last */
	bool offered_first;
	bool slow;                       /* was let off, has no place in the log */
	bool doomed;                     /* what it has is no longer known: its session is to end */
	uint32_t own;                    /* announced destinations that are its own routes */
	uint64_t passed;                 /* octets of the log that it has behind it */
};

enum { WAIT_MAX = 64 };
struct bgp_adj_state {
	struct list groups[BGP_AF_N];
	uint32_t n_all_paths[BGP_AF_N];
	mono_t first, last, flushed;     /* first and last change since the last flush (MONO_NEVER: none), which was then */
	uint32_t n_open;                 /* messages that are not closed, of all groups */
	uint32_t changes, seen;          /* since the last flush; those that adj_tick has seen */
	uint32_t slow_octets;            /* a log that is longer is not kept for one that does not read */
	bool doomed;                     /* some member is */
	bool resync;                     /* of some group */
	/* The first few changes are not looked at before messages are closed: what has changed back by then is nothing to
	 * anybody. Behind these a burst is written as it comes. */
	struct { uint32_t dest; uint8_t af; } wait[WAIT_MAX];
	uint32_t n_wait;
	bool burst;
};

/* export.c: attributes of a path for a group, a reference; NULL: not announced (*no_memory: not known). p: for one member, NULL. */
struct bgp_attr *export_path(struct bgp *b, const struct bgp_group *g, const struct bgp_table *t, const struct bgp_dest *d,
                             const struct bgp_path *path, struct sbuf *trace, bool *no_memory);
/* The same through the group's cache; borrowed until the cache is emptied. */
struct bgp_attr *export_cached(struct bgp *b, struct bgp_group *g, const struct bgp_table *t, const struct bgp_dest *d,
                               const struct bgp_path *path, bool *no_memory);
void export_forget(struct bgp *b, struct bgp_group *g);
/* Whether a group's filters look at the prefix; whether they look at the peer. */
bool export_by_prefix(const struct bgp *b, const struct conf_bgp_af *c);
bool export_by_peer(const struct bgp *b, const struct conf_bgp_af *c);

/* adj_dest.c */
struct out_entry *out_at(const struct bgp_group *g, uint32_t dest); /* NULL: nothing was ever sent */
void group_dest(struct bgp *b, struct bgp_group *g, const struct bgp_table *t, uint32_t dest, bool silent);
void group_all(struct bgp *b, struct bgp_group *g, bool silent);    /* each destination, also those that have gone */
void groups_waiting(struct bgp *b);                                /* changes that have not been looked at yet */
void group_close(struct bgp *b, struct bgp_group *g);              /* open messages into the log, and what waited for that */
void group_drop_state(struct bgp *b, struct bgp_group *g);
/* What a member that has what `from` was sent lacks of what g was sent, into pk; from NULL: all. False: no memory. */
bool group_difference(struct bgp *b, const struct bgp_group *from, const struct bgp_group *g, uint16_t member, struct packer *pk) MUST_USE;
uint32_t group_own(const struct bgp_group *g, uint16_t peer);

/* pack.c */
int packer_init(struct bgp *b, struct packer *pk, struct bgp_group *g, struct chunk_list *to) MUST_USE;
void packer_fini(struct bgp *b, struct packer *pk);
bool pack_reach(struct bgp *b, struct packer *pk, const struct bgp_attr *a, uint16_t except, uint16_t only, const struct bgp_dest *d,
                uint32_t tx_id) MUST_USE;
bool pack_unreach(struct bgp *b, struct packer *pk, uint16_t except, uint16_t only, const struct bgp_dest *d, uint32_t tx_id) MUST_USE;
bool packer_close(struct bgp *b, struct packer *pk); /* all open ones are complete; false: some were lost for lack of memory */
struct bgp_chunk *chunk_new(struct bgp *b, size_t cap);             /* refs 1 */
void chunk_unref(struct bgp *b, struct bgp_chunk *c);
bool list_put(struct bgp *b, struct chunk_list *l, struct bgp_chunk *c) MUST_USE; /* takes the reference, also when it fails */
void list_clear(struct bgp *b, struct chunk_list *l);
/* Whether attributes fit into a message of the group, with a prefix. */
bool pack_fits(const struct bgp_group *g, const struct bgp_attr *a);

/* log.c */
void log_append(struct bgp *b, struct bgp_group *g, struct bgp_chunk *c); /* takes the reference */
/* The member's place is the end of the log from now on; what it had before it is in its queue. False: no memory. */
bool log_detach(struct bgp *b, struct bgp_group_member *m) MUST_USE;
/* slow.c */
bool slow_holds(const struct bgp_group *g, uint32_t dest);
void slow_note(struct bgp *b, struct bgp_group *g, const struct bgp_chunk *c);
void slow_let_off(struct bgp *b, struct bgp_group_member *m);
void slow_serve(struct bgp *b, struct bgp_group_member *m);
void slow_done(struct bgp *b, struct bgp_group_member *m);

void log_leave(struct bgp *b, struct bgp_group_member *m);

#endif
