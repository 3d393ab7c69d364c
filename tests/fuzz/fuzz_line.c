/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One line: read, written and read again it stays the same; refused, the answer is a line itself. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dots/envelope.h"
#include "dots/json.h"
#include "dots/validate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void refused(const struct reason *why, const struct envelope *e)
{
	json_t *line = envelope_error(why, e);
	size_t len;
	char *text = json_line_format(line, &len);
	struct envelope error;
	assert(text && !memchr(text, '\n', len) && !envelope_parse(text, len, &error, NULL) && error.type == LINE_ERROR);
	envelope_free(&error);
	free(text);
	json_decref(line);
}

static void written_again(const struct envelope *e)
{
	struct body again;
	struct reason why;
	json_t *first = json_object(), *second = json_object();
	dots_json_write(&e->body, first);
	assert(!dots_json_read(first, &again, &why));
	dots_json_write(&again, second);
	assert(json_equal(first, second));
	for (size_t i = 0; i < again.n_scope && i < 4; i++) {
		const struct validate_rules rules = { .call_home = true, .with_lifetime = true };
		const struct mitigation *m = &again.scope[i];
		struct mitigation copy;
		assert(!mitigation_copy(&copy, m) && mitigation_same(&copy, &e->body.scope[i]));
		if (m->target_prefix.n || m->target_fqdn.n || m->target_uri.n || m->alias_name.n)
			assert(mitigation_overlap(m, &copy));
		if (validate_request(m, &rules, &why))
			refused(&why, e);
		mitigation_free(&copy);
		envelope_lifetime_left(e, i, e->time + 1000);
	}
	body_free(&again);
	json_decref(first);
	json_decref(second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct envelope e;
	struct reason why = { 0 };
	char *text = malloc(size + 1);   /* a line has a NUL behind it */
	memcpy(text, data, size);
	text[size] = '\0';
	if (envelope_parse(text, size, &e, &why))
		refused(&why, &e);
	else if (e.type != LINE_UNKNOWN)
		written_again(&e);
	if (e.body.kind == BODY_MITIGATION_SCOPE && e.body.n_scope == 1)
		dots_json_write_mitigation(&e.body.scope[0], e.json);
	envelope_free(&e);
	free(text);
	return 0;
}
