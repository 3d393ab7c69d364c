/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "role.h"

#include <errno.h>
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

/* Where they are modules, anybody sees which ones are loaded. */
static bool old_nat_absent(void)
{
	return access("/sys/module/ip_tables", F_OK) == 0 && access("/sys/module/iptable_nat", F_OK) < 0;
}

/* The old iptables keep their translation where nf_tables does not show it. 1 yes, 0 no, -1: there are some, but only root may read which. */
static int old_tables_translate(void)
{
	char names[256];
	int fd = open("/proc/net/ip_tables_names", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, names, sizeof names - 1) : -1;
	int error = errno;
	if (fd >= 0)
		close(fd);
	if (n < 0)
		return (error == EACCES || error == EPERM) && !old_nat_absent() ? -1 : 0;
	names[n] = '\0';
	return strstr(names, "nat") != NULL;
}

enum hook role_hook(struct nft *n)
{
	bool translates = false;
	int old = old_tables_translate();
	nft_host_translates(n, &translates, NULL);
	if (translates || old > 0)
		return HOOK_POSTROUTING;
	/* What is not translated is the same behind the translation: that is right in both cases. */
	if (file_begins("/proc/sys/net/ipv4/ip_forward", '1') || file_begins("/proc/sys/net/ipv6/conf/all/forwarding", '1'))
		return old < 0 ? HOOK_POSTROUTING : HOOK_FORWARD;
	char ports[LINKS_MAX][LINK_NAME_MAX];
	return links_bridge_ports(ports) ? HOOK_INGRESS : HOOK_PREROUTING;
}
