/* The sockets that priv opens and keeps: UDP for IKE and ESP in UDP, the control socket; and the pid file. Roles get
 * duplicates, so that encapsulated ESP goes on being decapsulated while ike is started again. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "daemon/priv_role.h"

enum { LEAVING_MS = 50, LEAVING_TRIES = 60 };

static const char PID_PATH[] = GRETEL_RUNDIR "/greteld.pid";

/* What to do about a port that somebody else holds. */
static const char *remedy(const char *holder)
{
	static const struct { const char *name, *what; } known[] = {
		{"charon-systemd", "stop it with `systemctl stop strongswan`"},
		{"charon", "stop it with `systemctl stop strongswan-starter`"},
		{"starter", "stop it with `systemctl stop strongswan-starter`"},
		{"pluto", "stop it with `systemctl stop ipsec`"},
		{"greteld", "stop it with `systemctl stop gretel`"},
	};
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (strncmp(holder, known[i].name, strlen(known[i].name)) == 0)
			return known[i].what;
	}
	return "stop it first, or give greteld another port";
}

/* The NAT-T port of a data plane in user space: the first of its sockets is ike's, the others are esp's. */
static int shared_open(struct priv *p, uint8_t family, uint16_t port)
{
	int fds[1 + ESP_WORKERS_MAX];
	int rc = kernel_udp_open_shared(family, port, p->esp.workers, fds);
	for (unsigned i = 0; rc == 0 && i < p->esp.workers; i++)
		p->esp.socket[family == AF_V6][i] = fds[1 + i];
	return rc < 0 ? rc : fds[0];
}

/* We are alone, says the pid file: a greteld that has the port is a role of one that was killed, on its way out, and so is a holder who is
 * gone when we look. systemd has one that it was asked to let go. */
static int open_patiently(struct priv *p, uint8_t family, uint16_t port, bool natt, char *who, size_t size)
{
	const struct timespec pause = {.tv_nsec = LEAVING_MS * 1000000L};
	for (unsigned tries = 0;; tries++) {
		struct sbuf b = sb_init(who, size);
		int fd = natt && p->esp.user ? shared_open(p, family, port) : kernel_udp_open(family, port, natt);
		if (fd != -EADDRINUSE)
			return fd;
		bool stays = kernel_port_holder(port, &b) && strncmp(who, "greteld", 7) != 0 && strncmp(who, "systemd ", 8) != 0;
		if (stays || tries == LEAVING_TRIES)
			return fd;
		(void)nanosleep(&pause, NULL);
	}
}

/* --- what systemd keeps for us: ESP in UDP is unpacked through a socket that lives, whoever has it --- */

static const char *const kept_name[] = {"udp4", "udp4-natt", "udp6", "udp6-natt"};

/* The socket that an earlier life stored, -1: none, or it is of no use any more. */
static int kept_take(struct priv *p, enum priv_socket which, uint8_t family, uint16_t port, bool natt)
{
	for (size_t i = 0; i < p->n_kept && !p->esp.user; i++) {
		int fd = p->kept[i].fd;
		if (fd < 0 || strcmp(p->kept[i].name, kept_name[which]) != 0 || !kernel_udp_is(fd, family, port, natt))
			continue;
		p->kept[i].fd = -1;
		return fd;
	}
	return -1;
}

/* name NULL: all. They would hold a port that is to be opened. */
static void kept_drop(struct priv *p, const char *name)
{
	for (size_t i = 0; i < p->n_kept; i++) {
		if (p->kept[i].fd < 0 || (name && strcmp(p->kept[i].name, name) != 0))
			continue;
		close(p->kept[i].fd);
		p->kept[i].fd = -1;
	}
}

static int udp_open(struct priv *p, enum priv_socket which, uint8_t family, uint16_t port, bool natt)
{
	char who[128] = "";
	p->socket[which] = kept_take(p, which, family, port, natt);
	if (p->socket[which] >= 0)
		return fcntl(p->socket[which], F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
	notify_unstore(kept_name[which]);
	kept_drop(p, kept_name[which]);
	int fd = open_patiently(p, family, port, natt, who, sizeof who);
	p->socket[which] = fd < 0 ? -1 : fd;
	if (fd >= 0 && !p->esp.user)
		notify_store(fd, kept_name[which]);
	if (fd >= 0 || (family == AF_V6 && fd != -EADDRINUSE)) /* a host may be without IPv6 */
		return 0;
	if (fd == -EADDRINUSE && *who)
		priv_logf(p, -1, "UDP port %u is taken by %s: %s", port, who, remedy(who));
	else if (fd == -EADDRINUSE)
		priv_logf(p, -1, "UDP port %u is taken by another program: stop it first", port);
	else
		priv_logf(p, -1, "UDP port %u cannot be opened: %s", port, strerror(-fd));
	return fd;
}

/* root:group, 0660; the group is the configured one or gretel, when it exists. */
static int control_rights(struct priv *p, const char *path)
{
	const char *name = conf_str(p->conf, p->conf->setup.control_group);
	const struct group *g = getgrnam(*name ? name : "gretel");
	if (!g && *name)
		priv_logf(p, -1, "there is no group %s: only root may use the control socket", name);
	p->control_gid = g ? (int64_t)g->gr_gid : -1;
	if (g && chown(path, 0, g->gr_gid) < 0)
		return -errno;
	return chmod(path, 0660) < 0 ? -errno : 0;
}

static int run_dir(struct priv *p)
{
	const struct group *g = getgrnam("gretel");
	if (mkdir(GRETEL_RUNDIR, 0755) < 0 && errno != EEXIST)
		return -errno;
	/* A configured group other than gretel has to get in as well: the socket's own mode is what protects it. */
	if (!g || p->conf->setup.control_group)
		return 0;
	if (chown(GRETEL_RUNDIR, 0, g->gr_gid) < 0 || chmod(GRETEL_RUNDIR, 0750) < 0)
		return -errno;
	return 0;
}

static int control_open(struct priv *p)
{
	const char *path = conf_str(p->conf, p->conf->setup.control_socket);
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	if (!*path)
		path = GRETEL_RUNDIR "/control";
	if (strlen(path) >= sizeof at.sun_path)
		return -ENAMETOOLONG;
	strcpy(at.sun_path, path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	/* The pid file says that we are alone: what lies there is left over. Nobody gets in between bind and chmod. */
	struct stat st;
	if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode))
		(void)unlink(path);
	mode_t mask = umask(0177);
	int rc = bind(fd, (struct sockaddr *)&at, sizeof at) < 0 ? -errno : 0;
	umask(mask);
	if (rc == 0)
		rc = control_rights(p, path);
	if (rc == 0 && listen(fd, 64) < 0)
		rc = -errno;
	if (rc < 0) {
		close(fd);
		return rc;
	}
	strcpy(p->control_path, path);
	p->socket[PRIV_CONTROL] = fd;
	return 0;
}

