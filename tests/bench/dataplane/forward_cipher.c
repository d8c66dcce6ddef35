/* AES-256-GCM for forward.c, in the manner of RFC 4106: by OpenSSL's EVP or by intel-ipsec-mb (HAVE_IPSEC_MB), or none.
 *
 * EVP by the calls that cost least: the context is initialized once (EVP_CipherInit takes as long as 64 octets do), and counts its own
 * IVs from the salt on, as TLS has it; EVP_Cipher() goes to the provider without the checks of EVP_EncryptUpdate(); what is set or
 * got at one place is set or got by one call, the IV of the next packet with the tag of this one. */
#include "forward.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#ifdef HAVE_IPSEC_MB
#include <intel-ipsec-mb.h>
#endif

enum { HEAD = 8, IV = 8, TAG = 16, KEY = 32 };

static enum { PLAIN, EVP, MB } kind;
static uint8_t salt[2][4]; /* 0: ours */
static EVP_CIPHER_CTX *ctx[2];
static uint8_t next_iv[IV];
#ifdef HAVE_IPSEC_MB
static IMB_MGR *mb;
static struct gcm_key_data mb_key[2];
#endif

size_t cipher_head(void) { return kind == PLAIN ? HEAD : HEAD + IV; }
size_t cipher_room(void) { return kind == PLAIN ? HEAD : HEAD + IV + TAG; }

static bool key_new(unsigned way, unsigned number)
{
	uint8_t key[KEY];
	for (unsigned i = 0; i < KEY; i++)
		key[i] = (uint8_t)(i * 7 + number);
	memset(salt[way], (int)number + 1, 4);
	if (kind == EVP) {
		OSSL_PARAM iv[] = {OSSL_PARAM_octet_string(OSSL_CIPHER_PARAM_AEAD_TLS1_GET_IV_GEN, next_iv, IV), OSSL_PARAM_END};
		EVP_CIPHER *gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
		ctx[way] = EVP_CIPHER_CTX_new();
		return gcm && ctx[way] && EVP_CipherInit_ex2(ctx[way], gcm, key, NULL, way == 0, NULL) == 1 &&
		       EVP_CIPHER_CTX_ctrl(ctx[way], EVP_CTRL_GCM_SET_IV_FIXED, 4, salt[way]) == 1 &&
		       (way == 1 || EVP_CIPHER_CTX_get_params(ctx[way], iv) == 1);
	}
#ifdef HAVE_IPSEC_MB
	if (kind == MB)
		IMB_AES256_GCM_PRE(mb, key, &mb_key[way]);
#endif
	return true;
}

bool cipher_new(const char *name, int side)
{
	unsigned own = side == 1;
	if (strcmp(name, "evp") == 0) {
		kind = EVP;
	} else if (strcmp(name, "mb") == 0) {
		kind = MB;
#ifdef HAVE_IPSEC_MB
		mb = alloc_mb_mgr(0);
		if (!mb)
			return false;
		init_mb_mgr_auto(mb, NULL);
#else
		return false;
#endif
	} else if (strcmp(name, "plain") != 0) {
		return false;
	}
	return key_new(0, own) && key_new(1, !own);
}

#ifdef HAVE_IPSEC_MB
static void nonce_of(uint8_t nonce[12], unsigned way, const uint8_t *iv)
{
	memcpy(nonce, salt[way], 4);
	memcpy(nonce + 4, iv, 8);
}
#endif

void cipher_seal(uint8_t *to, const uint8_t *packet, size_t n, uint32_t seq)
{
	uint8_t *iv = to + HEAD, *text = to + HEAD + IV;
	if (kind == PLAIN) {
		memcpy(to + HEAD, packet, n);
	} else if (kind == EVP) {
		OSSL_PARAM behind[] = {OSSL_PARAM_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, text + n, TAG),
		                       OSSL_PARAM_octet_string(OSSL_CIPHER_PARAM_AEAD_TLS1_GET_IV_GEN, next_iv, IV), OSSL_PARAM_END};
		int k;
		memcpy(iv, next_iv, IV);
		EVP_Cipher(ctx[0], NULL, to, HEAD);
		EVP_Cipher(ctx[0], text, packet, (unsigned)n);
		EVP_CipherFinal_ex(ctx[0], text + n, &k);
		EVP_CIPHER_CTX_get_params(ctx[0], behind);
	}
#ifdef HAVE_IPSEC_MB
	if (kind == MB) {
		uint8_t nonce[12];
		uint64_t number = seq;
		memcpy(iv, &number, IV);
		nonce_of(nonce, 0, iv);
		struct gcm_context_data c;
		IMB_AES256_GCM_ENC(mb, &mb_key[0], &c, text, packet, n, nonce, to, HEAD, text + n, TAG);
	}
#endif
}

bool cipher_open(uint8_t *datagram, size_t n)
{
	uint8_t *iv = datagram + HEAD, *text = iv + IV;
	if (kind == PLAIN)
		return true;
	n -= HEAD + IV + TAG;
	if (kind == EVP) {
		OSSL_PARAM before[] = {OSSL_PARAM_octet_string(OSSL_CIPHER_PARAM_AEAD_TLS1_SET_IV_INV, iv, IV),
		                       OSSL_PARAM_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, text + n, TAG), OSSL_PARAM_END};
		int k;
		return EVP_CIPHER_CTX_set_params(ctx[1], before) == 1 &&
		       EVP_Cipher(ctx[1], NULL, datagram, HEAD) >= 0 && EVP_Cipher(ctx[1], text, text, (unsigned)n) >= 0 &&
		       EVP_CipherFinal_ex(ctx[1], text + n, &k) == 1;
	}
#ifdef HAVE_IPSEC_MB
	if (kind == MB) {
		struct gcm_context_data c;
		uint8_t nonce[12], tag[TAG];
		nonce_of(nonce, 1, iv);
		IMB_AES256_GCM_DEC(mb, &mb_key[1], &c, text, text, n, nonce, datagram, HEAD, tag, TAG);
		return memcmp(tag, text + n, TAG) == 0;
	}
#endif
	return false;
}
