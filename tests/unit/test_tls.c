/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <arpa/inet.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "certs.h"
#include "transport.h"

static struct rig r;
static struct authority *ca, *other_ca;

static int set_up(void **state)
{
	(void)state;
	certs_init();
	ca = authority_new("ca");
	other_ca = authority_new("other-ca");
	cert_make(ca, "server", &(struct cert_wish){ .dns = "ch.isp.example", .cn = "whatever", .purpose = GNUTLS_KP_TLS_WWW_SERVER });
	cert_make(ca, "client", &(struct cert_wish){ .dns = "cpe1.example", .purpose = GNUTLS_KP_TLS_WWW_CLIENT });
	cert_revoke(ca, "client", "revoked");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	authority_free(ca);
	authority_free(other_ca);
	certs_done();
	return 0;
}

/* Files by name; NULL leaves one out. */
static struct tls_bundle *server_bundle(const char *cert, const char *authority, const char *crl)
{
	struct tls_config c = { .server = true, .certificate_file = certs_path(cert, "pem"), .key_file = certs_path(cert, "key"), .ca_file = certs_path(authority, "pem"),
		.crl_file = crl ? certs_path(crl, "crl") : NULL, .peer_lookup = rig_peer, .arg = &r, .ticket_key_file = certs_path("ticket", "key") };
	struct reason why = { 0 };
	struct tls_bundle *b = tls_bundle_new(&c, &why);
	if (!b)
		print_message("# %s: %s\n", why.field, why.text);
	return b;
}

static struct tls_bundle *client_bundle(const char *cert, const char *authority, const char *name, const char *priority)
{
	struct tls_config c = { .certificate_file = certs_path(cert, "pem"), .key_file = certs_path(cert, "key"), .ca_file = certs_path(authority, "pem"),
		.server_name = name, .priority = priority };
	struct reason why = { 0 };
	struct tls_bundle *b = tls_bundle_new(&c, &why);
	if (!b)
		print_message("# %s: %s\n", why.field, why.text);
	return b;
}

/* One handshake with these credentials; true when both sides are up. */
static bool call(bool udp, struct tls_bundle *server, struct tls_bundle *client)
{
	assert_non_null(server);
	assert_non_null(client);
	rig_init(&r);
	r.server = server;
	r.client = client;
	rig_listen(&r, "127.0.0.1", udp, !udp);
	rig_dial(&r, "127.0.0.1", udp, !udp);
	for (int i = 0; i < 1000 && !r.failed && !(r.router.ups && r.provider.ups); i++)
		loop_step(r.loop, 20);
	for (int i = 0; i < 200 && r.failed && !r.refused; i++)
		loop_step(r.loop, 20);
	return r.router.ups && r.provider.ups;
}

/* One of several reference identifiers: the one that the certificate has is the peer's name. */
static void test_one_of_several_names(void **state)
{
	static const char *const others[] = { "ch2.isp.example", "CH.isp.example" };
	struct tls_config c = { .certificate_file = certs_path("client", "pem"), .key_file = certs_path("client", "key"), .ca_file = certs_path("ca", "pem"),
		.server_name = "ch1.isp.example", .other_names = others, .n_other_names = 2 };
	struct tls_bundle *server = server_bundle("server", "ca", NULL), *client = tls_bundle_new(&c, NULL);

	(void)state;
	assert_true(call(true, server, client));
	assert_string_equal(r.router.peer, "ch.isp.example");
	rig_done(&r);
	c.n_other_names = 1;
	assert_false(call(true, server_bundle("server", "ca", NULL), tls_bundle_new(&c, NULL)));
	assert_says(r.failed_why, "is not for \"ch1.isp.example\" or another server-name: it names ch.isp.example");
	rig_done(&r);
}

static const char *const tls12 = "NORMAL:-VERS-ALL:+VERS-TLS1.2:+VERS-DTLS1.2:-RSA";

