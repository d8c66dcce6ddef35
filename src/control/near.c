/* Which name was meant: small edit distances. */
#include "control/control.h"

#include <string.h>

enum { NEAR_MAX = 4, SHOWN_ALL = 6 };

/* How many insertions, deletions, replacements lead from a to b; both at most CONF_NAME_MAX long. */
static size_t distance(const char *a, const char *b)
{
	size_t la = strlen(a), lb = strlen(b), row[CONF_NAME_MAX + 1];
	if (la > CONF_NAME_MAX || lb > CONF_NAME_MAX)
		return SIZE_MAX;
	for (size_t j = 0; j <= lb; j++)
		row[j] = j;
	for (size_t i = 1; i <= la; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			size_t best = min_z(min_z(row[j], row[j - 1]) + 1, diagonal + (a[i - 1] != b[j - 1]));
			diagonal = row[j];
			row[j] = best;
		}
	}
	return row[lb];
}

static bool is_near(const char *name, const char *candidate)
{
	size_t n = strlen(name);
	if (n >= 2 && (strncmp(name, candidate, n) == 0 || strcasecmp(name, candidate) == 0))
		return true;
	return distance(name, candidate) <= (n < 2 ? 0 : max_z(1, min_z(3, n / 2)));
}

static void put_name(struct sbuf *b, const char *name, bool first)
{
	sb_put(b, first ? "'" : ", '");
	sb_escape(b, name, strlen(name));
	sb_put(b, "'");
}

void control_no_such(struct sbuf *b, const char *name, const char *(*name_at)(void *ctx, size_t i), void *ctx)
{
	size_t total = 0, shown = 0;
	const char *near[NEAR_MAX], *at;
	for (; (at = name_at(ctx, total)) != NULL; total++) {
		if (shown < NEAR_MAX && is_near(name, at))
			near[shown++] = at;
	}
	sb_put(b, "no tunnel named ");
	put_name(b, name, true);
	if (total == 0) {
		sb_put(b, "; none is configured");
	} else if (shown > 0) {
		sb_put(b, "; did you mean ");
		for (size_t i = 0; i < shown; i++)
			put_name(b, near[i], i == 0);
		sb_put(b, "?");
	} else if (total <= SHOWN_ALL) {
		sb_put(b, "; there is ");
		for (size_t i = 0; i < total && (at = name_at(ctx, i)) != NULL; i++)
			put_name(b, at, i == 0);
	} else {
		sb_printf(b, "; `gretel list` shows the %zu that there are", total);
	}
}
