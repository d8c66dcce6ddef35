/* BGP OPEN and its capabilities (RFC 4271 4.2, 6.2; 5492, 9072; 4760, 6793, 2918, 7313, 4724, 8538, 9494, 8654, 7911,
 * 8950). A capability is a row of caps[]; what no row knows is skipped. */
#include "wire/bgp_int.h"

enum { PARAM_CAPABILITIES = 2, PARAM_EXTENDED = 255 };
enum { HOST_CUT = 64, DOMAIN_CUT = 32, SOFTWARE_CUT = 48 };
/* Bits of the graceful restart capabilities (RFC 4724 3, 8538 2). */
enum { GR_RESTARTED = 0x8000, GR_NOTIFICATION = 0x4000, GR_TIME = 0x0fff, GR_FORWARDING = 0x80 };

static void read_mp(struct rd *r, struct bgp_caps *c)
{
	uint16_t afi = rd_u16(r);
	rd_skip(r, 1);
	int af = bgp_af_of(afi, rd_u8(r));

	if (af < 0)
		c->mp_other = true;
	else
		c->mp[af] = true;
}

static void read_refresh(struct rd *r, struct bgp_caps *c) { (void)r, c->refresh = true; }
static void read_enhanced(struct rd *r, struct bgp_caps *c) { (void)r, c->enhanced_refresh = true; }
static void read_ext_message(struct rd *r, struct bgp_caps *c) { (void)r, c->ext_message = true; }

static void read_as4(struct rd *r, struct bgp_caps *c)
{
	c->as4 = true;
	c->as = rd_u32(r);
}

static void read_ext_nexthop(struct rd *r, struct bgp_caps *c)
{
	while (rd_left(r)) {
		uint16_t afi = rd_u16(r), safi = rd_u16(r), nh_afi = rd_u16(r);
		if (afi == BGP_AFI_V4 && safi == BGP_SAFI_UNICAST && nh_afi == BGP_AFI_V6)
			c->ext_nexthop = true;
	}
}

/* RFC 4724 3: of several instances the last counts. */
static void read_gr(struct rd *r, struct bgp_caps *c)
{
	uint16_t head = rd_u16(r);

	c->gr = true;
	c->gr_restarted = head & GR_RESTARTED;
	c->gr_notification = head & GR_NOTIFICATION;
	c->gr_time_s = head & GR_TIME;
	for (size_t i = 0; i < BGP_AF_N; i++)
		c->gr_af[i] = c->gr_forwarding[i] = false;
	while (rd_left(r)) {
		uint16_t afi = rd_u16(r);
		int af = bgp_af_of(afi, rd_u8(r));
		uint8_t flags = rd_u8(r);
		if (af < 0)
			continue;
		c->gr_af[af] = true;
		c->gr_forwarding[af] = flags & GR_FORWARDING;
	}
}

static void read_llgr(struct rd *r, struct bgp_caps *c)
{
	c->llgr = true;
	for (size_t i = 0; i < BGP_AF_N; i++)
		c->llgr_af[i] = c->llgr_forwarding[i] = false;
	while (rd_left(r)) {
		uint16_t afi = rd_u16(r);
		int af = bgp_af_of(afi, rd_u8(r));
		uint8_t flags = rd_u8(r);
		uint32_t time_s = rd_u24(r);
		if (af < 0)
			continue;
		c->llgr_af[af] = true;
		c->llgr_forwarding[af] = flags & GR_FORWARDING;
		c->llgr_time_s[af] = time_s;
	}
}

/* RFC 7911 4: any other value than 1, 2, 3 and the tuple is ignored. */
static void read_add_path(struct rd *r, struct bgp_caps *c)
{
	while (rd_left(r)) {
		uint16_t afi = rd_u16(r);
		int af = bgp_af_of(afi, rd_u8(r));
		uint8_t bits = rd_u8(r);
		if (af >= 0 && bits >= 1 && bits <= 3)
			c->addpath[af] = bits;
	}
}

/* A length octet and that many. */
static struct span read_text(struct rd *r)
{
	size_t n = rd_u8(r);
	return SPAN(rd_take(r, n), n);
}

static void read_fqdn(struct rd *r, struct bgp_caps *c)
{
	struct span host = read_text(r), domain = rd_left(r) ? read_text(r) : SPAN(NULL, 0);

	if (!rd_ok(r))
		return;
	c->fqdn = true;
	c->host = host;
	c->domain = domain;
}

static void read_software(struct rd *r, struct bgp_caps *c)
{
	struct span text = read_text(r);
	if (rd_ok(r))
		c->software = text;
}

/* A length of min + k * each octets; each 0: exactly min; 1: at least min. One of another length is as if it were not there, but not
 * if vital: without AS4 each AS_PATH would be read with numbers of two octets, which is not what the peer will send. */
