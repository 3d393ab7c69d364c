/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "enforce.h"

void reconcile_want(struct block *b)
{
	json_t *line = envelope_new("sync");
	json_put(line, "want", json_true());
	envelope_send(b->out, line);
}

struct leftover *reconcile_find(struct block *b, const struct entry *e)
{
	for (size_t i = 0; i < kernel_leftovers(b->kernel); i++)
		if (!memcmp(kernel_leftover(b->kernel, i)->mark.key, e->key, sizeof e->key))
			return kernel_leftover(b->kernel, i);
	return NULL;
}

size_t reconcile_hosts(struct block *b, const struct entry *e, struct host **out)
{
	const struct leftover *old = reconcile_find(b, e);
	struct reason why;
	size_t n = 0;
	*out = NULL;
	if (!old || old->closed || !old->mark.device || old->mark.request != e->request)
		return 0;
	if (kernel_leftover_hosts(b->kernel, old, out, &n, &why) < 0) {
		log_warning("%s", why.text);
		return 0;
	}
	return n;
}

static void unname(void *arg, struct entry *e)
{
	(void)arg;
	e->named = false;
}

struct unnamed { struct entry **v; size_t n; };

static void note_unnamed(void *arg, struct entry *e)
{
	struct unnamed *u = arg;
	if (!e->named)
		u->v[u->n++] = e;
}

static void end_unnamed(struct block *b)
{
	struct unnamed u = { malloc((b->table.n + 1) * sizeof *u.v), 0 };
	if (!u.v) {
		log_warning("what the sync does not name stays until its lifetime ends: out of memory");
		return;
	}
	table_each(&b->table, note_unnamed, &u);
	enforce_end_all(b, u.v, u.n);
	for (size_t i = 0; i < u.n; i++)
		block_end(b, u.v[i]);
	free(u.v);
}

/* What the rules of an earlier run have counted until now belongs to the same mitigations. */
static void carry_counters(struct block *b)
{
	for (size_t i = 0; i < kernel_leftovers(b->kernel); i++) {
		const struct leftover *old = kernel_leftover(b->kernel, i);
		struct entry *e = table_find_key(&b->table, old->mark.key);
		if (e) {
			e->before_packets += old->packets;
			e->before_bytes += old->bytes;
		}
	}
}

void reconcile_line(struct block *b, struct envelope *e)
{
	const char *event = json_string_value(json_object_get(e->json, "event"));
	struct reason why;
	if (event && !strcmp(event, "begin")) {
		b->syncing = true;
		table_each(&b->table, unname, NULL);
	} else if (event && !strcmp(event, "end") && b->syncing) {
		b->syncing = false;
		end_unnamed(b);
		/* The rules of the earlier run may have followed a device to an address that no line names. */
		follow_unseen(b);
		if (kernel_count_leftovers(b->kernel, &why) < 0)
			log_warning("%s", why.text);
		carry_counters(b);
		if (kernel_drop_leftovers(b->kernel, &why) < 0)
			log_warning("removing the rules of an earlier run: %s", why.text);
	}
}
