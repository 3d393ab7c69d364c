/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "keep.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "consent.h"
#include "dots/cbor.h"

#define AUDIT_ROWS "10000"           /* the trail is bounded; the oldest lines go */

/* Times are wall-clock milliseconds: the boot clock does not survive a reboot. NULL = never. */
static const char *const schema[] = {
	"CREATE TABLE mitigation(provider TEXT NOT NULL, cuid TEXT NOT NULL, mid INTEGER NOT NULL, phase INTEGER NOT NULL, pending INTEGER NOT NULL,"
	" by_owner INTEGER NOT NULL, lifetime INTEGER NOT NULL, expires INTEGER, due INTEGER, terminating INTEGER NOT NULL, start INTEGER NOT NULL,"
	" ended INTEGER NOT NULL, cause INTEGER NOT NULL, request BLOB NOT NULL, hosts TEXT, certainty TEXT NOT NULL, note TEXT NOT NULL,"
	" PRIMARY KEY(provider, cuid, mid)) WITHOUT ROWID;"
	"CREATE TABLE audit(id INTEGER PRIMARY KEY, line TEXT NOT NULL)",
	/* Who a cuid belongs to, among the credentials of one peer. */
	"CREATE TABLE client(provider TEXT NOT NULL, cuid TEXT NOT NULL, credential TEXT NOT NULL, PRIMARY KEY(provider, cuid)) WITHOUT ROWID",
	/* And whether it was there: that decides what its prepared requests do after a restart. */
	"ALTER TABLE client ADD COLUMN presence INTEGER NOT NULL DEFAULT 0",
	NULL,
};
static const char SAVE[] = "INSERT OR REPLACE INTO mitigation VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)";
static const char REMOVE[] = "DELETE FROM mitigation WHERE provider=? AND cuid=? AND mid=?";
static const char OWN[] = "INSERT INTO client VALUES(?,?,?,?) ON CONFLICT DO UPDATE SET credential=excluded.credential, presence=excluded.presence"
	" WHERE credential<>excluded.credential OR presence<>excluded.presence";
static const char OWNERS[] = "SELECT * FROM client";
static const char DISOWN[] = "DELETE FROM client WHERE NOT EXISTS(SELECT 1 FROM mitigation m WHERE m.provider=client.provider AND m.cuid=client.cuid)";
static const char AUDIT[] = "INSERT INTO audit(line) VALUES(?)";
static const char TRIM[] = "DELETE FROM audit WHERE id <= (SELECT max(id) FROM audit) - " AUDIT_ROWS;
static const char LOAD[] = "SELECT * FROM mitigation";
enum { PROVIDER, CUID, MID, PHASE, PENDING, BY_OWNER, LIFETIME, EXPIRES, DUE, TERMINATING, START, ENDED, CAUSE, REQUEST, HOSTS, CERTAINTY, NOTE, COLUMNS };
enum { CREDENTIAL = CUID + 1, PRESENCE };

struct store *keep_open(struct loop *l, const char *path, struct reason *why)
{
	return store_open(l, path, schema, why);
}

bool keep_wanted(const struct outcome *o)
{
	for (size_t i = 0; i < o->n_effects; i++)
		if (o->effects[i].kind != EFFECT_REPORTED)
			return true;
	return json_array_size(o->audit) > 0;
}

static struct store_value when(int64_t boot, struct moment at)
{
	return boot == LEDGER_NEVER ? (struct store_value){ .type = STORE_NULL } : store_int(at.wall + (boot - at.now));
}

static void save(struct store_txn *t, const struct record *r, struct moment at)
{
	struct mitigation asked = r->m;
	struct body body = { .kind = BODY_MITIGATION_SCOPE, .scope = &asked, .n_scope = 1 };
	struct buf request = { 0 };
	char *hosts = r->hosts != NULL ? json_dumps(r->hosts, JSON_COMPACT) : NULL;

	asked.has_mid = false;
	asked.attack_status = ATTACK_STATUS_NONE;
	dots_cbor_encode(&body, &request);
	const struct store_value v[COLUMNS] = {
		[PROVIDER] = store_text(r->client->peer), [CUID] = store_text(r->client->cuid), [MID] = store_int(r->m.mid), [PHASE] = store_int(r->life.phase),
		[PENDING] = store_int(r->life.pending), [BY_OWNER] = store_int(r->life.by_owner), [LIFETIME] = store_int(r->life.lifetime),
		[EXPIRES] = when(r->life.expires, at), [DUE] = when(r->life.due, at), [TERMINATING] = store_int(r->life.terminating_s),
		[START] = store_int((int64_t)r->life.start), [ENDED] = store_int(r->life.ended), [CAUSE] = store_int(r->life.cause),
		[REQUEST] = store_blob(request.data, request.len), [HOSTS] = store_text(hosts), [CERTAINTY] = store_text(r->certainty), [NOTE] = store_text(r->note),
	};

	/* Out of memory leaves the blob short: then the row must not be written, and a NULL where none is allowed fails it. */
	if (request.failed)
		store_add(t, SAVE, v, REQUEST);
	else
		store_add(t, SAVE, v, COLUMNS);
	free(hosts);
	buf_free(&request);
}

