/* Several workers on one SA: no number is used twice, no packet is accepted twice or lost, and counters add up. Runs under the thread
 * sanitizer too. */
#include "esp_world.h"

#include <pthread.h>

enum { WORKERS = 4, BATCHES = 50, BATCH = 40, EACH = BATCHES * BATCH, ALL = WORKERS * EACH, LEN = 64, OCTETS = 8 + 8 + 4 + LEN + 2 + 2 + 16 };

struct worker {
	pthread_t thread;
	struct esp_tx *tx;
	struct esp_rx *rx;
	unsigned number;
	uint8_t (*wire)[OCTETS];         /* all of them, in order of their numbers when they are received */
	uint8_t frame[LEN];
	uint64_t packets;
	pthread_barrier_t *step;
};

static void *send_all(void *arg)
{
	struct worker *me = arg;
	struct esp_tx *tx = me->tx;
	unsigned n = 0;
	for (int i = 0; i < BATCHES; i++) {
		for (int k = 0; k < BATCH; k++) {
			esp_tx_put(tx, GRE1, &(struct esp_vnet){0}, me->frame, LEN, 1);
		}
		esp_tx_seal(tx, 1);
		for (const struct esp_dgrams *d; (d = esp_tx_next(tx));) {
			if (d->seg != OCTETS || n + d->n / OCTETS > EACH)
				return NULL;
			memcpy(me->wire[n], d->p, d->n);
			n += d->n / OCTETS;
		}
	}
	me->packets = n;
	return NULL;
}

/* Everybody receives everything; who is first with a packet has it. In steps, so that nobody is left behind by a window. */
static void *receive_all(void *arg)
{
	struct worker *me = arg;
	struct esp_rx *rx = me->rx;
	struct endpoint from = {.addr = v4(192, 0, 2, 1), .port = (uint16_t)(4500 + me->number)};
	struct addr to = v4(198, 51, 100, 2);
	const struct esp_frame *f;
	uint8_t batch[BATCH * OCTETS];
	for (int i = 0; i < ALL / BATCH; i++) {
		memcpy(batch, me->wire[i * BATCH], sizeof batch);
		if (!esp_rx_put(rx, batch, sizeof batch, OCTETS, &from, &to, 0))
			return NULL;
		esp_rx_open(rx, 1);
		while ((f = esp_rx_next(rx)))
			me->packets += f->packets;
		if (i % 8 == 0)
			pthread_barrier_wait(me->step);
	}
	return NULL;
}

static void test_workers(void **state)
{
	(void)state;
	struct world *w = world_empty();
	struct esp_env env = {.mem = &w->own.mem, .rng = &w->own.rng, .workers = WORKERS};
	struct child_sa s = child_sa(1000);
	struct worker v[WORKERS];
	uint8_t(*sent)[OCTETS] = malloc((size_t)ALL * OCTETS), (*sorted)[OCTETS] = malloc((size_t)ALL * OCTETS), *seen = calloc(1, ALL);
	pthread_barrier_t step;
	uint64_t packets = 0;
	s.replay_window = 4096;
	s.life.soft_packets = ALL / 2;
	for (int i = 0; i < 2; i++) {
		w->end[i].e = esp_new(&env);
		assert_int_equal(esp_device_set(w->end[i].e, &w->device), 0);
	}
	install_both(w, &s);
	for (unsigned i = 0; i < WORKERS; i++) {
		v[i] = (struct worker){.tx = esp_tx_new(w->end[A].e, i), .number = i, .wire = sent + i * EACH};
		frame_v4(w, v[i].frame, LEN, 0, true);
	}
	for (unsigned i = 0; i < WORKERS; i++)
		assert_int_equal(pthread_create(&v[i].thread, NULL, send_all, &v[i]), 0);
	for (unsigned i = 0; i < WORKERS; i++) {
		pthread_join(v[i].thread, NULL);
		packets += v[i].packets;
		esp_tx_free(v[i].tx);
	}
	assert_int_equal(packets, ALL);
	for (unsigned i = 0; i < ALL; i++) {
		uint32_t seq = be32(sent[i] + 4);
		assert_true(seq >= 1 && seq <= ALL && !seen[seq - 1]);
		seen[seq - 1] = 1;
		memcpy(sorted[seq - 1], sent[i], OCTETS);
	}
	assert_false(event(w, A, ESP_EV_EXPIRE, 1000).hard);
	no_event(w, A);

	pthread_barrier_init(&step, NULL, WORKERS);
	for (unsigned i = 0; i < WORKERS; i++)
		v[i] = (struct worker){.rx = esp_rx_new(w->end[B].e, i), .number = i, .wire = sorted, .step = &step};
	for (unsigned i = 0; i < WORKERS; i++)
		assert_int_equal(pthread_create(&v[i].thread, NULL, receive_all, &v[i]), 0);
	packets = 0;
	for (unsigned i = 0; i < WORKERS; i++) {
		pthread_join(v[i].thread, NULL);
		packets += v[i].packets;
		esp_rx_free(v[i].rx);
	}
	pthread_barrier_destroy(&step);
	assert_int_equal(packets, ALL);
	assert_int_equal(drops(w, B, TUNNEL, ESP_DROP_REPLAY_DUP), ALL * (WORKERS - 1));
	assert_int_equal(all_drops(w, B), ALL * (WORKERS - 1));
	struct sa_counters c;
	assert_int_equal(esp_sa_query(w->end[B].e, 1001, 1, 1, &c), 0);
	assert_int_equal(c.packets_in, ALL);
	assert_int_equal(c.replay_drops, ALL * (WORKERS - 1));
	unsigned soft = 0, mapping = 0;
	for (struct esp_event ev; esp_event_next(w->end[B].e, &ev);) {
		soft += ev.type == ESP_EV_EXPIRE && !ev.hard;
		mapping += ev.type == ESP_EV_MAPPING;
	}
	assert_int_equal(soft, 1);
	assert_true(mapping <= 1);
	free(sent);
	free(sorted);
	free(seen);
	world_end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_workers)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
