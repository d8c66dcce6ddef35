/* A request frame's payload, proved and taken apart. Not outside control/. */
#ifndef CONTROL_REQUEST_H
#define CONTROL_REQUEST_H

#include "control/control.h"

struct request {
	json_t *root;             /* owns the texts of args */
	struct control_args args; /* peer is the caller's */
};

/* CONTROL_OK; or CONTROL_USAGE with a sentence in err, *out empty then. Names of tunnels are not looked up here. */
int request_parse(struct span json, struct request *out, struct sbuf *err) MUST_USE;
void request_fini(struct request *r);

#endif
