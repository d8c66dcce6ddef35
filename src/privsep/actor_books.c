/* The books of what priv has to find again after its own death: when a record is written, and what an earlier life's records mean now. An SA is
 * written down before the kernel is asked to make it and struck out after it was asked to remove it, so that none is ever there that is in
 * no record; and the kernel has the last word: what it does not have is dropped, whatever the books say. */
#include <string.h>

#include "privsep/actor_int.h"
#include "privsep/books.h"

/* --- writing --- */

static void out(actor_book_fn *fn, void *ctx, const struct wr *w)
{
	if (fn && !BUG(!wr_ok(w)))
		fn(ctx, SPAN(w->base, w->len));
}

static void write_child(actor_book_fn *fn, void *ctx, const struct book_child *c)
{
	uint8_t room[1024];
	struct wr w = wr_init(room, sizeof room);
	books_put_child(&w, c);
	out(fn, ctx, &w);
}

static struct book_child of_child(const struct child *k)
{
	struct book_child c = {.child_id = k->child_id, .peer = k->peer, .sa = k->sa, .since = k->since};
	memcpy(c.tunnel, k->tunnel, sizeof c.tunnel);
	return c;
}

static struct book_child of_early(const struct spi *p)
{
	struct book_child c = {.sa = {.local = p->local, .remote = p->remote, .reqid = p->reqid}};
	c.sa.in.spi = p->spi;
	memcpy(c.tunnel, p->owner->name, sizeof c.tunnel);
	return c;
}

static void write_tunnel(const struct tstate *s, actor_book_fn *fn, void *ctx)
{
	uint8_t room[BOOKS_RECORD_MAX];
	struct wr w = wr_init(room, sizeof room);
	struct book_tunnel t = {.held = s->held, .hook_up = s->hook_up, .host_access = s->host_access,
	                        .hook_status = s->hook_status, .child = s->hook_child, .gre_keep = s->gre.keep,
	                        .gre_mss_clamp = s->gre.mss_clamp, .trap_local = s->trap.local, .trap_remote = s->trap.remote,
	                        .trap_reqid = s->trap.reqid, .trap_mark = s->trap.mark, .trap_mark_mask = s->trap.mark_mask,
	                        .trap_proto = s->trap.proto};
	memcpy(t.name, s->name, sizeof t.name);
	memcpy(t.interface, s->interface, sizeof t.interface);
	memcpy(t.gre, s->gre.name, sizeof t.gre);
	if (s->hook_up)
		t.command = SPAN(s->command, strlen(s->command));
	/* One of that length is run again by the next life, as if this one had not been. */
	if (t.command.n > BOOKS_COMMAND_MAX)
		t.hook_up = false;
	books_put_tunnel(&w, &t);
	out(fn, ctx, &w);
}

void actor_book_child(const struct actor *a, const struct child *k)
{
	struct book_child c = of_child(k);
	write_child(a->env.book, a->env.book_ctx, &c);
}

void actor_book_early(const struct actor *a, const struct spi *p)
{
	struct book_child c = of_early(p);
	write_child(a->env.book, a->env.book_ctx, &c);
}

void actor_book_gone(const struct actor *a, uint32_t spi_in)
{
	uint8_t room[32];
	struct wr w = wr_init(room, sizeof room);
	books_put_gone(&w, spi_in);
	out(a->env.book, a->env.book_ctx, &w);
}

void actor_book_tunnel(const struct actor *a, const struct tstate *s)
{
	if (a->env.book)
		write_tunnel(s, a->env.book, a->env.book_ctx);
}

void actor_books_write(const struct actor *a, actor_book_fn *fn, void *ctx)
{
	uint8_t room[BOOKS_HEAD];
	struct wr w = wr_init(room, sizeof room);
	books_put_head(&w);
	out(fn, ctx, &w);
	LIST_EACH(it, tmp, &a->tunnels) {
		const struct tstate *s = LIST_ENTRY(it, struct tstate, node);
		if (s->held || s->hook_up || s->gre.name[0] || s->trap.remote.family != AF_NONE)
			write_tunnel(s, fn, ctx);
	}
	LIST_EACH(it, tmp, &a->all_spis) {
		const struct spi *p = LIST_ENTRY(it, struct spi, node);
		struct book_child c = of_early(p);
		if (p->early)
			write_child(fn, ctx, &c);
	}
	for (const struct child *k = NULL; (k = children_next(&a->children, k));) {
		struct book_child c = of_child(k);
		write_child(fn, ctx, &c);
	}
}

/* --- reading --- */

static void forget(struct actor *a, uint32_t spi_in)
{
	struct child *k = children_find(&a->children, spi_in);
	if (k)
		children_free(&a->children, k);
}

