#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2086
# The base signal channel is lost: what its client has prepared for that is fired (RFC 9132, 4.4.1), after the time of the missing heartbeats and not before, and
# never by an orderly close. With a foreign client that is killed, and a clock that jumps.
. "${top_srcdir:-.}/tests/tap.sh"
. "${top_srcdir:-.}/tests/system/lab.sh"
. "${top_srcdir:-.}/tests/system/chain.sh"
command -v coap-client-gnutls >/dev/null || skip_all 'coap-client-gnutls (libcoap3-bin) is not here'
if [ -z "${LAB_IN:-}" ]; then lab_flags >/dev/null || skip_all 'no network namespaces can be made here'; fi
lab_enter "$0" || bail_out 'the lab cannot be entered'
top=$(cd "${top_builddir:-.}" && pwd)
chain_path "$top"
ip link set lo up || bail_out 'no loopback'
cd $LAB || bail_out 'no folder'
CUID=JsS3O6jh2HfM8ypzxXQUQQ
cat >serverd.conf <<CONF
terminating-time = "0s"
listen { address = {"127.0.0.1"} }
client "enterprise" { psk-identity = {"ent-1", "ent-2"} psk-key = {"646f74736578616d706c657465737430", "646f74736578616d706c657465737430"} target-scope = {"203.0.113.0/24"} }
CONF
perl -e 'print pack "H*", "a101a10281a306816e3230332e302e3131332e372f33320e190708182df4"' >preset

mkfifo in
exec 7<>in
echo 0 >jump
CLOCK_JUMP=$LAB/jump "$top/tests/system/serverd-clock" -c serverd.conf <in >serverd.out 2>serverd.err 7>&- &
serverd_pid=$!
# jump SECONDS: from now on it is so much later. An empty line wakes the loop.
jumped=0
jump() {
	jumped=$((jumped + $1 * 1000))
	echo $jumped >jump.new && mv jump.new jump
	echo >&7
}
coap() {
	coap_uri=$1://127.0.0.1:4646/.well-known/dots/mitigate/cuid=$CUID/mid=$2
	shift 2
	timeout 20 coap-client-gnutls -U -N -B 5 -v 7 -u ent-1 -k dotsexampletest0 "$@" "$coap_uri" >coap.log 2>&1
}
# Another client's exchange: when it is over, the server has seen the new time.
beat() { timeout 20 coap-client-gnutls -U -N -B 5 -u ent-2 -k dotsexampletest0 -o beat coaps://127.0.0.1:4646/.well-known/dots/config >/dev/null 2>&1 && [ -s beat ] && rm beat; }
# watch SCHEME MID: a client that holds a session, and observes.
watch() {
	rm -f watch.log
	coap-client-gnutls -U -N -B 100 -s 100 -v 7 -u ent-1 -k dotsexampletest0 "$1://127.0.0.1:4646/.well-known/dots/mitigate/cuid=$CUID/mid=$2" >watch.log 2>&1 &
	watch_pid=$!
	lab_line 10 watch.log 'c:2.05'
}
listening() { ss -Hltn 'sport = 4646' | grep -q . && ss -Hlun 'sport = 4646' | grep -q .; }
lab_wait 10 listening || bail_out "no server: $(cat serverd.err)"
coap coaps 1 -m put -t 271 -f preset
fired() { grep -c "\"mitigate\".*\"mid\":$1,.*\"trigger-mitigation\":false" serverd.out; }

watch coaps 1
ok $? 'a client that observes what it has prepared'
kill -KILL $watch_pid
jump 300
beat
is "$?$(fired 1)$(grep -c '"lost":true' serverd.out)" 000 'killed: five minutes of silence are no loss yet, with the default of 15 heartbeats at 30 s'
jump 160
lab_line 10 serverd.out '"event":"down".*"lost":true'
ok $? 'but seven and a half are'
lab_line 5 serverd.out '"mitigate".*"mid":1,"consent":"given".*"trigger-mitigation":false'
ok $? 'and fire it'

coap coaps+tcp 2 -m put -t 271 -f preset
watch coaps+tcp 2
ok $? 'over TLS'
kill -KILL $watch_pid
lab_line 10 serverd.out '"event":"down".*"orderly":false,"lost":false'
is "$?$(fired 2)" 00 'killed: the connection is gone at once, and that is no loss yet'
jump 440
beat
is "$?$(fired 2)" 00 'nor later'
jump 20
lab_line 10 serverd.out '"mitigate".*"mid":2,"consent":"given".*"trigger-mitigation":false'
ok $? 'not before the heartbeats that it can no longer carry have been missed'

coap coaps+tcp 3 -m put -t 271 -f preset
watch coaps+tcp 3
kill -KILL $watch_pid
lab_line 10 serverd.out '"event":"down".*"orderly":false,"lost":false'
coap coaps 3 -m get
jump 460
coap coaps 3 -m get
is "$(fired 3)" 0 'a client that has called again is not lost'

kill $serverd_pid
wait $serverd_pid
is $? 0 'ends with 0'
is "$(grep -E 'Sanitizer|runtime error|Assertion' serverd.err)" '' 'nothing crashed or leaked'
[ "$tap_failed" -eq 0 ] || tail -n 20 serverd.err serverd.out coap.log >&2
done_testing
