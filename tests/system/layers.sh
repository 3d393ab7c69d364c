#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The architecture holds: arrows point one way, other people's headers stay in their adapters, and the privileged programs link no protocol library.
set -u
. "${top_srcdir:-.}/tests/tap.sh"
build=$(cd "${top_builddir:-.}" && pwd)
cd "${top_srcdir:-.}" || bail_out 'no source folder'

# includes FOLDER: "FILE INCLUDED" for every include of one of our own headers.
includes() {
	grep -rE '^[[:space:]]*#[[:space:]]*include "' "$1" --include='*.c' --include='*.h' | sed -E 's/^([^:]*):[^"]*"([^"]*)".*/\1 \2/'
}

# outside FOLDER PATTERN: includes that are none of its folder's own files and match none of the allowed places.
outside() {
	includes "$1" | while read -r file header; do
		[ -f "$(dirname "$file")/$header" ] || printf '%s\n' "$header" | grep -Eq "^($2)" || echo "$file includes $header"
	done
}

for folder in lib/base lib/dots lib/link lib/store; do
	[ -n "$(find $folder -name '*.c')" ]
	ok $? "$folder holds sources"
done
is "$(outside lib/base 'base/')" '' 'lib/base stands on nothing of ours'
is "$(outside lib/dots 'base/|dots/')" '' 'lib/dots stands on lib/base alone'
is "$(outside lib/link 'base/|dots/|link/')" '' 'lib/link stands on lib/dots and lib/base'
is "$(outside lib/store 'base/|store/')" '' 'lib/store stands on lib/base alone'
for program in dotsch-client dotsch-serverd; do
	is "$(outside $program "base/|dots/|link/|store/|$program/")" '' "$program includes no header of another program"
done
for program in dotsch-map dotsch-block; do
	is "$(outside $program "base/|dots/|store/|$program/")" '' "$program includes no header of lib/link or of another program"
done
is "$(grep -rlE '#include "[^"]*\.c"' lib dotsch-* --include='*.[ch]')" '' 'no file includes a source file'

# Every foreign header, and the files that may open it: one adapter each, or the private header of one adapter made of several files.
# jansson comes in through base/json.h, which is its one door.
adapters='gnutls/ lib/link/(tls|dtls)[a-z_]*[.][ch]
coap3/ lib/link/message[.]c
cbor[.]h lib/dots/cbor_stream[.]c
jansson[.]h lib/base/json[.]h
sqlite3[.]h lib/store/(store[.]c|private[.]h)
confuse[.]h lib/base/conf[.]c
seccomp[.]h (lib/base/priv|dotsch-block/sandbox)[.]c
readline/ (dotsch-client|dotsch-serverd)/[a-z_]*[.]c
ares[.]h lib/link/dial_names[.]c
netlink/ (dotsch-map/conntrack[.]c|dotsch-map/neighbour[.]c|dotsch-block/(nft_)?private[.]h|dotsch-block/(flows|links|watch)[.]c|lib/[a-z]*/netlink[.]c|dotsch-serverd/interface[.]c)
yajl/ dotsch-map/nat_json[.]c'
foreign=$(printf '%s\n' "$adapters" | sed 's/ .*//' | tr '\n' '|')
for folder in lib dotsch-client dotsch-serverd dotsch-map dotsch-block; do
	grep -rE "^[[:space:]]*#[[:space:]]*include <(${foreign%|})" $folder --include='*.c' --include='*.h'
done | sed -E 's/^([^:]*):[^<]*<([^>]*)>.*/\1 \2/' | sort -u >"$build/layers.tmp"
strays=$(while read -r file header; do
	allowed=$(printf '%s\n' "$adapters" | while read -r name place; do printf '%s' "$header" | grep -Eq "^$name" && echo "$place"; done)
	printf '%s\n' "$file" | grep -Eqx "$allowed" || echo "$file includes <$header>"
done <"$build/layers.tmp")
is "$strays" '' 'foreign headers stay in their adapters'
is "$(sed -nE 's/^([^/]*)\/.* readline\/readline[.]h/\1/p' "$build/layers.tmp" | uniq -d)" '' 'readline has one adapter in a program'
rm -f "$build/layers.tmp"

# A private header is for the files of its own folder.
is "$(for folder in lib dotsch-client dotsch-serverd dotsch-map dotsch-block; do includes $folder; done | grep -E '(private|internal)[.]h$' |
	while read -r file header; do [ "$(dirname "$file")/${header##*/}" = "$(find "$(dirname "$file")" -name "${header##*/}")" ] || echo "$file includes $header"; done)" \
	'' 'private headers are used in their own folder only'

# libraries PROGRAM: what it is linked with directly.
libraries() {
	objdump -p "$build/$1/$1" 2>/dev/null | awk '$1 == "NEEDED" { print $2 }'
}
for program in dotsch-map dotsch-block; do
	if [ -x "$build/$program/$program" ]; then
		like "$(libraries $program)" 'libc[.]so' "$program is linked dynamically"
		is "$(libraries $program | grep -E 'coap|gnutls|cbor')" '' "$program links neither libcoap, GnuTLS nor libcbor"
	else
		ok 1 "$program was built"
	fi
done
done_testing
