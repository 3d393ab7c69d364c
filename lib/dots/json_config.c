/* SPDX-License-Identifier: GPL-3.0-or-later */
/* json_config - session configuration and redirection as RFC 7951 JSON. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "dots/json_parts.h"

/* decimal64 with two fraction digits, as hundredths: "2.00", "2", or a JSON number. */
static int read_decimal(const json_t *object, const char *name, uint32_t *out, struct reason *why)
{
	const json_t *v = json_object_get(object, name);
	uint64_t hundredths = 0;
	if (!v)
		return 0;
	if (json_is_number(v)) {
		double d = json_number_value(v) * 100;
		hundredths = d >= 0 && d <= UINT32_MAX ? (uint64_t)(d + 0.5) : UINT64_MAX;
	} else {
		const char *s = json_is_string(v) ? json_string_value(v) : "";
		size_t whole = strspn(s, "0123456789"), fraction = s[whole] == '.' ? strspn(s + whole + 1, "0123456789") : 0;
		bool dotted = s[whole] == '.';
		if (!whole || whole > 8 || s[whole + dotted + fraction] || (dotted && (!fraction || fraction > 2)))
			return reason_set(why, REASON_BAD_REQUEST, name, SECTION_CONFIG, "is not a decimal number such as \"2.00\"");
		hundredths = strtoull(s, NULL, 10) * 100;
		if (dotted)
			hundredths += strtoull(s + whole + 1, NULL, 10) * (fraction == 1 ? 10 : 1);
	}
	if (hundredths > UINT32_MAX)
		return reason_set(why, REASON_BAD_REQUEST, name, SECTION_CONFIG, "is not in 0..%" PRIu32, UINT32_MAX / 100);
	*out = (uint32_t)hundredths;
	return 1;
}

static int read_number(const json_t *object, const char *name, uint32_t *out, struct reason *why)
{
	uint64_t v;
	int got = json_get_u64(object, name, UINT16_MAX, &v, why);
	if (got > 0)
		*out = (uint32_t)v;
	return got < 0 ? json_section(why, SECTION_CONFIG) : got;
}

static int read_set(const json_t *container, const char *name, bool *has, struct sigconf_set *set, struct reason *why)
{
	json_t *o, *param;
	int got = json_get_container(container, name, JSON_OBJECT, &o, why);
	if (got <= 0)
		return got < 0 ? json_section(why, SECTION_CONFIG) : 0;
	*has = true;
	for (unsigned p = 0; p < SIGCONF_PARAMS; p++) {
		got = json_get_container(o, sigconf_param_name(p), JSON_OBJECT, &param, why);
		if (got < 0)
			return json_section(why, SECTION_CONFIG);
		if (!got)
			continue;
		bool decimal = sigconf_param_decimal(p);
		int (*read)(const json_t *, const char *, uint32_t *, struct reason *) = decimal ? read_decimal : read_number;
		struct sigconf_value *v = &set->p[p];
		int max = read(param, decimal ? "max-value-decimal" : "max-value", &v->max, why);
		int min = max < 0 ? -1 : read(param, decimal ? "min-value-decimal" : "min-value", &v->min, why);
		int current = min < 0 ? -1 : read(param, decimal ? "current-value-decimal" : "current-value", &v->current, why);
		if (current < 0)
			return -1;
		v->has_max = max;
		v->has_min = min;
		v->has_current = current;
	}
	return 0;
}

int json_read_config(const json_t *container, struct sigconf *c, struct reason *why)
{
	if (read_set(container, "mitigating-config", &c->has_mitigating, &c->mitigating, why) < 0)
		return -1;
	return read_set(container, "idle-config", &c->has_idle, &c->idle, why);
}

static int read_name(const json_t *o, const char *name, const char *section, char **out, struct reason *why)
{
	const char *text;
	struct field f = { name, section };
	int got = json_get_string(o, name, NAME_MAX_BYTES, &text, why);
	if (got <= 0)
		return got < 0 ? json_section(why, section) : 0;
	if (field_text(f, text, strlen(text), NAME_MAX_BYTES, why) < 0)
		return -1;
	return (*out = strdup(text)) ? 0 : field_memory(f, why);
}

int json_read_redirect(const json_t *container, struct redirect *r, struct reason *why)
{
	if (read_name(container, "alt-server", SECTION_REDIRECT, &r->alt_server, why) < 0 ||
	    json_read_addresses(container, (struct field){ "alt-server-record", SECTION_REDIRECT }, &r->alt_server_record, why) < 0)
		return -1;
	const char *name = json_call_home_name(container, CALL_HOME_PREFIX "alt-ch-client", why);
	const char *record = name ? json_call_home_name(container, CALL_HOME_PREFIX "alt-ch-client-record", why) : NULL;
	const char *ttl = record ? json_call_home_name(container, CALL_HOME_PREFIX "ttl", why) : NULL;
	if (!ttl || read_name(container, name, SECTION_CH_REDIRECT, &r->alt_ch_client, why) < 0 ||
	    json_read_addresses(container, (struct field){ record, SECTION_CH_REDIRECT }, &r->alt_ch_client_record, why) < 0)
		return -1;
	int got = json_read_u32(container, (struct field){ ttl, SECTION_CH_REDIRECT }, &r->ttl, why);
	r->has_ttl = got > 0;
	return got < 0 ? -1 : 0;
}

static void put_value(json_t *o, const char *name, const char *decimal_name, bool decimal, uint32_t v)
{
	if (decimal)
		json_put(o, decimal_name, json_sprintf("%" PRIu32 ".%02" PRIu32, v / 100, v % 100));
	else
		json_put_int(o, name, v);
}

static void put_set(json_t *container, const char *name, const struct sigconf_set *set)
{
	json_t *o = json_object();
	for (unsigned p = 0; p < SIGCONF_PARAMS; p++) {
		const struct sigconf_value *v = &set->p[p];
		bool decimal = sigconf_param_decimal(p);
		if (!v->has_max && !v->has_min && !v->has_current)
			continue;
		json_t *param = json_object();
		if (v->has_max)
			put_value(param, "max-value", "max-value-decimal", decimal, v->max);
		if (v->has_min)
			put_value(param, "min-value", "min-value-decimal", decimal, v->min);
		if (v->has_current)
			put_value(param, "current-value", "current-value-decimal", decimal, v->current);
		json_put(o, sigconf_param_name(p), param);
	}
	json_put(container, name, o);
}

json_t *json_write_config(const struct sigconf *c)
{
	json_t *o = json_object();
	if (c->has_mitigating)
		put_set(o, "mitigating-config", &c->mitigating);
	if (c->has_idle)
		put_set(o, "idle-config", &c->idle);
	return o;
}

json_t *json_write_redirect(const struct redirect *r)
{
	json_t *o = json_object();
	json_put_string(o, "alt-server", r->alt_server);
	json_put_prefixes(o, "alt-server-record", &r->alt_server_record, false);
	json_put_string(o, CALL_HOME_PREFIX "alt-ch-client", r->alt_ch_client);
	json_put_prefixes(o, CALL_HOME_PREFIX "alt-ch-client-record", &r->alt_ch_client_record, false);
	if (r->has_ttl)
		json_put_int(o, CALL_HOME_PREFIX "ttl", r->ttl);
	return o;
}
