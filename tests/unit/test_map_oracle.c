/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The look-up against an oracle: plain loops over a list of mappings, written for nothing but to be right. Random tables and questions from a small world, so that
   ranges overlap, keys repeat, and every edge is met. MAP_SEEDS=10000 runs more of them, MAP_SEED=17 only that one. */
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

#define SEEDS 300
#define QUESTIONS 60
#define MOST 500

static uint64_t state_of_random;

static uint32_t rnd(uint32_t below)
{
	state_of_random ^= state_of_random << 13;
	state_of_random ^= state_of_random >> 7;
	state_of_random ^= state_of_random << 17;
	return (uint32_t)(state_of_random >> 33) % below;
}

/* The oracle's own idea of a mapping: plain numbers, IPv4 only outside. */
struct entry {
	uint32_t ext, in, dst;           /* host order */
	unsigned ext_len, in_len, dst_len, lo, hi, in_lo, in_hi, life, index, instance, b4, source;
	int proto;                       /* -1 any */
	bool ports, in_ports, fixed, has_dst, enabled;
};

struct world {
	struct entry v[MOST];
	unsigned n;
	int64_t captured[2];
};

struct question { uint32_t ext, target; unsigned len, lo, hi, target_len; int proto; bool ports, has_target; int64_t attack; };

static const unsigned edges[] = { 0, 1, 2, 1023, 1024, 1025, 1100, 2000, 2001, 30000, 65534, 65535 };

static bool crowded;             /* many mappings on one address, any port: the search inside an address has to work for its living */

static unsigned any_port(void)
{
	return crowded && rnd(8) ? rnd(65536) : edges[rnd(sizeof edges / sizeof *edges)];
}

static uint32_t mask(unsigned len)
{
	return len ? 0xffffffffu << (32 - len) : 0;
}

static int any_proto(void)
{
	static const int protos[] = { -1, 6, 17, 17, 17, 1, 58, 47 };
	return protos[rnd(8)];
}

static struct entry any_entry(struct world *w, unsigned i)
{
	struct entry e = { .ext_len = rnd(5) ? 32 : 24 + rnd(8), .in_len = 32, .life = rnd(4) ? rnd(400) : 0, .index = i, .proto = any_proto(), .fixed = rnd(5) == 0,
		.ports = rnd(6) > 0, .has_dst = rnd(5) == 0, .dst = 0xcb007100 + rnd(4), .dst_len = rnd(3) ? 32 : 30, .instance = 1 + rnd(3), .source = rnd(2) };
	e.ext = (0xc6336400 + rnd(crowded ? 2 : 8)) & mask(e.ext_len);
	if (crowded && rnd(4)) {
		e.proto = 17;
		e.ext_len = 32;
	}
	if (e.ext_len < 32 && rnd(2))
		e.in_len = e.ext_len;
	e.in = (0x64400000 + rnd(6) * 256) & mask(e.in_len);
	e.dst &= mask(e.dst_len);
	e.enabled = e.instance != 3;
	e.b4 = rnd(6) ? 0 : 1 + rnd(2);
	if (e.ports) {
		e.lo = any_port();
		e.hi = rnd(2) ? e.lo : crowded ? e.lo + rnd(300) : any_port();
		e.hi = e.hi > 65535 ? 65535 : e.hi;
		if (e.hi < e.lo) {
			unsigned t = e.hi;
			e.hi = e.lo;
			e.lo = t;
		}
		e.in_ports = rnd(4) > 0;
		e.in_lo = rnd(65536 - (e.hi - e.lo));
		e.in_hi = rnd(4) ? e.in_lo + (e.hi - e.lo) : e.in_lo;
	}
	if (w->n && rnd(8) == 0) {       /* the same key again, for somebody else perhaps */
		struct entry old = w->v[rnd(w->n)];
		old.in = (0x64400000 + rnd(6) * 256) & mask(old.in_len);
		old.source = rnd(2);
		old.index = i;
		e = old;
	}
	return e;
}

static void put_quad(struct buf *b, const char *name, uint32_t a, unsigned len, bool bare)
{
	buf_printf(b, ",\"%s\":\"%u.%u.%u.%u", name, a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255);
	if (len < 32 || !bare)
		buf_printf(b, "/%u", len);
	buf_text(b, "\"");
}

static void put_ports(struct buf *b, const char *name, unsigned lo, unsigned hi)
{
	if (lo == hi && rnd(2))
		buf_printf(b, ",\"%s\":{\"start-port-number\":%u}", name, lo);
	else if (rnd(2))
		buf_printf(b, ",\"%s\":{\"end-port-number\":%u,\"start-port-number\":%u}", name, hi, lo);
	else
		buf_printf(b, ",\"ietf-nat:%s\":{\"acme:x\":[{}],\"start-port-number\":%u,\"end-port-number\":%u}", name, lo, hi);
}

