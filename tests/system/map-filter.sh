#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# dotsch-map as a filter: what passes byte for byte, the order, a reader that waits, bad lines, tables that change while it runs, and the command line.
set -u
. "${top_srcdir:-.}/tests/tap.sh"
command -v jq >/dev/null || skip_all 'jq is not installed'
map=${top_builddir:-.}/dotsch-map/dotsch-map
golden=${top_srcdir:-.}/tests/golden
work=$(mktemp -d)
filter=
trap '[ -z "$filter" ] || kill "$filter" 2>/dev/null; rm -rf "$work"' EXIT
now=2026-11-22T10:30:00Z
nat="--captured $now --nat $golden/map-nat.json"

# request REF PORT
request() {
	printf '{"type":"mitigate","attack-time":"%s","ref":"%s","x-own":{"a":[1, 2]},"ietf-dots-signal-channel:mitigation-scope":{"scope":[{"target-prefix":["203.0.113.9/32"],"target-protocol":[17],"lifetime":60,' $now "$1"
	printf '"x-inner":1,"ietf-dots-call-home:source-prefix":["198.51.100.5/32"],"ietf-dots-call-home:source-port-range":[{"lower-port":%s}]}]}}\n' "$2"
}

# What is not a request passes byte for byte, in order; a bad line is answered in its place.
{
	printf '%s\n' '{ "type" : "x-unknown",  "n": 1e2 }' '{"type":"status","peer":"isp","cuid":"c","mid":1,"status":"attack-stopped" }' '{"type":"withdraw" ,"ref":"a"}' \
		'{"type":"sync","want":true}' '{"type":"error","reason":"not ours"}' 'no json' '{"type":"x","type":"y"}'
	request one 20480
	printf '%s' '{"type":"x-last","without":"newline"}'
} >"$work/in"
# shellcheck disable=SC2086 # several words
timeout 20 "$map" $nat <"$work/in" >"$work/out"
is $? 0 'the end of the input ends it with 0'
is "$(sed -n 1,5p "$work/out")" "$(sed -n 1,5p "$work/in")" 'other lines pass byte for byte'
is "$(sed -n 9p "$work/out")" "$(sed -n 9p "$work/in")" 'also the last one, without a newline'
is "$(sed -n '6p;7p' "$work/out" | jq -r .type | tr '\n' ' ')" 'error error ' 'a bad line is answered, and the next is read'
is "$(sed -n 8p "$work/out" | jq -c '[.ref, ."x-own", ."ietf-dots-signal-channel:mitigation-scope".scope[0]."x-inner"]')" '["one",{"a":[1,2]},1]' 'unknown members of a request stay'
is "$(sed -n 8p "$work/out" | jq -r 'keys_unsorted[0:2] | join(" ")')" 'type time' 'type and time stand first'

# A reader that does not read: nothing is lost, and the filter waits instead of growing.
i=0
while [ $i -lt 20000 ]; do
	i=$((i + 1))
	request $i 20480
done >"$work/many"
mkfifo "$work/slow"
# shellcheck disable=SC2086
"$map" $nat <"$work/many" >"$work/slow" &
filter=$!
exec 3<"$work/slow"
idle() { grep -q '^State:.S' "/proc/$filter/status" && [ "$(awk '/^pos:/ { print $2 }' "/proc/$filter/fdinfo/0")" -gt 0 ]; }
wait_for 10 idle
read_so_far=$(awk '/^pos:/ { print $2 }' "/proc/$filter/fdinfo/0")
ok "$([ "$read_so_far" -gt 0 ] && [ "$read_so_far" -lt $(($(wc -c <"$work/many") / 2)) ]; echo $?)" 'back-pressure: while nobody reads, no more is taken in'
timeout 60 cat <&3 >"$work/drained"
exec 3<&-
wait "$filter"
filter=
is "$(jq -r .ref "$work/drained" | cksum)" "$(jq -r .ref "$work/many" | cksum)" 'and every line comes out, in order'

# A reader that goes away ends it.
# shellcheck disable=SC2086
timeout 60 "$map" $nat <"$work/many" 2>"$work/err" | head -n 1 >/dev/null
like "$(cat "$work/err")" 'standard output' 'a reader that goes away is told'

