/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "link/message.h"

#include <assert.h>
#include <coap3/coap.h>
#include <stdio.h>
#include <string.h>

#define UDP_HEADER 4
#define PAYLOAD_MARKER 0xff
#define OPTION_HEADER_MAX 5          /* one byte, and two more each for a large delta and a large length */
#define TOKEN_MAX 8
#define CLASS(code) ((code) >> 5)

/* RFC 8323, 3.2: where the fields of a TCP frame stand. */
struct frame {
	size_t header;               /* bytes before the token: length byte, its extension, the code */
	uint64_t rest;               /* options, marker and payload */
	uint8_t token_len;
};

static bool frame_read(const uint8_t *data, size_t len, struct frame *f)
{
	static const uint32_t base[] = { 13, 269, 65805 };
	static const size_t extra[] = { 1, 2, 4 };
	if (!len)
		return false;
	unsigned nibble = data[0] >> 4;
	size_t ext = nibble < 13 ? 0 : extra[nibble - 13];
	if (len < 1 + ext)
		return false;
	uint64_t rest = 0;
	for (size_t i = 0; i < ext; i++)
		rest = rest << 8 | data[1 + i];
	f->rest = nibble < 13 ? nibble : rest + base[nibble - 13];
	f->header = 1 + ext + 1;
	f->token_len = data[0] & 15;
	return true;
}

long message_frame_len(const uint8_t *data, size_t len, size_t max)
{
	struct frame f;
	if (!frame_read(data, len, &f))
		return 0;
	uint64_t total = f.header + f.token_len + f.rest;
	return total > max ? -1 : (long)total;
}

void message_init(struct message *m)
{
	memset(m, 0, offsetof(struct message, text));
	m->type = MESSAGE_NON;
	m->content_format = m->hop_limit = -1;
	m->observe = m->max_age = m->size2 = m->csm_max_message_size = -1;
	m->text[0] = '\0';
}

void message_copy(struct message *to, const struct message *from)
{
	*to = *from;
	for (size_t i = 0; i < from->n_path; i++)
		if (from->path[i] >= from->text && from->path[i] < from->text + sizeof from->text)
			to->path[i] = to->text + (from->path[i] - from->text);
	for (size_t i = 0; i < from->n_query; i++)
		if (from->query[i] >= from->text && from->query[i] < from->text + sizeof from->text)
			to->query[i] = to->text + (from->query[i] - from->text);
}

static int malformed(struct reason *why, const char *section, const char *text)
{
	reason_set(why, REASON_BAD_REQUEST, "", section, "%s", text);
	return MESSAGE_MALFORMED;
}

static int header_token(struct message *m, const uint8_t *token, size_t len, size_t left, struct reason *why)
{
	if (len > TOKEN_MAX)
		return malformed(why, "RFC 7252, 3", "the token is longer than 8 bytes");
	if (len > left)
		return malformed(why, "RFC 7252, 3", "the message ends inside the token");
	m->token_len = (uint8_t)len;
	memcpy(m->token, token, len);
	return 0;
}

/* The header is read here, not by libcoap, so that a message whose rest is bad can still be rejected or answered. */
static int header_udp(const uint8_t *data, size_t len, struct message *m, bool *header_ok, struct reason *why)
{
	if (len < UDP_HEADER)
		return malformed(why, "RFC 7252, 3", "shorter than the header of 4 bytes");
	if (data[0] >> 6 != 1)
		return malformed(why, "RFC 7252, 3", "the version is not 1");
	m->type = data[0] >> 4 & 3;
	m->code = data[1];
	m->id = (uint16_t)(data[2] << 8 | data[3]);
	*header_ok = true;
	if (header_token(m, data + UDP_HEADER, data[0] & 15, len - UDP_HEADER, why) < 0)
		return MESSAGE_MALFORMED;
	if (m->code == 0 && len != UDP_HEADER)
		return malformed(why, "RFC 7252, 4.1", "an Empty message with bytes after the Message ID");
	unsigned class = CLASS(m->code);
	if (class == 1 || class == 3 || class > 5)
		return malformed(why, "RFC 7252, 12.1", "a code of a reserved class");
	if (m->type == MESSAGE_RST && m->code)
		return malformed(why, "RFC 7252, 4.2", "a Reset message that is not Empty");
	if (m->type == MESSAGE_ACK && m->code && class == 0)
		return malformed(why, "RFC 7252, 4.2", "an Acknowledgement that carries a request");
	return 0;
}

