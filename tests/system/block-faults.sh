#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# What the one who reads the lines sees when the kernel fails, and the lease of an indefinite mitigation: dotsch-block with a seam below it (block_seam.c).
set -u
. "${top_srcdir:-.}/tests/tap.sh"
. "${top_srcdir:-.}/tests/system/lab.sh"
. "${top_srcdir:-.}/tests/system/block-lab.sh"
lab_enter "$0" "$@" || skip_all 'no network namespaces can be made here'
block_lab_up || bail_out 'the lab does not come up'
seam=${top_builddir:-.}/tests/system/block-seam
to='"target-prefix":["203.0.113.9/32"]'
from='"ietf-dots-call-home:source-prefix":["198.51.100.7/32"]'
dns='"target-protocol":[17],"target-port-range":[{"lower-port":53}]'
it='udp 198.51.100.7 203.0.113.9 5000 53'
last() { grep "\"mid\":$1," $LAB/out | tail -n 1; }

# The start takes three transactions: the table, and a mitigation in and out to see whether the action works.
# failing KIND ERRNO: the next two requests fail; then all is well again
failing() {
	export BLOCK_SEAM="$1 $2 4 2"
	block=$seam block_start --interval 1s || bail_out "no start: $(cat $LAB/log)"
	unset BLOCK_SEAM
}
while read -r kind error reason; do
	failing "$kind" "$error"
	request 1 "$to,$from,$dns,\"lifetime\":600"
	like "$(last 1)" "\"status\":\"attack-exceeded-capability\",\"enforced\":false,\"cause\":\"kernel\",\"reason\":\"nf_tables: transaction: $reason" "$kind: $reason"
	expect pass "$it" 'nothing of it is applied'
	is "$(at router nft list table inet dotsch | grep -cE 'chain|set|map|counter')" 0 'nothing is left in the table'
	request 1 "$to,$from,$dns,\"lifetime\":600"
	request 1 "$to,$from,$dns,\"lifetime\":600"
	like "$(last 1)" '"status":"attack-mitigation-in-progress"' 'the next refresh puts it in'
	expect drop "$it" 'and it works'
	block_stop
	at router "$block" flush
done <<-'FAILURES'
	answer 12 Cannot allocate memory \(no memory, or a limit of the kernel\)
	send 90 Message too long \(the transaction is larger than the socket's buffer\)
	send 105 No buffer space available \(no memory, or a limit of the kernel\)
	never 105 No buffer space available
	never 11 Resource temporarily unavailable \(the kernel did not answer\)
FAILURES
# Interrupted twice, and then it is in; without end, it is a reason.
failing answer 85
request 1 "$to,$from,$dns,\"lifetime\":600"
like "$(last 1)" '"status":"attack-mitigation-in-progress"' 'ERESTART: said again'
expect drop "$it" 'and it works'
block_stop
at router "$block" flush
export BLOCK_SEAM="answer 85 4 3"
block=$seam block_start
unset BLOCK_SEAM
request 1 "$to,$from,$dns,\"lifetime\":600"
like "$(last 1)" '"status":"attack-exceeded-capability".*Interrupted system call should be restarted \(other programs change the ruleset all the time\)' 'ERESTART without end'
block_stop
at router "$block" flush

# Another program that flushes the ruleset again and again, whenever we are about to put something in.
export BLOCK_SEAM='flush 0 4 3'
block=$seam block_start --shared --no-sandbox
unset BLOCK_SEAM
request 1 "$to,$from,$dns,\"lifetime\":600"
like "$(last 1)" '"status":"attack-mitigation-in-progress"' 'flushed before each of three transactions: it is in'
expect drop "$it" 'and it works'
block_stop
at router "$block" flush

# A change that the kernel refuses leaves the rule of before, and the status says so until it is in.
export BLOCK_SEAM="answer 12 5 1"
block=$seam block_start --interval 1s
unset BLOCK_SEAM
request 1 "$to,$from,$dns,\"lifetime\":600"
request 1 "$to,$from,\"target-protocol\":[6],\"lifetime\":600"
like "$(last 1)" '"status":"attack-exceeded-capability","cause":"kernel","reason":"nf_tables: ' 'a change that is refused'
expect drop "$it" 'the rule of before stands'
expect pass 'tcp 198.51.100.7 203.0.113.9 5000 53' 'nothing of the new one does'
counted() { last 1 | grep -q '"status":"attack-exceeded-capability".*"pkts-dropped":"1"'; }
wait_for 5 counted
ok $? 'the counters go on under that status'
request 1 "$to,$from,\"target-protocol\":[6],\"lifetime\":600"
expect drop 'tcp 198.51.100.7 203.0.113.9 5000 53' 'the next refresh puts it in'
expect pass "$it" 'in place of the old one'
block_stop
at router "$block" flush

# An indefinite lifetime is a lease of an hour in the kernel, so that it ends without us; it is renewed every 15 minutes. SIGUSR1 moves the clock by 7.5 of them.
left() { # seconds until the gate runs out
	at router nft list table inet dotsch | perl -ne 'next unless /timeout 1h expires (?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+)s)?/; print 3600 * ($1 // 0) + 60 * ($2 // 0) + ($3 // 0), "\n"; exit'
}
export BLOCK_JUMP=450
block=$seam block_start
unset BLOCK_JUMP
request 1 "$to,$from,$dns,\"lifetime\":-1"
expect drop "$it" 'without an end'
like "$(last 1)" '"lifetime":-1' 'and so says the status'
runs() { [ "$(left)" -le 3597 ]; }
wait_for 5 runs
ok $? 'the lease runs in the kernel'
kill -USR1 "$block_pid"
request 2 '"target-prefix":["203.0.113.77/32"],'"$from,\"lifetime\":600"
[ "$(left)" -le 3597 ]
ok $? 'not renewed after 7.5 minutes'
kill -USR1 "$block_pid"
renewed() { [ "$(left)" -ge 3599 ]; }
wait_for 2 renewed
ok $? 'renewed after 15 minutes'
for _ in 1 2 3 4 5 6 7 8; do kill -USR1 "$block_pid"; request 2 '"target-prefix":["203.0.113.77/32"],'"$from,\"lifetime\":600"; done
expect drop "$it" 'still there after an hour and a quarter'
block_stop KILL
is "$(at router nft list table inet dotsch | grep -c 'timeout 1h expires')" 1 'killed: only the lease is left in the kernel, and nobody renews it'
block_start
printf '{"type":"sync","event":"begin"}\n{"type":"sync","event":"end"}\n' >&7
block_stop
at router "$block" flush

# A renewal that fails is tried again after a minute.
export BLOCK_JUMP=900 BLOCK_SEAM="answer 12 5 1"
block=$seam block_start
unset BLOCK_SEAM
request 1 "$to,$from,$dns,\"lifetime\":-1"
wait_for 5 runs
kill -USR1 "$block_pid"
failed() { grep -q 'renewing mitigation 1 of isp: nf_tables: ' $LAB/log; }
wait_for 2 failed
ok $? 'a renewal fails, and the log says why'
[ "$(left)" -le 3597 ]
ok $? 'the lease goes on'
kill -USR1 "$block_pid"
wait_for 2 renewed
ok $? 'the next try renews it'
block_stop
done_testing
