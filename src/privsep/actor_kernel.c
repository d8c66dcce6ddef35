/* The data plane of the kernel: what the actor asks of it, at once. Its sibling is actor_user.c. */
#include "privsep/actor_int.h"

#include <errno.h>

enum { SPI_TRIES = 4 };

static int spi_alloc(struct actor *a, const struct m_spi_alloc *m, uint32_t reqid, uint32_t *spi)
{
	/* The kernel keeps SPIs apart per address, we do it altogether: a child is known by its SPI alone. */
	for (int tries = 0; tries < SPI_TRIES; tries++) {
		int rc = kernel_spi_alloc(a->env.kernel, &m->local, &m->remote, reqid, m->min, m->max, spi);
		if (rc < 0)
			return rc;
		if (!actor_spi_taken(a, *spi))
			return 0;
		(void)kernel_spi_free(a->env.kernel, &m->local, &m->remote, *spi);
	}
	return -EAGAIN;
}

static void spi_free(struct actor *a, const struct spi *p)
{
	(void)kernel_spi_free(a->env.kernel, &p->local, &p->remote, p->spi);
}

static int install(struct actor *a, const struct tstate *s, const struct child_sa *sa, uint8_t half, struct actor_out *out)
{
	(void)s;
	(void)out;
	return half == HALF_EARLY   ? kernel_child_early(a->env.kernel, sa)
	       : half == HALF_LATER ? kernel_child_complete(a->env.kernel, sa)
	                            : kernel_child_install(a->env.kernel, sa);
}

static int move(struct actor *a, const struct child *k, const struct child_sa *to, struct actor_out *out)
{
	(void)out;
	return kernel_child_move(a->env.kernel, &k->sa, to);
}

static int child_remove(struct actor *a, const struct child *k)
{
	const struct child *heir = children_of_pair(&a->children, &k->sa, k);
	return kernel_child_remove(a->env.kernel, &k->sa, heir ? &heir->sa : NULL);
}

static int query(struct actor *a, const struct child *k, struct actor_out *out)
{
	return kernel_child_counters(a->env.kernel, &k->sa, &out->body.query.counters);
}

static int gre_up(struct actor *a, struct tstate *s, const struct m_ends *m, struct gre_link *g)
{
	return kernel_gre_ensure(a->env.kernel, &s->t->gre, &m->local, &m->remote, g);
}

static int gre_down(struct actor *a, struct tstate *s)
{
	return kernel_gre_down(a->env.kernel, s->gre.name, !s->gre.keep);
}

static int gre_find(struct actor *a, const struct tstate *s, const struct m_ends *m, struct gre_link *g)
{
	(void)s;
	return kernel_gre_find(a->env.kernel, &m->local, &m->remote, g);
}

const struct actor_plane actor_plane_kernel = {
	.spi_alloc = spi_alloc, .spi_free = spi_free, .install = install, .move = move, .remove = child_remove,
	.query = query, .gre_up = gre_up, .gre_down = gre_down, .gre_find = gre_find,
};
