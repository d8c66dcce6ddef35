/* The bodies of the messages between priv and esp, the role of the user-space data plane. In the manner of msg.h; which field must hold what
 * stands in esp_verbs.c. Priv has checked what ike asked for before it passes it on; esp answers with the same ticket. */
#ifndef PRIVSEP_ESP_MSG_H
#define PRIVSEP_ESP_MSG_H

#include "esp/esp.h"
#include "kernel/kernel.h"

enum esp_verb_id {
	/* priv to esp; 1 is HELLO, LOG, READY, STOP, STOPPED are those of verbs.h */
	EV_SOCKETS = 64,         /* x_sockets; descriptors: v4, v6 as there are */
	EV_DEVICE,               /* x_device; a descriptor per worker when the device is new -> no body */
	EV_DEVICE_DEL,           /* x_id, no reply */
	EV_SA_INSTALL,           /* x_install -> no body */
	EV_SA_MOVE,              /* x_move -> no body */
	EV_SA_REMOVE,            /* x_spi -> no body */
	EV_SA_QUERY,             /* x_spi -> r_sa_query */
	EV_STATS,                /* -> x_stats, tail: n_tunnels of struct x_tunnel_stats */
	EV_IKE,                  /* one descriptor: its end of the pair to ike; no reply */
	/* esp to priv */
	EV_EVENT,                /* x_event: EXPIRE or MAPPING, as the kernel would say it */
};

struct x_sockets { uint8_t worker, have4, have6; };
struct x_device { struct esp_device device; };
struct x_id { uint32_t id; };
struct x_install { uint32_t tunnel; struct child_sa sa; };
struct x_move { uint32_t spi_in; struct addr local; struct endpoint remote; };
struct x_spi { uint32_t spi; };
struct x_stats { uint32_t n_tunnels; uint8_t backend; uint64_t drops[ESP_DROP_N]; };
struct x_tunnel_stats { uint32_t tunnel; uint64_t drops[ESP_DROP_N]; };
struct x_event { struct kernel_event event; };

#endif
