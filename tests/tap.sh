# shellcheck shell=sh
# tap.sh - TAP for shell tests: `. "$top_srcdir/tests/tap.sh"`, then ok/is/like calls, then done_testing.
tap_count=0 tap_failed=0

# ok STATUS NAME: STATUS is a number (0 = passed), usually $?
ok() {
	tap_count=$((tap_count + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $tap_count - $2"
	else
		tap_failed=$((tap_failed + 1))
		echo "not ok $tap_count - $2"
	fi
}

# is GOT WANT NAME
is() {
	if [ "$1" = "$2" ]; then ok 0 "$3"; else
		ok 1 "$3"
		printf '# got:  %s\n# want: %s\n' "$1" "$2" | sed '2,$s/^\([^#]\)/# \1/'
	fi
}

# like GOT PATTERN NAME: an extended regular expression
like() {
	if printf '%s\n' "$1" | grep -Eq -- "$2"; then ok 0 "$3"; else
		ok 1 "$3"
		printf '%s\n' "$1" | sed 's/^/# got: /'
		printf '# want: %s\n' "$2"
	fi
}

skip_all() {
	echo "1..0 # SKIP $1"
	exit 0
}

bail_out() {
	echo "Bail out! $1"
	exit 1
}

# wait_for SECONDS COMMAND…: polls every 20 ms until the command succeeds; 1 when the time is up. For events that nothing announces.
wait_for() {
	tap_until=$(($(date +%s) + $1))
	shift
	until "$@"; do
		[ "$(date +%s)" -lt "$tap_until" ] || return 1
		perl -e 'select undef, undef, undef, 0.02'
	done
}

done_testing() {
	echo "1..$tap_count"
	[ "$tap_failed" -eq 0 ]
}
