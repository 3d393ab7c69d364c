/* SPDX-License-Identifier: GPL-3.0-or-later */
/* certs - an authority and certificates, made when a test wants them; PEM files in a folder of their own. */
#ifndef TESTS_CERTS_H
#define TESTS_CERTS_H

#include <stdint.h>
#include <time.h>

#define DAY ((time_t)86400)

struct authority;   /* a CA with its key */

struct cert_wish {
	const char *dns;             /* DNS-ID; NULL: none */
	const char *service;         /* SRV-ID (RFC 4985); NULL: none */
	const char *cn;              /* common name; NULL: none */
	const char *purpose;         /* extended key usage as an OID; NULL: none */
	time_t from, until;          /* relative to now; both 0: yesterday to tomorrow */
};

/* Files are named in the folder: NAME.pem, NAME.key, NAME.crl. Paths live until certs_done. */
void certs_init(void);               /* makes the folder */
void certs_done(void);               /* removes it */
const char *certs_path(const char *name, const char *ending);
struct authority *authority_new(const char *name);
void authority_free(struct authority *a);
void cert_make(struct authority *a, const char *name, const struct cert_wish *wish);
void cert_revoke(struct authority *a, const char *name, const char *crl_name);   /* a list of the one certificate made last under that name */
void cert_spki(const char *name, uint8_t sha256[32]);

#endif