static void good(bool udp, const char *priority)
{
	uint8_t spki[32], own[32];
	struct tls_bundle *server = server_bundle("server", "ca", NULL), *client = client_bundle("client", "ca", "CH.isp.example", priority);
	cert_spki("client", spki);
	assert_true(tls_bundle_spki(client, own));
	assert_memory_equal(own, spki, 32);
	assert_true(call(udp, server, client));
	assert_int_equal(r.provider.kind, IDENTITY_X509);
	assert_string_equal(r.provider.peer, "cpe1.example");
	assert_string_equal(r.provider.owner, "customer of cpe1.example");
	assert_memory_equal(r.provider.channel->peer.spki, spki, 32);
	assert_string_equal(r.router.peer, "ch.isp.example");
	assert_true(rig_exchange(&r));
	/* By ticket: the certificate comes along. */
	channel_close(r.router.channel, true);
	r.router.channel = NULL;
	assert_true(rig_until(&r, &r.provider.downs, 1));
	dial_again(r.dial);
	assert_true(rig_up(&r, 2));
	assert_true(r.router.resumed && r.provider.resumed);
	assert_string_equal(r.provider.owner, "customer of cpe1.example");
	assert_memory_equal(r.provider.channel->peer.spki, spki, 32);
	assert_string_equal(r.router.peer, "ch.isp.example");
	assert_true(rig_exchange(&r));
	/* Its certificate has been revoked meanwhile: a ticket from before does not help. */
	struct tls_bundle *strict = server_bundle("server", "ca", "revoked");
	listen_set_bundle(r.listen, strict);
	tls_bundle_unref(strict);
	channel_close(r.router.channel, true);
	r.router.channel = NULL;
	assert_true(rig_until(&r, &r.provider.downs, 2));
	dial_again(r.dial);
	assert_true(rig_until(&r, &r.failed, 1));
	assert_int_equal(r.provider.ups, 2);
	assert_says(r.failed_why, "our certificate has been revoked");
	assert_says(r.refused_why, "has been revoked");
	assert_string_equal(r.refused_identity, "cpe1.example");
	rig_done(&r);
}

static void test_x509_dtls(void **state)
{
	(void)state;
	good(true, NULL);
}

static void test_x509_tls13(void **state)
{
	(void)state;
	good(false, NULL);
}

static void test_x509_tls12(void **state)
{
	(void)state;
	good(false, tls12);
}

static void bad(const char *server, const char *server_ca, const char *crl, const char *client, const char *client_ca, const char *name, const char *dialler_says, const char *listener_says)
{
	for (int udp = 0; udp < 2; udp++) {
		assert_false(call(udp, server_bundle(server, server_ca, crl), client_bundle(client, client_ca, name, NULL)));
		assert_int_equal(r.failed, 1);
		assert_int_equal(r.refused, 1);
		assert_int_equal(r.router.ups + r.provider.ups, 0);
		assert_says(r.failed_why, dialler_says);
		assert_says(r.refused_why, listener_says);
		assert_int_equal(rig_half_open(&r), 0);
		rig_done(&r);
	}
}

static void test_x509_expired(void **state)
{
	(void)state;
	cert_make(ca, "old", &(struct cert_wish){ .dns = "ch.isp.example", .from = -9 * DAY, .until = -2 * DAY });
	bad("old", "ca", NULL, "client", "ca", "ch.isp.example", "expired on 20", "our certificate has expired");
	bad("old", "ca", NULL, "client", "ca", "ch.isp.example", "is this host's clock right?", "clocks");
	bad("server", "ca", NULL, "old", "ca", "ch.isp.example", "our certificate has expired", "the client's certificate expired on 20");
}

static void test_x509_not_yet_valid(void **state)
{
	(void)state;
	cert_make(ca, "new", &(struct cert_wish){ .dns = "ch.isp.example", .from = 2 * DAY, .until = 9 * DAY });
	bad("new", "ca", NULL, "client", "ca", "ch.isp.example", "valid only from 20", "not valid yet");
	bad("new", "ca", NULL, "client", "ca", "ch.isp.example", "is this host's clock right?", "clocks");
}

