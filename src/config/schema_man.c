/* The manual and the sample, from the table. See schema_man.h. */
#include "config/schema_man.h"

#include <ctype.h>
#include <string.h>

enum { MAN_WIDTH = 78, SAMPLE_WIDTH = 100 };

/* ---- running text ---- */

/* Words of s, broken at width, each line begun with lead. With sentences, one begins a line. */
static void put_words(struct cfg_buf *o, const char *lead, const char *s, size_t width, bool sentences)
{
	size_t col = 0;
	while (*s) {
		size_t n = strcspn(s, " ");
		if (col && col + 1 + n > width) {
			cfg_buf_put(o, "\n");
			col = 0;
		}
		if (col == 0) {
			cfg_buf_put(o, lead);
			col = strlen(lead);
			/* A control character of roff. */
			if (sentences && (*s == '.' || *s == '\''))
				cfg_buf_put(o, "\\&");
		} else {
			cfg_buf_put(o, " ");
			col++;
		}
		for (size_t i = 0; i < n; i++) {
			if (sentences && s[i] == '\\')
				cfg_buf_put(o, "\\e");
			else
				cfg_buf_bytes(o, s + i, 1);
		}
		col += n;
		bool ends = n > 1 && (s[n - 1] == '.' || s[n - 1] == '?') && s[n] == ' ' &&
		            (isupper((unsigned char)s[n + 1]) || s[n + 1] == '"');
		s += n;
		s += strspn(s, " ");
		if (sentences && ends && *s) {
			cfg_buf_put(o, "\n");
			col = 0;
		}
	}
	cfg_buf_put(o, "\n");
}

void man_para(struct cfg_buf *o, const char *s) { put_words(o, "", s, MAN_WIDTH, true); }

void man_section(struct cfg_buf *o, const char *title, const char *text)
{
	cfg_buf_printf(o, ".Sh %s\n", title);
	if (text)
		man_para(o, text);
}

/* ---- the manual ---- */

static void row_default(struct sbuf *b, const struct cfg_row *row)
{
	if (row->flags & CFG_REQUIRED)
		sb_put(b, "It must be given.");
	else if (row->dflt && strcmp(row->dflt, "\"\"") != 0 && row->type != CT_FILELOGS)
		sb_printf(b, "Default: %s.", row->dflt);
}

static void man_row(struct cfg_buf *o, const struct cfg_row *row)
{
	char expected[CFG_EXPECT_MAX], text[2 * CFG_EXPECT_MAX];
	struct sbuf e = SB(expected), t = SB(text);
	cfg_buf_printf(o, ".It Ic %s No = Ar %s\n", row->path, cfg_type_ops(row->type)->name);
	man_para(o, row->doc);
	cfg_expected(&e, row);
	if (row->type == CT_ENUM || row->words) {
		sb_printf(&t, "Values: %s. ", expected);
	} else {
		char range[96];
		struct sbuf r = SB(range);
		cfg_range(&r, row);
		if (range[0])
			sb_printf(&t, "Range: %s. ", range);
	}
	row_default(&t, row);
	if (text[0])
		man_para(o, text);
	if (row->swan) {
		struct sbuf s = SB(text);
		sb_printf(&s, "In strongSwan: %s.", row->swan);
		man_para(o, text);
	}
}

void man_rows(struct cfg_buf *o, const struct cfg_section *s)
{
	cfg_buf_put(o, ".Bl -tag -width Ds\n");
	for (size_t i = 0; i < s->n; i++) {
		if (!(s->row[i].flags & CFG_HIDDEN))
			man_row(o, &s->row[i]);
	}
	cfg_buf_put(o, ".El\n");
}

