#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# A thousand routers and one dotsch-client, on loopback in a network namespace: all call home, each is asked for one mitigation, the client is killed and comes back,
# and ends in good order. The routers are one dotsch-serverd with a thousand providers, each a session with a credential of its own. ROUTERS=50 tries it faster.
. "${top_srcdir:-.}/tests/system/agents.sh"
# shellcheck disable=SC3045 # dash knows it, too
ulimit -n 8192
n=${ROUTERS:-1000}

cat >client.conf <<EOF
listen { address = {"127.0.0.1"} transport = {"udp"} }
peers-file = "peers.jsonl"
state = "client.state"
ticket-key-file = "ticket.key"
idle { heartbeat-interval = 15 missing-hb-allowed = 2 }
mitigating { heartbeat-interval = 15 missing-hb-allowed = 2 }
EOF
awk -v n="$n" 'BEGIN {
	for (i = 0; i < n; i++) {
		key = sprintf("00112233445566778899aabb%08x", i)
		source = sprintf("100.64.%d.%d/32", i / 250, i % 250 + 1)
		printf "{\"name\":\"cpe-%04d\",\"psk-identity\":\"cpe-%04d\",\"psk-key\":\"%s\",\"domain\":[\"%s\"]}\n", i, i, key, source >"peers.jsonl"
		printf "provider \"isp-%04d\" {\n  address = {\"127.0.0.1\"}\n  port = 4647\n  transport = {\"udp\"}\n  psk-identity = \"cpe-%04d\"\n  psk-key = \"%s\"\n  scope = {\"%s\"}\n  consent = \"auto\"\n}\n", i, i, key, source >"routers.conf"
		for (round = 1; round <= 2; round++)
			printf "{\"type\":\"mitigate\",\"ref\":\"r%d-%d\",\"ietf-dots-signal-channel:mitigation-scope\":{\"scope\":[{\"target-prefix\":[\"203.0.113.%d/32\"],\"lifetime\":3600,\"target-protocol\":[17],\"ietf-dots-call-home:source-prefix\":[\"%s\"],\"ietf-dots-call-home:source-port-range\":[{\"lower-port\":5000}]}]}}\n", round, i, round, source >("ask-" round ".jsonl")
	}
}'
sed -i '1i terminating-time = "0s"\nstate = "routers.db"' routers.conf
# count FILE PATTERN: how many lines have it
count() { grep -c -e "$2" "$1"; }
# all SECONDS FILE PATTERN: waits until as many lines have it as there are routers
all() {
	lab_wait "$1" sh -c "[ \"\$(grep -c -e '$3' '$2')\" -ge $n ]"
}
agent() {
	$client -c client.conf -s sock </dev/null >"$1" 2>"$1.err" &
	agent=$!
	lab_line 10 "$1" '"event":"listening"'
}

agent one.out
ok $? "an agent with $n peers"
mkfifo routers.in
sleep 1000 >routers.in &
$serverd -c routers.conf <routers.in >routers.out 2>routers.err &
routers=$!
all 120 one.out '"event":"up"'
ok $? 'all call home'
$client -s sock <ask-1.jsonl >asked.out
is $? 0 'one mitigation to each is answered'
is "$(count asked.out '"code":"2.01"')" "$n" 'with 2.01'
is "$(count routers.out '"type":"mitigate"')" "$n" 'and reaches each router once'
highest() { sed -n 's/.*"type":"response".*"mid":\([0-9]*\).*"code":"2.01".*/\1/p' "$1" | sort -n | sed -n "$2p"; }

kill -KILL $agent
wait $agent 2>/dev/null
agent two.out
ok $? 'killed, it starts again'
all 240 two.out '"event":"up".*"resumed":true'
ok $? 'all call home again once their heartbeats are not answered, and resume across the restart'
is "$(count two.out '"event":"up".*"resumed":false')" 0 'none needs a full handshake'
$client -s sock watch >watch.out 2>&1
is "$(count watch.out '"ref":"r1-.*"state":"active"')" "$n" 'no request is lost'
is "$(count routers.out '"type":"mitigate"')" "$n" 'and none is asked twice'
$client -s sock <ask-2.jsonl >asked2.out
is $? 0 'each takes another one'
is "$(count asked2.out '"code":"2.01"')" "$n" 'with 2.01'
[ "$(highest asked2.out 1)" -gt "$(highest asked.out '$')" ]
ok $? 'and a mid higher than all before the crash'

kill -TERM $agent
wait $agent
is $? 0 'SIGTERM ends it'
all 30 routers.out '"event":"down".*clos'
ok $? 'with a close_notify to all'
kill -TERM $routers
wait $routers
done_testing
