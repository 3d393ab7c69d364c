/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Commands in words, as on the command line and at the prompt: the line of JSON that each becomes, and what is said to a wrong one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../dotsch-client/complete.h"
#include "../../dotsch-client/text.h"
#include "../../dotsch-client/watch.h"
#include "../../dotsch-client/words.h"

#define SCOPE "\"ietf-dots-signal-channel:mitigation-scope\":{\"scope\":[{"
#define CH "ietf-dots-call-home:"

static int parse(const char *text, struct words *out, struct reason *why)
{
	char copy[600], *words[COMPLETE_WORDS_MAX];
	snprintf(copy, sizeof copy, "%s", text);
	int n = complete_split(copy, words);
	return words_parse(n, words, out, why);
}

static void lines(void **state)
{
	static const struct { const char *text, *line; } cases[] = {
		{ "mitigate --source 100.64.8.21 --target 203.0.113.9 --source-port 5000-5010,6000 --protocol udp --lifetime 30m --ref case-17 --keep",
		  "{\"type\":\"mitigate\"," SCOPE "\"" CH "source-prefix\":[\"100.64.8.21/32\"],\"target-prefix\":[\"203.0.113.9/32\"],\"" CH "source-port-range\":"
		  "[{\"lower-port\":5000,\"upper-port\":5010},{\"lower-port\":6000,\"upper-port\":6000}],\"target-protocol\":[17],\"lifetime\":1800}]},\"ref\":\"case-17\",\"keep\":true}" },
		{ "mitigate source 2001:db8::1,2001:db8::2 target 2001:db8:c000::/64 source-icmp-type 8 target-port 53 lifetime indefinite to cpe-0001 subscriber 2001:db8::1",
		  "{\"type\":\"mitigate\"," SCOPE "\"" CH "source-prefix\":[\"2001:db8::1/128\",\"2001:db8::2/128\"],\"target-prefix\":[\"2001:db8:c000::/64\"],\"" CH "source-icmp-type-range\":"
		  "[{\"lower-type\":8,\"upper-type\":8}],\"target-port-range\":[{\"lower-port\":53,\"upper-port\":53}],\"lifetime\":-1}]},\"to\":\"cpe-0001\",\"subscriber\":\"2001:db8::1\"}" },
		{ "mitigate --to dms --target-fqdn a.example,b.example --target-uri https://a.example/ --alias web --trigger-mitigation false",
		  "{\"type\":\"mitigate\",\"to\":\"dms\"," SCOPE "\"target-fqdn\":[\"a.example\",\"b.example\"],\"target-uri\":[\"https://a.example/\"],\"alias-name\":[\"web\"],"
		  "\"trigger-mitigation\":false}]}}" },
		{ "withdraw 7 --to cpe-0001", "{\"type\":\"withdraw\",\"mid\":7,\"to\":\"cpe-0001\"}" },
		{ "withdraw case-17", "{\"type\":\"withdraw\",\"ref\":\"case-17\"}" },
		{ "withdraw --ref 7", "{\"type\":\"withdraw\",\"ref\":\"7\"}" },
		{ "refresh case-17 --lifetime 1h", "{\"type\":\"refresh\",\"ref\":\"case-17\",\"lifetime\":3600}" },
		{ "query cpe-0001", "{\"type\":\"query\",\"to\":\"cpe-0001\"}" },
		{ "query cpe-0001 7 --content n", "{\"type\":\"query\",\"to\":\"cpe-0001\",\"mid\":7,\"content\":\"n\"}" },
		{ "query --ref case-17", "{\"type\":\"query\",\"ref\":\"case-17\"}" },
		{ "observe 4294967295 --to cpe-0001", "{\"type\":\"observe\",\"mid\":4294967295,\"to\":\"cpe-0001\"}" },
		{ "unobserve case-17", "{\"type\":\"unobserve\",\"ref\":\"case-17\"}" },
		{ "efficacy case-17 under-attack", "{\"type\":\"efficacy\",\"ref\":\"case-17\",\"attack-status\":\"under-attack\"}" },
		{ "config get cpe-0001", "{\"type\":\"config\",\"action\":\"get\",\"to\":\"cpe-0001\"}" },
		{ "config delete cpe-0001 --sid 3", "{\"type\":\"config\",\"action\":\"delete\",\"to\":\"cpe-0001\",\"sid\":3}" },
		{ "config set cpe-0001 --mitigating-heartbeat-interval 20 --idle-ack-timeout 2.5",
		  "{\"type\":\"config\",\"action\":\"set\",\"to\":\"cpe-0001\",\"ietf-dots-signal-channel:signal-config\":{\"mitigating-config\":{\"heartbeat-interval\":{\"current-value\":20}},"
		  "\"idle-config\":{\"ack-timeout\":{\"current-value-decimal\":\"2.5\"}}}}" },
		{ "redirect cpe-0001 --client ch2.isp.example --address 192.0.2.7 --ttl 600",
		  "{\"type\":\"redirect\",\"to\":\"cpe-0001\",\"ietf-dots-signal-channel:redirected-signal\":{\"" CH "alt-ch-client\":\"ch2.isp.example\",\"" CH "alt-ch-client-record\":[\"192.0.2.7\"],\"" CH "ttl\":600}}" },
		{ "peers --connected", "{\"type\":\"peers\",\"connected\":true}" },
		{ "peer add new --psk-identity id --psk-key 00ff --domain 192.0.2.0/24", "{\"type\":\"peer\",\"action\":\"add\",\"name\":\"new\",\"psk-identity\":\"id\",\"psk-key\":\"00ff\",\"domain\":[\"192.0.2.0/24\"]}" },
		{ "peer set dms --address dots.example,192.0.2.1 --port 14646 --transport tcp --server-name dots.example --overlap sources",
		  "{\"type\":\"peer\",\"action\":\"set\",\"name\":\"dms\",\"address\":[\"dots.example\",\"192.0.2.1\"],\"port\":14646,\"transport\":[\"tcp\"],\"server-name\":\"dots.example\",\"overlap\":\"sources\"}" },
		{ "peer set p --session-address", "{\"type\":\"peer\",\"action\":\"set\",\"name\":\"p\",\"session-address\":true}" },
		{ "peer remove new", "{\"type\":\"peer\",\"action\":\"remove\",\"name\":\"new\"}" },
		{ "pending", "{\"type\":\"pending\"}" },
		{ "watch --ref x", "{\"type\":\"watch\",\"ref\":\"x\"}" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct words w;
		struct reason why = { 0 };
		if (parse(cases[i].text, &w, &why) < 0)
			fail_msg("%s: %s", cases[i].text, why.text);
		json_t *want = json_loads(cases[i].line, 0, NULL);
		char *got = json_dumps(w.line, JSON_COMPACT);
		assert_non_null(want);
		if (!json_equal(w.line, want))
			fail_msg("%s became\n%s", cases[i].text, got);
		free(got);
		json_decref(want);
		json_decref(w.line);
	}
}

static void wrong_ones(void **state)
{
	static const struct { const char *text, *field, *words; } cases[] = {
		{ "mitigat", "mitigat", "no such command; there are mitigate, withdraw" },
		{ "mitigate --source 300.1.1.1", "source", "300.1.1.1 is not a prefix such as" },
		{ "mitigate --target x", "target", "is not a prefix such as" },
		{ "mitigate --source-port 70000", "source-port", "at most 65535" },
		{ "mitigate --source-port 9-5", "source-port", "is not a range such as" },
		{ "mitigate --source-icmp-type 256", "source-icmp-type", "at most 255" },
		{ "mitigate --protocol foo", "protocol", "is not a protocol such as udp" },
		{ "mitigate --lifetime 0s", "lifetime", "is not a duration such as 90s" },
		{ "mitigate --lifetime soon", "lifetime", "or indefinite" },
		{ "mitigate --source 192.0.2.1,,192.0.2.2", "source", "a list without gaps" },
		{ "mitigate --trigger-mitigation maybe", "trigger-mitigation", "is not true or false" },
		{ "mitigate --wait 3x", "wait", "is not a duration such as 30s" },
		{ "mitigate --sauce 192.0.2.1", "--sauce", "mitigate has no such option" },
		{ "mitigate --source", "--source", "needs a value" },
		{ "mitigate", "mitigate", "what is to be stopped? mitigate --source PREFIX" },
		{ "mitigate --keep --to p", "mitigate", "what is to be stopped?" },
		{ "withdraw 4294967296", "4294967296", "too large" },
		{ "withdraw 1 2", "2", "withdraw has no such option" },
		{ "config set p --sid x", "sid", "is not a number up to" },
		{ "config set p --idle-heartbeat-interval -1", "idle-heartbeat-interval", "is not a number up to" },
		{ "redirect p --address name", "address", "is not an IP address" },
		{ "peer set p --domain 192.0.2.0/33", "domain", "is not a prefix such as" },
		{ "query \377", "", "is not UTF-8" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct words w;
		struct reason why = { 0 };
		if (parse(cases[i].text, &w, &why) == 0)
			fail_msg("%s was taken", cases[i].text);
		if (strcmp(why.field, cases[i].field) || !strstr(why.text, cases[i].words))
			fail_msg("%s: %s: %s", cases[i].text, why.field, why.text);
	}
}

static void waiting(void **state)
{
	static const struct { const char *text; int64_t wait_s; } cases[] = {
		{ "mitigate --target 192.0.2.1", -1 }, { "mitigate --target 192.0.2.1 --wait 30s", 30 }, { "mitigate --target 192.0.2.1 --lifetime 10m --wait", 600 },
		{ "mitigate --wait --target 192.0.2.1", 3600 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct words w;
		assert_int_equal(parse(cases[i].text, &w, NULL), 0);
		assert_int_equal(w.wait_s, cases[i].wait_s);
		json_decref(w.line);
	}
}

/* Every command has a usage and a help, and each of its options can be completed. */
static void described(void **state)
{
	const char *name, *option;
	char what;
	(void)state;
	for (size_t i = 0; (name = words_command(i)); i++) {
		assert_non_null(words_usage(name));
		assert_true(strlen(words_help(name)) > 5);
		size_t n = 0;
		while ((option = words_option(name, n, &what)))
			n++;
		assert_true(n > 0);
	}
	assert_null(words_usage("nothing"));
	assert_null(words_option("nothing", 0, &what));
}

/* The line of the table with this peer, as cells; how many they are. */
static size_t painted(const struct watch *w, unsigned columns, const char *peer, char *out, size_t cap)
{
	struct buf b = { 0 };
	size_t cells = 0;
	watch_paint(w, 24, columns, false, &b);
	buf_put(&b, "", 1);
	assert_false(b.failed);
	char *line = strstr((char *)b.data, peer);
	assert_non_null(line);
	size_t len = strcspn(line, "\033");
	for (size_t i = 0; i < len; i++)
		cells += ((unsigned char)line[i] & 0xc0) != 0x80;
	snprintf(out, cap, "%.*s", (int)len, line);
	buf_free(&b);
	return cells;
}

static void table(void **state)
{
	static const char *const requests[] = {
		"{\"type\":\"request\",\"peer\":\"cpe-1\",\"mid\":4294967295,\"state\":\"active\",\"status\":\"attack-successfully-mitigated\",\"lifetime\":3599," SCOPE
		"\"target-prefix\":[\"203.113.123.129/32\"],\"" CH "source-prefix\":[\"192.168.123.129/32\"],\"pps-dropped\":\"1500\"}]}}",
		"{\"type\":\"request\",\"peer\":\"cpe-6\",\"mid\":7,\"state\":\"active\",\"status\":\"attack-mitigation-in-progress\",\"lifetime\":-1," SCOPE
		"\"target-prefix\":[\"2001:db8:ffff:eeee:dddd:cccc:bbbb:aaaa/128\"],\"" CH "source-prefix\":[\"2001:db8:1:2345:6789:abcd:ef01:2345/128\"]}]}}",
	};
	struct watch w = { 0 };
	char line[400];
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		json_t *o = json_loads(requests[i], 0, NULL);
		assert_non_null(o);
		watch_add(&w, o);
		json_decref(o);
	}
	assert_in_range(painted(&w, 80, "cpe-1", line, sizeof line), 70, 79);
	assert_non_null(strstr(line, " 4294967295 192.168.123.129 203.113.123.129 blocked "));
	assert_non_null(strstr(line, " 1.5k "));
	assert_non_null(strstr(line, "59m59s"));
	/* Half an address is another address: what is cut says so. */
	assert_in_range(painted(&w, 80, "cpe-6", line, sizeof line), 70, 79);
	assert_non_null(strstr(line, " 2001:db8:1:234… 2001:db8:ffff:… accepted,… "));
	assert_in_range(painted(&w, 200, "cpe-6", line, sizeof line), 80, 200);
	assert_non_null(strstr(line, " 2001:db8:1:2345:6789:abcd:ef01:2345 2001:db8:ffff:eeee:dddd:cccc:bbbb:aaaa accepted, not blocked yet "));
	painted(&w, 200, "cpe-1", line, sizeof line);
	assert_non_null(strstr(line, "██████████"));
	watch_clear(&w);
}

/* A session configuration for people: what is in force, with its bounds, and no JSON. */
static void configuration(void **state)
{
	struct buf b = { 0 };
	(void)state;
	json_t *line = json_loads("{\"type\":\"response\",\"peer\":\"cpe\",\"method\":\"GET\",\"resource\":\"config\",\"code\":\"2.05\",\"text\":\"Content\",\"ietf-dots-signal-channel:signal-config\":{"
	                          "\"mitigating-config\":{\"heartbeat-interval\":{\"max-value\":235,\"min-value\":15,\"current-value\":30},"
	                          "\"ack-timeout\":{\"max-value-decimal\":\"30.00\",\"min-value-decimal\":\"1.00\",\"current-value-decimal\":\"2.00\"}},"
	                          "\"idle-config\":{\"probing-rate\":{\"current-value\":5}}}}", 0, NULL);
	assert_non_null(line);
	text_of_line(line, false, &b);
	buf_put(&b, "", 1);
	assert_false(b.failed);
	assert_string_equal((char *)b.data, "cpe: GET config: 2.05 Content\n  mitigating: heartbeat-interval 30 (15 to 235), ack-timeout 2.00 (1.00 to 30.00)\n  idle: probing-rate 5");
	buf_free(&b);
	json_decref(line);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(lines), cmocka_unit_test(wrong_ones), cmocka_unit_test(waiting), cmocka_unit_test(described), cmocka_unit_test(table), cmocka_unit_test(configuration) };
	return cmocka_run_group_tests_name("client_words", tests, NULL, NULL);
}