static bool take_child(struct actor *a, const struct book_child *c)
{
	forget(a, c->sa.in.spi);
	struct child *k = children_new(&a->children, c->tunnel, c->child_id, &c->peer, &c->sa, c->since);
	if (!k)
		return false;
	k->old = true;
	(void)actor_reqid_seen(a, k->sa.reqid);
	children_link(&a->children, k);
	return true;
}

static bool take_command(struct actor *a, struct tstate *s, struct span command)
{
	char *copy = mem_get(a->env.mem, command.n + 1);
	if (!copy)
		return false;
	memcpy(copy, command.p, command.n);
	mem_put(a->env.mem, s->command, s->command_size);
	s->command = copy;
	s->command_size = command.n + 1;
	return true;
}

/* The policy is there still; it goes when the configuration has no place for it any more. */
static void take_trap(struct actor *a, struct tstate *s, const struct book_tunnel *t)
{
	if (s->trap.remote.family != AF_NONE)
		hmap_del(&a->traps, &s->by_trap);
	s->trap.local = t->trap_local;
	s->trap.remote = t->trap_remote;
	s->trap.reqid = actor_reqid_seen(a, t->trap_reqid);
	s->trap.mark = t->trap_mark;
	s->trap.mark_mask = t->trap_mark_mask;
	s->trap.proto = t->trap_proto;
	if (s->trap.remote.family != AF_NONE)
		actor_trap_link(a, s);
}

static bool take_tunnel(struct actor *a, const struct book_tunnel *t)
{
	struct tstate *s = actor_tstate(a, t->name);
	if (!s && !(s = actor_tstate_new(a, t->name)))
		return false;
	s->held = t->held && s->t;
	s->gre = (struct conf_gre){.keep = t->gre_keep, .mss_clamp = t->gre_mss_clamp};
	memcpy(s->gre.name, t->gre, sizeof s->gre.name);
	take_trap(a, s, t);
	s->hook_up = false;
	if (!t->hook_up)
		return true;
	if (!take_command(a, s, t->command))
		return false;
	s->hook_up = true;
	s->hook_status = t->hook_status;
	s->host_access = t->host_access;
	s->hook_child = t->child;
	memcpy(s->interface, t->interface, sizeof s->interface);
	return true;
}

static bool take(struct actor *a, const struct book *b)
{
	switch (b->type) {
	case BOOK_CHILD:
		return take_child(a, &b->child);
	case BOOK_TUNNEL:
		return take_tunnel(a, &b->tunnel);
	default:
		forget(a, b->gone);
		return true;
	}
}

/* Whether both SAs are there. What was cut off half-way is taken away, also where only the inbound SA had been made. */
static bool still_there(struct actor *a, struct child *k)
{
	struct sa_counters n;
	if (k->sa.out.spi == 0) {
		(void)kernel_spi_free(a->env.kernel, &k->sa.local, &k->sa.remote, k->sa.in.spi);
		children_free(&a->children, k);
		return false;
	}
	if (kernel_child_counters(a->env.kernel, &k->sa, &n) == 0)
		return true;
	actor_child_remove(a, k);
	return false;
}

void actor_adopt(struct actor *a, struct span books, mono_t now)
{
	struct rd r = rd_init(books.p, books.n);
	struct book b;
	uint32_t found = 0, lost = 0;
	if (!books_get_head(&r)) {
		actor_logf(a, -1, "the books of an earlier life are of another kind: its SAs are left to their lifetime");
		return;
	}
	while (books_next(&r, &b)) {
		if (!take(a, &b))
			actor_logf(a, -1, "no memory for what an earlier life has left");
	}
	for (struct child *k = children_next(&a->children, NULL), *next; k; k = next) {
		next = children_next(&a->children, k);
		if (k->since > now) /* of another boot */
			k->since = now;
		if (!still_there(a, k)) {
			lost++;
			continue;
		}
		if (actor_hook_is_up(a, k))
			actor_hook_state(a, k->tunnel, &k->peer)->n_adopted++;
		found++;
	}
	actor_traps_check(a);
	actor_tstates_sweep(a);
	if (found || lost)
		actor_logf(a, 1, "of an earlier life %u child SA(s) forward on%s", found, lost ? ", others have gone" : "");
}

bool actor_next_stray(struct actor *a, struct actor_hook *h)
{
	LIST_EACH(it, tmp, &a->tunnels) {
		struct tstate *s = LIST_ENTRY(it, struct tstate, node);
		if (!s->hook_up || s->n_adopted)
			continue;
		s->hook_up = false;
		actor_book_tunnel(a, s);
		actor_hook_fill(a, s, false, h);
		return true;
	}
	return false;
}
