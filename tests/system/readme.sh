#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The README's version by hand works as it is printed.
set -u
. "${top_srcdir:-.}/tests/tap.sh"
. "${top_srcdir:-.}/tests/system/lab.sh"
. "${top_srcdir:-.}/tests/system/chain.sh"
if [ -z "${LAB_IN:-}" ]; then lab_flags >/dev/null || skip_all 'no network namespaces can be made here'; fi
lab_enter "$0" || bail_out 'the lab cannot be entered'
chain_path "$(cd "${top_builddir:-.}" && pwd)"
# The block that begins with unshare; the lab stands for its first line.
awk '/^```/ { inside = 0 } inside { print } /^unshare -rn sh$/ { inside = 1 }' "${top_srcdir:-.}/README.md" >"$LAB/by-hand"
[ "$(wc -l <"$LAB/by-hand")" -le 10 ] && [ -s "$LAB/by-hand" ]
ok $? 'it has ten lines at most'
cd "$LAB" || exit 1
# The PATH of an ordinary user ends at bin.
PATH=$(printf '%s' "$PATH" | tr : '\n' | grep -v '/sbin$' | paste -s -d :)
timeout 60 sh -e ./by-hand >"$LAB/said" 2>"$LAB/err" </dev/null
is $? 0 'each of its commands works'
like "$(cat "$LAB/said")" '"code":"2[.]01"' 'the router takes the request'
like "$(cat "$LAB/said")" 'udp sport 5000-5010 .*drop' 'and the last command shows the rule'
[ "$tap_failed" -eq 0 ] || sed 's/^/# /' "$LAB/err"
done_testing
