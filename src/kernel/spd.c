/* XFRM policies: those of children, traps, the guard, and shunts. RFC 4301 4.4.1.
 *
 * The kernel keeps one policy per direction, selector and mark. For a child we take what is there over, as a rekey
 * and the change from another daemon need. A guard or shunt never replaces a policy that is not its like, and
 * nothing is removed but what has the shape of ours. */
#include "kernel/spd.h"

#include <errno.h>
#include <string.h>

#include "kernel/socket.h"
#include "kernel/xfrm_msg.h"

/* ---- one policy ---- */

struct found {
	struct policy policy;
	struct policy_undo *undo; /* NULL: not to be kept */
};

static int on_policy(void *ctx, const struct nl_msg *m)
{
	struct found *f = ctx;
	size_t n = rd_left(&m->body);
	if (!xfrm_parse_policy(m, &f->policy))
		return -EBADMSG;
	if (!f->undo)
		return 0;
	if (n > sizeof f->undo->raw)
		return -E2BIG;
	struct rd r = m->body;
	rd_copy(&r, f->undo->raw, n);
	f->undo->n = n;
	return 0;
}

/* The policy with the direction, selector and mark of `like`. -ENOENT: none. */
static int policy_get(struct kernel *k, const struct policy *like, struct found *f)
{
	struct nlw w;
	xfrm_msg_policy_id(&w, XFRM_MSG_GETPOLICY, like);
	return nl_request(k, BUS_XFRM, &w, on_policy, f);
}

static int policy_write(struct kernel *k, uint16_t type, const struct policy *p)
{
	struct nlw w;
	xfrm_msg_policy(&w, type, p);
	return nl_request(k, BUS_XFRM, &w, NULL, NULL);
}

static int policy_del(struct kernel *k, const struct policy *p)
{
	struct nlw w;
	xfrm_msg_policy_id(&w, XFRM_MSG_DELPOLICY, p);
	int rc = nl_request(k, BUS_XFRM, &w, NULL, NULL);
	return rc == -ENOENT ? 0 : rc;
}

static bool prefix_same(const struct prefix *a, const struct prefix *b)
{
	return a->len == b->len && addr_eq(&a->addr, &b->addr);
}

static bool policy_same(const struct policy *a, const struct policy *b)
{
	return a->dir == b->dir && prefix_same(&a->src, &b->src) && prefix_same(&a->dst, &b->dst) &&
	       a->proto == b->proto && a->priority == b->priority && a->block == b->block &&
	       a->n_templates == b->n_templates;
}

/* A policy of ours without template: there already is success, something else in its place is -EEXIST. */
static int policy_ensure(struct kernel *k, const struct policy *p)
{
	struct found f = {0};
	int rc = policy_write(k, XFRM_MSG_NEWPOLICY, p);
	if (rc != -EEXIST)
		return rc;
	rc = policy_get(k, p, &f);
	if (rc == -ENOENT) /* gone in between */
		return policy_write(k, XFRM_MSG_NEWPOLICY, p);
	return rc < 0 ? rc : policy_same(&f.policy, p) ? 0 : -EEXIST;
}

/* Removes exactly what policy_ensure made. 1: it is gone; 0: it was not there. */
static int policy_drop(struct kernel *k, const struct policy *p)
{
	struct found f = {0};
	int rc = policy_get(k, p, &f);
	if (rc < 0)
		return rc == -ENOENT ? 0 : rc;
	if (!policy_same(&f.policy, p))
		return 0;
	rc = policy_del(k, p);
	return rc < 0 ? rc : 1;
}

/* ---- a child's ---- */

int spd_child_set(struct kernel *k, const struct child_sa *sa, int dir, struct policy_undo *undo)
{
	struct policy p = policy_of_child(sa, (enum xfrm_dir)dir);
	struct found f = {.undo = undo};
	*undo = (struct policy_undo){0};
	int rc = policy_write(k, XFRM_MSG_NEWPOLICY, &p);
	if (rc == -EEXIST) {
		rc = policy_get(k, &p, &f);
		if (rc == 0 || rc == -ENOENT)
			rc = policy_write(k, XFRM_MSG_UPDPOLICY, &p);
	}
	undo->done = rc == 0;
	return rc;
}

int spd_undo(struct kernel *k, const struct child_sa *sa, int dir, const struct policy_undo *undo)
{
	struct nlw w;
	if (!undo->done)
		return 0;
	if (undo->n == 0) {
		struct policy p = policy_of_child(sa, (enum xfrm_dir)dir);
		return policy_del(k, &p);
	}
	/* What a dump tells is what a request takes, attributes included. */
	nlw_start(&w, XFRM_MSG_UPDPOLICY, 0, undo->raw, undo->n);
	return nl_request(k, BUS_XFRM, &w, NULL, NULL);
}

