/* The system calls of the roles ike, route and esp: what a process needs that reads and writes descriptors which it was given, looks
 * at clocks and allocates memory. No open, no socket, no exec, no fork; memory can not become code.
 *
 * A call outside the list ends the process by SIGSYS. Its number would be lost with it, so the first one is trapped
 * to a handler that sends it to priv and then falls into the trap again, where the handler is gone (SA_RESETHAND, and
 * the signal is blocked): the kernel ends the process. Calls that only an intruder makes kill at once. Sanitizers
 * need more than the list and change from release to release: their builds only log. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "daemon/daemon.h"
#include "daemon/sandbox.h"
#include "privsep/privsep.h"

static int report_fd = -1;

void sandbox_set_channel(int fd) { report_fd = fd; }

#define CALL SCMP_SYS
static const int allowed[] = {
	CALL(read), CALL(readv), CALL(write), CALL(writev), CALL(close), CALL(recvmsg), CALL(sendmsg), CALL(recvfrom),
	CALL(sendto), CALL(recvmmsg), CALL(sendmmsg), CALL(recv), CALL(send), CALL(accept4), CALL(shutdown),
	CALL(getsockopt), CALL(getsockname), CALL(getpeername), CALL(epoll_create1), CALL(epoll_ctl), CALL(epoll_wait),
	CALL(epoll_pwait), CALL(epoll_pwait2), CALL(poll), CALL(ppoll), CALL(clock_gettime), CALL(clock_gettime64),
	CALL(gettimeofday), CALL(time), CALL(clock_nanosleep), CALL(nanosleep), CALL(restart_syscall), CALL(getrandom),
	CALL(getpid), CALL(gettid), CALL(getuid), CALL(geteuid), CALL(sysinfo), CALL(sched_yield), CALL(futex),
	CALL(futex_time64), CALL(brk), CALL(munmap), CALL(mremap), CALL(madvise), CALL(fstat), CALL(fstat64),
	CALL(lseek), CALL(_llseek), CALL(rt_sigprocmask), CALL(rt_sigreturn), CALL(sigreturn), CALL(exit),
	CALL(exit_group),
};

/* A routing module that sleeps is one that hangs, and no clock of its processor time sees it. The loop waits by epoll. */
static const int not_route[] = {
	CALL(clock_nanosleep), CALL(nanosleep), CALL(poll), CALL(ppoll),
};

/* Nobody makes these by mistake. */
static const int deadly[] = {
	CALL(execve), CALL(execveat), CALL(ptrace), CALL(process_vm_readv), CALL(process_vm_writev), CALL(bpf),
	CALL(mount), CALL(setns), CALL(unshare), CALL(init_module), CALL(finit_module), CALL(kexec_load),
	CALL(userfaultfd), CALL(perf_event_open), CALL(keyctl), CALL(add_key),
};

/* Calls that are harmless with some arguments only: the argument, masked, must have the value. */
static const struct { int call; unsigned arg; scmp_datum_t mask, value; } some[] = {
	{CALL(mmap), 2, PROT_EXEC, 0},
	{CALL(mmap2), 2, PROT_EXEC, 0},
	{CALL(mprotect), 2, PROT_EXEC, 0},
	/* fstat of newer C libraries: no path, only the descriptor. */
	{CALL(newfstatat), 3, AT_EMPTY_PATH, AT_EMPTY_PATH},
	{CALL(statx), 2, AT_EMPTY_PATH, AT_EMPTY_PATH},
	/* Type of service and hop limit of datagrams; nothing at the socket level. */
	{CALL(setsockopt), 1, UINT32_MAX, IPPROTO_IP},
	{CALL(setsockopt), 1, UINT32_MAX, IPPROTO_IPV6},
	{CALL(fcntl), 1, UINT32_MAX, F_GETFD},
	{CALL(fcntl), 1, UINT32_MAX, F_SETFD},
	{CALL(fcntl), 1, UINT32_MAX, F_GETFL},
	{CALL(fcntl), 1, UINT32_MAX, F_SETFL},
	{CALL(fcntl), 1, UINT32_MAX, F_DUPFD_CLOEXEC},
	{CALL(fcntl), 1, UINT32_MAX, F_GET_SEALS},
	{CALL(fcntl64), 1, UINT32_MAX, F_GETFL},
	{CALL(fcntl64), 1, UINT32_MAX, F_SETFL},
	{CALL(fcntl64), 1, UINT32_MAX, F_DUPFD_CLOEXEC},
	{CALL(fcntl64), 1, UINT32_MAX, F_GET_SEALS},
};

