/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/when.h"
#include "snapshot.h"
#include "stage.h"

struct tables {
	const struct options *o;
	struct nat nat;
	struct table *v[OPTIONS_MAX_SOURCES + 1];
};

static void free_tables(struct table **v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		table_free(v[i]);
}

static void told(const struct reason *why)
{
	char text[400];
	log_error("%s", reason_format(why, text, sizeof text));
}

/* All --nat together make one table, each snapshot is one. */
static int load(const struct options *o, bool again, struct table **v, size_t *n)
{
	struct reason why;
	*n = 0;
	if (o->n_nat) {
		if (!(v[*n] = load_tables(o->nat, o->n_nat, again, &why))) {
			told(&why);
			return -1;
		}
		++*n;
	}
	for (size_t i = 0; i < o->n_snapshots; i++, ++*n)
		if (!(v[*n] = snapshot_open(o->snapshots[i], true, &why))) {
			told(&why);
			free_tables(v, *n);
			return -1;
		}
	return 0;
}

static bool on_mitigate(void *arg, struct envelope *e, rewrite_emit_fn *emit, void *emit_arg)
{
	struct tables *t = arg;
	return rewrite(&t->nat, &t->o->rules, e, when_wall_ms(), emit, emit_arg);
}

static void on_reload(void *arg, bool force)
{
	struct tables *t = arg;
	struct table *v[OPTIONS_MAX_SOURCES + 1];
	size_t n;
	(void)force;
	if (load(t->o, true, v, &n) < 0) {
		log_warning("the tables that were loaded before stay in use");
		return;
	}
	free_tables(t->v, t->nat.n);
	for (size_t i = 0; i < n; i++)
		t->v[i] = v[i];
	t->nat.n = n;
	log_info("the tables were read anew");
}

static void on_close(void *arg)
{
	struct tables *t = arg;
	free_tables(t->v, t->nat.n);
	free(t);
}

int stage_tables(const struct options *o, struct stage *s)
{
	static const struct stage_ops ops = { .mitigate = on_mitigate, .reload = on_reload, .close = on_close };
	struct tables *t = calloc(1, sizeof *t);
	if (!t || load(o, false, t->v, &t->nat.n) < 0) {
		free(t);
		return -1;
	}
	t->o = o;
	t->nat.tables = t->v;
	*s = (struct stage){ &ops, t };
	return 0;
}
