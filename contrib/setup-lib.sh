# shellcheck shell=sh
# SPDX-License-Identifier: GPL-3.0-or-later
# setup-lib.sh - what setup-provider and setup-router have in common: questions, checks of words, and files that appear all at once or not at all.
setup_me=${0##*/}
setup_here=$(cd "$(dirname "$(readlink -f "$0")")" && pwd)
setup_newline='
'
setup_work='' setup_done='' setup_made=''
LC_ALL=C
export LC_ALL

tell() { printf '%s\n' "$1" >&2; }

die() {
	printf '%s: %s\n' "$setup_me" "$1" >&2
	exit "${2:-1}"
}

usage_error() { die "$1; see $setup_me --help" 100; }

# want VARIABLE OPTION QUESTION [DEFAULT]: when the option was not given, a terminal is asked; without one the default is taken.
want() {
	eval "want_value=\$$1"
	[ -z "$want_value" ] || return 0
	if [ -t 0 ]; then
		printf '%s%s: ' "$3" "${4:+ [$4]}" >&2
		read -r want_value || want_value=''
	fi
	: "${want_value:=${4:-}}"
	[ -n "$want_value" ] || usage_error "$2 is missing"
	eval "$1=\$want_value"
}

# add VARIABLE VALUE: to a list of words; commas part words, too.
add() {
	# shellcheck disable=SC2034 # eval reads it
	add_words=$(printf '%s' "$2" | tr ',' ' ')
	eval "$1=\"\${$1:+\$$1 }\$add_words\""
}

# valid KIND OPTION VALUE: words end up in configurations and on other machines, so only harmless ones are taken.
valid() {
	case $1 in
	name)
		case $3 in '' | [!A-Za-z0-9]* | *[!A-Za-z0-9._-]*) die "$2: \"$3\": a name is made of letters, digits, dots, dashes and underscores" ;; esac
		[ ${#3} -le 200 ] || die "$2: a name has at most 200 characters"
		;;
	host) case $3 in '' | -* | *[!A-Za-z0-9.:-]*) die "$2: \"$3\" is neither an address nor a name" ;; esac ;;
	address) case $3 in *.*.*.* | *:*) ;; *) die "$2: \"$3\" is not an address" ;; esac && valid host "$2" "$3" ;;
	dns)
		case $3 in
		[.-]* | *. | *..* | *[!A-Za-z0-9.-]*) false ;;
		*.*) ;;
		*) false ;;
		esac || die "$2: \"$3\" is not a full name such as ch.isp.example"
		;;
	prefix)
		case $3 in
		*[!0-9A-Fa-f.:/]*) false ;;
		*[.:]*) ;;
		*) false ;;
		esac || die "$2: \"$3\" is not a prefix such as 100.64.8.21/32 or 2001:db8:123::/56"
		;;
	port)
		case $3 in
		'' | *[!0-9]* | ??????*) false ;;
		*) [ "$3" -ge 1 ] && [ "$3" -le 65535 ] ;;
		esac || die "$2: \"$3\" is not a port, 1 to 65535"
		;;
	transport) case $3 in udp | tcp) ;; *) die "$2: \"$3\" must be udp (DTLS) or tcp (TLS)" ;; esac ;;
	path) case $3 in '' | *[\"\\\$]* | *"$setup_newline"*) die "$2: \"$3\": a path here has no quotes, dollars or backslashes" ;; esac ;;
	days) case $3 in '' | 0* | *[!0-9]* | ??????*) die "$2: \"$3\" is not a number of days" ;; esac ;;
	hex)
		case $3 in
		*[!0-9A-Fa-f]*) false ;;
		*) [ ${#3} -ge 32 ] && [ ${#3} -le 128 ] && [ $((${#3} % 2)) = 0 ] ;;
		esac || die "$2: a key is 32 to 128 hexadecimal digits"
		;;
	esac
}

# valid_all KIND OPTION WORD…
valid_all() {
	valid_kind=$1 valid_option=$2
	shift 2
	for valid_word; do valid "$valid_kind" "$valid_option" "$valid_word"; done
}

# list WORD…: {"a", "b"} of a configuration; json_list: ["a","b"].
list() {
	list_text=''
	for list_word; do list_text="$list_text${list_text:+, }\"$list_word\""; done
	printf '{%s}' "$list_text"
}
json_list() { list "$@" | sed 's/^{/[/; s/}$/]/; s/, /,/g'; }

absolute() { case $1 in /*) printf '%s' "$1" ;; *) printf '%s/%s' "$(pwd)" "${1#./}" ;; esac; }

# program NAME: its path: of the tree this script stands in, or as installed.
program() {
	program_top=$setup_here/..
	for program_path in ${DOTSCH_BUILD:+"$DOTSCH_BUILD"} $([ ! -f "$program_top/configure.ac" ] || echo "$program_top" "$program_top"/build*); do
		[ ! -x "$program_path/$1/$1" ] || { (cd "$program_path/$1" && printf '%s/%s' "$(pwd)" "$1") && return 0; }
	done
	PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin command -v "$1" && return 0
	die "$1 was not found: install it, or build it first (contrib/quickstart build)" 111
}

need_certtool() { command -v certtool >/dev/null || die 'certtool is missing; it is in the package gnutls-bin (certificates need it; --psk does not)' 111; }

random_key() { od -An -v -N32 -tx1 /dev/urandom | tr -d ' \n'; }

# certificate NAME CA LINE…: NAME.key and NAME.crt in the work folder, signed by CA (.key and .crt; "" = by itself). The lines are certtool's.
certificate() {
	cert_name=$1 cert_ca=$2
	shift 2
	printf '%s\n' "cn = \"$cert_name\"" "$@" >"$setup_work/template"
	if [ -z "$cert_ca" ]; then
		set -- --generate-self-signed
	else
		set -- --generate-certificate --load-ca-privkey "$cert_ca.key" --load-ca-certificate "$cert_ca.crt"
	fi
	{
		certtool --generate-privkey --key-type ecdsa --curve secp256r1 --outfile "$setup_work/$cert_name.key" &&
			certtool "$@" --load-privkey "$setup_work/$cert_name.key" --template "$setup_work/template" --outfile "$setup_work/$cert_name.crt"
	} 2>"$setup_work/said" && return 0
	cat "$setup_work/said" >&2
	die "certtool made no certificate for $cert_name" 111
}

# begin DIR: the folder, and a work folder in it where files are made. What has not reached `finish` is undone.
begin() {
	umask 077
	setup_dir=$1
	if [ ! -d "$1" ]; then
		mkdir -p "$1" 2>/dev/null || die "$1 cannot be made; as root, or with --dir" 111
		chmod 755 "$1"
		setup_made=1
	fi
	setup_work=$(mktemp -d "$1/.setup.XXXXXX" 2>/dev/null) || die "$1 cannot be written to; as root, or with --dir" 111
	: >"$setup_work/journal"
	trap undo EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
}

undo() {
	if [ -z "$setup_done" ]; then
		while read -r undo_number undo_path; do
			if [ -e "$setup_work/was.$undo_number" ]; then mv -f "$setup_work/was.$undo_number" "$undo_path"; else rm -f "$undo_path"; fi
		done <"$setup_work/journal"
	fi
	rm -rf "$setup_work" "$setup_dir/.check.conf"
	[ -n "$setup_done" ] || [ -z "$setup_made" ] || rmdir "$setup_dir" 2>/dev/null || :
}

# finish: it stands; what was replaced is kept as .old.
finish() {
	while read -r finish_number finish_path; do
		[ ! -e "$setup_work/was.$finish_number" ] || mv -f "$setup_work/was.$finish_number" "$finish_path.old"
	done <"$setup_work/journal"
	setup_done=1
}

# fresh FORCE PATH…: refuses when one of them is there.
fresh() {
	fresh_force=$1
	shift
	for fresh_path; do
		[ -n "$fresh_force" ] || [ ! -e "$fresh_path" ] || die "$fresh_path is there already, and nothing was changed; --force replaces it (the old one becomes $fresh_path.old)"
	done
}

# place MODE NAME || exit: standard input becomes DIR/NAME. What was there is kept as NAME.old. A file of mode 600 is the service's secret: it goes to $owner.
place() {
	place_path=$setup_dir/$2
	{ cat >"$setup_work/place" && chmod "$1" "$setup_work/place"; } || die "$place_path cannot be written" 111
	[ "$1" != 600 ] || [ -z "${owner:-}" ] || chown "$owner" "$setup_work/place" || die "--owner: $place_path cannot be given to $owner" 111
	# Once in the journal, so that the oldest one is what comes back.
	if ! grep -q " $place_path\$" "$setup_work/journal"; then
		place_number=$(($(wc -l <"$setup_work/journal") + 1))
		[ ! -e "$place_path" ] || mv -f "$place_path" "$setup_work/was.$place_number" || die "$place_path cannot be replaced" 111
		echo "$place_number $place_path" >>"$setup_work/journal"
	fi
	mv "$setup_work/place" "$place_path" || die "$place_path cannot be written" 111
}

# state_folder FILE: where FILE will stand, for the service to write to.
state_folder() {
	[ ! -d "${1%/*}" ] || return 0
	mkdir -p "${1%/*}" 2>/dev/null || die "${1%/*} cannot be made; --state names another file" 111
	[ -z "${owner:-}" ] || chown "$owner" "${1%/*}" || exit 111
}

# default_owner USER: the service's user, when root sets up what the packages' services read.
default_owner() {
	if [ -z "${owner:-}" ] && [ "$setup_dir" = /etc/dotsch ] && [ "$(id -u)" = 0 ] && id -u "$1" >/dev/null 2>&1; then owner=$1; fi
}

# service NAME: whether systemd knows it, and would read this folder.
service() { [ "$setup_dir" = /etc/dotsch ] && command -v systemctl >/dev/null && systemctl cat "$1" >/dev/null 2>&1; }

# shell_word TEXT: as one would type it.
shell_word() { case $1 in *[!A-Za-z0-9_./:=@%+,-]*) printf "'%s'" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")" ;; *) printf '%s' "$1" ;; esac; }

# sister NAME: the other script, called as this one is: the packages put dotsch- in front.
sister() { case $setup_me in dotsch-*) printf 'dotsch-%s' "$1" ;; *) printf '%s' "$1" ;; esac; }

# me: this script as it was called.
me() { if [ "$(command -v "$setup_me" || :)" = "$0" ]; then printf '%s' "$setup_me"; else shell_word "$0"; fi; }

# typed PROGRAM: how the user starts it from here: by its name when that finds it.
typed() {
	typed_path=$(program "$1") || exit
	if [ "$(command -v "$1" || :)" = "$typed_path" ]; then printf '%s' "$1"; else shell_word "$typed_path"; fi
}
