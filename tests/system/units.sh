#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2154
# From the first run to a dropped packet with what the packages install: the two setup scripts, and the four units' own ExecStart lines under the units' users,
# groups and capabilities, with the FIFOs and folders that the packages make. With UNITS_INSTALLED=1 the installed packages are tried, else the build tree, put
# in the places of the packages. Needs no program but Debian's base, iproute2 and nftables.
set -u
. "${top_srcdir:-.}/tests/tap.sh"
. "${top_srcdir:-.}/tests/system/lab.sh"
. "${top_srcdir:-.}/tests/system/unit.sh"
[ "$(id -u)" = 0 ] || [ -n "${LAB_IN:-}" ] || skip_all 'the users of the units can only be taken by root'
LAB_UNSHARE=-nm
if [ -z "${LAB_IN:-}" ]; then
	unshare -nm -- true 2>/dev/null || skip_all 'no network namespaces can be made here'
	for command in setpriv systemd-sysusers systemd-tmpfiles nft ip; do
		command -v $command >/dev/null || skip_all "there is no $command here"
	done
fi
lab_enter "$0" || bail_out 'the lab cannot be entered'
top=$(cd "${top_srcdir:-.}" && pwd)
build=$(cd "${top_builddir:-.}" && pwd)
PATH=$PATH:/usr/sbin:/sbin

# over FOLDER…: what is changed there goes with the lab.
over() {
	for folder; do
		name=$(echo "$folder" | tr / _)
		mkdir -p "$LAB/over/$name/up" "$LAB/over/$name/work" &&
			mount -t overlay -o "lowerdir=$folder,upperdir=$LAB/over/$name/up,workdir=$LAB/over/$name/work" overlay "$folder" || return 1
	done
}
over /etc /var/lib || skip_all 'no overlay can be mounted here'
rm -rf /etc/dotsch /var/lib/dotsch-serverd /var/lib/dotsch-client
if [ -n "${UNITS_INSTALLED:-}" ]; then
	sysusers=/usr/lib/sysusers.d/dotsch-common.conf tmpfiles=/usr/lib/tmpfiles.d/dotsch-common.conf
	scripts=/usr/sbin/dotsch-
	for file in "$sysusers" "$tmpfiles" "${scripts}setup-router" "$UNIT_DIR/dotsch-client.service"; do
		[ -f "$file" ] || bail_out "$file is not installed"
	done
	mkdir -p /etc/dotsch
else
	over /usr/bin /usr/sbin || skip_all 'no overlay can be mounted here'
	sysusers=$top/debian/dotsch-common.sysusers tmpfiles=$top/debian/dotsch-common.tmpfiles scripts=$top/contrib/ UNIT_DIR=$top/debian
	cp "$build/dotsch-client/dotsch-client" "$build/dotsch-map/dotsch-map" /usr/bin && cp "$build/dotsch-serverd/dotsch-serverd" "$build/dotsch-block/dotsch-block" /usr/sbin ||
		bail_out 'the programs are not built'
	systemd-sysusers "$sysusers" || bail_out 'the users cannot be made'
	DOTSCH_BUILD=/nonexistent
	export DOTSCH_BUILD
fi
systemd-tmpfiles --create "$tmpfiles" 2>"$LAB/tmpfiles.err"
[ -p /run/dotsch/requests ] || { cat "$LAB/tmpfiles.err"; bail_out 'systemd-tmpfiles has made no FIFO'; }
is "$(stat -c '%a %U:%G' /run/dotsch /run/dotsch/requests | tr '\n' ' ')" '2770 root:dotsch 660 root:dotsch ' 'the FIFOs are for the group dotsch'

# What systemd itself thinks of them.
if command -v systemd-analyze >/dev/null; then
	for unit in dotsch-client dotsch-serverd dotsch-map dotsch-block; do
		mkdir -p "$LAB/verify" && cp "$UNIT_DIR/$unit.service" "$LAB/verify"
	done
	# Only what it says of ours: the machine's own units may have their faults. Without a running systemd it says so.
	is "$(SYSTEMD_LOG_LEVEL=warning systemd-analyze verify --man=no "$LAB"/verify/*.service 2>&1 | grep dotsch)" '' 'systemd-analyze verify is content'
	for unit in dotsch-client dotsch-serverd dotsch-map dotsch-block; do
		exposure=$(systemd-analyze security --offline=yes --no-pager "$LAB/verify/$unit.service" 2>&1 | sed -n 's/.*exposure level for .*: \([0-9.]*\) .*/\1/p')
		awk -v e="${exposure:-10}" 'BEGIN { exit !(e <= 2.0) }'
		ok $? "$unit.service: exposure ${exposure:-unknown}, at most 2.0"
	done
