# shellcheck shell=sh disable=SC2154,SC2034
# SPDX-License-Identifier: GPL-3.0-or-later
# unit.sh - starts a systemd unit's ExecStart as written, without systemd: the unit's user, groups, capabilities, state folder, umask, proc, read-only file
# system and notification socket. For root in a lab whose /etc, /run and /var/lib are its own. Needs lab.sh.
UNIT_DIR=${UNIT_DIR:-/lib/systemd/system}

# unit_get UNIT KEY: the last value, as systemd takes it.
unit_get() { sed -n "s/^$2=//p" "$UNIT_DIR/$1.service" | tail -n 1; }

# unit_caps UNIT: its capabilities as setpriv writes them.
unit_caps() {
	printf '%s' -all
	for unit_cap in $(unit_get "$1" AmbientCapabilities); do
		printf ',+%s' "$(printf '%s' "${unit_cap#CAP_}" | tr '[:upper:]' '[:lower:]')"
	done
}

# What the manager would do before it becomes the user.
unit_prepare() {
	unit_state=$(unit_get "$1" StateDirectory)
	if [ -n "$unit_state" ]; then
		mkdir -p "/var/lib/$unit_state" && chown "$(unit_get "$1" User):$(unit_get "$1" Group)" "/var/lib/$unit_state" &&
			chmod "$(unit_get "$1" StateDirectoryMode)" "/var/lib/$unit_state"
	fi
}

# The listener of NOTIFY_SOCKET for all units, which writes a line for each word to $LAB/notify.UNIT.
unit_listen() {
	# shellcheck disable=SC2016 # perl's
	perl -MSocket -e '$| = 1; unlink $ARGV[0]; umask 0; socket(S, AF_UNIX, SOCK_DGRAM, 0) && bind(S, pack_sockaddr_un($ARGV[0])) or die;
		open(O, ">", $ARGV[1]); select O; $| = 1; while (defined recv(S, $b, 4096, 0)) { print "$b\n" }' \
		"$LAB/notify.$1" "$LAB/notified.$1" &
	lab_wait 10 [ -S "$LAB/notify.$1" ]
}

# unit_start UNIT NAMESPACE: its output is in $LAB/UNIT.log; its process is $unit_pid. 1 when it has not said READY=1 in time.
unit_start() {
	[ -S "$LAB/notify.$1" ] || unit_listen "$1" || return 1
	: >"$LAB/notified.$1"
	unit_prepare "$1" || return 1
	# shellcheck disable=SC2016 # expanded by the inner shell
	nsenter --net="/run/netns/$2" -- unshare -m --propagation private -- sh -c '
		[ -z "$4" ] || mount -t proc -o "$4" proc /proc || exit 111
		# ProtectSystem=strict, but for what StateDirectory and ReadWritePaths name.
		for path in /run/dotsch "$5"; do [ -z "$path" ] || mount --bind "$path" "$path" || exit 111; done
		for path in /etc /usr /var; do mount --rbind $path $path && mount -o bind,remount,ro $path || exit 111; done
		[ -z "$5" ] || mount --bind "$5" "$5" || exit 111
		umask "$6"
		eval "exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin NOTIFY_SOCKET=$1 WATCHDOG_USEC=$7 ${8} \
			setpriv --reuid=$2 --regid=$3 --init-groups --inh-caps=$9 --ambient-caps=$9 --bounding-set=$9 --no-new-privs -- ${10}"' \
		sh "$LAB/notify.$1" "$(unit_get "$1" User)" "$(unit_get "$1" Group)" \
		"$(unit_proc "$1")" "$(unit_get "$1" StateDirectory | sed 's|^|/var/lib/|')" "$(unit_get "$1" UMask)" \
		"${UNIT_WATCHDOG:-$(unit_get "$1" WatchdogSec | sed 's/s$/000000/')}" "${UNIT_ENV:-}" "$(unit_caps "$1")" "$(unit_get "$1" ExecStart)" \
		</dev/null >>"$LAB/$1.log" 2>&1 &
	unit_pid=$!
	lab_line 20 "$LAB/notified.$1" '^READY=1$'
}

# ProcSubset and ProtectProc as options of mount.
unit_proc() {
	unit_options=''
	[ "$(unit_get "$1" ProcSubset)" != pid ] || unit_options=subset=pid
	[ "$(unit_get "$1" ProtectProc)" != invisible ] || unit_options=${unit_options:+$unit_options,}hidepid=invisible
	printf '%s' "$unit_options"
}
