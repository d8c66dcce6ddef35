/* XFRM states: SPIs, and the pair of SAs of a child with its policies. RFC 4301 4.4.2, RFC 4303. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "kernel/socket.h"
#include "kernel/spd.h"
#include "kernel/xfrm_msg.h"

/* ---- one SA ---- */

static int on_sa(void *ctx, const struct nl_msg *m)
{
	return xfrm_parse_sa(m, ctx) ? 0 : -EBADMSG;
}

/* Wipe *out after use. -ESRCH: there is none. */
static int sa_get(struct kernel *k, const struct sa_id *id, struct sa_info *out)
{
	struct nlw w;
	xfrm_msg_sa_id(&w, XFRM_MSG_GETSA, id);
	*out = (struct sa_info){0};
	return nl_request(k, BUS_XFRM, &w, on_sa, out);
}

static int sa_del(struct kernel *k, const struct sa_id *id)
{
	struct nlw w;
	xfrm_msg_sa_id(&w, XFRM_MSG_DELSA, id);
	int rc = nl_request(k, BUS_XFRM, &w, NULL, NULL);
	return rc == -ESRCH ? 0 : rc;
}

static int child_sa_del(struct kernel *k, const struct child_sa *sa, enum xfrm_dir dir)
{
	struct sa_id id = xfrm_sa_id(sa, dir);
	return sa_del(k, &id);
}

static int sa_write(struct kernel *k, uint16_t type, const struct child_sa *sa, enum xfrm_dir dir,
                    const struct sa_carry *carry)
{
	struct nlw w;
	int rc = xfrm_msg_sa(&w, type, sa, dir, carry);
	if (rc == 0)
		rc = nl_request(k, BUS_XFRM, &w, NULL, NULL);
	wipe(&w, sizeof w);
	return rc;
}

/* A new SA where at most a larval state may be: the SPI that we were given (which the kernel drops after
 * net.core.xfrm_acq_expires), or what a packet left that found a policy without an SA. */
static int sa_add(struct kernel *k, const struct child_sa *sa, enum xfrm_dir dir, const struct sa_carry *carry)
{
	struct sa_info there;
	struct sa_id id = xfrm_sa_id(sa, dir);
	int rc = sa_write(k, XFRM_MSG_NEWSA, sa, dir, carry);
	if (rc != -EEXIST)
		return rc;
	if (sa_get(k, &id, &there) < 0)
		return rc;
	bool larval = there.larval;
	sa_info_wipe(&there);
	/* XFRM_MSG_UPDSA replaces a larval state; of another it would only change the limits: that one is not ours. */
	return larval ? sa_write(k, XFRM_MSG_UPDSA, sa, dir, carry) : rc;
}

/* ---- SPIs ---- */

struct spi_answer {
	uint32_t spi;
};

static int on_spi(void *ctx, const struct nl_msg *m)
{
	struct sa_info i;
	struct spi_answer *a = ctx;
	if (!xfrm_parse_sa(m, &i))
		return -EBADMSG;
	a->spi = i.id.spi;
	sa_info_wipe(&i);
	return 0;
}

int kernel_spi_alloc(struct kernel *k, const struct addr *local, const struct addr *remote, uint32_t reqid,
                     uint32_t min, uint32_t max, uint32_t *spi)
{
	struct nlw w;
	struct spi_answer a = {0};
	*spi = 0;
	if (local->family == AF_NONE || local->family != remote->family)
		return -EINVAL;
	xfrm_msg_alloc_spi(&w, local, remote, reqid, min, max);
	int rc = nl_request(k, BUS_XFRM, &w, on_spi, &a);
	if (rc == 0 && a.spi == 0)
		rc = -EBADMSG;
	if (rc == 0)
		*spi = a.spi;
	return rc;
}

int kernel_spi_free(struct kernel *k, const struct addr *local, const struct addr *remote, uint32_t spi)
{
	struct sa_id id = {.src = *remote, .dst = *local, .spi = spi};
	return sa_del(k, &id);
}

/* ---- children ---- */

