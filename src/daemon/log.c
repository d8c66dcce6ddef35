/* See log.h. */
#include "daemon/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_OCTETS = 1536 };

struct file {
	char *path;
	FILE *f;
	int8_t level;
	bool append, flush_line;
};

struct log {
	bool to_stderr, to_syslog, priority;
	int8_t stderr_level;     /* the starter of a background daemon wants to see what is wrong, no more */
	int8_t level;
	struct file file[CONF_FILELOG_MAX];
	size_t n_files;
};

/* $JOURNAL_STREAM is "device:inode" of what the journal reads (systemd.exec(5)). */
static bool journal_reads_stderr(void)
{
	const char *v = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;
	return v && sscanf(v, "%llu:%llu", &dev, &ino) == 2 && fstat(STDERR_FILENO, &st) == 0 && st.st_dev == dev &&
	       st.st_ino == ino;
}

struct log *log_new(bool foreground)
{
	struct log *l = calloc(1, sizeof *l);
	if (!l)
		return NULL;
	l->to_stderr = true;
	l->to_syslog = !foreground;
	l->priority = journal_reads_stderr();
	l->level = 1;
	l->stderr_level = foreground ? INT8_MAX : 0;
	openlog("greteld", LOG_PID, LOG_DAEMON);
	return l;
}

static void files_close(struct log *l)
{
	for (size_t i = 0; i < l->n_files; i++) {
		if (l->file[i].f)
			fclose(l->file[i].f);
		free(l->file[i].path);
	}
	memset(l->file, 0, sizeof l->file);
	l->n_files = 0;
}

void log_free(struct log *l)
{
	if (!l)
		return;
	files_close(l);
	closelog();
	free(l);
}

static FILE *file_open(const char *path, bool append)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | (append ? O_APPEND : O_TRUNC), 0640);
	if (fd < 0)
		return NULL;
	FILE *f = fdopen(fd, "a");
	if (!f)
		close(fd);
	return f;
}

static void open_or_say(struct log *l, struct file *f, bool append)
{
	char text[LINE_MAX_OCTETS];
	f->f = strcmp(f->path, "stdout") == 0 || strcmp(f->path, "stderr") == 0 ? NULL : file_open(f->path, append);
	if (!f->f && f->path[0] == '/') {
		snprintf(text, sizeof text, "the log file %s cannot be opened: %s", f->path, strerror(errno));
		log_line(l, "priv", -1, text);
	}
}

void log_conf(struct log *l, const struct conf *c, int level)
{
	files_close(l);
	l->level = level == INT_MIN ? c->setup.log_level : (int8_t)level;
	for (size_t i = 0; i < c->setup.n_filelogs; i++) {
		const struct conf_filelog *from = &c->setup.filelog[i];
		struct file *f = &l->file[l->n_files];
		f->path = strdup(conf_str(c, from->path));
		if (!f->path)
			continue;
		f->level = level == INT_MIN ? from->level : (int8_t)level;
		f->append = from->append;
		f->flush_line = from->flush_line;
		l->n_files++;
		open_or_say(l, f, f->append);
	}
}

void log_reopen(struct log *l)
{
	for (size_t i = 0; i < l->n_files; i++) {
		if (l->file[i].f)
			fclose(l->file[i].f);
		open_or_say(l, &l->file[i], true);
	}
}

int8_t log_level(const struct log *l)
{
	int8_t max = l->level;
	for (size_t i = 0; i < l->n_files; i++) {
		if (l->file[i].level > max)
			max = l->file[i].level;
	}
	return max;
}

/* Octets from 0x80 stay: names may be UTF-8. */
static void clean(struct sbuf *b, const char *text)
{
	for (const char *p = text; *p; p++) {
		unsigned char c = (unsigned char)*p;
		if (c < 0x20 || c == 0x7f)
			sb_printf(b, "\\x%02x", c);
		else
			sb_putc(b, *p);
	}
}

static int priority_of(int level)
{
	return level < 0 ? LOG_ERR : level == 0 ? LOG_NOTICE : level == 1 ? LOG_INFO : LOG_DEBUG;
}

static void to_file(const struct file *f, const char *who, const char *text)
{
	char when[32] = "";
	time_t t = time(NULL);
	struct tm tm;
	if (localtime_r(&t, &tm))
		strftime(when, sizeof when, "%b %e %H:%M:%S", &tm);
	fprintf(f->f, "%s %s: %s\n", when, who, text);
	if (f->flush_line)
		fflush(f->f);
}

void log_line(struct log *l, const char *who, int level, const char *text)
{
	char line[LINE_MAX_OCTETS];
	struct sbuf b = SB(line);
	clean(&b, text);
	if (level <= l->level && level <= l->stderr_level && l->to_stderr) {
		if (l->priority)
			fprintf(stderr, "<%d>%s: %s\n", priority_of(level), who, line);
		else
			fprintf(stderr, "greteld: %s: %s\n", who, line);
	}
	if (level <= l->level && l->to_syslog)
		syslog(priority_of(level), "%s: %s", who, line);
	for (size_t i = 0; i < l->n_files; i++) {
		if (l->file[i].f && level <= l->file[i].level)
			to_file(&l->file[i], who, line);
	}
}

void log_detach(struct log *l) { l->to_stderr = false; }
