/* SPDX-License-Identifier: GPL-3.0-or-later */
/* repl - typing on a terminal, with history and completion; the one door to readline. */
#ifndef SERVERD_REPL_H
#define SERVERD_REPL_H

/* One typed line, without its end; NULL: the end of input. */
typedef void repl_line_fn(void *arg, char *line);

void repl_begin(const char *prompt, repl_line_fn *fn, void *arg);
void repl_end(void);
void repl_readable(void);                    /* stdin has something */
/* Text above the prompt, without tearing what is being typed. */
void repl_print(const char *text);
/* Offers a word for completion after the commands that take a mitigation. */
void repl_offer(const char *word);

#endif
