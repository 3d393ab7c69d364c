/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dots/validate.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/limits.h"
#include "base/utf8.h"
#include "dots/field.h"

#define REFUSE(field, section, ...) reason_set(why, REASON_BAD_REQUEST, field, section, __VA_ARGS__)

/* What only a server says has no place in a request; the RFC does not rule on it (protocol: refused). */
static int check_server_only(const struct mitigation *m, struct reason *why)
{
	const char *name = m->has_mid ? "mid" : m->has_start ? "mitigation-start" : m->status ? "status" : m->has_conflict ? "conflict-information" : NULL;
	for (unsigned c = 0; c < COUNTERS && !name; c++)
		if (m->has_counters & 1u << c)
			name = counter_name(c);
	if (!name)
		return 0;
	return REFUSE(name, m->has_mid ? SECTION_REQUEST : SECTION_STATUS, "has no place in a request: only a server sends it%s",
	    m->has_mid ? ", a client names its mid in the Uri-Path" : "");
}

static int check_mandatory(const struct mitigation *m, const struct validate_rules *rules, struct reason *why)
{
	if (rules->call_home) {
		if (!m->target_prefix.n)
			return REFUSE("target-prefix", SECTION_SOURCE, "is missing; it is mandatory on a Call Home channel");
		if (!m->source_prefix.n)
			return REFUSE("source-prefix", SECTION_SOURCE, "is missing; it is mandatory on a Call Home channel");
		if (m->trigger == 0)
			return REFUSE("trigger-mitigation", SECTION_SOURCE, "is false; on a Call Home channel a request takes effect at once");
	} else if (!m->target_prefix.n && !m->target_fqdn.n && !m->target_uri.n && !m->alias_name.n) {
		return REFUSE("target-prefix", SECTION_REQUEST, "there is no target: one of target-prefix, target-fqdn, target-uri, alias-name is mandatory");
	}
	if (m->lifetime == LIFETIME_ABSENT)
		return rules->with_lifetime ? REFUSE("lifetime", SECTION_REQUEST, "is missing; 1..%lld seconds, or -1 (indefinite)", LIFETIME_MAX) : 0;
	return field_lifetime(m->lifetime, why);
}

static bool within(const struct prefix *p, const struct prefix_list *outer)
{
	for (size_t i = 0; outer && i < outer->n; i++)
		if (prefix_contains(&outer->v[i], p))
			return true;
	return false;
}

static int check_block(struct field f, const struct prefix *p, struct reason *why)
{
	char text[PREFIX_TEXT_MAX];
	const char *block = prefix_forbidden(p);
	if (!block)
		return 0;
	return REFUSE(f.name, f.section, "%s touches %s addresses, which are never valid here", prefix_format(p, text), block);
}

/* The name itself, or one below it (RFC 4343: without regard to case). */
static bool name_within(const char *name, size_t len, const struct text_list *domains)
{
	if (len && name[len - 1] == '.')
		len--;
	for (size_t i = 0; i < domains->n; i++) {
		size_t n = strlen(domains->v[i]);
		if (n && n <= len && strncasecmp(name + len - n, domains->v[i], n) == 0 && (n == len || name[len - n - 1] == '.'))
			return true;
	}
	return false;
}

/* The host of a URI: a name, or an address literal. */
static bool uri_within(const char *uri, const struct validate_rules *rules)
{
	const char *authority = strstr(uri, "://"), *user;
	if (!authority)
		return false;
	authority += 3;
	size_t len = strcspn(authority, "/?#");
	if ((user = memchr(authority, '@', len)) != NULL) {
		len -= (size_t)(user + 1 - authority);
		authority = user + 1;
	}
	char host[NAME_MAX_BYTES + 1];
	struct prefix address;
	bool literal = authority[0] == '[';
	size_t n = literal ? strcspn(++authority, "]") : strcspn(authority, ":/?#");
	if (!n || n > NAME_MAX_BYTES || n > len)
		return false;
	memcpy(host, authority, n);
	host[n] = '\0';
	if (addr_parse(host, &address) == 0)
		return within(&address, rules->targets);
	return !literal && name_within(host, n, rules->names);
}