int kernel_child_early(struct kernel *k, const struct child_sa *sa) { return sa_add(k, sa, DIR_IN, NULL); }

int kernel_child_install(struct kernel *k, const struct child_sa *sa)
{
	int rc = kernel_child_early(k, sa);
	return rc < 0 ? rc : kernel_child_complete(k, sa);
}

int kernel_child_complete(struct kernel *k, const struct child_sa *sa)
{
	struct policy_undo in = {0}, out = {0};
	int rc = 0;
	/* What comes in must be welcome before anything goes out that may be answered. */
	if (sa->install_policy)
		rc = spd_child_set(k, sa, DIR_IN, &in);
	if (rc < 0)
		goto undo_sa_in;
	rc = sa_add(k, sa, DIR_OUT, NULL);
	if (rc < 0)
		goto undo_policy_in;
	if (sa->install_policy)
		rc = spd_child_set(k, sa, DIR_OUT, &out);
	if (rc == 0)
		return 0;
	(void)child_sa_del(k, sa, DIR_OUT);
undo_policy_in:
	(void)spd_undo(k, sa, DIR_IN, &in);
undo_sa_in:
	(void)child_sa_del(k, sa, DIR_IN);
	return rc;
}

int kernel_child_remove(struct kernel *k, const struct child_sa *sa, const struct child_sa *heir)
{
	int rc[3] = {0};
	/* With an heir the traffic moves over first, so that no packet meets a policy whose SA is gone. Without one
	 * the policies go last, so that no packet meets an SA's absence without them. */
	if (sa->install_policy && heir)
		rc[0] = spd_child_release(k, sa, heir);
	rc[1] = child_sa_del(k, sa, DIR_OUT);
	rc[2] = child_sa_del(k, sa, DIR_IN);
	if (sa->install_policy && !heir)
		rc[0] = spd_child_release(k, sa, NULL);
	for (size_t i = 0; i < ARRAY_LEN(rc); i++) {
		if (rc[i] < 0)
			return rc[i];
	}
	return 0;
}

static int64_t last_seen(const struct sa_info *s)
{
	return s->last_used_s ? s->last_used_s : (int64_t)s->carry.age.use_time;
}

int kernel_child_counters(struct kernel *k, const struct child_sa *sa, struct sa_counters *out)
{
	struct sa_info in, to;
	struct sa_id id_in = xfrm_sa_id(sa, DIR_IN), id_out = xfrm_sa_id(sa, DIR_OUT);
	int rc_in = sa_get(k, &id_in, &in), rc_out = sa_get(k, &id_out, &to);
	/* Of one that is not there all is zero. */
	*out = (struct sa_counters){
		.bytes_in = in.carry.age.bytes, .packets_in = in.carry.age.packets, .last_in_s = last_seen(&in),
		.bytes_out = to.carry.age.bytes, .packets_out = to.carry.age.packets, .last_out_s = last_seen(&to),
		.replay_drops = in.stats.replay, .replay_window_drops = in.stats.replay_window,
		.integrity_drops = in.stats.integrity_failed,
	};
	sa_info_wipe(&in);
	sa_info_wipe(&to);
	return rc_in < 0 ? rc_in : rc_out;
}

/* ---- moving ---- */

static bool is_zero(const struct secret *s)
{
	uint8_t any = 0;
	for (size_t i = 0; i < s->len; i++)
		any |= s->b[i];
	return any == 0;
}

/* Keys that the caller has wiped are asked back from the kernel. A kernel under lockdown(7) answers with zeroes:
 * those must never become the keys of an SA. */
static int keys_from_kernel(struct esp_sa *e, const struct sa_info *i)
{
	if (e->encr.len == 0) {
		if (i->encr.len == 0 || is_zero(&i->encr) || (i->integ.len && is_zero(&i->integ)))
			return -EKEYREJECTED;
		e->encr = i->encr;
		e->integ = i->integ;
	}
	return 0;
}

/* Both children with their keys. */
struct move {
	struct child_sa was, now;
};

