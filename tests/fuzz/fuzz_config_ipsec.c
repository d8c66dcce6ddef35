/* ipsec.conf of any octets: it loads or is refused with a reason, the blob proves itself, the same
 * file loads to the same octets, a reload keeps every conn that went bad, and no memory is left. */
#include "fuzz.h"

#include "../config/mem_files.h"

#include <stdlib.h>
#include <string.h>

static const char part[] = "conn part\n\ttype=transport\n\tauthby=secret\n\tright=192.0.2.7\n\tauto=add\n";
static const char good[] = "conn a\n\ttype=transport\n\tauthby=secret\n\tright=192.0.2.1\n\tauto=add\n"
                           "conn b\n\ttype=transport\n\tauthby=secret\n\tright=192.0.2.2\n\tauto=add\n";

static struct conf *load(struct mem *mem, struct mem_files *f, const struct conf *running)
{
	static const struct addr local[] = {{.family = AF_V4, .b = {192, 0, 2, 9}}};
	struct config_paths where = {.local = local, .n_local = 1, .running = running};
	struct psk_set psks;
	struct diags d;
	struct conf *c;
	psk_set_init(&psks, mem);
	diags_init(&d, mem);
	int err = config_load(&where, &f->io, &c, &psks, &d);
	if ((err == 0) != (c != NULL) || (err && d.errors == 0))
		abort();
	if (c && (!conf_check(c, c->size) || (c->n_refused && d.errors == 0)))
		abort();
	psk_set_fini(&psks);
	diags_fini(&d);
	return c;
}

/* Names are unique, and no conn is both refused and loaded, but for kept ones. */
static void check(const struct conf *c, const struct conf *running)
{
	for (uint32_t i = 0; i < c->n_tunnels; i++) {
		const struct tunnel_conf *t = conf_tunnel(c, i);
		if (conf_find(c, conf_str(c, t->name)) != (int)i)
			abort();
		if (t->kept && (!running || conf_find(running, conf_str(c, t->name)) < 0))
			abort();
	}
	for (uint32_t i = 0; i < c->n_refused; i++) {
		const char *name = conf_str(c, conf_refused(c, i)->name);
		int at = conf_find(c, name), was = running ? conf_find(running, name) : -1;
		if ((at >= 0) != (was >= 0) || (at >= 0 && !conf_tunnel(c, (uint32_t)at)->kept))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mem mem;
	struct mem_files f;
	mem_files_heap(&mem);
	mem_files_init(&f);
	mem_files_add(&f, "/etc/ipsec.conf", good, sizeof good - 1, 0644);
	mem_files_add(&f, "/etc/part.conf", part, sizeof part - 1, 0644);
	mem_files_add(&f, "/etc/ipsec.secrets", ": PSK x", 7, 0600);
	struct conf *running = load(&mem, &f, NULL);
	f.file[0].s = (const char *)data;
	f.file[0].n = size;
	struct conf *one = load(&mem, &f, NULL), *two = load(&mem, &f, NULL), *re = load(&mem, &f, running);
	if (!running || !one != !two || !one != !re)
		abort();
	if (one) {
		/* What the file no longer has is gone, but not because of an error. */
		if (re->n_tunnels + re->n_refused < one->n_tunnels + one->n_refused)
			abort();
		if (one->size != two->size || memcmp(one, two, one->size) != 0)
			abort();
		check(one, NULL);
		check(re, running);
	}
	config_free(running);
	config_free(one);
	config_free(two);
	config_free(re);
	if (mem.in_use)
		abort();
	return 0;
}