/* RFC 6125: letter by letter, DNS-ID only. */
static void test_x509_name(void **state)
{
	(void)state;
	bad("server", "ca", NULL, "client", "ca", "other.isp.example", "is not for \"other.isp.example\": it names ch.isp.example", "does its server-name match?");
	cert_make(ca, "wild", &(struct cert_wish){ .dns = "*.isp.example" });
	bad("wild", "ca", NULL, "client", "ca", "ch.isp.example", "is not for \"ch.isp.example\": it names *.isp.example", "refuses our certificate");
	cert_make(ca, "common", &(struct cert_wish){ .cn = "ch.isp.example" });
	bad("common", "ca", NULL, "client", "ca", "ch.isp.example", "it has no DNS name", "refuses our certificate");
}

static void test_x509_wrong_authority(void **state)
{
	(void)state;
	bad("server", "ca", NULL, "client", "other-ca", "ch.isp.example", "an authority that we do not trust: CN=ca", "does not trust the authority of our certificate");
	cert_make(other_ca, "foreign", &(struct cert_wish){ .dns = "cpe1.example" });
	bad("server", "ca", NULL, "foreign", "ca", "ch.isp.example", "does not trust the authority of our certificate", "an authority that we do not trust: CN=other-ca");
}

static void test_x509_purpose(void **state)
{
	(void)state;
	bad("client", "ca", NULL, "client", "ca", "cpe1.example", "not made for a TLS server", "refuses our certificate");
	bad("server", "ca", NULL, "server", "ca", "ch.isp.example", "refuses our certificate", "not made for a TLS client");
}

static void test_x509_revoked(void **state)
{
	(void)state;
	bad("server", "ca", "revoked", "client", "ca", "ch.isp.example", "our certificate has been revoked", "the client's certificate has been revoked");
}

/* RFC 6125, 6.5: for whom a service led here, the certificate may name that service of the domain. */
static void test_x509_service(void **state)
{
	(void)state;
	static const struct { const char *service; bool good; } rows[] = {
		{ "_dots-call-home.isp.example", true }, { "_DOTS-call-home.ISP.example", true }, { "_dots-call-home.other.example", false }, { NULL, false },
	};
	cert_make(ca, "service", &(struct cert_wish){ .service = "_dots-call-home.isp.example", .dns = "somewhere.else.example" });
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct tls_config c = { .certificate_file = certs_path("client", "pem"), .key_file = certs_path("client", "key"), .ca_file = certs_path("ca", "pem"),
			.server_name = "ch.isp.example", .service_name = rows[i].service };
		bool up = call(i & 1, server_bundle("service", "ca", NULL), tls_bundle_new(&c, NULL));
		assert_int_equal(up, rows[i].good);
		if (!up)
			assert_says(r.failed_why, "the server's certificate is not for \"ch.isp.example\": it names somewhere.else.example");
		rig_done(&r);
	}
}

static void test_x509_nobody(void **state)
{
	(void)state;
	struct tls_bundle *server = server_bundle("server", "ca", NULL), *client = client_bundle("client", "ca", "ch.isp.example", NULL);
	rig_init(&r);
	r.unknown = true;
	r.server = server;
	r.client = client;
	rig_listen(&r, "127.0.0.1", true, false);
	rig_dial(&r, "127.0.0.1", true, false);
	assert_true(rig_until(&r, &r.failed, 1));
	assert_says(r.failed_why, "as nobody's it serves");
	assert_says(r.refused_why, "no configured peer has the certificate name \"cpe1.example\"");
	rig_done(&r);
}

/* PSK here, certificates there. */
static void test_no_common_credentials(void **state)
{
	(void)state;
	for (int udp = 0; udp < 2; udp++) {
		assert_false(call(udp, server_bundle("server", "ca", NULL), rig_psk_client("cpe-0001", test_key, sizeof test_key)));
		assert_int_equal(r.failed, 1);
		assert_says(r.failed_why, "no common cipher suite");
		assert_says(r.refused_why, "no common cipher suite");
		rig_done(&r);
	}
}

