#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# What is done with packets: every action, the policy that picks it, and the hooks.
set -u
. "${top_srcdir:-.}/tests/tap.sh"
. "${top_srcdir:-.}/tests/system/lab.sh"
. "${top_srcdir:-.}/tests/system/block-lab.sh"
lab_enter "$0" "$@" || skip_all 'no network namespaces can be made here'
block_lab_up || bail_out 'the lab does not come up'

to='"target-prefix":["203.0.113.9/32"]'
from='"ietf-dots-call-home:source-prefix":["198.51.100.7/32"]'
life='"lifetime":600'
it='udp 198.51.100.7 203.0.113.9 5000 53'
device='"hosts":[{"address":"198.51.100.7","mac":"02:00:00:00:00:66"}],"certainty":"exact"'
counted() { at router nft list counters | sed -n "/isp $1[ \"]/,/}/s/.*packets \([0-9]*\) .*/\1/p"; }
last() { grep "\"mid\":$1," $LAB/out | tail -n 1; }
many() { for _ in $(seq "$1"); do echo "$it"; done | packets | grep -c pass; }

block_start --action dry-run --interval 1s || bail_out "dotsch-block does not start: $(cat $LAB/log)"
request 1 "$to,$from,$life"
expect pass "$it" 'dry-run'
is "$(counted 1)" 1 'dry-run counts'
told() { last 1 | grep -q '"matched-pkts":"1"'; }
wait_for 5 told
ok $? 'and tells it, but not as dropped'
is "$(last 1 | grep -c 'pkts-dropped\|successfully')" 0 'nothing was dropped'
block_stop
at router "$block" flush
block_start --action limit:10/s
request 1 "$to,$from,$life"
passed=$(many 200)
[ "$passed" -ge 1 ] && [ "$passed" -le 60 ]
ok $? "limit: $passed of 200 packets at once pass"
is "$(counted 1)" "$((200 - passed))" 'limit counts what it drops'
block_stop
at router "$block" flush
block_start --action limit:1/s
request 2 "\"target-prefix\":[\"203.0.113.9/32\",\"2001:db8:c000::9/128\"],\"ietf-dots-call-home:source-prefix\":[\"198.51.100.7/32\",\"2001:db8:123::7/128\"],\"target-protocol\":[1,17],\"target-port-range\":[{\"lower-port\":53}],$life"
began=$(date +%s%N)
passed=$(for _ in $(seq 60); do printf '%s\n' "$it" 'udp 2001:db8:123::7 2001:db8:c000::9 5000 53' 'icmp 198.51.100.7 203.0.113.9 8 0'; done | packets | grep -c pass)
most=$((2 + ($(date +%s%N) - began) / 1000000000))
[ "$passed" -ge 1 ] && [ "$passed" -le "$most" ]
ok $? "limit: one for all rules ($passed of at most $most)"
is "$(counted 2)" "$((180 - passed))" 'limit counts what all rules drop'
withdraw 2
is "$(at router nft list table inet dotsch | grep -cE 'chain|set|map|counter')" 0 'limit: nothing is left'
block_stop
at router "$block" flush
block_start --action reject
request 1 "$to,$from,$life"
unreachable() { at router awk '/^Icmp: In/ { for (i = 1; i <= NF; i++) if ($i == "OutDestUnreachs") n = i } /^Icmp: [0-9]/ { print $n }' /proc/net/snmp; }
before=$(unreachable)
expect drop "$it" 'reject'
is "$(($(unreachable) - before))" 1 'reject sends a message back'
expect drop 'tcp 198.51.100.7 203.0.113.9 1 80' 'reject, TCP'
is "$(counted 1)" 2 'reject counts'
block_stop
at router "$block" flush
at router ip rule add fwmark 0x17 blackhole
block_start --action mark:0x17
request 1 "$to,$from,$life" "$device"
expect drop "$it" 'mark: routing sees it'
expect pass 'udp 198.51.100.8 203.0.113.9 5000 53' 'mark: not of others'
at router ip rule del fwmark 0x17
expect pass "$it" 'mark alone drops nothing'
block_stop
at router "$block" flush
block_start --action log
request 1 "$to,$from,$life"
expect pass "$it" 'log'
is "$(counted 1)" 1 'log counts'
block_stop
at router "$block" flush

