/* What takes time on behalf of ike: a name to look up, in a process of its own (names.c), and the echo of a probe. Each
 * ends with an answer, by its deadline at the latest; an answer to an ike that has died meanwhile is thrown away. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/priv_role.h"
#include "daemon/spawn.h"

enum { NAMES_AT_ONCE = 32, PROBES_AT_ONCE = 64, PROBE_S = 3,
       NAME_S = 8 /* `up` answers after ten */ };

static void on_job(void *ctx, int fd, uint32_t events, mono_t now);

static size_t count(const struct priv *p, uint8_t kind)
{
	size_t n = 0;
	LIST_EACH(it, tmp, &p->jobs)
		n += LIST_ENTRY(it, struct job, node)->kind == kind;
	return n;
}

static void refuse_now(struct priv *p, uint8_t verb, uint32_t ticket, int status, const char *why)
{
	struct actor_out out = {.answer = true, .status = status};
	struct sbuf b = SB(out.text);
	sb_put(&b, why);
	ike_reply(p, verb, ticket, &out);
}

static void job_free(struct priv *p, struct job *j)
{
	loop_del(p->loop, j->fd);
	close(j->fd);
	if (j->pid) {
		/* It has answered, or hangs: either way it has nothing more to say, and ends at once. */
		kill(j->pid, SIGKILL);
		while (waitpid(j->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	list_del(&j->node);
	free(j);
}

/* A new job that waits for fd, which it owns from now on; NULL: closed. */
static struct job *job_new(struct priv *p, uint8_t kind, int fd, uint32_t ticket, mono_t due)
{
	struct job *j = calloc(1, sizeof *j);
	if (!j || loop_add(p->loop, fd, EPOLLIN, on_job, p) < 0) {
		free(j);
		close(fd);
		return NULL;
	}
	*j = (struct job){.kind = kind, .fd = fd, .ticket = ticket, .epoch = p->ike.epoch, .due = due};
	list_add_tail(&p->jobs, &j->node);
	return j;
}

void job_resolve(struct priv *p, const struct actor_resolve *what, uint32_t ticket, mono_t now)
{
	struct role_start s = {.role = ROLE_NAMES, .name = what->name, .uid = p->opt->uid, .gid = p->opt->gid};
	pid_t pid;
	int fd = -1;
	int rc = -EAGAIN;
	if (count(p, JOB_NAME) < NAMES_AT_ONCE)
		rc = spawn_role(p->opt->small_fd >= 0 ? p->opt->small_fd : p->opt->self_fd, p->stderr_write, &s, &pid, &fd);
	if (rc < 0) {
		refuse_now(p, PRIV_PATH, ticket, rc, "the look-up of the peer's name could not be started");
		return;
	}
	struct job *j = job_new(p, JOB_NAME, fd, ticket, mono_add(now, DUR_S(NAME_S)));
	if (!j) {
		kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
		refuse_now(p, PRIV_PATH, ticket, -ENOMEM, "no memory");
		return;
	}
	j->pid = pid;
	j->what = *what;
}

void job_probe(struct priv *p, uint32_t ifindex, const struct addr *inner, uint32_t ticket, mono_t now)
{
	uint16_t id = (uint16_t)(p->next_probe++ ^ (uint32_t)getpid());
	int fd = count(p, JOB_PROBE) >= PROBES_AT_ONCE ? -EAGAIN : kernel_probe_open(ifindex, inner, id);
	if (fd < 0) {
		refuse_now(p, PRIV_PROBE, ticket, fd, strerror(-fd));
		return;
	}
	struct job *j = job_new(p, JOB_PROBE, fd, ticket, mono_add(now, DUR_S(PROBE_S)));
	if (!j) {
		refuse_now(p, PRIV_PROBE, ticket, -ENOMEM, "no memory");
		return;
	}
	j->inner = *inner;
	j->id = id;
}

static void name_done(struct priv *p, const struct job *j, bool in_time)
{
	struct names_answer a = {.n = 0, .why = "no answer in time"};
	struct actor_out out;
	if (in_time)
		(void)names_read(j->fd, &a);
	if (j->epoch != p->ike.epoch || !p->ike.chan)
		return;
	actor_resolved(p->actor, &j->what, a.v, a.n, a.why, &out);
	ike_reply(p, PRIV_PATH, j->ticket, &out);
}

static void probe_done(struct priv *p, const struct job *j, int status)
{
	struct actor_out out = {.answer = true, .status = status};
	if (j->epoch == p->ike.epoch)
		ike_reply(p, PRIV_PROBE, j->ticket, &out);
}

static void on_job(void *ctx, int fd, uint32_t events, mono_t now)
{
	struct priv *p = ctx;
	(void)events;
	(void)now;
	LIST_EACH(it, tmp, &p->jobs) {
		struct job *j = LIST_ENTRY(it, struct job, node);
		if (j->fd != fd)
			continue;
		if (j->kind == JOB_NAME) {
			name_done(p, j, true);
			job_free(p, j);
			return;
		}
		int rc = kernel_probe_read(fd, &j->inner, j->id);
		if (rc != 0 && rc != -EAGAIN) {
			probe_done(p, j, rc == 1 ? 0 : rc);
			job_free(p, j);
		}
		return;
	}
}

mono_t jobs_due(const struct priv *p)
{
	mono_t due = MONO_NEVER;
	LIST_EACH(it, tmp, &p->jobs)
		due = mono_min(due, LIST_ENTRY(it, struct job, node)->due);
	return due;
}

void jobs_expire(struct priv *p, mono_t now)
{
	LIST_EACH(it, tmp, &p->jobs) {
		struct job *j = LIST_ENTRY(it, struct job, node);
		if (j->due > now)
			continue;
		if (j->kind == JOB_NAME)
			name_done(p, j, false);
		else
			probe_done(p, j, -ETIMEDOUT);
		job_free(p, j);
	}
}

void jobs_drop(struct priv *p)
{
	LIST_EACH(it, tmp, &p->jobs)
		job_free(p, LIST_ENTRY(it, struct job, node));
}
