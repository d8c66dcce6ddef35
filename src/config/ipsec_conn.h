/* One conn of ipsec.conf while it is put together. Internal to config/. */
#ifndef CONFIG_IPSEC_CONN_H
#define CONFIG_IPSEC_CONN_H

#include "config/ipsec.h"
#include "config/ipsec_value.h"

/* auto=, type=, authby=, fragmentation= as written. */
enum ipsec_auto { IPSEC_IGNORE, IPSEC_ADD, IPSEC_ROUTE, IPSEC_START };
enum ipsec_type { IPSEC_TUNNEL, IPSEC_TRANSPORT, IPSEC_PASS, IPSEC_DROP };
enum ipsec_auth { IPSEC_AUTH_UNSET, IPSEC_AUTH_PSK, IPSEC_AUTH_NEVER };
enum ipsec_frag { IPSEC_FRAG_NO, IPSEC_FRAG_YES, IPSEC_FRAG_ACCEPT };
enum ipsec_ike { IPSEC_IKE, IPSEC_IKEV2 };

/* left or right. Values that need the whole conn are kept as settings. */
struct ipsec_end {
	struct conf_end e;
	struct value_port port;
	bool firewall;
	uint8_t auth; /* enum ipsec_auth */
	const struct ipsec_setting *host, *id, *subnet, *updown, *protoport;
};

struct ipsec_conn {
	struct ipsec_doc *doc;
	struct ipsec_section *sec;
	struct tunnel_conf t;
	struct ipsec_end end[2]; /* left, right */
	uint8_t auto_mode, type, authby, frag, keyexchange;
	int64_t window;
	struct conf_life life;   /* CHILD; margin and fuzz count for the IKE SA too */
	uint32_t mark_in[2], mark_out[2];
	const struct ipsec_setting *ike, *esp, *ppk_id;
	struct ipsec_setting *life_set, *ikelife_set, *margin_set; /* where the times come from */
};

/* The section's own settings and the inherited ones, each key once, in strongSwan's
 * order: own section by key, then each parent by key. Start with *it zeroed. */
struct ipsec_walk {
	size_t section; /* 0 own, then parents + 1 */
	const struct ipsec_setting *at;
};
struct ipsec_setting *ipsec_walk(const struct ipsec_section *s, struct ipsec_walk *it);
/* The setting of a key that counts for a section, NULL for none or "key=". */
struct ipsec_setting *ipsec_lookup(const struct ipsec_section *s, const char *key);

/* Applies one setting by the table of keywords; spoils the section or warns. */
void ipsec_apply(struct ipsec_conn *c, struct ipsec_setting *s);
/* The same for config setup, into setup. */
void ipsec_apply_setup(struct ipsec_doc *doc, struct ipsec_setting *s, struct conf_setup *setup);
/* For ca sections: all that can be said about a key is a warning. */
void ipsec_check_ca(struct ipsec_doc *doc, struct ipsec_section *sec, struct ipsec_setting *s);

/* Hosts, identity, protocol and port, subnet of both ends; exchanges them when right is ours. */
void ipsec_ends(struct ipsec_conn *c);

/* A finished conn, or its refusal, goes into the builder. */
void ipsec_conn_load(struct ipsec_doc *doc, struct ipsec_section *sec);

/* Spoils c for a setting (file, line and key are its own). */
void ipsec_bad(struct ipsec_conn *c, const struct ipsec_setting *s, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* A warning or note for a setting, once even when many conns inherit it. s NULL: for the conn. */
void ipsec_warn(struct ipsec_conn *c, struct ipsec_setting *s, enum diag_level level, const char *fmt, ...)
	PRINTF_LIKE(4, 5);

#endif
