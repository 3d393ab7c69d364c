#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# dotsch-client as a listener, on loopback in a network namespace: who is left out, who is replaced, and how it ends.
. "${top_srcdir:-.}/tests/tap.sh"
. "${top_srcdir:-.}/tests/system/lab.sh"
top=$(cd "${top_builddir:-.}" && pwd)
client=$top/dotsch-client/dotsch-client serverd=$top/dotsch-serverd/dotsch-serverd
[ -x "$serverd" ] || skip_all 'dotsch-serverd is not built'
lab_enter "$0" "$@" || skip_all 'no namespaces can be made here'
ip link set lo up || skip_all 'the loopback interface does not come up'
cd "$LAB" || exit 1
umask 077
key=00112233445566778899aabbccddeeff

cat >client.conf <<EOF
listen {
  address = {"127.0.0.1", "::1"}
  penalty-after = 2
  penalty-time = "10m"
}
peers-file = "peers.jsonl"
state = "client.state"
ticket-key-file = "ticket.key"
EOF
cat >peers.jsonl <<EOF
{"name":"cpe-0001","psk-identity":"cpe-0001","psk-key":"$key","domain":["100.64.8.21/32"]}
EOF

# router_conf NAME KEY ADDRESS TRANSPORT
router_conf() {
	echo "$2" >"$1.key"
	cat >"$1.conf" <<-EOF
		terminating-time = "0s"
		state = "$LAB/$1.db"
		provider "isp" {
		  address = {"$3"}
		  port = 4647
		  transport = {"$4"}
		  psk-identity = "cpe-0001"
		  psk-key-file = "$LAB/$1.key"
		  scope = {"100.64.8.0/24"}
		  consent = "auto"
		}
	EOF
}
# router NAME: starts it; its lines go to NAME.out; its pid is in $pid
router() {
	$serverd -c "$1.conf" -s "$1.sock" </dev/null >"$1.out" 2>"$1.err" &
	pid=$!
}
stop() {
	kill -TERM "$1"
	wait "$1" 2>/dev/null
}

$client -c client.conf -s sock </dev/null >client.out 2>client.err &
agent=$!
lab_line 10 client.out '"event":"listening"'
ok $? 'the agent listens'

# Somebody claims to be cpe-0001, from 127.0.0.1.
router_conf bad ffffffffffffffffffffffffffffffff 127.0.0.1 udp
router bad
bad=$pid
lab_line 30 client.out '"event":"penalised","transport":"udp","address":"127.0.0.1","why":"2 handshakes failed to authenticate: for 600 s'
ok $? 'CH-45: the address is left out, and why is told'
lab_line 30 bad.out 'takes no handshake from this address for now'
ok $? 'CH-45: and the one who calls learns it'
[ "$(grep -c '"event":"refused"' client.out)" -eq 2 ]
ok $? 'CH-45: what it tries further is not told each time'

# The owner of the identity is elsewhere.
router_conf good "$key" ::1 udp
router good
good=$pid
lab_line 10 client.out '"event":"up","peer":"cpe-0001","transport":"udp","address":"\[::1\]'
ok $? 'CH-45: the owner of the identity that was claimed calls home from his own address'
stop $bad

# The same credential from another place: the newest counts.
router_conf two "$key" ::1 tcp
router two
two=$pid
lab_line 10 client.out '"event":"up","peer":"cpe-0001","transport":"tcp"'
ok $? 'the same credential from another place comes up'
lab_line 10 client.out '"event":"down","peer":"cpe-0001","transport":"udp".*"why":"the same credential called from \[::1\]:[0-9]*: the newest session counts"'
ok $? 'and the old session is closed, which is told'
lab_line 10 good.out '"event":"down"'
ok $? 'to its router, too'
stop $good

# SIGTERM: close_notify to all.
stop $agent
lab_line 10 two.out '"event":"down".*clos'
ok $? 'SIGTERM closes the sessions in good order'
stop $two
done_testing
