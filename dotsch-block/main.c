/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "base/cli.h"
#include "base/priv.h"
#include "block.h"
#include "show.h"

int main(int argc, char **argv)
{
	struct options o;
	priv_init();
	int status = EXIT_USAGE;
	if (options_parse(argc, argv, &o) == 0)
		status = !o.command ? block_run(&o) : !strcmp(o.command, "show") ? show_run(&o) : !strcmp(o.command, "flush") ? flush_run(&o) : check_run(&o);
	options_free(&o);
	return cli_finish(status);
}
