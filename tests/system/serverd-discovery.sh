#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2086
# CH-02: a provider that is known by its domain alone is found by its services (RFC 8973), and its certificate is judged by what RFC 6125 says of them.
. "${top_srcdir:-.}/tests/tap.sh"
. "${top_srcdir:-.}/tests/system/lab.sh"
. "${top_srcdir:-.}/tests/system/chain.sh"
if [ -z "${LAB_IN:-}" ]; then lab_flags >/dev/null || skip_all 'no network namespaces can be made here'; fi
lab_enter "$0" || bail_out 'the lab cannot be entered'
chain_path "${top_builddir:-.}"
lab_up || bail_out 'the lab does not come up'
echo 'nameserver 100.64.8.1' >$LAB/resolv.conf
mount --bind $LAB/resolv.conf /etc/resolv.conf || skip_all 'resolv.conf cannot be replaced here'

chain_config udp x509 && chain_certificate evil.example 'dns_name = "ch.evil.example"' tls_www_server signing_key &&
	chain_certificate service.example 'dns_name = "farm7.hosting.example"' \
		"other_name = \"1.3.6.1.5.5.7.8.7 161b$(printf '_dots-call-home.isp.example' | od -An -tx1 | tr -d ' \n')\"" tls_www_server signing_key || bail_out 'certtool'
sed -i 's/port = 4647 transport = {"udp"}/port = 5555/' $LAB/client.conf
cat >$LAB/serverd.conf <<-CONF
	provider "isp" {
		domain = "isp.example"
		certificate-file = "$LAB/cpe1.example.crt" key-file = "$LAB/cpe1.example.key" ca-file = "$LAB/ca.crt"
		scope = {"100.64.8.21/32"}
	}
CONF

# dns UDP-TARGET TCP-TARGET: answers `_dots-call-home._udp.isp.example` and `._tcp.` with port 5555 there; "-" is no answer. Every target is 100.64.8.1.
dns() {
	[ -z "${dns_pid:-}" ] || { kill $dns_pid; wait $dns_pid 2>/dev/null; }
	: >$LAB/dns
	nsenter --net=/run/netns/provider -- perl "${top_srcdir:-.}/tests/system/dns.pl" 100.64.8.1 5555 "$@" >$LAB/dns &
	dns_pid=$!
	lab_line 5 $LAB/dns ready
}
# provider NAME: the client listens with this certificate.
provider() {
	[ -z "${chain_client_pid:-}" ] || { kill $chain_client_pid; wait $chain_client_pid; }
	: >$LAB/client.out
	sed -i "s|certificate-file = \"[^\"]*\"|certificate-file = \"$LAB/$1.crt\"|; s|key-file = \"[^\"]*\"|key-file = \"$LAB/$1.key\"|" $LAB/client.conf
	chain_client && lab_line 10 $LAB/client.out '"event":"listening"'
}
router() {
	[ -z "${router_pid:-}" ] || { kill $router_pid; wait $router_pid; }
	: >$LAB/serverd.out
	nsenter --net=/run/netns/router -- dotsch-serverd -c $LAB/serverd.conf </dev/null >>$LAB/serverd.out 2>>$LAB/serverd.err &
	router_pid=$!
}

dns ch.isp.example ch.isp.example && provider ch.isp.example || bail_out 'no provider'
router
# Over UDP or, where its 250 ms of head start have passed, over TCP.
lab_line 10 $LAB/serverd.out '"event":"up".*"address":"100[.]64[.]8[.]1:5555","identity":"ch[.]isp[.]example"'
ok $? 'found by its service, on its port, and known by the name of the target'
dns - ch.isp.example
router
lab_line 10 $LAB/serverd.out '"event":"up".*"transport":"tcp"'
ok $? 'a domain with a TCP service only is called over TLS'

# Whoever forges an answer names a target that he has a good certificate for.
dns ch.evil.example - && provider evil.example || bail_out 'no other provider'
router
lab_line 10 $LAB/serverd.out "\"event\":\"unreachable\".*certificate is not for ..isp[.]example..: it names ch[.]evil[.]example"
ok $? 'a target outside of the domain is not taken at its word'
dns farm7.hosting.example - && provider service.example || bail_out 'no third provider'
router
lab_line 10 $LAB/serverd.out '"event":"up".*"identity":"_dots-call-home[.]isp[.]example"'
ok $? 'but with a certificate for the service of the domain (SRV-ID)'

dns - -
router
lab_line 10 $LAB/serverd.out '"event":"unreachable".*_dots-call-home[.]_udp[.]isp[.]example: .*_dots-call-home[.]_tcp[.]isp[.]example: '
ok $? 'a domain without such services is told'
dns farm7.hosting.example -
lab_line 20 $LAB/serverd.out '"event":"up"'
ok $? 'and asked again until it has one'

kill $router_pid
wait $router_pid
is $? 0 'ends with 0'
is "$(grep -hE 'Sanitizer|runtime error|Assertion' $LAB/serverd.err $LAB/client.err)" '' 'nothing crashed or leaked'
[ "$tap_failed" -eq 0 ] || chain_complain
done_testing
