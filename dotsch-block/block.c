/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "block.h"

#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cli.h"
#include "base/limits.h"
#include "base/line.h"
#include "base/log.h"
#include "probe.h"
#include "role.h"
#include "sandbox.h"

/* Another program's flush is noticed well within a second; a look costs some microseconds. */
#define WATCH_MS 400
#define LAST_LINES_MS 2000

static void on_line(void *arg, char *text, size_t len)
{
	struct block *b = arg;
	struct envelope e;
	struct reason why;
	if (line_blank(text, len))
		return;
	if (envelope_parse(text, len, &e, &why) < 0) {
		envelope_send(b->out, envelope_error(&why, &e));
	} else if (e.type == LINE_MITIGATE) {
		block_mitigate(b, &e);
	} else if (e.type == LINE_WITHDRAW) {
		enforce_gathered(b);
		block_withdraw(b, &e);
	} else if (e.type == LINE_SYNC) {
		enforce_gathered(b);
		reconcile_line(b, &e);
	} else if (e.type == LINE_ERROR) {
		line_out_write(b->out, text, len);
	}
	envelope_free(&e);
}

static void on_too_long(void *arg, unsigned long number)
{
	struct block *b = arg;
	struct reason why;
	reason_set(&why, REASON_BAD_REQUEST, "", "dotsch-lines(5)", "line %lu is longer than %zu bytes", number, LINE_MAX_BYTES);
	envelope_send(b->out, envelope_error(&why, NULL));
}

static void on_end(void *arg, int error)
{
	struct block *b = arg;
	if (error)
		log_error("standard input: %s", strerror(error));
	loop_stop(b->loop, error ? EXIT_TROUBLE : EXIT_DONE);
}

static void on_lull(void *arg)
{
	enforce_gathered(arg);
	follow_unseen(arg);
}

static void on_signal(void *arg, int signal)
{
	struct block *b = arg;
	log_info("ending at signal %d; the rules stay until their lifetimes end", signal);
	loop_stop(b->loop, EXIT_DONE);
}

static void on_tick(void *arg)
{
	struct block *b = arg;
	status_tick(b);
	loop_timer_set(b->loop, &b->tick, b->o->interval * 1000);
}

static void on_watch(void *arg)
{
	struct block *b = arg;
	struct reason why;
	int e = kernel_watch(b->kernel, loop_now(b->loop), &why);
	if (e < 0)
		log_warning("putting the table right: %s", why.text);
	else if (e > 0)
		log_warning("another program had changed our table; all %zu mitigations are back", kernel_units(b->kernel));
	loop_timer_set(b->loop, &b->watch, WATCH_MS);
}

/* Also where the kernel knows no owners: one program a table and network namespace. The name lives as long as the socket. */
static int claim_name(const char *table, struct reason *why)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int len = snprintf(un.sun_path + 1, sizeof un.sun_path - 1, "dotsch-block/%s", table);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return reason_set(why, 0, "", "", "socket: %s", strerror(errno));
	if (bind(fd, (struct sockaddr *)&un, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len)) < 0) {
		reason_set(why, 0, "table", "", errno == EADDRINUSE ? "the table \"inet %s\" is in use by another dotsch-block; choose another with --table" :
		    "cannot claim the table \"inet %s\"", table);
		close(fd);
		return -1;
	}
	return fd;
}

