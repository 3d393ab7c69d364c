#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Both agents without a descriptor left for one more user of their control socket: he waits, and they do not spin for him.
. "${top_srcdir:-.}/tests/system/agents.sh"
cat >client.conf <<EOF
listen { address = {"127.0.0.1"} }
peers-file = "peers.jsonl"
cuid = "isp"
EOF
echo '{"name":"cpe","psk-identity":"cpe","psk-key":"00112233445566778899aabbccddeeff","domain":["100.64.8.0/24"]}' >peers.jsonl
echo 00112233445566778899aabbccddeeff >router.key
cat >router.conf <<EOF
provider "isp" {
  address = {"127.0.0.1"}
  port = 4699
  psk-identity = "cpe"
  psk-key-file = "$LAB/router.key"
  scope = {"100.64.8.0/24"}
}
EOF
cat >crowd.py <<'EOF'
import socket, sys
crowd = []
for i in range(14):
    s = socket.socket(socket.AF_UNIX)
    s.connect("sock")
    crowd.append(s)
open("full", "w")
sys.stdin.read()
EOF
mkfifo hold
# The processor's time of a process so far, in hundredths of a second.
ticks() { awk '{ print $14 + $15 }' "/proc/$1/stat"; }
# crowded LIMIT QUESTION COMMAND…
crowded() {
	limit=$1 question=$2
	shift 2
	rm -f sock full
	# shellcheck disable=SC3045 # every shell that may be /bin/sh here has it
	(ulimit -n "$limit" && exec "$@" -s sock </dev/null >out 2>err) &
	pid=$!
	wait_for 10 test -S sock
	sleep 1000 >hold &
	holder=$!
	python3 crowd.py <hold &
	crowd=$!
	wait_for 10 test -e full
	ok $? "more users than ${1##*/} with $limit descriptors can take"
	before=$(ticks $pid) || before=0
	sleep 1
	used=$(($(ticks $pid) - before))
	[ "$used" -lt 10 ]
	ok $? 'it does not spin for them'
	kill $holder
	wait $crowd
	"$1" -s sock "$question" >one.out 2>&1
	is $? 0 'and serves the next one when they are gone'
	kill $pid
	wait $pid
	[ "$tap_failed" -eq 0 ] || cat err one.out >&2
}
# An even and an odd number, since each user takes two.
for limit in 18 19; do
	crowded "$limit" peers "$client" -c client.conf
	crowded "$limit" show "$serverd" -c router.conf
done
done_testing
