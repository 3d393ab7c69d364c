#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# dotsch-client on a terminal, through tmux: completion, help, events above what is being typed, the live table, and leaving.
. "${top_srcdir:-.}/tests/system/agents.sh"
. "$src/tests/system/terminal.sh"
cat >client.conf <<EOF
listen { address = {"127.0.0.1"} }
peers-file = "peers.jsonl"
state = "client.state"
EOF
echo '{"name":"cpe-0001","psk-identity":"cpe-0001","psk-key":"00112233445566778899aabbccddeeff","domain":["100.64.8.21/32"]}' >peers.jsonl

terminal "$client -c client.conf -s sock"

wait_for 10 shows '^dotsch>'
ok $? 'the prompt is there'
press mit Tab so Tab 100.64.8.21
wait_for 5 shows '^dotsch> mitigate so'
ok $? 'Tab completes commands'
press C-c
wait_for 5 shows '\^C'
ok $? 'an interrupt takes the line away, and the program stays'
press 'mitigate source 100.64.8.21 target 203.0.113.9 protocol udp ref case-1' Enter
wait_for 5 shows 'cpe-0001 mid [0-9]+ \(case-1\): waiting: cpe-0001 is not connected'
ok $? 'a command is answered in words'
press 'withdraw ca'
wait_for 5 shows '^dotsch> withdraw ca'
# Somebody else asks for something meanwhile.
$client -s sock mitigate --source 100.64.8.21 --target 203.0.113.77 --ref other >/dev/null &
wait_for 5 shows '\(other\): waiting'
ok $? 'an event appears while a line is being typed'
is "$(screen | grep -v '^$' | tail -n 1)" 'dotsch> withdraw ca' 'above it: the typed line is whole, and below'
press Tab
wait_for 5 shows '^dotsch> withdraw case-1'
ok $? 'Tab completes a ref that was seen'
press C-u 'mitigate target x' Enter
wait_for 5 shows 'target: x is not a prefix such as'
ok $? 'a wrong value is explained'
press 'refresh ?'
wait_for 5 shows '^refresh MID\|REF'
ok $? 'a question mark explains the command'
press C-u watch Enter
wait_for 5 shows '^PEER +MID'
ok $? 'watch shows a table'
like "$(screen)" 'cpe-0001 +[0-9]+ +100[.]64[.]8[.]21 +203[.]0[.]113[.]9 +waits for the router' 'with each request'
press q
wait_for 5 shows '^dotsch>'
ok $? 'any key leads back to the prompt'
press '{"type":"peers"}' Enter
wait_for 5 shows '1 peers, 0 connected, 2 requests'
ok $? 'a line of JSON is taken as it stands'
press quit Enter
wait_for 5 shows '^rc 0'
ok $? 'quit leaves with 0'
like "$(cat .dotsch_client_history)" '^mitigate source 100[.]64[.]8[.]21' 'the history was written'
term kill-server
done_testing
