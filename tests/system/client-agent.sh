#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# dotsch-client and dotsch-serverd on loopback, in a network namespace: calling home, asking, the control socket, bad peers, and the crash of the client.
. "${top_srcdir:-.}/tests/system/agents.sh"

cat >client.conf <<EOF
listen { address = {"127.0.0.1", "::1"} }
peers-file = "peers.jsonl"
state = "client.state"
ticket-key-file = "ticket.key"
external-addresses = {"198.51.100.0/26"}
EOF
cat >peers.jsonl <<EOF
{"name":"cpe-0001","psk-identity":"cpe-0001","psk-key":"$key","domain":["100.64.8.21/32","2001:db8:123::/48"]}
{"name":"cpe-0002","psk-identity":"cpe-0002","psk-key":"$key","domain":["100.64.8.22/32"]}
EOF

# router_conf NAME IDENTITY KEY TRANSPORT ADDRESS
router_conf() {
	echo "$3" >"$1.key"
	cat >"$1.conf" <<-EOF
		terminating-time = "0s"
		state = "$LAB/$1.db"
		provider "isp" {
		  address = {"$5"}
		  port = 4647
		  transport = {"$4"}
		  psk-identity = "$2"
		  psk-key-file = "$LAB/$1.key"
		  scope = {"100.64.8.0/24", "2001:db8:123::/48"}
		  consent = "auto"
		}
	EOF
}
# router NAME: starts it; its commands go to NAME.in, its lines to NAME.out; its pid is in $pid
router() {
	[ -p "$1.in" ] || mkfifo "$1.in"
	sleep 1000 >"$1.in" &
	$serverd -c "$1.conf" <"$1.in" >"$1.out" 2>"$1.err" &
	pid=$!
}
# agent: starts the client as a service; its pid is in $agent
agent() {
	: >client.out
	$client -c client.conf -s sock </dev/null >>client.out 2>>client.err &
	agent=$!
	lab_line 10 client.out '"event":"listening"'
}
has_blocked() { printf '{"type":"status","peer":"isp","cuid":"%s","mid":%s,"status":"attack-successfully-mitigated","ietf-dots-signal-channel:mitigation-scope":{"scope":[{"mid":%s,"pkts-dropped":"42"}]}}\n' "$cuid" "$1" "$1" >r1.in; }
newest_mid() { tail -n 1 r1.out | sed -n 's/.*"mid":\([0-9]*\).*/\1/p'; }

before=$(ls)
like "$($client -n -c client.conf 2>&1)" '^# 2 peers; cuid from the state' '-n says what the peers file holds'
head -n 1 peers.jsonl >one.jsonl
sed 's/peers[.]jsonl/one.jsonl/' client.conf >one.conf
like "$($client -n -c one.conf 2>&1)" '# 1 peer;' 'one peer is no "peers"'
rm one.jsonl one.conf
is "$(ls)" "$before" '-n makes neither state nor ticket key'