static void put_entry(struct buf *b, const struct entry *e)
{
	buf_printf(b, "{\"index\":%u,\"type\":\"%s\"", e->index, e->fixed ? "static" : rnd(2) ? "dynamic-implicit" : "dynamic-explicit");
	if (rnd(5) == 0)
		buf_text(b, ",\"acme:external-src-address\":\"9.9.9.9\",\"acme:extra\":{\"lifetime\":\"no\",\"external-src-port\":{\"start-port-number\":-4}}");
	if (e->proto >= 0)
		buf_printf(b, ",\"transport-protocol\":%d", e->proto);
	if (e->b4)
		buf_printf(b, ",\"ietf-dslite:b4-ipv6-address\":{\"address\":\"2001:db8:60::%u\"}", e->b4);
	put_quad(b, "internal-src-address", e->in, e->in_len, rnd(2));
	put_quad(b, "external-src-address", e->ext, e->ext_len, rnd(2));
	if (e->ports)
		put_ports(b, "external-src-port", e->lo, e->hi);
	if (e->in_ports)
		put_ports(b, "internal-src-port", e->in_lo, e->in_hi);
	if (e->has_dst)
		put_quad(b, "external-dst-address", e->dst, e->dst_len, rnd(2));
	if (e->life || !e->fixed)
		buf_printf(b, ",\"lifetime\":%u", e->life);
	buf_text(b, "}");
}

/* One document for each source; `id` before or after its table. */
static void put_table(struct buf *b, const struct world *w, unsigned source)
{
	buf_text(b, "{\"ietf-nat:nat\":{\"instances\":{\"instance\":[");
	for (unsigned id = 1; id <= 3; id++) {
		bool first = true, late = rnd(2);
		buf_printf(b, "%s{", id > 1 ? "," : "");
		if (!late)
			buf_printf(b, "\"id\":%u,\"enable\":%s,", id, id == 3 ? "false" : "true");
		buf_text(b, "\"mapping-table\":{\"mapping-entry\":[");
		for (unsigned i = 0; i < w->n; i++)
			if (w->v[i].source == source && w->v[i].instance == id) {
				buf_text(b, first ? "" : ",");
				put_entry(b, &w->v[i]);
				first = false;
			}
		buf_text(b, "]}");
		if (late)
			buf_printf(b, ",\"enable\":%s,\"id\":%u", id == 3 ? "false" : "true", id);
		buf_text(b, "}");
	}
	buf_text(b, "]}}}");
}

static struct question any_question(const struct world *w)
{
	struct question q = { .len = rnd(6) ? 32 : 24 + rnd(8), .proto = any_proto(), .ports = rnd(5) > 0, .has_target = rnd(3) > 0, .target_len = rnd(3) ? 32 : 29 };
	q.ext = (0xc6336400 + rnd(crowded ? 2 : 8)) & mask(q.len);
	q.target = (0xcb007100 + rnd(5)) & mask(q.target_len);
	q.lo = any_port();
	q.hi = rnd(2) ? q.lo : any_port();
	if (q.hi < q.lo)
		q.hi = q.lo;
	q.attack = w->captured[rnd(2)] + (int64_t)rnd(1400) * 1000 - 500000;
	return q;
}

/* One host as the oracle sees it. */
struct seen {
	uint32_t in;
	unsigned len, b4, instance, rank_len, rank_proto, rank_width, rank_dst, voices;
	int certainty;                   /* 2 stale, 3 likely, 4 exact */
	bool before, after, covers, gone;
	uint8_t ports[8192];
};

static bool icmp(int proto)
{
	return proto == 1 || proto == 58;
}

static bool matches(const struct entry *e, const struct question *q)
{
	unsigned len = e->ext_len < q->len ? e->ext_len : q->len;
	if (!e->enabled || (e->ext & mask(len)) != (q->ext & mask(len)))
		return false;
	bool both_icmp = icmp(e->proto) && icmp(q->proto);
	if (q->proto >= 0 && e->proto >= 0 && e->proto != q->proto && !both_icmp)
		return false;
	if (q->ports && q->proto < 0 && icmp(e->proto))
		return false;
	if (!q->ports || !e->ports || icmp(q->proto))
		return true;
	return e->lo <= q->hi && e->hi >= q->lo;
}