static int heir_takes(struct kernel *k, const struct child_sa *heir)
{
	struct policy in = policy_of_child(heir, DIR_IN), out = policy_of_child(heir, DIR_OUT);
	int rc_out = policy_write(k, XFRM_MSG_UPDPOLICY, &out);
	int rc_in = policy_write(k, XFRM_MSG_UPDPOLICY, &in);
	return rc_out < 0 ? rc_out : rc_in;
}

/* The outbound policy says whose the pair is: its template names the SA. Without it the reqid of the inbound one
 * does. */
int spd_child_release(struct kernel *k, const struct child_sa *sa, const struct child_sa *heir)
{
	struct policy in = policy_of_child(sa, DIR_IN), out = policy_of_child(sa, DIR_OUT);
	struct found f_in = {0}, f_out = {0};
	int rc_out = policy_get(k, &out, &f_out), rc_in = policy_get(k, &in, &f_in);
	if (rc_out < 0 && rc_out != -ENOENT)
		return rc_out;
	if (rc_in < 0 && rc_in != -ENOENT)
		return rc_in;
	bool ours = rc_out == 0 && f_out.policy.reqid == sa->reqid && f_out.policy.spi == sa->out.spi;
	if (rc_out == 0 && !ours)
		return 0;
	if (heir && (ours || rc_in == 0))
		return heir_takes(k, heir);
	int rc = ours ? policy_del(k, &out) : 0;
	bool in_ours = rc_in == 0 && f_in.policy.n_templates == 1 && f_in.policy.reqid == sa->reqid;
	int rc2 = in_ours ? policy_del(k, &in) : 0;
	return rc < 0 ? rc : rc2;
}

/* ---- the trap ---- */

static bool is_trap(const struct policy *a, const struct policy *p)
{
	return policy_same(a, p) && a->n_templates == 1 && a->reqid == p->reqid && a->spi == 0;
}

int kernel_trap_set(struct kernel *k, const struct child_sa *sa)
{
	struct policy p = policy_of_trap(sa);
	struct found f = {0};
	int rc = policy_write(k, XFRM_MSG_NEWPOLICY, &p);
	if (rc != -EEXIST)
		return rc;
	rc = policy_get(k, &p, &f);
	if (rc == -ENOENT) /* gone in between */
		return policy_write(k, XFRM_MSG_NEWPOLICY, &p);
	if (rc < 0 || is_trap(&f.policy, &p))
		return rc;
	return f.policy.n_templates == 1 && f.policy.reqid == p.reqid ? 0 : -EEXIST;
}

int kernel_trap_del(struct kernel *k, const struct child_sa *sa)
{
	struct policy p = policy_of_trap(sa);
	struct found f = {0};
	int rc = policy_get(k, &p, &f);
	if (rc < 0)
		return rc == -ENOENT ? 0 : rc;
	return is_trap(&f.policy, &p) ? policy_del(k, &p) : 0;
}

/* ---- the guard ---- */

static struct prefix host_or_all(const struct addr *a, uint8_t family)
{
	if (a->family == AF_NONE)
		return (struct prefix){.addr = addr_any(family), .len = 0};
	return (struct prefix){.addr = *a, .len = (uint8_t)(addr_len(a) * 8)};
}

typedef int policy_fn(struct kernel *k, const struct policy *p);

/* out: from -> to, in: to -> from. Both are tried whatever becomes of the first: half a guard is more than none. */
static int guard_pair(struct kernel *k, const struct prefix *from, const struct prefix *to, policy_fn *fn)
{
	struct policy out = policy_of_guard(from, to, DIR_OUT), in = policy_of_guard(to, from, DIR_IN);
	int rc_out = fn(k, &out), rc_in = fn(k, &in);
	return rc_out < 0 ? rc_out : rc_in < 0 ? rc_in : 0;
}

int kernel_guard_set(struct kernel *k, const struct addr *peer)
{
	if (addr_is_any(peer))
		return -EINVAL;
	struct prefix all = host_or_all(&(struct addr){0}, peer->family), one = host_or_all(peer, peer->family);
	return guard_pair(k, &all, &one, policy_ensure);
}

