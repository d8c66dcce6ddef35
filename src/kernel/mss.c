/* mss_clamp: an nf_tables chain that lowers the TCP maximum segment size of connections through one GRE interface to what its
 * MTU carries (RFC 6691: MTU less 40 octets over IPv4, 60 over IPv6). For forwarded TCP whose path MTU discovery a firewall
 * somewhere breaks. Written as one batch: table, chain, its rules gone, its rules anew.
 *
 *   table inet gretel { chain NAME { type filter hook forward priority mangle;
 *     iifname NAME meta nfproto ipv4 tcp flags & syn != 0 tcp option maxseg size > X tcp option maxseg size set X   (four such) } } */
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "kernel/socket.h"

enum { BATCH_MAX = 8192, TABLE_FAMILY = NFPROTO_INET, TCP_FLAGS_AT = 13, PRIORITY_MANGLE = -150 };
static const char TABLE[] = "gretel";

struct batch {
	_Alignas(8) uint8_t buf[BATCH_MAX];
	size_t len;
	uint32_t seq;
	struct nlmsghdr *h; /* the message under construction */
};

static void begin(struct batch *b, uint16_t type, uint16_t flags, uint8_t family, uint16_t res_id)
{
	b->h = mnl_nlmsg_put_header(b->buf + b->len);
	b->h->nlmsg_type = type;
	b->h->nlmsg_flags = NLM_F_REQUEST | flags;
	b->h->nlmsg_seq = ++b->seq;
	struct nfgenmsg *g = mnl_nlmsg_put_extra_header(b->h, sizeof *g);
	*g = (struct nfgenmsg){.nfgen_family = family, .version = NFNETLINK_V0, .res_id = htons(res_id)};
}

static void end(struct batch *b) { b->len += (b->h->nlmsg_len + 3u) & ~3u; }

static void begin_nft(struct batch *b, uint16_t type, uint16_t flags)
{
	begin(b, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), flags, TABLE_FAMILY, 0);
}

static void put_be32(struct batch *b, uint16_t type, uint32_t v) { mnl_attr_put_u32(b->h, type, htonl(v)); }

static void put_data(struct batch *b, uint16_t type, const void *p, size_t n)
{
	struct nlattr *nest = mnl_attr_nest_start(b->h, type);
	mnl_attr_put(b->h, NFTA_DATA_VALUE, n, p);
	mnl_attr_nest_end(b->h, nest);
}

/* --- expressions --- */

struct expr {
	struct nlattr *elem, *data;
};

static struct expr expr_begin(struct batch *b, const char *name)
{
	struct expr e;
	e.elem = mnl_attr_nest_start(b->h, NFTA_LIST_ELEM);
	mnl_attr_put_strz(b->h, NFTA_EXPR_NAME, name);
	e.data = mnl_attr_nest_start(b->h, NFTA_EXPR_DATA);
	return e;
}

static void expr_end(struct batch *b, struct expr e)
{
	mnl_attr_nest_end(b->h, e.data);
	mnl_attr_nest_end(b->h, e.elem);
}

static void meta(struct batch *b, uint32_t key)
{
	struct expr e = expr_begin(b, "meta");
	put_be32(b, NFTA_META_KEY, key);
	put_be32(b, NFTA_META_DREG, NFT_REG_1);
	expr_end(b, e);
}

static void cmp(struct batch *b, uint32_t op, const void *p, size_t n)
{
	struct expr e = expr_begin(b, "cmp");
	put_be32(b, NFTA_CMP_SREG, NFT_REG_1);
	put_be32(b, NFTA_CMP_OP, op);
	put_data(b, NFTA_CMP_DATA, p, n);
	expr_end(b, e);
}

static void syn_only(struct batch *b)
{
	static const uint8_t mask = TH_SYN, zero = 0;
	struct expr e = expr_begin(b, "payload");
	put_be32(b, NFTA_PAYLOAD_DREG, NFT_REG_1);
	put_be32(b, NFTA_PAYLOAD_BASE, NFT_PAYLOAD_TRANSPORT_HEADER);
	put_be32(b, NFTA_PAYLOAD_OFFSET, TCP_FLAGS_AT);
	put_be32(b, NFTA_PAYLOAD_LEN, 1);
	expr_end(b, e);
	e = expr_begin(b, "bitwise");
	put_be32(b, NFTA_BITWISE_SREG, NFT_REG_1);
	put_be32(b, NFTA_BITWISE_DREG, NFT_REG_1);
	put_be32(b, NFTA_BITWISE_LEN, 1);
	put_data(b, NFTA_BITWISE_MASK, &mask, 1);
	put_data(b, NFTA_BITWISE_XOR, &zero, 1);
	expr_end(b, e);
	cmp(b, NFT_CMP_NEQ, &zero, 1);
}

