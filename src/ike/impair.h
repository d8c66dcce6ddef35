/* Mistakes on purpose, in builds for tests only (configure --enable-impair; all of it is empty otherwise): what this end says is
 * left out, doubled, spoilt or held back, to see what the other end makes of it, and what becomes of the tunnel. engine.c and
 * window.c call this at two seams: when the payloads of a message are written, and when the actions of a turn are. */
#ifndef IKE_IMPAIR_H
#define IKE_IMPAIR_H

#include "ike/rules.h"

struct out;

#ifdef GRETEL_IMPAIR
/* Before the octets of o are sealed. */
void impair_payloads(struct step *s, struct out *o);
/* A turn begins, and ends: the SEND actions in between are looked at. */
void impair_begin(struct ike *e, const struct ike_acts *acts);
void impair_messages(struct step *s);
/* When a message that is held back is to be sent (MONO_NEVER: none is), and that. */
mono_t impair_due(const struct ike *e);
void impair_release(struct step *s);
void impair_free(struct ike *e);
#else
static inline void impair_payloads(struct step *s, struct out *o) { (void)s, (void)o; }
static inline void impair_begin(struct ike *e, const struct ike_acts *acts) { (void)e, (void)acts; }
static inline void impair_messages(struct step *s) { (void)s; }
static inline mono_t impair_due(const struct ike *e) { return (void)e, MONO_NEVER; }
static inline void impair_release(struct step *s) { (void)s; }
static inline void impair_free(struct ike *e) { (void)e; }
#endif

#endif
