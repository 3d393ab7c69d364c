/* SPDX-License-Identifier: GPL-3.0-or-later */
/* complete - what may stand next in a command that is being typed. */
#ifndef CLIENT_COMPLETE_H
#define CLIENT_COMPLETE_H

#include "names.h"

#define COMPLETE_WORDS_MAX 256

/* Blanks divide; quotes, single or double, keep together. In place; at most COMPLETE_WORDS_MAX. Returns how many. */
int complete_split(char *text, char **words);

struct completion {
	char set;                /* 'c' commands, 'o' options, 'a' actions, 'p' peers, 'm' mids and refs; 0 = nothing we know */
	char command[64];        /* the one being typed; "" = none yet */
	size_t next;
};

/* For the word that begins at `start` of the line. */
void complete_begin(struct completion *c, const char *line, size_t start);
/* The next candidate that begins with `text`; malloc()ed, NULL at the end. */
char *complete_next(struct completion *c, const char *text, const struct names *peers, const struct names *mids);

#endif
