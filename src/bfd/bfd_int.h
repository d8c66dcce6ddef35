/* What the files of bfd/ share: engine.c (entry points), session.c (one session), rows.c (its table). Internal. */
#ifndef BFD_BFD_INT_H
#define BFD_BFD_INT_H

#include "bfd/bfd.h"

enum bfd_event { EV_RX_ADMIN_DOWN, EV_RX_DOWN, EV_RX_INIT, EV_RX_UP, EV_EXPIRED, EV_PATH, EV_STOP, EV_START, EV_N };
enum { DIAG_KEEP = 255 };
struct bfd_row { uint8_t from, event, to, diag; const char *rfc; };
/* NULL: nothing changes. */
const struct bfd_row *row_find(uint8_t state, uint8_t event);

enum { TAG_TX, TAG_DETECT };
struct session {
	struct list link;
	struct hnode node;       /* by our discriminator */
	struct bfd_path path;
	bool turned;             /* asked for as one hop, spoken as several */
	uint8_t min_ttl;
	uint8_t state, diag, remote_state, remote_diag;
	uint8_t multiplier, remote_multiplier;
	uint32_t id, remote_id;  /* bfd.LocalDiscr, bfd.RemoteDiscr */
	uint32_t want_tx_us, want_rx_us;         /* asked for */
	uint32_t tx_us, rx_us;                   /* said: bfd.DesiredMinTxInterval, bfd.RequiredMinRxInterval */
	uint32_t use_tx_us, use_rx_us;           /* counted with: others while a Poll Sequence lasts */
	uint32_t remote_tx_us, remote_rx_us;     /* bfd.RemoteMinRxInterval is 1 until we know */
	bool poll, remote_demand;
	bool told_up;            /* what the last STATE said */
	bool leaving;            /* AdminDown, gone when its detection timer ends */
	mono_t sent_at, since;
	uint64_t received, sent, ups, downs;
	struct timer tx, detect;
};

struct bfd {
	struct mem *mem;
	struct rng *rng;
	struct list sessions;
	struct hmap by_id;
	struct heap timers;
	uint64_t dropped;
	bool untold;             /* a STATE found no room */
	struct bfd_acts *acts;   /* of the call that is under way */
	mono_t now;
};

struct session *session_new(struct bfd *b, const struct bfd_path *path); /* NULL: no memory */
void session_free(struct bfd *b, struct session *s);
/* What was asked for; told to the neighbour as far as the state allows. */
void session_wish(struct bfd *b, struct session *s);
void session_event(struct bfd *b, struct session *s, uint8_t event);
void session_input(struct bfd *b, struct session *s, const struct bfd_packet *p);
void session_send(struct bfd *b, struct session *s, bool final);
/* STATE, when it is not what was told last. */
void session_tell(struct bfd *b, struct session *s);
dur_t session_interval(const struct session *s);  /* without jitter; 0: nothing is to be sent now */
dur_t session_detection(const struct session *s); /* 0: not known yet */

#endif
