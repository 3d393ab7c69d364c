/* SPDX-License-Identifier: GPL-3.0-or-later */
/* help - what the prompt explains of its commands. */
#ifndef CLIENT_HELP_H
#define CLIENT_HELP_H

#include "base/buf.h"

/* One command and its options; all commands when it is NULL or none. Ends with a NUL. */
void help_text(const char *command, struct buf *out);

#endif
