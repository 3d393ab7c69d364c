#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2086
# CH-09: dotsch-serverd behind a NAT of Linux with its default times and random ports, 30 s as the heartbeats' interval, keeps its binding: its early heartbeat
# makes the flow one that is kept for longer.
. "${top_srcdir:-.}/tests/tap.sh"
. "${top_srcdir:-.}/tests/system/lab.sh"
. "${top_srcdir:-.}/tests/system/chain.sh"
for tool in nft conntrack; do command -v $tool >/dev/null || skip_all "$tool is not installed"; done
if [ -z "${LAB_IN:-}" ]; then lab_flags >/dev/null || skip_all 'no network namespaces can be made here'; fi
lab_enter "$0" || bail_out 'the lab cannot be entered'
chain_path "$(cd "${top_builddir:-.}" && pwd)"
lab_up || bail_out 'the lab does not come up'
cd $LAB || bail_out 'no folder'
umask 077
echo '{"name":"cpe-0001","psk-identity":"cpe-0001","psk-key":"'$CHAIN_PSK'","domain":["100.64.8.21"]}' >peers.jsonl
echo 'listen { address = {"100.64.8.1"} } peers-file = "peers.jsonl" state = "client.db"' >client.conf
echo 'provider "isp" { address = {"100.64.8.1"} transport = {"udp"} psk-identity = "cpe-0001" psk-key = "'$CHAIN_PSK'" scope = {"192.168.1.0/24"} }' >serverd.conf
mkfifo client.in serverd.in
nsenter --net=/run/netns/provider -- dotsch-client -c client.conf <client.in >client.out 2>client.err &
client_pid=$!
exec 8>client.in
listening() { at provider ss -Hlun 'sport = 4647' | grep -q .; }
lab_wait 10 listening || bail_out "nobody listens: $(cat client.err)"
nsenter --net=/run/netns/bad -- dotsch-serverd -c serverd.conf <serverd.in >serverd.out 2>serverd.err 8>&- &
serverd_pid=$!
exec 7>serverd.in
lab_line 20 client.out '"event":"up","peer":"cpe-0001"'
ok $? 'a router calls out of a home, through a NAT that picks its ports'

flow() { at router conntrack -L -p udp --orig-port-dst 4647 2>/dev/null; }
flow_is() { flow | grep -q "$1"; }
flow_is 'src=192.168.1.66 dst=100.64.8.1'
ok $? 'which keeps the flow'
like "$(at router cat /proc/sys/net/netfilter/nf_conntrack_udp_timeout)" '^30$' 'for 30 s by default'
port=$(chain_field address client.out | sed 's/.*://' | head -n 1)
lab_wait 10 flow_is ASSURED
ok $? 'CH-09: a heartbeat within a few seconds has the NAT take it for a stream'
seconds=$(flow | awk '{ print $3; exit }')
[ "${seconds:-0}" -gt 60 ]
ok $? 'and keep it for longer than until the next one'
like "$(flow)" "dport=$port " 'by the same port'
kill $client_pid $serverd_pid
wait $client_pid
is $? 0 'dotsch-client ends with 0'
wait $serverd_pid
is $? 0 'dotsch-serverd ends with 0'
done_testing
