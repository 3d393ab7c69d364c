#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# dotsch-client towards base servers of others: libcoap's server, which keeps what is PUT to it, over DTLS and TLS; and servers that are not there.
. "${top_srcdir:-.}/tests/tap.sh"
. "${top_srcdir:-.}/tests/system/lab.sh"
top=$(cd "${top_builddir:-.}" && pwd)
client=$top/dotsch-client/dotsch-client
command -v coap-server-gnutls >/dev/null || skip_all 'coap-server-gnutls is not installed'
lab_enter "$0" "$@" || skip_all 'no namespaces can be made here'
ip link set lo up || skip_all 'the loopback interface does not come up'
cd "$LAB" || exit 1
umask 077

# The port for DTLS and TLS is one above the one for the plain protocol.
coap-server-gnutls -A 127.0.0.1 -p 4645 -k abcdabcdabcdabcd -d 50 >server.log 2>&1 &
server=$!
cat >client.conf <<EOF
listen { address = {"127.0.0.1"} }
peers-file = "peers.jsonl"
state = "client.state"
EOF
cat >peers.jsonl <<EOF
{"name":"dtls","address":["::1","127.0.0.1"],"transport":"udp","psk-identity":"us","psk-key":"61626364616263646162636461626364"}
{"name":"tls","address":"127.0.0.1","transport":"tcp","psk-identity":"us","psk-key":"61626364616263646162636461626364"}
{"name":"wrong-key","address":"127.0.0.1","psk-identity":"us","psk-key":"61626364616263646162636461626365"}
{"name":"nobody","address":"127.0.0.1","port":4999,"psk-identity":"us","psk-key":"61626364616263646162636461626364"}
{"name":"no-name","address":"nothing.invalid","psk-identity":"us","psk-key":"61626364616263646162636461626364"}
EOF
like "$($client -n -c client.conf 2>&1)" '^# 5 peers' '-n takes base servers'
: >client.out
$client -c client.conf -s sock </dev/null >>client.out 2>>client.err &
agent=$!
lab_line 10 client.out '"event":"up","peer":"dtls","transport":"udp","address":"127.0.0.1:4646".*"dialled":true'
ok $? 'a base server is dialled on port 4646, by the second address when there is none at the first'
lab_line 30 client.out '"event":"unreachable","peer":"wrong-key"'
ok $? 'a key that the server does not take is told'
lab_line 10 client.out '"event":"unreachable","peer":"nobody".*127[.]0[.]0[.]1:4999.*tried again in'
ok $? 'so is an address where nobody is, with the time of the next attempt'
lab_line 10 client.out '"event":"unreachable","peer":"no-name".*nothing[.]invalid'
ok $? 'and a name that is none'
like "$(head -n 1 client.out)" '"event":"listening","addresses":\[\],"port":4647,"transports":\[\]' 'where nobody calls home, nothing is listened on'
# 4647 in hexadecimal, local.
bound() { grep -q ' 0100007F:1227 ' "/proc/net/$1"; }
bound udp || bound tcp
is $? 1 'and no port is open'
$client -s sock peer add home --psk-identity home --psk-key 61626364616263646162636461626364 --domain 192.0.2.64/26 >one.out
is $? 0 'a peer that calls home is added'
bound udp && bound tcp
ok $? 'and the ports are open'
lab_line 10 client.out '"event":"listening","addresses":\["127[.]0[.]0[.]1"\]'
ok $? 'which is told'

$client -s sock mitigate --to dtls --ref names --alias our-web --target-fqdn www.example --target-uri https://www.example/ --trigger-mitigation false >one.out
is $? 0 'CH-28: names, an alias and a preconfigured mitigation without any source'
like "$(cat one.out)" '"method":"PUT","resource":"mitigate","code":"2[.]01"' 'are taken by a server of others'
cuid=$(sed -n 's/.*"type":"response".*"cuid":"\([^"]*\)".*/\1/p' one.out | head -n 1)
mid=$(sed -n 's/.*"type":"response".*"mid":\([0-9]*\).*/\1/p' one.out | head -n 1)
# The first half of the SHA-256 of "us", base64url.
is "$cuid" "$(printf us | sha256sum | cut -c 1-32 | perl -pe 'chomp; $_ = pack "H*", $_; use MIME::Base64; $_ = encode_base64($_, ""); tr{+/}{-_}; s/=+$//')" \
	'RFC 9132, 4.4.1.1: the cuid is made of the identity that the server knows'
coap-client-gnutls -u us -k abcdabcdabcdabcd -o kept "coaps://127.0.0.1:4646/.well-known/dots/mitigate/cuid=$cuid/mid=$mid" >get.log 2>&1
like "$($client decode --base - <kept)" '"target-fqdn":\["www[.]example"\].*"alias-name":\["our-web"\].*"trigger-mitigation":false.*"valid":true' 'what stands there is what was asked for'
$client -s sock withdraw names >one.out
is $? 0 'it is withdrawn'
like "$(cat one.out)" '"method":"DELETE","resource":"mitigate","code":"2[.]02"' 'with 2.02'

$client -s sock mitigate --to nobody --ref patient --target 192.0.2.80 --lifetime 2s >one.out
is $? 1 'a server that is not there: the request waits until its lifetime ends'
like "$(cat one.out)" '"status":"waiting","reason":"nobody is not connected; the request waits until it is reached' 'says that it waits'
like "$(cat one.out)" '"status":"expired","reason":"its lifetime ended before nobody answered"' 'and that it has expired'
$client -s sock mitigate --target 192.0.2.80 >one.out
is $? 1 'without "to" and without a source'
like "$(cat one.out)" 'a base server is named by to' 'the error says what is missing'

# libcoap 4.3 does not choose the protocol "coap" over TLS, which a client must not put up with.
lab_line 10 client.out '"event":"unreachable","peer":"tls","why":"TCP 127[.]0[.]0[.]1:4646: the server did not choose the protocol'
ok $? 'RFC 8323, 8.2: a TLS server without ALPN is left, and told'

kill -TERM $agent
wait $agent
is $? 0 'SIGTERM ends the agent'
kill -TERM $server
wait $server
done_testing
