/* `gretel genpsk`: a pre-shared key of 256 random bits as a line of ipsec.secrets, for the peers named, or, with --ppk, a post-quantum
 * one. No daemon is asked, nothing is written but to standard output. */
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "cli/cli.h"
#include "model/model.h"

enum { OCTETS = 32, BASE64 = (OCTETS + 2) / 3 * 4 };

/* RFC 4648 4. */
static void base64(const uint8_t p[OCTETS], char out[BASE64 + 1])
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t n = 0;
	for (size_t i = 0; i < OCTETS; i += 3) {
		uint32_t v = (uint32_t)p[i] << 16;
		v |= i + 1 < OCTETS ? (uint32_t)p[i + 1] << 8 : 0;
		v |= i + 2 < OCTETS ? (uint32_t)p[i + 2] : 0;
		for (int shift = 18; shift >= 0; shift -= 6)
			out[n++] = digits[v >> shift & 63];
	}
	if (OCTETS % 3)
		memset(out + n - (3 - OCTETS % 3), '=', 3 - OCTETS % 3);
	out[n] = '\0';
}

/* What may stand as a word in front of the ':'. */
static bool good_id(const struct cli *c, const char *s)
{
	struct ident id;
	if (!s[0] || strpbrk(s, " \t\n\"'#:,") || (c->ppk && strlen(s) > PPK_ID_MAX + 1u))
		return strchr(s, ':') && ident_parse(s, &id) && id.type == ID_IPV6_ADDR;
	return ident_parse(s, &id);
}

int cli_genpsk(struct cli *c, int n, char **args)
{
	uint8_t key[OCTETS];
	char text[BASE64 + 1];
	if (c->ppk && n != 1) {
		cli_complain(c, "usage: gretel genpsk --ppk NAME");
		return CONTROL_USAGE;
	}
	for (int i = 0; i < n; i++) {
		if (good_id(c, args[i]))
			continue;
		cli_complain(c, "'%s' is no identity that can stand in ipsec.secrets", args[i]);
		return CONTROL_USAGE;
	}
	if (getrandom(key, sizeof key, 0) != (ssize_t)sizeof key) {
		cli_complain(c, "the system gives no random octets: %s", strerror(errno));
		return CONTROL_FAILED;
	}
	base64(key, text);
	for (int i = 0; i < n; i++)
		fprintf(c->out, "%s ", args[i]);
	fprintf(c->out, ": %s 0s%s\n", c->ppk ? "PPK" : "PSK", text);
	wipe(key, sizeof key);
	wipe(text, sizeof text);
	return CONTROL_OK;
}
