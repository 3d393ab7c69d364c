/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "show.h"

#include <string.h>

#include "base/addr.h"
#include "base/cli.h"
#include "base/when.h"
#include "dots/json.h"

static const char *text(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	return s != NULL ? s : "";
}

static void prefixes(const struct prefix_list *l, struct buf *out)
{
	char p[PREFIX_TEXT_MAX];

	for (size_t i = 0; i < l->n && i < 3; i++)
		buf_printf(out, "%s%s", i > 0 ? "," : "", prefix_is_host(&l->v[i]) ? addr_format(&l->v[i], p) : prefix_format(&l->v[i], p));
	if (l->n > 3)
		buf_printf(out, " and %zu more", l->n - 3);
}

static void ranges(const char *what, const struct range_list *l, struct buf *out)
{
	for (size_t i = 0; i < l->n && i < 3; i++) {
		buf_printf(out, "%s%u", i > 0 ? "," : what, l->v[i].lower);
		if (l->v[i].upper != l->v[i].lower)
			buf_printf(out, "-%u", l->v[i].upper);
	}
}

static void request(const struct mitigation *m, struct buf *out)
{
	prefixes(&m->source_prefix, out);
	ranges(" port ", &m->source_port, out);
	buf_text(out, " > ");
	prefixes(&m->target_prefix, out);
	ranges(" port ", &m->target_port, out);
	for (size_t i = 0; i < m->target_protocol.n; i++)
		buf_printf(out, "%s%s", i > 0 ? "," : " ", cli_protocol_name(m->target_protocol.v[i]));
}

static void hosts(const json_t *line, struct buf *out)
{
	const json_t *list = json_object_get(line, "hosts");

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *h = json_array_get(list, i);

		buf_printf(out, "%s%s", i > 0 ? ", " : "\n    device: ", text(h, "address"));
		if (*text(h, "name") != '\0')
			buf_printf(out, " (%s)", text(h, "name"));
		if (*text(h, "mac") != '\0')
			buf_printf(out, " %s", text(h, "mac"));
	}
	if (json_is_array(list) && json_array_size(list) == 0)
		buf_text(out, "\n    device: not found");
	if (*text(line, "certainty") != '\0')
		buf_printf(out, ", %s", text(line, "certainty"));
}

static void mitigation(const json_t *line, struct buf *out)
{
	struct body body;
	char left[WHEN_TEXT_MAX];

	buf_printf(out, "%s/%lld  %s  ", text(line, "peer"), (long long)json_integer_value(json_object_get(line, "mid")), text(line, "state"));
	if (dots_json_read(line, &body, NULL) == 0 && body.n_scope == 1) {
		const struct mitigation *m = &body.scope[0];

		request(m, out);
		if (m->lifetime > 0)
			buf_printf(out, "  %s left", duration_format(m->lifetime, left));
		if (dots_status_label(m->status) != NULL)
			buf_printf(out, "  %s", dots_status_label(m->status));
		if (m->has_counters & 1u << COUNTER_PKTS)
			buf_printf(out, "  %llu packets dropped", (unsigned long long)m->counters[COUNTER_PKTS]);
	}
	body_free(&body);
	hosts(line, out);
	if (*text(line, "note") != '\0')
		buf_printf(out, "\n    %s", text(line, "note"));
	buf_text(out, "\n");
}

static void session(const json_t *line, struct buf *out)
{
	char left[WHEN_TEXT_MAX];

	buf_printf(out, "%s  %s", text(line, "peer"), text(line, "event"));
	if (*text(line, "address") != '\0')
		buf_printf(out, "  %s %s", strcmp(text(line, "transport"), "udp") == 0 ? "DTLS" : "TLS", text(line, "address"));
	if (json_is_true(json_object_get(line, "resumed")))
		buf_text(out, ", resumed");
	if (*text(line, "reason") != '\0')
		buf_printf(out, "  %s", text(line, "reason"));
	if (json_object_get(line, "retry") != NULL)
		buf_printf(out, "; tried again in %s", duration_format((uint32_t)json_integer_value(json_object_get(line, "retry")), left));
	buf_text(out, "\n");
}

static void audit(const json_t *line, struct buf *out)
{
	struct body body;

	buf_printf(out, "%s  %s/%lld  %s by %s", text(line, "time"), text(line, "peer"), (long long)json_integer_value(json_object_get(line, "mid")),
	    text(line, "event"), text(line, "by"));
	if (dots_json_read(line, &body, NULL) == 0 && body.n_scope == 1) {
		buf_text(out, "  ");
		request(&body.scope[0], out);
		if (body.scope[0].has_counters & 1u << COUNTER_PKTS)
			buf_printf(out, "  %llu packets dropped", (unsigned long long)body.scope[0].counters[COUNTER_PKTS]);
	}
	body_free(&body);
	if (*text(line, "note") != '\0')
		buf_printf(out, "  (%s)", text(line, "note"));
	buf_text(out, "\n");
}

void show_line(const json_t *line, struct buf *out)
{
	const char *type = text(line, "type");

	if (strcmp(type, "mitigation") == 0)
		mitigation(line, out);
	else if (strcmp(type, "session") == 0)
		session(line, out);
	else if (strcmp(type, "audit") == 0)
		audit(line, out);
	else if (strcmp(type, "error") == 0)
		buf_printf(out, "refused: %s%s%s\n", text(line, "field"), *text(line, "field") != '\0' ? ": " : "", text(line, "reason"));
}
