#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Every example of dotsch-block(8) runs as it stands there, and each action does to packets what the page says.
set -u
. "${top_srcdir:-.}/tests/tap.sh"
. "${top_srcdir:-.}/tests/system/lab.sh"
. "${top_srcdir:-.}/tests/system/block-lab.sh"
lab_enter "$0" "$@" || skip_all 'no network namespaces can be made here'
block_lab_up || bail_out 'the lab does not come up'
lab_ip router 'route add 192.168.1.0/24 dev lan0' 'neighbor add 192.0.2.80 lladdr 02:00:00:00:00:02 dev wan0'
page=${top_srcdir:-.}/man/dotsch-block.8
case $block in /*) PATH=${block%/*}:$PATH ;; *) PATH=$PWD/${block%/*}:$PATH ;; esac
cd $LAB || exit 1

# The displays become files by what is in them, the indented commands lines of one file; "\e" is mdoc's backslash.
case $page in /*) ;; *) page=$OLDPWD/$page ;; esac
awk '
	/^\.Bd -literal/ { text = ""; inside = 1; next }
	/^\.Ed/ { print text > (text ~ /<</ ? "by-hand" : "policy.conf"); inside = 0; next }
	inside { gsub(/\\e/, "\\"); sub(/^# /, ""); text = text $0 "\n" }
	/^\.Dl # / { sub(/^\.Dl # /, ""); print > "commands" }' "$page"
sed '1d; /^LINE$/,$d' by-hand | tr -d '\n' >requests.jsonl
echo >>requests.jsonl
it='udp 192.168.1.66 203.0.113.9 5000 53'
counted() { at router nft list counters | sed -n 's/.*packets \([0-9]*\) .*/\1/p'; }
passed() { for _ in $(seq "$1"); do echo "$it"; done | packets | grep -c pass; }
# run COMMAND [NAME]: on the router, as a user would
run() {
	at router sh -c "$1" >out 2>err
	is $? 0 "${2:-$1}"
}

run "$(cat by-hand)" "by hand: a request among the examples"
expect drop "$it" 'by hand: blocked, although the program has ended'
expect pass 'udp 192.168.1.67 203.0.113.9 5000 53' 'by hand: another device'
at router dotsch-block flush
run 'dotsch-block --policy policy.conf --check'
like "$(cat out)" 'host "02:00:5e:10:00:01"' 'the policy file is understood'

tried=
while read -r command; do
	case $command in
	*dotsch-serverd* | *' show '*) continue ;;
	'ip rule'*)
		run "$command"
		continue
		;;
	esac
	run "$command"
	action=${command#*--action }
	action=${action%% *}
	tried="$tried $action"
	case $action in
	drop) expect drop "$it" "$action" ;;
	reject)
		expect drop "$it" "$action"
		like "$(at router awk '/^Icmp: In/ { for (i = 1; i <= NF; i++) if ($i == "OutDestUnreachs") n = i } /^Icmp: [0-9]/ { print $n }' /proc/net/snmp)" '^[1-9]' "$action tells the sender"
		;;
	limit:*)
		n=$(passed 300)
		[ "$n" -ge 1 ] && [ "$n" -lt 300 ]
		ok $? "$action: $n of 300 packets at once pass"
		;;
	quarantine)
		expect drop 'tcp 192.168.1.66 203.0.113.77 1 443' "$action: whatever it wants to reach"
		expect pass 'tcp 192.168.1.66 192.0.2.80 1 443' "$action: but what is allowed"
		expect pass 'udp 192.168.1.66 203.0.113.77 1 53' "$action: and DNS"
		;;
	mark:*)
		at router ip route add blackhole default table 100
		expect drop "$it" "$action: routed by the other table"
		at router ip route del blackhole default table 100
		;;
	queue:*)
		grep -q "the action $action cannot be used here" err && like "$(cat out)" '"status":"attack-exceeded-capability".*lacks' "$action: said, and refused"
		expect pass "$it" "$action: nobody listens"
		;;
	log | dry-run)
		expect pass "$it" "$action"
		is "$(counted)" 1 "$action counts"
		;;
	*) ok 1 "$action: no test" ;;
	esac
	at router dotsch-block flush
done <commands
is "$tried" ' drop reject limit:100/s quarantine queue:3 mark:0x17 log dry-run' 'an example for each action'

run "$(cat by-hand)" "by hand: a request among the examples"
command=$(grep 'show --watch' commands)
rm -f shown && mkfifo shown
# shellcheck disable=SC2086 # words
at router $command >shown 2>err &
watch_pid=$!
exec 8<shown
read -r first <&8
read -r second <&8
kill $watch_pid
for line in "$first" "$second"; do like "$line" '"type":"rule".*"mitigation":"- 1","rule":"[a-z]+ udp: drop"' "$command"; done
like "$(grep dotsch-serverd commands)" "^dotsch-serverd -c serverd.conf --exec 'dotsch-map --conntrack \| dotsch-block'$" 'the pipeline of the chain tests'
done_testing