static int header_tcp(const uint8_t *data, size_t len, struct message *m, bool *header_ok, struct reason *why)
{
	struct frame f;
	if (!frame_read(data, len, &f) || len < f.header || f.header + f.token_len + f.rest != len)
		return malformed(why, "RFC 8323, 3.2", "the length in the header is not that of the message");
	m->code = data[f.header - 1];
	if (header_token(m, data + f.header, f.token_len, len - f.header, why) < 0)
		return MESSAGE_MALFORMED;
	*header_ok = true;
	unsigned class = CLASS(m->code);
	if (class == 1 || class == 3 || class == 6)
		return malformed(why, "RFC 7252, 12.1", "a code of a reserved class");
	return 0;
}

/* One option: number and value, and where texts go in m->text. */
struct option {
	uint16_t number;
	const uint8_t *value;
	size_t len;
	size_t *text_used;
};

static uint32_t option_uint(const struct option *o)
{
	uint32_t v = 0;
	for (size_t i = 0; i < o->len; i++)
		v = v << 8 | o->value[i];
	return v;
}

static int unknown_option(const struct option *o, struct reason *why)
{
	if (!(o->number & 1))
		return 0;            /* elective: ignored (RFC 7252, 5.4.1) */
	return reason_set(why, CODE(4, 2), "", "RFC 7252, 5.4.1", "critical option %u is not understood here", o->number);
}

static int option_text(struct message *m, const struct option *o, const char **list, size_t *n, struct reason *why)
{
	const char *name = o->number == COAP_OPTION_URI_PATH ? "Uri-Path" : "Uri-Query";
	if (*n == MESSAGE_MAX_SEGMENTS)
		return reason_set(why, REASON_BAD_REQUEST, name, "", "more than %d options of this kind", MESSAGE_MAX_SEGMENTS);
	if (memchr(o->value, 0, o->len))
		return reason_set(why, REASON_BAD_REQUEST, name, "RFC 9132, 4.4.1", "holds a zero byte");
	if (o->len + 1 > sizeof m->text - *o->text_used)
		return reason_set(why, REASON_BAD_REQUEST, name, "", "Uri-Path and Uri-Query hold more than %zu bytes", sizeof m->text);
	char *text = m->text + *o->text_used;
	memcpy(text, o->value, o->len);
	text[o->len] = '\0';
	*o->text_used += o->len + 1;
	list[(*n)++] = text;
	return 0;
}

static int option_block(enum transport t, const struct option *o, struct block *b, struct reason *why)
{
	uint32_t v = option_uint(o);
	if (b->present)
		return unknown_option(o, why);
	*b = (struct block){ .present = true, .more = v >> 3 & 1, .num = v >> 4, .szx = v & 7 };
	if (b->szx == 7 && t == TRANSPORT_UDP)
		return reason_set(why, REASON_BAD_REQUEST, o->number == COAP_OPTION_BLOCK2 ? "Block2" : "Block1", "RFC 7959, 2.2", "size exponent 7 is reserved");
	return 0;
}

/* Elective ones: one that comes twice counts once (RFC 7252, 5.4.5). */
static void option_once(int64_t *field, const struct option *o)
{
	if (*field < 0)
		*field = option_uint(o);
}

static int option_request(enum transport t, struct message *m, const struct option *o, struct reason *why)
{
	switch (o->number) {
	case COAP_OPTION_IF_MATCH:
		m->if_match = true;
		m->if_match_empty |= o->len == 0;
		return 0;
	case COAP_OPTION_URI_HOST:           /* the session tells which host this is */
	case COAP_OPTION_URI_PORT:
		return 0;
	case COAP_OPTION_URI_PATH:
		return option_text(m, o, m->path, &m->n_path, why);
	case COAP_OPTION_URI_QUERY:
		return option_text(m, o, m->query, &m->n_query, why);
	case COAP_OPTION_ACCEPT:
		if (option_uint(o) == CONTENT_FORMAT_DOTS_CBOR)
			return 0;
		return reason_set(why, CODE(4, 6), "Accept", "RFC 7252, 5.10.4", "format %u; only application/dots+cbor (271) is served", option_uint(o));
	case COAP_OPTION_PROXY_URI:
	case COAP_OPTION_PROXY_SCHEME:
		return reason_set(why, CODE(5, 5), "", "RFC 7252, 5.10.2", "this is no proxy");
	case COAP_OPTION_HOP_LIMIT:
		if (m->hop_limit < 0)
			m->hop_limit = (int)option_uint(o);
		if (m->hop_limit == 0)
			return reason_set(why, REASON_BAD_REQUEST, "Hop-Limit", "RFC 8768, 3", "0 is not in 1..255");
		return 0;
	case COAP_OPTION_BLOCK1:
		return option_block(t, o, &m->block1, why);
	case COAP_OPTION_BLOCK2:
		return option_block(t, o, &m->block2, why);
	default:
		return unknown_option(o, why);
	}
}

