#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The integrations in contrib/: what their READMEs show runs, and what they write dotsch-client takes.
# shellcheck disable=SC2317
set -u
. "${top_srcdir:-.}/tests/tap.sh"
. "${top_srcdir:-.}/tests/system/lab.sh"
. "${top_srcdir:-.}/tests/system/chain.sh"
for tool in jq curl python3; do command -v $tool >/dev/null || skip_all "$tool is not installed"; done
lab_enter "$0" "$@" || skip_all 'no network namespaces can be made here'
contrib=$(cd "${top_srcdir:-.}/contrib" && pwd)
chain_path "$(cd "${top_builddir:-.}" && pwd)"
for folder in fastnetmon flowspec suricata nfdump blocklist prometheus notify restconf; do PATH=$contrib/$folder:$PATH; done
lab_up || bail_out 'no lab'

# The examples of a README that begin with one of our scripts and ask for nothing from outside, as written: their lines go on standard output.
example() { awk -v n="$2" '/^```sh/ { in_ = 1; next } /^```/ { in_ = 0 } in_ && /</ && !/\|/ && !/^dotsch/ && ++found == n' "$contrib/$1/README.md"; }
run_example() { (cd "$contrib/$1" && sh -c "$(example "$1" "$2")"); }
scopes() { jq -c '."ietf-dots-signal-channel:mitigation-scope".scope[0]'; }

# A provider that nobody has called yet: what it takes waits, what it refuses is an error line.
(umask 077 && echo '{"name":"cpe-0001","psk-identity":"cpe-0001","psk-key":"'$CHAIN_PSK'","domain":["100.64.8.0/24","2001:db8:123::/48"]}' >$LAB/peers.jsonl)
echo "listen { address = {\"100.64.8.1\"} } peers-file = \"$LAB/peers.jsonl\" state = \"$LAB/client.db\"" >$LAB/client.conf
chain_client -s $LAB/client.sock
lab_line 10 $LAB/client.out '"event":"listening"' || bail_out 'dotsch-client does not start'
# taken NUMBER NAME: the lines on standard input are so many requests, and none is refused.
taken() {
	dotsch-client -s $LAB/client.sock --json >$LAB/taken.json 2>$LAB/taken.err &
	cat >$LAB/taken.in
	dotsch-client -s $LAB/client.sock --json pending >/dev/null
	before=$(grep -c '"status":"waiting"' $LAB/client.out)
	cat $LAB/taken.in >$LAB/commands
	want=$1
	waiting() { [ $(($(grep -c '"status":"waiting"' $LAB/client.out) - before)) -ge "$want" ]; }
	lab_wait 10 waiting
	ok $? "$2: dotsch-client takes $1"
	ref=$(jq -r '.ref' <$LAB/taken.in | head -n 1)
	is "$(grep '"type":"error"' $LAB/client.out | grep -cF "$ref")" 0 "$2: and refuses none"
}

# FastNetMon: as recorded from the program, with its connection tracking.
run_example fastnetmon 1 >$LAB/lines
is "$(scopes <$LAB/lines | jq -c '[."target-prefix", ."target-protocol", ."target-port-range", ."ietf-dots-call-home:source-prefix", (."ietf-dots-call-home:source-port-range" | length)]')" \
	'[["203.0.113.9/32"],[17],[{"lower-port":443}],["100.64.8.21/32"],8]' 'FastNetMon: a ban is a request'
taken 1 FastNetMon <$LAB/lines
is "$(run_example fastnetmon 2 | jq -r '.type + " " + .ref')" "withdraw $(jq -r .ref <$LAB/lines)" 'FastNetMon: the end of the ban is its withdrawal'
is "$(DOTSCH_SINK="cat" fastnetmon-notify 100.64.8.21 incoming 1370 ban <"$contrib/fastnetmon/sample.txt")" '' 'FastNetMon: what comes in is passed over'
like "$(DOTSCH_SINK="cat" fastnetmon-notify 100.64.8.99 outgoing 1 ban <"$contrib/fastnetmon/sample.txt" 2>&1)" 'no flow of 100.64.8.99' 'FastNetMon: no flows, no request'
fastnetmon-notify '100.64.8.21;id' outgoing 1 ban </dev/null 2>/dev/null
is $? 100 'FastNetMon: what is no address is refused'

