/* The options of strongswan.conf that gretel serves, a row each, and what becomes of
 * the others: those that only steer charon's own machinery are passed over, the rest
 * is noted as having no effect. */
#include "config/strongswan.h"

#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Readers: NULL when the value is good, else what was expected. */
typedef const char *swan_read(const char *text, void *to);

static const char *read_bool(const char *text, void *to)
{
	static const char *const words[2][4] = {
		{"no", "false", "disabled", "0"}, {"yes", "true", "enabled", "1"},
	};
	for (int v = 0; v < 2; v++) {
		for (size_t i = 0; i < ARRAY_LEN(words[v]); i++) {
			if (strcasecmp(words[v][i], text) == 0) {
				*(bool *)to = v;
				return NULL;
			}
		}
	}
	return "yes or no";
}

static bool number(const char *text, double max, double *out)
{
	char *end;
	if (!((text[0] >= '0' && text[0] <= '9') || text[0] == '.'))
		return false;
	*out = strtod(text, &end);
	return *end == '\0' && isfinite(*out) && *out >= 0 && *out <= max;
}

static const char *read_u32(const char *text, void *to)
{
	char *end;
	errno = 0;
	unsigned long long v = strtoull(text, &end, 0);
	if (text[0] < '0' || text[0] > '9' || *end || errno || v > UINT32_MAX)
		return "a whole number";
	*(uint32_t *)to = (uint32_t)v;
	return NULL;
}

static const char *read_port(const char *text, void *to)
{
	uint32_t v;
	if (read_u32(text, &v) || v > 65535)
		return "a port from 0 to 65535";
	*(uint16_t *)to = (uint16_t)v;
	return NULL;
}

/* Seconds, with a fraction where charon takes one, or a whole number with s, m, h or d. */
static const char *read_time(const char *text, void *to)
{
	static const char units[] = "smhd";
	static const double factor[] = {1, 60, 3600, 86400};
	char copy[32] = "";
	size_t n = strlen(text);
	double f = 1, v;
	if (n == 0 || n >= sizeof copy)
		return "a time such as 20s";
	memcpy(copy, text, n);
	const char *unit = strchr(units, copy[n - 1]);
	if (unit) {
		f = factor[unit - units];
		copy[n - 1] = '\0';
	}
	if (!number(copy, INT32_MAX / f, &v))
		return "a time such as 20s";
	*(dur_t *)to = (dur_t)(v * f * 1e9);
	return NULL;
}

static const char *read_base(const char *text, void *to)
{
	double v;
	if (!number(text, 100, &v) || v < 1)
		return "a number of at least 1, such as 1.8";
	*(double *)to = v;
	return NULL;
}

static const char *read_jitter(const char *text, void *to)
{
	uint32_t v;
	if (read_u32(text, &v) || v > 20)
		return "a percentage up to 20";
	*(uint32_t *)to = v;
	return NULL;
}

#define S(field) offsetof(struct conf_setup, field)

static const struct swan_option {
	const char *path;
	swan_read *read; /* NULL: a text, kept as it is */
	size_t offset;
} options[] = {
	{"charon.port", read_port, S(port)},
	{"charon.port_nat_t", read_port, S(port_nat_t)},
	{"charon.retransmit_tries", read_u32, S(retransmit.tries)},
	{"charon.retransmit_timeout", read_time, S(retransmit.timeout)},
	{"charon.retransmit_base", read_base, S(retransmit.base)},
	{"charon.retransmit_jitter", read_jitter, S(retransmit.jitter_percent)},
	{"charon.retransmit_limit", read_time, S(retransmit.limit)},
	{"charon.keep_alive", read_time, S(keep_alive)},
	{"charon.keep_alive_dpd_margin", read_time, S(keep_alive_dpd_margin)},
	{"charon.half_open_timeout", read_time, S(half_open_timeout)},
	{"charon.retry_initiate_interval", read_time, S(retry_initiate_interval)},
	{"charon.delete_rekeyed_delay", read_time, S(delete_rekeyed_delay)},
	{"charon.cookie_threshold", read_u32, S(cookie_threshold)},
	{"charon.cookie_threshold_ip", read_u32, S(cookie_threshold_ip)},
	{"charon.block_threshold", read_u32, S(block_threshold)},
	{"charon.init_limit_half_open", read_u32, S(init_limit_half_open)},
	{"charon.ikesa_limit", read_u32, S(ikesa_limit)},
	{"charon.replay_window", read_u32, S(replay_window)},
	{"charon.spi_min", read_u32, S(spi_min)},
	{"charon.spi_max", read_u32, S(spi_max)},
	{"charon.fragment_size", read_u32, S(fragment_size)},
	{"charon.max_packet", read_u32, S(max_packet)},
	{"charon.dos_protection", read_bool, S(dos_protection)},
	{"charon.make_before_break", read_bool, S(make_before_break)},
	{"charon.prefer_configured_proposals", read_bool, S(prefer_configured_proposals)},
	{"charon.initiator_only", read_bool, S(initiator_only)},
	{"charon.plugins.stroke.allow_swap", read_bool, S(allow_swap)},
	{"charon.interfaces_use", NULL, S(interfaces_use)},
	{"charon.interfaces_ignore", NULL, S(interfaces_ignore)},
};