/* Base: what a client asks to protect is its own (RFC 9132, 4.4.1). */
static int check_own(const struct mitigation *m, const struct validate_rules *rules, struct reason *why)
{
	char text[PREFIX_TEXT_MAX];
	for (size_t i = 0; rules->targets && i < m->target_prefix.n; i++)
		if (!within(&m->target_prefix.v[i], rules->targets))
			return REFUSE("target-prefix", SECTION_REQUEST, "%s is not within this client's domain", prefix_format(&m->target_prefix.v[i], text));
	for (size_t i = 0; rules->names && i < m->target_fqdn.n; i++)
		if (!name_within(m->target_fqdn.v[i], strlen(m->target_fqdn.v[i]), rules->names))
			return REFUSE("target-fqdn", SECTION_REQUEST, "\"%.80s\" is not within this client's domain", m->target_fqdn.v[i]);
	for (size_t i = 0; rules->names && i < m->target_uri.n; i++)
		if (!uri_within(m->target_uri.v[i], rules))
			return REFUSE("target-uri", SECTION_REQUEST, "\"%.80s\" is not within this client's domain", m->target_uri.v[i]);
	return 0;
}

static int check_targets(const struct mitigation *m, const struct validate_rules *rules, struct reason *why)
{
	struct field f = { "target-prefix", SECTION_REQUEST };
	char text[PREFIX_TEXT_MAX];
	for (size_t i = 0; i < m->target_prefix.n; i++) {
		const struct prefix *p = &m->target_prefix.v[i];
		if (check_block(f, p, why) < 0)
			return -1;
		/* On the base channel the targets are the client's own network, whatever its addresses. */
		if (!rules->call_home || within(p, rules->targets))
			continue;
		const char *kind = prefix_link_local(p) ? "link-local" : prefix_private(p) ? "private or shared" : NULL;
		if (kind)
			return REFUSE(f.name, SECTION_SOURCE, "%s touches %s addresses; only routable targets are in scope", prefix_format(p, text), kind);
	}
	return 0;
}

static int check_sources(const struct mitigation *m, const struct validate_rules *rules, struct reason *why)
{
	struct field f = { "source-prefix", SECTION_SOURCE };
	char text[PREFIX_TEXT_MAX], pool[PREFIX_TEXT_MAX];
	for (size_t i = 0; i < m->source_prefix.n; i++) {
		const struct prefix *p = &m->source_prefix.v[i];
		if (check_block(f, p, why) < 0)
			return -1;
		for (size_t k = 0; rules->external && k < rules->external->n; k++)
			if (prefix_overlap(p, &rules->external->v[k]))
				return REFUSE(f.name, "RFC 9066, 5.3.2", "%s touches %s, the outside of an address translator; the inside address is wanted",
				    prefix_format(p, text), prefix_format(&rules->external->v[k], pool));
		if (rules->domain && !within(p, rules->domain))
			return REFUSE(f.name, SECTION_SOURCE, "%s is not within this domain's prefixes", prefix_format(p, text));
	}
	return 0;
}

/* A duplicate lower bound is a duplicate list key. */
static int check_ranges(const struct range_names *names, const struct range_list *l, struct reason *why)
{
	uint64_t seen[1024];
	if (l->n)
		memset(seen, 0, sizeof seen);
	for (size_t i = 0; i < l->n; i++) {
		const struct range *r = &l->v[i];
		if (field_range(names, r->lower, r->upper, why) < 0)
			return -1;
		if (seen[r->lower / 64] >> r->lower % 64 & 1)
			return REFUSE(names->list.name, names->list.section, "has %s %u twice", names->lower, r->lower);
		seen[r->lower / 64] |= UINT64_C(1) << r->lower % 64;
	}
	return 0;
}

static bool label_ok(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!((s[i] >= 'a' && s[i] <= 'z') || (s[i] >= 'A' && s[i] <= 'Z') || (s[i] >= '0' && s[i] <= '9') || s[i] == '_' || s[i] == '-'))
			return false;
	return len > 0 && len <= 63 && s[0] != '-' && s[len - 1] != '-';
}

static bool name_ok(const char *name)
{
	if (strlen(name) > NAME_MAX_BYTES)
		return false;
	for (;;) {
		size_t len = strcspn(name, ".");
		if (!label_ok(name, len))
			return false;
		if (!name[len] || !name[len + 1])   /* a dot may end it */
			return true;
		name += len + 1;
	}
}