# FlowSpec: as recorded from ExaBGP and GoBGP; both name a rule alike.
run_example flowspec 1 >$LAB/exabgp 2>$LAB/exabgp.err
run_example flowspec 2 >$LAB/gobgp 2>$LAB/gobgp.err
is "$(jq -r .type <$LAB/exabgp | sort | uniq -c | xargs)" '4 mitigate 3 withdraw' 'ExaBGP: rules, one withdrawn, and the session down'
is "$(jq -r .type <$LAB/gobgp | sort | uniq -c | xargs)" '4 mitigate 1 withdraw' 'GoBGP: rules, one withdrawn'
is "$(scopes <$LAB/gobgp | head -n 4)" "$(scopes <$LAB/exabgp | head -n 4)" 'FlowSpec: both tell the same requests'
is "$(jq -r .ref <$LAB/gobgp | head -n 4)" "$(jq -r .ref <$LAB/exabgp | head -n 4)" 'FlowSpec: under the same references'
is "$(scopes <$LAB/exabgp | head -n 1)" '{"target-prefix":["203.0.113.9/32"],"target-port-range":[{"lower-port":443}],"target-protocol":[17],"lifetime":3600,"ietf-dots-call-home:source-prefix":["100.64.8.21/32"],"ietf-dots-call-home:source-port-range":[{"lower-port":5000,"upper-port":5010}]}' 'FlowSpec: ports between two bounds'
is "$(jq -c '.part // empty' <$LAB/exabgp | xargs)" '[1,2] [2,2]' 'FlowSpec: the port of either end is two requests'
like "$(cat $LAB/exabgp.err)" '203.0.113.10/32 .*needs a source and a target: not asked for' 'FlowSpec: what cannot be said is told'
grep mitigate $LAB/gobgp >$LAB/lines
taken 4 FlowSpec <$LAB/lines
# rule MEMBERS: of one ExaBGP rule, its request's or its refusal's text.
rule() {
	printf '{"type":"update","neighbor":{"message":{"update":{"attribute":{"extended-community":[{"string":"%s"}]},"announce":{"ipv4 flow":{"no-nexthop":[{"destination-ipv4":["203.0.113.9/32"],"source-ipv4":["100.64.8.1/32"],%s}]}}}}}}\n' "${2:-rate-limit:0}" "$1" |
		flowspec-lines exabgp 2>&1
}
is "$(rule '"destination-port":[">=1000&<=2000&!=1500",">60000"]' | scopes | jq -c '."target-port-range"')" \
	'[{"lower-port":1000,"upper-port":1499},{"lower-port":1501,"upper-port":2000},{"lower-port":60001,"upper-port":65535}]' 'FlowSpec: comparisons'
is "$(rule '"protocol":["=icmp"],"icmp-type":["=echo-request","=3"]' | scopes | jq -c '."ietf-dots-call-home:source-icmp-type-range"')" '[{"lower-type":3},{"lower-type":8}]' 'FlowSpec: ICMP types'
like "$(rule '"tcp-flags":["=syn"]')" 'tcp-flags cannot be said' 'FlowSpec: TCP flags would block more without them'
like "$(rule '"source-port":["<5&>9"]')" 'matches nothing' 'FlowSpec: an empty range'
like "$(rule '"source-port":["=5"]' rate-limit:9600)" 'its action is rate-limit:9600' 'FlowSpec: a limit is no drop'
flowspec-lines exabgp --lifetime 0 </dev/null 2>$LAB/err
is "$?" 100 'FlowSpec: a lifetime of nothing'

# Suricata.
run_example suricata 1 >$LAB/lines
is "$(jq -r '[.ref, ."attack-time"] | join(" ")' <$LAB/lines)" 'suricata 2001219 100.64.8.21 203.0.113.9 2026-11-25T22:10:21.417Z
suricata 2027758 2001:db8:123::66 2001:db8:c000::9 2026-11-25T22:11:00.000Z
suricata 2001219 100.64.8.21 203.0.113.9 2026-11-25T22:30:00.000Z' 'Suricata: alerts, not their repetitions, and not a line that is cut short'
is "$(eve-lines <"$contrib/suricata/eve.json" | jq -r .ref)" 'suricata 2027758 2001:db8:123::66 2001:db8:c000::9' 'Suricata: by severity'
taken 3 Suricata <$LAB/lines

