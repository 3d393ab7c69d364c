/* SPDX-License-Identifier: GPL-3.0-or-later */
/* options - the command line of dotsch-block. */
#ifndef BLOCK_OPTIONS_H
#define BLOCK_OPTIONS_H

#include "base/addr.h"
#include "plan.h"

#define MAX_DEVICES 64

struct options {
	const char *table, *policy_file;
	enum hook hook;
	struct action action;
	int64_t interval, stopped_after;     /* seconds */
	bool drop_fragments, shared, no_sandbox, check, json, watch;
	const char *device[MAX_DEVICES];     /* for the ingress hook */
	size_t n_devices;
	struct prefix_list never, allowed;
	const char *command;                 /* NULL: run; show, flush, check */
};

/* 0; or -1 after telling the user (EXIT_USAGE). */
int options_parse(int argc, char **argv, struct options *out);
void options_free(struct options *o);
/* 192.168.1.77/24 would be the whole /24, which is hardly what somebody meant who wrote down a host: -1 with *why. p: what prefix_parse made of the text. */
int options_whole_prefix(const char *name, const char *text, const struct prefix *p, struct reason *why);

#endif