else
	echo '# no systemd-analyze here: the units are not judged'
fi
for unit in dotsch-client dotsch-serverd dotsch-map dotsch-block; do
	like "$(unit_get $unit ExecStart)" '^/' "$unit: ExecStart is a path"
	is "$(unit_get $unit ExecStart | grep -F -e % -e '$')" '' "$unit: and nothing that systemd would expand"
done

lab_up || bail_out 'the lab does not come up'

# The first run, as the two scripts say it.
"${scripts}setup-provider" --listen 100.64.8.1 --psk --add-router cpe-0001 --domain 100.64.8.21/32 </dev/null >"$LAB/said" 2>&1
ok $? 'setup-provider' || cat "$LAB/said"
"${scripts}setup-router" --from /etc/dotsch/routers/cpe-0001.bundle </dev/null >"$LAB/said" 2>&1
ok $? 'setup-router' || cat "$LAB/said"

# A flood from one host and a conversation of another one, towards a victim that counts by sender.
at victim perl -MSocket -e 'socket(S, AF_INET, SOCK_DGRAM, 0) && bind(S, pack_sockaddr_in(443, INADDR_ANY)) or die; open(O, ">", $ARGV[0]); select O; $| = 1;
	while (defined recv(S, $b, 64, 0)) { print "$b\n" }' "$LAB/victim" &
send='socket(S, AF_INET, SOCK_DGRAM, 0) && bind(S, pack_sockaddr_in(5000, INADDR_ANY)) or die; for (;;) { send(S, $ARGV[0], 0, pack_sockaddr_in(443, inet_aton("203.0.113.9"))); select undef, undef, undef, 0.005 }'
at bad perl -MSocket -e "$send" bad &
at good perl -MSocket -e "$send" good &
lab_line 10 "$LAB/victim" '^bad$' && lab_line 10 "$LAB/victim" '^good$'
ok $? 'both hosts reach the victim'
count() { grep -c "^$1\$" "$LAB/victim"; }
more() { [ "$(count "$1")" -ge "$2" ]; }

start() {
	unit_start "$1" "$2"
	ok $? "$1 starts as its unit says, and is ready" || { sed 's/^/# /' "$LAB/$1.log"; return 1; }
	eval "pid_$(echo "$1" | tr - _)=$unit_pid"
	is "$(ps_user "$unit_pid")" "$(unit_get "$1" User)" "$1 runs as its user"
	want=0000000000000000
	[ -z "$(unit_get "$1" AmbientCapabilities)" ] || want=0000000000001000
	is "$(sed -n 's/^Cap\(Eff\|Bnd\|Amb\):\t//p' "/proc/$unit_pid/status" | sort -u | tr '\n' ' ')" "$want " "$1 holds no capability but those of its unit"
}
ps_user() { getent passwd "$(sed -n 's/^Uid:\t[0-9]*\t\([0-9]*\).*/\1/p' "/proc/$1/status")" | cut -d: -f1; }
start dotsch-client provider
start dotsch-block router
start dotsch-map router
start dotsch-serverd router
# In the words of the first run: the group dotsch administers.
client() { at provider setpriv --reuid=nobody --regid=dotsch --clear-groups -- dotsch-client -s /run/dotsch/client.sock --json "$@"; }
owner() { at router setpriv --reuid=nobody --regid=dotsch --clear-groups -- dotsch-serverd -s /run/dotsch/serverd.sock --json "$@"; }
called_home() { client peers 2>/dev/null | grep -q '"connected":true'; }
lab_wait 20 called_home
ok $? 'the router has called home' || client peers