/* Async-signal-safe: the message is put together on the stack and sent as one packet. */
static void on_forbidden(int signo, siginfo_t *info, void *context)
{
	static const char text[] = "a system call is not allowed";
	struct {
		struct priv_head head;
		uint8_t rest[sizeof(struct m_log) + sizeof text];
	} m;
	(void)signo;
	(void)context;
	memset(&m, 0, sizeof m);
	m.head.verb = PRIV_LOG;
	m.head.body = sizeof(struct m_log);
	m.head.ticket = (uint32_t)info->si_syscall;
	m.head.tail = sizeof text;
	m.rest[0] = 0xff; /* level -1, an error */
	memcpy(m.rest + sizeof(struct m_log), text, sizeof text);
	(void)!send(report_fd, &m, sizeof m.head + sizeof m.rest, MSG_NOSIGNAL | MSG_DONTWAIT);
	(void)syscall(SYS_getsid, 0); /* not allowed either: the end */
	_exit(128 + SIGSYS);
}

static bool may(uint8_t role, int call)
{
	for (size_t i = 0; role == ROLE_ROUTE && i < ARRAY_LEN(not_route); i++) {
		if (not_route[i] == call)
			return false;
	}
	return true;
}

static int build(scmp_filter_ctx f, uint8_t role)
{
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(allowed); i++) {
		if (may(role, allowed[i]))
			rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, allowed[i], 0);
	}
#ifndef GRETEL_SANITIZED
	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(deadly); i++)
		rc = seccomp_rule_add(f, SCMP_ACT_KILL_PROCESS, deadly[i], 0);
	if (rc == 0)
		rc = seccomp_attr_set(f, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
#endif
	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(some); i++) {
		struct scmp_arg_cmp is = {some[i].arg, SCMP_CMP_MASKED_EQ, some[i].mask, some[i].value};
		rc = seccomp_rule_add_array(f, SCMP_ACT_ALLOW, some[i].call, 1, &is);
	}
	/* A TCP socket from priv is bound already: it can only become a session with somebody. The timer ends a module that hangs. */
	if (rc == 0 && role == ROLE_ROUTE)
		rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, CALL(connect), 0);
	if (rc == 0 && role == ROLE_ROUTE)
		rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, CALL(setitimer), 0);
	/* Offloads of UDP sockets. The workers are threads, and closed in with the one that calls. */
	if (rc == 0 && role == ROLE_ESP)
		rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, CALL(setsockopt), 1, SCMP_A1(SCMP_CMP_MASKED_EQ, UINT32_MAX, IPPROTO_UDP));
	if (rc == 0 && role == ROLE_ESP)
		rc = seccomp_attr_set(f, SCMP_FLTATR_CTL_TSYNC, 1);
	return rc ? rc : seccomp_load(f);
}

int sandbox_filter(uint8_t role)
{
	struct sigaction sa = {.sa_sigaction = on_forbidden, .sa_flags = SA_SIGINFO | (int)SA_RESETHAND};
#ifdef GRETEL_SANITIZED
	const uint32_t otherwise = SCMP_ACT_LOG;
	(void)deadly;
#else
	const uint32_t otherwise = SCMP_ACT_TRAP;
#endif
	sigemptyset(&sa.sa_mask);
	scmp_filter_ctx f = seccomp_init(otherwise);
	int rc = !f ? -ENOMEM : sigaction(SIGSYS, &sa, NULL) < 0 ? -errno : build(f, role);
	if (f)
		seccomp_release(f);
	if (rc < 0)
		fprintf(stderr, "greteld: cannot close the system calls: %s\n", strerror(-rc));
	return rc;
}
