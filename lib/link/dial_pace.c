/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How soon a dialler tries again (RFC 9132, 4.7). A thousand routers must not come back in step: all pauses are random. */
#include "link/dial_internal.h"

/* In ms, below max_s seconds. */
static int64_t random_ms(unsigned max_s)
{
	uint32_t random;
	tls_random(&random, sizeof random);
	return (int64_t)(random % (max_s * 1000 + 1));
}

/* Half to one and a half of *next, which becomes twice as long, at most max_s. */
static int64_t about(unsigned *next, unsigned max_s)
{
	unsigned now = *next;
	*next = now < max_s / 2 ? now * 2 : max_s;
	return (int64_t)now * 500 + random_ms(now);
}

int64_t dial_pause(struct dial *d)
{
	unsigned min = d->config.retry_min_s, longest = d->config.retry_s > min ? d->config.retry_s : min;
	/* No line, no name server: who was not called was not called too often. */
	if (!d->called)
		return about(&d->uncalled_s, min ? min : longest);
	d->uncalled_s = 1;
	/* Nothing was lost that could be re-established too soon: whoever starts first waits for the other. */
	if (d->first_s && d->first_s < longest)
		return about(&d->first_s, longest);
	/* Only ever later: the minimum is a MUST, and 300 s for good is a SHOULD. A provider's restart or a short outage of the line are over before. */
	unsigned pause = !d->first_s && d->lost_s && d->lost_s < longest ? d->lost_s : longest;
	d->lost_s = pause < longest / 2 ? pause * 2 : longest;
	return (int64_t)pause * 1000 + random_ms(pause < longest ? pause / 2 : pause / 10);
}

void dial_pace_begin(struct dial *d, bool met)
{
	d->first_s = met ? 0 : d->config.first_retry_s;
	d->lost_s = d->config.retry_min_s;
	d->uncalled_s = 1;
}