/* Read and kept, but without effect so far. */
static const char *const idle[] = {
	"charon.keep_alive_dpd_margin", "charon.make_before_break", "charon.retry_initiate_interval",
};

/* Read elsewhere, or of no concern to anybody who replaces charon. A name that ends in '.' stands
 * for all that begins with it. */
static const char *const passed_over[] = {
	"charon.plugins.stroke.secrets_file", "charon.filelog.", "charon.syslog.", "charon.install_routes",
	"charon.install_virtual_ip", "charon.routing_table", "charon.routing_table_prio", "charon.process_route",
	"charon.load", "charon.load_modular", "charon.threads", "charon.processor.", "charon.ikesa_table_size",
	"charon.ikesa_table_segments", "charon.host_resolver.", "charon.user", "charon.group", "charon.imv.",
	"charon.imc.", "charon.tls.", "charon.x509.", "charon.crypto_test.", "charon.leak_detective.", "charon.cert_cache",
};

static void complain(struct config_job *j, const struct swan_node *k, const char *path, const char *expected)
{
	char found[256];
	struct sbuf f = SB(found);
	sb_escape(&f, k->value, min_z(strlen(k->value), 60));
	diag_add(j->d, DIAG_ERROR, k->file, k->line, path, "expected %s, found '%s'; the default is used", expected, found);
}

static void read_options(struct config_job *j, const struct swan_node *root)
{
	struct conf_setup *setup = &j->build->setup;
	for (size_t i = 0; i < ARRAY_LEN(options); i++) {
		const struct swan_node *k = swan_get(root, options[i].path);
		void *to = (char *)setup + options[i].offset;
		if (!k)
			continue;
		if (!options[i].read) {
			*(conf_ref *)to = conf_builder_str(j->build, k->value);
			continue;
		}
		const char *expected = options[i].read(k->value, to);
		if (expected)
			complain(j, k, options[i].path, expected);
	}
}

/* Rules over single values; a value that breaks one goes back to the default. */
static void check_options(struct config_job *j, const struct swan_node *root)
{
	struct conf_setup *s = &j->build->setup, def;
	const struct swan_node *k;
	conf_setup_defaults(&def);
	/* RFC 4303 2.1: SPIs up to 255 are reserved. */
	if (s->spi_min < 256 || s->spi_min > s->spi_max) {
		k = swan_get(root, "charon.spi_min");
		complain(j, k ? k : swan_get(root, "charon.spi_max"), "charon.spi_min", "256 <= spi_min <= spi_max");
		s->spi_min = def.spi_min;
		s->spi_max = def.spi_max;
	}
	k = swan_get(root, "charon.retry_initiate_interval");
	if (k && s->retry_initiate_interval == 0) {
		diag_add(j->d, DIAG_NOTE, k->file, k->line, "charon.retry_initiate_interval",
		         "0 would give up a name that does not resolve at once; %lld s is used",
		         (long long)dur_to_s(def.retry_initiate_interval));
		s->retry_initiate_interval = def.retry_initiate_interval;
	}
	if (s->replay_window > 32768) {
		complain(j, swan_get(root, "charon.replay_window"), "charon.replay_window", "at most 32768 packets");
		s->replay_window = def.replay_window;
	}
	/* RFC 7296 2: at least 1280 octets must be taken. */
	if (s->max_packet < 1280) {
		complain(j, swan_get(root, "charon.max_packet"), "charon.max_packet", "at least 1280 octets");
		s->max_packet = def.max_packet;
	}
}

