/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "help.h"

#include "words.h"

static void all(struct buf *out)
{
	const char *name;
	for (size_t i = 0; (name = words_command(i)); i++)
		buf_printf(out, "  %-10s %s\n", name, words_help(name));
	buf_printf(out, "  %-10s %s\n  %-10s %s\n", "help", "this list, or the options of one command", "quit", "leave");
	buf_text(out, "Tab completes commands, options, peers and mids; ? explains what is being typed. A line that begins with { is taken as it stands.");
}

static void one(const char *name, struct buf *out)
{
	char what;
	const char *option;
	buf_printf(out, "%s %s\n  %s\n  options:", name, words_usage(name), words_help(name));
	for (size_t i = 0; (option = words_option(name, i, &what)); i++)
		buf_printf(out, " %s", option);
}

void help_text(const char *command, struct buf *out)
{
	if (command && words_usage(command))
		one(command, out);
	else
		all(out);
	buf_u8(out, '\0');
}
