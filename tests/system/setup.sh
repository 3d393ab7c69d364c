#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# contrib/setup-provider and contrib/setup-router: what they make is accepted by the programs, a router calls home with it, and nothing is overwritten.
set -u
. "${top_srcdir:-.}/tests/tap.sh"
. "${top_srcdir:-.}/tests/system/lab.sh"
if [ -z "${LAB_IN:-}" ]; then lab_flags >/dev/null || skip_all 'no network namespaces can be made here'; fi
lab_enter "$0" || bail_out 'the lab cannot be entered'
contrib=$(cd "${top_srcdir:-.}/contrib" && pwd)
DOTSCH_BUILD=$(cd "${top_builddir:-.}" && pwd)
export DOTSCH_BUILD
client=$DOTSCH_BUILD/dotsch-client/dotsch-client serverd=$DOTSCH_BUILD/dotsch-serverd/dotsch-serverd
ip link set lo up || bail_out 'no loopback'
cd "$LAB" || exit 1

provider() { "$contrib/setup-provider" "$@" </dev/null >"$LAB/said" 2>&1; }
router() { "$contrib/setup-router" "$@" </dev/null >"$LAB/said" 2>&1; }
said() { cat "$LAB/said"; }
modes() { (cd "$1" && stat -c '%a %n' "$2"); }
state_of() { (cd "$1" && find . -type f -exec cksum {} + | sort); }

# refuses STATUS PATTERN NAME COMMAND…: and nothing in the two folders changes.
refuses() {
	want=$1 pattern=$2 test_name=$3
	shift 3
	before=$(state_of "$LAB")
	"$@"
	is $? "$want" "$test_name: exit $want"
	like "$(said)" "$pattern" "$test_name: says why"
	rm -f "$LAB/said"
	[ "$(state_of "$LAB" | grep -v /said)" = "$(printf '%s\n' "$before" | grep -v /said)" ]
	ok $? "$test_name: nothing was changed"
}

# comes_up FOLDER: both agents of FOLDER, until each has told that the session is up.
comes_up() {
	mkfifo "$1/commands"
	exec 8<>"$1/commands"
	"$client" -c "$1/isp/client.conf" <"$1/commands" >"$1/client.out" 2>"$1/client.err" 8>&- &
	client_pid=$!
	lab_line 10 "$1/client.out" '"event":"listening"' &&
		{ "$serverd" -c "$1/router/serverd.conf" --exec 'exec cat >/dev/null' </dev/null >"$1/serverd.out" 2>"$1/serverd.err" 8>&- & } &&
		serverd_pid=$! && lab_line 10 "$1/client.out" '"event":"up"' && lab_line 10 "$1/serverd.out" '"event":"up"'
}

goes_down() {
	kill -TERM "$serverd_pid" "$client_pid"
	wait "$serverd_pid"
	is $? 0 "$1: dotsch-serverd ends with 0"
	wait "$client_pid"
	is $? 0 "$1: dotsch-client ends with 0"
	is "$(cat "$1"/*.err | grep -E 'Sanitizer|runtime error|Assertion')" '' "$1: nothing crashed or leaked"
	exec 8>&-
}

