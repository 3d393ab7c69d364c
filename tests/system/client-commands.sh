#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Each sub-command of dotsch-client against a router's dotsch-serverd, with its exit code; and one request through a pipe without any agent running.
. "${top_srcdir:-.}/tests/system/agents.sh"
cat >client.conf <<EOF
listen { address = {"127.0.0.1"} }
peers-file = "peers.jsonl"
state = "client.state"
cuid = "isp"
EOF
echo '{"name":"cpe","psk-identity":"cpe","psk-key":"'$key'","domain":["100.64.8.0/24"]}' >peers.jsonl
echo $key >router.key
cat >router.conf <<EOF
terminating-time = "0s"
provider "isp" {
  address = {"127.0.0.1"}
  port = 4647
  transport = {"tcp"}
  psk-identity = "cpe"
  psk-key-file = "$LAB/router.key"
  scope = {"100.64.8.0/24"}
  consent = "auto"
  legitimate-source = {"100.64.8.99/32"}
}
EOF
mkfifo router.in
sleep 1000 >router.in &
# The router's side as it would block: every request is told to be in force.
blocker() {
	tail -n +1 -F router.out 2>/dev/null | while read -r line; do
		case $line in '{"type":"mitigate"'*) ;; *) continue ;; esac
		mid=$(echo "$line" | sed -n 's/.*"mid":\([0-9]*\),.*/\1/p')
		echo '{"type":"status","peer":"isp","cuid":"isp","mid":'"$mid"',"status":"attack-successfully-mitigated"}' >router.in
	done
}
# The file only grows: who follows it does not always see that it became short and long again.
: >router.out
router() {
	$serverd -c router.conf <router.in >>router.out 2>>router.err &
	router=$!
}
blocker &

# What is misspelt in the peers file is told.
sed 's/"domain"/"domains"/' peers.jsonl >misspelt.jsonl
sed 's/peers.jsonl/misspelt.jsonl/' client.conf >misspelt.conf
like "$($client -n -c misspelt.conf 2>&1)" 'misspelt[.]jsonl:1: a peer has no member "domains"' 'an unknown member of a peer is told'
printf '{"name":"x"}\n' >misspelt.jsonl
$client -n -c misspelt.conf 2>&1 | grep -q '8) (RFC'
is $? 1 'a reason names its section once'

# No agent anywhere: one line, one answer, an exit code.
router
document='{"ietf-dots-signal-channel:mitigation-scope":{"scope":[{"target-prefix":["203.0.113.9/32"],"target-protocol":[17],"source-prefix":["100.64.8.21/32"],"source-port-range":[{"lower-port":5000}],"lifetime":600}]}}'
echo "$document" | $client -c client.conf --wait 1m >one.out 2>&1
is $? 0 'a DOTS document of another tool, through a pipe, with --wait and no agent: 0 when the router has blocked it'
like "$(tail -n 1 one.out)" '"status":"attack-successfully-mitigated"' 'the last line says so'
echo "$document" | sed 's/100.64.8.21/100.64.8.99/' | $client -c client.conf --wait 1m >one.out 2>&1
is $? 1 '1 when the router holds it for legitimate traffic'
like "$(cat one.out)" '"code":"4[.]09".*"conflict":"the network holds this for legitimate traffic' 'CH-32: told in words'
echo 'nonsense' | $client -c client.conf --wait 1m >one.out 2>&1
is $? 1 '1 for a line that is none'
like "$(cat one.out)" '"type":"error"' 'with an error'
kill -TERM $router
wait $router