# --follow and SIGHUP: a new table is taken up at once and whole; one that is cut short is refused, and the old one stays.
sed 's/100\.64\.8\.21/100.64.8.22/' "$golden/map-nat.json" >"$work/second.json"
head -c 700 "$golden/map-nat.json" >"$work/cut.json"
"$map" -q compile --captured $now --nat "$golden/map-nat.json" -o "$work/table.snap"
ok $? 'compile'
is "$(stat -c %a "$work/table.snap")" 600 'a snapshot is readable by its owner only'
mkfifo "$work/lines"
"$map" --follow --snapshot "$work/table.snap" <"$work/lines" >"$work/followed" 2>"$work/log" &
filter=$!
exec 4>"$work/lines"
answers() { [ "$(grep -c . "$work/followed")" -ge "$1" ]; }
said() { [ "$(grep -c "$1" "$work/log")" -ge "$2" ]; }
source_of() { sed -n "$1p" "$work/followed" | jq -r '."ietf-dots-signal-channel:mitigation-scope".scope[0]."ietf-dots-call-home:source-prefix"[0]'; }
request a 20480 >&4
wait_for 10 answers 1
is "$(source_of 1)" 100.64.8.21/32 'the first table'
"$map" -q compile --captured $now --nat "$work/second.json" -o "$work/table.snap"
wait_for 10 said 'read anew' 1
request b 20480 >&4
wait_for 10 answers 2
is "$(source_of 2)" 100.64.8.22/32 '--follow: the second table'
head -c 500 "$work/table.snap" >"$work/table.new"
mv "$work/table.new" "$work/table.snap"
wait_for 10 said 'stay in use' 1
request c 20480 >&4
wait_for 10 answers 3
is "$(source_of 3)" 100.64.8.22/32 'a damaged table is refused, the old one stays'
"$map" -q compile --captured $now --nat "$golden/map-nat.json" -o "$work/table.snap"
wait_for 10 said 'read anew' 2
kill -HUP "$filter"
wait_for 10 said 'read anew' 3
ok $? 'SIGHUP reads the tables anew'
request d 20480 >&4
wait_for 10 answers 4
is "$(source_of 4)" 100.64.8.21/32 'and takes them up'
# As cp does it: emptied, then written; in between the old table answers.
cp "$work/table.snap" "$work/copy.snap"
exec 5>"$work/table.snap"
request e 20480 >&4
wait_for 10 answers 5
is "$(source_of 5)" 100.64.8.21/32 'a snapshot that is being written anew in place'
cat "$work/copy.snap" >&5
exec 5>&-
wait_for 10 said 'read anew' 4
ok $? 'and it is taken up at the end'
exec 4>&-
wait "$filter"
filter=

# A link to a table elsewhere: what is written there counts, and so does another place that the link is turned to.
mkdir "$work/a" "$work/b"
cp "$golden/map-nat.json" "$work/a/table.json"
ln -s a/table.json "$work/link.json"
mkfifo "$work/lines4"
timeout 60 "$map" --follow --captured $now --nat "$work/link.json" <"$work/lines4" >"$work/followed" 2>"$work/log" &
filter=$!
exec 4>"$work/lines4"
request l 20480 >&4
wait_for 10 answers 1
cp "$work/second.json" "$work/a/table.json"
wait_for 10 said 'read anew' 1
request m 20480 >&4
wait_for 10 answers 2
is "$(source_of 2)" 100.64.8.22/32 '--follow: a table behind a link is written'
cp "$golden/map-nat.json" "$work/b/table.json"
ln -s b/table.json "$work/link.new"
mv "$work/link.new" "$work/link.json"
wait_for 10 said 'read anew' 2
cp "$work/second.json" "$work/b/table.new"
mv "$work/b/table.new" "$work/b/table.json"
wait_for 10 said 'read anew' 3
request n 20480 >&4
wait_for 10 answers 3
is "$(source_of 3)" 100.64.8.22/32 '--follow: and a table behind a link that was turned to another place'
exec 4>&-
wait "$filter"
filter=

# A table that is replaced while another one is still being read is not missed.
cp "$golden/map-nat.json" "$work/early.json"
mkfifo "$work/late.json" "$work/lines2"
timeout 60 "$map" --follow --captured $now --nat "$work/early.json" --nat "$work/late.json" <"$work/lines2" >"$work/followed" 2>"$work/log" &
filter=$!
exec 4>"$work/lines2"
wait_for 10 said 'early.json: ' 1
timeout 10 sh -c 'exec 5>"$1" && cp "$2" "$1.new" && mv "$1.new" "$1" && cp "$4" "$3.new" && mv "$3.new" "$3" && cat "$2" >&5' sh \
	"$work/late.json" "$golden/map-rules.json" "$work/early.json" "$work/second.json"
