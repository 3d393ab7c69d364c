/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How soon a dialler tries again (RFC 9132, 4.7). */
#include "link/dial_internal.h"

/* In ms. A thousand routers must not come back in step. */
int64_t dial_pause(struct dial *d)
{
	unsigned base = d->config.retry_s > d->config.retry_min_s ? d->config.retry_s : d->config.retry_min_s, first = d->first_s;
	uint32_t random;
	tls_random(&random, sizeof random);
	/* Nothing was lost that could be re-established too soon: whoever starts first waits for the other. */
	if (first && first < base) {
		d->first_s = first * 2;
		return (int64_t)first * 500 + (int64_t)(random % (first * 1000));
	}
	/* Only ever later: the minimum is a MUST (RFC 9132, 4.7). */
	return (int64_t)base * 1000 + (int64_t)(random % (base * 100 + 1));
}