: >client.out
$client -c client.conf -s sock </dev/null >>client.out 2>>client.err &
agent=$!
lab_line 10 client.out '"event":"listening"'
router
lab_line 15 client.out '"event":"up","peer":"cpe"'
ok $? 'the router calls an agent'
run() { $client -s sock "$@" >one.out 2>&1; }
run mitigate --source 100.64.8.22 --source-port 5000 --target 203.0.113.10 --ref case --lifetime 10m --wait 20s
is $? 0 'mitigate --wait'
mid=$(sed -n 's/.*"type":"response".*"mid":\([0-9]*\).*/\1/p' one.out | head -n 1)
run refresh case --lifetime 20m
is $? 0 'refresh by ref'
like "$(cat one.out)" '"mid":'"$mid"'.*"code":"2[.]04".*"lifetime":1200' 'with the same mid and the new lifetime'
run query --ref case
is $? 0 'query by ref alone'
like "$(cat one.out)" '"code":"2[.]05".*"mid":'"$mid" 'the one'
run query cpe --content c
is $? 0 'query of all, configuration only'
like "$(cat one.out)" '203[.]0[.]113[.]10/32' 'shows what was asked for'
run query cpe 77
is $? 1 'query of a mid that the router does not know'
like "$(cat one.out)" '"code":"4[.]04"' 'is 4.04'
run query cpe --content x
is $? 1 'query of another content'
like "$(cat one.out)" 'must be c \(configuration\), n \(state\) or a \(all\)","field":"content"' 'says what there is'
run efficacy case under-attack
is $? 0 'efficacy'
like "$(cat one.out)" '"code":"2[.]04"' 'is a PUT of the same'
run efficacy case fine
is $? 1 'efficacy with another word'
like "$(cat one.out)" 'must be under-attack or attack-successfully-mitigated' 'says which there are'
run unobserve case
is $? 0 'unobserve'
like "$(cat one.out)" '"type":"request".*"ref":"case".*"peer":"cpe".*"mid":'"$mid" 'is answered with the request'
run observe case
is $? 0 'observe'
like "$(cat one.out)" '"type":"request".*"ref":"case"' 'too'
run refresh nothing
is $? 1 'refresh of a ref that nobody knows'
like "$(cat one.out)" 'no request with ref nothing is known' 'is told'
run withdraw "$mid"
is $? 0 'withdraw by mid'
run withdraw "$mid"
is $? 0 'twice'
like "$(cat one.out)" '"type":"request".*"state":"over"' 'says that it is over'
run withdraw 99999999
is $? 1 'withdraw of a mid that nobody knows'
like "$(cat one.out)" 'no request with mid 99999999 is known' 'is told'
run withdraw 99999999 --to cpe
is $? 0 'with a peer that is for the peer to judge (RFC 9132, 4.4.4: 2.02 all the same)'
run config set cpe --mitigating-heartbeat-interval 20 --sid 4000000000
is $? 0 'config set'
run config get cpe --sid 4000000000
like "$(cat one.out)" '"mitigating-config":\{"heartbeat-interval":\{[^}]*"current-value":20' 'config get by its sid'
run config delete cpe --sid 4000000000
is $? 0 'config delete'
like "$(cat one.out)" '"method":"DELETE","resource":"config","code":"2[.]02"' 'is 2.02'
run config eat cpe
is $? 1 'config with another verb'
like "$(cat one.out)" 'must be get, set or delete' 'says which there are'
run peer add other --certificate-name other.example --domain 192.0.2.0/24
is $? 0 'peer add'
run peer add other --certificate-name other.example
is $? 1 'twice'
like "$(cat one.out)" 'there is a peer other already' 'is refused'
run peer set other --certificate-name other.example --domain 192.0.2.0/25
is $? 0 'peer set'
run peers --to other
like "$(head -n 1 one.out)" '"domain":\["192[.]0[.]2[.]0/25"\]' 'changes it'
run mitigate --source 192.0.2.200 --target 203.0.113.9
is $? 1 'a source that is no longer in its domain is in no domain'
run peer set other --domain 192.0.2.0/26
is $? 0 'peer set without a credential'
like "$(cat one.out)" '"certificate-name":"other[.]example","domain":\["192[.]0[.]2[.]0/26"\]' 'changes what it names and leaves the rest'
run peer set nobody --domain 192.0.3.0/26
is $? 1 'but a new one needs a credential'
run peer remove other
is $? 0 'peer remove'
run peer remove other
is $? 1 'twice'
run mitigate --source 100.64.8.0/20 --target 203.0.113.9
is $? 1 'CH-15: a source wider than the domain'
run redirect cpe --client 'no name' --address 192.0.2.7
is $? 1 'redirect to what is no name of a host'
like "$(cat one.out)" 'no name is not the name of a host' 'is not sent'
run redirect cpe --client ch2.isp.example --address 192.0.2.7 --ttl 60
is $? 0 'redirect'
lab_line 10 client.out '"event":"down","peer":"cpe"'
ok $? 'the router leaves for the other client'
kill -TERM $router $agent
wait $router $agent
[ "$tap_failed" -eq 0 ] || tail -n 3 one.out client.err router.err >&2
done_testing
