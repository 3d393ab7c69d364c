/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "link/psk.h"
#include "store/store.h"

struct keys { struct store_reader *reader; };

struct keys *keys_open(const char *path, struct reason *why)
{
	struct keys *k = calloc(1, sizeof *k);
	struct stat st;
	if (k && (k->reader = store_reader_open(path, "SELECT key FROM psk WHERE identity = ?1", why))) {
		if (stat(path, &st) == 0 && (st.st_mode & 07) != 0)
			log_warning("%s can be read by everybody, and holds keys: chmod o= %s", path, path);
		return k;
	}
	if (!k)
		reason_set(why, REASON_BAD_REQUEST, "psk-database", "", "out of memory");
	else
		snprintf(why->field, sizeof why->field, "psk-database");
	free(k);
	return NULL;
}

void keys_close(struct keys *k)
{
	if (!k)
		return;
	store_reader_close(k->reader);
	free(k);
}

struct found { uint8_t *key; size_t len; struct reason why; };

/* Bytes, or hexadecimal digits as text: the same keys as elsewhere. */
static void key_row(void *arg, const struct store_row *row)
{
	struct found *f = arg;
	size_t len;
	const void *data = store_column_blob(row, 0, &len);
	if (store_is_text(row, 0)) {
		psk_from_hex(data, len, "key", f->key, &f->len, &f->why);
	} else if (data && len >= TLS_PSK_MIN && len <= TLS_PSK_MAX) {
		memcpy(f->key, data, len);
		f->len = len;
	} else {
		reason_set(&f->why, REASON_BAD_REQUEST, "key", "RFC 9257, 6", "must be %d to %d bytes", TLS_PSK_MIN, TLS_PSK_MAX);
	}
}

int keys_find(struct keys *k, const char *identity, uint8_t key[TLS_PSK_MAX], size_t *len)
{
	struct found f = { .key = key };
	struct reason why = { 0 };
	int n = store_reader_find(k->reader, identity, key_row, &f, &why);
	if (n < 0)
		log_warning("psk-database: the key of %s cannot be read: %s", identity, why.text);
	else if (n && !f.len)
		log_warning("psk-database: the key of %s %s", identity, f.why.text);
	*len = f.len;
	return f.len ? 0 : n ? TLS_PSK_LATER : -1;
}
