#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2086
# Every line that the programs write is what contrib/dotsch-lines.schema.json says, judged by a validator that is not ours. The lines are those of the
# system tests that ran before, and of a chain of its own here, which is asked for one of each type.
set -u
. "${top_srcdir:-.}/tests/tap.sh"
. "${top_srcdir:-.}/tests/system/lab.sh"
. "${top_srcdir:-.}/tests/system/chain.sh"
python=''
for p in /usr/bin/python3 python3; do
	if $p -c 'import jsonschema; jsonschema.Draft202012Validator' 2>/dev/null; then python=$p && break; fi
done
[ -n "$python" ] || skip_all 'no JSON Schema validator: install python3-jsonschema'
if [ -z "${LAB_IN:-}" ]; then lab_flags >/dev/null || skip_all 'no network namespaces can be made here'; fi
lab_enter "$0" || bail_out 'the lab cannot be entered'
top=$(cd "${top_srcdir:-.}" && pwd)
schema=$top/contrib/dotsch-lines.schema.json
chain_path "${top_builddir:-.}"
lab_up || bail_out 'the lab does not come up'
validate() { $python $top/tests/system/lines.py $schema "$@"; }

chain_start udp psk || bail_out 'no session'
mkdir $LAB/more

# send REF LINE: to the client, and its answer.
send() {
	printf '%s\n' "$2" >&8
	lab_line 10 $LAB/client.out "\"ref\":\"$1\"" || echo "# no answer to $1"
}
scope() { printf '"ietf-dots-signal-channel:mitigation-scope":{"scope":[{"target-prefix":["203.0.113.%s/32"],"target-protocol":[17],"target-port-range":[{"lower-port":443}],"lifetime":600,"ietf-dots-call-home:source-prefix":["100.64.8.21/32"]%s}]}' "$1" "${2:-}"; }
owner() { at router dotsch-serverd -s $LAB/serverd.sock --json "$@" >>$LAB/more/owner; }

kill -TERM $chain_serverd_pid
wait $chain_serverd_pid
sed -i 's/consent = "auto"/consent = "ask"/' $LAB/serverd.conf
: >$LAB/client.out
chain_serverd -s $LAB/serverd.sock
lab_line 10 $LAB/client.out '"event":"up"' || bail_out 'no session'
send m1 "{\"type\":\"mitigate\",\"ref\":\"m1\",$(scope 9)}"
send m2 "{\"type\":\"mitigate\",\"ref\":\"m2\",$(scope 10 ',"ietf-dots-call-home:source-port-range":[{"lower-port":5000,"upper-port":5010}]')}"
lab_line 10 $LAB/client.out '"ref":"m2".*"code":"2[.]01"'
ok $? 'two requests are taken'
lab_line 10 $LAB/router.map '"consent":"pending"'
owner pending
mids=$(sed -n 's/.*"type":"mitigation".*"mid":\([0-9]*\),"state".*/\1/p' $LAB/more/owner)
for mid in $mids; do owner accept $mid 192.168.1.66 2>/dev/null || owner reject $mid; break; done
for mid in $mids; do :; done
owner reject $mid
lab_line 10 $LAB/client.out '"type":"status".*"conflict'
ok $? 'the owner rejects one'
owner show
owner sessions
owner audit
at router dotsch-serverd -s $LAB/serverd.sock --json accept 4000000000 >>$LAB/more/owner 2>/dev/null
lab_line 10 $LAB/router.status '"status":"attack-successfully-mitigated"' || :
at router dotsch-block show --json >$LAB/more/rule 2>/dev/null
mid=$(sed -n 's/.*"type":"response".*"ref":"m1".*"mid":\([0-9]*\),"method":"PUT".*/\1/p' $LAB/client.out)
# A command about a request that stands is answered under the request's own ref.
printf '%s\n' "{\"type\":\"query\",\"to\":\"cpe-0001\",\"ref\":\"query\",\"mid\":$mid}" >&8
lab_line 10 $LAB/client.out '"method":"GET".*"code":"2[.]05"' || echo '# no answer to query'
send config '{"type":"config","to":"cpe-0001","ref":"config"}'
send all '{"type":"query","to":"cpe-0001","ref":"all"}'
send redirect '{"type":"redirect","to":"cpe-0001","ref":"redirect"}'
send peers '{"type":"peers","ref":"peers"}'
send watch '{"type":"watch","ref":"watch"}'
send pending '{"type":"pending","ref":"pending"}'
send new '{"type":"peer","action":"add","ref":"new","name":"new","certificate-name":"new.example","domain":["192.0.2.0/24"]}'
send waits "{\"type\":\"mitigate\",\"to\":\"new\",\"ref\":\"waits\",$(scope 11 | sed 's|100.64.8.21/32|192.0.2.1/32|')}"
printf '{"type":"withdraw","ref":"waits"}\n' >&8
send gone '{"type":"peer","action":"remove","ref":"gone","name":"new"}'
send bad '{"type":"mitigate","ref":"bad","lifetime":-7}'
send redirected '{"type":"redirect","to":"cpe-0001","ref":"redirected","ietf-dots-signal-channel:redirected-signal":{"ietf-dots-call-home:alt-ch-client":"ch2.isp.example","ietf-dots-call-home:ttl":60}}'
printf '{"type":"withdraw","ref":"m1"}\n' >&8
lab_line 10 $LAB/client.out '"ref":"m1".*"code":"2[.]02"'
ok $? 'the other one is withdrawn'