# A line at the provider; the owner is asked, because setup-router sets that.
line='{"type":"mitigate","ref":"first","ietf-dots-signal-channel:mitigation-scope":{"scope":[{"target-prefix":["203.0.113.9/32"],"target-protocol":[17],"target-port-range":[{"lower-port":443}],"lifetime":600,"ietf-dots-call-home:source-prefix":["100.64.8.21/32"],"ietf-dots-call-home:source-port-range":[{"lower-port":PORT}]}]}}'
# As the provider sees it: the port that the router's NAT has chosen.
port=$(at router dotsch-map export --conntrack 2>/dev/null | sed 's|[,{}]|\n|g' |
	awk -F'[:"]+' '/internal-src-address/ { bad = /192[.]168[.]1[.]66/ } /external-src-port/ { near = bad } /start-port-number/ && near { print $3; exit }')
[ -n "$port" ] || { at router dotsch-map export --conntrack | head -c 2000; bail_out 'no mapping'; }
printf '%s\n' "$line" | sed "s/PORT/$port/" | client >"$LAB/client.out" 2>"$LAB/client.err"
ok $? 'a line at the provider is answered' || cat "$LAB/client.err"
like "$(cat "$LAB/client.out")" '"code":"2[.]01"' 'with 2.01'
waiting() { owner pending 2>/dev/null | grep -q '"mid":'; }
lab_wait 10 waiting
ok $? 'the owner is asked'
mid=$(owner pending | sed -n 's/.*"mid":\([0-9]*\).*/\1/p' | head -n 1)
before=$(count bad)
more bad $((before + 20)) || lab_wait 10 more bad $((before + 20))
ok $? 'and before he answers, nothing is blocked'
owner accept "$mid" >"$LAB/accepted" 2>&1
ok $? 'he accepts' || cat "$LAB/accepted"
dropped() { at router nft list table inet dotsch 2>/dev/null | grep -Eq 'packets [1-9]'; }
lab_wait 10 dropped
ok $? 'packets are dropped'
blocked_at=$(count bad)
good_at=$(count good)
lab_wait 10 more good $((good_at + 100))
ok $? 'the other host goes on'
now=$(count bad)
[ "$now" -le $((blocked_at + 5)) ]
ok $? "and the flood does not: $((now - blocked_at)) packets"
mitigated() { client query "$mid" --to cpe-0001 2>/dev/null | grep -q 'attack-successfully-mitigated'; }
lab_wait 15 mitigated
ok $? 'the provider is told so'

# Each of the three on the router dies, and is started again as systemd would: the rule stays, and so does the request.
for unit in dotsch-block dotsch-map dotsch-serverd; do
	eval "pid=\$pid_$(echo $unit | tr - _)"
	kill -KILL "$pid"
	wait "$pid" 2>/dev/null
	start $unit router
	good_at=$(count good) bad_at=$(count bad)
	lab_wait 10 more good $((good_at + 50))
	[ "$(count bad)" = "$bad_at" ]
	ok $? "$unit was killed and started again: the block stands"
done
lab_wait 30 called_home
ok $? 'the router has called home again'
still() { owner show 2>/dev/null | grep -q "\"mid\":$mid"; }
lab_wait 10 still
ok $? 'the request is remembered'

# Signs of life: twice in the time of the watchdog. Shortened here.
for unit in dotsch-client dotsch-serverd dotsch-map dotsch-block; do
	eval "pid=\$pid_$(echo $unit | tr - _)"
	like "$(unit_get $unit WatchdogSec)" '^[0-9]+s$' "$unit has a watchdog"
	kill -TERM "$pid"
	wait "$pid"
	is $? 0 "$unit ends with 0"
	lab_line 5 "$LAB/notified.$unit" '^STOPPING=1$'
	ok $? "$unit says that it ends"
done
UNIT_WATCHDOG=400000
for unit in dotsch-client dotsch-block dotsch-map dotsch-serverd; do
	if [ $unit = dotsch-client ]; then unit_start $unit provider; else unit_start $unit router; fi
	alive() { [ "$(grep -c '^WATCHDOG=1$' "$LAB/notified.$unit")" -ge 3 ]; }
	lab_wait 10 alive
	ok $? "$unit gives signs of life"
	eval "pid_$(echo $unit | tr - _)=$unit_pid"
done
for unit in dotsch-client dotsch-serverd dotsch-map dotsch-block; do
	is "$(grep -E 'Sanitizer|runtime error|Assertion' "$LAB/$unit.log")" '' "$unit: nothing crashed or leaked"
done
[ "$tap_failed" -eq 0 ] || for unit in dotsch-client dotsch-serverd dotsch-map dotsch-block; do tail -n 15 "$LAB/$unit.log" | sed "s/^/# $unit: /"; done
done_testing
