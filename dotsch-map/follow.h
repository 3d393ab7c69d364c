/* SPDX-License-Identifier: GPL-3.0-or-later */
/* follow - tells when one of a few files has been replaced or written (inotify). */
#ifndef MAP_FOLLOW_H
#define MAP_FOLLOW_H

#include "base/loop.h"

struct follow;

/* cb from the loop, once for a burst of changes. NULL with errno. */
struct follow *follow_new(struct loop *l, void (*cb)(void *arg), void *arg);
void follow_free(struct follow *f);     /* NULL allowed */
/* The folder is watched, so that a file which is renamed into place is seen; and that of the file which a link leads to. 0, or -1 with errno. */
int follow_add(struct follow *f, const char *path);

#endif
