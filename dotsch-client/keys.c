/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/log.h"
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

struct found { uint8_t *key; size_t len; };

/* Bytes, or hexadecimal digits as text. */
static void key_row(void *arg, const struct store_row *row)
{
	struct found *f = arg;
	size_t len;
	const void *data = store_column_blob(row, 0, &len);
	if (store_is_text(row, 0)) {
		long n = hex_decode(data, len, f->key, TLS_PSK_MAX);
		f->len = n > 0 ? (size_t)n : 0;
	} else if (data && len <= TLS_PSK_MAX) {
		memcpy(f->key, data, len);
		f->len = len;
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
		log_warning("psk-database: the key of %s is neither 1 to %d bytes nor as many in hexadecimal", identity, TLS_PSK_MAX);
	*len = f.len;
	return f.len ? 0 : -1;
}
