/* SPDX-License-Identifier: GPL-3.0-or-later */
/* private - what the two halves of the store share: the loop's side and the writer's. */
#ifndef STORE_PRIVATE_H
#define STORE_PRIVATE_H

#include <pthread.h>
#include <sqlite3.h>

#include "store/store.h"

struct store_row { sqlite3_stmt *stmt; };

#define STORE_MAX_STATEMENTS 32      /* different statements of one program */
#define STORE_WHY_MAX 200

struct statement {
	struct statement *next;
	const char *sql;
	size_t n;
	struct store_value v[];      /* followed by the copied bytes */
};

struct store_txn {
	struct store *store;
	struct store_txn *next;
	struct statement *first, **last;
	bool failed, ok;
	char why[STORE_WHY_MAX];
	void (*done)(void *arg, bool ok, const char *why);
	void *arg;
};

struct queue { struct store_txn *first, **last; };

struct store {
	struct loop *loop;
	struct loop_fd wake;
	int event;                   /* eventfd: the writer has finished something */
	size_t pending;
	sqlite3 *reader;
	pthread_t thread;
	bool started;
	/* Under the lock. */
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct queue todo, finished;
	bool stop;
	/* The writer's own. */
	sqlite3 *writer;
	struct { const char *sql; sqlite3_stmt *stmt; } cache[STORE_MAX_STATEMENTS];
	size_t n_cache;
};

void queue_init(struct queue *q);
void queue_put(struct queue *q, struct store_txn *t);
/* Moves everything over; the source is empty afterwards. */
struct store_txn *queue_take(struct queue *q);

int store_bind(sqlite3_stmt *stmt, const struct store_value *v, size_t n);    /* SQLITE_OK or what went wrong */
void *store_writer(void *store);                                             /* the thread */

#endif
