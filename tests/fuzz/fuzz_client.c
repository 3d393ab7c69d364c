/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dotsch-client's own readers. The first byte picks: a message to decode, words of a command, a line that is being completed, or a line shown as text. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../dotsch-client/complete.h"
#include "../../dotsch-client/decode.h"
#include "../../dotsch-client/text.h"
#include "../../dotsch-client/watch.h"
#include "../../dotsch-client/words.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void decode(const uint8_t *data, size_t size)
{
	json_decref(decode_message(data, size, true));
	json_decref(decode_message(data, size, false));
}

static void command(char *text)
{
	char *words[COMPLETE_WORDS_MAX];
	struct words out;
	struct reason why;
	int n = complete_split(text, words);
	if (words_parse(n, words, &out, &why) == 0)
		json_decref(out.line);
}

static void completion(const char *text, size_t len)
{
	struct completion c;
	struct names peers = { 0 }, mids = { 0 };
	char *found;
	size_t start = len;
	while (start && text[start - 1] != ' ')
		start--;
	names_add(&peers, "cpe-0001");
	names_add(&mids, "case-17");
	complete_begin(&c, text, start);
	while ((found = complete_next(&c, text + start, &peers, &mids)))
		free(found);
	names_clear(&peers);
	names_clear(&mids);
}

static void show(const char *text, size_t len)
{
	struct reason why;
	struct buf out = { .max = 1 << 20 };
	struct watch table = { 0 };
	struct names peers = { 0 }, mids = { 0 };
	json_t *line = json_line_parse(text, len, &why);
	if (!line)
		return;
	text_of_line(line, true, &out);
	names_learn(line, &peers, &mids);
	watch_add(&table, line);
	watch_paint(&table, 24, 80, true, &out);
	watch_clear(&table);
	names_clear(&peers);
	names_clear(&mids);
	buf_free(&out);
	json_decref(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	char *text = malloc(size);
	if (!text)
		return 0;
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	switch (data[0] % 4) {
	case 0: decode(data + 1, size - 1); break;
	case 1: command(text); break;
	case 2: completion(text, strlen(text)); break;
	default: show(text, strlen(text));
	}
	free(text);
	return 0;
}
