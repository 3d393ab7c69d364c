/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dots/portset.h"

/* The 16 port bits, high to low: A (offset bits), PSID (psid_len bits), and m bits that count within one range. */

bool portset_valid(const struct portset *s)
{
	return s->offset <= 16 && s->psid_len <= 16 && s->offset + s->psid_len <= 16;
}

static unsigned low_bits(const struct portset *s)
{
	return 16u - s->offset - s->psid_len;
}

int portset_psid(const struct portset *s, uint16_t port)
{
	if (!s->psid_len)
		return 0;   /* no sharing: one customer has the whole address, the low ports too */
	if (s->offset && port >> (16 - s->offset) == 0)
		return -1;
	return (int)((unsigned)port >> low_bits(s) & ((1u << s->psid_len) - 1));
}

bool portset_range(const struct portset *s, uint16_t psid, unsigned i, uint16_t *lower, uint16_t *upper)
{
	unsigned m = low_bits(s), a = i + (s->offset > 0), low;
	if ((unsigned)psid >> s->psid_len)
		return false;
	if (!s->psid_len) {
		*lower = 0;
		*upper = UINT16_MAX;
		return i == 0;
	}
	if (i > UINT16_MAX || a >> s->offset)
		return false;
	low = a << (16 - s->offset) | (unsigned)psid << m;
	*lower = (uint16_t)low;
	*upper = (uint16_t)(low + (1u << m) - 1);
	return true;
}
