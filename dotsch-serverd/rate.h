/* SPDX-License-Identifier: GPL-3.0-or-later */
/* rate - a counter of what was dropped, and its average since the mitigation began: measured into buckets of five minutes, over which it is averaged
   (RFC 9132, 4.4.2). Pure. */
#ifndef SERVERD_RATE_H
#define SERVERD_RATE_H

#include <stdint.h>

#define RATE_BUCKET_MS 300000

struct rate {
	uint64_t last;               /* as it was told last */
	uint64_t total;              /* modulo 2^64, as the protocol's counters are; goes on when the counter begins anew */
	uint64_t bucket;             /* what has come since the last full one */
	uint64_t full;               /* buckets */
	double mean;                 /* of the full ones, per second */
};

/* The counter is told as `counter`, since_ms after the beginning. */
void rate_add(struct rate *r, uint64_t counter, int64_t since_ms);
/* Per second, over the full buckets; before there is one, over the time there has been. */
uint64_t rate_average(const struct rate *r, int64_t since_ms);

#endif
