/* The file of the books (privsep/books.h): /run/gretel/books, in memory as the SAs are, written record by record and from time to time anew. Only root
 * reads it. A page of a file outlives the process that wrote it, so nothing has to be waited for. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/priv_role.h"

enum { BOOKS_TIDY = 256 * 1024, BOOKS_FILE_MAX = 256 * 1024 * 1024 };

static const char BOOKS_PATH[] = GRETEL_RUNDIR "/books", BOOKS_NEW[] = GRETEL_RUNDIR "/books.new";

static void give_up(struct priv *p, int err)
{
	priv_logf(p, -1, "%s cannot be written: %s: a death of priv would leave its SAs to their lifetime", BOOKS_PATH, strerror(err));
	if (p->books.fd >= 0)
		close(p->books.fd);
	p->books.fd = -1;
	(void)unlink(BOOKS_PATH);
	(void)unlink(BOOKS_NEW);
}

void books_write(void *ctx, struct span record)
{
	struct priv *p = ctx;
	if (p->books.fd < 0)
		return;
	ssize_t n;
	do
		n = write(p->books.fd, record.p, record.n);
	while (n < 0 && errno == EINTR);
	if (n == (ssize_t)record.n)
		p->books.size += record.n;
	else
		give_up(p, n < 0 ? errno : ENOSPC);
}

/* All that counts now, into another file that then takes the place of the first. */
static void write_anew(struct priv *p)
{
	int was = p->books.fd;
	p->books.fd = open(BOOKS_NEW, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (was >= 0)
		close(was);
	p->books.size = 0;
	if (p->books.fd < 0) {
		give_up(p, errno);
		return;
	}
	actor_books_write(p->actor, books_write, p);
	p->books.live = p->books.size;
	if (p->books.fd >= 0 && rename(BOOKS_NEW, BOOKS_PATH) < 0)
		give_up(p, errno);
}

static uint8_t *read_all(int fd, size_t size)
{
	uint8_t *v = malloc(size ? size : 1);
	size_t at = 0;
	while (v && at < size) {
		ssize_t n = read(fd, v + at, size - at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			free(v);
			return NULL;
		}
		at += (size_t)n;
	}
	return v;
}

static void adopt(struct priv *p, mono_t now)
{
	struct actor_hook h;
	struct stat st;
	int fd = open(BOOKS_PATH, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return;
	bool ours = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() && !(st.st_mode & 022) &&
	            st.st_size <= BOOKS_FILE_MAX;
	uint8_t *v = ours ? read_all(fd, (size_t)st.st_size) : NULL;
	close(fd);
	if (!v) {
		priv_logf(p, -1, "%s cannot be read: what an earlier life left is left to its lifetime", BOOKS_PATH);
		return;
	}
	actor_adopt(p->actor, SPAN(v, (size_t)st.st_size), now);
	free(v);
	while (actor_next_stray(p->actor, &h))
		hook_down(p, &h);
}

void books_open(struct priv *p, mono_t now)
{
	if (p->esp.user) { /* its SAs ended with it, and its devices: a script has to make them again */
		(void)unlink(BOOKS_PATH);
		return;
	}
	adopt(p, now);
	write_anew(p);
}

void books_tidy(struct priv *p)
{
	if (p->books.fd >= 0 && p->books.size > BOOKS_TIDY && p->books.size / 4 > p->books.live)
		write_anew(p);
}

void books_close(struct priv *p, bool keep)
{
	if (p->books.fd < 0)
		return;
	close(p->books.fd);
	p->books.fd = -1;
	if (!keep)
		(void)unlink(BOOKS_PATH);
}
