/* Lifetimes, and what the caller must hear: each child waits at most once in the list of those with news, so it is never full.
 * Workers report; one thread asks. */
#include "esp/esp_int.h"

static void unlock(struct esp *e)
{
	atomic_store_explicit(&e->news_waiting, !list_empty(&e->news) || !list_empty(&e->wants), memory_order_release);
	spin_unlock(&e->news_lock);
}

/* Under the lock. */
static void tell(struct esp *e, struct child *c, uint8_t what)
{
	if (c->untold == 0)
		list_add_tail(&e->news, &c->news);
	c->untold |= what;
}

void news_soft(struct esp *e, struct child *c)
{
	if (atomic_load_explicit(&c->soft_told, memory_order_relaxed)) /* as it is for the rest of its life */
		return;
	spin_lock(&e->news_lock);
	if (!atomic_exchange_explicit(&c->soft_told, true, memory_order_relaxed))
		tell(e, c, NEWS_SOFT);
	unlock(e);
}

void news_hard(struct esp *e, struct child *c)
{
	if (atomic_load_explicit(&c->dead, memory_order_relaxed))
		return;
	spin_lock(&e->news_lock);
	if (!atomic_exchange_explicit(&c->dead, true, memory_order_relaxed))
		tell(e, c, NEWS_HARD);
	atomic_store_explicit(&c->soft_told, true, memory_order_relaxed);
	unlock(e);
}

void news_source(struct esp *e, struct child *c, const struct endpoint *source)
{
	spin_lock(&e->news_lock);
	if (!c->retired && !endpoint_eq(&c->source, source)) {
		bool back = endpoint_eq(&c->remote, source);
		c->source = *source;
		atomic_store_explicit(&c->strayed, !back, memory_order_relaxed);
		if (back) /* before anybody asked, perhaps */
			c->untold &= (uint8_t)~NEWS_MAPPING;
		else
			tell(e, c, NEWS_MAPPING);
		if (c->untold == 0)
			list_del(&c->news);
	}
	unlock(e);
}

void news_ripe(struct esp *e, struct child *c)
{
	spin_lock(&e->news_lock);
	if (!c->retired)
		tell(e, c, NEWS_RIPE);
	unlock(e);
}

void news_wanted(struct esp *e, struct group *g, mono_t now)
{
	enum { AGAIN_S = 1 };
	if (now < atomic_load_explicit(&g->quiet, memory_order_relaxed))
		return;
	spin_lock(&e->news_lock);
	atomic_store_explicit(&g->quiet, mono_add(now, DUR_S(AGAIN_S)), memory_order_relaxed);
	if (list_empty(&g->want))
		list_add_tail(&e->wants, &g->want);
	unlock(e);
}

void news_unwanted(struct esp *e, struct group *g)
{
	spin_lock(&e->news_lock);
	list_del(&g->want);
	unlock(e);
}

void news_settle(struct esp *e, struct child *c, const struct endpoint *remote)
{
	spin_lock(&e->news_lock);
	c->remote = c->source = *remote;
	atomic_store_explicit(&c->strayed, false, memory_order_relaxed);
	c->untold &= (uint8_t)~NEWS_MAPPING;
	if (c->untold == 0)
		list_del(&c->news);
	unlock(e);
}

void news_forget(struct esp *e, struct child *c)
{
	spin_lock(&e->news_lock);
	list_del(&c->news);
	c->untold = 0;
	unlock(e);
}

bool esp_event_pending(const struct esp *e) { return atomic_load_explicit(&e->news_waiting, memory_order_acquire); }

/* Under the lock: the next, and whose; 0: none. */
static uint8_t take(struct esp *e, struct child **out)
{
	if (list_empty(&e->news))
		return 0;
	struct child *c = LIST_ENTRY(e->news.next, struct child, news);
	/* One after the other, from the lowest bit: soft comes before hard. */
	uint8_t what = (uint8_t)(c->untold & -c->untold);
	c->untold &= (uint8_t)~what;
	if (c->untold == 0)
		list_del(&c->news);
	*out = c;
	return what;
}

bool esp_event_next(struct esp *e, struct esp_event *out)
{
	struct child *c = NULL;
	uint8_t what;
	spin_lock(&e->news_lock);
	if (!list_empty(&e->wants)) {
		struct group *g = LIST_ENTRY(e->wants.next, struct group, want);
		list_del(&g->want);
		*out = (struct esp_event){.type = ESP_EV_WANTED, .tunnel = g->tunnel};
		unlock(e);
		return true;
	}
	while ((what = take(e, &c)) == NEWS_RIPE)
		child_ripe(e, c);
	if (what)
		*out = (struct esp_event){.type = what == NEWS_MAPPING ? ESP_EV_MAPPING : ESP_EV_EXPIRE, .spi_in = c->spi_in,
		                          .hard = what == NEWS_HARD};
	if (what == NEWS_MAPPING)
		out->source = c->source;
	unlock(e);
	return what;
}

/* --- Lifetimes --- */
void child_arm(struct esp *e, struct child *c)
{
	uint32_t s = c->soft_over || c->life.soft_s == 0 ? c->life.hard_s : c->life.soft_s;
	if (c->life.hard_s && s > c->life.hard_s)
		s = c->life.hard_s;
	c->timer.tag = s == c->life.hard_s ? NEWS_HARD : NEWS_SOFT;
	heap_set(&e->timers, &c->timer, s == 0 ? MONO_NEVER : mono_add(c->since, DUR_S(s)));
}

mono_t esp_due(const struct esp *e) { return heap_due(&e->timers); }

void esp_timer(struct esp *e, mono_t now)
{
	struct timer *t;
	while ((t = heap_pop(&e->timers, now))) {
		if (t->tag == NEWS_RIPE) {
			child_ripe(e, CONTAINER_OF(t, struct child, ripen));
			continue;
		}
		struct child *c = CONTAINER_OF(t, struct child, timer);
		if (t->tag == NEWS_GONE) {
			esp_child_free(e, c);
			continue;
		}
		if (t->tag == NEWS_HARD) {
			news_hard(e, c);
			continue;
		}
		news_soft(e, c);
		c->soft_over = true;
		if (c->life.hard_s)
			child_arm(e, c);
	}
}

static bool reached(uint64_t n, uint64_t limit) { return limit && n >= limit; }

void child_passed(struct esp *e, struct child *c, struct flow *f, uint64_t packets, uint64_t bytes, mono_t now)
{
	packets += atomic_fetch_add_explicit(&f->packets, packets, memory_order_relaxed);
	bytes += atomic_fetch_add_explicit(&f->bytes, bytes, memory_order_relaxed);
	atomic_store_explicit(&f->last, now, memory_order_relaxed);
	if (reached(packets, c->life.soft_packets) || reached(bytes, c->life.soft_bytes))
		news_soft(e, c);
	if (reached(packets, c->life.hard_packets) || reached(bytes, c->life.hard_bytes))
		news_hard(e, c);
}
