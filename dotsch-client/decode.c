/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "decode.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cli.h"
#include "base/limits.h"
#include "base/log.h"
#include "dots/cbor.h"
#include "dots/json.h"
#include "dots/validate.h"
#include "link/message.h"

static json_t *text_or_hex(const uint8_t *data, size_t len)
{
	json_t *text = json_stringn((const char *)data, len);
	char *hex = text ? NULL : malloc(2 * len + 1);
	if (text || !hex)
		return text;
	text = json_string(hex_encode(data, len, hex));
	free(hex);
	return text;
}

static void put_why(json_t *out, const struct reason *why)
{
	char code[8];
	json_put(out, "valid", json_false());
	json_put_string(out, "reason", why->text);
	json_put_string(out, "field", *why->field ? why->field : NULL);
	json_put_string(out, "section", *why->section ? why->section : NULL);
	json_put_string(out, "answer", code_text(why->code, code));
}

static int validate_put(const struct body *body, bool call_home, struct reason *why)
{
	const struct validate_rules rules = { .call_home = call_home, .with_lifetime = true, .any_alias = !call_home };
	if (body->kind != BODY_MITIGATION_SCOPE)
		return 0;
	if (body->n_scope != 1)
		return reason_set(why, REASON_BAD_REQUEST, "scope", "RFC 9132, 4.4.1", "a request holds exactly one scope entry, this one %zu", body->n_scope);
	/* An efficacy update carries an attack-status, and is otherwise the same (RFC 9132, 4.4.3). */
	return validate_request(&body->scope[0], &rules, why);
}

/* Something that only a server says; without it a body that is no right request is a wrong request. */
static bool is_answer(const struct body *body)
{
	if (body->kind != BODY_MITIGATION_SCOPE)
		return true;
	for (size_t i = 0; i < body->n_scope; i++) {
		const struct mitigation *m = &body->scope[i];
		if (!m->has_mid && !m->has_start && !m->status && !m->has_conflict && !m->has_counters)
			return false;
	}
	return true;
}

/* A body alone does not say which way it goes: as a request first, as an answer when it is none. */
static bool put_body(json_t *out, const uint8_t *data, size_t len, int direction, bool is_put, bool call_home)
{
	struct body body;
	struct reason why = { 0 }, second;
	int result = dots_cbor_decode(data, len, direction == BODY_RESPONSE ? BODY_RESPONSE : BODY_REQUEST, &body, &why);
	bool request = direction != BODY_RESPONSE;
	if (result < 0 && direction < 0 && dots_cbor_decode(data, len, BODY_RESPONSE, &body, &second) == 0 && is_answer(&body)) {
		result = 0;
		request = false;
	}
	if (result == 0) {
		dots_json_write(&body, out);
		if (request && is_put)
			result = validate_put(&body, call_home, &why);
	}
	body_free(&body);
	if (result < 0)
		put_why(out, &why);
	return result == 0;
}

static void put_options(json_t *out, const struct message *m)
{
	char hex[2 * sizeof m->etag + 1];
	json_t *path = json_array(), *query = json_array();
	for (size_t i = 0; i < m->n_path; i++)
		json_array_append_new(path, json_string(m->path[i]));
	for (size_t i = 0; i < m->n_query; i++)
		json_array_append_new(query, json_string(m->query[i]));
	if (m->n_path)
		json_put(out, "uri-path", path);
	else
		json_decref(path);
	if (m->n_query)
		json_put(out, "uri-query", query);
	else
		json_decref(query);
	if (m->content_format >= 0)
		json_put_int(out, "content-format", m->content_format);
	if (m->observe >= 0)
		json_put_int(out, "observe", m->observe);
	if (m->max_age >= 0)
		json_put_int(out, "max-age", m->max_age);
	if (m->hop_limit >= 0)
		json_put_int(out, "hop-limit", m->hop_limit);
	if (m->if_match)
		json_put_string(out, "if-match", m->if_match_empty ? "empty" : "given");
	if (m->etag_len)
		json_put_string(out, "etag", hex_encode(m->etag, m->etag_len, hex));
	if (m->block2.present)
		json_put(out, "block2", json_pack("{s:i,s:b,s:i}", "num", (int)m->block2.num, "more", m->block2.more, "size", 16 << m->block2.szx));
	if (m->block1.present)
		json_put(out, "block1", json_pack("{s:i,s:b,s:i}", "num", (int)m->block1.num, "more", m->block1.more, "size", 16 << m->block1.szx));
}

static void put_header(json_t *out, enum transport t, const struct message *m)
{
	static const char *const types[] = { "CON", "NON", "ACK", "RST" };
	char code[8], hex[2 * sizeof m->token + 1];
	json_put_string(out, "transport", t == TRANSPORT_UDP ? "udp" : "tcp");
	if (t == TRANSPORT_UDP) {
		json_put_string(out, "message", types[m->type & 3]);
		json_put_int(out, "id", m->id);
	}
	json_put_string(out, "code", code_text(m->code, code));
	json_put_string(out, "name", code_name(m->code));
	json_put_string(out, "token", hex_encode(m->token, m->token_len, hex));
}