# nfdump: flows of a flood from ever new ports and a conversation, as NetFlow version 5 to the real collector.
if command -v nfcapd >/dev/null && command -v nfdump >/dev/null; then
	mkdir $LAB/flows
	nsenter --net=/run/netns/provider -- nfcapd -w $LAB/flows -p 9995 -b 127.0.0.1 -t 60 >$LAB/nfcapd.log 2>&1 &
	collector=$!
	lab_line 10 $LAB/nfcapd.log Startup
	at provider python3 - <<-'PY'
		import socket, struct, time
		out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		uptime, now, sequence = 100000, int(time.time()), 0
		def flow(source, target, sport, dport, packets, first, last):
		    return struct.pack("!4s4s4sHHIIIIHHBBBBHHBBH", socket.inet_aton(source), socket.inet_aton(target), b"\0" * 4, 0, 0, packets, packets * 228,
		                       first, last, sport, dport, 0, 0, 17, 0, 0, 0, 0, 0, 0)
		flows = [flow("100.64.8.21", "203.0.113.9", 1024 + i, 443, 2, 90000 + i, 90000 + i) for i in range(6000)]
		flows += [flow("100.64.8.21", "203.0.113.9", 40000, 443, 50, 90000, 95000), flow("203.0.113.9", "100.64.8.21", 443, 40000, 9000, 90000, 92000)]
		flows += [flow("100.64.8.22", "203.0.113.10", 7000, 53, 9000, 90000, 93000)]
		while flows:
		    some, flows = flows[:30], flows[30:]
		    out.sendto(struct.pack("!HHIIIIBBH", 5, len(some), uptime, now, 0, sequence, 0, 0, 0) + b"".join(some), ("127.0.0.1", 9995))
		    sequence += len(some)
		    time.sleep(0.001)
	PY
	kill -TERM $collector
	wait $collector
	file=$(find $LAB/flows -name 'nfcapd.2*' | head -n 1)
	flow-lines --from 100.64.0.0/10 "$file" >$LAB/lines
	is "$(jq -r .ref <$LAB/lines | sort)" 'flow 100.64.8.21 203.0.113.9 17 443
flow 100.64.8.22 203.0.113.10 17 53' 'nfdump: two floods, and not what comes from elsewhere'
	is "$(grep 'flow 100.64.8.22' $LAB/lines | scopes | jq -c '."ietf-dots-call-home:source-port-range"')" '[{"lower-port":7000}]' 'nfdump: the one port of it'
	is "$(grep 'flow 100.64.8.21' $LAB/lines | scopes | jq -c '[."ietf-dots-call-home:source-port-range"[]."lower-port"] | [length, index(40000)]')" '[8,null]' \
		'nfdump: some of ever new ports, and not the conversation'
	is "$(flow-lines --from 100.64.8.22 --pps 5000 "$file")" '' 'nfdump: below the threshold'
	taken 2 nfdump <$LAB/lines
else
	ok 0 'nfdump # SKIP nfdump is not installed'
fi
flow-lines --from '1; id' /dev/null 2>/dev/null
is $? 100 'nfdump: what is no prefix is refused'

# Block lists.
printf '%s\n' '# controllers' '192.0.2.1 first seen yesterday' '198.51.100.0/24 ; all of it' '2001:DB8:bad::/48' >$LAB/list
blocklist-lines --source 100.64.8.21,2001:db8:123::/48 --to cpe-0001 --state $LAB/list.state $LAB/list >$LAB/lines
is "$(scopes <$LAB/lines | jq -c '[."target-prefix", ."ietf-dots-call-home:source-prefix"]')" '[["192.0.2.1/32","198.51.100.0/24"],["100.64.8.21/32"]]
[["2001:db8:bad::/48"],["2001:db8:123::/48"]]' 'block list: a request for each family'
taken 2 'block list' <$LAB/lines
is "$(blocklist-lines --source 100.64.8.21 --state $LAB/none/state $LAB/list 2>&1)" \
	"blocklist-lines: --state $LAB/none/state: $LAB/none is no folder that can be written to" 'block list: a state that cannot be kept is told before anything is asked for'
