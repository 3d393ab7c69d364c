/* SPDX-License-Identifier: GPL-3.0-or-later */
/* inquiry - requests that leave nothing behind: queries, the session configuration, redirects, the withdrawal of a mid we do not know. */
#ifndef CLIENT_INQUIRY_H
#define CLIENT_INQUIRY_H

#include "link/session.h"
#include "mitigations.h"

/* What to send, and for whom; everything is copied. */
struct inquiry_request {
	struct console *asked;               /* NULL = the agent itself */
	const char *ref;                     /* may be NULL */
	const char *method;                  /* "GET", "PUT", "DELETE" */
	const char *resource;                /* "mitigate", "config", "redirect"; static text */
	bool with_cuid, with_mid, with_sid;
	uint32_t number;                     /* the mid or the sid */
	char content;                        /* 'c', 'n' or 'a' of `c=`; 0 = none */
	const struct body *body;             /* NULL = none */
	/* Called with the answer's body before it is freed; NULL = not interested. */
	void (*answered)(struct router *r, const struct response *response, const struct body *body);
};

/* 0, or -1 with *why: not connected, too large, no memory. */
int inquiry_send(struct router *r, const struct inquiry_request *request, struct reason *why);
/* Appends what is not answered yet: peer, ref, method, resource. */
void inquiry_unfinished(const struct agent *a, const struct console *c, json_t *array);
/* The console is gone. */
void inquiry_forget(struct agent *a, struct console *c);

#endif