static void drop(struct store_txn *t, const struct effect *e)
{
	const struct store_value v[] = { store_text(e->client->peer), store_text(e->client->cuid), store_int(e->mid) };

	store_add(t, REMOVE, v, 3);
}

static void own(struct store_txn *t, const struct client *c)
{
	const struct store_value v[] = { store_text(c->peer), store_text(c->cuid), store_text(c->credential), store_int(c->presence) };

	store_add(t, OWN, v, 4);
}

void keep_add(struct store_txn *t, const struct outcome *o, struct moment at)
{
	for (size_t i = 0; i < o->n_effects; i++) {
		const struct effect *e = &o->effects[i];
		const struct record *r = client_find(e->client, e->mid);

		if (e->kind == EFFECT_REPORTED)
			continue;
		if ((e->kind == EFFECT_ADDED || (e->kind == EFFECT_CHANGED && e->client->base)) && e->client->credential != NULL)
			own(t, e->client);
		if (r != NULL && r->life.phase != PHASE_ENDED)
			save(t, r, at);
		else
			drop(t, e);
	}
	for (size_t i = 0; i < json_array_size(o->audit); i++) {
		char *text = json_dumps(json_array_get(o->audit, i), JSON_COMPACT);
		const struct store_value v = store_text(text);

		store_add(t, AUDIT, &v, 1);
		store_add(t, TRIM, NULL, 0);
		free(text);
	}
}

struct load { struct core *core; struct moment at; unsigned kept, over, bad; };

/* The wall clock may have been anything meanwhile: never longer than what was granted. */
static int64_t boot_time(const struct store_row *row, int column, const struct load *l, int64_t longest_s)
{
	int64_t left;

	if (store_is_null(row, column))
		return LEDGER_NEVER;
	left = store_column_int(row, column) - l->at.wall;
	if (left > longest_s * 1000)
		left = longest_s * 1000;
	return l->at.now + left;
}

static bool read_life(const struct store_row *row, const struct load *l, struct life *out)
{
	const struct settings *s = l->core->settings;
	int64_t lifetime = store_column_int(row, LIFETIME), longest = lifetime == LIFETIME_INDEFINITE ? LIFETIME_MAX : lifetime;

	*out = (struct life){
		.phase = (enum phase)store_column_int(row, PHASE), .pending = store_column_int(row, PENDING) != 0, .by_owner = store_column_int(row, BY_OWNER) != 0,
		.lifetime = lifetime, .terminating_s = (unsigned)store_column_int(row, TERMINATING), .start = (uint64_t)store_column_int(row, START),
		.reported = STATUS_IN_PROGRESS, .ended = (enum dots_status)store_column_int(row, ENDED), .cause = (enum conflict_cause)store_column_int(row, CAUSE),
	};
	out->began = l->at.now - (l->at.wall > (int64_t)out->start * 1000 ? l->at.wall - (int64_t)out->start * 1000 : 0);
	out->expires = boot_time(row, EXPIRES, l, longest);
	if (out->phase == PHASE_REJECTED)
		longest = (int64_t)s->rejected_s + DEACTIVATED_KEPT_S;
	out->due = boot_time(row, DUE, l, longest);
	out->ask_until = LEDGER_NEVER;
	return (lifetime == LIFETIME_INDEFINITE || (lifetime > 0 && lifetime <= LIFETIME_MAX)) && out->phase <= PHASE_ARMED && out->phase != PHASE_ENDED && out->cause <= CONFLICT_OVERLAPPING_PIPES &&
	    out->ended <= STATUS_SIGNAL_LOSS;
}

