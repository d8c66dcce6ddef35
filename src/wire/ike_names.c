/* Names of what the codecs know, and the one-line form of a message. The tables hold the IANA names and the short
 * forms that strongSwan prints, because people and scripts read our log as they read its log.
 *
 * Called by ike/ for logs and by whoever shows a recording. Never decodes more than the notify type and the
 * fragment numbers. */
#include "wire/wire.h"

struct notify_row {
	uint16_t type;
	const char *name, *brief;
};

/* Ascending by type (the search relies on it). */
static const struct notify_row notifies[] = {
	{N_UNSUPPORTED_CRITICAL_PAYLOAD, "UNSUPPORTED_CRITICAL_PAYLOAD", "CRIT"},
	{N_INVALID_IKE_SPI, "INVALID_IKE_SPI", "INVAL_IKE_SPI"},
	{N_INVALID_MAJOR_VERSION, "INVALID_MAJOR_VERSION", "INVAL_MAJOR"},
	{N_INVALID_SYNTAX, "INVALID_SYNTAX", "INVAL_SYN"},
	{N_INVALID_MESSAGE_ID, "INVALID_MESSAGE_ID", "INVAL_MID"},
	{N_INVALID_SPI, "INVALID_SPI", "INVAL_SPI"},
	{N_NO_PROPOSAL_CHOSEN, "NO_PROPOSAL_CHOSEN", "NO_PROP"},
	{N_INVALID_KE_PAYLOAD, "INVALID_KE_PAYLOAD", "INVAL_KE"},
	{N_AUTHENTICATION_FAILED, "AUTHENTICATION_FAILED", "AUTH_FAILED"},
	{N_SINGLE_PAIR_REQUIRED, "SINGLE_PAIR_REQUIRED", "SINGLE_PAIR"},
	{N_NO_ADDITIONAL_SAS, "NO_ADDITIONAL_SAS", "NO_ADD_SAS"},
	{N_INTERNAL_ADDRESS_FAILURE, "INTERNAL_ADDRESS_FAILURE", "INT_ADDR_FAIL"},
	{N_FAILED_CP_REQUIRED, "FAILED_CP_REQUIRED", "FAIL_CP_REQ"},
	{N_TS_UNACCEPTABLE, "TS_UNACCEPTABLE", "TS_UNACCEPT"},
	{N_INVALID_SELECTORS, "INVALID_SELECTORS", "INVAL_SEL"},
	{N_UNACCEPTABLE_ADDRESSES, "UNACCEPTABLE_ADDRESSES", "UNACCEPT_ADDR"},
	{N_UNEXPECTED_NAT_DETECTED, "UNEXPECTED_NAT_DETECTED", "UNEXPECT_NAT"},
	{42, "USE_ASSIGNED_HoA", "ASSIGNED_HoA"},
	{N_TEMPORARY_FAILURE, "TEMPORARY_FAILURE", "TEMP_FAIL"},
	{N_CHILD_SA_NOT_FOUND, "CHILD_SA_NOT_FOUND", "NO_CHILD_SA"},
	{N_INITIAL_CONTACT, "INITIAL_CONTACT", "INIT_CONTACT"},
	{N_SET_WINDOW_SIZE, "SET_WINDOW_SIZE", "SET_WINSIZE"},
	{N_ADDITIONAL_TS_POSSIBLE, "ADDITIONAL_TS_POSSIBLE", "ADD_TS_POSS"},
	{N_IPCOMP_SUPPORTED, "IPCOMP_SUPPORTED", "IPCOMP_SUP"},
	{N_NAT_DETECTION_SOURCE_IP, "NAT_DETECTION_SOURCE_IP", "NATD_S_IP"},
	{N_NAT_DETECTION_DESTINATION_IP, "NAT_DETECTION_DESTINATION_IP", "NATD_D_IP"},
	{N_COOKIE, "COOKIE", "COOKIE"},
	{N_USE_TRANSPORT_MODE, "USE_TRANSPORT_MODE", "USE_TRANSP"},
	{N_HTTP_CERT_LOOKUP_SUPPORTED, "HTTP_CERT_LOOKUP_SUPPORTED", "HTTP_CERT_LOOK"},
	{N_REKEY_SA, "REKEY_SA", "REKEY_SA"},
	{N_ESP_TFC_PADDING_NOT_SUPPORTED, "ESP_TFC_PADDING_NOT_SUPPORTED", "ESP_TFC_PAD_N"},
	{N_NON_FIRST_FRAGMENTS_ALSO, "NON_FIRST_FRAGMENTS_ALSO", "NON_FIRST_FRAG"},
	{N_MOBIKE_SUPPORTED, "MOBIKE_SUPPORTED", "MOBIKE_SUP"},
	{N_ADDITIONAL_IP4_ADDRESS, "ADDITIONAL_IP4_ADDRESS", "ADD_4_ADDR"},
	{N_ADDITIONAL_IP6_ADDRESS, "ADDITIONAL_IP6_ADDRESS", "ADD_6_ADDR"},
	{N_NO_ADDITIONAL_ADDRESSES, "NO_ADDITIONAL_ADDRESSES", "NO_ADD_ADDR"},
	{N_UPDATE_SA_ADDRESSES, "UPDATE_SA_ADDRESSES", "UPD_SA_ADDR"},
	{N_COOKIE2, "COOKIE2", "COOKIE2"},
	{N_NO_NATS_ALLOWED, "NO_NATS_ALLOWED", "NO_NATS"},
	{N_AUTH_LIFETIME, "AUTH_LIFETIME", "AUTH_LFT"},
	{16404, "MULTIPLE_AUTH_SUPPORTED", "MULT_AUTH"},
	{16405, "ANOTHER_AUTH_FOLLOWS", "AUTH_FOLLOWS"},
	{N_REDIRECT_SUPPORTED, "REDIRECT_SUPPORTED", "REDIR_SUP"},
	{16407, "REDIRECT", "REDIR"},
	{16408, "REDIRECTED_FROM", "REDIR_FROM"},
	{N_EAP_ONLY_AUTHENTICATION, "EAP_ONLY_AUTHENTICATION", "EAP_ONLY"},
	{N_CHILDLESS_IKEV2_SUPPORTED, "CHILDLESS_IKEV2_SUPPORTED", "CHDLESS_SUP"},
	{16419, "QUICK_CRASH_DETECTION", "CRASH_DET"},
	{16420, "IKEV2_MESSAGE_ID_SYNC_SUPPORTED", "MSG_ID_SYN_SUP"},
	{16421, "IPSEC_REPLAY_COUNTER_SYNC_SUPPORTED", "RPL_CTR_SYN_SUP"},
	{16422, "IKEV2_MESSAGE_ID_SYNC", "MSG_ID_SYN"},
	{16423, "IPSEC_REPLAY_COUNTER_SYNC", "RPL_CTR_SYN"},
	{N_FRAGMENTATION_SUPPORTED, "FRAGMENTATION_SUPPORTED", "FRAG_SUP"},
	{N_SIGNATURE_HASH_ALGORITHMS, "SIGNATURE_HASH_ALGORITHMS", "HASH_ALG"},
	{N_USE_PPK, "USE_PPK", "USE_PPK"},
	{N_PPK_IDENTITY, "PPK_IDENTITY", "PPK_ID"},
	{N_NO_PPK_AUTH, "NO_PPK_AUTH", "NO_PPK"},
};

