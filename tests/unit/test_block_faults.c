/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every transaction of every change fails once, in each way that kernels have: a reason is given, and nothing is half applied. In a network namespace of its own. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apply.h"
#include "base/log.h"
#include "kernel.h"
#include "../system/block_seam.h"

static struct kernel *k;

/* As nft shows the table: all but counters and the time that is left. */
static char *shown(void)
{
	char *text = NULL, chunk[4096];
	size_t len = 0, n;
	FILE *out = open_memstream(&text, &len), *in = popen("nft -s list ruleset", "r");
	assert_non_null(in);
	while ((n = fread(chunk, 1, sizeof chunk, in)))
		fwrite(chunk, 1, n, out);
	assert_int_equal(pclose(in), 0);
	fclose(out);
	return text;
}

/* A plan for UDP from so many sources to the target. */
static struct plan planned(const char *target, unsigned from, unsigned n, enum verb verb)
{
	struct mitigation m;
	struct plan p;
	struct prefix t;
	struct plan_policy policy = { .hook = HOOK_FORWARD, .device_hook = HOOK_FORWARD, .action = { .verb = verb } };
	mitigation_init(&m);
	assert_int_equal(prefix_parse(target, true, &t), 0);
	prefix_list_add(&m.target_prefix, &t);
	protocol_list_add(&m.target_protocol, 17);
	for (unsigned i = 0; i < n; i++) {
		uint32_t a = htonl(0x0a000000u + from + 2 * i);   /* no two make a network */
		struct prefix s = prefix_make(4, &a, 32);
		prefix_list_add(&m.source_prefix, &s);
	}
	struct plan_input in = { .m = &m };
	assert_int_equal(plan_make(&in, &policy, &p), 0);
	assert_int_equal(p.outcome, PLAN_ENFORCE);
	mitigation_free(&m);
	return p;
}

static struct unit *unit(const char *target, unsigned from, unsigned n)
{
	struct unit *u = calloc(1, sizeof *u);
	assert_non_null(u);
	u->plan = planned(target, from, n, VERB_DROP);
	u->until = INT64_MAX;
	return u;
}

/* One change at a time, to the unit that stands already or with a new one. */
enum step { INSTALL, INSTALL_BULK, INSTALL_TWO, FEWER_SOURCES, ANOTHER_ACTION, ONE_ADDRESS_MORE, ONE_ADDRESS_LESS, RENEW, REMOVE, REMOVE_TWO, STEPS };
static const char *const steps[] = { "install", "install 5,000 sources", "install two", "fewer sources", "another action", "one address more", "one address less", "renew", "remove", "remove two" };

static int take(enum step s, struct unit *u, struct unit *fresh, struct unit *twin, struct reason *why)
{
	struct prefix more, less;
	struct plan p = { 0 };
	addr_parse("10.9.9.9", &more);
	addr_parse("10.0.0.6", &less);
	int e = 0;
	switch (s) {
	case INSTALL: case INSTALL_BULK:
		return kernel_install(k, fresh, NULL, 0, why);
	case INSTALL_TWO:
		return kernel_install_all(k, (struct unit *[]){ fresh, twin }, 2, 0, why);
	case REMOVE_TWO:
		return kernel_remove_all(k, (struct unit *[]){ u, twin }, 2, why);
	case FEWER_SOURCES: case ANOTHER_ACTION:
		p = planned("203.0.113.9", s == FEWER_SOURCES ? 6 : 0, s == FEWER_SOURCES ? 10 : 20, s == FEWER_SOURCES ? VERB_DROP : VERB_DRY_RUN);
		e = kernel_change(k, u, &p, 0, why);
		plan_free(&p);
		return e;
	case ONE_ADDRESS_MORE: case ONE_ADDRESS_LESS:
		return kernel_source(k, u, s == ONE_ADDRESS_MORE ? &more : &less, s == ONE_ADDRESS_MORE, why);
	case RENEW:
		return kernel_renew(k, u, 0, why);
	case REMOVE: case STEPS:
		return kernel_remove(k, u, why);
	}
	return -1;
}

static void assert_as_known(const char *when)
{
	struct reason why;
	k->generation--;   /* as if somebody else had been there */
	if (kernel_watch(k, 0, &why) != 0)
		fail_msg("%s: the table is not what the program takes it for", when);
}

