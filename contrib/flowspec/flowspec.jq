# SPDX-License-Identifier: GPL-3.0-or-later
# flowspec.jq - FlowSpec rules of ExaBGP and GoBGP in one form, and what of it a DOTS request can say.
#
# A rule: {target, source: prefix or null; protocols, target_ports, source_ports, ports, icmp_types: lists of [low, high] or null; other: names of further
# components}. An event: {rule, withdrawn, error}, or {down: true}.
include "lines";

# The intervals that a list of terms means: [low, high] pairs within 0 .. $top. A term is {joined: bool, low, high, except: number or null}.
def intersect($a; $b): [$a[] as $x | $b[] as $y | [([$x[0], $y[0]] | max), ([$x[1], $y[1]] | min)] | select(.[0] <= .[1])];
def term_intervals($top): if .except != null then [[0, .except - 1], [.except + 1, $top]] | map(select(.[0] <= .[1])) else [[.low, .high]] end;
def merge: sort | reduce .[] as $x ([]; if length > 0 and .[-1][1] + 1 >= $x[0] then .[-1][1] = ([.[-1][1], $x[1]] | max) else . + [$x] end);
def intervals($top):
	reduce .[] as $t ([]; ($t | term_intervals($top)) as $i | if $t.joined and length > 0 then .[-1] = intersect(.[-1]; $i) else . + [$i] end)
	| add // [] | merge;

# less, equal, greater: which of them hold; v: the number.
def term($joined; $less; $greater; $equal; $v; $top):
	{joined: $joined} +
	if $less and $greater and ($equal | not) then {except: $v}
	elif $less and ($greater | not) then {low: 0, high: (if $equal then $v else $v - 1 end)}
	elif $greater and ($less | not) then {low: (if $equal then $v else $v + 1 end), high: $top}
	elif $equal and ($less or $greater | not) then {low: $v, high: $v}
	elif $less and $greater then {low: 0, high: $top}
	else {low: 1, high: 0} end;

def protocol_number: {icmp: 1, igmp: 2, ipip: 4, tcp: 6, egp: 8, igp: 9, udp: 17, rsvp: 46, gre: 47, esp: 50, ah: 51, icmpv6: 58, ospf: 89, pim: 103, sctp: 132, dccp: 33}[.];

