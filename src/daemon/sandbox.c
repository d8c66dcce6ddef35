/* Giving up privileges, role by role: user, capabilities, new privileges, core dumps. The system calls of ike, route and esp are in
 * sandbox_filter.c. Each role calls this once for itself; nothing in here can be undone.
 *
 * The roles that read untrusted octets run as the user gretel when there is one, else as nobody. */
#include "daemon/sandbox.h"

#include <cap-ng.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "daemon/daemon.h"

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#define PR_MDWE_REFUSE_EXEC_GAIN 1
#endif

struct box {
	bool drop_user;    /* to gretel or nobody, all capabilities gone */
	bool capabilities; /* down to priv's list */
	bool no_new_privs;
	bool die_with_parent;
	bool filter;       /* system calls */
};

static const struct box boxes[ROLE_N] = {
	[ROLE_PRIV] = {.capabilities = true, .no_new_privs = true},
	[ROLE_IKE] = {.drop_user = true, .no_new_privs = true, .die_with_parent = true, .filter = true},
	[ROLE_ROUTE] = {.drop_user = true, .no_new_privs = true, .die_with_parent = true, .filter = true},
	[ROLE_ESP] = {.drop_user = true, .no_new_privs = true, .die_with_parent = true, .filter = true},
	[ROLE_NAMES] = {.drop_user = true, .no_new_privs = true, .die_with_parent = true},
};

/* SETUID, SETGID, SETPCAP: to start ike and the look-ups; KILL: to end them; DAC_READ_SEARCH: configuration files of
 * other owners. */
static const int priv_caps[] = {
	CAP_NET_ADMIN, CAP_NET_BIND_SERVICE, CAP_NET_RAW, CAP_SETUID,
	CAP_SETGID,    CAP_SETPCAP,          CAP_KILL,    CAP_DAC_READ_SEARCH,
};

static int fail(const char *what, int err)
{
	fprintf(stderr, "greteld: cannot %s: %s\n", what, strerror(err));
	return -err;
}

/* A container may have taken some of them away already: what is not there is not asked for. */
static int caps_keep(const int *v, size_t n, unsigned set)
{
	bool have[CAP_LAST_CAP + 1] = {false};
	capng_get_caps_process();
	for (size_t i = 0; i < n; i++)
		have[v[i]] = capng_have_capability(CAPNG_PERMITTED, (unsigned)v[i]);
	capng_clear(CAPNG_SELECT_ALL);
	for (size_t i = 0; i < n; i++) {
		if (have[v[i]] && capng_update(CAPNG_ADD, (capng_type_t)set, (unsigned)v[i]) < 0)
			return fail("choose capabilities", EINVAL);
	}
	return 0;
}

static int caps_priv(void)
{
	int rc = caps_keep(priv_caps, ARRAY_LEN(priv_caps), CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_BOUNDING_SET);
	if (rc == 0 && capng_apply(CAPNG_SELECT_BOTH) < 0)
		return fail("drop capabilities", errno ? errno : EPERM);
	return rc;
}

static uint32_t known_uid, known_gid;

void sandbox_set_user(uint32_t uid, uint32_t gid)
{
	known_uid = uid;
	known_gid = gid;
}

bool sandbox_user(uint32_t *uid, uint32_t *gid)
{
	const struct passwd *pw = getpwnam("gretel");
	if (!pw)
		pw = getpwnam("nobody");
	*uid = pw ? pw->pw_uid : 0;
	*gid = pw ? pw->pw_gid : 0;
	return pw && pw->pw_uid;
}

static int drop_user(void)
{
	uint32_t uid = known_uid, gid = known_gid;
	if (!uid && !sandbox_user(&uid, &gid))
		return fail("find the user gretel or nobody", ENOENT);
	capng_clear(CAPNG_SELECT_ALL);
	/* The bounding set and the groups need what the change of user takes away. */
	if (capng_apply(CAPNG_SELECT_BOUNDS) < 0)
		return fail("drop the capability bounding set", errno ? errno : EPERM);
	if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 ||
	    setresuid(uid, uid, uid) < 0)
		return fail("change the user", errno);
	capng_clear(CAPNG_SELECT_ALL);
	if (capng_apply(CAPNG_SELECT_CAPS) < 0)
		return fail("drop capabilities", errno ? errno : EPERM);
	if (setresuid((uid_t)-1, 0, (uid_t)-1) == 0)
		return fail("give up root for good", EPERM);
	return 0;
}

