#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2086,SC2317
# Whatever comes from outside: a clear reason each, nothing ends, and the next good input still works.
set -u
. "${top_srcdir:-.}/tests/tap.sh"
. "${top_srcdir:-.}/tests/system/lab.sh"
. "${top_srcdir:-.}/tests/system/chain.sh"
if [ -z "${LAB_IN:-}" ]; then lab_flags >/dev/null || skip_all 'no network namespaces can be made here'; fi
lab_enter "$0" || bail_out 'the lab cannot be entered'
chain_path "${top_builddir:-.}"
lab_up || bail_out 'the lab does not come up'

# Configurations that cannot be used: told on stderr, with the place, and the exit code for trouble.
for program in dotsch-client dotsch-serverd; do
	like "$($program -c $LAB/no-such-file 2>&1)" "no-such-file.*[Nn]o such file" "$program: a missing configuration is named"
	$program -c $LAB/no-such-file >/dev/null 2>&1
	is $? 111 'and is system trouble'
	printf 'no-such-key = 1\n' >$LAB/odd.conf
	like "$($program -n -c $LAB/odd.conf 2>&1)" 'odd[.]conf.*1.*no-such-key' "$program: an unknown option is named with its line"
	is "$($program 2>/dev/null; echo $?)" 100 "$program without a configuration is a usage error"
done
chain_config udp psk
printf 'x1\n' >$LAB/bad.key
sed "s|$LAB/isp.key|$LAB/bad.key|" $LAB/serverd.conf >$LAB/bad.conf
like "$(dotsch-serverd -n -c $LAB/bad.conf 2>&1)" 'bad[.]key' 'a key file that is no hexadecimal number is named'
sed 's|100.64.8.21/32|100.64.8.321/32|' $LAB/serverd.conf >$LAB/bad.conf
like "$(dotsch-serverd -n -c $LAB/bad.conf 2>&1)" 'scope.*100[.]64[.]8[.]321' 'a bad prefix is named with its option'
dotsch-serverd -n -c $LAB/serverd.conf >$LAB/printed && dotsch-client -n -c $LAB/client.conf >>$LAB/printed
ok $? '-n takes what is right'
is "$(grep -c $CHAIN_PSK $LAB/printed)" 0 'and prints no key'

# The router's credentials are wrong: both sides say so, and nobody gives up.
chain_client
lab_line 10 $LAB/client.out '"event":"listening"' || bail_out 'the client does not start'

# refused NAME PATTERN-FOR-SERVERD PATTERN-FOR-CLIENT: starts serverd as configured now, and looks for the reasons.
refused() {
	: >$LAB/serverd.out
	: >$LAB/serverd.err
	: >$LAB/client.out
	: >$LAB/client.err
	chain_serverd
	[ -z "$2" ] || lab_line 10 $LAB/serverd.out "$2"
	like "$(cat $LAB/serverd.out)" "${2:-^}" "$1: dotsch-serverd says why"
	[ -z "$3" ] || lab_line 10 $LAB/client.out "$3"
	like "$(cat $LAB/client.out)" "${3:-^}" "$1: dotsch-client says why"
	is "$(grep -c '"event":"up"' $LAB/client.out)" 0 "$1: no session"
	kill -TERM $chain_serverd_pid
	wait $chain_serverd_pid
}
cp $LAB/serverd.conf $LAB/good.conf
printf '00112233445566778899aabbccddeeff\n' >$LAB/isp.key
refused 'wrong key' '"reason":"[^"]*key.*wrong' '"event":"(refused|down)".*"(reason|why)":"[^"]+"'
printf '%s\n' $CHAIN_PSK >$LAB/isp.key
sed 's/cpe-0001/cpe-9999/' $LAB/good.conf >$LAB/serverd.conf
refused 'unknown identity' '"reason":"[^"]*does not know the PSK identity' '"event":"refused".*cpe-9999'
cp $LAB/good.conf $LAB/serverd.conf

# Garbage on the wire does not disturb the one who calls next.
at router flood --rate 5000 --seconds 1 --size 300 100.64.8.1 4647 >/dev/null
: >$LAB/client.out
chain_serverd
lab_line 15 $LAB/client.out '"event":"up"'
ok $? 'after wrong keys and garbage the right router is let in'
at router flood --rate 5000 --seconds 1 --size 13 100.64.8.1 4647 >/dev/null
printf '{"type":"query","to":"cpe-0001","ref":"still"}\n' >&8
lab_line 10 $LAB/client.out '"ref":"still".*"code":"(2[.]05|4[.]04)"'
ok $? 'a session goes on among garbage datagrams'

# Broken lines for the client.
n=0
while IFS='	' read -r pattern line; do
	n=$((n + 1))
	: >$LAB/client.out
	printf '%s\n' "$line" >&8
	lab_line 10 $LAB/client.out '"type":"error"'
	like "$(cat $LAB/client.out)" "\"type\":\"error\".*$pattern" "client: $line"
