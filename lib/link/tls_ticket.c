/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/conf.h"
#include "link/tls_internal.h"

struct tls_ticket {
	unsigned refs;
	gnutls_datum_t data;   /* holds the master secret */
};

struct tls_ticket *tls_ticket_new(void)
{
	struct tls_ticket *t = calloc(1, sizeof *t);
	if (t)
		t->refs = 1;
	return t;
}

struct tls_ticket *tls_ticket_ref(struct tls_ticket *t)
{
	t->refs++;
	return t;
}

void tls_ticket_forget(struct tls_ticket *t)
{
	if (t->data.data)
		gnutls_memset(t->data.data, 0, t->data.size);
	gnutls_free(t->data.data);
	t->data = (gnutls_datum_t){ 0 };
}

void tls_ticket_unref(struct tls_ticket *t)
{
	if (!t || --t->refs)
		return;
	tls_ticket_forget(t);
	free(t);
}

bool tls_ticket_present(const struct tls_ticket *t)
{
	return t->data.size;
}

void tls_ticket_keep(struct tls_session *s)
{
	gnutls_datum_t data = { 0 };
	if (!s->ticket || !(gnutls_session_get_flags(s->g) & GNUTLS_SFLAGS_SESSION_TICKET))
		return;
	if (gnutls_session_get_data2(s->g, &data) < 0)
		return;
	tls_ticket_forget(s->ticket);
	s->ticket->data = data;
}

void tls_ticket_use(struct tls_session *s)
{
	if (s->ticket && s->ticket->data.size)
		gnutls_session_set_data(s->g, s->ticket->data.data, s->ticket->data.size);
}

/* As hexadecimal text, readable by its owner only. */
static int store_key(const gnutls_datum_t *key, const char *path, struct reason *why)
{
	char text[2 * 64 + 2];
	if (key->size > 64)
		return reason_set(why, REASON_BAD_REQUEST, "ticket-key-file", "", "%s: unexpected key size", path);
	hex_encode(key->data, key->size, text);
	size_t len = 2 * (size_t)key->size;
	text[len++] = '\n';
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	bool ok = fd >= 0 && write(fd, text, len) == (ssize_t)len && fsync(fd) == 0;
	int error = errno;
	explicit_bzero(text, sizeof text);
	if (fd >= 0)
		close(fd);
	if (ok)
		return 0;
	if (fd >= 0)
		unlink(path);
	return reason_set(why, REASON_BAD_REQUEST, "ticket-key-file", "", "%s: %s", path, strerror(error));
}

int tls_ticket_key_load(gnutls_datum_t *key, const char *path, struct reason *why)
{
	int ret = gnutls_session_ticket_key_generate(key);
	if (ret < 0)
		return reason_set(why, REASON_BAD_REQUEST, "ticket-key-file", "", "%s", gnutls_strerror(ret));
	if (!path)
		return 0;
	if (access(path, F_OK) < 0 && errno == ENOENT)
		return store_key(key, path, why);
	char text[256];
	long n = conf_read_secret(path, text, sizeof text, why);
	if (n >= 0 && hex_decode(text, (size_t)n, key->data, key->size) != (long)key->size)
		n = reason_set(why, REASON_BAD_REQUEST, "ticket-key-file", "", "%s: not a key of %u bytes in hexadecimal; remove the file to have a new one made", path, key->size);
	explicit_bzero(text, sizeof text);
	if (n < 0 && why)
		snprintf(why->field, sizeof why->field, "ticket-key-file");
	return n < 0 ? -1 : 0;
}
