#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2086
# CH-02: a router whose clock is not yet set at boot finds its provider's certificate "not yet valid": that is said as such, and tried again until it fits. Here the
# certificate becomes valid while the router tries.
. "${top_srcdir:-.}/tests/tap.sh"
. "${top_srcdir:-.}/tests/system/lab.sh"
. "${top_srcdir:-.}/tests/system/chain.sh"
if [ -z "${LAB_IN:-}" ]; then lab_flags >/dev/null || skip_all 'no network namespaces can be made here'; fi
lab_enter "$0" || bail_out 'the lab cannot be entered'
chain_path "$(cd "${top_builddir:-.}" && pwd)"
lab_up || bail_out 'the lab does not come up'
TZ=UTC
export TZ
chain_certificates || bail_out 'certtool'
chain_certificate ch.isp.example 'dns_name = "ch.isp.example"' tls_www_server signing_key "activation_date = \"$(date -d '+5 seconds' '+%F %T')\"" \
	"expiration_date = \"$(date -d '+2 days' '+%F %T')\"" || bail_out 'certtool'
chain_config tcp x509 || bail_out 'no configuration'
chain_client && lab_line 10 $LAB/client.out '"event":"listening"' || bail_out 'no client'
chain_serverd
lab_line 10 $LAB/serverd.out '"event":"unreachable","peer":"isp","reason":".*valid only from 20[0-9-]* on, and it is 20[0-9-]* here: is this host.s clock right'
ok $? 'a certificate that is not yet valid is told, with the question of the clock'
lab_line 10 $LAB/client.out 'not valid yet'
ok $? 'to the provider too'
lab_line 30 $LAB/serverd.out '"event":"up"'
ok $? 'and tried again until it is'
kill $chain_serverd_pid $chain_client_pid
wait $chain_serverd_pid
is $? 0 'ends with 0'
[ "$tap_failed" -eq 0 ] || chain_complain
done_testing