block_start --action quarantine --allow 203.0.113.200/29 --never-block 203.0.113.64/29
request 1 "$to,$from,$life" "$device"
expect drop 'udp 198.51.100.7 203.0.113.77 5000 9' 'quarantine: everything of the device'
expect drop 'tcp 198.51.100.99 203.0.113.9 1 443' 'quarantine: also from another address of it'
expect drop 'udp 2001:db8:123::1 2001:db8:c000::1 1 1' 'quarantine: IPv6'
expect pass 'udp 198.51.100.7 203.0.113.77 5000 53' 'quarantine: DNS'
expect drop "$it" 'quarantine: but not to the target of the request, whose attack it may be'
expect drop 'udp 198.51.100.99 203.0.113.9 5000 53' 'quarantine: nor from another address of the device'
expect pass 'tcp 198.51.100.7 203.0.113.65 1 443' 'quarantine: what the policy never blocks'
expect pass 'tcp 198.51.100.7 203.0.113.201 1 443' 'quarantine: what is allowed'
expect pass 'udp 198.51.100.8 203.0.113.77 5000 9 mac=02:00:00:00:00:99' 'quarantine: not of others'
block_stop
at router "$block" flush

# An action that the kernel lacks is said at the start, and refused when it comes. Where the kernel has it, nobody listens and packets pass.
: >$LAB/log
block_start --action queue:5
request 1 "$to,$from,$life"
if grep -q 'queue:5 cannot be used here' $LAB/log; then
	like "$(last 1)" '"status":"attack-exceeded-capability","enforced":false,"cause":"kernel","reason":".*lacks' 'queue is refused with a reason'
else
	is "$(counted 1)" 0 'queue'
fi
expect pass "$it" 'queue: nobody listens'
block_stop
at router "$block" flush

# Who gets which action.
cat >$LAB/policy <<'CONF'
action = "drop"
never-block = {"198.51.100.250", "203.0.113.128/25"}
provider "isp" { action = "log" }
target "203.0.113.8/29" { action = "dry-run" }
host "198.51.100.8" { action = "drop" }
host "02:00:00:00:00:99" { action = "dry-run" }
CONF
block_start --policy $LAB/policy
request 1 "\"target-prefix\":[\"203.0.113.40/32\"],$from,$life"
like "$(last 1)" '"action":"log"' 'policy: by provider'
request 2 "$to,$from,$life"
like "$(last 2)" '"action":"dry-run"' 'policy: by target'
request 3 "$to,$from,$life" '"hosts":[{"address":"198.51.100.8"}]'
expect drop 'udp 198.51.100.8 203.0.113.9 5000 53' 'policy: by host, before the target'
request 4 "$to,$from,$life" '"hosts":[{"address":"198.51.100.8","mac":"02:00:00:00:00:99"}]'
like "$(last 4)" '"action":"dry-run"' 'policy: by MAC, before the address'
request 5 "$to,$from,$life" '"hosts":[{"address":"198.51.100.250"}]'
like "$(last 5)" '"status":"refused".*"cause":"never-block"' 'never-block: a host'
request 6 "\"target-prefix\":[\"203.0.113.0/24\"],$from,$life"
like "$(last 6)" '"status":"refused".*"cause":"never-block"' 'never-block: a target that touches it'
request 7 "\"target-prefix\":[\"127.0.0.1/32\"],$from,$life"
like "$(last 7)" '"status":"refused".*loopback' 'loopback is never touched'
block_stop
at router "$block" flush
printf 'action = "dorp"\n' >$LAB/policy
at router "$block" --policy $LAB/policy </dev/null 2>$LAB/second
like "$?$(cat $LAB/second)" '^111.*"dorp" is not one of drop, reject' 'a bad policy is refused'

