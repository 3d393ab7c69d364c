# shellcheck shell=sh disable=SC2086
# SPDX-License-Identifier: GPL-3.0-or-later
# block-lab.sh - a router between two hosts, without translation: src eth0 ── lan0 [router] wan0 ── eth0 dst, and dotsch-block on it. Sourced after lab.sh.
#
# Packets are made by tests/system/block-packets, so that any address can be a source; 203.0.113.0/24, 192.0.2.0/24 and 2001:db8:c000::/48 lie behind dst.
# shellcheck disable=SC2034 # read by lab.sh
LAB_HOSTS='src router dst'
block=${top_builddir:-.}/dotsch-block/dotsch-block
packets_tool=${top_builddir:-.}/tests/system/block-packets

block_lab_up() {
	lab_hosts || return 1
	at router sh -c 'for f in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 >$f; done'
	lab_ip router 'link set lo up' 'link add lan0 type veth peer name eth0 netns src' 'link add wan0 type veth peer name eth0 netns dst' \
		'link set lan0 address 02:00:00:00:00:01' 'link set lan0 up' 'link set wan0 up' 'address add 198.51.100.254/24 dev lan0' 'address add 192.0.2.100/24 dev wan0' \
		'address add 2001:db8:123::fe/64 dev lan0' 'address add 2001:db8:c000::fe/64 dev wan0' || return 1
	lab_ip src 'link set lo up' 'link set eth0 up' || return 1
	lab_ip dst 'link set lo up' 'link set eth0 address 02:00:00:00:00:02' 'link set eth0 up' || return 1
	lab_ip router 'neighbor add 192.0.2.254 lladdr 02:00:00:00:00:02 dev wan0' 'route add 203.0.113.0/24 via 192.0.2.254' \
		'neighbor add 2001:db8:c000::fd lladdr 02:00:00:00:00:02 dev wan0' 'route add 2001:db8:c000::/123 via 2001:db8:c000::fd' || return 1
}

# block_start [OPTION…]: dotsch-block on the router; its lines go to $LAB/out, its log to $LAB/log; what is written to descriptor 7 is its input.
block_start() {
	rm -f $LAB/in $LAB/out && mkfifo $LAB/in && : >$LAB/out
	# shellcheck disable=SC2086 # empty or a wrapper such as valgrind with its options
	nsenter --net=/run/netns/router -- ${BLOCK_WRAPPER:-} "$block" ${BLOCK_WRAPPER:+--no-sandbox} "$@" <$LAB/in >$LAB/out 2>>$LAB/log &
	block_pid=$!
	exec 7>$LAB/in
	wait_for 10 grep -q '"want":true' $LAB/out
}

# block_stop [SIGNAL]: ends it; without a signal by the end of its input.
block_stop() {
	# nsenter has become the program: the pid is its own.
	[ -z "${1:-}" ] || kill "-$1" "$block_pid"
	exec 7>&-
	wait "$block_pid" 2>/dev/null
	block_status=$?
	# A leak or an error that a sanitizer or valgrind finds shows here.
	[ -n "${1:-}" ] || [ "$block_status" -eq 0 ] || { ok 1 "dotsch-block ended with $block_status" && tail -n 20 $LAB/log | sed 's/^/# /'; }
}

# request MID SCOPE-MEMBERS [LINE-MEMBERS]: a mitigate line. Written to the program and answered before this returns.
request_line() {
	printf '{"type":"mitigate","peer":"isp","cuid":"c","mid":%s,"consent":"given",%s"ietf-dots-signal-channel:mitigation-scope":{"scope":[{%s}]}}\n' "$1" "${3:+$3,}" "$2"
}
request() {
	lines=$(wc -l <$LAB/out)
	request_line "$@" >&7
	wait_for 5 answered "$1"
}
answered() { tail -n "+$((lines + 1))" $LAB/out | grep -q "\"mid\":$1,"; }
gone_from_table() { ! at router nft list counters 2>/dev/null | grep -q "\"isp $1[ \"]"; }
withdraw() {
	printf '{"type":"withdraw","peer":"isp","cuid":"c","mid":%s,"cause":"client"}\n' "$1" >&7
	wait_for 5 gone_from_table "$1"
}

# packets: packet lines on stdin, "pass" or "drop" a line on stdout.
packets() { "$packets_tool" "$@" /run/netns/src eth0 /run/netns/dst eth0 "${next_mac:-02:00:00:00:00:01}"; }

# fate PACKET: pass or drop.
fate() { echo "$1" | packets; }

# expect WANT PACKET NAME
expect() { is "$(fate "$2")" "$1" "$3: $2 → $1"; }
