/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "settings_private.h"

#include <stdlib.h>

const struct conf_key settings_policy_keys[] = {
	{ .name = "source", .type = CONF_LIST },
	SETTINGS_POLICY_KEYS,
	{ .type = CONF_END },
};

int settings_read_policy(const struct conf_section *s, struct policy *p, struct reason *why)
{
	int word;

	if (conf_has(s, "consent")) {
		word = settings_word(s, "consent", "auto", "ask", why);
		if (word < 0)
			return -1;
		p->consent = word == 0 ? CONSENT_AUTO : CONSENT_ASK;
	}
	if (conf_has(s, "consent-default")) {
		word = settings_word(s, "consent-default", "reject", "accept", why);
		if (word < 0)
			return -1;
		p->consent_accept = word == 1;
	}
	if (conf_has(s, "ask-above"))
		p->ask_above = (unsigned)conf_int(s, "ask-above");
	if (conf_has(s, "ask-above-ipv6"))
		p->ask_above_6 = (unsigned)conf_int(s, "ask-above-ipv6");
	if (conf_has(s, "consent-time"))
		p->consent_s = (unsigned)conf_int(s, "consent-time");
	return 0;
}

static int read_one(const struct conf_section *s, struct policy *p, struct reason *why)
{
	if (settings_prefixes(s, "source", &p->source, why) != 0 || settings_read_policy(s, p, why) != 0)
		return -1;
	if (p->source.n == 0)
		return reason_set(why, 0, "source", "", "policy \"%.60s\": missing: name the prefixes that it is about", conf_title(s));
	return 0;
}

int settings_read_policies(const struct conf_section *s, struct peer_config *p, struct reason *why)
{
	size_t n = conf_count(s, "policy");

	p->policies = n > 0 ? calloc(n, sizeof(*p->policies)) : NULL;
	if (n > 0 && p->policies == NULL)
		return reason_set(why, 0, "policy", "", "out of memory");
	for (size_t i = 0; i < n; i++) {
		p->policies[i] = p->policy;
		p->n_policies++;
		if (read_one(conf_sub(s, "policy", i), &p->policies[i], why) != 0)
			return -1;
	}
	return 0;
}
