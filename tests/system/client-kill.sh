#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# kill -9 of dotsch-client at random moments of a stream of requests and withdrawals, and a new start: what it holds and what a router's dotsch-serverd
# holds are compared each time. KILLS is how often, SEED repeats a run.
. "${top_srcdir:-.}/tests/system/agents.sh"
cat >client.conf <<EOF
listen { address = {"127.0.0.1"} }
peers-file = "peers.jsonl"
state = "client.state"
ticket-key-file = "ticket.key"
EOF
echo '{"name":"cpe","psk-identity":"cpe","psk-key":"00112233445566778899aabbccddeeff","domain":["2001:db8:123::/48"]}' >peers.jsonl
echo 00112233445566778899aabbccddeeff >router.key
cat >router.conf <<EOF
terminating-time = "0s"
state = "$LAB/router.db"
provider "isp" {
  address = {"127.0.0.1"}
  port = 4647
  transport = {"${TRANSPORT:-udp}"}
  psk-identity = "cpe"
  psk-key-file = "$LAB/router.key"
  scope = {"2001:db8:123::/48"}
  consent = "auto"
}
EOF
perl "$src/tests/system/client_kill.pl" "$client" "$serverd" "${KILLS:-20}" "${SEED:-$$}"
