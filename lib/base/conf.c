/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/conf.h"

#include <assert.h>
#include <confuse.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/when.h"

/* libConfuse hands errors to a callback without an argument; loading happens once at a time in one thread. */
static struct reason *conf_why;

struct conf_section {
	const struct conf_key *keys;
	cfg_t *cfg;
	struct conf_section **subs;      /* every sub-section, in the order of the table and the file */
	const char **sub_names;
	size_t n_subs;
};

struct conf {
	cfg_t *cfg;
	struct conf_section *top;
	cfg_opt_t **tables;              /* what libConfuse was built from: it keeps pointers into sub-tables */
	size_t n_tables;
};

static void __attribute__((format(printf, 2, 0))) conf_error(cfg_t *cfg, const char *fmt, va_list ap)
{
	if (conf_why && !*conf_why->text) {
		char text[256];
		vsnprintf(text, sizeof text, fmt, ap);
		if (cfg && cfg->filename && cfg->line > 0)
			reason_set(conf_why, REASON_BAD_REQUEST, "", "", "%s:%d: %s", cfg->filename, cfg->line, text);
		else
			reason_set(conf_why, REASON_BAD_REQUEST, "", "", "%s", text);
	}
}

static cfg_opt_t *build_table(struct conf *c, const struct conf_key *keys)
{
	size_t n = 0;
	while (keys[n].type != CONF_END)
		n++;
	cfg_opt_t *opts = calloc(n + 1, sizeof *opts);
	cfg_opt_t **tables = opts ? realloc(c->tables, (c->n_tables + 1) * sizeof *tables) : NULL;
	if (!tables)
		abort();
	c->tables = tables;
	c->tables[c->n_tables++] = opts;
	for (size_t i = 0; i < n; i++) {
		const struct conf_key *k = &keys[i];
		switch (k->type) {
		case CONF_LIST:
			opts[i] = (cfg_opt_t)CFG_STR_LIST(k->name, NULL, CFGF_NODEFAULT);
			break;
		case CONF_INT:
			opts[i] = (cfg_opt_t)CFG_INT(k->name, 0, CFGF_NODEFAULT);
			break;
		case CONF_BOOL:
			opts[i] = (cfg_opt_t)CFG_BOOL(k->name, cfg_false, CFGF_NODEFAULT);
			break;
		case CONF_SECTION:
			opts[i] = (cfg_opt_t)CFG_SEC(k->name, build_table(c, k->keys), CFGF_NODEFAULT);
			break;
		case CONF_TITLED:
			opts[i] = (cfg_opt_t)CFG_SEC(k->name, build_table(c, k->keys), CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES);
			break;
		default:
			opts[i] = (cfg_opt_t)CFG_STR(k->name, NULL, CFGF_NODEFAULT);
		}
	}
	opts[n] = (cfg_opt_t)CFG_END();
	return opts;
}

static const struct conf_key *key_of(const struct conf_section *s, const char *name)
{
	for (const struct conf_key *k = s->keys; k->type != CONF_END; k++)
		if (!strcmp(k->name, name))
			return k;
	assert(!"an option that is not in the table");
	return NULL;
}

static bool given(const struct conf_section *s, const char *name)
{
	return cfg_size(s->cfg, name) > 0;
}

/* In the words of the file: "30s is not in 60s..1h". */
static int out_of_range(const struct conf_key *k, int64_t v, struct reason *why)
{
	char value[WHEN_TEXT_MAX], min[WHEN_TEXT_MAX], max[WHEN_TEXT_MAX];
	if (k->type == CONF_INT)
		return reason_set(why, REASON_BAD_REQUEST, k->name, "", "%" PRId64 " is not in %" PRId64 "..%" PRId64, v, k->min, k->max);
	return reason_set(why, REASON_BAD_REQUEST, k->name, "", "%s is not in %s..%s", duration_format(v, value), duration_format(k->min, min),
	    duration_format(k->max, max));
}

