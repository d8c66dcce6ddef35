/* AES-256-GCM for forward.c, in the manner of RFC 4106: by OpenSSL's EVP or by intel-ipsec-mb (HAVE_IPSEC_MB), or none. */
#include "forward.h"

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
		ctx[way] = EVP_CIPHER_CTX_new();
		return ctx[way] && EVP_CipherInit_ex(ctx[way], EVP_aes_256_gcm(), NULL, key, NULL, way == 0) == 1;
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

static void nonce_of(uint8_t nonce[12], unsigned way, const uint8_t *iv)
{
	memcpy(nonce, salt[way], 4);
	memcpy(nonce + 4, iv, 8);
}

void cipher_seal(uint8_t *to, const uint8_t *packet, size_t n, uint32_t seq)
{
	uint8_t nonce[12], *iv = to + HEAD, *text = to + HEAD + IV;
	uint64_t number = seq;
	int k;
	if (kind == PLAIN) {
		memcpy(to + HEAD, packet, n);
		return;
	}
	memcpy(iv, &number, IV);
	nonce_of(nonce, 0, iv);
	if (kind == EVP) {
		EVP_EncryptInit_ex(ctx[0], NULL, NULL, NULL, nonce);
		EVP_EncryptUpdate(ctx[0], NULL, &k, to, HEAD);
		EVP_EncryptUpdate(ctx[0], text, &k, packet, (int)n);
		EVP_EncryptFinal_ex(ctx[0], text + n, &k);
		EVP_CIPHER_CTX_ctrl(ctx[0], EVP_CTRL_AEAD_GET_TAG, TAG, text + n);
	}
#ifdef HAVE_IPSEC_MB
	if (kind == MB) {
		struct gcm_context_data c;
		IMB_AES256_GCM_ENC(mb, &mb_key[0], &c, text, packet, n, nonce, to, HEAD, text + n, TAG);
	}
#endif
}

bool cipher_open(uint8_t *datagram, size_t n, uint32_t seq)
{
	uint8_t nonce[12], *text = datagram + HEAD + IV;
	int k;
	(void)seq;
	if (kind == PLAIN)
		return true;
	n -= HEAD + IV + TAG;
	nonce_of(nonce, 1, datagram + HEAD);
	if (kind == EVP) {
		EVP_DecryptInit_ex(ctx[1], NULL, NULL, NULL, nonce);
		EVP_CIPHER_CTX_ctrl(ctx[1], EVP_CTRL_AEAD_SET_TAG, TAG, text + n);
		EVP_DecryptUpdate(ctx[1], NULL, &k, datagram, HEAD);
		EVP_DecryptUpdate(ctx[1], text, &k, text, (int)n);
		return EVP_DecryptFinal_ex(ctx[1], text + n, &k) == 1;
	}
#ifdef HAVE_IPSEC_MB
	if (kind == MB) {
		struct gcm_context_data c;
		uint8_t tag[TAG];
		IMB_AES256_GCM_DEC(mb, &mb_key[1], &c, text, text, n, nonce, datagram, HEAD, tag, TAG);
		return memcmp(tag, text + n, TAG) == 0;
	}
#endif
	return false;
}
