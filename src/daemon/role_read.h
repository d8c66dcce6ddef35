/* How the roles but priv read their channels. */
#ifndef DAEMON_ROLE_READ_H
#define DAEMON_ROLE_READ_H

#include "loop/loop.h"
#include "privsep/privsep.h"

typedef void role_message_fn(void *ctx, struct priv_msg *m, mono_t now);

/* Each message to take; one that is not as its row wants it to refuse, NULL: it is passed over. False: priv is gone, or does not speak our
 * language; the loop has been told to stop. */
bool role_read(struct loop *l, struct privsep *priv, uint32_t events, mono_t now, role_message_fn *take, role_message_fn *refuse,
               void *ctx);

/* The channel between ike and route, of which both are peers: HELLO is checked here. 0, or -errno: it is of no use any more. *chan becomes NULL
 * when take has closed it. */
int link_read(struct privsep *const *chan, uint32_t events, mono_t now, role_message_fn *take, void *ctx);

#endif
