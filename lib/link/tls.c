/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "link/tls.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/conf.h"
#include "link/tls_internal.h"

#define KEY_FILE_MAX ((size_t)64 << 10)   /* a PEM key or chain; RSA 16384 takes 13 kB */

void tls_random(void *out, size_t len)
{
	if (gnutls_rnd(GNUTLS_RND_KEY, out, len) < 0)
		abort();   /* nothing is safe without it */
}

void tls_sha256(const void *data, size_t len, uint8_t out[32])
{
	if (gnutls_hash_fast(GNUTLS_DIG_SHA256, data, len, out) < 0)
		abort();
}

/* The library writes keys to a log or a file when its environment says so: not in a daemon. */
static void quieten(void)
{
	static bool done;
	if (done)
		return;
	done = true;
	gnutls_global_set_log_level(0);
	unsetenv("SSLKEYLOGFILE");
}

static int refuse(struct reason *why, const char *field, const char *path, int error)
{
	return reason_set(why, REASON_BAD_REQUEST, field, "", "%s: %s", path, gnutls_strerror(error));
}

static int load_psk(struct tls_bundle *b, const struct tls_config *c, struct reason *why)
{
	if (!c->server && c->psk_identity) {
		if (!c->psk_key || !c->psk_key_len || c->psk_key_len > TLS_PSK_MAX)
			return reason_set(why, REASON_BAD_REQUEST, "psk-key", "RFC 4279, 5.4", "a key of 1 to %d bytes must go with the identity \"%s\"", TLS_PSK_MAX, c->psk_identity);
		if (strlen(c->psk_identity) > 255)
			return reason_set(why, REASON_BAD_REQUEST, "psk-identity", "", "longer than 255 bytes");
		const gnutls_datum_t user = { (unsigned char *)(uintptr_t)c->psk_identity, (unsigned)strlen(c->psk_identity) };
		const gnutls_datum_t key = { (unsigned char *)(uintptr_t)c->psk_key, (unsigned)c->psk_key_len };
		if (gnutls_psk_allocate_client_credentials(&b->psk_client) < 0 || gnutls_psk_set_client_credentials2(b->psk_client, &user, &key, GNUTLS_PSK_KEY_RAW) < 0)
			return reason_set(why, REASON_BAD_REQUEST, "psk-identity", "", "out of memory");
		b->psk = true;
	}
	if (c->server && c->psk_lookup) {
		if (gnutls_psk_allocate_server_credentials(&b->psk_server) < 0)
			return reason_set(why, REASON_BAD_REQUEST, "psk-identity", "", "out of memory");
		gnutls_psk_set_server_credentials_function2(b->psk_server, tls_peer_psk);
		b->psk = true;
	}
	return 0;
}

/* Reads a file whole into *out, which the caller wipes. secret: refused when others may read it. */
static int slurp(const char *path, bool secret, gnutls_datum_t *out, const char *field, struct reason *why)
{
	if (!secret) {
		int ret = gnutls_load_file(path, out);
		return ret < 0 ? reason_set(why, REASON_BAD_REQUEST, field, "", "%s: cannot be read", path) : 0;
	}
	out->data = gnutls_malloc(KEY_FILE_MAX);
	long n = out->data ? conf_read_secret(path, out->data, KEY_FILE_MAX, why) : -1;
	if (n < 0) {
		gnutls_free(out->data);
		out->data = NULL;
		if (why && !why->field[0])
			snprintf(why->field, sizeof why->field, "%s", field);
		return -1;
	}
	out->size = (unsigned)n;
	return 0;
}

static int own_spki(struct tls_bundle *b, gnutls_pubkey_t key)
{
	size_t len = sizeof b->spki;
	int ret = gnutls_pubkey_get_key_id(key, GNUTLS_KEYID_USE_SHA256, b->spki, &len);
	b->have_spki = ret >= 0;
	return ret;
}

