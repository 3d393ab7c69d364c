/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent.h"
#include "attach.h"
#include "base/cli.h"
#include "base/log.h"
#include "base/priv.h"
#include "base/service.h"
#include "base/when.h"
#include "control.h"
#include "decode.h"
#include "pipe.h"
#include "repl.h"
#include "terminal.h"
#include "words.h"

struct options {
	const char *config, *socket, *instance;
	bool check, json;
	int64_t wait_s;
};

static const struct cli_option option_table[] = {
	{ "config", 'c', "FILE", "the configuration; runs an agent" },
	{ "socket", 's', "SOCKET", "with -c: take commands there; alone: attach to that agent" },
	{ "instance", 'i', "NAME", "one of several listeners; %i in names of files is NAME" },
	{ "wait", 'w', "DURATION", "wait so long for every mitigation to take hold" },
	{ "check", 'n', NULL, "check the configuration, print it, and exit" },
	{ "json", 'j', NULL, "lines of JSON even on a terminal" },
	{ 0 },
};

static const struct cli_program program = {
	.name = "dotsch-client",
	.usage = "-c FILE [-s SOCKET] [--wait DURATION] [COMMAND …]\n-s SOCKET [COMMAND …]\ndecode HEX|-",
	.purpose = "Call Home DOTS client: the routers call, and it asks them to stop attacks at their source.",
	.options = option_table,
	.example = "  echo '{\"type\":\"peers\"}' | dotsch-client -c client.conf\n"
	           "  dotsch-client -s /run/dotsch/client.sock mitigate --source 100.64.8.21 --source-port 5000-5010 \\\n"
	           "    --target 203.0.113.9 --protocol udp --lifetime 30m --wait",
};

static int take_option(void *arg, const char *name, const char *value)
{
	struct options *o = arg;
	if (!strcmp(name, "config"))
		o->config = value;
	else if (!strcmp(name, "socket"))
		o->socket = value;
	else if (!strcmp(name, "instance"))
		o->instance = value;
	else if (!strcmp(name, "check"))
		o->check = true;
	else if (!strcmp(name, "json"))
		o->json = true;
	else if ((o->wait_s = duration_parse(value)) < 0)
		return cli_usage_error("--wait: %s is not a duration such as 90s, 30m or 1h", value);
	return 0;
}

static int trouble(const struct reason *why)
{
	char text[sizeof why->text + 100];
	log_error("%s", reason_format(why, text, sizeof text));
	return EXIT_TROUBLE;
}

/* One agent with its consoles. */
struct run {
	struct agent agent;
	struct service service;
	struct terminal *terminal;
	struct pipe_console *pipe;
	struct control *control;
};

static void on_signal(void *arg, int signal)
{
	struct run *r = arg;
	if (signal == SIGHUP)
		agent_reload(&r->agent);
	else if (signal == SIGWINCH && r->terminal)
		repl_resized(terminal_repl(r->terminal));
	else if (signal == SIGINT && r->terminal)
		repl_interrupt(terminal_repl(r->terminal));
	else if (signal != SIGWINCH)
		loop_stop(r->agent.loop, EXIT_DONE);
}

static int serve(struct run *r, const struct options *o, char *command)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGWINCH };
	struct reason why = { 0 };
	const struct pipe_options options = {
		.text = cli_terminal(STDOUT_FILENO) && !o->json, .colours = cli_colours(STDOUT_FILENO), .service = o->socket != NULL, .wait_s = o->wait_s, .command = command,
	};
	bool interactive = !command && cli_terminal(STDIN_FILENO) && cli_terminal(STDOUT_FILENO);
	if (loop_signals(r->agent.loop, signals, sizeof signals / sizeof *signals, on_signal, r) < 0) {
		log_error("signals cannot be set up");
		return EXIT_TROUBLE;
	}
	if (interactive)
		r->terminal = terminal_open(&r->agent, o->json);
	else
		r->pipe = pipe_open(&r->agent, &options);
	if (!r->terminal && !r->pipe) {
		log_error("standard output cannot be used");
		return EXIT_TROUBLE;
	}
	if ((o->socket && !(r->control = control_open(&r->agent, o->socket, &why))) || agent_listen(&r->agent, &why) < 0) {
		trouble(&why);
		if (strstr(why.text, "in use"))
			log_error("if that is a dotsch-client with a control socket, attach to it: dotsch-client -s SOCKET");
		return EXIT_TROUBLE;
	}
	if (r->pipe)
		pipe_start(r->pipe);
	return service_run(&r->service);
}

static int run_agent(const struct options *o, char *command)
{
	struct run r = { 0 };
	struct reason why = { 0 };
	struct loop *loop = loop_new();
	int status;
	if (!loop)
		return EXIT_TROUBLE;
	service_open(&r.service, loop);
	if (agent_open_as(&r.agent, loop, o->config, o->instance, o->check, &why) < 0) {
		status = trouble(&why);
	} else if (o->check) {
		conf_print(r.agent.config.conf, stdout);
		size_t n = peers_count(r.agent.peers);
		printf("# %zu peer%s; cuid %s\n", n, n == 1 ? "" : "s", r.agent.config.cuid ? r.agent.config.cuid : "from the state, or chosen at the first start");
		status = EXIT_DONE;
	} else {
		status = serve(&r, o, command);
	}
	control_close(r.control);
	terminal_close(r.terminal);
	agent_close(&r.agent);
	pipe_close(r.pipe);
	service_close(&r.service);
	loop_free(loop);
	return status;
}

static int run_anything(struct options *o, int argc, char **argv)
{
	struct reason why = { 0 };
	struct words words = { 0 };
	if (argc && words_parse(argc, argv, &words, &why) < 0) {
		cli_usage_error("%s", words_why(&why));
		return EXIT_USAGE;
	}
	char *command = words.line ? json_line_format(words.line, NULL) : NULL;
	json_decref(words.line);
	if (words.wait)
		o->wait_s = words.wait_s;
	const struct attach_options attach = { .path = o->socket, .command = command, .wait_s = o->wait_s, .json = o->json };
	int status = o->config ? run_agent(o, command) : attach_run(&attach);
	free(command);
	return status;
}

/* The socket's name with the instance in it, which the caller frees; NULL when there is none. -1 told. */
static int expand_socket(struct options *o, char **out)
{
	*out = NULL;
	if (o->instance && !config_instance_ok(o->instance)) {
		cli_usage_error("--instance: %s is not a name of up to %d letters, digits, '-', '_' and '.'", o->instance, INSTANCE_MAX);
		return -1;
	}
	if (o->socket && !(*out = config_expand(o->socket, o->instance))) {
		cli_usage_error("--socket: %s: %%i is the name of an instance (--instance), and there is none", o->socket);
		return -1;
	}
	o->socket = *out;
	return 0;
}

int main(int argc, char **argv)
{
	struct options o = { .wait_s = -1 };
	priv_init();
	int first = cli_parse(&program, argc, argv, take_option, &o);
	if (first < 0)
		return EXIT_USAGE;
	if (first < argc && !strcmp(argv[first], "decode"))
		return cli_finish(decode_main(argc - first - 1, argv + first + 1));
	if (!o.config && !o.socket) {
		cli_usage_error("a configuration (-c FILE), or the socket of a running agent (-s SOCKET), is needed");
		return EXIT_USAGE;
	}
	char *socket;
	if (expand_socket(&o, &socket) < 0)
		return EXIT_USAGE;
	int status = run_anything(&o, argc - first, argv + first);
	free(socket);
	return cli_finish(status);
}
