#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# make install puts the programs and their man pages in place, they run from there, and make uninstall takes all of it away.
set -u
. "${top_srcdir:-.}/tests/tap.sh"
build=$(cd "${top_builddir:-.}" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset MAKEFLAGS MFLAGS MAKELEVEL TESTS
make -C "$build" install DESTDIR="$work" >"$work/log" 2>&1
ok $? 'make install'
for program in bin/dotsch-client bin/dotsch-map sbin/dotsch-serverd sbin/dotsch-block; do
	installed=$(find "$work" -path "*/$program" -type f -perm -100)
	[ -n "$installed" ]
	ok $? "$program is installed"
	like "$("$installed" --version 2>&1)" "^${program##*/} [0-9]" 'and runs'
	[ -n "$(find "$work" -path "*/man/man[18]/${program##*/}.[18]")" ]
	ok $? 'its man page too'
done
[ -n "$(find "$work" -name dotsch-lines.5)" ]
ok $? 'dotsch-lines(5) too'
for end in provider router; do
	link=$(find "$work" -path "*/sbin/dotsch-setup-$end")
	[ -n "$link" ] && [ -x "$work$(readlink "$link")" ]
	ok $? "dotsch-setup-$end is the script"
	[ -e "$(find "$work" -path "*/man8/dotsch-setup-$end.8")" ]
	ok $? 'its man page too'
done
is "$(find "$work" -type f ! -name log ! -path '*/bin/*' ! -path '*/sbin/*' ! -path '*/man/*' ! -path '*/doc/*' ! -path '*/share/dotsch/*' \
	! -path '*/bash-completion/*' ! -path '*/zsh/*')" '' 'nothing else is installed but completions and shared files'
make -C "$build" uninstall DESTDIR="$work" >"$work/log" 2>&1
ok $? 'make uninstall'
is "$(find "$work" ! -type d ! -name log)" '' 'leaves nothing behind'
[ "$tap_failed" -eq 0 ] || tail -n 20 "$work/log" | sed 's/^/# /'
done_testing
