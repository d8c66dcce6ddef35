/* What hook runs for route: frr's and bird's tools, and the program of the module exec. The words of a tool are checked by
 * privsep/actor_tool.c; which program is run, and which shell line, stands in priv's own configuration. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/priv_role.h"

enum { TOOLS_MAX = 8 };

static struct tool_run *find(struct priv *p, uint32_t run)
{
	LIST_EACH(it, tmp, &p->route.tools) {
		if (LIST_ENTRY(it, struct tool_run, node)->run == run)
			return LIST_ENTRY(it, struct tool_run, node);
	}
	return NULL;
}

static void end(struct priv *p, struct tool_run *r, int status)
{
	struct e_route_ended e;
	memset(&e, 0, sizeof e);
	e.status = status;
	e.cut = r->cut;
	if (r->epoch == p->route.peer.epoch)
		route_event(p, r->program ? RV_EXEC_END : RV_TOOL_END, r->ticket, &e, SPAN(NULL, 0), NULL, 0);
	list_del(&r->node);
	free(r);
}

static struct tool_run *run_new(struct priv *p, uint32_t ticket, bool program)
{
	size_t n = 0;
	LIST_EACH(it, tmp, &p->route.tools)
		n++;
	struct tool_run *r = n < TOOLS_MAX ? calloc(1, sizeof *r) : NULL;
	if (!r)
		return NULL;
	*r = (struct tool_run){.run = ++p->next_run, .ticket = ticket, .epoch = p->route.peer.epoch, .program = program};
	list_add_tail(&p->route.tools, &r->node);
	return r;
}

static void refuse(struct priv *p, uint8_t verb, uint32_t ticket, int status)
{
	struct e_route_ended e;
	memset(&e, 0, sizeof e);
	e.status = status;
	route_event(p, verb, ticket, &e, SPAN(NULL, 0), NULL, 0);
}

/* The tool's path: routing.command, or its name. */
static const char *path_of(const struct priv *p, uint8_t tool)
{
	const struct conf_routing *c = conf_routing(p->conf);
	const char *command = c ? conf_str(p->conf, c->command) : "";
	return *command ? command : tool == ROUTE_TOOL_FRR ? "vtysh" : "birdc";
}

void tool_start(struct priv *p, const struct priv_msg *m)
{
	const struct m_route_tool *t = m->body;
	const struct conf_routing *c = conf_routing(p->conf);
	const char *module = c ? conf_str(p->conf, c->module) : "", *word[HOOK_TOOL_WORDS];
	char why[128] = "";
	struct sbuf b = SB(why);
	int n = strcmp(module, t->tool == ROUTE_TOOL_FRR ? "frr" : "bird") == 0
	                ? actor_routes_tool(p->route.actor, m, word, ARRAY_LEN(word), &b)
	                : -EPERM;
	if (n < 0) {
		priv_logf(p, 0, "a command for the tool of another module is not run: %s", why);
		refuse(p, RV_TOOL_END, m->ticket, n);
		return;
	}
	uint8_t line[HOOK_COMMAND_MAX / 8];
	struct wr w = wr_init(line, sizeof line);
	const char *path = path_of(p, t->tool);
	wr_bytes(&w, path, strlen(path) + 1);
	wr_bytes(&w, m->tail.p, m->tail.n);
	struct tool_run *r = p->hook.chan && wr_ok(&w) ? run_new(p, m->ticket, false) : NULL;
	int rc = r ? privsep_send(p->hook.chan, HOOKV_TOOL, r->run, NULL, SPAN(line, w.len), NULL, 0) : -EBUSY;
	if (rc < 0 && r)
		end(p, r, rc);
	else if (rc < 0)
		refuse(p, RV_TOOL_END, m->ticket, rc);
	else
		peer_watch(p, &p->hook);
}

void program_start(struct priv *p, uint32_t ticket)
{
	const struct conf_routing *c = conf_routing(p->conf);
	const char *command = c && strcmp(conf_str(p->conf, c->module), "exec") == 0 ? conf_str(p->conf, c->command) : "";
	struct e_route_fd e;
	int pair[2] = {-1, -1}, rc = *command ? 0 : -ENOENT;
	programs_kill(p); /* one at a time */
	if (rc == 0 && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		rc = -errno;
	struct tool_run *r = rc == 0 && p->hook.chan ? run_new(p, ticket, true) : NULL;
	if (rc == 0)
		rc = r ? privsep_send(p->hook.chan, HOOKV_EXEC, r->run, NULL, SPAN(command, strlen(command) + 1), &pair[1], 1) : -EBUSY;
	memset(&e, 0, sizeof e);
	e.status = rc;
	route_event(p, RV_FD, ticket, &e, SPAN(NULL, 0), &pair[0], rc == 0 ? 1 : 0);
	if (rc < 0 && r) {
		list_del(&r->node);
		free(r);
	}
	if (pair[0] >= 0) {
		close(pair[0]);
		close(pair[1]);
	}
	if (p->hook.chan)
		peer_watch(p, &p->hook);
}

/* A program's standard error goes to the log, line by line as it comes. */
static void program_said(struct priv *p, struct span s)
{
	char text[PRIV_TEXT_MAX];
	for (struct rd r = rd_init(s.p, s.n); rd_left(&r);) {
		size_t n = 0;
		for (char c; rd_left(&r) && (c = (char)rd_u8(&r)) != '\n';) {
			if (n + 1 < sizeof text)
				text[n++] = c;
		}
		text[n] = '\0';
		if (n)
			log_line(p->log, "exec", 0, text);
	}
}

bool tool_message(struct priv *p, const struct priv_msg *m)
{
	struct tool_run *r = find(p, m->ticket);
	if (!r)
		return m->verb == HOOKV_OUTPUT;
	if (m->verb == HOOKV_OUTPUT && r->program) {
		program_said(p, m->tail);
	} else if (m->verb == HOOKV_OUTPUT) {
		r->cut = r->cut || r->n + m->tail.n > ROUTE_TOOL_OUTPUT_MAX;
		if (!r->cut && r->epoch == p->route.peer.epoch)
			route_event(p, RV_TOOL_OUT, r->ticket, NULL, m->tail, NULL, 0);
		r->n += m->tail.n;
	} else if (m->verb == HOOKV_ENDED) {
		int status = ((const struct m_ended *)m->body)->status;
		end(p, r, status >= -4095 && status <= 255 ? status : -EPROTO);
	}
	return true;
}

void tools_drop(struct priv *p, int status)
{
	LIST_EACH(it, tmp, &p->route.tools)
		end(p, LIST_ENTRY(it, struct tool_run, node), status);
}

void programs_kill(struct priv *p)
{
	LIST_EACH(it, tmp, &p->route.tools) {
		const struct tool_run *r = LIST_ENTRY(it, struct tool_run, node);
		if (r->program && p->hook.chan)
			(void)!privsep_send(p->hook.chan, HOOKV_KILL, r->run, NULL, SPAN(NULL, 0), NULL, 0);
	}
}
