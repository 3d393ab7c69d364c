/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The writer's thread: takes all that waits, runs it as one transaction of SQLite, and hands it back. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "store/private.h"

void queue_init(struct queue *q)
{
	q->first = NULL;
	q->last = &q->first;
}

void queue_put(struct queue *q, struct store_txn *t)
{
	t->next = NULL;
	*q->last = t;
	q->last = &t->next;
}

struct store_txn *queue_take(struct queue *q)
{
	struct store_txn *all = q->first;

	queue_init(q);
	return all;
}

int store_bind(sqlite3_stmt *stmt, const struct store_value *v, size_t n)
{
	int rc = SQLITE_OK;

	for (size_t i = 0; i < n && rc == SQLITE_OK; i++) {
		int at = (int)i + 1;

		switch (v[i].type) {
		case STORE_NULL:
			rc = sqlite3_bind_null(stmt, at);
			break;
		case STORE_INT:
			rc = sqlite3_bind_int64(stmt, at, v[i].i);
			break;
		case STORE_TEXT:
			rc = sqlite3_bind_text64(stmt, at, v[i].data, v[i].len, SQLITE_STATIC, SQLITE_UTF8);
			break;
		case STORE_BLOB:
			rc = sqlite3_bind_blob64(stmt, at, v[i].data != NULL ? v[i].data : "", v[i].len, SQLITE_STATIC);
			break;
		}
	}
	return rc;
}

/* sql is static, so its address tells it. */
static sqlite3_stmt *prepared(struct store *s, const char *sql)
{
	sqlite3_stmt *stmt;

	for (size_t i = 0; i < s->n_cache; i++)
		if (s->cache[i].sql == sql)
			return s->cache[i].stmt;
	if (s->n_cache == STORE_MAX_STATEMENTS || sqlite3_prepare_v3(s->writer, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL) != SQLITE_OK)
		return NULL;
	s->cache[s->n_cache].sql = sql;
	s->cache[s->n_cache].stmt = stmt;
	s->n_cache++;
	return stmt;
}

static bool run(struct store *s, const struct statement *st)
{
	sqlite3_stmt *stmt = prepared(s, st->sql);
	int rc;

	if (stmt == NULL)
		return false;
	rc = store_bind(stmt, st->v, st->n);
	if (rc == SQLITE_OK)
		do
			rc = sqlite3_step(stmt);
		while (rc == SQLITE_ROW);
	if (rc != SQLITE_DONE) {
		sqlite3_reset(stmt);
		return false;
	}
	sqlite3_reset(stmt);
	sqlite3_clear_bindings(stmt);
	return true;
}

static bool simple(struct store *s, const char *sql)
{
	return sqlite3_exec(s->writer, sql, NULL, NULL, NULL) == SQLITE_OK;
}

static void fail(struct store_txn *t, const char *why)
{
	t->ok = false;
	snprintf(t->why, sizeof(t->why), "%s", why);
}

/* One transaction inside the group: alone in its failure, unless SQLite had to give up the whole group (disk full). */
static void run_one(struct store *s, struct store_txn *t)
{
	if (t->failed) {
		fail(t, "out of memory");
		return;
	}
	t->ok = simple(s, "SAVEPOINT one");
	for (const struct statement *st = t->first; st != NULL && t->ok; st = st->next)
		t->ok = run(s, st);
	if (!t->ok) {
		fail(t, sqlite3_errmsg(s->writer));
		simple(s, "ROLLBACK TO one");
	}
	simple(s, "RELEASE one");
}

static void run_group(struct store *s, struct store_txn *group)
{
	bool begun = simple(s, "BEGIN IMMEDIATE"), kept;
	char why[STORE_WHY_MAX];

	if (!begun)
		snprintf(why, sizeof(why), "%s", sqlite3_errmsg(s->writer));
	for (struct store_txn *t = group; t != NULL && begun && !sqlite3_get_autocommit(s->writer); t = t->next)
		run_one(s, t);
	/* In autocommit now: the group was rolled back behind our back. */
	kept = begun && !sqlite3_get_autocommit(s->writer) && simple(s, "COMMIT");
	if (kept)
		return;
	if (begun)
		snprintf(why, sizeof(why), "%s", sqlite3_errmsg(s->writer));
	if (!sqlite3_get_autocommit(s->writer))
		simple(s, "ROLLBACK");
	for (struct store_txn *t = group; t != NULL; t = t->next)
		fail(t, why);
}

static void hand_back(struct store *s, struct store_txn *group)
{
	uint64_t one = 1;

	pthread_mutex_lock(&s->lock);
	while (group != NULL) {
		struct store_txn *t = group;

		group = t->next;
		queue_put(&s->finished, t);
	}
	pthread_mutex_unlock(&s->lock);
	while (write(s->event, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

void *store_writer(void *store)
{
	struct store *s = store;

	for (;;) {
		struct store_txn *group;

		pthread_mutex_lock(&s->lock);
		while (s->todo.first == NULL && !s->stop)
			pthread_cond_wait(&s->work, &s->lock);
		group = queue_take(&s->todo);
		pthread_mutex_unlock(&s->lock);
		if (group == NULL)
			break;               /* stop, and nothing is left */
		run_group(s, group);
		hand_back(s, group);
	}
	for (size_t i = 0; i < s->n_cache; i++)
		sqlite3_finalize(s->cache[i].stmt);
	return NULL;
}
