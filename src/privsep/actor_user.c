/* The data plane in user space: the role esp keeps the SAs and moves the packets, priv makes the TUN devices and says what belongs
 * together. What esp answers comes back by actor_esp_answered(). The books are written when a message goes out: the channel keeps
 * the order, so that whatever ike asks for next, esp sees it later. */
#include "privsep/actor_int.h"

#include <errno.h>
#include <string.h>

enum { SPI_TRIES = 64, MTU_OUTER = 1500, HEADERS4 = 20 + 4, HEADERS6 = 40 + 4 };

static void tell(struct actor *a, uint8_t verb, const void *body, const int *fds, size_t n_fds)
{
	a->env.esp(a->env.esp_ctx, verb, body, fds, n_fds);
}

static void tell_remove(struct actor *a, uint32_t spi)
{
	struct x_spi x = {.spi = spi};
	tell(a, EV_SA_REMOVE, &x, NULL, 0);
}

/* --- SAs --- */

/* Numbers that nobody can guess, as the kernel's (RFC 4303 2.1: 1 to 255 are reserved; ike's range begins above). */
static int spi_alloc(struct actor *a, const struct m_spi_alloc *m, uint32_t reqid, uint32_t *spi)
{
	(void)reqid;
	uint64_t n = (uint64_t)m->max - m->min + 1, r;
	for (int tries = 0; tries < SPI_TRIES; tries++) {
		rng_fill(a->env.rng, &r, sizeof r);
		*spi = (uint32_t)(m->min + r % n);
		if (!actor_spi_taken(a, *spi))
			return 0;
	}
	return -EAGAIN;
}

static void spi_free(struct actor *a, const struct spi *p)
{
	if (p->early)
		tell_remove(a, p->spi);
}

static int install(struct actor *a, const struct tstate *s, const struct child_sa *sa, uint8_t half, struct actor_out *out)
{
	(void)a;
	out->todo = TODO_ESP;
	out->esp.verb = EV_SA_INSTALL;
	out->esp.early = half == HALF_EARLY;
	out->esp.spi = sa->in.spi;
	memset(&out->esp.body, 0, sizeof out->esp.body);
	out->esp.body.install.tunnel = s->id;
	out->esp.body.install.sa = *sa;
	return 1;
}

static int move(struct actor *a, const struct child *k, const struct child_sa *to, struct actor_out *out)
{
	(void)a;
	out->todo = TODO_ESP;
	out->esp.verb = EV_SA_MOVE;
	out->esp.spi = k->sa.in.spi;
	memset(&out->esp.body, 0, sizeof out->esp.body);
	out->esp.body.move.spi_in = k->sa.in.spi;
	out->esp.body.move.local = to->local;
	out->esp.body.move.remote.addr = to->remote;
	out->esp.body.move.remote.port = to->encap_dport;
	return 1;
}

static int child_remove(struct actor *a, const struct child *k)
{
	tell_remove(a, k->sa.in.spi);
	return 0;
}

static int query(struct actor *a, const struct child *k, struct actor_out *out)
{
	(void)a;
	out->todo = TODO_ESP;
	out->esp.verb = EV_SA_QUERY;
	out->esp.spi = k->sa.in.spi;
	out->esp.body.spi.spi = k->sa.in.spi;
	return 1;
}

void act_dp_stats(struct actor *a, const struct m_dp_stats *m, struct actor_out *out)
{
	struct tstate *s = m->tunnel[0] ? actor_tstate(a, m->tunnel) : NULL;
	if (!a->env.esp) {
		actor_refuse(out, -EOPNOTSUPP, "the kernel carries the packets, and counts them for each SA");
		return;
	}
	if (m->tunnel[0] && !s) {
		actor_refuse(out, -ENOENT, "no tunnel of this name is configured");
		return;
	}
	out->todo = TODO_ESP;
	out->esp.verb = EV_STATS;
	out->esp.body.id.id = s ? s->id : 0;
}

