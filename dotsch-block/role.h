/* SPDX-License-Identifier: GPL-3.0-or-later */
/* role - where on this machine the packets of a request pass with the addresses that the request names. */
#ifndef BLOCK_ROLE_H
#define BLOCK_ROLE_H

#include "nft.h"
#include "plan.h"

/* Translating hosts: behind the translation (postrouting); routers: forward; bridges that do not route: ingress; others: prerouting. */
enum hook role_hook(struct nft *n);

#endif
