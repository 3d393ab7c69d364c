#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Every field of a request and its neighbours, with real packets through a router.
set -u
. "${top_srcdir:-.}/tests/tap.sh"
. "${top_srcdir:-.}/tests/system/lab.sh"
. "${top_srcdir:-.}/tests/system/block-lab.sh"
lab_enter "$0" "$@" || skip_all 'no network namespaces can be made here'
block_lab_up || bail_out 'the lab does not come up'
[ "$(fate 'udp 198.51.100.7 203.0.113.9 5000 53')" = pass ] || bail_out 'the router does not forward'
block_start || bail_out "dotsch-block does not start: $(cat $LAB/log)"

all='"lifetime":600'
to='"target-prefix":["203.0.113.9/32"]'
from='"ietf-dots-call-home:source-prefix":["198.51.100.7/32"]'

request 1 "$to,$from,\"target-protocol\":[17],\"ietf-dots-call-home:source-port-range\":[{\"lower-port\":5000,\"upper-port\":5010}],$all"
expect pass 'udp 198.51.100.7 203.0.113.9 4999 53' 'source port below'
expect drop 'udp 198.51.100.7 203.0.113.9 5000 53' 'first source port'
expect drop 'udp 198.51.100.7 203.0.113.9 5010 53' 'last source port'
expect pass 'udp 198.51.100.7 203.0.113.9 5011 53' 'source port above'
expect pass 'tcp 198.51.100.7 203.0.113.9 5005 53' 'another protocol'
expect pass 'udp 198.51.100.6 203.0.113.9 5005 53' 'another source'
expect pass 'udp 198.51.100.7 203.0.113.8 5005 53' 'another target'
expect drop 'udp 198.51.100.7 203.0.113.9 5005 53 fragment=first' 'a first fragment'
expect pass 'udp 198.51.100.7 203.0.113.9 5005 53 fragment=later' 'a later fragment has no ports'
is "$(at router nft list counter inet dotsch m1 | sed -n 's/.*packets \([0-9]*\) .*/\1/p')" 3 'the counter has the packets that were dropped'
withdraw 1
expect pass 'udp 198.51.100.7 203.0.113.9 5000 53' 'withdrawn'

request 2 "$to,$from,\"ietf-dots-call-home:source-icmp-type-range\":[{\"lower-type\":8}],$all"
expect pass 'icmp 198.51.100.7 203.0.113.9 7 0' 'ICMP type below'
expect drop 'icmp 198.51.100.7 203.0.113.9 8 0' 'the ICMP type'
expect drop 'icmp 198.51.100.7 203.0.113.9 8 255' 'the ICMP type, any code'
expect pass 'icmp 198.51.100.7 203.0.113.9 9 0' 'ICMP type above'
expect pass 'udp 198.51.100.7 203.0.113.9 2048 53' 'types are of ICMP only'
withdraw 2

request 3 "$to,$from,\"target-protocol\":[6,17],\"target-port-range\":[{\"lower-port\":53},{\"lower-port\":123,\"upper-port\":124},{\"lower-port\":65535}],$all"
expect drop 'udp 198.51.100.7 203.0.113.9 1 53' 'target port'
expect drop 'tcp 198.51.100.7 203.0.113.9 1 124' 'second range'
expect drop 'tcp 198.51.100.7 203.0.113.9 1 65535' 'the last port there is'
expect pass 'tcp 198.51.100.7 203.0.113.9 1 125' 'beside the ranges'
expect pass 'tcp 198.51.100.7 203.0.113.9 53 1' 'source and target port are two things'
expect pass 'sctp 198.51.100.7 203.0.113.9 1 53' 'a protocol that is not listed'
withdraw 3

request 4 "\"target-prefix\":[\"203.0.113.8/30\"],\"ietf-dots-call-home:source-prefix\":[\"198.51.100.16/28\",\"198.51.100.7/32\"],$all"
expect drop 'udp 198.51.100.16 203.0.113.8 1 1' 'first addresses of both prefixes'
expect drop 'gre 198.51.100.31 203.0.113.11 1 1' 'last addresses of both prefixes, any protocol'
expect drop 'udp 198.51.100.7 203.0.113.9 1 1 fragment=later' 'later fragments, when no ports are named'
expect pass 'udp 198.51.100.15 203.0.113.8 1 1' 'source below'
expect pass 'udp 198.51.100.32 203.0.113.8 1 1' 'source above'
expect pass 'udp 198.51.100.16 203.0.113.7 1 1' 'target below'
expect pass 'udp 198.51.100.16 203.0.113.12 1 1' 'target above'
withdraw 4

