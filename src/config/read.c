/* A file of any language, as all loaders read it: counted, noted, and a text. */
#include "config/parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int config_read(struct config_job *j, const char *path, struct config_text *out)
{
	*out = (struct config_text){0};
	if (j->n_files >= CONFIG_FILES_MAX) {
		diag_add(j->d, DIAG_ERROR, path, 0, NULL, "more than %d files are included", CONFIG_FILES_MAX);
		return -EMFILE;
	}
	int err = j->io->read(j->io, path, out);
	if (!err && out->n > CONFIG_FILE_MAX)
		err = -EFBIG;
	if (!err && memchr(out->s, 0, out->n)) {
		diag_add(j->d, DIAG_ERROR, path, 0, NULL, "holds a zero octet: this is no text (UTF-16?)");
		err = -EINVAL;
	} else if (err && err != -ENOENT && err != -ENOMEM) {
		diag_add(j->d, DIAG_ERROR, path, 0, NULL, "cannot be read: %s", strerror(-err));
	}
	if (err) {
		if (out->s)
			explicit_bzero(out->s, out->n);
		free(out->s);
		*out = (struct config_text){0};
		return err;
	}
	j->n_files++;
	conf_builder_file(j->build, path);
	if (out->n >= 3 && memcmp(out->s, "\xef\xbb\xbf", 3) == 0) {
		out->n -= 3;
		memmove(out->s, out->s + 3, out->n + 1);
	}
	return 0;
}
