/* Lines of proc(5). See proc.h. */
#include "kernel/proc.h"

#include <stdlib.h>
#include <string.h>

/* Columns: slot, local address:port (hexadecimal), remote, state, queues, timer, retransmissions, uid, time-out,
 * inode. */
enum { COLUMN_LOCAL = 1, COLUMN_INODE = 9 };

static const char *column(const char *line, unsigned n)
{
	line += strspn(line, " ");
	while (n-- > 0) {
		line += strcspn(line, " ");
		line += strspn(line, " ");
	}
	return line;
}

bool proc_udp_line(const char *line, uint16_t port, uint64_t *inode)
{
	const char *local = column(line, COLUMN_LOCAL);
	const char *colon = memchr(local, ':', strcspn(local, " "));
	char *end;
	if (!colon)
		return false;
	unsigned long found = strtoul(colon + 1, &end, 16);
	if (end == colon + 1 || *end != ' ' || found != port)
		return false;
	*inode = strtoull(column(line, COLUMN_INODE), NULL, 10);
	return *inode != 0;
}

uint64_t proc_socket_inode(const char *link)
{
	static const char HEAD[] = "socket:[";
	char *end;
	if (strncmp(link, HEAD, sizeof HEAD - 1) != 0)
		return 0;
	uint64_t inode = strtoull(link + sizeof HEAD - 1, &end, 10);
	return strcmp(end, "]") == 0 ? inode : 0;
}
