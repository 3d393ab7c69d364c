/* SPDX-License-Identifier: GPL-3.0-or-later */
/* label - tables of enumeration labels, for the JSON reader and writer. */
#ifndef DOTS_LABEL_H
#define DOTS_LABEL_H

struct labels {
	const char *const *v;        /* index 0 is NULL: 0 is reserved in every DOTS enumeration */
	unsigned n;
};
extern const struct labels labels_status, labels_conflict_status, labels_conflict_cause, labels_attack_status;

const char *label_of(const struct labels *l, unsigned value);      /* NULL when unknown */
unsigned label_value(const struct labels *l, const char *label);   /* 0 when unknown */

#endif
