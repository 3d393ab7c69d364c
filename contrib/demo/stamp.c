/* SPDX-License-Identifier: GPL-3.0-or-later */
/* stamp - copies lines from stdin to stdout and notes in a file when each was written: "1795391234.123456 LINE". */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/cli.h"
#include "packet.h"

static int no_option(void *arg, const char *name, const char *value)
{
	(void)arg, (void)name, (void)value;
	return 0;
}

int main(int argc, char **argv)
{
	static const struct cli_option options[] = { { 0 } };
	static const struct cli_program program = {
		.name = "stamp", .usage = "FILE", .options = options,
		.purpose = "Copies lines from stdin to stdout and notes in FILE when each was written.",
	};
	int at = cli_parse(&program, argc, argv, no_option, NULL), status = EXIT_DONE;
	if (at < 0 || argc - at != 1)
		return at < 0 ? EXIT_USAGE : (cli_usage_error("one file is wanted"), EXIT_USAGE);
	FILE *times = fopen(argv[at], "ae");
	if (!times) {
		perror(argv[at]);
		return EXIT_TROUBLE;
	}
	char *line = NULL;
	size_t room = 0;
	for (ssize_t n; status == EXIT_DONE && (n = getline(&line, &room, stdin)) > 0;) {
		int64_t now = packet_now_us();
		if (fwrite(line, 1, (size_t)n, stdout) != (size_t)n || fflush(stdout))
			status = EXIT_TROUBLE;
		fprintf(times, "%.6f %s", (double)now / 1e6, line);
		fflush(times);
	}
	free(line);
	fclose(times);
	return cli_finish(status);
}
