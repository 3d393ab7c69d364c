#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The documents fit the programs: man pages are clean, and every long option stands both in --help and in the man page, every
# member of a line in dotsch-lines(5).
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

# dotsch-lines(5) tells each type, each member and each word of the schema. The envelope and the DOTS content have sections of their own; labels of the status
# are in dotsch(7).
section_words() {
	awk -v type="$1" '/^\.S[sh] / { in_it = 0; for (i = 2; i <= NF; i++) { w = $i; gsub(/,/, "", w); if ($1 == ".Ss" && w == type) in_it = 1 } } in_it' man/dotsch-lines.5 |
		sed -nE 's/^\.(It )?(Cm|Li|Sx) //p' | tr -s ' ,' '\n' | sort -u
}
schema=contrib/dotsch-lines.schema.json
if command -v jq >/dev/null; then
	for type in $(jq -r '."$defs" | keys[] | select(startswith("line-")) | ltrimstr("line-")' $schema); do
		words=$(section_words "$type")
		missing=$(jq -r --arg t "line-$type" '."$defs"[$t].properties | [keys[], (.[].enum? // [])[]] | unique[]
			| select(test("^(type|time|ref|part|peer|cuid|mid|origin|instance|to|attack-time|ietf-.*|attack-.*|dots-client-.*)$") | not)' $schema |
			while read -r word; do printf '%s\n' "$words" | grep -qxF -- "$word" || printf '%s ' "$word"; done)
		[ -n "$words$(grep -x "\.Ss $type" man/dotsch-lines.5)" ]
		ok $? "dotsch-lines(5) has the type $type"
		is "$missing" '' "dotsch-lines(5) tells every member and word of $type"
	done
	for label in $(jq -r '."$defs".scope.properties.status.enum[]' $schema); do
		grep -q "^\.It Li $label " man/dotsch.7
		ok $? "dotsch(7) tells what $label means"
	done
	# Each type that a program writes has its part of the schema.
	written=$(grep -rhoE 'envelope_new\("[a-z]+"' dotsch-*/*.c lib/*/*.c | sed 's/.*"\(.*\)"/\1/' | sort -u)
	for type in $written; do
		jq -e --arg t "line-$type" '."$defs"[$t]' $schema >/dev/null
		ok $? "the schema has the type $type"
	done
fi
peer_members=$(grep -ohE '\(object, "[a-z-]+"' dotsch-client/peer.c dotsch-client/peer_server.c | sed 's/.*"\(.*\)"/\1/' | sort -u)
told=$(sed -n '/^\.Sh PEERS.JSONL/,/^\.Sh SERVERD/s/^\.It Li //p' man/dotsch.conf.5 | tr -s ' ,' '\n' | sort -u)
is "$told" "$peer_members" 'dotsch.conf(5) has every member of peers.jsonl, and no other'

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
for folder in contrib/*/; do
	case $folder in contrib/lines/) continue ;; esac      # what the others share
	[ -s "$folder/README.md" ]
	ok $? "$folder has a README"
done
# What a README of contrib tells to type is found: our scripts are not on the PATH, and a package has them among its examples.
for script in contrib/*/*; do
	case $script in contrib/demo/* | */generate) continue ;; esac
	{ [ -f "$script" ] && [ -x "$script" ]; } || continue
	readme=${script%/*}/README.md
	is "$(awk '/^```/ { inside = !inside } inside' "$readme" | grep -E "(^|[^/[:alnum:]_.-])${script##*/} ")" '' "$readme calls ${script##*/} by its path"
done
named=$(grep -ohE '/usr/share/doc/dotsch-common/examples/[a-z0-9/-]+' contrib/*/README.md contrib/*/*.service | sort -u)
for f in $named; do
	[ -e "contrib/${f#/usr/share/doc/dotsch-common/examples/}" ] && grep -qF "(examplesdir)/$(echo "${f#/usr/share/doc/dotsch-common/examples/}" | cut -d/ -f1)" contrib/*.mk
	ok $? "$f is installed"
done
# Each file that ARCHITECTURE.md names exists, by its path or in some folder.
for f in $(grep -oE '`[A-Za-z0-9_/.-]+[.](c|h|sh|json|jsonl)`' doc/ARCHITECTURE.md | tr -d '`' | sort -u); do
	[ -e "$f" ] || [ -n "$(find lib dotsch-client dotsch-serverd dotsch-map dotsch-block tests -name "$f" -print)" ]
	ok $? "$f, which ARCHITECTURE.md names, exists"
done
done_testing
