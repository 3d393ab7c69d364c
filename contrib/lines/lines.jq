# SPDX-License-Identifier: GPL-3.0-or-later
# lines.jq - what the converters here have in common: a DOTS request and its end as lines (dotsch-lines(5)).

# Seconds since 1970 as RFC 3339, UTC, with milliseconds.
def when: (. * 1000 | floor) as $ms | ($ms / 1000 | floor | strftime("%Y-%m-%dT%H:%M:%S")) + "." + ("00\($ms % 1000)" | .[-3:]) + "Z";

# {lower, upper} pairs, or numbers, as the lists of ranges that DOTS has.
def ranges: map(if type == "number" then {"lower-port": .} elif .[0] == .[1] then {"lower-port": .[0]} else {"lower-port": .[0], "upper-port": .[1]} end);

# A mitigation-scope entry; what is null or empty is left out. Members of the input: source, target, protocols, source_ports, target_ports, icmp_types, lifetime.
def scope:
	def some: if . == null or . == [] then empty else . end;
	{"target-prefix": .target}
	+ ({"target-port-range": (.target_ports | some | ranges)} // {})
	+ ({"target-protocol": (.protocols | some)} // {})
	+ {"lifetime": (.lifetime // 3600), "ietf-dots-call-home:source-prefix": .source}
	+ ({"ietf-dots-call-home:source-port-range": (.source_ports | some | ranges)} // {})
	+ ({"ietf-dots-call-home:source-icmp-type-range":
		(.icmp_types | some | map(if .[0] == .[1] then {"lower-type": .[0]} else {"lower-type": .[0], "upper-type": .[1]} end))} // {});

# seen: when the attack was seen, in seconds since 1970, or null. The input is that of scope; more: further members of the envelope.
def mitigate($ref; $seen; $more):
	{type: "mitigate", time: (now | when)} + (if $seen then {"attack-time": ($seen | when)} else {} end) + {ref: $ref} + $more
	+ {"ietf-dots-signal-channel:mitigation-scope": {scope: [scope]}};

def withdraw($ref): {type: "withdraw", time: (now | when), ref: $ref};

# A bare address is a host.
def prefix: if test("/") then . elif test(":") then . + "/128" else . + "/32" end;

# A short name for a long text; not for secrets.
def digest:
	def roll($m): reduce explode[] as $c (7; (. * $m + $c) % 2147483647);
	"\(roll(31))-\(roll(131))";