static bool other_destination(const struct entry *e, const struct question *q)
{
	unsigned len = e->dst_len < q->target_len ? e->dst_len : q->target_len;
	return e->has_dst && q->has_target && (e->dst & mask(len)) != (q->target & mask(len));
}

static int sure(const struct world *w, const struct entry *e, const struct question *q)
{
	int64_t c = w->captured[e->source];
	if (e->fixed)
		return 3;
	if (q->attack <= c)
		return c - q->attack <= 120000 ? 3 : 2;
	return q->attack - c <= ((int64_t)e->life + 120) * 1000 ? 3 : 2;
}

static struct seen *seen_of(struct seen *v, unsigned *n, uint32_t in, unsigned len, const struct entry *e)
{
	for (unsigned i = 0; i < *n; i++)
		if (v[i].in == in && v[i].len == len && v[i].b4 == e->b4 && v[i].instance == e->instance)
			return &v[i];
	memset(&v[*n], 0, sizeof v[*n]);
	v[*n].in = in;
	v[*n].len = len;
	v[*n].b4 = e->b4;
	v[*n].instance = e->instance;
	return &v[(*n)++];
}

/* Lexicographic: longer prefix, named protocol, narrower ports, named destination. */
static int more_specific(const struct seen *a, unsigned len, unsigned proto, unsigned width, unsigned dst)
{
	if (len != a->rank_len)
		return len > a->rank_len ? 1 : -1;
	if (proto != a->rank_proto)
		return proto > a->rank_proto ? 1 : -1;
	if (width != a->rank_width)
		return width < a->rank_width ? 1 : -1;
	return dst > a->rank_dst ? 1 : dst < a->rank_dst ? -1 : 0;
}

static void hear(struct seen *s, const struct world *w, const struct entry *e, const struct question *q)
{
	int c = sure(w, e, q);
	unsigned lo = e->ports ? e->lo : 0, hi = e->ports ? e->hi : 65535, width = hi - lo;
	s->before |= w->captured[e->source] <= q->attack;
	s->after |= w->captured[e->source] >= q->attack;
	s->covers |= lo == 0 && hi == 65535;
	if (c < s->certainty)
		return;
	if (c > s->certainty || !s->voices || more_specific(s, e->ext_len, e->proto >= 0, width, e->has_dst) > 0) {
		s->rank_len = e->ext_len;
		s->rank_proto = e->proto >= 0;
		s->rank_width = width;
		s->rank_dst = e->has_dst;
	}
	if (c > s->certainty)
		memset(s->ports, 0, sizeof s->ports);
	s->certainty = c;
	s->voices++;
	bool known = e->ports && e->in_ports && e->in_hi - e->in_lo == width && width < 65535;
	for (unsigned p = q->lo; known && q->ports && !icmp(q->proto) && p <= q->hi; p++)
		if (p >= lo && p <= hi)
			s->ports[(e->in_lo + p - lo) / 8] |= (uint8_t)(1u << (e->in_lo + p - lo) % 8);
}

/* Fills v with the hosts; returns the certainty of the whole, with `gone` set on those ruled out. */
static int oracle(const struct world *w, const struct question *q, struct seen *v, unsigned *n)
{
	*n = 0;
	for (unsigned i = 0; i < w->n; i++) {
		const struct entry *e = &w->v[i];
		if (!matches(e, q) || other_destination(e, q))
			continue;
		bool inside = e->ext_len < q->len && e->in_len == e->ext_len;
		uint32_t in = inside ? (e->in & mask(e->in_len)) | (q->ext & ~mask(e->in_len)) : e->in;
		hear(seen_of(v, n, in, inside ? q->len : e->in_len, e), w, e, q);
	}
	bool key = q->len == 32 && q->ports && q->lo == q->hi;
	int best = 0;
	for (unsigned i = 0; i < *n; i++) {
		if (key && v[i].before && v[i].after)
			v[i].certainty = 4;
		best = v[i].certainty > best ? v[i].certainty : best;
	}
	for (unsigned i = 0; i < *n; i++)
		v[i].gone = v[i].certainty == 2 && best > 2;
	for (unsigned i = 0; i < *n && key && q->proto >= 0; i++)
		for (unsigned k = 0; k < *n && !v[i].gone; k++)
			if (!(v[k].certainty == 2 && best > 2) && more_specific(&v[i], v[k].rank_len, v[k].rank_proto, v[k].rank_width, v[k].rank_dst) > 0) {
				v[i].gone = true;
				break;
			}
	unsigned left = 0;
	const struct seen *one = NULL;
	for (unsigned i = 0; i < *n; i++)
		if (!v[i].gone) {
			left++;
			one = &v[i];
		}
	if (!left)
		return 0;
	bool named = one->len == 32 || (q->len < 32 && one->len >= q->len);
	bool part = !q->ports && !icmp(q->proto) && !one->covers;
	return left == 1 && named && !part ? one->certainty : 1;
}

