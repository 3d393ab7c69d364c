/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "peer_server.h"

#include <stdlib.h>
#include <string.h>

#include "base/host.h"
#include "base/limits.h"

#define ADDRESSES_MAX 16     /* of one server */

/* A member that is one string or a list of them: the i-th, NULL past the end or when it is no string. */
static const char *item(const json_t *value, size_t i)
{
	return json_is_array(value) ? json_string_value(json_array_get(value, i)) : i == 0 ? json_string_value(value) : NULL;
}

static size_t items(const json_t *value)
{
	return json_is_array(value) ? json_array_size(value) : value ? 1 : 0;
}

static int no_memory(struct reason *why)
{
	return reason_set(why, REASON_BAD_REQUEST, "address", "", "out of memory");
}

static int read_addresses(const json_t *value, struct peer_server *s, struct reason *why)
{
	size_t n = items(value);
	if (!n || n > ADDRESSES_MAX)
		return reason_set(why, REASON_BAD_REQUEST, "address", "RFC 9132, 4.3", "must be 1 to %d addresses or names", ADDRESSES_MAX);
	s->addresses = calloc(n, sizeof *s->addresses);
	if (!s->addresses)
		return no_memory(why);
	for (; s->n_addresses < n; s->n_addresses++) {
		const char *text = item(value, s->n_addresses);
		const char *fault = text ? host_fault(text) : "must be text";
		if (fault)
			return reason_set(why, REASON_BAD_REQUEST, "address", "RFC 9132, 4.3", "%.80s is neither an IP address nor a name: %s", text ? text : "a member", fault);
		if (!(s->addresses[s->n_addresses] = strdup(text)))
			return no_memory(why);
	}
	return 0;
}

static int read_transports(const json_t *value, struct peer_server *s, struct reason *why)
{
	s->udp = s->tcp = !value;
	for (size_t i = 0; i < items(value); i++) {
		const char *text = item(value, i);
		if (text && !strcmp(text, "udp"))
			s->udp = true;
		else if (text && !strcmp(text, "tcp"))
			s->tcp = true;
		else
			return reason_set(why, REASON_BAD_REQUEST, "transport", "", "%s is neither udp nor tcp", text ? text : "a member");
	}
	return s->udp || s->tcp ? 0 : reason_set(why, REASON_BAD_REQUEST, "transport", "", "is empty: udp, tcp or both");
}

static int read_all(const json_t *object, struct peer_server *s, struct reason *why)
{
	const char *name = NULL;
	uint64_t port = BASE_PORT;
	if (read_addresses(json_object_get(object, "address"), s, why) < 0 || json_get_u64(object, "port", 65535, &port, why) < 0 ||
	    read_transports(json_object_get(object, "transport"), s, why) < 0 || json_get_string(object, "server-name", NAME_MAX_BYTES, &name, why) < 0)
		return -1;
	if (!port)
		return reason_set(why, REASON_BAD_REQUEST, "port", "", "0 is no port");
	s->port = (uint16_t)port;
	const char *fault = name ? host_name_fault(name) : NULL;
	if (fault)
		return reason_set(why, REASON_BAD_REQUEST, "server-name", "RFC 9132, 7.1", "%.80s is no name that a certificate is checked for: %s", name, fault);
	return name && !(s->server_name = strdup(name)) ? no_memory(why) : 0;
}

int peer_server_read(const json_t *object, struct peer_server **out, struct reason *why)
{
	static const char *const others[] = { "port", "transport", "server-name" };
	*out = NULL;
	if (!json_object_get(object, "address")) {
		for (size_t i = 0; i < sizeof others / sizeof *others; i++)
			if (json_object_get(object, others[i]))
				return reason_set(why, REASON_BAD_REQUEST, others[i], "", "belongs to a base server, which has an address");
		return 0;
	}
	struct peer_server *s = calloc(1, sizeof *s);
	if (!s)
		return no_memory(why);
	if (read_all(object, s, why) == 0) {
		*out = s;
		return 0;
	}
	peer_server_free(s);
	return -1;
}

void peer_server_free(struct peer_server *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n_addresses; i++)
		free(s->addresses[i]);
	free(s->addresses);
	free(s->server_name);
	free(s);
}

void peer_server_describe(const struct peer_server *s, json_t *object)
{
	if (!s)
		return;
	json_t *addresses = json_array(), *transports = json_array();
	for (size_t i = 0; i < s->n_addresses; i++)
		json_array_append_new(addresses, json_string(s->addresses[i]));
	if (s->udp)
		json_array_append_new(transports, json_string("udp"));
	if (s->tcp)
		json_array_append_new(transports, json_string("tcp"));
	json_put(object, "address", addresses);
	json_put_int(object, "port", s->port);
	json_put(object, "transport", transports);
	json_put_string(object, "server-name", s->server_name);
}

bool peer_server_same(const struct peer_server *a, const struct peer_server *b)
{
	if (!a || !b)
		return a == b;
	if (a->n_addresses != b->n_addresses || a->port != b->port || a->udp != b->udp || a->tcp != b->tcp || !a->server_name != !b->server_name ||
	    (a->server_name && strcmp(a->server_name, b->server_name)))
		return false;
	for (size_t i = 0; i < a->n_addresses; i++)
		if (strcmp(a->addresses[i], b->addresses[i]))
			return false;
	return true;
}
