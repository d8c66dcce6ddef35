/* Who is at the other end of a local socket, by the kernel's word (unix(7)): the credentials of the moment of
 * connect(). */
#include "control/control.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

static bool has_group(const gid_t *gid, size_t n, gid_t group)
{
	for (size_t i = 0; i < n; i++) {
		if (gid[i] == group)
			return true;
	}
	return false;
}

/* Supplementary groups. A kernel without SO_PEERGROUPS (before 4.13) knows the primary one only: fewer may look. */
static bool in_peer_groups(int fd, gid_t group)
{
	gid_t few[64], *gid = few;
	socklen_t len = sizeof few;
	int err = getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, gid, &len);
	if (err < 0 && errno == ERANGE) {
		gid = malloc(len); /* the kernel has said how much it takes */
		if (!gid)
			return false;
		err = getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, gid, &len);
	}
	bool found = err == 0 && has_group(gid, len / sizeof *gid, group);
	if (gid != few)
		free(gid);
	return found;
}

int control_peer_of(void *unused, int fd, gid_t group, struct control_peer *out)
{
	struct ucred cred;
	socklen_t len = sizeof cred;
	(void)unused;
	*out = (struct control_peer){.uid = (uid_t)-1};
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return -errno;
	if (len != sizeof cred || cred.uid == (uid_t)-1)
		return -ENOTCONN;
	*out = (struct control_peer){.pid = cred.pid, .uid = cred.uid, .root = cred.uid == 0};
	if (group != (gid_t)-1)
		out->member = cred.gid == group || in_peer_groups(fd, group);
	return 0;
}
