/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/store.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"
#include "store/private.h"

struct store_value store_int(int64_t i)
{
	return (struct store_value){ .type = STORE_INT, .i = i };
}

struct store_value store_text(const char *s)
{
	return s == NULL ? (struct store_value){ .type = STORE_NULL } : (struct store_value){ .type = STORE_TEXT, .data = s, .len = strlen(s) };
}

struct store_value store_blob(const void *data, size_t len)
{
	return (struct store_value){ .type = STORE_BLOB, .data = data, .len = len };
}

/* A commit that has returned is on the disk, not only in the kernel: synchronous=FULL. */
static int open_one(const char *path, sqlite3 **db)
{
	int rc = sqlite3_open_v2(path, db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_busy_timeout(*db, 2000);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(*db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA journal_size_limit=4194304", NULL, NULL, NULL);
	return rc;
}

static int version_of(sqlite3 *db, int *version)
{
	sqlite3_stmt *stmt;
	int rc = sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &stmt, NULL);

	if (rc != SQLITE_OK)
		return rc;
	rc = sqlite3_step(stmt);
	*version = sqlite3_column_int(stmt, 0);
	sqlite3_finalize(stmt);
	return rc == SQLITE_ROW ? SQLITE_OK : rc;
}

static int migrate(sqlite3 *db, const char *const *schema, const char *path, struct reason *why)
{
	int version = 0, newest = 0, rc = version_of(db, &version);
	char set[64];

	while (schema[newest] != NULL)
		newest++;
	if (rc == SQLITE_OK && version > newest) {
		reason_set(why, 0, "state", "", "%s: made by a newer version of this program (%d, this one knows %d)", path, version, newest);
		return SQLITE_MISMATCH;
	}
	for (int i = version; i < newest && rc == SQLITE_OK; i++) {
		snprintf(set, sizeof(set), "PRAGMA user_version=%d; COMMIT", i + 1);
		rc = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
		if (rc == SQLITE_OK)
			rc = sqlite3_exec(db, schema[i], NULL, NULL, NULL);
		if (rc == SQLITE_OK)
			rc = sqlite3_exec(db, set, NULL, NULL, NULL);
	}
	if (rc != SQLITE_OK)
		reason_set(why, 0, "state", "", "%s: %s", path, sqlite3_errmsg(db));
	return rc;
}

/* Opens, checks and brings up to date. SQLITE_OK, or the error with *why; then *db is closed. */
static int prepare(const char *path, const char *const *schema, sqlite3 **db, struct reason *why)
{
	int rc = open_one(path, db);

	if (rc != SQLITE_OK)
		reason_set(why, 0, "state", "", "%s: %s", path, *db != NULL ? sqlite3_errmsg(*db) : "out of memory");
	else
		rc = migrate(*db, schema, path, why);
	if (rc != SQLITE_OK) {
		sqlite3_close(*db);
		*db = NULL;
	}
	return rc;
}

static int put_aside(const char *path, struct reason *why)
{
	static const char *const ends[] = { "", "-wal", "-shm" };
	char from[4096], to[4096];

	for (size_t i = 0; i < 3; i++) {
		if (snprintf(from, sizeof(from), "%s%s", path, ends[i]) >= (int)sizeof(from) ||
		    snprintf(to, sizeof(to), "%s.damaged%s", path, ends[i]) >= (int)sizeof(to))
			return reason_set(why, 0, "state", "", "the path is too long");
		if (rename(from, to) != 0 && errno != ENOENT)
			return reason_set(why, 0, "state", "", "%s: damaged, and cannot be put aside: %s", path, strerror(errno));
	}
	log_error("%s: damaged; it is kept as %s.damaged, and a new one is begun", path, path);
	return 0;
}

static void deliver(struct store *s)
{
	struct store_txn *all;

	pthread_mutex_lock(&s->lock);
	all = queue_take(&s->finished);
	pthread_mutex_unlock(&s->lock);
	while (all != NULL) {
		struct store_txn *t = all;

		all = t->next;
		s->pending--;
		if (t->done != NULL)
			t->done(t->arg, t->ok, t->why);
		while (t->first != NULL) {
			struct statement *st = t->first;

			t->first = st->next;
			free(st);
		}
		free(t);
	}
}

static void on_event(void *arg, uint32_t events)
{
	struct store *s = arg;
	uint64_t count;

	(void)events;
	if (read(s->event, &count, sizeof(count)) == sizeof(count))
		deliver(s);
}

/* No signal is this thread's business: the loop reads them from a descriptor. */
static int start_writer(struct store *s)
{
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&s->thread, NULL, store_writer, s);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	s->started = rc == 0;
	errno = rc;
	return rc == 0 ? 0 : -1;
}

