#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# What happens to rules over time: lifetimes, refreshes, the owner's consent, kill -9, restarts, and other programs' hands in the table.
set -u
. "${top_srcdir:-.}/tests/tap.sh"
. "${top_srcdir:-.}/tests/system/lab.sh"
. "${top_srcdir:-.}/tests/system/block-lab.sh"
lab_enter "$0" "$@" || skip_all 'no network namespaces can be made here'
block_lab_up || bail_out 'the lab does not come up'
block_start --interval 1s --stopped-after 1s || bail_out "dotsch-block does not start: $(cat $LAB/log)"

to='"target-prefix":["203.0.113.9/32"]'
from='"ietf-dots-call-home:source-prefix":["198.51.100.7/32"]'
it='udp 198.51.100.7 203.0.113.9 5000 53'
is_now() { [ "$(fate "$it")" = "$1" ]; }
count() { at router nft list counters | sed -n 's/.*packets \([0-9]*\) .*/\1/p'; }

# The owner's consent, and what is uncertain.
request 1 "$to,$from,\"lifetime\":600"
expect drop "$it" 'consent given'
printf '%s\n' "$(request_line 1 "$to,$from,\"lifetime\":600" | sed 's/given/pending/')" >&7
wait_for 5 is_now pass
ok $? 'taken out when consent is pending again'
like "$(tail -1 $LAB/out)" '"enforced":false,"cause":"pending"' 'and the status says so'
request 1 "$to,$from,\"lifetime\":600" '"hosts":[{"address":"198.51.100.7"},{"address":"198.51.100.8"}],"certainty":"ambiguous"'
expect pass "$it" 'ambiguous is not enforced'
like "$(tail -1 $LAB/out)" '"enforced":false,"cause":"ambiguous".*"hosts":\[\{"address":"198.51.100.7"\},' 'the hosts go back for the owner'
request 1 "$to,$from,\"lifetime\":600" '"hosts":[]'
expect pass "$it" 'no host and no source port: not enforced'
like "$(tail -1 $LAB/out)" '"status":"attack-mitigation-in-progress".*"enforced":false,"cause":"unresolved"' 'held with the cause: the owner is asked'
request 1 "$to,$from,\"lifetime\":600" '"hosts":[{"address":"198.51.100.7"}],"certainty":"exact"'
expect drop "$it" 'the host is known'
request 1 "$to,$from,\"lifetime\":600" '"hosts":[]'
expect drop "$it" 'a refresh keeps the resolution it has'
withdraw 1

# Status follows the packets.
request 2 "$to,$from,\"lifetime\":600"
expect drop "$it" 'a packet'
wait_for 5 grep -q '"mid":2,"status":"attack-successfully-mitigated".*"pkts-dropped":"1"' $LAB/out
ok $? 'mitigated, with the counter'
wait_for 5 grep -q '"mid":2,"status":"attack-stopped"' $LAB/out
ok $? 'stopped after a time without packets'
: >$LAB/out
expect drop "$it" 'it comes again'
wait_for 5 grep -q '"mid":2,"status":"attack-successfully-mitigated"' $LAB/out
ok $? 'mitigated again'
withdraw 2

# The program tells the end of a lifetime.
request 20 "$to,$from,\"lifetime\":1"
wait_for 5 grep -q '"mid":20,"status":"attack-mitigation-terminated","cause":"expired"' $LAB/out
ok $? 'the end of a lifetime is told'
expect pass "$it" 'and it is over'

# The kernel ends a lifetime by itself.
request 3 "$to,$from,\"lifetime\":5"
expect drop "$it" 'for five seconds'
block_stop KILL
expect drop "$it" 'killed: the rule stays'
wait_for 10 is_now pass
ok $? 'and ends when its lifetime does'
block_start --interval 1s || bail_out 'no restart'
printf '{"type":"sync","event":"begin"}\n{"type":"sync","event":"end"}\n' >&7
gone() { [ "$(at router nft list table inet dotsch | grep -cE 'chain|set|map|counter')" = 0 ]; }
wait_for 5 gone
ok $? 'a sync that names nothing leaves nothing'

# A refresh in time, and one after the gate has closed.
request 4 "$to,$from,\"lifetime\":1"
request 4 "$to,$from,\"lifetime\":600"
like "$(at router nft list set inet dotsch m2_t4 2>&1; at router nft list ruleset | grep timeout)" 'timeout (10m|9m)' 'a refresh moves the timeout'
withdraw 4

