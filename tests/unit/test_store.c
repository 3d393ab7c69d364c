/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The store: what was committed is there again, all or nothing, in order, and after a kill at any moment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/store.h"

static const char *const schema[] = { "CREATE TABLE t(k INTEGER PRIMARY KEY, v TEXT, b BLOB)", NULL };
static const char INSERT[] = "INSERT INTO t VALUES(?,?,?)";

struct fixture { char dir[64], path[100]; struct loop *loop; struct store *store; };

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	snprintf(f->dir, sizeof(f->dir), "/tmp/dotsch-store-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->path, sizeof(f->path), "%s/db", f->dir);
	f->loop = loop_new();
	f->store = store_open(f->loop, f->path, schema, NULL);
	assert_non_null(f->store);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	static const char *const ends[] = { "", "-wal", "-shm", ".damaged", ".damaged-wal", ".damaged-shm" };
	struct fixture *f = *state;
	char path[128];

	store_close(f->store);
	loop_free(f->loop);
	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		snprintf(path, sizeof(path), "%s%s", f->path, ends[i]);
		unlink(path);
	}
	rmdir(f->dir);
	free(f);
	return 0;
}

struct seen { int done, ok; char why[200]; char order[100]; };
struct mark { struct seen *seen; char letter; };

static void on_done(void *arg, bool ok, const char *why)
{
	struct mark *m = arg;
	size_t n = strlen(m->seen->order);

	m->seen->done++;
	m->seen->ok += ok;
	if (n + 1 < sizeof(m->seen->order))
		m->seen->order[n] = m->letter;
	if (!ok)
		snprintf(m->seen->why, sizeof(m->seen->why), "%s", why);
}

static void insert(struct store_txn *t, int64_t k, const char *v)
{
	struct store_value values[] = { store_int(k), store_text(v), store_blob("\0\1\2", 3) };

	store_add(t, INSERT, values, 3);
}

static void wait_all(struct fixture *f)
{
	for (int i = 0; i < 5000 && store_pending(f->store) > 0; i++)
		loop_step(f->loop, 10);
	assert_int_equal(store_pending(f->store), 0);
}

static void count_row(void *arg, const struct store_row *r)
{
	*(int64_t *)arg = store_column_int(r, 0);
}

static int64_t count(struct store *s)
{
	int64_t n = -1;

	assert_int_equal(store_read(s, "SELECT count(*) FROM t", NULL, 0, count_row, &n, NULL), 0);
	return n;
}

static void one_row(void *arg, const struct store_row *r)
{
	size_t len;

	assert_string_equal(store_column_text(r, 0), "hello");
	assert_memory_equal(store_column_blob(r, 1, &len), "\0\1\2", 3);
	assert_int_equal(len, 3);
	assert_true(store_is_null(r, 2));
	assert_string_equal(store_column_text(r, 2), "");
	*(int *)arg += 1;
}

static void committed_is_there_again(void **state)
{
	struct fixture *f = *state;
	struct seen seen = { 0 };
	struct mark a = { &seen, 'a' }, b = { &seen, 'b' };
	struct store_txn *t = store_begin(f->store);
	struct store_value key = store_int(1);
	int rows = 0;

	insert(t, 1, "hello");
	store_commit(t, on_done, &a);
	t = store_begin(f->store);
	insert(t, 2, NULL);
	store_commit(t, on_done, &b);
	assert_int_equal(store_pending(f->store), 2);
	wait_all(f);
	assert_int_equal(seen.ok, 2);
	assert_string_equal(seen.order, "ab");
	store_close(f->store);
	f->store = store_open(f->loop, f->path, schema, NULL);
	assert_non_null(f->store);
	assert_int_equal(count(f->store), 2);
	assert_int_equal(store_read(f->store, "SELECT v, b, NULL FROM t WHERE k=?", &key, 1, one_row, &rows, NULL), 0);
	assert_int_equal(rows, 1);
}

static void all_or_nothing_and_alone_in_failure(void **state)
{
	struct fixture *f = *state;
	struct seen seen = { 0 };
	struct mark m = { &seen, 'x' };
	struct store_txn *t;

	for (int i = 0; i < 3; i++) {
		t = store_begin(f->store);
		insert(t, 10 + i, "good");
		if (i == 1)
			insert(t, 10, "the key is taken");
		store_commit(t, on_done, &m);
	}
	wait_all(f);
	assert_int_equal(seen.done, 3);
	assert_int_equal(seen.ok, 2);
	assert_non_null(strstr(seen.why, "UNIQUE"));
	assert_int_equal(count(f->store), 2);
}

