#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Other programs' hands in a shared table: whatever they take out is back within a second; what they do elsewhere disturbs nothing.
set -u
. "${top_srcdir:-.}/tests/tap.sh"
. "${top_srcdir:-.}/tests/system/lab.sh"
. "${top_srcdir:-.}/tests/system/block-lab.sh"
lab_enter "$0" "$@" || skip_all 'no network namespaces can be made here'
block_lab_up || bail_out 'the lab does not come up'
block_start --shared -vv || bail_out "dotsch-block does not start: $(cat $LAB/log)"

# Every kind of set and chain: hosts and networks, open ends, several ports, protocols and types, both families, a device, a junction of two mitigations.
life='"lifetime":600'
udp='"target-protocol":[17],"target-port-range":[{"lower-port":53},{"lower-port":60000,"upper-port":65535}]'
request 1 "\"target-prefix\":[\"203.0.113.9/32\"],\"ietf-dots-call-home:source-prefix\":[\"198.51.100.7/32\"],$udp,$life"
request 2 "\"target-prefix\":[\"203.0.113.0/28\",\"2001:db8:c000::8/125\"],\"ietf-dots-call-home:source-prefix\":[\"198.51.100.16/28\",\"2001:db8:123::/124\"],\"target-protocol\":[6,132,1,58],\"ietf-dots-call-home:source-icmp-type-range\":[{\"lower-type\":8},{\"lower-type\":200,\"upper-type\":255}],$life"
request 3 "\"target-prefix\":[\"203.0.113.10/32\"],\"ietf-dots-call-home:source-prefix\":[\"198.51.100.7/32\"],$life" '"hosts":[{"address":"198.51.100.7","mac":"02:00:00:00:00:66"},{"address":"2001:db8:123::7","mac":"02:00:00:00:00:66"}]'
request 4 "\"target-prefix\":[\"203.0.113.20/32\",\"2001:db8:c000::20/128\"],\"ietf-dots-call-home:source-prefix\":[\"198.51.100.0/24\"],$life"
it='udp 198.51.100.7 203.0.113.9 5000 53'
tcp='tcp 198.51.100.17 203.0.113.3 5000 53'
expect drop "$it" 'blocked'
expect drop "$tcp" 'blocked too'
is_now() { [ "$(fate "$1")" = "$2" ]; }
repairs() { grep -c 'another program had changed our table' $LAB/log; }
count() { at router nft list counters | sed -n "/isp $1[ \"]/,/}/s/.*packets \([0-9]*\) .*/\1/p"; }

# Elsewhere: tables of other programs, changed again and again, are none of our business. All our sets hold what they should.
at router nft add table inet theirs
at router nft add set inet theirs s '{ type ipv4_addr; }'
for i in 1 2 3; do
	at router nft add element inet theirs s "{ 192.0.2.$i }"
	# Longer than from one look at the table to the next.
	lab_wait 1 false
done
is "$(repairs)" 0 'changes elsewhere need no repair'

id() { at router nft list table inet dotsch | awk -v want="isp $1[ \"]" '/counter m/ { name = $2 } $0 ~ want { print name; exit }'; }
chain() { at router nft list table inet dotsch | sed -n 's/.*chain \(forward_[0-9]*\) .*/\1/p' | head -n 1; }
junction() { at router nft list table inet dotsch | sed -n 's/.*chain \(d[0-9]*\) .*/\1/p' | head -n 1; }
map() { at router nft list table inet dotsch | sed -n "s/.*map \\([a-z]*_[0-9]*_$1\\) .*/\\1/p" | head -n 1; }
rule() { at router nft -a list chain inet dotsch "$1" | sed -n 's/.* # handle \([0-9]*\)$/\1/p' | tail -n 1; }
# harm PACKET COMMAND…: done by another program, and put right within a second
harm() {
	packet=$1 before=$(repairs)
	shift
	if ! at router nft "$*" 2>$LAB/err; then
		ok 1 "$* ($(head -n 1 $LAB/err))"
		return
	fi
	repaired() { [ "$(repairs)" -gt "$before" ]; }
	lab_wait 1 repaired
	ok $? "noticed: $*"
	expect drop "$packet" 'put right'
}
six='sctp 2001:db8:123::7 2001:db8:c000::9 1 1'
harm "$it" flush set inet dotsch "$(id 1)_t4"
harm "$it" delete element inet dotsch "$(id 1)_s4" '{ 198.51.100.7 }'
harm "$it" flush set inet dotsch "$(id 1)_dp"
harm "$tcp" delete element inet dotsch "$(id 2)_s4" '{ 198.51.100.16/28 }'
harm "$six" flush set inet dotsch "$(id 2)_t6"
harm "$it" flush chain inet dotsch "$(id 1)"
harm "$tcp" delete rule inet dotsch "$(id 2)" handle "$(rule "$(id 2)")"
harm "$it" delete rule inet dotsch "$(junction)" handle "$(rule "$(junction)")"
harm "$it" insert rule inet dotsch "$(chain)" accept
harm 'udp 198.51.100.7 203.0.113.20 5000 53' flush map inet dotsch "$(map ip4_hosts)"
harm "$six" flush map inet dotsch "$(map ip6_nets)"
is "$(count 1)" 7 'the counter goes on where the table was there still'
harm "$it" flush table inet dotsch
harm "$it" delete table inet dotsch
harm "$it" flush ruleset
is "$(grep -c 'was changed by another program' $LAB/log | sed 's,^[1-9].*,some,') $(grep -c 'in its own way' $LAB/log)" 'some 0' 'every set has as many elements as it should'

# What was put right can be withdrawn, and nothing is left.
for i in 1 2 3 4; do withdraw $i; done
expect pass "$it" 'withdrawn'
is "$(at router nft list table inet dotsch | grep -cE 'chain|set|map|counter')" 0 'nothing is left in the table'
block_stop
done_testing
