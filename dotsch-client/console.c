/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "console.h"

#include <stdlib.h>

#include "agent.h"
#include "base/cli.h"
#include "base/log.h"
#include "request_command.h"

static void finish(struct console *c, int status)
{
	if (c->over)
		return;
	c->over = true;
	c->finished(c, status);
}

/* Asked from the loop, so that nobody is freed under the feet of the code that paid. */
static void settle(void *arg)
{
	struct console *c = arg;
	if (c->ended && !c->owed)
		finish(c, c->failed ? EXIT_REFUSED : EXIT_DONE);
}

static void deadline(void *arg)
{
	struct console *c = arg;
	c->unfinished = requests_unfinished(c->agent, c);
	finish(c, EXIT_REFUSED);
}

void console_add(struct agent *a, struct console *c)
{
	c->agent = a;
	c->next = a->consoles;
	a->consoles = c;
	loop_timer_init(&c->deadline, deadline, c);
	loop_timer_init(&c->settle, settle, c);
}

void console_remove(struct console *c)
{
	if (!c->agent)
		return;
	for (struct console **p = &c->agent->consoles; *p; p = &(*p)->next)
		if (*p == c) {
			*p = c->next;
			break;
		}
	loop_timer_stop(c->agent->loop, &c->deadline);
	loop_timer_stop(c->agent->loop, &c->settle);
	agent_forget_console(c->agent, c);
	json_decref(c->unfinished);
	c->unfinished = NULL;
	c->agent = NULL;
}

void console_end(struct console *c)
{
	c->ended = true;
	if (c->wait_s >= 0 && c->owed)
		loop_timer_set(c->agent->loop, &c->deadline, c->wait_s * 1000);
	loop_timer_set(c->agent->loop, &c->settle, 0);
}

void console_owe(struct console *c)
{
	if (c)
		c->owed++;
}

void console_paid(struct console *c, bool good)
{
	if (!c)
		return;
	c->owed--;
	if (!good)
		c->failed = true;
	if (c->ended && !c->owed)
		loop_timer_set(c->agent->loop, &c->settle, 0);
}

/* Which of several listeners says it. */
static void sign(const struct agent *a, json_t *line)
{
	if (a && a->instance)
		json_put_string(line, "instance", a->instance);
}

static void tell(struct console *c, const json_t *line, const char *text, size_t len)
{
	c->write(c, line, text, len);
}

void console_tell(struct console *c, json_t *line)
{
	size_t len;
	sign(c ? c->agent : NULL, line);
	char *text = c ? json_line_format(line, &len) : NULL;
	if (text)
		tell(c, line, text, len);
	free(text);
	json_decref(line);
}

void console_tell_all(struct agent *a, struct console *asked, json_t *line)
{
	size_t len;
	sign(a, line);
	char *text = json_line_format(line, &len);
	if (!text)
		log_error("out of memory: a line was lost");
	/* A console may go away while it is written to: its connection broke. */
	for (struct console *c = text ? a->consoles : NULL, *next; c; c = next) {
		next = c->next;
		if (!c->own_only || c == asked)
			tell(c, line, text, len);
	}
	free(text);
	json_decref(line);
}

void console_error(struct console *c, json_t *line)
{
	if (c)
		c->failed = true;
	console_tell(c, line);
}
