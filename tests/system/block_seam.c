/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Beside the functions: in a program of its own (tests/system/block-seam is dotsch-block with this) the environment arms it, BLOCK_SEAM="KIND ERRNO NTH TIMES" with
   KIND send, answer, lost, ask, never or flush; and each SIGUSR1 moves the clocks on by BLOCK_JUMP seconds. */
#include "block_seam.h"

#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static enum seam armed, pending;
static int error_number;
static unsigned countdown, more;
static uint32_t begin_seq;
static volatile sig_atomic_t jumped, jump;

int __real_nl_sendto(struct nl_sock *s, void *buf, size_t size);
int __wrap_nl_sendto(struct nl_sock *s, void *buf, size_t size);
int __real_nl_recv(struct nl_sock *s, struct sockaddr_nl *from, unsigned char **buf, struct ucred **creds);
int __wrap_nl_recv(struct nl_sock *s, struct sockaddr_nl *from, unsigned char **buf, struct ucred **creds);
int __real_clock_gettime(clockid_t id, struct timespec *ts);
int __wrap_clock_gettime(clockid_t id, struct timespec *ts);

void seam_arm(enum seam kind, int error, unsigned nth, unsigned times)
{
	armed = kind;
	pending = SEAM_NONE;
	error_number = error;
	countdown = nth;
	more = times;
}

unsigned seam_left(void)
{
	return armed ? more : 0;
}

void seam_jump(int64_t ms)
{
	jumped += (sig_atomic_t)(ms / 1000);
}

static int fail(void)
{
	errno = error_number;
	return -NLE_FAILURE;
}

int __wrap_nl_sendto(struct nl_sock *s, void *buf, size_t size)
{
	const struct nlmsghdr *h = buf;
	bool batch = h->nlmsg_type == NFNL_MSG_BATCH_BEGIN, question = h->nlmsg_type >> 8 == NFNL_SUBSYS_NFTABLES;
	if (!armed || !(armed == SEAM_ASK ? question : batch) || countdown-- > 1)
		return __real_nl_sendto(s, buf, size);
	enum seam kind = armed;
	countdown = 1;
	if (--more == 0)
		armed = SEAM_NONE;
	if (kind == SEAM_SEND)
		return fail();
	if (kind == SEAM_FLUSH)
		return system("nft delete table inet dotsch 2>/dev/null") < 0 ? fail() : __real_nl_sendto(s, buf, size);
	begin_seq = h->nlmsg_seq;
	pending = kind;
	return kind == SEAM_LOST ? __real_nl_sendto(s, buf, size) : (int)size;
}

/* An answer as the kernel gives it when a whole batch fails. */
static int answer(unsigned char **buf)
{
	struct { struct nlmsghdr h; struct nlmsgerr e; } *m = calloc(1, sizeof *m);
	if (!m)
		return -NLE_NOMEM;
	m->h = (struct nlmsghdr){ .nlmsg_len = sizeof *m, .nlmsg_type = NLMSG_ERROR, .nlmsg_seq = begin_seq };
	m->e.error = -error_number;
	m->e.msg = (struct nlmsghdr){ .nlmsg_len = sizeof m->e.msg, .nlmsg_type = NFNL_MSG_BATCH_BEGIN, .nlmsg_seq = begin_seq };
	*buf = (unsigned char *)m;
	return (int)sizeof *m;
}

int __wrap_nl_recv(struct nl_sock *s, struct sockaddr_nl *from, unsigned char **buf, struct ucred **creds)
{
	enum seam kind = pending;
	pending = SEAM_NONE;
	if (kind == SEAM_ANSWER || kind == SEAM_ASK)
		return answer(buf);
	return kind ? fail() : __real_nl_recv(s, from, buf, creds);
}

int __wrap_clock_gettime(clockid_t id, struct timespec *ts)
{
	int e = __real_clock_gettime(id, ts);
	ts->tv_sec += jumped;
	return e;
}

static void on_jump(int signal)
{
	(void)signal;
	jumped += jump;
}

__attribute__((constructor)) static void from_environment(void)
{
	static const char *const kinds[] = { "none", "send", "answer", "lost", "ask", "never", "flush" };
	const char *text = getenv("BLOCK_SEAM"), *seconds = getenv("BLOCK_JUMP");
	char kind[16];
	int error;
	unsigned nth, times;
	if (text && sscanf(text, "%15s %d %u %u", kind, &error, &nth, &times) == 4)
		for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++)
			if (!strcmp(kinds[i], kind))
				seam_arm((enum seam)i, error, nth, times);
	if (seconds) {
		jump = (sig_atomic_t)strtol(seconds, NULL, 10);
		signal(SIGUSR1, on_jump);
	}
}
