/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/when.h"
#include "hosts.h"
#include "keep.h"
#include "stage.h"

/* A mitigation that ends on the router without a withdraw is gone a while after its lifetime. */
#define GRACE_MS 60000

struct router {
	struct conntrack *ct;
	struct leases *leases;
	struct keep *keep;
	int zone;
	struct host_list found;
};

static int64_t keep_until(const struct envelope *e)
{
	int64_t left = envelope_lifetime_left(e, 0, when_wall_ms());
	return left == LIFETIME_INDEFINITE ? INT64_MAX : when_boot_ms() + left * 1000 + GRACE_MS;
}

/* The line as it was, with hosts and certainty; takes both references. */
static void emit_with(const struct envelope *e, json_t *hosts, json_t *certainty, rewrite_emit_fn *emit, void *arg)
{
	json_t *line = json_copy(e->json);
	json_put(line, "hosts", hosts);
	json_put(line, "certainty", certainty);
	emit(arg, line);
}

/* serverd keeps the hosts of a status line and names them again in a sync: after a restart of this program they are all that is left of the look-up. */
static bool has_hosts(const struct envelope *e)
{
	return json_array_size(json_object_get(e->json, "hosts")) > 0;
}

static bool is_sure(const struct envelope *e)
{
	const char *certainty = json_string_value(json_object_get(e->json, "certainty"));
	return has_hosts(e) && certainty && (!strcmp(certainty, certainty_name(CERTAINTY_EXACT)) || !strcmp(certainty, certainty_name(CERTAINTY_LIKELY)));
}

static bool on_mitigate(void *arg, struct envelope *e, rewrite_emit_fn *emit, void *emit_arg)
{
	struct router *r = arg;
	struct reason why;
	json_t *hosts, *certainty;
	if (e->body.kind != BODY_MITIGATION_SCOPE || e->body.n_scope != 1)
		return false;
	if (is_sure(e)) {
		keep_put(r->keep, e, json_object_get(e->json, "hosts"), json_object_get(e->json, "certainty"), keep_until(e));
		return false;
	}
	if (keep_get(r->keep, e, when_boot_ms(), &hosts, &certainty)) {
		json_incref(hosts);
		json_incref(certainty);
		keep_put(r->keep, e, hosts, certainty, keep_until(e));
		emit_with(e, hosts, certainty, emit, emit_arg);
		return true;
	}
	if (hosts_find(r->ct, &e->body.scope[0], r->zone, &r->found, &why) < 0) {
		/* The request stands all the same: it goes on, said to be unresolved. */
		char text[400];
		log_error("%s", reason_format(&why, text, sizeof text));
		r->found.n = 0;
		r->found.certainty = CERTAINTY_NONE;
	}
	if (r->found.certainty < CERTAINTY_LIKELY && has_hosts(e)) {     /* no better than what the line has: the hosts that were in doubt stay listed */
		if (json_array_size(json_object_get(e->json, "hosts")) < 2 || json_object_get(e->json, "certainty"))
			return false;
		/* Whoever kept them has not kept the doubt; without a word of it all of them would be blocked. */
		emit_with(e, json_incref(json_object_get(e->json, "hosts")), json_string(certainty_name(CERTAINTY_AMBIGUOUS)), emit, emit_arg);
		return true;
	}
	hosts = hosts_json(&r->found, r->leases);
	certainty = json_string(certainty_name(r->found.certainty));
	if (r->found.certainty >= CERTAINTY_LIKELY)
		keep_put(r->keep, e, hosts, certainty, keep_until(e));
	if (r->found.truncated)
		json_put(e->json, "truncated", json_true());
	emit_with(e, hosts, certainty, emit, emit_arg);
	return true;
}

static void on_withdraw(void *arg, const struct envelope *e)
{
	struct router *r = arg;
	keep_drop(r->keep, e);
}

static void on_reload(void *arg, bool force)
{
	(void)arg;
	(void)force;     /* conntrack is asked anew for each request, and the leases are read when they change */
}

static void on_close(void *arg)
{
	struct router *r = arg;
	conntrack_close(r->ct);
	leases_free(r->leases);
	keep_free(r->keep);
	free(r);
}

int stage_conntrack(const struct options *o, struct stage *s)
{
	static const struct stage_ops ops = { .mitigate = on_mitigate, .withdraw = on_withdraw, .reload = on_reload, .close = on_close };
	struct reason why = { 0 };
	struct router *r = calloc(1, sizeof *r);
	if (!r)
		return -1;
	r->zone = o->has_zone ? (int)o->zone : -1;
	r->ct = conntrack_open(&why);
	r->keep = keep_new();
	r->leases = o->leases ? leases_new(o->leases) : NULL;
	if (!r->ct || !r->keep || (o->leases && !r->leases)) {
		log_error("%s", *why.text ? why.text : "out of memory");
		on_close(r);
		return -1;
	}
	*s = (struct stage){ &ops, r };
	return 0;
}
