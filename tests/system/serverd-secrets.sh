#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2086
# Secrets of dotsch-serverd: files that others may read are refused, and no key is printed, logged, shown by ps or dumped.
. "${top_srcdir:-.}/tests/tap.sh"
. "${top_srcdir:-.}/tests/system/lab.sh"
. "${top_srcdir:-.}/tests/system/chain.sh"
if [ -z "${LAB_IN:-}" ]; then lab_flags >/dev/null || skip_all 'no network namespaces can be made here'; fi
lab_enter "$0" || bail_out 'the lab cannot be entered'
chain_path "$(cd "${top_builddir:-.}" && pwd)"
ip link set lo up || bail_out 'no loopback'
cd $LAB || bail_out 'no folder'
umask 077
key=5ec2e75ec2e75ec2e75ec2e75ec2e75e
echo $key >psk.key
certtool --generate-privkey --key-type ecdsa --curve secp256r1 --outfile raw.key 2>/dev/null || bail_out 'certtool'
spki=0000000000000000000000000000000000000000000000000000000000000000
cat >serverd.conf <<CONF
provider "isp" { address = {"127.0.0.1"} psk-identity = "cpe-0001" psk-key-file = "psk.key" scope = {"10.1.0.0/16"} }
provider "inline" { address = {"127.0.0.1"} psk-identity = "cpe-0001" psk-key = "$key" scope = {"10.1.0.0/16"} }
provider "raw" { address = {"127.0.0.1"} key-file = "raw.key" server-spki = {"$spki"} scope = {"10.1.0.0/16"} }
listen { address = {"127.0.0.1"} ticket-key-file = "tickets" }
client "one" { psk-identity = {"a", "b"} psk-key = {"$key", "$key"} target-scope = {"203.0.113.0/24"} }
CONF
dotsch-serverd -n -c serverd.conf >printed 2>&1
is $? 0 'the configuration is good'
is "$(grep -c $key printed)" 0 'and printed without any key'
is "$(grep -c 'not shown)$' printed)" 2 'which it says'
[ ! -e tickets ]
ok $? '-n writes nothing'

# refused FILE NAME
refused() {
	chmod 644 $1
	dotsch-serverd -n -c serverd.conf >printed 2>&1
	is $? 111 "$2 that others may read is refused"
	like "$(cat printed)" "$1: others may read or write it [(]mode 644[)]" 'with its name and its mode'
	chmod 600 $1
}
refused psk.key 'a pre-shared key'
refused raw.key 'a private key'

# readers CONFIGURATION EXPECTED NAME: what is said when everybody may read it.
readers() {
	chmod 644 $1
	dotsch-serverd -n -c $1 >printed 2>&1
	is "$?: $(grep -c "$1 can be read by everybody, and holds keys: chmod o= $1" printed)" "0: $2" "$3"
	chmod 600 $1
}
sed -n '1p; 3p' serverd.conf >files.conf
sed -n 2p serverd.conf >inline.conf
sed -n '4,$p' serverd.conf >clients.conf
readers files.conf 0 'a configuration without keys may be read by everybody'
readers inline.conf 1 'one with psk-key is warned of'
readers clients.conf 1 'one with keys of clients, too'

dotsch-serverd -v -v -c serverd.conf </dev/null >out 2>err &
pid=$!
lab_line 10 out '"event":"unreachable"'
ok $? 'it runs'
is "$(tr '\0' ' ' <"/proc/$pid/cmdline" | grep -c $key)" 0 'ps shows no key'
is "$(cat out err | grep -c $key)" 0 'nor do the log, as verbose as it gets, and the lines'
like "$(grep 'Max core file size' "/proc/$pid/limits")" 'size +0 +0 ' 'it leaves no core'
is "$(stat -c %a tickets)" 600 'the ticket key is its own'
kill $pid
wait $pid
is $? 0 'ends with 0'

# Who has no privilege reads nothing out of a process that may not be dumped, though it is of the same user; what may be dumped he reads.
bare='setpriv --bounding-set=-all --inh-caps=-all --ambient-caps=-all'
SECRET_HERE=1 $bare sleep 100 &
other=$!
SECRET_HERE=1 $bare dotsch-serverd -q -c serverd.conf </dev/null >bare.out 2>bare.err &
pid=$!
lab_line 10 bare.out '"event":"unreachable"' && lab_wait 10 grep -qx sleep "/proc/$other/comm"
ok $? 'it runs without privileges'
is "$($bare cat "/proc/$other/environ" | grep -c SECRET_HERE)" 1 'the environment of another program can be read'
# A sanitized build can be dumped, for its leak checker.
grep -q libasan "/proc/$pid/maps" ||
	like "$($bare cat "/proc/$pid/environ" 2>&1)" 'Permission denied' 'but not that of dotsch-serverd: no memory of it is dumped or traced'
kill $pid $other
wait
done_testing
