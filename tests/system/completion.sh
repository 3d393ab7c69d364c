#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# What bash and zsh offer after TAB is what the programs take.
set -u
. "${top_srcdir:-.}/tests/tap.sh"
build=${top_builddir:-.}
command -v bash >/dev/null || skip_all 'no bash'

# offers PROGRAM WORD…: what bash offers for the last word.
offers() {
	bash -c 'source "$1/contrib/completion/bash/$2"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _${1//-/_}; printf "%s\n" "${COMPREPLY[@]}"' bash "$build" "$@" | sort
}
help_of() { "$build/$1/$1" --help; }
for program in dotsch-client dotsch-serverd dotsch-map dotsch-block; do
	is "$(offers $program --)" "$(help_of $program | sed -nE 's/^  (-., |    )(--[a-z0-9-]+).*/\2/p' | sort)" "bash: $program: every long option of --help, and no other"
	is "$(offers $program - | grep -E '^-[^-]')" "$(help_of $program | sed -nE 's/^  (-.), --.*/\1/p' | sort)" "bash: and every short one"
	for option in $(help_of $program | sed -nE 's/^  (-., |    )(--[a-z0-9-]+).*/\2/p'); do
		grep -qE -e "${option}[]}[]" "$build/contrib/completion/zsh/_dotsch" || echo "$option"
	done >"$build/completion.missing"
	is "$(cat "$build/completion.missing")" '' "zsh: $program: every long option"
done
rm -f "$build/completion.missing"
is "$(offers dotsch-serverd -s x '' | tr '\n' ' ')" 'accept audit pending reject sessions show withdraw ' 'bash: the commands of dotsch-serverd'
for command in $(offers dotsch-serverd ''); do
	like "$(help_of dotsch-serverd)" "[[| ]${command}( |\])" "$command stands in dotsch-serverd --help"
done
for command in $(offers dotsch-map '') $(offers dotsch-block ''); do
	like "$(help_of dotsch-map) $(help_of dotsch-block)" "[ |]$command( |\$)" "$command stands in --help"
done
is "$(offers dotsch-client -c x '' | tr '\n' ' ')" \
	"$("$build/dotsch-client/dotsch-client" -c x no-such-command 2>&1 | sed 's/.*there are //; s/;.*//; s/ and / /' | tr -d ',' | tr ' ' '\n' | sort | tr '\n' ' ')" \
	'bash: the commands of dotsch-client'
is "$(offers dotsch-client -s x mitigate --source- | tr '\n' ' ')" '--source-icmp-type --source-port ' 'bash: the options of mitigate'
for command in $(offers dotsch-client ''); do
	[ "$command" != decode ] || continue
	for option in $(offers dotsch-client -s x "$command" --); do
		"$build/dotsch-client/dotsch-client" -c /nonexistent "$command" "$option" 2>&1 | grep -q 'no such option' && echo "$command $option"
	done
done >"$build/completion.refused"
like "$("$build/dotsch-client/dotsch-client" -c /nonexistent mitigate --no-such-option 2>&1)" 'no such option' 'dotsch-client refuses an option that there is not'
is "$(cat "$build/completion.refused")" '' 'dotsch-client refuses none of the options that are offered for its commands'
rm -f "$build/completion.refused"
is "$(offers dotsch-block --fragments '' | tr '\n' ' ')" 'drop pass ' 'bash: the words of a value'
if command -v zsh >/dev/null; then
	zsh -n "$build/contrib/completion/zsh/_dotsch"
	ok $? 'zsh reads its file'
fi
done_testing
