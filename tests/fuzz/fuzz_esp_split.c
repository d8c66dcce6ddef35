/* A frame from a device, with its vnet header: split or completed, or refused; and the answer to its sender. The input is gso,
 * csum, gso_size, csum_start and csum_offset (8 octets), then the frame. */
#include "../unit/esp_packets.h"
#include "fuzz.h"

#include <stdlib.h>

enum { PACKETS_MAX = 2000 };

static void must(bool right)
{
	if (!right)
		abort();
}

static void split(const uint8_t *p, size_t n, const struct esp_vnet *v)
{
	struct esp_split s;

	if (esp_split_begin(&s, p, n, v) != ESP_DROP_N)
		return;
	must(s.packets > 0 && s.most <= n);
	size_t payload = 0;
	uint8_t *out = malloc(s.most);
	must(out != NULL);
	for (uint32_t i = 0; i < s.packets && i < PACKETS_MAX; i++) {
		uint32_t len = esp_split_packet(&s, i, out);
		must(len <= s.most && len > s.hdr);
		payload += len - s.hdr;
		/* what the host began is the host's; what was summed up here is right */
		must(v->csum || packet_wrong(out, len) == NULL);
	}
	must(s.packets > PACKETS_MAX || payload + s.hdr == n);
	free(out);
}

static void answer(const uint8_t *p, size_t n, uint32_t mtu)
{
	uint8_t *out = malloc(ESP_ICMP_MAX);
	must(out != NULL);
	size_t len = esp_icmp_too_big(out, p, n, mtu, NULL);
	must(len <= ESP_ICMP_MAX);
	if (len && out[0] >> 4 == 6)
		must(packet_wrong(out, len) == NULL);
	else if (len)
		must(plain_sum(out, 20) == 0xffff && plain_sum(out + 20, len - 20) == 0xffff && be16(out + 2) == len);
	free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rd r = rd_init(data, size);
	struct esp_vnet v = {.gso = rd_u8(&r), .csum = rd_u8(&r) & 1};

	v.gso_size = rd_u16(&r);
	v.csum_start = rd_u16(&r);
	v.csum_offset = rd_u16(&r);
	size_t n = rd_left(&r);
	if (!rd_ok(&r) || n > 65575)
		return 0;
	uint8_t *frame = exact(rd_take(&r, n), n);
	split(frame, n, &v);
	answer(frame, n, v.gso_size);
	size_t field = (size_t)v.csum_start + v.csum_offset;
	uint32_t seed = field + 2 <= n ? be16(frame + field) : 0;
	if (esp_sum_complete(frame, n, &v) == ESP_DROP_N && v.csum_offset % 2 == 0)
		must(csum_fold(seed + plain_sum(frame + v.csum_start, n - v.csum_start)) == 0xffff);
	free(frame);
	return 0;
}
