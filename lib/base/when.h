/* SPDX-License-Identifier: GPL-3.0-or-later */
/* when - clocks, RFC 3339 times and durations as text. */
#ifndef BASE_WHEN_H
#define BASE_WHEN_H

#include <stdint.h>

#define WHEN_TEXT_MAX 32

int64_t when_boot_ms(void);      /* CLOCK_BOOTTIME: what every timer uses; a step of the wall clock does not touch it */
int64_t when_span_us(void);      /* CLOCK_MONOTONIC, microseconds: how long something of ours takes */
int64_t when_wall_ms(void);      /* CLOCK_REALTIME, milliseconds since 1970: only for what people and other machines read */

/* "2026-11-22T23:28:07.123Z". Returns out. */
char *when_format(int64_t wall_ms, char out[WHEN_TEXT_MAX]);
/* RFC 3339 with any offset and any fraction. 0, or -1. */
int when_parse(const char *text, int64_t *wall_ms);

/* "90s", "30m", "1h", "2d", or a bare number of seconds; at most 2^32-1 seconds. Returns seconds, or -1. */
int64_t duration_parse(const char *text);
/* "90s", "30m", "1h", or "1h30m5s". Returns out. */
char *duration_format(int64_t seconds, char out[WHEN_TEXT_MAX]);

#endif
