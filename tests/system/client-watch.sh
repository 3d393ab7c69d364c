#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# People at dotsch-client, through tmux, with two routers that call: tables on a terminal and lines in a pipe, the live table with its bars, history,
# completion of what was seen, many at one agent, and what is said when something is in the way.
. "${top_srcdir:-.}/tests/system/agents.sh"
. "$src/tests/system/terminal.sh"
cat >client.conf <<EOF
listen { address = {"127.0.0.1"} }
peers-file = "peers.jsonl"
state = "client.state"
EOF
for n in 1 2; do
	echo '{"name":"cpe-000'$n'","psk-identity":"cpe-000'$n'","psk-key":"'$key'","domain":["100.64.8.2'$n'/32"]}'
done >peers.jsonl
echo $key >router.key
: >client.out
$client -c client.conf -s sock </dev/null >>client.out 2>>client.err &
agent=$!
for n in 1 2; do
	cat >r$n.conf <<-EOF
		terminating-time = "0s"
		provider "isp" {
		  address = {"127.0.0.1"} port = 4647 transport = {"udp"}
		  psk-identity = "cpe-000$n" psk-key-file = "$LAB/router.key"
		  scope = {"100.64.8.2$n/32"} consent = "auto"
		}
	EOF
	mkfifo r$n.in
	sleep 1000 >r$n.in &
	$serverd -c r$n.conf <r$n.in >r$n.out 2>r$n.err &
	lab_line 10 client.out '"event":"up","peer":"cpe-000'$n'"'
done
cuid=$(sed -n 's/.*"cuid":"\([^"]*\)".*/\1/p' client.out | head -n 1)
# blocks N PPS STATUS: router N says how it stands, and that it drops so much
blocks() {
	mid=$(sed -n 's/.*"type":"mitigate".*"mid":\([0-9]*\).*/\1/p' "r$1.out" | tail -n 1)
	printf '{"type":"status","peer":"isp","cuid":"%s","mid":%s,"status":"%s","ietf-dots-signal-channel:mitigation-scope":{"scope":[{"mid":%s,"pkts-dropped":"%s","pps-dropped":"%s"}]}}\n' \
		"$cuid" "$mid" "$3" "$mid" "$2" "$2" >"r$1.in"
}

TERM=screen-256color
unset NO_COLOR
colours() { term capture-pane -e -p -t 0 2>/dev/null; }
term -f /dev/null new-session -d -x 150 -y 40 "PS1='$ ' exec sh" || skip_all 'tmux does not start'
wait_for 10 shows '^[$]'