static void maxseg(struct batch *b, uint16_t reg_attr)
{
	struct expr e = expr_begin(b, "exthdr");
	mnl_attr_put_u8(b->h, NFTA_EXTHDR_TYPE, TCPOPT_MAXSEG);
	put_be32(b, NFTA_EXTHDR_OFFSET, 2);
	put_be32(b, NFTA_EXTHDR_LEN, 2);
	put_be32(b, NFTA_EXTHDR_OP, NFT_EXTHDR_OP_TCPOPT);
	put_be32(b, reg_attr, NFT_REG_1);
	expr_end(b, e);
}

static void clamp_rule(struct batch *b, const char *name, uint32_t direction, uint8_t family, uint16_t mss, bool last)
{
	char padded[IFNAMSIZ] = {0};
	static const uint8_t tcp = IPPROTO_TCP;
	uint16_t size = htons(mss);
	strncpy(padded, name, sizeof padded - 1);
	begin_nft(b, NFT_MSG_NEWRULE, (uint16_t)(NLM_F_CREATE | NLM_F_APPEND | (last ? NLM_F_ACK : 0)));
	mnl_attr_put_strz(b->h, NFTA_RULE_TABLE, TABLE);
	mnl_attr_put_strz(b->h, NFTA_RULE_CHAIN, name);
	struct nlattr *list = mnl_attr_nest_start(b->h, NFTA_RULE_EXPRESSIONS);
	meta(b, direction);
	cmp(b, NFT_CMP_EQ, padded, sizeof padded);
	meta(b, NFT_META_NFPROTO);
	cmp(b, NFT_CMP_EQ, &family, 1);
	meta(b, NFT_META_L4PROTO);
	cmp(b, NFT_CMP_EQ, &tcp, 1);
	syn_only(b);
	maxseg(b, NFTA_EXTHDR_DREG);
	cmp(b, NFT_CMP_GT, &size, sizeof size);
	struct expr e = expr_begin(b, "immediate");
	put_be32(b, NFTA_IMMEDIATE_DREG, NFT_REG_1);
	put_data(b, NFTA_IMMEDIATE_DATA, &size, sizeof size);
	expr_end(b, e);
	maxseg(b, NFTA_EXTHDR_SREG);
	mnl_attr_nest_end(b->h, list);
	end(b);
}

/* --- the batch --- */

static void table_and_chain(struct batch *b, const char *name)
{
	begin_nft(b, NFT_MSG_NEWTABLE, NLM_F_CREATE);
	mnl_attr_put_strz(b->h, NFTA_TABLE_NAME, TABLE);
	end(b);
	begin_nft(b, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
	mnl_attr_put_strz(b->h, NFTA_CHAIN_TABLE, TABLE);
	mnl_attr_put_strz(b->h, NFTA_CHAIN_NAME, name);
	struct nlattr *hook = mnl_attr_nest_start(b->h, NFTA_CHAIN_HOOK);
	put_be32(b, NFTA_HOOK_HOOKNUM, NF_INET_FORWARD);
	put_be32(b, NFTA_HOOK_PRIORITY, (uint32_t)PRIORITY_MANGLE);
	mnl_attr_nest_end(b->h, hook);
	mnl_attr_put_strz(b->h, NFTA_CHAIN_TYPE, "filter");
	end(b);
}

static void flush(struct batch *b, const char *name)
{
	begin_nft(b, NFT_MSG_DELRULE, 0);
	mnl_attr_put_strz(b->h, NFTA_RULE_TABLE, TABLE);
	mnl_attr_put_strz(b->h, NFTA_RULE_CHAIN, name);
	end(b);
}

int kernel_mss_clamp(struct kernel *k, const char *name, uint32_t mtu)
{
	struct batch b = {.len = 0};
	static const uint32_t directions[] = {NFT_META_IIFNAME, NFT_META_OIFNAME};
	(void)k;
	if (!*name || strlen(name) >= IFNAMSIZ || mtu > UINT16_MAX || (mtu && mtu < 100))
		return -EINVAL;
	begin(&b, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
	end(&b);
	table_and_chain(&b, name);
	flush(&b, name);
	for (size_t i = 0; mtu && i < ARRAY_LEN(directions); i++) {
		clamp_rule(&b, name, directions[i], NFPROTO_IPV4, (uint16_t)(mtu - 40), false);
		clamp_rule(&b, name, directions[i], NFPROTO_IPV6, (uint16_t)(mtu - 60), i == 1);
	}
	if (!mtu) {
		begin_nft(&b, NFT_MSG_DELCHAIN, NLM_F_ACK);
		mnl_attr_put_strz(b.h, NFTA_CHAIN_TABLE, TABLE);
		mnl_attr_put_strz(b.h, NFTA_CHAIN_NAME, name);
		end(&b);
	}
	begin(&b, NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
	end(&b);
	return nl_nft_batch(b.buf, b.len);
}
