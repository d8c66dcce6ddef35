/* See names.h. names_role_run is the child, names_read the parent's half. */
#include "daemon/names.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/daemon.h"

static struct addr addr_of(const struct sockaddr *sa)
{
	if (sa->sa_family == AF_INET)
		return addr_from(&((const struct sockaddr_in *)(const void *)sa)->sin_addr, 4);
	if (sa->sa_family == AF_INET6)
		return addr_from(&((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, 16);
	return (struct addr){.family = AF_NONE};
}

static void collect(const struct addrinfo *list, struct names_answer *out)
{
	for (const struct addrinfo *i = list; i && out->n < NAMES_MAX; i = i->ai_next) {
		struct addr a = addr_of(i->ai_addr);
		bool known = addr_is_any(&a);
		for (uint8_t k = 0; k < out->n; k++)
			known = known || addr_eq(&a, &out->v[k]);
		if (!known)
			out->v[out->n++] = a;
	}
}

int names_role_run(struct role_start *start)
{
	struct names_answer a = {.n = 0};
	struct addrinfo *list = NULL;
	/* Families that this host has addresses of come first; a host with none but loopback asks for all. */
	struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM, .ai_flags = AI_ADDRCONFIG};
	if (sandbox_enter(ROLE_NAMES) < 0 || !start->name)
		return 1;
	int rc = getaddrinfo(start->name, NULL, &hints, &list);
	if (rc != 0) {
		hints.ai_flags = 0;
		rc = getaddrinfo(start->name, NULL, &hints, &list);
	}
	if (rc == 0)
		collect(list, &a);
	snprintf(a.why, sizeof a.why, "%s", rc ? gai_strerror(rc) : "it has no address");
	return send(start->chan, &a, sizeof a, MSG_NOSIGNAL) == (ssize_t)sizeof a ? 0 : 1;
}

bool names_read(int fd, struct names_answer *out)
{
	ssize_t n = recv(fd, out, sizeof *out, MSG_DONTWAIT | MSG_TRUNC);
	bool good = n == (ssize_t)sizeof *out && out->n <= NAMES_MAX && memchr(out->why, 0, sizeof out->why);
	for (uint8_t i = 0; good && i < out->n; i++)
		good = (out->v[i].family == AF_V4 || out->v[i].family == AF_V6) && !addr_is_any(&out->v[i]);
	if (good)
		return true;
	*out = (struct names_answer){.n = 0, .why = "the look-up ended without an answer"};
	return false;
}
