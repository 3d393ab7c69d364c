#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Many lines at once, as in a sync: few transactions, an answer to each line, and what the kernel does not take of one keeps no other out.
set -u
. "${top_srcdir:-.}/tests/tap.sh"
. "${top_srcdir:-.}/tests/system/lab.sh"
. "${top_srcdir:-.}/tests/system/block-lab.sh"
lab_enter "$0" "$@" || skip_all 'no network namespaces can be made here'
block_lab_up || bail_out 'the lab does not come up'
seam=${top_builddir:-.}/tests/system/block-seam
to='"target-prefix":["203.0.113.9/32"],"target-protocol":[17],"lifetime":600'

# burst FROM TO: a request for each, whose number is its source's last two bytes.
burst() {
	for i in $(seq "$1" "$2"); do
		request_line "$i" "$to,\"ietf-dots-call-home:source-prefix\":[\"198.18.$((i / 256)).$((i % 256))/32\"]"
	done
}
answers() { [ "$(grep -c "$1" $LAB/out)" -eq "$2" ]; }
generations() { grep -c 'new generation' $LAB/monitor; }

at router nft monitor >$LAB/monitor 2>&1 &
block_start
burst 1 400 >$LAB/burst
cat $LAB/burst >&7
wait_for 20 answers '"status":"attack-mitigation-in-progress"' 400
ok $? 'four hundred lines, each of them answered'
is "$(sort -u $LAB/out | grep -o '"mid":[0-9]*' | sort -u | wc -l)" 400 'by its own mid'
[ "$(generations)" -le 40 ]
ok $? "by few transactions: $(generations)"
for i in 1 128 129 400; do
	expect drop "udp 198.18.$((i / 256)).$((i % 256)) 203.0.113.9 5000 53" "number $i"
done
expect pass 'udp 198.18.1.145 203.0.113.9 5000 53' 'the next address'

# One line after the other in the same moment: what was said last holds.
: >$LAB/out
{
	burst 401 402
	request_line 401 '"target-prefix":["203.0.113.9/32"],"target-protocol":[6],"lifetime":600,"ietf-dots-call-home:source-prefix":["198.18.1.145/32"]'
	printf '{"type":"withdraw","peer":"isp","cuid":"c","mid":402,"cause":"client"}\n\n{"type":"mitigate"}\n'
	burst 404 404
} >$LAB/burst
cat $LAB/burst >&7
wait_for 10 grep -q '"mid":404' $LAB/out
ok $? 'changes and withdrawals in a burst'
expect drop 'tcp 198.18.1.145 203.0.113.9 5000 53' 'as it was changed'
expect pass 'udp 198.18.1.145 203.0.113.9 5000 53' 'and no more as it was before'
expect pass 'udp 198.18.1.146 203.0.113.9 5000 53' 'withdrawn'
expect drop 'udp 198.18.1.148 203.0.113.9 5000 53' 'the last one'
is "$(grep -c '"type":"error"' $LAB/out)" 1 'what is no request is told'

# A sync that names two of them.
before=$(generations)
{ printf '{"type":"sync","event":"begin"}\n' && burst 399 400 && printf '{"type":"sync","event":"end"}\n'; } >$LAB/burst
cat $LAB/burst >&7
only_two() { [ "$(at router nft list counters | grep -c '"isp ')" -eq 2 ]; }
wait_for 20 only_two
ok $? 'a sync ends all that it does not name'
[ "$(($(generations) - before))" -le 20 ]
ok $? "by few transactions: $(($(generations) - before))"
expect drop 'udp 198.18.1.144 203.0.113.9 5000 53' 'what it names goes on'
expect pass 'udp 198.18.0.1 203.0.113.9 5000 53' 'nothing else does'
block_stop
at router "$block" flush

# failing N: after the three transactions of the start, so many fail.
failing() {
	export BLOCK_SEAM="answer 12 4 $1"
	block=$seam block_start || bail_out "no start: $(cat $LAB/log)"
	unset BLOCK_SEAM
	burst 1 50 >$LAB/burst
	cat $LAB/burst >&7
}
failing 1
wait_for 10 answers '"status":"attack-mitigation-in-progress"' 50
ok $? 'a transaction fails: its requests go in one by one'
expect drop 'udp 198.18.0.50 203.0.113.9 5000 53' 'all of them'
block_stop
at router "$block" flush
failing 2
wait_for 10 answers '"type":"status"' 50
answers '"mid":1,.*"status":"attack-exceeded-capability"\|"status":"attack-exceeded-capability".*"mid":1,' 1 && answers '"status":"attack-exceeded-capability"' 1
ok $? 'what the kernel does not take of one is told of that one'
expect pass 'udp 198.18.0.1 203.0.113.9 5000 53' 'which is not in'
expect drop 'udp 198.18.0.2 203.0.113.9 5000 53' 'the others are'
block_stop
done_testing
