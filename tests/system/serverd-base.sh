#!/bin/sh
# shellcheck disable=SC2086
# SPDX-License-Identifier: GPL-3.0-or-later
# The base signal channel (RFC 9132) with a client that is not ours, coap-client-gnutls: PUT, GET, Observe and DELETE over DTLS and TLS, with a pre-shared
# key, certificates and a raw public key. CH-03: told apart from Call Home by port.
. "${top_srcdir:-.}/tests/tap.sh"
. "${top_srcdir:-.}/tests/system/lab.sh"
. "${top_srcdir:-.}/tests/system/chain.sh"
command -v coap-client-gnutls >/dev/null || skip_all 'coap-client-gnutls (libcoap3-bin) is not here'
if [ -z "${LAB_IN:-}" ]; then lab_flags >/dev/null || skip_all 'no network namespaces can be made here'; fi
lab_enter "$0" || bail_out 'the lab cannot be entered'
chain_path "${top_builddir:-.}"
lab_up || bail_out 'the lab does not come up'

CUID=JsS3O6jh2HfM8ypzxXQUQQ
DOTS=203.0.113.1:4646/.well-known/dots
chain_certificates && chain_certificate dots.example 'dns_name = "dots.example"' tls_www_server signing_key || bail_out 'certtool'
certtool --generate-privkey --key-type ecdsa --curve secp256r1 --outfile $LAB/raw.pem 2>/dev/null
chmod 600 $LAB/*.key $LAB/raw.pem
spki=$(certtool -k --infile $LAB/raw.pem 2>/dev/null | sed -n 's/^[[:space:]]*sha256:\([0-9a-f]*\).*/\1/p')
(umask 077 && printf 'dotsexampletest0' | od -An -tx1 | tr -d ' \n' >$LAB/psk.key)

# server CREDENTIALS…: (re)starts the base server with these lines in `listen`.
server() {
	[ -z "${server_pid:-}" ] || { kill $server_pid; wait $server_pid; }
	: >$LAB/serverd.out
	cat >$LAB/serverd.conf <<-CONF
		terminating-time = "0s"
		listen { address = {"203.0.113.1"} $* }
		client "enterprise" {
			psk-identity = {"ent-1"} psk-key-file = {"$LAB/psk.key"}
			certificate-name = {"cpe1.example"}
			spki = {"$spki"}
			target-scope = {"203.0.113.0/24"}
		}
	CONF
	nsenter --net=/run/netns/provider -- dotsch-serverd -c $LAB/serverd.conf </dev/null >>$LAB/serverd.out 2>>$LAB/serverd.err &
	server_pid=$!
	lab_wait 10 listening
}
listening() { at provider ss -Hltn 'sport = 4646' | grep -q . && at provider ss -Hlun 'sport = 4646' | grep -q .; }

# body NAME HEX
body() { perl -e 'print pack "H*", $ARGV[0]' "$2" >$LAB/$1; }
# target 203.0.113.9/32, lifetime 1800; the same with the hint that the source is 198.51.100.7/32; the same prepared for the loss of the channel
body put 'a101a10281a206816e3230332e302e3131332e392f33320e190708'
body hint 'a101a10281a306816e3230332e302e3131332e382f33320e190708198000816f3139382e35312e3130302e372f3332'
body preset 'a101a10281a306816e3230332e302e3131332e372f33320e190708182df4'
body foreign 'a101a10281a206816f3139382e35312e3130302e312f33320e190708'

# coap SCHEME PATH [ARGUMENT…]: the answer's payload, decoded when it is CBOR; the CoAP code is on the first line.
coap() {
	coap_uri=$1://$DOTS/$2
	shift 2
	rm -f $LAB/answer
	at victim timeout 20 coap-client-gnutls -U -N -B 5 -v 7 $auth -o $LAB/answer "$@" "$coap_uri" >$LAB/coap.log 2>&1
	sed -n 's/.*\(v:1 t:[A-Z]*\|v:Reliable\) c:\([0-9]\)\.\([0-9]*\) .*/\2.\3/p' $LAB/coap.log | tail -n 1
	[ ! -s $LAB/answer ] || dotsch-client decode "$(od -An -tx1 $LAB/answer | tr -d ' \n')" 2>/dev/null || cat $LAB/answer
}

# exchange SCHEME NAME: everything a client does, over one kind of channel with one kind of credential.
exchange() {
	like "$(coap $1 mitigate/cuid=$CUID/mid=1 -m put -t 271 -f $LAB/put)" '"mid":1.*"lifetime":1800' "$2: PUT is answered with what was granted"
	like "$(grep '"mitigate"' $LAB/serverd.out | tail -n 1)" '"peer":"enterprise","cuid":"'$CUID'","mid":1,"consent":"given"' "$2: and handed on"
	like "$(coap $1 mitigate/cuid=$CUID/mid=1 -m get)" '"target-prefix":\["203[.]0[.]113[.]9/32"\],"lifetime":1[78][0-9][0-9],"status":"attack-mitigation-in-progress"' "$2: GET tells its state"
	like "$(coap $1 config -m get)" '"heartbeat-interval"' "$2: GET config"
	coap $1 mitigate/cuid=$CUID/mid=1 -m delete >/dev/null
	lab_line 5 $LAB/serverd.out '"withdraw".*"mid":1,"cause":"client"'
	ok $? "$2: DELETE ends it"
}

