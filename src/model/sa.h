/* A child SA as the kernel and the data planes see it: two ESP SAs in transport
 * mode and the selector pair that they carry. Everything needed to install, show,
 * move and remove it; nothing about IKE. */
#ifndef MODEL_SA_H
#define MODEL_SA_H

#include "model/addr.h"
#include "model/proposal.h"

/* One direction. */
struct esp_sa {
	uint32_t spi;
	struct secret encr; /* key, then salt for CTR/AEAD */
	struct secret integ;
};

/* Soft and hard limits; 0 = none. Seconds count from the installation. */
struct lifetime {
	uint32_t soft_s, hard_s;
	uint64_t soft_bytes, hard_bytes;
	uint64_t soft_packets, hard_packets;
};

/* A traffic selector reduced to what transport mode can be: one host per side. */
struct selector {
	uint8_t proto; /* IP protocol, 47 for GRE; 0 = any */
	uint16_t local_port, remote_port; /* 0 = any */
};

struct child_sa {
	uint32_t reqid;
	struct addr local, remote; /* as our kernel sees them: our own and the peer's public address */
	struct selector sel;
	struct suite suite;
	struct esp_sa in, out;     /* in.spi was allocated by us */
	bool encap;                /* ESP in UDP, RFC 3948 */
	uint16_t encap_sport, encap_dport; /* local and remote UDP port */
	uint32_t replay_window;    /* packets */
	struct lifetime life;
	uint32_t mark_in, mark_in_mask, mark_out, mark_out_mask;
	bool install_policy;
};

void child_sa_wipe(struct child_sa *sa); /* keys only */

struct sa_counters {
	uint64_t bytes_in, packets_in, bytes_out, packets_out;
	int64_t last_in_s, last_out_s; /* wall clock seconds, 0 = never */
	uint32_t replay_drops, replay_window_drops, integrity_drops;
};

#endif
