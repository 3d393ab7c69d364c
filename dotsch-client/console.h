/* SPDX-License-Identifier: GPL-3.0-or-later */
/* console - where commands come from and lines go to: stdin and stdout, the REPL, a connection of the control socket, a sub-command. */
#ifndef CLIENT_CONSOLE_H
#define CLIENT_CONSOLE_H

#include "base/json.h"
#include "base/loop.h"

struct agent;

/* Embedded in its owner. The owner fills in the first part, the rest belongs to console.c. */
struct console {
	/* One line. text is its JSON (no LF). */
	void (*write)(struct console *c, const json_t *line, const char *text, size_t len);
	/* The input has ended and everything asked has been answered, or the time for it is over; status is an exit code. May free the console. */
	void (*finished)(struct console *c, int status);
	bool own_only;                       /* wants the lines about its own requests only */
	int64_t wait_s;                      /* how long to wait for "blocked" (status 2) once input has ended; -1 = the peer's answer is enough */

	struct agent *agent;
	struct console *next;
	struct loop_timer deadline, settle;
	unsigned owed;                       /* requests without their final answer */
	bool ended, failed, over;
	json_t *unfinished;                  /* once its time has run out: what it waited for, as `request` lines (requests_unfinished); else NULL */
};

void console_add(struct agent *a, struct console *c);
void console_remove(struct console *c);      /* forgets what it asked for; the requests themselves go on. Harmless when not added */
/* No more commands will come. */
void console_end(struct console *c);
/* A request was taken on, and was answered. NULL is allowed: its console has gone. */
void console_owe(struct console *c);
void console_paid(struct console *c, bool good);

/* Every line leaves through one of these; `line` is released. To the one who asked (NULL = has gone), or to all who want to hear. */
void console_tell(struct console *c, json_t *line);
void console_tell_all(struct agent *a, struct console *asked, json_t *line);
/* An `error` line to the one who asked; its exit status becomes "refused". */
void console_error(struct console *c, json_t *line);

#endif
