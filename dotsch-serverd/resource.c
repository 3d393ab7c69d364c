/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "resource.h"

#include <string.h>

#include "mitigate.h"

static bool is_base(const struct requester *who)
{
	return who->peer->channel == CHANNEL_BASE;
}

/* Whoever calls us is sent elsewhere by a 5.03 of ours, and does not send us (RFC 9132, 4.6; RFC 9066, 5.2.2). */
static bool redirects(const struct core *core, const struct requester *who)
{
	return is_base(who) && core->settings->listen.redirect == REDIRECT_ALWAYS;
}

static void mitigate(struct core *core, const struct requester *who, const struct target *what, const struct message *m, struct moment at, struct outcome *o)
{
	switch (m->code) {
	case METHOD_PUT:
		mitigate_put(core, who, what, m, at, o);
		break;
	case METHOD_GET:
		mitigate_get(core, who, what, false, at, &o->reply);
		break;
	case METHOD_DELETE:
		mitigate_delete(core, who, what, at, o);
		break;
	default:
		reply_text(&o->reply, CODE_METHOD_NOT_ALLOWED, "mitigate takes PUT, GET and DELETE (RFC 9132, 4.4)");
	}
}

void resource_request(struct core *core, const struct requester *who, const struct message *m, struct moment at, struct outcome *o)
{
	struct target what;
	struct reason why;

	if (path_parse(m, &what, &why) != 0) {
		reply_refuse(&o->reply, &why);
		return;
	}
	if (what.resource == RESOURCE_REDIRECT && is_base(who))
		reply_text(&o->reply, CODE_NOT_FOUND, "redirect: only a Call Home client redirects (RFC 9066, 5.2.2)");
	else if (redirects(core, who) && m->code != METHOD_DELETE)
		reply_redirect(&o->reply, &core->settings->listen);
	else if (what.resource == RESOURCE_CONFIG)
		sigconfig_request(who->config, &what, m, &o->reply);
	else if (what.resource == RESOURCE_REDIRECT)
		redirect_request(m, who, at.now, &o->reply);
	else
		mitigate(core, who, &what, m, at, o);
	o->reply.observe = m->code == METHOD_GET && m->observe == 0 && o->reply.code == CODE_CONTENT;
}

void resource_render(struct core *core, const struct requester *who, const struct message *registered, struct moment at, struct reply *out)
{
	struct target what;
	struct reason why;

	if (path_parse(registered, &what, &why) != 0)
		reply_refuse(out, &why);
	else if (what.resource == RESOURCE_CONFIG)
		sigconfig_request(who->config, &what, registered, out);
	else if (what.resource == RESOURCE_MITIGATE)
		mitigate_get(core, who, &what, true, at, out);
	else
		reply_empty(out, CODE_NOT_FOUND);
	out->observe = out->code == CODE_CONTENT;
}

bool resource_observes_mitigation(void *observed, const struct message *registered)
{
	const struct observed *o = observed;
	struct target what;

	return path_parse(registered, &what, NULL) == 0 && what.resource == RESOURCE_MITIGATE && what.cuid != NULL && strcmp(what.cuid, o->cuid) == 0 &&
	    (!what.has_mid || what.mid == o->mid);
}

bool resource_observes_config(void *unused, const struct message *registered)
{
	struct target what;

	(void)unused;
	return path_parse(registered, &what, NULL) == 0 && what.resource == RESOURCE_CONFIG;
}
