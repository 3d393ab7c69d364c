# SPDX-License-Identifier: GPL-3.0-or-later
# text.jq - an event of dotsch-serverd --notify in a sentence or two: {subject, body, urgent}.
def scope: ."ietf-dots-signal-channel:mitigation-scope".scope[0] // {};
def list: if . == null or . == [] then null else join(", ") end;
def span($low; $high): if $high == null or $high == $low then "\($low)" else "\($low)-\($high)" end;
def what: scope
	| (."ietf-dots-call-home:source-prefix" | list // "?") + " towards " + (."target-prefix" | list // "?")
	+ ((."target-port-range" | if . == null or . == [] then "" else " port " + (map(span(."lower-port"; ."upper-port")) | join(", ")) end));
def device: [.hosts[]? | ([.name, .address, .mac] | map(select(. != null and . != "")) | join(" "))] | list;
# What comes over the network may hold anything: a sentence is one line.
def plain: gsub("[\u0000-\u001f\u007f]"; " ");
def sentence:
	if .type == "session" then
		{subject: "session with \(.peer // "?"): \(.event)", body: ([.transport, .address, .why, .reason] | map(select(. != null)) | join(", ")), urgent: (.event == "unreachable")}
	elif .type == "mitigation" then
		{subject: "\(.peer) asks to block \(what): \(.state)",
		 body: ([(device | if . then "The device is \(.)." else "The device is not known." end),
			(if .state == "pending" or .state == "held" then "It waits for you: accept \(.peer)/\(.mid) or reject \(.peer)/\(.mid), with dotsch-serverd -s." else empty end),
			(.note | select(. != null))] | join(" ")),
		 urgent: (.state == "pending" or .state == "held")}
	else {subject: "\(.type)", body: tojson, urgent: false} end;
def text: sentence | .subject |= plain | .body |= plain;