server || bail_out "no server: $(cat $LAB/serverd.err)"
auth='-u ent-1 -k dotsexampletest0'
exchange coaps 'DTLS with a pre-shared key'
exchange coaps+tcp 'TLS with a pre-shared key'

# What a request may be.
coap coaps mitigate/cuid=$CUID/mid=2 -m put -t 271 -f $LAB/hint >/dev/null
like "$(tail -n 2 $LAB/serverd.out)" '"mid":2,.*"ietf-dots-call-home:source-prefix":\["198[.]51[.]100[.]7/32"\]' 'CH-16, CH-28: sources are hints, outside of any scope'
coap coaps mitigate/cuid=$CUID/mid=3 -m put -t 271 -f $LAB/foreign >/dev/null
like "$(cat $LAB/coap.log)" "^4.00.*198[.]51[.]100[.]1/32 is not within this client's domain" 'a target of somebody else is refused'
coap coaps mitigate/cuid=$CUID/mid=4 -m put -t 271 -f $LAB/preset >/dev/null
like "$(coap coaps mitigate/cuid=$CUID/mid=4 -m get)" '"trigger-mitigation":false.*"status":"attack-mitigation-signal-loss"' 'a prepared request is armed'
is "$(grep -c '"mitigate".*"mid":4' $LAB/serverd.out)" 0 'and nothing is asked of the enforcing side; an orderly close is no loss'

# Observe: a status that comes in goes out as a notification.
nsenter --net=/run/netns/victim -- timeout 30 coap-client-gnutls -U -N -B 25 -s 20 -v 7 $auth -o $LAB/observed "coaps://$DOTS/mitigate/cuid=$CUID/mid=2" >$LAB/observe.log 2>&1 &
observe_pid=$!
lab_wait 10 grep -q 'c:2.05' $LAB/observe.log
ok $? 'Observe is answered with the state'
coap coaps mitigate/cuid=$CUID/mid=2 -m delete >/dev/null
lab_wait 15 sh -c "[ \$(grep -c 'c:2.05' $LAB/observe.log) -ge 2 ]"
ok $? 'and a change by a notification, over another session than the one that made it'
kill $observe_pid 2>/dev/null

# SIGHUP: sessions stay as long as their credential does; what is new holds at once.
rm -f $LAB/observe.log
nsenter --net=/run/netns/victim -- timeout 60 coap-client-gnutls -U -N -B 50 -s 50 -v 7 $auth "coaps://$DOTS/config" >$LAB/observe.log 2>&1 &
observe_pid=$!
lab_wait 10 grep -q 'c:2.05' $LAB/observe.log
sed -i 's|psk-identity = {"ent-1"} psk-key-file = {"\([^"]*\)"}|psk-identity = {"ent-1", "ent-2"} psk-key-file = {"\1", "\1"}|' $LAB/serverd.conf
kill -HUP $server_pid
auth='-u ent-2 -k dotsexampletest0'
new_one() { coap coaps config -m get | grep -q heartbeat-interval; }
lab_wait 10 new_one
ok $? 'SIGHUP: a credential that is new is taken'
is "$(grep -c '"event":"down".*"reason":"no longer' $LAB/serverd.out)" 0 'and no session is lost'
sed -i 's|psk-identity = {"ent-1", "ent-2"} psk-key-file = {"\([^"]*\)", "[^"]*"}|psk-identity = {"ent-2"} psk-key-file = {"\1"}|' $LAB/serverd.conf
kill -HUP $server_pid
lab_line 10 $LAB/serverd.err 'the credential of a session is no longer configured'
ok $? 'one that is gone ends its sessions'
kill $observe_pid 2>/dev/null

# A second credential of the same kind would be another client; a wrong key is nobody.
auth='-u ent-2 -k wrongwrongwrong0'
coap coaps mitigate/cuid=$CUID -m get >/dev/null
lab_line 10 $LAB/serverd.out '"event":"refused".*"identity":"ent-2"'
ok $? 'a wrong key is told'

server "certificate-file = \"$LAB/dots.example.crt\" key-file = \"$LAB/dots.example.key\" ca-file = \"$LAB/ca.crt\"" || bail_out 'no server with certificates'
auth="-c $LAB/cpe1.example.crt -j $LAB/cpe1.example.key -C $LAB/ca.crt -n"
exchange coaps 'DTLS with certificates'
exchange coaps+tcp 'TLS with certificates'

server "key-file = \"$LAB/dots.example.key\"" || bail_out 'no server with a raw key'
auth="-M $LAB/raw.pem"
exchange coaps 'DTLS with raw public keys'
exchange coaps+tcp 'TLS with raw public keys'

kill $server_pid
wait $server_pid
is $? 0 'the server ends at SIGTERM with 0'
is "$(cat $LAB/serverd.err $LAB/serverd.out | grep -c dotsexampletest0)" 0 'no key stands in the output'
is "$(grep -E 'Sanitizer|runtime error|Assertion' $LAB/serverd.err)" '' 'nothing crashed or leaked'
[ "$tap_failed" -eq 0 ] || tail -n 20 $LAB/serverd.err $LAB/serverd.out $LAB/coap.log $LAB/observe.log >&2
done_testing
