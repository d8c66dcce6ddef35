/* The real file system behind struct config_files. Only priv calls it. */
#include "config/config.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The rest of fd; the size that stat gave is only a hint. */
static int read_all(int fd, struct config_text *out)
{
	size_t cap = 0;
	for (;;) {
		if (cap - out->n < 2) {
			size_t want = cap ? cap * 2 : 8192;
			char *s = malloc(want);
			if (!s)
				return -ENOMEM;
			if (out->n)
				memcpy(s, out->s, out->n);
			if (out->s)
				explicit_bzero(out->s, cap); /* it may hold keys */
			free(out->s);
			out->s = s;
			cap = want;
		}
		ssize_t got = read(fd, out->s + out->n, cap - out->n - 1);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		out->n += (size_t)got;
		out->s[out->n] = '\0';
		if (got == 0)
			return 0;
		if (out->n > CONFIG_FILE_MAX)
			return -EFBIG;
	}
}

static int os_read(struct config_files *io, const char *path, struct config_text *out)
{
	(void)io;
	*out = (struct config_text){0};
	/* A FIFO must not hang the start. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	struct stat st;
	int err = fstat(fd, &st) < 0 ? -errno : S_ISDIR(st.st_mode) ? -EISDIR : S_ISREG(st.st_mode) ? 0 : -EINVAL;
	if (!err)
		err = read_all(fd, out);
	close(fd);
	if (err) {
		if (out->s)
			explicit_bzero(out->s, out->n);
		free(out->s);
		*out = (struct config_text){0};
		return err;
	}
	out->mode = st.st_mode & 07777;
	return 0;
}

static int os_glob(struct config_files *io, const char *pattern, void (*found)(void *arg, const char *path),
                   void *arg)
{
	(void)io;
	glob_t g;
	int e = glob(pattern, 0, NULL, &g);
	if (e == 0) {
		for (size_t i = 0; i < g.gl_pathc; i++)
			found(arg, g.gl_pathv[i]);
		globfree(&g);
		return 0;
	}
	globfree(&g);
	return e == GLOB_NOMATCH ? 0 : e == GLOB_NOSPACE ? -ENOMEM : -EIO;
}

void config_files_os(struct config_files *io) { *io = (struct config_files){.read = os_read, .glob = os_glob}; }
