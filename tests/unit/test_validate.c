/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "dots/json.h"
#include "dots/validate.h"

static struct prefix domain_v[2], external_v[1];
static char *alias_v[] = { (char[]){ "web" } };
static const struct prefix_list domain = { domain_v, 2 }, external = { external_v, 1 };
static const struct text_list aliases = { alias_v, 1 };

static int setup(void **state)
{
	(void)state;
	return prefix_parse("100.64.8.0/24", false, &domain_v[0]) || prefix_parse("2001:db8:1::/48", false, &domain_v[1]) ||
	    prefix_parse("198.51.100.0/26", false, &external_v[0]);
}

/* What stands in the scope entry, read from JSON, checked with the rules. */
static int check(const char *members, const struct validate_rules *rules, struct reason *why)
{
	char text[2000];
	struct body b;
	snprintf(text, sizeof text, "{\"ietf-dots-signal-channel:mitigation-scope\":{\"scope\":[{%s}]}}", members);
	json_t *line = json_line_parse(text, strlen(text), why);
	assert_non_null(line);
	assert_int_equal(dots_json_read(line, &b, why), 0);
	json_decref(line);
	*why = (struct reason){ 0 };
	int got = validate_request(&b.scope[0], rules, why);
	body_free(&b);
	return got;
}

#define T "\"target-prefix\":[\"203.0.113.9\"]"
#define S ",\"source-prefix\":[\"100.64.8.21\"]"
#define L ",\"lifetime\":60"

static void test_call_home_accepted(void **state)
{
	(void)state;
	const struct validate_rules rules = { .call_home = true, .with_lifetime = true, .domain = &domain, .aliases = &aliases, .external = &external };
	static const char *const rows[] = {
		T S L, "\"target-prefix\":[\"2001:db8:ffff::9\"],\"source-prefix\":[\"2001:db8:1::/64\"]" L, T S ",\"lifetime\":-1", T S L ",\"trigger-mitigation\":true",
		T S L ",\"alias-name\":[\"web\"]", T S L ",\"source-port-range\":[{\"lower-port\":0,\"upper-port\":65535}]",
		T S L ",\"target-fqdn\":[\"www.example\",\"_sip.example.\"],\"target-uri\":[\"https://www.example/%20\"]",
		"\"target-prefix\":[\"203.0.113.9\",\"2001:db8:ffff::9\"]" S L, T S L ",\"attack-status\":\"under-attack\"",
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct reason why;
		int got = check(rows[i], &rules, &why);
		if (got)
			print_error("%s: %s\n", rows[i], why.text);
		assert_int_equal(got, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_call_home_accepted),
	};
	return cmocka_run_group_tests(tests, setup, NULL);
}
