/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dots/field.h"

#include <inttypes.h>
#include <string.h>

#include "base/utf8.h"

#define CODE_UNAVAILABLE 163         /* 5.03 */

const struct range_names range_target_port = { { "target-port-range", SECTION_REQUEST }, "lower-port", "upper-port", 65535 };
const struct range_names range_source_port = { { "source-port-range", SECTION_SOURCE }, "lower-port", "upper-port", 65535 };
const struct range_names range_source_icmp_type = { { "source-icmp-type-range", SECTION_SOURCE }, "lower-type", "upper-type", 255 };

static const char *const param_names[SIGCONF_PARAMS] = {
	[SIGCONF_HEARTBEAT_INTERVAL] = "heartbeat-interval", [SIGCONF_MISSING_HB_ALLOWED] = "missing-hb-allowed", [SIGCONF_PROBING_RATE] = "probing-rate",
	[SIGCONF_MAX_RETRANSMIT] = "max-retransmit", [SIGCONF_ACK_TIMEOUT] = "ack-timeout", [SIGCONF_ACK_RANDOM_FACTOR] = "ack-random-factor",
};

static const char *const counter_names[COUNTERS] = {
	[COUNTER_BYTES] = "bytes-dropped", [COUNTER_BPS] = "bps-dropped", [COUNTER_PKTS] = "pkts-dropped", [COUNTER_PPS] = "pps-dropped",
};

/* Long values are cut in reasons; both bounds are far below what a reason holds. */
static int shown(size_t len)
{
	return len > 80 ? 80 : (int)len;
}

/* The text with a NUL behind it. False when it cannot be an address anyway. */
static bool copy_text(const char *text, size_t len, char out[PREFIX_TEXT_MAX])
{
	if (!len || len >= PREFIX_TEXT_MAX || memchr(text, '\0', len))
		return false;
	memcpy(out, text, len);
	out[len] = '\0';
	return true;
}

int field_prefix(struct field f, const char *text, size_t len, bool bare_is_host, struct prefix *out, struct reason *why)
{
	char copy[PREFIX_TEXT_MAX];
	if (!len)
		return reason_set(why, REASON_BAD_REQUEST, f.name, f.section, "is empty; expected a prefix such as 192.0.2.0/24");
	if (!copy_text(text, len, copy))
		return reason_set(why, REASON_BAD_REQUEST, f.name, f.section, "\"%.*s\" is not a prefix; expected e.g. 192.0.2.0/24 or 2001:db8::/32", shown(len), text);
	if (!prefix_parse(copy, bare_is_host, out))
		return 0;
	char *slash = strchr(copy, '/');
	if (!slash) {
		if (!addr_parse(copy, out))
			return reason_set(why, REASON_BAD_REQUEST, f.name, f.section, "\"%s\" has no prefix length; a host is %s/%u", copy, copy, prefix_bits(out));
	} else {
		*slash = '\0';
		if (!addr_parse(copy, out))
			return reason_set(why, REASON_BAD_REQUEST, f.name, f.section, "\"%s/%s\": the prefix length is 0..%u, without leading zeros", copy, slash + 1,
			    prefix_bits(out));
		*slash = '/';
	}
	return reason_set(why, REASON_BAD_REQUEST, f.name, f.section, "\"%s\" is not a prefix; expected e.g. 192.0.2.0/24 or 2001:db8::/32", copy);
}

int field_address(struct field f, const char *text, size_t len, struct prefix *out, struct reason *why)
{
	char copy[PREFIX_TEXT_MAX];
	if (copy_text(text, len, copy) && !addr_parse(copy, out))
		return 0;
	return reason_set(why, REASON_BAD_REQUEST, f.name, f.section, "\"%.*s\" is not an address", shown(len), text);
}

int field_text(struct field f, const char *text, size_t len, size_t max, struct reason *why)
{
	if (!len)
		return reason_set(why, REASON_BAD_REQUEST, f.name, f.section, "is empty");
	if (len > max)
		return reason_set(why, REASON_BAD_REQUEST, f.name, f.section, "\"%.*s…\" has %zu bytes, at most %zu are allowed", shown(len), text, len, max);
	if (!utf8_printable(text, len))
		return reason_set(why, REASON_BAD_REQUEST, f.name, f.section, "is not printable UTF-8 text");
	return 0;
}

int field_number(struct field f, uint64_t value, uint64_t max, struct reason *why)
{
	if (value <= max)
		return 0;
	return reason_set(why, REASON_BAD_REQUEST, f.name, f.section, "%" PRIu64 " is more than %" PRIu64, value, max);
}

int field_lifetime(int64_t value, struct reason *why)
{
	if (value == LIFETIME_INDEFINITE || (value > 0 && value <= LIFETIME_MAX))
		return 0;
	return reason_set(why, REASON_BAD_REQUEST, "lifetime", SECTION_REQUEST, "%" PRId64 " is not 1..%lld seconds, nor -1 (indefinite)", value, LIFETIME_MAX);
}

int field_memory(struct field f, struct reason *why)
{
	return reason_set(why, CODE_UNAVAILABLE, f.name, "", "out of memory");
}

int field_range(const struct range_names *names, uint64_t lower, uint64_t upper, struct reason *why)
{
	struct field f = names->list;
	if (lower > names->max || upper > names->max)
		return reason_set(why, REASON_BAD_REQUEST, lower > names->max ? names->lower : names->upper, f.section, "%" PRIu64 " of %s is not in 0..%u",
		    lower > names->max ? lower : upper, f.name, names->max);
	if (upper < lower)
		return reason_set(why, REASON_BAD_REQUEST, names->upper, f.section, "%" PRIu64 " of %s is less than the %s %" PRIu64, upper, f.name, names->lower, lower);
	return 0;
}

struct target_lists mitigation_targets(struct mitigation *m)
{
	return (struct target_lists){ &m->target_prefix, &m->target_port, &m->target_protocol, &m->target_fqdn, &m->target_uri, &m->alias_name };
}

struct target_lists conflict_targets(struct conflict *c)
{
	return (struct target_lists){ &c->target_prefix, &c->target_port, &c->target_protocol, &c->target_fqdn, &c->target_uri, &c->alias_name };
}

const char *sigconf_param_name(enum sigconf_param p)
{
	return param_names[p];
}

bool sigconf_param_decimal(enum sigconf_param p)
{
	return p == SIGCONF_ACK_TIMEOUT || p == SIGCONF_ACK_RANDOM_FACTOR;
}

const char *counter_name(enum counter c)
{
	return counter_names[c];
}
