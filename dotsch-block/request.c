/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "request.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define MOST_HOSTS 1024

int mac_parse(const char *text, uint8_t out[6])
{
	static const char form[] = "xx:xx:xx:xx:xx:xx";
	for (size_t i = 0; i < sizeof form; i++)
		if (form[i] == 'x' ? !isxdigit((unsigned char)text[i]) : text[i] != form[i])
			return -1;
	for (size_t i = 0; i < 6; i++)
		out[i] = (uint8_t)strtoul(text + 3 * i, NULL, 16);
	return 0;
}

static int host_parse(const json_t *o, struct host *h, struct reason *why)
{
	const char *address = NULL, *mac = NULL;
	if (!json_is_object(o))
		return reason_set(why, REASON_BAD_REQUEST, "hosts", "dotsch-lines(5)", "holds something that is no object");
	if (json_get_string(o, "address", PREFIX_TEXT_MAX, &address, why) < 0 || json_get_string(o, "mac", 32, &mac, why) < 0)
		return -1;
	*h = (struct host){ .has_address = address != NULL, .has_mac = mac != NULL };
	if (address && prefix_parse(address, true, &h->address) < 0)
		return reason_set(why, REASON_BAD_REQUEST, "address", "dotsch-lines(5)", "\"%s\" is not an address", address);
	if (address && !prefix_is_host(&h->address))
		return reason_set(why, REASON_BAD_REQUEST, "address", "dotsch-lines(5)", "\"%s\" is not a single host", address);
	if (mac && mac_parse(mac, h->mac) < 0)
		return reason_set(why, REASON_BAD_REQUEST, "mac", "dotsch-lines(5)", "\"%s\" is not a MAC address such as 02:00:5e:10:00:01", mac);
	if (!address && !mac)
		return reason_set(why, REASON_BAD_REQUEST, "hosts", "dotsch-lines(5)", "a host has neither address nor mac");
	return 0;
}

/* The list of inside hosts: 1 when the line has one, 0 when not. The caller frees *out. */
static int hosts_parse(const json_t *line, struct host **out, size_t *n, struct reason *why)
{
	json_t *list = NULL;
	*out = NULL;
	*n = 0;
	int got = json_get_container(line, "hosts", JSON_ARRAY, &list, why);
	if (got <= 0)
		return got;
	size_t count = json_array_size(list);
	if (count > MOST_HOSTS)
		return reason_set(why, REASON_BAD_REQUEST, "hosts", "dotsch-lines(5)", "has %zu entries, at most %d are allowed", count, MOST_HOSTS);
	if (count && !(*out = calloc(count, sizeof **out)))
		return reason_set(why, 163, "hosts", "", "out of memory");
	for (size_t i = 0; i < count; i++)
		if (host_parse(json_array_get(list, i), &(*out)[i], why) < 0) {
			free(*out);
			*out = NULL;
			return -1;
		}
	*n = count;
	return 1;
}

int request_parse(const json_t *line, struct request *r, struct reason *why)
{
	const char *consent = NULL;
	*r = (struct request){ 0 };
	if (json_get_string(line, "consent", 32, &consent, why) < 0 || json_get_string(line, "certainty", 32, &r->certainty, why) < 0)
		return -1;
	/* An unknown word is no consent. */
	r->pending = consent && strcmp(consent, "given") != 0;
	int got = hosts_parse(line, &r->hosts, &r->n, why);
	r->has_hosts = got == 1;
	return got < 0 ? -1 : 0;
}

void request_free(struct request *r)
{
	free(r->hosts);
	*r = (struct request){ 0 };
}