echo 203.0.113.7 >>$LAB/list
blocklist-lines --source 100.64.8.21,2001:db8:123::/48 --to cpe-0001 --state $LAB/list.state $LAB/list >$LAB/again
is "$(jq -r '.type' <$LAB/again | xargs)" 'mitigate mitigate withdraw' 'block list: a change withdraws what it replaces, at the end'
is "$(tail -n 1 $LAB/again | jq -r .ref)" "$(head -n 1 $LAB/lines | jq -r .ref)" 'block list: and only that'
is "$(tail -n 2 $LAB/again | head -n 1 | jq -r .ref)" "$(tail -n 1 $LAB/lines | jq -r .ref)" 'block list: what has not changed is renewed under its name'
echo 0.0.0.0/0 >>$LAB/list
is "$(blocklist-lines --source 100.64.8.21 $LAB/list 2>&1)" "blocklist-lines: $LAB/list:6: \"0.0.0.0/0\" is no address, and no prefix of at least /8" 'block list: the whole Internet is refused, with its place'
awk 'BEGIN { for (i = 0; i < 2000; i++) printf "198.51.%d.%d\n", 100 + i / 250, i % 250 }' >$LAB/many
blocklist-lines --local --source 192.168.1.0/24 $LAB/many >$LAB/lines
is "$(scopes <$LAB/lines | jq '."target-prefix" | length' | awk '{ n += $1; if ($1 > 64) big++ } END { print n, big + 0 }')" '2000 0' 'block list: a long one in parts'
at router dotsch-block --table blocklist --hook forward <$LAB/lines >$LAB/block.out 2>$LAB/block.err
is "$(grep -c '"status":"attack-mitigation-in-progress"' $LAB/block.out)" "$(grep -c . $LAB/lines)" 'block list: a router alone puts them into a table of its own'

# Prometheus: a provider and a router at work.
kill -TERM $chain_client_pid
wait $chain_client_pid
exec 8<&-
rm $LAB/client.out $LAB/client.db*
chain_config udp psk && chain_client -s $LAB/client.sock && lab_line 10 $LAB/client.out listening
cat >$LAB/note <<-N
	cat >>$LAB/notified
N
chain_serverd -s $LAB/serverd.sock --notify "sh $LAB/note" && chain_up 10 || bail_out 'the router does not call home'
run_example fastnetmon 1 >$LAB/commands
lab_line 10 $LAB/client.out '"code":"2.01"' || chain_complain
shown() { dotsch-serverd -s $LAB/serverd.sock --json show | grep -q '"state"'; }
lab_wait 10 shown
at router "$contrib/prometheus/dotsch-textfile" --client $LAB/client.sock --serverd $LAB/serverd.sock --block $LAB/dotsch.prom
is $? 0 'Prometheus: metrics'
is "$(grep -vE '^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+([{]([a-z]+="[^"]*",?)+[}])? [0-9]+)$' $LAB/dotsch.prom)" '' 'Prometheus: every line is of the exposition format'
for want in 'dotsch_up{program="dotsch-client"} 1' 'dotsch_up{program="dotsch-serverd"} 1' 'dotsch_up{program="dotsch-block"} 1' 'dotsch_client_connected 1' \
	'dotsch_serverd_session_up{peer="isp"} 1'; do
	grep -qxF "$want" $LAB/dotsch.prom
	ok $? "Prometheus: $want"
done
like "$(cat $LAB/dotsch.prom)" '^dotsch_serverd_mitigations[{]peer="isp",state="(active|held)",status="[a-z-]+"[}] 1$' 'Prometheus: the mitigation'
is "$(dotsch-textfile --serverd $LAB/nobody.sock | grep '^dotsch_up')" 'dotsch_up{program="dotsch-serverd"} 0' 'Prometheus: what does not answer is down'

# Cron's PATH has no sbin, where a package has both programs.
if mount -t tmpfs sbin /usr/local/sbin 2>/dev/null; then
	ln -s "$(command -v dotsch-serverd)" "$(command -v dotsch-block)" /usr/local/sbin
	is "$(PATH=/usr/bin:/bin at router "$contrib/prometheus/dotsch-textfile" --serverd $LAB/serverd.sock --block | grep '^dotsch_up' | xargs)" \
		'dotsch_up{program=dotsch-serverd} 1 dotsch_up{program=dotsch-block} 1' 'Prometheus: by cron'
	umount /usr/local/sbin
fi

# Telling the owner: the sample, and what the router has really told.
lab_line 10 $LAB/notified '"type":"mitigation"'
cat >$LAB/sendmail <<-'S'
	#!/bin/sh
	printf 'to %s\n' "$*"
	cat
S
chmod +x $LAB/sendmail
is "$(SENDMAIL=$LAB/sendmail run_example notify 1)" 'to -i -- owner@home.example
To: owner@home.example
Subject: dotsch: isp asks to block 100.64.8.21/32 towards 203.0.113.9/32 port 443: pending
Content-Type: text/plain; charset=utf-8
Auto-Submitted: auto-generated

