/* Front door of model/: the nouns that all other directories exchange.
 *
 *   addr      address, prefix, endpoint
 *   ident     IKE identity and its patterns
 *   algo      every algorithm, a table row each
 *   proposal  proposals, and the suite that a negotiation settled
 *   sa        a child SA: two ESP SAs in transport mode, counters
 *   conf      the configuration: one immutable blob without pointers or secrets
 *   route     routes, links, addresses, as kernel and routing modules have them
 *   conf_routing  the routing part of the configuration; conf_shape: what it refers to
 *   psk       pre-shared keys (priv only)
 *   diag      diagnostics about files
 *
 * Plain structs, no behaviour beyond parsing, printing and comparing themselves. */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include "model/addr.h"
#include "model/algo.h"
#include "model/conf.h"
#include "model/conf_routing.h"
#include "model/conf_shape.h"
#include "model/diag.h"
#include "model/ident.h"
#include "model/proposal.h"
#include "model/route.h"
#include "model/psk.h"
#include "model/sa.h"

#endif
