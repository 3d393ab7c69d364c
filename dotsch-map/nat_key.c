/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "nat_key.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>


static const struct { const char *name; enum nat_key key; } names[] = {
	{ "data", KEY_PASS }, { "nat", KEY_PASS }, { "instances", KEY_PASS }, { "instance", KEY_INSTANCE }, { "id", KEY_ID }, { "name", KEY_NAME },
	{ "enable", KEY_ENABLE }, { "type", KEY_TYPE }, { "per-interface-binding", KEY_BINDING_OF_INTERFACE }, { "policy", KEY_POLICY }, { "port-set-restrict", KEY_RESTRICT },
	{ "external-ip-address-pool", KEY_POOL }, { "external-ip-pool", KEY_EXTERNAL_POOL }, { "nat64-prefixes", KEY_NAT64_PREFIXES },
	{ "nat64-prefix", KEY_NAT64_PREFIX }, { "destination-ipv4-prefix", KEY_DESTINATION_PREFIX }, { "ipv4-prefix", KEY_IPV4_PREFIX },
	{ "ipv6-prefix", KEY_IPV6_PREFIX }, { "eam", KEY_EAM }, { "nptv6-prefixes", KEY_NPTV6 }, { "internal-ipv6-prefix", KEY_INTERNAL_IPV6_PREFIX },
	{ "external-ipv6-prefix", KEY_EXTERNAL_IPV6_PREFIX }, { "mapping-table", KEY_TABLE }, { "mapping-entry", KEY_ENTRY }, { "index", KEY_INDEX },
	{ "transport-protocol", KEY_PROTOCOL }, { "internal-src-address", KEY_INT_SRC }, { "internal-src-port", KEY_INT_SRC_PORT },
	{ "external-src-address", KEY_EXT_SRC }, { "external-src-port", KEY_EXT_SRC_PORT }, { "external-dst-address", KEY_EXT_DST },
	{ "external-dst-port", KEY_EXT_DST_PORT }, { "internal-dst-address", KEY_INT_DST }, { "internal-dst-port", KEY_INT_DST_PORT }, { "start-port-number", KEY_START_PORT }, { "end-port-number", KEY_END_PORT }, { "lifetime", KEY_LIFETIME },
	{ "b4-ipv6-address", KEY_B4 }, { "address", KEY_ADDRESS }, { "br-instances", KEY_PASS }, { "ce-interfaces", KEY_PASS }, { "binding", KEY_PASS },
	{ "bind-instance", KEY_INSTANCE }, { "binding-table", KEY_PASS }, { "binding-entry", KEY_BINDING_ENTRY }, { "binding-ipv6info", KEY_BINDING_IPV6 },
	{ "binding-ipv4-addr", KEY_BINDING_IPV4 }, { "port-set", KEY_PORT_SET }, { "psid-offset", KEY_PSID_OFFSET }, { "psid-len", KEY_PSID_LEN },
	{ "psid", KEY_PSID }, { "algorithm", KEY_PASS }, { "algo-instances", KEY_PASS }, { "algo-instance", KEY_ALGO }, { "ea-len", KEY_EA_LEN },
	{ "rule-ipv6-prefix", KEY_RULE_IPV6 }, { "rule-ipv4-prefix", KEY_RULE_IPV4 }, { "algo-versioning", KEY_VERSIONING }, { "binding-table-versioning", KEY_VERSIONING }, { "date", KEY_DATE },
	{ "errors", KEY_ERRORS }, { "error", KEY_ERROR }, { "error-message", KEY_ERROR_MESSAGE }, { "deterministic", KEY_DETERMINISTIC },
	{ "inside", KEY_INSIDE }, { "outside", KEY_OUTSIDE }, { "first-port", KEY_FIRST_PORT }, { "ports", KEY_PORTS }, { "t0", KEY_T0 }, { "t1", KEY_T1 },
	{ "proto", KEY_PROTO }, { "ext", KEY_EXT }, { "lo", KEY_LO }, { "hi", KEY_HI }, { "int", KEY_INT }, { "b4", KEY_B4_SHORT }, { "port", KEY_PORT },
};
#define N_NAMES (sizeof names / sizeof *names)
#define SLOTS 512

static bool known_module(const char *name, size_t len)
{
	static const char *const modules[] = { "ietf-nat", "ietf-dslite", "ietf-restconf", "ietf-softwire-br", "ietf-softwire-common", "ietf-softwire-ce", "dotsch-nat" };
	for (size_t i = 0; i < sizeof modules / sizeof *modules; i++)
		if (strlen(modules[i]) == len && !memcmp(modules[i], name, len))
			return true;
	return false;
}

/* Ten members of each of millions of entries come by here: a few letters tell the names apart well enough. */
static uint32_t slot_of(const char *name, size_t len)
{
	return len ? (uint32_t)(len * 37 + (uint8_t)name[0] * 5 + (uint8_t)name[len / 2] * 59 + (uint8_t)name[len - 1] * 11) % SLOTS : 0;
}

static bool find(const char *name, size_t len, size_t *found)
{
	static uint8_t slots[SLOTS], lengths[N_NAMES];
	if (!lengths[0])
		for (size_t i = 0; i < N_NAMES; i++) {
			lengths[i] = (uint8_t)strlen(names[i].name);
			uint32_t at = slot_of(names[i].name, lengths[i]);
			while (slots[at])
				at = (at + 1) % SLOTS;
			slots[at] = (uint8_t)(i + 1);
		}
	for (uint32_t at = slot_of(name, len); slots[at]; at = (at + 1) % SLOTS) {
		*found = slots[at] - 1u;
		if (lengths[*found] == len && !memcmp(names[*found].name, name, len))
			return true;
	}
	return false;
}

enum nat_key nat_key_of(const char *name, size_t len, const char **shown)
{
	size_t i;
	bool known = find(name, len, &i);
	const char *colon = known ? NULL : memchr(name, ':', len);
	if (colon)
		known = known_module(name, (size_t)(colon - name)) && find(colon + 1, len - (size_t)(colon + 1 - name), &i);
	*shown = known ? names[i].name : "(another member)";
	return known ? names[i].key : KEY_UNKNOWN;
}
