#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2086
# The examples of dotsch-client(1) and dotsch-serverd(8) work as they stand there; only their files are elsewhere here.
set -u
. "${top_srcdir:-.}/tests/tap.sh"
. "${top_srcdir:-.}/tests/system/lab.sh"
. "${top_srcdir:-.}/tests/system/chain.sh"
command -v jq >/dev/null || skip_all 'jq is not installed'
if [ -z "${LAB_IN:-}" ]; then lab_flags >/dev/null || skip_all 'no network namespaces can be made here'; fi
lab_enter "$0" || bail_out 'the lab cannot be entered'
man=$(cd "${top_srcdir:-.}/man" && pwd)
chain_path "$(cd "${top_builddir:-.}" && pwd)"
lab_up || bail_out 'the lab does not come up'
cd $LAB || exit 1
umask 077
# Which process an example has started.
mkdir bin && printf '#!/bin/sh\necho $$ >%s\nexec %s "$@"\n' $LAB/serverd.pid "$(command -v dotsch-serverd)" >bin/dotsch-serverd && chmod +x bin/dotsch-serverd
PATH=$LAB/bin:$PATH

# example PAGE WORDS: the display whose first line has these words, as a reader sees it, with the paths of this test.
example() {
	awk -v words="$2" '
		/^\.Dl / && index($0, words) { sub(/^\.Dl /, ""); print; exit }
		/^\.Bd -literal/ { getline; if (index($0, words)) { while ($0 != ".Ed") { print; getline } exit } }' "$man/$1" |
		sed "s/\\\\e/\\\\/g; s/\\\\(dq/\"/g; s/\\\\&//g; s|/etc/dotsch|$LAB|g; s|/run/dotsch|$LAB|g; s|/var/lib/dotsch-[a-z]*|$LAB|g"
}

# The configurations and peers that dotsch-client(1) shows.
chain_certificates || bail_out 'certtool'
cp ch.isp.example.crt client.crt && cp ch.isp.example.key client.key && cp ca.crt customers.crt
printf 'expiration_days = 2\ncrl_number = 1\n' >crl.tmpl
certtool --generate-crl --load-ca-privkey ca.key --load-ca-certificate ca.crt --template crl.tmpl --outfile customers.crl 2>/dev/null
example dotsch-client.1 'listen {' | if command -v sqlite3 >/dev/null; then cat; else grep -v psk-database; fi >shown.conf
[ ! "$(command -v sqlite3)" ] || sqlite3 keys.db 'CREATE TABLE psk (identity PRIMARY KEY, key)'
{ example dotsch-client.1 '{"name":"cpe-0001"' && example dotsch-client.1 '{"name":"dms"'; } |
	awk '{ n++; gsub(/"psk-key":"<hex>"/, "\"psk-key\":\"" sprintf("%032d", n) "\""); gsub(/"<[^>]*>"/, "\"" sprintf("%064d", n) "\""); gsub(/\[\.\.\.\]/, "[\"10.0." n ".0/24\"]") } 1' |
	jq -c . >peers.jsonl
is "$(wc -l <peers.jsonl)" 6 'dotsch-client(1) shows six peers'
dotsch-client -n -c shown.conf >said 2>&1
is $? 0 'which are taken, and its configuration, too'
like "$(cat said)" '# 6 peers' 'all of them' || sed 's/^/# /' said

# A base DOTS server as dotsch-serverd(8) shows it.
cp ch.isp.example.crt dots.crt && cp ch.isp.example.key dots.key
example dotsch-serverd.8 'listen {' >base.conf
dotsch-serverd -n -c base.conf >said 2>&1
is $? 0 "dotsch-serverd(8)'s base DOTS server is taken" || sed 's/^/# /' said

# The chain of dotsch-serverd(8), with its configuration, and the mitigation of dotsch-client(1).
chain_config udp psk
rm serverd.conf
example dotsch-serverd.8 'state =' >serverd.conf
dotsch-serverd -n -c serverd.conf >said 2>&1
is $? 0 'and its configuration of a router' || sed 's/^/# /' said
# Here a device's port is seen as it is.
at router nft flush chain ip nat post && at router nft add rule ip nat post oifname wan masquerade || bail_out 'NAT'
chain_client -s $LAB/client.sock
lab_line 10 client.out '"event":"listening"' || bail_out 'no listener'
example dotsch-serverd.8 '--exec' >chain
nsenter --net=/run/netns/router -- sh ./chain </dev/null >serverd.out 2>serverd.err 8>&- &
chain_pid=$!
lab_line 10 client.out '"event":"up"'
ok $? "dotsch-serverd(8)'s chain calls home" || chain_complain
nsenter --net=/run/netns/bad -- flood --rate 100 --port 5005 203.0.113.9 443 >flood.out 8>&- &
flood_pid=$!
flowing() { at router conntrack -L -p udp -s 192.168.1.66 --orig-port-src 5005 2>/dev/null | grep -q .; }
lab_wait 10 flowing
{ echo 'page-somebody() { echo paged; }' && example dotsch-client.1 'mitigate --wait'; } | sed 's/page-somebody/page_somebody/' >mitigate
sh ./mitigate >said 2>&1
is "$?: $(grep -c paged said)" '0: 0' "dotsch-client(1)'s mitigation takes hold, and nobody is paged" || sed 's/^/# /' said
like "$(at router dotsch-block show -j)" '"rule"' 'there is a rule'
kill $flood_pid "$(cat serverd.pid)"
wait $chain_pid
is $? 0 'and the chain ends with 0'

# What a message says.
example dotsch-client.1 'decode a1' >decode
is "$(sh ./decode | jq -r '.valid')" true 'the message is read'

# What is asked for, and nothing blocked. jq writes at the end.
: >client.out
example dotsch-serverd.8 '</dev/null | jq' >only
nsenter --net=/run/netns/router -- sh ./only >asked 2>only.err 8>&- &
only_pid=$!
lab_line 10 client.out '"event":"up"' || chain_complain
kill "$(cat serverd.pid)"
wait $only_pid
is $? 0 "dotsch-serverd(8)'s pipe into jq ends with it"
like "$(cat asked)" '"event":"up"' 'and has shown the lines' || sed 's/^/# /' only.err
done_testing
