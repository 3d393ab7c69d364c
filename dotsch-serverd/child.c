/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "child.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* The child's signal mask and dispositions are the usual ones again, not those of a daemon that ignores SIGPIPE and reads signals from a descriptor. */
static int attributes(posix_spawnattr_t *a, pid_t group)
{
	sigset_t none, defaults;
	int rc;

	sigemptyset(&none);
	sigemptyset(&defaults);
	sigaddset(&defaults, SIGPIPE);
	sigaddset(&defaults, SIGXFSZ);
	rc = posix_spawnattr_setsigmask(a, &none);
	if (rc == 0)
		rc = posix_spawnattr_setsigdefault(a, &defaults);
	if (rc == 0)
		rc = posix_spawnattr_setpgroup(a, group);
	if (rc == 0)
		rc = posix_spawnattr_setflags(a, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
	return rc;
}

static int spawn(const char *command, pid_t group, int in, int out, pid_t *pid)
{
	char *argv[] = { (char *)"sh", (char *)"-c", (char *)command, NULL };
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	int rc = posix_spawn_file_actions_init(&files);

	if (rc != 0)
		return rc;
	rc = posix_spawnattr_init(&attr);
	if (rc != 0) {
		posix_spawn_file_actions_destroy(&files);
		return rc;
	}
	rc = attributes(&attr, group);
	if (rc == 0)
		rc = posix_spawn_file_actions_adddup2(&files, in, STDIN_FILENO);
	if (rc == 0)
		rc = posix_spawn_file_actions_adddup2(&files, out >= 0 ? out : STDERR_FILENO, STDOUT_FILENO);
	if (rc == 0)
		rc = posix_spawn(pid, "/bin/sh", &files, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&files);
	return rc;
}

int child_start(const char *command, pid_t group, int in, int out, pid_t *pid, int *pidfd)
{
	int rc = spawn(command, group, in, out, pid);

	if (rc != 0)
		return rc;
	*pidfd = pidfd_open(*pid, 0);
	if (*pidfd >= 0)
		return 0;
	rc = errno;
	kill(group == 0 ? -*pid : *pid, SIGKILL);
	waitpid(*pid, NULL, 0);
	*pid = 0;
	return rc;
}
