/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "path.h"

#include <string.h>

#include "dots/validate.h"
#include "reply.h"

/* The value behind "name=", or NULL when the segment is another one. */
static const char *value_of(const char *segment, const char *name)
{
	size_t len = strlen(name);

	return strncmp(segment, name, len) == 0 && segment[len] == '=' ? segment + len + 1 : NULL;
}

static int no_resource(const struct message *m, struct reason *why)
{
	return reason_set(why, CODE_NOT_FOUND, "Uri-Path", "RFC 9132, 4.2", "no such resource%s%s; there are mitigate, config, redirect and hb under .well-known/dots",
	    m->n_path > 2 ? ": " : "", m->n_path > 2 ? m->path[2] : "");
}

static int find_resource(const struct message *m, struct target *out, struct reason *why)
{
	static const char *const names[] = { [RESOURCE_MITIGATE] = "mitigate", [RESOURCE_CONFIG] = "config", [RESOURCE_REDIRECT] = "redirect" };

	if (m->n_path < 3 || strcmp(m->path[0], ".well-known") != 0 || strcmp(m->path[1], "dots") != 0)
		return no_resource(m, why);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(m->path[2], names[i]) == 0) {
			out->resource = (enum resource)i;
			return 0;
		}
	return no_resource(m, why);
}

/* cdid, cuid, mid in this order (RFC 9132, 4.4.1); a cdid straight from a client is ignored (4.4.1.1). */
static int identifiers(const struct message *m, struct target *out, struct reason *why)
{
	unsigned stage = 0;

	for (size_t i = 3; i < m->n_path; i++) {
		const char *v;

		if ((v = value_of(m->path[i], "cdid")) != NULL && stage < 1) {
			stage = 1;
			if (*v == '\0')
				return reason_set(why, REASON_BAD_REQUEST, "cdid", "RFC 9132, 4.4.1", "empty");
		} else if ((v = value_of(m->path[i], "cuid")) != NULL && stage < 2) {
			stage = 2;
			if (validate_cuid(v, why) != 0)
				return -1;
			out->cuid = v;
		} else if ((v = value_of(m->path[i], "mid")) != NULL && stage < 3 && out->cuid != NULL) {
			stage = 3;
			if (validate_number("mid", v, &out->mid, why) != 0)
				return -1;
			out->has_mid = true;
		} else {
			return reason_set(why, REASON_BAD_REQUEST, "Uri-Path", "RFC 9132, 4.4.1", "\"%s\" is unknown, repeated or out of order; cuid= goes before mid=",
			    m->path[i]);
		}
	}
	return 0;
}

static int session_id(const struct message *m, struct target *out, struct reason *why)
{
	const char *v;

	if (m->n_path == 3)
		return 0;
	v = value_of(m->path[3], "sid");
	if (m->n_path > 4 || v == NULL)
		return reason_set(why, REASON_BAD_REQUEST, "Uri-Path", "RFC 9132, 4.5", "\"%s\": config takes sid= only", m->path[m->n_path > 4 ? 4 : 3]);
	if (validate_number("sid", v, &out->sid, why) != 0)
		return -1;
	out->has_sid = true;
	return 0;
}

static int queries(const struct message *m, struct target *out, struct reason *why)
{
	for (size_t i = 0; i < m->n_query; i++) {
		const char *v = value_of(m->query[i], "c");

		if (v == NULL || out->resource == RESOURCE_REDIRECT)
			return reason_set(why, REASON_BAD_REQUEST, "Uri-Query", "RFC 9132, 4.4.2", "\"%s\" is not supported here; c=a, c=c or c=n is", m->query[i]);
		if (strcmp(v, "a") == 0)
			out->content = CONTENT_ALL;
		else if (strcmp(v, "c") == 0)
			out->content = CONTENT_CONFIG;
		else if (strcmp(v, "n") == 0)
			out->content = CONTENT_NON_CONFIG;
		else
			return reason_set(why, REASON_BAD_REQUEST, "Uri-Query", "RFC 9132, 4.4.2", "\"%s\": must be c=a, c=c or c=n", m->query[i]);
	}
	return 0;
}

int path_parse(const struct message *m, struct target *out, struct reason *why)
{
	memset(out, 0, sizeof(*out));
	if (find_resource(m, out, why) != 0)
		return -1;
	if ((out->resource == RESOURCE_CONFIG ? session_id(m, out, why) : identifiers(m, out, why)) != 0)
		return -1;
	return queries(m, out, why);
}
