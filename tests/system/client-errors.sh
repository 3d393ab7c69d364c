#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Mistakes in a configuration, in a peers file and in lines that dotsch-client(1) can tell, provoked: words that name the field, its value and what would be right.
set -u
. "${top_srcdir:-.}/tests/tap.sh"
client=$(cd "${top_builddir:-.}" && pwd)/dotsch-client/dotsch-client
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || bail_out 'no folder'
umask 077
key=00112233445566778899aabbccddeeff
long=$(printf '%0200d' 7)
good='listen { address = {"127.0.0.1"} port = 46470 transport = {"udp"} } peers-file = "peers.jsonl" cuid = "JsS3O6jh2HfM8ypzxXQUQQ"'
peer='{"name":"cpe","psk-identity":"cpe","psk-key":"'$key'","domain":["10.0.0.0/8"]}'
echo "$peer" >peers.jsonl

# says PATTERN CONFIGURATION
says() {
	printf '%s\n' "$2" >conf
	timeout 20 "$client" -n -c conf </dev/null >out 2>err
	got=$?
	if [ $got -eq 111 ]; then like "$(cat err)" "$1" "$1"; else is "$got $(cat err)" 111 "$1"; fi
}
says 'peers-file: .*conf names no peers-file: nobody could call home' ''
says 'listen.address: host is not an IP address' 'listen { address = {"host"} } peers-file = "peers.jsonl"'
says 'listen.transport: sctp is neither udp nor tcp' 'listen { transport = {"sctp"} } peers-file = "peers.jsonl"'
says 'external-addresses: outside is not a prefix such as 198.51.100.0/26' 'peers-file = "peers.jsonl" external-addresses = {"outside"}'
says 'key-file: missing: the certificate .*c needs its private key' 'peers-file = "peers.jsonl" certificate-file = "c"'
says 'state: %i.db: %i is the name of an instance \(--instance\), and there is none' 'peers-file = "peers.jsonl" state = "%i.db"'
says 'none.jsonl: No such file or directory' 'peers-file = "none.jsonl"'

# peers PATTERN PEER…: beside the good one
peers() {
	pattern=$1
	shift
	printf '%s\n' "$peer" "$@" >peers.jsonl
	says "$pattern" "$good"
	echo "$peer" >peers.jsonl
}
peers 'name: there is a peer cpe already' "$peer"
peers 'psk-identity: cpe belongs to cpe already' '{"name":"b","psk-identity":"cpe","psk-key":"'$key'"}'
spki=$(printf '%064d' 1)
peers 'spki: it belongs to b already' '{"name":"b","spki":"'"$spki"'"}' '{"name":"c","spki":"'"$spki"'"}'
peers 'domain: more than [0-9]+ prefixes' '{"name":"b","psk-identity":"b","psk-key":"'$key'","domain":['"$(awk 'BEGIN { for (i = 0; i < 70000; i++) printf "%s\"11.%d.%d.0/24\"", i ? "," : "", i / 256, i % 256 }')"']}'
peers 'domain: ten is not an IP prefix such as 192.0.2.0/24' '{"name":"b","psk-identity":"b","psk-key":"'$key'","domain":["ten"]}'
peers 'session-address: is for a peer that calls' '{"name":"b","address":"192.0.2.1","psk-identity":"b","psk-key":"'$key'","session-address":true}'

# Lines, and what is answered to each; no router has called.
echo "$good" >conf
scope='"target-prefix":["203.0.113.9/32"],"ietf-dots-call-home:source-prefix":["10.0.0.1/32"]'
: >lines
: >wanted
# line PATTERN LINE
line() {
	printf '%s\n' "$2" >>lines
	printf '%s\n' "$1" >>wanted
}
mitigate() { line "$1" '{"type":"mitigate",'"$3"'"ietf-dots-signal-channel:mitigation-scope":{"scope":[{'"$2"'}]}}'; }
line 'is missing; a mitigate line carries ietf-dots-signal-channel:mitigation-scope' '{"type":"mitigate"}'
mitigate 'there is no peer nobody' "$scope" '"to":"nobody",'
mitigate 'the-host is not an IP address' "$scope" '"subscriber":"the-host",'
mitigate 'it has run out since the line was written' "$scope,\"lifetime\":60" '"time":"2020-01-01T00:00:00.000Z",'
mitigate 'peer and cuid of a request that is passed on have [0-9]+ bytes; [0-9]+ fit' "$scope" '"peer":"'"$long"'","cuid":"'"$spki"'","mid":7,'
line 'cpe is not connected' '{"type":"query","to":"cpe"}'
line 'must be add, set or remove' '{"type":"peer","name":"b","action":"eat"}'
line 'there is a peer cpe already' '{"type":"peer","name":"cpe","action":"add","psk-identity":"x","psk-key":"'$key'"}'
timeout 30 "$client" -c conf --json <lines >out 2>err
exec 3<wanted
refused=0
grep '"type":"error"' out >errors
while read -r want <&3; do
	refused=$((refused + 1))
	like "$(sed -n "${refused}p" errors)" "$want" "$want"
done
exec 3<&-
is "$(wc -l <errors)" $refused 'each bad line has one answer'
[ "$tap_failed" -eq 0 ] || cat err out

# A socket that cannot be.
# socket PATTERN PATH
socket() {
	timeout 20 "$client" -c conf -s "$2" </dev/null >out 2>err
	like "$? $(cat err)" "^[1-9][0-9]* .*socket: .*$1" "socket: $1"
}
socket 'No such file or directory' none/sock
socket 'at most [0-9]+ bytes' "$PWD/$long"

# Nothing, and too much, to decode.
like "$(printf '' | timeout 20 "$client" decode - 2>&1)" 'nothing to decode' 'decode: nothing'
done_testing