# ExaBGP: ">=5000&<=5010", "=udp", "!=25".
def exabgp_terms($top):
	[.[] | [splits("&")] | to_entries[] | .key as $k | .value
		| (capture("^(?<op>[<>=!]*)(?<v>.+)$") // error("\"\(.)\" is no comparison")) as $m
		| (($m.v | tonumber?) // ($m.v | ascii_downcase | protocol_number) // error("\"\($m.v)\" has no number")) as $v
		| term($k > 0; ($m.op | test("<|!")); ($m.op | test(">|!")); ($m.op == "" or ($m.op | test("^[<>]?=$"))); $v; $top)];
def exabgp_prefix: if . == null then null else .[0] | if test("^[^/]*/[0-9]+/0$") then sub("/0$"; "") elif test("^[^/]*/[0-9]+/") then error("a prefix with an offset") else . end end;
# Values that libraries name in words instead of numbers stay out of `icmp_types`, and so do components we do not know.
def exabgp_rule:
	. as $r
	| {target: (($r["destination-ipv4"] // $r["destination-ipv6"]) | exabgp_prefix), source: (($r["source-ipv4"] // $r["source-ipv6"]) | exabgp_prefix),
	   protocols: (($r.protocol // $r["next-header"]) | if . then exabgp_terms(255) | intervals(255) else null end),
	   target_ports: ($r["destination-port"] | if . then exabgp_terms(65535) | intervals(65535) else null end),
	   source_ports: ($r["source-port"] | if . then exabgp_terms(65535) | intervals(65535) else null end),
	   ports: ($r.port | if . then exabgp_terms(65535) | intervals(65535) else null end),
	   icmp_types: ($r["icmp-type"] | if . then (map(gsub("echo-request"; "8") | gsub("echo-reply"; "0") | gsub("unreachable"; "3"))) | exabgp_terms(255) | intervals(255) else null end),
	   other: ($r | keys - ["destination-ipv4", "destination-ipv6", "source-ipv4", "source-ipv6", "protocol", "next-header", "destination-port", "source-port", "port", "icmp-type", "string", "rd"]),
	   text: ($r.string // ($r | tojson))};
def exabgp_action: [.[]?.string // empty] | if any(. == "rate-limit:0") then null elif . == [] then "it has no action" else "its action is \(join(" "))" end;
def rule_or_error(f; $text): (try {rule: f} catch {rule: {text: $text}, error: .});
def exabgp_events:
	if .type == "state" and .neighbor.state == "down" then {down: true}
	elif .type == "update" then
		.neighbor.message.update as $u
		| (($u.withdraw // {}) | to_entries[] | select(.key | test(" flow$")) | .value[] | rule_or_error(exabgp_rule; .string // tojson) | .withdrawn = true),
		  (($u.announce // {}) | to_entries[] | select(.key | test(" flow$")) | .value | if type == "object" then .[] else . end | .[]
			| rule_or_error(exabgp_rule; .string // tojson) | .error = (.error // ($u.attribute["extended-community"] | exabgp_action)))
	else empty end;

# GoBGP: op is the octet of RFC 8955, 4.2.1.1.
def bit($n): (. / $n | floor) % 2 == 1;
def gobgp_terms($top): [.[] | .op as $op | term($op | bit(64); $op | bit(4); $op | bit(2); $op | bit(1); .value; $top)];
def gobgp_prefix: if . == null then null elif (.offset // 0) != 0 then error("a prefix with an offset") else .value.prefix end;
def gobgp_rule:
	(map({key: "\(.type)", value: .}) | from_entries) as $c
	| {target: ($c["1"] | gobgp_prefix), source: ($c["2"] | gobgp_prefix),
	   protocols: ($c["3"] | if . then .value | gobgp_terms(255) | intervals(255) else null end),
	   ports: ($c["4"] | if . then .value | gobgp_terms(65535) | intervals(65535) else null end),
	   target_ports: ($c["5"] | if . then .value | gobgp_terms(65535) | intervals(65535) else null end),
	   source_ports: ($c["6"] | if . then .value | gobgp_terms(65535) | intervals(65535) else null end),
	   icmp_types: ($c["7"] | if . then .value | gobgp_terms(255) | intervals(255) else null end),
	   other: ([$c | keys[] | tonumber | select(. > 7)] | map({"8": "icmp-code", "9": "tcp-flags", "10": "packet-length", "11": "dscp", "12": "fragment", "13": "flow-label"}["\(.)"] // "component \(.)")),
	   text: "\($c["2"].value.prefix // "any") -> \($c["1"].value.prefix // "any")"};
# Traffic-rate of 0 (type 0x80, subtype 0x06) is a drop.
def gobgp_action: [.[]? | select(.type == 16) | .value[]] | if any(.type == 128 and .subtype == 6 and .rate == 0) then null elif . == [] then "it has no action" else "its action is no drop" end;
def gobgp_events:
	(if type == "object" then .[] else . end) | .[] | select(.nlri.value)
	| . as $p | rule_or_error($p.nlri.value | gobgp_rule; $p.nlri | tojson)
	| if $p.withdrawal then .withdrawn = true else .error = (.error // ($p.attrs | gobgp_action)) end;

def rule_text: .text;
# The rule itself names it, so that a withdrawal finds it; at most 128 bytes, and the same for both formats.
def rule_name: "flowspec \(.source // "any") \(.target // "any") " + ({protocols, target_ports, source_ports, ports, icmp_types, other} | tojson | digest);
def rule_error:
	if .target == null or .source == null then "a request needs a source and a target"
	elif .other != [] then "\(.other | join(", ")) cannot be said in a request, and without it would block more"
	elif [.protocols, .target_ports, .source_ports, .ports, .icmp_types] | any(. == []) then "it matches nothing"
	elif [.target_ports, .source_ports, .ports, .icmp_types] | any(. != null and length > 64) then "it has too many ranges"
	elif .ports and (.target_ports or .source_ports) then "port beside source-port or destination-port cannot be said in a request"
	elif .icmp_types and (.protocols | . == null or . == [[1, 1]] or . == [[58, 58]] | not) then "icmp-type beside other protocols than ICMP"
	else null end;
# Either end's port, where FlowSpec does not say which, is two requests.
def rule_requests:
	{source: [.source], target: [.target], protocols: (if .protocols then [.protocols[] | range(.[0]; .[1] + 1)] else [] end), target_ports, source_ports, icmp_types} as $r
	| if .ports then [$r + {target_ports: .ports}, $r + {source_ports: .ports}] else [$r] end;
