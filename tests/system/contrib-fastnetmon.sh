#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The real FastNetMon at the provider: one of the home's hosts floods, FastNetMon bans the home's address, the router stops the device, and the ban's end withdraws.
set -u
. "${top_srcdir:-.}/tests/tap.sh"
. "${top_srcdir:-.}/tests/system/lab.sh"
. "${top_srcdir:-.}/tests/system/chain.sh"
command -v fastnetmon >/dev/null && command -v jq >/dev/null || skip_all 'fastnetmon is not installed'
# It locks its packet buffers in memory, which is for real root only.
[ -n "${LAB_IN:-}" ] || [ "$(id -u)" = 0 ] || skip_all 'fastnetmon wants real root'
LAB_UNSHARE=-nm
lab_enter "$0" "$@" || skip_all 'no network namespaces can be made here'
chain_path "$(cd "${top_builddir:-.}" && pwd)"
lab_up && chain_config udp psk && chain_client -s $LAB/client.sock && lab_line 10 $LAB/client.out listening && chain_serverd && chain_up 10 || bail_out 'the router does not call home'

cat >$LAB/notify <<-N
	#!/bin/sh
	echo "\$*" >>$LAB/notified
	DOTSCH_SINK="tee -a $LAB/lines | dotsch-client -s $LAB/client.sock --json" exec "$(cd "${top_srcdir:-.}/contrib/fastnetmon" && pwd)/fastnetmon-notify" "\$@" 2>>$LAB/notify.err
N
chmod +x $LAB/notify
echo 100.64.8.0/24 >$LAB/networks
: >$LAB/whitelist
cat >$LAB/fastnetmon.conf <<-CONF
	disable_usage_report = on
	logging_level = info
	enable_ban = on
	process_incoming_traffic = off
	process_outgoing_traffic = on
	enable_connection_tracking = on
	networks_list_path = $LAB/networks
	white_list_path = $LAB/whitelist
	ban_for_pps = on
	threshold_pps = 500
	average_calculation_time = 1
	ban_time = 6
	unban_only_if_attack_finished = off
	mirror_afpacket = on
	interfaces = acc0
	notify_script_path = $LAB/notify
CONF
nsenter --net=/run/netns/provider -- fastnetmon --configuration_file $LAB/fastnetmon.conf --log_file $LAB/fastnetmon.log --disable_pid_logic >$LAB/fastnetmon.out 2>&1 &
lab_line 15 $LAB/fastnetmon.log 'AF_PACKET worker process for acc0' || bail_out 'fastnetmon does not watch'
nsenter --net=/run/netns/bad -- flood --rate 2000 $CHAIN_VICTIM $CHAIN_PORT >$LAB/flood &
lab_line 30 $LAB/notified 'outgoing [0-9]+ ban' || { grep -q 'MMAP failed' $LAB/fastnetmon.log && skip_all 'fastnetmon may not lock its packet buffers here'; }
like "$(cat $LAB/notified 2>&1)" '^100.64.8.21 outgoing [0-9]+ ban' 'FastNetMon bans the address that floods'
lab_line 10 $LAB/router.map '"hosts":\[[{]"address":"192.168.1.66"'
ok $? 'the router finds the device'
lab_line 15 $LAB/router.status '"status":"attack-successfully-mitigated"'
ok $? 'and stops it'
lab_line 30 $LAB/notified ' unban'
ok $? 'the ban ends'
lab_line 10 $LAB/router.map '"type":"withdraw"'
ok $? 'and the block with it'
is "$(grep -v '^$' $LAB/notify.err 2>/dev/null)" '' 'the notify script has nothing to complain of'
done_testing
