/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "certainty.h"

const char *certainty_name(enum certainty c)
{
	static const char *const names[] = { "unresolved", "ambiguous", "stale", "likely", "exact" };
	return names[c];
}

enum certainty certainty_of_mapping(int64_t attack, int64_t captured, bool is_static, uint32_t life)
{
	/* Before the capture only the hold time speaks for it: whoever had the port then cannot have lost it to another in between. */
	if (is_static || (attack <= captured && captured - attack <= HOLD_SECONDS * 1000))
		return CERTAINTY_LIKELY;
	return attack > captured && attack - captured <= ((int64_t)life + HOLD_SECONDS) * 1000 ? CERTAINTY_LIKELY : CERTAINTY_STALE;
}

enum certainty certainty_of_event(int64_t attack, uint32_t begin, uint32_t end)
{
	/* The times are whole seconds, so the last one counts in full. */
	return attack >= (int64_t)begin * 1000 && attack < ((int64_t)end + 1) * 1000 ? CERTAINTY_EXACT : CERTAINTY_STALE;
}