static int option_any(enum transport t, struct message *m, const struct option *o, struct reason *why)
{
	switch (o->number) {
	case COAP_OPTION_ETAG:
		if (!m->etag_len && o->len >= 1 && o->len <= sizeof m->etag) {
			m->etag_len = (uint8_t)o->len;
			memcpy(m->etag, o->value, o->len);
		}
		return 0;
	case COAP_OPTION_OBSERVE:
		option_once(&m->observe, o);
		return 0;
	case COAP_OPTION_CONTENT_FORMAT:
		if (m->content_format < 0)
			m->content_format = (int)option_uint(o);
		return 0;
	case COAP_OPTION_MAXAGE:
		option_once(&m->max_age, o);
		return 0;
	case COAP_OPTION_SIZE2:
		option_once(&m->size2, o);
		return 0;
	default:
		return option_request(t, m, o, why);
	}
}

/* Signalling messages (RFC 8323, 5) have option numbers of their own; all the known ones are elective. */
static int option_signal(struct message *m, const struct option *o, struct reason *why)
{
	if (m->code == CODE(7, 1) && o->number == COAP_SIGNALING_OPTION_MAX_MESSAGE_SIZE)
		m->csm_max_message_size = option_uint(o);      /* a later one counts (RFC 8323, 5.3) */
	else if (m->code == CODE(7, 1) && o->number == COAP_SIGNALING_OPTION_BLOCK_WISE_TRANSFER)
		m->csm_block = true;
	else
		return unknown_option(o, why);
	return 0;
}

static int parse_options(enum transport t, const coap_pdu_t *pdu, struct message *m, struct reason *why)
{
	coap_opt_iterator_t it;
	size_t text_used = 0;
	if (!coap_option_iterator_init(pdu, &it, COAP_OPT_ALL))
		return 0;            /* no options */
	for (coap_opt_t *opt; (opt = coap_option_next(&it));) {
		struct option o = { .number = it.number, .value = coap_opt_value(opt), .len = coap_opt_length(opt), .text_used = &text_used };
		int rc = CLASS(m->code) == 7 ? option_signal(m, &o, why) : option_any(t, m, &o, why);
		if (rc < 0)
			return MESSAGE_REFUSED;
	}
	return 0;
}

int message_parse(enum transport t, const uint8_t *data, size_t len, struct message *m, bool *header_ok, struct reason *why)
{
	message_init(m);
	*header_ok = false;
	int rc = t == TRANSPORT_UDP ? header_udp(data, len, m, header_ok, why) : header_tcp(data, len, m, header_ok, why);
	if (rc < 0)
		return rc;
	/* libcoap reports each bad message through a static buffer: we report it ourselves. */
	coap_set_log_level(LOG_EMERG);
	coap_pdu_t *pdu = coap_pdu_init(COAP_MESSAGE_CON, COAP_EMPTY_CODE, 0, len);
	if (!pdu)
		return reason_set(why, CODE(5, 0), "", "", "out of memory");
	if (!coap_pdu_parse(t == TRANSPORT_UDP ? COAP_PROTO_DTLS : COAP_PROTO_TLS, data, len, pdu)) {
		rc = malformed(why, "RFC 7252, 3.1", "the options are not well-formed, or one has a length that it cannot have");
	} else {
		rc = parse_options(t, pdu, m, why);
		const uint8_t *payload;
		if (rc == 0 && coap_get_data(pdu, &m->payload_len, &payload))
			m->payload = data + len - m->payload_len;
	}
	coap_delete_pdu(pdu);
	return rc;
}

/* Options in ascending order; `last` is the number before. */
struct writer {
	struct buf *out;
	uint16_t last;
};

static void put_option(struct writer *w, uint16_t number, const void *value, size_t len)
{
	assert(number >= w->last);
	if (!buf_reserve(w->out, len + OPTION_HEADER_MAX + 1))
		return;
	w->out->len += coap_opt_encode(w->out->data + w->out->len, len + OPTION_HEADER_MAX + 1, (uint16_t)(number - w->last), value, len);
	w->last = number;
}

