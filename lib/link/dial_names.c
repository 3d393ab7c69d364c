/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "link/dial_names.h"

#include <ares.h>
#include <assert.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/time.h>

#include "link/tls.h"

#define SOCKETS_MAX 16           /* of one resolution: UDP and TCP to a few servers */
#define QUERY_MS 2000
#define QUERY_TRIES 2
#define SERVICE_MAX 8            /* of one service */
#define ADDRESSES_MAX 16         /* of one name; a dialler tries them one by one */

struct watch { struct loop_fd fd; struct names *names; };

struct target { unsigned priority, weight; uint16_t port; char host[256]; };

struct names {
	struct loop *loop;
	const struct names_ops *ops;
	void *arg;
	ares_channel channel;
	struct watch watches[SOCKETS_MAX];
	struct loop_timer timeout, deliver;
	struct sockaddr_storage found[ADDRESSES_MAX];
	size_t n_found, told;
	struct target targets[SERVICE_MAX];
	size_t n_targets;
	int pending, status;
	uint16_t port;
	bool library;
};

static void arm(struct names *n)
{
	struct timeval tv;
	if (ares_timeout(n->channel, NULL, &tv))
		loop_timer_set(n->loop, &n->timeout, (int64_t)tv.tv_sec * 1000 + tv.tv_usec / 1000 + 1);
	else
		loop_timer_stop(n->loop, &n->timeout);
}

