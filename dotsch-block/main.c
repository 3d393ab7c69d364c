/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "base/cli.h"
#include "base/priv.h"
#include "block.h"
#include "show.h"

static int run(const struct options *o)
{
	if (o->check)
		return policy_run(o);
	if (!o->command)
		return block_run(o);
	if (!strcmp(o->command, "show"))
		return show_run(o);
	return !strcmp(o->command, "flush") ? flush_run(o) : check_run(o);
}

int main(int argc, char **argv)
{
	struct options o;
	priv_init();
	int status = EXIT_USAGE;
	if (options_parse(argc, argv, &o) == 0)
		status = run(&o);
	options_free(&o);
	return cli_finish(status);
}
