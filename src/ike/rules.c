/* The IKE SA machine as a table, and nothing else but its lookup and the one function that
 * writes a state. A row reads: in state `from`, the event `event` with all payloads of `need` and no others
 * than `need | may` runs `fn`; V_DONE then moves to `to`. Rows of one (from, event) are tried in order.
 *
 * Payloads that carry nothing for us (vendor IDs, certificates requests, CP, ...) may always be
 * there: RFC 7296 2.5 wants them skipped. */
#include "ike/ike_int.h"

#include <string.h>

#define SA PB(P_SA)
#define KE PB(P_KE)
#define NO PB(P_NONCE)
#define N PB(P_N)
#define IDI PB(P_IDI)
#define IDR PB(P_IDR)
#define AUTH PB(P_AUTH)
#define TS (PB(P_TSI) | PB(P_TSR))
#define D PB(P_D)
#define IGNORED (PB(P_V) | PB(P_CERT) | PB(P_CERTREQ) | PB(P_CP))

const struct rule ike_rules[] = {
	/* IKE_SA_INIT */
	{ST_NEW, EV_PATH, 0, 0, ST_I_INIT, x_sa_init_start, "RFC 7296 1.2", true},
	{ST_NONE, EV_REQ_SA_INIT, SA | KE | NO, N, ST_R_INIT, x_sa_init_r, "RFC 7296 1.2", false},
	{ST_I_INIT, EV_RSP_SA_INIT, SA | KE | NO, N, ST_I_SPI, x_sa_init_i, "RFC 7296 1.2", false},
	{ST_I_INIT, EV_RSP_SA_INIT, N, 0, ST_I_INIT, x_sa_init_i_notify, "RFC 7296 2.6, 1.2, 2.21.1", false},
	{ST_I_INIT, EV_GIVE_UP, 0, 0, ST_DEAD, x_give_up_init, "RFC 7296 2.4", true},
	{ST_I_INIT, EV_EXPIRED, 0, 0, ST_DEAD, x_give_up_init, "RFC 7296 2.21.1", true},

	/* IKE_AUTH, initiator */
	{ST_I_SPI, EV_SPI, 0, 0, ST_I_SIGN, x_auth_i_spi, "RFC 7296 1.2", true},
	{ST_I_SPI, EV_EXPIRED, 0, 0, ST_DEAD, x_expired, "HACKING, tickets", true},
	{ST_I_SIGN, EV_MIXED, 0, 0, ST_I_SIGN, x_auth_i_mixed, "RFC 8784 3", true},
	{ST_I_SIGN, EV_SIGNED, 0, 0, ST_I_AUTH, x_auth_i_signed, "RFC 7296 2.15", true},
	{ST_I_SIGN, EV_EXPIRED, 0, 0, ST_DEAD, x_expired, "HACKING, tickets", true},
	{ST_I_AUTH, EV_RSP_AUTH, IDR | AUTH, N | SA | TS, ST_I_VERIFY, x_auth_i, "RFC 7296 1.2", false},
	{ST_I_AUTH, EV_RSP_AUTH, N, 0, ST_DEAD, x_auth_i_error, "RFC 7296 2.21.2", true},
	{ST_I_AUTH, EV_GIVE_UP, 0, 0, ST_DEAD, x_give_up, "RFC 7296 2.4", true},
	{ST_I_AUTH, EV_REJECT, 0, 0, ST_DELETING, x_delete, "RFC 7296 2.21.2", true},
	{ST_I_VERIFY, EV_VERIFIED, 0, 0, ST_ESTABLISHED, x_auth_i_verified, "RFC 7296 2.15", true},
	{ST_I_VERIFY, EV_REJECT, 0, 0, ST_DELETING, x_delete, "RFC 7296 2.21.2", true},
	{ST_I_VERIFY, EV_EXPIRED, 0, 0, ST_DEAD, x_expired, "HACKING, tickets", true},

	/* IKE_AUTH, responder */
	{ST_R_INIT, EV_REQ_AUTH, IDI | AUTH | SA | TS, N | IDR, ST_R_VERIFY, x_auth_r, "RFC 7296 1.2", false},
	{ST_R_INIT, EV_EXPIRED, 0, 0, ST_DEAD, x_expired, "RFC 7296 2.4", true},
	{ST_R_VERIFY, EV_MIXED, 0, 0, ST_R_VERIFY, x_auth_r_mixed, "RFC 8784 3", true},
	{ST_R_VERIFY, EV_VERIFIED, 0, 0, ST_R_SPI, x_auth_r_verified, "RFC 7296 2.15", true},
	{ST_R_VERIFY, EV_EXPIRED, 0, 0, ST_DEAD, x_expired, "HACKING, tickets", true},
	{ST_R_SPI, EV_SPI, 0, 0, ST_R_INSTALL, x_auth_r_spi, "RFC 7296 1.2", true},
	{ST_R_SPI, EV_EXPIRED, 0, 0, ST_DEAD, x_expired, "HACKING, tickets", true},
	{ST_R_INSTALL, EV_INSTALLED, 0, 0, ST_R_SIGN, x_auth_r_installed, "RFC 7296 1.2", true},
	{ST_R_INSTALL, EV_EXPIRED, 0, 0, ST_DEAD, x_expired, "HACKING, tickets", true},
	{ST_R_SPI, EV_SIGNED, 0, 0, ST_ESTABLISHED, x_auth_r_signed, "RFC 7296 1.2, no child", true},
	{ST_R_INSTALL, EV_SIGNED, 0, 0, ST_ESTABLISHED, x_auth_r_signed, "RFC 7296 1.2, no child", true},
	{ST_R_SIGN, EV_SIGNED, 0, 0, ST_ESTABLISHED, x_auth_r_signed, "RFC 7296 2.15", true},
	{ST_R_SIGN, EV_EXPIRED, 0, 0, ST_DEAD, x_expired, "HACKING, tickets", true},

	/* CREATE_CHILD_SA. With traffic selectors: a child; without, with KE: the IKE SA itself. */
	{ST_ESTABLISHED, EV_REQ_CREATE_CHILD, SA | NO | TS, N | KE, ST_ESTABLISHED, x_child_r, "RFC 7296 1.3.1, 1.3.3",
	 false},
	{ST_ESTABLISHED, EV_REQ_CREATE_CHILD, SA | NO | KE, N, ST_REKEYED, x_rekey_ike_r, "RFC 7296 1.3.2", false},
	{ST_ESTABLISHED, EV_SPI, 0, 0, ST_ESTABLISHED, x_child_spi, "RFC 7296 1.3.1", true},
	{ST_ESTABLISHED, EV_INSTALLED, 0, 0, ST_ESTABLISHED, x_child_installed, "RFC 7296 1.3.1", true},
	{ST_ESTABLISHED, EV_RSP_CREATE_CHILD, SA | NO | TS, N | KE, ST_ESTABLISHED, x_child_i, "RFC 7296 1.3.3, 2.8.1",
	 false},
	{ST_ESTABLISHED, EV_RSP_CREATE_CHILD, SA | NO | KE, N, ST_DELETING, x_rekey_ike_i, "RFC 7296 1.3.2, 2.8.2", false},
	{ST_ESTABLISHED, EV_RSP_CREATE_CHILD, 0, 0, ST_ESTABLISHED, x_create_i_error, "RFC 7296 1.3, 2.25", true},
	{ST_REKEYED, EV_RSP_CREATE_CHILD, SA | NO | KE, N, ST_DELETING, x_rekey_ike_i, "RFC 7296 2.8.2", false},
	{ST_REKEYED, EV_RSP_CREATE_CHILD, 0, 0, ST_REKEYED, x_create_i_error, "RFC 7296 2.25.2", true},
	{ST_DELETING, EV_RSP_CREATE_CHILD, SA | NO | KE, N, ST_DELETING, x_rekey_ike_i_dying, "RFC 7296 2.25.2", false},
	{ST_DELETING, EV_RSP_CREATE_CHILD, 0, 0, ST_DELETING, x_info_i_dying, "RFC 7296 2.25.2", true},
	{ST_REKEYED, EV_REQ_CREATE_CHILD, SA | NO, N | KE | TS, ST_REKEYED, x_child_r_busy, "RFC 7296 2.25.2", true},
	{ST_DELETING, EV_REQ_CREATE_CHILD, SA | NO, N | KE | TS, ST_DELETING, x_child_r_busy, "RFC 7296 2.25.2", true},
	{ST_DELETING, EV_SPI, 0, 0, ST_DELETING, x_child_late, "RFC 7296 2.25.1", true},
	{ST_DELETING, EV_INSTALLED, 0, 0, ST_DELETING, x_child_late, "RFC 7296 2.25.1", true},
	{ST_REKEYED, EV_SPI, 0, 0, ST_REKEYED, x_child_late, "RFC 7296 2.25.2", true},
	{ST_REKEYED, EV_INSTALLED, 0, 0, ST_REKEYED, x_child_late, "RFC 7296 2.25.2", true},

	{ST_NEW, EV_INHERITED, 0, 0, ST_ESTABLISHED, x_inherited, "RFC 7296 2.8", true},

	/* INFORMATIONAL */
	{ST_ESTABLISHED, EV_REQ_INFO, 0, D | N, ST_ESTABLISHED, x_info_r, "RFC 7296 1.4", false},
	{ST_ESTABLISHED, EV_RSP_INFO, 0, D | N, ST_ESTABLISHED, x_info_i, "RFC 7296 1.4", false},
	{ST_ESTABLISHED, EV_EXPIRED, 0, 0, ST_DELETING, x_delete, "RFC 7296 2.8", true},
	{ST_ESTABLISHED, EV_GIVE_UP, 0, 0, ST_DEAD, x_give_up, "RFC 7296 2.4", true},
	{ST_REKEYED, EV_REQ_INFO, 0, D | N, ST_REKEYED, x_info_r, "RFC 7296 1.4, 2.8", false},
	{ST_REKEYED, EV_RSP_INFO, 0, D | N, ST_REKEYED, x_info_i, "RFC 7296 1.4", false},
	{ST_REKEYED, EV_GIVE_UP, 0, 0, ST_DEAD, x_expired_dying, "RFC 7296 2.8", true},
	{ST_REKEYED, EV_EXPIRED, 0, 0, ST_DEAD, x_expired_dying, "RFC 7296 2.8", true},
	{ST_DELETING, EV_REQ_INFO, 0, D | N, ST_DELETING, x_info_r_dying, "RFC 7296 1.4.1", false},
	{ST_DELETING, EV_RSP_INFO, 0, D | N, ST_DEAD, x_info_i_dying, "RFC 7296 1.4.1", false},
	{ST_DELETING, EV_GIVE_UP, 0, 0, ST_DEAD, x_expired_dying, "RFC 7296 1.4.1", true},
	{ST_DELETING, EV_EXPIRED, 0, 0, ST_DEAD, x_expired_dying, "RFC 7296 1.4.1", true},

	/* Our own wishes. An SA that the peer never saw whole needs no DELETE. */
	{ST_I_INIT, EV_DELETE, 0, 0, ST_DEAD, x_drop, "RFC 7296 1.4.1", true},
	{ST_I_SPI, EV_DELETE, 0, 0, ST_DEAD, x_drop, "RFC 7296 1.4.1", true},
	{ST_I_SIGN, EV_DELETE, 0, 0, ST_DEAD, x_drop, "RFC 7296 1.4.1", true},
	{ST_I_AUTH, EV_DELETE, 0, 0, ST_DEAD, x_drop, "RFC 7296 1.4.1", true},
	{ST_I_VERIFY, EV_DELETE, 0, 0, ST_DELETING, x_delete, "RFC 7296 1.4.1", true}, /* the peer takes it for established */
	{ST_R_INIT, EV_DELETE, 0, 0, ST_DEAD, x_drop, "RFC 7296 1.4.1", true},
	{ST_R_VERIFY, EV_DELETE, 0, 0, ST_DEAD, x_drop, "RFC 7296 1.4.1", true},
	{ST_R_SPI, EV_DELETE, 0, 0, ST_DEAD, x_drop, "RFC 7296 1.4.1", true},
	{ST_R_INSTALL, EV_DELETE, 0, 0, ST_DEAD, x_drop, "RFC 7296 1.4.1", true},
	{ST_R_SIGN, EV_DELETE, 0, 0, ST_DEAD, x_drop, "RFC 7296 1.4.1", true},
	{ST_ESTABLISHED, EV_DELETE, 0, 0, ST_DELETING, x_delete, "RFC 7296 1.4.1", true},
	{ST_REKEYED, EV_DELETE, 0, 0, ST_DELETING, x_delete, "RFC 7296 1.4.1", true},
	{ST_ESTABLISHED, EV_DROP, 0, 0, ST_DEAD, x_drop, "RFC 7296 2.4", true},
	{ST_REKEYED, EV_DROP, 0, 0, ST_DEAD, x_drop, "RFC 7296 2.4", true},
	{ST_DELETING, EV_DROP, 0, 0, ST_DEAD, x_drop, "RFC 7296 1.4.1", true},
};
const size_t ike_n_rules = ARRAY_LEN(ike_rules);

