#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# dotsch-client decode: every vector of tests/golden/decode-vectors, and its ways in.
. "${top_srcdir:-.}/tests/tap.sh"
client=${top_builddir:-.}/dotsch-client/dotsch-client

grep -v '^#' "${top_srcdir:-.}/tests/golden/decode-vectors" | {
	while IFS='|' read -r valid hex member; do
		out=$($client decode "$hex" 2>&1)
		status=$?
		is "$status" $((1 - valid)) "$hex exits with $((1 - valid))"
		case $out in
		*"$member"*) ok 0 "and holds $member" ;;
		*)
			ok 1 "and holds $member"
			echo "# $out"
			;;
		esac
		# Whatever came in, what comes out is one JSON line.
		is "$(printf '%s\n' "$out" | wc -l)" 1 'one line'
	done

	is "$($client decode a118 31a1 1833 f5)" "$($client decode a11831a11833f5)" 'digits in groups are one message'
	is "$(printf 'a11831a11833f5\n' | $client decode -)" "$($client decode a11831a11833f5)" 'digits on standard input'
	is "$(printf '\241\0301\241\0303\365' | $client decode -)" "$($client decode a11831a11833f5)" 'raw bytes on standard input'
	$client decode a1183 2>/dev/null
	is $? 100 'an odd number of digits is wrong usage'
	$client decode xyz 2>/dev/null
	is $? 100 'no digits are wrong usage'
	$client decode 2>/dev/null
	is $? 100 'nothing to decode is wrong usage'
	$client decode a11831a11833f5 >/dev/full 2>/dev/null
	is $? 111 'a full disk is told'
	like "$($client decode --base a101a10281a206816e3230332e302e3131332e392f33320e190708)" '"valid":true' 'CH-28: on the base channel source-prefix is not asked for'
	done_testing
}
