#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Behind a masquerading router: established flows of one host are cut, its neighbour's go on; the external tuple stands in for a host that is not known.
set -u
. "${top_srcdir:-.}/tests/tap.sh"
. "${top_srcdir:-.}/tests/system/lab.sh"
. "${top_srcdir:-.}/tests/system/block-lab.sh"
lab_enter "$0" "$@" || skip_all 'no network namespaces can be made here'
LAB_HOSTS='bad good router provider victim'
lab_up || bail_out 'the lab does not come up'

cat >$LAB/echo.pl <<'PERL'
use IO::Socket::IP; use IO::Select; $| = 1;
my ($addr, $port) = @ARGV;
my $tcp = IO::Socket::IP->new(LocalHost => $addr, LocalPort => $port, Listen => 9, ReuseAddr => 1, Proto => 'tcp') or die;
my $udp = IO::Socket::IP->new(LocalHost => $addr, LocalPort => $port, Proto => 'udp') or die;
my $s = IO::Select->new($tcp, $udp); print "ready\n";
while (my @r = $s->can_read) { for my $f (@r) {
	if ($f == $tcp) { $s->add(scalar $tcp->accept) }
	elsif ($f == $udp) { my $from = recv($udp, my $b, 2000, 0); send($udp, $b, 0, $from) if defined $from }
	else { if (sysread($f, my $b, 2000)) { syswrite($f, $b) } else { $s->remove($f); close $f } }
} }
PERL
# One flow: a line on stdin makes it say something to the victim; "yes" when the echo comes within 300 ms.
cat >$LAB/talk.pl <<'PERL'
use IO::Socket::IP; use IO::Select; $| = 1;
my ($proto, $addr, $port, $from) = @ARGV;
my $c = IO::Socket::IP->new(PeerHost => $addr, PeerPort => $port, Proto => $proto, ($from ? (LocalPort => $from) : ())) or die;
print "ready\n";
while (<STDIN>) {
	my $n = ++$i . "\n"; syswrite($c, $n); my $got = "";
	while ($got !~ /^\Q$n\E/m && IO::Select->new($c)->can_read(0.3)) { my $b; sysread($c, $b, 2000) or last; $got .= $b }
	print $got =~ /^\Q$n\E/m ? "yes\n" : "no\n";
}
PERL
at victim perl $LAB/echo.pl 203.0.113.9 443 >$LAB/echo &
at victim perl $LAB/echo.pl 2001:db8:c000::9 443 >$LAB/echo6 &
lab_line 5 $LAB/echo ready && lab_line 5 $LAB/echo6 ready || bail_out 'no echo'
# flow NAME HOST PROTOCOL TARGET SOURCE-PORT DESCRIPTOR
flow() {
	mkfifo "$LAB/$1.in"
	at "$2" perl $LAB/talk.pl "$3" "$4" 443 "$5" <"$LAB/$1.in" >"$LAB/$1.out" &
	eval "exec $6>\"$LAB/$1.in\""
	lab_line 5 "$LAB/$1.out" ready
}
said() { [ "$(wc -l <"$LAB/$1.out")" -gt "$flow_lines" ]; }
# talks NAME DESCRIPTOR: yes or no
talks() {
	flow_lines=$(wc -l <"$LAB/$1.out")
	eval "echo >&$2"
	wait_for 5 said "$1"
	tail -n 1 "$LAB/$1.out"
}
flow badtcp bad tcp 203.0.113.9 '' 3
flow badudp bad udp 203.0.113.9 40000 4
flow goodtcp good tcp 203.0.113.9 '' 5
flow goodudp good udp 203.0.113.9 40000 6
flow badtcp6 bad tcp 2001:db8:c000::9 '' 8
for f in 'badtcp 3' 'badudp 4' 'goodtcp 5' 'goodudp 6' 'badtcp6 8'; do
	# shellcheck disable=SC2086 # two words
	is "$(talks $f)" yes "before: ${f% *}"
done
block_start || bail_out "dotsch-block does not start: $(cat $LAB/log)"

