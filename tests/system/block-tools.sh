#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# show, flush and check; bad lines; an ordinary user; 100,000 sources.
set -u
. "${top_srcdir:-.}/tests/tap.sh"
. "${top_srcdir:-.}/tests/system/lab.sh"
. "${top_srcdir:-.}/tests/system/block-lab.sh"
lab_enter "$0" "$@" || skip_all 'no network namespaces can be made here'
block_lab_up || bail_out 'the lab does not come up'
to='"target-prefix":["203.0.113.9/32"]'
from='"ietf-dots-call-home:source-prefix":["198.51.100.7/32"]'
it='udp 198.51.100.7 203.0.113.9 5000 53'

at router "$block" show >$LAB/show 2>&1
like "$?$(cat $LAB/show)" '^0.*nothing is blocked' 'show without a table'
at router "$block" check >$LAB/check
ok $? 'check'
like "$(cat $LAB/check)" '"feature":"drop at forward","supported":true' 'it tells what works'
like "$(cat $LAB/check)" '"feature":"reject at postrouting","supported":false,"reason":"' 'and what does not, with the reason'
is "$(at router nft list tables)" '' 'check leaves nothing behind'
at router setpriv --bounding-set -net_admin --inh-caps -net_admin "$block" check >$LAB/check 2>&1
like "$?$(cat $LAB/check)" '^111[^{]*CAP_NET_ADMIN is needed' 'without the permission it says so, and nothing of what the kernel could do'

block_start
request 1 "$to,$from,\"target-protocol\":[17],\"target-port-range\":[{\"lower-port\":53}],\"lifetime\":600" '"hosts":[{"address":"198.51.100.7"}]'
expect drop "$it" 'blocked'
like "$(at router "$block" show)" '"mitigation":"isp 1 198.51.100.7","rule":"forward udp to port 53: drop","packets":"1","bytes":"[0-9]+","per-second":"0","seconds-left":[56]' 'show'
at router "$block" flush 2>$LAB/err
like "$?$(cat $LAB/err)" '^1.*belongs to a running dotsch-block' 'a running program keeps its table'

# Bad input: an answer each, and the next line is read.
: >$LAB/out
cat >&7 <<'LINES'
not json
{"type":"mitigate"}
{"type":"mitigate","mid":2,"mid":3}
{"type":"mitigate","ietf-dots-signal-channel:mitigation-scope":{"scope":[{"target-prefix":["203.0.113.9/32"],"lifetime":9}]}}
{"type":"mitigate","mid":2,"hosts":"x","ietf-dots-signal-channel:mitigation-scope":{"scope":[{"target-prefix":["203.0.113.9/32"],"lifetime":9}]}}
{"type":"mitigate","mid":2,"hosts":[{"address":"192.168.1.0/24"}],"ietf-dots-signal-channel:mitigation-scope":{"scope":[{"target-prefix":["203.0.113.9/32"],"lifetime":9}]}}
{"type":"mitigate","mid":2,"hosts":[{"mac":"02:00"}],"ietf-dots-signal-channel:mitigation-scope":{"scope":[{"target-prefix":["203.0.113.9/32"],"lifetime":9}]}}
{"type":"mitigate","mid":2,"ietf-dots-signal-channel:mitigation-scope":{"scope":[{"target-prefix":["203.0.113.9/99"],"lifetime":9}]}}
{"type":"mitigate","mid":2,"ietf-dots-signal-channel:mitigation-scope":{"scope":[{"target-prefix":["203.0.113.9/32"],"target-port-range":[{"lower-port":9,"upper-port":3}],"lifetime":9}]}}
{"type":"withdraw"}
{"type":"withdraw","peer":"isp","cuid":"c","mid":77}
{"type":"unheard-of"}
LINES
head -c 9000000 /dev/zero | tr '\0' 'x' >&7
echo >&7
printf '{"type":"error","reason":"somebody else said so"}\n' >&7
passed_on() { grep -q 'somebody else said so' $LAB/out; }
wait_for 10 passed_on
ok $? 'an error is passed on'
is "$(grep -c '"type":"error"' $LAB/out)" 12 'each bad line is answered'
is "$(sed -n 's/.*"field":"\(hosts\|address\|mac\)".*/\1/p' $LAB/out | tr '\n' ' ')" 'hosts address mac ' 'with the field'
expect drop "$it" 'nothing else has changed'
like "$(cat $LAB/log)" 'withdraw: there is no mitigation 77 of isp' 'what is not there is withdrawn already, and the log says so'