static const char *const state_names[ST_N] = {
	"NONE", "NEW", "I_INIT", "I_SPI", "I_SIGN", "I_AUTH", "I_VERIFY", "R_INIT", "R_VERIFY",
	"R_SPI", "R_INSTALL", "R_SIGN", "ESTABLISHED", "REKEYED", "DELETING", "DEAD",
};
static const char *const event_names[EV_N] = {
	"none", "IKE_SA_INIT request", "IKE_SA_INIT response", "IKE_AUTH request", "IKE_AUTH response",
	"CREATE_CHILD_SA request", "CREATE_CHILD_SA response", "INFORMATIONAL request", "INFORMATIONAL response",
	"SPI", "SIGNED", "VERIFIED", "INSTALLED", "given up", "expired", "delete", "drop", "inherited", "path",
	"rejected", "MIXED",
};

const char *rules_state_name(uint8_t state) { return state < ST_N ? state_names[state] : "?"; }
const char *rules_event_name(uint8_t event) { return event < EV_N ? event_names[event] : "?"; }

uint32_t rules_bits(const struct ike_payloads *pl)
{
	uint32_t bits = 0;
	for (size_t i = 0; pl && i < pl->n; i++) {
		if (pl->v[i].type >= 33 && pl->v[i].type < 33 + 32)
			bits |= PB(pl->v[i].type);
	}
	return bits;
}

