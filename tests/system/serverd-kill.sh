#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2086,SC2317
# Under load the router's agent, its map or its block is killed (-9) at a random moment, DOTSCH_KILLS times (20). After each: what the provider was told,
# what the router knows, and what is in the kernel are the same mitigations.
set -u
. "${top_srcdir:-.}/tests/system/chain-form.sh"
if [ -z "${LAB_IN:-}" ]; then lab_flags >/dev/null || skip_all 'no network namespaces can be made here'; fi
lab_enter "$0" || bail_out 'the lab cannot be entered'
chain_path "${top_builddir:-.}"
lab_up || bail_out 'the lab does not come up'
rounds=${DOTSCH_KILLS:-20} seed=${DOTSCH_SEED:-$$}
echo "# DOTSCH_SEED=$seed"
CHAIN_PIPELINE="dotsch-map --conntrack | dotsch-block"
chain_config tcp psk || bail_out 'no configuration'
sed 's/^\(.*consent = "auto".*\)$/\1\nmax-mitigations = 65536/' $LAB/serverd.conf >$LAB/conf && mv $LAB/conf $LAB/serverd.conf
chain_client
lab_line 10 $LAB/client.out '"event":"listening"' || bail_out 'no client'
chain_serverd -q -s $LAB/router.sock
chain_up 10 || bail_out 'no session'

# The moments and the victims, one line a round: milliseconds, requests, victim.
awk -v seed=$seed -v n=$rounds 'BEGIN { srand(seed); for (i = 0; i < n; i++) { v = rand(); print int(rand() * 60), 5 + int(rand() * 15), v < 0.7 ? "serverd" : v < 0.85 ? "block" : "map" } }' >$LAB/plan
: >$LAB/asked
: >$LAB/gone

request() {
	printf '{"type":"mitigate","to":"cpe-0001","ref":"%s","ietf-dots-signal-channel:mitigation-scope":{"scope":[{"target-prefix":["203.0.%s/32"],"target-protocol":[17],"lifetime":3600,' "$1" "$2"
	printf '"ietf-dots-call-home:source-prefix":["100.64.8.21/32"],"ietf-dots-call-home:source-port-range":[{"lower-port":%s}]}]}}\n' "$3"
}
# The load of a round: new requests; every third of the round before is withdrawn, and all that is left of twenty rounds before: else most of the time went into
# what two hundred rounds have piled up.
withdraw() {
	echo "$1" >>$LAB/gone
	printf '{"type":"withdraw","ref":"%s"}\n' "$1" >&8
}
load() {
	grep "^r$(($1 - 20))-" $LAB/asked | while read -r load_ref; do grep -qx "$load_ref" $LAB/gone || withdraw "$load_ref"; done
	load_i=0
	while [ $load_i -lt "$2" ]; do
		echo "r$1-$load_i" >>$LAB/asked
		request "r$1-$load_i" $((113 + $1 / 250)).$(($1 % 250 + 1)) $((2000 + load_i)) >&8
		if [ $((load_i % 3)) -eq 0 ] && grep -qx "r$(($1 - 1))-$load_i" $LAB/asked; then withdraw "r$(($1 - 1))-$load_i"; fi
		load_i=$((load_i + 1))
	done
}
lab_pids() {
	for p in /proc/[0-9]*; do
		[ "$(readlink $p/ns/mnt 2>/dev/null)" = "$lab_mine" ] && [ "$(cat $p/comm 2>/dev/null)" = "$1" ] && [ "$(readlink $p/ns/net)" = "$router_net" ] && echo "${p#/proc/}"
	done
	return 0
}
router_net=$(at router readlink /proc/self/ns/net)
# What the client has written since this round began: two hundred rounds are a hundred megabytes.
since=1
of_round() { tail -c "+$since" $LAB/client.out; }
up_again() { of_round | grep '"event":"up"' | grep -q .; }
# refs CODES BEFORE: the refs that were answered so, and those of the rounds before
refs() { of_round | grep -E "\"code\":\"($1)\"" | chain_field ref | sort -u - "$2"; }
# All that was asked has been answered.
answered() {
	refs '2[.]01|2[.]04' $LAB/created.before >$LAB/created
	refs '2[.]02' $LAB/deleted.before >$LAB/deleted
	sort $LAB/asked | comm -23 - $LAB/created | grep -q . && return 1
	sort $LAB/gone | comm -23 - $LAB/deleted | grep -q . && return 1
	return 0
}
# The mids that the answers promise.
promised() {
	of_round | grep -E '"code":"2[.]0[14]"' | sed -n 's/.*"ref":"\([^"]*\)".*"cuid":"[^"]*","mid":\([0-9]*\),"method":"PUT".*/\1 \2/p' | sort -u - $LAB/mids.before >$LAB/mids
	awk -v file=$LAB/deleted 'BEGIN { while ((getline ref <file) > 0) gone[ref] } !($1 in gone) { print $2 }' $LAB/mids | sort -u
}
in_provider() { of_round | grep "\"ref\":\"$1\"" | grep -o '"mid":[0-9]*' | cut -d: -f2 | sort -u; }
asked_all() { of_round | grep "\"ref\":\"$1\".*\"code\":\"2[.]05\"" | grep -q .; }
in_router() { at router dotsch-serverd -s $LAB/router.sock --json show | grep '"state":"active"' | chain_field mid | sort -u; }
in_kernel() { at router nft list table inet dotsch 2>/dev/null | sed -n 's/.*comment "isp \([0-9]*\)".*/\1/p' | sort -u; }
same_router() { in_router >$LAB/router && cmp -s $LAB/promised $LAB/router; }
same_kernel() { in_kernel >$LAB/kernel && cmp -s $LAB/promised $LAB/kernel; }

