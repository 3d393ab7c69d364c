/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sandbox.h"

#include <errno.h>
#include <seccomp.h>
#include <stddef.h>

/* Reading, writing, netlink on sockets that are open, memory, time and the end. No file is opened and no program started any more. */
static const int allowed[] __attribute__((unused)) = {   /* without a sandbox under ASan */
	SCMP_SYS(read), SCMP_SYS(readv), SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(close), SCMP_SYS(fcntl), SCMP_SYS(fcntl64), SCMP_SYS(fstat), SCMP_SYS(newfstatat),
	SCMP_SYS(lseek), SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_ctl), SCMP_SYS(sendto), SCMP_SYS(sendmsg),
	SCMP_SYS(recvfrom), SCMP_SYS(recvmsg), SCMP_SYS(getsockopt), SCMP_SYS(brk), SCMP_SYS(mmap), SCMP_SYS(mmap2), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise),
	SCMP_SYS(mprotect), SCMP_SYS(futex), SCMP_SYS(clock_gettime), SCMP_SYS(clock_gettime64), SCMP_SYS(gettimeofday), SCMP_SYS(getrandom), SCMP_SYS(getpid),
	SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(sigreturn), SCMP_SYS(restart_syscall), SCMP_SYS(exit), SCMP_SYS(exit_group),
};

/* The leak checker of a sanitized build needs more than the program. */
#ifdef __SANITIZE_ADDRESS__
#define CHECKED_BUILD 1
#else
#define CHECKED_BUILD 0
#endif

int sandbox_enter(void)
{
	if (CHECKED_BUILD)
		return 0;
	/* A refusal, not an end: a library that tries something newer goes on with what it did before. */
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	int e = f ? 0 : -1;
	for (size_t i = 0; e == 0 && i < sizeof allowed / sizeof *allowed; i++)
		/* Calls that this architecture does not have are no error. */
		if (seccomp_rule_add(f, SCMP_ACT_ALLOW, allowed[i], 0) == -ENOMEM)
			e = -1;
	if (e == 0 && seccomp_load(f) < 0)
		e = -1;
	seccomp_release(f);
	return e;
}
