#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# dotsch-client towards base dotsch-serverd: every credential over DTLS and TLS, a redirection, requests with a common target, and a server that dies.
. "${top_srcdir:-.}/tests/tap.sh"
. "${top_srcdir:-.}/tests/system/lab.sh"
. "${top_srcdir:-.}/tests/system/chain.sh"
command -v certtool >/dev/null || skip_all 'certtool is not installed'
top=$(cd "${top_builddir:-.}" && pwd)
[ -x "$top/dotsch-serverd/dotsch-serverd" ] || skip_all 'dotsch-serverd is not built'
lab_enter "$0" "$@" || skip_all 'no namespaces can be made here'
chain_path "$top"
ip link set lo up || skip_all 'the loopback interface does not come up'
cd "$LAB" || exit 1
umask 077
key=00112233445566778899aabbccddeeff
chain_certificates && chain_certificate dots.example 'dns_name = "dots.example"' tls_www_server signing_key || bail_out 'certtool'
echo $key >psk.key

# server NAME ADDRESS LINE…: a base server; its pid is in $pid, its lines in NAME.out, and what it reads comes from NAME.in
server() {
	name=$1 address=$2
	shift 2
	cat >"$name.conf" <<-CONF
		state = "$LAB/$name.db"
		terminating-time = "0s"
		listen { address = {"$address"} $* }
		client "enterprise" {
			psk-identity = {"ent-1"} psk-key-file = {"$LAB/psk.key"}
			certificate-name = {"cpe1.example"}
			spki = {"$(chain_spki cpe1.example)"}
			target-scope = {"203.0.113.0/24"} target-name = {"enterprise.example"}
		}
	CONF
	[ -p "$name.in" ] || mkfifo "$name.in"
	sleep 1000 >"$name.in" &
	dotsch-serverd -c "$name.conf" -s "$name.sock" <"$name.in" >>"$name.out" 2>>"$name.err" &
	pid=$!
	lab_wait 10 test -S "$name.sock"
}
certificates="certificate-file = \"$LAB/dots.example.crt\" key-file = \"$LAB/dots.example.key\" ca-file = \"$LAB/ca.crt\""
server psk 127.0.0.1
psk=$pid
server x509 127.0.0.2 "$certificates"
x509=$pid
server raw 127.0.0.3 "key-file = \"$LAB/dots.example.key\""
raw=$pid
server moved 127.0.0.4 "redirect = always alt-server = \"dots2.example\" alt-server-record = {\"127.0.0.1\"} alt-server-ttl = \"30m\""
moved=$pid

cat >client.conf <<EOF
listen { address = {"127.0.0.9"} }
peers-file = "peers.jsonl"
state = "client.state"
certificate-file = "cpe1.example.crt"
key-file = "cpe1.example.key"
ca-file = "ca.crt"
EOF
ours='"psk-identity":"ent-1","psk-key":"'$key'"'
cat >peers.jsonl <<EOF
{"name":"psk-udp","address":"127.0.0.1","transport":"udp",$ours}
{"name":"psk-tcp","address":"127.0.0.1","transport":"tcp",$ours}
{"name":"x509-udp","address":"127.0.0.2","transport":"udp","server-name":"dots.example"}
{"name":"x509-tcp","address":"127.0.0.2","transport":"tcp","server-name":"dots.example"}
{"name":"raw-udp","address":"127.0.0.3","transport":"udp","spki":"$(chain_spki dots.example)"}
{"name":"raw-tcp","address":"127.0.0.3","transport":"tcp","spki":"$(chain_spki dots.example)"}
{"name":"moved","address":"127.0.0.4","transport":"udp",$ours}
{"name":"other-name","address":"127.0.0.2","server-name":"other.example"}
{"name":"other-key","address":"127.0.0.3","spki":"$(chain_spki ca)"}
EOF
: >client.out
dotsch-client -c client.conf -s sock </dev/null >>client.out 2>>client.err &
agent=$!
for peer in psk-udp psk-tcp x509-udp x509-tcp raw-udp raw-tcp; do
	lab_line 10 client.out "\"event\":\"up\",\"peer\":\"$peer\",\"transport\":\"${peer#*-}\".*\"dialled\":true"
	ok $? "$peer: the session stands"
	dotsch-client -s sock mitigate --to $peer --ref $peer --target 203.0.113.9 --protocol tcp --target-port 443 --lifetime 10m >one.out 2>&1
	is $? 0 "$peer: a mitigation is asked for"
	like "$(cat one.out)" '"code":"2[.]01".*"lifetime":600' 'and granted'
	lab_line 5 ${peer%-*}.out '"type":"mitigate".*"peer":"enterprise".*203[.]0[.]113[.]9/32'
	ok $? 'the server hands it on'
	dotsch-client -s sock withdraw $peer >one.out 2>&1
	is $? 0 "$peer: and is withdrawn"
