/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/cli.h"
#include "base/priv.h"
#include "block.h"

int main(int argc, char **argv)
{
	struct options o;
	priv_init();
	int status = EXIT_USAGE;
	if (options_parse(argc, argv, &o) == 0)
		status = block_run(&o);
	options_free(&o);
	return cli_finish(status);
}
