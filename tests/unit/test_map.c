/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The provider's side: golden requests against golden tables, bad tables, and what two tables say together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/when.h"
#include "dots/json.h"
#include "map_case.h"
#include "snapshot.h"

#define CAPTURED "2026-11-22T10:30:00Z"

static int64_t at(const char *text)
{
	int64_t ms;
	assert_int_equal(when_parse(text, &ms), 0);
	return ms;
}

static struct table *golden(const char *name, size_t step)
{
	size_t len;
	struct reason why = { 0 };
	char *text = case_read_file(name, &len);
	assert_non_null(text);
	struct table *t = case_table(text, len, step, at(CAPTURED), &why);
	if (!t)
		print_message("# %s: %s\n", name, why.text);
	free(text);
	return t;
}

/* [[1,2],[3,3]] to the DOTS list, and back. */
static json_t *ranges(const json_t *pairs)
{
	json_t *list = json_array(), *p;
	size_t i;
	json_array_foreach((json_t *)pairs, i, p)
		json_array_append_new(list, json_pack("{s:O,s:O}", "lower-port", json_array_get(p, 0), "upper-port", json_array_get(p, 1)));
	return list;
}

static json_t *pairs(const struct range_list *l)
{
	json_t *list = json_array();
	for (size_t i = 0; i < l->n; i++)
		json_array_append_new(list, json_pack("[i,i]", l->v[i].lower, l->v[i].upper));
	return list;
}

static json_t *texts(const struct prefix_list *l)
{
	char text[PREFIX_TEXT_MAX];
	json_t *list = json_array();
	for (size_t i = 0; i < l->n; i++)
		json_array_append_new(list, json_string(prefix_format(&l->v[i], text)));
	return list;
}

static char *request(const json_t *c)
{
	const json_t *target = json_object_get(c, "target"), *ports = json_object_get(c, "ports"), *protocol = json_object_get(c, "protocol");
	json_t *scope = json_pack("{s:i,s:O}", "lifetime", 600, "ietf-dots-call-home:source-prefix", json_object_get(c, "source"));
	json_object_set_new(scope, "target-prefix", target ? json_incref((json_t *)target) : json_pack("[s]", "203.0.113.9/32"));
	if (ports)
		json_object_set_new(scope, "ietf-dots-call-home:source-port-range", ranges(ports));
	if (protocol)
		json_object_set(scope, "target-protocol", (json_t *)protocol);
	const json_t *attack = json_object_get(c, "attack");
	json_t *line = json_pack("{s:s,s:s,s:s,s:i,s:{s:[o]}}", "type", "mitigate", "attack-time", attack ? json_string_value(attack) : "2026-11-22T10:30:01Z", "ref", "r", "mid", 7,
		DOTS_JSON_SCOPE, "scope", scope);
	char *text = json_dumps(line, JSON_COMPACT);
	json_decref(line);
	return text;
}

static bool member_is(const json_t *line, const char *name, const json_t *want)
{
	return !want || json_equal(json_object_get(line, name), want);
}

static bool error_is(const json_t *line, const json_t *want)
{
	const char *reason = json_string_value(json_object_get(line, "reason"));
	return !strcmp(json_string_value(json_object_get(line, "type")), "error") && member_is(line, "field", json_object_get(want, "error")) && reason &&
	       strstr(reason, json_string_value(json_object_get(want, "reason"))) && !strcmp(json_string_value(json_object_get(line, "ref")), "r") &&
	       (json_int_t)json_array_size(json_object_get(line, "found")) == json_integer_value(json_object_get(want, "found"));
}

/* Compares one list of the request when the case names it. */
static bool list_is(json_t *got, const json_t *want)
{
	bool same = !want || json_equal(got, want);
	json_decref(got);
	return same;
}

