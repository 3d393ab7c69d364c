/* SPDX-License-Identifier: GPL-3.0-or-later */
/* service - what the service manager hears, by the protocol of sd_notify(3): ready, alive, stopping. Without a manager nothing is said. */
#ifndef BASE_SERVICE_H
#define BASE_SERVICE_H

#include "base/loop.h"

struct service {
	struct loop *loop;
	struct loop_timer alive;
	int fd;               /* -1: nobody listens */
	int64_t period_ms;    /* between two signs of life; 0 = none wanted */
};

/* Connects to NOTIFY_SOCKET, and takes it and WATCHDOG_USEC out of the environment: they are not for children. Call before a sandbox and before children. */
void service_open(struct service *s, struct loop *l);
/* "READY=1", then loop_run with "WATCHDOG=1" twice in WATCHDOG_USEC, then "STOPPING=1". Returns what the loop does. */
int service_run(struct service *s);
/* Closes what service_open has opened; harmless after it. */
void service_close(struct service *s);

#endif
