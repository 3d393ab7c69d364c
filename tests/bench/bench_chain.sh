#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2086,SC2317,SC2154
# chain.time_to_block: from the writing of a `mitigate` line at the provider to the last attack packet that leaves the router, over DTLS with a
# pre-shared key; the median of ROUNDS (20), beside a bare UDP echo through the same namespaces.
# chain.sustained: RATE (20) mitigations a second for DURATION (60 seconds), each withdrawn two seconds later.
set -u
. "$top_srcdir/tests/system/lab.sh"
. "$top_srcdir/tests/system/chain.sh"
lab_enter "$0" || { echo 'bench_chain: no network namespaces can be made here' >&2; exit 77; }
chain_path "$(cd "$top_builddir" && pwd)"
rounds=${ROUNDS:-20} rate=${RATE:-20} seconds=${DURATION:-60}

die() {
	echo "bench_chain: $1" >&2
	chain_complain
	exit 1
}

tap_lines() { wc -l <$LAB/tap; }
flood_since() { [ "$(tail -n "+$1" $LAB/tap | grep -c '"flood":[1-9]')" -ge 10 ]; }
quiet() { tail -n 15 $LAB/tap | awk '/"flood":[1-9]/ { n++ } END { exit !(NR == 15 && !n) }'; }
stamps() { [ "$(wc -l <$LAB/times)" -ge "$1" ]; }

# request REF TARGET SOURCE SOURCE-PORT
request() {
	printf '{"type":"mitigate","attack-time":"%s","ref":"%s","ietf-dots-signal-channel:mitigation-scope":{"scope":[{"target-prefix":["%s/32"],"target-port-range":[{"lower-port":443}],' "$(date -u +%FT%TZ)" $1 $2
	printf '"target-protocol":[17],"lifetime":600,"ietf-dots-call-home:source-prefix":["%s/32"],"ietf-dots-call-home:source-port-range":[{"lower-port":%s}]}]}}\n' $3 $4
}

time_to_block() {
	# The port named in the request has to be known to both NATs in every round.
	for host in router provider; do at $host sh -c 'echo 300 >/proc/sys/net/netfilter/nf_conntrack_udp_timeout'; done
	at victim answer $CHAIN_VICTIM $CHAIN_PORT >$LAB/answer &
	at router tap --live wan >$LAB/tap &
	lab_line 5 $LAB/answer ready || die 'no victim'
	lab_line 5 $LAB/tap ready || die 'no tap'
	# The conversation keeps the tap's steps coming while the flood is blocked.
	nsenter --net=/run/netns/good -- talk --rate 100 $CHAIN_VICTIM $CHAIN_PORT >$LAB/talk &
	talk_pid=$!
	nsenter --net=/run/netns/bad -- flood --rate 2000 $CHAIN_VICTIM $CHAIN_PORT >$LAB/flood &
	flood_pid=$!
	at provider timeout 10 detect --once up0 $CHAIN_VICTIM >$LAB/detect || die 'no flood'
	chain_map || die 'no table'
	line=$(cat $LAB/detect)
	for round in $(seq $rounds); do
		printf '%s\n' "$line" | sed "s/attack-1/round-$round/" >&9
		lab_wait 10 quiet || die "the flood does not stop in round $round"
		from=$(tap_lines)
		printf '{"type":"withdraw","ref":"round-%s"}\n' $round >&9
		lab_wait 10 flood_since $from || die "the flood does not come back in round $round"
	done
	kill -TERM $flood_pid $talk_pid
	wait $flood_pid $talk_pid

	at router answer 100.64.8.21 7007 >$LAB/answer7 &
	lab_line 5 $LAB/answer7 ready
	peer=$(at provider talk --turns -n 500 100.64.8.21 7007 | chain_field median_ms)
	tr -d '}' <$LAB/tap | awk -F'[:,]' '/"flood":[1-9]/ { print $8, "packet" }' >$LAB/events
	sed -n 's/^\([0-9.]*\) .*"type":"\([a-z]*\)".*/\1 \2/p' $LAB/times >>$LAB/events
	sort -n $LAB/events | awk -v peer=$peer '
		$2 == "mitigate" { sent = $1; last = 0 }
		$2 == "packet" && sent { last = $1 }
		$2 == "withdraw" { if (sent) print (last > sent ? (last - sent) * 1000 : 0); sent = 0 }' | sort -n | awk -v peer=$peer '
		{ v[NR] = $1 }
		END {
			m = v[int((NR + 1) / 2)]
			printf "{\"bench\":\"chain.time_to_block\",\"value\":%.3f,\"unit\":\"ms\",\"peer\":\"bare UDP echo, provider to router\",\"peer_value\":%.3f,\"ratio\":%.3f,\"better\":\"lower\",\"rounds\":%d,\"min\":%.3f,\"max\":%.3f}\n",
				m, peer, peer / m, NR, v[1], v[NR]
		}'
}

