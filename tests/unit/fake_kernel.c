/* See fake_kernel.h. */
#include "fake_kernel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void fake_kernel_init(struct kernel *k)
{
	memset(k, 0, sizeof *k);
	k->calls = SB(k->log);
	k->next_spi = 0xc0000001;
}

const char *fake_kernel_calls(struct kernel *k)
{
	static char copy[sizeof k->log];
	memcpy(copy, k->log, sizeof copy);
	k->calls = SB(k->log);
	return copy;
}

static int outcome(struct kernel *k, const char *name)
{
	return k->fail && strcmp(k->fail, name) == 0 ? k->fail_with : 0;
}

static void note(struct kernel *k, const char *name, const struct addr *a, const struct addr *b)
{
	sb_put(&k->calls, name);
	if (a) {
		sb_putc(&k->calls, ' ');
		sb_addr(&k->calls, a);
	}
	if (b) {
		sb_putc(&k->calls, ' ');
		sb_addr(&k->calls, b);
	}
	sb_putc(&k->calls, '\n');
}

int kernel_spi_alloc(struct kernel *k, const struct addr *local, const struct addr *remote, uint32_t reqid,
                     uint32_t min, uint32_t max, uint32_t *spi)
{
	(void)reqid;
	(void)min;
	(void)max;
	note(k, "spi_alloc", local, remote);
	*spi = k->next_spi++;
	return outcome(k, "spi_alloc");
}

int kernel_spi_free(struct kernel *k, const struct addr *local, const struct addr *remote, uint32_t spi)
{
	(void)local;
	(void)remote;
	sb_printf(&k->calls, "spi_free %08x\n", spi);
	return outcome(k, "spi_free");
}

int kernel_child_install(struct kernel *k, const struct child_sa *sa)
{
	sb_printf(&k->calls, "install %08x %08x\n", sa->in.spi, sa->out.spi);
	k->installed = *sa;
	return outcome(k, "install");
}

int kernel_child_early(struct kernel *k, const struct child_sa *sa)
{
	sb_printf(&k->calls, "early %08x\n", sa->in.spi);
	return outcome(k, "early");
}

int kernel_child_complete(struct kernel *k, const struct child_sa *sa)
{
	sb_printf(&k->calls, "complete %08x %08x\n", sa->in.spi, sa->out.spi);
	k->installed = *sa;
	return outcome(k, "complete");
}

int kernel_mss_clamp(struct kernel *k, const char *name, uint32_t mtu)
{
	sb_printf(&k->calls, "mss_clamp %s %u\n", name, mtu);
	return outcome(k, "mss_clamp");
}

int kernel_child_move(struct kernel *k, const struct child_sa *was, const struct child_sa *now)
{
	sb_printf(&k->calls, "move %08x", was->in.spi);
	note(k, "", &now->local, &now->remote);
	return outcome(k, "move");
}

int kernel_child_remove(struct kernel *k, const struct child_sa *sa, const struct child_sa *heir)
{
	sb_printf(&k->calls, "remove %08x heir %08x\n", sa->in.spi, heir ? heir->in.spi : 0);
	return outcome(k, "remove");
}

int kernel_child_counters(struct kernel *k, const struct child_sa *sa, struct sa_counters *out)
{
	(void)sa;
	*out = k->counters;
	return outcome(k, "counters");
}

static int trap(struct kernel *k, const char *name, const struct child_sa *sa)
{
	sb_printf(&k->calls, "%s %u", name, sa->reqid);
	note(k, "", &sa->local, &sa->remote);
	return outcome(k, name);
}

int kernel_trap_set(struct kernel *k, const struct child_sa *sa) { return trap(k, "trap", sa); }
int kernel_trap_del(struct kernel *k, const struct child_sa *sa) { return trap(k, "trap_del", sa); }

int kernel_guard_set(struct kernel *k, const struct addr *peer)
{
	note(k, "guard", peer, NULL);
	return outcome(k, "guard");
}

int kernel_guard_set_strict(struct kernel *k, const struct addr *local)
{
	note(k, "strict", local, NULL);
	return outcome(k, "strict");
}

int kernel_guard_del(struct kernel *k, const struct addr *peer)
{
	note(k, "guard_del", peer, NULL);
	return outcome(k, "guard_del");
}

static int shunt(struct kernel *k, const char *name, const struct prefix *local, const struct prefix *remote,
                 uint8_t proto, const char *what)
{
	sb_printf(&k->calls, "%s %s %u ", name, what, proto);
	sb_prefix(&k->calls, local);
	sb_putc(&k->calls, ' ');
	sb_prefix(&k->calls, remote);
	sb_putc(&k->calls, '\n');
	return outcome(k, name);
}

int kernel_shunt_set(struct kernel *k, const struct prefix *local, const struct prefix *remote, uint8_t proto,
                     bool pass)
{
	return shunt(k, "shunt", local, remote, proto, pass ? "pass" : "drop");
}

int kernel_shunt_del(struct kernel *k, const struct prefix *local, const struct prefix *remote, uint8_t proto)
{
	return shunt(k, "shunt_del", local, remote, proto, "");
}

int kernel_gre_ensure(struct kernel *k, const struct conf_gre *want, const struct addr *local,
                      const struct addr *remote, struct gre_link *out)
{
	sb_printf(&k->calls, "gre %s", want->name);
	note(k, "", local, remote);
	*out = k->gre;
	return outcome(k, "gre");
}

