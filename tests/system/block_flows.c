/* SPDX-License-Identifier: GPL-3.0-or-later */
/* block-flows TARGET: cuts all flows to this address, offloaded or not, and tells how many there were. */
#include <stdio.h>
#include <unistd.h>

#include "base/cli.h"
#include "flows.h"

static struct prefix target;
static unsigned n;

static bool wanted(void *arg, const struct flow *f)
{
	(void)arg;
	char source[PREFIX_TEXT_MAX], outside[PREFIX_TEXT_MAX];
	if (!prefix_equal(&f->target, &target))
		return false;
	n++;
	printf("%s %u %s %u %s\n", addr_format(&f->source, source), f->source_port, addr_format(&f->outside, outside), f->protocol, f->offloaded ? "offloaded" : "plain");
	return true;
}

int main(int argc, char **argv)
{
	struct loop *l = loop_new();
	if (argc != 2 || addr_parse(argv[1], &target) < 0)
		return EXIT_USAGE;
	struct flows *f = l ? flows_new(l, wanted, NULL) : NULL;
	if (!f)
		return EXIT_TROUBLE;
	flows_look(f);
	for (int i = 0; i < 1000 && flows_busy(f); i++)
		loop_step(l, 1000);
	flows_free(f);
	loop_free(l);
	return cli_finish(n ? EXIT_DONE : EXIT_REFUSED);
}
