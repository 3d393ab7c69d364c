#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Every example of dotsch-map(1) that makes its own table runs as it stands there, and finds a host.
set -u
. "${top_srcdir:-.}/tests/tap.sh"
command -v jq >/dev/null || skip_all 'jq is not installed'
page=${top_srcdir:-.}/man/dotsch-map.1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
case ${top_builddir:-.} in /*) PATH=$top_builddir/dotsch-map:$PATH ;; *) PATH=$PWD/${top_builddir:-.}/dotsch-map:$PATH ;; esac

# Each literal display with a here-document becomes a script; "\e" is mdoc's backslash.
awk -v work="$work" '
	/^\.Bd -literal/ { text = ""; inside = 1; next }
	/^\.Ed/ { if (inside && text ~ /<</) { n++; printf "%s", text > (work "/example." n) } inside = 0; next }
	inside { gsub(/\\e/, "\\"); text = text $0 "\n" }' "$page"
examples=0 asked=$(grep -c '^dotsch-map lookup' "$page")
for script in "$work"/example.*; do
	out=$(cd "$work" && timeout 20 sh "$script" 2>"$work/err")
	is $? 0 "$(grep -m 1 '^dotsch-map' "$script")"
	examples=$((examples + $(printf '%s\n' "$out" | jq -c 'select(.certainty == "likely" or .certainty == "exact") | .found[0]."source-prefix"' | grep -c .)))
done
is "$examples" "$asked" 'each question of the examples finds its host'
ok "$([ "$asked" -ge 9 ]; echo $?)" 'there is an example of each source'
done_testing
