/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/reason.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int reason_set(struct reason *why, uint8_t code, const char *field, const char *section, const char *fmt, ...)
{
	if (!why)
		return -1;
	why->code = code;
	snprintf(why->field, sizeof why->field, "%s", field ? field : "");
	snprintf(why->section, sizeof why->section, "%s", section ? section : "");
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(why->text, sizeof why->text, fmt, ap);
	va_end(ap);
	for (char *p = why->text; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	/* A cut in the middle of a UTF-8 character would make the line that carries it invalid JSON. */
	size_t n = strlen(why->text);
	if (n == sizeof why->text - 1) {
		while (n && ((unsigned char)why->text[n - 1] & 0xc0) == 0x80)
			n--;
		if (n && ((unsigned char)why->text[n - 1] & 0x80))
			n--;
		why->text[n] = '\0';
	}
	return -1;
}

const char *reason_format(const struct reason *why, char *out, unsigned long cap)
{
	snprintf(out, cap, "%s%s%s%s%s%s", why->field, *why->field ? ": " : "", why->text,
	    *why->section ? " (" : "", why->section, *why->section ? ")" : "");
	return out;
}
