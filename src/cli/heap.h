/* malloc as a struct mem, for what config/ wants one for. */
#ifndef CLI_HEAP_H
#define CLI_HEAP_H

#include "base/base.h"

struct mem *cli_heap(void);

#endif