static struct record *read_record(const struct store_row *row, const struct load *l)
{
	size_t len;
	const void *request = store_column_blob(row, REQUEST, &len);
	struct record *r = NULL;
	struct life life;
	struct body body;

	if (!read_life(row, l, &life) || dots_cbor_decode(request, len, BODY_REQUEST, &body, NULL) != 0)
		return NULL;
	if (body.kind == BODY_MITIGATION_SCOPE && body.n_scope == 1)
		r = record_new(&body.scope[0], (uint32_t)store_column_int(row, MID));
	body_free(&body);
	if (r == NULL)
		return NULL;
	r->life = life;
	if (!store_is_null(row, HOSTS))
		r->hosts = json_loads(store_column_text(row, HOSTS), JSON_REJECT_DUPLICATES, NULL);
	snprintf(r->certainty, sizeof(r->certainty), "%s", store_column_text(row, CERTAINTY));
	snprintf(r->note, sizeof(r->note), "%s", store_column_text(row, NOTE));
	return r;
}

static void load_row(void *arg, const struct store_row *row)
{
	struct load *l = arg;
	struct client *c;
	struct record *r;

	if (settings_peer(l->core->settings, store_column_text(row, PROVIDER)) == NULL) {
		l->over++;
		return;
	}
	r = read_record(row, l);
	c = ledger_client(&l->core->ledger, store_column_text(row, PROVIDER), store_column_text(row, CUID), true);
	if (c != NULL)
		c->base = settings_peer(l->core->settings, c->peer)->channel == CHANNEL_BASE;
	if (r == NULL || c == NULL || client_find(c, r->m.mid) != NULL || ledger_insert(&l->core->ledger, c, r) != 0) {
		record_free(r);
		l->bad++;
		return;
	}
	/* When the lifetime ends first, the end of the question is not on disk. */
	if (r->life.pending)
		r->life.ask_until = r->life.due < r->life.expires ? r->life.due : consent_until(settings_peer(l->core->settings, c->peer), &r->m, l->at.now);
	l->kept++;
}

static void load_owner(void *arg, const struct store_row *row)
{
	struct load *l = arg;
	struct client *c = ledger_client(&l->core->ledger, store_column_text(row, PROVIDER), store_column_text(row, CUID), false);

	if (c == NULL)
		return;
	if (client_own(c, store_column_text(row, CREDENTIAL)) != 0)
		l->bad++;
	if (store_column_int(row, PRESENCE) == PRESENCE_LOST || store_column_int(row, PRESENCE) == PRESENCE_LEFT)
		c->presence = (enum presence)store_column_int(row, PRESENCE);
}

/* Of those who have nothing here any more nothing is kept. */
static void forget_owners(struct store *s)
{
	struct store_txn *t = store_begin(s);

	if (t == NULL)
		return;
	store_add(t, DISOWN, NULL, 0);
	store_commit(t, NULL, NULL);
}

int keep_load(struct store *s, struct core *core, struct moment at, struct reason *why)
{
	struct load l = { .core = core, .at = at };

	if (store_read(s, LOAD, NULL, 0, load_row, &l, why) != 0 || store_read(s, OWNERS, NULL, 0, load_owner, &l, why) != 0)
		return -1;
	forget_owners(s);
	if (l.bad > 0)
		log_error("state: %u mitigation%s could not be read, and left out", l.bad, l.bad == 1 ? "" : "s");
	if (l.over > 0)
		log_warning("state: %u mitigation%s of providers that are no longer configured left out", l.over, l.over == 1 ? "" : "s");
	if (l.kept > 0)
		log_info("state: %u mitigation%s taken up again", l.kept, l.kept == 1 ? "" : "s");
	return 0;
}

struct print { void (*line)(void *arg, const char *text); void *arg; };

static void audit_row(void *arg, const struct store_row *row)
{
	struct print *p = arg;

	p->line(p->arg, store_column_text(row, 0));
}

int keep_audit(struct store *s, unsigned limit, void (*line)(void *arg, const char *text), void *arg, struct reason *why)
{
	struct print p = { line, arg };
	const struct store_value v = store_int(limit);

	return store_read(s, "SELECT line FROM (SELECT id, line FROM audit ORDER BY id DESC LIMIT ?) ORDER BY id", &v, 1, audit_row, &p, why);
}
