/* SPDX-License-Identifier: GPL-3.0-or-later */
/* decode - one DOTS message, from hexadecimal digits or raw bytes, as JSON: `dotsch-client decode HEX|-`. */
#ifndef CLIENT_DECODE_H
#define CLIENT_DECODE_H

#include "base/json.h"

/* Never NULL; "valid" tells, and "reason", "field" and "section" say why not. call_home: requests are held to RFC 9066 (CH-13 … CH-23). Caller json_decref()s. */
json_t *decode_message(const uint8_t *data, size_t len, bool call_home);
/* The sub-command: its operands behind "decode". Returns the exit code. */
int decode_main(int argc, char **argv);

#endif
