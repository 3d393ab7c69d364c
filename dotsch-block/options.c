/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "options.h"

#include <ctype.h>
#include <string.h>

#include "base/cli.h"
#include "base/when.h"

#define TABLE_NAME_MAX 64

static const struct cli_option table[] = {
	{ "hook", 'H', "HOOK", "where requests without a map are blocked: auto, prerouting, forward, postrouting, ingress" },
	{ "device", 0, "NAME", "an interface for --hook ingress; else the ports of bridges (may be repeated)" },
	{ "action", 'a', "ACTION", "drop, reject, limit:N/s, limit:Nkbytes/s, quarantine, queue:N, mark:N, log, dry-run" },
	{ "policy", 'p', "FILE", "which action for which provider, prefix or host" },
	{ "check", 'n', NULL, "check the policy file, print it and exit" },
	{ "never-block", 0, "PREFIX", "an address or prefix that no rule may touch (may be repeated)" },
	{ "allow", 0, "PREFIX", "what a quarantined device may still reach (may be repeated)" },
	{ "fragments", 0, "pass|drop", "fragments behind the first, when a request names ports" },
	{ "table", 't', "NAME", "the table of family inet to keep (dotsch)" },
	{ "shared", 0, NULL, "do not own the table: other programs may change it" },
	{ "no-sandbox", 0, NULL, "without the system call filter, for debuggers" },
	{ "interval", 'i', "TIME", "between status lines with counters (10s)" },
	{ "stopped-after", 0, "TIME", "without a packet, an attack has stopped (5m)" },
	{ "watch", 'w', NULL, "show: again every second, with the rate" },
	{ "json", 'j', NULL, "lines, even on a terminal" },
	{ 0 },
};

static const struct cli_program program = {
	.name = "dotsch-block",
	.usage = "[OPTIONS]                 lines on standard input are put into the kernel\n[--table NAME] show [--watch] | flush | check",
	.purpose = "Blocks what DOTS mitigation requests name, in nf_tables, and reports what was dropped.",
	.options = table,
	.example = "  dotsch-serverd -c serverd.conf --exec 'dotsch-map --conntrack | dotsch-block'\n  dotsch-block show --watch",
};

static int set_duration(const char *name, const char *value, int64_t *out)
{
	int64_t v = duration_parse(value);
	if (v < 1)
		return cli_usage_error("--%s: \"%s\" is not a time such as 10s or 5m", name, value);
	*out = v;
	return 0;
}

int options_whole_prefix(const char *name, const char *text, const struct prefix *p, struct reason *why)
{
	char host[PREFIX_TEXT_MAX], prefix[PREFIX_TEXT_MAX];
	struct prefix address;
	snprintf(host, sizeof host, "%.*s", (int)strcspn(text, "/"), text);
	if (prefix_parse(host, true, &address) == 0 && memcmp(address.addr, p->addr, sizeof p->addr) == 0)
		return 0;
	return reason_set(why, 0, name, "", "\"%s\" is neither an address nor a prefix: write %s or %s", text, host, prefix_format(p, prefix));
}

static int add_prefix(const char *name, const char *value, struct prefix_list *to)
{
	struct prefix p;
	struct reason why;
	if (prefix_parse(value, true, &p) < 0)
		return cli_usage_error("--%s: \"%s\" is not an address or prefix such as 192.0.2.0/24", name, value);
	if (options_whole_prefix(name, value, &p, &why) < 0)
		return cli_usage_error("--%s: %s", name, why.text);
	return prefix_list_add(to, &p);
}

static bool good_name(const char *name)
{
	size_t n = strlen(name);
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)name[i]) && name[i] != '_' && name[i] != '-')
			return false;
	return n > 0 && n < TABLE_NAME_MAX;
}

static int one(void *arg, const char *name, const char *value)
{
	struct options *o = arg;
	struct reason why;
	if (!strcmp(name, "hook"))
		return hook_parse(value, &o->hook) == 0 ? 0 : cli_usage_error("--hook: \"%s\" is not one of auto, prerouting, forward, postrouting, ingress", value);
	if (!strcmp(name, "device")) {
		if (o->n_devices == MAX_DEVICES || strlen(value) > 15)
			return cli_usage_error("--device: \"%s\" is no interface name, or there are more than %d", value, MAX_DEVICES);
		o->device[o->n_devices++] = value;
		return 0;
	}
	if (!strcmp(name, "action"))
		return action_parse(value, &o->action, &why) == 0 ? 0 : cli_usage_error("--action: %s", why.text);
	if (!strcmp(name, "never-block"))
		return add_prefix(name, value, &o->never);
	if (!strcmp(name, "allow"))
		return add_prefix(name, value, &o->allowed);
	if (!strcmp(name, "fragments")) {
		o->drop_fragments = !strcmp(value, "drop");
		return o->drop_fragments || !strcmp(value, "pass") ? 0 : cli_usage_error("--fragments: \"%s\" is neither pass nor drop", value);
	}
	if (!strcmp(name, "table")) {
		o->table = value;
		return good_name(value) ? 0 : cli_usage_error("--table: \"%s\" is no table name: letters, digits, - and _, up to %d", value, TABLE_NAME_MAX - 1);
	}
	if (!strcmp(name, "interval"))
		return set_duration(name, value, &o->interval);
	if (!strcmp(name, "stopped-after"))
		return set_duration(name, value, &o->stopped_after);
	if (!strcmp(name, "policy"))
		o->policy_file = value;
	else if (!strcmp(name, "shared"))
		o->shared = true;
	else if (!strcmp(name, "check"))
		o->check = true;
	else if (!strcmp(name, "no-sandbox"))
		o->no_sandbox = true;
	else if (!strcmp(name, "watch"))
		o->watch = true;
	else if (!strcmp(name, "json"))
		o->json = true;
	return 0;
}

int options_parse(int argc, char **argv, struct options *o)
{
	*o = (struct options){ .table = "dotsch", .interval = 10, .stopped_after = 300 };
	int i = cli_parse(&program, argc, argv, one, o);
	if (i >= 0 && i < argc) {
		o->command = argv[i];
		if (strcmp(o->command, "show") && strcmp(o->command, "flush") && strcmp(o->command, "check"))
			return cli_usage_error("\"%s\" is not one of show, flush, check", o->command);
		/* Options may follow the command too. */
		int rest = cli_parse(&program, argc - i, argv + i, one, o);
		if (rest >= 0 && rest < argc - i)
			return cli_usage_error("%s takes no \"%s\"", o->command, argv[i + rest]);
		i = rest;
	}
	if (i < 0)
		return -1;
	return 0;
}

void options_free(struct options *o)
{
	prefix_list_free(&o->never);
	prefix_list_free(&o->allowed);
}
