#!/bin/sh
# shellcheck disable=SC2086
# SPDX-License-Identifier: GPL-3.0-or-later
# Peers that are not ours, from the TLS records up: OpenSSL as the provider that dotsch-serverd calls, with messages made by hand; libcoap's client as the
# router that calls dotsch-client; libcoap's server as a provider that keeps what is PUT to it. What is odd is answered as RFC 7252 and 9132 say.
. "${top_srcdir:-.}/tests/tap.sh"
. "${top_srcdir:-.}/tests/system/lab.sh"
top=$(cd "${top_builddir:-.}" && pwd)
for tool in openssl coap-client-gnutls coap-server-gnutls perl; do
	command -v $tool >/dev/null || skip_all "$tool is not here"
done
lab_enter "$0" "$@" || skip_all 'no namespaces can be made here'
ip link set lo up || skip_all 'the loopback interface does not come up'
cd "$LAB" || exit 1
umask 077
key=abcdefghijklmnop
hex=$(printf '%s' $key | od -An -tx1 | tr -d ' \n')

# frame WAY CODE ID WORD…: one message. WAY udp (a CON) or tcp; ID two bytes, which the token holds, too; WORD a segment of the Uri-Path,
# NUMBER:HEX another option (in ascending order), or =HEX the payload.
cat >frame.pl <<'PERL'
use strict;
my ($way, $code, $id, @words) = @ARGV;
my ($options, $body, $last) = ("", "", 0);
sub part { my ($n) = @_; return $n < 13 ? ($n, "") : $n < 269 ? (13, chr($n - 13)) : (14, pack "n", $n - 269) }
for (@words) {
	if (/^=(.*)/) { $body = "\xff" . pack "H*", $1; next }
	my ($number, $value) = /^(\d+):(.*)/ ? ($1, pack "H*", $2) : (11, $_);
	my ($d, $de) = part($number - $last);
	my ($l, $le) = part(length $value);
	$options .= chr($d << 4 | $l) . $de . $le . $value;
	$last = $number;
}
my ($class, $detail) = split /\./, $code;
my ($byte, $token, $tail) = (chr($class << 5 | $detail), pack("H*", $id) . "ds", $options . $body);
my ($n, $more) = part(length $tail);
print $way eq "udp" ? "\x44" . $byte . pack("H*", $id) . $token . $tail : chr($n << 4 | 4) . $more . $byte . $token . $tail;
PERL

# Heartbeats take their time: this one runs beside all the rest. The port for DTLS is one above the one for the plain protocol.
coap-server-gnutls -A 127.0.0.1 -p 4699 -k $key -d 50 >keeper.log 2>&1 &
keeper=$!
cat >keeper.conf <<CONF
provider "keeper" { address = {"127.0.0.1"} port = 4700 transport = {"udp"} psk-identity = "cpe-0001" psk-key = "$hex" scope = {"10.0.0.0/8"} nat-timeout = "20s" }
CONF
mkfifo keeper.in
$top/dotsch-serverd/dotsch-serverd -c keeper.conf <keeper.in >keeper.out 2>keeper.err &
kept=$!
exec 8>keeper.in
lab_line 20 keeper.out '"event":"up","peer":"keeper"'
ok $? 'dotsch-serverd calls a server of libcoap over DTLS'

# --- OpenSSL as the provider ---

