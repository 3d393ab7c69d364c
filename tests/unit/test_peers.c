/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The routers of a provider: peers.jsonl, its look-ups, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "../../dotsch-client/keys.h"
#include "../../dotsch-client/peers.h"
#include "../../dotsch-client/slots.h"
#include "base/loop.h"
#include "store/store.h"

static struct peer *add(struct peers *s, const char *text, struct reason *why)
{
	struct reason ignored;
	json_t *o = json_line_parse(text, strlen(text), why ? why : &ignored);
	assert_non_null(o);
	struct peer *p = peers_add(s, o, why);
	json_decref(o);
	return p;
}

static struct prefix prefix(const char *text)
{
	struct prefix p;
	assert_int_equal(prefix_parse(text, true, &p), 0);
	return p;
}

static void look_ups(void **state)
{
	(void)state;
	struct peers *s = peers_new();
	struct peer *a = add(s, "{\"name\":\"cpe-1\",\"psk-identity\":\"id-1\",\"psk-key\":\"0000000000000000000000000000ff10\",\"domain\":[\"100.64.8.21/32\",\"2001:db8:1::/48\"]}", NULL);
	struct peer *b = add(s, "{\"name\":\"cpe-2\",\"certificate-name\":\"CPE2.example\",\"domain\":[\"2001:db8::/32\"]}", NULL);
	struct peer *c = add(s, "{\"name\":\"cpe-3\",\"spki\":\"" "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff" "\",\"domain\":[\"100.64.0.0/10\"]}", NULL);
	assert_non_null(a);
	assert_non_null(b);
	assert_non_null(c);
	assert_int_equal(peers_count(s), 3);
	assert_ptr_equal(peers_by_name(s, "cpe-2"), b);
	assert_null(peers_by_name(s, "cpe-"));
	assert_ptr_equal(peers_by_psk(s, "id-1"), a);
	assert_null(peers_by_psk(s, "cpe-1"));
	assert_int_equal(a->psk_key_len, 16);
	assert_memory_equal(a->psk_key + 13, "\x00\xff\x10", 3);
	assert_ptr_equal(peers_by_certificate(s, "cpe2.EXAMPLE"), b);
	const uint8_t spki[32] = { 0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff,
		                   0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff };
	assert_ptr_equal(peers_by_spki(s, spki), c);
	peers_free(s);
}

/* CH-15: the longest prefix that contains the whole source. */
static void longest_match(void **state)
{
	(void)state;
	struct peers *s = peers_new();
	struct peer *wide = add(s, "{\"name\":\"wide\",\"certificate-name\":\"w\",\"domain\":[\"100.64.0.0/10\",\"2001:db8::/32\"]}", NULL);
	struct peer *narrow = add(s, "{\"name\":\"narrow\",\"certificate-name\":\"n\",\"domain\":[\"100.64.8.0/24\",\"2001:db8:8::/48\"]}", NULL);
	static const struct { const char *source; int who; } cases[] = {
		{ "100.64.8.1", 2 }, { "100.64.8.0/24", 2 }, { "100.64.8.0/23", 1 }, { "100.65.0.1", 1 }, { "100.63.255.255", 0 }, { "0.0.0.0/0", 0 },
		{ "2001:db8:8::1", 2 }, { "2001:db8:9::1", 1 }, { "2001:db9::", 0 }, { "::/0", 0 },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct prefix p = prefix(cases[i].source);
		struct peer *got = peers_by_source(s, &p);
		assert_ptr_equal(got, cases[i].who == 2 ? narrow : cases[i].who ? wide : NULL);
	}
	peers_remove(s, narrow);
	struct prefix p = prefix("100.64.8.1");
	assert_ptr_equal(peers_by_source(s, &p), wide);
	assert_null(peers_by_name(s, "narrow"));
	peers_free(s);
}

