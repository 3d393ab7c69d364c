#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Every way in which dotsch-block says no: on the command line, in the policy file, at the start, and to lines; with the words a user gets, and nothing applied.
set -u
. "${top_srcdir:-.}/tests/tap.sh"
. "${top_srcdir:-.}/tests/system/lab.sh"
. "${top_srcdir:-.}/tests/system/block-lab.sh"
lab_enter "$0" "$@" || skip_all 'no network namespaces can be made here'
block_lab_up || bail_out 'the lab does not come up'
seam=${top_builddir:-.}/tests/system/block-seam

# says STATUS PATTERN ARGUMENT…: ends with the status and says so
says() {
	want=$1 pattern=$2
	shift 2
	at router "$block" "$@" </dev/null >$LAB/out 2>$LAB/err
	like "$? $(cat $LAB/err)" "^$want .*$pattern" "$*"
}
says 100 '"sideways" is not one of auto, prerouting, forward, postrouting, ingress' --hook sideways
says 100 '"a-name-of-17-char" is no interface name' --device a-name-of-17-char
says 100 '"limit:5/m" is not one of drop, reject, limit:N/s' --action limit:5/m
says 100 '"queue:65536" is not one of' --action queue:65536
says 100 '"10.0.0.0/33" is not an address or prefix such as 192.0.2.0/24' --never-block 10.0.0.0/33
says 100 'never-block: "192.168.1.2/24" is neither an address nor a prefix: write 192.168.1.2 or 192.168.1.0/24' --never-block 192.168.1.2/24
says 100 '"everything" is not an address or prefix' --allow everything
says 100 '"perhaps" is neither pass nor drop' --fragments perhaps
says 100 '"a table" is no table name: letters, digits, - and _, up to 63' --table 'a table'
says 100 '"0" is not a time such as 10s or 5m' --interval 0
says 100 '"soon" is not a time' --stopped-after soon
says 100 '"open" is not one of show, flush, check' open
says 100 'show takes no "more"' show more
says 111 'ingress needs interfaces: name them with --device, there is no bridge' --hook ingress
says 111 'No such file' --policy $LAB/nowhere
# bad_policy PATTERN TEXT
bad_policy() {
	printf '%s\n' "$2" >$LAB/policy
	says 1 "$1" --policy $LAB/policy --check
}
bad_policy '"dorp" is not one of drop, reject' 'action = "dorp"'
bad_policy '"203.0.113.0/24x" is not an address or prefix such as 203.0.113.0/24' 'target "203.0.113.0/24x" { action = "drop" }'
bad_policy '"somebody" is neither an address, a prefix nor a MAC address' 'host "somebody" { action = "drop" }'
bad_policy 'host: "192.168.1.77/24" is neither an address nor a prefix: write 192.168.1.77 or 192.168.1.0/24' 'host "192.168.1.77/24" { action = "quarantine" }'
bad_policy 'target: "2001:db8::9/64" is neither .*: write 2001:db8::9 or 2001:db8::/64' 'target "2001:db8::9/64" { action = "drop" }'
bad_policy 'never-block: "192.168.1.2/24" is neither' 'never-block = {"192.168.1.3", "192.168.1.2/24"}'
bad_policy '"02:00:5e:10:00:0" is neither' 'host "02:00:5e:10:00:0" { action = "drop" }'
bad_policy 'action: is missing in provider "isp"' 'provider "isp" { }'
bad_policy 'never-block: "x" is not an address or prefix' 'never-block = {"x"}'
bad_policy '"maybe" is neither pass nor drop' 'fragments = "maybe"'
bad_policy 'nonsense' 'nonsense = 1'

# The start: no nf_tables, no permission, somebody else's table, a second one.
export BLOCK_SEAM='ask 22 1 1'
at router "$seam" </dev/null >$LAB/out 2>$LAB/err
like "$? $(cat $LAB/err)" '^111 .*this kernel has no nf_tables: build or load the module nf_tables' 'no nf_tables'
unset BLOCK_SEAM
at router setpriv --bounding-set -net_admin --inh-caps -net_admin "$block" </dev/null >$LAB/out 2>$LAB/err
like "$? $(cat $LAB/err)" '^111 .*Operation not permitted.*CAP_NET_ADMIN is needed' 'no CAP_NET_ADMIN'
at router nft add table inet theirs
says 111 'there is a table "inet theirs" that this program did not make; choose another with --table, or delete it' --table theirs
says 1 'the table "inet theirs" was not made by this program' --table theirs show
says 1 'the table "inet theirs" was not made by this program' --table theirs flush
at router nft list table inet theirs >/dev/null
ok $? 'and is left alone'
at router nft delete table inet theirs
block_start
says 1 'the table "inet dotsch" is in use by another dotsch-block; choose another with --table' --hook forward