# provider WAY ARGUMENT…: what dotsch-serverd calls; what comes from it goes to `got`, what goes to it comes from descriptor 9.
provider() {
	way=$1
	shift
	rm -f to got && mkfifo to && : >got
	openssl s_server -accept 4647 -nocert -psk $hex -psk_identity cpe-0001 -quiet "$@" <to >got 2>openssl.err &
	openssl_pid=$!
	exec 9>to
	cat >serverd.conf <<-CONF
		terminating-time = "0s"
		provider "isp" { address = {"127.0.0.1"} transport = {"$way"} psk-identity = "cpe-0001" psk-key = "$hex" scope = {"10.0.0.0/8"} consent = "auto" }
	CONF
	rm -f to.serverd && mkfifo to.serverd && : >serverd.out
	$top/dotsch-serverd/dotsch-serverd -c serverd.conf <to.serverd >>serverd.out 2>>serverd.err &
	serverd_pid=$!
	exec 7>to.serverd
	lab_line 20 serverd.out '"event":"up","peer":"isp"'
}
provider_over() {
	kill $serverd_pid && wait $serverd_pid
	status=$?
	exec 9>&- 7>&-
	kill $openssl_pid 2>/dev/null
	wait $openssl_pid 2>/dev/null
	is $status 0 "$1: dotsch-serverd ends with 0"
}
got() { od -An -v -tx1 got | tr -d ' \n' | grep -Eq "$1"; }
# heard HEX NAME: what comes holds this.
heard() { if wait_for 10 got "$1"; then ok 0 "$2"; else ok 1 "$2" && od -An -v -tx1 got | sed 's/^/# /'; fi; }
# asked NAME ANSWER CODE WORD…: ANSWER is the code in hexadecimal.
id=4096
asked() {
	name=$1 answer=$2
	shift 2
	id=$((id + 1))
	number=$(printf %04x $id)
	token=${number}6473
	code=$1
	shift
	perl frame.pl $way $code $number "$@" >&9
	if [ $way = udp ]; then heard "64$answer$number$token" "$way: $name"; else heard "$answer$token" "$way: $name"; fi
}
everything() {
	dots='.well-known dots'
	put=a101a10281a506816e3230332e302e3131332e392f33320a81110e190708198000816e31302e32302e33302e34302f333219800181a20819138809191392
	asked 'GET config is 2.05' 45 0.01 $dots config
	asked 'PUT mitigate is 2.01' 41 0.03 $dots mitigate cuid=x mid=7 12:010f =$put
	heard 'ffa101a10281a205070e190708' "$way: with mid and lifetime"
	asked 'the same again is 2.04' 44 0.03 $dots mitigate cuid=x mid=7 12:010f =$put
	asked 'with tag 271 before it, too' 44 0.03 $dots mitigate cuid=x mid=7 12:010f =d9010f$put
	asked 'another Content-Format is 4.15' 8f 0.03 $dots mitigate cuid=x mid=7 12:3c =$put
	asked 'no Content-Format is 4.15' 8f 0.03 $dots mitigate cuid=x mid=7 =$put
	asked 'mid before cuid is 4.00' 80 0.03 $dots mitigate mid=7 cuid=x 12:010f =$put
	asked 'trailing bytes are 4.00' 80 0.03 $dots mitigate cuid=x mid=8 12:010f =${put}00
	asked 'a body cut short is 4.00' 80 0.03 $dots mitigate cuid=x mid=8 12:010f =${put%??}
	asked 'an unknown comprehension-required key is 4.00' 80 0.03 $dots mitigate cuid=x mid=8 12:010f =a101a10281a2183c010e190708
	asked 'a 4.09 tells its cause in dots+cbor' 89 0.03 $dots mitigate cuid=x mid=6 12:010f =$put
	heard 'c2010f.{0,8}ffa101a10281a2050611a[0-9a-f]{2,12}1301' "$way: which is 1"
	asked 'POST is 4.05' 85 0.02 $dots mitigate cuid=x mid=7
	asked 'an unknown critical option is 4.02' 82 0.01 $dots config 65001:78
	asked 'an unknown elective option is passed over' 45 0.01 $dots config 65000:78
	asked 'Accept of another format is 4.06' 86 0.01 $dots config 17:3c
	asked 'Block1 with more to come is 4.13' 8d 0.03 $dots mitigate cuid=x mid=8 12:010f 27:0a =$put
	asked 'Block1 without its beginning is 4.08' 88 0.03 $dots mitigate cuid=x mid=8 12:010f 27:12 =$put
	asked 'an unknown mid is 4.04' 84 0.01 $dots mitigate cuid=x mid=99
	asked 'another resource is 4.04' 84 0.01 $dots telemetry
	asked 'DELETE is 2.02' 42 0.04 $dots mitigate cuid=x mid=7
	asked 'and again' 42 0.04 $dots mitigate cuid=x mid=7
	asked 'a heartbeat is 2.04' 44 0.03 $dots hb 12:010f =a11831a11833f5
}

provider udp -dtls1_2 -cipher ECDHE-PSK-CHACHA20-POLY1305
ok $? 'dotsch-serverd calls OpenSSL over DTLS 1.2'
printf '\100\000\022\064' >&9
heard '70001234' 'udp: a CoAP ping is answered with RST'
everything
printf '\111\001\022\065' >&9
heard '70001235' 'udp: a malformed CON (a token of 9 bytes) is answered with RST'
printf '\100\105\022\066' >&9
heard '70001236' 'udp: so is a CON answer to nothing'
asked 'and the session goes on' 45 0.01 .well-known dots config
provider_over udp

provider tcp -alpn coap
ok $? 'dotsch-serverd calls OpenSSL over TLS 1.3'
heard '^..e1' 'tcp: CSM is the first that comes'
printf '\000\341' >&9
everything
printf '\001\342\252' >&9
heard '01e3aa' 'tcp: Ping is answered with Pong and its token'
printf '\000\344' >&9
lab_line 10 serverd.out '"event":"down","peer":"isp","reason":"the peer released the connection","orderly":true'
ok $? 'tcp: Release ends it in good order'
provider_over tcp

