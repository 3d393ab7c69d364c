#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2086,SC2094
# CH-03: the base signal channel and Call Home between the same two hosts at once, in opposite directions, told apart by port (RFC 9066, Appendix B). Then both
# in a row: what a client asks of a base server is passed on to the router that called home (RFC 9066, 1.2, Figure 5).
. "${top_srcdir:-.}/tests/tap.sh"
. "${top_srcdir:-.}/tests/system/lab.sh"
. "${top_srcdir:-.}/tests/system/chain.sh"
command -v coap-client-gnutls >/dev/null || skip_all 'coap-client-gnutls (libcoap3-bin) is not here'
if [ -z "${LAB_IN:-}" ]; then lab_flags >/dev/null || skip_all 'no network namespaces can be made here'; fi
lab_enter "$0" || bail_out 'the lab cannot be entered'
chain_path "${top_builddir:-.}"
lab_up || bail_out 'the lab does not come up'
CUID=JsS3O6jh2HfM8ypzxXQUQQ
(umask 077 && printf 'dotsexampletest0' | od -An -tx1 | tr -d ' \n' >$LAB/psk.key)
chain_config udp psk || bail_out 'no configuration'
# What the router's enforcing side says comes from here.
mkfifo $LAB/say
exec 6<>$LAB/say
CHAIN_PIPELINE="cat $LAB/say & exec tee -a $LAB/router.map >/dev/null"

# The provider's base server, for its customer the router: its lines go to the Call Home client of the same host when `$1` is chained.
cat >$LAB/base.conf <<-CONF
	terminating-time = "0s"
	listen { address = {"100.64.8.1", "203.0.113.1"} }
	client "customer" { psk-identity = {"cpe-base"} psk-key-file = {"$LAB/psk.key"} target-scope = {"100.64.8.21/32"} }
	client "victim" { psk-identity = {"victim"} psk-key-file = {"$LAB/psk.key"} target-scope = {"203.0.113.0/24"} }
CONF
body() { perl -e 'print pack "H*", $ARGV[0]' "$2" >$LAB/$1; }
# coap HOST IDENTITY SERVER PATH [ARGUMENT…]
coap() {
	coap_host=$1 coap_user=$2 coap_uri=coaps://$3/.well-known/dots/$4
	shift 4
	rm -f $LAB/answer
	at $coap_host timeout 20 coap-client-gnutls -U -N -B 5 -v 7 -u $coap_user -k dotsexampletest0 -o $LAB/answer "$@" "$coap_uri" >$LAB/coap.log 2>&1
	[ ! -s $LAB/answer ] || dotsch-client decode "$(od -An -tx1 $LAB/answer | tr -d ' \n')" 2>/dev/null || cat $LAB/answer
}

nsenter --net=/run/netns/provider -- dotsch-serverd -c $LAB/base.conf </dev/null >>$LAB/base.out 2>>$LAB/base.err &
base_pid=$!
sed -i 's|consent = "auto"|& legitimate-target = {"203.0.113.77/32"}|' $LAB/serverd.conf
chain_client && lab_line 10 $LAB/client.out '"event":"listening"' && chain_serverd && chain_up 10
ok $? 'the router calls home, to port 4647 of the provider' || bail_out 'no session'

# target 100.64.8.21/32, lifetime 1800
body own 'a101a10281a206816e3130302e36342e382e32312f33320e190708'
like "$(coap router cpe-base 100.64.8.1:4646 mitigate/cuid=$CUID/mid=1 -m put -t 271 -f $LAB/own)" '"mid":1.*"lifetime":1800' 'CH-03: and asks its provider for protection, on port 4646 of the same host'
lab_line 5 $LAB/base.out '"mitigate".*"peer":"customer".*"target-prefix":\["100[.]64[.]8[.]21/32"\]'
ok $? 'which the base server hands on'
printf '{"type":"mitigate","ref":"down","ietf-dots-signal-channel:mitigation-scope":{"scope":[{"target-prefix":["203.0.113.9/32"],"lifetime":600,"ietf-dots-call-home:source-prefix":["100.64.8.21/32"],"ietf-dots-call-home:source-port-range":[{"lower-port":5000}]}]}}\n' >&8
lab_line 10 $LAB/client.out '"ref":"down".*"code":"2[.]01"'
ok $? 'while the provider asks the router, over the session that the router opened'
lab_line 5 $LAB/router.map '"mitigate".*"peer":"isp"'
ok $? 'which hands it on'
is "$(grep -c '"peer":"customer"' $LAB/router.map) $(grep -c 203.0.113.9 $LAB/base.out)" '0 0' 'neither channel carries what belongs to the other'
is "$(coap router cpe-base 100.64.8.1:4646 mitigate/cuid=$CUID/mid=1 -m get | grep -c 203.0.113.9)" 0 'nor shows it'
coap router cpe-base 100.64.8.1:4646 mitigate/cuid=$CUID/mid=1 -m delete >/dev/null
lab_line 5 $LAB/base.out '"withdraw".*"peer":"customer"'
ok $? 'and the one ends without the other'
is "$(grep -c '"withdraw"' $LAB/router.map)" 0 'as the router sees'
kill $base_pid $chain_client_pid
wait $base_pid $chain_client_pid

