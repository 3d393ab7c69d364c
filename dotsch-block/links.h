/* SPDX-License-Identifier: GPL-3.0-or-later */
/* links - the interfaces of this network namespace, asked once (rtnetlink). */
#ifndef BLOCK_LINKS_H
#define BLOCK_LINKS_H

#include <stddef.h>

#define LINKS_MAX 64
#define LINK_NAME_MAX 16             /* IFNAMSIZ */

/* The ports of bridges, at most LINKS_MAX; how many. */
size_t links_bridge_ports(char out[LINKS_MAX][LINK_NAME_MAX]);

#endif