/* A base server is dialled: its credentials are ours, so several may have the same, and nobody may call with them. */
static void servers(void **state)
{
	(void)state;
	struct peers *s = peers_new();
	struct peer *a = add(s, "{\"name\":\"dms\",\"address\":[\"192.0.2.1\",\"dms.example\"],\"psk-identity\":\"us\",\"psk-key\":\"00000000000000000000000000000000\"}", NULL);
	struct peer *b = add(s, "{\"name\":\"other\",\"address\":\"2001:db8::1\",\"port\":14646,\"transport\":\"tcp\",\"server-name\":\"dots.example\","
	                        "\"overlap\":\"sources\",\"psk-identity\":\"us\",\"psk-key\":\"00000000000000000000000000000000\"}", NULL);
	struct peer *c = add(s, "{\"name\":\"cpe-1\",\"psk-identity\":\"us\",\"psk-key\":\"00000000000000000000000000000002\"}", NULL);
	assert_non_null(a);
	assert_non_null(b);
	assert_int_equal(a->server->port, 4646);
	assert_int_equal(a->server->n_addresses, 2);
	assert_true(a->server->udp && a->server->tcp && a->overlap_strict);
	assert_string_equal(b->server->addresses[0], "2001:db8::1");
	assert_int_equal(b->server->port, 14646);
	assert_true(!b->server->udp && b->server->tcp && !b->overlap_strict);
	assert_ptr_equal(peers_by_psk(s, "us"), c);
	assert_false(c->overlap_strict);
	/* Described and read again it is the same; a change is seen. */
	json_t *o = peer_describe(b);
	struct peers *t = peers_new();
	struct peer *again = peers_add(t, o, NULL);
	assert_true(again && peer_same(again, b) && !peer_same(again, a));
	json_decref(o);
	peers_free(t);
	peers_remove(s, a);
	assert_ptr_equal(peers_by_psk(s, "us"), c);
	peers_free(s);
}

/* Inside the provider's address translator, what a router calls from is its own; from where several call, nobody can be told apart. */
static void ch_15_session_address(void **state)
{
	(void)state;
	struct peers *s = peers_new();
	struct peer *a = add(s, "{\"name\":\"a\",\"certificate-name\":\"a\",\"session-address\":true,\"domain\":[\"2001:db8:1::/48\"]}", NULL);
	struct peer *b = add(s, "{\"name\":\"b\",\"certificate-name\":\"b\",\"session-address\":true}", NULL);
	struct peer *c = add(s, "{\"name\":\"c\",\"certificate-name\":\"c\",\"domain\":[\"100.64.0.0/10\"]}", NULL);
	const struct prefix x = prefix("100.64.8.21"), y = prefix("100.64.8.22"), wide = prefix("100.64.8.20/30"), inside = prefix("2001:db8:1::7");
	struct prefix_list domain;
	assert_ptr_equal(peers_by_source(s, &x), c);
	assert_true(peers_called(s, a, &x));
	assert_true(peers_called(s, c, &y));   /* its entry does not say so */
	assert_ptr_equal(peers_by_source(s, &x), a);
	assert_ptr_equal(peers_by_source(s, &inside), a);
	assert_ptr_equal(peers_by_source(s, &y), c);
	assert_ptr_equal(peers_by_source(s, &wide), c);
	assert_int_equal(peer_domain(a, &domain), 0);
	assert_int_equal(domain.n, 2);
	assert_true(prefix_equal(&domain.v[1], &x));
	prefix_list_free(&domain);
	assert_true(peers_called(s, b, &x));
	assert_null(peers_by_source(s, &x));
	assert_true(peers_called(s, a, &y));
	assert_ptr_equal(peers_by_source(s, &x), b);
	assert_ptr_equal(peers_by_source(s, &y), a);
	peers_remove(s, a);
	assert_ptr_equal(peers_by_source(s, &y), c);
	assert_true(peers_called(s, b, NULL));
	assert_ptr_equal(peers_by_source(s, &x), c);
	assert_int_equal(peer_domain(b, &domain), 0);
	assert_int_equal(domain.n, 0);
	peers_free(s);
}