static bool request_is(json_t *line, const json_t *want)
{
	struct body b;
	struct reason why;
	if (dots_json_read(line, &b, &why) < 0 || b.n_scope != 1)
		return false;
	const struct mitigation *m = &b.scope[0];
	json_t *protocols = json_array(), *nat = json_object_get(line, "nat");
	for (size_t i = 0; i < m->target_protocol.n; i++)
		json_array_append_new(protocols, json_integer(m->target_protocol.v[i]));
	bool ok = list_is(pairs(&m->source_port), json_object_get(want, "ports"));
	ok &= list_is(texts(&m->source_prefix), json_object_get(want, "source"));
	ok &= list_is(texts(&m->target_prefix), json_object_get(want, "target"));
	ok &= list_is(protocols, json_object_get(want, "protocol"));
	ok &= member_is(line, "subscriber", json_object_get(want, "subscriber")) && member_is(line, "certainty", json_object_get(want, "certainty"));
	ok &= member_is(line, "part", json_object_get(want, "part")) && member_is(line, "truncated", json_object_get(want, "truncated"));
	ok &= member_is(nat, "instance", json_object_get(want, "instance")) && member_is(nat, "entry", json_object_get(want, "entry"));
	ok &= member_is(nat, "unresolved", json_object_get(want, "unresolved")) && !strcmp(json_string_value(json_object_get(line, "ref")), "r");
	/* Several requests cannot share one mid. */
	ok &= !json_object_get(line, "part") == !!json_object_get(line, "mid");
	body_free(&b);
	return ok;
}

static bool line_is(json_t *got, const json_t *want)
{
	if (json_is_string(want) || json_is_string(got))
		return json_equal(got, want);
	return json_object_get(want, "error") ? error_is(got, want) : request_is(got, want);
}

static unsigned run_case(const json_t *c, struct table *t)
{
	struct nat nat = { .tables = &t, .n = 1 };
	const json_t *rules = json_object_get(c, "rules"), *max = json_object_get(rules, "max-hosts"), *want = json_object_get(c, "want");
	struct rewrite_rules r = { .max_hosts = max ? (unsigned)json_integer_value(max) : 64, .max_ports = 100, .allow_many = json_is_true(json_object_get(rules, "allow-many")) };
	char *line = request(c);
	json_t *got = case_rewrite(&nat, &r, line, at(CAPTURED));
	bool ok = json_array_size(got) == json_array_size(want);
	for (size_t i = 0; ok && i < json_array_size(want); i++)
		ok = line_is(json_array_get(got, i), json_array_get(want, i));
	if (!ok) {
		char *text = json_dumps(got, JSON_COMPACT);
		print_message("# not as it should be: %s\n# %s\n", json_string_value(json_object_get(c, "name")), text);
		free(text);
	}
	json_decref(got);
	free(line);
	return !ok;
}

/* Every case against the table as it was parsed, parsed byte by byte, and out of a snapshot. */
static void test_golden_cases(void **state)
{
	(void)state;
	char *cases = case_read_file("map-cases.jsonl", NULL), *snapshot = NULL;
	unsigned wrong = 0, run = 0;
	assert_non_null(cases);
	assert_true(asprintf(&snapshot, "/tmp/test_map.%d.snap", (int)getpid()) > 0);
	for (char *save = NULL, *text = strtok_r(cases, "\n", &save); text; text = strtok_r(NULL, "\n", &save), run++) {
		struct reason why = { 0 };
		json_t *c = json_line_parse(text, strlen(text), &why);
		if (!c)
			fail_msg("%s: %s", text, why.text);
		struct table *t[3];
		t[0] = golden(json_string_value(json_object_get(c, "table")), 0);
		t[1] = golden(json_string_value(json_object_get(c, "table")), 1);
		assert_non_null(t[0]);
		assert_non_null(t[1]);
		assert_int_equal(snapshot_write(t[0], snapshot, &why), 0);
		t[2] = snapshot_open(snapshot, false, &why);
		if (!t[2])
			fail_msg("%s", why.text);
		for (int i = 0; i < 3; i++) {
			wrong += run_case(c, t[i]);
			table_free(t[i]);
		}
		json_decref(c);
	}
	unlink(snapshot);
	free(snapshot);
	free(cases);
	assert_int_equal(wrong, 0);
	assert_true(run > 40);
}

/* CH-35: whatever comes out, an external address is never the source of a request. */
static void test_ch35_no_external_source(void **state)
{
	(void)state;
	struct table *t = golden("map-nat.json", 0);
	struct nat nat = { .tables = &t, .n = 1 };
	struct rewrite_rules r = { .max_hosts = 64, .max_ports = 100, .allow_many = true };
	static const char *const sources[] = { "198.51.100.0/24", "198.51.100.5/32", "0.0.0.0/1", "192.0.2.90/32" };
	for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
		char line[400];
		snprintf(line, sizeof line, "{\"ietf-dots-signal-channel:mitigation-scope\":{\"scope\":[{\"target-prefix\":[\"203.0.113.9/32\"],\"lifetime\":60,\"ietf-dots-call-home:source-prefix\":[\"%s\"]}]}}", sources[i]);
		json_t *got = case_rewrite(&nat, &r, line, at(CAPTURED)), *one;
		size_t k;
		json_array_foreach(got, k, one) {
			json_t *scope = json_object_get(one, DOTS_JSON_SCOPE);
			char *text = scope ? json_dumps(scope, JSON_COMPACT) : strdup("");
			assert_null(strstr(text, "198.51.100."));
			assert_null(strstr(text, "192.0.2.90"));
			free(text);
		}
		assert_true(json_array_size(got) > 0);
		json_decref(got);
	}
	table_free(t);
}

