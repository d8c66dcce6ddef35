/* Inside of the documents: status.c (what is) and status_conf.c (what is configured) share these. */
#ifndef DAEMON_STATUS_PARTS_H
#define DAEMON_STATUS_PARTS_H

#include "daemon/status.h"

/* A document under construction: one failure anywhere and there is none. */
struct doc {
	const struct status_src *src;
	bool bad;
};

/* Takes the reference of v over; NULL is a failure. */
void doc_put(struct doc *d, json_t *object, const char *key, json_t *v);
void doc_add(struct doc *d, json_t *array, json_t *v);
/* root, or NULL (and root is let go) when something was missing. */
json_t *doc_done(struct doc *d, json_t *root);

json_t *js_text(const char *s);        /* odd octets escaped; NULL s: null */
json_t *js_addr(const struct addr *a); /* null when unset */
json_t *js_prefix(const struct prefix *p);
json_t *js_ident(const struct ident *id);
json_t *js_until(const struct doc *d, mono_t at);  /* seconds from now, not below 0; null for MONO_NEVER */
json_t *js_age(const struct doc *d, mono_t since); /* seconds up to now */

/* "[gre]", "[udp/500]", "" for anything: as strongSwan prints the protocol and port of a selector. */
void sb_proto_port(struct sbuf *b, uint8_t proto, uint16_t port);
/* Names of the algorithms of a suite that are ALGO_WEAK, appended to an array that has each once. */
void weak_of_suite(struct doc *d, json_t *names, const struct suite *s);

/* status_conf.c: the configured part of a tunnel. */
json_t *conf_weak(struct doc *d, const struct tunnel_conf *t);   /* array of names */
json_t *conf_object(struct doc *d, const struct tunnel_conf *t); /* ends, identities, selectors, proposals, ... */
json_t *conf_refused_list(struct doc *d, const char *name);      /* NULL = all */
json_t *conf_files(struct doc *d);
const char *conf_auto_name(uint8_t mode);
const char *conf_kind_name(uint8_t kind);
const char *conf_guard_name(uint8_t mode);

#endif