static const struct seen *find_seen(const struct seen *v, unsigned n, const struct candidate *c)
{
	for (unsigned i = 0; i < n; i++) {
		uint32_t in = (uint32_t)c->host.addr[0] << 24 | (uint32_t)c->host.addr[1] << 16 | (uint32_t)c->host.addr[2] << 8 | c->host.addr[3];
		if (!v[i].gone && v[i].in == in && v[i].len == c->host.len && (v[i].b4 ? c->has_subscriber && c->subscriber.addr[15] == v[i].b4 : !c->has_subscriber) &&
		    v[i].instance == c->table->instances[c->instance].id)
			return &v[i];
	}
	return NULL;
}

static bool same_ports(const struct seen *s, const struct candidate *c)
{
	static uint8_t got[8192];
	memset(got, 0, sizeof got);
	for (size_t i = 0; i < c->n_ports; i++)
		for (unsigned p = c->ports[i].range.lower; p <= c->ports[i].range.upper; p++)
			got[p / 8] |= (uint8_t)(1u << p % 8);
	return !memcmp(got, s->ports, sizeof got);
}

static const char *disagree(const struct nat *nat, const struct world *w, const struct question *q)
{
	static struct seen v[MOST];
	unsigned n, left = 0;
	uint8_t ext[4] = { (uint8_t)(q->ext >> 24), (uint8_t)(q->ext >> 16), (uint8_t)(q->ext >> 8), (uint8_t)q->ext };
	uint8_t to[4] = { (uint8_t)(q->target >> 24), (uint8_t)(q->target >> 16), (uint8_t)(q->target >> 8), (uint8_t)q->target };
	struct prefix target = prefix_make(4, to, (uint8_t)q->target_len);
	struct prefix_list targets = { &target, q->has_target };
	struct nat_query ask = { .ext = prefix_make(4, ext, (uint8_t)q->len), .proto = q->proto, .has_port = q->ports, .attack = q->attack, .targets = &targets,
		.port = q->ports ? (struct range){ (uint16_t)q->lo, (uint16_t)q->hi } : (struct range){ 0, UINT16_MAX } };
	struct answer a = { 0 };
	if (resolve(nat, &ask, &a) < 0)
		return "out of memory";
	int certainty = oracle(w, q, v, &n);
	const char *wrong = (int)a.certainty != certainty ? "certainty" : NULL;
	for (unsigned i = 0; i < n; i++)
		left += !v[i].gone;
	if (left != a.possible)
		wrong = "number of hosts";
	for (size_t i = 0; i < a.possible && !wrong; i++) {
		const struct seen *s = find_seen(v, n, &a.v[i]);
		if (!s)
			wrong = "a host";
		else if (!same_ports(s, &a.v[i]))
			wrong = "inside ports";
	}
	answer_free(&a);
	return wrong;
}

static void run_seed(unsigned seed)
{
	static struct world w;
	struct table *t[2];
	state_of_random = 0x9e3779b97f4a7c15u * (seed + 1);
	for (int i = 0; i < 20; i++)
		rnd(2);
	w = (struct world){ .captured = { 1795343400000, 1795343400000 + (int64_t)rnd(900) * 1000 } };
	crowded = seed % 4 == 3;
	for (unsigned n = crowded ? MOST : rnd(60); w.n < n; w.n++)
		w.v[w.n] = any_entry(&w, w.n);
	for (unsigned s = 0; s < 2; s++) {
		struct buf b = { 0 };
		struct reason why = { 0 };
		put_table(&b, &w, s);
		t[s] = case_table((char *)b.data, b.len, rnd(3) ? 0 : 1 + rnd(100), w.captured[s], &why);
		if (!t[s])
			fail_msg("seed %u: %s: %.*s", seed, why.text, (int)b.len, (char *)b.data);
		buf_free(&b);
	}
	struct nat nat = { .tables = t, .n = 2 };
	for (unsigned i = 0; i < QUESTIONS; i++) {
		struct question q = any_question(&w);
		const char *wrong = disagree(&nat, &w, &q);
		if (wrong)
			fail_msg("MAP_SEED=%u, question %u: %s", seed, i, wrong);
	}
	table_free(t[0]);
	table_free(t[1]);
}

static void test_oracle(void **state)
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
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_oracle) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
