/* Inside of ike/: states, events, one step through the table, and the table's lookup (rules.c). */
#ifndef IKE_RULES_H
#define IKE_RULES_H

#include "ike/ike.h"

struct ike_sa;
struct child;

/* States of an IKE SA. The order is that of rules.c's matrix. */
enum sa_state {
	ST_NONE,        /* no SA: an IKE_SA_INIT request makes one */
	ST_NEW,         /* allocated, nothing sent */
	ST_I_INIT,      /* IKE_SA_INIT sent */
	ST_I_SPI,       /* keys derived; an SPI for the child is asked for */
	ST_I_SIGN,      /* our AUTH value is asked for */
	ST_I_AUTH,      /* IKE_AUTH sent */
	ST_I_VERIFY,    /* the peer's AUTH value is being verified */
	ST_R_INIT,      /* IKE_SA_INIT answered: half open */
	ST_R_VERIFY,    /* IKE_AUTH received, being verified */
	ST_R_SPI, ST_R_INSTALL, ST_R_SIGN,
	ST_ESTABLISHED,
	ST_REKEYED,     /* replaced by a rekey; the peer deletes it */
	ST_DELETING,    /* our DELETE is out */
	ST_DEAD,        /* to be freed at the end of the step */
	ST_N
};

enum event {
	EV_NONE,
	EV_REQ_SA_INIT, EV_RSP_SA_INIT, EV_REQ_AUTH, EV_RSP_AUTH, EV_REQ_CREATE_CHILD, EV_RSP_CREATE_CHILD,
	EV_REQ_INFO, EV_RSP_INFO,
	EV_SPI, EV_SIGNED, EV_VERIFIED, EV_INSTALLED,
	EV_GIVE_UP,     /* the request under way was retransmitted in vain */
	EV_EXPIRED,     /* half-open time, or the time a dying SA may take */
	EV_DELETE,      /* our wish: politely */
	EV_DROP,        /* our wish: at once */
	EV_INHERITED,   /* made by a rekey: established from the start */
	EV_PATH,        /* an attempt begins */
	EV_REJECT,      /* initiator: the responder is not who it should be */
	EV_MIXED,       /* keys with the PPK, or there are none */
	EV_N
};

enum verdict { V_DONE, V_WAIT, V_DROP, V_FAIL };
/* One event on its way through rules.c. */
struct step {
	struct ike *e;
	struct ike_sa *sa;
	struct child *child;             /* facts about a child */
	struct ike_acts *acts;
	mono_t now;
	const struct ike_datagram *d;    /* messages */
	struct ike_hdr hdr;
	struct ike_payloads *pl;         /* the payloads that count: inside SK when there is one */
	const struct ike_fact *fact;
	uint16_t fail;                   /* V_FAIL: the notify to answer with */
	uint16_t fail_group;             /* with N_INVALID_KE_PAYLOAD */
};

/* --- rules.c --- */
typedef enum verdict handler_fn(struct step *s);
struct rule {
	uint8_t from, event;
	uint32_t need, may;   /* payload bits */
	uint8_t to;
	handler_fn *fn;
	const char *rfc;
	bool any_payload;     /* `may` is not looked at */
};
extern const struct rule ike_rules[];
extern const size_t ike_n_rules;
#define PB(type) (1u << ((type)-33))
uint32_t rules_bits(const struct ike_payloads *pl);
const struct rule *rules_find(uint8_t state, uint8_t event, uint32_t bits);
const char *rules_state_name(uint8_t state);
const char *rules_event_name(uint8_t event);
/* Runs the event of s (a message event, a fact or a timer) through the table: the only writer of sa->state. */
void step_run(struct step *s, uint8_t event);

#endif
