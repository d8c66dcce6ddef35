/* Inside of ike/: tunnels (tun.c): which one a peer means, attempts, traps, what follows an end. ike_int.h includes it. */
#ifndef IKE_TUN_H
#define IKE_TUN_H

#include "ike/rules.h"
#include "ike/state.h"

struct tun *ike_tun_find(const struct ike *e, uint32_t id);
void ike_tun_command_set(struct step *s, const struct ike_cmd *cmd);
void ike_tun_command_del(struct step *s, uint32_t id);
void ike_tun_start(struct step *s, struct tun *t);              /* asks for a path now */
void ike_tun_renew(struct step *s, struct ike_sa *old);         /* a successor of what is up, unless one is coming */
void ike_tun_call(struct step *s, struct tun *t, const struct ike_cmd *cmd);
void ike_tun_renew_later(struct step *s, const struct ike_sa *failed);
void ike_tun_renew_from(struct step *s, struct ike_sa *old, const struct addr *local); /* likewise, our address has changed */
/* Tunnels that wait for their next attempt make it at this time, if it comes earlier, and if their peer may be inside `to`. */
void ike_tun_hurry_all(struct step *s, mono_t at, const struct prefix *to);
void ike_tun_hurry(struct step *s, struct tun *t, mono_t at);
void ike_tun_peer_at(struct ike *e, struct tun *t, const struct addr *remote); /* it is known to be there now */
void ike_tun_on_path(struct step *s, struct tun *t);
void ike_tun_on_timer(struct step *s, struct tun *t);
void ike_tun_failed(struct step *s, struct tun *t, const char *reason); /* an attempt ended */
void ike_tun_lost(struct step *s, struct tun *t, dur_t wait_first); /* the last SA went: again, when wanted */
void ike_tun_acquire(struct step *s, struct tun *t);             /* a packet met its trap */
void ike_tun_hold(struct step *s, struct tun *t, const struct ike_sa *sa); /* the next packet starts it again */
void ike_tun_address_gone(struct step *s, const struct addr *local); /* traps that named it */
void ike_tun_down(struct step *s, struct tun *t, const char *why);
bool ike_tun_has_sa(const struct tun *t, const struct ike_sa *but);
bool ike_tun_busy(const struct tun *t);                          /* an attempt of ours is under way */
void ike_tun_release(struct ike *e, struct tun *t);              /* frees a removed one without SAs */
struct ident ike_tun_peer_id(const struct tun *t);
struct ident ike_tun_my_id(const struct tun *t, const struct addr *local);
/* Candidates of a responder. by address: best first by specificity; iterate with *state = 0. */
struct tun *ike_tun_match_init(struct ike *e, const struct addr *local, const struct addr *remote,
                           const struct proposals *offered, struct suite *suite, uint8_t *number);
/* A stranger's failure that may be this tunnel's: status of those that have this peer address and are not up says why. */
void ike_tun_blame(struct ike *e, const struct addr *remote, const char *why);
struct tun *ike_tun_match_auth(struct ike *e, const struct ike_sa *sa, const struct ident *idi, const struct ident *idr,
                           char *why, size_t why_len);

#endif
