/* What the two files of the watch share. */
#ifndef SIM_SIM_WATCH_INT_H
#define SIM_SIM_WATCH_INT_H

#include "sim_watch.h"

void watch_tunnels_new(struct watch *w, struct sim_node *n);
void watch_tunnel_event(struct watch *w, struct sim_node *n, const struct ike_act *a);
void watch_conf(struct sim_node *n, uint32_t tunnel);
mono_t watch_due(const struct sim *s);
void watch_timer(struct sim *s);
/* Whether the scripts of n's tunnels stand where its children do. */
bool watch_scripts(struct watch *w, const struct sim_node *n, struct sbuf *why);

#endif
