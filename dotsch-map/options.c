/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "options.h"

#include <stdlib.h>
#include <string.h>

#include "base/cli.h"
#include "base/log.h"
#include "base/when.h"

#define DEFAULT_MAX_HOSTS 64
#define DEFAULT_MAX_PORTS 100        /* what one DTLS datagram of 1152 bytes carries (RFC 9132, 7.3) */

static const struct cli_option options[] = {
	{ "nat", 'n', "FILE", "NAT table, softwire rules or NAT events as JSON; - is standard input; may be repeated" },
	{ "captured", 'c', "TIME", "when the --nat that follow were made (RFC 3339); else the file's time" },
	{ "snapshot", 's', "FILE", "a table made by 'dotsch-map compile'" },
	{ "follow", 'f', NULL, "take up changed --nat and --snapshot files while running (also on SIGHUP)" },
	{ "conntrack", 'C', NULL, "on a router: find the inside host in this box's own conntrack" },
	{ "leases", 'l', "FILE", "with --conntrack: host names from a lease file of dnsmasq, odhcpd or kea" },
	{ "zone", 'z', "N", "with --conntrack: only this conntrack zone, not all" },
	{ "direct", 'd', "PREFIX", "sources with no NAT before them, left as they are; may be repeated" },
	{ "allow-many", 'm', NULL, "a range or prefix may become all hosts behind it, not only a single one" },
	{ "max-hosts", 'H', "N", "one line becomes at most N (64)" },
	{ "max-ports", 'p', "N", "port ranges kept in one rewritten request (100)" },
	{ "attack-time", 't', "TIME", "lookup: when the attack was seen (now)" },
	{ "output", 'o', "FILE", "compile: the snapshot to write" },
	{ "json", 'j', NULL, "lookup: JSON lines, not a table" },
	{ 0 },
};

static const struct cli_program program = {
	.name = "dotsch-map",
	.usage = "[--nat FILE]… [--snapshot FILE]… [--follow]\n--conntrack [--leases FILE]\nlookup --nat FILE… ADDRESS[:PORT][/PROTOCOL]\ncompile --nat FILE… -o SNAPSHOT\nexport --conntrack",
	.purpose = "Resolve external addresses of mitigation requests to the inside hosts behind NAT, line by line.",
	.options = options,
	.example = "  dotsch-map --nat cgn.json < requests.jsonl | dotsch-client -c client.conf\n  dotsch-map lookup --nat cgn.json 198.51.100.5:20480/udp",
};

static int want_number(const char *name, const char *value, unsigned min, unsigned max, unsigned *out)
{
	char *end;
	unsigned long v = strtoul(value, &end, 10);
	if (!*value || *end || *value == '-' || v < min || v > max)
		return cli_usage_error("--%s is a number from %u to %u, not '%s'", name, min, max, value);
	*out = (unsigned)v;
	return 0;
}

static int want_time(const char *name, const char *value, int64_t *out)
{
	if (when_parse(value, out) == 0)
		return 0;
	return cli_usage_error("--%s is a time like 2026-11-22T23:28:07Z, not '%s'", name, value);
}

static int add_nat(struct options *o, const char *path)
{
	if (o->n_nat == OPTIONS_MAX_SOURCES)
		return cli_usage_error("at most %d --nat", OPTIONS_MAX_SOURCES);
	o->nat[o->n_nat++] = (struct load_source){ .path = path, .has_captured = o->has_captured, .captured = o->captured };
	return 0;
}

static int add_snapshot(struct options *o, const char *path)
{
	if (o->n_snapshots == OPTIONS_MAX_SOURCES)
		return cli_usage_error("at most %d --snapshot", OPTIONS_MAX_SOURCES);
	o->snapshots[o->n_snapshots++] = path;
	return 0;
}

static int add_direct(struct options *o, const char *text)
{
	struct prefix p;
	if (prefix_parse(text, true, &p) < 0 || prefix_list_add(&o->rules.direct, &p) < 0)
		return cli_usage_error("--direct is an address or prefix, not '%s'", text);
	return 0;
}

