/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent.h"
#include "base/cli.h"
#include "base/log.h"
#include "base/priv.h"
#include "base/when.h"
#include "decode.h"
#include "pipe.h"
#include "words.h"

struct options {
	const char *config, *socket;
	bool check, json;
	int64_t wait_s;
};

static const struct cli_option option_table[] = {
	{ "config", 'c', "FILE", "the configuration; runs an agent" },
	{ "socket", 's', "SOCKET", "with -c: take commands there; alone: attach to that agent" },
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
	else if (!strcmp(name, "check"))
		o->check = true;
	else if (!strcmp(name, "json"))
		o->json = true;
	else if ((o->wait_s = duration_parse(value)) < 0)
		return cli_usage_error("--wait: %s is not a duration such as 90s, 30m or 1h", value);
	return 0;
}

static void on_signal(void *arg, int signal)
{
	struct agent *a = arg;
	if (signal == SIGHUP)
		agent_reload(a);
	else
		loop_stop(a->loop, EXIT_DONE);
}

static int trouble(const struct reason *why)
{
	char text[sizeof why->text + 100];
	log_error("%s", reason_format(why, text, sizeof text));
	return EXIT_TROUBLE;
}

static int run(struct agent *a, const struct options *o, char *command)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP };
	struct reason why = { 0 };
	struct pipe_options options = {
		.text = cli_terminal(STDOUT_FILENO) && !o->json, .colours = cli_colours(STDOUT_FILENO), .service = o->socket != NULL, .wait_s = o->wait_s, .command = command,
	};
	struct pipe_console *console = pipe_open(a, &options);
	int status = EXIT_TROUBLE;
	if (!console) {
		log_error("standard output cannot be used");
	} else if (loop_signals(a->loop, signals, sizeof signals / sizeof *signals, on_signal, a) < 0) {
		log_error("signals cannot be set up");
	} else if (agent_listen(a, &why) < 0) {
		trouble(&why);
	} else {
		priv_notify("READY=1");
		pipe_start(console);
		status = loop_run(a->loop);
		priv_notify("STOPPING=1");
	}
	pipe_close(console);
	return status;
}

static int agent_main(const struct options *o, int argc, char **argv)
{
	struct agent agent;
	struct reason why = { 0 };
	struct options own = *o;
	char *command = NULL;
	if (argc) {
		struct words words;
		if (words_parse(argc, argv, &words, &why) < 0) {
			cli_usage_error("%s", words_why(&why));
			return EXIT_USAGE;
		}
		command = json_line_format(words.line, NULL);
		if (words.wait)
			own.wait_s = words.wait_s;
		json_decref(words.line);
	}
	struct loop *loop = loop_new();
	if (!loop)
		return EXIT_TROUBLE;
	int status;
	if (agent_open(&agent, loop, o->config, &why) < 0) {
		status = trouble(&why);
	} else if (o->check) {
		conf_print(agent.config.conf, stdout);
		printf("# %zu peers; cuid %s\n", peers_count(agent.peers), agent.cuid);
		status = EXIT_DONE;
	} else {
		status = run(&agent, &own, command);
	}
	agent_close(&agent);
	loop_free(loop);
	free(command);
	return status;
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
	if (!o.config) {
		cli_usage_error("a configuration (-c FILE) is needed");
		return EXIT_USAGE;
	}
	return cli_finish(agent_main(&o, argc - first, argv + first));
}
