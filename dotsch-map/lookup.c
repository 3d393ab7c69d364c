/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "lookup.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cli.h"
#include "base/log.h"
#include "base/when.h"
#include "export.h"
#include "hostset.h"
#include "snapshot.h"

static int told(const struct reason *why)
{
	char text[400];
	log_error("%s", reason_format(why, text, sizeof text));
	return EXIT_REFUSED;
}

/* "198.51.100.5", "198.51.100.5:20480", "198.51.100.5:20480-20490/udp", "[2001:db8::1]:80", "198.51.100.0/24"; behind a slash, digits are a prefix length unless a
   port was given. */
static int parse_operand(const char *text, struct nat_query *q)
{
	char address[80], *rest = NULL, *slash;
	if (strlen(text) >= sizeof address)
		return -1;
	snprintf(address, sizeof address, "%s", text);
	q->proto = -1;
	q->port = (struct range){ 0, UINT16_MAX };
	bool brackets = address[0] == '[';
	char *start = address + brackets, *close = brackets ? strchr(address, ']') : NULL;
	if (brackets && !close)
		return -1;
	if (close)
		*close++ = '\0', rest = *close ? close : NULL;
	else if (strchr(start, ':') == strrchr(start, ':') && strchr(start, ':'))
		rest = strchr(start, ':');
	if ((slash = strrchr(rest ? rest : start, '/')) && (q->proto = cli_protocol(slash + 1)) >= 0 && (rest || strspn(slash + 1, "0123456789") != strlen(slash + 1)))
		*slash = '\0';
	else if (slash && rest)
		return -1;
	else
		q->proto = -1;
	if (rest && *rest == ':') {
		*rest = '\0';
		if (cli_range(rest + 1, UINT16_MAX, &q->port.lower, &q->port.upper) < 0)
			return -1;
		q->has_port = true;
	} else if (rest && *rest) {
		return -1;
	}
	return prefix_parse(start, true, &q->ext);
}

static void print_row(const struct candidate *c)
{
	char host[PREFIX_TEXT_MAX], subscriber[PREFIX_TEXT_MAX] = "-", ports[32] = "-", nat[96];
	if (prefix_is_host(&c->host))
		addr_format(&c->host, host);
	else
		prefix_format(&c->host, host);
	if (c->has_subscriber)
		addr_format(&c->subscriber, subscriber);
	if (c->n_ports && c->ports[0].range.lower == c->ports[0].range.upper)
		snprintf(ports, sizeof ports, "%u%s", c->ports[0].range.lower, c->n_ports > 1 ? ",…" : "");
	else if (c->n_ports)
		snprintf(ports, sizeof ports, "%u-%u%s", c->ports[0].range.lower, c->ports[0].range.upper, c->n_ports > 1 ? ",…" : "");
	const struct nat_instance *in = &c->table->instances[c->instance];
	snprintf(nat, sizeof nat, "%s%s%u", in->name != NONE32 ? table_string(c->table, in->name) : nat_kind_name(in->kind), "/", c->has_entry ? c->entry : 0);
	if (!c->has_entry)
		nat[strlen(nat) - 2] = '\0';
	printf("%-24s %-13s %-32s %-10s %s\n", host, ports, subscriber, certainty_name(c->certainty), nat);
	if (c->ruled_out)
		printf("  ruled out: %s\n", c->ruled_out);
}

static void print_answer(const char *asked, const struct answer *a)
{
	if (a->n) {
		printf("%-24s %-13s %-32s %-10s %s\n", "INSIDE", "PORT", "SUBSCRIBER", "CERTAINTY", "NAT/ENTRY");
		for (size_t i = 0; i < a->n; i++)
			print_row(&a->v[i]);
	}
	if (a->truncated)
		printf("… and more\n");
	const char *why = a->possible > 1       ? "several hosts could be meant"
	                  : a->certainty == CERTAINTY_AMBIGUOUS ? "only a part of the address is known to be one host's"
	                  : a->certainty == CERTAINTY_STALE ? "the mapping is not from the time of the attack"
	                  : a->possible         ? "its host is known"
	                  : a->needs_port       ? "customers share the address by port; say which port"
	                  : a->nobodys_port     ? "the port belongs to no customer: the source may be forged"
	                  : a->known            ? "the address is in use, but nothing fits"
	                                        : "the address stands behind no NAT known here";
	printf("%s: %s (%s)\n", asked, certainty_name(a->certainty), why);
}

static void print_json(const char *asked, const struct answer *a)
{
	json_t *line = envelope_new("lookup"), *list = json_array();
	json_put_string(line, "asked", asked);
	json_put_string(line, "certainty", certainty_name(a->certainty));
	for (size_t i = 0; i < a->n; i++)
		json_array_append_new(list, candidate_json(&a->v[i]));
	json_put(line, "found", list);
	if (a->truncated)
		json_put(line, "truncated", json_true());
	char *text = json_line_format(line, NULL);
	if (text)
		puts(text);
	free(text);
	json_decref(line);
}

static int look_up_all(const struct options *o, const struct nat *nat, char **operands, int n)
{
	int status = EXIT_DONE;
	bool lines = o->json || !cli_terminal(STDOUT_FILENO);
	for (int i = 0; i < n; i++) {
		struct nat_query q = { .attack = o->has_attack ? o->attack : when_wall_ms() };
		struct answer a = { 0 };
		if (parse_operand(operands[i], &q) < 0)
			return cli_usage_error("'%s' is no address; write 198.51.100.5:20480/udp or [2001:db8::1]:443", operands[i]), EXIT_USAGE;
		if (resolve(nat, &q, &a) < 0)
			return EXIT_TROUBLE;
		if (lines)
			print_json(operands[i], &a);
		else
			print_answer(operands[i], &a);
		if (a.certainty < CERTAINTY_LIKELY)
			status = EXIT_REFUSED;
		answer_free(&a);
	}
	return status;
}

int lookup_run(const struct options *o, char **operands, int n)
{
	struct table *tables[OPTIONS_MAX_SOURCES + 1];
	struct nat nat = { .tables = tables };
	struct reason why;
	int status = EXIT_DONE;
	if (o->n_nat && !(tables[nat.n++] = load_tables(o->nat, o->n_nat, false, &why)))
		return told(&why), EXIT_TROUBLE;      /* "nobody found" is another answer */
	for (size_t i = 0; i < o->n_snapshots && status == EXIT_DONE; i++) {
		if (!(tables[nat.n] = snapshot_open(o->snapshots[i], false, &why)))
			told(&why), status = EXIT_TROUBLE;
		else
			nat.n++;
	}
	if (status == EXIT_DONE)
		status = look_up_all(o, &nat, operands, n);
	for (size_t i = 0; i < nat.n; i++)
		table_free(tables[i]);
	return status;
}

int compile_run(const struct options *o)
{
	struct reason why;
	struct table *t = load_tables(o->nat, o->n_nat, false, &why);
	if (!t)
		return told(&why);
	int status = snapshot_write(t, o->output, &why) < 0 ? told(&why) : EXIT_DONE;
	if (status == EXIT_DONE)
		log_info("%s: %u mappings of %u addresses, %u rules, %u bindings", o->output, t->n_entries, t->n_addrs, t->n_rules, t->n_bindings);
	table_free(t);
	return status;
}

int export_run(const struct options *o)
{
	struct reason why;
	return export_conntrack(stdout, o->has_zone ? (int)o->zone : -1, &why) < 0 ? (told(&why), EXIT_TROUBLE) : EXIT_DONE;
}