static const char *const key_table[] = {
	"CREATE TABLE psk (identity TEXT PRIMARY KEY, key);"
	"INSERT INTO psk VALUES ('bytes', x'00ff100405060708090a0b0c0d0e0f10'), ('digits', '0A0b0c0d0e0f01020304050607080910'), ('odd', '0a0'), ('empty', x''),"
	" ('null', NULL), ('short', x'0102030405060708090a0b0c0d0e0f'), ('few', '0102030405060708090a0b0c0d0e0f');",
	NULL,
};

static void keys_of_a_database(void **state)
{
	(void)state;
	static const struct { const char *identity, *key; size_t len; int found; } cases[] = {
		{ "bytes", "\x00\xff\x10\x04", 16, 0 }, { "digits", "\x0a\x0b\x0c\x0d", 16, 0 }, { "odd", "", 0, TLS_PSK_LATER }, { "empty", "", 0, TLS_PSK_LATER },
		{ "null", "", 0, TLS_PSK_LATER }, { "short", "", 0, TLS_PSK_LATER }, { "few", "", 0, TLS_PSK_LATER }, { "nobody", "", 0, -1 }, { "' OR 1 --", "", 0, -1 },
	};
	char path[] = "/tmp/test_keys.XXXXXX", wal[40];
	struct reason why = { 0 };
	uint8_t key[TLS_PSK_MAX];
	size_t len;
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	assert_null(keys_open(path, &why));   /* no such table */
	assert_string_equal(why.field, "psk-database");
	assert_null(keys_open("/nonexistent/keys", &why));
	struct loop *l = loop_new();
	struct store *store = store_open(l, path, key_table, &why);
	assert_non_null(store);
	struct keys *k = keys_open(path, &why);
	assert_non_null(k);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_int_equal(keys_find(k, cases[i].identity, key, &len), cases[i].found);
		assert_int_equal(len, cases[i].len);
		assert_memory_equal(key, cases[i].key, len ? 4 : 0);
	}
	/* What is written meanwhile is what the next handshake finds. */
	struct store_txn *t = store_begin(store);
	store_add(t, "UPDATE psk SET key = x'77000000000000000000000000000000' WHERE identity = 'odd'", NULL, 0);
	store_commit(t, NULL, NULL);
	store_close(store);
	assert_int_equal(keys_find(k, "odd", key, &len), 0);
	assert_int_equal(key[0], 0x77);
	keys_close(k);
	loop_free(l);
	unlink(path);
	for (int i = 0; i < 2; i++) {
		snprintf(wal, sizeof wal, "%s-%s", path, i ? "shm" : "wal");
		unlink(wal);
	}
}

