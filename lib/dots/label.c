/* SPDX-License-Identifier: GPL-3.0-or-later */
/* label - the enumerations' names in JSON (RFC 9132, Tables 3 to 5; RFC 9066, 5.3.1; RFC 9244). */
#include <string.h>

#include "dots/json.h"
#include "dots/label.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static const char *const status_labels[] = {
	[STATUS_IN_PROGRESS] = "attack-mitigation-in-progress", [STATUS_MITIGATED] = "attack-successfully-mitigated", [STATUS_STOPPED] = "attack-stopped",
	[STATUS_EXCEEDED] = "attack-exceeded-capability", [STATUS_CLIENT_WITHDRAWN] = "dots-client-withdrawn-mitigation",
	[STATUS_TERMINATED] = "attack-mitigation-terminated", [STATUS_WITHDRAWN] = "attack-mitigation-withdrawn",
	[STATUS_SIGNAL_LOSS] = "attack-mitigation-signal-loss",
};
static const char *const conflict_status_labels[] = {
	[CONFLICT_INACTIVE_OTHER_ACTIVE] = "request-inactive-other-active", [CONFLICT_ACTIVE] = "request-active", [CONFLICT_ALL_INACTIVE] = "all-requests-inactive",
};
static const char *const conflict_cause_labels[] = {
	[CONFLICT_OVERLAPPING_TARGETS] = "overlapping-targets", [CONFLICT_ACCEPTLIST] = "conflict-with-acceptlist", [CONFLICT_CUID_COLLISION] = "cuid-collision",
	[CONFLICT_LEGITIMATE_TRAFFIC] = "request-rejected-legitimate-traffic", [CONFLICT_OVERLAPPING_PIPES] = "overlapping-pipes",
};
static const char *const attack_status_labels[] = {
	[ATTACK_UNDER_ATTACK] = "under-attack", [ATTACK_SUCCESSFULLY_MITIGATED] = "attack-successfully-mitigated",
};

const struct labels labels_status = { status_labels, COUNT(status_labels) };
const struct labels labels_conflict_status = { conflict_status_labels, COUNT(conflict_status_labels) };
const struct labels labels_conflict_cause = { conflict_cause_labels, COUNT(conflict_cause_labels) };
const struct labels labels_attack_status = { attack_status_labels, COUNT(attack_status_labels) };

const char *label_of(const struct labels *l, unsigned value)
{
	return value < l->n ? l->v[value] : NULL;
}

unsigned label_value(const struct labels *l, const char *label)
{
	for (unsigned i = 1; i < l->n; i++)
		if (!strcmp(l->v[i], label))
			return i;
	return 0;
}

const char *dots_status_label(enum dots_status s)
{
	return label_of(&labels_status, s);
}

enum dots_status dots_status_of(const char *label)
{
	return (enum dots_status)label_value(&labels_status, label);
}

const char *conflict_cause_label(enum conflict_cause c)
{
	return label_of(&labels_conflict_cause, c);
}

const char *conflict_status_label(enum conflict_status c)
{
	return label_of(&labels_conflict_status, c);
}
