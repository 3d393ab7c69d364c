/* SPDX-License-Identifier: GPL-3.0-or-later */
/* portset - port sets of MAP-E, MAP-T and lw4o6 by computation (RFC 7597, 5.1). */
#ifndef DOTS_PORTSET_H
#define DOTS_PORTSET_H

#include <stdbool.h>
#include <stdint.h>

struct portset { uint8_t offset, psid_len; };   /* a and k of RFC 7597; a + k <= 16 */

bool portset_valid(const struct portset *s);
/* The PSID that owns the port, or -1: it belongs to nobody (the excluded low ports when a > 0). */
int portset_psid(const struct portset *s, uint16_t port);
/* The i-th range (from 0) of a PSID; false past the last. */
bool portset_range(const struct portset *s, uint16_t psid, unsigned i, uint16_t *lower, uint16_t *upper);

#endif
