/* SPDX-License-Identifier: GPL-3.0-or-later */
/* natgen MAPPINGS: a NAT table on stdout. natgen MAPPINGS REQUESTS: so many request lines about it. */
#include <stdlib.h>

#include "natgen.h"

int main(int argc, char **argv)
{
	uint64_t n = argc > 1 ? strtoull(argv[1], NULL, 10) : 0, requests = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
	if (!n || (argc > 2 && !requests)) {
		fprintf(stderr, "usage: natgen MAPPINGS [REQUESTS]\n");
		return 100;
	}
	if (requests)
		natgen_requests(stdout, requests, n);
	else
		natgen_table(stdout, n);
	return fflush(stdout) || ferror(stdout) ? 111 : 0;
}