static char *entry(char *out, size_t cap, const char *inside, unsigned lifetime)
{
	snprintf(out, cap, "{\"ietf-nat:mapping-entry\":[{\"index\":1,\"type\":\"dynamic-implicit\",\"transport-protocol\":17,\"internal-src-address\":\"%s\",\"internal-src-port\":"
		"{\"start-port-number\":4000},\"external-src-address\":\"198.51.100.5\",\"external-src-port\":{\"start-port-number\":20480},\"lifetime\":%u}]}", inside, lifetime);
	return out;
}

/* What two captures of one box say about an attack, `after` seconds after the first; the second is 1000 s after the first. */
static enum certainty two_captures(const char *first, const char *second, int after, size_t *possible)
{
	char text[600];
	struct reason why;
	struct table *t[2];
	int64_t captured = at(CAPTURED);
	t[0] = case_table(entry(text, sizeof text, first, 100), strlen(entry(text, sizeof text, first, 100)), 0, captured, &why);
	t[1] = case_table(entry(text, sizeof text, second, 100), strlen(entry(text, sizeof text, second, 100)), 0, captured + 1000000, &why);
	struct nat nat = { .tables = t, .n = 2 };
	struct nat_query q = { .proto = 17, .has_port = true, .port = { 20480, 20480 }, .attack = captured + after * 1000 };
	struct answer a = { 0 };
	assert_int_equal(addr_parse("198.51.100.5", &q.ext), 0);
	assert_int_equal(resolve(&nat, &q, &a), 0);
	enum certainty c = a.certainty;
	*possible = a.possible;
	answer_free(&a);
	table_free(t[0]);
	table_free(t[1]);
	return c;
}

static void test_two_captures(void **state)
{
	(void)state;
	size_t n;
	/* Both agree, the attack is in between: exact, even where neither alone would reach. */
	assert_int_equal(two_captures("100.64.0.1", "100.64.0.1", 500, &n), CERTAINTY_EXACT);
	/* They differ: the nearer one alone where only one reaches, both where both do, none for sure where neither does. */
	assert_int_equal(two_captures("100.64.0.1", "100.64.0.2", 200, &n), CERTAINTY_LIKELY);
	assert_int_equal(n, 1);
	assert_int_equal(two_captures("100.64.0.1", "100.64.0.2", 950, &n), CERTAINTY_LIKELY);
	assert_int_equal(two_captures("100.64.0.1", "100.64.0.2", 500, &n), CERTAINTY_AMBIGUOUS);
	assert_int_equal(n, 2);
	assert_int_equal(two_captures("100.64.0.1", "100.64.0.1", 5000, &n), CERTAINTY_STALE);
}

