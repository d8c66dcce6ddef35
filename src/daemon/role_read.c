/* What the roles but priv do when a channel has something. */
#include <errno.h>
#include <sys/epoll.h>

#include "daemon/role_read.h"

enum { MESSAGES_A_TURN = 64 };

bool role_read(struct loop *l, struct privsep *priv, uint32_t events, mono_t now, role_message_fn *take, role_message_fn *refuse,
               void *ctx)
{
	struct priv_msg m;
	if (events & EPOLLOUT && privsep_flush(priv) < 0) {
		loop_stop(l, 0);
		return false;
	}
	/* The descriptor says nothing of messages that were in the same packet. */
	for (int n = 0; n < MESSAGES_A_TURN || privsep_buffered(priv); n++) {
		int got = privsep_recv(priv, &m);
		if (got == 0)
			break;
		if (got == -EBADMSG) {
			if (refuse)
				refuse(ctx, &m, now);
			continue;
		}
		if (got < 0) { /* priv is gone: so are we */
			loop_stop(l, got == -EPIPE ? 0 : 1);
			return false;
		}
		take(ctx, &m, now);
		priv_msg_close(&m);
	}
	return true;
}

int link_read(struct privsep *const *chan, uint32_t events, mono_t now, role_message_fn *take, void *ctx)
{
	struct priv_msg m;
	int rc = events & EPOLLOUT ? privsep_flush(*chan) : 0;
	for (int n = 0; n < MESSAGES_A_TURN && rc >= 0 && *chan && (rc = privsep_recv(*chan, &m)) != 0; n++) {
		if (rc == 1 && m.verb == PRIV_HELLO && !privsep_hello_ok(*chan, &m))
			rc = -EPROTO;
		else if (rc == 1)
			take(ctx, &m, now);
		else if (rc == -EBADMSG)
			rc = 0; /* passed over */
		priv_msg_close(&m);
	}
	return rc < 0 ? rc : 0;
}