static bool uri_ok(const char *uri)
{
	static const char scheme[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.";
	size_t n = strspn(uri, scheme);
	if (!n || uri[n] != ':' || !uri[n + 1] || (uri[0] >= '0' && uri[0] <= '9') || strchr("+-.", uri[0]))
		return false;
	for (const unsigned char *p = (const unsigned char *)uri; *p; p++)
		if (*p <= 0x20 || *p >= 0x7f || strchr("\"<>\\^`{|}", *p))   /* RFC 3986: not in a URI unless percent-encoded */
			return false;
	return true;
}

static int check_texts(struct field f, const struct text_list *l, size_t max, bool (*ok)(const char *), const char *wanted, struct reason *why)
{
	for (size_t i = 0; i < l->n; i++) {
		if (field_text(f, l->v[i], strlen(l->v[i]), max, why) < 0)
			return -1;
		if (ok && !ok(l->v[i]))
			return REFUSE(f.name, f.section, "\"%.80s\" is not a %s", l->v[i], wanted);
	}
	return 0;
}

static int check_names(const struct mitigation *m, const struct validate_rules *rules, struct reason *why)
{
	struct field alias = { "alias-name", SECTION_REQUEST };
	if (check_texts((struct field){ "target-fqdn", SECTION_REQUEST }, &m->target_fqdn, NAME_MAX_BYTES, name_ok, "domain name", why) < 0 ||
	    check_texts((struct field){ "target-uri", SECTION_REQUEST }, &m->target_uri, TEXT_MAX_BYTES, uri_ok, "URI with a scheme", why) < 0 ||
	    check_texts(alias, &m->alias_name, TEXT_MAX_BYTES, NULL, NULL, why) < 0)
		return -1;
	for (size_t i = 0; i < m->alias_name.n; i++) {
		bool known = rules->any_alias;
		for (size_t k = 0; rules->aliases && k < rules->aliases->n && !known; k++)
			known = !strcmp(m->alias_name.v[i], rules->aliases->v[k]);
		if (!known)
			return REFUSE(alias.name, alias.section, "\"%.80s\" is not a known alias", m->alias_name.v[i]);
	}
	return 0;
}

/* All of one family against all of the other can match nothing. On the base channel sources are mere hints. */
static int check_families(const struct mitigation *m, struct reason *why)
{
	unsigned target = 0, source = 0;   /* bit 0: IPv4, bit 1: IPv6 */
	for (size_t i = 0; i < m->target_prefix.n; i++)
		target |= m->target_prefix.v[i].family == 4 ? 1 : 2;
	for (size_t i = 0; i < m->source_prefix.n; i++)
		source |= m->source_prefix.v[i].family == 4 ? 1 : 2;
	if (!target || !source || (target & source))
		return 0;
	return REFUSE("source-prefix", SECTION_SOURCE, "every source is IPv%d and every target IPv%d", source == 1 ? 4 : 6, target == 1 ? 4 : 6);
}

int validate_request(const struct mitigation *m, const struct validate_rules *rules, struct reason *why)
{
	if (check_server_only(m, why) < 0 || check_mandatory(m, rules, why) < 0 || check_targets(m, rules, why) < 0 || check_sources(m, rules, why) < 0 ||
	    (rules->call_home && check_families(m, why) < 0) || check_ranges(&range_target_port, &m->target_port, why) < 0 ||
	    check_ranges(&range_source_port, &m->source_port, why) < 0 || check_ranges(&range_source_icmp_type, &m->source_icmp_type, why) < 0)
		return -1;
	return check_names(m, rules, why) < 0 || (!rules->call_home && check_own(m, rules, why) < 0) ? -1 : 0;
}

int validate_cuid(const char *cuid, struct reason *why)
{
	size_t len = strlen(cuid);
	if (field_text((struct field){ "cuid", "RFC 9132, 4.4.1.1" }, cuid, len, CUID_MAX_BYTES, why) < 0)
		return -1;
	if (strchr(cuid, '/'))
		return REFUSE("cuid", "RFC 9132, 4.4.1.1", "\"%s\" contains a \"/\"", cuid);
	return 0;
}

int validate_number(const char *name, const char *text, uint32_t *out, struct reason *why)
{
	size_t digits = strspn(text, "0123456789");
	uint64_t v = 0;
	for (size_t i = 0; i < digits && i < 11; i++)
		v = v * 10 + (uint64_t)(text[i] - '0');
	if (!digits || text[digits] || digits > 10 || v > UINT32_MAX || (text[0] == '0' && digits > 1))
		return REFUSE(name, strcmp(name, "sid") ? SECTION_REQUEST : SECTION_CONFIG, "\"%.40s\" is not a decimal number 0..4294967295", text);
	*out = (uint32_t)v;
	return 0;
}