/* The step fails at its nth transaction. False when it has fewer. */
static bool fails(enum step s, enum seam kind, int error, unsigned nth, unsigned times)
{
	char when[128];
	struct unit *u = unit("203.0.113.9", 0, 20), *fresh = unit("203.0.113.10", 100, s == INSTALL_BULK ? 5000 : 3), *twin = unit("203.0.113.9", 200, 2);
	struct reason why = { 0 };
	snprintf(when, sizeof when, "%s, transaction %u: failure %d, %s", steps[s], nth, (int)kind, strerror(error));
	assert_int_equal(kernel_install(k, u, NULL, 0, &why), 0);
	if (s == REMOVE_TWO)
		assert_int_equal(kernel_install(k, twin, NULL, 0, &why), 0);
	char *before = shown();
	seam_arm(kind, error, nth, times);
	int e = take(s, u, fresh, twin, &why);
	bool came = seam_left() == 0;
	seam_arm(SEAM_NONE, 0, 0, 0);
	char *after = shown();
	if (came && e < 0) {
		if (strcmp(before, after))
			fail_msg("%s: something is half applied:\n%s\nbefore:\n%s", when, after, before);
		if (!strstr(why.text, strerror(error)) || !strstr(why.text, "nf_tables: "))
			fail_msg("%s: the reason is \"%s\"", when, why.text);
	}
	/* A lost answer was none of a failure, and what is tried again goes through. */
	if (came && (kind == SEAM_LOST || (error == ERESTART && times == 1)))
		assert_int_equal(e, 0);
	else if (came)
		assert_int_equal(e, -error);
	assert_as_known(when);
	if (e < 0)
		assert_int_equal(take(s, u, fresh, twin, &why), 0);
	assert_as_known("and again");
	if (s != REMOVE && s != REMOVE_TWO)
		assert_int_equal(kernel_remove(k, u, &why), 0);
	if (s == INSTALL_TWO)
		assert_int_equal(kernel_remove(k, twin, &why), 0);
	if (s == INSTALL || s == INSTALL_BULK || s == INSTALL_TWO)
		assert_int_equal(kernel_remove(k, fresh, &why), 0);
	char *empty = shown();
	assert_null(strstr(empty, "chain"));
	assert_null(strstr(empty, "set"));
	assert_null(strstr(empty, "counter"));
	unit_free(u);
	unit_free(fresh);
	unit_free(twin);
	free(before);
	free(after);
	free(empty);
	return came;
}

static void every_step(enum seam kind, int error, unsigned times)
{
	for (int s = 0; s < STEPS; s++) {
		unsigned nth = 1;
		while (fails((enum step)s, kind, error, nth, times))
			nth++;
		assert_int_equal(nth - 1, s == INSTALL_BULK ? 4 : 1);   /* 5,000 sources in three portions, and the rule */
	}
}

static void ERESTART_is_tried_again(void **state)
{
	(void)state;
	every_step(SEAM_ANSWER, ERESTART, 1);
}

static void ERESTART_for_ever_is_a_reason(void **state)
{
	(void)state;
	for (int s = 0; s < STEPS; s++)
		assert_true(fails((enum step)s, SEAM_ANSWER, ERESTART, 1, 3));
}

static void EMSGSIZE_of_the_socket(void **state)
{
	(void)state;
	every_step(SEAM_SEND, EMSGSIZE, 1);
}

static void ENOBUFS_of_the_socket(void **state)
{
	(void)state;
	every_step(SEAM_SEND, ENOBUFS, 1);
}

static void ENOBUFS_when_the_answer_is_lost(void **state)
{
	(void)state;
	every_step(SEAM_LOST, ENOBUFS, 1);
}

static void ENOBUFS_when_nothing_was_applied(void **state)
{
	(void)state;
	every_step(SEAM_NEVER, ENOBUFS, 1);
}

static void no_answer_in_time(void **state)
{
	(void)state;
	every_step(SEAM_LOST, EAGAIN, 1);
	every_step(SEAM_NEVER, EAGAIN, 1);
}

static void ENOMEM_and_EPERM_of_the_kernel(void **state)
{
	(void)state;
	every_step(SEAM_ANSWER, ENOMEM, 1);
	every_step(SEAM_ANSWER, EPERM, 1);
}

