/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/cli.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/log.h"

#define MAX_OPTIONS 64

static const char *program_name = "dotsch";

static const struct cli_option common[] = {
	{ "verbose", 'v', NULL, "say more on stderr (twice: debug)" },
	{ "quiet", 'q', NULL, "say only warnings and errors on stderr" },
	{ "help", 'h', NULL, "show this help" },
	{ "version", 'V', NULL, "show the version" },
	{ 0 },
};

int cli_usage_error(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	fprintf(stderr, "%s: ", program_name);
	vfprintf(stderr, fmt, ap);
	fprintf(stderr, "; see %s --help\n", program_name);
	va_end(ap);
	return -1;
}

static void print_options(const struct cli_option *o)
{
	for (; o->name; o++) {
		char left[64];
		int n = snprintf(left, sizeof left, o->letter ? "-%c, " : "    ", o->letter);
		snprintf(left + n, sizeof left - (size_t)n, "--%s%s%s", o->name, o->value ? " " : "", o->value ? o->value : "");
		printf("  %-26s %s\n", left, o->help);
	}
}

static void print_help(const struct cli_program *p)
{
	const char *line = p->usage, *end;
	do {
		end = strchr(line, '\n');
		printf("%s %s %.*s\n", line == p->usage ? "Usage:" : "      ", p->name, end ? (int)(end - line) : (int)strlen(line), line);
		line = end ? end + 1 : NULL;
	} while (line);
	printf("%s\n\nOptions:\n", p->purpose);
	print_options(p->options);
	print_options(common);
	if (p->example)
		printf("\nExample:\n%s\n", p->example);
}

static size_t add_options(const struct cli_option *from, struct option *to, size_t n, char *letters)
{
	for (; from->name && n < MAX_OPTIONS - 1; from++, n++) {
		to[n] = (struct option){ .name = from->name, .has_arg = from->value ? required_argument : no_argument, .val = from->letter ? from->letter : 256 + (int)n };
		if (from->letter) {
			size_t len = strlen(letters);
			letters[len++] = from->letter;
			if (from->value)
				letters[len++] = ':';
			letters[len] = '\0';
		}
	}
	return n;
}

int cli_parse(const struct cli_program *program, int argc, char **argv, cli_option_fn *fn, void *arg)
{
	struct option options[MAX_OPTIONS] = { 0 };
	char letters[2 * MAX_OPTIONS + 4] = "+:";
	int level = LOG_LEVEL_INFO;
	program_name = program->name;
	log_init(program->name, level);
	size_t own = add_options(program->options, options, 0, letters);
	size_t all = add_options(common, options, own, letters);
	opterr = 0;
	optind = 1;
	for (;;) {
		int at = optind;
		int c = getopt_long(argc, argv, letters, options, NULL);
		if (c == -1)
			break;
		if (c == ':')
			return cli_usage_error("%s needs a value", argv[at]);
		if (c == '?')
			return cli_usage_error("unknown option %s", argv[at]);
		size_t i = 0;
		while (i < all && options[i].val != c)
			i++;
		if (i < own) {
			if (fn(arg, options[i].name, optarg) < 0)
				return -1;
		} else if (c == 'v') {
			log_set_level((enum log_level)(level = level < LOG_LEVEL_DEBUG ? level + 1 : level));
		} else if (c == 'q') {
			log_set_level((enum log_level)(level = LOG_LEVEL_WARNING));
		} else if (c == 'h') {
			print_help(program);
			exit(cli_finish(EXIT_DONE));
		} else {
			printf("%s %s\n", program->name, DOTSCH_VERSION);
			exit(cli_finish(EXIT_DONE));
		}
	}
	return optind;
}

int cli_range(const char *text, uint32_t max, uint16_t *lower, uint16_t *upper)
{
	uint32_t v[2] = { 0, 0 };
	const char *p = text;
	int n = 0;
	for (;;) {
		size_t digits = strspn(p, "0123456789");
		if (!digits || digits > 5)
			return -1;
		v[n] = (uint32_t)strtoul(p, NULL, 10);
		p += digits;
		if (v[n] > max)
			return -1;
		if (!*p)
			break;
		if (n++ || *p++ != '-')
			return -1;
	}
	if (!n)
		v[1] = v[0];
	if (v[1] < v[0])
		return -1;
	*lower = (uint16_t)v[0];
	*upper = (uint16_t)v[1];
	return 0;
}

/* A fixed list instead of /etc/protocols, which small routers lack. */
static const struct {
	const char *name;
	uint8_t number;
} protocols[] = {
	{ "icmp", 1 }, { "igmp", 2 }, { "ipip", 4 }, { "tcp", 6 }, { "udp", 17 }, { "dccp", 33 }, { "ipv6", 41 }, { "gre", 47 }, { "esp", 50 },
	{ "ah", 51 }, { "ipv6-icmp", 58 }, { "icmpv6", 58 }, { "ospf", 89 }, { "sctp", 132 }, { "udplite", 136 },
};

int cli_protocol(const char *text)
{
	for (size_t i = 0; i < sizeof protocols / sizeof *protocols; i++)
		if (!strcasecmp(protocols[i].name, text))
			return protocols[i].number;
	uint16_t lower, upper;
	return cli_range(text, 255, &lower, &upper) == 0 && lower == upper ? lower : -1;
}

const char *cli_protocol_name(uint8_t protocol)
{
	static char number[4];
	for (size_t i = 0; i < sizeof protocols / sizeof *protocols; i++)
		if (protocols[i].number == protocol)
			return protocols[i].name;
	snprintf(number, sizeof number, "%u", protocol);
	return number;
}

bool cli_terminal(int fd)
{
	return isatty(fd);
}

bool cli_colours(int fd)
{
	const char *term = getenv("TERM"), *no = getenv("NO_COLOR");
	return isatty(fd) && !(no && *no) && term && strcmp(term, "dumb");
}

int cli_finish(int status)
{
	errno = 0;
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	if (errno != EPIPE)
		fprintf(stderr, "%s: error: stdout: %s\n", program_name, strerror(errno ? errno : EIO));
	return EXIT_TROUBLE;
}