# kill -9 and restart: never a moment in which it is open.
request 5 "$to,$from,\"lifetime\":600"
request 6 "\"target-prefix\":[\"203.0.113.10/32\"],$from,\"lifetime\":-1"
expect drop "$it" 'one packet for the counter'
block_stop KILL
expect drop "$it" 'killed'
block_start --interval 1s || bail_out "no restart: $(cat $LAB/log)"
expect drop "$it" 'restarted'
{ echo '{"type":"sync","event":"begin"}'; request_line 5 "$to,$from,\"lifetime\":600"; } >&7
lines=0
wait_for 5 answered 5
expect drop "$it" 'in the middle of the sync'
expect drop 'udp 198.51.100.7 203.0.113.10 1 1' 'one that was not named yet'
echo '{"type":"sync","event":"end"}' >&7
wait_for 5 gone_from_table 6
expect drop "$it" 'after the sync'
expect pass 'udp 198.51.100.7 203.0.113.10 1 1' 'the one that was not named is gone'
five() { grep -q '"mid":5,.*"pkts-dropped":"5"' $LAB/out; }
wait_for 5 five
ok $? 'the counter goes on over the restart'
is "$(at router nft list table inet dotsch | grep -cE '^[[:space:]]*chain m')" 1 'one chain is left'

# The same under a steady flood: not one packet passes while the program is killed, starts, and takes over.
rm -f $LAB/enough
# shellcheck disable=SC2016 # perl's
perl -e 'print "$ARGV[1]\n" until -e $ARGV[0]' $LAB/enough "$it" | packets | sort -u >$LAB/flood &
flood_pid=$!
flooding() { [ "$(at router nft list counters | awk '/packets/ { n += $2 } END { print n + 0 }')" -gt "$1" ]; }
wait_for 5 flooding 100
for _ in 1 2 3; do
	block_stop KILL
	block_start --interval 1s
	{ echo '{"type":"sync","event":"begin"}'; request_line 5 "$to,$from,\"lifetime\":600"; echo '{"type":"sync","event":"end"}'; } >&7
	lines=0
	wait_for 5 answered 5
done
flooded=$(at router nft list counters | awk '/packets/ { n += $2 } END { print n + 0 }')
wait_for 5 flooding "$flooded"
ok $? 'the flood goes on still'
: >$LAB/enough
wait $flood_pid
is "$(cat $LAB/flood)" drop 'no packet passed during three kills and restarts'

# A known device stays known over a restart, although the map finds it no more.
request 7 "\"target-prefix\":[\"203.0.113.11/32\"],$from,\"ietf-dots-call-home:source-port-range\":[{\"lower-port\":5000}],\"lifetime\":600" \
	'"hosts":[{"address":"198.51.100.8"}],"certainty":"exact"'
block_stop KILL
block_start || bail_out 'no restart'
{ echo '{"type":"sync","event":"begin"}'; request_line 7 "\"target-prefix\":[\"203.0.113.11/32\"],$from,\"ietf-dots-call-home:source-port-range\":[{\"lower-port\":5000}],\"lifetime\":600" '"hosts":[]'
	echo '{"type":"sync","event":"end"}'; } >&7
wait_for 5 gone_from_table 5
expect drop 'udp 198.51.100.8 203.0.113.11 9999 53' 'the device is taken over from the kernel'
block_stop

# Other programs.
at router "$block" </dev/null >$LAB/second 2>&1
is $? 0 'the table is taken over when nobody uses it'
block_start
at router "$block" </dev/null >$LAB/second 2>&1
is $? 1 'a second one on the same table is refused'
like "$(cat $LAB/second)" 'in use by another dotsch-block; choose another with --table' 'with a reason'
at router "$block" --table other </dev/null >$LAB/second 2>&1
ok $? 'another table is fine'
request 8 "$to,$from,\"lifetime\":600"
at router nft flush ruleset 2>/dev/null
expect drop "$it" 'an owned table is not flushed'
block_stop
at router nft add table inet mine
at router "$block" --table mine </dev/null >$LAB/second 2>&1
like "$?$(cat $LAB/second)" '^111.*did not make' 'a foreign table of that name is refused'
at router setpriv --bounding-set -net_admin --inh-caps -net_admin "$block" --table none </dev/null >$LAB/second 2>&1
like "$?$(cat $LAB/second)" '^111.*CAP_NET_ADMIN' 'without CAP_NET_ADMIN'
at router nft delete table inet dotsch

block_start --shared
request 9 "$to,$from,\"lifetime\":600"
expect drop "$it" 'a shared table'
at router nft flush ruleset
wait_for 2 is_now drop
ok $? 'flushed by another program: back within two seconds'
at router nft delete table inet dotsch
withdraw 9
request 10 "$to,$from,\"lifetime\":600"
expect drop "$it" 'a request into a table that was just deleted'
at router nft flush table inet dotsch
wait_for 2 is_now drop
ok $? 'rules flushed: back'
block_stop
done_testing
