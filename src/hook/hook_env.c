/* The environment of an updown script: one row per variable, a formatter each (ike.md 4.3, strongSwan's names and
 * forms).
 *
 * Pure: an event in, strings out. Called by hook_run.c for each run. Values come from the peer in part, and scripts
 * are not always careful with quotes: every value is cut down to a charset without any meaning to a shell, everything
 * else becomes '?', and none starts with '-'. The octets of the peer's identity are there in hex for scripts that need
 * them exact. */
#include "hook/hook.h"

#include <errno.h>
#include <string.h>

enum { VALUE_MAX = IDENT_TEXT }; /* the longest legal value; a peer must not stop a hook by a long identity */

/* Appends the value; false: the variable is not set for this event. */
typedef bool value_fn(struct sbuf *b, const struct hook_event *ev);

struct env_row {
	const char *name;
	value_fn *value;
	bool utf8; /* octets from 0x80 pass: names from our own configuration */
};

static bool put_version(struct sbuf *b, const struct hook_event *ev)
{
	(void)ev;
	sb_put(b, "1.1");
	return true;
}

/* Always -host: in transport mode the selectors are the hosts themselves. */
static bool put_verb(struct sbuf *b, const struct hook_event *ev)
{
	sb_printf(b, "%s-host%s", ev->up ? "up" : "down", ev->me.addr.family == AF_V6 ? "-v6" : "");
	return true;
}

static bool put_connection(struct sbuf *b, const struct hook_event *ev)
{
	sb_put(b, ev->connection);
	return true;
}

static bool put_interface(struct sbuf *b, const struct hook_event *ev)
{
	sb_put(b, ev->interface[0] ? ev->interface : "unknown");
	return true;
}

static bool put_number(struct sbuf *b, uint32_t v)
{
	sb_printf(b, "%u", v);
	return true;
}

static bool put_reqid(struct sbuf *b, const struct hook_event *ev) { return put_number(b, ev->reqid); }
static bool put_unique_id(struct sbuf *b, const struct hook_event *ev) { return put_number(b, ev->unique_id); }
static bool put_child_id(struct sbuf *b, const struct hook_event *ev) { return put_number(b, ev->child_id); }
static bool put_selector_proto(struct sbuf *b, const struct hook_event *ev) { return put_number(b, ev->sel.proto); }
static bool put_my_port(struct sbuf *b, const struct hook_event *ev) { return put_number(b, ev->sel.local_port); }
static bool put_peer_port(struct sbuf *b, const struct hook_event *ev) { return put_number(b, ev->sel.remote_port); }

static bool put_esp(struct sbuf *b, const struct hook_event *ev)
{
	(void)ev;
	sb_put(b, "esp");
	return true;
}

static bool put_me(struct sbuf *b, const struct hook_event *ev)
{
	sb_addr(b, &ev->me.addr);
	return true;
}

static bool put_peer(struct sbuf *b, const struct hook_event *ev)
{
	sb_addr(b, &ev->peer.addr);
	return true;
}

static bool put_my_id(struct sbuf *b, const struct hook_event *ev)
{
	sb_ident(b, &ev->my_id);
	return true;
}

static bool put_peer_id(struct sbuf *b, const struct hook_event *ev)
{
	sb_ident(b, &ev->peer_id);
	return true;
}

static bool put_peer_id_hex(struct sbuf *b, const struct hook_event *ev)
{
	sb_hex(b, ev->peer_id.data, min_z(ev->peer_id.len, IDENT_MAX));
	return true;
}

static bool put_host_prefix(struct sbuf *b, const struct addr *a)
{
	struct prefix p = {.addr = *a, .len = (uint8_t)(addr_len(a) * 8)};
	sb_prefix(b, &p);
	return true;
}

static bool put_my_client(struct sbuf *b, const struct hook_event *ev) { return put_host_prefix(b, &ev->my_client); }
static bool put_peer_client(struct sbuf *b, const struct hook_event *ev)
{
	return put_host_prefix(b, &ev->peer_client);
}

/* strongSwan gives the remote UDP port, and only when ESP is encapsulated. */
static bool put_udp_enc(struct sbuf *b, const struct hook_event *ev)
{
	return ev->encap && put_number(b, ev->peer.port);
}

static bool put_mark(struct sbuf *b, uint32_t value, uint32_t mask)
{
	sb_printf(b, "%u/0x%08x", value, mask);
	return value != 0;
}