static int move_look(struct kernel *k, struct move *m, enum xfrm_dir dir)
{
	struct sa_info i;
	struct sa_id id = xfrm_sa_id(&m->was, dir);
	struct esp_sa *was = dir == DIR_IN ? &m->was.in : &m->was.out, *now = dir == DIR_IN ? &m->now.in : &m->now.out;
	int rc = sa_get(k, &id, &i);
	if (rc < 0)
		return rc;
	rc = i.larval ? -ESRCH : keys_from_kernel(was, &i);
	if (rc == 0)
		rc = keys_from_kernel(now, &i);
	sa_info_wipe(&i);
	return rc;
}

/* New ports: the state stays, with its counters and its replay window. */
static int move_ports(struct kernel *k, struct move *m)
{
	int rc = sa_write(k, XFRM_MSG_UPDSA, &m->now, DIR_IN, NULL);
	if (rc < 0)
		return rc;
	rc = sa_write(k, XFRM_MSG_UPDSA, &m->now, DIR_OUT, NULL);
	if (rc < 0)
		(void)sa_write(k, XFRM_MSG_UPDSA, &m->was, DIR_IN, NULL);
	return rc;
}

/* Sequence numbers that are left out when an outbound SA is replaced: packets may have left between the look at the
 * old one and its end, and the peer drops a number that it has seen (RFC 4303 3.4.3). */
enum { SEQUENCE_SKIP = 256 };

/* The kernel finds a state by its address: a new one is a new state, that goes on where the old one stood. */
static int replace(struct kernel *k, const struct child_sa *was, const struct child_sa *now, enum xfrm_dir dir)
{
	struct sa_info i;
	struct sa_id id = xfrm_sa_id(was, dir);
	int rc = sa_get(k, &id, &i);
	if (rc < 0)
		return rc;
	sa_info_wipe(&i); /* the keys, not what is carried */
	if (dir == DIR_OUT)
		sa_carry_skip(&i.carry, SEQUENCE_SKIP);
	rc = sa_del(k, &id);
	if (rc == 0)
		rc = sa_add(k, now, dir, &i.carry);
	if (rc < 0)
		(void)sa_add(k, was, dir, &i.carry);
	return rc;
}

static int move_policies(struct kernel *k, const struct move *m)
{
	struct policy_undo in = {0}, out = {0};
	int rc = spd_child_set(k, &m->now, DIR_IN, &in);
	if (rc == 0)
		rc = spd_child_set(k, &m->now, DIR_OUT, &out);
	if (rc < 0) {
		(void)spd_undo(k, &m->now, DIR_IN, &in);
		return rc;
	}
	return spd_child_release(k, &m->was, NULL);
}

static bool same_hosts(const struct child_sa *a, const struct child_sa *b)
{
	return addr_eq(&a->local, &b->local) && addr_eq(&a->remote, &b->remote);
}

static int move_hosts(struct kernel *k, struct move *m)
{
	int rc = replace(k, &m->was, &m->now, DIR_IN);
	if (rc < 0)
		return rc;
	rc = replace(k, &m->was, &m->now, DIR_OUT);
	if (rc < 0)
		goto undo_in;
	if (m->now.install_policy && !same_hosts(&m->was, &m->now))
		rc = move_policies(k, m);
	if (rc == 0)
		return 0;
	(void)replace(k, &m->now, &m->was, DIR_OUT);
undo_in:
	(void)replace(k, &m->now, &m->was, DIR_IN);
	return rc;
}

int kernel_child_move(struct kernel *k, const struct child_sa *was, const struct child_sa *now)
{
	struct move m = {.was = *was, .now = *now};
	bool in_place = same_hosts(was, now) && was->encap == now->encap;
	int rc = 0;
	if (!in_place || was->encap_sport != now->encap_sport || was->encap_dport != now->encap_dport) {
		rc = move_look(k, &m, DIR_IN);
		if (rc == 0)
			rc = move_look(k, &m, DIR_OUT);
		if (rc == 0)
			rc = in_place ? move_ports(k, &m) : move_hosts(k, &m);
	}
	wipe(&m, sizeof m);
	return rc;
}