static int own_addresses(struct prefix_list *out)
{
	struct ifaddrs *list, *a;
	if (getifaddrs(&list) < 0)
		return -1;
	for (a = list; a; a = a->ifa_next) {
		struct sockaddr_storage ss = { 0 };
		struct prefix host;
		if (!a->ifa_addr || (a->ifa_addr->sa_family != AF_INET && a->ifa_addr->sa_family != AF_INET6))
			continue;
		memcpy(&ss, a->ifa_addr, a->ifa_addr->sa_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
		if (sockaddr_prefix(&ss, &host, NULL) == 0)
			prefix_list_add(out, &host);
	}
	freeifaddrs(list);
	return 0;
}

/* What this kernel lacks for the policy is said at once; the mitigations it concerns are refused when they come. */
static void warn_of_lacks(struct block *b)
{
	char table[80], action[48];
	struct reason why;
	snprintf(table, sizeof table, "%s_check", b->o->table);
	struct nft *n = nft_open(table, &why);
	for (size_t i = 0; n && policy_action(b->policy, i); i++) {
		const struct action *a = policy_action(b->policy, i);
		if (probe_action(n, a, policy_device_hook(b->policy, a), b->device, b->n_devices, &why) < 0)
			log_warning("the action %s cannot be used here: %s", action_format(a, action), why.text);
	}
	nft_close(n);
}

/* Where ingress is: as told, else the ports of bridges. */
static void find_devices(struct block *b)
{
	size_t ports = b->o->n_devices ? 0 : links_bridge_ports(b->port);
	for (size_t i = 0; i < b->o->n_devices; i++)
		b->device[b->n_devices++] = b->o->device[i];
	for (size_t i = 0; i < ports; i++)
		b->device[b->n_devices++] = b->port[i];
}

static int start(struct block *b, struct reason *why)
{
	const struct options *o = b->o;
	b->policy = policy_load(o, why);
	find_devices(b);
	if (o->hook == HOOK_INGRESS && !b->n_devices)
		return reason_set(why, 0, "hook", "", "ingress needs interfaces: name them with --device, there is no bridge");
	b->kernel = b->policy ? kernel_open(o->table, o->shared, b->device, b->n_devices, why) : NULL;
	if (!b->kernel)
		return -1;
	own_addresses(policy_own(b->policy));
	if (o->hook == HOOK_AUTO) {
		enum hook hook = role_hook(kernel_nft(b->kernel));
		policy_set_hook(b->policy, hook);
		log_info("requests without a map are blocked at %s", hook_name(hook));
	}
	warn_of_lacks(b);
	/* What was tried counted the ruleset on. */
	kernel_watch(b->kernel, loop_now(b->loop), NULL);
	return 0;
}

static int begin(struct block *b)
{
	static const struct line_in_ops ops = { on_line, on_too_long, on_end, on_lull };
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP };
	b->out = line_out_new(b->loop, STDOUT_FILENO);
	b->in = b->out ? line_in_new(b->loop, STDIN_FILENO, &ops, b) : NULL;
	if (!b->in || loop_signals(b->loop, signals, sizeof signals / sizeof *signals, on_signal, b) < 0)
		return -1;
	static const struct watch_ops news = { follow_neighbour, follow_own, follow_link };
	b->neighbours = watch_new(b->loop, &news, b);
	if (!b->neighbours)
		log_warning("devices that change their addresses cannot be followed: %s", strerror(errno));
	b->flows = flows_new(b->loop, follow_flow, b);
	if (!b->o->no_sandbox && sandbox_enter() < 0)
		log_warning("this kernel has no system call filter; going on without");
	loop_timer_init(&b->tick, on_tick, b);
	loop_timer_init(&b->watch, on_watch, b);
	loop_timer_set(b->loop, &b->tick, b->o->interval * 1000);
	loop_timer_set(b->loop, &b->watch, WATCH_MS);
	reconcile_want(b);
	return 0;
}

static void forget(void *arg, struct entry *e)
{
	struct block *b = arg;
	loop_timer_stop(b->loop, &e->timer);
	table_remove(&b->table, e);
}

static void finish(struct block *b)
{
	line_in_free(b->in);
	if (b->out)
		line_out_flush(b->out, LAST_LINES_MS);
	line_out_free(b->out);
	watch_free(b->neighbours);
	flows_free(b->flows);
	kernel_close(b->kernel);
	if (b->table.bucket)
		table_each(&b->table, forget, b);
	table_free(&b->table);
	policy_free(b->policy);
	loop_free(b->loop);
}

int block_run(const struct options *o)
{
	struct block b = { .o = o };
	struct reason why;
	int status = EXIT_TROUBLE, name = claim_name(o->table, &why);
	if (name < 0) {
		log_error("%s", why.text);
		return EXIT_REFUSED;
	}
	b.loop = loop_new();
	if (!b.loop || !table_init(&b.table)) {
		log_error("cannot start: %s", strerror(errno));
	} else if (start(&b, &why) < 0) {
		log_error("%s", why.text);
	} else {
		service_open(&b.service, b.loop);
		if (begin(&b) < 0)
			log_error("cannot start: %s", strerror(errno));
		else
			status = service_run(&b.service);
		service_close(&b.service);
	}
	finish(&b);
	close(name);
	return status;
}
