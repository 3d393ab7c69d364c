/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "natgen.h"

#include <inttypes.h>

static uint64_t mix(uint64_t x)
{
	x ^= x >> 31;
	x *= 0x9e3779b97f4a7c15u;
	x ^= x >> 29;
	x *= 0xbf58476d1ce4e5b9u;
	return x ^ x >> 32;
}

struct natgen natgen_mapping(uint64_t i, uint64_t n)
{
	uint64_t addresses = n / 1250 + 1, at = i % addresses, rank = i / addresses;   /* neighbours in the file are far apart in the index, as in a real dump */
	uint32_t port = 1024 + (uint32_t)(rank * 51 + mix(i) % 51);
	return (struct natgen){
		.external = 0xc6120000u + (uint32_t)at,                               /* 198.18.0.0 */
		.internal = 0x64400000u + (uint32_t)(mix(at * 64 + port / 1024) & 0x3fffff),   /* 100.64.0.0/10 */
		.external_port = (uint16_t)port, .internal_port = (uint16_t)(1024 + mix(i + 1) % 64512), .proto = rank & 3 ? 17 : 6, .lifetime = (uint32_t)(mix(i) % 300),
	};
}

static void put_address(FILE *out, uint32_t a)
{
	fprintf(out, "%u.%u.%u.%u", a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255);
}

void natgen_table(FILE *out, uint64_t n)
{
	fputs("{\"ietf-nat:nat\":{\"instances\":{\"instance\":[{\"id\":1,\"name\":\"cgn\",\"enable\":true,\"type\":\"ietf-nat:napt44\",\"mapping-table\":{\"mapping-entry\":[", out);
	for (uint64_t i = 0; i < n; i++) {
		struct natgen m = natgen_mapping(i, n);
		fprintf(out, "%s{\"index\":%" PRIu64 ",\"type\":\"dynamic-implicit\",\"transport-protocol\":%u,\"internal-src-address\":\"", i ? "," : "", i + 1, m.proto);
		put_address(out, m.internal);
		fprintf(out, "/32\",\"internal-src-port\":{\"start-port-number\":%u},\"external-src-address\":\"", m.internal_port);
		put_address(out, m.external);
		fprintf(out, "/32\",\"external-src-port\":{\"start-port-number\":%u},\"lifetime\":%u}", m.external_port, m.lifetime);
	}
	fputs("]}}]}}}\n", out);
}

void natgen_requests(FILE *out, uint64_t count, uint64_t n)
{
	for (uint64_t i = 0; i < count; i++) {
		struct natgen m = natgen_mapping(mix(i) % n, n);
		fprintf(out, "{\"type\":\"mitigate\",\"ref\":\"r%" PRIu64 "\",\"ietf-dots-signal-channel:mitigation-scope\":{\"scope\":[{\"target-prefix\":[\"203.0.113.9/32\"],\"target-protocol\":[%u],"
			"\"lifetime\":600,\"ietf-dots-call-home:source-prefix\":[\"", i, m.proto);
		put_address(out, m.external);
		fprintf(out, "/32\"],\"ietf-dots-call-home:source-port-range\":[{\"lower-port\":%u}]}]}}\n", m.external_port);
	}
}
