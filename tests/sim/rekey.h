/* What the tests of rekeys share: commands by state, and a watch that sees each packet that would be lost. */
#ifndef SIM_REKEY_H
#define SIM_REKEY_H

#include "hand.h"
#include "pair.h"

#define BASE "ike=aes128-sha256-x25519!\nesp=aes128-sha256!\nreauth=no\n"
#define BASE_START "auto=start\n" BASE

static inline void rekey_child(struct sim_node *n)
{
	struct child *c = hand_child(n, CH_UP);
	if (c)
		sim_cmd(n, IKE_CMD_REKEY_CHILD, c->id);
}

static inline void rekey_ike(struct sim_node *n)
{
	struct ike_sa *sa = hand_sa(n, ST_ESTABLISHED);
	if (sa)
		sim_cmd(n, IKE_CMD_REKEY_IKE, sa->id);
}

static inline void check_peer(struct sim_node *n)
{
	struct ike_sa *sa = hand_sa(n, ST_ESTABLISHED);
	if (sa)
		sim_cmd(n, IKE_CMD_CHECK, sa->id);
}

/* What a host sends leaves by its newest whole child; the other one must have its inbound half. */
static inline bool would_arrive(const struct sim_node *from, const struct sim_node *to)
{
	const struct sim_sa *newest = NULL;
	for (uint32_t i = 0; i < from->n_sas; i++) {
		if (!newest || from->sa[i].since > newest->since ||
		    (from->sa[i].since == newest->since && from->sa[i].child_id > newest->child_id))
			newest = &from->sa[i];
	}
	for (uint32_t i = 0; newest && i < to->n_sas; i++) {
		if (to->sa[i].sa.in.spi == newest->sa.out.spi)
			return true;
	}
	for (uint32_t i = 0; newest && i < to->n_early; i++) {
		if (to->early[i].spi == newest->sa.out.spi)
			return true;
	}
	return false;
}

static inline void nothing_lost(struct sim *s)
{
	struct sim_node *a = s->node[0], *b = s->node[1];
	if (!would_arrive(a, b) || !would_arrive(b, a)) {
		sim_dump(s);
		fail_msg("at %f a packet would be lost", (double)s->now / 1e9);
	}
}

/* Sent since the mark. */
struct counts {
	unsigned init, auth, create, create_r, info, info_r;
};

static inline struct counts counts_of(const struct sim_node *n)
{
	return (struct counts){
		.init = sim_sent(n, IKE_SA_INIT, false),
		.auth = sim_sent(n, IKE_AUTH, false),
		.create = sim_sent(n, CREATE_CHILD_SA, false),
		.create_r = sim_sent(n, CREATE_CHILD_SA, true),
		.info = sim_sent(n, INFORMATIONAL, false),
		.info_r = sim_sent(n, INFORMATIONAL, true),
	};
}

static inline bool sent_since(const struct sim_node *n, const struct counts *was, unsigned create, unsigned create_r,
                              unsigned info, unsigned info_r)
{
	struct counts is = counts_of(n);
	return is.init == was->init && is.auth == was->auth && is.create == was->create + create &&
	       is.create_r == was->create_r + create_r && is.info == was->info + info && is.info_r == was->info_r + info_r;
}

#endif
