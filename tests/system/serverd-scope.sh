#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# CH-25: the scope of a provider follows the addresses of an interface and what is delegated to the router.
. "${top_srcdir:-.}/tests/tap.sh"
[ -n "${IN_NAMESPACE:-}" ] || {
	unshare -rnm true 2>/dev/null || skip_all "no user namespaces here"
	export IN_NAMESPACE=1
	exec unshare -rnm -- sh "$0"
}

dir=$(mktemp -d)
serverd=${top_builddir:-.}/dotsch-serverd/dotsch-serverd
# shellcheck disable=SC2317  # called by trap
clean() {
	[ -z "${pid:-}" ] || kill "$pid" 2>/dev/null
	rm -rf "$dir"
}
trap clean EXIT
trap 'exit 130' INT TERM HUP

for c in all default; do echo 0 >/proc/sys/net/ipv6/conf/$c/accept_dad; done
ip link set lo up
ip link add wan0 type veth peer name wan1 || skip_all "no veth here"
ip link add lan0 type veth peer name lan1
ip link set wan0 up
ip link set lan0 up
ip link set wan1 up
ip link set lan1 up
ip addr add 100.64.8.21/24 dev wan0
ip addr add 192.168.1.1/24 dev lan0

cat >"$dir/conf" <<END
provider "isp" {
  address = {"127.0.0.1"}
  port = 9
  psk-identity = "cpe-0001"
  psk-key = "00112233445566778899aabbccddeeff"
  scope = {"203.0.113.77"}
  scope-interface = {"wan0"}
}
END
"$serverd" -q -c "$dir/conf" -s "$dir/socket" </dev/null >"$dir/out" 2>"$dir/log" &
pid=$!

scope() {
	"$serverd" -s "$dir/socket" --json sessions 2>/dev/null | sed -n 's/.*"scope":\[\([^]]*\)\].*/\1/p'
}
has() { scope | grep -qF "\"$1\""; }
has_not() { ! scope | grep -qF "\"$1\""; }

wait_for 10 has 203.0.113.77/32
ok $? "the configured prefix"
has 100.64.8.21/32
ok $? "the address of the interface"
has_not 192.168.1.1/32
ok $? "not the address of another"

ip addr add 100.64.8.99/24 dev wan0
wait_for 10 has 100.64.8.99/32
ok $? "an address that comes"
ip addr del 100.64.8.21/24 dev wan0
wait_for 10 has_not 100.64.8.21/32
ok $? "an address that goes"
ip -6 addr add 2001:db8:0:1::21/64 dev wan0
wait_for 10 has 2001:db8:0:1::21/128
ok $? "an IPv6 address"
ip -6 route add unreachable 2001:db8:123::/56 dev lo
wait_for 10 has 2001:db8:123::/56
ok $? "a delegated prefix"
scope | grep -q fe80
ok $((1 - $?)) "no link-local address"
ip link del wan0
wait_for 10 has_not 100.64.8.99/32
ok $? "an interface that goes"
has 203.0.113.77/32
ok $? "what is configured stays"
kill "$pid"
wait "$pid"
is $? 0 "ends with 0"
pid=
done_testing
