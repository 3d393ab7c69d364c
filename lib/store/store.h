/* SPDX-License-Identifier: GPL-3.0-or-later */
/* store - what must survive: a SQLite file with a writer thread of its own behind an eventfd, and group commit. The one door to SQLite. */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"
#include "base/reason.h"

struct store;
struct store_txn;
struct store_row;

enum store_type { STORE_NULL, STORE_INT, STORE_TEXT, STORE_BLOB };
struct store_value {
	enum store_type type;
	int64_t i;
	const void *data;            /* TEXT and BLOB; copied */
	size_t len;
};
struct store_value store_int(int64_t i);
struct store_value store_text(const char *s);            /* NULL becomes STORE_NULL */
struct store_value store_blob(const void *data, size_t len);

/* Opens or makes the file. schema: scripts, ended by NULL; the i-th takes the file from version i to i + 1. A file that is no database or is damaged is put
   aside as PATH.damaged, said so in the log, and a new one is begun. NULL with *why. */
struct store *store_open(struct loop *l, const char *path, const char *const *schema, struct reason *why);
/* Commits everything that is queued, and calls its callbacks from here. NULL allowed. */
void store_close(struct store *s);

/* A transaction: statements added in order, then committed; all of it or nothing. sql is static text, prepared once. A failed allocation is kept and
   fails the commit. */
struct store_txn *store_begin(struct store *s);          /* NULL out of memory */
void store_add(struct store_txn *t, const char *sql, const struct store_value *values, size_t n);
/* Takes t over. done (may be NULL) is called from the loop, in the order of the commits: ok = it is on disk; else why says what SQLite said. */
void store_commit(struct store_txn *t, void (*done)(void *arg, bool ok, const char *why), void *arg);
size_t store_pending(const struct store *s);             /* transactions whose done has not been called */

/* Reads at once, on the caller's thread: for the start and for people's questions. 0, or -1 with *why. */
int store_read(struct store *s, const char *sql, const struct store_value *values, size_t n, void (*row)(void *arg, const struct store_row *r), void *arg,
    struct reason *why);
/* Columns of a row, from 0; good during the callback. */
bool store_is_null(const struct store_row *r, int column);
bool store_is_text(const struct store_row *r, int column);
int64_t store_column_int(const struct store_row *r, int column);
const char *store_column_text(const struct store_row *r, int column);                 /* "" for NULL */
const void *store_column_blob(const struct store_row *r, int column, size_t *len);    /* NULL for NULL */

/* Somebody else's file, for look-ups from the loop: read only, one statement with one parameter, and no waiting for a writer. NULL with *why. */
struct store_reader;
struct store_reader *store_reader_open(const char *path, const char *sql, struct reason *why);
/* 1: found, and row called once; 0: none; -1: it cannot be read just now, *why says why. */
int store_reader_find(struct store_reader *r, const char *key, void (*row)(void *arg, const struct store_row *row), void *arg, struct reason *why);
void store_reader_close(struct store_reader *r);         /* NULL allowed */

#endif
