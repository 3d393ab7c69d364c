#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Every error that dotsch-map(1) can tell at its start, provoked: the exit code, and words that name the thing, its value and what would be right.
set -u
. "${top_srcdir:-.}/tests/tap.sh"
map=${top_builddir:-.}/dotsch-map/dotsch-map
golden=${top_srcdir:-.}/tests/golden
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$golden/map-nat.json" "$work/nat.json"
timeout 20 "$map" -q compile --captured 2026-11-22T10:30:00Z --nat "$work/nat.json" -o "$work/good.snap" || bail_out 'no snapshot'
cd "$work" || bail_out 'no folder'
case $map in /*) ;; *) map=$OLDPWD/$map ;; esac

# says CODE PATTERN ARGUMENT…
says() {
	code=$1 pattern=$2
	shift 2
	timeout 20 "$map" "$@" </dev/null >out 2>err
	got=$?
	if [ $got -eq "$code" ]; then like "$(cat err)" "$pattern" "$*"; else is "$got $(cat err)" "$code" "$*"; fi
}

# The command line.
says 100 'give --nat or --snapshot \(at a provider\), or --conntrack \(on a router\)'
says 100 'give --nat or --snapshot' --nat nat.json --conntrack
says 100 "unknown command 'frobnicate'; there are lookup, compile and export" frobnicate
says 100 'standard input carries the lines; give --nat a file, or compile the table first' --nat -
says 100 "export works as 'dotsch-map export --conntrack'" export
says 100 'compile needs at least one --nat and --output' compile --nat nat.json
says 100 'lookup needs --nat or --snapshot, and an address' lookup --nat nat.json
says 100 'lookup needs --nat or --snapshot' lookup --conntrack 192.0.2.1
says 100 "'192.0.2.300' is no address; write 198.51.100.5:20480/udp or \[2001:db8::1\]:443" lookup --nat nat.json 192.0.2.300
says 100 "'192.0.2.1:70000' is no address" lookup --nat nat.json 192.0.2.1:70000
says 100 "'\[2001:db8::1' is no address" lookup --nat nat.json '[2001:db8::1'
says 100 "--captured is a time like 2026-11-22T23:28:07Z, not 'noon'" --captured noon --nat nat.json
says 100 "--attack-time is a time like 2026-11-22T23:28:07Z, not ''" lookup --attack-time '' --nat nat.json 192.0.2.1
says 100 "--max-hosts is a number from 1 to 65536, not '0'" --max-hosts 0 --nat nat.json
says 100 "--max-ports is a number from 1 to 8192, not '-1'" --max-ports -1 --nat nat.json
says 100 "--zone is a number from 0 to 65535, not '65536'" --conntrack --zone 65536
says 100 '--zone goes with --conntrack' --zone 1 --nat nat.json
says 100 "--direct is an address or prefix, not '192.0.2'" --direct 192.0.2 --nat nat.json
# shellcheck disable=SC2046 # a list
says 100 'at most 64 --nat' $(yes -- '--nat nat.json' | head -n 65)
# shellcheck disable=SC2046
says 100 'at most 64 --snapshot' $(yes -- '--snapshot good.snap' | head -n 65)

# Files that are not there, or no tables.
says 111 'none.json: No such file or directory' --nat none.json
says 111 '\.: Is a directory' --nat .
says 111 'none.snap: No such file or directory' --snapshot none.snap
says 111 '\.: not a regular file' --snapshot .
says 111 'none.json: No such file or directory' lookup --nat none.json 192.0.2.1
says 111 'none.snap: No such file or directory' lookup --snapshot none.snap 192.0.2.1
says 1 '' lookup --nat nat.json 192.0.2.1
says 1 'no/such/folder/x.snap: No such file or directory' compile --nat nat.json -o no/such/folder/x.snap
mkfifo pipe
says 1 'pipe: not a regular file' compile --nat nat.json -o pipe
ok "$([ -p pipe ]; echo $?)" 'and the pipe is still one'
# A file system that is full, where one can be mounted.
if unshare -rm sh -c 'mkdir full && mount -t tmpfs -o size=4k full full' 2>/dev/null; then
	# shellcheck disable=SC2016 # expanded by the inner shell
	unshare -rm sh -c 'mount -t tmpfs -o size=4k full full && echo >full/other && "$1" compile --captured 2026-11-22T10:30:00Z --nat nat.json -o full/x.snap; echo $? && ls full' sh "$map" >out 2>&1
	like "$(tr '\n' ' ' <out)" 'full/x.snap: No space left on device 1 other $' 'a full file system: told, and nothing is left behind'
fi
: >empty
says 111 'empty: .*cut short at byte 0' --nat empty
says 111 'empty: empty' --snapshot empty
says 111 "nat.json: not a snapshot of this version of dotsch-map; make it again with 'dotsch-map compile'" --snapshot nat.json
head -c 700 nat.json >cut.json
says 111 'cut.json: .*cut short at byte 700, in /nat/instances/instance\[1\]/mapping-table/mapping-entry' --nat cut.json
printf '{"ietf-restconf:errors":{"error":[{"error-message":"no access"}]}}' >errors.json
says 111 'errors.json: .*the server sent an error, not a table: no access' --nat errors.json
printf '{"ietf-nat:mapping-entry":[{"index":1,"external-src-address":"198.51.100"}]}' >bad.json
says 111 'bad.json: .*at byte [0-9]+, /mapping-entry\[1\]/external-src-address: an address or prefix belongs here, not "198.51.100"' --nat bad.json

# A snapshot with any byte changed, in one of its parts or in the head; or of another machine; or cut.
flip() { perl -e 'local $/; open my $in, "<", "good.snap" or die; my $data = <$in>; substr($data, $ARGV[0], 1) ^= "\x40"; print $data' "$1" >flipped.snap; }
size=$(wc -c <good.snap)
for at in 0 7 9 17 24 28 40 100 $((size / 2)) $((size - 1)); do
	flip "$at"
	says 111 'flipped.snap: (not a snapshot of this version|the snapshot (was made on another kind of machine|is cut short or damaged|is damaged: its checksum is wrong))' --snapshot flipped.snap
done
for at in 1 64 $((size / 2)) $((size - 1)); do
	head -c "$at" good.snap >cut.snap
	says 111 'cut.snap: (not a snapshot of this version|the snapshot is cut short or damaged: [0-9]+ bytes)' --snapshot cut.snap
done

# What a user is told while all is well: the table, and where its time comes from.
says 0 'nat.json: no --captured given, so its modification time counts as the time of the capture' --nat nat.json
says 0 'nat.json: 6 mappings' --captured 2026-11-22T10:30:00Z --nat nat.json
says 0 'x.snap: 6 mappings of [0-9]+ addresses, [0-9]+ rules, [0-9]+ bindings' compile --captured 2026-11-22T10:30:00Z --nat nat.json -o x.snap

# The kernel's own table is not told to everybody: that is found at the start, not at the first request.
if unshare -rn true 2>/dev/null; then
	for arguments in --conntrack 'export --conntrack'; do
		# shellcheck disable=SC2086 # its words
		timeout 20 unshare -rn setpriv --bounding-set=-net_admin --inh-caps=-net_admin "$map" $arguments </dev/null >out 2>err
		like "$? $(cat out err)" '^111 dotsch-map: error: conntrack: not permitted; the capability CAP_NET_ADMIN is needed$' "$arguments without the capability"
	done
else
	ok 0 'without the capability # SKIP no namespaces'
fi
done_testing