# Text on a terminal, lines in a pipe; colours on a terminal only, and never with NO_COLOR.
press "$client -s sock peers; echo rc \$?" Enter
wait_for 10 shows '^rc 0'
like "$(screen)" '^cpe-0001 +connected +udp +127[.]0[.]0[.]1:[0-9]+ +0 active +100[.]64[.]8[.]21/32' 'on a terminal peers is a table'
colours | grep -q "$(printf '\033')\\[32m *connected\\|$(printf '\033')\\[32mconnected"
ok $? 'in colours'
press "clear; NO_COLOR=1 $client -s sock peers; echo rc2 \$?" Enter
wait_for 10 shows '^rc2 0'
is "$(colours | grep -c "$(printf '\033')\\[32m")" 0 'but not with NO_COLOR'
like "$($client -s sock peers | head -n 1)" '^\{"type":"peer","time"' 'in a pipe it is lines'
press "clear; $client -s sock --json peers; echo rc3 \$?" Enter
wait_for 10 shows '^rc3 0'
like "$(screen)" '^\{"type":"peer","time"' 'and with --json on a terminal, too'

# One command of a script, and its exit code.
$client -s sock mitigate --source 100.64.8.21 --target 203.0.113.9 --ref case-1 --wait 20s >wait.out 2>&1 &
waiting=$!
lab_line 10 r1.out '"type":"mitigate"'
blocks 1 12000 attack-successfully-mitigated
wait $waiting
is $? 0 '--wait is over with status 2'
$client -s sock mitigate --source 100.64.8.22 --target 203.0.113.10 --ref case-2 >one.out 2>&1
is $? 0 'the other router takes a request, too'
blocks 2 3000 attack-successfully-mitigated

# A second agent on the same port, and on the same socket.
sed 's/client.state/other.state/' client.conf >other.conf
$client -c other.conf </dev/null >other.out 2>&1
is $? 111 'a second agent on the same port does not start'
like "$(cat other.out)" 'attach to it: dotsch-client -s SOCKET' 'and says what to do instead'
$client -c other.conf -s sock </dev/null >other.out 2>&1
is $? 111 'nor on the same socket'
like "$(cat other.out)" 'an agent serves sock already: use -s sock without -c to attach' 'and says so'
$client -c client.conf </dev/null >other.out 2>&1
like "$(cat other.out)" 'in use by another dotsch-client; attach to it with -s' 'nor on the same state'
$client -s nothing peers >other.out 2>&1
is $? 111 'a socket where nobody is'
like "$(cat other.out)" 'is an agent running there' 'is told'

# The prompt, attached.
press "clear; $client -s sock; echo rc4 \$?" Enter
wait_for 10 shows '^dotsch>'
ok $? 'dotsch-client -s SOCKET gives the prompt'
press 'pending' Enter
wait_for 5 shows '^0 of 2 requests wait'
ok $? 'which is attached to the agent'
press 'watch' Enter
wait_for 5 shows '^PEER +MID +SOURCE +TARGET +STATUS +PKT/S +DROPPED +LEFT'
ok $? 'watch: peer, mid, source, target, status, packets a second with a bar, what is left'
# The figures are averages since the attack began: on a slow machine they have sunk, both alike.
wait_for 10 shows '^cpe-0002 .* blocked +[0-9.]+k? █'
like "$(screen)" 'cpe-0001 +[0-9]+ +100[.]64[.]8[.]21 +203[.]0[.]113[.]9 +blocked +[0-9.]+k ██████████ +(1h|59m[0-9]+s)$' 'the fullest bar where most is dropped'
like "$(screen)" 'cpe-0002 +[0-9]+ +100[.]64[.]8[.]22 +203[.]0[.]113[.]10 +blocked +[0-9.]+k? █{2}[▏▎▍▌▋▊▉] +(1h|59m[0-9]+s)$' 'and a quarter of it where it is a quarter'
# It is live: the second router's overtakes.
blocks 2 48000 attack-exceeded-capability
wait_for 10 shows 'cpe-0002 .*too much for the router +[0-9.]+k ██████████'
ok $? 'the bars follow what is told'
like "$(screen)" 'cpe-0001 .* [0-9.]+k? █{1,9}[^█]' 'each in proportion to the others'
term resize-window -x 80 -y 20
wait_for 5 shows '^cpe-0001 +[0-9]+ 100[.]64[.]8[.]21 +203[.]0[.]113[.]9 +blocked +[0-9.]+k? +[0-9m]*[0-9](h|m|s)$'
ok $? 'a smaller window is painted anew, with every column but the bar'
is "$(screen | grep -Evc '^(PEER|cpe-|any key|$)')" 0 'and no row is torn'
term resize-window -x 150 -y 40
press q
wait_for 5 shows '^dotsch>'
ok $? 'a key leads back'
press 'query cp' Tab
wait_for 5 shows '^dotsch> query cpe-000'
ok $? 'Tab completes the name of a peer'
press C-u 'withdraw case-2' Enter
wait_for 5 shows 'cpe-0002 mid [0-9]+ \(case-2\): DELETE mitigate: 2[.]02'
ok $? 'withdraw by ref alone'
press Up Up
wait_for 5 shows '^dotsch> watch'
ok $? 'the history is at hand'
mid=$(sed -n 's/.*"type":"mitigate".*"mid":\([0-9]*\).*/\1/p' r1.out | tail -n 1)
press C-u "refresh $(printf %s "$mid" | cut -c 1-6)" Tab
wait_for 5 shows "^dotsch> refresh [0-9]{8,}"
ok $? 'Tab completes a mid'
press C-u 'help query' Enter
wait_for 5 shows '^query PEER \[MID\|REF\]'
ok $? 'help explains one command'
press C-u 'quit' Enter
wait_for 5 shows '^rc4 0'
ok $? 'quit leaves the agent alone'
$client -s sock peers >one.out
is $? 0 'which goes on'

# Many at once.
users=''
for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	(for m in 1 2 3 4 5; do echo '{"type":"peers","ref":"u'$n'-'$m'"}'; done | $client -s sock >user.$n 2>&1) &
	users="$users $!"
done
failed=0
for p in $users; do wait "$p" || failed=1; done
is $failed 0 'twenty users at once'
is "$(cat user.* | grep -c '"type":"peers"')" 100 'each is answered'
wrong=0
for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	# What happens meanwhile is told to everybody.
	! grep '"type":"peers"' user.$n | grep -qv '"ref":"u'$n'-' || wrong=1
done
is $wrong 0 'with his own answers'
term kill-server
kill -TERM $agent
wait $agent
is $? 0 'the agent ends'
[ "$tap_failed" -eq 0 ] || tail -n 5 client.err other.out >&2
done_testing
