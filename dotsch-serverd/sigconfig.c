/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sigconfig.h"

#include <string.h>

#include "dots/cbor.h"

/* Margin between the longest heartbeat interval on offer and the NAT's binding time. */
#define NAT_MARGIN_S 5

static void bound_heartbeat(struct sigconf_set *set, unsigned nat_timeout)
{
	struct sigconf_value *v = &set->p[SIGCONF_HEARTBEAT_INTERVAL];
	unsigned max = nat_timeout - NAT_MARGIN_S;

	if (max >= v->max)
		return;
	v->max = max < v->min ? v->min : max;
	if (v->current > v->max)
		v->current = v->max;
}

void sigconfig_init(struct sigconfig *c, enum transport transport, unsigned nat_timeout)
{
	memset(c, 0, sizeof(*c));
	c->transport = transport;
	sigconf_defaults(&c->offer);
	if (nat_timeout > NAT_MARGIN_S) {
		bound_heartbeat(&c->offer.mitigating, nat_timeout);
		bound_heartbeat(&c->offer.idle, nat_timeout);
	}
	c->active = c->offer;
}

/* Current values, and the bounds within which they can be negotiated. */
static void get(const struct sigconfig *c, const struct target *what, struct reply *out)
{
	struct body body;

	if (what->has_sid && (!c->has_sid || what->sid != c->sid)) {
		reply_text(out, CODE_NOT_FOUND, "sid: %u is not known (RFC 9132, 4.5)", what->sid);
		return;
	}
	body_init(&body);
	body.kind = BODY_SIGNAL_CONFIG;
	body.config = c->active;
	if (c->transport == TRANSPORT_TCP)
		sigconf_reliable(&body.config);
	reply_body(out, CODE_CONTENT, &body);
	out->max_age = CONFIG_MAX_AGE_S;
}

/* What has no meaning over TCP is passed over, and the next GET does not show it; nothing else in it is refused. */
static int applicable(const struct sigconfig *c, struct sigconf *asked, struct reason *why)
{
	const char *first = c->transport == TRANSPORT_TCP ? sigconf_unreliable(asked) : NULL;

	if (first == NULL)
		return 0;
	sigconf_reliable(asked);
	for (unsigned p = 0; p < SIGCONF_PARAMS; p++)
		if ((asked->has_mitigating && asked->mitigating.p[p].has_current) || (asked->has_idle && asked->idle.p[p].has_current))
			return 0;
	return reason_set(why, REASON_BAD_REQUEST, first, "RFC 9132, 4.5", "is not negotiated over TCP, and nothing else is asked for");
}

static int read_put(const struct sigconfig *c, const struct target *what, const struct message *m, struct body *body, struct reason *why)
{
	if (!what->has_sid)
		return reason_set(why, REASON_BAD_REQUEST, "sid", "RFC 9132, 4.5.2", "missing in the Uri-Path");
	if (m->content_format != CONTENT_FORMAT_DOTS_CBOR)
		return reason_set(why, CODE_UNSUPPORTED_FORMAT, "Content-Format", "RFC 9132, 4.1", "%d: must be 271, application/dots+cbor", m->content_format);
	if (c->has_sid && what->sid < c->sid)
		return reason_set(why, REASON_BAD_REQUEST, "sid", "RFC 9132, 4.5.2", "%u: must be higher than %u", what->sid, c->sid);
	if (dots_cbor_decode(m->payload, m->payload_len, BODY_REQUEST, body, why) != 0)
		return -1;
	if (body->kind != BODY_SIGNAL_CONFIG)
		return reason_set(why, REASON_BAD_REQUEST, "signal-config", "RFC 9132, 4.5.2", "missing");
	return 0;
}

/* What is not negotiated has its default: a new sid starts from those. */
static void put(struct sigconfig *c, const struct target *what, const struct message *m, struct reply *out)
{
	bool known = c->has_sid && c->sid == what->sid;
	struct sigconf next = known ? c->active : c->offer;
	struct reason why;
	struct body body;

	body_init(&body);
	if (read_put(c, what, m, &body, &why) != 0 || applicable(c, &body.config, &why) != 0 || sigconf_apply(&c->offer, &body.config, &next, &why) != 0) {
		reply_refuse(out, &why);
	} else {
		c->active = next;
		c->has_sid = true;
		c->sid = what->sid;
		reply_empty(out, known ? CODE_CHANGED : CODE_CREATED);
	}
	body_free(&body);
}

static void reset(struct sigconfig *c, const struct target *what, struct reply *out)
{
	if (what->has_sid && (!c->has_sid || what->sid != c->sid)) {
		reply_text(out, CODE_NOT_FOUND, "sid: %u is not known (RFC 9132, 4.5.4)", what->sid);
		return;
	}
	c->active = c->offer;
	c->has_sid = false;
	reply_empty(out, CODE_DELETED);
}

void sigconfig_request(struct sigconfig *c, const struct target *what, const struct message *m, struct reply *out)
{
	switch (m->code) {
	case METHOD_GET:
		get(c, what, out);
		break;
	case METHOD_PUT:
		put(c, what, m, out);
		break;
	case METHOD_DELETE:
		reset(c, what, out);
		break;
	default:
		reply_text(out, CODE_METHOD_NOT_ALLOWED, "config takes GET, PUT and DELETE (RFC 9132, 4.5)");
	}
}

void sigconfig_heartbeat(const struct sigconfig *c, bool mitigating, struct heartbeat_config *out)
{
	const struct sigconf_set *set = mitigating ? &c->active.mitigating : &c->active.idle;

	memset(out, 0, sizeof(*out));
	out->interval_s = set->p[SIGCONF_HEARTBEAT_INTERVAL].current;
	out->missing_allowed = set->p[SIGCONF_MISSING_HB_ALLOWED].current;
	out->early = true;
	out->lose = true;
}

void sigconfig_transmission(const struct sigconfig *c, bool mitigating, struct transmission_config *out)
{
	const struct sigconf_set *set = mitigating ? &c->active.mitigating : &c->active.idle;

	out->ack_timeout_ms = set->p[SIGCONF_ACK_TIMEOUT].current * 10;          /* hundredths of a second */
	out->random_percent = set->p[SIGCONF_ACK_RANDOM_FACTOR].current;         /* hundredths */
	out->max_retransmit = set->p[SIGCONF_MAX_RETRANSMIT].current;
}
