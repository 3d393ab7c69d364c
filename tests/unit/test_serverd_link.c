/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A real dotsch-serverd over the real link: the whole way of a request, restarts and kills. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dotsch-serverd/control.h"
#include "serverd_peer.h"

#define AUTO "consent = \"auto\""
#define MITIGATED "{\"type\":\"status\",\"peer\":\"isp\",\"cuid\":\"" PEER_CUID "\",\"mid\":7,\"status\":\"attack-successfully-mitigated\"," \
	"\"hosts\":[{\"address\":\"192.168.1.66\"}],\"ietf-dots-signal-channel:mitigation-scope\":{\"scope\":[{\"pkts-dropped\":\"5\"}]}}"

static void whole_way(struct serverd_peer *p, bool udp)
{
	struct body b;

	peer_open(p, udp, !udp, AUTO);
	peer_start(p, NULL);
	assert_non_null(strstr(peer_line(p, "session"), udp ? "\"event\":\"up\",\"peer\":\"isp\",\"transport\":\"udp\"" :
	    "\"event\":\"up\",\"peer\":\"isp\",\"transport\":\"tcp\""));
	assert_int_equal(peer_request(p, METHOD_GET, "config", NULL), CODE(2, 5));
	assert_int_equal(peer_put(p, 7, "203.0.113.9/32", "10.20.30.40/32", 600), CODE(2, 1));
	assert_non_null(strstr(peer_line(p, "mitigate"), "\"mid\":7,\"consent\":\"given\""));
	peer_observe(p, "mitigate/cuid=" PEER_CUID "/mid=7");
	peer_say(p, MITIGATED);
	peer_until(p, &p->notifications, 2);
	peer_body(&p->notified, &b);
	assert_int_equal(b.scope[0].status, STATUS_MITIGATED);
	assert_int_equal(b.scope[0].counters[COUNTER_PKTS], 5);
	body_free(&b);
	assert_int_equal(peer_put(p, 7, "203.0.113.9/32", "10.20.30.40/32", 1200), CODE(2, 4));
	assert_non_null(strstr(peer_line(p, "mitigate"), "192.168.1.66"));
	assert_int_equal(peer_request(p, METHOD_DELETE, "mitigate/cuid=" PEER_CUID "/mid=7", NULL), CODE(2, 2));
	assert_non_null(strstr(peer_line(p, "withdraw"), "\"mid\":7,\"cause\":\"client\""));
	assert_int_equal(WEXITSTATUS(peer_stop(p, SIGTERM)), 0);
	assert_true(p->orderly);
	peer_close(p);
}

static void whole_way_over_dtls(void **state)
{
	struct serverd_peer p;

	(void)state;
	whole_way(&p, true);
}

static void whole_way_over_tls(void **state)
{
	struct serverd_peer p;

	(void)state;
	whole_way(&p, false);
}

/* Status 6 first, then the end of the observation. */
static void observation_ends_with_the_mitigation(void **state)
{
	struct serverd_peer p;
	struct body b;

	(void)state;
	peer_open(&p, true, false, AUTO);
	peer_start(&p, NULL);
	assert_int_equal(peer_put(&p, 7, "203.0.113.9/32", "10.20.30.40/32", 600), CODE(2, 1));
	peer_observe(&p, "mitigate/cuid=" PEER_CUID "/mid=7");
	assert_int_equal(peer_request(&p, METHOD_DELETE, "mitigate/cuid=" PEER_CUID "/mid=7", NULL), CODE(2, 2));
	peer_until(&p, &p.notifications, 2);
	peer_body(&p.notified, &b);
	assert_int_equal(b.scope[0].status, STATUS_TERMINATED);
	body_free(&b);
	peer_until(&p, &p.notifications, 3);
	assert_int_equal(p.notified_code, CODE(4, 4));
	peer_close(&p);
}