/* One listener takes both. */
static void test_psk_and_x509_on_one_listener(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		struct tls_config c = { .server = true, .certificate_file = certs_path("server", "pem"), .key_file = certs_path("server", "key"), .ca_file = certs_path("ca", "pem"),
			.peer_lookup = rig_peer, .psk_lookup = rig_psk, .arg = &r };
		assert_true(call(i & 1, tls_bundle_new(&c, NULL), i & 2 ? rig_psk_client("cpe-0001", test_key, sizeof test_key) : client_bundle("client", "ca", "ch.isp.example", NULL)));
		assert_int_equal(r.provider.kind, i & 2 ? IDENTITY_PSK : IDENTITY_X509);
		assert_true(rig_exchange(&r));
		rig_done(&r);
	}
}

/* RFC 7250: keys without certificates; the look-ups pin them. */
static int pin_server(void *arg, struct identity *id)
{
	uint8_t spki[32];
	(void)arg;
	cert_spki("server", spki);
	return id->kind == IDENTITY_RAWPK && memcmp(spki, id->spki, 32) == 0 ? 0 : -1;
}

static struct tls_bundle *raw_client(const char *key)
{
	struct tls_config c = { .key_file = certs_path(key, "key"), .peer_lookup = pin_server };
	return tls_bundle_new(&c, NULL);
}

static struct tls_bundle *raw_server(const char *key)
{
	struct tls_config c = { .server = true, .key_file = certs_path(key, "key"), .peer_lookup = rig_peer, .arg = &r };
	return tls_bundle_new(&c, NULL);
}

static void test_raw_keys(void **state)
{
	(void)state;
	uint8_t spki[32], own[32];
	cert_spki("client", spki);
	for (int udp = 0; udp < 2; udp++) {
		struct tls_bundle *client = raw_client("client");
		assert_non_null(client);
		assert_true(tls_bundle_spki(client, own));
		assert_memory_equal(own, spki, 32);
		assert_true(call(udp, raw_server("server"), client));
		for (unsigned round = 1; round <= 2; round++) {
			assert_int_equal(r.provider.kind, IDENTITY_RAWPK);
			assert_memory_equal(r.provider.channel->peer.spki, spki, 32);
			assert_string_equal(r.provider.owner, "customer of ");
			assert_int_equal(r.provider.resumed, round == 2);
			assert_true(rig_exchange(&r));
			channel_close(r.router.channel, true);
			r.router.channel = NULL;
			assert_true(rig_until(&r, &r.provider.downs, round));
			r.unknown = round == 2;
			dial_again(r.dial);
			if (round == 1) {
				assert_true(rig_until(&r, &r.router.ups, 2));
				assert_true(rig_until(&r, &r.provider.ups, 2));
			}
		}
		assert_true(rig_until(&r, &r.failed, 1));
		assert_says(r.refused_why, "no configured peer has this raw key");
		assert_says(r.failed_why, "as nobody's it serves");
		rig_done(&r);
		/* Not the pinned server. */
		assert_false(call(udp, raw_server("client"), raw_client("client")));
		assert_says(r.failed_why, "the server's key is none that we expect");
		rig_done(&r);
	}
}

