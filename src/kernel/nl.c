/* Netlink octets. See nl.h. */
#include "kernel/nl.h"

#include <errno.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>

void nlw_start(struct nlw *w, uint16_t type, uint16_t flags, const void *body, size_t n)
{
	/* libmnl leaves the padding as it finds it: the kernel gets zeroes, not our stack. */
	memset(w->buf, 0, sizeof w->buf);
	w->bad = n > NL_REQUEST_MAX / 2;
	w->h = mnl_nlmsg_put_header(w->buf);
	w->h->nlmsg_type = type;
	w->h->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	if (!w->bad)
		memcpy(mnl_nlmsg_put_extra_header(w->h, n), body, n);
}

void nlw_attr(struct nlw *w, uint16_t type, const void *p, size_t n)
{
	if (w->bad || n > NL_REQUEST_MAX || !mnl_attr_put_check(w->h, sizeof w->buf, type, n, p))
		w->bad = true;
}

void nlw_u8(struct nlw *w, uint16_t type, uint8_t v) { nlw_attr(w, type, &v, sizeof v); }
void nlw_u32(struct nlw *w, uint16_t type, uint32_t v) { nlw_attr(w, type, &v, sizeof v); }
void nlw_str(struct nlw *w, uint16_t type, const char *s) { nlw_attr(w, type, s, strlen(s) + 1); }

struct nlattr *nlw_nest(struct nlw *w, uint16_t type)
{
	struct nlattr *nest = w->bad ? NULL : mnl_attr_nest_start_check(w->h, sizeof w->buf, type);
	w->bad = nest == NULL;
	return nest;
}

void nlw_end(struct nlw *w, struct nlattr *nest)
{
	if (nest)
		mnl_attr_nest_end(w->h, nest);
}

/* Skips what aligns n octets to four; the last message and attribute may come without. */
static void skip_padding(struct rd *r, size_t n)
{
	rd_skip(r, min_z((4 - n % 4) % 4, rd_left(r)));
}

bool nl_next(struct rd *r, struct nl_msg *out)
{
	struct nlmsghdr h;
	if (rd_left(r) == 0)
		return false;
	rd_copy(r, &h, sizeof h);
	if (!rd_ok(r) || h.nlmsg_len < sizeof h) {
		rd_fail(r);
		return false;
	}
	*out = (struct nl_msg){.type = h.nlmsg_type, .flags = h.nlmsg_flags, .seq = h.nlmsg_seq, .portid = h.nlmsg_pid};
	out->body = rd_sub(r, h.nlmsg_len - sizeof h);
	skip_padding(r, h.nlmsg_len);
	return rd_ok(r);
}

bool nl_body(struct nl_msg *m, void *out, size_t n)
{
	rd_copy(&m->body, out, n);
	skip_padding(&m->body, n);
	return rd_ok(&m->body);
}

bool nl_attr_next(struct rd *r, struct nl_attr *out)
{
	struct nlattr h;
	if (rd_left(r) == 0)
		return false;
	rd_copy(r, &h, sizeof h);
	if (!rd_ok(r) || h.nla_len < sizeof h) {
		rd_fail(r);
		return false;
	}
	out->type = (uint16_t)(h.nla_type & ~(unsigned)(NLA_F_NESTED | NLA_F_NET_BYTEORDER));
	out->v = rd_sub(r, h.nla_len - sizeof h);
	skip_padding(r, h.nla_len);
	return rd_ok(r);
}

bool nl_get(const struct nl_attr *a, void *out, size_t n)
{
	struct rd v = a->v;
	rd_copy(&v, out, n);
	return rd_ok(&v);
}

static void get_exact(const struct nl_attr *a, void *out, size_t n)
{
	if (rd_left(&a->v) != n || !nl_get(a, out, n))
		memset(out, 0, n);
}

uint8_t nl_u8(const struct nl_attr *a)
{
	uint8_t v;
	get_exact(a, &v, sizeof v);
	return v;
}

uint16_t nl_u16(const struct nl_attr *a)
{
	uint16_t v;
	get_exact(a, &v, sizeof v);
	return v;
}

uint32_t nl_u32(const struct nl_attr *a)
{
	uint32_t v;
	get_exact(a, &v, sizeof v);
	return v;
}

uint64_t nl_u64(const struct nl_attr *a)
{
	uint64_t v;
	get_exact(a, &v, sizeof v);
	return v;
}

void nl_str(const struct nl_attr *a, char *out, size_t size)
{
	struct rd v = a->v;
	size_t n = 0;
	while (n + 1 < size && rd_left(&v)) {
		char c = (char)rd_u8(&v);
		if (c == '\0')
			break;
		out[n++] = c;
	}
	out[n] = '\0';
}

struct addr nl_addr(const struct nl_attr *a)
{
	uint8_t b[16];
	size_t n = rd_left(&a->v);
	if ((n != 4 && n != 16) || !nl_get(a, b, n))
		return addr_any(AF_NONE);
	return addr_from(b, n);
}

uint8_t nl_family(const struct addr *a)
{
	return a->family == AF_V4 ? AF_INET : a->family == AF_V6 ? AF_INET6 : AF_UNSPEC;
}

int nl_result(const struct nl_msg *msg, char *text, size_t size)
{
	struct nl_msg m = *msg;
	int32_t code;
	struct nlmsghdr request;
	text[0] = '\0';
	if (!nl_body(&m, &code, sizeof code) || code > 0 || code < -4095)
		return -EBADMSG;
	if (m.type != NLMSG_ERROR || !(m.flags & NLM_F_ACK_TLVS))
		return code;
	if (!nl_body(&m, &request, sizeof request))
		return code;
	/* Without NETLINK_CAP_ACK, or when the kernel does not know it, the whole request stands before the attributes. */
	if (!(m.flags & NLM_F_CAPPED) && request.nlmsg_len > sizeof request)
		rd_skip(&m.body, NLMSG_ALIGN(request.nlmsg_len) - sizeof request);
	for (struct nl_attr a; nl_attr_next(&m.body, &a);) {
		if (a.type == NLMSGERR_ATTR_MSG)
			nl_str(&a, text, size);
	}
	return code;
}