const struct rule *rules_find(uint8_t state, uint8_t event, uint32_t bits)
{
	for (size_t i = 0; i < ike_n_rules; i++) {
		const struct rule *r = &ike_rules[i];
		if (r->from != state || r->event != event || (bits & r->need) != r->need)
			continue;
		if (r->any_payload || (bits & ~(r->need | r->may | IGNORED)) == 0)
			return r;
	}
	return NULL;
}

/* Says which payloads would have made the nearest row fit. */
static void note_no_row(struct step *s, uint8_t state, uint8_t event, uint32_t bits)
{
	const struct rule *near = NULL;
	for (size_t i = 0; i < ike_n_rules && !near; i++) {
		if (ike_rules[i].from == state && ike_rules[i].event == event)
			near = &ike_rules[i];
	}
	if (near)
		note_limited(s, "%s in state %s does not fit %s: payloads missing %#x, surplus %#x", event_names[event],
		             state_names[state], near->rfc, near->need & ~bits, bits & ~(near->need | near->may | IGNORED));
	else
		note_limited(s, "%s is not expected in state %s, dropped", event_names[event], state_names[state]);
}

static bool is_request(uint8_t event)
{
	return event == EV_REQ_AUTH || event == EV_REQ_CREATE_CHILD || event == EV_REQ_INFO;
}

