#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2086,SC2154,SC2317
# What was found out about the devices outlives a restart of the ring: a doubt stays a doubt, and a device stays the one it was.
set -u
. "${top_srcdir:-.}/tests/system/chain-form.sh"
if [ -z "${LAB_IN:-}" ]; then lab_flags >/dev/null || skip_all 'no network namespaces can be made here'; fi
lab_enter "$0" || bail_out 'the lab cannot be entered'
chain_path "${top_builddir:-.}"
lab_up || bail_out 'the lab does not come up'
chain_start udp psk || bail_out 'no session'
form_traffic || bail_out 'no traffic'

# asked REF [PORT]: a request for what the router's outside address sends.
asked() {
	ports=''
	[ -z "${2:-}" ] || ports=',"ietf-dots-call-home:source-port-range":[{"lower-port":'$2'}]'
	printf '{"type":"mitigate","ref":"%s","ietf-dots-signal-channel:mitigation-scope":{"scope":[{"target-prefix":["%s/32"],"target-port-range":[{"lower-port":%s}],' $1 $CHAIN_VICTIM $CHAIN_PORT
	printf '"target-protocol":[17],"lifetime":600,"ietf-dots-call-home:source-prefix":["100.64.8.21/32"]%s}]}}\n' "$ports"
}
# ring_again: the two programs of the ring die, are started anew, and have got everything again.
ring_again() {
	: >$LAB/router.status
	: >$LAB/router.map
	for p in /proc/[0-9]*; do
		[ "$(readlink $p/ns/mnt 2>/dev/null)" = "$lab_mine" ] && [ "$(cat $p/comm 2>/dev/null)" = dotsch-block ] && kill -KILL "${p#/proc/}"
	done
	lab_line 20 $LAB/router.map '"event":"end"' && lab_line 10 $LAB/router.status '"status":"attack-'
}
blocked() { at router nft list table inet dotsch 2>/dev/null | sed -n 's/.*comment "isp [0-9]* \(.*\)"$/\1/p'; }

# Two hosts, and nothing that tells them apart.
asked both >&8
lab_line 10 $LAB/router.status '"cause":"ambiguous"'
ok $? 'two hosts could be meant: nothing is enforced'
like "$(cat $LAB/router.status)" '"hosts":\[[^]]*192[.]168[.]1[.]10"[^]]*192[.]168[.]1[.]66"[^]]*\],"certainty":"ambiguous"' 'the status says how sure the map is'
ring_again
ok $? 'the ring is started again'
like "$(tail -n 1 $LAB/router.status)" '"enforced":false,"cause":"ambiguous"' 'it still could be both'
is "$(blocked)" '' 'and nobody is blocked'
: >$LAB/router.status
printf '{"type":"refresh","ref":"both"}\n' >&8
lab_line 10 $LAB/router.status '"status":"attack-'
like "$(tail -n 1 $LAB/router.status)" '"enforced":false,"cause":"ambiguous"' 'nor does a refresh block both'
printf '{"type":"withdraw","ref":"both"}\n' >&8
lab_line 10 $LAB/router.map '"type":"withdraw"'

# One host by its port, which the NAT gives to another one afterwards.
bad_port=$(at router conntrack -L -p udp -s 192.168.1.66 -d $CHAIN_VICTIM 2>/dev/null | sed -n 's/.* dport=\([0-9]*\).*/\1/p' | head -n 1)
[ -n "$bad_port" ] || bail_out 'no mapping'
: >$LAB/router.status
asked one $bad_port >&8
lab_line 10 $LAB/router.status '"hosts":\[[^]]*192[.]168[.]1[.]66"'
is "$(blocked)" 192.168.1.66 'the host behind the port is blocked'
kill -TERM $talk_pid
at router conntrack -D -p udp -d $CHAIN_VICTIM >/dev/null 2>&1
at router conntrack -I -p udp -s 192.168.1.10 --sport 777 -d $CHAIN_VICTIM --dport $CHAIN_PORT --reply-src $CHAIN_VICTIM --reply-port-src $CHAIN_PORT \
	--reply-dst 100.64.8.21 --reply-port-dst $bad_port -t 600 >$LAB/inserted 2>&1
ok $? 'its port is another one'"'"'s now' || cat $LAB/inserted
ring_again
ok $? 'the ring is started again'
is "$(blocked)" 192.168.1.66 'and blocks whom it blocked before'
like "$(tail -n 1 $LAB/router.map; grep '"mitigate"' $LAB/router.map)" '"hosts":\[[^]]*192[.]168[.]1[.]66"[^]]*\],"certainty":"(exact|likely)"' 'since the line has kept the resolution'
is "$(cat $LAB/client.err $LAB/serverd.err | grep -E 'Sanitizer|runtime error|Assertion')" '' 'nothing crashed or leaked'
[ "$tap_failed" -eq 0 ] || chain_complain
done_testing
