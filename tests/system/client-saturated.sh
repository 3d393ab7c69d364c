#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# CH-11a: the attack that was reported fills the router's uplink, so nothing of the router arrives. The channel stays in use all the same: requests go out,
# reach the router and stop the attack; nobody is given up, and what was asked for is answered once there is room again.
. "${top_srcdir:-.}/tests/system/agents.sh"
command -v nft >/dev/null || skip_all 'nft is not installed'
cat >client.conf <<EOF
listen { address = {"127.0.0.1"} }
peers-file = "peers.jsonl"
state = "client.state"
EOF
echo '{"name":"cpe","psk-identity":"cpe","psk-key":"'$key'","domain":["100.64.8.0/24"]}' >peers.jsonl
echo $key >router.key
cat >router.conf <<EOF
terminating-time = "0s"
state = "$LAB/router.db"
provider "isp" {
  address = {"127.0.0.1"}
  port = 4647
  transport = {"udp"}
  psk-identity = "cpe"
  psk-key-file = "$LAB/router.key"
  scope = {"100.64.8.0/24"}
  consent = "auto"
}
EOF
: >client.out
$client -c client.conf -s sock </dev/null >>client.out 2>>client.err &
agent=$!
mkfifo router.in
sleep 1000 >router.in &
$serverd -c router.conf <router.in >router.out 2>router.err &
router=$!
lab_line 10 client.out '"event":"up","peer":"cpe"'
ok $? 'the router calls home'
$client -s sock mitigate --source 100.64.8.21 --target 203.0.113.9 --ref reported >one.out
is $? 0 'an attack is reported'

# What the router sends is lost from here on; what is sent to it arrives.
nft -f - <<EOF || bail_out 'nft'
table inet full {
	chain in {
		type filter hook input priority 0;
		udp dport 4647 counter drop
	}
}
EOF
$client -s sock mitigate --source 100.64.8.22 --target 203.0.113.9 --ref blind >blind.out 2>&1 &
blind=$!
lab_line 5 router.out '"type":"mitigate".*100[.]64[.]8[.]22/32'
ok $? 'CH-11a: a request reaches the router though nothing comes from there'
$client -s sock withdraw reported >gone.out 2>&1 &
gone=$!
# One NON request in 3 s, as long as no answer shows the round trip.
lab_line 20 router.out '"type":"withdraw"'
ok $? 'CH-11a: and so does a withdrawal'
lost() { [ "$(nft list table inet full | sed -n 's/.*counter packets \([0-9]*\).*/\1/p')" -ge 4 ]; }
lab_wait 30 lost
ok $? 'the answers to all repetitions were lost'
is "$(grep -c '"event":"down"' client.out)" 0 'CH-11a: the peer is not given up'
$client -s sock peers --to cpe >peers.out
like "$(cat peers.out)" '"name":"cpe","connected":true' 'it counts as connected'
is "$(wc -c <blind.out)" 0 'nothing is told of what was not answered'

nft delete table inet full
wait $blind
is $? 0 'with room again the request is answered'
like "$(cat blind.out)" '"ref":"blind".*"method":"PUT","resource":"mitigate","code":"2[.]0[14]"' 'as the repetition that it is'
wait $gone
is $? 0 'and so is the withdrawal'
is "$(sed -n 's/.*"type":"mitigate".*"mid":\([0-9]*\),.*100[.]64[.]8[.]22.*/\1/p' router.out | sort -u | wc -l)" 1 'all repetitions are one mitigation to the router'
is "$(grep -c '"event":"down"' client.out)" 0 'over the same session'
kill -TERM $router $agent
wait $router $agent
done_testing
