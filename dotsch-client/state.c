/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/log.h"
#include "base/when.h"
#include "store/store.h"

#define MID_BLOCK 65536u                     /* reserved at a time; the next block is asked for when half of one is used */
#define MID_RESTART 3221225471u              /* RFC 9132, 4.4.1: three quarters of 2^32 - 1 */
#define START_WAIT_MS 10000
#define AGAIN_MS 1000                        /* until what the disk did not take is tried again */

/* A request that is over, on its way off the disk. */
struct drop {
	struct drop *next;
	struct state *state;
	char *peer, *cuid;
	uint32_t mid;
};

struct state {
	struct loop *loop;
	struct drop *undropped;              /* what the disk did not take: a crash would bring it back */
	struct loop_timer again;
	struct store *store;                 /* NULL = nothing is kept */
	int lock;
	uint32_t next, durable, asked;       /* mids below `durable` may be given out; `asked` is on its way to the disk */
	bool failed, restarting;             /* the numbers begin anew, once the disk knows */
	uint32_t idle_next;
	char cuid[CUID_MAX_BYTES + 1];
};

static const char *const schema[] = {
	"CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;"
	"CREATE TABLE request (peer TEXT NOT NULL, cuid TEXT NOT NULL, mid INTEGER NOT NULL, ref TEXT NOT NULL, part INTEGER NOT NULL, parts INTEGER NOT NULL,"
	" standing INTEGER NOT NULL, status INTEGER NOT NULL, keep INTEGER NOT NULL, sent INTEGER NOT NULL, lifetime INTEGER NOT NULL, ends INTEGER NOT NULL,"
	" document TEXT NOT NULL, PRIMARY KEY (peer, cuid, mid)) WITHOUT ROWID;",
	"ALTER TABLE request ADD COLUMN leader INTEGER NOT NULL DEFAULT -1;",
	"CREATE TABLE hold (peer TEXT NOT NULL, mid INTEGER NOT NULL, cause INTEGER NOT NULL, ends INTEGER NOT NULL, document TEXT NOT NULL, PRIMARY KEY (peer, mid)) WITHOUT ROWID;",
	"ALTER TABLE request ADD COLUMN subscriber TEXT NOT NULL DEFAULT '';",
	NULL,
};

static void committed(void *arg, bool ok, const char *why)
{
	struct state *s = arg;
	if (!ok && !s->failed)
		log_error("state: %s: what is asked for now does not survive a restart", why);
	s->failed = !ok;
}

static void set_meta(struct state *s, const char *name, struct store_value value, void (*done)(void *arg, bool ok, const char *why))
{
	struct store_txn *t = store_begin(s->store);
	const struct store_value v[] = { store_text(name), value };
	if (!t) {
		done(s, false, "out of memory");
		return;
	}
	store_add(t, "INSERT OR REPLACE INTO meta VALUES (?1, ?2)", v, 2);
	store_commit(t, done, s);
}

static void reserve(struct state *s);
static void drop_again(void *arg);
static void drop_free(struct drop *d);

/* Unless something was asked for in the meantime: then the old numbers go on. */
static void restarted(struct state *s, bool ok)
{
	s->restarting = false;
	if (ok && s->next == s->idle_next) {
		s->next = 0;
		s->durable = s->asked;
		return;
	}
	s->asked = s->durable;
	reserve(s);
}

static void mids_reserved(void *arg, bool ok, const char *why)
{
	struct state *s = arg;
	committed(s, ok, why);
	if (s->restarting) {
		restarted(s, ok);
		return;
	}
	if (ok)
		s->durable = s->asked;
	else
		s->asked = s->durable;       /* tried again with the next request */
}

static void reserve(struct state *s)
{
	if (s->asked != s->durable || s->durable == UINT32_MAX)
		return;
	s->asked = s->durable > UINT32_MAX - MID_BLOCK ? UINT32_MAX : s->durable + MID_BLOCK;
	if (s->store)
		set_meta(s, "mid", store_int(s->asked), mids_reserved);
	else
		s->durable = s->asked;
}

