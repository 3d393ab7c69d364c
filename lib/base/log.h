/* SPDX-License-Identifier: GPL-3.0-or-later */
/* log - messages for people on stderr; stdout is data only. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* name: the program's, not copied. Under systemd (JOURNAL_STREAM) lines carry the sd-daemon level prefix instead of a time. */
void log_init(const char *name, enum log_level level);
void log_set_level(enum log_level level);
enum log_level log_get_level(void);

/* One line each; the newline is added, control characters are replaced. errno is left as it was. Never a secret. */
void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