static bool put_payload(json_t *out, const struct message *m, bool call_home)
{
	bool request = m->code >> 5 == 0;
	bool mitigate = m->n_path > 2 && !strcmp(m->path[2], "mitigate");
	if (!m->payload_len)
		return true;
	if (m->content_format == CONTENT_FORMAT_DOTS_CBOR)
		return put_body(out, m->payload, m->payload_len, request ? BODY_REQUEST : BODY_RESPONSE, request && mitigate && m->code == METHOD_PUT, call_home);
	json_put(out, "diagnostic", text_or_hex(m->payload, m->payload_len));
	return true;
}

static bool try_message(json_t *out, enum transport t, const uint8_t *data, size_t len, bool call_home)
{
	struct message m;
	struct reason why = { 0 };
	bool header = false;
	int result = message_parse(t, data, len, &m, &header, &why);
	if (result < 0 && !header && t == TRANSPORT_TCP)
		reason_set(&why, REASON_BAD_REQUEST, "", "", "neither a CoAP message nor a DOTS body in CBOR");
	if (header)
		put_header(out, t, &m);
	if (result < 0) {
		put_why(out, &why);
		return false;
	}
	put_options(out, &m);
	return put_payload(out, &m, call_home);
}

/* The first byte tells: version 1 of CoAP over UDP is 01xxxxxx, a CBOR map 101xxxxx, tag 271 begins with d9; what is left is a frame of CoAP over TCP. */
json_t *decode_message(const uint8_t *data, size_t len, bool call_home)
{
	json_t *out = json_object();
	bool good;
	if (!len) {
		struct reason why;
		reason_set(&why, REASON_BAD_REQUEST, "", "", "nothing to decode");
		put_why(out, &why);
		return out;
	}
	if (data[0] >> 6 == 1)
		good = try_message(out, TRANSPORT_UDP, data, len, call_home);
	else if (data[0] >> 5 == 5 || data[0] == 0xd9)
		good = put_body(out, data, len, -1, true, call_home);
	else
		good = try_message(out, TRANSPORT_TCP, data, len, call_home);
	if (good)
		json_put(out, "valid", json_true());
	return out;
}

static bool read_input(struct buf *in)
{
	for (;;) {
		if (!buf_reserve(in, 65536))
			return false;
		ssize_t n = read(STDIN_FILENO, in->data + in->len, 65536);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			log_error("standard input: %s", strerror(errno));
			return false;
		}
		if (n == 0)
			return true;
		in->len += (size_t)n;
	}
}

static bool all_hex(const struct buf *b)
{
	for (size_t i = 0; i < b->len; i++)
		if (!isxdigit(b->data[i]) && !isspace(b->data[i]))
			return false;
	return b->len > 0;
}

int decode_main(int argc, char **argv)
{
	bool call_home = true;
	struct buf in = { .max = 4 * DOTS_MESSAGE_MAX };
	if (argc && !strcmp(argv[0], "--base")) {
		call_home = false;
		argc--;
		argv++;
	}
	if (!argc) {
		cli_usage_error("decode needs hexadecimal digits, or - to read them (or raw bytes) from standard input");
		return EXIT_USAGE;
	}
	/* Digits may be given in groups: every operand belongs to the message. */
	bool from_stdin = argc == 1 && !strcmp(argv[0], "-");
	for (int i = 0; i < argc && !from_stdin; i++)
		buf_text(&in, argv[i]);
	if ((from_stdin && !read_input(&in)) || in.failed) {
		buf_free(&in);
		return EXIT_TROUBLE;
	}
	if (all_hex(&in)) {
		long n = hex_decode((char *)in.data, in.len, in.data, in.len);
		in.len = n < 0 ? 0 : (size_t)n;
		if (n < 0)
			cli_usage_error("decode: an odd number of hexadecimal digits");
		if (n < 0) {
			buf_free(&in);
			return EXIT_USAGE;
		}
	} else if (!from_stdin) {
		cli_usage_error("decode: '%s' is not hexadecimal", argv[0]);
		buf_free(&in);
		return EXIT_USAGE;
	}
	json_t *out = decode_message(in.data, in.len, call_home);
	bool valid = json_is_true(json_object_get(out, "valid"));
	char *text = json_dumps(out, cli_terminal(STDOUT_FILENO) ? JSON_INDENT(2) : JSON_COMPACT);
	if (text)
		puts(text);
	free(text);
	json_decref(out);
	buf_free(&in);
	return valid ? EXIT_DONE : EXIT_REFUSED;
}