provider tcp -alpn coap -tls1_2 -cipher ECDHE-PSK-CHACHA20-POLY1305
ok $? 'dotsch-serverd calls OpenSSL over TLS 1.2'
printf '\001\001\252' >&9
lab_line 10 serverd.out '"event":"down","peer":"isp","reason":"the first message must be a CSM'
ok $? 'tcp: what begins without CSM is left'
provider_over 'tcp, TLS 1.2'

rm -f to && mkfifo to
openssl s_server -accept 4647 -nocert -psk $hex -psk_identity cpe-0001 -quiet <to >got 2>openssl.err &
openssl_pid=$!
exec 9>to
: >serverd.out
mkfifo to.serverd2
$top/dotsch-serverd/dotsch-serverd -c serverd.conf <to.serverd2 >>serverd.out 2>>serverd.err &
serverd_pid=$!
exec 7>to.serverd2
lab_line 20 serverd.out '"event":"unreachable".*did not choose the protocol.*RFC 8323, 8[.]2'
ok $? 'a provider that does not choose ALPN coap is left (RFC 8323, 8.2)'
provider_over 'without ALPN'

# --- libcoap's client as the router ---
cat >client.conf <<CONF
listen { address = {"127.0.0.1"} }
peers-file = "peers.jsonl"
CONF
printf '{"name":"cpe-0001","psk-identity":"cpe-0001","psk-key":"%s","domain":["10.0.0.0/8"]}\n' $hex >peers.jsonl
mkfifo to.client
$top/dotsch-client/dotsch-client -c client.conf -s sock <to.client >client.out 2>client.err &
client=$!
exec 6>to.client
lab_line 10 client.out '"event":"listening"' || bail_out 'dotsch-client does not listen'
perl -e 'print pack "H*", "a11831a11833f5"' >hb
perl -e 'print pack "H*", "d9010fa11831a11833f5"' >tagged
head -c 3000 /dev/zero >big
# called SCHEME CODE NAME ARGUMENT…
called() {
	scheme=$1 want=$2 name=$3
	shift 3
	timeout 20 coap-client-gnutls -v 7 -u cpe-0001 -k $key -B 5 "$@" >coap.log 2>&1
	is "$(sed -n 's/^v:1 t:\(ACK\|NON\|CON\) c:\([245]\)\.\([0-9]*\) i:[0-9a-f]* {01} .*/\2.\3/p' coap.log | head -n 1)" $want "$scheme: $name"
}
for scheme in coaps coaps+tcp; do
	at=$scheme://127.0.0.1:4647/.well-known/dots
	called $scheme 2.04 'a heartbeat is 2.04' -m put -t 271 -f hb $at/hb
	called $scheme 2.04 'and as NON' -N -m put -t 271 -f hb $at/hb
	called $scheme 2.04 'and with tag 271' -m put -t 271 -f tagged $at/hb
	called $scheme 4.15 'as another Content-Format it is 4.15' -m put -t 60 -f hb $at/hb
	called $scheme 4.05 'POST of it is 4.05' -m post -t 271 -f hb $at/hb
	called $scheme 4.00 'with a cuid it is 4.00' -m put -t 271 -f hb $at/hb/cuid=x
	called $scheme 4.02 'an unknown critical option is 4.02' -m put -t 271 -f hb -O 65001,x $at/hb
	called $scheme 2.04 'an unknown elective one is passed over' -m put -t 271 -f hb -O 65000,x $at/hb
	called $scheme 4.04 'a Call Home client has no mitigations: 4.04' -m get $at/mitigate/cuid=x
	called $scheme 4.13 'a body in blocks is 4.13' -m put -t 271 -b 64 -f big $at/mitigate/cuid=x/mid=1
done
is "$(grep -c '"event":"up","peer":"cpe-0001"' client.out)" 20 'each of them was a session of its own'
kill $client
wait $client
is $? 0 'dotsch-client ends with 0'

# --- libcoap's server, which keeps what is PUT to it ---
put_twice() { [ "$(grep -c 'heartbeats without an answer' keeper.err)" = 0 ] && coap-client-gnutls -u us -k $key -B 5 -o kept coaps://127.0.0.1:4700/.well-known/dots/hb >/dev/null 2>&1 && [ -s kept ]; }
wait_for 40 put_twice
is "$(od -An -tx1 kept | tr -d ' \n')" a11831a11833f5 "a server of others has our heartbeat"
kill $kept
wait $kept
is $? 0 'dotsch-serverd ends with 0'
kill $keeper
is "$(cat serverd.err keeper.err client.err | grep -E 'Sanitizer|runtime error|Assertion')" '' 'nothing crashed or leaked'
done_testing
