/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dots/sigconf.h"

#include <stdio.h>

#include "dots/field.h"

#define CODE_UNPROCESSABLE 150       /* 4.22 */

/* Defaults of RFC 9132, 4.5; the bounds are those of its examples, which its text recommends where it says anything. */
static const struct sigconf_value defaults[SIGCONF_PARAMS] = {
	[SIGCONF_HEARTBEAT_INTERVAL] = { true, true, true, 240, 15, 30 },
	[SIGCONF_MISSING_HB_ALLOWED] = { true, true, true, 20, 3, 15 },
	[SIGCONF_PROBING_RATE] = { true, true, true, 20, 5, 5 },
	[SIGCONF_MAX_RETRANSMIT] = { true, true, true, 15, 2, 3 },
	[SIGCONF_ACK_TIMEOUT] = { true, true, true, 3000, 100, 200 },
	[SIGCONF_ACK_RANDOM_FACTOR] = { true, true, true, 400, 110, 150 },
};

void sigconf_defaults(struct sigconf *c)
{
	*c = (struct sigconf){ .has_mitigating = true, .has_idle = true };
	for (unsigned p = 0; p < SIGCONF_PARAMS; p++)
		c->mitigating.p[p] = c->idle.p[p] = defaults[p];
}

static const char *value_text(enum sigconf_param p, uint32_t v, char out[16])
{
	if (sigconf_param_decimal(p))
		snprintf(out, 16, "%u.%02u", v / 100, v % 100);
	else
		snprintf(out, 16, "%u", v);
	return out;
}

/* Heartbeats may be switched off altogether (RFC 9132, 4.5: 0 means none). */
static bool within(enum sigconf_param p, uint32_t v, const struct sigconf_value *offer)
{
	if (p == SIGCONF_HEARTBEAT_INTERVAL && v == 0)
		return true;
	return (!offer->has_min || v >= offer->min) && (!offer->has_max || v <= offer->max);
}

static int check_set(const char *set, const struct sigconf_set *offer, const struct sigconf_set *put, unsigned *given, struct reason *why)
{
	char is[16], min[16], max[16];
	for (unsigned p = 0; p < SIGCONF_PARAMS; p++) {
		const struct sigconf_value *v = &put->p[p], *bounds = &offer->p[p];
		const char *name = sigconf_param_name(p);
		if (v->has_max || v->has_min)
			return reason_set(why, REASON_BAD_REQUEST, name, SECTION_CONFIG, "of %s has a minimum or maximum; only a server sends these", set);
		if (!v->has_current)
			continue;
		++*given;
		if (!within(p, v->current, bounds))
			return reason_set(why, CODE_UNPROCESSABLE, name, "RFC 9132, 4.5.3", "%s of %s is not in %s..%s", value_text(p, v->current, is), set,
			    value_text(p, bounds->has_min ? bounds->min : 0, min), value_text(p, bounds->has_max ? bounds->max : UINT32_MAX, max));
	}
	return 0;
}

static void merge(struct sigconf_set *active, const struct sigconf_set *put)
{
	for (unsigned p = 0; p < SIGCONF_PARAMS; p++)
		if (put->p[p].has_current) {
			active->p[p].has_current = true;
			active->p[p].current = put->p[p].current;
		}
}

int sigconf_apply(const struct sigconf *offer, const struct sigconf *put, struct sigconf *active, struct reason *why)
{
	unsigned given = 0;
	if (put->has_mitigating && check_set("mitigating-config", &offer->mitigating, &put->mitigating, &given, why) < 0)
		return -1;
	if (put->has_idle && check_set("idle-config", &offer->idle, &put->idle, &given, why) < 0)
		return -1;
	if (!given)
		return reason_set(why, REASON_BAD_REQUEST, "signal-config", SECTION_CONFIG, "holds no current value; at least one is wanted");
	if (put->has_mitigating) {
		active->has_mitigating = true;
		merge(&active->mitigating, &put->mitigating);
	}
	if (put->has_idle) {
		active->has_idle = true;
		merge(&active->idle, &put->idle);
	}
	return 0;
}

static bool of_datagrams_only(enum sigconf_param p)
{
	return p != SIGCONF_HEARTBEAT_INTERVAL && p != SIGCONF_PROBING_RATE;
}

void sigconf_reliable(struct sigconf *c)
{
	for (unsigned p = 0; p < SIGCONF_PARAMS; p++)
		if (of_datagrams_only(p))
			c->mitigating.p[p] = c->idle.p[p] = (struct sigconf_value){ 0 };
}

const char *sigconf_unreliable(const struct sigconf *c)
{
	for (unsigned p = 0; p < SIGCONF_PARAMS; p++)
		if (of_datagrams_only(p) && ((c->has_mitigating && c->mitigating.p[p].has_current) || (c->has_idle && c->idle.p[p].has_current)))
			return sigconf_param_name(p);
	return NULL;
}

bool sigconf_heartbeat_fits(const struct sigconf_set *set, unsigned size)
{
	uint64_t interval = set->p[SIGCONF_HEARTBEAT_INTERVAL].current, rate = set->p[SIGCONF_PROBING_RATE].current;
	return size <= interval * rate;
}
