/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy - what the owner has said beforehand about requests: per provider, and per prefix of his network (CH-30, CH-46). Pure. */
#ifndef SERVERD_POLICY_H
#define SERVERD_POLICY_H

#include "settings.h"

/* What holds for one request: the strictest of the policies that its sources meet. */
struct ruling {
	bool ask;
	const char *why;             /* for the owner */
	unsigned consent_s;          /* the shortest; 0 = never ends */
	bool consent_accept;         /* only if all say so */
};

/* Each source counts with the policy of the longest prefix that holds it, else with the peer's own, and with all those inside it. */
void policy_rule(const struct peer_config *p, const struct mitigation *m, struct ruling *out);

#endif