/* A client of GnuTLS itself, to do what our own never does. */
static int bare_call(bool udp, const char *priority, const char *alpn, char got_alpn[16])
{
	gnutls_session_t g;
	gnutls_certificate_credentials_t cred;
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(r.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, udp ? SOCK_DGRAM : SOCK_STREAM, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	gnutls_certificate_allocate_credentials(&cred);
	gnutls_init(&g, GNUTLS_CLIENT | GNUTLS_NONBLOCK | (udp ? GNUTLS_DATAGRAM : 0u));
	assert_int_equal(gnutls_priority_set_direct(g, priority, NULL), 0);
	gnutls_credentials_set(g, GNUTLS_CRD_CERTIFICATE, cred);
	if (alpn)
		gnutls_alpn_set_protocols(g, &(gnutls_datum_t){ (unsigned char *)(uintptr_t)alpn, (unsigned)strlen(alpn) }, 1, 0);
	gnutls_transport_set_int(g, fd);
	int ret;
	unsigned refused = r.refused;
	for (int i = 0; i < 500; i++) {
		ret = gnutls_handshake(g);
		if (ret == 0) {
			char none;
			ret = (int)gnutls_record_recv(g, &none, 1);
		}
		if (ret < 0 && gnutls_error_is_fatal(ret))
			break;
		loop_step(r.loop, 5);
	}
	for (int i = 0; i < 100 && r.refused == refused; i++)
		loop_step(r.loop, 10);
	gnutls_datum_t chosen = { 0 };
	got_alpn[0] = '\0';
	if (gnutls_alpn_get_selected_protocol(g, &chosen) == 0)
		snprintf(got_alpn, 16, "%.*s", (int)chosen.size, chosen.data);
	gnutls_deinit(g);
	gnutls_certificate_free_credentials(cred);
	close(fd);
	return ret;
}

/* Nobody without a credential, nothing older than 1.2. */
static void test_strangers(void **state)
{
	(void)state;
	static const struct { bool udp; const char *priority, *listener_says; } rows[] = {
		{ false, "NORMAL:-VERS-ALL:+VERS-TLS1.3", "the peer sent no certificate" },
		{ false, "NORMAL:-VERS-ALL:+VERS-TLS1.2", "the peer sent no certificate" },
		{ true, "NORMAL:-VERS-ALL:+VERS-DTLS1.2", "the peer sent no certificate" },
		{ false, "NORMAL:-VERS-ALL:+VERS-TLS1.1", "no common version" },
		{ false, "NORMAL:-VERS-ALL:+VERS-TLS1.0", "no common version" },
		{ true, "NORMAL:-VERS-ALL:+VERS-DTLS1.0", "no common version" },
		{ false, "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+RSA", "no common cipher suite" },
	};
	char alpn[16];
	rig_init(&r);
	r.server = server_bundle("server", "ca", NULL);
	rig_listen(&r, "127.0.0.1", true, true);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		bare_call(rows[i].udp, rows[i].priority, "coap", alpn);
		assert_int_equal(r.refused, i + 1);
		assert_says(r.refused_why, rows[i].listener_says);
		assert_int_equal(rig_half_open(&r), 0);
	}
	assert_int_equal(r.provider.ups, 0);
	/* The listener chooses the protocol when it is offered. */
	bare_call(false, "NORMAL:-VERS-ALL:+VERS-TLS1.2", "coap", alpn);
	assert_string_equal(alpn, "coap");
	bare_call(false, "NORMAL:-VERS-ALL:+VERS-TLS1.2", "http/1.1", alpn);
	assert_string_equal(alpn, "");
	rig_done(&r);
}