static const struct cap_row {
	uint8_t code, min, each;
	bool vital;
	void (*read)(struct rd *r, struct bgp_caps *c);
} caps[] = {
	{BGP_CAP_MP, 4, 0, false, read_mp},
	{BGP_CAP_REFRESH, 0, 0, false, read_refresh},
	{BGP_CAP_EXT_NEXTHOP, 0, 6, false, read_ext_nexthop},
	{BGP_CAP_EXT_MESSAGE, 0, 0, false, read_ext_message},
	{BGP_CAP_GR, 2, 4, false, read_gr},
	{BGP_CAP_AS4, 4, 0, true, read_as4},
	{BGP_CAP_ADD_PATH, 0, 4, false, read_add_path},
	{BGP_CAP_ENHANCED_REFRESH, 0, 0, false, read_enhanced},
	{BGP_CAP_LLGR, 0, 7, false, read_llgr},
	{BGP_CAP_FQDN, 1, 1, false, read_fqdn},
	{BGP_CAP_SOFTWARE, 1, 1, false, read_software},
};

static bool read_capability(uint8_t code, struct rd *value, struct bgp_caps *c)
{
	size_t n = rd_left(value);

	for (size_t i = 0; i < ARRAY_LEN(caps); i++) {
		const struct cap_row *row = &caps[i];
		if (row->code != code)
			continue;
		bool fits = row->each ? n >= row->min && (n - row->min) % row->each == 0 : n == row->min;
		if (fits)
			row->read(value, c);
		return fits || !row->vital;
	}
	return true;
}

/* RFC 5492 4: several capabilities in one parameter, or one each. */
static bool read_capabilities(struct rd *r, struct bgp_caps *c)
{
	c->any = true;
	while (rd_left(r)) {
		uint8_t code = rd_u8(r);
		struct rd value = rd_sub(r, rd_u8(r));
		if (rd_ok(r) && !read_capability(code, &value, c))
			return false;
	}
	return rd_ok(r);
}

static bool refuse(struct bgp_error *e, uint8_t sub, struct span data)
{
	*e = (struct bgp_error){.code = BGP_E_OPEN, .sub = sub, .data = data};
	return false;
}

static bool read_parameters(struct rd *r, bool extended, struct bgp_caps *c, struct bgp_error *e)
{
	while (rd_left(r)) {
		uint8_t type = rd_u8(r);
		struct rd value = rd_sub(r, extended ? rd_u16(r) : rd_u8(r));
		if (!rd_ok(r))
			break;
		if (type != PARAM_CAPABILITIES) /* RFC 4271 6.2 */
			return refuse(e, BGP_E_PARAM, SPAN(NULL, 0));
		if (!read_capabilities(&value, c))
			return refuse(e, 0, SPAN(NULL, 0));
	}
	/* RFC 4271 6.2: recognized, but malformed: unspecific */
	return rd_ok(r) || refuse(e, 0, SPAN(NULL, 0));
}

/* RFC 9072 2: a first parameter of type 255 is the mark of two-octet lengths, whatever the old length says but 0. */
static bool is_extended(struct rd r, size_t len) { return len != 0 && rd_u8(&r) == PARAM_EXTENDED; }

bool bgp_open_decode(struct span body, struct bgp_open *out, struct bgp_error *e)
{
	static const uint8_t our_version[2] = {0, BGP_VERSION};
	struct rd r = rd_init(body.p, body.n);

	*out = (struct bgp_open){.version = rd_u8(&r)};
	*e = (struct bgp_error){0};
	out->as = out->as2 = rd_u16(&r);
	out->hold_s = rd_u16(&r);
	out->id = rd_u32(&r);
	size_t len = rd_u8(&r);
	if (rd_ok(&r) && out->version != BGP_VERSION)
		return refuse(e, BGP_E_VERSION, SPAN(our_version, sizeof our_version));
	bool extended = is_extended(r, len);
	if (extended) {
		rd_skip(&r, 1);
		len = rd_u16(&r);
	}
	struct rd params = rd_sub(&r, len);
	if (!rd_done(&r))
		return refuse(e, 0, SPAN(NULL, 0));
	if (!read_parameters(&params, extended, &out->caps, e))
		return false;
	if (out->caps.as4)
		out->as = out->caps.as;
	if (out->as == 0 || out->as2 == 0) /* RFC 7607 */
		return refuse(e, BGP_E_PEER_AS, SPAN(NULL, 0));
	if (out->hold_s == 1 || out->hold_s == 2)
		return refuse(e, BGP_E_HOLD_TIME, SPAN(NULL, 0));
	if (out->id == 0) /* RFC 6286 2.1 */
		return refuse(e, BGP_E_ID, SPAN(NULL, 0));
	return true;
}

/* --- Encoding --- */
/* Opens a parameter with one capability of n octets. */
static void put_cap(struct wr *w, uint8_t code, size_t n)
{
	wr_u8(w, PARAM_CAPABILITIES);
	wr_u8(w, (unsigned)n + 2);
	wr_u8(w, code);
	wr_u8(w, (unsigned)n);
}

