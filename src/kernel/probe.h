/* Echo requests and replies as octets. Pure; internal to kernel/. */
#ifndef KERNEL_PROBE_H
#define KERNEL_PROBE_H

#include "model/model.h"

/* The octets of an echo request; 0 when they do not fit. */
size_t probe_request(uint8_t *out, size_t size, uint8_t family, uint16_t id);
/* Whether what a raw socket gave is the reply to it. */
bool probe_is_reply(const uint8_t *p, size_t n, uint8_t family, uint16_t id);

#endif