static bool put_mark_in(struct sbuf *b, const struct hook_event *ev)
{
	return put_mark(b, ev->mark_in, ev->mark_in_mask);
}
static bool put_mark_out(struct sbuf *b, const struct hook_event *ev)
{
	return put_mark(b, ev->mark_out, ev->mark_out_mask);
}

static bool put_host_access(struct sbuf *b, const struct hook_event *ev) { return ev->host_access && put_number(b, 1); }

static bool put_spi_in(struct sbuf *b, const struct hook_event *ev)
{
	sb_printf(b, "0x%08x", ev->spi_in);
	return true;
}

static bool put_spi_out(struct sbuf *b, const struct hook_event *ev)
{
	sb_printf(b, "0x%08x", ev->spi_out);
	return true;
}

static bool put_encap(struct sbuf *b, const struct hook_event *ev) { return put_number(b, ev->encap); }

static bool put_dataplane(struct sbuf *b, const struct hook_event *ev)
{
	sb_put(b, "user");
	return ev->user;
}

static const struct env_row rows[] = {
	{"PLUTO_VERSION", put_version, false},
	{"PLUTO_VERB", put_verb, false},
	{"PLUTO_CONNECTION", put_connection, true},
	{"PLUTO_INTERFACE", put_interface, true},
	{"PLUTO_REQID", put_reqid, false},
	{"PLUTO_PROTO", put_esp, false},
	{"PLUTO_UNIQUEID", put_unique_id, false},
	{"PLUTO_ME", put_me, false},
	{"PLUTO_MY_ID", put_my_id, false},
	{"PLUTO_MY_CLIENT", put_my_client, false},
	{"PLUTO_MY_PORT", put_my_port, false},
	{"PLUTO_MY_PROTOCOL", put_selector_proto, false},
	{"PLUTO_PEER", put_peer, false},
	{"PLUTO_PEER_ID", put_peer_id, false},
	{"PLUTO_PEER_CLIENT", put_peer_client, false},
	{"PLUTO_PEER_PORT", put_peer_port, false},
	{"PLUTO_PEER_PROTOCOL", put_selector_proto, false},
	{"PLUTO_UDP_ENC", put_udp_enc, false},
	{"PLUTO_MARK_IN", put_mark_in, false},
	{"PLUTO_MARK_OUT", put_mark_out, false},
	{"PLUTO_HOST_ACCESS", put_host_access, false},
	{"X_GRETEL_SPI_IN", put_spi_in, false},
	{"X_GRETEL_SPI_OUT", put_spi_out, false},
	{"X_GRETEL_ENCAP", put_encap, false},
	{"X_GRETEL_CHILD_ID", put_child_id, false},
	{"X_GRETEL_PEER_ID_HEX", put_peer_id_hex, false},
	{"GRETEL_DATAPLANE", put_dataplane, false},
};

static bool harmless(char c, bool utf8)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	       (c && strchr("@._:/%+=,-", c)) || (utf8 && (c & 0x80));
}

static void sanitise(char *s, bool utf8)
{
	for (size_t i = 0; s[i]; i++) {
		if (!harmless(s[i], utf8) || (i == 0 && s[i] == '-'))
			s[i] = '?';
	}
}

/* Appends NAME=value and a pointer to it. */
static void add(struct hook_env *env, const char *name, const char *value)
{
	struct sbuf b = sb_init(env->octets + env->used, sizeof env->octets - env->used);
	sb_put(&b, name);
	sb_putc(&b, '=');
	sb_put(&b, value);
	if (b.cut || env->n == HOOK_ENV_MAX) {
		env->cut = true;
		return;
	}
	env->var[env->n++] = b.s;
	env->var[env->n] = NULL;
	env->used += b.len + 1;
}

int hook_env_build(struct hook_env *env, const struct hook_event *ev, const char *path)
{
	char search[4096];
	struct sbuf p = SB(search);
	*env = (struct hook_env){.n = 0};
	sb_printf(&p, "%s%s", ev->user ? HOOK_BIN ":" : "", path);
	env->cut |= p.cut;
	add(env, "PATH", search);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char value[VALUE_MAX];
		struct sbuf b = SB(value);
		if (!rows[i].value(&b, ev))
			continue;
		sanitise(value, rows[i].utf8);
		env->cut |= b.cut;
		add(env, rows[i].name, value);
	}
	return env->cut ? -EOVERFLOW : 0;
}