static int check_number(const struct conf_section *s, const struct conf_key *k, struct reason *why)
{
	if (!given(s, k->name))
		return 0;
	int64_t v;
	if (k->type == CONF_INT) {
		v = cfg_getint(s->cfg, k->name);
	} else {
		const char *text = cfg_getstr(s->cfg, k->name);
		v = text ? duration_parse(text) : -1;
		if (v < 0)
			return reason_set(why, REASON_BAD_REQUEST, k->name, "", "\"%s\" is not a duration such as \"90s\", \"30m\" or \"1h\"", text ? text : "");
	}
	if (!k->min && !k->max && v < 0)
		return reason_set(why, REASON_BAD_REQUEST, k->name, "", "%" PRId64 " is negative", v);
	if (v < k->min || (k->max && v > k->max))
		return out_of_range(k, v, why);
	return 0;
}

static struct conf_section *wrap(cfg_t *cfg, const struct conf_key *keys, struct reason *why);

static int wrap_subs(struct conf_section *s, const struct conf_key *k, struct reason *why)
{
	unsigned n = k->type == CONF_SECTION && !given(s, k->name) ? 0 : cfg_size(s->cfg, k->name);
	for (unsigned i = 0; i < n; i++) {
		struct conf_section *sub = wrap(cfg_getnsec(s->cfg, k->name, i), k->keys, why);
		if (!sub)
			return -1;
		s->subs = realloc(s->subs, (s->n_subs + 1) * sizeof *s->subs);
		s->sub_names = realloc(s->sub_names, (s->n_subs + 1) * sizeof *s->sub_names);
		if (!s->subs || !s->sub_names)
			abort();
		s->subs[s->n_subs] = sub;
		s->sub_names[s->n_subs++] = k->name;
	}
	return 0;
}

static void unwrap(struct conf_section *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n_subs; i++)
		unwrap(s->subs[i]);
	free(s->subs);
	free(s->sub_names);
	free(s);
}

static struct conf_section *wrap(cfg_t *cfg, const struct conf_key *keys, struct reason *why)
{
	struct conf_section *s = calloc(1, sizeof *s);
	if (!s)
		abort();
	s->cfg = cfg;
	s->keys = keys;
	for (const struct conf_key *k = keys; k->type != CONF_END; k++) {
		int rc = 0;
		if (k->type == CONF_INT || k->type == CONF_DURATION)
			rc = check_number(s, k, why);
		else if (k->type == CONF_SECTION || k->type == CONF_TITLED)
			rc = wrap_subs(s, k, why);
		if (rc < 0) {
			unwrap(s);
			return NULL;
		}
	}
	return s;
}

/* libConfuse takes the end of the file for the end of every open section, so a file that was cut short would pass. Returns the line of the first brace
   that is left open (or closed once too often), 0 when all is well. */
static unsigned unbalanced_line(FILE *f)
{
	unsigned line = 1, depth = 0, opened[32] = { 0 };
	int c, quote = 0, last = 0;
	while ((c = getc(f)) != EOF) {
		if (c == '\n')
			line++;
		if (quote) {
			if (c == '\\' && quote != '#')
				line += getc(f) == '\n';
			else if (quote == '#' ? c == '\n' : quote == '*' ? last == '*' && c == '/' : c == quote)
				quote = 0;
		} else if (c == '"' || c == '\'' || c == '#') {
			quote = c;
		} else if (last == '/' && (c == '/' || c == '*')) {
			quote = c == '/' ? '#' : '*';
			c = 0;
		} else if (c == '{') {
			opened[depth < 32 ? depth : 31] = line;
			depth++;
		} else if (c == '}' && !depth--) {
			return line;
		}
		last = c;
	}
	rewind(f);
	return depth ? opened[depth <= 32 ? depth - 1 : 31] : 0;
}

