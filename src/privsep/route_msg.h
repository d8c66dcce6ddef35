/* The bodies of the messages of the role `route`: with priv (ROUTE_VERBS) and with ike (LINK_VERBS). As in msg.h; and the packed
 * form of routes and facts, of which one message carries many in its tail (route_pack.c). HELLO, CONF, LOG, READY, STOP and
 * STOPPED are those of the other table.
 *
 * Order at the start of route, first or again: HELLO both ways; LISTEN; LINK; CONF; FACTS from FACTS_BEGIN to FACTS_END;
 * READY. A reload: LISTEN, CONF. A dump after lost events: FACTS from BEGIN to END again. */
#ifndef PRIVSEP_ROUTE_MSG_H
#define PRIVSEP_ROUTE_MSG_H

#include "privsep/msg.h"

enum route_verb {
	/* route to priv */
	RV_BATCH = 96,           /* routes to set and delete */
	RV_KEPT,                 /* what an earlier life left and was not set again may go */
	RV_SOCKET,               /* a socket, please: FD follows */
	RV_TOOL,                 /* run frr's or bird's tool: TOOL_OUT..., TOOL_END follow */
	RV_EXEC,                 /* run the module's program: FD, and EXEC_END when it has ended */
	/* priv to route */
	RV_FACTS, RV_LISTEN, RV_FD, RV_LINK, RV_TOOL_OUT, RV_TOOL_END, RV_EXEC_END,
	/* ike to route */
	LV_TUNNEL = 128,         /* carries traffic, or not any more */
	LV_QUERY,                /* show, clear: PIECEs follow, the last one says so */
	/* route to ike */
	LV_PIECE,
};

enum {
	ROUTE_TAIL_MAX = 60000,  /* octets of packed routes, facts, output */
	ROUTE_BATCH_MAX = 1024,  /* routes of a BATCH */
	ROUTE_QUERY_MAX = 512,
	ROUTE_TOOL_INPUT_MAX = 32768,
	ROUTE_TOOL_OUTPUT_MAX = 1 << 20,
};

struct m_route_batch { uint32_t n; };                 /* tail: n packed operations */
struct r_route_batch { uint32_t n_failed; };          /* tail: of each failure its place (u16) and errno (u16) */
enum route_socket { ROUTE_SOCK_BGP, ROUTE_SOCK_BFD };
/* local AF_NONE: the kernel's choice. BGP: peer is its index in conf_bgp.peers. BFD: `multihop` counts, peer does not. */
struct m_route_socket {
	uint8_t kind;            /* enum route_socket */
	uint32_t peer;
	struct addr remote, local;
	uint16_t port;
	uint32_t ifindex;
	uint8_t ttl, min_ttl, md5, multihop;
};
/* The answer to SOCKET and EXEC with this ticket. status 0: one descriptor; else none, and the tail says why. */
struct e_route_fd { int32_t status; };
enum route_tool { ROUTE_TOOL_FRR, ROUTE_TOOL_BIRD };
/* tail: the words of the tool's command line after its name, each ended by NUL; what is allowed stands in actor_tool.c. */
struct m_route_tool { uint8_t tool; uint8_t n_words; };
struct e_route_ended { int32_t status; uint8_t cut; };/* TOOL_END, EXEC_END: exit code, 128 + signal, -errno; cut: output was left out */
enum route_phase { FACTS_BEGIN = 1, FACTS_END = 2 };  /* of a dump; 0: changes */
struct e_route_facts { uint8_t phase; uint32_t n; uint8_t no_forward4, no_forward6; }; /* tail: n packed facts */
enum { ROUTE_LISTEN_MAX = 4 };
/* Descriptors: n listeners for BGP, then the BFD ones that are there, in the order IPv4 3784, 4784, IPv6 3784, 4784. */
struct e_route_listen { uint8_t n; uint8_t bfd[4]; };
struct e_route_link { uint8_t have; };                /* one descriptor: the end of the channel to ike */

struct l_tunnel {
	char tunnel[PRIV_NAME];
	uint8_t up;
	char name[16];           /* the interface; "" unknown */
	uint32_t ifindex, mtu;
	struct addr local, remote;
};
enum link_query { LINK_SHOW, LINK_CLEAR, LINK_STATUS };
struct l_query { uint8_t kind; uint8_t soft_in, soft_out; };  /* tail: the query or the peer's address */
struct l_piece { uint8_t last; int32_t status; };     /* tail: octets of the answer; status < 0: a sentence */

/* --- packed (route_pack.c; pure) --- */
struct priv_route_op { bool del; struct route route; };
void priv_route_op_put(struct wr *w, bool del, const struct route *r);
/* False (and r bad) when malformed: unknown family, length or count out of range. */
bool priv_route_op_get(struct rd *r, struct priv_route_op *out) MUST_USE;
void priv_fact_put(struct wr *w, const struct kernel_fact *f);
bool priv_fact_get(struct rd *r, struct kernel_fact *out) MUST_USE;
enum { PRIV_PACKED_MAX = 640 }; /* octets of the largest operation or fact */

#endif
