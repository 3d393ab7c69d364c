/* SPDX-License-Identifier: GPL-3.0-or-later */
/* options - what the command line asks for. */
#ifndef MAP_OPTIONS_H
#define MAP_OPTIONS_H

#include <stdbool.h>

#include "load.h"
#include "rewrite.h"

#define OPTIONS_MAX_SOURCES 64

struct options {
	struct load_source nat[OPTIONS_MAX_SOURCES];
	size_t n_nat;
	const char *snapshots[OPTIONS_MAX_SOURCES];
	size_t n_snapshots;
	bool conntrack, follow, json, has_captured, has_attack, has_zone;
	unsigned zone;
	int64_t captured, attack;
	const char *leases, *output;
	struct rewrite_rules rules;
};

enum command { COMMAND_FILTER, COMMAND_LOOKUP, COMMAND_COMPILE, COMMAND_EXPORT };

/* Parses everything. The command's operands are argv[*operand] and on. 0, or the exit code of a wrong command line, already told. */
int options_parse(int argc, char **argv, struct options *o, enum command *command, int *operand);

/* The files of tables, for --follow; NULL past the end. */
const char *options_file(const struct options *o, size_t i);

#endif
