/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cli.h"
#include "base/json.h"
#include "base/log.h"
#include "dots/envelope.h"
#include "probe.h"
#include "policy.h"
#include "role.h"
#include "show.h"

static bool people;

static void tell(const char *what, int e, const struct reason *why)
{
	if (people) {
		bool colours = cli_colours(STDOUT_FILENO);
		printf("%s%-4s%s %-32s%s%s\n", colours ? e ? "\033[31m" : "\033[32m" : "", e ? "no" : "yes", colours ? "\033[0m" : "", what, e ? " " : "", e ? why->text : "");
		return;
	}
	json_t *line = envelope_new("check");
	json_put_string(line, "feature", what);
	json_put(line, "supported", json_boolean(e == 0));
	json_put_string(line, "reason", e ? why->text : NULL);
	char *text = json_line_format(line, NULL);
	if (text)
		puts(text);
	free(text);
	json_decref(line);
}

/* Every action at the hooks where it may be used. */
static int check_actions(struct nft *n, const struct options *o)
{
	static const char *const actions[] = { "drop", "reject", "limit:100/s", "limit:64kbytes/s", "quarantine", "queue:0", "mark:1", "log", "dry-run" };
	static const char *const loopback[] = { "lo" };
	int basic = 0;
	for (int h = HOOK_PREROUTING; h < HOOKS; h++)
		for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
			struct action a;
			struct reason why;
			char what[64];
			action_parse(actions[i], &a, NULL);
			int e = probe_action(n, &a, (enum hook)h, o->n_devices ? o->device : loopback, o->n_devices ? o->n_devices : 1, &why);
			snprintf(what, sizeof what, "%s at %s", actions[i], hook_name((enum hook)h));
			tell(what, e, &why);
			if (a.verb == VERB_DROP && h != HOOK_INGRESS && e < 0)
				basic = e;
		}
	return basic;
}

int policy_run(const struct options *o)
{
	struct reason why;
	struct policy *p = policy_load(o, &why);
	if (p)
		policy_print(p, stdout);
	else
		log_error("%s%s%s", why.field, *why.field ? ": " : "", why.text);
	policy_free(p);
	return p ? EXIT_DONE : EXIT_REFUSED;
}

int check_run(const struct options *o)
{
	char table[64], action[48], what[128];
	struct reason why;
	snprintf(table, sizeof table, "dotsch_check_%d", (int)getpid());
	people = !o->json && cli_terminal(STDOUT_FILENO);
	struct policy *p = policy_load(o, &why);
	if (!p) {
		log_error("%s: %s", why.field, why.text);
		return EXIT_REFUSED;
	}
	struct nft *n = nft_open(table, &why);
	if (!n) {
		log_error("%s", why.text);
		policy_free(p);
		return EXIT_TROUBLE;
	}
	/* Without it every message is refused, and nothing can be said of this kernel. */
	int owner = probe_owner(n, &why);
	if (owner == -EPERM) {
		log_error("%s", why.text);
		nft_close(n);
		policy_free(p);
		return EXIT_TROUBLE;
	}
	tell("tables with an owner that outlive it", owner, &why);
	int basic = check_actions(n, o);
	enum hook hook = o->hook == HOOK_AUTO ? role_hook(n) : o->hook;
	snprintf(what, sizeof what, "requests without a map at %s", hook_name(hook));
	tell(what, 0, NULL);
	for (size_t i = 0; policy_action(p, i); i++) {
		const struct action *a = policy_action(p, i);
		int e = probe_action(n, a, policy_device_hook(p, a), o->device, o->n_devices, &why);
		snprintf(what, sizeof what, "policy: %s at %s", action_format(a, action), hook_name(policy_device_hook(p, a)));
		tell(what, e, &why);
		basic = e < 0 ? e : basic;
	}
	nft_close(n);
	policy_free(p);
	return basic < 0 ? EXIT_REFUSED : EXIT_DONE;
}