/* What was answered 2.01 is there after kill -9 at any moment, and goes into the ring again. */
static void killed_again_and_again(void **state)
{
	const char *rounds_text = getenv("DOTSCH_KILLS");
	int rounds = rounds_text != NULL ? atoi(rounds_text) : 20;
	struct serverd_peer p;
	unsigned mid = 0;
	struct body b;

	(void)state;
	peer_open(&p, true, false, AUTO);
	srand(1);
	for (int round = 0; round < rounds; round++) {
		unsigned n = 1 + (unsigned)rand() % 12;

		peer_start(&p, NULL);
		if (mid > 0) {
			assert_int_equal(peer_request(&p, METHOD_GET, "mitigate/cuid=" PEER_CUID, NULL), CODE(2, 5));
			peer_body(&p.payload, &b);
			assert_int_equal(b.n_scope, mid);
			body_free(&b);
			peer_line(&p, "sync");
			for (unsigned i = 1; i <= mid; i++) {
				char want[60];

				snprintf(want, sizeof(want), "\"mid\":%u,", i);
				assert_non_null(strstr(peer_line(&p, "mitigate"), want));
			}
		}
		for (unsigned i = 0; i < n; i++) {
			char source[32];

			snprintf(source, sizeof(source), "10.20.%u.%u/32", (mid + 1) / 250, (mid + 1) % 250);
			assert_int_equal(peer_put(&p, mid + 1, "203.0.113.9/32", source, 3600), CODE(2, 1));
			mid++;
		}
		peer_stop(&p, SIGKILL);
		p.next_line = p.n_lines;
	}
	peer_close(&p);
}

static bool holds(const char *path, const char *part)
{
	static char text[65536];
	FILE *f = fopen(path, "r");
	size_t n = 0;

	if (f != NULL) {
		n = fread(text, 1, sizeof(text) - 1, f);
		fclose(f);
	}
	text[n] = '\0';
	return strstr(text, part) != NULL;
}

static void until_held(struct serverd_peer *p, const char *path, const char *part)
{
	int64_t end = loop_now(p->loop) + PEER_WAIT_MS;

	while (!holds(path, part) && loop_now(p->loop) < end)
		peer_step(p);
	if (!holds(path, part))
		fail_msg("%s never came to hold %s", path, part);
}

/* --exec: the requests go in, status lines come back, and one that dies is started again and made whole by `sync`. */
static void pipeline_is_restarted(void **state)
{
	struct serverd_peer p;
	char command[900], got[100], again[100];
	struct body b;

	(void)state;
	peer_open(&p, true, false, AUTO);
	snprintf(got, sizeof(got), "%s/got", p.dir);
	snprintf(again, sizeof(again), "%s/again", p.dir);
	/* The first one reports and dies on its first request; the second asks for everything. */
	snprintf(command, sizeof(command), "if [ -e %s ]; then echo '{\"type\":\"sync\",\"want\":true}'; exec tee %s; else while read -r line; do case $line in *mitigate*) break ;; esac; done; "
	    "echo \"$line\" >%s; "
	    "echo '{\"type\":\"error\",\"reason\":\"x\"}'; echo '" MITIGATED "'; fi", got, again, got);
	peer_start(&p, command);
	assert_int_equal(peer_put(&p, 7, "203.0.113.9/32", "10.20.30.40/32", 600), CODE(2, 1));
	until_held(&p, again, "\"event\":\"end\"");
	assert_true(holds(again, "\"mid\":7,\"consent\":\"given\""));
	assert_int_equal(peer_request(&p, METHOD_GET, "mitigate/cuid=" PEER_CUID "/mid=7", NULL), CODE(2, 5));
	peer_body(&p.payload, &b);
	assert_int_equal(b.scope[0].status, STATUS_MITIGATED);
	body_free(&b);
	assert_int_equal(WEXITSTATUS(peer_stop(&p, SIGTERM)), 0);
	unlink(got);
	unlink(again);
	peer_close(&p);
}

