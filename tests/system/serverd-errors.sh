#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Every mistake in a configuration that dotsch-serverd(8) can tell, and in what its owner asks for, provoked: words that name the key, its value and what would be right.
set -u
. "${top_srcdir:-.}/tests/tap.sh"
serverd=$(cd "${top_builddir:-.}" && pwd)/dotsch-serverd/dotsch-serverd
work=$(mktemp -d)
pid=''
trap '[ -z "$pid" ] || kill "$pid"; rm -rf "$work"' EXIT
cd "$work" || bail_out 'no folder'
umask 077
key=00112233445566778899aabbccddeeff
spki=0000000000000000000000000000000000000000000000000000000000000001
echo 0011223344 >short.key
long=$(printf '%0300d' 7)
# says PATTERN CONFIGURATION
says() {
	printf '%s\n' "$2" >conf
	timeout 20 "$serverd" -n -c conf </dev/null >out 2>err
	got=$?
	if [ $got -eq 111 ]; then like "$(cat err)" "$1" "$1"; else is "$got $(cat err)" 111 "$1"; fi
}
# provider PATTERN MEMBERS: beside a scope
provider() { says "$1" "provider \"isp\" { scope = {\"10.0.0.0/8\"} $2 }"; }
credential="psk-identity = \"cpe\" psk-key = \"$key\""
address='address = {"192.0.2.1"}'

says 'provider: missing: nobody to call home to; write provider' ''
says 'provider: .*a provider needs a name' "provider \"\" { $address $credential scope = {\"10.0.0.0/8\"} }"
says 'scope: provider "isp": missing: name the prefixes, or the scope-interface' "provider \"isp\" { $address $credential }"
provider 'address: provider "isp": missing: where the provider listens; or give its domain' "$credential"
provider 'address: provider "isp": has an empty entry' "address = {\"\"} $credential"
provider 'domain: provider "isp": "0*": must be a domain name' "domain = \"$long\" $credential"
provider 'transport: provider "isp": "sctp": must be "udp" \(DTLS\) or "tcp" \(TLS\)' "$address transport = {\"sctp\"} $credential"
provider 'psk-identity: provider "isp": no credential: give psk-identity and psk-key-file' "$address"
provider 'psk-identity: provider "isp": missing beside the key' "$address psk-key = \"$key\""
provider 'psk-key-file: provider "isp": give psk-key-file or psk-key beside psk-identity, one of the two' "$address psk-identity = \"cpe\""
provider 'psk-key: provider "isp": must be 32 to [0-9]+ hexadecimal digits' "$address psk-identity = \"cpe\" psk-key = \"0011\""
provider 'psk-key-file: provider "isp": must be 32 to [0-9]+ hexadecimal digits' "$address psk-identity = \"cpe\" psk-key-file = \"short.key\""
provider 'none.key: No such file' "$address psk-identity = \"cpe\" psk-key-file = \"none.key\""
provider 'key-file: provider "isp": missing: a certificate and its key go together' "$address certificate-file = \"c\""
provider 'server-spki: provider "isp": missing: a key without a certificate is a raw public key' "$address key-file = \"k\""
provider 'certificate-file: provider "isp": missing beside ca-file' "$address key-file = \"k\" ca-file = \"ca\""
provider 'ca-file: provider "isp": missing: with certificates the provider.s chain and name are checked' "$address certificate-file = \"c\" key-file = \"k\""
provider 'server-name: provider "isp": missing: with certificates' "$address certificate-file = \"c\" key-file = \"k\" ca-file = \"ca\""
provider 'server-spki: provider "isp": "ab": must be the SHA-256 of the SubjectPublicKeyInfo, 64 hexadecimal digits' "$address key-file = \"k\" server-spki = {\"ab\"}"