for hook in prerouting ingress; do
	block_start --hook $hook --device lan0
	request 1 "$to,$from,\"target-protocol\":[17],\"target-port-range\":[{\"lower-port\":53}],$life"
	expect drop "$it" "$hook"
	expect pass 'udp 198.51.100.7 203.0.113.9 5000 54' "$hook, another port"
	expect drop "$it fragment=first" "$hook, first fragment"
	request 2 '"target-prefix":["192.0.2.0/24"],"ietf-dots-call-home:source-prefix":["198.51.100.7/32"],"lifetime":600'
	like "$(last 2)" '"status":"refused".*192.0.2.100 is an address of this machine' "$hook: never what comes to the router itself"
	request 4 '"target-prefix":["203.0.113.96/29"],"ietf-dots-call-home:source-prefix":["198.51.100.7/32"],"lifetime":600'
	expect drop 'udp 198.51.100.7 203.0.113.97 1 1' "$hook: a target"
	at router ip address add 203.0.113.99/32 dev lo
	if [ $hook = ingress ]; then
		spared() { last 4 | grep -q '"status":"refused","enforced":false,"cause":"never-block","reason":"203.0.113.99 is an address of this machine"'; }
		wait_for 5 spared
		ok $? "$hook: that covers an address which the router got later is let go, and the status says why"
		expect pass 'udp 198.51.100.7 203.0.113.97 1 1' "$hook: let go"
	else
		before=$(counted 4)
		fate 'udp 198.51.100.7 203.0.113.99 1 1' >/dev/null
		is "$(counted 4)" "$before" "$hook: what comes to an address which the router got later is not counted, and so not dropped"
	fi
	own() { request 3 '"target-prefix":["203.0.113.96/29"],"ietf-dots-call-home:source-prefix":["198.51.100.7/32"],"lifetime":600'; last 3 | grep -q 'refused'; }
	wait_for 5 own
	ok $? "$hook: nor to an address it got later"
	at router ip address del 203.0.113.99/32 dev lo
	block_stop
	at router "$block" flush
done

# A quarantine where packets are seen that are for this machine, or for the link: these are never touched.
for hook in prerouting ingress; do
	block_start --hook $hook --device lan0 --action quarantine
	request 1 "$to,$from,$life" "$device"
	expect drop 'udp 198.51.100.7 203.0.113.77 5000 9' "quarantine, $hook"
	before=$(counted 1)
	printf 'udp 198.51.100.7 %s 5000 9\n' 198.51.100.254 224.0.0.251 | packets >/dev/null
	is "$(counted 1)" "$before" "quarantine, $hook: neither what comes to this machine nor multicast is counted, and so not dropped"
	block_stop
	at router "$block" flush
done

# An interface that goes and comes back.
block_start --hook ingress --device lan0
request 1 "$to,$from,$life"
lab_ip router 'link del lan0' 'link add lan0 type veth peer name eth0 netns src' 'link set lan0 address 02:00:00:00:00:01' 'link set lan0 up' \
	'address add 198.51.100.254/24 dev lan0' 'address add 2001:db8:123::fe/64 dev lan0'
lab_ip src 'link set eth0 up'
is_now() { [ "$(fate "$it")" = "$1" ]; }
wait_for 5 is_now drop
ok $? 'ingress: the interface went and came back'
block_stop
at router "$block" flush

# A bridge that routes nothing: at its ports.
at router sh -c 'echo 0 >/proc/sys/net/ipv4/ip_forward; echo 0 >/proc/sys/net/ipv6/conf/all/forwarding'
lab_ip router 'link add br0 type bridge' 'link set lan0 master br0' 'link set wan0 master br0' 'link set br0 up'
next_mac=02:00:00:00:00:02
expect pass "$it" 'a bridge'
block_start
request 1 "$to,$from,\"target-protocol\":[17],$life"
expect drop "$it" 'bridge: found by itself'
expect pass 'tcp 198.51.100.7 203.0.113.9 1 1' 'bridge: another protocol'
block_stop
at router "$block" flush
next_mac=
lab_ip router 'link set lan0 nomaster' 'link set wan0 nomaster' 'link del br0'
at router sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding'