/* One of its programs dies, and the one before it would not notice: it is started again all the same, without another line. */
static void pipeline_with_a_dead_program_is_restarted(void **state)
{
	struct serverd_peer p;
	char command[400], script[100], got[100], again[100];
	FILE *f;

	(void)state;
	peer_open(&p, true, false, AUTO);
	snprintf(script, sizeof(script), "%s/script", p.dir);
	snprintf(got, sizeof(got), "%s/got", p.dir);
	snprintf(again, sizeof(again), "%s/again", p.dir);
	f = fopen(script, "w");
	assert_non_null(f);
	fprintf(f, "echo '{\"type\":\"sync\",\"want\":true}'\n[ ! -e %s ] || exec tee -a %s\n"
	    "while read -r line; do case $line in *mitigate*) break ;; esac; done\n: >%s\n", again, again, again);
	fclose(f);
	snprintf(command, sizeof(command), "tee -a %s | sh %s | tee -a /dev/null", got, script);
	peer_start(&p, command);
	assert_int_equal(peer_put(&p, 7, "203.0.113.9/32", "10.20.30.40/32", 600), CODE(2, 1));
	until_held(&p, again, "\"event\":\"end\"");
	assert_true(holds(again, "\"mid\":7,\"consent\":\"given\""));
	assert_int_equal(WEXITSTATUS(peer_stop(&p, SIGTERM)), 0);
	unlink(script);
	unlink(got);
	unlink(again);
	peer_close(&p);
}

/* What was answered 2.01 a moment before SIGTERM has been handed on when the program ends, however slow the reader. */
static void sigterm_drains(void **state)
{
	struct serverd_peer p;
	char command[200], got[100], want[40], source[32];

	(void)state;
	peer_open(&p, true, false, AUTO);
	snprintf(got, sizeof(got), "%s/got", p.dir);
	snprintf(command, sizeof(command), "while read -r line; do echo \"$line\" >>%s; done", got);
	peer_start(&p, command);
	for (unsigned i = 1; i <= 40; i++) {
		snprintf(source, sizeof(source), "10.20.0.%u/32", i);
		assert_int_equal(peer_put(&p, i, "203.0.113.9/32", source, 600), CODE(2, 1));
	}
	assert_int_equal(WEXITSTATUS(peer_stop(&p, SIGTERM)), 0);
	assert_true(p.orderly);
	for (unsigned i = 1; i <= 40; i++) {
		snprintf(want, sizeof(want), "\"mid\":%u,", i);
		assert_true(holds(got, want));
	}
	unlink(got);
	peer_close(&p);
}

static void owner_is_told_CH_33(void **state)
{
	struct serverd_peer p;
	char command[200], told[100];

	(void)state;
	peer_open(&p, true, false, "consent = \"ask\"");
	snprintf(told, sizeof(told), "%s/told", p.dir);
	snprintf(command, sizeof(command), "cat >>%s", told);
	p.notify = command;
	peer_start(&p, NULL);
	assert_int_equal(peer_put(&p, 7, "203.0.113.9/32", "10.20.30.40/32", 600), CODE(2, 1));
	until_held(&p, told, "\"event\":\"up\"");
	until_held(&p, told, "\"mid\":7,\"state\":\"pending\"");
	peer_say(&p, MITIGATED);
	until_held(&p, told, "192.168.1.66");
	peer_stop(&p, SIGTERM);
	unlink(told);
	peer_close(&p);
}

/* Asks over the control socket; the answer as one text. */
static const char *ask(struct serverd_peer *p, const char *line)
{
	static char text[16384];
	int fd = control_connect(p->socket, NULL);
	size_t n = 0;
	ssize_t got;

	assert_true(fd >= 0);
	assert_true(write(fd, line, strlen(line)) == (ssize_t)strlen(line));
	shutdown(fd, SHUT_WR);
	while (n < sizeof(text) - 1 && (got = read(fd, text + n, sizeof(text) - 1 - n)) > 0)
		n += (size_t)got;
	text[n] = '\0';
	close(fd);
	return text;
}

