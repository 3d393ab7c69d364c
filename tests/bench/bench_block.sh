#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2086,SC2154,SC2034
# block.forward64, block.forward1000: what a forwarded packet costs with the table, beside the same router without one; ROUNDS (9) rounds of each in turn.
set -u
. "$top_srcdir/tests/system/lab.sh"
lab_enter "$0" || { echo 'bench_block: no network namespaces can be made here' >&2; exit 77; }
LAB_HOSTS='src router dst'
. "$top_srcdir/tests/tap.sh"
. "$top_srcdir/tests/system/block-lab.sh"
bench=$top_builddir/tests/bench/bench_block rounds=${ROUNDS:-9} packets=${PACKETS:-100000}
block_lab_up || exit 1
lab_ip router 'route add 203.0.0.0/8 via 192.0.2.254'

# cost SOURCE TARGET: nanoseconds a packet
cost() { at src "$bench" rate eth0 02:00:00:00:00:01 $1 $2 $packets; }
median() { sort -n "$1" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

with_table() {
	nsenter --net=/run/netns/router -- "$bench" install $1 $2 >$LAB/installed &
	install_pid=$!
	lab_line 60 $LAB/installed installed || exit 1
}
without() {
	kill $install_pid
	wait $install_pid 2>/dev/null
	at router nft delete table inet dotsch
}

# figure NAME MITIGATIONS SOURCES: a packet to no target, one to a target but from no source, and one that is dropped
figure() {
	: >$LAB/none && : >$LAB/miss && : >$LAB/hit && : >$LAB/plain
	cost 198.51.100.7 203.9.9.9 >/dev/null
	for _ in $(seq $rounds); do
		cost 198.51.100.7 203.9.9.9 >>$LAB/plain
		with_table $2 $3
		cost 198.51.100.7 203.9.9.9 >>$LAB/none
		cost 198.51.100.7 203.0.113.3 >>$LAB/miss
		cost 10.0.0.3 203.0.113.0 >>$LAB/hit
		without
	done
	awk -v name=$1 -v plain="$(median $LAB/plain)" -v none="$(median $LAB/none)" -v miss="$(median $LAB/miss)" -v hit="$(median $LAB/hit)" 'BEGIN {
		printf "{\"bench\":\"block.%s\",\"value\":%.0f,\"unit\":\"ns\",\"peer\":\"no table\",\"peer_value\":%.0f,\"ratio\":%.3f,\"better\":\"lower\",", name, none, plain, plain / none
		printf "\"cost\":%.3f,\"to_a_target\":%.0f,\"to_a_target_cost\":%.3f,\"dropped\":%.0f}\n", none / plain, miss, miss / plain, hit }'
}
figure forward64 64 100000
figure forward1000 1000 1
