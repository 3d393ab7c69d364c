/* SPDX-License-Identifier: GPL-3.0-or-later */
/* host - the names of hosts and domains, as people write them into a configuration. */
#ifndef BASE_HOST_H
#define BASE_HOST_H

/* NULL: a name that a name server can know (RFC 1123, 2.1; an underscore is let through), a final dot included. Else what is wrong, for people, a constant. */
const char *host_name_fault(const char *name);
/* The same for an address or a name. */
const char *host_fault(const char *text);

#endif