static void close_commits_what_is_queued(void **state)
{
	struct fixture *f = *state;
	struct seen seen = { 0 };
	struct mark m = { &seen, 'x' };

	for (int i = 0; i < 50; i++) {
		struct store_txn *t = store_begin(f->store);

		insert(t, i, "x");
		store_commit(t, on_done, &m);
	}
	store_close(f->store);
	assert_int_equal(seen.ok, 50);
	f->store = store_open(f->loop, f->path, schema, NULL);
	assert_int_equal(count(f->store), 50);
}

static void full_disk_is_told_and_the_file_stays_good(void **state)
{
	struct fixture *f = *state;
	struct rlimit was, small;
	struct seen seen = { 0 };
	struct mark m = { &seen, 'x' };
	struct store_txn *t = store_begin(f->store);
	static char big[300000];

	insert(t, 1, "before");
	store_commit(t, on_done, &m);
	wait_all(f);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	small = was;
	small.rlim_cur = 100000;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	memset(big, 'x', sizeof(big) - 1);
	t = store_begin(f->store);
	insert(t, 2, big);
	store_commit(t, on_done, &m);
	wait_all(f);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	assert_int_equal(seen.done, 2);
	assert_int_equal(seen.ok, 1);
	assert_true(seen.why[0] != '\0');
	assert_int_equal(count(f->store), 1);
	t = store_begin(f->store);
	insert(t, 3, "after");
	store_commit(t, on_done, &m);
	wait_all(f);
	assert_int_equal(seen.ok, 2);
	assert_int_equal(count(f->store), 2);
}

static void damaged_file_is_put_aside(void **state)
{
	struct fixture *f = *state;
	char aside[128];
	struct stat st;
	FILE *file;

	store_close(f->store);
	file = fopen(f->path, "w");
	for (int i = 0; i < 1000; i++)
		fputs("this is no database ", file);
	fclose(file);
	f->store = store_open(f->loop, f->path, schema, NULL);
	assert_non_null(f->store);
	assert_int_equal(count(f->store), 0);
	snprintf(aside, sizeof(aside), "%s.damaged", f->path);
	assert_int_equal(stat(aside, &st), 0);
}

static void newer_file_and_bad_path_are_refused(void **state)
{
	static const char *const newer[] = { "CREATE TABLE t(k INTEGER PRIMARY KEY, v TEXT, b BLOB)", "CREATE TABLE u(x)", NULL };
	struct fixture *f = *state;
	struct reason why;

	store_close(f->store);
	f->store = store_open(f->loop, f->path, newer, &why);
	assert_non_null(f->store);
	store_close(f->store);
	f->store = store_open(f->loop, f->path, schema, &why);
	assert_null(f->store);
	assert_non_null(strstr(why.text, "newer"));
	assert_null(store_open(f->loop, "/nonexistent/dir/db", schema, &why));
	assert_non_null(strstr(why.text, "/nonexistent/dir/db"));
}

/* A child commits numbers and writes each to a pipe once it is told that it is on disk; it is killed; every number read must be there. */
static void child(const char *path, int fd)
{
	struct loop *l = loop_new();
	struct store *s = store_open(l, path, schema, NULL);

	for (int k = 0;; k++) {
		struct seen seen = { 0 };
		struct mark m = { &seen, 'x' };
		struct store_txn *t = store_begin(s);

		insert(t, k, "x");
		store_commit(t, on_done, &m);
		while (seen.done == 0)
			loop_step(l, 1000);
		if (write(fd, &k, sizeof(k)) != sizeof(k))
			_exit(1);
	}
}

static void killed_at_any_moment(void **state)
{
	struct fixture *f = *state;

	store_close(f->store);
	for (int round = 0; round < 5; round++) {
		int fds[2], k = -1, last = -1;
		pid_t pid;

		unlink(f->path);
		assert_int_equal(pipe(fds), 0);
		pid = fork();
		if (pid == 0) {
			close(fds[0]);
			child(f->path, fds[1]);
		}
		close(fds[1]);
		for (int i = 0; i < 20 * (round + 1) && read(fds[0], &k, sizeof(k)) == sizeof(k); i++)
			last = k;
		kill(pid, SIGKILL);
		while (read(fds[0], &k, sizeof(k)) == sizeof(k))
			last = k;
		waitpid(pid, NULL, 0);
		close(fds[0]);
		f->store = store_open(f->loop, f->path, schema, NULL);
		assert_non_null(f->store);
		assert_true(last >= 0);
		assert_true(count(f->store) >= last + 1);
		store_close(f->store);
	}
	f->store = NULL;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(committed_is_there_again), TEST(all_or_nothing_and_alone_in_failure), TEST(close_commits_what_is_queued),
		TEST(full_disk_is_told_and_the_file_stays_good), TEST(damaged_file_is_put_aside), TEST(newer_file_and_bad_path_are_refused), TEST(killed_at_any_moment),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
