# shellcheck shell=sh disable=SC2034
# SPDX-License-Identifier: GPL-3.0-or-later
# agents.sh - dotsch-client and dotsch-serverd as they were built, on loopback, in namespaces that the test has for itself.
#
# Use:  . "${top_srcdir:-.}/tests/system/agents.sh", before anything else of the test. From there on the current folder is $LAB, nobody else may read what is
# written to it, $client and $serverd are the programs, $src and $top the trees of source and build, and $key is a pre-shared key to configure.
. "${top_srcdir:-.}/tests/tap.sh"
. "${top_srcdir:-.}/tests/system/lab.sh"
src=$(cd "${top_srcdir:-.}" && pwd)
top=$(cd "${top_builddir:-.}" && pwd)
client=$top/dotsch-client/dotsch-client serverd=$top/dotsch-serverd/dotsch-serverd
for agents_program in "$client" "$serverd"; do
	[ -x "$agents_program" ] || skip_all "${agents_program##*/} is not built"
done
lab_enter "$0" "$@" || skip_all 'no namespaces can be made here'
ip link set lo up || skip_all 'the loopback interface does not come up'
cd "$LAB" || exit 1
umask 077
key=00112233445566778899aabbccddeeff