# Lines. refused PATTERN LINE: answered by an error that names the field, or by a status that names the cause
refused() {
	lines=$(wc -l <$LAB/out)
	printf '%s\n' "$2" >&7
	more() { [ "$(wc -l <$LAB/out)" -gt "$lines" ]; }
	wait_for 5 more
	like "$(tail -n 1 $LAB/out)" "$1" "$(printf '%.150s' "$2")"
}
scope() { printf '{"type":"mitigate","peer":"isp","cuid":"c","mid":1,%s"ietf-dots-signal-channel:mitigation-scope":{"scope":[{%s}]}}' "${2:+$2,}" "$1"; }
to='"target-prefix":["203.0.113.9/32"]' from='"ietf-dots-call-home:source-prefix":["198.51.100.7/32"]'
ports=ietf-dots-call-home:source-port-range types=ietf-dots-call-home:source-icmp-type-range
: >$LAB/out
refused '"type":"error".*"reason":"[^"]*JSON' 'not json'
refused '"type":"error",.*is missing.*"field":"mitigation-scope"' '{"type":"mitigate","mid":1}'
refused '"type":"error".*"field":"mid"' '{"type":"mitigate","mid":-1}'
refused '"type":"error".*duplicate' '{"type":"mitigate","mid":2,"mid":3}'
refused 'nothing could name this mitigation later.*"field":"mid"' "{\"ietf-dots-signal-channel:mitigation-scope\":{\"scope\":[{$to,\"lifetime\":9}]}}"
refused 'which mitigation.*"field":"mid"' '{"type":"withdraw"}'
refused '203.0.113.9/99.*"field":"target-prefix"' "$(scope '"target-prefix":["203.0.113.9/99"],"lifetime":9')"
refused '"field":"(target-port-range|upper-port)"' "$(scope "$to,\"target-port-range\":[{\"lower-port\":9,\"upper-port\":3}],\"lifetime\":9")"
refused '"field":"(target-port-range|lower-port)"' "$(scope "$to,\"target-port-range\":[{\"lower-port\":65536}],\"lifetime\":9")"
refused '"field":"(ietf-dots-call-home:source-port-range|upper-port)"' "$(scope "$to,$from,\"$ports\":[{\"lower-port\":7,\"upper-port\":6}],\"lifetime\":9")"
refused '"field":"(ietf-dots-call-home:source-icmp-type-range|lower-type)"' "$(scope "$to,$from,\"$types\":[{\"lower-type\":256}],\"lifetime\":9")"
refused '"field":"target-protocol"' "$(scope "$to,\"target-protocol\":[256],\"lifetime\":9")"
refused '"field":"lifetime"' "$(scope "$to,\"lifetime\":-2")"
refused '"field":"hosts"' "$(scope "$to,\"lifetime\":9" '"hosts":"x"')"
refused 'no object.*"field":"hosts"' "$(scope "$to,\"lifetime\":9" '"hosts":["x"]')"
refused 'neither address nor mac.*"field":"hosts"' "$(scope "$to,\"lifetime\":9" '"hosts":[{}]')"
refused 'has 1025 entries, at most 1024 are allowed.*"field":"hosts"' "$(scope "$to,\"lifetime\":9" "\"hosts\":[{}$(awk 'BEGIN { for (i = 0; i < 1024; i++) printf ",{}" }')]")"
refused '192.168.1.0/24.* is not a single host.*"field":"address"' "$(scope "$to,\"lifetime\":9" '"hosts":[{"address":"192.168.1.0/24"}]')"
refused 'is not an address.*"field":"address"' "$(scope "$to,\"lifetime\":9" '"hosts":[{"address":"home"}]')"
refused '02:00.* is not a MAC address such as 02:00:5e:10:00:01.*"field":"mac"' "$(scope "$to,\"lifetime\":9" '"hosts":[{"mac":"02:00"}]')"
refused 'has 131073 entries, at most 131072 are allowed.*"field":"ietf-dots-call-home:source-prefix"' "$(scope "$to,\"lifetime\":9,\"ietf-dots-call-home:source-prefix\":[\"10.0.0.0/32\"$(awk 'BEGIN { for (i = 1; i < 131073; i++) printf ",\"10.%d.%d.%d/32\"", i / 65536, i / 256 % 256, i % 256 }')]")"
refused '"status":"refused","enforced":false,"cause":"invalid","reason":"127.0.0.1/32 touches loopback addresses"' "$(scope '"target-prefix":["127.0.0.1/32"],"lifetime":9')"
refused '"status":"refused".*"reason":"ff02::1/128 touches multicast addresses"' "$(scope '"target-prefix":["ff02::1/128"],"lifetime":9')"
refused '"status":"refused".*"cause":"invalid","reason":"no packet can match: targets and sources are of different families' "$(scope "\"target-prefix\":[\"2001:db8::9/128\"],$from,\"lifetime\":9")"
refused '"enforced":false,"cause":"pending","reason":"the owner has not consented yet"' "$(scope "$to,$from,\"lifetime\":9" '"consent":"pending"')"
is "$(at router nft list table inet dotsch | grep -cE 'chain|set|map|counter')" 0 'nothing of all that is in the table'
block_stop
done_testing
