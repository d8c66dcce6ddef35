/* strongswan.conf of any octets: errors are told, what is taken keeps within its bounds. */
#include "fuzz.h"

#include "../config/mem_files.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mem mem;
	struct mem_files f;
	struct config_paths where = {.file = "/etc/ipsec.conf", .secrets = "/etc/keys"};
	struct psk_set psks;
	struct diags d;
	struct conf *c;
	mem_files_heap(&mem);
	mem_files_init(&f);
	mem_files_add(&f, "/etc/ipsec.conf", "", 0, 0644);
	mem_files_add(&f, "/etc/keys", "", 0, 0600);
	mem_files_add(&f, "/etc/strongswan.d/part.conf", "charon { port = 1 }\n", 20, 0644);
	mem_files_add(&f, "/etc/strongswan.conf", (const char *)data, size, 0644);
	psk_set_init(&psks, &mem);
	diags_init(&d, &mem);
	/* Only includes without end can use up the files that a load may read. */
	if (config_load(&where, &f.io, &c, &psks, &d) != 0 ? d.errors == 0 : !conf_check(c, c->size))
		abort();
	static const struct conf_setup none = {.spi_min = 256, .spi_max = 256, .max_packet = 1280, .retransmit.base = 1};
	const struct conf_setup *s = c ? &c->setup : &none;
	if (s->spi_min < 256 || s->spi_min > s->spi_max || s->replay_window > 32768 || s->max_packet < 1280 ||
	    s->retransmit.jitter_percent > 20 || !(s->retransmit.base >= 1) || s->retransmit.timeout < 0 ||
	    s->keep_alive < 0 || s->log_level < -1 || s->log_level > 4 || s->n_filelogs > CONF_FILELOG_MAX)
		abort();
	config_free(c);
	psk_set_fini(&psks);
	diags_fini(&d);
	if (mem.in_use)
		abort();
	return 0;
}
