/* The channel between priv and hook: what to run, and what came of it. The framing is privsep/'s with a table of its
 * own, because only the daemon may know both hook/ and privsep/. */
#ifndef DAEMON_HOOK_ROLE_H
#define DAEMON_HOOK_ROLE_H

#include "hook/hook.h"
#include "privsep/privsep.h"

enum hook_verb { HOOKV_RUN = 64, HOOKV_LINE, HOOKV_ENDED, HOOKV_TOOL, HOOKV_EXEC, HOOKV_KILL, HOOKV_OUTPUT };

/* RUN: ticket = the run; tail: the shell line. */
struct m_run { struct hook_event event; };
/* ENDED: ticket = the run. LINE has no body; its tail is the line. */
struct m_ended { int32_t status; };

/* TOOL: tail: the words of a command line, each ended by NUL. EXEC: tail: a shell line; descriptor: its standard input and output.
 * KILL: the one with this ticket. OUTPUT: tail: octets of a tool, or of a program's standard error. */
enum { HOOK_COMMAND_MAX = 65536, HOOK_TOOL_WORDS = 40, HOOK_TOOL_LIMIT_S = 20 };

extern const struct priv_table HOOK_VERBS;

#endif