struct conf *conf_load(const char *path, const struct conf_key *keys, struct reason *why)
{
	struct reason local;
	if (!why)
		why = &local;
	memset(why, 0, sizeof *why);
	FILE *f = fopen(path, "re");
	if (!f) {
		reason_set(why, REASON_BAD_REQUEST, "", "", "%s: %s", path, strerror(errno));
		return NULL;
	}
	struct stat st;
	if (fstat(fileno(f), &st) < 0 || !S_ISREG(st.st_mode)) {
		fclose(f);
		reason_set(why, REASON_BAD_REQUEST, "", "", "%s: not a regular file", path);
		return NULL;
	}
	unsigned line = unbalanced_line(f);
	if (line) {
		fclose(f);
		reason_set(why, REASON_BAD_REQUEST, "", "", "%s:%u: this brace has no partner; is the file complete?", path, line);
		return NULL;
	}
	struct conf *c = calloc(1, sizeof *c);
	if (!c)
		abort();
	c->cfg = cfg_init(build_table(c, keys), CFGF_NONE);
	if (!c->cfg)
		abort();
	free(c->cfg->filename);
	c->cfg->filename = strdup(path);   /* so that errors can name it; libConfuse frees it */
	cfg_set_error_function(c->cfg, conf_error);
	conf_why = why;
	int rc = cfg_parse_fp(c->cfg, f);
	conf_why = NULL;
	fclose(f);
	if (rc != CFG_SUCCESS) {
		if (!*why->text)
			reason_set(why, REASON_BAD_REQUEST, "", "", "%s: cannot be read", path);
	} else if ((c->top = wrap(c->cfg, keys, why))) {
		return c;
	} else {
		char text[sizeof why->text];
		memcpy(text, why->text, sizeof text);
		reason_set(why, why->code, why->field, "", "%s (in %s)", text, path);
	}
	conf_free(c);
	return NULL;
}

void conf_free(struct conf *c)
{
	if (!c)
		return;
	unwrap(c->top);
	cfg_free(c->cfg);
	for (size_t i = 0; i < c->n_tables; i++)
		free(c->tables[i]);
	free(c->tables);
	free(c);
}

const struct conf_section *conf_top(const struct conf *c)
{
	return c->top;
}

bool conf_has(const struct conf_section *s, const char *name)
{
	const struct conf_key *k = key_of(s, name);
	return k->fallback || given(s, name);
}

const char *conf_string(const struct conf_section *s, const char *name)
{
	const struct conf_key *k = key_of(s, name);
	assert(k->type == CONF_STRING);
	return given(s, name) ? cfg_getstr(s->cfg, name) : k->fallback;
}

int64_t conf_int(const struct conf_section *s, const char *name)
{
	const struct conf_key *k = key_of(s, name);
	assert(k->type == CONF_INT || k->type == CONF_DURATION);
	if (k->type == CONF_INT)
		return given(s, name) ? cfg_getint(s->cfg, name) : k->fallback ? strtoll(k->fallback, NULL, 10) : 0;
	const char *text = given(s, name) ? cfg_getstr(s->cfg, name) : k->fallback;
	return text ? duration_parse(text) : 0;
}

bool conf_bool(const struct conf_section *s, const char *name)
{
	const struct conf_key *k = key_of(s, name);
	assert(k->type == CONF_BOOL);
	return given(s, name) ? cfg_getbool(s->cfg, name) : k->fallback && !strcmp(k->fallback, "true");
}

size_t conf_count(const struct conf_section *s, const char *name)
{
	const struct conf_key *k = key_of(s, name);
	if (k->type == CONF_LIST)
		return cfg_size(s->cfg, name);
	size_t n = 0;
	for (size_t i = 0; i < s->n_subs; i++)
		n += s->sub_names[i] == k->name;
	return n;
}

