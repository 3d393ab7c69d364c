/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dotsch-serverd - the Call Home DOTS server: options, and the order of the start. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/cli.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/priv.h"
#include "base/service.h"
#include "dots/envelope.h"
#include "attach.h"
#include "server.h"

#define DRAIN_MS 2000                /* for the ring to take what is pending at the end */

struct options {
	const char *config;
	struct server_options server;
	bool check, lines;
};

static const struct cli_option table[] = {
	{ "config", 'c', "FILE", "the configuration; runs the agent" },
	{ "socket", 's', "SOCKET", "with -c: where the owner's commands are taken; alone: attach to a running serverd there" },
	{ "exec", 0, "PIPELINE", "run PIPELINE with sh -c, both its ends connected: it gets the requests and tells what it dropped" },
	{ "notify", 0, "COMMAND", "run COMMAND with sh -c for each event the owner should know, the event as a line on its stdin" },
	{ "check", 'n', NULL, "check the configuration, print it as understood, and exit" },
	{ "json", 0, NULL, "attached: lines on stdout, also on a terminal" },
	{ NULL, 0, NULL, NULL },
};

static const struct cli_program program = {
	.name = "dotsch-serverd",
	.usage = "-c FILE [-s SOCKET] [--exec PIPELINE] [--notify COMMAND]\n-n -c FILE\n-s SOCKET [pending | show | accept | reject | withdraw | sessions | audit] [ARGUMENTS]",
	.purpose = "Calls home to a provider, takes its requests to stop attacks that leave this network, and hands the valid ones on.",
	.options = table,
	.example = "  dotsch-serverd -c /etc/dotsch/serverd.conf --exec 'dotsch-map --conntrack | dotsch-block'",
};

static int on_option(void *arg, const char *name, const char *value)
{
	struct options *o = arg;

	if (strcmp(name, "config") == 0)
		o->config = value;
	else if (strcmp(name, "exec") == 0)
		o->server.pipeline = value;
	else if (strcmp(name, "socket") == 0)
		o->server.socket = value;
	else if (strcmp(name, "notify") == 0)
		o->server.notify = value;
	else if (strcmp(name, "check") == 0)
		o->check = true;
	else if (strcmp(name, "json") == 0)
		o->lines = true;
	return 0;
}

static int trouble(const struct reason *why)
{
	char text[512];

	log_error("%s", reason_format(why, text, sizeof(text)));
	return EXIT_TROUBLE;
}

struct run {
	struct loop *loop;
	struct service service;
	struct server *server;               /* NULL while it is being made */
	struct settings **settings;
	const char *config;
};

/* What cannot be used is refused as a whole, and the old configuration stays. */
static void reload(struct run *r)
{
	struct reason why;
	struct settings *fresh = settings_load(r->config, &why);

	if (fresh == NULL || server_reload(r->server, fresh, &why) != 0) {
		settings_free(fresh);
		trouble(&why);
		log_error("the configuration in use stays");
		server_say(r->server, envelope_error(&why, NULL));
		return;
	}
	settings_free(*r->settings);
	*r->settings = fresh;
	log_info("the configuration was read again");
}

static void on_signal(void *arg, int signal)
{
	struct run *r = arg;

	if (signal != SIGHUP)
		loop_stop(r->loop, EXIT_DONE);
	else if (r->server != NULL)
		reload(r);
}

static int run(struct settings **settings, const struct options *o)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP };
	struct run r = { .loop = loop_new(), .settings = settings, .config = o->config };
	struct reason why;
	int status = EXIT_TROUBLE;

	service_open(&r.service, r.loop);
	if (r.loop == NULL || loop_signals(r.loop, signals, 3, on_signal, &r) != 0) {
		log_error("the event loop cannot be made: %m");
	} else if ((r.server = server_new(r.loop, *settings, &o->server, &why)) == NULL) {
		trouble(&why);
	} else {
		status = service_run(&r.service);
	}
	server_free(r.server, DRAIN_MS);
	service_close(&r.service);
	loop_free(r.loop);
	return status;
}

int main(int argc, char **argv)
{
	struct options o = { 0 };
	struct settings *settings;
	struct reason why;
	int first, status = EXIT_DONE;

	priv_init();
	signal(SIGXFSZ, SIG_IGN);    /* a full quota is an error of the store, not the end */
	first = cli_parse(&program, argc, argv, on_option, &o);
	if (first < 0)
		return EXIT_USAGE;
	if (o.config == NULL && o.server.socket != NULL && o.server.pipeline == NULL && !o.check)
		return cli_finish(attach_run(o.server.socket, argv + first, (size_t)(argc - first), o.lines));
	if (first < argc || o.config == NULL) {
		cli_usage_error(first < argc ? "%s: unexpected" : "-c FILE is missing", first < argc ? argv[first] : "");
		return EXIT_USAGE;
	}
	settings = settings_load(o.config, &why);
	if (settings == NULL)
		return trouble(&why);
	if (o.check && server_check(settings, &why) != 0)
		status = trouble(&why);
	else if (o.check)
		conf_print(settings->conf, stdout);
	else
		status = run(&settings, &o);
	settings_free(settings);
	return cli_finish(status);
}
