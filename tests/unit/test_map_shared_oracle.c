/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Addresses that customers share by sets of ports, against an oracle: every customer of every rule is written down with each single port of his, and a question
   is a walk through that list. Bindings (RFC 8676), MAP rules (RFC 7597) and deterministic NAT (RFC 7422). MAP_SEEDS and MAP_SEED as in test_map_oracle. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "map_case.h"

#define SEEDS 200
#define QUESTIONS 80
#define MOST 4096
#define PORTS 65536u

static uint64_t state_of_random;

static uint32_t rnd(uint32_t below)
{
	state_of_random ^= state_of_random << 13;
	state_of_random ^= state_of_random >> 7;
	state_of_random ^= state_of_random << 17;
	return (uint32_t)(state_of_random >> 33) % below;
}

/* Who has which ports of an address. A customer of a softwire is named by his IPv6 address, one of a deterministic NAT by his inside address. */
struct owner { uint32_t address; uint8_t name[16]; bool softwire, all; unsigned width; uint8_t ports[PORTS / 8]; };
static struct owner owners[MOST];
static unsigned n_owners;
static uint32_t divided, undivided;      /* the outside addresses of the deterministic NAT, from one to before the other: in blocks, whoever has them */

static struct owner *new_owner(uint32_t address, bool softwire, unsigned width)
{
	assert_true(n_owners < MOST);
	struct owner *o = &owners[n_owners++];
	*o = (struct owner){ .address = address, .softwire = softwire, .width = width, .all = width == PORTS };
	return o;
}

static void give(struct owner *o, unsigned port)
{
	o->ports[port / 8] |= (uint8_t)(1u << port % 8);
}

static bool has(const struct owner *o, unsigned port)
{
	return o->ports[port / 8] >> port % 8 & 1;
}

/* The ports of a PSID (RFC 7597, 5.1), by division instead of bits: the first 2^(16 - offset) belong to nobody unless the offset is zero. */
static void give_set(struct owner *o, unsigned offset, unsigned len, unsigned psid)
{
	unsigned size = 1u << (16 - offset), block = size >> len;
	for (unsigned port = 0; port < PORTS; port++)
		if ((offset == 0 || port / size > 0) && port % size / block == psid)
			give(o, port);
}

static void put_address(struct buf *b, uint32_t a)
{
	buf_printf(b, "%u.%u.%u.%u", a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255);
}

static void bindings(struct buf *b)
{
	unsigned offset = rnd(7), usual = rnd(7);
	buf_text(b, "\"binding\":{\"bind-instance\":[{\"name\":\"lwaftr\",\"binding-table\":{\"binding-entry\":[");
	for (unsigned i = 0, n = 1 + rnd(60); i < n; i++) {
		uint32_t address = 0xc0000200u + rnd(4);
		unsigned len = rnd(12) ? usual : rnd(7), psid = rnd(1u << len), customer = rnd(30);
		buf_printf(b, "%s{\"binding-ipv6info\":\"2001:db8:70:%u::1/128\",\"binding-ipv4-addr\":\"", i ? "," : "", customer);
		put_address(b, address);
		buf_printf(b, "\",\"port-set\":{\"psid-offset\":%u,\"psid-len\":%u,\"psid\":%u}}", offset, len, psid);
		struct owner *o = new_owner(address, true, len ? PORTS >> (offset + len) : PORTS);
		memcpy(o->name, "\x20\x01\x0d\xb8\x00\x70\x00", 7);
		/* Groups are written in decimal digits, and read as hexadecimal ones. */
		o->name[7] = (uint8_t)(customer / 10 * 16 + customer % 10);
		o->name[15] = 1;
		if (len)
			give_set(o, offset, len, psid);
		else
			memset(o->ports, 0xff, sizeof o->ports);
	}
	buf_text(b, "]}}]}");
}

