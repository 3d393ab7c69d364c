/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dotsch-map - from an address in the attack log to the one host behind it. */
#include "base/cli.h"
#include "base/priv.h"
#include "filter.h"
#include "lookup.h"

static int run(const struct options *o, enum command command, char **operands, int n)
{
	switch (command) {
	case COMMAND_LOOKUP:
		return lookup_run(o, operands, n);
	case COMMAND_COMPILE:
		return compile_run(o);
	case COMMAND_EXPORT:
		return export_run(o);
	default:
		return filter_run(o);
	}
}

int main(int argc, char **argv)
{
	static struct options o;
	enum command command;
	int operand;
	priv_init();
	int status = options_parse(argc, argv, &o, &command, &operand);
	if (status == 0)
		status = run(&o, command, argv + operand, argc - operand);
	prefix_list_free(&o.rules.direct);
	return cli_finish(status);
}
