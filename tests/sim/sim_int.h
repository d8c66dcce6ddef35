/* What the files of the simulator share and no test needs. */
#ifndef SIM_SIM_INT_H
#define SIM_SIM_INT_H

#include "sim.h"

enum sim_event_kind { SIM_PACKET, SIM_FACT, SIM_CALL };

struct sim_event {
	struct sim_event *next;
	mono_t at;
	uint64_t seq;
	uint8_t kind; /* enum sim_event_kind */
	struct sim_node *node;
	struct sim_packet packet;
	struct ike_fact fact;
	uint8_t *octets; /* of the fact */
	uint32_t life;   /* a fact for an engine that is gone reaches nobody */
	void (*fn)(struct sim_node *n);
};

/* Copies e; the queue owns packet.p and octets from then on. */
void sim_event_add(struct sim *s, dur_t in, struct sim_event e);

/* Whether spi is an orphan of n that nobody has been told of; it is none afterwards. */
bool sim_orphan_take(struct sim_node *n, uint32_t spi);

#endif
