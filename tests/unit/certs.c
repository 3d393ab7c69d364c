/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "certs.h"

#include <assert.h>
#include <gnutls/abstract.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct authority {
	gnutls_x509_crt_t crt;
	gnutls_x509_privkey_t key;
};

static char folder[64];
static char paths[64][128];
static size_t n_paths;

/* Setting up cannot fail, or the test means nothing. */
#define OK(x) do { int ok_ = (x); if (ok_ < 0) { fprintf(stderr, "%s: %s\n", #x, gnutls_strerror(ok_)); abort(); } } while (0)

void certs_init(void)
{
	const char *tmp = getenv("TMPDIR");
	snprintf(folder, sizeof folder, "%.40s/certs.XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(folder))
		abort();
	n_paths = 0;
}

const char *certs_path(const char *name, const char *ending)
{
	char path[128];
	snprintf(path, sizeof path, "%s/%.40s.%.8s", folder, name, ending);
	for (size_t i = 0; i < n_paths; i++)
		if (strcmp(paths[i], path) == 0)
			return paths[i];
	assert(n_paths < sizeof paths / sizeof *paths);
	return strcpy(paths[n_paths++], path);
}

void certs_done(void)
{
	for (size_t i = 0; i < n_paths; i++)
		unlink(paths[i]);
	rmdir(folder);
}

static void save(const char *path, gnutls_datum_t *pem)
{
	unlink(path);
	FILE *f = fopen(path, "w");
	if (!f || fchmod(fileno(f), 0600) < 0 || fwrite(pem->data, 1, pem->size, f) != pem->size || fclose(f))
		abort();
	gnutls_free(pem->data);
}

static gnutls_x509_privkey_t new_key(const char *name)
{
	gnutls_x509_privkey_t key;
	gnutls_datum_t pem;
	OK(gnutls_x509_privkey_init(&key));
	OK(gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0));
	OK(gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &pem));
	save(certs_path(name, "key"), &pem);
	return key;
}

static gnutls_x509_crt_t new_crt(gnutls_x509_privkey_t key, time_t from, time_t until)
{
	static unsigned char serial;
	gnutls_x509_crt_t crt;
	serial++;
	OK(gnutls_x509_crt_init(&crt));
	OK(gnutls_x509_crt_set_version(crt, 3));
	OK(gnutls_x509_crt_set_serial(crt, &serial, 1));
	OK(gnutls_x509_crt_set_key(crt, key));
	OK(gnutls_x509_crt_set_activation_time(crt, time(NULL) + from));
	OK(gnutls_x509_crt_set_expiration_time(crt, time(NULL) + until));
	return crt;
}

struct authority *authority_new(const char *name)
{
	struct authority *a = calloc(1, sizeof *a);
	gnutls_datum_t pem;
	if (!a)
		abort();
	a->key = new_key(name);
	a->crt = new_crt(a->key, -30 * DAY, 30 * DAY);
	OK(gnutls_x509_crt_set_dn_by_oid(a->crt, GNUTLS_OID_X520_COMMON_NAME, 0, name, (unsigned)strlen(name)));
	OK(gnutls_x509_crt_set_basic_constraints(a->crt, 1, 0));
	OK(gnutls_x509_crt_set_key_usage(a->crt, GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_CRL_SIGN));
	OK(gnutls_x509_crt_sign2(a->crt, a->crt, a->key, GNUTLS_DIG_SHA256, 0));
	OK(gnutls_x509_crt_export2(a->crt, GNUTLS_X509_FMT_PEM, &pem));
	save(certs_path(name, "pem"), &pem);
	return a;
}

void authority_free(struct authority *a)
{
	gnutls_x509_crt_deinit(a->crt);
	gnutls_x509_privkey_deinit(a->key);
	free(a);
}

void cert_make(struct authority *a, const char *name, const struct cert_wish *w)
{
	gnutls_x509_privkey_t key = new_key(name);
	gnutls_x509_crt_t crt = new_crt(key, w->from || w->until ? w->from : -DAY, w->from || w->until ? w->until : DAY);
	gnutls_datum_t pem;
	if (w->cn)
		OK(gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, w->cn, (unsigned)strlen(w->cn)));
	if (w->dns)
		OK(gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, w->dns, (unsigned)strlen(w->dns), GNUTLS_FSAN_SET));
	if (w->service) {
		unsigned char der[130] = { 0x16, (unsigned char)strlen(w->service) };
		memcpy(der + 2, w->service, strlen(w->service));
		OK(gnutls_x509_crt_set_subject_alt_othername(crt, "1.3.6.1.5.5.7.8.7", der, der[1] + 2u, GNUTLS_FSAN_APPEND));
	}
	if (w->purpose)
		OK(gnutls_x509_crt_set_key_purpose_oid(crt, w->purpose, 0));
	OK(gnutls_x509_crt_set_basic_constraints(crt, 0, -1));
	OK(gnutls_x509_crt_set_key_usage(crt, GNUTLS_KEY_DIGITAL_SIGNATURE));
	OK(gnutls_x509_crt_sign2(crt, a->crt, a->key, GNUTLS_DIG_SHA256, 0));
	OK(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &pem));
	save(certs_path(name, "pem"), &pem);
	gnutls_x509_crt_deinit(crt);
	gnutls_x509_privkey_deinit(key);
}

static gnutls_x509_crt_t load(const char *name)
{
	gnutls_x509_crt_t crt;
	gnutls_datum_t pem;
	OK(gnutls_load_file(certs_path(name, "pem"), &pem));
	OK(gnutls_x509_crt_init(&crt));
	OK(gnutls_x509_crt_import(crt, &pem, GNUTLS_X509_FMT_PEM));
	gnutls_free(pem.data);
	return crt;
}

void cert_revoke(struct authority *a, const char *name, const char *crl_name)
{
	gnutls_x509_crt_t crt = load(name);
	gnutls_x509_crl_t crl;
	gnutls_datum_t pem;
	OK(gnutls_x509_crl_init(&crl));
	OK(gnutls_x509_crl_set_version(crl, 2));
	OK(gnutls_x509_crl_set_this_update(crl, time(NULL) - 60));
	OK(gnutls_x509_crl_set_next_update(crl, time(NULL) + DAY));
	OK(gnutls_x509_crl_set_number(crl, "\1", 1));
	OK(gnutls_x509_crl_set_crt(crl, crt, time(NULL) - 60));
	OK(gnutls_x509_crl_sign2(crl, a->crt, a->key, GNUTLS_DIG_SHA256, 0));
	OK(gnutls_x509_crl_export2(crl, GNUTLS_X509_FMT_PEM, &pem));
	save(certs_path(crl_name, "crl"), &pem);
	gnutls_x509_crl_deinit(crl);
	gnutls_x509_crt_deinit(crt);
}

void cert_spki(const char *name, uint8_t sha256[32])
{
	gnutls_x509_crt_t crt = load(name);
	size_t len = 32;
	OK(gnutls_x509_crt_get_key_id(crt, GNUTLS_KEYID_USE_SHA256, sha256, &len));
	gnutls_x509_crt_deinit(crt);
}
