/* Questions that tests ask about a world. */
#include "sim.h"

#include <stdio.h>
#include <string.h>

static bool same_key(const struct secret *a, const struct secret *b)
{
	return a->len == b->len && memcmp(a->b, b->b, a->len) == 0;
}

/* Whether what leaves by `out` at one host comes in by `in` at the other. */
static bool fits(const struct esp_sa *out, const struct esp_sa *in)
{
	return out->spi == in->spi && out->encr.len && same_key(&out->encr, &in->encr) &&
	       same_key(&out->integ, &in->integ);
}

static bool same_suite(const struct suite *a, const struct suite *b)
{
	return a->encr == b->encr && a->encr_bits == b->encr_bits && a->integ == b->integ && a->esn == b->esn;
}

/* Whether b, as it sends its ESP, arrives from where a expects it. */
static bool same_way(const struct sim_node *a, const struct child_sa *x, const struct sim_node *b,
                     const struct child_sa *y)
{
	struct addr pa = sim_public(a), pb = sim_public(b);
	if (!addr_eq(&x->remote, &pb) || !addr_eq(&y->remote, &pa) || !addr_eq(&x->local, &a->addr) ||
	    !addr_eq(&y->local, &b->addr) || x->encap != y->encap)
		return false;
	if (!x->encap)
		return x->encap_sport == 0 && x->encap_dport == 0 && y->encap_sport == 0 && y->encap_dport == 0;
	struct endpoint to = {.addr = x->remote, .port = x->encap_dport}, inner;
	struct endpoint back = {.addr = y->remote, .port = y->encap_dport}, inner_back;
	return sim_route(a->sim, &to, &inner) == b && inner.port == y->encap_sport &&
	       sim_route(a->sim, &back, &inner_back) == a && inner_back.port == x->encap_sport;
}

unsigned sim_common(const struct sim_node *a, const struct sim_node *b)
{
	unsigned n = 0;
	for (uint32_t i = 0; i < a->n_sas; i++) {
		for (uint32_t j = 0; j < b->n_sas; j++) {
			const struct child_sa *x = &a->sa[i].sa, *y = &b->sa[j].sa;
			n += fits(&x->out, &y->in) && fits(&y->out, &x->in) && same_way(a, x, b, y) &&
			     same_suite(&x->suite, &y->suite) && x->sel.proto == y->sel.proto &&
			     x->in.spi != x->out.spi && !same_key(&x->in.encr, &x->out.encr);
		}
	}
	return n;
}

unsigned sim_ikes(const struct sim_node *n, uint8_t state)
{
	struct ike_sa_view v;
	unsigned count = 0;
	for (uint32_t c = 0; n->ike && ike_next_sa(n->ike, &c, &v);)
		count += v.state == state;
	return count;
}

unsigned sim_all_ikes(const struct sim_node *n)
{
	struct ike_sa_view v;
	unsigned count = 0;
	for (uint32_t c = 0; n->ike && ike_next_sa(n->ike, &c, &v);)
		count++;
	return count;
}

unsigned sim_children(const struct sim_node *n)
{
	struct ike_child_view v;
	unsigned count = 0;
	for (uint32_t c = 0; n->ike && ike_next_child(n->ike, &c, &v);)
		count += v.installed;
	return count;
}

unsigned sim_sent(const struct sim_node *n, uint8_t exchange, bool response)
{
	unsigned count = 0;
	for (uint32_t i = 0; i < n->n_sent; i++)
		count += n->sent[i].exchange == exchange && n->sent[i].response == response;
	return count;
}

unsigned sim_sent_all(const struct sim_node *n) { return n->n_sent - sim_sent(n, 0, false); }

unsigned sim_told_n(const struct sim_node *n, uint8_t event)
{
	unsigned count = 0;
	for (uint32_t i = 0; i < n->n_told; i++)
		count += n->told[i].event == event;
	return count;
}

const struct sim_told *sim_told_last(const struct sim_node *n, uint8_t event)
{
	for (uint32_t i = n->n_told; i-- > 0;) {
		if (n->told[i].event == event)
			return &n->told[i];
	}
	return NULL;
}

bool sim_noted(const struct sim_node *n, const char *text) { return strstr(n->log, text) != NULL; }

const char *sim_why(struct sim_node *n) { return ike_why(n->ike, 1); }

bool sim_agree(const struct sim_node *a, const struct sim_node *b)
{
	return sim_common(a, b) == 1 && a->n_sas == 1 && b->n_sas == 1 && sim_all_ikes(a) == 1 &&
	       sim_all_ikes(b) == 1 && sim_ikes(a, IKE_S_ESTABLISHED) == 1 && sim_ikes(b, IKE_S_ESTABLISHED) == 1 &&
	       sim_children(a) == 1 && sim_children(b) == 1 && a->ups == a->downs + 1 && b->ups == b->downs + 1 &&
	       a->faults == 0 && b->faults == 0 && a->n_spis + b->n_spis + a->n_early + b->n_early == 0 &&
	       !a->sim->stuck;
}

enum { LOG_SHOWN = 3000, SENT_SHOWN = 24 };

void sim_dump(const struct sim *s)
{
	for (uint32_t i = 0; i < s->n_nodes; i++) {
		const struct sim_node *n = s->node[i];
		fprintf(stderr, "--- %s: %u IKE SAs, %u SAs in the kernel, %u SPIs, %u faults, up %u, down %u\n%.*s",
		        n->name, sim_all_ikes(n), n->n_sas, n->n_spis, n->faults, n->ups, n->downs, (int)LOG_SHOWN,
		        n->log);
		if (n->log_b.len > LOG_SHOWN)
			fprintf(stderr, "\n[...]\n%s",
			        n->log + (n->log_b.len > 2 * LOG_SHOWN ? n->log_b.len - LOG_SHOWN : LOG_SHOWN));
		for (uint32_t j = 0; j < n->n_sent && j < SENT_SHOWN; j++) {
			char src[ENDPOINT_TEXT], dst[ENDPOINT_TEXT];
			struct sbuf x = SB(src), y = SB(dst);
			sb_endpoint(&x, &n->sent[j].src);
			sb_endpoint(&y, &n->sent[j].dst);
			const char *name = n->sent[j].exchange ? ike_exchange_name(n->sent[j].exchange) : "keep-alive";
			fprintf(stderr, "%9.3f %s > %s %s %s %u (%zu)\n", (double)n->sent[j].at / 1e9, src, dst,
			        name ? name : "?", n->sent[j].response ? "response" : "request", n->sent[j].msg_id,
			        n->sent[j].n);
		}
	}
}
