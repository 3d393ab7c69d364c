/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "show.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "apply.h"
#include "base/cli.h"
#include "base/json.h"
#include "base/log.h"
#include "base/when.h"
#include "dots/envelope.h"

#define SAMPLE_MS 300
#define WATCH_MS 1000
#define PLOT 20

/* One mitigation as the kernel shows it. */
struct row {
	uint32_t id;
	char comment[NFT_COMMENT_MAX + 1], rule[NFT_COMMENT_MAX + 1];
	uint64_t packets, bytes, before;
	int64_t left_ms;             /* -1 = none, 0 = run out */
	uint64_t rate;               /* packets a second */
	uint64_t plot[PLOT];
};

struct rows { struct row *v; size_t n, cap; bool failed; };

static struct row *row_of(struct rows *r, uint32_t id)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->v[i].id == id)
			return &r->v[i];
	return NULL;
}

static void counter(void *arg, const char *name, uint64_t packets, uint64_t bytes, const void *userdata, size_t len)
{
	struct rows *r = arg;
	struct mark mark;
	if (*name != 'm' || !mark_read(userdata, len, &mark))
		return;
	uint32_t id = (uint32_t)strtoul(name + 1, NULL, 10);
	struct row *row = row_of(r, id);
	if (!row) {
		if (r->n == r->cap) {
			size_t cap = r->cap ? r->cap * 2 : 32;
			struct row *more = realloc(r->v, cap * sizeof *more);
			if (!more) {
				r->failed = true;
				return;
			}
			r->v = more;
			r->cap = cap;
		}
		row = &r->v[r->n++];
		*row = (struct row){ .id = id };
		mark_comment(userdata, len, row->comment, sizeof row->comment);
	}
	row->packets = packets;
	row->bytes = bytes;
}

static void chain(void *arg, const char *name, uint32_t rules, const char *comment, bool base)
{
	(void)rules, (void)base;
	struct row *row = *name == 'm' ? row_of(arg, (uint32_t)strtoul(name + 1, NULL, 10)) : NULL;
	if (row)
		memcpy(row->rule, comment, sizeof row->rule);
}

static void gate(void *arg, const uint8_t *key, unsigned len, bool end, uint64_t left_ms)
{
	(void)key, (void)len;
	int64_t *left = arg;
	if (!end && (int64_t)left_ms > *left)
		*left = (int64_t)left_ms;
}

static int look(struct nft *n, struct rows *r, struct reason *why)
{
	int e = nft_dump_counters(n, counter, r, why);
	if (e == 0)
		e = nft_dump_chains(n, chain, r, why);
	for (size_t i = 0; e == 0 && i < r->n; i++) {
		char name[NFT_NAME_MAX];
		r->v[i].left_ms = 0;
		for (int f = 0; f < 2; f++)
			nft_dump_elems(n, unit_name(r->v[i].id, f ? "_t6" : "_t4", name), gate, &r->v[i].left_ms, NULL);
	}
	return e;
}

static void wait_ms(int64_t ms)
{
	struct timespec t = { ms / 1000, (long)(ms % 1000) * 1000000 };
	while (nanosleep(&t, &t) < 0 && errno == EINTR)
		;
}

/* "1234", "12.3k", "4.56M": four significant places. */
static const char *human(uint64_t v, char out[16])
{
	static const char units[] = " kMGTPE";
	double d = (double)v;
	int u = 0;
	while (d >= 10000 || (u && d >= 1000)) {
		d /= 1000;
		u++;
	}
	if (u)
		snprintf(out, 16, "%.3g%c", d, units[u]);
	else
		snprintf(out, 16, "%" PRIu64, v);
	return out;
}

