/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A file that belongs to somebody else: looked up in, never written, never put aside. */
#include <stdlib.h>

#include "store/private.h"

struct store_reader {
	sqlite3 *db;
	sqlite3_stmt *stmt;
};

struct store_reader *store_reader_open(const char *path, const char *sql, struct reason *why)
{
	struct store_reader *r = calloc(1, sizeof *r);
	if (!r) {
		reason_set(why, 0, "", "", "out of memory");
		return NULL;
	}
	int rc = sqlite3_open_v2(path, &r->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v3(r->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &r->stmt, NULL);
	if (rc != SQLITE_OK) {
		reason_set(why, 0, "", "", "%s: %s", path, r->db ? sqlite3_errmsg(r->db) : "out of memory");
		store_reader_close(r);
		return NULL;
	}
	return r;
}

int store_reader_find(struct store_reader *r, const char *key, void (*row)(void *arg, const struct store_row *row), void *arg, struct reason *why)
{
	const struct store_value v = store_text(key);
	const struct store_row found = { r->stmt };
	int rc = store_bind(r->stmt, &v, 1);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(r->stmt);
	if (rc == SQLITE_ROW)
		row(arg, &found);
	else if (rc != SQLITE_DONE)
		reason_set(why, 0, "", "", "%s", sqlite3_errmsg(r->db));
	sqlite3_reset(r->stmt);
	sqlite3_clear_bindings(r->stmt);
	return rc == SQLITE_ROW ? 1 : rc == SQLITE_DONE ? 0 : -1;
}

void store_reader_close(struct store_reader *r)
{
	if (!r)
		return;
	sqlite3_finalize(r->stmt);
	sqlite3_close(r->db);
	free(r);
}
