/* SPDX-License-Identifier: GPL-3.0-or-later */
/* line - lines in and out of descriptors, bounded both ways, without blocking (dotsch-lines(5)). */
#ifndef BASE_LINE_H
#define BASE_LINE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/loop.h"

struct line_in;
struct line_out;

struct line_in_ops {
	/* One line without its LF; text[len] is NUL and text may be changed, but is gone after the call. */
	void (*line)(void *arg, char *text, size_t len);
	/* A line of more than LINE_MAX_BYTES was skipped; number counts from 1. */
	void (*too_long)(void *arg, unsigned long number);
	/* End of input, or a read error (error = errno, 0 at the end). A last line without LF is delivered before. */
	void (*end)(void *arg, int error);
	/* All lines that have come are delivered: what a burst of them has put off is due. NULL = not interested. */
	void (*lull)(void *arg);
};

/* A line of nothing but blanks, which every reader passes over without an answer (dotsch-lines(5)). */
bool line_blank(const char *text, size_t len);

/* fd stays the caller's. NULL with errno on failure. ops must outlive it. */
struct line_in *line_in_new(struct loop *l, int fd, const struct line_in_ops *ops, void *arg);
void line_in_free(struct line_in *in);             /* NULL allowed; may be called from its own callbacks */
void line_in_pause(struct line_in *in, bool pause);  /* back-pressure: while paused nothing is read or delivered */
unsigned long line_in_number(const struct line_in *in);   /* the number of the line being delivered, from 1 */

/* fd stays the caller's. A pipe or socket is made non-blocking for its lifetime; a terminal or file is written blocking. */
struct line_out *line_out_new(struct loop *l, int fd);
void line_out_free(struct line_out *out);          /* drops what is pending; NULL allowed */
/* Queues text and an LF, and writes what the kernel takes at once. False when the bound LINE_OUT_MAX would be passed, memory is out, or
   the reader is gone: the line was not taken. */
bool line_out_write(struct line_out *out, const char *text, size_t len);
size_t line_out_pending(const struct line_out *out);   /* bytes not yet taken by the kernel */
bool line_out_broken(const struct line_out *out);      /* EPIPE or another write error; errno kept in line_out_error */
int line_out_error(const struct line_out *out);
/* cb when all pending bytes are out, and once when the reader goes away. */
void line_out_on_drain(struct line_out *out, void (*cb)(void *arg), void *arg);
/* Writes everything pending, waiting for the reader at most timeout_ms: for the end of a program. True when all is out. */
bool line_out_flush(struct line_out *out, int timeout_ms);

#endif
