/* The books as octets: what priv has to find again after its own death or an upgrade, record after record. There are no keys in them and nothing
 * of an IKE SA: only whose the SAs in the kernel are, and what was done for which tunnel. actor_books.c says when a record is written and
 * what it means; the daemon keeps the file.
 *
 * A file is a head and records: length (u32), checksum (u32), type (u8), body; what was cut off when its writer died ends it. A later
 * version appends fields to a body, and skips types that it does not know. Pure. */
#ifndef PRIVSEP_BOOKS_H
#define PRIVSEP_BOOKS_H

#include "privsep/msg.h"

enum { BOOKS_HEAD = 12, BOOKS_RECORD_MAX = 16384, BOOKS_COMMAND_MAX = 8192 };

enum book_type {
	BOOK_CHILD = 1,   /* a child SA is about to be, or is, in the kernel; replaces an older record of its inbound SPI */
	BOOK_CHILD_GONE,  /* it is not any more */
	BOOK_TUNNEL,      /* all that is remembered about a tunnel; replaces the record before */
};

/* sa: without keys. out.spi 0: only the inbound SA was made. */
struct book_child {
	char tunnel[PRIV_NAME];
	uint32_t child_id;
	struct ident peer;
	struct child_sa sa;
	mono_t since;
};

struct book_tunnel {
	char name[PRIV_NAME];
	bool held, hook_up, host_access;
	int32_t hook_status;
	struct tun_child child;  /* that the script was told, when hook_up */
	char interface[16];
	char gre[16];            /* the interface that we made; "" none */
	bool gre_keep, gre_mss_clamp;
	struct addr trap_local, trap_remote; /* AF_NONE: no trap */
	uint32_t trap_reqid, trap_mark, trap_mark_mask;
	uint8_t trap_proto;
	struct span command;     /* of the script, without NUL; borrowed */
};

struct book {
	uint8_t type;            /* enum book_type */
	uint32_t gone;           /* CHILD_GONE: the inbound SPI */
	struct book_child child;
	struct book_tunnel tunnel;
};

void books_put_head(struct wr *w);
void books_put_child(struct wr *w, const struct book_child *c);
void books_put_gone(struct wr *w, uint32_t spi_in);
void books_put_tunnel(struct wr *w, const struct book_tunnel *t);

/* False: not the books of a version that we know. */
bool books_get_head(struct rd *r) MUST_USE;
/* The next record that we know and that is sound in itself. False: the end, or a record that was cut off or changed: nothing behind it
 * counts. */
bool books_next(struct rd *r, struct book *out) MUST_USE;

#endif
