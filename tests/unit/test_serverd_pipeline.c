/* SPDX-License-Identifier: GPL-3.0-or-later */
/* When a pipeline that has died is started again: real programs under a clock that only the test moves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/when.h"
#include "dotsch-serverd/pipeline.h"

#define BOUND_S 20

static int64_t now_ms;
int64_t __wrap_when_boot_ms(void);

int64_t __wrap_when_boot_ms(void)
{
	return now_ms;
}

static struct loop *loop;
static struct pipeline *pipeline;
static unsigned starts;

static void on_line(void *arg, char *text, size_t len)
{
	(void)arg;
	assert_int_equal(len, strlen("started"));
	assert_memory_equal(text, "started", len);
	starts++;
}

static void too_long(void *arg, unsigned long number)
{
	(void)arg;
	(void)number;
	fail();
}

static void until_started(unsigned n)
{
	for (time_t end = time(NULL) + BOUND_S; starts < n && time(NULL) < end;)
		loop_step(loop, 20);
	assert_int_equal(starts, n);
}

/* It lives until it reads a line; its death has been noticed when there is no child any more. */
static void end_it(void)
{
	time_t end = time(NULL) + BOUND_S;
	siginfo_t info;
	assert_true(pipeline_write(pipeline, json_object()));
	while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && time(NULL) < end)
		loop_step(loop, 20);
	assert_true(time(NULL) < end);
}

static void pass(int64_t ms)
{
	now_ms += ms;
	for (int i = 0; i < 5; i++)
		loop_step(loop, 10);
}

/* One second at first, twice as long each time, a minute at most; after a minute of steady running it begins anew. */
static void a_dead_pipeline_is_started_again_at_its_pace(void **state)
{
	static const struct pipeline_ops ops = { .line = on_line, .too_long = too_long };
	static const unsigned pauses_s[] = { 1, 2, 4, 8, 16, 32, 60, 60 };
	const size_t n = sizeof pauses_s / sizeof *pauses_s;
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	now_ms = 1000000;
	loop = loop_new();
	pipeline = pipeline_new(loop, "echo started; read -r line; exit 3", &ops, NULL);
	assert_non_null(pipeline);
	until_started(1);
	for (unsigned i = 0; i < n; i++) {
		end_it();
		pass(pauses_s[i] * INT64_C(1000) - 1);
		assert_int_equal(starts, i + 1);
		pass(1);
		until_started(i + 2);
	}
	pass(59999);
	end_it();
	pass(59999);
	assert_int_equal(starts, n + 1);
	pass(1);
	until_started(n + 2);
	pass(60000);
	end_it();
	pass(999);
	assert_int_equal(starts, n + 2);
	pass(1);
	until_started(n + 3);
	pipeline_free(pipeline, 1000);
	loop_free(loop);
}

int main(void)
{
	const int self = pidfd_open(getpid(), 0);
	if (self < 0 && errno == ENOSYS) {
		puts("1..0 # SKIP no pidfd_open here (Debian 12's valgrind does not know it)");
		return 0;
	}
	close(self);
	const struct CMUnitTest tests[] = { cmocka_unit_test(a_dead_pipeline_is_started_again_at_its_pace) };
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