static const struct notify_row *find_notify(uint16_t type)
{
	size_t lo = 0, hi = ARRAY_LEN(notifies);

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (notifies[mid].type == type)
			return &notifies[mid];
		if (notifies[mid].type < type)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

const char *ike_notify_name(uint16_t type)
{
	const struct notify_row *row = find_notify(type);
	return row ? row->name : NULL;
}

const char *ike_notify_short(uint16_t type)
{
	const struct notify_row *row = find_notify(type);
	return row ? row->brief : NULL;
}

bool ike_notify_is_error(uint16_t type) { return type < N_INITIAL_CONTACT; }

const char *ike_exchange_name(uint8_t exchange)
{
	switch (exchange) {
	case IKE_SA_INIT: return "IKE_SA_INIT";
	case IKE_AUTH: return "IKE_AUTH";
	case CREATE_CHILD_SA: return "CREATE_CHILD_SA";
	case INFORMATIONAL: return "INFORMATIONAL";
	case 38: return "IKE_SESSION_RESUME"; /* RFC 5723 */
	case 43: return "IKE_INTERMEDIATE";   /* RFC 9242 */
	case 44: return "IKE_FOLLOWUP_KE";    /* RFC 9370 */
	default: return NULL;
	}
}

const char *wire_err_name(enum wire_err e)
{
	switch (e) {
	case WIRE_OK: return "ok";
	case WIRE_SHORT: return "too short or a length is wrong";
	case WIRE_SYNTAX: return "invalid syntax";
	case WIRE_VERSION: return "major version not supported";
	case WIRE_CRITICAL: return "unknown critical payload";
	case WIRE_TOO_MANY: return "too many elements";
	case WIRE_UNKNOWN: return "kind not supported";
	}
	return "?";
}

/* P_SA to P_EAP, in order. */
static const char *const payload_names[] = {"SA", "KE", "IDi", "IDr", "CERT", "CERTREQ", "AUTH", "No",
                                            "N",  "D",  "V",   "TSi", "TSr",  "E",       "CP",   "EAP"};

static void sb_notify(struct sbuf *b, struct span body)
{
	struct ike_notify n;

	if (ike_notify_decode(body, &n) != WIRE_OK)
		sb_put(b, "N(?)");
	else if (ike_notify_short(n.type))
		sb_printf(b, "N(%s)", ike_notify_short(n.type));
	else
		sb_printf(b, "N((%u))", n.type);
}

static void sb_fragment(struct sbuf *b, struct span body)
{
	struct ike_skf f;

	if (ike_skf_decode(body, &f) != WIRE_OK)
		sb_put(b, "EF(?)");
	else
		sb_printf(b, "EF(%u/%u)", f.number, f.total);
}

/* What is inside SK takes the place of SK. */
static void sb_payloads(struct sbuf *b, const struct ike_payloads *p, bool opened)
{
	for (uint8_t i = 0; p && i < p->n; i++) {
		uint8_t type = p->v[i].type;
		if (opened && (type == P_SK || type == P_SKF))
			continue;
		sb_putc(b, ' ');
		if (type == P_N)
			sb_notify(b, p->v[i].body);
		else if (type == P_SKF)
			sb_fragment(b, p->v[i].body);
		else if (type >= P_SA && type < P_SA + ARRAY_LEN(payload_names))
			sb_put(b, payload_names[type - P_SA]);
		else
			sb_printf(b, "(%u)", type);
	}
}

void sb_ike_message(struct sbuf *b, const struct ike_hdr *h, const struct ike_payloads *outer,
                    const struct ike_payloads *inner)
{
	const char *name = ike_exchange_name(h->exchange);

	if (name)
		sb_put(b, name);
	else
		sb_printf(b, "(%u)", h->exchange);
	sb_printf(b, " %s %u [", h->flags & IKE_F_RESPONSE ? "response" : "request", h->msg_id);
	sb_payloads(b, outer, inner != NULL);
	sb_payloads(b, inner, false);
	sb_put(b, " ]");
}
