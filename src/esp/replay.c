/* The anti-replay window: see replay.h. */
#include "esp/replay.h"

#include <errno.h>

enum { WORD = 64, ESN_WINDOW_MIN = 64 };

int replay_init(struct replay *r, struct mem *mem, uint32_t window, bool esn)
{
	*r = (struct replay){.window = window > REPLAY_WINDOW_MAX ? REPLAY_WINDOW_MAX : window, .esn = esn, .words = 2};
	if (esn && r->window == 0)
		r->window = ESN_WINDOW_MIN;
	/* One word more than the window has, so that the word that is being cleared is never inside of it (RFC 6479 2). */
	while (r->words * WORD < r->window + WORD)
		r->words *= 2;
	r->word = mem_get(mem, r->words * sizeof *r->word);
	return r->word ? 0 : -ENOMEM;
}

void replay_fini(struct replay *r, struct mem *mem)
{
	if (r->word)
		mem_put(mem, r->word, r->words * sizeof *r->word);
	r->word = NULL;
}

/* RFC 4303 appendix A2.1 and A2.2: Tl, Th are the halves of the top, W is the window. */
uint64_t replay_infer(const struct replay *r, uint32_t low)
{
	if (!r->esn)
		return low;
	uint32_t tl = (uint32_t)r->top, th = (uint32_t)(r->top >> 32), w = r->window, bottom = tl - w + 1;
	if (tl >= w - 1) /* case A: the window lies within one subspace */
		th += low < bottom;
	else if (low >= bottom) { /* case B: it spans two, and this is in the lower one */
		if (th == 0)
			return 0;
		th--;
	}
	return (uint64_t)th << 32 | low;
}

static uint64_t *word_of(const struct replay *r, uint64_t seq) { return &r->word[seq / WORD & (r->words - 1)]; }

uint8_t replay_check(const struct replay *r, uint64_t seq)
{
	if (seq == 0) /* RFC 4303 3.3.3: the first is 1 */
		return REPLAY_OLD;
	if (seq > r->top || r->window == 0)
		return REPLAY_FRESH;
	if (r->top - seq >= r->window)
		return REPLAY_OLD;
	return *word_of(r, seq) >> seq % WORD & 1 ? REPLAY_DUP : REPLAY_FRESH;
}

uint8_t replay_mark(struct replay *r, uint64_t seq)
{
	uint8_t verdict = replay_check(r, seq);
	if (verdict != REPLAY_FRESH)
		return verdict;
	if (seq > r->top) {
		uint64_t ahead = seq / WORD - r->top / WORD, n = ahead < r->words ? ahead : r->words;
		for (uint64_t i = 1; i <= n; i++)
			*word_of(r, (r->top / WORD + i) * WORD) = 0;
		r->top = seq;
	}
	*word_of(r, seq) |= (uint64_t)1 << seq % WORD;
	return REPLAY_FRESH;
}