/* The embedded-address bits go behind the rule's IPv6 prefix: the rest of the IPv4 address, then the PSID, which also ends the address (RFC 7597, 5.2 and 6). */
static void map_rule(struct buf *b)
{
	unsigned rest = rnd(4), k = rnd(6) + !rest, offset = rnd(17 - k > 8 ? 8 : 17 - k), six = 32 + 8 * rnd(3);
	uint32_t base = 0xc6336400u + 16 * rnd(4);
	buf_printf(b, "\"algorithm\":{\"algo-instance\":[{\"name\":\"map-e\",\"ea-len\":%u,\"port-set\":{\"psid-offset\":%u},\"rule-ipv6-prefix\":\"2001:db8:a000::/%u\",\"rule-ipv4-prefix\":\"",
	    rest + k, offset, six);
	put_address(b, base);
	buf_printf(b, "/%u\"}]}", 32 - rest);
	for (unsigned host = 0; host < 1u << rest; host++)
		for (unsigned psid = 0; psid < 1u << k; psid++) {
			struct owner *o = new_owner(base + host, true, k ? PORTS >> (offset + k) : PORTS);
			uint64_t ea = (uint64_t)host << k | psid, upper = 0x20010db8a0000000u >> (64 - six) << (64 - six);
			if (rest + k)
				upper |= ea << (64 - six - rest - k);
			for (unsigned i = 0; i < 8; i++)
				o->name[i] = (uint8_t)(upper >> (56 - 8 * i));
			for (unsigned i = 0; i < 4; i++)
				o->name[10 + i] = (uint8_t)(o->address >> (24 - 8 * i));
			o->name[15] = (uint8_t)psid;
			if (k)
				give_set(o, offset, k, psid);
			else
				memset(o->ports, 0xff, sizeof o->ports);
		}
}

/* Subscribers, one after the other, get the next block of the address, and the next address when it has none left. */
static void deterministic(struct buf *b)
{
	unsigned rest = rnd(3), inside = rnd(9), first = rnd(2) ? 1024 : rnd(3000), each = 200 + rnd(9000);
	uint32_t base = 0xc6120700u + 8 * rnd(4), at = base;
	buf_printf(b, "\"dotsch-nat:deterministic\":[{\"inside\":\"100.70.0.0/%u\",\"outside\":\"", 32 - inside);
	put_address(b, base);
	divided = base;
	undivided = base + (1u << rest);
	buf_printf(b, "/%u\",\"first-port\":%u,\"ports\":%u}]", 32 - rest, first, each);
	for (unsigned subscriber = 0, port = first; subscriber < 1u << inside; subscriber++, port += each) {
		if (port + each > PORTS) {
			port = first;
			at++;
		}
		if (at == base + (1u << rest))
			break;
		struct owner *o = new_owner(at, false, each);
		memcpy(o->name, (uint8_t[]){ 100, 70, (uint8_t)(subscriber >> 8), (uint8_t)subscriber }, 4);
		for (unsigned p = port; p < port + each; p++)
			give(o, p);
	}
}

struct question { uint32_t address; bool ports; unsigned lo, hi; };

/* Some customer's address, mostly; around his edges, or anywhere. */
static struct question any_question(void)
{
	static const unsigned edges[] = { 0, 1, 1023, 1024, 65534, 65535 };
	const struct owner *o = &owners[rnd(n_owners)];
	struct question q = { .address = o->address + (rnd(8) == 0), .ports = rnd(8) > 0, .lo = rnd(3) ? rnd(PORTS) : edges[rnd(6)] };
	for (unsigned i = 0; rnd(2) && i < PORTS && !(has(o, q.lo) != has(o, (q.lo + 1) % PORTS)); i++)
		q.lo = (q.lo + 1) % PORTS;
	q.hi = rnd(2) ? q.lo : q.lo + rnd(3000);
	q.hi = q.hi < PORTS ? q.hi : PORTS - 1;
	return q;
}

static bool asked(const struct owner *o, const struct question *q)
{
	for (unsigned p = q->lo; p <= q->hi; p++)
		if (has(o, p))
			return true;
	return false;
}

static bool named(const struct owner *o, const struct candidate *c)
{
	const struct prefix *by = o->softwire ? &c->subscriber : &c->host;
	return c->has_subscriber == o->softwire && !memcmp(by->addr, o->name, o->softwire ? 16 : 4);
}

/* Whether the candidate's ports are exactly the asked ones of all that speaks for this customer. */
static bool same_ports(const struct candidate *c, const struct question *q, const bool *speaks)
{
	static uint8_t want[PORTS / 8], got[PORTS / 8];
	memset(want, 0, sizeof want);
	memset(got, 0, sizeof got);
	for (unsigned i = 0; i < n_owners; i++)
		for (unsigned p = q->lo; speaks[i] && named(&owners[i], c) && p <= q->hi; p++)
			if (has(&owners[i], p))
				want[p / 8] |= (uint8_t)(1u << p % 8);
	for (size_t i = 0; i < c->n_ports; i++)
		for (unsigned p = c->ports[i].range.lower; p <= c->ports[i].range.upper; p++)
			got[p / 8] |= (uint8_t)(1u << p % 8);
	return !memcmp(want, got, sizeof want);
}

