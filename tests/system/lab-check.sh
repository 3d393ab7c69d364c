#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The lab itself: it comes up, NATs as it says, two stand side by side, and nothing of them is left behind. LABS=100 tries a hundred in a row.
set -u
. "${top_srcdir:-.}/tests/tap.sh"
. "${top_srcdir:-.}/tests/system/lab.sh"
demo=${top_builddir:-.}/contrib/demo

# Inside a lab, when started with a word: proves that it works, says which lab it is, leaves children behind, and ends.
if [ -n "${1:-}" ]; then
	lab_enter "$0" "$@" && lab_up || exit 1
	readlink /proc/$$/ns/mnt
	[ "$1" = full ] || exit 0
	at victim "$demo/answer" 203.0.113.9 443 >$LAB/answer 2>&1 &
	at victim "$demo/answer" 2001:db8:c000::9 443 >$LAB/answer6 2>&1 &
	at provider "$demo/tap" --live up0 >$LAB/tap 2>&1 &
	lab_line 5 $LAB/answer ready && lab_line 5 $LAB/answer6 ready && lab_line 5 $LAB/tap ready || exit 1
	# One whose file systems are its own, as a service's are.
	nsenter --net=/run/netns/router -- unshare -m -- sh -c 'readlink /proc/$$/ns/mnt; exec tail -f /dev/null' >$LAB/private &
	lab_line 5 $LAB/private mnt: && cat $LAB/private || exit 1
	at good "$demo/talk" --turns -n 5 203.0.113.9 443 || exit 1
	at bad "$demo/talk" --turns -n 5 2001:db8:c000::9 443 || exit 1
	exit 0
fi
lab_flags >/dev/null || skip_all 'no network namespaces can be made here'

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Processes that live in one of the labs named in the files.
left() {
	for p in /proc/[0-9]*; do readlink "$p/ns/mnt" 2>/dev/null; done | grep -Fxf "$work/labs"
}
gone() { ! left >/dev/null; }

/bin/sh "$0" full >"$work/a" 2>&1
ok $? 'a lab comes up, and both hosts reach the victim'
is "$(grep -c '"lost":0,' "$work/a")" 2 'nothing is lost over IPv4 and IPv6'

/bin/sh "$0" full >"$work/b" 2>&1 &
one=$!
/bin/sh "$0" full >"$work/c" 2>&1 &
two=$!
wait $one
ok $? 'one of two labs at once'
wait $two
ok $? 'the other one'

failed=0
for i in $(seq "${LABS:-5}"); do
	/bin/sh "$0" quick >>"$work/row" 2>&1 || failed=$i
done
is "$failed" 0 "${LABS:-5} labs in a row"
grep -h '^mnt:' "$work/a" "$work/b" "$work/c" "$work/row" >"$work/labs"
wait_for 5 gone
ok $? 'no process of any of them is left behind'
[ "$tap_failed" -eq 0 ] || sed 's/^/# /' "$work/a"
done_testing
