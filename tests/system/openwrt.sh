#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2317
# The procd example starts what the systemd units start, which tests/system/units.sh tries for real; its preparations are run here.
set -u
. "${top_srcdir:-.}/tests/tap.sh"
top=$(cd "${top_srcdir:-.}" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# procd, as far as it is asked.
procd_open_instance() { name=$1; }
procd_close_instance() { :; }
procd_set_param() {
	case $1 in
	command) shift && printf '%s: %s\n' "$name" "$3" >>"$work/commands" ;;
	*) echo "$name: $*" >>"$work/params" ;;
	esac
}
logger() { echo "$*" >>"$work/logged"; }
# There are no such users here.
chown() { echo "chown $*" >>"$work/owners"; }
chgrp() { echo "chgrp $*" >>"$work/owners"; }
sed "s|/var/lib/|$work/lib/|g" "$top/contrib/openwrt/dotsch.init" >"$work/init"
# shellcheck source=/dev/null
. "$work/init"
RING=$work/ring CONF=$work/serverd.conf
start_service
is $? 1 'nothing is started before it is set up'
like "$(cat "$work/logged")" 'setup-router' 'and the log says what to do'
: >"$CONF"
start_service
is $? 0 'with a configuration it starts'
for fifo in requests resolved status; do
	is "$(stat -c '%F %a' "$RING/$fifo")" 'fifo 660' "$fifo is a FIFO"
done
for program in block map serverd; do
	unit=$(sed -n "s/^ExecStart=//p" "$top/debian/dotsch-$program.service" | sed "s/^.*-c '//; s/'$//")
	is "$(sed -n "s/^$program: //p" "$work/commands" | sed "s|$RING|/run/dotsch|g; s|$CONF|/etc/dotsch/serverd.conf|; s/^umask 007; //")" "$unit" "$program: the command of its unit"
	like "$(grep "^$program:" "$work/params")" 'respawn' "$program: comes again when it ends"
done
like "$(grep '^serverd:' "$work/params")" 'user dotsch-serverd' 'what talks to the network is not root'
is "$(start_service && wc -l <"$work/commands")" 6 'a second start makes no trouble'
done_testing