static void owner_decides_over_the_socket_CH_29(void **state)
{
	struct serverd_peer p;
	struct body b;

	(void)state;
	peer_open(&p, true, false, "consent = \"ask\"");
	peer_start(&p, NULL);
	assert_int_equal(peer_put(&p, 7, "203.0.113.9/32", "10.20.30.40/32", 600), CODE(2, 1));
	peer_body(&p.payload, &b);
	assert_int_equal(b.scope[0].status, STATUS_IN_PROGRESS);
	body_free(&b);
	assert_non_null(strstr(peer_line(&p, "mitigate"), "\"consent\":\"pending\""));
	assert_non_null(strstr(ask(&p, "{\"type\":\"pending\",\"ref\":\"r1\"}\n"), "\"mid\":7,\"state\":\"pending\""));
	assert_non_null(strstr(ask(&p, "{\"type\":\"decision\",\"mid\":8,\"decision\":\"accept\"}\n"), "\"type\":\"error\""));
	assert_non_null(strstr(ask(&p, "{\"type\":\"decision\",\"mid\":7,\"decision\":\"accept\",\"ref\":\"r2\"}\n"), "\"type\":\"done\""));
	assert_non_null(strstr(peer_line(&p, "mitigate"), "\"consent\":\"given\""));
	peer_observe(&p, "mitigate/cuid=" PEER_CUID "/mid=7");
	assert_non_null(strstr(ask(&p, "{\"type\":\"withdraw\",\"peer\":\"isp\",\"mid\":7}\n"), "\"type\":\"done\""));
	assert_non_null(strstr(peer_line(&p, "withdraw"), "\"mid\":7"));
	peer_until(&p, &p.notifications, 2);
	peer_body(&p.notified, &b);
	assert_int_equal(b.scope[0].status, STATUS_WITHDRAWN);
	assert_int_equal(b.scope[0].conflict.cause, CONFLICT_LEGITIMATE_TRAFFIC);
	body_free(&b);
	assert_int_equal(peer_put(&p, 7, "203.0.113.9/32", "10.20.30.40/32", 600), CODE(4, 9));
	assert_non_null(strstr(ask(&p, "{\"type\":\"sessions\"}\n"), "\"event\":\"up\""));
	assert_non_null(strstr(ask(&p, "{\"type\":\"audit\"}\n"), "\"event\":\"accepted\",\"peer\":\"isp\""));
	assert_non_null(strstr(ask(&p, "{\"type\":\"audit\"}\n"), "\"by\":\"uid "));
	assert_non_null(strstr(ask(&p, "nonsense\n"), "\"type\":\"error\""));
	peer_close(&p);
}

/* Many at once: what does not fit a datagram comes in blocks. */
static void get_of_many_comes_in_blocks(void **state)
{
	struct serverd_peer p;
	struct body b;

	(void)state;
	peer_open(&p, true, false, AUTO);
	peer_start(&p, NULL);
	for (unsigned i = 1; i <= 60; i++) {
		char source[32];

		snprintf(source, sizeof(source), "10.20.0.%u/32", i);
		assert_int_equal(peer_put(&p, i, "203.0.113.9/32", source, 3600), CODE(2, 1));
	}
	assert_int_equal(peer_request(&p, METHOD_GET, "mitigate/cuid=" PEER_CUID, NULL), CODE(2, 5));
	assert_true(p.payload.len > 1280);
	peer_body(&p.payload, &b);
	assert_int_equal(b.n_scope, 60);
	body_free(&b);
	peer_close(&p);
}

/* RFC 9066, 5.2.2: 2.01, the session ends, and another comes from the place that was named. */
static void follows_a_redirection(void **state)
{
	struct serverd_peer p;
	struct prefix local;
	uint16_t port;
	char text[PREFIX_TEXT_MAX];
	struct body b = { .kind = BODY_REDIRECTED_SIGNAL, .redirect = { .alt_ch_client = (char *)"127.0.0.2", .has_ttl = true, .ttl = 600 } };

	(void)state;
	peer_open(&p, true, false, AUTO);
	peer_start(&p, NULL);
	assert_int_equal(peer_put(&p, 7, "203.0.113.9/32", "10.20.30.40/32", 600), CODE(2, 1));
	assert_int_equal(peer_request(&p, METHOD_PUT, "redirect", &b), CODE(2, 1));
	peer_until(&p, &p.sessions, 2);
	assert_int_equal(sockaddr_prefix(&session_channel(p.session)->local, &local, &port), 0);
	assert_string_equal(addr_format(&local, text), "127.0.0.2");
	/* What was active still is. */
	assert_int_equal(peer_request(&p, METHOD_GET, "mitigate/cuid=" PEER_CUID "/mid=7", NULL), CODE(2, 5));
	assert_int_equal(peer_request(&p, METHOD_PUT, "redirect", &b), CODE(4, 0));
	peer_close(&p);
}

