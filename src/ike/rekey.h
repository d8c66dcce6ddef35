/* Inside of ike/: child SAs and rekeys of both kinds: what child.c, rekey.c and the exchanges of their kind call of each other.
 * Part of ike_int.h, which includes it. */
#ifndef IKE_REKEY_H
#define IKE_REKEY_H

#include "ike/rules.h"
#include "ike/state.h"

/* --- sa.c --- */
struct child *child_new(struct ike *e, struct ike_sa *sa, uint8_t origin, mono_t now);
void child_free(struct ike *e, struct child *c);
void child_index(struct ike *e, struct child *c);
void child_set(struct child *c, uint8_t state); /* the only writer of c->state */
struct child *child_by_id(struct ike_sa *sa, uint32_t id);
struct child *child_by_id_any(const struct ike *e, uint32_t id);
void child_index_out(struct ike *e, struct child *c);
struct child *child_by_spi_in(struct ike *e, uint32_t spi);
struct child *child_by_spi_out(struct ike_sa *sa, uint32_t spi);
struct child *child_by_spi_out_any(struct ike *e, uint32_t spi);
/* All child SAs go to another IKE SA. So does what the peer has not answered a DELETE of: it may not have read it, or not do what it
 * is told in an IKE SA that it closes; an SPI that it does not know any more costs nothing (RFC 7296 1.4.1). */
void sa_children_move(struct ike_sa *from, struct ike_sa *to);

/* --- collide.c --- */
/* s->child, of our own making, is agreed on. True: another rekey of the same SA has won. */
bool collide_child_lost(struct step *s, struct child *rival);
/* s->child, of the peer's making, is agreed on, while one of ours in place of the same is up. */
void collide_child_answered(struct step *s);
/* s->child is used both ways: what lost against it goes. */
void collide_child_whole(struct step *s);
/* s->sa->ours is agreed on: it, or what the peer made meanwhile, takes over. */
void collide_ike_rekeyed(struct step *s);
/* s->sa ends. Was it to stay or to go, by the answer to ours? Whatever the answer says, ours goes too. */
void collide_heir_ends(struct step *s);

/* --- child.c: what is common to children made in IKE_AUTH and CREATE_CHILD_SA --- */
void child_fill(struct step *s, struct child *c, const struct suite *suite, const struct selector *sel);
void child_ask_spi(struct step *s, struct child *c);
void child_got_spi(struct step *s, struct child *c);
bool child_install(struct step *s, struct child *c, bool we_initiate); /* derives keys, emits the action */
void child_install_early(struct step *s, struct child *c, const struct proposals *offer);
/* As child_install, but the inbound SA first: alone until child_complete(), or (initiator) with the rest behind it. */
bool child_install_half(struct step *s, struct child *c) MUST_USE;
bool child_install_answered(struct step *s, struct child *c) MUST_USE;
void child_complete(struct step *s, struct child *c);
void child_up(struct step *s, struct child *c);
void child_announce(struct step *s, struct child *c); /* both directions are in use */
void child_rearm(struct step *s, struct child *c);      /* its timer, after a change of what it waits for */
void child_remove(struct step *s, struct child *c, const char *why); /* from the kernel and from the SA; frees it */
void child_delete_request(struct step *s, struct ike_sa *sa, uint32_t spi_in); /* tells the peer */
void child_on_timer(struct step *s, struct child *c);

/* --- rekey.c: when an SA is rekeyed by us, what becomes of the old one, and what when it fails --- */
void rekey_child_due(struct step *s, struct child *c);
void rekey_ike_due(struct step *s);
void rekey_pump(struct step *s);                       /* begins what is due, while the window is free */
struct child *rekey_old_of(const struct child *c);     /* what c replaces, while it is there */
struct child *rekey_heir_of(const struct child *c);    /* what we are making in its place */
struct child *rekey_rival_of(const struct child *c, uint8_t from); /* another one, in this state or later, that replaces the same */
void rekey_child_done(struct step *s, struct child *c);
void rekey_child_failed(struct step *s, struct child *old, bool for_good, const char *why);
void rekey_ike_failed(struct step *s, bool for_good, const char *why);
void rekey_cancel_unsent(struct step *s, struct ike_sa *sa, uint32_t old); /* old 0: of any */
bool rekey_undecided(const struct child *c);           /* we rekey the same one ourselves: the nonces are to decide first */
void rekey_complete(struct step *s, struct ike_sa *sa); /* the peer has read our answers */
void rekey_retire(struct step *s, struct child *old);  /* deletes it, and keeps its inbound SA for a while */
void rekey_retired(struct step *s);                    /* the peer has answered our DELETE of children */
unsigned rekey_alive(const struct ike_sa *sa);         /* children that carry traffic */
/* A child went: a wanted tunnel without one begins anew, another one does as `action` (enum dpd_action) says. */
void rekey_none_left(struct step *s, struct ike_sa *sa, uint8_t action);
/* c is closed by our wish, with what it was to replace and what is to replace it. */
void rekey_close(struct step *s, struct child *c, const char *why);
void rekey_command(struct step *s, const struct ike_cmd *cmd);
void x_child_i_send(struct step *s, struct child *c);
void x_rekey_ike_i_send(struct step *s);
void x_rekey_ike_i_refused(struct step *s, const struct ike_notify *n); /* n NULL: nonsense */
void sa_discard_ours(struct step *s, struct ike_sa *sa); /* the rekey of sa came to nothing */
void sa_inherit(struct step *s, struct ike_sa *sa, struct ike_sa *old);

#endif
