/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "rate.h"

/* Backwards by more than half of what there is: it has wrapped. By less: who counts has started anew. */
static uint64_t difference(uint64_t last, uint64_t now)
{
	return now >= last || last - now > UINT64_MAX / 2 ? now - last : now;
}

/* The mean once `full` buckets are: all that has come since the last one is theirs. */
static double mean_over(const struct rate *r, uint64_t full)
{
	return (r->mean * (double)r->full + (double)r->bucket / (RATE_BUCKET_MS / 1000)) / (double)full;
}

static uint64_t full_buckets(int64_t since_ms)
{
	return since_ms > 0 ? (uint64_t)since_ms / RATE_BUCKET_MS : 0;
}

void rate_add(struct rate *r, uint64_t counter, int64_t since_ms)
{
	uint64_t more = difference(r->last, counter), full = full_buckets(since_ms);

	r->last = counter;
	r->total += more;
	r->bucket += more;
	if (full <= r->full)
		return;
	r->mean = mean_over(r, full);
	r->full = full;
	r->bucket = 0;
}

static uint64_t whole(double v)
{
	return v >= 18446744073709549568.0 ? UINT64_MAX : (uint64_t)(v + 0.5);
}

uint64_t rate_average(const struct rate *r, int64_t since_ms)
{
	uint64_t full = full_buckets(since_ms);

	if (full > r->full)
		return whole(mean_over(r, full));
	if (r->full > 0)
		return whole(r->mean);
	/* Not a full second yet: what has come in it. */
	return since_ms < 1000 ? r->bucket : whole((double)r->bucket * 1000 / (double)since_ms);
}