/* A server that knows nothing of ALPN: the dialler leaves (RFC 8323, 8.2). */
static void test_alpn_not_chosen(void **state)
{
	(void)state;
	static const char *const versions[] = { "NORMAL:-VERS-ALL:+VERS-TLS1.2", "NORMAL:-VERS-ALL:+VERS-TLS1.3" };
	for (size_t v = 0; v < 2; v++) {
		gnutls_session_t g;
		gnutls_certificate_credentials_t cred;
		rig_init(&r);
		struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(r.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
		int l = socket(AF_INET, SOCK_STREAM, 0), fd = -1;
		assert_int_equal(bind(l, (struct sockaddr *)&at, sizeof at), 0);
		assert_int_equal(listen(l, 1), 0);
		fcntl(l, F_SETFL, O_NONBLOCK);
		r.client = client_bundle("client", "ca", "ch.isp.example", NULL);
		rig_dial(&r, "127.0.0.1", false, true);
		while (fd < 0) {
			loop_step(r.loop, 10);
			fd = accept4(l, NULL, NULL, SOCK_NONBLOCK);
		}
		gnutls_certificate_allocate_credentials(&cred);
		assert_int_equal(gnutls_certificate_set_x509_key_file(cred, certs_path("server", "pem"), certs_path("server", "key"), GNUTLS_X509_FMT_PEM), 0);
		gnutls_init(&g, GNUTLS_SERVER | GNUTLS_NONBLOCK);
		gnutls_priority_set_direct(g, versions[v], NULL);
		gnutls_credentials_set(g, GNUTLS_CRD_CERTIFICATE, cred);
		gnutls_transport_set_int(g, fd);
		for (int i = 0; i < 500 && !r.failed; i++) {
			gnutls_handshake(g);
			loop_step(r.loop, 5);
		}
		assert_int_equal(r.failed, 1);
		assert_int_equal(r.router.ups, 0);
		assert_says(r.failed_why, "did not choose the protocol \"coap\"");
		gnutls_deinit(g);
		gnutls_certificate_free_credentials(cred);
		close(fd);
		close(l);
		dial_free(r.dial);
		tls_bundle_unref(r.client);
		loop_free(r.loop);
	}
}

static void refuses(const struct tls_config *c, const char *field, const char *text)
{
	struct reason why = { 0 };
	assert_null(tls_bundle_new(c, &why));
	assert_string_equal(why.field, field);
	assert_says(why.text, text);
}

static void test_bundle_refuses(void **state)
{
	(void)state;
	struct tls_config good_client = { .certificate_file = certs_path("client", "pem"), .key_file = certs_path("client", "key"), .ca_file = certs_path("ca", "pem"), .server_name = "x.example" };
	struct tls_config c = { 0 };
	refuses(&c, "psk-identity", "no credentials");
	c = (struct tls_config){ .psk_identity = "a" };
	refuses(&c, "psk-key", "a key of 1 to 64 bytes");
	c = good_client;
	c.server_name = NULL;
	refuses(&c, "server-name", "missing");
	c = good_client;
	c.ca_file = NULL;
	refuses(&c, "ca-file", "missing");
	c.ca_file = "/nonexistent/ca.pem";
	refuses(&c, "ca-file", "/nonexistent/ca.pem");
	c = good_client;
	c.key_file = certs_path("server", "key");
	refuses(&c, "certificate-file", "client.pem");
	c.key_file = NULL;
	refuses(&c, "certificate-file", "both sides");
	c = good_client;
	c.crl_file = c.key_file;
	refuses(&c, "crl-file", "client.key");
	c = good_client;
	chmod(c.key_file, 0644);
	refuses(&c, "key-file", "others may read or write it");
	chmod(c.key_file, 0600);
}

static void test_policy(void **state)
{
	(void)state;
	static const struct { const char *priority, *says; } rows[] = {
		{ "NORMAL:+ECDHE-PSK", "nothing older than 1.2" },
		{ "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-DTLS1.0:+ECDHE-PSK", "allows DTLS1.0" },
		{ "NORMAL:-VERS-ALL:+VERS-TLS1.2:+VERS-DTLS1.2:-KX-ALL:+PSK", "no ephemeral key exchange" },
		{ "NORMAL:-VERS-ALL:+VERS-TLS1.2:+VERS-DTLS1.2:-KX-ALL:+ECDHE-PSK:-CIPHER-ALL:+AES-128-GCM", "no cipher suite for PSK over DTLS" },
		{ "NORMAL:-VERS-ALL:+VERS-TLS1.2:+VERS-DTLS1.2:-KX-ALL:+ECDHE-RSA", "no cipher suite for PSK" },
		{ "NORMAL:NONSENSE", "NONSENSE" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct tls_config c = { .psk_identity = "a", .psk_key = test_key, .psk_key_len = 16, .priority = rows[i].priority };
		refuses(&c, "priority", rows[i].says);
	}
	struct tls_config c = { .psk_identity = "a", .psk_key = test_key, .psk_key_len = 16,
		.priority = "NORMAL:-VERS-ALL:+VERS-TLS1.2:+VERS-DTLS1.2:-KX-ALL:+ECDHE-PSK:-CIPHER-ALL:+AES-128-CBC:-MAC-ALL:+SHA256" };
	struct tls_bundle *b = tls_bundle_new(&c, NULL);
	assert_non_null(b);
	tls_bundle_unref(b);
}

/* Resumption survives our restart: the key is kept, and kept secret. */
/* Several listeners share the key, and start at once: one makes it, and nobody reads half of it. */
static void test_ticket_key_shared(void **state)
{
	(void)state;
	const char *path = certs_path("shared", "key");
	struct tls_config c = { .server = true, .psk_lookup = rig_psk, .arg = &r, .ticket_key_file = path };
	pid_t pids[8];
	for (size_t i = 0; i < 8; i++) {
		if ((pids[i] = fork()))
			continue;
		struct tls_bundle *b = tls_bundle_new(&c, NULL);
		tls_bundle_unref(b);
		_exit(b == NULL);
	}
	for (size_t i = 0; i < 8; i++) {
		int status;
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	rig_init(&r);
	r.server = tls_bundle_new(&c, NULL);
	rig_listen(&r, "127.0.0.1", true, false);
	rig_dial(&r, "127.0.0.1", true, false);
	assert_true(rig_up(&r, 1));
	channel_close(r.provider.channel, true);
	r.provider.channel = NULL;
	assert_true(rig_until(&r, &r.router.downs, 1));
	/* Another instance takes the ticket. */
	struct tls_bundle *other = tls_bundle_new(&c, NULL);
	listen_set_bundle(r.listen, other);
	tls_bundle_unref(other);
	dial_again(r.dial);
	assert_true(rig_until(&r, &r.provider.ups, 2));
	assert_true(r.provider.resumed);
	rig_done(&r);
	unlink(path);
}

static void test_ticket_key_file(void **state)
{
	(void)state;
	const char *path = certs_path("kept", "key");
	struct tls_config c = { .server = true, .psk_lookup = rig_psk, .arg = &r, .ticket_key_file = path };
	rig_init(&r);
	r.server = tls_bundle_new(&c, NULL);
	assert_non_null(r.server);
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	rig_listen(&r, "127.0.0.1", true, false);
	rig_dial(&r, "127.0.0.1", true, false);
	assert_true(rig_up(&r, 1));
	channel_close(r.provider.channel, true);
	r.provider.channel = NULL;
	assert_true(rig_until(&r, &r.router.downs, 1));
	listen_free(r.listen);
	tls_bundle_unref(r.server);
	r.server = tls_bundle_new(&c, NULL);
	rig_listen(&r, "127.0.0.1", true, false);
	dial_again(r.dial);
	assert_true(rig_until(&r, &r.provider.ups, 2));
	assert_true(r.provider.resumed);
	rig_done(&r);
	FILE *f = fopen(path, "w");
	fputs("abc\n", f);
	fclose(f);
	refuses(&c, "ticket-key-file", "remove the file");
	chmod(path, 0666);
	refuses(&c, "ticket-key-file", "others may read or write it");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_of_several_names),
		cmocka_unit_test(test_x509_dtls),
		cmocka_unit_test(test_x509_tls13),
		cmocka_unit_test(test_x509_tls12),
		cmocka_unit_test(test_x509_expired),
		cmocka_unit_test(test_x509_not_yet_valid),
		cmocka_unit_test(test_x509_name),
		cmocka_unit_test(test_x509_wrong_authority),
		cmocka_unit_test(test_x509_purpose),
		cmocka_unit_test(test_x509_revoked),
		cmocka_unit_test(test_x509_service), cmocka_unit_test(test_x509_nobody),
		cmocka_unit_test(test_no_common_credentials),
		cmocka_unit_test(test_psk_and_x509_on_one_listener),
		cmocka_unit_test(test_raw_keys),
		cmocka_unit_test(test_strangers),
		cmocka_unit_test(test_alpn_not_chosen),
		cmocka_unit_test(test_bundle_refuses),
		cmocka_unit_test(test_policy),
		cmocka_unit_test(test_ticket_key_file),
		cmocka_unit_test(test_ticket_key_shared),
	};
	return cmocka_run_group_tests_name("tls", tests, set_up, tear_down);
}