# Figure 5: victim ─(base)▶ serverd | client ─(Call Home)▶ router. What the client tells goes back into the server.
: >$LAB/client.out
: >$LAB/base.out
mkfifo $LAB/back
exec 7<>$LAB/back
{
	nsenter --net=/run/netns/provider -- dotsch-serverd -c $LAB/base.conf <$LAB/back 2>>$LAB/base.err 7>&- 8>&- | tee $LAB/base.out |
		nsenter --net=/run/netns/provider -- dotsch-client -c $LAB/client.conf 2>>$LAB/client.err 7>&- 8>&- | tee $LAB/client.out >$LAB/back
} &
lab_line 30 $LAB/client.out '"event":"up"'
ok $? 'Figure 5: the router is with the client behind a base server'
# target 203.0.113.9/32, lifetime 900, source 100.64.8.21/32, source port 6000
body ask 'a101a10281a406816e3230332e302e3131332e392f33320e190384198000816e3130302e36342e382e32312f333219800181a108191770'
like "$(coap victim victim 203.0.113.1:4646 mitigate/cuid=$CUID/mid=40 -m put -t 271 -f $LAB/ask)" '"mid":40.*"lifetime":900' 'a victim asks its DOTS server'
lab_line 10 $LAB/client.out '"origin":\{"peer":"victim","cuid":"'$CUID'","mid":40\}.*"code":"2[.]01"'
ok $? 'the request is passed on under an identity of its own, and keeps its origin'
lab_line 10 $LAB/router.map '"mitigate".*"lower-port":6000'
ok $? 'it arrives at the router of the source'
is "$(grep '"lower-port":6000' $LAB/router.map | grep -c "$CUID\|\"mid\":40,")" 0 'which hears nothing of whom it came from'
sed -n 's/.*"mitigate".*"peer":"isp","cuid":"\([^"]*\)","mid":\([0-9]*\),.*"lower-port":6000.*/{"type":"status","peer":"isp","cuid":"\1","mid":\2,"status":"attack-successfully-mitigated"}/p' $LAB/router.map | tail -n 1 >&6
told() { coap victim victim 203.0.113.1:4646 mitigate/cuid=$CUID/mid=40 -m get | grep -q '"status":"attack-successfully-mitigated"'; }
lab_wait 20 told
ok $? 'whose status comes back to the victim, once it blocks'
coap victim victim 203.0.113.1:4646 mitigate/cuid=$CUID/mid=40 -m delete >/dev/null
lab_line 10 $LAB/client.out '"origin":\{"peer":"victim","cuid":"'$CUID'","mid":40\}.*"code":"2[.]02"'
ok $? 'a withdrawal is passed on by its origin'
lab_line 10 $LAB/router.map '"withdraw"'
ok $? 'to the end'
# target 203.0.113.77/32, which the router's owner knows as legitimate, source port 6001
body denied 'a101a10281a406816f3230332e302e3131332e37372f33320e190384198000816e3130302e36342e382e32312f333219800181a108191771'
coap victim victim 203.0.113.1:4646 mitigate/cuid=$CUID/mid=41 -m put -t 271 -f $LAB/denied >/dev/null
lab_line 10 $LAB/client.out '"origin":\{"peer":"victim","cuid":"'$CUID'","mid":41\}.*"code":"4[.]09"'
ok $? 'another request is refused below'
denied() { coap victim victim 203.0.113.1:4646 mitigate/cuid=$CUID/mid=41 -m get | grep '"status":"attack-mitigation-withdrawn"' | grep -q '"conflict-cause":"request-rejected-legitimate-traffic"'; }
lab_wait 20 denied
ok $? 'which the victim reads as status 7 with cause 4'
coap victim victim 203.0.113.1:4646 mitigate/cuid=$CUID/mid=41 -m put -t 271 -f $LAB/denied >/dev/null
like "$(cat $LAB/coap.log)" '4[.]09' 'and, asking again, as 4.09'
is "$(grep -hE 'Sanitizer|runtime error|Assertion' $LAB/base.err $LAB/client.err $LAB/serverd.err)" '' 'nothing crashed or leaked'
[ "$tap_failed" -eq 0 ] || { chain_complain; tail -n 10 $LAB/base.err $LAB/base.out $LAB/coap.log >&2; }
done_testing
