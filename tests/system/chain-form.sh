# shellcheck shell=sh disable=SC2086,SC2012
# SPDX-License-Identifier: GPL-3.0-or-later
# chain-form.sh - what the four chain-*.sh have in common: `chain_form SCRIPT TRANSPORT AUTH` runs the whole chain once on real packets, as TAP.
. "${top_srcdir:-.}/tests/tap.sh"
. "${top_srcdir:-.}/tests/system/lab.sh"
. "${top_srcdir:-.}/tests/system/chain.sh"

# Steps of 10 ms with flood, on the access line since a line number of the tap's file.
form_flood() { [ "$(tail -n "+$1" $LAB/tap | grep -c '"flood":[1-9]')" -ge "$2" ]; }
form_quiet() { tail -n 40 $LAB/tap | awk '/"flood":[1-9]/ { n++ } END { exit !(NR == 40 && n == 0) }'; }
form_lines() { echo $(($(wc -l <$LAB/tap) + 1)); }

form_request() {
	printf '{"type":"mitigate","attack-time":"%s","ref":"%s","ietf-dots-signal-channel:mitigation-scope":{"scope":[{"target-prefix":["%s/32"],' \
		"$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$1" $CHAIN_VICTIM
	printf '"target-port-range":[{"lower-port":%s}],"target-protocol":[17],"lifetime":600,' $CHAIN_PORT
	printf '"ietf-dots-call-home:source-prefix":["%s/32"],"ietf-dots-call-home:source-port-range":[{"lower-port":%s}]}]}}\n' "$2" "$3"
}

# The external port of the provider that a packet of a host of the home has now, out of the two NATs: what a detector would see.
form_outside_port() {
	form_inner=$(at router conntrack -L -p udp -s $1 --orig-port-src $2 -d $CHAIN_VICTIM 2>/dev/null | sed -n 's/.* dport=\([0-9]*\).*/\1/p' | head -n 1)
	at provider conntrack -L -p udp -s 100.64.8.21 --orig-port-src $form_inner -d $CHAIN_VICTIM 2>/dev/null | sed -n 's/.* dport=\([0-9]*\).*/\1/p' | head -n 1
}

form_traffic() {
	at victim answer $CHAIN_VICTIM $CHAIN_PORT >$LAB/answer &
	at router tap --live wan >$LAB/tap &
	lab_line 5 $LAB/answer ready && lab_line 5 $LAB/tap ready || return 1
	nsenter --net=/run/netns/good -- talk --rate 100 --port 40000 $CHAIN_VICTIM $CHAIN_PORT >$LAB/talk &
	talk_pid=$!
	nsenter --net=/run/netns/bad -- flood --rate 500 $CHAIN_VICTIM $CHAIN_PORT >$LAB/flood &
	flood_pid=$!
	lab_wait 10 form_flood 1 20
}

form_mitigate() {
	at provider timeout 10 detect --once --rate 300 up0 $CHAIN_VICTIM >$LAB/detect
	ok $? 'the provider sees the flood'
	chain_map
	ok $? "the provider's map loads the table of its CGN (CH-20)"
	cat $LAB/detect >&9
	lab_line 10 $LAB/provider.map '"mitigate"'
	like "$(tail -n 1 $LAB/provider.map)" '"ietf-dots-call-home:source-prefix":\["100[.]64[.]8[.]21/32"\]' 'it finds the inside address'
	lab_line 10 $LAB/client.out '"code":"2[.]01"'
	ok $? 'the router answers 2.01 (CH-13)'
	lab_line 10 $LAB/router.map '"mitigate"'
	like "$(grep '"mitigate"' $LAB/router.map | tail -n 1)" '"hosts":\[\{[^]]*"address":"192[.]168[.]1[.]66"' "the router's map finds the host"
	like "$(grep '"mitigate"' $LAB/router.map | tail -n 1)" "\"mac\":\"$(at bad ip -o link show eth0 | sed -n 's/.*ether \([0-9a-f:]*\).*/\1/p')\"" 'and its MAC address'
	lab_wait 10 form_quiet
	ok $? 'the flood stops at the router'
	like "$(at router nft list table inet dotsch 2>&1)" 'counter m|drop' 'and nf_tables holds the rule'
	lab_line 15 $LAB/router.status '"pkts-dropped":"[1-9]'
	ok $? 'dotsch-block tells what was dropped'
	lab_line 15 $LAB/client.out '"type":"status".*"status":"attack-successfully-mitigated".*"pkts-dropped":"[1-9]'
	ok $? 'and the provider hears of it'
}

form_withdraw() {
	form_since=$(form_lines)
	printf '{"type":"withdraw","ref":"%s"}\n' "$(chain_field ref $LAB/detect)" >&9
	lab_line 10 $LAB/client.out '"code":"2[.]02"'
	ok $? 'the withdrawal is answered with 2.02'
	lab_wait 10 form_flood $form_since 20
	ok $? 'the flood is back after it'
	kill -TERM $flood_pid $talk_pid
	lab_line 5 $LAB/talk lost_percent
	is "$(chain_field lost $LAB/talk)" 0 'the innocent host lost nothing'
}

form_secrets() {
	# What goes up holds nothing of the home's inside (CH-47).
	is "$(grep -E '192[.]168[.]1|"hosts"|"mac"' $LAB/client.out)" '' 'CH-47: no inside address, MAC or host reaches the provider'
	is "$(cat $LAB/client.err $LAB/serverd.err $LAB/client.out $LAB/serverd.out | grep -c $CHAIN_PSK)" 0 'the key stands in no output'
}

form_end() {
	kill -TERM $chain_serverd_pid
	wait $chain_serverd_pid
	is $? 0 'dotsch-serverd ends at SIGTERM with 0'
	lab_line 5 $LAB/client.out '"event":"down"'
	ok $? 'the client tells that the session is down'
	kill -TERM $chain_client_pid
	wait $chain_client_pid
	is $? 0 'dotsch-client ends at SIGTERM with 0'
	[ -z "${chain_ring_pid:-}" ] || wait $chain_ring_pid
	is "$(cat $LAB/client.err $LAB/serverd.err $LAB/map.err $LAB/wrapped.* 2>/dev/null | grep -E 'Sanitizer|runtime error|Assertion|^==')" '' 'nothing crashed or leaked'
	[ -z "${CHAIN_WRAP:-}" ] || is "$(cd $LAB && for p in client serverd map block; do ls wrapped.dotsch-$p.* | head -n 1; done | sed 's/[.][0-9]*$//' | tr '\n' ' ')" \
		'wrapped.dotsch-client wrapped.dotsch-serverd wrapped.dotsch-map wrapped.dotsch-block ' 'all four were wrapped'
}

chain_form() {
	if [ -z "${LAB_IN:-}" ]; then lab_flags >/dev/null || skip_all 'no network namespaces can be made here'; fi
	lab_enter "$1" || bail_out 'the lab cannot be entered'
	chain_path "${top_builddir:-.}"
	lab_up || bail_out 'the lab does not come up'
	chain_start $2 $3
	ok $? "the router calls home over $2 with $3 (CH-02)" || bail_out 'no session'
	form_traffic
	ok $? 'two hosts talk to the victim, one of them floods it'
	form_mitigate
	form_withdraw
	form_secrets
	form_end
	[ "$tap_failed" -eq 0 ] || chain_complain
	done_testing
}