isp asks to block 100.64.8.21/32 towards 203.0.113.9/32 port 443: pending

The device is camera 192.168.1.66 c6:34:1c:4e:4f:bb. It waits for you: accept isp/7 or reject isp/7, with dotsch-serverd -s.' 'mail: what waits for the owner'
is "$(printf '%s\n' '{"type":"session","event":"up","peer":"isp"}' | SENDMAIL=$LAB/sendmail to-mail owner@home.example)" '' 'mail: and nothing else'
like "$(SENDMAIL=$LAB/sendmail to-mail --all owner@home.example <$LAB/notified)" 'session with isp: up' 'mail: with --all every event'
is "$(printf '%s\n' '{"type":"session","event":"up\nBcc: x@example","peer":"isp"}' | SENDMAIL=$LAB/sendmail to-mail --all owner@home.example | grep -c '^Bcc')" 0 'mail: a header is one line'
to-mail -bs 2>/dev/null
is $? 100 'mail: no options for sendmail'
like "$(LOGGER="echo" to-syslog <"$contrib/notify/event.json")" '^-t dotsch -p daemon.warning -- isp asks to block' 'syslog: what waits is a warning'
like "$(LOGGER="echo" to-syslog <$LAB/notified)" 'daemon.notice -- session with isp: up' 'syslog: events of a router'

is "$(sed -n 's/ --notify [^ ]*//; s/^ExecStart=\//\//p' "$contrib/notify/README.md")" "$(sed -n 's/^ExecStart=//p' "$contrib/../debian/dotsch-serverd.service")" \
	"notify: the service's own command line, with one option more"
# A web server for the webhook and the table: GET serves $LAB/web, POST keeps what comes.
mkdir $LAB/web
cat >$LAB/web.py <<-'PY'
	import http.server, os, sys
	os.chdir(sys.argv[1] + "/web")
	class Handler(http.server.SimpleHTTPRequestHandler):
	    def do_POST(self):
	        with open(sys.argv[1] + "/posted", "ab") as f:
	            f.write(self.rfile.read(int(self.headers["Content-Length"])) + b"\n")
	        self.send_response(200)
	        self.end_headers()
	server = http.server.HTTPServer(("127.0.0.1", 8080), Handler)
	print("ready", flush=True)
	server.serve_forever()
PY
nsenter --net=/run/netns/provider -- python3 $LAB/web.py $LAB >$LAB/web.out 2>/dev/null &
lab_line 10 $LAB/web.out ready || bail_out 'no web server'
at provider "$contrib/notify/to-webhook" http://127.0.0.1:8080/hook <"$contrib/notify/event.json"
is "$(jq -r '.text[:13] + " " + .event.type' <$LAB/posted)" 'isp asks to b mitigation' 'webhook: text and event'
at provider "$contrib/notify/to-webhook" http://127.0.0.1:8081/hook --retry 0 <"$contrib/notify/event.json" 2>/dev/null
is $? 7 'webhook: nobody there is a failure'

cp "${top_srcdir:-.}/tests/golden/map-nat.json" $LAB/web/nat
at provider "$contrib/restconf/fetch-nat" http://127.0.0.1:8080/nat $LAB/cgn.snapshot 2>$LAB/err
is $? 0 'RESTCONF: a table becomes a snapshot'
sum=$(cksum <$LAB/cgn.snapshot)
is "$(stat -c %a $LAB/cgn.snapshot)" 600 'RESTCONF: which nobody else reads'
head -c 300 "${top_srcdir:-.}/tests/golden/map-nat.json" >$LAB/web/nat
at provider "$contrib/restconf/fetch-nat" http://127.0.0.1:8080/nat $LAB/cgn.snapshot 2>$LAB/err
is "$? $(cksum <$LAB/cgn.snapshot)" "1 $sum" 'RESTCONF: one that is cut short leaves the old one'
at provider "$contrib/restconf/fetch-nat" http://127.0.0.1:8080/none $LAB/cgn.snapshot 2>$LAB/err
is "$? $(cksum <$LAB/cgn.snapshot)" "1 $sum" 'RESTCONF: and so does an error of the server'
like "$(cat $LAB/err)" 'the old snapshot stays' 'RESTCONF: which is said'
is "$(find $LAB -name '.fetch-nat*')" '' 'RESTCONF: nothing unfinished stays behind'
done_testing
