/* load: small UDP packets for tests/bench/dataplane/run: how many a second arrive at the other end without loss.
 *
 *   load sink ADDRESS                counts what comes, and answers the one that asks how much that was
 *   load search ADDRESS [MS]         finds the highest rate at which (almost) nothing is lost; prints it. MS: length of one try
 *   load rate ADDRESS PPS MS         one try: prints rate, sent, received
 *
 * Datagrams of 64 octets of payload, a system call each, as an application sends them, spread evenly in bursts of 100 us. "Without
 * loss": at most one in a thousand, since one moment of another process on a shared machine is no property of a tunnel; what counts is the
 * rate that the sender came to, nine tenths of what was tried at least. A rate has failed when it fails three times. */
#include <arpa/inet.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PORT = 7100, SIZE = 64, BURST_NS = 100000, SPAN = 64 };

struct note { uint32_t run, ask; uint64_t count; };

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static int64_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static int open_socket(const char *address, bool here)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(PORT)};
	int size = 8 << 20, fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || inet_pton(AF_INET, address, &a.sin_addr) != 1 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) < 0 ||
	    (here ? bind(fd, (struct sockaddr *)&a, sizeof a) : connect(fd, (struct sockaddr *)&a, sizeof a)) < 0)
		die(address);
	return fd;
}

static void sink(int fd)
{
	static uint8_t b[SPAN][SIZE + 1];
	static struct mmsghdr m[SPAN];
	static struct iovec v[SPAN];
	static struct sockaddr_in from[SPAN];
	struct note have = {0}, n;
	for (;;) {
		for (unsigned i = 0; i < SPAN; i++) {
			v[i] = (struct iovec){b[i], sizeof b[i]};
			m[i].msg_hdr = (struct msghdr){.msg_iov = &v[i], .msg_iovlen = 1, .msg_name = &from[i], .msg_namelen = sizeof from[i]};
		}
		int k = recvmmsg(fd, m, SPAN, MSG_WAITFORONE, NULL);
		for (int i = 0; i < k; i++) {
			if (m[i].msg_len != SIZE)
				continue;
			memcpy(&n, b[i], sizeof n);
			if (n.run != have.run)
				have = (struct note){.run = n.run};
			have.count += !n.ask;
			if (n.ask && sendto(fd, &have, sizeof have, 0, (struct sockaddr *)&from[i], sizeof from[i]) < 0)
				perror("answer");
		}
	}
}

/* How many of `run` have arrived; asked until the answers agree. */
static uint64_t arrived(int fd, uint32_t run)
{
	uint8_t b[SIZE] = {0};
	struct note ask = {.run = run, .ask = 1}, n;
	uint64_t last = UINT64_MAX;
	memcpy(b, &ask, sizeof ask);
	for (unsigned i = 0; i < 40; i++) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		uint64_t count = UINT64_MAX;
		if (send(fd, b, SIZE, 0) < 0)
			die("send");
		poll(&p, 1, 50);
		while (recv(fd, &n, sizeof n, MSG_DONTWAIT) == (ssize_t)sizeof n)
			count = n.run == run ? n.count : count;
		if (count != UINT64_MAX && count == last)
			return count;
		last = count;
		usleep(10000);
	}
	return 0;
}

/* *rate: what the sender came to, which is less than pps when it did not get its turn. */
static bool try_rate(int fd, double pps, int ms, double *rate, uint64_t *sent, uint64_t *got)
{
	static uint32_t run;
	uint8_t b[SIZE] = {0};
	int64_t t0 = now(), end = t0 + ms * INT64_C(1000000), t = t0;
	struct note n = {.run = run ? ++run : (run = (uint32_t)getpid() << 8 | 1)};
	memcpy(b, &n, sizeof n);
	*sent = 0;
	while ((t = now()) < end) {
		uint64_t due = (uint64_t)((double)(t - t0) * pps / 1e9) + 1;
		while (*sent < due) {
			if (send(fd, b, SIZE, 0) < 0)
				die("send");
			++*sent;
			/* Late by much: not made up for in one burst. */
			if (*sent % 256 == 0 && now() > end)
				break;
		}
		int64_t next = t + BURST_NS;
		struct timespec at = {next / 1000000000, next % 1000000000};
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
	}
	*rate = (double)*sent * 1e9 / (double)(now() - t0);
	*got = arrived(fd, run);
	return *rate >= 0.9 * pps && *got + *sent / 1000 >= *sent;
}

static bool passes(int fd, double pps, int ms, double *rate)
{
	uint64_t sent, got;
	bool ok = false;
	for (unsigned i = 0; i < 3 && !ok; i++)
		ok = try_rate(fd, pps, ms, rate, &sent, &got);
	return ok;
}

static double search(int fd, int ms)
{
	double good = 0, bad = 8000, rate, came = 0;
	while (bad < 3e6 && passes(fd, bad, ms, &rate)) {
		good = bad;
		came = rate;
		bad *= 1.6;
	}
	while (good > 0 && bad / good > 1.03) {
		double middle = (good + bad) / 2;
		if (passes(fd, middle, ms, &rate)) {
			good = middle;
			came = rate;
		} else {
			bad = middle;
		}
	}
	return came;
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "";
	uint64_t sent, got;
	double rate;
	prctl(PR_SET_TIMERSLACK, 1000);
	if (strcmp(what, "sink") == 0) {
		sink(open_socket(argv[2], true));
	} else if (strcmp(what, "search") == 0) {
		printf("%.0f\n", search(open_socket(argv[2], false), argc > 3 ? atoi(argv[3]) : 500));
		return 0;
	} else if (strcmp(what, "rate") == 0 && argc == 5) {
		bool ok = try_rate(open_socket(argv[2], false), atof(argv[3]), atoi(argv[4]), &rate, &sent, &got);
		printf("%.0f %lu %lu %s\n", rate, sent, got, ok ? "ok" : "lost");
		return 0;
	}
	fprintf(stderr, "load sink|search|rate ADDRESS ...\n");
	return 2;
}
