#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The owner on a terminal, attached to dotsch-serverd through tmux: help, completion, what happens meanwhile, a decision, the trail (CH-29, CH-33).
. "${top_srcdir:-.}/tests/system/agents.sh"
. "$src/tests/system/terminal.sh"
echo "listen { address = {\"127.0.0.1\"} } peers-file = \"peers.jsonl\" state = \"client.state\"" >client.conf
echo "{\"name\":\"cpe-0001\",\"psk-identity\":\"cpe-0001\",\"psk-key\":\"$key\",\"domain\":[\"100.64.8.21/32\"]}" >peers.jsonl
cat >serverd.conf <<EOF
state = "$LAB/serverd.db"
provider "isp" {
  address = {"127.0.0.1"}
  transport = {"udp"}
  psk-identity = "cpe-0001"
  psk-key = "$key"
  scope = {"100.64.8.21/32"}
}
EOF
$client -c client.conf -s client.sock </dev/null >client.out 2>client.err &
client_pid=$!
lab_line 10 client.out '"event":"listening"' || bail_out 'no client'
# What a map and a block would say comes in on standard input.
mkfifo ring
exec 7<>ring
$serverd -c serverd.conf -s sock <ring >serverd.out 2>serverd.err 7>&- &
lab_line 10 client.out '"event":"up"' || bail_out 'no session'

ask() { $client -s client.sock mitigate --source "$1" --target "$2" --protocol udp --ref "$3" >/dev/null; }
terminal "$serverd -s sock"

wait_for 10 shows '^serverd>'
ok $? 'the prompt is there'
press help Enter
wait_for 5 shows '^ +accept +\[PEER/\]MID \[HOST\] +let a request be enforced'
ok $? 'help tells each command'
press 'ses' Tab Enter
wait_for 5 shows '^isp +up +DTLS 127[.]0[.]0[.]1:4647'
ok $? 'Tab completes commands; sessions shows the link'
press 'pen'
ask 100.64.8.21 203.0.113.9 case-1
wait_for 5 shows '^isp/[0-9]+ +pending +100[.]64[.]8[.]21 > 203[.]0[.]113[.]9 udp'
ok $? 'CH-33: a request appears while a line is being typed'
is "$(screen | grep -v '^$' | tail -n 1)" 'serverd> pen' 'above it: the typed line is whole, and below'
mid=$(screen | sed -n 's|^isp/\([0-9]*\) .*|\1|p' | head -n 1)
cuid=$(sed -n 's/.*"type":"mitigate".*"cuid":"\([^"]*\)".*/\1/p' serverd.out | head -n 1)
printf '{"type":"status","peer":"isp","cuid":"%s","mid":%s,"status":"attack-mitigation-in-progress","hosts":[{"address":"192.168.1.66","mac":"02:00:00:00:00:66","name":"camera"}],"certainty":"exact"}\n' "$cuid" "$mid" >&7
wait_for 5 shows 'device: 192[.]168[.]1[.]66 \(camera\) 02:00:00:00:00:66, exact'
ok $? 'CH-29: the owner sees the device before he decides'
press C-u 'accept is' Tab
wait_for 5 shows "^serverd> accept isp/$mid"
ok $? 'Tab completes what can be decided'
press Enter
wait_for 5 shows "^isp/$mid +active"
ok $? 'accepted'
lab_line 5 serverd.out '"type":"mitigate".*"consent":"given".*192[.]168[.]1[.]66'
ok $? 'and handed on, with the device'
press "reject isp/$cuid/$mid" Enter
wait_for 5 shows "^isp/$mid +rejected"
ok $? 'named by peer, cuid and mid, and rejected'
press 'accept x' Enter
wait_for 5 shows 'mid: "x": must be a number'
ok $? 'a wrong word is explained'
press 'frobnicate' Enter
wait_for 5 shows '"frobnicate": there are pending'
ok $? 'an unknown command too'
press 'accept 1' Enter
wait_for 5 shows 'refused: mid: no such mitigation: 1'
ok $? 'and what is refused'
press 'show 2' Enter
wait_for 5 shows 'refused: mid: no such mitigation: 2'
ok $? 'one that is not there is not shown in silence'
press audit Enter
wait_for 5 shows "isp/$mid +requested by isp" && shows "isp/$mid +accepted by uid 0" && shows "isp/$mid +rejected by uid 0 .*[(]rejected by the owner[)]"
ok $? 'the trail says who asked and who decided'
press Up
wait_for 5 shows '^serverd> audit'
ok $? 'the history is there'
kill $client_pid
lab_line 20 serverd.out '"event":"unreachable"' || bail_out 'the provider is still there'
press C-u sessions Enter
wait_for 5 shows '^isp +down +UDP 127[.]0[.]0[.]1:4647: connection refused' && shows 'tried again in [1-9][0-9]*[ms]'
ok $? 'sessions says why there is none, and when the next attempt is'
press quit Enter
wait_for 5 shows '^rc 0'
ok $? 'quit leaves, with exit code 0'
is "$(cat log)" '' 'and no complaints'
# One command of a script.
$serverd -s sock accept 1 >said 2>&1
is $? 1 'a refused command of a script: exit code 1'
$serverd -s sock frobnicate >said 2>&1
is $? 100 'a wrong one: exit code 100'
term kill-server
done_testing
