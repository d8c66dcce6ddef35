/* Where log lines go: standard error (foreground; with <N> in front when the journal reads it), syslog (background),
 * and the filelog sections of strongswan.conf. One per process: priv's; the other roles send their lines to it. */
#ifndef DAEMON_LOG_H
#define DAEMON_LOG_H

#include "model/model.h"

struct log;

struct log *log_new(bool foreground); /* NULL: no memory */
void log_free(struct log *l);
/* Levels and files of a configuration. level: -d, or INT_MIN = the configuration's. */
void log_conf(struct log *l, const struct conf *c, int level);
void log_reopen(struct log *l);        /* after logrotate */
int8_t log_level(const struct log *l); /* the most verbose that any sink wants */
/* who: the role. level: enum note_level. text may come from a role that must not be believed: control characters
 * are made harmless. */
void log_line(struct log *l, const char *who, int level, const char *text);
/* From now on no standard error: the starter of a background daemon has gone. */
void log_detach(struct log *l);

#endif