chain() {
	auth=$1
	shift
	mkdir "$auth"
	provider --dir "$auth/isp" --listen 127.0.0.1 "--$auth" "$@"
	is $? 0 "$auth: setup-provider" || said
	like "$(said)" 'dotsch-client.* -c .*/isp/client.conf' "$auth: it says what to run"
	provider --dir "$auth/isp" --add-router cpe-0001 --domain 100.64.8.21/32,2001:db8:123::/64
	is $? 0 "$auth: setup-provider --add-router" || said
	like "$(said)" 'setup-router --from cpe-0001.bundle' "$auth: it says what to run on the router"
	router --dir "$auth/router" --from "$auth/isp/routers/cpe-0001.bundle" --consent auto
	is $? 0 "$auth: setup-router" || said
	like "$(said)" "dotsch-serverd.* -c .*/router/serverd.conf .*--exec '.*dotsch-map --conntrack \| .*dotsch-block'" "$auth: it says what to run"
	"$client" -n -c "$auth/isp/client.conf" >"$auth/isp.n" 2>&1
	is $? 0 "$auth: dotsch-client -n"
	"$serverd" -n -c "$auth/router/serverd.conf" >"$auth/router.n" 2>&1
	is $? 0 "$auth: dotsch-serverd -n"
	like "$(cat "$auth/router.n")" 'scope = [{]"100.64.8.21/32", "2001:db8:123::/64"[}]' "$auth: the router's domain is its scope"
	is "$(modes "$auth/isp" peers.jsonl) $(modes "$auth/isp/routers" cpe-0001.bundle) $(modes "$auth/router" isp.key)" \
		'600 peers.jsonl 400 cpe-0001.bundle 600 isp.key' "$auth: secrets are for their owner"
	comes_up "$auth"
	ok $? "$auth: the router calls home (CH-02)" || cat "$auth"/*.err
	like "$(grep '"event":"up"' "$auth/client.out")" '"peer":"cpe-0001"' "$auth: and is known by its name"
	goes_down "$auth"
}

chain psk
chain x509 --server-name ch.isp.example
is "$(modes x509/isp ca.key) $(modes x509/isp server.key)" '400 ca.key 600 server.key' 'x509: so are the private keys'

# The same once more changes nothing, and says the same.
for auth in psk x509; do
	before=$(state_of "$auth/isp")
	# shellcheck disable=SC2046
	provider --dir "$auth/isp" --listen 127.0.0.1 "--$auth" $([ $auth = psk ] || echo --server-name ch.isp.example)
	is $? 0 "$auth: setup-provider once more" || said
	like "$(said)" 'dotsch-client.* -c .*/isp/client.conf' "$auth: it says what to run"
	provider --dir "$auth/isp" --add-router cpe-0001 --domain 100.64.8.21/32,2001:db8:123::/64
	is $? 0 "$auth: the same router once more" || said
	like "$(said)" 'cpe-0001 is there already, and nothing was changed' "$auth: it says so"
	[ "$before" = "$(state_of "$auth/isp")" ]
	ok $? "$auth: nothing is another at the provider"
	before=$(state_of "$auth/router")
	router --dir "$auth/router" --from "$auth/isp/routers/cpe-0001.bundle" --consent auto
	is $? 0 "$auth: setup-router once more" || said
	like "$(said)" 'dotsch-serverd.* -c .*/router/serverd.conf' "$auth: it says what to run"
	[ "$before" = "$(state_of "$auth/router")" ]
	ok $? "$auth: nothing is another at the router"
done
# Whatever is there already stays.
refuses 1 'client.conf is there already' 'another setup-provider' provider --dir psk/isp --listen 127.0.0.1 --psk --port 4648
refuses 1 'there is a router cpe-0001' 'the same router again' provider --dir psk/isp --add-router cpe-0001 --domain 192.0.2.1
refuses 1 '100.64.8.21/32 belongs to cpe-0001 already [(]RFC 9066, 5.3.1[)]$' "another router's prefix" provider --dir psk/isp --add-router cpe-0002 --domain 100.64.8.21/32
refuses 1 'serverd.conf is there already' 'a second setup-router' router --dir psk/router --from psk/isp/routers/cpe-0001.bundle
refuses 1 'provider isp in .* already' 'the same provider again' router --dir psk/router --add --from psk/isp/routers/cpe-0001.bundle
router --dir psk/router --add --name other --from x509/isp/routers/cpe-0001.bundle
is $? 0 '--add: another provider' || said
like "$("$serverd" -n -c psk/router/serverd.conf)" 'provider "other"' '--add: both stand in the configuration'
old=$(cat psk/router/isp.key)
router --dir psk/router --name isp --provider-address 127.0.0.1 --scope 100.64.8.22 --psk --psk-identity cpe-0003 --force
is $? 0 '--force replaces' || said
is "$(cat psk/router/isp.key.old)" "$old" '--force keeps the old file'
[ "$(cat psk/router/isp.key)" != "$old" ]
ok $? 'a router without a bundle makes a key'
like "$(said)" 'setup-provider --add-router cpe-0003 --psk-key-file cpe-0003.key --domain 100.64.8.22' 'and says how the provider takes it'
provider --dir psk/isp --add-router cpe-0003 --psk-key-file psk/router/isp.key --domain 100.64.8.22
is $? 0 'the provider takes it' || said
like "$(tail -n 1 psk/isp/peers.jsonl)" "$(cat psk/router/isp.key)" 'and has it'
like "$("$client" -n -c psk/isp/client.conf)" '^# 2 peers' 'with the other one'

by_hand() { router --dir hand --name isp --provider-address 2001:db8::1 --scope 2001:db8:123::/56 --psk --psk-identity cpe-0009; }
by_hand
is $? 0 'a router without a bundle, over IPv6' || said
before=$(state_of hand) first=$(said)
by_hand
is "$? $(said)" "0 $first" 'once more: it says the same'
is "$(state_of hand)" "$before" 'and changes nothing'

# What is wrong is said; where a terminal would be asked, a script is told what is missing.
refuses 100 '--listen is missing' 'no address' provider --dir new --psk
refuses 100 '--server-name is missing' 'no name for the certificate' provider --dir new --x509 --listen 127.0.0.1
refuses 1 'not a prefix' 'a bad prefix' provider --dir new --listen 127.0.0.1 --add-router a --domain 'x"y'
refuses 1 'letters, digits' 'a bad name' provider --dir psk/isp --add-router ../../evil --domain 192.0.2.1
refuses 1 'not a port' 'a bad port' provider --dir new --listen 127.0.0.1 --port 70000
refuses 1 'not set up by setup-provider' 'a router before the first run' provider --dir new --add-router a --domain 192.0.2.1
refuses 1 'dotsch-client -n refuses' 'an address that only the program finds wrong' provider --dir new --listen 127.0.0.300
refuses 100 'unknown' 'an unknown option' router --no-such
refuses 1 'cannot be read' 'no bundle' router --dir new --from none
sed '$d' psk/isp/routers/cpe-0001.bundle >cut.bundle
refuses 1 'cut short' 'a bundle that was cut' router --dir new --from cut.bundle
sed 's/^provider .*/provider x" { }/' psk/isp/routers/cpe-0001.bundle >evil.bundle
refuses 1 'letters, digits' 'a bundle with a wrong word' router --dir new --from evil.bundle
[ ! -d new ]
ok $? 'what was refused leaves no folder'

# dotsch.conf(5) and the tables of the programs name the same keys.
page=${top_srcdir:-.}/man/dotsch.conf.5
case $page in /*) ;; *) page=$contrib/../man/dotsch.conf.5 ;; esac
table_keys() { sed -n 's/.*{ [.]name = "\([a-z0-9-]*\)", [.]type = CONF_.*/\1/p' "$@" | sort -u; }
page_keys() { awk -v from="$1" -v to="$2" '$0 == from { on = 1; next } $0 == to { on = 0 } on && /^[.]It (Ic|Cm) / { for (i = 3; i <= NF; i++) if ($i != ",") print $i }' "$page" | sort -u; }
is "$(page_keys '.Sh CLIENT.CONF' '.Sh PEERS.JSONL')" "$(table_keys "$contrib/../dotsch-client/config.c")" 'dotsch.conf(5) has every key of client.conf, and no other'
is "$(page_keys '.Sh SERVERD.CONF' '.Sh FILES')" "$(table_keys "$contrib"/../dotsch-serverd/settings*.c)" 'dotsch.conf(5) has every key of serverd.conf, and no other'
defaults() { sed -n 's/.*{ [.]name = "\([a-z0-9-]*\)", [.]type = CONF_[A-Z]*, [.]fallback = "\([^"]*\)".*/\1 \2/p' "$@" | sort -u; }
page_defaults() { awk '/^[.]It (Ic|Cm) / { key = $3 } /^Default: / { sub(/[.]$/, "", $2); print key, $2 }' "$page" | sort -u; }
# The clients' own default of consent is not one of the tables.
is "$(page_defaults)" "$({ defaults "$contrib/../dotsch-client/config.c" "$contrib"/../dotsch-serverd/settings*.c && echo 'consent auto'; } | sort -u)" 'and their defaults'

# Each line of an example in the page is taken by its program. The files it names stand elsewhere here.
examples() { awk -v from="$1" -v to="$2" '$0 == from { on = 1 } $0 == to { on = 0 } on && /^([.]Dl )?[a-z0-9-]+ ([={]|[^ ]* [{]) / && sub(/^([.]Dl )?/, "")' "$page" | sed 's/\\(dq/"/g'; }
mkdir page && cp x509/isp/server.* x509/isp/ca.crt psk/isp/peers.jsonl page && cp psk/router/isp.key page
{
	echo 'listen {'
	examples '.Sh CLIENT.CONF' '.Sh PEERS.JSONL' | grep -E '^(address|transport) '
	echo '}'
	examples '.Sh CLIENT.CONF' '.Sh PEERS.JSONL' | grep -vE '^(address|transport|crl-file|psk-database) '
} | sed "s|/var/lib/dotsch-client|$LAB/page|" >page/client.conf
"$client" -q -n -c page/client.conf >said 2>&1
is $? 0 'every example of client.conf is taken' || said
is "$(grep -c = page/client.conf)" 15 'which are fifteen'
# A provider is found by its address or by its domain, and has one kind of credential. The files have to be there.
cp x509/isp/server.crt page/dots.crt && cp psk/router/isp.key page/ent-1.key && sed 's/./a/' psk/router/isp.key >page/ent-2.key && chmod 600 page/ent-2.key
section() { awk '/^[.]Sh SERVERD[.]CONF/ { on = 1 } /^[.]Sh FILES/ { on = 0 } on' "$page" >"$LAB/serverd.page" && (page=$LAB/serverd.page && examples "$1" "$2"); }
{
	section '.Sh SERVERD.CONF' '.It Cm listen' | grep -E '^(terminating|rejected|consent-time|state)'
	echo 'provider "isp" {'
	section '.Sh SERVERD.CONF' '.It Cm listen' | grep -vE '^(terminating|rejected|consent-time|state|domain|server-spki|certificate-file|key-file|ca-file|crl-file)'
	echo "certificate-file = \"$LAB/page/server.crt\" key-file = \"$LAB/page/server.key\" ca-file = \"$LAB/page/ca.crt\""
	echo '}'
	echo 'listen {'
	section '.It Cm listen' '.It Cm client'
	echo "key-file = \"$LAB/page/server.key\" ca-file = \"$LAB/page/ca.crt\""
	echo '}'
	echo 'client "enterprise" {'
	section '.It Cm client' '.Sh FILES'
	echo '}'
} | sed "s|/etc/dotsch|$LAB/page|; s|/etc/dotsch|$LAB/page|; s|/var/lib/dotsch-serverd|$LAB/page|" >page/serverd.conf
"$serverd" -q -n -c page/serverd.conf >said 2>&1
is $? 0 'every example of serverd.conf is taken' || said

# The examples of dotsch-setup(8), one after the other.
page=$contrib/../man/dotsch-setup.8
mkdir manual && cd manual || exit 1
sed -n 's/^[.]Dl dotsch-//p' "$page" >../commands
is "$(wc -l <../commands)" 3 'dotsch-setup(8) has three examples'
while read -r command; do
	# shellcheck disable=SC2086 # its words
	"$contrib"/$command </dev/null >"$LAB/said" 2>&1
	ok $? "dotsch-setup(8): $command" || said
done <../commands
done_testing
