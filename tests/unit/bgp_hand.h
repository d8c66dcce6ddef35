/* One BGP engine in the hand of a test, on virtual time, with tables that are made up (bgp_fakes.c): each call, and all that must
 * come of it: actions, messages as a reader of the octets sees them, what the tables were asked for. Notes are looked at only
 * where a test names them. */
#ifndef TESTS_BGP_HAND_H
#define TESTS_BGP_HAND_H

#include "bgp/parts.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { HAND_PEERS = 4 };
#define IN1 (BGP_CONN_IN | 1u)
#define IN2 (BGP_CONN_IN | 2u)
#define IN3 (BGP_CONN_IN | 3u)

/* A configuration blob. */
struct hand_conf {
	struct conf conf;
	struct conf_routing routing;
	struct conf_bgp bgp;
	struct conf_bgp_peer peer[HAND_PEERS];
	struct conf_prefix_list list[2];
	struct conf_prefix_rule rule[4];
	struct conf_route_map map[3];
	struct conf_map_entry entry[3];
	struct conf_clause clause[3];
	struct conf_aspath_list path[1];
	struct conf_aspath_rule path_rule[1];
	char text[600];
};

struct hand {
	struct mem mem;
	struct rng rng;
	uint64_t seed;
	long fail_at;            /* the n-th allocation fails; 0 = none */
	struct bgp *b;
	mono_t now;
	struct hand_conf *c, *used;
	struct bgp_acts acts;
	struct sbuf got;
	char log[4096], notes[4096];
	struct bgp_connect call; /* the last */
	struct bgp_bfd bfd;
	bool blocked;            /* the network takes nothing */
	struct bgp_open open;    /* the last that the engine sent */
	struct bgp_notification told; /* the last NOTIFICATION, and its data */
	uint8_t told_data[600];
	bool was_hard;
	/* For bgp_fakes.c. */
	struct route_link link;
	struct addr local;
	bool link_up, addr_there, tunnel_down;
	struct wr adj;
	uint8_t adj_data[4096];
	size_t adj_at;
	unsigned fib_calls;
};

void hand_log(struct hand *h, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* A configuration with one internal peer 10.0.0.2, not yet given to the engine. */
struct hand *hand_new(void);
void hand_free(struct hand *h);
/* Takes the configuration h->c as it is now; what comes of it is in h->log. */
int hand_apply(struct hand *h);
struct conf_bgp_peer *hand_peer(struct hand *h, const char *address); /* one more */
conf_ref hand_text(struct hand *h, const char *text);
void hand_fact(struct hand *h, struct bgp_fact *f);
void hand_command(struct hand *h, const struct bgp_cmd *c, int result);
/* Runs timers until then. */
void hand_pass(struct hand *h, dur_t d);
/* As one timer call is due, or none: how long until then. */
dur_t hand_next(const struct hand *h);
void hand_octets(struct hand *h, uint32_t conn, const void *p, size_t n);
/* Messages of the peer. */
struct bgp_open hand_open_of(uint32_t as, uint32_t id);
void hand_open(struct hand *h, uint32_t conn, const struct bgp_open *o);
void hand_keepalive(struct hand *h, uint32_t conn);
void hand_notify(struct hand *h, uint32_t conn, uint8_t code, uint8_t sub, bool hard);
void hand_update(struct hand *h, uint32_t conn, const char *prefix); /* from 10.0.0.2 */
void hand_update_by(struct hand *h, uint32_t conn, const char *prefix, const char *hop, uint32_t as); /* as: first of the path, 0 none */
void hand_withdraw(struct hand *h, uint32_t conn, const char *prefix);
void hand_eor(struct hand *h, uint32_t conn, uint8_t af);
void hand_refresh(struct hand *h, uint32_t conn, uint8_t af, uint8_t kind);
void hand_accept(struct hand *h, uint32_t conn, const char *from);
void hand_connected(struct hand *h, uint32_t conn);
void hand_closed(struct hand *h, uint32_t conn, int status);
void hand_tunnel(struct hand *h, bool up);
/* hand_new + apply + synced + to Established on the connection that the engine opens: 1. */
struct hand *hand_up(void);
/* What was logged since the last look; it is empty afterwards. */
void hand_is(struct hand *h, const char *file, int line, const char *expected);
const char *hand_state(const struct hand *h, const char *address);
struct bgp_peer *hand_p(const struct hand *h); /* 10.0.0.2 */

#define IS(expected) hand_is(h, __FILE__, __LINE__, expected)
#define STATE(name) assert_string_equal(hand_state(h, "10.0.0.2"), name)
#define NOTED(text) do { if (!strstr(h->notes, text)) fail_msg("no note \"%s\" in:\n%s", text, h->notes); h->notes[0] = '\0'; } while (0)

#endif