static const char example[] =
	"tunnels = {\n"
	"\ttunnel = {\n"
	"\t\tremote = \"203.0.113.33\";\n"
	"\t\tlocal_id = \"198.51.100.81\";    # our public address: we are behind NAT\n"
	"\t\tpsk = \"change-me-to-32-random-octets\";\n"
	"\t\tike = \"aes256-sha256-modp2048!\";\n"
	"\t\tesp = \"aes256gcm16!\";\n"
	"\t\tgre = {\n"
	"\t\t\tname = \"gre1\";\n"
	"\t\t\taddress = [\"10.0.0.1/30\"];\n"
	"\t\t};\n"
	"\t};\n"
	"};\n";

static const char adding[] =
	"ipsec = { conf = \"/etc/ipsec.conf\"; secrets = \"/etc/ipsec.secrets\"; };\n"
	"tunnels = {\n"
	"\t# conn tunnel stands in ipsec.conf; its interface is made here\n"
	"\ttunnel = { gre = { name = \"gre1\"; address = [\"10.0.0.1/30\"]; }; };\n"
	"};\n";

void man_code(struct cfg_buf *o, const char *code)
{
	cfg_buf_put(o, ".Bd -literal -offset indent\n");
	cfg_buf_put(o, code);
	cfg_buf_put(o, ".Ed\n");
}

static void man_values(struct cfg_buf *o)
{
	static const struct { const char *name, *text; } kinds[] = {
		{"boolean", "true or false, also \"yes\" and \"no\" in quotes."},
		{"number", "Decimal or hexadecimal (0x1f). Where words are listed, those too, in quotes."},
		{"word", "One of the words that are listed, in quotes."},
		{"time", "A number of seconds, or a text such as \"1.5s\", \"540s\", \"9m\", \"3h\", \"1d\" or \"500ms\"."},
		{"percentage", "\"50%\" or 50."},
		{"size", "A number of octets, or a text such as \"64K\", \"500M\" or \"10G\", in units of 1024."},
		{"names", "A list of texts, [\"a\", \"b\"], or one text with commas, \"a,b\"."},
		{"hosts", "An address, a name, a range \"192.0.2.1-192.0.2.9\", a prefix \"192.0.2.0/24\", \"%any\", \"%any4\" "
		          "or \"%any6\", or a list of up to eight of them."},
		{"identity", "As in ipsec.conf: an address, a domain name, user@domain, @#1f2e (the octets of a KEY_ID), or "
		             "any of these with fqdn:, email: or keyid: before it to say which it is."},
		{"proposals", "Proposals in strongSwan's notation, for instance \"aes256-sha256-modp2048, "
		              "aes256gcm16-prfsha256-ecp256!\"."},
		{"mark", "A number, or a text \"VALUE/MASK\", both decimal or hexadecimal."},
		{"key", "A number, or \"none\"."},
		{"prefix", "An address and a length, \"10.0.0.0/24\"; what is behind the length is cleared."},
		{"router id", "Four numbers with dots between, \"192.0.2.1\"."},
		{"AS", "The number of an autonomous system, \"internal\" or \"external\"."},
		{"filter", "The name of a list or route map of the section routing."},
		{"list", "A list or group that is described below."},
	};
	cfg_buf_put(o, ".Ss Values\n.Bl -tag -width Ds\n");
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		cfg_buf_printf(o, ".It Ar %s\n", kinds[i].name);
		man_para(o, kinds[i].text);
	}
	cfg_buf_put(o, ".El\n");
}

