/* SPDX-License-Identifier: GPL-3.0-or-later */
/* leases - names of inside hosts from the DHCP server's lease file: dnsmasq, odhcpd, kea. */
#ifndef MAP_LEASES_H
#define MAP_LEASES_H

#include "base/addr.h"

struct leases;

/* Reads the file again when it has changed. NULL out of memory; a file that is missing only means that there are no names. */
struct leases *leases_new(const char *path);
void leases_free(struct leases *l);     /* NULL allowed */
/* By address, else by MAC (NULL = unknown). NULL: none. Borrowed until the next call. */
const char *leases_name(struct leases *l, const struct prefix *address, const uint8_t *mac);

#endif
