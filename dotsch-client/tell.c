/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tell.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "dots/cbor.h"
#include "dots/envelope.h"
#include "dots/json.h"
#include "origin.h"

#define REFUSED_PER_SECOND 20

static json_t *line_about(const char *type, const char *ref, unsigned part, unsigned parts, const char *peer, const char *cuid, int64_t mid)
{
	json_t *line = envelope_new(type);
	json_t *origin = origin_of(ref);
	if (origin)
		json_put(line, "origin", origin);
	else
		json_put_string(line, "ref", ref && *ref ? ref : NULL);
	if (parts)
		json_put(line, "part", json_pack("[i,i]", (int)part, (int)parts));
	json_put_string(line, "peer", peer);
	json_put_string(line, "cuid", cuid);
	if (mid >= 0)
		json_put_int(line, "mid", mid);
	return line;
}

static json_t *line_of_entry(const char *type, const struct entry *e)
{
	return line_about(type, e->ref, e->part, e->parts, e->router->name, e->router->cuid, e->leader ? e->leader->mid : e->mid);
}

void tell_word(struct entry *e, const char *word, const char *fmt, ...)
{
	char text[400];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	json_t *line = line_of_entry("status", e);
	json_put_string(line, "status", word);
	json_put_string(line, "reason", text);
	console_tell_all(e->router->agent, e->console, line);
}

const char *conflict_cause_words(enum conflict_cause cause)
{
	switch (cause) {
	case CONFLICT_OVERLAPPING_TARGETS: return "its targets overlap those of another request";
	case CONFLICT_ACCEPTLIST: return "an accept-list entry of the network covers the attacker";
	case CONFLICT_CUID_COLLISION: return "another client uses this cuid";
	case CONFLICT_LEGITIMATE_TRAFFIC: return "the network holds this for legitimate traffic";
	case CONFLICT_OVERLAPPING_PIPES: return "its pipes overlap those of another request";
	default: return "a conflict without a cause";
	}
}

static const char *standing_words(enum conflict_status status)
{
	switch (status) {
	case CONFLICT_INACTIVE_OTHER_ACTIVE: return "; this request is not active, the other one is";
	case CONFLICT_ACTIVE: return "; this request is active all the same";
	case CONFLICT_ALL_INACTIVE: return "; none of them is active";
	default: return "";
	}
}

const char *conflict_words(const struct conflict *c, char *out, size_t cap)
{
	int n = snprintf(out, cap, "%s", conflict_cause_words(c->cause));
	if (c->has_mid && n > 0 && (size_t)n < cap)
		n += snprintf(out + n, cap - (size_t)n, " (mid %" PRIu32 ")", c->mid);
	if (n > 0 && (size_t)n < cap)
		n += snprintf(out + n, cap - (size_t)n, "%s", standing_words(c->status));
	if (c->has_retry_timer && n > 0 && (size_t)n < cap)
		snprintf(out + n, cap - (size_t)n, "; not to be asked again within %" PRIu32 " s", c->retry_timer);
	return out;
}

static void put_scope(json_t *line, const struct mitigation *m)
{
	char words[300];
	json_put_string(line, "status", dots_status_label(m->status));
	if (m->lifetime != LIFETIME_ABSENT)
		json_put_int(line, "lifetime", m->lifetime);
	if (m->has_conflict)
		json_put_string(line, "conflict", conflict_words(&m->conflict, words, sizeof words));
}

void tell_state(struct entry *e, const struct mitigation *m, const char *reason)
{
	json_t *line = line_of_entry("status", e);
	put_scope(line, m);
	json_put_string(line, "reason", reason);
	dots_json_write_mitigation(m, line);
	console_tell_all(e->router->agent, e->console, line);
}

static void put_payload(json_t *line, const struct answer *a, struct body *body)
{
	const struct response *r = a->response;
	if (!r->payload_len)
		return;
	if (r->dots_cbor) {
		struct reason why;
		if (dots_cbor_decode(r->payload, r->payload_len, BODY_RESPONSE, body, &why) < 0) {
			char text[sizeof why.text + 100];
			json_put_string(line, "undecodable", reason_format(&why, text, sizeof text));
			log_warning("%s: the body of its answer cannot be read: %s", a->peer, text);
			return;
		}
		if (body->kind == BODY_MITIGATION_SCOPE && body->n_scope == 1)
			put_scope(line, &body->scope[0]);
		dots_json_write(body, line);
		return;
	}
	json_t *text = json_stringn((const char *)r->payload, r->payload_len);   /* NULL when it is not UTF-8 */
	if (text)
		json_put(line, "diagnostic", text);
}

