/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "transport.h"

#include <arpa/inet.h>
#include <assert.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/when.h"

const uint8_t test_key[16] = "sixteen bytes k";

int rig_psk(void *arg, const char *identity, uint8_t key[TLS_PSK_MAX], size_t *key_len, char owner[254])
{
	struct rig *r = arg;
	if (r->unknown || strcmp(identity, "cpe-0001") != 0)
		return -1;
	memcpy(key, r->key, sizeof r->key);
	*key_len = sizeof r->key;
	snprintf(owner, 254, "customer one");
	return 0;
}

int rig_peer(void *arg, struct identity *id)
{
	struct rig *r = arg;
	snprintf(id->owner, sizeof id->owner, "customer of %.200s", id->name);
	return r->unknown ? -1 : 0;
}

static void end_message(void *arg, const uint8_t *data, size_t len)
{
	struct end *e = arg;
	e->messages++;
	assert(len <= sizeof e->last);
	memcpy(e->last, data, len);
	e->last_len = len;
	if (e->echo)
		channel_send(e->channel, data, len);
}

static void end_closed(void *arg, const char *why, bool orderly)
{
	struct end *e = arg;
	e->downs++;
	e->orderly = orderly;
	e->channel = NULL;
	snprintf(e->why, sizeof e->why, "%s", why);
}

static struct rig *rig_of_router(struct end *e)
{
	return (struct rig *)((char *)e - offsetof(struct rig, router));
}

static void router_closed(void *arg, const char *why, bool orderly)
{
	end_closed(arg, why, orderly);
	if (rig_of_router(arg)->redial)
		dial_again(rig_of_router(arg)->dial);
}

static const struct channel_ops router_ops = { end_message, router_closed };
static const struct channel_ops provider_ops = { end_message, end_closed };

static void take(struct end *e, struct channel *c, const struct channel_ops *ops)
{
	e->channel = c;
	e->ups++;
	e->resumed = c->resumed;
	e->kind = c->peer.kind;
	snprintf(e->peer, sizeof e->peer, "%s", c->peer.name);
	snprintf(e->owner, sizeof e->owner, "%s", c->peer.owner);
	channel_own(c, ops, e);
}

static void dialled(void *arg, struct channel *c)
{
	struct rig *r = arg;
	assert(c->call_out);
	take(&r->router, c, &router_ops);
}

static void dial_failed(void *arg, const char *why, unsigned next_s)
{
	struct rig *r = arg;
	(void)next_s;
	r->failed++;
	snprintf(r->failed_why, sizeof r->failed_why, "%s", why);
}

static void accepted(void *arg, struct channel *c)
{
	struct rig *r = arg;
	assert(!c->call_out);
	if (r->provider.channel) {
		unsigned ups = r->provider.ups;
		r->older = r->provider;
		channel_own(r->older.channel, &provider_ops, &r->older);
		r->provider = (struct end){ .ups = ups, .echo = r->older.echo };
	}
	take(&r->provider, c, &provider_ops);
}

static void refused(void *arg, const struct sockaddr_storage *remote, enum transport transport, const char *identity, const char *why)
{
	struct rig *r = arg;
	assert(remote->ss_family);
	r->refused++;
	r->refused_transport = transport;
	snprintf(r->refused_identity, sizeof r->refused_identity, "%s", identity);
	snprintf(r->refused_why, sizeof r->refused_why, "%s", why);
}

static void penalised(void *arg, const struct sockaddr_storage *remote, enum transport transport, const char *why)
{
	struct rig *r = arg;
	assert(remote->ss_family && transport <= TRANSPORT_TCP);
	r->penalised++;
	snprintf(r->penalised_why, sizeof r->penalised_why, "%s", why);
}

void rig_init(struct rig *r)
{
	memset(r, 0, sizeof *r);
	r->loop = loop_new();
	memcpy(r->key, test_key, sizeof r->key);
	/* A port that is free for both transports just now. */
	for (;;) {
		struct sockaddr_in a = { .sin_family = AF_INET };
		socklen_t len = sizeof a;
		int u = socket(AF_INET, SOCK_DGRAM, 0), t = socket(AF_INET, SOCK_STREAM, 0);
		assert(bind(u, (struct sockaddr *)&a, sizeof a) == 0);
		getsockname(u, (struct sockaddr *)&a, &len);
		bool ok = bind(t, (struct sockaddr *)&a, sizeof a) == 0;
		r->port = ntohs(a.sin_port);
		close(u);
		close(t);
		if (ok)
			return;
	}
}

void rig_listen(struct rig *r, const char *address, bool udp, bool tcp)
{
	static const struct listen_ops ops = { accepted, refused, penalised };
	static const char *const both[] = { "127.0.0.1", "::1" };
	struct reason why = { 0 };
	if (!r->server) {
		struct tls_config c = { .server = true, .psk_lookup = rig_psk, .arg = r };
		r->server = tls_bundle_new(&c, &why);
		assert(r->server);
	}
	struct listen_config config = { .addresses = address ? &address : both, .n_addresses = address ? 1 : 2, .port = r->port, .udp = udp, .tcp = tcp, .bundle = r->server,
		.max_half_open = r->max_half_open, .max_rate = r->max_rate, .penalty_after = r->penalty_after };
	r->listen = listen_new(r->loop, &config, &ops, r, &why);
	if (!r->listen)
		printf("# %s\n", why.text);
	assert(r->listen);
}

