/* SPDX-License-Identifier: GPL-3.0-or-later */
/* client_fake - an agent without sockets, one console that keeps every line, and a scripted router at the other end of a wire. */
#ifndef TESTS_CLIENT_FAKE_H
#define TESTS_CLIENT_FAKE_H

#include "../../dotsch-client/agent.h"
#include "dots/body.h"
#include "link/dial.h"
#include "link/session.h"
#include "wire.h"

#define LAB_LINES 4000

struct scripted {
	struct session *session;
	/* How it behaves. */
	uint8_t answer;                      /* to the next PUTs; 0 = 2.01 */
	unsigned answers_left;               /* how often; 0 = always */
	enum conflict_cause cause;
	uint32_t retry_timer, conflict_mid;  /* of the conflict; 0 = none */
	bool tells_conflict;                 /* in its notifications, too */
	int64_t max_age;
	bool redirect;
	unsigned heartbeat_interval, mitigating_interval;
	int64_t config_max_age;              /* 0 = a day, -1 = it says none */
	bool knows_no_sid;
	uint32_t missing_hb_allowed;         /* 0 = 15 */
	uint8_t config_code;                 /* to a PUT of the configuration; 0 = 2.01 */
	int64_t granted;                     /* of the lifetime; 0 = what was asked for */
	const char *raw;                     /* notifies these bytes (hex) */
	bool denies;                         /* says 4.04 to every GET of a mitigation */
	bool known;                          /* holds the mitigation */
	enum dots_status status;
	/* What it got. */
	unsigned n_puts, n_deletes, sources_seen, config_puts;
	struct sigconf wished;               /* of the last PUT of the configuration */
	uint32_t mid, first_mid;
	char cuid[80];
	struct mitigation put;               /* the last */
};

struct lab {
	char folder[64];
	struct wire *wire;
	struct agent agent;
	struct console console;
	unsigned finished;
	int status;
	json_t *lines[LAB_LINES];
	size_t n_lines;
	struct scripted router;
};

/* What was dialled last. */
extern struct dialling {
	struct dial_config config;           /* its pointers may be stale */
	char host[300], server_name[300];
	struct dial_ops ops;
	void *arg;
	unsigned begun, changed, again, ended;
} dialling;

int lab_setup(void **state);
int lab_teardown(void **state);
void lab_connect(struct lab *l);
void lab_answer_dial(struct lab *l);         /* the base server that is dialled is there */
void lab_reconnect(struct lab *l);           /* a new wire; the old one was broken */
void lab_restart(struct lab *l);             /* the agent ends in good order and starts again */
/* The same, with a change to its files in between. */
void lab_restart_with(struct lab *l, void (*change)(const struct lab *l, uint32_t number), uint32_t number);
void lab_run(struct lab *l, int64_t ms);
void lab_say(struct lab *l, const char *line);
void lab_say_only(struct lab *l, const char *line);     /* without waiting for the disk */
void lab_forget(struct lab *l);
/* The last line of a type, or the last of them whose member holds this text; NULL when there is none. */
const json_t *lab_last(const struct lab *l, const char *type);
const json_t *lab_find(const struct lab *l, const char *type, const char *member, const char *part);
bool lab_saw(const struct lab *l, const char *type, const char *member, const char *part);
void router_status(struct lab *l, enum dots_status status);          /* notifies */
void router_status_quietly(struct lab *l, enum dots_status status);

#endif