# Resident memory of the four programs, KiB.
memory() {
	total=0
	for p in /proc/[0-9]*; do
		[ "$(readlink $p/ns/mnt 2>/dev/null)" = "$lab_mine" ] || continue
		case $(cat $p/comm 2>/dev/null) in
		dotsch-*) total=$((total + $(awk '/^VmRSS/ { print $2 }' $p/status))) ;;
		esac
	done
	echo $total
}
answered() { [ "$(grep -c "\"code\":\"$1\"" $LAB/client.out)" -ge "$2" ]; }

sustained() {
	: >$LAB/client.out
	: >$LAB/router.map
	n=0 total=$((rate * seconds)) behind=$((rate * 2))
	read -r now _ </proc/uptime
	start=${now%.*}${now#*.}
	while [ $n -lt $((total + behind)) ]; do
		read -r now _ </proc/uptime
		now=${now%.*}${now#*.}
		if [ $(((now - start) * rate)) -lt $((n * 100)) ]; then
			sleep 0.01
			continue
		fi
		[ $n -ge $total ] || request many-$n 45.0.$((n / 250)).$((n % 250 + 1)) 100.64.8.21 $((n + 2000)) >&8
		[ $n -lt $behind ] || printf '{"type":"withdraw","ref":"many-%s"}\n' $((n - behind)) >&8
		n=$((n + 1))
		[ $n != $((rate * 10)) ] || early=$(memory)
	done
	read -r now _ </proc/uptime
	took=$((${now%.*}${now#*.} - start))
	lab_wait 15 answered '2[.]02' $total || echo "bench_chain: $(grep -c '"code":"2[.]02"' $LAB/client.out) of $total withdrawn" >&2
	late=$(memory)
	asked=$(grep '"code":"2[.]01"' $LAB/client.out | chain_field ref | sort -u | wc -l)
	seen=$(grep '"mitigate"' $LAB/router.map | chain_field mid | sort -u | wc -l)
	left=$(at router nft list table inet dotsch 2>/dev/null | grep -cE 'counter m[0-9]')
	awk -v total=$total -v asked=$asked -v seen=$seen -v left=$left -v early=$early -v late=$late -v took=$took -v rate=$rate -v behind=$behind 'BEGIN {
		done = (asked < seen ? asked : seen); value = done / (took / 100) * (total + behind) / total
		printf "{\"bench\":\"chain.sustained\",\"value\":%.2f,\"unit\":\"mitigations/s\",\"peer\":\"what was offered\",\"peer_value\":%d,\"ratio\":%.3f,\"better\":\"higher\",\"lost\":%d,\"left_in_kernel\":%d,\"memory_kib_after_10s\":%d,\"memory_kib_at_end\":%d}\n",
			value, rate, value / rate, total - done, left, early, late
		exit !(done == total && left == 0)
	}'
}

lab_up || die 'the lab does not come up'
chain_start udp psk || die 'the router does not call home'
time_to_block
sustained