int kernel_guard_del(struct kernel *k, const struct addr *peer)
{
	if (addr_is_any(peer))
		return -EINVAL;
	struct prefix all = host_or_all(&(struct addr){0}, peer->family), one = host_or_all(peer, peer->family);
	return guard_pair(k, &all, &one, policy_drop);
}

int kernel_guard_set_strict(struct kernel *k, const struct addr *local)
{
	static const uint8_t FAMILIES[] = {AF_V4, AF_V6};
	int rc = 0;
	for (size_t i = 0; i < ARRAY_LEN(FAMILIES) && rc == 0; i++) {
		if (local->family != AF_NONE && local->family != FAMILIES[i])
			continue;
		struct prefix all = host_or_all(&(struct addr){0}, FAMILIES[i]);
		struct prefix one = addr_is_any(local) ? all : host_or_all(local, FAMILIES[i]);
		rc = guard_pair(k, &one, &all, policy_ensure);
	}
	return rc;
}

struct guard_dump {
	struct policy *v;
	size_t n, max, total;
};

static int on_guard(void *ctx, const struct nl_msg *m)
{
	struct guard_dump *d = ctx;
	struct policy p;
	/* What does not parse is of a kind that we never make. */
	if (!xfrm_parse_policy(m, &p) || !policy_is_guard(&p))
		return 0;
	d->total++;
	if (d->n < d->max)
		d->v[d->n++] = p;
	return 0;
}

enum { GUARD_BATCH = 64, DUMP_TRIES = 5 };

static int guard_dump(struct kernel *k, struct guard_dump *d)
{
	int rc = -EINTR;
	for (int i = 0; i < DUMP_TRIES && rc == -EINTR; i++) {
		struct nlw w;
		d->n = d->total = 0;
		xfrm_msg_policy_dump(&w);
		rc = nl_request(k, BUS_XFRM, &w, on_guard, d);
	}
	return rc;
}

int kernel_guard_list(struct kernel *k, struct kernel_guard *out, size_t max, size_t *n)
{
	struct policy v[GUARD_BATCH * 4];
	struct guard_dump d = {.v = v, .max = min_z(max, ARRAY_LEN(v))};
	int rc = guard_dump(k, &d);
	for (size_t i = 0; i < d.n; i++)
		out[i] = (struct kernel_guard){.src = v[i].src, .dst = v[i].dst, .dir = v[i].dir == DIR_OUT};
	*n = d.n;
	return rc == 0 && d.total > d.n ? -ENOSPC : rc;
}

int kernel_guard_clear(struct kernel *k, size_t *removed)
{
	struct policy v[GUARD_BATCH];
	struct guard_dump d = {.v = v, .max = ARRAY_LEN(v)};
	*removed = 0;
	for (size_t before = 1; before != *removed;) {
		int rc = guard_dump(k, &d);
		if (rc < 0)
			return rc;
		before = *removed;
		for (size_t i = 0; i < d.n; i++) {
			rc = policy_drop(k, &v[i]);
			if (rc < 0)
				return rc;
			*removed += (size_t)rc;
		}
	}
	return 0;
}

/* ---- shunts ---- */

static const enum xfrm_dir SHUNT_DIRS[] = {DIR_OUT, DIR_IN, DIR_FWD};

int kernel_shunt_del(struct kernel *k, const struct prefix *local, const struct prefix *remote, uint8_t proto)
{
	int first = 0;
	/* Only one of the two kinds can be there. */
	for (size_t i = 0; i < ARRAY_LEN(SHUNT_DIRS) * 2; i++) {
		struct policy p = policy_of_shunt(local, remote, proto, i % 2, SHUNT_DIRS[i / 2]);
		int rc = policy_drop(k, &p);
		if (rc < 0 && first == 0)
			first = rc;
	}
	return first;
}

int kernel_shunt_set(struct kernel *k, const struct prefix *local, const struct prefix *remote, uint8_t proto,
                     bool pass)
{
	if (local->addr.family != remote->addr.family || local->addr.family == AF_NONE)
		return -EINVAL;
	/* A conn may have changed its type. */
	for (size_t i = 0; i < ARRAY_LEN(SHUNT_DIRS); i++) {
		struct policy other = policy_of_shunt(local, remote, proto, !pass, SHUNT_DIRS[i]);
		struct policy p = policy_of_shunt(local, remote, proto, pass, SHUNT_DIRS[i]);
		int rc = policy_drop(k, &other);
		if (rc >= 0)
			rc = policy_ensure(k, &p);
		if (rc < 0) {
			(void)kernel_shunt_del(k, local, remote, proto);
			return rc;
		}
	}
	return 0;
}