const char *conf_item(const struct conf_section *s, const char *name, size_t i)
{
	assert(key_of(s, name)->type == CONF_LIST);
	return i < cfg_size(s->cfg, name) ? cfg_getnstr(s->cfg, name, (unsigned)i) : NULL;
}

const struct conf_section *conf_sub(const struct conf_section *s, const char *name, size_t i)
{
	const struct conf_key *k = key_of(s, name);
	for (size_t j = 0; j < s->n_subs; j++)
		if (s->sub_names[j] == k->name && !i--)
			return s->subs[j];
	return NULL;
}

const char *conf_title(const struct conf_section *s)
{
	return cfg_title(s->cfg);
}

static bool is_secret(const char *name)
{
	size_t n = strlen(name);
	return (n >= 3 && !strcasecmp(name + n - 3, "key")) || (n >= 6 && !strcasecmp(name + n - 6, "secret"));
}

static void print_section(const struct conf_section *s, FILE *out, int depth)
{
	for (const struct conf_key *k = s->keys; k->type != CONF_END; k++) {
		if (k->type == CONF_SECTION || k->type == CONF_TITLED) {
			for (size_t i = 0; i < conf_count(s, k->name); i++) {
				const struct conf_section *sub = conf_sub(s, k->name, i);
				fprintf(out, "%*s%s", depth * 2, "", k->name);
				if (k->type == CONF_TITLED)
					fprintf(out, " \"%s\"", conf_title(sub));
				fputs(" {\n", out);
				print_section(sub, out, depth + 1);
				fprintf(out, "%*s}\n", depth * 2, "");
			}
			continue;
		}
		if (k->type == CONF_LIST ? !conf_count(s, k->name) : !conf_has(s, k->name))
			continue;
		fprintf(out, "%*s%s = ", depth * 2, "", k->name);
		char text[WHEN_TEXT_MAX];
		if (is_secret(k->name))
			fputs("(not shown)", out);
		else if (k->type == CONF_STRING)
			fprintf(out, "\"%s\"", conf_string(s, k->name));
		else if (k->type == CONF_INT)
			fprintf(out, "%" PRId64, conf_int(s, k->name));
		else if (k->type == CONF_BOOL)
			fputs(conf_bool(s, k->name) ? "true" : "false", out);
		else if (k->type == CONF_DURATION)
			fprintf(out, "\"%s\"", duration_format(conf_int(s, k->name), text));
		else
			for (size_t i = 0; i < conf_count(s, k->name); i++)
				fprintf(out, "%s\"%s\"", i ? ", " : "{", conf_item(s, k->name, i));
		fputs(k->type == CONF_LIST && !is_secret(k->name) ? "}\n" : "\n", out);
	}
}

void conf_print(const struct conf *c, FILE *out)
{
	print_section(c->top, out, 0);
}

long conf_read_secret(const char *path, void *out, size_t cap, struct reason *why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	if (fd < 0)
		return reason_set(why, REASON_BAD_REQUEST, "", "", "%s: %s", path, strerror(errno));
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return reason_set(why, REASON_BAD_REQUEST, "", "", "%s: not a regular file", path);
	}
	if (st.st_mode & (S_IRWXO | S_IWGRP)) {
		close(fd);
		return reason_set(why, REASON_BAD_REQUEST, "", "", "%s: others may read or write it (mode %03o); chmod 600 or 640 it", path, st.st_mode & 0777u);
	}
	size_t n = 0;
	ssize_t got = 0;
	while (n < cap && (got = read(fd, (char *)out + n, cap - n)) > 0)
		n += (size_t)got;
	char more;
	bool long_file = n == cap && read(fd, &more, 1) == 1;
	close(fd);
	if (got < 0 || long_file)
		return reason_set(why, REASON_BAD_REQUEST, "", "", "%s: %s", path, long_file ? "is too long" : strerror(errno));
	while (n && (((char *)out)[n - 1] == '\n' || ((char *)out)[n - 1] == '\r'))
		n--;
	return (long)n;
}
