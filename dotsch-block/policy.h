/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy - which action for which provider, prefix or host, and what is never touched: the policy file (dotsch-block(8), POLICY FILE). */
#ifndef BLOCK_POLICY_H
#define BLOCK_POLICY_H

#include "options.h"
#include "plan.h"

struct policy;

/* From the options and their policy file, if one is given. NULL with *why. The options must outlive it. */
struct policy *policy_load(const struct options *o, struct reason *why);
void policy_free(struct policy *p);                          /* NULL allowed */
void policy_print(const struct policy *p, FILE *out);        /* as understood; nothing without a file */
/* What applies to a request: the most telling of host, target prefix, provider; else the default. Lists in *out belong to the policy. */
void policy_for(const struct policy *p, const char *peer, const struct plan_input *in, struct plan_policy *out);
/* This machine's own addresses, which the policy keeps: nothing that comes here may be blocked. */
struct prefix_list *policy_own(struct policy *p);
/* No rule may touch it: an address of never-block, or this machine's own. */
bool policy_spares(const struct policy *p, const struct prefix *address);
/* The hook for requests as they are, once it is known. */
void policy_set_hook(struct policy *p, enum hook hook);
/* Each action that may come up; index from 0, NULL past the end. */
const struct action *policy_action(const struct policy *p, size_t i);
/* Where the device's packets, or the request's, meet the action. */
enum hook policy_device_hook(const struct policy *p, const struct action *a);

#endif
