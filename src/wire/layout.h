/* Numbers of RFC 7296 3.3 and 3.13 that decoders and encoders share; private to wire/. */
#ifndef WIRE_LAYOUT_H
#define WIRE_LAYOUT_H

/* "Last Substruc" when more follow. */
enum { MORE_PROPOSALS = 2, MORE_TRANSFORMS = 3 };

/* Transform attributes: format bit and the only type. */
enum { ATTR_TV = 0x8000, ATTR_KEY_LENGTH = 14 };

enum { TS_IPV4_ADDR_RANGE = 7, TS_IPV6_ADDR_RANGE = 8 };

#endif