static void set_state(struct ike *e, struct ike_sa *sa, uint8_t to)
{
	sa_count_state(e, sa->state, to);
	if (sa->tun)
		sa->tun->n_up += (uint32_t)(to == ST_ESTABLISHED) - (uint32_t)(sa->state == ST_ESTABLISHED);
	sa->state = to;
}

void step_run(struct step *s, uint8_t event)
{
	uint8_t state = s->sa ? s->sa->state : ST_NONE;
	uint32_t bits = rules_bits(s->pl);
	if (state == ST_DEAD)
		return;
	const struct rule *r = rules_find(state, event, bits);
	if (!r) {
		note_no_row(s, state, event, bits);
		/* RFC 7296 2.21.3: a request that was authentic gets an answer, or it is sent for ever. */
		if (s->sa && s->sa->keyed && is_request(event) && state >= ST_ESTABLISHED)
			respond_error(s, N_INVALID_SYNTAX);
		else if (s->sa && is_request(event))
			s->sa->rx_busy = false;
		return;
	}
	enum verdict v = r->fn(s);
	/* A handler that ended its own SA through another event has the last word. */
	bool dead = s->sa && s->sa->state == ST_DEAD;
	switch (v) {
	case V_DONE:
		if (s->sa && !dead)
			set_state(s->e, s->sa, r->to);
		break;
	case V_WAIT:
		break;
	case V_DROP:
		if (s->sa && is_request(event))
			s->sa->rx_busy = false;
		s->e->n.dropped_malformed++;
		break;
	case V_FAIL:
		if (is_request(event) && s->sa && s->sa->keyed)
			respond_error(s, s->fail);
		/* RFC 7296 2.21.2: an IKE SA that could not be authenticated does not live on. */
		if (s->sa && state < ST_ESTABLISHED)
			set_state(s->e, s->sa, ST_DEAD);
		break;
	}
	if (s->sa && s->sa->state == ST_DEAD && !dead) {
		list_del(&s->sa->link);
		list_add_tail(&s->e->dead, &s->sa->link);
	}
}
