/* SPDX-License-Identifier: GPL-3.0-or-later */
/* notice - observing a mitigation: registration, notifications, and what they mean for the request (RFC 9132, 4.4.2.1). */
#ifndef CLIENT_NOTICE_H
#define CLIENT_NOTICE_H

#include "mitigations.h"

/* Observes the entry when its router is connected and it is not observed yet. */
void notice_start(struct entry *e);
/* Ends the observation and asks for none again. */
void notice_stop(struct entry *e);

#endif