static void put_af(struct wr *w, uint8_t af)
{
	wr_u16(w, bgp_afi(af));
	wr_u8(w, BGP_SAFI_UNICAST);
}

static size_t count(const bool of[BGP_AF_N])
{
	size_t n = 0;
	for (size_t i = 0; i < BGP_AF_N; i++)
		n += of[i];
	return n;
}

static void put_text(struct wr *w, struct span text, size_t cut)
{
	size_t n = min_z(text.n, cut);
	wr_u8(w, (unsigned)n);
	wr_bytes(w, text.p, n);
}

static void put_families(struct wr *w, const struct bgp_caps *c)
{
	for (uint8_t af = 0; af < BGP_AF_N; af++) {
		if (!c->mp[af])
			continue;
		put_cap(w, BGP_CAP_MP, 4);
		wr_u16(w, bgp_afi(af));
		wr_u8(w, 0);
		wr_u8(w, BGP_SAFI_UNICAST);
	}
}

static void put_add_path(struct wr *w, const struct bgp_caps *c)
{
	const bool has[BGP_AF_N] = {c->addpath[BGP_V4] != 0, c->addpath[BGP_V6] != 0};

	if (!count(has))
		return;
	put_cap(w, BGP_CAP_ADD_PATH, 4 * count(has));
	for (uint8_t af = 0; af < BGP_AF_N; af++) {
		if (!has[af])
			continue;
		put_af(w, af);
		wr_u8(w, c->addpath[af]);
	}
}

static void put_gr(struct wr *w, const struct bgp_caps *c)
{
	if (!c->gr)
		return;
	put_cap(w, BGP_CAP_GR, 2 + 4 * count(c->gr_af));
	unsigned time_s = c->gr_time_s < GR_TIME ? c->gr_time_s : GR_TIME;
	wr_u16(w, (c->gr_restarted ? GR_RESTARTED : 0u) | (c->gr_notification ? GR_NOTIFICATION : 0u) | time_s);
	for (uint8_t af = 0; af < BGP_AF_N; af++) {
		if (!c->gr_af[af])
			continue;
		put_af(w, af);
		wr_u8(w, c->gr_forwarding[af] ? GR_FORWARDING : 0);
	}
}

static void put_llgr(struct wr *w, const struct bgp_caps *c)
{
	if (!c->llgr)
		return;
	put_cap(w, BGP_CAP_LLGR, 7 * count(c->llgr_af));
	for (uint8_t af = 0; af < BGP_AF_N; af++) {
		if (!c->llgr_af[af])
			continue;
		put_af(w, af);
		wr_u8(w, c->llgr_forwarding[af] ? GR_FORWARDING : 0);
		wr_u24(w, (uint32_t)min_z(c->llgr_time_s[af], 0xffffff));
	}
}

static void put_texts(struct wr *w, const struct bgp_caps *c)
{
	if (c->fqdn) {
		put_cap(w, BGP_CAP_FQDN, 2 + min_z(c->host.n, HOST_CUT) + min_z(c->domain.n, DOMAIN_CUT));
		put_text(w, c->host, HOST_CUT);
		put_text(w, c->domain, DOMAIN_CUT);
	}
	put_gr(w, c);
	put_llgr(w, c);
	if (c->software.n) {
		put_cap(w, BGP_CAP_SOFTWARE, 1 + min_z(c->software.n, SOFTWARE_CUT));
		put_text(w, c->software, SOFTWARE_CUT);
	}
}

void bgp_open_encode(struct wr *w, const struct bgp_open *o)
{
	const struct bgp_caps *c = &o->caps;
	size_t start = bgp_msg_begin(w, BGP_OPEN);

	wr_u8(w, BGP_VERSION);
	wr_u16(w, o->as > UINT16_MAX ? BGP_AS_TRANS : o->as);
	wr_u16(w, o->hold_s);
	wr_u32(w, o->id);
	size_t len_at = w->len;
	wr_u8(w, 0);
	put_families(w, c);
	if (c->refresh)
		put_cap(w, BGP_CAP_REFRESH, 0);
	if (c->enhanced_refresh)
		put_cap(w, BGP_CAP_ENHANCED_REFRESH, 0);
	if (c->as4) {
		put_cap(w, BGP_CAP_AS4, 4);
		wr_u32(w, o->as);
	}
	if (c->ext_message)
		put_cap(w, BGP_CAP_EXT_MESSAGE, 0);
	if (c->ext_nexthop) {
		put_cap(w, BGP_CAP_EXT_NEXTHOP, 6);
		wr_u16(w, BGP_AFI_V4);
		wr_u16(w, BGP_SAFI_UNICAST);
		wr_u16(w, BGP_AFI_V6);
	}
	put_add_path(w, c);
	put_texts(w, c);
	wr_put_u8(w, len_at, (unsigned)(w->len - len_at - 1));
	bgp_msg_end(w, start);
}