static void man_algorithms(struct cfg_buf *o)
{
	static const struct { uint8_t type; const char *title; } kinds[] = {
		{T_ENCR, "Encryption"}, {T_INTEG, "Integrity"}, {T_PRF, "Pseudo-random functions"},
		{T_DH, "Groups"}, {T_ESN, "Sequence numbers"},
	};
	size_t n;
	const struct algo *a = algo_table(&n);
	man_section(o, "ALGORITHMS",
	        "The words of ike and esp. Those marked with * are weak: they are never proposed by default, and are warned "
	        "about where they are asked for.");
	cfg_buf_put(o, ".Bl -tag -width Ds\n");
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		struct cfg_buf words = {0};
		for (size_t i = 0; i < n; i++) {
			if (a[i].type != kinds[k].type || !a[i].tokens || !a[i].tokens[0])
				continue;
			cfg_buf_put(&words, words.n ? ", " : "");
			for (const char *t = a[i].tokens; *t;) {
				size_t len = strcspn(t, " ");
				cfg_buf_put(&words, t > a[i].tokens ? " = " : "");
				cfg_buf_bytes(&words, t, len);
				t += len + strspn(t + len, " ");
			}
			cfg_buf_put(&words, a[i].flags & ALGO_WEAK ? "*" : "");
		}
		cfg_buf_put(&words, ".");
		cfg_buf_printf(o, ".It %s\n", kinds[k].title);
		man_para(o, cfg_buf_text(&words));
		o->bad = o->bad || words.bad;
		cfg_buf_fini(&words);
	}
	cfg_buf_put(o, ".El\n");
}

static void man_sections(struct cfg_buf *o)
{
	man_section(o, "SECTION daemon", "What concerns the daemon as a whole.");
	man_rows(o, &cfg_daemon);
	cfg_buf_put(o, ".Pp\n");
	man_para(o, "Each group of filelog has these keys:");
	man_rows(o, &cfg_filelog);
	man_section(o, "SECTION tunnels",
	        "A group of groups, one for each tunnel. The name of a group is the name of the tunnel for gretel(8). With "
	        "only remote and a key, a tunnel protects GRE between this host and remote.");
	man_rows(o, &cfg_tunnels);
	man_section(o, "SECTION defaults",
	        "Any of the keys of a tunnel except name. All tunnels of this file begin with them; conns of an ipsec.conf do "
	        "not. A key that a tunnel gives counts for that tunnel, also inside dpd and gre, which are not replaced as a "
	        "whole.");
	man_section(o, "SECTION secrets",
	        "A list of groups, for keys that do not stand with a tunnel. The key whose identities fit the peer best is "
	        "used, then the one that fits us best, then the later one; the keys of the tunnels are the latest. "
	        "The key of a tunnel belongs to its remote_id; where two tunnels share that, local_id tells them apart. "
	        "When others than its owner may read a file with keys, a warning says so.");
	man_rows(o, &cfg_secrets);
	man_section(o, "SECTION ipsec",
	        "Files of strongSwan that are loaded besides, for those who move over step by step. A conn that cannot be "
	        "used is left out with its reason and does not spoil the rest. Keys of the section daemon win over what "
	        "strongswan.conf and config setup say.");
	man_rows(o, &cfg_ipsec);
	cfg_buf_put(o, ".Pp\n");
	man_para(o, "A tunnel here that has the name of a conn there adds to that conn. Only what strongSwan does not have can be "
	        "added: gre, guard, psk, psk_file, ppk_id and ppk_required; any other key is an error, so that the two files cannot "
	        "contradict each other:");
	man_code(o, adding);
	man_para(o, "gretel check --print shows everything that is loaded as one gretel.conf, without its keys: the last step.");
	man_routing(o);
}