static void put_uint(struct writer *w, uint16_t number, uint32_t v)
{
	uint8_t bytes[4] = { (uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v };
	size_t skip = 0;
	while (skip < sizeof bytes && !bytes[skip])
		skip++;
	put_option(w, number, bytes + skip, sizeof bytes - skip);
}

static void put_block(struct writer *w, uint16_t number, const struct block *b)
{
	assert(b->num < 1u << 20 && b->szx < 8);
	if (b->present)
		put_uint(w, number, b->num << 4 | (uint32_t)b->more << 3 | b->szx);
}

static void put_options(struct writer *w, const struct message *m)
{
	if (CLASS(m->code) == 7) {
		if (m->csm_max_message_size >= 0)
			put_uint(w, COAP_SIGNALING_OPTION_MAX_MESSAGE_SIZE, (uint32_t)m->csm_max_message_size);
		if (m->csm_block)
			put_option(w, COAP_SIGNALING_OPTION_BLOCK_WISE_TRANSFER, "", 0);
		return;
	}
	if (m->if_match_empty)
		put_option(w, COAP_OPTION_IF_MATCH, "", 0);
	if (m->etag_len)
		put_option(w, COAP_OPTION_ETAG, m->etag, m->etag_len);
	if (m->observe >= 0)
		put_uint(w, COAP_OPTION_OBSERVE, (uint32_t)m->observe);
	for (size_t i = 0; i < m->n_path; i++)
		put_option(w, COAP_OPTION_URI_PATH, m->path[i], strlen(m->path[i]));
	if (m->content_format >= 0)
		put_uint(w, COAP_OPTION_CONTENT_FORMAT, (uint32_t)m->content_format);
	if (m->max_age >= 0)
		put_uint(w, COAP_OPTION_MAXAGE, (uint32_t)m->max_age);
	for (size_t i = 0; i < m->n_query; i++)
		put_option(w, COAP_OPTION_URI_QUERY, m->query[i], strlen(m->query[i]));
	if (m->hop_limit >= 0)
		put_uint(w, COAP_OPTION_HOP_LIMIT, (uint32_t)m->hop_limit);
	put_block(w, COAP_OPTION_BLOCK2, &m->block2);
	put_block(w, COAP_OPTION_BLOCK1, &m->block1);
	if (m->size2 >= 0)
		put_uint(w, COAP_OPTION_SIZE2, (uint32_t)m->size2);
}

static void put_body(struct buf *out, const struct message *m)
{
	struct writer w = { .out = out };
	put_options(&w, m);
	if (!m->payload_len)
		return;
	buf_u8(out, PAYLOAD_MARKER);
	buf_put(out, m->payload, m->payload_len);
}

/* The length comes first but is known last: the body is put behind room for the longest header, then moved up. */
static void build_tcp(const struct message *m, struct buf *out)
{
	enum { ROOM = 6 };
	size_t start = out->len;
	buf_put(out, (const uint8_t[ROOM]){ 0 }, ROOM);
	buf_put(out, m->token, m->token_len);
	size_t body = out->len;
	put_body(out, m);
	if (out->failed)
		return;
	size_t rest = out->len - body, ext = rest < 13 ? 0 : rest < 269 ? 1 : rest < 65805 ? 2 : 4;
	size_t v = ext == 0 ? 0 : rest - (ext == 1 ? 13 : ext == 2 ? 269 : 65805);
	unsigned nibble = ext == 0 ? (unsigned)rest : ext == 1 ? 13 : ext == 2 ? 14 : 15;
	uint8_t *h = out->data + start;
	*h++ = (uint8_t)(nibble << 4 | m->token_len);
	for (size_t i = ext; i-- > 0;)
		*h++ = (uint8_t)(v >> (8 * i));
	*h++ = m->code;
	size_t gap = (size_t)(out->data + start + ROOM - h);
	memmove(h, h + gap, out->len - (start + ROOM));
	out->len -= gap;
}

void message_build(enum transport t, const struct message *m, struct buf *out)
{
	assert(m->token_len <= TOKEN_MAX);
	if (t == TRANSPORT_TCP) {
		build_tcp(m, out);
		return;
	}
	buf_u8(out, (uint8_t)(1 << 6 | m->type << 4 | m->token_len));
	buf_u8(out, m->code);
	buf_be16(out, m->id);
	buf_put(out, m->token, m->token_len);
	put_body(out, m);
}

const char *code_text(uint8_t code, char out[8])
{
	snprintf(out, 8, "%d.%02u", CLASS(code), code & 31u);
	return out;
}

const char *code_name(uint8_t code)
{
	static const char *const methods[] = { "Empty", "GET", "POST", "PUT", "DELETE", "FETCH", "PATCH", "iPATCH" };
	static const char *const signals[] = { "CSM", "Ping", "Pong", "Release", "Abort" };
	if (code < sizeof methods / sizeof *methods)
		return methods[code];
	if (code > CODE(7, 0) && code <= CODE(7, 5))
		return signals[code - CODE(7, 1)];
	const char *phrase = coap_response_phrase(code);
	return phrase ? phrase : "Unknown";
}