static void limit_zero(__rlimit_resource_t what)
{
	const struct rlimit none = {0, 0};
	(void)setrlimit(what, &none);
}

int sandbox_drop(uint8_t role)
{
	const struct box *b = &boxes[role];
	pid_t parent = getppid();
	limit_zero(RLIMIT_CORE);
	tzset(); /* reads a file */
	if (geteuid() == 0) {
		int rc = b->drop_user ? drop_user() : b->capabilities ? caps_priv() : 0;
		if (rc < 0)
			return rc;
	}
	/* Behind the change of user, which resets both. */
	if (prctl(PR_SET_DUMPABLE, 0) < 0)
		return fail("forbid dumps", errno);
	if (b->die_with_parent) {
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
			return fail("follow the parent", errno);
		if (getppid() != parent)
			return fail("follow the parent", ESRCH);
	}
	if (b->no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return fail("forbid new privileges", errno);
	/* Linux 6.3 and later. Not for priv: a hook that is started again would inherit it, with its scripts. */
	if (b->drop_user)
		(void)prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0);
	return 0;
}

int sandbox_close(uint8_t role) { return boxes[role].filter ? sandbox_filter(role) : 0; }

int sandbox_enter(uint8_t role)
{
	int rc = sandbox_drop(role);
	return rc < 0 ? rc : sandbox_close(role);
}

/* --- hook --- */

/* "net_admin, net_raw" as numbers. */
static int caps_parse(const char *list, int *v, size_t max, size_t *n)
{
	char word[64];
	*n = 0;
	for (const char *p = list; *p;) {
		p += strspn(p, ", \t");
		size_t len = strcspn(p, ", \t");
		if (len == 0)
			break;
		if (len >= sizeof word || *n == max)
			return fail("read hook_capabilities", EINVAL);
		memcpy(word, p, len);
		word[len] = '\0';
		v[*n] = capng_name_to_capability(strncasecmp(word, "cap_", 4) == 0 ? word + 4 : word);
		if (v[*n] < 0 || v[*n] > CAP_LAST_CAP) {
			fprintf(stderr, "greteld: hook_capabilities: there is no capability %s\n", word);
			return -EINVAL;
		}
		++*n;
		p += len;
	}
	return 0;
}

/* Another user keeps capabilities over the execution of a script only in the ambient set. */
static int become(const char *user, const int *v, size_t n)
{
	const struct passwd *pw = getpwnam(user);
	if (!pw) {
		fprintf(stderr, "greteld: hook_user: there is no user %s\n", user);
		return -ENOENT;
	}
	unsigned sets = CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_INHERITABLE | CAPNG_BOUNDING_SET;
	int rc = caps_keep(v, n, sets);
	if (rc < 0)
		return rc;
	if (capng_apply(CAPNG_SELECT_BOUNDS) < 0 || prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return fail("keep capabilities", errno ? errno : EPERM);
	if (initgroups(user, pw->pw_gid) < 0 || setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) < 0 ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) < 0)
		return fail("change the user", errno);
	rc = caps_keep(v, n, sets | CAPNG_AMBIENT);
	if (rc == 0 && (capng_apply(CAPNG_SELECT_CAPS) < 0 || capng_apply(CAPNG_SELECT_AMBIENT) < 0))
		rc = fail("set capabilities", errno ? errno : EPERM);
	return rc;
}

int sandbox_enter_hook(const char *user, const char *caps)
{
	int v[CAP_LAST_CAP + 1];
	size_t n = 0;
	limit_zero(RLIMIT_CORE);
	if (geteuid() != 0 || (!user && !caps))
		return 0; /* as under strongSwan: scripts run as root with everything */
	int rc = caps_parse(caps ? caps : "net_admin,net_raw", v, ARRAY_LEN(v), &n);
	if (rc < 0)
		return rc;
	if (user && strcmp(user, "root") != 0)
		return become(user, v, n);
	/* Root's programs get the bounding set, whatever their parent's other sets are. */
	rc = caps_keep(v, n, CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_BOUNDING_SET);
	if (rc == 0 && capng_apply(CAPNG_SELECT_BOTH) < 0)
		rc = fail("drop capabilities", errno ? errno : EPERM);
	return rc;
}
