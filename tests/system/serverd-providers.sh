#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2086
# One router, several providers at once (CH-01): each has its own session, credentials, scope and policy, and none sees another's state. And one provider that
# sends the router to another of its listeners (RFC 9066, 5.2.2).
. "${top_srcdir:-.}/tests/tap.sh"
. "${top_srcdir:-.}/tests/system/lab.sh"
. "${top_srcdir:-.}/tests/system/chain.sh"
if [ -z "${LAB_IN:-}" ]; then lab_flags >/dev/null || skip_all 'no network namespaces can be made here'; fi
lab_enter "$0" || bail_out 'the lab cannot be entered'
chain_path "${top_builddir:-.}"
ip link set lo up && ip address add 100.64.0.1/32 dev lo && ip address add 100.64.0.2/32 dev lo || bail_out 'no loopback'
cd $LAB || bail_out 'no folder'
umask 077
chain_certificates && chain_certificate ch2.isp.example 'dns_name = "ch2.isp.example"' tls_www_server signing_key || bail_out 'certtool'
echo 00112233445566778899aabbccddee01 >one.key
echo 00112233445566778899aabbccddee02 >two.key
CUID=same-cuid-on-both-sides one_pid='' two_pid=''

# agent NAME ADDRESS PEER: a provider's agent on 100.64.0.x, whose one peer is the JSON; its socket is NAME.sock.
agent() {
	printf '{"name":"home",%s,"domain":["10.1.0.0/16","10.2.0.0/16"]}\n' "$3" >$1.jsonl
	cat >$1.conf <<-CONF
		listen { address = {"$2"} }
		cuid = "$CUID"
		peers-file = "$1.jsonl"
		$4
	CONF
	dotsch-client -c $1.conf -s $1.sock </dev/null >>$1.out 2>>$1.err &
	eval "$1_pid=$!"
	lab_line 10 $1.out '"event":"listening"'
}
ask() { ask_socket=$1.sock; shift; timeout 20 dotsch-client -s $ask_socket --json "$@" 2>&1; }
x509() { echo "certificate-file = \"$1.crt\" key-file = \"$1.key\" ca-file = \"ca.crt\""; }

agent one 100.64.0.1 '"psk-identity":"cpe-one","psk-key":"00112233445566778899aabbccddee01"' || bail_out "no agent: $(cat one.err)"
agent two 100.64.0.2 '"psk-identity":"cpe-two","psk-key":"00112233445566778899aabbccddee02"' || bail_out "no agent: $(cat two.err)"
cat >serverd.conf <<CONF
terminating-time = "0s"
state = "serverd.db"
provider "one" { address = {"100.64.0.1"} transport = {"udp"} psk-identity = "cpe-one" psk-key-file = "one.key" scope = {"10.1.0.0/16"} consent = "auto" }
provider "two" { address = {"100.64.0.2"} transport = {"tcp"} psk-identity = "cpe-two" psk-key-file = "two.key" scope = {"10.2.0.0/16"} consent = "ask" }
CONF
dotsch-serverd -c serverd.conf -s serverd.sock </dev/null >serverd.out 2>serverd.err &
serverd_pid=$!
lab_line 10 one.out '"event":"up","peer":"home","transport":"udp".*"identity":"cpe-one"'
ok $? 'CH-01: a session with the first provider'
lab_line 10 two.out '"event":"up","peer":"home","transport":"tcp".*"identity":"cpe-two"'
ok $? 'and one with the second, by its own credentials and transport'

like "$(ask one mitigate --source 10.1.0.5 --source-port 5000 --target 203.0.113.9)" '"code":"2[.]01"' 'the first asks within its scope'
like "$(ask two mitigate --source 10.1.0.5 --source-port 5000 --target 203.0.113.9)" '"code":"4[.]00".*10[.]1[.]0[.]5/32 is not within' 'CH-25: the same is out of scope for the second'
like "$(ask two mitigate --source 10.2.0.6 --source-port 5000 --target 203.0.113.9)" '"code":"2[.]01".*attack-mitigation-in-progress' 'whose own request waits for the owner (CH-30)'
lab_line 5 serverd.out '"peer":"one","cuid":"'$CUID'".*"consent":"given"' && lab_line 5 serverd.out '"peer":"two","cuid":"'$CUID'".*"consent":"pending"'
ok $? 'one policy for each'
like "$(ask one query home)" '10[.]1[.]0[.]5/32' 'each sees its own state'
is "$(ask one query home | grep -c '10[.]2[.]0[.]6')" 0 'the first sees nothing of the second, under the same cuid'
is "$(ask two query home | grep -c '10[.]1[.]0[.]5')" 0 'nor the second of the first'
mid=$(sed -n 's/.*"peer":"one",.*"mid":\([0-9]*\).*/\1/p' serverd.out | head -n 1)
printf '{"type":"withdraw","to":"home","mid":%s}\n' "$mid" | timeout 20 dotsch-client -s two.sock --json >withdrawn 2>&1
like "$(ask one query home)" '10[.]1[.]0[.]5/32' 'what the second deletes under the mid of the first stays the first'"'"'s'