static const char *compare(const struct answer *a, const struct question *q)
{
	static bool speaks[MOST];
	unsigned narrowest = PORTS + 1;
	bool shared = q->address >= divided && q->address < undivided, found[MOST] = { false };
	for (unsigned i = 0; i < n_owners; i++) {
		const struct owner *o = &owners[i];
		bool here = o->address == q->address;
		shared |= here && !o->all;
		speaks[i] = here && (q->ports ? asked(o, q) : o->all);
		if (speaks[i] && o->width < narrowest)
			narrowest = o->width;
	}
	/* One port has one owner: where two are told, the one with the smaller share. */
	for (unsigned i = 0; q->ports && q->lo == q->hi && i < n_owners; i++)
		speaks[i] &= owners[i].width == narrowest;
	if (!q->ports && a->needs_port != shared)
		return "whether a port is needed";
	for (size_t i = 0; i < a->possible; i++) {
		bool known = false;
		for (unsigned k = 0; k < n_owners; k++)
			if (speaks[k] && named(&owners[k], &a->v[i]))
				known = found[k] = true;
		if (!known)
			return "a host that it is not";
		if (q->ports && a->v[i].has_subscriber && !same_ports(&a->v[i], q, speaks))
			return "the ports";
	}
	for (unsigned i = 0; i < n_owners; i++)
		if (speaks[i] && !found[i])
			return "a host that is missing";
	return q->ports && !a->possible && shared && !a->nobodys_port ? "a port that is nobody's" : NULL;
}

static void run_seed(unsigned seed)
{
	struct buf b = { 0 };
	struct reason why = { 0 };
	state_of_random = 0x9e3779b97f4a7c15u * (seed + 1);
	for (int i = 0; i < 20; i++)
		rnd(2);
	n_owners = 0;
	buf_text(&b, "{\"ietf-softwire-br:br-instances\":{");
	bindings(&b);
	buf_text(&b, ",");
	map_rule(&b);
	buf_text(&b, "},");
	deterministic(&b);
	buf_text(&b, "}");
	struct table *t = case_table((char *)b.data, b.len, 0, 1795343400000, &why);
	if (!t)
		fail_msg("seed %u: %s: %.*s", seed, why.text, (int)b.len, (char *)b.data);
	struct nat nat = { .tables = &t, .n = 1 };
	struct answer a = { 0 };
	for (unsigned i = 0; i < QUESTIONS; i++) {
		struct question q = any_question();
		uint8_t bytes[4] = { (uint8_t)(q.address >> 24), (uint8_t)(q.address >> 16), (uint8_t)(q.address >> 8), (uint8_t)q.address };
		struct prefix_list nowhere = { 0 };
		struct nat_query ask = { .ext = prefix_make(4, bytes, 32), .proto = 17, .has_port = q.ports, .attack = 1795343400000, .targets = &nowhere,
			.port = q.ports ? (struct range){ (uint16_t)q.lo, (uint16_t)q.hi } : (struct range){ 0, UINT16_MAX } };
		assert_int_equal(resolve(&nat, &ask, &a), 0);
		const char *wrong = compare(&a, &q);
		if (wrong) {
			fprintf(stderr, "%.*s\n", (int)b.len, (char *)b.data);
			fail_msg("MAP_SEED=%u, question %u (%u.%u.%u.%u, ports %u-%u%s): %s", seed, i, bytes[0], bytes[1], bytes[2], bytes[3], q.lo, q.hi,
			    q.ports ? "" : " not given", wrong);
		}
	}
	answer_free(&a);
	table_free(t);
	buf_free(&b);
}

static void test_shared_oracle(void **state)
{
	(void)state;
	const char *one = getenv("MAP_SEED"), *many = getenv("MAP_SEEDS");
	unsigned n = many ? (unsigned)strtoul(many, NULL, 10) : SEEDS;
	if (one)
		run_seed((unsigned)strtoul(one, NULL, 10));
	for (unsigned seed = 0; !one && seed < n; seed++)
		run_seed(seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_shared_oracle) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