done <<'LINES'
"reason":"[^"]+"	not JSON
"reason":"[^"]+"	{"type":"mitigate"
"reason":"[^"]+"	{"type":"mitigate","type":"mitigate"}
"reason":"[^"]+"	[1,2]
"reason":"[^"]+"	{"type":"mitigate","ref":"r1"}
target-prefix	{"type":"mitigate","ref":"r2","ietf-dots-signal-channel:mitigation-scope":{"scope":[{"target-prefix":["203.0.113.900/32"],"lifetime":60,"ietf-dots-call-home:source-prefix":["100.64.8.21/32"]}]}}
lifetime	{"type":"mitigate","ref":"r3","ietf-dots-signal-channel:mitigation-scope":{"scope":[{"target-prefix":["203.0.113.9/32"],"lifetime":0,"ietf-dots-call-home:source-prefix":["100.64.8.21/32"]}]}}
source-prefix	{"type":"mitigate","ref":"r4","ietf-dots-signal-channel:mitigation-scope":{"scope":[{"target-prefix":["203.0.113.9/32"],"lifetime":60}]}}
source-prefix	{"type":"mitigate","ref":"r5","ietf-dots-signal-channel:mitigation-scope":{"scope":[{"target-prefix":["203.0.113.9/32"],"lifetime":60,"ietf-dots-call-home:source-prefix":["198.51.100.5/32"]}]}}
"ref":"r6"	{"type":"withdraw","ref":"r6"}
LINES
is $n 10 'all broken lines were tried'

# The same for the filters, which have no network at all.
out=$(printf 'not JSON\n\n \t\n{"type":"x-other","a":1}\n' | at router dotsch-map --conntrack 2>/dev/null)
is $? 0 'dotsch-map ends well after broken input'
is "$(printf '%s\n' "$out" | grep -c '"type":"error"')" 1 'dotsch-map passes over blank lines'
like "$out" '"type":"error"' 'dotsch-map answers it with an error'
like "$out" '^[{]"type":"x-other","a":1[}]$' 'and passes what it does not know byte for byte'
out=$(printf 'not JSON\n\n \t\n{"type":"x-other","a":1}\n' | at router dotsch-block --table dotsch_bad 2>/dev/null)
is $? 0 'dotsch-block ends well after broken input'
is "$(printf '%s\n' "$out" | grep -c '"type":"error"')" 1 'dotsch-block passes over blank lines'
like "$out" '"type":"error"' 'dotsch-block answers it with an error'

# Nobody reads for a while: nothing that was taken is lost.
kill -TERM $chain_client_pid
wait $chain_client_pid
mkfifo $LAB/unread
nsenter --net=/run/netns/provider -- dotsch-client -c $LAB/client.conf --json <$LAB/commands >$LAB/unread 2>>$LAB/client.err 8>&- &
chain_client_pid=$!
exec 7<$LAB/unread
for i in $(seq 1500); do printf '{"type":"withdraw","ref":"nobody-reads-this-for-a-long-while-%s"}\n' $i; done >&8
printf '{"type":"query","to":"cpe-0001","ref":"last"}\n' >&8
lab_tail() { while read -r line <&7; do printf '%s\n' "$line"; case $line in *'"ref":"last"'*) break ;; esac; done; }
lab_tail >$LAB/read
is "$(grep -c 'nobody-reads-this-for-a-long-while' $LAB/read)" 1500 'a full pipe loses no line'

# Certificates.
kill -TERM $chain_client_pid $chain_serverd_pid
wait $chain_client_pid $chain_serverd_pid
exec 7<&-
for form in udp tcp; do
	chain_config $form x509 || bail_out 'no certificates'
	cp $LAB/serverd.conf $LAB/good.conf
	[ -f $LAB/expired.crt ] || chain_certificate expired 'dns_name = "cpe1.example"' tls_www_client signing_key \
		'activation_date = "2020-01-01 00:00:00"' 'expiration_date = "2020-02-01 00:00:00"'
	: >$LAB/client.out
	chain_client
	lab_line 10 $LAB/client.out '"event":"listening"' || bail_out 'the client does not start with certificates'
	sed "s|cpe1.example[.]|expired.|g" $LAB/good.conf >$LAB/serverd.conf
	refused "$form, expired certificate" '"reason":"[^"]*expired' 'expired'
	sed 's|server-name = "ch.isp.example"|server-name = "other.example"|' $LAB/good.conf >$LAB/serverd.conf
	refused "$form, wrong name" '"reason":".*not for .*other[.]example' ''
	cp $LAB/good.conf $LAB/serverd.conf
	: >$LAB/client.out
	chain_serverd
	lab_line 15 $LAB/client.out '"event":"up".*cpe1[.]example'
	ok $? "$form: the right certificate is let in after that"
	kill -TERM $chain_client_pid $chain_serverd_pid
	wait $chain_client_pid $chain_serverd_pid
done
is "$(cat $LAB/client.err $LAB/serverd.err | grep -E 'Sanitizer|runtime error|Assertion')" '' 'nothing crashed or leaked'
[ "$tap_failed" -eq 0 ] || chain_complain
done_testing
