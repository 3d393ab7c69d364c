/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "export.h"

#include <inttypes.h>
#include <netinet/in.h>

#include "conntrack.h"

struct export { FILE *out; uint32_t index; };

static void put_port(FILE *out, const char *name, uint16_t port)
{
	fprintf(out, ",\"%s\":{\"start-port-number\":%u}", name, port);
}

static void put_address(FILE *out, const char *name, const struct prefix *p)
{
	char text[PREFIX_TEXT_MAX];
	fprintf(out, ",\"%s\":\"%s\"", name, prefix_format(p, text));
}

static bool has_ports(uint8_t proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_SCTP || proto == IPPROTO_DCCP || proto == IPPROTO_UDPLITE;
}

static bool put_flow(void *arg, const struct flow *f)
{
	struct export *e = arg;
	if (!f->source_nat)
		return true;
	bool icmp = f->proto == IPPROTO_ICMP || f->proto == IPPROTO_ICMPV6, ports = has_ports(f->proto);
	fprintf(e->out, "%s\n{\"index\":%" PRIu32 ",\"type\":\"dynamic-implicit\",\"transport-protocol\":%u", e->index ? "," : "", e->index + 1, f->proto);
	put_address(e->out, "internal-src-address", &f->inside);
	if (ports || icmp)
		put_port(e->out, "internal-src-port", f->inside_port);
	put_address(e->out, "external-src-address", &f->external);
	if (ports || icmp)
		put_port(e->out, "external-src-port", f->external_port);
	if (f->destination_nat) {
		put_address(e->out, "internal-dst-address", &f->asked);
		if (ports)
			put_port(e->out, "internal-dst-port", f->asked_port);
	}
	/* Linux gives one external port to several hosts when they talk to different destinations. */
	put_address(e->out, "external-dst-address", &f->target);
	if (ports)
		put_port(e->out, "external-dst-port", f->target_port);
	fprintf(e->out, ",\"lifetime\":%" PRIu32 "}", f->timeout);
	e->index++;
	return !ferror(e->out);
}

int export_conntrack(FILE *out, int zone, struct reason *why)
{
	struct conntrack *c = conntrack_open(why);
	if (!c)
		return -1;
	/* IPv6 that is translated is an instance of its own: no identity of RFC 8512 covers both. */
	static const struct { uint8_t family; const char *head; } parts[] = {
		{ 4, "{\"id\":1,\"name\":\"conntrack\",\"enable\":true,\"type\":\"ietf-nat:napt44\",\"mapping-table\":{\"mapping-entry\":[" },
		{ 6, ",\n{\"id\":2,\"name\":\"conntrack6\",\"enable\":true,\"mapping-table\":{\"mapping-entry\":[" },
	};
	int status = 0;
	fputs("{\"ietf-nat:nat\":{\"instances\":{\"instance\":[\n", out);
	for (size_t i = 0; i < 2 && status == 0; i++) {
		struct export e = { .out = out };
		struct flow_key key = { .family = parts[i].family, .proto = -1, .zone = zone };
		fputs(parts[i].head, out);
		status = conntrack_dump(c, &key, put_flow, &e, why);
		fputs("]}}", out);
	}
	/* After a failure the document is left open, so that nobody takes a part for the whole. */
	if (status == 0)
		fputs("\n]}}}\n", out);
	conntrack_close(c);
	return status;
}