/* More than the socket takes in one message is refused before anything goes out. */
static void EMSGSIZE_of_a_batch(void **state)
{
	(void)state;
	struct reason why;
	char *before = shown();
	struct nft *n = kernel_nft(k);
	nft_begin(n);
	nft_add_set(n, &(struct nft_set_spec){ .name = "large", .key = NFT_KEY_IPV6 });
	nft_elems_begin(n, "large", true);
	for (uint32_t i = 0; nft_batch_size(n) <= nft_batch_max(n); i++) {
		uint32_t key[4] = { i, 0, 0, 0 };
		nft_elem(n, key, 16, 0, NULL);
	}
	nft_elems_end(n);
	assert_int_equal(nft_commit(n, &why), -EMSGSIZE);
	assert_string_equal(why.text, "nf_tables: transaction: Message too long (the transaction is larger than the socket's buffer)");
	char *after = shown();
	assert_string_equal(before, after);
	free(before);
	free(after);
}

/* What another program took away and the kernel does not take back at first: all else stands, and it is tried again, ever more seldom. */
static void what_cannot_be_put_back(void **state)
{
	(void)state;
	struct unit *u[3];
	struct reason why;
	for (unsigned i = 0; i < 3; i++) {
		char target[32];
		snprintf(target, sizeof target, "203.0.113.%u", i);
		u[i] = unit(target, i, 1);
		assert_int_equal(kernel_install(k, u[i], NULL, 0, &why), 0);
	}
	k->damaged = true;
	/* The whole table at once is refused for some reason: one by one. */
	seam_arm(SEAM_ANSWER, ENOMEM, 1, 1);
	assert_int_equal(kernel_watch(k, 1000, &why), 1);
	assert_false(u[0]->out || u[1]->out || u[2]->out);
	k->damaged = true;
	seam_arm(SEAM_ANSWER, ENOMEM, 1, 1);
	u[1]->plan.hook = HOOK_POSTROUTING;   /* where the kernel refuses to reject */
	u[1]->plan.action.verb = VERB_REJECT;
	assert_true(kernel_watch(k, 2000, &why) < 0);
	assert_non_null(strstr(why.text, "nf_tables: "));
	assert_true(!u[0]->out && u[1]->out && !u[2]->out);
	uint64_t handle = k->handle;
	assert_int_equal(kernel_watch(k, 2399, &why), 0);
	assert_true(kernel_watch(k, 2400, &why) < 0);
	assert_int_equal(kernel_watch(k, 3199, &why), 0);
	assert_true(kernel_watch(k, 3200, &why) < 0);
	assert_true(u[1]->out && k->handle == handle);   /* the rest was not touched for that */
	assert_true(kernel_renew(k, u[1], 0, &why) < 0);
	u[1]->plan.hook = HOOK_FORWARD;
	u[1]->plan.action.verb = VERB_DROP;
	assert_int_equal(kernel_watch(k, 5000, &why), 1);
	assert_false(u[1]->out);
	assert_as_known("put back");
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(kernel_remove(k, u[i], &why), 0);
		unit_free(u[i]);
	}
}

static bool alone(void)
{
	char map[64];
	unsigned uid = getuid();
	if (unshare(CLONE_NEWNET) == 0)
		return true;
	snprintf(map, sizeof map, "0 %u 1", uid);
	int fd = unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0 ? -1 : open("/proc/self/uid_map", O_WRONLY);
	bool ok = fd >= 0 && write(fd, map, strlen(map)) > 0;
	if (fd >= 0)
		close(fd);
	return ok;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ERESTART_is_tried_again),
		cmocka_unit_test(ERESTART_for_ever_is_a_reason),
		cmocka_unit_test(EMSGSIZE_of_the_socket),
		cmocka_unit_test(EMSGSIZE_of_a_batch),
		cmocka_unit_test(ENOBUFS_of_the_socket),
		cmocka_unit_test(ENOBUFS_when_the_answer_is_lost),
		cmocka_unit_test(ENOBUFS_when_nothing_was_applied),
		cmocka_unit_test(no_answer_in_time),
		cmocka_unit_test(ENOMEM_and_EPERM_of_the_kernel),
		cmocka_unit_test(what_cannot_be_put_back),
	};
	struct reason why;
	log_init("test_block_faults", LOG_LEVEL_ERROR);
	if (!alone() || system("command -v nft >/dev/null") || !(k = kernel_open("faults", false, NULL, 0, &why))) {
		puts("1..0 # SKIP no network namespace, nf_tables or nft here");
		return 0;
	}
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	kernel_close(k);
	return failed;
}