done
lab_line 20 client.out '"event":"unreachable","peer":"other-name".*not for \\"other[.]example\\"'
ok $? 'RFC 6125: a certificate with another name is not the server'
lab_line 20 client.out '"event":"unreachable","peer":"other-key".*key is none that we expect'
ok $? 'RFC 7250: nor is another raw key'

# Status 2 ends --wait at once.
: >psk.out
dotsch-client -s sock mitigate --to psk-udp --ref waits --target 203.0.113.9 --wait 20s >wait.out 2>&1 &
waiting=$!
lab_line 5 psk.out '"type":"mitigate"'
cuid=$(sed -n 's/.*"cuid":"\([^"]*\)".*/\1/p' psk.out | tail -n 1) mid=$(sed -n 's/.*"mid":\([0-9]*\).*/\1/p' psk.out | tail -n 1)
printf '{"type":"status","peer":"enterprise","cuid":"%s","mid":%s,"status":"attack-successfully-mitigated"}\n' "$cuid" "$mid" >psk.in
wait $waiting
is $? 0 '--wait ends when the server has mitigated'
like "$(tail -n 1 wait.out)" '"status":"attack-successfully-mitigated"' 'and the last line says so'
dotsch-client -s sock config get psk-udp >one.out
like "$(cat one.out)" '"heartbeat-interval"' 'the session configuration is read'
dotsch-client -s sock mitigate --to psk-udp --ref preset --target-fqdn www.enterprise.example --trigger-mitigation false --lifetime 1h >one.out 2>&1
is $? 0 'a mitigation for the loss of the signal'
dotsch-client -s sock query psk-udp preset >one.out
like "$(cat one.out)" '"status":"attack-mitigation-signal-loss"' 'is armed'
dotsch-client -s sock mitigate --to psk-udp --target 198.51.100.1 >one.out 2>&1
is $? 1 'somebody else as the target'
like "$(cat one.out)" '"code":"4[.]00".*"diagnostic":".*198[.]51[.]100[.]1' 'is refused by the server, in words'

# The server takes any common target for an overlap: the second request takes the first along, and goes on when that is withdrawn.
held() { dotsch-serverd -s psk.sock --json show 2>/dev/null | grep '"type":"mitigation"' | grep '"state":"active"' | grep '203[.]0[.]113[.]20/32'; }
dotsch-client -s sock mitigate --to psk-udp --ref one --target 203.0.113.20 --source 198.51.100.1 >one.out 2>&1
dotsch-client -s sock mitigate --to psk-udp --ref two --target 203.0.113.20 --source 198.51.100.2 >one.out 2>&1
is $? 0 'a second request with a common target'
like "$(cat one.out)" '"warning":"asked for together' 'goes out together with the first'
is "$(held | wc -l)" 1 'the server holds one request'
like "$(held)" '198[.]51[.]100[.]2/32.*198[.]51[.]100[.]1/32' 'for both'
dotsch-client -s sock withdraw one >one.out 2>&1
is $? 0 'one of them is withdrawn'
like "$(cat one.out)" '"ref":"one".*"status":"withdrawn","reason":"what was asked for together with it goes on as mid' 'and told so'
is "$(held | wc -l)" 1 'the server still holds one'
is "$(held | grep -c '198[.]51[.]100[.]1/32')" 0 'without the one'
like "$(held)" '198[.]51[.]100[.]2/32' 'and with the other'

# RFC 9132, 4.6.
lab_line 10 client.out '"event":"up","peer":"moved"'
dotsch-client -s sock mitigate --to moved --ref elsewhere --target 203.0.113.30 --wait 0s >one.out 2>&1
lab_line 10 client.out '"event":"down","peer":"moved".*"why":"redirected to dots2[.]example"'
ok $? 'a redirection is followed'
lab_line 10 client.out '"event":"up","peer":"moved","transport":"udp","address":"127[.]0[.]0[.]1:4646"'
ok $? 'to where it leads'
lab_line 10 client.out '"type":"response".*"ref":"elsewhere","peer":"moved".*"code":"2[.]01"'
ok $? 'and the request is taken there'

# The server dies; it is dialled again, and what was asked of it is observed again.
kill -KILL $x509
wait $x509 2>/dev/null
lab_line 10 client.out '"event":"down","peer":"x509-tcp"'
ok $? 'a server that dies is told down'
server x509 127.0.0.2 "$certificates"
x509=$pid
up_again() { [ "$(grep -c '"event":"up","peer":"x509-tcp"' client.out)" -ge 2 ]; }
lab_wait 90 up_again
ok $? 'and dialled again by itself'
kill -TERM $agent
wait $agent
is $? 0 'SIGTERM ends the agent'
kill -TERM $psk $x509 $raw $moved
wait $psk $x509 $raw $moved
is "$(grep -hE 'Sanitizer|runtime error|Assertion' ./*.err)" '' 'nothing crashed or leaked'
is "$(grep -l $key ./*.out ./*.err)" '' 'no key stands in any output'
[ "$tap_failed" -eq 0 ] || tail -n 5 ./*.err client.out one.out >&2
done_testing