/* Text that is no table, and what the reason has to say. */
static void test_bad_tables(void **state)
{
	(void)state;
	static const struct { const char *text, *says; } rows[] = {
		{ "", "cut short at byte 0" },
		{ "{}", "no NAT table" },
		{ "{\"a\":1}", "no NAT table" },
		{ "[1,2]", "no NAT table" },
		{ "{\"ietf-nat:nat\":{\"instances\":{\"instance\":[{\"id\":1,", "cut short at byte 50" },
		{ "{\"ietf-nat:mapping-entry\":[{\"index\":1}", "cut short" },
		{ "{\"ietf-nat:mapping-entry\":[{\"index\":1}]]", "at byte" },
		{ "{\"ietf-nat:mapping-entry\":[{\"index\":-1}]}", "mapping-entry[1]/index: a whole number" },
		{ "{\"ietf-nat:mapping-entry\":[{},{\"index\":4294967296}]}", "mapping-entry[2]/index" },
		{ "{\"instance\":[{\"instance\":[{}],\"id\":1}]}", "an instance inside an instance" },
		{ "{\"ietf-nat:mapping-entry\":[5]}", "an object belongs here" },
		{ "{\"ietf-nat:nat\":{\"instances\":{\"instance\":[\"x\"]}}}", "an object belongs here" },
		{ "{\"ietf-nat:mapping-entry\":[{\"index\":\"1\"}]}", "a number belongs here" },
		{ "{\"ietf-nat:mapping-entry\":[{\"index\":1.5}]}", "a whole number" },
		{ "{\"ietf-nat:mapping-entry\":[{\"transport-protocol\":256}]}", "from 0 to 255" },
		{ "{\"ietf-nat:mapping-entry\":[{\"external-src-address\":\"1.2.3\"}]}", "an address or prefix" },
		{ "{\"ietf-nat:mapping-entry\":[{\"external-src-address\":\"1.2.3.04\"}]}", "an address or prefix" },
		{ "{\"ietf-nat:mapping-entry\":[{\"external-src-address\":7}]}", "text belongs here" },
		{ "{\"ietf-nat:mapping-entry\":[{\"external-src-address\":true}]}", "true or false" },
		{ "{\"ietf-nat:mapping-entry\":[{\"external-src-port\":{\"end-port-number\":5}}]}", "start-port-number is missing" },
		{ "{\"ietf-nat:mapping-entry\":[{\"external-src-port\":{\"start-port-number\":6,\"end-port-number\":5}}]}", "is below" },
		{ "{\"ietf-nat:mapping-entry\":[{\"external-src-port\":{\"start-port-number\":65536}}]}", "from 0 to 65535" },
		{ "{\"ietf-nat:mapping-entry\":[{\"ietf-dslite:b4-ipv6-address\":{\"address\":\"1.2.3.4\"}}]}", "B4" },
		{ "{\"ietf-restconf:errors\":{\"error\":[{\"error-type\":\"application\",\"error-message\":\"no such thing\"}]}}", "sent an error, not a table: no such thing" },
		{ "{\"algo-instance\":[{\"ea-len\":20,\"rule-ipv6-prefix\":\"2001:db8::/40\",\"rule-ipv4-prefix\":\"198.51.100.0/24\"}]}", "more than 16" },
		{ "{\"algo-instance\":[{\"ea-len\":30,\"rule-ipv6-prefix\":\"2001:db8::/40\",\"rule-ipv4-prefix\":\"198.51.100.0/24\"}]}", "end-user prefix of 70" },
		{ "{\"binding-entry\":[{\"binding-ipv6info\":\"2001:db8::1\",\"binding-ipv4-addr\":\"192.0.2.1\",\"port-set\":{\"psid-len\":2,\"psid\":4}}]}", "do not fit together" },
		{ "{\"ietf-nat:nat\":{\"instances\":{\"instance\":[{\"policy\":[{\"nat64-prefixes\":[{\"nat64-prefix\":\"2001:db8::/33\"}]}]}]}}}", "32, 40, 48" },
		{ "{\"deterministic\":[{\"inside\":\"10.0.0.0/8\",\"outside\":\"192.0.2.0/24\"}]}", "ports" },
		{ "{\"instance\":[{\"policy\":[{\"port-set-restrict\":{}}]}]}", "either start-port-number or psid" },
		{ "{\"instance\":[{\"policy\":[{\"port-set-restrict\":{\"start-port-number\":5,\"end-port-number\":4}}]}]}", "end-port-number 4 is below" },
		{ "{\"instance\":[{\"policy\":[{\"port-set-restrict\":{\"psid-offset\":9,\"psid-len\":8,\"psid\":1}}]}]}", "do not fit together" },
		{ "{\"instance\":[{\"policy\":[{\"port-set-restrict\":{\"psid-len\":2,\"psid\":4}}]}]}", "do not fit together" },
		{ "{\"bind-instance\":[{\"binding-table-versioning\":{\"date\":\"yesterday\"}}]}", "a time like" },
		{ "{\"t0\":5,\"ext\":\"192.0.2.1\"}", "t0, ext and int" },
		{ "{\"t0\":5,\"t1\":4,\"ext\":\"192.0.2.1\",\"int\":\"10.0.0.1\"}", "before t0" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct reason why = { 0 };
		struct table *t = case_table(rows[i].text, strlen(rows[i].text), 0, 0, &why);
		if (t || !strstr(why.text, rows[i].says))
			fail_msg("%s: %s", rows[i].text, t ? "was taken" : why.text);
		t = case_table(rows[i].text, strlen(rows[i].text), 1, 0, &why);
		assert_null(t);
	}
}

/* Kinds of mappings have 16-bit numbers: one more is refused, not mixed up with the first. */
static void test_too_many_kinds(void **state)
{
	(void)state;
	struct buf b = { 0 };
	struct reason why = { 0 };
	for (int more = 0; more < 2; more++) {
		b.len = 0;
		buf_text(&b, "{\"ietf-nat:nat\":{\"instances\":{\"instance\":[");
		for (int i = 0; i < 65536 + more; i++)
			buf_printf(&b, "%s{\"id\":%d,\"mapping-table\":{\"mapping-entry\":[{\"index\":1,\"type\":\"static\",\"internal-src-address\":\"10.0.0.1\",\"external-src-address\":\"192.0.2.1\"}]}}",
				i ? "," : "", i + 1);
		buf_text(&b, "]}}}");
		struct table *t = case_table((char *)b.data, b.len, 0, 0, &why);
		assert_int_equal(!t, more);
		assert_true(!more || strstr(why.text, "more than 65536 kinds"));
		table_free(t);
	}
	buf_free(&b);
}

/* A table cut anywhere is refused: nothing after the cut is guessed. */
static void test_every_cut_is_refused(void **state)
{
	(void)state;
	size_t len;
	char *text = case_read_file("map-nat.json", &len);
	while (len && text[len - 1] == '\n')
		len--;
	for (size_t cut = 0; cut < len; cut++) {
		struct reason why;
		assert_null(case_table(text, cut, 0, 0, &why));
	}
	free(text);
}

static void test_wrapper_forms(void **state)
{
	(void)state;
	static const char *const forms[] = {
		"{\"ietf-nat:mapping-entry\":[%s]}", "{\"mapping-entry\":[%s]}", "{\"ietf-nat:mapping-table\":{\"mapping-entry\":[%s]}}",
		"{\"ietf-nat:nat\":{\"instances\":{\"instance\":[{\"mapping-table\":{\"mapping-entry\":[%s]},\"id\":3}]}}}",
		"{\"ietf-restconf:data\":{\"ietf-nat:nat\":{\"instances\":{\"instance\":[{\"id\":3,\"mapping-table\":{\"mapping-entry\":[%s]}}]}}}}",
		"{\"ietf-nat:instance\":[{\"id\":3,\"mapping-table\":{\"mapping-entry\":[%s]}}]}",
	};
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		char *text = NULL;
		const char *cut = strstr(forms[i], "%s");
		struct reason why = { 0 };
		assert_true(asprintf(&text, "%.*s{\"index\":1,\"type\":\"static\",\"internal-src-address\":\"10.0.0.1\",\"external-src-address\":\"192.0.2.1\"}%s", (int)(cut - forms[i]), forms[i], cut + 2) > 0);
		struct table *t = case_table(text, strlen(text), 0, 0, &why);
		if (!t)
			fail_msg("%s: %s", text, why.text);
		assert_int_equal(t->n_entries, 1);
		table_free(t);
		free(text);
	}
}

