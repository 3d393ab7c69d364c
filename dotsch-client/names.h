/* SPDX-License-Identifier: GPL-3.0-or-later */
/* names - the peers, mids and refs that lines have shown, for completion. */
#ifndef CLIENT_NAMES_H
#define CLIENT_NAMES_H

#include "base/json.h"

#define NAMES_MAX 2000

/* Zero-initialise; the oldest ones make room. */
struct names {
	char *v[NAMES_MAX];
	size_t n, next;          /* next: whose turn it is to make room */
};

void names_add(struct names *s, const char *name);
void names_clear(struct names *s);
/* What the line shows: peers go into one set, mids and refs into the other. */
void names_learn(const json_t *line, struct names *peers, struct names *mids);

#endif