/* A key without a certificate: a raw public key (RFC 7250). */
static int use_raw_key(struct tls_bundle *b, const gnutls_datum_t *pem)
{
	gnutls_privkey_t key = NULL;
	gnutls_pubkey_t pub = NULL;
	gnutls_pcert_st pcert;
	int ret = gnutls_privkey_init(&key);
	if (ret >= 0)
		ret = gnutls_privkey_import_x509_raw(key, pem, GNUTLS_X509_FMT_PEM, NULL, 0);
	if (ret >= 0)
		ret = gnutls_pubkey_init(&pub);
	if (ret >= 0)
		ret = gnutls_pubkey_import_privkey(pub, key, GNUTLS_KEY_DIGITAL_SIGNATURE, 0);
	if (ret >= 0)
		ret = own_spki(b, pub);
	if (ret >= 0)
		ret = gnutls_pcert_import_rawpk(&pcert, pub, 0);
	if (ret >= 0) {
		pub = NULL;   /* the pcert has it */
		ret = gnutls_certificate_set_key(b->certificates, NULL, 0, &pcert, 1, key);
		if (ret >= 0)
			return ret;   /* both belong to the credentials */
		gnutls_pcert_deinit(&pcert);
	}
	if (pub)
		gnutls_pubkey_deinit(pub);
	if (key)
		gnutls_privkey_deinit(key);
	return ret;
}

static int use_chain(struct tls_bundle *b, const gnutls_datum_t *chain, const gnutls_datum_t *pem)
{
	int ret = gnutls_certificate_set_x509_key_mem2(b->certificates, chain, pem, GNUTLS_X509_FMT_PEM, NULL, 0);
	gnutls_x509_crt_t crt = NULL;
	gnutls_pubkey_t pub = NULL;
	if (ret >= 0)
		ret = gnutls_x509_crt_init(&crt);
	if (ret >= 0)
		ret = gnutls_x509_crt_import(crt, chain, GNUTLS_X509_FMT_PEM);
	if (ret >= 0)
		ret = gnutls_pubkey_init(&pub);
	if (ret >= 0)
		ret = gnutls_pubkey_import_x509(pub, crt, 0);
	if (ret >= 0)
		ret = own_spki(b, pub);
	if (pub)
		gnutls_pubkey_deinit(pub);
	if (crt)
		gnutls_x509_crt_deinit(crt);
	return ret;
}

static int load_own(struct tls_bundle *b, const struct tls_config *c, struct reason *why)
{
	gnutls_datum_t key = { 0 }, chain = { 0 };
	if (!c->key_file)
		return reason_set(why, REASON_BAD_REQUEST, "key-file", "", "missing: the certificate %s needs its private key", c->certificate_file);
	if (slurp(c->key_file, true, &key, "key-file", why) < 0)
		return -1;
	int ret = 0;
	if (c->certificate_file && slurp(c->certificate_file, false, &chain, "certificate-file", why) < 0) {
		ret = -1;
	} else {
		int error = c->certificate_file ? use_chain(b, &chain, &key) : use_raw_key(b, &key);
		if (error < 0)
			ret = c->certificate_file ?
			    reason_set(why, REASON_BAD_REQUEST, "certificate-file", "", "%s with %s: %s", c->certificate_file, c->key_file, gnutls_strerror(error)) :
			    refuse(why, "key-file", c->key_file, error);
	}
	gnutls_memset(key.data, 0, key.size);
	gnutls_free(key.data);
	gnutls_free(chain.data);
	return ret;
}

static int load_crl(struct tls_bundle *b, const char *path, struct reason *why)
{
	gnutls_datum_t pem = { 0 };
	if (slurp(path, false, &pem, "crl-file", why) < 0)
		return -1;
	int ret = gnutls_x509_crl_list_import2(&b->crls, &b->n_crls, &pem, GNUTLS_X509_FMT_PEM, 0);
	if (ret >= 0)
		ret = gnutls_certificate_set_x509_crl(b->certificates, b->crls, (int)b->n_crls);
	gnutls_free(pem.data);
	return ret < 0 ? refuse(why, "crl-file", path, ret) : 0;
}

static int load_certificates(struct tls_bundle *b, const struct tls_config *c, struct reason *why)
{
	if (!c->certificate_file && !c->key_file && !c->ca_file)
		return c->crl_file ? reason_set(why, REASON_BAD_REQUEST, "crl-file", "", "without ca-file there is nothing to revoke") : 0;
	if (c->certificate_file && !c->ca_file && !c->peer_lookup)
		return reason_set(why, REASON_BAD_REQUEST, "ca-file", "RFC 5280, 6", "missing: whom shall we trust?");
	if (c->ca_file && !c->key_file)
		return reason_set(why, REASON_BAD_REQUEST, "certificate-file", "RFC 9066, 8", "missing: both sides must authenticate, a ca-file alone does not");
	if (c->ca_file && !c->server && !c->server_name)
		return reason_set(why, REASON_BAD_REQUEST, "server-name", "RFC 6125, 6", "missing: the name that the peer's certificate must carry");
	if ((!c->ca_file || c->server) && !c->peer_lookup)
		return reason_set(why, REASON_BAD_REQUEST, "key-file", "RFC 7250", "nothing says which peers' %s to accept", c->ca_file ? "certificates" : "raw keys");
	b->own_raw = !c->certificate_file;
	b->take_x509 = c->ca_file;
	b->take_raw = c->peer_lookup && (c->server || !c->ca_file);
	int ret = gnutls_certificate_allocate_credentials(&b->certificates);
	if (ret < 0)
		return refuse(why, "certificate-file", "credentials", ret);
	gnutls_certificate_set_verify_function(b->certificates, tls_peer_verify);
	if (load_own(b, c, why) < 0)
		return -1;
	if (c->ca_file) {
		ret = gnutls_certificate_set_x509_trust_file(b->certificates, c->ca_file, GNUTLS_X509_FMT_PEM);
		if (ret <= 0)
			return ret < 0 ? refuse(why, "ca-file", c->ca_file, ret) : reason_set(why, REASON_BAD_REQUEST, "ca-file", "", "%s: no certificate in it", c->ca_file);
	}
	return c->crl_file ? load_crl(b, c->crl_file, why) : 0;
}

