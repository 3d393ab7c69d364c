/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bench_dots - how many mitigation requests a second one core takes from the wire to the line: CBOR decode, validation, JSON text. Beside it, in the same run,
   libcbor's bare streaming decode of the same bytes, which does nothing with them. One JSON line per figure. */
#include <cbor.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "dots/cbor.h"
#include "dots/envelope.h"
#include "dots/json.h"
#include "dots/validate.h"

#define ROUNDS 7
#define ROUND_S 0.2

/* target 203.0.113.9/32, UDP, 1800 s, source 10.20.30.40/32, ports 5000-5010 */
static const char request[] = "a101a10281a506816e3230332e302e3131332e392f33320a81110e190708198000816e31302e32302e33302e34302f333219800181a20819138809191392";
static uint8_t wire[sizeof request / 2];
static size_t wire_len;

static struct prefix_list domain;

static double now(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void must(int ok)
{
	if (!ok)
		abort();
}

static void decode_only(void)
{
	struct body b;
	must(!dots_cbor_decode(wire, wire_len, BODY_REQUEST, &b, NULL));
	body_free(&b);
}

static void decode_validate(void)
{
	const struct validate_rules rules = { .call_home = true, .with_lifetime = true, .domain = &domain };
	struct body b;
	must(!dots_cbor_decode(wire, wire_len, BODY_REQUEST, &b, NULL) && !validate_request(&b.scope[0], &rules, NULL));
	body_free(&b);
}

static void whole(void)
{
	const struct validate_rules rules = { .call_home = true, .with_lifetime = true, .domain = &domain };
	struct body b;
	must(!dots_cbor_decode(wire, wire_len, BODY_REQUEST, &b, NULL) && !validate_request(&b.scope[0], &rules, NULL));
	json_t *line = envelope_new("mitigate");
	json_put_string(line, "peer", "isp");
	json_put_string(line, "cuid", "JsS3O6jh2HfM8ypzxXQUQQ");
	json_put_int(line, "mid", 7);
	json_put_string(line, "consent", "given");
	dots_json_write(&b, line);
	char *text = json_line_format(line, NULL);
	must(text != NULL);
	free(text);
	json_decref(line);
	body_free(&b);
}

static void bare(void)
{
	for (size_t at = 0; at < wire_len;) {
		struct cbor_decoder_result r = cbor_stream_decode(wire + at, wire_len - at, &cbor_empty_callbacks, NULL);
		must(r.status == CBOR_DECODER_FINISHED);
		at += r.read;
	}
}

static const char line_text[] = "{\"type\":\"mitigate\",\"time\":\"2026-11-22T23:28:07.123Z\",\"peer\":\"isp\",\"cuid\":\"JsS3O6jh2HfM8ypzxXQUQQ\",\"mid\":7,"
	"\"consent\":\"given\","
	"\"ietf-dots-signal-channel:mitigation-scope\":{\"scope\":[{\"target-prefix\":[\"203.0.113.9/32\"],\"target-protocol\":[17],\"lifetime\":1800,"
	"\"ietf-dots-call-home:source-prefix\":[\"10.20.30.40/32\"],\"ietf-dots-call-home:source-port-range\":[{\"lower-port\":5000,\"upper-port\":5010}]}]}}";

static void parse_line(void)
{
	struct envelope e;
	must(!envelope_parse(line_text, sizeof line_text - 1, &e, NULL));
	envelope_free(&e);
}

static void parse_bare(void)
{
	json_t *line = json_loadb(line_text, sizeof line_text - 1, JSON_REJECT_DUPLICATES, NULL);
	must(line != NULL);
	json_decref(line);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* The median rates of both, measured in turns so that a busy machine hurts both. */
static void measure(const char *name, void (*ours)(void), const char *peer, void (*theirs)(void))
{
	double rate[2][ROUNDS];
	for (unsigned r = 0; r < ROUNDS; r++)
		for (unsigned which = 0; which < 2; which++) {
			double start = now(), passed;
			unsigned long n = 0;
			do {
				for (unsigned i = 0; i < 1000; i++)
					which ? theirs() : ours();
				n += 1000;
			} while ((passed = now() - start) < ROUND_S);
			rate[which][r] = (double)n / passed;
		}
	qsort(rate[0], ROUNDS, sizeof rate[0][0], by_value);
	qsort(rate[1], ROUNDS, sizeof rate[1][0], by_value);
	double v = rate[0][ROUNDS / 2], p = rate[1][ROUNDS / 2];
	printf("{\"bench\":\"%s\",\"value\":%.0f,\"unit\":\"1/s\",\"peer\":\"%s\",\"peer_value\":%.0f,\"ratio\":%.4f,\"better\":\"higher\"}\n", name, v, peer, p, v / p);
	fflush(stdout);
}

int main(void)
{
	struct prefix p;
	wire_len = (size_t)hex_decode(request, sizeof request - 1, wire, sizeof wire);
	must(!prefix_parse("10.0.0.0/8", false, &p) && !prefix_list_add(&domain, &p));
	measure("dots.request", whole, "libcbor bare streaming decode", bare);
	measure("dots.decode", decode_only, "libcbor bare streaming decode", bare);
	measure("dots.validated", decode_validate, "libcbor bare streaming decode", bare);
	measure("dots.line", parse_line, "jansson bare parse", parse_bare);
	prefix_list_free(&domain);
	return 0;
}