static void timed_out(void *arg)
{
	struct names *n = arg;
	ares_process_fd(n->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	arm(n);
}

static void socket_ready(void *arg, uint32_t events)
{
	struct watch *w = arg;
	struct names *n = w->names;
	int fd = w->fd.fd;
	ares_process_fd(n->channel, events & (EPOLLIN | EPOLLHUP | EPOLLERR) ? fd : ARES_SOCKET_BAD, events & EPOLLOUT ? fd : ARES_SOCKET_BAD);
	arm(n);
}

static void socket_state(void *arg, ares_socket_t fd, int readable, int writable)
{
	struct names *n = arg;
	struct watch *w = NULL;
	for (size_t i = 0; i < SOCKETS_MAX; i++)
		if (n->watches[i].fd.added && n->watches[i].fd.fd == fd)
			w = &n->watches[i];
	uint32_t events = (readable ? EPOLLIN : 0u) | (writable ? EPOLLOUT : 0u);
	if (w && events)
		loop_mod(n->loop, &w->fd, events);
	else if (w)
		loop_del(n->loop, &w->fd);
	for (size_t i = 0; !w && events && i < SOCKETS_MAX; i++)
		if (!n->watches[i].fd.added) {
			w = &n->watches[i];
			w->names = n;
			loop_add(n->loop, &w->fd, fd, events, socket_ready, w);
		}
}

static void answered(void *arg, int status, int timeouts, struct ares_addrinfo *result)
{
	struct names *n = arg;
	(void)timeouts;
	n->pending--;
	if (status == ARES_EDESTRUCTION)
		return;
	if (status != ARES_SUCCESS)
		n->status = status;
	for (struct ares_addrinfo_node *a = result ? result->nodes : NULL; a && n->n_found < ADDRESSES_MAX; a = a->ai_next) {
		struct sockaddr_storage *to = &n->found[n->n_found];
		if (a->ai_addrlen > sizeof *to || (a->ai_family != AF_INET && a->ai_family != AF_INET6))
			continue;
		memset(to, 0, sizeof *to);
		memcpy(to, a->ai_addr, a->ai_addrlen);
		if (a->ai_family == AF_INET6)
			((struct sockaddr_in6 *)to)->sin6_port = htons(n->port);
		else
			((struct sockaddr_in *)to)->sin_port = htons(n->port);
		n->n_found++;
	}
	if (result)
		ares_freeaddrinfo(result);
	loop_timer_set(n->loop, &n->deliver, 0);   /* not from inside the library, which must not be freed there */
}

/* The lowest priority; among equals a throw of the dice by weight (RFC 2782). Takes it out. */
static struct target next_target(struct names *n)
{
	unsigned lowest = UINT_MAX;
	uint64_t sum = 0, dice;
	for (size_t i = 0; i < n->n_targets; i++)
		if (n->targets[i].priority < lowest)
			lowest = n->targets[i].priority;
	for (size_t i = 0; i < n->n_targets; i++)
		sum += n->targets[i].priority == lowest ? n->targets[i].weight + 1u : 0;
	tls_random(&dice, sizeof dice);
	assert(sum);
	dice %= sum;
	size_t pick = 0;
	for (;; pick++) {
		if (n->targets[pick].priority != lowest)
			continue;
		if (dice <= n->targets[pick].weight)
			break;
		dice -= n->targets[pick].weight + 1u;
	}
	struct target out = n->targets[pick];
	n->targets[pick] = n->targets[--n->n_targets];
	return out;
}

static void deliver(void *arg)
{
	struct names *n = arg;
	bool any = n->n_found || n->n_targets;
	while (n->told < n->n_found)
		n->ops->found(n->arg, &n->found[n->told++]);
	while (n->n_targets) {
		struct target t = next_target(n);
		n->ops->target(n->arg, t.host, t.port);
	}
	if (!n->pending)
		n->ops->done(n->arg, any ? NULL : ares_strerror(n->status ? n->status : ARES_ENODATA));
}

/* Never a question for a server (RFC 6761, 6.3); the library of Debian 12 leaks on it besides. */
static void local_host(struct names *n)
{
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)&n->found[0];
	struct sockaddr_in *four = (struct sockaddr_in *)&n->found[1];
	*six = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons(n->port), .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	*four = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(n->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	n->n_found = 2;
	loop_timer_set(n->loop, &n->deliver, 0);
}

static struct names *names_new(struct loop *l, const struct names_ops *ops, void *arg)
{
	struct names *n = calloc(1, sizeof *n);
	if (!n)
		return NULL;
	n->loop = l;
	n->ops = ops;
	n->arg = arg;
	loop_timer_init(&n->timeout, timed_out, n);
	loop_timer_init(&n->deliver, deliver, n);
	return n;
}

/* False: out of memory, and n is gone. */
static bool open_channel(struct names *n)
{
	struct ares_options options = { .timeout = QUERY_MS, .tries = QUERY_TRIES, .sock_state_cb = socket_state, .sock_state_cb_data = n };
	n->library = ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS;
	if (n->library && ares_init_options(&n->channel, &options, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB) == ARES_SUCCESS)
		return true;
	n->channel = NULL;
	names_free(n);
	return false;
}

struct names *names_start(struct loop *l, const char *host, uint16_t port, const struct names_ops *ops, void *arg)
{
	struct names *n = names_new(l, ops, arg);
	if (!n)
		return NULL;
	n->port = port;
	if (strcasecmp(host, "localhost") == 0) {
		local_host(n);
		return n;
	}
	if (!open_channel(n))
		return NULL;
	struct ares_addrinfo_hints hints = { .ai_flags = ARES_AI_NOSORT, .ai_socktype = SOCK_DGRAM };
	n->pending = 2;
	hints.ai_family = AF_INET6;
	ares_getaddrinfo(n->channel, host, NULL, &hints, answered, n);
	hints.ai_family = AF_INET;
	ares_getaddrinfo(n->channel, host, NULL, &hints, answered, n);
	arm(n);
	return n;
}

static void service_answered(void *arg, int status, int timeouts, unsigned char *data, int len)
{
	struct names *n = arg;
	struct ares_srv_reply *reply = NULL;
	(void)timeouts;
	n->pending--;
	if (status == ARES_EDESTRUCTION)
		return;
	if (status == ARES_SUCCESS)
		status = ares_parse_srv_reply(data, len, &reply);
	n->status = status;
	for (const struct ares_srv_reply *s = reply; s && n->n_targets < SERVICE_MAX; s = s->next) {
		struct target *t = &n->targets[n->n_targets];
		/* "." says that there is no such service. */
		if (!s->host || !*s->host || strcmp(s->host, ".") == 0 || !s->port || strlen(s->host) >= sizeof t->host)
			continue;
		*t = (struct target){ .priority = s->priority, .weight = s->weight, .port = s->port };
		strcpy(t->host, s->host);
		n->n_targets++;
	}
	if (reply)
		ares_free_data(reply);
	loop_timer_set(n->loop, &n->deliver, 0);
}

struct names *names_service(struct loop *l, const char *service, const struct names_ops *ops, void *arg)
{
	struct names *n = names_new(l, ops, arg);
	if (!n || !open_channel(n))
		return NULL;
	n->pending = 1;
	ares_query(n->channel, service, 1 /* IN */, 33 /* SRV */, service_answered, n);
	arm(n);
	return n;
}

void names_free(struct names *n)
{
	if (!n)
		return;
	if (n->channel)
		ares_destroy(n->channel);
	for (size_t i = 0; i < SOCKETS_MAX; i++)
		loop_del(n->loop, &n->watches[i].fd);
	loop_timer_stop(n->loop, &n->timeout);
	loop_timer_stop(n->loop, &n->deliver);
	if (n->library)
		ares_library_cleanup();
	free(n);
}