void tell_answer(const struct answer *a, struct body *body)
{
	char code[8];
	body_init(body);
	json_t *line = line_about("response", a->ref, a->part, a->parts, a->peer, a->cuid, a->mid);
	json_put_string(line, "method", a->method);
	json_put_string(line, "resource", a->resource);
	json_put_string(line, "code", code_text(a->response->code, code));
	json_put_string(line, "text", code_name(a->response->code));
	if (a->response->max_age >= 0)
		json_put_int(line, "max-age", a->response->max_age);
	json_put_string(line, "warning", a->warning);
	put_payload(line, a, body);
	console_tell_all(a->agent, a->asked, line);
}

/* CH-22: a hint only, since IPv6 needs none and a whole host may be meant. */
static const char *lacks_ports(const struct mitigation *m)
{
	for (size_t i = 0; i < m->source_prefix.n; i++)
		if (m->source_prefix.v[i].family == 4 && !m->source_port.n && !m->source_icmp_type.n)
			return "an IPv4 source without source-port-range or source-icmp-type-range: the whole address is meant (RFC 9066, 5.3.1)";
	return NULL;
}

static const char *doubts(const struct entry *e)
{
	if (e->merged)
		return "asked for together with what has a target in common (overlap strict): every source, port and protocol of them towards every target of them";
	return e->router->dialled ? NULL : lacks_ports(&e->asked);
}

void tell_entry_answer(struct entry *e, const char *method, const struct response *r, struct body *body)
{
	bool first = e->state == ENTRY_ASKING;
	struct answer a = {
		.agent = e->router->agent, .asked = e->console, .peer = e->router->name, .ref = e->ref, .cuid = e->router->cuid,
		.method = method, .resource = "mitigate", .warning = first ? doubts(e) : NULL, .part = e->part, .parts = e->parts, .mid = e->mid, .response = r,
	};
	tell_answer(&a, body);
}

static const char *transport_word(enum transport t)
{
	return t == TRANSPORT_UDP ? "udp" : "tcp";
}

void tell_session(struct agent *a, const char *event, const char *peer, const struct channel *c, const char *why)
{
	static const char *const kinds[] = { [IDENTITY_NONE] = "none", [IDENTITY_PSK] = "psk", [IDENTITY_X509] = "certificate", [IDENTITY_RAWPK] = "raw-key" };
	char address[64];
	json_t *line = envelope_new("session");
	json_put_string(line, "event", event);
	json_put_string(line, "peer", peer);
	if (c) {
		json_put_string(line, "transport", transport_word(c->transport));
		json_put_string(line, "address", sockaddr_format(&c->remote, address));
		json_put_string(line, "identity", c->peer.name);
		json_put_string(line, "credential", kinds[c->peer.kind]);
		json_put(line, "resumed", json_boolean(c->resumed));
		if (c->call_out)
			json_put(line, "dialled", json_true());
	}
	json_put_string(line, "why", why);
	console_tell_all(a, NULL, line);
}

/* Of this second's budget: a flood of bad handshakes is no flood of lines. */
static bool may_tell(struct agent *a)
{
	int64_t second = loop_now(a->loop) / 1000;
	if (second != a->refused_second) {
		if (a->refused_kept)
			log_warning("%u more handshakes were refused in one second", a->refused_kept);
		a->refused_second = second;
		a->refused_told = a->refused_kept = 0;
	}
	if (a->refused_told++ < REFUSED_PER_SECOND)
		return true;
	a->refused_kept++;
	return false;
}

static void tell_stranger(struct agent *a, const char *event, const char *address, enum transport transport, const char *identity, const char *why)
{
	if (!may_tell(a))
		return;
	json_t *line = envelope_new("session");
	json_put_string(line, "event", event);
	json_put_string(line, "transport", transport_word(transport));
	json_put_string(line, "address", address);
	json_put_string(line, "identity", identity);
	json_put_string(line, "why", why);
	console_tell_all(a, NULL, line);
}

void tell_refused(struct agent *a, const struct sockaddr_storage *remote, enum transport transport, const char *identity, const char *why)
{
	char address[64];
	tell_stranger(a, "refused", sockaddr_format(remote, address), transport, identity, why);
}

void tell_penalised(struct agent *a, const struct sockaddr_storage *remote, enum transport transport, const char *why)
{
	char address[PREFIX_TEXT_MAX];
	struct prefix p;
	if (sockaddr_prefix(remote, &p, NULL) < 0)
		return;
	p = prefix_make(p.family, p.addr, p.family == 4 ? 32 : 64);
	tell_stranger(a, "penalised", prefix_is_host(&p) ? addr_format(&p, address) : prefix_format(&p, address), transport, NULL, why);
}