void schema_man(struct cfg_buf *o)
{
	cfg_buf_put(o, ".\\\" Written by src/config/schema_doc.c from the table in src/config/schema.c: change that.\n"
	               ".Dd November 29, 2026\n.Dt GRETEL.CONF 5\n.Os\n.Sh NAME\n.Nm gretel.conf\n"
	               ".Nd configuration of greteld\n");
	man_section(o, "DESCRIPTION",
	        "A file in the syntax of libconfig: settings are name = value; texts stand in quotes, groups in { }, lists in "
	        "[ ] or ( ), and comments follow # or // or stand between /* and */. Keys are written here with dots, so that "
	        "dpd.delay is delay in the group dpd: dpd = { delay = \"30s\"; };");
	cfg_buf_put(o, ".Pp\n");
	man_para(o, "All or nothing: with one error nothing of the file is loaded, and a daemon that runs goes on with what it has. "
	        "All errors are listed, each with file, line, key, what was expected and what was found. A key that is not "
	        "listed here is an error.");
	cfg_buf_put(o, ".Pp\n");
	man_para(o, "A line @include \"FILE\" puts another file in its place. FILE is relative to the file that includes it and may "
	        "be a pattern such as \"tunnels.d/*.conf\".");
	cfg_buf_put(o, ".Pp\n");
	man_para(o, "The defaults are chosen for tunnels that shall stay up. Where they differ from strongSwan's, that is said; "
	        "conns of an ipsec.conf have strongSwan's.");
	man_values(o);
	man_sections(o);
	man_algorithms(o);
	cfg_buf_put(o, ".Sh FILES\n.Bl -tag -width Ds\n.It Pa /etc/gretel/gretel.conf\n");
	man_para(o, "Where greteld(8) looks first, with /etc as chosen when gretel was built.");
	cfg_buf_put(o, ".El\n");
	man_section(o, "EXAMPLES", "A GRE tunnel from behind NAT:");
	man_code(o, example);
	cfg_buf_put(o, ".Pp\n");
	man_para(o, "A hub whose spokes meet over it, one behind a tunnel and others by OpenVPN, which announces nothing but its two "
	         "networks:");
	man_code(o, man_hub);
	cfg_buf_put(o, ".Pp\n");
	man_para(o, "And a spoke:");
	man_code(o, man_spoke);
	cfg_buf_put(o, ".Sh SEE ALSO\n.Xr gretel 8 ,\n.Xr greteld 8\n");
}

/* ---- the sample ---- */

static void sample_rows(struct cfg_buf *o, const struct cfg_section *s)
{
	char group[64] = "";
	for (size_t i = 0; i < s->n; i++) {
		const struct cfg_row *row = &s->row[i];
		const char *dot = strchr(row->path, '.');
		size_t n = dot ? (size_t)(dot - row->path) : 0;
		if (group[0] && (strlen(group) != n || memcmp(group, row->path, n) != 0)) {
			cfg_buf_put(o, "\t# };\n");
			group[0] = '\0';
		}
		if (n && !group[0]) {
			struct sbuf b = SB(group);
			sb_printf(&b, "%.*s", (int)n, row->path);
			cfg_buf_printf(o, "\n\t# %s = {\n", group);
		}
		cfg_buf_put(o, group[0] ? "" : "\n");
		put_words(o, group[0] ? "\t#\t# " : "\t# ", row->doc, SAMPLE_WIDTH, false);
		cfg_buf_printf(o, group[0] ? "\t#\t%s = %s;\n" : "\t# %s = %s;\n", dot ? dot + 1 : row->path,
		               row->dflt ? row->dflt : "...");
	}
	if (group[0])
		cfg_buf_put(o, "\t# };\n");
}

void schema_sample(struct cfg_buf *o)
{
	cfg_buf_put(o, "# A sample of /etc/gretel/gretel.conf; gretel.conf(5) has all of it. Check what you write\n"
	               "# with: gretel check. Written by src/config/schema_doc.c.\n\n"
	               "# Comments in this section show the defaults.\ndaemon = {");
	sample_rows(o, &cfg_daemon);
	cfg_buf_put(o, "};\n\n# The least that a tunnel needs is remote and a key.\n");
	cfg_buf_put(o, example);
	cfg_buf_put(o, "\n# What becomes of tunnels that are up: an iBGP speaker here; or frr_conf = \"/etc/frr/frr.conf\" instead of\n"
	               "# as, neighbors and networks.\n");
	for (const char *s = man_spoke; *s;) {
		size_t n = strcspn(s, "\n");
		cfg_buf_put(o, "# ");
		cfg_buf_bytes(o, s, n + 1);
		s += n + 1;
	}
}