static int on_option(void *arg, const char *name, const char *value)
{
	struct options *o = arg;
	if (!strcmp(name, "nat"))
		return add_nat(o, value);
	if (!strcmp(name, "snapshot"))
		return add_snapshot(o, value);
	if (!strcmp(name, "direct"))
		return add_direct(o, value);
	if (!strcmp(name, "max-hosts"))
		return want_number(name, value, 1, 65536, &o->rules.max_hosts);
	if (!strcmp(name, "max-ports"))
		return want_number(name, value, 1, 8192, &o->rules.max_ports);
	if (!strcmp(name, "zone"))
		return o->has_zone = true, want_number(name, value, 0, UINT16_MAX, &o->zone);
	if (!strcmp(name, "captured"))
		return o->has_captured = true, want_time(name, value, &o->captured);
	if (!strcmp(name, "attack-time"))
		return o->has_attack = true, want_time(name, value, &o->attack);
	if (!strcmp(name, "leases"))
		o->leases = value;
	else if (!strcmp(name, "output"))
		o->output = value;
	else if (!strcmp(name, "conntrack"))
		o->conntrack = true;
	else if (!strcmp(name, "follow"))
		o->follow = true;
	else if (!strcmp(name, "allow-many"))
		o->rules.allow_many = true;
	else
		o->json = true;
	return 0;
}

static const struct { const char *name; enum command command; } commands[] = {
	{ "lookup", COMMAND_LOOKUP }, { "compile", COMMAND_COMPILE }, { "export", COMMAND_EXPORT },
};

/* What each command needs. */
static int check(const struct options *o, enum command command, const char *extra)
{
	bool tables = o->n_nat || o->n_snapshots;
	if (o->has_zone && !o->conntrack)
		return cli_usage_error("--zone goes with --conntrack");
	switch (command) {
	case COMMAND_EXPORT:
		return o->conntrack && !extra ? 0 : cli_usage_error("export works as 'dotsch-map export --conntrack'");
	case COMMAND_COMPILE:
		return o->n_nat && o->output && !extra ? 0 : cli_usage_error("compile needs at least one --nat and --output");
	case COMMAND_LOOKUP:
		return tables && !o->conntrack && extra ? 0 : cli_usage_error("lookup needs --nat or --snapshot, and an address");
	default:
		break;
	}
	if (extra)
		return cli_usage_error("unknown command '%s'; there are lookup, compile and export", extra);
	if (tables == o->conntrack)
		return cli_usage_error("give --nat or --snapshot (at a provider), or --conntrack (on a router)");
	for (size_t i = 0; i < o->n_nat; i++)
		if (!strcmp(o->nat[i].path, "-"))
			return cli_usage_error("standard input carries the lines; give --nat a file, or compile the table first");
	return 0;
}

const char *options_file(const struct options *o, size_t i)
{
	if (i < o->n_nat)
		return o->nat[i].path;
	i -= o->n_nat;
	return i < o->n_snapshots ? o->snapshots[i] : NULL;
}

int options_parse(int argc, char **argv, struct options *o, enum command *command, int *operand)
{
	*o = (struct options){ .rules = { .max_hosts = DEFAULT_MAX_HOSTS, .max_ports = DEFAULT_MAX_PORTS } };
	*command = COMMAND_FILTER;
	int at = cli_parse(&program, argc, argv, on_option, o);
	if (at < 0)
		return EXIT_USAGE;
	for (size_t i = 0; at < argc && i < sizeof commands / sizeof *commands; i++)
		if (!strcmp(argv[at], commands[i].name))
			*command = commands[i].command;
	if (*command != COMMAND_FILTER) {    /* options may stand before the command and behind it */
		enum log_level level = log_get_level();
		int more = cli_parse(&program, argc - at, argv + at, on_option, o);
		if (more < 0)
			return EXIT_USAGE;
		if (log_get_level() == LOG_LEVEL_INFO)
			log_set_level(level);
		at += more;
	}
	*operand = at;
	return check(o, *command, at < argc ? argv[at] : NULL) < 0 ? EXIT_USAGE : 0;
}