/* CH-45: a table that cannot be read just now says nothing of the one who asks. */
static void keys_of_a_locked_database(void **state)
{
	(void)state;
	char path[] = "/tmp/test_keys.XXXXXX";
	struct reason why = { 0 };
	uint8_t key[TLS_PSK_MAX];
	size_t len;
	sqlite3 *db;
	close(mkstemp(path));
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, key_table[0], NULL, NULL, NULL), SQLITE_OK);
	struct keys *k = keys_open(path, &why);
	assert_non_null(k);
	assert_int_equal(sqlite3_exec(db, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(keys_find(k, "bytes", key, &len), TLS_PSK_LATER);
	assert_int_equal(keys_find(k, "nobody", key, &len), TLS_PSK_LATER);
	assert_int_equal(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(keys_find(k, "bytes", key, &len), 0);
	keys_close(k);
	sqlite3_close(db);
	unlink(path);
}

static void keyless(void **state)
{
	(void)state;
	static const char text[] = "{\"name\":\"a\",\"psk-identity\":\"a\"}";
	struct reason why = { 0 };
	struct peers *s = peers_new();
	assert_null(add(s, text, &why));
	assert_string_equal(why.field, "psk-key");
	peers_keyless(s, true);
	struct peer *p = add(s, text, &why);
	assert_non_null(p);
	assert_null(p->psk_key);
	assert_ptr_equal(peers_by_psk(s, "a"), p);
	peers_free(s);
}

static void callers(void **state)
{
	(void)state;
	struct peers *s = peers_new();
	assert_true(peers_may_call(s));
	assert_non_null(add(s, "{\"name\":\"dms\",\"address\":\"192.0.2.1\",\"psk-identity\":\"us\",\"psk-key\":\"00000000000000000000000000000000\"}", NULL));
	assert_false(peers_may_call(s));
	assert_non_null(add(s, "{\"name\":\"cpe\",\"psk-identity\":\"cpe\",\"psk-key\":\"00000000000000000000000000000000\"}", NULL));
	assert_true(peers_may_call(s));
	peers_remove(s, peers_by_name(s, "cpe"));
	assert_false(peers_may_call(s));
	peers_remove(s, peers_by_name(s, "dms"));
	assert_true(peers_may_call(s));
	peers_free(s);
}

static void refused(void **state)
{
	(void)state;
	static const struct { const char *text, *field; } cases[] = {
		{ "{\"psk-identity\":\"x\",\"psk-key\":\"00000000000000000000000000000000\"}", "name" },
		{ "{\"name\":\"\",\"psk-identity\":\"x\",\"psk-key\":\"00000000000000000000000000000000\"}", "name" },
		{ "{\"name\":\"a\"}", "psk-identity" },
		{ "{\"name\":\"a\",\"psk-identity\":\"x\"}", "psk-key" },
		{ "{\"name\":\"a\",\"psk-key\":\"00000000000000000000000000000000\"}", "psk-identity" },
		{ "{\"name\":\"a\",\"psk-identity\":\"x\",\"psk-key\":\"0\"}", "psk-key" },
		{ "{\"name\":\"a\",\"psk-identity\":\"x\",\"psk-key\":\"\"}", "psk-key" },
		{ "{\"name\":\"a\",\"psk-identity\":\"x\",\"psk-key\":\"zz\"}", "psk-key" },
		{ "{\"name\":\"a\",\"psk-identity\":\"x\",\"psk-key\":\"0102030405060708090a0b0c0d0e0f\"}", "psk-key" },
		{ "{\"name\":\"a\",\"address\":\"192.0.2.1\",\"psk-identity\":\"x\",\"psk-key\":\"0102030405060708090a0b0c0d0e0f\"}", "psk-key" },
		{ "{\"name\":\"a\",\"psk-identity\":\"x\",\"psk-key\":7}", "psk-key" },
		{ "{\"name\":\"a\",\"spki\":\"0011\"}", "spki" },
		{ "{\"name\":\"a\",\"certificate-name\":\"c\",\"session-address\":\"192.0.2.1\"}", "session-address" },
		{ "{\"name\":\"a\",\"certificate-name\":\"c\",\"domain\":\"192.0.2.0/24\"}", "domain" },
		{ "{\"name\":\"a\",\"certificate-name\":\"c\",\"domain\":[\"192.0.2.0/33\"]}", "domain" },
		{ "{\"name\":\"a\",\"certificate-name\":\"c\",\"domain\":[7]}", "domain" },
		{ "{\"name\":\"a\",\"certificate-name\":\"c\",\"domain\":[\"192.0.2.1/24\",\"192.0.2.0/24\"]}", "domain" },
		/* A base server. */
		{ "{\"name\":\"a\",\"address\":\"192.0.2.1\"}", "psk-identity" },
		{ "{\"name\":\"a\",\"address\":[],\"server-name\":\"s\"}", "address" },
		{ "{\"name\":\"a\",\"address\":[\"\"],\"server-name\":\"s\"}", "address" },
		{ "{\"name\":\"a\",\"address\":[\"192.0.2.1\",\"-bad..name\"],\"server-name\":\"s\"}", "address" },
		{ "{\"name\":\"a\",\"address\":\"192.0.2.300\",\"server-name\":\"s\"}", "address" },
		{ "{\"name\":\"a\",\"address\":\"192.0.2.1\",\"server-name\":\"s t\"}", "server-name" },
		{ "{\"name\":\"a\",\"address\":\"192.0.2.1\",\"server-name\":\"192.0.2.1\"}", "server-name" },
		{ "{\"name\":\"a\",\"address\":7,\"server-name\":\"s\"}", "address" },
		{ "{\"name\":\"a\",\"address\":\"192.0.2.1\",\"server-name\":\"s\",\"port\":0}", "port" },
		{ "{\"name\":\"a\",\"address\":\"192.0.2.1\",\"server-name\":\"s\",\"port\":65536}", "port" },
		{ "{\"name\":\"a\",\"address\":\"192.0.2.1\",\"server-name\":\"s\",\"transport\":[\"sctp\"]}", "transport" },
		{ "{\"name\":\"a\",\"address\":\"192.0.2.1\",\"server-name\":\"s\",\"transport\":[]}", "transport" },
		{ "{\"name\":\"a\",\"address\":\"192.0.2.1\",\"server-name\":\"s\",\"domain\":[\"192.0.2.0/24\"]}", "domain" },
		{ "{\"name\":\"a\",\"address\":\"192.0.2.1\",\"certificate-name\":\"s\"}", "certificate-name" },
		{ "{\"name\":\"a\",\"address\":\"192.0.2.1\",\"server-name\":\"s\",\"overlap\":\"loose\"}", "overlap" },
		{ "{\"name\":\"a\",\"certificate-name\":\"c\",\"port\":4646}", "port" },
		{ "{\"name\":\"a\",\"certificate-name\":\"c\",\"server-name\":\"s\"}", "server-name" },
		/* What another one has already. */
		{ "{\"name\":\"first\",\"certificate-name\":\"c\"}", "name" },
		{ "{\"name\":\"a\",\"psk-identity\":\"id\",\"psk-key\":\"00000000000000000000000000000001\"}", "psk-identity" },
		{ "{\"name\":\"a\",\"certificate-name\":\"FIRST.example\"}", "certificate-name" },
		{ "{\"name\":\"a\",\"certificate-name\":\"c\",\"domain\":[\"198.51.100.0/24\"]}", "domain" },
	};
	struct peers *s = peers_new();
	assert_non_null(add(s, "{\"name\":\"first\",\"psk-identity\":\"id\",\"psk-key\":\"00000000000000000000000000000000\",\"certificate-name\":\"first.example\",\"domain\":[\"198.51.100.0/24\"]}", NULL));
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct reason why = { 0 };
		assert_null(add(s, cases[i].text, &why));
		assert_string_equal(why.field, cases[i].field);
		assert_int_equal(peers_count(s), 1);
	}
	assert_non_null(add(s, "{\"name\":\"good\",\"certificate-name\":\"good.example\"}", NULL));
	peers_free(s);
}

static char *write_file(const char *text)
{
	static char path[] = "/tmp/test_peers.XXXXXX";
	memcpy(path + strlen(path) - 6, "XXXXXX", 6);
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	return path;
}

static void load(void **state)
{
	(void)state;
	struct reason why = { 0 };
	struct peers *s = peers_new();
	char *path = write_file("{\"name\":\"a\",\"certificate-name\":\"a\"}\n\n  {\"name\":\"b\",\"certificate-name\":\"b\"}\r\n{\"name\":\"c\",\"certificate-name\":\"c\"}");
	assert_int_equal(peers_load(s, path, &why), 0);
	assert_int_equal(peers_count(s), 3);
	unlink(path);
	peers_free(s);

	s = peers_new();
	path = write_file("{\"name\":\"a\",\"certificate-name\":\"a\"}\n{\"name\":\"a\",\"certificate-name\":\"b\"}\n");
	assert_int_equal(peers_load(s, path, &why), -1);
	assert_non_null(strstr(why.text, ":2: name: there is a peer a already"));
	unlink(path);
	assert_int_equal(peers_load(s, "/nonexistent/peers", &why), -1);
	peers_free(s);
}

/* Places are used again, so that adding and removing for ever keeps the memory flat. */
static void churn(void **state)
{
	(void)state;
	struct peers *s = peers_new();
	char text[160], name[16];
	for (int i = 0; i < 5000; i++) {
		snprintf(text, sizeof text, "{\"name\":\"p%d\",\"psk-identity\":\"p%d\",\"psk-key\":\"00000000000000000000000000000000\",\"domain\":[\"10.%d.%d.0/24\"]}", i, i, i / 256, i % 256);
		assert_non_null(add(s, text, NULL));
		if (i >= 100) {
			snprintf(name, sizeof name, "p%d", i - 100);
			struct peer *old = peers_by_name(s, name);
			assert_non_null(old);
			peers_remove(s, old);
		}
	}
	assert_int_equal(peers_count(s), 100);
	assert_true(peers_places(s) <= 101);
	for (int i = 4900; i < 5000; i++) {
		snprintf(text, sizeof text, "10.%d.%d.77", i / 256, i % 256);
		snprintf(name, sizeof name, "p%d", i);
		struct prefix p = prefix(text);
		assert_ptr_equal(peers_by_source(s, &p), peers_by_psk(s, name));
		assert_non_null(peers_by_psk(s, name));
	}
	peers_free(s);
}

static void description(void **state)
{
	(void)state;
	struct peers *s = peers_new(), *t = peers_new();
	struct peer *a = add(s, "{\"name\":\"a\",\"psk-identity\":\"id\",\"psk-key\":\"00000000000000000000000000000a0b\",\"certificate-name\":\"c\",\"domain\":[\"192.0.2.0/24\",\"2001:db8::/56\"]}", NULL);
	json_t *o = peer_describe(a);
	struct peer *b = peers_add(t, o, NULL);
	json_decref(o);
	assert_non_null(b);
	assert_true(peer_same(a, b));
	struct peer *c = add(t, "{\"name\":\"a2\",\"psk-identity\":\"id2\",\"psk-key\":\"00000000000000000000000000000a0b\"}", NULL);
	assert_false(peer_same(a, c));
	peers_free(s);
	peers_free(t);
}

static bool same_number(const void *arg, uint32_t item, const void *key)
{
	(void)arg;
	return item == *(const uint32_t *)key;
}

/* Everything in one slot's neighbourhood: removed slots must neither hide what comes behind nor be found. */
static void crowded_slots(void **state)
{
	(void)state;
	struct slots s = { 0 };
	for (uint32_t i = 0; i < 1000; i++)
		assert_true(slots_add(&s, i % 3, i));
	for (uint32_t i = 0; i < 1000; i += 2)
		slots_remove(&s, i % 3, i);
	slots_remove(&s, 1, 999999);
	assert_int_equal(s.live, 500);
	for (uint32_t i = 0; i < 1000; i++)
		assert_int_equal(slots_find(&s, i % 3, same_number, NULL, &i), i % 2 ? (int64_t)i : -1);
	for (uint32_t i = 0; i < 100000; i++) {
		assert_true(slots_add(&s, i, 2000));
		slots_remove(&s, i, 2000);
	}
	assert_true(s.cap <= 4096);
	slots_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(look_ups), { "CH-15 longest prefix match", longest_match, NULL, NULL, NULL }, cmocka_unit_test(ch_15_session_address), cmocka_unit_test(keys_of_a_database), { "CH-45 keys of a locked database", keys_of_a_locked_database, NULL, NULL, NULL }, cmocka_unit_test(keyless), cmocka_unit_test(servers), cmocka_unit_test(callers), cmocka_unit_test(refused), cmocka_unit_test(load),
		cmocka_unit_test(churn), cmocka_unit_test(description), cmocka_unit_test(crowded_slots),
	};
	return cmocka_run_group_tests_name("peers", tests, NULL, NULL);
}
