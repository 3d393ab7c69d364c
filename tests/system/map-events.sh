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

# The example of its README.
case ${top_builddir:-.} in /*) built=$top_builddir ;; *) built=$PWD/${top_builddir:-.} ;; esac
readme=$(dirname "$events")/README.md
is "$(awk '/^```/ { in_ = /sh$/ && !in_; next } in_ && /portblock/ { on = 1 } in_ && on' "$readme" |
	(cd "$(dirname "$events")" && PATH=$built/dotsch-map:$PATH sh -s 2>/dev/null) | jq -r '.certainty + " " + .found[0]."source-prefix"')" 'exact 100.64.7.7/32' 'the example of the README finds the subscriber'

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

# As nfdump 1.7.1 writes it; the last one is of a version that writes numbers.
nfdump() {
	cat <<-'T'
		[
		{
			"type" : "EVENT",
			"first" : "1970-01-01T00:00:00.000",
			"proto" : 17,
			"src_port" : 4000,
			"src4_addr" : "100.64.7.7",
			"src4_xlt_ip" : "198.51.100.77",
			"src_xlt_port" : "20480",
			"nat_event_id" : "1",
			"nat_event" : "NAT translation create",
			"ingress_vrf" : "0",
			"t_event" : "2026-11-22T10:00:00.50",
			"ingress_vrf" : "0"
		},
		{"type":"EVENT","proto":17,"src_port":4000,"src4_addr":"100.64.7.7","src4_xlt_ip":"198.51.100.77","src_xlt_port":"20480","nat_event_id":"2","t_event":"2026-11-22T10:05:00.500"},
		{"type":"EVENT","proto":0,"src_port":0,"src4_addr":"100.64.7.8","src4_xlt_ip":"198.51.100.78","nat_event_id":"16","pblock_start":"1536","pblock_end":"2047","pblock_step":"1","pblock_size":"512","t_event":"2026-11-22T10:00:00.0"},
		{"type":"EVENT","proto":0,"src_port":0,"src4_addr":"100.64.7.9","src4_xlt_ip":"198.51.100.79","nat_event_id":16,"pblock_start":1536,"pblock_end":0,"pblock_size":512,"t_event":"2026-11-22T10:00:00.000"},
		{"type":"FLOW","proto":6,"src4_addr":"100.64.7.9"}]
	T
}
nfdump_answers() {
	is "$(finds nfdump 2026-11-22T10:03:00Z 198.51.100.77:20480/udp <"$2")" 'exact 100.64.7.7/32 4000' "$1: a session between its events"
	is "$(finds nfdump 2026-11-22T10:06:00Z 198.51.100.77:20480/udp <"$2")" 'stale 100.64.7.7/32 4000' "$1: not after its end"
	is "$(finds nfdump 2026-11-22T11:00:00Z 198.51.100.78:2047/tcp <"$2")" 'exact 100.64.7.8/32 -' "$1: a port block that is still held"
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
nfdump >"$work/said"
nfdump_answers 'nfdump, as it is written' "$work/said"
is "$(finds nfdump 2026-11-22T11:00:00Z 198.51.100.79:2047/tcp <"$work/said")" 'exact 100.64.7.9/32 -' 'nfdump: a block by its size'
is "$(sh "$events" nfdump <"$work/said" | grep -o '"t0":"[^"]*"' | head -n 1)" '"t0":"2026-11-22T10:00:00.050Z"' 'nfdump: 50 ms are not half a second'

# And a real one: NetFlow 9 events of a NAT, from the wire into nfcapd's files and out of nfdump. It needs a loopback of its own.
# events PORT: a session from 10:00:00.250 to 10:05:00.500, and a block that is allocated
# shellcheck disable=SC2016 # perl's variables
exporter='use Socket; socket my $s, AF_INET, SOCK_DGRAM, 0 or die; my $to = pack_sockaddr_in(shift, inet_aton("127.0.0.1"));
	sub set { my ($id, $d) = @_; $d .= "\0" while length($d) % 4; pack("nn", $id, 4 + length $d) . $d }
	sub template { my ($id, @f) = @_; pack("nn", $id, scalar @f) . join "", map { pack "nn", @$_ } @f }
	sub ip { inet_aton(shift) }
	my $session = template(261, [323, 8], [230, 1], [8, 4], [225, 4], [7, 2], [227, 2], [234, 4], [4, 1]);
	my $block = template(262, [323, 8], [230, 1], [8, 4], [225, 4], [234, 4], [361, 2], [362, 2], [363, 2], [364, 2]);
	sub session { pack("Q>C", @_) . ip("100.64.7.7") . ip("198.51.100.77") . pack("nnNC", 4000, 20480, 0, 17) }
	my @sets = (set(0, $session), set(0, $block), set(261, session(1795341600250, 1)), set(261, session(1795341900500, 2)),
		set(262, pack("Q>C", 1795341600000, 16) . ip("100.64.7.8") . ip("198.51.100.78") . pack("Nnnnn", 0, 1536, 2047, 1, 512)));
	send $s, pack("nnNNNN", 9, scalar @sets, 60000, 1795341600, 1, 0) . join("", @sets), 0, $to or die'
# shellcheck disable=SC2016 # the inner shell's
collect='ip link set lo up && mkdir flows && . "$1" && { timeout 20 nfcapd -w flows -p 9995 -b 127.0.0.1 -t 60 >nfcapd.log 2>&1 & collector=$!; } && said() { grep -q "$1" nfcapd.log; } &&
	wait_for 10 said Startup && perl -e "$2" 9995 && wait_for 10 said exporter && kill $collector; wait'
if command -v nfcapd >/dev/null && command -v perl >/dev/null && unshare -rn true 2>/dev/null; then
	(cd "$work" && unshare -rn sh -c "$collect" sh "$(cd "${OLDPWD:-.}" && cd "${top_srcdir:-.}" && pwd)/tests/tap.sh" "$exporter")
	for file in "$work"/flows/nfcapd.*; do TZ=UTC command nfdump -r "$file" -o json >"$work/said"; done
	nfdump_answers 'nfdump itself' "$work/said"
else
	echo '# no nfcapd or no network namespaces here: nfdump itself was not tried'
fi

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
