/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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

static bool write_key(int fd, const gnutls_datum_t *key)
{
	char text[2 * 64 + 2];
	hex_encode(key->data, key->size, text);
	size_t len = 2 * (size_t)key->size;
	text[len++] = '\n';
	bool ok = fchmod(fd, 0600) == 0 && write(fd, text, len) == (ssize_t)len && fsync(fd) == 0;
	explicit_bzero(text, sizeof text);
	return ok;
}

/* As hexadecimal text, readable by its owner only. Several listeners may share the file, and start at once: it appears complete, and the first one makes it.
   1: it is there already. */
static int store_key(const gnutls_datum_t *key, const char *path, struct reason *why)
{
	char draft[PATH_MAX];
	if (key->size > 64 || snprintf(draft, sizeof draft, "%s.XXXXXX", path) >= (int)sizeof draft)
		return reason_set(why, REASON_BAD_REQUEST, "ticket-key-file", "", "%s: unexpected key size, or too long a name", path);
	int fd = mkostemp(draft, O_CLOEXEC);
	bool ok = fd >= 0 && write_key(fd, key) && link(draft, path) == 0;
	int error = errno;
	if (fd >= 0) {
		close(fd);
		unlink(draft);
	}
	if (ok || error == EEXIST)
		return !ok;
	return reason_set(why, REASON_BAD_REQUEST, "ticket-key-file", "", "%s: %s", path, strerror(error));
}

int tls_ticket_key_load(gnutls_datum_t *key, const char *path, struct reason *why)
{
	int ret = gnutls_session_ticket_key_generate(key);
	if (ret < 0)
		return reason_set(why, REASON_BAD_REQUEST, "ticket-key-file", "", "%s", gnutls_strerror(ret));
	if (!path)
		return 0;
	int stored = access(path, F_OK) < 0 && errno == ENOENT ? store_key(key, path, why) : 1;
	if (stored <= 0)
		return stored;
	char text[256];
	long n = conf_read_secret(path, text, sizeof text, why);
	if (n >= 0 && hex_decode(text, (size_t)n, key->data, key->size) != (long)key->size)
		n = reason_set(why, REASON_BAD_REQUEST, "ticket-key-file", "", "%s: not a key of %u bytes in hexadecimal; remove the file to have a new one made", path, key->size);
	explicit_bzero(text, sizeof text);
	if (n < 0 && why)
		snprintf(why->field, sizeof why->field, "ticket-key-file");
	return n < 0 ? -1 : 0;
}