agent
ok $? 'the agent tells that it listens'
cuid=$(sed -n 's/.*"cuid":"\([^"]*\)".*/\1/p' client.out | head -n 1)
is ${#cuid} 22 'and its cuid has 22 characters'
is "$(stat -c %a sock)" 660 'the control socket is for owner and group'

$client -s sock mitigate --source 192.0.2.1 --target 203.0.113.9 >one.out 2>&1
is $? 1 "CH-15: a source in nobody's domain is refused"
like "$(cat one.out)" '"field":"source-prefix","section":"RFC 9066, 5[.]3[.]1"' 'with field and section'
$client -s sock mitigate --source 198.51.100.5 --target 203.0.113.9 >one.out 2>&1
is $? 1 'CH-35: an external address is refused'
like "$(cat one.out)" 'dotsch-map' 'with a hint to dotsch-map'

# Asked before the router calls: it waits, and goes out by itself.
$client -s sock mitigate --source 100.64.8.21 --source-port 5000-5010 --target 203.0.113.9 --protocol udp --ref early --wait 20s >wait.out 2>&1 &
waiting=$!
lab_line 5 wait.out '"status":"waiting"'
ok $? 'a request to a router that is not connected says that it waits'
router_conf r1 cpe-0001 $key udp 127.0.0.1
router r1
r1=$pid
lab_line 10 client.out '"event":"up","peer":"cpe-0001","transport":"udp"'
ok $? 'CH-04: the router calls home over DTLS'
lab_line 5 wait.out '"code":"2[.]01"'
ok $? 'and what waited is asked at once'
lab_line 5 r1.out '"type":"mitigate"'
has_blocked "$(newest_mid)"
wait $waiting
is $? 0 '--wait ends with 0 when the router has blocked it (CH-31)'
like "$(tail -n 1 wait.out)" '"status":"attack-successfully-mitigated".*"pkts-dropped":"42"' 'the last line tells the counters'

$client -s sock mitigate --source 100.64.8.21 --target 203.0.113.10 --ref slow --wait 1s >one.out 2>one.err
is $? 1 '--wait ends with 1 when nothing was blocked in time'
like "$(cat one.err)" 'wait: mid [0-9]+ of cpe-0001 \(slow\): accepted, not blocked yet' 'and standard error says how it stands'
$client -s sock query cpe-0001 >one.out
is $? 0 'query'
like "$(cat one.out)" '"code":"2[.]05".*203[.]0[.]113[.]9/32.*203[.]0[.]113[.]10/32' 'shows both requests'
$client -s sock withdraw early >one.out
is $? 0 'withdraw by ref'
like "$(cat one.out)" '"method":"DELETE","resource":"mitigate","code":"2[.]02"' 'is answered with 2.02'
lab_line 5 r1.out '"type":"withdraw"'
ok $? 'and reaches the router'
$client -s sock config get cpe-0001 >one.out
like "$(cat one.out)" '"heartbeat-interval":\{"max-value"' 'CH-09: the session configuration'
$client -s sock config set cpe-0001 --mitigating-heartbeat-interval 20 >one.out
is $? 0 'is negotiated'
$client -s sock config set cpe-0001 --mitigating-heartbeat-interval 3 >one.out
is $? 1 'and a value out of range refused'
like "$(cat one.out)" '"code":"4[.]22"' 'with 4.22'

# Broken lines in a pipe: a reason each, and the next good one works.
printf '%s\n' '{' '{"type":"withdraw"}' '{"type":"mitigate","x":1}' '{"type":"peers","ref":"good"}' | $client -s sock >one.out 2>&1
is "$(grep -c '"type":"error"' one.out)" 3 'three bad lines, three errors'
like "$(cat one.out)" '"ref":"good","peers":2' 'and the good line behind them is answered'

# The same credential from two places.
router_conf r2 cpe-0001 $key tcp 127.0.0.1
cp r1.db r2.db 2>/dev/null
router r2
r2=$pid
lab_line 10 client.out '"event":"down".*the newest session counts'
ok $? 'the newest session of a credential counts, and the old one is told down'
lab_line 10 client.out '"event":"up","peer":"cpe-0001","transport":"tcp"'
ok $? 'CH-04: the router calls home over TLS'
kill -TERM $r2 $r1
wait $r1 $r2

# Strangers.
router_conf r3 cpe-0001 ffffffffffffffffffffffffffffffff udp 127.0.0.1
router r3
lab_line 10 client.out '"event":"refused".*"identity":"cpe-0001"'
ok $? 'CH-44: a wrong key is refused, and told with the identity it claimed'
kill -TERM $pid
wait $pid
router_conf r4 nobody $key udp ::1
router r4
lab_line 10 client.out '"event":"refused".*"identity":"nobody"'
ok $? 'so is an unknown identity'
kill -TERM $pid
wait $pid
perl -MIO::Socket::IP -e 'my $s = IO::Socket::IP->new(PeerAddr => "127.0.0.1", PeerPort => 4647, Proto => "udp"); $s->send(join "", map chr rand 256, 1 .. 200) for 1 .. 200'
$client -s sock peers >one.out
is $? 0 'garbage datagrams do nothing'

# A peer added while running, and a reload.
$client -s sock peer add cpe-0003 --psk-identity cpe-0003 --psk-key $key --domain 100.64.8.23 >one.out
is $? 0 'a peer is added while the agent runs'
is "$(grep -c $key one.out client.out client.err | grep -v ':0$')" '' 'its key stands in no output'
router_conf r5 cpe-0003 $key udp ::1
router r5
lab_line 10 client.out '"event":"up","peer":"cpe-0003"'
ok $? 'and may call at once'
kill -HUP $agent
lab_line 10 client.out '"event":"reloaded"'
ok $? 'SIGHUP reads the peers again'
lab_line 10 client.out '"event":"down","peer":"cpe-0003".*removed'
ok $? 'and hangs up on who is not in the file'
echo '{"name":' >>peers.jsonl
kill -HUP $agent
lab_line 10 client.err 'everything stays as it was'
ok $? 'a broken file changes nothing'
sed -i '$d' peers.jsonl
kill -TERM $pid
wait $pid

# kill -9, then a new start: the router calls again, and no mid is used twice.
rm -f r1.out
router r1
r1=$pid
lab_line 10 client.out '"event":"up","peer":"cpe-0001","transport":"udp"'
$client -s sock mitigate --source 100.64.8.21 --target 203.0.113.30 --ref last >one.out
before=$(sed -n 's/.*"type":"response".*"mid":\([0-9]*\).*/\1/p' one.out | tail -n 1)
kill -KILL $agent
wait $agent 2>/dev/null
agent
ok $? 'after kill -9 the agent starts again on the same socket'
# A restart of the router spares the test the minute after which it would call again by itself.
kill -TERM $r1
wait $r1
rm -f r1.out
router r1
r1=$pid
lab_line 10 client.out '"event":"up","peer":"cpe-0001"'
ok $? 'the router calls again'
$client -s sock mitigate --source 100.64.8.21 --target 203.0.113.31 >one.out
is $? 0 'and takes a request'
after=$(sed -n 's/.*"type":"response".*"mid":\([0-9]*\).*/\1/p' one.out | tail -n 1)
[ "$after" -gt "$before" ]
ok $? 'with a higher mid than any before the crash'
kill -TERM $agent
wait $agent
is $? 0 'SIGTERM ends it with 0'
[ ! -e sock ]
ok $? 'and its socket is gone'

# No agent: a pipe, and the end of input.
kill -TERM $r1
wait $r1
printf '{"type":"peers"}\n' | $client -c client.conf >one.out 2>&1
is $? 0 'a pipe without an agent ends when everything is answered'
printf '{"type":"mitigate","ietf-dots-signal-channel:mitigation-scope":{"scope":[{"target-prefix":["203.0.113.40/32"],"source-prefix":["100.64.8.21/32"],"lifetime":60}]}}\n' |
	$client -c client.conf --wait 1s >one.out 2>&1
is $? 1 'and with --wait it gives up in time'
done_testing
