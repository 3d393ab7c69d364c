/* SPDX-License-Identifier: GPL-3.0-or-later */
/* body - what one DOTS message carries: exactly one of four top-level containers (RFC 9132, 6; RFC 9066, 5.2.2). */
#ifndef DOTS_BODY_H
#define DOTS_BODY_H

#include "dots/mitigation.h"
#include "dots/sigconf.h"

enum body_kind { BODY_EMPTY, BODY_MITIGATION_SCOPE, BODY_SIGNAL_CONFIG, BODY_REDIRECTED_SIGNAL, BODY_HEARTBEAT };

struct redirect {                    /* redirected-signal: base uses alt_server, Call Home alt_ch_client (RFC 9066, 5.2.2) */
	char *alt_server, *alt_ch_client;            /* owned; NULL = absent */
	struct prefix_list alt_server_record, alt_ch_client_record;   /* hosts */
	bool has_ttl;
	uint32_t ttl;                /* seconds */
};

struct body {
	enum body_kind kind;
	struct mitigation *scope;    /* owned array */
	size_t n_scope;
	struct sigconf config;
	struct redirect redirect;
	bool peer_hb_status;         /* heartbeat */
};

void body_init(struct body *b);
void body_free(struct body *b);      /* the contents; NULL allowed; leaves it as after init */
/* Appends an empty scope entry and returns it; NULL out of memory. */
struct mitigation *body_add_scope(struct body *b);

#endif
