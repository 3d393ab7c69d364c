/* SPDX-License-Identifier: GPL-3.0-or-later */
/* natgen - NAT tables of any size, the same ones each time: mapping i is a pure function of i and the size. */
#ifndef BENCH_NATGEN_H
#define BENCH_NATGEN_H

#include <stdint.h>
#include <stdio.h>

/* IPv4 in host order. A CGN of n flows on n / 1250 addresses; a subscriber has 1024 ports there. */
struct natgen { uint32_t external, internal; uint16_t external_port, internal_port; uint8_t proto; uint32_t lifetime; };

struct natgen natgen_mapping(uint64_t i, uint64_t n);
/* The table as RFC 8512 JSON, compact. */
void natgen_table(FILE *out, uint64_t n);
/* `count` request lines, each about one mapping. */
void natgen_requests(FILE *out, uint64_t count, uint64_t n);

#endif