static void install_failed(struct actor *a, const struct actor_esp *what)
{
	struct spi *p = actor_spi_find(a, what->spi);
	struct child *k = children_find(&a->children, what->spi);
	if (what->early && p)
		p->early = false;
	if (!what->early && k)
		children_free(&a->children, k);
	/* Of what was in before nothing is left, as with the kernel. */
	tell_remove(a, what->spi);
}

/* What could not be done, for a sentence. */
static const char *task(const struct actor_esp *what)
{
	return what->verb == EV_SA_INSTALL ? "did not take the SA"
	       : what->verb == EV_SA_MOVE  ? "did not move the SA"
	       : what->verb == EV_SA_QUERY ? "does not know this SA"
	                                   : "gave no counters";
}

void actor_esp_answered(struct actor *a, const struct actor_esp *what, int status, const void *body, const char *text,
                        struct actor_out *out)
{
	memset(out, 0, sizeof *out);
	if (status < 0) {
		if (what->verb == EV_SA_INSTALL)
			install_failed(a, what);
		actor_refuse(out, status, "the data plane %s: %s", task(what), text && *text ? text : strerror(-status));
		return;
	}
	if (what->verb == EV_SA_QUERY)
		memcpy(&out->body.query, body, sizeof out->body.query);
	if (what->verb == EV_STATS) {
		const struct x_stats *x = body;
		memcpy(out->body.stats.drops, x->drops, sizeof x->drops);
		memcpy(out->body.stats.all, x->all, sizeof x->all);
	}
	actor_answer(out, what->verb == EV_SA_QUERY || what->verb == EV_STATS);
}

/* --- Devices --- */

static struct device *device_named(const struct actor *a, const char *name)
{
	LIST_EACH(it, tmp, &a->devices) {
		struct device *d = LIST_ENTRY(it, struct device, node);
		if (strcmp(d->name, name) == 0)
			return d;
	}
	return NULL;
}

static void device_drop(struct actor *a, struct device *d)
{
	struct x_id x = {.id = d->conf.id};
	tell(a, EV_DEVICE_DEL, &x, NULL, 0);
	kernel_tun_close(a->env.kernel, d->tun);
	list_del(&d->node);
	d->owner->n_devices--;
	mem_put(a->env.mem, d, sizeof *d);
}

/* What esp is to know of a device; with its descriptors when it has none of it yet. */
static void device_tell(struct actor *a, const struct device *d, bool whole)
{
	struct x_device x;
	size_t n = 0;
	const int *fds = whole ? kernel_tun_fds(d->tun, &n) : NULL;
	memset(&x, 0, sizeof x);
	x.device = d->conf;
	tell(a, EV_DEVICE, &x, fds, n);
}

static int device_new(struct actor *a, struct tstate *s, const char *name, struct device **out)
{
	struct device *d = mem_get(a->env.mem, sizeof *d);
	if (!d)
		return -ENOMEM;
	struct sbuf b = SB(d->name);
	sb_put(&b, name);
	int rc = kernel_tun_open(a->env.kernel, name, a->env.queues, &d->tun);
	if (rc < 0) {
		mem_put(a->env.mem, d, sizeof *d);
		return rc;
	}
	d->owner = s;
	d->conf.id = ++a->last_device;
	d->conf.tunnel = s->id;
	s->n_devices++;
	list_add_tail(&a->devices, &d->node);
	*out = d;
	return 0;
}

void actor_devices_tell(struct actor *a)
{
	LIST_EACH(it, tmp, &a->devices)
		device_tell(a, LIST_ENTRY(it, struct device, node), true);
}

void actor_devices_close(struct actor *a)
{
	LIST_EACH(it, tmp, &a->devices)
		device_drop(a, LIST_ENTRY(it, struct device, node));
}

/* Another MTU, by whoever, or gone. */
static void device_look(struct actor *a, struct device *d)
{
	struct gre_link g;
	int rc = kernel_tun_ensure(a->env.kernel, d->tun, NULL, &g);
	if (rc == -ENODEV) {
		device_drop(a, d);
	} else if (rc == 0 && g.mtu && g.mtu <= UINT16_MAX && g.mtu != d->conf.mtu) {
		d->conf.mtu = g.mtu;
		device_tell(a, d, false);
	}
}

