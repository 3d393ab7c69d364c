/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "origin.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mitigations.h"

#define PREFIX "origin:"

/* Our own lines name our own peer and our own cuid. */
static bool ours(const struct agent *a, const struct envelope *line)
{
	struct peer *p = peers_by_name(a->peers, line->peer);
	return p && strcmp(line->cuid, p->router ? p->router->cuid : a->cuid) == 0;
}

int origin_take(const struct agent *a, struct envelope *line, char ref[REF_MAX_BYTES + 1], struct reason *why)
{
	if (!line->peer || !line->cuid || !line->has_mid || (line->type != LINE_MITIGATE && line->type != LINE_WITHDRAW) || ours(a, line))
		return 0;
	if (snprintf(ref, REF_MAX_BYTES + 1, PREFIX "%s/%s/%" PRIu32, line->peer, line->cuid, line->mid) > REF_MAX_BYTES)
		return reason_set(why, REASON_BAD_REQUEST, "peer", "", "peer and cuid of a request that is passed on have %zu bytes; %d fit", strlen(line->peer) + strlen(line->cuid),
		                  (int)(REF_MAX_BYTES - sizeof PREFIX - sizeof "//4294967295"));
	line->ref = ref;
	line->peer = line->cuid = NULL;
	line->has_mid = false;
	return 0;
}

json_t *origin_of(const char *ref)
{
	if (!ref || strncmp(ref, PREFIX, sizeof PREFIX - 1) != 0)
		return NULL;
	const char *peer = ref + sizeof PREFIX - 1, *mid = strrchr(peer, '/'), *cuid = mid;
	/* A cuid has no slash (RFC 9132, 4.4.1.1: it is a segment of a path), a peer's name may. */
	while (cuid && cuid > peer && cuid[-1] != '/')
		cuid--;
	if (!cuid || cuid <= peer + 1)
		return NULL;
	return json_pack("{s:s%, s:s%, s:I}", "peer", peer, (size_t)(cuid - 1 - peer), "cuid", cuid, (size_t)(mid - cuid), "mid", (json_int_t)strtoull(mid + 1, NULL, 10));
}
