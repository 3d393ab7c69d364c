/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/reason.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

/* The text may quote foreign bytes, or be cut in the middle of a character: what is left must still be fit for a terminal and for a JSON string. */
static void tidy(char *text)
{
	size_t len = strlen(text), n;
	for (size_t i = 0; i < len; i += n)
		if (!(n = utf8_char(text + i, len - i)) || (unsigned char)text[i] < 0x20 || text[i] == 0x7f) {
			text[i] = '?';
			n = 1;
		}
}

int reason_set(struct reason *why, uint8_t code, const char *field, const char *section, const char *fmt, ...)
{
	if (!why)
		return -1;
	why->code = code;
	/* Its own field or section stays: a caller that says more about a reason passes them. */
	if (field != why->field)
		snprintf(why->field, sizeof why->field, "%s", field ? field : "");
	if (section != why->section)
		snprintf(why->section, sizeof why->section, "%s", section ? section : "");
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(why->text, sizeof why->text, fmt, ap);
	va_end(ap);
	tidy(why->text);
	tidy(why->field);
	return -1;
}

const char *reason_format(const struct reason *why, char *out, unsigned long cap)
{
	snprintf(out, cap, "%s%s%s%s%s%s", why->field, *why->field ? ": " : "", why->text,
	    *why->section ? " (" : "", why->section, *why->section ? ")" : "");
	return out;
}
