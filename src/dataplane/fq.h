/* Frames that wait to be sealed, fairly by flow. Inside of dataplane/: one for each worker. */
#ifndef DATAPLANE_FQ_H
#define DATAPLANE_FQ_H

#include "esp/esp.h"

enum {
	OCTETS_MAX = 65536,      /* of a frame, and of a batch by UDP_GRO */
	FQ_LARGE = 256, FQ_SMALL = 4096, FQ_SMALL_OCTETS = 2048, /* frames that wait, in slots of OCTETS_MAX and of so many octets */
};

/* A frame that waits. */
struct waiting {
	uint32_t device, n;
	struct esp_vnet vnet;
	mono_t since;
	uint16_t next;
	uint8_t *p;
};
struct fq;
/* on_drop: packets of a device that were too many. */
struct fq *fq_new(struct mem *mem, uint64_t key, void (*on_drop)(void *ctx, uint32_t device, uint32_t packets), void *ctx);
void fq_free(struct fq *q);
bool fq_empty(const struct fq *q);
/* A round of a worker that had work took so long. Who waits for a processor that others use does not stand in a queue of ours: to drop
 * frames for that would slow a stream down to nothing on a busy host. */
void fq_round(struct fq *q, dur_t took);
uint8_t *fq_room(struct fq *q); /* OCTETS_MAX, for the frame that fq_put puts next */
void fq_put(struct fq *q, uint32_t device, const struct esp_vnet *v, size_t n, mono_t now);
struct waiting *fq_next(struct fq *q, mono_t now); /* NULL: none; until fq_done */
void fq_done(struct fq *q, struct waiting *w);

#endif
