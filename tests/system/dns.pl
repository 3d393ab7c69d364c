# SPDX-License-Identifier: GPL-3.0-or-later
# dns.pl ADDRESS PORT UDP-TARGET TCP-TARGET - a name server of one domain: SRV records of _dots-call-home._udp and ._tcp with PORT ("-": none), and every other
# name is ADDRESS. Prints "ready", and each question.
use strict;
use warnings;
use IO::Socket::INET;

my ($address, $port, %target) = ($ARGV[0], $ARGV[1], _udp => $ARGV[2], _tcp => $ARGV[3]);
my $socket = IO::Socket::INET->new(LocalAddr => $address, LocalPort => 53, Proto => 'udp') or die "dns.pl: $address: $!\n";
$| = 1;
print "ready\n";
while (defined(my $from = $socket->recv(my $query, 512))) {
	next if length $query < 17;
	my ($at, @labels) = (12);
	while ((my $len = unpack "x$at C", $query) && $at < length($query) - 5) {
		push @labels, substr $query, $at + 1, $len;
		$at += $len + 1;
	}
	my $type = unpack "x" . ($at + 1) . " n", $query;
	my $data = '';
	if ($type == 33 && $labels[0] eq '_dots-call-home') {
		my $name = $target{$labels[1]} // '-';
		$data = pack('n3', 0, 0, $port) . join('', map { pack 'C/a*', $_ } split /\./, $name) . "\0" if $name ne '-';
	} elsif ($type == 1) {
		$data = pack 'C4', split /\./, $address;
	}
	my $answers = $data eq '' ? 0 : 1;
	my $reply = substr($query, 0, 2) . pack('n5', 0x8580, 1, $answers, 0, 0) . substr($query, 12, $at + 5 - 12);
	$reply .= pack('n3 N n/a*', 0xc00c, $type, 1, 1, $data) if $answers;
	$socket->send($reply, 0, $from);
	print join('.', @labels), " $type\n";
}
