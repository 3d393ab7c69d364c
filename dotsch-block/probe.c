/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "probe.h"

#include <errno.h>
#include <string.h>

#include "apply.h"
#include "route.h"

#define PROBE_UNIT 1
#define TABLE_DORMANT 0x1u           /* its chains see no packets */
#define TABLE_OWNED 0x2u             /* it goes when its socket closes, should we be killed here */

int probe_owner(struct nft *n, struct reason *why)
{
	nft_begin(n);
	nft_add_table(n, TABLE_DORMANT | TABLE_OWNED | 0x4, TABLE_MARKER);
	int e = nft_commit(n, why);
	if (e == 0) {
		nft_begin(n);
		nft_del_table(n);
		e = nft_commit(n, why);
	}
	return e;
}

/* A whole mitigation goes in and out: only a commit makes the kernel look at chains and hooks together. */
static int in_and_out(struct nft *n, const struct plan *p, const struct dispatch one[2], const char *const *devices, size_t n_devices, struct reason *why)
{
	static const struct dispatch none[2] = { { .family = 4 }, { .family = 6 } };
	struct mark mark = { 0 };
	int e = -EOPNOTSUPP;
	for (uint32_t flags = TABLE_DORMANT | TABLE_OWNED; e < 0; flags = TABLE_DORMANT) {
		nft_begin(n);
		nft_add_table(n, flags, TABLE_MARKER);
		rules_add(n, PROBE_UNIT, p, &mark, "probe", 1000, 0, 0);
		route_hook(n, p->hook, 1, none, one, devices, n_devices);
		e = nft_commit(n, why);
		if (flags == TABLE_DORMANT)
			break;
	}
	if (e == 0) {
		nft_begin(n);
		nft_del_table(n);
		nft_commit(n, NULL);
	}
	return e;
}

/* In words for the user, where the kernel's own are a riddle. */
static void explain(const struct action *a, int e, struct reason *why)
{
	static const char *const parts[VERBS] = { [VERB_LIMIT] = "limits (nft_limit)", [VERB_QUEUE] = "queues to programs (nft_queue)", [VERB_LOG] = "logging (nft_log)",
		[VERB_REJECT] = "rejecting (nft_reject_inet)" };
	if (e == -EOPNOTSUPP && a->verb == VERB_REJECT)
		reason_set(why, 163, "", "", "the kernel cannot reject at this hook");
	else if (e == -ENOENT && parts[a->verb])
		reason_set(why, 163, "", "", "this kernel has no %s", parts[a->verb]);
}

int probe_action(struct nft *n, const struct action *a, enum hook hook, const char *const *devices, size_t n_devices, struct reason *why)
{
	struct mitigation m;
	struct prefix target[2], source;
	struct dispatch one[2] = { { .family = 4 }, { .family = 6 } };
	struct plan p = { 0 };
	uint32_t last = 0;
	int e = -ENOMEM;
	addr_parse("192.0.2.1", &target[0]);
	prefix_parse("192.0.2.64/26", false, &target[1]);
	addr_parse("198.51.100.1", &source);
	mitigation_init(&m);
	struct plan_policy policy = { .hook = hook, .device_hook = hook, .action = *a, .drop_fragments = true };
	struct plan_input in = { .m = &m };
	if (prefix_list_add(&m.target_prefix, &target[0]) == 0 && prefix_list_add(&m.target_prefix, &target[1]) == 0 && prefix_list_add(&m.source_prefix, &source) == 0 &&
	    range_list_add(&m.target_port, 1, 9) == 0 && range_list_add(&m.target_port, 53, 53) == 0 && range_list_add(&m.source_icmp_type, 8, 8) == 0 &&
	    plan_make(&in, &policy, &p) == 0) {
		struct route r = { .unit = PROBE_UNIT, .by = &p.target[0] };
		if (dispatch_make(4, &r, 1, NULL, &last, &one[0]) == 0)
			e = in_and_out(n, &p, one, devices, n_devices, why);
		explain(a, e, why);
	}
	dispatch_free(&one[0]);
	plan_free(&p);
	mitigation_free(&m);
	return e;
}
