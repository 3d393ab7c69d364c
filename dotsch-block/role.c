/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "role.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "links.h"

static bool file_begins(const char *path, char c)
{
	char first = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool yes = fd >= 0 && read(fd, &first, 1) == 1 && first == c;
	if (fd >= 0)
		close(fd);
	return yes;
}

/* The old iptables keep their translation where nf_tables does not show it. */
static bool old_tables_translate(void)
{
	char names[256];
	int fd = open("/proc/net/ip_tables_names", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, names, sizeof names - 1) : -1;
	if (fd >= 0)
		close(fd);
	if (n < 0)
		return false;
	names[n] = '\0';
	return strstr(names, "nat") != NULL;
}

enum hook role_hook(struct nft *n)
{
	bool translates = false;
	nft_host_translates(n, &translates, NULL);
	if (translates || old_tables_translate())
		return HOOK_POSTROUTING;
	if (file_begins("/proc/sys/net/ipv4/ip_forward", '1') || file_begins("/proc/sys/net/ipv6/conf/all/forwarding", '1'))
		return HOOK_FORWARD;
	char ports[LINKS_MAX][LINK_NAME_MAX];
	return links_bridge_ports(ports) ? HOOK_INGRESS : HOOK_PREROUTING;
}
