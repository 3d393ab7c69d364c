/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "base/log.h"
#include "block.h"
#include "dots/json.h"

static int64_t lifetime_left(const struct block *b, const struct entry *e)
{
	int64_t now = loop_now(b->loop);
	if (e->until == INT64_MAX)
		return LIFETIME_INDEFINITE;
	return e->until > now ? (e->until - now + 999) / 1000 : 0;
}

static void set_counter(struct mitigation *m, enum counter which, uint64_t value)
{
	m->has_counters |= (uint8_t)(1u << which);
	m->counters[which] = value;
}

static json_t *new_line(const struct entry *e)
{
	json_t *line = envelope_new("status");
	json_put_string(line, "ref", e->ref);
	if (*e->peer)
		json_put_string(line, "peer", e->peer);
	if (*e->cuid)
		json_put_string(line, "cuid", e->cuid);
	if (e->has_mid)
		json_put_int(line, "mid", e->mid);
	return line;
}

static void add_content(const struct block *b, const struct entry *e, enum dots_status status, json_t *line)
{
	struct mitigation m;
	mitigation_init(&m);
	m.has_mid = e->has_mid;
	m.mid = e->mid;
	m.status = status;
	m.lifetime = lifetime_left(b, e);
	if (e->stops && (e->unit || e->packets)) {
		set_counter(&m, COUNTER_BYTES, e->bytes);
		set_counter(&m, COUNTER_BPS, e->bps);
		set_counter(&m, COUNTER_PKTS, e->packets);
		set_counter(&m, COUNTER_PPS, e->pps);
	} else if (e->unit) {
		/* Nothing is dropped, so that nothing must be called dropped. */
		json_put_u64_string(line, "matched-bytes", e->bytes);
		json_put_u64_string(line, "matched-pkts", e->packets);
	}
	dots_json_write_mitigation(&m, line);
}

void status_send(struct block *b, struct entry *e)
{
	char action[48];
	json_t *line = new_line(e);
	json_put_string(line, "status", e->refused ? "refused" : dots_status_label(e->status));
	if (!e->unit)
		json_put(line, "enforced", json_false());
	/* With a rule and a reason, it is the rule of before. */
	if (!e->unit || e->exceeded) {
		json_put_string(line, "cause", e->cause);
		json_put_string(line, "reason", e->why);
	} else if (e->unit->plan.action.verb != VERB_DROP) {
		json_put_string(line, "action", action_format(&e->unit->plan.action, action));
	}
	if (e->hosts)
		json_put(line, "hosts", json_incref(e->hosts));
	if (*e->certainty)
		json_put_string(line, "certainty", e->certainty);
	add_content(b, e, e->status, line);
	/* A reader that is behind gets it at the next tick. */
	e->unsent = !envelope_send(b->out, line);
	e->told_packets = e->packets;
	e->told_pps = e->pps;
}

void status_expired(struct block *b, struct entry *e)
{
	json_t *line = new_line(e);
	json_put_string(line, "status", dots_status_label(STATUS_TERMINATED));
	json_put_string(line, "cause", "expired");
	if (e->unit && kernel_read(b->kernel, e->unit, NULL) == 0) {
		e->packets = e->before_packets + e->unit->packets;
		e->bytes = e->before_bytes + e->unit->bytes;
	}
	add_content(b, e, STATUS_TERMINATED, line);
	envelope_send(b->out, line);
}

/* The status that the facts make it. */
static enum dots_status judged(const struct block *b, const struct entry *e)
{
	if (e->exceeded)
		return STATUS_EXCEEDED;
	if (e->tuple || !e->stops)
		return STATUS_IN_PROGRESS;
	if (e->matched && loop_now(b->loop) - e->last_hit >= b->o->stopped_after * 1000)
		return STATUS_STOPPED;
	return e->matched || e->unit->plan.sure ? STATUS_MITIGATED : STATUS_IN_PROGRESS;
}

void status_judge(struct block *b, struct entry *e)
{
	uint64_t packets = e->before_packets + e->unit->packets;
	if (packets != e->packets) {
		e->matched = true;
		e->last_hit = loop_now(b->loop);
	}
	e->packets = packets;
	e->bytes = e->before_bytes + e->unit->bytes;
	enum dots_status status = judged(b, e);
	if (status != e->status) {
		e->status = status;
		status_send(b, e);
	}
}

static void sample(struct entry *e, int64_t now)
{
	int64_t passed = now - e->sampled;
	if (e->sampled && passed > 0) {
		e->pps = (e->packets - e->sample_packets) * 1000 / (uint64_t)passed;
		e->bps = (e->bytes - e->sample_bytes) * 1000 / (uint64_t)passed;
	}
	e->sample_packets = e->packets;
	e->sample_bytes = e->bytes;
	e->sampled = now;
}

static void tick_one(void *arg, struct entry *e)
{
	struct block *b = arg;
	if (e->unit) {
		enum dots_status before = e->status;
		uint64_t told = e->told_packets;
		status_judge(b, e);
		sample(e, loop_now(b->loop));
		if (e->status == before && (e->packets != told || e->pps != e->told_pps))
			e->unsent = true;
	}
	if (e->unsent)
		status_send(b, e);
}

void status_tick(struct block *b)
{
	struct reason why;
	if (kernel_units(b->kernel) && kernel_read_all(b->kernel, &why) < 0) {
		log_warning("%s", why.text);
		return;
	}
	table_each(&b->table, tick_one, b);
}
