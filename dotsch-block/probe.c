/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "probe.h"

#include <errno.h>
#include <string.h>

#include "apply.h"
#include "route.h"

#define PROBE_UNIT 1

int probe_owner(struct nft *n, struct reason *why)
{
	nft_begin(n);
	nft_add_table(n, 0x2 | 0x4, TABLE_MARKER);
	return nft_try(n, why);
}

int probe_action(struct nft *n, const struct action *a, enum hook hook, const char *const *devices, size_t n_devices, struct reason *why)
{
	struct mitigation m;
	struct prefix target[2], source;
	struct dispatch none[2] = { { .family = 4 }, { .family = 6 } }, one[2] = { { 0 }, { 0 } };
	struct mark mark = { 0 };
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
		if (dispatch_make(4, &r, 1, NULL, &last, &one[0]) == 0) {
			one[1].family = 6;
			nft_begin(n);
			nft_add_table(n, 0, TABLE_MARKER);
			rules_add(n, PROBE_UNIT, &p, &mark, "probe", 1000, 0, 0);
			route_hook(n, p.hook, 1, none, one, devices, n_devices);
			e = nft_try(n, why);
		}
	}
	dispatch_free(&one[0]);
	plan_free(&p);
	mitigation_free(&m);
	return e;
}
