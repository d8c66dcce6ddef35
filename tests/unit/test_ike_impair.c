/* Two engines of which both make the same mistake on purpose: each payload, and the message as a whole, of each exchange and side
 * is left out, doubled, spoilt or held back, once or for two minutes and a half. Nothing else may go wrong meanwhile, and when
 * the mistakes end the tunnel is up. Linked with an engine that has impair.c. */
#include "../sim/pair.h"

#include <stdio.h>

/* The life of an SA pair passes by several times in a case. */
#define KEYS                                                                                                           \
	"lifetime=50s\nmargintime=15s\nrekeyfuzz=0%\nikelifetime=95s\ndpdaction=restart\ndpddelay=10s\nreauth=no\n"    \
	"ike=aes128-sha256-x25519!\nesp=aes128-sha256-x25519!"

enum { MISTAKES_S = 150, AFTER_S = 240 };

static const char *const exchanges[] = {"sa_init", "auth", "create_child", "informational"};
static const char *const sides[] = {"request", "response"};
static const char *const payloads[] = {"SA", "KE", "IDi", "IDr", "AUTH", "No", "N", "D", "TSi", "TSr"};

static void order(struct sim_node *n, const char *text)
{
	if (!ike_impair(n->ike, text))
		fail_msg("not understood: %s", text);
}

/* True: something was impaired. */
static bool suffers(const char *orders)
{
	struct pair p = pair_new(7);
	pair_conf(&p, "auto=start\n" KEYS, KEYS);
	pair_start(&p);
	order(p.a, orders);
	order(p.b, orders);
	sim_run(p.s, DUR_S(MISTAKES_S));
	order(p.a, "none");
	order(p.b, "none");
	bool back = sim_until(p.s, DUR_S(AFTER_S), pair_agrees);
	if (!back && strstr(orders, "corrupt sa_init")) {
		/* A NAT that only one end believes in is signed by both, and rekeys inherit it. */
		sim_cmd(p.a, IKE_CMD_DOWN, 0);
		sim_run(p.s, DUR_S(2));
		sim_cmd(p.a, IKE_CMD_UP, 0);
		back = sim_until(p.s, DUR_S(10), pair_agrees);
	}
	bool hit = sim_noted(p.a, "impair: ") || sim_noted(p.b, "impair: ");
	if (!back || p.a->faults || p.b->faults || p.s->stuck) {
		sim_dump(p.s);
		fail_msg("%s: %s", orders, back ? "a host did wrong" : "the tunnel is not up again");
	}
	pair_free(&p);
	return hit;
}

static void each_payload(void **state)
{
	static const char *const verbs[] = {"omit", "double", "corrupt"};
	(void)state;
	for (size_t x = 0; x < ARRAY_LEN(exchanges); x++) {
		unsigned hits = 0;
		for (size_t i = 0; i < 2 * ARRAY_LEN(verbs) * ARRAY_LEN(payloads); i++) {
			char orders[100];
			snprintf(orders, sizeof orders, "%s %s %s %s", verbs[i / 2 % 3], exchanges[x], sides[i % 2], payloads[i / 6]);
			hits += suffers(orders);
			strcat(orders, " 1");
			hits += suffers(orders);
		}
		assert_true(hits >= 8); /* a payload that the exchange has not cannot be hit */
	}
}

static void each_message(void **state)
{
	static const char *const verbs[] = {"omit", "double", "corrupt", "delay 300ms", "delay 4500ms"};
	(void)state;
	for (size_t x = 0; x < ARRAY_LEN(exchanges); x++) {
		for (size_t i = 0; i < 2 * ARRAY_LEN(verbs); i++) {
			static const char *const which[] = {"", " 1", " 2-3", " 3-"};
			for (size_t k = 0; k < ARRAY_LEN(which); k++) {
				char orders[100];
				snprintf(orders, sizeof orders, "%s %s %s%s", verbs[i / 2], exchanges[x], sides[i % 2], which[k]);
				bool hit = suffers(orders);
				if (k < 2)
					assert_true(hit);
			}
		}
	}
}

static void notifies(void **state)
{
	static const char *const names[] = {"N:NAT_DETECTION_SOURCE_IP", "N:NAT_DETECTION_DESTINATION_IP", "N:USE_TRANSPORT_MODE",
	                                    "N:INITIAL_CONTACT"};
	static const char *const verbs[] = {"omit", "double", "corrupt"};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names) * ARRAY_LEN(verbs); i++) {
		char orders[100];
		snprintf(orders, sizeof orders, "%s %s", verbs[i % 3], names[i / 3]);
		assert_true(suffers(orders));
	}
	assert_true(suffers("omit auth request AUTH 1, double sa_init, corrupt informational 1"));
}

static void words(void **state)
{
	static const char *const bad[] = {"", "omit nonsense", "auth", "delay auth", "omit auth 300ms", "delay auth KE 3ms",
	                                  "omit 3-2", "omit 0", "omit N:NOBODY", "omit,", "omit x",
	                                  "omit,omit,omit,omit,omit,omit,omit,omit,omit"};
	(void)state;
	struct pair p = pair_run(1, KEYS, KEYS, DUR_S(1));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(ike_impair(p.a->ike, bad[i]));
	p.a->mem.fail_from = p.a->mem.asked + 1;
	assert_false(ike_impair(p.a->ike, "omit"));
	p.a->mem.fail_from = 0;
	order(p.a, "none");
	pair_free(&p);
}

/* A message that is held back when the engine ends goes with it. */
static void held(void **state)
{
	(void)state;
	struct pair p = pair_new(3);
	pair_conf(&p, "auto=start\n" KEYS, KEYS);
	pair_start(&p);
	order(p.b, "delay sa_init response 60000ms");
	sim_run(p.s, DUR_S(30));
	CHECK(p, sim_noted(p.b, "impair: the message of IKE_SA_INIT response held back"));
	CHECK(p, sim_sent(p.b, IKE_SA_INIT, true) == 0);
	sim_run(p.s, DUR_S(60));
	CHECK(p, sim_sent(p.b, IKE_SA_INIT, true) > 0);
	pair_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words),
		cmocka_unit_test(held),
		cmocka_unit_test(notifies),
		cmocka_unit_test(each_message),
		cmocka_unit_test(each_payload),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
