#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# dotsch-client as a listener, on loopback in a network namespace: who is left out, who is replaced, and how it ends.
. "${top_srcdir:-.}/tests/system/agents.sh"

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
		  scope = {"100.64.8.0/24", "192.168.1.0/24"}
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

# A second configuration: several listeners, keys in a database, and routers known by the address they call from.
for i in 1 2 3 4 5 6; do
	ip addr add 100.64.8.$i/32 dev lo
done
cat >many.conf <<EOF
listen { address = {"100.64.8.1", "100.64.8.2", "100.64.8.3", "100.64.8.4", "100.64.8.5", "100.64.8.6"} port = 4648 }
peers-file = "many.jsonl"
psk-database = "keys.db"
state = "client-%i.state"
ticket-key-file = "ticket.key"
EOF
cat >many.jsonl <<EOF
{"name":"cpe-0001","psk-identity":"cpe-0001","session-address":true}
{"name":"cpe-0002","certificate-name":"cpe-0002","domain":["100.64.8.0/24"]}
EOF
python3 - "$key" <<'EOF'
import sqlite3, sys
d = sqlite3.connect("keys.db")
d.execute("PRAGMA journal_mode=WAL")
d.execute("CREATE TABLE psk (identity TEXT PRIMARY KEY, key)")
d.execute("INSERT INTO psk VALUES ('cpe-0001', ?)", (sys.argv[1],))
d.commit()
EOF
$client -c many.conf -s %i.sock </dev/null >many.out 2>&1
is $? 100 '%i without an instance is wrong usage'
$client -c many.conf --instance ../east </dev/null >many.out 2>&1
is $? 100 'and so is an instance that is no name'
$client -c many.conf -i east -s %i.sock </dev/null >many.out 2>many.err &
agent=$!
lab_line 10 many.out '"event":"listening".*"instance":"east"'
ok $? 'an instance says its name in its lines'
[ -e client-east.state ] && [ -S east.sock ]
ok $? 'and its files carry it'
# home_at ADDRESS: the router calls home from there
home_at() {
	router_conf home "$key" "$1" udp
	sed -i 's/port = 4647/port = 4648/' home.conf
	router home
	home=$pid
	lab_line 10 many.out "\"event\":\"up\",\"peer\":\"cpe-0001\",\"transport\":\"udp\",\"address\":\"$1:"
}
home_at 100.64.8.1
ok $? 'a router whose key stands in the database calls home'
$client -s east.sock mitigate --source 100.64.8.1 --target 203.0.113.9 --ref here >one.out
like "$(cat one.out)" '"peer":"cpe-0001".*"code":"2.01"' 'CH-15: the address that a router calls from is its own'
$client -s east.sock mitigate --source 100.64.8.7 --target 203.0.113.9 --to cpe-0001 >one.out
is $? 1 'CH-15: another one is not'
stop $home
home_at 100.64.8.2
lab_line 10 many.out '"ref":"here".*"status":"refused","reason":"its source is not cpe-0001'
ok $? 'CH-15: from another address it is not asked about the old one any more'
stop $home

# Whose the sources are may change, too: by a peer line, a reload or a restart.
# the_domain PREFIX: of cpe-0001, in the file
the_domain() { sed -i "1s|.*|{\"name\":\"cpe-0001\",\"psk-identity\":\"cpe-0001\",\"session-address\":true,\"domain\":[\"$1\"]}|" many.jsonl; }
the_domain 2001:db8:1::/48
kill -HUP $agent
lab_line 10 many.out '"event":"reloaded"'
home_at 100.64.8.3
$client -s east.sock mitigate --subscriber 2001:db8:1::5 --source 192.168.1.7 --source-port 5000 --protocol udp --target 203.0.113.9 --ref inside >one.out
like "$(cat one.out)" '"peer":"cpe-0001".*"code":"2.01"' 'CH-15: the subscriber tells whose an inside source is'
kill -KILL $agent
wait $agent 2>/dev/null
stop $home
$client -c many.conf -i east -s %i.sock </dev/null >many.out 2>many.err &
agent=$!
lab_line 10 many.out '"event":"listening"'
home_at 100.64.8.4
$client -s east.sock query --ref inside >one.out
like "$(cat one.out)" '"code":"2.05"' 'CH-15: also after a crash of the agent, and from another address'
is "$(grep -c '"ref":"inside".*refused' many.out)" 0 'and nobody says otherwise'
$client -s east.sock peer set cpe-0001 --domain 2001:db8:2::/48 >one.out
stop $home
home_at 100.64.8.5
lab_line 10 many.out '"ref":"inside".*"status":"refused","reason":"its source is not cpe-0001'
ok $? 'CH-15: with another domain it is not asked about the old one any more'
lab_line 10 home.out '"type":"withdraw"'
ok $? 'and what was in force is withdrawn'
stop $home
$client -s east.sock mitigate --subscriber 2001:db8:2::5 --source 192.168.1.7 --source-port 5000 --protocol udp --target 203.0.113.9 --ref later >one.out &
asking=$!
lab_line 10 many.out '"ref":"later".*"status":"waiting"'
the_domain 2001:db8:3::/48
kill -HUP $agent
lab_line 10 many.out '"event":"reloaded"'
home_at 100.64.8.6
wait $asking
is $? 1 'CH-15: what waited for a router whose domain has changed is refused'
like "$(cat one.out)" '"ref":"later".*"status":"refused","reason":"its source' 'with the reason'
is "$(grep -c '"type":"mitigate"' home.out)" 0 'and never sent'
stop $home
stop $agent
done_testing
