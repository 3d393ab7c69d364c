/* SPDX-License-Identifier: GPL-3.0-or-later */
/* probe - what this kernel can do, asked with the very messages that would be sent, and without leaving anything behind. */
#ifndef BLOCK_PROBE_H
#define BLOCK_PROBE_H

#include "nft.h"
#include "plan.h"

/* 0 when the kernel would take a mitigation with this action at this hook; else a negative errno with *why. n must be of a table that nobody else uses. */
int probe_action(struct nft *n, const struct action *a, enum hook hook, const char *const *devices, size_t n_devices, struct reason *why);
int probe_owner(struct nft *n, struct reason *why);

#endif
