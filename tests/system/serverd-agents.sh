#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2086,SC2317
# One provider with two agents, each with a certificate name of its own, at two addresses. The second uses the cuid of the first, which has a mitigation in
# force: 4.09 with conflict cause 3, and it asks again under another cuid (RFC 9132, 4.4.1).
. "${top_srcdir:-.}/tests/system/agents.sh"
. "$src/tests/system/chain.sh"
command -v certtool >/dev/null || skip_all 'certtool is not installed'
chain_certificate ca ca cert_signing_key crl_signing_key &&
	chain_certificate ch1.isp.example 'dns_name = "ch1.isp.example"' tls_www_server signing_key &&
	chain_certificate ch2.isp.example 'dns_name = "ch2.isp.example"' tls_www_server signing_key &&
	chain_certificate cpe1.example 'dns_name = "cpe1.example"' tls_www_client signing_key || bail_out 'no certificates'
echo '{"name":"cpe-0001","certificate-name":"cpe1.example","domain":["100.64.8.21/32"]}' >peers.jsonl
for i in 1 2; do
	cat >client$i.conf <<-EOF
		listen { address = {"127.0.0.$i"} transport = {"tcp"} }
		peers-file = "peers.jsonl"
		state = "client$i.state"
		cuid = "the-same-for-both"
		certificate-file = "ch$i.isp.example.crt"
		key-file = "ch$i.isp.example.key"
		ca-file = "ca.crt"
	EOF
done
cat >serverd.conf <<EOF
state = "$LAB/serverd.db"
provider "isp" {
  address = {"127.0.0.1", "127.0.0.2"}
  transport = {"tcp"}
  certificate-file = "cpe1.example.crt"
  key-file = "cpe1.example.key"
  ca-file = "ca.crt"
  server-name = {"ch1.isp.example", "ch2.isp.example"}
  scope = {"100.64.8.21/32"}
  consent = "auto"
}
EOF
agent() {
	$client -c client$1.conf -s client$1.sock </dev/null >client$1.out 2>client$1.err &
	pid=$!
	lab_line 10 client$1.out '"event":"listening"'
}
ask() { $client -s client$1.sock mitigate --source 100.64.8.21 --target $2 --protocol udp --ref $3 >/dev/null; }
show() { $serverd -s sock --json show | sed -n 's/.*"cuid":"\([^"]*\)".*"state":"active".*"target-prefix":\["\([^"]*\)"\].*/\1 \2/p' | sort; }

agent 1 || bail_out 'no first agent'
first=$pid
$serverd -c serverd.conf -s sock </dev/null >serverd.out 2>serverd.err &
serverd_pid=$!
lab_line 10 client1.out '"event":"up"'
ok $? 'the router calls the first agent'
like "$(grep '"event":"up"' serverd.out)" '"identity":"ch1[.]isp[.]example"' 'under its name'
ask 1 203.0.113.9 first
lab_line 10 client1.out '"ref":"first".*"code":"2[.]01"'
ok $? 'which asks for a mitigation'
agent 2 || bail_out 'no second agent'
kill -TERM $first
wait $first
# At most ten seconds after the orderly end.
lab_line 20 client2.out '"event":"up"'
ok $? 'the first one ends, and the router calls the second'
like "$(grep '"event":"up"' serverd.out | tail -n 1)" '"identity":"ch2[.]isp[.]example"' 'under its name'
ask 2 203.0.113.10 second
lab_line 10 client2.out '"ref":"second".*"code":"4[.]09".*"conflict-cause":"cuid-collision"'
ok $? 'the cuid of the first: 4.09 with conflict cause 3'
like "$(grep '"code":"4[.]09"' client2.out)" '"conflict-information":\{"conflict-cause":"cuid-collision"\}' 'and nothing else in it'
lab_line 10 client2.out '"ref":"second".*"code":"2[.]01"'
ok $? 'asked again under another cuid: accepted'
is "$(show | wc -l)" 2 'both are in force'
like "$(show)" '^the-same-for-both 203[.]0[.]113[.]9/32$' 'that of the first under its cuid'
kill -TERM $serverd_pid
wait $serverd_pid
is $? 0 'ends in good order'
done_testing