wait_for 10 said 'read anew' 1
request e 20480 >&4
wait_for 10 answers 1
is "$(source_of 1)" 100.64.8.22/32 '--follow: a table replaced during the start is taken up'
exec 4>&-
wait "$filter"
filter=

# Twice NAT: the host never sees the target that was attacked. An entry that only repeats it changes nothing.
# twice MEMBERS: what becomes of a request
twice() {
	printf '{"ietf-nat:mapping-entry":[{"index":1,"type":"static","transport-protocol":17,"internal-src-address":"100.64.8.21/32","internal-src-port":{"start-port-number":40112},"external-src-address":"198.51.100.5/32",' >"$work/twice.json"
	printf '"external-src-port":{"start-port-number":20480},"external-dst-address":"203.0.113.9","external-dst-port":{"start-port-number":53}%s}]}' "$1" >>"$work/twice.json"
	request t 20480 | timeout 10 "$map" -q --captured $now --nat "$work/twice.json" | jq -r '[.type, .field // "-", .found[0]."source-prefix" // "-"] | join(" ")'
}
is "$(twice '')" 'mitigate - -' 'a destination outside alone'
is "$(twice ',"internal-dst-address":"203.0.113.9/32","internal-dst-port":{"start-port-number":53}')" 'mitigate - -' 'the same destination inside'
is "$(twice ',"internal-dst-address":"10.99.0.9/32"')" 'error target-prefix 100.64.8.21/32' 'another destination inside'
is "$(twice ',"internal-dst-port":{"start-port-number":5353}')" 'error target-prefix 100.64.8.21/32' 'another port inside'

# A table from a pipe is there once: reading it again would wait for a writer, and all lines with it.
mkfifo "$work/pipe.json" "$work/lines3"
timeout 60 "$map" --follow --captured $now --nat "$work/pipe.json" <"$work/lines3" >"$work/followed" 2>"$work/log" &
filter=$!
exec 4>"$work/lines3"
timeout 10 cp "$golden/map-nat.json" "$work/pipe.json"
wait_for 10 said 'pipe.json: not a regular file, so it cannot be read again' 1
ok $? '--follow: a pipe is not read again'
request f 20480 >&4
wait_for 10 answers 1
is "$(source_of 1)" 100.64.8.21/32 'and lines go on to be answered from what it gave'
request g 0 | sed 's/"lower-port":0/&,"upper-port":65535/' >&4
wait_for 10 answers 2
is "$(sed -n 2p "$work/followed" | jq -r '[.type, .field] | join(" ")')" 'error source-prefix' 'all ports are the whole address, of which one port is known'
exec 4>&-
wait "$filter"
filter=

# Tables that are refused at the start, and command lines.
timeout 10 "$map" --nat "$work/cut.json" </dev/null >/dev/null 2>"$work/err"
is $? 111 'a table that is cut short is refused at the start'
like "$(cat "$work/err")" 'cut short at byte 700, in /nat/instances/instance\[1\]/mapping-table/mapping-entry' 'with byte offset and path'
for line in '' '--nat a --conntrack' '--nat -' 'export' 'compile --nat a' 'lookup 1.2.3.4' 'lookup --conntrack 1.2.3.4' '--nat a --max-hosts 0' '--captured noon --nat a' '--zone 1 --nat a' '--conntrack --zone 65536' '--direct 1.2.3 --nat a' 'frobnicate'; do
	# shellcheck disable=SC2086
	timeout 10 "$map" $line </dev/null >/dev/null 2>&1
	is $? 100 "usage: dotsch-map $line"
done
timeout 10 "$map" -q lookup --captured $now --attack-time $now --nat "$golden/map-nat.json" 198.51.100.5:20480/udp >/dev/null
is $? 0 'lookup: found is 0'
timeout 10 "$map" -q lookup --nat "$golden/map-nat.json" 198.51.100.5:1/udp >/dev/null
is $? 1 'lookup: not found is 1'
is "$(timeout 10 "$map" -q lookup --nat - 198.51.100.6:30001 <"$golden/map-nat.json" | jq -r '.found[0]."source-prefix"')" 100.64.9.0/32 'lookup reads a table from a pipe'

is "$(ldd "$map" | grep -cE 'coap|gnutls|cbor')" 0 'neither libcoap, GnuTLS nor libcbor is linked'
done_testing
