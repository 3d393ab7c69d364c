#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# 10,000 random packets against random requests, compared with a model of the requests. SEED=N repeats a run, REQUESTS=N makes more of them overlap.
set -u
. "${top_srcdir:-.}/tests/tap.sh"
. "${top_srcdir:-.}/tests/system/lab.sh"
. "${top_srcdir:-.}/tests/system/block-lab.sh"
SEED=${SEED:-$(date +%s)} requests=${REQUESTS:-40}
export SEED
lab_enter "$0" "$@" || skip_all 'no network namespaces can be made here'
block_lab_up || bail_out 'the lab does not come up'
block_start || bail_out "dotsch-block does not start: $(cat $LAB/log)"

"$packets_tool" -g "$SEED" "$requests" 10000 $LAB/requests >$LAB/packets
cat $LAB/requests >&7
lines=0
wait_for 10 answered "$requests" || bail_out 'no answer'
got=$(packets -m $LAB/requests <$LAB/packets 2>$LAB/differ)
ok $? "as the model says (SEED=$SEED)"
like "$got" '^10000 packets, [1-9][0-9]{2,} dropped, 0 differ$' 'and hundreds of packets were dropped'
echo "# $got"
sed 's/^/# /' $LAB/differ | head -5
dropped=${got#*packets, }
dropped=${dropped%% *}
is "$(at router nft list counters | awk '/packets/ { n += $2 } END { print n }')" "$dropped" 'the counters together have what was dropped'

# Every other request is withdrawn; what is left still does as it should.
awk 'NR % 2' $LAB/requests >$LAB/left
awk '!(NR % 2)' $LAB/requests | sed 's/"type":"mitigate"/"type":"withdraw"/; s/"ietf-dots-signal-channel.*/"cause":"client"}/' >&7
wait_for 5 gone_from_table "$requests"
got=$(packets -m $LAB/left <$LAB/packets 2>$LAB/differ)
ok $? 'as the model says after every other one is withdrawn'
echo "# $got"
sed 's/^/# /' $LAB/differ | head -5
block_stop
done_testing
