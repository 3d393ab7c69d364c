/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where a pipeline is cut, and where it is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "dotsch-serverd/stages.h"

/* The stages with " / " between them. */
static void assert_split(const char *command, const char *want)
{
	char text[200], got[300] = "", *stages[STAGES_MAX];
	size_t n;

	snprintf(text, sizeof(text), "%s", command);
	n = stages_split(text, stages);
	for (size_t i = 0; i < n; i++)
		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%s", i > 0 ? "/" : "", stages[i]);
	assert_string_equal(got, want);
}

static void simple_commands_are_cut(void **state)
{
	(void)state;
	assert_split("dotsch-block", "dotsch-block");
	assert_split("dotsch-map --conntrack | dotsch-block", "dotsch-map --conntrack / dotsch-block");
	assert_split("a|b|c", "a/b/c");
	assert_split("a 2>&1 | b >&2 | c <&3", "a 2>&1 / b >&2 / c <&3");
	assert_split("X=1 a | b *.c > out", "X=1 a / b *.c > out");
}

static void quoted_bars_are_text(void **state)
{
	(void)state;
	assert_split("jq 'a | b' | c", "jq 'a | b' / c");
	assert_split("jq \"a | \\\" | b\" | c", "jq \"a | \\\" | b\" / c");
	assert_split("a \\| b | c", "a \\| b / c");
	assert_split("a ';(){}&' | b", "a ';(){}&' / b");
	assert_split("a \"$X | y\" | b", "a \"$X | y\" / b");
}

static void what_is_more_than_a_pipeline_stays_whole(void **state)
{
	static const char *const whole[] = {
		"a || b", "a |& b", "a; b | c", "a & b | c", "(a | b) | c", "{ a; } | b", "a `b | c` | d", "a $(b | c) | d", "a \"$(b | c)\" | d", "a \"`b | c`\" | d",
		"a <<E | b", "a\nb | c", "a | b # | c", "! a | b", "while read x; do a | b; done", "a 'b | c", "a \"b | c", "a >| b", "a | | b", "| a", "a |", "a | b || c", "a |\\",
		"a \\",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(whole) / sizeof(*whole); i++)
		assert_split(whole[i], whole[i]);
	/* More programs than there is room for. */
	assert_split("1|2|3|4|5|6|7|8|9|a|b|c|d|e|f|0|1", "1|2|3|4|5|6|7|8|9|a|b|c|d|e|f|0|1");
	assert_split("1|2|3|4|5|6|7|8|9|a|b|c|d|e|f|0", "1/2/3/4/5/6/7/8/9/a/b/c/d/e/f/0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(simple_commands_are_cut), cmocka_unit_test(quoted_bars_are_text), cmocka_unit_test(what_is_more_than_a_pipeline_stays_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