/* The level of a log: the highest of `default` and the groups. */
static int log_level(struct config_job *j, const struct swan_node *sec, int dflt)
{
	static const char *const other[] = {"path", "append", "flush_line", "time_format", "time_add_ms", "ike_name",
	                                    "log_level", "identifier", "json", "map_level"};
	int highest = dflt;
	const struct swan_node *d = NULL;
	for (const struct swan_node *k = sec->kids; k; k = k->next) {
		if (!k->section && k->value && strcmp(k->name, "default") == 0)
			d = k;
	}
	if (d)
		highest = -1;
	for (const struct swan_node *k = sec->kids; k; k = k->next) {
		bool skip = k->section || !k->value;
		for (size_t i = 0; i < ARRAY_LEN(other); i++)
			skip = skip || strcmp(other[i], k->name) == 0;
		if (skip)
			continue;
		char *end;
		long v = strtol(k->value, &end, 10);
		if (*end || end == k->value || v < -1 || v > 4) {
			complain(j, k, k->name, "a level from -1 to 4");
			continue;
		}
		highest = v > highest ? (int)v : highest;
	}
	return highest;
}

static const char *kid(const struct swan_node *sec, const char *name)
{
	for (const struct swan_node *k = sec->kids; k; k = k->next) {
		if (!k->section && strcmp(k->name, name) == 0)
			return k->value;
	}
	return NULL;
}

static void read_logs(struct config_job *j, const struct swan_node *root)
{
	struct conf_setup *s = &j->build->setup;
	const struct swan_node *logs = swan_section(root, "charon.filelog");
	for (const struct swan_node *k = logs ? logs->kids : NULL; k; k = k->next) {
		const char *path = kid(k, "path"), *append = kid(k, "append"), *flush = kid(k, "flush_line");
		if (!k->section)
			continue;
		if (s->n_filelogs == CONF_FILELOG_MAX) {
			diag_add(j->d, DIAG_WARNING, k->file, k->line, "charon.filelog", "more than %d files; this one is left out",
			         CONF_FILELOG_MAX);
			continue;
		}
		struct conf_filelog *f = &s->filelog[s->n_filelogs++];
		f->path = conf_builder_str(j->build, path ? path : k->name);
		f->append = true;
		f->level = (int8_t)log_level(j, k, 1);
		if ((append && read_bool(append, &f->append)) || (flush && read_bool(flush, &f->flush_line)))
			diag_add(j->d, DIAG_ERROR, k->file, k->line, "charon.filelog", "expected yes or no for append and flush_line");
	}
	logs = swan_section(root, "charon.syslog");
	int highest = -2;
	for (const struct swan_node *k = logs ? logs->kids : NULL; k; k = k->next) {
		int v = k->section ? log_level(j, k, strcmp(k->name, "auth") == 0 ? 0 : 1) : -2;
		highest = v > highest ? v : highest;
	}
	if (highest > -2)
		s->log_level = (int8_t)highest;
}

static bool known(const char *path)
{
	for (size_t i = 0; i < ARRAY_LEN(idle); i++) {
		if (strcmp(idle[i], path) == 0)
			return false;
	}
	for (size_t i = 0; i < ARRAY_LEN(options); i++) {
		if (strcmp(options[i].path, path) == 0)
			return true;
	}
	for (size_t i = 0; i < ARRAY_LEN(passed_over); i++) {
		size_t n = strlen(passed_over[i]);
		if (strncmp(passed_over[i], path, n) == 0 && (path[n] == '\0' || passed_over[i][n - 1] == '.'))
			return true;
	}
	size_t n = strlen(path);
	return strncmp(path, "charon.plugins.", 15) == 0 && n > 5 && strcmp(path + n - 5, ".load") == 0;
}

/* What stands under charon and nobody reads. */
static void note_rest(struct config_job *j, const struct swan_node *sec, const char *prefix)
{
	char path[256];
	for (const struct swan_node *k = sec->kids; k; k = k->next) {
		int n = snprintf(path, sizeof path, "%s.%s", prefix, k->name);
		if (n < 0 || (size_t)n >= sizeof path)
			continue;
		if (k->section)
			note_rest(j, k, path);
		else if (k->value && !known(path))
			diag_add(j->d, DIAG_NOTE, k->file, k->line, path, "has no effect in gretel");
	}
}

static const char *keep(struct config_job *j, const struct swan_node *k)
{
	return k && *k->value ? arena_text(&j->arena, k->value, strlen(k->value)) : NULL;
}

int config_load_strongswan(struct config_job *j, const char *path)
{
	struct swan_node root;
	int err = swan_parse(j, path, &root);
	if (err)
		return err;
	read_options(j, &root);
	check_options(j, &root);
	read_logs(j, &root);
	j->config_file = keep(j, swan_get(&root, "starter.config_file"));
	j->secrets_file = keep(j, swan_get(&root, "charon.plugins.stroke.secrets_file"));
	const struct swan_node *charon = swan_section(&root, "charon");
	if (charon)
		note_rest(j, charon, "charon");
	return j->arena.bad || j->build->bad ? -ENOMEM : 0;
}