static void meta_row(void *arg, const struct store_row *r)
{
	struct state *s = arg;
	if (!strcmp(store_column_text(r, 0), "mid"))
		s->next = s->durable = s->asked = (uint32_t)store_column_int(r, 1);
	else if (!strcmp(store_column_text(r, 0), "cuid"))
		snprintf(s->cuid, sizeof s->cuid, "%s", store_column_text(r, 1));
}

/* Two agents on one state would give out the same mids. A file of its own: closing the database's own file would give up SQLite's locks. */
static int take_lock(struct state *s, const char *path, struct reason *why)
{
	char *name = NULL;
	if (asprintf(&name, "%s.lock", path) < 0)
		abort();
	s->lock = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	int result = 0;
	if (s->lock < 0)
		result = reason_set(why, REASON_BAD_REQUEST, "state", "", "%s: %s", name, strerror(errno));
	else if (flock(s->lock, LOCK_EX | LOCK_NB) < 0)
		result = reason_set(why, REASON_BAD_REQUEST, "state", "", "%s is in use by another dotsch-client; attach to it with -s, or configure another state", path);
	free(name);
	return result;
}

static int open_store(struct state *s, const char *path, struct reason *why)
{
	if (take_lock(s, path, why) < 0 || !(s->store = store_open(s->loop, path, schema, why)) ||
	    store_read(s->store, "SELECT name, value FROM meta", NULL, 0, meta_row, s, why) < 0)
		return -1;
	/* Waiting is right here: nothing has been accepted yet, and no request shall wait for this later. */
	reserve(s);
	for (int64_t until = when_wall_ms() + START_WAIT_MS; s->durable != s->asked && when_wall_ms() < until;)
		loop_step(s->loop, 20);
	if (s->next == s->durable)
		return reason_set(why, REASON_BAD_REQUEST, "state", "", "%s cannot be written", path);
	return 0;
}

struct state *state_open(struct loop *l, const char *path, struct reason *why)
{
	struct state *s = calloc(1, sizeof *s);
	if (!s)
		abort();
	/* Without an old number: the clock, so that a lost file does not take us back to numbers that the routers have seen. */
	*s = (struct state){ .loop = l, .lock = -1 };
	loop_timer_init(&s->again, drop_again, s);
	s->next = s->durable = s->asked = (uint32_t)(when_wall_ms() / 1000);
	if (path && open_store(s, path, why) < 0) {
		state_close(s);
		return NULL;
	}
	if (!path)
		reserve(s);
	return s;
}

static void nothing(void *arg, bool ok, const char *why)
{
	(void)arg;
	(void)ok;
	(void)why;
}

void state_close(struct state *s)
{
	if (!s)
		return;
	/* The rest of the block goes back; after a crash its numbers are skipped. */
	if (s->store && s->next != s->durable)
		set_meta(s, "mid", store_int(s->next), nothing);
	drop_again(s);
	store_close(s->store);
	loop_timer_stop(s->loop, &s->again);
	for (struct drop *d = s->undropped, *next; d; d = next) {
		next = d->next;
		drop_free(d);
	}
	if (s->lock >= 0)
		close(s->lock);
	free(s);
}

int state_next_mid(struct state *s, uint32_t *mid, struct reason *why)
{
	if (s->durable - s->next < MID_BLOCK / 2)
		reserve(s);
	if (s->next == s->durable)
		return reason_set(why, REASON_BAD_REQUEST, "mid", "RFC 9132, 4.4.1", s->next == UINT32_MAX ? "all numbers are used up; they start again when no mitigation is active" :
		                  "the state cannot be written, and a number must not be used twice");
	*mid = s->next++;
	return 0;
}

void state_idle(struct state *s)
{
	if (s->next < MID_RESTART || s->asked != s->durable)
		return;
	if (!s->store) {
		s->next = 0;
		s->durable = s->asked = MID_BLOCK;
		return;
	}
	s->restarting = true;
	s->idle_next = s->next;
	s->asked = MID_BLOCK;
	set_meta(s, "mid", store_int(s->asked), mids_reserved);
}

const char *state_cuid(const struct state *s)
{
	return s->cuid;
}

