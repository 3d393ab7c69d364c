#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# tests/CONFORMANCE.md holds: each row names tests that ran and passed in this run (judged by their logs), and no number is missing.
set -u
. "${top_srcdir:-.}/tests/tap.sh"
table=$(cd "${top_srcdir:-.}" && pwd)/tests/CONFORMANCE.md
cd "${top_builddir:-.}/tests" || bail_out 'no folder of logs'

# "ok<tab>unit/test_x: name" for each test that passed, "skip<tab>unit/test_x" for each program that ran none.
results() {
	find unit system fuzz -name '*.log' -exec awk '
		FNR == 1 { test = FILENAME; sub(/[.]log$/, "", test); if (test ~ /^system\//) test = test ".sh" }
		/^1[.][.]0 # SKIP/ { print "skip\t" test }
		/^ok [0-9]+ - / && !/ # (SKIP|T[O]DO)/ { sub(/^ok [0-9]+ - /, ""); print "ok\t" test ": " $0 }
		FNR == 1 { print "ran\t" test }' {} +
}

# judge TABLE < results: "STATUS<tab>ROW<tab>what is wrong" for each row, STATUS being ok, bad, or skip.
judge() {
	awk -F '\t' -v table="$1" '
		{ seen[$1, $2] = 1 }
		# what is wrong with this row, "" when nothing is; sets skipped
		function look(cell,   bad, n, parts, i, test, program) {
			n = split(cell, parts, "`")
			if (n < 3)
				return "names no test"
			for (i = 2; i <= n; i += 2) {
				test = parts[i]
				program = test
				sub(/: .*/, "", program)
				if (("ok", test) in seen)
					continue
				if (("skip", program) in seen)
					skipped = skipped " " program
				else if (("ran", program) in seen)
					bad = bad "; no test that passed: " test
				else
					bad = bad "; has not run: " program
			}
			return substr(bad, 3)
		}
		END {
			while ((getline line < table) > 0) {
				if (line !~ /^[|] [A-Z]+-[0-9]/)
					continue
				n = split(line, cell, " *[|] *")
				skipped = ""
				bad = n != 7 ? n - 2 " cells" : cell[2] in rows ? "stands twice" : look(cell[6])
				rows[cell[2]] = 1
				print (bad != "" ? "bad" : skipped != "" ? "skip" : "ok") "\t" cell[2] ": " cell[5] "\t" bad skipped
			}
		}'
}

results >conformance.results
trap 'rm -f conformance.results conformance.rows' EXIT
judge "$table" <conformance.results >conformance.rows
# Alone, without the whole of make check, there are no logs to go by.
if printf '%s' "${MAKEFLAGS-}" | grep -q 'TESTS='; then
	missing=$(sed -n 's/.*has not run: \([^;]*\).*/\1/p' conformance.rows | head -n 1)
	[ -z "$missing" ] || skip_all "goes by the logs of the whole of make check, and $missing has left none"
fi
tab=$(printf '\t')
while IFS=$tab read -r status row why; do
	case $status in
	ok) ok 0 "$row" ;;
	skip) ok 0 "$row # SKIP not to be had here:$why" ;;
	*) ok 1 "$row" && echo "# $why" ;;
	esac
done <conformance.rows

# Each series is whole: a row that is taken out is missed.
ids=$(cut -f 2 conformance.rows | sed 's/:.*//; s/[a-z]$//' | sort -u)
for series in $(printf '%s\n' "$ids" | sed 's/-.*//' | sort -u); do
	last=$(printf '%s\n' "$ids" | sed -n "s/^$series-0*//p" | sort -n | tail -n 1)
	[ "$series" != CH ] || last=49
	is "$(printf '%s\n' "$ids" | grep -c "^$series-")" "$last" "every number of $series-01 to $series-$last stands in the table"
done

# It can say no.
mutant() {
	sed "$1" "$table" >conformance.mutant
	like "$(judge conformance.mutant <conformance.results | grep '^bad')" "$2" "refused: $3"
	rm -f conformance.mutant
}
mutant 's/: put_new`/: put_old`/' 'no test that passed: unit/test_serverd_mitigate: put_old' 'a test that is not there'
mutant 's/`unit\/test_serverd_mitigate: put_new`/yes/' 'M-10: .*names no test' 'a row without a test'
mutant 's/`unit\/test_serverd_mitigate: put_new`/`unit\/test_nothing: put_new`/' 'has not run: unit/test_nothing' 'a program that has not run'
mutant 's/^| M-11 /| M-10 /' 'M-10: .*stands twice' 'a number that stands twice'
done_testing