struct tls_bundle *rig_psk_client(const char *identity, const uint8_t *key, size_t len)
{
	struct tls_config c = { .psk_identity = identity, .psk_key = key, .psk_key_len = len };
	return tls_bundle_new(&c, NULL);
}

static void dial_with(struct rig *r, const char *host, bool udp, bool tcp, unsigned retry_min_s)
{
	static const struct dial_ops ops = { .established = dialled, .failed = dial_failed };
	if (!r->client)
		r->client = rig_psk_client("cpe-0001", test_key, sizeof test_key);
	assert(r->client);
	struct dial_config config = { .hosts = &host, .n_hosts = 1, .port = r->port, .udp = udp, .tcp = tcp, .bundle = r->client, .attempt_delay_ms = 250, .retry_s = 600,
		.retry_min_s = retry_min_s };
	r->dial = dial_new(r->loop, &config, &ops, r);
	assert(r->dial);
}

void rig_dial_service(struct rig *r, const char *service, const char *domain, struct tls_bundle *(*target)(void *arg, const char *name))
{
	const struct dial_ops ops = { .established = dialled, .failed = dial_failed, .target = target };
	r->client = rig_psk_client("cpe-0001", test_key, sizeof test_key);
	assert(r->client);
	struct dial_config config = { .service = service, .domain = domain, .port = r->port, .udp = true, .tcp = true, .bundle = r->client, .attempt_delay_ms = 250,
		.retry_s = 600 };
	r->dial = dial_new(r->loop, &config, &ops, r);
	assert(r->dial);
}

void rig_dial(struct rig *r, const char *host, bool udp, bool tcp)
{
	dial_with(r, host, udp, tcp, 0);
}

void rig_dial_paced(struct rig *r, const char *host, unsigned retry_min_s)
{
	dial_with(r, host, true, false, retry_min_s);
}

static void tick(void *arg)
{
	(void)arg;
}

bool rig_until(struct rig *r, const unsigned *counter, unsigned n)
{
	int64_t end = when_boot_ms() + 10000;
	while (*counter < n && when_boot_ms() < end)
		loop_step(r->loop, 100);
	if (*counter < n)
		printf("# waited for %u, have %u; failed: %s; refused: %s\n", n, *counter, r->failed_why, r->refused_why);
	return *counter >= n;
}

void rig_run(struct rig *r, int ms)
{
	int64_t end = when_boot_ms() + ms;
	struct loop_timer t = { 0 };
	loop_timer_init(&t, tick, NULL);
	for (int64_t left; (left = end - when_boot_ms()) > 0;)
		loop_step(r->loop, (int)left);
}

static void drop(struct end *e)
{
	if (e->channel)
		channel_close(e->channel, false);
	e->channel = NULL;
}

void rig_done(struct rig *r)
{
	drop(&r->router);
	drop(&r->provider);
	drop(&r->older);
	dial_free(r->dial);
	listen_free(r->listen);
	tls_bundle_unref(r->server);
	tls_bundle_unref(r->client);
	loop_free(r->loop);
}

unsigned rig_half_open(const struct rig *r)
{
	struct listen_stats s;
	listen_stats(r->listen, &s);
	return s.half_open;
}

bool rig_exchange(struct rig *r)
{
	static const uint8_t hello[] = { 0x50, 0x01, 0x12, 0x34, 0xff, 'h', 'i' };       /* a NON GET with a payload */
	static const uint8_t frame[] = { 0x30, 0x01, 0xff, 'h', 'i' };                   /* the same over TCP: three bytes of options and payload */
	bool tcp = r->router.channel->transport == TRANSPORT_TCP;
	const uint8_t *data = tcp ? frame : hello;
	size_t len = tcp ? sizeof frame : sizeof hello;
	unsigned a = r->provider.messages, b = r->router.messages;
	if (!channel_send(r->router.channel, data, len) || !rig_until(r, &r->provider.messages, a + 1))
		return false;
	if (!channel_send(r->provider.channel, data, len) || !rig_until(r, &r->router.messages, b + 1))
		return false;
	return r->router.last_len == len && r->provider.last_len == len && memcmp(r->router.last, data, len) == 0;
}

int rig_knock(const struct rig *r)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(r->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
	return fd;
}

bool rig_up(struct rig *r, unsigned n)
{
	return rig_until(r, &r->provider.ups, n) && rig_until(r, &r->router.ups, n);
}

void rig_psk_session(struct rig *r, bool udp, bool tcp)
{
	rig_init(r);
	rig_listen(r, "127.0.0.1", udp, tcp);
	rig_dial(r, "127.0.0.1", udp, tcp);
	assert_true(rig_up(r, 1));
	assert_int_equal(r->provider.kind, IDENTITY_PSK);
	assert_string_equal(r->provider.peer, "cpe-0001");
	assert_string_equal(r->provider.owner, "customer one");
	assert_int_equal(r->router.kind, IDENTITY_PSK);
	assert_false(r->router.resumed);
	assert_int_equal(rig_half_open(r), 0);
	assert_true(rig_exchange(r));
}
