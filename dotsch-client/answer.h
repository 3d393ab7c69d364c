/* SPDX-License-Identifier: GPL-3.0-or-later */
/* answer - what the peer's answer to a PUT or a DELETE, or its silence, makes of a request. */
#ifndef CLIENT_ANSWER_H
#define CLIENT_ANSWER_H

#include "mitigations.h"

/* Of session_request; arg is the entry, which they may free. */
void answer_put(void *arg, struct exchange *x, enum exchange_event event, const struct response *r);
void answer_delete(void *arg, struct exchange *x, enum exchange_event event, const struct response *r);

#endif
