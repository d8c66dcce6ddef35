/* ipsec.secrets of any octets: every entry is a key or a diagnostic, and no memory is left. */
#include "fuzz.h"

#include "../config/mem_files.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mem mem;
	struct mem_files f;
	struct config_paths where = {0};
	struct psk_set psks;
	struct diags d;
	struct conf *c;
	size_t out[4];
	struct ident any = {.type = ID_ANY};
	mem_files_heap(&mem);
	mem_files_init(&f);
	mem_files_add(&f, "/etc/ipsec.conf", "", 0, 0644);
	mem_files_add(&f, "/etc/part", "x : PSK y\n", 10, 0600);
	mem_files_add(&f, "/etc/ipsec.secrets", (const char *)data, size, 0600);
	psk_set_init(&psks, &mem);
	diags_init(&d, &mem);
	/* Keys that cannot be read leave the tunnels without, they do not stop them. */
	if (config_load(&where, &f.io, &c, &psks, &d) != 0 || c->n_tunnels)
		abort();
	for (size_t i = 0; i < psks.n; i++) {
		const struct psk *p = &psks.v[i];
		if (p->key_len > size || !p->origin || (p->n_selectors && !p->selectors))
			abort();
		for (size_t k = 0; k < p->n_selectors; k++) {
			if (p->selectors[k].type == ID_ANY)
				abort();
		}
	}
	if (psk_candidates(&psks, &any, &any, out, 4) > 4)
		abort();
	config_free(c);
	psk_set_fini(&psks);
	diags_fini(&d);
	if (mem.in_use)
		abort();
	return 0;
}