six='"target-prefix":["2001:db8:c000::9/128"],"ietf-dots-call-home:source-prefix":["2001:db8:123::/124"]'
request 5 "$six,\"target-protocol\":[17,58],\"target-port-range\":[{\"lower-port\":53}],\"ietf-dots-call-home:source-icmp-type-range\":[{\"lower-type\":128}],$all"
expect drop 'udp 2001:db8:123::7 2001:db8:c000::9 1 53' 'IPv6'
expect drop 'udp 2001:db8:123::7 2001:db8:c000::9 1 53 fragment=first' 'IPv6, a first fragment'
expect pass 'udp 2001:db8:123::7 2001:db8:c000::9 1 53 fragment=later' 'IPv6, a later fragment'
expect pass 'udp 2001:db8:123::10 2001:db8:c000::9 1 53' 'IPv6, source above'
expect pass 'udp 2001:db8:123::7 2001:db8:c000::8 1 53' 'IPv6, target below'
expect drop 'ipv6-icmp 2001:db8:123::7 2001:db8:c000::9 128 0' 'ICMPv6 type'
expect pass 'ipv6-icmp 2001:db8:123::7 2001:db8:c000::9 129 0' 'ICMPv6 type above'
expect pass 'ipv6-icmp 2001:db8:123::7 2001:db8:c000::9 127 0' 'ICMPv6 type below'
expect drop 'ipv6-icmp 2001:db8:123::7 2001:db8:c000::9 128 255' 'ICMPv6 type, any code'
expect pass 'udp 198.51.100.7 203.0.113.9 1 53' 'the other family'
withdraw 5

# Overlapping requests: each stands for itself.
request 6 "\"target-prefix\":[\"203.0.113.0/24\"],$from,\"target-protocol\":[17],$all"
request 7 "$to,$from,\"target-protocol\":[6],$all"
request 8 "\"target-prefix\":[\"203.0.113.8/29\",\"2001:db8:c000::9/128\"],$from,\"target-protocol\":[132],$all"
expect drop 'udp 198.51.100.7 203.0.113.9 1 1' 'overlap, the wide one'
expect drop 'tcp 198.51.100.7 203.0.113.9 1 1' 'overlap, the narrow one'
expect drop 'sctp 198.51.100.7 203.0.113.9 1 1' 'overlap, the middle one'
expect pass 'tcp 198.51.100.7 203.0.113.10 1 1' 'overlap, beside the narrow one'
withdraw 6
expect pass 'udp 198.51.100.7 203.0.113.9 1 1' 'the wide one withdrawn'
expect drop 'tcp 198.51.100.7 203.0.113.9 1 1' 'the narrow one stays'
expect drop 'sctp 198.51.100.7 203.0.113.9 1 1' 'the middle one stays'
withdraw 8
withdraw 7
expect pass 'tcp 198.51.100.7 203.0.113.9 1 1' 'all withdrawn'
is "$(at router nft list table inet dotsch | grep -cE 'chain|set|map|counter')" 0 'nothing is left in the table'

# A device: its address, and its MAC over IPv6.
device='"hosts":[{"address":"198.51.100.7","mac":"02:00:00:00:00:66"},{"address":"2001:db8:123::7","mac":"02:00:00:00:00:66"}],"certainty":"exact"'
request 9 "\"target-prefix\":[\"203.0.113.9/32\",\"2001:db8:c000::9/128\"],$from,\"target-protocol\":[17],\"ietf-dots-call-home:source-port-range\":[{\"lower-port\":5000}],$all" "$device"
expect drop 'udp 198.51.100.7 203.0.113.9 6001 53' 'CH-39 a device that changes its source port'
is "$(for port in $(seq 1024 97 65535); do echo "udp 198.51.100.7 203.0.113.9 $port $port"; done | packets | sort | uniq -c | tr -s ' ')" ' 666 drop' \
	'CH-39 ever new source ports'
expect pass 'udp 198.51.100.8 203.0.113.9 5000 53' 'CH-39 another device with that source port'
expect drop 'udp 2001:db8:123::7 2001:db8:c000::9 1 53 mac=02:00:00:00:00:99' 'the IPv6 address'
expect drop 'udp 2001:db8:123::abcd 2001:db8:c000::9 1 53' 'another IPv6 address of the same device'
expect pass 'udp 2001:db8:123::abcd 2001:db8:c000::9 1 53 mac=02:00:00:00:00:99' 'another device'
expect pass 'udp 2001:db8:123::7 2001:db8:c000::8 1 53' 'the device, to another target'
like "$(grep '"mid":9' $LAB/out | head -1)" '"status":"attack-mitigation-in-progress","hosts":\[\{"address":"198.51.100.7"' 'the first status names the hosts'
wait_for 5 grep -q '"mid":9,"status":"attack-successfully-mitigated"' $LAB/out
ok $? 'a rule on a device in the way is a success'
withdraw 9
block_stop
done_testing