static void plot(const struct row *r, int columns)
{
	static const char *const bars[] = { " ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
	uint64_t most = 1;
	for (int i = 0; i < PLOT; i++)
		most = r->plot[i] > most ? r->plot[i] : most;
	for (int i = PLOT - columns; i < PLOT; i++)
		fputs(bars[r->plot[i] ? 1 + r->plot[i] * 7 / most : 0], stdout);
}

/* Columns and lines of the terminal; as good as none where it does not say. */
static void screen(int *columns, int *lines)
{
	struct winsize w = { 0 };
	bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col && w.ws_row;
	*columns = known ? w.ws_col : 1000;
	*lines = known ? w.ws_row : 1000000;
}

/* Letters, not bytes: a name may be of any language. */
static int width_of(const char *text)
{
	int n = 0;
	for (; *text; text++)
		n += (*text & 0xc0) != 0x80;
	return n;
}

/* Left-aligned in so many columns; what is longer ends in "…". */
static void cell(const char *text, int width)
{
	int all = width_of(text), n = 0;
	if (all <= width) {
		printf("%s%*s", text, width - all + 1, "");
		return;
	}
	for (; *text && (n < width - 1 || (*text & 0xc0) == 0x80); text++) {
		n += (*text & 0xc0) != 0x80;
		putchar(*text);
	}
	fputs("… ", stdout);
}

/* Nine columns whatever the lifetime: days when there are some. */
static const char *time_left(int64_t ms, char out[WHEN_TEXT_MAX])
{
	int64_t hours = ms / 3600000;
	if (ms <= 0)
		return "ended";
	if (hours < 100)
		return duration_format(ms / 1000, out);
	snprintf(out, WHEN_TEXT_MAX, "%" PRId64 "d%" PRId64 "h", hours / 24, hours % 24);
	return out;
}

#define NUMBERS 37                       /* the columns behind the rule */
#define NARROW 12                        /* so many at least for a name and for a rule, as long as the plot can give way */

static void print_row(const struct row *v, int names, int rules, int plotted)
{
	char a[16], b[16], c[16], left[WHEN_TEXT_MAX];
	cell(v->comment, names);
	cell(v->rule, rules);
	printf("%8s %8s %8s %9s", human(v->packets, a), human(v->bytes, b), human(v->rate, c), time_left(v->left_ms, left));
	if (plotted) {
		fputs("  ", stdout);
		plot(v, plotted);
	}
	putchar('\n');
}

static void print_table(const struct rows *r, bool watch)
{
	bool colours = cli_colours(STDOUT_FILENO);
	int columns, lines, names = 10, rules = 4;
	screen(&columns, &lines);
	for (size_t i = 0; i < r->n; i++) {
		names = width_of(r->v[i].comment) > names ? width_of(r->v[i].comment) : names;
		rules = width_of(r->v[i].rule) > rules ? width_of(r->v[i].rule) : rules;
	}
	/* Of what is too long, the rule gives way first, then the name; of what is too narrow for both, the plot. */
	int room = columns - NUMBERS - 2, plotted = room - 2 * NARROW - 2;
	plotted = !watch || plotted < 4 ? 0 : plotted < PLOT ? plotted : PLOT;
	room -= plotted ? plotted + 2 : 0;
	int least = room >= 32 ? 16 : room >= 8 ? room / 2 : 4;
	if (names + rules > room)
		rules = room - names > least ? room - names : least;
	if (names + rules > room)
		names = room - rules > least ? room - rules : least;
	if (watch)
		fputs("\033[H\033[2J", stdout);
	printf("%s%-*.*s %-*s %8s %8s %8s %9s%s%s\n", colours ? "\033[1m" : "", names, names, "MITIGATION", rules, "RULE", "PACKETS", "BYTES", "PER SEC", "LEFT", plotted ? "  RATE" : "",
	    colours ? "\033[0m" : "");
	size_t most = watch && (size_t)lines < r->n + 2 ? lines > 4 ? (size_t)lines - 3 : 1 : r->n;
	for (size_t i = 0; i < most; i++)
		print_row(&r->v[i], names, rules, plotted);
	if (most < r->n)
		printf("and %zu more\n", r->n - most);
	if (!r->n)
		puts("nothing is blocked");
}

static void print_lines(const struct rows *r)
{
	for (size_t i = 0; i < r->n; i++) {
		const struct row *v = &r->v[i];
		json_t *line = envelope_new("rule");
		json_put_string(line, "mitigation", v->comment);
		json_put_string(line, "rule", v->rule);
		json_put_u64_string(line, "packets", v->packets);
		json_put_u64_string(line, "bytes", v->bytes);
		json_put_u64_string(line, "per-second", v->rate);
		json_put_int(line, "seconds-left", v->left_ms / 1000);
		char *text = json_line_format(line, NULL);
		if (text)
			puts(text);
		free(text);
		json_decref(line);
	}
}

static void rates(struct rows *r, int64_t passed)
{
	for (size_t i = 0; i < r->n; i++) {
		struct row *v = &r->v[i];
		v->rate = v->packets >= v->before && passed > 0 ? (v->packets - v->before) * 1000 / (uint64_t)passed : 0;
		memmove(v->plot, v->plot + 1, (PLOT - 1) * sizeof *v->plot);
		v->plot[PLOT - 1] = v->rate;
	}
}

static int show_all(struct nft *n, const struct options *o, struct reason *why)
{
	struct rows r = { 0 };
	bool people = !o->json && cli_terminal(STDOUT_FILENO), watch = o->watch;
	int e = look(n, &r, why);
	do {
		int64_t from = when_boot_ms();
		for (size_t i = 0; i < r.n; i++)
			r.v[i].before = r.v[i].packets;
		wait_ms(watch ? WATCH_MS : SAMPLE_MS);
		/* What is withdrawn meanwhile is not shown again. */
		struct rows now = { 0 };
		e = e < 0 ? e : look(n, &now, why);
		for (size_t i = 0; i < now.n; i++) {
			const struct row *was = row_of(&r, now.v[i].id);
			now.v[i].before = was ? was->before : now.v[i].packets;
			if (was)
				memcpy(now.v[i].plot, was->plot, sizeof was->plot);
		}
		free(r.v);
		r = now;
		rates(&r, when_boot_ms() - from);
		if (e == 0 && people)
			print_table(&r, watch);
		else if (e == 0)
			print_lines(&r);
	} while (e == 0 && watch && !fflush(stdout));
	free(r.v);
	return e;
}

/* The table there is, if it is one of ours. NULL after telling. */
static struct nft *ours(const struct options *o, int *status)
{
	struct reason why;
	struct nft_table_info info;
	struct nft *n = nft_open(o->table, &why);
	int e = n ? nft_get_table(n, &info, &why) : -1;
	*status = EXIT_TROUBLE;
	if (e == -ENOENT) {
		log_info("there is no table \"inet %s\": nothing is blocked", o->table);
		*status = EXIT_DONE;
	} else if (e < 0) {
		log_error("%s", why.text);
	} else if (strcmp(info.marker, TABLE_MARKER)) {
		log_error("the table \"inet %s\" was not made by this program", o->table);
		*status = EXIT_REFUSED;
	} else {
		return n;
	}
	nft_close(n);
	return NULL;
}

int show_run(const struct options *o)
{
	int status;
	struct reason why;
	struct nft *n = ours(o, &status);
	if (!n)
		return status;
	int e = show_all(n, o, &why);
	if (e < 0)
		log_error("%s", why.text);
	nft_close(n);
	return e < 0 ? EXIT_TROUBLE : EXIT_DONE;
}

int flush_run(const struct options *o)
{
	int status;
	struct reason why;
	struct nft *n = ours(o, &status);
	if (!n)
		return status;
	nft_begin(n);
	nft_del_table(n);
	int e = nft_commit(n, &why);
	if (e == -EPERM)
		log_error("the table \"inet %s\" belongs to a running dotsch-block, or CAP_NET_ADMIN is missing: stop it first, or withdraw the mitigations", o->table);
	else if (e < 0)
		log_error("%s", why.text);
	nft_close(n);
	return e < 0 ? EXIT_REFUSED : EXIT_DONE;
}
