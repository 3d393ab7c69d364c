#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2086,SC2317
# Any of the programs is killed (-9) while a flood is blocked: the block stands, and everything heals by itself.
set -u
. "${top_srcdir:-.}/tests/system/chain-form.sh"
if [ -z "${LAB_IN:-}" ]; then lab_flags >/dev/null || skip_all 'no network namespaces can be made here'; fi
lab_enter "$0" || bail_out 'the lab cannot be entered'
chain_path "${top_builddir:-.}"
lab_up || bail_out 'the lab does not come up'
# Between map and block stands a tee, which would notice the death of its reader only at the next line.
chain_start udp psk || bail_out 'no session'
form_traffic || bail_out 'no traffic'
at provider timeout 10 detect --once --rate 300 up0 $CHAIN_VICTIM >$LAB/detect
chain_map
cat $LAB/detect >&9
lab_wait 10 form_quiet
ok $? 'a flood is blocked'

# still_blocked NAME: nothing passes in the next fifty steps of the tap, half a second.
form_reached() { [ "$(form_lines)" -ge "$1" ]; }
still_blocked() {
	form_since=$(form_lines)
	lab_wait 10 form_reached $((form_since + 50))
	is "$(tail -n "+$form_since" $LAB/tap | grep -c '"flood":[1-9]')" 0 "$1"
}
# The processes of a name in this lab.
lab_pids() {
	for p in /proc/[0-9]*; do
		[ "$(readlink $p/ns/mnt 2>/dev/null)" = "$lab_mine" ] && [ "$(cat $p/comm 2>/dev/null)" = "$1" ] && echo "${p#/proc/}"
	done
	return 0
}
rules() { at router nft list table inet dotsch 2>/dev/null | grep -c 'counter name "m'; }

# The router's agent.
kill -KILL $chain_serverd_pid
wait $chain_serverd_pid 2>/dev/null
still_blocked 'dotsch-serverd is killed: the block stands'
no_block() { [ -z "$(lab_pids dotsch-block)" ]; }
lab_wait 10 no_block
ok $? 'its pipeline ends with it'
still_blocked 'and the block still stands'
: >$LAB/client.out
: >$LAB/router.status
chain_serverd
lab_line 30 $LAB/client.out '"event":"up"'
ok $? 'started again, it calls home, and is let in'
lab_line 10 $LAB/router.status '"status":"attack-successfully-mitigated"'
ok $? 'it knows the mitigation, and dotsch-block has taken the rule over'
is "$(rules)" 1 'one rule, not two'
still_blocked 'and the block stands'

# A filter of the pipeline.
: >$LAB/router.status
for p in $(lab_pids dotsch-block); do kill -KILL $p; done
still_blocked 'dotsch-block is killed: the block stands'
lab_line 20 $LAB/router.status '"status":"attack-successfully-mitigated"'
ok $? 'the pipeline is started again, and takes the rule over'
is "$(rules)" 1 'one rule, not two'

# The provider's agent.
kill -KILL $chain_client_pid
wait $chain_client_pid 2>/dev/null
still_blocked 'dotsch-client is killed: the block stands'
: >$LAB/client.out
: >$LAB/serverd.out
chain_client
lab_line 10 $LAB/client.out '"event":"listening"'
ok $? 'it starts again'
# The router finds out by itself, at the latest when its heartbeats stay without an answer; told to start again it need not wait so long.
lab_line 5 $LAB/client.out '"event":"up"' || {
	kill -TERM $chain_serverd_pid
	wait $chain_serverd_pid
	chain_serverd
}
lab_line 30 $LAB/client.out '"event":"up"'
ok $? 'the router is back'
still_blocked 'and the block stands'
form_since=$(form_lines)
printf '{"type":"query","to":"cpe-0001"}\n' >&8
lab_line 10 $LAB/client.out '"method":"GET","resource":"mitigate".*"code":"2[.]05".*"mid":[0-9]+'
ok $? 'asked, the router names the request that it still serves'
printf '{"type":"withdraw","ref":"%s"}\n' "$(chain_field ref $LAB/detect)" >&8
lab_wait 15 form_flood $form_since 20
ok $? 'the client still knows its request by ref: withdrawn, the flood is back'
is "$(rules)" 0 'and no rule is left'
kill -TERM $flood_pid $talk_pid
lab_line 5 $LAB/talk lost_percent
is "$(chain_field lost $LAB/talk)" 0 'the innocent host lost nothing through all of it'
[ "$tap_failed" -eq 0 ] || chain_complain
done_testing
