/* The books of an earlier life, from a file: whatever is in it, what is taken out of it can be written down and read again. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "privsep/books.h"

static void put(struct wr *w, const struct book *b)
{
	books_put_head(w);
	if (b->type == BOOK_CHILD)
		books_put_child(w, &b->child);
	else if (b->type == BOOK_TUNNEL)
		books_put_tunnel(w, &b->tunnel);
	else
		books_put_gone(w, b->gone);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t first[BOOKS_RECORD_MAX + 64], second[BOOKS_RECORD_MAX + 64];
	struct rd r = rd_init(data, size);
	static struct book b, again;
	if (!books_get_head(&r))
		return 0;
	while (books_next(&r, &b)) {
		struct wr w = wr_init(first, sizeof first), v = wr_init(second, sizeof second);
		put(&w, &b);
		struct rd back = rd_init(first, w.len);
		if (!wr_ok(&w) || !books_get_head(&back) || !books_next(&back, &again) || !rd_done(&back))
			abort();
		put(&v, &again);
		if (v.len != w.len || memcmp(first, second, w.len) != 0)
			abort();
	}
	return 0;
}
