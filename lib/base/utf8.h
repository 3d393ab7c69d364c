/* SPDX-License-Identifier: GPL-3.0-or-later */
/* utf8 - is this text UTF-8, and fit to be shown. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Length in bytes of the well-formed character at text (RFC 3629: no overlong form, no surrogate, at most U+10FFFF), 0 if there is none. */
size_t utf8_char(const char *text, size_t len);
bool utf8_valid(const char *text, size_t len);
/* Valid, and without control characters (C0, DEL, C1): a NUL is one of them. */
bool utf8_printable(const char *text, size_t len);

#endif
