/* Datagrams as they come from the network, before decryption: SPIs that exist and others, IKE among them, batches of UDP_GRO. Input: two
 * octets of segment size, one of DS field, then the datagrams. */
#include "fuzz_esp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fuzz_esp f;
	const struct esp_ike *ike;

	if (!f.e)
		f = fuzz_esp();
	if (size < 3)
		return 0;
	size_t n = size - 3;
	uint8_t *exact = malloc(n);
	if (n)
		memcpy(exact, data + 3, n);
	if (!esp_rx_put(f.rx, exact, n, (size_t)data[0] << 8 | data[1], &fuzz_peer, &fuzz_here, data[2]))
		abort(); /* it was empty */
	esp_rx_open(f.rx, 1);
	(void)fuzz_frames(&f);
	size_t octets = 0;
	while ((ike = esp_rx_ike(f.rx)))
		octets += ike->data.n + 4;
	if (octets > n)
		abort();
	free(exact);
	return 0;
}