# The longest lifetime there is keeps its column.
request 3 '"ietf-dots-call-home:source-prefix":["2001:db8:123:4567:89ab:cdef:123:4567/128"],"target-prefix":["2001:db8:c000:4567:89ab:cdef:123:4567/128"],"lifetime":2147483647'
at router script -qec "stty cols 80 rows 24; NO_COLOR=1 $block show" /dev/null </dev/null >$LAB/show 2>&1
like "$(cat $LAB/show)" ' 24855d3h' 'days, when a lifetime is long'
[ "$(tr -d '\r' <$LAB/show | LC_ALL=C.UTF-8 wc -L)" -le 80 ]
ok $? 'within 80 columns'
for columns in 60 80; do
	at router script -qec "stty cols $columns rows 24; NO_COLOR=1 timeout 2 $block show --watch" /dev/null </dev/null 2>&1 | sed 's/.*\x1b\[2J//' | tr -d '\r' >$LAB/show
	[ "$(grep -c 24855d3h $LAB/show)" -ge 1 ] && [ "$(LC_ALL=C.UTF-8 wc -L <$LAB/show)" -le $columns ]
	ok $? "--watch, too, within $columns"
done
withdraw 3

# 100,000 sources in one line.
{
	printf '{"type":"mitigate","peer":"isp","cuid":"c","mid":100,"ietf-dots-signal-channel:mitigation-scope":{"scope":[{"lifetime":600,"target-prefix":["203.0.113.10/32"],"ietf-dots-call-home:source-prefix":["10.0.0.0/32"'
	awk 'BEGIN { for (i = 1; i < 100000; i++) printf ",\"10.%d.%d.%d/32\"", i / 32768, i / 128 % 256, i % 128 * 2 }'
	printf ']}]}}\n'
} >$LAB/many
cat $LAB/many >&7
lines=0
wait_for 20 answered 100
ok $? '100,000 sources'
expect drop 'udp 10.0.0.0 203.0.113.10 1 1' 'the first'
expect drop 'udp 10.3.13.62 203.0.113.10 1 1' 'the last'
expect pass 'udp 10.0.0.1 203.0.113.10 1 1' 'one between'
sed 's/"10.0.0.2\/32",//; s/10.0.0.0\/32/10.0.0.5\/32/' $LAB/many >&7
follows_change() { [ "$(fate 'udp 10.0.0.5 203.0.113.10 1 1')" = drop ]; }
wait_for 20 follows_change
ok $? 'one source more'
expect pass 'udp 10.0.0.2 203.0.113.10 1 1' 'and one less'
expect drop 'udp 10.0.0.4 203.0.113.10 1 1' 'the rest as it was'
withdraw 100

# As many networks, which need another kind of set.
sed 's/"mid":100/"mid":101/; s/\/32/\/31/g; s/203.0.113.10\/31/203.0.113.10\/32/' $LAB/many >&7
wait_for 20 answered 101
expect drop 'udp 10.3.13.63 203.0.113.10 1 1' '100,000 networks'
withdraw 101
# A sanitized build goes without, for its leak checker, and so does valgrind.
[ -n "${BLOCK_WRAPPER:-}" ] || grep -q libasan "/proc/$block_pid/maps" 2>/dev/null || ldd "$block" | grep -q libasan ||
	is "$(at router awk '/Seccomp:/ { print $2 }' "/proc/$block_pid/status")" 2 'the system call filter is on'
block_stop
at router "$block" flush
ok $? 'flush'
is "$(at router nft list tables)" '' 'nothing is left'

# CAP_NET_ADMIN alone; and, where this is real root, an ordinary user with it.
one_rule() {
	request_line 1 "$to,$from,\"lifetime\":600" | at router setpriv "$@" >$LAB/user 2>&1
	like "$(cat $LAB/user)" '"mid":1,"status":"attack-mitigation-in-progress"' "with $*"
	expect drop "$it" 'and the rule works'
	at router "$block" flush
}
one_rule --bounding-set=-all,+net_admin --inh-caps=-all "$block"
cp "$block" $LAB/block && chmod 755 $LAB $LAB/block
if at router setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all,+net_admin --ambient-caps=-all,+net_admin $LAB/block --version >/dev/null 2>&1; then
	one_rule --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all,+net_admin --ambient-caps=-all,+net_admin $LAB/block
	# He cannot read whether the old iptables translate; behind the translation is right in both cases.
	[ ! -e /proc/net/ip_tables_names ] || [ -e /sys/module/ip_tables ] || like "$(cat $LAB/user)" 'without a map are blocked at postrouting' 'a user who cannot read the old tables'
else
	echo '# only one user here: an ordinary one was not tried'
fi
done_testing
