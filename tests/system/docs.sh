#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The documents fit the programs: man pages are clean, and every long option stands both in --help and in the man page.
set -u
. "${top_srcdir:-.}/tests/tap.sh"
build=$(cd "${top_builddir:-.}" && pwd)
cd "${top_srcdir:-.}" || bail_out 'no source folder'

if command -v mandoc >/dev/null; then
	# Our own pages refer to each other before they are installed; that they exist is checked below.
	for page in man/*.[1-8]; do
		is "$(mandoc -T lint -W style "$page" 2>&1 | grep -vE 'referenced manual not found|outdated mandoc.db')" '' "$page is clean"
	done
fi
pages=$(sed -nE 's/^\.Xr (dotsch[a-z.-]*) ([1-8]).*/\1.\2/p' man/*.[1-8] | sort -u)
for page in $pages; do
	[ -f "man/$page" ]
	ok $? "man/$page, which another page refers to, exists"
done

help_options() {
	"$build/$1/$1" --help | grep -oE '^  (-[A-Za-z0-9], |    )--[a-z0-9-]+' | grep -oE -- '--[a-z0-9-]+' | sed 's/^--//' | sort -u
}
# Of the list of options alone (.It Fl c , -config Ar file): commands have options of their own.
man_options() {
	sed '/^\.Ss Commands/,$d' man/"$1".[18] | grep -E '^\.It Fl' | tr ' ' '\n' | sed -nE 's/^-([a-z0-9][a-z0-9-]+)$/\1/p' | sort -u
}
for program in dotsch-client dotsch-serverd dotsch-map dotsch-block; do
	if [ ! -x "$build/$program/$program" ] || ! ls man/$program.[18] >/dev/null 2>&1; then
		ok 1 "$program and its man page exist"
		continue
	fi
	is "$(man_options $program)" "$(help_options $program)" "$program: --help and the man page know the same options"
	"$build/$program/$program" --help >/dev/null && "$build/$program/$program" --version | grep -q "^$program "
	ok $? "$program --version"
	lines=$("$build/$program/$program" --help | wc -l)
	[ "$lines" -le 50 ]
	ok $? "$program --help fits a screen ($lines lines)"
	"$build/$program/$program" --no-such-option >/dev/null 2>&1
	is $? 100 "$program: an unknown option is a usage error"
	for section in FILES SIGNALS 'EXIT STATUS' EXAMPLES; do
		grep -q "^\.Sh $section\$" man/$program.[18]
		ok $? "$program: the man page has the section $section"
	done
	like "$(grep -A30 '^\.Sh EXIT STATUS' man/$program.[18])" '111' "$program: the man page names the exit codes"
done

for f in README.md CONTRIBUTING.md SECURITY.md NEWS; do
	[ -s $f ]
	ok $? "$f exists"
done
# Files that README and CONTRIBUTING name in backquotes with a path exist.
named=$(grep -ohE '`(contrib|tests|man|doc|lib|\.ci)/[A-Za-z0-9_./-]+' README.md CONTRIBUTING.md | tr -d '`' | sort -u)
for f in $named; do
	[ -e "$f" ]
	ok $? "$f, which the documents name, exists"
done
done_testing
