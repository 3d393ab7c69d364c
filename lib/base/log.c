/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *log_name = "dotsch";
static enum log_level log_threshold = LOG_LEVEL_INFO;
static int log_journal;

void log_init(const char *name, enum log_level level)
{
	log_name = name;
	log_threshold = level;
	log_journal = getenv("JOURNAL_STREAM") != NULL;
}

void log_set_level(enum log_level level)
{
	log_threshold = level;
}

enum log_level log_get_level(void)
{
	return log_threshold;
}

static void __attribute__((format(printf, 2, 0))) log_write(enum log_level level, const char *fmt, va_list ap)
{
	static const char *const words[] = { "error", "warning", "info", "debug" };
	static const char *const prefixes[] = { "<3>", "<4>", "<6>", "<7>" };
	if (level > log_threshold)
		return;
	int saved = errno;
	char text[1024], line[1200];
	vsnprintf(text, sizeof text, fmt, ap);
	for (char *p = text; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	int n;
	if (log_journal) {
		n = snprintf(line, sizeof line, "%s%s\n", prefixes[level], text);
	} else {
		n = snprintf(line, sizeof line, "%s: %s%s%s\n", log_name, level == LOG_LEVEL_INFO ? "" : words[level],
		    level == LOG_LEVEL_INFO ? "" : ": ", text);
	}
	/* One write a line, so that the lines of several programs in a pipeline do not mix; there is nowhere to report a failure. */
	if (n > 0 && write(STDERR_FILENO, line, (size_t)n < sizeof line ? (size_t)n : sizeof line - 1) < 0)
		errno = saved;
	errno = saved;
}

#define LOG_FUNCTION(function, level)                     \
	void function(const char *fmt, ...)               \
	{                                                 \
		va_list ap;                               \
		va_start(ap, fmt);                        \
		log_write(level, fmt, ap);                \
		va_end(ap);                               \
	}
LOG_FUNCTION(log_error, LOG_LEVEL_ERROR)
LOG_FUNCTION(log_warning, LOG_LEVEL_WARNING)
LOG_FUNCTION(log_info, LOG_LEVEL_INFO)
LOG_FUNCTION(log_debug, LOG_LEVEL_DEBUG)