int sockets_open(struct priv *p)
{
	p->port = p->conf->setup.port;
	p->port_nat_t = p->conf->setup.port_nat_t;
	int rc = udp_open(p, PRIV_UDP4, AF_V4, p->port, false);
	if (rc == 0)
		rc = udp_open(p, PRIV_UDP4_NATT, AF_V4, p->port_nat_t, true);
	if (rc == 0)
		rc = udp_open(p, PRIV_UDP6, AF_V6, p->port, false);
	if (rc == 0)
		rc = udp_open(p, PRIV_UDP6_NATT, AF_V6, p->port_nat_t, true);
	kept_drop(p, NULL);
	if (rc < 0)
		return rc;
	rc = control_open(p);
	if (rc < 0)
		priv_logf(p, -1, "the control socket cannot be made: %s", strerror(-rc));
	return rc;
}

void sockets_send(struct priv *p)
{
	struct e_sockets e = {.port = p->port, .port_nat_t = p->port_nat_t, .control_gid = p->control_gid};
	int fds[PRIV_SOCKETS_N];
	size_t n = 0, n_listen = 0;
	int rc = kernel_addr_list(p->kernel, e.listen, PRIV_LISTEN_MAX, &n_listen);
	for (size_t i = 0; (rc == 0 || rc == -ENOSPC) && i < n_listen; i++) {
		uint32_t at;
		if (kernel_addr_link(p->kernel, &e.listen[i], &at) == 0 && actor_address_outside(p->actor, at))
			e.listen[e.n_listen++] = e.listen[i];
	}
	e.restarted = p->ike_lives > 0;
	p->ike_lives++;
	for (size_t i = 0; i < PRIV_SOCKETS_N; i++) {
		e.have[i] = p->socket[i] >= 0;
		if (e.have[i])
			fds[n++] = p->socket[i];
	}
	ike_event(p, PRIV_SOCKETS, 0, &e, SPAN(NULL, 0), fds, n);
}

void sockets_close(struct priv *p)
{
	for (size_t i = 0; i < PRIV_SOCKETS_N; i++) {
		if (p->socket[i] >= 0)
			close(p->socket[i]);
		p->socket[i] = -1;
	}
	if (p->control_path[0])
		(void)unlink(p->control_path);
}

/* --- The pid file: its lock, not its text, says whether a greteld runs --- */

static int pid_lock(struct priv *p, int fd)
{
	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	char text[16];
	if (fcntl(fd, F_SETLK, &l) < 0) {
		l.l_type = F_WRLCK;
		if (fcntl(fd, F_GETLK, &l) == 0 && l.l_type != F_UNLCK)
			priv_logf(p, -1, "greteld runs already (pid %d)", (int)l.l_pid);
		else
			priv_logf(p, -1, "greteld runs already");
		return -EBUSY;
	}
	int n = snprintf(text, sizeof text, "%d\n", (int)getpid());
	if (ftruncate(fd, 0) < 0 || pwrite(fd, text, (size_t)n, 0) != n)
		return -EIO;
	return 0;
}

int pid_file_take(struct priv *p)
{
	int rc = run_dir(p);
	int fd = rc < 0 ? rc : open(PID_PATH, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0) {
		priv_logf(p, -1, "%s cannot be written: %s", PID_PATH, strerror(rc < 0 ? -rc : errno));
		return -EIO;
	}
	rc = pid_lock(p, fd);
	if (rc < 0)
		close(fd);
	else
		p->pid_file = fd;
	return rc;
}

void pid_file_drop(struct priv *p)
{
	if (p->pid_file < 0)
		return;
	(void)unlink(PID_PATH);
	close(p->pid_file);
	p->pid_file = -1;
}