# The base channel.
listens='listen { address = {"127.0.0.1"} }'
# listen PATTERN MEMBERS, client PATTERN MEMBERS, both PATTERN CLIENTS
listen() { says "$1" "listen { $2 } client \"a\" { psk-identity = {\"a\"} psk-key = {\"$key\"} target-scope = {\"10.0.0.0/8\"} }"; }
client() { says "$1" "$listens client \"a\" { target-scope = {\"10.0.0.0/8\"} $2 }"; }
says 'client: missing: listen \{ … \} and client "NAME" \{ … \} go together' "$listens"
says 'listen: missing: listen' "provider \"isp\" { $address $credential scope = {\"10.0.0.0/8\"} } client \"a\" { psk-identity = {\"a\"} psk-key = {\"$key\"} target-scope = {\"10.0.0.0/8\"} }"
says 'client: .*the name is taken by a provider' "provider \"a\" { $address $credential scope = {\"10.0.0.0/8\"} } $listens client \"a\" { psk-identity = {\"a\"} psk-key = {\"$key\"} target-scope = {\"10.0.0.0/8\"} }"
says 'client: .*a client needs a name' "$listens client \"\" { psk-identity = {\"a\"} psk-key = {\"$key\"} target-scope = {\"10.0.0.0/8\"} }"
says 'target-scope: client "a": missing: the prefixes of this client.s own domain' "$listens client \"a\" { psk-identity = {\"a\"} psk-key = {\"$key\"} }"
client 'psk-identity: client "a": no credential: give psk-identity and psk-key-file, or certificate-name, or spki' ''
client 'psk-key-file: client "a": give as many psk-key-file, or psk-key, as there are in psk-identity' "psk-identity = {\"a\", \"b\"} psk-key = {\"$key\"}"
client 'psk-identity: client "a": "": must have 1 to 253 bytes' "psk-identity = {\"\"} psk-key = {\"$key\"}"
client 'spki: client "a": "ab": must be the SHA-256' 'spki = {"ab"}'
# twice PATTERN MEMBERS: the same credential of two clients
twice() { says "$1" "$listens client \"a\" { target-scope = {\"10.0.0.0/8\"} $2 } client \"b\" { target-scope = {\"10.1.0.0/16\"} $2 }"; }
twice 'psk-identity: client "b": "x" belongs to "a" already' "psk-identity = {\"x\"} psk-key = {\"$key\"}"
twice 'certificate-name: client "b": "x.example" belongs to "a" already' 'certificate-name = {"x.example"}'
twice 'spki: client "b": one of the keys belongs to "a" already' "spki = {\"$spki\"}"
listen 'address: "host": must be an address of this host; 0.0.0.0 and :: are all of them' 'address = {"host"}'
listen 'key-file: missing: a certificate and its key go together' 'certificate-file = "c"'
listen 'redirect: "sometimes": must be "never", "full" or "always"' 'redirect = "sometimes"'
listen 'alt-server: missing: the name of the server that clients are sent to' 'redirect = "always"'
listen 'alt-server-record: "10.0.0.0/8": must be an address' 'alt-server = "x.example" alt-server-record = {"10.0.0.0/8"}'

# Files and sockets.
says 'unknown.*no-such-option|no-such-option' 'no-such-option = 1'
timeout 20 "$serverd" -n -c none </dev/null >out 2>err
like "$? $(cat err)" '^[1-9].*none: No such file or directory' 'a configuration that is not there'
printf 'provider "isp" { %s %s scope = {"10.0.0.0/8"} }\n' 'address = {"127.0.0.9"} port = 9 transport = {"udp"}' "$credential" >conf
# socket PATTERN PATH
socket() {
	timeout 20 "$serverd" -c conf -s "$2" </dev/null >out 2>err
	like "$? $(cat err)" "^[1-9][0-9]* .*socket: $1" "socket: $1"
}
: >plain
socket 'plain: is there and is no socket' plain
socket 'none/sock: No such file or directory' none/sock
socket 'the path is too long: /' "$PWD/$long"
"$serverd" -q -c conf -s sock </dev/null >running 2>&1 &
pid=$!
wait_for 10 test -S sock
socket 'sock: another serverd answers there; attach to it with -s alone' sock

# What the owner asks for: in words, and as lines on the socket.
words() {
	pattern=$1
	shift
	timeout 20 "$serverd" -s sock --json "$@" >out 2>&1
	like "$? $(cat out)" "^[1-9][0-9]* .*$pattern" "$*"
}
words '"?x"?.*must be a number, PEER/NUMBER or PEER/CUID/NUMBER' accept x
words 'the name is too long' accept "$long$long$long/7"
words 'missing: which mitigation' withdraw
words 'too many words: .*b' pending b
words 'must be a number of lines' audit many
words 'no such mitigation: 7' accept 7
words 'no such mitigation: 7' reject isp/7
words 'nothing is kept: the configuration names no state file' audit
words 'there are pending, show, accept' frobnicate
# line PATTERN LINE: what the socket answers
line() {
	answer=$(printf '%s\n' "$2" | timeout 20 perl -MSocket -e 'socket(S, AF_UNIX, SOCK_STREAM, 0) && connect(S, pack_sockaddr_un("sock")) or die; print S <STDIN>; shutdown(S, 1) if S->flush || 1;
		while (<S>) { print; last if /"(error|done)"/ }')
	like "$answer" "\"type\":\"error\".*$1" "$2"
}
line 'missing: which mitigation' '{"type":"withdraw"}'
line 'must be ..accept.. or ..reject' '{"type":"decision","mid":7,"decision":"perhaps"}'
line 'is no command; there are show, pending, decision' '{"type":"frobnicate"}'
kill "$pid"
wait "$pid"
is $? 0 'none of it ends the program'
pid=''
done_testing
