/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/host.h"

#include <string.h>

#include "base/addr.h"
#include "base/limits.h"

#define LABEL_MAX 63                 /* RFC 1035, 2.3.4 */
#define DIGITS "0123456789"

static const char *label_fault(const char *label, size_t len)
{
	if (!len)
		return "a label is empty";
	if (len > LABEL_MAX)
		return "a label is longer than 63 characters";
	if (label[0] == '-' || label[len - 1] == '-')
		return "a label begins or ends with a hyphen";
	if (strspn(label, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" DIGITS "-_") < len)
		return "only letters, digits, hyphens and dots make a name; write others as xn--...";
	return NULL;
}

const char *host_name_fault(const char *name)
{
	const char *label = name;
	if (strlen(name) > NAME_MAX_BYTES)
		return "longer than 253 characters";
	for (;;) {
		size_t len = strcspn(label, ".");
		const char *fault = label_fault(label, len);
		if (fault)
			return fault;
		if (label[len] && label[len + 1]) {
			label += len + 1;
			continue;
		}
		/* No domain at the top is a number: 192.0.2.300 was meant to be an address. */
		return strspn(label, DIGITS) == len ? "neither an address nor a name" : NULL;
	}
}

const char *host_fault(const char *text)
{
	struct prefix address;
	return addr_parse(text, &address) == 0 ? NULL : host_name_fault(text);
}
