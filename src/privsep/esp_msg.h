/* The bodies of the messages between priv and esp, the role of the user-space data plane. In the manner of msg.h; which field
 * must hold what stands in esp_verbs.c. Priv has checked what ike asked for before it passes it on; esp answers with the same
 * ticket. How many workers there are and which backend is asked for stands in the command line of the role (daemon.h).
 *
 * Order at the start of esp, first or again: HELLO both ways, and esp says READY: its workers wait. SOCKETS for each worker; DEVICE
 * for each device, with its descriptors; IKE whenever ike or esp is a new one. An esp that starts again knows no SA: ike
 * negotiates anew. */
#ifndef PRIVSEP_ESP_MSG_H
#define PRIVSEP_ESP_MSG_H

#include "esp/esp.h"
#include "privsep/msg.h"

enum esp_verb_id {
	/* priv to esp; 1 is HELLO, LOG, READY, STOP, STOPPED are those of verbs.h */
	EV_SOCKETS = 64,         /* x_sockets; descriptors: v4, v6 as there are */
	EV_DEVICE,               /* x_device; a descriptor per worker when the device is new -> no body */
	EV_DEVICE_DEL,           /* x_id, no reply */
	EV_SA_INSTALL,           /* x_install -> no body */
	EV_SA_MOVE,              /* x_move -> no body */
	EV_SA_REMOVE,            /* x_spi -> no body */
	EV_SA_QUERY,             /* x_spi -> r_sa_query */
	EV_STATS,                /* x_id: a tunnel, 0 = none -> x_stats */
	EV_IKE,                  /* one descriptor: its end of the pair to ike; no reply */
	/* esp to priv */
	EV_EVENT,                /* x_event: EXPIRE or MAPPING, as the kernel would say it */
	EV_WANTED,               /* x_id: a tunnel; a packet was to go through it, and there is no SA */
};

struct x_sockets { uint8_t worker, have4, have6; };
struct x_device { struct esp_device device; };
struct x_id { uint32_t id; };
struct x_install { uint32_t tunnel; struct child_sa sa; };
struct x_move { uint32_t spi_in; struct addr local; struct endpoint remote; };
struct x_spi { uint32_t spi; };
/* drops: of that tunnel; all: of all together. backend: enum esp_backend, as in use. */
struct x_stats { uint8_t backend; uint64_t drops[ESP_DROP_N], all[ESP_DROP_N]; };
struct x_event { struct kernel_event event; };

#endif