round=0 bad=0 victims=''
: >$LAB/created
: >$LAB/deleted
: >$LAB/mids
while read -r wait n victim; do
	round=$((round + 1))
	since=$(($(wc -c <$LAB/client.out) + 1))
	for file in created deleted mids; do cp $LAB/$file $LAB/$file.before; done
	victims="$victims $victim"
	load $round $n &
	loader=$!
	# The moment itself is what is random here.
	sleep "$(printf '0.%03d' $wait)"
	case $victim in
	serverd)
		kill -KILL $chain_serverd_pid
		wait $chain_serverd_pid 2>/dev/null
		chain_serverd -q -s $LAB/router.sock
		lab_wait 20 up_again || { echo "# round $round: no session"; bad=$((bad + 1)); break; }
		;;
	*) for p in $(lab_pids dotsch-$victim); do kill -KILL "$p"; done ;;
	esac
	wait $loader
	lab_wait 30 answered || { echo "# round $round ($victim): not all was answered"; bad=$((bad + 1)); break; }
	promised >$LAB/promised
	printf '{"type":"query","to":"cpe-0001","ref":"q%s"}\n' $round >&8
	lab_wait 10 asked_all q$round || { echo "# round $round ($victim): the router does not tell"; bad=$((bad + 1)); break; }
	in_provider q$round >$LAB/provider
	cmp -s $LAB/promised $LAB/provider || { echo "# round $round ($victim): the router tells something else than it has promised"; diff $LAB/promised $LAB/provider | sed 's/^/# /'; bad=$((bad + 1)); }
	lab_wait 20 same_router || { echo "# round $round ($victim): the router knows something else"; bad=$((bad + 1)); }
	lab_wait 20 same_kernel || { echo "# round $round ($victim): the kernel has something else"; diff $LAB/promised $LAB/kernel | head | sed 's/^/# /'; bad=$((bad + 1)); }
	[ $bad -eq 0 ] || break
done <$LAB/plan
echo "# killed:$victims"
is $round $rounds "all $rounds kills were made"
is $bad 0 'after each, the provider, the router and the kernel had the same mitigations'
[ "$(wc -l <$LAB/promised)" -ge $(((rounds < 20 ? rounds : 20) * 3)) ]
ok $? "which were $(wc -l <$LAB/promised) in the end"
kill -TERM $chain_serverd_pid
wait $chain_serverd_pid
is $? 0 'and it still ends in good order'
[ $bad -eq 0 ] || chain_complain
done_testing