void state_set_cuid(struct state *s, const char *cuid)
{
	snprintf(s->cuid, sizeof s->cuid, "%s", cuid);
	if (s->store)
		set_meta(s, "cuid", store_text(s->cuid), committed);
}

/* Somebody waits for this one. */
struct waiting {
	struct state *state;
	void (*done)(void *arg, bool ok);
	void *arg;
};

static void kept(void *arg, bool ok, const char *why)
{
	struct waiting w = *(struct waiting *)arg;
	free(arg);
	committed(w.state, ok, why);
	w.done(w.arg, ok);
}

static void commit(struct state *s, struct store_txn *t, void (*done)(void *arg, bool ok), void *arg)
{
	struct waiting *w = done ? malloc(sizeof *w) : NULL;
	if (done && !w)
		abort();
	if (!w) {
		store_commit(t, committed, s);
		return;
	}
	*w = (struct waiting){ s, done, arg };
	store_commit(t, kept, w);
}

void state_keep(struct state *s, const struct kept_request *r, void (*done)(void *arg, bool ok), void *arg)
{
	struct store_txn *t = s->store ? store_begin(s->store) : NULL;
	if (!t) {
		if (done)
			done(arg, !s->store);
		return;
	}
	const struct store_value v[] = {
		store_text(r->peer), store_text(r->cuid), store_int(r->mid), store_int(r->standing), store_int(r->status), store_int(r->keep), store_int(r->sent),
		store_int(r->lifetime), store_int(r->ends), store_text(r->ref), store_int(r->leader), store_int(r->part), store_int(r->parts), store_text(r->document),
		store_text(r->subscriber),
	};
	/* What does not change is written once: a document may name 100,000 sources. */
	if (r->document)
		store_add(t, "INSERT OR REPLACE INTO request (peer, cuid, mid, standing, status, keep, sent, lifetime, ends, ref, leader, part, parts, document, subscriber)"
		             " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)", v, 15);
	else
		store_add(t, "UPDATE request SET standing = ?4, status = ?5, keep = ?6, sent = ?7, lifetime = ?8, ends = ?9, leader = ?11 WHERE peer = ?1 AND cuid = ?2 AND mid = ?3", v, 11);
	commit(s, t, done, arg);
}

size_t state_pending(const struct state *s)
{
	return s->store ? store_pending(s->store) : 0;
}

void state_new_mid(struct state *s, const char *peer, const char *cuid, uint32_t mid, uint32_t to)
{
	struct store_txn *t = s->store ? store_begin(s->store) : NULL;
	const struct store_value v[] = { store_text(peer), store_text(cuid), store_int(mid), store_int(to) };
	if (!t)
		return;
	store_add(t, "UPDATE request SET mid = ?4 WHERE peer = ?1 AND cuid = ?2 AND mid = ?3", v, 4);
	store_add(t, "UPDATE request SET leader = ?4 WHERE peer = ?1 AND cuid = ?2 AND leader = ?3", v, 4);
	store_commit(t, committed, s);
}

void state_new_cuid(struct state *s, const char *peer, const char *cuid, const char *to)
{
	struct store_txn *t = s->store ? store_begin(s->store) : NULL;
	const struct store_value v[] = { store_text(peer), store_text(cuid), store_text(to) };
	if (!t)
		return;
	store_add(t, "UPDATE request SET cuid = ?3 WHERE peer = ?1 AND cuid = ?2", v, 3);
	store_commit(t, committed, s);
}

static void drop_free(struct drop *d)
{
	free(d->peer);
	free(d->cuid);
	free(d);
}

static void drop_kept(struct drop *d)
{
	struct state *s = d->state;
	d->next = s->undropped;
	s->undropped = d;
	loop_timer_set(s->loop, &s->again, AGAIN_MS);
}

static void dropped(void *arg, bool ok, const char *why)
{
	struct drop *d = arg;
	committed(d->state, ok, why);
	if (ok)
		drop_free(d);
	else
		drop_kept(d);
}

