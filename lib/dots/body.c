/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dots/body.h"

#include <stdlib.h>

void body_init(struct body *b)
{
	*b = (struct body){ .kind = BODY_EMPTY };
}

void body_free(struct body *b)
{
	if (!b)
		return;
	for (size_t i = 0; i < b->n_scope; i++)
		mitigation_free(&b->scope[i]);
	free(b->scope);
	free(b->redirect.alt_server);
	free(b->redirect.alt_ch_client);
	prefix_list_free(&b->redirect.alt_server_record);
	prefix_list_free(&b->redirect.alt_ch_client_record);
	body_init(b);
}

struct mitigation *body_add_scope(struct body *b)
{
	/* Room is always a power of two: one entry is the rule, thousands the answer to a GET of everything. */
	if ((b->n_scope & (b->n_scope - 1)) == 0) {
		struct mitigation *v = reallocarray(b->scope, b->n_scope ? b->n_scope * 2 : 1, sizeof *v);
		if (!v)
			return NULL;
		b->scope = v;
	}
	struct mitigation *m = &b->scope[b->n_scope++];
	mitigation_init(m);
	return m;
}