block_start --fragments drop
request 1 "$to,$from,\"target-protocol\":[17],\"target-port-range\":[{\"lower-port\":53}],$life"
expect drop "$it fragment=later" 'fragments: drop'
expect pass 'tcp 198.51.100.7 203.0.113.9 1 1 fragment=later' 'fragments: of the protocol only'
expect pass 'udp 198.51.100.8 203.0.113.9 1 1 fragment=later' 'fragments: of the source only'
withdraw 1
request 2 '"target-prefix":["2001:db8:c000::9/128"],"ietf-dots-call-home:source-prefix":["2001:db8:123::7/128"],"target-protocol":[17],"target-port-range":[{"lower-port":53}],"lifetime":60'
expect drop 'udp 2001:db8:123::7 2001:db8:c000::9 1 53 fragment=later' 'fragments: IPv6'
types='"ietf-dots-call-home:source-icmp-type-range":[{"lower-type":8},{"lower-type":128}]'
request 3 "\"target-prefix\":[\"203.0.113.9/32\",\"2001:db8:c000::9/128\"],\"ietf-dots-call-home:source-prefix\":[\"198.51.100.7/32\",\"2001:db8:123::7/128\"],$types,$life"
expect drop 'icmp 198.51.100.7 203.0.113.9 8 0 fragment=later' 'fragments: ICMP, which carry no type'
expect drop 'ipv6-icmp 2001:db8:123::7 2001:db8:c000::9 128 0 fragment=later' 'fragments: ICMPv6'
expect pass 'icmp 198.51.100.7 203.0.113.9 0 0' 'fragments: whole packets by type'
withdraw 3
expect pass 'udp 2001:db8:123::7 2001:db8:c000::9 1 54' 'fragments: whole packets by port'
withdraw 2

# The device is followed: it gets another address, and its old one goes to another device.
request 4 "$to,$from,$life" "$device"
expect pass 'udp 198.51.100.20 203.0.113.9 1 1' 'an address of nobody'
at router ip neighbor add 198.51.100.20 lladdr 02:00:00:00:00:66 dev lan0 nud reachable
follows() { [ "$(fate "udp $1 203.0.113.9 1 1")" = "$2" ]; }
wait_for 5 follows 198.51.100.20 drop
ok $? 'the device has got another address'
at router ip neighbor replace 198.51.100.7 lladdr 02:00:00:00:00:99 dev lan0 nud reachable
wait_for 5 follows 198.51.100.7 pass
ok $? 'its old address is another device now'
expect drop 'udp 198.51.100.20 203.0.113.9 1 1' 'the device stays blocked'
# A map goes on naming the address that it has found once.
request 4 "$to,$from,$life" "$device"
expect drop 'udp 198.51.100.20 203.0.113.9 1 1' 'a refresh leaves the device blocked where it is'
expect pass 'udp 198.51.100.7 203.0.113.9 1 1' 'and the other device free'
block_stop KILL
for last in 22 23; do at router ip neighbor replace 198.51.100.$last lladdr 02:00:00:00:00:66 dev lan0 nud reachable; done
block_start --never-block 198.51.100.23
{ echo '{"type":"sync","event":"begin"}'; request_line 4 "$to,$from,$life" "$device"; echo '{"type":"sync","event":"end"}'; } >&7
lines=0
wait_for 5 answered 4
wait_for 5 follows 198.51.100.22 drop
ok $? 'after a restart the device is blocked at an address, too, that it got meanwhile'
wait_for 5 follows 198.51.100.7 pass
ok $? 'the other device is free'
expect drop 'udp 198.51.100.20 203.0.113.9 1 1' 'and the device is blocked'
expect pass 'udp 198.51.100.23 203.0.113.9 1 1' 'but for an address that the policy never blocks'
at router ip neighbor replace 198.51.100.22 lladdr 02:00:00:00:00:99 dev lan0 nud reachable
wait_for 5 follows 198.51.100.22 pass
at router ip neighbor replace 198.51.100.20 lladdr 02:00:00:00:00:99 dev lan0 nud reachable
wait_for 5 follows 198.51.100.20 pass
ok $? 'its last address is another device now'
at router ip neighbor add 198.51.100.21 lladdr 02:00:00:00:00:66 dev lan0 nud reachable
wait_for 5 follows 198.51.100.21 drop
ok $? 'and it is found again at its next one'
# A neighbour that changes hands a thousand times does not keep the program from its work.
followed() { grep -c 'the device that is blocked' $LAB/log; }
before=$(followed) began=$(date +%s)
for _ in $(seq 500); do
	for mac in 99 66; do echo "neighbor replace 198.51.100.21 lladdr 02:00:00:00:00:$mac dev lan0 nud reachable"; done
done | at router ip -batch -
request 5 "\"target-prefix\":[\"203.0.113.55/32\"],$from,$life"
ok $? 'a request in the middle of it is answered'
n=$(($(followed) - before)) most=$((64 * ($(date +%s) - began + 2)))
[ "$n" -ge 1 ] && [ "$n" -le "$most" ]
ok $? "at most 64 changes a second are followed ($n of 1000)"
block_stop
done_testing