static int copy(char **to, const char *from)
{
	*to = from ? strdup(from) : NULL;
	return from && !*to ? -1 : 0;
}

static int copy_names(struct tls_bundle *b, const struct tls_config *c)
{
	b->other_names = c->n_other_names ? calloc(c->n_other_names, sizeof *b->other_names) : NULL;
	if (c->n_other_names && !b->other_names)
		return -1;
	b->n_other_names = c->n_other_names;
	for (size_t i = 0; i < c->n_other_names; i++)
		if (copy(&b->other_names[i], c->other_names[i]) < 0)
			return -1;
	return copy(&b->server_name, c->server_name) < 0 ? -1 : copy(&b->service_name, c->service_name);
}

struct tls_bundle *tls_bundle_new(const struct tls_config *config, struct reason *why)
{
	quieten();
	struct tls_bundle *b = calloc(1, sizeof *b);
	if (!b) {
		reason_set(why, REASON_BAD_REQUEST, "", "", "out of memory");
		return NULL;
	}
	b->refs = 1;
	b->server = config->server;
	b->psk_lookup = config->psk_lookup;
	b->peer_lookup = config->peer_lookup;
	b->arg = config->arg;
	int ret = 0;
	if (copy(&b->psk_identity, config->psk_identity) < 0 || copy_names(b, config) < 0)
		ret = reason_set(why, REASON_BAD_REQUEST, "", "", "out of memory");
	if (ret == 0)
		ret = load_psk(b, config, why);
	if (ret == 0)
		ret = load_certificates(b, config, why);
	if (ret == 0 && !b->psk && !b->certificates)
		ret = reason_set(why, REASON_BAD_REQUEST, "psk-identity", "RFC 9132, 7.1", "no credentials: give psk-identity and a key, or certificate-file, key-file and ca-file");
	if (ret == 0)
		ret = tls_policy_make(b, config->priority, why);
	if (ret == 0 && b->server)
		ret = tls_ticket_key_load(&b->ticket_key, config->ticket_key_file, why);
	if (ret < 0) {
		tls_bundle_unref(b);
		return NULL;
	}
	return b;
}

struct tls_bundle *tls_bundle_ref(struct tls_bundle *b)
{
	b->refs++;
	return b;
}

void tls_bundle_unref(struct tls_bundle *b)
{
	if (!b || --b->refs)
		return;
	if (b->psk_client)
		gnutls_psk_free_client_credentials(b->psk_client);
	if (b->psk_server)
		gnutls_psk_free_server_credentials(b->psk_server);
	if (b->certificates)
		gnutls_certificate_free_credentials(b->certificates);
	for (unsigned i = 0; i < b->n_crls; i++)
		gnutls_x509_crl_deinit(b->crls[i]);
	gnutls_free(b->crls);
	for (size_t i = 0; i < 2; i++)
		if (b->priority[i])
			gnutls_priority_deinit(b->priority[i]);
	if (b->ticket_key.data)
		gnutls_memset(b->ticket_key.data, 0, b->ticket_key.size);
	gnutls_free(b->ticket_key.data);
	free(b->psk_identity);
	free(b->server_name);
	free(b->service_name);
	for (size_t i = 0; i < b->n_other_names; i++)
		free(b->other_names[i]);
	free(b->other_names);
	free(b);
}

bool tls_bundle_spki(const struct tls_bundle *b, uint8_t sha256[32])
{
	if (b->have_spki)
		memcpy(sha256, b->spki, 32);
	return b->have_spki;
}