kill $two_pid
wait $two_pid
lab_line 10 serverd.out '"event":"down","peer":"two"'
ok $? 'the second goes'
like "$(ask one query home)" '"code":"2[.]05"' 'and the first is not touched by it'
like "$(timeout 10 dotsch-serverd -s serverd.sock --json sessions)" '"event":"up","peer":"one"' 'as the owner sees'
kill $serverd_pid $one_pid
wait $serverd_pid $one_pid

# The way to another listener of the same provider, and back.
rm -f serverd.db one.sock two.sock
: >serverd.out
cat >serverd.conf <<CONF
terminating-time = "0s"
provider "isp" {
	address = {"100.64.0.1"} scope = {"10.1.0.0/16"} consent = "auto"
	certificate-file = "cpe1.example.crt" key-file = "cpe1.example.key" ca-file = "ca.crt" server-name = "ch.isp.example"
}
CONF
: >one.out
agent one 100.64.0.1 '"certificate-name":"cpe1.example"' "$(x509 ch.isp.example)" || bail_out "no agent: $(cat one.err)"
: >two.out
agent two 100.64.0.2 '"certificate-name":"cpe1.example"' "$(x509 ch2.isp.example)" || bail_out "no agent: $(cat two.err)"
dotsch-serverd -c serverd.conf </dev/null >>serverd.out 2>>serverd.err &
serverd_pid=$!
lab_line 10 one.out '"event":"up"' || bail_out "no session: $(cat serverd.err)"
like "$(printf '{"type":"redirect","to":"home","ietf-dots-signal-channel:redirected-signal":{"ietf-dots-call-home:alt-ch-client":"ch2.isp.example","ietf-dots-call-home:alt-ch-client-record":["100.64.0.1"],"alt-server":"x.example"}}' |
	timeout 20 dotsch-client -s one.sock --json 2>&1)" '"code":"4[.]00"|"type":"error"' 'a redirection that is none is refused'
like "$(ask one redirect home --client ch2.isp.example --address 100.64.0.2 --ttl 4)" '"code":"2[.]01"' 'a redirection is answered with 2.01'
lab_line 10 serverd.out '"event":"down".*"reason":"redirected"' && lab_line 10 two.out '"event":"up","peer":"home"'
ok $? 'the session is closed, and the alternative called'
lab_line 10 serverd.out '"event":"up".*"address":"100[.]64[.]0[.]2:4647","identity":"ch2[.]isp[.]example"'
ok $? 'by the name that the redirection gave'
like "$(ask two mitigate --source 10.1.0.5 --source-port 5000 --target 203.0.113.9 --lifetime 60)" '"code":"2[.]01"' 'it serves there as before'
like "$(ask two redirect home --client ch.isp.example --address 100.64.0.1 --ttl 4)" '"code":"4[.]00".*we were there within the last five minutes' 'no ball game: back within five minutes is refused'
sleep_until_up() { [ "$(grep -c '"event":"up"' one.out)" -ge 2 ]; }
lab_wait 5 sleep_until_up
ok $((1 - $?)) 'it stays while an attack is on (RFC 9132, 4.6)'
ask two withdraw "$(sed -n 's/.*"mid":\([0-9]*\).*/\1/p' serverd.out | tail -n 1)" >/dev/null
lab_wait 30 sleep_until_up
ok $? 'and returns to the configured place after its time'
lab_line 5 serverd.out '"event":"down".*"reason":"the redirection is over"'
ok $? 'as it says'

# A name that the other place cannot prove.
kill $serverd_pid
wait $serverd_pid
: >serverd.out
: >one.out
dotsch-serverd -c serverd.conf </dev/null >>serverd.out 2>>serverd.err &
serverd_pid=$!
lab_line 10 one.out '"event":"up"' || bail_out 'no session after the restart'
like "$(ask one redirect home --client ch3.isp.example --address 100.64.0.2 --ttl 600)" '"code":"2[.]01"' 'a redirection to a name'
lab_line 20 serverd.err 'certificate is not for "ch3[.]isp[.]example"'
ok $? 'that the other does not carry is not followed'
lab_wait 20 sleep_until_up
ok $? 'and the router comes home at once'

kill $serverd_pid $one_pid $two_pid
wait $serverd_pid
is $? 0 'ends with 0'
is "$(grep -hE 'Sanitizer|runtime error|Assertion' ./*.err)" '' 'nothing crashed or leaked'
[ "$tap_failed" -eq 0 ] || tail -n 15 serverd.err serverd.out one.out two.out >&2
done_testing