# The provider's map, the look-up, and what dotsch-block tells by itself.
nsenter --net=/run/netns/good -- talk --rate 20 --port 40000 $CHAIN_VICTIM $CHAIN_PORT >/dev/null &
talk_pid=$!
flows() { at provider conntrack -L -p udp -d $CHAIN_VICTIM 2>/dev/null | grep -q .; }
lab_wait 10 flows
at provider dotsch-map export --conntrack >$LAB/cgn.json
port=$(at provider conntrack -L -p udp -d $CHAIN_VICTIM 2>/dev/null | sed -n 's/.* dport=\([0-9]*\).*/\1/p' | head -n 1)
dotsch-map lookup --json --nat $LAB/cgn.json 198.51.100.5:$port/udp >$LAB/more/lookup
dotsch-map lookup --json --nat $LAB/cgn.json 198.51.100.5:1/udp >>$LAB/more/lookup
{
	printf '{"type":"mitigate","attack-time":"%s","ref":"n1",%s}\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" \
		"$(scope 9 ",\"ietf-dots-call-home:source-port-range\":[{\"lower-port\":$port}]" | sed 's|100.64.8.21/32|198.51.100.5/32|')"
	printf '{"type":"mitigate","ref":"n2",%s}\n' "$(scope 9 | sed 's|100.64.8.21/32|198.51.100.5/32|')"
	printf '{"type":"withdraw","ref":"n1"}\nnot a line\n'
} | dotsch-map --nat $LAB/cgn.json >$LAB/more/map 2>/dev/null
like "$(cat $LAB/more/map)" '"type":"mitigate".*"nat"' "the provider's map resolves one"
at router dotsch-block check --json >$LAB/more/check 2>/dev/null
# Written by owners only.
sed -n 's/^[.]Dl \({"type":"decision".*\)/\1/p' $top/man/dotsch-serverd.8 >$LAB/more/decision
kill -TERM $talk_pid $chain_serverd_pid
wait $talk_pid $chain_serverd_pid
lab_line 10 $LAB/client.out '"event":"down"'

result=$(validate $LAB/client.out $LAB/serverd.out $LAB/router.map $LAB/router.status $LAB/more/*)
ok $? 'every line is what the schema says'
printf '%s\n' "$result" | sed 's/^/# /'
is "$(printf '%s\n' "$result" | sed -n 's/^never: //p')" '' 'and there was one of every type'

# The validator can say no.
mutant() {
	sed -n "/\"type\":\"$1\"/{$2;p;q;}" $LAB/client.out $LAB/router.map $LAB/router.status >$LAB/mutant
	[ -s $LAB/mutant ] && ! validate $LAB/mutant >/dev/null
	ok $? "a $1 line is refused after $2"
}
mutant mitigate 's/"consent":"[a-z]*"/"consent":"perhaps"/'
mutant mitigate 's/"mid":/"middle":/'
mutant status 's/"status":"[a-z-]*"/"status":"all-is-well"/'
mutant response 's/"code":"2/"code":"9/'
mutant session 's/,"time":"[^"]*"//'
mutant session 's/"type":"session",\("time":"[^"]*"\)/\1,"type":"session"/'

# What the tests before have written.
if [ -d "${LAB_KEEP:-/nowhere}" ] && set -- "$LAB_KEEP"/*.lines && [ -e "$1" ]; then
	result=$(validate "$@")
	ok $? "so is every line of $# files that other tests have left"
	printf '%s\n' "$result" | head -n 40 | sed 's/^/# /'
fi
done_testing
