/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/json.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/utf8.h"

/* jansson's own bound on depth is 2048 levels of recursion, which is more stack than a small router likes. */
static bool too_deep(const char *text, size_t len)
{
	size_t depth = 0;
	bool in_string = false;
	for (size_t i = 0; i < len; i++) {
		char c = text[i];
		if (in_string) {
			if (c == '\\')
				i++;
			else if (c == '"')
				in_string = false;
		} else if (c == '"') {
			in_string = true;
		} else if (c == '{' || c == '[') {
			if (++depth > JSON_MAX_DEPTH)
				return true;
		} else if (c == '}' || c == ']') {
			depth -= depth > 0;
		}
	}
	return false;
}

json_t *json_line_parse(const char *text, size_t len, struct reason *why)
{
	if (too_deep(text, len)) {
		reason_set(why, REASON_BAD_REQUEST, "", "", "JSON is nested deeper than %d levels", JSON_MAX_DEPTH);
		return NULL;
	}
	json_error_t error;
	json_t *json = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
	if (!json) {
		reason_set(why, REASON_BAD_REQUEST, "", "", "not JSON: %s, at byte %d",
		           json_error_code(&error) == json_error_null_character ? "a string of a line holds no \\u0000" : error.text, error.position);
		return NULL;
	}
	if (!json_is_object(json)) {
		json_decref(json);
		reason_set(why, REASON_BAD_REQUEST, "", "", "a line holds one JSON object");
		return NULL;
	}
	return json;
}

char *json_line_format(const json_t *object, size_t *len)
{
	char *text = json_dumps(object, JSON_COMPACT);
	if (text && len)
		*len = strlen(text);
	return text;
}

static const char *kind_of(const json_t *v)
{
	static const char *const names[] = { "an object", "a list", "a string", "an integer", "a real number", "true", "false", "null" };
	return names[json_typeof(v)];
}

int json_get_string(const json_t *object, const char *name, size_t max, const char **out, struct reason *why)
{
	json_t *v = json_object_get(object, name);
	if (!v)
		return 0;
	if (!json_is_string(v))
		return reason_set(why, REASON_BAD_REQUEST, name, "", "is %s, expected a string", kind_of(v));
	if (json_string_length(v) > max)
		return reason_set(why, REASON_BAD_REQUEST, name, "", "has %zu bytes, at most %zu are allowed", json_string_length(v), max);
	/* json_line_parse takes none with a NUL. */
	assert(strlen(json_string_value(v)) == json_string_length(v));
	*out = json_string_value(v);
	return 1;
}

int json_get_u64(const json_t *object, const char *name, uint64_t max, uint64_t *out, struct reason *why)
{
	json_t *v = json_object_get(object, name);
	uint64_t n;
	if (!v)
		return 0;
	if (json_is_string(v)) {
		const char *s = json_string_value(v);
		size_t digits = strspn(s, "0123456789");
		errno = 0;
		n = strtoull(s, NULL, 10);
		if (!digits || digits != json_string_length(v) || errno)
			return reason_set(why, REASON_BAD_REQUEST, name, "", "\"%.40s\" is not a decimal number", s);
	} else if (json_is_integer(v) && json_integer_value(v) >= 0) {
		n = (uint64_t)json_integer_value(v);
	} else if (json_is_integer(v)) {
		return reason_set(why, REASON_BAD_REQUEST, name, "", "%lld is negative", (long long)json_integer_value(v));
	} else {
		return reason_set(why, REASON_BAD_REQUEST, name, "", "is %s, expected a number", kind_of(v));
	}
	if (n > max)
		return reason_set(why, REASON_BAD_REQUEST, name, "", "%" PRIu64 " is more than %" PRIu64, n, max);
	*out = n;
	return 1;
}

int json_get_i64(const json_t *object, const char *name, int64_t min, int64_t max, int64_t *out, struct reason *why)
{
	json_t *v = json_object_get(object, name);
	if (!v)
		return 0;
	if (!json_is_integer(v))
		return reason_set(why, REASON_BAD_REQUEST, name, "", "is %s, expected an integer", kind_of(v));
	int64_t n = json_integer_value(v);
	if (n < min || n > max)
		return reason_set(why, REASON_BAD_REQUEST, name, "", "%" PRId64 " is not in %" PRId64 "..%" PRId64, n, min, max);
	*out = n;
	return 1;
}

int json_get_bool(const json_t *object, const char *name, bool *out, struct reason *why)
{
	json_t *v = json_object_get(object, name);
	if (!v)
		return 0;
	if (!json_is_boolean(v))
		return reason_set(why, REASON_BAD_REQUEST, name, "", "is %s, expected true or false", kind_of(v));
	*out = json_is_true(v);
	return 1;
}

int json_get_container(const json_t *object, const char *name, json_type type_of, json_t **out, struct reason *why)
{
	json_t *v = json_object_get(object, name);
	if (!v)
		return 0;
	if (json_typeof(v) != type_of)
		return reason_set(why, REASON_BAD_REQUEST, name, "", "is %s, expected %s", kind_of(v), type_of == JSON_ARRAY ? "a list" : "an object");
	*out = v;
	return 1;
}

void json_put(json_t *object, const char *name, json_t *value)
{
	if (!value || json_object_set_new(object, name, value) < 0)
		abort();
}

void json_put_string(json_t *object, const char *name, const char *value)
{
	size_t len = value ? strlen(value) : 0;
	if (!value)
		return;
	if (utf8_valid(value, len)) {
		json_put(object, name, json_stringn_nocheck(value, len));
		return;
	}
	/* Text of somebody else's making, such as a claimed identity: what is no UTF-8 shows as '?', since a line cannot hold it. */
	char *copy = strdup(value);
	if (!copy)
		abort();
	for (size_t i = 0; i < len;) {
		size_t n = utf8_char(copy + i, len - i);
		if (!n)
			copy[i] = '?';
		i += n ? n : 1;
	}
	json_put(object, name, json_string(copy));
	free(copy);
}

void json_put_u64_string(json_t *object, const char *name, uint64_t value)
{
	json_put(object, name, json_sprintf("%" PRIu64, value));
}

void json_put_int(json_t *object, const char *name, int64_t value)
{
	json_put(object, name, json_integer(value));
}
