/* Memory for one load: taken piece by piece, given back at once. Internal to config/.
 * Want of memory is sticky (`bad`), so that a parser can go on to its end and be
 * asked once. Pieces are zeroed and live until arena_fini. */
#ifndef CONFIG_ARENA_H
#define CONFIG_ARENA_H

#include "base/base.h"

struct arena {
	struct mem *mem;
	struct arena_chunk *chunk;
	bool bad;
};

void arena_init(struct arena *a, struct mem *mem);
void arena_fini(struct arena *a); /* wipes */
/* NULL when there is no memory. */
void *arena_get(struct arena *a, size_t n);
/* A copy of n octets with a NUL behind them; NULL when there is no memory. */
char *arena_text(struct arena *a, const char *s, size_t n);

#endif
