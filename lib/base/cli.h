/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cli - command lines for people: one table per program gives parsing, --help and errors (design: command line). */
#ifndef BASE_CLI_H
#define BASE_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Exit codes of all four programs, in every man page. */
#define EXIT_DONE 0
#define EXIT_REFUSED 1       /* refused or failed */
#define EXIT_USAGE 100
#define EXIT_TROUBLE 111     /* system trouble */

struct cli_option {
	const char *name;        /* long name without dashes; NULL ends the table */
	char letter;             /* short form, 0 if none */
	const char *value;       /* placeholder of its value ("FILE"), NULL for a switch */
	const char *help;        /* one line */
};

struct cli_program {
	const char *name;
	const char *usage;       /* what follows the name, e.g. "-c FILE [-s SOCKET]"; several lines are joined by '\n' */
	const char *purpose;     /* one sentence */
	const struct cli_option *options;   /* without help, version, verbose, quiet, which every program has */
	const char *example;     /* lines shown at the end of --help */
};

/* Called once per option in order; value NULL for a switch. 0 goes on; -1 = a bad value, already told with cli_usage_error. */
typedef int cli_option_fn(void *arg, const char *name, const char *value);

/* Parses options up to the first operand (POSIX order). --help and --version print and exit 0; -v/-q set the log level; an unknown option tells and
   returns -1, then the caller returns EXIT_USAGE. On success returns the index of the first operand. Also calls log_init. */
int cli_parse(const struct cli_program *program, int argc, char **argv, cli_option_fn *fn, void *arg);
/* "dotsch-map: --nat: …; see dotsch-map --help" on stderr. Returns -1. */
int cli_usage_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* "5000-5010" or "5000", 0..max. 0, or -1. */
int cli_range(const char *text, uint32_t max, uint16_t *lower, uint16_t *upper);
/* A name (tcp, udp, icmp, ipv6-icmp, sctp, dccp, gre, esp, …) or 0..255. -1 if neither. */
int cli_protocol(const char *text);
/* The protocol's name, or its number as text. Static storage for numbers: the next call overwrites it. */
const char *cli_protocol_name(uint8_t protocol);

/* True when fd is a terminal (and, for colours, NO_COLOR is unset and TERM is not dumb). */
bool cli_terminal(int fd);
bool cli_colours(int fd);
/* Flushes stdout and turns a lost write into EXIT_TROUBLE with a message; use it as `return cli_finish(status)`. */
int cli_finish(int status);

#endif
