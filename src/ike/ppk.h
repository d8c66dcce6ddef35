/* Inside of ike/: post-quantum pre-shared keys (RFC 8784, ppk.c). */
#ifndef IKE_PPK_H
#define IKE_PPK_H

#include "ike/rules.h"

/* In a handshake. */
struct ppk_setup {
	bool use;                /* both said USE_PPK */
	bool named;              /* responder: the peer named a PPK */
	bool has_mixed;
	char id[PPK_ID_MAX + 1];
	struct secret mixed[3];  /* SK_d, SK_pi, SK_pr with the PPK */
	uint8_t plain_auth[64];  /* NO_PPK_AUTH: the initiator's AUTH value for a responder without that PPK */
	uint8_t plain_auth_len;
};

bool ppk_to_offer(const struct ike_sa *sa); /* the tunnel names a PPK to begin with */
bool ppk_ask_i(struct step *s);             /* asks priv for keys with our PPK; false: none is to be used */
/* Responder: looks for the peer's PPK, and asks priv for keys when it may be one of ours. V_FAIL: so the peer is not let in. */
enum verdict ppk_ask_r(struct step *s, bool *asked);
bool ppk_take(struct step *s);              /* MIXED: keeps the keys in the handshake; false: there are none */
bool ppk_keep_plain(struct ike_sa *sa, struct span auth); /* AUTH without the PPK; false: too long */
void ppk_adopt(struct step *s);             /* they are the SA's from now on */
enum verdict ppk_without(struct step *s);   /* responder: the peer's PPK is none of ours; V_FAIL as above */
void ppk_encode(const struct ike_sa *sa, struct ike_enc *enc); /* initiator: PPK_IDENTITY, NO_PPK_AUTH */
bool ppk_answered(struct step *s);          /* initiator: false, with the reason, when the peer must not go on without */

#endif