/* What cannot be kept is refused with 5.03, and what was answered before is untouched, in memory and on disk. */
static void full_disk_is_5_03(void **state)
{
	struct serverd_peer p;
	struct body b;
	unsigned accepted = 0;
	uint8_t code = CODE(2, 1);
	char source[32];

	(void)state;
	peer_open(&p, true, false, AUTO);
	p.file_limit = 150000;
	peer_start(&p, NULL);
	while (accepted < 2000 && code == CODE(2, 1)) {
		snprintf(source, sizeof(source), "10.20.%u.%u/32", (accepted + 1) / 250, (accepted + 1) % 250);
		code = peer_put(&p, accepted + 1, "203.0.113.9/32", source, 3600);
		accepted += code == CODE(2, 1);
	}
	assert_int_equal(code, CODE(5, 3));
	assert_true(p.max_age > 0);
	assert_true(accepted > 0);
	/* One that would have replaced another has not. */
	assert_int_equal(peer_put(&p, 3000, "203.0.113.9/32", "10.20.0.1/32", 3600), CODE(5, 3));
	assert_int_equal(peer_request(&p, METHOD_GET, "mitigate/cuid=" PEER_CUID, NULL), CODE(2, 5));
	peer_body(&p.payload, &b);
	assert_int_equal(b.n_scope, accepted);
	assert_int_equal(b.scope[0].mid, 1);
	body_free(&b);
	peer_stop(&p, SIGKILL);
	p.file_limit = 0;
	peer_start(&p, NULL);
	assert_int_equal(peer_request(&p, METHOD_GET, "mitigate/cuid=" PEER_CUID, NULL), CODE(2, 5));
	peer_body(&p.payload, &b);
	assert_int_equal(b.n_scope, accepted);
	body_free(&b);
	assert_int_equal(peer_put(&p, 3000, "203.0.113.9/32", "10.20.0.1/32", 3600), CODE(2, 1));
	peer_close(&p);
}

/* Until a change of the scope has come through; each try is a request of its own. */
static void until_code(struct serverd_peer *p, const char *source, uint8_t code)
{
	static unsigned mid = 100;
	uint8_t got = 0;

	for (int i = 0; i < 500 && (got = peer_put(p, mid++, "203.0.113.9/32", source, 600)) != code; i++)
		peer_step(p);
	assert_int_equal(got, code);
}

static void hup_changes_the_scope_and_keeps_the_session(void **state)
{
	struct serverd_peer p;

	(void)state;
	peer_open(&p, true, false, AUTO);
	peer_start(&p, NULL);
	assert_int_equal(peer_put(&p, 7, "203.0.113.9/32", "10.99.30.40/32", 600), CODE(4, 0));
	peer_reload(&p, "isp", "cpe-0001", "10.99.0.0/16", "consent = \"ask\"");
	until_code(&p, "10.99.30.40/32", CODE(2, 1));
	assert_non_null(strstr(peer_line(&p, "mitigate"), "\"consent\":\"pending\""));
	assert_int_equal(peer_put(&p, 8, "203.0.113.9/32", "10.20.30.41/32", 600), CODE(4, 0));
	assert_int_equal(p.sessions, 1);
	assert_int_equal(p.downs, 0);
	assert_int_equal(WEXITSTATUS(peer_stop(&p, SIGTERM)), 0);
	peer_close(&p);
}

