/* An frr.conf of any octets, named by a gretel.conf: routing loads or is left out for a reason that is told, nothing is left
 * behind, and what loads is the same when it is printed as a gretel.conf and loaded again, and proved by conf_check. */
#include "fuzz.h"

#include "../unit/test_config_gretel_util.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char names_frr[] = "routing = { frr_conf = \"frr.conf\"; };";

struct two_files {
	struct config_files io;
	const uint8_t *frr;
	size_t n;
};

static int two_read(struct config_files *io, const char *path, struct config_text *out)
{
	struct two_files *f = (struct two_files *)io;
	bool frr = strcmp(path, "frr.conf") == 0;
	*out = (struct config_text){.mode = 0600};
	if (!frr && strcmp(path, "g.conf") != 0)
		return -ENOENT;
	out->n = frr ? f->n : sizeof names_frr - 1;
	out->s = malloc(out->n + 1);
	if (!out->s)
		return -ENOMEM;
	if (out->n)
		memcpy(out->s, frr ? (const char *)f->frr : names_frr, out->n);
	out->s[out->n] = '\0';
	return 0;
}

/* Once more from what it was printed as. */
static void load_printed(const struct loaded *l)
{
	struct test_mem m;
	struct loaded again;
	const char *what;
	char *text;
	if (config_print(l->conf, &l->psks, &text) != 0)
		abort();
	test_mem_init(&m);
	load_text(&again, &m, text);
	if (again.rc != 0 || !conf_same(l->conf, again.conf, &what) || again.psks.n_tcp != l->psks.n_tcp)
		abort();
	config_text_free(text);
	loaded_fini(&again);
	if (m.mem.in_use)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct two_files f = {.io = {.read = two_read}, .frr = data, .n = size};
	struct config_paths where = {.file = "g.conf"};
	struct test_mem m;
	struct loaded l = {.mem = &m};
	test_mem_init(&m);
	psk_set_init(&l.psks, &m.mem);
	diags_init(&l.d, &m.mem);
	l.rc = config_load(&where, &f.io, &l.conf, &l.psks, &l.d);
	/* Whatever it holds, gretel.conf is good. */
	if (l.rc != 0 || !conf_check(l.conf, l.conf->size))
		abort();
	if ((conf_bgp(l.conf) != NULL) != (l.d.errors == 0) || (conf_routing(l.conf)->refused == 0) != (l.d.errors == 0))
		abort();
	if (l.d.errors == 0)
		load_printed(&l);
	loaded_fini(&l);
	if (m.mem.in_use)
		abort();
	return 0;
}
