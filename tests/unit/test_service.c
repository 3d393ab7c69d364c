/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a service manager hears: ready, signs of life twice in the watchdog's time, stopping; and what children do not see. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/service.h"

static int listen_at(const char *name, bool abstract)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	strcpy(un.sun_path, name);
	if (abstract)
		un.sun_path[0] = '\0';
	assert_int_equal(bind(fd, (struct sockaddr *)&un, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))), 0);
	return fd;
}

static const char *heard(int fd)
{
	static char text[64];
	ssize_t n = recv(fd, text, sizeof text - 1, 0);
	text[n < 0 ? 0 : n] = '\0';
	return text;
}

struct stop {
	struct loop *loop;
	struct loop_timer timer;
};

static void on_stop(void *arg)
{
	struct stop *s = arg;
	loop_stop(s->loop, 7);
}

/* Runs a service for ms; what was heard is left in fd. */
static int run(int64_t ms)
{
	struct stop stop = { .loop = loop_new() };
	struct service s;
	service_open(&s, stop.loop);
	loop_timer_init(&stop.timer, on_stop, &stop);
	loop_timer_set(stop.loop, &stop.timer, ms);
	int status = service_run(&s);
	service_close(&s);
	service_close(&s);
	loop_free(stop.loop);
	return status;
}

static void ready_and_alive(void **state)
{
	(void)state;
	for (int abstract = 0; abstract < 2; abstract++) {
		char name[64], pid[24];
		snprintf(name, sizeof name, abstract ? "@dotsch-test-%d" : "/tmp/dotsch-test-%d", (int)getpid());
		snprintf(pid, sizeof pid, "%d", (int)getpid());
		int fd = listen_at(name, abstract);
		setenv("NOTIFY_SOCKET", name, 1);
		setenv("WATCHDOG_USEC", "20000", 1);
		setenv("WATCHDOG_PID", pid, 1);
		assert_int_equal(run(50), 7);
		assert_null(getenv("NOTIFY_SOCKET"));
		assert_null(getenv("WATCHDOG_USEC"));
		assert_null(getenv("WATCHDOG_PID"));
		assert_string_equal(heard(fd), "READY=1");
		int alive = 0;
		const char *word;
		while (!strcmp(word = heard(fd), "WATCHDOG=1"))
			alive++;
		/* Each 10 ms, as far as the machine lets us: no more than five, and not none. The socket holds eleven words. */
		assert_in_range(alive, 1, 5);
		assert_string_equal(word, "STOPPING=1");
		assert_string_equal(heard(fd), "");
		close(fd);
		if (!abstract)
			unlink(name);
	}
}

static void watchdog_of_another(void **state)
{
	(void)state;
	char name[64];
	snprintf(name, sizeof name, "@dotsch-test-%d", (int)getpid());
	int fd = listen_at(name, true);
	static const char *const rows[][2] = { { "20000", "1" }, { "0", NULL }, { "-5", NULL }, { "x", NULL }, { NULL, NULL } };
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		setenv("NOTIFY_SOCKET", name, 1);
		if (rows[i][0])
			setenv("WATCHDOG_USEC", rows[i][0], 1);
		if (rows[i][1])
			setenv("WATCHDOG_PID", rows[i][1], 1);
		assert_int_equal(run(30), 7);
		assert_string_equal(heard(fd), "READY=1");
		assert_string_equal(heard(fd), "STOPPING=1");
	}
	close(fd);
}

static void no_manager(void **state)
{
	(void)state;
	assert_int_equal(run(1), 7);
	setenv("NOTIFY_SOCKET", "/nonexistent/notify", 1);
	assert_int_equal(run(1), 7);
	/* Longer than an address may be. */
	char longer[200];
	memset(longer, 'x', sizeof longer - 1);
	longer[199] = '\0';
	setenv("NOTIFY_SOCKET", longer, 1);
	assert_int_equal(run(1), 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ready_and_alive), cmocka_unit_test(watchdog_of_another), cmocka_unit_test(no_manager),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