void actor_devices_event(struct actor *a, const struct kernel_event *ev)
{
	LIST_EACH(it, tmp, &a->devices) {
		struct device *d = LIST_ENTRY(it, struct device, node);
		if (ev->type == KERNEL_OVERRUN || kernel_tun_ifindex(d->tun) == ev->ifindex)
			device_look(a, d);
	}
}

static void native_conf(struct device *d, const struct conf_gre *want, const struct m_ends *m)
{
	d->local = m->local;
	d->conf.remote = m->remote;
	d->conf.key_set = want->key_set;
	d->conf.key = want->key;
	d->conf.csum = want->csum;
	d->conf.ttl = want->ttl;
	d->conf.tos = want->tos;
	d->conf.pmtudisc = true; /* as `ip tunnel add` does */
}

static int gre_up(struct actor *a, struct tstate *s, const struct m_ends *m, struct gre_link *g)
{
	const struct conf_gre *want = &s->t->gre;
	struct device *d = device_named(a, want->name);
	bool fresh = false;
	int rc = d && d->owner != s ? -EEXIST : want->seq ? -EOPNOTSUPP : 0;
	/* Somebody may have removed it, and the word of it be under way. */
	if (rc == 0 && d && kernel_tun_ensure(a->env.kernel, d->tun, NULL, g) == -ENODEV) {
		device_drop(a, d);
		d = NULL;
	}
	if (rc == 0 && !d) {
		rc = device_new(a, s, want->name, &d);
		fresh = true;
	}
	if (rc < 0)
		return rc;
	native_conf(d, want, m);
	rc = kernel_tun_ensure(a->env.kernel, d->tun, want, g);
	d->conf.mtu = g->mtu ? g->mtu : d->conf.mtu;
	if (rc == 0)
		device_tell(a, d, fresh);
	else if (fresh)
		device_drop(a, d);
	return rc;
}

static int gre_down(struct actor *a, struct tstate *s)
{
	struct device *d = device_named(a, s->gre.name);
	if (!d || d->owner != s)
		return 0;
	if (s->gre.keep)
		return kernel_tun_set(a->env.kernel, d->tun, 0, false);
	device_drop(a, d);
	return 0;
}

static int gre_find(struct actor *a, const struct tstate *s, const struct m_ends *m, struct gre_link *g)
{
	struct device *best = NULL;
	LIST_EACH(it, tmp, &a->devices) {
		struct device *d = LIST_ENTRY(it, struct device, node);
		bool any = addr_is_any(&d->conf.remote);
		if (d->owner != s || (!any && !addr_eq(&d->conf.remote, &m->remote)) ||
		    (!addr_is_any(&d->local) && !addr_eq(&d->local, &m->local)))
			continue;
		if (!best || !any)
			best = d;
	}
	if (!best)
		return -ENODEV;
	int rc = kernel_tun_ensure(a->env.kernel, best->tun, NULL, g);
	g->local = best->local;
	g->remote = best->conf.remote;
	return rc;
}

/* --- Devices that `ip tunnel add` of a script asks for --- */

/* The tunnel of a script that does not say which: the one that is up between these ends, else one that may be. */
static struct tstate *tunnel_between(struct actor *a, const struct m_gre *m)
{
	struct tstate *may = NULL;
	LIST_EACH(it, tmp, &a->tunnels) {
		struct tstate *s = LIST_ENTRY(it, struct tstate, node);
		if (!s->t || s->t->kind != TUNNEL_TRANSPORT || addr_is_any(&m->remote))
			continue;
		if (children_of_tunnel(&a->children, s->name, &m->local, &m->remote))
			return s;
		if (!may && actor_remote_allowed(a, s, &m->remote))
			may = s;
	}
	return may;
}

/* As the kernel's dev_valid_name(). */
static bool sane(const char *name)
{
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, "all") == 0 || strcmp(name, "default") == 0)
		return false;
	for (const char *p = name; *p; p++) {
		if (*p == '/' || *p == ':' || *p == '%' || (unsigned char)*p <= ' ' || (unsigned char)*p == 0x7f)
			return false;
	}
	return true;
}

