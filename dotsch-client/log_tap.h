/* SPDX-License-Identifier: GPL-3.0-or-later */
/* log_tap - standard error, where it is the terminal of a prompt, passes through here: whole lines to who owns the screen. */
#ifndef CLIENT_LOG_TAP_H
#define CLIENT_LOG_TAP_H

#include "base/loop.h"

struct log_tap;

/* NULL: standard error is no terminal, or it cannot be done; then the log goes where it went. */
struct log_tap *log_tap_open(struct loop *l, void (*line)(void *arg, const char *text), void *arg);
/* Standard error is what it was, and what had not been shown is written there. NULL allowed. */
void log_tap_close(struct log_tap *t);

#endif
