#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2086,SC2317
# The disk of dotsch-serverd's state is full: new requests are answered 5.03 with the time to wait, what was answered before is untouched, in memory and on
# disk, and when there is room again it goes on.
. "${top_srcdir:-.}/tests/system/agents.sh"
mkdir state
mount -t tmpfs -o size=400k full state || skip_all 'no tmpfs can be mounted here'
key=00112233445566778899aabbccddeeff
echo "listen { address = {\"127.0.0.1\"} transport = {\"tcp\"} } peers-file = \"peers.jsonl\" state = \"client.state\"" >client.conf
echo "{\"name\":\"cpe-0001\",\"psk-identity\":\"cpe-0001\",\"psk-key\":\"$key\",\"domain\":[\"100.64.8.21/32\"]}" >peers.jsonl
cat >serverd.conf <<EOF
state = "$LAB/state/serverd.db"
terminating-time = "0s"
provider "isp" {
  address = {"127.0.0.1"}
  transport = {"tcp"}
  psk-identity = "cpe-0001"
  psk-key = "$key"
  scope = {"100.64.8.21/32"}
  consent = "auto"
}
EOF
mkfifo commands
exec 8<>commands
$client -c client.conf <commands >client.out 2>client.err 8>&- &
lab_line 10 client.out '"event":"listening"' || bail_out 'no client'
start() {
	$serverd -q -c serverd.conf -s sock </dev/null >>serverd.out 2>>serverd.err 8>&- &
	pid=$!
	lab_wait 10 up "$1"
}
up() { [ "$(grep -c '"event":"up"' client.out)" -ge "$1" ]; }
request() {
	printf '{"type":"mitigate","to":"cpe-0001","ref":"%s","ietf-dots-signal-channel:mitigation-scope":{"scope":[{"target-prefix":["203.0.113.%s/32"],"target-protocol":[17],' "$1" "$2"
	printf '"lifetime":3600,"ietf-dots-call-home:source-prefix":["100.64.8.21/32"],"ietf-dots-call-home:source-port-range":[{"lower-port":2000}]}]}}\n'
}
code() { sed -n "s/.*\"ref\":\"$1\".*\"method\":\"PUT\".*\"code\":\"\([^\"]*\)\".*/\1/p" client.out | tail -n 1; }
answered() { [ -n "$(code "$1")" ]; }
kept() { $serverd -s sock --json show | sed -n 's/.*"mid":\([0-9]*\),"state":"active".*/\1/p' | sort; }
written() { $serverd -s sock --json audit | grep -q '"event":"rejected"'; }
start 1 || bail_out 'no session'

# One that is there before the disk fills.
for i in 1 2 3; do
	request r$i $i >&8
	lab_wait 10 answered r$i
done
is "$(code r3)" 2.01 'while there is room, requests are accepted'
dd if=/dev/zero of=state/filler bs=1k count=1000 2>/dev/null
i=3
while [ $i -lt 200 ] && [ "$(code r$i)" = 2.01 ]; do
	i=$((i + 1))
	request r$i $i >&8
	lab_wait 10 answered r$i || break
done
is "$(code r$i)" 5.03 'then one is answered 5.03'
like "$(grep "\"ref\":\"r$i\".*5[.]03" client.out)" '"max-age":[1-9]' 'with the seconds to wait'
like "$(cat serverd.err)" 'state: .*full' 'the log names the reason'
before=$((i - 1))
is "$(kept | wc -l)" $before 'what was accepted before is what there is'
kept >memory
kill -0 $pid
ok $? 'and the program lives'
kill -KILL $pid
wait $pid 2>/dev/null
rm state/filler
start 2
ok $? 'killed, and started with room on the disk'
is "$(kept)" "$(cat memory)" 'it knows the same: nothing accepted was lost, nothing refused was kept'
request again 250 >&8
lab_wait 10 answered again
is "$(code again)" 2.01 'and accepts again'
# Without a restart too.
dd if=/dev/zero of=state/filler bs=1k count=1000 2>/dev/null
i=0
while [ $i -lt 200 ]; do
	i=$((i + 1))
	request s$i $i >&8
	lab_wait 10 answered s$i || break
	[ "$(code s$i)" = 2.01 ] || break
done
is "$(code s$i)" 5.03 'full once more'
mid=$(kept | head -n 1)
$serverd -s sock withdraw $mid >/dev/null
ok $? "the owner's word counts all the same"
is "$($serverd -s sock --json audit | grep -c '"event":"rejected"')" 0 'and is not written yet'
rm state/filler
lab_wait 20 written
ok $? 'room again: now it is'
request free 251 >&8
lab_wait 10 answered free
is "$(code free)" 2.01 'room again, and no restart: accepted'
kill -KILL $pid
wait $pid 2>/dev/null
start 3
like "$($serverd -s sock --json show $mid)" '"state":"rejected"' 'killed and started again: what the owner withdrew stays so'
kill -TERM $pid
wait $pid
is $? 0 'ends in good order'
done_testing