static void drop_now(struct drop *d)
{
	struct store_txn *t = store_begin(d->state->store);
	const struct store_value v[] = { store_text(d->peer), store_text(d->cuid), store_int(d->mid) };
	if (!t) {
		drop_kept(d);
		return;
	}
	store_add(t, "DELETE FROM request WHERE peer = ?1 AND cuid = ?2 AND mid = ?3", v, 3);
	store_commit(t, dropped, d);
}

static void drop_again(void *arg)
{
	struct state *s = arg;
	struct drop *d = s->undropped, *next;
	for (s->undropped = NULL; d; d = next) {
		next = d->next;
		drop_now(d);
	}
}

void state_drop(struct state *s, const char *peer, const char *cuid, uint32_t mid)
{
	if (!s->store)
		return;
	struct drop *d = malloc(sizeof *d);
	if (!d)
		abort();
	*d = (struct drop){ .state = s, .peer = strdup(peer), .cuid = strdup(cuid), .mid = mid };
	if (!d->peer || !d->cuid)
		abort();
	drop_now(d);
}

struct loading {
	void (*fn)(void *arg, const struct kept_request *r);
	void *arg;
};

static void request_row(void *arg, const struct store_row *r)
{
	const struct loading *l = arg;
	const struct kept_request k = {
		.peer = store_column_text(r, 0), .cuid = store_column_text(r, 1), .mid = (uint32_t)store_column_int(r, 2), .ref = store_column_text(r, 3),
		.part = (unsigned)store_column_int(r, 4), .parts = (unsigned)store_column_int(r, 5), .standing = (int)store_column_int(r, 6),
		.status = (int)store_column_int(r, 7), .keep = store_column_int(r, 8) != 0, .sent = store_column_int(r, 9) != 0, .lifetime = store_column_int(r, 10),
		.ends = store_column_int(r, 11), .document = store_column_text(r, 12), .leader = store_column_int(r, 13),
		.subscriber = store_column_text(r, 14),
	};
	l->fn(l->arg, &k);
}

int state_load(struct state *s, void (*fn)(void *arg, const struct kept_request *r), void *arg, struct reason *why)
{
	struct loading l = { fn, arg };
	if (!s->store)
		return 0;
	return store_read(s->store, "SELECT peer, cuid, mid, ref, part, parts, standing, status, keep, sent, lifetime, ends, document, leader, subscriber FROM request ORDER BY mid", NULL, 0,
	                  request_row, &l, why);
}

void state_hold(struct state *s, const struct kept_hold *h)
{
	struct store_txn *t = s->store ? store_begin(s->store) : NULL;
	const struct store_value v[] = { store_text(h->peer), store_int(h->mid), store_int(h->cause), store_int(h->ends), store_text(h->document) };
	if (!t)
		return;
	store_add(t, "INSERT OR REPLACE INTO hold (peer, mid, cause, ends, document) VALUES (?1, ?2, ?3, ?4, ?5)", v, 5);
	store_commit(t, committed, s);
}

void state_release(struct state *s, const char *peer, uint32_t mid)
{
	struct store_txn *t = s->store ? store_begin(s->store) : NULL;
	const struct store_value v[] = { store_text(peer), store_int(mid) };
	if (!t)
		return;
	store_add(t, "DELETE FROM hold WHERE peer = ?1 AND mid = ?2", v, 2);
	store_commit(t, committed, s);
}

struct loading_holds {
	void (*fn)(void *arg, const struct kept_hold *h);
	void *arg;
};

static void hold_row(void *arg, const struct store_row *r)
{
	const struct loading_holds *l = arg;
	const struct kept_hold k = {
		.peer = store_column_text(r, 0), .mid = (uint32_t)store_column_int(r, 1), .cause = (int)store_column_int(r, 2), .ends = store_column_int(r, 3),
		.document = store_column_text(r, 4),
	};
	l->fn(l->arg, &k);
}

int state_load_holds(struct state *s, void (*fn)(void *arg, const struct kept_hold *h), void *arg, struct reason *why)
{
	struct loading_holds l = { fn, arg };
	return s->store ? store_read(s->store, "SELECT peer, mid, cause, ends, document FROM hold", NULL, 0, hold_row, &l, why) : 0;
}
