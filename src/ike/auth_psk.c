/* What an AUTH payload covers (RFC 7296 2.15). The key itself stays with priv: the engine sends these octets
 * there and gets the AUTH value, or whether one fits. */
#include "ike/ike_int.h"

#include <string.h>

void auth_id_octets(const struct ident *id, uint8_t *out, size_t *len)
{
	out[0] = id->type;
	memset(out + 1, 0, 3);
	memcpy(out + 4, id->data, id->len);
	*len = 4u + id->len;
}

size_t auth_octets(struct ike *e, const struct ike_sa *sa, bool of_initiator, uint8_t *out, size_t cap)
{
	return auth_octets_by(e, sa, of_initiator, of_initiator ? &sa->sk_pi : &sa->sk_pr, out, cap);
}

size_t auth_octets_by(struct ike *e, const struct ike_sa *sa, bool of_initiator, const struct secret *sk_p, uint8_t *out,
                      size_t cap)
{
	const struct handshake *hs = sa->hs;
	/* InitiatorSignedOctets = RealMessage1 | NonceRData | prf(SK_pi, RestOfInitIDPayload) */
	const struct blob *msg = of_initiator ? &hs->init_req : &hs->init_rsp;
	const struct nonce *nonce = of_initiator ? &hs->nr : &hs->ni;
	bool mine = of_initiator == sa->initiator;
	struct span id = mine ? SPAN(hs->id_mine, hs->id_mine_len) : SPAN(hs->id_peer, hs->id_peer_len);
	size_t mac = prf_len(sa->suite.prf), n = msg->n + nonce->n + mac;
	if (n > cap || msg->n == 0)
		return 0;
	memcpy(out, msg->p, msg->n);
	memcpy(out + msg->n, nonce->b, nonce->n);
	if (prf(e->crypto, sa->suite.prf, SPAN(sk_p->b, sk_p->len), &id, 1, out + msg->n + nonce->n) != 0)
		return 0;
	return n;
}
