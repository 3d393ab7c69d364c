/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "redirect.h"

#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/host.h"
#include "dots/cbor.h"

void redirect_init(struct redirection *r)
{
	memset(r, 0, sizeof(*r));
}

void redirect_free(struct redirection *r)
{
	if (r == NULL)
		return;
	free(r->name);
	text_list_free(&r->hosts);
	redirect_init(r);
}

void redirect_arrive(struct redirect_met *met, const char *name, const struct prefix *address, int64_t now)
{
	snprintf(met->here.name, sizeof(met->here.name), "%s", name != NULL ? name : "");
	met->here.address = *address;
	met->here.at = now;
}

void redirect_leave(struct redirect_met *met, int64_t now)
{
	if (met->here.at == 0)
		return;
	met->left[met->next % REDIRECT_MET_MAX] = met->here;
	met->left[met->next++ % REDIRECT_MET_MAX].at = now;
	met->here.at = 0;
}

static bool lately(const struct redirect_place *p, int64_t now)
{
	return p->at != 0 && now - p->at < REDIRECT_MET_S * INT64_C(1000);
}

static bool among(const struct text_list *names, const char *name)
{
	for (size_t i = 0; i < names->n; i++)
		if (strcasecmp(names->v[i], name) == 0)
			return true;
	return false;
}

/* address NULL: whichever the name has. */
static bool is_place(const struct redirect_place *p, const struct peer_config *peer, const char *name, const struct prefix *address)
{
	bool named = p->name[0] != '\0' ? strcasecmp(p->name, name) == 0 : among(&peer->server_names, name) || among(&peer->addresses, name);

	return named && (address == NULL || prefix_equal(&p->address, address));
}

static bool was_met(const struct redirect_met *met, const struct peer_config *peer, const char *name, const struct prefix *address, int64_t now)
{
	if (met->here.at != 0 && is_place(&met->here, peer, name, address))
		return true;
	for (size_t i = 0; i < REDIRECT_MET_MAX; i++)
		if (lately(&met->left[i], now) && is_place(&met->left[i], peer, name, address))
			return true;
	return false;
}

/* Why we do not go there, or NULL. */
static const char *loop_fault(const struct requester *who, const struct redirect *to, int64_t now)
{
	size_t n_met = 0;

	if (who->met == NULL)
		return NULL;
	for (size_t i = 0; i < to->alt_ch_client_record.n; i++)
		n_met += was_met(who->met, who->peer, to->alt_ch_client, &to->alt_ch_client_record.v[i], now);
	if (to->alt_ch_client_record.n > 0 ? n_met == to->alt_ch_client_record.n : was_met(who->met, who->peer, to->alt_ch_client, NULL, now))
		return "we were there within the last five minutes";
	return lately(&who->met->left[who->met->next % REDIRECT_MET_MAX], now) ? "we were sent on too often within the last five minutes" : NULL;
}

static int read_body(const struct message *m, struct body *body, struct reason *why)
{
	const struct redirect *r = &body->redirect;
	const char *fault;

	if (m->content_format != CONTENT_FORMAT_DOTS_CBOR)
		return reason_set(why, CODE_UNSUPPORTED_FORMAT, "Content-Format", "RFC 9132, 4.1", "%d: must be 271, application/dots+cbor", m->content_format);
	if (dots_cbor_decode(m->payload, m->payload_len, BODY_REQUEST, body, why) != 0)
		return -1;
	if (body->kind != BODY_REDIRECTED_SIGNAL)
		return reason_set(why, REASON_BAD_REQUEST, "redirected-signal", "RFC 9066, 5.2.2", "missing");
	if (r->alt_ch_client == NULL)
		return reason_set(why, REASON_BAD_REQUEST, "alt-ch-client", "RFC 9066, 5.2.2", "missing");
	fault = host_fault(r->alt_ch_client);
	if (fault != NULL)
		return reason_set(why, REASON_BAD_REQUEST, "alt-ch-client", "RFC 9066, 5.2.2", "\"%.80s\" cannot be dialled: %s", r->alt_ch_client, fault);
	if (r->alt_server != NULL || r->alt_server_record.n > 0)
		return reason_set(why, REASON_BAD_REQUEST, "alt-server", "RFC 9066, 5.2.2", "does not belong into a Call Home redirection");
	for (size_t i = 0; i < r->alt_ch_client_record.n; i++)
		if (prefix_forbidden(&r->alt_ch_client_record.v[i]) != NULL)
			return reason_set(why, REASON_BAD_REQUEST, "alt-ch-client-record", "RFC 9066, 5.2.2", "a %s address cannot be dialled",
			    prefix_forbidden(&r->alt_ch_client_record.v[i]));
	return 0;
}

static int take(const struct redirect *from, struct redirection *out)
{
	char text[PREFIX_TEXT_MAX];

	out->name = strdup(from->alt_ch_client);
	out->ttl = from->has_ttl ? from->ttl : 0;
	if (out->name == NULL)
		return -1;
	for (size_t i = 0; i < from->alt_ch_client_record.n; i++) {
		addr_format(&from->alt_ch_client_record.v[i], text);
		if (text_list_add(&out->hosts, text, strlen(text)) != 0)
			return -1;
	}
	return out->hosts.n > 0 ? 0 : text_list_add(&out->hosts, out->name, strlen(out->name));
}

void redirect_request(const struct message *m, const struct requester *who, int64_t now, struct reply *reply)
{
	struct redirection *out = who->redirection;
	const char *fault;
	struct reason why;
	struct body body;

	redirect_init(out);
	if (m->code != METHOD_PUT) {
		reply_text(reply, CODE_METHOD_NOT_ALLOWED, "redirect takes PUT (RFC 9066, 5.2.2)");
		return;
	}
	body_init(&body);
	if (read_body(m, &body, &why) != 0) {
		reply_refuse(reply, &why);
	} else if ((fault = loop_fault(who, &body.redirect, now)) != NULL) {
		reply_text(reply, REASON_BAD_REQUEST, "alt-ch-client: \"%.80s\": %s (RFC 9132, 4.6)", body.redirect.alt_ch_client, fault);
	} else if (take(&body.redirect, out) != 0) {
		redirect_free(out);
		reply_unavailable(reply, 60, "out of memory");
	} else {
		reply_empty(reply, CODE_CREATED);
	}
	body_free(&body);
}