int kernel_gre_find(struct kernel *k, const struct addr *local, const struct addr *remote, struct gre_link *out)
{
	(void)local;
	(void)remote;
	*out = k->gre;
	return k->gre.ifindex ? outcome(k, "gre_find") : -ENODEV;
}

int kernel_gre_down(struct kernel *k, const char *name, bool remove)
{
	sb_printf(&k->calls, "gre_down %s %s\n", name, remove ? "remove" : "keep");
	return outcome(k, "gre_down");
}

int kernel_addr_list(struct kernel *k, struct addr *out, size_t max, size_t *n)
{
	*n = min_z(k->n_local, max);
	memcpy(out, k->local, *n * sizeof *out);
	return outcome(k, "addr_list");
}

int kernel_route_get(struct kernel *k, const struct addr *dst, const struct addr *from, struct addr *src,
                     uint32_t *ifindex)
{
	for (size_t i = 0; i < k->n_local; i++) {
		if (k->local[i].family == dst->family && (from->family == AF_NONE || addr_eq(from, &k->local[i]))) {
			*src = k->local[i];
			*ifindex = k->way ? k->way : 2;
			return outcome(k, "route_get");
		}
	}
	return -ENETUNREACH;
}

int kernel_addr_link(struct kernel *k, const struct addr *a, uint32_t *ifindex)
{
	for (size_t i = 0; i < k->n_local; i++) {
		if (addr_eq(&k->local[i], a)) {
			*ifindex = k->local_link[i] ? k->local_link[i] : 2;
			return outcome(k, "addr_link");
		}
	}
	return -EADDRNOTAVAIL;
}

int kernel_route_match(struct kernel *k, const struct addr *dst, struct kernel_match *out)
{
	(void)dst;
	*out = k->match;
	return outcome(k, "route_match");
}

int kernel_link_name(struct kernel *k, uint32_t ifindex, char name[16], bool *gre)
{
	struct sbuf b = sb_init(name, 16);
	*gre = ifindex == k->gre_link;
	sb_printf(&b, "eth%u", ifindex);
	return outcome(k, "link_name");
}

/* --- TUN devices --- */

struct kernel_tun {
	uint32_t ifindex;
	int fd[KERNEL_TUN_QUEUES];
	size_t n;
};

int kernel_tun_open(struct kernel *k, const char *name, unsigned queues, struct kernel_tun **out)
{
	sb_printf(&k->calls, "tun_open %s %u\n", name, queues);
	int rc = outcome(k, "tun_open");
	*out = NULL;
	for (size_t i = 0; i < ARRAY_LEN(k->tun) && rc == 0; i++) {
		if (k->tun[i].t)
			continue;
		struct kernel_tun *t = calloc(1, sizeof *t);
		if (!t)
			return -ENOMEM;
		t->ifindex = 100 + (uint32_t)i;
		t->n = queues;
		for (size_t q = 0; q < t->n; q++)
			t->fd[q] = 1000 + (int)q;
		k->tun[i].t = *out = t;
		k->tun[i].link = (struct gre_link){.ifindex = t->ifindex, .mtu = 1500};
		struct sbuf b = SB(k->tun[i].link.name);
		sb_put(&b, name);
		return 0;
	}
	return rc < 0 ? rc : -EMFILE;
}

static struct fake_tun *tun_of(struct kernel *k, const struct kernel_tun *t)
{
	for (size_t i = 0; i < ARRAY_LEN(k->tun); i++) {
		if (k->tun[i].t == t)
			return &k->tun[i];
	}
	return NULL;
}

void kernel_tun_close(struct kernel *k, struct kernel_tun *t)
{
	struct fake_tun *f = tun_of(k, t);
	if (!f)
		abort();
	sb_printf(&k->calls, "tun_close %s\n", f->link.name);
	*f = (struct fake_tun){.t = NULL};
	free(t);
}

const int *kernel_tun_fds(const struct kernel_tun *t, size_t *n)
{
	*n = t->n;
	return t->fd;
}

uint32_t kernel_tun_ifindex(const struct kernel_tun *t) { return t->ifindex; }

int kernel_tun_set(struct kernel *k, const struct kernel_tun *t, uint32_t mtu, bool up)
{
	struct fake_tun *f = tun_of(k, t);
	sb_printf(&k->calls, "tun_set %s %u %s\n", f->link.name, mtu, up ? "up" : "down");
	f->link.mtu = mtu ? mtu : f->link.mtu;
	f->link.up = up;
	return outcome(k, "tun_set");
}

int kernel_tun_ensure(struct kernel *k, const struct kernel_tun *t, const struct conf_gre *want, struct gre_link *out)
{
	struct fake_tun *f = tun_of(k, t);
	*out = (struct gre_link){.ifindex = 0};
	int rc = f->gone ? -ENODEV : outcome(k, want ? "tun_ensure" : "tun_look");
	if (rc < 0)
		return rc;
	if (want) {
		sb_printf(&k->calls, "tun_ensure %s\n", f->link.name);
		f->link.mtu = want->mtu ? want->mtu : 1400;
		f->link.up = true;
		f->link.n_addresses = want->n_addresses;
		memcpy(f->link.address, want->address, sizeof f->link.address);
		f->link.peer = want->peer;
	}
	*out = f->link;
	return 0;
}
