/* SPDX-License-Identifier: GPL-3.0-or-later */
/* stage - what a filter does with a request: the provider's tables, or the router's conntrack. */
#ifndef MAP_STAGE_H
#define MAP_STAGE_H

#include "options.h"

struct stage_ops {
	/* Emits what becomes of a `mitigate` line and returns true; false: it passes as it is. */
	bool (*mitigate)(void *arg, struct envelope *e, rewrite_emit_fn *emit, void *emit_arg);
	/* A `withdraw` line, which passes in any case. */
	void (*withdraw)(void *arg, const struct envelope *e);
	/* Look whether the sources have changed. force: a signal asked for it. */
	void (*reload)(void *arg, bool force);
	void (*close)(void *arg);
};

struct stage { const struct stage_ops *ops; void *arg; };

/* 0, or -1 after an error was told. */
int stage_tables(const struct options *o, struct stage *s);
int stage_conntrack(const struct options *o, struct stage *s);

#endif
