#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2013
# What dotsch-operations(7) tells people to type is taken by the programs it is for.
set -u
. "${top_srcdir:-.}/tests/tap.sh"
. "${top_srcdir:-.}/tests/system/lab.sh"
if [ -z "${LAB_IN:-}" ]; then lab_flags >/dev/null || skip_all 'no network namespaces can be made here'; fi
lab_enter "$0" || bail_out 'the lab cannot be entered'
top=$(cd "${top_srcdir:-.}" && pwd)
build=$(cd "${top_builddir:-.}" && pwd)
PATH=$PATH:/usr/sbin:/sbin
page=$top/man/dotsch-operations.7

awk '/^[.]Ed/ { inside = 0 } inside { print } /^[.]Bd/ { inside = 1 }' "$page" >"$LAB/rules"
is "$(grep -c '^table' "$LAB/rules")" 2 'two rule sets stand in the page'
nft -c -f "$LAB/rules" 2>"$LAB/err"
ok $? 'and nft takes them' || cat "$LAB/err"

# Commands of sockets: each is one that the program knows.
for word in $(sed -n 's/.*dotsch-client -s [^ ]* \([a-z]*\).*/\1/p' "$page"); do
	"$build/dotsch-client/dotsch-client" -s /nonexistent "$word" 2>&1 | grep -q 'no such command'
	[ $? = 1 ]
	ok $? "dotsch-client knows $word"
done
for word in $(sed -n 's/.*dotsch-serverd -s [^ ]* \([a-z][a-z]*\).*/\1/p; s/^[.]Cm \(sessions , show , pending , audit\) [.]$/\1/p' "$page" | tr -d ,); do
	like "$("$build/dotsch-serverd/dotsch-serverd" --help)" "[[| ]$word( |\]|\|)" "dotsch-serverd knows $word"
done
for word in $(sed -n 's/.*dotsch-block \([a-z][a-z]*\).*/\1/p' "$page" | sort -u); do
	like "$("$build/dotsch-block/dotsch-block" --help)" "[[| ]$word( |\]|\$)" "dotsch-block knows $word"
done
# Keys of the configuration.
for word in $(grep -oE '^[.]Cm [a-z-]+$' "$page" | cut -d' ' -f2 | sort -u); do
	case $word in
	conflict-information | LimitNOFILE) continue ;;
	diagnostic | attack-time) man=dotsch-lines.5 ;;
	pending | withdraw) man=dotsch-serverd.8 ;;
	*) man=dotsch.conf.5 ;;
	esac
	grep -q -e "$word" "$top/man/$man"
	ok $? "$word stands in $man"
done
# What the programs say in their logs, as the page quotes it.
sed -n '/^[.]Sh WHAT TO DO WHEN/,$s/^[.]Dq \(.*[^ :]\) *:*$/\1/p' "$page" >"$LAB/quoted"
while read -r words; do
	grep -rqF -- "$words" "$top/lib" "$top/dotsch-serverd" "$top/dotsch-client"
	ok $? "a program says: $words"
done <"$LAB/quoted"
# What the table of sizes says, the arithmetic of ten million routers counts with.
told() { sed -n "s/^[.]It $1 Ta \\([0-9.]*\\) m*s of processor$/\\1/p" "$page"; }
for what in 'a router that calls, with a key' 'the same with certificates' 'the same, resuming its session'; do
	like "$(sed -n '/^[.]Ss Ten million/,/^[.]Sh/p' "$page")" "$(told "$what" | sed 's/[.]/[.]/') ms" "$what: $(told "$what") ms in both"
done
is "$(told 'one request to 10,000 routers')" "$(sed -n 's/^one request to each takes \([0-9.]*\) ms:.*/\1/p' "$page" | awk '{ print $1 * 10 }')" 'and so for a request to each'
if command -v sqlite3 >/dev/null; then
	sqlite3 "$LAB/client.db" 'CREATE TABLE t (x)'
	sed -n "s/^[.]Dl \(sqlite3 .*\)/\1/p" "$page" | sed "s|/var/lib/dotsch-client|$LAB|; s|/var/backups|$LAB|" >"$LAB/backup"
	sh "$LAB/backup" && [ -s "$LAB/dotsch-client.db" ]
	ok $? 'the database is copied'
fi
done_testing