to='"target-prefix":["203.0.113.9/32"]'
from='"ietf-dots-call-home:source-prefix":["100.64.8.21/32"]'
port='"ietf-dots-call-home:source-port-range":[{"lower-port":5}]'
request 1 "$to,$from,$port,\"lifetime\":600" '"hosts":[{"address":"192.168.1.66"}],"certainty":"exact"'
is "$(talks badtcp 3)" no 'CH-39 the host is known: its established TCP is cut'
is "$(talks badudp 4)" no 'CH-39 its UDP too'
is "$(talks goodtcp 5)" yes 'CH-39 the neighbour talks on, TCP'
is "$(talks goodudp 6)" yes 'CH-39 the neighbour talks on, UDP'
withdraw 1
is "$(talks badudp 4)" yes 'withdrawn'

# The external tuple: the port the router translates to, random, and in an established mapping.
external() { at router sed -n "s/.*udp.*src=192.168.1.$1 dst=203.0.113.9 sport=40000 .* dport=\([0-9]*\) .*/\1/p" /proc/net/nf_conntrack | head -n 1; }
bad=$(external 66) good=$(external 10)
[ -n "$bad" ] && [ "$bad" != "$good" ] || bail_out 'no mapping'
request 2 "$to,$from,\"target-protocol\":[17],\"ietf-dots-call-home:source-port-range\":[{\"lower-port\":$bad}],\"lifetime\":600" '"hosts":[]'
is "$(talks badudp 4)" no 'the external tuple is cut behind the translation'
is "$(talks goodudp 6)" yes 'the other tuple is not'
is "$(talks goodtcp 5)" yes 'nor the other protocol'
counted() { at router nft list counter inet dotsch m2 | grep -q 'packets [1-9]'; }
wait_for 5 counted
ok $? 'it has dropped'
is "$(grep -c '"mid":2,.*"status":"attack-successfully-mitigated"' $LAB/out)" 0 'and yet the status stays in progress'
at router perl $LAB/talk.pl udp 203.0.113.9 443 "$bad" <<-IN >$LAB/own.out
	x
IN
is "$(tail -n 1 $LAB/own.out)" yes 'the router itself may use that port'
withdraw 2
is "$(talks badudp 4)" yes 'withdrawn'

# No map in the pipe, but a translation: the request's addresses exist behind it only.
request 3 "$to,$from,\"target-protocol\":[17],\"lifetime\":600"
is "$(talks goodudp 6)" no 'without a map, the request is taken as it is, behind the translation'
withdraw 3

mac=$(at bad ip -o link show eth0 | sed -n 's/.*link\/ether \([0-9a-f:]*\) .*/\1/p')
request 4 "\"target-prefix\":[\"2001:db8:c000::9/128\"],\"ietf-dots-call-home:source-prefix\":[\"2001:db8:123::66/128\"],\"lifetime\":600" \
	"\"hosts\":[{\"address\":\"2001:db8:123::66\",\"mac\":\"$mac\"}],\"certainty\":\"exact\""
is "$(talks badtcp6 8)" no 'IPv6: established TCP is cut'
lab_ip bad 'address add 2001:db8:123::6666/64 dev eth0' 'address del 2001:db8:123::66/64 dev eth0'
flow badudp6 bad udp 2001:db8:c000::9 '' 9
is "$(talks badudp6 9)" no 'IPv6: and so is the device under another address'
withdraw 4
is "$(talks badudp6 9)" yes 'withdrawn'
# Flows that pass the filter by are cut at their conntrack entries. This kernel may have no flowtables, so that here any flow is.
is "$(talks badudp 4)" yes 'a flow'
tracked() { at router grep -c 'udp.*src=192.168.1.66 dst=203.0.113.9 sport=40000 ' /proc/net/nf_conntrack; }
is "$(tracked)" 1 'is tracked'
at router "${top_builddir:-.}/tests/system/block-flows" 203.0.113.9 >$LAB/flows
ok $? 'the flows are found'
like "$(cat $LAB/flows)" '^192.168.1.66 40000 100.64.8.21 17 plain$' 'inside and outside'
is "$(tracked)" 0 'and cut'
exec 3>&- 4>&- 5>&- 6>&- 8>&- 9>&-
block_stop
done_testing