/* Every byte of a snapshot counts. */
static void test_snapshot_flips(void **state)
{
	(void)state;
	struct table *t = golden("map-rules.json", 0);
	char path[64];
	struct reason why = { 0 };
	snprintf(path, sizeof path, "/tmp/test_map.%d.flip", (int)getpid());
	assert_int_equal(snapshot_write(t, path, &why), 0);
	table_free(t);
	FILE *f = fopen(path, "re");
	static uint64_t bytes[4096];
	size_t len = fread(bytes, 1, sizeof bytes, f);
	fclose(f);
	unlink(path);
	assert_true(len > 500 && len < sizeof bytes);
	t = snapshot_parse(bytes, len, &why);
	assert_non_null(t);
	table_free(t);
	for (size_t i = 0; i < len * 8; i++) {
		((uint8_t *)bytes)[i / 8] ^= (uint8_t)(1u << i % 8);
		t = snapshot_parse(bytes, len, &why);
		if (t)
			fail_msg("bit %zu may be flipped", i);
		((uint8_t *)bytes)[i / 8] ^= (uint8_t)(1u << i % 8);
	}
	for (size_t cut = 0; cut < len; cut++)
		assert_null(snapshot_parse(bytes, cut, &why));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden_cases), cmocka_unit_test(test_ch35_no_external_source), cmocka_unit_test(test_two_captures),
		cmocka_unit_test(test_bad_tables), cmocka_unit_test(test_too_many_kinds), cmocka_unit_test(test_every_cut_is_refused), cmocka_unit_test(test_wrapper_forms), cmocka_unit_test(test_snapshot_flips),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
