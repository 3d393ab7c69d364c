#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# kill -9 in the middle of 1,000 requests and withdrawals, again and again: after a restart and a sync the kernel has exactly what is asked.
set -u
. "${top_srcdir:-.}/tests/tap.sh"
. "${top_srcdir:-.}/tests/system/lab.sh"
. "${top_srcdir:-.}/tests/system/block-lab.sh"
lab_enter "$0" "$@" || skip_all 'no network namespaces can be made here'
block_lab_up || bail_out 'the lab does not come up'

# mitigation NUMBER GENERATION
mitigation() { request_line "$1" "\"target-prefix\":[\"203.0.113.$(($1 % 200))/32\"],\"ietf-dots-call-home:source-prefix\":[\"198.51.100.$(($1 % 250))/32\"],\"target-protocol\":[$2],\"lifetime\":600"; }
# Requests 1..1000, of which every third is withdrawn again a little later.
for i in $(seq 1000); do
	mitigation "$i" 17
	[ $((i % 3)) -ne 0 ] || printf '{"type":"withdraw","peer":"isp","cuid":"c","mid":%s}\n' $((i - 1))
done >$LAB/lines
for i in $(seq 1000); do
	[ $((i % 3)) -eq 2 ] && [ "$i" -lt 1000 ] || mitigation "$i" 17
done >$LAB/active
in_kernel() { at router nft list counters | sed -n 's/.*comment "isp \([0-9]*\)".*/\1/p' | sort -n; }
as_asked() { [ "$(in_kernel)" = "$(sed 's/.*"mid":\([0-9]*\),.*/\1/' $LAB/active)" ]; }

for round in 1 2 3 4 5; do
	block_start -q || bail_out 'no start'
	# A part of the lines, and the signal once the first is answered: it falls somewhere among the others.
	head -n $((round * 200)) $LAB/lines >&7
	wait_for 20 grep -q '"mid":1,' $LAB/out
	block_stop KILL
	[ "$round" -ne 3 ] || expect drop 'udp 198.51.100.1 203.0.113.1 1 1' 'what was asked for first is still blocked after the kill'
done
is "$(at router nft list ruleset >/dev/null 2>&1; echo $?)" 0 'the table is whole'
block_start -q
{ echo '{"type":"sync","event":"begin"}'; cat $LAB/active; echo '{"type":"sync","event":"end"}'; } >&7
wait_for 20 as_asked
ok $? 'after the sync the kernel has what is asked, and nothing else'
at router nft list table inet dotsch >$LAB/ruleset
is "$(grep -cE '^[[:space:]]*chain (forward|prerouting|postrouting)_' $LAB/ruleset)" 1 'one base chain'
is "$(grep -cE '^[[:space:]]*chain m' $LAB/ruleset)" "$(wc -l <$LAB/active)" 'a chain for each'
is "$(grep -cE '^[[:space:]]*set m[0-9]*_t4' $LAB/ruleset)" "$(wc -l <$LAB/active)" 'a gate for each'
expect drop 'udp 198.51.100.1 203.0.113.1 1 1' 'one that is asked for'
expect pass 'udp 198.51.100.2 203.0.113.2 1 1' 'one that was withdrawn'
sed 's/"type":"mitigate"/"type":"withdraw"/; s/"ietf-dots-signal-channel.*/"cause":"client"}/' $LAB/active >&7
empty() { [ -z "$(in_kernel)" ]; }
wait_for 20 empty
ok $? 'all withdrawn'
is "$(at router nft list table inet dotsch | grep -cE 'chain|set|map|counter')" 0 'nothing is left'
block_stop
done_testing