struct store *store_open(struct loop *l, const char *path, const char *const *schema, struct reason *why)
{
	struct store *s = calloc(1, sizeof(*s));
	int rc;

	if (s == NULL) {
		reason_set(why, 0, "", "", "out of memory");
		return NULL;
	}
	s->loop = l;
	s->event = -1;
	queue_init(&s->todo);
	queue_init(&s->finished);
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->work, NULL);
	rc = prepare(path, schema, &s->writer, why);
	if ((rc == SQLITE_NOTADB || rc == SQLITE_CORRUPT) && put_aside(path, why) == 0)
		rc = prepare(path, schema, &s->writer, why);
	if (rc != SQLITE_OK || open_one(path, &s->reader) != SQLITE_OK)
		goto fail;
	s->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->event < 0 || loop_add(l, &s->wake, s->event, EPOLLIN, on_event, s) != 0 || start_writer(s) != 0) {
		reason_set(why, 0, "state", "", "%s", strerror(errno));
		goto fail;
	}
	return s;
fail:
	store_close(s);
	return NULL;
}

void store_close(struct store *s)
{
	if (s == NULL)
		return;
	if (s->started) {
		pthread_mutex_lock(&s->lock);
		s->stop = true;
		pthread_cond_signal(&s->work);
		pthread_mutex_unlock(&s->lock);
		pthread_join(s->thread, NULL);
		deliver(s);
	}
	loop_del(s->loop, &s->wake);
	if (s->event >= 0)
		close(s->event);
	sqlite3_close(s->reader);
	sqlite3_close(s->writer);
	pthread_cond_destroy(&s->work);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

struct store_txn *store_begin(struct store *s)
{
	struct store_txn *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->store = s;
	t->last = &t->first;
	return t;
}

void store_add(struct store_txn *t, const char *sql, const struct store_value *values, size_t n)
{
	size_t bytes = 0;
	struct statement *st;
	char *copy;

	for (size_t i = 0; i < n; i++)
		bytes += values[i].len;
	st = calloc(1, sizeof(*st) + n * sizeof(*values) + bytes);
	if (st == NULL) {
		t->failed = true;
		return;
	}
	st->sql = sql;
	st->n = n;
	copy = (char *)&st->v[n];
	for (size_t i = 0; i < n; i++) {
		st->v[i] = values[i];
		if (values[i].len == 0)
			continue;
		memcpy(copy, values[i].data, values[i].len);
		st->v[i].data = copy;
		copy += values[i].len;
	}
	*t->last = st;
	t->last = &st->next;
}

void store_commit(struct store_txn *t, void (*done)(void *arg, bool ok, const char *why), void *arg)
{
	struct store *s = t->store;

	t->done = done;
	t->arg = arg;
	s->pending++;
	pthread_mutex_lock(&s->lock);
	queue_put(&s->todo, t);
	pthread_cond_signal(&s->work);
	pthread_mutex_unlock(&s->lock);
}

size_t store_pending(const struct store *s)
{
	return s->pending;
}

int store_read(struct store *s, const char *sql, const struct store_value *values, size_t n, void (*row)(void *arg, const struct store_row *r), void *arg,
    struct reason *why)
{
	struct store_row r = { NULL };
	int rc = sqlite3_prepare_v2(s->reader, sql, -1, &r.stmt, NULL);

	if (rc == SQLITE_OK)
		rc = store_bind(r.stmt, values, n);
	if (rc == SQLITE_OK)
		while ((rc = sqlite3_step(r.stmt)) == SQLITE_ROW)
			row(arg, &r);
	if (rc != SQLITE_DONE)
		reason_set(why, 0, "state", "", "%s", sqlite3_errmsg(s->reader));
	sqlite3_finalize(r.stmt);
	return rc == SQLITE_DONE ? 0 : -1;
}

bool store_is_null(const struct store_row *r, int column)
{
	return sqlite3_column_type(r->stmt, column) == SQLITE_NULL;
}

bool store_is_text(const struct store_row *r, int column)
{
	return sqlite3_column_type(r->stmt, column) == SQLITE_TEXT;
}

int64_t store_column_int(const struct store_row *r, int column)
{
	return sqlite3_column_int64(r->stmt, column);
}

const char *store_column_text(const struct store_row *r, int column)
{
	const char *text = (const char *)sqlite3_column_text(r->stmt, column);

	return text != NULL ? text : "";
}

const void *store_column_blob(const struct store_row *r, int column, size_t *len)
{
	const void *data = sqlite3_column_blob(r->stmt, column);

	*len = (size_t)sqlite3_column_bytes(r->stmt, column);
	return data;
}
