#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The owner on a terminal, attached to dotsch-serverd through tmux: help, completion, what happens meanwhile, a decision, the trail (CH-29, CH-33).
. "${top_srcdir:-.}/tests/tap.sh"
. "${top_srcdir:-.}/tests/system/lab.sh"
top=$(cd "${top_builddir:-.}" && pwd)
client=$top/dotsch-client/dotsch-client serverd=$top/dotsch-serverd/dotsch-serverd
[ -x "$client" ] || skip_all 'dotsch-client is not built'
command -v tmux >/dev/null || skip_all 'tmux is not installed'
lab_enter "$0" "$@" || skip_all 'no namespaces can be made here'
ip link set lo up || skip_all 'the loopback interface does not come up'
cd "$LAB" || exit 1
umask 077
key=00112233445566778899aabbccddeeff
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

LC_ALL=C.UTF-8 TERM=screen HOME=$LAB NO_COLOR=1
export LC_ALL TERM HOME NO_COLOR
term() { tmux -S "$LAB/tmux" "$@"; }
screen() { term capture-pane -p -t 0 2>/dev/null; }
shows() { screen | grep -Eq -- "$1"; }
key() { term send-keys -t 0 "$@"; }
ask() { $client -s client.sock mitigate --source "$1" --target "$2" --protocol udp --ref "$3" >/dev/null; }
term -f /dev/null new-session -d -x 140 -y 40 "$serverd -s sock 2>log; echo rc \$?; exec sleep 1000" || skip_all 'tmux does not start'

wait_for 10 shows '^serverd>'
ok $? 'the prompt is there'
key help Enter
wait_for 5 shows '^ +accept +\[PEER/\]MID \[HOST\] +let a request be enforced'
ok $? 'help tells each command'
key 'ses' Tab Enter
wait_for 5 shows '^isp +up +DTLS 127[.]0[.]0[.]1:4647'
ok $? 'Tab completes commands; sessions shows the link'
key 'pen'
ask 100.64.8.21 203.0.113.9 case-1
wait_for 5 shows '^isp/[0-9]+ +pending +100[.]64[.]8[.]21 > 203[.]0[.]113[.]9 udp'
ok $? 'CH-33: a request appears while a line is being typed'
is "$(screen | grep -v '^$' | tail -n 1)" 'serverd> pen' 'above it: the typed line is whole, and below'
mid=$(screen | sed -n 's|^isp/\([0-9]*\) .*|\1|p' | head -n 1)
cuid=$(sed -n 's/.*"type":"mitigate".*"cuid":"\([^"]*\)".*/\1/p' serverd.out | head -n 1)
printf '{"type":"status","peer":"isp","cuid":"%s","mid":%s,"status":"attack-mitigation-in-progress","hosts":[{"address":"192.168.1.66","mac":"02:00:00:00:00:66","name":"camera"}],"certainty":"exact"}\n' "$cuid" "$mid" >&7
wait_for 5 shows 'device: 192[.]168[.]1[.]66 \(camera\) 02:00:00:00:00:66, exact'
ok $? 'CH-29: the owner sees the device before he decides'
key C-u 'accept is' Tab
wait_for 5 shows "^serverd> accept isp/$mid"
ok $? 'Tab completes what can be decided'
key Enter
wait_for 5 shows "^isp/$mid +active"
ok $? 'accepted'
lab_line 5 serverd.out '"type":"mitigate".*"consent":"given".*192[.]168[.]1[.]66'
ok $? 'and handed on, with the device'
key "reject isp/$cuid/$mid" Enter
wait_for 5 shows "^isp/$mid +rejected"
ok $? 'named by peer, cuid and mid, and rejected'
key 'accept x' Enter
wait_for 5 shows 'mid: "x": must be a number'
ok $? 'a wrong word is explained'
key 'frobnicate' Enter
wait_for 5 shows '"frobnicate": there are pending'
ok $? 'an unknown command too'
key 'accept 1' Enter
wait_for 5 shows 'refused: mid: no such mitigation: 1'
ok $? 'and what is refused'
key 'show 2' Enter
wait_for 5 shows 'refused: mid: no such mitigation: 2'
ok $? 'one that is not there is not shown in silence'
key audit Enter
wait_for 5 shows "isp/$mid +requested by isp" && shows "isp/$mid +accepted by uid 0" && shows "isp/$mid +rejected by uid 0 .*[(]rejected by the owner[)]"
ok $? 'the trail says who asked and who decided'
key Up
wait_for 5 shows '^serverd> audit'
ok $? 'the history is there'
kill $client_pid
lab_line 20 serverd.out '"event":"unreachable"' || bail_out 'the provider is still there'
key C-u sessions Enter
wait_for 5 shows '^isp +down +UDP 127[.]0[.]0[.]1:4647: connection refused' && shows 'tried again in [1-9][0-9]*[ms]'
ok $? 'sessions says why there is none, and when the next attempt is'
key quit Enter
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