static struct tstate *check_gre(struct actor *a, const struct m_gre *m, struct actor_out *out)
{
	char text[ADDR_TEXT];
	struct tstate *s = m->tunnel[0] ? actor_tstate(a, m->tunnel) : tunnel_between(a, m);
	if (!a->env.esp) {
		actor_refuse(out, -EOPNOTSUPP, "the kernel carries GRE here");
	} else if (!s || !s->t || s->t->kind != TUNNEL_TRANSPORT) {
		actor_refuse(out, -ENOENT, "no tunnel of the configuration lies between these ends");
	} else if (!sane(m->name)) {
		actor_refuse(out, -EINVAL, "this is no name for an interface");
	} else if (!addr_is_any(&m->local) && !actor_local_ours(a, &m->local)) {
		actor_refuse(out, -EADDRNOTAVAIL, "%s is not an address of this host", addr_str(&m->local, text));
	} else if (!addr_is_any(&m->remote) && !actor_remote_allowed(a, s, &m->remote)) {
		actor_refuse(out, -EACCES, "%s is not an address of the peer of the tunnel %s", addr_str(&m->remote, text),
		             s->name);
	} else {
		return s;
	}
	return NULL;
}

/* The device to work on; NULL and a refusal. */
static struct device *device_for(struct actor *a, struct tstate *s, const struct m_gre *m, struct actor_out *out)
{
	struct device *d = device_named(a, m->name);
	if (m->change) {
		if (!d || d->owner != s)
			actor_refuse(out, -ENODEV, "the tunnel %s has no interface %s", s->name, m->name);
		return d && d->owner == s ? d : NULL;
	}
	int rc = d ? -EEXIST : device_new(a, s, m->name, &d);
	if (rc == 0) {
		/* What a GRE of the kernel would have over an Ethernet. */
		uint32_t head = (m->remote.family == AF_V6 ? HEADERS6 : HEADERS4) + (m->key_set ? 4u : 0) + (m->csum ? 4u : 0);
		d->conf.mtu = MTU_OUTER - head;
		rc = kernel_tun_set(a->env.kernel, d->tun, d->conf.mtu, false);
		if (rc < 0)
			device_drop(a, d);
	}
	if (rc < 0)
		actor_refuse(out, rc, "the interface %s could not be made: %s", m->name,
		             rc == -EEXIST ? "there is one of this name" : strerror(-rc));
	return rc < 0 ? NULL : d;
}

void act_gre_add(struct actor *a, const struct m_gre *m, struct actor_out *out)
{
	struct gre_link g;
	struct tstate *s = check_gre(a, m, out);
	struct device *d = s ? device_for(a, s, m, out) : NULL;
	if (!d)
		return;
	d->local = m->local;
	d->conf.remote = m->remote;
	d->conf.key_set = m->key_set;
	d->conf.key = m->key;
	d->conf.csum = m->csum;
	d->conf.ttl = m->ttl;
	d->conf.tos = m->tos;
	d->conf.pmtudisc = m->pmtudisc;
	device_tell(a, d, !m->change);
	int rc = kernel_tun_ensure(a->env.kernel, d->tun, NULL, &g);
	if (rc < 0) {
		actor_refuse(out, rc, "the interface %s cannot be looked at: %s", m->name, strerror(-rc));
		return;
	}
	actor_link_of(&out->body.link.link, &g, &s->t->gre);
	actor_answer(out, true);
}

void act_gre_del(struct actor *a, const struct m_gre_del *m, struct actor_out *out)
{
	struct device *d = device_named(a, m->name);
	if (!d) {
		actor_refuse(out, -ENODEV, "no interface of gretel's has this name");
		return;
	}
	device_drop(a, d);
	actor_answer(out, false);
}

const struct actor_plane actor_plane_user = {
	.spi_alloc = spi_alloc, .spi_free = spi_free, .install = install, .move = move, .remove = child_remove,
	.query = query, .gre_up = gre_up, .gre_down = gre_down, .gre_find = gre_find,
};