static void hup_with_a_bad_file_changes_nothing(void **state)
{
	struct serverd_peer p;

	(void)state;
	peer_open(&p, true, false, AUTO);
	peer_start(&p, NULL);
	peer_reload(&p, "isp", "cpe-0001", "10.99.0.0/16", "consent = \"perhaps\"");
	assert_non_null(strstr(peer_line(&p, "error"), "perhaps"));
	/* Well written, and its certificate cannot be read: found out before anything changes. */
	peer_reload(&p, "other", "cpe-0001", "10.99.0.0/16", "certificate-file = \"/nonexistent/c\"\nkey-file = \"/nonexistent/k\"\nca-file = \"/nonexistent/a\"\n"
	    "server-name = \"x.example\"");
	assert_non_null(strstr(peer_line(&p, "error"), "/nonexistent/"));
	assert_int_equal(peer_put(&p, 7, "203.0.113.9/32", "10.20.30.40/32", 600), CODE(2, 1));
	assert_non_null(strstr(peer_line(&p, "mitigate"), "\"peer\":\"isp\""));
	assert_int_equal(p.sessions, 1);
	assert_int_equal(WEXITSTATUS(peer_stop(&p, SIGTERM)), 0);
	peer_close(&p);
}

static void hup_removes_and_adds_providers(void **state)
{
	struct serverd_peer p;
	const char *line;

	(void)state;
	peer_open(&p, true, false, AUTO);
	peer_start(&p, NULL);
	peer_line(&p, "session");
	assert_int_equal(peer_put(&p, 7, "203.0.113.9/32", "10.20.30.40/32", 600), CODE(2, 1));
	peer_line(&p, "mitigate");
	peer_reload(&p, "new", "cpe-0001", "10.20.0.0/16", AUTO);
	line = peer_line(&p, "session");
	assert_non_null(strstr(line, "\"event\":\"down\",\"peer\":\"isp\",\"reason\":\"no longer configured\""));
	assert_non_null(strstr(peer_line(&p, "session"), "\"event\":\"up\",\"peer\":\"new\""));
	peer_until(&p, &p.sessions, 2);
	/* What the old one asked for is still in force. */
	peer_say(&p, "{\"type\":\"sync\",\"want\":true}");
	line = peer_line(&p, "mitigate");
	assert_non_null(strstr(line, "\"peer\":\"isp\""));
	assert_non_null(strstr(line, "\"mid\":7"));
	assert_int_equal(peer_put(&p, 8, "203.0.113.9/32", "10.20.30.41/32", 600), CODE(2, 1));
	assert_non_null(strstr(peer_line(&p, "mitigate"), "\"peer\":\"new\""));
	assert_int_equal(WEXITSTATUS(peer_stop(&p, SIGTERM)), 0);
	peer_close(&p);
}

static void hup_with_other_credentials_is_for_the_next_session(void **state)
{
	struct serverd_peer p;

	(void)state;
	peer_open(&p, false, true, AUTO);
	peer_start(&p, NULL);
	peer_line(&p, "session");
	peer_reload(&p, "isp", "cpe-0002", "10.99.0.0/16", AUTO);
	until_code(&p, "10.99.30.40/32", CODE(2, 1));
	assert_int_equal(p.sessions, 1);
	/* Lost: by ticket it would come back as cpe-0001. */
	session_close(p.session, false);
	p.session = NULL;
	assert_non_null(strstr(peer_line(&p, "session"), "\"event\":\"down\""));
	assert_non_null(strstr(peer_line(&p, "session"), "\"event\":\"unreachable\""));
	assert_int_equal(p.sessions, 1);
	peer_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_way_over_dtls), cmocka_unit_test(whole_way_over_tls), cmocka_unit_test(observation_ends_with_the_mitigation),
		cmocka_unit_test(killed_again_and_again), cmocka_unit_test(pipeline_is_restarted), cmocka_unit_test(pipeline_with_a_dead_program_is_restarted), cmocka_unit_test(sigterm_drains), cmocka_unit_test(owner_is_told_CH_33), cmocka_unit_test(owner_decides_over_the_socket_CH_29),
		cmocka_unit_test(get_of_many_comes_in_blocks), cmocka_unit_test(follows_a_redirection), cmocka_unit_test(full_disk_is_5_03),
		cmocka_unit_test(hup_changes_the_scope_and_keeps_the_session), cmocka_unit_test(hup_with_a_bad_file_changes_nothing),
		cmocka_unit_test(hup_removes_and_adds_providers), cmocka_unit_test(hup_with_other_credentials_is_for_the_next_session),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
