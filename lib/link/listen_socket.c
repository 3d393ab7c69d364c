/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The two sockets of one UDP address: the kernel gives handshakes to one and everything else to the other. */
#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "link/listen_internal.h"

#define RECEIVE_BUFFER (32 << 20)        /* ten thousand hellos at once, after our restart: each takes about 2 kB in the queue. What does not fit waits for retransmission */

static bool is_any(const struct sockaddr_storage *ss)
{
	if (ss->ss_family == AF_INET6)
		return IN6_IS_ADDR_UNSPECIFIED(&((const struct sockaddr_in6 *)ss)->sin6_addr);
	return ((const struct sockaddr_in *)ss)->sin_addr.s_addr == INADDR_ANY;
}

static int socket_bind(const struct udp_socket *s, int fd)
{
	return bind(fd, (const struct sockaddr *)&s->local, s->local.ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in));
}

static int socket_make(const struct udp_socket *s)
{
	const int one = 1, size = RECEIVE_BUFFER;
	bool six = s->local.ss_family == AF_INET6;
	const int omit = IP_PMTUDISC_OMIT;   /* the same number for IPv6 */
	int fd = socket(s->local.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (six)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
	setsockopt(fd, six ? IPPROTO_IPV6 : IPPROTO_IP, six ? IPV6_MTU_DISCOVER : IP_MTU_DISCOVER, &omit, sizeof omit);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
	if (s->any && setsockopt(fd, six ? IPPROTO_IPV6 : IPPROTO_IP, six ? IPV6_RECVPKTINFO : IP_PKTINFO, &one, sizeof one) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Two sockets may share an address only if both ask for it, and then a third may, too: another listener has to be found before. */
static int address_free(const struct udp_socket *s)
{
	int fd = socket_make(s);
	int ret = fd < 0 ? -1 : socket_bind(s, fd), error = errno;
	if (fd >= 0)
		close(fd);
	errno = error;
	return ret;
}

/* Records of epoch 0, and the Finished behind them, go to the first socket, all others to the second: by the record's header (RFC 6347, 4.1). */
static int sort_records(int fd)
{
	static struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0),           /* content type */
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 22, 3, 0),   /* handshake */
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 3),           /* epoch */
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, 1),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	static const struct sock_fprog program = { sizeof code / sizeof *code, code };
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof program);
}

int udp_socket_open(struct udp_socket *s)
{
	const int one = 1;
	s->any = is_any(&s->local);
	if (address_free(s) < 0 || (s->hello_fd = socket_make(s)) < 0 || (s->fd = socket_make(s)) < 0)
		return -1;
	if (setsockopt(s->hello_fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) < 0 || setsockopt(s->fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) < 0)
		return -1;
	/* How long a hello has waited: without, none is too old. */
	setsockopt(s->hello_fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof one);
	/* In this order: the filter counts them as they are bound. */
	return sort_records(s->hello_fd) < 0 || socket_bind(s, s->hello_fd) < 0 || socket_bind(s, s->fd) < 0 ? -1 : 0;
}
