#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# contrib/nat-events: the output of other tools as a source of dotsch-map.
set -u
. "${top_srcdir:-.}/tests/tap.sh"
command -v jq >/dev/null || skip_all 'jq is not installed'
events=${top_srcdir:-.}/contrib/nat-events/nat-events
map=${top_builddir:-.}/dotsch-map/dotsch-map

# finds FORMAT ATTACK-TIME QUESTION: certainty and the first host of what standard input says, captured at 12:00
finds() {
	sh "$events" "$1" | timeout 20 "$map" -q lookup --captured 2026-11-22T12:00:00Z --attack-time "$2" --nat - "$3" |
		jq -r '[.certainty, .found[0]."source-prefix", .found[0]."source-port-range"[0]."lower-port"] | map(. // "-" | tostring) | join(" ")'
}

jool() {
	printf '%s\n' 'Protocol,IPv6 Address,IPv6 L4-ID,IPv4 Address,IPv4 L4-ID,Static?' 'TCP,2001:db8:51:7::a,52011,203.0.113.77,1025,0' 'UDP,2001:db8:51:9::1,4000,203.0.113.77,1026,1'
}
is "$(jool | finds jool 2026-11-22T12:01:00Z 203.0.113.77:1025/tcp)" 'likely 2001:db8:51:7::a/128 52011' 'jool: a BIB entry'
is "$(jool | finds jool 2026-11-22T13:01:00Z 203.0.113.77:1025/tcp)" 'stale 2001:db8:51:7::a/128 52011' 'jool: which is not believed for long'
is "$(jool | finds jool 2026-11-25T12:00:00Z 203.0.113.77:1026/udp)" 'likely 2001:db8:51:9::1/128 4000' 'jool: a static one is'
is "$(finds jool 2026-11-22T12:00:00Z 203.0.113.77:1025/tcp </dev/null)" 'unresolved - -' 'jool: an empty BIB'

conntrack() {
	cat <<-'T'
		ipv4     2 udp      17 29 src=100.64.8.21 dst=203.0.113.9 sport=27733 dport=443 [UNREPLIED] src=203.0.113.9 dst=198.51.100.5 sport=443 dport=29745 mark=0 use=1
		tcp      6 431999 ESTABLISHED src=100.64.8.22 dst=203.0.113.9 sport=5000 dport=80 src=203.0.113.9 dst=198.51.100.5 sport=80 dport=5001 [ASSURED] mark=0 use=1
		icmp     1 29 src=100.64.8.23 dst=203.0.113.9 type=8 code=0 id=7 src=203.0.113.9 dst=198.51.100.6 type=0 code=0 id=9 mark=0 use=1
		udp      17 29 src=198.51.100.1 dst=203.0.113.9 sport=1 dport=2 src=203.0.113.9 dst=198.51.100.1 sport=2 dport=1 mark=0 use=1
	T
}
is "$(conntrack | finds conntrack 2026-11-22T12:00:00Z 198.51.100.5:29745/udp)" 'exact 100.64.8.21/32 27733' 'conntrack -o extended'
is "$(conntrack | finds conntrack 2026-11-22T14:00:00Z 198.51.100.5:5001/tcp)" 'likely 100.64.8.22/32 5000' 'conntrack: the timeout is the lifetime'
is "$(conntrack | finds conntrack 2026-11-22T12:00:01Z 198.51.100.6/icmp)" 'likely 100.64.8.23/32 -' 'conntrack: ICMP'
is "$(conntrack | sh "$events" conntrack | jq '."ietf-nat:mapping-entry" | length')" 3 'conntrack: what is not translated is no mapping'

nfdump() {
	cat <<-'T'
		[{"type":"EVENT","proto":17,"src_port":4000,"src4_addr":"100.64.7.7","src4_xlt_ip":"198.51.100.77","src_xlt_port":20480,"nat_event_id":4,"t_event":"2026-11-22T10:00:00.250"},
		{"type":"EVENT","proto":17,"src_port":4000,"src4_addr":"100.64.7.7","src4_xlt_ip":"198.51.100.77","src_xlt_port":20480,"nat_event_id":5,"t_event":"2026-11-22T10:05:00.500"},
		{"type":"EVENT","proto":0,"src_port":0,"src4_addr":"100.64.7.8","src4_xlt_ip":"198.51.100.78","nat_event_id":16,"pblock_start":1536,"pblock_end":0,"pblock_step":1,"pblock_size":512,"t_event":"2026-11-22T10:00:00.000"},
		{"type":"FLOW","proto":6,"src4_addr":"100.64.7.9"}]
	T
}
is "$(nfdump | finds nfdump 2026-11-22T10:03:00Z 198.51.100.77:20480/udp)" 'exact 100.64.7.7/32 4000' 'nfdump: a session between its events'
is "$(nfdump | finds nfdump 2026-11-22T10:06:00Z 198.51.100.77:20480/udp)" 'stale 100.64.7.7/32 4000' 'nfdump: not after its end'
is "$(nfdump | finds nfdump 2026-11-22T11:00:00Z 198.51.100.78:2047/tcp)" 'exact 100.64.7.8/32 -' 'nfdump: a port block that is still held'

portblock() {
	cat <<-'T'
		<14>1 2026-11-22T10:00:00.000Z cgn1 RT_NAT - RT_SRC_NAT_PBA_ALLOC - Subscriber 100.64.9.1 used/maximum [1/8] blocks, allocates port block [1024-1151] from 198.51.100.80 in source pool p1
		<14>1 2026-11-22T10:30:00.000Z cgn1 RT_NAT - RT_SRC_NAT_PBA_RELEASE - Subscriber 100.64.9.1 used/maximum [0/8] blocks, releases port block [1024-1151] from 198.51.100.80 in source pool p1
		<14>1 2026-11-22T10:40:00.000Z cgn1 RT_NAT - RT_SRC_NAT_PBA_ALLOC - Subscriber 100.64.9.2 used/maximum [1/8] blocks, allocates port block [1024-1151] from 198.51.100.80 in source pool p1
		<14>1 2026-11-22T10:41:00.000Z cgn1 sshd - - - something else
	T
}
is "$(portblock | finds portblock 2026-11-22T10:10:00Z 198.51.100.80:1100/udp)" 'exact 100.64.9.1/32 -' 'port blocks: the first owner'
is "$(portblock | finds portblock 2026-11-22T10:50:00Z 198.51.100.80:1100/udp)" 'exact 100.64.9.2/32 -' 'port blocks: the second'
is "$(portblock | finds portblock 2026-11-22T10:35:00Z 198.51.100.80:1100/udp | cut -d' ' -f1)" ambiguous 'port blocks: in between nobody for sure'
sh "$events" nonsense 2>/dev/null
is $? 100 'an unknown format is a wrong command line'
done_testing
