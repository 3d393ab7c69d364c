/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pipeline - the ring of --exec: the administrator's own shell pipeline with both its ends connected, started again when one of its programs dies. */
#ifndef SERVERD_PIPELINE_H
#define SERVERD_PIPELINE_H

#include "base/json.h"
#include "base/loop.h"

struct pipeline;

struct pipeline_ops {
	void (*line)(void *arg, char *text, size_t len);     /* one line it wrote */
	void (*too_long)(void *arg, unsigned long number);
};

/* Starts each program of the pipeline with `sh -c`. NULL with errno when it cannot be started at all. */
struct pipeline *pipeline_new(struct loop *l, const char *command, const struct pipeline_ops *ops, void *arg);
/* Takes the reference. False: not taken, because it is not running or does not keep up. What is lost so is asked for again by `sync`. */
bool pipeline_write(struct pipeline *p, json_t *line);
size_t pipeline_pending(const struct pipeline *p);           /* bytes it has not read yet */
/* End of input for it, then at most timeout_ms for it to finish by itself, then SIGTERM to its process group, then SIGKILL. NULL allowed. */
void pipeline_free(struct pipeline *p, int timeout_ms);

#endif
